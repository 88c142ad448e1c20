package pj.interop;

import java.nio.file.Path;
import java.nio.file.Paths;

/**
 * The real OpenAPI client and real workers against pj-serverd: Main HTTP REMOTE PASSWORD OTHER-PASSWORD DIR. Prints TAP. `run`
 * has started the server, the workers A and B of the app `default`, and C of the app `other`.
 */
public final class Main {
    public static void main(String[] args) throws Exception {
        boolean slow = System.getenv("INTEROP_LONG") != null;
        Path dir = Paths.get(args[4]);
        Site site = new Site(args[0], "default", args[2], dir);
        Site other = new Site(args[0], "other", args[3], dir);
        LossTest loss = new LossTest(site, slow, new Relay(args[0], args[1]), System.getenv("PJ_PORT_D"));
        Tap tap = new Tap();

        new FleetTest(site, slow).add(tap);
        new CallsTest(site, other).add(tap);
        new OfficialTest(site, slow).add(tap);
        new AppTest(other, site, System.getenv("PJ_PORT_C")).add(tap);
        loss.add(tap);
        loss.crash();
        tap.runBatch();
        if (slow) {
            loss.addLong(tap);
            tap.runBatch();
        }
        System.exit(tap.end() ? 0 : 1);
    }

    private Main() {
    }
}

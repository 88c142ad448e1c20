package pj.interop;

import static pj.interop.Check.equal;
import static pj.interop.Check.until;

import java.util.Arrays;
import java.util.Collections;
import tech.powerjob.common.enums.ExecuteType;
import tech.powerjob.common.request.http.SaveJobInfoRequest;

/** A second app with one worker, C, which leaves and comes back. */
final class AppTest {
    private final Site s;
    private final Site first;
    private final String port;

    AppTest(Site secondApp, Site firstApp, String portOfC) {
        s = secondApp;
        first = firstApp;
        port = portOfC;
    }

    void add(Tap tap) {
        tap.test("two apps: jobs go to their own app's workers only; a worker leaves and comes back", this::run);
    }

    private void run() throws Exception {
        until(() -> s.knows("PJ_PORT_C"), 90, "worker C is listed");
        SaveJobInfoRequest r = first.witnessed("app-first", "Witness", ExecuteType.STANDALONE);
        r.setDesignatedWorkers("127.0.0.1:" + port);
        long notC = first.start(r);
        for (int k = 0; k < 3; k++) {
            s.ends(Site.SUCCEED, s.start(s.witnessed("app", "Witness", ExecuteType.STANDALONE)), 30, "of the second app");
        }
        equal(Arrays.asList("C", "C", "C"), s.column("app", 0), "workers");
        r = s.witnessed("left", "Patient", ExecuteType.STANDALONE);
        r.setInstanceRetryNum(1);
        long running = s.start(r, "600000,10");
        long failing = s.start(s.witnessed("left-failing", "Patient", ExecuteType.STANDALONE), "600000,10");
        until(() -> s.status(running) == Site.RUNNING && s.status(failing) == Site.RUNNING, 40, "they run");
        leave(running, failing);
        first.ends(Site.FAILED, notC, 60, "the first app has no such worker");
        equal("no worker available", first.result(notC), "result");
    }

    private void leave(long running, long failing) throws Exception {
        long unheard = s.start(s.witnessed("left-unheard", "Patient", ExecuteType.STANDALONE), "600000,10");

        until(() -> s.lines("left-unheard").size() == 1, 30, "it runs, and the server has not heard of it");
        s.signal("C", "TERM");
        long waiting = s.start(s.witnessed("left-waiting", "Witness", ExecuteType.STANDALONE));
        Thread.sleep(1000);
        equal(Collections.emptyList(), s.lines("left-waiting"), "no worker of another app ran it");
        s.startWorker("C", s.http, port, "");
        long broadcast = s.start(s.witnessed("app-broadcast", "Everywhere", ExecuteType.BROADCAST));
        s.ends(Site.SUCCEED, waiting, 60, "what waited for the worker");
        equal(Collections.singletonList("C"), s.column("left-waiting", 0), "worker");
        equal(1L, s.info(waiting).getRunningTimes(), "runningTimes");
        s.ends(Site.FAILED, failing, 80, "what it ran when it left");
        equal("worker report timeout, maybe TaskTracker down", s.result(failing), "result");
        s.ends(Site.SUCCEED, running, 80, "what is retried");
        equal(2L, s.info(running).getRunningTimes(), "runningTimes");
        s.ends(Site.SUCCEED, unheard, 80, "a dispatch that no report followed is sent again");
        equal(1L, s.info(unheard).getRunningTimes(), "its runningTimes");
        s.ends(Site.SUCCEED, broadcast, 60, "broadcast");
        equal("post 1", s.result(broadcast), "result");
        equal(Collections.singletonList("C"), s.column("app-broadcast", 0), "workers of the broadcast");
        String c = s.info(running).getTaskTrackerAddress();
        equal(Arrays.asList("lost@" + c, "succeeded@" + c), s.attempts(running), "attempts");
        equal(Arrays.asList("start", "start", "end"), s.column("left", 2), "runs");
        equal(Collections.singletonList("start"), s.column("left-failing", 2), "runs of the other");
    }
}

package pj.interop;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;

/** Runs tests, those of one batch at the same time, and prints TAP as they end. */
final class Tap {
    interface Body {
        void run() throws Exception;
    }

    private static final class Test {
        final String name;
        final Body body;

        Test(String name, Body body) {
            this.name = name;
            this.body = body;
        }
    }

    private final List<Test> batch = new ArrayList<>();
    private int number;
    private int failed;

    void test(String name, Body body) {
        batch.add(new Test(name, body));
    }

    private synchronized void report(Test t, Throwable why, long ms) {
        number++;
        if (why == null) {
            System.out.println("ok " + number + " - " + t.name);
        } else {
            failed++;
            System.out.println("not ok " + number + " - " + t.name);
            System.out.println("# " + String.valueOf(why).replace("\n", "\n# "));
            why.printStackTrace();
        }
        System.out.println("# " + ms + " ms");
    }

    private void run(Test t, CountDownLatch left) {
        long start = System.nanoTime();
        Throwable why = null;

        try {
            t.body.run();
        } catch (Throwable e) {
            why = e;
        }
        report(t, why, (System.nanoTime() - start) / 1000000);
        left.countDown();
    }

    /** Runs what was given to `test` since the last call. They wait more than they work: a thread each. */
    void runBatch() throws Exception {
        CountDownLatch left = new CountDownLatch(batch.size());

        for (Test t : batch) {
            Thread thread = new Thread(() -> run(t, left), t.name);
            thread.setDaemon(true);
            thread.start();
        }
        left.await();
        batch.clear();
    }

    /** The plan; true when nothing failed. */
    boolean end() {
        System.out.println("1.." + number);
        return failed == 0;
    }
}

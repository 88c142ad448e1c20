package pj.interop;

import java.util.Objects;
import tech.powerjob.common.response.ResultDTO;

/** What the tests assert, and how they wait. */
final class Check {
    interface Condition {
        boolean holds() throws Exception;
    }

    static void equal(Object want, Object got, String what) {
        if (!Objects.equals(want, got)) {
            throw new AssertionError(what + ": wanted <" + want + ">, got <" + got + ">");
        }
    }

    static void holds(boolean condition, String what) {
        if (!condition) {
            throw new AssertionError(what);
        }
    }

    static <T> T data(ResultDTO<T> r) {
        holds(r.isSuccess(), "not successful: " + r.getMessage());
        return r.getData();
    }

    /** A failure with exactly this text. */
    static void refused(String text, ResultDTO<?> r, String what) {
        holds(!r.isSuccess(), what + " was taken");
        equal(text, r.getMessage(), what);
        equal(null, r.getData(), what + ": data");
    }

    static void until(Condition condition, int seconds, String what) throws Exception {
        long end = System.nanoTime() + seconds * 1000000000L;

        while (!condition.holds()) {
            holds(System.nanoTime() < end, what + ": not within " + seconds + " s");
            Thread.sleep(50);
        }
    }

    private Check() {
    }
}

package pj.interop;

import java.nio.file.Files;
import java.nio.file.Paths;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import tech.powerjob.worker.core.processor.ProcessResult;
import tech.powerjob.worker.core.processor.TaskContext;
import tech.powerjob.worker.core.processor.TaskResult;
import tech.powerjob.worker.core.processor.sdk.BasicProcessor;
import tech.powerjob.worker.core.processor.sdk.BroadcastProcessor;
import tech.powerjob.worker.core.processor.sdk.MapProcessor;
import tech.powerjob.worker.core.processor.sdk.MapReduceProcessor;

/** The processors of the tests, one nested class each: `pj.interop.Procs$Echo` is its processorInfo. */
public final class Procs {
    /** Says what it got. */
    public static final class Echo implements BasicProcessor {
        @Override
        public ProcessResult process(TaskContext context) {
            context.getOmsLogger().info("echo {}", context.getInstanceParams());
            return new ProcessResult(true, "job=" + context.getJobParams() + ";instance=" + context.getInstanceParams());
        }
    }

    public static final class Fail implements BasicProcessor {
        @Override
        public ProcessResult process(TaskContext context) {
            throw new IllegalStateException("boom on purpose");
        }
    }

    /** Fails as long as it has run fewer than instanceParams times before. */
    public static final class Flaky implements BasicProcessor {
        @Override
        public ProcessResult process(TaskContext context) throws Exception {
            int before = witnessed(context, "");

            witness(context, "retry" + context.getCurrentRetryTimes());
            return before < Long.parseLong(context.getInstanceParams())
                ? new ProcessResult(false, "not yet " + before) : new ProcessResult(true, "after " + before);
        }
    }

    /** Sleeps for instanceParams ms (its nth run for the nth of a list), and writes down how that begins and ends. */
    public static final class Patient implements BasicProcessor {
        @Override
        public ProcessResult process(TaskContext context) throws Exception {
            String[] sleeps = context.getInstanceParams().split(",");
            int nth = witnessed(context, " start");

            witness(context, "start");
            try {
                Thread.sleep(Long.parseLong(sleeps[Math.min(nth, sleeps.length - 1)]));
            } catch (InterruptedException e) {
                witness(context, "interrupted");
                throw e;
            }
            witness(context, "end");
            return new ProcessResult(true, "patient");
        }
    }

    /** Sleeps for instanceParams ms. */
    public static final class Sleep implements BasicProcessor {
        @Override
        public ProcessResult process(TaskContext context) throws Exception {
            Thread.sleep(Long.parseLong(context.getInstanceParams()));
            return new ProcessResult(true, "slept");
        }
    }

    /** Appends a line to the file that jobParams names: the worker, when, and what really ran. */
    static void witness(TaskContext context, String what) throws Exception {
        String line = System.getProperty("pj.worker") + " " + System.currentTimeMillis() + " " + what + "\n";
        Files.write(Paths.get(context.getJobParams()), line.getBytes("UTF-8"), StandardOpenOption.CREATE,
            StandardOpenOption.APPEND);
    }

    /** How many lines of the file end so. */
    static int witnessed(TaskContext context, String end) throws Exception {
        return !Files.exists(Paths.get(context.getJobParams())) ? 0 : (int) Files.readAllLines(Paths.get(context.getJobParams()))
            .stream().filter(l -> l.endsWith(end)).count();
    }

    /** For a delay: its next run waits for the success of the one before, which the tracker of a no-op may lose (see work). */
    public static final class SlowWitness implements BasicProcessor {
        @Override
        public ProcessResult process(TaskContext context) throws Exception {
            Thread.sleep(400);
            witness(context, String.valueOf(context.getInstanceId()));
            return new ProcessResult(true, "written");
        }
    }

    public static final class Witness implements BasicProcessor {
        @Override
        public ProcessResult process(TaskContext context) throws Exception {
            witness(context, String.valueOf(context.getInstanceId()));
            return new ProcessResult(true, "written");
        }
    }

    /**
     * A task of a Java tracker must not be a no-op: the worker reports "received" and "success" on two connections, and the
     * tracker drops a success that the other overtakes. instanceParams: how many ms.
     */
    static void work(TaskContext context) {
        pause(context.getInstanceParams() == null ? 700 : Long.parseLong(context.getInstanceParams()));
    }

    static void pause(long ms) {
        try {
            Thread.sleep(ms);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    public static final class Everywhere implements BroadcastProcessor {
        @Override
        public ProcessResult process(TaskContext context) throws Exception {
            work(context);
            witness(context, context.getTaskId());
            return new ProcessResult(true, "here");
        }

        @Override
        public ProcessResult preProcess(TaskContext context) {
            pause(700);
            return new ProcessResult(true, "pre");
        }

        @Override
        public ProcessResult postProcess(TaskContext context, List<TaskResult> results) {
            pause(700);
            return new ProcessResult(true, "post " + results.stream().filter(r -> "here".equals(r.getResult())).count());
        }
    }

    static ProcessResult split(MapProcessor p, TaskContext context) throws Exception {
        work(context);
        if (p.isRootTask()) {
            p.map(IntStream.range(0, 10).mapToObj(i -> "part" + i).collect(Collectors.toList()), "PARTS");
            return new ProcessResult(true, "mapped");
        }
        witness(context, (String) context.getSubTask());
        return new ProcessResult(true, "done");
    }

    public static final class Split implements MapProcessor {
        @Override
        public ProcessResult process(TaskContext context) throws Exception {
            return split(this, context);
        }
    }

    public static final class SplitSum implements MapReduceProcessor {
        @Override
        public ProcessResult process(TaskContext context) throws Exception {
            return split(this, context);
        }

        @Override
        public ProcessResult reduce(TaskContext context, List<TaskResult> results) {
            pause(700);
            return new ProcessResult(true, "reduced " + results.stream().filter(TaskResult::isSuccess).count());
        }
    }

    private Procs() {
    }
}

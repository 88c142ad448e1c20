package pj.interop;

import java.nio.file.Files;
import java.nio.file.Paths;
import java.nio.file.StandardOpenOption;
import tech.powerjob.worker.core.processor.ProcessResult;
import tech.powerjob.worker.core.processor.TaskContext;
import tech.powerjob.worker.core.processor.sdk.BasicProcessor;

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

    /** Sleeps for instanceParams ms. */
    public static final class Sleep implements BasicProcessor {
        @Override
        public ProcessResult process(TaskContext context) throws Exception {
            Thread.sleep(Long.parseLong(context.getInstanceParams()));
            return new ProcessResult(true, "slept");
        }
    }

    /** Appends a line to the file that jobParams names: what really ran. */
    public static final class Witness implements BasicProcessor {
        @Override
        public ProcessResult process(TaskContext context) throws Exception {
            String line = System.currentTimeMillis() + " " + context.getInstanceId() + "\n";
            Files.write(Paths.get(context.getJobParams()), line.getBytes("UTF-8"), StandardOpenOption.CREATE,
                StandardOpenOption.APPEND);
            return new ProcessResult(true, "written");
        }
    }

    private Procs() {
    }
}

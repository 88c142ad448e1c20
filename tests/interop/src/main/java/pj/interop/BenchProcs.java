package pj.interop;

import java.io.FileOutputStream;
import java.io.IOException;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import tech.powerjob.worker.core.processor.ProcessResult;
import tech.powerjob.worker.core.processor.TaskContext;
import tech.powerjob.worker.core.processor.sdk.BasicProcessor;
import tech.powerjob.worker.core.processor.sdk.MapProcessor;

/** The processors of the measurements: as little work as can be. */
public final class BenchProcs {
    private static final Map<String, FileOutputStream> FILES = new ConcurrentHashMap<>();

    private static FileOutputStream file(String path) {
        return FILES.computeIfAbsent(path, p -> {
            try {
                return new FileOutputStream(p, true);
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        });
    }

    public static final class Nop implements BasicProcessor {
        @Override
        public ProcessResult process(TaskContext context) {
            return new ProcessResult(true, "ok");
        }
    }

    /** Appends a line to the file that jobParams names: the instance, monotonic nanoseconds, the wall clock's ms. */
    public static final class Stamp implements BasicProcessor {
        @Override
        public ProcessResult process(TaskContext context) throws Exception {
            long nano = System.nanoTime(), wall = System.currentTimeMillis();

            file(context.getJobParams()).write((context.getInstanceId() + " " + nano + " " + wall + "\n").getBytes("US-ASCII"));
            return new ProcessResult(true, "ok");
        }
    }

    /** instanceParams sub-tasks; each appends one byte to the file that jobParams names. */
    public static final class Fan implements MapProcessor {
        @Override
        public ProcessResult process(TaskContext context) throws Exception {
            if (isRootTask()) {
                map(IntStream.range(0, Integer.parseInt(context.getInstanceParams())).boxed().collect(Collectors.toList()),
                    "FAN");
            } else {
                file(context.getJobParams()).write('.');
            }
            return new ProcessResult(true, "ok");
        }
    }

    private BenchProcs() {
    }
}

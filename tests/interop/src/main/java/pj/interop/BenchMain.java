package pj.interop;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import tech.powerjob.client.PowerJobClient;
import tech.powerjob.common.enums.ExecuteType;
import tech.powerjob.common.enums.TimeExpressionType;
import tech.powerjob.common.request.http.SaveJobInfoRequest;

/**
 * What the real OpenAPI client measures: BenchMain HTTP APP PASSWORD WORKDIR SERVERPID WORKERPID STEP[=N]...
 * One line of key=value a step. SERVERPID and WORKERPID: whose CPU time is counted, 0 for nobody's.
 */
public final class BenchMain {
    private static final int FINAL = 4; // the least status of an instance that has ended
    private static final int THREADS = 8;
    private final PowerJobClient client;
    private final Path dir;
    private final String serverPid, workerPid;

    private BenchMain(String[] args) throws Exception {
        client = new PowerJobClient(args[0], args[1], args[2]);
        dir = Paths.get(args[3]);
        serverPid = args[4];
        workerPid = args[5];
    }

    private static void say(String format, Object... args) {
        System.out.println(String.format(Locale.ROOT, format, args));
    }

    private static double quantile(List<Double> values, double q) {
        double[] v = values.stream().mapToDouble(x -> x).sorted().toArray();
        return v.length == 0 ? Double.NaN : v[(int) ((v.length - 1) * q)];
    }

    /** User and system time of a process in ms. */
    private static double cpuMs(String pid) throws Exception {
        if (pid.equals("0")) {
            return 0;
        }
        String stat = new String(Files.readAllBytes(Paths.get("/proc", pid, "stat")), "ISO-8859-1");
        String[] f = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
        return (Long.parseLong(f[11]) + Long.parseLong(f[12])) * 10.0;
    }

    private long job(String name, String processor, String params) {
        SaveJobInfoRequest r = Site.job(name, "Nop");
        r.setProcessorInfo("pj.interop.BenchProcs$" + processor);
        r.setJobParams(params);
        return Check.data(client.saveJob(r));
    }

    private int await(long instance, long pauseMs) throws Exception {
        for (;;) {
            int status = Check.data(client.fetchInstanceStatus(instance));
            if (status >= FINAL) {
                return status;
            }
            Thread.sleep(pauseMs);
        }
    }

    /** The lines of Stamp by instance: monotonic ns, wall ms. */
    private static Map<Long, long[]> stamps(Path file) throws Exception {
        Map<Long, long[]> out = new HashMap<>();
        for (String line : Files.exists(file) ? Files.readAllLines(file) : new ArrayList<String>()) {
            String[] f = line.split(" ");
            out.put(Long.parseLong(f[0]), new long[] {Long.parseLong(f[1]), Long.parseLong(f[2])});
        }
        return out;
    }

    /** N runs one after the other: call, call to start, call to final status seen by a poll every ms; CPU per run. */
    private void sequential(int n) throws Exception {
        Path file = dir.resolve("sequential-" + System.nanoTime());
        long id = job("sequential", "Stamp", file.toString());
        List<Double> call = new ArrayList<>(), start = new ArrayList<>(), seen = new ArrayList<>();
        Map<Long, Long> begun = new HashMap<>();
        int failed = 0;
        double server = cpuMs(serverPid), worker = cpuMs(workerPid);

        for (int i = 0; i < n; i++) {
            long t = System.nanoTime();
            long instance = Check.data(client.runJob(id));
            call.add((System.nanoTime() - t) / 1e6);
            failed += await(instance, 1) == 5 ? 0 : 1;
            seen.add((System.nanoTime() - t) / 1e6);
            begun.put(instance, t);
        }
        server = cpuMs(serverPid) - server;
        worker = cpuMs(workerPid) - worker;
        stamps(file).forEach((instance, s) -> {
            if (begun.containsKey(instance)) {
                start.add((s[0] - begun.get(instance)) / 1e6);
            }
        });
        say("sequential n=%d failed=%d call_p50_ms=%.2f call_p95_ms=%.2f start_p50_ms=%.2f start_p95_ms=%.2f visible_p50_ms=%.2f "
            + "visible_p95_ms=%.2f server_cpu_ms=%.2f worker_cpu_ms=%.2f", n, failed, quantile(call, .5), quantile(call, .95),
            quantile(start, .5), quantile(start, .95), quantile(seen, .5), quantile(seen, .95), server / n, worker / n);
    }

    /** The same calls where nothing is to wait for: a runJob and one fetchInstanceStatus, n times. */
    private void floor(int n) throws Exception {
        List<Double> call = new ArrayList<>(), both = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            long t = System.nanoTime();
            long instance = Check.data(client.runJob(1L));
            call.add((System.nanoTime() - t) / 1e6);
            await(instance, 1);
            both.add((System.nanoTime() - t) / 1e6);
        }
        say("floor n=%d call_p50_ms=%.2f call_p95_ms=%.2f two_calls_p50_ms=%.2f two_calls_p95_ms=%.2f", n, quantile(call, .5),
            quantile(call, .95), quantile(both, .5), quantile(both, .95));
    }

    /** n runJob calls from 8 threads: the ids in `ids`, each call's ms. */
    private List<Double> callFromThreads(long job, long[] ids) throws Exception {
        List<Double> call = new ArrayList<>();
        Thread[] pool = new Thread[THREADS];

        for (int k = 0; k < THREADS; k++) {
            int first = k;
            pool[k] = new Thread(() -> {
                List<Double> own = new ArrayList<>();
                for (int i = first; i < ids.length; i += THREADS) {
                    long t = System.nanoTime();
                    ids[i] = Check.data(client.runJob(job));
                    own.add((System.nanoTime() - t) / 1e6);
                }
                synchronized (call) {
                    call.addAll(own);
                }
            });
            pool[k].start();
        }
        for (Thread t : pool) {
            t.join();
        }
        return call;
    }

    /** N no-op runs from 8 threads, until the last has ended: by the server's record, since to ask for each takes longer. */
    private void rate(int n) throws Exception {
        long id = job("rate-" + System.nanoTime(), "Nop", "");
        long[] ids = new long[n];
        double server = cpuMs(serverPid), worker = cpuMs(workerPid), client0 = cpuMs("self");
        long t0 = System.nanoTime(), wall0 = System.currentTimeMillis(), last = 0;
        int failed = 0;

        List<Double> call = callFromThreads(id, ids);
        double called = (System.nanoTime() - t0) / 1e9;
        for (int i = Math.max(0, n - THREADS); i < n; i++) {
            await(ids[i], 5);
        }
        server = cpuMs(serverPid) - server;
        worker = cpuMs(workerPid) - worker;
        client0 = cpuMs("self") - client0;
        for (long instance : ids) {
            failed += await(instance, 5) == 5 ? 0 : 1;
            last = Math.max(last, Check.data(client.fetchInstanceInfo(instance)).getFinishedTime());
        }
        say("rate n=%d failed=%d per_second=%.0f calls_per_second=%.0f call_p50_ms=%.2f call_p95_ms=%.2f call_p99_ms=%.2f "
            + "server_cpu_s=%.2f worker_cpu_s=%.2f client_cpu_s=%.2f", n, failed, n * 1e3 / (last - wall0), n / called,
            quantile(call, .5), quantile(call, .95), quantile(call, .99), server / 1e3, worker / 1e3, client0 / 1e3);
    }

    /** The same calls where they are answered at once. */
    private void floorRate(int n) throws Exception {
        long t0 = System.nanoTime();
        List<Double> call = callFromThreads(1, new long[n]);

        say("floor-rate n=%d calls_per_second=%.0f call_p50_ms=%.2f call_p95_ms=%.2f", n, n * 1e9 / (System.nanoTime() - t0),
            quantile(call, .5), quantile(call, .95));
    }

    /** A map of N sub-tasks that is watched for some seconds only: the worker's rounds are what limits it. */
    private void map(int n, int concurrency, int seconds) throws Exception {
        Path file = dir.resolve("map-" + System.nanoTime());
        SaveJobInfoRequest r = Site.job("map-" + concurrency, "Nop");
        r.setProcessorInfo("pj.interop.BenchProcs$Fan");
        r.setExecuteType(ExecuteType.MAP);
        r.setJobParams(file.toString());
        r.setConcurrency(concurrency);
        long id = Check.data(client.saveJob(r)), t0 = System.nanoTime();
        long instance = Check.data(client.runJob(id, String.valueOf(n), 0));
        long done = 0;
        int status = 0;
        double first = 0, last = 0;

        while (status < FINAL && (System.nanoTime() - t0) / 1e9 < seconds) {
            Thread.sleep(20);
            long now = Files.exists(file) ? Files.size(file) : 0;
            if (now != done) {
                last = (System.nanoTime() - t0) / 1e9;
                first = done == 0 ? last : first;
            }
            done = now;
            status = Check.data(client.fetchInstanceStatus(instance));
        }
        double s = (System.nanoTime() - t0) / 1e9;
        say("map n=%d concurrency=%d done=%d seconds=%.1f per_second=%.1f first_s=%.2f last_s=%.2f status=%d", n, concurrency, done,
            s, done / (status >= FINAL && last > 0 ? last : s), first, last, status);
        if (status < FINAL) {
            client.stopInstance(instance);
        }
        client.deleteJob(id);
    }

    /** jobs CRON jobs with one expression, watched until `until` (wall ms): how many started how late. */
    private void cron(String name, String expression, int jobs, long until) throws Exception {
        Path file = dir.resolve(name + "-" + System.nanoTime());
        List<Long> ids = new ArrayList<>();
        for (int i = 0; i < jobs; i++) {
            SaveJobInfoRequest r = Site.job(name + "-" + i, "Nop");
            r.setProcessorInfo("pj.interop.BenchProcs$Stamp");
            r.setJobParams(file.toString());
            r.setMaxInstanceNum(0);
            r.setTimeExpressionType(TimeExpressionType.CRON);
            r.setTimeExpression(expression);
            ids.add(Check.data(client.saveJob(r)));
        }
        long begun = System.currentTimeMillis();
        Thread.sleep(Math.max(0, until - begun));
        for (long id : ids) {
            client.deleteJob(id);
        }
        Thread.sleep(1000);
        List<Double> late = new ArrayList<>();
        for (Map.Entry<Long, long[]> s : stamps(file).entrySet()) {
            late.add((double) (s.getValue()[1]
                - Check.data(client.fetchInstanceInfo(s.getKey())).getExpectedTriggerTime()));
        }
        say("%s jobs=%d seconds=%.1f fired=%d late_p50_ms=%.0f late_p95_ms=%.0f late_max_ms=%.0f", name, jobs,
            (until - begun) / 1e3, late.size(), quantile(late, .5), quantile(late, .95), quantile(late, 1));
    }

    private void burst(int n) throws Exception {
        long at = (System.currentTimeMillis() / 1000 + 12) * 1000;
        java.time.ZonedDateTime t = java.time.Instant.ofEpochMilli(at).atZone(java.time.ZoneId.systemDefault());

        cron("burst", String.format("%d %d %d %d %d ? %d", t.getSecond(), t.getMinute(), t.getHour(), t.getDayOfMonth(),
            t.getMonthValue(), t.getYear()), n, at + 5000);
    }

    private void step(String name, int n) throws Exception {
        switch (name) {
        case "sequential":
            sequential(n);
            break;
        case "floor":
            floor(n);
            break;
        case "floorrate":
            floorRate(n);
            break;
        case "rate":
            rate(n);
            break;
        case "map5":
            map(n, 5, 16);
            break;
        case "map500":
            map(n, 500, 40);
            break;
        case "cron":
            cron("cron", "* * * * * ?", 1, System.currentTimeMillis() + n * 1000L);
            break;
        case "burst":
            burst(n);
            break;
        default:
            throw new IllegalArgumentException(name);
        }
    }

    public static void main(String[] args) throws Exception {
        BenchMain b = new BenchMain(args);

        for (String step : Arrays.asList(args).subList(6, args.length)) {
            String[] f = step.split("=");
            b.step(f[0], Integer.parseInt(f[1]));
        }
        System.exit(0);
    }
}

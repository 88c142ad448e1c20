package pj.interop;

import static pj.interop.ClientTest.data;
import static pj.interop.ClientTest.equal;
import static pj.interop.ClientTest.holds;
import static pj.interop.ClientTest.job;
import static pj.interop.ClientTest.test;
import static pj.interop.ClientTest.waitFor;
import static pj.interop.ClientTest.waitUntil;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.Collectors;
import tech.powerjob.client.PowerJobClient;
import tech.powerjob.common.enums.DispatchStrategy;
import tech.powerjob.common.enums.ExecuteType;
import tech.powerjob.common.enums.InstanceStatus;
import tech.powerjob.common.enums.TimeExpressionType;
import tech.powerjob.common.request.http.SaveJobInfoRequest;
import tech.powerjob.common.request.query.InstancePageQuery;
import tech.powerjob.common.request.query.JobInfoQuery;
import tech.powerjob.common.response.InstanceInfoDTO;
import tech.powerjob.common.response.JobInfoDTO;
import tech.powerjob.common.response.PageResult;

/** Two real Java workers, A and B (tag "tb"), on pj-serverd. What takes a Java tracker long is started first, looked at last. */
final class FleetTest {
    private final PowerJobClient c;
    private final Path dir;
    private long broadcast, mapReduce, mapReduce2, map, rateJob, delayJob, daily;

    FleetTest(PowerJobClient client, Path workdir) {
        c = client;
        dir = workdir;
    }

    private Path witness(String name) {
        return dir.resolve("witness-" + name);
    }

    private List<String> lines(String name) throws Exception {
        return Files.exists(witness(name)) ? Files.readAllLines(witness(name)) : Collections.emptyList();
    }

    private SaveJobInfoRequest witnessed(String name, String processor, ExecuteType type) {
        SaveJobInfoRequest r = job(name, processor);
        r.setExecuteType(type);
        r.setJobParams(witness(name).toString());
        return r;
    }

    private static SaveJobInfoRequest timed(SaveJobInfoRequest r, TimeExpressionType type, String expression) {
        r.setTimeExpressionType(type);
        r.setTimeExpression(expression);
        return r;
    }

    /** The processor's file names the workers that ran it. */
    private List<String> workers(String name) throws Exception {
        return lines(name).stream().map(l -> l.split(" ")[0]).distinct().sorted().collect(Collectors.toList());
    }

    private boolean succeeded(long instance) throws Exception {
        return data(c.fetchInstanceStatus(instance)) == InstanceStatus.SUCCEED.getV();
    }

    void start() throws Exception {
        broadcast = data(c.runJob(data(c.saveJob(witnessed("broadcast", "Everywhere", ExecuteType.BROADCAST)))));
        mapReduce = data(c.runJob(data(c.saveJob(witnessed("map-reduce", "SplitSum", ExecuteType.MAP_REDUCE)))));
        mapReduce2 = data(c.runJob(data(c.saveJob(witnessed("map-reduce-2", "SplitSum", ExecuteType.MAP_REDUCE)))));
        map = data(c.runJob(data(c.saveJob(witnessed("map", "Split", ExecuteType.MAP)))));
        rateJob = data(c.saveJob(timed(witnessed("rate", "Witness", ExecuteType.STANDALONE), TimeExpressionType.FIXED_RATE, "100")));
        delayJob = data(c.saveJob(timed(witnessed("delay", "Witness", ExecuteType.STANDALONE), TimeExpressionType.FIXED_DELAY, "500")));
        daily = data(c.saveJob(timed(witnessed("daily", "Witness", ExecuteType.STANDALONE), TimeExpressionType.DAILY_TIME_INTERVAL,
            "{\"interval\":2,\"startTimeOfDay\":\"00:00:00\",\"endTimeOfDay\":\"23:59:59\",\"intervalUnit\":\"SECONDS\"}")));
    }

    void check() {
        test("copyJob, exportJob, queryJob, queryInstanceInfo", () -> {
            long copy = data(c.copyJob(rateJob));
            data(c.disableJob(copy));
            SaveJobInfoRequest e = data(c.exportJob(copy));
            holds(e.getId() == null && e.getJobName().startsWith("rate_COPY_EXPORT_"), "exported: " + e);
            equal(TimeExpressionType.FIXED_RATE, e.getTimeExpressionType(), "timeExpressionType");
            data(c.deleteJob(copy));
            List<JobInfoDTO> found = data(c.queryJob(new JobInfoQuery().setJobNameLike("rate").setStatusIn(Arrays.asList(1))));
            equal(1, found.size(), "queryJob");
            equal(rateJob, found.get(0).getId(), "id");
            InstancePageQuery q = new InstancePageQuery();
            q.setJobIdEq(rateJob);
            q.setStatusIn(Arrays.asList(InstanceStatus.RUNNING.getV()));
            q.setSortBy("id");
            PageResult<InstanceInfoDTO> page = data(c.queryInstanceInfo(q));
            equal(1L, page.getTotalItems(), "one live instance of a second-level job");
            holds(page.getData().get(0).getRunningTimes() > 10, "runningTimes " + page.getData().get(0).getRunningTimes());
            return null;
        });
        test("a second-level job of 100 ms runs ten times a second and ends with disableJob", () -> {
            long seconds = (System.currentTimeMillis() - Long.parseLong(lines("rate").get(0).split(" ")[1])) / 1000;
            int n = lines("rate").size();
            holds(seconds >= 5 && n >= seconds * 8 && n <= seconds * 11 + 11, n + " runs in " + seconds + " s");
            data(c.disableJob(rateJob));
            Thread.sleep(2000);
            n = lines("rate").size();
            Thread.sleep(2000);
            equal(n, lines("rate").size(), "runs after it was disabled");
            InstancePageQuery q = new InstancePageQuery();
            q.setJobIdEq(rateJob);
            for (InstanceInfoDTO i : data(c.queryInstanceInfo(q)).getData()) {
                equal(InstanceStatus.STOPPED.getV(), i.getStatus(), "status of " + i.getInstanceId());
            }
            return null;
        });
        test("a fixed delay and a daily interval run", () -> {
            holds(lines("delay").size() >= 5, lines("delay").size() + " runs of the delay");
            holds(lines("daily").size() >= 3, lines("daily").size() + " runs of the daily interval");
            data(c.deleteJob(delayJob));
            data(c.disableJob(daily));
            return null;
        });
        test("a worker is designated by its tag", () -> {
            SaveJobInfoRequest r = witnessed("tagged", "Witness", ExecuteType.STANDALONE);
            r.setDesignatedWorkers("tb");
            long id = data(c.saveJob(r));
            for (int i = 0; i < 3; i++) {
                equal(InstanceStatus.SUCCEED.getV(), waitFor(c, data(c.runJob(id)), 20), "status");
            }
            equal(Arrays.asList("B"), workers("tagged"), "workers");
            r = witnessed("tagged-none", "Witness", ExecuteType.STANDALONE);
            r.setDesignatedWorkers("nobody");
            long i = data(c.runJob(data(c.saveJob(r))));
            equal(InstanceStatus.FAILED.getV(), waitFor(c, i, 20), "status");
            equal("no worker available", data(c.fetchInstanceInfo(i)).getResult(), "result");
            return null;
        });
        test("a broadcast runs on both workers", () -> {
            equal(InstanceStatus.SUCCEED.getV(), waitFor(c, broadcast, 60), "status");
            equal("post 2", data(c.fetchInstanceInfo(broadcast)).getResult(), "result");
            equal(Arrays.asList("A", "B"), workers("broadcast"), "workers");
            return null;
        });
        test("a map-reduce and a map run all their tasks", () -> {
            /* The Java tracker may lose a success (see Procs.work): of two map-reduces one has to end here. */
            waitUntil(() -> succeeded(mapReduce) || succeeded(mapReduce2), 90, "status of the map-reduces");
            long done = succeeded(mapReduce) ? mapReduce : mapReduce2;
            equal("reduced 11", data(c.fetchInstanceInfo(done)).getResult(), "result");
            for (String name : Arrays.asList("map-reduce", "map-reduce-2", "map")) {
                waitUntil(() -> lines(name).size() >= 10, 60, "tasks of " + name);
                equal(10L, lines(name).stream().map(l -> l.split(" ")[2]).distinct().count(), "distinct tasks of " + name);
            }
            /* Its end may take the Java tracker two minutes more (a lost success): not waited for. */
            int status = data(c.fetchInstanceStatus(map));
            holds(status == InstanceStatus.RUNNING.getV() || status == InstanceStatus.SUCCEED.getV(), "status " + status);
            return null;
        });
        test("pj-serverd is killed in mid-run: the result arrives and counts once", () -> {
            long i = data(c.runJob(data(c.saveJob(job("sleep-kill", "Sleep"))), "6000", 0));
            Thread.sleep(1500);
            equal(0, new ProcessBuilder("sh", dir.resolve("restart").toString()).inheritIO().start().waitFor(), "restart");
            equal(InstanceStatus.SUCCEED.getV(), waitFor(c, i, 60), "status");
            equal("slept", data(c.fetchInstanceInfo(i)).getResult(), "result");
            equal(1L, data(c.fetchInstanceInfo(i)).getRunningTimes(), "runningTimes");
            return null;
        });
        test("a time limit ends a run", () -> {
            SaveJobInfoRequest r = job("limit", "Sleep");
            r.setInstanceTimeLimit(2000L);
            long i = data(c.runJob(data(c.saveJob(r)), "30000", 0));
            equal(InstanceStatus.FAILED.getV(), waitFor(c, i, 20), "status");
            holds(data(c.fetchInstanceInfo(i)).getResult().startsWith("instance execute timeout"),
                data(c.fetchInstanceInfo(i)).getResult());
            return null;
        });
    }

    /** What takes long: for `make interop` only. */
    void checkLong() {
        test("a map ends", () -> {
            equal(InstanceStatus.SUCCEED.getV(), waitFor(c, map, 200), "status");
            holds(data(c.fetchInstanceInfo(map)).getResult().startsWith("total:11,succeed:11"), "result");
            return null;
        });
        test("a worker killed in mid-run: its silence ends the instance, and a retry goes elsewhere", () -> {
            SaveJobInfoRequest r = job("lost", "Sleep");
            r.setDesignatedWorkers("tb");
            long failing = data(c.runJob(data(c.saveJob(r)), "600000", 0));
            r = job("lost-retried", "Sleep");
            r.setInstanceRetryNum(1);
            r.setDispatchStrategy(DispatchStrategy.SPECIFY);
            r.setDispatchStrategyConfig("tagEquals:tb");
            long retried = data(c.runJob(data(c.saveJob(r)), "45000", 0));
            while (data(c.fetchInstanceStatus(failing)) != InstanceStatus.RUNNING.getV()
                || data(c.fetchInstanceStatus(retried)) != InstanceStatus.RUNNING.getV()) {
                Thread.sleep(100);
            }
            String b = data(c.fetchInstanceInfo(retried)).getTaskTrackerAddress();
            equal(b, data(c.fetchInstanceInfo(failing)).getTaskTrackerAddress(), "both are on B");
            long pid = Long.parseLong(new String(Files.readAllBytes(dir.resolve("worker-B.pid"))).trim());
            holds(ProcessHandle.of(pid).get().destroyForcibly(), "kill");
            equal(InstanceStatus.FAILED.getV(), waitFor(c, failing, 60), "status");
            equal("worker report timeout, maybe TaskTracker down", data(c.fetchInstanceInfo(failing)).getResult(), "result");
            equal(InstanceStatus.SUCCEED.getV(), waitFor(c, retried, 120), "status of the retried one");
            holds(!b.equals(data(c.fetchInstanceInfo(retried)).getTaskTrackerAddress()), "it ran elsewhere");
            equal(2L, data(c.fetchInstanceInfo(retried)).getRunningTimes(), "runningTimes");
            return null;
        });
    }
}

package pj.interop;

import static pj.interop.Check.data;
import static pj.interop.Check.equal;
import static pj.interop.Check.holds;
import static pj.interop.Check.refused;
import static pj.interop.Check.until;
import static pj.interop.Site.job;
import static pj.interop.Site.timed;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import tech.powerjob.client.PowerJobClient;
import tech.powerjob.common.enums.DispatchStrategy;
import tech.powerjob.common.enums.ExecuteType;
import tech.powerjob.common.enums.TimeExpressionType;
import tech.powerjob.common.request.http.SaveJobInfoRequest;
import tech.powerjob.common.request.query.InstancePageQuery;
import tech.powerjob.common.response.InstanceInfoDTO;
import tech.powerjob.common.response.PageResult;

/** Execute types, time types, retries, limits, choice of workers, on two real Java workers: A, tagged "ta", and B, "tb". */
final class FleetTest {
    private final Site s;
    private final PowerJobClient c;
    private final boolean slow;

    FleetTest(Site site, boolean withSlow) {
        s = site;
        c = site.client;
        slow = withSlow;
    }

    void add(Tap tap) {
        tap.test("a broadcast runs on both workers", this::broadcast);
        tap.test("a map-reduce and a map run all their tasks", this::maps);
        tap.test("a second-level job of 100 ms runs ten times a second and ends with disableJob", this::rate);
        tap.test("a fixed delay and a daily interval run", this::delayAndDaily);
        tap.test("a cron job of every second fires every second", this::cron);
        tap.test("taskRetryNum: the worker runs a failing task again", this::taskRetries);
        tap.test("instanceRetryNum: the instance runs again, after its delay", this::instanceRetries);
        tap.test("a worker is designated by its tag and by its address", this::designated);
        tap.test("stopInstance is STOPPED at once and stays so", this::stop);
        tap.test("a time limit ends a run", this::limit);
        tap.test("maxInstanceNum refuses one too many", this::tooMany);
    }

    /** On A and B: other tests' workers come and go. */
    private SaveJobInfoRequest both(String name, String processor, ExecuteType type) {
        SaveJobInfoRequest r = s.witnessed(name, processor, type);

        r.setDesignatedWorkers("ta,tb");
        return r;
    }

    /** The server has been killed before: it has to hear of them again. */
    private void awaitBoth() throws Exception {
        until(() -> s.knows("PJ_PORT_A") && s.knows("PJ_PORT_B"), 60, "A and B are listed");
    }

    private void broadcast() throws Exception {
        awaitBoth();
        long i = s.start(both("broadcast", "Everywhere", ExecuteType.BROADCAST));

        s.ends(Site.SUCCEED, i, 90, "broadcast");
        equal("post 2", s.result(i), "result");
        equal(Arrays.asList("A", "B"), s.distinct("broadcast", 0), "workers");
        equal(2, s.lines("broadcast").size(), "runs");
        equal(1L, s.info(i).getRunningTimes(), "runningTimes");
    }

    private void maps() throws Exception {
        awaitBoth();
        long one = s.start(both("map-reduce", "SplitSum", ExecuteType.MAP_REDUCE));
        long two = s.start(both("map-reduce-2", "SplitSum", ExecuteType.MAP_REDUCE));
        long map = s.start(both("map", "Split", ExecuteType.MAP));

        /* The Java tracker may lose a success (see Procs.work): of two map-reduces one has to end here. */
        until(() -> s.status(one) == Site.SUCCEED || s.status(two) == Site.SUCCEED, 100, "the end of a map-reduce");
        long done = s.status(one) == Site.SUCCEED ? one : two;
        equal("reduced 11", s.result(done), "result");
        equal(1, s.attempts(done).size(), "attempts");
        for (String name : Arrays.asList("map-reduce", "map-reduce-2", "map")) {
            until(() -> s.lines(name).size() >= 10, 60, "tasks of " + name);
            equal(10, s.distinct(name, 2).size(), "distinct tasks of " + name);
        }
        if (!slow) { /* its end may take the Java tracker two minutes more: not waited for */
            holds(s.status(map) == Site.RUNNING || s.status(map) == Site.SUCCEED, "status " + s.status(map));
            return;
        }
        for (long i : new long[] {one, two}) {
            s.ends(Site.SUCCEED, i, 240, "map-reduce");
        }
        s.ends(Site.SUCCEED, map, 240, "map");
        equal("total:11,succeed:11,failed:0", s.result(map), "result of the map");
    }

    private InstanceInfoDTO only(long job) {
        InstancePageQuery q = new InstancePageQuery();

        q.setJobIdEq(job);
        q.setSortBy("id");
        PageResult<InstanceInfoDTO> page = data(c.queryInstanceInfo(q));
        equal(1L, page.getTotalItems(), "instances of a second-level job");
        return page.getData().get(0);
    }

    private void rate() throws Exception {
        long seconds = slow ? 30 : 6;
        long id = s.save(timed(s.witnessed("rate", "Witness", ExecuteType.STANDALONE), TimeExpressionType.FIXED_RATE, "100"));

        until(() -> s.lines("rate").size() > 0, 60, "the first run");
        Thread.sleep(seconds * 1000);
        InstanceInfoDTO i = only(id);
        equal(Site.RUNNING, i.getStatus(), "status while it runs");
        data(c.disableJob(id));
        long ran = System.currentTimeMillis() - Long.parseLong(s.column("rate", 1).get(0));
        equal(Site.STOPPED, s.status(i.getInstanceId()), "status as soon as it is disabled");
        until(() -> {
            int then = s.lines("rate").size();
            Thread.sleep(3000);
            return s.lines("rate").size() == then;
        }, 60, "no more runs after it was disabled");
        int n = s.lines("rate").size();
        /* How often is the worker's matter, which has just started: on a busy machine it does less. */
        holds(n >= (slow ? ran / 100 * 6 / 10 : 5) && n <= ran / 100 * 11 / 10 + 20, n + " runs in " + ran + " ms");
        i = only(id);
        equal("stopped by user", i.getResult(), "result");
        holds(i.getFinishedTime() != null, "finishedTime");
        /* Each 5 s the worker reports what it has begun; a busy one has not run all of that. */
        holds(i.getRunningTimes() >= (slow ? n / 2 : 1) && i.getRunningTimes() <= ran / 100 + 20,
            "runningTimes " + i.getRunningTimes() + " of " + n);
        List<String> stopped = Arrays.asList("stopped@" + i.getTaskTrackerAddress());
        long instance = i.getInstanceId();
        until(() -> s.attempts(instance).equals(stopped), 30, "the worker's answer is recorded");
        equal(2, data(c.fetchJob(id)).getStatus(), "the job's status");
    }

    private void delayAndDaily() throws Exception {
        long delay = s.save(timed(s.witnessed("delay", "SlowWitness", ExecuteType.STANDALONE), TimeExpressionType.FIXED_DELAY, "500"));
        long daily = s.save(timed(s.witnessed("daily", "Witness", ExecuteType.STANDALONE),
            TimeExpressionType.DAILY_TIME_INTERVAL, "{\"interval\":2,\"startTimeOfDay\":\"00:00:00\","
            + "\"endTimeOfDay\":\"23:59:59\",\"intervalUnit\":\"SECONDS\"}"));

        until(() -> s.lines("delay").size() >= 3, 90, "runs of the delay");
        until(() -> s.lines("daily").size() >= 3, 30, "runs of the daily interval");
        data(c.deleteJob(delay));
        data(c.disableJob(daily));
        equal(Site.STOPPED, only(delay).getStatus(), "status of the delay's instance");
    }

    private void cron() throws Exception {
        long id = s.save(timed(s.witnessed("cron", "Witness", ExecuteType.STANDALONE), TimeExpressionType.CRON, "* * * * * ?"));
        long from = System.currentTimeMillis();

        Thread.sleep(6000);
        data(c.disableJob(id));
        long seconds = (System.currentTimeMillis() - from) / 1000;
        InstancePageQuery q = new InstancePageQuery();
        q.setJobIdEq(id);
        q.setSortBy("expectedTriggerTime");
        q.setPageSize(100);
        until(() -> data(c.queryInstanceInfo(q)).getData().stream().allMatch(i -> i.getStatus() == Site.SUCCEED), 30,
            "every firing has run");
        List<InstanceInfoDTO> fired = data(c.queryInstanceInfo(q)).getData();
        holds(fired.size() >= seconds - 1 && fired.size() <= seconds + 1, fired.size() + " firings in " + seconds + " s");
        for (int k = 0; k < fired.size(); k++) {
            equal(fired.get(0).getExpectedTriggerTime() + k * 1000, fired.get(k).getExpectedTriggerTime(), "nominal time " + k);
        }
        equal(fired.size(), s.lines("cron").size(), "runs");
        equal(fired.size(), s.distinct("cron", 2).size(), "instances that ran");
    }

    private void taskRetries() throws Exception {
        SaveJobInfoRequest r = s.witnessed("task-retry", "Flaky", ExecuteType.STANDALONE);

        r.setTaskRetryNum(2);
        long i = s.start(r, "2");
        s.ends(Site.SUCCEED, i, 30, "two failures, two task retries");
        equal("after 2", s.result(i), "result");
        equal(Arrays.asList("retry0", "retry1", "retry2"), s.column("task-retry", 2), "runs");
        equal(1L, s.info(i).getRunningTimes(), "runningTimes: of the instance there was one");
        equal(1, s.attempts(i).size(), "attempts");
        r = s.witnessed("task-retry-short", "Flaky", ExecuteType.STANDALONE);
        r.setTaskRetryNum(1);
        i = s.start(r, "2");
        s.ends(Site.FAILED, i, 30, "two failures, one task retry");
        equal("not yet 1", s.result(i), "result");
        equal(2, s.lines("task-retry-short").size(), "runs");
    }

    private void instanceRetries() throws Exception {
        SaveJobInfoRequest r = s.witnessed("instance-retry", "Flaky", ExecuteType.STANDALONE);

        r.setInstanceRetryNum(1);
        long good = s.start(r, "1");
        r = s.witnessed("instance-retry-short", "Flaky", ExecuteType.STANDALONE);
        r.setInstanceRetryNum(1);
        r.setTaskRetryNum(1);
        long bad = s.start(r, "9");
        s.ends(Site.SUCCEED, good, 60, "one failure, one retry");
        equal("after 1", s.result(good), "result");
        s.ends(Site.FAILED, bad, 60, "failures, one retry");
        equal("not yet 3", s.result(bad), "result");
        equal(Arrays.asList("retry0", "retry1", "retry0", "retry1"), s.column("instance-retry-short", 2), "runs: twice two");
        retried("instance-retry", good, "succeeded");
        retried("instance-retry-short", bad, "failed");
    }

    private void retried(String name, long instance, String end) throws Exception {
        List<String> at = s.column(name, 1);
        long delay = Long.parseLong(at.get(at.size() - 1)) - Long.parseLong(at.get(0));
        List<String> attempts = s.attempts(instance);

        holds(delay >= 9500, "the retry came after " + delay + " ms");
        equal(2L, s.info(instance).getRunningTimes(), "runningTimes");
        equal(2, attempts.size(), "attempts");
        holds(attempts.get(0).startsWith("failed@") && attempts.get(1).startsWith(end + "@"), "attempts " + attempts);
    }

    private void designated() throws Exception {
        SaveJobInfoRequest r = s.witnessed("tagged", "Witness", ExecuteType.STANDALONE);

        r.setDesignatedWorkers("tb");
        long id = s.save(r), i = 0;
        for (int k = 0; k < 3; k++) {
            i = data(c.runJob(id));
            s.ends(Site.SUCCEED, i, 30, "tagged");
        }
        equal(Arrays.asList("B"), s.distinct("tagged", 0), "workers");
        String b = s.info(i).getTaskTrackerAddress();
        r = s.witnessed("addressed", "Witness", ExecuteType.STANDALONE);
        r.setDesignatedWorkers("10.9.9.9:1," + b);
        s.ends(Site.SUCCEED, s.start(r), 30, "addressed");
        equal(Arrays.asList("B"), s.distinct("addressed", 0), "workers");
        r = s.witnessed("specified", "Witness", ExecuteType.STANDALONE);
        r.setDispatchStrategy(DispatchStrategy.SPECIFY);
        r.setDispatchStrategyConfig("tagIn:b");
        s.ends(Site.SUCCEED, s.start(r), 30, "specified");
        equal(Arrays.asList("B"), s.distinct("specified", 0), "workers");
        r = s.witnessed("tagged-none", "Witness", ExecuteType.STANDALONE);
        r.setDesignatedWorkers("nobody");
        i = s.start(r);
        s.ends(Site.FAILED, i, 60, "nobody"); /* for 30 s after its start the server waits for workers */
        equal("no worker available", s.result(i), "result");
        equal(Collections.emptyList(), s.attempts(i), "attempts");
    }

    private void stop() throws Exception {
        long i = s.start(s.witnessed("stopped", "Patient", ExecuteType.STANDALONE), "60000");

        until(() -> s.lines("stopped").size() == 1, 30, "it runs");
        data(c.stopInstance(i));
        equal(Site.STOPPED, s.status(i), "status at once");
        refused("IllegalArgumentException: can't stop finished instance!", c.stopInstance(i), "a second stop");
        until(() -> s.lines("stopped").size() == 2, 30, "the worker stops it");
        equal(Arrays.asList("start", "interrupted"), s.column("stopped", 2), "what the processor saw");
        Thread.sleep(2000);
        equal(Site.STOPPED, s.status(i), "status later");
        equal("stopped by user", s.result(i), "result");
        List<String> stopped = Arrays.asList("stopped@" + s.info(i).getTaskTrackerAddress());
        until(() -> s.attempts(i).equals(stopped), 30, "the worker's answer is recorded");
    }

    private void limit() throws Exception {
        SaveJobInfoRequest r = s.witnessed("limit", "Patient", ExecuteType.STANDALONE);

        r.setInstanceTimeLimit(2000L);
        long i = s.start(r, "60000");
        s.ends(Site.FAILED, i, 40, "limited");
        equal("instance execute timeout,interrupted success", s.result(i), "result");
        equal(Arrays.asList("start", "interrupted"), s.column("limit", 2), "what the processor saw");
    }

    private void tooMany() throws Exception {
        SaveJobInfoRequest r = job("too-many", "Sleep");

        r.setMaxInstanceNum(1);
        long id = s.save(r), i = data(c.runJob(id, "5000", 0));
        until(() -> s.status(i) != 1, 20, "the first is sent");
        long k = data(c.runJob(id, "1", 0));
        s.ends(Site.FAILED, k, 20, "the second");
        equal("too many instances(1>1)", s.result(k), "result");
        equal("N/A", s.info(k).getTaskTrackerAddress(), "its worker");
        s.ends(Site.SUCCEED, i, 40, "the first");
        s.ends(Site.SUCCEED, data(c.runJob(id, "1", 0)), 40, "one after it");
    }
}

package pj.interop;

import static pj.interop.Check.data;
import static pj.interop.Check.equal;
import static pj.interop.Check.holds;
import static pj.interop.Check.until;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import tech.powerjob.common.enums.DispatchStrategy;
import tech.powerjob.common.enums.ExecuteType;
import tech.powerjob.common.request.http.SaveJobInfoRequest;

/** What is lost on the way between a Java worker and the server: its answers, its reports, the worker, the server. */
final class LossTest {
    /** `run` has the server take a worker for silent after 25 s instead of 60. */
    private static final String SILENT = "worker report timeout, maybe TaskTracker down";
    private final Site s;
    private final Relay relay;
    private final String port;
    private final boolean slow;
    private final Crash crash = new Crash();

    LossTest(Site site, boolean withSlow, Relay relayOfD, String portOfD) {
        s = site;
        slow = withSlow;
        relay = relayOfD;
        port = portOfD;
    }

    void add(Tap tap) {
        tap.test("final reports whose answer is lost, or that are lost, come again and count once", this::lostAnswers);
        tap.test("pj-serverd was killed in mid-run: results of every kind arrive and count once", this::afterCrash);
    }

    private SaveJobInfoRequest onD(String name, String processor, int retries) {
        SaveJobInfoRequest r = s.witnessed(name, processor, ExecuteType.STANDALONE);

        r.setDesignatedWorkers("td");
        r.setInstanceRetryNum(retries);
        return r;
    }

    private long startLosing(SaveJobInfoRequest r, String params, Relay.Fate... inTurn) {
        long id = s.save(r);

        relay.lose(id, inTurn);
        return data(s.client.runJob(id, params, 0));
    }

    private void lostAnswers() throws Exception {
        s.startWorker("D", relay.address(), port, "td");
        long answer = startLosing(onD("lost-answer", "Patient", 0), "10", Relay.Fate.ANSWER_LOST);
        long failed = startLosing(onD("lost-failure", "Flaky", 0), "9", Relay.Fate.ANSWER_LOST);
        long report = startLosing(onD("lost-report", "Patient", 0), "10", Relay.Fate.REPORT_LOST);
        s.ends(Site.SUCCEED, answer, 30, "the answer is lost");
        s.ends(Site.FAILED, failed, 30, "the answer to a failure is lost");
        long at = s.info(answer).getFinishedTime();
        String ok = " {\"success\":true}";
        until(() -> relay.finals(answer).size() == 2 && relay.finals(failed).size() == 2, 60, "the reports come again");
        equal(Arrays.asList("ANSWER_LOST 5" + ok, "DELIVERED 5" + ok), relay.finals(answer), "reports");
        equal(Arrays.asList("ANSWER_LOST 4" + ok, "DELIVERED 4" + ok), relay.finals(failed), "reports of the failure");
        s.ends(Site.SUCCEED, report, 60, "the report is lost");
        until(() -> relay.finals(report).size() == 2, 30, "the relay has the answer too");
        equal(Arrays.asList("REPORT_LOST 5 -", "DELIVERED 5" + ok), relay.finals(report), "reports");
        equal(at, s.info(answer).getFinishedTime(), "finishedTime: the first report's");
        equal("patient", s.result(answer), "result");
        once("lost-answer", answer, "succeeded", Arrays.asList("start", "end"));
        once("lost-report", report, "succeeded", Arrays.asList("start", "end"));
        once("lost-failure", failed, "failed", Collections.singletonList("retry0"));
        if (slow) {
            lostHeavy();
        }
        until(() -> relay.trackers() == 0, 40, "the worker has forgotten them");
    }

    private void lostHeavy() throws Exception {
        SaveJobInfoRequest r = onD("lost-heavy", "Everywhere", 0);
        String ok = " {\"success\":true}";

        r.setExecuteType(ExecuteType.BROADCAST);
        long heavy = startLosing(r, "10", Relay.Fate.ANSWER_LOST);
        s.ends(Site.SUCCEED, heavy, 60, "the answer to a broadcast's end is lost");
        until(() -> relay.finals(heavy).size() == 2, 60, "that report comes again");
        equal(Arrays.asList("ANSWER_LOST 5" + ok, "DELIVERED 5" + ok), relay.finals(heavy), "reports of the broadcast");
        equal("post 1", s.result(heavy), "result of the broadcast");
        equal(1L, s.info(heavy).getRunningTimes(), "runningTimes of the broadcast");
        equal(1, s.attempts(heavy).size(), "attempts of the broadcast");
    }

    private void once(String name, long instance, String end, List<String> saw) throws Exception {
        equal(saw, s.column(name, 2), name + ": what ran");
        equal(1L, s.info(instance).getRunningTimes(), name + ": runningTimes");
        equal(Collections.singletonList(end + "@" + s.info(instance).getTaskTrackerAddress()), s.attempts(instance),
            name + ": attempts");
    }

    /* --- the server dies ------------------------------------------------------------------------------------- */

    private SaveJobInfoRequest both(String name, String processor, ExecuteType type) {
        SaveJobInfoRequest r = s.witnessed(name, processor, type);

        r.setDesignatedWorkers("ta,tb");
        return r;
    }

    private static final class Crash {
        long one, ends, broadcast, map, limited;
        Throwable failure;
    }

    /** Comes before all tests: it needs the server for itself. */
    void crash() {
        try {
            crashNow();
        } catch (Exception | AssertionError e) {
            crash.failure = e;
        }
    }

    private void crashNow() throws Exception {
        crash.one = s.start(s.witnessed("crash", "Patient", ExecuteType.STANDALONE), "8000");
        crash.ends = s.start(s.witnessed("crash-ends", "Patient", ExecuteType.STANDALONE), "2500");
        crash.broadcast = s.start(both("crash-broadcast", "Everywhere", ExecuteType.BROADCAST), "4000");
        crash.map = s.start(both("crash-map", "Split", ExecuteType.MAP), "1500");
        SaveJobInfoRequest r = s.witnessed("crash-limit", "Patient", ExecuteType.STANDALONE);
        r.setInstanceTimeLimit(5000L);
        crash.limited = s.start(r, "60000");
        until(() -> s.lines("crash").size() == 1 && s.lines("crash-ends").size() == 1 && s.lines("crash-limit").size() == 1,
            30, "they run");
        s.command("sh", s.dir.resolve("restart").toString(), "3");
    }

    private void afterCrash() throws Exception {
        long one = crash.one, ends = crash.ends, broadcast = crash.broadcast, map = crash.map, limited = crash.limited;

        if (crash.failure != null) {
            throw new AssertionError("before the crash: " + crash.failure, crash.failure);
        }
        s.ends(Site.SUCCEED, one, 60, "a run that goes on");
        s.ends(Site.SUCCEED, ends, 60, "a run that ended meanwhile");
        s.ends(Site.FAILED, limited, 60, "a run with a limit");
        s.ends(Site.SUCCEED, broadcast, 120, "a broadcast");
        until(() -> s.lines("crash-map").size() >= 10, 90, "tasks of the map");
        once("crash", one, "succeeded", Arrays.asList("start", "end"));
        once("crash-ends", ends, "succeeded", Arrays.asList("start", "end"));
        once("crash-limit", limited, "failed", Arrays.asList("start", "interrupted"));
        equal("post 2", s.result(broadcast), "result of the broadcast");
        equal(2, s.lines("crash-broadcast").size(), "runs of the broadcast");
        equal(1L, s.info(broadcast).getRunningTimes(), "runningTimes of the broadcast");
        equal(10, s.distinct("crash-map", 2).size(), "tasks of the map");
        equal(1L, s.info(map).getRunningTimes(), "runningTimes of the map");
        equal(1, s.attempts(map).size(), "attempts of the map");
    }

    /* --- workers die, and pause: takes minutes ---------------------------------------------------------------- */

    void addLong(Tap tap) {
        tap.test("a failure whose answer is lost costs one retry, not two", this::lostFailure);
        tap.test("a worker paused for 90 s: its runs are lost, and what it says when it is back revives nothing", this::pause);
    }

    private void lostFailure() throws Exception {
        long i = startLosing(onD("lost-retry", "Flaky", 1), "1", Relay.Fate.ANSWER_LOST, Relay.Fate.ANSWER_LOST);

        /* The tracker of the first attempt still waits for its answer when the retry is sent after 10 s, and Java takes a run it
         * has for sent twice: only its silence ends the second attempt, which never ran and so costs nothing. */
        s.ends(Site.SUCCEED, i, 150, "a failure and a success");
        equal(3L, relay.finals(i).stream().filter(f -> f.contains(" 4 ")).count(), "failures reported");
        equal(Arrays.asList("retry0", "retry0"), s.column("lost-retry", 2), "runs");
        equal(2L, s.info(i).getRunningTimes(), "runningTimes");
        String d = s.info(i).getTaskTrackerAddress();
        equal(Arrays.asList("failed@" + d, "lost@" + d, "succeeded@" + d), s.attempts(i), "attempts");
    }

    private long onE(String name, ExecuteType type, String params, int retries) {
        SaveJobInfoRequest r = s.witnessed(name, type == ExecuteType.BROADCAST ? "Everywhere" : "Patient", type);

        r.setDispatchStrategy(DispatchStrategy.SPECIFY);
        r.setDispatchStrategyConfig("tagEquals:te");
        if (retries == 0 && type == ExecuteType.STANDALONE) {
            r.setDesignatedWorkers("te");
        }
        r.setInstanceRetryNum(retries);
        return s.start(r, params);
    }

    private void pause() throws Exception {
        s.startWorker("E", s.http, System.getenv("PJ_PORT_E"), "te");
        long ending = onE("paused-ending", ExecuteType.STANDALONE, "60000", 0);
        long going = onE("paused-going", ExecuteType.STANDALONE, "600000", 0);
        long retried = onE("paused-retried", ExecuteType.STANDALONE, "600000,45000", 1);
        until(() -> s.status(ending) == Site.RUNNING && s.status(going) == Site.RUNNING && s.status(retried) == Site.RUNNING, 40,
            "they run, as the server knows");
        String e = s.info(retried).getTaskTrackerAddress();
        equal(e, s.info(ending).getTaskTrackerAddress(), "both are on E");
        s.signal("E", "STOP");
        long paused = System.nanoTime();
        /* Its socket takes the message; nobody answers. */
        long during = onE("paused-during", ExecuteType.STANDALONE, "600000", 0);
        for (long i : new long[] {ending, going}) {
            s.ends(Site.FAILED, i, 70, "silent");
            equal(SILENT, s.result(i), "result");
        }
        long at = s.info(ending).getFinishedTime();
        s.ends(Site.SUCCEED, retried, 110, "retried elsewhere");
        /* No report followed, so it was sent again, until there was nobody to send it to. */
        s.ends(Site.FAILED, during, 150, "sent in the pause");
        equal("no worker available", s.result(during), "result");
        Thread.sleep(Math.max(0, 90000 - (System.nanoTime() - paused) / 1000000));
        List<String> attempts = s.attempts(retried);
        s.signal("E", "CONT");
        until(() -> s.column("paused-ending", 2).contains("end"), 60, "the first run ends on the worker");
        until(() -> s.column("paused-going", 2).contains("interrupted"), 90, "what is over is stopped when it reports");
        until(() -> s.lines("paused-during").size() != 1, 90, "so is what it took late");
        holds(!s.column("paused-during", 2).contains("end"), "nothing of it ends by itself");
        for (long i : new long[] {ending, going}) {
            equal(Site.FAILED, s.status(i), "status when the worker is back");
            equal(SILENT, s.result(i), "result when the worker is back");
            equal(Collections.singletonList("lost@" + e), s.attempts(i), "attempts");
        }
        equal("no worker available", s.result(during), "result when the worker is back");
        equal(at, s.info(ending).getFinishedTime(), "finishedTime");
        equal(Site.SUCCEED, s.status(retried), "status of the retried one");
        equal(2L, s.info(retried).getRunningTimes(), "runningTimes of the retried one");
        equal(attempts, s.attempts(retried), "its attempts");
        elsewhere(attempts, e);
        s.ends(Site.SUCCEED, onE("paused-after", ExecuteType.STANDALONE, "10", 0), 60, "it works again");
        equal(Arrays.asList("E", "E"), s.column("paused-after", 0), "worker");
        killed(e);
    }

    /** The silent worker may have been tried again, as long as its heartbeats were not missed for long enough. */
    private static void elsewhere(List<String> attempts, String e) {
        String last = attempts.get(attempts.size() - 1);

        equal("lost@" + e, attempts.get(0), "the first attempt");
        holds(last.startsWith("succeeded@") && !last.endsWith("@" + e), "the last ran elsewhere: " + attempts);
        holds(attempts.subList(0, attempts.size() - 1).stream().allMatch(a -> a.endsWith("@" + e)), "in between: " + attempts);
    }

    /** Its tracker on the worker with the tag, its tasks also on A; one task at a time on each. */
    private long mapOn(String name, String tag) {
        SaveJobInfoRequest r = s.witnessed(name, "Split", ExecuteType.MAP);

        r.setDesignatedWorkers("ta,te");
        r.setDispatchStrategy(DispatchStrategy.SPECIFY);
        r.setDispatchStrategyConfig("tagEquals:" + tag);
        r.setConcurrency(1);
        r.setInstanceRetryNum(1);
        return s.start(r, "2000");
    }

    private void killed(String e) throws Exception {
        long part = mapOn("killed-map-part", "ta"), tracker = mapOn("killed-map", "te");
        long failing = onE("killed", ExecuteType.STANDALONE, "600000", 0);
        long retried = onE("killed-retried", ExecuteType.STANDALONE, "600000,10", 1);
        long broadcast = onE("killed-broadcast", ExecuteType.BROADCAST, "12000", 1);

        until(() -> s.status(failing) == Site.RUNNING && s.status(retried) == Site.RUNNING && s.status(tracker) == Site.RUNNING
            && s.status(broadcast) == Site.RUNNING, 40, "they run");
        equal(e, s.info(broadcast).getTaskTrackerAddress(), "tracker of the broadcast");
        equal(e, s.info(tracker).getTaskTrackerAddress(), "tracker of the map");
        until(() -> s.column("killed-map-part", 0).contains("E"), 40, "a task of A's map has run on E");
        s.signal("E", "KILL");
        s.ends(Site.FAILED, failing, 70, "killed");
        equal(SILENT, s.result(failing), "result");
        s.ends(Site.SUCCEED, retried, 120, "retried");
        equal(2L, s.info(retried).getRunningTimes(), "runningTimes");
        elsewhere(s.attempts(retried), e);
        s.ends(Site.SUCCEED, tracker, 200, "a map whose tracker died");
        elsewhere(s.attempts(tracker), e);
        s.ends(Site.SUCCEED, broadcast, 200, "the broadcast goes elsewhere");
        elsewhere(s.attempts(broadcast), e);
        s.ends(Site.SUCCEED, part, 200, "a map that lost a worker");
        equal(1, s.attempts(part).size(), "its attempts");
        for (String name : Arrays.asList("killed-map", "killed-map-part")) {
            equal(10, s.distinct(name, 2).size(), "tasks of " + name);
        }
    }
}

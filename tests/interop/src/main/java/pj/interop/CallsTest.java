package pj.interop;

import static pj.interop.Check.data;
import static pj.interop.Check.equal;
import static pj.interop.Check.holds;
import static pj.interop.Check.refused;
import static pj.interop.Site.job;
import static pj.interop.Site.timed;

import java.util.Arrays;
import java.util.Collections;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import tech.powerjob.client.PowerJobClient;
import tech.powerjob.common.enums.DispatchStrategy;
import tech.powerjob.common.enums.ExecuteType;
import tech.powerjob.common.enums.InstanceStatus;
import tech.powerjob.common.enums.ProcessorType;
import tech.powerjob.common.enums.TimeExpressionType;
import tech.powerjob.common.enums.WorkflowNodeType;
import tech.powerjob.common.model.AlarmConfig;
import tech.powerjob.common.model.JobAdvancedRuntimeConfig;
import tech.powerjob.common.model.LifeCycle;
import tech.powerjob.common.model.LogConfig;
import tech.powerjob.common.model.PEWorkflowDAG;
import tech.powerjob.common.request.http.SaveJobInfoRequest;
import tech.powerjob.common.request.http.SaveWorkflowNodeRequest;
import tech.powerjob.common.request.http.SaveWorkflowRequest;
import tech.powerjob.common.request.query.InstancePageQuery;
import tech.powerjob.common.request.query.JobInfoQuery;
import tech.powerjob.common.response.InstanceInfoDTO;
import tech.powerjob.common.response.JobInfoDTO;
import tech.powerjob.common.response.PageResult;
import tech.powerjob.common.response.ResultDTO;

/** Every call of the real OpenAPI client about jobs and instances, with right and with wrong arguments. */
final class CallsTest {
    private static final long NONE = 99999999L;
    private final Site s;
    private final Site other;
    private final PowerJobClient c;

    CallsTest(Site site, Site otherApp) {
        s = site;
        other = otherApp;
        c = site.client;
    }

    void add(Tap tap) {
        tap.test("a client with a wrong password or app is refused", this::connect);
        tap.test("saveJob, fetchJob: every field comes back", this::fields);
        tap.test("saveJob with an id overwrites; null keeps alarm, log and advanced configuration", this::overwrite);
        tap.test("saveJob refuses what is missing or would not run, in PowerJob's words", this::badJobs);
        tap.test("copyJob, exportJob, disableJob, enableJob, deleteJob, fetchAllJob", this::jobCalls);
        tap.test("queryJob: every filter of the client", this::queryJob);
        tap.test("calls about jobs that are not there, or another app's", this::foreignJobs);
        tap.test("runJob on the Java worker: result, parameters, details", this::run);
        tap.test("a delayed run: cancelInstance, stopInstance, retryInstance", this::delayed);
        tap.test("calls about instances that are not there, or another app's", this::foreignInstances);
        tap.test("queryInstanceInfo: pages, filters, orders", this::queryInstance);
        tap.test("workflow calls say that there are none yet", this::workflows);
    }

    private static String failure(Callable<?> call) {
        try {
            call.call();
        } catch (Throwable e) {
            return String.valueOf(e);
        }
        throw new AssertionError("it was taken");
    }

    private void connect() {
        String e = failure(() -> Site.connect(s.http, s.app, "wrong"));

        holds(e.contains("INCORRECT_PASSWORD"), e);
        e = failure(() -> Site.connect(s.http, "no such app", "x"));
        holds(e.contains("INVALID_APP:no such app"), e);
        e = failure(() -> Site.connect(s.http, s.app, ""));
        holds(e.contains("encryptedPassword"), e);
        e = failure(() -> Site.connect(s.http, s.app, other.password));
        holds(e.contains("INCORRECT_PASSWORD"), e);
    }

    /* --- jobs ------------------------------------------------------------------------------------------------- */

    private static SaveJobInfoRequest full(String name) {
        SaveJobInfoRequest r = timed(job(name, "Echo"), TimeExpressionType.CRON, "0 0 0 1 1 ? 2099");

        r.setJobDescription("what it does");
        r.setJobParams("{\"a\":1,\"zh\":\"中文 😀\"}");
        r.setExecuteType(ExecuteType.MAP_REDUCE);
        r.setMaxInstanceNum(3);
        r.setConcurrency(7);
        r.setInstanceTimeLimit(60000L);
        r.setInstanceRetryNum(1);
        r.setTaskRetryNum(2);
        r.setMinCpuCores(0.1);
        r.setMinMemorySpace(0.25);
        r.setMinDiskSpace(0.5);
        r.setDesignatedWorkers("10.0.0.1:27777,tb");
        r.setMaxWorkerCount(4);
        r.setNotifyUserIds(Arrays.asList(3L, 9007199254740993L));
        r.setExtra("x");
        r.setDispatchStrategy(DispatchStrategy.SPECIFY);
        r.setDispatchStrategyConfig("tagIn:tb");
        LifeCycle life = new LifeCycle();
        life.setStart(4000000000000L);
        life.setEnd(4102444800000L);
        r.setLifeCycle(life);
        r.setAlarmConfig(new AlarmConfig(2, 30, 60));
        r.setTag("tg");
        r.setLogConfig(new LogConfig().setType(2).setLevel(3).setLoggerName("ln"));
        r.setAdvancedRuntimeConfig(new JobAdvancedRuntimeConfig().setTaskTrackerBehavior(11));
        return r;
    }

    /** Each field of the answer against the request's: only two spellings differ, and enums are codes. */
    private static void same(SaveJobInfoRequest r, JobInfoDTO j) {
        Map<String, Object[]> f = new LinkedHashMap<>();

        f.put("jobName", new Object[] {r.getJobName(), j.getJobName()});
        f.put("jobDescription", new Object[] {r.getJobDescription(), j.getJobDescription()});
        f.put("jobParams", new Object[] {r.getJobParams(), j.getJobParams()});
        f.put("timeExpressionType", new Object[] {r.getTimeExpressionType().getV(), j.getTimeExpressionType()});
        f.put("timeExpression", new Object[] {r.getTimeExpression(), j.getTimeExpression()});
        f.put("executeType", new Object[] {r.getExecuteType().getV(), j.getExecuteType()});
        f.put("processorType", new Object[] {r.getProcessorType().getV(), j.getProcessorType()});
        f.put("processorInfo", new Object[] {r.getProcessorInfo(), j.getProcessorInfo()});
        f.put("maxInstanceNum", new Object[] {r.getMaxInstanceNum(), j.getMaxInstanceNum()});
        f.put("concurrency", new Object[] {r.getConcurrency(), j.getConcurrency()});
        f.put("instanceTimeLimit", new Object[] {r.getInstanceTimeLimit(), j.getInstanceTimeLimit()});
        f.put("instanceRetryNum", new Object[] {r.getInstanceRetryNum(), j.getInstanceRetryNum()});
        f.put("taskRetryNum", new Object[] {r.getTaskRetryNum(), j.getTaskRetryNum()});
        f.put("minCpuCores", new Object[] {r.getMinCpuCores(), j.getMinCpuCores()});
        f.put("minMemorySpace", new Object[] {r.getMinMemorySpace(), j.getMinMemorySpace()});
        f.put("minDiskSpace", new Object[] {r.getMinDiskSpace(), j.getMinDiskSpace()});
        f.put("designatedWorkers", new Object[] {r.getDesignatedWorkers(), j.getDesignatedWorkers()});
        f.put("maxWorkerCount", new Object[] {r.getMaxWorkerCount(), j.getMaxWorkerCount()});
        f.put("notifyUserIds", new Object[] {r.getNotifyUserIds().stream().map(String::valueOf)
            .collect(Collectors.joining(",")), j.getNotifyUserIds()});
        f.put("extra", new Object[] {r.getExtra(), j.getExtra()});
        f.put("dispatchStrategy", new Object[] {r.getDispatchStrategy().getV(), j.getDispatchStrategy()});
        f.put("dispatchStrategyConfig", new Object[] {r.getDispatchStrategyConfig(), j.getDispatchStrategyConfig()});
        f.put("lifeCycle", new Object[] {r.getLifeCycle(), LifeCycle.parse(j.getLifecycle())});
        f.put("tag", new Object[] {r.getTag(), j.getTag()});
        f.forEach((name, pair) -> equal(pair[0], pair[1], name));
        config(r.getAlarmConfig(), r.getLogConfig(), j);
        equal(r.getAdvancedRuntimeConfig().getTaskTrackerBehavior(),
            j.getAdvancedRuntimeConfig().getTaskTrackerBehavior(), "taskTrackerBehavior");
    }

    private static void config(AlarmConfig alarm, LogConfig log, JobInfoDTO j) {
        equal(alarm.getAlertThreshold(), j.getAlarmConfig().getAlertThreshold(), "alertThreshold");
        equal(alarm.getStatisticWindowLen(), j.getAlarmConfig().getStatisticWindowLen(), "statisticWindowLen");
        equal(alarm.getSilenceWindowLen(), j.getAlarmConfig().getSilenceWindowLen(), "silenceWindowLen");
        equal(log.getType(), j.getLogConfig().getType(), "log type");
        equal(log.getLevel(), j.getLogConfig().getLevel(), "log level");
        equal(log.getLoggerName(), j.getLogConfig().getLoggerName(), "loggerName");
    }

    private void fields() {
        SaveJobInfoRequest r = full("full");
        long id = s.save(r);
        JobInfoDTO j = data(c.fetchJob(id));

        same(r, j);
        equal(id, j.getId(), "id");
        equal(1, j.getStatus(), "status");
        equal(4070908800000L, j.getNextTriggerTime(), "nextTriggerTime (UTC)");
        holds(Math.abs(j.getGmtCreate().getTime() - System.currentTimeMillis()) < 60000, "gmtCreate " + j.getGmtCreate());
        equal(j.getGmtCreate(), j.getGmtModified(), "gmtModified");
    }

    private void overwrite() {
        SaveJobInfoRequest r = full("overwrite");
        long id = s.save(r);
        SaveJobInfoRequest n = job("overwritten", "Fail");

        n.setId(id);
        n.setEnable(false);
        equal(id, s.save(n), "the same id");
        JobInfoDTO j = data(c.fetchJob(id));
        equal("overwritten", j.getJobName(), "jobName");
        equal("pj.interop.Procs$Fail", j.getProcessorInfo(), "processorInfo");
        equal(TimeExpressionType.API.getV(), j.getTimeExpressionType(), "timeExpressionType");
        equal(null, j.getNextTriggerTime(), "nextTriggerTime");
        equal(2, j.getStatus(), "status");
        equal(null, j.getJobParams(), "jobParams");
        equal(null, j.getDesignatedWorkers(), "designatedWorkers");
        equal(0, j.getInstanceRetryNum(), "instanceRetryNum");
        equal("3,9007199254740993", j.getNotifyUserIds(), "notifyUserIds");
        config(r.getAlarmConfig(), r.getLogConfig(), j);
        n.setNotifyUserIds(Collections.emptyList());
        s.save(n);
        equal("", data(c.fetchJob(id)).getNotifyUserIds(), "notifyUserIds when cleared");
    }

    private interface Spoil {
        void spoil(SaveJobInfoRequest r);
    }

    private void bad(String text, Spoil spoil) {
        SaveJobInfoRequest r = job("bad", "Echo");

        spoil.spoil(r);
        refused(text, c.saveJob(r), text);
    }

    private void badTime(String text, TimeExpressionType type, String expression) {
        bad(text, r -> timed(r, type, expression));
    }

    private static LifeCycle life(Long start, Long end) {
        LifeCycle l = new LifeCycle();

        l.setStart(start);
        l.setEnd(end);
        return l;
    }

    private void badJobs() {
        int before = data(c.queryJob(new JobInfoQuery().setJobNameEq("bad"))).size();

        for (String name : new String[] {null, ""}) {
            bad("PowerJobException: jobName can't be empty", r -> r.setJobName(name));
            bad("PowerJobException: processorInfo can't be empty", r -> r.setProcessorInfo(name));
        }
        bad("PowerJobException: executeType can't be empty", r -> r.setExecuteType(null));
        bad("PowerJobException: processorType can't be empty", r -> r.setProcessorType(null));
        bad("PowerJobException: timeExpressionType can't be empty", r -> r.setTimeExpressionType(null));
        bad("PowerJobException: illegal alarm config!", r -> r.setAlarmConfig(new AlarmConfig(1, null, 2)));
        bad("PowerJobException: lifecycle is out of date!", r -> r.setLifeCycle(life(null, 1000L)));
        bad("PowerJobException: lifecycle is invalid! start time must earlier then end time.",
            r -> r.setLifeCycle(life(4102444800000L, 4000000000000L)));
        for (TimeExpressionType t : new TimeExpressionType[] {TimeExpressionType.FIXED_RATE, TimeExpressionType.FIXED_DELAY}) {
            String what = t == TimeExpressionType.FIXED_RATE ? "rate" : "delay";
            badTime("PowerJobException: invalid timeExpression!", t, "soon");
            badTime("PowerJobException: invalid timeExpression!", t, null);
            badTime("PowerJobException: the " + what + " must be less than 120000ms", t, "120001");
            badTime("PowerJobException: the " + what + " must be greater than 0 ms", t, "0");
        }
        badTime("PowerJobException: time expression is out of date: 0 0 0 1 1 ? 2001", TimeExpressionType.CRON,
            "0 0 0 1 1 ? 2001");
        for (String cron : new String[] {null, "", "every day", "0 0 99 * * ?", "0 0 12 *", "0 0 12 * * ? 2099 x"}) {
            holds(!c.saveJob(timed(job("bad", "Echo"), TimeExpressionType.CRON, cron)).isSuccess(), "cron " + cron);
        }
        for (String daily : new String[] {null, "{}", "nonsense", "{\"interval\":0,\"startTimeOfDay\":\"00:00:00\","
            + "\"endTimeOfDay\":\"01:00:00\"}", "{\"interval\":1,\"startTimeOfDay\":\"25:00:00\",\"endTimeOfDay\":\"1:0:0\"}"}) {
            holds(!c.saveJob(timed(job("bad", "Echo"), TimeExpressionType.DAILY_TIME_INTERVAL, daily)).isSuccess(),
                "daily " + daily);
        }
        ResultDTO<Long> r = c.saveJob(timed(job("bad", "Echo"), TimeExpressionType.DAILY_TIME_INTERVAL,
            "{\"interval\":5,\"startTimeOfDay\":\"10:00:00\",\"endTimeOfDay\":\"09:00:00\"}"));
        holds(!r.isSuccess() && r.getMessage().contains("endTime should after startTime!"), String.valueOf(r.getMessage()));
        bad("PowerJobException: maxInstanceNum: -1 is not in 0..2147483647", x -> x.setMaxInstanceNum(-1));
        bad("PowerJobException: instanceRetryNum: -1 is not in 0..2147483647", x -> x.setInstanceRetryNum(-1));
        bad("IllegalArgumentException: can't find job by jobId: " + NONE, x -> x.setId(NONE));
        equal(before, data(c.queryJob(new JobInfoQuery().setJobNameEq("bad"))).size(), "jobs that were kept all the same");
    }

    private void jobCalls() {
        SaveJobInfoRequest r = full("calls");
        long id = s.save(r);
        long copy = data(c.copyJob(id));
        JobInfoDTO j = data(c.fetchJob(copy));

        equal("calls_COPY", j.getJobName(), "the copy's name");
        r.setJobName("calls_COPY");
        same(r, j);
        SaveJobInfoRequest e = data(c.exportJob(id));
        holds(e.getId() == null && e.getJobName().matches("calls_EXPORT_\\d+"), "exported: " + e);
        long again = s.save(e);
        r.setJobName(e.getJobName());
        same(r, data(c.fetchJob(again)));
        data(c.disableJob(id));
        equal(2, data(c.fetchJob(id)).getStatus(), "status after disableJob");
        data(c.disableJob(id));
        data(c.enableJob(id));
        equal(1, data(c.fetchJob(id)).getStatus(), "status after enableJob");
        equal(4070908800000L, data(c.fetchJob(id)).getNextTriggerTime(), "nextTriggerTime after enableJob");
        data(c.deleteJob(id));
        equal(99, data(c.fetchJob(id)).getStatus(), "status after deleteJob");
        refused("IllegalStateException: can't copy the job which has been deleted!", c.copyJob(id), "copyJob of a deleted job");
        List<JobInfoDTO> all = data(c.fetchAllJob());
        equal(1L, all.stream().filter(x -> x.getId() == id && x.getStatus() == 99).count(), "fetchAllJob has the deleted one");
        equal(1L, all.stream().filter(x -> x.getId() == copy && x.getStatus() == 1).count(), "fetchAllJob has the copy");
    }

    private void queried(long id, String what, JobInfoQuery q) {
        List<Long> ids = data(c.queryJob(q.setJobNameLike("queried-"))).stream().map(JobInfoDTO::getId)
            .collect(Collectors.toList());

        equal(Collections.singletonList(id), ids, what);
    }

    private void queryJob() {
        long a = s.save(full("queried-a"));
        SaveJobInfoRequest r = job("queried-b", "Fail");

        r.setJobDescription("the other one");
        r.setJobParams("plain");
        r.setTag("second");
        r.setNotifyUserIds(Arrays.asList(77L));
        r.setEnable(false);
        long b = s.save(r);
        JobInfoDTO j = data(c.fetchJob(a));
        Date later = new Date(j.getGmtCreate().getTime() + 3600000), before = new Date(j.getGmtCreate().getTime() - 3600000);
        queried(a, "idEq", new JobInfoQuery().setIdEq(a));
        queried(a, "idLt", new JobInfoQuery().setIdLt(b));
        queried(b, "idGt", new JobInfoQuery().setIdGt(a));
        queried(b, "jobDescriptionLike", new JobInfoQuery().setJobDescriptionLike("other"));
        queried(a, "jobParamsLike", new JobInfoQuery().setJobParamsLike("中文"));
        queried(a, "timeExpressionTypeIn", new JobInfoQuery().setTimeExpressionTypeIn(Arrays.asList(2, 3)));
        queried(b, "executeTypeIn", new JobInfoQuery().setExecuteTypeIn(Arrays.asList(1, 2)));
        queried(b, "processorInfoEq", new JobInfoQuery().setProcessorInfoEq("pj.interop.Procs$Fail"));
        queried(a, "processorInfoLike", new JobInfoQuery().setProcessorInfoLike("Echo"));
        queried(b, "statusIn", new JobInfoQuery().setStatusIn(Arrays.asList(2)));
        queried(a, "nextTriggerTimeGt", new JobInfoQuery().setNextTriggerTimeGt(4000000000000L));
        queried(b, "notifyUserIdsLike", new JobInfoQuery().setNotifyUserIdsLike("77"));
        queried(a, "dispatchStrategyEq", new JobInfoQuery().setDispatchStrategyEq(11));
        queried(b, "tagEq", new JobInfoQuery().setTagEq("second"));
        queried(a, "gmtCreateLt, gmtModifiedGt", new JobInfoQuery().setIdEq(a).setGmtCreateLt(later).setGmtModifiedGt(before));
        equal(0, data(c.queryJob(new JobInfoQuery().setIdEq(a).setGmtCreateGt(later))).size(), "gmtCreateGt");
        equal(0, data(c.queryJob(new JobInfoQuery().setIdEq(a).setProcessorTypeIn(Arrays.asList(4)))).size(), "processorTypeIn");
        equal(0, data(c.queryJob(new JobInfoQuery().setIdEq(NONE))).size(), "an id that is not there");
        equal(0, data(c.queryJob(new JobInfoQuery().setIdEq(a).setStatusIn(Arrays.asList(77)))).size(), "no such status");
        equal(0, data(other.client.queryJob(new JobInfoQuery().setIdEq(a))).size(), "another app's");
        equal(0, data(other.client.fetchAllJob()).stream().filter(x -> x.getId() == a).count() > 0 ? 1 : 0, "fetchAllJob");
    }

    private void foreignJobs() {
        long id = s.save(job("mine", "Echo"));
        String missing = "IllegalArgumentException: can't find job by jobId: " + NONE;

        everyJobCall(c, NONE, missing);
        everyJobCall(c, -1, "IllegalArgumentException: can't find job by jobId: -1");
        long otherApp = data(other.client.fetchJob(other.save(job("its", "Echo")))).getAppId();
        everyJobCall(other.client, id, "IllegalArgumentException: this job is not belong to the app whose appId is " + otherApp);
        JobInfoDTO j = data(c.fetchJob(id));
        equal(1, j.getStatus(), "it is untouched: status");
        equal("mine", j.getJobName(), "it is untouched: jobName");
    }

    private static void everyJobCall(PowerJobClient c, long id, String text) {
        SaveJobInfoRequest r = job("taken over", "Fail");

        r.setId(id);
        if (id > 0) {
            refused(text, c.saveJob(r), "saveJob");
        }
        refused(text, c.fetchJob(id), "fetchJob");
        refused(text, c.copyJob(id), "copyJob");
        refused(text, c.exportJob(id), "exportJob");
        refused(text, c.enableJob(id), "enableJob");
        refused(text, c.disableJob(id), "disableJob");
        refused(text, c.deleteJob(id), "deleteJob");
        refused(text, c.runJob(id), "runJob");
        refused(text, c.runJob(id, "x", 1000), "runJob with a delay");
    }

    /* --- instances -------------------------------------------------------------------------------------------- */

    private void run() throws Exception {
        SaveJobInfoRequest r = job("echo", "Echo");

        r.setJobParams("jp");
        long id = s.save(r);
        long i = data(c.runJob(id, "ip 参数 &=", 0));
        s.ends(Site.SUCCEED, i, 30, "echo");
        InstanceInfoDTO info = s.info(i);
        equal("job=jp;instance=ip 参数 &=", info.getResult(), "result");
        equal(id, info.getJobId(), "jobId");
        equal(i, info.getInstanceId(), "instanceId");
        equal("jp", info.getJobParams(), "jobParams");
        equal("ip 参数 &=", info.getInstanceParams(), "instanceParams");
        equal(1L, info.getRunningTimes(), "runningTimes");
        equal(1, info.getType(), "type");
        equal(null, info.getWfInstanceId(), "wfInstanceId");
        holds(info.getExpectedTriggerTime() <= info.getActualTriggerTime()
            && info.getActualTriggerTime() <= info.getFinishedTime(), "times: " + info);
        equal(Collections.singletonList("succeeded@" + info.getTaskTrackerAddress()), s.attempts(i), "attempts");
        data(c.disableJob(id));
        s.ends(Site.SUCCEED, data(c.runJob(id)), 30, "a disabled job runs by hand");
        i = s.start(job("none", "DoesNotExist"));
        s.ends(Site.FAILED, i, 30, "no such processor");
        holds(s.result(i).contains("init TaskTracker failed"), "result " + s.result(i));
        i = s.start(job("fail", "Fail"));
        s.ends(Site.FAILED, i, 30, "fail");
        holds(s.result(i).contains("boom on purpose"), "result " + s.result(i));
        refused("PowerJobException: instance already up and running", c.cancelInstance(i), "cancelInstance");
        refused("IllegalArgumentException: can't stop finished instance!", c.stopInstance(i), "stopInstance");
        data(c.retryInstance(i));
        s.ends(Site.FAILED, i, 30, "fail again");
        equal(2L, s.info(i).getRunningTimes(), "runningTimes after retryInstance");
    }

    private void delayed() {
        long id = s.save(job("later", "Echo"));
        long i = data(c.runJob(id, "x", 60000)), k = data(c.runJob(id, "x", 60000));

        equal(InstanceStatus.WAITING_DISPATCH.getV(), s.status(i), "status before");
        long due = s.info(i).getExpectedTriggerTime() - System.currentTimeMillis();
        holds(due > 20000 && due <= 60000, "due in " + due + " ms");
        refused("PowerJobException: Only stopped instance can be retry!", c.retryInstance(i), "retryInstance of what waits");
        data(c.cancelInstance(i));
        equal(Site.CANCELED, s.status(i), "status after cancelInstance");
        equal("canceled by user", s.result(i), "result");
        refused("PowerJobException: instance already up and running", c.cancelInstance(i), "a second cancelInstance");
        data(c.stopInstance(k));
        equal(Site.STOPPED, s.status(k), "status after stopInstance");
        equal("stopped by user", s.result(k), "result");
        equal(null, s.info(k).getTaskTrackerAddress(), "no worker had it");
    }

    private void foreignInstances() {
        long id = s.save(job("later-mine", "Echo"));
        long i = data(c.runJob(id, "x", 600000));
        long otherApp = data(other.client.fetchJob(other.save(job("its-own", "Echo")))).getAppId();
        String foreign = "IllegalArgumentException: instance is not belong to the app whose appId is " + otherApp;

        everyInstanceCall(c, NONE, "IllegalArgumentException: can't find instance by instanceId: " + NONE,
            "IllegalArgumentException: invalid instanceId: " + NONE);
        everyInstanceCall(other.client, i, foreign, foreign);
        equal(InstanceStatus.WAITING_DISPATCH.getV(), s.status(i), "it is untouched");
        data(c.cancelInstance(i));
    }

    private static void everyInstanceCall(PowerJobClient c, long id, String change, String read) {
        refused(change, c.stopInstance(id), "stopInstance");
        refused(change, c.cancelInstance(id), "cancelInstance");
        refused(change, c.retryInstance(id), "retryInstance");
        refused(read, c.fetchInstanceStatus(id), "fetchInstanceStatus");
        refused(read, c.fetchInstanceInfo(id), "fetchInstanceInfo");
        InstancePageQuery q = new InstancePageQuery();
        q.setInstanceIdEq(id);
        equal(0L, data(c.queryInstanceInfo(q)).getTotalItems(), "queryInstanceInfo");
    }

    private void queryInstance() {
        long id = s.save(job("paged", "Echo"));
        List<Long> ids = Arrays.asList(data(c.runJob(id, "a", 600000)), data(c.runJob(id, "b", 600000)),
            data(c.runJob(id, "c", 600000)));
        InstancePageQuery q = new InstancePageQuery();

        data(c.cancelInstance(ids.get(1)));
        q.setJobIdEq(id);
        q.setPageSize(2);
        q.setSortBy("id");
        PageResult<InstanceInfoDTO> page = data(c.queryInstanceInfo(q));
        equal("0 2 2 3", page.getIndex() + " " + page.getPageSize() + " " + page.getTotalPages() + " " + page.getTotalItems(),
            "the first page");
        equal(ids.subList(0, 2), page.getData().stream().map(InstanceInfoDTO::getInstanceId).collect(Collectors.toList()),
            "its instances");
        q.setIndex(1);
        equal(ids.get(2), data(c.queryInstanceInfo(q)).getData().get(0).getInstanceId(), "the second page");
        q.setIndex(9);
        equal(0, data(c.queryInstanceInfo(q)).getData().size(), "a page beyond the end");
        q.setIndex(0);
        q.setStatusIn(Arrays.asList(Site.CANCELED));
        equal(ids.get(1), data(c.queryInstanceInfo(q)).getData().get(0).getInstanceId(), "by status");
        q.setStatusIn(Arrays.asList(77));
        equal(0L, data(c.queryInstanceInfo(q)).getTotalItems(), "no such status");
        q.setStatusIn(null);
        q.setInstanceIdGt(ids.get(0));
        q.setInstanceIdLt(ids.get(2));
        equal(1L, data(c.queryInstanceInfo(q)).getTotalItems(), "between two ids");
        q.setGmtCreateLt(new Date(1000));
        equal(0L, data(c.queryInstanceInfo(q)).getTotalItems(), "gmtCreateLt");
        q = new InstancePageQuery();
        q.setSortBy("noSuchField");
        refused("PropertyReferenceException: No property 'noSuchField' found for type 'InstanceInfoDO'!", c.queryInstanceInfo(q),
            "sortBy");
        q = new InstancePageQuery();
        q.setIndex(-1);
        holds(!c.queryInstanceInfo(q).isSuccess(), "a negative index");
        for (long i : ids) {
            c.cancelInstance(i);
        }
    }

    /* --- workflows -------------------------------------------------------------------------------------------- */

    private static void notYet(ResultDTO<?> r, String what) {
        holds(!r.isSuccess(), what + " was taken");
        holds(r.getMessage().endsWith(" is not implemented by pj-serverd yet"), what + ": " + r.getMessage());
    }

    private void workflows() {
        SaveWorkflowRequest w = new SaveWorkflowRequest();
        SaveWorkflowNodeRequest n = new SaveWorkflowNodeRequest();

        w.setWfName("flow");
        w.setTimeExpressionType(TimeExpressionType.API);
        w.setDag(new PEWorkflowDAG());
        n.setType(WorkflowNodeType.JOB.getCode());
        n.setJobId(1L);
        notYet(c.saveWorkflow(w), "saveWorkflow");
        notYet(c.saveWorkflowNode(Collections.singletonList(n)), "saveWorkflowNode");
        notYet(c.copyWorkflow(1L), "copyWorkflow");
        notYet(c.fetchWorkflow(1L), "fetchWorkflow");
        notYet(c.disableWorkflow(1L), "disableWorkflow");
        notYet(c.enableWorkflow(1L), "enableWorkflow");
        notYet(c.deleteWorkflow(1L), "deleteWorkflow");
        notYet(c.runWorkflow(1L, "x", 0), "runWorkflow");
        notYet(c.stopWorkflowInstance(1L), "stopWorkflowInstance");
        notYet(c.retryWorkflowInstance(1L), "retryWorkflowInstance");
        notYet(c.markWorkflowNodeAsSuccess(1L, 1L), "markWorkflowNodeAsSuccess");
        notYet(c.fetchWorkflowInstanceInfo(1L), "fetchWorkflowInstanceInfo");
    }
}

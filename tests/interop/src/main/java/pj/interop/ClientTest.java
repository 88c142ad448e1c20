package pj.interop;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import tech.powerjob.client.PowerJobClient;
import tech.powerjob.common.enums.DispatchStrategy;
import tech.powerjob.common.enums.ExecuteType;
import tech.powerjob.common.enums.InstanceStatus;
import tech.powerjob.common.enums.ProcessorType;
import tech.powerjob.common.enums.TimeExpressionType;
import tech.powerjob.common.request.http.SaveJobInfoRequest;
import tech.powerjob.common.response.InstanceInfoDTO;
import tech.powerjob.common.response.JobInfoDTO;
import tech.powerjob.common.response.ResultDTO;

/** The real OpenAPI client against pj-serverd: ClientTest HTTP APP PASSWORD WORKDIR. Prints TAP. */
public final class ClientTest {
    private static int number;
    private static int failed;

    static void test(String name, Callable<Void> body) {
        number++;
        try {
            body.call();
            System.out.println("ok " + number + " - " + name);
        } catch (Throwable e) {
            failed++;
            System.out.println("not ok " + number + " - " + name);
            System.out.println("# " + String.valueOf(e).replace("\n", "\n# "));
        }
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

    static SaveJobInfoRequest job(String name, String processor) {
        SaveJobInfoRequest r = new SaveJobInfoRequest();
        r.setJobName(name);
        r.setTimeExpressionType(TimeExpressionType.API);
        r.setExecuteType(ExecuteType.STANDALONE);
        r.setProcessorType(ProcessorType.BUILT_IN);
        r.setProcessorInfo("pj.interop.Procs$" + processor);
        r.setDispatchStrategy(DispatchStrategy.HEALTH_FIRST);
        return r;
    }

    static int waitFor(PowerJobClient c, long instance, int seconds) throws Exception {
        int status = 0;

        for (int i = 0; i < seconds * 20; i++) {
            status = data(c.fetchInstanceStatus(instance));
            if (status >= InstanceStatus.FAILED.getV()) {
                return status;
            }
            Thread.sleep(50);
        }
        throw new AssertionError("instance " + instance + " still has status " + status);
    }

    interface Condition {
        boolean holds() throws Exception;
    }

    static void waitUntil(Condition condition, int seconds, String what) throws Exception {
        for (int i = 0; i < seconds * 20; i++) {
            if (condition.holds()) {
                return;
            }
            Thread.sleep(50);
        }
        throw new AssertionError(what + ": not within " + seconds + " s");
    }

    public static void main(String[] args) throws Exception {
        String http = args[0], app = args[1], password = args[2];
        Path dir = Paths.get(args[3]);
        PowerJobClient c = new PowerJobClient(http, app, password);
        FleetTest fleet = new FleetTest(c, dir);
        fleet.start();

        test("a wrong password is refused", () -> {
            try {
                new PowerJobClient(http, app, "wrong").close();
            } catch (Exception e) {
                holds(String.valueOf(e).contains("INCORRECT_PASSWORD"), String.valueOf(e));
                return null;
            }
            throw new AssertionError("it was let in");
        });
        test("saveJob, fetchJob: every plain field comes back", () -> {
            SaveJobInfoRequest r = job("full", "Echo");
            r.setJobDescription("what it does");
            r.setJobParams("{\"a\":1,\"zh\":\"中文 😀\"}");
            r.setTimeExpressionType(TimeExpressionType.CRON);
            r.setTimeExpression("0 0 0 1 1 ? 2099");
            r.setMaxInstanceNum(3);
            r.setConcurrency(7);
            r.setInstanceTimeLimit(60000L);
            r.setInstanceRetryNum(1);
            r.setTaskRetryNum(2);
            r.setMinCpuCores(0.1);
            r.setMaxWorkerCount(4);
            r.setTag("tg");
            r.setExtra("x");
            long id = data(c.saveJob(r));
            JobInfoDTO j = data(c.fetchJob(id));
            equal(id, j.getId(), "id");
            equal("full", j.getJobName(), "jobName");
            equal("what it does", j.getJobDescription(), "jobDescription");
            equal("{\"a\":1,\"zh\":\"中文 😀\"}", j.getJobParams(), "jobParams");
            equal(TimeExpressionType.CRON.getV(), j.getTimeExpressionType(), "timeExpressionType");
            equal("0 0 0 1 1 ? 2099", j.getTimeExpression(), "timeExpression");
            equal(3, j.getMaxInstanceNum(), "maxInstanceNum");
            equal(7, j.getConcurrency(), "concurrency");
            equal(60000L, j.getInstanceTimeLimit(), "instanceTimeLimit");
            equal(1, j.getInstanceRetryNum(), "instanceRetryNum");
            equal(2, j.getTaskRetryNum(), "taskRetryNum");
            equal(0.1, j.getMinCpuCores(), "minCpuCores");
            equal(4, j.getMaxWorkerCount(), "maxWorkerCount");
            equal("tg", j.getTag(), "tag");
            equal("x", j.getExtra(), "extra");
            equal(1, j.getStatus(), "status");
            holds(j.getNextTriggerTime() != null && j.getGmtCreate() != null && j.getGmtModified() != null, "times");
            data(c.disableJob(id));
            equal(2, data(c.fetchJob(id)).getStatus(), "status after disable");
            data(c.enableJob(id));
            equal(1, data(c.fetchJob(id)).getStatus(), "status after enable");
            data(c.deleteJob(id));
            equal(99, data(c.fetchJob(id)).getStatus(), "status after delete");
            List<JobInfoDTO> all = data(c.fetchAllJob());
            holds(all.stream().anyMatch(x -> x.getId() == id), "fetchAllJob has it");
            return null;
        });
        test("runJob on the Java worker: result, parameters, details", () -> {
            SaveJobInfoRequest r = job("echo", "Echo");
            r.setJobParams("jp");
            long id = data(c.saveJob(r));
            long i = data(c.runJob(id, "ip 参数 &=", 0));
            equal(InstanceStatus.SUCCEED.getV(), waitFor(c, i, 30), "status");
            InstanceInfoDTO info = data(c.fetchInstanceInfo(i));
            equal("job=jp;instance=ip 参数 &=", info.getResult(), "result");
            equal(id, info.getJobId(), "jobId");
            equal(i, info.getInstanceId(), "instanceId");
            equal(1L, info.getRunningTimes(), "runningTimes");
            holds(info.getActualTriggerTime() != null && info.getFinishedTime() != null, "times");
            return null;
        });
        test("a failing processor ends FAILED with its text", () -> {
            long i = data(c.runJob(data(c.saveJob(job("fail", "Fail")))));
            equal(InstanceStatus.FAILED.getV(), waitFor(c, i, 30), "status");
            holds(data(c.fetchInstanceInfo(i)).getResult().contains("boom on purpose"), "result");
            data(c.retryInstance(i));
            equal(InstanceStatus.FAILED.getV(), waitFor(c, i, 30), "status after retryInstance");
            return null;
        });
        test("instanceRetryNum is kept with its delay", () -> {
            SaveJobInfoRequest r = job("fail-retry", "Fail");
            r.setInstanceRetryNum(1);
            long i = data(c.runJob(data(c.saveJob(r))));
            equal(InstanceStatus.FAILED.getV(), waitFor(c, i, 40), "status");
            equal(2L, data(c.fetchInstanceInfo(i)).getRunningTimes(), "runningTimes");
            return null;
        });
        test("a processor that does not exist ends FAILED", () -> {
            long i = data(c.runJob(data(c.saveJob(job("none", "DoesNotExist")))));
            equal(InstanceStatus.FAILED.getV(), waitFor(c, i, 30), "status");
            holds(data(c.fetchInstanceInfo(i)).getResult().contains("init TaskTracker failed"), "result");
            return null;
        });
        test("stopInstance is STOPPED at once and stays so", () -> {
            long i = data(c.runJob(data(c.saveJob(job("sleep", "Sleep"))), "8000", 0));
            while (data(c.fetchInstanceStatus(i)) == 1) {
                Thread.sleep(20);
            }
            Thread.sleep(1000);
            data(c.stopInstance(i));
            equal(InstanceStatus.STOPPED.getV(), data(c.fetchInstanceStatus(i)), "status at once");
            holds(!c.stopInstance(i).isSuccess(), "a second stop is refused");
            Thread.sleep(9000);
            equal(InstanceStatus.STOPPED.getV(), data(c.fetchInstanceStatus(i)), "status when the sleep would be over");
            return null;
        });
        test("a delayed run can be cancelled", () -> {
            long i = data(c.runJob(data(c.saveJob(job("later", "Echo"))), "x", 60000));
            equal(1, data(c.fetchInstanceStatus(i)), "status before");
            data(c.cancelInstance(i));
            equal(InstanceStatus.CANCELED.getV(), data(c.fetchInstanceStatus(i)), "status after");
            return null;
        });
        test("a cron job of every second fires every second on the Java worker", () -> {
            Path file = dir.resolve("cron-witness");
            SaveJobInfoRequest r = job("cron", "Witness");
            r.setJobParams(file.toString());
            r.setTimeExpressionType(TimeExpressionType.CRON);
            r.setTimeExpression("* * * * * ?");
            long id = data(c.saveJob(r));
            Thread.sleep(6000);
            data(c.disableJob(id));
            Thread.sleep(1500);
            int lines = Files.readAllLines(file).size();
            holds(lines >= 5 && lines <= 8, lines + " runs in 6 s");
            return null;
        });
        test("errors have PowerJob's texts", () -> {
            equal("IllegalArgumentException: can't find job by jobId: 99999999", c.runJob(99999999L).getMessage(), "runJob");
            holds(c.fetchInstanceStatus(12345L).getMessage().contains("invalid instanceId: 12345"), "fetchInstanceStatus");
            SaveJobInfoRequest r = job("bad", "Echo");
            r.setTimeExpressionType(TimeExpressionType.CRON);
            r.setTimeExpression("0 0 99 * * ?");
            holds(!c.saveJob(r).isSuccess(), "a bad expression is refused");
            return null;
        });
        fleet.check();
        if (System.getenv("INTEROP_LONG") != null) {
            fleet.checkLong();
        }
        c.close();
        System.out.println("1.." + number);
        System.exit(failed == 0 ? 0 : 1);
    }

    private ClientTest() {
    }
}

package pj.interop;

import static pj.interop.Check.data;
import static pj.interop.Check.equal;
import static pj.interop.Check.holds;
import static pj.interop.Check.until;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.Collectors;
import tech.powerjob.client.ClientConfig;
import tech.powerjob.client.PowerJobClient;
import tech.powerjob.common.enums.DispatchStrategy;
import tech.powerjob.common.enums.ExecuteType;
import tech.powerjob.common.enums.InstanceStatus;
import tech.powerjob.common.enums.ProcessorType;
import tech.powerjob.common.enums.TimeExpressionType;
import tech.powerjob.common.request.http.SaveJobInfoRequest;
import tech.powerjob.common.response.InstanceInfoDTO;

/** One pj-serverd with its workers in a directory that `run` made, seen as one app. */
final class Site {
    static final int RUNNING = InstanceStatus.RUNNING.getV();
    static final int FAILED = InstanceStatus.FAILED.getV();
    static final int SUCCEED = InstanceStatus.SUCCEED.getV();
    static final int CANCELED = InstanceStatus.CANCELED.getV();
    static final int STOPPED = InstanceStatus.STOPPED.getV();
    private static final ObjectMapper JSON = new ObjectMapper();

    final String http;
    final String app;
    final String password;
    final Path dir;
    final PowerJobClient client;

    Site(String http, String app, String password, Path dir) {
        this.http = http;
        this.app = app;
        this.password = password;
        this.dir = dir;
        client = connect(http, app, password);
    }

    /** The client gives a call 2 s by default and then sends it again: on a busy machine that is a second job. */
    static PowerJobClient connect(String http, String app, String password) {
        return new PowerJobClient(new ClientConfig().setAddressList(Arrays.asList(http)).setAppName(app)
            .setPassword(password).setConnectionTimeout(20).setReadTimeout(20).setWriteTimeout(20));
    }

    /* --- jobs ------------------------------------------------------------------------------------------------- */

    static SaveJobInfoRequest job(String name, String processor) {
        SaveJobInfoRequest r = new SaveJobInfoRequest();
        r.setJobName(name);
        r.setTimeExpressionType(TimeExpressionType.API);
        r.setExecuteType(ExecuteType.STANDALONE);
        r.setProcessorType(ProcessorType.BUILT_IN);
        r.setProcessorInfo(processor.indexOf('.') < 0 ? "pj.interop.Procs$" + processor : processor);
        r.setDispatchStrategy(DispatchStrategy.HEALTH_FIRST);
        return r;
    }

    static SaveJobInfoRequest timed(SaveJobInfoRequest r, TimeExpressionType type, String expression) {
        r.setTimeExpressionType(type);
        r.setTimeExpression(expression);
        return r;
    }

    /** For the processors that write what they do to the file jobParams names. */
    SaveJobInfoRequest witnessed(String name, String processor, ExecuteType type) {
        SaveJobInfoRequest r = job(name, processor);
        r.setExecuteType(type);
        r.setJobParams(witness(name).toString());
        return r;
    }

    long save(SaveJobInfoRequest r) {
        return data(client.saveJob(r));
    }

    /** Saves and runs. */
    long start(SaveJobInfoRequest r, String params) {
        return data(client.runJob(save(r), params, 0));
    }

    long start(SaveJobInfoRequest r) {
        return start(r, null);
    }

    /* --- instances -------------------------------------------------------------------------------------------- */

    int status(long instance) {
        return data(client.fetchInstanceStatus(instance));
    }

    InstanceInfoDTO info(long instance) {
        return data(client.fetchInstanceInfo(instance));
    }

    String result(long instance) {
        return info(instance).getResult();
    }

    int end(long instance, int seconds) throws Exception {
        until(() -> status(instance) >= FAILED, seconds, "the end of " + instance);
        return status(instance);
    }

    void ends(int status, long instance, int seconds, String what) throws Exception {
        equal(status, end(instance, seconds), what + ": status");
    }

    /** What the server recorded of each attempt: "STATE@WORKER", as pj-ctl shows them. */
    List<String> attempts(long instance) throws Exception {
        List<String> list = new ArrayList<>();

        for (JsonNode a : JSON.readTree(ctl("instance", "show", String.valueOf(instance), "--json")).get("attempts")) {
            list.add(a.get("state").asText() + "@" + a.get("worker").asText());
        }
        return list;
    }

    /* --- witnesses -------------------------------------------------------------------------------------------- */

    Path witness(String name) {
        return dir.resolve("witness-" + name);
    }

    List<String> lines(String name) throws Exception {
        return Files.exists(witness(name)) ? Files.readAllLines(witness(name)) : Collections.emptyList();
    }

    /** Column n of the witness: 0 the worker's name, 1 when, 2 what. */
    List<String> column(String name, int n) throws Exception {
        return lines(name).stream().map(l -> l.split(" ")[n]).collect(Collectors.toList());
    }

    List<String> distinct(String name, int n) throws Exception {
        return column(name, n).stream().distinct().sorted().collect(Collectors.toList());
    }

    /* --- processes -------------------------------------------------------------------------------------------- */

    /** Runs a command to its end; its standard output. */
    String command(String... argv) throws Exception {
        File out = File.createTempFile("out", null, dir.toFile());
        Process p = new ProcessBuilder(argv).redirectOutput(out).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        int code = p.waitFor();
        String text = new String(Files.readAllBytes(out.toPath()), "UTF-8");

        holds(out.delete(), "delete " + out);
        equal(0, code, String.join(" ", argv) + ": " + text + ": exit code");
        return text;
    }

    String ctl(String... arguments) throws Exception {
        List<String> argv = new ArrayList<>(Arrays.asList(System.getenv("PJ_CTL"), "-r", dir.resolve("root").toString(),
            "-a", app));

        argv.addAll(Arrays.asList(arguments));
        return command(argv.toArray(new String[0]));
    }

    /** Starts a Java worker of this app; returns when the server lists it. */
    void startWorker(String name, String serverHttp, String port, String tag) throws Exception {
        int before = readyTimes(name);

        command("sh", dir.resolve("worker").toString(), name, serverHttp, app, port, tag);
        until(() -> readyTimes(name) > before, 90, "worker " + name + " is ready");
        until(() -> ctl("worker", "ls", "--tsv").contains(":" + port + "\t"), 60, "worker " + name + " is listed");
    }

    /** Whether the worker whose port this variable holds is listed. */
    boolean knows(String variable) throws Exception {
        return ctl("worker", "ls", "--tsv").contains(":" + System.getenv(variable) + "\t");
    }

    /** How often it has said so in its log. */
    private int readyTimes(String name) throws Exception {
        Path log = dir.resolve("worker-" + name + ".log");

        return Files.exists(log) ? new String(Files.readAllBytes(log), "UTF-8").split("worker ready", -1).length - 1 : 0;
    }

    ProcessHandle worker(String name) throws Exception {
        return ProcessHandle.of(Long.parseLong(new String(Files.readAllBytes(dir.resolve("worker-" + name + ".pid"))).trim()))
            .get();
    }

    /** Whoever inherited it may be slow to reap it: a zombie is dead enough. */
    private static boolean isDead(long pid) throws Exception {
        try {
            return new String(Files.readAllBytes(Paths.get("/proc/" + pid + "/stat"))).contains(") Z ");
        } catch (IOException e) {
            return true;
        }
    }

    /** SIG to a worker; TERM and KILL return when it is gone. */
    void signal(String name, String sig) throws Exception {
        ProcessHandle p = worker(name);

        command("kill", "-" + sig, String.valueOf(p.pid()));
        if (sig.equals("TERM") || sig.equals("KILL")) {
            until(() -> isDead(p.pid()), 30, name + " is gone");
        }
    }
}

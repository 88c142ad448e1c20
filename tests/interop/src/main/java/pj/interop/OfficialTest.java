package pj.interop;

import static pj.interop.Check.data;
import static pj.interop.Check.equal;
import static pj.interop.Check.holds;
import static pj.interop.Check.until;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import tech.powerjob.common.enums.ExecuteType;
import tech.powerjob.common.request.http.SaveJobInfoRequest;

/** powerjob-official-processors, unchanged, on the Java workers. */
final class OfficialTest {
    private static final String PACKAGE = "tech.powerjob.official.processors.impl.";
    private final Site s;
    private final boolean slow;

    OfficialTest(Site site, boolean withSlow) {
        s = site;
        slow = withSlow;
    }

    void add(Tap tap) {
        tap.test("official processors: shell and Python scripts", this::scripts);
        tap.test("official processors: HTTP, file cleanup, configuration", this::others);
        tap.test("official processors: the verification processor", this::verification);
    }

    private SaveJobInfoRequest official(String name, String type, String params) {
        SaveJobInfoRequest r = Site.job("official-" + name, PACKAGE + type);

        r.setJobParams(params);
        return r;
    }

    private void scripts() throws Exception {
        long good = s.start(official("shell", "script.ShellProcessor", "echo from the shell\necho aside >&2\n"));
        long bad = s.start(official("shell-bad", "script.ShellProcessor", "echo first\nexit 3\n"));
        long params = s.start(official("shell-params", "script.ShellProcessor", "echo of the job"), "echo of the instance");

        s.ends(Site.SUCCEED, good, 40, "shell");
        equal("[INPUT]: from the shell;[ERROR]: aside", s.result(good).replace("\n", "").replace(System.lineSeparator(), ""),
            "result");
        s.ends(Site.FAILED, bad, 40, "exit 3");
        holds(s.result(bad).contains("first"), s.result(bad));
        s.ends(Site.SUCCEED, params, 40, "instance parameters before the job's");
        holds(s.result(params).contains("of the instance"), s.result(params));
        if (System.getenv("PJ_HAS_PYTHON") != null) {
            long python = s.start(official("python", "script.PythonProcessor", "print(6 * 7)\n"));
            s.ends(Site.SUCCEED, python, 40, "Python");
            holds(s.result(python).contains("42"), s.result(python));
        }
        until(() -> s.ctl("instance", "log", String.valueOf(good)).contains("from the shell"), 30, "its output is in the log");
    }

    private void others() throws Exception {
        long get = s.start(official("http", "HttpProcessor", "{\"url\":\"http://" + s.http + "/server/assert?appName=default\"}"));
        long gone = s.start(official("http-404", "HttpProcessor", "{\"url\":\"http://" + s.http + "/nothing\"}"));
        Path old = Files.createDirectory(s.dir.resolve("clean")).resolve("old.log");
        Files.write(old, new byte[1]);
        Files.setLastModifiedTime(old, FileTime.fromMillis(System.currentTimeMillis() - 3600000L * 48));
        Files.write(old.resolveSibling("new.log"), new byte[1]);
        SaveJobInfoRequest r = official("cleanup", "FileCleanupProcessor", "[{\"dirPath\":\"" + old.getParent()
            + "\",\"filePattern\":\"[\\\\s\\\\S]+\\\\.log\",\"retentionTime\":24}]");
        /* Not as a broadcast: its tasks take no time, and the Java tracker may lose their end (see Procs.work). */
        long cleanup = s.start(r);
        long config = s.start(official("config", "ConfigProcessor", "{\"config\":{\"k\":\"v\"}}"));
        s.ends(Site.SUCCEED, config, 40, "configuration");
        equal("UPDATE_SUCCESS", s.result(config), "result");
        s.ends(Site.SUCCEED, get, 40, "GET");
        holds(s.result(get).startsWith("code:200, body:{\"success\":true,\"data\":1"), s.result(get));
        s.ends(Site.FAILED, gone, 40, "GET of nothing");
        holds(s.result(gone).startsWith("code:404, body:"), s.result(gone));
        s.ends(Site.SUCCEED, cleanup, 40, "cleanup");
        holds(s.result(cleanup).endsWith("clean:1"), s.result(cleanup));
        holds(!Files.exists(old), "the old file is removed");
        holds(Files.exists(old.resolveSibling("new.log")), "the new file stays");
    }

    private void verification() throws Exception {
        String type = "VerificationProcessor";
        long base = s.start(official("base", type, "{\"mode\":\"BASE\"}")), error = s.start(official("error", type,
            "{\"mode\":\"ERROR\"}")), exception = s.start(official("exception", type, "{\"mode\":\"EXCEPTION\"}"));
        SaveJobInfoRequest r = official("retry", type, "{\"mode\":\"RETRY\"}");

        r.setTaskRetryNum(2);
        long retry = s.start(r);
        s.ends(Site.SUCCEED, base, 40, "BASE");
        holds(s.result(base).startsWith("EXECUTE_SUCCESSFULLY_"), s.result(base));
        s.ends(Site.FAILED, error, 40, "ERROR");
        equal("EXECUTE_FAILED_FOR_TEST", s.result(error), "result");
        s.ends(Site.FAILED, exception, 40, "EXCEPTION");
        s.ends(Site.SUCCEED, retry, 40, "RETRY");
        equal("RETRY_SUCCESSFULLY!", s.result(retry), "result");
        if (slow) {
            mapReduce(type);
        }
    }

    private void mapReduce(String type) throws Exception {
        SaveJobInfoRequest r = official("mr", type, "{\"mode\":\"MR\",\"batchNum\":2,\"batchSize\":20,\"subTaskSuccessRate\":1.0}");

        r.setExecuteType(ExecuteType.MAP_REDUCE);
        long id = s.save(r);
        long[] i = {0, 0, 0};
        for (int k = 0; k < i.length; k++) { /* the Java tracker may lose a success (see Procs.work): one has to end */
            i[k] = data(s.client.runJob(id));
        }
        until(() -> s.status(i[0]) == Site.SUCCEED || s.status(i[1]) == Site.SUCCEED || s.status(i[2]) == Site.SUCCEED, 200, "MR");
        for (long k : i) {
            holds(s.status(k) != Site.SUCCEED || s.result(k).contains("tSuc:true"), "result");
        }
    }
}

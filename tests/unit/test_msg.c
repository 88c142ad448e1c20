/* lib/net/msg: PowerJob's messages in the very texts of its own serializers, pj's extra members, and bad input. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "net/msg.h"

#define S(text) text, strlen(text)

static const char heartbeat_java[] =
    "{\"workerAddress\":\"127.0.0.1:27777\",\"appName\":\"kit\",\"appId\":1,\"heartbeatTime\":1795249660028,"
    "\"containerInfos\":[],\"version\":\"5.1.1\",\"protocol\":\"HTTP\",\"client\":\"KingPenguin\","
    "\"lightTaskTrackerNum\":3,\"heavyTaskTrackerNum\":0,\"systemMetrics\":{\"cpuProcessors\":2,\"cpuLoad\":0.3267,"
    "\"jvmUsedMemory\":0.0248,\"jvmMaxMemory\":0.5,\"jvmMemoryUsage\":0.0497,\"diskUsed\":13.3525,"
    "\"diskTotal\":251.9723,\"diskUsage\":0.053,\"score\":2},\"overload\":true}";

static const char run_java[] =
    "{\"allWorkerAddress\":[\"127.0.0.1:27778\",\"127.0.0.1:27777\"],\"maxWorkerCount\":0,\"jobId\":2,"
    "\"instanceId\":1004425391974121537,\"executeType\":\"STANDALONE\",\"processorType\":\"BUILT_IN\","
    "\"processorInfo\":\"kit.Procs$Echo\",\"instanceTimeoutMS\":0,\"jobParams\":\"p\",\"instanceParams\":\"x\","
    "\"threadConcurrency\":5,\"taskRetryNum\":0,\"timeExpressionType\":\"API\",\"maxInstanceNum\":0}";

static const char report_java[] =
    "{\"appId\":1,\"jobId\":13,\"instanceId\":1004427138641690689,\"wfInstanceId\":1004427138515861568,"
    "\"appendedWfContext\":{\"k-13\":\"v-1\"},\"instanceStatus\":5,\"result\":\"ok\",\"totalTaskNum\":1,"
    "\"succeedTaskNum\":1,\"failedTaskNum\":0,\"startTime\":1795250091224,\"endTime\":1795250091229,"
    "\"reportTime\":1795250091230,\"sourceAddress\":\"127.0.0.1:27778\",\"needAlert\":false}";

static void
heartbeat_from_java(void **state)
{
	struct err e = ERR_INIT;
	struct heartbeat hb;
	struct msg_doc *doc;

	(void)state;
	assert_int_equal(msg_heartbeat_parse(S(heartbeat_java), &hb, &doc, &e), 0);
	assert_string_equal(hb.address, "127.0.0.1:27777");
	assert_string_equal(hb.app_name, "kit");
	assert_string_equal(hb.protocol, "HTTP");
	assert_string_equal(hb.client, "KingPenguin");
	assert_null(hb.tag);
	assert_int_equal(hb.app_id, 1);
	assert_int_equal(hb.at_ms, 1795249660028);
	assert_int_equal(hb.light, 3);
	assert_true(hb.overload);
	assert_false(hb.is_pj);
	assert_int_equal(hb.slots, 0);
	assert_int_equal(hb.metrics.cpu_processors, 2);
	assert_true(hb.metrics.cpu_load > 0.3266 && hb.metrics.cpu_load < 0.3268);
	assert_int_equal(hb.metrics.score, 2);
	msg_doc_free(doc);
}

static void
heartbeat_there_and_back(void **state)
{
	struct heartbeat in = { .app_id = 7, .app_name = "app \"x\"", .address = "h:1", .version = "5.1.1",
		.protocol = "HTTP", .tag = "a,b", .client = "pj/1", .at_ms = 5, .overload = true, .light = 4, .slots = 1024,
		.used = 9, .metrics = { .cpu_processors = 8, .cpu_load = 1.5, .mem_max_gb = 2, .score = 3, .extra = "e" } };
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	struct heartbeat out;
	struct msg_doc *doc;

	(void)state;
	msg_heartbeat_put(&b, &in);
	assert_true(buf_ok(&b));
	assert_non_null(strstr(b.data, "\"containerInfos\":[]"));
	assert_int_equal(msg_heartbeat_parse(b.data, b.len, &out, &doc, &e), 0);
	assert_string_equal(out.app_name, in.app_name);
	assert_string_equal(out.tag, "a,b");
	assert_true(out.overload);
	assert_int_equal(out.slots, 1024);
	assert_int_equal(out.used, 9);
	assert_int_equal(out.metrics.cpu_processors, 8);
	assert_string_equal(out.metrics.extra, "e");
	msg_doc_free(doc);
	buf_fini(&b);
}

static void
report_from_java(void **state)
{
	struct err e = ERR_INIT;
	struct report r;
	struct msg_doc *doc;

	(void)state;
	assert_int_equal(msg_report_parse(S(report_java), &r, &doc, &e), 0);
	assert_true(r.instance_id == INT64_C(1004427138641690689));
	assert_true(r.wf_instance_id == INT64_C(1004427138515861568));
	assert_int_equal(r.status, 5);
	assert_string_equal(r.result, "ok");
	assert_string_equal(r.source, "127.0.0.1:27778");
	assert_string_equal(r.wf_context, "{\"k-13\":\"v-1\"}");
	assert_int_equal(r.end_ms, 1795250091229);
	assert_int_equal(r.attempt, 0);
	assert_int_equal(r.exit_code, -1);
	assert_int_equal(r.log_length, -1);
	assert_false(r.stopped || r.lost || r.not_started || r.is_pj);
	msg_doc_free(doc);
}

/* What a PowerJob server sees of a plain report is what a Java worker writes: no member of pj's in it. */
static void
report_to_java_is_plain(void **state)
{
	struct report r = { .app_id = 7, .job_id = 1, .instance_id = 341, .wf_instance_id = 9, .status = 3, .total = 1,
		.start_ms = 1795251426741, .report_ms = 1795251434848, .source = "192.0.2.2:37778", .exit_code = -1,
		.log_length = -1 };
	struct buf b = BUF_INIT;

	(void)state;
	msg_report_put(&b, &r);
	assert_string_equal(buf_str(&b), "{\"appId\":7,\"jobId\":1,\"instanceId\":341,\"wfInstanceId\":9,"
	    "\"instanceStatus\":3,\"totalTaskNum\":1,\"succeedTaskNum\":0,\"failedTaskNum\":0,"
	    "\"startTime\":1795251426741,\"reportTime\":1795251434848,\"sourceAddress\":\"192.0.2.2:37778\","
	    "\"needAlert\":false}");
	buf_fini(&b);
}

static void
report_there_and_back(void **state)
{
	struct report in = { .app_id = 7, .job_id = 1, .instance_id = INT64_MAX, .status = 4, .result = "exit \n status",
		.source = "h:1", .report_ms = 1, .attempt = 3, .exit_code = 0, .signal = 9, .log_length = 0, .stopped = true,
		.lost = true, .not_started = true, .wf_context = "{\"a\":\"b\"}" };
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	struct report out;
	struct msg_doc *doc;

	(void)state;
	msg_report_put(&b, &in);
	assert_int_equal(msg_report_parse(b.data, b.len, &out, &doc, &e), 0);
	assert_true(out.instance_id == INT64_MAX);
	assert_int_equal(out.attempt, 3);
	assert_int_equal(out.exit_code, 0);
	assert_int_equal(out.signal, 9);
	assert_int_equal(out.log_length, 0);
	assert_true(out.stopped && out.lost && out.not_started);
	assert_string_equal(out.result, in.result);
	assert_string_equal(out.wf_context, in.wf_context);
	msg_doc_free(doc);
	buf_fini(&b);
}

static void
log_both_ways(void **state)
{
	struct log_entry entry[] = {
		{ 5, 1795249674781, 2, "hello", 0, NULL, 0 },
		{ 5, 1795249674782, 4, "an error line", 2, "5.2.log", 77 },
	};
	struct log_batch in = { "127.0.0.1:27778", entry, 2 }, out;
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	struct msg_doc *doc;

	(void)state;
	msg_log_put(&b, &in);
	assert_string_equal(buf_str(&b), "{\"workerAddress\":\"127.0.0.1:27778\",\"instanceLogContents\":["
	    "{\"instanceId\":5,\"logTime\":1795249674781,\"logLevel\":2,\"logContent\":\"hello\"},"
	    "{\"instanceId\":5,\"logTime\":1795249674782,\"logLevel\":4,\"logContent\":\"an error line\",\"attempt\":2,"
	    "\"spool\":\"5.2.log\",\"offset\":77}]}");
	assert_int_equal(msg_log_parse(b.data, b.len, &out, &doc, &e), 0);
	assert_int_equal(out.n, 2);
	assert_string_equal(out.worker_address, "127.0.0.1:27778");
	assert_null(out.entry[0].spool);
	assert_string_equal(out.entry[1].spool, "5.2.log");
	assert_int_equal(out.entry[1].level, 4);
	assert_int_equal(out.entry[1].offset, 77);
	msg_doc_free(doc);
	assert_int_equal(msg_log_parse(S("{\"instanceLogContents\":[]}"), &out, &doc, &e), 0);
	assert_int_equal(out.n, 0);
	msg_doc_free(doc);
	buf_fini(&b);
}

static void
run_from_java(void **state)
{
	struct run_request r;
	struct err e = ERR_INIT;
	struct buf b = BUF_INIT;
	struct msg_doc *doc;

	(void)state;
	assert_int_equal(msg_run_parse(S(run_java), &r, &doc, &e), 0);
	assert_true(r.instance_id == INT64_C(1004425391974121537));
	assert_string_equal(r.all_workers[1], "127.0.0.1:27777");
	assert_null(r.all_workers[2]);
	assert_string_equal(r.processor_info, "kit.Procs$Echo");
	assert_string_equal(r.instance_params, "x");
	assert_int_equal(r.attempt, 0);
	msg_run_put(&b, &r);
	assert_string_equal(buf_str(&b), run_java); /* and back: the same bytes */
	msg_doc_free(doc);
	buf_fini(&b);
}

static void
run_with_extras(void **state)
{
	struct run_request r = { .job_id = 1, .instance_id = 2, .execute_type = "MAP", .processor_type = "EXTERNAL",
		.time_type = "CRON", .attempt = 4, .nominal_ms = 99, .job_name = "nightly", .running_times = 3 }, out;
	struct err e = ERR_INIT;
	struct buf b = BUF_INIT;
	struct msg_doc *doc;

	(void)state;
	msg_run_put(&b, &r);
	assert_null(strstr(b.data, "allWorkerAddress"));
	assert_int_equal(msg_run_parse(b.data, b.len, &out, &doc, &e), 0);
	assert_int_equal(out.attempt, 4);
	assert_int_equal(out.nominal_ms, 99);
	assert_string_equal(out.job_name, "nightly");
	assert_int_equal(out.running_times, 3);
	assert_null(out.all_workers);
	msg_doc_free(doc);
	buf_fini(&b);
}

static void
stop_both_ways(void **state)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	int64_t id, attempt;

	(void)state;
	msg_stop_put(&b, 1004432378354991169, 0);
	assert_string_equal(buf_str(&b), "{\"instanceId\":1004432378354991169}");
	buf_clear(&b);
	msg_stop_put(&b, 5, 2);
	assert_int_equal(msg_stop_parse(b.data, b.len, &id, &attempt, &e), 0);
	assert_int_equal(id, 5);
	assert_int_equal(attempt, 2);
	assert_int_equal(msg_stop_parse(S("{\"instanceId\":\"7\"}"), &id, &attempt, &e), 0); /* Java's coercion */
	assert_int_equal(id, 7);
	assert_int_equal(attempt, 0);
	assert_int_equal(msg_stop_parse(S("{}"), &id, &attempt, &e), -1);
	assert_int_equal(e.code, ERR_DATA);
	buf_fini(&b);
}

static enum message_outcome
answer(bool success, const char *outcome, const char *message, char why[256])
{
	struct buf b = BUF_INIT;
	enum message_outcome o;

	msg_answer_put(&b, success, outcome, message);
	o = msg_answer_parse(b.data, b.len, why);
	buf_fini(&b);
	return o;
}

static void
answers(void **state)
{
	char why[256];

	(void)state;
	assert_int_equal(answer(true, "accepted", NULL, why), MESSAGE_ACCEPTED);
	assert_string_equal(why, "");
	assert_int_equal(answer(true, "stopping", NULL, why), MESSAGE_ACCEPTED);
	assert_int_equal(answer(false, "notStarted", "no free slot", why), MESSAGE_NOT_STARTED);
	assert_string_equal(why, "no free slot");
	assert_int_equal(answer(true, "gone", NULL, why), MESSAGE_GONE);
	assert_int_equal(answer(true, "sideways", NULL, why), MESSAGE_UNKNOWN);
	assert_non_null(strstr(why, "sideways"));
	assert_int_equal(msg_answer_parse("", 0, why), MESSAGE_UNKNOWN);
	assert_int_equal(msg_answer_parse(S("<html>"), why), MESSAGE_UNKNOWN);
	assert_int_equal(msg_answer_parse(S("{\"success\":true}"), why), MESSAGE_UNKNOWN);
}

static void
ask(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	msg_ask_put(&b, true, "[\"127.0.0.1:27778\",\"127.0.0.1:27777\"]", NULL);
	assert_string_equal(buf_str(&b),
	    "{\"success\":true,\"data\":\"WyIxMjcuMC4wLjE6Mjc3NzgiLCIxMjcuMC4wLjE6Mjc3NzciXQ\"}");
	buf_clear(&b);
	msg_ask_put(&b, true, NULL, NULL);
	assert_string_equal(buf_str(&b), "{\"success\":true}");
	buf_clear(&b);
	msg_ask_put(&b, false, NULL, "can't find TaskTracker");
	assert_string_equal(buf_str(&b), "{\"success\":false,\"message\":\"can't find TaskTracker\"}");
	buf_fini(&b);
}

/* Each bad text is refused with ERR_DATA (or ERR_TOOBIG), naming the member where there is one; nothing leaks. */
static void
bad_input(void **state)
{
	static const struct {
		char kind;
		const char *text, *names;
	} bad[] = {
		{ 'r', "", "" },
		{ 'r', "[]", "object" },
		{ 'r', "{\"instanceId\":1} x", "" },
		{ 'r', "{\"jobId\":1,\"executeType\":\"MAP\",\"processorType\":\"SHELL\",\"timeExpressionType\":\"API\"}",
		    "instanceId" },
		{ 'r', "{\"jobId\":1,\"instanceId\":1,\"executeType\":\"STANDALONG\",\"processorType\":\"SHELL\","
		    "\"timeExpressionType\":\"API\"}", "executeType" },
		{ 'r', "{\"jobId\":1,\"instanceId\":1,\"executeType\":\"MAP\",\"processorType\":\"SHELL\","
		    "\"timeExpressionType\":null}", "timeExpressionType" },
		{ 'r', "{\"jobId\":1,\"instanceId\":1,\"executeType\":\"MAP\",\"processorType\":\"SHELL\","
		    "\"timeExpressionType\":\"API\",\"allWorkerAddress\":\"h:1\"}", "allWorkerAddress" },
		{ 'r', "{\"jobId\":1,\"instanceId\":1,\"executeType\":\"MAP\",\"processorType\":\"SHELL\","
		    "\"timeExpressionType\":\"API\",\"allWorkerAddress\":[{}]}", "allWorkerAddress[0]" },
		{ 'r', "{\"jobId\":1,\"instanceId\":1,\"executeType\":\"MAP\",\"processorType\":\"SHELL\","
		    "\"timeExpressionType\":\"API\",\"jobParams\":{}}", "jobParams" },
		{ 'h', "{\"workerAddress\":\"a:1\",\"appId\":1}", "systemMetrics" },
		{ 'h', "{\"workerAddress\":\"a:1\",\"appId\":1,\"systemMetrics\":3}", "systemMetrics" },
		{ 'h', "{\"workerAddress\":null,\"appId\":1,\"systemMetrics\":{}}", "workerAddress" },
		{ 'h', "{\"workerAddress\":\"a:1\",\"appId\":1,\"systemMetrics\":{\"cpuLoad\":[]}}", "systemMetrics: " },
		{ 's', "{\"instanceId\":1,\"instanceStatus\":7,\"reportTime\":1,\"sourceAddress\":\"a:1\"}",
		    "instanceStatus" },
		{ 's', "{\"instanceId\":1,\"instanceStatus\":3,\"reportTime\":1}", "sourceAddress" },
		{ 's', "{\"instanceId\":1,\"instanceStatus\":3,\"reportTime\":1,\"sourceAddress\":\"a:1\","
		    "\"appendedWfContext\":\"x\"}", "appendedWfContext" },
		{ 'l', "{\"workerAddress\":\"a:1\"}", "instanceLogContents" },
		{ 'l', "{\"instanceLogContents\":{}}", "instanceLogContents" },
		{ 'l', "{\"instanceLogContents\":[1]}", "instanceLogContents[0]" },
		{ 'l', "{\"instanceLogContents\":[{\"instanceId\":1},{}]}", "instanceLogContents[1]" },
		{ 'l', "{\"instanceLogContents\":[{\"instanceId\":1,\"logLevel\":5000000000}]}", "logLevel" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct err e = ERR_INIT;
		struct msg_doc *doc;
		struct run_request run;
		struct heartbeat hb;
		struct report report;
		struct log_batch batch;
		int rc = 0;

		if (bad[i].kind == 'r')
			rc = msg_run_parse(S(bad[i].text), &run, &doc, &e);
		else if (bad[i].kind == 'h')
			rc = msg_heartbeat_parse(S(bad[i].text), &hb, &doc, &e);
		else if (bad[i].kind == 's')
			rc = msg_report_parse(S(bad[i].text), &report, &doc, &e);
		else
			rc = msg_log_parse(S(bad[i].text), &batch, &doc, &e);
		if (rc != -1 || e.code != ERR_DATA || strstr(e.msg, bad[i].names) == NULL)
			fail_msg("%s: rc %d, %s: %s", bad[i].text, rc, err_name(e.code), e.msg);
		assert_null(doc);
	}
}

static void
names(void **state)
{
	(void)state;
	assert_string_equal(msg_execute_type_name(EXECUTE_MAP_REDUCE), "MAP_REDUCE");
	assert_int_equal(msg_execute_type_code("STANDALONE"), 1);
	assert_int_equal(msg_processor_type_code("EXTERNAL"), 4);
	assert_string_equal(msg_time_type_name(11), "DAILY_TIME_INTERVAL");
	assert_int_equal(msg_time_type_code("WORKFLOW"), 5);
	assert_string_equal(msg_dispatch_strategy_name(11), "SPECIFY");
	assert_int_equal(msg_dispatch_strategy_code("random"), -1); /* case matters, as in Java */
	assert_int_equal(msg_time_type_code(NULL), -1);
	assert_null(msg_execute_type_name(9));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heartbeat_from_java),
		cmocka_unit_test(heartbeat_there_and_back),
		cmocka_unit_test(report_from_java),
		cmocka_unit_test(report_to_java_is_plain),
		cmocka_unit_test(report_there_and_back),
		cmocka_unit_test(log_both_ways),
		cmocka_unit_test(run_from_java),
		cmocka_unit_test(run_with_extras),
		cmocka_unit_test(stop_both_ways),
		cmocka_unit_test(answers),
		cmocka_unit_test(ask),
		cmocka_unit_test(bad_input),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* PowerJob's messages. What is not a plain member (lists, nested objects, names that must be known) stands in the
 * functions. */
#include "net/msg.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/b64.h"
#include "codec/json.h"
#include "net/msg_field.h"

/* --- heartbeat --------------------------------------------------------------------------------------------------- */

#define HB(member) offsetof(struct heartbeat, member)

static const struct field heartbeat_fields[] = {
	{ "workerAddress", FT_TEXT, PUT_ALWAYS, true, HB(address), 0 },
	{ "appName", FT_TEXT, PUT_ALWAYS, false, HB(app_name), 0 },
	{ "appId", FT_I64, PUT_ALWAYS, true, HB(app_id), 0 },
	{ "heartbeatTime", FT_I64, PUT_ALWAYS, false, HB(at_ms), 0 },
	{ "version", FT_TEXT, PUT_ALWAYS, false, HB(version), 0 },
	{ "protocol", FT_TEXT, PUT_ALWAYS, false, HB(protocol), 0 },
	{ "tag", FT_TEXT, PUT_ALWAYS, false, HB(tag), 0 },
	{ "client", FT_TEXT, PUT_ALWAYS, false, HB(client), 0 },
	{ "overload", FT_BOOL, PUT_ALWAYS, false, HB(overload), 0 },
	{ "lightTaskTrackerNum", FT_I64, PUT_ALWAYS, false, HB(light), 0 },
	{ "heavyTaskTrackerNum", FT_I64, PUT_ALWAYS, false, HB(heavy), 0 },
	{ "slots", FT_I64, PUT_IF_SET, false, HB(slots), 0 },
	{ "used", FT_I64, PUT_IF_SET, false, HB(used), 0 },
	{ NULL, FT_I64, PUT_ALWAYS, false, 0, 0 },
};

#define WM(member) offsetof(struct worker_metrics, member)

static const struct field metrics_fields[] = {
	{ "cpuProcessors", FT_I64, PUT_ALWAYS, false, WM(cpu_processors), 0 },
	{ "cpuLoad", FT_REAL, PUT_ALWAYS, false, WM(cpu_load), 0 },
	{ "jvmUsedMemory", FT_REAL, PUT_ALWAYS, false, WM(mem_used_gb), 0 },
	{ "jvmMaxMemory", FT_REAL, PUT_ALWAYS, false, WM(mem_max_gb), 0 },
	{ "jvmMemoryUsage", FT_REAL, PUT_ALWAYS, false, WM(mem_usage), 0 },
	{ "diskUsed", FT_REAL, PUT_ALWAYS, false, WM(disk_used_gb), 0 },
	{ "diskTotal", FT_REAL, PUT_ALWAYS, false, WM(disk_total_gb), 0 },
	{ "diskUsage", FT_REAL, PUT_ALWAYS, false, WM(disk_usage), 0 },
	{ "extra", FT_TEXT, PUT_ALWAYS, false, WM(extra), 0 },
	{ "score", FT_I64, PUT_ALWAYS, false, WM(score), 0 },
	{ NULL, FT_I64, PUT_ALWAYS, false, 0, 0 },
};

int
msg_heartbeat_parse(const char *text, size_t len, struct heartbeat *out, struct msg_doc **doc, struct err *e)
{
	struct msg_doc *d = msg_field_doc(text, len, e);
	const struct json_t *metrics, *containers;

	*doc = NULL;
	memset(out, 0, sizeof *out);
	if (d == NULL)
		return -1;
	metrics = js_get(d->json, "systemMetrics");
	if (metrics == NULL || !js_is_object(metrics)) {
		err_set(e, ERR_DATA, "member \"systemMetrics\" %s", metrics == NULL ? "is missing" : "must be an object");
		goto fail;
	}
	if (msg_field_get(d, d->json, heartbeat_fields, out, e) < 0)
		goto fail;
	containers = js_get(d->json, "containerInfos"); /* there are none yet, but what is said is said rightly */
	if (containers != NULL && !js_is_array(containers)) {
		err_set(e, ERR_DATA, "member \"containerInfos\" must be an array");
		goto fail;
	}
	if (msg_field_get(d, metrics, metrics_fields, &out->metrics, e) < 0) {
		err_prefix(e, "systemMetrics");
		goto fail;
	}
	*doc = d;
	return 0;
fail:
	msg_doc_free(d);
	return -1;
}

void
msg_heartbeat_put(struct buf *out, const struct heartbeat *hb)
{
	struct jw w;

	jw_init(&w, out);
	jw_obj(&w);
	msg_field_put(&w, heartbeat_fields, hb);
	jw_arr_in(&w, "containerInfos");
	jw_end(&w);
	jw_obj_in(&w, "systemMetrics");
	msg_field_put(&w, metrics_fields, &hb->metrics);
	jw_end(&w);
	jw_end(&w);
}

/* --- status report ----------------------------------------------------------------------------------------------- */

#define RP(member) offsetof(struct report, member)

static const struct field report_fields[] = {
	{ "appId", FT_I64, PUT_ALWAYS, false, RP(app_id), 0 },
	{ "jobId", FT_I64, PUT_ALWAYS, false, RP(job_id), 0 },
	{ "instanceId", FT_I64, PUT_ALWAYS, true, RP(instance_id), 0 },
	{ "wfInstanceId", FT_I64, PUT_IF_SET, false, RP(wf_instance_id), 0 },
	{ "instanceStatus", FT_I64, PUT_ALWAYS, true, RP(status), 0 },
	{ "result", FT_TEXT, PUT_ALWAYS, false, RP(result), 0 },
	{ "totalTaskNum", FT_I64, PUT_ALWAYS, false, RP(total), 0 },
	{ "succeedTaskNum", FT_I64, PUT_ALWAYS, false, RP(succeed), 0 },
	{ "failedTaskNum", FT_I64, PUT_ALWAYS, false, RP(failed), 0 },
	{ "startTime", FT_I64, PUT_ALWAYS, false, RP(start_ms), 0 },
	{ "endTime", FT_I64, PUT_IF_SET, false, RP(end_ms), 0 },
	{ "reportTime", FT_I64, PUT_ALWAYS, true, RP(report_ms), 0 },
	{ "sourceAddress", FT_TEXT, PUT_ALWAYS, true, RP(source), 0 },
	{ "needAlert", FT_BOOL, PUT_ALWAYS, false, RP(need_alert), 0 },
	{ "alertContent", FT_TEXT, PUT_ALWAYS, false, RP(alert), 0 },
	{ "attempt", FT_I64, PUT_IF_SET, false, RP(attempt), 0 },
	{ "exitCode", FT_I64, PUT_IF_SET, false, RP(exit_code), -1 },
	{ "signal", FT_I64, PUT_IF_SET, false, RP(signal), 0 },
	{ "logLength", FT_I64, PUT_IF_SET, false, RP(log_length), -1 },
	{ "stopped", FT_BOOL, PUT_IF_SET, false, RP(stopped), 0 },
	{ "notStarted", FT_BOOL, PUT_IF_SET, false, RP(not_started), 0 },
	{ "lost", FT_BOOL, PUT_IF_SET, false, RP(lost), 0 },
	{ NULL, FT_I64, PUT_ALWAYS, false, 0, 0 },
};

static bool
is_status(int64_t code)
{
	return (code >= INSTANCE_WAITING && code <= INSTANCE_SUCCEED) || code == INSTANCE_CANCELED
	    || code == INSTANCE_STOPPED;
}

static int
get_context(struct msg_doc *d, const char **out, struct err *e)
{
	const struct json_t *v = js_get(d->json, "appendedWfContext");
	struct buf b = BUF_INIT;
	char *text;

	if (v == NULL)
		return 0;
	if (!js_is_object(v))
		return err_set(e, ERR_DATA, "member \"appendedWfContext\" must be an object");
	js_dump(v, &b);
	if ((text = buf_take(&b, NULL)) == NULL)
		return err_set(e, ERR_NOMEM, "out of memory reading a message");
	*out = text;
	return msg_field_keep(d, text, e);
}

int
msg_report_parse(const char *text, size_t len, struct report *out, struct msg_doc **doc, struct err *e)
{
	struct msg_doc *d = msg_field_doc(text, len, e);

	*doc = NULL;
	memset(out, 0, sizeof *out);
	if (d == NULL)
		return -1;
	if (msg_field_get(d, d->json, report_fields, out, e) < 0 || get_context(d, &out->wf_context, e) < 0)
		goto fail;
	if (!is_status(out->status)) {
		err_set(e, ERR_DATA, "member \"instanceStatus\" must be 1 to 5, 9 or 10, not %lld",
		    (long long)out->status);
		goto fail;
	}
	*doc = d;
	return 0;
fail:
	msg_doc_free(d);
	return -1;
}

void
msg_report_put(struct buf *out, const struct report *r)
{
	struct jw w;

	jw_init(&w, out);
	jw_obj(&w);
	msg_field_put(&w, report_fields, r);
	if (r->wf_context != NULL)
		jw_raw(&w, "appendedWfContext", r->wf_context);
	jw_end(&w);
}

/* --- log --------------------------------------------------------------------------------------------------------- */

#define LE(member) offsetof(struct log_entry, member)

static const struct field log_fields[] = {
	{ "instanceId", FT_I64, PUT_ALWAYS, true, LE(instance_id), 0 },
	{ "logTime", FT_I64, PUT_ALWAYS, false, LE(at_ms), 0 },
	{ "logLevel", FT_INT, PUT_ALWAYS, false, LE(level), 0 },
	{ "logContent", FT_TEXT, PUT_ALWAYS, false, LE(content), 0 },
	{ "attempt", FT_I64, PUT_IF_SET, false, LE(attempt), 0 },
	{ "spool", FT_TEXT, PUT_IF_SET, false, LE(spool), 0 },
	{ "offset", FT_I64, PUT_IF_SET, false, LE(offset), 0 },
	{ NULL, FT_I64, PUT_ALWAYS, false, 0, 0 },
};

static int
get_entries(struct msg_doc *d, const struct json_t *list, struct log_batch *out, struct err *e)
{
	size_t n = js_len(list);

	out->entry = d->array = calloc(n > 0 ? n : 1, sizeof *out->entry);
	if (d->array == NULL)
		return err_set(e, ERR_NOMEM, "out of memory reading %zu log entries", n);
	for (size_t i = 0; i < n; i++) {
		if (!js_is_object(js_at(list, i)))
			return err_set(e, ERR_DATA, "instanceLogContents[%zu] must be an object", i);
		if (msg_field_get(d, js_at(list, i), log_fields, &out->entry[i], e) < 0)
			return err_prefix(e, "instanceLogContents[%zu]", i);
		if (out->entry[i].content == NULL)
			out->entry[i].content = "";
	}
	out->n = (int)n;
	return 0;
}

int
msg_log_parse(const char *text, size_t len, struct log_batch *out, struct msg_doc **doc, struct err *e)
{
	struct msg_doc *d = msg_field_doc(text, len, e);
	const struct json_t *list;

	*doc = NULL;
	memset(out, 0, sizeof *out);
	if (d == NULL)
		return -1;
	list = js_get(d->json, "instanceLogContents");
	if (list == NULL || !js_is_array(list)) {
		err_set(e, ERR_DATA, "member \"instanceLogContents\" %s", list == NULL ? "is missing" : "must be an array");
		goto fail;
	}
	if (msg_field_text(d, d->json, "workerAddress", &out->worker_address, e) < 0 || get_entries(d, list, out, e) < 0)
		goto fail;
	*doc = d;
	return 0;
fail:
	msg_doc_free(d);
	return -1;
}

void
msg_log_put(struct buf *out, const struct log_batch *b)
{
	struct jw w;

	jw_init(&w, out);
	jw_obj(&w);
	jw_str(&w, "workerAddress", b->worker_address);
	jw_arr_in(&w, "instanceLogContents");
	for (int i = 0; i < b->n; i++) {
		jw_obj(&w);
		msg_field_put(&w, log_fields, &b->entry[i]);
		jw_end(&w);
	}
	jw_end(&w);
	jw_end(&w);
}

/* --- run and stop ------------------------------------------------------------------------------------------------ */

#define RR(member) offsetof(struct run_request, member)

static const struct field run_fields[] = {
	{ "maxWorkerCount", FT_I64, PUT_ALWAYS, false, RR(max_worker_count), 0 },
	{ "jobId", FT_I64, PUT_ALWAYS, true, RR(job_id), 0 },
	{ "wfInstanceId", FT_I64, PUT_IF_SET, false, RR(wf_instance_id), 0 },
	{ "instanceId", FT_I64, PUT_ALWAYS, true, RR(instance_id), 0 },
	{ "executeType", FT_TEXT, PUT_ALWAYS, true, RR(execute_type), 0 },
	{ "processorType", FT_TEXT, PUT_ALWAYS, true, RR(processor_type), 0 },
	{ "processorInfo", FT_TEXT, PUT_ALWAYS, false, RR(processor_info), 0 },
	{ "instanceTimeoutMS", FT_I64, PUT_ALWAYS, false, RR(time_limit_ms), 0 },
	{ "jobParams", FT_TEXT, PUT_ALWAYS, false, RR(job_params), 0 },
	{ "instanceParams", FT_TEXT, PUT_ALWAYS, false, RR(instance_params), 0 },
	{ "threadConcurrency", FT_I64, PUT_ALWAYS, false, RR(concurrency), 0 },
	{ "taskRetryNum", FT_I64, PUT_ALWAYS, false, RR(task_retry_num), 0 },
	{ "timeExpressionType", FT_TEXT, PUT_ALWAYS, true, RR(time_type), 0 },
	{ "timeExpression", FT_TEXT, PUT_ALWAYS, false, RR(time_expr), 0 },
	{ "maxInstanceNum", FT_I64, PUT_ALWAYS, false, RR(max_instance_num), 0 },
	{ "alarmConfig", FT_TEXT, PUT_ALWAYS, false, RR(alarm_config), 0 },
	{ "logConfig", FT_TEXT, PUT_ALWAYS, false, RR(log_config), 0 },
	{ "advancedRuntimeConfig", FT_TEXT, PUT_ALWAYS, false, RR(advanced_config), 0 },
	{ "attempt", FT_I64, PUT_IF_SET, false, RR(attempt), 0 },
	{ "nominalTime", FT_I64, PUT_IF_SET, false, RR(nominal_ms), 0 },
	{ "jobName", FT_TEXT, PUT_IF_SET, false, RR(job_name), 0 },
	{ "runningTimes", FT_I64, PUT_IF_SET, false, RR(running_times), 0 },
	{ NULL, FT_I64, PUT_ALWAYS, false, 0, 0 },
};

static int
get_workers(struct msg_doc *d, struct run_request *out, struct err *e)
{
	const struct json_t *list = js_get(d->json, "allWorkerAddress");
	const char **array;

	if (list == NULL)
		return 0;
	if (!js_is_array(list))
		return err_set(e, ERR_DATA, "member \"allWorkerAddress\" must be an array");
	array = calloc(js_len(list) + 1, sizeof *array);
	if (array == NULL)
		return err_set(e, ERR_NOMEM, "out of memory reading %zu workers", js_len(list));
	d->array = array;
	for (size_t i = 0; i < js_len(list); i++)
		if ((array[i] = js_text(js_at(list, i))) == NULL)
			return err_set(e, ERR_DATA, "allWorkerAddress[%zu] must be text", i);
	out->all_workers = array;
	return 0;
}

static int
check_name(const char *member, const char *name, int64_t code, struct err *e)
{
	if (code >= 0)
		return 0;
	return err_set(e, ERR_DATA, "member \"%s\": \"%.64s\" is no such name", member, name);
}

int
msg_run_parse(const char *text, size_t len, struct run_request *out, struct msg_doc **doc, struct err *e)
{
	struct msg_doc *d = msg_field_doc(text, len, e);

	*doc = NULL;
	memset(out, 0, sizeof *out);
	if (d == NULL)
		return -1;
	if (msg_field_get(d, d->json, run_fields, out, e) < 0 || get_workers(d, out, e) < 0
	    || check_name("executeType", out->execute_type, msg_execute_type_code(out->execute_type), e) < 0
	    || check_name("processorType", out->processor_type, msg_processor_type_code(out->processor_type), e) < 0
	    || check_name("timeExpressionType", out->time_type, msg_time_type_code(out->time_type), e) < 0) {
		msg_doc_free(d);
		return -1;
	}
	*doc = d;
	return 0;
}

void
msg_run_put(struct buf *out, const struct run_request *r)
{
	struct jw w;

	jw_init(&w, out);
	jw_obj(&w);
	if (r->all_workers != NULL) {
		jw_arr_in(&w, "allWorkerAddress");
		for (const char *const *a = r->all_workers; *a != NULL; a++)
			jw_str(&w, NULL, *a);
		jw_end(&w);
	}
	msg_field_put(&w, run_fields, r);
	jw_end(&w);
}

int
msg_stop_parse(const char *text, size_t len, int64_t *instance_id, int64_t *attempt, struct err *e)
{
	struct msg_doc *d = msg_field_doc(text, len, e);
	int rc;

	*instance_id = *attempt = 0;
	if (d == NULL)
		return -1;
	if (js_get(d->json, "instanceId") == NULL)
		rc = err_set(e, ERR_DATA, "member \"instanceId\" is missing");
	else
		rc = js_i64(d->json, "instanceId", 0, instance_id, e);
	if (rc == 0)
		rc = js_i64(d->json, "attempt", 0, attempt, e);
	msg_doc_free(d);
	return rc;
}

void
msg_stop_put(struct buf *out, int64_t instance_id, int64_t attempt)
{
	struct jw w;

	jw_init(&w, out);
	jw_obj(&w);
	jw_i64(&w, "instanceId", instance_id);
	if (attempt != 0)
		jw_i64(&w, "attempt", attempt);
	jw_end(&w);
}

/* --- answers ----------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	enum message_outcome outcome;
} answers[] = {
	{ "accepted", MESSAGE_ACCEPTED },
	{ "stopping", MESSAGE_ACCEPTED },
	{ "notStarted", MESSAGE_NOT_STARTED },
	{ "gone", MESSAGE_GONE },
};

void
msg_answer_put(struct buf *out, bool success, const char *outcome, const char *message)
{
	struct jw w;

	jw_init(&w, out);
	jw_obj(&w);
	jw_bool(&w, "success", success);
	jw_str(&w, "outcome", outcome);
	if (message != NULL)
		jw_str(&w, "message", message);
	jw_end(&w);
}

enum message_outcome
msg_answer_parse(const char *text, size_t len, char why[256])
{
	struct err e = ERR_INIT;
	struct msg_doc *d = msg_field_doc(text, len, &e);
	const char *outcome = NULL, *message = NULL;
	enum message_outcome result = MESSAGE_UNKNOWN;

	why[0] = '\0';
	if (d == NULL || msg_field_text(d, d->json, "outcome", &outcome, &e) < 0
	    || msg_field_text(d, d->json, "message", &message, &e) < 0) {
		snprintf(why, 256, "%.255s", e.msg);
		msg_doc_free(d);
		return MESSAGE_UNKNOWN;
	}
	for (size_t i = 0; outcome != NULL && i < sizeof answers / sizeof answers[0]; i++)
		if (strcmp(outcome, answers[i].name) == 0)
			result = answers[i].outcome;
	if (message != NULL)
		snprintf(why, 256, "%.255s", message);
	else if (result == MESSAGE_UNKNOWN)
		snprintf(why, 256, "the answer has %s outcome%s%.64s", outcome == NULL ? "no" : "an unknown",
		    outcome == NULL ? "" : ": ", outcome == NULL ? "" : outcome);
	msg_doc_free(d);
	return result;
}

void
msg_ask_put(struct buf *out, bool success, const char *data_json, const char *message)
{
	struct buf data = BUF_INIT;
	struct jw w;

	jw_init(&w, out);
	jw_obj(&w);
	jw_bool(&w, "success", success);
	if (data_json != NULL) {
		b64url_put(&data, data_json, strlen(data_json));
		if (!buf_ok(&data))
			out->failed = true;
		jw_str(&w, "data", buf_str(&data));
		buf_fini(&data);
	}
	if (message != NULL)
		jw_str(&w, "message", message);
	jw_end(&w);
}

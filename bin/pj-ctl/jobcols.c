#include "jobcols.h"

#include <string.h>

#include "time/dur.h"
#include "time/sched.h"
#include "timing.h"
#include "when.h"
#include "words.h"

static const char *
text_of(const struct json_t *row, const char *key)
{
	const char *text = js_text(js_get(row, key));

	return text != NULL ? text : "";
}

static void
put_when(const struct json_t *row, struct buf *out)
{
	timing_put(out, text_of(row, "time_type"), text_of(row, "time_expr"));
}

/* In a list, with the zone that it is meant in where the job has one. */
static void
put_when_zone(const struct json_t *row, struct buf *out)
{
	put_when(row, out);
	if (text_of(row, "tz")[0] != '\0')
		buf_addf(out, " (%s)", text_of(row, "tz"));
}

/* What runs: the command, or the processor with its parameters. */
static void
put_what(const struct json_t *row, struct buf *out)
{
	const struct json_t *command = js_get(row, "command");
	const char *type = text_of(row, "processor_type"), *info = text_of(row, "processor_info");

	if (command != NULL) {
		words_quote_all(out, command);
		return;
	}
	if (strcmp(type, "BUILT_IN") != 0)
		buf_addf(out, "%s ", type);
	buf_adds(out, info);
	if (text_of(row, "params")[0] != '\0')
		buf_addf(out, ": %s", text_of(row, "params"));
}

/* 0 stands for no limit. */
static void
put_max_instances(const struct json_t *row, struct buf *out)
{
	int64_t n = 0;

	if (js_i64(row, "max_instance_num", 0, &n, NULL) == 0 && n > 0)
		buf_addf(out, "%lld", (long long)n);
}

static void
put_retries(const struct json_t *row, struct buf *out)
{
	char dur[DUR_SIZE];
	int64_t n = 0, delay = 0;

	if (js_i64(row, "instance_retry_num", 0, &n, NULL) != 0 || n == 0)
		return;
	buf_addf(out, "%lld", (long long)n);
	if (js_i64(row, "retry_delay_ms", 0, &delay, NULL) == 0)
		buf_addf(out, ", each after %s", dur_print(dur, delay));
}

static void
put_unless(const struct json_t *row, struct buf *out, const char *key, const char *usual)
{
	if (strcmp(text_of(row, key), usual) != 0)
		buf_adds(out, text_of(row, key));
}

static void
put_execute(const struct json_t *row, struct buf *out)
{
	put_unless(row, out, "execute_type", "STANDALONE");
}

static void
put_dispatch(const struct json_t *row, struct buf *out)
{
	put_unless(row, out, "dispatch_strategy", "HEALTH_FIRST");
}

static void
put_positive(const struct json_t *row, struct buf *out, const char *key)
{
	double v = 0;

	if (js_real(row, key, 0, &v, NULL) == 0 && v > 0)
		buf_addf(out, "%g", v);
}

static void
put_min_cpu(const struct json_t *row, struct buf *out)
{
	put_positive(row, out, "min_cpu_cores");
}

static void
put_min_memory(const struct json_t *row, struct buf *out)
{
	put_positive(row, out, "min_memory_gb");
}

static void
put_min_disk(const struct json_t *row, struct buf *out)
{
	put_positive(row, out, "min_disk_gb");
}

/* The job's own zone, and what it does where its clock jumps when that is not the usual. */
static void
put_zone(const struct json_t *row, struct buf *out)
{
	const char *gap = text_of(row, "gap"), *fold = text_of(row, "fold");
	const char *zone = text_of(row, "tz");

	buf_adds(out, zone);
	if (gap[0] != '\0' && strcmp(gap, sched_gap_names[0]) != 0)
		buf_addf(out, "%sgap=%s", out->len > 0 ? " " : "", gap);
	if (fold[0] != '\0' && strcmp(fold, sched_fold_names[0]) != 0)
		buf_addf(out, "%sfold=%s", out->len > 0 ? " " : "", fold);
}

/* In the zone of the job, where it has one. */
static void
put_next(const struct json_t *row, struct buf *out)
{
	int64_t at_ms = 0;
	struct tz *z;

	if (js_i64(row, "nextTriggerMs", 0, &at_ms, NULL) != 0 || at_ms == 0)
		return;
	z = text_of(row, "tz")[0] != '\0' ? tz_open(text_of(row, "tz"), NULL) : NULL;
	if (z != NULL)
		when_put_full(out, at_ms, z);
	else
		when_put(out, at_ms);
	tz_free(z);
}

static int64_t
number_of(const struct json_t *row, const char *key)
{
	int64_t n = 0;

	return js_i64(row, key, 0, &n, NULL) == 0 ? n : 0;
}

static void
put_duration(const struct json_t *row, struct buf *out, const char *key)
{
	char dur[DUR_SIZE];

	if (number_of(row, key) > 0)
		buf_adds(out, dur_print(dur, number_of(row, key)));
}

static void
put_deadline(const struct json_t *row, struct buf *out)
{
	put_duration(row, out, "deadline_ms");
}

static void
put_jitter(const struct json_t *row, struct buf *out)
{
	put_duration(row, out, "jitter_ms");
}

static void
put_overlap(const struct json_t *row, struct buf *out)
{
	put_unless(row, out, "overlap", "allow");
}

static void
put_misfire(const struct json_t *row, struct buf *out)
{
	const char *how = text_of(row, "misfire");
	bool all = strcmp(how, "all") == 0;

	if (strcmp(how, "once") != 0 || number_of(row, "misfire_window_ms") > 0)
		buf_adds(out, how);
	if (all)
		buf_addf(out, ", %lld at most", (long long)number_of(row, "misfire_max"));
	if (all && number_of(row, "misfire_rate") > 0)
		buf_addf(out, ", %lld a minute", (long long)number_of(row, "misfire_rate"));
	if (number_of(row, "misfire_window_ms") > 0) {
		buf_adds(out, " within ");
		put_duration(row, out, "misfire_window_ms");
	}
}

const struct out_column jobcols[] = {
	{ "id", "id", OUT_NUMBER, OUT_BOTH, NULL },
	{ "name", "name", OUT_TEXT, OUT_BOTH, NULL },
	{ "app", "app", OUT_TEXT, OUT_SHOW, NULL },
	{ "status", "status", OUT_STATUS, OUT_BOTH, NULL },
	{ NULL, "when", OUT_TEXT, OUT_LIST, put_when_zone },
	{ NULL, "when", OUT_TEXT, OUT_SHOW, put_when },
	{ "time_type", NULL, OUT_TEXT, 0, NULL },
	{ "time_expr", NULL, OUT_TEXT, 0, NULL },
	{ NULL, "zone", OUT_TEXT, OUT_SHOW, put_zone },
	{ "nextTriggerMs", "next run", OUT_TIME, OUT_LIST, NULL },
	{ NULL, "next run", OUT_TEXT, OUT_SHOW, put_next },
	{ NULL, "command", OUT_TEXT, OUT_BOTH, put_what },
	{ "command", NULL, OUT_TEXT, 0, NULL },
	{ "description", "description", OUT_TEXT, OUT_SHOW, NULL },
	{ "tag", "tag", OUT_TEXT, OUT_SHOW, NULL },
	{ NULL, "kind", OUT_TEXT, OUT_SHOW, put_execute },
	{ "execute_type", NULL, OUT_TEXT, 0, NULL },
	{ "processor_type", NULL, OUT_TEXT, 0, NULL },
	{ "processor_info", NULL, OUT_TEXT, 0, NULL },
	{ "params", NULL, OUT_TEXT, 0, NULL },
	{ NULL, "retries", OUT_TEXT, OUT_SHOW, put_retries },
	{ "instance_retry_num", NULL, OUT_NUMBER, 0, NULL },
	{ "retry_delay_ms", NULL, OUT_DURATION, 0, NULL },
	{ "time_limit_ms", "time limit", OUT_DURATION, OUT_SHOW, NULL },
	{ NULL, "most at once", OUT_TEXT, OUT_SHOW, put_max_instances },
	{ "max_instance_num", NULL, OUT_NUMBER, 0, NULL },
	{ NULL, "when late", OUT_TEXT, OUT_SHOW, put_misfire },
	{ NULL, "overlap", OUT_TEXT, OUT_SHOW, put_overlap },
	{ NULL, "deadline", OUT_TEXT, OUT_SHOW, put_deadline },
	{ NULL, "jitter", OUT_TEXT, OUT_SHOW, put_jitter },
	{ "on_lost", "when lost", OUT_TEXT, OUT_SHOW, NULL },
	{ "start_ms", "from", OUT_TIME, OUT_SHOW, NULL },
	{ "end_ms", "until", OUT_TIME, OUT_SHOW, NULL },
	{ "designated_workers", "workers", OUT_TEXT, OUT_SHOW, NULL },
	{ NULL, "choice", OUT_TEXT, OUT_SHOW, put_dispatch },
	{ "dispatch_strategy", NULL, OUT_TEXT, 0, NULL },
	{ "dispatch_config", "choice by", OUT_TEXT, OUT_SHOW, NULL },
	{ NULL, "free cpus", OUT_TEXT, OUT_SHOW, put_min_cpu },
	{ "min_cpu_cores", NULL, OUT_NUMBER, 0, NULL },
	{ NULL, "free memory", OUT_TEXT, OUT_SHOW, put_min_memory },
	{ "min_memory_gb", NULL, OUT_NUMBER, 0, NULL },
	{ NULL, "free disk", OUT_TEXT, OUT_SHOW, put_min_disk },
	{ "min_disk_gb", NULL, OUT_NUMBER, 0, NULL },
	{ "max_worker_count", NULL, OUT_NUMBER, 0, NULL },
	{ "concurrency", NULL, OUT_NUMBER, 0, NULL },
	{ "task_retry_num", NULL, OUT_NUMBER, 0, NULL },
	{ "notify_user_ids", NULL, OUT_TEXT, 0, NULL },
	{ "extra", NULL, OUT_TEXT, 0, NULL },
	{ "alarm_config", NULL, OUT_TEXT, 0, NULL },
	{ "log_config", NULL, OUT_TEXT, 0, NULL },
	{ "advanced_config", NULL, OUT_TEXT, 0, NULL },
	{ "version", "version", OUT_NUMBER, OUT_SHOW, NULL },
	{ "createdMs", "created", OUT_TIME, OUT_SHOW, NULL },
	{ "modifiedMs", "changed", OUT_TIME, OUT_SHOW, NULL },
	{ "tz", NULL, OUT_TEXT, 0, NULL },
	{ "gap", NULL, OUT_TEXT, 0, NULL },
	{ "fold", NULL, OUT_TEXT, 0, NULL },
	{ "misfire", NULL, OUT_TEXT, 0, NULL },
	{ "misfire_window_ms", NULL, OUT_DURATION, 0, NULL },
	{ "misfire_max", NULL, OUT_NUMBER, 0, NULL },
	{ "misfire_rate", NULL, OUT_NUMBER, 0, NULL },
	{ "overlap", NULL, OUT_TEXT, 0, NULL },
	{ "deadline_ms", NULL, OUT_DURATION, 0, NULL },
	{ "jitter_ms", NULL, OUT_DURATION, 0, NULL },
	{ NULL, NULL, OUT_TEXT, 0, NULL },
};

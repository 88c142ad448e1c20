/* What a definition of a job may say. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/core_int.h"

#define YEAR_MS (366LL * 86400 * 1000)

static bool
has_control(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

static int
check_texts(const struct job_spec *s, struct err *e)
{
	for (const struct job_field *f = job_fields; f->column != NULL; f++) {
		const char *text = f->type == FIELD_TEXT ? *(char *const *)((uintptr_t)s + f->offset) : NULL;

		if (text != NULL && strlen(text) > f->max_bytes)
			return err_set(e, ERR_TOOBIG, "%s: longer than %zu bytes", f->powerjob != NULL ? f->powerjob : f->column,
			    f->max_bytes);
	}
	if (s->name == NULL || s->name[strspn(s->name, " \t")] == '\0')
		return err_set(e, ERR_DATA, "jobName can't be empty");
	if (has_control(s->name))
		return err_set(e, ERR_DATA, "jobName: control characters are not allowed");
	if (s->processor_info == NULL || s->processor_info[strspn(s->processor_info, " \t\r\n")] == '\0')
		return err_set(e, ERR_DATA, "processorInfo can't be empty");
	return 0;
}

static int
check_words(const struct job_spec *s, struct err *e)
{
	static const char *const lost[] = { "rerun", "fail", "hold", NULL };
	static const char *const misfire[] = { "once", "none", "all", NULL };
	const struct {
		const char *name, *value;
		const char *const *words;
	} w[] = {
		{ "on_lost", s->on_lost, lost }, { "gap", s->gap, sched_gap_names }, { "fold", s->fold, sched_fold_names },
		{ "misfire", s->misfire, misfire }, { "overlap", s->overlap, overlap_names },
	};

	for (size_t i = 0; i < sizeof w / sizeof w[0]; i++) {
		char list[64] = "";
		size_t len = 0, k = 0;

		if (w[i].value == NULL)
			continue;
		for (; w[i].words[k] != NULL && strcmp(w[i].words[k], w[i].value) != 0; k++)
			len += (size_t)snprintf(list + len, sizeof list - len, "%s%s", k > 0 ? ", " : "", w[i].words[k]);
		if (w[i].words[k] == NULL)
			return err_set(e, ERR_DATA, "%s: %.40s is not one of %s", w[i].name, w[i].value, list);
	}
	return 0;
}

static int
check_codes(const struct job_spec *s, struct err *e)
{
	if (s->execute_type < EXECUTE_STANDALONE || s->execute_type > EXECUTE_MAP)
		return err_set(e, ERR_DATA, "executeType: %" PRId64 " is not one of STANDALONE (1), BROADCAST (2), MAP_REDUCE (3), "
		    "MAP (4)", s->execute_type);
	if (s->processor_type != PROCESSOR_BUILT_IN && s->processor_type != PROCESSOR_EXTERNAL)
		return err_set(e, ERR_DATA, "processorType: %" PRId64 " is not one of BUILT_IN (1), EXTERNAL (4)",
		    s->processor_type);
	if (s->dispatch_strategy != DISPATCH_HEALTH_FIRST && s->dispatch_strategy != DISPATCH_RANDOM &&
	    s->dispatch_strategy != DISPATCH_SPECIFY)
		return err_set(e, ERR_DATA, "dispatchStrategy: %" PRId64 " is not one of HEALTH_FIRST (1), RANDOM (2), "
		    "SPECIFY (11)", s->dispatch_strategy);
	return 0;
}

static int
check_numbers(const struct job_spec *s, struct err *e)
{
	const struct {
		const char *name;
		int64_t value, most;
	} n[] = {
		{ "maxInstanceNum", s->max_instance_num, INT32_MAX }, { "concurrency", s->concurrency, INT32_MAX },
		{ "instanceTimeLimit", s->time_limit_ms, INT64_MAX }, { "instanceRetryNum", s->instance_retry_num, INT32_MAX },
		{ "taskRetryNum", s->task_retry_num, INT32_MAX }, { "maxWorkerCount", s->max_worker_count, INT32_MAX },
		{ "retry_delay_ms", s->retry_delay_ms, YEAR_MS },
		{ "misfire_window_ms", s->misfire_window_ms, 100 * YEAR_MS }, { "misfire_max", s->misfire_max, 100000 },
		{ "misfire_rate", s->misfire_rate, 60000 }, { "deadline_ms", s->deadline_ms, YEAR_MS },
		{ "jitter_ms", s->jitter_ms, YEAR_MS },
	};

	for (size_t i = 0; i < sizeof n / sizeof n[0]; i++)
		if (n[i].value < 0 || n[i].value > n[i].most)
			return err_set(e, ERR_DATA, "%s: %" PRId64 " is not in 0..%" PRId64, n[i].name, n[i].value, n[i].most);
	if (s->misfire_max < 1)
		return err_set(e, ERR_DATA, "misfire_max: 0 is not in 1..100000; to make up for nothing say misfire none");
	if (s->deadline_ms > 0 && s->jitter_ms > s->deadline_ms)
		return err_set(e, ERR_DATA, "jitter_ms: %" PRId64 " is longer than deadline_ms, %" PRId64, s->jitter_ms,
		    s->deadline_ms);
	if (!(s->min_cpu_cores >= 0) || !(s->min_memory_gb >= 0) || !(s->min_disk_gb >= 0))
		return err_set(e, ERR_DATA, "minCpuCores, minMemorySpace, minDiskSpace: must be numbers from 0");
	return 0;
}

static bool
is_other(const char *value, const char *dflt)
{
	return value != NULL && strcmp(value, dflt) != 0;
}

/* One long instance has no times of its own that could be missed, overlap or be late. */
static int
check_frequent(const struct job_spec *s, struct err *e)
{
	const struct {
		const char *name;
		bool given;
	} p[] = {
		{ "misfire", is_other(s->misfire, "once") }, { "misfire_window_ms", s->misfire_window_ms != 0 },
		{ "misfire_rate", s->misfire_rate != 0 }, { "overlap", is_other(s->overlap, "allow") },
		{ "deadline_ms", s->deadline_ms != 0 }, { "jitter_ms", s->jitter_ms != 0 },
	};

	for (size_t i = 0; i < sizeof p / sizeof p[0]; i++)
		if (p[i].given)
			return err_set(e, ERR_DATA, "%s: not for the rate or delay of a processor, which a worker runs within one long "
			    "instance; commands, cron expressions and daily intervals have it", p[i].name);
	return 0;
}

int
check_spec(const struct job_spec *s, struct err *e)
{
	if (check_texts(s, e) < 0 || check_words(s, e) < 0 || check_codes(s, e) < 0 || check_numbers(s, e) < 0)
		return -1;
	return workers_repeats(s) ? check_frequent(s, e) : 0;
}

#define START_MAX_MS 4102617600000LL /* behind 2099 everywhere */

static int
check_life(const struct job_spec *s, struct now now, struct err *e)
{
	if (s->start_ms < 0 || s->end_ms < 0)
		return err_set(e, ERR_DATA, "lifeCycle: times before 1970");
	if (s->start_ms > START_MAX_MS)
		return err_set(e, ERR_DATA, "lifeCycle: it starts after the year 2099");
	if (s->end_ms != 0 && s->end_ms <= now.at_ms)
		return err_set(e, ERR_DATA, "lifecycle is out of date!");
	if (s->end_ms != 0 && s->start_ms > s->end_ms)
		return err_set(e, ERR_DATA, "lifecycle is invalid! start time must earlier then end time.");
	return 0;
}

/* Also of a job that does not fire by itself: a name that is no zone would wait there for its first expression. */
static int
check_zone(struct core *c, const struct job_spec *s, struct err *e)
{
	const struct tz *tz;

	if (zones_get(c, s->tz, &tz, e) == 0)
		return 0;
	if (e != NULL && e->code == ERR_NOTFOUND)
		e->code = ERR_DATA;
	return err_prefix(e, "tz");
}

static int
check_expr(struct core *c, const struct job_spec *s, struct now now, int64_t *next, struct err *e)
{
	struct sched *sched = job_sched(c, s, e);

	if (sched == NULL)
		return err_prefix(e, "timeExpression");
	if (interval_is(s) && sched_interval_ms(sched) < INTERVAL_MIN_MS) {
		sched_free(sched);
		return err_set(e, ERR_DATA, "timeExpression: %s is too short for a command, each of whose runs is a process: from %dms on",
		    s->time_expr, INTERVAL_MIN_MS);
	}
	*next = job_next_after(sched, s, now.at_ms);
	sched_free(sched);
	return *next != 0 ? 0 : err_set(e, ERR_DATA, "time expression is out of date: %.300s", s->time_expr);
}

int
check_time(struct core *c, const struct job_spec *s, struct now now, int64_t *next, struct err *e)
{
	*next = 0;
	if (check_life(s, now, e) < 0 || check_zone(c, s, e) < 0)
		return -1;
	if (s->time_type == TIME_API || s->time_type == TIME_WORKFLOW)
		return 0;
	if (workers_repeats(s))
		return frequent_check(s, now, next, e);
	if (!job_fires(s))
		return err_set(e, ERR_DATA, "timeExpressionType: %" PRId64 " is not one of API (1), CRON (2), FIXED_RATE (3), "
		    "FIXED_DELAY (4), WORKFLOW (5), DAILY_TIME_INTERVAL (11)", s->time_type);
	if (s->time_expr == NULL)
		return err_set(e, ERR_DATA, "timeExpression can't be empty");
	return check_expr(c, s, now, next, e);
}

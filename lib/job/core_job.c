/* Jobs: definitions, their schedules, and the firing of what is due. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "job/core_int.h"
#include "store/app.h"

/* --- versions ---------------------------------------------------------------------------------------------------- */

static void
version_free(struct version *v)
{
	if (v->used == 0)
		return;
	job_fini(&v->job);
	sched_free(v->sched);
	memset(v, 0, sizeof *v);
}

void
job_versions_forget(struct core *c)
{
	for (int s = 0; s < CACHE_SETS; s++)
		for (int w = 0; w < CACHE_WAYS; w++)
			version_free(&c->cache[s][w]);
}

static bool
fires(const struct job_spec *spec)
{
	return spec->time_type == TIME_CRON || spec->time_type == TIME_DAILY;
}

static struct sched *
parse(const struct core *c, const struct job_spec *spec, struct err *e)
{
	return sched_parse((enum time_type)spec->time_type, spec->time_expr, c->conf.tz,
	    sched_seed(spec->name == NULL ? "" : spec->name), e);
}

const struct version *
job_version_get(struct core *c, int64_t job_id, int64_t version, struct err *e)
{
	struct version *set = c->cache[(uint64_t)(job_id * 31 + version) % CACHE_SETS], *oldest = &set[0];

	for (int w = 0; w < CACHE_WAYS; w++) {
		if (set[w].used != 0 && set[w].job.id == job_id && set[w].job.version == version) {
			set[w].used = ++c->cache_clock;
			return &set[w];
		}
		if (set[w].used < oldest->used)
			oldest = &set[w];
	}
	version_free(oldest);
	if (job_get_version(c->db, job_id, version, &oldest->job, e) < 0)
		return NULL;
	oldest->used = ++c->cache_clock;
	/* It parsed when it was saved. If it does not now (another program version), it does not fire, and job_fire says so. */
	oldest->sched = fires(&oldest->job.spec) ? parse(c, &oldest->job.spec, NULL) : NULL;
	return oldest;
}

/* --- occurrences ------------------------------------------------------------------------------------------------- */

static int64_t
end_of(const struct job_spec *spec)
{
	return spec->end_ms == 0 ? INT64_MAX : spec->end_ms;
}

static int64_t
next_after(const struct sched *s, const struct job_spec *spec, int64_t after_ms)
{
	int64_t at = s == NULL ? SCHED_NEVER : sched_next(s, after_ms, spec->start_ms, end_of(spec));

	return at == SCHED_NEVER ? 0 : at;
}

/* Occurrences after `after_ms` up to now that did not run: one range. *last_ms: the last of them, else after_ms. */
static int
skip(struct core *c, const struct version *v, int64_t first_ms, int64_t after_ms, const char *reason, struct now now,
    int64_t *last_ms, struct err *e)
{
	struct skipped k = { .job_id = v->job.id, .job_version = v->job.version, .reason = reason, .at_ms = now.at_ms };
	int64_t end = end_of(&v->job.spec), first = SCHED_NEVER, last = SCHED_NEVER;
	int64_t upto = now.at_ms < end ? now.at_ms : end;

	*last_ms = after_ms;
	if (v->sched != NULL && upto > after_ms)
		k.count = sched_count(v->sched, after_ms, upto, INT64_MAX, &first, &last);
	if (first_ms != 0) { /* one that is known to be due comes before what is counted */
		k.count++;
		first = first_ms;
		last = last == SCHED_NEVER ? first_ms : last;
	}
	if (k.count == 0)
		return 0;
	k.first_ms = first;
	k.last_ms = *last_ms = last;
	return skipped_insert(c->db, &k, e);
}

/* What a job that is not to fire by its old schedule leaves behind: its due but unfired occurrences. */
static int
skip_due(struct core *c, const struct job *j, const char *reason, struct now now, struct err *e)
{
	const struct version *v;
	int64_t last;

	if (j->next_trigger_ms == 0 || j->next_trigger_ms > now.at_ms)
		return 0;
	v = job_version_get(c, j->id, j->version, e);
	return v == NULL ? -1 : skip(c, v, j->next_trigger_ms, j->next_trigger_ms, reason, now, &last, e);
}

/* --- firing ------------------------------------------------------------------------------------------------------ */

struct due {
	int64_t id, version, app_id, at_ms;
};

static int
give_up(struct core *c, const struct due *d, const char *why, struct now now, struct err *e)
{
	log_error("job_disabled", "job=%" PRId64 " version=%" PRId64 " why=%s", d->id, d->version, log_q(why));
	return job_set_status(c->db, d->id, JOB_DISABLED, 0, now.at_ms, e);
}

static int
insert_due(struct core *c, const struct due *d, const struct version *v, struct now now, struct err *e)
{
	struct instance i = { .id = idgen_next(&c->ids, now.at_ms), .app_id = d->app_id, .job_id = d->id,
		.job_version = d->version, .nominal_ms = d->at_ms, .status = INSTANCE_WAITING, .due_ms = d->at_ms,
		.retries_left = v->job.spec.instance_retry_num, .expected_ms = d->at_ms, .exit_code = -1, .log_length = -1,
		.created_ms = now.at_ms, .modified_ms = now.at_ms };
	struct action changed = { .kind = ACTION_CHANGED, .instance_id = i.id };
	struct err why = ERR_INIT;

	if (instance_insert(c->db, &i, &why) < 0) {
		if (why.code != ERR_CONFLICT)
			return err_set(e, why.code, "%s", why.msg);
		/* It ran already: the clock went back, and the job was enabled or edited then. Once is enough. */
		log_info("occurrence_ran", "job=%" PRId64 " nominal_ms=%" PRId64, d->id, d->at_ms);
		return 0;
	}
	return core_push(c, &changed, e) < 0 ? -1 : queue_note(c, i.app_id, i.due_ms, i.id, e);
}

/* Misfire (behaviour.md 1.2): the occurrence that is due runs, however late; those after it that are past already are
 * skipped, as one range; then on from now. */
static int
fire(struct core *c, const struct due *d, struct now now, struct err *e)
{
	struct err why = ERR_INIT;
	const struct version *v = job_version_get(c, d->id, d->version, &why);
	int64_t last, next;

	c->wrote = true;
	if (v == NULL && why.code != ERR_NOTFOUND)
		return err_set(e, why.code, "%s", why.msg);
	if (v == NULL || v->sched == NULL)
		return give_up(c, d, v == NULL ? why.msg : "its time expression cannot be understood", now, e);
	if (insert_due(c, d, v, now, e) < 0)
		return -1;
	next = next_after(v->sched, &v->job.spec, d->at_ms);
	if (next != 0 && next <= now.at_ms) {
		if (skip(c, v, 0, d->at_ms, "missed", now, &last, e) < 0)
			return -1;
		log_warn("occurrences_missed", "job=%" PRId64 " first_ms=%" PRId64 " last_ms=%" PRId64, d->id, next, last);
		next = next_after(v->sched, &v->job.spec, last);
		if (next != 0 && next <= now.at_ms)
			next = next_after(v->sched, &v->job.spec, now.at_ms);
	}
	if (next != 0)
		return job_set_next(c->db, d->id, next, e);
	log_info("job_over", "job=%" PRId64, d->id);
	return job_set_status(c->db, d->id, JOB_DISABLED, 0, now.at_ms, e);
}

static int
read_due(struct core *c, int64_t now_ms, struct due *due, int max, struct err *e)
{
	struct stmt *s = db_stmt(c->db, "SELECT id, version, app_id, next_trigger_ms FROM job WHERE status = 1 AND"
	    " next_trigger_ms IS NOT NULL ORDER BY next_trigger_ms LIMIT ?", e);
	int n = 0, r;

	stmt_i64(s, 1, max);
	while ((r = stmt_step(s, e)) == 1 && stmt_col_i64(s, 3) <= now_ms && n < max)
		due[n++] = (struct due){ .id = stmt_col_i64(s, 0), .version = stmt_col_i64(s, 1), .app_id = stmt_col_i64(s, 2),
			.at_ms = stmt_col_i64(s, 3) };
	/* Jobs that fired come again: unknown then, asked in the next turn. */
	if (r >= 0)
		c->next_trigger_ms = n > 0 ? INT64_MIN : r == 1 ? stmt_col_i64(s, 3) : INT64_MAX;
	stmt_reset(s);
	return r < 0 ? -1 : n;
}

static int
fire_all(struct core *c, struct now now, struct due *due, struct err *e)
{
	int n = read_due(c, now.at_ms, due, c->conf.batch, e);

	for (int i = 0; i < n; i++)
		if (fire(c, &due[i], now, e) < 0)
			return -1;
	return n;
}

int
job_fire_due(struct core *c, struct now now, struct core_wake *wake, struct err *e)
{
	struct due *due;
	int n = 0;

	if (c->next_trigger_ms <= now.at_ms) {
		due = calloc((size_t)c->conf.batch, sizeof *due);
		if (due == NULL)
			return core_nomem(e);
		n = fire_all(c, now, due, e);
		if (n > 0 && n < c->conf.batch) /* none left that is due: ask when the next one is */
			n = read_due(c, now.at_ms, due, 1, e) < 0 ? -1 : n;
		free(due);
		if (n < 0)
			return -1;
	}
	if (c->next_trigger_ms < wake->at_ms)
		wake->at_ms = c->next_trigger_ms;
	return 0;
}

/* --- what people do with jobs ------------------------------------------------------------------------------------ */

static int
get_job(struct core *c, int64_t app_id, int64_t job_id, struct job *j, struct err *e)
{
	struct err why = ERR_INIT;

	if (job_get(c->db, job_id, j, &why) < 0)
		return why.code == ERR_NOTFOUND ? err_set(e, ERR_NOTFOUND, "can't find job by jobId: %" PRId64, job_id) :
		    err_set(e, why.code, "%s", why.msg);
	if (app_id != 0 && j->app_id != app_id) {
		job_fini(j);
		return err_set(e, ERR_FORBIDDEN, "this job is not belong to the app whose appId is %" PRId64, app_id);
	}
	if (j->status == JOB_DELETED) {
		job_fini(j);
		return err_set(e, ERR_NOTFOUND, "can't find job by jobId: %" PRId64 " (it was deleted)", job_id);
	}
	return 0;
}

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
	if (s->on_lost != NULL && strcmp(s->on_lost, "rerun") != 0 && strcmp(s->on_lost, "fail") != 0 &&
	    strcmp(s->on_lost, "hold") != 0)
		return err_set(e, ERR_DATA, "on_lost: %.40s is not one of rerun, fail, hold", s->on_lost);
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
		{ "retry_delay_ms", s->retry_delay_ms, 366LL * 86400 * 1000 },
	};

	for (size_t i = 0; i < sizeof n / sizeof n[0]; i++)
		if (n[i].value < 0 || n[i].value > n[i].most)
			return err_set(e, ERR_DATA, "%s: %" PRId64 " is not in 0..%" PRId64, n[i].name, n[i].value, n[i].most);
	if (!(s->min_cpu_cores >= 0) || !(s->min_memory_gb >= 0) || !(s->min_disk_gb >= 0))
		return err_set(e, ERR_DATA, "minCpuCores, minMemorySpace, minDiskSpace: must be numbers from 0");
	return 0;
}

/* The schedule of a spec and the first nominal time after now; *sched NULL: it never fires by itself. */
static int
check_time(const struct core *c, const struct job_spec *s, struct now now, struct sched **sched, int64_t *next,
    struct err *e)
{
	*sched = NULL;
	*next = 0;
	if (s->start_ms < 0 || s->end_ms < 0)
		return err_set(e, ERR_DATA, "lifeCycle: times before 1970");
	if (s->end_ms != 0 && s->end_ms <= now.at_ms)
		return err_set(e, ERR_DATA, "lifecycle is out of date!");
	if (s->end_ms != 0 && s->start_ms > s->end_ms)
		return err_set(e, ERR_DATA, "lifecycle is invalid! start time must earlier then end time.");
	if (s->time_type == TIME_API || s->time_type == TIME_WORKFLOW)
		return 0;
	if (s->time_type == TIME_FIXED_RATE || s->time_type == TIME_FIXED_DELAY)
		return err_set(e, ERR_DATA, "timeExpressionType: FIXED_RATE and FIXED_DELAY are not supported; use CRON");
	if (!fires(s))
		return err_set(e, ERR_DATA, "timeExpressionType: %" PRId64 " is not one of API (1), CRON (2), WORKFLOW (5), "
		    "DAILY_TIME_INTERVAL (11)", s->time_type);
	if (s->time_expr == NULL)
		return err_set(e, ERR_DATA, "timeExpression can't be empty");
	*sched = parse(c, s, e);
	if (*sched == NULL)
		return err_prefix(e, "timeExpression");
	*next = next_after(*sched, s, now.at_ms);
	if (*next != 0)
		return 0;
	sched_free(*sched);
	*sched = NULL;
	return err_set(e, ERR_DATA, "time expression is out of date: %.300s", s->time_expr);
}

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* The name is a part of it: it seeds H and ~. */
static bool
same_schedule(const struct job_spec *a, const struct job_spec *b)
{
	return a->time_type == b->time_type && a->start_ms == b->start_ms && a->end_ms == b->end_ms &&
	    same_text(a->time_expr, b->time_expr) && same_text(a->name, b->name);
}

/* The trigger of an edited job: an unchanged schedule goes on where it stands, also with what is due and not fired yet. */
static int
edit_trigger(struct core *c, const struct job *old, const struct job_spec *spec, bool enable, struct now now,
    int64_t *next, struct err *e)
{
	if (old->status == JOB_ENABLED && enable && old->next_trigger_ms != 0 && same_schedule(&old->spec, spec)) {
		*next = old->next_trigger_ms;
		return 0;
	}
	return skip_due(c, old, old->status == JOB_ENABLED ? "edited" : "disabled", now, e);
}

static int
save(struct core *c, struct now now, int64_t app_id, int64_t job_id, const struct job_spec *spec, bool enable, int64_t *id,
    struct err *e)
{
	struct job old = { .id = 0 }, j = { .id = job_id, .app_id = app_id, .status = enable ? JOB_ENABLED : JOB_DISABLED };
	struct sched *sched;
	struct app app;
	int r;

	if (check_texts(spec, e) < 0 || check_codes(spec, e) < 0 || check_numbers(spec, e) < 0 ||
	    check_time(c, spec, now, &sched, &j.next_trigger_ms, e) < 0)
		return -1;
	sched_free(sched);
	if (job_id == 0)
		r = app_get(c->db, app_id, &app, e);
	else if ((r = get_job(c, app_id, job_id, &old, e)) == 0)
		r = edit_trigger(c, &old, spec, enable, now, &j.next_trigger_ms, e);
	job_fini(&old);
	if (r < 0)
		return -1;
	j.spec = *spec; /* borrowed */
	c->wrote = true;
	if (job_put(c->db, &j, now.at_ms, e) < 0)
		return -1;
	if (j.next_trigger_ms != 0 && enable && j.next_trigger_ms < c->next_trigger_ms)
		c->next_trigger_ms = j.next_trigger_ms;
	*id = j.id;
	return 0;
}

int
core_job_save(struct core *c, struct now now, int64_t app_id, int64_t job_id, const struct job_spec *spec, bool enable,
    int64_t *id, struct err *e)
{
	if (core_event_begin(c, now, e) < 0)
		return -1;
	return core_event_end(c, save(c, now, app_id, job_id, spec, enable, id, e));
}

static int
enable(struct core *c, const struct job *j, struct now now, struct err *e)
{
	struct sched *sched;
	int64_t next;

	if (check_time(c, &j->spec, now, &sched, &next, e) < 0)
		return -1;
	sched_free(sched);
	if (skip_due(c, j, "disabled", now, e) < 0)
		return -1;
	c->next_trigger_ms = INT64_MIN;
	return job_set_status(c->db, j->id, JOB_ENABLED, next, now.at_ms, e);
}

static int
set_status(struct core *c, const struct job *j, enum job_status status, struct now now, struct err *e)
{
	if (j->status == status)
		return 0;
	switch (status) {
	case JOB_ENABLED:
		return enable(c, j, now, e);
	case JOB_DISABLED: /* the trigger stays: from there on counts what a disabled job leaves out */
		return job_set_status(c->db, j->id, JOB_DISABLED, j->next_trigger_ms, now.at_ms, e);
	case JOB_DELETED:
		if (skip_due(c, j, j->status == JOB_DISABLED ? "disabled" : "deleted", now, e) < 0)
			return -1;
		return job_set_status(c->db, j->id, JOB_DELETED, 0, now.at_ms, e);
	}
	return err_set(e, ERR_USAGE, "no job status %d", (int)status);
}

static int
get_and_set_status(struct core *c, struct now now, int64_t app_id, int64_t job_id, enum job_status status, struct err *e)
{
	struct job j;
	int r;

	if (get_job(c, app_id, job_id, &j, e) < 0)
		return -1;
	r = set_status(c, &j, status, now, e);
	job_fini(&j);
	return r;
}

int
core_job_status(struct core *c, struct now now, int64_t app_id, int64_t job_id, enum job_status status, struct err *e)
{
	if (core_event_begin(c, now, e) < 0)
		return -1;
	return core_event_end(c, get_and_set_status(c, now, app_id, job_id, status, e));
}

int
core_job_next(struct core *c, const struct job *j, int64_t from_ms, int n, int64_t *out, struct err *e)
{
	struct sched *s;
	int got = 0;

	if (!fires(&j->spec))
		return 0;
	s = parse(c, &j->spec, e);
	if (s == NULL)
		return -1;
	for (int64_t at = from_ms; got < n && (at = next_after(s, &j->spec, at)) != 0;)
		out[got++] = at;
	sched_free(s);
	return got;
}

/* Jobs: definitions, their versions, and what people do with them. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "job/core_int.h"
#include "store/app.h"
#include "time/audit.h"

/* --- versions ---------------------------------------------------------------------------------------------------- */

static void
version_free(struct version *v)
{
	if (v->used == 0)
		return;
	job_fini(&v->job);
	sched_free(v->sched);
	free(v->why);
	memset(v, 0, sizeof *v);
}

void
job_versions_forget(struct core *c)
{
	for (int s = 0; s < CACHE_SETS; s++)
		for (int w = 0; w < CACHE_WAYS; w++)
			version_free(&c->cache[s][w]);
}

bool
job_fires(const struct job_spec *spec)
{
	return spec->time_type == TIME_CRON || spec->time_type == TIME_DAILY || interval_is(spec);
}

struct sched *
job_sched(struct core *c, const struct job_spec *spec, struct err *e)
{
	const struct tz *tz;
	struct sched *s;

	if (zones_get(c, spec->tz, &tz, e) < 0)
		return NULL;
	s = sched_parse((enum time_type)spec->time_type, spec->time_expr, tz, sched_seed(spec->name == NULL ? "" : spec->name),
	    e);
	if (s != NULL)
		sched_set_policy(s, (enum sched_gap)sched_gap_code(spec->gap), (enum sched_fold)sched_fold_code(spec->fold));
	return s;
}

const struct version *
job_version_get(struct core *c, int64_t job_id, int64_t version, struct err *e)
{
	struct version *set = c->cache[(uint64_t)(job_id * 31 + version) % CACHE_SETS], *oldest = &set[0];
	struct err why = ERR_INIT;

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
	if (!job_fires(&oldest->job.spec))
		return oldest;
	/* It parsed when it was saved. If it does not now (another program version, no zone file), it does not fire. */
	oldest->sched = job_sched(c, &oldest->job.spec, &why);
	if (oldest->sched == NULL && why.code != ERR_DATA && why.code != ERR_NOTFOUND) {
		version_free(oldest);
		err_set(e, why.code, "%s", why.msg);
		return NULL;
	}
	if (oldest->sched == NULL)
		oldest->why = strdup(why.msg);
	return oldest;
}

const struct job *
core_job_version(struct core *c, int64_t job_id, int64_t version, struct err *e)
{
	const struct version *v;

	if (c->failed) /* what that event read may be gone */
		job_versions_forget(c);
	v = job_version_get(c, job_id, version, e);
	return v == NULL ? NULL : &v->job;
}

/* --- occurrences ------------------------------------------------------------------------------------------------- */

int64_t
job_end(const struct job_spec *spec)
{
	return spec->end_ms == 0 ? INT64_MAX : spec->end_ms;
}

int64_t
job_next_after(const struct sched *s, const struct job_spec *spec, int64_t after_ms)
{
	int64_t at = s == NULL ? SCHED_NEVER : sched_next(s, after_ms, spec->start_ms, job_end(spec));

	return at == SCHED_NEVER ? 0 : at;
}

int
job_over(struct core *c, int64_t job_id, struct now now, struct err *e)
{
	log_info("job_over", "job=%" PRId64, job_id);
	return job_set_over(c->db, job_id, now.at_ms, e);
}

int
job_enabled(struct core *c, int64_t job_id, int64_t *version, int64_t *next_ms, struct err *e)
{
	struct stmt *s = db_stmt(c->db, "SELECT version, coalesce(next_trigger_ms, 0) FROM job WHERE id = ? AND status = 1", e);
	int r;

	stmt_i64(s, 1, job_id);
	r = stmt_step(s, e);
	*version = r == 1 ? stmt_col_i64(s, 0) : 0;
	*next_ms = r == 1 ? stmt_col_i64(s, 1) : 0;
	stmt_reset(s);
	return r < 0 ? -1 : 0;
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
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* The name is a part of it: it seeds H and ~. */
static bool
same_schedule(const struct job_spec *a, const struct job_spec *b)
{
	return a->time_type == b->time_type && a->start_ms == b->start_ms && a->end_ms == b->end_ms &&
	    same_text(a->time_expr, b->time_expr) && same_text(a->name, b->name) && same_text(a->tz, b->tz) &&
	    sched_gap_code(a->gap) == sched_gap_code(b->gap) && sched_fold_code(a->fold) == sched_fold_code(b->fold);
}

/* The trigger of an edited job: an unchanged schedule goes on where it stands, also with what is due and not fired yet. */
static int
edit_trigger(struct core *c, const struct job *old, const struct job_spec *spec, bool enable, struct now now,
    int64_t *next, struct err *e)
{
	if (workers_repeats(&old->spec)) /* what runs is of the old definition: the new one is launched in its place */
		return frequent_stop(c, old, now, e);
	if (old->status == JOB_ENABLED && enable && (old->next_trigger_ms != 0 || interval_is(spec)) &&
	    same_schedule(&old->spec, spec)) {
		*next = old->next_trigger_ms;
		return 0;
	}
	return skip_due(c, old, old->status == JOB_ENABLED ? "edited" : "disabled", now, e);
}

/* Where the clock is not set: the times of the definition before end with its trigger, not in 1970. */
static int
in_force_from(struct core *c, const struct job *j, int64_t trigger_ms, struct err *e)
{
	struct stmt *s = db_stmt(c->db, "UPDATE job_version SET at_ms = ?3 WHERE job_id = ?1 AND version = ?2", e);

	stmt_i64(s, 1, j->id);
	stmt_i64(s, 2, j->version);
	stmt_i64(s, 3, trigger_ms - 1);
	return stmt_run(s, e);
}

static int
save(struct core *c, struct now now, int64_t app_id, int64_t job_id, const struct job_spec *spec, bool enable, int64_t *id,
    struct err *e)
{
	struct job old = { .id = 0 }, j = { .id = job_id, .app_id = app_id, .status = enable ? JOB_ENABLED : JOB_DISABLED };
	int64_t until;
	struct app app;
	int r;

	if (check_spec(spec, e) < 0 || check_time(c, spec, now, &j.next_trigger_ms, e) < 0)
		return -1;
	if (job_id == 0)
		r = app_get(c->db, app_id, &app, e);
	else if ((r = get_job(c, app_id, job_id, &old, e)) == 0)
		r = edit_trigger(c, &old, spec, enable, now, &j.next_trigger_ms, e);
	until = old.next_trigger_ms;
	job_fini(&old);
	if (r < 0)
		return -1;
	j.spec = *spec; /* borrowed */
	c->wrote = true;
	if (job_put(c->db, &j, now.at_ms, e) < 0)
		return -1;
	if (now.at_ms < CLOCK_FLOOR_MS && until > now.at_ms && in_force_from(c, &j, until, e) < 0)
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
	int64_t next;

	if (check_time(c, &j->spec, now, &next, e) < 0)
		return -1;
	if (skip_due(c, j, "disabled", now, e) < 0)
		return -1;
	c->next_trigger_ms = INT64_MIN;
	return job_set_status(c->db, j->id, JOB_ENABLED, next, now.at_ms, e);
}

static int
set_status(struct core *c, const struct job *j, enum job_status status, struct now now, struct err *e)
{
	/* Said of a job that is over: then it is disabled for good. */
	if (j->status == status)
		return status == JOB_DISABLED ? job_set_status(c->db, j->id, status, j->next_trigger_ms, now.at_ms, e) : 0;
	switch (status) {
	case JOB_ENABLED:
		return enable(c, j, now, e);
	case JOB_DISABLED: /* the trigger stays: from there on counts what a disabled job leaves out */
		if (frequent_stop(c, j, now, e) < 0)
			return -1;
		return job_set_status(c->db, j->id, JOB_DISABLED, j->next_trigger_ms, now.at_ms, e);
	case JOB_DELETED:
		if (frequent_stop(c, j, now, e) < 0 || skip_due(c, j, j->status == JOB_DISABLED ? "disabled" : "deleted", now, e) < 0)
			return -1;
		return job_set_status(c->db, j->id, JOB_DELETED, 0, now.at_ms, e);
	}
	return err_set(e, ERR_USAGE, "no job status %d", (int)status);
}

/* Its trigger stays where it was when it was disabled: all from there on is due, be it over by now. */
static int
make_up(struct core *c, const struct job *j, struct now now, struct err *e)
{
	if (j->status != JOB_DISABLED || j->next_trigger_ms == 0 || workers_repeats(&j->spec))
		return set_status(c, j, JOB_ENABLED, now, e);
	c->next_trigger_ms = INT64_MIN;
	return job_set_status(c->db, j->id, JOB_ENABLED, j->next_trigger_ms, now.at_ms, e);
}

static int
get_and_set_status(struct core *c, struct now now, int64_t app_id, int64_t job_id, enum job_status status, bool all,
    struct err *e)
{
	struct job j;
	int r;

	if (get_job(c, app_id, job_id, &j, e) < 0)
		return -1;
	r = all ? make_up(c, &j, now, e) : set_status(c, &j, status, now, e);
	job_fini(&j);
	return r;
}

int
core_job_status(struct core *c, struct now now, int64_t app_id, int64_t job_id, enum job_status status, struct err *e)
{
	if (core_event_begin(c, now, e) < 0)
		return -1;
	return core_event_end(c, get_and_set_status(c, now, app_id, job_id, status, false, e));
}

int
core_job_make_up(struct core *c, struct now now, int64_t app_id, int64_t job_id, struct err *e)
{
	if (core_event_begin(c, now, e) < 0)
		return -1;
	return core_event_end(c, get_and_set_status(c, now, app_id, job_id, JOB_ENABLED, true, e));
}

int
core_time_check(struct core *c, struct now now, const struct job_spec *spec, struct err *e)
{
	int64_t next;

	return check_time(c, spec, now, &next, e);
}

int
core_job_next(struct core *c, const struct job *j, int64_t from_ms, int n, int64_t *out, struct err *e)
{
	struct sched *s;
	int got = 0;

	if (!job_fires(&j->spec))
		return 0;
	s = job_sched(c, &j->spec, e);
	if (s == NULL)
		return -1;
	if (interval_is(&j->spec))
		got = interval_next(s, j, from_ms, n, out);
	else if (j->spec.time_type == TIME_DAILY)
		got = interval_next_daily(s, j, from_ms, n, out);
	else for (int64_t at = from_ms; got < n && (at = job_next_after(s, &j->spec, at)) != 0;)
		out[got++] = at;
	sched_free(s);
	return got;
}

int
core_job_first(struct core *c, const struct job *j, int64_t from_ms, int64_t *out, struct err *e)
{
	struct sched *s;

	*out = 0;
	if (!job_fires(&j->spec))
		return 0;
	s = job_sched(c, &j->spec, e);
	if (s == NULL)
		return -1;
	*out = j->spec.time_type == TIME_CRON ? job_next_after(s, &j->spec, from_ms - 1) : interval_first(s, j, from_ms);
	sched_free(s);
	return 0;
}

int
core_job_audit(struct core *c, const struct job *j, int64_t from_ms, struct jw *w, struct err *e)
{
	struct audit_range r = { from_ms, from_ms + AUDIT_SPAN_MS, j->spec.start_ms, j->spec.end_ms, 0 };
	struct sched *s = NULL;
	const struct tz *tz;

	if (zones_get(c, j->spec.tz, &tz, e) < 0 || (job_fires(&j->spec) && (s = job_sched(c, &j->spec, e)) == NULL))
		return -1;
	/* The times of a daily interval follow from the one that comes next. */
	if (j->status == JOB_ENABLED && j->spec.time_type == TIME_DAILY)
		r.trigger_ms = j->next_trigger_ms;
	audit_put(s, (enum time_type)j->spec.time_type, tz, r, w);
	sched_free(s);
	return 0;
}

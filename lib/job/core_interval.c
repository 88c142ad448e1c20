/* FIXED_RATE and FIXED_DELAY of commands. Each run is an instance of its own with a nominal time. A rate fires as a cron
 * expression does (core_fire.c), counted from one nominal time to the next. A delay counts from the end of the run before:
 * while an occurrence is under way its job has no trigger; the end sets it. */
#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "job/core_int.h"

#define LOOK_AGAIN_MS 1000 /* something else of the job runs, by hand or of an earlier definition */
#define CHUNK 64

bool
interval_is(const struct job_spec *s)
{
	return (s->time_type == TIME_FIXED_RATE || s->time_type == TIME_FIXED_DELAY) && workers_runs_command(s);
}

int
interval_next(const struct sched *s, const struct job *j, int64_t from_ms, int n, int64_t *out)
{
	int64_t step = sched_interval_ms(s), at = j->next_trigger_ms, end = job_end(&j->spec);
	int got = 0;

	if (j->status != JOB_ENABLED) /* enabled then, it would count from there */
		at = job_next_after(s, &j->spec, from_ms);
	if (at == 0 || n < 1)
		return 0;
	if (j->spec.time_type == TIME_FIXED_DELAY) { /* the next one; when the others come only their runs know */
		out[0] = at;
		return at > from_ms;
	}
	if (at <= from_ms)
		at += ((from_ms - at) / step + 1) * step;
	for (; got < n && at <= end && at < SCHED_NEVER - step; at += step)
		out[got++] = at;
	return got;
}

int
interval_next_daily(const struct sched *s, const struct job *j, int64_t from_ms, int n, int64_t *out)
{
	int64_t at = j->status == JOB_ENABLED ? j->next_trigger_ms : 0, behind;
	int got = 0;

	if (at == 0) {
		at = from_ms;
	} else if (at > from_ms) {
		out[got++] = at;
	} else if (sched_count(s, at, from_ms, INT64_MAX, NULL, &behind) > 0) {
		at = behind;
	}
	while (got < n && (at = job_next_after(s, &j->spec, at)) != 0)
		out[got++] = at;
	return got;
}

/* The beat of a rate as it was before the job's first time. */
static int64_t
beat_before(const struct sched *s, int64_t at_ms, int64_t from_ms)
{
	return at_ms - (at_ms - from_ms) / sched_interval_ms(s) * sched_interval_ms(s);
}

int64_t
interval_first(const struct sched *s, const struct job *j, int64_t from_ms)
{
	int64_t soon = job_next_after(s, &j->spec, from_ms - 1), at = j->next_trigger_ms, next;

	if (at == 0 || soon == 0)
		return soon;
	if (at > soon) /* from_ms is long past: before this one there were others */
		return j->spec.time_type == TIME_FIXED_RATE && j->spec.start_ms < from_ms ? beat_before(s, at, from_ms) : soon;
	if (at >= from_ms)
		return at;
	if (j->spec.time_type == TIME_FIXED_DELAY)
		return from_ms;
	if (j->spec.time_type == TIME_FIXED_RATE)
		return interval_next(s, j, from_ms - 1, 1, &next) == 1 ? next : 0;
	return interval_next_daily(s, j, from_ms - 1, 1, &next) == 1 ? next : 0;
}

/* --- delays ------------------------------------------------------------------------------------------------------ */

/* next_ms 0: none before the run that is under way ends. */
static int
set_trigger(struct core *c, int64_t job_id, int64_t next_ms, int64_t end_ms, struct now now, struct err *e)
{
	c->wrote = true;
	if (next_ms != 0 && next_ms > end_ms)
		return job_over(c, job_id, now, e);
	if (next_ms != 0 && next_ms < c->next_trigger_ms)
		c->next_trigger_ms = next_ms;
	return job_set_next(c->db, job_id, next_ms, e);
}

/* When the last occurrence that was made ended (where the clock was set back that is not the one of the latest time); NO_MS:
 * there was none, or it has not. */
static int
last_end(struct core *c, int64_t job_id, int64_t *out, struct err *e)
{
	struct stmt *s = db_stmt(c->db, "SELECT coalesce(finished_ms, 0) FROM instance INDEXED BY instance_job WHERE job_id = ?"
	    " AND nominal_ms IS NOT NULL ORDER BY id DESC LIMIT 1", e);

	stmt_i64(s, 1, job_id);
	return stmt_one_i64(s, out, e);
}

/* Why an occurrence does not start so late; NULL: it does. */
static const char *
too_late(const struct job_spec *s, int64_t late_ms)
{
	if (s->deadline_ms > 0 && late_ms > s->deadline_ms)
		return "deadline";
	return late_ms > fire_window_ms(s) ? "missed" : NULL;
}

int
delay_fire(struct core *c, const struct version *v, int64_t at_ms, struct now now, struct err *e)
{
	/* Its own: what happens to the instances may drop the version. */
	int64_t id = v->job.id, step = sched_interval_ms(v->sched), over = job_end(&v->job.spec), ended;
	const char *why = too_late(&v->job.spec, now.at_ms - at_ms);
	int busy = overlap_busy(c, id, now, e);

	if (busy < 0 || last_end(c, id, &ended, e) < 0)
		return -1;
	if (busy)
		return set_trigger(c, id, now.at_ms + (step < LOOK_AGAIN_MS ? step : LOOK_AGAIN_MS), over, now, e);
	/* A run that somebody had retried may have set it, and another ended later. An end to come is of a clock that was set
	 * back: it holds nothing up. */
	if (ended != NO_MS && ended <= now.at_ms && ended + step > at_ms)
		return set_trigger(c, id, ended + step, over, now, e);
	if (why != NULL)
		return skip_put(c, v, at_ms, at_ms, 1, why, now, e) < 0 ? -1 : set_trigger(c, id, now.at_ms + step, over, now, e);
	if (fire_insert(c, v, at_ms, now, e) < 0 || (busy = overlap_busy(c, id, now, e)) < 0)
		return -1;
	/* Not busy: it ran already, before the clock was set back. */
	return set_trigger(c, id, busy ? 0 : now.at_ms + step, over, now, e);
}

static bool
is_delay(const struct version *v)
{
	return v->sched != NULL && v->job.spec.time_type == TIME_FIXED_DELAY && interval_is(&v->job.spec);
}

int
delay_ended(struct core *c, const struct instance *i, struct now now, struct err *e)
{
	struct err why = ERR_INIT;
	const struct version *v;
	int64_t version, trigger, next;

	if (i->nominal_ms == NO_MS || !i->lone) /* fire_insert makes all of a delay lone */
		return 0;
	v = job_version_get(c, i->job_id, i->job_version, &why);
	if (v == NULL)
		return why.code == ERR_NOTFOUND ? 0 : err_set(e, why.code, "%s", why.msg);
	if (!is_delay(v))
		return 0;
	if (job_enabled(c, i->job_id, &version, &trigger, e) < 0)
		return -1;
	if (version == 0 || trigger != 0)
		return 0;
	v = job_version_get(c, i->job_id, version, e);
	if (v == NULL)
		return -1;
	if (!is_delay(v))
		return 0;
	/* An end told late makes no run late, and one to come is of a clock that was set back. */
	next = (i->finished_ms < now.at_ms ? i->finished_ms : now.at_ms) + sched_interval_ms(v->sched);
	return set_trigger(c, i->job_id, next < now.at_ms ? now.at_ms : next, job_end(&v->job.spec), now, e);
}

/* --- a clock that was set back ----------------------------------------------------------------------------------- */

struct ahead {
	int64_t id, version, next_ms;
};

static int
read_ahead(struct core *c, int64_t after_id, int64_t now_ms, struct ahead *a, struct err *e)
{
	struct stmt *s = db_stmt(c->db, "SELECT j.id, j.version, j.next_trigger_ms FROM job_version v JOIN job j ON j.id ="
	    " v.job_id AND j.version = v.version WHERE v.job_id > ?1 AND v.time_type IN (3, 4) AND j.status = 1"
	    " AND j.next_trigger_ms > ?2 ORDER BY v.job_id LIMIT ?3", e);
	int n = 0, r = 0;

	stmt_i64(s, 1, after_id);
	stmt_i64(s, 2, now_ms);
	stmt_i64(s, 3, CHUNK);
	while (n < CHUNK && (r = stmt_step(s, e)) == 1)
		a[n++] = (struct ahead){ stmt_col_i64(s, 0), stmt_col_i64(s, 1), stmt_col_i64(s, 2) };
	stmt_reset(s);
	return r < 0 ? -1 : n;
}

/* The time between two runs does not grow by what the clock was set back. */
static int
pull(struct core *c, const struct ahead *a, struct now now, struct err *e)
{
	const struct version *v = job_version_get(c, a->id, a->version, e);
	int64_t next;

	if (v == NULL)
		return -1;
	if (!interval_is(&v->job.spec))
		return 0;
	next = job_next_after(v->sched, &v->job.spec, now.at_ms);
	if (next == 0 || next >= a->next_ms)
		return 0;
	log_info("trigger_moved", "job=%" PRId64 " from_ms=%" PRId64 " to_ms=%" PRId64, a->id, a->next_ms, next);
	return job_set_next(c->db, a->id, next, e);
}

int
interval_rewind(struct core *c, struct now now, struct err *e)
{
	struct ahead a[CHUNK];
	int64_t after = 0;
	int n;

	do {
		n = read_ahead(c, after, now.at_ms, a, e);
		for (int i = 0; i < n; i++) {
			if (pull(c, &a[i], now, e) < 0)
				return -1;
			after = a[i].id;
		}
	} while (n == CHUNK);
	return n < 0 ? -1 : 0;
}

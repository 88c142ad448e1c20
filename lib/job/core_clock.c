/* A wall clock that was set. Forward, what is past then is a misfire, and the job's policy decides; only retention is held
 * back (core_keep.c). Backward, the rows hold times that are still to come again:
 *
 *   - what ran keeps its instance, and the unique index keeps it from running twice;
 *   - what was left out because the clock was ahead has not been missed: its range is taken back to the present, and the
 *     job's trigger with it;
 *   - what waits is due after the delay that it was given, and what never ran not before its nominal time;
 *   - a job that was over has its times to come again;
 *   - what people defined or enabled meanwhile counts from now on.
 *
 * Looked for at the start too: the clock may have been set while nobody looked. A clock that no server of this kind can
 * have seen is not set yet: the rows are left alone until it is. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "job/core_int.h"
#include "store/meta.h"

#define NOTED_MS (400 * INT64_C(86400000))

struct ahead { /* a row of `skipped` that was written at a time to come */
	int64_t id, job_id, version, first_ms, last_ms;
};

void
core_clock_jumped(struct core *c, int64_t delta_ms)
{
	log_info("clock_set", "ms=%" PRId64 " then=%s", delta_ms, delta_ms < 0 ? "what-ran-is-not-run-again" :
	    "what-is-past-is-a-misfire");
	c->back_ms += delta_ms < 0 ? -delta_ms : 0;
	c->rewind = c->rewind || delta_ms < 0;
	c->went_back = c->went_back || delta_ms < 0;
}

static int
read_ahead(struct core *c, int64_t now_ms, struct ahead *a, int max, struct err *e)
{
	struct stmt *s = db_stmt(c->db, "SELECT id, job_id, job_version, first_ms, last_ms FROM skipped WHERE at_ms > ?"
	    " ORDER BY at_ms LIMIT ?", e);
	int n = 0, r = 0;

	stmt_i64(s, 1, now_ms);
	stmt_i64(s, 2, max);
	while (n < max && (r = stmt_step(s, e)) == 1)
		a[n++] = (struct ahead){ stmt_col_i64(s, 0), stmt_col_i64(s, 1), stmt_col_i64(s, 2), stmt_col_i64(s, 3),
			stmt_col_i64(s, 4) };
	stmt_reset(s);
	return r < 0 ? -1 : n;
}

/* The part of the range that is past by the new clock, too. */
static int
cut(struct core *c, const struct ahead *a, struct now now, struct err *e)
{
	const struct version *v = job_version_get(c, a->job_id, a->version, e);
	int64_t last = a->last_ms, n = 0;
	struct stmt *s;

	if (v == NULL)
		return -1;
	if (a->first_ms > now.at_ms) {
		s = db_stmt(c->db, "DELETE FROM skipped WHERE id = ?", e);
		stmt_i64(s, 1, a->id);
		return stmt_run(s, e);
	}
	if (a->last_ms > now.at_ms && v->sched != NULL) {
		n = sched_count(v->sched, a->first_ms, now.at_ms, INT64_MAX, NULL, &last);
		last = n > 0 ? last : a->first_ms;
	}
	s = db_stmt(c->db, "UPDATE skipped SET at_ms = ?2, last_ms = ?3, count = CASE WHEN last_ms = ?3 THEN count ELSE ?4 END"
	    " WHERE id = ?1", e);
	stmt_i64(s, 1, a->id);
	stmt_i64(s, 2, now.at_ms);
	stmt_i64(s, 3, last);
	stmt_i64(s, 4, n + 1);
	return stmt_run(s, e);
}

/* The job's trigger back to the first time that is to come; of a disabled job too, where it says from when on times are
 * left out. */
static int
back(struct core *c, const struct ahead *a, struct now now, struct err *e)
{
	const struct version *v;
	struct job j;
	int64_t next = 0;

	if (a->last_ms <= now.at_ms)
		return 0;
	if (job_get(c->db, a->job_id, &j, e) < 0)
		return -1;
	if (j.status != JOB_DELETED) {
		v = job_version_get(c, j.id, j.version, e);
		if (v == NULL) {
			job_fini(&j);
			return -1;
		}
		next = job_next_after(v->sched, &v->job.spec, now.at_ms);
	}
	if (next != 0 && next < j.next_trigger_ms) {
		log_info("trigger_moved", "job=%" PRId64 " from_ms=%" PRId64 " to_ms=%" PRId64, j.id, j.next_trigger_ms, next);
		c->next_trigger_ms = INT64_MIN;
		job_fini(&j);
		return job_set_next(c->db, a->job_id, next, e);
	}
	job_fini(&j);
	return 0;
}

static int
waiting(struct core *c, struct now now, struct err *e)
{
	struct stmt *s = db_stmt(c->db, "UPDATE instance SET due_ms = max(CASE WHEN running_times > 0 THEN 0 ELSE"
	    " coalesce(nominal_ms, 0) END, ?1 + max(0, due_ms - modified_ms)), modified_ms = ?1 WHERE status = 1 AND modified_ms > ?1", e);

	stmt_i64(s, 1, now.at_ms);
	if (stmt_run(s, e) < 0)
		return -1;
	return db_changes(c->db) > 0 ? queue_load(c, e) : 0;
}

/* When a second-level job is launched anew: looked at now, it is launched if it does not run. */
static int
launches(struct core *c, struct now now, struct err *e)
{
	struct stmt *s = db_stmt(c->db, "UPDATE job SET next_trigger_ms = ?1 WHERE status = 1 AND next_trigger_ms > ?1 AND id IN"
	    " (SELECT job_id FROM job_version WHERE time_type IN (3, 4)) AND EXISTS (SELECT 1 FROM job_version v WHERE"
	    " v.job_id = job.id AND v.version = job.version AND v.time_type IN (3, 4) AND v.processor_info NOT IN"
	    " ('exec', 'shell') AND job.next_trigger_ms IS NOT v.end_ms AND coalesce(v.start_ms, 0) <= ?1)", e);

	stmt_i64(s, 1, now.at_ms);
	if (stmt_run(s, e) < 0 || interval_rewind(c, now, e) < 0)
		return -1;
	c->next_trigger_ms = INT64_MIN;
	c->went_back = false;
	c->moved = true;
	return 0;
}

/* --- jobs that were over ----------------------------------------------------------------------------------------- */

struct over {
	int64_t id, version;
};

static int
read_over(struct core *c, int64_t now_ms, struct over *o, int max, struct err *e)
{
	struct stmt *s = db_stmt(c->db, "SELECT id, version FROM job WHERE over_ms > ? AND status = 2 LIMIT ?", e);
	int n = 0, r = 0;

	stmt_i64(s, 1, now_ms);
	stmt_i64(s, 2, max);
	while (n < max && (r = stmt_step(s, e)) == 1)
		o[n++] = (struct over){ stmt_col_i64(s, 0), stmt_col_i64(s, 1) };
	stmt_reset(s);
	return r < 0 ? -1 : n;
}

static int
set_time(struct core *c, const char *sql, int64_t job_id, struct now now, struct err *e)
{
	struct stmt *s = db_stmt(c->db, sql, e);

	stmt_i64(s, 1, job_id);
	stmt_i64(s, 2, now.at_ms);
	return stmt_run(s, e);
}

/* A definition from then is in force from now on. */
#define IN_FORCE "UPDATE job_version SET at_ms = ?2 WHERE job_id = ?1 AND at_ms > ?2"

static int
enable(struct core *c, const struct over *o, struct now now, struct err *e)
{
	const struct version *v = job_version_get(c, o->id, o->version, e);
	int64_t next;

	if (v == NULL || set_time(c, IN_FORCE, o->id, now, e) < 0)
		return -1;
	if (!workers_repeats(&v->job.spec))
		next = job_next_after(v->sched, &v->job.spec, now.at_ms);
	else if (job_end(&v->job.spec) <= now.at_ms)
		next = 0;
	else
		next = v->job.spec.start_ms > now.at_ms ? v->job.spec.start_ms : now.at_ms;
	if (next == 0) /* it is over by this clock, too */
		return job_set_over(c->db, o->id, now.at_ms, e);
	log_info("job_enabled", "job=%" PRId64 " next_ms=%" PRId64 " why=clock-set-back", o->id, next);
	c->next_trigger_ms = INT64_MIN;
	return job_set_status(c->db, o->id, JOB_ENABLED, next, now.at_ms, e);
}

/* 1: there may be more of them. */
static int
revive(struct core *c, struct now now, struct err *e)
{
	struct over o[64];
	const int most = (int)(sizeof o / sizeof o[0]);
	int n = read_over(c, now.at_ms, o, most, e);

	for (int i = 0; i < n; i++)
		if (enable(c, &o[i], now, e) < 0)
			return -1;
	return n < 0 ? -1 : n == most;
}

/* --- what people did --------------------------------------------------------------------------------------------- */

struct edited {
	int64_t id, version, next_ms, status;
};

static int
read_edited(struct core *c, int64_t now_ms, struct edited *x, int max, struct err *e)
{
	struct stmt *s = db_stmt(c->db, "SELECT id, version, coalesce(next_trigger_ms, 0), status FROM job"
	    " WHERE modified_ms > ? LIMIT ?", e);
	int n = 0, r = 0;

	stmt_i64(s, 1, now_ms);
	stmt_i64(s, 2, max);
	while (n < max && (r = stmt_step(s, e)) == 1)
		x[n++] = (struct edited){ stmt_col_i64(s, 0), stmt_col_i64(s, 1), stmt_col_i64(s, 2), stmt_col_i64(s, 3) };
	stmt_reset(s);
	return r < 0 ? -1 : n;
}

/* Its trigger was computed by a clock that was ahead. */
static int
count_from_now(struct core *c, const struct edited *x, struct now now, struct err *e)
{
	const struct version *v;
	int64_t next;

	if (set_time(c, "UPDATE job SET modified_ms = ?2 WHERE id = ?1", x->id, now, e) < 0 ||
	    set_time(c, IN_FORCE, x->id, now, e) < 0)
		return -1;
	if (x->status == JOB_DELETED)
		return 0;
	v = job_version_get(c, x->id, x->version, e);
	if (v == NULL)
		return -1;
	/* Without a trigger it was over, and somebody disabled it then; or it is a delay whose run is under way. */
	if (x->next_ms == 0 && (x->status == JOB_ENABLED || v->job.spec.time_type == TIME_FIXED_DELAY))
		return 0;
	next = v->sched == NULL ? 0 : job_next_after(v->sched, &v->job.spec, now.at_ms);
	if (next == 0 || (x->next_ms != 0 && next >= x->next_ms))
		return 0;
	log_info("trigger_moved", "job=%" PRId64 " from_ms=%" PRId64 " to_ms=%" PRId64, x->id, x->next_ms, next);
	c->next_trigger_ms = INT64_MIN;
	return job_set_next(c->db, x->id, next, e);
}

/* 1: there may be more of them. */
static int
people(struct core *c, struct now now, struct err *e)
{
	struct edited x[64];
	const int most = (int)(sizeof x / sizeof x[0]);
	int n = read_edited(c, now.at_ms, x, most, e);

	for (int i = 0; i < n; i++)
		if (count_from_now(c, &x[i], now, e) < 0)
			return -1;
	return n < 0 ? -1 : n == most;
}

/* --- all of it --------------------------------------------------------------------------------------------------- */

/* For who reads the ledger: times from here on were there before. */
static int
note_back(struct core *c, struct now now, struct err *e)
{
	char key[48], text[24];
	struct stmt *s;

	if (c->back_ms == 0)
		return 0;
	snprintf(key, sizeof key, "set_back:%020" PRId64, now.at_ms - NOTED_MS);
	s = db_stmt(c->db, "DELETE FROM meta WHERE key >= 'set_back:' AND key < ?", e);
	stmt_text(s, 1, key);
	if (stmt_run(s, e) < 0)
		return -1;
	snprintf(key, sizeof key, "set_back:%020" PRId64, now.at_ms);
	snprintf(text, sizeof text, "%" PRId64, c->back_ms);
	c->noted_ms = c->back_ms;
	c->back_ms = 0;
	return meta_set(c->db, key, text, e);
}

static int
rewind_rows(struct core *c, struct now now, struct ahead *a, struct err *e)
{
	int r, n = note_back(c, now, e) < 0 ? -1 : read_ahead(c, now.at_ms, a, c->conf.batch, e);

	for (int i = 0; i < n; i++)
		if (cut(c, &a[i], now, e) < 0 || back(c, &a[i], now, e) < 0)
			return -1;
	if (n < 0 || (n < c->conf.batch && waiting(c, now, e) < 0) || (c->went_back && launches(c, now, e) < 0))
		return -1;
	r = n == c->conf.batch ? 1 : revive(c, now, e);
	return r == 0 ? people(c, now, e) : r;
}

void
clock_done(struct core *c)
{
	c->noted_ms = 0;
	c->moved = false;
}

void
clock_undone(struct core *c)
{
	c->back_ms += c->noted_ms;
	c->went_back = c->went_back || c->moved;
	c->rewind = true;
	clock_done(c);
}

int
clock_tick(struct core *c, struct now now, struct core_wake *wake, struct err *e)
{
	struct ahead *a;
	int r;

	if (!c->rewind)
		return 0;
	if (now.at_ms < CLOCK_FLOOR_MS) {
		if (!c->unset)
			log_warn("clock_unset", "at_ms=%" PRId64 " what was planned waits until it is set", now.at_ms);
		c->unset = true;
		return 0;
	}
	c->unset = false;
	a = calloc((size_t)c->conf.batch, sizeof *a);
	if (a == NULL)
		return core_nomem(e);
	c->wrote = true;
	r = rewind_rows(c, now, a, e);
	free(a);
	if (r < 0)
		return -1;
	c->rewind = r == 1;
	if (r == 1)
		wake->at_ms = now.at_ms;
	return 0;
}

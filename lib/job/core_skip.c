/* Occurrences that did not run: ranges of them, and why. */
#include <string.h>

#include "job/core_int.h"

/* A job that overlaps itself leaves out one occurrence after the other: they become one range, as long as nothing comes
 * between them, and they keep their beat. 1: it was added to the last row. */
static int
join(struct core *c, const struct version *v, const struct skipped *k, struct err *e)
{
	struct stmt *s = db_stmt(c->db, "SELECT id, last_ms FROM skipped WHERE id = (SELECT id FROM skipped WHERE job_id = ?1"
	    " ORDER BY first_ms DESC LIMIT 1) AND job_version = ?2 AND reason = ?3 AND last_ms < ?4 AND NOT EXISTS (SELECT 1"
	    " FROM instance WHERE job_id = ?1 AND nominal_ms > skipped.last_ms)", e);
	int64_t id, last_ms;
	int r;

	stmt_i64(s, 1, k->job_id);
	stmt_i64(s, 2, k->job_version);
	stmt_text(s, 3, k->reason);
	stmt_i64(s, 4, k->first_ms);
	r = stmt_step(s, e);
	id = r == 1 ? stmt_col_i64(s, 0) : 0;
	last_ms = r == 1 ? stmt_col_i64(s, 1) : 0;
	stmt_reset(s);
	if (r != 1 || job_next_after(v->sched, &v->job.spec, last_ms) != k->first_ms)
		return r < 0 ? -1 : 0;
	s = db_stmt(c->db, "UPDATE skipped SET last_ms = ?2, count = count + ?3, at_ms = ?4 WHERE id = ?1", e);
	stmt_i64(s, 1, id);
	stmt_i64(s, 2, k->last_ms);
	stmt_i64(s, 3, k->count);
	stmt_i64(s, 4, k->at_ms);
	return stmt_run(s, e) < 0 ? -1 : 1;
}

static int
put_range(struct core *c, const struct version *v, int64_t first_ms, int64_t last_ms, int64_t count, const char *reason,
    struct now now, struct err *e)
{
	struct skipped k = { .job_id = v->job.id, .job_version = v->job.version, .first_ms = first_ms, .last_ms = last_ms,
		.count = count, .reason = reason, .at_ms = now.at_ms };
	int r = strcmp(reason, "overlap") == 0 || strcmp(reason, "deadline") == 0 ? join(c, v, &k, e) : 0;

	return r != 0 ? (r < 0 ? -1 : 0) : skipped_insert(c->db, &k, e);
}

struct taken { /* times that have their verdict */
	int64_t first_ms, last_ms;
};

static int
earliest(struct core *c, const char *sql, int64_t job_id, int64_t first_ms, int64_t last_ms, struct taken *t, struct err *e)
{
	struct stmt *s = db_stmt(c->db, sql, e);
	int r;

	stmt_i64(s, 1, job_id);
	stmt_i64(s, 2, first_ms);
	stmt_i64(s, 3, last_ms);
	r = stmt_step(s, e);
	if (r == 1 && stmt_col_i64(s, 1) >= first_ms && stmt_col_i64(s, 0) < t->first_ms)
		*t = (struct taken){ stmt_col_i64(s, 0), stmt_col_i64(s, 1) };
	stmt_reset(s);
	return r < 0 ? -1 : 0;
}

/* The first of them from first_ms to last_ms; t->first_ms SCHED_NEVER: none. Ranges do not overlap: of those that begin
 * before, only the last can reach so far. */
static int
find_taken(struct core *c, int64_t job_id, int64_t first_ms, int64_t last_ms, struct taken *t, struct err *e)
{
	*t = (struct taken){ SCHED_NEVER, SCHED_NEVER };
	if (earliest(c, "SELECT first_ms, last_ms FROM skipped WHERE job_id = ?1 AND first_ms <= ?2 AND ?3"
	    " ORDER BY first_ms DESC LIMIT 1", job_id, first_ms, last_ms, t, e) < 0)
		return -1;
	if (earliest(c, "SELECT first_ms, last_ms FROM skipped WHERE job_id = ?1 AND first_ms > ?2 AND first_ms <= ?3"
	    " ORDER BY first_ms LIMIT 1", job_id, first_ms, last_ms, t, e) < 0)
		return -1;
	return earliest(c, "SELECT nominal_ms, nominal_ms FROM instance WHERE job_id = ?1 AND nominal_ms BETWEEN ?2 AND ?3"
	    " ORDER BY nominal_ms LIMIT 1", job_id, first_ms, last_ms, t, e);
}

int
skip_is_known(struct core *c, int64_t job_id, int64_t at_ms, struct err *e)
{
	struct taken t = { SCHED_NEVER, SCHED_NEVER };

	if (earliest(c, "SELECT first_ms, last_ms FROM skipped WHERE job_id = ?1 AND first_ms <= ?2 AND ?3"
	    " ORDER BY first_ms DESC LIMIT 1", job_id, at_ms, at_ms, &t, e) < 0)
		return -1;
	return t.first_ms != SCHED_NEVER;
}

/* Those from *at on that come before t: one range. *at goes on behind t, 0 when there are no more; *count with it. */
static int
put_before(struct core *c, const struct version *v, int64_t *at, const struct taken *t, int64_t *count, const char *reason,
    struct now now, struct err *e)
{
	int64_t last = *at, behind, n = 1;

	if (*at < t->first_ms) {
		n += sched_count(v->sched, *at, t->first_ms - 1, INT64_MAX, NULL, &behind);
		last = n > 1 ? behind : last;
		if (put_range(c, v, *at, last, n, reason, now, e) < 0)
			return -1;
	}
	*count -= n;
	n = sched_count(v->sched, last, t->last_ms, INT64_MAX, NULL, &behind);
	*count -= n;
	*at = job_next_after(v->sched, &v->job.spec, n > 0 ? behind : last);
	return 0;
}

int
skip_put(struct core *c, const struct version *v, int64_t first_ms, int64_t last_ms, int64_t count, const char *reason,
    struct now now, struct err *e)
{
	struct taken t;

	c->wrote = true;
	while (count > 0 && first_ms != 0 && first_ms <= last_ms) {
		if (find_taken(c, v->job.id, first_ms, last_ms, &t, e) < 0)
			return -1;
		if (t.first_ms == SCHED_NEVER)
			return put_range(c, v, first_ms, last_ms, count, reason, now, e);
		if (v->sched == NULL || v->job.spec.time_type == TIME_FIXED_DELAY)
			return 0;
		if (put_before(c, v, &first_ms, &t, &count, reason, now, e) < 0)
			return -1;
	}
	return 0;
}

/* Occurrences from first_ms on up to now: one range. */
static int
skip_from(struct core *c, const struct version *v, int64_t first_ms, const char *reason, struct now now, struct err *e)
{
	int64_t end = job_end(&v->job.spec), upto = now.at_ms < end ? now.at_ms : end, n = 0, last = SCHED_NEVER;

	if (v->sched != NULL && upto > first_ms)
		n = sched_count(v->sched, first_ms, upto, INT64_MAX, NULL, &last);
	return skip_put(c, v, first_ms, n > 0 ? last : first_ms, n + 1, reason, now, e);
}

int
skip_due(struct core *c, const struct job *j, const char *reason, struct now now, struct err *e)
{
	const struct version *v;

	if (j->next_trigger_ms == 0 || j->next_trigger_ms > now.at_ms)
		return 0;
	v = job_version_get(c, j->id, j->version, e);
	if (v != NULL && workers_repeats(&v->job.spec))
		return 0; /* no occurrences: the time of a launch */
	return v == NULL ? -1 : skip_from(c, v, j->next_trigger_ms, reason, now, e);
}


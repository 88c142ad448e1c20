/* Occurrences that did not run: ranges of them, and why. */
#include <string.h>

#include "job/core_int.h"

/* A job that overlaps itself leaves out one occurrence after the other: they become one range, as long as nothing comes
 * between them. 1: it was added to the last row. */
static int
join(struct core *c, const struct skipped *k, struct err *e)
{
	struct stmt *s = db_stmt(c->db, "UPDATE skipped SET last_ms = ?3, count = count + ?4, at_ms = ?5 WHERE id ="
	    " (SELECT id FROM skipped WHERE job_id = ?1 ORDER BY first_ms DESC LIMIT 1) AND job_version = ?2 AND reason = ?6"
	    " AND last_ms < ?7 AND NOT EXISTS (SELECT 1 FROM instance WHERE job_id = ?1 AND nominal_ms > skipped.last_ms)", e);

	stmt_i64(s, 1, k->job_id);
	stmt_i64(s, 2, k->job_version);
	stmt_i64(s, 3, k->last_ms);
	stmt_i64(s, 4, k->count);
	stmt_i64(s, 5, k->at_ms);
	stmt_text(s, 6, k->reason);
	stmt_i64(s, 7, k->first_ms);
	return stmt_run(s, e) < 0 ? -1 : db_changes(c->db) > 0;
}

static int
put_range(struct core *c, const struct version *v, int64_t first_ms, int64_t last_ms, int64_t count, const char *reason,
    struct now now, struct err *e)
{
	struct skipped k = { .job_id = v->job.id, .job_version = v->job.version, .first_ms = first_ms, .last_ms = last_ms,
		.count = count, .reason = reason, .at_ms = now.at_ms };
	int r = strcmp(reason, "overlap") == 0 || strcmp(reason, "deadline") == 0 ? join(c, &k, e) : 0;

	return r != 0 ? (r < 0 ? -1 : 0) : skipped_insert(c->db, &k, e);
}

/* The first time from first_ms to last_ms that has an instance; SCHED_NEVER. */
static int
find_ran(struct core *c, int64_t job_id, int64_t first_ms, int64_t last_ms, int64_t *out, struct err *e)
{
	struct stmt *s = db_stmt(c->db, "SELECT nominal_ms FROM instance WHERE job_id = ? AND nominal_ms BETWEEN ? AND ?"
	    " ORDER BY nominal_ms LIMIT 1", e);
	int r;

	stmt_i64(s, 1, job_id);
	stmt_i64(s, 2, first_ms);
	stmt_i64(s, 3, last_ms);
	r = stmt_step(s, e);
	*out = r == 1 ? stmt_col_i64(s, 0) : SCHED_NEVER;
	stmt_reset(s);
	return r < 0 ? -1 : 0;
}

/* What comes before `ran`: one range; *first_ms and *count go on behind it. */
static int
put_before(struct core *c, const struct version *v, int64_t *first_ms, int64_t ran, int64_t *count, const char *reason,
    struct now now, struct err *e)
{
	int64_t last = *first_ms, n = 0, behind = SCHED_NEVER;

	if (ran > *first_ms) {
		n = 1 + sched_count(v->sched, *first_ms, ran - 1, INT64_MAX, NULL, &behind);
		last = n > 1 ? behind : *first_ms;
		if (put_range(c, v, *first_ms, last, n, reason, now, e) < 0)
			return -1;
		*first_ms = job_next_after(v->sched, &v->job.spec, last);
		*count -= n;
	}
	if (*first_ms == ran) {
		*first_ms = job_next_after(v->sched, &v->job.spec, ran);
		--*count;
	}
	return 0;
}

int
skip_put(struct core *c, const struct version *v, int64_t first_ms, int64_t last_ms, int64_t count, const char *reason,
    struct now now, struct err *e)
{
	int64_t ran;

	c->wrote = true;
	while (count > 0 && first_ms != 0) {
		if (find_ran(c, v->job.id, first_ms, last_ms, &ran, e) < 0)
			return -1;
		if (ran == SCHED_NEVER)
			return put_range(c, v, first_ms, last_ms, count, reason, now, e);
		if (v->sched == NULL || v->job.spec.time_type == TIME_FIXED_DELAY)
			return 0;
		if (put_before(c, v, &first_ms, ran, &count, reason, now, e) < 0)
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
	if (v != NULL && frequent_is(&v->job.spec))
		return 0; /* no occurrences: the time of a launch */
	return v == NULL ? -1 : skip_from(c, v, j->next_trigger_ms, reason, now, e);
}


/* Firing: what is due becomes instances, or ranges of `skipped`. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "job/core_int.h"

struct due {
	int64_t id, version, app_id, at_ms;
};

static int
give_up(struct core *c, const struct due *d, const char *why, struct now now, struct err *e)
{
	log_error("job_disabled", "job=%" PRId64 " version=%" PRId64 " why=%s", d->id, d->version, log_q(why));
	/* The trigger stays: what it leaves out counts from there when it is enabled again. */
	return job_set_status(c->db, d->id, JOB_DISABLED, d->at_ms, now.at_ms, e);
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
	if (v != NULL && frequent_is(&v->job.spec))
		return frequent_fire(c, v, now, e);
	if (v == NULL || v->sched == NULL)
		return give_up(c, d, v == NULL ? why.msg : v->why != NULL ? v->why : "it never fires", now, e);
	if (insert_due(c, d, v, now, e) < 0)
		return -1;
	next = job_next_after(v->sched, &v->job.spec, d->at_ms);
	if (next != 0 && next <= now.at_ms) {
		if (skip_range(c, v, 0, d->at_ms, "missed", now, &last, e) < 0)
			return -1;
		log_warn("occurrences_missed", "job=%" PRId64 " first_ms=%" PRId64 " last_ms=%" PRId64, d->id, next, last);
		next = job_next_after(v->sched, &v->job.spec, last);
		if (next != 0 && next <= now.at_ms)
			next = job_next_after(v->sched, &v->job.spec, now.at_ms);
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
fire_due(struct core *c, struct now now, struct core_wake *wake, struct err *e)
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


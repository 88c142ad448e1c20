/* FIXED_RATE and FIXED_DELAY of Java jobs: a worker's tracker runs such a job as one long instance. Here it is launched,
 * launched anew when it ended although its job is enabled, and stopped with its job. (Of commands each run is an instance:
 * core_fire.c, core_delay.c.)
 *
 * The job's next_trigger_ms is when something is to be done about it: launch, or the end of the life cycle. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "job/core_int.h"

#define RELAUNCH_MS 15000 /* after a failure or a stop by hand; what was lost has waited long enough already */

int
frequent_check(const struct job_spec *s, struct now now, int64_t *next, struct err *e)
{
	const char *text = s->time_expr, *what = s->time_type == TIME_FIXED_RATE ? "rate" : "delay";

	if (text == NULL || text[0] == '\0' || strspn(text, "0123456789") == 0)
		return err_set(e, ERR_DATA, "invalid timeExpression!");
	if (text[strspn(text, "0123456789")] != '\0')
		return err_set(e, ERR_DATA, "invalid timeExpression! '%.40s': the %s of what a Java worker repeats is plain "
		    "milliseconds, 1 to %d; units are for commands (exec, shell)", text, what, SCHED_RATE_MAX_MS);
	if (strlen(text) > 9 || atol(text) > SCHED_RATE_MAX_MS)
		return err_set(e, ERR_DATA, "the %s must be less than %dms", what, SCHED_RATE_MAX_MS);
	if (atol(text) == 0)
		return err_set(e, ERR_DATA, "the %s must be greater than 0 ms", what);
	*next = s->start_ms > now.at_ms ? s->start_ms : now.at_ms;
	return 0;
}

/* --- the live instances of a job --------------------------------------------------------------------------------- */

struct live_ids {
	int64_t *id;
	int n;
};

/* In two parts, for each is one index. */
static const char sent_sql[] = "SELECT i.id FROM instance i JOIN job_version v ON v.job_id = i.job_id"
	" AND v.version = i.job_version WHERE i.job_id = ?1 AND i.status IN (2, 3) AND v.time_type IN (3, 4)";
static const char waiting_sql[] = "SELECT i.id FROM instance i INDEXED BY instance_due JOIN job_version v"
	" ON v.job_id = i.job_id AND v.version = i.job_version WHERE i.app_id = ?2 AND i.status = 1 AND i.job_id = ?1"
	" AND v.time_type IN (3, 4)";

static int
add_ids(struct core *c, const char *sql, int64_t job_id, int64_t app_id, struct live_ids *out, struct err *e)
{
	struct stmt *s = db_stmt(c->db, sql, e);
	int r;

	stmt_i64(s, 1, job_id);
	if (sql == waiting_sql)
		stmt_i64(s, 2, app_id);
	while ((r = stmt_step(s, e)) == 1) {
		int64_t *more = reallocarray(out->id, (size_t)out->n + 1, sizeof *more);

		if (more == NULL) {
			stmt_reset(s);
			return core_nomem(e);
		}
		out->id = more;
		out->id[out->n++] = stmt_col_i64(s, 0);
	}
	return r;
}

/* out->id is the caller's to free, also after a failure. */
static int
find_live(struct core *c, int64_t job_id, int64_t app_id, struct live_ids *out, struct err *e)
{
	*out = (struct live_ids){ NULL, 0 };
	if (add_ids(c, sent_sql, job_id, app_id, out, e) < 0)
		return -1;
	return add_ids(c, waiting_sql, job_id, app_id, out, e);
}

static int
stop_live(struct core *c, int64_t job_id, int64_t app_id, bool over, struct now now, struct err *e)
{
	struct live_ids live;
	struct instance i;
	int r = find_live(c, job_id, app_id, &live, e);

	for (int k = 0; r == 0 && k < live.n; k++) {
		r = instance_get(c->db, live.id[k], &i, e);
		if (r < 0)
			break;
		r = user_stop(c, &i, over && i.status != INSTANCE_WAITING ? INSTANCE_SUCCEED : INSTANCE_STOPPED, now, e);
		instance_fini(&i);
	}
	free(live.id);
	return r;
}

int
frequent_stop(struct core *c, const struct job *j, struct now now, struct err *e)
{
	if (!workers_repeats(&j->spec))
		return 0;
	c->wrote = true;
	return stop_live(c, j->id, j->app_id, false, now, e);
}

/* --- launching --------------------------------------------------------------------------------------------------- */

static int
end_of_life(struct core *c, const struct job *j, struct now now, struct err *e)
{
	if (stop_live(c, j->id, j->app_id, true, now, e) < 0)
		return -1;
	return job_over(c, j->id, now, e);
}

static int
launch(struct core *c, const struct job *j, struct now now, struct err *e)
{
	struct instance i = { .id = idgen_next(&c->ids, now.at_ms), .app_id = j->app_id, .job_id = j->id,
		.job_version = j->version, .status = INSTANCE_WAITING, .due_ms = now.at_ms, .expected_ms = now.at_ms,
		.exit_code = -1, .log_length = -1, .created_ms = now.at_ms, .modified_ms = now.at_ms };
	struct action changed = { .kind = ACTION_CHANGED, .instance_id = i.id };

	if (instance_insert(c->db, &i, e) < 0 || core_push(c, &changed, e) < 0)
		return -1;
	return queue_note(c, i.app_id, i.due_ms, i.id, e);
}

int
frequent_fire(struct core *c, const struct version *v, struct now now, struct err *e)
{
	/* Its own: what happens to the instances may drop the version. */
	struct job j = { .id = v->job.id, .app_id = v->job.app_id, .version = v->job.version };
	int64_t end = v->job.spec.end_ms;
	struct live_ids live;
	int r;

	if (end != 0 && end <= now.at_ms)
		return end_of_life(c, &j, now, e);
	r = find_live(c, j.id, j.app_id, &live, e);
	free(live.id);
	if (r == 0 && live.n == 0)
		r = launch(c, &j, now, e);
	return r < 0 ? -1 : job_set_next(c->db, j.id, end, e);
}

int
frequent_ended(struct core *c, const struct instance *i, struct now now, struct err *e)
{
	struct err why = ERR_INIT;
	const struct version *v;
	int64_t version, trigger;
	bool lost = i->status == INSTANCE_FAILED && i->result != NULL && strcmp(i->result, TEXT_SILENT) == 0;
	int64_t at = lost ? now.at_ms : now.at_ms + RELAUNCH_MS;

	if (i->nominal_ms != NO_MS) /* no launch: its version need not be read */
		return 0;
	v = job_version_get(c, i->job_id, i->job_version, &why);
	if (v == NULL)
		return why.code == ERR_NOTFOUND ? 0 : err_set(e, why.code, "%s", why.msg);
	if (!workers_repeats(&v->job.spec))
		return 0;
	/* The job as it is now, not as it was when the instance was made. */
	if (job_enabled(c, i->job_id, &version, &trigger, e) < 0)
		return -1;
	if (version == 0)
		return 0;
	v = job_version_get(c, i->job_id, version, e);
	if (v == NULL)
		return -1;
	if (!workers_repeats(&v->job.spec))
		return 0;
	if (at < c->next_trigger_ms)
		c->next_trigger_ms = at;
	return job_set_next(c->db, i->job_id, at, e);
}

/* What people and clients do with instances. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "job/core_int.h"
#include "job/state.h"

#define DELAY_MAX_MS (100LL * 366 * 86400 * 1000)

static int
get_instance(struct core *c, int64_t app_id, int64_t id, struct instance *i, struct err *e)
{
	struct err why = ERR_INIT;

	if (instance_get(c->db, id, i, &why) < 0)
		return why.code == ERR_NOTFOUND ? err_set(e, ERR_NOTFOUND, "can't find instance by instanceId: %" PRId64, id) :
		    err_set(e, why.code, "%s", why.msg);
	if (app_id == 0 || i->app_id == app_id)
		return 0;
	instance_fini(i);
	return err_set(e, ERR_FORBIDDEN, "instance is not belong to the app whose appId is %" PRId64, app_id);
}

/* The latest version of a job that may run; borrowed until the next job_version_get. */
static const struct version *
get_job(struct core *c, int64_t app_id, int64_t job_id, struct err *e)
{
	struct stmt *s = db_stmt(c->db, "SELECT version, status, app_id FROM job WHERE id = ?", e);
	int64_t version = 0, status = 0, owner = 0;
	int r;

	stmt_i64(s, 1, job_id);
	r = stmt_step(s, e);
	if (r == 1) {
		version = stmt_col_i64(s, 0);
		status = stmt_col_i64(s, 1);
		owner = stmt_col_i64(s, 2);
		stmt_reset(s);
		if (app_id != 0 && owner != app_id)
			err_set(e, ERR_FORBIDDEN, "this job is not belong to the app whose appId is %" PRId64, app_id);
		else if (status != JOB_DELETED)
			return job_version_get(c, job_id, version, e);
		else
			err_set(e, ERR_NOTFOUND, "can't find job by jobId: %" PRId64 " (it was deleted)", job_id);
	} else if (r == 0) {
		err_set(e, ERR_NOTFOUND, "can't find job by jobId: %" PRId64, job_id);
	}
	return NULL;
}

/* A second-level job's tracker does not fail for its runs: when it fails, it is launched anew or not at all. */
static int64_t
retries_of(const struct job_spec *s)
{
	return workers_repeats(s) ? 0 : s->instance_retry_num;
}

/* --- run --------------------------------------------------------------------------------------------------------- */

static int
insert_by_hand(struct core *c, const struct job *j, const char *params, int64_t due_ms, struct now now, int64_t *id,
    struct err *e)
{
	struct instance i = { .id = idgen_next(&c->ids, now.at_ms), .app_id = j->app_id, .job_id = j->id,
		.job_version = j->version, .status = INSTANCE_WAITING, .due_ms = due_ms, .expected_ms = due_ms,
		.retries_left = retries_of(&j->spec), .lone = overlap_of(&j->spec) != OVERLAP_ALLOW, .exit_code = -1,
		.log_length = -1, .created_ms = now.at_ms, .modified_ms = now.at_ms };
	struct action changed = { .kind = ACTION_CHANGED, .instance_id = i.id };
	int r;

	*id = i.id;
	i.instance_params = params == NULL || params[0] == '\0' ? NULL : strdup(params);
	if (params != NULL && params[0] != '\0' && i.instance_params == NULL)
		return core_nomem(e);
	r = instance_insert(c->db, &i, e);
	free(i.instance_params);
	if (r < 0 || core_push(c, &changed, e) < 0)
		return -1;
	return queue_note(c, i.app_id, due_ms, i.id, e);
}

static int
run(struct core *c, struct now now, int64_t app_id, int64_t job_id, const char *params, int64_t delay_ms, int64_t *id,
    struct err *e)
{
	const struct version *v;

	if (params != NULL && strlen(params) > LIMIT_TEXT)
		return err_set(e, ERR_TOOBIG, "instanceParams: longer than %d bytes", LIMIT_TEXT);
	if (delay_ms > DELAY_MAX_MS)
		return err_set(e, ERR_DATA, "delay: %" PRId64 " ms is more than 100 years", delay_ms);
	v = get_job(c, app_id, job_id, e);
	if (v == NULL)
		return -1;
	return insert_by_hand(c, &v->job, params, now.at_ms + (delay_ms > 0 ? delay_ms : 0), now, id, e);
}

int
core_job_run(struct core *c, struct now now, int64_t app_id, int64_t job_id, const char *params, int64_t delay_ms,
    int64_t *instance_id, struct err *e)
{
	if (core_event_begin(c, now, e) < 0)
		return -1;
	return core_event_end(c, run(c, now, app_id, job_id, params, delay_ms, instance_id, e));
}

/* --- stop -------------------------------------------------------------------------------------------------------- */

static int
stop_live(struct core *c, struct instance *i, struct live *l, enum instance_status to, struct now now, struct err *e)
{
	int r;

	if (core_touch(c, i->id, e) < 0)
		return -1;
	if (i->stop_ms == NO_MS) {
		i->stop_ms = now.at_ms;
		i->modified_ms = now.at_ms;
		/* Java's API expects the end at once; a pj instance has ended when its worker says so. */
		r = l->is_pj ? instance_update(c->db, i, e) : move_finish(c, i, to,
		    to == INSTANCE_STOPPED ? move_stop_text(i) : i->result, now, e);
		if (r < 0)
			return -1;
	}
	l->stop = true;
	l->stop_told = false; /* asked for again: told again */
	if (l->held)
		live_heard(c, l, now);
	return live_send(c, l, now, e);
}

int
user_stop(struct core *c, struct instance *i, enum instance_status to, struct now now, struct err *e)
{
	struct live *l = live_find(c, i->id);

	switch (i->status) {
	case INSTANCE_FAILED:
	case INSTANCE_SUCCEED:
	case INSTANCE_CANCELED:
	case INSTANCE_STOPPED:
		return err_set(e, ERR_CONFLICT, "can't stop finished instance!");
	case INSTANCE_SENT:
	case INSTANCE_RUNNING:
		if (l != NULL)
			return stop_live(c, i, l, to, now, e);
		break;
	case INSTANCE_WAITING:
		break;
	}
	i->stop_ms = now.at_ms;
	return move_finish(c, i, INSTANCE_STOPPED, move_stop_text(i), now, e);
}

static int
stop(struct core *c, struct instance *i, struct now now, struct err *e)
{
	return user_stop(c, i, INSTANCE_STOPPED, now, e);
}

static int
cancel(struct core *c, struct instance *i, struct now now, struct err *e)
{
	if (i->status != INSTANCE_WAITING)
		return err_set(e, ERR_CONFLICT, "instance already up and running");
	return move_finish(c, i, INSTANCE_CANCELED, TEXT_CANCELED, now, e);
}

/* --- retry ------------------------------------------------------------------------------------------------------- */

/* A Java worker may not have answered the stop yet: that attempt is given up; if it reports, it is stopped as a stray. */
static int
abandon(struct core *c, const struct live *l, struct now now, struct err *e)
{
	struct attempt a;
	int r;

	if (attempt_get(c->db, l->instance_id, l->attempt, &a, e) < 0)
		return -1;
	r = move_end_attempt(c, &a, ATTEMPT_LOST, "the stop was not answered", now, e);
	attempt_fini(&a);
	return r;
}

/* Who asks for it by hand wants it now. */
static int
forget_deadline(struct core *c, int64_t id, struct err *e)
{
	struct stmt *s = db_stmt(c->db, "UPDATE instance SET deadline_ms = NULL WHERE id = ? AND deadline_ms IS NOT NULL", e);

	stmt_i64(s, 1, id);
	return stmt_run(s, e);
}

static int
retry(struct core *c, struct instance *i, struct now now, struct err *e)
{
	struct live *l = live_find(c, i->id);
	const struct version *v;

	if (!state_is_finished(i->status))
		return err_set(e, ERR_CONFLICT, "Only stopped instance can be retry!");
	if (i->wf_instance_id != 0)
		return err_set(e, ERR_CONFLICT, "Workflow's instance do not support retry!");
	v = get_job(c, 0, i->job_id, e);
	if (v == NULL)
		return -1;
	i->job_version = v->job.version;
	i->retries_left = retries_of(&v->job.spec);
	if (l != NULL && abandon(c, l, now, e) < 0)
		return -1;
	i->expected_ms = now.at_ms;
	i->actual_ms = i->stop_ms = NO_MS;
	i->exit_code = i->log_length = -1;
	i->signal = 0;
	free(i->worker);
	free(i->result);
	i->worker = i->result = NULL;
	if (forget_deadline(c, i->id, e) < 0)
		return -1;
	return move_requeue(c, i, now.at_ms, now, e);
}

/* --- events ------------------------------------------------------------------------------------------------------ */

static int
change(struct core *c, struct now now, int64_t app_id, int64_t id,
    int (*fn)(struct core *c, struct instance *i, struct now now, struct err *e), struct err *e)
{
	struct instance i;
	int r;

	if (core_event_begin(c, now, e) < 0)
		return -1;
	r = get_instance(c, app_id, id, &i, e);
	if (r == 0) {
		r = fn(c, &i, now, e);
		instance_fini(&i);
	}
	return core_event_end(c, r);
}

int
core_instance_stop(struct core *c, struct now now, int64_t app_id, int64_t instance_id, struct err *e)
{
	return change(c, now, app_id, instance_id, stop, e);
}

int
core_instance_cancel(struct core *c, struct now now, int64_t app_id, int64_t instance_id, struct err *e)
{
	return change(c, now, app_id, instance_id, cancel, e);
}

int
core_instance_retry(struct core *c, struct now now, int64_t app_id, int64_t instance_id, struct err *e)
{
	return change(c, now, app_id, instance_id, retry, e);
}

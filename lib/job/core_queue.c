/* Waiting instances: each app's are looked through in order of their due time, a batch a turn, and dispatched.
 *
 * The rows are the queue. In memory is how far it was looked through (a cursor), so that a thousand instances that wait
 * for room do not cost a thousand looks a turn: behind the cursor is nothing to do until a bell (room came) or WAIT_MS. A
 * bell waits for the end of the queue, so that what is last in it has its turn however often there is a bell. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "job/core_int.h"
#include "job/state.h"

struct row {
	int64_t id, job_id, due_ms;
	bool deleted, again; /* again: it had an attempt; those that queue behind it do not hold it up */
};

enum dispatch {
	DISPATCH_DONE,
	DISPATCH_WAIT,    /* for room, or for a worker after a start */
	DISPATCH_BLOCKED, /* for the job's own instance that runs */
};

/* --- the queues -------------------------------------------------------------------------------------------------- */

static void
rewind_queue(struct queue *q)
{
	q->due_ms = q->next_due_ms = INT64_MIN;
	q->id = 0;
	q->closed = q->bell = false;
	q->n_blocked = 0;
	q->retry_at = INT64_MAX;
}

struct queue *
queue_of(struct core *c, int64_t app_id, struct err *e)
{
	int i = 0;

	while (i < c->n_queues && c->queues[i].app_id < app_id)
		i++;
	if (i < c->n_queues && c->queues[i].app_id == app_id)
		return &c->queues[i];
	if (c->n_queues == c->cap_queues) {
		int cap = c->cap_queues == 0 ? 8 : c->cap_queues * 2;
		struct queue *more = reallocarray(c->queues, (size_t)cap, sizeof *more);

		if (more == NULL) {
			core_nomem(e);
			return NULL;
		}
		c->queues = more;
		c->cap_queues = cap;
	}
	memmove(c->queues + i + 1, c->queues + i, (size_t)(c->n_queues - i) * sizeof *c->queues);
	c->n_queues++;
	c->queues[i] = (struct queue){ .app_id = app_id };
	rewind_queue(&c->queues[i]);
	c->queues[i].next_due_ms = INT64_MAX;
	return &c->queues[i];
}

int
queue_note(struct core *c, int64_t app_id, int64_t due_ms, int64_t id, struct err *e)
{
	struct queue *q = queue_of(c, app_id, e);

	c->wrote = true;
	if (q == NULL)
		return -1;
	if (due_ms < q->due_ms || (due_ms == q->due_ms && id <= q->id)) {
		q->due_ms = due_ms;
		q->id = id - 1;
	}
	if (due_ms < q->next_due_ms)
		q->next_due_ms = due_ms;
	return 0;
}

void
queue_bell(struct core *c, int64_t app_id)
{
	for (int i = 0; i < c->n_queues; i++)
		if (c->queues[i].app_id == app_id && (c->queues[i].closed || c->queues[i].n_blocked > 0))
			c->queues[i].bell = true;
}

int
queue_load(struct core *c, struct err *e)
{
	struct stmt *s = db_stmt(c->db, "SELECT DISTINCT app_id FROM instance WHERE status = 1", e);
	int r;

	c->n_queues = 0;
	while ((r = stmt_step(s, e)) == 1) {
		struct queue *q = queue_of(c, stmt_col_i64(s, 0), e);

		if (q == NULL) {
			stmt_reset(s);
			return -1;
		}
		rewind_queue(q);
	}
	return r;
}

/* --- dispatch (behaviour.md 1.6) --------------------------------------------------------------------------------- */

static int
refuse(struct core *c, struct instance *i, const char *why, struct now now, struct err *e)
{
	free(i->worker);
	i->worker = strdup("N/A");
	if (i->worker == NULL)
		return core_nomem(e);
	i->actual_ms = now.at_ms;
	log_warn("instance_failed", "instance=%" PRId64 " job=%" PRId64 " why=%s", i->id, i->job_id, log_q(why));
	return move_finish(c, i, INSTANCE_FAILED, why, now, e);
}

static int
running_of_job(struct core *c, int64_t job_id, int64_t *out, struct err *e)
{
	struct stmt *s = db_stmt(c->db, "SELECT count(*) FROM instance WHERE job_id = ? AND status IN (2, 3)", e);

	stmt_i64(s, 1, job_id);
	return stmt_one_i64(s, out, e);
}

static int
open_attempt(struct core *c, struct instance *i, const struct worker *x, struct now now, struct err *e)
{
	struct attempt a = { .instance_id = i->id, .attempt = i->attempt + 1, .worker = x->address, .is_pj = x->is_pj,
		.state = ATTEMPT_OPEN, .opened_ms = now.at_ms, .exit_code = -1 };
	char *address = strdup(x->address);
	struct live *l;

	if (address == NULL)
		return core_nomem(e);
	free(i->worker);
	i->worker = address;
	i->attempt = a.attempt;
	i->actual_ms = now.at_ms;
	i->exit_code = i->log_length = -1;
	i->signal = 0;
	if (core_touch(c, i->id, e) < 0 || move_instance(c, i, INSTANCE_SENT, now, e) < 0 ||
	    attempt_insert(c->db, &a, e) < 0 || (l = live_add(c, &a, i->app_id, now, e)) == NULL)
		return -1;
	return live_send(c, l, now, e);
}

static int
give(struct core *c, struct instance *i, const struct job_spec *spec, struct now now, enum dispatch *out, struct err *e)
{
	struct worker *x;

	switch (workers_choose(c->workers, i->app_id, spec, now, core_random(c), &x, NULL, NULL)) {
	case CHOICE_OK:
		return open_attempt(c, i, x, now, e);
	case CHOICE_BUSY:
		*out = DISPATCH_WAIT;
		return 0;
	case CHOICE_NONE:
		if (core_mono(c, now) >= c->grace_until)
			return refuse(c, i, TEXT_NO_WORKER, now, e);
		*out = DISPATCH_WAIT; /* they have not had the time to say that they are there */
		return 0;
	}
	return err_set(e, ERR_INTERNAL, "workers_choose");
}

static int
enter(struct core *c, struct instance *i, const struct job_spec *spec, struct now now, enum dispatch *out, struct err *e)
{
	int64_t running, most = workers_repeats(spec) ? 1 : spec->max_instance_num;
	char why[64];

	if (most > 0 && running_of_job(c, i->job_id, &running, e) < 0)
		return -1;
	if (most <= 0 || running < most)
		return give(c, i, spec, now, out, e);
	snprintf(why, sizeof why, TEXT_TOO_MANY "(%" PRId64 ">%" PRId64 ")", running, most);
	return refuse(c, i, why, now, e);
}

static int
dispatch(struct core *c, struct instance *i, bool deleted, struct now now, enum dispatch *out, struct err *e)
{
	const struct version *v = deleted ? NULL : job_version_get(c, i->job_id, i->job_version, e);
	char why[64];

	*out = DISPATCH_DONE;
	if (v == NULL && !deleted && (e == NULL || e->code != ERR_NOTFOUND))
		return -1;
	if (v == NULL) {
		snprintf(why, sizeof why, "can't find job by id %" PRId64, i->job_id);
		return refuse(c, i, why, now, e);
	}
	/* What waits for the others of its job, or takes their place, is not one too many of them. */
	switch (workers_repeats(&v->job.spec) ? 1 : overlap_enter(c, i, &v->job.spec, now, e)) {
	case 0:
		*out = DISPATCH_BLOCKED;
		return 0;
	case 1:
		v = job_version_get(c, i->job_id, i->job_version, e);
		return v == NULL ? -1 : enter(c, i, &v->job.spec, now, out, e);
	case 2:
		return 0;
	}
	return -1;
}

static int
dispatch_row(struct core *c, const struct row *r, struct now now, enum dispatch *out, struct err *e)
{
	struct instance i;
	struct err why = ERR_INIT;
	int rc;

	if (instance_get(c->db, r->id, &i, e) < 0)
		return -1;
	*out = DISPATCH_DONE; /* it may have been replaced by one of the rows before */
	rc = i.status == INSTANCE_WAITING ? dispatch(c, &i, r->deleted, now, out, &why) : 0;
	if (rc == 0 && *out == DISPATCH_BLOCKED && i.lone && i.attempt == 0) {
		*out = DISPATCH_DONE;
		rc = overlap_park(c, i.id, &why);
	}
	if (rc < 0)
		err_set(e, why.code, "%s", why.msg);
	instance_fini(&i);
	return rc;
}

/* Not in a burst, which is recorded first, and not past those that wait. */
int
queue_pass(struct core *c, struct instance *i, struct now now, struct err *e)
{
	struct queue *q = queue_of(c, i->app_id, e);
	enum dispatch d;

	if (q == NULL)
		return -1;
	if (c->fired_only > 0 || c->n_in_flight >= IN_FLIGHT_MAX || i->lone || i->due_ms > now.at_ms || q->closed || q->n_blocked > 0 ||
	    q->retry_at != INT64_MAX || q->next_due_ms <= now.at_ms)
		return 0;
	i->is_new = true;
	if (dispatch(c, i, false, now, &d, e) < 0)
		return -1;
	return d == DISPATCH_DONE;
}

/* --- a turn ------------------------------------------------------------------------------------------------------ */

static bool
is_blocked(const struct queue *q, int64_t job_id)
{
	for (int i = 0; i < q->n_blocked; i++)
		if (q->blocked[i] == job_id)
			return true;
	return false;
}

/* The next rows of a queue, those that are due; next_due_ms becomes what is known of the rest. */
static int
read_rows(struct core *c, struct queue *q, int64_t now_ms, struct row *rows, int max, struct err *e)
{
	struct stmt *s = db_stmt(c->db, "SELECT i.id, i.job_id, i.due_ms, j.status, i.attempt FROM instance i"
	    " LEFT JOIN job j ON j.id = i.job_id WHERE i.app_id = ?1 AND i.status = 1 AND i.parked IS NULL AND"
	    " (i.due_ms, i.id) > (?2, ?3)"
	    " ORDER BY i.due_ms, i.id LIMIT ?4", e);
	int n = 0, r;

	stmt_i64(s, 1, q->app_id);
	stmt_i64(s, 2, q->due_ms);
	stmt_i64(s, 3, q->id);
	stmt_i64(s, 4, max);
	while ((r = stmt_step(s, e)) == 1 && stmt_col_i64(s, 2) <= now_ms && n < max)
		rows[n++] = (struct row){ .id = stmt_col_i64(s, 0), .job_id = stmt_col_i64(s, 1), .due_ms = stmt_col_i64(s, 2),
			.deleted = stmt_col_null(s, 3) || stmt_col_i64(s, 3) == JOB_DELETED,
			.again = stmt_col_i64(s, 4) > 0 };
	if (r < 0)
		return -1;
	q->next_due_ms = n == max ? rows[n - 1].due_ms : r == 1 ? stmt_col_i64(s, 2) : INT64_MAX;
	stmt_reset(s);
	return n;
}

static void
wait_for_room(struct core *c, struct queue *q, const struct row *r, enum dispatch d, struct now now)
{
	int64_t mono = core_mono(c, now);
	int64_t retry = mono < c->grace_until && c->grace_until < mono + WAIT_MS ? c->grace_until : mono + WAIT_MS;

	if (retry < q->retry_at)
		q->retry_at = retry;
	if (d == DISPATCH_WAIT && workers_choose_any(c->workers, q->app_id, now) != CHOICE_OK)
		q->closed = true;
	else if (q->n_blocked < BLOCKED_MAX && !is_blocked(q, r->job_id))
		q->blocked[q->n_blocked++] = r->job_id;
}

static int
run_queue(struct core *c, struct queue *q, struct now now, struct row *rows, int max, struct err *e)
{
	int n = read_rows(c, q, now.at_ms, rows, max, e);

	for (int i = 0; i < n && !q->closed; i++) {
		enum dispatch d = DISPATCH_WAIT;

		if (rows[i].again || !is_blocked(q, rows[i].job_id)) {
			if (dispatch_row(c, &rows[i], now, &d, e) < 0)
				return -1;
			if (d != DISPATCH_DONE)
				wait_for_room(c, q, &rows[i], d, now);
		}
		q->due_ms = rows[i].due_ms;
		q->id = rows[i].id;
	}
	return n;
}

/* A queue's part of a tick: at most `max` rows of it. Returns how many. */
static int
look(struct core *c, struct queue *q, struct now now, struct row *rows, int max, struct core_wake *wake, struct err *e)
{
	int n = 0, room;

	if ((q->bell || core_mono(c, now) >= q->retry_at) && (q->closed || q->next_due_ms > now.at_ms))
		rewind_queue(q);
	if (!q->closed && q->next_due_ms <= now.at_ms && max > 0) {
		room = live_room_of_app(c, q->app_id);
		if (room <= 0) { /* an answer is an event, and brings the next tick */
			if (now.mono_ms + WAIT_MS < wake->mono_ms)
				wake->mono_ms = now.mono_ms + WAIT_MS;
			return 0;
		}
		n = run_queue(c, q, now, rows, room < max ? room : max, e);
	}
	if (q->bell) /* at the end, or closed, in this tick */
		wake->at_ms = now.at_ms;
	if (!q->closed && q->next_due_ms < wake->at_ms)
		wake->at_ms = q->next_due_ms;
	if (q->retry_at != INT64_MAX && q->retry_at + c->shift_ms < wake->mono_ms)
		wake->mono_ms = q->retry_at + c->shift_ms;
	return n;
}

int
queue_tick(struct core *c, struct now now, struct core_wake *wake, struct err *e)
{
	int left = c->conf.batch, n = 0;
	struct row *rows = calloc((size_t)left, sizeof *rows);

	if (rows == NULL)
		return core_nomem(e);
	/* Starting with another queue each turn: a full batch of one app does not starve the next. */
	for (int k = 0; k < c->n_queues && n >= 0; k++) {
		n = look(c, &c->queues[(c->turn_queue + k) % c->n_queues], now, rows, left, wake, e);
		left -= n;
	}
	c->turn_queue = c->n_queues == 0 ? 0 : (c->turn_queue + 1) % c->n_queues;
	free(rows);
	return n < 0 ? -1 : 0;
}

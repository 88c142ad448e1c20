/* What workers say: status reports, and the answers to our messages. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "job/core_int.h"
#include "job/state.h"

/* --- whose report is it? ----------------------------------------------------------------------------------------- */

/* A Java worker does not number attempts: an older one is known by the start time of its first report. */
static int
is_older_java(struct core *c, const struct attempt *a, const struct report *r, bool *out, struct err *e)
{
	struct stmt *s = db_stmt(c->db, "SELECT 1 FROM attempt WHERE instance_id = ? AND attempt < ? AND worker = ?"
	    " AND source_start_ms = ?", e);
	int rc;

	stmt_i64(s, 1, a->instance_id);
	stmt_i64(s, 2, a->attempt);
	stmt_text(s, 3, a->worker);
	stmt_i64(s, 4, r->start_ms);
	rc = stmt_step(s, e);
	stmt_reset(s);
	*out = rc == 1;
	return rc < 0 ? -1 : 0;
}

static int
is_current(struct core *c, const struct attempt *a, const struct report *r, bool *out, struct err *e)
{
	*out = false;
	if (r->source == NULL || strcmp(r->source, a->worker) != 0)
		return 0;
	if (a->is_pj || (r->is_pj && r->attempt != 0)) {
		*out = r->is_pj && r->attempt == a->attempt;
		return 0;
	}
	if (a->source_start_ms != NO_MS) {
		*out = r->start_ms == a->source_start_ms;
		return 0;
	}
	if (is_older_java(c, a, r, out, e) < 0)
		return -1;
	*out = !*out;
	return 0;
}

/* Did the attempt that speaks report its own end? Then what it said before comes late, and nothing of it runs: a stop would
 * be for nothing, and on a Java worker hit the next attempt, which it does not tell from this one. */
static int
has_ended(struct core *c, const struct instance *i, const struct report *r, bool *out, struct err *e)
{
	struct stmt *s = db_stmt(c->db, r->is_pj ?
	    "SELECT 1 FROM attempt WHERE instance_id = ?1 AND worker = ?2 AND attempt = ?3 AND state IN (4, 5, 6, 10)" :
	    "SELECT 1 FROM attempt WHERE instance_id = ?1 AND worker = ?2 AND source_start_ms = ?3 AND state IN (4, 5)", e);
	int rc;

	stmt_i64(s, 1, i->id);
	stmt_text(s, 2, r->source);
	stmt_i64(s, 3, r->is_pj ? r->attempt : r->start_ms);
	rc = stmt_step(s, e);
	stmt_reset(s);
	*out = rc == 1;
	return rc < 0 ? -1 : 0;
}

/* Something runs that should not: its worker is told so, once a report. Only workers that sent heartbeats are: an
 * unsigned report must not make us send messages anywhere. */
static int
stop_stray(struct core *c, const struct instance *i, const struct report *r, struct err *e)
{
	struct action a = { .kind = ACTION_STOP, .instance_id = i->id, .to_pj = r->is_pj,
		.attempt = r->is_pj ? r->attempt : 0 };
	struct live *l = live_find(c, i->id);
	struct worker *x = r->source == NULL ? NULL : workers_find(c->workers, i->app_id, r->source);
	bool ended = false;

	log_info("stray_report", "instance=%" PRId64 " attempt=%" PRId64 " status=%" PRId64 " source=%s", i->id, r->attempt,
	    r->status, log_q(r->source));
	if (r->status != INSTANCE_RUNNING || x == NULL)
		return 0;
	if (has_ended(c, i, r, &ended, e) < 0)
		return -1;
	if (ended)
		return 0;
	/* Java knows one run of an instance only: where the wanted one was heard of, the stop would hit that. */
	if (!r->is_pj && l != NULL && !l->stop && !l->open && strcmp(l->place->address, r->source) == 0 &&
	    l->last_report_ms != 0)
		return 0;
	snprintf(a.worker, sizeof a.worker, "%s", r->source);
	return core_push(c, &a, e);
}

/* --- reports of the current attempt ------------------------------------------------------------------------------ */

/* A worker's clock says when, as long as that can be: since the attempt was made, and not later than now. */
static int64_t
possible(int64_t at_ms, int64_t otherwise_ms, const struct attempt *a, struct now now)
{
	return at_ms >= a->opened_ms && at_ms <= now.at_ms ? at_ms : otherwise_ms;
}

static void
note_source(struct attempt *a, const struct report *r, struct now now)
{
	if (a->started_ms == NO_MS)
		a->started_ms = possible(r->start_ms, a->opened_ms, a, now);
	if (!r->is_pj && a->source_start_ms == NO_MS)
		a->source_start_ms = r->start_ms;
	a->last_report_ms = r->report_ms;
}

static int
start(struct core *c, struct instance *i, struct now now, struct err *e)
{
	if (i->status != INSTANCE_SENT)
		return 0;
	i->running_times++;
	return move_instance(c, i, INSTANCE_RUNNING, now, e);
}

/* A second-level job's runningTimes are its tracker's runs so far. */
static int
count_runs(struct core *c, struct instance *i, const struct report *r, struct now now, struct err *e)
{
	const struct version *v;

	if (r->total <= i->running_times || i->status != INSTANCE_RUNNING)
		return 0;
	v = job_version_get(c, i->job_id, i->job_version, e);
	if (v == NULL)
		return -1;
	if (!workers_repeats(&v->job.spec))
		return 0;
	i->running_times = r->total;
	i->modified_ms = now.at_ms;
	return instance_update(c->db, i, e);
}

/* Was a later report faster? One that seems older than any that can still be under way is of a clock that was set back. */
static bool
overtaken(const struct core *c, const struct live *l, const struct report *r)
{
	return l->last_report_ms != 0 && r->report_ms <= l->last_report_ms &&
	    l->last_report_ms - r->report_ms <= c->conf.report_timeout_ms;
}

static int
running(struct core *c, struct live *l, struct instance *i, struct attempt *a, const struct report *r, struct now now,
    struct err *e)
{
	if (overtaken(c, l, r))
		return 0;
	/* That it was heard of is kept in memory only: a row a report would be a commit a report. */
	l->last_report_ms = r->report_ms;
	l->open = false;
	live_heard(c, l, now);
	if (a->state != ATTEMPT_RUNNING) {
		note_source(a, r, now);
		if (move_attempt(a, ATTEMPT_RUNNING, now, e) < 0 || attempt_update(c->db, a, e) < 0 ||
		    start(c, i, now, e) < 0)
			return -1;
	}
	if (count_runs(c, i, r, now, e) < 0)
		return -1;
	return l->stop ? live_send(c, l, now, e) : 0;
}

static int
failed(struct core *c, struct instance *i, const struct report *r, struct now now, struct err *e)
{
	const struct version *v;

	if (i->retries_left <= 0)
		return move_finish(c, i, INSTANCE_FAILED, r->result, now, e);
	v = job_version_get(c, i->job_id, i->job_version, e);
	if (v == NULL)
		return -1;
	i->retries_left--;
	i->expected_ms = now.at_ms + v->job.spec.retry_delay_ms;
	return move_requeue(c, i, i->expected_ms, now, e);
}

static int
ended(struct core *c, struct instance *i, struct attempt *a, const struct report *r, struct now now, struct err *e)
{
	bool success = r->status == INSTANCE_SUCCEED;
	enum attempt_state end = r->stopped ? ATTEMPT_STOPPED : success ? ATTEMPT_SUCCEED : ATTEMPT_FAILED;

	note_source(a, r, now);
	a->exit_code = r->exit_code;
	a->signal = r->signal;
	a->finished_ms = possible(r->end_ms, now.at_ms < a->opened_ms ? a->opened_ms : now.at_ms, a, now);
	if (move_end_attempt(c, a, end, r->result, now, e) < 0)
		return -1;
	if (state_is_finished(i->status))
		return 0; /* stopped on Java before this came */
	if (i->status == INSTANCE_SENT)
		i->running_times++;
	i->exit_code = r->exit_code;
	i->signal = r->signal;
	i->log_length = r->log_length;
	i->finished_ms = a->finished_ms;
	if (i->stop_ms != NO_MS)
		return move_finish(c, i, INSTANCE_STOPPED, move_stop_text(i), now, e);
	if (success)
		return move_finish(c, i, INSTANCE_SUCCEED, r->result, now, e);
	return failed(c, i, r, now, e);
}

static int
final(struct core *c, struct instance *i, struct attempt *a, const struct report *r, struct now now, struct err *e)
{
	if (r->is_pj && r->not_started)
		return move_not_started(c, i, a, r->result, now, e);
	if (r->is_pj && r->lost) {
		note_source(a, r, now);
		if (i->status == INSTANCE_SENT && start(c, i, now, e) < 0)
			return -1;
		i->log_length = r->log_length;
		return move_lost(c, i, a, r->result == NULL ? TEXT_SILENT : r->result, false, now, e);
	}
	return ended(c, i, a, r, now, e);
}

static int
of_attempt(struct core *c, struct instance *i, const struct report *r, struct now now, struct err *e)
{
	struct attempt a;
	struct live *l;
	bool current;
	int rc;

	if (attempt_get(c->db, i->id, i->attempt, &a, e) < 0)
		return -1;
	rc = is_current(c, &a, r, &current, e);
	l = live_find(c, i->id);
	if (rc == 0 && current && r->need_alert && r->status == INSTANCE_RUNNING)
		rc = alarm_reported(c, i, r, now, e); /* also when a later report was faster, or it ends meanwhile */
	if (rc == 0 && (!current || state_attempt_is_final(a.state) || l == NULL))
		rc = stop_stray(c, i, r, e);
	else if (rc == 0 && core_touch(c, i->id, e) < 0)
		rc = -1;
	else if (rc == 0)
		rc = r->status == INSTANCE_RUNNING ? running(c, l, i, &a, r, now, e) : final(c, i, &a, r, now, e);
	attempt_fini(&a);
	return rc;
}

static int
report(struct core *c, struct now now, const struct report *r, struct err *e)
{
	struct instance i;
	struct err why = ERR_INIT;
	int rc;

	if (r->status != INSTANCE_RUNNING && r->status != INSTANCE_FAILED && r->status != INSTANCE_SUCCEED)
		return err_set(e, ERR_DATA, "instanceStatus: %" PRId64 " is not one of 3, 4, 5", r->status);
	if (instance_get(c->db, r->instance_id, &i, &why) < 0)
		return why.code == ERR_NOTFOUND ?
		    err_set(e, ERR_NOTFOUND, "can't find Instance by instanceId: %" PRId64, r->instance_id) :
		    err_set(e, why.code, "%s", why.msg);
	if (r->app_id != 0 && r->app_id != i.app_id)
		rc = err_set(e, ERR_FORBIDDEN, "instance is not belong to the app whose appId is %" PRId64, r->app_id);
	else if (i.attempt == 0)
		rc = stop_stray(c, &i, r, e);
	else
		rc = of_attempt(c, &i, r, now, e);
	instance_fini(&i);
	return rc;
}

int
core_report(struct core *c, struct now now, const struct report *r, struct err *e)
{
	if (core_event_begin(c, now, e) < 0)
		return -1;
	return core_event_end(c, report(c, now, r, e));
}

/* --- answers ----------------------------------------------------------------------------------------------------- */

static void
avoid(struct core *c, const struct live *l, int64_t for_ms, struct now now)
{
	struct worker *x = workers_find(c->workers, l->app_id, l->place->address);

	if (x != NULL && x->avoid_until_mono_ms < now.mono_ms + for_ms)
		x->avoid_until_mono_ms = now.mono_ms + for_ms;
}

static int
accepted(struct core *c, struct live *l, struct now now, struct err *e)
{
	struct instance i;
	struct attempt a;
	int rc = 0;

	if (l->is_pj)
		live_heard(c, l, now);
	if (!l->open) /* its report was faster */
		return live_send(c, l, now, e);
	if (move_get(c, l->instance_id, &i, &a, e) < 0)
		return -1;
	l->open = false;
	a.accepted_ms = now.at_ms;
	if (a.state == ATTEMPT_OPEN && (move_attempt(&a, ATTEMPT_ACCEPTED, now, e) < 0 || attempt_update(c->db, &a, e) < 0))
		rc = -1;
	else if (l->is_pj) /* Java's 200 says only that the message came */
		rc = start(c, &i, now, e);
	instance_fini(&i);
	attempt_fini(&a);
	return rc < 0 ? -1 : live_send(c, l, now, e);
}

static int
never_ran(struct core *c, struct live *l, const char *why, struct now now, struct err *e)
{
	struct instance i;
	struct attempt a;
	int rc;

	if (move_get(c, l->instance_id, &i, &a, e) < 0)
		return -1;
	log_info("attempt_not_started", "instance=%" PRId64 " attempt=%" PRId64 " worker=%s why=%s", a.instance_id, a.attempt,
	    log_q(a.worker), log_q(why));
	rc = move_not_started(c, &i, &a, why, now, e);
	instance_fini(&i);
	attempt_fini(&a);
	return rc;
}

static void
send_again(struct core *c, struct live *l, struct now now)
{
	l->maybe_sent = true;
	live_resend(c, l, core_mono(c, now) + c->conf.resend_ms);
}

static int
answer_run(struct core *c, struct live *l, enum message_outcome outcome, const char *why, struct now now, struct err *e)
{
	switch (outcome) {
	case MESSAGE_ACCEPTED:
		return accepted(c, l, now, e);
	case MESSAGE_NOT_STARTED:
		avoid(c, l, AVOID_BUSY_MS, now);
		return never_ran(c, l, why, now, e);
	case MESSAGE_NOT_SENT:
		avoid(c, l, AVOID_REFUSED_MS, now);
		if (l->open && !l->maybe_sent)
			return never_ran(c, l, why, now, e);
		send_again(c, l, now);
		return 0;
	case MESSAGE_GONE:
	case MESSAGE_UNKNOWN:
		avoid(c, l, AVOID_BUSY_MS, now); /* it may hang: what is new goes elsewhere */
		l->maybe_sent = true;
		if (l->stop)
			return live_send(c, l, now, e);
		if (l->open && l->is_pj)
			send_again(c, l, now);
		return 0;
	}
	return err_set(e, ERR_INTERNAL, "no such outcome");
}

/* The worker has confirmed that nothing of this attempt runs. */
static int
stopped(struct core *c, struct live *l, struct now now, struct err *e)
{
	struct instance i;
	struct attempt a;
	int rc;

	if (move_get(c, l->instance_id, &i, &a, e) < 0)
		return -1;
	rc = move_end_attempt(c, &a, ATTEMPT_STOPPED, TEXT_STOPPED, now, e);
	if (rc == 0 && !state_is_finished(i.status))
		rc = move_finish(c, &i, INSTANCE_STOPPED, move_stop_text(&i), now, e);
	instance_fini(&i);
	attempt_fini(&a);
	return rc;
}

static int
answer_stop(struct core *c, struct live *l, enum message_outcome outcome, struct now now, struct err *e)
{
	if (!l->stop)
		return 0;
	switch (outcome) {
	case MESSAGE_ACCEPTED:
		if (!l->is_pj)
			return stopped(c, l, now, e);
		l->stop_told = true; /* its final report follows; until then it counts as silent like any other */
		live_heard(c, l, now);
		return 0;
	case MESSAGE_NOT_STARTED:
	case MESSAGE_GONE:
		return stopped(c, l, now, e);
	case MESSAGE_NOT_SENT:
		if (!l->is_pj) /* the process that would run it is not there; a pj job outlives its pj-workerd */
			return stopped(c, l, now, e);
		send_again(c, l, now);
		return 0;
	case MESSAGE_UNKNOWN:
		send_again(c, l, now);
		return 0;
	}
	return err_set(e, ERR_INTERNAL, "no such outcome");
}

static int
answer(struct core *c, struct now now, enum action_kind kind, int64_t instance_id, int64_t attempt,
    enum message_outcome outcome, const char *why, struct err *e)
{
	struct live *l = live_find(c, instance_id);

	if (l == NULL || l->attempt != attempt)
		return 0; /* of an attempt that is over: nothing depends on it */
	if (core_touch(c, instance_id, e) < 0)
		return -1;
	live_in_flight(c, l, false);
	switch (kind) {
	case ACTION_RUN:
		return answer_run(c, l, outcome, why, now, e);
	case ACTION_STOP:
		return answer_stop(c, l, outcome, now, e);
	case ACTION_CHANGED:
		break;
	}
	return err_set(e, ERR_INTERNAL, "an answer to nothing");
}

int
core_answer(struct core *c, struct now now, enum action_kind kind, int64_t instance_id, int64_t attempt,
    enum message_outcome outcome, const char *why, struct err *e)
{
	if (core_event_begin(c, now, e) < 0)
		return -1;
	return core_event_end(c, answer(c, now, kind, instance_id, attempt, outcome, why, e));
}

bool
core_expects(struct core *c, int64_t instance_id, int64_t attempt)
{
	const struct live *l = live_find(c, instance_id);

	return l != NULL && l->attempt == attempt;
}

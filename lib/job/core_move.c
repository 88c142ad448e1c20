/* The moves of an instance and its attempt: each changes the rows and what memory says of them. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "job/core_int.h"
#include "job/state.h"

int
move_set_text(char **at, const char *text, struct err *e)
{
	size_t len = text == NULL ? 0 : strlen(text);
	char *copy = NULL;

	if (len > LIMIT_RESULT) {
		len = LIMIT_RESULT;
		while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80) /* not in the middle of a character */
			len--;
		copy = malloc(len + 4);
		if (copy != NULL) {
			memcpy(copy, text, len);
			memcpy(copy + len, "...", 4);
		}
	} else if (text != NULL) {
		copy = strdup(text);
	}
	if (text != NULL && copy == NULL)
		return core_nomem(e);
	free(*at); /* which may be `text` itself */
	*at = copy;
	return 0;
}

int
move_get(struct core *c, int64_t instance_id, struct instance *i, struct attempt *a, struct err *e)
{
	if (instance_get(c->db, instance_id, i, e) < 0)
		return -1;
	if (attempt_get(c->db, instance_id, i->attempt, a, e) < 0) {
		instance_fini(i);
		return -1;
	}
	return 0;
}

static bool
is_under_way(enum instance_status s)
{
	return s == INSTANCE_SENT || s == INSTANCE_RUNNING;
}

/* Does the move make room for another one of the job? One that is to be tried again keeps its turn. */
static bool
leaves(const struct instance *i, enum instance_status to)
{
	if (is_under_way(i->status))
		return state_is_finished(to) || (to == INSTANCE_WAITING && !i->lone);
	return i->status == INSTANCE_WAITING && i->lone && !i->parked && state_is_finished(to);
}

/* A new one gets its row here: ERR_CONFLICT when (job, nominal) is there. */
int
move_instance(struct core *c, struct instance *i, enum instance_status to, struct now now, struct err *e)
{
	struct action changed = { .kind = ACTION_CHANGED, .instance_id = i->id, .attempt = i->attempt };
	bool is_new = i->is_new, left = leaves(i, to);

	if (!state_may_move(i->status, to))
		return err_set(e, ERR_INTERNAL, "instance %" PRId64 " cannot go from %s to %s", i->id, state_name(i->status),
		    state_name(to));
	i->status = to;
	i->modified_ms = now.at_ms;
	i->is_new = i->parked = false;
	if ((is_new ? instance_insert(c->db, i, e) : instance_update(c->db, i, e)) < 0 ||
	    (left && overlap_left(c, i->app_id, i->job_id, e) < 0))
		return -1;
	return core_push(c, &changed, e);
}

int
move_attempt(struct attempt *a, enum attempt_state to, struct now now, struct err *e)
{
	if (!state_attempt_may_move(a->state, to))
		return err_set(e, ERR_INTERNAL, "attempt %" PRId64 " of instance %" PRId64 " cannot go from %s to %s", a->attempt,
		    a->instance_id, state_attempt_name(a->state), state_attempt_name(to));
	a->state = to;
	if (state_attempt_is_final(to) && a->finished_ms == NO_MS)
		a->finished_ms = now.at_ms;
	return 0;
}

int
move_finish(struct core *c, struct instance *i, enum instance_status to, const char *result, struct now now,
    struct err *e)
{
	if (move_set_text(&i->result, result, e) < 0)
		return -1;
	if (i->finished_ms == NO_MS)
		i->finished_ms = now.at_ms;
	if (move_instance(c, i, to, now, e) < 0 || (to == INSTANCE_FAILED && alarm_failed(c, i, now, e) < 0))
		return -1;
	return frequent_ended(c, i, now, e) < 0 ? -1 : delay_ended(c, i, now, e);
}

int
move_requeue(struct core *c, struct instance *i, int64_t due_ms, struct now now, struct err *e)
{
	/* The clock may have been set back: what never ran does not run before its time. A person wants it run now. */
	if (due_ms < i->nominal_ms && i->running_times == 0 && i->expected_ms >= i->nominal_ms)
		due_ms = i->nominal_ms;
	i->due_ms = due_ms;
	i->finished_ms = NO_MS;
	c->next_late_ms = INT64_MIN;
	if (move_instance(c, i, INSTANCE_WAITING, now, e) < 0)
		return -1;
	return queue_note(c, i->app_id, due_ms, i->id, e);
}

int
move_end_attempt(struct core *c, struct attempt *a, enum attempt_state to, const char *result, struct now now,
    struct err *e)
{
	struct live *l = live_find(c, a->instance_id);

	if (move_attempt(a, to, now, e) < 0 || (result != NULL && move_set_text(&a->result, result, e) < 0) ||
	    attempt_update(c->db, a, e) < 0)
		return -1;
	return l == NULL || l->attempt != a->attempt ? 0 : live_remove(c, l, e);
}

const char *
move_stop_text(const struct instance *i)
{
	return i->result != NULL && strcmp(i->result, TEXT_REPLACED) == 0 ? TEXT_REPLACED : TEXT_STOPPED;
}

/* Proof that nothing ran: the next attempt costs no retry. */
int
move_not_started(struct core *c, struct instance *i, struct attempt *a, const char *why, struct now now, struct err *e)
{
	if (move_end_attempt(c, a, ATTEMPT_NOT_STARTED, why, now, e) < 0)
		return -1;
	if (state_is_finished(i->status)) /* stopped already, on a Java worker */
		return 0;
	if (i->status == INSTANCE_RUNNING && i->running_times > 0)
		i->running_times--;
	if (i->stop_ms != NO_MS)
		return move_finish(c, i, INSTANCE_STOPPED, move_stop_text(i), now, e);
	return move_requeue(c, i, now.at_ms, now, e);
}

static int
on_lost(struct core *c, const struct instance *i, char out[8], struct err *e)
{
	const struct version *v = job_version_get(c, i->job_id, i->job_version, e);

	if (v == NULL)
		return -1;
	memset(out, 0, 8);
	strncpy(out, v->job.spec.on_lost == NULL ? "rerun" : v->job.spec.on_lost, 7);
	return 0;
}

/* It may have run, and may run still. */
int
move_lost(struct core *c, struct instance *i, struct attempt *a, const char *why, bool silent, struct now now,
    struct err *e)
{
	struct live *l = live_find(c, i->id);
	bool never_started = silent && i->status == INSTANCE_SENT;
	int64_t enabled, next; /* its version: a job that was switched off since is not run again by itself */
	char policy[8];

	if (state_is_finished(i->status))
		return move_end_attempt(c, a, ATTEMPT_LOST, why, now, e);
	if (i->stop_ms != NO_MS) {
		if (move_end_attempt(c, a, ATTEMPT_LOST, why, now, e) < 0)
			return -1;
		return move_finish(c, i, INSTANCE_STOPPED, move_stop_text(i), now, e);
	}
	if (on_lost(c, i, policy, e) < 0)
		return -1;
	if (strcmp(policy, "hold") == 0) {
		if (l != NULL)
			live_hold(c, l);
		return alarm_held(c, i, why, now, e);
	}
	if (move_end_attempt(c, a, ATTEMPT_LOST, why, now, e) < 0)
		return -1;
	if (job_enabled(c, i->job_id, &enabled, &next, e) < 0)
		return -1;
	if (strcmp(policy, "fail") == 0 || (!never_started && (i->retries_left <= 0 || enabled == 0)))
		return move_finish(c, i, INSTANCE_FAILED, why, now, e);
	if (!never_started)
		i->retries_left--;
	return move_requeue(c, i, now.at_ms, now, e);
}

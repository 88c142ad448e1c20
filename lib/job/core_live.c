/* Live attempts in memory: what must be sent to their workers, and when they count as silent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/core_int.h"
#include "job/state.h"

/* --- places ------------------------------------------------------------------------------------------------------ */

static void
show_counts(struct core *c, const struct place *p)
{
	struct worker *x = workers_find(c->workers, p->app_id, p->address);

	if (x == NULL)
		return;
	x->assigned = p->n;
	x->unanswered = p->in_flight;
}

static struct place *
place_take(struct core *c, int64_t app_id, const char *address, struct err *e)
{
	struct place *p;

	HASH_FIND_STR(c->places, address, p);
	if (p == NULL) {
		struct place *found;

		p = calloc(1, sizeof *p);
		if (p == NULL || (p->address = strdup(address)) == NULL) {
			free(p);
			core_nomem(e);
			return NULL;
		}
		p->app_id = app_id;
		HASH_ADD_KEYPTR(hh, c->places, p->address, strlen(p->address), p);
		HASH_FIND_STR(c->places, address, found);
		if (found == NULL) {
			free(p->address);
			free(p);
			core_nomem(e);
			return NULL;
		}
	}
	p->n++;
	show_counts(c, p);
	return p;
}

static void
place_give(struct core *c, struct place *p)
{
	p->n--;
	show_counts(c, p);
	if (p->n > 0)
		return;
	HASH_DEL(c->places, p);
	free(p->address);
	free(p);
}

void
live_counts(struct core *c, const char *address, int64_t *assigned, int64_t *unanswered)
{
	struct place *p;

	HASH_FIND_STR(c->places, address, p);
	*assigned = p == NULL ? 0 : p->n;
	*unanswered = p == NULL ? 0 : p->in_flight;
}

/* Counted only when nearly all messages that may be under way are. */
int
live_room_of_app(struct core *c, int64_t app_id)
{
	int64_t n = IN_FLIGHT_MAX - c->n_in_flight, own = 0;

	if (n >= IN_FLIGHT_APP)
		return (int)n;
	for (const struct place *p = c->places; p != NULL; p = p->hh.next)
		own += p->app_id == app_id ? p->in_flight : 0;
	return (int)(n > IN_FLIGHT_APP - own ? n : IN_FLIGHT_APP - own);
}

/* --- the set ----------------------------------------------------------------------------------------------------- */

struct live *
live_find(struct core *c, int64_t instance_id)
{
	struct live *l;

	HASH_FIND(hh, c->live, &instance_id, sizeof instance_id, l);
	return l;
}

struct live *
live_add(struct core *c, const struct attempt *a, int64_t app_id, struct now now, struct err *e)
{
	struct live *l = calloc(1, sizeof *l);

	if (l == NULL) {
		core_nomem(e);
		return NULL;
	}
	l->instance_id = a->instance_id;
	l->attempt = a->attempt;
	l->app_id = app_id;
	l->is_pj = a->is_pj;
	l->open = a->state == ATTEMPT_OPEN;
	l->last_report_ms = a->last_report_ms;
	l->resend_at = INT64_MAX;
	l->place = place_take(c, app_id, a->worker, e);
	if (l->place == NULL) {
		free(l);
		return NULL;
	}
	HASH_ADD(hh, c->live, instance_id, sizeof l->instance_id, l);
	if (live_find(c, a->instance_id) != l) {
		place_give(c, l->place);
		free(l);
		core_nomem(e);
		return NULL;
	}
	l->held = true; /* in no list yet */
	live_heard(c, l, now);
	return l;
}

void
live_in_flight(struct core *c, struct live *l, bool yes)
{
	int change = yes - l->in_flight;

	if (change == 0)
		return;
	c->n_in_flight += change;
	l->place->in_flight += change;
	l->in_flight = yes;
	show_counts(c, l->place);
	if (change < 0 && l->place->in_flight == WORKER_UNANSWERED_MAX - 1)
		queue_bell(c, l->app_id);
}

static void
drop(struct core *c, struct live *l)
{
	live_in_flight(c, l, false);
	live_resend(c, l, INT64_MAX);
	live_hold(c, l);
	HASH_DEL(c->live, l);
	place_give(c, l->place);
	free(l);
}

int
live_remove(struct core *c, struct live *l, struct err *e)
{
	int64_t app_id = l->app_id;

	if (core_touch(c, l->instance_id, e) < 0)
		return -1;
	drop(c, l);
	queue_bell(c, app_id);
	return 0;
}

void
live_free_all(struct core *c)
{
	struct live *l, *next;

	HASH_ITER(hh, c->live, l, next)
		drop(c, l);
}

/* --- deadlines: each list is in order, because all of its delays are equal ------------------------------------------ */

void
live_hold(struct core *c, struct live *l)
{
	if (!l->held)
		DL_DELETE2(c->silence, l, silence_prev, silence_next);
	l->held = true;
}

void
live_heard(struct core *c, struct live *l, struct now now)
{
	live_hold(c, l);
	l->silent_at = core_mono(c, now) + c->conf.report_timeout_ms;
	DL_APPEND2(c->silence, l, silence_prev, silence_next);
	l->held = false;
}

void
live_resend(struct core *c, struct live *l, int64_t at)
{
	if (l->resend_at != INT64_MAX)
		DL_DELETE2(c->resend, l, resend_prev, resend_next);
	l->resend_at = at;
	if (at != INT64_MAX)
		DL_APPEND2(c->resend, l, resend_prev, resend_next);
}

/* --- messages ---------------------------------------------------------------------------------------------------- */

int
live_send(struct core *c, struct live *l, struct now now, struct err *e)
{
	struct action a = { .instance_id = l->instance_id, .attempt = l->attempt, .to_pj = l->is_pj };

	if (l->in_flight)
		return 0;
	if (l->stop && !l->stop_told)
		a.kind = ACTION_STOP;
	else if (!l->stop && l->open && (l->is_pj || !l->maybe_sent))
		a.kind = ACTION_RUN; /* a Java worker is never sent it twice: only its silence decides */
	else
		return 0;
	snprintf(a.worker, sizeof a.worker, "%s", l->place->address);
	if (core_touch(c, l->instance_id, e) < 0 || core_push(c, &a, e) < 0)
		return -1;
	live_resend(c, l, INT64_MAX);
	live_in_flight(c, l, true);
	l->flight = c->serial;
	return 0;
}

/* --- from the rows ----------------------------------------------------------------------------------------------- */

#define LIVE_SELECT "SELECT a.instance_id, a.attempt, a.worker, a.is_pj, a.state, a.last_report_ms, i.app_id, i.stop_ms" \
	" FROM attempt a JOIN instance i ON i.id = a.instance_id "

static int
add_row(struct core *c, struct stmt *s, struct now now, struct err *e)
{
	struct attempt a = { .instance_id = stmt_col_i64(s, 0), .attempt = stmt_col_i64(s, 1),
		.is_pj = stmt_col_i64(s, 3) != 0, .state = (enum attempt_state)stmt_col_i64(s, 4),
		.last_report_ms = stmt_col_i64(s, 5) };
	struct live *l;

	a.worker = strdup(stmt_col_text(s, 2));
	if (a.worker == NULL)
		return core_nomem(e);
	l = live_add(c, &a, stmt_col_i64(s, 6), now, e);
	free(a.worker);
	if (l == NULL)
		return -1;
	l->stop = !stmt_col_null(s, 7);
	l->maybe_sent = true;
	/* The tick sends it, a batch at a time. */
	if (l->stop || (l->open && l->is_pj))
		live_resend(c, l, core_mono(c, now));
	return 0;
}

int
live_load(struct core *c, struct now now, struct err *e)
{
	struct stmt *s;
	int r;

	live_free_all(c);
	s = db_stmt(c->db, LIVE_SELECT "WHERE a.state <= 3 ORDER BY +a.instance_id", e); /* +: by the index of live ones */
	while ((r = stmt_step(s, e)) == 1)
		if (add_row(c, s, now, e) < 0) {
			stmt_reset(s);
			return -1;
		}
	return r;
}

int
live_heal(struct core *c, int64_t instance_id, struct now now, struct err *e)
{
	struct live *l = live_find(c, instance_id);
	/* A message that left before the failed event is under way still. */
	bool in_flight = l != NULL && l->in_flight && l->flight <= c->mark_serial;
	int64_t flight = l == NULL ? 0 : l->flight, attempt = l == NULL ? 0 : l->attempt;
	struct stmt *s;
	int r;

	if (l != NULL)
		drop(c, l);
	s = db_stmt(c->db, LIVE_SELECT "WHERE a.instance_id = ? AND a.state <= 3", e);
	stmt_i64(s, 1, instance_id);
	r = stmt_step(s, e);
	if (r == 1)
		r = add_row(c, s, now, e);
	stmt_reset(s);
	l = live_find(c, instance_id);
	if (r < 0 || l == NULL || !in_flight || l->attempt != attempt)
		return r < 0 ? -1 : 0;
	live_in_flight(c, l, true);
	l->flight = flight;
	live_resend(c, l, INT64_MAX);
	return 0;
}

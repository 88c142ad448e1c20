/* The turn: events in savepoints, one commit, then what was said leaves (design rule 1). */
#include "server.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "courier.h"
#include "logpages.h"
#include "logstore.h"
#include "waiters.h"

#define ACTIONS_AT_ONCE 32
#define RETRY_MS 1000     /* after a failed tick or reload */
#define TICK_GAP_MS 20    /* between ticks that changed nothing although the core wants to go on */

struct now
server_now(const struct server *s)
{
	return loop_now(s->loop);
}

void
server_note_error(struct server *s, const struct err *e)
{
	snprintf(s->last_error, sizeof s->last_error, "%s", e->msg);
	s->last_error_ms = server_now(s).at_ms;
}

/* --- events ---------------------------------------------------------------------------------------------------- */

/* The store refused (no room, a lock): the caller hears it, and the log once until something is stored again. */
static void
note_store_trouble(struct server *s, const struct err *e)
{
	if (e->code != ERR_IO && e->code != ERR_BUSY)
		return;
	server_note_error(s, e);
	if (!s->troubled && !s->failing)
		log_error("store_refused", "error=%s", log_q(e->msg));
	s->troubled = true;
}

static void
take_actions(struct server *s)
{
	struct action a[ACTIONS_AT_ONCE];
	int n;

	while ((n = core_take_actions(s->core, a, ACTIONS_AT_ONCE)) > 0)
		for (int i = 0; i < n; i++)
			switch (a[i].kind) {
			case ACTION_RUN:
			case ACTION_STOP:
				courier_take(s->courier, &a[i]);
				break;
			case ACTION_CHANGED:
				waiters_wake(s->waiters, a[i].instance_id);
				break;
			}
}

static int
event(struct server *s, int (*fn)(void *arg, struct err *e), void *arg, struct err *e)
{
	if (s->broken || s->spoiled)
		return err_set(e, ERR_UNAVAILABLE, "the server cannot use its database: %s", s->last_error);
	if (db_savepoint(s->db, e) != 0)
		return -1;
	logstore_event(s->logs);
	if (fn(arg, e) != 0) {
		db_rollback_to(s->db);
		logstore_event_undo(s->logs);
		take_actions(s);
		note_store_trouble(s, e);
		return -1;
	}
	if (db_release(s->db, e) != 0) {
		server_note_error(s, e);
		s->spoiled = true;
		return -1;
	}
	take_actions(s);
	return 0;
}

int
server_event(struct server *s, int (*fn)(void *arg, struct err *e), void *arg, struct err *e)
{
	s->tick_due = true; /* it may have moved what the core waits for, even without a change of rows */
	return event(s, fn, arg, e);
}

/* --- the clock ------------------------------------------------------------------------------------------------- */

static int
tick_event(void *arg, struct err *e)
{
	struct server *s = arg;

	return core_tick(s->core, server_now(s), &s->wake, e);
}

static void
arm(struct server *s, bool progress)
{
	struct now now = server_now(s);
	int64_t delay = s->wake.mono_ms == INT64_MAX ? INT64_MAX : s->wake.mono_ms - now.mono_ms;

	if (s->wake.at_ms <= now.at_ms) {
		delay = progress ? 0 : TICK_GAP_MS;
		loop_wall_timer_set(s->wall_tick, INT64_MAX);
	} else {
		loop_wall_timer_set(s->wall_tick, s->wake.at_ms);
	}
	if (delay == INT64_MAX)
		loop_timer_clear(s->mono_tick);
	else
		loop_timer_set(s->mono_tick, delay > 0 ? delay : progress ? 0 : TICK_GAP_MS);
}

/* Lets the core see the time; at the end of a turn, so that what the turn's events made is dispatched with it. */
static void
tick(struct server *s)
{
	struct err e = ERR_INIT;
	bool dirty = db_dirty(s->db);
	int64_t wake_ms = s->wake.at_ms;

	s->tick_due = false;
	if (event(s, tick_event, s, &e) != 0) {
		if (!s->failing && !s->troubled)
			log_error("tick", "error=%s", log_q(e.msg));
		server_note_error(s, &e);
		loop_timer_set(s->mono_tick, RETRY_MS);
		return;
	}
	arm(s, (!dirty && db_dirty(s->db)) || s->wake.at_ms != wake_ms);
}

static void
on_tick(void *arg)
{
	((struct server *)arg)->tick_due = true;
}

static void
on_clock_jump(void *arg, int64_t delta_ms)
{
	struct server *s = arg;

	core_clock_jumped(s->core, delta_ms); /* the loop says so, too */
	s->tick_due = true;
}

static void
on_stall(void *arg, int64_t stall_ms)
{
	struct server *s = arg;

	core_stalled(s->core, stall_ms);
	s->tick_due = true;
}

/* --- commit ---------------------------------------------------------------------------------------------------- */

static void
say_failing(struct server *s, const struct err *e)
{
	server_note_error(s, e);
	s->failing = true; /* the loop says why, once */
}

/* Memory is made anew from the rows that the last good commit left. */
static void
reload(struct server *s)
{
	struct err e = ERR_INIT;

	s->broken = core_reload(s->core, server_now(s), &e) != 0;
	if (s->broken)
		say_failing(s, &e);
	courier_forget(s->courier);
	loop_timer_set(s->mono_tick, RETRY_MS);
}

static int
undo_turn(struct server *s, const struct err *e)
{
	say_failing(s, e);
	db_rollback(s->db);
	logstore_undo(s->logs);
	logpages_forget(s->pages);
	s->spoiled = false;
	reload(s);
	return -1;
}

static int
commit(void *arg, struct err *e)
{
	struct server *s = arg;
	bool dirty;

	s->turns++;
	if (s->broken && s->tick_due)
		reload(s);
	if (s->broken) {
		s->tick_due = false;
		db_rollback(s->db);
		return 0; /* whoever asked in this turn has a failure answer already */
	}
	if (!s->spoiled && s->tick_due)
		tick(s);
	if (s->spoiled) {
		err_set(e, ERR_IO, "%s", s->last_error);
		return undo_turn(s, e);
	}
	dirty = db_dirty(s->db);
	if (dirty && logstore_sync(s->logs, e) != 0)
		return undo_turn(s, e);
	logstore_wake(s->logs); /* once a turn and file; like every reply, these leave after the commit */
	if (db_commit(s->db, e) != 0)
		return undo_turn(s, e);
	logstore_commit(s->logs);
	if (dirty) {
		s->commits++;
		if (s->failing || s->troubled)
			log_info("store_works", "again=yes");
		s->failing = s->troubled = false;
	}
	return 0;
}

static const struct loop_ops ops = { .commit = commit, .clock_jumped = on_clock_jump, .stalled = on_stall };

/* --- running --------------------------------------------------------------------------------------------------- */

#define DRAIN_MS 100 /* replies of the last turns reach their sockets */

static void
on_drained(void *arg)
{
	loop_stop(((struct server *)arg)->loop);
}

static void
on_stop(int signo, void *arg)
{
	struct server *s = arg;

	log_info("stopping", "signal=%d", signo);
	if (s->stopping) { /* somebody is in a hurry */
		loop_stop(s->loop);
		return;
	}
	s->stopping = true;
	loop_notify("STOPPING=1");
	http_server_close(s->http);
	waiters_end(s->waiters);
	loop_timer_set(s->drain, DRAIN_MS);
}

static void
on_hangup(int signo, void *arg)
{
	struct server *s = arg;
	struct config fresh;
	struct buf ignored = BUF_INIT;
	struct err e = ERR_INIT;
	enum log_level level;
	struct core_conf core;

	(void)signo;
	if (config_load(&fresh, &s->opts, &e) != 0) {
		log_error("reload", "error=%s the old configuration stays", log_q(e.msg));
		return;
	}
	config_reload(&s->conf, &fresh, &ignored);
	config_fini(&fresh);
	if (log_level_from_name(s->conf.log.level, &level) == 0)
		log_set_level(level);
	core = server_core_conf(s);
	core_set_timeouts(s->core, &core);
	core_look_at_zones(s->core);
	s->tick_due = true;
	if (ignored.len > 0)
		log_warn("reload", "need_a_restart=%s", log_q(buf_str(&ignored)));
	log_info("reload", "done=yes");
	buf_fini(&ignored);
}

static int
set_up_ticks(struct server *s, struct err *e)
{
	loop_set_ops(s->loop, &ops, s);
	s->wall_tick = loop_wall_timer_new(s->loop, on_tick, s);
	s->mono_tick = loop_timer_new(s->loop, on_tick, s);
	s->drain = loop_timer_new(s->loop, on_drained, s);
	if (s->wall_tick == NULL || s->mono_tick == NULL || s->drain == NULL)
		return err_set(e, ERR_NOMEM, "out of memory");
	if (loop_signal(s->loop, 15, on_stop, s) != 0 || loop_signal(s->loop, 2, on_stop, s) != 0 ||
	    loop_signal(s->loop, 1, on_hangup, s) != 0)
		return err_set(e, ERR_OS, "cannot take signals");
	return 0;
}

int
server_run(struct server *s, struct err *e)
{
	if (set_up_ticks(s, e) != 0)
		return -1;
	loop_timer_set(s->mono_tick, 0);
	if (boot_write_addr(s, e) != 0)
		return -1;
	log_info("ready", "http=%s remote=%s external=%s root=%s", http_server_addr(s->http, LISTEN_HTTP),
	    http_server_addr(s->http, LISTEN_REMOTE), s->external, log_q(s->conf.root));
	loop_notify("READY=1");
	return loop_run(s->loop, e);
}

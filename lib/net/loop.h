/* The event loop of a daemon, over libevent: one turn is one transaction (design rule 1).
 *
 * A turn: wait; run what is ready (at most about LIMIT_TURN_MS of it); call ops.commit; then release what the turn's
 * events handed to loop_release: replies, outgoing messages. When the commit fails, the releases are told so instead, and
 * the next turn waits (10 ms, doubling to 1 s). A turn without work for the store commits nothing: that is ops.commit's
 * own knowledge. */
#ifndef PJ_NET_LOOP_H
#define PJ_NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"

struct loop;
struct loop_timer;
struct loop_watch;

struct loop_ops {
	int (*commit)(void *arg, struct err *e); /* 0, or -1: everything of the turn was rolled back */
	/* Wall-clock time was set (TFD_TIMER_CANCEL_ON_SET) by over 1 s; may be NULL. delta_ms = how far wall moved against
	 * CLOCK_BOOTTIME: a suspended machine's clock did not jump. Called before the turn's events. */
	void (*clock_jumped)(void *arg, int64_t delta_ms);
	/* The loop did not run for stall_ms (SIGSTOP, suspend, a stuck disk) beyond its wait, over 1 s; may be NULL. Suspended
	 * time is in it, though CLOCK_MONOTONIC did not move: monotonic deadlines are armed anew, not moved by stall_ms.
	 * Called before the turn's events. */
	void (*stalled)(void *arg, int64_t stall_ms);
};

struct loop *loop_new(struct err *e);
void loop_free(struct loop *l);
void loop_set_ops(struct loop *l, const struct loop_ops *ops, void *arg); /* ops borrowed for life */
/* Runs turns until loop_stop. 0, or -1 and err when the event base broke. */
int loop_run(struct loop *l, struct err *e);
void loop_stop(struct loop *l); /* after the current turn's releases */
struct now loop_now(const struct loop *l); /* sampled at the start of the turn's events; tests may override it */

/* fn runs at the end of this turn: failed == NULL after a good commit, else why nothing was kept. In order of calls.
 * Called outside a turn (from a release): runs at the end of the same release phase. -1 out of memory. */
int loop_release(struct loop *l, void (*fn)(void *arg, const struct err *failed), void *arg);

/* Relative, monotonic. One-shot; set again moves it. */
struct loop_timer *loop_timer_new(struct loop *l, void (*fn)(void *arg), void *arg);
void loop_timer_set(struct loop_timer *t, int64_t delay_ms);
void loop_timer_clear(struct loop_timer *t);
void loop_timer_free(struct loop_timer *t);
/* Wall clock: fires at at_ms of CLOCK_REALTIME, and at once when the clock is set past it. INT64_MAX clears. */
struct loop_timer *loop_wall_timer_new(struct loop *l, void (*fn)(void *arg), void *arg);
void loop_wall_timer_set(struct loop_timer *t, int64_t at_ms);

enum { LOOP_READ = 1, LOOP_WRITE = 2 };
struct loop_watch *loop_watch_new(struct loop *l, int fd, int what, void (*fn)(int fd, int what, void *arg), void *arg);
void loop_watch_set(struct loop_watch *w, int what); /* 0: paused */
void loop_watch_kick(struct loop_watch *w);          /* runs fn with LOOP_READ soon, whatever the descriptor says */
void loop_watch_free(struct loop_watch *w);          /* the descriptor stays open: the caller's */
int loop_signal(struct loop *l, int signo, void (*fn)(int signo, void *arg), void *arg);

/* sd_notify(3)'s datagram: `READY=1`, `STOPPING=1`, `STATUS=...`; nothing without NOTIFY_SOCKET. */
void loop_notify(const char *state);

#endif

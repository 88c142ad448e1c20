#include "net/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/util.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"

#define NEVER INT64_MAX
#define NOTICED_MS 1000          /* a smaller step of the clock or stall is not told to anyone */
#define BACKOFF_LEAST_MS 10
#define BACKOFF_MOST_MS 1000
#define SAY_AGAIN_MS 60000       /* a failed commit is logged once in so long */
#define FAR_MS (365LL * 86400000) /* how far ahead a timer is set at most: it is then set again */

struct release {
	void (*fn)(void *arg, const struct err *failed);
	void *arg;
};

struct loop_timer {
	struct loop *l;
	struct loop_timer *prev, *next; /* of the loop's monotonic timers that are set */
	void (*fn)(void *arg);
	void *arg;
	int64_t due; /* ms, monotonic or wall; NEVER: not set */
	int fd;      /* the timerfd of a wall timer, else -1 */
	struct event ev;
};

struct loop_watch {
	struct loop *l;
	void (*fn)(int fd, int what, void *arg);
	void *arg;
	int fd;
	int what;
	struct event rd, wr;
};

struct loop_signal {
	struct loop *l;
	struct loop_signal *next;
	void (*fn)(int signo, void *arg);
	void *arg;
	struct event ev;
};

struct loop {
	struct event_base *base;
	const struct loop_ops *ops;
	void *ops_arg;
	struct now now;
	bool stop;
	unsigned events;         /* of this turn so far */
	struct release *releases;
	size_t n_releases, cap_releases;
	int backoff_ms;          /* 0: the last commit was good */
	int64_t said_ms;         /* when a failed commit was logged last; 0 never */
	struct loop_timer *timers;
	int64_t next_due;        /* the earliest of timers, when not stale */
	bool next_due_stale;
	int64_t wall_drift;      /* wall - boot: changes when the clock is set */
	int64_t suspended;       /* boot - mono: grows while the machine sleeps */
	int64_t turn_ms;         /* how long the last turn worked */
	struct loop_timer *jump; /* a wall timer that nobody waits for: it hears of the clock being set */
	struct loop_signal *signals;
};

static void
heard_from_libevent(int severity, const char *msg)
{
	if (severity >= EVENT_LOG_WARN)
		log_warn("libevent", "message=%s", log_q(msg));
}

/* --- the turn ------------------------------------------------------------- */

static void
forget_next_due(struct loop *l, int64_t due)
{
	if (due <= l->next_due)
		l->next_due_stale = true;
}

static int64_t
next_due(struct loop *l)
{
	if (l->next_due_stale) {
		l->next_due = NEVER;
		for (struct loop_timer *t = l->timers; t != NULL; t = t->next)
			if (t->due < l->next_due)
				l->next_due = t->due;
		l->next_due_stale = false;
	}
	return l->next_due;
}

/* Tells of a loop that ran late or long, and of the wall clock being set. Both are compared against CLOCK_BOOTTIME, so
 * that a suspended machine is a stall and not a jump of the clock. */
static void
look_at_clocks(struct loop *l)
{
	int64_t boot = clock_boot_ms(), due = next_due(l);
	int64_t late = due < l->now.mono_ms ? l->now.mono_ms - due : 0;
	int64_t slept = boot - l->now.mono_ms - l->suspended;
	int64_t jump = l->now.at_ms - boot - l->wall_drift;
	int64_t stall = (late > l->turn_ms ? late : l->turn_ms) + (slept > NOTICED_MS ? slept : 0);

	l->suspended += slept;
	l->wall_drift += jump;
	l->turn_ms = 0;
	if (stall > NOTICED_MS) {
		log_warn("loop_stalled", "ms=%lld", (long long)stall);
		if (l->ops->stalled != NULL)
			l->ops->stalled(l->ops_arg, stall);
	}
	if (jump > NOTICED_MS || jump < -NOTICED_MS) {
		log_warn("clock_jumped", "ms=%lld", (long long)jump);
		if (l->ops->clock_jumped != NULL)
			l->ops->clock_jumped(l->ops_arg, jump);
	}
}

static void
event_begins(struct loop *l)
{
	if (l->events++ > 0)
		return;
	l->now = clock_now();
	look_at_clocks(l);
}

/* What is ready but did not get its time stays queued in libevent: it comes first in the next turn. */
static void
event_ended(struct loop *l)
{
	if (l->stop || clock_mono_ms() - l->now.mono_ms >= LIMIT_TURN_MS)
		event_base_loopbreak(l->base);
}

static void
back_off(struct loop *l, const struct err *e)
{
	struct timespec ts;

	l->backoff_ms = l->backoff_ms == 0 ? BACKOFF_LEAST_MS : l->backoff_ms * 2;
	if (l->backoff_ms > BACKOFF_MOST_MS)
		l->backoff_ms = BACKOFF_MOST_MS;
	/* Turns without a change go well in between: not each failure is news. */
	if (l->said_ms == 0 || clock_mono_ms() - l->said_ms >= SAY_AGAIN_MS) {
		log_error("commit_failed", "reason=%s", log_q(e->msg));
		l->said_ms = clock_mono_ms();
	}
	ts.tv_sec = l->backoff_ms / 1000;
	ts.tv_nsec = l->backoff_ms % 1000 * 1000000L;
	nanosleep(&ts, NULL); /* a signal ends it early: that is welcome */
}

static void
end_turn(struct loop *l)
{
	const struct err *failed = NULL;
	struct err e = ERR_INIT;
	int64_t done;

	if (l->events == 0)
		l->now = clock_now();
	if (l->ops->commit != NULL && l->ops->commit(l->ops_arg, &e) < 0)
		failed = &e;
	/* A release may hand in more: they run behind it. */
	for (size_t i = 0; i < l->n_releases; i++) {
		struct release r = l->releases[i];

		r.fn(r.arg, failed);
	}
	l->n_releases = 0;
	l->events = 0;
	done = clock_mono_ms();
	l->turn_ms = done - l->now.mono_ms;
	if (failed != NULL)
		back_off(l, failed);
	else
		l->backoff_ms = 0;
}

int
loop_run(struct loop *l, struct err *e)
{
	l->now = clock_now();
	while (!l->stop) {
		if (l->n_releases == 0 && event_base_loop(l->base, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY) < 0)
			return err_set(e, ERR_INTERNAL, "the event loop broke: no more events can be waited for");
		if (l->events > 0 || l->n_releases > 0)
			end_turn(l);
	}
	l->stop = false; /* it may be run again */
	return 0;
}

void
loop_stop(struct loop *l)
{
	l->stop = true;
	event_base_loopbreak(l->base);
}

struct now
loop_now(const struct loop *l)
{
	return l->now;
}

int
loop_release(struct loop *l, void (*fn)(void *arg, const struct err *failed), void *arg)
{
	if (l->n_releases == l->cap_releases) {
		size_t cap = l->cap_releases > 0 ? l->cap_releases * 2 : 64;
		struct release *more = reallocarray(l->releases, cap, sizeof *more);

		if (more == NULL)
			return -1;
		l->releases = more;
		l->cap_releases = cap;
	}
	l->releases[l->n_releases++] = (struct release){ fn, arg };
	return 0;
}

/* --- life ------------------------------------------------------------------ */

static void
nobody_waits(void *arg)
{
}

static struct event_base *
new_base(void)
{
	struct event_config *cfg = event_config_new();
	struct event_base *base = NULL;

	if (cfg == NULL)
		return NULL;
	/* Times are not cached: a timer set late in a long turn must not fire early. */
	if (event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_NO_CACHE_TIME) == 0)
		base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	return base;
}

struct loop *
loop_new(struct err *e)
{
	static const struct loop_ops no_ops;
	struct loop *l = calloc(1, sizeof *l);

	signal(SIGPIPE, SIG_IGN);
	event_set_log_callback(heard_from_libevent);
	if (l == NULL || (l->base = new_base()) == NULL) {
		err_sys(e, ERR_OS, errno, "cannot make an event loop");
		free(l);
		return NULL;
	}
	l->ops = &no_ops;
	l->now = clock_now();
	l->next_due = NEVER;
	l->suspended = clock_boot_ms() - l->now.mono_ms;
	l->wall_drift = l->now.at_ms - clock_boot_ms();
	l->jump = loop_wall_timer_new(l, nobody_waits, NULL);
	if (l->jump == NULL) {
		err_sys(e, ERR_OS, errno, "cannot make a timer descriptor");
		loop_free(l);
		return NULL;
	}
	loop_wall_timer_set(l->jump, NEVER - 1);
	return l;
}

void
loop_free(struct loop *l)
{
	struct loop_signal *s;

	if (l == NULL)
		return;
	loop_timer_free(l->jump);
	while ((s = l->signals) != NULL) {
		l->signals = s->next;
		event_del(&s->ev);
		free(s);
	}
	event_base_free(l->base);
	free(l->releases);
	free(l);
}

void
loop_set_ops(struct loop *l, const struct loop_ops *ops, void *arg)
{
	l->ops = ops;
	l->ops_arg = arg;
}

/* --- timers ------------------------------------------------------------------ */

static void
mono_unlink(struct loop_timer *t)
{
	if (t->due == NEVER)
		return;
	forget_next_due(t->l, t->due);
	if (t->prev != NULL)
		t->prev->next = t->next;
	else
		t->l->timers = t->next;
	if (t->next != NULL)
		t->next->prev = t->prev;
	t->due = NEVER;
}

static void
mono_link(struct loop_timer *t, int64_t due)
{
	struct loop *l = t->l;

	t->due = due;
	t->prev = NULL;
	t->next = l->timers;
	if (t->next != NULL)
		t->next->prev = t;
	l->timers = t;
	if (due < l->next_due)
		l->next_due = due;
}

static void
mono_arm(struct loop_timer *t)
{
	int64_t wait = t->due - clock_mono_ms();
	struct timeval tv;

	if (wait < 0)
		wait = 0;
	if (wait > FAR_MS)
		wait = FAR_MS;
	tv.tv_sec = (time_t)(wait / 1000);
	tv.tv_usec = (suseconds_t)(wait % 1000 * 1000);
	if (event_add(&t->ev, &tv) < 0)
		log_error("timer_failed", "reason=%s", log_q("out of memory"));
}

static void
mono_fired(evutil_socket_t fd, short what, void *arg)
{
	struct loop_timer *t = arg;
	struct loop *l = t->l;

	/* libevent's clock is coarse: it may be some milliseconds early. */
	if (t->due > clock_mono_ms()) {
		mono_arm(t);
		return;
	}
	event_begins(l);
	mono_unlink(t);
	t->fn(t->arg);
	event_ended(l);
}

struct loop_timer *
loop_timer_new(struct loop *l, void (*fn)(void *arg), void *arg)
{
	struct loop_timer *t = calloc(1, sizeof *t);

	if (t == NULL)
		return NULL;
	*t = (struct loop_timer){ .l = l, .fn = fn, .arg = arg, .due = NEVER, .fd = -1 };
	event_assign(&t->ev, l->base, -1, 0, mono_fired, t);
	return t;
}

void
loop_timer_set(struct loop_timer *t, int64_t delay_ms)
{
	int64_t now = clock_mono_ms();

	mono_unlink(t);
	if (delay_ms < 0)
		delay_ms = 0;
	mono_link(t, delay_ms < NEVER - 1 - now ? now + delay_ms : NEVER - 1);
	mono_arm(t);
}

void
loop_timer_clear(struct loop_timer *t)
{
	if (t->fd >= 0) {
		loop_wall_timer_set(t, NEVER);
		return;
	}
	mono_unlink(t);
	event_del(&t->ev);
}

void
loop_timer_free(struct loop_timer *t)
{
	if (t == NULL)
		return;
	if (t->fd < 0)
		mono_unlink(t);
	event_del(&t->ev);
	if (t->fd >= 0)
		close(t->fd);
	free(t);
}

static void
wall_arm(struct loop_timer *t)
{
	struct itimerspec its = { { 0, 0 }, { 0, 0 } };
	int64_t at = t->due, most = clock_wall_ms() + FAR_MS;

	if (at > most)
		at = most;
	if (at < 1) /* a zero time would disarm it */
		at = 1;
	if (t->due != NEVER) {
		its.it_value.tv_sec = (time_t)(at / 1000);
		its.it_value.tv_nsec = (long)(at % 1000) * 1000000L;
	}
	if (timerfd_settime(t->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &its, NULL) < 0 && errno != ECANCELED)
		log_error("timer_failed", "reason=%s", log_q(strerror(errno)));
}

/* Readable: the time came, or the clock was set (read then says ECANCELED). Which it is, the clock itself tells. */
static void
wall_fired(evutil_socket_t fd, short what, void *arg)
{
	struct loop_timer *t = arg;
	struct loop *l = t->l;
	uint64_t times;

	if (read(fd, &times, sizeof times) < 0 && errno == EAGAIN)
		return;
	event_begins(l);
	if (t->due > clock_wall_ms()) {
		wall_arm(t);
	} else {
		t->due = NEVER;
		t->fn(t->arg);
	}
	event_ended(l);
}

struct loop_timer *
loop_wall_timer_new(struct loop *l, void (*fn)(void *arg), void *arg)
{
	struct loop_timer *t = calloc(1, sizeof *t);

	if (t == NULL)
		return NULL;
	*t = (struct loop_timer){ .l = l, .fn = fn, .arg = arg, .due = NEVER };
	t->fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (t->fd < 0) {
		free(t);
		return NULL;
	}
	event_assign(&t->ev, l->base, t->fd, EV_READ | EV_PERSIST, wall_fired, t);
	if (event_add(&t->ev, NULL) < 0) {
		close(t->fd);
		free(t);
		return NULL;
	}
	return t;
}

void
loop_wall_timer_set(struct loop_timer *t, int64_t at_ms)
{
	t->due = at_ms;
	wall_arm(t);
}

/* --- descriptors and signals ------------------------------------------------- */

static void
watch_ready(evutil_socket_t fd, short what, void *arg)
{
	struct loop_watch *w = arg;
	struct loop *l = w->l;

	event_begins(l);
	w->fn(fd, what & EV_WRITE ? LOOP_WRITE : LOOP_READ, w->arg);
	event_ended(l); /* w may be gone */
}

struct loop_watch *
loop_watch_new(struct loop *l, int fd, int what, void (*fn)(int fd, int what, void *arg), void *arg)
{
	struct loop_watch *w = calloc(1, sizeof *w);

	if (w == NULL)
		return NULL;
	*w = (struct loop_watch){ .l = l, .fn = fn, .arg = arg, .fd = fd };
	event_assign(&w->rd, l->base, fd, EV_READ | EV_PERSIST, watch_ready, w);
	event_assign(&w->wr, l->base, fd, EV_WRITE | EV_PERSIST, watch_ready, w);
	loop_watch_set(w, what);
	if (w->what != what) {
		loop_watch_free(w);
		return NULL;
	}
	return w;
}

static void
watch_one(struct loop_watch *w, struct event *ev, int bit, int what)
{
	if ((w->what & bit) == (what & bit))
		return;
	if ((what & bit) == 0)
		event_del(ev);
	else if (event_add(ev, NULL) < 0) {
		log_error("watch_failed", "fd=%d reason=%s", w->fd, log_q(strerror(errno)));
		return;
	}
	w->what ^= bit;
}

void
loop_watch_set(struct loop_watch *w, int what)
{
	watch_one(w, &w->rd, LOOP_READ, what);
	watch_one(w, &w->wr, LOOP_WRITE, what);
}

void
loop_watch_kick(struct loop_watch *w)
{
	event_active(&w->rd, EV_READ, 0);
}

void
loop_watch_free(struct loop_watch *w)
{
	if (w == NULL)
		return;
	event_del(&w->rd);
	event_del(&w->wr);
	free(w);
}

static void
signal_came(evutil_socket_t signo, short what, void *arg)
{
	struct loop_signal *s = arg;
	struct loop *l = s->l;

	event_begins(l);
	s->fn((int)signo, s->arg);
	event_ended(l);
}

int
loop_signal(struct loop *l, int signo, void (*fn)(int signo, void *arg), void *arg)
{
	struct loop_signal *s = calloc(1, sizeof *s);

	if (s == NULL)
		return -1;
	*s = (struct loop_signal){ .l = l, .fn = fn, .arg = arg };
	evsignal_assign(&s->ev, l->base, signo, signal_came, s);
	if (event_add(&s->ev, NULL) < 0) {
		free(s);
		return -1;
	}
	s->next = l->signals;
	l->signals = s;
	return 0;
}

/* --- sd_notify ------------------------------------------------------------------ */

void
loop_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	size_t len = path != NULL ? strlen(path) : 0;
	int fd;

	if (len < 2 || len >= sizeof sa.sun_path || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(sa.sun_path, path, len);
	if (path[0] == '@') /* the abstract name space */
		sa.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&sa,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
		log_debug("notify_failed", "reason=%s", log_q(strerror(errno)));
	close(fd);
}

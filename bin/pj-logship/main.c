/* pj-logship: follows the spool files of a worker host and ships their lines to the server, in order, each once. One
 * request is on its way at a time; what it carries is acknowledged by its answer. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "batch.h"
#include "net/helper.h"
#include "net/msg.h"

#define TOTAL_MS 15000
#define LOOK_MS 1000           /* at the dirty ones; inotify only saves time */
#define SCAN_MS 30000          /* of the whole directory */
#define RETAIN_MS 60000
#define RETAIN_FIRST_MS 5000
#define STORE_MS 1000          /* offsets are written at most so often */
#define GATHER_MS 20           /* between two requests while lines keep coming */
#define PAUSE_FIRST_MS 250
#define PAUSE_MOST_MS 15000
#define PARK_MS 60000
#define STOP_MS 1000

static const char more[] =
    "exit codes of --once:\n"
    "  0 everything is shipped   69 no server took it\n"
    "  (all: 64 called wrongly, 74 disk error, 75 another one runs, 78 configuration)\n";

struct ship {
	struct helper *h;
	struct spools spools;
	int inotify_fd;
	struct loop_watch *watch;
	struct loop_timer *timer, *look, *store, *retain;
	struct batch batch;            /* what is on its way while sending */
	bool sending, alone;           /* alone: one spool a request, after a refusal */
	bool timed;                    /* the timer is set */
	bool storing;
	bool backlog;                  /* the last request was full: the next one follows at once */
	int pause_ms;
	int64_t last_mono_ms, looked_scan_mono_ms;
	char address[128], server[128];
};

static void ship_soon(struct ship *s, int64_t in_ms);

/* --- sending ----------------------------------------------------------------------------------------------------- */

static void
pause_longer(struct ship *s)
{
	s->pause_ms = s->pause_ms == 0 ? PAUSE_FIRST_MS : s->pause_ms * 2;
	if (s->pause_ms > PAUSE_MOST_MS)
		s->pause_ms = PAUSE_MOST_MS;
}

/* Nothing is lost: it stays in the files. */
static void
not_shipped(struct ship *s, const char *state, const char *why)
{
	helper_state(s->h, state, "%.240s", why);
	if (s->h->once) {
		fprintf(stderr, "pj-logship: %s\n", why);
		helper_exit(s->h, EX_UNAVAILABLE);
		return;
	}
	pause_longer(s);
	ship_soon(s, s->pause_ms);
}

static void
store_soon(struct ship *s)
{
	if (s->storing)
		return;
	s->storing = true;
	loop_timer_set(s->store, STORE_MS);
}

static void
shipped(struct ship *s)
{
	s->backlog = batch_is_full(&s->batch);
	batch_acked(&s->batch);
	s->pause_ms = 0;
	s->alone = false;
	store_soon(s);
	helper_state(s->h, "ok", "shipping to %s", s->server);
	ship_soon(s, 0);
}

/* The server read it and does not want it: find the spool that is meant, and let the others pass. */
static void
refused(struct ship *s, const char *why)
{
	if (s->alone && s->batch.n_pieces == 1) {
		struct spool *p = s->batch.piece[0].p;

		log_warn("spool_parked", "spool=%s for_ms=%d answer=%s", log_q(p->name), PARK_MS, log_q(why));
		p->parked_until_mono_ms = loop_now(s->h->loop).mono_ms + PARK_MS;
	}
	s->alone = true;
	batch_give_back(&s->batch);
	not_shipped(s, "failing", why);
}

static void
on_answer(const struct http_answer *a, void *arg)
{
	struct ship *s = arg;
	char why[256], text[400];

	s->sending = false;
	if (post_taken(a, why)) {
		shipped(s);
	} else if (a->outcome == HTTP_ANSWERED && a->status >= 400 && a->status < 500) {
		snprintf(text, sizeof text, "%s: %s", s->server, why);
		refused(s, text);
	} else {
		snprintf(text, sizeof text, "%s: %s", s->server, why);
		batch_give_back(&s->batch);
		not_shipped(s, "failing", text);
	}
	if (s->h->stopping)
		helper_exit(s->h, 0);
}

static int
find_server(struct ship *s, struct err *e)
{
	struct worker_server server;
	struct worker_self self;

	if (workerdb_server_get(s->h->db, &server, e) < 0 || workerdb_self_get(s->h->db, &self, e) < 0)
		return -1;
	if (self.address[0] == '\0')
		return err_set(e, ERR_UNAVAILABLE, "pj-workerd has never run in this root: no address to ship under");
	if (server.address[0] == '\0')
		return err_set(e, ERR_UNAVAILABLE, "no server known yet: pj-discover writes it to worker.db");
	snprintf(s->address, sizeof s->address, "%s", self.address);
	snprintf(s->server, sizeof s->server, "%s", server.address);
	return 0;
}

static void
send_batch(struct ship *s)
{
	struct buf body = BUF_INIT;
	struct err e = ERR_INIT;

	if (!batch_put(&s->batch, s->address, &body))
		body.failed = true;
	if (post_start(&s->h->post, s->server, PATH_LOG, &body, TOTAL_MS, on_answer, s, &e) == 0) {
		s->sending = true;
		s->last_mono_ms = loop_now(s->h->loop).mono_ms;
	} else {
		batch_give_back(&s->batch);
		not_shipped(s, "failing", e.msg);
	}
	buf_fini(&body);
}

static void
store_now(struct ship *s)
{
	struct err e = ERR_INIT;

	s->storing = false;
	if (spools_store(&s->spools, loop_now(s->h->loop).at_ms, &e) < 0) {
		log_warn("offsets_not_written", "error=%s", log_q(e.msg));
		store_soon(s);
	}
}

static void
ship(void *arg)
{
	struct ship *s = arg;
	struct err e = ERR_INIT;

	s->timed = false;
	if (s->sending || s->h->stopping)
		return;
	if (s->spools.first == NULL) {
		if (s->h->once)
			helper_exit(s->h, 0);
		return;
	}
	if (find_server(s, &e) < 0) {
		not_shipped(s, e.code == ERR_UNAVAILABLE ? "waiting" : "failing", e.msg);
		return;
	}
	batch_fill(&s->batch, loop_now(s->h->loop), s->alone);
	if (s->batch.n_entries > 0)
		send_batch(s);
	else if (s->h->once)
		helper_exit(s->h, 0);
}

static void
ship_soon(struct ship *s, int64_t in_ms)
{
	int64_t mono_ms = loop_now(s->h->loop).mono_ms;

	if (s->timed && in_ms == 0)
		return;
	if (in_ms == 0 && !s->backlog && mono_ms - s->last_mono_ms < GATHER_MS)
		in_ms = GATHER_MS - (mono_ms - s->last_mono_ms);
	s->timed = true;
	loop_timer_set(s->timer, in_ms);
}

/* --- what is new ------------------------------------------------------------------------------------------------- */

static void
wake(struct ship *s)
{
	if (s->spools.first != NULL && !s->sending && !s->timed)
		ship_soon(s, 0);
}

static void
on_inotify(int fd, int what, void *arg)
{
	struct ship *s = arg;
	union {
		char bytes[16384];
		struct inotify_event align;
	} in;
	ssize_t n = read(fd, in.bytes, sizeof in.bytes);
	struct err e = ERR_INIT;

	(void)what;
	for (ssize_t at = 0; at < n;) {
		struct inotify_event ev;

		memcpy(&ev, in.bytes + at, sizeof ev);
		if ((ev.mask & IN_Q_OVERFLOW) != 0)
			spools_scan(&s->spools, &e); /* a look at all finds what was not told; so does the next one */
		else if (ev.len > 0)
			spools_touch(&s->spools, in.bytes + at + sizeof ev);
		at += (ssize_t)(sizeof ev + ev.len);
	}
	wake(s);
}

/* Bells may be lost: everything is looked at again, and open lines of ended runs are taken. */
static void
look(void *arg)
{
	struct ship *s = arg;
	int64_t mono_ms = loop_now(s->h->loop).mono_ms;
	struct err e = ERR_INIT;

	if (mono_ms - s->looked_scan_mono_ms >= SCAN_MS || s->inotify_fd < 0) {
		s->looked_scan_mono_ms = mono_ms;
		if (spools_scan(&s->spools, &e) < 0)
			helper_state(s->h, "failing", "%.200s", e.msg);
	}
	wake(s);
	loop_timer_set(s->look, s->inotify_fd < 0 || s->spools.first != NULL ? LOOK_MS : SCAN_MS);
}

static void
on_store(void *arg)
{
	store_now(arg);
}

static void
on_retain(void *arg)
{
	struct ship *s = arg;
	const struct config *c = &s->h->conf;

	if (!s->sending) /* its pieces point to spools */
		spools_retain(&s->spools, loop_now(s->h->loop).at_ms, c->worker.keep_spool_ms, c->worker.keep_spool_bytes);
	loop_timer_set(s->retain, s->sending ? LOOK_MS : RETAIN_MS);
}

/* --- life -------------------------------------------------------------------------------------------------------- */

static int
open_inotify(struct ship *s, struct err *e)
{
	s->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (s->inotify_fd >= 0
	    && inotify_add_watch(s->inotify_fd, s->spools.dir, IN_CREATE | IN_MODIFY | IN_MOVED_TO | IN_ONLYDIR) < 0) {
		close(s->inotify_fd);
		s->inotify_fd = -1;
	}
	if (s->inotify_fd < 0) {
		/* The user's instances are used up, for instance: slower, but it works. */
		log_warn("no_inotify", "error=%s looking_every_ms=%d", log_q(strerror(errno)), LOOK_MS);
		return 0;
	}
	s->watch = loop_watch_new(s->h->loop, s->inotify_fd, LOOP_READ, on_inotify, s);
	return s->watch != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory");
}

static int
start(struct helper *h, struct err *e)
{
	struct ship *s = calloc(1, sizeof *s);

	h->user = s;
	if (s == NULL)
		return err_set(e, ERR_NOMEM, "out of memory");
	s->h = h;
	s->inotify_fd = -1;
	s->timer = loop_timer_new(h->loop, ship, s);
	s->look = loop_timer_new(h->loop, look, s);
	s->store = loop_timer_new(h->loop, on_store, s);
	s->retain = loop_timer_new(h->loop, on_retain, s);
	if (s->timer == NULL || s->look == NULL || s->store == NULL || s->retain == NULL)
		return err_set(e, ERR_NOMEM, "out of memory");
	if (batch_init(&s->batch, &s->spools, e) < 0)
		return -1;
	/* The watch first: what is written during the scan is seen by one of the two. */
	if (file_path(s->spools.dir, sizeof s->spools.dir, e, "%s/spool", h->state_dir) < 0
	    || file_mkdirs(s->spools.dir, e) < 0 || (!h->once && open_inotify(s, e) < 0)
	    || spools_open(&s->spools, h->state_dir, h->db, e) < 0)
		return -1;
	s->timed = true;
	loop_timer_set(s->timer, 0);
	if (!h->once) {
		loop_timer_set(s->look, LOOK_MS);
		loop_timer_set(s->retain, RETAIN_FIRST_MS);
		helper_state(h, "ok", "nothing to ship");
	}
	return 0;
}

static void
give_up(void *arg)
{
	struct ship *s = arg;

	helper_exit(s->h, 0); /* what is on its way is sent again by the next one; the server knows it by its offset */
}

static void
stop(struct helper *h)
{
	struct ship *s = h->user;

	if (!s->sending) {
		helper_exit(h, 0);
		return;
	}
	loop_timer_free(s->look);
	s->look = loop_timer_new(h->loop, give_up, s);
	if (s->look == NULL)
		helper_exit(h, 0);
	else
		loop_timer_set(s->look, STOP_MS);
}

static void
end(struct helper *h)
{
	struct ship *s = h->user;

	if (s == NULL)
		return;
	if (s->spools.db != NULL)
		store_now(s);
	spools_close(&s->spools);
	loop_timer_free(s->timer);
	loop_timer_free(s->look);
	loop_timer_free(s->store);
	loop_timer_free(s->retain);
	if (s->watch != NULL)
		loop_watch_free(s->watch);
	if (s->inotify_fd >= 0)
		close(s->inotify_fd);
	batch_fini(&s->batch);
	free(s);
}

int
main(int argc, char **argv)
{
	static const struct helper_def def = { "pj-logship",
		"Ships the lines of this worker host's job logs to the server, in order, and removes what was shipped long ago.",
		more, start, NULL, stop, end };

	return helper_main(argc, argv, &def);
}

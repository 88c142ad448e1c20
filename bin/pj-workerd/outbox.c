/* Final reports: rows of the outbox, sent until the server says success:true; one at a time of an instance.
 *
 * A result that a slot file has is told to the server at once: when it takes it, one commit says that all is done. What
 * survives a kill is the slot meanwhile, as before; for whatever else may happen its row and the outbox's are written when
 * the answer is not there in DIRECT_MS, or is not success:true. Its pj-run is acknowledged after the one commit or the
 * other, and syncs the slot itself when that takes longer. */
#include "worker.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define AT_ONCE 16
#define POST_MS 10000
#define PAUSE_FIRST_MS 1000
#define PAUSE_MOST_MS 15000
#define NO_SERVER_MS 1000
#define DIRECT_MS 50

struct sent {
	struct host *w;
	int64_t instance_id, attempt;
	bool direct;
};

static int
longer(int pause_ms)
{
	if (pause_ms == 0)
		return PAUSE_FIRST_MS;
	return pause_ms * 2 < PAUSE_MOST_MS ? pause_ms * 2 : PAUSE_MOST_MS;
}

/* The timer stands at the earliest of what waits. */
static void
arm(struct host *w)
{
	int64_t at = INT64_MAX, mono_ms = worker_mono(w);

	if (w->waiting.first != NULL)
		at = w->waiting.first->out_due_mono_ms;
	for (const struct run *r = w->waiting.first; r != NULL && at > mono_ms; r = r->next)
		if (r->out_due_mono_ms < at)
			at = r->out_due_mono_ms;
	if (w->ready.n > w->sending && w->server_down && w->down_until_mono_ms < at)
		at = w->down_until_mono_ms;
	else if (w->ready.n > w->sending && w->server.address[0] == '\0' && mono_ms + NO_SERVER_MS < at)
		at = mono_ms + NO_SERVER_MS;
	if (at != INT64_MAX)
		loop_timer_set(w->outbox_timer, at > mono_ms ? at - mono_ms : 1);
}

static void
wait_longer(struct host *w, struct run *r)
{
	r->out_pause_ms = longer(r->out_pause_ms);
	r->out_due_mono_ms = worker_mono(w) + r->out_pause_ms;
	assign_to_list(r, &w->waiting);
	arm(w);
}

static void
acknowledged(struct host *w, struct run *r, void *arg, const struct err *failed)
{
	(void)arg;
	r->writing = false;
	if (failed != NULL) {
		wait_longer(w, r); /* it is sent again: the server knows it */
		return;
	}
	assign_move(r, ASSIGN_REPORTED);
	assign_free(w, r);
	outbox_kick(w);
}

static void
write_acknowledged(struct host *w, struct run *r)
{
	struct err e = ERR_INIT;

	if (worker_begin(w) < 0 || worker_wrote(w, workerdb_outbox_delete(w->db, r->out_id, &e), &e) < 0
	    || worker_wrote(w, workerdb_assign_end(w->db, r->instance_id, r->attempt, ASSIGN_REPORTED, worker_wall(w), &e),
	    &e) < 0) {
		wait_longer(w, r);
		return;
	}
	r->writing = true;
	assign_to_list(r, &w->waiting);
	r->out_due_mono_ms = INT64_MAX;
	worker_after(w, acknowledged, r, NULL);
}

/* It was answered, but not with success. */
static void
refused(struct host *w, struct run *r, const char *why)
{
	bool give_up = worker_wall(w) - r->out_since_ms > w->conf->worker.keep_tombstones_ms;

	log_warn(give_up ? "report_dropped" : "report_refused", "instance=%" PRId64 " attempt=%" PRId64 " answer=%s",
	    r->instance_id, r->attempt, log_q(why));
	if (give_up)
		write_acknowledged(w, r);
	else
		wait_longer(w, r);
}

/* Its row may be written in this very turn, by on_direct_timer: then outbox_add goes on. */
static void
answered_direct(struct host *w, struct run *r, bool ok)
{
	bool pending = r->direct == DIRECT_SENT;

	r->direct = DIRECT_TRIED;
	r->taken = ok;
	if (ok && pending && !r->writing)
		live_taken(w, r);
	else if (!r->writing)
		live_look(w, r);
}

static void
answered(const struct http_answer *a, void *arg)
{
	struct sent *sent = arg;
	struct host *w = sent->w;
	struct run *r = assign_find(w, sent->instance_id, sent->attempt);
	char why[256];
	bool ok = post_succeeded(a, why);

	*(sent->direct ? &w->directs : &w->sending) -= 1;
	free(sent);
	if (a->outcome == HTTP_ANSWERED) {
		if (w->server_down)
			log_info("server_back", "address=%s", log_q(w->server.address));
		w->server_down = false;
		w->down_pause_ms = 0;
	} else {
		w->down_pause_ms = longer(w->server_down ? w->down_pause_ms : 0);
		if (!w->server_down)
			log_warn("server_away", "address=%s error=%s", log_q(w->server.address), log_q(why));
		w->server_down = true;
		w->down_until_mono_ms = worker_mono(w) + w->down_pause_ms;
		worker_forget_server(w); /* it may be another one by now */
	}
	if (r != NULL) {
		r->sending = false;
		if (r->state != ASSIGN_FINISHED)
			answered_direct(w, r, ok);
		else if (ok)
			write_acknowledged(w, r);
		else if (a->outcome == HTTP_ANSWERED)
			refused(w, r, why);
	}
	outbox_kick(w);
}

static int
post(struct host *w, struct run *r, const char *address, const struct buf *body, bool direct, struct err *e)
{
	struct sent *sent = malloc(sizeof *sent);

	if (sent == NULL)
		return err_set(e, ERR_NOMEM, "out of memory");
	*sent = (struct sent){ w, r->instance_id, r->attempt, direct };
	if (post_start(&w->post, address, PATH_REPORT, body, POST_MS, answered, sent, e) < 0) {
		free(sent);
		return -1;
	}
	r->sending = true;
	*(direct ? &w->directs : &w->sending) += 1;
	return 0;
}

static int
send_one(struct host *w, struct run *r, const char *address)
{
	struct buf body = BUF_INIT;
	struct err e = ERR_INIT;
	int found = workerdb_outbox_body(w->db, r->out_id, &body, &e), rc = -1;

	if (found == 0)
		err_set(&e, ERR_INTERNAL, "its row is gone");
	if (found == 1)
		rc = post(w, r, address, &body, false, &e);
	buf_fini(&body);
	if (rc == 0)
		return 0;
	log_warn("report_unsent", "instance=%" PRId64 " attempt=%" PRId64 " error=%s", r->instance_id, r->attempt,
	    log_q(e.msg));
	wait_longer(w, r);
	return -1;
}

bool
outbox_direct(struct host *w, struct run *r)
{
	struct err e = ERR_INIT;
	const char *address;

	if (r->direct != DIRECT_NOT_TRIED || r->sending || r->reporting || (r->plain && r->stop_ms != 0) || w->server_down
	    || w->sending + w->directs >= AT_ONCE || assign_older_unreported(w, r) != NULL)
		return false;
	address = worker_server(w);
	if (address[0] == '\0' || post(w, r, address, &r->report, true, &e) < 0)
		return false;
	r->direct = DIRECT_SENT;
	r->direct_mono_ms = worker_mono(w);
	if (!w->direct_armed)
		loop_timer_set(w->direct_timer, DIRECT_MS);
	w->direct_armed = true;
	return true;
}

/* Those that the server has not answered in time go into the outbox. */
static void
on_direct_timer(void *arg)
{
	struct host *w = arg;
	int64_t mono_ms = worker_mono(w), left = 0;
	struct run *r, *next;

	for (r = w->live.first; r != NULL; r = next) {
		next = r->next;
		if (r->direct != DIRECT_SENT)
			continue;
		if (mono_ms - r->direct_mono_ms >= DIRECT_MS) {
			r->direct = DIRECT_TRIED;
			live_look(w, r);
		} else if (left == 0 || r->direct_mono_ms + DIRECT_MS - mono_ms < left) {
			left = r->direct_mono_ms + DIRECT_MS - mono_ms;
		}
	}
	w->direct_armed = left > 0;
	if (w->direct_armed)
		loop_timer_set(w->direct_timer, left);
}

void
outbox_kick(struct host *w)
{
	int most = w->server_down ? 1 : AT_ONCE;
	const char *address;
	struct run *r, *next;

	if (w->ready.n == 0 || w->sending >= most)
		return;
	if (w->server_down && worker_mono(w) < w->down_until_mono_ms) {
		arm(w);
		return;
	}
	address = worker_server(w);
	if (address[0] == '\0') {
		arm(w);
		return;
	}
	for (r = w->ready.first; r != NULL && w->sending < most; r = next) {
		next = r->next;
		if (!r->sending && !r->reporting && assign_older_unreported(w, r) == NULL)
			send_one(w, r, address);
	}
}

void
outbox_server_seen(struct host *w)
{
	if (!w->server_down)
		return;
	w->down_until_mono_ms = 0;
	outbox_kick(w);
}

void
outbox_add(struct host *w, struct run *r)
{
	assign_to_list(r, &w->ready);
	if (r->taken)
		write_acknowledged(w, r);
	else
		outbox_kick(w);
}

static void
on_timer(void *arg)
{
	struct host *w = arg;
	int64_t mono_ms = worker_mono(w);
	struct run *r, *next;

	for (r = w->waiting.first; r != NULL; r = next) {
		next = r->next;
		if (r->out_due_mono_ms <= mono_ms && !r->writing)
			assign_to_list(r, &w->ready);
	}
	outbox_kick(w);
	arm(w);
}

int
outbox_open(struct host *w, struct err *e)
{
	w->outbox_timer = loop_timer_new(w->loop, on_timer, w);
	w->direct_timer = loop_timer_new(w->loop, on_direct_timer, w);
	return w->outbox_timer != NULL && w->direct_timer != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory");
}

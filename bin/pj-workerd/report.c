/* Bodies of status reports, and the RUNNING ones on their way. */
#include "worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "codec/json.h"
#include "codec/kv.h"

#define FIRST_MS 5000 /* a pj server hears of a start only when the run takes longer */
#define POST_MS 5000

static void
fill(struct host *w, struct run *r, struct report *out)
{
	int64_t now_ms = worker_wall(w);

	memset(out, 0, sizeof *out);
	worker_server(w);
	out->app_id = w->server.app_id;
	out->job_id = r->job_id;
	out->instance_id = r->instance_id;
	out->wf_instance_id = r->wf_instance_id;
	out->total = 1;
	out->start_ms = r->started_ms != 0 ? r->started_ms : r->accepted_ms;
	out->report_ms = now_ms > r->last_report_ms ? now_ms : r->last_report_ms + 1;
	out->source = r->address != NULL ? r->address : w->address;
	out->exit_code = -1;
	out->log_length = -1;
	if (!r->plain)
		out->attempt = r->attempt;
}

static const char *
signal_name(int sig, char out[24])
{
	const char *name = sigabbrev_np(sig);

	snprintf(out, 24, "SIG%s", name != NULL ? name : "?");
	return out;
}

/* What the slot says of its end, for a report. text is of 96 bytes. */
static void
fill_end(const struct run *r, const struct slot *s, struct report *out, char *text)
{
	char name[24];

	/* The start is when this process heard of it, and stays what was reported once: a short run has ended before. */
	out->end_ms = s->finished_at_ms > out->start_ms ? s->finished_at_ms : out->start_ms;
	out->status = s->end == SLOT_END_EXIT && s->exit_code == 0 ? INSTANCE_SUCCEED : INSTANCE_FAILED;
	out->result = s->result[0] != '\0' ? s->result : NULL;
	if (!r->plain) {
		out->exit_code = s->exit_code;
		out->signal = s->signal;
		out->log_length = s->log_length;
		out->stopped = s->end == SLOT_END_STOPPED;
	}
	if (s->end == SLOT_END_TIMEOUT) {
		out->result = "instance execute timeout";
	} else if (s->result[0] == '\0' && s->signal != 0) {
		snprintf(text, 96, "killed by signal %d (%s)", s->signal, signal_name(s->signal, name));
		out->result = text;
	} else if (s->result[0] == '\0' && s->exit_code > 0) {
		snprintf(text, 96, "exit status %d", s->exit_code);
		out->result = text;
	} else if (s->result[0] == '\0' && s->end == SLOT_END_STOPPED) {
		out->result = "stopped";
	}
}

/* The slot's lines KEY=VALUE as a JSON object. */
static void
put_context(const char *lines, struct buf *out)
{
	struct kv kv = { NULL, 0, NULL };
	struct jw w;

	jw_init(&w, out);
	jw_obj(&w);
	if (kv_parse(&kv, lines, strlen(lines), NULL) == 0) {
		for (size_t i = 0; i < kv.n; i++)
			jw_str_n(&w, kv.pair[i].key, kv.pair[i].value, kv.pair[i].len);
		kv_fini(&kv);
	}
	jw_end(&w);
}

void
report_final(struct host *w, struct run *r, const struct slot *s, const char *text, bool lost, bool not_started,
    struct buf *out)
{
	struct buf context = BUF_INIT;
	char made[96];
	struct report rep;

	fill(w, r, &rep);
	if (s != NULL) {
		fill_end(r, s, &rep, made);
	} else {
		rep.status = INSTANCE_FAILED;
		rep.result = text;
		rep.end_ms = worker_wall(w);
		if (!r->plain) {
			rep.lost = lost;
			rep.not_started = not_started;
			rep.stopped = not_started && (r->stop_ms != 0 || r->superseded);
		}
	}
	if (rep.report_ms < rep.end_ms) /* it ended in this turn, whose time was taken before */
		rep.report_ms = rep.end_ms;
	rep.succeed = rep.status == INSTANCE_SUCCEED;
	rep.failed = rep.status == INSTANCE_FAILED;
	if (r->wf_instance_id != 0) {
		put_context(s != NULL ? s->wf_context : "", &context);
		rep.wf_context = buf_str(&context);
		if (!buf_ok(&context))
			out->failed = true;
	}
	r->last_report_ms = rep.report_ms;
	msg_report_put(out, &rep);
	buf_fini(&context);
}

/* --- RUNNING ----------------------------------------------------------------------------------------------------- */

struct sent { /* by key: the run may be gone when the answer comes */
	struct host *w;
	int64_t instance_id, attempt;
};

static void
answered(const struct http_answer *a, void *arg)
{
	struct sent *sent = arg;
	struct run *r = assign_find(sent->w, sent->instance_id, sent->attempt);
	char why[256];

	if (!post_taken(a, why))
		log_warn("report_failed", "instance=%" PRId64 " attempt=%" PRId64 " status=running error=%s", sent->instance_id,
		    sent->attempt, log_q(why));
	if (r != NULL) {
		r->reporting = false;
		if (r->state == ASSIGN_FINISHED)
			outbox_kick(sent->w);
	}
	free(sent);
}

static void
send_running(struct host *w, struct run *r, const char *address)
{
	struct sent *sent = malloc(sizeof *sent);
	struct buf body = BUF_INIT;
	struct err e = ERR_INIT;
	struct report rep;

	fill(w, r, &rep);
	rep.status = INSTANCE_RUNNING;
	r->last_report_ms = rep.report_ms;
	msg_report_put(&body, &rep);
	if (sent != NULL) {
		*sent = (struct sent){ w, r->instance_id, r->attempt };
		if (post_start(&w->post, address, PATH_REPORT, &body, POST_MS, answered, sent, &e) == 0)
			r->reporting = true;
		else
			free(sent);
	}
	buf_fini(&body);
}

void
report_begin(struct host *w, struct run *r)
{
	int64_t mono_ms = worker_mono(w);

	if (r->next_report_mono_ms == 0)
		r->next_report_mono_ms = r->plain ? mono_ms : mono_ms + FIRST_MS;
	live_arm(w);
	if (r->plain)
		report_due(w, r);
}

void
report_due(struct host *w, struct run *r)
{
	int64_t mono_ms = worker_mono(w);
	const char *address;

	if (r->next_report_mono_ms == 0 || mono_ms < r->next_report_mono_ms || r->reporting || r->sending ||
	    r->started_ms == 0)
		return;
	address = worker_server(w);
	if (address[0] == '\0')
		return;
	r->next_report_mono_ms = mono_ms + w->conf->worker.report_ms;
	send_running(w, r, address);
}

/* The HTTP side: dispatches, stops and questions of a server (protocol.md 4). A pj server signs and gets answers; a
 * PowerJob server does not, and gets empty ones. */
#include "worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "codec/json.h"

#define JSON "application/json"

/* --- answers ----------------------------------------------------------------------------------------------------- */

/* They leave after the turn's commit; when that fails, the caller gets fail_request's instead. */
static void
answer(struct http_req *req, bool plain, bool success, const char *outcome, const char *message)
{
	struct buf b = BUF_INIT;

	if (plain) {
		http_reply_text(req, 200, NULL, "");
		return;
	}
	msg_answer_put(&b, success, outcome, message);
	http_reply(req, 200, JSON, &b);
	buf_fini(&b);
}

static void
fail_request(struct http_req *req, const struct err *e, void *arg)
{
	struct buf b = BUF_INIT;

	(void)arg;
	msg_ask_put(&b, false, NULL, e->msg);
	http_reply(req, err_http_status(e->code), JSON, &b);
	buf_fini(&b);
}

/* A dispatch that cannot be read: Java's server looks at the status only. */
static void
bad_message(struct http_req *req, bool plain, const struct err *e)
{
	log_warn("bad_message", "path=%s from=%s error=%s", log_q(http_req_path(req)), log_q(http_req_peer(req)),
	    log_q(e->msg));
	if (plain)
		http_reply_text(req, 500, NULL, "Internal Server Error");
	else
		answer(req, false, false, "notStarted", e->msg);
}

/* --- run --------------------------------------------------------------------------------------------------------- */

static void
accepted(struct host *w, struct run *r, void *arg, const struct err *failed)
{
	struct run *o = NULL;

	(void)arg;
	r->writing = false;
	if (failed != NULL) {
		if (r->state == ASSIGN_TOLD)
			spawn_unreserve(w);
		slots_put_back(w, r);
		assign_free(w, r);
		return;
	}
	r->committed = true;
	live_arm(w);
	while ((o = assign_of_instance(w, r->instance_id, o)) != NULL)
		if (o->attempt < r->attempt && o->state != ASSIGN_FINISHED && !o->superseded) {
			o->superseded = true;
			live_stop(w, o);
		}
	if (r->state == ASSIGN_TOLD)
		spawn_tell(w, r);
	else if (r->state == ASSIGN_ACCEPTED)
		spawn_kick(w);
	else
		outbox_add(w, r);
}

static int
put_row(struct host *w, const struct run *r, const char *spec, struct err *e)
{
	struct assignment a = { .instance_id = r->instance_id, .attempt = r->attempt, .job_id = r->job_id,
		.wf_instance_id = r->wf_instance_id, .state = r->state, .slot = r->slot,
		.seq = r->slot >= 0 ? r->seq : -1, .spec = spec, .plain = r->plain, .address = w->address, .accepted_ms = r->accepted_ms,
		.finished_ms = r->state == ASSIGN_FINISHED ? r->accepted_ms : 0 };

	snprintf(a.boot_id, sizeof a.boot_id, "%s", clock_boot_id());
	if (workerdb_assign_put(w->db, &a, e) < 0)
		return -1;
	return r->slot >= 0 ? workerdb_slot_put(w->db, r->slot, r->seq, e) : 0;
}

/* Refused by the policy: accepted and reported failed at once, as Java does. */
static int
put_failure(struct host *w, struct run *r, const char *reason, struct err *e)
{
	struct buf report = BUF_INIT;
	char text[ERR_MSG_SIZE + 64];
	int rc;

	snprintf(text, sizeof text, "init TaskTracker failed, reason: %s", reason);
	log_warn("not_run", "instance=%" PRId64 " attempt=%" PRId64 " reason=%s", r->instance_id, r->attempt, log_q(reason));
	report_final(w, r, NULL, text, false, false, &report);
	r->out_since_ms = r->accepted_ms;
	rc = buf_ok(&report) ? workerdb_outbox_put(w->db, r->instance_id, r->attempt, buf_str(&report), r->accepted_ms,
	    &r->out_id, e) : err_set(e, ERR_NOMEM, "out of memory");
	buf_fini(&report);
	return rc;
}

/* Its message is kept until it is told. */
static int
make_message(struct host *w, struct run *r, const struct run_request *q, const struct command *c, struct err *e)
{
	struct buf b = BUF_INIT;

	if (command_message(w, r, q, c, &b, e) < 0) {
		buf_fini(&b);
		return -1;
	}
	r->message = buf_take(&b, &r->message_len);
	return r->message != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory");
}

/* Gives it a slot and a message, or the state FINISHED with *reason where the policy says no. -1: not now. */
static int
prepare(struct host *w, struct run *r, const struct run_request *q, struct err *reason, struct err *e)
{
	struct command c;

	if (policy_command(w->conf, q, &c, reason) < 0) {
		r->state = ASSIGN_FINISHED;
		return reason->code == ERR_NOMEM ? err_set(e, ERR_NOMEM, "out of memory") : 0;
	}
	if (slots_take(w, r) < 0) {
		command_fini(&c);
		return err_set(e, ERR_BUSY, "no free slot (%d of %d in use)", w->n_used + w->n_draining,
		    (int)w->conf->worker.slots);
	}
	if (make_message(w, r, q, &c, reason) < 0) {
		slots_put_back(w, r);
		r->state = ASSIGN_FINISHED;
	} else if (spawn_may_tell(w, r)) {
		spawn_reserve(w);
		r->state = ASSIGN_TOLD;
	}
	command_fini(&c);
	return reason->code == ERR_NOMEM ? err_set(e, ERR_NOMEM, "out of memory") : 0;
}

static void
start_run(struct host *w, struct http_req *req, bool plain, const struct run_request *q, const char *body)
{
	struct err e = ERR_INIT, reason = ERR_INIT;
	struct run *r = assign_new(w, q->instance_id, plain ? 0 : q->attempt, ASSIGN_ACCEPTED);

	if (r == NULL) {
		answer(req, plain, false, "notStarted", "out of memory");
		return;
	}
	r->job_id = q->job_id;
	r->wf_instance_id = q->wf_instance_id;
	r->plain = plain;
	r->accepted_ms = worker_wall(w);
	if (prepare(w, r, q, &reason, &e) < 0) {
		log_warn("refused", "instance=%" PRId64 " attempt=%" PRId64 " reason=%s", r->instance_id, r->attempt,
		    log_q(e.msg));
		answer(req, plain, false, "notStarted", e.msg);
		slots_put_back(w, r);
		assign_free(w, r);
		return;
	}
	r->writing = true;
	if (worker_begin(w) == 0 && worker_wrote(w, put_row(w, r, body, &e), &e) == 0 && r->state == ASSIGN_FINISHED)
		worker_wrote(w, put_failure(w, r, reason.msg, &e), &e);
	if (r->state != ASSIGN_FINISHED)
		assign_to_list(r, r->state == ASSIGN_TOLD ? &w->live : &w->queued);
	answer(req, plain, true, "accepted", NULL);
	worker_after(w, accepted, r, NULL);
}

/* What the rows know of this attempt: true when that answers the dispatch. */
static bool
known_from_rows(struct host *w, struct http_req *req, const struct run_request *q)
{
	struct err e = ERR_INIT;
	int64_t newest = 0;
	struct assignment a;
	char text[96];
	int rc = workerdb_assign_newest(w->db, q->instance_id, &newest, &e);

	if (rc == 1 && newest > q->attempt) {
		snprintf(text, sizeof text, "attempt %" PRId64 " of this instance came before", newest);
		answer(req, false, false, "notStarted", text);
		return true;
	}
	if (rc == 1 && newest == q->attempt)
		rc = workerdb_assign_get(w->db, q->instance_id, q->attempt, &a, NULL, &e);
	else if (rc == 1)
		rc = 0;
	if (rc < 0) {
		fail_request(req, &e, w);
		return true;
	}
	if (rc == 0)
		return false;
	if (a.state == ASSIGN_REFUSED)
		answer(req, false, false, "notStarted", "a stop of this attempt came first");
	else
		answer(req, false, true, "accepted", NULL);
	return true;
}

static void
handle_run(struct host *w, struct http_req *req, bool plain)
{
	struct err e = ERR_INIT;
	struct run_request q;
	struct msg_doc *doc;
	size_t len;
	const char *body = http_req_body(req, &len);

	if (msg_run_parse(body, len, &q, &doc, &e) < 0) {
		bad_message(req, plain, &e);
		return;
	}
	if (!plain && q.attempt <= 0) {
		err_set(&e, ERR_DATA, "member \"attempt\" is missing: a signed dispatch numbers its attempt");
		bad_message(req, plain, &e);
	} else if (plain && assign_of_instance(w, q.instance_id, NULL) != NULL) {
		answer(req, true, true, "accepted", NULL); /* it runs, or its report is not acknowledged */
	} else if (!plain && assign_find(w, q.instance_id, q.attempt) != NULL) {
		answer(req, false, true, "accepted", NULL);
	} else if (plain || !known_from_rows(w, req, &q)) {
		start_run(w, req, plain, &q, body);
	}
	msg_doc_free(doc);
}

/* --- stop -------------------------------------------------------------------------------------------------------- */

struct key {
	int64_t instance_id, attempt;
};

/* By key: the run's own acceptance may have failed in the same turn. */
static void
stop_written(struct host *w, struct run *unused, void *arg, const struct err *failed)
{
	struct key *k = arg;
	struct run *r = assign_find(w, k->instance_id, k->attempt);

	(void)unused;
	free(k);
	if (r == NULL || (r->state != ASSIGN_ACCEPTED && r->state != ASSIGN_TOLD && r->state != ASSIGN_RUNNING))
		return;
	if (failed != NULL)
		r->stop_ms = 0;
	else
		live_stop(w, r);
}

static void
stop_run(struct host *w, struct run *r)
{
	struct key *k = malloc(sizeof *k);
	struct err e = ERR_INIT;

	if (r->state == ASSIGN_FINISHED || r->stop_ms != 0) {
		free(k);
		return;
	}
	if (k == NULL) {
		err_set(&e, ERR_NOMEM, "out of memory");
		worker_wrote(w, -1, &e);
		return;
	}
	*k = (struct key){ r->instance_id, r->attempt };
	r->stop_ms = worker_wall(w);
	log_info("stop", "instance=%" PRId64 " attempt=%" PRId64, r->instance_id, r->attempt);
	if (worker_begin(w) == 0)
		worker_wrote(w, workerdb_assign_stop(w->db, r->instance_id, r->attempt, r->stop_ms, &e), &e);
	worker_after(w, stop_written, NULL, k);
}

/* So that a dispatch which is still on its way starts nothing. */
static int
put_tombstone(struct host *w, int64_t instance_id, int64_t attempt)
{
	int64_t now_ms = worker_wall(w);
	struct assignment a = { .instance_id = instance_id, .attempt = attempt, .state = ASSIGN_REFUSED, .slot = -1,
		.seq = -1, .spec = "", .accepted_ms = now_ms, .finished_ms = now_ms, .stop_ms = now_ms };
	struct err e = ERR_INIT;

	return worker_begin(w) < 0 ? -1 : worker_wrote(w, workerdb_assign_put(w->db, &a, &e), &e);
}

static void
stop_unknown(struct host *w, struct http_req *req, int64_t instance_id, int64_t attempt)
{
	struct err e = ERR_INIT;
	struct assignment a;
	int rc = workerdb_assign_get(w->db, instance_id, attempt, &a, NULL, &e);

	if (rc < 0) {
		fail_request(req, &e, w);
		return;
	}
	if (rc == 0)
		put_tombstone(w, instance_id, attempt);
	answer(req, false, true, "gone", rc == 0 ? "never came here" : "ended and reported");
}

static void
handle_stop(struct host *w, struct http_req *req, bool plain)
{
	struct err e = ERR_INIT;
	struct run *r = NULL;
	int64_t instance_id, attempt;
	bool found = false;
	size_t len;
	const char *body = http_req_body(req, &len);

	if (msg_stop_parse(body, len, &instance_id, &attempt, &e) < 0) {
		bad_message(req, plain, &e);
		return;
	}
	while ((r = assign_of_instance(w, instance_id, r)) != NULL)
		if (plain || attempt == 0 || r->attempt == attempt) {
			found = true;
			stop_run(w, r);
		}
	if (found || plain)
		answer(req, plain, true, "stopping", NULL);
	else if (attempt == 0)
		answer(req, false, true, "gone", "no run of this instance is here");
	else
		stop_unknown(w, req, instance_id, attempt);
}

/* --- the rest ---------------------------------------------------------------------------------------------------- */

static void
handle_query(struct host *w, struct http_req *req, bool plain)
{
	struct buf detail = BUF_INIT, b = BUF_INIT;
	struct err e = ERR_INIT;
	int64_t instance_id, attempt;
	struct run *r;
	struct jw j;
	size_t len;
	const char *body = http_req_body(req, &len);

	if (msg_stop_parse(body, len, &instance_id, &attempt, &e) < 0) {
		bad_message(req, plain, &e);
		return;
	}
	r = assign_of_instance(w, instance_id, NULL);
	if (r == NULL) {
		msg_ask_put(&b, false, NULL, "can't find TaskTracker");
	} else {
		jw_init(&j, &detail);
		jw_obj(&j);
		jw_i64(&j, "actualTriggerTime", r->started_ms != 0 ? r->started_ms : r->accepted_ms);
		jw_i64(&j, "status", INSTANCE_RUNNING);
		jw_str(&j, "taskTrackerAddress", w->address);
		jw_obj_in(&j, "taskDetail");
		jw_i64(&j, "totalTaskNum", 1);
		jw_i64(&j, "succeedTaskNum", 0);
		jw_i64(&j, "failedTaskNum", 0);
		jw_end(&j);
		jw_end(&j);
		msg_ask_put(&b, true, buf_str(&detail), NULL);
	}
	http_reply(req, 200, JSON, &b);
	buf_fini(&detail);
	buf_fini(&b);
}

/* Containers are Java's: told, never answered. */
static void
handle_container(struct host *w, struct http_req *req, bool plain)
{
	(void)w;
	(void)plain;
	http_reply_text(req, 200, NULL, "");
}

static const struct {
	const char *path;
	void (*fn)(struct host *w, struct http_req *req, bool plain);
} routes[] = {
	{ PATH_RUN, handle_run },
	{ PATH_STOP, handle_stop },
	{ PATH_QUERY, handle_query },
	{ "/taskTracker/runJob", handle_run },
	{ "/taskTracker/stopInstance", handle_stop },
	{ "/taskTracker/queryInstanceStatus", handle_query },
	{ "/worker/deployContainer", handle_container },
	{ "/worker/destroyContainer", handle_container },
};

/* Whose message is it? -1: answered already. */
static int
authenticate(struct host *w, struct http_req *req, bool *plain)
{
	const char *header = http_req_header(req, PEER_HEADER);
	struct err e = ERR_INIT;
	bool is_signed = false;
	size_t len;
	const char *body = http_req_body(req, &len);

	if (peer_verify(&w->post.key, header, http_req_method(req), http_req_raw_path(req), clock_wall_ms(),
	    w->conf->peer.max_skew_ms, body, len, &is_signed, &e) == 0 && !is_signed && !w->conf->worker.accept_plain)
		err_set(&e, ERR_AUTH, "unsigned: this worker takes signed messages only; for a PowerJob server set "
		    "worker.accept_plain=yes");
	if (e.code != ERR_NONE) {
		log_warn("unauthorized", "path=%s from=%s error=%s", log_q(http_req_path(req)), log_q(http_req_peer(req)),
		    log_q(e.msg));
		fail_request(req, &e, w);
		return -1;
	}
	*plain = !is_signed;
	return 0;
}

static void
handle(struct http_req *req, void *arg)
{
	const char *path = http_req_path(req);
	struct err e = ERR_INIT;
	bool plain;

	for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
		if (strcmp(routes[i].path, path) != 0)
			continue;
		if (strcmp(http_req_method(req), "POST") != 0) {
			http_reply_header(req, "allow", "POST");
			http_reply_text(req, 405, NULL, "");
		} else if (authenticate(arg, req, &plain) == 0) {
			outbox_server_seen(arg);
			routes[i].fn(arg, req, plain);
		}
		return;
	}
	err_set(&e, ERR_NOTFOUND, "no such path: %.200s", path);
	fail_request(req, &e, arg);
}

/* host:port that servers are told: the external one, with the bound port where it names none. */
static int
tell_address(struct host *w, struct err *e)
{
	const char *bound = http_server_addr(w->http, 0), *external = w->conf->worker.external;
	const char *port = strrchr(bound, ':');
	int n;

	/* All addresses are nobody's. */
	if (external[0] == '\0' && (strncmp(bound, "0.0.0.0:", 8) == 0 || strncmp(bound, "[::]:", 5) == 0))
		return err_set(e, ERR_CONFIG, "worker.listen is %s, which is no address that a server could send to: set "
		    "worker.external to one", bound);
	if (external[0] == '\0')
		n = snprintf(w->address, sizeof w->address, "%s", bound);
	else if (strchr(external, ':') != NULL)
		n = snprintf(w->address, sizeof w->address, "%s", external);
	else
		n = snprintf(w->address, sizeof w->address, "%s%s", external, port != NULL ? port : "");
	return n < (int)sizeof w->address ? 0 : err_set(e, ERR_CONFIG, "worker.external is too long");
}

int
accept_open(struct host *w, struct err *e)
{
	const char *hosts[] = { w->conf->worker.external, NULL };
	struct http_listener l = { .addr = w->conf->worker.listen, .handler = handle, .fail = fail_request, .arg = w,
		.strict_origin = true, .hosts = hosts[0][0] != '\0' ? hosts : NULL };

	w->http = http_server_new(w->loop, e);
	if (w->http == NULL || http_server_listen(w->http, &l, e) < 0)
		return -1;
	return tell_address(w, e);
}

#include "remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "codec/json.h"
#include "logstore.h"
#include "net/msg.h"
#include "store/app.h"
#include "waiters.h"

#define PEERS 64           /* whose refusals are remembered, so as to be logged once a minute */
#define SAY_AGAIN_MS 60000

struct remote {
	struct server *server;
	struct { uint64_t hash; int64_t mono_ms; } said[PEERS];
};

struct message { /* one request */
	struct server *server;
	struct http_req *req;
	const char *body;
	size_t len;
	bool is_signed;
	struct buf out;      /* an AskResponse; empty: the empty answer of a tell */
	const char *class;   /* of a failure that is told as AskResponse */
	bool ask_failure;    /* failures are AskResponses with status 200, not status 500 */
};

/* --- answers --------------------------------------------------------------------------------------------------- */

static void
answer(struct message *m)
{
	if (m->out.len == 0)
		http_reply_text(m->req, 200, NULL, "");
	else
		http_reply(m->req, 200, "application/json", &m->out);
}

/* A header takes no control characters. */
static void
put_why(struct http_req *req, const char *text)
{
	char line[ERR_MSG_SIZE];

	snprintf(line, sizeof line, "%s", text);
	for (char *p = line; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p >= 0x7f)
			*p = '?';
	http_reply_header(req, "X-PJ-Error", line);
}

/* A Java worker gets Java's words, and a header for who looks with curl; a pj worker also reads why. */
static void
answer_failure(struct message *m, const struct err *e)
{
	char text[ERR_MSG_SIZE + 128];
	struct buf out = BUF_INIT;

	if (!m->ask_failure && !m->is_signed) {
		put_why(m->req, e->msg);
		http_reply_text(m->req, 500, NULL, "Internal Server Error");
		return;
	}
	snprintf(text, sizeof text, "%s%s%s", m->class == NULL ? "" : m->class, m->class == NULL ? "" : ": ", e->msg);
	msg_ask_put(&out, false, NULL, text);
	http_reply(m->req, m->ask_failure ? 200 : err_http_status(e->code), "application/json", &out);
	buf_fini(&out);
}

/* --- messages -------------------------------------------------------------------------------------------------- */

static int
check_app(struct message *m, int64_t app_id, struct err *e)
{
	struct app a;

	if (app_get(m->server->db, app_id, &a, e) == 0)
		return 0;
	if (e->code == ERR_NOTFOUND)
		err_set(e, ERR_NOTFOUND, "there is no app %lld; ask /server/assert again", (long long)app_id);
	return -1;
}

static int
heartbeat(struct message *m, struct err *e)
{
	struct heartbeat hb;
	struct msg_doc *doc;
	int rc;

	if (msg_heartbeat_parse(m->body, m->len, &hb, &doc, e) != 0)
		return -1;
	hb.is_pj = m->is_signed;
	rc = check_app(m, hb.app_id, e);
	if (rc == 0)
		rc = core_heartbeat(m->server->core, server_now(m->server), &hb, e);
	msg_doc_free(doc);
	return rc;
}

/* Java's texts for what a worker may really meet. */
static void
name_report_failure(struct message *m, const struct report *r, struct err *e)
{
	m->ask_failure = true;
	if (e->code == ERR_NOTFOUND) {
		m->class = "UncheckedExecutionException";
		err_set(e, ERR_NOTFOUND, "java.lang.IllegalArgumentException: can't find Instance by instanceId: %lld",
		    (long long)r->instance_id);
	} else {
		m->class = "PowerJobException";
	}
}

static int
report(struct message *m, struct err *e)
{
	struct report r;
	struct msg_doc *doc;
	int rc;

	if (msg_report_parse(m->body, m->len, &r, &doc, e) != 0)
		return -1;
	r.is_pj = m->is_signed;
	rc = core_report(m->server->core, server_now(m->server), &r, e);
	if (rc != 0)
		name_report_failure(m, &r, e);
	else if (r.status != INSTANCE_RUNNING)
		msg_ask_put(&m->out, true, NULL, NULL);
	msg_doc_free(doc);
	return rc;
}

static int
log_lines(struct message *m, struct err *e)
{
	struct log_batch b;
	struct msg_doc *doc;
	int rc;

	if (msg_log_parse(m->body, m->len, &b, &doc, e) != 0)
		return -1;
	if (!m->is_signed) /* who does not sign has no say about offsets */
		for (int i = 0; i < b.n; i++)
			b.entry[i].spool = NULL;
	rc = logstore_append(m->server->logs, &b, e);
	for (int i = 0; rc == 0 && i < b.n; i++)
		if (i == 0 || b.entry[i].instance_id != b.entry[i - 1].instance_id)
			waiters_wake(m->server->waiters, b.entry[i].instance_id);
	msg_doc_free(doc);
	return rc;
}

static int
ask_failed(struct message *m, enum err_code code, struct err *e, const char *text)
{
	m->ask_failure = true;
	m->class = NULL;
	return err_set(e, code, "%s", text);
}

/* Which workers may run this job: the overloaded ones too. */
static int
put_cluster(struct message *m, const struct job *j, struct err *e)
{
	struct worker *chosen, **all = NULL;
	struct buf data = BUF_INIT;
	struct jw w;
	int n = 0;

	workers_choose(core_workers(m->server->core), j->app_id, &j->spec, server_now(m->server), 0, &chosen, &all, &n);
	jw_init(&w, &data);
	jw_arr(&w);
	for (int i = 0; i < n; i++)
		jw_str(&w, NULL, all[i]->address);
	jw_end(&w);
	if (buf_ok(&data))
		msg_ask_put(&m->out, true, buf_str(&data), NULL);
	free(all);
	n = buf_ok(&data) ? 0 : err_set(e, ERR_NOMEM, "out of memory");
	buf_fini(&data);
	return n;
}

static int
job_cluster(struct message *m, struct err *e)
{
	struct json_t *doc = js_parse(m->body, m->len, e);
	int64_t app_id, job_id;
	struct job j;
	char text[64];
	int rc = -1;

	if (doc == NULL)
		return -1;
	if (js_is_object(doc) && js_i64(doc, "appId", 0, &app_id, e) == 0 && js_i64(doc, "jobId", 0, &job_id, e) == 0)
		rc = 0;
	js_free(doc);
	if (rc != 0)
		return e->code == ERR_NONE ? err_set(e, ERR_DATA, "the message must be an object") : -1;
	if (job_get(m->server->db, job_id, &j, e) != 0) {
		snprintf(text, sizeof text, "can't find jobInfo by jobId: %lld", (long long)job_id);
		return e->code == ERR_NOTFOUND ? ask_failed(m, ERR_NOTFOUND, e, text) : -1;
	}
	rc = j.app_id != app_id ? ask_failed(m, ERR_FORBIDDEN, e, "Permission Denied!") : put_cluster(m, &j, e);
	job_fini(&j);
	return rc;
}

static int
container(struct message *m, struct err *e)
{
	struct json_t *doc = js_parse(m->body, m->len, e);
	int64_t id;
	char text[64];
	int rc;

	if (doc == NULL)
		return -1;
	rc = js_is_object(doc) ? js_i64(doc, "containerId", 0, &id, e) : err_set(e, ERR_DATA, "the message must be an object");
	js_free(doc);
	if (rc != 0)
		return -1;
	snprintf(text, sizeof text, "can't find container by id: %lld", (long long)id);
	return ask_failed(m, ERR_NOTFOUND, e, text);
}

static const struct handler {
	const char *path;
	bool changes;
	int (*fn)(struct message *m, struct err *e);
} handlers[] = {
	{ PATH_REPORT, true, report },
	{ PATH_LOG, true, log_lines },
	{ PATH_HEARTBEAT, true, heartbeat },
	{ "/server/queryJobCluster", false, job_cluster },
	{ "/server/queryContainer", false, container },
};

/* --- who sends ------------------------------------------------------------------------------------------------- */

static bool
say_it(struct remote *r, const char *peer)
{
	uint64_t hash = 14695981039346656037u;
	size_t len = strlen(peer), colon = 0;
	int64_t now_ms = server_now(r->server).mono_ms;

	for (size_t i = 0; i < len; i++)
		if (peer[i] == ':')
			colon = i;
	for (size_t i = 0; i < (colon == 0 ? len : colon); i++)
		hash = (hash ^ (unsigned char)peer[i]) * 1099511628211u;
	if (r->said[hash % PEERS].hash == hash && now_ms - r->said[hash % PEERS].mono_ms < SAY_AGAIN_MS)
		return false;
	r->said[hash % PEERS].hash = hash;
	r->said[hash % PEERS].mono_ms = now_ms;
	return true;
}

static int
check_signature(struct message *m, struct err *e)
{
	struct server *s = m->server;

	if (peer_verify(&s->peer_key, http_req_header(m->req, PEER_HEADER), http_req_method(m->req), http_req_raw_path(m->req),
	    clock_wall_ms(), s->conf.peer.max_skew_ms, m->body, m->len, &m->is_signed, e) != 0)
		return -1;
	if (!m->is_signed && !s->conf.server.accept_plain)
		return err_set(e, ERR_AUTH, "unsigned messages are not taken here (server.accept_plain=no)");
	return 0;
}

static void
refuse(struct message *m, const struct err *e)
{
	struct buf out = BUF_INIT;

	if (say_it(m->server->remote, http_req_peer(m->req)))
		log_warn("refused", "peer=%s path=%s error=%s", log_q(http_req_peer(m->req)), log_q(http_req_path(m->req)),
		    log_q(e->msg));
	msg_ask_put(&out, false, NULL, e->msg);
	http_reply(m->req, err_http_status(e->code), "application/json", &out);
	buf_fini(&out);
}

/* --- the listener ---------------------------------------------------------------------------------------------- */

struct event {
	struct message *message;
	const struct handler *handler;
};

static int
handler_event(void *arg, struct err *e)
{
	struct event *ev = arg;

	return ev->handler->fn(ev->message, e);
}

static void
run(struct message *m, const struct handler *h)
{
	struct event ev = { m, h };
	struct err e = ERR_INIT;
	int rc;

	if (check_signature(m, &e) != 0) {
		refuse(m, &e);
		return;
	}
	rc = h->changes ? server_event(m->server, handler_event, &ev, &e) : h->fn(m, &e);
	if (rc == 0 && buf_ok(&m->out)) {
		answer(m);
		return;
	}
	if (rc == 0)
		err_set(&e, ERR_NOMEM, "out of memory");
	if (!m->ask_failure && say_it(m->server->remote, http_req_peer(m->req)))
		log_warn("message", "peer=%s path=%s error=%s", log_q(http_req_peer(m->req)), h->path, log_q(e.msg));
	answer_failure(m, &e);
}

void
remote_handle(struct http_req *req, void *server)
{
	struct message m = { .server = server, .req = req };
	const char *path = http_req_path(req);
	const struct handler *h = NULL;

	for (size_t i = 0; i < sizeof handlers / sizeof handlers[0] && h == NULL; i++)
		if (strcmp(path, handlers[i].path) == 0)
			h = &handlers[i];
	if (h == NULL) {
		http_reply_text(req, 404, "text/html; charset=utf-8", "<html><body><h1>Resource not found</h1></body></html>");
		return;
	}
	if (strcmp(http_req_method(req), "POST") != 0) {
		http_reply_header(req, "allow", "POST");
		http_reply_text(req, 405, NULL, "");
		return;
	}
	m.body = http_req_body(req, &m.len);
	run(&m, h);
	buf_fini(&m.out);
}

void
remote_fail(struct http_req *req, const struct err *e, void *server)
{
	(void)server;
	if (e->code == ERR_FORBIDDEN || e->code == ERR_TOOBIG)
		http_reply_text(req, err_http_status(e->code), NULL, e->msg);
	else
		http_reply_text(req, 500, NULL, "Internal Server Error");
}

struct remote *
remote_new(struct server *s)
{
	struct remote *r = calloc(1, sizeof *r);

	if (r != NULL)
		r->server = s;
	return r;
}

void
remote_free(struct remote *r)
{
	free(r);
}

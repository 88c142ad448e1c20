/* A good run of many instances whose messages come late, twice, in another order and again: a Java worker, a pj worker and
 * a client at once, all in this process, against a real pj-serverd with server.openapi_auth=no.
 *
 *   scramble HTTP REMOTE KEYFILE SEED N JAVA-JOB PJ-JOB
 *
 * Prints the workers' addresses and waits for a line on standard input. Starts N instances; what becomes of each is its
 * instanceParams: succeed, fail (its first attempt; the job retries once), retry (both attempts fail, then a person tries
 * again), stop, cancel. Prints `settled` when all have ended, waits for a line on standard input, then sends every message
 * of the whole run twice again in a random order (and the client's calls that change nothing by then), and prints
 * `replayed`. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/loop.h"
#include "net/peer.h"

#define FLIGHT_MAX 24
#define LINES 3 /* batches of log an attempt */
#define GIVE_UP_MS 120000

enum kind { SUCCEED, FAIL, RETRY, STOP, CANCEL, KINDS };
static const char *const kind_names[] = { "succeed", "fail", "retry", "stop", "cancel" };
static const int attempts_of[] = { 1, 2, 3, 1, 0 };

struct message {
	char *path, *body;      /* path of REMOTE, or of HTTP when it begins with /openApi */
	bool is_signed, form;
	bool again;             /* part of the replay */
	struct message *after;  /* not before all copies of this one are answered */
	int copies, started, answered;
	struct instance *creates, *retries; /* what its answer means */
};

struct instance {
	enum kind kind;
	bool pj;
	int64_t id, at_ms;
	int seen;               /* dispatches of different attempts */
	bool stopped;
	struct message *gate;   /* what waits for the retry */
	struct message *first_running, *last_final;
};

struct worker {
	struct http_server *http;
	bool pj;
	const char *address;
};

static struct loop *loop;
static struct http_client *client;
static struct loop_timer *tick;
static struct peer_key key;
static struct worker java = { .pj = false }, pj = { .pj = true };
static const char *http_addr, *remote_addr;
static struct message **pool;
static int n_pool, cap_pool, in_flight, n_instances, n_late, strange;
static struct instance *instances;
static uint64_t seed;
static int64_t begun_ms;
static bool replaying;

static void
die(const char *what, const struct err *e)
{
	fprintf(stderr, "scramble: %s: %s\n", what, e == NULL ? "" : e->msg);
	exit(1);
}

static uint64_t
any(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % n;
}

/* --- messages -------------------------------------------------------------------------------------------------- */

static struct message *
put(const char *path, struct buf *body, bool is_signed, struct message *after, int copies)
{
	struct message *m = calloc(1, sizeof *m);

	if (n_pool == cap_pool) {
		cap_pool = cap_pool == 0 ? 256 : 2 * cap_pool;
		pool = reallocarray(pool, (size_t)cap_pool, sizeof(struct message *));
	}
	if (m == NULL || pool == NULL)
		die("memory", NULL);
	m->path = strdup(path);
	m->body = buf_take(body, NULL);
	m->is_signed = is_signed;
	m->form = strncmp(path, "/openApi", 8) == 0;
	m->after = after;
	m->copies = copies;
	m->again = true;
	pool[n_pool++] = m;
	return m;
}

static void
put_heartbeat(const struct worker *w)
{
	struct buf b = BUF_INIT;

	buf_addf(&b, "{\"workerAddress\":\"%s\",\"appName\":\"default\",\"appId\":1,\"heartbeatTime\":%lld,\"protocol\":\"HTTP\","
	    "\"systemMetrics\":{\"cpuProcessors\":2,\"cpuLoad\":0.1,\"jvmMaxMemory\":1,\"diskTotal\":100,\"score\":5}}", w->address,
	    (long long)clock_wall_ms() + (int64_t)any(7200000) - 3600000);
	put("/server/workerHeartbeat", &b, w->pj, NULL, 1);
}

static struct message *
put_report(const struct instance *i, const struct worker *w, int attempt, int status, int64_t at_ms, const char *more,
    struct message *after)
{
	struct buf b = BUF_INIT;

	buf_addf(&b, "{\"appId\":1,\"instanceId\":%lld,\"instanceStatus\":%d,\"result\":\"attempt %d\",\"totalTaskNum\":1,"
	    "\"succeedTaskNum\":0,\"failedTaskNum\":0,\"startTime\":%lld,\"reportTime\":%lld,\"sourceAddress\":\"%s\"%s",
	    (long long)i->id, status, attempt, (long long)i->at_ms + attempt * 1000, (long long)i->at_ms + attempt * 1000 + at_ms,
	    w->address, more);
	if (w->pj)
		buf_addf(&b, ",\"attempt\":%d,\"logLength\":%d", attempt, LINES * 10);
	buf_addc(&b, '}');
	return put("/server/reportInstanceStatus", &b, w->pj, after, 1 + (int)any(3));
}

static void
put_logs(const struct instance *i, const struct worker *w, int attempt)
{
	struct message *after = i->gate;

	for (int k = 1; k <= LINES; k++) { /* a worker sends the next batch when the last is answered */
		struct buf b = BUF_INIT;

		buf_addf(&b, "{\"workerAddress\":\"%s\",\"instanceLogContents\":[{\"instanceId\":%lld,\"logTime\":%lld,\"logLevel\":2,"
		    "\"logContent\":\"line %d.%d\"", w->address, (long long)i->id, (long long)i->at_ms, attempt, k);
		if (w->pj)
			buf_addf(&b, ",\"attempt\":%d,\"spool\":\"%lld.%d.log\",\"offset\":%d", attempt, (long long)i->id, attempt, k * 10);
		buf_adds(&b, "}]}");
		after = put("/server/reportLog", &b, w->pj, after, 1);
		after->copies += (int)any(2);
	}
}

static struct message *
put_call(const char *path, int64_t id, struct message *after, int copies)
{
	struct buf b = BUF_INIT;

	buf_addf(&b, "instanceId=%lld&appId=1", (long long)id);
	return put(path, &b, false, after, copies);
}

/* What a worker says of one attempt, and the client's calls that depend on it. */
static void
plan(struct instance *i, const struct worker *w, int attempt)
{
	bool fails = (i->kind == FAIL && attempt == 1) || (i->kind == RETRY && attempt <= 2);

	for (int k = 1; k <= 3; k++) {
		struct message *m = put_report(i, w, attempt, 3, k * 10, "", i->gate);

		if (k == 1)
			i->first_running = m;
	}
	put_logs(i, w, attempt);
	if (i->kind == STOP) {
		put_call("/openApi/stopInstance", i->id, i->first_running, 2);
		return;
	}
	i->last_final = put_report(i, w, attempt, fails ? 4 : 5, 100, fails ? ",\"exitCode\":3" : ",\"exitCode\":0", i->gate);
	if (i->kind == RETRY && attempt == 2) {
		i->gate = put_call("/openApi/retryInstance", i->id, i->last_final, 2);
		i->gate->again = false; /* it would start a finished one anew */
	}
}

/* --- sending --------------------------------------------------------------------------------------------------- */

static void
answered(const struct http_answer *a, void *arg)
{
	struct message *m = arg;
	const char *data = a->body == NULL ? NULL : strstr(a->body, "\"data\":");

	in_flight--;
	m->answered++;
	if (a->outcome != HTTP_ANSWERED || a->status != 200) {
		fprintf(stderr, "scramble: %s: status %d %s %s\n", m->path, a->status, a->error, m->body);
		strange++;
	}
	if (m->creates != NULL && data != NULL && m->creates->id == 0) {
		m->creates->id = strtoll(data + 7, NULL, 10);
		if (m->creates->kind == CANCEL)
			put_call("/openApi/cancelInstance", m->creates->id, NULL, 3);
	}
}

static void
send_message(struct message *m)
{
	const char *headers[3] = { m->form ? "Content-Type: application/x-www-form-urlencoded" :
	    "Content-Type: application/json", NULL, NULL };
	char url[200], sign[160];
	struct http_call call = { .method = "POST", .url = url, .headers = headers, .body = m->body,
		.body_len = strlen(m->body), .connect_ms = 5000, .total_ms = 60000 };
	struct err e = ERR_INIT;

	snprintf(url, sizeof url, "http://%s%s", m->form ? http_addr : remote_addr, m->path);
	if (m->is_signed) {
		peer_sign(&key, "POST", m->path, clock_wall_ms(), m->body, strlen(m->body), sign);
		headers[1] = sign;
	}
	m->started++;
	in_flight++;
	if (http_client_start(client, &call, answered, m, &e) != 0)
		die("send", &e);
}

static bool
may_go(const struct message *m)
{
	return m->started < m->copies && (m->after == NULL || m->after->answered >= m->after->copies);
}

/* Any message of the pool that may go: true. */
static bool
send_any(void)
{
	int from = n_pool == 0 ? 0 : (int)any((uint64_t)n_pool);

	for (int k = 0; k < n_pool; k++) {
		struct message *m = pool[(from + k) % n_pool];

		if (!may_go(m))
			continue;
		send_message(m);
		/* A person's two clicks are two clicks: both leave now. */
		while (m->form && m->started < m->copies)
			send_message(m);
		return true;
	}
	return false;
}

/* --- the phases ------------------------------------------------------------------------------------------------ */

static bool
is_settled(void)
{
	for (int i = 0; i < n_instances; i++) {
		const struct instance *x = &instances[i];

		if (x->id == 0 || x->seen < attempts_of[x->kind] || (x->kind == STOP && !x->stopped))
			return false;
	}
	return in_flight == 0 && n_late == 0;
}

static void
wait_line(void)
{
	char line[16];

	fflush(stdout);
	if (fgets(line, sizeof line, stdin) == NULL)
		exit(1);
}

static void
replay(void)
{
	replaying = true;
	for (int i = 0; i < n_pool; i++) {
		pool[i]->after = NULL;
		pool[i]->started = pool[i]->answered = 0;
		pool[i]->copies = pool[i]->again ? 2 : 0;
	}
}

static void
on_tick(void *arg)
{
	bool more = true;

	(void)arg;
	while (more && in_flight < FLIGHT_MAX)
		more = send_any();
	if (clock_mono_ms() - begun_ms > GIVE_UP_MS)
		die("not settled in time", NULL);
	if (!more && is_settled()) {
		if (!replaying) {
			printf("settled\n");
			wait_line();
			begun_ms = clock_mono_ms();
			replay();
		} else {
			printf("replayed %d messages, %d strange\n", n_pool, strange);
			fflush(stdout);
			loop_stop(loop);
			return;
		}
	}
	loop_timer_set(tick, 2);
}

/* --- the workers ----------------------------------------------------------------------------------------------- */

static long long
number_of(const char *body, const char *member)
{
	const char *at = strstr(body, member);

	return at == NULL ? 0 : strtoll(at + strlen(member), NULL, 10);
}

static struct instance *
find(int64_t id)
{
	for (int i = 0; i < n_instances; i++)
		if (instances[i].id == id)
			return &instances[i];
	return NULL;
}

/* The dispatch may be faster than the answer that says the instance's id. */
static struct instance *
adopt(int64_t id, const char *body, bool is_pj)
{
	struct instance *x = find(id);

	for (int i = 0; i < n_instances && x == NULL; i++) {
		char params[40];

		snprintf(params, sizeof params, "\"instanceParams\":\"%s %d\"", kind_names[instances[i].kind], i);
		if (instances[i].pj == is_pj && strstr(body, params) != NULL)
			x = &instances[i];
	}
	if (x == NULL)
		die("a dispatch of nothing", NULL);
	x->id = id;
	return x;
}

static void
on_stop(struct instance *x, const struct worker *w)
{
	if (x == NULL || x->kind != STOP) {
		fprintf(stderr, "scramble: a stop for what shall run: %s\n", x == NULL ? "?" : kind_names[x->kind]);
		strange++;
		return;
	}
	if (!x->stopped && w->pj)
		put_report(x, w, 1, 4, 200, ",\"stopped\":true,\"signal\":15", NULL);
	x->stopped = true;
}

struct late { /* an answer that comes when the reports may be there already */
	struct http_req *req;
	struct loop_timer *timer;
	const char *body;
};

static void
say_late(void *arg)
{
	struct late *l = arg;

	http_reply_text(l->req, 200, NULL, l->body);
	n_late--;
	loop_timer_free(l->timer);
	free(l);
}

static void
answer(struct http_req *req, const struct worker *w)
{
	static const char accepted[] = "{\"success\":true,\"outcome\":\"accepted\"}";
	struct late *l;

	switch (any(4)) {
	case 0: /* lost on the way: what it says is no answer */
		http_reply_text(req, w->pj ? 200 : 500, NULL, w->pj ? "{}" : "");
		return;
	case 1:
		http_reply_text(req, 200, NULL, w->pj ? accepted : "");
		return;
	default:
		break;
	}
	l = calloc(1, sizeof *l);
	if (l == NULL || (l->timer = loop_timer_new(loop, say_late, l)) == NULL)
		die("memory", NULL);
	n_late++;
	l->req = req;
	l->body = w->pj ? accepted : "";
	loop_timer_set(l->timer, (int64_t)any(150));
}

static void
on_request(struct http_req *req, void *arg)
{
	const struct worker *w = arg;
	const char *body = http_req_body(req, NULL);
	int64_t id = number_of(body, "\"instanceId\":"), attempt = number_of(body, "\"attempt\":");
	struct instance *x;

	if (strcmp(http_req_path(req), "/worker/stopInstance") == 0) {
		on_stop(find(id), w);
		http_reply_text(req, 200, NULL, w->pj ? "{\"success\":true,\"outcome\":\"accepted\"}" : "");
		return;
	}
	if (replaying)
		die("a dispatch out of the replay", NULL);
	x = adopt(id, body, w->pj);
	if (attempt > x->seen) { /* else the same one again */
		x->seen = (int)attempt;
		if (attempt > attempts_of[x->kind])
			die("an attempt too many", NULL);
		plan(x, w, (int)attempt);
		if (any(3) == 0)
			put_heartbeat(w);
	}
	answer(req, w);
}

static void
fail(struct http_req *req, const struct err *e, void *arg)
{
	(void)arg;
	http_reply_text(req, err_http_status(e->code), NULL, e->msg);
}

static void
listen_as(struct worker *w)
{
	struct http_listener li = { .addr = "127.0.0.1:0", .handler = on_request, .fail = fail, .arg = w };
	struct err e = ERR_INIT;

	w->http = http_server_new(loop, &e);
	if (w->http == NULL || http_server_listen(w->http, &li, &e) != 0)
		die("listen", &e);
	w->address = http_server_addr(w->http, 0);
}

/* --- the start ------------------------------------------------------------------------------------------------- */

static void
put_runs(const char *java_job, const char *pj_job)
{
	for (int i = 0; i < n_instances; i++) {
		struct instance *x = &instances[i];
		struct buf b = BUF_INIT;
		struct message *m;

		x->kind = (enum kind)(i % KINDS);
		x->pj = i / KINDS % 2 == 1;
		x->at_ms = clock_wall_ms();
		buf_addf(&b, "jobId=%s&appId=1&instanceParams=%s%%20%d&delay=%d", x->pj ? pj_job : java_job, kind_names[x->kind], i,
		    x->kind == CANCEL ? 3600000 : 0);
		m = put("/openApi/runJob", &b, false, NULL, 1);
		m->creates = x;
		m->again = false; /* a new instance each time */
	}
}

/* The workers are known before the first dispatch. */
static void
announce(void)
{
	for (int k = 0; k < 2; k++) {
		put_heartbeat(k == 0 ? &java : &pj);
		send_message(pool[n_pool - 1]);
	}
}

int
main(int argc, char **argv)
{
	struct err e = ERR_INIT;

	if (argc != 8) {
		fprintf(stderr, "usage: scramble HTTP REMOTE KEYFILE SEED N JAVA-JOB PJ-JOB\n");
		return 64;
	}
	http_addr = argv[1];
	remote_addr = argv[2];
	seed = strtoull(argv[4], NULL, 10) * 0x9e3779b97f4a7c15u | 1;
	n_instances = atoi(argv[5]);
	instances = calloc((size_t)n_instances + 1, sizeof *instances);
	log_init("scramble", LOG_WARN_);
	if (instances == NULL || peer_key_load(&key, argv[3], &e) != 0 || (loop = loop_new(&e)) == NULL ||
	    (client = http_client_new(loop, &e)) == NULL || (tick = loop_timer_new(loop, on_tick, NULL)) == NULL)
		die("start", &e);
	listen_as(&java);
	listen_as(&pj);
	printf("java=%s pj=%s\n", java.address, pj.address);
	wait_line();
	begun_ms = clock_mono_ms();
	announce();
	put_runs(argv[6], argv[7]);
	loop_timer_set(tick, 300);
	if (loop_run(loop, &e) != 0)
		die("loop", &e);
	return strange == 0 ? 0 : 1;
}

/* pj-discover: asserts the app's name, finds the server that owns the app, writes both to worker.db. In PowerJob's order:
 * the configured server with the host of the one we have first, then all as configured (behaviour.md 4.1). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/log.h"
#include "codec/json.h"
#include "net/helper.h"

#define CONNECT_MS 1000
#define TOTAL_MS 5000
#define FAILURES_MAX 5     /* rounds without an answer until there is no server */
#define RETRY_FIRST_MS 500 /* while there is no address: doubled up to worker.discover */

static const char more[] =
    "exit codes of --once:\n"
    "  0 a server was found and written   69 none answers   77 the app is not registered\n"
    "  (all: 64 called wrongly, 74 disk error, 75 another one runs, 78 configuration)\n";

enum step { STEP_ASSERT, STEP_ACQUIRE };

struct discover {
	struct helper *h;
	struct loop_timer *timer;
	struct worker_server row;   /* as last written */
	bool have_row, busy;        /* busy: a round is on its way */
	/* the round */
	int order[CONFIG_LIST_MAX], n, at;
	enum step step;
	int64_t app_id;
	char why[256];              /* of the last server that failed */
	bool not_registered;
	int retry_ms;
};

static void ask(struct discover *d);

/* --- one round --------------------------------------------------------------------------------------------------- */

static size_t
host_len(const char *address)
{
	const char *colon = strrchr(address, ':');

	return colon != NULL ? (size_t)(colon - address) : strlen(address);
}

static void
set_order(struct discover *d)
{
	const struct config_list *s = &d->h->conf.worker.servers;
	const char *now = d->row.address;
	int first = -1;

	d->n = 0;
	for (int i = 0; i < s->n && first < 0 && now[0] != '\0'; i++)
		if (host_len(s->item[i]) == host_len(now) && strncmp(s->item[i], now, host_len(now)) == 0)
			first = i;
	if (first >= 0)
		d->order[d->n++] = first;
	for (int i = 0; i < s->n; i++)
		if (i != first)
			d->order[d->n++] = i;
}

static const char *
server_at(const struct discover *d)
{
	return d->h->conf.worker.servers.item[d->order[d->at]];
}

static int
write_row(struct discover *d, const struct worker_server *row)
{
	struct err e = ERR_INIT;

	if (workerdb_server_put(d->h->db, row, &e) < 0) {
		log_warn("not_written", "error=%s", log_q(e.msg));
		snprintf(d->why, sizeof d->why, "%.255s", e.msg);
		return -1;
	}
	if (!d->have_row || strcmp(d->row.address, row->address) != 0 || d->row.app_id != row->app_id) {
		log_info("server", "address=%s app=%s app_id=%" PRId64 " via=%s", log_q(row->address), log_q(row->app),
		    row->app_id, log_q(row->via));
		helper_ring(d->h);
	}
	d->row = *row;
	d->have_row = true;
	return 0;
}

static void
again(struct discover *d, int64_t in_ms)
{
	d->busy = false;
	loop_timer_set(d->timer, in_ms);
}

static void
found(struct discover *d, const char *address)
{
	struct worker_server row = { .app_id = d->app_id, .checked_ms = loop_now(d->h->loop).at_ms };

	snprintf(row.app, sizeof row.app, "%s", d->h->conf.worker.app);
	snprintf(row.via, sizeof row.via, "%s", server_at(d));
	snprintf(row.address, sizeof row.address, "%s", address);
	if (write_row(d, &row) < 0) {
		helper_state(d->h, "failing", "%.200s", d->why);
		if (d->h->once)
			helper_exit(d->h, EX_IOERR);
		else
			again(d, RETRY_FIRST_MS);
		return;
	}
	d->retry_ms = 0;
	helper_state(d->h, "ok", "server %s of app %s (id %" PRId64 "), via %s", row.address, row.app, row.app_id, row.via);
	if (d->h->once) {
		printf("%s\n", row.address);
		helper_exit(d->h, 0);
		return;
	}
	again(d, d->h->conf.worker.discover_ms);
}

/* The last address stays for some rounds: a server that is restarted has the same one, and whoever has something for it
 * is through as soon as it is back. */
static void
none_found(struct discover *d)
{
	struct worker_server row = d->row;
	int64_t most = d->h->conf.worker.discover_ms;

	row.checked_ms = loop_now(d->h->loop).at_ms;
	row.failures++;
	snprintf(row.app, sizeof row.app, "%s", d->h->conf.worker.app);
	if (row.failures >= FAILURES_MAX)
		row.address[0] = '\0';
	write_row(d, &row);
	helper_state(d->h, "failing", "%.220s", d->why);
	if (d->h->once) {
		fprintf(stderr, "pj-discover: %s\n", d->why);
		helper_exit(d->h, d->not_registered ? EX_NOPERM : EX_UNAVAILABLE);
		return;
	}
	d->retry_ms = d->retry_ms == 0 ? RETRY_FIRST_MS : d->retry_ms * 2;
	if (d->retry_ms > most)
		d->retry_ms = (int)most;
	again(d, d->retry_ms);
}

static void
next_server(struct discover *d)
{
	if (++d->at < d->n) {
		d->step = STEP_ASSERT;
		ask(d);
	} else {
		none_found(d);
	}
}

static void
failed(struct discover *d, const char *what)
{
	snprintf(d->why, sizeof d->why, "%.100s: %.140s", server_at(d), what);
	log_debug("no_answer", "server=%s error=%s", log_q(server_at(d)), log_q(what));
	next_server(d);
}

/* --- answers: {"success":bool,"data":...,"message":...} ----------------------------------------------------------- */

/* data of an assert: a number, its text, or an object with appId. */
static int
read_app_id(const struct json_t *doc, int64_t *out, struct err *e)
{
	const struct json_t *data = js_get(doc, "data");

	if (data != NULL && js_is_object(data))
		return js_i64(data, "appId", 0, out, e);
	return js_i64(doc, "data", 0, out, e);
}

static void
on_assert(struct discover *d, const struct json_t *doc, bool success, const char *message)
{
	struct err e = ERR_INIT;

	if (!success) {
		d->not_registered = true;
		snprintf(d->why, sizeof d->why, "app %.60s is not registered at %.60s: register it there with `pj-ctl app add "
		    "%.60s`", d->h->conf.worker.app, server_at(d), d->h->conf.worker.app);
		log_debug("not_registered", "server=%s message=%s", log_q(server_at(d)), log_q(message));
		none_found(d); /* an answer is an answer: PowerJob's workers ask no other server either */
		return;
	}
	if (read_app_id(doc, &d->app_id, &e) < 0 || d->app_id <= 0) {
		failed(d, e.code != ERR_NONE ? e.msg : "its answer has no app id");
		return;
	}
	d->step = STEP_ACQUIRE;
	ask(d);
}

static void
on_acquire(struct discover *d, const struct json_t *doc, bool success, const char *message)
{
	struct err e = ERR_INIT;
	char *address = NULL;

	if (!success)
		failed(d, message);
	else if (js_str(doc, "data", 127, &address, &e) < 0 || address == NULL || strchr(address, ':') == NULL)
		failed(d, "its answer names no host:port");
	else
		found(d, address);
	free(address);
}

static void
on_answer(const struct http_answer *a, void *arg)
{
	struct discover *d = arg;
	struct err e = ERR_INIT;
	struct json_t *doc = NULL;
	char *message = NULL, status[64];
	bool success = false;

	if (d->h->stopping)
		return;
	if (a->outcome != HTTP_ANSWERED) {
		failed(d, a->error);
		return;
	}
	if (a->status != 200) {
		snprintf(status, sizeof status, "it answers status %d", a->status);
		failed(d, status);
		return;
	}
	doc = js_parse(a->body, a->body_len, &e);
	if (doc == NULL || !js_is_object(doc) || js_bool(doc, "success", false, &success, &e) < 0
	    || js_str(doc, "message", 65536, &message, &e) < 0)
		failed(d, e.code != ERR_NONE ? e.msg : "its answer is no JSON object");
	else if (d->step == STEP_ASSERT)
		on_assert(d, doc, success, message != NULL ? message : "it refuses without a message");
	else
		on_acquire(d, doc, success, message != NULL ? message : "it refuses without a message");
	free(message);
	if (doc != NULL)
		js_free(doc);
}

/* --- questions --------------------------------------------------------------------------------------------------- */

static void
put_escaped(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++)
		if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:", *text) != NULL)
			buf_addc(out, *text);
		else
			buf_addf(out, "%%%02X", (unsigned)(unsigned char)*text);
}

static void
ask(struct discover *d)
{
	struct buf url = BUF_INIT;
	struct err e = ERR_INIT;
	struct http_call call = { .method = "GET", .connect_ms = CONNECT_MS, .total_ms = TOTAL_MS };
	int rc = -1;

	buf_addf(&url, "http://%s/server/", server_at(d));
	if (d->step == STEP_ASSERT) {
		buf_adds(&url, "assert?appName=");
		put_escaped(&url, d->h->conf.worker.app);
	} else {
		buf_addf(&url, "acquire?appId=%" PRId64 "&protocol=HTTP&currentServer=", d->app_id);
		put_escaped(&url, d->row.address);
	}
	call.url = buf_str(&url);
	if (buf_ok(&url))
		rc = http_client_start(d->h->post.http, &call, on_answer, d, &e);
	else
		err_set(&e, ERR_NOMEM, "out of memory");
	buf_fini(&url);
	if (rc < 0) { /* our own trouble: not the servers' */
		helper_state(d->h, "failing", "%.200s", e.msg);
		if (d->h->once)
			helper_exit(d->h, err_exit_code(e.code));
		else
			again(d, RETRY_FIRST_MS);
	}
}

static void
begin_round(void *arg)
{
	struct discover *d = arg;

	d->busy = true;
	set_order(d);
	d->at = 0;
	d->not_registered = false;
	d->step = STEP_ASSERT;
	ask(d);
}

static int
start(struct helper *h, struct err *e)
{
	struct discover *d = calloc(1, sizeof *d);
	int rc;

	h->user = d;
	if (d == NULL || (d->timer = loop_timer_new(h->loop, begin_round, d)) == NULL)
		return err_set(e, ERR_NOMEM, "out of memory");
	d->h = h;
	if ((rc = workerdb_server_get(h->db, &d->row, e)) < 0)
		return -1;
	d->have_row = rc == 1 && strcmp(d->row.app, h->conf.worker.app) == 0;
	if (!d->have_row)
		memset(&d->row, 0, sizeof d->row);
	again(d, 0);
	return 0;
}

static void
reloaded(struct helper *h)
{
	struct discover *d = h->user;

	if (!d->busy)
		again(d, 0);
}

static void
end(struct helper *h)
{
	struct discover *d = h->user;

	if (d != NULL && d->timer != NULL)
		loop_timer_free(d->timer);
	free(d);
}

int
main(int argc, char **argv)
{
	static const struct helper_def def = { "pj-discover",
		"Finds the server that owns this worker's app and writes its address to worker.db.", more, start, reloaded, NULL,
		end };

	return helper_main(argc, argv, &def);
}

/* Plays a server for the tests of the worker host's programs.
 *
 *   playserver serve DIR [HOST:PORT]   listens (DIR/addr says where), logs each request to DIR/log as
 *                                      "PATH?QUERY SIGNED BODY", answers as a server that is content does. DIR/status-NAME
 *                                      and DIR/answer-NAME change that for the path that ends in /NAME, at once.
 *   playserver post HOST:PORT PATH KEYFILE|- BODY    one POST, signed with the key or not; prints "STATUS BODY"
 *   playserver flood DIR HOST:PORT KEYFILE|- N AT_ONCE PARAMS [PROCESSOR]
 *                                      serves as above while it sends N dispatches (exec, or the processor) to the worker,
 *                                      AT_ONCE of them unreported at a time; prints reported=, seconds=, rate=, and exits
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/loop.h"
#include "net/msg.h"
#include "net/peer.h"

static const char *dir;
static struct loop *loop;
static struct http_server *server;
static struct http_client *client;
static struct peer_key key;
static FILE *log_to;

static const char *worker, *params, *processor = "exec";
static bool unsigned_worker; /* Java's: takes no signature, answers nothing */
static int64_t first_id, begun_ms;
static int n_all, n_sent, n_reported, at_once;
static char *seen;

static void
die(const struct err *e)
{
	fprintf(stderr, "playserver: %s\n", e->msg);
	exit(2);
}

/* --- flood ------------------------------------------------------------------------------------------------------- */

static void send_more(void);

static void
sent(const struct http_answer *a, void *arg)
{
	char why[256] = "";

	(void)arg;
	if (a->outcome != HTTP_ANSWERED || (unsigned_worker ? a->status != 200 :
	    msg_answer_parse(a->body, a->body_len, why) != MESSAGE_ACCEPTED)) {
		fprintf(stderr, "playserver: dispatch: %s %s\n", a->error, why);
		exit(1);
	}
}

static void
send_one(int64_t id)
{
	struct run_request r = { .job_id = 7, .instance_id = id, .execute_type = "STANDALONE",
		.processor_type = "BUILT_IN", .processor_info = processor, .job_params = params, .time_type = "API",
		.attempt = 1, .job_name = "flood" };
	const char *const all_workers[] = { worker, NULL };
	const char *headers[] = { "Content-Type: application/json", NULL, NULL };
	struct buf body = BUF_INIT;
	struct err e = ERR_INIT;
	char url[256], auth[160];
	struct http_call call = { .method = "POST", .url = url, .headers = headers, .connect_ms = 3000, .total_ms = 30000 };

	r.all_workers = all_workers;
	msg_run_put(&body, &r);
	snprintf(url, sizeof url, "http://%s" PATH_RUN, worker);
	if (!unsigned_worker) {
		peer_sign(&key, "POST", PATH_RUN, clock_wall_ms(), body.data, body.len, auth);
		headers[1] = auth;
	}
	call.body = body.data;
	call.body_len = body.len;
	if (http_client_start(client, &call, sent, NULL, &e) < 0)
		die(&e);
	buf_fini(&body);
}

static void
send_more(void)
{
	while (n_sent < n_all && n_sent - n_reported < at_once)
		send_one(first_id + n_sent++);
}

static void
send_later(void *arg, const struct err *failed)
{
	(void)arg;
	(void)failed;
	send_more();
}

static void
reported(const char *body, size_t len)
{
	struct err e = ERR_INIT;
	struct msg_doc *doc;
	struct report r;
	double s;

	if (msg_report_parse(body, len, &r, &doc, &e) < 0)
		die(&e);
	if (unsigned_worker && r.status == INSTANCE_RUNNING) {
		msg_doc_free(doc);
		return;
	}
	if (r.status != INSTANCE_SUCCEED || r.instance_id < first_id || r.instance_id >= first_id + n_all
	    || seen[r.instance_id - first_id]++) {
		fprintf(stderr, "playserver: strange report: %.*s\n", (int)len, body);
		if (r.status != INSTANCE_SUCCEED)
			exit(1);
	} else if (++n_reported == n_all) {
		s = (double)(clock_mono_ms() - begun_ms) / 1000;
		printf("reported=%d seconds=%.3f rate=%.0f\n", n_reported, s, n_reported / s);
		loop_stop(loop);
	}
	msg_doc_free(doc);
	loop_release(loop, send_later, NULL);
}

/* --- serve ------------------------------------------------------------------------------------------------------- */

static bool
from_file(const char *what, const char *name, struct buf *out)
{
	char path[4096];

	buf_clear(out);
	return file_path(path, sizeof path, NULL, "%s/%s-%s", dir, what, name) == 0
	    && file_read(path, 1 << 20, out, NULL) == 0;
}

static void
handle(struct http_req *req, void *arg)
{
	const char *path = http_req_path(req), *name = strrchr(path, '/') + 1, *type = "application/json";
	struct buf out = BUF_INIT;
	struct err e = ERR_INIT;
	bool is_signed = false;
	size_t len;
	const char *body = http_req_body(req, &len);
	int status = 200, rc = 0;

	(void)arg;
	if (http_req_header(req, PEER_HEADER) != NULL)
		rc = peer_verify(&key, http_req_header(req, PEER_HEADER), http_req_method(req), http_req_raw_path(req),
		    clock_wall_ms(), 60000, body, len, &is_signed, &e);
	if (log_to != NULL) {
		fprintf(log_to, "%s %s %.*s\n", http_req_raw_path(req), rc < 0 ? "bad" : is_signed ? "signed" : "plain",
		    (int)len, body);
		fflush(log_to);
	}
	if (from_file("status", name, &out))
		status = atoi(buf_str(&out));
	if (from_file("answer", name, &out))
		;
	else if (strcmp(name, "assert") == 0)
		buf_adds(&out, "{\"success\":true,\"data\":1,\"message\":null}");
	else if (strcmp(name, "acquire") == 0)
		buf_addf(&out, "{\"success\":true,\"data\":\"%s\",\"message\":null}", http_server_addr(server, 0));
	else if (strcmp(name, "reportInstanceStatus") == 0)
		buf_adds(&out, "{\"success\":true}");
	else
		type = NULL;
	if (n_all > 0 && strcmp(path, PATH_REPORT) == 0)
		reported(body, len);
	http_reply(req, status, type, &out);
	buf_fini(&out);
}

static void
fail(struct http_req *req, const struct err *e, void *arg)
{
	(void)arg;
	http_reply_text(req, err_http_status(e->code), NULL, e->msg);
}

static void
serve(const char *addr)
{
	struct http_listener l = { .addr = addr, .handler = handle, .fail = fail };
	struct err e = ERR_INIT;
	char path[4096];

	if ((loop = loop_new(&e)) == NULL || (server = http_server_new(loop, &e)) == NULL
	    || http_server_listen(server, &l, &e) < 0 || (client = http_client_new(loop, &e)) == NULL)
		die(&e);
	if (file_path(path, sizeof path, &e, "%s/addr", dir) < 0
	    || file_replace(path, http_server_addr(server, 0), strlen(http_server_addr(server, 0)), 0600, &e) < 0)
		die(&e);
}

static int
post(char **argv)
{
	const char *headers[] = { "Content-Type: application/json", NULL, NULL };
	char url[512], auth[160];
	struct http_call call = { .method = "POST", .url = url, .headers = headers, .body = argv[3],
		.body_len = strlen(argv[3]), .connect_ms = 3000, .total_ms = 10000 };
	struct http_result r = { 0 };
	struct err e = ERR_INIT;

	snprintf(url, sizeof url, "http://%s%s", argv[0], argv[1]);
	if (strcmp(argv[2], "-") != 0) {
		if (peer_key_load(&key, argv[2], &e) < 0)
			die(&e);
		peer_sign(&key, "POST", argv[1], clock_wall_ms(), argv[3], strlen(argv[3]), auth);
		headers[1] = auth;
	}
	if (http_fetch(&call, NULL, &r, &e) < 0)
		die(&e);
	printf("%d %s\n", r.status, buf_str(&r.body));
	http_result_fini(&r);
	http_fetch_close();
	return 0;
}

static void
begin(void *arg)
{
	(void)arg;
	begun_ms = clock_mono_ms();
	send_more();
}

int
main(int argc, char **argv)
{
	struct err e = ERR_INIT;
	char path[4096];

	if (argc == 6 && strcmp(argv[1], "post") == 0)
		return post(argv + 2);
	if (argc < 3)
		return 64;
	dir = argv[2];
	if (strcmp(argv[1], "serve") == 0) {
		if (file_path(path, sizeof path, &e, "%s/log", dir) < 0 || (log_to = fopen(path, "ae")) == NULL)
			die(&e);
		if (file_path(path, sizeof path, &e, "%s/peer.key", dir) < 0 || peer_key_load(&key, path, &e) < 0)
			die(&e);
		serve(argc > 3 ? argv[3] : "127.0.0.1:0");
	} else if (strcmp(argv[1], "flood") == 0 && (argc == 8 || argc == 9)) {
		worker = argv[3];
		unsigned_worker = strcmp(argv[4], "-") == 0;
		if (argc == 9)
			processor = argv[8];
		n_all = atoi(argv[5]);
		at_once = atoi(argv[6]);
		params = argv[7];
		first_id = clock_wall_ms() << 20;
		seen = calloc((size_t)n_all, 1);
		if (seen == NULL || (!unsigned_worker && peer_key_load(&key, argv[4], &e) < 0))
			die(&e);
		if (file_path(path, sizeof path, &e, "%s/addr", dir) < 0)
			die(&e);
		{
			struct buf b = BUF_INIT;

			serve(file_read(path, 100, &b, NULL) == 0 ? buf_str(&b) : "127.0.0.1:0");
			buf_fini(&b);
		}
		loop_timer_set(loop_timer_new(loop, begin, NULL), 0);
	} else {
		return 64;
	}
	if (loop_run(loop, &e) < 0)
		die(&e);
	return 0;
}

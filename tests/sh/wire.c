/* A stand-in for a worker in shell tests.
 *
 *   wire listen ADDR LOG ANSWER   answers every POST with the contents of the file ANSWER (missing: `{"success":true,
 *                                 "outcome":"accepted"}`; its first line may be `status N`), after it appended a line
 *                                 `PATH SIGNED BODY` to LOG. Prints its address.
 *   wire worker ADDR KEY REMOTE   a pj worker that does nothing, quickly: accepts every run, reports it succeeded to the
 *                                 server's port REMOTE, and sends a heartbeat each second. Prints its address.
 *   wire send KEY METHOD URL [BODY]   sends one request, signed with the key file KEY (`-`: unsigned); prints the status
 *                                 and, on the next line, the body. BODY `@FILE` is read from FILE.
 *   wire notify SOCKET            plays systemd: makes the datagram socket and prints what comes, a line each.
 *   wire pong                     what a starting Java worker listens with: says `pong` to who connects; prints its port. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/loop.h"
#include "net/peer.h"

#define BODY_MAX (64 * 1024 * 1024)

struct listener {
	const char *log, *answer;
};

static int
die(const struct err *e)
{
	fprintf(stderr, "wire: %s\n", e->msg);
	return err_exit_code(e->code);
}

static void
note(const struct listener *l, struct http_req *req)
{
	FILE *f = fopen(l->log, "a");
	size_t len;
	const char *body = http_req_body(req, &len);

	if (f == NULL)
		exit(73);
	fprintf(f, "%s %s %.*s\n", http_req_path(req), http_req_header(req, PEER_HEADER) != NULL ? "signed" : "plain",
	    (int)len, body == NULL ? "" : body);
	fclose(f);
}

static void
handle(struct http_req *req, void *arg)
{
	const struct listener *l = arg;
	struct buf body = BUF_INIT;
	int status = 200, used = 0;

	note(l, req);
	if (file_read(l->answer, BODY_MAX, &body, NULL) != 0)
		buf_adds(&body, "{\"success\":true,\"outcome\":\"accepted\"}");
	if (sscanf(buf_str(&body), "status %d%n", &status, &used) == 1)
		buf_drop(&body, (size_t)used + 1 > body.len ? body.len : (size_t)used + 1);
	http_reply(req, status, body.len > 0 ? "application/json" : NULL, &body);
	buf_fini(&body);
}

static void
fail(struct http_req *req, const struct err *e, void *arg)
{
	http_reply_text(req, err_http_status(e->code), NULL, e->msg);
}

static int
listen_on(char **argv)
{
	struct listener l = { argv[1], argv[2] };
	struct http_listener li = { .addr = argv[0], .handler = handle, .fail = fail, .arg = &l };
	struct err e = ERR_INIT;
	struct loop *loop = loop_new(&e);
	struct http_server *s = loop == NULL ? NULL : http_server_new(loop, &e);

	log_init("wire", LOG_WARN_);
	if (s == NULL || http_server_listen(s, &li, &e) != 0)
		return die(&e);
	printf("%s\n", http_server_addr(s, 0));
	fflush(stdout);
	return loop_run(loop, &e) == 0 ? 0 : die(&e);
}

/* --- the quick worker --- */

struct quick {
	struct loop *loop;
	struct http_client *client;
	struct http_server *http;
	struct peer_key key;
	const char *remote;
	struct loop_timer *beat;
	struct buf body;
};

static void
told(const struct http_answer *a, void *arg)
{
	if (a->outcome != HTTP_ANSWERED || a->status != 200)
		fprintf(stderr, "wire: told: status %d %s\n", a->status, a->error);
}

static void
tell(struct quick *q, const char *path)
{
	const char *headers[3] = { "Content-Type: application/json", NULL, NULL };
	char sign[160], url[300];
	struct http_call call = { .method = "POST", .url = url, .headers = headers, .body = q->body.data,
		.body_len = q->body.len, .connect_ms = 3000, .total_ms = 30000 };

	snprintf(url, sizeof url, "http://%s%s", q->remote, path);
	peer_sign(&q->key, "POST", path, clock_wall_ms(), call.body, call.body_len, sign);
	headers[1] = sign;
	http_client_start(q->client, &call, told, q, NULL);
}

static long long
number_of(const char *body, const char *member)
{
	const char *at = strstr(body, member);

	return at == NULL ? 0 : strtoll(at + strlen(member), NULL, 10);
}

static void
quick_run(struct http_req *req, void *arg)
{
	struct quick *q = arg;
	const char *body = http_req_body(req, NULL);
	long long now = clock_wall_ms();

	http_reply_text(req, 200, "application/json", "{\"success\":true,\"outcome\":\"accepted\"}");
	if (strcmp(http_req_path(req), "/worker/runJob") != 0)
		return;
	buf_clear(&q->body);
	buf_addf(&q->body, "{\"appId\":1,\"instanceId\":%lld,\"attempt\":%lld,\"instanceStatus\":5,\"result\":\"done\","
	    "\"totalTaskNum\":1,\"succeedTaskNum\":1,\"failedTaskNum\":0,\"startTime\":%lld,\"reportTime\":%lld,"
	    "\"exitCode\":0,\"logLength\":0,\"sourceAddress\":\"%s\"}", number_of(body, "\"instanceId\":"),
	    number_of(body, "\"attempt\":"), now, now, http_server_addr(q->http, 0));
	tell(q, "/server/reportInstanceStatus");
}

static void
quick_beat(void *arg)
{
	struct quick *q = arg;

	buf_clear(&q->body);
	buf_addf(&q->body, "{\"workerAddress\":\"%s\",\"appName\":\"default\",\"appId\":1,\"heartbeatTime\":%lld,"
	    "\"version\":\"wire\",\"protocol\":\"HTTP\",\"client\":\"wire\",\"systemMetrics\":{\"cpuProcessors\":2,"
	    "\"cpuLoad\":0.1,\"jvmUsedMemory\":0.1,\"jvmMaxMemory\":1,\"diskUsed\":1,\"diskTotal\":100,\"score\":5}}",
	    http_server_addr(q->http, 0), (long long)clock_wall_ms());
	tell(q, "/server/workerHeartbeat");
	loop_timer_set(q->beat, 1000);
}

static int
work(char **argv)
{
	static struct quick q;
	struct http_listener li = { .addr = argv[0], .handler = quick_run, .fail = fail, .arg = &q };
	struct err e = ERR_INIT;

	log_init("wire", LOG_WARN_);
	q.remote = argv[2];
	if (peer_key_load(&q.key, argv[1], &e) != 0 || (q.loop = loop_new(&e)) == NULL ||
	    (q.http = http_server_new(q.loop, &e)) == NULL || (q.client = http_client_new(q.loop, &e)) == NULL ||
	    http_server_listen(q.http, &li, &e) != 0)
		return die(&e);
	q.beat = loop_timer_new(q.loop, quick_beat, &q);
	loop_timer_set(q.beat, 0);
	printf("%s\n", http_server_addr(q.http, 0));
	fflush(stdout);
	return loop_run(q.loop, &e) == 0 ? 0 : die(&e);
}

static int
send_one(int argc, char **argv)
{
	const char *headers[3] = { "Content-Type: application/json", NULL, NULL }, *path;
	char sign[160];
	struct buf body = BUF_INIT;
	struct peer_key key;
	struct err e = ERR_INIT;
	struct http_result r;
	struct http_call call = { .method = argv[1], .url = argv[2], .headers = headers, .connect_ms = 3000,
		.total_ms = 70000 };

	if (argc > 3 && argv[3][0] == '@') {
		if (file_read(argv[3] + 1, BODY_MAX, &body, &e) != 0)
			return die(&e);
	} else if (argc > 3) {
		buf_adds(&body, argv[3]);
	}
	call.body = body.data;
	call.body_len = body.len;
	path = strstr(argv[2], "://") == NULL ? NULL : strchr(strstr(argv[2], "://") + 3, '/');
	if (strcmp(argv[0], "-") != 0 && path != NULL) {
		if (peer_key_load(&key, argv[0], &e) != 0)
			return die(&e);
		peer_sign(&key, call.method, path, clock_wall_ms(), call.body, call.body_len, sign);
		headers[1] = sign;
	}
	if (http_fetch(&call, NULL, &r, &e) != 0)
		return die(&e);
	printf("%d\n%.*s\n", r.status, (int)r.body.len, buf_str(&r.body));
	http_result_fini(&r);
	http_fetch_close();
	buf_fini(&body);
	return 0;
}

static int
notify(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char text[512];
	ssize_t n;

	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0) {
		perror("wire: notify");
		return 71;
	}
	while ((n = recv(fd, text, sizeof text, 0)) >= 0) {
		printf("%.*s\n", (int)n, text);
		fflush(stdout);
	}
	return 0;
}

static int
pong(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), peer;

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 8) != 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) != 0) {
		perror("wire: pong");
		return 71;
	}
	printf("%d\n", ntohs(a.sin_port));
	fflush(stdout);
	while ((peer = accept(fd, NULL, NULL)) >= 0) {
		char ping[8];

		if (send(peer, "pong\n", 5, MSG_NOSIGNAL) == 5)
			while (recv(peer, ping, sizeof ping, 0) > 0)
				;
		close(peer);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "listen") == 0)
		return listen_on(argv + 2);
	if (argc == 5 && strcmp(argv[1], "worker") == 0)
		return work(argv + 2);
	if (argc >= 5 && strcmp(argv[1], "send") == 0)
		return send_one(argc - 2, argv + 2);
	if (argc == 3 && strcmp(argv[1], "notify") == 0)
		return notify(argv[2]);
	if (argc == 2 && strcmp(argv[1], "pong") == 0)
		return pong();
	fprintf(stderr, "usage: wire listen ADDR LOG ANSWER | wire worker ADDR KEY REMOTE |\n"
	    "       wire send KEY METHOD URL [BODY] | wire notify SOCKET | wire pong\n");
	return 64;
}

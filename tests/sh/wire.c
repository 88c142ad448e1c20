/* A stand-in for a worker in shell tests.
 *
 *   wire listen ADDR LOG ANSWER   answers every POST with the contents of the file ANSWER (missing: `{"success":true,
 *                                 "outcome":"accepted"}`; its first line may be `status N`), after it appended a line
 *                                 `PATH SIGNED BODY` to LOG. Prints its address.
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
	if (argc >= 5 && strcmp(argv[1], "send") == 0)
		return send_one(argc - 2, argv + 2);
	if (argc == 3 && strcmp(argv[1], "notify") == 0)
		return notify(argv[2]);
	if (argc == 2 && strcmp(argv[1], "pong") == 0)
		return pong();
	fprintf(stderr, "usage: wire listen ADDR LOG ANSWER | wire send KEY METHOD URL [BODY] | wire notify SOCKET | wire pong\n");
	return 64;
}

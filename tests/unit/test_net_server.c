/* The HTTP server against raw sockets: what it accepts, what it refuses and how, whom it outlives. */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* Short limits, so that the tests of time do not take minutes. */
#include "base/limits.h"
#undef LIMIT_HTTP_REQUEST_MS
#define LIMIT_HTTP_REQUEST_MS 400
#undef LIMIT_HTTP_IDLE_MS
#define LIMIT_HTTP_IDLE_MS 700
#undef LIMIT_HTTP_CONNECTIONS
#define LIMIT_HTTP_CONNECTIONS 250
#include "../../lib/net/http_conn.c"
#include "../../lib/net/http_server.c"

#include "net_help.h"

#define CLOSE "Host: localhost\r\nConnection: close\r\n"

struct app {
	struct net n;
	struct http_req *kept[8];
	int n_kept, closed, handled, fails, streams_done;
	char dir[64], sock[96];
};

static void
kept_closed(struct http_req *r, void *arg)
{
	struct app *a = arg;

	a->closed++;
	assert_ptr_equal(http_req_user(r), a);
	for (int i = 0; i < a->n_kept; i++)
		if (a->kept[i] == r)
			a->kept[i] = NULL;
}

static void
say(struct http_req *r)
{
	struct buf b = BUF_INIT;
	size_t len;
	const char *body = http_req_body(r, &len), *x = http_req_header(r, "x-TEST"), *p = http_req_param(r, "p");

	buf_addf(&b, "%s|%s|%s|%zu|%.*s|%s|%s", http_req_method(r), http_req_path(r), http_req_raw_path(r), len,
	    len > 100 ? 0 : (int)len, body, x != NULL ? x : "-", p != NULL ? p : "-");
	assert_int_equal(body[len], '\0');
	http_reply_header(r, "X-POWERJOB-AUTH-PASSED", "true");
	http_reply(r, 200, "application/json", &b);
}

/* Bytes that say where they are; /stream/short has nothing behind the first 600,000. */
static int
fill_all(void *arg, int64_t offset, size_t most, struct buf *out)
{
	char *room = buf_room(out, most);

	for (size_t i = 0; i < most; i++)
		room[i] = (char)('a' + (offset + (int64_t)i) / 1000 % 26);
	out->len += most;
	return 0;
}

static int
fill_short(void *arg, int64_t offset, size_t most, struct buf *out)
{
	return offset >= 600000 ? -1 : fill_all(arg, offset, most, out);
}

static void
stream_done(void *arg)
{
	((struct app *)arg)->streams_done++;
}

static void
stream(struct http_req *r, struct app *a, const char *what)
{
	struct http_source s = { .fill = strcmp(what, "short") == 0 ? fill_short : fill_all, .done = stream_done, .arg = a,
		.length = strcmp(what, "none") == 0 ? 0 : 900000 };

	http_reply_stream(r, 200, "text/plain", &s);
}

static void
handler(struct http_req *r, void *arg)
{
	struct app *a = arg;
	const char *path = http_req_path(r);

	a->handled++;
	if (strcmp(path, "/empty") == 0) {
		http_reply(r, 200, NULL, NULL);
	} else if (strcmp(path, "/none") == 0) {
		http_reply(r, 204, NULL, NULL);
	} else if (strcmp(path, "/twice") == 0) {
		http_reply_text(r, 200, "text/plain", "first");
		http_reply_text(r, 500, "text/plain", "second");
	} else if (strcmp(path, "/split") == 0) {
		http_reply_header(r, "X-Evil", "a\r\nSet-Cookie: b");
		http_reply(r, 200, NULL, NULL);
	} else if (strcmp(path, "/big") == 0) {
		struct buf b = BUF_INIT;

		memset(buf_room(&b, 800000), 'x', 800000);
		b.len = 800000;
		http_reply(r, 200, NULL, &b);
	} else if (strncmp(path, "/stream/", 8) == 0) {
		stream(r, a, path + 8);
	} else if (strcmp(path, "/who") == 0) {
		http_reply_text(r, 200, NULL, http_req_peer(r));
	} else if (strcmp(path, "/keep") == 0) {
		http_req_set_user(r, a);
		http_req_on_close(r, kept_closed, a);
		a->kept[a->n_kept++] = r;
	} else if (strcmp(path, "/orphan") == 0) {
		a->kept[a->n_kept++] = r;
	} else {
		say(r);
	}
}

static void
say_why(struct http_req *r, const struct err *e, void *arg)
{
	struct app *a = arg;

	a->fails++;
	http_reply_text(r, err_http_status(e->code), "text/plain", e->msg);
}

static void
listen_on(struct app *a, const char *addr, bool strict)
{
	static const char *const hosts[] = { "pj.example.org", "nat:99", NULL };
	struct http_listener li = { .addr = addr, .handler = handler, .fail = say_why, .arg = a, .strict_origin = strict,
		.hosts = hosts };
	struct err e = ERR_INIT;

	if (http_server_listen(a->n.s, &li, &e) < 0)
		fail_msg("%s", e.msg);
}

static int
setup(void **state)
{
	struct app *a = calloc(1, sizeof *a);

	net_init(&a->n);
	snprintf(a->dir, sizeof a->dir, "/tmp/pj-test-XXXXXX");
	assert_non_null(mkdtemp(a->dir));
	snprintf(a->sock, sizeof a->sock, "%s/s", a->dir);
	listen_on(a, "127.0.0.1:0", false);
	listen_on(a, a->sock, false);
	listen_on(a, "127.0.0.1:0", true);
	*state = a;
	return 0;
}

static int
teardown(void **state)
{
	struct app *a = *state;
	struct stat st;

	net_fini(&a->n);
	assert_int_equal(stat(a->sock, &st), -1); /* removed with the server */
	rmdir(a->dir);
	free(a);
	return 0;
}

static void
has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("no `%s` in `%s`", part, text);
}

static void
has_not(const char *text, const char *part)
{
	if (strstr(text, part) != NULL)
		fail_msg("`%s` in `%s`", part, text);
}

static void
test_plain(void **state)
{
	struct app *a = *state;

	assert_string_equal(net_talk(&a->n, 0, "GET /a/b?p=1%202 HTTP/1.1\r\nX-Test:  y \r\n" CLOSE "\r\n"),
	    "HTTP/1.1 200 OK\r\nX-POWERJOB-AUTH-PASSED: true\r\nContent-Type: application/json\r\n"
	    "Content-Length: 30\r\nConnection: close\r\n\r\nGET|/a/b|/a/b?p=1%202|0||y|1 2");
}

static void
test_paths_and_params(void **state)
{
	struct app *a = *state;

	has(net_talk(&a->n, 0, "GET //server//x/?q&p=a%2Bb+c&p=2 HTTP/1.1\r\n" CLOSE "\r\n"), "GET|/server//x|//server//x/?");
	has(net_talk(&a->n, 0, "GET /%E4%BD%A0?a=b HTTP/1.1\r\n" CLOSE "\r\n"), "GET|/\xe4\xbd\xa0|");
	has(net_talk(&a->n, 0, "GET / HTTP/1.1\r\n" CLOSE "\r\n"), "GET|/|/|");
	has(net_talk(&a->n, 0, "POST /f HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n"
	    "Content-Length: 13\r\n" CLOSE "\r\nx=1&p=%C3%A4+"), "|\xc3\xa4 ");
	has(net_talk(&a->n, 0, "POST /f HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 3\r\n" CLOSE
	    "\r\np=1"), "|p=1|-|-");
	has(net_talk(&a->n, 0, "GET /?p=100% HTTP/1.1\r\n" CLOSE "\r\n"), "|100%");
	has(net_talk(&a->n, 0, "GET http://localhost/abs?p=7 HTTP/1.1\r\n" CLOSE "\r\n"), "GET|/abs|/abs?p=7|0||-|7");
}

static void
test_methods(void **state)
{
	static const char *const methods[] = { "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW" };
	struct app *a = *state;
	char request[200];

	for (size_t i = 0; i < 6; i++) {
		snprintf(request, sizeof request, "%s /m HTTP/1.1\r\n" CLOSE "\r\n", methods[i]);
		has(net_talk(&a->n, 0, request), methods[i]);
	}
	has(net_talk(&a->n, 0, "OPTIONS * HTTP/1.1\r\n" CLOSE "\r\n"), "OPTIONS|*|*");
	assert_string_equal(net_talk(&a->n, 0, "HEAD /m HTTP/1.1\r\n" CLOSE "\r\n"),
	    "HTTP/1.1 200 OK\r\nX-POWERJOB-AUTH-PASSED: true\r\nContent-Type: application/json\r\n"
	    "Content-Length: 17\r\nConnection: close\r\n\r\n");
}

static void
test_replies(void **state)
{
	struct app *a = *state;
	const char *text;

	assert_string_equal(net_talk(&a->n, 0, "GET /empty HTTP/1.1\r\n" CLOSE "\r\n"),
	    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
	assert_string_equal(net_talk(&a->n, 0, "GET /none HTTP/1.1\r\n" CLOSE "\r\n"),
	    "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
	text = net_talk(&a->n, 0, "GET /twice HTTP/1.1\r\n" CLOSE "\r\n");
	has(text, "first");
	has_not(text, "second");
	has_not(net_talk(&a->n, 0, "GET /split HTTP/1.1\r\n" CLOSE "\r\n"), "\nSet-Cookie");
	text = net_talk(&a->n, 0, "GET /big HTTP/1.1\r\n" CLOSE "\r\n");
	assert_int_equal(strlen(strstr(text, "\r\n\r\n") + 4), 800000);
	has(net_talk(&a->n, 0, "GET /empty HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n" "GET /empty HTTP/1.0\r\n\r\n"),
	    "Connection: keep-alive\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close");
}

static void
test_chunked(void **state)
{
	struct app *a = *state;
	int fd;

	has(net_talk(&a->n, 0, "POST /c HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n" CLOSE "\r\n"
	    "4\r\nWiki\r\n05;x=y\r\npedia\r\n0\r\nTrailer: 1\r\n\r\n"), "|9|Wikipedia|");
	fd = net_connect(&a->n, 0);
	for (const char *c = "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
	    "A\r\n0123456789\r\n0\r\n\r\nGET /next HTTP/1.1\r\n" CLOSE "\r\n"; *c != '\0'; c++) {
		char one[2] = { *c, '\0' };

		net_send(fd, one);
	}
	has(net_hear(&a->n, fd, NULL), "|13|abc0123456789|");
	close(fd);
	has(net_talk(&a->n, 0, "POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" CLOSE "\r\n4\r\nWikix\r\n"), "400");
	has(net_talk(&a->n, 0, "POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" CLOSE "\r\nzz\r\n"), "400");
	has(net_talk(&a->n, 0, "POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" CLOSE "\r\n800001\r\n"), "413");
	has(net_talk(&a->n, 0, "POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" CLOSE "\r\nfffffffffffffffff\r\n"),
	    "413");
}

static void
test_continue(void **state)
{
	struct app *a = *state;
	int fd = net_connect(&a->n, 0);

	net_send(fd, "POST /c HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
	assert_string_equal(net_hear(&a->n, fd, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
	net_send(fd, "hello");
	has(net_hear(&a->n, fd, "hello"), "HTTP/1.1 200 OK");
	close(fd);
	has(net_talk(&a->n, 0, "POST /c HTTP/1.1\r\nHost: h\r\nContent-Length: 9000000\r\nExpect: 100-continue\r\n\r\n"),
	    "HTTP/1.1 413");
}

static void
test_malformed(void **state)
{
	static const char *const bad[] = {
		"\x16\x03\x01\x02\x01\r\n\r\n",
		"GET\r\n\r\n",
		"GET / HTTP/2.0\r\n" CLOSE "\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"GET / HTTP/1.1 x\r\n" CLOSE "\r\n",
		"GET  / HTTP/1.1\r\n" CLOSE "\r\n",
		"GET x HTTP/1.1\r\n" CLOSE "\r\n",
		"CONNECT a:1 HTTP/1.1\r\n" CLOSE "\r\n",
		"GET /%zz HTTP/1.1\r\n" CLOSE "\r\n",
		"GET /%0 HTTP/1.1\r\n" CLOSE "\r\n",
		"GET /a%00b HTTP/1.1\r\n" CLOSE "\r\n",
		"GET / HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1\r\n" CLOSE "No colon\r\n\r\n",
		"GET / HTTP/1.1\r\n" CLOSE "A : b\r\n\r\n",
		"GET / HTTP/1.1\r\n" CLOSE " folded\r\n\r\n",
		"GET / HTTP/1.1\r\n" CLOSE "A: \x01\r\n\r\n",
		"GET / HTTP/1.1\r\n" CLOSE "Host: b\r\n\r\n",
		"POST / HTTP/1.1\r\n" CLOSE "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
		"POST / HTTP/1.1\r\n" CLOSE "Content-Length: 1\r\ncontent-length: 2\r\n\r\nxx",
		"POST / HTTP/1.1\r\n" CLOSE "Content-Length: 1, 1\r\n\r\nx",
		"POST / HTTP/1.1\r\n" CLOSE "Content-Length: -1\r\n\r\nx",
		"POST / HTTP/1.1\r\n" CLOSE "Content-Length: +1\r\n\r\nx",
		"POST / HTTP/1.1\r\n" CLOSE "Content-Length: \r\n\r\nx",
		"POST / HTTP/1.1\r\n" CLOSE "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\n" CLOSE "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	};
	struct app *a = *state;
	const char *text;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		text = net_talk(&a->n, 0, bad[i]);
		if (strncmp(text, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n", 51) != 0)
			fail_msg("`%s` was answered `%s`", bad[i], text);
		has(text, "Connection: close\r\n");
		has_not(text, "<");
	}
	assert_int_equal(a->handled, 0);
	has(net_talk(&a->n, 0, "POST / HTTP/1.1\r\n" CLOSE "Content-Length: 99999999999999999999\r\n\r\n"), "413");
}

static void
test_oversized(void **state)
{
	struct app *a = *state;
	struct buf b = BUF_INIT;
	int fd;

	buf_adds(&b, "GET / HTTP/1.1\r\nX: ");
	for (int i = 0; i < LIMIT_HTTP_HEADERS; i++)
		buf_addc(&b, 'x');
	has(net_talk(&a->n, 0, buf_str(&b)), "HTTP/1.1 413 Content Too Large\r\nContent-Type: text/plain");
	buf_clear(&b);
	buf_adds(&b, "GET / HTTP/1.1\r\n" CLOSE);
	for (int i = 0; i < 100; i++)
		buf_addf(&b, "X-%d: y\r\n", i);
	has(net_talk(&a->n, 0, buf_str(&b)), "HTTP/1.1 413");
	buf_clear(&b);
	/* The client goes on sending after the refusal: it must still be able to read it. */
	fd = net_connect(&a->n, 0);
	net_send(fd, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9000000\r\n\r\n");
	for (int i = 0; i < 1000; i++)
		buf_adds(&b, "0123456789");
	for (int i = 0; i < 10; i++)
		net_send(fd, buf_str(&b));
	has(net_hear(&a->n, fd, "bytes"), "HTTP/1.1 413");
	net_send(fd, buf_str(&b));
	close(fd);
	buf_fini(&b);
	assert_int_equal(a->handled, 0);
}

static void
test_largest_body(void **state)
{
	struct app *a = *state;
	struct buf b = BUF_INIT;
	int fd = net_connect(&a->n, 0);
	pid_t pid;

	memset(buf_room(&b, LIMIT_HTTP_BODY), 'z', LIMIT_HTTP_BODY);
	b.len = LIMIT_HTTP_BODY;
	pid = fork();
	if (pid == 0) {
		char head[100];

		snprintf(head, sizeof head, "POST /b HTTP/1.1\r\n" CLOSE "Content-Length: %zu\r\n\r\n", b.len);
		send(fd, head, strlen(head), 0);
		for (size_t sent = 0; sent < b.len;) {
			ssize_t n = send(fd, b.data + sent, b.len - sent, 0);

			if (n <= 0)
				_exit(1);
			sent += (size_t)n;
		}
		_exit(0);
	}
	has(net_hear(&a->n, fd, NULL), "POST|/b|/b|8388608|");
	waitpid(pid, NULL, 0);
	close(fd);
	buf_fini(&b);
}

static void
test_pipelined(void **state)
{
	struct app *a = *state;
	const char *text = net_talk(&a->n, 0, "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
	    "\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\nGET /3 HTTP/1.1\r\n" CLOSE "\r\n");
	const char *one = strstr(text, "POST|/1|/1|3|abc|"), *two = strstr(text, "GET|/2|"), *three = strstr(text, "GET|/3|");

	assert_true(one != NULL && two > one && three > two);
	/* Garbage behind a good request: the request is answered, the garbage refused. */
	text = net_talk(&a->n, 0, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n\x01\x02\x03\r\n\r\n");
	has(text, "GET|/1|");
	has(text, "HTTP/1.1 400");
}

static void
test_half_closed(void **state)
{
	struct app *a = *state;
	int fd = net_connect(&a->n, 0);

	net_send(fd, "GET /h HTTP/1.1\r\nHost: h\r\n\r\n");
	shutdown(fd, SHUT_WR);
	has(net_hear(&a->n, fd, NULL), "GET|/h|");
	close(fd);
}

static bool
two_kept(void *arg)
{
	return ((struct app *)arg)->n_kept == 2;
}

static bool
one_closed(void *arg)
{
	return ((struct app *)arg)->closed == 1;
}

static void
test_deferred(void **state)
{
	struct app *a = *state;
	int one = net_connect(&a->n, 0), two = net_connect(&a->n, 0);

	net_send(one, "GET /keep HTTP/1.1\r\nHost: h\r\n\r\n");
	net_send(two, "GET /keep HTTP/1.1\r\nHost: h\r\n\r\n");
	net_run(&a->n, two_kept, a, 5000);
	close(one);
	net_run(&a->n, one_closed, a, 5000);
	assert_true((a->kept[0] == NULL) != (a->kept[1] == NULL));
	http_reply_text(a->kept[0] != NULL ? a->kept[0] : a->kept[1], 200, NULL, "late");
	has(net_hear(&a->n, two, "late"), "HTTP/1.1 200");
	net_send(two, "GET /again HTTP/1.1\r\nHost: h\r\n\r\n");
	has(net_hear(&a->n, two, "|-|-"), "/again");
	close(two);
	assert_int_equal(a->closed, 1);
}

static bool
one_kept(void *arg)
{
	return ((struct app *)arg)->n_kept == 1;
}

static bool
no_conns(void *arg)
{
	return ((struct app *)arg)->n.s->li[0]->n_conns == 0;
}

/* A handler that did not ask to hear of the close may still reply. */
static void
test_reply_after_close(void **state)
{
	struct app *a = *state;
	int fd = net_connect(&a->n, 0);

	net_send(fd, "GET /orphan HTTP/1.1\r\nHost: h\r\n\r\n");
	net_run(&a->n, one_kept, a, 5000);
	close(fd);
	net_run(&a->n, no_conns, a, 5000);
	http_reply_text(a->kept[0], 200, NULL, "nobody hears");
	has(net_talk(&a->n, 0, "GET /empty HTTP/1.1\r\n" CLOSE "\r\n"), "200");
	assert_null(a->n.s->reqs);
}

static void
test_kept_while_pipelined(void **state)
{
	struct app *a = *state;
	int fd = net_connect(&a->n, 0);
	static char flood[32768];

	memset(flood, 'y', sizeof flood - 1);
	net_send(fd, "GET /keep HTTP/1.1\r\nHost: h\r\n\r\n");
	net_run(&a->n, one_kept, a, 5000);
	for (int i = 0; i < 8; i++)
		net_send(fd, flood);
	has(net_talk(&a->n, 0, "GET /empty HTTP/1.1\r\n" CLOSE "\r\n"), "200");
	http_reply_text(a->kept[0], 200, NULL, "ok");
	has(net_hear(&a->n, fd, NULL), "HTTP/1.1 413");
	close(fd);
}

static void
test_failed_commit(void **state)
{
	struct app *a = *state;
	const char *text;

	a->n.fail_next = 1 << 20;
	text = net_talk(&a->n, 0, "GET /x HTTP/1.1\r\n" CLOSE "\r\n");
	assert_string_equal(text, "HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/plain\r\n"
	    "Content-Length: 16\r\nConnection: close\r\n\r\nthe disk is full");
	a->n.fail_next = 0;
	has(net_talk(&a->n, 0, "GET /x HTTP/1.1\r\n" CLOSE "\r\n"), "HTTP/1.1 200 OK");
}

static void
test_unix(void **state)
{
	struct app *a = *state;
	struct http_listener li = { .addr = a->sock, .handler = handler, .fail = say_why, .arg = a };
	struct err e = ERR_INIT;
	struct stat st;
	char expect[64], path[256];

	assert_int_equal(stat(a->sock, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	snprintf(expect, sizeof expect, "unix:uid=%d", (int)getuid());
	has(net_talk(&a->n, 1, "GET /who HTTP/1.1\r\n" CLOSE "\r\n"), expect);
	assert_int_equal(http_server_listen(a->n.s, &li, &e), -1); /* somebody answers there: we */
	assert_int_equal(e.code, ERR_BUSY);
	snprintf(path, sizeof path, "%s/%0100d", a->dir, 7);
	li.addr = path;
	assert_int_equal(http_server_listen(a->n.s, &li, &e), -1);
	assert_int_equal(e.code, ERR_CONFIG);
}

static void
test_unix_stale(void **state)
{
	struct app *a = *state;
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct http_listener li = { .addr = un.sun_path, .handler = handler, .fail = say_why, .arg = a };
	struct err e = ERR_INIT;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(un.sun_path, sizeof un.sun_path, "%s/stale", a->dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof un), 0);
	close(fd);
	assert_int_equal(http_server_listen(a->n.s, &li, &e), 0);
	has(net_talk(&a->n, 3, "GET /who HTTP/1.1\r\n" CLOSE "\r\n"), "200");
	snprintf(un.sun_path, sizeof un.sun_path, "%s/file", a->dir);
	fd = open(un.sun_path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	assert_int_equal(http_server_listen(a->n.s, &li, &e), -1); /* a file is nobody's to remove */
	assert_int_equal(e.code, ERR_CONFIG);
	unlink(un.sun_path);
}

static void
test_unix_other_user(void **state)
{
	struct app *a = *state;
	int fd;

	if (getuid() != 0)
		skip(); /* only root can become another user */
	chmod(a->dir, 0777);
	chmod(a->sock, 0777);
	assert_int_equal(seteuid(12345), 0);
	fd = net_connect(&a->n, 1); /* the kernel notes the uid of the moment */
	assert_int_equal(seteuid(0), 0);
	net_send(fd, "GET /who HTTP/1.1\r\nHost: h\r\n\r\n");
	has(net_hear(&a->n, fd, NULL), "HTTP/1.1 403");
	close(fd);
	assert_int_equal(a->handled, 0);
}

/* '@' stands for the port. */
static void
put_host(char *out, size_t size, const char *pattern, int port)
{
	size_t n = strcspn(pattern, "@");

	if (pattern[n] == '@')
		snprintf(out, size, "%.*s%d%s", (int)n, pattern, port, pattern + n + 1);
	else
		snprintf(out, size, "%s", pattern);
}

static void
test_strict_origin(void **state)
{
	struct app *a = *state;
	const char *const good[] = { "localhost:@", "LOCALHOST:@", "127.0.0.1:@", "[::1]:@", "pj.example.org:@", "nat:99" };
	const char *const bad[] = { "evil.example:@", "localhost", "127.0.0.1:1", "nat:@", "localhost:@0", "[::1", "" };
	char host[64], request[200];
	int port = net_port(&a->n, 2);

	for (size_t i = 0; i < 6; i++) {
		put_host(host, sizeof host, good[i], port);
		snprintf(request, sizeof request, "GET /o HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", host);
		if (strstr(net_talk(&a->n, 2, request), "HTTP/1.1 200") == NULL)
			fail_msg("Host %s was refused", host);
		snprintf(request, sizeof request, "GET /o HTTP/1.1\r\nHost: %s\r\nOrigin: null\r\n\r\n", host);
		has(net_talk(&a->n, 2, request), "HTTP/1.1 403");
	}
	for (size_t i = 0; i < 7; i++) {
		put_host(host, sizeof host, bad[i], port);
		snprintf(request, sizeof request, "GET /o HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", host);
		if (strstr(net_talk(&a->n, 2, request), "HTTP/1.1 403") == NULL)
			fail_msg("Host %s was accepted", host);
	}
	assert_int_equal(a->handled, 6);
}

static void
test_slow_request(void **state)
{
	struct app *a = *state;
	int64_t start = clock_mono_ms();
	struct net_heard h = { .fd = net_connect(&a->n, 0), .got = BUF_INIT };

	net_send(h.fd, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
	while (!net_heard_it(&h)) { /* a byte now and then does not make it last longer */
		send(h.fd, "x", 1, MSG_NOSIGNAL);
		assert_true(clock_mono_ms() - start < 3000);
		net_pause(&a->n, 20);
	}
	has(buf_str(&h.got), "HTTP/1.1 504");
	assert_true(clock_mono_ms() - start >= LIMIT_HTTP_REQUEST_MS);
	buf_fini(&h.got);
	close(h.fd);
}

static void
test_idle(void **state)
{
	struct app *a = *state;
	int64_t start = clock_mono_ms();
	int fd = net_connect(&a->n, 0);

	assert_string_equal(net_hear(&a->n, fd, NULL), "");
	assert_true(clock_mono_ms() - start >= LIMIT_HTTP_IDLE_MS);
	assert_true(clock_mono_ms() - start < LIMIT_HTTP_IDLE_MS + 2000);
	close(fd);
}

/* A long poll lasts as long as its handler wants. */
static void
test_long_poll(void **state)
{
	struct app *a = *state;
	int fd = net_connect(&a->n, 0);

	net_send(fd, "GET /keep HTTP/1.1\r\nHost: h\r\n\r\n");
	net_pause(&a->n, LIMIT_HTTP_IDLE_MS + LIMIT_HTTP_REQUEST_MS);
	assert_int_equal(a->n_kept, 1);
	assert_int_equal(a->closed, 0);
	http_reply_text(a->kept[0], 200, NULL, "at last");
	has(net_hear(&a->n, fd, "at last"), "200");
	close(fd);
}

/* A client that does not read its answer is let go. */
static void
test_unread_reply(void **state)
{
	struct app *a = *state;
	int fd = net_connect(&a->n, 0), size = 4096;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	for (int i = 0; i < 8; i++)
		net_send(fd, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
	net_pause(&a->n, 50);
	assert_int_equal(a->n.s->li[0]->n_conns, 1);
	net_run(&a->n, no_conns, a, 5000);
	close(fd);
}

static void
test_stream(void **state)
{
	struct app *a = *state;
	const char *text = net_talk(&a->n, 0, "GET /stream/all HTTP/1.1\r\n" CLOSE "\r\n"), *body = strstr(text, "\r\n\r\n") + 4;

	has(text, "Content-Length: 900000\r\n");
	assert_int_equal(strlen(body), 900000);
	for (int i = 0; i < 900000; i += 997)
		assert_int_equal(body[i], 'a' + i / 1000 % 26);
	assert_int_equal(a->streams_done, 1);
	text = net_talk(&a->n, 0, "HEAD /stream/all HTTP/1.1\r\nHost: h\r\n\r\nGET /stream/none HTTP/1.1\r\nHost: h\r\n\r\n"
	    "GET /last HTTP/1.1\r\n" CLOSE "\r\n");
	has(text, "Content-Length: 900000\r\n\r\nHTTP/1.1 200 OK\r\n");
	has(text, "Content-Length: 0\r\n");
	has(text, "GET|/last|");
	assert_int_equal(a->streams_done, 3);
	/* What cannot be had to its end is cut: less than was promised, and the end of the connection. */
	text = net_talk(&a->n, 0, "GET /stream/short HTTP/1.1\r\nHost: h\r\n\r\nGET /last HTTP/1.1\r\n" CLOSE "\r\n");
	body = strstr(text, "\r\n\r\n") + 4;
	assert_true(strlen(body) >= 600000 && strlen(body) < 900000);
	has_not(text, "/last");
	assert_int_equal(a->streams_done, 4);
}

/* Whoever does not read its stream, or goes away in the middle, leaves nothing behind; others are served meanwhile. */
static void
test_stream_unread(void **state)
{
	struct app *a = *state;
	int fd[3], size = 4096;

	for (int i = 0; i < 3; i++) {
		fd[i] = net_connect(&a->n, 0);
		setsockopt(fd[i], SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
		net_send(fd[i], "GET /stream/all HTTP/1.1\r\nHost: h\r\n\r\n");
	}
	net_pause(&a->n, 30);
	has(net_talk(&a->n, 0, "GET /other HTTP/1.1\r\n" CLOSE "\r\n"), "GET|/other|");
	close(fd[0]);
	net_run(&a->n, no_conns, a, 5000);
	assert_int_equal(a->streams_done, 3);
	close(fd[1]);
	close(fd[2]);
}

static bool
all_served(void *arg)
{
	return ((struct app *)arg)->handled == 200;
}

static void
test_many(void **state)
{
	struct app *a = *state;
	int fds[200];

	for (int i = 0; i < 200; i++) {
		fds[i] = net_connect(&a->n, 0);
		net_send(fds[i], "GET /many HTTP/1.1\r\nHost: h\r\n\r\n");
	}
	net_run(&a->n, all_served, a, 5000);
	for (int i = 0; i < 200; i++) {
		has(net_hear(&a->n, fds[i], "|-|-"), "GET|/many|");
		close(fds[i]);
	}
	net_run(&a->n, no_conns, a, 5000);
}

static void
test_connection_cap(void **state)
{
	struct app *a = *state;
	int fds[LIMIT_HTTP_CONNECTIONS], more;

	/* All busy with a request each: the next waits until one of them goes. */
	for (int i = 0; i < LIMIT_HTTP_CONNECTIONS; i++) {
		fds[i] = net_connect(&a->n, 0);
		net_send(fds[i], "GET /ho");
	}
	more = net_connect(&a->n, 0);
	net_send(more, "GET /cap HTTP/1.1\r\n" CLOSE "\r\n");
	net_pause(&a->n, 50);
	assert_int_equal(a->n.s->li[0]->n_conns, LIMIT_HTTP_CONNECTIONS);
	assert_int_equal(a->handled, 0);
	close(fds[0]);
	has(net_hear(&a->n, more, NULL), "/cap");
	close(more);
	for (int i = 1; i < LIMIT_HTTP_CONNECTIONS; i++)
		close(fds[i]);
	net_run(&a->n, no_conns, a, 5000);
}

static void
test_cap_takes_idle(void **state)
{
	struct app *a = *state;
	int fds[LIMIT_HTTP_CONNECTIONS];

	for (int i = 0; i < LIMIT_HTTP_CONNECTIONS; i++)
		fds[i] = net_connect(&a->n, 0);
	net_pause(&a->n, 200);
	has(net_talk(&a->n, 0, "GET /cap HTTP/1.1\r\n" CLOSE "\r\n"), "/cap");
	assert_string_equal(net_hear(&a->n, fds[0], NULL), ""); /* the oldest had to go */
	for (int i = 0; i < LIMIT_HTTP_CONNECTIONS; i++)
		close(fds[i]);
}

static void
test_out_of_descriptors(void **state)
{
	struct app *a = *state;
	int hog[128], n = 0, fd = net_connect(&a->n, 0);
	struct rlimit old, few;

	net_send(fd, "GET /fd HTTP/1.1\r\n" CLOSE "\r\n");
	getrlimit(RLIMIT_NOFILE, &old);
	few = old;
	few.rlim_cur = 100;
	setrlimit(RLIMIT_NOFILE, &few);
	while (n < 128 && (hog[n] = dup(fd)) >= 0)
		n++;
	assert_true(n < 128);
	a->n.commits = 0;
	net_pause(&a->n, 250);
	assert_true(a->n.commits < 400); /* the ticks of this test; it did not spin */
	assert_true(a->n.s->li[0]->said_short);
	while (n > 0)
		close(hog[--n]);
	setrlimit(RLIMIT_NOFILE, &old);
	has(net_hear(&a->n, fd, NULL), "/fd");
	close(fd);
}

static void
test_close(void **state)
{
	struct app *a = *state;
	int idle = net_connect(&a->n, 0), busy = net_connect(&a->n, 0);

	net_send(busy, "GET /keep HTTP/1.1\r\nHost: h\r\n\r\n");
	net_run(&a->n, one_kept, a, 5000);
	http_server_close(a->n.s);
	assert_string_equal(net_hear(&a->n, idle, NULL), "");
	http_reply_text(a->kept[0], 200, NULL, "bye");
	has(net_hear(&a->n, busy, NULL), "Connection: close\r\n\r\nbye");
	close(idle);
	close(busy);
}

static void
test_port_taken(void **state)
{
	struct app *a = *state;
	struct http_listener li = { .addr = http_server_addr(a->n.s, 0), .handler = handler, .fail = say_why, .arg = a };
	struct err e = ERR_INIT;
	const char *const wrong[] = { "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", ":80", "no-such-name.invalid:1", "" };

	assert_int_equal(http_server_listen(a->n.s, &li, &e), -1);
	assert_int_equal(e.code, ERR_BUSY);
	has(e.msg, li.addr);
	for (size_t i = 0; i < 6; i++) {
		li.addr = wrong[i];
		assert_int_equal(http_server_listen(a->n.s, &li, &e), -1);
		assert_int_equal(e.code, ERR_CONFIG);
	}
}

/* Requests that are open when the server goes are freed with it, and nobody is called. */
static void
test_free_with_open(void **state)
{
	struct app *a = *state;
	int fd = net_connect(&a->n, 0);

	net_send(fd, "GET /keep HTTP/1.1\r\nHost: h\r\n\r\n");
	net_run(&a->n, one_kept, a, 5000);
	close(fd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { T(test_plain), T(test_paths_and_params), T(test_methods), T(test_replies),
		T(test_chunked), T(test_stream), T(test_stream_unread), T(test_continue), T(test_malformed), T(test_oversized),
		T(test_largest_body), T(test_pipelined), T(test_half_closed), T(test_deferred), T(test_reply_after_close),
		T(test_kept_while_pipelined), T(test_failed_commit), T(test_unix), T(test_unix_stale),
		T(test_unix_other_user), T(test_strict_origin), T(test_slow_request), T(test_idle), T(test_long_poll),
		T(test_unread_reply), T(test_many), T(test_connection_cap), T(test_cap_takes_idle),
		T(test_out_of_descriptors), T(test_close), T(test_port_taken), T(test_free_with_open) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

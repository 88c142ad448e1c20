/* The HTTP client: against our server, and against peers that break off, lie or stay silent. */
#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/limits.h"
#include "net/http_client.h"
#include "net_help.h"

struct app {
	struct net n;
	struct http_client *c;
	struct buf seen;           /* what the last request was */
	char url[100], dir[64], sock[96];
};

struct result {
	int done;
	enum http_outcome outcome;
	int status;
	char body[256], error[256];
	size_t body_len;
};

static void
handler(struct http_req *r, void *arg)
{
	static const char *const names[] = { "Content-Type", "Expect", "Accept-Encoding", "X-One", "Content-Length" };
	struct app *a = arg;
	size_t len;
	const char *body = http_req_body(r, &len);

	buf_clear(&a->seen);
	buf_addf(&a->seen, "%s %s", http_req_method(r), http_req_raw_path(r));
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (http_req_header(r, names[i]) != NULL)
			buf_addf(&a->seen, " %s=%s", names[i], http_req_header(r, names[i]));
	buf_addf(&a->seen, " %.*s", (int)len, body);
	if (strcmp(http_req_path(r), "/moved") == 0) {
		http_reply_header(r, "Location", a->url);
		http_reply(r, 302, NULL, NULL);
	} else if (strcmp(http_req_path(r), "/peer") == 0) {
		http_reply_text(r, 200, NULL, http_req_peer(r));
	} else {
		http_reply_header(r, "X-Reply", "yes");
		http_reply_text(r, strcmp(http_req_path(r), "/404") == 0 ? 404 : 200, "text/plain", "answer");
	}
}

static void
say_why(struct http_req *r, const struct err *e, void *arg)
{
	http_reply_text(r, err_http_status(e->code), NULL, e->msg);
}

static int
setup(void **state)
{
	struct app *a = calloc(1, sizeof *a);
	struct http_listener li = { .addr = "127.0.0.1:0", .handler = handler, .fail = say_why, .arg = a };
	struct err e = ERR_INIT;

	net_init(&a->n);
	snprintf(a->dir, sizeof a->dir, "/tmp/pj-test-XXXXXX");
	assert_non_null(mkdtemp(a->dir));
	snprintf(a->sock, sizeof a->sock, "%s/s", a->dir);
	assert_int_equal(http_server_listen(a->n.s, &li, &e), 0);
	li.addr = a->sock;
	assert_int_equal(http_server_listen(a->n.s, &li, &e), 0);
	snprintf(a->url, sizeof a->url, "http://%s/", http_server_addr(a->n.s, 0));
	a->c = http_client_new(a->n.l, &e);
	assert_non_null(a->c);
	*state = a;
	return 0;
}

static int
teardown(void **state)
{
	struct app *a = *state;

	http_client_free(a->c);
	net_fini(&a->n);
	rmdir(a->dir);
	buf_fini(&a->seen);
	free(a);
	return 0;
}

static void
done(const struct http_answer *ans, void *arg)
{
	struct result *r = arg;

	r->done++;
	r->outcome = ans->outcome;
	r->status = ans->status;
	r->body_len = ans->body_len;
	assert_int_equal(ans->body[ans->body_len], '\0');
	snprintf(r->body, sizeof r->body, "%s", ans->body);
	snprintf(r->error, sizeof r->error, "%s", ans->error);
	assert_int_equal(ans->outcome == HTTP_ANSWERED, ans->error[0] == '\0');
	assert_int_equal(ans->outcome == HTTP_ANSWERED, ans->status != 0);
}

static bool
is_done(void *arg)
{
	return ((struct result *)arg)->done > 0;
}

static void
start(struct app *a, const struct http_call *call, struct result *r)
{
	struct err e = ERR_INIT;

	memset(r, 0, sizeof *r);
	assert_int_equal(http_client_start(a->c, call, done, r, &e), 0);
	assert_int_equal(r->done, 0); /* never at once */
}

static void
ask(struct app *a, const struct http_call *call, struct result *r)
{
	start(a, call, r);
	net_run(&a->n, is_done, r, 8000);
	assert_int_equal(r->done, 1);
}

static void
test_answers(void **state)
{
	static const char *const headers[] = { "X-One: 1", "Content-Type: application/json", NULL };
	struct app *a = *state;
	struct http_call call = { .method = "POST", .body = "{}", .body_len = 2, .headers = headers };
	struct result r;
	char url[160];

	snprintf(url, sizeof url, "%sa%%20b?x=1", a->url);
	call.url = url;
	ask(a, &call, &r);
	assert_int_equal(r.outcome, HTTP_ANSWERED);
	assert_int_equal(r.status, 200);
	assert_string_equal(r.body, "answer");
	assert_string_equal(buf_str(&a->seen), "POST /a%20b?x=1 Content-Type=application/json X-One=1 Content-Length=2 {}");
	call.headers = NULL;
	call.body = NULL;
	call.body_len = 0;
	ask(a, &call, &r);
	assert_string_equal(buf_str(&a->seen), "POST /a%20b?x=1 Content-Length=0 ");
	call.method = "GET";
	snprintf(url, sizeof url, "%s404", a->url);
	ask(a, &call, &r);
	assert_int_equal(r.outcome, HTTP_ANSWERED);
	assert_int_equal(r.status, 404);
	assert_string_equal(buf_str(&a->seen), "GET /404 ");
	call.method = "DELETE";
	ask(a, &call, &r);
	assert_string_equal(buf_str(&a->seen), "DELETE /404 Content-Length=0 ");
	call.method = "GET";
	snprintf(url, sizeof url, "%smoved", a->url);
	ask(a, &call, &r);
	assert_int_equal(r.status, 302);
}

static void
test_large_body_both_ways(void **state)
{
	struct app *a = *state;
	struct buf b = BUF_INIT;
	struct http_call call = { .method = "POST", .url = a->url };
	struct result r;

	memset(buf_room(&b, LIMIT_HTTP_BODY), 'x', LIMIT_HTTP_BODY);
	call.body = b.data;
	call.body_len = LIMIT_HTTP_BODY;
	ask(a, &call, &r);
	assert_int_equal(r.outcome, HTTP_ANSWERED);
	assert_int_equal(r.status, 200);
	assert_true(a->seen.len > LIMIT_HTTP_BODY);
	buf_fini(&b);
}

static void
test_unix(void **state)
{
	struct app *a = *state;
	struct http_call call = { .method = "POST", .url = "http://server/x", .unix_path = a->sock };
	struct result r;

	ask(a, &call, &r);
	assert_int_equal(r.outcome, HTTP_ANSWERED);
	assert_string_equal(buf_str(&a->seen), "POST /x Content-Length=0 ");
	call.unix_path = "/nonexistent/s";
	ask(a, &call, &r);
	assert_int_equal(r.outcome, HTTP_NOT_SENT);
	call.unix_path = NULL; /* the handle must not remember it */
	call.url = a->url;
	ask(a, &call, &r);
	assert_int_equal(r.outcome, HTTP_ANSWERED);
}

static void
test_keep_alive(void **state)
{
	struct app *a = *state;
	char url[128], peer[256];
	struct http_call call = { .method = "POST", .url = url };
	struct result r;

	snprintf(url, sizeof url, "%speer", a->url);
	ask(a, &call, &r);
	strcpy(peer, r.body);
	for (int i = 0; i < 20; i++) {
		ask(a, &call, &r);
		assert_string_equal(r.body, peer);
	}
}

static void
test_no_proxy(void **state)
{
	struct app *a = *state;
	struct http_call call = { .method = "GET", .url = a->url };
	struct result r;

	setenv("http_proxy", "http://127.0.0.1:1/", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1/", 1);
	ask(a, &call, &r);
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	assert_int_equal(r.outcome, HTTP_ANSWERED);
}

/* A port on which nobody listens: bound, so that nobody else takes it. */
static int
closed_port(char *url, size_t size)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof in;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
	getsockname(fd, (struct sockaddr *)&in, &len);
	snprintf(url, size, "http://127.0.0.1:%d/", ntohs(in.sin_port));
	return fd;
}

static void
test_not_sent(void **state)
{
	struct app *a = *state;
	char url[64];
	int fd = closed_port(url, sizeof url);
	const char *const urls[] = { url, "http://no-such-host.invalid/", "http://127.0.0.1:x/", "https://127.0.0.1/",
		"file:///etc/passwd", "gopher://127.0.0.1:7700/", "" };

	for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
		struct http_call call = { .method = "POST", .url = urls[i], .connect_ms = 4000, .total_ms = 5000 };
		struct result r;

		ask(a, &call, &r);
		if (r.outcome != HTTP_NOT_SENT || r.error[0] == '\0')
			fail_msg("%s: outcome %d, %s", urls[i], (int)r.outcome, r.error);
	}
	close(fd);
}

/* --- peers that misbehave: a child that plays one letter of its script per request ------------------ */

struct peer {
	pid_t pid;
	int reports; /* a byte for each request that arrived */
	char url[64];
};

static bool
read_request(int fd)
{
	char text[4096];
	size_t n = 0;

	while (n < sizeof text - 1) {
		ssize_t got = recv(fd, text + n, sizeof text - 1 - n, 0);

		if (got <= 0)
			return false;
		n += (size_t)got;
		text[n] = '\0';
		if (strstr(text, "\r\n\r\n") != NULL)
			return true;
	}
	return false;
}

static void
put(int fd, const char *text)
{
	send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* Whether the connection goes on. */
static bool
play(int fd, char what)
{
	static char junk[65536];

	switch (what) {
	case 'k': /* keep */
		put(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
		return true;
	case 't': /* two heads, chunks, a trailer */
		put(fd, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		    "2\r\nok\r\n0\r\nX-Trailer: 1\r\n\r\n");
		return true;
	case 'C': /* half of the second head */
		put(fd, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-");
		return false;
	case 'g': /* garbage */
		put(fd, "SSH-2.0-nonsense\r\n\r\n");
		return false;
	case 'p': /* part of an answer */
		put(fd, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\npart");
		return false;
	case 'h': /* half a head */
		put(fd, "HTTP/1.1 200 OK\r\nContent-Le");
		return false;
	case 'r': { /* reset */
		struct linger l = { 1, 0 };

		setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
		return false;
	}
	case 'b': /* too much */
		put(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
		for (int i = 0; i < 1600 && send(fd, junk, sizeof junk, MSG_NOSIGNAL) > 0; i++)
			;
		return false;
	case 's': /* silence */
		while (recv(fd, junk, sizeof junk, 0) > 0)
			;
		return false;
	default: /* close without a word */
		return false;
	}
}

static struct peer
peer_start(const char *script)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof in;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), report[2];
	struct peer p;

	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
	assert_int_equal(listen(fd, 64), 0);
	getsockname(fd, (struct sockaddr *)&in, &len);
	snprintf(p.url, sizeof p.url, "http://127.0.0.1:%d/", ntohs(in.sin_port));
	assert_int_equal(pipe(report), 0);
	p.pid = fork();
	if (p.pid == 0) {
		alarm(20);
		while (*script != '\0') {
			int c = accept(fd, NULL, NULL);
			bool on = true;

			while (on && *script != '\0' && read_request(c)) {
				if (write(report[1], "r", 1) != 1)
					_exit(1);
				on = play(c, *script++);
			}
			close(c);
		}
		_exit(0);
	}
	close(fd);
	close(report[1]);
	p.reports = report[0];
	return p;
}

/* How many requests arrived. */
static int
peer_end(struct peer *p)
{
	int n = 0;
	char c;

	kill(p->pid, SIGKILL);
	waitpid(p->pid, NULL, 0);
	while (read(p->reports, &c, 1) == 1)
		n++;
	close(p->reports);
	return n;
}

static void
test_unknown(void **state)
{
	struct app *a = *state;

	for (const char *what = "cgphCrbs"; *what != '\0'; what++) {
		char script[2] = { *what, '\0' };
		struct peer p = peer_start(script);
		struct http_call call = { .method = "POST", .url = p.url, .body = "x", .body_len = 1, .total_ms = 700 };
		struct result r;

		if (*what == 'b')
			call.total_ms = 8000;
		ask(a, &call, &r);
		if (r.outcome != HTTP_UNKNOWN || r.error[0] == '\0')
			fail_msg("%c: outcome %d, %s", *what, (int)r.outcome, r.error);
		assert_true(r.body_len <= LIMIT_HTTP_BODY);
		assert_int_equal(peer_end(&p), 1);
	}
}

static void
test_trailer(void **state)
{
	struct app *a = *state;
	struct peer p = peer_start("tk");
	struct http_call call = { .method = "POST", .url = p.url, .total_ms = 5000 };
	struct result r;

	for (int i = 0; i < 2; i++) {
		ask(a, &call, &r);
		assert_int_equal(r.outcome, HTTP_ANSWERED);
		assert_string_equal(r.body, "ok");
	}
	assert_int_equal(peer_end(&p), 2);
}

/* The kept connection dies after the peer read the second request: libcurl alone would send it once more. */
static void
test_sent_at_most_once(void **state)
{
	struct app *a = *state;
	struct peer p = peer_start("kckk");
	struct http_call call = { .method = "POST", .url = p.url, .body = "x", .body_len = 1, .total_ms = 5000 };
	struct result r;

	ask(a, &call, &r);
	assert_int_equal(r.outcome, HTTP_ANSWERED);
	ask(a, &call, &r);
	assert_int_equal(r.outcome, HTTP_UNKNOWN);
	assert_int_equal(peer_end(&p), 2);
	/* What only asks may be asked again. */
	p = peer_start("kckk");
	call.url = p.url;
	call.method = "GET";
	ask(a, &call, &r);
	ask(a, &call, &r);
	assert_int_equal(r.outcome, HTTP_ANSWERED);
	assert_int_equal(peer_end(&p), 3);
}

/* A kept connection that the peer closed in the meantime is seen, and the request goes over a new one. */
static void
test_closed_while_idle(void **state)
{
	struct app *a = *state;
	struct peer p = peer_start("k");
	struct http_call call = { .method = "POST", .url = p.url, .total_ms = 5000 };
	struct result r;

	ask(a, &call, &r);
	assert_int_equal(r.outcome, HTTP_ANSWERED);
	peer_end(&p);
	ask(a, &call, &r);
	assert_int_equal(r.outcome, HTTP_NOT_SENT); /* found closed, and nobody listens any more */
}

static bool
all_done(void *arg)
{
	struct result *r = arg;

	for (int i = 0; i < 20; i++)
		if (!r[i].done)
			return false;
	return true;
}

/* Twenty calls to a silent peer, sixteen connections: the others never leave, and end in time too. */
static void
test_silent_peer(void **state)
{
	struct app *a = *state;
	struct peer p = peer_start("s");
	struct http_call call = { .method = "POST", .url = p.url, .total_ms = 400 };
	struct result r[20];
	int64_t from = clock_mono_ms();
	int unsent = 0;

	for (int i = 0; i < 20; i++)
		start(a, &call, &r[i]);
	net_run(&a->n, all_done, r, 5000);
	assert_in_range(clock_mono_ms() - from, 350, 2500);
	for (int i = 0; i < 20; i++) {
		assert_int_not_equal(r[i].outcome, HTTP_ANSWERED);
		unsent += r[i].outcome == HTTP_NOT_SENT;
	}
	assert_int_equal(unsent, 4);
	peer_end(&p);
}

static int many_left;

static void
one_of_many(const struct http_answer *ans, void *arg)
{
	assert_int_equal(ans->outcome, HTTP_ANSWERED);
	assert_int_equal(ans->status, 200);
	many_left--;
}

static bool
many_done(void *arg)
{
	return many_left == 0;
}

static void
test_many(void **state)
{
	struct app *a = *state;
	struct http_call call = { .method = "POST", .url = a->url, .body = "x", .body_len = 1, .total_ms = 8000 };
	struct err e = ERR_INIT;

	many_left = 300;
	for (int i = 0; i < 300; i++)
		assert_int_equal(http_client_start(a->c, &call, one_of_many, NULL, &e), 0);
	net_run(&a->n, many_done, NULL, 8000);
}

struct chain {
	struct app *a;
	struct http_call call;
	int left;
};

static void
next_of_chain(const struct http_answer *ans, void *arg)
{
	struct chain *c = arg;

	assert_int_equal(ans->outcome, HTTP_ANSWERED);
	if (--c->left > 0)
		assert_int_equal(http_client_start(c->a->c, &c->call, next_of_chain, c, NULL), 0);
}

static bool
chain_done(void *arg)
{
	return ((struct chain *)arg)->left == 0;
}

static void
test_start_from_done(void **state)
{
	struct app *a = *state;
	struct chain c = { .a = a, .call = { .method = "GET", .url = a->url }, .left = 50 };

	assert_int_equal(http_client_start(a->c, &c.call, next_of_chain, &c, NULL), 0);
	net_run(&a->n, chain_done, &c, 5000);
}

static void
test_free_with_running(void **state)
{
	struct app *a = *state;
	struct http_call call = { .method = "POST", .url = a->url };
	struct result r[3];

	for (int i = 0; i < 3; i++)
		start(a, &call, &r[i]);
	net_pause(&a->n, 2);
	start(a, &call, &r[0]);
	http_client_free(a->c);
	a->c = NULL;
	r[0].done = 0;
	net_pause(&a->n, 20);
	assert_int_equal(r[0].done, 0);
}

/* The pattern of every sender: it leaves in a release, so not at all when the turn was not kept. */
static void
send_after_commit(void *arg, const struct err *failed)
{
	struct chain *c = arg;

	c->left = failed != NULL ? -1 : 1;
	if (failed == NULL)
		assert_int_equal(http_client_start(c->a->c, &c->call, next_of_chain, c, NULL), 0);
}

static void
queue_a_message(void *arg)
{
	struct chain *c = arg;

	c->a->n.fail_next = 1;
	assert_int_equal(loop_release(c->a->n.l, send_after_commit, c), 0);
}

static void
test_failed_commit_sends_nothing(void **state)
{
	struct app *a = *state;
	struct chain c = { .a = a, .call = { .method = "POST", .url = a->url } };
	struct loop_timer *t = loop_timer_new(a->n.l, queue_a_message, &c);

	loop_timer_set(t, 0);
	net_pause(&a->n, 100);
	assert_int_equal(c.left, -1);
	assert_int_equal(a->seen.len, 0);
	loop_timer_free(t);
}

/* --- blocking ---------------------------------------------------------------------- */

/* Our server, in a child of its own: http_fetch does not run the loop. */
static pid_t
serve(struct app *a)
{
	pid_t pid = fork();
	struct err e;

	if (pid == 0) {
		alarm(20);
		loop_run(a->n.l, &e);
		_exit(0);
	}
	return pid;
}

static void
test_fetch(void **state)
{
	static const char *const want[] = { "x-reply", "Absent", "Content-Type", NULL };
	struct app *a = *state;
	pid_t pid = serve(a);
	struct http_call call = { .method = "POST", .url = a->url, .body = "x", .body_len = 1, .total_ms = 5000 };
	struct http_result r;
	struct err e = ERR_INIT;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(http_fetch(&call, want, &r, &e), 0);
		assert_int_equal(r.status, 200);
		assert_string_equal(buf_str(&r.body), "answer");
		assert_string_equal(r.header[0], "yes");
		assert_string_equal(r.header[1], "");
		assert_string_equal(r.header[2], "text/plain");
		http_result_fini(&r);
	}
	call.unix_path = a->sock;
	call.url = "http://local/404";
	call.method = "GET";
	assert_int_equal(http_fetch(&call, NULL, &r, &e), 0);
	assert_int_equal(r.status, 404);
	http_result_fini(&r);
	http_fetch_close();
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void
test_fetch_fails(void **state)
{
	static const struct {
		char what;
		enum err_code code;
	} cases[] = { { 'c', ERR_TIMEOUT }, { 's', ERR_TIMEOUT }, { 'g', ERR_PROTOCOL }, { 'r', ERR_TIMEOUT } };
	char url[64];
	int fd = closed_port(url, sizeof url);
	struct http_call call = { .method = "POST", .url = url, .total_ms = 700 };
	struct http_result r;
	struct err e = ERR_INIT;

	assert_int_equal(http_fetch(&call, NULL, &r, &e), -1);
	assert_int_equal(e.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(e.msg, url));
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char script[2] = { cases[i].what, '\0' };
		struct peer p = peer_start(script);

		call.url = p.url;
		assert_int_equal(http_fetch(&call, NULL, &r, &e), -1);
		if (e.code != cases[i].code)
			fail_msg("%c: %s %s", cases[i].what, err_name(e.code), e.msg);
		http_result_fini(&r);
		assert_int_equal(peer_end(&p), 1);
	}
	http_fetch_close();
	http_fetch_close();
	close(fd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { T(test_answers), T(test_large_body_both_ways), T(test_unix),
		T(test_keep_alive), T(test_no_proxy), T(test_not_sent), T(test_unknown), T(test_trailer), T(test_sent_at_most_once),
		T(test_closed_while_idle), T(test_silent_peer), T(test_many), T(test_start_from_done),
		T(test_free_with_running), T(test_failed_commit_sends_nothing), T(test_fetch), T(test_fetch_fails) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

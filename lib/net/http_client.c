#include "net/http_client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include <uthash.h>

#include "base/limits.h"
#include "base/log.h"

#define HOST_CONNECTIONS 16
#define HOST_NAME_MAX_ 128
#define TOTAL_CONNECTIONS 256L
#define SPARE_TRANSFERS 64
#define LATE_MS 50                      /* libcurl gets so long to see a time-out itself */
#define FETCH_BODY_MAX (256U * 1024 * 1024)

/* One request on one libcurl handle; both are used again for the next. */
struct transfer {
	struct transfer *prev, *next; /* of the client's running or (next only) spare ones */
	struct http_client *client;
	struct host *host;            /* NULL: without a name that fits, libcurl's own limits hold */
	TAILQ_ENTRY(transfer) turn;   /* in the host's queue, while waiting */
	bool waiting;                 /* libcurl does not know of it yet */
	CURL *easy;
	struct curl_slist *headers;
	struct buf body, answer;
	size_t answer_max;
	bool sent;                    /* a connection stood, and the request began to leave on it */
	bool may_repeat;
	bool too_big;
	bool head_whole;              /* libcurl takes a head that breaks off for an answer */
	int64_t deadline;             /* monotonic; INT64_MAX: none */
	http_done done;
	void *arg;
	char error[CURL_ERROR_SIZE];
};

/* What is under way to one host:port, and what waits for its turn. libcurl could queue by itself (MAX_HOST_CONNECTIONS),
 * but looks at every waiting transfer again whenever one ends: with thousands waiting that is most of the time. */
struct host {
	char name[HOST_NAME_MAX_]; /* the key */
	int under_way;
	TAILQ_HEAD(, transfer) queue;
	UT_hash_handle hh;
};

struct http_client {
	struct loop *loop;
	CURLM *multi;
	struct loop_timer *timer;     /* what libcurl asks for */
	struct loop_timer *deadline;  /* our own */
	int64_t deadline_at;
	struct transfer *running, *spare;
	struct host *hosts;
	int n_spare;
};

/* --- one transfer ------------------------------------------------------------------ */

static void
init_curl(void)
{
	/* No TLS here: libcurl need not wake OpenSSL. */
	if (curl_global_init(CURL_GLOBAL_NOTHING) != 0)
		log_error("libcurl", "reason=%s", log_q("cannot be initialised"));
}

static size_t
take_body(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	n *= size;
	if (n > t->answer_max - t->answer.len) {
		buf_add(&t->answer, data, t->answer_max - t->answer.len);
		t->too_big = true;
		return 0;
	}
	buf_add(&t->answer, data, n);
	return buf_ok(&t->answer) ? n : 0;
}

static size_t
take_head_line(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	n *= size;
	if (n > 0 && (data[0] == '\r' || data[0] == '\n'))
		t->head_whole = true;
	else if (n > 5 && memcmp(data, "HTTP/", 5) == 0) /* another head, behind a 100 Continue */
		t->head_whole = false;
	return n;
}

/* Called when a connection stands and before the first byte of a request leaves on it. libcurl repeats a request by itself
 * when a kept connection dies without an answer, also when the peer may have read it: a POST must not arrive twice. */
static int
before_request(void *arg, char *peer_ip, char *own_ip, int peer_port, int own_port)
{
	struct transfer *t = arg;

	if (t->sent && !t->may_repeat)
		return CURL_PREREQFUNC_ABORT;
	t->sent = true;
	return CURL_PREREQFUNC_OK;
}

static void
transfer_free(struct transfer *t)
{
	if (t == NULL)
		return;
	if (t->easy != NULL)
		curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
	buf_fini(&t->body);
	buf_fini(&t->answer);
	free(t);
}

static struct transfer *
transfer_new(struct http_client *c)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct transfer *t = calloc(1, sizeof *t);

	pthread_once(&once, init_curl);
	if (t == NULL || (t->easy = curl_easy_init()) == NULL) {
		free(t);
		return NULL;
	}
	t->client = c;
	curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->error);
	curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, take_head_line);
	curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_PREREQFUNCTION, before_request);
	curl_easy_setopt(t->easy, CURLOPT_PREREQDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(t->easy, CURLOPT_PROXY, "");
	curl_easy_setopt(t->easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(t->easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(t->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(t->easy, CURLOPT_TCP_NODELAY, 1L);
	return t;
}

static int
add_header(struct transfer *t, const char *line)
{
	struct curl_slist *more = curl_slist_append(t->headers, line);

	if (more == NULL)
		return -1;
	t->headers = more;
	return 0;
}

static int
set_headers(struct transfer *t, const struct http_call *call)
{
	bool typed = false;
	int rc = add_header(t, "Expect:"); /* no 100-continue: it costs a round trip */

	for (const char *const *h = call->headers; rc == 0 && h != NULL && *h != NULL; h++) {
		typed = typed || strncasecmp(*h, "Content-Type:", 13) == 0;
		rc = add_header(t, *h);
	}
	if (rc == 0 && !typed) /* else libcurl calls a body a form */
		rc = add_header(t, "Content-Type:");
	return rc;
}

/* Sets everything that differs from call to call. */
static int
transfer_set(struct transfer *t, const struct http_call *call)
{
	bool is_get = strcmp(call->method, "GET") == 0, is_post = strcmp(call->method, "POST") == 0;
	CURL *easy = t->easy;

	t->sent = t->too_big = t->head_whole = false;
	t->may_repeat = is_get;
	t->error[0] = '\0';
	buf_clear(&t->answer);
	buf_clear(&t->body);
	buf_add(&t->body, call->body, call->body_len);
	if (!buf_ok(&t->body) || set_headers(t, call) < 0)
		return -1;
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, is_get || is_post ? NULL : call->method);
	curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L); /* forgets the last call's method */
	if (!is_get) {
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body.len);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, buf_str(&t->body));
	}
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t->headers);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)call->connect_ms);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)call->total_ms);
	if (curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, call->unix_path) != CURLE_OK)
		return -1;
	return curl_easy_setopt(easy, CURLOPT_URL, call->url) == CURLE_OK ? 0 : -1;
}

/* Forgets the call; keeps the handle, and the memory of small answers. */
static void
transfer_clear(struct transfer *t)
{
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(t->headers);
	t->headers = NULL;
	if (t->body.cap > LIMIT_LOG_LINE)
		buf_fini(&t->body);
	if (t->answer.cap > LIMIT_LOG_LINE)
		buf_fini(&t->answer);
}

/* libcurl's verdict, made stricter. */
static CURLcode
verdict(const struct transfer *t, CURLcode rc)
{
	return rc == CURLE_OK && !t->head_whole ? CURLE_PARTIAL_FILE : rc;
}

static const char *
why_failed(const struct transfer *t, CURLcode rc)
{
	if (t->too_big)
		return "the answer is too large";
	if (rc == CURLE_ABORTED_BY_CALLBACK)
		return "the connection was closed before an answer came";
	return t->error[0] != '\0' ? t->error : curl_easy_strerror(rc);
}

/* NOT_SENT only where libcurl never had a connection to send on. */
static enum http_outcome
outcome_of(const struct transfer *t, CURLcode rc)
{
	return rc == CURLE_OK ? HTTP_ANSWERED : t->sent ? HTTP_UNKNOWN : HTTP_NOT_SENT;
}

static int
status_of(const struct transfer *t)
{
	long status = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	return (int)status;
}

/* --- many, on the loop -------------------------------------------------------------- */

static void
unlink_running(struct transfer *t)
{
	if (t->prev != NULL)
		t->prev->next = t->next;
	else
		t->client->running = t->next;
	if (t->next != NULL)
		t->next->prev = t->prev;
}

static void
link_running(struct transfer *t)
{
	t->prev = NULL;
	t->next = t->client->running;
	if (t->next != NULL)
		t->next->prev = t;
	t->client->running = t;
}

/* --- turns at a host ------------------------------------------------------------------ */

/* The host of a call, made when it is new; NULL when it has no name we can keep, or memory is short. */
static struct host *
host_of(struct http_client *c, const struct http_call *call)
{
	const char *from = call->unix_path, *to;
	char name[HOST_NAME_MAX_] = "";
	struct host *h;
	size_t len;

	if (from == NULL) {
		from = strstr(call->url, "://");
		from = from != NULL ? from + 3 : call->url;
		to = from + strcspn(from, "/?#");
	} else {
		to = from + strlen(from);
	}
	len = (size_t)(to - from);
	if (len == 0 || len >= sizeof name)
		return NULL;
	memcpy(name, from, len);
	HASH_FIND_STR(c->hosts, name, h);
	if (h != NULL)
		return h;
	h = calloc(1, sizeof *h);
	if (h == NULL)
		return NULL;
	memcpy(h->name, name, sizeof name);
	TAILQ_INIT(&h->queue);
	HASH_ADD_STR(c->hosts, name, h);
	return h;
}

static void
host_drop_idle(struct http_client *c, struct host *h)
{
	if (h->under_way > 0 || !TAILQ_EMPTY(&h->queue))
		return;
	HASH_DEL(c->hosts, h);
	free(h);
}

/* Gives the transfer to libcurl, or has it wait. */
static int
host_enter(struct transfer *t)
{
	struct host *h = t->host;

	t->waiting = h != NULL && h->under_way >= HOST_CONNECTIONS;
	if (t->waiting) {
		TAILQ_INSERT_TAIL(&h->queue, t, turn);
		return 0;
	}
	if (curl_multi_add_handle(t->client->multi, t->easy) != CURLM_OK)
		return -1;
	if (h != NULL)
		h->under_way++;
	return 0;
}

/* Those that wait move up, with what is left of their time. One that libcurl does not take, or that has too little time left to be
 * answered in, stays in the queue: its deadline ends it, not sent. */
static void
host_move_up(struct http_client *c, struct host *h)
{
	int64_t now = clock_mono_ms();
	struct transfer *t;

	while (h->under_way < HOST_CONNECTIONS && (t = TAILQ_FIRST(&h->queue)) != NULL) {
		int64_t left = t->deadline - LATE_MS - now;

		if (left < LATE_MS)
			break;
		if (t->deadline != INT64_MAX)
			curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, (long)left);
		if (curl_multi_add_handle(c->multi, t->easy) != CURLM_OK)
			break;
		TAILQ_REMOVE(&h->queue, t, turn);
		t->waiting = false;
		h->under_way++;
	}
	host_drop_idle(c, h);
}

static void
host_leave(struct transfer *t)
{
	struct host *h = t->host;

	if (t->waiting)
		TAILQ_REMOVE(&h->queue, t, turn);
	else
		curl_multi_remove_handle(t->client->multi, t->easy);
	if (h == NULL)
		return;
	if (!t->waiting)
		h->under_way--;
	t->host = NULL;
	host_move_up(t->client, h);
}

static void
recycle(struct transfer *t)
{
	struct http_client *c = t->client;

	if (c->n_spare >= SPARE_TRANSFERS) {
		transfer_free(t);
		return;
	}
	transfer_clear(t);
	t->next = c->spare;
	c->spare = t;
	c->n_spare++;
}

static void
finish(struct transfer *t, CURLcode rc)
{
	struct http_answer a = { .error = "" };

	rc = verdict(t, rc);
	a.outcome = outcome_of(t, rc);
	host_leave(t);
	unlink_running(t);
	if (rc == CURLE_OK)
		a.status = status_of(t);
	else
		a.error = why_failed(t, rc);
	a.body = buf_str(&t->answer);
	a.body_len = t->answer.len;
	t->done(&a, t->arg);
	recycle(t);
}

static void
finish_those_done(struct http_client *c)
{
	struct transfer *t;
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(c->multi, &left)) != NULL) {
		CURLcode rc = msg->data.result;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &t);
		finish(t, rc);
	}
}

static void
on_timer(void *arg)
{
	struct http_client *c = arg;
	int running;

	curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	finish_those_done(c);
}

static void
on_socket(int fd, int what, void *arg)
{
	struct http_client *c = arg;
	int running;

	curl_multi_socket_action(c->multi, fd, what == LOOP_WRITE ? CURL_CSELECT_OUT : CURL_CSELECT_IN, &running);
	finish_those_done(c);
}

static int
want_timer(CURLM *multi, long ms, void *arg)
{
	struct http_client *c = arg;

	if (ms < 0)
		loop_timer_clear(c->timer);
	else
		loop_timer_set(c->timer, ms);
	return 0;
}

static int
want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct http_client *c = arg;
	struct loop_watch *w = socket_arg;
	int bits = (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0);

	if (what == CURL_POLL_REMOVE) {
		loop_watch_free(w);
		return 0;
	}
	if (w != NULL) {
		loop_watch_set(w, bits);
		return 0;
	}
	w = loop_watch_new(c->loop, fd, bits, on_socket, c);
	if (w == NULL)
		return -1; /* the transfers fail: libcurl tells them */
	curl_multi_assign(c->multi, fd, w);
	return 0;
}

/* --- our own deadlines: libcurl does not time what waits ----------------------------- */

static void
arm_deadline(struct http_client *c, int64_t at)
{
	if (at == INT64_MAX || at >= c->deadline_at)
		return;
	c->deadline_at = at;
	loop_timer_set(c->deadline, at - clock_mono_ms());
}

static struct transfer *
first_late(struct http_client *c, int64_t now)
{
	for (struct transfer *t = c->running; t != NULL; t = t->next)
		if (t->deadline <= now)
			return t;
	return NULL;
}

static void
on_deadline(void *arg)
{
	struct http_client *c = arg;
	int64_t now = clock_mono_ms(), next = INT64_MAX;
	struct transfer *t;

	c->deadline_at = INT64_MAX;
	while ((t = first_late(c, now)) != NULL) {
		if (t->error[0] == '\0')
			strcpy(t->error, "no answer in time");
		finish(t, CURLE_OPERATION_TIMEDOUT);
	}
	for (t = c->running; t != NULL; t = t->next)
		if (t->deadline < next)
			next = t->deadline;
	arm_deadline(c, next);
}

int
http_client_start(struct http_client *c, const struct http_call *call, http_done done, void *arg, struct err *e)
{
	struct transfer *t = c->spare;

	if (t != NULL) {
		c->spare = t->next;
		c->n_spare--;
	} else if ((t = transfer_new(c)) == NULL) {
		return err_set(e, ERR_NOMEM, "out of memory for a request to %.200s", call->url);
	}
	t->done = done;
	t->arg = arg;
	t->answer_max = LIMIT_HTTP_BODY;
	t->deadline = call->total_ms > 0 ? clock_mono_ms() + call->total_ms + LATE_MS : INT64_MAX;
	t->host = host_of(c, call);
	if (transfer_set(t, call) < 0 || host_enter(t) < 0) {
		if (t->host != NULL)
			host_drop_idle(c, t->host);
		transfer_free(t);
		return err_set(e, ERR_NOMEM, "cannot start a request to %.200s", call->url);
	}
	link_running(t);
	arm_deadline(c, t->deadline);
	return 0;
}

static int
make_multi(struct http_client *c)
{
	c->timer = loop_timer_new(c->loop, on_timer, c);
	c->deadline = loop_timer_new(c->loop, on_deadline, c);
	c->spare = transfer_new(c); /* also initialises libcurl */
	c->multi = curl_multi_init();
	if (c->timer == NULL || c->deadline == NULL || c->spare == NULL || c->multi == NULL)
		return -1;
	c->n_spare = 1;
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, want_timer);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
	curl_multi_setopt(c->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, TOTAL_CONNECTIONS);
	curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, TOTAL_CONNECTIONS);
	return 0;
}

struct http_client *
http_client_new(struct loop *l, struct err *e)
{
	struct http_client *c = calloc(1, sizeof *c);

	if (c != NULL) {
		c->loop = l;
		c->deadline_at = INT64_MAX;
		if (make_multi(c) == 0)
			return c;
	}
	http_client_free(c);
	err_set(e, ERR_NOMEM, "cannot make an HTTP client: out of memory");
	return NULL;
}

void
http_client_free(struct http_client *c)
{
	struct host *h, *next;
	struct transfer *t;

	if (c == NULL)
		return;
	HASH_ITER(hh, c->hosts, h, next) {
		HASH_DEL(c->hosts, h);
		free(h);
	}
	while ((t = c->running) != NULL) {
		if (!t->waiting)
			curl_multi_remove_handle(c->multi, t->easy);
		c->running = t->next;
		transfer_free(t);
	}
	while ((t = c->spare) != NULL) {
		c->spare = t->next;
		transfer_free(t);
	}
	if (c->multi != NULL)
		curl_multi_cleanup(c->multi); /* frees the watches through want_socket */
	loop_timer_free(c->timer);
	loop_timer_free(c->deadline);
	free(c);
}

/* --- one, blocking ------------------------------------------------------------------- */

static _Thread_local struct transfer *kept;

static void
copy_headers(struct transfer *t, const char *const *want, struct http_result *out)
{
	struct curl_header *h;

	for (size_t i = 0; want != NULL && i < sizeof out->header / sizeof out->header[0] && want[i] != NULL; i++)
		if (curl_easy_header(t->easy, want[i], 0, CURLH_HEADER, -1, &h) == CURLHE_OK) {
			strncpy(out->header[i], h->value, sizeof out->header[i] - 1);
			out->header[i][sizeof out->header[i] - 1] = '\0';
		}
}

static int
fetch_failed(const struct transfer *t, const struct http_call *call, CURLcode rc, struct err *e)
{
	enum err_code code = ERR_TIMEOUT;

	if (!t->sent)
		code = ERR_UNAVAILABLE;
	else if (t->too_big || rc == CURLE_WEIRD_SERVER_REPLY || rc == CURLE_UNSUPPORTED_PROTOCOL)
		code = ERR_PROTOCOL;
	return err_set(e, code, "%s: %s", call->unix_path != NULL ? call->unix_path : call->url, why_failed(t, rc));
}

int
http_fetch(const struct http_call *call, const char *const *want, struct http_result *out, struct err *e)
{
	CURLcode rc;
	int failed = 0;

	memset(out, 0, sizeof *out);
	if (kept == NULL)
		kept = transfer_new(NULL);
	if (kept == NULL)
		return err_set(e, ERR_NOMEM, "out of memory for a request to %.200s", call->url);
	kept->answer_max = FETCH_BODY_MAX;
	if (transfer_set(kept, call) < 0) {
		transfer_clear(kept);
		return err_set(e, ERR_NOMEM, "cannot start a request to %.200s", call->url);
	}
	rc = verdict(kept, curl_easy_perform(kept->easy));
	if (rc != CURLE_OK) {
		failed = fetch_failed(kept, call, rc, e);
	} else {
		out->status = status_of(kept);
		copy_headers(kept, want, out);
		out->body = kept->answer;
		buf_init(&kept->answer);
	}
	transfer_clear(kept);
	return failed;
}

void
http_result_fini(struct http_result *r)
{
	buf_fini(&r->body);
}

void
http_fetch_close(void)
{
	transfer_free(kept);
	kept = NULL;
}

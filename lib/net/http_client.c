#include "net/http_client.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <uthash.h>

#include "base/limits.h"
#include "net/http_transfer.h"

#define HOST_CONNECTIONS 16
#define HOST_NAME_MAX_ 128
#define TOTAL_CONNECTIONS 256L
#define SPARE_TRANSFERS 64
#define LATE_MS 50                      /* libcurl gets so long to see a time-out itself */

/* One request of the client; used again for the next. */
struct transfer {
	struct transfer *prev, *next; /* of the client's running or (next only) spare ones */
	struct http_client *client;
	struct host *host;            /* NULL: without a name that fits, libcurl's own limits hold */
	TAILQ_ENTRY(transfer) turn;   /* in the host's queue, while waiting */
	bool waiting;                 /* libcurl does not know of it yet */
	struct http_transfer x;
	int64_t deadline;             /* monotonic; INT64_MAX: none */
	http_done done;
	void *arg;
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

static void
transfer_free(struct transfer *t)
{
	if (t == NULL)
		return;
	http_transfer_fini(&t->x);
	free(t);
}

static struct transfer *
transfer_new(struct http_client *c)
{
	struct transfer *t = calloc(1, sizeof *t);

	if (t == NULL || http_transfer_init(&t->x) < 0) {
		free(t);
		return NULL;
	}
	t->client = c;
	t->x.answer_max = LIMIT_HTTP_BODY;
	curl_easy_setopt(t->x.easy, CURLOPT_PRIVATE, t);
	return t;
}

/* NOT_SENT only where libcurl never had a connection to send on. */
static enum http_outcome
outcome_of(const struct transfer *t, CURLcode rc)
{
	return rc == CURLE_OK ? HTTP_ANSWERED : t->x.sent ? HTTP_UNKNOWN : HTTP_NOT_SENT;
}

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
	if (curl_multi_add_handle(t->client->multi, t->x.easy) != CURLM_OK)
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
			curl_easy_setopt(t->x.easy, CURLOPT_TIMEOUT_MS, (long)left);
		if (curl_multi_add_handle(c->multi, t->x.easy) != CURLM_OK)
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
		curl_multi_remove_handle(t->client->multi, t->x.easy);
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
	http_transfer_clear(&t->x);
	t->next = c->spare;
	c->spare = t;
	c->n_spare++;
}

static void
finish(struct transfer *t, CURLcode rc)
{
	struct http_answer a = { .error = "" };

	rc = http_transfer_verdict(&t->x, rc);
	a.outcome = outcome_of(t, rc);
	host_leave(t);
	unlink_running(t);
	if (rc == CURLE_OK)
		a.status = http_transfer_status(&t->x);
	else
		a.error = http_transfer_why(&t->x, rc);
	a.body = buf_str(&t->x.answer);
	a.body_len = t->x.answer.len;
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
		if (t->x.error[0] == '\0')
			strcpy(t->x.error, "no answer in time");
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
	t->deadline = call->total_ms > 0 ? clock_mono_ms() + call->total_ms + LATE_MS : INT64_MAX;
	t->host = host_of(c, call);
	if (http_transfer_set(&t->x, call) < 0 || host_enter(t) < 0) {
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
			curl_multi_remove_handle(c->multi, t->x.easy);
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

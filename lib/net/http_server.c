/* The server reads requests itself instead of through evhttp, see http_server.h. */
#include "net/http_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "net/http_listen.h"
#include "net/http_parse.h"
#include "net/http_req.h"

#define READ_LEAST 8000
#define READ_MOST (256 * 1024)
#define PIPELINED_MAX (64 * 1024) /* read ahead while a request is being answered; then the client waits */
#define DRAIN_MS 2000             /* after a refusal: so long its sender may still send, so that it sees the answer */
#define ACCEPT_BATCH 64
#define IDLE_LEAST_MS 100         /* a younger connection may have a request on its way */
#define ACCEPT_PAUSE_MS 100       /* out of descriptors */

/* What a connection is doing. All but HANDLING (its time is the handler's) have a time limit. */
enum conn_state { CONN_IDLE, CONN_READING, CONN_WRITING, CONN_DRAINING, CONN_HANDLING };
enum { TIMED_STATES = CONN_HANDLING };

static const int64_t state_ms[TIMED_STATES] = {
	[CONN_IDLE] = LIMIT_HTTP_IDLE_MS,
	[CONN_READING] = LIMIT_HTTP_REQUEST_MS,
	[CONN_WRITING] = LIMIT_HTTP_REQUEST_MS, /* without progress */
	[CONN_DRAINING] = DRAIN_MS,
};

struct http_conn {
	struct http_conn *prev, *next; /* of its state's list, oldest deadline first */
	struct listener *li;
	struct loop_watch *watch;
	int fd;
	enum conn_state state;
	int64_t deadline;
	struct buf in;             /* a request from its first byte, or read ahead */
	struct http_parse parse;
	struct http_req *req;      /* being handled */
	struct buf out[2];         /* reply: head, body */
	size_t sent;
	bool keep_alive, refused, foreign;
	bool ahead;                /* `in` holds bytes that were not looked at as a request yet */
	char peer[64];
	uid_t uid;
};

struct conn_list {
	struct http_conn *first, *last;
};

struct listener {
	struct http_server *s;
	struct http_listener conf;  /* addr and hosts are ours */
	char bound[HTTP_ADDR_SIZE];
	bool is_unix;
	dev_t dev;                  /* of a Unix socket's file, to remove only our own */
	ino_t ino;
	int fd, port;
	struct loop_watch *watch;
	struct loop_timer *pause;
	int n_conns;
	bool full, paused;          /* not accepting, and why */
	bool said_short;            /* out of descriptors is logged once */
};

struct http_server {
	struct loop *loop;
	struct loop_timer *timer;
	int64_t timer_due;          /* INT64_MAX: not set */
	struct listener **li;
	int n_li;
	bool closing;
	struct conn_list lists[CONN_HANDLING + 1];
	struct http_req *reqs;
};

/* --- states and their time limits ------------------------------------------------ */

static void
list_remove(struct http_conn *c)
{
	struct conn_list *list = &c->li->s->lists[c->state];

	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		list->first = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	else
		list->last = c->prev;
}

static void
list_append(struct http_conn *c)
{
	struct http_server *s = c->li->s;
	struct conn_list *list = &s->lists[c->state];

	c->next = NULL;
	c->prev = list->last;
	if (c->prev != NULL)
		c->prev->next = c;
	else
		list->first = c;
	list->last = c;
	if (c->state == CONN_HANDLING)
		return;
	c->deadline = loop_now(s->loop).mono_ms + state_ms[c->state];
	if (c->deadline < s->timer_due) {
		s->timer_due = c->deadline;
		loop_timer_set(s->timer, state_ms[c->state]);
	}
}

/* Also anew for the state it has: the time limit starts again. */
static void
enter(struct http_conn *c, enum conn_state state)
{
	list_remove(c);
	c->state = state;
	list_append(c);
}

/* --- closing ---------------------------------------------------------------------- */

static void
req_unlink(struct http_req *r)
{
	if (r->prev != NULL)
		r->prev->next = r->next;
	else
		r->server->reqs = r->next;
	if (r->next != NULL)
		r->next->prev = r->prev;
}

static void
req_gone(struct http_req *r)
{
	if (r == NULL)
		return;
	req_unlink(r);
	http_req_free(r);
}

/* The connection of r goes away. A queued reply is freed when it is released, one that may still come when it comes. */
static void
req_detach(struct http_req *r)
{
	r->conn = NULL;
	if (r->replied || r->on_close == NULL)
		return;
	r->replied = true; /* it is too late for a reply */
	r->on_close(r, r->on_close_arg);
	req_gone(r);
}

static void
conn_free(struct http_conn *c)
{
	list_remove(c);
	loop_watch_free(c->watch);
	close(c->fd);
	buf_fini(&c->in);
	buf_fini(&c->out[0]);
	buf_fini(&c->out[1]);
	free(c);
}

static void
conn_close(struct http_conn *c)
{
	struct listener *li = c->li;
	struct http_req *r = c->req;

	conn_free(c);
	li->n_conns--;
	if (li->full && !li->s->closing) {
		li->full = false;
		if (!li->paused)
			loop_watch_set(li->watch, LOOP_READ);
	}
	if (r != NULL)
		req_detach(r);
}

/* The answer is out, but the client may still be sending: a close now could reset the connection before it reads it. */
static void
drain(struct http_conn *c)
{
	shutdown(c->fd, SHUT_WR);
	buf_fini(&c->in);
	enter(c, CONN_DRAINING);
	loop_watch_set(c->watch, LOOP_READ);
}

/* --- replies ------------------------------------------------------------------------ */

static void
finish_reply(struct http_conn *c)
{
	buf_fini(&c->out[0]);
	buf_fini(&c->out[1]);
	if (c->refused) {
		drain(c);
	} else if (!c->keep_alive || c->li->s->closing) {
		conn_close(c);
	} else {
		http_parse_init(&c->parse);
		enter(c, c->in.len > 0 ? CONN_READING : CONN_IDLE);
		loop_watch_set(c->watch, LOOP_READ);
		c->ahead = c->in.len > 0;
		if (c->ahead)
			loop_watch_kick(c->watch); /* the next request is here already: it is an event of the next turn */
	}
}

static void
flush(struct http_conn *c)
{
	size_t head = c->out[0].len, all = head + c->out[1].len;

	while (c->sent < all) {
		size_t in_body = c->sent > head ? c->sent - head : 0;
		struct iovec iov[2] = {
			{ .iov_base = c->out[0].data + c->sent, .iov_len = c->sent < head ? head - c->sent : 0 },
			{ .iov_base = c->out[1].data != NULL ? c->out[1].data + in_body : NULL,
			    .iov_len = c->out[1].len - in_body },
		};
		struct msghdr msg = { .msg_iov = iov + (c->sent >= head), .msg_iovlen = c->sent < head ? 2 : 1 };
		ssize_t n = sendmsg(c->fd, &msg, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			loop_watch_set(c->watch, LOOP_READ | LOOP_WRITE);
			return;
		}
		if (n < 0) {
			conn_close(c);
			return;
		}
		c->sent += (size_t)n;
		enter(c, CONN_WRITING);
	}
	finish_reply(c);
}

/* Gives r's reply to its connection; r is gone. */
static void
send_reply(struct http_req *r)
{
	struct http_conn *c = r->conn;

	c->keep_alive = r->parse.keep_alive && !c->refused && !c->li->s->closing;
	http_req_put_head(r, c->keep_alive, &c->out[0]);
	if (http_req_reply_has_body(r)) {
		c->out[1] = r->body;
		buf_init(&r->body);
	}
	c->sent = 0;
	c->req = NULL;
	if (!buf_ok(&c->out[0]) || !buf_ok(&c->out[1]) || !buf_ok(&r->fields)) {
		log_error("reply_dropped", "path=%s reason=%s", log_q(http_req_path(r)), log_q("out of memory"));
		req_gone(r);
		conn_close(c);
		return;
	}
	req_gone(r);
	enter(c, CONN_WRITING);
	flush(c);
}

/* The listener had no answer: a closed connection is one. */
static void
close_unanswered(struct http_req *r)
{
	r->replied = true;
	conn_close(r->conn);
	req_gone(r);
}

static void
release(void *arg, const struct err *failed)
{
	struct http_req *r = arg;

	if (r->conn == NULL) {
		req_gone(r);
		return;
	}
	if (failed != NULL) {
		const struct listener *li = r->conn->li;

		/* Nothing of the turn was kept, so nothing that the handler said is true. */
		http_req_reset_reply(r);
		r->failing = true;
		li->conf.fail(r, failed, li->conf.arg);
		if (!r->replied) {
			close_unanswered(r);
			return;
		}
	}
	send_reply(r);
}

void
http_server_queue(struct http_req *r)
{
	if (r->failing || loop_release(r->server->loop, release, r) == 0)
		return;
	log_error("reply_dropped", "path=%s reason=%s", log_q(http_req_path(r)), log_q("out of memory"));
	if (r->conn != NULL)
		conn_close(r->conn);
	req_gone(r);
}

/* --- requests ---------------------------------------------------------------------- */

/* Makes the request of what was read. NULL: out of memory, c is closed. */
static struct http_req *
take_request(struct http_conn *c)
{
	struct http_server *s = c->li->s;
	struct http_req *r;
	struct buf rest = BUF_INIT;
	bool whole = c->parse.state == HTTP_PARSE_DONE;

	if (whole && c->parse.at < c->in.len) {
		buf_add(&rest, c->in.data + c->parse.at, c->in.len - c->parse.at);
		c->in.len = c->parse.at;
		c->in.data[c->in.len] = '\0';
	}
	r = buf_ok(&rest) ? http_req_new(&c->parse, &c->in) : NULL;
	if (r == NULL) {
		log_error("request_dropped", "peer=%s reason=%s", log_q(c->peer), log_q("out of memory"));
		buf_fini(&rest);
		conn_close(c);
		return NULL;
	}
	c->in = rest;
	memcpy(r->peer, c->peer, sizeof r->peer);
	r->is_unix = c->li->is_unix;
	r->uid = c->uid;
	r->conn = c;
	c->req = r;
	r->server = s;
	r->next = s->reqs;
	if (r->next != NULL)
		r->next->prev = r;
	s->reqs = r;
	enter(c, CONN_HANDLING);
	return r;
}

/* Answers with the listener's failure and closes the connection after it. */
static void
refuse(struct http_conn *c, struct http_req *r, const struct err *e)
{
	c->refused = true;
	if (r == NULL && (r = take_request(c)) == NULL)
		return;
	log_info("request_refused", "peer=%s method=%s path=%s reason=%s", log_q(r->peer), log_q(r->method),
	    log_q(r->target), log_q(e->msg));
	c->li->conf.fail(r, e, c->li->conf.arg);
	if (!r->replied)
		close_unanswered(r);
}

static bool
host_is(const char *host, int port, const char *allowed, int default_port)
{
	char name[HTTP_ADDR_SIZE];
	int allowed_port;

	if (http_listen_split(allowed, name, sizeof name, &allowed_port) < 0)
		return false;
	if (allowed[strlen(allowed) - 1] == ']' || strrchr(allowed, ':') == NULL)
		allowed_port = default_port;
	return port == allowed_port && strcasecmp(host, name) == 0;
}

/* Whether a Host header means this listener: by a name that only a client of ours would use, so that a foreign web page
 * whose name was pointed at this address is refused. */
static bool
host_is_ours(const struct http_conn *c, const char *sent)
{
	static const char *const loopback[] = { "localhost", "127.0.0.1", "[::1]" };
	const struct listener *li = c->li;
	char host[HTTP_ADDR_SIZE], local[HTTP_ADDR_SIZE];
	int port;

	if (sent == NULL || http_listen_split(sent, host, sizeof host, &port) < 0)
		return false;
	for (size_t i = 0; i < sizeof loopback / sizeof loopback[0]; i++)
		if (host_is(host, port, loopback[i], li->port))
			return true;
	if (host_is(host, port, li->bound, li->port))
		return true;
	for (size_t i = 0; li->conf.hosts != NULL && li->conf.hosts[i] != NULL; i++)
		if (host_is(host, port, li->conf.hosts[i], li->port))
			return true;
	/* Bound to every address: the one that this connection came to. */
	http_listen_name(c->fd, true, local, sizeof local);
	return host_is(host, port, local, li->port);
}

static int
check_origin(const struct http_conn *c, const struct http_req *r, struct err *e)
{
	char sent[HTTP_ADDR_SIZE];

	if (c->foreign)
		return err_set(e, ERR_FORBIDDEN, "this socket serves only uid %d and root, you are uid %d", (int)geteuid(),
		    (int)c->uid);
	if (!c->li->conf.strict_origin)
		return 0;
	if (http_req_header(r, "Origin") != NULL)
		return err_set(e, ERR_FORBIDDEN, "requests of web pages (header Origin) are refused here");
	if (!c->li->is_unix && !host_is_ours(c, http_req_host(r, sent, sizeof sent)))
		return err_set(e, ERR_FORBIDDEN, "the Host header names neither this address nor an allowed host");
	return 0;
}

static void
dispatch(struct http_conn *c)
{
	struct http_req *r = take_request(c);
	struct err e = ERR_INIT;

	if (r == NULL)
		return;
	if (check_origin(c, r, &e) < 0 || http_req_set_path(r, &e) < 0)
		refuse(c, r, &e);
	else
		c->li->conf.handler(r, c->li->conf.arg);
}

static void
send_continue(struct http_conn *c)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

	c->parse.expect_continue = false;
	/* 25 bytes into an empty socket buffer; a client that does not get them sends its body anyway, a second later */
	if (send(c->fd, text, sizeof text - 1, MSG_NOSIGNAL) < 0)
		log_debug("continue_failed", "peer=%s reason=%s", log_q(c->peer), log_q(strerror(errno)));
}

/* Looks at what was read of the next request. */
static void
process(struct http_conn *c)
{
	struct err e = ERR_INIT;
	int rc = http_parse_feed(&c->parse, &c->in, &e);

	if (rc < 0) {
		refuse(c, NULL, &e);
	} else if (rc > 0) {
		dispatch(c);
	} else {
		if (c->state == CONN_IDLE)
			enter(c, CONN_READING);
		if (c->parse.expect_continue && http_parse_has_head(&c->parse))
			send_continue(c);
	}
}

/* --- reading ------------------------------------------------------------------------ */

/* The client closed its side, or the connection broke. A reply that is on its way still goes out. */
static void
read_ended(struct http_conn *c, bool broken)
{
	if (!broken && (c->state == CONN_WRITING || (c->req != NULL && c->req->replied))) {
		c->refused = false;
		c->keep_alive = false;
		if (c->req != NULL)
			c->req->parse.keep_alive = false;
		loop_watch_set(c->watch, c->state == CONN_WRITING ? LOOP_WRITE : 0);
		return;
	}
	conn_close(c);
}

static void
read_and_forget(struct http_conn *c)
{
	char junk[16384];
	ssize_t n = recv(c->fd, junk, sizeof junk, 0);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		conn_close(c);
}

/* 1: something came; 0: nothing now; -1: c is closed. */
static int
read_more(struct http_conn *c)
{
	size_t room = READ_LEAST;
	ssize_t n;
	char *at;

	if (c->state == CONN_READING && c->parse.state == HTTP_PARSE_BODY && c->parse.left > room)
		room = c->parse.left < READ_MOST ? c->parse.left : READ_MOST;
	at = buf_room(&c->in, room);
	if (at == NULL) {
		log_error("request_dropped", "peer=%s reason=%s", log_q(c->peer), log_q("out of memory"));
		conn_close(c);
		return -1;
	}
	n = recv(c->fd, at, room, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		read_ended(c, n < 0);
		return -1;
	}
	c->in.len += (size_t)n;
	at[n] = '\0';
	return 1;
}

static void
on_ready(int fd, int what, void *arg)
{
	struct http_conn *c = arg;

	if (what == LOOP_WRITE) {
		loop_watch_set(c->watch, LOOP_READ);
		flush(c);
		return;
	}
	if (c->state == CONN_DRAINING) {
		read_and_forget(c);
		return;
	}
	if (c->ahead) {
		c->ahead = false;
		process(c);
		return;
	}
	if (read_more(c) < 0)
		return;
	if (c->state == CONN_HANDLING || c->state == CONN_WRITING) {
		if (c->in.len >= PIPELINED_MAX)
			loop_watch_set(c->watch, c->state == CONN_WRITING ? LOOP_WRITE : 0);
		return;
	}
	if (c->in.len > 0)
		process(c);
	else
		buf_fini(&c->in);
}

/* --- time ------------------------------------------------------------------------- */

static void
expire(struct http_conn *c)
{
	struct err e;

	if (c->state != CONN_READING) {
		conn_close(c);
		return;
	}
	err_set(&e, ERR_TIMEOUT, "the request was not whole after %d s", LIMIT_HTTP_REQUEST_MS / 1000);
	refuse(c, NULL, &e);
}

static void
on_timer(void *arg)
{
	struct http_server *s = arg;
	int64_t now = clock_mono_ms(), due = INT64_MAX;

	s->timer_due = INT64_MAX;
	for (int i = 0; i < TIMED_STATES; i++) {
		while (s->lists[i].first != NULL && s->lists[i].first->deadline <= now)
			expire(s->lists[i].first);
	}
	for (int i = 0; i < TIMED_STATES; i++)
		if (s->lists[i].first != NULL && s->lists[i].first->deadline < due)
			due = s->lists[i].first->deadline;
	if (due < s->timer_due) {
		s->timer_due = due;
		loop_timer_set(s->timer, due - now);
	}
}

/* --- accepting ----------------------------------------------------------------------- */

static void
know_peer(struct http_conn *c)
{
	struct ucred cred = { .uid = (uid_t)-1 };
	socklen_t len = sizeof cred;
	int on = 1, idle = 60, every = 15, times = 4;

	if (c->li->is_unix) {
		if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
			cred.uid = (uid_t)-1;
		c->uid = cred.uid;
		c->foreign = cred.uid != geteuid() && cred.uid != 0;
		snprintf(c->peer, sizeof c->peer, "unix:uid=%d", (int)cred.uid);
		return;
	}
	c->uid = (uid_t)-1;
	http_listen_name(c->fd, false, c->peer, sizeof c->peer);
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	/* The peer of a long poll may lose its power: it is then gone after two minutes. */
	setsockopt(c->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	setsockopt(c->fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
	setsockopt(c->fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof every);
	setsockopt(c->fd, IPPROTO_TCP, TCP_KEEPCNT, &times, sizeof times);
}

static void
conn_new(struct listener *li, int fd)
{
	struct http_conn *c = calloc(1, sizeof *c);

	if (c != NULL)
		c->watch = loop_watch_new(li->s->loop, fd, LOOP_READ, on_ready, c);
	if (c == NULL || c->watch == NULL) {
		log_error("connection_dropped", "reason=%s", log_q("out of memory"));
		free(c);
		close(fd);
		return;
	}
	c->li = li;
	c->fd = fd;
	c->state = CONN_IDLE;
	http_parse_init(&c->parse);
	know_peer(c);
	list_append(c);
	li->n_conns++;
}

/* Room for another connection: the one that was idle longest goes. False: none is idle. */
static bool
make_room(struct listener *li)
{
	int64_t before = loop_now(li->s->loop).mono_ms + LIMIT_HTTP_IDLE_MS - IDLE_LEAST_MS;

	for (struct http_conn *c = li->s->lists[CONN_IDLE].first; c != NULL && c->deadline <= before; c = c->next)
		if (c->li == li) {
			conn_close(c);
			return true;
		}
	if (!li->full)
		log_warn("connections_full", "listen=%s limit=%d", log_q(li->bound), LIMIT_HTTP_CONNECTIONS);
	li->full = true;
	loop_watch_set(li->watch, 0);
	return false;
}

static void
pause_accept(struct listener *li, int why)
{
	if (!li->said_short)
		log_error("accept_failed", "listen=%s reason=%s", log_q(li->bound), log_q(strerror(why)));
	li->said_short = true;
	li->paused = true;
	loop_watch_set(li->watch, 0);
	loop_timer_set(li->pause, ACCEPT_PAUSE_MS);
}

static void
pause_over(void *arg)
{
	struct listener *li = arg;

	li->paused = false;
	if (!li->full)
		loop_watch_set(li->watch, LOOP_READ);
}

static void
on_accept(int fd, int what, void *arg)
{
	struct listener *li = arg;

	for (int i = 0; i < ACCEPT_BATCH; i++) {
		int peer;

		if (li->n_conns >= LIMIT_HTTP_CONNECTIONS && !make_room(li))
			return;
		peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (peer >= 0) {
			li->said_short = false;
			conn_new(li, peer);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			pause_accept(li, errno);
			return;
		} else if (errno == EAGAIN) {
			return;
		} /* else that one connection failed: the next */
	}
}

/* --- life ----------------------------------------------------------------------------- */

struct http_server *
http_server_new(struct loop *l, struct err *e)
{
	struct http_server *s = calloc(1, sizeof *s);

	if (s != NULL)
		s->timer = loop_timer_new(l, on_timer, s);
	if (s == NULL || s->timer == NULL) {
		err_set(e, ERR_NOMEM, "out of memory");
		free(s);
		return NULL;
	}
	s->loop = l;
	s->timer_due = INT64_MAX;
	return s;
}

static void
free_strings(const char *const *list)
{
	char **own;

	if (list == NULL)
		return;
	memcpy(&own, &list, sizeof own);
	for (char **p = own; *p != NULL; p++)
		free(*p);
	free(own);
}

static int
copy_hosts(struct listener *li, const char *const *hosts)
{
	size_t n = 0;
	char **own;

	li->conf.hosts = NULL;
	if (hosts == NULL)
		return 0;
	while (hosts[n] != NULL)
		n++;
	own = calloc(n + 1, sizeof *own);
	if (own == NULL)
		return -1;
	li->conf.hosts = (const char *const *)own;
	for (size_t i = 0; i < n; i++)
		if ((own[i] = strdup(hosts[i])) == NULL)
			return -1;
	return 0;
}

static void
listener_stop(struct listener *li)
{
	struct stat st;

	loop_watch_free(li->watch);
	loop_timer_free(li->pause);
	li->watch = NULL;
	li->pause = NULL;
	if (li->fd < 0)
		return;
	close(li->fd);
	li->fd = -1;
	if (li->is_unix && lstat(li->bound, &st) == 0 && st.st_dev == li->dev && st.st_ino == li->ino)
		unlink(li->bound);
}

static void
listener_free(struct listener *li)
{
	if (li == NULL)
		return;
	listener_stop(li);
	free_strings(li->conf.hosts);
	free(li);
}

static int
listener_open(struct listener *li, struct err *e)
{
	char host[HTTP_ADDR_SIZE];
	struct stat st;

	li->fd = http_listen_open(li->conf.addr, li->bound, e);
	if (li->fd < 0)
		return -1;
	li->is_unix = http_listen_is_unix(li->conf.addr);
	li->conf.addr = li->bound;
	if (li->is_unix && lstat(li->bound, &st) == 0) {
		li->dev = st.st_dev;
		li->ino = st.st_ino;
	} else if (!li->is_unix) {
		http_listen_split(li->bound, host, sizeof host, &li->port);
	}
	li->watch = loop_watch_new(li->s->loop, li->fd, LOOP_READ, on_accept, li);
	li->pause = loop_timer_new(li->s->loop, pause_over, li);
	if (li->watch == NULL || li->pause == NULL)
		return err_set(e, ERR_NOMEM, "out of memory");
	return 0;
}

int
http_server_listen(struct http_server *s, const struct http_listener *conf, struct err *e)
{
	struct listener **more = reallocarray(s->li, (size_t)s->n_li + 1, sizeof *more);
	struct listener *li = calloc(1, sizeof *li);

	if (more != NULL)
		s->li = more;
	if (more == NULL || li == NULL) {
		free(li);
		return err_set(e, ERR_NOMEM, "out of memory");
	}
	li->s = s;
	li->fd = -1;
	li->conf = *conf;
	if (copy_hosts(li, conf->hosts) < 0)
		err_set(e, ERR_NOMEM, "out of memory");
	else if (listener_open(li, e) == 0) {
		s->li[s->n_li++] = li;
		return 0;
	}
	listener_free(li);
	return -1;
}

const char *
http_server_addr(const struct http_server *s, int i)
{
	return i >= 0 && i < s->n_li ? s->li[i]->bound : "";
}

void
http_server_close(struct http_server *s)
{
	if (s->closing)
		return;
	s->closing = true;
	for (int i = 0; i < s->n_li; i++)
		listener_stop(s->li[i]);
	while (s->lists[CONN_IDLE].first != NULL)
		conn_close(s->lists[CONN_IDLE].first);
}

void
http_server_free(struct http_server *s)
{
	if (s == NULL)
		return;
	for (int i = 0; i <= CONN_HANDLING; i++)
		while (s->lists[i].first != NULL)
			conn_free(s->lists[i].first);
	while (s->reqs != NULL)
		req_gone(s->reqs);
	for (int i = 0; i < s->n_li; i++)
		listener_free(s->li[i]);
	free(s->li);
	loop_timer_free(s->timer);
	free(s);
}

#include "net/http_conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"

#define READ_LEAST 8000
#define READ_MOST (256 * 1024)
#define PIPELINED_MAX (64 * 1024) /* read ahead while a request is being answered; then the client waits */
#define REFUSALS_LOGGED 10        /* a second */
#define PIECE (256 * 1024)        /* of a streamed body; after each others have their turn */
#define DRAIN_MS 2000             /* after a refusal: so long its sender may still send, so that it sees the answer */

static const int64_t state_ms[CONN_TIMED_STATES] = {
	[CONN_IDLE] = LIMIT_HTTP_IDLE_MS,
	[CONN_READING] = LIMIT_HTTP_REQUEST_MS,
	[CONN_WRITING] = LIMIT_HTTP_REQUEST_MS, /* without progress */
	[CONN_DRAINING] = DRAIN_MS,
};

/* --- states and their time limits ------------------------------------------------ */

static void
list_remove(struct http_conn *c)
{
	struct http_conn_list *list = &c->li->s->lists[c->state];

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
	struct http_conn_list *list = &s->lists[c->state];

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
	http_server_wake_at(s, c->deadline);
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
	http_source_end(&c->source);
	buf_fini(&c->in);
	buf_fini(&c->out[0]);
	buf_fini(&c->out[1]);
	free(c);
}

void
http_conn_close(struct http_conn *c)
{
	struct http_port *li = c->li;
	struct http_req *r = c->req;

	conn_free(c);
	http_server_conn_gone(li);
	if (r != NULL)
		req_detach(r);
}

void
http_conn_free_all(struct http_server *s)
{
	for (int i = 0; i <= CONN_HANDLING; i++)
		while (s->lists[i].first != NULL)
			conn_free(s->lists[i].first);
	while (s->reqs != NULL)
		req_gone(s->reqs);
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
	http_source_end(&c->source);
	if (c->refused) {
		drain(c);
	} else if (!c->keep_alive || c->li->s->closing) {
		http_conn_close(c);
	} else {
		http_parse_init(&c->parse);
		enter(c, c->in.len > 0 ? CONN_READING : CONN_IDLE);
		loop_watch_set(c->watch, LOOP_READ);
		c->ahead = c->in.len > 0;
		if (c->ahead)
			loop_watch_kick(c->watch); /* the next request is here already: it is an event of the next turn */
	}
}

/* One write of what is still to be sent of head and body. */
static ssize_t
send_some(const struct http_conn *c)
{
	struct iovec iov[2];
	struct msghdr msg = { .msg_iov = iov };
	size_t skip = c->sent;

	for (int i = 0; i < 2; i++) {
		if (skip < c->out[i].len)
			iov[msg.msg_iovlen++] = (struct iovec){ c->out[i].data + skip, c->out[i].len - skip };
		skip -= skip < c->out[i].len ? skip : c->out[i].len;
	}
	return sendmsg(c->fd, &msg, MSG_NOSIGNAL);
}

/* The next piece of a streamed body. 1: there is one; 0: that was all; -1: c is closed. */
static int
refill(struct http_conn *c)
{
	int64_t left = c->source.fill == NULL ? 0 : c->source.length - c->source_at;

	if (left <= 0)
		return 0;
	buf_fini(&c->out[0]);
	buf_clear(&c->out[1]);
	c->sent = 0;
	if (c->source.fill(c->source.arg, c->source_at, left < PIECE ? (size_t)left : PIECE, &c->out[1]) < 0 ||
	    !buf_ok(&c->out[1]) || c->out[1].len == 0 || (int64_t)c->out[1].len > left) {
		log_warn("reply_cut", "peer=%s left_bytes=%lld", log_q(c->peer), (long long)left);
		http_conn_close(c);
		return -1;
	}
	c->source_at += (int64_t)c->out[1].len;
	return 1;
}

static void
flush(struct http_conn *c)
{
	int more;

	while (c->sent < c->out[0].len + c->out[1].len) {
		ssize_t n = send_some(c);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			loop_watch_set(c->watch, LOOP_WRITE | (c->in.len < PIPELINED_MAX ? LOOP_READ : 0));
			return;
		}
		if (n < 0) {
			http_conn_close(c);
			return;
		}
		c->sent += (size_t)n;
		enter(c, CONN_WRITING);
	}
	more = refill(c);
	if (more == 0)
		finish_reply(c);
	else if (more > 0) /* it leaves in the next turn */
		loop_watch_set(c->watch, LOOP_WRITE | (c->in.len < PIPELINED_MAX ? LOOP_READ : 0));
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
		c->source = r->source;
		c->source_at = 0;
		r->source.fill = NULL;
	}
	c->sent = 0;
	c->req = NULL;
	if (!buf_ok(&c->out[0]) || !buf_ok(&c->out[1]) || !buf_ok(&r->fields)) {
		log_error("reply_dropped", "path=%s reason=%s", log_q(http_req_path(r)), log_q("out of memory"));
		req_gone(r);
		http_conn_close(c);
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
	http_conn_close(r->conn);
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
		const struct http_port *li = r->conn->li;

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
	/* The caller is still at it: r itself stays with the server to its end. */
	log_error("reply_dropped", "path=%s reason=%s", log_q(http_req_path(r)), log_q("out of memory"));
	if (r->conn != NULL)
		http_conn_close(r->conn);
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
		http_conn_close(c);
		return NULL;
	}
	c->in = rest;
	memcpy(r->peer, c->peer, sizeof r->peer);
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

/* So many a second: whoever sends garbage shall not fill the log. */
static void
log_refusal(struct http_server *s, const struct http_req *r, const struct err *e)
{
	int64_t second = loop_now(s->loop).mono_ms / 1000;

	if (second != s->refusals_second) {
		if (s->refusals > REFUSALS_LOGGED)
			log_info("requests_refused", "more=%d", s->refusals - REFUSALS_LOGGED);
		s->refusals_second = second;
		s->refusals = 0;
	}
	if (s->refusals++ < REFUSALS_LOGGED)
		log_info("request_refused", "peer=%s method=%s path=%s reason=%s", log_q(r->peer), log_q(r->method),
		    log_q(r->target), log_q(e->msg));
}

/* Answers with the listener's failure and closes the connection after it. */
static void
refuse(struct http_conn *c, struct http_req *r, const struct err *e)
{
	c->refused = true;
	if (r == NULL && (r = take_request(c)) == NULL)
		return;
	log_refusal(c->li->s, r, e);
	c->li->conf.fail(r, e, c->li->conf.arg);
	if (!r->replied)
		close_unanswered(r);
}

/* Whether a Host header means this listener: by a name that only a client of ours would use, so that a foreign web page
 * whose name was pointed at this address is refused. */
static bool
host_is_ours(const struct http_conn *c, const char *sent)
{
	static const char *const loopback[] = { "localhost", "127.0.0.1", "[::1]", NULL };
	const struct http_port *li = c->li;
	char local[HTTP_ADDR_SIZE];
	const char *const bound[] = { li->bound, local, NULL }; /* bound to every address: the one that it came to */

	http_listen_name(c->fd, true, local, sizeof local);
	return sent != NULL && (http_listen_names(sent, loopback, li->port) || http_listen_names(sent, bound, li->port) ||
	    http_listen_names(sent, li->conf.hosts, li->port));
}

static int
check_uid(const struct http_conn *c, struct err *e)
{
	if (!c->foreign)
		return 0;
	return err_set(e, ERR_FORBIDDEN, "this socket serves only uid %d and root, you are uid %d", (int)geteuid(),
	    (int)c->uid);
}

static int
check_origin(const struct http_conn *c, const struct http_req *r, struct err *e)
{
	char sent[HTTP_ADDR_SIZE];

	if (check_uid(c, e) < 0)
		return -1;
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
	if (http_req_set_path(r, &e) < 0 || check_origin(c, r, &e) < 0)
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

	if (rc == 0 && c->foreign && http_parse_has_head(&c->parse))
		rc = check_uid(c, &e); /* its body is of no interest */
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
	http_conn_close(c);
}

static void
read_and_forget(struct http_conn *c)
{
	char junk[16384];
	ssize_t n = recv(c->fd, junk, sizeof junk, 0);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		http_conn_close(c);
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
		http_conn_close(c);
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
		http_conn_close(c);
		return;
	}
	err_set(&e, ERR_TIMEOUT, "the request was not whole after %d s", LIMIT_HTTP_REQUEST_MS / 1000);
	refuse(c, NULL, &e);
}

int64_t
http_conn_expire(struct http_server *s, int64_t now_ms)
{
	int64_t next = INT64_MAX;

	for (int i = 0; i < CONN_TIMED_STATES; i++)
		while (s->lists[i].first != NULL && s->lists[i].first->deadline <= now_ms)
			expire(s->lists[i].first);
	for (int i = 0; i < CONN_TIMED_STATES; i++)
		if (s->lists[i].first != NULL && s->lists[i].first->deadline < next)
			next = s->lists[i].first->deadline;
	return next;
}

/* --- life ------------------------------------------------------------------------- */

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

void
http_conn_new(struct http_port *li, int fd)
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

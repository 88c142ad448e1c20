/* HTTP/1.1 listeners (TCP and Unix socket) on the loop. Replies leave at the end of the turn, after the commit.
 *
 * Not over evhttp: libevent 2.1 gives no hold of a connection before its first whole request, nor of one that it closes,
 * so that connections cannot be counted, timed or refused; it stops reading during a long poll, so that a client's going
 * is not seen (reading on makes it exit on a pipelined byte); its own refusals are HTML. */
#ifndef PJ_NET_HTTP_SERVER_H
#define PJ_NET_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "net/loop.h"

struct http_server;
struct http_req; /* lives from the handler's call until its reply is released, or its connection closed */

/* Handles one request: replies now or keeps req and replies in a later turn. */
typedef void (*http_handler)(struct http_req *req, void *arg);

struct http_listener {
	const char *addr;       /* host:port (port 0: any), [v6]:port, or a path that starts with '/' or '.': a Unix socket (0600) */
	http_handler handler;
	/* Writes the failure answer of this port's style for errors that http_server itself meets: malformed or oversized
	 * requests (of those req has no path, "", and no body), a failed commit (e says why). Must call http_reply at most
	 * once; without a reply the connection is closed. */
	void (*fail)(struct http_req *req, const struct err *e, void *arg);
	void *arg;
	bool strict_origin;     /* refuse requests with an Origin header or a Host that is not ours (design rule 12) */
	const char *const *hosts; /* extra Host values allowed, NULL-ended; may be NULL */
	int connections_max;    /* 0: LIMIT_HTTP_CONNECTIONS */
};

struct http_server *http_server_new(struct loop *l, struct err *e);
/* Binds and listens; listener's strings are copied. A Unix socket is replaced when nobody answers on it, refused
 * (ERR_BUSY) when somebody does; a path over LIMIT_SOCKET_PATH is ERR_CONFIG; a port in use is ERR_BUSY and names it. */
int http_server_listen(struct http_server *s, const struct http_listener *li, struct err *e);
/* host:port as really bound (port 0 resolved) of listener number i in order of calls; borrowed. */
const char *http_server_addr(const struct http_server *s, int i);
/* Stops accepting and closes idle connections; open requests may still be answered. */
void http_server_close(struct http_server *s);
/* After loop_run has returned. Open requests are gone; calls no callbacks. */
void http_server_free(struct http_server *s);

const char *http_req_method(const struct http_req *r);  /* GET POST HEAD PUT DELETE OPTIONS PATCH */
const char *http_req_path(const struct http_req *r);    /* decoded, without query; leading "//" folded, trailing '/' cut */
const char *http_req_raw_path(const struct http_req *r); /* as sent, with query: what signatures cover */
const char *http_req_header(const struct http_req *r, const char *name); /* NULL: none; any case */
const char *http_req_body(const struct http_req *r, size_t *len);
const char *http_req_peer(const struct http_req *r);    /* "127.0.0.1:4242" or "unix:uid=0" for log lines */
uid_t http_req_uid(const struct http_req *r);           /* of the Unix peer */
/* A parameter of the query string or of a urlencoded form body (decoded UTF-8), whichever has it; NULL none. */
const char *http_req_param(struct http_req *r, const char *name);
/* `fn` is called if the connection closes before http_reply was called; req is gone after it. (A handler that keeps req
 * without asking may still reply: nobody hears it.) */
void http_req_on_close(struct http_req *r, void (*fn)(struct http_req *r, void *arg), void *arg);
void *http_req_user(const struct http_req *r);
void http_req_set_user(struct http_req *r, void *user);

/* Adds a header to the coming reply, spelled exactly so. */
void http_reply_header(struct http_req *r, const char *name, const char *value);
/* Queues the reply; body's bytes are taken (body is empty after it; NULL: none); content_type NULL: none (and none is
 * added). req is not the caller's any more. */
void http_reply(struct http_req *r, int status, const char *content_type, struct buf *body);
/* A body of `length` bytes that is asked for piece by piece while it leaves, in later turns: fill appends up to `most`
 * bytes from `offset` on. When it fails or gives none, the connection is closed: its peer sees that bytes are missing.
 * done is called once, when arg is not needed any more. */
struct http_source {
	int (*fill)(void *arg, int64_t offset, size_t most, struct buf *out);
	void (*done)(void *arg);
	void *arg;
	int64_t length;
};
void http_reply_stream(struct http_req *r, int status, const char *content_type, const struct http_source *source);
void http_reply_text(struct http_req *r, int status, const char *content_type, const char *text);

#endif

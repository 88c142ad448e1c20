/* Inside of http_server: one request with its coming reply, without the connection. */
#ifndef PJ_NET_HTTP_REQ_H
#define PJ_NET_HTTP_REQ_H

#include "net/http_parse.h"
#include "net/http_server.h"

struct http_conn;

struct http_req {
	struct http_req *prev, *next;   /* of the server's requests */
	struct http_server *server;
	struct http_conn *conn;         /* NULL: the connection is closed */
	struct http_parse parse;
	struct buf bytes;               /* what parse's offsets point into; NUL behind the body */
	const char *method, *target;    /* "" when the request line was bad */
	char *path;                     /* malloc'ed; NULL: as method */
	char *params;                   /* malloc'ed: name NUL value NUL ...; NULL: not looked at yet */
	size_t params_len;
	char peer[64];
	uid_t uid;
	void (*on_close)(struct http_req *r, void *arg);
	void *on_close_arg;
	void *user;

	int status;                     /* of the reply; 0: none yet */
	bool replied;                   /* no reply is taken any more */
	bool failing;                   /* the release phase asks for the failure answer: it is sent at once */
	struct buf fields;              /* "Name: value\r\n" each */
	struct buf body;
	struct http_source source;      /* fill NULL: the body is all */
};

/* Takes the request's bytes and what the parser made of them, also of one that is not whole. NULL: out of memory. */
struct http_req *http_req_new(const struct http_parse *p, struct buf *bytes);
void http_req_free(struct http_req *r);
void http_source_end(struct http_source *s); /* calls done, once */
/* Makes r->path of the target. ERR_DATA: malformed percent-encoding, or a NUL. */
int http_req_set_path(struct http_req *r, struct err *e);
/* The host[:port] that the request is for: of an absolute target, else the Host header; NULL none. `out` holds the former. */
const char *http_req_host(const struct http_req *r, char *out, size_t size);
void http_req_reset_reply(struct http_req *r);
/* Status line and header fields of the reply. */
void http_req_put_head(const struct http_req *r, bool keep_alive, struct buf *out);
bool http_req_reply_has_body(const struct http_req *r);
/* Queues r's reply for the end of the turn; in http_server.c. */
void http_server_queue(struct http_req *r);

#endif

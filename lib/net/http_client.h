/* HTTP/1.1 requests over libcurl: on the loop (keep-alive, many at once), or blocking for command-line tools. */
#ifndef PJ_NET_HTTP_CLIENT_H
#define PJ_NET_HTTP_CLIENT_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "net/loop.h"

enum http_outcome {
	HTTP_ANSWERED, /* an answer of any status came */
	HTTP_NOT_SENT, /* connection refused, no route, name unknown: proof that the peer did not get it */
	HTTP_UNKNOWN,  /* time-out, reset, garbage: it may have arrived */
};

struct http_call {
	const char *method;          /* GET or POST */
	const char *url;             /* http://host:port/path?query; with unix_path the host is only a name */
	const char *unix_path;       /* NULL: TCP */
	const char *const *headers;  /* "Name: value", NULL-ended; may be NULL. Content-Type is set by it or absent */
	const void *body;            /* copied */
	size_t body_len;
	int connect_ms, total_ms;    /* total 0: none */
};

struct http_answer {
	enum http_outcome outcome;
	int status;            /* 0 unless answered */
	const char *body;      /* NUL behind; borrowed during the callback */
	size_t body_len;       /* cut at LIMIT_HTTP_BODY: then outcome is HTTP_UNKNOWN */
	const char *error;     /* one line; "" when answered */
};

struct http_client;
typedef void (*http_done)(const struct http_answer *a, void *arg);

struct http_client *http_client_new(struct loop *l, struct err *e);
void http_client_free(struct http_client *c); /* calls no callbacks */
/* Starts it now (call it from a release, after the commit). done runs once, in a later turn. -1: not started (ERR_NOMEM). */
int http_client_start(struct http_client *c, const struct http_call *call, http_done done, void *arg, struct err *e);

/* Header values of an answer that a blocking caller wants. */
struct http_result {
	int status;
	struct buf body;
	char header[4][128]; /* filled in the order of `want` */
};
/* Blocking. `want` (up to 4 names, NULL-ended, may be NULL). -1: ERR_UNAVAILABLE not sent, ERR_TIMEOUT unknown,
 * ERR_PROTOCOL. The handle is kept between calls of one thread: keep-alive. */
int http_fetch(const struct http_call *call, const char *const *want, struct http_result *out, struct err *e);
void http_result_fini(struct http_result *r);
void http_fetch_close(void);

#endif

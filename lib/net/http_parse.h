/* Bytes into one HTTP/1.x request: no sockets, no clock, no allocation but its buffer's. Strict where two readers could
 * differ about where a request ends (RFC 9112): such requests are refused, never guessed at. */
#ifndef PJ_NET_HTTP_PARSE_H
#define PJ_NET_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum { HTTP_FIELDS_MAX = 64 };

enum http_parse_state {
	HTTP_PARSE_LINE,   /* request line */
	HTTP_PARSE_FIELDS,
	HTTP_PARSE_BODY,   /* Content-Length bytes */
	HTTP_PARSE_SIZE,   /* a chunk's size line */
	HTTP_PARSE_CHUNK,
	HTTP_PARSE_CHUNK_END,
	HTTP_PARSE_TRAILER,
	HTTP_PARSE_DONE,
};

/* Places are offsets into the buffer, because it moves as it grows. Texts are NUL-ended in place. */
struct http_parse {
	enum http_parse_state state;
	uint32_t at, scanned;        /* next byte to look at; no '\n' between it and `scanned` */
	uint32_t method, target;     /* 0 and 0 until the request line was good */
	uint32_t fields[HTTP_FIELDS_MAX][2]; /* name, value */
	uint32_t n_fields;
	uint32_t body_at, body_len;  /* decoded: chunks joined */
	uint32_t left;               /* bytes that the body or the chunk still lacks */
	uint32_t spent;              /* bytes of trailer lines so far */
	bool http10, chunked, has_length, keep_alive, expect_continue, has_host;
};

void http_parse_init(struct http_parse *p);
/* Goes on with what has arrived in `in`, which holds one request from its first byte. 1: whole (the next one's bytes, if
 * any, start at p->at); 0: needs more; -1: ERR_DATA, ERR_TOOBIG, to be answered and the connection closed. */
int http_parse_feed(struct http_parse *p, struct buf *in, struct err *e);
bool http_parse_has_head(const struct http_parse *p); /* the fields are all there */
const char *http_parse_field(const struct http_parse *p, const struct buf *in, const char *name); /* any case; NULL none */

#endif

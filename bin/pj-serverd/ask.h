/* Questions to Java workers for a request that waits (AskResponse, protocol.md 2.3): the request is one event, the worker's
 * answer another one of a later turn. Nothing is written by either. */
#ifndef PJ_SERVERD_ASK_H
#define PJ_SERVERD_ASK_H

#include "codec/json.h"
#include "net/http_server.h"
#include "server.h"

struct asks *asks_new(struct server *s);
void asks_free(struct asks *a);

/* What the worker said, in a later turn; req is still there. data NULL: no answer, or none that can be used. */
typedef void (*ask_done)(struct server *s, struct http_req *req, const struct json_t *data, void *arg);
/* POSTs body (taken) to http://WORKER PATH. free_arg frees arg when all is over, whether done was called or not. -1: arg is
 * still the caller's. */
int asks_start(struct asks *a, struct http_req *req, const char *worker, const char *path, struct buf *body, ask_done done,
    void *arg, void (*free_arg)(void *arg), struct err *e);

#endif

/* Long polls: requests that wait until an instance has finished or its log has grown. They are answered when that
 * happens, when their time is over, or when the server stops. */
#ifndef PJ_SERVERD_WAITERS_H
#define PJ_SERVERD_WAITERS_H

#include <stdint.h>

#include "server.h"

/* Answers req and returns true, or returns false: nothing to say yet. `last`: it must answer now. */
typedef bool (*waiter_fn)(struct server *s, struct http_req *req, int64_t instance_id, int64_t arg, bool last);

struct waiters *waiters_new(struct server *s);
void waiters_free(struct waiters *w);
/* Calls fn now, and if it has nothing to say whenever the instance changes, up to wait_ms. Then the request is answered,
 * or will be. -1: no memory or too many are waiting; the caller answers. */
int waiters_add(struct waiters *w, struct http_req *req, int64_t instance_id, int64_t wait_ms, waiter_fn fn, int64_t arg,
    struct err *e);
void waiters_wake(struct waiters *w, int64_t instance_id);
void waiters_end(struct waiters *w); /* all answer now */

#endif

/* Port 10010: heartbeats, reports and logs of workers, in the forms of PowerJob's remote transport (protocol.md 2, 3). */
#ifndef PJ_SERVERD_REMOTE_H
#define PJ_SERVERD_REMOTE_H

#include "net/http_server.h"
#include "server.h"

struct remote *remote_new(struct server *s);
void remote_free(struct remote *r);
void remote_handle(struct http_req *req, void *server);
void remote_fail(struct http_req *req, const struct err *e, void *server);

#endif

/* /server/checkConnectivity: is a worker's port reachable from here? Connects, says `ping`, expects a line `pong`
 * (protocol.md 1.1). Numeric addresses only, a bounded number at a time. */
#ifndef PJ_SERVERD_PROBE_H
#define PJ_SERVERD_PROBE_H

#include "server.h"

/* The end of a probe; req is still there. */
typedef void (*probe_done)(struct server *s, struct http_req *req, bool reachable);

struct probes *probes_new(struct server *s);
void probes_free(struct probes *p);
/* 0: done will be called (perhaps already was). -1: ERR_USAGE no numeric address, ERR_BUSY. */
int probes_start(struct probes *p, struct http_req *req, const char *ip, int64_t port, probe_done done, struct err *e);

#endif

/* Inside of http_server: listening sockets by address. */
#ifndef PJ_NET_HTTP_LISTEN_H
#define PJ_NET_HTTP_LISTEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { HTTP_ADDR_SIZE = 128 };

bool http_listen_is_unix(const char *addr);
/* A bound, listening, non-blocking socket; the errors are those of http_server_listen. bound[HTTP_ADDR_SIZE] becomes the
 * numeric host:port, or the path. */
int http_listen_open(const char *addr, char *bound, struct err *e);
/* Splits host:port or [v6]:port (port may be absent: 80); the host without brackets. -1: malformed. */
int http_listen_split(const char *addr, char *host, size_t size, int *port);
/* Whether a Host header's value is one of the NULL-ended list (may be NULL), whose entries without a port mean default_port. */
bool http_listen_names(const char *sent, const char *const *allowed, int default_port);
/* The peer's (or, local: our) end of a connected TCP socket as host:port; "?" when unknown. */
void http_listen_name(int fd, bool local, char *out, size_t size);

#endif

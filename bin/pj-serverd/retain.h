/* Old rows and old logs go, a small chunk at a time. */
#ifndef PJ_SERVERD_RETAIN_H
#define PJ_SERVERD_RETAIN_H

#include "server.h"

struct retain *retain_new(struct server *s);
void retain_free(struct retain *r);

#endif

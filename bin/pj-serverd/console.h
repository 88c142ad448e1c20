/* The read side of PowerJob's console API (protocol.md 9.3, 9.4), for the bearer of an OpenAPI token. */
#ifndef PJ_SERVERD_CONSOLE_H
#define PJ_SERVERD_CONSOLE_H

#include "route.h"
#include "store/instance.h"

/* Parameter or member instanceId, of the caller's app. */
int console_instance(struct call *c, struct instance *i, struct err *e);

#endif

/* The courier: makes messages of the core's actions while the turn runs, sends them after its commit, and brings the
 * answers back to the core as events of later turns. */
#ifndef PJ_SERVERD_COURIER_H
#define PJ_SERVERD_COURIER_H

#include "job/core.h"
#include "server.h"

struct courier *courier_new(struct server *s);
void courier_free(struct courier *c);
/* Takes one ACTION_RUN or ACTION_STOP. Whatever fails is answered to the core as MESSAGE_UNKNOWN in a later turn. */
void courier_take(struct courier *c, const struct action *a);
/* The core was reloaded: answers that are still to be given to it are about messages it will send again. */
void courier_forget(struct courier *c);

#endif

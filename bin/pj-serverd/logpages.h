/* Pages of 100 lines of instances' logs, as PowerJob's console asks for them. Where lines are is counted once and kept
 * for the logs that were asked for last; a long one is counted over several turns, and its page answered then. */
#ifndef PJ_SERVERD_LOGPAGES_H
#define PJ_SERVERD_LOGPAGES_H

#include "route.h"

struct logpages *logpages_new(struct server *s);
void logpages_free(struct logpages *p);
/* Answers c, now or in a later turn, with page `index` (from 0) of the instance's log. */
int logpages_answer(struct call *c, int64_t instance_id, int64_t index, struct err *e);
/* A turn was rolled back: what was counted may be gone. */
void logpages_forget(struct logpages *p);

#endif

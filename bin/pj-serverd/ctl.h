/* Shared by the handlers of pj's own routes: jobs and instances as requests name them. */
#ifndef PJ_SERVERD_CTL_H
#define PJ_SERVERD_CTL_H

#include "route.h"
#include "store/instance.h"
#include "store/job.h"

/* The job that member or parameter `job` names, of the app that `app` names: NAME, #ID, or a bare number when no job has
 * that name. */
int ctl_job(struct call *c, struct app *a, struct job *j, struct err *e);
/* The instance that `id` names; with a token, its own app's. */
int ctl_instance(struct call *c, struct instance *i, struct err *e);
/* ERR_DATA when the body has a member that is not in the NULL-ended list. */
int ctl_known(struct call *c, const char *const *known, struct err *e);
void ctl_ms(struct jw *w, const char *member, int64_t ms); /* null for none */

#endif

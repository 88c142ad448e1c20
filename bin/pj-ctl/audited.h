/* What changes of the clock do to a job, as audit_put (time/audit.h) says it: for people, as JSON, as TSV. */
#ifndef PJ_CTL_AUDITED_H
#define PJ_CTL_AUDITED_H

#include "ctl.h"

struct json_t;

/* Returns 0, or the exit code of what could not be written. */
int audited_put(const struct ctl *c, const struct json_t *doc);

#endif

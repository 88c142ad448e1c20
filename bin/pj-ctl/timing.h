/* When a job runs: as options say it, and as it is shown. */
#ifndef PJ_CTL_TIMING_H
#define PJ_CTL_TIMING_H

#include "base/buf.h"
#include "base/err.h"
#include "time/dur.h"
#include "time/sched.h"

/* The index of a word in a NULL-ended list, in letters of either case; -1 none of them. */
int timing_choice(const char *value, const char *const *words);
/* The duration of --every or --delay as a job's expression. ERR_USAGE. */
int timing_interval(const char *value, char expr[DUR_SIZE], struct err *e);
/* Appends the expression of the local time of --at in a zone that the job does not have: the instant itself, or both of a
 * time that is read twice. ERR_USAGE. */
int timing_at(struct buf *out, const char *value, const struct tz *z, enum sched_fold fold, struct err *e);
/* Is it a time for --at in this zone: one that there is, in whole seconds? ERR_USAGE. */
int timing_at_check(const char *value, const struct tz *z, struct err *e);
/* Appends what an expression means to a person: "every 30m from 09:00 to 17:00, Mon-Fri". `type` is its name. */
void timing_put(struct buf *out, const char *type, const char *expr);

#endif

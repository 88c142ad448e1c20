/* Is the ledger whole? Each nominal time of a job's schedules has exactly one verdict: an instance, or a place in one range
 * of `skipped`. The times of a cron expression are all known. Those of rates, delays and daily intervals follow from each
 * other, from when the job was made, enabled, or the clock set back: of them is checked that none is twice, before its time
 * or outside its window, that none is missing where they keep their beat (delays: that none is too soon behind the run
 * before), and that ranges count right. Reads only. */
#ifndef PJ_JOB_VERIFY_H
#define PJ_JOB_VERIFY_H

#include "base/err.h"
#include "store/db.h"
#include "store/job.h"
#include "time/sched.h"
#include "time/tz.h"

/* The zone that a definition is read in behind at_ms, opened anew: tz_free it. Without one of its own that of the server,
 * as the database says, else of this process; up to *until_ms it was that one. */
struct tz *verify_zone(struct db *db, const struct job_spec *spec, int64_t at_ms, int64_t *until_ms, struct err *e);
/* The schedule of a definition in that zone (borrowed); *out NULL: it has no nominal times of its own that could be told
 * from here alone (by hand, rates, delays, daily intervals, workflows). */
int verify_sched(const struct job_spec *spec, const struct tz *tz, struct sched **out, struct err *e);
/* The same of rates, delays and daily intervals, as far as each run is an instance: times that follow from each other. *out
 * NULL: another one. */
int verify_chain(const struct job_spec *spec, const struct tz *tz, struct sched **out, struct err *e);
/* From here on nothing that a job did was removed by retention; 0: nothing was. */
int verify_kept_from(struct db *db, int64_t *out, struct err *e);

/* One finding; rule is one of no-verdict, twice, not-nominal, early, count, next-trigger, unreadable. */
typedef void (*verify_fn)(const char *rule, const struct job *j, int64_t at_ms, const char *finding, void *arg);
/* Looks at what lies behind since_ms (0: all that is kept). *n counts the findings. */
int verify_job(struct db *db, const struct job *j, int64_t since_ms, verify_fn fn, void *arg, int *n, struct err *e);

#endif

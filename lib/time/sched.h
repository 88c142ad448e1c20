/* Schedules: what a time expression means. Pure: no clock of its own, no state; all times are ms since the epoch.
 * pj-time(7) is the reference of the expressions. */
#ifndef PJ_TIME_SCHED_H
#define PJ_TIME_SCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "time/tz.h"

/* PowerJob's codes */
enum time_type {
	TIME_API = 1,
	TIME_CRON = 2,
	TIME_FIXED_RATE = 3,
	TIME_FIXED_DELAY = 4,
	TIME_WORKFLOW = 5,
	TIME_DAILY = 11
};

/* A local time that the clock jumps over: not at all, at the end of the jump, or as much later as the jump is long. */
enum sched_gap { GAP_SKIP, GAP_RUN_AFTER, GAP_SHIFT };
/* A local time that the clock reads twice. */
enum sched_fold { FOLD_FIRST, FOLD_LAST, FOLD_BOTH };
extern const char *const sched_gap_names[];  /* "skip" ..., by code, ended by NULL */
extern const char *const sched_fold_names[]; /* "first" ... */
/* The code of a name (NULL: the default, 0); -1 unknown. */
int sched_gap_code(const char *name);
int sched_fold_code(const char *name);

#define SCHED_NEVER INT64_MAX
#define SCHED_EXPR_MAX 4096     /* bytes of an expression */
#define SCHED_ALTERNATIVES 64   /* expressions joined by || and | */
#define SCHED_RATE_MAX_MS 120000 /* PowerJob's bound of a rate or delay written as a plain number */

struct sched; /* a parsed expression; immutable but for sched_set_policy, shareable */
struct daily_spec;

/* Parses; NULL with ERR_DATA, whose message points at the character and says what is allowed, or ERR_NOMEM. A schedule
 * that parses may still never fire: ask sched_next. `tz` is borrowed for the life of the schedule (NULL: UTC). `seed`
 * is a stable number of the job's name, for H and ~ (sched_seed). */
struct sched *sched_parse(enum time_type type, const char *expr, const struct tz *tz, uint32_t seed, struct err *e);
/* A daily interval whose JSON was read elsewhere; the spec is checked and copied. */
struct sched *sched_from_daily(const struct daily_spec *spec, const struct tz *tz, struct err *e);
void sched_free(struct sched *s);
uint32_t sched_seed(const char *job_name);

/* The default is GAP_SKIP, FOLD_FIRST. Only fixed times of day are concerned: what repeats every hour or within it, and
 * rates, delays and daily intervals, run in real time. */
void sched_set_policy(struct sched *s, enum sched_gap gap, enum sched_fold fold);

enum time_type sched_type(const struct sched *s);
/* Does it depend on the seed: has it H or ~? */
bool sched_is_spread(const struct sched *s);
/* The rate, the delay, the step of a daily interval; 0 for other types. */
int64_t sched_interval_ms(const struct sched *s);

/* The first nominal time strictly after after_ms and <= end_ms (INT64_MAX: no end); SCHED_NEVER when there is none.
 * start_ms is the lifecycle's start, inclusive (0: none).
 *   CRON          whole seconds; nothing after 2099
 *   FIXED_RATE    start_ms if after_ms is before it, else after_ms + rate
 *   FIXED_DELAY   the same: give the end of the last run as after_ms
 *   DAILY         start_ms moved into the window if after_ms is before it, else after_ms + interval moved into it;
 *                 nothing after 2099
 *   API, WORKFLOW never */
int64_t sched_next(const struct sched *s, int64_t after_ms, int64_t start_ms, int64_t end_ms);

/* How many nominal times lie in (after_ms, upto_ms], at most max; *first_ms and *last_ms (each may be NULL) are the
 * first and the last one counted, SCHED_NEVER when there is none. To go on after max, count again from *last_ms.
 * Costs months looked at, not times counted: a year of seconds takes some tens of microseconds. A delay counts at most
 * one. */
int64_t sched_count(const struct sched *s, int64_t after_ms, int64_t upto_ms, int64_t max, int64_t *first_ms,
    int64_t *last_ms);

/* The steps that the last sched_next or sched_count of this thread took: for tests of the bounds. */
unsigned sched_steps(void);

#endif

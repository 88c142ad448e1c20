/* Inside of sched: what it holds, and the parts it is made of. */
#ifndef PJ_TIME_SCHEDULE_H
#define PJ_TIME_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>

#include "time/cron.h"
#include "time/daily.h"
#include "time/sched.h"

/* Cron looks from the first local second of 1970 to the last of 2099, wherever on earth. */
#define SCHED_SEC_MIN (-2LL * 86400)
#define SCHED_SEC_MAX 4102617600LL

/* One "@at": the instants of a local time, seconds. */
struct sched_once {
	int64_t at[2];
	int n;
};

struct sched {
	enum time_type type;
	const struct tz *tz;
	enum sched_gap gap;
	enum sched_fold fold;
	int64_t interval_ms;
	struct daily_spec daily;
	bool all_repeat; /* every rule runs in real time: changes of offset need no care */
	size_t nrule, nonce;
	struct cron *rule;
	struct sched_once *once;
};

extern _Thread_local unsigned sched_step_count;

/* The first firing of a CRON schedule at an instant in [from, to], seconds; SCHED_NEVER. */
int64_t schedcron_next(const struct sched *s, int64_t from, int64_t to);
/* How many there are, at most max; the first and the last of them. */
int64_t schedcron_count(const struct sched *s, int64_t from, int64_t to, int64_t max, int64_t *first, int64_t *last);
/* Parses a CRON expression into s. */
int schedcron_parse(struct sched *s, const char *expr, uint32_t seed, struct err *e);

#endif

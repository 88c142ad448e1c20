/* What the changes of offset of its zone do to a schedule: its local times that a clock jumps over or reads twice, and
 * what becomes of them. pj-time(7), TIME ZONES. */
#ifndef PJ_TIME_AUDIT_H
#define PJ_TIME_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/json.h"
#include "time/sched.h"

#define AUDIT_TIMES 24 /* local times told of one change; the others are counted */
#define AUDIT_SPAN_MS (2 * 366LL * 86400 * 1000)

struct audit_time {
	int64_t local_sec; /* a wall clock's reading, as seconds since it read 1970-01-01 00:00:00 */
	int64_t at_ms[2];  /* happens then */
	int n;             /* so often: 0 to 2 */
};

struct audit_change {
	int64_t at_ms;          /* from then on the offset is another */
	int before, after;      /* seconds east of UTC: a gap when it grows, a fold when it shrinks */
	int64_t n;              /* fixed times that are jumped over or read twice; of a daily interval: its window's beginning */
	struct audit_time time[AUDIT_TIMES];
	bool real_time;         /* what repeats every hour or within it, or within a window, runs on through it: */
	int64_t last_ms, next_ms; /* the last time before and the first one behind it, within a day; SCHED_NEVER none */
};

/* Where the schedule begins and ends to count, as sched_next has it (0: no bound); of a daily interval one of its times,
 * from which the others follow (0: what comes after from_ms). */
struct audit_range {
	int64_t from_ms, to_ms, start_ms, end_ms, trigger_ms;
};

/* The first change of offset that touches the schedule, in (from_ms, to_ms] and its life. 1 found, 0 none. `tz` is the
 * schedule's zone. */
int audit_next(const struct sched *s, const struct tz *tz, const struct audit_range *r, struct audit_change *out);
/* All of them, as members of the object that is open. s NULL: no schedule, as of a job that runs by hand; `type` tells
 * which. */
void audit_put(const struct sched *s, enum time_type type, const struct tz *tz, struct audit_range r, struct jw *w);

#endif

/* PowerJob's DAILY_TIME_INTERVAL: every so often, within a window of the day, on some days of the week. */
#ifndef PJ_TIME_DAILY_H
#define PJ_TIME_DAILY_H

#include <stdint.h>

#include "base/err.h"

#define DAILY_INTERVAL_MIN_MS 1000LL
#define DAILY_INTERVAL_MAX_MS (366LL * 86400 * 1000)

struct daily_spec {
	int64_t interval_ms;
	int begin_sec, end_sec; /* seconds of the local day, both inclusive, begin <= end */
	unsigned weekdays;      /* bit 0 = Monday .. bit 6 = Sunday; 0 means every day */
};

/* Reads the JSON form (keys interval, intervalUnit, startTimeOfDay, endTimeOfDay, daysOfWeek) and checks it;
 * ERR_DATA. */
int daily_parse(const char *json, struct daily_spec *out, struct err *e);
int daily_check(const struct daily_spec *spec, struct err *e);

#endif

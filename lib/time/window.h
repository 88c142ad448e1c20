/* The arithmetic of a daily interval: instants moved into a window of the local day. All times are ms since 1970. */
#ifndef PJ_TIME_WINDOW_H
#define PJ_TIME_WINDOW_H

#include <stdint.h>

#include "time/daily.h"
#include "time/tz.h"

#define WINDOW_YEAR_MAX 2099          /* as cron, nothing fires after it */
#define WINDOW_MAX_MS 4102617600000LL /* 2100-01-03: behind that year everywhere */

/* The first instant at or after `at_ms` that lies in the window of an allowed day; INT64_MAX behind the end of 2099. */
int64_t window_fit(const struct daily_spec *d, const struct tz *z, int64_t at_ms, unsigned *steps);
/* How many further times, every interval_ms, follow the fitting `at_ms` in its window without leaving it, up to
 * upto_ms. At least those up to the next change of offset are seen; 0 says only: ask window_fit for the next one. */
int64_t window_run(const struct daily_spec *d, const struct tz *z, int64_t at_ms, int64_t upto_ms);

#endif

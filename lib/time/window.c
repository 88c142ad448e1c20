#include "time/window.h"

#include <stdbool.h>

#include "time/civil.h"

/* The local reading of an instant, in parts. */
struct reading {
	int64_t sec; /* of the instant */
	int ms;
	int64_t days; /* local day number */
	int second;   /* of the local day */
	struct tz_span span;
};

static void
read_clock(const struct tz *z, int64_t at_ms, struct reading *r)
{
	r->sec = civil_floor_div(at_ms, 1000);
	r->ms = (int)(at_ms - r->sec * 1000);
	tz_span(z, r->sec, &r->span);
	r->days = civil_floor_div(r->sec + r->span.utoff, DAY_SEC);
	r->second = (int)(r->sec + r->span.utoff - r->days * DAY_SEC);
}

static bool
allowed(const struct daily_spec *d, int64_t days)
{
	int wday = (civil_weekday(days) + 6) % 7; /* 0 Monday */

	return d->weekdays == 0 || d->weekdays >> wday & 1;
}

/* The first instant behind after_sec whose clock reads this second of the day, or what follows a gap it is in. */
static int64_t
instant(const struct tz *z, int64_t days, int second, int64_t after_sec)
{
	struct tz_civil c = { 0, 1, 1, second / 3600, second / 60 % 60, second % 60, 0 };
	int64_t both[2];
	int n;

	civil_from_days(days, &c.year, &c.month, &c.day);
	n = tz_from_civil(z, &c, both);
	for (int i = 0; i < n; i++)
		if (both[i] > after_sec)
			return both[i];
	return tz_first(z, &c);
}

int64_t
window_fit(const struct daily_spec *d, const struct tz *z, int64_t at_ms, unsigned *steps)
{
	struct reading r;

	/* Each round accepts or moves forward; a week and the odd lost day need no more than these. */
	for (int round = 0; round < 64 && at_ms < WINDOW_MAX_MS; round++) {
		int64_t to;

		++*steps;
		read_clock(z, at_ms, &r);
		if (r.days >= civil_days(WINDOW_YEAR_MAX + 1, 1, 1))
			break;
		if (allowed(d, r.days) && r.second >= d->begin_sec &&
		    (r.second < d->end_sec || (r.second == d->end_sec && r.ms == 0)))
			return at_ms;
		if (allowed(d, r.days) && r.second < d->begin_sec)
			to = instant(z, r.days, d->begin_sec, r.sec);
		else
			to = instant(z, r.days + 1, 0, r.sec);
		at_ms = (to > r.sec ? to : r.sec + 1) * 1000;
	}
	return INT64_MAX;
}

int64_t
window_run(const struct daily_spec *d, const struct tz *z, int64_t at_ms, int64_t upto_ms)
{
	struct reading r;
	int64_t end;

	read_clock(z, at_ms, &r);
	end = r.sec + (d->end_sec - r.second);
	if (end >= r.span.end)
		end = r.span.end - 1;
	end *= 1000;
	if (end > upto_ms)
		end = upto_ms;
	return end > at_ms ? (end - at_ms) / d->interval_ms : 0;
}

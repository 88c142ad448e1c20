#include "timing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/opt.h"
#include "time/daily.h"
#include "time/stamp.h"
#include "when.h"

/* --- as options say it ----------------------------------------------------------------------------------------- */

int
timing_choice(const char *value, const char *const *words)
{
	for (int i = 0; words[i] != NULL; i++)
		if (strcasecmp(words[i], value) == 0)
			return i;
	return -1;
}

/* As PowerJob writes it where it can: plain milliseconds up to two minutes. */
int
timing_interval(const char *value, char expr[DUR_SIZE], struct err *e)
{
	int64_t ms;

	if (opt_duration_ms(value, &ms, e) != 0)
		return -1;
	if (ms < 1)
		return err_set(e, ERR_USAGE, "`%.60s' is no time at all", value);
	if (ms <= SCHED_RATE_MAX_MS)
		snprintf(expr, DUR_SIZE, "%lld", (long long)ms);
	else
		dur_print(expr, ms);
	return 0;
}

int
timing_at_check(const char *value, const struct tz *z, struct err *e)
{
	int64_t ms;

	if (when_parse(value, z, &ms, e) != 0)
		return -1;
	return ms % 1000 == 0 ? 0 : err_set(e, ERR_USAGE, "time '%.60s': it must be in whole seconds", value);
}

int
timing_at(struct buf *out, const char *value, const struct tz *z, enum sched_fold fold, struct err *e)
{
	int64_t both[2];
	int n, first, end;

	if (timing_at_check(value, z, e) != 0 || (n = stamp_parse_both(value, z, both, e)) < 0)
		return -1;
	first = fold == FOLD_LAST ? n - 1 : 0;
	end = fold == FOLD_FIRST ? 1 : n;
	for (int i = first; i < end; i++) {
		buf_adds(out, i == first ? "@at " : " || @at ");
		when_put_full(out, both[i], z);
	}
	return 0;
}

/* --- as it is shown -------------------------------------------------------------------------------------------- */

/* A rate or delay: plain milliseconds are shown with units. */
static void
put_interval(struct buf *out, const char *expr)
{
	char dur[DUR_SIZE];

	if (expr[0] != '\0' && strlen(expr) < 18 && expr[strspn(expr, "0123456789")] == '\0')
		expr = dur_print(dur, strtoll(expr, NULL, 10));
	buf_adds(out, expr);
}

static void
put_of_day(struct buf *out, int sec)
{
	buf_addf(out, "%02d:%02d", sec / 3600, sec / 60 % 60);
	if (sec % 60 != 0)
		buf_addf(out, ":%02d", sec % 60);
}

/* "Mon-Fri,Sun": three days and more in a row are a range. */
static void
put_weekdays(struct buf *out, unsigned days)
{
	static const char *const names[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
	const char *between = ", ";

	for (int i = 0, last; i < 7; i = last + 1) {
		for (last = i; last < 6 && (days >> last & 1) && (days >> (last + 1) & 1);)
			last++;
		if (!(days >> i & 1))
			continue;
		if (last == i + 1)
			last = i;
		buf_addf(out, "%s%s", between, names[i]);
		if (last > i)
			buf_addf(out, "-%s", names[last]);
		between = ",";
	}
}

static void
put_daily(struct buf *out, const char *expr)
{
	struct daily_spec d;
	char dur[DUR_SIZE];

	if (daily_parse(expr, &d, NULL) != 0) { /* of a server that takes more than this program knows */
		buf_addf(out, "daily %s", expr);
		return;
	}
	buf_addf(out, "every %s from ", dur_print(dur, d.interval_ms));
	put_of_day(out, d.begin_sec);
	buf_adds(out, " to ");
	put_of_day(out, d.end_sec);
	if (d.weekdays != 0 && d.weekdays != 0x7f)
		put_weekdays(out, d.weekdays);
}

void
timing_put(struct buf *out, const char *type, const char *expr)
{
	if (strcmp(type, "API") == 0) {
		buf_adds(out, "by hand");
	} else if (strcmp(type, "CRON") == 0) {
		buf_adds(out, expr);
	} else if (strcmp(type, "FIXED_RATE") == 0) {
		buf_adds(out, "every ");
		put_interval(out, expr);
	} else if (strcmp(type, "FIXED_DELAY") == 0) {
		put_interval(out, expr);
		buf_adds(out, " after the last");
	} else if (strcmp(type, "DAILY_TIME_INTERVAL") == 0) {
		put_daily(out, expr);
	} else if (strcmp(type, "WORKFLOW") == 0) {
		buf_adds(out, "in workflows");
	} else {
		buf_addf(out, "%s %s", type, expr);
	}
}

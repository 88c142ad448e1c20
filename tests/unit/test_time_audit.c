/* What the audit says of changes of offset, against what the schedule does around them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "time/audit.h"
#include "time/stamp.h"

#define FROM 1795219200000LL /* 2026-11-21T00:00:00Z */
#define TO (FROM + AUDIT_SPAN_MS)

static struct tz *
zone(const char *name)
{
	struct err e = ERR_INIT;
	struct tz *z = tz_open(name, &e);

	if (z == NULL)
		fail_msg("%s", e.msg);
	return z;
}

static struct sched *
parse(enum time_type type, const char *expr, const struct tz *z, enum sched_gap gap, enum sched_fold fold)
{
	struct err e = ERR_INIT;
	struct sched *s = sched_parse(type, expr, z, 1, &e);

	if (s == NULL)
		fail_msg("%s: %s", expr, e.msg);
	sched_set_policy(s, gap, fold);
	return s;
}

/* --- against the schedule ---------------------------------------------------------------------------------------- */

/* The audit of this change, if it touches. */
static bool
audit_at(const struct sched *s, const struct tz *z, int64_t at_ms, struct audit_change *c)
{
	struct audit_range r = { at_ms - 1, at_ms, 0, 0, 0 };

	return audit_next(s, z, &r, c) == 1;
}

/* Marks the times of a schedule in [from, to) seconds, as seconds behind `base`. */
static void
mark(const struct sched *s, int64_t from, int64_t to, int64_t base, bool *at)
{
	for (int64_t ms = from * 1000 - 1; (ms = sched_next(s, ms, 0, to * 1000 - 1)) != SCHED_NEVER;)
		at[ms / 1000 - base] = true;
}

/* Around a change: the times of the schedule are those of the plain reading, and what is told of. */
static int
check_change(const char *expr, const struct sched *s, const struct sched *plain, const struct tz *z,
    const struct tz_span *span)
{
	static bool fires[2 * 86400], expected[2 * 86400];
	int64_t by = llabs((long long)span->after - span->utoff), low = span->end - by;
	struct audit_change c = { .n = 0 };
	bool touched = audit_at(s, z, span->end * 1000, &c);

	memset(fires, 0, sizeof fires);
	memset(expected, 0, sizeof expected);
	mark(s, low, span->end + by, low, fires);
	if (span->after > span->utoff) { /* else all of it is read twice */
		mark(plain, low + span->utoff, span->end + span->utoff, low + span->utoff, expected);
		mark(plain, span->end + span->after, span->end + by + span->after, low + span->after, expected);
	}
	for (int i = 0; i < c.n && i < AUDIT_TIMES; i++)
		for (int k = 0; k < c.time[i].n; k++)
			expected[c.time[i].at_ms[k] / 1000 - low] = true;
	for (int64_t i = 0; i < 2 * by; i++)
		if (fires[i] != expected[i])
			fail_msg("%s in %s: %lld %s, and the audit of %lld %s", expr, tz_name(z), (long long)(low + i),
			    fires[i] ? "fires" : "does not fire", (long long)span->end, expected[i] ? "has it" : "has it not");
	return touched;
}

static void
agrees_with_the_schedule(void **state)
{
	static const char *const zones[] = { "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana",
		"Africa/Casablanca", "Asia/Beirut", "America/Nuuk", "Antarctica/Troll", "Asia/Tokyo" };
	static const char *const exprs[] = { "0 30 2 * * ?", "0 0 3 * * ?", "0 0,15,45 0,1,2 * * ?", "30 59 23 * * ?",
		"0 0 0 * * ?", "0 30 1 ? * SUN", "0 10 2 29 3 ?", "0 30 2 * * ? || 0 40 1 * * ?", "30 2 * * *", "0 0 12 * * ?" };
	int touched = 0, all = 0;

	(void)state;
	for (size_t k = 0; k < sizeof zones / sizeof zones[0]; k++) {
		struct tz *z = zone(zones[k]);

		for (size_t i = 0; i < sizeof exprs / sizeof exprs[0]; i++) {
			struct sched *s = parse(TIME_CRON, exprs[i], z, (enum sched_gap)((i + k) % 3), (enum sched_fold)((i + k / 3) % 3));
			struct sched *plain = parse(TIME_CRON, exprs[i], NULL, GAP_SKIP, FOLD_FIRST);
			struct tz_span span;

			for (tz_span(z, FROM / 1000, &span); span.end <= TO / 1000; tz_span(z, span.end, &span)) {
				touched += check_change(exprs[i], s, plain, z, &span);
				all++;
			}
			sched_free(s);
			sched_free(plain);
		}
		tz_free(z);
	}
	assert_true(touched > 60 && all > 2 * touched);
}

/* --- what it says ------------------------------------------------------------------------------------------------ */

static void
says(enum time_type type, const char *expr, const char *tz, enum sched_gap gap, enum sched_fold fold, const char *has)
{
	struct tz *z = zone(tz);
	struct sched *s = parse(type, expr, z, gap, fold);
	struct buf out = BUF_INIT;
	struct jw w;

	jw_init(&w, &out);
	jw_obj(&w);
	audit_put(s, type, z, (struct audit_range){ FROM, TO, 0, 0, 0 }, &w);
	jw_end(&w);
	if (strstr(buf_str(&out), has) == NULL)
		fail_msg("%s in %s: not `%s' in %s", expr, tz, has, buf_str(&out));
	buf_fini(&out);
	sched_free(s);
	tz_free(z);
}

static void
words(void **state)
{
#define WINDOW(from, to) "{\"interval\":20,\"intervalUnit\":\"MINUTES\",\"startTimeOfDay\":\"" from \
	"\",\"endTimeOfDay\":\"" to "\"}"
	const char *window = WINDOW("2:30:0", "5:0:0"), *swallowed = WINDOW("2:30:0", "2:50:0"), *noon = WINDOW("9:0:0", "17:0:0");
	const char *none = "\"transitions\":[],\"why\":\"no change of the clock";

	(void)state;
	says(TIME_CRON, "0 30 2 * * ?", "Europe/Berlin", GAP_SKIP, FOLD_FIRST,
	    "\"times\":[{\"local\":\"2027-03-28T02:30:00\",\"runs\":[],\"runsMs\":[]}],\"realTime\":false}");
	says(TIME_CRON, "0 30 2 * * ?", "Europe/Berlin", GAP_SHIFT, FOLD_FIRST, "\"runs\":[\"2027-03-28T03:30:00+02:00\"]");
	says(TIME_CRON, "0 30 2 * * ?", "Europe/Berlin", GAP_SKIP, FOLD_LAST, "\"runs\":[\"2027-10-31T02:30:00+01:00\"]");
	says(TIME_CRON, "0 0/20 * * * ?", "Europe/Berlin", GAP_SKIP, FOLD_FIRST,
	    "\"last\":\"2027-10-31T02:40:00+02:00\",\"lastMs\":1824943200000,\"next\":\"2027-10-31T02:00:00+01:00\"");
	says(TIME_CRON, "0 0 2 * * ?", "Australia/Lord_Howe", GAP_RUN_AFTER, FOLD_FIRST,
	    "\"runs\":[\"2027-10-03T02:30:00+11:00\"]");
	says(TIME_CRON, "0 0 0 * * ?", "America/Havana", GAP_RUN_AFTER, FOLD_FIRST, "\"runs\":[\"2027-03-14T01:00:00-04:00\"]");
	says(TIME_CRON, "0-58 0 2 * * ?", "Europe/Berlin", GAP_SKIP, FOLD_FIRST, "\"count\":59,");
	says(TIME_CRON, "@at 2027-10-31 02:30", "Europe/Berlin", GAP_SKIP, FOLD_BOTH,
	    "\"runs\":[\"2027-10-31T02:30:00+02:00\",\"2027-10-31T02:30:00+01:00\"]");
	says(TIME_CRON, "0 0 2 * * ?", "Asia/Tokyo", GAP_SKIP, FOLD_FIRST, none);
	says(TIME_CRON, "0 0 12 * * ?", "Europe/Berlin", GAP_SKIP, FOLD_FIRST, none);
	says(TIME_CRON, "0 0 0/2 ? * MON-FRI", "Europe/Berlin", GAP_SKIP, FOLD_FIRST, none);
	says(TIME_DAILY, window, "Europe/Berlin", GAP_SKIP, FOLD_FIRST, "\"policy\":\"window\",\"count\":1,"
	    "\"times\":[{\"local\":\"2027-03-28T02:30:00\",\"runs\":[\"2027-03-28T03:00:00+02:00\"]");
	says(TIME_DAILY, window, "Europe/Berlin", GAP_SKIP, FOLD_FIRST,
	    "\"last\":\"2027-10-31T02:50:00+02:00\",\"lastMs\":1824943800000,\"next\":\"2027-10-31T02:30:00+01:00\"");
	says(TIME_DAILY, swallowed, "Europe/Berlin", GAP_SKIP, FOLD_FIRST,
	    "\"times\":[{\"local\":\"2027-03-28T02:30:00\",\"runs\":[],\"runsMs\":[]}]");
	says(TIME_DAILY, noon, "Europe/Berlin", GAP_SKIP, FOLD_FIRST, none);
	says(TIME_FIXED_RATE, "5000", "Europe/Berlin", GAP_SKIP, FOLD_FIRST, "a rate counts real time");
}

static void
life_bounds_it(void **state)
{
	struct tz *z = zone("Europe/Berlin");
	struct sched *s = parse(TIME_CRON, "0 30 2 * * ?", z, GAP_SKIP, FOLD_FIRST);
	struct audit_range r = { FROM, TO, 0, 0, 0 };
	struct audit_change c;
	int n = 0;

	(void)state;
	for (; audit_next(s, z, &r, &c) == 1; n++)
		r.from_ms = c.at_ms;
	assert_int_equal(n, 4);
	r = (struct audit_range){ FROM, TO, 0, FROM + 30LL * 86400000, 0 };
	assert_int_equal(audit_next(s, z, &r, &c), 0);
	r = (struct audit_range){ FROM, TO, 1815000000000LL, 0, 0 }; /* July 2027 */
	assert_int_equal(audit_next(s, z, &r, &c), 1);
	assert_true(c.after < c.before);
	sched_free(s);
	tz_free(z);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_the_schedule),
		cmocka_unit_test(words),
		cmocka_unit_test(life_bounds_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

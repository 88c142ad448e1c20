/* Changes of offset and their policies, counting against stepping, rates and delays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "time/sched.h"
#include "time/stamp.h"

#define NEWYEAR_2026 1767225600000LL

static struct tz *new_york, *lord_howe, *utc;

static int
setup(void **state)
{
	new_york = tz_open("America/New_York", NULL);
	lord_howe = tz_open("Australia/Lord_Howe", NULL); /* half an hour of summer time */
	utc = tz_open("UTC", NULL);
	return new_york != NULL && lord_howe != NULL && utc != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	tz_free(new_york);
	tz_free(lord_howe);
	tz_free(utc);
	return 0;
}

static struct sched *
parse(enum time_type type, const char *expr, const struct tz *z)
{
	struct err e = ERR_INIT;
	struct sched *s = sched_parse(type, expr, z, 1, &e);

	if (s == NULL)
		fail_msg("'%s' was refused: %s", expr, e.msg);
	return s;
}

static int64_t
at(const char *text, const struct tz *z)
{
	struct err e = ERR_INIT;
	int64_t ms;

	if (stamp_parse_ms(text, z, &ms, &e) != 0)
		fail_msg("%s", e.msg);
	return ms;
}

static void
check(const struct sched *s, const struct tz *z, const char *from_text, const char *const *times)
{
	int64_t from = at(from_text, z), next;
	char got[STAMP_SIZE];

	for (; *times != NULL; times++) {
		next = sched_next(s, from, 0, INT64_MAX);
		if (next != at(*times, z))
			fail_msg("expected %s, got %s", *times, stamp_print(got, next, z));
		from = next;
	}
}

#define CHECK(s, z, from, ...) check(s, z, from, (const char *const[]){ __VA_ARGS__, NULL })

static void
test_reference_dst(void **state)
{
	struct sched *s = parse(TIME_CRON, "0 30 2 * * ?", new_york);

	CHECK(s, new_york, "2026-03-07T23:00", "2026-03-09T02:30");
	sched_free(s);
	s = parse(TIME_CRON, "0 30 1 * * ?", new_york);
	CHECK(s, new_york, "2026-10-31T23:00", "2026-11-01T01:30-04:00", "2026-11-02T01:30");
	sched_free(s);
	s = parse(TIME_CRON, "0 0 * * * ?", new_york);
	CHECK(s, new_york, "2026-03-07T23:00", "2026-03-08T00:00", "2026-03-08T01:00", "2026-03-08T03:00");
	CHECK(s, new_york, "2026-10-31T23:00", "2026-11-01T00:00", "2026-11-01T01:00-04:00", "2026-11-01T01:00-05:00",
	    "2026-11-01T02:00");
	sched_free(s);
}

static void
test_gap_policies(void **state)
{
	struct sched *s = parse(TIME_CRON, "0 0,30 2 * * ?", new_york);

	sched_set_policy(s, GAP_RUN_AFTER, FOLD_FIRST); /* both at the end of the jump: once */
	CHECK(s, new_york, "2026-03-07T23:00", "2026-03-08T03:00", "2026-03-09T02:00");
	CHECK(s, new_york, "2026-03-08T03:00", "2026-03-09T02:00");
	sched_set_policy(s, GAP_SHIFT, FOLD_FIRST);
	CHECK(s, new_york, "2026-03-07T23:00", "2026-03-08T03:00", "2026-03-08T03:30", "2026-03-09T02:00");
	CHECK(s, new_york, "2026-03-08T03:10", "2026-03-08T03:30", "2026-03-09T02:00");
	sched_set_policy(s, GAP_SKIP, FOLD_FIRST);
	CHECK(s, new_york, "2026-03-07T23:00", "2026-03-09T02:00");
	sched_free(s);

	/* shifted onto a time that fires anyway: once */
	s = parse(TIME_CRON, "0 0 2,3 * * ?", new_york);
	sched_set_policy(s, GAP_SHIFT, FOLD_FIRST);
	CHECK(s, new_york, "2026-03-07T23:00", "2026-03-08T03:00", "2026-03-09T02:00");
	sched_free(s);

	/* a policy is no matter of what runs in real time */
	s = parse(TIME_CRON, "0 */30 * * * ?", new_york);
	sched_set_policy(s, GAP_SHIFT, FOLD_FIRST);
	CHECK(s, new_york, "2026-03-08T01:30", "2026-03-08T03:00", "2026-03-08T03:30", "2026-03-08T04:00");
	sched_free(s);

	/* every hour too; but not every few hours */
	s = parse(TIME_CRON, "0 15 * * * ?", new_york);
	sched_set_policy(s, GAP_SHIFT, FOLD_FIRST);
	CHECK(s, new_york, "2026-03-08T00:15", "2026-03-08T01:15", "2026-03-08T03:15", "2026-03-08T04:15");
	CHECK(s, new_york, "2026-11-01T00:15", "2026-11-01T01:15-04:00", "2026-11-01T01:15-05:00", "2026-11-01T02:15");
	sched_free(s);
	s = parse(TIME_CRON, "0 30 */2 * * ?", new_york);
	CHECK(s, new_york, "2026-03-08T00:30", "2026-03-08T04:30");
	sched_set_policy(s, GAP_RUN_AFTER, FOLD_FIRST);
	CHECK(s, new_york, "2026-03-08T00:30", "2026-03-08T03:00", "2026-03-08T04:30");
	sched_free(s);
	s = parse(TIME_CRON, "0 30 1/12 * * ?", new_york);
	CHECK(s, new_york, "2026-10-31T13:30", "2026-11-01T01:30-04:00", "2026-11-01T13:30");
	sched_set_policy(s, GAP_SKIP, FOLD_BOTH);
	CHECK(s, new_york, "2026-10-31T13:30", "2026-11-01T01:30-04:00", "2026-11-01T01:30-05:00", "2026-11-01T13:30");
	sched_free(s);

	s = parse(TIME_CRON, "0 15 2 * * ?", lord_howe); /* 2026-10-04: 02:00 +10:30 becomes 02:30 +11 */
	CHECK(s, lord_howe, "2026-10-03T12:00", "2026-10-05T02:15");
	sched_set_policy(s, GAP_RUN_AFTER, FOLD_FIRST);
	CHECK(s, lord_howe, "2026-10-03T12:00", "2026-10-04T02:30", "2026-10-05T02:15");
	sched_set_policy(s, GAP_SHIFT, FOLD_FIRST);
	CHECK(s, lord_howe, "2026-10-03T12:00", "2026-10-04T02:45", "2026-10-05T02:15");
	sched_free(s);
}

static void
test_fold_policies(void **state)
{
	struct sched *s = parse(TIME_CRON, "0 0,30 1 * * ?", new_york);

	CHECK(s, new_york, "2026-10-31T23:00", "2026-11-01T01:00-04:00", "2026-11-01T01:30-04:00", "2026-11-02T01:00");
	CHECK(s, new_york, "2026-11-01T01:10-05:00", "2026-11-02T01:00");
	sched_set_policy(s, GAP_SKIP, FOLD_LAST);
	CHECK(s, new_york, "2026-10-31T23:00", "2026-11-01T01:00-05:00", "2026-11-01T01:30-05:00", "2026-11-02T01:00");
	CHECK(s, new_york, "2026-11-01T01:40-04:00", "2026-11-01T01:00-05:00");
	sched_set_policy(s, GAP_SKIP, FOLD_BOTH);
	CHECK(s, new_york, "2026-10-31T23:00", "2026-11-01T01:00-04:00", "2026-11-01T01:30-04:00", "2026-11-01T01:00-05:00",
	    "2026-11-01T01:30-05:00", "2026-11-02T01:00");
	sched_free(s);

	s = parse(TIME_CRON, "0 */30 1 * * ?", new_york); /* repeats: real time */
	CHECK(s, new_york, "2026-10-31T23:00", "2026-11-01T01:00-04:00", "2026-11-01T01:30-04:00", "2026-11-01T01:00-05:00",
	    "2026-11-01T01:30-05:00", "2026-11-02T01:00");
	sched_free(s);

	s = parse(TIME_CRON, "@at 2026-11-01T01:30", new_york);
	CHECK(s, new_york, "2026-10-31T23:00", "2026-11-01T01:30-04:00");
	sched_set_policy(s, GAP_SKIP, FOLD_LAST);
	CHECK(s, new_york, "2026-10-31T23:00", "2026-11-01T01:30-05:00");
	assert_int_equal(sched_next(s, at("2026-11-01T01:30-05:00", NULL), 0, INT64_MAX), SCHED_NEVER);
	sched_free(s);
}

static void
test_once_in_gap_is_refused(void **state)
{
	struct err e = ERR_INIT;

	assert_null(sched_parse(TIME_CRON, "@at 2026-03-08T02:30:00", new_york, 0, &e));
	assert_int_equal(e.code, ERR_DATA);
	assert_non_null(strstr(e.msg, "America/New_York"));
	sched_free(parse(TIME_CRON, "@at 2026-03-08T02:30:00-05:00", new_york));
}

/* A day that never was: Samoa went over the date line behind 2011-12-29. */
static void
test_lost_day(void **state)
{
	struct tz *apia = tz_open("Pacific/Apia", NULL);
	struct sched *s;

	if (apia == NULL)
		skip();
	s = parse(TIME_CRON, "0 0 12 30 12 ?", apia);
	CHECK(s, apia, "2010-12-31", "2012-12-30T12:00");
	sched_set_policy(s, GAP_RUN_AFTER, FOLD_FIRST);
	CHECK(s, apia, "2010-12-31", "2011-12-31T00:00", "2012-12-30T12:00");
	sched_set_policy(s, GAP_SHIFT, FOLD_FIRST);
	CHECK(s, apia, "2010-12-31", "2011-12-31T12:00", "2012-12-30T12:00");
	sched_free(s);
	tz_free(apia);
}

/* --- counting: the arithmetic against stepping, everywhere ---------------------- */

static void
check_count(const struct sched *s, int64_t from, int64_t to, int64_t max, const char *what)
{
	int64_t n = 0, first = SCHED_NEVER, last = SCHED_NEVER, got_first, got_last, got, t = from;

	while (n < max && (t = sched_next(s, t, 0, to)) != SCHED_NEVER) {
		first = n++ == 0 ? t : first;
		last = t;
	}
	got = sched_count(s, from, to, max, &got_first, &got_last);
	if (got != n || got_first != first || got_last != last)
		fail_msg("%s in (%lld, %lld] max %lld: stepping gives %lld (%lld..%lld), counting %lld (%lld..%lld)", what,
		    (long long)from, (long long)to, (long long)max, (long long)n, (long long)first, (long long)last,
		    (long long)got, (long long)got_first, (long long)got_last);
}

static const char *const counted[] = {
	"0 0 3 * * ?", "0 */7 * * * ?", "0 30 2 * * ?", "0 0,30 1,2 * * ?", "*/13 5 */3 * * ?", "0 0 12 L,15W * ?",
	"0 0 9-17 ? * MON-FRI", "0 0 9 * * ? || 0 0 9,10 ? * MON", "0 30 1 * * ? || 0 */10 * * * ?",
	"0 0|30 2|3 * * ?", "@at 2026-03-08T03:30 || 0 30 2 * * ?", "@at 2026-11-01T01:30 || @at 2026-05-05T05:05:05",
	"0 0 0 30 2 ?", "15,20-40 59 23 31 12 ?", "0 30 1,13 * * * || 30 1 * * * || 0 0 2 ? 3,11 1",
};

static void
test_count_is_stepping(void **state)
{
	const struct tz *const zones[] = { utc, new_york, lord_howe };

	srand(7);
	for (size_t i = 0; i < sizeof counted / sizeof counted[0]; i++) {
		for (size_t z = 0; z < 3; z++) {
			for (int policy = 0; policy < 9; policy++) {
				struct sched *s = parse(TIME_CRON, counted[i], zones[z]);

				sched_set_policy(s, (enum sched_gap)(policy / 3), (enum sched_fold)(policy % 3));
				for (int k = 0; k < 6; k++) {
					int64_t from = NEWYEAR_2026 + rand() % (366 * 86400) * 1000LL + rand() % 1000;
					int64_t to = from + rand() % (k < 4 ? 20 * 86400 : 90) * 1000LL + rand() % 1000;

					check_count(s, from, to, k % 3 == 0 ? rand() % 50 : INT64_MAX, counted[i]);
				}
				check_count(s, at("2026-03-07T22:00:00Z", utc), at("2026-03-08T12:00:00Z", utc), 1000, counted[i]);
				check_count(s, at("2026-10-31T22:00:00Z", utc), at("2026-11-01T12:00:00Z", utc), 1000, counted[i]);
				sched_free(s);
			}
		}
	}
}

/* Pieces of the grammar, in any order: what parses obeys the contract, what does not says where. */
static size_t
random_expr(char *out, size_t size)
{
	static const char *const piece[] = { "*", "?", "L", "LW", "W", "#", "-", "/", ",", "~", "H", "H(", ")", "|", "||", "@at ",
		"@daily", "0", "1", "2", "5", "7", "12", "15", "23", "29", "31", "59", "60", "2026", "2099", "SUN", "FRI", "JAN",
		"feb", "6L", "2#5", "15W", "1-5", "5-1", "*/7", "0/15", "+3", "2026-11-01T01:30", "\t" };
	int fields = rand() % 9 == 0 ? rand() % 9 : 5 + rand() % 3;
	size_t used = 0;

	for (int f = 0; f < fields; f++) {
		int parts = rand() % 3 == 0 ? 1 + rand() % 3 : 1;

		if (rand() % 2 == 0) { /* keep many of them valid */
			used += (size_t)snprintf(out + used, size - used, "%s ", f % 2 == 0 ? "*" : "1");
			continue;
		}
		for (int i = 0; i < parts; i++)
			used += (size_t)snprintf(out + used, size - used, "%s%s", i > 0 && rand() % 2 == 0 ? "," : "",
			    piece[(size_t)rand() % (sizeof piece / sizeof piece[0])]);
		used += (size_t)snprintf(out + used, size - used, " ");
	}
	return used;
}

static void
check_contract(const struct sched *s, const char *expr)
{
	int64_t from = NEWYEAR_2026 + rand() % (400 * 86400) * 1000LL, t = from, last = from, n;

	for (int i = 0; i < 30; i++, t = last) {
		last = sched_next(s, t, 0, INT64_MAX);
		if (sched_steps() > 20000)
			fail_msg("'%s': %u steps", expr, sched_steps());
		if (last == SCHED_NEVER)
			break;
		if (last <= t || last % 1000 != 0)
			fail_msg("'%s': %lld follows %lld", expr, (long long)last, (long long)t);
		assert_int_equal(sched_next(s, last - 1, 0, last), last);
	}
	n = last == SCHED_NEVER ? INT64_MAX : 30;
	if (n == 30)
		check_count(s, from, t, INT64_MAX, expr);
	check_count(s, from, INT64_MAX, 25, expr);
}

static void
test_random_expressions(void **state)
{
	char expr[512];
	int taken = 0;

	srand(5);
	for (int i = 0; i < 60000; i++) {
		struct err e = ERR_INIT;
		struct sched *s;

		random_expr(expr, sizeof expr);
		s = sched_parse(TIME_CRON, expr, i % 2 == 0 ? new_york : lord_howe, (uint32_t)i, &e);
		if (s == NULL) {
			assert_int_equal(e.code, ERR_DATA);
			assert_int_equal(strncmp(e.msg, "column ", 7), 0);
			continue;
		}
		taken++;
		sched_set_policy(s, (enum sched_gap)(i % 3), (enum sched_fold)(i / 3 % 3));
		check_contract(s, expr);
		sched_free(s);
	}
	assert_in_range(taken, 2000, 58000);
}

static void
test_count_is_cheap(void **state)
{
	struct sched *s = parse(TIME_CRON, "* * * * * ?", new_york);
	int64_t first, last, year = 365 * 86400000LL;

	assert_int_equal(sched_count(s, NEWYEAR_2026, NEWYEAR_2026 + year, INT64_MAX, &first, &last), 365 * 86400);
	assert_int_equal(first, NEWYEAR_2026 + 1000);
	assert_int_equal(last, NEWYEAR_2026 + year);
	assert_in_range(sched_steps(), 1, 2000);
	assert_int_equal(sched_count(s, NEWYEAR_2026, NEWYEAR_2026 + year, 1000000, &first, &last), 1000000);
	assert_int_equal(last, NEWYEAR_2026 + 1000000000LL);
	assert_int_equal(sched_count(s, INT64_MIN, INT64_MAX, INT64_MAX, NULL, NULL), 4102444800LL);
	assert_in_range(sched_steps(), 1, 200000);
	sched_free(s);

	s = parse(TIME_CRON, "*/2 * * * * ? || */3 * * ? * MON-FRI || 1,7,59 */5 3 L * ?", new_york);
	assert_in_range(sched_count(s, NEWYEAR_2026, NEWYEAR_2026 + year, INT64_MAX, &first, &last), 365 * 43200, 365 * 60000);
	assert_in_range(sched_steps(), 1, 20000);
	sched_free(s);

	/* every second of most hours, which is fixed: only the hours around a change are stepped through */
	s = parse(TIME_CRON, "0-58 0-58 0-22 * * ?", new_york);
	assert_in_range(sched_count(s, NEWYEAR_2026, NEWYEAR_2026 + year, INT64_MAX, NULL, NULL), 28000000, 30000000);
	assert_in_range(sched_steps(), 1, 100000);
	sched_free(s);
}

static void
test_count_continues(void **state)
{
	struct sched *s = parse(TIME_CRON, "0 30 1 * * ? || 0 */10 * * * ?", new_york);
	int64_t to = NEWYEAR_2026 + 400 * 86400000LL, from = NEWYEAR_2026, sum = 0, n;

	while ((n = sched_count(s, from, to, 997, NULL, &from)) > 0)
		sum += n;
	assert_int_equal(sum, sched_count(s, NEWYEAR_2026, to, INT64_MAX, NULL, NULL));
	assert_int_equal(sched_count(s, to, NEWYEAR_2026, 10, NULL, NULL), 0);
	assert_int_equal(sched_count(s, NEWYEAR_2026, to, 0, NULL, NULL), 0);
	sched_free(s);
}

/* --- rates, delays, the rest ----------------------------------------------------- */

static void
test_rate_and_delay(void **state)
{
	struct sched *s = parse(TIME_FIXED_RATE, "60000", NULL);
	int64_t first, last;

	assert_int_equal(sched_interval_ms(s), 60000);
	assert_int_equal(sched_type(s), TIME_FIXED_RATE);
	assert_int_equal(sched_next(s, 1000, 0, INT64_MAX), 61000);
	assert_int_equal(sched_next(s, 1000, 500000, INT64_MAX), 500000);
	assert_int_equal(sched_next(s, 500000, 500000, INT64_MAX), 560000);
	assert_int_equal(sched_next(s, 1000, 0, 60999), SCHED_NEVER);
	assert_int_equal(sched_next(s, INT64_MAX - 5, 0, INT64_MAX), SCHED_NEVER);
	assert_int_equal(sched_count(s, 0, 3600000, INT64_MAX, &first, &last), 60);
	assert_int_equal(first, 60000);
	assert_int_equal(last, 3600000);
	assert_int_equal(sched_count(s, 0, 3599999, INT64_MAX, NULL, NULL), 59);
	assert_int_equal(sched_count(s, 0, 3600000, 7, &first, &last), 7);
	assert_int_equal(last, 7 * 60000);
	assert_true(sched_count(s, INT64_MIN, INT64_MAX, INT64_MAX, NULL, NULL) > 1000000);
	sched_free(s);
	s = parse(TIME_FIXED_DELAY, " 1m30s ", NULL);
	assert_int_equal(sched_interval_ms(s), 90000);
	assert_int_equal(sched_next(s, 1000, 0, INT64_MAX), 91000);
	assert_int_equal(sched_count(s, 0, 3600000, INT64_MAX, &first, &last), 1);
	assert_int_equal(last, 90000);
	sched_free(s);
}

static void
test_interval_bounds(void **state)
{
	static const char *const bad[] = { "", " ", "0", "120001", "99999999999999999999", "-1", "1.5", "abc", "0s", "1x", "367d",
		"1000 ms", "1s1m", "11111111111111111111111111111111111111111111111111111111111111111111" };
	static const char *const good[] = { "1", "120000", "120001ms", "1h", "366d", "500ms" };
	struct err e = ERR_INIT;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		err_clear(&e);
		assert_null(sched_parse(TIME_FIXED_RATE, bad[i], NULL, 0, &e));
		assert_int_equal(e.code, ERR_DATA);
		assert_non_null(strstr(e.msg, "the rate"));
		assert_null(sched_parse(TIME_FIXED_DELAY, bad[i], NULL, 0, &e));
		assert_non_null(strstr(e.msg, "the delay"));
	}
	assert_null(sched_parse(TIME_FIXED_DELAY, "1m30", NULL, 0, &e));
	assert_string_equal(e.msg, "the delay: duration '1m30', column 5: a unit must be here: w, d, h, m, s or ms; write such as 90s, "
	    "1m30s, 500ms, 2h, 1d, or milliseconds without a unit, 1 to 120000");
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		sched_free(parse(TIME_FIXED_RATE, good[i], NULL));
}

static void
test_never(void **state)
{
	const enum time_type types[] = { TIME_API, TIME_WORKFLOW };
	struct err e = ERR_INIT;

	for (int i = 0; i < 2; i++) {
		struct sched *s = parse(types[i], "whatever", NULL);

		assert_int_equal(sched_next(s, 0, 0, INT64_MAX), SCHED_NEVER);
		assert_int_equal(sched_next(s, 0, 1000, INT64_MAX), SCHED_NEVER);
		assert_int_equal(sched_count(s, 0, INT64_MAX, 5, NULL, NULL), 0);
		sched_free(s);
	}
	assert_null(sched_parse((enum time_type)7, "", NULL, 0, &e));
	assert_int_equal(e.code, ERR_DATA);
	assert_non_null(strstr(e.msg, "type 7"));
	sched_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reference_dst),
		cmocka_unit_test(test_gap_policies),
		cmocka_unit_test(test_fold_policies),
		cmocka_unit_test(test_once_in_gap_is_refused),
		cmocka_unit_test(test_lost_day),
		cmocka_unit_test(test_count_is_stepping),
		cmocka_unit_test(test_random_expressions),
		cmocka_unit_test(test_count_is_cheap),
		cmocka_unit_test(test_count_continues),
		cmocka_unit_test(test_rate_and_delay),
		cmocka_unit_test(test_interval_bounds),
		cmocka_unit_test(test_never),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

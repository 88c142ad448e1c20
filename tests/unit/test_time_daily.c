/* DAILY_TIME_INTERVAL: the JSON, the window, the days, counting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "time/daily.h"
#include "time/sched.h"
#include "time/stamp.h"

#define HOURLY "{\"interval\":1,\"intervalUnit\":\"HOURS\",\"startTimeOfDay\":\"9:0:0\",\"endTimeOfDay\":\"11:00:00\"}"

static struct sched *
parse(const char *json, const struct tz *z)
{
	struct err e = ERR_INIT;
	struct sched *s = sched_parse(TIME_DAILY, json, z, 0, &e);

	if (s == NULL)
		fail_msg("%s was refused: %s", json, e.msg);
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
check(const char *json, const struct tz *z, const char *from_text, const char *const *times)
{
	struct sched *s = parse(json, z);
	int64_t from = at(from_text, z);
	char got[STAMP_SIZE];

	for (; *times != NULL; times++) {
		int64_t next = sched_next(s, from, 0, INT64_MAX);

		if (next != at(*times, z))
			fail_msg("%s: expected %s, got %s", json, *times, stamp_print(got, next, z));
		from = next;
	}
	sched_free(s);
}

#define CHECK(json, z, from, ...) check(json, z, from, (const char *const[]){ __VA_ARGS__, NULL })

static void
test_spec(void **state)
{
	struct daily_spec d;
	struct err e = ERR_INIT;

	assert_int_equal(daily_parse("{\"interval\":\"5\",\"intervalUnit\":\"MINUTES\",\"startTimeOfDay\":\"0:0:0\","
	    "\"endTimeOfDay\":\"23:59:59\",\"daysOfWeek\":[7,1,1]}", &d, &e), 0);
	assert_int_equal(d.interval_ms, 300000);
	assert_int_equal(d.begin_sec, 0);
	assert_int_equal(d.end_sec, 86399);
	assert_int_equal(d.weekdays, 0x41);
	assert_int_equal(daily_parse("{\"interval\":2000000000,\"intervalUnit\":\"NANOSECONDS\",\"startTimeOfDay\":\"09:05:00\","
	    "\"endTimeOfDay\":\"9:5:0\",\"daysOfWeek\":null}", &d, &e), 0);
	assert_int_equal(d.interval_ms, 2000);
	assert_int_equal(d.begin_sec, 9 * 3600 + 300);
	assert_int_equal(d.weekdays, 0);
	assert_int_equal(daily_parse("{\"interval\":9,\"startTimeOfDay\":\"0:0:0\",\"endTimeOfDay\":\"0:0:0\",\"daysOfWeek\":[]}",
	    &d, &e), 0);
	assert_int_equal(d.interval_ms, 9000);
}

#define WINDOW "\"startTimeOfDay\":\"9:0:0\",\"endTimeOfDay\":\"11:0:0\""

static void
test_refused(void **state)
{
	static const struct {
		const char *json, *says;
	} bad[] = {
		{ "", "column" },
		{ "[]", "JSON object" },
		{ "{\"interval\":5", "column" },
		{ "{" WINDOW "}", "interval must be given" },
		{ "{\"interval\":0," WINDOW "}", "1 second" },
		{ "{\"interval\":-5," WINDOW "}", "1 second" },
		{ "{\"interval\":1.5," WINDOW "}", "whole number" },
		{ "{\"interval\":\"x\"," WINDOW "}", "whole number" },
		{ "{\"interval\":999,\"intervalUnit\":\"MILLISECONDS\"," WINDOW "}", "1 second" },
		{ "{\"interval\":999999,\"intervalUnit\":\"MICROSECONDS\"," WINDOW "}", "1 second" },
		{ "{\"interval\":367,\"intervalUnit\":\"DAYS\"," WINDOW "}", "366 days" },
		{ "{\"interval\":9223372036854775807,\"intervalUnit\":\"DAYS\"," WINDOW "}", "366 days" },
		{ "{\"interval\":5,\"intervalUnit\":\"minutes\"," WINDOW "}", "intervalUnit" },
		{ "{\"interval\":5,\"intervalUnit\":5," WINDOW "}", "intervalUnit" },
		{ "{\"interval\":5,\"startTimeOfDay\":\"9:0:0\"}", "endTimeOfDay" },
		{ "{\"interval\":5,\"startTimeOfDay\":\"9:0\",\"endTimeOfDay\":\"11:0:0\"}", "startTimeOfDay '9:0'" },
		{ "{\"interval\":5,\"startTimeOfDay\":\"24:0:0\",\"endTimeOfDay\":\"11:0:0\"}", "startTimeOfDay '24:0:0'" },
		{ "{\"interval\":5,\"startTimeOfDay\":\"9:60:0\",\"endTimeOfDay\":\"11:0:0\"}", "startTimeOfDay" },
		{ "{\"interval\":5,\"startTimeOfDay\":\"9:0:60\",\"endTimeOfDay\":\"11:0:0\"}", "startTimeOfDay" },
		{ "{\"interval\":5,\"startTimeOfDay\":\"9:0:0\",\"endTimeOfDay\":\"11:0:0 \"}", "endTimeOfDay" },
		{ "{\"interval\":5,\"startTimeOfDay\":\"9:0:0\",\"endTimeOfDay\":\"111:0:0\"}", "endTimeOfDay" },
		{ "{\"interval\":5,\"startTimeOfDay\":\"9:0:0\",\"endTimeOfDay\":\"8:59:59\"}", "endTime should after startTime!" },
		{ "{\"interval\":5,\"daysOfWeek\":[8]," WINDOW "}", "daysOfWeek[0]" },
		{ "{\"interval\":5,\"daysOfWeek\":[1,0]," WINDOW "}", "daysOfWeek[1]" },
		{ "{\"interval\":5,\"daysOfWeek\":7," WINDOW "}", "array" },
		{ "{\"interval\":5,\"interval\":6," WINDOW "}", "column" },
		{ "", "column 1: " },
		{ "{\n\"interval\":5,\n\"intervalUnit\";\"DAYS\"}", "column 31: " },
		{ "{\"intervall\":5," WINDOW "}", "unknown key 'intervall'" },
	};
	struct daily_spec d;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct err e = ERR_INIT;

		if (daily_parse(bad[i].json, &d, &e) == 0)
			fail_msg("%s was taken", bad[i].json);
		assert_int_equal(e.code, ERR_DATA);
		if (strstr(e.msg, bad[i].says) == NULL)
			fail_msg("%s: expected \"%s\", got: %s", bad[i].json, bad[i].says, e.msg);
		assert_null(sched_parse(TIME_DAILY, bad[i].json, NULL, 0, &e));
	}
}

static void
test_window(void **state)
{
	/* the first time is one interval from now, then the phase begins anew every day */
	CHECK(HOURLY, NULL, "2026-01-01T08:10", "2026-01-01T09:10", "2026-01-01T10:10", "2026-01-02T09:00", "2026-01-02T10:00",
	    "2026-01-02T11:00", "2026-01-03T09:00");
	CHECK(HOURLY, NULL, "2026-01-01T01:00", "2026-01-01T09:00");
	CHECK(HOURLY, NULL, "2026-01-01T09:30:00.250", "2026-01-01T10:30:00.250", "2026-01-02T09:00");
	CHECK(HOURLY, NULL, "2026-01-01T10:00:00.001", "2026-01-02T09:00"); /* 11:00:00.001 is behind the window */
	CHECK(HOURLY, NULL, "2026-01-01T23:30", "2026-01-02T09:00");
	/* 2026-01-01 is a Thursday */
	CHECK("{\"interval\":90,\"intervalUnit\":\"MINUTES\",\"daysOfWeek\":[1,3]," WINDOW "}", NULL, "2026-01-01T09:00",
	    "2026-01-05T09:00", "2026-01-05T10:30", "2026-01-07T09:00");
	CHECK("{\"interval\":2,\"intervalUnit\":\"DAYS\"," WINDOW "}", NULL, "2026-01-01T10:00", "2026-01-03T10:00",
	    "2026-01-05T10:00");
	CHECK("{\"interval\":10,\"startTimeOfDay\":\"12:0:0\",\"endTimeOfDay\":\"12:0:0\"}", NULL, "2026-01-01T00:00",
	    "2026-01-01T12:00", "2026-01-02T12:00");
}

static void
test_lifecycle(void **state)
{
	struct sched *s = parse(HOURLY, NULL);
	int64_t now = at("2026-01-01T00:00", NULL);

	assert_int_equal(sched_next(s, now, at("2026-01-05T08:00", NULL), INT64_MAX), at("2026-01-05T09:00", NULL));
	assert_int_equal(sched_next(s, now, at("2026-01-05T09:20", NULL), INT64_MAX), at("2026-01-05T09:20", NULL));
	assert_int_equal(sched_next(s, now, at("2026-01-05T12:00", NULL), INT64_MAX), at("2026-01-06T09:00", NULL));
	/* the end holds on this way too */
	assert_int_equal(sched_next(s, now, at("2026-01-05T12:00", NULL), at("2026-01-06T08:59", NULL)), SCHED_NEVER);
	assert_int_equal(sched_next(s, now, 0, at("2026-01-01T09:00", NULL)), at("2026-01-01T09:00", NULL));
	assert_int_equal(sched_next(s, now, 0, at("2026-01-01T09:00", NULL) - 1), SCHED_NEVER);
	assert_int_equal(sched_next(s, INT64_MAX, 0, INT64_MAX), SCHED_NEVER);
	assert_int_equal(sched_next(s, 0, INT64_MAX, INT64_MAX), SCHED_NEVER);
	assert_int_equal(sched_next(s, at("2099-12-31T23:00", NULL), 0, INT64_MAX), SCHED_NEVER);
	assert_int_equal(sched_next(s, at("2099-12-31T09:30", NULL), 0, INT64_MAX), at("2099-12-31T10:30", NULL));
	sched_free(s);
}

static void
test_dst(void **state)
{
	struct tz *ny = tz_open("America/New_York", NULL), *beirut = tz_open("Asia/Beirut", NULL);

	assert_non_null(ny);
	assert_non_null(beirut);
	/* the window's beginning is in the gap: it begins where the gap ends */
	CHECK("{\"interval\":30,\"intervalUnit\":\"MINUTES\",\"startTimeOfDay\":\"2:30:0\",\"endTimeOfDay\":\"3:30:0\"}", ny,
	    "2026-03-08T00:00", "2026-03-08T03:00", "2026-03-08T03:30", "2026-03-09T02:30");
	/* the whole window is in it */
	CHECK("{\"interval\":30,\"intervalUnit\":\"MINUTES\",\"startTimeOfDay\":\"2:10:0\",\"endTimeOfDay\":\"2:50:0\"}", ny,
	    "2026-03-08T00:00", "2026-03-09T02:10", "2026-03-09T02:40");
	/* real time through the fold */
	CHECK("{\"interval\":30,\"intervalUnit\":\"MINUTES\",\"startTimeOfDay\":\"1:0:0\",\"endTimeOfDay\":\"1:30:0\"}", ny,
	    "2026-11-01T00:00", "2026-11-01T01:00-04:00", "2026-11-01T01:30-04:00", "2026-11-01T01:00-05:00",
	    "2026-11-01T01:30-05:00", "2026-11-02T01:00");
	/* midnight itself is in the gap: 2026-03-29 begins at 01:00 */
	CHECK("{\"interval\":5,\"intervalUnit\":\"HOURS\",\"startTimeOfDay\":\"0:0:0\",\"endTimeOfDay\":\"23:0:0\"}", beirut,
	    "2026-03-28T20:00", "2026-03-29T02:00", "2026-03-29T07:00");
	CHECK("{\"interval\":5,\"intervalUnit\":\"HOURS\",\"startTimeOfDay\":\"0:0:0\",\"endTimeOfDay\":\"10:0:0\"}", beirut,
	    "2026-03-28T10:00", "2026-03-29T01:00", "2026-03-29T06:00");
	tz_free(ny);
	tz_free(beirut);
}

static void
test_count(void **state)
{
	static const char *const specs[] = {
		HOURLY,
		"{\"interval\":17,\"intervalUnit\":\"MINUTES\",\"startTimeOfDay\":\"0:0:0\",\"endTimeOfDay\":\"23:59:59\"}",
		"{\"interval\":7,\"startTimeOfDay\":\"1:30:0\",\"endTimeOfDay\":\"2:29:59\",\"daysOfWeek\":[6,7]}",
		"{\"interval\":49,\"intervalUnit\":\"HOURS\",\"startTimeOfDay\":\"3:0:0\",\"endTimeOfDay\":\"20:0:0\"}",
	};
	struct tz *ny = tz_open("America/New_York", NULL);

	srand(3);
	for (size_t i = 0; i < 4 * 40; i++) {
		struct sched *s = parse(specs[i % 4], ny);
		int64_t from = at("2026-01-01T00:00", NULL) + rand() % (365 * 86400) * 1000LL, to = from + rand() % 9000000 * 1000LL;
		int64_t n = 0, t = from, first, last, max = i % 3 == 0 ? rand() % 100 : INT64_MAX, want_first = SCHED_NEVER;

		for (int64_t next; n < max && (next = sched_next(s, t, 0, to)) != SCHED_NEVER; n++, t = next)
			want_first = n == 0 ? next : want_first;
		assert_int_equal(sched_count(s, from, to, max, &first, &last), n);
		assert_int_equal(first, want_first);
		assert_int_equal(last, n > 0 ? t : SCHED_NEVER);
		sched_free(s);
	}
	tz_free(ny);
}

static void
test_from_spec(void **state)
{
	struct daily_spec d = { 3600000, 9 * 3600, 11 * 3600, 0x7f };
	struct err e = ERR_INIT;
	struct sched *s = sched_from_daily(&d, NULL, &e);

	assert_non_null(s);
	assert_int_equal(sched_type(s), TIME_DAILY);
	assert_int_equal(sched_interval_ms(s), 3600000);
	assert_int_equal(sched_next(s, 0, 0, INT64_MAX), 9 * 3600000);
	sched_free(s);
	d.weekdays = 0x80;
	assert_null(sched_from_daily(&d, NULL, &e));
	d = (struct daily_spec){ 3600000, 9 * 3600, 86400, 0 };
	assert_null(sched_from_daily(&d, NULL, &e));
	assert_int_equal(e.code, ERR_DATA);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spec),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_lifecycle),
		cmocka_unit_test(test_dst),
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_from_spec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Zones: names, the server's own, POSIX strings, files that are broken, years far away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "time/civil.h"
#include "time/tz.h"
#include "time/zone.h"

static struct tz *
open_ok(const char *name)
{
	struct err e = ERR_INIT;
	struct tz *z = tz_open(name, &e);

	if (z == NULL)
		fail_msg("%s: %s", name, e.msg);
	return z;
}

static int
offset(const struct tz *z, int64_t sec)
{
	struct tz_civil c;
	int utoff;

	tz_to_civil(z, sec, &c, &utoff);
	return utoff;
}

static void
test_calendar(void **state)
{
	int y, m, d;

	assert_int_equal(civil_days(1970, 1, 1), 0);
	assert_int_equal(civil_days(2000, 3, 1), 11017);
	assert_int_equal(civil_days(2025, 13, 1), civil_days(2026, 1, 1));
	assert_int_equal(civil_days(2026, 0, 31), civil_days(2025, 12, 31));
	assert_int_equal(civil_days(2026, -11, 1), civil_days(2025, 1, 1));
	assert_int_equal(civil_weekday(0), 4);
	assert_int_equal(civil_weekday(-5), 6);
	for (int64_t days = -800000; days < 800000; days++) { /* every day of 4380 years */
		civil_from_days(days, &y, &m, &d);
		if (m < 1 || m > 12 || d < 1 || d > civil_month_len(y, m) || civil_days(y, m, d) != days)
			fail_msg("day %lld is %d-%d-%d", (long long)days, y, m, d);
	}
}

static void
test_names(void **state)
{
	static const char *const bad[] = { "Nowhere/City", "../../etc/passwd", "/etc/localtime", "Europe", "Europe/", "a b",
		"Europe/Berlin\n", ".", "zone.tab", "America/New_York/x", "Europe//Berlin",
		"Europe/./Berlin", "./Europe/Berlin", "Europe/../Europe/Berlin", "/", "..", "-x", "Europe/Berlin/" };
	char longest[300];
	struct err e = ERR_INIT;
	struct tz *z;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		err_clear(&e);
		if (tz_open(bad[i], &e) != NULL)
			fail_msg("'%s' was opened", bad[i]);
		assert_int_equal(e.code, strcmp(bad[i], "zone.tab") == 0 ? ERR_DATA : ERR_NOTFOUND);
		assert_true(e.msg[0] != '\0');
	}
	assert_null(tz_open("america/new york", &e));
	assert_non_null(strstr(e.msg, "did you mean America/New_York?"));
	assert_null(tz_open("EUROPE/BERLIN", &e));
	assert_non_null(strstr(e.msg, "did you mean Europe/Berlin?"));
	assert_null(tz_open("europe", &e));
	assert_null(strstr(e.msg, "did you mean"));
	assert_null(tz_open("europe/", &e));
	assert_null(strstr(e.msg, "did you mean"));
	assert_null(tz_open("../zoneinfo/europe/berlin", &e));
	assert_null(strstr(e.msg, "did you mean"));
	memset(longest, 'A', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	assert_null(tz_open(longest, NULL));
	assert_null(tz_open("Nowhere/City", NULL));
	z = open_ok("Asia/Kolkata");
	assert_string_equal(tz_name(z), "Asia/Kolkata");
	assert_int_equal(offset(z, 1767225600), 19800);
	tz_free(z);
	assert_string_equal(tz_name(NULL), "UTC");
	tz_free(NULL);
}

static void
test_utc_needs_no_files(void **state)
{
	struct tz *z;

	setenv("TZDIR", "/nonexistent", 1);
	assert_null(tz_open("Asia/Kolkata", NULL));
	z = open_ok("UTC");
	assert_int_equal(offset(z, 1767225600), 0);
	assert_string_equal(tz_name(z), "UTC");
	tz_free(z);
	unsetenv("TZDIR");
}

static void
test_own_zone(void **state)
{
	static const struct {
		const char *env, *name;
		int winter, summer;
	} cases[] = {
		{ "Europe/Berlin", "Europe/Berlin", 3600, 7200 },
		{ ":America/New_York", "America/New_York", -18000, -14400 },
		{ "/usr/share/zoneinfo/Asia/Tokyo", "/usr/share/zoneinfo/Asia/Tokyo", 32400, 32400 },
		{ "", "UTC", 0, 0 },
		{ "UTC", "UTC", 0, 0 },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "CET-1CEST,M3.5.0,M10.5.0/3", 3600, 7200 },
		{ "<+0330>-3:30", "<+0330>-3:30", 12600, 12600 },
		{ "AAA5BBB", "AAA5BBB", -18000, -14400 },
		{ "AAA-1BBB-3,J60/0,J300/0", "AAA-1BBB-3,J60/0,J300/0", 3600, 10800 },
		{ "AAA-1BBB,59/0,299/-1:30:15", "AAA-1BBB,59/0,299/-1:30:15", 3600, 7200 },
	};
	static const char *const bad[] = { "Nowhere/City", "AA3", "AAA", "AAA3BB", "AAA3BBB,M13.1.0,M1.1.0", "AAA3BBB,M3.1.0",
		"AAA3BBB,M3.6.0,M4.1.0", "AAA3BBB,J0,J5", "AAA3BBB,366,5", "AAA25", "AAA3x", "<AAA3", "/nonexistent" };

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct tz *z;

		setenv("TZ", cases[i].env, 1);
		z = open_ok(i % 2 == 0 ? NULL : "");
		assert_string_equal(tz_name(z), cases[i].name);
		assert_int_equal(offset(z, 1767225600), cases[i].winter);              /* 2026-01-01 */
		assert_int_equal(offset(z, 1782864000), cases[i].summer);              /* 2026-07-01 */
		assert_int_equal(offset(z, 1767225600 + 146097 * 86400LL), cases[i].winter); /* four centuries later */
		assert_int_equal(offset(z, 1782864000 + 146097 * 86400LL), cases[i].summer);
		tz_free(z);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct err e = ERR_INIT;

		setenv("TZ", bad[i], 1);
		if (tz_open(NULL, &e) != NULL)
			fail_msg("TZ=%s was opened", bad[i]);
		assert_int_equal(e.code, ERR_NOTFOUND);
	}
	unsetenv("TZ");
	tz_free(open_ok(NULL)); /* /etc/localtime, or UTC */
}

/* The library's zone is its own: TZ of the process has no part in it. */
static void
test_named_zone_ignores_env(void **state)
{
	struct tz *z;

	setenv("TZ", "Asia/Tokyo", 1);
	z = open_ok("Europe/Berlin");
	assert_int_equal(offset(z, 1767225600), 3600);
	tz_free(z);
	unsetenv("TZ");
}

static void
test_far_years(void **state)
{
	struct tz *z = open_ok("America/New_York");
	struct tz_span s;
	int64_t year2200 = 7258118400, out[2];
	struct tz_civil c = { 2200, 3, 9, 2, 30, 0, 0 };

	assert_int_equal(offset(z, year2200), -18000);
	assert_int_equal(offset(z, year2200 + 180 * 86400), -14400);
	assert_int_equal(tz_from_civil(z, &c, out), 0); /* the second Sunday of March 2200 is the 9th */
	c.hour = 3;
	assert_int_equal(tz_from_civil(z, &c, out), 1);
	assert_int_equal(tz_first(z, &(struct tz_civil){ 2200, 3, 9, 2, 30, 0, 0 }), out[0] - 1800);
	assert_int_equal(tz_from_civil(z, &(struct tz_civil){ 2200, 11, 2, 1, 30, 0, 0 }, out), 2);
	assert_int_equal(out[1] - out[0], 3600);
	/* spans join without a hole, over the end of the table too */
	tz_span(z, 4102444800, &s);
	for (int i = 0; i < 400; i++) {
		struct tz_span next;

		tz_span(z, s.end, &next);
		assert_int_equal(next.begin, s.end);
		assert_int_equal(next.before, s.utoff);
		assert_int_equal(next.utoff, s.after);
		assert_int_not_equal(next.utoff, s.utoff);
		s = next;
	}
	tz_span(z, INT64_MAX, &s);
	tz_span(z, INT64_MIN, &s);
	assert_int_equal(s.begin, INT64_MIN);
	tz_to_civil(z, INT64_MAX, &c, NULL);
	tz_to_civil(z, INT64_MIN, &c, NULL);
	tz_from_civil(z, &(struct tz_civil){ INT32_MAX, 12, 31, 23, 59, 59, 0 }, out);
	tz_from_civil(z, &(struct tz_civil){ INT32_MIN, 1, 1, 0, 0, 0, 0 }, out);
	tz_from_civil(z, &(struct tz_civil){ INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX, 0 }, out);
	tz_from_civil(z, &(struct tz_civil){ INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN, 0 }, out);
	tz_free(z);
}

static void
test_permanent_summer_time(void **state)
{
	struct zone_rule r;
	struct tz *z;

	assert_int_equal(zone_rule_parse("XXX3EDT4,0/0,J365/23", 20, &r), 0); /* RFC 8536, 3.3.1 */
	setenv("TZ", "XXX3EDT4,0/0,J365/23", 1);
	z = open_ok(NULL);
	for (int64_t t = 0; t < 8000000000; t += 40 * 86400)
		assert_int_equal(offset(z, t), -4 * 3600);
	tz_free(z);
	unsetenv("TZ");
}

static int
try_parse(const unsigned char *data, size_t len)
{
	struct tz *z = calloc(1, sizeof *z);
	struct err e = ERR_INIT;
	int ret = zone_parse(z, data, len, &e);
	struct tz_civil c;

	if (ret != 0) {
		assert_true(e.code == ERR_DATA);
	} else {
		for (int64_t t = -4000000000; t < 10000000000; t += 1000000007)
			tz_to_civil(z, t, &c, NULL);
	}
	tz_free(z);
	return ret;
}

/* Cut anywhere and with any byte changed: refused or read, never followed out of bounds. */
static void
test_broken_files(void **state)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	unsigned char *copy;

	assert_int_equal(file_read("/usr/share/zoneinfo/Europe/Dublin", 1 << 20, &b, &e), 0);
	assert_int_equal(try_parse((unsigned char *)b.data, b.len), 0);
	for (size_t len = 0; len < b.len; len++) {
		copy = malloc(len + 1); /* so that ASan sees one byte too far */
		memcpy(copy, b.data, len);
		assert_int_equal(try_parse(copy, len), -1);
		free(copy);
	}
	copy = malloc(b.len);
	srand(11);
	for (int i = 0; i < 20000; i++) {
		memcpy(copy, b.data, b.len);
		for (int k = rand() % 4; k >= 0; k--)
			copy[rand() % 3 == 0 ? (size_t)rand() % 64 : (size_t)rand() % b.len] = (unsigned char)rand();
		try_parse(copy, b.len);
	}
	free(copy);
	buf_fini(&b);
}

static void
test_leap_seconds_are_refused(void **state)
{
	struct err e = ERR_INIT;
	struct tz *z;

	if (access("/usr/share/zoneinfo/right/Europe/Berlin", R_OK) != 0)
		skip();
	z = tz_open("right/Europe/Berlin", &e);
	assert_null(z);
	assert_int_equal(e.code, ERR_DATA);
	assert_non_null(strstr(e.msg, "leap seconds"));
}

/* Version 1 has no footer and 32-bit times. */
static void
test_version_one(void **state)
{
	static const unsigned char file[] = "TZif\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
	    "\0\0\0\0" "\0\0\0\0" "\0\0\0\0" "\0\0\0\1" "\0\0\0\2" "\0\0\0\4"
	    "\x7f\xff\xff\xff" "\1" "\0\0\x0e\x10\0\0" "\0\0\x1c\x20\1\0" "AAA";
	struct tz *z = calloc(1, sizeof *z);
	struct err e = ERR_INIT;

	assert_int_equal(zone_parse(z, file, sizeof file, &e), 0);
	assert_int_equal(offset(z, 0), 3600);
	assert_int_equal(offset(z, 0x7fffffff), 7200);
	assert_int_equal(offset(z, 5000000000), 7200);
	tz_free(z);
	assert_int_equal(try_parse(file, sizeof file - 1), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calendar),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_utc_needs_no_files),
		cmocka_unit_test(test_own_zone),
		cmocka_unit_test(test_named_zone_ignores_env),
		cmocka_unit_test(test_far_years),
		cmocka_unit_test(test_permanent_summer_time),
		cmocka_unit_test(test_broken_files),
		cmocka_unit_test(test_leap_seconds_are_refused),
		cmocka_unit_test(test_version_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Durations and instants as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "time/dur.h"
#include "time/stamp.h"

static void
test_durations(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
		const char *printed;
	} good[] = {
		{ "0", 0, "0s" },
		{ "90", 90000, "1m30s" },
		{ "90s", 90000, "1m30s" },
		{ "1m30s", 90000, "1m30s" },
		{ "500ms", 500, "500ms" },
		{ "2h", 7200000, "2h" },
		{ "1d", 86400000, "1d" },
		{ "2w1d", 15LL * 86400000, "15d" },
		{ "1d2h3m4s5ms", 93784005, "1d2h3m4s5ms" },
		{ "0s", 0, "0s" },
		{ "36600d", DUR_MAX_MS, "36600d" },
	};
	char buf[DUR_SIZE];

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		struct err e = ERR_INIT;

		assert_int_equal(dur_parse_ms(good[i].text, &e), good[i].ms);
		assert_string_equal(dur_print(buf, good[i].ms), good[i].printed);
		assert_int_equal(dur_parse_ms(buf, &e), good[i].ms);
	}
	assert_string_equal(dur_print(buf, -1500), "-1s500ms");
	assert_true(strlen(dur_print(buf, INT64_MIN)) < DUR_SIZE - 1);
	assert_true(strlen(dur_print(buf, INT64_MAX)) < DUR_SIZE - 1);
}

static void
test_bad_durations(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "", "empty" },
		{ "-1s", "column 1: a number" },
		{ "s", "column 1: a number" },
		{ "1x", "column 2: a unit" },
		{ "1m30", "column 5: a unit" },
		{ "1 m", "column 2: a unit" },
		{ "1.5s", "column 2: a unit" },
		{ "1S", "column 2: a unit" },
		{ "30s1m", "column 5: units go" },
		{ "1s1s", "column 4: units go" },
		{ "1ms1s", "column 5: units go" },
		{ "36601d", "too large" },
		{ "36600d1ms", "column 7: too large" },
		{ "99999999999999999999999s", "too large" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct err e = ERR_INIT;

		assert_int_equal(dur_parse_ms(bad[i].text, &e), -1);
		assert_int_equal(e.code, ERR_DATA);
		if (strstr(e.msg, bad[i].says) == NULL)
			fail_msg("'%s': expected \"%s\", got: %s", bad[i].text, bad[i].says, e.msg);
	}
	assert_int_equal(dur_parse_ms("x", NULL), -1);
}

static void
test_stamps(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
		const char *printed;
	} good[] = {
		{ "1970-01-01T00:00:00Z", 0, "1970-01-01T01:00:00.000+01:00" },
		{ "2026-11-21T10:00:00.250+01:00", 1795251600250, "2026-11-21T10:00:00.250+01:00" },
		{ "2026-11-21T10:00:00", 1795251600000, "2026-11-21T10:00:00.000+01:00" },
		{ "2026-11-21t10:00z", 1795255200000, "2026-11-21T11:00:00.000+01:00" },
		{ "2026-11-21 10:00:00-0530", 1795275000000, "2026-11-21T16:30:00.000+01:00" },
		{ "2026-11-21 10:00:00+02", 1795248000000, "2026-11-21T09:00:00.000+01:00" },
		{ "2026-11-21", 1795215600000, "2026-11-21T00:00:00.000+01:00" },
		{ "2026-07-01T00:00:00,5", 1782856800500, "2026-07-01T00:00:00.500+02:00" },
		{ "2026-11-21T10:00:00.123456789Z", 1795255200123, "2026-11-21T11:00:00.123+01:00" },
		{ "@1795255200", 1795255200000, "2026-11-21T11:00:00.000+01:00" },
		{ "@1795255200.25", 1795255200250, "2026-11-21T11:00:00.250+01:00" },
		{ "@-1.5", -1500, "1970-01-01T00:59:58.500+01:00" },
		{ "2024-02-29", 1709161200000, "2024-02-29T00:00:00.000+01:00" },
		{ "2026-10-25T02:30", 1792888200000, "2026-10-25T02:30:00.000+02:00" }, /* the first of two */
		{ "0000-01-01T00:00:00Z", -62167219200000, "0000-01-01T00:00:00.000Z" }, /* an offset of 53 min 28 s */
		{ "9999-12-31T22:59:59Z", 253402297199000, "9999-12-31T23:59:59.000+01:00" },
	};
	struct tz *berlin = tz_open("Europe/Berlin", NULL);
	char buf[STAMP_SIZE];
	int64_t ms, both[2];

	assert_non_null(berlin);
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		struct err e = ERR_INIT;

		if (stamp_parse_ms(good[i].text, berlin, &ms, &e) != 0)
			fail_msg("%s", e.msg);
		assert_int_equal(ms, good[i].ms);
		assert_string_equal(stamp_print(buf, ms, berlin), good[i].printed);
		assert_int_equal(stamp_parse_ms(buf, NULL, &ms, &e), 0);
		assert_int_equal(ms, good[i].ms);
	}
	assert_int_equal(stamp_parse_both("2026-10-25T02:30", berlin, both, NULL), 2);
	assert_int_equal(both[1] - both[0], 3600000);
	assert_int_equal(stamp_parse_both("2026-10-25T02:30+01:00", berlin, both, NULL), 1);
	assert_string_equal(stamp_print(buf, 253402300800000, NULL), "@253402300800.000");
	assert_string_equal(stamp_print(buf, -62167219200001, NULL), "@-62167219200.001");
	assert_true(strlen(stamp_print(buf, INT64_MIN, berlin)) < STAMP_SIZE);
	assert_true(strlen(stamp_print(buf, INT64_MAX, berlin)) < STAMP_SIZE);
	tz_free(berlin);
}

static void
test_bad_stamps(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "", "column 1: a digit" },
		{ "tomorrow", "column 1: a digit" },
		{ "2026", "column 5: a -" },
		{ "2026-1-1", "column 7: a digit" },
		{ "2026-13-01", "column 6: out of range, 01 to 12 is allowed here" },
		{ "2026-00-01", "column 6: out of range" },
		{ "2026-02-29", "column 9: the month" },
		{ "2026-02-00", "column 9: out of range" },
		{ "2026-11-21T", "column 12: a digit" },
		{ "2026-11-21T24:00", "column 12: out of range, 00 to 23" },
		{ "2026-11-21T10", "column 14: a :" },
		{ "2026-11-21T10:60", "column 15: out of range, 00 to 59" },
		{ "2026-11-21T10:00:60", "column 18: out of range" },
		{ "2026-11-21T10:00:00.", "column 21: a digit" },
		{ "2026-11-21T10:00:00+", "column 21: a digit" },
		{ "2026-11-21T10:00:00+25:00", "column 21: out of range" },
		{ "2026-11-21T10:00:00Zx", "column 21: not expected" },
		{ "2026-11-21Z", "column 11: not expected" },
		{ "2026-11-21 ", "column 11: not expected" },
		{ "2026-03-29T02:30", "time '2026-03-29T02:30': there is no such time in Europe/Berlin" },
		{ "@", "column 2: seconds" },
		{ "@x", "column 2: seconds" },
		{ "@1x", "column 3: not expected" },
		{ "@99999999999999999999", "behind the year 9999" },
	};
	struct tz *berlin = tz_open("Europe/Berlin", NULL);
	int64_t ms;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct err e = ERR_INIT;

		if (stamp_parse_ms(bad[i].text, berlin, &ms, &e) == 0)
			fail_msg("'%s' was taken", bad[i].text);
		assert_int_equal(e.code, ERR_DATA);
		if (strstr(e.msg, bad[i].says) == NULL)
			fail_msg("'%s': expected \"%s\", got: %s", bad[i].text, bad[i].says, e.msg);
	}
	tz_free(berlin);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_bad_durations),
		cmocka_unit_test(test_stamps),
		cmocka_unit_test(test_bad_stamps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

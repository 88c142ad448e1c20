/* lib/codec/spool: lines there and back, cuts, UTF-8 repair. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "codec/spool.h"

#define AT 1795255323456LL /* 2026-11-21T10:02:03.456Z */

static void
one_line(void **state)
{
	struct buf out = BUF_INIT;
	struct spool_line line;

	spool_put(&out, AT, SPOOL_INFO, "hello", 5);
	assert_string_equal(out.data, "2026-11-21T10:02:03.456Z INFO  hello\n");
	spool_parse(out.data, out.len - 1, &line);
	assert_true(line.at_ms == AT);
	assert_int_equal(line.level, SPOOL_INFO);
	assert_int_equal(line.len, 5);
	assert_memory_equal(line.text, "hello", 5);
	buf_clear(&out);
	spool_put(&out, AT, SPOOL_ERROR, "", 0);
	assert_string_equal(out.data, "2026-11-21T10:02:03.456Z ERROR \n");
	spool_parse(out.data, out.len - 1, &line);
	assert_int_equal(line.level, SPOOL_ERROR);
	assert_int_equal(line.len, 0);
	buf_fini(&out);
}

static void
newlines(void **state)
{
	struct buf out = BUF_INIT;

	spool_put(&out, 0, SPOOL_WARN, "a\n\nb\n", 5);
	assert_string_equal(out.data, "1970-01-01T00:00:00.000Z WARN  a\n1970-01-01T00:00:00.000Z WARN  \n"
	    "1970-01-01T00:00:00.000Z WARN  b\n");
	buf_fini(&out);
}

/* The calendar against libc's, over leap years and centuries. */
static void
calendar(void **state)
{
	struct buf out = BUF_INIT;
	struct spool_line line;

	for (int64_t at = -62167219200000LL; at < 253402300799999LL; at += 86400000LL * 97 + 12345678) {
		time_t t = (time_t)((at - (at % 1000 + 1000) % 1000) / 1000);
		struct tm tm;
		char want[64];

		gmtime_r(&t, &tm);
		snprintf(want, sizeof want, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ DEBUG x\n", tm.tm_year + 1900,
		    tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)((at % 1000 + 1000) % 1000));
		buf_clear(&out);
		spool_put(&out, at, SPOOL_DEBUG, "x", 1);
		assert_string_equal(out.data, want);
		spool_parse(out.data, out.len - 1, &line);
		assert_true(line.at_ms == at);
	}
	buf_fini(&out);
}

static void
long_lines_are_cut_and_marked(void **state)
{
	const size_t len = 2 * LIMIT_LOG_LINE + 10;
	char *text = malloc(len);
	struct buf out = BUF_INIT;
	struct spool_line line;
	size_t total = 0, pieces = 0;

	/* Three bytes a character: no limit falls between two of them. */
	for (size_t i = 0; i < len; i++)
		text[i] = "\xe2\x82\xac"[i % 3];
	spool_put(&out, AT, SPOOL_INFO, text, len);
	for (char *p = out.data, *nl; (nl = memchr(p, '\n', (size_t)(out.data + out.len - p))) != NULL; p = nl + 1) {
		spool_parse(p, (size_t)(nl - p), &line);
		pieces++;
		if (pieces < 3) {
			assert_memory_equal(line.text + line.len - 2, " \\", 2);
			line.len -= 2;
			assert_int_equal(line.len % 3, 0);
		}
		assert_true(line.len <= LIMIT_LOG_LINE);
		assert_memory_equal(line.text, text + total, line.len);
		total += line.len;
	}
	assert_int_equal(pieces, 3);
	assert_int_equal(total, len);
	/* Bytes that are no UTF-8 are cut anywhere. */
	memset(text, 0x80, len);
	assert_int_equal(spool_cut(text, len, 100), 100);
	assert_int_equal(spool_cut(text, 50, 100), 50);
	free(text);
	buf_fini(&out);
}

static void
foreign_lines(void **state)
{
	static const char *const foreign[] = { "", "hello", "2026-11-21T10:02:03.456Z",
		"2026-11-21T10:02:03.456Z NOTE  x", "2026-13-21T10:02:03.456Z INFO  x",
		"2026-11-21 10:02:03.456Z INFO  x", "2026-11-21T10:02:03.456ZXINFO  x",
		"2026-11-21T10:02:03.456Z INFO x" };
	struct spool_line line;

	for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
		spool_parse(foreign[i], strlen(foreign[i]), &line);
		assert_true(line.at_ms == 0);
		assert_int_equal(line.level, SPOOL_INFO);
		assert_int_equal(line.len, strlen(foreign[i]));
	}
}

static void
utf8(void **state)
{
#define REP "\xef\xbf\xbd"
	static const struct { const char *in; size_t len; const char *out; } cases[] = {
		{ "plain", 5, "plain" },
		{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ "a\0b", 3, "a" REP "b" }, { "\xc3", 1, REP }, { "\xff\xfe", 2, REP REP },
		{ "\xc0\x80", 2, REP REP }, { "\xed\xa0\x80", 3, REP REP REP }, { "\xe0\x80\x80x", 4, REP REP REP "x" },
		{ "\xf4\x90\x80\x80", 4, REP REP REP REP }, { "\xf4\x8f\xbf\xbf", 4, "\xf4\x8f\xbf\xbf" },
		{ "\xe2\x82", 2, REP REP }, { "\xe2(\xa1", 3, REP "(" REP }, { "", 0, "" },
	};
	struct buf out = BUF_INIT;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		buf_clear(&out);
		spool_to_utf8(&out, cases[i].in, cases[i].len);
		assert_string_equal(buf_str(&out), cases[i].out);
	}
	buf_fini(&out);
}

static void
level_names(void **state)
{
	assert_int_equal(spool_level_from_name("warn"), SPOOL_WARN);
	assert_int_equal(spool_level_from_name("DEBUG"), SPOOL_DEBUG);
	assert_int_equal(spool_level_from_name("loud"), -1);
	assert_string_equal(spool_level_name(SPOOL_ERROR), "ERROR");
	assert_string_equal(spool_level_name(0), "UNKNOWN");
	assert_string_equal(spool_level_name(5), "UNKNOWN");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_line), cmocka_unit_test(newlines), cmocka_unit_test(calendar),
		cmocka_unit_test(long_lines_are_cut_and_marked), cmocka_unit_test(foreign_lines),
		cmocka_unit_test(utf8), cmocka_unit_test(level_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Cron expressions: every vector of the reference, every form that is refused, and the bounds of the search. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "time/sched.h"
#include "time/stamp.h"

#define NEWYEAR_2026 1767225600000LL

static struct sched *
parse(const char *expr, const struct tz *z)
{
	struct err e = ERR_INIT;
	struct sched *s = sched_parse(TIME_CRON, expr, z, sched_seed("backup"), &e);

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

/* `times` are separated by commas; "-" at the end means that nothing follows. */
static void
check_fires(const char *expr, const char *times, const struct tz *z, int64_t from)
{
	struct sched *s = parse(expr, z);
	char text[40], got[STAMP_SIZE];

	for (const char *p = times; *p != '\0'; p += strspn(p, ", ")) {
		size_t len = strcspn(p, ",");
		int64_t next = sched_next(s, from, 0, INT64_MAX);

		snprintf(text, sizeof text, "%.*s", (int)len, p);
		p += len;
		if (strcmp(text, "-") == 0 ? next != SCHED_NEVER : next != at(text, z))
			fail_msg("'%s' after %s: expected %s, got %s", expr, stamp_print((char[STAMP_SIZE]){ 0 }, from, z), text,
			    next == SCHED_NEVER ? "never" : stamp_print(got, next, z));
		from = next;
	}
	sched_free(s);
}

struct vector {
	const char *expr, *times;
};

/* Appendix A, with the documented meaning where the original is wrong (marked). */
static const struct vector vectors[] = {
	{ "0 0 3 * * ?", "2026-01-01T03:00, 2026-01-02T03:00" },
	{ "0 0 3 ? * ?", "2026-01-01T03:00, 2026-01-02T03:00" }, /* there: never */
	{ "0/15 * * * * ?", "2026-01-01T00:00:15, 2026-01-01T00:00:30, 2026-01-01T00:00:45, 2026-01-01T00:01:00" },
	{ "0 0 12 1 * MON", "2026-06-01T12:00, 2027-02-01T12:00, 2027-03-01T12:00, 2027-11-01T12:00" },
	{ "0 0 0 13 * FRI", "2026-02-13, 2026-03-13, 2026-11-13, 2027-08-13" },
	{ "0 0 12 ? * MON#2", "2026-01-12T12:00, 2026-02-09T12:00, 2026-03-09T12:00, 2026-04-13T12:00" },
	{ "0 0 12 ? * 2#2", "2026-01-12T12:00, 2026-02-09T12:00, 2026-03-09T12:00, 2026-04-13T12:00" },
	{ "0 0 12 ? * 6L", "2026-01-30T12:00, 2026-02-27T12:00, 2026-03-27T12:00, 2026-04-24T12:00, 2026-05-29T12:00" },
	{ "0 0 12 ? * FRIL", "2026-01-30T12:00, 2026-02-27T12:00, 2026-03-27T12:00, 2026-04-24T12:00, 2026-05-29T12:00" },
	{ "0 0 12 ? * L", "2026-01-03T12:00, 2026-01-10T12:00, 2026-01-17T12:00" },
	{ "0 0 12 L * ?", "2026-01-31T12:00, 2026-02-28T12:00, 2026-03-31T12:00, 2026-04-30T12:00" },
	{ "0 0 12 L-3 * ?", "2026-01-28T12:00, 2026-02-25T12:00, 2026-03-28T12:00, 2026-04-27T12:00" },
	{ "0 0 12 15W * ?", "2026-01-15T12:00, 2026-02-16T12:00, 2026-03-16T12:00, 2026-04-15T12:00" },
	{ "0 0 12 1W * ?", "2026-01-01T12:00, 2026-02-02T12:00, 2026-03-02T12:00, 2026-04-01T12:00" },
	{ "0 0 12 LW * ?", "2026-01-30T12:00, 2026-02-27T12:00, 2026-03-31T12:00, 2026-04-30T12:00, 2026-05-29T12:00" },
	{ "0 0 0 15W * MON", "2026-02-16, 2026-03-16, 2026-06-15, 2026-11-16" },
	{ "0 0 0 L * 6L", "2026-07-31, 2027-04-30, 2027-12-31" },
	{ "0 0 0 29 2 ?", "2028-02-29, 2032-02-29" },
	{ "0 0 0 30 2 ?", "-" },
	{ "0 0 0 ? * 5#6", "-" },
	{ "0 0 0 L-31 * ?", "-" },
	{ "0 0 0 ? * 5#5", "2026-01-29, 2026-04-30, 2026-07-30, 2026-10-29" },
	{ "0 0 0 * * FRI-MON", "2026-01-02, 2026-01-03, 2026-01-04, 2026-01-05, 2026-01-09" },
	{ "0 0 0 * * 6-2", "2026-01-02, 2026-01-03, 2026-01-04, 2026-01-05, 2026-01-09" },
	{ "0 0 0 ? * 7-1", "2026-01-03, 2026-01-04, 2026-01-10, 2026-01-11" },
	/* there: the first value of the range only */
	{ "0 0 22-2 * * ?", "2026-01-01T01:00, 2026-01-01T02:00, 2026-01-01T22:00, 2026-01-01T23:00, 2026-01-02" },
	{ "0 0 0 1 NOV-FEB ?", "2026-02-01, 2026-11-01, 2026-12-01, 2027-01-01, 2027-02-01, 2027-11-01" },
	{ "50-10/10 0 0 1 1 ? 2027", "2027-01-01T00:00:00, 2027-01-01T00:00:10, 2027-01-01T00:00:50, -" },
	/* there: L, L-n and W are lost in lists */
	{ "0 0 0 L,15 * ?", "2026-01-15, 2026-01-31, 2026-02-15, 2026-02-28" },
	{ "0 0 0 1,L-2 * ?", "2026-01-29, 2026-02-01, 2026-02-26, 2026-03-01" },
	{ "0 0 0 1-3,10W * ?", "2026-01-02, 2026-01-03, 2026-01-09, 2026-02-01" },
	{ "0 0 0 10W,20 * ?", "2026-01-09, 2026-01-20, 2026-02-10, 2026-02-20" },
	{ "0 0 0 LW,L-1 * ?", "2026-01-30, 2026-02-27, 2026-03-30, 2026-03-31" },
	{ "0 0 0 ? * 6L,2#1", "2026-01-05, 2026-01-30, 2026-02-02, 2026-02-27" },
	{ "0 0 0 ? * 3L,5", "2026-01-08, 2026-01-15, 2026-01-22, 2026-01-27, 2026-01-29" },
	{ "0 0 0 ? * L,2", "2026-01-03, 2026-01-05, 2026-01-10, 2026-01-12" },
	{ "0 0 0 * * */2", "2026-01-03, 2026-01-04, 2026-01-06, 2026-01-08" },
	{ "0 0 0 * * 1/3", "2026-01-03, 2026-01-04, 2026-01-07" },
	{ "0 0 0 */2 * ?", "2026-01-03, 2026-01-05" },
	{ "0 0 */5 * * ?", "2026-01-01T05:00, 2026-01-01T10:00, 2026-01-01T15:00, 2026-01-01T20:00, 2026-01-02" },
	{ "0 3-50/7 * * * ?", "2026-01-01T00:03, 2026-01-01T00:10, 2026-01-01T00:17, 2026-01-01T00:24, 2026-01-01T00:31, "
	    "2026-01-01T00:38, 2026-01-01T00:45, 2026-01-01T01:03" },
	{ "0 0 /5 * * ?", "2026-01-01T05:00, 2026-01-01T10:00, 2026-01-01T15:00, 2026-01-01T20:00, 2026-01-02" },
	{ "0 0 0 1 1,/6 ?", "2026-07-01, 2027-01-01" },
	{ "0 0/45 * * * ?", "2026-01-01T00:45, 2026-01-01T01:00, 2026-01-01T01:45" },
	{ "0 0 0 1 1 ? */2", "2028-01-01, 2030-01-01, 2032-01-01" },
	{ "0 0 0 1 1 ? 2027/2", "2027-01-01, 2029-01-01, 2031-01-01" },
	{ "0 0 9 * * ?||0 0 10 * * ?", "2026-01-01T09:00, 2026-01-01T10:00, 2026-01-02T09:00, 2026-01-02T10:00" },
	{ "0 0|30 9|10 * * ?", "2026-01-01T09:00, 2026-01-01T10:30, 2026-01-02T09:00, 2026-01-02T10:30" },
	{ "0 0 0 L|15 * ?", "2026-01-15, 2026-01-31, 2026-02-15, 2026-02-28" },
	{ "0 0 0 31W 5,8 ?", "2026-05-29, 2026-08-31, 2027-05-31, 2027-08-31, 2028-05-31, 2028-08-31" }, /* there: Sunday 05-31 */
	/* there: an exception in every short month */
	{ "0 0 0 31W * ?", "2026-01-30, 2026-03-31, 2026-05-29, 2026-07-31" },
	/* the end of the calendar */
	{ "0 0 0 29 2 MON#5", "2044-02-29, 2072-02-29, -" },
	{ "59 59 23 31 12 ? 2099", "2099-12-31T23:59:59, -" },
	/* spelling */
	{ "  0\t 0  3 *  jan-Dec   ? ", "2026-01-01T03:00, 2026-01-02T03:00" },
	{ "+5 005 3 * * ?", "2026-01-01T03:05:05, 2026-01-02T03:05:05" },
	{ "0 0 0 1 jan,mar/6 ?", "2026-03-01, 2026-09-01, 2027-01-01, 2027-03-01" },
	{ "0 0 12 ? * tue-thu", "2026-01-01T12:00, 2026-01-06T12:00" },
	{ "0 0 12 ? * fril", "2026-01-30T12:00, 2026-02-27T12:00" },
	{ "0 0 12 lw * ?", "2026-01-30T12:00, 2026-02-27T12:00" },
	{ "0 0 0 25-5/3 * ?", "2026-01-03, 2026-01-25, 2026-01-28, 2026-01-31, 2026-02-03" },
	{ "0 0 0 * * ? 2030,2032-2034/2", "2030-01-01, 2030-01-02" },
};

static void
test_vectors(void **state)
{
	for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
		check_fires(vectors[i].expr, vectors[i].times, NULL, NEWYEAR_2026);
}

static const struct vector unix_vectors[] = {
	{ "0 3 * * *", "2026-01-01T03:00, 2026-01-02T03:00" },
	{ "*/20 * * * *", "2026-01-01T00:20, 2026-01-01T00:40, 2026-01-01T01:00" },
	{ "0 0 * * 0", "2026-01-04, 2026-01-11" },
	{ "0 0 * * 7", "2026-01-04, 2026-01-11" },
	{ "0 0 * * 1", "2026-01-05, 2026-01-12" },
	{ "0 0 * * 5-7", "2026-01-02, 2026-01-03, 2026-01-04, 2026-01-09" },
	{ "0 0 * * 7-1", "2026-01-04, 2026-01-05, 2026-01-11" },
	{ "0 0 * * sat-mon", "2026-01-03, 2026-01-04, 2026-01-05, 2026-01-10" },
	{ "0 0 * * 0-7", "2026-01-02, 2026-01-03, 2026-01-04, 2026-01-05" },
	{ "0 0 * * 7-7", "2026-01-04, 2026-01-11" },
	{ "0 0 * * */2", "2026-01-03, 2026-01-04, 2026-01-06, 2026-01-08" },
	{ "0 0 * * 1/2", "2026-01-02, 2026-01-05, 2026-01-07" },
	{ "0 0 * * 7/2", "2026-01-04, 2026-01-11" },
	/* both day fields restricted: one is enough */
	{ "0 0 13 * fri", "2026-01-02, 2026-01-09, 2026-01-13, 2026-01-16" },
	{ "0 0 /2 * mon", "2026-01-05, 2026-01-19, 2026-02-09" },
	{ "0 0 */2 * mon", "2026-01-05, 2026-01-19, 2026-02-09" }, /* a field that begins with * restricts nothing */
	{ "0 12 * * 1#1", "2026-01-05T12:00, 2026-02-02T12:00" },
	{ "0 12 L * *", "2026-01-31T12:00, 2026-02-28T12:00" },
	{ "0 9|18 * * 1|5", "2026-01-02T18:00, 2026-01-05T09:00, 2026-01-09T18:00" },
	{ "0 3 * * * || 0 30 4 * * ?", "2026-01-01T03:00, 2026-01-01T04:30, 2026-01-02T03:00" },
	{ "@yearly", "2027-01-01, 2028-01-01" },
	{ "@annually", "2027-01-01" },
	{ "@monthly", "2026-02-01, 2026-03-01" },
	{ "@weekly", "2026-01-04, 2026-01-11" },
	{ "@Daily", "2026-01-02, 2026-01-03" },
	{ "@midnight", "2026-01-02" },
	{ " @hourly ", "2026-01-01T01:00, 2026-01-01T02:00" },
	{ "@daily || @hourly", "2026-01-01T01:00, 2026-01-01T02:00" },
	{ "@at 2026-11-21T10:00:00", "2026-11-21T10:00, -" },
	{ "@at 2026-11-21T10:00:00+02:00", "2026-11-21T08:00, -" },
	{ "@at 2026-11-21 10:00:00Z || @at 2026-05-01", "2026-05-01, 2026-11-21T10:00, -" },
	{ "@at @1795255200", "2026-11-21T10:00, -" },
	{ "@at 2025-01-01T00:00:00", "-" },
	{ "@at 2026-01-05T00:00 || 0 0 * * 1", "2026-01-05, 2026-01-12" },
};

static void
test_unix_and_names(void **state)
{
	for (size_t i = 0; i < sizeof unix_vectors / sizeof unix_vectors[0]; i++)
		check_fires(unix_vectors[i].expr, unix_vectors[i].times, NULL, NEWYEAR_2026);
}

/* Column 0: anywhere. `says` must be in the message. */
static const struct {
	const char *expr;
	int column;
	const char *says;
} refused[] = {
	{ "", 1, "empty" },
	{ "   ", 4, "empty" },
	{ "0 0 3 *", 1, "4 fields" },
	{ "0 0 3 * * ? 2026 1", 1, "8 fields" },
	{ "0 0 3 * * ? 2026 1 2 3", 1, "over 8 fields" },
	{ "@fortnightly", 1, "@weekly" },
	{ "@reboot", 1, "@daily" },
	{ "@at", 1, "@at TIME" },
	{ "@at tomorrow", 5, "a digit" },
	{ "@at 2026-02-30T00:00", 13, "'30T00:00': the month has no such day" },
	{ "@daily || @at  2026-13-01", 21, "'13-01': out of range, 01 to 12 is allowed here" },
	{ "@at 2026-11-21T10:00Zulu", 22, "'ulu': not expected here" },
	{ "@at 2100-01-01", 5, "the years 1970 to 2099" },
	{ "@at @99999999999", 5, "the years 1970 to 2099" },
	{ "@at 1969-12-31T23:59", 5, "the years 1970 to 2099" },
	{ "@at 2026-11-21T10:00:00.5Z", 5, "whole seconds" },
	{ "0 5/60 * * * ?", 5, "1 to 59" },
	{ "0 0/0 * * * ?", 5, "1 to 59" },
	{ "0 60 * * * ?", 3, "0-59" },
	{ "60 0 * * * ?", 1, "0-59" },
	{ "0 0 24 * * ?", 5, "0-23" },
	{ "0 0 0 0 * ?", 7, "1-31" },
	{ "0 0 0 32 * ?", 7, "1-31" },
	{ "0 0 0 1 0 ?", 9, "1-12" },
	{ "0 0 0 1 13 ?", 9, "1-12" },
	{ "0 0 0 ? * 0", 11, "1-7 (1 is Sunday)" },
	{ "0 0 0 ? * 8", 11, "1-7 (1 is Sunday)" },
	{ "0 0 * * 8", 9, "0-7 (0 and 7 are Sunday)" },
	{ "0 0 0 1/40 * ?", 9, "1 to 31" },
	{ "0 0 0 1/5W * ?", 10, "day-of-month" },
	{ "0 0 0 L2 * ?", 8, "L-n" },
	{ "0 0 0 W * ?", 7, "nW" },
	{ "0 0 0 C * ?", 7, "day-of-month" },
	{ "0 0 0 ? * C", 11, "day-of-week" },
	{ "0 0 0 ? * 6#L", 13, "day-of-week" },
	{ "0 0 0 ? * #2", 11, "day-of-week" },
	{ "0 0 0 ? * 6#0", 13, "1 to 5" },
	{ "0 0 0 ? * 6#7", 13, "1 to 5" },
	{ "? 0 0 * * ?", 1, "second" },
	{ "0 0 0 1 ? ?", 9, "month" },
	{ "0 0 0 1 1 ? ?", 13, "year" },
	{ "0 0 0 1 1 ? 1969", 13, "1970-2099" },
	{ "0 0 0 1 1 ? 2100", 13, "1970-2099" },
	{ "0 0 0 1 1 ? 2030-2020", 13, "backwards" },
	{ "0 0 0 1 1 ? H", 13, "year" },
	{ "0 0 0 1 1 ? ~", 13, "year" },
	{ "0 0 0 ? * MONDAY", 14, "SUN-SAT" },
	{ "0 0 0 1 JANUARY ?", 12, "JAN-DEC" },
	{ "0 0 0 1,? * ?", 9, "day-of-month" },
	{ "0 0 0 ?/2 * ?", 7, "day-of-month" },
	{ "0 0 0 L-0 * ?", 9, "1 to 31" },
	{ "0 0 0 L-32 * ?", 9, "1 to 31" },
	{ "0 0 0 32W * ?", 7, "1-31" },
	{ "0 0 0 ? * 2W", 12, "day-of-week" },
	{ "0 0 0 ? * L-1", 12, "day-of-week" },
	{ "-5 0 0 * * ?", 1, "second" },
	{ "5- 0 0 * * ?", 3, "missing here in the second field" },
	{ "5-6-7 0 0 * * ?", 4, "second" },
	{ "1,,2 0 0 * * ?", 3, "empty element" },
	{ "1, 0 0 * * ?", 3, "empty element" },
	{ ",1 0 0 * * ?", 1, "empty element" },
	{ "*5 0 0 * * ?", 2, "second" },
	{ "*/ 0 0 * * ?", 3, "missing here in the second field" },
	{ "every", 1, "1 field: " },
	{ "/ 0 0 * * ?", 2, "second" },
	{ "/60 0 0 * * ?", 2, "1 to 59" },
	{ "5x 0 0 * * ?", 2, "second" },
	{ "99999999999999999999 0 0 * * ?", 1, "0-59" },
	{ "0 0 0 * * ? ||", 15, "empty" },
	{ "0 0 9 * * ? || 0 0 25 * * ?", 20, "0-23" },
	{ "0 0|30 9|10|11 * * ?", 3, "alternatives" },
	{ "0 0| 9|10 * * ?", 5, "empty alternative" },
	{ "H(5-3) 0 0 * * ?", 2, "backwards" },
	{ "H(5 0 0 * * ?", 4, "second" },
	{ "H(5-6 0 0 * * ?", 6, "close" },
	{ "H(0-60) 0 0 * * ?", 5, "0-59" },
	{ "9~3 0 0 * * ?", 1, "backwards" },
	{ "H5 0 0 * * ?", 2, "second" },
	{ "0 0 3 * * ?\x01", 11, "'?\\x01'" },
	{ "0 0 3 * * \xc3\xa4", 11, "'\\xc3\\xa4'" },
};

static void
test_refused(void **state)
{
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		struct err e = ERR_INIT;
		char column[24];

		snprintf(column, sizeof column, "column %d: ", refused[i].column);
		if (sched_parse(TIME_CRON, refused[i].expr, NULL, 0, &e) != NULL)
			fail_msg("'%s' was taken", refused[i].expr);
		assert_int_equal(e.code, ERR_DATA);
		if ((refused[i].column != 0 && strncmp(e.msg, column, strlen(column)) != 0) || !strstr(e.msg, refused[i].says))
			fail_msg("'%s': expected column %d and \"%s\", got: %s", refused[i].expr, refused[i].column,
			    refused[i].says, e.msg);
		for (const char *p = e.msg; *p != '\0'; p++)
			assert_true(*p >= ' ' && *p <= '~');
	}
}

/* The messages that pj-time(7) shows. */
static void
test_messages(void **state)
{
	struct err e = ERR_INIT;

	assert_null(sched_parse(TIME_CRON, "0 60 * * * ?", NULL, 0, &e));
	assert_string_equal(e.msg, "column 3: '60': out of range in the minute field, which takes 0-59 and * , - / H ~");
	assert_null(sched_parse(TIME_CRON, "0 0 0 ? * MONDAY", NULL, 0, &e));
	assert_string_equal(e.msg, "column 14: 'DAY': not allowed in the day-of-week field, which takes 1-7 (1 is Sunday), "
	    "SUN-SAT, L, nL, n#k, ? and * , - / H ~");
}

static void
test_refused_too_long(void **state)
{
	static char many[SCHED_EXPR_MAX + 2];
	struct err e = ERR_INIT;
	size_t used = 0;

	for (int i = 0; i < SCHED_ALTERNATIVES; i++)
		used += (size_t)snprintf(many + used, sizeof many - used, "%s0 %d * * *", i > 0 ? "||" : "", i % 24);
	sched_free(parse(many, NULL));
	snprintf(many + used, sizeof many - used, "||@daily");
	assert_null(sched_parse(TIME_CRON, many, NULL, 0, &e));
	assert_non_null(strstr(e.msg, "'@daily': more than 64 alternatives"));
	assert_null(strstr(e.msg, "column 1:"));
	memset(many, '1', sizeof many - 1);
	assert_null(sched_parse(TIME_CRON, many, NULL, 0, &e));
	assert_non_null(strstr(e.msg, "longer than"));
}

static void
test_errors_without_err(void **state)
{
	assert_null(sched_parse(TIME_CRON, "x", NULL, 0, NULL));
	assert_null(sched_parse(TIME_CRON, NULL, NULL, 0, NULL));
}

/* H and ~: the same job has the same place, jobs differ, and the place is inside. */
static void
test_spread(void **state)
{
	static const struct {
		const char *expr;
		int64_t unit_ms, least, most;
	} cases[] = {
		{ "H 3 * * *", 60000, 180, 239 },
		{ "~ 3 * * *", 60000, 180, 239 },
		{ "0 H(1-4) * * *", 3600000, 1, 4 },
		{ "0 1~4 * * *", 3600000, 1, 4 },
		{ "0 20~ * * *", 3600000, 20, 23 },
		{ "0 ~3 1 1 *", 3600000, 0, 365 * 24 },
		{ "0 0 H * *", 86400000, 0, 27 },
		{ "0 0 ~ * *", 86400000, 0, 27 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t seen[2] = { INT64_MAX, INT64_MIN };

		for (uint32_t job = 0; job < 200; job++) {
			struct sched *s = sched_parse(TIME_CRON, cases[i].expr, NULL, job * 2654435761U, NULL);
			int64_t next;

			assert_non_null(s);
			next = sched_next(s, NEWYEAR_2026 - 1, 0, INT64_MAX);
			assert_int_equal(next, sched_next(s, NEWYEAR_2026 - 1, 0, INT64_MAX));
			next = (next - NEWYEAR_2026) / cases[i].unit_ms;
			assert_in_range(next, cases[i].least, cases[i].most);
			seen[0] = next < seen[0] ? next : seen[0];
			seen[1] = next > seen[1] ? next : seen[1];
			sched_free(s);
		}
		if (i != 5) { /* 200 jobs reach both ends of a range of 60 or less */
			assert_int_equal(seen[0], cases[i].least);
			assert_int_equal(seen[1], cases[i].most);
		}
	}
}

/* Moving these would move every installed job: the numbers are part of the contract. */
static void
test_spread_is_stable(void **state)
{
	assert_int_equal(sched_seed(""), 2166136261U);
	assert_int_equal(sched_seed("a"), 0xe40c292cU);
	check_fires("H H * * *", "2026-01-01T04:28, 2026-01-02T04:28", NULL, NEWYEAR_2026);
	check_fires("H/15 * * * *", "2026-01-01T00:13, 2026-01-01T00:28, 2026-01-01T00:43, 2026-01-01T00:58, 2026-01-01T01:13",
	    NULL, NEWYEAR_2026);
}

static void
test_steps_are_bounded(void **state)
{
	static const char *const hostile[] = { "0 0 0 30 2 ?", "0 0 0 L-31 * ?", "0 0 0 ? * 5#6", "0 0 0 29 2 MON#5 2073-2099",
		"0 0 0 31W 2,4,6,9,11 ?", "0 0 0 1 1 ? 1970", "0 0 0 31 4,6 MON#1", "59 59 23 29 2 MON#5 2099" };
	static const char *const zones[] = { "UTC", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca" };

	for (size_t z = 0; z < sizeof zones / sizeof zones[0]; z++) {
		struct tz *tz = tz_open(zones[z], NULL);

		assert_non_null(tz);
		for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
			struct sched *s = parse(hostile[i], tz);

			assert_int_equal(sched_next(s, NEWYEAR_2026, 0, INT64_MAX), SCHED_NEVER);
			assert_in_range(sched_steps(), 1, 4000);
			sched_free(s);
		}
		tz_free(tz);
	}
}

static void
test_steps_of_common_ones_are_few(void **state)
{
	static const char *const common[] = { "0 0 3 * * ?", "* * * * * ?", "0 0 12 ? * MON#2", "0 0 0 29 2 ?" };

	for (size_t i = 0; i < 4; i++) {
		struct sched *s = parse(common[i], NULL);

		assert_int_not_equal(sched_next(s, NEWYEAR_2026, 0, INT64_MAX), SCHED_NEVER);
		assert_in_range(sched_steps(), 1, i < 3 ? 4 : 8);
		sched_free(s);
	}
}

static void
test_bounds(void **state)
{
	struct sched *s = parse("0 0 3 * * ?", NULL);
	int64_t three = NEWYEAR_2026 + 3 * 3600000;

	assert_int_equal(sched_next(s, three - 1, 0, INT64_MAX), three);
	assert_int_equal(sched_next(s, three, 0, INT64_MAX), three + 86400000);
	assert_int_equal(sched_next(s, three + 1, 0, INT64_MAX), three + 86400000);
	assert_int_equal(sched_next(s, NEWYEAR_2026, 0, three), three);
	assert_int_equal(sched_next(s, NEWYEAR_2026, 0, three - 1), SCHED_NEVER);
	/* the lifecycle's start is inclusive */
	assert_int_equal(sched_next(s, 0, three, INT64_MAX), three);
	assert_int_equal(sched_next(s, 0, three + 1, INT64_MAX), three + 86400000);
	assert_int_equal(sched_next(s, three + 86400000, three, INT64_MAX), three + 2 * 86400000LL);
	/* before and behind the calendar */
	assert_int_equal(sched_next(s, INT64_MIN, 0, INT64_MAX), 3 * 3600000);
	assert_int_equal(sched_next(s, INT64_MAX, 0, INT64_MAX), SCHED_NEVER);
	assert_int_equal(sched_next(s, INT64_MAX - 1, 0, INT64_MAX), SCHED_NEVER);
	assert_int_equal(sched_next(s, 0, INT64_MAX, INT64_MAX), SCHED_NEVER);
	assert_int_equal(sched_next(s, 0, 0, INT64_MIN), SCHED_NEVER);
	sched_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_unix_and_names),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_refused_too_long),
		cmocka_unit_test(test_errors_without_err),
		cmocka_unit_test(test_spread),
		cmocka_unit_test(test_spread_is_stable),
		cmocka_unit_test(test_steps_are_bounded),
		cmocka_unit_test(test_steps_of_common_ones_are_few),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

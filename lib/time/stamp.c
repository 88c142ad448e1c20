#include "time/stamp.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "time/civil.h"

#define FORMS "write such as 2026-11-21T10:00:00, 2026-11-21T10:00:00+01:00, 2026-11-21 or @1795255200"
#define SEC_MAX 253402300799LL /* the end of the year 9999 */

struct reader {
	const char *text, *p;
	int column; /* of what was refused */
	struct err *e;
};

static int
refuse(struct reader *r, const char *why)
{
	r->column = (int)(r->p - r->text) + 1;
	return err_set(r->e, ERR_DATA, "%s; %s", why, FORMS);
}

static bool
take(struct reader *r, char c)
{
	if (*r->p != c)
		return false;
	r->p++;
	return true;
}

/* Exactly `width` digits, from least to most. */
static int
field(struct reader *r, int width, int least, int most, int *out)
{
	char why[64];
	int n = 0;

	for (int i = 0; i < width; i++) {
		if (r->p[i] < '0' || r->p[i] > '9') {
			r->p += i;
			return refuse(r, "a digit must be here");
		}
		n = n * 10 + (r->p[i] - '0');
	}
	if (n < least || n > most) {
		snprintf(why, sizeof why, "out of range, %0*d to %0*d is allowed here", width, least, width, most);
		return refuse(r, why);
	}
	r->p += width;
	*out = n;
	return 0;
}

/* .5 is 500 ms; digits behind the third are cut off. */
static int
fraction(struct reader *r, int *ms)
{
	int unit = 100;

	*ms = 0;
	if (!take(r, '.') && !take(r, ','))
		return 0;
	if (*r->p < '0' || *r->p > '9')
		return refuse(r, "a digit must be here");
	for (; *r->p >= '0' && *r->p <= '9'; r->p++, unit /= 10)
		*ms += unit * (*r->p - '0');
	return 0;
}

static int
epoch(struct reader *r, int64_t *out)
{
	bool minus = take(r, '-');
	int64_t sec = 0;
	int ms;

	if (*r->p < '0' || *r->p > '9')
		return refuse(r, "seconds since 1970 must be here");
	for (; *r->p >= '0' && *r->p <= '9'; r->p++)
		if ((sec = sec * 10 + (*r->p - '0')) > SEC_MAX)
			return refuse(r, "behind the year 9999");
	if (fraction(r, &ms) != 0)
		return -1;
	if (*r->p != '\0')
		return refuse(r, "not expected here");
	*out = minus ? -(sec * 1000 + ms) : sec * 1000 + ms;
	return 1;
}

static int
date(struct reader *r, struct tz_civil *c)
{
	const char *start;

	if (field(r, 4, 0, 9999, &c->year) != 0)
		return -1;
	if (!take(r, '-'))
		return refuse(r, "a - must be here");
	if (field(r, 2, 1, 12, &c->month) != 0)
		return -1;
	if (!take(r, '-'))
		return refuse(r, "a - must be here");
	start = r->p;
	if (field(r, 2, 1, 31, &c->day) != 0)
		return -1;
	if (c->day <= civil_month_len(c->year, c->month))
		return 0;
	r->p = start;
	return refuse(r, "the month has no such day");
}

static int
time_of_day(struct reader *r, struct tz_civil *c, int *ms)
{
	*ms = 0;
	if (field(r, 2, 0, 23, &c->hour) != 0)
		return -1;
	if (!take(r, ':'))
		return refuse(r, "a : must be here");
	if (field(r, 2, 0, 59, &c->minute) != 0)
		return -1;
	if (!take(r, ':'))
		return 0;
	return field(r, 2, 0, 59, &c->second) != 0 ? -1 : fraction(r, ms);
}

/* Z or +hh:mm or +hhmm or +hh; 1 when there is one */
static int
zone(struct reader *r, int *utoff)
{
	int sign = *r->p == '-' ? -1 : 1, h, m = 0;

	if (take(r, 'Z') || take(r, 'z')) {
		*utoff = 0;
		return 1;
	}
	if (!take(r, '+') && !take(r, '-'))
		return 0;
	if (field(r, 2, 0, 23, &h) != 0)
		return -1;
	if ((take(r, ':') || *r->p != '\0') && field(r, 2, 0, 59, &m) != 0)
		return -1;
	*utoff = sign * (h * 3600 + m * 60);
	return 1;
}

static int
read_stamp(struct reader *r, const struct tz *z, int64_t out_ms[2])
{
	struct tz_civil c = { 0, 1, 1, 0, 0, 0, 0 };
	int ms = 0, utoff = 0, given = 0, n;

	if (take(r, '@'))
		return epoch(r, out_ms);
	if (date(r, &c) != 0)
		return -1;
	if (take(r, 'T') || take(r, 't') || (*r->p == ' ' && r->p[1] != '\0' && take(r, ' '))) {
		if (time_of_day(r, &c, &ms) != 0 || (given = zone(r, &utoff)) < 0)
			return -1;
	}
	if (*r->p != '\0')
		return refuse(r, "not expected here");
	n = tz_from_civil(given ? NULL : z, &c, out_ms);
	if (n == 0)
		return err_set(r->e, ERR_DATA, "there is no such time in %s, the clock jumps over it; give it with an offset "
		    "such as +01:00", tz_name(z));
	for (int i = 0; i < n; i++)
		out_ms[i] = (out_ms[i] - utoff) * 1000 + ms;
	return n;
}

int
stamp_parse_part(const char *text, const struct tz *z, int64_t out_ms[2], int *column, struct err *e)
{
	struct reader r = { text, text, 0, e };
	int n = read_stamp(&r, z, out_ms);

	*column = r.column;
	return n;
}

int
stamp_parse_both(const char *text, const struct tz *z, int64_t out_ms[2], struct err *e)
{
	int column, n = stamp_parse_part(text, z, out_ms, &column, e);

	if (n < 0 && column > 0)
		err_prefix(e, "time '%.60s', column %d", text, column);
	else if (n < 0)
		err_prefix(e, "time '%.60s'", text);
	return n;
}

int
stamp_parse_ms(const char *text, const struct tz *z, int64_t *out_ms, struct err *e)
{
	int64_t both[2];

	if (stamp_parse_both(text, z, both, e) < 0)
		return -1;
	*out_ms = both[0];
	return 0;
}

char *
stamp_print(char buf[STAMP_SIZE], int64_t at_ms, const struct tz *z)
{
	int64_t sec = civil_floor_div(at_ms, 1000);
	int ms = (int)((at_ms % 1000 + 1000) % 1000), utoff, east, n;
	struct tz_civil c;

	tz_to_civil(z, sec, &c, &utoff);
	if (utoff % 60 != 0)
		tz_to_civil(NULL, sec, &c, &utoff);
	if (c.year < 0 || c.year > 9999) {
		const char *sign = at_ms < 0 ? "-" : "";
		uint64_t abs = at_ms < 0 ? 0 - (uint64_t)at_ms : (uint64_t)at_ms;

		snprintf(buf, STAMP_SIZE, "@%s%llu.%03u", sign, (unsigned long long)(abs / 1000),
		    (unsigned)(abs % 1000));
		return buf;
	}
	n = snprintf(buf, STAMP_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%03d", c.year, c.month, c.day, c.hour, c.minute,
	    c.second, ms);
	east = utoff < 0 ? -utoff : utoff;
	if (utoff == 0)
		snprintf(buf + n, STAMP_SIZE - (size_t)n, "Z");
	else
		snprintf(buf + n, STAMP_SIZE - (size_t)n, "%c%02d:%02d", utoff < 0 ? '-' : '+', east / 3600,
		    east / 60 % 60);
	return buf;
}

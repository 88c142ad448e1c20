/* POSIX TZ strings: std offset [dst [offset] [,start[/time],end[/time]]] */
#include <string.h>

#include "time/civil.h"
#include "time/zone.h"

struct text {
	const char *p, *end;
};

static bool
is_digit(const struct text *t)
{
	return t->p < t->end && *t->p >= '0' && *t->p <= '9';
}

static bool
take(struct text *t, char c)
{
	if (t->p == t->end || *t->p != c)
		return false;
	t->p++;
	return true;
}

static int
number(struct text *t, int most)
{
	int n = 0;

	if (!is_digit(t))
		return -1;
	for (; is_digit(t); t->p++)
		if ((n = n * 10 + (*t->p - '0')) > most)
			return -1;
	return n;
}

/* Letters, or anything between < and >; three characters at least. */
static int
abbreviation(struct text *t)
{
	const char *from = t->p;
	bool quoted = take(t, '<');

	for (from = t->p; t->p < t->end; t->p++) {
		char c = *t->p;

		if (quoted ? c == '>' : !((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')))
			break;
	}
	if (t->p - from < 3)
		return -1;
	return quoted && !take(t, '>') ? -1 : 0;
}

/* [+-]h[:m[:s]] in seconds */
static int
clock_time(struct text *t, int most_hours, int *out)
{
	int sign = take(t, '-') ? -1 : 1, h, m = 0, s = 0;

	if (sign == 1)
		take(t, '+');
	if ((h = number(t, most_hours)) < 0)
		return -1;
	if (take(t, ':') && ((m = number(t, 59)) < 0 || (take(t, ':') && (s = number(t, 59)) < 0)))
		return -1;
	*out = sign * (h * 3600 + m * 60 + s);
	return 0;
}

static int
date(struct text *t, struct zone_date *d)
{
	if (take(t, 'M')) {
		d->kind = 'M';
		if ((d->month = number(t, 12)) < 1 || !take(t, '.') || (d->week = number(t, 5)) < 1 || !take(t, '.') ||
		    (d->day = number(t, 6)) < 0)
			return -1;
	} else if (take(t, 'J')) {
		d->kind = 'J';
		if ((d->day = number(t, 365)) < 1)
			return -1;
	} else {
		d->kind = 'N';
		if ((d->day = number(t, 365)) < 0)
			return -1;
	}
	d->second = 2 * 3600;
	return take(t, '/') ? clock_time(t, 167, &d->second) : 0;
}

static int
daylight(struct text *t, struct zone_rule *r)
{
	int west;

	r->has_dst = true;
	r->dst = r->std + 3600;
	if (abbreviation(t) != 0)
		return -1;
	if (t->p < t->end && *t->p != ',') {
		if (clock_time(t, 24, &west) != 0)
			return -1;
		r->dst = -west;
	}
	if (t->p == t->end) {
		/* POSIX leaves the dates open; everyone takes those of the United States. */
		r->start = (struct zone_date){ 'M', 3, 2, 0, 7200 };
		r->end = (struct zone_date){ 'M', 11, 1, 0, 7200 };
		return 0;
	}
	return take(t, ',') && date(t, &r->start) == 0 && take(t, ',') && date(t, &r->end) == 0 ? 0 : -1;
}

/* The day number of a date in a year. */
static int64_t
day_of(const struct zone_date *d, int year)
{
	int64_t first;
	int day, len;

	if (d->kind == 'N')
		return civil_days(year, 1, 1) + d->day;
	if (d->kind == 'J') /* the leap day is never counted */
		return civil_days(year, 1, 1) + d->day - 1 + (d->day >= 60 && civil_month_len(year, 2) == 29);
	first = civil_days(year, d->month, 1);
	len = civil_month_len(year, d->month);
	day = 1 + (d->day - civil_weekday(first) + 7) % 7 + (d->week - 1) * 7;
	while (day > len)
		day -= 7;
	return first + day - 1;
}

int
zone_rule_year(const struct zone_rule *r, int year, struct zone_change out[2])
{
	struct zone_change start, end;

	if (!r->known || !r->has_dst)
		return 0;
	start.at = day_of(&r->start, year) * DAY_SEC + r->start.second - r->std;
	start.utoff = r->dst;
	end.at = day_of(&r->end, year) * DAY_SEC + r->end.second - r->dst;
	end.utoff = r->std;
	out[0] = start.at <= end.at ? start : end;
	out[1] = start.at <= end.at ? end : start;
	return 2;
}

/* Summer time that ends as it begins again is how permanent summer time is written (RFC 8536, 3.3.1). */
static void
settle(struct zone_rule *r)
{
	struct zone_change c[2], next[2];

	for (int year = 2000; year < 2004; year++) {
		if (zone_rule_year(r, year, c) == 0 || zone_rule_year(r, year + 1, next) == 0 ||
		    c[1].at != next[0].at ||
		    c[1].utoff != r->std)
			return;
	}
	r->std = r->dst;
	r->has_dst = false;
}

int
zone_rule_parse(const char *text, size_t len, struct zone_rule *out)
{
	struct text t = { text, text + len };
	struct zone_rule r;
	int west;

	memset(&r, 0, sizeof r);
	if (abbreviation(&t) != 0 || clock_time(&t, 24, &west) != 0)
		return -1;
	r.known = true;
	r.std = -west;
	if (t.p < t.end && daylight(&t, &r) != 0)
		return -1;
	if (t.p != t.end)
		return -1;
	settle(&r);
	*out = r;
	return 0;
}

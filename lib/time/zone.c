/* TZif files, RFC 8536. */
#include "time/zone.h"

#include <stdlib.h>
#include <string.h>

#include "time/civil.h"

#define HEADER 44
#define AT_MAX (1LL << 60) /* files begin with the Big Bang, -2^59 */
#define FIRST_RULE_YEAR 1900 /* of a zone that is nothing but a rule */

struct counts {
	uint32_t isut, isstd, leap, time, type, chars;
};

static uint32_t
be32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t
be_time(const unsigned char *p, size_t width)
{
	if (width == 4)
		return (int32_t)be32(p);
	return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

int
zone_add(struct tz *z, int64_t at, int32_t utoff)
{
	int32_t now;

	if (z->nchange > 0 && z->change[z->nchange - 1].at == at)
		z->nchange--; /* two changes at once: the later one stands */
	now = z->nchange > 0 ? z->change[z->nchange - 1].utoff : z->first;
	if (utoff == now)
		return 0;
	if (z->nchange == z->cap) {
		size_t cap = z->cap > 0 ? z->cap * 2 : 64;
		struct zone_change *c = realloc(z->change, cap * sizeof *c);

		if (c == NULL)
			return -1;
		z->change = c;
		z->cap = cap;
	}
	z->change[z->nchange++] = (struct zone_change){ at, utoff };
	return 0;
}

/* A rule may have its changes at the turn of the year, and the years' changes cross: what comes late is dropped. */
static bool
in_order(const struct tz *z, int64_t at)
{
	return z->nchange == 0 || at >= z->change[z->nchange - 1].at;
}

int
zone_extend(struct tz *z, int64_t last)
{
	int year = FIRST_RULE_YEAR, month, day;
	struct zone_change c[2];

	if (last >= civil_days(ZONE_TABLE_YEAR + 1, 1, 1) * DAY_SEC)
		return 0; /* the table itself goes further */
	if (last >= 0)
		civil_from_days(civil_floor_div(last, DAY_SEC), &year, &month, &day);
	for (; year <= ZONE_TABLE_YEAR; year++) {
		int n = zone_rule_year(&z->rule, year, c);

		for (int i = 0; i < n; i++)
			if (c[i].at > last && in_order(z, c[i].at) && zone_add(z, c[i].at, c[i].utoff) != 0)
				return -1;
	}
	return 0;
}

/* Reads one header; the length of the block behind it, 0 when it is not one. */
static size_t
header(const unsigned char *p, size_t len, size_t width, struct counts *c)
{
	if (len < HEADER || memcmp(p, "TZif", 4) != 0)
		return 0;
	*c = (struct counts){ be32(p + 20), be32(p + 24), be32(p + 28), be32(p + 32), be32(p + 36), be32(p + 40) };
	if (c->isut > len || c->isstd > len || c->leap > len || c->time > len || c->type > len || c->chars > len)
		return 0;
	return HEADER + c->time * (width + 1) + (size_t)c->type * 6 + c->chars + c->leap * (width + 4) + c->isstd +
	    c->isut;
}

static int
offset_of(const unsigned char *types, size_t index, int32_t *out)
{
	*out = (int32_t)be32(types + index * 6);
	return *out >= -ZONE_UTOFF_MAX && *out <= ZONE_UTOFF_MAX ? 0 : -1;
}

static int
changes(struct tz *z, const unsigned char *p, const struct counts *c, size_t width, struct err *e)
{
	const unsigned char *index = p + c->time * width, *types = index + c->time;
	int64_t before = INT64_MIN, at;
	int32_t utoff;

	if (c->type == 0 || c->leap != 0)
		return err_set(e, ERR_DATA, c->leap != 0 ? "it counts leap seconds, which pj does not" :
		    "no local time in it");
	if (offset_of(types, 0, &z->first) != 0)
		return err_set(e, ERR_DATA, "an offset from UTC is beyond 26 hours");
	for (size_t i = 0; i < c->time; i++) {
		at = be_time(p + i * width, width);
		if (i > 0 && at <= before)
			return err_set(e, ERR_DATA, "its changes are not in order of time");
		if (at > AT_MAX || at < -AT_MAX)
			return err_set(e, ERR_DATA, "change %zu is impossibly far away", i + 1);
		if (index[i] >= c->type || offset_of(types, index[i], &utoff) != 0)
			return err_set(e, ERR_DATA, "change %zu has an impossible local time", i + 1);
		if (zone_add(z, at, utoff) != 0)
			return err_set(e, ERR_NOMEM, "out of memory");
		before = at;
	}
	return 0;
}

static int
footer(struct tz *z, const unsigned char *p, size_t len, int64_t last, struct err *e)
{
	const unsigned char *end;

	if (len < 2 || p[0] != '\n' || (end = memchr(p + 1, '\n', len - 1)) == NULL)
		return err_set(e, ERR_DATA, "its footer is cut off");
	if (end == p + 1)
		return 0; /* nothing is known of the time behind the table */
	if (zone_rule_parse((const char *)p + 1, (size_t)(end - p) - 1, &z->rule) != 0)
		return err_set(e, ERR_DATA, "its footer is no POSIX TZ string");
	if (zone_extend(z, last) != 0)
		return err_set(e, ERR_NOMEM, "out of memory");
	return 0;
}

int
zone_parse(struct tz *z, const unsigned char *data, size_t len, struct err *e)
{
	struct counts c;
	size_t size = header(data, len, 4, &c), width = 4;
	int64_t last;

	if (size == 0 || size > len)
		return err_set(e, ERR_DATA, size == 0 ? "not a TZif file" : "it is cut off");
	if (data[4] >= '2') {
		data += size;
		len -= size;
		width = 8;
		size = header(data, len, width, &c);
		if (size == 0 || size > len)
			return err_set(e, ERR_DATA, "its second block is cut off");
	}
	if (changes(z, data + HEADER, &c, width, e) != 0)
		return -1;
	if (width == 4)
		return 0;
	/* The rule begins behind the last change of the file, even one that left the offset as it was. */
	last = c.time > 0 ? be_time(data + HEADER + (c.time - 1) * width, width) : INT64_MIN;
	return footer(z, data + size, len - size, last, e);
}

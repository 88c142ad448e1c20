#include "when.h"

#include <stdio.h>
#include <stdbool.h>
#include <string.h>

#include "time/stamp.h"

static struct tz *zone;
static bool tried;

const struct tz *
when_zone(void)
{
	struct err e = ERR_INIT;

	if (!tried) {
		tried = true;
		zone = tz_open(NULL, &e);
		if (zone == NULL)
			fprintf(stderr, "pj-ctl: times are UTC: %s\n", e.msg);
	}
	return zone;
}

int
when_own(const struct tz **out, struct err *e)
{
	if (zone == NULL)
		zone = tz_open(NULL, e);
	tried = zone != NULL;
	*out = zone;
	return zone != NULL ? 0 : -1;
}

int
when_named(const char *name, struct tz **own, const struct tz **out, struct err *e)
{
	*own = NULL;
	if (name == NULL || name[0] == '\0')
		return when_own(out, e);
	*out = *own = tz_open(name, e);
	return *own != NULL ? 0 : -1;
}

void
when_fini(void)
{
	tz_free(zone);
	zone = NULL;
	tried = false;
}

static int64_t
floor_sec(int64_t at_ms)
{
	return at_ms / 1000 - (at_ms % 1000 < 0);
}

void
when_put(struct buf *out, int64_t at_ms)
{
	struct tz_civil t;

	tz_to_civil(when_zone(), floor_sec(at_ms), &t, NULL);
	buf_addf(out, "%04d-%02d-%02d %02d:%02d:%02d", t.year, t.month, t.day, t.hour, t.minute, t.second);
}

void
when_put_full(struct buf *out, int64_t at_ms, const struct tz *z)
{
	char stamp[STAMP_SIZE];
	const char *dot;

	stamp_print(stamp, at_ms, z);
	dot = at_ms % 1000 == 0 ? strstr(stamp, ".000") : NULL;
	if (dot == NULL) {
		buf_adds(out, stamp);
		return;
	}
	buf_add(out, stamp, (size_t)(dot - stamp));
	buf_adds(out, dot + 4);
}

int
when_parse(const char *text, const struct tz *z, int64_t *out_ms, struct err *e)
{
	if (stamp_parse_ms(text, z, out_ms, e) == 0)
		return 0;
	if (e->code == ERR_DATA)
		e->code = ERR_USAGE;
	return -1;
}

int
when_check(const char *text, struct err *e)
{
	int64_t ms;

	return when_parse(text, NULL, &ms, e);
}

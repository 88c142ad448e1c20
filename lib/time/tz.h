/* IANA time zones read from TZif files (RFC 8536, versions 1 to 4), without touching the time zone of the process.
 * A struct tz never changes after tz_open: threads and schedules share it. Where a function takes a zone, NULL is
 * UTC. */
#ifndef PJ_TIME_TZ_H
#define PJ_TIME_TZ_H

#include <stdint.h>

#include "base/err.h"

struct tz;

/* A reading of a wall clock. wday is 1=SUN..7=SAT; it is given back, never read. */
struct tz_civil {
	int year, month /* 1-12 */, day, hour, minute, second;
	int wday;
};

/* A stretch of time with one offset: [begin, end) in seconds since the epoch. Without a neighbour, begin is INT64_MIN
 * or end INT64_MAX and the neighbour's offset is the span's own. */
struct tz_span {
	int64_t begin, end;
	int utoff;         /* seconds east of UTC */
	int before, after; /* the offsets of the spans on either side */
};

/* NULL or "" is the server's own zone: $TZ, else /etc/localtime, else UTC. "UTC" always works. Files come from $TZDIR,
 * else /usr/share/zoneinfo. ERR_NOTFOUND: no such zone (or no such name); ERR_DATA: its file cannot be understood. */
struct tz *tz_open(const char *name, struct err *e);
void tz_free(struct tz *z);
/* What tells one version of a zone's file from another (inode, size, time of change), as text; "" for a zone that has no
 * file of its own, such as UTC, or whose file is gone. Of the server's own zone (NULL or "") also where it comes from, and a
 * blank; nothing behind the blank: it has no file, or that is gone. Costs one stat. */
#define TZ_ID_SIZE 80
char *tz_file_id(char buf[TZ_ID_SIZE], const char *name);
const char *tz_name(const struct tz *z); /* borrowed; the server's own zone gives its IANA name where it is known */

void tz_to_civil(const struct tz *z, int64_t sec, struct tz_civil *out, int *utoff_sec_or_null);
/* Local to UTC: 0 none (a gap), 1 one, 2 two (a fold): the first and the second instant. Fields need not be normal. */
int tz_from_civil(const struct tz *z, const struct tz_civil *c, int64_t out[2]);
/* The first instant that reads `c`, and where a gap swallows it, the first instant behind the gap. */
int64_t tz_first(const struct tz *z, const struct tz_civil *c);
void tz_span(const struct tz *z, int64_t sec, struct tz_span *out);

#endif

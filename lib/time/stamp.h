/* Instants as text: RFC 3339 in a zone, or @SECONDS since the epoch. */
#ifndef PJ_TIME_STAMP_H
#define PJ_TIME_STAMP_H

#include <stdint.h>

#include "base/err.h"
#include "time/tz.h"

#define STAMP_SIZE 40

/* 2026-11-21T10:00:00.250+01:00; the T may be a blank; seconds, fraction and even the whole time of day may be left
 * out, and so may the zone: then it is local time of `z`. @1795255200 or @1795255200.250 is seconds since the epoch.
 * A local time that the clock jumps over is ERR_DATA, one that it reads twice is the first of the two. */
int stamp_parse_ms(const char *text, const struct tz *z, int64_t *out_ms, struct err *e);
/* The same, but both instants of a local time that is read twice: returns how many (1 or 2), -1 on error. */
int stamp_parse_both(const char *text, const struct tz *z, int64_t out_ms[2], struct err *e);
/* The same of a text that is a part of another one: the message does not repeat it, and *column, from 1, is where it is
 * wrong (0: as a whole). */
int stamp_parse_part(const char *text, const struct tz *z, int64_t out_ms[2], int *column, struct err *e);
/* "2026-11-21T10:00:00.250+01:00", "...Z" for offset 0 and for zones whose offset is no whole minute; "@SECONDS.mmm"
 * outside the years 0 to 9999. Returns buf. */
char *stamp_print(char buf[STAMP_SIZE], int64_t at_ms, const struct tz *z);

#endif

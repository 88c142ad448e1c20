/* Times of people: local, in the zone of TZ. */
#ifndef PJ_CTL_WHEN_H
#define PJ_CTL_WHEN_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "time/tz.h"

/* The zone of this process; NULL is UTC where none can be read. Kept. */
const struct tz *when_zone(void);
/* The same where a wrong one would do harm: -1 where none can be read. */
int when_own(const struct tz **out, struct err *e);
/* The zone of a name, opened into *own for the caller to free; of NULL and "" this process's, and *own NULL. */
int when_named(const char *name, struct tz **own, const struct tz **out, struct err *e);
void when_fini(void);
/* "2026-11-21 10:00:00" */
void when_put(struct buf *out, int64_t at_ms);
/* "2026-11-21T10:00:00+01:00" (with milliseconds only where they are not 0) */
void when_put_full(struct buf *out, int64_t at_ms, const struct tz *z);
/* RFC 3339, parts of it in local time, or @SECONDS; ERR_USAGE. */
int when_check(const char *text, struct err *e); /* could it be a time? */
int when_parse(const char *text, const struct tz *z, int64_t *out_ms, struct err *e);

#endif

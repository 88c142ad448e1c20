/* Inside of tz: a zone as a table of changes of offset, and the rule for the years behind the table. */
#ifndef PJ_TIME_ZONE_H
#define PJ_TIME_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define ZONE_UTOFF_MAX (26 * 3600) /* RFC 8536, 3.2 */
#define ZONE_TABLE_YEAR 2105       /* the table is filled up to here: no schedule looks further */

/* When in a year a POSIX TZ rule changes: Jn, n or Mm.w.d, and the local second of that day (-167 h to 167 h). */
struct zone_date {
	char kind; /* 'J', 'N' or 'M' */
	int month, week, day;
	int second;
};

struct zone_rule {
	bool known, has_dst;
	int std, dst; /* seconds east of UTC */
	struct zone_date start, end;
};

struct zone_change {
	int64_t at;
	int32_t utoff; /* from then on */
};

struct tz {
	char *name;
	int32_t first; /* the offset before the first change */
	struct zone_change *change;
	size_t nchange, cap;
	struct zone_rule rule;
};

/* Adds a change behind the others; one that changes nothing is dropped. -1 out of memory. */
int zone_add(struct tz *z, int64_t at, int32_t utoff);
/* Fills the table from the rule, from behind the instant `last` on. */
int zone_extend(struct tz *z, int64_t last);
/* The changes of the rule in one year, in order of time; 0 or 2. */
int zone_rule_year(const struct zone_rule *r, int year, struct zone_change out[2]);
/* A POSIX TZ string, as in the footer of a TZif file and in $TZ. 0, or -1 when it is none. */
int zone_rule_parse(const char *text, size_t len, struct zone_rule *out);
/* A TZif file. ERR_DATA says what is wrong with it. */
int zone_parse(struct tz *z, const unsigned char *data, size_t len, struct err *e);

#endif

/* One cron expression as bitmaps, and the arithmetic on them. Times here are local seconds: what a wall clock reads, as
 * seconds since it read 1970-01-01 00:00:00. Which instant that is, and whether there is one, is sched's business. */
#ifndef PJ_TIME_CRON_H
#define PJ_TIME_CRON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CRON_YEAR_MIN 1970
#define CRON_YEAR_MAX 2099
#define CRON_NEVER INT64_MAX

struct cron {
	uint64_t second, minute; /* bit n: the value n */
	uint32_t hour, day;
	uint32_t before_last; /* bit n: n days before the month's last (L is bit 0) */
	uint32_t near;        /* bit n: the weekday nearest to day n */
	uint16_t month;
	uint8_t wday;        /* bit 0 Sunday .. bit 6 Saturday */
	uint8_t last_wday;   /* the last such day of the month */
	uint8_t nth_wday[6]; /* [1..5]: the n-th such day of the month */
	bool last_work;      /* LW */
	bool either;         /* Unix: one of the two day fields is enough */
	bool spread;         /* H or ~: it depends on the seed */
	bool repeats;        /* every hour or within it: runs in real time through changes of offset */
	uint64_t year[3];    /* bit n: the year 1970 + n */
};

/* A slice of the expression: columns in messages count from `whole`. */
struct cron_text {
	const char *whole, *p, *end;
};

enum cronfield { CRON_SECOND, CRON_MINUTE, CRON_HOUR, CRON_DAY, CRON_MONTH, CRON_WDAY, CRON_YEAR };

/* The rules of one expression without ||, that is of its fields or its nickname: appends to rules[*n], up to `most`.
 * -1 with ERR_DATA. */
int cronparse(struct cron_text text, uint32_t seed, struct cron *rules, size_t *n, size_t most, struct err *e);
/* Adds what one field says to the rule, which began as zeros. -1 with ERR_DATA. */
int cronfield_read(enum cronfield id, bool is_unix, struct cron_text text, uint32_t seed, struct cron *c,
    struct err *e);
/* ERR_DATA "column C: 'offending text': fmt..."; the text runs from p to end. */
int cronfield_error(struct err *e, struct cron_text text, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The days of a month that match: bit 1 to bit 31. */
uint32_t cron_days(const struct cron *c, int year, int month);
/* The first match in [from, to], else CRON_NEVER. Adds to *steps how many fields it stepped over. */
int64_t cron_next(const struct cron *c, int64_t from, int64_t to, unsigned *steps);
/* How many seconds in [from, to] match any of the n rules (n <= 64). */
int64_t cron_count(const struct cron *c, size_t n, int64_t from, int64_t to, unsigned *steps);

#endif

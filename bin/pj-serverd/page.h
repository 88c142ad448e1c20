/* Pages as PowerJob gives them (PageResult), and dates as Java's JSON has them. */
#ifndef PJ_SERVERD_PAGE_H
#define PJ_SERVERD_PAGE_H

#include "route.h"

#define PAGE_MAX 10000 /* rows of one page */
#define PAGE_STEPS 2000000 /* of db_bound: some 200,000 rows looked at, 0.1 seconds of everybody's time */

struct page {
	int64_t index, size; /* index from 0 */
};

/* Members `index` and `pageSize`; null is the default (0, 10). */
int page_read(struct call *c, struct page *p, struct err *e);
/* Opens the object and its array `data`: put the rows, then jw_end twice. */
void page_put_head(struct jw *w, const struct page *p, int64_t total);

/* The error of a query: when it is too much, what to do about it. Returns -1. */
int page_error(struct call *c, struct err *e);

/* A date: ms since the epoch as number or text, or ISO 8601; absent or null is 0. */
int page_date(struct call *c, const char *member, int64_t *out, struct err *e);
/* 2026-11-21 08:46:07 in the server's zone; "N/A" for 0. */
void page_local_time(const struct server *s, char out[32], int64_t at_ms);

#endif

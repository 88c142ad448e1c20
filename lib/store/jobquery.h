/* Jobs by PowerJob's filters (JobInfoQuery, protocol.md 1.4): what a member means is declared once, in job_filters. */
#ifndef PJ_STORE_JOBQUERY_H
#define PJ_STORE_JOBQUERY_H

#include "store/job.h"

enum job_filter_kind {
	FILTER_I64,
	FILTER_MS,    /* a date */
	FILTER_TEXT,
	FILTER_LIKE,  /* a text that is somewhere in it; % and _ as in SQL */
	FILTER_CODES, /* one of several numbers; none: no condition */
};
struct job_filter {
	const char *member;
	enum job_filter_kind kind;
	const char *condition; /* SQL, up to the value */
};
extern const struct job_filter job_filters[]; /* ended by member NULL */
#define JOB_FILTERS_MAX 32

struct job_condition {
	const struct job_filter *filter;
	int64_t number;
	const char *text;
	const int64_t *codes;
	int n_codes;
};
const struct job_filter *job_filter_find(const char *member);

/* All conditions hold; in order of id, from offset, at most limit. fn returns false to stop. */
int job_query(struct db *db, const struct job_condition *c, int n, int64_t offset, int64_t limit,
    bool (*fn)(const struct job *j, void *arg), void *arg, struct err *e);
int job_query_count(struct db *db, const struct job_condition *c, int n, int64_t *out, struct err *e);

#endif

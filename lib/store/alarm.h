/* What somebody should be told of: one row an alarm. */
#ifndef PJ_STORE_ALARM_H
#define PJ_STORE_ALARM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/db.h"

struct alarm {
	int64_t at_ms, app_id, job_id, instance_id, attempt;
	const char *kind; /* "failed": the instance did; "reported": its worker says so while it runs */
	int64_t source_ms;
	const char *text; /* NULL none */
};

/* *is_new: false when this one was stored before. */
int alarm_insert(struct db *db, const struct alarm *a, bool *is_new, struct err *e);
/* Of an instance, the newest first, at most `limit`; the strings are borrowed for the call. */
int alarm_each(struct db *db, int64_t instance_id, int limit, bool (*fn)(const struct alarm *a, void *arg), void *arg,
    struct err *e);
/* Removes up to `limit` of those before before_ms; *n: how many. */
int alarm_remove_old(struct db *db, int64_t before_ms, int limit, int *n, struct err *e);

#endif

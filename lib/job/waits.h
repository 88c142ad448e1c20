/* What a waiting instance waits for, as far as the rows tell. Reads only. */
#ifndef PJ_JOB_WAITS_H
#define PJ_JOB_WAITS_H

#include "base/buf.h"
#include "base/err.h"
#include "store/db.h"
#include "store/instance.h"
#include "store/job.h"

enum waits_kind {
	WAITS_NOT,     /* it does not wait */
	WAITS_TIME,    /* it is due at until_ms */
	WAITS_RETRY,   /* the same, behind an attempt that did not succeed */
	WAITS_OVERLAP, /* `count` instances of its job are not at their end, `instance` is the first of them */
	WAITS_OLDER,   /* `count` older ones wait too, and come before it */
	WAITS_WORKER,
};

struct waits {
	enum waits_kind kind;
	int64_t until_ms, instance, count;
};

/* spec: of the version that it was made from. */
int waits_for(struct db *db, const struct instance *i, const struct job_spec *spec, int64_t now_ms, struct waits *out,
    struct err *e);
const char *waits_name(enum waits_kind kind); /* "time" "retry" "overlap" "older" "worker"; NULL for WAITS_NOT */
/* For people, without the time; of WAITS_WORKER nothing is known here but that. */
void waits_text(const struct waits *w, struct buf *out);

#endif

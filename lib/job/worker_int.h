/* What worker.c (the set of workers) and worker_choose.c (the choice of one) share; nobody else includes it. */
#ifndef PJ_JOB_WORKER_INT_H
#define PJ_JOB_WORKER_INT_H

#include "job/worker.h"

#define WORKER_TEXT_MAX 1024 /* bytes of a tag, a version, ...: with the number of workers the bound of all memory here */

struct candidate {
	struct worker *x;
	int64_t score;
	bool room;
};

struct workers {
	int64_t timeout_ms;
	struct worker **w;       /* sorted by app and address */
	int n, cap;
	int64_t expire_at_ms;
	struct candidate *found; /* of a choice */
	int cap_found;
};

/* The first place whose worker is not before (app, address). */
int workers_place(const struct workers *w, int64_t app_id, const char *address);

#endif

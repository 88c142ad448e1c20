/* What worker.c (the set of workers), worker_choose.c (the choice of one) and worker_explain.c (why none) share; nobody else
 * includes it. */
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

/* The filters of a choice. */
enum worker_lack { LACKS_NOTHING, LACKS_MEMORY, LACKS_DISK, LACKS_CPU };
enum worker_lack workers_lacks(const struct job_spec *spec, const struct worker_metrics *m);

#define WORKER_NAMED_MAX 32
/* The workers that a designated list names by address: looked up, instead of comparing every worker's. Other elements
 * are tags. */
struct worker_named {
	const char *list;            /* borrowed; NULL: any worker will do */
	const struct worker *x[WORKER_NAMED_MAX];
	int n;
	bool more;                   /* too many to be looked up */
};
void workers_look_up(struct workers *w, int64_t app_id, const char *list, struct worker_named *out);
bool workers_is_named(const struct worker_named *d, const struct worker *x);

#endif

/* Instances, their attempts, and the occurrences that did not run. Plain rows: what may change when is the core's
 * business (job/state.h). */
#ifndef PJ_STORE_INSTANCE_H
#define PJ_STORE_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/db.h"

enum instance_status {
	INSTANCE_WAITING = 1,  /* PowerJob's WAITING_DISPATCH */
	INSTANCE_SENT = 2,     /* WAITING_WORKER_RECEIVE */
	INSTANCE_RUNNING = 3,
	INSTANCE_FAILED = 4,
	INSTANCE_SUCCEED = 5,
	INSTANCE_CANCELED = 9,
	INSTANCE_STOPPED = 10,
};

enum attempt_state {
	ATTEMPT_OPEN = 1,        /* to be sent, or sent and not answered */
	ATTEMPT_ACCEPTED = 2,    /* the worker answered that it has it */
	ATTEMPT_RUNNING = 3,     /* a report said so */
	ATTEMPT_FAILED = 4,
	ATTEMPT_SUCCEED = 5,
	ATTEMPT_NOT_STARTED = 6, /* proof that nothing ran */
	ATTEMPT_LOST = 7,        /* silence: it may have run */
	ATTEMPT_STOPPED = 10,
};

#define NO_MS 0 /* "no time" in the members below: NULL in the table */

struct instance {
	int64_t id, app_id, job_id, job_version;
	int64_t nominal_ms; /* NO_MS: by hand */
	enum instance_status status;
	int64_t due_ms, attempt, running_times, retries_left;
	char *worker, *job_params, *instance_params;
	int64_t expected_ms, actual_ms, finished_ms, stop_ms;
	char *result;
	int64_t exit_code; /* -1 none */
	int64_t signal;    /* 0 none */
	int64_t log_length; /* -1 unknown */
	int64_t wf_instance_id;
	int64_t deadline_ms; /* as instance_insert is given it; not read back */
	bool lone;           /* others of its job have to look at it: see overlap, FIXED_DELAY */
	bool parked;         /* waiting for another one of its job, whose end brings it back */
	int64_t created_ms, modified_ms;
	bool is_new; /* the core's: it has no row yet */
};

struct attempt {
	int64_t instance_id, attempt;
	char *worker;
	bool is_pj; /* the worker numbers attempts and answers dispatches */
	enum attempt_state state;
	int64_t opened_ms, accepted_ms, started_ms, finished_ms, source_start_ms, last_report_ms;
	int64_t exit_code, signal;
	char *result;
};

void instance_fini(struct instance *i);
void attempt_fini(struct attempt *a);

int instance_insert(struct db *db, const struct instance *i, struct err *e); /* ERR_CONFLICT: (job, nominal) is there */
int instance_update(struct db *db, const struct instance *i, struct err *e); /* the whole row by id */
int instance_get(struct db *db, int64_t id, struct instance *out, struct err *e); /* ERR_NOTFOUND */
int instance_max_id(struct db *db, int64_t *out, struct err *e); /* also of rows that retention removed (meta.last_id) */

enum instance_sort {
	SORT_ID,
	SORT_JOB,
	SORT_STATUS,
	SORT_EXPECTED,
	SORT_ACTUAL,
	SORT_FINISHED,
	SORT_MODIFIED,
	SORT_RUNNING_TIMES,
	SORT_WORKER,
	SORT_WORKFLOW,
};

struct instance_query { /* zero members: no condition */
	int64_t id, app_id, job_id, after_id, before_id, wf_instance_id;
	int64_t created_after_ms, created_before_ms, modified_after_ms, modified_before_ms;
	const enum instance_status *status; /* n_status of them */
	int n_status;
	int limit;       /* 0: 100 */
	int64_t offset;
	bool ascending;  /* default newest first */
	enum instance_sort sort; /* default by id, which is the order of creation */
	int64_t window;  /* sorted are the first so many by id, those behind them stay in that order; 0: all */
	int64_t most_steps; /* of db_bound, for one call; 0: no bound */
};
int instance_each(struct db *db, const struct instance_query *q, bool (*fn)(const struct instance *i, void *arg), void *arg,
    struct err *e);
int instance_count_running(struct db *db, int64_t app_id, int64_t *out, struct err *e);
int instance_count(struct db *db, const struct instance_query *q, int64_t *out, struct err *e);

int attempt_insert(struct db *db, const struct attempt *a, struct err *e);
int attempt_update(struct db *db, const struct attempt *a, struct err *e);
int attempt_get(struct db *db, int64_t instance_id, int64_t attempt, struct attempt *out, struct err *e);
int attempt_each(struct db *db, int64_t instance_id, bool (*fn)(const struct attempt *a, void *arg), void *arg, struct err *e);

struct skipped {
	int64_t job_id, job_version, first_ms, last_ms, count, at_ms;
	const char *reason;
};
int skipped_insert(struct db *db, const struct skipped *s, struct err *e);
int skipped_each(struct db *db, int64_t job_id, int limit, bool (*fn)(const struct skipped *s, void *arg), void *arg,
    struct err *e); /* newest first; job_id 0 all */

#endif

/* Jobs and their versions. A definition is a struct job_spec; its fields are declared once, in job_fields, which drives
 * the SQL here and the JSON of the APIs (net/msg). */
#ifndef PJ_STORE_JOB_H
#define PJ_STORE_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/db.h"

enum job_status { JOB_ENABLED = 1, JOB_DISABLED = 2, JOB_DELETED = 99 };
enum execute_type { EXECUTE_STANDALONE = 1, EXECUTE_BROADCAST = 2, EXECUTE_MAP_REDUCE = 3, EXECUTE_MAP = 4 };
enum processor_type { PROCESSOR_BUILT_IN = 1, PROCESSOR_SHELL = 2, PROCESSOR_PYTHON = 3, PROCESSOR_EXTERNAL = 4 };
enum dispatch_strategy { DISPATCH_HEALTH_FIRST = 1, DISPATCH_RANDOM = 2, DISPATCH_SPECIFY = 11 };

struct job_spec { /* strings malloc'ed or NULL; time in ms */
	char *name, *description, *params;
	int64_t time_type; /* enum time_type of time/sched.h */
	char *time_expr;
	int64_t execute_type, processor_type;
	char *processor_info;
	int64_t max_instance_num, concurrency, time_limit_ms, instance_retry_num, task_retry_num;
	double min_cpu_cores, min_memory_gb, min_disk_gb;
	char *designated_workers;
	int64_t max_worker_count;
	char *notify_user_ids, *extra;
	int64_t dispatch_strategy;
	char *dispatch_config;
	int64_t start_ms, end_ms; /* life cycle; 0 none */
	char *alarm_config, *tag, *log_config, *advanced_config;
	int64_t retry_delay_ms;
	char *on_lost;            /* rerun fail hold */
	char *tz;                 /* an IANA zone; NULL: the server's */
	char *gap, *fold;         /* names of enum sched_gap, enum sched_fold */
	char *misfire;            /* once none all */
	int64_t misfire_window_ms, misfire_max, misfire_rate; /* rate: a minute */
	char *overlap;            /* allow skip queue replace */
	int64_t deadline_ms, jitter_ms;
};

enum job_field_type { FIELD_TEXT, FIELD_I64, FIELD_I64_NULL /* 0 is NULL */, FIELD_REAL };
struct job_field {
	const char *column;       /* of job_version; also the name in pj's own routes (/pj/1/job/...) */
	const char *powerjob;     /* the member of saveJob and fetchJob; NULL: not there, or not plain (start_ms, end_ms) */
	enum job_field_type type;
	size_t offset;
	int64_t dflt_i64;
	const char *dflt_text;
	size_t max_bytes;         /* of a text */
};
extern const struct job_field job_fields[]; /* ended by column NULL */

void job_spec_init(struct job_spec *s); /* defaults of protocol.md 1.4 */
void job_spec_fini(struct job_spec *s);
int job_spec_copy(struct job_spec *to, const struct job_spec *from, struct err *e); /* `to` is overwritten uninitialised */

struct job {
	int64_t id, app_id, version;
	enum job_status status;
	int64_t next_trigger_ms; /* 0 none */
	int64_t created_ms, modified_ms;
	struct job_spec spec;    /* of `version` */
};
void job_fini(struct job *j);

/* ERR_NOTFOUND "no job #7 in app default" etc. *out is filled on 0: job_fini it. */
int job_get(struct db *db, int64_t id, struct job *out, struct err *e);
/* By name among the not deleted of an app; ERR_CONFLICT when several have it (their ids in the message). */
int job_find(struct db *db, int64_t app_id, const char *name, struct job *out, struct err *e);
/* The definition an instance was made from. */
int job_get_version(struct db *db, int64_t id, int64_t version, struct job *out, struct err *e);
/* Inserts a new job (id 0) or a new version of an existing one; sets j->id, j->version, times. */
int job_put(struct db *db, struct job *j, int64_t at_ms, struct err *e);
int job_set_status(struct db *db, int64_t id, enum job_status status, int64_t next_trigger_ms, int64_t at_ms, struct err *e);
/* Disables it because its times are over; job_set_status and job_put forget that. */
int job_set_over(struct db *db, int64_t id, int64_t at_ms, struct err *e);
int job_set_next(struct db *db, int64_t id, int64_t next_trigger_ms, struct err *e);
/* Lists in id order: those with id > after_id, up to limit; app_id 0: all; with_deleted. fn returns false to stop. */
int job_each(struct db *db, int64_t app_id, bool with_deleted, int64_t after_id, int limit,
    bool (*fn)(const struct job *j, void *arg), void *arg, struct err *e);

#endif

/* PowerJob's messages (protocol.md 2 to 4) with pj's extra members, which Java ignores: both directions.
 * Parsing: unknown members are ignored, missing ones get their default, wrong types are ERR_DATA naming the member.
 * Parsed structs borrow from the document: keep it (msg_doc) until done. */
#ifndef PJ_NET_MSG_H
#define PJ_NET_MSG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "job/core.h"
#include "job/worker.h"
#include "store/instance.h"
#include "store/job.h"

#define PATH_HEARTBEAT "/server/workerHeartbeat"
#define PATH_REPORT "/server/reportInstanceStatus"
#define PATH_LOG "/server/reportLog"
#define PATH_RUN "/worker/runJob"
#define PATH_STOP "/worker/stopInstance"
#define PATH_QUERY "/worker/queryInstanceStatus"

struct msg_doc; /* what a parsed struct borrows from */
void msg_doc_free(struct msg_doc *d);

/* --- worker -> server ------------------------------------------------------------------------------------------ */
int msg_heartbeat_parse(const char *text, size_t len, struct heartbeat *out, struct msg_doc **doc, struct err *e);
void msg_heartbeat_put(struct buf *out, const struct heartbeat *hb);
int msg_report_parse(const char *text, size_t len, struct report *out, struct msg_doc **doc, struct err *e);
void msg_report_put(struct buf *out, const struct report *r);

struct log_entry {
	int64_t instance_id, at_ms;
	int level;               /* 1..4 */
	const char *content;
	int64_t attempt;         /* pj: 0 none */
	const char *spool;       /* pj: names the source; NULL from Java */
	int64_t offset;          /* pj: the spool's offset behind this entry; 0 none */
};
struct log_batch {
	const char *worker_address;
	struct log_entry *entry; /* owned by the doc when parsed */
	int n;
};
int msg_log_parse(const char *text, size_t len, struct log_batch *out, struct msg_doc **doc, struct err *e);
void msg_log_put(struct buf *out, const struct log_batch *b);

/* --- server -> worker ------------------------------------------------------------------------------------------ */
struct run_request {
	const char *const *all_workers; /* NULL-ended; may be NULL */
	int64_t max_worker_count, job_id, wf_instance_id, instance_id;
	const char *execute_type, *processor_type, *processor_info; /* names */
	int64_t time_limit_ms;
	const char *job_params, *instance_params;
	int64_t concurrency, task_retry_num, max_instance_num;
	const char *time_type, *time_expr;
	const char *alarm_config, *log_config, *advanced_config;
	/* pj's: members attempt, nominalTime, jobName, runningTimes */
	int64_t attempt;         /* 0: from Java */
	int64_t nominal_ms;      /* 0: by hand */
	const char *job_name;
	int64_t running_times;   /* attempts that really started before this one */
};
int msg_run_parse(const char *text, size_t len, struct run_request *out, struct msg_doc **doc, struct err *e);
void msg_run_put(struct buf *out, const struct run_request *r);
int msg_stop_parse(const char *text, size_t len, int64_t *instance_id, int64_t *attempt, struct err *e); /* attempt 0 none */
void msg_stop_put(struct buf *out, int64_t instance_id, int64_t attempt);

/* What a pj worker answers to run and stop (to Java: empty 200). `{"success":bool,"outcome":"accepted"|"notStarted"|
 * "gone"|"stopping","message":...}` */
void msg_answer_put(struct buf *out, bool success, const char *outcome, const char *message);
enum message_outcome msg_answer_parse(const char *text, size_t len, char why[256]); /* nonsense is MESSAGE_UNKNOWN */

/* AskResponse (protocol.md 2.3): data_json NULL: none, else encoded base64url. */
void msg_ask_put(struct buf *out, bool success, const char *data_json, const char *message);

/* Names of codes (protocol.md 7.1); NULL / -1 when unknown. */
const char *msg_execute_type_name(int64_t code);
int64_t msg_execute_type_code(const char *name);
const char *msg_processor_type_name(int64_t code);
int64_t msg_processor_type_code(const char *name);
const char *msg_time_type_name(int64_t code);
int64_t msg_time_type_code(const char *name);
const char *msg_dispatch_strategy_name(int64_t code);
int64_t msg_dispatch_strategy_code(const char *name);

#endif

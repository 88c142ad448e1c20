/* The rows of worker.db (sql/worker/, pj-worker.db(5)): which program writes which table is said there. Plain rows, no
 * transactions of their own: db_begin and db_commit are the caller's. Texts put are borrowed during the call. */
#ifndef PJ_STORE_WORKERDB_H
#define PJ_STORE_WORKERDB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "store/db.h"

/* --- by pj-workerd --------------------------------------------------------------------------------------------- */

struct worker_self {
	char address[128], boot_id[40];
	int64_t started_ms, slots;
};
int workerdb_self_put(struct db *db, const struct worker_self *s, struct err *e);
int workerdb_self_get(struct db *db, struct worker_self *out, struct err *e); /* 1 found, 0 no row, -1 */

int workerdb_slot_put(struct db *db, int64_t slot, int64_t seq, struct err *e);
int workerdb_slot_each(struct db *db, void (*fn)(int64_t slot, int64_t seq, void *arg), void *arg, struct err *e);

enum assign_state {
	ASSIGN_ACCEPTED = 1, /* answered to the server; the spawner was not told */
	ASSIGN_TOLD = 2,     /* the spawner was told, or is told as soon as this row is committed */
	ASSIGN_RUNNING = 3,  /* seen running: told late, short runs never get here */
	ASSIGN_FINISHED = 4, /* its report is in the outbox */
	ASSIGN_REPORTED = 5, /* the server has it; a tombstone from here on */
	ASSIGN_REFUSED = 6,  /* a stop came first: never to be started; a tombstone */
};
const char *workerdb_state_name(enum assign_state s);

struct assignment {
	int64_t instance_id, attempt, job_id, wf_instance_id; /* wf 0: NULL */
	enum assign_state state;
	int64_t slot, seq;                                    /* -1: NULL */
	char boot_id[40];
	const char *spec;                                     /* borrowed; never NULL */
	bool plain;                                           /* of a PowerJob server */
	const char *address;                                  /* under which it came; borrowed; NULL before 0002 */
	int64_t accepted_ms, started_ms, finished_ms, stop_ms; /* 0: NULL */
};
int workerdb_assign_put(struct db *db, const struct assignment *a, struct err *e); /* replaces one of the same key */
/* 1 found, 0 no row, -1. The spec is appended to *spec (which may be NULL: then it is ""), and borrowed from there; the
 * address is not read. */
int workerdb_assign_get(struct db *db, int64_t instance_id, int64_t attempt, struct assignment *out, struct buf *spec,
    struct err *e);
int workerdb_assign_newest(struct db *db, int64_t instance_id, int64_t *attempt, struct err *e); /* 1 found, 0, -1 */
int workerdb_assign_told(struct db *db, int64_t instance_id, int64_t attempt, const char *boot_id, struct err *e);
int workerdb_assign_running(struct db *db, int64_t instance_id, int64_t attempt, int64_t started_ms, struct err *e);
int workerdb_assign_stop(struct db *db, int64_t instance_id, int64_t attempt, int64_t stop_ms, struct err *e);
/* State FINISHED or REPORTED, finished_ms set when it is not; the spec is dropped with REPORTED. */
int workerdb_assign_end(struct db *db, int64_t instance_id, int64_t attempt, enum assign_state state, int64_t finished_ms,
    struct err *e);
/* Those without an end, in order of acceptance. fn's spec is borrowed during its call; fn returns false to stop. */
int workerdb_assign_open(struct db *db, bool (*fn)(const struct assignment *a, void *arg), void *arg, struct err *e);
int workerdb_assign_used(struct db *db, int64_t *n, struct err *e); /* how many have no end */
/* Is there a tombstone that ended before before_ms? */
int workerdb_assign_due(struct db *db, int64_t before_ms, bool *due, struct err *e);
/* Removes up to `most` tombstones that ended before before_ms; *removed says how many. */
int workerdb_assign_forget(struct db *db, int64_t before_ms, int most, int64_t *removed, struct err *e);

int workerdb_outbox_put(struct db *db, int64_t instance_id, int64_t attempt, const char *body, int64_t created_ms,
    int64_t *id, struct err *e);
int workerdb_outbox_delete(struct db *db, int64_t id, struct err *e);
struct outbox_row {
	int64_t id, instance_id, attempt, created_ms;
	const char *body; /* borrowed */
};
int workerdb_outbox_each(struct db *db, bool (*fn)(const struct outbox_row *r, void *arg), void *arg, struct err *e);
int workerdb_outbox_body(struct db *db, int64_t id, struct buf *body, struct err *e); /* appends: 1 found, 0, -1 */

/* --- by pj-discover -------------------------------------------------------------------------------------------- */

struct worker_server {
	char app[256], via[128];
	char address[128]; /* "": no server answers */
	int64_t app_id, checked_ms, failures;
};
int workerdb_server_put(struct db *db, const struct worker_server *s, struct err *e);
int workerdb_server_get(struct db *db, struct worker_server *out, struct err *e); /* 1 found, 0 no row, -1 */

/* --- by pj-logship --------------------------------------------------------------------------------------------- */

struct log_offset {
	const char *spool;
	int64_t instance_id, attempt, offset, at_ms;
};
int workerdb_offset_put(struct db *db, const struct log_offset *o, struct err *e);
int workerdb_offset_delete(struct db *db, const char *spool, struct err *e);
int workerdb_offset_each(struct db *db, void (*fn)(const struct log_offset *o, void *arg), void *arg, struct err *e);

#endif

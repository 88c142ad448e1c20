/* How far each source of an instance's log is stored, and the length its file has with it (one transaction). */
#ifndef PJ_STORE_LOGINDEX_H
#define PJ_STORE_LOGINDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/db.h"

/* Both 0 when unknown; at_ms, of the last append, may be NULL. */
int logindex_length(struct db *db, int64_t instance_id, int64_t *out, int64_t *at_ms, struct err *e);
int logindex_offset(struct db *db, int64_t instance_id, const char *spool, int64_t *out, struct err *e); /* 0 unknown */
int logindex_set_length(struct db *db, int64_t instance_id, int64_t length, int64_t at_ms, struct err *e);
int logindex_set_offset(struct db *db, int64_t instance_id, const char *spool, int64_t attempt, int64_t offset,
    struct err *e);
/* Up to where the log of this attempt is stored; 0: nothing of it. */
int logindex_stored(struct db *db, int64_t instance_id, int64_t attempt, int64_t *out, struct err *e);
int logindex_remove(struct db *db, int64_t instance_id, struct err *e);
/* Oldest first, those written before before_ms; instances that are not finished are left out. */
int logindex_each_old(struct db *db, int64_t before_ms, int limit, bool (*fn)(int64_t instance_id, int64_t length, void *arg),
    void *arg, struct err *e);
int logindex_each(struct db *db, int64_t after_id, int limit, bool (*fn)(int64_t instance_id, int64_t length, void *arg),
    void *arg, struct err *e);
int logindex_total(struct db *db, int64_t *bytes, struct err *e);

#endif

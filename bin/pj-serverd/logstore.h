/* The logs of instances: one append-only file each, STATE/server-log/YYYY-MM-DD/ID.log (the UTC day inside the id). Text is
 * written in the turn that took it; the file's length and the source's offset are committed with that turn, so that every
 * line is stored once: what is behind the committed length is cut away. pj-logstore(5) is part of pj-serverd(8). */
#ifndef PJ_SERVERD_LOGSTORE_H
#define PJ_SERVERD_LOGSTORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "net/msg.h"
#include "server.h"
#include "store/instance.h"

struct logstore *logstore_new(struct server *s, struct err *e);
void logstore_free(struct logstore *l);
/* At the start: cuts what a crash left behind the committed lengths. */
int logstore_repair(struct logstore *l, struct err *e);

/* Appends the entries of a batch (an event of the turn); those of unknown instances are dropped. */
int logstore_append(struct logstore *l, const struct log_batch *b, struct err *e);
void logstore_event(struct logstore *l);      /* an event begins */
void logstore_event_undo(struct logstore *l); /* it was rolled back */
int logstore_sync(struct logstore *l, struct err *e); /* before the commit: what was written reaches the disk */
void logstore_wake(struct logstore *l);       /* who waits for a log that grew in this turn is answered (before the commit) */
void logstore_commit(struct logstore *l);
void logstore_undo(struct logstore *l);       /* the turn was rolled back */

/* The length stored so far, this turn's appends included. */
int logstore_length(struct logstore *l, int64_t instance_id, int64_t *out, struct err *e);
/* Appends up to `most` bytes from offset. 0; ERR_IO. */
int logstore_read(struct logstore *l, int64_t instance_id, int64_t offset, size_t most, struct buf *out, struct err *e);
/* What is to be expected of this instance's log. *missing: bytes of the last attempt's that the worker counted and that
 * did not come, 0 unless LOG_CUT. */
enum log_end {
	LOG_GOES_ON,
	LOG_WHOLE, /* also: a Java worker's, which does not count, when nothing has come for a while */
	LOG_CUT,   /* nothing has come for a while, and it was waited for */
};
int logstore_end(struct logstore *l, const struct instance *i, enum log_end *end, int64_t *missing, struct err *e);

/* Removes one instance's log (an event). */
int logstore_remove(struct logstore *l, int64_t instance_id, int64_t length, struct err *e);
int64_t logstore_bytes(const struct logstore *l); /* of all logs */

#endif

/* One file of the log store while it is in use: its descriptor, how long it is, how far each source is stored. */
#ifndef PJ_SERVERD_LOGFILE_H
#define PJ_SERVERD_LOGFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "store/db.h"

struct logsource { /* a spool of a worker */
	struct logsource *next;
	char *spool;
	int64_t attempt;
	int64_t offset, before; /* stored up to; what it was before this event */
};

struct logfile {
	struct logfile *next;    /* of its bucket */
	int64_t id;              /* the instance */
	int64_t app_id;          /* its app; 0: not looked at yet */
	int fd;                  /* -1: not there yet */
	int64_t length;          /* with this turn's appends */
	int64_t committed;
	int64_t at_ms;           /* of the last append; 0: never */
	int64_t before;          /* length before the event that touched it last */
	uint64_t event, turn;    /* the last event and turn that touched it */
	uint64_t used;           /* for choosing what to close */
	struct logsource *sources;
	struct buf pending;      /* of the running event, not written yet */
};

struct logdir { /* where files are */
	char path[3500];         /* STATE/server-log */
	char day[16];            /* the directory made last */
};

int logdir_init(struct logdir *d, const char *state, struct err *e);
/* PATH/2026-11-21/ID.log into out; the day is the one inside the id. */
int logdir_path(const struct logdir *d, int64_t id, char *out, size_t size, struct err *e);
/* Cuts files of the newest days that are longer than their committed length: `length` says what that is. */
int logdir_repair(struct logdir *d, int (*length)(void *arg, int64_t id, int64_t *out, struct err *e), void *arg,
    struct err *e);

/* Reads the committed length and opens the file when it is there: cut to that length if it is longer. */
int logfile_open(struct logfile *f, const struct logdir *d, struct db *db, int64_t id, struct err *e);
void logfile_close(struct logfile *f); /* frees what it holds, not f */
/* The source of this name, its offset read from the database; made when new. NULL: e. */
struct logsource *logfile_source(struct logfile *f, struct db *db, const char *spool, int64_t attempt, struct err *e);
/* Writes `pending` behind length and stores the new length and the offsets that moved. Makes the file when needed. */
int logfile_flush(struct logfile *f, struct logdir *d, struct db *db, int64_t at_ms, struct err *e);
void logfile_cut(struct logfile *f, int64_t length); /* the file shrinks to length, as well as can be */

#endif

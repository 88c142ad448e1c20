/* The spool files of a worker host and how far each is shipped. */
#ifndef PJ_LOGSHIP_SPOOLS_H
#define PJ_LOGSHIP_SPOOLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/db.h"

struct spool {
	char *name;                  /* <instance>.<attempt>.log */
	int64_t instance_id, attempt;
	int64_t acked;               /* the server has the bytes up to here */
	int64_t sent;                /* read up to here, on their way; never below acked */
	int64_t stored;              /* acked, as its row says */
	int64_t parked_until_mono_ms; /* the server refused it: others first */
	bool dirty, gone;
	struct spool *next_hash;
	struct spool *next, *prev;   /* of the dirty ones, in turn */
};

struct spools {
	char dir[4096];
	struct db *db;
	struct spool **bucket;
	int n_buckets, n;
	struct spool *first, *last;  /* dirty: there may be something to ship */
	int n_dirty;
};

/* Reads the rows of log_offset and the directory. */
int spools_open(struct spools *s, const char *state_dir, struct db *db, struct err *e);
void spools_close(struct spools *s);
/* All files of the directory, new ones included, are dirty. */
int spools_scan(struct spools *s, struct err *e);
/* A file was written or made. NULL: no spool's name, or out of memory. */
struct spool *spools_touch(struct spools *s, const char *name);
void spools_clean(struct spools *s, struct spool *p); /* not dirty any more */
void spools_turn(struct spools *s, struct spool *p);  /* to the end of the dirty ones */
/* Does a run still write to it, as far as worker.db knows? Errors count as yes. */
bool spools_live(struct spools *s, const struct spool *p);
/* Writes the offsets that moved since the last time; at most `most` rows in one transaction. */
int spools_store(struct spools *s, int64_t at_ms, struct err *e);
/* Removes what is too old (shipped only) and, over the size, the oldest: shipped ones first. Never a live one. */
void spools_retain(struct spools *s, int64_t now_ms, int64_t keep_ms, int64_t keep_bytes);

#endif

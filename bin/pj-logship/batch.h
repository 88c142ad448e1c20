/* One request's worth of lines, taken from the dirty spools in turn. */
#ifndef PJ_LOGSHIP_BATCH_H
#define PJ_LOGSHIP_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "net/msg.h"
#include "spools.h"

#define BATCH_ENTRIES 1000
#define BATCH_BYTES (256 * 1024) /* of spool text */

struct batch_piece { /* of a spool: up to where it is in the batch */
	struct spool *p;
	int64_t to;
};

struct batch {
	struct spools *spools;
	struct log_entry entry[BATCH_ENTRIES];
	struct buf text[BATCH_ENTRIES]; /* what the entries point into */
	int n_entries;
	size_t bytes;
	int64_t at_ms;
	struct batch_piece piece[BATCH_ENTRIES];
	int n_pieces;
	char *block;                    /* BATCH_BYTES */
};

int batch_init(struct batch *b, struct spools *spools, struct err *e);
void batch_fini(struct batch *b);
/* Empties it and takes new lines; alone: of one spool only. Spools that have no more are not dirty afterwards. */
void batch_fill(struct batch *b, struct now now, bool alone);
/* The message; false when memory was short. */
bool batch_put(const struct batch *b, const char *address, struct buf *out);
bool batch_is_full(const struct batch *b); /* there is more to take at once */
void batch_acked(struct batch *b);     /* the server has it all */
void batch_give_back(struct batch *b); /* it has not: taken again the next time */

#endif

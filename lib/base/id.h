/* Instance ids: PowerJob's snowflake (protocol.md 8.1): (ms - 1555776000000) << 22 | server << 6 | sequence.
 * They never repeat: not after a clock step, because an id is always above the last one given. */
#ifndef PJ_BASE_ID_H
#define PJ_BASE_ID_H

#include <stdint.h>

#define ID_EPOCH_MS 1555776000000LL
#define ID_MS_SHIFT 22
#define ID_END_MS (ID_EPOCH_MS + (1LL << 41) - 1) /* in 2088: what is made later borrows from the last id given */
#define ID_SERVER_MAX 16383

struct idgen {
	int64_t last;   /* the last id given, 0 none */
	int64_t server; /* 0..ID_SERVER_MAX */
};

/* `last` is the highest id that was ever stored (0 none): ids go on above it whatever the clock says. */
void idgen_init(struct idgen *g, int64_t server, int64_t last);
int64_t idgen_next(struct idgen *g, int64_t at_ms);
int64_t id_ms(int64_t id); /* the wall time inside an id: names the day of its log directory */

#endif

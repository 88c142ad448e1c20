#include "base/id.h"

#define SEQ_MASK 63
#define MS_MAX (ID_END_MS - ID_EPOCH_MS)

static int64_t
compose(int64_t ms_part, int64_t server, int64_t seq)
{
	return ms_part << ID_MS_SHIFT | server << 6 | seq;
}

void
idgen_init(struct idgen *g, int64_t server, int64_t last)
{
	g->server = server;
	g->last = last;
}

int64_t
idgen_next(struct idgen *g, int64_t at_ms)
{
	int64_t ms = at_ms - ID_EPOCH_MS;
	int64_t last_ms = g->last >> ID_MS_SHIFT;
	int64_t seq;

	if (ms < 1)
		ms = 1;
	if (ms > last_ms && ms <= MS_MAX) {
		g->last = compose(ms, g->server, 0);
		return g->last;
	}
	/* Same millisecond, or the clock went back, or to where ids end: borrow from the last time given. */
	seq = (g->last & SEQ_MASK) + 1;
	if (seq > SEQ_MASK || compose(last_ms, g->server, seq) <= g->last) {
		last_ms++;
		seq = 0;
	}
	g->last = compose(last_ms, g->server, seq);
	return g->last;
}

int64_t
id_ms(int64_t id)
{
	return (id >> ID_MS_SHIFT) + ID_EPOCH_MS;
}

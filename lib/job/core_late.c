/* Deadlines of what waits: an index is the timer queue, the earliest of it is kept in memory. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "job/core_int.h"

void
late_note(struct core *c, int64_t deadline_ms)
{
	if (deadline_ms < c->next_late_ms)
		c->next_late_ms = deadline_ms;
}

static int
read_late(struct core *c, int64_t now_ms, int64_t *ids, int max, struct err *e)
{
	struct stmt *s = db_stmt(c->db, "SELECT id, deadline_ms FROM instance WHERE status = 1 AND running_times = 0"
	    " AND deadline_ms IS NOT NULL ORDER BY deadline_ms LIMIT ?", e);
	int n = 0, r;

	stmt_i64(s, 1, max + 1);
	while ((r = stmt_step(s, e)) == 1 && stmt_col_i64(s, 1) < now_ms && n < max)
		ids[n++] = stmt_col_i64(s, 0);
	if (r >= 0)
		c->next_late_ms = r == 1 ? stmt_col_i64(s, 1) : INT64_MAX;
	stmt_reset(s);
	return r < 0 ? -1 : n;
}

static int
cancel(struct core *c, int64_t id, struct now now, struct err *e)
{
	struct instance i;
	int r;

	if (instance_get(c->db, id, &i, e) < 0)
		return -1;
	log_warn("deadline_passed", "instance=%" PRId64 " job=%" PRId64 " nominal_ms=%" PRId64, i.id, i.job_id, i.nominal_ms);
	c->wrote = true;
	r = move_finish(c, &i, INSTANCE_CANCELED, TEXT_DEADLINE, now, e);
	instance_fini(&i);
	return r;
}

int
late_tick(struct core *c, struct now now, struct core_wake *wake, struct err *e)
{
	int64_t *ids;
	int n, r = 0;

	if (c->next_late_ms < now.at_ms) {
		ids = calloc((size_t)c->conf.batch, sizeof *ids);
		if (ids == NULL)
			return core_nomem(e);
		n = read_late(c, now.at_ms, ids, c->conf.batch, e);
		for (int i = 0; i < n && r == 0; i++)
			r = cancel(c, ids[i], now, e);
		free(ids);
		if (n < 0 || r < 0)
			return -1;
	}
	if (c->next_late_ms != INT64_MAX && c->next_late_ms + 1 < wake->at_ms)
		wake->at_ms = c->next_late_ms + 1;
	return 0;
}

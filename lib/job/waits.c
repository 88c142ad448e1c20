#include "job/waits.h"

#include <string.h>

/* By name, as in core_overlap.c: never all that the job ever ran. */
#define UNDER_WAY "SELECT count(*), coalesce(min(id), 0) FROM instance INDEXED BY instance_live WHERE job_id = ?1" \
	" AND status IN (2, 3) AND id <> ?2 AND ?3"
#define WAITING "SELECT count(*), coalesce(min(id), 0) FROM instance INDEXED BY instance_lone WHERE job_id = ?1" \
	" AND status = 1 AND lone = 1 AND id < ?2"
#define RETRIED WAITING " AND running_times > 0 AND ?3"
#define OLDER WAITING " AND due_ms <= ?3"

/* 1: there are some, which *out says; 0; -1. */
static int
find(struct db *db, const char *sql, const struct instance *i, int64_t now_ms, enum waits_kind kind, struct waits *out,
    struct err *e)
{
	struct stmt *s = db_stmt(db, sql, e);

	stmt_i64(s, 1, i->job_id);
	stmt_i64(s, 2, i->id);
	stmt_i64(s, 3, now_ms);
	if (stmt_step(s, e) != 1)
		return -1;
	if (stmt_col_i64(s, 0) > 0)
		*out = (struct waits){ .kind = kind, .count = stmt_col_i64(s, 0), .instance = stmt_col_i64(s, 1) };
	stmt_reset(s);
	return out->kind == kind;
}

int
waits_for(struct db *db, const struct instance *i, const struct job_spec *spec, int64_t now_ms, struct waits *out,
    struct err *e)
{
	bool queue = spec->overlap != NULL && strcmp(spec->overlap, "queue") == 0;
	bool replace = spec->overlap != NULL && strcmp(spec->overlap, "replace") == 0;
	int r = 0;

	*out = (struct waits){ .kind = i->status == INSTANCE_WAITING ? WAITS_WORKER : WAITS_NOT };
	if (i->status != INSTANCE_WAITING)
		return 0;
	if (i->due_ms > now_ms) {
		*out = (struct waits){ .kind = i->attempt > 0 ? WAITS_RETRY : WAITS_TIME, .until_ms = i->due_ms };
		return 0;
	}
	if (queue || replace)
		r = find(db, UNDER_WAY, i, now_ms, WAITS_OVERLAP, out, e);
	if (queue && r == 0)
		r = find(db, RETRIED, i, now_ms, WAITS_OVERLAP, out, e);
	if (queue && r == 0)
		r = find(db, OLDER, i, now_ms, WAITS_OLDER, out, e);
	return r < 0 ? -1 : 0;
}

const char *
waits_name(enum waits_kind kind)
{
	switch (kind) {
	case WAITS_NOT:
		return NULL;
	case WAITS_TIME:
		return "time";
	case WAITS_RETRY:
		return "retry";
	case WAITS_OVERLAP:
		return "overlap";
	case WAITS_OLDER:
		return "older";
	case WAITS_WORKER:
		return "worker";
	}
	return NULL;
}

void
waits_text(const struct waits *w, struct buf *out)
{
	switch (w->kind) {
	case WAITS_NOT:
		break;
	case WAITS_TIME:
		buf_adds(out, "its time");
		break;
	case WAITS_RETRY:
		buf_adds(out, "the time of its next attempt");
		break;
	case WAITS_OVERLAP:
		buf_addf(out, "the end of instance %lld", (long long)w->instance);
		if (w->count > 1)
			buf_addf(out, " and %lld more of the job", (long long)w->count - 1);
		break;
	case WAITS_OLDER:
		buf_addf(out, "%lld older instance%s of the job, from %lld on", (long long)w->count, w->count == 1 ? "" : "s",
		    (long long)w->instance);
		break;
	case WAITS_WORKER:
		buf_adds(out, "a worker");
		break;
	}
}

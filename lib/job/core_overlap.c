/* Instances of one job that would run at the same time. */
#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "job/core_int.h"
#include "job/state.h"

const char *const overlap_names[] = { [OVERLAP_ALLOW] = "allow", [OVERLAP_SKIP] = "skip", [OVERLAP_QUEUE] = "queue",
	[OVERLAP_REPLACE] = "replace", NULL };

enum overlap
overlap_of(const struct job_spec *spec)
{
	for (int i = 0; spec->overlap != NULL && overlap_names[i] != NULL; i++)
		if (strcmp(overlap_names[i], spec->overlap) == 0)
			return (enum overlap)i;
	return OVERLAP_ALLOW;
}

int
overlap_busy(struct core *c, int64_t job_id, struct now now, struct err *e)
{
	/* One that waits for its time, as it was made while the clock was ahead, is not under way. */
	struct stmt *s = db_stmt(c->db, "SELECT EXISTS (SELECT 1 FROM instance WHERE job_id = ?1 AND status IN (2, 3))"
	    " OR EXISTS (SELECT 1 FROM instance WHERE job_id = ?1 AND status = 1 AND lone = 1 AND coalesce(nominal_ms, 0) <= ?2)", e);
	int64_t busy;

	stmt_i64(s, 1, job_id);
	stmt_i64(s, 2, now.at_ms);
	return stmt_one_i64(s, &busy, e) < 0 ? -1 : busy != 0;
}

int
overlap_under_way(struct core *c, int64_t job_id, int64_t but_id, struct now now, struct err *e)
{
	struct stmt *s = db_stmt(c->db, "SELECT EXISTS (SELECT 1 FROM instance WHERE job_id = ?1 AND status IN (2, 3) AND id <> ?2)"
	    " OR EXISTS (SELECT 1 FROM instance WHERE job_id = ?1 AND status = 1 AND lone = 1 AND id <> ?2 AND (running_times > 0"
	    " OR (due_ms <= ?3 AND (?2 = 0 OR id < ?2))))", e);
	int64_t busy;

	stmt_i64(s, 1, job_id);
	stmt_i64(s, 2, but_id);
	stmt_i64(s, 3, now.at_ms);
	return stmt_one_i64(s, &busy, e) < 0 ? -1 : busy != 0;
}

/* The lowest id behind after_id that the statement finds; 0 none. ?1 job, ?2 this instance, ?3 now, ?4 after_id. */
static int
find(struct core *c, const char *sql, const struct instance *i, struct now now, int64_t after_id, int64_t *out,
    struct err *e)
{
	struct stmt *s = db_stmt(c->db, sql, e);

	stmt_i64(s, 1, i->job_id);
	stmt_i64(s, 2, i->id);
	stmt_i64(s, 3, now.at_ms);
	stmt_i64(s, 4, after_id);
	return stmt_one_i64(s, out, e);
}

/* By name: the order by id makes SQLite prefer an index with all that the job ever ran. */
#define UNDER_WAY "SELECT id FROM instance INDEXED BY instance_live WHERE job_id = ?1 AND status IN (2, 3)"
#define WAITING "SELECT id FROM instance INDEXED BY instance_lone WHERE job_id = ?1 AND status = 1 AND lone = 1"
#define BEHIND " AND id > ?4 ORDER BY id"
#define RUNNING UNDER_WAY " AND id <> ?2 AND ?3" BEHIND
/* An older one that waits for its retry is not at its end either. Only older ones: two never wait for each other. */
#define RETRIED WAITING " AND id < ?2 AND running_times > 0 AND ?3" BEHIND
#define OLDER WAITING " AND id < ?2 AND (attempt > 0 OR due_ms <= ?3)" BEHIND
#define NEWER WAITING " AND id > ?2 AND due_ms <= ?3" BEHIND

static int
queue(struct core *c, const struct instance *i, struct now now, struct err *e)
{
	int64_t other;

	if (find(c, RUNNING, i, now, 0, &other, e) < 0)
		return -1;
	if (other == 0 && find(c, RETRIED, i, now, 0, &other, e) < 0)
		return -1;
	return other == 0;
}

/* Ends every instance that the statement finds; *n counts them. */
static int
end_all(struct core *c, const char *sql, const struct instance *i, struct now now, int *n, struct err *e)
{
	int64_t id = 0;
	int r = 0;

	for (*n = 0; r == 0 && (r = find(c, sql, i, now, id, &id, e)) == 0 && id != 0; ++*n) {
		struct instance o;

		if (instance_get(c->db, id, &o, e) < 0)
			return -1;
		if (o.status == INSTANCE_WAITING)
			r = move_finish(c, &o, INSTANCE_CANCELED, TEXT_REPLACED, now, e);
		else if (o.stop_ms == NO_MS)
			r = move_set_text(&o.result, TEXT_REPLACED, e) < 0 ? -1 : user_stop(c, &o, INSTANCE_STOPPED, now, e);
		instance_fini(&o);
	}
	return r;
}

static int
replace(struct core *c, struct instance *i, struct now now, struct err *e)
{
	int64_t newer;
	int waiting, running;

	if (find(c, NEWER, i, now, 0, &newer, e) < 0)
		return -1;
	if (newer != 0)
		return move_finish(c, i, INSTANCE_CANCELED, TEXT_REPLACED, now, e) < 0 ? -1 : 2;
	if (end_all(c, OLDER, i, now, &waiting, e) < 0 || end_all(c, RUNNING, i, now, &running, e) < 0)
		return -1;
	if (running == 0)
		return 1;
	/* On a Java worker it has ended already, as far as the rows say. */
	if (find(c, RUNNING, i, now, 0, &newer, e) < 0)
		return -1;
	return newer == 0;
}

/* Rows that are parked are in nobody's way, however many: the queue goes past them, and each end takes one of them out. One
 * that had an attempt is not parked: those behind it go by what it does. */
int
overlap_park(struct core *c, int64_t instance_id, struct err *e)
{
	struct stmt *s = db_stmt(c->db, "UPDATE instance SET parked = 1 WHERE id = ?", e);

	stmt_i64(s, 1, instance_id);
	c->wrote = true;
	return stmt_run(s, e);
}

int
overlap_left(struct core *c, int64_t app_id, int64_t job_id, struct err *e)
{
	struct stmt *s = db_stmt(c->db, "SELECT id, due_ms FROM instance INDEXED BY instance_parked WHERE job_id = ? AND"
	    " parked = 1 ORDER BY due_ms, id LIMIT 1", e);
	int64_t id = 0, due_ms = 0;
	int r;

	stmt_i64(s, 1, job_id);
	r = stmt_step(s, e);
	if (r == 1) {
		id = stmt_col_i64(s, 0);
		due_ms = stmt_col_i64(s, 1);
	}
	stmt_reset(s);
	if (r != 1)
		return r;
	s = db_stmt(c->db, "UPDATE instance SET parked = NULL WHERE id = ?", e);
	stmt_i64(s, 1, id);
	return stmt_run(s, e) < 0 ? -1 : queue_note(c, app_id, due_ms, id, e);
}

/* Most were looked at when they fired, and by hand it was asked for, also again. One that had to wait for its time, by its
 * jitter or the misfire rate, is looked at now: what ran at its nominal time is no matter. */
static int
skip(struct core *c, struct instance *i, struct now now, struct err *e)
{
	int busy;

	if (i->nominal_ms == NO_MS || i->due_ms <= i->created_ms || i->attempt > 0 || i->modified_ms != i->created_ms)
		return 1;
	busy = overlap_under_way(c, i->job_id, i->id, now, e);
	if (busy <= 0)
		return busy < 0 ? -1 : 1;
	return move_finish(c, i, INSTANCE_CANCELED, TEXT_OVERLAP, now, e) < 0 ? -1 : 2;
}

int
overlap_enter(struct core *c, struct instance *i, const struct job_spec *spec, struct now now, struct err *e)
{
	switch (overlap_of(spec)) {
	case OVERLAP_ALLOW:
		return 1;
	case OVERLAP_SKIP:
		return skip(c, i, now, e);
	case OVERLAP_QUEUE:
		return queue(c, i, now, e);
	case OVERLAP_REPLACE:
		return replace(c, i, now, e);
	}
	return 1;
}

/* Firing: what is due becomes instances, or ranges of `skipped`. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "job/core_int.h"

#define CHUNK 50       /* instances of one job in one turn */

enum misfire { MISFIRE_ONCE, MISFIRE_NONE, MISFIRE_ALL };

static enum misfire
misfire_of(const struct job_spec *s)
{
	if (s->misfire == NULL || strcmp(s->misfire, "once") == 0)
		return MISFIRE_ONCE;
	return strcmp(s->misfire, "none") == 0 ? MISFIRE_NONE : MISFIRE_ALL;
}

int64_t
fire_window_ms(const struct job_spec *s)
{
	if (misfire_of(s) != MISFIRE_NONE && s->misfire_window_ms == 0)
		return INT64_MAX;
	return misfire_of(s) == MISFIRE_NONE || s->misfire_window_ms < FIRE_GRACE_MS ? FIRE_GRACE_MS : s->misfire_window_ms;
}

struct due {
	int64_t id, version, at_ms;
};

static int
give_up(struct core *c, const struct due *d, const char *why, struct now now, struct err *e)
{
	log_error("job_disabled", "job=%" PRId64 " version=%" PRId64 " why=%s", d->id, d->version, log_q(why));
	/* The trigger stays: what it leaves out counts from there when it is enabled again. */
	return job_set_status(c->db, d->id, JOB_DISABLED, d->at_ms, now.at_ms, e);
}

/* So much later than its time each instance of a job starts: always the same for a name, spread over jitter_ms. */
static int64_t
jitter(const struct job_spec *s)
{
	uint64_t h = sched_seed(s->name == NULL ? "" : s->name) * 0x9e3779b97f4a7c15ULL;

	return s->jitter_ms <= 0 ? 0 : (int64_t)((h >> 11) % ((uint64_t)s->jitter_ms + 1));
}

/* The due time of the job's occurrence before at_ms, or of a later one that still waits to be made up for, as there was an
 * absence before this one: among the last of what waits. 0: none. */
static int
last_due(struct core *c, int64_t app_id, int64_t job_id, int64_t at_ms, struct now now, int64_t *out, struct err *e)
{
	struct stmt *q = db_stmt(c->db, "SELECT max((SELECT coalesce(max(due_ms), 0) FROM (SELECT due_ms FROM instance WHERE"
	    " job_id = ?1 AND nominal_ms < ?2 ORDER BY nominal_ms DESC LIMIT 1)), (SELECT coalesce(max(due_ms), 0) FROM (SELECT"
	    " due_ms, job_id, nominal_ms FROM instance INDEXED BY instance_due WHERE app_id = ?3 AND parked IS NULL AND status = 1"
	    " AND due_ms > ?4 ORDER BY due_ms DESC LIMIT 500) WHERE job_id = ?1 AND nominal_ms < ?2))", e);

	stmt_i64(q, 1, job_id);
	stmt_i64(q, 2, at_ms);
	stmt_i64(q, 3, app_id);
	stmt_i64(q, 4, now.at_ms);
	return stmt_one_i64(q, out, e);
}

/* When the occurrence is to start: behind its time by its jitter. With a rate, what is made up for starts one after the
 * other: behind the occurrence before it. */
static int
due_of(struct core *c, const struct version *v, int64_t at_ms, struct now now, int64_t *due_ms, struct err *e)
{
	const struct job_spec *s = &v->job.spec;
	int64_t last;

	*due_ms = at_ms + jitter(s);
	if (s->misfire_rate <= 0 || misfire_of(s) != MISFIRE_ALL || now.at_ms - at_ms <= FIRE_GRACE_MS)
		return 0;
	if (last_due(c, v->job.app_id, v->job.id, at_ms, now, &last, e) < 0)
		return -1;
	if (last != 0 && last + 60000 / s->misfire_rate > *due_ms)
		*due_ms = last + 60000 / s->misfire_rate;
	if (*due_ms < now.at_ms)
		*due_ms = now.at_ms;
	return 0;
}

static int
wait_in_queue(struct core *c, const struct instance *i, struct err *e)
{
	struct action changed = { .kind = ACTION_CHANGED, .instance_id = i->id };

	if (instance_insert(c->db, i, e) < 0)
		return -1;
	if (i->deadline_ms != NO_MS)
		late_note(c, i->deadline_ms);
	return core_push(c, &changed, e) < 0 ? -1 : queue_note(c, i->app_id, i->due_ms, i->id, e);
}

static int
insert(struct core *c, const struct version *v, int64_t at_ms, int64_t due_ms, struct now now, struct err *e)
{
	const struct job_spec *s = &v->job.spec;
	struct instance i = { .id = idgen_next(&c->ids, now.at_ms), .app_id = v->job.app_id,
		.job_id = v->job.id, .job_version = v->job.version, .nominal_ms = at_ms,
		.status = INSTANCE_WAITING, .due_ms = due_ms, .expected_ms = due_ms, .retries_left = s->instance_retry_num,
		.exit_code = -1, .log_length = -1, .created_ms = now.at_ms,
		.modified_ms = now.at_ms, .lone = overlap_of(s) != OVERLAP_ALLOW || s->time_type == TIME_FIXED_DELAY,
		.deadline_ms = s->deadline_ms > 0 ? at_ms + s->deadline_ms : NO_MS };
	struct err why = ERR_INIT;
	int r;

	r = queue_pass(c, &i, now, &why);
	if (r == 0)
		r = wait_in_queue(c, &i, &why);
	instance_fini(&i);
	if (r >= 0)
		return 0;
	if (why.code != ERR_CONFLICT)
		return err_set(e, why.code, "%s", why.msg);
	/* It ran already: the clock went back, and the job was enabled or edited then. Once is enough. */
	log_info("occurrence_ran", "job=%" PRId64 " nominal_ms=%" PRId64, v->job.id, at_ms);
	return 0;
}

int
fire_insert(struct core *c, const struct version *v, int64_t at_ms, struct now now, struct err *e)
{
	int64_t due_ms;

	return due_of(c, v, at_ms, now, &due_ms, e) < 0 ? -1 : insert(c, v, at_ms, due_ms, now, e);
}

/* --- of several that are past, which run -------------------------------------------------------------------------- */

struct firing { /* of one job, in one turn */
	const struct due *d;
	const struct version *v;
	int64_t at_ms;   /* the first that has no verdict yet; 0 none */
	int64_t n;       /* so many are past */
};

/* Those that follow each other from f->at_ms on up to upto_ms, at most max; *last the last of them. */
static int64_t
count(const struct firing *f, int64_t upto_ms, int64_t max, int64_t *last)
{
	int64_t end = job_end(&f->v->job.spec), n = 0, behind = SCHED_NEVER;

	upto_ms = upto_ms < end ? upto_ms : end;
	*last = f->at_ms;
	if (f->at_ms > upto_ms || max <= 0)
		return 0;
	if (max > 1 && upto_ms > f->at_ms)
		n = sched_count(f->v->sched, f->at_ms, upto_ms, max - 1, NULL, &behind);
	*last = n > 0 ? behind : f->at_ms;
	return n + 1;
}

static void
go_on(struct firing *f, int64_t n, int64_t last)
{
	f->n -= n;
	f->at_ms = job_next_after(f->v->sched, &f->v->job.spec, last);
}

/* The first ones up to upto_ms, at most max, do not run. */
static int
leave_out(struct core *c, struct firing *f, int64_t upto_ms, int64_t max, const char *reason, struct now now, struct err *e)
{
	int64_t last, n = f->n == 0 ? 0 : count(f, upto_ms, max, &last), first = f->at_ms;

	if (n == 0)
		return 0;
	if (strcmp(reason, "overlap") != 0)
		log_warn("occurrences_missed", "job=%" PRId64 " reason=%s count=%" PRId64 " first_ms=%" PRId64 " last_ms=%" PRId64,
		    f->d->id, reason, n, first, last);
	go_on(f, n, last);
	return skip_put(c, f->v, first, last, n, reason, now, e);
}

static int
run_one(struct core *c, struct firing *f, struct now now, struct err *e)
{
	int64_t at = f->at_ms, due_ms;
	int busy = 0, known = 0;

	/* In time there cannot be a verdict: the clock never was so late, but for one that is not set. */
	if ((now.at_ms - at > FIRE_GRACE_MS || now.at_ms < CLOCK_FLOOR_MS) && (known = skip_is_known(c, f->d->id, at, e)) != 0) {
		go_on(f, 1, at);
		return known < 0 ? -1 : 0;
	}
	if (due_of(c, f->v, at, now, &due_ms, e) < 0)
		return -1;
	/* What is due later is looked at then. */
	if (overlap_of(&f->v->job.spec) == OVERLAP_SKIP && due_ms <= now.at_ms &&
	    (busy = overlap_under_way(c, f->d->id, 0, now, e)) < 0)
		return -1;
	if (busy)
		return leave_out(c, f, at, 1, "overlap", now, e);
	go_on(f, 1, at);
	return insert(c, f->v, at, due_ms, now, e);
}

/* What is later than FIRE_GRACE_MS, or was overtaken by the next one, is a misfire. */
static int
judge(struct core *c, struct firing *f, struct now now, struct err *e)
{
	const struct job_spec *s = &f->v->job.spec;
	enum misfire m = misfire_of(s);
	int64_t window = fire_window_ms(s);
	int rc = 0;

	if (s->deadline_ms > 0)
		rc = leave_out(c, f, now.at_ms - s->deadline_ms - 1, INT64_MAX, "deadline", now, e);
	if (rc == 0 && window < INT64_MAX)
		rc = leave_out(c, f, now.at_ms - window - 1, INT64_MAX, "missed", now, e);
	if (rc == 0 && m == MISFIRE_NONE)
		rc = leave_out(c, f, now.at_ms, f->n - 1, "missed", now, e);
	if (rc == 0 && m == MISFIRE_ALL)
		rc = leave_out(c, f, now.at_ms, f->n - s->misfire_max, "missed", now, e);
	for (int i = 0; rc == 0 && f->n > 0 && i < CHUNK && (i == 0 || m == MISFIRE_ALL); i++)
		rc = run_one(c, f, now, e);
	if (rc == 0 && m == MISFIRE_ONCE)
		rc = leave_out(c, f, now.at_ms, INT64_MAX, "missed", now, e);
	return rc;
}

static int
fire(struct core *c, const struct due *d, struct now now, struct err *e)
{
	struct err why = ERR_INIT;
	struct firing f = { .d = d, .v = job_version_get(c, d->id, d->version, &why), .at_ms = d->at_ms };
	int64_t last;

	c->wrote = true;
	if (f.v == NULL && why.code != ERR_NOTFOUND)
		return err_set(e, why.code, "%s", why.msg);
	if (f.v != NULL && workers_repeats(&f.v->job.spec))
		return frequent_fire(c, f.v, now, e);
	if (f.v == NULL || f.v->sched == NULL)
		return give_up(c, d, f.v == NULL ? why.msg : f.v->why != NULL ? f.v->why : "it never fires", now, e);
	if (f.v->job.spec.time_type == TIME_FIXED_DELAY)
		return delay_fire(c, f.v, d->at_ms, now, e);
	f.n = count(&f, now.at_ms, INT64_MAX, &last);
	if (judge(c, &f, now, e) < 0)
		return -1;
	if (f.at_ms != 0) /* all: what is past still goes on in the next turn */
		return job_set_next(c->db, d->id, f.at_ms, e);
	return job_over(c, d->id, now, e);
}

static int
read_due(struct core *c, int64_t now_ms, struct due *due, int max, struct err *e)
{
	struct stmt *s = db_stmt(c->db, "SELECT id, version, next_trigger_ms FROM job WHERE status = 1 AND"
	    " next_trigger_ms IS NOT NULL ORDER BY next_trigger_ms LIMIT ?", e);
	int n = 0, r;

	stmt_i64(s, 1, max);
	while ((r = stmt_step(s, e)) == 1 && stmt_col_i64(s, 2) <= now_ms && n < max)
		due[n++] = (struct due){ .id = stmt_col_i64(s, 0), .version = stmt_col_i64(s, 1),
			.at_ms = stmt_col_i64(s, 2) };
	/* Jobs that fired come again: unknown then, asked in the next turn. */
	if (r >= 0)
		c->next_trigger_ms = n > 0 ? INT64_MIN : r == 1 ? stmt_col_i64(s, 2) : INT64_MAX;
	stmt_reset(s);
	return r < 0 ? -1 : n;
}

static int
fire_all(struct core *c, struct now now, struct due *due, struct err *e)
{
	int n = read_due(c, now.at_ms, due, c->conf.batch, e);

	for (int i = 0; i < n; i++)
		if (fire(c, &due[i], now, e) < 0)
			return -1;
	return n;
}

int
fire_due(struct core *c, struct now now, struct core_wake *wake, struct err *e)
{
	struct due *due;
	int n = 0;

	if (c->next_trigger_ms <= now.at_ms) {
		due = calloc((size_t)c->conf.batch, sizeof *due);
		if (due == NULL)
			return core_nomem(e);
		n = fire_all(c, now, due, e);
		if (n > 0 && n < c->conf.batch) /* none left that is due: ask when the next one is */
			n = read_due(c, now.at_ms, due, 1, e) < 0 ? -1 : n;
		free(due);
		if (n < 0)
			return -1;
	}
	if (c->next_trigger_ms < wake->at_ms)
		wake->at_ms = c->next_trigger_ms;
	return 0;
}


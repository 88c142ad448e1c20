/* Is the ledger of a simulation right? */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/sim_int.h"
#include "job/verify.h"
#include "time/sched.h"

#define TIMES 32
#define WHOLE_HOURS 6 /* what reads whole tables; a row that is wrong stays so */

/* --- what no single change of a row may do ---------------------------------------------------------------------- */

/* Whatever the order of events, seen where it happens. A person's retry gives a finished instance a new expected time (an
 * earlier one than its nominal time, where the clock was set back: it is the person who wants it run then); nothing else
 * may touch it. */

static const struct { const char *table, *column; } columns[SIM_COLUMNS] = {
	[INSTANCE_STATUS] = { "instance", "status" }, [INSTANCE_NOMINAL] = { "instance", "nominal_ms" },
	[INSTANCE_CREATED] = { "instance", "created_ms" }, [INSTANCE_EXPECTED] = { "instance", "expected_ms" },
	[INSTANCE_FINISHED] = { "instance", "finished_ms" }, [INSTANCE_RESULT] = { "instance", "result" },
	[INSTANCE_ATTEMPT] = { "instance", "attempt" }, [INSTANCE_ACTUAL] = { "instance", "actual_ms" },
	[ATTEMPT_INSTANCE] = { "attempt", "instance_id" }, [ATTEMPT_NUMBER] = { "attempt", "attempt" },
	[ATTEMPT_STATE] = { "attempt", "state" }, [ATTEMPT_FINISHED] = { "attempt", "finished_ms" },
	[ATTEMPT_RESULT] = { "attempt", "result" },
};

static void
seen(struct sim *s, const char *what)
{
	if (s->seen == NULL)
		s->seen = what;
}

static void
watch_start(struct sim *s, const struct db_row *r)
{
	const int *at = s->column;
	int64_t nominal_ms = db_new_i64(r, at[INSTANCE_NOMINAL], 0);

	if (db_new_i64(r, at[INSTANCE_ATTEMPT], 0) == 1 && nominal_ms > db_new_i64(r, at[INSTANCE_ACTUAL], 0) &&
	    db_new_i64(r, at[INSTANCE_EXPECTED], 0) >= nominal_ms)
		seen(s, "an instance was started before its time");
}

static void
watch_instance(struct sim *s, const struct db_row *r)
{
	const int *at = s->column;

	if (r->change == DB_INSERT && db_new_i64(r, at[INSTANCE_NOMINAL], INT64_MIN) > db_new_i64(r, at[INSTANCE_CREATED], 0))
		seen(s, "an instance was made before its time");
	if (r->change != DB_DELETE && db_new_i64(r, at[INSTANCE_STATUS], 0) == INSTANCE_SENT)
		watch_start(s, r);
	if (r->change != DB_UPDATE || db_old_i64(r, at[INSTANCE_STATUS], 0) < INSTANCE_FAILED ||
	    !db_unchanged(r, at[INSTANCE_EXPECTED]))
		return;
	if (!db_unchanged(r, at[INSTANCE_STATUS]) || !db_unchanged(r, at[INSTANCE_FINISHED]) ||
	    !db_unchanged(r, at[INSTANCE_RESULT]) || !db_unchanged(r, at[INSTANCE_ATTEMPT]))
		seen(s, "a finished instance changed");
}

static void
watch_attempt(struct sim *s, const struct db_row *r)
{
	const int *at = s->column;

	/* One event opens no more than a tick's batch. */
	if (r->change == DB_INSERT && db_new_i64(r, at[ATTEMPT_NUMBER], 0) > 1 && s->n_opened < SIM_OPENED)
		s->opened[s->n_opened++] = db_new_i64(r, at[ATTEMPT_INSTANCE], 0);
	if (r->change != DB_UPDATE || db_old_i64(r, at[ATTEMPT_STATE], 0) <= ATTEMPT_RUNNING)
		return;
	if (!db_unchanged(r, at[ATTEMPT_STATE]) || !db_unchanged(r, at[ATTEMPT_FINISHED]) ||
	    !db_unchanged(r, at[ATTEMPT_RESULT]))
		seen(s, "an attempt that was over changed");
}

static void
watch(const struct db_row *r, void *arg)
{
	if (strcmp(r->table, "instance") == 0)
		watch_instance(arg, r);
	else if (strcmp(r->table, "attempt") == 0)
		watch_attempt(arg, r);
}

int
sim_check_new(struct sim *s, struct err *e)
{
	for (int i = 0; i < SIM_COLUMNS; i++)
		if ((s->column[i] = db_column(s->db, columns[i].table, columns[i].column, e)) < 0)
			return -1;
	db_watch(s->db, watch, s);
	return 0;
}

void
sim_check_undone(struct sim *s)
{
	s->n_opened = 0;
}

static int
check_opened(struct sim *s, int64_t instance_id, struct err *e)
{
	struct stmt *st = db_stmt(s->db, "SELECT count(*) FROM attempt WHERE instance_id = ? AND state <= 3", e);
	int64_t n;

	stmt_i64(st, 1, instance_id);
	if (stmt_one_i64(st, &n, e) < 0)
		return -1;
	if (n > 1)
		seen(s, "a second live attempt of an instance");
	return 0;
}

int
sim_check_event(struct sim *s, struct err *e)
{
	for (int i = 0; i < s->n_opened; i++)
		if (check_opened(s, s->opened[i], e) < 0)
			return -1;
	s->n_opened = 0;
	return s->seen == NULL ? 0 : sim_wrong(s, e, "%s", s->seen);
}

/* --- rows that disagree --------------------------------------------------------------------------------------- */

struct rule {
	const char *what, *sql;
};

static const struct rule of_what_is_open[] = {
	{ "a live attempt is not the latest", "SELECT a.instance_id FROM attempt a JOIN instance i ON i.id = a.instance_id"
	    " WHERE a.state <= 3 AND a.attempt <> i.attempt" },
	{ "sent or running without a live attempt", "SELECT id FROM instance i WHERE status IN (2, 3) AND NOT EXISTS"
	    " (SELECT 1 FROM attempt a WHERE a.instance_id = i.id AND a.attempt = i.attempt AND a.state <= 3)" },
	{ "a live attempt of an instance that is not under way", "SELECT i.id FROM attempt a JOIN instance i ON"
	    " i.id = a.instance_id WHERE a.state <= 3 AND i.status NOT IN (2, 3) AND NOT (i.status = 10 AND"
	    " NOT a.is_pj)" },
	{ "parked, and waits for nothing", "SELECT id FROM instance i WHERE parked = 1 AND (status <> 1 OR NOT EXISTS (SELECT 1"
	    " FROM instance o WHERE o.job_id = i.job_id AND (o.status IN (2, 3) OR (o.status = 1 AND o.lone = 1 AND o.parked IS"
	    " NULL))))" },
};

static const struct rule of_all_rows[] = {
	{ "attempts with holes", "SELECT id FROM instance i WHERE i.attempt <> (SELECT count(*) FROM attempt a WHERE"
	    " a.instance_id = i.id)" },
	{ "succeeded without an attempt that did",
	    "SELECT id FROM instance i WHERE status = 5 AND NOT EXISTS (SELECT 1 FROM"
	    " attempt a WHERE a.instance_id = i.id AND a.attempt = i.attempt AND a.state = 5)" },
	{ "finished without a time, or the other way round", "SELECT id FROM instance WHERE (status IN (4, 5, 9, 10)) <>"
	    " (finished_ms IS NOT NULL)" },
	{ "an occurrence that has an instance is also in a skipped range", "SELECT i.id FROM skipped s JOIN instance i ON"
	    " i.job_id = s.job_id AND i.job_version = s.job_version AND i.nominal_ms BETWEEN s.first_ms AND s.last_ms" },
	{ "skipped ranges overlap",
	    "SELECT a.job_id FROM skipped a JOIN skipped b ON a.job_id = b.job_id AND a.id < b.id AND"
	    " a.job_version = b.job_version AND a.first_ms <= b.last_ms AND b.first_ms <= a.last_ms" },
	{ "a skipped range with a wrong count", "SELECT job_id FROM skipped WHERE count < 1 OR last_ms < first_ms OR"
	    " (count = 1) <> (first_ms = last_ms)" },
};

static int
check_rule(struct sim *s, const struct rule *r, struct err *e)
{
	struct stmt *st = db_stmt(s->db, r->sql, e);
	int rc = stmt_step(st, e);
	int64_t id = rc == 1 ? stmt_col_i64(st, 0) : 0;

	stmt_reset(st);
	return rc == 1 ? sim_wrong(s, e, "%s: #%" PRId64, r->what, id) : rc;
}

static int
check_rules(struct sim *s, bool whole, struct err *e)
{
	for (size_t i = 0; i < sizeof of_what_is_open / sizeof of_what_is_open[0]; i++)
		if (check_rule(s, &of_what_is_open[i], e) < 0)
			return -1;
	for (size_t i = 0; whole && i < sizeof of_all_rows / sizeof of_all_rows[0]; i++)
		if (check_rule(s, &of_all_rows[i], e) < 0)
			return -1;
	return 0;
}

/* What runs on a pj worker is, in the ledger, live or given up as lost: nobody was told that it is over. */
static int
check_running(struct sim *s, struct err *e)
{
	for (const struct sim_run *r = s->runs; r != NULL; r = r->hh.next) {
		struct stmt *st;
		int64_t state;
		int rc;

		if (!r->going || !s->workers[r->key.worker].pj)
			continue;
		st = db_stmt(s->db, "SELECT state FROM attempt WHERE instance_id = ? AND attempt = ?", e);
		stmt_i64(st, 1, r->key.instance_id);
		stmt_i64(st, 2, r->key.attempt);
		rc = stmt_step(st, e);
		state = rc == 1 ? stmt_col_i64(st, 0) : 0;
		stmt_reset(st);
		if (rc < 0)
			return -1;
		if (state != ATTEMPT_OPEN && state != ATTEMPT_ACCEPTED && state != ATTEMPT_RUNNING && state != ATTEMPT_LOST)
			return sim_wrong(s, e, "attempt %" PRId64 " of instance %" PRId64 " runs, and is in state %" PRId64,
			    r->key.attempt, r->key.instance_id, state);
	}
	return 0;
}

/* --- verdicts ------------------------------------------------------------------------------------------------- */

struct verdicts { /* of a job, both in order of time */
	struct stmt *ran, *skipped;
	int64_t ran_ms;                      /* INT64_MAX: no more */
	int64_t first_ms, last_ms, count, n; /* the range, and how many of it came */
};

static int
next_ran(struct verdicts *v, struct err *e)
{
	int rc = stmt_step(v->ran, e);

	v->ran_ms = rc == 1 ? stmt_col_i64(v->ran, 0) : INT64_MAX;
	return rc < 0 ? -1 : 0;
}

static int
next_skipped(struct verdicts *v, struct err *e)
{
	int rc = stmt_step(v->skipped, e);

	v->first_ms = rc == 1 ? stmt_col_i64(v->skipped, 0) : INT64_MAX;
	v->last_ms = rc == 1 ? stmt_col_i64(v->skipped, 1) : INT64_MAX;
	v->count = rc == 1 ? stmt_col_i64(v->skipped, 2) : 0;
	v->n = 0;
	return rc < 0 ? -1 : 0;
}

static int
one_verdict(struct sim *s, const struct sim_track *t, struct verdicts *v, int64_t at_ms, struct err *e)
{
	bool ran = v->ran_ms == at_ms, skipped = v->first_ms <= at_ms && at_ms <= v->last_ms;

	if (v->ran_ms < at_ms || (ran && next_ran(v, e) == 0 && v->ran_ms == at_ms))
		return sim_wrong(s, e, "job #%" PRId64 " has an instance of %" PRId64 ", which is none of its times, or two",
		    t->out.id, v->ran_ms);
	if (v->last_ms < at_ms)
		return sim_wrong(s, e, "job #%" PRId64 ": the skipped range to %" PRId64 " does not end with a time of it, or "
		    "not with the one that its count says", t->out.id, v->last_ms);
	if (ran == skipped)
		return sim_wrong(s, e, "job #%" PRId64 ": its time %" PRId64 " has %s", t->out.id, at_ms, ran ?
		    "two verdicts: an instance, and a skipped range" : "no verdict");
	if (skipped && ++v->n == v->count && v->last_ms != at_ms)
		return sim_wrong(s, e, "job #%" PRId64 ": the skipped range to %" PRId64 " counts too few", t->out.id,
		    v->last_ms);
	return skipped && v->n == v->count ? next_skipped(v, e) : 0;
}

static int
walk(struct sim *s, struct sim_track *t, const struct job *j, struct verdicts *v, struct err *e)
{
	int64_t upto = j->next_trigger_ms == 0 ? INT64_MAX : j->next_trigger_ms, at[TIMES];
	int n;

	do {
		n = core_job_next(s->core, j, t->checked_ms, TIMES, at, e);
		for (int i = 0; i < n && at[i] < upto; i++) {
			if (one_verdict(s, t, v, at[i], e) < 0)
				return -1;
			t->checked_ms = at[i];
		}
	} while (n == TIMES && at[n - 1] < upto);
	return n < 0 ? -1 : 0;
}

/* A range goes on growing: how many of its times were checked already. */
static int
known_of_range(struct sim *s, const struct sim_track *t, const struct job *j, struct verdicts *v, struct err *e)
{
	int64_t at[TIMES], from = v->first_ms - 1;
	int n = TIMES;

	while (v->first_ms <= t->checked_ms && n == TIMES && from < t->checked_ms) {
		n = core_job_next(s->core, j, from, TIMES, at, e);
		for (int i = 0; i < n && at[i] <= t->checked_ms; i++)
			v->n++;
		from = n > 0 ? at[n - 1] : from;
	}
	return n < 0 ? -1 : 0;
}

static int
check_job(struct sim *s, struct sim_track *t, struct err *e)
{
	struct verdicts v = { .ran = NULL };
	struct job j;
	int rc = -1;

	if (t->edited)
		return 0;
	if (job_get(s->db, t->out.id, &j, e) < 0)
		return -1;
	if (j.spec.time_type != TIME_CRON) { /* times that follow from each other, or none: verify looks at them */
		job_fini(&j);
		return 0;
	}
	v.ran = db_stmt(s->db, "SELECT nominal_ms FROM instance WHERE job_id = ? AND nominal_ms > ?"
	    " ORDER BY nominal_ms", e);
	stmt_i64(v.ran, 1, j.id);
	stmt_i64(v.ran, 2, t->checked_ms);
	v.skipped = db_stmt(s->db, "SELECT first_ms, last_ms, count FROM skipped WHERE job_id = ? AND last_ms > ?"
	    " ORDER BY first_ms", e);
	stmt_i64(v.skipped, 1, j.id);
	stmt_i64(v.skipped, 2, t->checked_ms);
	if (next_ran(&v, e) == 0 && next_skipped(&v, e) == 0 && known_of_range(s, t, &j, &v, e) == 0)
		rc = walk(s, t, &j, &v, e);
	stmt_reset(v.ran);
	stmt_reset(v.skipped);
	job_fini(&j);
	return rc;
}

static int
check(struct sim *s, bool whole, struct err *e)
{
	if (sim_check_event(s, e) < 0 || check_rules(s, whole, e) < 0 || check_running(s, e) < 0)
		return -1;
	for (int64_t i = 0; i < s->n_jobs; i++)
		if (check_job(s, &s->jobs[i], e) < 0)
			return -1;
	return db_commit(s->db, e);
}

int
sim_check(struct sim *s, struct err *e)
{
	return check(s, true, e);
}

/* --- what pj-ctl verify says ---------------------------------------------------------------------------------- */

struct finding {
	struct sim *s;
	struct err *e;
};

static void
finding(const char *rule, const struct job *j, int64_t at_ms, const char *text, void *arg)
{
	struct finding *f = arg;

	if (f->e->code == ERR_NONE)
		sim_wrong(f->s, f->e, "verify: %s: job #%" PRId64 " at %" PRId64 ": %s", rule, j->id, at_ms, text);
}

int
sim_check_verify(struct sim *s, int64_t since_ms, struct err *e)
{
	struct err why = ERR_INIT;
	struct finding f = { s, &why };
	struct job j;
	int n = 0;

	if (since_ms < s->conf.from_ms - 1) /* before, nobody looked */
		since_ms = s->conf.from_ms - 1;
	for (int64_t i = 0; i < s->n_jobs && s->conf.faults.wild; i++) {
		if (job_get(s->db, s->jobs[i].out.id, &j, e) < 0)
			return -1;
		if (verify_job(s->db, &j, since_ms, finding, &f, &n, &why) < 0 || n > 0) {
			job_fini(&j);
			return err_set(e, why.code, "%s", why.msg);
		}
		job_fini(&j);
	}
	return db_commit(s->db, e);
}

/* --- old rows ------------------------------------------------------------------------------------------------- */

static int
forget(struct sim *s, struct err *e)
{
	struct core_keep keep = { .instances_ms = s->conf.keep_ms };
	bool more = true;

	if (sim_stat_count(s, s->now.at_ms - keep.instances_ms, e) < 0)
		return -1;
	while (more)
		if (core_retain(s->core, s->now, &keep, 1000, &more, e) < 0 || db_commit(s->db, e) < 0)
			return -1;
	return 0;
}

int
sim_check_hour(struct sim *s, struct err *e)
{
	bool whole = ++s->hours % WHOLE_HOURS == 0 || s->conf.keep_ms > 0; /* before rows are removed */

	if (check(s, whole, e) < 0 || sim_check_verify(s, s->now.at_ms - 3 * SIM_HOUR_MS, e) < 0)
		return -1;
	return s->conf.keep_ms > 0 ? forget(s, e) : 0;
}

/* Random schedules of everything that can happen, with failed commits, restarts and failing statements at random points;
 * the ledger must be right whatever the order:
 *   each nominal time of a job is in exactly one instance or in one skipped range;
 *   an instance has never two attempts live at once, and the live one is the latest;
 *   what is final in a committed row never changes but by a person's retry; attempts that are over never change;
 *   what runs on the (simulated) pj worker was dispatched with a number of its own, and runs once.
 * PJ_TEST_SEED=N repeats one schedule; PJ_TEST_ROUNDS=N runs more of them. */
#include "core_rig.h"

#define MAX_RUNS 4096
#define STEPS 600

static uint64_t rnd_state;

static uint64_t
rnd(uint64_t n)
{
	rnd_state = rnd_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (rnd_state >> 33) % n;
}

/* What a worker host knows: attempts it accepted. It is a pj worker, so it never runs one twice; or a Java one, which
 * runs one of an instance at a time. */
struct run {
	int64_t id, attempt, start_ms;
	bool pj, going, stopped, refused;
};
static struct run runs[MAX_RUNS];
static int n_runs;

struct message { /* under way: an action that was taken after a commit */
	struct action a;
};
static struct message wire[4096];
static int n_wire;

static struct run *
run_of(int64_t id, int64_t attempt, bool is_pj)
{
	for (int i = n_runs - 1; i >= 0; i--)
		if (runs[i].id == id && runs[i].pj == is_pj && (is_pj ? runs[i].attempt == attempt : runs[i].going))
			return &runs[i];
	return NULL;
}

static struct run *
new_run(struct rig *r, const struct action *a)
{
	assert_true(n_runs < MAX_RUNS);
	runs[n_runs] = (struct run){ .id = a->instance_id, .attempt = a->attempt, .pj = a->to_pj,
		.start_ms = r->now.at_ms + n_runs, .going = true };
	return &runs[n_runs++];
}

/* --- events with faults ------------------------------------------------------------------------------------------- */

static void
collect(struct rig *r)
{
	struct action a;

	while (core_take_actions(r->core, &a, 1) == 1)
		if (a.kind != ACTION_CHANGED && n_wire < 4096)
			wire[n_wire++].a = a;
}

static void
lost_memory(struct rig *r)
{
	if (core_reload(r->core, r->now, &r->e) < 0)
		rig_die(r, "core_reload");
}

/* The end of a turn: commit, or a failed one. */
static void
turn(struct rig *r)
{
	if (rnd(12) == 0) {
		db_rollback(r->db);
		lost_memory(r);
		return;
	}
	assert_int_equal(db_commit(r->db, &r->e), 0);
	collect(r);
}

static int
end_event(struct rig *r, int rc)
{
	if (rc < 0) {
		db_rollback_to(r->db);
		if (r->e.code != ERR_CONFLICT && strstr(r->e.msg, "fault") == NULL)
			fail_msg("%s: %s", err_name(r->e.code), r->e.msg);
		return rc;
	}
	assert_int_equal(db_release(r->db, &r->e), 0);
	return rc;
}

#define DO(r, call) (db_savepoint((r)->db, &(r)->e), end_event((r), (call)))

/* A statement that fails in the middle of events, for the time of a turn. */
static const char *const faults[] = {
	"BEFORE INSERT ON main.instance", "BEFORE UPDATE ON main.instance", "BEFORE INSERT ON main.attempt",
	"BEFORE UPDATE ON main.attempt", "BEFORE UPDATE ON main.job", "BEFORE INSERT ON main.skipped",
};

static void
set_fault(struct rig *r)
{
	char sql[256];

	snprintf(sql, sizeof sql, "CREATE TEMP TRIGGER fault %s WHEN abs(random()) %% 2 = 0 BEGIN SELECT RAISE(ABORT, 'fault'); "
	    "END", faults[rnd(sizeof faults / sizeof faults[0])]);
	assert_int_equal(db_exec(r->db, sql, &r->e), 0);
	assert_int_equal(db_commit(r->db, &r->e), 0);
}

static void
clear_fault(struct rig *r)
{
	assert_int_equal(db_exec(r->db, "DROP TRIGGER IF EXISTS temp.fault", &r->e), 0);
	assert_int_equal(db_commit(r->db, &r->e), 0);
}

/* --- the world ---------------------------------------------------------------------------------------------------- */

static void
deliver(struct rig *r)
{
	struct action a;
	struct run *x;
	enum message_outcome o = MESSAGE_ACCEPTED;
	int k;

	if (n_wire == 0)
		return;
	k = (int)rnd((uint64_t)n_wire);
	a = wire[k].a;
	wire[k] = wire[--n_wire];
	x = run_of(a.instance_id, a.attempt, a.to_pj);
	if (rnd(8) == 0) { /* it did not arrive */
		o = rnd(2) == 0 ? MESSAGE_NOT_SENT : MESSAGE_UNKNOWN;
	} else if (a.kind == ACTION_RUN) {
		if (x == NULL && a.to_pj && rnd(8) == 0) {
			x = new_run(r, &a); /* a tombstone: it will not start it later either */
			x->going = false;
			x->refused = true;
		} else if (x == NULL) {
			x = new_run(r, &a);
		}
		if (x->refused)
			o = MESSAGE_NOT_STARTED;
	} else if (x == NULL) {
		o = a.to_pj ? MESSAGE_GONE : MESSAGE_ACCEPTED;
		if (a.to_pj && a.attempt > 0) {
			x = new_run(r, &a);
			x->going = false;
			x->refused = true;
		}
	} else if (!a.to_pj) {
		x->going = false;
	} else if (x->refused) {
		o = MESSAGE_GONE;
	} else if (x->going) {
		x->stopped = true;
	}
	if (rnd(10) == 0)
		o = MESSAGE_UNKNOWN; /* it arrived, the answer did not */
	DO(r, core_answer(r->core, r->now, a.kind, a.instance_id, a.attempt, o, "because", &r->e));
}

static void
speak(struct rig *r)
{
	struct run *x;
	struct report rep;

	if (n_runs == 0)
		return;
	x = &runs[rnd((uint64_t)n_runs)];
	if (x->refused)
		return;
	rep = (struct report){ .instance_id = x->id, .attempt = x->pj ? x->attempt : 0, .is_pj = x->pj,
		.source = x->pj ? PJ : JAVA, .start_ms = x->start_ms, .report_ms = r->now.at_ms + (int64_t)rnd(3), .exit_code = -1,
		.log_length = -1, .status = INSTANCE_RUNNING, .result = "said so" };
	if (rnd(3) > 0 || !x->going) {
		rep.status = rnd(3) == 0 && !x->stopped ? INSTANCE_FAILED : x->stopped ? INSTANCE_FAILED : INSTANCE_SUCCEED;
		rep.stopped = x->stopped;
		rep.lost = x->pj && !x->stopped && rep.status == INSTANCE_FAILED && rnd(4) == 0;
		x->going = false;
	}
	DO(r, core_report(r->core, r->now, &rep, &r->e));
}

static int64_t jobs[4];

static int64_t
some_instance(struct rig *r)
{
	struct stmt *s = db_prepare(r->db, "SELECT id FROM instance ORDER BY random() LIMIT 1", &r->e);
	int64_t id = 0;

	if (stmt_step(s, &r->e) == 1)
		id = stmt_col_i64(s, 0);
	stmt_free(s);
	return id;
}

static void
person(struct rig *r)
{
	int64_t job = jobs[rnd(4)], id = some_instance(r), out;
	struct job_spec s;

	switch (rnd(8)) {
	case 0:
		DO(r, core_job_status(r->core, r->now, 0, job, JOB_DISABLED, &r->e));
		break;
	case 1:
	case 2:
		DO(r, core_job_status(r->core, r->now, 0, job, JOB_ENABLED, &r->e));
		break;
	case 3:
		DO(r, core_job_run(r->core, r->now, 0, job, "x", (int64_t)rnd(2) * 3000, &out, &r->e));
		break;
	case 4:
		if (id != 0)
			DO(r, core_instance_stop(r->core, r->now, 0, id, &r->e));
		break;
	case 5:
		if (id != 0)
			DO(r, core_instance_cancel(r->core, r->now, 0, id, &r->e));
		break;
	case 6:
		if (id != 0)
			DO(r, core_instance_retry(r->core, r->now, 0, id, &r->e));
		break;
	default:
		job = jobs[2 + rnd(2)]; /* the others are counted to the end */
		s = rig_spec("edited", TIME_CRON, rnd(2) == 0 ? "0/5 * * * * ?" : "0/7 * * * * ?");
		s.instance_retry_num = (int64_t)rnd(3);
		DO(r, core_job_save(r->core, r->now, r->app, job, &s, rnd(4) > 0, &out, &r->e));
		job_spec_fini(&s);
		break;
	}
}

static void
step(struct rig *r)
{
	int n = 1 + (int)rnd(4);
	bool fault = rnd(10) == 0;

	if (fault)
		set_fault(r);
	for (int k = 0; k < n; k++) {
		uint64_t what = rnd(20);

		if (what < 8)
			deliver(r);
		else if (what < 15)
			speak(r);
		else if (what < 17)
			person(r);
		rig_beat(r, PJ, true, rnd(6) == 0);
		rig_beat(r, JAVA, false, rnd(6) == 0);
	}
	DO(r, core_tick(r->core, r->now, &r->wake, &r->e));
	turn(r);
	if (fault)
		clear_fault(r);
	if (rnd(60) == 0) {
		db_rollback(r->db);
		rig_restart(r);
		if (rnd(2) == 0)
			n_wire = 0; /* with the process went what it was sending */
	}
	rig_pass(r, rnd(30) == 0 ? 61000 : (int64_t)rnd(3000));
	if (rnd(60) == 0)
		r->now.at_ms += (int64_t)rnd(40000); /* somebody sets the clock ahead */
}

/* --- the ledger --------------------------------------------------------------------------------------------------- */

static void
none(struct rig *r, const char *what, const char *sql)
{
	int64_t n = rig_sql(r, sql);

	if (n != 0)
		fail_msg("%s: %lld", what, (long long)n);
}

/* The rows as they were at the last look, in a temporary table beside them. */
static void
remember(struct rig *r)
{
	assert_int_equal(db_exec(r->db, "DROP TABLE IF EXISTS temp.old; CREATE TEMP TABLE old AS SELECT * FROM main.attempt;"
	    "DROP TABLE IF EXISTS temp.oldi; CREATE TEMP TABLE oldi AS SELECT * FROM main.instance", &r->e), 0);
	assert_int_equal(db_commit(r->db, &r->e), 0);
}

static void
check_ledger(struct rig *r)
{
	none(r, "two live attempts", "SELECT count(*) FROM (SELECT 1 FROM attempt WHERE state IN (1,2,3) GROUP BY instance_id "
	    "HAVING count(*) > 1)");
	none(r, "a live attempt that is not the latest", "SELECT count(*) FROM attempt a JOIN instance i ON i.id = a.instance_id "
	    "WHERE a.state IN (1,2,3) AND a.attempt <> i.attempt");
	none(r, "sent or running without a live attempt", "SELECT count(*) FROM instance i WHERE status IN (2,3) AND NOT EXISTS "
	    "(SELECT 1 FROM attempt a WHERE a.instance_id = i.id AND a.attempt = i.attempt AND a.state IN (1,2,3))");
	none(r, "a live attempt of an instance that is not under way", "SELECT count(*) FROM attempt a JOIN instance i ON "
	    "i.id = a.instance_id WHERE a.state IN (1,2,3) AND i.status NOT IN (2,3) AND NOT (i.status = 10 AND NOT a.is_pj)");
	none(r, "attempts with holes", "SELECT count(*) FROM instance i WHERE i.attempt <> (SELECT count(*) FROM attempt a WHERE "
	    "a.instance_id = i.id)");
	none(r, "succeeded without an attempt that did", "SELECT count(*) FROM instance i WHERE status = 5 AND NOT EXISTS "
	    "(SELECT 1 FROM attempt a WHERE a.instance_id = i.id AND a.attempt = i.attempt AND a.state = 5)");
	none(r, "finished without a time, or the other way round", "SELECT count(*) FROM instance WHERE (status IN (4,5,9,10)) <> "
	    "(finished_ms IS NOT NULL)");
	none(r, "an attempt that was over changed", "SELECT count(*) FROM old o JOIN main.attempt a USING (instance_id, attempt) "
	    "WHERE o.state NOT IN (1,2,3) AND (o.state, o.finished_ms, o.result) IS NOT (a.state, a.finished_ms, a.result)");
	none(r, "an attempt vanished", "SELECT count(*) FROM old o WHERE NOT EXISTS (SELECT 1 FROM main.attempt a WHERE "
	    "a.instance_id = o.instance_id AND a.attempt = o.attempt)");
	/* A person's retry gives it a new expected time; nothing else may touch a finished row. */
	none(r, "a finished instance changed", "SELECT count(*) FROM oldi o JOIN main.instance i USING (id) WHERE "
	    "o.status IN (4,5,9,10) AND o.expected_ms = i.expected_ms AND (o.status, o.finished_ms, o.result, o.attempt) IS NOT "
	    "(i.status, i.finished_ms, i.result, i.attempt)");
	none(r, "an instance vanished", "SELECT count(*) FROM oldi o WHERE NOT EXISTS (SELECT 1 FROM main.instance i WHERE "
	    "i.id = o.id)");
	none(r, "an occurrence that ran is also in a skipped range", "SELECT count(*) FROM instance i JOIN skipped s ON "
	    "s.job_id = i.job_id AND s.job_version = i.job_version AND i.nominal_ms BETWEEN s.first_ms AND s.last_ms");
	none(r, "skipped ranges overlap", "SELECT count(*) FROM skipped a JOIN skipped b ON a.job_id = b.job_id AND a.id < b.id "
	    "AND a.job_version = b.job_version AND a.first_ms <= b.last_ms AND b.first_ms <= a.last_ms");
	remember(r);
}

/* Of a job that was never edited: every nominal time from its start to its trigger, once. */
static void
check_complete(struct rig *r, int64_t job)
{
	struct job j;
	struct sched *s;
	int64_t want, have, last;
	char sql[256];

	assert_int_equal(job_get(r->db, job, &j, &r->e), 0);
	s = sched_parse(TIME_CRON, j.spec.time_expr, NULL, sched_seed(j.spec.name), &r->e);
	assert_non_null(s);
	want = sched_count(s, T0, j.next_trigger_ms - 1, INT64_MAX, NULL, &last);
	snprintf(sql, sizeof sql, "SELECT (SELECT count(*) FROM instance WHERE job_id = %lld AND nominal_ms NOT NULL) + "
	    "(SELECT coalesce(sum(count), 0) FROM skipped WHERE job_id = %lld)", (long long)job, (long long)job);
	have = rig_sql(r, sql);
	if (have != want)
		fail_msg("job %lld: %lld of %lld occurrences accounted for", (long long)job, (long long)have, (long long)want);
	sched_free(s);
	job_fini(&j);
}

/* No faults any more, and workers that answer: everything comes to an end. */
static void
settle(struct rig *r)
{
	for (int j = 0; j < 4; j++) /* nothing new */
		if (DO(r, core_job_status(r->core, r->now, 0, jobs[j], JOB_DISABLED, &r->e)) < 0)
			rig_die(r, "disable");
	for (int n = 0; n < 400; n++) {
		rig_beat(r, PJ, true, false);
		rig_beat(r, JAVA, false, false);
		assert_int_equal(DO(r, core_tick(r->core, r->now, &r->wake, &r->e)), 0);
		assert_int_equal(db_commit(r->db, &r->e), 0);
		collect(r);
		while (n_wire > 0) {
			struct action a = wire[--n_wire].a;
			struct run *x = run_of(a.instance_id, a.attempt, a.to_pj);

			if (a.kind == ACTION_RUN && x == NULL)
				x = new_run(r, &a);
			if (a.kind == ACTION_STOP && x != NULL && !a.to_pj)
				x->going = false;
			DO(r, core_answer(r->core, r->now, a.kind, a.instance_id, a.attempt, a.kind == ACTION_STOP ? MESSAGE_GONE :
			    x->refused ? MESSAGE_NOT_STARTED : MESSAGE_ACCEPTED, "", &r->e));
			if (a.kind != ACTION_RUN || x->refused)
				continue;
			DO(r, core_report(r->core, r->now, &(struct report){ .instance_id = a.instance_id, .is_pj = a.to_pj,
			    .attempt = a.to_pj ? a.attempt : 0, .source = a.worker, .start_ms = x->start_ms, .status = INSTANCE_SUCCEED,
			    .report_ms = r->now.at_ms, .exit_code = 0, .log_length = 0 }, &r->e));
			x->going = false;
		}
		assert_int_equal(db_commit(r->db, &r->e), 0);
		collect(r);
		rig_pass(r, 1000);
	}
	none(r, "not finished", "SELECT count(*) FROM instance WHERE status IN (1,2,3)");
	none(r, "live attempts left", "SELECT count(*) FROM attempt WHERE state IN (1,2,3)");
}

static void
one_schedule(uint64_t seed)
{
	static struct rig r;
	struct job_spec s;
	struct core_stats stats;

	rnd_state = seed * 2654435761ULL + 1;
	n_runs = n_wire = 0;
	rig_open(&r, NULL);
	rig_beat(&r, PJ, true, false);
	for (int j = 0; j < 4; j++) {
		s = rig_spec("job", TIME_CRON, j % 2 == 0 ? "0/10 * * * * ?" : "0/15 * * * * ?");
		s.instance_retry_num = j;
		s.retry_delay_ms = 2000;
		s.max_instance_num = j == 3 ? 2 : 0;
		free(s.on_lost);
		s.on_lost = strdup(j == 2 ? "fail" : "rerun");
		s.dispatch_strategy = DISPATCH_RANDOM;
		jobs[j] = rig_save(&r, 0, s, true);
	}
	remember(&r);
	for (int n = 0; n < STEPS; n++) {
		step(&r);
		if (n % 5 == 4)
			check_ledger(&r);
	}
	for (int j = 0; j < 2; j++) { /* what a disabled one left out is written when it is enabled */
		if (DO(&r, core_job_status(r.core, r.now, 0, jobs[j], JOB_ENABLED, &r.e)) < 0)
			rig_die(&r, "enable");
		assert_int_equal(db_commit(r.db, &r.e), 0);
		check_complete(&r, jobs[j]);
	}
	settle(&r);
	check_ledger(&r);
	assert_int_equal(core_stats(r.core, r.now, &stats, &r.e), 0);
	assert_int_equal(stats.live_in_memory, 0);
	rig_close(&r);
}

static void
random_schedules(void **state)
{
	const char *seed = getenv("PJ_TEST_SEED"), *rounds = getenv("PJ_TEST_ROUNDS");
	uint64_t first = seed == NULL ? 1 : strtoull(seed, NULL, 10);
	uint64_t n = seed != NULL ? 1 : rounds == NULL ? 20 : strtoull(rounds, NULL, 10);

	for (uint64_t k = first; k < first + n; k++) {
		print_message("seed %llu\n", (unsigned long long)k);
		one_schedule(k);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(random_schedules) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

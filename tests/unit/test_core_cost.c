/* What an event costs hangs neither on how long the ledger is nor on how much waits: the same morning over a short history
 * and a long one, and behind a long queue, the steps of SQLite's machine counted by statement. A query that takes the wrong
 * index is right, and fast in every test, and slow after a year. */
#include "core_rig.h"
#include "store/db_int.h" /* for the counters of its statements */

#define SHORT 10
#define LONG 4000
#define DAY_MINUTES 180
#define ROOM 60 /* steps that do not count: a tree is higher by a page */

static const char *const policies[] = { "allow", "skip", "queue", "replace" };

static int64_t
add_job(struct rig *r, int64_t type, const char *expr, const char *overlap, int64_t most)
{
	struct job_spec s = rig_spec(overlap, type, expr);

	free(s.overlap);
	s.overlap = strdup(overlap);
	s.max_instance_num = most;
	s.instance_retry_num = 2;
	s.retry_delay_ms = 20000;
	s.deadline_ms = type == TIME_CRON ? 600000 : 0;
	return rig_save(r, 0, s, true);
}

/* Of each job, before its time: every fifth failed, and as many ranges that were left out. */
static void
add_history(struct rig *r, int64_t job, int n)
{
	char sql[1400];

	snprintf(sql, sizeof sql,
	    "CREATE TEMP TABLE IF NOT EXISTS k AS WITH RECURSIVE k(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < %d)"
	    " SELECT n FROM k;"
	    "INSERT INTO instance (id, app_id, job_id, job_version, nominal_ms, status, due_ms, attempt, running_times, worker,"
	    " expected_ms, actual_ms, finished_ms, created_ms, modified_ms)"
	    " SELECT 1000000 * %lld + n, %lld, %lld, 1, %lld - n * 60000, CASE n %% 5 WHEN 0 THEN 4 ELSE 5 END, %lld - n * 60000, 1,"
	    " 1, '" PJ "', %lld - n * 60000, %lld - n * 60000, %lld - n * 60000, %lld - n * 60000, %lld - n * 60000 FROM k;"
	    "INSERT INTO attempt (instance_id, attempt, worker, is_pj, state, opened_ms, finished_ms)"
	    " SELECT id, 1, worker, 1, status, actual_ms, finished_ms FROM instance WHERE job_id = %lld;"
	    "INSERT INTO skipped (job_id, job_version, first_ms, last_ms, count, reason, at_ms)"
	    " SELECT %lld, 1, %lld - n * 60000 - 30000, %lld - n * 60000 - 30000, 1, 'missed', %lld - n * 60000 FROM k", n,
	    (long long)job, (long long)r->app, (long long)job, T0, T0, T0, T0, T0, T0, T0, (long long)job, (long long)job, T0, T0,
	    T0);
	if (db_exec(r->db, sql, &r->e) < 0 || db_commit(r->db, &r->e) < 0)
		rig_die(r, "history");
}

/* What a worker makes of a message: most runs succeed, some fail, go on for minutes, are refused, or are never heard of. */
static void
serve(struct rig *r, int turn)
{
	int n = r->n_act;

	for (int k = 0; k < n; k++) {
		struct action a = r->act[k];
		int what = (turn * 7 + k) % 10;

		if (a.kind == ACTION_STOP) {
			rig_answer(r, ACTION_STOP, a.instance_id, a.attempt, MESSAGE_ACCEPTED);
			rig_say(r, a.instance_id, INSTANCE_FAILED, true, a.attempt, "stopped");
			continue;
		}
		rig_answer(r, ACTION_RUN, a.instance_id, a.attempt, what == 9 ? MESSAGE_NOT_STARTED :
		    what == 8 ? MESSAGE_UNKNOWN : MESSAGE_ACCEPTED);
		if (what < 7)
			rig_say(r, a.instance_id, what == 3 ? INSTANCE_RUNNING : what == 5 ? INSTANCE_FAILED : INSTANCE_SUCCEED, true,
			    a.attempt, NULL);
	}
	rig_forget(r);
}

/* What people want may not be possible then. */
static void
people(struct rig *r, const int64_t *jobs, int n_jobs, int turn)
{
	int64_t job = jobs[turn / 8 % n_jobs], id, out;
	struct err why = ERR_INIT;
	struct job j;

	switch (turn % 8) {
	case 0:
		rig_start(r, job);
		break;
	case 1:
		EVENT(r, core_job_status(r->core, r->now, 0, job, JOB_DISABLED, &why));
		break;
	case 2:
		EVENT(r, core_job_status(r->core, r->now, 0, job, JOB_ENABLED, &why));
		break;
	case 3:
		assert_int_equal(job_get(r->db, job, &j, &why), 0);
		EVENT(r, core_job_save(r->core, r->now, 0, job, &j.spec, true, &out, &why));
		job_fini(&j);
		break;
	case 4:
		id = rig_start(r, job);
		EVENT(r, core_instance_stop(r->core, r->now, 0, id, &why));
		break;
	case 5:
		EVENT(r, core_instance_retry(r->core, r->now, 0, 1000000 * job + 5, &why));
		break;
	case 6:
		core_clock_jumped(r->core, -30000);
		r->now.at_ms -= 30000;
		break;
	default:
		rig_restart(r);
		rig_beat(r, PJ, true, false);
	}
}

/* Nothing is old enough. */
static void
look_and_tidy(struct rig *r)
{
	const struct core_keep keep = { .instances_ms = 400 * 86400 * SEC, .skipped_ms = 400 * 86400 * SEC };
	struct core_stats stats;
	bool more;

	assert_int_equal(core_stats(r->core, r->now, &stats, &r->e), 0);
	assert_int_equal(EVENT(r, core_retain(r->core, r->now, &keep, 1000, &more, &r->e)), 0);
	assert_false(more);
}

static void
a_morning(struct rig *r, const int64_t *jobs, int n_jobs)
{
	int64_t until = r->now.mono_ms + DAY_MINUTES * 60 * SEC;

	for (int turn = 0; r->now.mono_ms < until; turn++) {
		if (turn % 3 == 0)
			rig_beat(r, PJ, true, false);
		rig_tick(r);
		serve(r, turn);
		if (turn % 10 == 9)
			people(r, jobs, n_jobs, turn / 10);
		if (turn % 100 == 99)
			look_and_tidy(r);
		rig_pass(r, 7 * SEC);
	}
}

/* --- counting --------------------------------------------------------------------------------------------------- */

static void
restart_counting(struct rig *r)
{
	for (sqlite3_stmt *s = sqlite3_next_stmt(r->db->h, NULL); s != NULL; s = sqlite3_next_stmt(r->db->h, s)) {
		sqlite3_stmt_status(s, SQLITE_STMTSTATUS_RUN, 1);
		sqlite3_stmt_status(s, SQLITE_STMTSTATUS_VM_STEP, 1);
	}
}

struct cost {
	char *sql;
	int64_t runs, steps;
};

static int
count(struct rig *r, struct cost *out, int max)
{
	int n = 0;

	for (sqlite3_stmt *s = sqlite3_next_stmt(r->db->h, NULL); s != NULL && n < max; s = sqlite3_next_stmt(r->db->h, s)) {
		int runs = sqlite3_stmt_status(s, SQLITE_STMTSTATUS_RUN, 0);

		if (runs > 0)
			out[n++] = (struct cost){ strdup(sqlite3_sql(s)), runs, sqlite3_stmt_status(s, SQLITE_STMTSTATUS_VM_STEP, 0) };
	}
	return n;
}

/* Behind one that runs, by hand. */
static void
add_queue(struct rig *r, int64_t job, int n)
{
	for (int i = 0; i < n; i++)
		rig_start(r, job);
	for (int64_t waiting = n + 1, before = 0; waiting != before; rig_forget(r)) {
		before = waiting;
		rig_tick(r);
		waiting = rig_sql(r, "SELECT count(*) FROM instance WHERE status = 1 AND parked IS NULL");
	}
}

static int
day_over(int history, int queue, struct cost *out, int max)
{
	int64_t jobs[8];
	struct rig r;
	int n = 0;

	rig_open(&r, NULL);
	rig_beat(&r, PJ, true, false);
	for (size_t i = 0; i < 4; i++)
		jobs[n++] = add_job(&r, TIME_CRON, "0 * * * * ?", policies[i], i == 0 ? 1 : 0);
	jobs[n++] = add_job(&r, TIME_FIXED_RATE, "40s", "queue", 0);
	jobs[n++] = add_job(&r, TIME_FIXED_DELAY, "30s", "allow", 0);
	for (int i = 0; i < n; i++)
		add_history(&r, jobs[i], history);
	add_queue(&r, jobs[2], queue);
	restart_counting(&r);
	a_morning(&r, jobs, n);
	n = count(&r, out, max);
	assert_true(rig_sql(&r, "SELECT count(*) FROM instance WHERE id >= 100000000") > 500);
	rig_close(&r);
	return n;
}

static const struct cost *
find(const struct cost *of, int n, const char *sql)
{
	for (int i = 0; i < n; i++)
		if (strcmp(of[i].sql, sql) == 0)
			return &of[i];
	return NULL;
}

/* At a start, after a clock was set back, and for /metrics. */
static bool
reads_all_that_waits(const char *sql)
{
	return strncmp(sql, "SELECT DISTINCT app_id", 22) == 0 || strncmp(sql, "UPDATE instance SET due_ms", 26) == 0 ||
	    strncmp(sql, "SELECT (SELECT count(*) FROM job", 32) == 0;
}

static void
compare(int history, int queue)
{
	struct cost few[256], many[256];
	int n_few = day_over(SHORT, 0, few, 256), n_many = day_over(history, queue, many, 256), bad = 0;

	assert_in_range(n_few, 40, 255); /* all of a core's statements, near enough */
	for (int i = 0; i < n_many; i++) {
		const struct cost *before = find(few, n_few, many[i].sql);
		int64_t now = many[i].steps / many[i].runs, was = before == NULL ? 0 : before->steps / before->runs;

		if (now <= 2 * was + ROOM || (queue > 0 && reads_all_that_waits(many[i].sql)))
			continue;
		print_message("%lld steps a run, with a short history %lld: %.300s\n", (long long)now, (long long)was, many[i].sql);
		bad++;
	}
	for (int i = 0; i < n_few; i++)
		free(few[i].sql);
	for (int i = 0; i < n_many; i++)
		free(many[i].sql);
	assert_int_equal(bad, 0);
}

static void
long_ledgers_cost_no_more(void **state)
{
	(void)state;
	compare(LONG, 0);
}

static void
long_queues_cost_no_more(void **state)
{
	(void)state;
	compare(SHORT, LONG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(long_ledgers_cost_no_more), cmocka_unit_test(long_queues_cost_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

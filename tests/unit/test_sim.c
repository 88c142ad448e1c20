/* Random days of the scheduler core with everything that can go wrong (job/sim.h says what is checked).
 * PJ_SIM_SEED=N repeats one day; PJ_SIM_DAYS=N runs N of them, from seed PJ_SIM_FIRST (1). */
#include "core_rig.h"

#include "job/sim.h"

#define DAYS 12

static uint64_t
env(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text == NULL || *text == '\0' ? otherwise : strtoull(text, NULL, 10);
}

static struct db *
new_store(void)
{
	struct db *db;
	struct err e = ERR_INIT;

	log_init("test", LOG_ERROR_ + 1);
	if (db_open(&db, ":memory:", DB_OWN, db_migrations_server, &e) < 0 ||
	    db_exec(db, "INSERT INTO app (id, name, password, created_ms, modified_ms) VALUES (1, 'default', 'none', 0, 0)",
	    &e) < 0 || db_commit(db, &e) < 0)
		fail_msg("%s", e.msg);
	return db;
}

static int64_t
put(struct db *db, struct job_spec spec)
{
	struct job j = { .app_id = 1, .status = JOB_ENABLED, .spec = spec };
	struct err e = ERR_INIT;

	if (job_put(db, &j, T0, &e) < 0 || db_commit(db, &e) < 0)
		fail_msg("%s", e.msg);
	job_spec_fini(&j.spec);
	return j.id;
}

static struct sim *
new_sim(struct db *db, const struct sim_conf *conf)
{
	struct err e = ERR_INIT;
	struct sim *s = sim_new(db, conf, &e);

	if (s == NULL)
		fail_msg("sim_new: %s", e.msg);
	return s;
}

/* --- random days ---------------------------------------------------------------------------------------------- */

static void
random_jobs(struct db *db, uint64_t seed)
{
	static const char *const exprs[] = { "0 0/4 * * * ?", "20 0/10 * * * ?", "0 1/9 * * * ?", "0/50 * 3,15 * * ?",
		"0 0/6 * * * ?", "0 30 0/1 * * ?" };

	for (unsigned k = 0; k < 6; k++) {
		struct job_spec s = rig_spec("day", TIME_CRON, exprs[(k + seed) % 6]);

		s.instance_retry_num = k % 4;
		s.retry_delay_ms = 2000;
		s.max_instance_num = k == 3 ? 2 : k == 4 ? 1 : 0;
		free(s.on_lost);
		s.on_lost = strdup(k == 2 ? "fail" : "rerun");
		s.dispatch_strategy = k % 2 == 0 ? DISPATCH_RANDOM : DISPATCH_HEALTH_FIRST;
		put(db, s);
	}
}

static struct sim_total
one_day(uint64_t seed)
{
	struct db *db = new_store();
	struct sim_conf conf = { .seed = seed, .from_ms = T0, .to_ms = T0 + 86400 * SEC, .workers = 2,
		.java_workers = seed % 3 == 0, .slots = seed % 2 == 0 ? 6 : 0, .run_ms = 30000, .faults = sim_faults_all };
	struct sim_total total;
	struct err e = ERR_INIT;
	struct sim *s;

	random_jobs(db, seed);
	s = new_sim(db, &conf);
	if (sim_run(s, &e) < 0 || sim_settle(s, &e) < 0)
		fail_msg("PJ_SIM_SEED=%llu repeats it: %s", (unsigned long long)seed, e.msg);
	total = sim_total(s);
	sim_free(s);
	db_close(db);
	return total;
}

static void
random_days(void **state)
{
	uint64_t only = env("PJ_SIM_SEED", 0), first = only != 0 ? only : env("PJ_SIM_FIRST", 1);
	uint64_t n = only != 0 ? 1 : env("PJ_SIM_DAYS", DAYS);
	struct sim_total t, sum = { 0 };

	(void)state;
	for (uint64_t k = first; k < first + n; k++) {
		t = one_day(k);
		sum.fires += t.fires;
		sum.faults += t.faults;
		sum.turns += t.turns;
		assert_true(t.fires > 100 && t.faults > 100); /* else nothing was tried */
	}
	print_message("# %llu days from seed %llu: %lld fires, %lld faults, %lld turns\n", (unsigned long long)n,
	    (unsigned long long)first, (long long)sum.fires, (long long)sum.faults, (long long)sum.turns);
}

/* Days that found something, each with what it was. */
static void
days_that_failed_once(void **state)
{
	static const uint64_t seeds[] = {
		1139, /* disabled, enabled, disabled, and the clock set back: the trigger stayed behind the range that was cut */
	};

	(void)state;
	for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++)
		one_day(seeds[i]);
}

static void
same_seed_same_day(void **state)
{
	struct sim_total a = one_day(4), b = one_day(4), c = one_day(5);

	(void)state;
	assert_true(a.digest == b.digest && a.turns == b.turns && a.events == b.events && a.fires == b.fires);
	assert_true(a.digest != c.digest);
}

/* --- a day without faults, counted by hand -------------------------------------------------------------------- */

static void
quiet_day(void **state)
{
	struct db *db = new_store();
	struct sim_conf conf = { .seed = 1, .from_ms = T0, .to_ms = T0 + 86400 * SEC, .workers = 1, .run_ms = 1000,
		.keep_ms = 3600 * SEC };
	struct job_spec spec = rig_spec("one at a time", TIME_CRON, "0 * * * * ?");
	const int64_t ninety = 90 * SEC;
	int64_t minute, five;
	struct err e = ERR_INIT;
	struct sim *s;

	(void)state;
	spec.max_instance_num = 1;
	minute = put(db, spec);
	five = put(db, rig_spec("any number", TIME_CRON, "0 0/5 * * * ?"));
	s = new_sim(db, &conf);
	assert_int_equal(sim_durations(s, minute, &ninety, 1, &e), 0);
	assert_int_equal(sim_durations(s, five + 1, &ninety, 1, &e), -1);
	if (sim_run(s, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(sim_jobs(s), 2);
	assert_int_equal(sim_job(s, 0)->fires, 1440);
	assert_int_equal(sim_job(s, 0)->overlaps, 720); /* each run of 90 s takes the next minute's place */
	assert_int_equal(sim_job(s, 0)->runs, 720);
	assert_int_equal(sim_job(s, 0)->peak, 1);
	assert_int_equal(sim_job(s, 1)->fires, 288);
	assert_int_equal(sim_job(s, 1)->succeeded, 288);
	assert_int_equal(sim_job(s, 1)->late_max_ms, 0);
	assert_int_equal(sim_total(s).peak, 2);
	sim_free(s);
	db_close(db);
}

/* --- it notices ----------------------------------------------------------------------------------------------- */

/* What a defective core would have written, by hand, in the middle of a day. */
static void
notices(const char *sql, const char *wrong)
{
	struct db *db = new_store();
	struct sim_conf conf = { .seed = 77, .from_ms = T0, .to_ms = T0 + 7200 * SEC, .workers = 1, .run_ms = 1000 };
	struct err e = ERR_INIT;
	struct sim *s;
	int rc;

	put(db, rig_spec("ten", TIME_CRON, "0 0/10 * * * ?"));
	s = new_sim(db, &conf);
	assert_int_equal(sim_run(s, &e), 0);
	assert_int_equal(db_exec(db, sql, &e), 0);
	rc = sim_check(s, &e);
	sim_free(s);
	if (rc == 0) { /* nothing of this run: seen by one that looks at all of it */
		conf.to_ms = T0 + 10 * SEC;
		s = new_sim(db, &conf);
		assert_int_equal(db_exec(db, "UPDATE job SET next_trigger_ms = 1763690400000", &e), 0);
		rc = sim_check(s, &e);
		sim_free(s);
		assert_non_null(strstr(e.msg, "seed 77"));
	}
	assert_int_equal(rc, -1);
	if (strstr(e.msg, wrong) == NULL)
		fail_msg("not `%s': %s", wrong, e.msg);
	db_close(db);
}

static void
notices_what_is_wrong(void **state)
{
	(void)state;
	notices("DELETE FROM instance WHERE nominal_ms = 1763684400000", "its time 1763684400000 has no verdict");
	notices("INSERT INTO skipped (job_id, job_version, first_ms, last_ms, count, reason, at_ms) VALUES (1, 2,"
	    " 1763684400000, 1763684400000, 1, 'missed', 0)", "two verdicts");
	notices("UPDATE instance SET nominal_ms = nominal_ms + 1 WHERE nominal_ms = 1763684400000", "has no verdict");
	notices("INSERT INTO instance (id, app_id, job_id, job_version, nominal_ms, status, due_ms, expected_ms, created_ms,"
	    " modified_ms, finished_ms) VALUES (1, 1, 1, 1, 1763684400001, 4, 5, 5, 1763684400001, 4, 5)", "none of its times");
	notices("UPDATE instance SET status = 4 WHERE nominal_ms = 1763684400000", "a finished instance changed");
	notices("UPDATE attempt SET state = 4", "an attempt that was over changed");
	notices("INSERT INTO instance (id, app_id, job_id, job_version, nominal_ms, status, due_ms, expected_ms, created_ms,"
	    " modified_ms) VALUES (1, 1, 1, 1, 5, 1, 5, 5, 4, 4)", "before its time");
	notices("UPDATE instance SET expected_ms = 0, attempt = 2 WHERE nominal_ms = 1763684400000", "holes");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quiet_day),
		cmocka_unit_test(notices_what_is_wrong),
		cmocka_unit_test(same_seed_same_day),
		cmocka_unit_test(random_days),
		cmocka_unit_test(days_that_failed_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

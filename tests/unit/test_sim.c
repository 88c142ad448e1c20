/* Random days of the scheduler core with everything that can go wrong (job/sim.h says what is checked). Plain days have
 * cron expressions in UTC; wild ones draw all types of jobs, policies and time zones, often on a day when clocks change.
 * Most days are small: a few jobs get as many faults as many. PJ_SIM_SEED=N repeats one day of either; PJ_SIM_DAYS=N runs N
 * of them, from seed PJ_SIM_FIRST (1); PJ_SIM_KIND=plain or wild: only these; PJ_SIM_DB=FILE is its database, to be looked
 * at afterwards. */
#include "core_rig.h"

#include "job/sim.h"

#define DAYS 8

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
	const char *path = getenv("PJ_SIM_DB");

	log_init("test", LOG_ERROR_ + 1);
	if (db_open(&db, path != NULL ? path : ":memory:", DB_OWN, db_migrations_server, &e) < 0 ||
	    db_exec(db, "INSERT INTO app (id, name, password, created_ms, modified_ms) VALUES (1, 'default', 'none', 0, 0)",
	    &e) < 0 || db_commit(db, &e) < 0)
		fail_msg("%s", e.msg);
	return db;
}

/* Of the day before: a new one would be a tenth of a small day. */
static void
empty(struct db *db)
{
	struct stmt *s;
	struct err e = ERR_INIT;
	char sql[1000] = "";

	s = db_prepare(db, "SELECT group_concat('DELETE FROM ' || name, ';') FROM sqlite_schema WHERE type = 'table' AND"
	    " name <> 'app'", &e);
	if (stmt_step(s, &e) == 1)
		snprintf(sql, sizeof sql, "%s", stmt_col_text(s, 0));
	stmt_free(s);
	if (e.code != ERR_NONE || db_exec(db, sql, &e) < 0 || db_commit(db, &e) < 0)
		fail_msg("%s: %s", sql, e.msg);
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
random_jobs(struct db *db, uint64_t seed, unsigned n)
{
	static const char *const exprs[] = { "0 0/4 * * * ?", "20 0/10 * * * ?", "0 1/9 * * * ?", "0/50 * 3,15 * * ?",
		"0 0/6 * * * ?", "0 30 0/1 * * ?" };

	for (unsigned k = 0; k < n; k++) {
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

/* Each seed draws its own: what sim.c draws for the day must not change with it. */
static uint64_t
draw(uint64_t *x, uint64_t n)
{
	uint64_t z = *x += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (z ^ (z >> 31)) % n;
}

#define PICK(x, list) (list)[draw(x, sizeof (list) / sizeof (list)[0])]

static void
pick_text(uint64_t *x, char **at, const char *const *list, size_t n)
{
	const char *text = list[draw(x, n)];

	free(*at);
	*at = text == NULL ? NULL : strdup(text);
}

#define PICK_TEXT(x, at, list) pick_text(x, at, list, sizeof (list) / sizeof (list)[0])

static void
wild_time(uint64_t *x, struct job_spec *s)
{
	static const struct { int64_t type; const char *expr; } times[] = {
		{ TIME_CRON, "0 0/7 * * * ?" }, { TIME_CRON, "0 0/20 * * * ?" }, { TIME_CRON, "0 15,30 0-5 * * ?" },
		{ TIME_CRON, "0 30 2 * * ? || 0 0/13 * * * ?" }, { TIME_CRON, "0 30 1 * * ?" }, { TIME_CRON, "H H * * *" },
		{ TIME_CRON, "0-20/5 10 2|3|12 * * ?" }, { TIME_CRON, "0/40 * 3,15 * * ?" }, { TIME_CRON, "0 0 0,1,2,3,4 * * ?" },
		{ TIME_FIXED_RATE, "5m" }, { TIME_FIXED_RATE, "47s" }, { TIME_FIXED_DELAY, "3m20s" }, { TIME_FIXED_DELAY, "30000" },
		{ TIME_DAILY, "{\"interval\":9,\"intervalUnit\":\"MINUTES\",\"startTimeOfDay\":\"0:30:0\",\"endTimeOfDay\":\"23:0:0\"}" },
		{ TIME_DAILY, "{\"interval\":10,\"intervalUnit\":\"MINUTES\",\"startTimeOfDay\":\"2:15:0\",\"endTimeOfDay\":\"2:45:0\"}" },
		{ TIME_DAILY, "{\"interval\":3,\"intervalUnit\":\"HOURS\",\"startTimeOfDay\":\"1:0:0\",\"endTimeOfDay\":\"22:0:0\"}" },
	};
	static const char *const zones[] = { NULL, NULL, "Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
		"America/Havana", "Asia/Tokyo" };
	size_t k = draw(x, sizeof times / sizeof times[0]);

	s->time_type = times[k].type;
	free(s->time_expr);
	s->time_expr = strdup(times[k].expr);
	PICK_TEXT(x, &s->tz, zones);
	pick_text(x, &s->gap, sched_gap_names, 3);
	pick_text(x, &s->fold, sched_fold_names, 3);
}

static void
wild_policies(uint64_t *x, struct job_spec *s)
{
	static const char *const misfire[] = { "once", "none", "all" }, *const overlap[] = { "allow", "skip", "queue", "replace" },
		*const lost[] = { "rerun", "rerun", "fail" };
	static const int64_t window[] = { 0, 0, 5000, 600000, 3600000 }, most[] = { 1, 3, 100 }, rate[] = { 0, 0, 1, 30 },
		jitters[] = { 0, 0, 20000, 90000 }, deadline[] = { 0, 0, 90000, 1200000 }, num[] = { 0, 0, 1, 2 };

	PICK_TEXT(x, &s->misfire, misfire);
	PICK_TEXT(x, &s->overlap, overlap);
	PICK_TEXT(x, &s->on_lost, lost);
	s->misfire_window_ms = PICK(x, window);
	s->misfire_max = PICK(x, most);
	s->misfire_rate = PICK(x, rate);
	s->jitter_ms = PICK(x, jitters);
	s->deadline_ms = PICK(x, deadline);
	s->max_instance_num = PICK(x, num);
	s->instance_retry_num = (int64_t)draw(x, 4);
	s->retry_delay_ms = (int64_t)draw(x, 3) * 4000;
	s->dispatch_strategy = draw(x, 2) == 0 ? DISPATCH_RANDOM : DISPATCH_HEALTH_FIRST;
}

static void
wild_jobs(struct db *db, uint64_t seed, int64_t from_ms, unsigned n)
{
	uint64_t x = seed * 7919;

	for (unsigned k = 0; k < n; k++) {
		char name[16];
		struct job_spec s;

		snprintf(name, sizeof name, "job%u", k);
		s = rig_spec(name, TIME_CRON, "");
		wild_time(&x, &s);
		wild_policies(&x, &s);
		if (draw(&x, 5) == 0)
			s.end_ms = from_ms + (int64_t)draw(&x, 86400) * SEC;
		if (draw(&x, 8) == 0)
			s.start_ms = from_ms + (int64_t)draw(&x, 43200) * SEC;
		if (s.start_ms > s.end_ms)
			s.end_ms = 0;
		put(db, s);
	}
}

/* Days when the clocks of the zones above change, and ordinary ones. */
static int64_t
wild_day(uint64_t seed)
{
	static const int64_t days[] = { T0, T0, 1774742400000LL - 6 * 3600 * SEC /* Berlin, gap */, 1792886400000LL - 6 * 3600 * SEC,
		1772928000000LL /* New York and Havana, gap */, 1793491200000LL, 1775318400000LL - 12 * 3600 * SEC /* Lord Howe, fold */,
		1791043200000LL - 12 * 3600 * SEC };
	uint64_t x = seed * 104729;

	return PICK(&x, days);
}

#define PLAIN_JOBS 6
#define WILD_JOBS 8

static unsigned
size_of(uint64_t seed, bool wild)
{
	static const unsigned n[] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 4, 0 };
	uint64_t x = seed * 15485863;
	unsigned k = PICK(&x, n);

	return k > 0 ? k : wild ? WILD_JOBS : PLAIN_JOBS;
}

static struct sim_total
one_day(struct db *db, uint64_t seed, bool wild, unsigned jobs)
{
	int64_t from = wild ? wild_day(seed) : T0;
	struct sim_conf conf = { .seed = seed, .from_ms = from, .to_ms = from + 86400 * SEC, .workers = 2,
		.java_workers = seed % 3 == 0, .slots = seed % 2 == 0 ? 6 : 0, .run_ms = 30000, .speak_ms = seed % 8 != 0 ? 45000 : 15000,
		.faults = sim_faults_all };
	struct sim_total total;
	struct err e = ERR_INIT;
	struct sim *s;

	empty(db);
	conf.faults.wild = wild;
	if (wild)
		wild_jobs(db, seed, from, jobs);
	else
		random_jobs(db, seed, jobs);
	s = new_sim(db, &conf);
	if (sim_run(s, &e) < 0 || sim_settle(s, &e) < 0)
		fail_msg("PJ_SIM_SEED=%llu repeats it (%s): %s", (unsigned long long)seed, wild ? "wild" : "plain", e.msg);
	total = sim_total(s);
	sim_free(s);
	return total;
}

static void
days(bool wild)
{
	uint64_t only = env("PJ_SIM_SEED", 0), first = only != 0 ? only : env("PJ_SIM_FIRST", 1);
	uint64_t n = only != 0 ? 1 : env("PJ_SIM_DAYS", DAYS);
	struct sim_total t, sum = { 0 };
	const char *kind = getenv("PJ_SIM_KIND");
	struct db *db;

	if (kind != NULL && strcmp(kind, wild ? "wild" : "plain") != 0)
		return;
	db = new_store();
	for (uint64_t k = first; k < first + n; k++) {
		t = one_day(db, k, wild, size_of(k, wild));
		sum.fires += t.fires;
		sum.faults += t.faults;
		sum.turns += t.turns;
		assert_true(t.faults > 50); /* else nothing was tried */
	}
	db_close(db);
	assert_true(only != 0 || sum.fires > (int64_t)n * 50);
	print_message("# %llu %s days from seed %llu: %lld fires, %lld faults, %lld turns\n", (unsigned long long)n,
	    wild ? "wild" : "plain", (unsigned long long)first, (long long)sum.fires, (long long)sum.faults, (long long)sum.turns);
}

static void
random_days(void **state)
{
	(void)state;
	days(false);
}

static void
wild_days(void **state)
{
	(void)state;
	days(true);
}

/* Full days that found something, each with what it was. */
static void
days_that_failed_once(void **state)
{
	static const struct { uint64_t seed; bool wild; } t[] = {
		/* disabled, enabled, disabled, and the clock set back: the trigger stayed behind the range that was cut */
		{ 1139, false },
		{ 4, true },  /* a retry that waited for its time to come again held up those that queued behind it */
		{ 7, true },  /* a row that another one had replaced was dispatched in the same batch */
		{ 39, true }, /* enabled while the clock was not set */
		{ 2026, true }, /* over while the clock was ahead, and disabled then: what it left out afterwards was in no range */
		{ 53, true }, /* overlaps of a rate were one range over a change of its beat */
	};

	struct db *db = new_store();

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
		one_day(db, t[i].seed, t[i].wild, t[i].wild ? WILD_JOBS : PLAIN_JOBS);
	db_close(db);
}

static void
same_seed_same_day(void **state)
{
	struct db *db = new_store();
	struct sim_total a = one_day(db, 4, true, 3), b = one_day(db, 4, true, 3), c = one_day(db, 5, true, 3);

	(void)state;
	db_close(db);
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
		cmocka_unit_test(wild_days),
		cmocka_unit_test(days_that_failed_once),
	};

	cmocka_set_test_filter(getenv("PJ_SIM_KIND") != NULL ? "*_days" : NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Rates and delays of commands: each run is an instance. */
#include "core_rig.h"

static int64_t
add(struct rig *r, int64_t type, const char *expr)
{
	return rig_save(r, 0, rig_spec("often", type, expr), true);
}

static int64_t
trigger(struct rig *r)
{
	return rig_sql(r, "SELECT coalesce(next_trigger_ms, 0) FROM job WHERE id = 1");
}

static int64_t
occurrences(struct rig *r)
{
	return rig_sql(r, "SELECT count(*) FROM instance WHERE nominal_ms IS NOT NULL");
}

/* What is due is sent and accepted; returns the instance. */
static int64_t
begun(struct rig *r)
{
	int64_t id;

	rig_beat(r, PJ, true, false);
	rig_forget(r);
	rig_tick(r);
	assert_int_equal(r->n_act, 1);
	assert_int_equal(r->act[0].kind, ACTION_RUN);
	id = r->act[0].instance_id;
	rig_answer(r, ACTION_RUN, id, 1, MESSAGE_ACCEPTED);
	rig_say(r, id, INSTANCE_RUNNING, true, 1, NULL);
	rig_forget(r);
	return id;
}

static void
test_rate(void **state)
{
	struct rig r;
	int64_t next[5];
	struct job j;

	rig_open(&r, NULL);
	add(&r, TIME_FIXED_RATE, "1m30s");
	assert_int_equal(trigger(&r), T0 + 90 * SEC);
	rig_run_until(&r, T0 + 15 * 60 * SEC + SEC, true);
	assert_int_equal(occurrences(&r), 10);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE status = 5 AND (nominal_ms - 1763683200000) % 90000 = 0"),
	    10);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM skipped"), 0);
	assert_int_equal(job_get(r.db, 1, &j, &r.e), 0);
	assert_int_equal(core_job_next(r.core, &j, T0 + 3600 * SEC, 5, next, &r.e), 5);
	assert_int_equal(next[0], T0 + 3690 * SEC);
	assert_int_equal(next[4], next[0] + 4 * 90 * SEC);
	assert_int_equal(core_job_first(r.core, &j, T0 + 3600 * SEC, &next[0], &r.e), 0);
	assert_int_equal(next[0], T0 + 3600 * SEC);
	assert_int_equal(core_job_first(r.core, &j, T0 - 3601 * SEC, &next[0], &r.e), 0);
	assert_int_equal(next[0], T0 - 3600 * SEC);
	j.status = JOB_DISABLED; /* enabled now, it would count from now */
	assert_int_equal(core_job_next(r.core, &j, T0 + 3601 * SEC, 2, next, &r.e), 2);
	assert_int_equal(next[0], T0 + 3691 * SEC);
	assert_int_equal(next[1], T0 + 3781 * SEC);
	j.spec.time_type = TIME_FIXED_DELAY;
	assert_int_equal(core_job_next(r.core, &j, T0 + 3601 * SEC, 2, next, &r.e), 1);
	assert_int_equal(next[0], T0 + 3691 * SEC);
	j.spec.time_type = TIME_FIXED_RATE;
	j.status = JOB_ENABLED;
	j.spec.start_ms = T0 - SEC;
	assert_int_equal(core_job_first(r.core, &j, T0 - 3601 * SEC, &next[0], &r.e), 0);
	assert_int_equal(next[0], T0 - SEC);
	job_fini(&j);
	rig_close(&r);
	(void)state;
}

/* Of a daily interval too the next times are those that will be, whenever one asks. */
static void
test_next_of_a_daily_interval(void **state)
{
	static const char json[] = "{\"interval\":7,\"intervalUnit\":\"MINUTES\",\"startTimeOfDay\":\"0:0:0\","
	    "\"endTimeOfDay\":\"23:59:59\"}";
	struct rig r;
	int64_t next[3];
	struct job j;

	rig_open(&r, NULL);
	r.now.at_ms += 341;
	add(&r, TIME_DAILY, json);
	assert_int_equal(trigger(&r), T0 + 420 * SEC + 341);
	assert_int_equal(job_get(r.db, 1, &j, &r.e), 0);
	for (int64_t at = T0 + 342; at < T0 + 420 * SEC; at += 60 * SEC) {
		assert_int_equal(core_job_next(r.core, &j, at, 3, next, &r.e), 3);
		assert_int_equal(next[0], T0 + 420 * SEC + 341);
		assert_int_equal(next[2], T0 + 3 * 420 * SEC + 341);
	}
	assert_int_equal(core_job_next(r.core, &j, T0 + 3600 * SEC, 3, next, &r.e), 3);
	assert_int_equal(next[0], T0 + 9 * 420 * SEC + 341);
	assert_int_equal(core_job_next(r.core, &j, T0 + 86400 * SEC - 1, 3, next, &r.e), 3);
	assert_int_equal(next[0], T0 + 206 * 420 * SEC + 341);
	assert_int_equal(core_job_first(r.core, &j, T0 + 3600 * SEC, &next[0], &r.e), 0);
	assert_int_equal(next[0], T0 + 9 * 420 * SEC + 341);
	assert_int_equal(core_job_first(r.core, &j, T0 - 365 * 86400 * SEC, &next[0], &r.e), 0);
	assert_int_equal(next[0], T0 - 365 * 86400 * SEC + 420 * SEC - 1);
	j.status = JOB_DISABLED; /* enabled now, it would count from now */
	assert_int_equal(core_job_next(r.core, &j, T0 + 60 * SEC, 3, next, &r.e), 3);
	assert_int_equal(next[0], T0 + 480 * SEC);
	job_fini(&j);
	rig_close(&r);
	(void)state;
}

/* The beat stays, and what was missed is one range and one run. */
static void
test_rate_after_a_downtime(void **state)
{
	struct rig r;

	rig_open(&r, NULL);
	add(&r, TIME_FIXED_RATE, "60000");
	rig_run_until(&r, T0 + 61 * SEC, true);
	rig_pass(&r, 3600 * SEC);
	rig_restart(&r);
	rig_run_until(&r, r.now.at_ms + 61 * SEC, true);
	assert_int_equal(occurrences(&r), 3);
	assert_int_equal(rig_sql(&r, "SELECT count FROM skipped WHERE reason = 'missed'"), 59);
	assert_int_equal(rig_sql(&r, "SELECT sum((nominal_ms - 1763683200000) % 60000) FROM instance"), 0);
	rig_close(&r);
	(void)state;
}

static void
test_delay_counts_from_the_end(void **state)
{
	struct rig r;
	int64_t id, ended;

	rig_open(&r, NULL);
	add(&r, TIME_FIXED_DELAY, "10s");
	rig_pass(&r, 10 * SEC);
	id = begun(&r);
	assert_int_equal(trigger(&r), 0);
	rig_pass(&r, 45 * SEC);
	rig_beat(&r, PJ, true, false);
	rig_restart(&r);
	rig_tick(&r);
	assert_int_equal(occurrences(&r), 1);
	rig_say(&r, id, INSTANCE_SUCCEED, true, 1, "ok");
	ended = r.now.at_ms;
	assert_int_equal(trigger(&r), ended + 10 * SEC);
	rig_pass(&r, 10 * SEC - 1);
	rig_forget(&r);
	rig_tick(&r);
	assert_int_equal(r.n_act, 0);
	rig_pass(&r, 1);
	begun(&r);
	assert_int_equal(rig_sql(&r, "SELECT max(nominal_ms) FROM instance"), ended + 10 * SEC);
	rig_close(&r);
	(void)state;
}

/* Its retries belong to a run; so does what a person stops. */
static void
test_delay_and_retries(void **state)
{
	struct rig r;
	struct job_spec s = rig_spec("often", TIME_FIXED_DELAY, "10s");
	int64_t id;

	s.instance_retry_num = 1;
	s.retry_delay_ms = 5 * SEC;
	rig_open(&r, NULL);
	rig_save(&r, 0, s, true);
	rig_pass(&r, 10 * SEC);
	id = begun(&r);
	rig_say(&r, id, INSTANCE_FAILED, true, 1, "no");
	assert_int_equal(rig_get(&r, id).status, INSTANCE_WAITING);
	assert_int_equal(trigger(&r), 0);
	rig_pass(&r, 5 * SEC);
	rig_tick(&r);
	rig_answer(&r, ACTION_RUN, id, 2, MESSAGE_ACCEPTED);
	rig_say(&r, id, INSTANCE_FAILED, true, 2, "no");
	assert_int_equal(trigger(&r), r.now.at_ms + 10 * SEC);
	rig_pass(&r, 10 * SEC);
	id = begun(&r);
	assert_int_equal(EVENT(&r, core_instance_stop(r.core, r.now, r.app, id, &r.e)), 0);
	rig_say(&r, id, INSTANCE_FAILED, true, 1, "stopped");
	assert_int_equal(rig_get(&r, id).status, INSTANCE_STOPPED);
	assert_int_equal(trigger(&r), r.now.at_ms + 10 * SEC);
	rig_close(&r);
	(void)state;
}

/* Somebody has an earlier run retried, which ends before the one that goes on: the next counts from the last end, also when it
 * comes late. */
static void
test_delay_and_a_retry_by_hand(void **state)
{
	struct rig r;
	int64_t first, second, ended;

	rig_open(&r, NULL);
	add(&r, TIME_FIXED_DELAY, "10s");
	rig_pass(&r, 10 * SEC);
	first = begun(&r);
	rig_say(&r, first, INSTANCE_FAILED, true, 1, "no");
	rig_pass(&r, 10 * SEC);
	second = begun(&r);
	assert_int_equal(EVENT(&r, core_instance_retry(r.core, r.now, r.app, first, &r.e)), 0);
	rig_tick(&r);
	rig_answer(&r, ACTION_RUN, first, 2, MESSAGE_ACCEPTED);
	rig_say(&r, first, INSTANCE_SUCCEED, true, 2, "ok");
	assert_int_equal(trigger(&r), r.now.at_ms + 10 * SEC);
	rig_pass(&r, 5 * SEC);
	rig_say(&r, second, INSTANCE_SUCCEED, true, 1, "ok");
	ended = r.now.at_ms;
	rig_pass(&r, 30 * SEC);
	rig_beat(&r, PJ, true, false);
	rig_tick(&r);
	rig_tick(&r);
	assert_int_equal(rig_sql(&r, "SELECT max(nominal_ms) FROM instance"), ended + 10 * SEC);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 3);
	rig_close(&r);
	(void)state;
}

/* The definition may change while it runs: the next one still waits for its end, and for the delay after that. */
static void
test_delay_edited(void **state)
{
	struct rig r;
	struct job_spec s;
	int64_t id;

	rig_open(&r, NULL);
	add(&r, TIME_FIXED_DELAY, "10s");
	rig_pass(&r, 10 * SEC);
	id = begun(&r);
	s = rig_spec("often", TIME_FIXED_DELAY, "10s");
	s.concurrency = 7;
	rig_save(&r, 1, s, true);
	assert_int_equal(trigger(&r), 0); /* the same times: goes on where it stood */
	rig_save(&r, 1, rig_spec("often", TIME_FIXED_DELAY, "20s"), true);
	assert_int_equal(trigger(&r), T0 + 30 * SEC);
	rig_run_until(&r, T0 + 60 * SEC, false);
	assert_int_equal(occurrences(&r), 1);
	rig_say(&r, id, INSTANCE_SUCCEED, true, 1, "ok");
	rig_run_until(&r, T0 + 80 * SEC - 1, true);
	assert_int_equal(occurrences(&r), 1);
	rig_run_until(&r, T0 + 80 * SEC, true);
	assert_int_equal(occurrences(&r), 2);
	/* To a cron expression: the end of a run of the delay leaves its trigger alone. */
	rig_run_until(&r, T0 + 100 * SEC, false);
	rig_save(&r, 1, rig_spec("often", TIME_CRON, "0 0 * * * ?"), true);
	id = rig_sql(&r, "SELECT max(id) FROM instance");
	rig_say(&r, id, INSTANCE_SUCCEED, true, 1, "ok");
	assert_int_equal(trigger(&r), T0 + 3600 * SEC);
	rig_close(&r);
	(void)state;
}

static void
test_delay_disabled(void **state)
{
	struct rig r;
	int64_t id;

	rig_open(&r, NULL);
	add(&r, TIME_FIXED_DELAY, "10s");
	rig_pass(&r, 10 * SEC);
	id = begun(&r);
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, 1, JOB_DISABLED, &r.e)), 0);
	assert_int_equal(rig_get(&r, id).status, INSTANCE_RUNNING); /* disabling stops no command */
	rig_say(&r, id, INSTANCE_SUCCEED, true, 1, "ok");
	assert_int_equal(trigger(&r), 0);
	rig_run_until(&r, T0 + 300 * SEC, true);
	assert_int_equal(occurrences(&r), 1);
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, 1, JOB_ENABLED, &r.e)), 0);
	rig_run_until(&r, T0 + 310 * SEC, true);
	assert_int_equal(occurrences(&r), 2);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM skipped"), 0);
	rig_close(&r);
	(void)state;
}

static void
test_life_ends(void **state)
{
	struct rig r;
	struct job_spec s = rig_spec("often", TIME_FIXED_DELAY, "10s");

	s.start_ms = T0 + 60 * SEC;
	s.end_ms = T0 + 85 * SEC;
	rig_open(&r, NULL);
	rig_save(&r, 0, s, true);
	assert_int_equal(trigger(&r), T0 + 60 * SEC);
	rig_run_until(&r, T0 + 120 * SEC, true);
	assert_int_equal(occurrences(&r), 3);
	assert_int_equal(rig_sql(&r, "SELECT status FROM job"), JOB_DISABLED);
	rig_close(&r);
	(void)state;
}

static void
test_too_late(void **state)
{
	struct rig r;
	struct job_spec s = rig_spec("often", TIME_FIXED_DELAY, "10s");

	s.deadline_ms = 30 * SEC;
	rig_open(&r, NULL);
	rig_save(&r, 0, s, true);
	rig_pass(&r, 3600 * SEC);
	rig_tick(&r);
	assert_int_equal(occurrences(&r), 0);
	assert_int_equal(rig_sql(&r, "SELECT count FROM skipped WHERE reason = 'deadline'"), 1);
	assert_int_equal(trigger(&r), r.now.at_ms + 10 * SEC);
	rig_run_until(&r, r.now.at_ms + 10 * SEC, true);
	assert_int_equal(occurrences(&r), 1);
	rig_close(&r);
	(void)state;
}

/* Neither waits until the clock has come back to where it was. */
static void
test_clock_set_back(void **state)
{
	static const int64_t types[] = { TIME_FIXED_RATE, TIME_FIXED_DELAY };

	for (int k = 0; k < 2; k++) {
		struct rig r;
		int64_t before;

		rig_open(&r, NULL);
		add(&r, types[k], "10s");
		rig_run_until(&r, T0 + 60 * SEC, true);
		before = occurrences(&r);
		assert_in_range(before, 5, 6);
		r.now.at_ms -= 3600 * SEC;
		core_clock_jumped(r.core, -3600 * SEC);
		rig_run_until(&r, T0 - 3540 * SEC + 60 * SEC, true);
		assert_in_range(occurrences(&r), before + 5, before + 6);
		rig_close(&r);
	}
	(void)state;
}

static void
test_too_often(void **state)
{
	struct rig r;
	struct job_spec s = rig_spec("often", TIME_FIXED_RATE, "99");
	int64_t id;

	rig_open(&r, NULL);
	assert_int_equal(EVENT(&r, core_job_save(r.core, r.now, r.app, 0, &s, true, &id, &r.e)), -1);
	assert_int_equal(r.e.code, ERR_DATA);
	assert_non_null(strstr(r.e.msg, "from 100ms on"));
	job_spec_fini(&s);
	rig_close(&r);
	(void)state;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_next_of_a_daily_interval),
		cmocka_unit_test(test_rate_after_a_downtime),
		cmocka_unit_test(test_delay_counts_from_the_end),
		cmocka_unit_test(test_delay_and_retries),
		cmocka_unit_test(test_delay_and_a_retry_by_hand), cmocka_unit_test(test_delay_edited),
		cmocka_unit_test(test_delay_disabled),
		cmocka_unit_test(test_life_ends),
		cmocka_unit_test(test_too_late),
		cmocka_unit_test(test_clock_set_back),
		cmocka_unit_test(test_too_often),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

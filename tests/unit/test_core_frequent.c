/* Second-level jobs: launched once, launched again, stopped with their job; and who gets what only Java can run. */
#include "core_rig.h"

#define JAVA2 "127.0.0.1:30002"

static struct job_spec
fixed(int64_t type, const char *ms)
{
	struct job_spec s = rig_spec("fixed", type, ms);

	free(s.processor_info);
	s.processor_info = strdup("a.B");
	return s;
}

/* A rate job on a Java worker whose tracker has reported once. */
static int64_t
started(struct rig *r, int64_t *job, struct job_spec spec)
{
	int64_t id;

	rig_open(r, NULL);
	rig_beat(r, JAVA, false, false);
	rig_beat(r, PJ, true, false);
	*job = rig_save(r, 0, spec, true);
	rig_tick(r);
	assert_int_equal(r->n_act, 1);
	assert_string_equal(r->act[0].worker, JAVA);
	id = r->act[0].instance_id;
	rig_forget(r);
	rig_answer(r, ACTION_RUN, id, 1, MESSAGE_ACCEPTED);
	rig_say(r, id, INSTANCE_RUNNING, false, 0, NULL);
	assert_int_equal(rig_get(r, id).status, INSTANCE_RUNNING);
	return id;
}

static void
test_one_live_instance(void **state)
{
	struct rig r;
	int64_t job, id = started(&r, &job, fixed(TIME_FIXED_RATE, "1000"));

	for (int k = 0; k < 30; k++) {
		struct report rep = rig_report_of(&r, id, INSTANCE_RUNNING, false, 0);

		rig_pass(&r, 10 * SEC);
		rep.start_ms = T0;
		rep.report_ms = r.now.at_ms;
		rep.total = k + 2;
		rig_report(&r, &rep);
		rig_beat(&r, JAVA, false, false);
		rig_tick(&r);
	}
	assert_int_equal(rig_get(&r, id).running_times, 31);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 1);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM skipped"), 0);
	assert_int_equal(r.n_act, 0);
	rig_start(&r, job); /* by hand beside it: no */
	rig_tick(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE status = 4 AND result = 'too many instances(1>1)'"), 1);
	rig_close(&r);
	(void)state;
}

static void
test_lost_is_launched_at_once(void **state)
{
	struct rig r;
	int64_t job, id = started(&r, &job, fixed(TIME_FIXED_DELAY, "1000"));

	rig_pass(&r, 61 * SEC);
	rig_beat(&r, JAVA2, false, false);
	rig_tick(&r);
	assert_int_equal(rig_get(&r, id).status, INSTANCE_FAILED);
	rig_tick(&r);
	assert_int_equal(r.n_act, 1);
	assert_string_equal(r.act[0].worker, JAVA2);
	assert_int_not_equal(r.act[0].instance_id, id);
	/* The tracker that was silent speaks again: it is stopped. */
	rig_forget(&r);
	rig_beat(&r, JAVA, false, false);
	rig_say(&r, id, INSTANCE_RUNNING, false, 0, NULL);
	assert_int_equal(r.n_act, 1);
	assert_int_equal(r.act[0].kind, ACTION_STOP);
	assert_string_equal(r.act[0].worker, JAVA);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 2);
	rig_close(&r);
	(void)state;
}

static void
test_failed_is_launched_later(void **state)
{
	struct rig r;
	struct job_spec s = fixed(TIME_FIXED_RATE, "1000");
	int64_t job, id;

	s.instance_retry_num = 3; /* has no meaning here */
	id = started(&r, &job, s);
	rig_say(&r, id, INSTANCE_FAILED, false, 0, "init TaskTracker failed");
	assert_int_equal(rig_get(&r, id).status, INSTANCE_FAILED);
	rig_tick(&r);
	assert_int_equal(r.n_act, 0);
	assert_int_equal(r.wake.at_ms, r.now.at_ms + 15 * SEC);
	rig_pass(&r, 15 * SEC);
	rig_tick(&r);
	assert_int_equal(r.n_act, 1);
	assert_int_equal(r.act[0].kind, ACTION_RUN);
	rig_close(&r);
	(void)state;
}

static void
test_disable_delete_edit(void **state)
{
	struct rig r;
	int64_t job, id = started(&r, &job, fixed(TIME_FIXED_RATE, "1000")), second;

	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, job, JOB_DISABLED, &r.e)), 0);
	assert_int_equal(rig_get(&r, id).status, INSTANCE_STOPPED);
	rig_expect(&r, ACTION_STOP, id, 1, JAVA);
	rig_answer(&r, ACTION_STOP, id, 1, MESSAGE_ACCEPTED);
	rig_pass(&r, 20 * SEC);
	rig_tick(&r);
	assert_int_equal(r.n_act, 0);
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, job, JOB_ENABLED, &r.e)), 0);
	rig_tick(&r);
	assert_int_equal(r.n_act, 1);
	second = r.act[0].instance_id;
	rig_forget(&r);
	rig_answer(&r, ACTION_RUN, second, 1, MESSAGE_ACCEPTED);
	/* An edit: the old one ends, the new definition is launched. */
	rig_save(&r, job, fixed(TIME_FIXED_RATE, "2000"), true);
	assert_int_equal(rig_get(&r, second).status, INSTANCE_STOPPED);
	rig_tick(&r);
	assert_int_equal(r.n_act, 2);
	assert_int_equal(r.act[0].kind, ACTION_STOP);
	assert_int_equal(r.act[1].kind, ACTION_RUN);
	assert_int_equal(rig_sql(&r, "SELECT max(job_version) FROM instance"), 2);
	rig_forget(&r);
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, job, JOB_DELETED, &r.e)), 0);
	rig_pass(&r, 60 * SEC);
	rig_tick(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE status IN (1, 2, 3)"), 0);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 3);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM skipped"), 0);
	rig_close(&r);
	(void)state;
}

static void
test_life_cycle(void **state)
{
	struct rig r;
	struct job_spec s = fixed(TIME_FIXED_RATE, "1000");
	int64_t id;

	s.start_ms = T0 + 100 * SEC;
	s.end_ms = T0 + 130 * SEC;
	rig_open(&r, NULL);
	rig_save(&r, 0, s, true);
	rig_pass(&r, 99 * SEC);
	rig_beat(&r, JAVA, false, false);
	rig_tick(&r);
	assert_int_equal(r.n_act, 0);
	assert_int_equal(r.wake.at_ms, T0 + 100 * SEC);
	rig_pass(&r, SEC);
	rig_tick(&r);
	assert_int_equal(r.n_act, 1);
	id = r.act[0].instance_id;
	rig_forget(&r);
	rig_answer(&r, ACTION_RUN, id, 1, MESSAGE_ACCEPTED);
	rig_say(&r, id, INSTANCE_RUNNING, false, 0, NULL);
	rig_tick(&r);
	assert_int_equal(r.wake.at_ms, T0 + 130 * SEC);
	rig_pass(&r, 30 * SEC);
	rig_tick(&r);
	rig_expect(&r, ACTION_STOP, id, 1, JAVA);
	assert_int_equal(rig_get(&r, id).status, INSTANCE_SUCCEED);
	assert_int_equal(rig_sql(&r, "SELECT status FROM job"), JOB_DISABLED);
	rig_close(&r);
	(void)state;
}

static void
test_restart_finds_it(void **state)
{
	struct rig r;
	int64_t job, id = started(&r, &job, fixed(TIME_FIXED_RATE, "1000"));

	rig_restart(&r);
	rig_beat(&r, JAVA, false, false);
	rig_tick(&r);
	assert_int_equal(r.n_act, 0);
	assert_int_equal(rig_get(&r, id).status, INSTANCE_RUNNING);
	rig_pass(&r, 60 * SEC);
	rig_beat(&r, JAVA, false, false);
	rig_tick(&r);
	rig_tick(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 2);
	rig_close(&r);
	(void)state;
}

/* What needs a tracker of tasks goes to Java workers alone, whatever else has room. */
static void
test_heavy_on_java_only(void **state)
{
	static const int64_t types[] = { EXECUTE_BROADCAST, EXECUTE_MAP, EXECUTE_MAP_REDUCE };
	struct rig r;

	rig_open(&r, NULL);
	for (int k = 0; k < 3; k++) {
		struct job_spec s = rig_spec("heavy", TIME_API, NULL);
		int64_t job, id;

		s.execute_type = types[k];
		job = rig_save(&r, 0, s, true);
		rig_pass(&r, 90 * SEC);
		rig_beat(&r, PJ, true, false);
		id = rig_start(&r, job);
		rig_tick(&r);
		assert_int_equal(r.n_act, 0);
		assert_string_equal(rig_get(&r, id).result, "no worker available");
		rig_beat(&r, JAVA, false, false);
		id = rig_start(&r, job);
		rig_tick(&r);
		rig_expect(&r, ACTION_RUN, id, 1, JAVA);
	}
	rig_close(&r);
	(void)state;
}

static void
test_bad_expressions(void **state)
{
	static const struct { const char *text, *why; } bad[] = {
		{ "", "invalid timeExpression!" }, { "x", "invalid timeExpression!" }, { "-5", "invalid timeExpression!" },
		{ "5m", "invalid timeExpression! '5m': the rate of what a Java worker repeats is plain milliseconds, 1 to 120000; "
		    "units are for commands (exec, shell)" },
		{ "0", "the rate must be greater than 0 ms" }, { "120001", "the rate must be less than 120000ms" },
		{ "99999999999999999999", "the rate must be less than 120000ms" },
	};
	struct rig r;
	int64_t id;

	rig_open(&r, NULL);
	for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
		struct job_spec s = fixed(TIME_FIXED_RATE, bad[k].text);

		assert_int_equal(EVENT(&r, core_job_save(r.core, r.now, r.app, 0, &s, true, &id, &r.e)), -1);
		assert_string_equal(r.e.msg, bad[k].why);
		job_spec_fini(&s);
	}
	rig_close(&r);
	(void)state;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_live_instance), cmocka_unit_test(test_lost_is_launched_at_once),
		cmocka_unit_test(test_failed_is_launched_later), cmocka_unit_test(test_disable_delete_edit),
		cmocka_unit_test(test_life_cycle), cmocka_unit_test(test_restart_finds_it),
		cmocka_unit_test(test_heavy_on_java_only), cmocka_unit_test(test_bad_expressions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

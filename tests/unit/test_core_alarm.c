/* Alarms, and what becomes of lost instances of jobs that were switched off. */
#include "core_rig.h"
#include "store/alarm.h"

#define ALARMS "SELECT count(*) FROM alarm"

static int64_t
sent(struct rig *r, struct job_spec s)
{
	int64_t id;

	rig_open(r, NULL);
	rig_beat(r, JAVA, false, false);
	id = rig_start(r, rig_save(r, 0, s, true));
	rig_tick(r);
	rig_expect(r, ACTION_RUN, id, 1, JAVA);
	rig_answer(r, ACTION_RUN, id, 1, MESSAGE_ACCEPTED);
	return id;
}

static struct job_spec
with_retries(int64_t n)
{
	struct job_spec s = rig_spec("job", TIME_API, NULL);

	s.instance_retry_num = n;
	s.retry_delay_ms = 0;
	return s;
}

/* Only the end counts, not what is tried again; a person's retry that fails again is another alarm. */
static void
test_final_failures(void **state)
{
	struct rig r;
	int64_t id = sent(&r, with_retries(1));

	rig_say(&r, id, INSTANCE_FAILED, false, 0, "first");
	assert_int_equal(rig_sql(&r, ALARMS), 0);
	rig_pass(&r, 1);
	rig_tick(&r);
	rig_say(&r, id, INSTANCE_FAILED, false, 0, "second");
	assert_int_equal(rig_get(&r, id).status, INSTANCE_FAILED);
	assert_int_equal(rig_sql(&r, ALARMS " WHERE kind = 'failed' AND text = 'second' AND attempt = 2"), 1);
	rig_say(&r, id, INSTANCE_FAILED, false, 0, "again");
	assert_int_equal(rig_sql(&r, ALARMS), 1);
	assert_int_equal(EVENT(&r, core_instance_retry(r.core, r.now, r.app, id, &r.e)), 0);
	rig_pass(&r, 61 * SEC); /* nobody is there any more */
	rig_tick(&r);
	assert_string_equal(rig_get(&r, id).result, "no worker available"); /* PowerJob's own */
	assert_int_equal(rig_sql(&r, ALARMS), 2);
	assert_int_equal(rig_sql(&r, ALARMS " WHERE text = 'no worker available: none of the app''s 1 worker was heard of for 60s'"), 1);
	rig_close(&r);
	(void)state;
}

static void
test_stopped_and_canceled_are_none(void **state)
{
	struct rig r;
	int64_t id = sent(&r, with_retries(0)), job = rig_get(&r, id).job_id, later;

	assert_int_equal(EVENT(&r, core_instance_stop(r.core, r.now, r.app, id, &r.e)), 0);
	rig_say(&r, id, INSTANCE_FAILED, false, 0, "late");
	assert_int_equal(EVENT(&r, core_job_run(r.core, r.now, r.app, job, NULL, 9000, &later, &r.e)), 0);
	assert_int_equal(EVENT(&r, core_instance_cancel(r.core, r.now, r.app, later, &r.e)), 0);
	assert_int_equal(rig_sql(&r, ALARMS), 0);
	rig_close(&r);
	(void)state;
}

static void
alert(struct rig *r, int64_t id, const char *source, int64_t start_ms, int64_t report_ms, const char *text)
{
	struct report rep = rig_report_of(r, id, INSTANCE_RUNNING, false, 0);

	rep.source = source;
	rep.start_ms = start_ms;
	rep.report_ms = report_ms;
	rep.need_alert = true;
	rep.alert = text;
	rig_report(r, &rep);
}

static void
test_reported(void **state)
{
	struct rig r;
	int64_t id = sent(&r, rig_spec("tick", TIME_FIXED_RATE, "1000")), at = T0 + 5000;

	alert(&r, id, JAVA, T0, at, "one");
	assert_int_equal(rig_get(&r, id).status, INSTANCE_RUNNING);
	alert(&r, id, JAVA, T0, at, "one");              /* the same report again */
	alert(&r, id, JAVA, T0, at + 10, NULL);          /* without a text */
	alert(&r, id, JAVA, T0, at + 5, "overtaken");    /* its report is old, what it tells is not */
	assert_int_equal(rig_sql(&r, ALARMS " WHERE kind = 'reported'"), 3);
	rig_restart(&r);
	alert(&r, id, JAVA, T0, at, "one");
	alert(&r, id, PJ, T0, at + 20, "a stranger's");
	alert(&r, id, JAVA, T0 + 77, at + 21, "another tracker's");
	assert_int_equal(rig_sql(&r, ALARMS), 3);
	assert_int_equal(rig_sql(&r, ALARMS " WHERE text = 'one'"), 1);
	rig_close(&r);
	(void)state;
}

static void
test_retention(void **state)
{
	struct core_keep keep = { 1000, 1000 };
	struct rig r;
	bool more;
	int64_t id = sent(&r, with_retries(0));

	rig_say(&r, id, INSTANCE_FAILED, false, 0, "x");
	assert_int_equal(rig_sql(&r, ALARMS), 1);
	rig_pass(&r, 2000);
	assert_int_equal(EVENT(&r, core_retain(r.core, r.now, &keep, 10, &more, &r.e)), 0);
	assert_int_equal(rig_sql(&r, ALARMS) + rig_sql(&r, "SELECT count(*) FROM instance"), 0);
	rig_close(&r);
	(void)state;
}

/* --- a job that was switched off meanwhile ------------------------------------------------------------------------- */

static void
test_lost_of_disabled(void **state)
{
	static const enum job_status off[] = { JOB_DISABLED, JOB_DELETED };

	for (int k = 0; k < 2; k++) {
		struct rig r;
		int64_t id = sent(&r, with_retries(5)), job = rig_get(&r, id).job_id;

		rig_say(&r, id, INSTANCE_RUNNING, false, 0, NULL);
		assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, job, off[k], &r.e)), 0);
		assert_int_equal(rig_get(&r, id).status, INSTANCE_RUNNING);
		rig_pass(&r, 61 * SEC);
		rig_tick(&r);
		assert_int_equal(rig_get(&r, id).status, INSTANCE_FAILED);
		assert_string_equal(rig_get(&r, id).result, "worker report timeout, maybe TaskTracker down");
		rig_close(&r);
	}
	(void)state;
}

/* A Java worker knows one run of an instance: what comes late of the one before brings no stop over the next. */
static void
test_late_of_ended(void **state)
{
	struct rig r;
	int64_t id = sent(&r, with_retries(1));
	struct report rep = rig_report_of(&r, id, INSTANCE_RUNNING, false, 0), late = rep;

	rig_report(&r, &rep);
	rep.status = INSTANCE_FAILED;
	rep.report_ms += 10;
	rig_report(&r, &rep);
	rig_pass(&r, 1);
	rig_tick(&r);
	rig_expect(&r, ACTION_RUN, id, 2, JAVA);
	rig_answer(&r, ACTION_RUN, id, 2, MESSAGE_ACCEPTED);
	late.report_ms += 5;
	rig_report(&r, &late);
	rig_report(&r, &rep);
	assert_int_equal(r.n_act, 0);
	assert_int_equal(rig_get(&r, id).status, INSTANCE_SENT);
	rig_close(&r);
	(void)state;
}

/* --- a worker's clock ---------------------------------------------------------------------------------------------- */

/* An hour off, either way: nothing is decided by it, and no time that cannot be is recorded. */
static void
test_clock_an_hour_off(void **state)
{
	static const int64_t off[] = { 3600 * SEC, -3600 * SEC };

	for (int k = 0; k < 2; k++) {
		struct rig r;
		int64_t id = sent(&r, with_retries(0));
		struct report rep = rig_report_of(&r, id, INSTANCE_RUNNING, false, 0);

		rig_pass(&r, 5 * SEC);
		rep.start_ms = r.now.at_ms + off[k];
		rep.report_ms = rep.start_ms;
		rig_report(&r, &rep);
		assert_int_equal(rig_get(&r, id).status, INSTANCE_RUNNING);
		assert_int_equal(rig_attempt(&r, id, 1).started_ms, T0);
		rig_pass(&r, 5 * SEC);
		rep.status = INSTANCE_SUCCEED;
		rep.report_ms += 5 * SEC;
		rep.end_ms = rep.report_ms;
		rig_report(&r, &rep);
		assert_int_equal(rig_get(&r, id).status, INSTANCE_SUCCEED);
		assert_int_equal(rig_get(&r, id).finished_ms, r.now.at_ms);
		rig_close(&r);
	}
	(void)state;
}

/* Set back by an hour while it runs: its reports still say that it lives. */
static void
test_clock_set_back(void **state)
{
	struct rig r;
	int64_t id = sent(&r, with_retries(0));
	struct report rep = rig_report_of(&r, id, INSTANCE_RUNNING, false, 0);

	rig_report(&r, &rep);
	rep.report_ms -= 3600 * SEC;
	for (int n = 0; n < 5; n++) {
		rig_pass(&r, 40 * SEC);
		rep.report_ms += 40 * SEC;
		rig_report(&r, &rep);
		rig_tick(&r);
		assert_int_equal(rig_get(&r, id).status, INSTANCE_RUNNING);
	}
	/* But one that a later one was faster than says nothing. */
	rep.report_ms -= 10 * SEC;
	rig_pass(&r, 40 * SEC);
	rig_report(&r, &rep);
	rig_pass(&r, 25 * SEC);
	rig_tick(&r);
	assert_int_equal(rig_get(&r, id).status, INSTANCE_FAILED);
	rig_close(&r);
	(void)state;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_final_failures), cmocka_unit_test(test_stopped_and_canceled_are_none),
		cmocka_unit_test(test_reported), cmocka_unit_test(test_retention), cmocka_unit_test(test_lost_of_disabled),
		cmocka_unit_test(test_late_of_ended),
		cmocka_unit_test(test_clock_an_hour_off), cmocka_unit_test(test_clock_set_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

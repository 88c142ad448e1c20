/* Firing: every nominal time once, as an instance or in a range of `skipped`. */
#include "core_rig.h"

static void
one_second_cron_for_an_hour(void **state)
{
	struct rig r;

	rig_open(&r, NULL);
	rig_cron(&r, "* * * * * ?");
	rig_run_until(&r, T0 + 3600 * SEC, true);
	rig_succeed_all(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 3600);
	assert_int_equal(rig_sql(&r, "SELECT count(DISTINCT nominal_ms) FROM instance"), 3600);
	assert_int_equal(rig_sql(&r, "SELECT min(nominal_ms) FROM instance"), T0 + 1000);
	assert_int_equal(rig_sql(&r, "SELECT max(nominal_ms) FROM instance"), T0 + 3600 * SEC);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE status <> 5"), 0);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM skipped"), 0);
	assert_int_equal(rig_sql(&r, "SELECT max(actual_ms - nominal_ms) FROM instance"), 0);
	rig_close(&r);
}

static void
daily_and_hourly_over_days(void **state)
{
	struct rig r;
	int64_t a, b;
	char sql[128];

	rig_open(&r, NULL);
	a = rig_cron(&r, "0 30 9 * * ?");
	b = rig_cron(&r, "0 0/20 * * * ?");
	rig_run_until(&r, T0 + 10 * 86400 * SEC, true);
	rig_succeed_all(&r);
	snprintf(sql, sizeof sql, "SELECT count(*) FROM instance WHERE job_id = %lld AND (nominal_ms - %lld) %% 86400000 = "
	    "34200000", (long long)a, (long long)T0);
	assert_int_equal(rig_sql(&r, sql), 10);
	snprintf(sql, sizeof sql, "SELECT count(*) FROM instance WHERE job_id = %lld AND nominal_ms %% 1200000 = 0", (long long)b);
	assert_int_equal(rig_sql(&r, sql), 720);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 730);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM skipped"), 0);
	rig_close(&r);
}

static void
many_jobs_in_one_second(void **state)
{
	struct rig r;
	int turns = 0;

	rig_open(&r, NULL);
	for (int i = 0; i < 1000; i++)
		rig_cron(&r, "0 0 * * * ?");
	rig_pass(&r, 3600 * SEC);
	for (int i = 0; i < 4; i++) { /* none answers: more than one is needed for all of them */
		char address[32];

		snprintf(address, sizeof address, "127.0.0.1:%d", 40000 + i);
		rig_beat(&r, address, true, false);
	}
	do {
		rig_tick(&r);
		turns++;
	} while (r.wake.at_ms <= r.now.at_ms && turns < 50);
	assert_true(turns >= 5 && turns < 20); /* bounded batches */
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE status = 2"), 1000);
	assert_int_equal(r.n_act, 1000);
	assert_int_equal(r.wake.at_ms, T0 + 7200 * SEC);
	rig_close(&r);
}

static void
misfire_runs_once_and_counts_the_rest(void **state)
{
	struct rig r;

	rig_open(&r, NULL);
	rig_cron(&r, "0 * * * * ?");
	rig_pass(&r, 600 * SEC + 500); /* the server was away: minutes 1 to 10 are past */
	rig_beat(&r, PJ, true, false);
	rig_tick(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 1);
	assert_int_equal(rig_sql(&r, "SELECT nominal_ms FROM instance"), T0 + 60 * SEC);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM skipped WHERE reason = 'missed'"), 1);
	assert_int_equal(rig_sql(&r, "SELECT count FROM skipped"), 9);
	assert_int_equal(rig_sql(&r, "SELECT first_ms FROM skipped"), T0 + 120 * SEC);
	assert_int_equal(rig_sql(&r, "SELECT last_ms FROM skipped"), T0 + 600 * SEC);
	assert_int_equal(r.wake.at_ms, T0 + 660 * SEC);
	rig_tick(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 1);
	rig_close(&r);
}

static void
a_year_missed_is_one_row(void **state)
{
	struct rig r;

	rig_open(&r, NULL);
	rig_cron(&r, "* * * * * ?");
	rig_pass(&r, 365 * 86400 * SEC);
	rig_tick(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 1);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM skipped"), 1);
	assert_int_equal(rig_sql(&r, "SELECT count FROM skipped"), 365 * 86400 - 1);
	rig_close(&r);
}

static void
disabled_range(void **state)
{
	struct rig r;
	int64_t id;

	rig_open(&r, NULL);
	id = rig_cron(&r, "0 * * * * ?");
	rig_run_until(&r, T0 + 150 * SEC, true); /* minutes 1, 2 ran */
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, id, JOB_DISABLED, &r.e)), 0);
	rig_run_until(&r, T0 + 330 * SEC, true); /* 3, 4, 5 did not */
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 2);
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, id, JOB_ENABLED, &r.e)), 0);
	rig_run_until(&r, T0 + 400 * SEC, true);
	rig_succeed_all(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 3);
	assert_int_equal(rig_sql(&r, "SELECT max(nominal_ms) FROM instance"), T0 + 360 * SEC);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM skipped"), 1);
	assert_int_equal(rig_sql(&r, "SELECT count FROM skipped WHERE reason = 'disabled'"), 3);
	assert_int_equal(rig_sql(&r, "SELECT first_ms FROM skipped"), T0 + 180 * SEC);
	assert_int_equal(rig_sql(&r, "SELECT last_ms FROM skipped"), T0 + 300 * SEC);
	/* Off and on again at once leaves nothing out. */
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, id, JOB_DISABLED, &r.e)), 0);
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, id, JOB_ENABLED, &r.e)), 0);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM skipped"), 1);
	/* Disabled, then deleted: the range is closed there. */
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, id, JOB_DISABLED, &r.e)), 0);
	rig_run_until(&r, T0 + 500 * SEC, true);
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, id, JOB_DELETED, &r.e)), 0);
	assert_int_equal(rig_sql(&r, "SELECT sum(count) FROM skipped WHERE reason = 'disabled'"), 5);
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, id, JOB_ENABLED, &r.e)), -1);
	assert_int_equal(r.e.code, ERR_NOTFOUND);
	rig_run_until(&r, T0 + 700 * SEC, true);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 3);
	rig_close(&r);
}

static void
deleted_while_due(void **state)
{
	struct rig r;
	int64_t id;

	rig_open(&r, NULL);
	id = rig_cron(&r, "0 * * * * ?");
	rig_pass(&r, 125 * SEC);
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, id, JOB_DELETED, &r.e)), 0);
	assert_int_equal(rig_sql(&r, "SELECT count FROM skipped WHERE reason = 'deleted'"), 2);
	rig_tick(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 0);
	rig_close(&r);
}

static void
edited(void **state)
{
	struct rig r;
	struct job_spec s;
	int64_t id;

	rig_open(&r, NULL);
	id = rig_cron(&r, "0 * * * * ?");
	rig_pass(&r, 125 * SEC); /* minutes 1, 2 are due and not fired */
	/* Another expression: they stay unfired, and are accounted for. */
	rig_save(&r, id, rig_spec("cron", TIME_CRON, "30 * * * * ?"), true);
	assert_int_equal(rig_sql(&r, "SELECT count FROM skipped WHERE reason = 'edited' AND job_version = 1"), 2);
	rig_run_until(&r, T0 + 160 * SEC, true);
	rig_succeed_all(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 1);
	assert_int_equal(rig_sql(&r, "SELECT nominal_ms FROM instance WHERE job_version = 2"), T0 + 150 * SEC);
	/* The same expression with other parameters: what is due still fires, by the new version. */
	rig_pass(&r, 55 * SEC);
	s = rig_spec("cron", TIME_CRON, "30 * * * * ?");
	s.concurrency = 1;
	rig_save(&r, id, s, true);
	rig_tick(&r);
	assert_int_equal(rig_sql(&r, "SELECT nominal_ms FROM instance WHERE job_version = 3"), T0 + 210 * SEC);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM skipped"), 1);
	rig_close(&r);
}

static void
edited_while_disabled(void **state)
{
	struct rig r;
	int64_t id;

	rig_open(&r, NULL);
	id = rig_save(&r, 0, rig_spec("cron", TIME_CRON, "0 * * * * ?"), false);
	rig_pass(&r, 185 * SEC);
	rig_tick(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 0);
	rig_save(&r, id, rig_spec("cron", TIME_CRON, "0 0 * * * ?"), false);
	assert_int_equal(rig_sql(&r, "SELECT count FROM skipped WHERE reason = 'disabled'"), 3);
	rig_pass(&r, 3600 * SEC);
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, id, JOB_ENABLED, &r.e)), 0);
	assert_int_equal(rig_sql(&r, "SELECT count FROM skipped WHERE job_version = 2"), 1);
	rig_close(&r);
}

static void
clock_back(void **state)
{
	struct rig r;

	rig_open(&r, NULL);
	rig_cron(&r, "0 * * * * ?");
	rig_run_until(&r, T0 + 605 * SEC, true);
	rig_succeed_all(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 10);
	r.now.at_ms -= 300 * SEC; /* monotonic time goes on */
	rig_run_until(&r, T0 + 659 * SEC, true);
	rig_succeed_all(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 10); /* not before its time, not twice */
	rig_run_until(&r, T0 + 725 * SEC, true);
	rig_succeed_all(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 12);
	assert_int_equal(rig_sql(&r, "SELECT count(DISTINCT id) FROM instance"), 12);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM skipped"), 0);
	rig_close(&r);
}

static void
clock_back_and_enabled_again(void **state)
{
	struct rig r;
	int64_t id;

	rig_open(&r, NULL);
	id = rig_cron(&r, "0 * * * * ?");
	rig_run_until(&r, T0 + 605 * SEC, true);
	rig_succeed_all(&r);
	r.now.at_ms -= 300 * SEC;
	/* The new trigger is one that ran already: the unique index keeps it at once. */
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, id, JOB_DISABLED, &r.e)), 0);
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, id, JOB_ENABLED, &r.e)), 0);
	rig_run_until(&r, T0 + 725 * SEC, true);
	rig_succeed_all(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 12);
	assert_int_equal(rig_sql(&r, "SELECT count(DISTINCT nominal_ms) FROM instance"), 12);
	rig_close(&r);
}

static void
clock_forward(void **state)
{
	struct rig r;

	rig_open(&r, NULL);
	rig_cron(&r, "0 * * * * ?");
	rig_run_until(&r, T0 + 65 * SEC, true);
	rig_succeed_all(&r);
	r.now.at_ms += 3600 * SEC; /* only the wall clock */
	rig_beat(&r, PJ, true, false);
	rig_tick(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 2);
	assert_int_equal(rig_sql(&r, "SELECT count FROM skipped WHERE reason = 'missed'"), 59);
	rig_close(&r);
}

static void
life_cycle(void **state)
{
	struct rig r;
	struct job_spec s = rig_spec("cron", TIME_CRON, "0 * * * * ?");
	int64_t id;

	rig_open(&r, NULL);
	s.start_ms = T0 + 120 * SEC;
	s.end_ms = T0 + 240 * SEC;
	id = rig_save(&r, 0, s, true);
	rig_run_until(&r, T0 + 600 * SEC, true);
	rig_succeed_all(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 3); /* both ends inclusive */
	assert_int_equal(rig_sql(&r, "SELECT min(nominal_ms) FROM instance"), T0 + 120 * SEC);
	assert_int_equal(rig_sql(&r, "SELECT status FROM job"), JOB_DISABLED);
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, id, JOB_ENABLED, &r.e)), -1);
	assert_string_equal(r.e.msg, "lifecycle is out of date!");
	rig_close(&r);
}

static void
missed_up_to_the_end(void **state)
{
	struct rig r;
	struct job_spec s = rig_spec("cron", TIME_CRON, "0 * * * * ?");

	rig_open(&r, NULL);
	s.end_ms = T0 + 240 * SEC;
	rig_save(&r, 0, s, true);
	rig_pass(&r, 3600 * SEC);
	rig_tick(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 1);
	assert_int_equal(rig_sql(&r, "SELECT count FROM skipped"), 3);
	assert_int_equal(rig_sql(&r, "SELECT status FROM job"), JOB_DISABLED);
	rig_close(&r);
}

static void
daily_interval(void **state)
{
	struct rig r;

	rig_open(&r, NULL);
	rig_save(&r, 0, rig_spec("daily", TIME_DAILY, "{\"interval\":30,\"intervalUnit\":\"MINUTES\",\"startTimeOfDay\":"
	    "\"08:00:00\",\"endTimeOfDay\":\"10:00:00\"}"), true);
	rig_run_until(&r, T0 + 2 * 86400 * SEC, true);
	rig_succeed_all(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 10);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM skipped"), 0);
	rig_close(&r);
}

static void
refused_definitions(void **state)
{
	struct rig r;
	const struct {
		int64_t type;
		const char *expr, *field, *text;
		int64_t start, end;
	} t[] = {
		{ TIME_CRON, "0 0 0 30 2 ?", NULL, "time expression is out of date: 0 0 0 30 2 ?", 0, 0 },
		{ TIME_CRON, "every day", NULL, "timeExpression", 0, 0 },
		{ TIME_CRON, NULL, NULL, "timeExpression", 0, 0 },
		{ TIME_CRON, "* * * * * ?", NULL, "lifecycle is out of date!", 0, T0 },
		{ TIME_CRON, "* * * * * ?", NULL, "lifeCycle: it starts after the year 2099", INT64_MAX - 100000, 0 },
		{ TIME_CRON, "* * * * * ?", NULL, "lifecycle is invalid! start time must earlier then end time.", T0 + 9000, T0 + 8000 },
		{ TIME_FIXED_RATE, "120001", NULL, "the rate must be less than 120000ms", 0, 0 },
		{ 77, "1000", NULL, "timeExpressionType", 0, 0 },
		{ TIME_API, NULL, "name", "jobName can't be empty", 0, 0 },
		{ TIME_API, NULL, "processor_info", "processorInfo can't be empty", 0, 0 },
		{ TIME_API, NULL, "on_lost", "on_lost", 0, 0 },
		{ TIME_API, NULL, "execute_type", "executeType", 0, 0 },
		{ TIME_API, NULL, "processor_type", "processorType", 0, 0 },
		{ TIME_API, NULL, "dispatch_strategy", "dispatchStrategy", 0, 0 },
		{ TIME_API, NULL, "instance_retry_num", "instanceRetryNum", 0, 0 },
		{ TIME_API, NULL, "min_memory_gb", "minMemorySpace", 0, 0 },
	};

	rig_open(&r, NULL);
	for (size_t k = 0; k < sizeof t / sizeof t[0]; k++) {
		struct job_spec s = rig_spec("x", t[k].type, t[k].expr);
		int64_t id;

		if (s.time_type == TIME_FIXED_RATE || s.time_type == TIME_FIXED_DELAY) { /* not of a command */
			free(s.processor_info);
			s.processor_info = strdup("a.B");
		}
		s.start_ms = t[k].start;
		s.end_ms = t[k].end;
		for (const struct job_field *f = job_fields; t[k].field != NULL && f->column != NULL; f++) {
			if (strcmp(f->column, t[k].field) != 0)
				continue;
			if (f->type == FIELD_TEXT) {
				free(*(char **)((char *)&s + f->offset));
				*(char **)((char *)&s + f->offset) = strdup(strcmp(f->column, "on_lost") == 0 ? "pray" : " ");
			} else if (f->type == FIELD_REAL) {
				*(double *)((char *)&s + f->offset) = -1;
			} else {
				*(int64_t *)((char *)&s + f->offset) = -1;
			}
		}
		err_clear(&r.e);
		assert_int_equal(EVENT(&r, core_job_save(r.core, r.now, r.app, 0, &s, true, &id, &r.e)), -1);
		assert_int_equal(r.e.code, ERR_DATA);
		if (strstr(r.e.msg, t[k].text) == NULL)
			fail_msg("%s: not in: %s", t[k].text, r.e.msg);
		job_spec_fini(&s);
	}
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM job"), 0);
	rig_close(&r);
}

static void
owners(void **state)
{
	struct rig r;
	struct job_spec s;
	int64_t id, out;

	rig_open(&r, NULL);
	id = rig_cron(&r, "0 * * * * ?");
	s = rig_spec("x", TIME_API, NULL);
	assert_int_equal(EVENT(&r, core_job_save(r.core, r.now, r.app + 1, id, &s, true, &out, &r.e)), -1);
	assert_int_equal(r.e.code, ERR_FORBIDDEN);
	assert_int_equal(EVENT(&r, core_job_save(r.core, r.now, r.app + 1, 0, &s, true, &out, &r.e)), -1);
	assert_int_equal(r.e.code, ERR_NOTFOUND);
	assert_int_equal(EVENT(&r, core_job_save(r.core, r.now, r.app, 999, &s, true, &out, &r.e)), -1);
	assert_int_equal(r.e.code, ERR_NOTFOUND);
	job_spec_fini(&s);
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app + 1, id, JOB_DISABLED, &r.e)), -1);
	assert_int_equal(r.e.code, ERR_FORBIDDEN);
	assert_string_equal(r.e.msg, "this job is not belong to the app whose appId is 2");
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, 0, id, JOB_DISABLED, &r.e)), 0);
	rig_close(&r);
}

static void
next_times(void **state)
{
	struct rig r;
	struct job j;
	int64_t out[5], id;

	rig_open(&r, NULL);
	id = rig_cron(&r, "0 0 12 * * ?");
	assert_int_equal(job_get(r.db, id, &j, &r.e), 0);
	assert_int_equal(core_job_next(r.core, &j, T0, 5, out, &r.e), 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(out[i], T0 + (12 * 3600 + i * 86400) * SEC);
	j.spec.end_ms = T0 + 2 * 86400 * SEC;
	assert_int_equal(core_job_next(r.core, &j, T0, 5, out, &r.e), 2);
	j.spec.time_type = TIME_API;
	assert_int_equal(core_job_next(r.core, &j, T0, 5, out, &r.e), 0);
	job_fini(&j);
	rig_close(&r);
}

static void
restart_fires_on(void **state)
{
	struct rig r;

	rig_open(&r, NULL);
	rig_cron(&r, "* * * * * ?");
	for (int i = 1; i <= 60; i++) {
		rig_run_until(&r, T0 + i * SEC, true);
		rig_succeed_all(&r);
		rig_restart(&r);
	}
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 60);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM skipped"), 0);
	rig_close(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_second_cron_for_an_hour), cmocka_unit_test(daily_and_hourly_over_days),
		cmocka_unit_test(many_jobs_in_one_second), cmocka_unit_test(misfire_runs_once_and_counts_the_rest),
		cmocka_unit_test(a_year_missed_is_one_row), cmocka_unit_test(disabled_range), cmocka_unit_test(deleted_while_due),
		cmocka_unit_test(edited), cmocka_unit_test(edited_while_disabled), cmocka_unit_test(clock_back),
		cmocka_unit_test(clock_back_and_enabled_again), cmocka_unit_test(clock_forward), cmocka_unit_test(life_cycle),
		cmocka_unit_test(missed_up_to_the_end), cmocka_unit_test(daily_interval), cmocka_unit_test(refused_definitions),
		cmocka_unit_test(owners), cmocka_unit_test(next_times), cmocka_unit_test(restart_fires_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

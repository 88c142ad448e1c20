/* An instance's life: dispatch, reports, retries, losses, stops, on pj and on Java workers. */
#include "core_rig.h"

struct kind {
	bool pj;
	const char *worker;
};
static const struct kind pj = { true, PJ }, java = { false, JAVA };

/* A job by hand, with a worker alive and its first attempt sent. */
static int64_t
begin_spec(struct rig *r, const struct kind *k, struct job_spec s)
{
	int64_t id;

	rig_open(r, NULL);
	rig_beat(r, k->worker, k->pj, false);
	id = rig_start(r, rig_save(r, 0, s, true));
	rig_tick(r);
	rig_expect(r, ACTION_RUN, id, 1, k->worker);
	assert_int_equal(rig_get(r, id).status, INSTANCE_SENT);
	return id;
}

static int64_t
begin(struct rig *r, const struct kind *k, int64_t retries, const char *on_lost)
{
	struct job_spec s = rig_spec("job", TIME_API, NULL);

	s.instance_retry_num = retries;
	free(s.on_lost);
	s.on_lost = on_lost == NULL ? NULL : strdup(on_lost);
	return begin_spec(r, k, s);
}

/* The same, and it runs. */
static int64_t
begin_running(struct rig *r, const struct kind *k, int64_t retries, const char *on_lost)
{
	int64_t id = begin(r, k, retries, on_lost);

	rig_answer(r, ACTION_RUN, id, 1, MESSAGE_ACCEPTED);
	rig_say(r, id, INSTANCE_RUNNING, k->pj, 1, NULL);
	assert_int_equal(rig_get(r, id).status, INSTANCE_RUNNING);
	rig_forget(r);
	return id;
}

static void
check(struct rig *r, int64_t id, enum instance_status status, const char *result)
{
	struct instance i = rig_get(r, id);

	if (i.status != status)
		fail_msg("status is %s, not %s", state_name(i.status), state_name(status));
	if (result != NULL)
		assert_string_equal(i.result == NULL ? "(none)" : i.result, result);
	assert_true(state_is_finished(status) == (i.finished_ms != NO_MS));
}

static void
check_attempt(struct rig *r, int64_t id, int64_t n, enum attempt_state state)
{
	struct attempt a = rig_attempt(r, id, n);

	if (a.state != state)
		fail_msg("attempt %d is %s, not %s", (int)n, state_attempt_name(a.state), state_attempt_name(state));
}

static int64_t
live(struct rig *r)
{
	struct core_stats s;

	assert_int_equal(core_stats(r->core, r->now, &s, &r->e), 0);
	db_commit(r->db, NULL);
	return s.live_in_memory;
}

/* --- the straight way --------------------------------------------------------------------------------------------- */

static void
pj_succeeds(void **state)
{
	struct rig r;
	int64_t id = begin(&r, &pj, 0, NULL);
	struct report rep;
	struct instance i;

	rig_pass(&r, 5);
	assert_true(core_expects(r.core, id, 1));
	assert_false(core_expects(r.core, id, 2));
	rig_answer(&r, ACTION_RUN, id, 1, MESSAGE_ACCEPTED);
	check(&r, id, INSTANCE_RUNNING, NULL);
	check_attempt(&r, id, 1, ATTEMPT_ACCEPTED);
	assert_int_equal(rig_get(&r, id).running_times, 1);
	rig_pass(&r, 5);
	rig_say(&r, id, INSTANCE_RUNNING, true, 1, NULL);
	check_attempt(&r, id, 1, ATTEMPT_RUNNING);
	rig_pass(&r, 1000);
	rep = rig_report_of(&r, id, INSTANCE_SUCCEED, true, 1);
	rep.result = "42";
	rep.exit_code = 0;
	rep.log_length = 77;
	rep.end_ms = r.now.at_ms - 10;
	r.n_changed = 0;
	rig_report(&r, &rep);
	assert_false(core_expects(r.core, id, 1));
	i = rig_get(&r, id);
	assert_int_equal(i.status, INSTANCE_SUCCEED);
	assert_string_equal(i.result, "42");
	assert_int_equal(i.exit_code, 0);
	assert_int_equal(i.log_length, 77);
	assert_int_equal(i.running_times, 1);
	assert_int_equal(i.finished_ms, r.now.at_ms - 10);
	assert_int_equal(i.actual_ms, T0);
	assert_int_equal(r.n_changed, 1);
	assert_int_equal(live(&r), 0);
	/* Again, as a worker does whose answer was lost: success, nothing changes, nothing is sent. */
	rep.result = "43";
	rig_report(&r, &rep);
	check(&r, id, INSTANCE_SUCCEED, "42");
	assert_int_equal(r.n_act, 0);
	rig_close(&r);
}

static void
java_succeeds(void **state)
{
	struct rig r;
	int64_t id = begin(&r, &java, 0, NULL);
	struct report rep;

	rig_answer(&r, ACTION_RUN, id, 1, MESSAGE_ACCEPTED);
	check(&r, id, INSTANCE_SENT, NULL); /* 200 says only that the message came */
	check_attempt(&r, id, 1, ATTEMPT_ACCEPTED);
	rep = rig_report_of(&r, id, INSTANCE_RUNNING, false, 0);
	rig_report(&r, &rep);
	check(&r, id, INSTANCE_RUNNING, NULL);
	assert_int_equal(rig_get(&r, id).running_times, 1);
	assert_int_equal(rig_attempt(&r, id, 1).source_start_ms, rep.start_ms);
	rep.status = INSTANCE_SUCCEED;
	rep.report_ms++;
	rep.result = "done";
	rig_report(&r, &rep);
	check(&r, id, INSTANCE_SUCCEED, "done");
	assert_int_equal(live(&r), 0);
	rig_close(&r);
}

static void
report_overtakes_the_answer(void **state)
{
	struct rig r;
	int64_t id = begin(&r, &pj, 0, NULL);

	rig_say(&r, id, INSTANCE_SUCCEED, true, 1, "fast");
	check(&r, id, INSTANCE_SUCCEED, "fast");
	assert_int_equal(rig_get(&r, id).running_times, 1);
	rig_answer(&r, ACTION_RUN, id, 1, MESSAGE_ACCEPTED);
	check(&r, id, INSTANCE_SUCCEED, "fast");
	rig_answer(&r, ACTION_RUN, id, 1, MESSAGE_UNKNOWN);
	rig_answer(&r, ACTION_RUN, id, 1, MESSAGE_NOT_STARTED);
	check(&r, id, INSTANCE_SUCCEED, "fast");
	rig_close(&r);
}

static void
result_is_cut(void **state)
{
	struct rig r;
	int64_t id = begin(&r, &pj, 0, NULL);
	char *big = malloc(20001);
	struct instance i;

	memset(big, 'x', 20000);
	memcpy(big + 8095, "\xc3\xa4", 2); /* a character across the limit goes as a whole */
	big[20000] = '\0';
	rig_say(&r, id, INSTANCE_SUCCEED, true, 1, big);
	i = rig_get(&r, id);
	assert_int_equal(strlen(i.result), 8095 + 3);
	assert_string_equal(i.result + 8094, "x...");
	free(big);
	rig_close(&r);
}

/* --- retries ------------------------------------------------------------------------------------------------------ */

static void
retries_and_delay(const struct kind *k)
{
	struct rig r;
	struct job_spec s = rig_spec("job", TIME_API, NULL);
	struct core_wake w;
	int64_t id;

	s.instance_retry_num = 2;
	s.retry_delay_ms = 7000;
	id = begin_spec(&r, k, s);
	for (int n = 1; n <= 3; n++) {
		rig_answer(&r, ACTION_RUN, id, n, MESSAGE_ACCEPTED);
		rig_pass(&r, 100);
		rig_say(&r, id, INSTANCE_FAILED, k->pj, n, "no luck");
		check_attempt(&r, id, n, ATTEMPT_FAILED);
		assert_string_equal(rig_attempt(&r, id, n).result, "no luck");
		if (n == 3)
			break;
		check(&r, id, INSTANCE_WAITING, NULL);
		assert_int_equal(rig_get(&r, id).retries_left, 2 - n);
		assert_int_equal(rig_get(&r, id).due_ms, r.now.at_ms + 7000); /* durable, unlike PowerJob's */
		rig_tick(&r);
		assert_int_equal(r.n_act, 0);
		w = r.wake;
		assert_int_equal(w.at_ms, r.now.at_ms + 7000);
		rig_pass(&r, 6999);
		rig_tick(&r);
		assert_int_equal(r.n_act, 0);
		rig_pass(&r, 1);
		rig_tick(&r);
		rig_expect(&r, ACTION_RUN, id, n + 1, k->worker);
	}
	check(&r, id, INSTANCE_FAILED, "no luck");
	assert_int_equal(rig_get(&r, id).running_times, 3);
	assert_int_equal(rig_get(&r, id).attempt, 3);
	rig_tick(&r);
	assert_int_equal(r.n_act, 0);
	rig_close(&r);
}

static void
retries_pj(void **state)
{
	retries_and_delay(&pj);
}

static void
retries_java(void **state)
{
	retries_and_delay(&java);
}

static void
delay_survives_a_restart(void **state)
{
	struct rig r;
	int64_t id = begin_running(&r, &pj, 1, NULL);

	rig_say(&r, id, INSTANCE_FAILED, true, 1, "x");
	rig_restart(&r);
	rig_beat(&r, PJ, true, false);
	rig_pass(&r, 9999);
	rig_tick(&r);
	assert_int_equal(r.n_act, 0);
	assert_int_equal(r.wake.at_ms, r.now.at_ms + 1);
	rig_pass(&r, 1);
	rig_tick(&r);
	rig_expect(&r, ACTION_RUN, id, 2, PJ);
	rig_close(&r);
}

/* --- dispatch ----------------------------------------------------------------------------------------------------- */

static void
no_worker(void **state)
{
	struct rig r;
	int64_t a, b;

	rig_open(&r, NULL);
	a = rig_start(&r, rig_save(&r, 0, rig_spec("job", TIME_API, NULL), true));
	rig_tick(&r);
	check(&r, a, INSTANCE_WAITING, NULL); /* just started: they could not have said that they are there */
	assert_true(r.wake.mono_ms > r.now.mono_ms && r.wake.mono_ms <= r.now.mono_ms + 1000);
	assert_true(r.wake.at_ms > r.now.at_ms);
	rig_run_until(&r, r.now.at_ms, false);
	rig_pass(&r, 29999);
	rig_restart(&r);
	rig_tick(&r);
	check(&r, a, INSTANCE_WAITING, NULL); /* a new start, the full time again */
	rig_pass(&r, 29999);
	rig_tick(&r);
	check(&r, a, INSTANCE_WAITING, NULL);
	assert_int_equal(r.wake.mono_ms, r.now.mono_ms + 1);
	rig_pass(&r, 1);
	rig_tick(&r);
	check(&r, a, INSTANCE_FAILED, "no worker available");
	assert_string_equal(rig_get(&r, a).worker, "N/A");
	assert_int_equal(rig_get(&r, a).attempt, 0);
	b = rig_start(&r, rig_get(&r, a).job_id);
	rig_tick(&r);
	check(&r, b, INSTANCE_FAILED, "no worker available");
	rig_close(&r);
}

static void
grace_ends_with_the_first_heartbeat(void **state)
{
	struct rig r;
	int64_t id;

	rig_open(&r, NULL);
	id = rig_start(&r, rig_save(&r, 0, rig_spec("job", TIME_API, NULL), true));
	rig_tick(&r);
	rig_pass(&r, 300);
	rig_beat(&r, PJ, true, false);
	rig_tick(&r);
	rig_expect(&r, ACTION_RUN, id, 1, PJ);
	rig_close(&r);
}

static void
silent_worker_is_none(void **state)
{
	struct rig r;
	int64_t id;

	rig_open(&r, NULL);
	rig_beat(&r, PJ, true, false);
	rig_pass(&r, 60001);
	id = rig_start(&r, rig_save(&r, 0, rig_spec("job", TIME_API, NULL), true));
	rig_tick(&r);
	check(&r, id, INSTANCE_FAILED, "no worker available");
	rig_close(&r);
}

static void
full_workers_mean_wait(void **state)
{
	struct rig r;
	int64_t id[3], job;

	rig_open(&r, NULL);
	rig_beat(&r, PJ, true, true);
	job = rig_save(&r, 0, rig_spec("job", TIME_API, NULL), true);
	for (int i = 0; i < 3; i++)
		id[i] = rig_start(&r, job);
	rig_tick(&r);
	assert_int_equal(r.n_act, 0);
	check(&r, id[0], INSTANCE_WAITING, NULL);
	assert_int_equal(r.wake.mono_ms, r.now.mono_ms + 1000); /* no spinning */
	assert_true(r.wake.at_ms > r.now.at_ms);
	rig_pass(&r, 1000);
	rig_tick(&r);
	assert_int_equal(r.n_act, 0);
	rig_beat(&r, PJ, true, false);
	rig_tick(&r);
	assert_int_equal(r.n_act, 3);
	assert_int_equal(r.act[0].instance_id, id[0]); /* in order */
	rig_close(&r);
}

static void
slots_of_a_pj_worker(void **state)
{
	struct rig r;
	struct heartbeat hb = { .address = PJ, .is_pj = true, .slots = 2, .used = 0, .at_ms = T0,
		.metrics = { .cpu_processors = 4, .mem_max_gb = 8 } };
	int64_t id[3], job;

	rig_open(&r, NULL);
	hb.app_id = r.app;
	assert_int_equal(core_heartbeat(r.core, r.now, &hb, &r.e), 0);
	job = rig_save(&r, 0, rig_spec("job", TIME_API, NULL), true);
	for (int i = 0; i < 3; i++)
		id[i] = rig_start(&r, job);
	rig_tick(&r);
	assert_int_equal(r.n_act, 2);
	check(&r, id[2], INSTANCE_WAITING, NULL);
	rig_forget(&r);
	rig_say(&r, id[0], INSTANCE_SUCCEED, true, 1, "ok"); /* the end of one is the bell for the next */
	rig_tick(&r);
	rig_expect(&r, ACTION_RUN, id[2], 1, PJ);
	rig_close(&r);
}

static void
one_apps_full_workers_hold_up_nobody_else(void **state)
{
	struct rig r;
	struct heartbeat hb = { .address = PJ2, .is_pj = true, .at_ms = T0, .metrics = { .cpu_processors = 4 } };
	struct job_spec s = rig_spec("other", TIME_API, NULL);
	int64_t other, job, mine, out;

	rig_open(&r, NULL);
	r.conf.batch = 10;
	rig_restart(&r);
	assert_int_equal(app_add(r.db, "other", "secret", T0, &other, &r.e), 0);
	rig_beat(&r, PJ, true, true);
	hb.app_id = other;
	assert_int_equal(core_heartbeat(r.core, r.now, &hb, &r.e), 0);
	job = rig_save(&r, 0, rig_spec("job", TIME_API, NULL), true);
	for (int i = 0; i < 100; i++)
		rig_start(&r, job);
	assert_int_equal(EVENT(&r, core_job_save(r.core, r.now, other, 0, &s, true, &out, &r.e)), 0);
	job_spec_fini(&s);
	assert_int_equal(EVENT(&r, core_job_run(r.core, r.now, other, out, NULL, 0, &mine, &r.e)), 0);
	for (int i = 0; i < 3; i++)
		rig_tick(&r);
	rig_expect(&r, ACTION_RUN, mine, 1, PJ2);
	rig_close(&r);
}

static void
a_job_without_room_holds_up_no_other(void **state)
{
	struct rig r;
	struct job_spec s = rig_spec("picky", TIME_API, NULL);
	int64_t picky, other;

	rig_open(&r, NULL);
	r.conf.batch = 10;
	rig_restart(&r);
	rig_beat(&r, PJ, true, true);
	rig_beat(&r, PJ2, true, false);
	s.designated_workers = strdup(PJ);
	picky = rig_save(&r, 0, s, true);
	for (int i = 0; i < 100; i++)
		rig_start(&r, picky);
	other = rig_start(&r, rig_save(&r, 0, rig_spec("job", TIME_API, NULL), true));
	for (int i = 0; i < 20 && r.n_act == 0; i++)
		rig_tick(&r);
	rig_expect(&r, ACTION_RUN, other, 1, PJ2);
	/* The picky ones are found again when their worker has room. */
	rig_beat(&r, PJ, true, false);
	for (int i = 0; i < 20; i++)
		rig_tick(&r);
	assert_int_equal(r.n_act, 100);
	rig_close(&r);
}

static void
too_many_instances(void **state)
{
	struct rig r;
	struct job_spec s = rig_spec("job", TIME_API, NULL);
	int64_t id, second, third;

	s.max_instance_num = 1;
	s.instance_retry_num = 5;
	id = begin_spec(&r, &pj, s);
	second = rig_start(&r, rig_get(&r, id).job_id);
	rig_tick(&r);
	check(&r, second, INSTANCE_FAILED, "too many instances(1>1)");
	assert_int_equal(rig_get(&r, second).attempt, 0);
	assert_int_equal(rig_get(&r, second).actual_ms, r.now.at_ms);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM skipped"), 0);
	rig_say(&r, id, INSTANCE_SUCCEED, true, 1, "ok");
	third = rig_start(&r, rig_get(&r, id).job_id);
	rig_tick(&r);
	rig_expect(&r, ACTION_RUN, third, 1, PJ);
	rig_close(&r);
}

static void
deleted_job_is_not_dispatched(void **state)
{
	struct rig r;
	int64_t id, job, out;
	char want[64];

	rig_open(&r, NULL);
	rig_beat(&r, PJ, true, false);
	job = rig_save(&r, 0, rig_spec("job", TIME_API, NULL), true);
	assert_int_equal(EVENT(&r, core_job_run(r.core, r.now, r.app, job, NULL, 5000, &id, &r.e)), 0);
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, job, JOB_DELETED, &r.e)), 0);
	assert_int_equal(EVENT(&r, core_job_run(r.core, r.now, r.app, job, NULL, 0, &out, &r.e)), -1);
	assert_int_equal(r.e.code, ERR_NOTFOUND);
	rig_pass(&r, 5000);
	rig_tick(&r);
	snprintf(want, sizeof want, "can't find job by id %d", (int)job);
	check(&r, id, INSTANCE_FAILED, want);
	rig_close(&r);
}

static void
delayed_run(void **state)
{
	struct rig r;
	int64_t id, job;

	rig_open(&r, NULL);
	rig_beat(&r, PJ, true, false);
	job = rig_save(&r, 0, rig_spec("job", TIME_API, NULL), false); /* disabled jobs run by hand */
	assert_int_equal(EVENT(&r, core_job_run(r.core, r.now, r.app, job, "hello", 5000, &id, &r.e)), 0);
	rig_tick(&r);
	assert_int_equal(r.n_act, 0);
	assert_int_equal(r.wake.at_ms, T0 + 5000);
	assert_int_equal(rig_get(&r, id).expected_ms, T0 + 5000);
	assert_int_equal(rig_get(&r, id).nominal_ms, NO_MS);
	assert_string_equal(rig_get(&r, id).instance_params, "hello");
	rig_pass(&r, 5000);
	rig_tick(&r);
	rig_expect(&r, ACTION_RUN, id, 1, PJ);
	assert_int_equal(EVENT(&r, core_job_run(r.core, r.now, r.app + 1, job, NULL, 0, &id, &r.e)), -1);
	assert_int_equal(r.e.code, ERR_FORBIDDEN);
	assert_int_equal(EVENT(&r, core_job_run(r.core, r.now, r.app, 99, NULL, 0, &id, &r.e)), -1);
	assert_int_equal(r.e.code, ERR_NOTFOUND);
	assert_string_equal(r.e.msg, "can't find job by jobId: 99");
	rig_close(&r);
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

static void
not_started_takes_another_worker(void **state)
{
	struct rig r;
	int64_t id = begin(&r, &pj, 0, NULL);

	rig_answer(&r, ACTION_RUN, id, 1, MESSAGE_NOT_STARTED);
	check(&r, id, INSTANCE_WAITING, NULL);
	check_attempt(&r, id, 1, ATTEMPT_NOT_STARTED);
	rig_beat(&r, PJ2, true, false);
	rig_tick(&r);
	rig_expect(&r, ACTION_RUN, id, 2, PJ2);
	assert_int_equal(rig_get(&r, id).retries_left, 0); /* it costs none */
	rig_answer(&r, ACTION_RUN, id, 2, MESSAGE_NOT_SENT);
	rig_tick(&r);
	assert_int_equal(r.n_act, 0); /* both are avoided for a while */
	rig_pass(&r, 2000);
	rig_tick(&r);
	rig_expect(&r, ACTION_RUN, id, 3, PJ); /* the busy one for 2 s, the absent one for 10 */
	rig_say(&r, id, INSTANCE_SUCCEED, true, 3, "ok");
	check(&r, id, INSTANCE_SUCCEED, "ok");
	assert_int_equal(rig_get(&r, id).running_times, 1);
	rig_close(&r);
}

static void
not_started_by_report(void **state)
{
	struct rig r;
	int64_t id = begin_running(&r, &pj, 0, NULL);
	struct report rep = rig_report_of(&r, id, INSTANCE_FAILED, true, 1);

	rep.not_started = true;
	rig_report(&r, &rep);
	check(&r, id, INSTANCE_WAITING, NULL);
	check_attempt(&r, id, 1, ATTEMPT_NOT_STARTED);
	assert_int_equal(rig_get(&r, id).running_times, 0);
	rig_tick(&r);
	rig_expect(&r, ACTION_RUN, id, 2, PJ);
	rig_close(&r);
}

static void
unknown_is_sent_again_to_pj(void **state)
{
	struct rig r;
	int64_t id = begin(&r, &pj, 0, NULL);

	rig_answer(&r, ACTION_RUN, id, 1, MESSAGE_UNKNOWN);
	check(&r, id, INSTANCE_SENT, NULL);
	rig_tick(&r);
	assert_int_equal(r.n_act, 0);
	assert_int_equal(r.wake.mono_ms, r.now.mono_ms + 5000);
	rig_pass(&r, 5000);
	rig_tick(&r);
	rig_expect(&r, ACTION_RUN, id, 1, PJ); /* the same attempt */
	rig_pass(&r, 5000);
	rig_tick(&r);
	assert_int_equal(r.n_act, 0); /* one message at a time */
	/* Refused now proves nothing of the first one. */
	rig_answer(&r, ACTION_RUN, id, 1, MESSAGE_NOT_SENT);
	check(&r, id, INSTANCE_SENT, NULL);
	rig_pass(&r, 5000);
	rig_tick(&r);
	rig_expect(&r, ACTION_RUN, id, 1, PJ);
	rig_answer(&r, ACTION_RUN, id, 1, MESSAGE_ACCEPTED);
	check(&r, id, INSTANCE_RUNNING, NULL);
	assert_int_equal(rig_get(&r, id).attempt, 1);
	rig_close(&r);
}

static void
unknown_to_java_waits_for_silence(void **state)
{
	struct rig r;
	int64_t id = begin(&r, &java, 0, NULL);

	rig_answer(&r, ACTION_RUN, id, 1, MESSAGE_UNKNOWN);
	rig_pass(&r, 59999);
	rig_beat(&r, JAVA, false, false);
	rig_tick(&r);
	assert_int_equal(r.n_act, 0);
	check(&r, id, INSTANCE_SENT, NULL);
	rig_pass(&r, 1);
	rig_tick(&r);
	check_attempt(&r, id, 1, ATTEMPT_LOST);
	rig_expect(&r, ACTION_RUN, id, 2, JAVA); /* never started, as far as we know: costs no retry */
	rig_close(&r);
}

static void
refused_by_java(void **state)
{
	struct rig r;
	int64_t id = begin(&r, &java, 0, NULL);

	rig_answer(&r, ACTION_RUN, id, 1, MESSAGE_NOT_SENT);
	check(&r, id, INSTANCE_WAITING, NULL);
	check_attempt(&r, id, 1, ATTEMPT_NOT_STARTED);
	rig_pass(&r, 9999);
	rig_tick(&r);
	assert_int_equal(r.n_act, 0);
	rig_pass(&r, 1000);
	rig_tick(&r);
	rig_expect(&r, ACTION_RUN, id, 2, JAVA);
	rig_close(&r);
}

static void
restart_sends_again(void **state)
{
	struct rig r;
	int64_t id = begin(&r, &pj, 0, NULL);

	rig_restart(&r);
	rig_tick(&r);
	rig_expect(&r, ACTION_RUN, id, 1, PJ); /* before any heartbeat: the row knows */
	rig_answer(&r, ACTION_RUN, id, 1, MESSAGE_ACCEPTED);
	rig_restart(&r);
	rig_tick(&r);
	assert_int_equal(r.n_act, 0);
	check(&r, id, INSTANCE_RUNNING, NULL);
	rig_close(&r);
	/* Java is not sent it twice. */
	id = begin(&r, &java, 0, NULL);
	rig_restart(&r);
	rig_tick(&r);
	assert_int_equal(r.n_act, 0);
	rig_say(&r, id, INSTANCE_RUNNING, false, 0, NULL);
	check(&r, id, INSTANCE_RUNNING, NULL);
	rig_close(&r);
}

/* --- foreign, late, doubled, reordered ---------------------------------------------------------------------------- */

static void
foreign_reports(void **state)
{
	struct rig r;
	int64_t id = begin_running(&r, &pj, 0, NULL);
	struct report rep = rig_report_of(&r, id, INSTANCE_FAILED, true, 1);

	rig_beat(&r, PJ2, true, false);
	rep.source = PJ2; /* another worker claims to have it */
	rig_report(&r, &rep);
	rep.source = PJ;
	rep.attempt = 2; /* an attempt that never was */
	rig_report(&r, &rep);
	rep.attempt = 1;
	rep.is_pj = false; /* unsigned */
	rig_report(&r, &rep);
	check(&r, id, INSTANCE_RUNNING, NULL);
	assert_int_equal(r.n_act, 0);
	/* One that runs is told to end. */
	rep.is_pj = true;
	rep.source = PJ2;
	rep.status = INSTANCE_RUNNING;
	rig_report(&r, &rep);
	rig_expect(&r, ACTION_STOP, id, 1, PJ2);
	rep.source = "10.0.0.1:22"; /* but we send nothing to where no worker is */
	rig_report(&r, &rep);
	assert_int_equal(r.n_act, 0);
	rep.source = NULL;
	rig_report(&r, &rep);
	check(&r, id, INSTANCE_RUNNING, NULL);
	rep.source = PJ;
	rep.app_id = r.app + 1;
	assert_int_equal(EVENT(&r, core_report(r.core, r.now, &rep, &r.e)), -1);
	assert_int_equal(r.e.code, ERR_FORBIDDEN);
	rep.app_id = 0;
	rep.status = 7;
	assert_int_equal(EVENT(&r, core_report(r.core, r.now, &rep, &r.e)), -1);
	assert_int_equal(r.e.code, ERR_DATA);
	rep.status = 3;
	rep.instance_id = 5;
	assert_int_equal(EVENT(&r, core_report(r.core, r.now, &rep, &r.e)), -1);
	assert_int_equal(r.e.code, ERR_NOTFOUND);
	assert_string_equal(r.e.msg, "can't find Instance by instanceId: 5");
	rig_close(&r);
}

static void
report_before_any_attempt(void **state)
{
	struct rig r;
	int64_t id;
	struct report rep;

	rig_open(&r, NULL);
	id = rig_start(&r, rig_save(&r, 0, rig_spec("job", TIME_API, NULL), true));
	rep = rig_report_of(&r, id, INSTANCE_SUCCEED, true, 1);
	rig_report(&r, &rep);
	check(&r, id, INSTANCE_WAITING, NULL);
	rig_close(&r);
}

static void
older_attempt_pj(void **state)
{
	struct rig r;
	int64_t id = begin_running(&r, &pj, 1, NULL);

	rig_pass(&r, 60000);
	rig_beat(&r, PJ, true, false);
	rig_tick(&r);
	check_attempt(&r, id, 1, ATTEMPT_LOST);
	rig_expect(&r, ACTION_RUN, id, 2, PJ);
	rig_say(&r, id, INSTANCE_RUNNING, true, 1, NULL); /* it lives after all: too late */
	rig_expect(&r, ACTION_STOP, id, 1, PJ);
	rig_answer(&r, ACTION_STOP, id, 1, MESSAGE_ACCEPTED);
	rig_say(&r, id, INSTANCE_SUCCEED, true, 1, "late");
	check(&r, id, INSTANCE_SENT, NULL);
	check_attempt(&r, id, 1, ATTEMPT_LOST);
	assert_int_equal(r.n_act, 0);
	rig_say(&r, id, INSTANCE_SUCCEED, true, 2, "right");
	check(&r, id, INSTANCE_SUCCEED, "right");
	rig_say(&r, id, INSTANCE_RUNNING, true, 2, NULL); /* reordered behind the end */
	check(&r, id, INSTANCE_SUCCEED, "right");
	check_attempt(&r, id, 2, ATTEMPT_SUCCEED);
	rig_close(&r);
}

static void
older_attempt_java(void **state)
{
	struct rig r;
	int64_t id = begin(&r, &java, 1, NULL), first;
	struct report old, rep;

	old = rig_report_of(&r, id, INSTANCE_RUNNING, false, 0);
	first = old.start_ms;
	rig_report(&r, &old);
	rig_answer(&r, ACTION_RUN, id, 1, MESSAGE_ACCEPTED);
	rig_forget(&r);
	rig_pass(&r, 60000);
	rig_beat(&r, JAVA, false, false);
	rig_tick(&r);
	rig_expect(&r, ACTION_RUN, id, 2, JAVA);
	/* The old run reports from the same address: known by its start time, and not taken for the new one. */
	rig_pass(&r, 10);
	old.report_ms = r.now.at_ms;
	rig_report(&r, &old);
	rig_expect(&r, ACTION_STOP, id, 0, JAVA);
	check(&r, id, INSTANCE_SENT, NULL);
	rep = rig_report_of(&r, id, INSTANCE_RUNNING, false, 0);
	rig_report(&r, &rep);
	check(&r, id, INSTANCE_RUNNING, NULL);
	assert_int_equal(rig_attempt(&r, id, 2).source_start_ms, rep.start_ms);
	/* Now a stop by id would hit the wanted run. */
	old.report_ms = r.now.at_ms + 5;
	rig_report(&r, &old);
	assert_int_equal(r.n_act, 0);
	old.status = INSTANCE_SUCCEED;
	old.report_ms++;
	rig_report(&r, &old);
	check(&r, id, INSTANCE_RUNNING, NULL);
	assert_int_equal(rig_attempt(&r, id, 1).source_start_ms, first);
	rep.status = INSTANCE_SUCCEED;
	rep.report_ms++;
	rig_report(&r, &rep);
	check(&r, id, INSTANCE_SUCCEED, NULL);
	rig_close(&r);
}

static void
report_times_are_per_attempt(void **state)
{
	struct rig r;
	int64_t id = begin_running(&r, &pj, 0, NULL);
	struct report rep = rig_report_of(&r, id, INSTANCE_RUNNING, true, 1);

	/* An old one does not push the silence. */
	rig_pass(&r, 59999);
	rig_report(&r, &rep);
	rig_pass(&r, 1);
	rig_tick(&r);
	check(&r, id, INSTANCE_FAILED, "worker report timeout, maybe TaskTracker down");
	rig_close(&r);
	/* A final report counts with any time: a worker whose clock went back still has a result. */
	id = begin_running(&r, &pj, 0, NULL);
	rep = rig_report_of(&r, id, INSTANCE_SUCCEED, true, 1);
	rep.report_ms -= 5000;
	rig_report(&r, &rep);
	check(&r, id, INSTANCE_SUCCEED, NULL);
	rig_close(&r);
	/* The next attempt's worker may have a clock far behind. */
	id = begin_running(&r, &pj, 1, NULL);
	rig_say(&r, id, INSTANCE_FAILED, true, 1, "x");
	rig_pass(&r, 10000);
	rig_beat(&r, PJ, true, false);
	rig_tick(&r);
	rep = rig_report_of(&r, id, INSTANCE_RUNNING, true, 2);
	rep.report_ms = T0 - 86400 * SEC;
	rig_report(&r, &rep);
	check(&r, id, INSTANCE_RUNNING, NULL);
	rig_close(&r);
}

static void
end_time_is_bounded(void **state)
{
	struct rig r;
	int64_t id = begin_running(&r, &pj, 0, NULL);
	struct report rep = rig_report_of(&r, id, INSTANCE_SUCCEED, true, 1);

	rig_pass(&r, 100);
	rep.end_ms = 5; /* 1970: retention would take the row at once */
	rig_report(&r, &rep);
	assert_int_equal(rig_get(&r, id).finished_ms, T0 + 100); /* no time that can be: when it was heard of */
	rig_close(&r);
	id = begin_running(&r, &pj, 0, NULL);
	rep = rig_report_of(&r, id, INSTANCE_SUCCEED, true, 1);
	rep.end_ms = T0 + 86400 * SEC;
	rig_report(&r, &rep);
	assert_int_equal(rig_get(&r, id).finished_ms, T0);
	rig_close(&r);
}

/* --- silence and loss --------------------------------------------------------------------------------------------- */

static void
reports_push_silence(void **state)
{
	struct rig r;
	int64_t id = begin_running(&r, &pj, 0, NULL);

	for (int n = 0; n < 9; n++) {
		rig_pass(&r, 59000);
		rig_beat(&r, PJ, true, false);
		rig_say(&r, id, INSTANCE_RUNNING, true, 1, NULL);
		rig_tick(&r);
		assert_int_equal(r.wake.mono_ms, r.now.mono_ms + 60000);
	}
	assert_false(db_dirty(r.db));
	check(&r, id, INSTANCE_RUNNING, NULL);
	rig_close(&r);
}

static void
progress_reports_write_nothing(void **state)
{
	struct rig r;
	int64_t id = begin_running(&r, &pj, 0, NULL);
	struct report rep;

	rig_pass(&r, 1000);
	rep = rig_report_of(&r, id, INSTANCE_RUNNING, true, 1);
	assert_int_equal(db_savepoint(r.db, &r.e), 0);
	assert_int_equal(core_report(r.core, r.now, &rep, &r.e), 0);
	assert_int_equal(db_release(r.db, &r.e), 0);
	assert_false(db_dirty(r.db));
	assert_int_equal(db_commit(r.db, &r.e), 0);
	rig_close(&r);
}

static void
stalls_and_restarts_are_nobodys_silence(void **state)
{
	struct rig r;
	int64_t id = begin_running(&r, &pj, 0, NULL);

	rig_pass(&r, 100000); /* the server was stopped, or its machine slept */
	core_stalled(r.core, 100000);
	rig_tick(&r);
	check(&r, id, INSTANCE_RUNNING, NULL);
	assert_int_equal(r.wake.mono_ms, r.now.mono_ms + 60000);
	rig_pass(&r, 59999);
	rig_restart(&r);
	rig_pass(&r, 59999);
	rig_tick(&r);
	check(&r, id, INSTANCE_RUNNING, NULL);
	rig_pass(&r, 1);
	rig_tick(&r);
	check(&r, id, INSTANCE_FAILED, "worker report timeout, maybe TaskTracker down");
	rig_close(&r);
}

static void
clock_jumps_are_nobodys_silence(void **state)
{
	struct rig r;
	int64_t id = begin_running(&r, &pj, 0, NULL);

	r.now.at_ms += 86400 * SEC;
	rig_tick(&r);
	check(&r, id, INSTANCE_RUNNING, NULL);
	r.now.at_ms -= 2 * 86400 * SEC;
	rig_pass(&r, 60000);
	rig_tick(&r);
	check(&r, id, INSTANCE_FAILED, NULL);
	rig_close(&r);
}

static void
on_lost_policies(void **state)
{
	struct rig r;
	int64_t id = begin_running(&r, &pj, 1, "rerun");

	rig_pass(&r, 60000);
	rig_beat(&r, PJ, true, false);
	rig_tick(&r);
	rig_expect(&r, ACTION_RUN, id, 2, PJ);
	rig_answer(&r, ACTION_RUN, id, 2, MESSAGE_ACCEPTED);
	rig_pass(&r, 60000);
	rig_tick(&r);
	check(&r, id, INSTANCE_FAILED, "worker report timeout, maybe TaskTracker down");
	check_attempt(&r, id, 2, ATTEMPT_LOST);
	rig_close(&r);

	id = begin_running(&r, &pj, 5, "fail");
	rig_pass(&r, 60000);
	rig_tick(&r);
	check(&r, id, INSTANCE_FAILED, "worker report timeout, maybe TaskTracker down");
	rig_close(&r);

	id = begin_running(&r, &pj, 5, "hold");
	for (int n = 0; n < 5; n++) {
		rig_pass(&r, 60000);
		rig_tick(&r);
		check(&r, id, INSTANCE_RUNNING, NULL);
	}
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM alarm WHERE kind = 'reported' AND text LIKE 'held by on-lost hold: "
	    "worker report timeout%'"), 1); /* a person is to decide: they are told, once */
	assert_true(r.wake.mono_ms >= r.now.mono_ms + 60000); /* no spinning */
	rig_say(&r, id, INSTANCE_SUCCEED, true, 1, "back again");
	check(&r, id, INSTANCE_SUCCEED, "back again");
	rig_close(&r);

	id = begin_running(&r, &pj, 5, "hold");
	rig_pass(&r, 60000);
	rig_tick(&r);
	assert_int_equal(EVENT(&r, core_instance_stop(r.core, r.now, r.app, id, &r.e)), 0);
	rig_expect(&r, ACTION_STOP, id, 1, PJ);
	rig_answer(&r, ACTION_STOP, id, 1, MESSAGE_GONE);
	check(&r, id, INSTANCE_STOPPED, "stopped by user");
	rig_close(&r);
}

static void
lost_by_report(void **state)
{
	struct rig r;
	int64_t id = begin(&r, &pj, 1, NULL);
	struct report rep = rig_report_of(&r, id, INSTANCE_FAILED, true, 1);

	rep.lost = true;
	rep.result = "runner lost";
	rig_report(&r, &rep);
	check_attempt(&r, id, 1, ATTEMPT_LOST);
	check(&r, id, INSTANCE_WAITING, NULL);
	assert_int_equal(rig_get(&r, id).retries_left, 0);
	assert_int_equal(rig_get(&r, id).running_times, 1);
	rig_tick(&r);
	rig_expect(&r, ACTION_RUN, id, 2, PJ);
	rep.attempt = 2;
	rig_report(&r, &rep);
	check(&r, id, INSTANCE_FAILED, "runner lost");
	rig_close(&r);
}

static void
unreachable_pj_worker(void **state)
{
	struct rig r;
	int64_t id = begin(&r, &pj, 0, NULL);

	for (int n = 0; n < 12; n++) {
		rig_answer(&r, ACTION_RUN, id, 1, MESSAGE_UNKNOWN);
		rig_pass(&r, 5000);
		rig_forget(&r);
		if (n == 11)
			rig_beat(&r, PJ2, true, false);
		rig_tick(&r);
	}
	check_attempt(&r, id, 1, ATTEMPT_LOST);
	check(&r, id, INSTANCE_SENT, NULL);
	assert_int_equal(rig_get(&r, id).attempt, 2);
	rig_close(&r);
}

/* --- stop, cancel, retry ------------------------------------------------------------------------------------------ */

static void
stop_waiting(void **state)
{
	struct rig r;
	int64_t id, job;

	rig_open(&r, NULL);
	job = rig_save(&r, 0, rig_spec("job", TIME_API, NULL), true);
	id = rig_start(&r, job);
	assert_int_equal(EVENT(&r, core_instance_stop(r.core, r.now, r.app + 1, id, &r.e)), -1);
	assert_int_equal(r.e.code, ERR_FORBIDDEN);
	assert_int_equal(EVENT(&r, core_instance_stop(r.core, r.now, r.app, 77, &r.e)), -1);
	assert_int_equal(r.e.code, ERR_NOTFOUND);
	assert_string_equal(r.e.msg, "can't find instance by instanceId: 77");
	assert_int_equal(EVENT(&r, core_instance_stop(r.core, r.now, r.app, id, &r.e)), 0);
	check(&r, id, INSTANCE_STOPPED, "stopped by user");
	assert_int_equal(EVENT(&r, core_instance_stop(r.core, r.now, r.app, id, &r.e)), -1);
	assert_int_equal(r.e.code, ERR_CONFLICT);
	assert_string_equal(r.e.msg, "can't stop finished instance!");
	rig_beat(&r, PJ, true, false);
	rig_tick(&r);
	assert_int_equal(r.n_act, 0);
	rig_close(&r);
}

static void
stop_pj_running(void **state)
{
	struct rig r;
	int64_t id = begin_running(&r, &pj, 3, NULL);
	struct report rep;

	assert_int_equal(EVENT(&r, core_instance_stop(r.core, r.now, r.app, id, &r.e)), 0);
	check(&r, id, INSTANCE_RUNNING, NULL); /* until the worker confirms */
	assert_int_equal(rig_get(&r, id).stop_ms, T0);
	rig_expect(&r, ACTION_STOP, id, 1, PJ);
	rig_answer(&r, ACTION_STOP, id, 1, MESSAGE_UNKNOWN);
	rig_pass(&r, 5000);
	rig_tick(&r);
	rig_expect(&r, ACTION_STOP, id, 1, PJ);
	rig_restart(&r);
	rig_tick(&r);
	rig_expect(&r, ACTION_STOP, id, 1, PJ);
	/* Refused: pj-workerd is down, its jobs are not. */
	rig_answer(&r, ACTION_STOP, id, 1, MESSAGE_NOT_SENT);
	check(&r, id, INSTANCE_RUNNING, NULL);
	rig_pass(&r, 5000);
	rig_tick(&r);
	rig_expect(&r, ACTION_STOP, id, 1, PJ);
	rig_answer(&r, ACTION_STOP, id, 1, MESSAGE_ACCEPTED);
	check(&r, id, INSTANCE_RUNNING, NULL);
	rig_pass(&r, 3000);
	rig_say(&r, id, INSTANCE_RUNNING, true, 1, NULL); /* its processes have their grace */
	assert_int_equal(r.n_act, 0);
	rep = rig_report_of(&r, id, INSTANCE_FAILED, true, 1);
	rep.stopped = true;
	rep.signal = 15;
	rep.result = "ended by a stop";
	rig_report(&r, &rep);
	check(&r, id, INSTANCE_STOPPED, "stopped by user"); /* and no retry */
	check_attempt(&r, id, 1, ATTEMPT_STOPPED);
	assert_string_equal(rig_attempt(&r, id, 1).result, "ended by a stop");
	assert_int_equal(rig_get(&r, id).signal, 15);
	assert_int_equal(live(&r), 0);
	rig_close(&r);
}

static void
stop_pj_sent(void **state)
{
	struct rig r;
	int64_t id = begin(&r, &pj, 0, NULL);

	assert_int_equal(EVENT(&r, core_instance_stop(r.core, r.now, r.app, id, &r.e)), 0);
	assert_int_equal(r.n_act, 0); /* the dispatch is under way: one message at a time */
	rig_answer(&r, ACTION_RUN, id, 1, MESSAGE_UNKNOWN);
	rig_expect(&r, ACTION_STOP, id, 1, PJ);
	rig_answer(&r, ACTION_STOP, id, 1, MESSAGE_GONE);
	check(&r, id, INSTANCE_STOPPED, "stopped by user");
	rig_close(&r);

	id = begin(&r, &pj, 0, NULL);
	assert_int_equal(EVENT(&r, core_instance_stop(r.core, r.now, r.app, id, &r.e)), 0);
	rig_answer(&r, ACTION_RUN, id, 1, MESSAGE_NOT_STARTED);
	check(&r, id, INSTANCE_STOPPED, "stopped by user");
	check_attempt(&r, id, 1, ATTEMPT_NOT_STARTED);
	rig_close(&r);

	id = begin(&r, &pj, 0, NULL);
	assert_int_equal(EVENT(&r, core_instance_stop(r.core, r.now, r.app, id, &r.e)), 0);
	rig_answer(&r, ACTION_RUN, id, 1, MESSAGE_ACCEPTED);
	rig_expect(&r, ACTION_STOP, id, 1, PJ);
	rig_say(&r, id, INSTANCE_SUCCEED, true, 1, "was faster");
	check(&r, id, INSTANCE_STOPPED, "stopped by user");
	check_attempt(&r, id, 1, ATTEMPT_SUCCEED);
	rig_close(&r);
}

static void
stop_pj_silent(void **state)
{
	struct rig r;
	int64_t id = begin_running(&r, &pj, 3, "rerun");

	assert_int_equal(EVENT(&r, core_instance_stop(r.core, r.now, r.app, id, &r.e)), 0);
	rig_answer(&r, ACTION_STOP, id, 1, MESSAGE_ACCEPTED);
	rig_pass(&r, 60000);
	rig_tick(&r);
	check(&r, id, INSTANCE_STOPPED, "stopped by user"); /* not run again */
	check_attempt(&r, id, 1, ATTEMPT_LOST);
	rig_beat(&r, PJ, true, false);
	rig_forget(&r);
	rig_say(&r, id, INSTANCE_RUNNING, true, 1, NULL); /* its host comes back: told again */
	rig_expect(&r, ACTION_STOP, id, 1, PJ);
	check(&r, id, INSTANCE_STOPPED, NULL);
	rig_close(&r);
}

static void
stop_java(void **state)
{
	struct rig r;
	int64_t id = begin_running(&r, &java, 3, NULL);
	struct report rep = rig_report_of(&r, id, INSTANCE_RUNNING, false, 0);

	assert_int_equal(EVENT(&r, core_instance_stop(r.core, r.now, r.app, id, &r.e)), 0);
	check(&r, id, INSTANCE_STOPPED, "stopped by user"); /* at once */
	rig_expect(&r, ACTION_STOP, id, 1, JAVA);
	rig_answer(&r, ACTION_STOP, id, 1, MESSAGE_UNKNOWN);
	rig_restart(&r);
	rig_tick(&r);
	rig_expect(&r, ACTION_STOP, id, 1, JAVA); /* the row keeps it */
	rig_answer(&r, ACTION_STOP, id, 1, MESSAGE_UNKNOWN);
	rep.report_ms += 10;
	rig_report(&r, &rep);
	rig_expect(&r, ACTION_STOP, id, 1, JAVA);
	rig_answer(&r, ACTION_STOP, id, 1, MESSAGE_ACCEPTED);
	check_attempt(&r, id, 1, ATTEMPT_STOPPED);
	assert_int_equal(live(&r), 0);
	/* It reports all the same: once more, and the state stays. */
	rig_beat(&r, JAVA, false, false);
	rep.report_ms += 10;
	rig_report(&r, &rep);
	rig_expect(&r, ACTION_STOP, id, 0, JAVA);
	rep.status = INSTANCE_SUCCEED;
	rep.report_ms += 10;
	rig_report(&r, &rep);
	check(&r, id, INSTANCE_STOPPED, "stopped by user");
	rig_tick(&r);
	assert_int_equal(r.n_act, 0);
	rig_close(&r);
}

static void
stop_java_never_answered(void **state)
{
	struct rig r;
	int64_t id = begin_running(&r, &java, 3, NULL);

	assert_int_equal(EVENT(&r, core_instance_stop(r.core, r.now, r.app, id, &r.e)), 0);
	for (int n = 0; n < 13; n++) {
		rig_answer(&r, ACTION_STOP, id, 1, MESSAGE_UNKNOWN);
		rig_pass(&r, 5000);
		rig_tick(&r);
	}
	check_attempt(&r, id, 1, ATTEMPT_LOST);
	check(&r, id, INSTANCE_STOPPED, NULL);
	assert_int_equal(live(&r), 0);
	rig_close(&r);
	/* A Java process that is not there runs nothing. */
	id = begin_running(&r, &java, 3, NULL);
	assert_int_equal(EVENT(&r, core_instance_stop(r.core, r.now, r.app, id, &r.e)), 0);
	rig_answer(&r, ACTION_STOP, id, 1, MESSAGE_NOT_SENT);
	check_attempt(&r, id, 1, ATTEMPT_STOPPED);
	rig_close(&r);
}

static void
cancel(void **state)
{
	struct rig r;
	int64_t id = begin(&r, &pj, 0, NULL), later, job = rig_get(&r, id).job_id;

	assert_int_equal(EVENT(&r, core_instance_cancel(r.core, r.now, r.app, id, &r.e)), -1);
	assert_int_equal(r.e.code, ERR_CONFLICT);
	assert_string_equal(r.e.msg, "instance already up and running");
	assert_int_equal(EVENT(&r, core_job_run(r.core, r.now, r.app, job, NULL, 9000, &later, &r.e)), 0);
	assert_int_equal(EVENT(&r, core_instance_cancel(r.core, r.now, r.app, later, &r.e)), 0);
	check(&r, later, INSTANCE_CANCELED, "canceled by user");
	rig_pass(&r, 9000);
	rig_tick(&r);
	check(&r, later, INSTANCE_CANCELED, NULL);
	rig_close(&r);
}

static void
retry_by_a_person(void **state)
{
	struct rig r;
	int64_t id = begin_running(&r, &pj, 0, NULL), job = rig_get(&r, id).job_id;
	struct job_spec s = rig_spec("job", TIME_API, NULL);
	struct instance i;

	assert_int_equal(EVENT(&r, core_instance_retry(r.core, r.now, r.app, id, &r.e)), -1);
	assert_string_equal(r.e.msg, "Only stopped instance can be retry!");
	rig_say(&r, id, INSTANCE_FAILED, true, 1, "broken");
	check(&r, id, INSTANCE_FAILED, "broken");
	s.instance_retry_num = 4;
	rig_save(&r, job, s, true);
	rig_pass(&r, 1000);
	assert_int_equal(EVENT(&r, core_instance_retry(r.core, r.now, r.app, id, &r.e)), 0);
	i = rig_get(&r, id);
	assert_int_equal(i.status, INSTANCE_WAITING);
	assert_int_equal(i.job_version, 2);
	assert_int_equal(i.retries_left, 4);
	assert_int_equal(i.expected_ms, T0 + 1000);
	assert_int_equal(i.actual_ms, NO_MS);
	assert_null(i.result);
	assert_null(i.worker);
	assert_int_equal(i.running_times, 1);
	rig_tick(&r);
	rig_expect(&r, ACTION_RUN, id, 2, PJ);
	rig_say(&r, id, INSTANCE_SUCCEED, true, 2, "fixed");
	check(&r, id, INSTANCE_SUCCEED, "fixed");
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, job, JOB_DELETED, &r.e)), 0);
	assert_int_equal(EVENT(&r, core_instance_retry(r.core, r.now, r.app, id, &r.e)), -1);
	assert_int_equal(r.e.code, ERR_NOTFOUND);
	rig_close(&r);
}

static void
retry_of_a_stop_that_java_did_not_answer(void **state)
{
	struct rig r;
	int64_t id = begin_running(&r, &java, 0, NULL);

	assert_int_equal(EVENT(&r, core_instance_stop(r.core, r.now, r.app, id, &r.e)), 0);
	rig_forget(&r);
	assert_int_equal(EVENT(&r, core_instance_retry(r.core, r.now, r.app, id, &r.e)), 0);
	check_attempt(&r, id, 1, ATTEMPT_LOST);
	rig_tick(&r);
	rig_expect(&r, ACTION_RUN, id, 2, JAVA);
	assert_int_equal(live(&r), 1);
	rig_answer(&r, ACTION_STOP, id, 1, MESSAGE_ACCEPTED); /* the old stop's answer touches nothing */
	check(&r, id, INSTANCE_SENT, NULL);
	rig_close(&r);
}

/* --- retention, ids, figures --------------------------------------------------------------------------------------- */

static void
retention(void **state)
{
	struct rig r;
	int64_t job, id = begin_running(&r, &pj, 0, NULL), last = 0;
	struct core_keep keep = { .instances_ms = 3600 * SEC, .skipped_ms = 3600 * SEC };
	struct skipped k = { .job_id = 1, .job_version = 1, .first_ms = 1, .last_ms = 2, .count = 2, .at_ms = T0,
		.reason = "missed" };
	bool more = false;
	int rounds = 0;

	job = rig_get(&r, id).job_id;
	for (int n = 0; n < 25; n++) {
		last = rig_start(&r, job);
		rig_tick(&r);
		rig_say(&r, last, INSTANCE_SUCCEED, true, 1, "ok");
		rig_answer(&r, ACTION_RUN, last, 1, MESSAGE_ACCEPTED);
	}
	for (int n = 0; n < 25; n++)
		assert_int_equal(skipped_insert(r.db, &k, &r.e), 0);
	rig_pass(&r, 3601 * SEC);
	rig_say(&r, id, INSTANCE_RUNNING, true, 1, NULL);
	do {
		assert_int_equal(EVENT(&r, core_retain(r.core, r.now, &keep, 10, &more, &r.e)), 0);
		rounds++;
	} while (more && rounds < 20);
	assert_int_equal(rounds, 3);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 1); /* the live one stays */
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM attempt"), 1);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM skipped"), 0);
	check(&r, id, INSTANCE_RUNNING, NULL);
	/* The highest id is gone, the clock goes back to before it: still no id comes again. */
	r.now.at_ms = T0 - 86400 * SEC;
	rig_restart(&r);
	assert_true(rig_start(&r, job) > last);
	rig_close(&r);
}

static void
stats(void **state)
{
	struct rig r;
	int64_t id = begin_running(&r, &pj, 0, NULL), job = rig_get(&r, id).job_id, late;
	struct core_stats s;

	rig_start(&r, job);
	rig_tick(&r);
	assert_int_equal(EVENT(&r, core_job_run(r.core, r.now, r.app, job, NULL, 9000, &late, &r.e)), 0);
	assert_int_equal(core_stats(r.core, r.now, &s, &r.e), 0);
	assert_int_equal(s.jobs_enabled, 1);
	assert_int_equal(s.waiting, 1);
	assert_int_equal(s.sent, 1);
	assert_int_equal(s.running, 1);
	assert_int_equal(s.workers_alive, 1);
	assert_int_equal(s.live_in_memory, 2);
	rig_close(&r);
}

static void
assigned_is_counted(void **state)
{
	struct rig r;
	int64_t id = begin(&r, &pj, 0, NULL);

	assert_int_equal(workers_find(core_workers(r.core), r.app, PJ)->assigned, 1);
	rig_restart(&r);
	rig_beat(&r, PJ, true, false);
	assert_int_equal(workers_find(core_workers(r.core), r.app, PJ)->assigned, 1);
	rig_say(&r, id, INSTANCE_SUCCEED, true, 1, "ok");
	assert_int_equal(workers_find(core_workers(r.core), r.app, PJ)->assigned, 0);
	rig_close(&r);
}

/* --- faults -------------------------------------------------------------------------------------------------------- */

static void
fault(struct rig *r, const char *table, const char *what)
{
	char sql[256];

	snprintf(sql, sizeof sql, "CREATE TEMP TRIGGER fault BEFORE %s ON main.%s BEGIN SELECT RAISE(ABORT, 'fault'); END", what,
	    table);
	assert_int_equal(db_exec(r->db, sql, &r->e), 0);
	assert_int_equal(db_commit(r->db, &r->e), 0);
}

static void
mend(struct rig *r)
{
	assert_int_equal(db_exec(r->db, "DROP TRIGGER fault", &r->e), 0);
	assert_int_equal(db_commit(r->db, &r->e), 0);
}

static void
failed_events_leave_no_trace(void **state)
{
	struct rig r;
	struct report rep;
	int64_t id;

	rig_open(&r, NULL);
	rig_beat(&r, PJ, true, false);
	id = rig_start(&r, rig_save(&r, 0, rig_spec("job", TIME_API, NULL), true));
	fault(&r, "instance", "UPDATE"); /* the attempt is written already */
	assert_int_equal(EVENT(&r, core_tick(r.core, r.now, &r.wake, &r.e)), -1);
	assert_int_equal(r.n_act, 0);
	mend(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM attempt"), 0);
	rig_tick(&r);
	rig_expect(&r, ACTION_RUN, id, 1, PJ);
	fault(&r, "instance", "UPDATE");
	assert_int_equal(EVENT(&r, core_answer(r.core, r.now, ACTION_RUN, id, 1, MESSAGE_ACCEPTED, "", &r.e)), -1);
	rep = rig_report_of(&r, id, INSTANCE_SUCCEED, true, 1);
	assert_int_equal(EVENT(&r, core_report(r.core, r.now, &rep, &r.e)), -1);
	mend(&r);
	check(&r, id, INSTANCE_SENT, NULL);
	rig_tick(&r); /* the answer was lost with its event: asked again */
	rig_expect(&r, ACTION_RUN, id, 1, PJ);
	assert_int_equal(live(&r), 1);
	rig_report(&r, &rep);
	check(&r, id, INSTANCE_SUCCEED, NULL);
	assert_int_equal(live(&r), 0);
	rig_close(&r);
}

static void
a_message_under_way_stays_so_over_a_failed_event(void **state)
{
	struct rig r;
	struct report rep;
	int64_t id = begin(&r, &pj, 0, NULL);

	fault(&r, "attempt", "UPDATE");
	rep = rig_report_of(&r, id, INSTANCE_RUNNING, true, 1);
	assert_int_equal(EVENT(&r, core_report(r.core, r.now, &rep, &r.e)), -1);
	mend(&r);
	rig_tick(&r);
	assert_int_equal(r.n_act, 0);
	rig_answer(&r, ACTION_RUN, id, 1, MESSAGE_ACCEPTED);
	check(&r, id, INSTANCE_RUNNING, NULL);
	rig_close(&r);
}

/* A burst waits in its rows, not in messages: those that are not sent yet can still go to another worker. */
static void
messages_under_way_are_bounded(void **state)
{
	struct rig r;
	int64_t job;
	int sent, rest = 0;

	rig_open(&r, NULL);
	rig_beat(&r, PJ, true, false);
	job = rig_save(&r, 0, rig_spec("many", TIME_API, NULL), true);
	for (int i = 0; i < 2500; i++)
		rig_start(&r, job);
	rig_forget(&r);
	for (int i = 0; i < 20; i++)
		rig_tick(&r);
	sent = r.n_act;
	assert_int_equal(sent, WORKER_UNANSWERED_MAX);
	assert_true(r.wake.at_ms > r.now.at_ms); /* it sleeps until an answer comes */
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE status = 1"), 2500 - sent);
	rig_answer(&r, ACTION_RUN, r.act[0].instance_id, 1, MESSAGE_ACCEPTED);
	rig_tick(&r);
	assert_int_equal(r.n_act, sent + 1);
	rig_succeed_all(&r);
	for (int i = 0; i < 20; i++) {
		rig_tick(&r);
		rest += r.n_act;
		rig_succeed_all(&r);
	}
	assert_int_equal(sent + 1 + rest, 2500);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE status = 5"), 2500);
	rig_close(&r);
}

/* One that does not answer gets so many messages, and then the others all of them. */
static void
a_worker_that_hangs_holds_up_no_other(void **state)
{
	struct rig r;
	int64_t job;
	int hung = 0;

	rig_open(&r, NULL);
	rig_beat(&r, PJ, true, false);
	rig_beat(&r, PJ2, true, false);
	job = rig_save(&r, 0, rig_spec("many", TIME_API, NULL), true);
	for (int i = 0; i < 1500; i++)
		rig_start(&r, job);
	for (int i = 0; i < 40; i++) {
		rig_tick(&r);
		for (int k = 0; k < r.n_act; k++) {
			struct action a = r.act[k];

			hung += strcmp(a.worker, PJ2) == 0;
			if (strcmp(a.worker, PJ) != 0)
				continue;
			rig_answer(&r, ACTION_RUN, a.instance_id, a.attempt, MESSAGE_ACCEPTED);
			rig_say(&r, a.instance_id, INSTANCE_SUCCEED, true, a.attempt, "ok");
		}
		rig_forget(&r);
	}
	assert_in_range(hung, 1, WORKER_UNANSWERED_MAX);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE status = 5"), 1500 - hung);
	rig_close(&r);
}

/* All messages that may be under way are, to the workers of one app: another app's go nevertheless. */
static void
an_app_that_hangs_holds_up_no_other(void **state)
{
	struct rig r;
	struct heartbeat hb = { .address = PJ2, .is_pj = true, .at_ms = T0, .metrics = { .cpu_processors = 4 } };
	struct job_spec s = rig_spec("other", TIME_API, NULL);
	int64_t other, job, mine, out;

	rig_open(&r, NULL);
	assert_int_equal(app_add(r.db, "other", "secret", T0, &other, &r.e), 0);
	for (int i = 0; i < 12; i++) {
		char address[32];

		snprintf(address, sizeof address, "127.0.0.1:%d", 40000 + i);
		rig_beat(&r, address, true, false);
	}
	hb.app_id = other;
	assert_int_equal(core_heartbeat(r.core, r.now, &hb, &r.e), 0);
	job = rig_save(&r, 0, rig_spec("job", TIME_API, NULL), true);
	for (int i = 0; i < 3000; i++)
		rig_start(&r, job);
	for (int i = 0; i < 40; i++)
		rig_tick(&r);
	assert_int_equal(r.n_act, 2048);
	assert_true(r.wake.at_ms > r.now.at_ms && r.wake.mono_ms > r.now.mono_ms);
	assert_int_equal(EVENT(&r, core_job_save(r.core, r.now, other, 0, &s, true, &out, &r.e)), 0);
	job_spec_fini(&s);
	for (int i = 0; i < 10; i++) {
		rig_forget(&r);
		assert_int_equal(EVENT(&r, core_job_run(r.core, r.now, other, out, NULL, 0, &mine, &r.e)), 0);
		rig_tick(&r);
		rig_expect(&r, ACTION_RUN, mine, 1, PJ2);
	}
	rig_close(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pj_succeeds), cmocka_unit_test(java_succeeds), cmocka_unit_test(report_overtakes_the_answer),
		cmocka_unit_test(result_is_cut), cmocka_unit_test(retries_pj), cmocka_unit_test(retries_java),
		cmocka_unit_test(delay_survives_a_restart), cmocka_unit_test(no_worker),
		cmocka_unit_test(grace_ends_with_the_first_heartbeat), cmocka_unit_test(silent_worker_is_none),
		cmocka_unit_test(full_workers_mean_wait), cmocka_unit_test(slots_of_a_pj_worker),
		cmocka_unit_test(one_apps_full_workers_hold_up_nobody_else),
		cmocka_unit_test(a_job_without_room_holds_up_no_other), cmocka_unit_test(too_many_instances),
		cmocka_unit_test(deleted_job_is_not_dispatched), cmocka_unit_test(delayed_run),
		cmocka_unit_test(not_started_takes_another_worker), cmocka_unit_test(not_started_by_report),
		cmocka_unit_test(unknown_is_sent_again_to_pj), cmocka_unit_test(unknown_to_java_waits_for_silence),
		cmocka_unit_test(refused_by_java), cmocka_unit_test(restart_sends_again), cmocka_unit_test(foreign_reports),
		cmocka_unit_test(report_before_any_attempt), cmocka_unit_test(older_attempt_pj),
		cmocka_unit_test(older_attempt_java), cmocka_unit_test(report_times_are_per_attempt),
		cmocka_unit_test(end_time_is_bounded), cmocka_unit_test(reports_push_silence),
		cmocka_unit_test(progress_reports_write_nothing), cmocka_unit_test(stalls_and_restarts_are_nobodys_silence),
		cmocka_unit_test(clock_jumps_are_nobodys_silence), cmocka_unit_test(on_lost_policies),
		cmocka_unit_test(lost_by_report), cmocka_unit_test(unreachable_pj_worker), cmocka_unit_test(stop_waiting),
		cmocka_unit_test(stop_pj_running), cmocka_unit_test(stop_pj_sent), cmocka_unit_test(stop_pj_silent),
		cmocka_unit_test(stop_java), cmocka_unit_test(stop_java_never_answered), cmocka_unit_test(cancel),
		cmocka_unit_test(retry_by_a_person), cmocka_unit_test(retry_of_a_stop_that_java_did_not_answer),
		cmocka_unit_test(retention), cmocka_unit_test(stats), cmocka_unit_test(assigned_is_counted),
		cmocka_unit_test(messages_under_way_are_bounded), cmocka_unit_test(a_worker_that_hangs_holds_up_no_other),
		cmocka_unit_test(an_app_that_hangs_holds_up_no_other),
		cmocka_unit_test(failed_events_leave_no_trace),
		cmocka_unit_test(a_message_under_way_stays_so_over_a_failed_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

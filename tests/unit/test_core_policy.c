/* Misfire, overlap, deadline, jitter, and clocks that are set: each nominal time gets exactly one verdict. */
#include "core_rig.h"
#include "job/verify.h"

#define MIN 60000LL
#define HOUR (60 * MIN)
#define DAY (24 * HOUR)
#define YEARS70 (25567 * DAY)

static void
word(char **at, const char *text)
{
	free(*at);
	*at = strdup(text);
}

static struct job_spec
minutely(const char *misfire)
{
	struct job_spec s = rig_spec("job", TIME_CRON, "0 * * * * ?");

	word(&s.misfire, misfire);
	return s;
}

static void
print_finding(const char *rule, const struct job *j, int64_t at_ms, const char *finding, void *arg)
{
	print_message("%s: %s: %s\n", j->spec.name, rule, finding);
	snprintf(arg, 32, "%s", rule);
}

/* How many findings; the rule of the last one. */
static int
verify(struct rig *r, char rule[32])
{
	struct job j;
	int n = 0;

	rule[0] = '\0';
	if (job_get(r->db, 1, &j, &r->e) < 0 || verify_job(r->db, &j, 0, print_finding, rule, &n, &r->e) < 0)
		rig_die(r, "verify");
	job_fini(&j);
	db_commit(r->db, NULL);
	return n;
}

/* Every minute up to the next trigger has one verdict: as many as there are, none twice. */
static void
each_minute_once(struct rig *r)
{
	int64_t next = rig_sql(r, "SELECT next_trigger_ms FROM job"), n = (next - T0) / MIN - 1;
	char rule[32];

	assert_int_equal(verify(r, rule), 0);

	assert_int_equal(rig_sql(r, "SELECT (SELECT count(*) FROM instance WHERE nominal_ms < (SELECT next_trigger_ms FROM job))"
	    " + (SELECT coalesce(sum(count), 0) FROM skipped)"), n);
	assert_int_equal(rig_sql(r, "SELECT count(*) FROM skipped s JOIN instance i ON i.nominal_ms BETWEEN s.first_ms AND"
	    " s.last_ms"), 0);
	assert_int_equal(rig_sql(r, "SELECT count(*) FROM skipped a JOIN skipped b ON a.id < b.id AND a.first_ms <= b.last_ms"
	    " AND b.first_ms <= a.last_ms"), 0);
	assert_int_equal(rig_sql(r, "SELECT count(*) FROM skipped WHERE count <> (last_ms - first_ms) / 60000 + 1"), 0);
	assert_int_equal(rig_sql(r, "SELECT count(*) FROM instance WHERE actual_ms < nominal_ms"), 0);
}

static void
away(struct rig *r, int64_t ms)
{
	rig_pass(r, ms);
	rig_restart(r);
	rig_beat(r, PJ, true, false);
	for (int i = 0; i < 200; i++) {
		rig_tick(r);
		rig_succeed_all(r);
		if (r->wake.at_ms > r->now.at_ms)
			break;
	}
}

static void
misfire_policies(void **state)
{
	static const struct {
		const char *misfire;
		int64_t window, max, n, first; /* how many run of 60 past minutes, the first of them */
	} t[] = {
		{ "once", 0, 100, 1, 1 }, { "once", 10 * MIN, 100, 1, 50 }, { "once", 5 * SEC, 100, 1, 60 },
		{ "none", 0, 100, 1, 60 }, { "all", 0, 100, 60, 1 }, { "all", 0, 7, 7, 54 }, { "all", 20 * MIN, 100, 21, 40 },
		{ "all", 20 * MIN, 5, 5, 56 },
	};

	for (size_t k = 0; k < sizeof t / sizeof t[0]; k++) {
		struct rig r;
		struct job_spec s = minutely(t[k].misfire);

		rig_open(&r, NULL);
		s.misfire_window_ms = t[k].window;
		s.misfire_max = t[k].max;
		rig_save(&r, 0, s, true);
		away(&r, 60 * MIN);
		assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), t[k].n);
		assert_int_equal(rig_sql(&r, "SELECT min(nominal_ms) FROM instance"), T0 + t[k].first * MIN);
		assert_int_equal(rig_sql(&r, "SELECT count(*) FROM skipped WHERE reason <> 'missed'"), 0);
		assert_int_equal(rig_sql(&r, "SELECT next_trigger_ms FROM job"), T0 + 61 * MIN);
		each_minute_once(&r);
		rig_run_until(&r, T0 + 70 * MIN, true);
		rig_succeed_all(&r);
		assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), t[k].n + 10);
		each_minute_once(&r);
		rig_close(&r);
	}
}

static void
none_leaves_out_what_is_late(void **state)
{
	struct rig r;

	rig_open(&r, NULL);
	rig_save(&r, 0, minutely("none"), true);
	away(&r, 60 * MIN + 11 * SEC);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 0);
	assert_int_equal(rig_sql(&r, "SELECT count FROM skipped"), 60);
	rig_run_until(&r, T0 + 61 * MIN, true);
	rig_succeed_all(&r);
	assert_int_equal(rig_sql(&r, "SELECT nominal_ms FROM instance"), T0 + 61 * MIN);
	each_minute_once(&r);
	rig_close(&r);
}

static void
all_at_a_rate(void **state)
{
	struct rig r;
	struct job_spec s = minutely("all");

	rig_open(&r, NULL);
	s.misfire_rate = 6;
	rig_save(&r, 0, s, true);
	away(&r, 90 * MIN);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE status = 5"), 2); /* the oldest, and the one in time */
	rig_run_until(&r, T0 + 106 * MIN, true);
	rig_succeed_all(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE status = 5"), 106);
	/* 89 that are late, 10 s between them; the regular ones come in time beside them. */
	assert_int_equal(rig_sql(&r, "SELECT max(n) FROM (SELECT count(*) AS n FROM instance WHERE nominal_ms < 1763683200000 +"
	    " 90 * 60000 GROUP BY actual_ms / 60000)"), 6);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE nominal_ms >= 1763683200000 + 90 * 60000 AND"
	    " actual_ms > nominal_ms"), 0);
	each_minute_once(&r);
	rig_close(&r);
}

static void
disabled_is_no_misfire(void **state)
{
	struct rig r;
	int64_t id;

	rig_open(&r, NULL);
	id = rig_save(&r, 0, minutely("all"), true);
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, id, JOB_DISABLED, &r.e)), 0);
	away(&r, 60 * MIN + 30 * SEC);
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, id, JOB_ENABLED, &r.e)), 0);
	rig_run_until(&r, T0 + 62 * MIN, true);
	rig_succeed_all(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 2);
	assert_int_equal(rig_sql(&r, "SELECT count FROM skipped WHERE reason = 'disabled'"), 60);
	each_minute_once(&r);
	rig_close(&r);
}

/* A second absence, while the first is still made up for, does not double the rate. */
static void
one_rate_for_two_absences(void **state)
{
	struct rig r;
	struct job_spec s = minutely("all");

	rig_open(&r, NULL);
	s.misfire_rate = 2;
	rig_save(&r, 0, s, true);
	rig_pass(&r, 40 * MIN + 37 * SEC);
	rig_restart(&r);
	rig_run_until(&r, T0 + 45 * MIN, true);
	rig_pass(&r, 5 * MIN + 20 * SEC);
	rig_restart(&r);
	rig_run_until(&r, T0 + 100 * MIN, true);
	rig_succeed_all(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE created_ms > nominal_ms + 10000 AND status = 5"), 45);
	assert_int_equal(rig_sql(&r, "SELECT min(b.expected_ms - a.expected_ms) FROM instance a JOIN instance b ON b.id > a.id"
	    " WHERE a.created_ms > a.nominal_ms + 10000 AND b.created_ms > b.nominal_ms + 10000"), 30 * SEC);
	each_minute_once(&r);
	rig_close(&r);
}

/* Unless who enables it says so: then a pause is as a downtime. */
static void
a_pause_is_made_up(void **state)
{
	static const struct { const char *misfire; int ran, missed; } t[] = { { "once", 1, 59 }, { "none", 0, 60 }, { "all", 60, 0 } };

	for (size_t k = 0; k < sizeof t / sizeof t[0]; k++) {
		struct rig r;
		int64_t id;

		rig_open(&r, NULL);
		id = rig_save(&r, 0, minutely(t[k].misfire), true);
		assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, id, JOB_DISABLED, &r.e)), 0);
		away(&r, 60 * MIN + 30 * SEC);
		assert_int_equal(EVENT(&r, core_job_make_up(r.core, r.now, r.app, id, &r.e)), 0);
		rig_run_until(&r, T0 + 62 * MIN, true);
		rig_succeed_all(&r);
		assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), t[k].ran + 2);
		assert_int_equal(rig_sql(&r, "SELECT coalesce(sum(count), 0) FROM skipped WHERE reason = 'missed'"), t[k].missed);
		assert_int_equal(rig_sql(&r, "SELECT count(*) FROM skipped WHERE reason <> 'missed'"), 0);
		each_minute_once(&r);
		rig_close(&r);
	}
}

/* What is over when it is enabled has its times to come to, and then is over. */
static void
a_pause_past_the_end_is_made_up(void **state)
{
	struct rig r;
	struct job_spec s = rig_spec("once", TIME_CRON, "@at 2025-11-21T00:10:00Z");
	int64_t id;

	rig_open(&r, NULL);
	id = rig_save(&r, 0, s, true);
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, id, JOB_DISABLED, &r.e)), 0);
	away(&r, 60 * MIN);
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, id, JOB_ENABLED, &r.e)), -1);
	assert_int_equal(EVENT(&r, core_job_make_up(r.core, r.now, r.app, id, &r.e)), 0);
	rig_run_until(&r, T0 + 61 * MIN, true);
	rig_succeed_all(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE status = 5 AND nominal_ms = 1763683200000 + 600000"), 1);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM job WHERE status = 2 AND over_ms IS NOT NULL"), 1);
	rig_close(&r);
}

/* --- overlap ----------------------------------------------------------------------------------------------------- */

static int64_t
overlapping_at_most(struct rig *r, const char *overlap, int64_t most)
{
	struct job_spec s = minutely("once");
	int64_t id;

	rig_open(r, NULL);
	word(&s.overlap, overlap);
	s.max_instance_num = most;
	r->conf.report_timeout_ms = HOUR;
	core_set_timeouts(r->core, &r->conf);
	id = rig_save(r, 0, s, true);
	rig_run_until(r, T0 + MIN, false);
	assert_int_equal(r->n_act, 1); /* the first one runs, and goes on */
	rig_answer(r, ACTION_RUN, r->act[0].instance_id, 1, MESSAGE_ACCEPTED);
	return id;
}

static int64_t
overlapping(struct rig *r, const char *overlap)
{
	return overlapping_at_most(r, overlap, 0);
}

static void
hear(struct rig *r, int64_t id)
{
	rig_say(r, id, INSTANCE_RUNNING, true, 1, NULL);
}

static void
overlap_skip(void **state)
{
	struct rig r;
	int64_t first, hand;

	overlapping(&r, "skip");
	first = r.act[0].instance_id;
	rig_forget(&r);
	for (int i = 2; i <= 5; i++) {
		rig_run_until(&r, T0 + i * MIN, false);
		hear(&r, first);
	}
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 1);
	assert_int_equal(rig_sql(&r, "SELECT count FROM skipped WHERE reason = 'overlap'"), 4); /* one row */
	hand = rig_start(&r, 1); /* by hand it was asked for */
	rig_tick(&r);
	assert_int_equal(rig_get(&r, hand).status, INSTANCE_SENT);
	rig_succeed_all(&r);
	rig_say(&r, first, INSTANCE_SUCCEED, true, 1, "ok");
	rig_run_until(&r, T0 + 6 * MIN, true);
	rig_succeed_all(&r);
	assert_int_equal(rig_sql(&r, "SELECT max(nominal_ms) FROM instance"), T0 + 6 * MIN);
	each_minute_once(&r);
	rig_close(&r);
}

static struct job_spec
late_by(const char *name, int64_t jitter_ms)
{
	struct job_spec s = minutely("all");

	word(&s.overlap, "skip");
	word(&s.name, name);
	s.jitter_ms = jitter_ms;
	return s;
}

/* Each run from its own start on takes so long. */
static void
run_each_for(struct rig *r, int64_t run_ms, int64_t until_ms)
{
	int64_t id = 0, end_ms = INT64_MAX;

	for (; r->now.at_ms < until_ms; rig_run_until(r, r->now.at_ms + SEC, false)) {
		if (r->now.at_ms >= end_ms) {
			rig_say(r, id, INSTANCE_SUCCEED, true, 1, "ok");
			end_ms = INT64_MAX;
		}
		if (r->n_act == 0)
			continue;
		assert_int_equal(end_ms, INT64_MAX); /* one at a time */
		id = r->act[0].instance_id;
		rig_answer(r, ACTION_RUN, id, 1, MESSAGE_ACCEPTED);
		end_ms = r->now.at_ms + run_ms;
		rig_forget(r);
	}
	if (end_ms != INT64_MAX)
		rig_say(r, id, INSTANCE_SUCCEED, true, 1, "ok");
}

/* An overlap is one when it is to start, not at its nominal time. */
static void
overlap_skip_and_jitter(void **state)
{
	struct rig r;
	int64_t id;

	rig_open(&r, NULL);
	r.conf.report_timeout_ms = HOUR;
	core_set_timeouts(r.core, &r.conf);
	rig_save(&r, 0, late_by("job", 55 * SEC), true);
	run_each_for(&r, 50 * SEC, T0 + 10 * MIN + 59 * SEC);
	assert_true(rig_sql(&r, "SELECT min(expected_ms - nominal_ms) FROM instance") > 11 * SEC);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE status = 5"), 10);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM skipped"), 0);
	run_each_for(&r, 70 * SEC, T0 + 20 * MIN + 59 * SEC);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE status = 5"), 15);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE status = 9 AND result ="
	    " 'another instance of the job was running'"), 5);
	each_minute_once(&r);
	/* Who wants one of them after all gets it, beside another one. */
	id = rig_sql(&r, "SELECT min(id) FROM instance WHERE status = 9");
	rig_start(&r, 1);
	rig_tick(&r);
	assert_int_equal(EVENT(&r, core_instance_retry(r.core, r.now, r.app, id, &r.e)), 0);
	rig_forget(&r);
	rig_tick(&r);
	rig_expect(&r, ACTION_RUN, id, 1, PJ);
	rig_close(&r);
}

/* What is made up for at a rate does not overlap by being past. */
static void
overlap_skip_and_rate(void **state)
{
	struct job_spec s = late_by("job", 0);
	struct rig r;

	rig_open(&r, NULL);
	s.misfire_rate = 4;
	rig_save(&r, 0, s, true);
	rig_pass(&r, 10 * MIN + 37 * SEC);
	rig_restart(&r);
	rig_run_until(&r, T0 + 14 * MIN, true);
	rig_succeed_all(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE status = 5 AND nominal_ms <= 1763683200000 + 600000"), 10);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM skipped"), 0);
	each_minute_once(&r);
	rig_close(&r);
}

/* What somebody wants to run later is not under way now. */
static void
overlap_skip_and_a_run_to_come(void **state)
{
	struct rig r;
	int64_t id;

	rig_open(&r, NULL);
	rig_save(&r, 0, late_by("job", 0), true);
	assert_int_equal(EVENT(&r, core_job_run(r.core, r.now, r.app, 1, NULL, 5 * MIN + 30 * SEC, &id, &r.e)), 0);
	rig_run_until(&r, T0 + 10 * MIN, true);
	rig_succeed_all(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE status = 5"), 11);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM skipped"), 0);
	rig_close(&r);
}

static void
overlap_queue(void **state)
{
	struct rig r;
	int64_t running;

	overlapping(&r, "queue");
	running = r.act[0].instance_id;
	rig_forget(&r);
	for (int i = 2; i <= 4; i++) {
		rig_run_until(&r, T0 + i * MIN + 1, false);
		hear(&r, running);
	}
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE status = 1"), 3);
	for (int i = 2; i <= 4; i++) { /* in order, each at the end of the one before */
		rig_forget(&r);
		rig_say(&r, running, INSTANCE_SUCCEED, true, 1, "ok");
		rig_tick(&r);
		assert_int_equal(r.n_act, 1);
		running = r.act[0].instance_id;
		assert_int_equal(rig_get(&r, running).nominal_ms, T0 + i * MIN);
		rig_answer(&r, ACTION_RUN, running, 1, MESSAGE_ACCEPTED);
	}
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM skipped"), 0);
	rig_close(&r);
}

static void
overlap_queue_waits_for_a_retry(void **state)
{
	struct rig r;
	struct job_spec s = minutely("once");
	int64_t first;

	rig_open(&r, NULL);
	word(&s.overlap, "queue");
	s.instance_retry_num = 1;
	s.retry_delay_ms = 90 * SEC;
	rig_save(&r, 0, s, true);
	rig_run_until(&r, T0 + MIN, false);
	first = r.act[0].instance_id;
	rig_answer(&r, ACTION_RUN, first, 1, MESSAGE_ACCEPTED);
	rig_say(&r, first, INSTANCE_FAILED, true, 1, "no");
	rig_forget(&r);
	rig_run_until(&r, T0 + 2 * MIN + 10 * SEC, false);
	assert_int_equal(r.n_act, 0); /* the second one is due, the first not at its end */
	rig_run_until(&r, T0 + 2 * MIN + 31 * SEC, false);
	rig_expect(&r, ACTION_RUN, first, 2, PJ);
	rig_close(&r);
}

static void
overlap_replace(void **state)
{
	struct rig r;
	struct report rep;
	int64_t first, third;

	overlapping(&r, "replace");
	first = r.act[0].instance_id;
	rig_forget(&r);
	rig_run_until(&r, T0 + 2 * MIN + 1, false);
	rig_expect(&r, ACTION_STOP, first, 1, PJ);
	rig_answer(&r, ACTION_STOP, first, 1, MESSAGE_ACCEPTED);
	hear(&r, first);
	rig_run_until(&r, T0 + 3 * MIN + 1, false); /* it takes its time: the third takes the place of the second */
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE status = 3"), 1);
	rep = rig_report_of(&r, first, INSTANCE_FAILED, true, 1);
	rep.stopped = true;
	rig_report(&r, &rep);
	rig_forget(&r);
	rig_tick(&r);
	assert_int_equal(r.n_act, 1);
	third = r.act[0].instance_id;
	assert_int_equal(rig_get(&r, third).nominal_ms, T0 + 3 * MIN);
	assert_int_equal(rig_get(&r, first).status, INSTANCE_STOPPED);
	assert_string_equal(rig_get(&r, first).result, "replaced by a newer instance");
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE status = 9 AND result = 'replaced by a newer instance'"
	    " AND nominal_ms = 1763683200000 + 120000"), 1);
	each_minute_once(&r);
	rig_close(&r);
}

/* Who says both wants one at a time, and none to fail for it. */
static void
overlap_beside_max_instances(void **state)
{
	struct rig r;
	struct report rep;
	int64_t first, second;

	overlapping_at_most(&r, "queue", 1);
	first = r.act[0].instance_id;
	rig_forget(&r);
	rig_run_until(&r, T0 + 2 * MIN + 1, false);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE status = 1"), 1);
	rig_say(&r, first, INSTANCE_SUCCEED, true, 1, "ok");
	rig_tick(&r);
	assert_int_equal(r.n_act, 1);
	rig_close(&r);

	overlapping_at_most(&r, "replace", 1);
	first = r.act[0].instance_id;
	rig_forget(&r);
	rig_run_until(&r, T0 + 2 * MIN + 1, false);
	rig_expect(&r, ACTION_STOP, first, 1, PJ);
	rig_answer(&r, ACTION_STOP, first, 1, MESSAGE_ACCEPTED);
	rep = rig_report_of(&r, first, INSTANCE_FAILED, true, 1);
	rep.stopped = true;
	rig_report(&r, &rep);
	rig_forget(&r);
	rig_tick(&r);
	second = r.act[0].instance_id;
	rig_expect(&r, ACTION_RUN, second, 1, PJ);
	assert_int_equal(rig_get(&r, second).nominal_ms, T0 + 2 * MIN);

	rig_close(&r);

	overlapping_at_most(&r, "skip", 1); /* and one by hand, which is asked for, is one too many */
	first = rig_start(&r, 1);
	rig_tick(&r);
	assert_string_equal(rig_get(&r, first).result, "too many instances(1>1)");
	rig_close(&r);
}

/* More wait for the first one's end than a tick looks at, and in every tick something else ends. */
static void
a_long_queue_holds_up_nobody(void **state)
{
	struct rig r;
	struct job_spec s = rig_spec("queue", TIME_API, NULL);
	int64_t queued, other, first, id;

	rig_open(&r, NULL);
	rig_beat(&r, PJ, true, false);
	word(&s.overlap, "queue");
	queued = rig_save(&r, 0, s, true);
	other = rig_save(&r, 0, rig_spec("other", TIME_API, NULL), true);
	first = rig_start(&r, queued);
	rig_tick(&r);
	rig_expect(&r, ACTION_RUN, first, 1, PJ);
	for (int i = 0; i < 5 * r.conf.batch; i++)
		rig_start(&r, queued);
	for (int i = 0; i < 20; i++) {
		id = rig_start(&r, other);
		rig_pass(&r, 100);
		rig_beat(&r, PJ, true, false);
		rig_tick(&r);
		rig_succeed_all(&r);
	}
	assert_in_range(rig_sql(&r, "SELECT count(*) FROM instance WHERE job_id = 2 AND status = 5"), 13, 20);
	rig_tick(&r);
	rig_succeed_all(&r);
	assert_int_equal(rig_get(&r, id).status, INSTANCE_SUCCEED);
	assert_true(r.wake.mono_ms > r.now.mono_ms + 10 * SEC); /* nobody asks again and again */
	rig_say(&r, first, INSTANCE_SUCCEED, true, 1, "ok");
	rig_tick(&r);
	assert_int_equal(r.n_act, 1); /* its end brings the next one, and only that */
	rig_close(&r);
}

/* The same where its own worker has no room. */
static void
a_long_wait_for_a_worker_holds_up_nobody(void **state)
{
	struct rig r;
	struct job_spec s = rig_spec("of its own", TIME_API, NULL);
	int64_t own, other;

	rig_open(&r, NULL);
	s.designated_workers = strdup(PJ2);
	own = rig_save(&r, 0, s, true);
	other = rig_save(&r, 0, rig_spec("other", TIME_API, NULL), true);
	for (int i = 0; i < 5 * r.conf.batch; i++)
		rig_start(&r, own);
	for (int i = 0; i < 20; i++) {
		rig_start(&r, other);
		rig_pass(&r, 10);
		rig_beat(&r, PJ2, true, true);
		rig_beat(&r, PJ, true, false);
		rig_tick(&r);
		rig_succeed_all(&r);
	}
	assert_in_range(rig_sql(&r, "SELECT count(*) FROM instance WHERE job_id = 2 AND status = 5"), 12, 20);
	rig_beat(&r, PJ2, true, false);
	rig_run_until(&r, r.now.at_ms + 3 * SEC, true);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE status = 1"), 0);
	rig_close(&r);
}

/* Those that wait, and what they wait for is taken away from behind them or before them, or the server is. */
static void
a_queue_goes_on(void **state)
{
	struct rig r;
	int64_t running, next;

	overlapping(&r, "queue");
	running = r.act[0].instance_id;
	for (int i = 2; i <= 6; i++) {
		rig_run_until(&r, T0 + i * MIN + 1, false);
		hear(&r, running);
	}
	rig_restart(&r);
	rig_beat(&r, PJ, true, false);
	hear(&r, running);
	next = rig_sql(&r, "SELECT min(id) FROM instance WHERE status = 1");
	assert_int_equal(EVENT(&r, core_instance_cancel(r.core, r.now, r.app, next, &r.e)), 0);
	rig_tick(&r);
	assert_int_equal(r.n_act, 0);
	rig_say(&r, running, INSTANCE_SUCCEED, true, 1, "ok");
	/* The next one has its turn; before it is dispatched, somebody cancels it. */
	next = rig_sql(&r, "SELECT min(id) FROM instance WHERE status = 1");
	assert_int_equal(EVENT(&r, core_instance_cancel(r.core, r.now, r.app, next, &r.e)), 0);
	rig_tick(&r);
	assert_int_equal(r.n_act, 1);
	running = r.act[0].instance_id;
	assert_int_equal(rig_get(&r, running).nominal_ms, T0 + 4 * MIN);
	rig_forget(&r);
	/* It never started: the same one again, and not the one behind it. */
	rig_answer(&r, ACTION_RUN, running, 1, MESSAGE_NOT_STARTED);
	rig_run_until(&r, r.now.at_ms + 3 * SEC, false);
	rig_expect(&r, ACTION_RUN, running, 2, PJ);
	/* Its canceled forerunner is wanted after all: behind what runs. */
	assert_int_equal(EVENT(&r, core_instance_retry(r.core, r.now, r.app, next, &r.e)), 0);
	rig_tick(&r);
	assert_int_equal(r.n_act, 0);
	rig_answer(&r, ACTION_RUN, running, 2, MESSAGE_ACCEPTED);
	rig_run_until(&r, r.now.at_ms + 3 * MIN, true);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE status = 1"), 3 + 3); /* all wait for the one */
	rig_say(&r, running, INSTANCE_SUCCEED, true, 2, "ok");
	rig_run_until(&r, r.now.at_ms + MIN - 1, true);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE status <> 5 AND status <> 9"), 0);
	each_minute_once(&r);
	rig_close(&r);
}

/* --- deadline, jitter -------------------------------------------------------------------------------------------- */

static void
deadline_when_late(void **state)
{
	struct rig r;
	struct job_spec s = minutely("all");

	rig_open(&r, NULL);
	s.deadline_ms = 5 * MIN;
	rig_save(&r, 0, s, true);
	away(&r, 60 * MIN);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 6);
	assert_int_equal(rig_sql(&r, "SELECT count FROM skipped WHERE reason = 'deadline'"), 54);
	each_minute_once(&r);
	rig_close(&r);
}

static void
deadline_while_waiting(void **state)
{
	struct rig r;
	struct job_spec s = minutely("once");
	int64_t id;

	rig_open(&r, NULL);
	s.deadline_ms = 90 * SEC;
	rig_save(&r, 0, s, true);
	rig_beat(&r, PJ, true, true); /* no room, ever */
	for (int i = 1; i <= 150; i++) {
		rig_pass(&r, SEC);
		rig_beat(&r, PJ, true, true);
		rig_tick(&r);
		if (i == 149)
			assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE status = 1"), 2);
	}
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE status = 1"), 2);
	assert_int_equal(r.wake.at_ms, T0 + 150 * SEC + 1);
	rig_pass(&r, 1);
	rig_tick(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE status = 9 AND result = 'deadline passed'"), 1);
	id = rig_sql(&r, "SELECT id FROM instance WHERE status = 9");
	/* Asked for by hand, it starts however late it is. */
	assert_int_equal(EVENT(&r, core_instance_retry(r.core, r.now, r.app, id, &r.e)), 0);
	rig_pass(&r, SEC);
	rig_beat(&r, PJ, true, false);
	rig_tick(&r);
	assert_int_equal(rig_get(&r, id).status, INSTANCE_SENT);
	rig_close(&r);
}

/* Whoever asks for a run by hand wants it, however late. */
static void
no_deadline_by_hand(void **state)
{
	struct rig r;
	struct job_spec s = rig_spec("hand", TIME_API, NULL);

	rig_open(&r, NULL);
	s.deadline_ms = 5 * SEC;
	rig_start(&r, rig_save(&r, 0, s, true));
	for (int i = 0; i < 10; i++) {
		rig_beat(&r, PJ, true, true);
		rig_tick(&r);
		rig_pass(&r, 10 * SEC);
	}
	assert_int_equal(rig_sql(&r, "SELECT status FROM instance"), INSTANCE_WAITING);
	rig_beat(&r, PJ, true, false);
	rig_pass(&r, 2 * SEC);
	rig_tick(&r);
	assert_int_equal(r.n_act, 1);
	rig_close(&r);
}

static void
jitter_is_stable(void **state)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	int64_t late[4], seen = 0;
	struct rig r;

	rig_open(&r, NULL);
	for (int k = 0; k < 4; k++) {
		struct job_spec s = minutely("once");

		word(&s.name, names[k]);
		s.jitter_ms = 40 * SEC;
		rig_save(&r, 0, s, true);
	}
	rig_run_until(&r, T0 + 4 * MIN - 1, true);
	rig_succeed_all(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 12);
	for (int k = 0; k < 4; k++) {
		char sql[160];

		snprintf(sql, sizeof sql, "SELECT max(actual_ms - nominal_ms) FROM instance WHERE job_id = %d", k + 1);
		late[k] = rig_sql(&r, sql);
		snprintf(sql, sizeof sql, "SELECT min(actual_ms - nominal_ms) FROM instance WHERE job_id = %d", k + 1);
		assert_int_equal(rig_sql(&r, sql), late[k]);
		assert_true(late[k] >= 0 && late[k] <= 40 * SEC);
		seen |= late[k] - late[0];
	}
	assert_true(seen != 0); /* not all at once */
	rig_close(&r);
}

static void
refused(void **state)
{
	static const struct {
		const char *column, *word, *text;
		int64_t n;
	} t[] = {
		{ "misfire", "twice", "misfire: twice is not one of once, none, all", 0 },
		{ "overlap", "maybe", "overlap: maybe is not one of allow, skip, queue, replace", 0 },
		{ "misfire_max", NULL, "misfire_max: 0", 0 }, { "misfire_rate", NULL, "misfire_rate", -1 },
		{ "deadline_ms", NULL, "deadline_ms", -1 }, { "jitter_ms", NULL, "longer than deadline_ms", 2000 },
	};
	struct rig r;

	rig_open(&r, NULL);
	for (size_t k = 0; k < sizeof t / sizeof t[0]; k++) {
		struct job_spec s = minutely("once");
		int64_t id;

		s.deadline_ms = 1000;
		for (const struct job_field *f = job_fields; f->column != NULL; f++)
			if (strcmp(f->column, t[k].column) == 0 && t[k].word != NULL)
				word((char **)((uintptr_t)&s + f->offset), t[k].word);
			else if (strcmp(f->column, t[k].column) == 0)
				*(int64_t *)((uintptr_t)&s + f->offset) = t[k].n;
		err_clear(&r.e);
		assert_int_equal(EVENT(&r, core_job_save(r.core, r.now, r.app, 0, &s, true, &id, &r.e)), -1);
		assert_int_equal(r.e.code, ERR_DATA);
		if (strstr(r.e.msg, t[k].text) == NULL)
			fail_msg("%s: not in: %s", t[k].text, r.e.msg);
		job_spec_fini(&s);
	}
	rig_close(&r);
}

/* A worker runs it within one long instance: there are no times that a policy could be about. Nothing is ignored in silence. */
static void
no_policies_of_a_second_level_job(void **state)
{
	struct rig r;

	rig_open(&r, NULL);
	for (int k = 0; k < 7; k++) {
		struct job_spec s = rig_spec("java", TIME_FIXED_RATE, "5000");
		int64_t id;

		word(&s.processor_info, "a.Processor");
		s.misfire_window_ms = k == 1;
		s.misfire_rate = k == 2;
		s.deadline_ms = k == 3;
		s.jitter_ms = k == 4;
		if (k == 5)
			word(&s.overlap, "queue");
		if (k == 6)
			word(&s.misfire, "all");
		err_clear(&r.e);
		assert_int_equal(EVENT(&r, core_job_save(r.core, r.now, r.app, 0, &s, true, &id, &r.e)), k == 0 ? 0 : -1);
		assert_true(k == 0 || strstr(r.e.msg, "not for the rate or delay of a processor") != NULL);
		job_spec_fini(&s);
	}
	rig_close(&r);
}

/* --- the clock is set -------------------------------------------------------------------------------------------- */

static void
jump(struct rig *r, int64_t ms, bool restart)
{
	r->now.at_ms += ms;
	if (restart)
		rig_restart(r);
	else
		core_clock_jumped(r->core, ms);
	rig_beat(r, PJ, true, false);
	rig_tick(r);
	rig_succeed_all(r);
}

static void
there_and_back(int64_t ms, const char *misfire, bool restart)
{
	struct rig r;
	int64_t ran, jumped;

	rig_open(&r, NULL);
	rig_save(&r, 0, minutely(misfire), true);
	rig_run_until(&r, T0 + 10 * MIN + 30 * SEC, true);
	rig_succeed_all(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 10);
	jump(&r, ms, restart); /* forward: a misfire */
	for (int i = 0; i < 10; i++) {
		rig_tick(&r);
		rig_succeed_all(&r);
	}
	jumped = rig_sql(&r, "SELECT count(*) FROM instance") - 10;
	assert_int_equal(jumped, strcmp(misfire, "once") == 0 ? 1 : strcmp(misfire, "none") == 0 ? 0 : ms == HOUR ? 60 : 100);
	each_minute_once(&r);
	rig_run_until(&r, r.now.at_ms + 2 * MIN, true);
	rig_succeed_all(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 10 + jumped + 2);
	ran = rig_sql(&r, "SELECT count(*) FROM instance WHERE nominal_ms > 1763683200000 + 12 * 60000 + 30000");
	jump(&r, -ms, restart); /* and back: what ran does not run again, what was only missed is to come */
	rig_run_until(&r, T0 + 20 * MIN, true);
	rig_succeed_all(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE nominal_ms <= 1763683200000 + 20 * 60000") +
	    rig_sql(&r, "SELECT coalesce(sum(count), 0) FROM skipped"), 20);
	assert_int_equal(rig_sql(&r, "SELECT next_trigger_ms FROM job"), T0 +
	    (strcmp(misfire, "all") == 0 && ms == HOUR ? 73 : 21) * MIN); /* then all of them ran */
	assert_int_equal(rig_sql(&r, "SELECT count(*) - count(DISTINCT nominal_ms) FROM instance"), 0);
	assert_true(rig_sql(&r, "SELECT count(*) FROM attempt") == rig_sql(&r, "SELECT count(*) FROM instance"));
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE actual_ms < nominal_ms"), 0);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE status <> 5"), 0);
	rig_run_until(&r, T0 + 80 * MIN, true);
	rig_succeed_all(&r);
	each_minute_once(&r);
	assert_true(ran >= 0);
	rig_close(&r);
}

static void
clock_set_there_and_back(void **state)
{
	static const char *const misfire[] = { "once", "none", "all" };

	for (int k = 0; k < 12; k++)
		there_and_back(k % 4 < 2 ? HOUR : YEARS70, misfire[k / 4], k % 2 == 1);
}

static void
back_and_there(int64_t ms, bool restart)
{
	struct rig r;
	int64_t n;

	rig_open(&r, NULL);
	rig_save(&r, 0, minutely("once"), true);
	rig_sql(&r, "UPDATE job SET modified_ms = modified_ms - 864000000 RETURNING 1"); /* made while the clock was right */
	rig_run_until(&r, T0 + 10 * MIN + 30 * SEC, true);
	rig_succeed_all(&r);
	jump(&r, -ms, restart);
	rig_run_until(&r, r.now.at_ms + 30 * MIN, true); /* before its time again: nothing */
	rig_succeed_all(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 10);
	jump(&r, ms, restart); /* 40:30 */
	n = rig_sql(&r, "SELECT count(*) FROM instance");
	assert_int_equal(n, 11);
	assert_int_equal(rig_sql(&r, "SELECT count FROM skipped"), 29);
	each_minute_once(&r);
	rig_close(&r);
}

static void
clock_set_back_and_there(void **state)
{
	for (int k = 0; k < 4; k++)
		back_and_there(k < 2 ? HOUR : 50 * 365 * DAY, k % 2 == 1);
}

/* What waits for its retry when the clock goes back waits for the delay, not for years. */
static void
a_retry_waits_no_longer(void **state)
{
	struct rig r;
	struct job_spec s = rig_spec("job", TIME_API, NULL);
	int64_t id, job;

	rig_open(&r, NULL);
	s.instance_retry_num = 1;
	s.retry_delay_ms = 30 * SEC;
	job = rig_save(&r, 0, s, true);
	jump(&r, YEARS70, false);
	id = rig_start(&r, job);
	rig_tick(&r);
	rig_answer(&r, ACTION_RUN, id, 1, MESSAGE_ACCEPTED);
	rig_say(&r, id, INSTANCE_FAILED, true, 1, "no");
	rig_forget(&r);
	jump(&r, -YEARS70, false);
	rig_run_until(&r, r.now.at_ms + 29 * SEC, false);
	assert_int_equal(r.n_act, 0);
	rig_run_until(&r, r.now.at_ms + 2 * SEC, false);
	rig_expect(&r, ACTION_RUN, id, 2, PJ);
	rig_close(&r);
}

/* Its end lay behind a jump forward: it was over, and is not when the clock is back. */
static void
over_and_back(int64_t type, const char *expr, bool restart, bool by_hand)
{
	struct job_spec s = rig_spec("job", type, expr);
	struct rig r;
	int64_t id;
	char rule[32];

	rig_open(&r, NULL);
	s.end_ms = T0 + 3 * HOUR;
	word(&s.misfire, "none");
	id = rig_save(&r, 0, s, true);
	rig_run_until(&r, T0 + HOUR + 30 * SEC, true);
	rig_succeed_all(&r);
	jump(&r, 30 * DAY, restart);
	rig_run_until(&r, r.now.at_ms + 2 * MIN, true);
	assert_int_equal(rig_sql(&r, "SELECT status FROM job"), JOB_DISABLED);
	if (by_hand)
		assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, id, JOB_DISABLED, &r.e)), 0);
	jump(&r, -30 * DAY, restart);
	assert_int_equal(rig_sql(&r, "SELECT status FROM job"), by_hand ? JOB_DISABLED : JOB_ENABLED);
	rig_run_until(&r, T0 + 2 * HOUR + 30 * SEC, true);
	rig_succeed_all(&r);
	if (type == TIME_CRON && !by_hand)
		each_minute_once(&r);
	assert_true(by_hand || rig_sql(&r, "SELECT count(*) FROM instance") >= 117);
	rig_run_until(&r, T0 + 4 * HOUR, true);
	rig_succeed_all(&r);
	assert_int_equal(rig_sql(&r, "SELECT status FROM job"), JOB_DISABLED);
	jump(&r, -30 * MIN, restart); /* over by this clock, too */
	assert_int_equal(rig_sql(&r, "SELECT status FROM job"), JOB_DISABLED);
	if (!by_hand) {
		assert_int_equal(verify(&r, rule), 0);
		assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE nominal_ms > 1763683200000 + 10800000"), 0);
	}
	rig_close(&r);
}

static void
over_is_not_for_ever(void **state)
{
	for (int k = 0; k < 4; k++) {
		over_and_back(TIME_CRON, "0 * * * * ?", k % 2 == 1, k / 2 == 1);
		over_and_back(TIME_FIXED_RATE, "1m", k % 2 == 1, k / 2 == 1);
	}
}

/* Made or enabled while the clock was ahead: it does not wait until the clock is there again. */
static void
made_while_ahead(void **state)
{
	for (int k = 0; k < 4; k++) {
		struct rig r;
		int64_t id;
		char rule[32];

		rig_open(&r, NULL);
		id = rig_save(&r, 0, minutely("once"), k / 2 == 0);
		rig_run_until(&r, T0 + 2 * MIN + SEC, true);
		jump(&r, 30 * DAY, k % 2 == 1);
		if (k / 2 == 0) {
			struct job_spec s = minutely("once");

			word(&s.time_expr, "30 * * * * ?");
			rig_save(&r, id, s, true);
		} else {
			assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, id, JOB_ENABLED, &r.e)), 0);
		}
		rig_run_until(&r, r.now.at_ms + MIN, true);
		jump(&r, -30 * DAY, k % 2 == 1);
		rig_run_until(&r, T0 + 10 * MIN, true);
		rig_succeed_all(&r);
		assert_true(rig_sql(&r, "SELECT count(*) FROM instance WHERE nominal_ms BETWEEN 1763683200000 + 180000 AND 1763683200000"
		    " + 600000") >= 6);
		assert_int_equal(verify(&r, rule), 0);
		rig_close(&r);
	}
}

/* What one job left out as it ran still, while the clock was ahead, is planned anew, and neither twice. */
static void
overlap_and_back(bool restart, int64_t back_ms)
{
	struct job_spec s = minutely("once");
	struct rig r;
	int64_t id;

	rig_open(&r, NULL);
	word(&s.overlap, "skip");
	rig_save(&r, 0, s, true);
	rig_run_until(&r, T0 + MIN + SEC, false);
	assert_int_equal(r.n_act, 1);
	id = r.act[0].instance_id;
	rig_answer(&r, ACTION_RUN, id, 1, MESSAGE_ACCEPTED);
	for (int i = 0; i < 40; i++) {
		rig_say(&r, id, INSTANCE_RUNNING, true, 1, NULL);
		rig_forget(&r);
		rig_run_until(&r, r.now.at_ms + 30 * SEC, false);
	}
	assert_int_equal(rig_sql(&r, "SELECT count FROM skipped WHERE reason = 'overlap'"), 20);
	rig_say(&r, id, INSTANCE_SUCCEED, true, 1, "ok");
	rig_run_until(&r, r.now.at_ms + 3 * MIN, true);
	rig_succeed_all(&r);
	each_minute_once(&r);
	jump(&r, -back_ms, restart);
	rig_run_until(&r, r.now.at_ms + 2 * MIN, true);
	rig_succeed_all(&r);
	jump(&r, back_ms, restart); /* a misfire: of times that ran, and of others */
	rig_run_until(&r, r.now.at_ms + 2 * MIN, true);
	rig_succeed_all(&r);
	each_minute_once(&r);
	rig_close(&r);
}

static void
overlap_is_planned_anew(void **state)
{
	for (int k = 0; k < 8; k++)
		overlap_and_back(k % 2 == 1, (int64_t[]){ 2, 7, 15, 20 }[k / 2] * MIN);
}

/* A machine whose clock has no battery: 1956 or 1970, until somebody sets it. */
static void
clock_of_years_ago(void **state)
{
	static const int64_t then[] = { 0, -14 * 365 * DAY, 60 * SEC, 946684800000 /* 2000 */ };

	for (int k = 0; k < 8; k++) {
		struct job_spec s = minutely(k % 2 == 0 ? "once" : "all");
		struct rig r;
		int64_t right, n;
		char rule[32];

		rig_open(&r, NULL);
		rig_save(&r, 0, s, true);
		rig_run_until(&r, T0 + 10 * MIN + 30 * SEC, true);
		assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, 1, JOB_DISABLED, &r.e)), 0);
		rig_run_until(&r, T0 + 20 * MIN + 30 * SEC, true);
		assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, 1, JOB_ENABLED, &r.e)), 0);
		rig_run_until(&r, T0 + 30 * MIN + 30 * SEC, true);
		rig_succeed_all(&r);
		n = rig_sql(&r, "SELECT count(*) FROM instance");
		right = r.now.at_ms + 5 * MIN;
		r.now.at_ms = then[k / 2];
		rig_restart(&r);
		rig_run_until(&r, r.now.at_ms + 5 * MIN, true);
		rig_start(&r, 1); /* by hand it runs */
		rig_run_until(&r, r.now.at_ms + 10 * SEC, true);
		rig_succeed_all(&r);
		assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE status = 5"), n + 1);
		assert_int_equal(rig_sql(&r, "SELECT sum(count) FROM skipped"), 10); /* what was left out is known still */
		jump(&r, right - r.now.at_ms, false);
		rig_run_until(&r, right + 5 * MIN, true);
		rig_succeed_all(&r);
		assert_int_equal(verify(&r, rule), 0);
		/* Five passed meanwhile: the first of them, or all; then five more. */
		assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE nominal_ms IS NOT NULL"), n + (k % 2 == 0 ? 1 : 5) + 5);
		assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE nominal_ms < 1763683200000"), 0);
		rig_close(&r);
	}
}

/* What a turn wrote of a clock that was set back is written again when the turn is rolled back. */
static void
set_back_in_a_turn_that_fails(void **state)
{
	struct rig r;
	const char *noted = "SELECT count(*) FROM meta WHERE key LIKE 'set_back:%' AND value = 5000";

	(void)state;
	rig_open(&r, NULL);
	rig_save(&r, 0, minutely("once"), true);
	rig_run_until(&r, T0 + 2 * MIN + 10 * SEC, true);
	r.now.at_ms -= 5 * SEC;
	core_clock_jumped(r.core, -5 * SEC);
	assert_int_equal(db_savepoint(r.db, &r.e), 0);
	assert_int_equal(core_tick(r.core, r.now, &r.wake, &r.e), 0);
	db_rollback(r.db); /* the commit failed */
	assert_int_equal(core_reload(r.core, r.now, &r.e), 0);
	db_commit(r.db, &r.e);
	assert_int_equal(rig_sql(&r, noted), 0);
	rig_tick(&r);
	assert_int_equal(rig_sql(&r, noted), 1);
	r.now.at_ms -= 5 * SEC;
	core_clock_jumped(r.core, -5 * SEC);
	assert_int_equal(db_exec(r.db, "CREATE TEMP TRIGGER no BEFORE INSERT ON main.meta BEGIN SELECT RAISE(ABORT, 'no'); END",
	    &r.e), 0);
	assert_int_equal(EVENT(&r, core_tick(r.core, r.now, &r.wake, &r.e)), -1);
	assert_int_equal(db_exec(r.db, "DROP TRIGGER no", &r.e), 0);
	rig_tick(&r);
	assert_int_equal(rig_sql(&r, noted), 2);
	rig_tick(&r);
	assert_int_equal(rig_sql(&r, noted), 2);
	rig_close(&r);
}

/* Enabled by a clock that is not set, a job fires by it. What it left out when the clock was set stays left out when it is
 * lost once more, and fires by it no second time. */
static void
a_clock_lost_twice(void **state)
{
	const int64_t lost = 473040000000LL /* 1984 */;
	struct rig r;
	char rule[32];

	(void)state;
	rig_open(&r, NULL);
	r.now.at_ms = lost;
	rig_restart(&r);
	rig_save(&r, 0, minutely("once"), true);
	rig_run_until(&r, lost + 2 * MIN + 1, true);
	rig_succeed_all(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 2);
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, 1, JOB_DISABLED, &r.e)), 0);
	jump(&r, T0 - r.now.at_ms, false);
	rig_run_until(&r, T0 + MIN - 1, true);
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, 1, JOB_ENABLED, &r.e)), 0);
	jump(&r, lost - r.now.at_ms, false);
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, 1, JOB_DISABLED, &r.e)), 0);
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, 1, JOB_ENABLED, &r.e)), 0);
	rig_run_until(&r, lost + 5 * MIN, true);
	rig_succeed_all(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 2);
	jump(&r, T0 + 10 * MIN - r.now.at_ms, false);
	rig_run_until(&r, T0 + 12 * MIN + 1, true);
	rig_succeed_all(&r);
	assert_int_equal(verify(&r, rule), 0);
	assert_true(rig_sql(&r, "SELECT count(*) FROM instance WHERE nominal_ms > 1763683200000") > 1);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM skipped s JOIN instance i ON i.nominal_ms BETWEEN s.first_ms AND"
	    " s.last_ms"), 0);
	rig_close(&r);
}

/* --- what is old ------------------------------------------------------------------------------------------------- */

static int64_t
retained(struct rig *r)
{
	const struct core_keep keep = { .instances_ms = DAY, .skipped_ms = DAY };
	bool more = true;

	while (more)
		assert_int_equal(EVENT(r, core_retain(r->core, r->now, &keep, 1000, &more, &r->e)), 0);
	return rig_sql(r, "SELECT (SELECT count(*) FROM instance) + (SELECT count(*) FROM skipped)");
}

static void
a_leap_makes_nothing_old(void **state)
{
	for (int restart = 0; restart < 2; restart++) {
		struct rig r;
		int64_t n;

		rig_open(&r, NULL);
		rig_save(&r, 0, minutely("none"), true);
		rig_run_until(&r, T0 + HOUR, true);
		rig_succeed_all(&r);
		n = retained(&r);
		assert_true(n >= 59);
		jump(&r, 400 * DAY, restart == 1);
		for (int i = 0; i < 5; i++) {
			rig_pass(&r, HOUR);
			assert_true(retained(&r) >= n);
		}
		jump(&r, 3 * DAY, restart == 1); /* not steady yet */
		rig_pass(&r, 5 * HOUR);
		assert_true(retained(&r) >= n);
		jump(&r, -403 * DAY, restart == 1);
		rig_pass(&r, 7 * HOUR);
		assert_true(retained(&r) >= n);
		assert_true(core_kept_ms(r.core, r.now) >= r.now.at_ms - MIN);
		rig_pass(&r, DAY); /* now they are */
		assert_true(retained(&r) < n);
		rig_close(&r);
	}
}

/* A clock that was set right is believed in the end. */
static void
a_steady_clock_counts(void **state)
{
	struct rig r;

	rig_open(&r, NULL);
	rig_save(&r, 0, minutely("none"), true);
	rig_run_until(&r, T0 + HOUR, true);
	rig_succeed_all(&r);
	assert_true(retained(&r) >= 59);
	jump(&r, 400 * DAY, true);
	assert_true(retained(&r) >= 59);
	assert_true(core_kept_ms(r.core, r.now) < T0 + 2 * HOUR);
	rig_pass(&r, 6 * HOUR + MIN);
	assert_true(retained(&r) < 5);
	assert_int_equal(core_kept_ms(r.core, r.now), r.now.at_ms);
	rig_close(&r);
}

/* --- the ledger is checked ---------------------------------------------------------------------------------------- */

static void
run_sql(struct rig *r, const char *sql)
{
	struct stmt *s = db_prepare(r->db, sql, &r->e);

	if (stmt_run(s, &r->e) < 0)
		rig_die(r, sql);
	stmt_free(s);
	db_commit(r->db, NULL);
}

static void
verify_finds(void **state)
{
	static const struct {
		const char *sql, *rule;
		int n;
	} t[] = {
		{ "DELETE FROM instance WHERE nominal_ms = 1763683200000 + 5 * 60000", "no-verdict", 1 },
		{ "DELETE FROM instance WHERE nominal_ms > 1763683200000 + 4 * 60000 AND nominal_ms < 1763683200000 + 9 * 60000",
		    "no-verdict", 1 },
		{ "DELETE FROM skipped", "no-verdict", 1 },
		{ "UPDATE skipped SET count = count - 1", "count", 1 },
		{ "UPDATE skipped SET last_ms = last_ms + 1, count = count", "not-nominal", 1 },
		{ "UPDATE skipped SET first_ms = first_ms - 60000, count = count + 1", "twice", 1 },
		{ "UPDATE instance SET actual_ms = nominal_ms - 1 WHERE nominal_ms = 1763683200000 + 5 * 60000", "early", 1 },
		{ "UPDATE instance SET nominal_ms = nominal_ms + 7 WHERE nominal_ms = 1763683200000 + 5 * 60000", "", 2 },
		{ "UPDATE job SET next_trigger_ms = next_trigger_ms - 1", "next-trigger", 1 },
		{ "UPDATE job SET next_trigger_ms = next_trigger_ms + 60000", "no-verdict", 1 },
		{ "UPDATE job SET status = 1", "", 0 },
	};

	for (size_t k = 0; k < sizeof t / sizeof t[0]; k++) {
		struct rig r;
		char rule[32];

		rig_open(&r, NULL);
		rig_save(&r, 0, minutely("once"), true);
		rig_run_until(&r, T0 + 10 * MIN, true);
		away(&r, 10 * MIN);
		rig_run_until(&r, T0 + 25 * MIN, true);
		rig_succeed_all(&r);
		assert_int_equal(verify(&r, rule), 0);
		run_sql(&r, t[k].sql);
		if (verify(&r, rule) != t[k].n)
			fail_msg("%s", t[k].sql);
		if (t[k].n == 1)
			assert_string_equal(rule, t[k].rule);
		rig_close(&r);
	}
}

/* Times that follow from each other: a daily interval, a rate, a delay; and the one time of an @at. */
static void
verify_finds_in_chains(void **state)
{
	static const char daily[] = "{\"interval\":1,\"intervalUnit\":\"MINUTES\",\"startTimeOfDay\":\"0:5:0\","
	    "\"endTimeOfDay\":\"0:50:0\"}";
	static const struct {
		int64_t type;
		const char *expr, *sql, *rule;
	} t[] = {
		{ TIME_DAILY, daily, "UPDATE job SET status = 1", "" },
		{ TIME_DAILY, daily, "DELETE FROM instance WHERE nominal_ms = 1763683200000 + 7 * 60000", "no-verdict" },
		{ TIME_DAILY, daily, "DELETE FROM skipped", "no-verdict" },
		{ TIME_DAILY, daily, "UPDATE skipped SET count = count + 1", "count" },
		{ TIME_DAILY, daily, "UPDATE instance SET nominal_ms = nominal_ms - 59000 WHERE nominal_ms = 1763683200000 + 5 * 60000",
		    "not-nominal" },
		{ TIME_DAILY, daily, "UPDATE instance SET actual_ms = nominal_ms - 1 WHERE nominal_ms = 1763683200000 + 8 * 60000",
		    "early" },
		{ TIME_DAILY, daily, "UPDATE job SET next_trigger_ms = next_trigger_ms + 120000", "next-trigger" },
		{ TIME_FIXED_RATE, "1m", "UPDATE job SET status = 1", "" },
		{ TIME_FIXED_RATE, "1m", "DELETE FROM instance WHERE nominal_ms = 1763683200000 + 7 * 60000", "no-verdict" },
		{ TIME_FIXED_RATE, "1m", "UPDATE skipped SET last_ms = last_ms - 1", "count" },
		{ TIME_FIXED_RATE, "1m", "UPDATE skipped SET first_ms = first_ms - 60000, count = count + 1", "twice" },
		{ TIME_FIXED_RATE, "1m", "UPDATE job SET next_trigger_ms = next_trigger_ms + 60000", "next-trigger" },
		{ TIME_FIXED_RATE, "1m", "UPDATE job SET next_trigger_ms = NULL", "next-trigger" },
		{ TIME_DAILY, daily, "UPDATE job SET next_trigger_ms = NULL", "next-trigger" },
		{ TIME_CRON, "0 0 * * * ?", "UPDATE job SET next_trigger_ms = NULL", "next-trigger" },
		{ TIME_FIXED_DELAY, "1m", "UPDATE job SET next_trigger_ms = NULL", "next-trigger" },
		{ TIME_FIXED_DELAY, "1m", "UPDATE job SET status = 1", "" },
		{ TIME_FIXED_DELAY, "1m", "UPDATE instance SET finished_ms = finished_ms + 2000 WHERE nominal_ms = 1763683200000"
		    " + 8 * 60000", "early" },
		{ TIME_FIXED_DELAY, "1m", "UPDATE instance SET actual_ms = nominal_ms - 1 WHERE nominal_ms = 1763683200000 + 8 * 60000",
		    "early" },
		{ TIME_CRON, "@at 2025-11-21T00:07:00Z || @at 2030-01-01T00:00:00Z", "UPDATE job SET status = 1", "" },
		{ TIME_CRON, "@at 2025-11-21T00:07:00Z || @at 2030-01-01T00:00:00Z", "DELETE FROM instance", "no-verdict" },
	};

	for (size_t k = 0; k < sizeof t / sizeof t[0]; k++) {
		struct rig r;
		char rule[32];

		rig_open(&r, NULL);
		rig_save(&r, 0, rig_spec("job", t[k].type, t[k].expr), true);
		rig_run_until(&r, T0 + 10 * MIN, true);
		away(&r, 10 * MIN);
		rig_run_until(&r, T0 + 25 * MIN, true);
		assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, 1, JOB_DISABLED, &r.e)), 0);
		rig_run_until(&r, T0 + 25 * MIN + 20 * SEC, true);
		assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, 1, JOB_ENABLED, &r.e)), 0);
		rig_run_until(&r, T0 + 30 * MIN, true);
		rig_succeed_all(&r);
		assert_int_equal(verify(&r, rule), 0);
		run_sql(&r, t[k].sql);
		if ((verify(&r, rule) > 0) != (t[k].rule[0] != '\0') || strcmp(rule, t[k].rule) != 0)
			fail_msg("%s: %s: %s", t[k].expr, t[k].sql, rule);
		rig_close(&r);
	}
}

/* The end of what runs sets the next trigger. */
static void
verify_knows_a_delay_under_way(void **state)
{
	struct rig r;
	char rule[32];

	rig_open(&r, NULL);
	rig_save(&r, 0, rig_spec("job", TIME_FIXED_DELAY, "1m"), true);
	rig_run_until(&r, T0 + 90 * SEC, false);
	assert_int_equal(rig_sql(&r, "SELECT next_trigger_ms IS NULL FROM job"), 1);
	assert_int_equal(verify(&r, rule), 0);
	run_sql(&r, "DELETE FROM instance");
	assert_int_equal(verify(&r, rule), 1);
	assert_string_equal(rule, "next-trigger");
	rig_close(&r);
}

static void
verify_knows_edits_and_retention(void **state)
{
	const struct core_keep keep = { .instances_ms = 10 * MIN, .skipped_ms = 10 * MIN };
	struct rig r;
	struct job_spec s;
	char rule[32];
	bool more;
	int64_t id;

	rig_open(&r, NULL);
	id = rig_save(&r, 0, minutely("once"), true);
	rig_run_until(&r, T0 + 10 * MIN + 30 * SEC, true);
	s = minutely("all");
	rig_save(&r, id, s, true); /* the same schedule */
	rig_run_until(&r, T0 + 12 * MIN, true);
	away(&r, 5 * MIN);
	rig_pass(&r, 3 * MIN);
	s = minutely("all");
	word(&s.time_expr, "30 0/2 * * * ?"); /* another one; what was due is 'edited' */
	rig_save(&r, id, s, true);
	rig_run_until(&r, T0 + 40 * MIN, true);
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, id, JOB_DISABLED, &r.e)), 0);
	rig_run_until(&r, T0 + 50 * MIN, true);
	assert_int_equal(verify(&r, rule), 0);
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, id, JOB_ENABLED, &r.e)), 0);
	s = minutely("all");
	s.time_type = TIME_API;
	rig_save(&r, id, s, true);
	rig_run_until(&r, T0 + 60 * MIN, true);
	rig_save(&r, id, minutely("once"), true);
	rig_run_until(&r, T0 + 70 * MIN, true);
	rig_succeed_all(&r);
	assert_int_equal(verify(&r, rule), 0);
	assert_int_equal(EVENT(&r, core_retain(r.core, r.now, &keep, 100, &more, &r.e)), 0);
	assert_true(rig_sql(&r, "SELECT min(nominal_ms) FROM instance") >= T0 + 60 * MIN);
	assert_int_equal(verify(&r, rule), 0);
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, id, JOB_DELETED, &r.e)), 0);
	rig_run_until(&r, T0 + 80 * MIN, true);
	assert_int_equal(verify(&r, rule), 0);
	rig_close(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(misfire_policies), cmocka_unit_test(none_leaves_out_what_is_late), cmocka_unit_test(all_at_a_rate),
		cmocka_unit_test(disabled_is_no_misfire), cmocka_unit_test(one_rate_for_two_absences), cmocka_unit_test(a_pause_is_made_up),
		cmocka_unit_test(a_pause_past_the_end_is_made_up), cmocka_unit_test(overlap_skip), cmocka_unit_test(overlap_queue),
		cmocka_unit_test(overlap_queue_waits_for_a_retry), cmocka_unit_test(overlap_beside_max_instances),
		cmocka_unit_test(overlap_skip_and_jitter), cmocka_unit_test(overlap_skip_and_rate),
		cmocka_unit_test(overlap_skip_and_a_run_to_come), cmocka_unit_test(overlap_replace),
		cmocka_unit_test(a_long_queue_holds_up_nobody), cmocka_unit_test(a_long_wait_for_a_worker_holds_up_nobody),
		 cmocka_unit_test(a_queue_goes_on),
		cmocka_unit_test(deadline_when_late), cmocka_unit_test(deadline_while_waiting), cmocka_unit_test(jitter_is_stable),
		cmocka_unit_test(refused), cmocka_unit_test(no_policies_of_a_second_level_job),
		cmocka_unit_test(clock_set_there_and_back), cmocka_unit_test(clock_set_back_and_there),
		cmocka_unit_test(over_is_not_for_ever), cmocka_unit_test(made_while_ahead), cmocka_unit_test(overlap_is_planned_anew),
		cmocka_unit_test(clock_of_years_ago), cmocka_unit_test(a_clock_lost_twice),
		cmocka_unit_test(set_back_in_a_turn_that_fails),
		cmocka_unit_test(a_leap_makes_nothing_old),
		cmocka_unit_test(a_steady_clock_counts),
		cmocka_unit_test(a_retry_waits_no_longer), cmocka_unit_test(verify_finds),
		cmocka_unit_test(no_deadline_by_hand), cmocka_unit_test(verify_finds_in_chains),
		cmocka_unit_test(verify_knows_a_delay_under_way), cmocka_unit_test(verify_knows_edits_and_retention),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A core with a virtual clock and a worker or two: what the tests of the core share. Each event runs as in pj-serverd:
 * in its savepoint, rolled back when it fails, committed before its actions are looked at. */
#ifndef PJ_TESTS_CORE_RIG_H
#define PJ_TESTS_CORE_RIG_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "job/core.h"
#include "job/state.h"
#include "store/app.h"
#include "time/sched.h"

#define T0 1763683200000LL /* 2025-11-21T00:00:00Z */
#define PJ "127.0.0.1:27777"
#define PJ2 "127.0.0.1:27778"
#define JAVA "127.0.0.1:30001"
#define SEC 1000LL

struct rig {
	struct db *db;
	struct core *core;
	struct core_conf conf;
	struct now now;
	struct core_wake wake;
	int64_t app;
	struct action act[4096]; /* of the last turn, without ACTION_CHANGED */
	int n_act, n_changed;
	struct err e;
};

static inline void
rig_die(struct rig *r, const char *what)
{
	fail_msg("%s: %s: %s", what, err_name(r->e.code), r->e.msg);
}

static inline void
rig_take(struct rig *r)
{
	struct action a;

	while (core_take_actions(r->core, &a, 1) == 1) {
		if (a.kind == ACTION_CHANGED)
			r->n_changed++;
		else if (r->n_act < 4096)
			r->act[r->n_act++] = a;
	}
}

static inline void
rig_forget(struct rig *r)
{
	r->n_act = r->n_changed = 0;
}

/* The end of an event: rc is what it returned. */
static inline int
rig_end(struct rig *r, int rc)
{
	struct err e = ERR_INIT;

	if (rc < 0)
		db_rollback_to(r->db);
	else if (db_release(r->db, &e) < 0)
		fail_msg("%s", e.msg);
	if (db_commit(r->db, &e) < 0)
		fail_msg("%s", e.msg);
	rig_take(r);
	return rc;
}

#define EVENT(r, call) (db_savepoint((r)->db, &(r)->e), rig_end((r), (call)))

static inline void
rig_tick(struct rig *r)
{
	if (EVENT(r, core_tick(r->core, r->now, &r->wake, &r->e)) < 0)
		rig_die(r, "core_tick");
}

static inline void
rig_open(struct rig *r, struct db *db)
{
	memset(r, 0, sizeof *r);
	log_init("test", LOG_ERROR_);
	r->db = db;
	if (db == NULL && db_open(&r->db, ":memory:", DB_OWN, db_migrations_server, &r->e) < 0)
		rig_die(r, "db_open");
	r->now = (struct now){ T0, 5000000 };
	r->conf = (struct core_conf){ .server_id = 1, .report_timeout_ms = 60000, .worker_timeout_ms = 60000,
		.start_grace_ms = 30000, .resend_ms = 5000, .tz = NULL, .batch = 200 };
	if (app_add(r->db, "default", "secret", T0, &r->app, &r->e) < 0 || db_commit(r->db, &r->e) < 0)
		rig_die(r, "app_add");
	r->core = core_new(r->db, &r->conf, r->now, &r->e);
	if (r->core == NULL)
		rig_die(r, "core_new");
}

static inline void
rig_close(struct rig *r)
{
	core_free(r->core);
	db_close(r->db);
}

/* kill -9 and a new start, the clocks where they are. */
static inline void
rig_restart(struct rig *r)
{
	core_free(r->core);
	db_rollback(r->db);
	r->core = core_new(r->db, &r->conf, r->now, &r->e);
	if (r->core == NULL)
		rig_die(r, "core_new");
	rig_forget(r);
}

static inline void
rig_pass(struct rig *r, int64_t ms)
{
	r->now.at_ms += ms;
	r->now.mono_ms += ms;
}

static inline void
rig_beat(struct rig *r, const char *address, bool pj, bool overload)
{
	struct heartbeat hb = { .app_id = r->app, .app_name = "default", .address = address, .protocol = "HTTP",
		.at_ms = r->now.at_ms, .overload = overload, .is_pj = pj,
		.metrics = { .cpu_processors = 4, .cpu_load = 1, .mem_max_gb = 8, .mem_used_gb = 1, .disk_total_gb = 100,
		    .disk_used_gb = 10 } };

	if (core_heartbeat(r->core, r->now, &hb, &r->e) < 0)
		rig_die(r, "core_heartbeat");
}

/* Time goes on to `until`, as pj-serverd's loop does it: to each wake in turn, with heartbeats on the way. Every RUN is
 * answered and reported as succeeded at once when `serve`. */
static inline void rig_succeed_all(struct rig *r);

static inline void
rig_run_until(struct rig *r, int64_t until_ms, bool serve)
{
	int64_t beat = 0;

	while (r->now.at_ms < until_ms) {
		int64_t next = until_ms;

		if (r->now.mono_ms >= beat) {
			rig_beat(r, PJ, true, false);
			beat = r->now.mono_ms + 10000;
		}
		rig_tick(r);
		if (serve)
			rig_succeed_all(r);
		if (r->wake.at_ms < next)
			next = r->wake.at_ms;
		if (r->wake.mono_ms != INT64_MAX && r->wake.mono_ms - r->now.mono_ms + r->now.at_ms < next)
			next = r->wake.mono_ms - r->now.mono_ms + r->now.at_ms;
		if (beat - r->now.mono_ms + r->now.at_ms < next)
			next = beat - r->now.mono_ms + r->now.at_ms;
		if (next > r->now.at_ms)
			rig_pass(r, next - r->now.at_ms);
	}
	rig_tick(r);
}

static inline struct job_spec
rig_spec(const char *name, int64_t time_type, const char *expr)
{
	struct job_spec s;

	job_spec_init(&s);
	s.name = strdup(name);
	s.time_type = time_type;
	s.time_expr = expr == NULL ? NULL : strdup(expr);
	s.processor_info = strdup("exec");
	s.params = strdup("[\"/bin/true\"]");
	return s;
}

/* Takes the spec. */
static inline int64_t
rig_save(struct rig *r, int64_t id, struct job_spec s, bool enable)
{
	int64_t out = 0;

	if (EVENT(r, core_job_save(r->core, r->now, r->app, id, &s, enable, &out, &r->e)) < 0)
		rig_die(r, "core_job_save");
	job_spec_fini(&s);
	return out;
}

static inline int64_t
rig_cron(struct rig *r, const char *expr)
{
	return rig_save(r, 0, rig_spec("cron", TIME_CRON, expr), true);
}

static inline int64_t
rig_start(struct rig *r, int64_t job)
{
	int64_t id = 0;

	if (EVENT(r, core_job_run(r->core, r->now, r->app, job, NULL, 0, &id, &r->e)) < 0)
		rig_die(r, "core_job_run");
	return id;
}

static inline struct instance
rig_get(struct rig *r, int64_t id)
{
	static struct instance i; /* one at a time */

	instance_fini(&i);
	if (instance_get(r->db, id, &i, &r->e) < 0)
		rig_die(r, "instance_get");
	return i;
}

static inline struct attempt
rig_attempt(struct rig *r, int64_t id, int64_t n)
{
	static struct attempt a;

	attempt_fini(&a);
	if (attempt_get(r->db, id, n, &a, &r->e) < 0)
		rig_die(r, "attempt_get");
	return a;
}

static inline void
rig_answer(struct rig *r, enum action_kind kind, int64_t id, int64_t attempt, enum message_outcome o)
{
	if (EVENT(r, core_answer(r->core, r->now, kind, id, attempt, o, "because", &r->e)) < 0)
		rig_die(r, "core_answer");
}

static inline struct report
rig_report_of(struct rig *r, int64_t id, int64_t status, bool pj, int64_t attempt)
{
	return (struct report){ .app_id = r->app, .instance_id = id, .status = status, .source = pj ? PJ : JAVA,
		.start_ms = r->now.at_ms, .report_ms = r->now.at_ms, .is_pj = pj, .attempt = pj ? attempt : 0, .exit_code = -1,
		.log_length = -1 };
}

static inline void
rig_report(struct rig *r, const struct report *rep)
{
	if (EVENT(r, core_report(r->core, r->now, rep, &r->e)) < 0)
		rig_die(r, "core_report");
}

static inline void
rig_say(struct rig *r, int64_t id, int64_t status, bool pj, int64_t attempt, const char *result)
{
	struct report rep = rig_report_of(r, id, status, pj, attempt);

	rep.result = result;
	rig_report(r, &rep);
}

static inline void
rig_succeed_all(struct rig *r)
{
	int n = r->n_act;

	for (int k = 0; k < n; k++) {
		struct action a = r->act[k];

		if (a.kind != ACTION_RUN)
			continue;
		rig_answer(r, ACTION_RUN, a.instance_id, a.attempt, MESSAGE_ACCEPTED);
		rig_say(r, a.instance_id, INSTANCE_SUCCEED, a.to_pj, a.attempt, "ok");
	}
	rig_forget(r);
}

static inline int64_t
rig_sql(struct rig *r, const char *sql)
{
	struct stmt *s = db_prepare(r->db, sql, &r->e);
	int64_t v = -1;

	if (stmt_step(s, &r->e) == 1)
		v = stmt_col_i64(s, 0);
	else
		rig_die(r, sql);
	stmt_free(s);
	db_commit(r->db, NULL);
	return v;
}

/* One action, and it is this one. */
static inline void
rig_expect(struct rig *r, enum action_kind kind, int64_t id, int64_t attempt, const char *worker)
{
	assert_int_equal(r->n_act, 1);
	assert_int_equal(r->act[0].kind, kind);
	assert_int_equal(r->act[0].instance_id, id);
	assert_int_equal(r->act[0].attempt, attempt);
	assert_string_equal(r->act[0].worker, worker);
	rig_forget(r);
}

#endif

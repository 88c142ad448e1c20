/* How many instances a second the core moves through insert, sent, accepted, succeeded, with an in-memory database:
 * the processor time of the scheduler's own work, without disk, network and JSON. Events come in turns of 100, each with
 * its savepoint and one commit a turn, as in pj-serverd. Prints one line a round; the argument is the number of
 * instances (20,000). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "job/core.h"
#include "store/app.h"
#include "time/sched.h"

#define TURN 100
#define WORKER "127.0.0.1:27777"

static struct db *db;
static struct core *core;
static struct now now = { 1763683200000LL, 1000 };
static struct action acts[8 * TURN];
static int n_acts;
static struct err e;

static void
must(int rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "bench_core: %s: %s\n", what, e.msg);
	exit(70);
}

static void
commit(void)
{
	struct action a;

	must(db_commit(db, &e), "commit");
	n_acts = 0;
	while (core_take_actions(core, &a, 1) == 1)
		if (a.kind == ACTION_RUN && n_acts < 8 * TURN)
			acts[n_acts++] = a;
}

#define EVENT(call) (must(db_savepoint(db, &e), "savepoint"), must((call), #call), must(db_release(db, &e), "release"))

static int64_t
set_up(void)
{
	struct core_conf conf = { .server_id = 1, .report_timeout_ms = 60000, .worker_timeout_ms = 60000,
		.start_grace_ms = 30000, .resend_ms = 5000, .batch = 200 };
	struct heartbeat hb = { .address = WORKER, .is_pj = true, .at_ms = now.at_ms,
		.metrics = { .cpu_processors = 4, .mem_max_gb = 8 } };
	struct job_spec s;
	int64_t job;

	must(db_open(&db, ":memory:", DB_OWN, db_migrations_server, &e), "db_open");
	must(app_add(db, "bench", "secret", now.at_ms, &hb.app_id, &e), "app_add");
	core = core_new(db, &conf, now, &e);
	must(core == NULL ? -1 : 0, "core_new");
	must(core_heartbeat(core, now, &hb, &e), "heartbeat");
	job_spec_init(&s);
	s.name = strdup("true");
	s.processor_info = strdup("exec");
	s.params = strdup("[\"/bin/true\"]");
	must(core_job_save(core, now, hb.app_id, 0, &s, true, &job, &e), "job");
	job_spec_fini(&s);
	commit();
	return job;
}

static void
turns(int64_t job, int n)
{
	struct action run[TURN];
	struct core_wake wake;
	int64_t id;

	for (int done = 0; done < n; done += TURN) {
		for (int i = 0; i < TURN; i++)
			EVENT(core_job_run(core, now, 0, job, NULL, 0, &id, &e));
		EVENT(core_tick(core, now, &wake, &e));
		commit();
		memcpy(run, acts, sizeof run);
		if (n_acts != TURN)
			must(-1, "dispatch");
		for (int i = 0; i < TURN; i++)
			EVENT(core_answer(core, now, ACTION_RUN, run[i].instance_id, run[i].attempt, MESSAGE_ACCEPTED, "", &e));
		commit();
		for (int i = 0; i < TURN; i++) {
			struct report r = { .instance_id = run[i].instance_id, .attempt = run[i].attempt, .status = INSTANCE_SUCCEED,
				.source = WORKER, .is_pj = true, .report_ms = now.at_ms, .start_ms = now.at_ms, .result = "ok",
				.log_length = 0 };

			EVENT(core_report(core, now, &r, &e));
		}
		commit();
		now.at_ms += 10;
		now.mono_ms += 1;
	}
}

int
main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 20000;
	int64_t job;
	struct timespec a, b;

	log_init("bench_core", LOG_ERROR_);
	if (n < TURN)
		return 64;
	job = set_up();
	for (int round = 1; round <= 3; round++) {
		double s;

		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
		turns(job, n);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
		s = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
		printf("core: round %d: %d instances in %.3f s: %.0f/s\n", round, n, s, n / s);
	}
	core_free(core);
	db_close(db);
	return 0;
}

/* How many virtual days a minute the scheduler core gets through on an in-memory store: JOBS cron jobs of FIRINGS times a
 * day each (default 20 of 500), one worker, runs of a second, every hour's check of the ledger included; no faults.
 * Arguments: DAYS JOBS FIRINGS. Prints one line: key=value. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "job/sim.h"
#include "store/job.h"
#include "time/sched.h"

#define T0 1763683200000LL /* 2025-11-21T00:00:00Z */

static struct err e;

static void
must(int rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "bench_sim: %s: %s\n", what, e.msg);
	exit(70);
}

/* So many times a day, near enough: every so many seconds of the day, from a second of its own. */
static void
add_job(struct db *db, int k, int firings)
{
	struct job j = { .app_id = 1, .status = JOB_ENABLED };
	char expr[200], name[32];

	snprintf(name, sizeof name, "job %d", k);
	snprintf(expr, sizeof expr, "{\"interval\":%d,\"startTimeOfDay\":\"00:00:%02d\",\"endTimeOfDay\":\"23:59:59\"}",
	    86400 / firings, k % 60);
	job_spec_init(&j.spec);
	j.spec.name = strdup(name);
	j.spec.time_type = TIME_DAILY;
	j.spec.time_expr = strdup(expr);
	j.spec.processor_info = strdup("exec");
	j.spec.params = strdup("[\"/bin/true\"]");
	must(job_put(db, &j, T0, &e), "job_put");
	job_spec_fini(&j.spec);
}

static double
cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int
main(int argc, char **argv)
{
	int days = argc > 1 ? atoi(argv[1]) : 20, jobs = argc > 2 ? atoi(argv[2]) : 20, firings = argc > 3 ? atoi(argv[3]) : 500;
	struct sim_conf conf = { .seed = 1, .from_ms = T0, .to_ms = T0 + days * 86400000LL, .workers = 1, .run_ms = 1000,
		.keep_ms = 3600000 };
	struct sim *s;
	struct db *db;
	double began, took;

	log_init("bench_sim", LOG_ERROR_);
	if (days < 1 || jobs < 1 || firings < 1)
		return 64;
	must(db_open(&db, ":memory:", DB_OWN, db_migrations_server, &e), "db_open");
	must(db_exec(db, "INSERT INTO app (id, name, password, created_ms, modified_ms) VALUES (1, 'bench', '-', 0, 0)", &e), "app");
	for (int k = 0; k < jobs; k++)
		add_job(db, k, firings);
	must(db_commit(db, &e), "commit");
	s = sim_new(db, &conf, &e);
	must(s == NULL ? -1 : 0, "sim_new");
	began = cpu_s();
	must(sim_run(s, &e), "sim_run");
	took = cpu_s() - began;
	printf("days=%d fires=%lld fires_a_day=%.0f cpu_s=%.2f fires_s=%.0f days_min=%.1f\n", days,
	    (long long)sim_total(s).fires, (double)sim_total(s).fires / days, took, (double)sim_total(s).fires / took,
	    days * 60 / took);
	sim_free(s);
	db_close(db);
	return 0;
}

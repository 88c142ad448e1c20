/* The scheduler core on virtual time: what `pj-ctl simulate` and the tests of the core drive. A store with jobs in it,
 * workers that accept, run for a while and report, and, when wanted, all that can go wrong: commits and statements that
 * fail, servers that are killed, clocks that are set, stores that stall, messages that are lost, doubled and overtaken,
 * workers that die and come back, people who change their minds.
 *
 * Everything is drawn from one seed: the same store, configuration and seed give the same run, event by event. What is
 * wrong ends the run, with the seed in the message. Checked at every change of a row: no second live attempt of an
 * instance; what is final does not change; nothing runs before its time. Checked each virtual hour and at the end: each
 * nominal time of each job has exactly one verdict, an instance or one skipped range; verify finds nothing; what is under
 * way agrees with itself. At the end, and now and then before it: all rows agree with each other. */
#ifndef PJ_JOB_SIM_H
#define PJ_JOB_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/db.h"
#include "time/tz.h"

struct sim;

/* What goes wrong. The first are chances in a thousand, the others so many a day on average; 0: never. */
struct sim_faults {
	int commit;    /* of a turn */
	int statement; /* of a turn: some of its statements fail */
	int lost;      /* of a message or its answer, */
	int doubled;   /* that it arrives twice, */
	int late;      /* that it takes up to half a minute, so that others overtake it */
	int refused;   /* of a dispatch: the worker says that it will not */
	int failed;    /* of a run */
	int restarts;  /* of the server: kill -9, and up to ten minutes without one */
	int jumps;     /* of the wall clock, up to two hours forward or backward */
	int stalls;    /* of the store: up to a minute */
	int deaths;    /* of a worker: its daemon or the whole host */
	int people;    /* disable, enable, edit, run, stop, cancel, retry */
	bool wild;     /* people change types, zones and policies too; the clock also leaps for weeks, or is not set, and comes
	                * back; the server notices jumps, as pj-serverd does */
};
extern const struct sim_faults sim_faults_all; /* some of each */

struct sim_conf {
	uint64_t seed;
	int64_t from_ms, to_ms; /* what is due in [from, to) by the wall clock fires */
	int workers;            /* of each app; numbered attempts, as pj-workerd */
	int java_workers;       /* of each app, as PowerJob's */
	int64_t slots;          /* runs at once of a pj worker; 0: any number */
	int64_t run_ms;         /* how long a run takes about, of a job without samples */
	int64_t speak_ms;       /* workers, and runs that go on, are heard of so often, where somebody may fall silent; 0: 20 s */
	int64_t keep_ms;        /* finished instances are removed after that (they stay counted); 0: kept */
	const struct tz *tz;    /* borrowed: the server's zone */
	struct sim_faults faults;
};

#define SIM_REASONS 16
struct sim_job { /* what became of a job; times of it by the wall clock */
	int64_t id;
	int64_t fires;          /* its nominal times that became instances */
	int64_t runs;           /* attempts that a worker began */
	int64_t succeeded, failed, unfinished;
	int64_t overlaps;       /* failed because too many of them ran */
	int64_t no_worker;      /* failed because no worker would do */
	int64_t late_mean_ms, late_p95_ms, late_max_ms; /* from the due time to the first dispatch; p95 within 7 % */
	int64_t peak;           /* runs at once */
	struct { char reason[16]; int64_t count; } skipped[SIM_REASONS]; /* and canceled; ended by an empty reason */
};
struct sim_total {
	int64_t fires, runs, peak, turns, events, faults;
	uint64_t digest;        /* of all that happened: equal runs have equal ones */
};

/* `db` is borrowed: a server's database (DB_OWN) that nobody else uses, with the apps and jobs. Enabled jobs are set to
 * their first time at or after from_ms. NULL: ERR_NOMEM or what the store says. */
struct sim *sim_new(struct db *db, const struct sim_conf *conf, struct err *e);
void sim_free(struct sim *s);
/* How long runs of a job took: drawn from these; copied. n 0: run_ms again. */
int sim_durations(struct sim *s, int64_t job_id, const int64_t *ms, int n, struct err *e);
/* Runs to to_ms. ERR_INTERNAL: something was wrong; the message says what, when and the seed. */
int sim_run(struct sim *s, struct err *e);
/* Ends the faults, disables all jobs and goes on until nothing runs; ERR_INTERNAL when that does not come. */
int sim_settle(struct sim *s, struct err *e);
int sim_check(struct sim *s, struct err *e); /* the ledger as it stands; sim_run does it every hour and at its end */

int64_t sim_jobs(const struct sim *s);
const struct sim_job *sim_job(const struct sim *s, int64_t i); /* in order of id; valid after sim_run */
struct sim_total sim_total(const struct sim *s);

#endif

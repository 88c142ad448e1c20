/* What the files of the simulation share; nobody else includes it. */
#ifndef PJ_JOB_SIM_INT_H
#define PJ_JOB_SIM_INT_H

#include "job/core.h"
#include "job/sim.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define SIM_DAY_MS 86400000LL
#define SIM_HOUR_MS 3600000LL
#define SIM_LATE_BUCKETS 1024
#define SIM_RECENT 256
#define SIM_FAULT "fault:" /* begins the message of a statement that we made fail */
#define SIM_OPENED 1024

enum sim_event_kind {
	EVENT_ARRIVE, /* a message of the server is at the worker */
	EVENT_ANSWER, /* its answer is at the server */
	EVENT_END,    /* a run is over */
	EVENT_SEND,   /* a worker says what it knows of a run */
	EVENT_REPORT, /* that is at the server */
	EVENT_BEAT,   /* a heartbeat */
	EVENT_RETURN, /* a worker comes back */
	EVENT_CHECK,
	EVENT_RESTART, EVENT_START, /* the server is killed; it is back */
	EVENT_JUMP, EVENT_STALL, EVENT_DEATH, EVENT_PERSON,
	EVENT_LEAP_BACK, /* of a leap of the clock */
};

struct sim_key { /* of a run on a worker; attempt 0: Java, one of an instance at a time */
	int64_t instance_id, attempt, worker;
};

struct sim_event {
	int64_t at, serial; /* monotonic ms; those of the same ms in order */
	enum sim_event_kind kind;
	struct sim_key key;
	enum action_kind action;
	enum message_outcome outcome;
	int status;
	bool stopped, lost;
	int64_t start_ms, mark; /* mark: the server's or the run's generation, older ones are void */
};

struct sim_run {
	struct sim_key key;
	struct sim_track *track;
	int64_t start_ms, begun_at, ended_at;
	int64_t mark;       /* of the chain of its reports */
	int status;         /* what it says when it is over */
	bool going, refused, stopped, lost, acked, begun;
	UT_hash_handle hh;
};

enum sim_up { UP, DAEMON_DOWN /* what runs goes on */, HOST_DOWN };
struct sim_worker {
	char address[32];
	int64_t app_id, used;
	bool pj;
	enum sim_up up;
};

struct sim_track { /* of a job */
	struct sim_job out;
	int64_t *ms;        /* samples */
	int n_ms;
	int64_t going;
	int64_t checked_ms; /* verdicts up to here were checked */
	bool edited;        /* by a person: its times cannot be told from its latest version */
	int64_t late_n, late_sum;
	int64_t *late;      /* SIM_LATE_BUCKETS of them; NULL as long as nothing ran */
};

enum sim_column { /* whose changes are watched */
	INSTANCE_STATUS, INSTANCE_NOMINAL, INSTANCE_CREATED, INSTANCE_EXPECTED, INSTANCE_FINISHED, INSTANCE_RESULT,
	INSTANCE_ATTEMPT, INSTANCE_ACTUAL, ATTEMPT_INSTANCE, ATTEMPT_NUMBER, ATTEMPT_STATE, ATTEMPT_FINISHED, ATTEMPT_RESULT,
	SIM_COLUMNS,
};

struct sim {
	struct db *db;
	struct sim_conf conf;
	struct sim_faults faults; /* those of now */
	struct core *core;        /* NULL: the server is down */
	struct core_conf core_conf;
	struct now now;
	int64_t leap_ms;          /* so far is the wall clock from where it should be, for a while */
	struct core_wake wake;
	bool tick_failed, check_due;
	int hours;
	bool asked;               /* in this turn something came to the server */
	int64_t generation;       /* of the server's process */
	int64_t serial;
	uint64_t random;

	struct sim_event *heap;
	int n_heap, cap_heap;
	struct sim_run *runs;
	struct sim_worker *workers;
	int n_workers;
	struct sim_track *jobs;
	int64_t n_jobs, going;
	int64_t recent[SIM_RECENT]; /* instances, for people */
	int64_t n_recent;

	struct sim_event *said;   /* reports of this turn: acknowledged by its commit */
	int n_said, cap_said;
	struct sim_total total;

	int column[SIM_COLUMNS];
	int64_t opened[SIM_OPENED]; /* instances of which this event opened another attempt */
	int n_opened;
	const char *seen;         /* what a change of a row did that none may */
};

/* sim.c */
uint64_t sim_draw(struct sim *s, uint64_t n);        /* 0 .. n - 1 */
bool sim_chance(struct sim *s, int in_thousand);     /* counts the faults that it grants */
int sim_push(struct sim *s, const struct sim_event *ev, int64_t after_ms, struct err *e);
int sim_wrong(struct sim *s, struct err *e, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The end of an event in its savepoint. 0; 1: it failed as it may (a fault, a conflict), rolled back; -1: wrong. */
int sim_event_end(struct sim *s, int rc, bool of_person, const char *what, const struct err *why, struct err *e);
struct sim_track *sim_track(struct sim *s, int64_t job_id);
void sim_note(struct sim *s, int64_t a, int64_t b, int64_t c); /* into the digest */

/* sim_world.c: workers and messages */
int sim_world_new(struct sim *s, struct err *e);
void sim_world_free(struct sim *s);
int sim_world_actions(struct sim *s, struct err *e);   /* takes the core's actions and sends them */
int sim_world_event(struct sim *s, const struct sim_event *ev, struct err *e);
int sim_world_committed(struct sim *s, struct err *e); /* what was reported in this turn is known */
int sim_world_beats(struct sim *s, struct err *e);     /* all workers say that they are there */
int sim_world_revive(struct sim *s, struct err *e);    /* those that are down come back */

/* sim_fault.c */
int sim_fault_new(struct sim *s, struct err *e);       /* the first of each kind */
int sim_fault_event(struct sim *s, const struct sim_event *ev, struct err *e);
int sim_fault_statement(struct sim *s, bool on, struct err *e);
void sim_fault_leap_back(struct sim *s);

/* sim_check.c */
int sim_check_new(struct sim *s, struct err *e);       /* watches the rows */
int sim_check_verify(struct sim *s, int64_t since_ms, struct err *e); /* what pj-ctl verify would say */
int sim_check_event(struct sim *s, struct err *e);     /* what this event did to them */
void sim_check_undone(struct sim *s);                  /* it was rolled back */
int sim_check_hour(struct sim *s, struct err *e);      /* checks, counts and removes what is old */

/* sim_stat.c */
int sim_stat_count(struct sim *s, int64_t before_ms, struct err *e); /* what finished before; INT64_MAX: all */
int sim_stat_skipped(struct sim *s, struct err *e);
void sim_stat_close(struct sim *s);

#endif

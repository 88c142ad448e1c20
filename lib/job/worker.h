/* The living workers, in memory only: heartbeats make them, silence ends them. Choice of a worker. */
#ifndef PJ_JOB_WORKER_H
#define PJ_JOB_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "store/job.h"

struct worker_metrics { /* protocol.md 3.1 */
	int64_t cpu_processors;
	double cpu_load, mem_used_gb, mem_max_gb, mem_usage, disk_used_gb, disk_total_gb, disk_usage;
	int64_t score;
	const char *extra;
};

struct heartbeat { /* strings borrowed from the message */
	int64_t app_id;
	const char *app_name, *address, *version, *protocol, *tag, *client;
	int64_t at_ms;       /* the worker's clock: recorded, never compared with ours */
	bool overload;
	int64_t light, heavy;
	struct worker_metrics metrics;
	bool is_pj;          /* signed by a pj peer: numbers attempts, answers dispatches */
	int64_t slots, used; /* pj: 0 unknown */
};

struct worker {
	/* What every choice among ten thousand looks at, in one line of the processor's cache. */
	int64_t seen_mono_ms;
	int64_t avoid_until_mono_ms; /* a connection was refused: not chosen before */
	int64_t assigned;            /* live attempts that we gave it */
	int64_t unanswered;          /* messages to it under way */
	int64_t slots, used;
	int64_t score;               /* the metrics' own, or made of them */
	char *tag;
	bool is_pj, overload;

	int64_t app_id;
	char *address, *version, *protocol, *client;
	int64_t light, heavy;
	struct worker_metrics metrics;
	int64_t seen_at_ms;
	int64_t beat_ms;             /* the last heartbeat by the worker's clock; 0 it did not say */
	int64_t clock_skew_ms;       /* heartbeat's clock minus ours at arrival */
};

struct workers;
struct workers *workers_new(int64_t timeout_ms);
void workers_free(struct workers *w);
void workers_set_timeout(struct workers *w, int64_t timeout_ms);
int workers_beat(struct workers *w, const struct heartbeat *hb, struct now now, struct err *e);
struct worker *workers_find(struct workers *w, int64_t app_id, const char *address); /* NULL; alive or not */
/* Is a worker of this address known in another app than this? Looks at all: for what is rare. */
bool workers_is_elsewhere(const struct workers *w, int64_t app_id, const char *address);
bool workers_has_room(const struct worker *x, struct now now); /* not overloaded, not avoided, a slot free; not: alive */
bool workers_alive(const struct workers *w, const struct worker *x, struct now now);
void workers_shift(struct workers *w, int64_t stall_ms); /* a stall of the loop is nobody's silence */
/* Drops those silent for ten time-outs. Returns when to be called again, monotonic ms; INT64_MAX: not before a heartbeat. */
int64_t workers_expire(struct workers *w, struct now now);
int64_t workers_count_alive(struct workers *w, struct now now);
/* In order of app and address; app_id 0: all. */
/* One that has so many messages to answer is given nothing more: what hangs holds up nobody else. */
#define WORKER_UNANSWERED_MAX 256
void workers_each(struct workers *w, int64_t app_id, bool (*fn)(struct worker *x, void *arg), void *arg);

enum choice { CHOICE_OK, CHOICE_NONE /* no suitable worker */, CHOICE_BUSY /* suitable ones are all overloaded or avoided */ };
/* Chooses by the job's filters and strategy (behaviour.md 1.7, 1.8); ties go to the least assigned. Lists every suitable
 * worker into *all (malloc'ed array of borrowed pointers, best first, cut to max_worker_count) when all is not NULL. */
/* exec and shell jobs: commands, which only pj's workers run. */
bool workers_runs_command(const struct job_spec *spec);
/* The rate or delay of a processor, a second-level job: a worker repeats it within one long instance. */
bool workers_repeats(const struct job_spec *spec);
/* Broadcasts, maps and second-level jobs need a tracker of tasks: Java workers are chosen for them alone. A command's rate or
 * delay needs none: the server fires it. */
bool workers_needs_java(const struct job_spec *spec);
enum choice workers_choose_any(struct workers *w, int64_t app_id, struct now now); /* without a job's filters: is any? */
enum choice workers_choose(struct workers *w, int64_t app_id, const struct job_spec *spec, struct now now, uint64_t random,
    struct worker **chosen, struct worker ***all, int *n_all);
/* Appends for people what becomes of the app's workers in that choice, with numbers: "of 3 workers: 2 not among ...". */
void workers_explain(struct workers *w, int64_t app_id, const struct job_spec *spec, struct now now, struct buf *out);

#endif

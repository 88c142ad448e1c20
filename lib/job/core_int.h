/* What the files of the core share; nobody else includes it.
 *
 * In memory is only what the rows cannot hold or what would cost a query a turn: the live attempts (open, accepted,
 * running), how far each app's waiting instances were looked through, the actions of this turn. All of it can be made
 * anew from the rows (core_reload); after a failed event the touched part of it is (event_begin). */
#ifndef PJ_JOB_CORE_INT_H
#define PJ_JOB_CORE_INT_H

#include "base/id.h"
#include "job/core.h"
#include "time/sched.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>

#define AVOID_BUSY_MS 2000     /* a worker that said it cannot take this now, or did not answer */
#define AVOID_REFUSED_MS 10000 /* a worker that is not there */
#define WAIT_MS 1000           /* full workers are asked again at latest after */
#define BLOCKED_MAX 64
#define IN_FLIGHT_MAX 2048     /* messages under way: what waits longer stays a row, and can still go elsewhere */
#define IN_FLIGHT_APP 16       /* so many of an app leave however many others are under way */
#define FIRE_FIRST_TICKS 100  /* at most so many ticks that only record what is due */


struct place { /* a worker's address, for as long as we have given it live attempts */
	char *address;
	int64_t app_id, n;
	int64_t in_flight; /* messages to it */
	UT_hash_handle hh;
};

struct live { /* an attempt that is not at its end */
	int64_t instance_id, attempt, app_id;
	struct place *place;
	bool is_pj;
	bool open;        /* not yet known to have arrived: ATTEMPT_OPEN */
	bool stop;        /* a stop is wanted (and, on Java, the instance is stopped already) */
	bool stop_told;   /* and the worker answered it */
	bool maybe_sent;  /* an earlier message with this attempt may have arrived */
	bool held;        /* lost, and its job wants a person to decide */
	bool in_flight;
	int64_t flight;   /* the serial number of the action in flight */
	int64_t last_report_ms;
	int64_t silent_at, resend_at; /* core's monotonic time; resend_at INT64_MAX: not in that list */
	struct live *silence_prev, *silence_next, *resend_prev, *resend_next;
	UT_hash_handle hh;
};

struct queue { /* the waiting instances of an app, in order of (due, id) */
	int64_t app_id;
	int64_t due_ms, id;     /* looked at up to here */
	int64_t next_due_ms;    /* what lies behind is not due before; INT64_MIN unknown */
	bool closed;            /* no worker of the app has room */
	bool bell;              /* there may be room: from the start again, when it is closed or at its end */
	int64_t retry_at;       /* closed or blocked: a bell of its own (core's monotonic time) */
	int64_t blocked[BLOCKED_MAX]; /* jobs whose own workers have no room */
	int n_blocked;
};

#define CACHE_SETS 128 /* more than a tick's batch: read once to fire, dispatch and send */
#define CACHE_WAYS 4
struct version { /* a job's version never changes: kept with its parsed schedule */
	struct job job;       /* status and next_trigger_ms in here are not to be used */
	struct sched *sched;  /* NULL: never fires, or why is set */
	char *why;            /* the reason that a schedule which was saved cannot be had; NULL */
	uint64_t used;        /* 0: free */
};

struct core {
	struct db *db;
	struct core_conf conf;
	struct workers *workers;
	struct idgen ids;
	uint64_t random;
	int64_t shift_ms;          /* the sum of all stalls */
	int64_t grace_until;       /* core's monotonic time */

	struct live *live, *silence, *resend; /* hash; lists in order of silent_at, resend_at */
	int n_in_flight;
	struct place *places;
	struct queue *queues;      /* sorted by app */
	int n_queues, cap_queues, turn_queue;
	int64_t next_trigger_ms;   /* the earliest of all jobs, INT64_MAX none, INT64_MIN unknown */
	int fired_only;            /* so many ticks in a row had more to fire than a batch */
	bool went_back;            /* it was seen to go back: triggers of launches, too */
	int64_t back_ms;           /* by how much, and that is not in the rows yet */
	int64_t noted_ms;          /* the last event wrote so much of it, */
	bool moved;                /* and moved the triggers of launches: not committed yet, perhaps */
	bool unset;                /* the clock is not set yet, and that was said */
	bool rewind;               /* the clock may have gone back: rows of times to come are looked for */
	int64_t next_late_ms;      /* the earliest deadline of what waits, the same */

	struct action *actions;
	int n_actions, cap_actions, taken;
	int64_t serial;            /* actions ever pushed */

	int mark;                  /* this event: its first action, */
	int64_t mark_serial;
	int64_t *touched;          /* the instances whose memory it changed */
	int n_touched, cap_touched;
	bool wrote;                /* rows, and memory with them */
	bool failed, reload;       /* the last event wrote and failed: heal; reload: more than `touched` may be wrong */

	struct zone_file *zones;   /* the time zones that jobs name */
	int n_zones, cap_zones;
	bool zone_told;            /* meta has the name of the server's own */
	int64_t zones_at;          /* when their files are looked at next (core's monotonic time) */

	int64_t kept_ms, kept_mono; /* the time that retention goes by, at that monotonic time */
	int64_t kept_saved_ms;     /* what meta has of it */
	int64_t ahead_ms, ahead_mono; /* the clock is ahead of that: wall - mono, since when */
	bool ahead;

	struct version cache[CACHE_SETS][CACHE_WAYS];
	uint64_t cache_clock;
};

/* core.c: events, actions, time */
int core_event_begin(struct core *c, struct now now, struct err *e);
int core_event_end(struct core *c, int rc);
int64_t core_mono(const struct core *c, struct now now);
int core_touch(struct core *c, int64_t instance_id, struct err *e);
int core_push(struct core *c, const struct action *a, struct err *e);
uint64_t core_random(struct core *c);
int core_nomem(struct err *e);

/* core_live.c */
struct live *live_find(struct core *c, int64_t instance_id);
struct live *live_add(struct core *c, const struct attempt *a, int64_t app_id, struct now now, struct err *e);
int live_remove(struct core *c, struct live *l, struct err *e);
void live_in_flight(struct core *c, struct live *l, bool yes);
void live_heard(struct core *c, struct live *l, struct now now); /* arms its silence anew */
void live_hold(struct core *c, struct live *l);
void live_resend(struct core *c, struct live *l, int64_t at); /* INT64_MAX: not */
/* Sends what the attempt needs now, unless a message is under way. */
int live_send(struct core *c, struct live *l, struct now now, struct err *e);
int live_load(struct core *c, struct now now, struct err *e);
int live_heal(struct core *c, int64_t instance_id, struct now now, struct err *e);
void live_free_all(struct core *c);
/* What a worker was given, and the messages to it. */
void live_counts(struct core *c, const char *address, int64_t *assigned, int64_t *unanswered);
int live_room_of_app(struct core *c, int64_t app_id); /* so many more messages to its workers may leave */

/* core_queue.c: waiting instances */
struct queue *queue_of(struct core *c, int64_t app_id, struct err *e);
int queue_note(struct core *c, int64_t app_id, int64_t due_ms, int64_t id, struct err *e); /* a row came into it */
/* Gives an instance that has no row yet to a worker at once, so that it gets the row with that. 1: it is in the rows (also
 * when it was refused); 0: it has to wait, insert it; -1. The caller's to free in any case. */
int queue_pass(struct core *c, struct instance *i, struct now now, struct err *e);
void queue_bell(struct core *c, int64_t app_id); /* there may be room now */
int queue_load(struct core *c, struct err *e);
int queue_tick(struct core *c, struct now now, struct core_wake *wake, struct err *e);

/* core_move.c: the moves of an instance and its attempt, each with its rows and memory */
int move_instance(struct core *c, struct instance *i, enum instance_status to, struct now now, struct err *e);
int move_attempt(struct attempt *a, enum attempt_state to, struct now now, struct err *e);
int move_finish(struct core *c, struct instance *i, enum instance_status to, const char *result, struct now now,
    struct err *e);
int move_requeue(struct core *c, struct instance *i, int64_t due_ms, struct now now, struct err *e);
/* Ends a live attempt: its row, and its place in memory. */
int move_end_attempt(struct core *c, struct attempt *a, enum attempt_state to, const char *result, struct now now,
    struct err *e);
int move_not_started(struct core *c, struct instance *i, struct attempt *a, const char *why, struct now now, struct err *e);
int move_lost(struct core *c, struct instance *i, struct attempt *a, const char *why, bool silent, struct now now,
    struct err *e);
int move_get(struct core *c, int64_t instance_id, struct instance *i, struct attempt *a, struct err *e);
/* The result of a stopped instance: by whom. Who is replaced has it as its result already. */
const char *move_stop_text(const struct instance *i);
int move_set_text(char **at, const char *text, struct err *e); /* cut to LIMIT_RESULT */

/* core_job.c */
/* NULL: ERR_NOTFOUND no such version; borrowed until the next call. */
const struct version *job_version_get(struct core *c, int64_t job_id, int64_t version, struct err *e);
void job_versions_forget(struct core *c);
bool job_fires(const struct job_spec *spec);
/* Its schedule, in its zone; the zone is borrowed from the core. */
struct sched *job_sched(struct core *c, const struct job_spec *spec, struct err *e);
int64_t job_end(const struct job_spec *spec);
/* 0: none. */
int64_t job_next_after(const struct sched *s, const struct job_spec *spec, int64_t after_ms);

int job_over(struct core *c, int64_t job_id, struct now now, struct err *e); /* no time of it comes any more: disabled */
/* The version of an enabled job, and its trigger (0 none); *version 0: it is not enabled. */
int job_enabled(struct core *c, int64_t job_id, int64_t *version, int64_t *next_ms, struct err *e);

/* core_check.c */
/* Texts, codes, numbers of a definition. */
int check_spec(const struct job_spec *s, struct err *e);
/* Its schedule, and the first nominal time after now; 0: it never fires by itself. */
int check_time(struct core *c, const struct job_spec *s, struct now now, int64_t *next, struct err *e);

/* core_skip.c */
/* `count` occurrences that follow each other, and did not run: one range. Those of them that have their verdict from when
 * the clock was ahead keep it. */
int skip_put(struct core *c, const struct version *v, int64_t first_ms, int64_t last_ms, int64_t count, const char *reason,
    struct now now, struct err *e);
/* 1: it was left out already, while the clock was ahead; 0; -1. */
int skip_is_known(struct core *c, int64_t job_id, int64_t at_ms, struct err *e);
/* What a job that is not to fire by its old schedule leaves behind: its due but unfired occurrences. */
int skip_due(struct core *c, const struct job *j, const char *reason, struct now now, struct err *e);

/* core_fire.c */
#define CLOCK_FLOOR_MS 1577836800000LL /* 2020-01-01: before that there was no pj, the clock is not set */
#define FIRE_GRACE_MS 10000 /* so late is not late: the server was busy, not away */
/* What is later than this is a misfire that does not run; INT64_MAX: it runs however late. */
int64_t fire_window_ms(const struct job_spec *s);
/* The occurrence of at_ms becomes an instance, unless it is one already. */
int fire_insert(struct core *c, const struct version *v, int64_t at_ms, struct now now, struct err *e);
int fire_due(struct core *c, struct now now, struct core_wake *wake, struct err *e);

/* core_overlap.c */
enum overlap { OVERLAP_ALLOW, OVERLAP_SKIP, OVERLAP_QUEUE, OVERLAP_REPLACE };
extern const char *const overlap_names[];
enum overlap overlap_of(const struct job_spec *spec);
/* Is an instance of the job not at its end? 1, 0, -1. */
int overlap_busy(struct core *c, int64_t job_id, struct now now, struct err *e);
/* One of the job is not under way any more: the next one that is parked is looked at again. */
int overlap_left(struct core *c, int64_t app_id, int64_t job_id, struct err *e);
/* Does one of the job run, or is one due, or to be tried again? Without but_id (0 none), and of those that are due only with
 * older ones than that. 1, 0, -1. */
int overlap_under_way(struct core *c, int64_t job_id, int64_t but_id, struct now now, struct err *e);
/* It waits until overlap_left. Needs something that will leave: an instance under way, or one that waits and is not parked. */
int overlap_park(struct core *c, int64_t instance_id, struct err *e);
/* May a waiting instance start now? 1; 0 not yet; 2 it was canceled; -1. */
int overlap_enter(struct core *c, struct instance *i, const struct job_spec *spec, struct now now, struct err *e);

/* core_clock.c */
/* After the clock was set back: rows of times to come. */
int clock_tick(struct core *c, struct now now, struct core_wake *wake, struct err *e);
void clock_done(struct core *c);   /* what the last event wrote is committed */
void clock_undone(struct core *c); /* it was rolled back */

/* core_keep.c: the time that retention goes by */
int keep_load(struct core *c, struct now now, struct err *e);
/* `now`, or earlier: a clock that was set forward is believed when it has been steady for a while. */
int keep_now(struct core *c, struct now now, int64_t *out_ms, struct err *e);

/* core_late.c */
/* An instance with a deadline came into the queue. */
void late_note(struct core *c, int64_t deadline_ms);
/* Cancels what has not started by its deadline. */
int late_tick(struct core *c, struct now now, struct core_wake *wake, struct err *e);

/* core_zones.c */
/* Opens the server's own zone, if it is to be watched. */
int zones_open(struct core *c, struct err *e);
/* After zones_open and zones_load: the zone that the rows were made with, where that was another. */
int zones_resume(struct core *c, struct err *e);
/* A zone by its name, kept; NULL is the server's own. Borrowed until the next zones_tick. NULL with *e: no such zone. */
int zones_get(struct core *c, const char *name, const struct tz **out, struct err *e);
/* Once a minute looks whether the files changed; the jobs of one that did get their next trigger anew, a batch a tick. After
 * fire_due: what is due was planned by the old file, and fires by it. */
int zones_tick(struct core *c, struct now now, struct core_wake *wake, struct err *e);
/* The rows of a turn were rolled back. */
int zones_load(struct core *c, struct err *e);
void zones_free(struct core *c);

/* core_frequent.c: FIXED_RATE and FIXED_DELAY */
int frequent_check(const struct job_spec *s, struct now now, int64_t *next, struct err *e); /* *next: its launch */
int frequent_fire(struct core *c, const struct version *v, struct now now, struct err *e);
int frequent_stop(struct core *c, const struct job *j, struct now now, struct err *e); /* what runs of it; others: nothing */
int frequent_ended(struct core *c, const struct instance *i, struct now now, struct err *e); /* any instance has */

/* core_interval.c */
#define INTERVAL_MIN_MS 100
bool interval_is(const struct job_spec *s);
int interval_next(const struct sched *s, const struct job *j, int64_t from_ms, int n, int64_t *out); /* core_job_next's */
int interval_next_daily(const struct sched *s, const struct job *j, int64_t from_ms, int n, int64_t *out);
int64_t interval_first(const struct sched *s, const struct job *j, int64_t from_ms); /* core_job_first's; 0 none */
int delay_fire(struct core *c, const struct version *v, int64_t at_ms, struct now now, struct err *e); /* what is due at at_ms */
int delay_ended(struct core *c, const struct instance *i, struct now now, struct err *e); /* any instance has */
int interval_rewind(struct core *c, struct now now, struct err *e); /* the clock was set back */

/* core_alarm.c */
int alarm_failed(struct core *c, const struct instance *i, struct now now, struct err *e);
/* A worker wants people to be told; a report that comes again tells nothing anew. */
int alarm_reported(struct core *c, const struct instance *i, const struct report *r, struct now now, struct err *e);
/* A lost attempt whose job leaves it to a person: told once. */
int alarm_held(struct core *c, const struct instance *i, const char *why, struct now now, struct err *e);

/* core_user.c */
/* Stops an unfinished instance; `to` (STOPPED, or SUCCEED at the end of a life cycle) is what it becomes on Java. */
int user_stop(struct core *c, struct instance *i, enum instance_status to, struct now now, struct err *e);

#endif

/* The scheduler core (design rule 4): takes the store, the time and an event, changes rows, and hands out actions.
 * No sockets, no threads, no clock of its own. pj-serverd drives it with real time, tests with a virtual clock.
 *
 * Each core_* call is one event: the caller wraps it in a savepoint and rolls back when it returns -1. After a failed
 * commit the caller rolls back and calls core_reload: memory is made anew from the rows. */
#ifndef PJ_JOB_CORE_H
#define PJ_JOB_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "job/worker.h"
#include "store/instance.h"
#include "store/job.h"
#include "time/tz.h"

struct core;
struct jw;

/* Results of instances that the core itself ends; Java clients know PowerJob's. */
#define TEXT_NO_WORKER "no worker available"
#define TEXT_SILENT "worker report timeout, maybe TaskTracker down"
#define TEXT_STOPPED "stopped by user"
#define TEXT_CANCELED "canceled by user"
#define TEXT_REPLACED "replaced by a newer instance"
#define TEXT_DEADLINE "deadline passed"
#define TEXT_OVERLAP "another instance of the job was running"
#define TEXT_TOO_MANY "too many instances" /* and how many */

struct core_conf {
	int64_t server_id;           /* in instance ids */
	int64_t report_timeout_ms;   /* silence after which an attempt is lost (60 s) */
	int64_t worker_timeout_ms;   /* silence after which a worker is not chosen (60 s) */
	int64_t start_grace_ms;      /* after a start, no worker means wait (30 s) */
	int64_t resend_ms;           /* unanswered message to a pj worker is sent again after (5 s) */
	const struct tz *tz;         /* borrowed: the server's zone */
	bool watch_tz;               /* instead: that of the process, opened here, and anew when its file changes */
	int batch;                   /* rows of one kind per tick (200) */
	int64_t zone_look_ms;        /* files of time zones are looked at so often (60 s) */
};

/* What must leave after the commit. A row says so too: losing an action loses nothing, core_tick sends it again.
 * Messages about one instance are handed out one at a time: the next one only after core_answer for the last. */
enum action_kind {
	ACTION_RUN,     /* POST /worker/runJob: instance, attempt, worker */
	ACTION_STOP,    /* POST /worker/stopInstance: instance, attempt, worker */
	ACTION_CHANGED, /* an instance's status changed: long polls look again */
};
struct action {
	enum action_kind kind;
	int64_t instance_id, attempt;
	bool to_pj;            /* the worker answers and numbers attempts */
	char worker[128];      /* host:port */
};

struct core *core_new(struct db *db, const struct core_conf *conf, struct now now, struct err *e);
void core_free(struct core *c);
const struct tz *core_zone(const struct core *c); /* the server's zone; borrowed until the next tick */
/* Takes report_timeout_ms, worker_timeout_ms and resend_ms of conf, for deadlines that are set from now on. */
void core_set_timeouts(struct core *c, const struct core_conf *conf);
/* The next tick looks whether the files of time zones have changed; it does by itself every zone_look_ms. */
void core_look_at_zones(struct core *c);
int core_reload(struct core *c, struct now now, struct err *e);
/* Takes up to max actions of this turn; call until 0. */
int core_take_actions(struct core *c, struct action *out, int max);

/* Time. Fires what is due, dispatches what waits, ends what is silent: at most conf.batch of each. */
struct core_wake {
	int64_t at_ms;   /* wall: the next trigger or due instance; INT64_MAX none; <= now: call again next turn */
	int64_t mono_ms; /* monotonic: the next deadline */
};
int core_tick(struct core *c, struct now now, struct core_wake *wake, struct err *e);
/* The wall clock was set (rule 10): what follows from it is done by the next tick. */
void core_clock_jumped(struct core *c, int64_t delta_ms);
void core_stalled(struct core *c, int64_t stall_ms); /* adds to every deadline (rule 10) */
/* Removes old rows in small chunks: up to `batch` rows; *more when there is more to do now. Logs are the caller's. */
/* Ages are counted from core_kept_ms, which a clock that is set forward is let into only when it has been steady for hours. */
struct core_keep { int64_t instances_ms, skipped_ms; };
int core_retain(struct core *c, struct now now, const struct core_keep *keep, int batch, bool *more, struct err *e);
int64_t core_kept_ms(const struct core *c, struct now now); /* as of the last core_retain */

/* Workers. */
int core_heartbeat(struct core *c, struct now now, const struct heartbeat *hb, struct err *e);
struct workers *core_workers(struct core *c);

struct report { /* protocol.md 3.2; strings borrowed */
	int64_t app_id, job_id, instance_id, wf_instance_id;
	int64_t status;        /* 3, 4, 5 */
	const char *result, *source;
	int64_t total, succeed, failed, start_ms, end_ms, report_ms;
	bool need_alert;
	const char *alert;
	const char *wf_context; /* appendedWfContext as JSON text; NULL none */
	/* pj's: */
	bool is_pj;            /* signed */
	int64_t attempt;       /* 0: from Java */
	int64_t exit_code;     /* -1 none */
	int64_t signal, log_length; /* 0; -1 unknown */
	bool stopped;          /* ended by a written stop */
	bool not_started;      /* the worker has proof that it never ran: the next attempt is no retry */
	bool lost;             /* started, then neither result nor runner was found: the job's on_lost decides */
};
/* 0: recorded or rightly ignored: answer success. ERR_NOTFOUND unknown instance; ERR_FORBIDDEN another app's. */
int core_report(struct core *c, struct now now, const struct report *r, struct err *e);

/* The end of a message that an action asked for. */
enum message_outcome {
	MESSAGE_ACCEPTED,    /* pj: it has it (or, for a stop: it is ended or will report); Java: status 200 */
	MESSAGE_NOT_STARTED, /* pj's own word: this attempt never ran and never will */
	MESSAGE_NOT_SENT,    /* refused, no route: this message did not arrive. Proof only if none was sent before it */
	MESSAGE_UNKNOWN,     /* time-out, reset, nonsense */
	MESSAGE_GONE,        /* a stop: the worker does not know the attempt and will never start it */
};
int core_answer(struct core *c, struct now now, enum action_kind kind, int64_t instance_id, int64_t attempt,
    enum message_outcome outcome, const char *why, struct err *e);
/* Does an answer about this attempt still matter? No once its end is known: then it need not be handed in. */
bool core_expects(struct core *c, int64_t instance_id, int64_t attempt);

/* People and clients. app_id 0 skips the check of ownership (local administrator). Messages of errors are PowerJob's texts
 * where behaviour.md quotes one, without the Java class name. */
/* job_id 0: new. Validates everything (expression, life cycle, types); a text that does not parse is ERR_DATA naming the
 * field. enable: the status it gets. The missed part of an edited schedule goes to `skipped` as 'edited'. */
int core_job_save(struct core *c, struct now now, int64_t app_id, int64_t job_id, const struct job_spec *spec, bool enable,
    int64_t *id, struct err *e);
int core_job_status(struct core *c, struct now now, int64_t app_id, int64_t job_id, enum job_status status, struct err *e);
/* Enables a disabled job as if the server had been away meanwhile: what of its times is past is its misfire's to decide. */
int core_job_make_up(struct core *c, struct now now, int64_t app_id, int64_t job_id, struct err *e);
int core_job_run(struct core *c, struct now now, int64_t app_id, int64_t job_id, const char *params, int64_t delay_ms,
    int64_t *instance_id, struct err *e);
/* Would a job with this expression, life cycle and zone be saved? 0; ERR_DATA says why not. */
int core_time_check(struct core *c, struct now now, const struct job_spec *spec, struct err *e);
/* The next n nominal times after from_ms into out; returns how many. Where the times follow from each other, they follow
 * from the job's next trigger. */
int core_job_next(struct core *c, const struct job *j, int64_t from_ms, int n, int64_t *out, struct err *e);
/* With which trigger the job begins in a period of virtual time, at or after from_ms, which may also be long past; 0: none. */
int core_job_first(struct core *c, const struct job *j, int64_t from_ms, int64_t *out, struct err *e);
/* What changes of the clock do to it in the next two years: members of the object that is open (audit_put). */
int core_job_audit(struct core *c, const struct job *j, int64_t from_ms, struct jw *w, struct err *e);
int core_instance_stop(struct core *c, struct now now, int64_t app_id, int64_t instance_id, struct err *e);
int core_instance_cancel(struct core *c, struct now now, int64_t app_id, int64_t instance_id, struct err *e);
int core_instance_retry(struct core *c, struct now now, int64_t app_id, int64_t instance_id, struct err *e);

/* The definition that an instance was made from: ERR_NOTFOUND; borrowed until the next core_ call. Its status and trigger
 * are not to be used. */
const struct job *core_job_version(struct core *c, int64_t job_id, int64_t version, struct err *e);

/* What an instance waits for: the member `waits` of the object that is open, when it waits (pj-api(7)). */
int core_instance_waits(struct core *c, struct now now, const struct instance *i, struct jw *w, struct err *e);

struct core_stats { int64_t jobs_enabled, waiting, sent, running, workers_alive, live_in_memory; };
int core_stats(struct core *c, struct now now, struct core_stats *out, struct err *e);

#endif

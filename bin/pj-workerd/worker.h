/* pj-workerd's inside: one thread, one loop, one commit a turn. The modules:
 *
 *   main.c     start, signals, end                     accept.c   HTTP in: run, stop, query
 *   worker.c   the turn's transaction, run/worker.addr assign.c   runs in memory and their states
 *   policy.c   what may be started, and its command    command.c  environment and message of a start
 *   slots.c    slot files: free, used, draining        spawn.c    pj-run's spawner: tells starts, hears ends
 *   bell.c     run/worker.sock: a slot has a result    live.c     a told run: look at its slot, stop it, sweep it
 *   outbox.c   final reports until success:true        report.c   bodies of reports, RUNNING reports
 *   adopt.c    what was there before this start        helpers.c  pj-discover, pj-health, pj-logship
 *
 * Everything durable happens as: change memory, write rows (worker_begin and workerdb_*), worker_after(fn): after the
 * turn's commit fn goes on, or takes the change back when the commit failed. */
#ifndef PJ_WORKERD_WORKER_H
#define PJ_WORKERD_WORKER_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/buf.h"
#include "base/proc.h"
#include "codec/config.h"
#include "codec/options.h"
#include "codec/slot.h"
#include "net/http_server.h"
#include "net/loop.h"
#include "net/msg.h"
#include "net/post.h"
#include "store/db.h"
#include "store/workerdb.h"

struct run {
	int64_t instance_id, attempt, job_id, wf_instance_id;
	enum assign_state state;
	bool plain;                  /* of a PowerJob server */
	int slot;                    /* -1 none (any more) */
	int64_t seq;
	int64_t accepted_ms, started_ms, stop_ms;
	int64_t stop_mono_ms, kill_mono_ms; /* when it was last asked to end; when it is killed */
	char *address;               /* under which it was accepted; NULL: the present one */
	bool committed;              /* its row is on disk */
	bool writing;                /* a move of it waits for the commit */
	bool other_boot;             /* told before the host was restarted: never told again */
	bool done;                   /* its pj-run ended and said that the slot is written */
	bool superseded;             /* a newer attempt was accepted: it is being ended */
	char *message;               /* the frame's body for the spawner until it is told; NULL: made again from the row */
	size_t message_len;
	uint32_t told_to;            /* generation of the spawner that was told; 0 none in this life */
	int64_t told_mono_ms;
	int tries, tells;            /* starts that were refused; messages that led to nothing */
	int64_t retry_mono_ms;       /* not told again before */
	struct proc_id runner;       /* its pj-run; pid 0 not known yet */
	int pid_fd;                  /* of a pj-run that no spawner of ours will tell the end of; -1 */
	struct loop_watch *pid_watch;
	struct host *pid_of;         /* for the watch */
	int sweeps;                  /* rounds of killing what a lost run left; 0: not lost */
	pid_t lost_session;          /* what the slot said of it */
	uint64_t lost_since;
	const char *lost_why;        /* a literal */
	int64_t looked_mono_ms;
	/* RUNNING reports */
	int64_t next_report_mono_ms, last_report_ms;
	bool reporting;              /* one is on its way */
	/* the final report */
	int64_t out_id, out_since_ms, out_due_mono_ms;
	int out_pause_ms;
	bool sending;
	enum direct {
		DIRECT_NOT_TRIED = 0,
		DIRECT_SENT,         /* told to the server, not yet in the outbox: its slot has it */
		DIRECT_TRIED,        /* what comes now goes through the outbox */
	} direct;
	bool taken;                  /* the server has it; its row does not say so yet */
	struct buf report;           /* the body that was sent: the same comes again */
	int64_t direct_mono_ms;
	struct sockaddr_un bell;     /* who rang and waits for the acknowledgement */
	socklen_t bell_len;          /* 0 nobody */
	struct run *next_hash;       /* same bucket */
	struct run *next, *prev;     /* in its list */
	struct run_list *list;
};

struct run_list {
	struct run *first, *last;
	int n;
};

enum slot_use {
	USE_FREE,
	USE_RUN,
	USE_DRAINING, /* the result is safe; its pj-run has not left yet */
	USE_RETIRED,
};
struct slot_entry {
	enum slot_use use;
	int fd;                      /* -1 not open */
	int64_t seq;                 /* the last given out */
	struct run *run;             /* USE_RUN */
	int next_free;
};

struct helper_proc;
struct spawner;

struct host {
	struct options *options;
	struct config *conf;
	struct loop *loop;
	struct db *db;
	struct post post;
	struct http_server *http;
	char state_dir[PATH_MAX], run_dir[PATH_MAX], address[128], bin_dir[PATH_MAX];
	char bell_path[PATH_MAX];
	char mark[48];               /* of this worker's state directory, on this host */
	int64_t self_started_ms;
	bool stopping, ticking;
	/* the turn */
	bool in_turn;
	struct err turn_error;       /* code ERR_NONE: all good so far */
	bool committed;              /* the last one; else commit_error says why not */
	struct err commit_error;
	struct after_list {
		struct after *item;
		int n, cap;
	} after;
	struct loop_timer *turn_timer; /* makes a turn, so that what a release wrote is committed */
	/* runs: every one is in the hash and in one list */
	struct run **bucket;
	int n_buckets, n_runs;
	struct run_list queued;      /* accepted, not told */
	struct run_list live;        /* told or running */
	struct run_list ready;       /* finished: reports to be sent */
	struct run_list waiting;     /* finished: reports that wait for another try */
	/* slots */
	struct slot_entry *slot;
	int n_slots;                 /* entries: worker.slots, and what is in use above it */
	int free_head, n_used, n_draining;
	struct loop_timer *drain_timer, *look_timer, *outbox_timer, *direct_timer, *forget_timer, *beat_timer,
	    *sweep_timer;
	/* modules */
	struct spawner *spawner;
	struct helper_proc *helpers;
	int bell_fd;
	struct loop_watch *bell_watch;
	int sending, directs;        /* final reports on their way: out of the outbox, out of slots */
	bool direct_armed;
	bool server_down;            /* the last one did not arrive: one at a time until one does */
	int64_t down_until_mono_ms;
	int down_pause_ms;
	struct worker_server server; /* as read last; address "" unknown */
	int64_t server_read_mono_ms;
};

/* --- worker.c -------------------------------------------------------------------------------------------------- */

/* Opens what lives as long as the process. */
int worker_open(struct host *w, struct options *o, struct config *conf, struct err *e);
void worker_close(struct host *w);
/* Opens the turn's transaction when it is not open yet. -1: it failed before or now; worker_commit will fail too. */
int worker_begin(struct host *w);
/* Notes the result of a write in the turn: rc < 0 fails the turn. Returns rc. */
int worker_wrote(struct host *w, int rc, const struct err *e);
int worker_commit(void *arg, struct err *e); /* of loop_ops */
/* fn runs after the turn's commit: failed NULL, or why nothing was kept. Out of memory fails the turn. */
void worker_after(struct host *w, void (*fn)(struct host *w, struct run *r, void *arg, const struct err *failed),
    struct run *r, void *arg);
/* The server's address, read from the table again when it is older than a second; "" unknown. */
const char *worker_server(struct host *w);
void worker_forget_server(struct host *w); /* read again at the next use */
int64_t worker_mono(const struct host *w);
int64_t worker_wall(const struct host *w);

/* --- assign.c -------------------------------------------------------------------------------------------------- */

struct run *assign_find(struct host *w, int64_t instance_id, int64_t attempt);
/* The next run of this instance in memory, `after` or the first (NULL); any order. */
struct run *assign_of_instance(struct host *w, int64_t instance_id, const struct run *after);
struct run *assign_new(struct host *w, int64_t instance_id, int64_t attempt, enum assign_state state);
void assign_free(struct host *w, struct run *r); /* out of the hash and its list */
void assign_to_list(struct run *r, struct run_list *to); /* at its end; NULL: in none */
/* Changes the state; a move that the table in assign.c forbids aborts: it is a lie in our own code. */
void assign_move(struct run *r, enum assign_state to);
/* A run of the same instance with a lower attempt that may have processes. */
struct run *assign_older_live(struct host *w, const struct run *r);
struct run *assign_older_unreported(struct host *w, const struct run *r);

/* --- policy.c -------------------------------------------------------------------------------------------------- */

struct command {
	char **argv; /* NULL-ended, malloc'ed texts */
	int argc;
};
void command_fini(struct command *c);
/* What a request starts. -1: it may not or cannot be, and the err's message is what is reported. ERR_NOMEM: not now. */
int policy_command(const struct config *conf, const struct run_request *r, struct command *out, struct err *e);

/* Are the words of worker.allow known? ERR_CONFIG. */
int policy_check_config(const struct config *conf, struct err *e);

/* --- command.c ------------------------------------------------------------------------------------------------- */

#define COMMAND_MARK_SIZE 128
/* The variable that all processes of a run have: PJ_RUN=INSTANCE.ATTEMPT@MARK. */
void command_mark(const struct host *w, const struct run *r, char out[COMMAND_MARK_SIZE]);
/* The body of the spawner's message (codec/frame.h) for this run. */
int command_message(struct host *w, const struct run *r, const struct run_request *q, const struct command *c,
    struct buf *out, struct err *e);
/* The same, from the run's row. */
int command_from_row(struct host *w, const struct run *r, struct buf *out, struct err *e);

/* --- slots.c --------------------------------------------------------------------------------------------------- */

int slots_init(struct host *w, struct err *e); /* sequence numbers from the table; all free */
int slots_grow(struct host *w, int n, struct err *e);
void slots_fini(struct host *w);
void slots_path(const struct host *w, int slot, char out[PATH_MAX]);
int slots_of_path(const struct host *w, const char *path); /* -1 none of ours */
int slots_fd(struct host *w, int slot, struct err *e);     /* opened when it is not */
/* Was its file removed by somebody? Then the next slots_fd opens the one of that name, as the next pj-run does. */
bool slots_replaced(struct host *w, int slot);
/* Gives a free slot with its next seq to the run; -1 none free. */
int slots_take(struct host *w, struct run *r);
void slots_put_back(struct host *w, struct run *r);        /* an unused one: the seq stays used up */
void slots_claim(struct host *w, struct run *r, int slot, int64_t seq); /* at adoption */
void slots_hold(struct host *w, int slot); /* somebody has the lock: not given out before he leaves */
void slots_retire(struct host *w, int slot); /* its file cannot be read: not given out in this life */
/* The run is finished on disk: free once its pj-run has left. */
void slots_drain(struct host *w, struct run *r, bool left);
void slots_left(struct host *w, int slot, int64_t seq);    /* a pj-run ended */

/* --- spawn.c --------------------------------------------------------------------------------------------------- */

struct spawner *spawn_new(struct host *w, struct err *e);
void spawn_free(struct spawner *s); /* closes the socket: the spawner ends, its pj-runs live on */
/* Tells as many queued runs as may be in flight: marks them told in the turn, tells after the commit. */
void spawn_kick(struct host *w);
bool spawn_may_tell(struct host *w, const struct run *r); /* now, without waiting in the queue */
/* Counts a start in flight before its commit; told after it by spawn_tell or given up by spawn_untell. */
void spawn_reserve(struct host *w);
void spawn_unreserve(struct host *w);
void spawn_tell(struct host *w, struct run *r);
/* True when the spawner that was told of this run is the one that lives. */
bool spawn_knows(const struct host *w, const struct run *r);

/* --- bell.c ---------------------------------------------------------------------------------------------------- */

int bell_open(struct host *w, struct err *e);
void bell_close(struct host *w);
void bell_ack(struct host *w, struct run *r);

/* --- live.c ---------------------------------------------------------------------------------------------------- */

/* Reads the run's slot and does what it asks for: finish, watch, tell again, or give up as lost. */
void live_look(struct host *w, struct run *r);
void live_watch(struct host *w, struct run *r); /* by pidfd, where no spawner tells the end */
void live_forget(struct host *w, struct run *r);
/* The result of a slot to the server, or to the outbox where the server does not take it at once. */
void live_finish(struct host *w, struct run *r, const struct slot *s);
void live_taken(struct host *w, struct run *r); /* the server has it: nothing is left to report */
/* A failure text, to the outbox. */
void live_fail(struct host *w, struct run *r, const char *text, bool lost, bool not_started);
/* A written stop (its row in this turn): signals after the commit. */
void live_stop(struct host *w, struct run *r);
/* No pj-run has it and there is no result: ends what it left, then reports it lost. s: its own record, or NULL. */
void live_lost(struct host *w, struct run *r, const char *why, const struct slot *s);
void live_arm(struct host *w); /* the look timer, when there is something to look at */
int live_open(struct host *w, struct err *e);

/* --- report.c -------------------------------------------------------------------------------------------------- */

void report_final(struct host *w, struct run *r, const struct slot *s, const char *text, bool lost,
    bool not_started, struct buf *out);
void report_due(struct host *w, struct run *r);  /* sends a RUNNING report when it is time */
void report_begin(struct host *w, struct run *r); /* it was started: sets when the first is due */

/* --- outbox.c -------------------------------------------------------------------------------------------------- */

int outbox_open(struct host *w, struct err *e);
void outbox_add(struct host *w, struct run *r); /* state FINISHED, out_id set */
/* Tells the server r->report at once, before anything is written; live_taken or live_look follows. False: the outbox is
 * the way. */
bool outbox_direct(struct host *w, struct run *r);
void outbox_kick(struct host *w);
void outbox_server_seen(struct host *w); /* it sent something: what waits for its return is tried now */

/* --- accept.c -------------------------------------------------------------------------------------------------- */

int accept_open(struct host *w, struct err *e);

/* --- adopt.c --------------------------------------------------------------------------------------------------- */

int adopt_all(struct host *w, struct err *e);

/* --- helpers.c ------------------------------------------------------------------------------------------------- */

int helpers_open(struct host *w, struct err *e);
void helpers_hangup(struct host *w); /* SIGHUP to each */
void helpers_stop(struct host *w);   /* SIGTERM to those that are ours */
bool helpers_gone(const struct host *w);
void helpers_kill(struct host *w);
void helpers_free(struct host *w);
/* Starts program `name` beside our own executable; in_fd >= 0 becomes its descriptor 3. Returns the pid, or -1. */
pid_t helpers_spawn(struct host *w, const char *path, char *const *argv, int in_fd, bool supervised, struct err *e);

#endif

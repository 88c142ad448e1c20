/* Runs that the spawner was told of: the slot file and its lock say how each one is; everything else is a hint to look. */
#include "worker.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define TICK_MS 1000
#define LOOK_MS 10000        /* a run nobody told anything of is looked at */
#define ROW_AFTER_MS 1000    /* a run that lives so long gets its row's state moved to running */
#define TOLD_MS 60000        /* the spawner starts what it was told within */
#define TELLS_MAX 10
#define STOP_AGAIN_MS 5000
#define KILL_EXTRA_MS 10000  /* over twice the grace: then pj-run itself is killed */
#define SWEEP_MS 20
#define SWEEP_AT_ONCE 4      /* walks over /proc in one turn */
#define SWEEP_ROUNDS 100

/* --- the end ----------------------------------------------------------------------------------------------------- */

static void
finished(struct host *w, struct run *r, void *arg, const struct err *failed)
{
	struct err e = ERR_INIT;
	int fd;

	(void)arg;
	r->writing = false;
	if (failed != NULL) {
		r->looked_mono_ms = 0; /* the slot keeps the result: the next look tries again */
		live_arm(w);
		return;
	}
	fd = r->slot >= 0 ? slots_fd(w, r->slot, &e) : -1;
	bell_ack(w, r);
	slots_drain(w, r, fd >= 0 && slot_holder(fd) == 0);
	live_forget(w, r);
	if (r->out_id == 0) { /* reported, or stopped by a PowerJob server */
		assign_move(r, ASSIGN_REPORTED);
		assign_free(w, r);
	} else {
		buf_fini(&r->report); /* its row has it */
		assign_move(r, ASSIGN_FINISHED);
		outbox_add(w, r);
	}
	spawn_kick(w);
}

/* Row and outbox in one commit. report NULL: nothing is to be reported any more. */
static void
write_end(struct host *w, struct run *r, const struct buf *report)
{
	bool silent = report == NULL || (r->plain && r->stop_ms != 0);
	int64_t now_ms = worker_wall(w);
	struct err e = ERR_INIT;

	if (worker_begin(w) < 0)
		goto again;
	if (!silent && !buf_ok(report)) {
		err_set(&e, ERR_NOMEM, "out of memory making a report");
		worker_wrote(w, -1, &e);
		goto again;
	}
	r->out_id = 0;
	if (worker_wrote(w, workerdb_assign_end(w->db, r->instance_id, r->attempt, silent ? ASSIGN_REPORTED :
	    ASSIGN_FINISHED, now_ms, &e), &e) < 0 || (!silent && worker_wrote(w, workerdb_outbox_put(w->db,
	    r->instance_id, r->attempt, buf_str(report), now_ms, &r->out_id, &e), &e) < 0))
		goto again;
	r->out_since_ms = now_ms;
	r->writing = true;
	worker_after(w, finished, r, NULL);
	return;
again:
	r->looked_mono_ms = 0;
	live_arm(w);
}

void
live_finish(struct host *w, struct run *r, const struct slot *s)
{
	if (r->writing || r->direct == DIRECT_SENT)
		return;
	if (r->taken) {
		live_taken(w, r);
		return;
	}
	if (r->started_ms == 0)
		r->started_ms = s->started_at_ms;
	if (r->report.len == 0) {
		report_final(w, r, s, NULL, false, false, &r->report);
		log_debug("finished", "instance=%" PRId64 " attempt=%" PRId64 " end=%s exit=%d signal=%d ms=%" PRId64,
		    r->instance_id, r->attempt, slot_end_name(s->end), s->exit_code, s->signal,
		    s->finished_at_ms - s->started_at_ms);
	}
	if (buf_ok(&r->report) && outbox_direct(w, r))
		return;
	write_end(w, r, &r->report);
	if (!buf_ok(&r->report))
		buf_fini(&r->report); /* made again */
}

void
live_taken(struct host *w, struct run *r)
{
	write_end(w, r, NULL);
}

void
live_fail(struct host *w, struct run *r, const char *text, bool lost, bool not_started)
{
	struct buf report = BUF_INIT;

	if (r->writing)
		return;
	report_final(w, r, NULL, text, lost, not_started, &report);
	log_warn(lost ? "lost" : "not_run", "instance=%" PRId64 " attempt=%" PRId64 " reason=%s", r->instance_id, r->attempt,
	    log_q(text));
	write_end(w, r, &report);
	buf_fini(&report);
}

/* --- lost: its leftovers are ended before it is said ------------------------------------------------------------- */

static void
sweep_one(struct host *w, struct run *r)
{
	char mark[COMMAND_MARK_SIZE];

	command_mark(w, r, mark);
	if (proc_signal_marked(mark, r->lost_session, r->lost_since, SIGKILL) > 0 && r->sweeps++ < SWEEP_ROUNDS)
		return;
	if (r->sweeps > SWEEP_ROUNDS)
		log_error("leftovers", "instance=%" PRId64 " attempt=%" PRId64 " reason=processes_do_not_end", r->instance_id,
		    r->attempt);
	live_fail(w, r, r->lost_why, true, false);
}

static void
sweep(void *arg)
{
	struct host *w = arg;
	struct run *r, *next;
	int n = 0, left = 0;

	for (r = w->live.first; r != NULL; r = next) {
		next = r->next;
		if (r->sweeps == 0 || r->writing)
			continue;
		if (n++ < SWEEP_AT_ONCE) {
			assign_to_list(r, &w->live); /* to the end: each gets its turn */
			sweep_one(w, r);
		}
		left++;
	}
	if (left > 0)
		loop_timer_set(w->sweep_timer, SWEEP_MS);
}

void
live_lost(struct host *w, struct run *r, const char *why, const struct slot *s)
{
	if (r->sweeps > 0 || r->writing)
		return;
	r->sweeps = 1;
	r->lost_why = why;
	if (s != NULL && strcmp(s->boot_id, clock_boot_id()) == 0) {
		r->lost_session = s->job.pid;
		r->lost_since = s->run.start;
	}
	loop_timer_set(w->sweep_timer, 0);
}

/* --- looking ----------------------------------------------------------------------------------------------------- */

static void
pid_gone(int fd, int what, void *arg)
{
	struct run *r = arg;
	struct host *w = r->pid_of;

	(void)fd;
	(void)what;
	live_forget(w, r);
	r->runner = (struct proc_id){ 0, 0 };
	live_look(w, r);
}

void
live_watch(struct host *w, struct run *r)
{
	if (r->pid_watch != NULL || spawn_knows(w, r))
		return;
	r->pid_fd = proc_open(r->runner);
	if (r->pid_fd < 0)
		return; /* gone meanwhile, or no descriptor: the next look finds out */
	r->pid_of = w;
	r->pid_watch = loop_watch_new(w->loop, r->pid_fd, LOOP_READ, pid_gone, r);
	if (r->pid_watch == NULL)
		live_forget(w, r);
}

void
live_forget(struct host *w, struct run *r)
{
	(void)w;
	if (r->pid_watch != NULL)
		loop_watch_free(r->pid_watch);
	if (r->pid_fd >= 0)
		close(r->pid_fd);
	r->pid_watch = NULL;
	r->pid_fd = -1;
}

/* No pj-run has claimed this use of the slot. */
static void
look_unclaimed(struct host *w, struct run *r)
{
	int64_t mono_ms = worker_mono(w);

	if (r->done) {
		live_lost(w, r, "runner lost: its slot file was removed", NULL);
		return;
	}
	if (proc_alive(r->runner) || mono_ms < r->retry_mono_ms
	    || (spawn_knows(w, r) && mono_ms - r->told_mono_ms < TOLD_MS))
		return; /* on its way */
	if (++r->tells > TELLS_MAX) {
		live_fail(w, r, "init TaskTracker failed, reason: no pj-run claims its slot", false, true);
		return;
	}
	if (r->stop_ms != 0 || r->superseded) {
		live_fail(w, r, "stopped before it was started", false, true);
		return;
	}
	/* Safe even if an earlier message is still on its way: a pj-run refuses a use that was claimed. */
	r->runner = (struct proc_id){ 0, 0 };
	spawn_reserve(w);
	spawn_tell(w, r);
}

static void
look_claimed(struct host *w, struct run *r, const struct slot *s)
{
	r->runner = s->run;
	if (r->started_ms == 0) {
		r->started_ms = s->started_at_ms;
		report_begin(w, r);
	}
	live_watch(w, r);
	if ((r->stop_ms != 0 || r->superseded) && r->stop_mono_ms == 0)
		live_stop(w, r);
}

void
live_look(struct host *w, struct run *r)
{
	struct err e = ERR_INIT;
	struct slot s;
	pid_t holder;
	int fd, rc;

	if (r->writing || r->sweeps > 0 || !r->committed || (r->state != ASSIGN_TOLD && r->state != ASSIGN_RUNNING))
		return;
	r->looked_mono_ms = worker_mono(w);
	live_arm(w);
	do { /* the lock first: who had it may write his result and leave between the two */
		fd = slots_fd(w, r->slot, &e);
		holder = fd >= 0 ? slot_holder(fd) : -1;
		rc = holder >= 0 ? slot_read(fd, &s, &e) : -1;
	} while (rc == 0 && s.seq < r->seq && slots_replaced(w, r->slot));
	if (rc < 0) {
		log_warn("slot_unread", "slot=%d instance=%" PRId64 " error=%s", r->slot, r->instance_id, log_q(e.msg));
		if (fd >= 0 && e.code == ERR_DATA && slot_holder(fd) == 0)
			live_lost(w, r, "runner lost: its slot file is damaged", NULL);
		return;
	}
	if (r->other_boot && (s.seq != r->seq || s.state != SLOT_FINISHED))
		live_lost(w, r, "runner lost: the host was restarted", NULL);
	else if (s.seq < r->seq)
		look_unclaimed(w, r);
	else if (s.seq > r->seq)
		live_lost(w, r, "runner lost: its slot was used by a later run", NULL);
	else if (s.state == SLOT_FINISHED)
		live_finish(w, r, &s);
	else if (holder > 0)
		look_claimed(w, r, &s);
	else
		live_lost(w, r, "runner lost", &s);
}

/* --- stopping ---------------------------------------------------------------------------------------------------- */

void
live_stop(struct host *w, struct run *r)
{
	int64_t mono_ms = worker_mono(w);

	if (r->writing || (r->state != ASSIGN_TOLD && r->state != ASSIGN_RUNNING && r->state != ASSIGN_ACCEPTED))
		return;
	if (r->state == ASSIGN_ACCEPTED) {
		live_fail(w, r, "stopped before it was started", false, true);
		return;
	}
	live_arm(w);
	if (r->runner.pid == 0)
		return; /* op=started, or a look, comes back here */
	if (r->kill_mono_ms == 0)
		r->kill_mono_ms = mono_ms + 2 * w->conf->worker.stop_grace_ms + KILL_EXTRA_MS;
	r->stop_mono_ms = mono_ms;
	if (proc_signal(r->runner, mono_ms < r->kill_mono_ms ? SIGTERM : SIGKILL) < 0)
		log_warn("stop_failed", "instance=%" PRId64 " pid=%d error=%s", r->instance_id, (int)r->runner.pid,
		    log_q(strerror(errno)));
}

/* --- the slow look at everything --------------------------------------------------------------------------------- */

static void
row_running(struct host *w, struct run *r, void *arg, const struct err *failed)
{
	(void)w;
	(void)arg;
	r->writing = false;
	if (failed == NULL)
		assign_move(r, ASSIGN_RUNNING);
}

static void
write_running(struct host *w, struct run *r)
{
	struct err e = ERR_INIT;

	if (worker_begin(w) < 0 || worker_wrote(w, workerdb_assign_running(w->db, r->instance_id, r->attempt, r->started_ms,
	    &e), &e) < 0)
		return;
	r->writing = true;
	worker_after(w, row_running, r, NULL);
}

static void
tick_run(struct host *w, struct run *r, int64_t mono_ms)
{
	if (r->writing || r->sweeps > 0 || !r->committed || r->direct == DIRECT_SENT)
		return;
	if ((r->stop_ms != 0 || r->superseded) && r->runner.pid != 0 && mono_ms - r->stop_mono_ms >= STOP_AGAIN_MS)
		live_stop(w, r);
	if (r->looked_mono_ms == 0)
		r->looked_mono_ms = mono_ms - (int64_t)((uint64_t)r->instance_id % LOOK_MS); /* not all at once */
	if (mono_ms - r->looked_mono_ms >= LOOK_MS || (!spawn_knows(w, r) && r->pid_watch == NULL))
		live_look(w, r);
	if (r->writing || r->sweeps > 0)
		return;
	report_due(w, r);
	if (r->state == ASSIGN_TOLD && r->started_ms != 0 && r->runner.pid != 0
	    && worker_wall(w) - r->started_ms >= ROW_AFTER_MS)
		write_running(w, r);
}

static void
tick(void *arg)
{
	struct host *w = arg;
	int64_t mono_ms = worker_mono(w);
	struct run *r, *next;

	for (r = w->live.first; r != NULL; r = next) {
		next = r->next;
		tick_run(w, r, mono_ms);
	}
	/* Those whose commit failed while they were queued. */
	for (r = w->queued.first; r != NULL; r = next) {
		next = r->next;
		if ((r->stop_ms != 0 || r->superseded) && r->committed)
			live_stop(w, r);
	}
	spawn_kick(w);
	w->ticking = false;
	live_arm(w);
}

void
live_arm(struct host *w)
{
	if (w->ticking || (w->live.n == 0 && w->queued.n == 0))
		return;
	w->ticking = true;
	loop_timer_set(w->look_timer, TICK_MS);
}

int
live_open(struct host *w, struct err *e)
{
	w->look_timer = loop_timer_new(w->loop, tick, w);
	w->sweep_timer = loop_timer_new(w->loop, sweep, w);
	return w->look_timer != NULL && w->sweep_timer != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory");
}

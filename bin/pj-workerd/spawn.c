/* The spawner: `pj-run spawner --fd 3`, our child, which forks a pj-run for every message. It may die at any time: its
 * pj-runs live on, and what it was told is looked up in the slot files. */
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "codec/frame.h"
#include "codec/kv.h"

#define READ_SIZE (64 * 1024)
#define PAUSE_FIRST_MS 100 /* between two starts of the spawner, doubled up to */
#define PAUSE_MOST_MS 30000
#define GOOD_AFTER_MS 10000 /* one that lived so long was no failure */
#define RETELL_MS 1000     /* a start that was refused is told again after */
#define RETELL_TRIES 5
#define KEEP_MESSAGE 65536 /* longer messages of queued runs are made again from their rows */

struct spawner {
	struct host *w;
	pid_t pid;
	int pid_fd, fd;
	uint32_t generation;
	struct loop_watch *pid_watch, *watch;
	struct loop_timer *again;
	struct buf in, out;
	int in_flight;         /* told or about to be, and not yet started */
	int pause_ms;
	int64_t born_mono_ms;
	char program[PATH_MAX];
};

static void start_spawner(void *arg);

/* --- the process ------------------------------------------------------------------------------------------------- */

static void
forget_process(struct spawner *s)
{
	loop_watch_free(s->watch);
	loop_watch_free(s->pid_watch);
	s->watch = s->pid_watch = NULL;
	if (s->fd >= 0)
		close(s->fd);
	if (s->pid_fd >= 0)
		close(s->pid_fd);
	s->fd = s->pid_fd = -1;
	s->pid = 0;
	s->in_flight = 0;
	buf_clear(&s->in);
	buf_clear(&s->out);
}

/* Whatever it was told, the slots know how far it got. */
static void
look_at_all(struct host *w)
{
	struct run *next;

	for (struct run *r = w->live.first; r != NULL; r = next) {
		next = r->next;
		live_look(w, r);
	}
}

static void
lost_spawner(struct spawner *s, const char *why)
{
	struct host *w = s->w;
	bool good = worker_mono(w) - s->born_mono_ms >= GOOD_AFTER_MS;
	int status = 0;
	pid_t pid = s->pid;

	forget_process(s);
	if (w->stopping)
		return;
	if (pid > 0 && waitpid(pid, &status, WNOHANG) == 0 && kill(pid, SIGKILL) == 0) /* our child, not waited for: it */
		waitpid(pid, &status, 0);                                               /* cannot be anybody else */
	s->pause_ms = good || s->pause_ms == 0 ? PAUSE_FIRST_MS : s->pause_ms * 2;
	if (s->pause_ms > PAUSE_MOST_MS)
		s->pause_ms = PAUSE_MOST_MS;
	log_error("spawner_ended", "pid=%d why=%s status=%d again_ms=%d", (int)pid, log_q(why), status, s->pause_ms);
	loop_timer_set(s->again, s->pause_ms);
	look_at_all(w);
}

static void
on_gone(int fd, int what, void *arg)
{
	(void)fd;
	(void)what;
	lost_spawner(arg, "it exited");
}

/* --- what it says ------------------------------------------------------------------------------------------------ */

static void
on_started(struct spawner *s, struct run *r, const struct kv *kv)
{
	if (s->in_flight > 0)
		s->in_flight--;
	if (r == NULL)
		return;
	r->runner.pid = (pid_t)kv_get_i64(kv, "pid", 0);
	r->runner.start = (uint64_t)kv_get_i64(kv, "start", 0);
	r->started_ms = worker_wall(s->w);
	report_begin(s->w, r);
	/* A stop that came before there was anybody to tell. */
	if (r->stop_ms != 0 || r->superseded)
		live_stop(s->w, r);
}

/* Not started, that is sure: again later, or given up. */
static void
not_started(struct host *w, struct run *r, const char *reason)
{
	char text[300];

	r->told_to = 0;
	r->runner = (struct proc_id){ 0, 0 };
	if (++r->tries < RETELL_TRIES && r->stop_ms == 0) {
		log_warn("start_refused", "instance=%lld attempt=%lld try=%d reason=%s", (long long)r->instance_id,
		    (long long)r->attempt, r->tries, log_q(reason));
		r->retry_mono_ms = worker_mono(w) + RETELL_MS;
		live_arm(w);
		return;
	}
	snprintf(text, sizeof text, "init TaskTracker failed, reason: %.200s", reason);
	live_fail(w, r, text, false, true);
}

static void
on_exited(struct spawner *s, struct run *r, const struct kv *kv, int slot, int64_t seq)
{
	int status = (int)kv_get_i64(kv, "status", 0);
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	char reason[80];

	if (r == NULL) {
		slots_left(s->w, slot, seq);
		return;
	}
	r->runner = (struct proc_id){ 0, 0 };
	/* 65 71 74 75: it could not claim its slot (pj-run's runner.h). 1: somebody claimed it before. */
	if (code > 1) {
		snprintf(reason, sizeof reason, "pj-run could not claim its slot (exit status %d)", code);
		not_started(s->w, r, reason);
		return;
	}
	r->told_to = 0; /* nobody will tell us more about it */
	r->done = code == 0;
	if (code == 1) /* by somebody we may not see: not at once again */
		r->retry_mono_ms = worker_mono(s->w) + RETELL_MS;
	live_look(s->w, r);
}

static void
take_message(struct spawner *s, const struct buf *body)
{
	struct host *w = s->w;
	struct err e = ERR_INIT;
	const char *op, *path;
	struct run *r;
	struct kv kv;
	int64_t seq;
	int slot;

	if (kv_parse(&kv, buf_str(body), body->len, &e) < 0) {
		log_error("bad_spawner_message", "error=%s", log_q(e.msg));
		return;
	}
	op = kv_get(&kv, "op");
	path = kv_get(&kv, "slot");
	seq = kv_get_i64(&kv, "seq", 0);
	slot = path != NULL ? slots_of_path(w, path) : -1;
	r = slot >= 0 && w->slot[slot].use == USE_RUN && w->slot[slot].seq == seq ? w->slot[slot].run : NULL;
	if (op == NULL || slot < 0) {
		log_error("bad_spawner_message", "op=%s slot=%s", log_q(op), log_q(path));
	} else if (strcmp(op, "started") == 0) {
		on_started(s, r, &kv);
	} else if (strcmp(op, "exited") == 0) {
		on_exited(s, r, &kv, slot, seq);
	} else if (strcmp(op, "refused") == 0) {
		if (s->in_flight > 0)
			s->in_flight--;
		if (r != NULL)
			not_started(w, r, kv_get(&kv, "reason") != NULL ? kv_get(&kv, "reason") : "refused");
	} else {
		log_error("bad_spawner_message", "op=%s", log_q(op));
	}
	kv_fini(&kv);
}

static int
read_some(struct spawner *s)
{
	char *at = buf_room(&s->in, READ_SIZE);
	ssize_t n = at != NULL ? read(s->fd, at, READ_SIZE) : -1;

	if (n > 0) {
		s->in.len += (size_t)n;
		return 0;
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR || at == NULL) ? 0 : -1;
}

static int
write_some(struct spawner *s)
{
	while (s->out.len > 0) {
		ssize_t n = send(s->fd, s->out.data, s->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return -1;
		buf_drop(&s->out, (size_t)n);
	}
	loop_watch_set(s->watch, s->out.len > 0 ? LOOP_READ | LOOP_WRITE : LOOP_READ);
	return 0;
}

static void
on_socket(int fd, int what, void *arg)
{
	struct spawner *s = arg;
	struct buf body = BUF_INIT;
	struct err e = ERR_INIT;
	uint32_t generation = s->generation;
	int rc = 1;

	(void)fd;
	if (((what & LOOP_WRITE) != 0 && write_some(s) < 0) || ((what & LOOP_READ) != 0 && read_some(s) < 0)) {
		lost_spawner(s, "its socket closed");
		return;
	}
	while (s->fd >= 0 && s->generation == generation && (rc = frame_get(&s->in, &body, &e)) == 1) {
		take_message(s, &body);
		buf_clear(&body);
	}
	buf_fini(&body);
	if (rc < 0)
		lost_spawner(s, e.msg);
	else
		spawn_kick(s->w);
}

static void
start_spawner(void *arg)
{
	struct spawner *s = arg;
	char run[] = "pj-run", verb[] = "spawner", opt[] = "--fd", three[] = "3";
	char *argv[] = { run, verb, opt, three, NULL };
	struct err e = ERR_INIT;
	int pair[2] = { -1, -1 };

	if (s->w->stopping)
		return;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		err_sys(&e, ERR_OS, errno, "cannot make a socket pair");
	else
		s->pid = helpers_spawn(s->w, s->program, argv, pair[1], false, &e);
	if (pair[1] >= 0)
		close(pair[1]);
	s->fd = pair[0];
	if (s->pid > 0 && fcntl(s->fd, F_SETFL, O_NONBLOCK) == 0 && (s->pid_fd = pidfd_open(s->pid, 0)) >= 0) {
		s->watch = loop_watch_new(s->w->loop, s->fd, LOOP_READ, on_socket, s);
		s->pid_watch = loop_watch_new(s->w->loop, s->pid_fd, LOOP_READ, on_gone, s);
	}
	s->born_mono_ms = worker_mono(s->w);
	if (s->watch == NULL || s->pid_watch == NULL) {
		lost_spawner(s, e.msg[0] != '\0' ? e.msg : "it could not be watched");
		return;
	}
	s->generation++;
	log_info("spawner", "pid=%d", (int)s->pid);
	look_at_all(s->w);
	spawn_kick(s->w);
}

struct spawner *
spawn_new(struct host *w, struct err *e)
{
	const char *program = getenv("PJ_RUN_PROGRAM");
	struct spawner *s = calloc(1, sizeof *s);

	if (s == NULL) {
		err_set(e, ERR_NOMEM, "out of memory");
		return NULL;
	}
	*s = (struct spawner){ .w = w, .fd = -1, .pid_fd = -1 };
	if (program != NULL && program[0] != '\0')
		snprintf(s->program, sizeof s->program, "%s", program);
	else if (snprintf(s->program, sizeof s->program, "%s/pj-run", w->bin_dir) >= (int)sizeof s->program)
		s->program[0] = '\0';
	if (access(s->program, X_OK) < 0) {
		err_sys(e, ERR_CONFIG, errno, "cannot run %s; it belongs beside pj-workerd, or PJ_RUN_PROGRAM names it",
		    s->program);
		free(s);
		return NULL;
	}
	if ((s->again = loop_timer_new(w->loop, start_spawner, s)) == NULL) {
		err_set(e, ERR_NOMEM, "out of memory");
		free(s);
		return NULL;
	}
	w->spawner = s;
	loop_timer_set(s->again, 0); /* in the first turn: it looks at the runs that are there */
	return s;
}

void
spawn_free(struct spawner *s)
{
	if (s == NULL)
		return;
	forget_process(s);
	loop_timer_free(s->again);
	buf_fini(&s->in);
	buf_fini(&s->out);
	free(s);
}

/* --- telling ----------------------------------------------------------------------------------------------------- */

bool
spawn_knows(const struct host *w, const struct run *r)
{
	return w->spawner->fd >= 0 && r->told_to == w->spawner->generation;
}

bool
spawn_may_tell(struct host *w, const struct run *r)
{
	return w->spawner->fd >= 0 && w->spawner->in_flight < w->conf->worker.starts && w->queued.n == 0
	    && assign_older_live(w, r) == NULL;
}

void
spawn_reserve(struct host *w)
{
	w->spawner->in_flight++;
}

void
spawn_unreserve(struct host *w)
{
	if (w->spawner->in_flight > 0)
		w->spawner->in_flight--;
}

/* Its place among the starts in flight was reserved before. */
void
spawn_tell(struct host *w, struct run *r)
{
	struct spawner *s = w->spawner;
	struct buf made = BUF_INIT, body = BUF_INIT;
	struct err e = ERR_INIT;
	char text[300];

	if (s->fd < 0) {
		spawn_unreserve(w);
		r->told_to = 0; /* it is told when there is a spawner again: start_spawner looks at all */
		return;
	}
	if (r->message != NULL) {
		body = (struct buf){ r->message, r->message_len, r->message_len, false };
		frame_put(&s->out, &body);
		free(r->message);
		r->message = NULL;
	} else if (command_from_row(w, r, &made, &e) == 0) {
		frame_put(&s->out, &made);
	} else {
		spawn_unreserve(w);
		buf_fini(&made);
		if (err_is_temporary(e.code) || e.code == ERR_IO) {
			not_started(w, r, e.msg);
			return;
		}
		snprintf(text, sizeof text, "init TaskTracker failed, reason: %.200s", e.msg);
		live_fail(w, r, text, false, false);
		return;
	}
	buf_fini(&made);
	r->told_to = s->generation;
	r->told_mono_ms = worker_mono(w);
	if (!buf_ok(&s->out) || write_some(s) < 0)
		lost_spawner(s, "it could not be told");
}

static void
told(struct host *w, struct run *r, void *arg, const struct err *failed)
{
	(void)arg;
	r->writing = false;
	if (failed == NULL) {
		spawn_tell(w, r);
		return;
	}
	spawn_unreserve(w);
	assign_move(r, ASSIGN_ACCEPTED);
	assign_to_list(r, &w->queued);
	live_arm(w);
}

void
spawn_kick(struct host *w)
{
	struct spawner *s = w->spawner;
	struct err e = ERR_INIT;
	struct run *r, *next;

	for (r = w->queued.first; r != NULL && s->fd >= 0 && s->in_flight < w->conf->worker.starts; r = next) {
		next = r->next;
		if (r->writing || !r->committed || assign_older_live(w, r) != NULL)
			continue;
		if (worker_begin(w) < 0 || worker_wrote(w, workerdb_assign_told(w->db, r->instance_id, r->attempt,
		    clock_boot_id(), &e), &e) < 0)
			return;
		r->writing = true;
		spawn_reserve(w);
		assign_move(r, ASSIGN_TOLD);
		assign_to_list(r, &w->live);
		worker_after(w, told, r, NULL);
	}
}

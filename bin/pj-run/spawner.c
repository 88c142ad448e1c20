#include "spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/proc.h"
#include "codec/frame.h"
#include "runner.h"
#include "spec.h"

#define READ_SIZE (64 * 1024)
#define OUT_MAX (1024 * 1024) /* when the peer does not read: no further starts until it does */
#define SPARE_AFTER_MS 2      /* of quiet: in a rush the fork of the next run is better now than the one after it */
#define SPARE_MOST (32 * 1024) /* a message that goes into an empty socket as a whole */

struct child {
	pid_t pid;
	int64_t seq;
	char *slot;
};

/* A run in reserve: forked already, it waits on its socket for what it is to run. */
struct spare {
	pid_t pid; /* 0 none */
	uint64_t start;
	int fd;
};

struct spawner {
	int fd, signal_fd, null_fd;
	struct buf in, out;
	struct child *child;
	size_t n, cap;
	struct spare spare;
	bool want_spare;
	char *title;
	size_t title_len;
};

/* --- what is told --------------------------------------------------------------------------------------------- */

static void
tell(struct spawner *s, const char *op, const char *slot, int64_t seq, const char *key, int64_t value,
    const char *key2, int64_t value2)
{
	struct buf body = BUF_INIT;

	kv_put(&body, "op", op);
	kv_put(&body, "slot", slot);
	kv_put_i64(&body, "seq", seq);
	kv_put_i64(&body, key, value);
	if (key2 != NULL)
		kv_put_i64(&body, key2, value2);
	frame_put(&s->out, &body);
	buf_fini(&body);
}

static void
refuse(struct spawner *s, const char *slot, int64_t seq, const char *reason)
{
	struct buf body = BUF_INIT;

	kv_put(&body, "op", "refused");
	kv_put(&body, "slot", slot != NULL ? slot : "");
	kv_put_i64(&body, "seq", seq);
	kv_put(&body, "reason", reason);
	frame_put(&s->out, &body);
	buf_fini(&body);
}

/* --- the fork ------------------------------------------------------------------------------------------------- */

/* So that ps tells one run from another: all of them have the spawner's command line else. */
static void
set_title(const struct spawner *s, const struct spec *spec)
{
	struct buf text = BUF_INIT;

	buf_adds(&text, "pj-run instance ");
	buf_add_i64(&text, spec->instance_id);
	buf_addc(&text, '.');
	buf_add_i64(&text, spec->attempt);
	if (buf_ok(&text) && text.len < s->title_len) {
		memcpy(s->title, text.data, text.len);
		memset(s->title + text.len, 0, s->title_len - text.len);
	}
	buf_fini(&text);
}

/* Nothing of the spawner's stays with a run: no descriptor but what it keeps, no mask, no session. */
static void
detach(const struct spawner *s, int keep)
{
	const int fds[2] = { s->null_fd, keep };
	sigset_t empty;

	proc_close_fds(3, fds, keep >= 0 ? 2 : 1);
	sigemptyset(&empty);
	sigprocmask(SIG_SETMASK, &empty, NULL);
	/* Not cheap where the kernel makes a scheduling group for each session (autogroup), but then runs that share one
	 * get the share of one: a start was seen to wait for a hundred others. */
	setsid();
}

static void __attribute__((noreturn))
become_runner(struct spawner *s, struct spec *spec)
{
	if (s->title_len > 0)
		set_title(s, spec);
	_exit(runner_main(spec, s->null_fd));
}

static void __attribute__((noreturn))
wait_for_run(struct spawner *s, int fd)
{
	struct buf in = BUF_INIT, body = BUF_INIT;
	struct spec spec;
	struct kv kv;
	int rc;

	detach(s, fd);
	while ((rc = frame_get(&in, &body, NULL)) == 0) {
		char *at = buf_room(&in, SPARE_MOST);
		ssize_t n = at != NULL ? read(fd, at, SPARE_MOST) : -1;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(RUNNER_DONE); /* the spawner has left */
		in.len += (size_t)n;
	}
	if (rc < 0 || kv_parse(&kv, buf_str(&body), body.len, NULL) < 0 || spec_from_record(&spec, &kv, NULL) < 0)
		_exit(RUNNER_OS);
	close(fd);
	become_runner(s, &spec);
}

static void
make_spare(struct spawner *s)
{
	struct proc_stat st = { 0 };
	int pair[2];
	pid_t pid;

	s->want_spare = false; /* one that dies is not made again before it was missed */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return;
	pid = fork();
	if (pid == 0)
		wait_for_run(s, pair[1]);
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return;
	}
	proc_stat(pid, &st);
	s->spare = (struct spare){ pid, st.id.start, pair[0] };
}

static void
drop_spare(struct spawner *s)
{
	if (s->spare.pid != 0)
		close(s->spare.fd);
	s->spare.pid = 0;
}

/* The spare that has the message now; its pid is 0 when there is none that took it. */
static struct spare
give_to_spare(struct spawner *s, const struct buf *body)
{
	struct spare given = s->spare;
	struct buf out = BUF_INIT;

	if (given.pid == 0 || body->len > SPARE_MOST)
		return (struct spare){ 0, 0, -1 };
	frame_put(&out, body);
	if (!buf_ok(&out) || send(given.fd, out.data, out.len, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)out.len) {
		kill(given.pid, SIGKILL); /* our child, and not waited for */
		given.pid = 0;
	}
	buf_fini(&out);
	drop_spare(s);
	return given;
}

static bool
room_for_child(struct spawner *s)
{
	struct child *child;

	if (s->n < s->cap)
		return true;
	child = realloc(s->child, (s->cap + 64) * sizeof *child);
	if (child == NULL)
		return false;
	s->child = child;
	s->cap += 64;
	return true;
}

static void
start_run(struct spawner *s, struct spec *spec, const struct buf *body)
{
	char *slot = room_for_child(s) ? strdup(spec->slot) : NULL;
	struct proc_stat st = { 0 };
	struct spare spare;
	char reason[128];
	pid_t pid;

	if (slot == NULL) {
		refuse(s, spec->slot, spec->seq, "out of memory");
		return;
	}
	spare = give_to_spare(s, body);
	s->want_spare = true;
	pid = spare.pid != 0 ? spare.pid : fork();
	if (pid == 0) {
		detach(s, -1);
		become_runner(s, spec);
	}
	if (pid < 0) {
		snprintf(reason, sizeof reason, "cannot fork: %s", strerror(errno));
		refuse(s, spec->slot, spec->seq, reason);
		free(slot);
		return;
	}
	/* Also of one that has ended already: it is not waited for yet. */
	if (spare.pid == 0 && proc_stat(pid, &st) == 0)
		spare.start = st.id.start;
	s->child[s->n++] = (struct child){ pid, spec->seq, slot };
	tell(s, "started", slot, spec->seq, "pid", pid, "start", (int64_t)spare.start);
}

static void
take_message(struct spawner *s, const struct buf *body)
{
	struct err e = ERR_INIT;
	struct spec spec;
	const char *op;
	struct kv kv;

	if (kv_parse(&kv, buf_str(body), body->len, &e) < 0) {
		log_error("bad_message", "error=%s", log_q(e.msg));
		refuse(s, NULL, 0, e.msg);
		return;
	}
	op = kv_get(&kv, "op");
	if (op == NULL || strcmp(op, "run") != 0) {
		refuse(s, kv_get(&kv, "slot"), kv_get_i64(&kv, "seq", 0), "unknown op");
	} else if (spec_from_record(&spec, &kv, &e) < 0) {
		refuse(s, kv_get(&kv, "slot"), kv_get_i64(&kv, "seq", 0), e.msg);
	} else {
		start_run(s, &spec, body);
		spec_fini(&spec);
	}
	kv_fini(&kv);
}

/* --- the loop ------------------------------------------------------------------------------------------------- */

static void
reap(struct spawner *s)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	while (read(s->signal_fd, &info, sizeof info) > 0)
		continue;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == s->spare.pid)
			drop_spare(s);
		for (size_t i = 0; i < s->n; i++)
			if (s->child[i].pid == pid) {
				tell(s, "exited", s->child[i].slot, s->child[i].seq, "status", status, NULL, 0);
				free(s->child[i].slot);
				s->child[i] = s->child[--s->n];
				break;
			}
	}
}

/* 1 something came, 0 the peer is gone, -1 error. */
static int
read_some(struct spawner *s, struct err *e)
{
	char *at = buf_room(&s->in, READ_SIZE);
	ssize_t n;

	if (at == NULL)
		return err_set(e, ERR_NOMEM, "out of memory");
	n = read(s->fd, at, READ_SIZE);
	if (n > 0)
		s->in.len += (size_t)n;
	if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNRESET)
		return err_sys(e, ERR_OS, errno, "cannot read from the supervisor's socket");
	return n == 0 || (n < 0 && errno == ECONNRESET) ? 0 : 1;
}

static int
write_some(struct spawner *s, struct err *e)
{
	ssize_t n;

	if (!buf_ok(&s->out))
		return err_set(e, ERR_NOMEM, "out of memory");
	while (s->out.len > 0) {
		n = write(s->fd, s->out.data, s->out.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 1;
		if (n < 0)
			return errno == EPIPE || errno == ECONNRESET ? 0 : err_sys(e, ERR_OS, errno, "cannot write");
		buf_drop(&s->out, (size_t)n);
	}
	return 1;
}

static int
take_messages(struct spawner *s, struct err *e)
{
	struct buf body = BUF_INIT;
	int rc = 0;

	while (s->out.len < OUT_MAX && (rc = frame_get(&s->in, &body, e)) == 1) {
		take_message(s, &body);
		buf_clear(&body);
	}
	buf_fini(&body);
	return rc < 0 ? -1 : 1;
}

/* One round: 1 go on, 0 the peer is gone, -1 error. */
static int
turn(struct spawner *s, struct err *e)
{
	struct pollfd p[2] = {
		{ .fd = s->fd, .events = s->out.len < OUT_MAX ? POLLIN : 0 },
		{ .fd = s->signal_fd, .events = POLLIN },
	};
	int rc = 1, n;

	if (s->out.len > 0)
		p[0].events |= POLLOUT;

	n = poll(p, 2, s->want_spare && s->spare.pid == 0 ? SPARE_AFTER_MS : -1);
	if (n < 0 && errno != EINTR)
		return err_sys(e, ERR_OS, errno, "cannot poll");
	if (n == 0)
		make_spare(s);
	if ((p[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
		rc = read_some(s, e);
	/* What came whole before the peer went is started: it counts on that. */
	if (rc >= 0 && take_messages(s, e) < 0)
		return -1;
	if (p[1].revents != 0)
		reap(s);
	return rc <= 0 ? rc : write_some(s, e);
}

static int
prepare(struct spawner *s, struct err *e)
{
	sigset_t set;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, sig == SIGPIPE ? SIG_IGN : SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_SETMASK, &set, NULL);
	clock_boot_id(); /* the runners inherit it */
	if (fcntl(s->fd, F_SETFL, O_NONBLOCK) < 0 || fcntl(s->fd, F_SETFD, FD_CLOEXEC) < 0)
		return err_sys(e, ERR_USAGE, errno, "descriptor %d is no socket of ours", s->fd);
	s->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	s->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (s->signal_fd < 0 || s->null_fd < 0)
		return err_sys(e, ERR_OS, errno, "cannot open what the spawner needs");
	return 0;
}

int
spawner_main(int fd, char *title, unsigned long title_len)
{
	struct spawner s = { .fd = fd, .want_spare = true, .title = title, .title_len = title_len };
	struct err e = ERR_INIT;
	int rc = prepare(&s, &e) < 0 ? -1 : 1;

	while (rc > 0)
		rc = turn(&s, &e);
	if (rc < 0)
		log_error("spawner_ends", "error=%s", log_q(e.msg));
	for (size_t i = 0; i < s.n; i++)
		free(s.child[i].slot);
	free(s.child);
	buf_fini(&s.in);
	buf_fini(&s.out);
	return rc == 0 ? 0 : err_exit_code(e.code);
}

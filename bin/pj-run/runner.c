#include "runner.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/proc.h"
#include "bell.h"
#include "claim.h"
#include "codec/slot.h"
#include "codec/spool.h"
#include "output.h"
#include "program.h"
#include "service.h"

#define BEAT_MS 10000
#define LEFTOVER_GRACE_MS 1000 /* for what a program that ended by itself left behind */
#define KILL_AGAIN_MS 20       /* first pause between two rounds of KILL; doubled up to */
#define KILL_AGAIN_MAX_MS 1000
#define STUCK_MS 5000          /* of KILL in vain, then it is said in the log */
#define WRITE_AGAIN_S 1

enum phase { PHASE_RUN = 0, PHASE_TERM, PHASE_KILL };

struct runner {
	struct spec *spec;
	struct slot *slot;
	int slot_fd;
	struct service service;
	pid_t pid;              /* the program */
	bool ended;             /* it was waited for */
	bool none_left;         /* neither it nor any descendant */
	bool has_result;        /* by pj-run result */
	enum phase phase;
	int64_t beat_at, limit_at, step_at, stuck_at; /* mono; 0 none */
	int64_t kill_pause_ms;
	struct output out;
};

static volatile sig_atomic_t got_child, got_stop;

static void
on_signal(int sig)
{
	if (sig == SIGCHLD)
		got_child = 1;
	else
		got_stop = sig;
}

/* Signals are only taken in ppoll, with the mask that is returned in *asleep. */
static void
take_signals(sigset_t *asleep)
{
	static const int ours[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP };
	struct sigaction act = { .sa_handler = on_signal }, old;
	sigset_t block;

	sigemptyset(&block);
	for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
		sigaddset(&block, ours[i]);
	sigprocmask(SIG_BLOCK, &block, asleep);
	for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
		sigdelset(asleep, ours[i]);
		/* A hangup that was ignored (nohup) stays ignored. */
		if (ours[i] == SIGHUP && sigaction(SIGHUP, NULL, &old) == 0 && old.sa_handler == SIG_IGN)
			continue;
		sigaction(ours[i], &act, NULL);
	}
}

/* --- the record ----------------------------------------------------------------------------------------------- */

static int
write_slot(struct runner *r, struct err *e)
{
	struct slot *s = r->slot;

	if (r->slot_fd < 0)
		return 0;
	s->heartbeat_boot_ms = clock_boot_ms();
	s->log_length = r->out.length;
	s->log_dropped = r->out.dropped;
	return slot_write(r->slot_fd, s, e);
}

/* A line of ours, where the job's own go. */
static void
say(struct runner *r, int level, const char *text)
{
	if (r->out.path != NULL)
		output_log(&r->out, level, text, strlen(text));
	else if (r->spec->by_hand)
		fprintf(stderr, "%s\n", text);
}

/* The result is what all this was for: while the disk does not take it, try again. A kill ends that. */
static void
write_finished(struct runner *r)
{
	struct err e = ERR_INIT;
	bool said = false;

	while (write_slot(r, &e) < 0) {
		if (!said)
			say(r, SPOOL_ERROR, e.msg);
		said = true;
		nanosleep(&(struct timespec){ .tv_sec = WRITE_AGAIN_S }, NULL);
	}
}

/* --- what the job says ---------------------------------------------------------------------------------------- */

static int
say_result(struct runner *r, const struct kv *request, struct err *e)
{
	size_t from = 0;
	const struct kv_pair *text = kv_next(request, "text", &from);

	if (text == NULL)
		return err_set(e, ERR_DATA, "the request has no text");
	output_result(r->slot->result, text->value, text->len);
	r->has_result = true;
	return write_slot(r, e);
}

static int
say_log(struct runner *r, const struct kv *request, struct err *e)
{
	const char *level = kv_get(request, "level");
	size_t from = 0;
	const struct kv_pair *text = kv_next(request, "text", &from);
	int code = level != NULL ? spool_level_from_name(level) : -1;

	if (code < 0)
		return err_set(e, ERR_DATA, "unknown level `%.50s'; it is one of DEBUG INFO WARN ERROR",
		    level != NULL ? level : "");
	if (text == NULL)
		return err_set(e, ERR_DATA, "the request has no text");
	if (r->out.path != NULL)
		output_log(&r->out, code, text->value, text->len);
	else
		fprintf(stderr, "%-5s %.*s\n", spool_level_name(code), (int)text->len, text->value);
	return 0;
}

/* Replaces or adds one line of the context. */
static int
say_context(struct runner *r, const struct kv *request, struct err *e)
{
	const char *key = kv_get(request, "key");
	struct buf out = BUF_INIT;
	size_t from = 0;
	const struct kv_pair *value = kv_next(request, "value", &from);
	struct kv old;

	if (key == NULL || !kv_key_ok(key, strlen(key)) || value == NULL)
		return err_set(e, ERR_DATA, "a context key is 1 to 128 of A-Z a-z 0-9 _ . -");
	if (kv_parse(&old, r->slot->wf_context, strlen(r->slot->wf_context), e) < 0)
		return -1;
	for (size_t i = 0; i < old.n; i++)
		if (strcmp(old.pair[i].key, key) != 0)
			kv_put_n(&out, old.pair[i].key, old.pair[i].value, old.pair[i].len);
	kv_put_n(&out, key, value->value, value->len);
	kv_fini(&old);
	if (!buf_ok(&out) || out.len >= sizeof r->slot->wf_context) {
		buf_fini(&out);
		return err_set(e, ERR_TOOBIG, "the context would be over %zu bytes; %s is not set",
		    sizeof r->slot->wf_context - 1, key);
	}
	memcpy(r->slot->wf_context, out.data, out.len + 1);
	buf_fini(&out);
	return write_slot(r, e);
}

static const struct {
	const char *verb;
	int (*fn)(struct runner *r, const struct kv *request, struct err *e);
} verbs[] = { { "result", say_result }, { "log", say_log }, { "context", say_context } };

static int
on_request(const char *verb, const struct kv *request, void *arg, struct err *e)
{
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
		if (strcmp(verbs[i].verb, verb) == 0)
			return verbs[i].fn(arg, request, e);
	return err_set(e, ERR_PROTOCOL, "this pj-run does not know `%s'", verb);
}

/* --- the end of the tree -------------------------------------------------------------------------------------- */

/* TERM to all; in grace_ms KILL. */
static void
begin_end(struct runner *r, enum slot_end end, int64_t grace_ms)
{
	if (r->phase != PHASE_RUN)
		return;
	r->phase = PHASE_TERM;
	r->slot->end = end;
	r->step_at = clock_mono_ms() + grace_ms;
	proc_signal_descendants(getpid(), SIGTERM);
	/* A stopped process takes its TERM only when it goes on. */
	proc_signal_descendants(getpid(), SIGCONT);
}

static void
kill_round(struct runner *r, int64_t mono_ms)
{
	if (r->phase != PHASE_KILL) {
		r->phase = PHASE_KILL;
		r->kill_pause_ms = KILL_AGAIN_MS;
		r->stuck_at = mono_ms + STUCK_MS;
	}
	/* Again while there is someone: what was forked during the walk over the processes was not seen by it. */
	for (int i = 0; i < 3 && proc_signal_descendants(getpid(), SIGKILL) > 0; i++)
		continue;
	r->step_at = mono_ms + r->kill_pause_ms;
	if (r->kill_pause_ms < KILL_AGAIN_MAX_MS)
		r->kill_pause_ms *= 2;
	if (r->stuck_at != 0 && mono_ms >= r->stuck_at) {
		say(r, SPOOL_ERROR, "pj: processes of the job do not end: another user's, or held up in the kernel");
		r->stuck_at = 0;
	}
}

static void
note_end(struct runner *r, int status, const struct rusage *ru)
{
	struct slot *s = r->slot;

	r->ended = true;
	s->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	s->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	s->user_us = ru->ru_utime.tv_sec * 1000000LL + ru->ru_utime.tv_usec;
	s->system_us = ru->ru_stime.tv_sec * 1000000LL + ru->ru_stime.tv_usec;
	s->max_rss_kib = ru->ru_maxrss;
	if (s->end == SLOT_END_NONE)
		s->end = SLOT_END_EXIT;
}

/* We are the subreaper: whoever loses his parent becomes our child, so no child means no descendant. */
static void
reap(struct runner *r)
{
	int64_t grace_ms = r->spec->grace_ms;
	struct rusage ru;
	int status;
	pid_t pid;

	got_child = 0;
	while ((pid = wait4(-1, &status, WNOHANG, &ru)) > 0)
		if (pid == r->pid)
			note_end(r, status, &ru);
	r->none_left = pid < 0 && errno == ECHILD;
	if (r->ended && !r->none_left)
		begin_end(r, r->slot->end, grace_ms < LEFTOVER_GRACE_MS ? grace_ms : LEFTOVER_GRACE_MS);
}

/* --- the loop ------------------------------------------------------------------------------------------------- */

static void
earlier(int64_t *at, int64_t other)
{
	if (other != 0 && (*at == 0 || other < *at))
		*at = other;
}

static void
do_what_is_due(struct runner *r)
{
	int64_t mono_ms = clock_mono_ms();

	if (got_stop && r->phase == PHASE_RUN) {
		say(r, SPOOL_WARN, "pj: stopped");
		begin_end(r, SLOT_END_STOPPED, r->spec->grace_ms);
	}
	got_stop = 0;
	if (r->limit_at != 0 && mono_ms >= r->limit_at) {
		if (r->phase == PHASE_RUN)
			say(r, SPOOL_WARN, "pj: time limit reached, the job is ended");
		begin_end(r, SLOT_END_TIMEOUT, r->spec->grace_ms);
		r->limit_at = 0;
	}
	if (r->step_at != 0 && mono_ms >= r->step_at)
		kill_round(r, mono_ms);
	if (r->beat_at != 0 && mono_ms >= r->beat_at) {
		write_slot(r, NULL); /* a lost beat only makes us look older */
		r->beat_at = mono_ms + BEAT_MS;
	}
}

static void
wait_and_read(struct runner *r, const sigset_t *asleep)
{
	struct pollfd p[2 + SERVICE_POLLS];
	struct timespec left = { 0, 0 };
	int64_t at = r->beat_at, wait_ms;

	for (int i = 0; i < 2; i++)
		p[i] = (struct pollfd){ .fd = output_wants(&r->out) ? r->out.stream[i].fd : -1, .events = POLLIN };
	service_polls(&r->service, p + 2);
	earlier(&at, r->limit_at);
	earlier(&at, r->step_at);
	wait_ms = at != 0 ? at - clock_mono_ms() : 0;
	if (wait_ms > 0)
		left = (struct timespec){ .tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000 };
	if (ppoll(p, 2 + SERVICE_POLLS, at != 0 ? &left : NULL, asleep) <= 0)
		return;
	for (int i = 0; i < 2; i++)
		if (p[i].revents != 0)
			output_read(&r->out, i);
	for (int i = 0; i < SERVICE_POLLS; i++)
		if (p[2 + i].revents != 0) {
			/* What the job printed before it asked comes first. */
			output_catch_up(&r->out);
			service_turn(&r->service, p + 2, on_request, r);
			break;
		}
}

static void
finish(struct runner *r)
{
	struct slot *s = r->slot;

	output_end(&r->out);
	if (!r->has_result && s->end != SLOT_END_FAILED)
		output_result(s->result, r->out.last, r->out.last_len);
	service_close(&r->service);
	s->state = SLOT_FINISHED;
	s->finished_at_ms = clock_wall_ms();
	write_finished(r);
	if (r->spec->bell == NULL || bell_ring(r->spec->bell, r->spec->slot, s->seq))
		return;
	/* Nobody has taken it over: it must survive more than our own death. */
	output_sync(&r->out);
	if (fdatasync(r->slot_fd) < 0)
		return; /* the page cache has it, and there is nobody to tell */
}

static int
exit_code_by_hand(const struct slot *s, int stop_signal)
{
	switch (s->end) {
	case SLOT_END_TIMEOUT:
		return 124;
	case SLOT_END_STOPPED:
		return 128 + stop_signal;
	case SLOT_END_NONE:
	case SLOT_END_EXIT:
	case SLOT_END_FAILED:
		break;
	}
	return s->signal != 0 ? 128 + s->signal : s->exit_code;
}

static int
start(struct runner *r, int null_fd, struct err *e)
{
	struct program p;

	r->slot->exit_code = PROGRAM_NOT_RUN;
	if (service_open(&r->service, r->spec->instance_id, r->spec->attempt, e) < 0)
		return -1;
	spec_add_env(r->spec, r->service.env);
	if (program_start(&p, r->spec, null_fd, r->slot_fd, r->slot, e) < 0) {
		r->slot->exit_code = p.exit_code;
		return -1;
	}
	r->slot->exit_code = -1;
	r->pid = p.pid;
	r->out.stream[OUTPUT_STDOUT].fd = p.out;
	r->out.stream[OUTPUT_STDERR].fd = p.err;
	return 0;
}

static void
run(struct runner *r, int null_fd, const sigset_t *asleep, int *stop_signal)
{
	struct err e = ERR_INIT;
	int64_t mono_ms;

	if (start(r, null_fd, &e) < 0) {
		r->slot->end = SLOT_END_FAILED;
		r->slot->job = (struct proc_id){ 0, 0 };
		output_result(r->slot->result, e.msg, strlen(e.msg));
		if (r->spec->by_hand)
			fprintf(stderr, "pj-run: %s\n", e.msg);
		return;
	}
	mono_ms = clock_mono_ms();
	r->beat_at = r->slot_fd >= 0 ? mono_ms + BEAT_MS : 0;
	r->limit_at = r->spec->timeout_ms > 0 ? mono_ms + r->spec->timeout_ms : 0;
	while (!r->none_left) {
		wait_and_read(r, asleep);
		if (got_stop && *stop_signal == 0)
			*stop_signal = got_stop;
		/* First what has happened: a program that ended in time was not ended by its limit. */
		if (got_child || r->phase != PHASE_RUN)
			reap(r);
		if (!r->none_left)
			do_what_is_due(r);
	}
}

int
runner_main(struct spec *spec, int null_fd)
{
	static struct slot slot;     /* zero, and large: what is not needed of them is not touched */
	static struct runner runner;
	struct runner *r = &runner;
	int stop_signal = 0, rc;
	sigset_t asleep;

	r->spec = spec;
	r->slot = &slot;
	r->slot_fd = -1;
	r->service.listener = -1;
	if (spec->by_hand && spec->spool != NULL && (rc = output_check(spec->spool)) != 0) {
		fprintf(stderr, "pj-run: cannot write the spool file %s: %s\n", spec->spool, strerror(rc));
		return err_exit_code(ERR_IO);
	}
	take_signals(&asleep);
	rc = claim_slot(spec, &slot, &r->slot_fd);
	if (rc != 0)
		return rc;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (!spec->by_hand)
		for (int fd = 0; fd <= STDERR_FILENO; fd++)
			dup2(null_fd, fd); /* up to here errors went where the spawner's go */
	output_init(&r->out, spec->spool, spec->log_max, spec->log_block);
	run(r, null_fd, &asleep, &stop_signal);
	finish(r);
	if (spec->by_hand && r->out.lost > 0)
		fprintf(stderr, "pj-run: %s: %" PRId64 " bytes of output lost: %s\n", spec->spool, r->out.lost,
		    strerror(r->out.lost_errno));
	return spec->by_hand ? exit_code_by_hand(&slot, stop_signal) : RUNNER_DONE;
}

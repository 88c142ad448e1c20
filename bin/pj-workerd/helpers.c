/* pj-discover, pj-health and pj-logship: started beside our own executable, known by their heartbeat files, ended when
 * they are not what is wanted, started again with back-off. Their files are read, never trusted with a pid alone. */
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "codec/hbfile.h"

#define LOOK_MS 10000
#define START_MS 120000    /* a new one has so long until its first heartbeat */
#define AGE_EXTRA_MS 10000 /* over three times its own promise */
#define PAUSE_FIRST_MS 1000
#define PAUSE_MOST_MS 60000
#define GOOD_AFTER_MS 30000
#define TERM_MS 10000      /* then KILL */

extern char **environ;

enum { N_HELPERS = 3 };
static const char *const names[N_HELPERS] = { "pj-discover", "pj-health", "pj-logship" };

struct helper_proc {
	struct host *w;
	const char *name;
	char program[PATH_MAX], file[PATH_MAX];
	struct proc_id id;            /* pid 0: none */
	bool child;                   /* ours to wait for */
	int pid_fd;
	struct loop_watch *watch;
	struct loop_timer *again;     /* start, or look at it again */
	int64_t born_mono_ms, looked_mono_ms, ending_mono_ms;
	int pause_ms;
};

/* --- classification ---------------------------------------------------------------------------------------------- */

enum class { NOT_STARTED, DISALLOWED, TIMED_OUT, VALID };

struct look {
	const struct helper_proc *h;
	struct hbfile file;
	bool readable, alive;
	char wanted[160];
	bool gap; /* we did not look ourselves for a while: ages mean nothing */
};

static bool
is_absent(const struct look *l)
{
	return !l->readable || !l->alive;
}

/* One that a person or another service manager started is left alone whatever it works for. */
static bool
is_foreign(const struct look *l)
{
	return l->file.supervised && l->h->id.pid != l->file.id.pid && strcmp(l->file.assignment, l->wanted) != 0;
}

static bool
is_silent(const struct look *l)
{
	return l->file.supervised && !l->gap && hbfile_age_ms(&l->file) > 3 * l->file.every_ms + AGE_EXTRA_MS;
}

static bool
is_rest(const struct look *l)
{
	(void)l;
	return true;
}

/* The first that holds. */
static const struct {
	enum class class;
	const char *name;
	bool (*is)(const struct look *l);
} classes[] = {
	{ NOT_STARTED, "notStarted", is_absent },
	{ DISALLOWED, "disallowed", is_foreign },
	{ TIMED_OUT, "timedOut", is_silent },
	{ VALID, "valid", is_rest },
};

static void
look_at(struct helper_proc *h, struct look *l, int *class)
{
	struct buf printed = BUF_INIT;
	struct err e = ERR_INIT;
	int64_t mono_ms = worker_mono(h->w);

	memset(l, 0, sizeof *l);
	l->h = h;
	l->readable = hbfile_read(h->file, &l->file, &e) == 0;
	l->alive = l->readable && hbfile_alive(&l->file);
	l->gap = h->looked_mono_ms == 0 || mono_ms - h->looked_mono_ms > 3 * LOOK_MS;
	h->looked_mono_ms = mono_ms;
	config_print(h->w->conf, false, &printed);
	hbfile_assignment(l->wanted, h->w->conf->worker.app, buf_str(&printed));
	buf_fini(&printed);
	*class = 0;
	while (!classes[*class].is(l))
		++*class;
}

/* --- processes --------------------------------------------------------------------------------------------------- */

pid_t
helpers_spawn(struct host *w, const char *path, char *const *argv, int in_fd, bool supervised, struct err *e)
{
	static char mark[] = "PJ_SUPERVISED=1";
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	sigset_t none, all;
	char **env;
	size_t n = 0;
	pid_t pid;
	int rc;

	(void)w;
	while (environ[n] != NULL)
		n++;
	if ((env = calloc(n + 2, sizeof *env)) == NULL)
		return err_set(e, ERR_NOMEM, "out of memory");
	memcpy(env, environ, n * sizeof *env);
	if (supervised)
		env[n] = mark;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&fa);
	posix_spawnattr_init(&at);
	if (in_fd >= 0)
		posix_spawn_file_actions_adddup2(&fa, in_fd, 3);
	posix_spawnattr_setsigmask(&at, &none);
	posix_spawnattr_setsigdefault(&at, &all);
	/* A session of its own: what a terminal sends to us is not sent to it. */
	posix_spawnattr_setflags(&at, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
	rc = posix_spawn(&pid, path, &fa, &at, argv, env);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawnattr_destroy(&at);
	free(env);
	return rc == 0 ? pid : err_sys(e, ERR_OS, rc, "cannot start %s", path);
}

static void
forget(struct helper_proc *h)
{
	if (h->watch != NULL)
		loop_watch_free(h->watch);
	if (h->pid_fd >= 0)
		close(h->pid_fd);
	h->watch = NULL;
	h->pid_fd = -1;
	h->id = (struct proc_id){ 0, 0 };
	h->child = false;
	h->ending_mono_ms = 0;
}

static void
plan_start(struct helper_proc *h, bool was_good)
{
	h->pause_ms = was_good || h->pause_ms == 0 ? PAUSE_FIRST_MS : h->pause_ms * 2;
	if (h->pause_ms > PAUSE_MOST_MS)
		h->pause_ms = PAUSE_MOST_MS;
	loop_timer_set(h->again, h->pause_ms);
}

static void
gone(int fd, int what, void *arg)
{
	struct helper_proc *h = arg;
	bool good = worker_mono(h->w) - h->born_mono_ms >= GOOD_AFTER_MS;
	int status = 0, pid = (int)h->id.pid;

	(void)fd;
	(void)what;
	if (h->child)
		waitpid(h->id.pid, &status, WNOHANG);
	forget(h);
	if (h->w->stopping) {
		if (helpers_gone(h->w))
			loop_stop(h->w->loop);
		return;
	}
	plan_start(h, good);
	log_warn("helper_ended", "program=%s pid=%d status=%d signal=%d again_ms=%d", h->name, pid,
	    WIFEXITED(status) ? WEXITSTATUS(status) : -1, WIFSIGNALED(status) ? WTERMSIG(status) : 0, h->pause_ms);
}

static int
watch(struct helper_proc *h, struct proc_id id, bool child)
{
	h->pid_fd = child ? pidfd_open(id.pid, 0) : proc_open(id);
	if (h->pid_fd < 0)
		return -1;
	h->watch = loop_watch_new(h->w->loop, h->pid_fd, LOOP_READ, gone, h);
	if (h->watch == NULL) {
		forget(h);
		return -1;
	}
	h->id = id;
	h->child = child;
	h->born_mono_ms = worker_mono(h->w);
	return 0;
}

/* The words that make it read the configuration that we read. */
static int
build_argv(const struct options *o, const char *name, const char **argv, int most)
{
	int n = 0;

	argv[n++] = name;
	if (o->where.root != NULL) {
		argv[n++] = "-r";
		argv[n++] = o->where.root;
	}
	if (o->where.file != NULL) {
		argv[n++] = "-c";
		argv[n++] = o->where.file;
	}
	for (int i = 0; i < o->n_set && n + 3 < most; i++) {
		argv[n++] = "-o";
		argv[n++] = o->set[i];
	}
	argv[n] = NULL;
	return n;
}

static void
start(struct helper_proc *h)
{
	const char *argv[2 * OPTIONS_SET_MAX + 8];
	struct err e = ERR_INIT;
	struct proc_stat st = { 0 };
	char *const *as_is;
	pid_t pid;

	build_argv(h->w->options, h->name, argv, (int)(sizeof argv / sizeof argv[0]));
	memcpy(&as_is, &(const char *const *){ argv }, sizeof as_is); /* posix_spawn changes nothing of it */
	pid = helpers_spawn(h->w, h->program, as_is, -1, true, &e);
	if (pid > 0) {
		proc_stat(pid, &st);
		st.id.pid = pid;
		if (watch(h, st.id, true) == 0) {
			log_info("helper", "program=%s pid=%d", h->name, (int)pid);
			loop_timer_set(h->again, LOOK_MS);
			return;
		}
		kill(pid, SIGKILL); /* our child, not waited for yet */
		waitpid(pid, NULL, 0);
		err_set(&e, ERR_OS, "it cannot be watched");
	}
	plan_start(h, false);
	log_error("helper_not_started", "program=%s error=%s again_ms=%d", h->name, log_q(e.msg), h->pause_ms);
}

/* TERM, and KILL when that did not help for TERM_MS; what comes then comes by the pidfd. */
static void
end(struct helper_proc *h, struct proc_id id, const char *class)
{
	int64_t mono_ms = worker_mono(h->w);
	int sig = SIGTERM;

	if (h->ending_mono_ms == 0)
		h->ending_mono_ms = mono_ms;
	else if (mono_ms - h->ending_mono_ms >= TERM_MS)
		sig = SIGKILL;
	log_warn("helper_unwanted", "program=%s pid=%d class=%s signal=%d", h->name, (int)id.pid, class, sig);
	if (proc_signal(id, sig) < 0)
		log_warn("helper_signal", "program=%s pid=%d error=%s", h->name, (int)id.pid, log_q(strerror(errno)));
	loop_timer_set(h->again, TERM_MS);
}

/* A running child of ours that did not write its first heartbeat yet. */
static void
look_at_starting(struct helper_proc *h)
{
	if (worker_mono(h->w) - h->born_mono_ms > START_MS || h->ending_mono_ms != 0)
		end(h, h->id, "timedOut");
	else
		loop_timer_set(h->again, LOOK_MS);
}

static void
on_timer(void *arg)
{
	struct helper_proc *h = arg;
	struct look l;
	int class;

	if (h->w->stopping)
		return;
	look_at(h, &l, &class);
	if (h->id.pid != 0 && (!l.alive || l.file.id.pid != h->id.pid)) {
		look_at_starting(h);
		return;
	}
	switch (classes[class].class) {
	case NOT_STARTED:
		start(h);
		return;
	case DISALLOWED:
	case TIMED_OUT:
		if (h->id.pid == 0 && watch(h, l.file.id, false) < 0) {
			loop_timer_set(h->again, PAUSE_FIRST_MS); /* gone by itself */
			return;
		}
		end(h, l.file.id, classes[class].name);
		return;
	case VALID:
		break;
	}
	if (h->id.pid == 0 && watch(h, l.file.id, false) == 0)
		log_info("helper_adopted", "program=%s pid=%d supervised=%s", h->name, (int)l.file.id.pid,
		    l.file.supervised ? "yes" : "no");
	h->ending_mono_ms = 0;
	loop_timer_set(h->again, LOOK_MS);
}

/* --- all of them ------------------------------------------------------------------------------------------------- */

int
helpers_open(struct host *w, struct err *e)
{
	if (!w->conf->worker.helpers)
		return 0;
	w->helpers = calloc(N_HELPERS, sizeof *w->helpers);
	if (w->helpers == NULL)
		return err_set(e, ERR_NOMEM, "out of memory");
	for (int i = 0; i < N_HELPERS; i++)
		w->helpers[i].pid_fd = -1;
	for (int i = 0; i < N_HELPERS; i++) {
		struct helper_proc *h = &w->helpers[i];

		h->w = w;
		h->name = names[i];
		if (file_path(h->program, sizeof h->program, e, "%s/%s", w->bin_dir, h->name) < 0
		    || file_path(h->file, sizeof h->file, e, "%s/hb/%s.hb", w->state_dir, h->name) < 0)
			return -1;
		if ((h->again = loop_timer_new(w->loop, on_timer, h)) == NULL)
			return err_set(e, ERR_NOMEM, "out of memory");
		loop_timer_set(h->again, 0);
	}
	return 0;
}

/* Those that pj-workerd started, in this life or an earlier one. */
static bool
is_ours(const struct helper_proc *h)
{
	struct hbfile file;

	if (h->id.pid == 0)
		return false;
	return h->child || (hbfile_read(h->file, &file, NULL) == 0 && file.id.pid == h->id.pid && file.supervised);
}

static void
signal_all(struct host *w, int sig)
{
	for (int i = 0; w->helpers != NULL && i < N_HELPERS; i++)
		if (is_ours(&w->helpers[i]) && proc_signal(w->helpers[i].id, sig) < 0)
			log_warn("helper_signal", "program=%s error=%s", w->helpers[i].name, log_q(strerror(errno)));
}

void
helpers_hangup(struct host *w)
{
	signal_all(w, SIGHUP);
}

void
helpers_stop(struct host *w)
{
	signal_all(w, SIGTERM);
}

void
helpers_kill(struct host *w)
{
	signal_all(w, SIGKILL);
}

bool
helpers_gone(const struct host *w)
{
	for (int i = 0; w->helpers != NULL && i < N_HELPERS; i++)
		if (is_ours(&w->helpers[i]))
			return false;
	return true;
}

void
helpers_free(struct host *w)
{
	for (int i = 0; w->helpers != NULL && i < N_HELPERS; i++) {
		forget(&w->helpers[i]);
		if (w->helpers[i].again != NULL)
			loop_timer_free(w->helpers[i].again);
	}
	free(w->helpers);
	w->helpers = NULL;
}

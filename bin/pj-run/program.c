#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

enum step { STEP_EXEC = 0, STEP_CWD, STEP_STREAMS, STEP_SLOT };

/* What the new process needs, and what it says back: it shares our memory until it execs. */
struct launch {
	const struct spec *spec;
	pid_t runner;
	int in, out, err;
	int slot_fd;
	struct slot *slot;
	char **sh_argv; /* room for "/bin/sh", path, arguments: for a script without #! */
	int error;      /* errno of what failed, 0 */
	enum step step;
};

/* --- in the new process --------------------------------------------------------------------------------------- */

static int
fail(struct launch *l, enum step step)
{
	l->error = errno;
	l->step = step;
	return -1;
}

static const char *
path_of(char *const *envp)
{
	for (; *envp != NULL; envp++)
		if (strncmp(*envp, "PATH=", 5) == 0)
			return *envp + 5;
	return DEFAULT_PATH;
}

/* Returns only when it failed, with errno. */
static void
exec_file(struct launch *l, char *path)
{
	char *const *argv = l->spec->argv;
	static char sh[] = "/bin/sh";
	size_t n = 1;

	execve(path, argv, l->spec->envp);
	if (errno != ENOEXEC)
		return;
	l->sh_argv[0] = sh;
	l->sh_argv[1] = path;
	for (; argv[n] != NULL; n++)
		l->sh_argv[n + 1] = argv[n];
	l->sh_argv[n + 1] = NULL;
	execve(sh, l->sh_argv, l->spec->envp);
}

/* As execvp does, but with the PATH that the job gets. */
static void
exec_search(struct launch *l)
{
	const char *name = l->spec->argv[0];
	const char *dir = path_of(l->spec->envp);
	char path[PATH_MAX];
	int why = ENOENT;

	if (strchr(name, '/') != NULL) {
		exec_file(l, l->spec->argv[0]);
		return;
	}
	for (;;) {
		size_t n = strcspn(dir, ":");

		if (n == 0 ? file_path(path, sizeof path, NULL, "./%s", name) == 0
		           : file_path(path, sizeof path, NULL, "%.*s/%s", (int)n, dir, name) == 0) {
			exec_file(l, path);
			if (errno != ENOENT && errno != ENOTDIR)
				why = errno;
			if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
				break;
		}
		if (dir[n] == '\0')
			break;
		dir += n + 1;
	}
	errno = why;
}

static int
set_streams(struct launch *l)
{
	if ((l->in >= 0 && dup2(l->in, STDIN_FILENO) < 0) || (l->out >= 0 && dup2(l->out, STDOUT_FILENO) < 0) ||
	    (l->err >= 0 && dup2(l->err, STDERR_FILENO) < 0))
		return fail(l, STEP_STREAMS);
	return 0;
}

static int
write_running(struct launch *l)
{
	struct slot *s = l->slot;

	if (l->slot_fd < 0)
		return 0;
	s->state = SLOT_RUNNING;
	s->started_at_ms = clock_wall_ms();
	s->heartbeat_boot_ms = clock_boot_ms();
	if (proc_self(&s->job) < 0 || slot_write(l->slot_fd, s, NULL) < 0)
		return fail(l, STEP_SLOT);
	/* Our parent may have been killed in the middle of this, before its death signal reached us. If it still has
	 * the lock now, whoever finds the lock free later finds RUNNING as well. */
	if (slot_holder(l->slot_fd) != l->runner)
		_exit(1);
	return 0;
}

static void
reset_signals(void)
{
	static const int ours[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGPIPE };
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t empty;

	for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
		sigaction(ours[i], &dfl, NULL);
	sigemptyset(&empty);
	sigprocmask(SIG_SETMASK, &empty, NULL);
}

static void
become_program(struct launch *l)
{
	setsid();
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != l->runner)
		_exit(1);
	if (l->spec->cwd != NULL && chdir(l->spec->cwd) < 0) {
		fail(l, STEP_CWD);
		return;
	}
	if (set_streams(l) < 0 || write_running(l) < 0)
		return;
	reset_signals();
	exec_search(l);
	fail(l, STEP_EXEC);
}

/* --- in ours -------------------------------------------------------------------------------------------------- */

/* vfork: the pages of this process are not copied only to be thrown away, and what the new one stores in *l we read
 * here, without a pipe. We sleep until it execs or exits. */
static pid_t __attribute__((noinline))
launch(struct launch *l)
{
	pid_t pid = vfork();

	if (pid == 0) {
		become_program(l);
		_exit(PROGRAM_NOT_FOUND);
	}
	return pid;
}

static int
explain(struct program *p, const struct launch *l, struct err *e)
{
	const char *name = l->spec->argv[0];

	p->exit_code = PROGRAM_NOT_RUN;
	switch (l->step) {
	case STEP_CWD:
		return err_sys(e, ERR_OS, l->error, "cannot change to directory %.200s", l->spec->cwd);
	case STEP_STREAMS:
		return err_sys(e, ERR_OS, l->error, "cannot set the standard streams of %.200s", name);
	case STEP_SLOT:
		return err_sys(e, ERR_IO, l->error, "cannot write the slot file before running %.200s", name);
	case STEP_EXEC:
		break;
	}
	if (l->error != ENOENT && l->error != ENOTDIR)
		return err_sys(e, ERR_OS, l->error, "cannot run %.200s", name);
	p->exit_code = PROGRAM_NOT_FOUND;
	if (strchr(name, '/') == NULL)
		return err_set(e, ERR_NOTFOUND, "cannot run %.200s: not found in PATH=%.200s", name,
		    path_of(l->spec->envp));
	if (access(name, F_OK) == 0)
		return err_set(e, ERR_NOTFOUND, "cannot run %.200s: the interpreter it names is missing", name);
	return err_sys(e, ERR_NOTFOUND, l->error, "cannot run %.200s", name);
}

/* The input as a file that is in no directory: no writer has to feed it, and the job may seek in it. */
static int
input_file(const struct spec *s)
{
	int fd = memfd_create("pj-input", MFD_CLOEXEC);

	if (fd >= 0 && (file_write_all(fd, s->input, s->input_len) < 0 || lseek(fd, 0, SEEK_SET) < 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

static void
close_if(int fd)
{
	if (fd >= 0)
		close(fd);
}

static int
open_streams(struct program *p, struct launch *l, int null_fd)
{
	const struct spec *s = l->spec;
	int out[2] = { -1, -1 }, err[2] = { -1, -1 };

	l->in = s->input != NULL ? input_file(s) : s->by_hand ? -1 : null_fd;
	if (s->input != NULL && l->in < 0)
		return -1;
	if (s->by_hand && s->spool == NULL)
		return 0;
	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0 || fcntl(out[0], F_SETFL, O_NONBLOCK) < 0 ||
	    fcntl(err[0], F_SETFL, O_NONBLOCK) < 0) {
		close_if(out[0]);
		close_if(out[1]);
		return -1;
	}
	p->out = out[0];
	p->err = err[0];
	l->out = out[1];
	l->err = err[1];
	return 0;
}

static size_t
count(char *const *list)
{
	size_t n = 0;

	while (list[n] != NULL)
		n++;
	return n;
}

int
program_start(struct program *p, const struct spec *s, int null_fd, int slot_fd, struct slot *slot, struct err *e)
{
	struct launch l = { s, getpid(), -1, -1, -1, slot_fd, slot, NULL, 0, STEP_EXEC };

	*p = (struct program){ .pid = -1, .out = -1, .err = -1, .exit_code = PROGRAM_NOT_RUN };
	l.sh_argv = calloc(count(s->argv) + 3, sizeof *l.sh_argv);
	if (l.sh_argv == NULL || open_streams(p, &l, null_fd) < 0) {
		free(l.sh_argv);
		return err_sys(e, ERR_OS, errno, "cannot prepare the start of %.200s", s->argv[0]);
	}
	p->pid = launch(&l);
	if (p->pid < 0)
		err_sys(e, ERR_OS, errno, "cannot fork for %.200s", s->argv[0]);
	else if (l.error != 0)
		explain(p, &l, e);
	if (l.in != null_fd)
		close_if(l.in);
	close_if(l.out);
	close_if(l.err);
	free(l.sh_argv);
	if (p->pid > 0 && l.error == 0)
		return 0;
	if (p->pid > 0)
		waitpid(p->pid, NULL, 0);
	close_if(p->out);
	close_if(p->err);
	p->out = p->err = -1;
	return -1;
}

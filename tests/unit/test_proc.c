/* lib/base/proc: identity, signals, descendants, marks, descriptors. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/proc.h"

static pid_t
sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "a) R 1 (b");
		for (;;)
			pause();
	}
	assert_true(pid > 0);
	return pid;
}

static void
end(pid_t pid)
{
	int st;

	kill(pid, SIGKILL);
	waitpid(pid, &st, 0);
}

static void
identity(void **state)
{
	struct proc_stat st;
	struct proc_id self;
	pid_t pid = sleeper();

	assert_int_equal(proc_self(&self), 0);
	assert_int_equal(self.pid, getpid());
	assert_true(self.start > 0);
	assert_true(proc_alive(self));
	assert_int_equal(proc_stat(pid, &st), 0);
	assert_int_equal(st.ppid, getpid());
	assert_int_equal(st.pgrp, getpgrp());
	assert_int_equal(st.session, getsid(0));
	assert_int_equal(st.uid, geteuid());
	assert_true(st.id.start >= self.start);
	assert_int_equal(proc_stat(0, &st), -1);
	assert_int_equal(proc_stat(-5, &st), -1);
	end(pid);
}

static void
a_recycled_pid_is_someone_else(void **state)
{
	struct proc_stat st;
	struct proc_id other;
	pid_t pid = sleeper();
	int fd;

	assert_int_equal(proc_stat(pid, &st), 0);
	other = (struct proc_id){ pid, st.id.start + 1 };
	assert_false(proc_alive(other));
	assert_int_equal(proc_signal(other, SIGKILL), 1);
	assert_int_equal(proc_open(other), -1);
	assert_true(proc_alive(st.id));
	fd = proc_open(st.id);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	assert_int_equal(proc_signal(st.id, SIGKILL), 0);
	/* Dead but not waited for: gone as well. */
	assert_int_equal(waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), 0);
	assert_false(proc_alive(st.id));
	assert_int_equal(proc_signal(st.id, SIGKILL), 1);
	end(pid);
	assert_int_equal(proc_signal(st.id, SIGKILL), 1);
	assert_int_equal(proc_signal((struct proc_id){ 0, 0 }, SIGKILL), 1);
}

static void
descendants(void **state)
{
	int up[2], st, seen = 0;
	int64_t until;
	char c;
	pid_t child;

	assert_int_equal(pipe(up), 0);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_CHILD_SUBREAPER, 1);
		sleeper();
		if (fork() == 0) {
			setsid();
			if (fork() == 0) {
				prctl(PR_SET_NAME, "grandchild");
				if (write(up[1], "x", 1) == 1)
					pause();
				_exit(0);
			}
			pause();
		}
		while (wait(&st) > 0)
			seen += WIFSIGNALED(st) && WTERMSIG(st) == SIGTERM;
		_exit(seen);
	}
	assert_int_equal(read(up[0], &c, 1), 1);
	assert_int_equal(proc_signal_descendants(child, 0), 3);
	assert_int_equal(proc_signal_descendants(child, SIGTERM), 3);
	until = clock_mono_ms() + 10000;
	while (waitpid(child, &st, WNOHANG) == 0 && clock_mono_ms() < until)
		usleep(1000);
	assert_true(WIFEXITED(st));
	assert_int_equal(WEXITSTATUS(st), 3);
	close(up[0]);
	close(up[1]);
}

static void
marks(void **state)
{
	struct proc_stat st, own;
	int up[2], status;
	char c;
	pid_t pid;

	assert_int_equal(pipe(up), 0);
	pid = fork();
	if (pid == 0) {
		char *env[] = { strdup("A=1"), strdup("PJ_RUN=12.3"), NULL };

		setsid();
		dup2(up[1], STDOUT_FILENO);
		execle("/bin/sh", "sh", "-c", "echo; exec sleep 60", (char *)NULL, env);
		_exit(127);
	}
	assert_int_equal(read(up[0], &c, 1), 1);
	assert_int_equal(proc_stat(pid, &st), 0);
	assert_int_equal(proc_stat(getpid(), &own), 0);
	for (int i = 0; i < 5000 && !proc_has_env(pid, "A=1"); i++) /* in the middle of exec it has none */
		usleep(1000);
	assert_true(proc_has_env(pid, "PJ_RUN=12.3"));
	assert_true(proc_has_env(pid, "A=1"));
	assert_false(proc_has_env(pid, "PJ_RUN=12."));
	assert_false(proc_has_env(pid, "PJ_RUN=12.34"));
	assert_false(proc_has_env(pid, "RUN=12.3"));
	assert_int_equal(proc_signal_marked("PJ_RUN=12.4", 0, 0, 0), 0);
	assert_int_equal(proc_signal_marked("PJ_RUN=12.3", 0, st.id.start + 1, 0), 0);
	assert_int_equal(proc_signal_marked("PJ_RUN=12.4", pid, st.id.start, 0), 1);
	assert_int_equal(proc_signal_marked("PJ_RUN=12.3", 0, own.id.start, SIGKILL), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	close(up[0]);
	close(up[1]);
}

static bool
count_two(const struct proc_stat *st, void *arg)
{
	return ++*(int *)arg < 2;
}

static void
each_can_stop(void **state)
{
	int n = 0;

	assert_int_equal(proc_each(count_two, &n), 0);
	assert_true(n == 2 || n == 1);
}

static void
close_all_but(void **state)
{
	int st;
	pid_t pid = fork();

	if (pid == 0) {
		int keep[] = { 900, 12, 700 };
		bool good = true;

		for (int fd = 10; fd < 15; fd++)
			dup2(2, fd);
		dup2(2, 700);
		dup2(2, 701);
		dup2(2, 900);
		proc_close_fds(11, keep, 3);
		for (int fd = 10; fd < 1000; fd++)
			good = good && (fcntl(fd, F_GETFD) >= 0) == (fd == 10 || fd == 12 || fd == 700 || fd == 900);
		_exit(good ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &st, 0), pid);
	assert_int_equal(st, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identity), cmocka_unit_test(a_recycled_pid_is_someone_else),
		cmocka_unit_test(descendants), cmocka_unit_test(marks), cmocka_unit_test(each_can_stop),
		cmocka_unit_test(close_all_but),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

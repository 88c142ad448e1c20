/* The loop under clocks of its own: what a turn is, what a failed commit does, what a jump and a stall are. */
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/clock.h"

static int64_t wall_offset, boot_offset, mono_offset;

static int64_t
test_wall_ms(void)
{
	return clock_wall_ms() + wall_offset;
}

static int64_t
test_mono_ms(void)
{
	return clock_mono_ms() + mono_offset;
}

static int64_t
test_boot_ms(void)
{
	return clock_boot_ms() + mono_offset + boot_offset;
}

static struct now
test_now(void)
{
	return (struct now){ .at_ms = test_wall_ms(), .mono_ms = test_mono_ms() };
}

#define clock_wall_ms test_wall_ms
#define clock_mono_ms test_mono_ms
#define clock_boot_ms test_boot_ms
#define clock_now test_now
#include "../../lib/net/loop.c"
#undef clock_wall_ms
#undef clock_mono_ms
#undef clock_boot_ms
#undef clock_now

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct seen {
	struct loop *l;
	int commits, fail_next;
	int64_t jump, stall;
	int jumps, stalls;
	char order[256];
	int64_t fired_at;
	int reads;
};

static void
note(struct seen *s, const char *what)
{
	strncat(s->order, what, sizeof s->order - strlen(s->order) - 1);
}

static int
commit(void *arg, struct err *e)
{
	struct seen *s = arg;

	s->commits++;
	note(s, "C");
	return s->fail_next-- > 0 ? err_set(e, ERR_IO, "no") : 0;
}

static void
jumped(void *arg, int64_t delta_ms)
{
	struct seen *s = arg;

	s->jumps++;
	s->jump = delta_ms;
	note(s, "J");
}

static void
stalled(void *arg, int64_t stall_ms)
{
	struct seen *s = arg;

	s->stalls++;
	s->stall = stall_ms;
	note(s, "S");
}

static const struct loop_ops ops = { .commit = commit, .clock_jumped = jumped, .stalled = stalled };

static int
setup(void **state)
{
	struct seen *s = calloc(1, sizeof *s);

	log_init("test", LOG_ERROR_ + 1);
	wall_offset = boot_offset = mono_offset = 0;
	s->l = loop_new(NULL);
	assert_non_null(s->l);
	loop_set_ops(s->l, &ops, s);
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct seen *s = *state;

	loop_free(s->l);
	free(s);
	return 0;
}

static void
stop(void *arg)
{
	struct seen *s = arg;

	note(s, "x");
	loop_stop(s->l);
}

static void
run_for(struct seen *s, int ms)
{
	struct loop_timer *t = loop_timer_new(s->l, stop, s);
	struct err e = ERR_INIT;

	loop_timer_set(t, ms);
	assert_int_equal(loop_run(s->l, &e), 0);
	loop_timer_free(t);
}

static void
third(void *arg, const struct err *failed)
{
	note(arg, failed == NULL ? "3" : "c");
}

static void
first(void *arg, const struct err *failed)
{
	struct seen *s = arg;

	note(s, failed == NULL ? "1" : "a");
	assert_int_equal(loop_release(s->l, third, s), 0);
}

static void
second(void *arg, const struct err *failed)
{
	note(arg, failed == NULL ? "2" : "b");
}

static void
two_releases(void *arg)
{
	struct seen *s = arg;

	note(s, "e");
	assert_int_equal(loop_release(s->l, first, s), 0);
	assert_int_equal(loop_release(s->l, second, s), 0);
}

static void
test_turn(void **state)
{
	struct seen *s = *state;
	struct loop_timer *t = loop_timer_new(s->l, two_releases, s);

	loop_timer_set(t, 0);
	run_for(s, 60);
	assert_string_equal(s->order, "eC123xC");
	loop_timer_free(t);
}

static void
test_failed_commit(void **state)
{
	struct seen *s = *state;
	struct loop_timer *t = loop_timer_new(s->l, two_releases, s);
	int64_t start = clock_mono_ms();

	s->fail_next = 1;
	loop_timer_set(t, 0);
	run_for(s, 2);
	assert_string_equal(s->order, "eCabcxC");
	assert_true(clock_mono_ms() - start >= BACKOFF_LEAST_MS);
	loop_timer_free(t);
}

static void
busy(void *arg)
{
	struct seen *s = arg;

	s->reads++;
	note(s, "b");
}

static void
test_back_off_grows(void **state)
{
	struct seen *s = *state;
	struct loop_timer *t[5];
	int64_t start = clock_mono_ms();

	s->fail_next = 5;
	for (int i = 0; i < 5; i++) {
		t[i] = loop_timer_new(s->l, busy, s);
		loop_timer_set(t[i], i);
	}
	for (int i = 0; i < 5 && s->commits < 5; i++)
		run_for(s, 0);
	assert_true(s->commits >= 5);
	assert_true(clock_mono_ms() - start >= 10 + 20 + 40 + 80);
	assert_int_equal(s->l->backoff_ms, s->fail_next < 0 ? 0 : 160);
	for (int i = 0; i < 5; i++)
		loop_timer_free(t[i]);
}

static void
test_release_before_run(void **state)
{
	struct seen *s = *state;

	assert_int_equal(loop_release(s->l, second, s), 0);
	run_for(s, 0);
	assert_string_equal(s->order, "C2xC");
}

static void
burn(void *arg)
{
	int64_t until = clock_mono_ms() + 8;

	note(arg, "w");
	while (clock_mono_ms() < until)
		;
}

/* A turn ends when its time is over; what was ready as well comes in the next ones. */
static void
test_turn_is_bounded(void **state)
{
	struct seen *s = *state;
	struct loop_timer *t[20];
	struct timespec ts = { .tv_nsec = 5000000 };

	for (int i = 0; i < 20; i++) {
		t[i] = loop_timer_new(s->l, burn, s);
		loop_timer_set(t[i], 0);
	}
	nanosleep(&ts, NULL);
	run_for(s, 300);
	assert_non_null(strstr(s->order, "wwwC"));
	assert_null(strstr(s->order, "wwwwwwwwww"));
	assert_true(s->commits >= 4);
	for (int i = 0; i < 20; i++)
		loop_timer_free(t[i]);
}

static void
fired(void *arg)
{
	struct seen *s = arg;

	note(s, "t");
	s->fired_at = clock_mono_ms();
}

static void
test_timer_is_not_early(void **state)
{
	struct seen *s = *state;
	struct loop_timer *t = loop_timer_new(s->l, fired, s);
	int64_t start;

	for (int i = 1; i < 20; i++) {
		s->fired_at = 0;
		start = clock_mono_ms();
		loop_timer_set(t, i);
		run_for(s, i + 60);
		assert_true(s->fired_at - start >= i);
	}
	loop_timer_set(t, 1);
	loop_timer_clear(t);
	s->order[0] = '\0';
	run_for(s, 40);
	assert_string_equal(s->order, "xC");
	loop_timer_set(t, INT64_MAX); /* far away, not now */
	run_for(s, 5);
	assert_string_equal(s->order, "xCxC");
	loop_timer_free(t);
}

static void
free_itself(void *arg)
{
	struct loop_timer **t = arg;

	loop_timer_free(*t);
	*t = NULL;
}

static void
test_timer_frees_itself(void **state)
{
	struct seen *s = *state;
	struct loop_timer *t;

	t = loop_timer_new(s->l, free_itself, &t);
	loop_timer_set(t, 1);
	run_for(s, 40);
	assert_null(t);
}

static void
test_wall_timer(void **state)
{
	struct seen *s = *state;
	struct loop_timer *t = loop_wall_timer_new(s->l, fired, s);
	int64_t at = clock_wall_ms() + 30;

	loop_wall_timer_set(t, at);
	run_for(s, 200);
	assert_string_equal(s->order, "tCxC");
	assert_true(clock_wall_ms() >= at);
	s->order[0] = '\0';
	loop_wall_timer_set(t, 0); /* long ago */
	run_for(s, 50);
	assert_string_equal(s->order, "tCxC");
	s->order[0] = '\0';
	loop_wall_timer_set(t, INT64_MAX - 1);
	run_for(s, 40);
	loop_wall_timer_set(t, clock_wall_ms() + 5);
	loop_wall_timer_set(t, INT64_MAX);
	run_for(s, 60);
	loop_wall_timer_set(t, clock_wall_ms() + 5);
	loop_timer_clear(t);
	run_for(s, 60);
	assert_string_equal(s->order, "xCxCxC");
	loop_timer_free(t);
}

static void
test_clock_jump(void **state)
{
	struct seen *s = *state;

	wall_offset = 900; /* not worth telling */
	run_for(s, 1);
	wall_offset += 3600000;
	run_for(s, 1);
	assert_int_equal(s->jumps, 1);
	assert_in_range(s->jump, 3600000 - 1000, 3600000 + 1000);
	wall_offset -= 7200000;
	run_for(s, 1);
	run_for(s, 1);
	assert_int_equal(s->jumps, 2);
	assert_true(s->jump <= -7200000 + 5 && s->jump >= -7200000 - 5);
	assert_int_equal(s->stalls, 0);
	assert_non_null(strstr(s->order, "Jx")); /* told before the turn's events */
}

/* The machine slept: wall and boot clocks went on, the monotonic one did not. */
static void
test_suspend(void **state)
{
	struct seen *s = *state;

	run_for(s, 1);
	wall_offset += 60000;
	boot_offset += 60000;
	run_for(s, 1);
	assert_int_equal(s->jumps, 0);
	assert_int_equal(s->stalls, 1);
	assert_in_range(s->stall, 60000 - 5, 65000);
	run_for(s, 1);
	assert_int_equal(s->stalls, 1);
}

/* The process was stopped: its timer is late, and it hears so before the timer's function runs. */
static void
test_stall(void **state)
{
	struct seen *s = *state;
	struct loop_timer *t = loop_timer_new(s->l, fired, s);

	loop_timer_set(t, 5);
	mono_offset += 10000;
	wall_offset += 10000;
	run_for(s, 60);
	assert_int_equal(s->stalls, 1);
	assert_in_range(s->stall, 9000, 15000); /* what the machine itself was late is in it */
	assert_int_equal(s->jumps, 0);
	assert_true(strncmp(s->order, "St", 2) == 0);
	loop_timer_free(t);
}

static void
long_work(void *arg)
{
	mono_offset += 5000;
	wall_offset += 5000;
}

static void
test_long_turn_is_a_stall(void **state)
{
	struct seen *s = *state;
	struct loop_timer *t = loop_timer_new(s->l, long_work, s);

	loop_timer_set(t, 0);
	run_for(s, 5020);
	assert_int_equal(s->stalls, 1);
	assert_in_range(s->stall, 4900, 10000);
	loop_timer_free(t);
}

/* To wait long is no stall. */
static void
test_wait_is_no_stall(void **state)
{
	struct seen *s = *state;

	run_for(s, 1300);
	run_for(s, 40);
	assert_int_equal(s->stalls, 0);
}

static void
readable(int fd, int what, void *arg)
{
	struct seen *s = arg;
	char c;

	assert_int_equal(what, LOOP_READ);
	if (read(fd, &c, 1) == 1)
		note(s, "r");
	s->reads++;
}

static void
test_watch(void **state)
{
	struct seen *s = *state;
	struct loop_watch *w;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	w = loop_watch_new(s->l, fds[0], LOOP_READ, readable, s);
	assert_int_equal(write(fds[1], "ab", 2), 2);
	run_for(s, 40);
	assert_string_equal(s->order, "rCrCxC");
	loop_watch_set(w, 0);
	assert_int_equal(write(fds[1], "c", 1), 1);
	run_for(s, 40);
	assert_string_equal(s->order, "rCrCxCxC");
	loop_watch_kick(w);
	run_for(s, 40);
	assert_string_equal(s->order, "rCrCxCxCrCxC");
	loop_watch_kick(w);
	loop_watch_free(w); /* what was asked for is forgotten */
	s->reads = 0;
	run_for(s, 40);
	assert_int_equal(s->reads, 0);
	assert_int_equal(write(fds[1], "d", 1), 1); /* the descriptor is still the caller's */
	close(fds[0]);
	close(fds[1]);
}

static void
writable(int fd, int what, void *arg)
{
	struct loop_watch **w = arg;

	assert_int_equal(what, LOOP_WRITE);
	loop_watch_free(*w);
	*w = NULL;
}

static void
test_watch_frees_itself(void **state)
{
	struct seen *s = *state;
	struct loop_watch *w;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	w = loop_watch_new(s->l, fds[0], LOOP_WRITE, writable, &w);
	run_for(s, 40);
	assert_null(w);
	close(fds[0]);
	close(fds[1]);
}

static void
signalled(int signo, void *arg)
{
	note(arg, signo == SIGUSR1 ? "1" : "2");
}

static void
raise_it(void *arg)
{
	kill(getpid(), SIGUSR1);
}

static void
test_signal(void **state)
{
	struct seen *s = *state;
	struct loop_timer *t = loop_timer_new(s->l, raise_it, s);

	assert_int_equal(loop_signal(s->l, SIGUSR1, signalled, s), 0);
	assert_int_equal(loop_signal(s->l, SIGUSR2, signalled, s), 0);
	kill(getpid(), SIGUSR2);
	loop_timer_set(t, 5);
	run_for(s, 30);
	assert_non_null(strchr(s->order, '1'));
	assert_non_null(strchr(s->order, '2'));
	kill(getpid(), SIGPIPE); /* must not end us */
	loop_timer_free(t);
}

static void
hear_notify(struct sockaddr_un *sa, socklen_t len, const char *env)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	char text[64];
	ssize_t n;

	assert_int_equal(bind(fd, (struct sockaddr *)sa, len), 0);
	setenv("NOTIFY_SOCKET", env, 1);
	loop_notify("READY=1");
	n = recv(fd, text, sizeof text, 0);
	assert_int_equal(n, 7);
	assert_memory_equal(text, "READY=1", 7);
	unsetenv("NOTIFY_SOCKET");
	loop_notify("READY=1");
	close(fd);
}

static void
test_notify(void **state)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char name[40];

	snprintf(name, sizeof name, "/tmp/pj-test-notify.%d", (int)getpid());
	strcpy(sa.sun_path, name);
	hear_notify(&sa, sizeof sa, name);
	unlink(name);
	name[0] = '@';
	sa.sun_path[0] = '\0';
	hear_notify(&sa, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name)), name);
	setenv("NOTIFY_SOCKET", "relative", 1);
	loop_notify("READY=1");
	unsetenv("NOTIFY_SOCKET");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { T(test_turn), T(test_failed_commit), T(test_back_off_grows),
		T(test_release_before_run), T(test_turn_is_bounded), T(test_timer_is_not_early),
		T(test_timer_frees_itself), T(test_wall_timer), T(test_clock_jump), T(test_suspend), T(test_stall),
		T(test_long_turn_is_a_stall), T(test_wait_is_no_stall), T(test_watch), T(test_watch_frees_itself),
		T(test_signal), T(test_notify) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

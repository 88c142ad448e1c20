/* lib/codec/slot: there and back, damage, lock, a writer beside a reader. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "codec/slot.h"

static char dir[] = "/tmp/pj-test-slot-XXXXXX";
static char path[64];

static int
setup(void **state)
{
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/0.slot", dir);
	return 0;
}

static int
teardown(void **state)
{
	unlink(path);
	return rmdir(dir);
}

static int
fresh(void)
{
	struct err e = ERR_INIT;
	int fd;

	unlink(path);
	fd = slot_open(path, &e);
	assert_true(fd >= 0);
	return fd;
}

static struct slot
example(void)
{
	struct slot s = {
		.seq = 7, .state = SLOT_FINISHED, .instance_id = 795500000000000001, .attempt = 3,
		.boot_id = "0b1c2d3e-0000-4444-8888-123456789abc", .run = { 100, 12345 }, .job = { 101, 12346 },
		.started_at_ms = 1795255323456, .finished_at_ms = 1795255324456, .heartbeat_boot_ms = 99,
		.end = SLOT_END_TIMEOUT, .exit_code = -1, .signal = 9, .user_us = 1, .system_us = 2, .max_rss_kib = 3,
		.log_length = 4, .log_dropped = 5, .wf_context = "a=1\nb=2\n",
	};

	snprintf(s.result, sizeof s.result, "first\nsecond \\ third");
	return s;
}

static void
empty_files(void **state)
{
	struct err e = ERR_INIT;
	struct slot got;
	struct stat st;
	int fd = fresh();

	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, SLOT_SIZE);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(slot_read(fd, &got, &e), 0);
	assert_int_equal(got.state, SLOT_EMPTY);
	assert_int_equal(got.seq, 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(slot_read(fd, &got, &e), 0);
	assert_int_equal(got.state, SLOT_EMPTY);
	close(fd);
}

static void
round_trip(void **state)
{
	struct slot s = example(), got;
	struct err e = ERR_INIT;
	char text[64];
	int fd = fresh();

	assert_int_equal(slot_write(fd, &s, &e), 0);
	memset(&got, 0x55, sizeof got);
	assert_int_equal(slot_read(fd, &got, &e), 0);
	assert_int_equal(got.seq, 7);
	assert_int_equal(got.state, SLOT_FINISHED);
	assert_true(got.instance_id == s.instance_id && got.attempt == 3);
	assert_string_equal(got.boot_id, s.boot_id);
	assert_true(got.run.pid == 100 && got.run.start == 12345 && got.job.pid == 101 && got.job.start == 12346);
	assert_true(got.started_at_ms == s.started_at_ms && got.finished_at_ms == s.finished_at_ms);
	assert_true(got.heartbeat_boot_ms == 99 && got.end == SLOT_END_TIMEOUT && got.exit_code == -1);
	assert_true(got.signal == 9 && got.user_us == 1 && got.system_us == 2 && got.max_rss_kib == 3);
	assert_true(got.log_length == 4 && got.log_dropped == 5);
	assert_string_equal(got.wf_context, s.wf_context);
	assert_string_equal(got.result, s.result);
	assert_int_equal(pread(fd, text, 14, 0), 14);
	assert_memory_equal(text, "pj-slot 1\nsum=", 14);
	close(fd);
}

/* Whatever is in it, the largest record fits the file, and what is cut is cut between characters. */
static void
the_largest(void **state)
{
	static const char *const fill[] = { "x", "\n", "\xc3\xa4" };
	struct slot s = example(), got;
	struct err e = ERR_INIT;
	int fd = fresh();

	for (size_t f = 0; f < 3; f++) {
		size_t n = strlen(fill[f]);

		for (size_t i = 0; i + n < sizeof s.wf_context; i += n)
			memcpy(s.wf_context + i, fill[f], n + 1);
		for (size_t i = 0; i + n < sizeof s.result; i += n)
			memcpy(s.result + i, fill[f], n + 1);
		assert_int_equal(slot_write(fd, &s, &e), 0);
		assert_int_equal(slot_read(fd, &got, &e), 0);
		assert_string_equal(got.wf_context, s.wf_context);
		if (f != 1) {
			assert_string_equal(got.result, s.result);
			continue;
		}
		assert_true(strlen(got.result) > 3000);
		assert_memory_equal(got.result, s.result, strlen(got.result) - 3);
		assert_string_equal(got.result + strlen(got.result) - 3, "...");
	}
	close(fd);
}

static void
damage(void **state)
{
	struct slot s = example(), got;
	struct err e = ERR_INIT;
	int fd = fresh();

	assert_int_equal(slot_write(fd, &s, &e), 0);
	assert_int_equal(pwrite(fd, "#", 1, 60), 1);
	assert_int_equal(slot_read(fd, &got, &e), -1);
	assert_int_equal(e.code, ERR_DATA);
	assert_int_equal(pwrite(fd, "pj-slot 2\n", 10, 0), 10);
	assert_int_equal(slot_read(fd, &got, &e), -1);
	assert_int_equal(e.code, ERR_DATA);
	assert_non_null(strstr(e.msg, "version 2"));
	assert_int_equal(pwrite(fd, "something ", 10, 0), 10);
	assert_int_equal(slot_read(fd, &got, &e), -1);
	assert_int_equal(e.code, ERR_DATA);
	assert_int_equal(slot_write(fd, &s, &e), 0);
	assert_int_equal(ftruncate(fd, 100), 0);
	assert_int_equal(slot_read(fd, &got, &e), -1);
	assert_int_equal(e.code, ERR_DATA);
	close(fd);
}

static void
lock(void **state)
{
	struct err e = ERR_INIT;
	int fd = fresh(), up[2], st;
	char c;
	pid_t pid;

	assert_int_equal(slot_holder(fd), 0);
	assert_int_equal(pipe(up), 0);
	pid = fork();
	if (pid == 0) {
		int own = slot_open(path, NULL);

		c = slot_lock(own, 0, NULL) == 0 ? 'y' : 'n';
		if (write(up[1], &c, 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(up[0], &c, 1), 1);
	assert_int_equal(c, 'y');
	assert_int_equal(slot_holder(fd), pid);
	assert_int_equal(slot_lock(fd, 20, &e), -1);
	assert_int_equal(e.code, ERR_BUSY);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &st, 0), pid);
	assert_int_equal(slot_holder(fd), 0);
	assert_int_equal(slot_lock(fd, 0, &e), 0);
	close(up[0]);
	close(up[1]);
	close(fd);
}

static void
write_until_killed(void)
{
	int fd = slot_open(path, NULL);
	struct slot s = example();

	for (;; s.seq++) {
		/* Short records between long ones, as a run's are. */
		s.result[0] = '\0';
		slot_write(fd, &s, NULL);
		memset(s.result, 'a' + (int)(s.seq % 20), LIMIT_RESULT);
		s.result[LIMIT_RESULT] = '\0';
		slot_write(fd, &s, NULL);
	}
}

/* A reader never sees a mix, and a kill -9 of the writer never leaves one. */
static void
torn_writes(void **state)
{
	struct err e = ERR_INIT;
	struct slot got;
	int fd = fresh(), st;

	for (int round = 0; round < 40; round++) {
		int64_t until = clock_mono_ms() + round % 7;
		pid_t pid = fork();

		if (pid == 0)
			write_until_killed();
		do {
			assert_int_equal(slot_read(fd, &got, &e), 0);
			if (got.result[0] != '\0')
				assert_int_equal(got.result[0], 'a' + (int)(got.seq % 20));
		} while (clock_mono_ms() < until);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &st, 0), pid);
		assert_int_equal(slot_read(fd, &got, &e), 0);
	}
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_files), cmocka_unit_test(round_trip), cmocka_unit_test(the_largest),
		cmocka_unit_test(damage), cmocka_unit_test(lock), cmocka_unit_test(torn_writes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

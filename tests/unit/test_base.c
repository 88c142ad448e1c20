#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/id.h"
#include "base/log.h"

/* --- err ------------------------------------------------------------------------------------------------------- */

static void
err_carries_code_and_one_line(void **state)
{
	struct err e = ERR_INIT;
	char huge[2 * ERR_MSG_SIZE];

	assert_int_equal(err_set(&e, ERR_NOTFOUND, "no job %s", "x"), -1);
	assert_int_equal(e.code, ERR_NOTFOUND);
	assert_string_equal(e.msg, "no job x");
	assert_int_equal(err_prefix(&e, "app %d", 3), -1);
	assert_string_equal(e.msg, "app 3: no job x");
	assert_int_equal(err_sys(&e, ERR_IO, 2, "cannot open %s", "/x"), -1);
	assert_string_equal(e.msg, "cannot open /x: No such file or directory");
	memset(huge, 'x', sizeof huge - 1);
	huge[sizeof huge - 1] = '\0';
	err_sys(&e, ERR_IO, 2, "%s", huge);
	assert_int_equal(strlen(e.msg), ERR_MSG_SIZE - 1);
	err_prefix(&e, "%s", huge);
	assert_int_equal(strlen(e.msg), ERR_MSG_SIZE - 1);
	err_set(&e, ERR_DATA, "'%s' and '%.4s'", "a\nb\x7f\xff \xc3\xa4\xed\xa0\x80", "abc\xc3\xa4");
	assert_string_equal(e.msg, "'a?b?" "? \xc3\xa4?" "?" "?' and 'abc?'");
	err_clear(&e);
	assert_int_equal(e.code, ERR_NONE);
	assert_int_equal(err_set(NULL, ERR_IO, "nobody asks"), -1);
	err_prefix(NULL, "x");
	err_clear(NULL);
}

static void
every_code_has_its_three_answers(void **state)
{
	assert_int_equal(err_http_status(ERR_NONE), 200);
	assert_int_equal(err_exit_code(ERR_NONE), 0);
	for (unsigned c = ERR_NONE + 1; c < ERR_CODES_; c++) {
		enum err_code code = (enum err_code)c;

		assert_in_range(err_http_status(code), 400, 504);
		assert_true(err_exit_code(code) == 1 || err_exit_code(code) == 124 ||
		    (err_exit_code(code) >= 64 && err_exit_code(code) <= 78));
		assert_int_equal(err_from_name(err_name(code)), code);
		/* 503 says "try again" to every client: the code must say the same. */
		if (err_http_status(code) == 503)
			assert_true(err_is_temporary(code));
	}
	assert_int_equal(err_from_name("no such word"), ERR_INTERNAL);
	assert_int_equal(err_http_status((enum err_code)999), 500);
	assert_false(err_is_temporary(ERR_DATA));
}

/* --- buf ------------------------------------------------------------------------------------------------------- */

static void
buf_grows_and_keeps_a_nul(void **state)
{
	struct buf b = BUF_INIT;
	size_t len;
	char *taken;

	assert_string_equal(buf_str(&b), "");
	for (int i = 0; i < 1000; i++) {
		buf_addf(&b, "%d,", i);
		assert_int_equal(strlen(b.data), b.len);
	}
	assert_int_equal(b.len, 10 * 2 + 90 * 3 + 900 * 4);
	buf_drop(&b, 4);
	assert_int_equal(strncmp(buf_str(&b), "2,3,", 4), 0);
	buf_drop(&b, (size_t)-1);
	assert_int_equal(b.len, 0);
	assert_string_equal(buf_str(&b), "");
	buf_add(&b, "a\0b", 3);
	buf_addc(&b, 'c');
	buf_adds(&b, "");
	taken = buf_take(&b, &len);
	assert_int_equal(len, 4);
	assert_memory_equal(taken, "a\0bc", 5);
	free(taken);
	taken = buf_take(&b, NULL); /* of nothing: an empty text, not NULL */
	assert_string_equal(taken, "");
	free(taken);
	buf_fini(&b);
}

static void
buf_formats_around_its_first_guess(void **state)
{
	char want[200];

	for (size_t n = 60; n < 70; n++) {
		struct buf b = BUF_INIT;

		memset(want, 'x', n);
		want[n] = '\0';
		buf_addf(&b, "%s", want);
		assert_string_equal(buf_str(&b), want);
		assert_int_equal(b.len, n);
		buf_fini(&b);
	}
}

static void
buf_failure_sticks(void **state)
{
	struct buf b = BUF_INIT;

	buf_adds(&b, "kept");
	assert_null(buf_room(&b, (size_t)-1 / 2));
	buf_adds(&b, "more");
	assert_false(buf_ok(&b));
	assert_string_equal(buf_str(&b), "kept");
	buf_clear(&b);
	assert_true(buf_ok(&b));
	buf_adds(&b, "again");
	assert_string_equal(buf_str(&b), "again");
	b.failed = true;
	assert_null(buf_take(&b, NULL));
	assert_null(b.data);
}

/* --- file ------------------------------------------------------------------------------------------------------ */

static char dir[] = "/tmp/pj-base-XXXXXX";

static const char *
in_dir(const char *name)
{
	static char ring[4][128];
	static unsigned next;
	char *path = ring[next++ % 4];

	snprintf(path, sizeof ring[0], "%s/%s", dir, name);
	return path;
}

static int
make_dir(void **state)
{
	memcpy(dir + sizeof dir - 7, "XXXXXX", 6);
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int
remove_dir(void **state)
{
	static const char *const left[] = { "a", "b", "lock", "x/y/z", "x/y", "x", "fifo" };

	for (size_t i = 0; i < sizeof left / sizeof left[0]; i++)
		remove(in_dir(left[i]));
	return rmdir(dir); /* fails when a temporary file was left behind */
}

static void
files_are_read_whole_or_not(void **state)
{
	struct err e = ERR_INIT;
	struct buf b = BUF_INIT;
	char big[10000];

	memset(big, 'z', sizeof big);
	assert_int_equal(file_replace(in_dir("a"), big, sizeof big, 0600, &e), 0);
	buf_adds(&b, "before");
	assert_int_equal(file_read(in_dir("a"), sizeof big, &b, &e), 0);
	assert_int_equal(b.len, 6 + sizeof big);
	assert_int_equal(b.data[b.len], '\0');
	buf_clear(&b);
	assert_int_equal(file_read(in_dir("a"), sizeof big - 1, &b, &e), -1);
	assert_int_equal(e.code, ERR_TOOBIG);
	assert_int_equal(file_read(in_dir("no"), 10, &b, &e), -1);
	assert_int_equal(e.code, ERR_NOTFOUND);
	assert_non_null(strstr(e.msg, in_dir("no")));
	assert_int_equal(file_read(dir, 10, &b, &e), -1);
	assert_int_equal(e.code, ERR_IO);
	buf_fini(&b);
}

static void
files_are_replaced_with_their_mode(void **state)
{
	struct err e = ERR_INIT;
	struct buf b = BUF_INIT;
	struct stat st;

	assert_int_equal(file_replace_fast(in_dir("a"), "one", 3, 0600, &e), 0);
	assert_int_equal(file_replace(in_dir("a"), "two!", 4, 0640, &e), 0);
	assert_int_equal(stat(in_dir("a"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(file_read(in_dir("a"), 10, &b, &e), 0);
	assert_string_equal(buf_str(&b), "two!");
	assert_int_equal(file_replace(in_dir("no/such"), "x", 1, 0600, &e), -1);
	assert_int_equal(e.code, ERR_IO);
	buf_fini(&b);
}

static void
the_first_creator_wins(void **state)
{
	struct err e = ERR_INIT;
	struct buf b = BUF_INIT;

	assert_int_equal(file_create_once(in_dir("a"), "first", 5, 0600, &e), 0);
	assert_int_equal(file_create_once(in_dir("a"), "second", 6, 0600, &e), 1);
	assert_int_equal(file_read(in_dir("a"), 10, &b, &e), 0);
	assert_string_equal(buf_str(&b), "first");
	assert_int_equal(file_create_once(in_dir("no/such"), "x", 1, 0600, &e), -1);
	buf_fini(&b);
}

static void
directories_are_made_with_their_parents(void **state)
{
	struct err e = ERR_INIT;
	struct stat st;

	assert_int_equal(file_mkdirs(in_dir("x/y/z"), &e), 0);
	assert_int_equal(file_mkdirs(in_dir("x/y/z"), &e), 0);
	assert_int_equal(stat(in_dir("x/y"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(file_replace_fast(in_dir("a"), "", 0, 0600, &e), 0);
	assert_int_equal(file_mkdirs(in_dir("a/b"), &e), -1);
	assert_non_null(strstr(e.msg, "cannot make directory"));
}

/* Another process holds the lock: ours says who; after that one's death the lock is free. */
static void
a_lock_names_its_holder(void **state)
{
	struct err e = ERR_INIT;
	char pid[32];
	int ready[2], fd;
	pid_t child;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		fd = file_lock(in_dir("lock"), NULL);
		if (fd < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], pid, 1), 1);
	assert_int_equal(file_lock(in_dir("lock"), &e), -1);
	assert_int_equal(e.code, ERR_BUSY);
	snprintf(pid, sizeof pid, "pid %d", (int)child);
	assert_non_null(strstr(e.msg, pid));
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	fd = file_lock(in_dir("lock"), &e);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	close(ready[0]);
	close(ready[1]);
}

static void
paths_that_do_not_fit_are_named(void **state)
{
	struct err e = ERR_INIT;
	char path[8];

	assert_int_equal(file_path(path, sizeof path, &e, "/%s", "123456"), 0);
	assert_int_equal(file_path(path, sizeof path, &e, "/%s", "1234567"), -1);
	assert_int_equal(e.code, ERR_TOOBIG);
}

/* --- id -------------------------------------------------------------------------------------------------------- */

static void
ids_never_repeat(void **state)
{
	struct idgen g;
	int64_t last = 0, at = 1700000000000;

	idgen_init(&g, 3, 0);
	for (int i = 0; i < 1000; i++) {
		/* Many in one millisecond, then the clock goes back a day, then on again. */
		int64_t id = idgen_next(&g, i < 400 ? at : i < 700 ? at - 86400000 : at + i);

		assert_true(id > last);
		assert_int_equal(id >> 6 & ID_SERVER_MAX, 3);
		last = id;
	}
	/* A new start that knows the last one goes on above it, whatever the clock says. */
	idgen_init(&g, 3, last);
	assert_true(idgen_next(&g, at - 86400000) > last);
	last = idgen_next(&g, at);
	assert_true(idgen_next(&g, at + 70LL * 366 * 86400 * 1000) == last + 1); /* behind the last of the ids: borrowed */
	/* Also when another server's number stood in it. */
	idgen_init(&g, 1, last);
	assert_true(idgen_next(&g, at - 86400000) > last);
	idgen_init(&g, 5, last);
	assert_true(idgen_next(&g, 0) > last);
}

static void
an_id_knows_its_time(void **state)
{
	struct idgen g;

	idgen_init(&g, ID_SERVER_MAX, 0);
	assert_true(id_ms(idgen_next(&g, 1763719323456)) == 1763719323456);
	idgen_init(&g, 0, 0);
	assert_true(idgen_next(&g, 0) > 0); /* a clock before the epoch of ids */
}

/* --- log ------------------------------------------------------------------------------------------------------- */

static void
values_are_quoted_when_they_must_be(void **state)
{
	static const char *const cases[][2] = {
		{ "plain", "plain" }, { "", "\"\"" }, { "a b", "\"a b\"" }, { "a=b", "\"a=b\"" },
		{ "say \"x\"\\", "\"say \\\"x\\\"\\\\\"" }, { "a\nb\x7f", "\"a\\x0ab\\x7f\"" }, { "\xc3\xa9", "\xc3\xa9" },
	};
	char huge[2000];

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(log_q(cases[i][0]), cases[i][1]);
	assert_string_equal(log_q(NULL), "-");
	for (size_t i = 0; i < 2; i++) {
		memset(huge, "x\x01"[i], sizeof huge - 1); /* as it is, and four times as long when quoted */
		huge[sizeof huge - 1] = '\0';
		assert_in_range(strlen(log_q(huge)), 500, 599);
		assert_non_null(strstr(log_q(huge), "...\""));
	}
}

static void
four_quoted_values_live_at_once(void **state)
{
	const char *q[4];
	char want[8];

	for (int i = 0; i < 4; i++) {
		snprintf(want, sizeof want, "%d x", i);
		q[i] = log_q(want);
	}
	assert_string_equal(q[0], "\"0 x\"");
	assert_string_equal(q[3], "\"3 x\"");
}

/* What the function writes to standard error. */
static void
captured(void (*fn)(void), char *out, size_t size)
{
	int p[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	assert_int_equal(pipe(p), 0);
	dup2(p[1], STDERR_FILENO);
	fn();
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(p[1]);
	n = read(p[0], out, size - 1);
	out[n > 0 ? n : 0] = '\0';
	close(p[0]);
}

static void
say_three(void)
{
	log_debug("hidden", "x=%d", 1);
	log_warn("two\nlines", "v=%s", log_q("a\nb"));
	log_info("bare", "%s", "");
}

static void
say_much(void)
{
	static char huge[10000];

	memset(huge, 'y', sizeof huge - 1);
	log_error("huge", "v=%s", huge);
}

static void
an_event_is_one_line(void **state)
{
	char out[8192];

	unsetenv("JOURNAL_STREAM");
	log_init("pj-test", LOG_INFO_);
	captured(say_three, out, sizeof out);
	assert_null(strstr(out, "hidden"));
	assert_non_null(strstr(out, " warn pj-test["));
	assert_non_null(strstr(out, "]: two lines v=\"a\\x0ab\"\n"));
	assert_int_equal(out[10], 'T');
	captured(say_much, out, sizeof out);
	assert_int_equal(out[strlen(out) - 1], '\n');
	assert_in_range(strlen(out), 4000, 4096);

	setenv("JOURNAL_STREAM", "1:2", 1);
	log_init("pj-test", LOG_DEBUG_);
	captured(say_three, out, sizeof out);
	assert_int_equal(strncmp(out, "<7>hidden x=1\n<4>two lines", 25), 0);
	unsetenv("JOURNAL_STREAM");
}

static void
levels_have_names(void **state)
{
	enum log_level l;

	assert_int_equal(log_level_from_name("warn", &l), 0);
	assert_int_equal(l, LOG_WARN_);
	assert_int_equal(log_level_from_name("loud", &l), -1);
}

/* --- clock ----------------------------------------------------------------------------------------------------- */

static void
clocks_go_on(void **state)
{
	int64_t mono = clock_mono_ms(), boot = clock_boot_ms();

	assert_true(clock_wall_ms() > 1600000000000);
	assert_true(boot >= mono);
	usleep(3000);
	assert_true(clock_mono_ms() >= mono + 2);
	assert_int_equal(strlen(clock_boot_id()), 36);
	assert_ptr_equal(clock_boot_id(), clock_boot_id());
}

#define FILE_TEST(fn) cmocka_unit_test_setup_teardown(fn, make_dir, remove_dir)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(err_carries_code_and_one_line),
		cmocka_unit_test(every_code_has_its_three_answers),
		cmocka_unit_test(buf_grows_and_keeps_a_nul),
		cmocka_unit_test(buf_formats_around_its_first_guess),
		cmocka_unit_test(buf_failure_sticks),
		FILE_TEST(files_are_read_whole_or_not),
		FILE_TEST(files_are_replaced_with_their_mode),
		FILE_TEST(the_first_creator_wins),
		FILE_TEST(directories_are_made_with_their_parents),
		FILE_TEST(a_lock_names_its_holder),
		cmocka_unit_test(paths_that_do_not_fit_are_named),
		cmocka_unit_test(ids_never_repeat),
		cmocka_unit_test(an_id_knows_its_time),
		cmocka_unit_test(values_are_quoted_when_they_must_be),
		cmocka_unit_test(four_quoted_values_live_at_once),
		cmocka_unit_test(an_event_is_one_line),
		cmocka_unit_test(levels_have_names),
		cmocka_unit_test(clocks_go_on),
	};

	umask(022); /* modes are looked at */
	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}

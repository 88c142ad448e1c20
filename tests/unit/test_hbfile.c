/* lib/codec/hbfile: written and read back, liveness, other boots, damage. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "codec/hbfile.h"

static char path[] = "/tmp/pj-hbfile-XXXXXX";

static int
make_file(void **state)
{
	(void)state;
	return mkstemp(path) >= 0 ? 0 : -1;
}

static int
remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static void
there_and_back(void **state)
{
	struct err e = ERR_INIT;
	struct hbfile in, out;

	(void)state;
	assert_int_equal(hbfile_init(&in, "pj-test", 5000, &e), 0);
	memset(in.state, 0, sizeof in.state); /* "starting" */
	snprintf(in.state, sizeof in.state, "ok");
	snprintf(in.note, sizeof in.note, "two\nlines \\ and = signs");
	hbfile_assignment(in.assignment, "an app", "root = /x\n");
	in.supervised = true;
	assert_int_equal(hbfile_write(path, &in, &e), 0);
	assert_int_equal(hbfile_read(path, &out, &e), 0);
	assert_memory_equal(&in, &out, sizeof in);
	assert_int_equal(out.id.pid, getpid());
	assert_true(hbfile_alive(&out));
	assert_true(hbfile_age_ms(&out) >= 0 && hbfile_age_ms(&out) < 60000);
}

static void
not_alive(void **state)
{
	struct err e = ERR_INIT;
	struct hbfile h;
	pid_t pid;

	(void)state;
	assert_int_equal(hbfile_init(&h, "pj-test", 5000, &e), 0);
	h.id.start++; /* the same pid, another process */
	assert_false(hbfile_alive(&h));
	h.id.start--;
	assert_true(hbfile_alive(&h));
	snprintf(h.boot_id, sizeof h.boot_id, "of another boot");
	assert_false(hbfile_alive(&h));
	assert_true(hbfile_age_ms(&h) == INT64_MAX);
	assert_int_equal(hbfile_init(&h, "pj-test", 5000, &e), 0);
	if ((pid = fork()) == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	h.id.pid = pid;
	assert_false(hbfile_alive(&h));
}

static void
damage(void **state)
{
	static const struct {
		const char *text;
		enum err_code code;
	} bad[] = { { "", ERR_DATA }, { "nonsense", ERR_DATA }, { "pj_heartbeat=2\npid=1\n", ERR_DATA }, { "a=\\", ERR_DATA } };
	struct err e = ERR_INIT;
	struct hbfile h;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(file_replace_fast(path, bad[i].text, strlen(bad[i].text), 0600, &e), 0);
		assert_int_equal(hbfile_read(path, &h, &e), -1);
		assert_int_equal(e.code, bad[i].code);
		assert_non_null(strstr(e.msg, path));
		assert_int_equal(h.id.pid, 0);
	}
	assert_int_equal(hbfile_read("/nowhere/at/all.hb", &h, &e), -1);
	assert_int_equal(e.code, ERR_NOTFOUND);
}

static void
assignments(void **state)
{
	char a[160], b[160], c[160];

	(void)state;
	hbfile_assignment(a, "app", "x = 1\n");
	hbfile_assignment(b, "app", "x = 1\n");
	hbfile_assignment(c, "app", "x = 2\n");
	assert_string_equal(a, b);
	assert_string_not_equal(a, c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(not_alive),
		cmocka_unit_test(damage),
		cmocka_unit_test(assignments),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}

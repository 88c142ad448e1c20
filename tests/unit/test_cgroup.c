/* lib/base/cgroup: limits of v2 and v1 trees, made in a temporary directory. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cgroup.h"
#include "base/file.h"

static char root[] = "/tmp/pj-cgroup-XXXXXX";

static void
put(const char *dir, const char *name, const char *text)
{
	char path[512];

	snprintf(path, sizeof path, "%s%s", root, dir);
	assert_int_equal(file_mkdirs(path, NULL), 0);
	snprintf(path, sizeof path, "%s%s/%s", root, dir, name);
	assert_int_equal(file_replace_fast(path, text, strlen(text), 0600, NULL), 0);
}

static int
make_root(void **state)
{
	(void)state;
	return mkdtemp(root) != NULL ? 0 : -1;
}

static int
remove_root(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", root);
	return system(command);
}

static void
v2(void **state)
{
	double used = 0, max = 0;

	(void)state;
	put("/a/b", "memory.max", "max\n");
	put("/a", "memory.max", "max\n");
	assert_false(cgroup_memory(root, "0::/a/b\n", &used, &max));
	put("/a", "memory.max", "1000000\n");
	put("/a", "memory.current", "600000\n");
	put("/a", "memory.stat", "anon 1\ninactive_file 100000\nactive_file 5\n");
	assert_true(cgroup_memory(root, "0::/a/b\n", &used, &max));
	assert_true(max > 999999 && max < 1000001);
	assert_true(used > 499999 && used < 500001);
	/* The smallest on the way up counts. */
	put("/a/b", "memory.max", "400000\n");
	put("/a/b", "memory.current", "1\n");
	assert_true(cgroup_memory(root, "0::/a/b", &used, &max));
	assert_true(max < 400001 && used < 2);
	/* A container sees its own group as the root. */
	put("", "memory.max", "300000\n");
	assert_true(cgroup_memory(root, "0::/\n", &used, &max));
	assert_true(max < 300001);
}

static void
v1(void **state)
{
	double used = 0, max = 0;

	(void)state;
	put("/memory/j", "memory.limit_in_bytes", "9223372036854771712\n");
	assert_false(cgroup_memory(root, "5:cpu:/j\n4:memory:/j\n", &used, &max));
	put("/memory/j", "memory.limit_in_bytes", "2000\n");
	put("/memory/j", "memory.usage_in_bytes", "1500\n");
	put("/memory/j", "memory.stat", "total_inactive_file 500\n");
	assert_true(cgroup_memory(root, "5:cpu:/j\n4:memory:/j\n", &used, &max));
	assert_true(max > 1999 && max < 2001 && used > 999 && used < 1001);
	assert_false(cgroup_memory(root, "", &used, &max));
	assert_false(cgroup_memory(root, "nonsense\n4:memory:/elsewhere\n", &used, &max));
}

static void
values(void **state)
{
	(void)state;
	assert_true(cgroup_value("MemTotal:   16 kB\nMemAvailable: 7 kB\n", "MemAvailable") > 6.9);
	assert_true(cgroup_value("abc 1\nab 2\n", "ab") > 1.9);
	assert_true(cgroup_value("abc 1", "x") < 0.1);
	assert_true(cgroup_value("", "x") < 0.1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(v1),
		cmocka_unit_test(v2),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}

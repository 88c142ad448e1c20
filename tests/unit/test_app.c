/* Apps and their passwords. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/app.h"
#include "store/instance.h"
#include "store/job.h"

static struct db *db;
static struct err e;

static int
set_up(void **state)
{
	return db_open(&db, ":memory:", DB_OWN, db_migrations_server, &e);
}

static int
tear_down(void **state)
{
	db_close(db);
	return 0;
}

static void
md5_of_a_password(void **state)
{
	char md5[33];

	app_md5hex("pj", md5);
	assert_string_equal(md5, "c983d071bd4bda32ff24c2234d4fc9a4");
}

static void
password_life(void **state)
{
	struct app a, b;
	char md5[33], upper[33];
	int64_t id, other, gen = 0;

	assert_int_equal(app_add(db, "shop", "s3cret", 10, &id, &e), 0);
	assert_int_equal(app_add(db, "bank", "s3cret", 10, &other, &e), 0);
	assert_int_equal(app_get(db, id, &a, &e), 0);
	assert_string_equal(a.name, "shop");
	assert_int_equal(a.password_gen, 1);
	assert_int_equal(strncmp(a.password, "scrypt$", 7), 0);
	assert_null(strstr(a.password, "s3cret"));
	assert_int_equal(app_find(db, "bank", &b, &e), 0);
	assert_int_equal(b.id, other);
	assert_string_not_equal(a.password, b.password); /* each its salt */
	app_md5hex("s3cret", md5);
	assert_int_equal(app_check_md5(&a, md5, &e), 0);
	for (int i = 0; i < 33; i++)
		upper[i] = (char)(md5[i] >= 'a' && md5[i] <= 'f' ? md5[i] - 32 : md5[i]);
	assert_int_equal(app_check_md5(&a, upper, &e), 0);
	md5[0] = md5[0] == '0' ? '1' : '0';
	assert_int_equal(app_check_md5(&a, md5, &e), 1);
	assert_int_equal(app_check_md5(&a, "s3cret", &e), 1);
	assert_int_equal(app_check_md5(&a, "", &e), 1);
	assert_int_equal(app_check_md5(&a, NULL, &e), 1);
	assert_int_equal(app_set_password(db, id, "new", 20, &e), 0);
	assert_int_equal(app_get(db, id, &a, &e), 0);
	assert_int_equal(a.password_gen, 2);
	assert_int_equal(app_password_gen(db, id, &gen, &e), 0);
	assert_int_equal(gen, 2);
	assert_int_equal(app_password_gen(db, 77, &gen, &e), -1);
	assert_int_equal(e.code, ERR_NOTFOUND);
	err_clear(&e);
	assert_int_equal(a.modified_ms, 20);
	app_md5hex("new", md5);
	assert_int_equal(app_check_md5(&a, md5, &e), 0);
	assert_int_equal(app_set_password(db, 99, "new", 20, &e), -1);
	assert_int_equal(e.code, ERR_NOTFOUND);
	assert_int_equal(app_set_password(db, id, "", 20, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
	strcpy(a.password, "scrypt$4096$8$1$zz$");
	assert_int_equal(app_check_md5(&a, md5, &e), -1);
	assert_int_equal(e.code, ERR_DATA);
}

static void
names(void **state)
{
	struct app a;
	int64_t id;
	char longest[LIMIT_NAME + 2];
	const char *bad[] = { "", "two words", "tab\there", "\x01", "del\x7f", NULL };

	for (int i = 0; bad[i] != NULL; i++) {
		assert_int_equal(app_add(db, bad[i], "p", 1, &id, &e), -1);
		assert_int_equal(e.code, ERR_USAGE);
	}
	memset(longest, 'x', sizeof longest);
	longest[LIMIT_NAME + 1] = '\0';
	assert_int_equal(app_add(db, longest, "p", 1, &id, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
	longest[LIMIT_NAME] = '\0';
	assert_int_equal(app_add(db, longest, "p", 1, &id, &e), 0);
	assert_int_equal(app_find(db, longest, &a, &e), 0);
	assert_int_equal(app_add(db, "caf\xc3\xa9", "p", 1, &id, &e), 0);
	assert_int_equal(app_add(db, "caf\xc3\xa9", "p", 1, &id, &e), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
	assert_int_equal(app_find(db, "none", &a, &e), -1);
	assert_int_equal(e.code, ERR_NOTFOUND);
	assert_int_equal(app_get(db, 77, &a, &e), -1);
	assert_int_equal(e.code, ERR_NOTFOUND);
}

static bool
count(const struct app *a, void *arg)
{
	return ++*(int *)arg < 2;
}

static void
removal(void **state)
{
	struct job j = { .status = JOB_ENABLED };
	struct instance i = { .id = 5, .job_id = 1, .job_version = 1, .status = INSTANCE_RUNNING, .due_ms = 1 };
	int64_t id;
	int n = 0;

	assert_int_equal(app_add(db, "a", "p", 1, &id, &e), 0);
	job_spec_init(&j.spec);
	j.app_id = i.app_id = id;
	j.spec.name = strdup("job");
	j.spec.processor_info = strdup("exec");
	assert_int_equal(job_put(db, &j, 1, &e), 0);
	assert_int_equal(app_remove(db, id, &e), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
	assert_int_equal(job_set_status(db, j.id, JOB_DELETED, 0, 1, &e), 0);
	assert_int_equal(instance_insert(db, &i, &e), 0);
	assert_int_equal(app_remove(db, id, &e), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
	i.status = INSTANCE_SUCCEED;
	assert_int_equal(instance_update(db, &i, &e), 0);
	assert_int_equal(app_remove(db, id, &e), 0);
	assert_int_equal(app_remove(db, id, &e), -1);
	assert_int_equal(e.code, ERR_NOTFOUND);
	for (int k = 0; k < 3; k++)
		assert_int_equal(app_add(db, (const char *[]){ "x", "y", "z" }[k], "p", 1, &id, &e), 0);
	assert_true(id > 3); /* ids of removed apps do not come back */
	assert_int_equal(app_each(db, count, &n, &e), 0);
	assert_int_equal(n, 2);
	job_fini(&j);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = { T(md5_of_a_password), T(password_life), T(names), T(removal) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

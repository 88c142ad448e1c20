/* Every allocation of configuration and JSON fails once: ERR_NOMEM or a failed buf, nothing leaked (under ASan), nothing
 * half done. The Makefile links this program with --wrap of the allocators. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/config.h"
#include "codec/json.h"

static int left = -1; /* allocations until the one that fails; -1: none fails */
static bool failed;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);

static bool
fails(void)
{
	if (left < 0 || left-- > 0)
		return false;
	failed = true;
	errno = ENOMEM;
	return true;
}

void *
__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

char *
__wrap_strdup(const char *s)
{
	return fails() ? NULL : __real_strdup(s);
}

char *
__wrap_strndup(const char *s, size_t n)
{
	return fails() ? NULL : __real_strndup(s, n);
}

static void
loading_survives(void **state)
{
	static const char *const set[] = { "worker.servers=a:1,b:2", "worker.processors.1=/x", "worker.processors.2=/y",
		"worker.app=z", NULL };
	const struct config_opts o = { .root = "/nowhere/pj", .set = set };
	int n = 0;

	for (failed = true; failed; n++) {
		struct err e = ERR_INIT;
		struct config c;
		int rc;

		failed = false;
		left = n;
		rc = config_load(&c, &o, &e);
		left = -1;
		if (!failed) {
			assert_int_equal(rc, 0);
			assert_string_equal(c.worker.servers.item[1], "b:2");
		} else {
			assert_int_equal(rc, -1);
			assert_int_equal(e.code, ERR_NOMEM);
			assert_null(c.root);
		}
		config_fini(&c);
	}
	assert_true(n > 40);
}

/* A configuration printed short of memory is never taken for a whole one. */
static void
printing_says_so(void **state)
{
	const struct config_opts o = { .root = "/nowhere/pj" };
	struct buf whole = BUF_INIT;
	struct config c;

	assert_int_equal(config_load(&c, &o, NULL), 0);
	config_print(&c, true, &whole);
	failed = true;
	for (int n = 0; failed; n++) {
		struct buf b = BUF_INIT;

		failed = false;
		left = n;
		config_print(&c, true, &b);
		left = -1;
		if (failed)
			assert_false(buf_ok(&b));
		else
			assert_string_equal(buf_str(&b), buf_str(&whole));
		buf_fini(&b);
	}
	buf_fini(&whole);
	config_fini(&c);
}

static void
json_says_so(void **state)
{
	static const char text[] = "{\"a\":[1,2.5,\"three\"],\"s\":12}";
	struct json_t *d = js_parse(text, strlen(text), NULL);

	assert_non_null(d);
	failed = true;
	for (int n = 0; failed; n++) {
		struct buf b = BUF_INIT;
		struct err e = ERR_INIT;
		char *s = NULL;
		int rc;

		failed = false;
		left = n;
		js_dump(d, &b);
		rc = js_str(d, "s", 10, &s, &e);
		left = -1;
		assert_true(rc == 0 || e.code == ERR_NOMEM);
		assert_true(failed == (rc != 0 || !buf_ok(&b)));
		free(s);
		buf_fini(&b);
	}
	js_free(d);
}

/* What came before a failed append stays, with its NUL. */
static void
a_buf_keeps_what_it_had(void **state)
{
	struct buf b = BUF_INIT;

	buf_adds(&b, "kept");
	left = 0;
	buf_addf(&b, "%0100d", 1);
	left = -1;
	assert_false(buf_ok(&b));
	assert_string_equal(buf_str(&b), "kept");
	buf_fini(&b);
	buf_adds(&b, "0123456789012345678901234567890123456789012345678901234567890"); /* room for 63 more: made now */
	left = 1;
	buf_addf(&b, "%0300d", 1);
	left = -1;
	assert_false(buf_ok(&b));
	assert_int_equal(strlen(buf_str(&b)), b.len);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loading_survives),
		cmocka_unit_test(printing_says_so),
		cmocka_unit_test(json_says_so),
		cmocka_unit_test(a_buf_keeps_what_it_had),
	};

	return cmocka_run_group_tests_name("nomem", tests, NULL, NULL);
}

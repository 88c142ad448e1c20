/* lib/codec/kv: escapes, lists, bad records. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "codec/kv.h"

static void
round_trip(void **state)
{
	static const char hard[] = "a\\b\nc\rd\0e=f\xff \t";
	struct buf out = BUF_INIT;
	struct err e = ERR_INIT;
	struct kv kv;

	kv_put_n(&out, "hard", hard, sizeof hard - 1);
	kv_put(&out, "empty", "");
	kv_put(&out, "absent", NULL);
	kv_put_i64(&out, "least", INT64_MIN);
	kv_put_i64(&out, "most", INT64_MAX);
	assert_null(memchr(out.data, '\0', out.len));
	assert_null(memchr(out.data, '\r', out.len));
	assert_int_equal(kv_parse(&kv, out.data, out.len, &e), 0);
	assert_int_equal(kv.n, 4);
	assert_int_equal(kv.pair[0].len, sizeof hard - 1);
	assert_memory_equal(kv.pair[0].value, hard, sizeof hard);
	assert_string_equal(kv_get(&kv, "empty"), "");
	assert_null(kv_get(&kv, "absent"));
	assert_true(kv_get_i64(&kv, "least", 0) == INT64_MIN);
	assert_true(kv_get_i64(&kv, "most", 0) == INT64_MAX);
	kv_fini(&kv);
	buf_fini(&out);
}

static void
lists_keep_their_order(void **state)
{
	static const char text[] = "arg=1\n\nenv=A=x=y\narg=2\nArg.b-c_9=3\narg=no newline at the end";
	struct err e = ERR_INIT;
	size_t from = 0;
	struct kv kv;

	assert_int_equal(kv_parse(&kv, text, strlen(text), &e), 0);
	assert_string_equal(kv_next(&kv, "arg", &from)->value, "1");
	assert_string_equal(kv_next(&kv, "arg", &from)->value, "2");
	assert_string_equal(kv_next(&kv, "arg", &from)->value, "no newline at the end");
	assert_null(kv_next(&kv, "arg", &from));
	assert_null(kv_next(&kv, "arg", &from));
	assert_string_equal(kv_get(&kv, "env"), "A=x=y");
	assert_int_equal(kv_get_i64(&kv, "arg", -7), 1);
	assert_int_equal(kv_get_i64(&kv, "env", -7), -7);
	assert_int_equal(kv_get_i64(&kv, "none", -7), -7);
	kv_fini(&kv);
}

static void
bad_records(void **state)
{
	static const char *const bad[] = { "a=1\nb", "=1", "a b=1", "a=\\x", "a=\\", "a\\=1", "\xc3\xa4=1" };
	static const char *const bad_numbers[] = { "n=", "n=x", "n=1x", "n= 1", "n=99999999999999999999", "n=1.5" };
	struct err e = ERR_INIT;
	struct kv kv;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		err_clear(&e);
		assert_int_equal(kv_parse(&kv, bad[i], strlen(bad[i]), &e), -1);
		assert_int_equal(e.code, ERR_DATA);
		assert_non_null(strstr(e.msg, i == 0 ? "line 2" : "line 1"));
	}
	for (size_t i = 0; i < sizeof bad_numbers / sizeof bad_numbers[0]; i++) {
		assert_int_equal(kv_parse(&kv, bad_numbers[i], strlen(bad_numbers[i]), &e), 0);
		assert_int_equal(kv_get_i64(&kv, "n", -7), -7);
		kv_fini(&kv);
	}
	assert_int_equal(kv_parse(&kv, "", 0, &e), 0);
	assert_int_equal(kv.n, 0);
	kv_fini(&kv);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip), cmocka_unit_test(lists_keep_their_order), cmocka_unit_test(bad_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

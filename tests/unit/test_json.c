#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "codec/json.h"

static struct json_t *
doc(const char *text)
{
	struct err e = ERR_INIT;
	struct json_t *d = js_parse(text, strlen(text), &e);

	if (d == NULL)
		fail_msg("%s: %s", text, e.msg);
	return d;
}

static void
refused(const char *text, size_t len, enum err_code code, const char *part)
{
	struct err e = ERR_INIT;

	assert_null(js_parse(text, len, &e));
	assert_int_equal(e.code, code);
	assert_null(strchr(e.msg, '\n'));
	if (strstr(e.msg, part) == NULL)
		fail_msg("`%s' is not in `%s'", part, e.msg);
}

static void
integers_are_exact(void **state)
{
	struct json_t *d = doc("{\"a\":9007199254740993,\"b\":-9223372036854775808,\"c\":9223372036854775807}");
	int64_t v;

	assert_int_equal(js_i64(d, "a", 0, &v, NULL), 0);
	assert_true(v == INT64_C(9007199254740993));
	assert_int_equal(js_i64(d, "b", 0, &v, NULL), 0);
	assert_true(v == INT64_MIN);
	assert_int_equal(js_i64(d, "c", 0, &v, NULL), 0);
	assert_true(v == INT64_MAX);
	js_free(d);
	js_free(NULL);
}

/* NULs and lone surrogates of Java's strings become U+FFFD; whole pairs and escaped backslashes stay. */
static void
escapes_that_are_no_text_are_mended(void **state)
{
	static const struct {
		const char *text, *value;
	} cases[] = {
		{ "{\"a\":\"x\\u0000y\"}", "x\xef\xbf\xbdy" },
		{ "{\"a\":\"\\ud83d\"}", "\xef\xbf\xbd" },
		{ "{\"a\":\"\\uDE00\\ud83d\\u0041\"}", "\xef\xbf\xbd\xef\xbf\xbd" "A" },
		{ "{\"a\":\"\\ud83d\\ude00\\u0000\"}", "\xf0\x9f\x98\x80\xef\xbf\xbd" },
		{ "{\"a\":\"\\\\u0000\"}", "\\u0000" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct json_t *d = doc(cases[i].text);

		assert_string_equal(js_text(js_get(d, "a")), cases[i].value);
		js_free(d);
	}
}

static void
bad_documents_are_refused(void **state)
{
	char deep[2 * LIMIT_JSON_DEPTH + 8];

	refused("", 0, ERR_DATA, "line 1");
	refused("{\"a\":1", 6, ERR_DATA, "line 1");
	refused("{\"a\":1,\n\"a\":2}", 14, ERR_DATA, "line 2");
	refused("{} x", 4, ERR_DATA, "column");
	refused("{\"a\":\"\xff\"}", 9, ERR_DATA, "decode byte");
	refused("{\"a\":\"\xed\xa0\x80\"}", 11, ERR_DATA, "decode byte");
	refused("{\"a\0\":1}", 8, ERR_DATA, "line 1");
	refused("{\"a\":99999999999999999999}", 26, ERR_DATA, "too big");
	memset(deep, '[', sizeof deep);
	refused(deep, LIMIT_JSON_DEPTH + 1, ERR_DATA, "nested deeper than 64");
	memset(deep + LIMIT_JSON_DEPTH, ']', LIMIT_JSON_DEPTH);
	deep[2 * LIMIT_JSON_DEPTH] = '\0';
	js_free(doc(deep));
	refused("{\"a\":\"\\u00\"}", 12, ERR_DATA, "escape");
	/* Brackets in text nest nothing. */
	memset(deep, '[', sizeof deep);
	deep[0] = deep[sizeof deep - 2] = '"';
	deep[sizeof deep - 1] = '\0';
	js_free(doc(deep));
}

static void
members_are_found(void **state)
{
	static const char *const known[] = { "a", "b", NULL }, *const all[] = { "a", "b", "c", NULL };
	struct json_t *d = doc("{\"a\":null,\"b\":[1,\"x\"],\"c\":{}}");

	assert_true(js_is_object(d));
	assert_true(js_has(d, "a"));
	assert_false(js_has(d, "z"));
	assert_null(js_get(d, "a"));
	assert_true(js_is_array(js_get(d, "b")));
	assert_int_equal(js_len(js_get(d, "b")), 2);
	assert_string_equal(js_text(js_at(js_get(d, "b"), 1)), "x");
	assert_null(js_text(js_at(js_get(d, "b"), 0)));
	assert_null(js_at(js_get(d, "b"), 2));
	assert_string_equal(js_unknown_key(d, known), "c");
	assert_null(js_unknown_key(d, all));
	assert_false(js_is_object(NULL));
	assert_int_equal(js_len(NULL), 0);
	js_free(d);
}

static void
numbers_are_coerced_as_java_does(void **state)
{
	struct json_t *d = doc("{\"s\":\"12\",\"n\":\" -7 \",\"t\":true,\"f\":3.9,\"g\":-3.9,\"e\":\"\",\"fs\":\"4.5\",\"x\":\"12a\","
			       "\"h\":\"0x10\",\"big\":1e30,\"o\":{},\"z\":null,\"edge\":-9223372036854775808.0}");
	static const struct {
		const char *key;
		int64_t want;
	} good[] = { { "s", 12 }, { "n", -7 }, { "t", 1 }, { "f", 3 }, { "g", -3 }, { "e", 42 }, { "fs", 4 }, { "z", 42 },
		{ "absent", 42 }, { "edge", INT64_MIN } };
	static const char *const bad[] = { "x", "h", "big", "o" };
	struct err e = ERR_INIT;
	int64_t v;

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_int_equal(js_i64(d, good[i].key, 42, &v, &e), 0);
		assert_true(v == good[i].want);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(js_i64(d, bad[i], 42, &v, &e), -1);
		assert_int_equal(e.code, ERR_DATA);
		assert_non_null(strstr(e.msg, bad[i]));
		assert_true(v == 42);
	}
	js_free(d);
}

static void
reals_and_booleans_are_coerced(void **state)
{
	struct json_t *d = doc("{\"i\":2,\"s\":\"2.5\",\"t\":\"true\",\"z\":0,\"o\":1,\"x\":\"yes\",\"n\":\"nan\"}");
	struct err e = ERR_INIT;
	double r;
	bool b;

	assert_int_equal(js_real(d, "i", 0, &r, &e), 0);
	assert_true(r > 1.99 && r < 2.01);
	assert_int_equal(js_real(d, "s", 0, &r, &e), 0);
	assert_true(r > 2.49 && r < 2.51);
	assert_int_equal(js_real(d, "n", 0, &r, &e), -1);
	assert_int_equal(js_bool(d, "t", false, &b, &e), 0);
	assert_true(b);
	assert_int_equal(js_bool(d, "z", true, &b, &e), 0);
	assert_false(b);
	assert_int_equal(js_bool(d, "o", false, &b, &e), 0);
	assert_true(b);
	assert_int_equal(js_bool(d, "absent", true, &b, &e), 0);
	assert_true(b);
	assert_int_equal(js_bool(d, "x", false, &b, &e), -1);
	assert_int_equal(e.code, ERR_DATA);
	js_free(d);
}

static void
text_is_bounded_and_coerced(void **state)
{
	struct json_t *d = doc("{\"s\":\"abcde\",\"i\":-5,\"r\":0.1,\"b\":false,\"o\":[],\"u\":\"\\uD83D\\uDE00\"}");
	static const char *const want[][2] = { { "s", "abcde" }, { "i", "-5" }, { "r", "0.1" }, { "b", "false" },
		{ "u", "\xf0\x9f\x98\x80" } };
	struct err e = ERR_INIT;
	char *s;

	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
		assert_int_equal(js_str(d, want[i][0], 5, &s, &e), 0);
		assert_string_equal(s, want[i][1]);
		free(s);
	}
	assert_int_equal(js_str(d, "s", 4, &s, &e), -1);
	assert_int_equal(e.code, ERR_TOOBIG);
	assert_non_null(strstr(e.msg, "\"s\""));
	assert_null(s);
	assert_int_equal(js_str(d, "o", 4, &s, &e), -1);
	assert_int_equal(e.code, ERR_DATA);
	assert_int_equal(js_str(d, "absent", 4, &s, &e), 0);
	assert_null(s);
	js_free(d);
}

static void
writes_what_it_says(void **state)
{
	struct buf b = BUF_INIT;
	struct jw w;

	jw_init(&w, &b);
	jw_obj(&w);
	jw_i64(&w, "i", INT64_MIN);
	jw_id(&w, "id", INT64_MAX);
	jw_bool(&w, "t", true);
	jw_null(&w, "n");
	jw_str(&w, "s", "a\"\\\n\t\x01/\xc3\xa9");
	jw_str(&w, "no", NULL);
	jw_arr_in(&w, "a");
	jw_i64(&w, NULL, 1);
	jw_obj(&w);
	jw_end(&w);
	jw_arr(&w);
	jw_end(&w);
	jw_raw(&w, NULL, "{\"x\":1}");
	jw_end(&w);
	jw_obj_in(&w, "o\"");
	jw_end(&w);
	jw_end(&w);
	assert_true(buf_ok(&b));
	assert_string_equal(buf_str(&b),
	    "{\"i\":-9223372036854775808,\"id\":\"9223372036854775807\",\"t\":true,\"n\":null,"
	    "\"s\":\"a\\\"\\\\\\n\\t\\u0001/\xc3\xa9\",\"no\":null,\"a\":[1,{},[],{\"x\":1}],\"o\\\"\":{}}");
	buf_fini(&b);
}

static void
reals_are_short_and_have_a_point(void **state)
{
	static const struct {
		double v;
		const char *want;
	} cases[] = { { 0, "0.0" }, { 1, "1.0" }, { 0.1, "0.1" }, { 1.5, "1.5" }, { 1e20, "1.0e+20" }, { -2.5e-9, "-2.5e-09" },
		{ 100000, "100000.0" }, { 0.1 + 0.2, "0.3" } };

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf b = BUF_INIT;
		struct jw w;

		jw_init(&w, &b);
		jw_real(&w, NULL, cases[i].v);
		assert_string_equal(buf_str(&b), cases[i].want);
		buf_fini(&b);
	}
}

/* Each byte that is no UTF-8 becomes one U+FFFD; what follows is not swallowed. */
static void
bad_utf8_is_replaced(void **state)
{
#define R "\xef\xbf\xbd"
	static const struct {
		const char *in;
		size_t len;
		const char *want;
	} cases[] = {
		{ "a\xff" "b", 3, "\"a" R "b\"" },
		{ "\xc3", 1, "\"" R "\"" },
		{ "\xc3(", 2, "\"" R "(\"" },
		{ "\xc0\x80", 2, "\"" R R "\"" },
		{ "\xe0\x80\x80", 3, "\"" R R R "\"" },
		{ "\xed\xa0\x80", 3, "\"" R R R "\"" },
		{ "\xf4\x90\x80\x80", 4, "\"" R R R R "\"" },
		{ "\xf0\x9f\x98\x80", 4, "\"\xf0\x9f\x98\x80\"" },
		{ "a\0b", 3, "\"a" R "b\"" },
		{ "\x7f", 1, "\"\x7f\"" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf b = BUF_INIT;
		struct jw w;

		jw_init(&w, &b);
		jw_str_n(&w, NULL, cases[i].in, cases[i].len);
		assert_string_equal(buf_str(&b), cases[i].want);
		js_free(doc(buf_str(&b)));
		buf_fini(&b);
	}
#undef R
}

static void
dump_reads_back_the_same(void **state)
{
	static const char text[] = "{\"b\":[1,-2,true,false,null,\"\\u0001x\"],\"a\":{\"r\":0.30000000000000004,\"e\":{}},\"c\":1.0}";
	struct buf b = BUF_INIT;
	struct json_t *d = doc(text);

	js_dump(d, &b);
	assert_string_equal(buf_str(&b), text);
	js_free(d);
	buf_fini(&b);
}

/* Random bytes never crash the reader, and what it takes it writes so that it takes it again. */
static void
any_bytes_are_survived(void **state)
{
	static const char alphabet[] = "{}[]\",:\\u0123456789.eE+-truefalsn \xc3\xa9\xff";
	char text[64];

	srand(1);
	for (int i = 0; i < 20000; i++) {
		struct buf first = BUF_INIT, second = BUF_INIT;
		size_t len = (size_t)rand() % sizeof text;
		struct json_t *d;

		for (size_t j = 0; j < len; j++)
			text[j] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
		d = js_parse(text, len, NULL);
		if (d == NULL)
			continue;
		js_dump(d, &first);
		js_free(d);
		d = doc(buf_str(&first));
		js_dump(d, &second);
		js_free(d);
		assert_string_equal(buf_str(&first), buf_str(&second));
		buf_fini(&first);
		buf_fini(&second);
	}
}

/* A buf that ran out of memory takes no more, and the writer goes on harmlessly. */
static void
failure_sticks(void **state)
{
	struct buf b = BUF_INIT;
	struct jw w;

	jw_init(&w, &b);
	jw_obj(&w);
	assert_null(buf_room(&b, (size_t)-1 / 2));
	jw_str(&w, "a", "b");
	jw_end(&w);
	assert_false(buf_ok(&b));
	assert_null(buf_take(&b, NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_are_exact),
		cmocka_unit_test(bad_documents_are_refused),
		cmocka_unit_test(escapes_that_are_no_text_are_mended),
		cmocka_unit_test(members_are_found),
		cmocka_unit_test(numbers_are_coerced_as_java_does),
		cmocka_unit_test(reals_and_booleans_are_coerced),
		cmocka_unit_test(text_is_bounded_and_coerced),
		cmocka_unit_test(writes_what_it_says),
		cmocka_unit_test(reals_are_short_and_have_a_point),
		cmocka_unit_test(bad_utf8_is_replaced),
		cmocka_unit_test(dump_reads_back_the_same),
		cmocka_unit_test(any_bytes_are_survived),
		cmocka_unit_test(failure_sticks),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}

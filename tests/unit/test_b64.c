#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/b64.h"

static void
both_ways(const char *bytes, size_t len, const char *text)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	b64url_put(&b, bytes, len);
	assert_string_equal(buf_str(&b), text);
	buf_clear(&b);
	buf_adds(&b, "before ");
	assert_int_equal(b64url_get(&b, text, strlen(text), &e), 0);
	assert_int_equal(b.len, 7 + len);
	assert_memory_equal(b.data + 7, bytes, len);
	assert_int_equal(b.data[b.len], '\0');
	buf_fini(&b);
}

static void
test_vectors(void **state)
{
	both_ways("", 0, "");
	both_ways("f", 1, "Zg");
	both_ways("fo", 2, "Zm8");
	both_ways("foo", 3, "Zm9v");
	both_ways("foob", 4, "Zm9vYg");
	both_ways("foobar", 6, "Zm9vYmFy");
	both_ways("\xfb\xff\x00\xfe", 4, "-_8A_g");
}

static void
test_every_byte(void **state)
{
	struct buf text = BUF_INIT, back = BUF_INIT;
	struct err e = ERR_INIT;
	char bytes[256];

	for (int i = 0; i < 256; i++)
		bytes[i] = (char)i;
	for (size_t n = 0; n <= 256; n++) {
		buf_clear(&text);
		buf_clear(&back);
		b64url_put(&text, bytes, n);
		assert_int_equal(text.len, (n * 8 + 5) / 6);
		assert_int_equal(b64url_get(&back, text.data, text.len, &e), 0);
		assert_int_equal(back.len, n);
		assert_memory_equal(back.data, bytes, n);
	}
	buf_fini(&text);
	buf_fini(&back);
}

static void
test_padding(void **state)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	assert_int_equal(b64url_get(&b, "Zg==", 4, &e), 0);
	assert_int_equal(b64url_get(&b, "Zm8=", 4, &e), 0);
	assert_string_equal(b.data, "ffo");
	buf_fini(&b);
}

static void
test_refused(void **state)
{
	static const char *const bad[] = { "Z", "Zm9vY", "Zg=", "Zm8==", "Zm9v=", "=", "==", "====", "Zm9v====", "Z+8", "Z/8",
		"Zm 9", "Zm9v\n", "Zm\xc3\xa4", "Zg==Zg==", "Zh", "Zm9" };
	struct buf b = BUF_INIT;

	buf_adds(&b, "kept");
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct err e = ERR_INIT;

		if (b64url_get(&b, bad[i], strlen(bad[i]), &e) != -1)
			fail_msg("`%s` was accepted", bad[i]);
		assert_int_equal(e.code, ERR_DATA);
		assert_string_equal(buf_str(&b), "kept");
	}
	assert_int_equal(b64url_get(&b, "Zm\0v", 4, NULL), -1);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

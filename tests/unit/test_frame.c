/* lib/codec/frame: whole, in pieces, several at once, foreign. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "codec/frame.h"

static void
put(struct buf *out, const char *text)
{
	struct buf body = BUF_INIT;

	buf_adds(&body, text);
	frame_put(out, &body);
	buf_fini(&body);
}

static void
byte_by_byte(void **state)
{
	struct buf wire = BUF_INIT, in = BUF_INIT, body = BUF_INIT;
	struct err e = ERR_INIT;

	put(&wire, "op=run\nseq=1\n");
	assert_string_equal(wire.data, "PJ1 13\nop=run\nseq=1\n");
	for (size_t i = 0; i < wire.len; i++) {
		assert_int_equal(frame_get(&in, &body, &e), 0);
		buf_add(&in, wire.data + i, 1);
	}
	assert_int_equal(frame_get(&in, &body, &e), 1);
	assert_string_equal(body.data, "op=run\nseq=1\n");
	assert_int_equal(in.len, 0);
	assert_int_equal(frame_get(&in, &body, &e), 0);
	buf_fini(&wire);
	buf_fini(&in);
	buf_fini(&body);
}

static void
several_at_once(void **state)
{
	struct buf in = BUF_INIT, body = BUF_INIT;
	struct err e = ERR_INIT;

	put(&in, "a=1\n");
	put(&in, "");
	put(&in, "b=2\n");
	buf_adds(&in, "PJ");
	assert_int_equal(frame_get(&in, &body, &e), 1);
	assert_string_equal(body.data, "a=1\n");
	buf_clear(&body);
	assert_int_equal(frame_get(&in, &body, &e), 1);
	assert_int_equal(body.len, 0);
	assert_int_equal(frame_get(&in, &body, &e), 1);
	assert_string_equal(body.data, "b=2\n");
	assert_int_equal(frame_get(&in, &body, &e), 0);
	assert_string_equal(in.data, "PJ");
	buf_fini(&in);
	buf_fini(&body);
}

static void
foreign(void **state)
{
	static const char *const bad[] = { "GET / HTTP/1.1\r\n", "PJ2 3\nabc", "X", "PJ1 \n", "PJ1 -1\n", "PJ1 12x\n",
		"PJ1 9999999\n", "PJ1 99999999999999999999", "PJ1\n", "PJ1 1 2\n" };
	struct buf in = BUF_INIT, body = BUF_INIT;
	struct err e = ERR_INIT;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		buf_clear(&in);
		buf_adds(&in, bad[i]);
		assert_int_equal(frame_get(&in, &body, &e), -1);
		assert_int_equal(e.code, ERR_PROTOCOL);
	}
	buf_fini(&in);
	buf_fini(&body);
}

static void
the_largest(void **state)
{
	struct buf in = BUF_INIT, body = BUF_INIT, got = BUF_INIT;
	struct err e = ERR_INIT;

	memset(buf_room(&body, LIMIT_SPEC), 'x', LIMIT_SPEC);
	body.len = LIMIT_SPEC;
	frame_put(&in, &body);
	assert_int_equal(frame_get(&in, &got, &e), 1);
	assert_int_equal(got.len, LIMIT_SPEC);
	buf_addc(&body, 'x');
	frame_put(&in, &body);
	assert_int_equal(frame_get(&in, &got, &e), -1);
	buf_fini(&in);
	buf_fini(&body);
	buf_fini(&got);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(byte_by_byte), cmocka_unit_test(several_at_once), cmocka_unit_test(foreign),
		cmocka_unit_test(the_largest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

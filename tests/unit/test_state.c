/* The state tables, cell by cell: what is not listed here must be refused. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "job/state.h"

#define N 13 /* beyond the last state, too */

static void
instance_table(void **state)
{
	/* Columns are `to`:       0  1  2  3  4  5  6  7  8  9 10 11 12 */
	static const char want[N][N + 1] = {
		[0] = "-------------",
		[1] = "--x-x----xx--",
		[2] = "-x-xxx----x--",
		[3] = "-x--xx----x--",
		[4] = "-x-----------",
		[5] = "-x-----------",
		[6] = "-------------",
		[7] = "-------------",
		[8] = "-------------",
		[9] = "-x-----------",
		[10] = "-x-----------",
		[11] = "-------------",
		[12] = "-------------",
	};

	for (int from = 0; from < N; from++)
		for (int to = 0; to < N; to++)
			if (state_may_move((enum instance_status)from, (enum instance_status)to) != (want[from][to] == 'x'))
				fail_msg("instance %d -> %d", from, to);
	for (int s = 0; s < N; s++)
		assert_int_equal(state_is_finished((enum instance_status)s), s == 4 || s == 5 || s == 9 || s == 10);
}

static void
attempt_table(void **state)
{
	static const char want[N][N + 1] = {
		[0] = "-------------",
		[1] = "--xxxxxx--x--",
		[2] = "---xxxxx--x--",
		[3] = "----xxxx--x--",
		[4] = "-------------",
		[5] = "-------------",
		[6] = "-------------",
		[7] = "-------------",
		[8] = "-------------",
		[9] = "-------------",
		[10] = "-------------",
		[11] = "-------------",
		[12] = "-------------",
	};

	for (int from = 0; from < N; from++)
		for (int to = 0; to < N; to++)
			if (state_attempt_may_move((enum attempt_state)from, (enum attempt_state)to) != (want[from][to] == 'x'))
				fail_msg("attempt %d -> %d", from, to);
	for (int s = 0; s < N; s++)
		assert_int_equal(state_attempt_is_final((enum attempt_state)s), (s >= 4 && s <= 7) || s == 10);
}

static void
names(void **state)
{
	static const struct {
		enum instance_status s;
		const char *name;
	} t[] = {
		{ INSTANCE_WAITING, "waiting" }, { INSTANCE_SENT, "sent" }, { INSTANCE_RUNNING, "running" },
		{ INSTANCE_FAILED, "failed" }, { INSTANCE_SUCCEED, "succeeded" }, { INSTANCE_CANCELED, "canceled" },
		{ INSTANCE_STOPPED, "stopped" },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		assert_string_equal(state_name(t[i].s), t[i].name);
		assert_int_equal(state_from_name(t[i].name), t[i].s);
	}
	assert_int_equal(state_from_name("unknown"), -1);
	assert_int_equal(state_from_name(""), -1);
	assert_string_equal(state_name((enum instance_status)7), "unknown");
	assert_string_equal(state_name((enum instance_status)99), "unknown");
	assert_string_equal(state_attempt_name(ATTEMPT_NOT_STARTED), "not started");
	assert_string_equal(state_attempt_name((enum attempt_state)8), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(instance_table), cmocka_unit_test(attempt_table), cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

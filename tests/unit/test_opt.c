/* lib/base/opt: the forms of options, operands, usage errors, values. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/opt.h"

static const struct opt table[] = {
	{ 'a', 'a', "all", NULL, "everything" },
	{ 'b', 'b', NULL, NULL, "brief" },
	{ 't', 't', "time-limit", "LIMIT", "the limit" },
	{ 'L', 0, "long-only-and-very-long-name", "X", "long" },
	{ 0, 0, NULL, NULL, NULL },
};
static const struct opt_cmd plain = { "prog", "[options] WORD...", "Does it.", table, NULL, false };
static const struct opt_cmd mixed = { "prog sub", "NAME [options]\n--all", "Does it.", table, "more\n", true };

static int
note(int id, const char *value, void *arg, struct err *e)
{
	buf_addf(arg, "%c=%s;", id, value != NULL ? value : "");
	if (value != NULL && strcmp(value, "bad") == 0)
		return err_set(e, ERR_USAGE, "no such thing");
	if (value != NULL && strcmp(value, "gone") == 0)
		return err_set(e, ERR_NOTFOUND, "not there");
	return 0;
}

/* Parses the words; what fn saw, `|`, the operands go to seen. */
static int
parse(const struct opt_cmd *cmd, struct buf *seen, struct opt_args *args, const char *const *words)
{
	static char copy[16][64];
	static char *argv[16];
	int n = 0, rc;

	for (; words[n] != NULL; n++) {
		snprintf(copy[n], sizeof copy[n], "%s", words[n]);
		argv[n] = copy[n];
	}
	*args = (struct opt_args){ .argc = n, .argv = argv };
	buf_clear(seen);
	rc = opt_parse(cmd, args, note, seen);
	for (int i = 0; i < args->argc; i++)
		buf_addf(seen, "|%s", args->argv[i]);
	return rc;
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void
forms(void **state)
{
	struct buf seen = BUF_INIT;
	struct opt_args args;

	assert_int_equal(parse(&plain, &seen, &args,
	    WORDS("-abt5", "--time-limit=6", "--time-limit", "7", "-t", "8")), OPT_GO);
	assert_string_equal(seen.data, "a=;b=;t=5;t=6;t=7;t=8;");
	assert_int_equal(parse(&plain, &seen, &args, WORDS("-a", "x", "-b", "--", "y")), OPT_GO);
	assert_string_equal(seen.data, "a=;|x|-b|--|y");
	assert_false(args.ended);
	assert_int_equal(parse(&plain, &seen, &args, WORDS("-a", "--", "-b")), OPT_GO);
	assert_string_equal(seen.data, "a=;|-b");
	assert_null(args.argv[1]);
	assert_int_equal(args.before, 0);
	assert_int_equal(parse(&plain, &seen, &args, WORDS("-", "-a")), OPT_GO);
	assert_string_equal(seen.data, "|-|-a");
	assert_int_equal(parse(&plain, &seen, &args, WORDS("--time-limit=", "x")), OPT_GO);
	assert_string_equal(seen.data, "t=;|x");
	buf_fini(&seen);
}

static void
operands_between_options(void **state)
{
	struct buf seen = BUF_INIT;
	struct opt_args args;

	assert_int_equal(parse(&mixed, &seen, &args, WORDS("x", "-a", "y", "-t", "1", "--", "-b", "z")), OPT_GO);
	assert_string_equal(seen.data, "a=;t=1;|x|y|-b|z");
	assert_int_equal(args.before, 2);
	assert_true(args.ended);
	assert_int_equal(parse(&mixed, &seen, &args, WORDS("x", "-a", "y")), OPT_GO);
	assert_int_equal(args.before, 2);
	buf_fini(&seen);
}

static void
errors(void **state)
{
	struct buf seen = BUF_INIT;
	struct opt_args args;

	assert_int_equal(parse(&plain, &seen, &args, WORDS("--foo")), 64);
	assert_int_equal(parse(&plain, &seen, &args, WORDS("--al")), 64);
	assert_int_equal(parse(&plain, &seen, &args, WORDS("--all=1")), 64);
	assert_int_equal(parse(&plain, &seen, &args, WORDS("-x")), 64);
	assert_int_equal(parse(&plain, &seen, &args, WORDS("-t")), 64);
	assert_int_equal(parse(&plain, &seen, &args, WORDS("--time-limit")), 64);
	assert_int_equal(parse(&plain, &seen, &args, WORDS("-t", "bad", "-a")), 64);
	assert_string_equal(seen.data, "t=bad;|-a");
	assert_int_equal(parse(&plain, &seen, &args, WORDS("-tgone")), 66);
	buf_fini(&seen);
}

static void
help(void **state)
{
	char text[1024] = "";
	FILE *f = fmemopen(text, sizeof text, "w");

	opt_help(&mixed, f);
	fclose(f);
	assert_non_null(strstr(text, "usage: prog sub NAME [options]\n       prog sub --all\nDoes it.\n"));
	assert_non_null(strstr(text, "\n  -a, --all               everything\n"));
	assert_non_null(strstr(text, "\n  -b                      brief\n"));
	assert_non_null(strstr(text, "\n  -t, --time-limit LIMIT  the limit\n"));
	assert_non_null(strstr(text, "\n      --long-only-and-very-long-name X\n                          long\n"));
	assert_non_null(strstr(text, "\n  -h, --help "));
	assert_non_null(strstr(text, "\n\nmore\n"));
}

static void
numbers(void **state)
{
	struct err e = ERR_INIT;
	int64_t n = 0;

	assert_int_equal(opt_i64("-12", -20, 20, &n, &e), 0);
	assert_int_equal(n, -12);
	assert_int_equal(opt_i64("21", -20, 20, &n, &e), -1);
	assert_int_equal(opt_i64("", 0, 20, &n, &e), -1);
	assert_int_equal(opt_i64(" 1", 0, 20, &n, &e), -1);
	assert_int_equal(opt_i64("1x", 0, 20, &n, &e), -1);
	assert_int_equal(opt_i64("99999999999999999999", 0, INT64_MAX, &n, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
}

static void
durations_and_sizes(void **state)
{
	static const struct { const char *text; int64_t ms; } good[] = {
		{ "0", 0 }, { "30", 30000 }, { "1.5", 1500 }, { "500ms", 500 }, { "30s", 30000 }, { "0.25s", 250 },
		{ "5m", 300000 }, { "1h30m", 5400000 }, { "1d", 86400000 }, { "1h0m1s", 3601000 },
	};
	static const char *const bad[] = { "", "x", "-1", "1x", "1.s", "1h30", "s", "1 s", "99999999999999999d",
		"1e3", "0x10" };
	static const char *const bad_sizes[] = { "", "k", "1kk", "-1", "1x", "9999999999T" };
	struct err e = ERR_INIT;
	int64_t n = 0;

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_int_equal(opt_duration_ms(good[i].text, &n, &e), 0);
		assert_int_equal(n, good[i].ms);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(opt_duration_ms(bad[i], &n, &e), -1);
	assert_int_equal(opt_size("64k", &n, &e), 0);
	assert_int_equal(n, 65536);
	assert_int_equal(opt_size("1G", &n, &e), 0);
	assert_int_equal(n, 1 << 30);
	assert_int_equal(opt_size("7", &n, &e), 0);
	assert_int_equal(n, 7);
	for (size_t i = 0; i < sizeof bad_sizes / sizeof bad_sizes[0]; i++)
		assert_int_equal(opt_size(bad_sizes[i], &n, &e), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms), cmocka_unit_test(operands_between_options), cmocka_unit_test(errors),
		cmocka_unit_test(help), cmocka_unit_test(numbers), cmocka_unit_test(durations_and_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

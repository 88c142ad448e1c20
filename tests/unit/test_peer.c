#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "net/peer.h"

#define AT 1700000000000LL
#define SKEW 60000

static const struct peer_key key = { { 1, 2, 3, 4, 5, 6, 7, 8 } };
static const char body[] = "{\"a\":1}";

static char dir[64], path[96];

static int
setup(void **state)
{
	snprintf(dir, sizeof dir, "/tmp/pj-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/etc/peer.key", dir);
	return 0;
}

static int
teardown(void **state)
{
	char etc[96];

	unlink(path);
	snprintf(etc, sizeof etc, "%s/etc", dir);
	rmdir(etc);
	return rmdir(dir);
}

static int
verify(const struct peer_key *k, const char *header, const char *method, const char *target, int64_t now,
    const char *text, bool *is_signed, struct err *e)
{
	return peer_verify(k, header, method, target, now, SKEW, text, strlen(text), is_signed, e);
}

/* The sum is that of `openssl dgst -sha256 -mac hmac` over the lines that pj-protocol(7) names. */
static void
test_known_sum(void **state)
{
	static const struct peer_key other = { { 1 } };
	char line[160];

	for (int i = 0; i < 3; i++) {
		peer_sign(&key, "POST", "/worker/runJob?x=1", AT, body, strlen(body), line);
		assert_string_equal(line, "X-PJ-Auth: 1 1700000000000 "
		    "029d77055feec5fb7aa92ddecf2b778354e31e774fc461add93b8894fe3b6839");
		if (i == 1)
			peer_sign(&other, "POST", "/worker/runJob?x=1", AT, body, strlen(body), line);
	}
}

static void
test_good(void **state)
{
	struct err e = ERR_INIT;
	bool is_signed = false;
	char line[160];

	peer_sign(&key, "POST", "/p", AT, body, strlen(body), line);
	assert_int_equal(verify(&key, line + 11, "POST", "/p", AT + SKEW, body, &is_signed, &e), 0);
	assert_true(is_signed);
	assert_int_equal(verify(&key, line + 11, "POST", "/p", AT - SKEW, body, &is_signed, &e), 0);
	assert_true(is_signed);
	assert_int_equal(verify(&key, NULL, "POST", "/p", AT, body, &is_signed, &e), 0);
	assert_false(is_signed);
	peer_sign(&key, "GET", "/p", AT, NULL, 0, line);
	assert_int_equal(verify(&key, line + 11, "GET", "/p", AT, "", &is_signed, &e), 0);
	assert_true(is_signed);
}

static void
test_wrong(void **state)
{
	static const struct peer_key other = { { 1, 2, 3, 4, 5, 6, 7, 9 } };
	struct err e = ERR_INIT;
	bool is_signed = true;
	char line[160], *h = line + 11;

	peer_sign(&key, "POST", "/p", AT, body, strlen(body), line);
	assert_int_equal(verify(&other, h, "POST", "/p", AT, body, &is_signed, &e), -1);
	assert_int_equal(e.code, ERR_AUTH);
	assert_false(is_signed);
	assert_int_equal(verify(&key, h, "GET", "/p", AT, body, &is_signed, &e), -1);
	assert_int_equal(verify(&key, h, "POST", "/p?x", AT, body, &is_signed, &e), -1);
	assert_int_equal(verify(&key, h, "POST", "/p", AT, "{\"a\":2}", &is_signed, &e), -1);
	assert_int_equal(verify(&key, h, "POST", "/p", AT, "", &is_signed, &e), -1);
	assert_int_equal(verify(&key, h, "POST", "/p", AT + SKEW + 1, body, &is_signed, &e), -1);
	assert_non_null(strstr(e.msg, "60001 ms behind"));
	assert_int_equal(verify(&key, h, "POST", "/p", AT - SKEW - 1, body, &is_signed, &e), -1);
	assert_non_null(strstr(e.msg, "60001 ms ahead"));
	assert_int_equal(e.code, ERR_AUTH);
	h[strlen(h) - 1] = h[strlen(h) - 1] == '0' ? '1' : '0';
	assert_int_equal(verify(&key, h, "POST", "/p", AT, body, &is_signed, &e), -1);
	assert_false(is_signed);
}

static void
test_malformed(void **state)
{
	static const char *const bad[] = { "", "1", "2 1 00", "1  00", "1 x 00", "1 -1 00", "1 1700000000000 ",
		"1 1700000000000 00", "1 9999999999999999999 00", "garbage" };
	char line[160], longer[200];
	bool is_signed = true;
	struct err e = ERR_INIT;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(verify(&key, bad[i], "POST", "/p", AT, body, &is_signed, &e), -1);
		assert_int_equal(e.code, ERR_AUTH);
		assert_false(is_signed);
	}
	peer_sign(&key, "POST", "/p", AT, body, strlen(body), line);
	snprintf(longer, sizeof longer, "%s0", line + 11);
	assert_int_equal(verify(&key, longer, "POST", "/p", AT, body, &is_signed, &e), -1);
}

static void
test_key_is_made(void **state)
{
	struct peer_key one, two;
	struct err e = ERR_INIT;
	struct stat st;

	if (peer_key_load(&one, path, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 65);
	assert_int_equal(peer_key_load(&two, path, &e), 0);
	assert_memory_equal(&one, &two, sizeof one);
}

static void
put_file(const char *text, mode_t mode)
{
	char etc[96];
	struct err e = ERR_INIT;

	snprintf(etc, sizeof etc, "%s/etc", dir);
	mkdir(etc, 0700);
	assert_int_equal(file_replace(path, text, strlen(text), mode, &e), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void
test_key_is_refused(void **state)
{
	char good[80] = "", text[100];
	struct peer_key k;
	struct err e = ERR_INIT;

	for (int i = 0; i < 32; i++)
		strcat(good, "aB");
	put_file(good, 0600);
	assert_int_equal(peer_key_load(&k, path, &e), 0);
	assert_int_equal(k.bytes[31], 0xab);
	put_file(good, 0640);
	assert_int_equal(peer_key_load(&k, path, &e), -1);
	assert_int_equal(e.code, ERR_CONFIG);
	assert_non_null(strstr(e.msg, path));
	snprintf(text, sizeof text, "%s0\n", good);
	put_file(text, 0600);
	assert_int_equal(peer_key_load(&k, path, &e), -1);
	assert_int_equal(e.code, ERR_CONFIG);
	good[63] = '\n';
	put_file(good, 0600);
	assert_int_equal(peer_key_load(&k, path, &e), -1);
	put_file("", 0600);
	assert_int_equal(peer_key_load(&k, path, &e), -1);
	assert_int_equal(e.code, ERR_CONFIG);
	assert_int_equal(peer_key_load(&k, dir, &e), -1);
	assert_int_equal(e.code, ERR_CONFIG);
}

/* Programs that start at the same moment end with one key. */
static void
test_key_race(void **state)
{
	enum { PROGRAMS = 8 };
	struct peer_key first, k;
	int out[2], go[2];
	pid_t pids[PROGRAMS];

	assert_int_equal(pipe(out), 0);
	assert_int_equal(pipe(go), 0);
	for (int i = 0; i < PROGRAMS; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			char c;

			close(go[1]);
			if (read(go[0], &c, 1) != 0 || peer_key_load(&k, path, NULL) < 0)
				_exit(1);
			_exit(write(out[1], &k, sizeof k) == (ssize_t)sizeof k ? 0 : 1);
		}
	}
	close(go[0]);
	close(go[1]); /* now */
	for (int i = 0; i < PROGRAMS; i++) {
		int status;

		waitpid(pids[i], &status, 0);
		assert_int_equal(status, 0);
		assert_int_equal(read(out[0], i == 0 ? &first : &k, sizeof k), sizeof k);
		if (i > 0)
			assert_memory_equal(&first, &k, sizeof k);
	}
	close(out[0]);
	close(out[1]);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { T(test_known_sum), T(test_good), T(test_wrong), T(test_malformed),
		T(test_key_is_made), T(test_key_is_refused), T(test_key_race) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

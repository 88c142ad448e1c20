/* Records, frames, base64url and log lines from anywhere. */
#include "fuzz.h"

#include "codec/b64.h"
#include "codec/frame.h"
#include "codec/kv.h"
#include "codec/spool.h"

static void
read_kv(const char *text, size_t len)
{
	struct err e = ERR_INIT;
	struct kv kv, again;
	struct buf out = BUF_INIT;

	if (kv_parse(&kv, text, len, &e) != 0) {
		fuzz_check_error(&e);
		return;
	}
	for (size_t i = 0; i < kv.n; i++) {
		CHECK(kv_key_ok(kv.pair[i].key, strlen(kv.pair[i].key)));
		CHECK(kv.pair[i].value[kv.pair[i].len] == '\0');
		kv_put_n(&out, kv.pair[i].key, kv.pair[i].value, kv.pair[i].len);
		kv_get_i64(&kv, kv.pair[i].key, 0);
	}
	CHECK(kv_parse(&again, buf_str(&out), out.len, &e) == 0);
	CHECK(again.n == kv.n);
	for (size_t i = 0; i < kv.n; i++) {
		CHECK(strcmp(again.pair[i].key, kv.pair[i].key) == 0);
		CHECK(again.pair[i].len == kv.pair[i].len &&
		    memcmp(again.pair[i].value, kv.pair[i].value, kv.pair[i].len) == 0);
	}
	kv_fini(&again);
	kv_fini(&kv);
	buf_fini(&out);
}

/* Appends the bodies of all whole frames, each with its end marked; returns what stopped it. */
static int
frames(struct buf *in, struct buf *out)
{
	struct err e = ERR_INIT;
	int rc;

	while ((rc = frame_get(in, out, &e)) == 1)
		buf_addc(out, '|');
	if (rc < 0)
		fuzz_check_error(&e);
	return rc;
}

/* However the bytes arrive, the frames are the same. */
static void
read_frames(const char *text, size_t len)
{
	struct buf whole = BUF_INIT, single = BUF_INIT, one = BUF_INIT, two = BUF_INIT;
	int rc_one, rc_two = 0;

	buf_add(&whole, text, len);
	rc_one = frames(&whole, &one);
	for (size_t i = 0; i < len && rc_two == 0; i++) {
		buf_add(&single, text + i, 1);
		rc_two = frames(&single, &two);
	}
	CHECK(rc_one == rc_two);
	fuzz_check_same(&one, &two);
	buf_clear(&whole);
	buf_clear(&two);
	frame_put(&whole, &one);
	CHECK(frame_get(&whole, &two, NULL) == 1 && whole.len == 0);
	fuzz_check_same(&one, &two);
	buf_fini(&whole);
	buf_fini(&single);
	buf_fini(&one);
	buf_fini(&two);
}

static void
read_b64(const char *text, size_t len)
{
	struct err e = ERR_INIT;
	struct buf bytes = BUF_INIT, again = BUF_INIT;

	if (b64url_get(&bytes, text, len, &e) == 0) {
		b64url_put(&again, buf_str(&bytes), bytes.len);
		CHECK(again.len <= len && (again.len == 0 || memcmp(again.data, text, again.len) == 0));
		CHECK(strspn(text + again.len, "=") == len - again.len);
	} else {
		fuzz_check_error(&e);
	}
	buf_fini(&bytes);
	buf_fini(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct spool_line line;

	read_kv(text, size);
	read_frames(text, size);
	read_b64(text, size);
	spool_parse(text, size, &line);
	CHECK(line.text >= text && line.text + line.len == text + size);
	CHECK(line.level >= SPOOL_DEBUG && line.level <= SPOOL_ERROR);
	free(text);
	return 0;
}

/* Bytes as a JSON text, a kv value, base64url and log lines: whatever they are, they come back. */
#include "fuzz.h"

#include "base/limits.h"
#include "codec/b64.h"
#include "codec/json.h"
#include "codec/kv.h"
#include "codec/spool.h"

static void
through_json(const char *text, size_t len)
{
	struct buf out = BUF_INIT, clean = BUF_INIT, again = BUF_INIT;
	struct jw w;
	struct json_t *doc;
	char *back = NULL;

	jw_init(&w, &out);
	jw_obj(&w);
	jw_str_n(&w, "k", text, len);
	jw_end(&w);
	CHECK(buf_ok(&out));
	doc = js_parse(out.data, out.len, NULL);
	CHECK(doc != NULL);
	CHECK(js_str(doc, "k", SIZE_MAX, &back, NULL) == 0 && back != NULL);
	spool_to_utf8(&clean, text, len); /* the same rule for bytes that are none */
	spool_to_utf8(&again, buf_str(&clean), clean.len);
	fuzz_check_same(&clean, &again);
	if (memchr(text, '\0', len) == NULL)
		CHECK(strcmp(back, buf_str(&clean)) == 0);
	free(back);
	js_free(doc);
	buf_fini(&out);
	buf_fini(&clean);
	buf_fini(&again);
}

static void
through_kv(const char *text, size_t len)
{
	struct buf out = BUF_INIT;
	struct kv kv;

	kv_put_n(&out, "k", text, len);
	kv_put_i64(&out, "n", (int64_t)len);
	CHECK(kv_parse(&kv, out.data, out.len, NULL) == 0);
	CHECK(kv.n == 2 && kv.pair[0].len == len && memcmp(kv.pair[0].value, text, len) == 0);
	CHECK(kv_get_i64(&kv, "n", -1) == (int64_t)len);
	kv_fini(&kv);
	buf_fini(&out);
}

static void
through_b64(const char *text, size_t len)
{
	struct buf out = BUF_INIT, back = BUF_INIT;

	b64url_put(&out, text, len);
	CHECK(b64url_get(&back, buf_str(&out), out.len, NULL) == 0);
	CHECK(back.len == len && (len == 0 || memcmp(back.data, text, len) == 0));
	buf_fini(&out);
	buf_fini(&back);
}

static void
through_spool(const char *text, size_t len, int64_t at_ms, int level)
{
	struct buf out = BUF_INIT, back = BUF_INIT;
	struct spool_line line;
	const char *p, *end;

	spool_put(&out, at_ms, level, text, len);
	CHECK(buf_ok(&out) && out.len > 0 && out.data[out.len - 1] == '\n');
	for (p = out.data; p < out.data + out.len; p = end + 1) {
		end = memchr(p, '\n', (size_t)(out.data + out.len - p));
		spool_parse(p, (size_t)(end - p), &line);
		CHECK(line.at_ms == at_ms && (int)line.level == level);
		buf_add(&back, line.text, line.len);
		buf_addc(&back, '\n');
	}
	if (len > 0 && text[len - 1] == '\n')
		len--;
	CHECK(back.len == len + 1 && memcmp(back.data, text, len) == 0);
	buf_fini(&out);
	buf_fini(&back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t level = fuzz_take(&data, &size, 1), at = fuzz_take(&data, &size, 5);
	char *text;

	if (size > LIMIT_LOG_LINE)
		size = LIMIT_LOG_LINE;
	text = fuzz_text(data, size);
	through_json(text, size);
	through_kv(text, size);
	through_b64(text, size);
	through_spool(text, size, (int64_t)at, (int)(level % 4) + 1);
	free(text);
	return 0;
}

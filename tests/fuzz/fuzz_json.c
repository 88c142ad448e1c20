/* JSON: what is taken is written as text that reads as the same. */
#include "fuzz.h"

#include "codec/json.h"

static void
getters(const struct json_t *doc)
{
	int64_t n;
	double real;
	bool yes;
	char *text = NULL;

	js_i64(doc, "a", 1, &n, NULL);
	js_real(doc, "a", 1, &real, NULL);
	js_bool(doc, "a", true, &yes, NULL);
	if (js_str(doc, "a", 100, &text, NULL) == 0 && text != NULL)
		CHECK(strlen(text) <= 100);
	free(text);
	js_unknown_key(doc, (const char *const[]){ "a", "b", NULL });
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = ERR_INIT;
	struct buf one = BUF_INIT, two = BUF_INIT;
	char *text = fuzz_text(data, size);
	struct json_t *doc = js_parse(text, size, &e), *again;

	if (doc == NULL) {
		fuzz_check_error(&e);
	} else {
		if (js_is_object(doc))
			getters(doc);
		js_dump(doc, &one);
		again = js_parse(buf_str(&one), one.len, &e);
		CHECK(again != NULL);
		js_dump(again, &two);
		fuzz_check_same(&one, &two);
		js_free(again);
	}
	js_free(doc);
	buf_fini(&one);
	buf_fini(&two);
	free(text);
	return 0;
}

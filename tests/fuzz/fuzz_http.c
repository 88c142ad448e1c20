/* HTTP requests: however the bytes arrive, the requests are the same, and lie inside of what arrived. */
#include "fuzz.h"

#include "net/http_parse.h"

static void
describe(const struct http_parse *p, const struct buf *in, struct buf *out)
{
	buf_addf(out, "%s %s %d%d%d\n", in->data + p->method, in->data + p->target, p->keep_alive, p->http10,
	    p->expect_continue);
	for (uint32_t i = 0; i < p->n_fields; i++) {
		CHECK(p->fields[i][0] < in->len && p->fields[i][1] < in->len);
		buf_addf(out, "%s: %s\n", in->data + p->fields[i][0], in->data + p->fields[i][1]);
	}
	CHECK(p->body_at + p->body_len <= p->at && p->at <= in->len);
	buf_add(out, in->data + p->body_at, p->body_len);
	buf_addf(out, "\n%u\n", p->at);
	http_parse_field(p, in, "host");
}

/* One request; `step` bytes at a time. */
static int
feed(const char *text, size_t len, size_t step, struct buf *out)
{
	struct http_parse p;
	struct buf in = BUF_INIT;
	struct err e = ERR_INIT;
	int rc = 0;

	http_parse_init(&p);
	for (size_t at = 0; at < len && rc == 0; at += step) {
		buf_add(&in, text + at, len - at < step ? len - at : step);
		rc = http_parse_feed(&p, &in, &e);
	}
	if (rc < 0)
		fuzz_check_error(&e);
	else if (rc == 1)
		describe(&p, &in, out);
	buf_fini(&in);
	return rc;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf one = BUF_INIT, two = BUF_INIT, three = BUF_INIT;
	char *text = fuzz_text(data, size);
	int rc = feed(text, size, size > 0 ? size : 1, &one);

	CHECK(feed(text, size, 1, &two) == rc);
	CHECK(feed(text, size, 7, &three) == rc);
	fuzz_check_same(&one, &two);
	fuzz_check_same(&one, &three);
	buf_fini(&one);
	buf_fini(&two);
	buf_fini(&three);
	free(text);
	return 0;
}

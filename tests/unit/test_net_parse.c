/* The request parser alone: the same result however the bytes are cut, and nothing wild for damaged ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "net/http_parse.h"

static const char *const corpus[] = {
	"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET /a?b=c HTTP/1.1\nHost:h\n\n",
	"\r\n\r\nGET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\nhello world",
	"POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0a;x=\"y\"\r\n0123456789\r\n000\r\nT: 1\r\n\r\n",
	"PUT http://h:1/p HTTP/1.1\r\nHost: h:1\r\nX: \t y \t\r\nConnection: foo, Close\r\nContent-Length: 0\r\n\r\n",
	"POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n",
};

/* What the parser made of it, as text; the buffer is given back as it would be used. */
static void
describe(const struct http_parse *p, const struct buf *in, int rc, struct buf *out)
{
	buf_addf(out, "%d %d", rc, (int)p->state);
	if (rc < 0)
		return;
	if (p->state != HTTP_PARSE_LINE)
		buf_addf(out, " %s %s", in->data + p->method, in->data + p->target);
	for (uint32_t i = 0; i < p->n_fields; i++)
		buf_addf(out, " [%s=%s]", in->data + p->fields[i][0], in->data + p->fields[i][1]);
	buf_addf(out, " body=%.*s", (int)p->body_len, p->body_len > 0 ? in->data + p->body_at : "");
	buf_addf(out, " keep=%d expect=%d 10=%d rest=%zu", p->keep_alive, p->expect_continue, p->http10,
	    rc > 0 ? in->len - p->at : 0);
}

/* Feeds text in pieces whose lengths `cut` gives (0: all at once). */
static int
feed(const char *text, size_t len, size_t (*cut)(void), struct buf *told)
{
	struct http_parse p;
	struct buf in = BUF_INIT;
	struct err e = ERR_INIT;
	size_t at = 0;
	int rc = 0;

	http_parse_init(&p);
	while (rc == 0 && at < len) {
		size_t n = cut != NULL ? cut() : len;

		if (n > len - at)
			n = len - at;
		buf_add(&in, text + at, n);
		at += n;
		rc = http_parse_feed(&p, &in, &e);
		assert_true(p.at <= in.len && p.body_at + p.body_len <= in.len);
		assert_int_equal(rc < 0, e.code != ERR_NONE);
		if (rc > 0)
			assert_int_equal(p.state, HTTP_PARSE_DONE);
	}
	if (rc > 0)
		buf_add(&in, text + at, len - at); /* for `rest` */
	describe(&p, &in, rc, told);
	buf_fini(&in);
	return rc;
}

static size_t
one(void)
{
	return 1;
}

static unsigned seed = 1;

static unsigned
draw(unsigned below)
{
	seed = seed * 1103515245u + 12345u;
	return (seed >> 16) % below;
}

static size_t
some(void)
{
	return 1 + draw(7);
}

static void
same_however_cut(const char *text, size_t len)
{
	struct buf whole = BUF_INIT, cut = BUF_INIT;

	feed(text, len, NULL, &whole);
	feed(text, len, one, &cut);
	assert_string_equal(buf_str(&cut), buf_str(&whole));
	for (int i = 0; i < 4; i++) {
		buf_clear(&cut);
		feed(text, len, some, &cut);
		assert_string_equal(buf_str(&cut), buf_str(&whole));
	}
	buf_fini(&whole);
	buf_fini(&cut);
}

static void
test_cuts(void **state)
{
	struct buf two = BUF_INIT;

	for (size_t i = 0; i < sizeof corpus / sizeof corpus[0]; i++) {
		same_however_cut(corpus[i], strlen(corpus[i]));
		buf_clear(&two);
		buf_adds(&two, corpus[i]);
		buf_adds(&two, corpus[0]);
		same_however_cut(two.data, two.len);
	}
	buf_fini(&two);
}

static void
test_what_it_says(void **state)
{
	static const char *const told[] = {
		"1 7 GET / [Host=h] body= keep=1 expect=0 10=0 rest=0",
		"1 7 GET /a?b=c [Host=h] body= keep=1 expect=0 10=0 rest=0",
		"1 7 GET /x [Connection=keep-alive] body= keep=1 expect=0 10=1 rest=0",
		"1 7 POST /p [Host=h] [Content-Length=11] [Expect=100-continue] body=hello world keep=1 expect=1 10=0 rest=0",
		"1 7 POST /c [Host=h] [Transfer-Encoding=chunked] body=a0123456789 keep=1 expect=0 10=0 rest=0",
		"1 7 PUT http://h:1/p [Host=h:1] [X=y] [Connection=foo, Close] [Content-Length=0] body= keep=0 expect=0 10=0 rest=0",
		"1 7 POST /c [Host=h] [Transfer-Encoding=chunked] body=abc keep=1 expect=0 10=0 rest=0",
	};
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < sizeof corpus / sizeof corpus[0]; i++) {
		buf_clear(&b);
		feed(corpus[i], strlen(corpus[i]), NULL, &b);
		assert_string_equal(buf_str(&b), told[i]);
	}
	buf_fini(&b);
}

/* Every request cut short is just not whole yet. */
static void
test_prefixes(void **state)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < sizeof corpus / sizeof corpus[0]; i++)
		for (size_t n = 0; n < strlen(corpus[i]); n++)
			assert_int_equal(feed(corpus[i], n, NULL, &b), 0);
	buf_fini(&b);
}

/* Damaged requests, cut differently, are still taken alike (the sanitizers watch the rest). */
static void
test_damage(void **state)
{
	static const char nasty[] = "\r\n :;,\t0aF%/\0\x7f\xff";
	char text[512];

	for (int round = 0; round < 20000; round++) {
		const char *from = corpus[draw(sizeof corpus / sizeof corpus[0])];
		size_t len = strlen(from);

		memcpy(text, from, len);
		for (unsigned n = 1 + draw(3); n > 0; n--) {
			size_t at = draw((unsigned)len);

			switch (draw(3)) {
			case 0: /* change */
				text[at] = nasty[draw(sizeof nasty - 1)];
				break;
			case 1: /* leave out */
				memmove(text + at, text + at + 1, --len - at);
				break;
			case 2: /* put in */
				memmove(text + at + 1, text + at, len++ - at);
				text[at] = nasty[draw(sizeof nasty - 1)];
				break;
			}
		}
		same_however_cut(text, len);
	}
}

/* Small chunks with long extensions do not make the buffer grow. */
static void
test_chunk_overhead(void **state)
{
	struct http_parse p;
	struct buf in = BUF_INIT;
	struct err e = ERR_INIT;

	http_parse_init(&p);
	buf_adds(&in, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 20000; i++) {
		buf_adds(&in, "1;extension=0123456789012345678901234567890123456789\r\nx\r\n");
		assert_int_equal(http_parse_feed(&p, &in, &e), 0);
	}
	assert_int_equal(p.body_len, 20000);
	assert_true(in.len < 21000);
	buf_fini(&in);
}

static void
test_trailer_limit(void **state)
{
	struct buf b = BUF_INIT, told = BUF_INIT;

	buf_adds(&b, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
	for (int i = 0; i < 2000; i++)
		buf_adds(&b, "Trailer: 0123456789\r\n");
	assert_int_equal(feed(b.data, b.len, some, &told), -1);
	buf_fini(&b);
	buf_fini(&told);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_what_it_says),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_chunk_overhead),
		cmocka_unit_test(test_trailer_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

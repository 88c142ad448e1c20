/* What the fuzz targets share. A target is one function over any bytes: it must come back, and CHECK what must hold. */
#ifndef PJ_FUZZ_H
#define PJ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FAIL(why) \
	do { \
		fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, why); \
		abort(); \
	} while (0)
#define CHECK(what) \
	do { \
		if (!(what)) \
			FAIL(#what); \
	} while (0)

/* Bytes off the front of the input; zeros behind its end. */
static inline uint64_t
fuzz_take(const uint8_t **data, size_t *size, size_t n)
{
	uint64_t v = 0;

	for (; n > 0; n--) {
		v = v << 8 | (*size > 0 ? **data : 0);
		if (*size > 0) {
			++*data;
			--*size;
		}
	}
	return v;
}

/* A copy that ends where the input ends, so that reading behind it is seen; NUL behind. free it. */
static inline char *
fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	CHECK(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

static inline void
fuzz_check_error(const struct err *e)
{
	CHECK(e->code > ERR_NONE && e->code < ERR_CODES_);
	CHECK(e->msg[0] != '\0' && strnlen(e->msg, sizeof e->msg) < sizeof e->msg);
	for (const char *p = e->msg; *p != '\0'; p += utf8_length((const unsigned char *)p, strlen(p))) {
		CHECK((unsigned char)*p >= ' ' && *p != 0x7f);
		CHECK(utf8_length((const unsigned char *)p, strlen(p)) > 0);
	}
}

static inline void
fuzz_check_same(const struct buf *a, const struct buf *b)
{
	CHECK(buf_ok(a) && buf_ok(b));
	if (a->len != b->len || (a->len > 0 && memcmp(a->data, b->data, a->len) != 0)) {
		fprintf(stderr, "first:  %.*s\nsecond: %.*s\n", (int)a->len, buf_str(a), (int)b->len, buf_str(b));
		FAIL("the same both times");
	}
}

#endif

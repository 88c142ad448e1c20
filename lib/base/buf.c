#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
buf_init(struct buf *b)
{
	*b = (struct buf)BUF_INIT;
}

void
buf_fini(struct buf *b)
{
	free(b->data);
	buf_init(b);
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->data != NULL)
		b->data[0] = '\0';
}

bool
buf_ok(const struct buf *b)
{
	return !b->failed;
}

const char *
buf_str(const struct buf *b)
{
	return b->data != NULL ? b->data : "";
}

char *
buf_take(struct buf *b, size_t *len_or_null)
{
	char *data;

	if (b->failed || (b->data == NULL && buf_room(b, 0) == NULL)) {
		buf_fini(b);
		return NULL;
	}
	b->data[b->len] = '\0';
	data = b->data;
	if (len_or_null != NULL)
		*len_or_null = b->len;
	buf_init(b);
	return data;
}

char *
buf_room(struct buf *b, size_t more)
{
	size_t cap = b->cap > 0 ? b->cap : 64;
	char *data;

	if (b->failed || more > (size_t)-1 / 4 - b->len) {
		b->failed = true;
		return NULL;
	}
	while (cap < b->len + more + 1)
		cap *= 2;
	if (cap != b->cap) {
		data = realloc(b->data, cap);
		if (data == NULL) {
			b->failed = true;
			return NULL;
		}
		b->data = data;
		b->cap = cap;
	}
	return b->data + b->len;
}

void
buf_add(struct buf *b, const void *data, size_t len)
{
	char *at = buf_room(b, len);

	if (at == NULL)
		return;
	if (len > 0)
		memcpy(at, data, len);
	at[len] = '\0';
	b->len += len;
}

void
buf_addc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void
buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_add_i64(struct buf *b, int64_t value)
{
	uint64_t n = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	char digits[20];
	size_t at = sizeof digits;

	do
		digits[--at] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	if (value < 0)
		digits[--at] = '-';
	buf_add(b, digits + at, sizeof digits - at);
}

void
buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	char *at;
	int n;

	va_copy(again, ap);
	at = buf_room(b, 63);
	n = at != NULL ? vsnprintf(at, 64, fmt, ap) : -1;
	if (n >= 64 && (at = buf_room(b, (size_t)n)) != NULL)
		n = vsnprintf(at, (size_t)n + 1, fmt, again);
	va_end(again);
	if (n >= 0 && at != NULL) {
		b->len += (size_t)n;
		return;
	}
	b->failed = true;
	if (b->data != NULL)
		b->data[b->len] = '\0'; /* the first try may have left a part */
}

void
buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(b, fmt, ap);
	va_end(ap);
}

void
buf_drop(struct buf *b, size_t len)
{
	if (len >= b->len) {
		buf_clear(b);
		return;
	}
	memmove(b->data, b->data + len, b->len - len + 1);
	b->len -= len;
}

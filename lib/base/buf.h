/* A growable run of bytes with a NUL kept behind it. Failures stick: append freely, ask buf_ok() once at the end. */
#ifndef PJ_BASE_BUF_H
#define PJ_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *data; /* NULL while empty and never grown; else NUL behind data[len - 1] */
	size_t len;
	size_t cap;
	bool failed; /* an allocation failed: data holds what came before it */
};

#define BUF_INIT { NULL, 0, 0, false }

void buf_init(struct buf *b);
void buf_fini(struct buf *b);  /* frees the bytes; b can be used again */
void buf_clear(struct buf *b); /* keeps the memory, forgets contents and failure */
bool buf_ok(const struct buf *b);
const char *buf_str(const struct buf *b); /* never NULL; borrowed until the next change */
char *buf_take(struct buf *b, size_t *len_or_null); /* gives the malloc'ed bytes, NUL behind; NULL on failure */
void buf_add(struct buf *b, const void *data, size_t len);
void buf_addc(struct buf *b, char c);
void buf_adds(struct buf *b, const char *s);
void buf_add_i64(struct buf *b, int64_t value); /* in decimal; much cheaper than buf_addf */
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
void buf_drop(struct buf *b, size_t len); /* removes len bytes from the front */
/* Makes room for `more` bytes behind len and returns where they go; NULL on failure. Add to len what was used. */
char *buf_room(struct buf *b, size_t more);

#endif

/* Records of text lines `key=value`: slot files, heartbeat files, messages of the spawner. libc only.
 * In a value, backslash, newline, carriage return and NUL are written \\ \n \r \0, everything else as it is.
 * Keys are [A-Za-z0-9_.-]; a key may come several times (a list, in order). */
#ifndef PJ_CODEC_KV_H
#define PJ_CODEC_KV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

void kv_put(struct buf *out, const char *key, const char *value); /* NULL value: nothing is written */
void kv_put_n(struct buf *out, const char *key, const char *value, size_t len);
void kv_put_i64(struct buf *out, const char *key, int64_t value);

struct kv_pair {
	const char *key;
	const char *value; /* unescaped, NUL behind; may hold NULs: see len */
	size_t len;
};

struct kv {
	struct kv_pair *pair;
	size_t n;
	char *text; /* owns what the pairs point into */
};

bool kv_key_ok(const char *key, size_t len); /* 1 to 128 bytes of the allowed characters */

/* Parses text[0..len): copies it. ERR_DATA names the line; ERR_NOMEM. Blank lines are ignored. */
int kv_parse(struct kv *kv, const char *text, size_t len, struct err *e);
void kv_fini(struct kv *kv);
const char *kv_get(const struct kv *kv, const char *key);              /* first value, NULL none */
int64_t kv_get_i64(const struct kv *kv, const char *key, int64_t none); /* `none` when missing or no number */
/* The first pair of this key at or after index *from; sets *from behind it; NULL when there is no more. */
const struct kv_pair *kv_next(const struct kv *kv, const char *key, size_t *from);

#endif

#include "codec/kv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX 128

bool
kv_key_ok(const char *key, size_t len)
{
	if (len == 0 || len > KEY_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = key[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
		    c == '.' || c == '-'))
			return false;
	}
	return true;
}

static char
escape_of(char c)
{
	switch (c) {
	case '\\':
		return '\\';
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\0':
		return '0';
	default:
		return '\0';
	}
}

void
kv_put_n(struct buf *out, const char *key, const char *value, size_t len)
{
	size_t from = 0;

	buf_adds(out, key);
	buf_addc(out, '=');
	for (size_t i = 0; i < len; i++) {
		char c = escape_of(value[i]);

		if (c == '\0')
			continue;
		buf_add(out, value + from, i - from);
		buf_addc(out, '\\');
		buf_addc(out, c);
		from = i + 1;
	}
	buf_add(out, value + from, len - from);
	buf_addc(out, '\n');
}

void
kv_put(struct buf *out, const char *key, const char *value)
{
	if (value != NULL)
		kv_put_n(out, key, value, strlen(value));
}

void
kv_put_i64(struct buf *out, const char *key, int64_t value)
{
	buf_adds(out, key);
	buf_addc(out, '=');
	buf_add_i64(out, value); /* a run writes some sixty: not through printf */
	buf_addc(out, '\n');
}

/* Unescapes text[0..*len) in place and sets the new length; -1 at a backslash that means nothing. */
static int
unescape(char *text, size_t *len)
{
	size_t to = 0;

	if (memchr(text, '\\', *len) == NULL)
		return 0;
	for (size_t i = 0; i < *len; i++) {
		char c = text[i];

		if (c == '\\') {
			if (++i == *len)
				return -1;
			c = text[i];
			if (c == 'n')
				c = '\n';
			else if (c == 'r')
				c = '\r';
			else if (c == '0')
				c = '\0';
			else if (c != '\\')
				return -1;
		}
		text[to++] = c;
	}
	*len = to;
	return 0;
}

static int
add_line(struct kv *kv, char *line, size_t len, size_t number, struct err *e)
{
	struct kv_pair *p = &kv->pair[kv->n];
	char *eq = memchr(line, '=', len);

	if (eq == NULL)
		return err_set(e, ERR_DATA, "line %zu has no `='", number);
	if (!kv_key_ok(line, (size_t)(eq - line)))
		return err_set(e, ERR_DATA, "line %zu: bad key before `='", number);
	p->key = line;
	p->value = eq + 1;
	p->len = len - (size_t)(eq + 1 - line);
	if (unescape(eq + 1, &p->len) < 0)
		return err_set(e, ERR_DATA, "line %zu: bad escape in the value of %.*s", number, (int)(eq - line),
		    line);
	*eq = '\0';
	eq[1 + p->len] = '\0';
	kv->n++;
	return 0;
}

static size_t
count_lines(const char *text, size_t len)
{
	size_t n = 1;

	for (const char *p = text; (p = memchr(p, '\n', len - (size_t)(p - text))) != NULL; p++)
		n++;
	return n;
}

int
kv_parse(struct kv *kv, const char *text, size_t len, struct err *e)
{
	size_t number = 1;

	*kv = (struct kv){ .text = malloc(len + 1) };
	kv->pair = calloc(count_lines(text, len), sizeof *kv->pair);
	if (kv->text == NULL || kv->pair == NULL) {
		kv_fini(kv);
		return err_set(e, ERR_NOMEM, "out of memory reading a record of %zu bytes", len);
	}
	if (len > 0)
		memcpy(kv->text, text, len);
	kv->text[len] = '\0';
	for (size_t at = 0; at < len; number++) {
		char *line = kv->text + at;
		char *end = memchr(line, '\n', len - at);
		size_t n = end != NULL ? (size_t)(end - line) : len - at;

		at += n + 1;
		if (n > 0 && add_line(kv, line, n, number, e) < 0) {
			kv_fini(kv);
			return -1;
		}
	}
	return 0;
}

void
kv_fini(struct kv *kv)
{
	free(kv->pair);
	free(kv->text);
	*kv = (struct kv){ 0 };
}

const struct kv_pair *
kv_next(const struct kv *kv, const char *key, size_t *from)
{
	for (size_t i = *from; i < kv->n; i++)
		if (strcmp(kv->pair[i].key, key) == 0) {
			*from = i + 1;
			return &kv->pair[i];
		}
	*from = kv->n;
	return NULL;
}

const char *
kv_get(const struct kv *kv, const char *key)
{
	size_t from = 0;
	const struct kv_pair *p = kv_next(kv, key, &from);

	return p != NULL ? p->value : NULL;
}

int64_t
kv_get_i64(const struct kv *kv, const char *key, int64_t none)
{
	const char *value = kv_get(kv, key);
	long long n;
	char *end;

	if (value == NULL || !((*value >= '0' && *value <= '9') || *value == '-'))
		return none;
	errno = 0;
	n = strtoll(value, &end, 10);
	return errno == 0 && end != value && *end == '\0' ? n : none;
}

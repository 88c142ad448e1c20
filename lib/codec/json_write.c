/* The writer of json.h. The reader's half is json.c. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "codec/json.h"

static void
put_escaped(struct buf *out, unsigned char c)
{
	switch (c) {
	case '"':
		buf_add(out, "\\\"", 2);
		break;
	case '\\':
		buf_add(out, "\\\\", 2);
		break;
	case '\n':
		buf_add(out, "\\n", 2);
		break;
	case '\t':
		buf_add(out, "\\t", 2);
		break;
	case '\r':
		buf_add(out, "\\r", 2);
		break;
	default:
		if (c != '\0' && c < ' ')
			buf_addf(out, "\\u%04x", (unsigned)c);
		else /* NUL, which no reader of ours takes, or no UTF-8 */
			buf_add(out, "\xef\xbf\xbd", 3);
	}
}

static void
put_text(struct buf *out, const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t run = 0, at = 0;

	buf_addc(out, '"');
	while (at < len) {
		size_t n = s[at] < ' ' || s[at] == '"' || s[at] == '\\' ? 0 : utf8_length(s + at, len - at);

		if (n > 0) {
			at += n;
			continue;
		}
		buf_add(out, text + run, at - run);
		put_escaped(out, s[at]);
		run = ++at;
	}
	buf_add(out, text + run, at - run);
	buf_addc(out, '"');
}

/* Writes the shortest form of at most digits_max digits; with a point, so that it stays a real. */
static void
put_real(struct buf *out, double v, int digits_max)
{
	char s[40];
	int n = 0;

	if (!isfinite(v)) {
		buf_adds(out, "null"); /* JSON has no such number */
		return;
	}
	for (int d = DBL_DIG; d <= digits_max; d++) {
		n = snprintf(s, sizeof s - 3, "%.*g", d, v);
		if (d == digits_max || !(strtod(s, NULL) < v || strtod(s, NULL) > v))
			break;
	}
	if (strchr(s, '.') == NULL) {
		size_t mantissa = strcspn(s, "e");

		memmove(s + mantissa + 2, s + mantissa, (size_t)n - mantissa + 1);
		memcpy(s + mantissa, ".0", 2);
	}
	buf_adds(out, s);
}

void
jw_init(struct jw *w, struct buf *out)
{
	*w = (struct jw){ .out = out };
}

static bool
in_object(const struct jw *w)
{
	return w->depth > 0 && (w->object >> (w->depth - 1) & 1) != 0;
}

/* What stands before every value: a comma, and in an object the member's name. */
static void
begin(struct jw *w, const char *name)
{
	if (in_object(w) != (name != NULL))
		abort(); /* the caller lost track of where it is: what it wrote would be no JSON */
	if (w->comma)
		buf_addc(w->out, ',');
	w->comma = true;
	if (name == NULL)
		return;
	put_text(w->out, name, strlen(name));
	buf_addc(w->out, ':');
}

static void
open_level(struct jw *w, const char *name, bool object)
{
	begin(w, name);
	if (w->depth == 64)
		abort();
	buf_addc(w->out, object ? '{' : '[');
	w->object = (w->object & ~(UINT64_C(1) << w->depth)) | (uint64_t)object << w->depth;
	w->depth++;
	w->comma = false;
}

void
jw_obj(struct jw *w)
{
	open_level(w, NULL, true);
}

void
jw_obj_in(struct jw *w, const char *name)
{
	open_level(w, name, true);
}

void
jw_arr(struct jw *w)
{
	open_level(w, NULL, false);
}

void
jw_arr_in(struct jw *w, const char *name)
{
	open_level(w, name, false);
}

void
jw_end(struct jw *w)
{
	if (w->depth == 0)
		abort();
	buf_addc(w->out, in_object(w) ? '}' : ']');
	w->depth--;
	w->comma = true;
}

/* Digits of v before end; returns where they start. */
static char *
digits(char *end, int64_t v)
{
	uint64_t u = v < 0 ? (uint64_t)0 - (uint64_t)v : (uint64_t)v;

	do {
		*--end = (char)('0' + u % 10);
		u /= 10;
	} while (u > 0);
	if (v < 0)
		*--end = '-';
	return end;
}

void
jw_i64(struct jw *w, const char *name, int64_t v)
{
	char text[24];
	char *from = digits(text + sizeof text, v);

	begin(w, name);
	buf_add(w->out, from, (size_t)(text + sizeof text - from));
}

void
jw_id(struct jw *w, const char *name, int64_t v)
{
	char text[24];
	char *from = digits(text + sizeof text - 1, v);

	text[sizeof text - 1] = '"';
	*--from = '"';
	begin(w, name);
	buf_add(w->out, from, (size_t)(text + sizeof text - from));
}

void
jw_real(struct jw *w, const char *name, double v)
{
	begin(w, name);
	put_real(w->out, v, DBL_DIG);
}

void
jw_real_n(struct jw *w, const char *name, double v, int digits_max)
{
	begin(w, name);
	put_real(w->out, v, digits_max);
}

void
jw_bool(struct jw *w, const char *name, bool v)
{
	begin(w, name);
	buf_adds(w->out, v ? "true" : "false");
}

void
jw_null(struct jw *w, const char *name)
{
	begin(w, name);
	buf_adds(w->out, "null");
}

void
jw_str(struct jw *w, const char *name, const char *v)
{
	if (v == NULL)
		jw_null(w, name);
	else
		jw_str_n(w, name, v, strlen(v));
}

void
jw_str_n(struct jw *w, const char *name, const char *v, size_t len)
{
	begin(w, name);
	put_text(w->out, v, len);
}

void
jw_raw(struct jw *w, const char *name, const char *json)
{
	begin(w, name);
	buf_adds(w->out, json != NULL ? json : "null");
}

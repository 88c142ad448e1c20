#include "codec/json.h"

#include <errno.h>
#include <float.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"

/* jansson's iterators want a pointer they may write through; we only read. */
static json_t *
writable(const struct json_t *v)
{
	union {
		const json_t *in;
		json_t *out;
	} u = { .in = v };

	return u.out;
}

static void
line_and_column(const char *text, size_t at, size_t *line, size_t *column)
{
	*line = 1;
	*column = 1;
	for (size_t i = 0; i < at; i++) {
		(*column)++;
		if (text[i] == '\n') {
			(*line)++;
			*column = 1;
		}
	}
}

/* jansson recurses to 2048 levels; our limit is looked at before it gets the text. */
static int
check_depth(const char *text, size_t len, struct err *e)
{
	size_t line, column;
	unsigned depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (quoted) {
			if (c == '\\')
				i++;
			else if (c == '"')
				quoted = false;
		} else if (c == '"') {
			quoted = true;
		} else if (c == '{' || c == '[') {
			if (++depth <= LIMIT_JSON_DEPTH)
				continue;
			line_and_column(text, i, &line, &column);
			return err_set(e, ERR_DATA, "JSON, line %zu, column %zu: nested deeper than %d", line, column,
			    LIMIT_JSON_DEPTH);
		} else if ((c == '}' || c == ']') && depth > 0) {
			depth--;
		}
	}
	return 0;
}

/* The code unit of an escape \uXXXX at p, -1 when there is none. */
static long
escaped_unit(const char *p, const char *end)
{
	long v = 0;

	if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
		return -1;
	for (int i = 2; i < 6; i++) {
		const char *digits = "0123456789abcdef", *at = memchr(digits, p[i] | 0x20, 16);

		if (at == NULL)
			return -1;
		v = v * 16 + (at - digits);
	}
	return v;
}

/* Java writes what its strings hold: NULs, and halves of surrogate pairs. They are no text for us, and no reason to lose a
 * message: each becomes U+FFFD. NULL with *failed false: there is nothing to mend; else a malloc'ed copy of the text. */
static char *
mend_escapes(const char *text, size_t len, bool *failed)
{
	char *copy = NULL;

	*failed = false;
	if (memmem(text, len, "\\u", 2) == NULL)
		return NULL;
	for (size_t i = 0; i + 1 < len; i++) {
		long unit = escaped_unit(text + i, text + len), next;

		if (text[i] != '\\')
			continue;
		if (unit >= 0xd800 && unit < 0xdc00) {
			next = escaped_unit(text + i + 6, text + len);
			if (next >= 0xdc00 && next < 0xe000) {
				i += 11; /* a whole pair */
				continue;
			}
		}
		if (unit == 0 || (unit >= 0xd800 && unit < 0xe000)) {
			if (copy == NULL) {
				copy = malloc(len);
				if ((*failed = copy == NULL))
					return NULL;
				memcpy(copy, text, len);
			}
			memcpy(copy + i + 2, "fffd", 4);
		}
		i += unit >= 0 ? 5 : 1;
	}
	return copy;
}

/* Parts of the text stand in jansson's message: one line, no control bytes. */
static void
make_plain(char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 127)
			*s = ' ';
}

struct json_t *
js_parse(const char *text, size_t len, struct err *e)
{
	json_error_t je = { .text = "" };
	char *mended;
	json_t *doc;
	bool failed;

	if (check_depth(text, len, e) < 0)
		return NULL;
	mended = mend_escapes(text, len, &failed);
	doc = failed ? NULL : json_loadb(mended != NULL ? mended : text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &je);
	free(mended);
	if (doc != NULL)
		return doc;
	if (failed || json_error_code(&je) == json_error_out_of_memory) {
		err_set(e, ERR_NOMEM, "out of memory reading JSON of %zu bytes", len);
		return NULL;
	}
	make_plain(je.text);
	err_set(e, ERR_DATA, "JSON, line %d, column %d: %s", je.line, je.column, je.text);
	return NULL;
}

void
js_free(struct json_t *doc)
{
	json_decref(doc);
}

bool
js_is_object(const struct json_t *v)
{
	return json_is_object(v);
}

bool
js_is_array(const struct json_t *v)
{
	return json_is_array(v);
}

size_t
js_len(const struct json_t *array)
{
	return json_array_size(array);
}

const struct json_t *
js_at(const struct json_t *array, size_t i)
{
	return json_array_get(array, i);
}

const struct json_t *
js_get(const struct json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);

	return json_is_null(v) ? NULL : v;
}

bool
js_has(const struct json_t *object, const char *key)
{
	return json_object_get(object, key) != NULL;
}

const char *
js_unknown_key(const struct json_t *object, const char *const *known)
{
	json_t *o = writable(object);

	for (void *it = json_object_iter(o); it != NULL; it = json_object_iter_next(o, it)) {
		const char *key = json_object_iter_key(it);
		size_t i = 0;

		while (known[i] != NULL && strcmp(known[i], key) != 0)
			i++;
		if (known[i] == NULL)
			return key;
	}
	return NULL;
}

static const char *
kind_of(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "text";
	case JSON_INTEGER:
		return "a whole number";
	case JSON_REAL:
		return "a number with a fraction";
	case JSON_TRUE:
	case JSON_FALSE:
		return "true or false";
	case JSON_NULL:
		return "null";
	}
	return "?";
}

static int
not_a(const char *wanted, const char *key, const json_t *v, struct err *e)
{
	char sample[48] = "";

	if (json_is_string(v)) {
		snprintf(sample, sizeof sample, " \"%.40s\"", json_string_value(v));
		make_plain(sample);
	}
	return err_set(e, ERR_DATA, "member \"%s\" must be %s, not %s%s", key, wanted, kind_of(v), sample);
}

static bool
is_blank(const char *s)
{
	return s[strspn(s, " \t\r\n")] == '\0';
}

/* The whole text as a number, blanks around it allowed. */
static bool
text_to_real(const char *s, double *out)
{
	char *end;

	/* strtod also takes hexadecimal, inf and nan: they are no JSON. */
	if (s[strspn(s, " \t\r\n+-0123456789.eE")] != '\0')
		return false;
	*out = strtod(s, &end);
	return end != s && is_blank(end) && isfinite(*out);
}

static bool
text_to_i64(const char *s, int64_t *out)
{
	long long v;
	char *end;

	errno = 0;
	v = strtoll(s, &end, 10);
	*out = v;
	return end != s && is_blank(end) && errno == 0;
}

static bool
cut_to_i64(double v, int64_t *out)
{
	if (!(v >= -9223372036854775808.0 && v < 9223372036854775808.0))
		return false;
	*out = (int64_t)v;
	return true;
}

int
js_i64(const struct json_t *object, const char *key, int64_t none, int64_t *out, struct err *e)
{
	const json_t *v = js_get(object, key);
	double real;

	*out = none;
	if (v == NULL)
		return 0;
	if (json_is_integer(v)) {
		*out = json_integer_value(v);
		return 0;
	}
	if (json_is_boolean(v)) {
		*out = json_is_true(v);
		return 0;
	}
	if (json_is_string(v)) {
		if (is_blank(json_string_value(v)) || text_to_i64(json_string_value(v), out))
			return 0;
		if (text_to_real(json_string_value(v), &real) && cut_to_i64(real, out))
			return 0;
	} else if (json_is_real(v) && cut_to_i64(json_real_value(v), out)) {
		return 0;
	}
	*out = none;
	return not_a("a whole number of 64 bits", key, v, e);
}

int
js_real(const struct json_t *object, const char *key, double none, double *out, struct err *e)
{
	const json_t *v = js_get(object, key);

	*out = none;
	if (v == NULL)
		return 0;
	if (json_is_number(v)) {
		*out = json_number_value(v);
		return 0;
	}
	if (json_is_boolean(v)) {
		*out = json_is_true(v) ? 1 : 0;
		return 0;
	}
	if (json_is_string(v) && (is_blank(json_string_value(v)) || text_to_real(json_string_value(v), out)))
		return 0;
	*out = none;
	return not_a("a number", key, v, e);
}

int
js_bool(const struct json_t *object, const char *key, bool none, bool *out, struct err *e)
{
	const json_t *v = js_get(object, key);

	*out = none;
	if (v == NULL)
		return 0;
	if (json_is_boolean(v)) {
		*out = json_is_true(v);
		return 0;
	}
	if (json_is_number(v)) {
		*out = json_number_value(v) < 0 || json_number_value(v) > 0;
		return 0;
	}
	if (json_is_string(v)) {
		const char *s = json_string_value(v);

		if (is_blank(s))
			return 0;
		if (strcasecmp(s, "true") == 0 || strcasecmp(s, "false") == 0) {
			*out = strcasecmp(s, "true") == 0;
			return 0;
		}
	}
	return not_a("true or false", key, v, e);
}

int
js_str(const struct json_t *object, const char *key, size_t max_bytes, char **out, struct err *e)
{
	const json_t *v = js_get(object, key);
	struct buf b = BUF_INIT;
	struct jw w;

	*out = NULL;
	if (v == NULL)
		return 0;
	if (json_is_string(v)) {
		if (json_string_length(v) > max_bytes)
			return err_set(e, ERR_TOOBIG, "member \"%s\" is %zu bytes long, at most %zu are allowed", key,
			    json_string_length(v), max_bytes);
		buf_add(&b, json_string_value(v), json_string_length(v));
	} else if (json_is_integer(v)) {
		buf_addf(&b, "%lld", (long long)json_integer_value(v));
	} else if (json_is_real(v)) {
		jw_init(&w, &b);
		jw_real_n(&w, NULL, json_real_value(v), DBL_DECIMAL_DIG);
	} else if (json_is_boolean(v)) {
		buf_adds(&b, json_is_true(v) ? "true" : "false");
	} else {
		return not_a("text", key, v, e);
	}
	if (b.len > max_bytes) {
		buf_fini(&b);
		return err_set(e, ERR_TOOBIG, "member \"%s\" is longer than %zu bytes", key, max_bytes);
	}
	*out = buf_take(&b, NULL);
	return *out != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory reading member \"%s\"", key);
}

int
js_int(const struct json_t *v, int64_t *out)
{
	if (!json_is_integer(v))
		return -1;
	*out = json_integer_value(v);
	return 0;
}

const char *
js_text(const struct json_t *string_value)
{
	return json_string_value(string_value);
}

static void
dump(struct jw *w, const char *name, const json_t *v)
{
	json_t *in = writable(v);

	switch (json_typeof(v)) {
	case JSON_OBJECT:
		if (name != NULL)
			jw_obj_in(w, name);
		else
			jw_obj(w);
		for (void *it = json_object_iter(in); it != NULL; it = json_object_iter_next(in, it))
			dump(w, json_object_iter_key(it), json_object_iter_value(it));
		jw_end(w);
		break;
	case JSON_ARRAY:
		if (name != NULL)
			jw_arr_in(w, name);
		else
			jw_arr(w);
		for (size_t i = 0; i < json_array_size(v); i++)
			dump(w, NULL, json_array_get(v, i));
		jw_end(w);
		break;
	case JSON_STRING:
		jw_str_n(w, name, json_string_value(v), json_string_length(v));
		break;
	case JSON_INTEGER:
		jw_i64(w, name, json_integer_value(v));
		break;
	case JSON_REAL:
		jw_real_n(w, name, json_real_value(v), DBL_DECIMAL_DIG);
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		jw_bool(w, name, json_is_true(v));
		break;
	case JSON_NULL:
		jw_null(w, name);
		break;
	}
}

void
js_dump(const struct json_t *v, struct buf *out)
{
	struct jw w;

	jw_init(&w, out);
	dump(&w, NULL, v);
}

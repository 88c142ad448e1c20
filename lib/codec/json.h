/* JSON: reading over jansson (exact 64-bit integers), writing straight into a buf. Only json.c includes jansson.h. */
#ifndef PJ_CODEC_JSON_H
#define PJ_CODEC_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* --- reading ---------------------------------------------------------------------------------------------------
 * A document is parsed once; values inside it are borrowed from it. */

struct json_t; /* jansson's json_t */

/* ERR_DATA says what and where (line, column); duplicate keys, invalid UTF-8, NUL bytes, trailing text and nesting over
 * LIMIT_JSON_DEPTH are refused. Escapes that are no text (backslash u0000, a lone surrogate) become U+FFFD. ERR_NOMEM. */
struct json_t *js_parse(const char *text, size_t len, struct err *e);
void js_free(struct json_t *doc);

bool js_is_object(const struct json_t *v);
bool js_is_array(const struct json_t *v);
size_t js_len(const struct json_t *array);
const struct json_t *js_at(const struct json_t *array, size_t i);
const struct json_t *js_get(const struct json_t *object, const char *key); /* NULL: absent or null */
bool js_has(const struct json_t *object, const char *key);                 /* present, null included */
/* First member of an object whose key is in no entry of the NULL-ended list; NULL when there is none. */
const char *js_unknown_key(const struct json_t *object, const char *const *known);

/* Getters of a member. Absent or null gives `none`. Java's coercions are accepted (protocol.md 2.4): numeric strings and
 * booleans for numbers, fractions cut, scalars for strings. Else -1 and ERR_DATA naming the member. */
int js_i64(const struct json_t *object, const char *key, int64_t none, int64_t *out, struct err *e);
int js_real(const struct json_t *object, const char *key, double none, double *out, struct err *e);
int js_bool(const struct json_t *object, const char *key, bool none, bool *out, struct err *e);
/* *out is malloc'ed (the caller frees) or NULL; over max_bytes is ERR_TOOBIG naming the member. */
int js_str(const struct json_t *object, const char *key, size_t max_bytes, char **out, struct err *e);
const char *js_text(const struct json_t *string_value); /* borrowed; NULL when it is no string */
int js_int(const struct json_t *v, int64_t *out); /* -1 when it is no whole number */
/* Writes a value (any) as compact JSON text behind out. */
void js_dump(const struct json_t *v, struct buf *out);

/* --- writing ---------------------------------------------------------------------------------------------------
 * struct jw w; jw_init(&w, &buf); jw_obj(&w); jw_str(&w, "k", v); jw_end(&w);
 * Inside an object every call takes the member's name, inside an array (and at the top) pass NULL.
 * Failure sticks in the buf. Text is written as UTF-8; bytes that are not become U+FFFD. */

struct jw {
	struct buf *out;
	unsigned depth;
	uint64_t object; /* bit per level: 1 object, 0 array */
	bool comma;
};

void jw_init(struct jw *w, struct buf *out);
void jw_obj(struct jw *w);                            /* opens an object: at the top or as an array's element */
void jw_obj_in(struct jw *w, const char *name);       /* opens an object as a member */
void jw_arr(struct jw *w);
void jw_arr_in(struct jw *w, const char *name);
void jw_end(struct jw *w);                            /* closes the innermost */
void jw_i64(struct jw *w, const char *name, int64_t v);
void jw_id(struct jw *w, const char *name, int64_t v); /* a 64-bit id as a string */
void jw_real(struct jw *w, const char *name, double v); /* shortest of up to 15 digits; always with a point */
void jw_real_n(struct jw *w, const char *name, double v, int digits_max); /* of up to 15, 16 or 17: 17 loses nothing */
void jw_bool(struct jw *w, const char *name, bool v);
void jw_null(struct jw *w, const char *name);
void jw_str(struct jw *w, const char *name, const char *v); /* NULL: null */
void jw_str_n(struct jw *w, const char *name, const char *v, size_t len);
void jw_raw(struct jw *w, const char *name, const char *json); /* text that is JSON already; NULL: null */

#endif

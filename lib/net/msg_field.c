#include "net/msg_field.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "net/msg.h"

void
msg_doc_free(struct msg_doc *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; i < d->n_text; i++)
		free(d->text[i]);
	free(d->text);
	free(d->array);
	if (d->json != NULL)
		js_free(d->json);
	free(d);
}

struct msg_doc *
msg_field_doc(const char *text, size_t len, struct err *e)
{
	struct msg_doc *d = calloc(1, sizeof *d);

	if (d == NULL) {
		err_set(e, ERR_NOMEM, "out of memory reading a message");
		return NULL;
	}
	d->json = js_parse(text, len, e);
	if (d->json != NULL && !js_is_object(d->json)) {
		err_set(e, ERR_DATA, "the message must be a JSON object");
		js_free(d->json);
		d->json = NULL;
	}
	if (d->json == NULL) {
		free(d);
		return NULL;
	}
	return d;
}

int
msg_field_keep(struct msg_doc *d, char *text, struct err *e)
{
	if (d->n_text == d->cap_text) {
		size_t cap = d->cap_text == 0 ? 8 : d->cap_text * 2;
		char **more = realloc(d->text, cap * sizeof *more);

		if (more == NULL) {
			free(text);
			return err_set(e, ERR_NOMEM, "out of memory reading a message");
		}
		d->text = more;
		d->cap_text = cap;
	}
	d->text[d->n_text++] = text;
	return 0;
}

int
msg_field_text(struct msg_doc *d, const struct json_t *o, const char *name, const char **out, struct err *e)
{
	const struct json_t *v = js_get(o, name);
	char *made;

	*out = NULL;
	if (v == NULL)
		return 0;
	if ((*out = js_text(v)) != NULL)
		return 0;
	if (js_str(o, name, LIMIT_TEXT, &made, e) < 0)
		return -1;
	*out = made;
	return msg_field_keep(d, made, e);
}

static int
get_field(struct msg_doc *d, const struct json_t *o, const struct field *f, char *at, struct err *e)
{
	int64_t i64;

	switch (f->type) {
	case FT_I64:
		return js_i64(o, f->name, f->none, (int64_t *)(void *)at, e);
	case FT_INT:
		if (js_i64(o, f->name, f->none, &i64, e) < 0)
			return -1;
		if (i64 < INT32_MIN || i64 > INT32_MAX)
			return err_set(e, ERR_DATA, "member \"%s\" must be a whole number of 32 bits", f->name);
		*(int *)(void *)at = (int)i64;
		return 0;
	case FT_REAL:
		return js_real(o, f->name, 0, (double *)(void *)at, e);
	case FT_BOOL:
		return js_bool(o, f->name, false, (bool *)(void *)at, e);
	case FT_TEXT:
		return msg_field_text(d, o, f->name, (const char **)(void *)at, e);
	}
	return -1;
}

int
msg_field_get(struct msg_doc *d, const struct json_t *o, const struct field *f, void *to, struct err *e)
{
	for (; f->name != NULL; f++) {
		if (f->needed && js_get(o, f->name) == NULL)
			return err_set(e, ERR_DATA, "member \"%s\" is missing", f->name);
		if (get_field(d, o, f, (char *)to + f->offset, e) < 0)
			return -1;
	}
	return 0;
}

static void
put_field(struct jw *w, const struct field *f, const char *at)
{
	bool always = f->put == PUT_ALWAYS;
	const char *text;
	int64_t i64;

	switch (f->type) {
	case FT_I64:
	case FT_INT:
		i64 = f->type == FT_INT ? *(const int *)(const void *)at : *(const int64_t *)(const void *)at;
		if (always || i64 != f->none)
			jw_i64(w, f->name, i64);
		break;
	case FT_REAL:
		jw_real(w, f->name, *(const double *)(const void *)at);
		break;
	case FT_BOOL:
		if (always || *(const bool *)(const void *)at)
			jw_bool(w, f->name, *(const bool *)(const void *)at);
		break;
	case FT_TEXT:
		text = *(const char *const *)(const void *)at;
		if (text != NULL)
			jw_str(w, f->name, text);
		break;
	}
}

void
msg_field_put(struct jw *w, const struct field *f, const void *from)
{
	for (; f->name != NULL; f++)
		put_field(w, f, (const char *)from + f->offset);
}

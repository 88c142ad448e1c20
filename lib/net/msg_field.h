/* Inside of msg.c: messages as tables of their plain members, which both directions walk. */
#ifndef PJ_NET_MSG_FIELD_H
#define PJ_NET_MSG_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "codec/json.h"

enum field_type { FT_I64, FT_INT, FT_REAL, FT_BOOL, FT_TEXT };

/* When a member is written: Java writes primitives always and leaves null out. */
enum field_put { PUT_ALWAYS, PUT_IF_SET };

struct field {
	const char *name;
	enum field_type type;
	enum field_put put;
	bool needed;   /* without it the message is refused */
	size_t offset;
	int64_t none;  /* value of an absent number; not written with PUT_IF_SET */
};

struct msg_doc {
	struct json_t *json;
	char **text; /* what coercion made */
	size_t n_text, cap_text;
	void *array; /* log entries, or the list of workers: freed with the document */
};

/* A document that is an object; NULL and err. msg_doc_free it. */
struct msg_doc *msg_field_doc(const char *text, size_t len, struct err *e);
/* Gives a malloc'ed text to the document. */
int msg_field_keep(struct msg_doc *d, char *text, struct err *e);
/* A text that is a JSON string is borrowed from the document; another scalar is made text, as Java does. NULL: absent. */
int msg_field_text(struct msg_doc *d, const struct json_t *o, const char *name, const char **out, struct err *e);
/* Members of the object o into the struct `to`, by a table that ends with a NULL name. */
int msg_field_get(struct msg_doc *d, const struct json_t *o, const struct field *f, void *to, struct err *e);
/* The members of `from` into the object that is open in w. */
void msg_field_put(struct jw *w, const struct field *f, const void *from);

#endif

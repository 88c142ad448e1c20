/* Words of a command line as a person would type them. */
#ifndef PJ_CTL_WORDS_H
#define PJ_CTL_WORDS_H

#include "base/buf.h"
#include "base/err.h"
#include "codec/json.h"

/* Appends the word, in single quotes where a shell needs them. */
void words_quote(struct buf *out, const char *word);
/* Appends a JSON array of strings as quoted words, blanks between. */
void words_quote_all(struct buf *out, const struct json_t *array);
/* ERR_DATA where text is no UTF-8: what is sent must be what was said. */
int words_check(const char *text, struct err *e);
/* ERR_USAGE where it is no id of an instance: a number above 0. */
int words_check_id(const char *text, struct err *e);
/* An option's text: the value itself, or standard input whole where it is `-`. ERR_TOOBIG over LIMIT_TEXT. */
int words_text(const char *value, struct buf *out, struct err *e);
/* The first line of a file (`-`: standard input), for passwords; ERR_NOTFOUND, ERR_USAGE when it is empty. */
int words_secret(const char *path, struct buf *out, struct err *e);

#endif

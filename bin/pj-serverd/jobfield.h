/* The fields of a job by their column (store/job.h), with what JSON needs beside: enums by name, columns that are objects. */
#ifndef PJ_SERVERD_JOBFIELD_H
#define PJ_SERVERD_JOBFIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "codec/json.h"
#include "store/job.h"

#define NO_CODE (-1)

struct enum_field { /* a column whose numbers have names */
	const char *column, *member;
	const char *(*name)(int64_t code);
	int64_t (*code)(const char *name);
	int64_t ordinal[6]; /* codes in the order of Java's enum: what a JSON number means there; ends with 0 */
};

struct object_field { /* a column that holds a JSON object */
	const char *column, *member;
	const char *part[3]; /* what PowerJob's object has; NULL-ended if fewer */
	bool all_needed;
};

const struct enum_field *jobfield_enum(const char *column);     /* NULL: a plain number */
const struct object_field *jobfield_object(const char *column); /* NULL: a plain text */
bool jobfield_is(const struct job_field *f, const char *column);

/* Where a field is in a spec. */
char **jobfield_text(struct job_spec *s, const struct job_field *f);
int64_t *jobfield_i64(struct job_spec *s, const struct job_field *f);
double *jobfield_real(struct job_spec *s, const struct job_field *f);
const char *jobfield_get_text(const struct job_spec *s, const struct job_field *f);
int64_t jobfield_get_i64(const struct job_spec *s, const struct job_field *f);
double jobfield_get_real(const struct job_spec *s, const struct job_field *f);
void jobfield_set(struct job_spec *s, const struct job_field *f, char *value); /* takes value */
int jobfield_set_copy(struct job_spec *s, const struct job_field *f, const char *value, struct err *e);

/* A member into its field; absent or null is the field's default. ERR_DATA, ERR_TOOBIG name the member. */
int jobfield_take(const struct json_t *o, const char *member, const struct job_field *f, struct job_spec *s, struct err *e);
int jobfield_take_object(const struct json_t *o, const char *member, const struct job_field *f, struct job_spec *s,
    struct err *e);
/* An enum by name, or with `ordinals` by its place in Java's enum. *out is NO_CODE when absent or null. */
int jobfield_take_enum(const struct json_t *o, const char *member, const struct enum_field *en, bool ordinals, int64_t *out,
    struct err *e);
void jobfield_put_ms(struct jw *w, const char *member, int64_t ms); /* 0: null */

#endif

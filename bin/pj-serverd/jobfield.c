#include "jobfield.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "net/msg.h"
#include "time/sched.h"

static const struct enum_field enums[] = {
	{ "execute_type", "executeType", msg_execute_type_name, msg_execute_type_code, { 1, 2, 3, 4, 0 } },
	{ "processor_type", "processorType", msg_processor_type_name, msg_processor_type_code, { 1, 4, 2, 3, 0 } },
	{ "time_type", "timeExpressionType", msg_time_type_name, msg_time_type_code, { 1, 2, 3, 4, 5, 11 } },
	{ "dispatch_strategy", "dispatchStrategy", msg_dispatch_strategy_name, msg_dispatch_strategy_code, { 1, 2, 11, 0 } },
};

static const struct object_field objects[] = {
	{ "alarm_config", "alarmConfig", { "alertThreshold", "statisticWindowLen", "silenceWindowLen" }, true },
	{ "log_config", "logConfig", { "type", "level", "loggerName" }, false },
	{ "advanced_config", "advancedRuntimeConfig", { "taskTrackerBehavior", NULL, NULL }, false },
};

const struct enum_field *
jobfield_enum(const char *column)
{
	for (size_t i = 0; i < sizeof enums / sizeof enums[0]; i++)
		if (strcmp(enums[i].column, column) == 0)
			return &enums[i];
	return NULL;
}

const struct object_field *
jobfield_object(const char *column)
{
	for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++)
		if (strcmp(objects[i].column, column) == 0)
			return &objects[i];
	return NULL;
}

bool
jobfield_is(const struct job_field *f, const char *column)
{
	return strcmp(f->column, column) == 0;
}

/* --- members of a spec ----------------------------------------------------------------------------------------- */

char **
jobfield_text(struct job_spec *s, const struct job_field *f)
{
	return (char **)(void *)((char *)s + f->offset);
}

int64_t *
jobfield_i64(struct job_spec *s, const struct job_field *f)
{
	return (int64_t *)(void *)((char *)s + f->offset);
}

double *
jobfield_real(struct job_spec *s, const struct job_field *f)
{
	return (double *)(void *)((char *)s + f->offset);
}

const char *
jobfield_get_text(const struct job_spec *s, const struct job_field *f)
{
	return *(char *const *)(const void *)((const char *)s + f->offset);
}

int64_t
jobfield_get_i64(const struct job_spec *s, const struct job_field *f)
{
	return *(const int64_t *)(const void *)((const char *)s + f->offset);
}

double
jobfield_get_real(const struct job_spec *s, const struct job_field *f)
{
	return *(const double *)(const void *)((const char *)s + f->offset);
}

void
jobfield_set(struct job_spec *s, const struct job_field *f, char *value)
{
	char **p = jobfield_text(s, f);

	free(*p);
	*p = value;
}

int
jobfield_set_copy(struct job_spec *s, const struct job_field *f, const char *value, struct err *e)
{
	char *copy = value == NULL ? NULL : strdup(value);

	if (value != NULL && copy == NULL)
		return err_set(e, ERR_NOMEM, "out of memory");
	jobfield_set(s, f, copy);
	return 0;
}

/* A plain value; absent or null is the field's default. */
int
jobfield_take(const struct json_t *o, const char *member, const struct job_field *f, struct job_spec *s, struct err *e)
{
	char *text;

	switch (f->type) {
	case FIELD_TEXT:
		if (js_str(o, member, f->max_bytes == 0 ? LIMIT_TEXT : f->max_bytes, &text, e) != 0)
			return -1;
		if (text == NULL && f->dflt_text != NULL)
			return jobfield_set_copy(s, f, f->dflt_text, e);
		jobfield_set(s, f, text);
		return 0;
	case FIELD_I64:
	case FIELD_I64_NULL:
		return js_i64(o, member, f->type == FIELD_I64 ? f->dflt_i64 : 0, jobfield_i64(s, f), e);
	case FIELD_REAL:
		return js_real(o, member, 0, jobfield_real(s, f), e);
	}
	return err_set(e, ERR_INTERNAL, "field %s has no type", f->column);
}

int
jobfield_take_object(const struct json_t *o, const char *member, const struct job_field *f, struct job_spec *s, struct err *e)
{
	const struct json_t *v = js_get(o, member);
	struct buf text = BUF_INIT;

	if (v == NULL) {
		jobfield_set(s, f, NULL);
		return 0;
	}
	if (!js_is_object(v))
		return err_set(e, ERR_DATA, "%s must be an object", member);
	js_dump(v, &text);
	if (text.len > (f->max_bytes == 0 ? LIMIT_TEXT : f->max_bytes)) {
		buf_fini(&text);
		return err_set(e, ERR_TOOBIG, "%s is longer than %zu bytes", member, f->max_bytes);
	}
	jobfield_set(s, f, buf_take(&text, NULL));
	return *jobfield_text(s, f) == NULL ? err_set(e, ERR_NOMEM, "out of memory") : 0;
}

/* An enum by name. NO_CODE in *out: absent or null. */
int
jobfield_take_enum(const struct json_t *o, const char *member, const struct enum_field *en, bool ordinals, int64_t *out,
    struct err *e)
{
	const struct json_t *v = js_get(o, member);
	const char *name;
	int64_t n;

	*out = NO_CODE;
	if (v == NULL)
		return 0;
	name = js_text(v);
	if (name != NULL) {
		*out = en->code(name);
		if (*out < 0)
			return err_set(e, ERR_DATA, "%s is \"%.60s\", which is none of its names", member, name);
		return 0;
	}
	if (!ordinals || js_i64(o, member, NO_CODE, &n, e) != 0)
		return err_set(e, ERR_DATA, "%s must be a name", member);
	for (int i = 0; i < 6 && en->ordinal[i] != 0; i++)
		if (i == n) {
			*out = en->ordinal[i];
			return 0;
		}
	return err_set(e, ERR_DATA, "%s is %lld, which is no ordinal of its names", member, (long long)n);
}

void
jobfield_put_ms(struct jw *w, const char *member, int64_t ms)
{
	if (ms == 0)
		jw_null(w, member);
	else
		jw_i64(w, member, ms);
}

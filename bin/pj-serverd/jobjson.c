#include "jobjson.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "net/msg.h"
#include "route.h"
#include "time/sched.h"

#define NO_CODE (-1)

struct enum_field { /* a column whose numbers have names */
	const char *column, *member;
	const char *(*name)(int64_t code);
	int64_t (*code)(const char *name);
	int64_t ordinal[6]; /* codes in the order of Java's enum: what a JSON number means there; ends with 0 */
};

static const struct enum_field enums[] = {
	{ "execute_type", "executeType", msg_execute_type_name, msg_execute_type_code, { 1, 2, 3, 4, 0 } },
	{ "processor_type", "processorType", msg_processor_type_name, msg_processor_type_code, { 1, 4, 2, 3, 0 } },
	{ "time_type", "timeExpressionType", msg_time_type_name, msg_time_type_code, { 1, 2, 3, 4, 5, 11 } },
	{ "dispatch_strategy", "dispatchStrategy", msg_dispatch_strategy_name, msg_dispatch_strategy_code, { 1, 2, 11, 0 } },
};

struct object_field { /* a column that holds a JSON object */
	const char *column, *member;
	const char *part[3]; /* what PowerJob's object has; NULL-ended if fewer */
	bool all_needed;
};

static const struct object_field objects[] = {
	{ "alarm_config", "alarmConfig", { "alertThreshold", "statisticWindowLen", "silenceWindowLen" }, true },
	{ "log_config", "logConfig", { "type", "level", "loggerName" }, false },
	{ "advanced_config", "advancedRuntimeConfig", { "taskTrackerBehavior", NULL, NULL }, false },
};

static const struct enum_field *
find_enum(const char *column)
{
	for (size_t i = 0; i < sizeof enums / sizeof enums[0]; i++)
		if (strcmp(enums[i].column, column) == 0)
			return &enums[i];
	return NULL;
}

static const struct object_field *
find_object(const char *column)
{
	for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++)
		if (strcmp(objects[i].column, column) == 0)
			return &objects[i];
	return NULL;
}

static bool
is(const struct job_field *f, const char *column)
{
	return strcmp(f->column, column) == 0;
}

/* --- members of a spec ----------------------------------------------------------------------------------------- */

static char **
text_of(struct job_spec *s, const struct job_field *f)
{
	return (char **)(void *)((char *)s + f->offset);
}

static int64_t *
i64_of(struct job_spec *s, const struct job_field *f)
{
	return (int64_t *)(void *)((char *)s + f->offset);
}

static double *
real_of(struct job_spec *s, const struct job_field *f)
{
	return (double *)(void *)((char *)s + f->offset);
}

static const char *
const_text(const struct job_spec *s, const struct job_field *f)
{
	return *(char *const *)(const void *)((const char *)s + f->offset);
}

static int64_t
const_i64(const struct job_spec *s, const struct job_field *f)
{
	return *(const int64_t *)(const void *)((const char *)s + f->offset);
}

static double
const_real(const struct job_spec *s, const struct job_field *f)
{
	return *(const double *)(const void *)((const char *)s + f->offset);
}

static void
set_text(struct job_spec *s, const struct job_field *f, char *value)
{
	char **p = text_of(s, f);

	free(*p);
	*p = value;
}

static int
set_copy(struct job_spec *s, const struct job_field *f, const char *value, struct err *e)
{
	char *copy = value == NULL ? NULL : strdup(value);

	if (value != NULL && copy == NULL)
		return err_set(e, ERR_NOMEM, "out of memory");
	set_text(s, f, copy);
	return 0;
}

/* A plain value; absent or null is the field's default. */
static int
take_plain(const struct json_t *o, const char *member, const struct job_field *f, struct job_spec *s, struct err *e)
{
	char *text;

	switch (f->type) {
	case FIELD_TEXT:
		if (js_str(o, member, f->max_bytes == 0 ? LIMIT_TEXT : f->max_bytes, &text, e) != 0)
			return -1;
		if (text == NULL && f->dflt_text != NULL)
			return set_copy(s, f, f->dflt_text, e);
		set_text(s, f, text);
		return 0;
	case FIELD_I64:
	case FIELD_I64_NULL:
		return js_i64(o, member, f->type == FIELD_I64 ? f->dflt_i64 : 0, i64_of(s, f), e);
	case FIELD_REAL:
		return js_real(o, member, 0, real_of(s, f), e);
	}
	return err_set(e, ERR_INTERNAL, "field %s has no type", f->column);
}

static int
take_object(const struct json_t *o, const char *member, const struct job_field *f, struct job_spec *s, struct err *e)
{
	const struct json_t *v = js_get(o, member);
	struct buf text = BUF_INIT;

	if (v == NULL) {
		set_text(s, f, NULL);
		return 0;
	}
	if (!js_is_object(v))
		return err_set(e, ERR_DATA, "%s must be an object", member);
	js_dump(v, &text);
	if (text.len > (f->max_bytes == 0 ? LIMIT_TEXT : f->max_bytes)) {
		buf_fini(&text);
		return err_set(e, ERR_TOOBIG, "%s is longer than %zu bytes", member, f->max_bytes);
	}
	set_text(s, f, buf_take(&text, NULL));
	return *text_of(s, f) == NULL ? err_set(e, ERR_NOMEM, "out of memory") : 0;
}

/* An enum by name. NO_CODE in *out: absent or null. */
static int
take_enum(const struct json_t *o, const char *member, const struct enum_field *en, bool ordinals, int64_t *out,
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

/* --- PowerJob's form: in --------------------------------------------------------------------------------------- */

static int
check_mandatory(const struct json_t *o, struct err *e)
{
	static const char *const needed[] = { "jobName", "appId", "processorInfo", "executeType", "processorType",
		"timeExpressionType" };

	for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
		const struct json_t *v = js_get(o, needed[i]);
		const char *text = v == NULL ? NULL : js_text(v);

		if (v == NULL || (text != NULL && text[0] == '\0'))
			return err_set(e, ERR_DATA, "%s can't be empty", needed[i]);
	}
	return 0;
}

static int
take_java_enum(const struct json_t *o, const struct job_field *f, const struct enum_field *en, struct job_spec *s,
    const char **java_class, struct err *e)
{
	int64_t code;

	if (take_enum(o, en->member, en, true, &code, e) != 0) {
		*java_class = "HttpMessageNotReadableException";
		return err_prefix(e, "JSON parse error");
	}
	*i64_of(s, f) = code == NO_CODE ? f->dflt_i64 : code;
	return 0;
}

static int
take_java_object(const struct json_t *o, const struct job_field *f, const struct object_field *ob,
    const struct job_spec *old, struct job_spec *s, struct err *e)
{
	const struct json_t *v = js_get(o, ob->member);

	if (v == NULL && old != NULL)
		return set_copy(s, f, const_text(old, f), e);
	for (int i = 0; v != NULL && ob->all_needed && i < 3; i++)
		if (js_get(v, ob->part[i]) == NULL)
			return err_set(e, ERR_DATA, "illegal alarm config!");
	return take_object(o, ob->member, f, s, e);
}

/* [1,2] is stored as "1,2"; null keeps what was there, [] clears. */
static int
take_users(const struct json_t *o, const struct job_field *f, const struct job_spec *old, struct job_spec *s, struct err *e)
{
	const struct json_t *v = js_get(o, "notifyUserIds");
	struct buf text = BUF_INIT;

	if (v == NULL)
		return set_copy(s, f, old == NULL ? NULL : const_text(old, f), e);
	if (!js_is_array(v))
		return err_set(e, ERR_DATA, "notifyUserIds must be an array of numbers");
	for (size_t i = 0; i < js_len(v); i++) {
		const struct json_t *id = js_at(v, i);

		if (js_is_object(id) || js_is_array(id) || js_text(id) != NULL) {
			buf_fini(&text);
			return err_set(e, ERR_DATA, "notifyUserIds must be an array of numbers");
		}
		if (i > 0)
			buf_addc(&text, ',');
		js_dump(id, &text);
	}
	if (!buf_ok(&text) || text.len > LIMIT_TEXT) {
		buf_fini(&text);
		return err_set(e, ERR_TOOBIG, "notifyUserIds is too long");
	}
	if (set_copy(s, f, buf_str(&text), e) != 0) {
		buf_fini(&text);
		return -1;
	}
	buf_fini(&text);
	return 0;
}

static int
take_life_cycle(const struct json_t *o, const char *member, struct job_spec *s, struct err *e)
{
	const struct json_t *v = js_get(o, member);

	if (v == NULL)
		return 0;
	if (!js_is_object(v))
		return err_set(e, ERR_DATA, "%s must be an object", member);
	if (js_i64(v, "start", 0, &s->start_ms, e) != 0 || js_i64(v, "end", 0, &s->end_ms, e) != 0)
		return err_prefix(e, "%s", member);
	return 0;
}

static int
take_java_field(const struct json_t *o, const struct job_field *f, const struct job_spec *old, struct job_spec *s,
    const char **java_class, struct err *e)
{
	const struct enum_field *en = find_enum(f->column);
	const struct object_field *ob = find_object(f->column);

	if (en != NULL)
		return take_java_enum(o, f, en, s, java_class, e);
	if (ob != NULL)
		return take_java_object(o, f, ob, old, s, e);
	if (is(f, "notify_user_ids"))
		return take_users(o, f, old, s, e);
	if (f->powerjob != NULL)
		return take_plain(o, f->powerjob, f, s, e);
	if (old == NULL || is(f, "start_ms") || is(f, "end_ms"))
		return 0;
	if (f->type == FIELD_TEXT) /* pj's own, unknown to the caller: stays */
		return set_copy(s, f, const_text(old, f), e);
	if (f->type == FIELD_REAL)
		*real_of(s, f) = const_real(old, f);
	else
		*i64_of(s, f) = const_i64(old, f);
	return 0;
}

int
jobjson_from_java(const struct json_t *o, const struct job_spec *old, struct job_spec *out, const char **java_class,
    struct err *e)
{
	int rc;

	*java_class = NULL;
	if (check_mandatory(o, e) != 0)
		return -1;
	job_spec_init(out);
	rc = take_life_cycle(o, "lifeCycle", out, e);
	for (const struct job_field *f = job_fields; rc == 0 && f->column != NULL; f++)
		rc = take_java_field(o, f, old, out, java_class, e);
	if (rc != 0)
		job_spec_fini(out);
	return rc;
}

/* --- PowerJob's form: out -------------------------------------------------------------------------------------- */

/* The object with all of PowerJob's members, null where the stored text has none. */
static void
put_java_object(struct jw *w, const struct object_field *ob, const char *text)
{
	struct err e = ERR_INIT;
	struct json_t *v = text == NULL || text[0] == '\0' ? NULL : js_parse(text, strlen(text), &e);

	if (v == NULL || !js_is_object(v)) {
		jw_null(w, ob->member);
		js_free(v);
		return;
	}
	jw_obj_in(w, ob->member);
	for (int i = 0; i < 3 && ob->part[i] != NULL; i++) {
		const struct json_t *part = js_get(v, ob->part[i]);
		struct buf one = BUF_INIT;

		if (part != NULL)
			js_dump(part, &one);
		jw_raw(w, ob->part[i], part == NULL ? NULL : buf_str(&one));
		buf_fini(&one);
	}
	jw_end(w);
	js_free(v);
}

static void
put_life_cycle(struct jw *w, const struct job_spec *s)
{
	struct buf text = BUF_INIT;
	struct jw in;

	jw_init(&in, &text);
	jw_obj(&in);
	if (s->start_ms != 0)
		jw_i64(&in, "start", s->start_ms);
	if (s->end_ms != 0)
		jw_i64(&in, "end", s->end_ms);
	jw_end(&in);
	jw_str(w, "lifecycle", buf_str(&text));
	buf_fini(&text);
}

static void
put_ms_or_null(struct jw *w, const char *member, int64_t ms)
{
	if (ms == 0)
		jw_null(w, member);
	else
		jw_i64(w, member, ms);
}

/* What stands between the fields in PowerJob's order. */
static void
put_java_between(struct jw *w, const struct job *j, const struct job_field *behind)
{
	char at[40];

	if (is(behind, "description")) {
		jw_i64(w, "appId", j->app_id);
	} else if (is(behind, "task_retry_num")) {
		jw_i64(w, "status", (int64_t)j->status);
		put_ms_or_null(w, "nextTriggerTime", j->next_trigger_ms);
	} else if (is(behind, "notify_user_ids")) {
		reply_iso_time(at, j->created_ms);
		jw_str(w, "gmtCreate", at);
		reply_iso_time(at, j->modified_ms);
		jw_str(w, "gmtModified", at);
	} else if (is(behind, "dispatch_config")) {
		put_life_cycle(w, &j->spec);
	}
}

static void
put_java_field(struct jw *w, const struct job_spec *s, const struct job_field *f)
{
	const struct object_field *ob = find_object(f->column);
	const struct enum_field *en = find_enum(f->column);
	const char *member = ob != NULL ? ob->member : en != NULL ? en->member : f->powerjob;

	if (is(f, "notify_user_ids"))
		member = "notifyUserIds";
	if (member == NULL)
		return;
	if (ob != NULL) {
		put_java_object(w, ob, const_text(s, f));
		return;
	}
	switch (f->type) {
	case FIELD_TEXT:
		jw_str(w, member, const_text(s, f));
		break;
	case FIELD_I64:
	case FIELD_I64_NULL:
		jw_i64(w, member, const_i64(s, f));
		break;
	case FIELD_REAL:
		jw_real(w, member, const_real(s, f));
		break;
	}
}

void
jobjson_put_java(struct jw *w, const struct job *j)
{
	jw_obj(w);
	jw_i64(w, "id", j->id);
	for (const struct job_field *f = job_fields; f->column != NULL; f++) {
		put_java_field(w, &j->spec, f);
		put_java_between(w, j, f);
	}
	jw_end(w);
}

/* --- pj's form ------------------------------------------------------------------------------------------------- */

#define KNOWN_MAX 64

static int
check_known(const struct json_t *o, const char *const *also, struct err *e)
{
	const char *known[KNOWN_MAX + 1];
	const char *unknown;
	int n = 0;

	known[n++] = "command";
	for (const struct job_field *f = job_fields; f->column != NULL && n < KNOWN_MAX; f++)
		known[n++] = f->column;
	for (int i = 0; also[i] != NULL && n < KNOWN_MAX; i++)
		known[n++] = also[i];
	known[n] = NULL;
	unknown = js_unknown_key(o, known);
	if (unknown != NULL)
		return err_set(e, ERR_DATA, "unknown member \"%.100s\"; see pj-api(7) for the fields of a job", unknown);
	return 0;
}

static int
take_pj_field(const struct json_t *o, const struct job_field *f, struct job_spec *s, struct err *e)
{
	const struct enum_field *en = find_enum(f->column);
	int64_t code;

	if (!js_has(o, f->column))
		return 0;
	if (find_object(f->column) != NULL)
		return take_object(o, f->column, f, s, e);
	if (en == NULL)
		return take_plain(o, f->column, f, s, e);
	if (take_enum(o, f->column, en, false, &code, e) != 0)
		return -1;
	*i64_of(s, f) = code == NO_CODE ? f->dflt_i64 : code;
	return 0;
}

static bool
is_command(const struct json_t *v)
{
	if (v == NULL || !js_is_array(v) || js_len(v) == 0)
		return false;
	for (size_t i = 0; i < js_len(v); i++)
		if (js_text(js_at(v, i)) == NULL)
			return false;
	return true;
}

/* "command": ["prog", "arg"] is BUILT_IN, "exec", and the array as params. */
static int
take_command(const struct json_t *o, struct job_spec *s, struct err *e)
{
	const struct json_t *v = js_get(o, "command");
	struct buf text = BUF_INIT;
	char *info;

	if (!js_has(o, "command"))
		return 0;
	if (!is_command(v))
		return err_set(e, ERR_DATA, "command must be an array of strings: the program and its arguments");
	js_dump(v, &text);
	if (text.len > LIMIT_TEXT) {
		buf_fini(&text);
		return err_set(e, ERR_TOOBIG, "command is longer than %d bytes", LIMIT_TEXT);
	}
	info = strdup("exec");
	if (!buf_ok(&text) || info == NULL) {
		buf_fini(&text);
		free(info);
		return err_set(e, ERR_NOMEM, "out of memory");
	}
	free(s->params);
	s->params = buf_take(&text, NULL);
	free(s->processor_info);
	s->processor_info = info;
	s->processor_type = PROCESSOR_BUILT_IN;
	return 0;
}

int
jobjson_from_pj(const struct json_t *o, const char *const *also, struct job_spec *spec, struct err *e)
{
	if (check_known(o, also, e) != 0)
		return -1;
	for (const struct job_field *f = job_fields; f->column != NULL; f++)
		if (take_pj_field(o, f, spec, e) != 0)
			return -1;
	return take_command(o, spec, e);
}

static const char *
status_name(enum job_status s)
{
	switch (s) {
	case JOB_ENABLED:
		return "enabled";
	case JOB_DISABLED:
		return "disabled";
	case JOB_DELETED:
		return "deleted";
	}
	return "unknown";
}

static void
put_pj_field(struct jw *w, const struct job_spec *s, const struct job_field *f)
{
	const struct enum_field *en = find_enum(f->column);

	if (is(f, "name")) /* stands at the front */
		return;
	if (en != NULL) {
		jw_str(w, f->column, en->name(const_i64(s, f)));
		return;
	}
	if (find_object(f->column) != NULL) {
		const char *text = const_text(s, f);

		jw_raw(w, f->column, text == NULL || text[0] == '\0' ? NULL : text);
		return;
	}
	switch (f->type) {
	case FIELD_TEXT:
		jw_str(w, f->column, const_text(s, f));
		break;
	case FIELD_I64:
		jw_i64(w, f->column, const_i64(s, f));
		break;
	case FIELD_I64_NULL:
		put_ms_or_null(w, f->column, const_i64(s, f));
		break;
	case FIELD_REAL:
		jw_real(w, f->column, const_real(s, f));
		break;
	}
}

static void
put_command(struct jw *w, const struct job_spec *s)
{
	struct err e = ERR_INIT;
	struct json_t *v;

	if (s->processor_type != PROCESSOR_BUILT_IN || s->processor_info == NULL || strcmp(s->processor_info, "exec") != 0 ||
	    s->params == NULL)
		return;
	v = js_parse(s->params, strlen(s->params), &e);
	if (is_command(v))
		jw_raw(w, "command", s->params);
	js_free(v);
}

void
jobjson_put_pj(struct jw *w, const struct job *j, const char *app_name)
{
	jw_obj(w);
	jw_i64(w, "id", j->id);
	jw_str(w, "app", app_name);
	jw_str(w, "name", j->spec.name);
	jw_str(w, "status", status_name(j->status));
	jw_i64(w, "version", j->version);
	put_ms_or_null(w, "nextTriggerMs", j->next_trigger_ms);
	jw_i64(w, "createdMs", j->created_ms);
	jw_i64(w, "modifiedMs", j->modified_ms);
	put_command(w, &j->spec);
	for (const struct job_field *f = job_fields; f->column != NULL; f++)
		put_pj_field(w, &j->spec, f);
	jw_end(w);
}

/* --- what runs ------------------------------------------------------------------------------------------------- */

int
jobjson_check_runs(const struct job_spec *s, struct err *e)
{
	if (s->time_type != TIME_API && s->time_type != TIME_CRON)
		return err_set(e, ERR_DATA, "timeExpressionType %s is not scheduled by pj-serverd yet: use API or CRON",
		    msg_time_type_name(s->time_type));
	if (s->execute_type != EXECUTE_STANDALONE)
		return err_set(e, ERR_DATA, "executeType %s is not run by pj-serverd yet: use STANDALONE",
		    msg_execute_type_name(s->execute_type));
	if (s->processor_type != PROCESSOR_BUILT_IN && s->processor_type != PROCESSOR_EXTERNAL)
		return err_set(e, ERR_DATA, "processorType %s is run by no worker: use BUILT_IN",
		    msg_processor_type_name(s->processor_type));
	return 0;
}

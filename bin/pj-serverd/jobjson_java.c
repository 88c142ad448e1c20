/* SaveJobInfoRequest and JobInfoDTO. */
#include "jobjson.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "jobfield.h"
#include "route.h"

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

	if (jobfield_take_enum(o, en->member, en, true, &code, e) != 0) {
		*java_class = "HttpMessageNotReadableException";
		return err_prefix(e, "JSON parse error");
	}
	*jobfield_i64(s, f) = code == NO_CODE ? f->dflt_i64 : code;
	return 0;
}

static int
take_java_object(const struct json_t *o, const struct job_field *f, const struct object_field *ob,
    const struct job_spec *old, struct job_spec *s, struct err *e)
{
	const struct json_t *v = js_get(o, ob->member);

	if (v == NULL && old != NULL)
		return jobfield_set_copy(s, f, jobfield_get_text(old, f), e);
	if (v != NULL && !js_is_object(v))
		return err_set(e, ERR_DATA, "%s must be an object", ob->member);
	for (int i = 0; v != NULL && ob->all_needed && i < 3; i++)
		if (js_get(v, ob->part[i]) == NULL)
			return err_set(e, ERR_DATA, "illegal alarm config!");
	return jobfield_take_object(o, ob->member, f, s, e);
}

/* [1,2] is stored as "1,2"; null keeps what was there, [] clears. */
static int
take_users(const struct json_t *o, const struct job_field *f, const struct job_spec *old, struct job_spec *s, struct err *e)
{
	const struct json_t *v = js_get(o, "notifyUserIds");
	struct buf text = BUF_INIT;

	if (v == NULL)
		return jobfield_set_copy(s, f, old == NULL ? NULL : jobfield_get_text(old, f), e);
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
	if (jobfield_set_copy(s, f, buf_str(&text), e) != 0) {
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
	const struct enum_field *en = jobfield_enum(f->column);
	const struct object_field *ob = jobfield_object(f->column);

	if (en != NULL)
		return take_java_enum(o, f, en, s, java_class, e);
	if (ob != NULL)
		return take_java_object(o, f, ob, old, s, e);
	if (jobfield_is(f, "notify_user_ids"))
		return take_users(o, f, old, s, e);
	if (f->powerjob != NULL)
		return jobfield_take(o, f->powerjob, f, s, e);
	if (old == NULL || jobfield_is(f, "start_ms") || jobfield_is(f, "end_ms"))
		return 0;
	if (f->type == FIELD_TEXT) /* pj's own, unknown to the caller: stays */
		return jobfield_set_copy(s, f, jobfield_get_text(old, f), e);
	if (f->type == FIELD_REAL)
		*jobfield_real(s, f) = jobfield_get_real(old, f);
	else
		*jobfield_i64(s, f) = jobfield_get_i64(old, f);
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

/* What stands between the fields in PowerJob's order. */
static void
put_java_between(struct jw *w, const struct job *j, const struct job_field *behind)
{
	char at[40];

	if (jobfield_is(behind, "description")) {
		jw_i64(w, "appId", j->app_id);
	} else if (jobfield_is(behind, "task_retry_num")) {
		jw_i64(w, "status", (int64_t)j->status);
		jobfield_put_ms(w, "nextTriggerTime", j->next_trigger_ms);
	} else if (jobfield_is(behind, "notify_user_ids")) {
		reply_iso_time(at, j->created_ms);
		jw_str(w, "gmtCreate", at);
		reply_iso_time(at, j->modified_ms);
		jw_str(w, "gmtModified", at);
	} else if (jobfield_is(behind, "dispatch_config")) {
		put_life_cycle(w, &j->spec);
	}
}

static void
put_java_field(struct jw *w, const struct job_spec *s, const struct job_field *f)
{
	const struct object_field *ob = jobfield_object(f->column);
	const struct enum_field *en = jobfield_enum(f->column);
	const char *member = ob != NULL ? ob->member : en != NULL ? en->member : f->powerjob;

	if (jobfield_is(f, "notify_user_ids"))
		member = "notifyUserIds";
	if (member == NULL)
		return;
	if (ob != NULL) {
		put_java_object(w, ob, jobfield_get_text(s, f));
		return;
	}
	switch (f->type) {
	case FIELD_TEXT:
		jw_str(w, member, jobfield_get_text(s, f));
		break;
	case FIELD_I64:
	case FIELD_I64_NULL:
		jw_i64(w, member, jobfield_get_i64(s, f));
		break;
	case FIELD_REAL:
		jw_real(w, member, jobfield_get_real(s, f));
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

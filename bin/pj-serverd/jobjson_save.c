/* A job in the form of SaveJobInfoRequest: exportJob and the console's JobInfoVO. */
#include <stdlib.h>
#include <string.h>

#include "jobfield.h"
#include "jobjson.h"
#include "route.h"

struct form {
	const struct job *job;
	const char *name;
	const char *next; /* the console's: nextTriggerTimeStr; NULL: an export */
};

/* "1,2" as [1,2], or with quotes for the console. */
static void
put_users(struct jw *w, const char *list, bool console)
{
	char *copy = list == NULL ? NULL : strdup(list), *save = NULL;

	if (list == NULL && !console) {
		jw_null(w, "notifyUserIds");
		return;
	}
	jw_arr_in(w, "notifyUserIds");
	for (char *id = copy == NULL ? NULL : strtok_r(copy, ",", &save); id != NULL; id = strtok_r(NULL, ",", &save)) {
		if (console)
			jw_str(w, NULL, id);
		else
			jw_i64(w, NULL, strtoll(id, NULL, 10));
	}
	jw_end(w);
	free(copy);
}

/* The console has the object always, with null members. */
static void
put_object(struct jw *w, const struct object_field *ob, const char *text, bool console)
{
	struct err e = ERR_INIT;
	struct json_t *v = text == NULL || text[0] == '\0' ? NULL : js_parse(text, strlen(text), &e);

	if (v == NULL && !console) {
		jw_null(w, ob->member);
		return;
	}
	jw_obj_in(w, ob->member);
	for (int i = 0; i < 3 && ob->part[i] != NULL; i++) {
		const struct json_t *part = v == NULL ? NULL : js_get(v, ob->part[i]);
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
put_times(struct jw *w, const struct job *j)
{
	char at[40];

	reply_iso_time(at, j->created_ms);
	jw_str(w, "gmtCreate", at);
	reply_iso_time(at, j->modified_ms);
	jw_str(w, "gmtModified", at);
}

/* What stands between the fields in PowerJob's order. */
static void
put_between(struct jw *w, const struct form *f, const struct job_field *behind)
{
	const struct job *j = f->job;

	if (jobfield_is(behind, "description")) {
		jw_i64(w, "appId", j->app_id);
	} else if (jobfield_is(behind, "task_retry_num") && f->next != NULL) {
		jw_bool(w, "enable", j->status == JOB_ENABLED);
		jobfield_put_ms(w, "nextTriggerTime", j->next_trigger_ms);
		jw_str(w, "nextTriggerTimeStr", f->next);
	} else if (jobfield_is(behind, "min_disk_gb")) {
		if (f->next != NULL)
			put_times(w, j);
		else
			jw_bool(w, "enable", j->status == JOB_ENABLED);
	} else if (jobfield_is(behind, "dispatch_config")) {
		jw_obj_in(w, "lifeCycle");
		jobfield_put_ms(w, "start", j->spec.start_ms);
		jobfield_put_ms(w, "end", j->spec.end_ms);
		jw_end(w);
	}
}

static void
put_field(struct jw *w, const struct form *form, const struct job_field *f)
{
	const struct job_spec *s = &form->job->spec;
	const struct object_field *ob = jobfield_object(f->column);
	const struct enum_field *en = jobfield_enum(f->column);

	if (jobfield_is(f, "name"))
		jw_str(w, "jobName", form->name);
	else if (jobfield_is(f, "notify_user_ids"))
		put_users(w, jobfield_get_text(s, f), form->next != NULL);
	else if (ob != NULL)
		put_object(w, ob, jobfield_get_text(s, f), form->next != NULL);
	else if (en != NULL)
		jw_str(w, en->member, en->name(jobfield_get_i64(s, f)));
	else if (f->powerjob == NULL)
		return;
	else if (f->type == FIELD_TEXT)
		jw_str(w, f->powerjob, jobfield_get_text(s, f));
	else if (f->type == FIELD_REAL)
		jw_real(w, f->powerjob, jobfield_get_real(s, f));
	else
		jw_i64(w, f->powerjob, jobfield_get_i64(s, f));
}

static void
put(struct jw *w, const struct form *form)
{
	jw_obj(w);
	if (form->next == NULL)
		jw_null(w, "id");
	else
		jw_i64(w, "id", form->job->id);
	for (const struct job_field *f = job_fields; f->column != NULL; f++) {
		put_field(w, form, f);
		put_between(w, form, f);
	}
	jw_end(w);
}

void
jobjson_put_export(struct jw *w, const struct job *j, int64_t now_ms)
{
	struct buf name = BUF_INIT;

	buf_addf(&name, "%s_EXPORT_%lld", j->spec.name, (long long)now_ms);
	put(w, &(struct form){ .job = j, .name = buf_str(&name) });
	buf_fini(&name);
}

void
jobjson_put_console(struct jw *w, const struct job *j, const char *next)
{
	put(w, &(struct form){ .job = j, .name = j->spec.name, .next = next });
}

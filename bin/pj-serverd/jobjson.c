/* pj's own form of a job, and what can be run. */
#include "jobjson.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "job/worker.h"
#include "jobfield.h"
#include "net/msg.h"

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
	const struct enum_field *en = jobfield_enum(f->column);
	int64_t code;

	if (!js_has(o, f->column))
		return 0;
	if (jobfield_object(f->column) != NULL)
		return jobfield_take_object(o, f->column, f, s, e);
	if (en == NULL)
		return jobfield_take(o, f->column, f, s, e);
	if (jobfield_take_enum(o, f->column, en, false, &code, e) != 0)
		return -1;
	*jobfield_i64(s, f) = code == NO_CODE ? f->dflt_i64 : code;
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

const char *
jobjson_status(enum job_status s)
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
	const struct enum_field *en = jobfield_enum(f->column);

	if (jobfield_is(f, "name")) /* stands at the front */
		return;
	if (en != NULL) {
		jw_str(w, f->column, en->name(jobfield_get_i64(s, f)));
		return;
	}
	if (jobfield_object(f->column) != NULL) {
		const char *text = jobfield_get_text(s, f);

		jw_raw(w, f->column, text == NULL || text[0] == '\0' ? NULL : text);
		return;
	}
	switch (f->type) {
	case FIELD_TEXT:
		jw_str(w, f->column, jobfield_get_text(s, f));
		break;
	case FIELD_I64:
		jw_i64(w, f->column, jobfield_get_i64(s, f));
		break;
	case FIELD_I64_NULL:
		jobfield_put_ms(w, f->column, jobfield_get_i64(s, f));
		break;
	case FIELD_REAL:
		jw_real(w, f->column, jobfield_get_real(s, f));
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
	jw_str(w, "status", jobjson_status(j->status));
	jw_i64(w, "version", j->version);
	jobfield_put_ms(w, "nextTriggerMs", j->status == JOB_ENABLED ? j->next_trigger_ms : 0);
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
	bool built_in = s->processor_type == PROCESSOR_BUILT_IN && s->processor_info != NULL;
	bool exec = built_in && strcmp(s->processor_info, "exec") == 0;
	bool shell = built_in && strcmp(s->processor_info, "shell") == 0;

	if (exec && s->execute_type != EXECUTE_STANDALONE)
		return err_set(e, ERR_DATA, "executeType %s is not run by pj's workers (processorInfo exec) yet: use STANDALONE",
		    msg_execute_type_name(s->execute_type));
	if (shell && (s->params == NULL || s->params[strspn(s->params, " \t\r\n")] == '\0'))
		return err_set(e, ERR_DATA, "jobParams: a shell job's are its script, and there are none");
	if (s->processor_type != PROCESSOR_BUILT_IN && s->processor_type != PROCESSOR_EXTERNAL)
		return err_set(e, ERR_DATA, "processorType %s is run by no worker: use BUILT_IN",
		    msg_processor_type_name(s->processor_type));
	return 0;
}

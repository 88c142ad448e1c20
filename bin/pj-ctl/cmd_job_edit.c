/* pj-ctl job add, pj-ctl job edit. */
#include <stdio.h>
#include <string.h>

#include "call.h"
#include "fields.h"
#include "jobcols.h"
#include "nouns.h"
#include "words.h"

enum { E_DISABLED = FIELDS_OPTION_END, E_NAME, E_VERSION };

const struct opt cmd_job_add_options[] = {
	FIELDS_OPTIONS,
	{ E_DISABLED, 0, "disabled", NULL, "not triggered until job enable" },
	{ 0, 0, NULL, NULL, NULL },
};

const struct opt cmd_job_edit_options[] = {
	FIELDS_OPTIONS,
	{ E_NAME, 0, "name", "NAME", "a new name" },
	{ E_VERSION, 0, "if-version", "N", "only if the job is still at this version (job show)" },
	{ 0, 0, NULL, NULL, NULL },
};

struct change {
	struct fields fields;
	bool disabled;
	int64_t version; /* expected; 0: the one that is there now */
};

static int
take(int id, const char *value, void *arg, struct err *e)
{
	struct change *ch = arg;

	switch (id) {
	case E_DISABLED:
		ch->disabled = true;
		return 0;
	case E_NAME:
		return fields_text(&ch->fields, "name", value, e);
	case E_VERSION:
		return opt_i64(value, 1, INT64_MAX, &ch->version, e);
	}
	return fields_take(&ch->fields, id, value, e);
}

/* Options, operands and the command; OPT_GO or the exit code. */
static int
parse(const struct verb *v, struct ctl *c, struct opt_args *args, struct change *ch)
{
	struct err e = ERR_INIT;
	int rc = verb_parse(v, c, args, take, ch);

	if (rc != OPT_GO)
		return rc;
	if (args->ended && fields_command(&ch->fields, args->argc - args->before, args->argv + args->before, &e) != 0)
		return e.code == ERR_USAGE ? verb_usage_error(v, c, "%s", e.msg) : ctl_fail(&e);
	if (ch->fields.params && ch->fields.runs != NULL && strcmp(ch->fields.runs, "--processor") != 0)
		return verb_usage_error(v, c, "--params belongs to --processor; what a run gets is said by job run "
		    "--params");
	return OPT_GO;
}

/* The name or #ID of the job that came of it. */
static int
print(struct ctl *c, const struct json_t *job, bool quiet)
{
	struct buf id = BUF_INIT;
	struct out o;

	if (c->format != CTL_TABLE) {
		out_init(&o, c, NULL, jobcols);
		return out_show(&o, job);
	}
	out_raw(&jobcols[0], job, &id);
	if (!quiet)
		printf("#%s\n", buf_str(&id));
	buf_fini(&id);
	return 0;
}

static int
send_change(struct ctl *c, const char *path, const struct buf *body, bool quiet)
{
	struct json_t *doc;
	struct err e = ERR_INIT;
	int rc;

	if (call_post(c, path, body, &doc, &e) != 0)
		return ctl_fail(&e);
	rc = print(c, doc, quiet);
	js_free(doc);
	return rc;
}

static int
add(const struct verb *v, struct ctl *c, const char *name, struct change *ch)
{
	struct buf body = BUF_INIT;
	struct err e = ERR_INIT;
	struct jw w;
	int rc;

	if (ch->fields.runs == NULL)
		return verb_usage_error(v, c, "what runs is missing: -- COMMAND ARG..., --shell SCRIPT or "
		    "--processor NAME");
	if (ch->fields.timed == NULL && fields_text(&ch->fields, "time_type", "API", &e) != 0)
		return ctl_fail(&e);
	if (fields_text(&ch->fields, "name", name, &e) != 0 || fields_finish(&ch->fields, NULL, &e) != 0)
		return ctl_fail(&e);
	call_body(c, &w, &body);
	if (ch->disabled)
		jw_bool(&w, "enable", false);
	fields_put(&ch->fields, &w);
	jw_end(&w);
	rc = send_change(c, "job/add", &body, false);
	buf_fini(&body);
	return rc;
}

int
cmd_job_add(const struct verb *v, struct ctl *c, struct opt_args *args)
{
	struct change ch = { .version = 0 };
	int rc = parse(v, c, args, &ch);

	if (rc == OPT_GO)
		rc = add(v, c, args->argv[0], &ch);
	fields_fini(&ch.fields);
	return rc;
}

/* --- edit ------------------------------------------------------------------------------------------------------ */

/* What the job is now: its version, its zone, and whether --params alone may be set. */
static int
look(struct ctl *c, const char *job, struct change *ch, struct err *e)
{
	struct buf query = BUF_INIT;
	struct json_t *doc = NULL;
	int64_t version = 0;
	int rc;

	call_param_app(c, &query);
	call_param(&query, "job", job);
	rc = call_get(c, "job/show", &query, &doc, e);
	buf_fini(&query);
	if (rc != 0) {
		call_suggest_job(c, job, e);
		return -1;
	}
	rc = js_i64(doc, "version", 0, &version, e);
	if (rc == 0 && ch->version == 0)
		ch->version = version;
	if (rc == 0 && ch->fields.params && ch->fields.runs == NULL && js_get(doc, "command") != NULL)
		rc = err_set(e, ERR_USAGE, "job %s runs a command: write the new one behind --, not --params", job);
	if (rc == 0)
		rc = fields_finish(&ch->fields, js_text(js_get(doc, "tz")), e);
	js_free(doc);
	return rc;
}

static int
edit(struct ctl *c, const char *job, struct change *ch)
{
	struct buf body = BUF_INIT;
	struct err e = ERR_INIT;
	struct jw w;
	int rc;

	if (words_check(job, &e) != 0 || look(c, job, ch, &e) != 0)
		return ctl_fail(&e);
	call_body(c, &w, &body);
	jw_str(&w, "job", job);
	jw_i64(&w, "version", ch->version);
	fields_put(&ch->fields, &w);
	jw_end(&w);
	rc = send_change(c, "job/edit", &body, true);
	buf_fini(&body);
	return rc;
}

int
cmd_job_edit(const struct verb *v, struct ctl *c, struct opt_args *args)
{
	struct change ch = { .version = 0 };
	int rc = parse(v, c, args, &ch);

	if (rc == OPT_GO && ch.fields.n == 0)
		rc = verb_usage_error(v, c, "nothing to change was said");
	if (rc == OPT_GO)
		rc = edit(c, args->argv[0], &ch);
	fields_fini(&ch.fields);
	return rc;
}

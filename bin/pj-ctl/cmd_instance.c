/* pj-ctl instance: runs of jobs, past and present. */
#include <stdio.h>
#include <string.h>

#include "call.h"
#include "follow.h"
#include "instcols.h"
#include "nouns.h"
#include "words.h"

#define PAGE 500

enum { I_JOB, I_STATUS, I_LIMIT, I_BEFORE, I_FOLLOW, I_STAMPS, I_TIMEOUT };

struct want {
	const char *job, *status, *before;
	int64_t limit, timeout_ms;
	bool follow, stamps;
};

static int
take(int id, const char *value, void *arg, struct err *e)
{
	struct want *w = arg;

	switch (id) {
	case I_JOB:
		w->job = value;
		return 0;
	case I_STATUS:
		w->status = value;
		return 0;
	case I_LIMIT:
		return opt_i64(value, 1, INT64_MAX, &w->limit, e);
	case I_BEFORE:
		w->before = value;
		return words_check_id(value, e);
	case I_FOLLOW:
		w->follow = true;
		return 0;
	case I_STAMPS:
		w->stamps = true;
		return 0;
	case I_TIMEOUT:
		if (opt_duration_ms(value, &w->timeout_ms, e) != 0)
			return -1;
		return w->timeout_ms > 0 ? 0 : err_set(e, ERR_USAGE, "must be more than nothing");
	}
	return -1;
}

/* verb_parse, and the operands are ids. */
static int
parse_ids(const struct verb *v, struct ctl *c, struct opt_args *args, struct want *w)
{
	struct err e = ERR_INIT;
	int rc = verb_parse(v, c, args, take, w);

	for (int i = 0; rc == OPT_GO && i < args->argc; i++)
		if (words_check_id(args->argv[i], &e) != 0)
			return verb_usage_error(v, c, "%s", e.msg);
	return rc;
}

/* --- ls -------------------------------------------------------------------------------------------------------- */

static const struct opt ls_options[] = {
	{ I_JOB, 'j', "job", "JOB", "of this job only" },
	{ I_STATUS, 's', "status", "LIST", "waiting, sent, running, failed, succeeded, canceled, stopped; commas "
	    "between" },
	{ I_LIMIT, 0, "limit", "N", "at most N (default 20)" },
	{ I_BEFORE, 0, "before", "ID", "older than this one" },
	{ 0, 0, NULL, NULL, NULL },
};

/* The newest instances that are asked for, one page. */
static int
fetch_page(struct ctl *c, const struct want *w, const char *before, int64_t limit, struct json_t **doc, struct err *e)
{
	struct buf query = BUF_INIT;
	int rc;

	call_param_app(c, &query);
	call_param(&query, "job", w->job);
	call_param(&query, "status", w->status);
	call_param(&query, "before", before);
	call_param_i64(&query, "limit", limit < PAGE ? limit : PAGE);
	rc = call_get(c, "instance/ls", &query, doc, e);
	buf_fini(&query);
	if (rc != 0 && w->job != NULL)
		call_suggest_job(c, w->job, e);
	return rc;
}

/* 1 there are more, 0, -1. before[32] moves on. */
static int
list_page(struct ctl *c, struct out *o, const struct want *w, char before[32], struct err *e)
{
	struct json_t *doc;
	bool more = false;
	int rc;

	if (fetch_page(c, w, before[0] != '\0' ? before : NULL, w->limit - o->rows, &doc, e) != 0)
		return -1;
	for (size_t i = 0; i < js_len(js_get(doc, "instances")); i++) {
		const struct json_t *row = js_at(js_get(doc, "instances"), i);
		const char *id = js_text(js_get(row, "id"));

		out_row(o, row);
		snprintf(before, 32, "%s", id != NULL ? id : "");
	}
	rc = js_bool(doc, "more", false, &more, e);
	js_free(doc);
	return rc != 0 ? -1 : more && before[0] != '\0';
}

static int
do_ls(const struct verb *v, struct ctl *c, struct opt_args *args)
{
	struct want w = { .limit = 20 };
	struct err e = ERR_INIT;
	struct out o;
	char before[32];
	int rc = verb_parse(v, c, args, take, &w);

	if (rc != OPT_GO)
		return rc;
	snprintf(before, sizeof before, "%s", w.before != NULL ? w.before : "");
	out_init(&o, c, "instances", instcols);
	do
		rc = list_page(c, &o, &w, before, &e);
	while (rc == 1 && o.rows < w.limit);
	if (rc >= 0)
		return out_end(&o, rc == 1);
	if (o.begun)
		out_end(&o, true);
	return ctl_fail(&e);
}

/* --- show ------------------------------------------------------------------------------------------------------ */

/* A list of the answer, when it has any, behind an empty line. */
static int
show_list(struct ctl *c, const struct json_t *doc, const char *name, const struct out_column *columns)
{
	struct out o;

	if (c->format != CTL_TABLE || js_len(js_get(doc, name)) == 0)
		return 0;
	putchar('\n');
	out_init(&o, c, name, columns);
	return out_all(&o, doc);
}

static int
show_one(struct ctl *c, const char *id)
{
	struct buf query = BUF_INIT;
	struct json_t *doc;
	struct err e = ERR_INIT;
	struct out o;
	int rc;

	call_param(&query, "id", id);
	rc = call_get(c, "instance/show", &query, &doc, &e);
	buf_fini(&query);
	if (rc != 0)
		return ctl_fail(&e);
	out_init(&o, c, NULL, instcols);
	rc = out_show(&o, doc);
	if (rc == 0)
		rc = show_list(c, doc, "attempts", instcols_attempt);
	if (rc == 0)
		rc = show_list(c, doc, "alarms", instcols_alarm);
	js_free(doc);
	return rc;
}

static int
do_show(const struct verb *v, struct ctl *c, struct opt_args *args)
{
	int rc = parse_ids(v, c, args, NULL);

	return rc == OPT_GO ? show_one(c, args->argv[0]) : rc;
}

/* --- log, wait ------------------------------------------------------------------------------------------------- */

static const struct opt log_options[] = {
	{ I_FOLLOW, 'f', "follow", NULL, "go on until the instance is finished; exit with the job's code" },
	{ I_JOB, 'j', "job", "JOB", "of the newest instance of this job" },
	{ I_STAMPS, 't', "timestamps", NULL, "lines with time and level, as they are stored" },
	{ I_TIMEOUT, 0, "timeout", "DUR", "with --follow: no longer; exit 124" },
	{ 0, 0, NULL, NULL, NULL },
};

static const struct opt wait_options[] = {
	{ I_TIMEOUT, 0, "timeout", "DUR", "no longer; exit 124" },
	{ 0, 0, NULL, NULL, NULL },
};

static int
newest(struct ctl *c, const struct want *w, char id[32], struct err *e)
{
	struct json_t *doc;
	const char *found;

	if (fetch_page(c, w, NULL, 1, &doc, e) != 0)
		return -1;
	found = js_text(js_get(js_at(js_get(doc, "instances"), 0), "id"));
	snprintf(id, 32, "%s", found != NULL ? found : "");
	js_free(doc);
	if (id[0] == '\0')
		return err_set(e, ERR_NOTFOUND, "job %s has no instance yet: %s job run starts one", w->job,
		    ctl_hint(c));
	return 0;
}

/* Follows or prints one log. Without following, the exit code is 0 whatever became of the instance. */
static int
log_of(struct ctl *c, const char *id, const struct want *w)
{
	struct follow f = { .id = id, .log = true, .timestamps = w->stamps, .until_end = w->follow,
		.timeout_ms = w->timeout_ms };
	struct json_t *instance;
	struct err e = ERR_INIT;
	int code = 0;

	if (follow_instance(c, &f, &instance, &e) != 0)
		return ctl_fail(&e);
	if (instance != NULL) {
		code = follow_exit_code(instance);
		follow_report(instance);
	}
	js_free(instance);
	return code;
}

static int
do_log(const struct verb *v, struct ctl *c, struct opt_args *args)
{
	struct want w = { .limit = 1 };
	struct err e = ERR_INIT;
	char id[32];
	int rc = parse_ids(v, c, args, &w);

	if (rc != OPT_GO)
		return rc;
	if ((args->argc == 1) == (w.job != NULL))
		return verb_usage_error(v, c, "name one instance: by its ID, or as the newest of --job JOB");
	if (w.timeout_ms > 0 && !w.follow)
		return verb_usage_error(v, c, "--timeout goes with --follow");
	if (w.job == NULL)
		return log_of(c, args->argv[0], &w);
	return newest(c, &w, id, &e) == 0 ? log_of(c, id, &w) : ctl_fail(&e);
}

static int
wait_one(struct ctl *c, const char *id, int64_t timeout_ms)
{
	struct follow f = { .id = id, .until_end = true, .timeout_ms = timeout_ms };
	struct json_t *instance;
	struct err e = ERR_INIT;
	int code;

	if (follow_instance(c, &f, &instance, &e) != 0)
		return ctl_fail(&e);
	code = follow_show(c, instance);
	js_free(instance);
	return code;
}

static int
do_wait(const struct verb *v, struct ctl *c, struct opt_args *args)
{
	struct want w = { .limit = 1 };
	int rc = parse_ids(v, c, args, &w);

	return rc == OPT_GO ? wait_one(c, args->argv[0], w.timeout_ms) : rc;
}

/* --- stop, cancel, retry --------------------------------------------------------------------------------------- */

/* The server's refusals are PowerJob's, word for word, also where people read them. */
static const char *
in_words(const char *refusal)
{
	static const struct {
		const char *powerjob, *text;
	} t[] = {
		{ "can't stop finished instance!", "it is finished: there is nothing to stop" },
		{ "instance already up and running", "only an instance that waits can be canceled; to end one that runs: "
		    "instance stop" },
		{ "Only stopped instance can be retry!", "it is not finished: only what is finished can be started again" },
		{ "Workflow's instance do not support retry!", "it belongs to a run of a workflow: retry the workflow's" },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
		if (strcmp(t[i].powerjob, refusal) == 0)
			return t[i].text;
	return refusal;
}

static int
change_one(struct ctl *c, const char *path, const char *id)
{
	struct buf body = BUF_INIT;
	struct json_t *doc = NULL;
	struct err e = ERR_INIT;
	struct jw w;
	int rc = 0;

	jw_init(&w, &body);
	jw_obj(&w);
	jw_str(&w, "id", id);
	jw_end(&w);
	if (call_post(c, path, &body, &doc, &e) != 0) {
		struct err said = e;

		if (e.code == ERR_CONFLICT)
			err_set(&said, e.code, "instance %s: %s; %s instance show %s says how it stands", id, in_words(e.msg),
			    ctl_hint(c), id);
		rc = ctl_fail(&said);
	} else if (c->format == CTL_JSON) {
		struct out o;

		out_init(&o, c, NULL, instcols);
		rc = out_show(&o, doc);
	}
	js_free(doc);
	buf_fini(&body);
	return rc;
}

static int
change_all(const struct verb *v, struct ctl *c, struct opt_args *args, const char *path)
{
	int rc = parse_ids(v, c, args, NULL);

	return rc == OPT_GO ? verb_each(c, args, change_one, path) : rc;
}

static int
do_stop(const struct verb *v, struct ctl *c, struct opt_args *args)
{
	return change_all(v, c, args, "instance/stop");
}

static int
do_cancel(const struct verb *v, struct ctl *c, struct opt_args *args)
{
	return change_all(v, c, args, "instance/cancel");
}

static int
do_retry(const struct verb *v, struct ctl *c, struct opt_args *args)
{
	return change_all(v, c, args, "instance/retry");
}

static const struct verb verbs[] = {
	{ "ls", "[--job JOB] [--status LIST] [--limit N]", "list instances, the newest first", ls_options, NULL, 0, 0,
	    false, do_ls },
	{ "show", "ID", "show one instance and its attempts", NULL, NULL, 1, 1, false, do_show },
	{ "log", "[-f] ID\n[-f] --job JOB", "write an instance's log", log_options, NULL, 0, 1, false, do_log },
	{ "wait", "ID [--timeout DUR]", "wait for the end, exit with the job's code", wait_options, NULL, 1, 1, false,
	    do_wait },
	{ "stop", "ID...", "end what runs; the instance is stopped when its worker says so", NULL, NULL, 1, VERB_ANY,
	    false, do_stop },
	{ "cancel", "ID...", "take back what has not been sent to a worker yet", NULL, NULL, 1, VERB_ANY, false,
	    do_cancel },
	{ "retry", "ID...", "start finished instances again", NULL, NULL, 1, VERB_ANY, false, do_retry },
	{ NULL, NULL, NULL, NULL, NULL, 0, 0, false, NULL },
};

const struct noun cmd_instance = { "instance", "runs of jobs: what they did, and stopping them", verbs };

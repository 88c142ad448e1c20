/* pj-ctl job: definitions. Adding and editing are in cmd_job_edit.c, running is in cmd_job_run.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audited.h"
#include "call.h"
#include "jobcols.h"
#include "nouns.h"
#include "when.h"
#include "words.h"

#define PAGE 500

enum { J_LIMIT, J_COUNT, J_FROM, J_AUDIT, J_MAKE_UP };

/* --- ls -------------------------------------------------------------------------------------------------------- */

static const struct opt ls_options[] = {
	{ J_LIMIT, 0, "limit", "N", "at most N jobs (default: all)" },
	{ 0, 0, NULL, NULL, NULL },
};

static int
take_limit(int id, const char *value, void *arg, struct err *e)
{
	(void)id;
	return opt_i64(value, 1, INT64_MAX, arg, e);
}

/* One page: the highest id of it in *after; 1 there are more, 0 no more, -1. */
static int
list_page(struct ctl *c, struct out *o, int64_t limit, int64_t *after, struct err *e)
{
	struct buf query = BUF_INIT;
	struct json_t *doc = NULL;
	bool more = false;
	int rc;

	call_param_app(c, &query);
	call_param_i64(&query, "limit", limit < PAGE ? limit : PAGE);
	call_param_i64(&query, "after", *after);
	rc = call_get(c, "job/ls", &query, &doc, e);
	buf_fini(&query);
	if (rc != 0)
		return -1;
	for (size_t i = 0; i < js_len(js_get(doc, "jobs")) && rc == 0; i++) {
		const struct json_t *job = js_at(js_get(doc, "jobs"), i);

		out_row(o, job);
		rc = js_i64(job, "id", 0, after, e);
	}
	if (rc == 0)
		rc = js_bool(doc, "more", false, &more, e);
	js_free(doc);
	return rc != 0 ? -1 : more;
}

static int
do_ls(const struct verb *v, struct ctl *c, struct opt_args *args)
{
	int64_t limit = INT64_MAX, after = 0;
	struct err e = ERR_INIT;
	struct out o;
	int rc = verb_parse(v, c, args, take_limit, &limit);

	if (rc != OPT_GO)
		return rc;
	out_init(&o, c, "jobs", jobcols);
	rc = list_page(c, &o, limit, &after, &e);
	while (rc == 1 && o.rows < limit)
		rc = list_page(c, &o, limit - o.rows, &after, &e);
	if (rc >= 0)
		return out_end(&o, rc == 1);
	if (o.begun)
		out_end(&o, true);
	return ctl_fail(&e);
}

/* --- show, next ------------------------------------------------------------------------------------------------ */

static int
do_show(const struct verb *v, struct ctl *c, struct opt_args *args)
{
	struct buf query = BUF_INIT;
	struct json_t *doc;
	struct err e = ERR_INIT;
	struct out o;
	int rc = verb_parse(v, c, args, NULL, NULL);

	if (rc != OPT_GO)
		return rc;
	call_param_app(c, &query);
	call_param(&query, "job", args->argv[0]);
	if (call_get(c, "job/show", &query, &doc, &e) != 0) {
		call_suggest_job(c, args->argv[0], &e);
		rc = ctl_fail(&e);
	} else {
		out_init(&o, c, NULL, jobcols);
		rc = out_show(&o, doc);
		js_free(doc);
	}
	buf_fini(&query);
	return rc;
}

struct next {
	const char *from; /* NULL: now */
	int64_t n;
	bool audit;
};

static const struct opt next_options[] = {
	{ J_COUNT, 'n', "count", "N", "how many (default 5)" },
	{ J_FROM, 0, "from", "TIME", "after this time (default: now)" },
	{ J_AUDIT, 0, "audit", NULL, "what changes of the clock do to it in two years" },
	{ 0, 0, NULL, NULL, NULL },
};

static int
take_next(int id, const char *value, void *arg, struct err *e)
{
	struct next *n = arg;

	if (id == J_COUNT)
		return opt_i64(value, 1, 1000, &n->n, e);
	if (id == J_AUDIT) {
		n->audit = true;
		return 0;
	}
	n->from = value;
	return when_check(value, e);
}

static void
put_times(const struct ctl *c, const struct json_t *times, const struct tz *z)
{
	struct buf out = BUF_INIT;

	for (size_t i = 0; i < js_len(times); i++) {
		struct buf raw = BUF_INIT;
		int64_t at_ms;

		js_dump(js_at(times, i), &raw);
		at_ms = strtoll(buf_str(&raw), NULL, 10);
		if (c->format == CTL_TSV)
			buf_addf(&out, "%lld", (long long)at_ms);
		else
			when_put_full(&out, at_ms, z);
		buf_addc(&out, '\n');
		buf_fini(&raw);
	}
	if (c->format == CTL_TSV && c->header)
		puts("atMs");
	fwrite(buf_str(&out), 1, out.len, stdout);
	buf_fini(&out);
}

/* What the times do not say, or why there are none. */
static void
remark(const struct json_t *doc)
{
	const char *status = js_text(js_get(doc, "status")), *type = js_text(js_get(doc, "timeType"));
	bool none = js_len(js_get(doc, "next")) == 0;

	if (status != NULL && strcmp(status, "disabled") == 0)
		ctl_say("the job is disabled%s", none ? "" : ": these are the times it would have; pj-ctl job enable");
	else if (none && type != NULL && strcmp(type, "FIXED_DELAY") == 0)
		ctl_say("the next run follows the end of the one that is under way");
	else if (none)
		ctl_say("nothing triggers this job: it runs by hand only, or its times are over");
}

/* In the zone of the job, where it has one. */
static void
put_next(const struct ctl *c, const struct json_t *doc)
{
	const char *name = js_text(js_get(doc, "tz"));
	struct tz *z = name != NULL && name[0] != '\0' ? tz_open(name, NULL) : NULL;

	if (c->format == CTL_TABLE)
		remark(doc);
	put_times(c, js_get(doc, "next"), z != NULL ? z : when_zone());
	tz_free(z);
}

static int
put_answer(const struct ctl *c, const struct next *n, const struct json_t *doc)
{
	struct out o;

	if (n->audit)
		return audited_put(c, doc);
	if (c->format != CTL_JSON) {
		put_next(c, doc);
		return 0;
	}
	out_init(&o, c, NULL, jobcols);
	return out_show(&o, doc);
}

/* A time without an offset is of the job's zone, in which the times are shown. */
static int
add_from(struct ctl *c, struct buf *query, const char *from, struct err *e)
{
	const struct tz *z = NULL;
	struct json_t *doc = NULL;
	struct tz *own = NULL;
	int64_t ms = 0;
	int rc;

	if (call_get(c, "job/show", query, &doc, e) != 0)
		return -1;
	rc = when_named(js_text(js_get(doc, "tz")), &own, &z, e);
	js_free(doc);
	if (rc == 0 && (rc = when_parse(from, z, &ms, e)) != 0)
		err_prefix(e, "--from");
	if (rc == 0)
		call_param_i64(query, "from", ms);
	tz_free(own);
	return rc;
}

static int
do_next(const struct verb *v, struct ctl *c, struct opt_args *args)
{
	struct next n = { NULL, 5, false };
	struct buf query = BUF_INIT;
	struct json_t *doc;
	struct err e = ERR_INIT;
	int rc = verb_parse(v, c, args, take_next, &n);

	if (rc != OPT_GO)
		return rc;
	call_param_app(c, &query);
	call_param(&query, "job", args->argv[0]);
	rc = n.from != NULL ? add_from(c, &query, n.from, &e) : 0;
	if (!n.audit)
		call_param_i64(&query, "n", n.n);
	if (rc != 0 || call_get(c, n.audit ? "job/audit" : "job/next", &query, &doc, &e) != 0) {
		call_suggest_job(c, args->argv[0], &e);
		rc = ctl_fail(&e);
	} else {
		rc = put_answer(c, &n, doc);
		js_free(doc);
	}
	buf_fini(&query);
	return rc;
}

/* --- rm, enable, disable --------------------------------------------------------------------------------------- */

static int
post_one(struct ctl *c, const char *path, const char *job, bool make_up)
{
	struct buf body = BUF_INIT;
	struct json_t *doc = NULL;
	struct err e = ERR_INIT;
	struct jw w;
	int rc = 0;

	call_body(c, &w, &body);
	jw_str(&w, "job", job);
	if (make_up)
		jw_bool(&w, "makeUp", true);
	jw_end(&w);
	if (words_check(job, &e) != 0 || call_post(c, path, &body, &doc, &e) != 0) {
		call_suggest_job(c, job, &e);
		rc = ctl_fail(&e);
	} else if (c->format == CTL_JSON) {
		struct out o;

		out_init(&o, c, NULL, jobcols);
		rc = out_show(&o, doc);
	}
	js_free(doc);
	buf_fini(&body);
	return rc;
}

static int
change_one(struct ctl *c, const char *path, const char *job)
{
	return post_one(c, path, job, false);
}

static int
make_up_one(struct ctl *c, const char *path, const char *job)
{
	return post_one(c, path, job, true);
}

static int
change_all(const struct verb *v, struct ctl *c, struct opt_args *args, const char *path)
{
	int rc = verb_parse(v, c, args, NULL, NULL);

	return rc == OPT_GO ? verb_each(c, args, change_one, path) : rc;
}

static int
do_rm(const struct verb *v, struct ctl *c, struct opt_args *args)
{
	return change_all(v, c, args, "job/rm");
}

static const struct opt enable_options[] = {
	{ J_MAKE_UP, 0, "make-up", NULL, "times that passed meanwhile are past as after a downtime: see --misfire" },
	{ 0, 0, NULL, NULL, NULL },
};

static int
take_make_up(int id, const char *value, void *arg, struct err *e)
{
	(void)id, (void)value, (void)e;
	*(bool *)arg = true;
	return 0;
}

static int
do_enable(const struct verb *v, struct ctl *c, struct opt_args *args)
{
	bool make_up = false;
	int rc = verb_parse(v, c, args, take_make_up, &make_up);

	return rc == OPT_GO ? verb_each(c, args, make_up ? make_up_one : change_one, "job/enable") : rc;
}

static int
do_disable(const struct verb *v, struct ctl *c, struct opt_args *args)
{
	return change_all(v, c, args, "job/disable");
}

#define JOB_MORE "JOB is a name, or #ID.\n"
#define ADD_MORE \
	"TIME is 2026-11-21T10:00:00 (local, or with a zone's offset) or @SECONDS; DUR is 500ms, 30s, 5m, 2h, 1d or\n" \
	"1h30m.\n" \
	"Without --cron, --every, --delay or --at the job runs by hand only: pj-ctl job run NAME.\n"

static const struct verb verbs[] = {
	{ "ls", "[--limit N]", "list the jobs of an app", ls_options, NULL, 0, 0, false, do_ls },
	{ "show", "JOB", "show one job", NULL, JOB_MORE, 1, 1, false, do_show },
	{ "add", "NAME [options] -- COMMAND ARG...\nNAME [options] --shell SCRIPT", "define a job; prints its #ID",
	    cmd_job_add_options, ADD_MORE, 1, 1, true, cmd_job_add },
	{ "edit", "JOB [options] [-- COMMAND ARG...]", "change a job: what is not named stays as it is",
	    cmd_job_edit_options, JOB_MORE ADD_MORE, 1, 1, true, cmd_job_edit },
	{ "rm", "JOB...", "remove jobs; their instances stay", NULL, JOB_MORE, 1, VERB_ANY, false, do_rm },
	{ "enable", "[--make-up] JOB...", "let jobs be triggered again, from now on", enable_options, JOB_MORE, 1, VERB_ANY, false,
	    do_enable },
	{ "disable", "JOB...", "trigger jobs no more; what runs goes on", NULL, JOB_MORE, 1, VERB_ANY, false,
	    do_disable },
	{ "run", "JOB [options]", "run a job now; prints the instance's id\n"
	    "With --wait: writes the job's log and ends with the job's exit code (128+N: signal N; 124: out of time).",
	    cmd_job_run_options, JOB_MORE, 1, 1, false, cmd_job_run },
	{ "next", "JOB [-n N] [--from TIME] [--audit]", "when a job is triggered next", next_options, JOB_MORE, 1, 1, false,
	    do_next },
	{ NULL, NULL, NULL, NULL, NULL, 0, 0, false, NULL },
};

const struct noun cmd_job = { "job", "definitions of what is to run, and when", verbs };

/* pj-ctl job run. */
#include <stdio.h>

#include "call.h"
#include "follow.h"
#include "instcols.h"
#include "nouns.h"
#include "words.h"

enum { R_PARAMS, R_DELAY, R_WAIT, R_STAMPS, R_TIMEOUT };

const struct opt cmd_job_run_options[] = {
	{ R_PARAMS, 0, "params", "TEXT", "the run's parameters, PJ_INSTANCE_PARAMS of the job (-: from standard "
	    "input)" },
	{ R_DELAY, 0, "delay", "DUR", "not before so much time has passed" },
	{ R_WAIT, 'w', "wait", NULL, "write the log, wait for the end, exit with the job's code" },
	{ R_STAMPS, 't', "timestamps", NULL, "with --wait: log lines with time and level" },
	{ R_TIMEOUT, 0, "timeout", "DUR", "with --wait: watch no longer; exit 124 (the job goes on)" },
	{ 0, 0, NULL, NULL, NULL },
};

struct run {
	struct buf params;
	bool has_params, wait, stamps;
	int64_t delay_ms, timeout_ms;
};

static int
take(int id, const char *value, void *arg, struct err *e)
{
	struct run *r = arg;

	switch (id) {
	case R_PARAMS:
		buf_clear(&r->params);
		r->has_params = true;
		return words_text(value, &r->params, e);
	case R_DELAY:
		return opt_duration_ms(value, &r->delay_ms, e);
	case R_WAIT:
		r->wait = true;
		return 0;
	case R_STAMPS:
		r->stamps = true;
		return 0;
	case R_TIMEOUT:
		if (opt_duration_ms(value, &r->timeout_ms, e) != 0)
			return -1;
		return r->timeout_ms > 0 ? 0 : err_set(e, ERR_USAGE, "must be more than nothing");
	}
	return -1;
}

static int
start(struct ctl *c, const char *job, const struct run *r, struct json_t **doc, struct err *e)
{
	struct buf body = BUF_INIT;
	struct jw w;
	int rc;

	call_body(c, &w, &body);
	jw_str(&w, "job", job);
	if (r->has_params)
		jw_str(&w, "params", buf_str(&r->params));
	if (r->delay_ms > 0)
		jw_i64(&w, "delayMs", r->delay_ms);
	jw_end(&w);
	rc = words_check(job, e) == 0 ? call_post(c, "job/run", &body, doc, e) : -1;
	buf_fini(&body);
	if (rc == 0 && js_text(js_get(*doc, "instance")) == NULL) {
		js_free(*doc);
		rc = err_set(e, ERR_PROTOCOL, "the server's answer to job/run names no instance");
	}
	if (rc != 0)
		call_suggest_job(c, job, e);
	return rc;
}

/* With --json the log stays away, and the instance is printed when it is finished. */
static int
wait_for(struct ctl *c, const char *id, const struct run *r)
{
	struct follow f = { .id = id, .log = c->format == CTL_TABLE, .timestamps = r->stamps, .until_end = true,
		.timeout_ms = r->timeout_ms, .known = true };
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
run(struct ctl *c, const char *job, const struct run *r)
{
	struct json_t *doc;
	struct err e = ERR_INIT;
	const char *id;
	int rc = 0;

	if (start(c, job, r, &doc, &e) != 0)
		return ctl_fail(&e);
	id = js_text(js_get(doc, "instance"));
	if (r->wait) {
		if (c->format == CTL_TABLE)
			ctl_say("instance %s", id);
		rc = wait_for(c, id, r);
	} else if (c->format == CTL_JSON) {
		struct out o;

		out_init(&o, c, NULL, instcols);
		rc = out_show(&o, doc);
	} else {
		puts(id);
	}
	js_free(doc);
	return rc;
}

int
cmd_job_run(const struct verb *v, struct ctl *c, struct opt_args *args)
{
	struct run r = { .params = BUF_INIT };
	int rc = verb_parse(v, c, args, take, &r);

	if (rc == OPT_GO && !r.wait && (r.stamps || r.timeout_ms > 0))
		rc = verb_usage_error(v, c, "--timestamps and --timeout go with --wait");
	if (rc == OPT_GO)
		rc = run(c, args->argv[0], &r);
	buf_fini(&r.params);
	return rc;
}

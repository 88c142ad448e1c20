/* The message that makes pj-run start one attempt: files, limits, command line, environment. */
#include "worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "codec/kv.h"

#define ENV_MAX_BYTES 131000 /* of one variable: a little under the kernel's MAX_ARG_STRLEN */
#define TIMEOUT_MAX_MS (INT64_C(100) * 365 * 86400 * 1000)

static void
put_env(struct buf *out, const char *name, const char *value)
{
	struct buf b = BUF_INIT;

	if (value == NULL || strlen(value) > ENV_MAX_BYTES) /* it could not be passed: empty says so as well as any text */
		value = "";
	buf_addf(&b, "%s=%s", name, value);
	kv_put_n(out, "env", buf_str(&b), b.len);
	if (!buf_ok(&b))
		out->failed = true;
	buf_fini(&b);
}

static void
put_env_i64(struct buf *out, const char *name, int64_t value, bool empty)
{
	char text[24];

	snprintf(text, sizeof text, "%" PRId64, value);
	put_env(out, name, empty ? "" : text);
}

/* What a job may see of the worker's own environment. */
static void
put_inherited(struct buf *out)
{
	static const struct {
		const char *name, *otherwise;
	} own[] = {
		{ "PATH", "/usr/local/bin:/usr/bin:/bin" },
		{ "HOME", "/" },
		{ "LANG", NULL },
		{ "TZ", NULL },
	};

	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
		const char *v = getenv(own[i].name);

		if (v == NULL || v[0] == '\0')
			v = own[i].otherwise;
		if (v != NULL)
			put_env(out, own[i].name, v);
	}
}

void
command_mark(const struct host *w, const struct run *r, char out[COMMAND_MARK_SIZE])
{
	snprintf(out, COMMAND_MARK_SIZE, "PJ_RUN=%" PRId64 ".%" PRId64 "@%s", r->instance_id, r->attempt, w->mark);
}

static void
put_environment(struct host *w, const struct run *r, const struct run_request *q, const char *mark, struct buf *out)
{
	bool in_workflow = r->wf_instance_id != 0;
	char task[48];

	snprintf(task, sizeof task, "%" PRId64 "#%" PRId64, r->job_id, r->instance_id);
	put_inherited(out);
	kv_put(out, "env", mark);
	put_env(out, "PJ_APP", w->conf->worker.app);
	put_env_i64(out, "PJ_JOB_ID", r->job_id, false);
	put_env(out, "PJ_JOB_NAME", q->job_name);
	put_env_i64(out, "PJ_INSTANCE_ID", r->instance_id, false);
	put_env_i64(out, "PJ_ATTEMPT", r->attempt, false);
	put_env(out, "PJ_TASK_ID", task);
	put_env(out, "PJ_TASK_NAME", "OMS_ROOT_TASK");
	put_env(out, "PJ_PHASE", "root");
	put_env_i64(out, "PJ_RETRY", q->running_times, false);
	put_env(out, "PJ_JOB_PARAMS", q->job_params);
	put_env(out, "PJ_INSTANCE_PARAMS", q->instance_params);
	put_env_i64(out, "PJ_NOMINAL_TIME", q->nominal_ms, q->nominal_ms == 0);
	put_env_i64(out, "PJ_WF_INSTANCE_ID", r->wf_instance_id, !in_workflow);
	put_env(out, "PJ_WF_CONTEXT", in_workflow ? q->instance_params : NULL);
}

static void
put_files(struct host *w, const struct run *r, struct buf *out)
{
	char path[PATH_MAX];

	slots_path(w, r->slot, path);
	kv_put(out, "slot", path);
	kv_put_i64(out, "seq", r->seq);
	if (file_path(path, sizeof path, NULL, "%s/spool/%" PRId64 ".%" PRId64 ".log", w->state_dir, r->instance_id,
	    r->attempt) < 0)
		out->failed = true;
	kv_put(out, "spool", path);
	kv_put(out, "bell", w->bell_path);
}

int
command_message(struct host *w, const struct run *r, const struct run_request *q, const struct command *c,
    struct buf *out, struct err *e)
{
	const char *home = getenv("HOME");
	int64_t limit_ms = q->time_limit_ms;
	char mark[COMMAND_MARK_SIZE];

	if (limit_ms < 0 || limit_ms > TIMEOUT_MAX_MS)
		limit_ms = 0;
	command_mark(w, r, mark);
	kv_put(out, "op", "run");
	put_files(w, r, out);
	kv_put_i64(out, "instance", r->instance_id);
	kv_put_i64(out, "attempt", r->attempt);
	kv_put(out, "app", w->conf->worker.app);
	kv_put_i64(out, "job_id", r->job_id);
	kv_put(out, "job_name", q->job_name != NULL ? q->job_name : "");
	kv_put_i64(out, "timeout_ms", limit_ms);
	kv_put_i64(out, "grace_ms", w->conf->worker.stop_grace_ms);
	kv_put_i64(out, "log_max", w->conf->worker.log_max_bytes);
	kv_put(out, "log_full", w->conf->worker.log_full);
	kv_put(out, "cwd", home != NULL && home[0] == '/' ? home : "/");
	kv_put(out, "marker", mark);
	for (int i = 0; i < c->argc; i++)
		kv_put(out, "arg", c->argv[i]);
	put_environment(w, r, q, mark, out);
	if (!buf_ok(out))
		return err_set(e, ERR_NOMEM, "out of memory");
	if (out->len > LIMIT_SPEC)
		return err_set(e, ERR_TOOBIG, "the job's parameters make a start of %zu bytes, at most %d are taken", out->len,
		    LIMIT_SPEC);
	return 0;
}

int
command_from_row(struct host *w, const struct run *r, struct buf *out, struct err *e)
{
	struct command c = { NULL, 0 };
	struct buf spec = BUF_INIT;
	struct msg_doc *doc = NULL;
	struct assignment a;
	struct run_request q;
	int rc = workerdb_assign_get(w->db, r->instance_id, r->attempt, &a, &spec, e);

	if (rc == 0)
		err_set(e, ERR_NOTFOUND, "the assignment's row is gone");
	rc = rc != 1 || msg_run_parse(a.spec, strlen(a.spec), &q, &doc, e) < 0
	    || policy_command(w->conf, &q, &c, e) < 0 || command_message(w, r, &q, &c, out, e) < 0 ? -1 : 0;
	command_fini(&c);
	msg_doc_free(doc);
	buf_fini(&spec);
	return rc;
}

/* OpenAPI calls about jobs (protocol.md 1.4). */
#include <stdlib.h>
#include <string.h>

#include "codec/spool.h"
#include "jobjson.h"
#include "openapi.h"

int
openapi_app(struct call *c, int64_t *app_id, struct err *e)
{
	if (call_i64(c, "appId", c->app_id != 0 ? c->app_id : INT64_MIN, app_id, e) != 0)
		return -1;
	if (c->app_id != 0 && *app_id != c->app_id)
		return call_fail(c, e, ERR_FORBIDDEN, "PowerJobException", "-300", "INVALID_REQUEST: appId %lld is not the token's",
		    (long long)*app_id);
	return 0;
}

int
openapi_job_error(struct call *c, int64_t app_id, int64_t job_id, struct err *e)
{
	if (e->code == ERR_NOTFOUND)
		return call_fail(c, e, ERR_NOTFOUND, "IllegalArgumentException", NULL, "can't find job by jobId: %lld",
		    (long long)job_id);
	if (e->code == ERR_FORBIDDEN)
		return call_fail(c, e, ERR_FORBIDDEN, "IllegalArgumentException", NULL,
		    "this job is not belong to the app whose appId is %lld", (long long)app_id);
	return -1;
}

static int
job_params(struct call *c, int64_t *app_id, int64_t *job_id, struct err *e)
{
	if (call_i64(c, "jobId", INT64_MIN, job_id, e) != 0)
		return -1;
	return openapi_app(c, app_id, e);
}

int
openapi_job(struct call *c, int64_t app_id, int64_t job_id, struct job *j, struct err *e)
{
	if (job_get(c->server->db, job_id, j, e) != 0)
		return openapi_job_error(c, app_id, job_id, e);
	if (j->app_id != app_id) {
		job_fini(j);
		err_set(e, ERR_FORBIDDEN, "another app's");
		return openapi_job_error(c, app_id, job_id, e);
	}
	return 0;
}

/* --- saveJob --------------------------------------------------------------------------------------------------- */

static int
check_app_exists(struct call *c, int64_t app_id, struct err *e)
{
	struct app a;

	if (app_get(c->server->db, app_id, &a, e) == 0)
		return 0;
	if (e->code != ERR_NOTFOUND)
		return -1;
	return call_fail(c, e, ERR_NOTFOUND, "PowerJobException", "-402", "INVALID_APP:can't find app by appId: %lld",
	    (long long)app_id);
}

static int
save_spec(struct call *c, int64_t app_id, int64_t job_id, const struct job_spec *old, struct err *e)
{
	struct job_spec spec;
	int64_t id = 0;
	bool enable;
	int rc;

	if (js_bool(c->body, "enable", true, &enable, e) != 0)
		return -1;
	if (jobjson_from_java(c->body, old, &spec, &c->java_class, e) != 0)
		return -1;
	rc = jobjson_check_runs(&spec, e);
	if (rc == 0)
		rc = core_job_save(c->server->core, server_now(c->server), app_id, job_id, &spec, enable, &id, e);
	job_spec_fini(&spec);
	if (rc == 0)
		buf_addf(&c->out, "%lld", (long long)id);
	return rc;
}

static int
save_job(struct call *c, struct err *e)
{
	int64_t app_id, id;
	struct job old;
	int rc;

	if (js_get(c->body, "jobName") == NULL) /* PowerJob looks at it first */
		return err_set(e, ERR_DATA, "jobName can't be empty");
	if (openapi_app(c, &app_id, e) != 0)
		return js_get(c->body, "appId") == NULL ? err_set(e, ERR_DATA, "appId can't be empty") : -1;
	if (js_i64(c->body, "id", 0, &id, e) != 0)
		return -1;
	if (id == 0)
		return check_app_exists(c, app_id, e) != 0 ? -1 : save_spec(c, app_id, 0, NULL, e);
	if (openapi_job(c, app_id, id, &old, e) != 0)
		return -1;
	rc = save_spec(c, app_id, id, &old.spec, e);
	job_fini(&old);
	return rc;
}

/* --- reading --------------------------------------------------------------------------------------------------- */

static int
fetch_job(struct call *c, struct err *e)
{
	int64_t app_id, job_id;
	struct job j;
	struct jw w;

	if (job_params(c, &app_id, &job_id, e) != 0 || openapi_job(c, app_id, job_id, &j, e) != 0)
		return -1;
	jw_init(&w, &c->out);
	jobjson_put_java(&w, &j);
	job_fini(&j);
	return 0;
}

#define FETCH_ALL_MAX 20000 /* jobs: some 20 MB, and 0.2 s of everybody's time */

struct listing {
	struct jw w;
	int n;
};

static bool
put_job(const struct job *j, void *arg)
{
	struct listing *l = arg;

	if (l->n++ == FETCH_ALL_MAX)
		return false;
	jobjson_put_java(&l->w, j);
	return true;
}

static int
fetch_all(struct call *c, struct err *e)
{
	struct listing l = { .n = 0 };
	int64_t app_id;

	if (openapi_app(c, &app_id, e) != 0)
		return -1;
	jw_init(&l.w, &c->out);
	jw_arr(&l.w);
	if (job_each(c->server->db, app_id, true, 0, FETCH_ALL_MAX + 1, put_job, &l, e) != 0)
		return -1;
	if (l.n > FETCH_ALL_MAX)
		return err_set(e, ERR_TOOBIG, "the app has more than %d jobs; /pj/1/job/ls gives them in pages", FETCH_ALL_MAX);
	jw_end(&l.w);
	return 0;
}

static int
export_job(struct call *c, struct err *e)
{
	int64_t app_id, job_id;
	struct job j;
	struct jw w;

	if (job_params(c, &app_id, &job_id, e) != 0 || openapi_job(c, app_id, job_id, &j, e) != 0)
		return -1;
	jw_init(&w, &c->out);
	jobjson_put_export(&w, &j, server_now(c->server).at_ms);
	job_fini(&j);
	return 0;
}

/* --- copying ----------------------------------------------------------------------------------------------------- */

static int
copy(struct call *c, const struct job *j, int64_t *id, struct err *e)
{
	struct job_spec spec;
	struct buf name = BUF_INIT;
	int rc;

	if (j->status == JOB_DELETED)
		return call_fail(c, e, ERR_CONFLICT, "IllegalStateException", NULL, "can't copy the job which has been deleted!");
	if (job_spec_copy(&spec, &j->spec, e) != 0)
		return -1;
	buf_addf(&name, "%s_COPY", j->spec.name);
	free(spec.name);
	spec.name = buf_take(&name, NULL);
	rc = spec.name == NULL ? err_set(e, ERR_NOMEM, "out of memory") :
	    core_job_save(c->server->core, server_now(c->server), j->app_id, 0, &spec, j->status == JOB_ENABLED, id, e);
	job_spec_fini(&spec);
	return rc;
}

int
openapi_copy_job(struct call *c, int64_t app_id, int64_t job_id, int64_t *id, struct err *e)
{
	struct job j;
	int rc;

	if (openapi_job(c, app_id, job_id, &j, e) != 0)
		return -1;
	rc = copy(c, &j, id, e);
	job_fini(&j);
	return rc;
}

static int
copy_job(struct call *c, struct err *e)
{
	int64_t app_id, job_id, id;

	if (job_params(c, &app_id, &job_id, e) != 0 || openapi_copy_job(c, app_id, job_id, &id, e) != 0)
		return -1;
	buf_addf(&c->out, "%lld", (long long)id);
	return 0;
}

/* --- changing -------------------------------------------------------------------------------------------------- */

static int
set_status(struct call *c, enum job_status status, struct err *e)
{
	int64_t app_id, job_id;

	if (job_params(c, &app_id, &job_id, e) != 0)
		return -1;
	if (core_job_status(c->server->core, server_now(c->server), app_id, job_id, status, e) != 0)
		return openapi_job_error(c, app_id, job_id, e);
	return 0;
}

static int
enable_job(struct call *c, struct err *e)
{
	return set_status(c, JOB_ENABLED, e);
}

static int
disable_job(struct call *c, struct err *e)
{
	return set_status(c, JOB_DISABLED, e);
}

static int
delete_job(struct call *c, struct err *e)
{
	return set_status(c, JOB_DELETED, e);
}

/* Form parameters may hold any bytes; what is stored is UTF-8. */
static const char *
utf8_param(struct call *c, const char *name, struct buf *copy)
{
	const char *text = http_req_param(c->req, name);

	for (const char *p = text; p != NULL && *p != '\0'; p++)
		if ((unsigned char)*p >= 0x80) {
			spool_to_utf8(copy, text, strlen(text));
			return buf_str(copy);
		}
	return text;
}

static int
run_job(struct call *c, struct err *e)
{
	int64_t app_id, job_id, delay_ms, id;
	struct buf copy = BUF_INIT;
	const char *params = utf8_param(c, "instanceParams", &copy);
	int rc = job_params(c, &app_id, &job_id, e);

	if (rc == 0)
		rc = call_i64(c, "delay", 0, &delay_ms, e);
	if (rc == 0 && !buf_ok(&copy))
		rc = err_set(e, ERR_NOMEM, "out of memory");
	if (rc == 0 && core_job_run(c->server->core, server_now(c->server), app_id, job_id, params, delay_ms < 0 ? 0 : delay_ms,
	    &id, e) != 0)
		rc = openapi_job_error(c, app_id, job_id, e);
	if (rc == 0)
		buf_addf(&c->out, "%lld", (long long)id);
	buf_fini(&copy);
	return rc;
}

const struct route openapi_job_routes[] = {
	{ "POST", "/openApi/saveJob", ROUTE_OPENAPI, TAKES_JSON, true, save_job },
	{ "POST", "/openApi/copyJob", ROUTE_OPENAPI, TAKES_PARAMS, true, copy_job },
	{ "POST", "/openApi/exportJob", ROUTE_OPENAPI, TAKES_PARAMS, false, export_job },
	{ "POST", "/openApi/fetchJob", ROUTE_OPENAPI, TAKES_PARAMS, false, fetch_job },
	{ "POST", "/openApi/fetchAllJob", ROUTE_OPENAPI, TAKES_PARAMS, false, fetch_all },
	{ "POST", "/openApi/enableJob", ROUTE_OPENAPI, TAKES_PARAMS, true, enable_job },
	{ "POST", "/openApi/disableJob", ROUTE_OPENAPI, TAKES_PARAMS, true, disable_job },
	{ "POST", "/openApi/deleteJob", ROUTE_OPENAPI, TAKES_PARAMS, true, delete_job },
	{ "POST", "/openApi/runJob", ROUTE_OPENAPI, TAKES_PARAMS, true, run_job },
	{ "GET", "/job/export", ROUTE_CONSOLE, TAKES_PARAMS, false, export_job },
	{ NULL, NULL, ROUTE_OPEN, TAKES_PARAMS, false, NULL },
};

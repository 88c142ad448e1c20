/* OpenAPI calls about instances (protocol.md 1.4). */
#include "openapi.h"

int
openapi_instance_error(struct call *c, int64_t app_id, int64_t instance_id, struct err *e)
{
	if (e->code == ERR_NOTFOUND)
		return call_fail(c, e, ERR_NOTFOUND, "IllegalArgumentException", NULL, "can't find instance by instanceId: %lld",
		    (long long)instance_id);
	if (e->code == ERR_FORBIDDEN)
		return call_fail(c, e, ERR_FORBIDDEN, "IllegalArgumentException", NULL,
		    "instance is not belong to the app whose appId is %lld", (long long)app_id);
	return -1;
}

typedef int (*change)(struct core *c, struct now now, int64_t app_id, int64_t instance_id, struct err *e);

static int
change_instance(struct call *c, change fn, const char *conflict_class, struct err *e)
{
	int64_t app_id, id;

	if (call_i64(c, "instanceId", INT64_MIN, &id, e) != 0 || openapi_app(c, &app_id, e) != 0)
		return -1;
	if (fn(c->server->core, server_now(c->server), app_id, id, e) == 0)
		return 0;
	if (e->code == ERR_CONFLICT) {
		c->java_class = conflict_class;
		return -1;
	}
	return openapi_instance_error(c, app_id, id, e);
}

static int
stop_instance(struct call *c, struct err *e)
{
	return change_instance(c, core_instance_stop, "IllegalArgumentException", e);
}

static int
cancel_instance(struct call *c, struct err *e)
{
	return change_instance(c, core_instance_cancel, "PowerJobException", e);
}

static int
retry_instance(struct call *c, struct err *e)
{
	return change_instance(c, core_instance_retry, "PowerJobException", e);
}

/* PowerJob ignores appId here; a token is for its own app's instances all the same. */
static int
get_instance(struct call *c, struct instance *i, struct err *e)
{
	int64_t id;

	if (call_i64(c, "instanceId", INT64_MIN, &id, e) != 0)
		return -1;
	if (instance_get(c->server->db, id, i, e) != 0) {
		if (e->code != ERR_NOTFOUND)
			return -1;
		return call_fail(c, e, ERR_NOTFOUND, "IllegalArgumentException", NULL, "invalid instanceId: %lld", (long long)id);
	}
	if (c->app_id != 0 && i->app_id != c->app_id) {
		instance_fini(i);
		err_set(e, ERR_FORBIDDEN, "another app's");
		return openapi_instance_error(c, c->app_id, id, e);
	}
	return 0;
}

static int
fetch_status(struct call *c, struct err *e)
{
	struct instance i;

	if (get_instance(c, &i, e) != 0)
		return -1;
	buf_addf(&c->out, "%d", (int)i.status);
	instance_fini(&i);
	return 0;
}

static void
put_ms(struct jw *w, const char *member, int64_t ms)
{
	if (ms == NO_MS)
		jw_null(w, member);
	else
		jw_i64(w, member, ms);
}

static const char *
params_of(struct openapi_instances *o, const struct instance *i)
{
	if (i->job_params != NULL)
		return i->job_params;
	if (o->job.id == i->job_id && o->job.version == i->job_version)
		return o->job.spec.params;
	job_fini(&o->job);
	o->job.id = 0;
	if (job_get_version(o->db, i->job_id, i->job_version, &o->job, &o->why) == 0)
		return o->job.spec.params;
	o->job.id = 0;
	o->failed = true;
	return NULL;
}

void
openapi_instances_fini(struct openapi_instances *o)
{
	job_fini(&o->job);
}

bool
openapi_put_instance(const struct instance *i, void *openapi_instances)
{
	struct openapi_instances *o = openapi_instances;
	struct jw *w = &o->w;
	char at[40];

	jw_obj(w);
	jw_i64(w, "jobId", i->job_id);
	jw_i64(w, "appId", i->app_id);
	jw_i64(w, "instanceId", i->id);
	put_ms(w, "wfInstanceId", i->wf_instance_id);
	jw_str(w, "jobParams", params_of(o, i));
	jw_str(w, "instanceParams", i->instance_params);
	jw_i64(w, "status", (int64_t)i->status);
	jw_i64(w, "type", i->wf_instance_id != 0 ? 2 : 1);
	jw_str(w, "result", i->result);
	put_ms(w, "expectedTriggerTime", i->expected_ms);
	put_ms(w, "actualTriggerTime", i->actual_ms);
	put_ms(w, "finishedTime", i->finished_ms);
	jw_str(w, "taskTrackerAddress", i->worker);
	jw_i64(w, "runningTimes", i->running_times);
	reply_iso_time(at, i->created_ms);
	jw_str(w, "gmtCreate", at);
	reply_iso_time(at, i->modified_ms);
	jw_str(w, "gmtModified", at);
	jw_end(w);
	return !o->failed;
}

static int
fetch_info(struct call *c, struct err *e)
{
	struct openapi_instances out = { .db = c->server->db };
	struct instance i;

	if (get_instance(c, &i, e) != 0)
		return -1;
	jw_init(&out.w, &c->out);
	openapi_put_instance(&i, &out);
	openapi_instances_fini(&out);
	instance_fini(&i);
	return out.failed ? err_set(e, out.why.code, "%s", out.why.msg) : 0;
}

const struct route openapi_instance_routes[] = {
	{ "POST", "/openApi/stopInstance", ROUTE_OPENAPI, TAKES_PARAMS, true, stop_instance },
	{ "POST", "/openApi/cancelInstance", ROUTE_OPENAPI, TAKES_PARAMS, true, cancel_instance },
	{ "POST", "/openApi/retryInstance", ROUTE_OPENAPI, TAKES_PARAMS, true, retry_instance },
	{ "POST", "/openApi/fetchInstanceStatus", ROUTE_OPENAPI, TAKES_PARAMS, false, fetch_status },
	{ "POST", "/openApi/fetchInstanceInfo", ROUTE_OPENAPI, TAKES_PARAMS, false, fetch_info },
	{ NULL, NULL, ROUTE_OPEN, TAKES_PARAMS, false, NULL },
};

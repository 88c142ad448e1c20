/* OpenAPI calls that look for jobs and instances (protocol.md 1.4). */
#include <string.h>

#include "jobjson.h"
#include "openapi.h"
#include "page.h"
#include "store/instance.h"
#include "store/jobquery.h"

/* The app whose rows are asked for: appIdEq must be the token's, and is it when it is left out. */
static int
query_app(struct call *c, int64_t *app_id, struct err *e)
{
	if (js_i64(c->body, "appIdEq", c->app_id, app_id, e) != 0)
		return -1;
	if (c->app_id != 0 && *app_id != c->app_id)
		return call_fail(c, e, ERR_FORBIDDEN, "PowerJobException", "-300",
		    "INVALID_REQUEST: appIdEq %lld is not the token's app", (long long)*app_id);
	return 0;
}

/* --- queryJob -------------------------------------------------------------------------------------------------- */

#define CODES_MAX 64
#define JOBS_MAX 20000

struct codes {
	int64_t v[CODES_MAX];
	int n;
};

static int
take_codes(const struct json_t *list, const char *member, struct codes *out, struct err *e)
{
	out->n = 0;
	if (!js_is_array(list))
		return err_set(e, ERR_DATA, "%s must be an array of numbers", member);
	if (js_len(list) > CODES_MAX)
		return err_set(e, ERR_DATA, "%s has more than %d numbers", member, CODES_MAX);
	for (size_t i = 0; i < js_len(list); i++)
		if (js_int(js_at(list, i), &out->v[out->n++]) != 0)
			return err_set(e, ERR_DATA, "%s must be an array of numbers", member);
	return 0;
}

struct job_conditions {
	struct job_condition c[JOB_FILTERS_MAX];
	struct codes codes[4]; /* as many as there are lists */
	int n, n_codes;
};

/* A member that is there becomes a condition. */
static int
add_condition(struct call *c, const struct job_filter *f, struct job_conditions *q, struct err *e)
{
	const struct json_t *v = js_get(c->body, f->member);
	struct job_condition *to = &q->c[q->n];
	struct codes *codes = &q->codes[q->n_codes];

	if (v == NULL)
		return 0;
	*to = (struct job_condition){ .filter = f };
	switch (f->kind) {
	case FILTER_I64:
		if (js_i64(c->body, f->member, 0, &to->number, e) != 0)
			return -1;
		break;
	case FILTER_MS:
		if (page_date(c, f->member, &to->number, e) != 0)
			return -1;
		break;
	case FILTER_TEXT:
	case FILTER_LIKE:
		to->text = js_text(v);
		if (to->text == NULL)
			return err_set(e, ERR_DATA, "%s must be a text", f->member);
		break;
	case FILTER_CODES:
		if (take_codes(v, f->member, codes, e) != 0)
			return -1;
		if (codes->n == 0)
			return 0;
		to->codes = codes->v;
		to->n_codes = codes->n;
		q->n_codes++;
		break;
	}
	q->n++;
	return 0;
}

static bool
put_job(const struct job *j, void *arg)
{
	jobjson_put_java(arg, j);
	return true;
}

static int
query_job(struct call *c, struct err *e)
{
	struct job_conditions q = { .n = 0 };
	int64_t app_id;
	struct jw w;

	if (query_app(c, &app_id, e) != 0)
		return -1;
	for (const struct job_filter *f = job_filters; f->member != NULL; f++)
		if (strcmp(f->member, "appIdEq") != 0 && add_condition(c, f, &q, e) != 0)
			return -1;
	if (app_id != 0)
		q.c[q.n++] = (struct job_condition){ .filter = job_filter_find("appIdEq"), .number = app_id };
	jw_init(&w, &c->out);
	jw_arr(&w);
	if (job_query(c->server->db, q.c, q.n, 0, JOBS_MAX, put_job, &w, e) != 0)
		return -1;
	jw_end(&w);
	return 0;
}

/* --- queryInstance --------------------------------------------------------------------------------------------- */

/* The members of PowerJob's row; those that no order is kept of are ordered as they were made. */
static const struct sort {
	const char *name;
	enum instance_sort sort;
} sorts[] = {
	{ "id", SORT_ID }, { "instanceId", SORT_ID }, { "gmtCreate", SORT_ID }, { "appId", SORT_ID }, { "type", SORT_ID },
	{ "jobParams", SORT_ID }, { "instanceParams", SORT_ID }, { "result", SORT_ID }, { "lastReportTime", SORT_MODIFIED },
	{ "gmtModified", SORT_MODIFIED }, { "jobId", SORT_JOB }, { "wfInstanceId", SORT_WORKFLOW }, { "status", SORT_STATUS },
	{ "expectedTriggerTime", SORT_EXPECTED }, { "actualTriggerTime", SORT_ACTUAL }, { "finishedTime", SORT_FINISHED },
	{ "taskTrackerAddress", SORT_WORKER }, { "runningTimes", SORT_RUNNING_TIMES },
};

/* PowerJob ignores `asc`: with sortBy it sorts upwards, without it says nothing. */
static int
take_sort(struct call *c, struct instance_query *q, struct err *e)
{
	const struct json_t *v = js_get(c->body, "sortBy");
	const char *name = v == NULL ? NULL : js_text(v);

	q->ascending = true;
	if (v == NULL || (name != NULL && name[0] == '\0'))
		return 0;
	for (size_t i = 0; name != NULL && i < sizeof sorts / sizeof sorts[0]; i++)
		if (strcmp(sorts[i].name, name) == 0) {
			q->sort = sorts[i].sort;
			return 0;
		}
	return call_fail(c, e, ERR_DATA, "PropertyReferenceException", NULL, "No property '%.60s' found for type 'InstanceInfoDO'!",
	    name == NULL ? "" : name);
}

static int
take_status(struct call *c, struct instance_query *q, enum instance_status status[CODES_MAX], struct err *e)
{
	const struct json_t *v = js_get(c->body, "statusIn");
	struct codes codes;

	if (v == NULL)
		return 0;
	if (take_codes(v, "statusIn", &codes, e) != 0)
		return -1;
	for (int i = 0; i < codes.n; i++)
		status[i] = (enum instance_status)(codes.v[i] < 0 || codes.v[i] > 99 ? 0 : codes.v[i]);
	q->status = status;
	q->n_status = codes.n;
	return 0;
}

static int
take_instance_query(struct call *c, struct instance_query *q, enum instance_status status[CODES_MAX], struct err *e)
{
	const struct {
		const char *member;
		int64_t *to;
		bool date;
	} m[] = {
		{ "instanceIdEq", &q->id, false }, { "instanceIdLt", &q->before_id, false }, { "instanceIdGt", &q->after_id, false },
		{ "jobIdEq", &q->job_id, false }, { "gmtCreateLt", &q->created_before_ms, true },
		{ "gmtCreateGt", &q->created_after_ms, true }, { "gmtModifiedLt", &q->modified_before_ms, true },
		{ "gmtModifiedGt", &q->modified_after_ms, true },
	};

	for (size_t i = 0; i < sizeof m / sizeof m[0]; i++)
		if (m[i].date ? page_date(c, m[i].member, m[i].to, e) != 0 : js_i64(c->body, m[i].member, 0, m[i].to, e) != 0)
			return -1;
	if (take_status(c, q, status, e) != 0 || take_sort(c, q, e) != 0)
		return -1;
	return query_app(c, &q->app_id, e);
}

static int
query_instance(struct call *c, struct err *e)
{
	enum instance_status status[CODES_MAX];
	struct instance_query q = { .id = 0 };
	struct openapi_instances out = { .db = c->server->db };
	struct page p;
	int64_t total;
	int rc;

	if (page_read(c, &p, e) != 0 || take_instance_query(c, &q, status, e) != 0)
		return -1;
	q.most_steps = PAGE_STEPS;
	if (instance_count(c->server->db, &q, &total, e) != 0)
		return page_error(c, e);
	q.limit = (int)p.size;
	q.offset = p.index * p.size;
	jw_init(&out.w, &c->out);
	page_put_head(&out.w, &p, total);
	rc = instance_each(c->server->db, &q, openapi_put_instance, &out, e);
	openapi_instances_fini(&out);
	if (rc != 0)
		return page_error(c, e);
	jw_end(&out.w);
	jw_end(&out.w);
	if (out.failed)
		return err_set(e, out.why.code, "%s", out.why.msg);
	return 0;
}

const struct route openapi_query_routes[] = {
	{ "POST", "/openApi/queryJob", ROUTE_OPENAPI, TAKES_JSON, false, query_job },
	{ "POST", "/openApi/queryInstance", ROUTE_OPENAPI, TAKES_JSON, false, query_instance },
	{ NULL, NULL, ROUTE_OPEN, TAKES_PARAMS, false, NULL },
};

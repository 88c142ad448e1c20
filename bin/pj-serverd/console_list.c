/* /job/list, /instance/list. */
#include <string.h>

#include "console.h"
#include "jobjson.h"
#include "openapi.h"
#include "page.h"
#include "store/jobquery.h"

/* --- jobs ------------------------------------------------------------------------------------------------------ */

struct job_rows {
	struct server *server;
	struct jw w;
};

static bool
put_job(const struct job *j, void *arg)
{
	struct job_rows *r = arg;
	char next[32];

	page_local_time(r->server, next, j->next_trigger_ms);
	jobjson_put_console(&r->w, j, next);
	return true;
}

static int
job_conditions(struct call *c, struct job_condition q[4], int *n, struct err *e)
{
	static const int64_t kept[] = { JOB_ENABLED, JOB_DISABLED };
	int64_t app_id, job_id;
	const struct json_t *keyword = js_get(c->body, "keyword");
	const char *text = keyword == NULL ? NULL : js_text(keyword);

	*n = 0;
	if (openapi_app(c, &app_id, e) != 0 || js_i64(c->body, "jobId", 0, &job_id, e) != 0)
		return -1;
	if (keyword != NULL && text == NULL)
		return err_set(e, ERR_DATA, "keyword must be a text");
	q[(*n)++] = (struct job_condition){ .filter = job_filter_find("appIdEq"), .number = app_id };
	q[(*n)++] = (struct job_condition){ .filter = job_filter_find("statusIn"), .codes = kept, .n_codes = 2 };
	if (job_id != 0)
		q[(*n)++] = (struct job_condition){ .filter = job_filter_find("idEq"), .number = job_id };
	if (text != NULL && text[0] != '\0')
		q[(*n)++] = (struct job_condition){ .filter = job_filter_find("jobNameLike"), .text = text };
	return 0;
}

static int
job_list(struct call *c, struct err *e)
{
	struct job_condition q[4];
	struct job_rows rows = { .server = c->server };
	struct page p;
	int64_t total;
	int n;

	if (page_read(c, &p, e) != 0 || job_conditions(c, q, &n, e) != 0 || job_query_count(c->server->db, q, n, &total, e) != 0)
		return -1;
	jw_init(&rows.w, &c->out);
	page_put_head(&rows.w, &p, total);
	if (job_query(c->server->db, q, n, p.index * p.size, p.size, put_job, &rows, e) != 0)
		return -1;
	jw_end(&rows.w);
	jw_end(&rows.w);
	return 0;
}

/* --- instances ------------------------------------------------------------------------------------------------- */

struct instance_rows {
	struct server *server;
	struct jw w;
	struct job job; /* the last row's */
};

static const char *
job_name(struct instance_rows *r, const struct instance *i)
{
	struct err e = ERR_INIT;

	if (r->job.id == i->job_id)
		return r->job.spec.name;
	job_fini(&r->job);
	r->job.id = 0;
	if (job_get(r->server->db, i->job_id, &r->job, &e) == 0)
		return r->job.spec.name;
	r->job.id = 0;
	return NULL;
}

static bool
put_instance(const struct instance *i, void *arg)
{
	struct instance_rows *r = arg;
	struct jw *w = &r->w;
	char text[32];

	jw_obj(w);
	jw_id(w, "jobId", i->job_id);
	jw_str(w, "jobName", job_name(r, i));
	jw_id(w, "instanceId", i->id);
	if (i->wf_instance_id != 0)
		jw_id(w, "wfInstanceId", i->wf_instance_id);
	else
		jw_str(w, "wfInstanceId", "N/A");
	jw_str(w, "result", i->result);
	jw_str(w, "taskTrackerAddress", i->worker);
	jw_i64(w, "runningTimes", i->running_times);
	jw_i64(w, "status", (int64_t)i->status);
	page_local_time(r->server, text, i->actual_ms);
	jw_str(w, "actualTriggerTime", text);
	page_local_time(r->server, text, i->finished_ms);
	jw_str(w, "finishedTime", text);
	jw_end(w);
	return true;
}

static const struct {
	const char *name;
	enum instance_status status;
} status_names[] = {
	{ "WAITING_DISPATCH", INSTANCE_WAITING }, { "WAITING_WORKER_RECEIVE", INSTANCE_SENT }, { "RUNNING", INSTANCE_RUNNING },
	{ "FAILED", INSTANCE_FAILED }, { "SUCCEED", INSTANCE_SUCCEED }, { "CANCELED", INSTANCE_CANCELED },
	{ "STOPPED", INSTANCE_STOPPED },
};

static int
take_status(struct call *c, struct instance_query *q, enum instance_status *status, struct err *e)
{
	const struct json_t *v = js_get(c->body, "status");
	const char *name = v == NULL ? NULL : js_text(v);

	if (v == NULL || (name != NULL && name[0] == '\0'))
		return 0;
	for (size_t i = 0; name != NULL && i < sizeof status_names / sizeof status_names[0]; i++)
		if (strcmp(status_names[i].name, name) == 0) {
			*status = status_names[i].status;
			q->status = status;
			q->n_status = 1;
			return 0;
		}
	return call_fail(c, e, ERR_DATA, "HttpMessageNotReadableException", NULL,
	    "JSON parse error: status: not one of the names of InstanceStatus");
}

static int
take_instance_query(struct call *c, struct instance_query *q, enum instance_status *status, bool *none, struct err *e)
{
	const struct json_t *v = js_get(c->body, "type");
	const char *type = v == NULL ? NULL : js_text(v);

	if (type == NULL || (strcmp(type, "NORMAL") != 0 && strcmp(type, "WORKFLOW") != 0))
		return err_set(e, ERR_DATA, "type must be NORMAL or WORKFLOW");
	if (openapi_app(c, &q->app_id, e) != 0 || js_i64(c->body, "instanceId", 0, &q->id, e) != 0 ||
	    js_i64(c->body, "jobId", 0, &q->job_id, e) != 0 || js_i64(c->body, "wfInstanceId", 0, &q->wf_instance_id, e) != 0 ||
	    take_status(c, q, status, e) != 0)
		return -1;
	/* There are no workflows yet, so no instances of theirs. */
	*none = strcmp(type, "WORKFLOW") == 0 && q->wf_instance_id == 0;
	q->sort = SORT_MODIFIED;
	return 0;
}

/* Of very many with one status: how many there are of all, which is not too few. */
static int
count_all(struct call *c, const struct instance_query *q, int64_t *total, struct err *e)
{
	struct instance_query all = *q;

	if (instance_count(c->server->db, q, total, e) == 0)
		return 0;
	if (e->code != ERR_TOOBIG || q->n_status == 0)
		return -1;
	all.n_status = 0;
	return instance_count(c->server->db, &all, total, e);
}

static int
instance_list(struct call *c, struct err *e)
{
	enum instance_status status;
	struct instance_query q = { .id = 0 };
	struct instance_rows rows = { .server = c->server };
	struct page p;
	int64_t total = 0;
	bool none = false;
	int rc = 0;

	if (page_read(c, &p, e) != 0 || take_instance_query(c, &q, &status, &none, e) != 0)
		return -1;
	q.most_steps = PAGE_STEPS;
	q.window = PAGE_MAX - PAGE_MAX % p.size; /* whole pages */
	if (!none && count_all(c, &q, &total, e) != 0)
		return page_error(c, e);
	q.limit = (int)p.size;
	q.offset = p.index * p.size;
	jw_init(&rows.w, &c->out);
	page_put_head(&rows.w, &p, total);
	if (!none)
		rc = instance_each(c->server->db, &q, put_instance, &rows, e);
	jw_end(&rows.w);
	jw_end(&rows.w);
	job_fini(&rows.job);
	return rc == 0 ? 0 : page_error(c, e);
}

const struct route console_list_routes[] = {
	{ "POST", "/job/list", ROUTE_CONSOLE, TAKES_JSON, false, job_list },
	{ "POST", "/instance/list", ROUTE_CONSOLE, TAKES_JSON, false, instance_list },
	{ NULL, NULL, ROUTE_OPEN, TAKES_PARAMS, false, NULL },
};

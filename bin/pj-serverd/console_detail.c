/* /instance/detail, /instance/detailPlus: an instance's row, and while it runs on a Java worker what its tracker says. */
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "console.h"
#include "net/msg.h"
#include "openapi.h"
#include "page.h"
#include "store/alarm.h"

#define QUERY_MAX 4096
#define ALARMS_MAX 20 /* the newest */

int
console_instance(struct call *c, struct instance *i, struct err *e)
{
	int64_t app_id, id;

	if (call_i64(c, "instanceId", INT64_MIN, &id, e) != 0 || openapi_app(c, &app_id, e) != 0)
		return -1;
	if (instance_get(c->server->db, id, i, e) != 0)
		return openapi_instance_error(c, app_id, id, e);
	if (i->app_id == app_id)
		return 0;
	instance_fini(i);
	err_set(e, ERR_FORBIDDEN, "another app's");
	return openapi_instance_error(c, app_id, id, e);
}

/* --- as JSON --------------------------------------------------------------------------------------------------- */

static void
put_value(struct jw *w, const char *member, const struct json_t *v)
{
	struct buf text = BUF_INIT;

	if (v != NULL)
		js_dump(v, &text);
	jw_raw(w, member, v == NULL ? NULL : buf_str(&text));
	buf_fini(&text);
}

static void
put_time(const struct server *s, struct jw *w, const char *member, const struct json_t *v, int64_t otherwise)
{
	int64_t ms = otherwise;
	char text[32];

	if (v != NULL && js_int(v, &ms) != 0)
		ms = otherwise;
	page_local_time(s, text, ms);
	jw_str(w, member, text);
}

static void
put_tasks(const struct server *s, struct jw *w, const struct json_t *list)
{
	static const char *const plain[] = { "taskId", "taskName", "taskContent", "processorAddress", "status", "statusStr",
		"result", "failedCnt", "createdTime", "lastModifiedTime", "lastReportTime" };

	jw_arr_in(w, "queriedTaskDetailInfoList");
	for (size_t i = 0; list != NULL && js_is_array(list) && i < js_len(list); i++) {
		const struct json_t *t = js_at(list, i);

		if (!js_is_object(t))
			continue;
		jw_obj(w);
		for (size_t k = 0; k < sizeof plain / sizeof plain[0]; k++)
			put_value(w, plain[k], js_get(t, plain[k]));
		put_time(s, w, "createdTimeStr", js_get(t, "createdTime"), 0);
		put_time(s, w, "lastModifiedTimeStr", js_get(t, "lastModifiedTime"), 0);
		put_time(s, w, "lastReportTimeStr", js_get(t, "lastReportTime"), 0);
		jw_end(w);
	}
	jw_end(w);
}

static void
put_sub_instances(const struct server *s, struct jw *w, const struct json_t *list)
{
	if (list == NULL || !js_is_array(list)) {
		jw_null(w, "subInstanceDetails");
		return;
	}
	jw_arr_in(w, "subInstanceDetails");
	for (size_t i = 0; i < js_len(list); i++) {
		const struct json_t *t = js_at(list, i);

		if (!js_is_object(t))
			continue;
		jw_obj(w);
		put_value(w, "subInstanceId", js_get(t, "subInstanceId"));
		put_time(s, w, "startTime", js_get(t, "startTime"), 0);
		put_time(s, w, "finishedTime", js_get(t, "finishedTime"), 0);
		put_value(w, "result", js_get(t, "result"));
		put_value(w, "status", js_get(t, "status"));
		jw_end(w);
	}
	jw_end(w);
}

static const struct json_t *
member(const struct json_t *said, const char *name)
{
	return said == NULL ? NULL : js_get(said, name);
}

struct alarms {
	struct server *server;
	struct jw *w;
	bool begun;
};

static bool
put_alarm(const struct alarm *a, void *arg)
{
	struct alarms *to = arg;
	char text[32];

	if (!to->begun)
		jw_arr_in(to->w, "alarms");
	to->begun = true;
	jw_obj(to->w);
	page_local_time(to->server, text, a->at_ms);
	jw_str(to->w, "time", text);
	jw_str(to->w, "kind", a->kind);
	jw_str(to->w, "text", a->text);
	jw_end(to->w);
	return true;
}

/* A member of ours, which is there only when it says something. */
static int
put_alarms(struct server *s, struct jw *w, int64_t instance_id, struct err *e)
{
	struct alarms to = { .server = s, .w = w };

	if (alarm_each(s->db, instance_id, ALARMS_MAX, put_alarm, &to, e) != 0)
		return -1;
	if (to.begun)
		jw_end(w);
	return 0;
}

/* InstanceDetailVO; said NULL: of the row alone. What the tracker does not say is the row's. */
static int
put_detail(struct server *s, struct buf *out, const struct instance *i, const struct json_t *said, struct err *e)
{
	struct jw w;
	struct job j = { .id = 0 };
	char text[32];
	int rc;

	if (i->job_params == NULL && job_get_version(s->db, i->job_id, i->job_version, &j, e) != 0)
		return -1;
	jw_init(&w, out);
	jw_obj(&w);
	page_local_time(s, text, i->expected_ms);
	jw_str(&w, "expectedTriggerTime", text);
	put_time(s, &w, "actualTriggerTime", member(said, "actualTriggerTime"), i->actual_ms);
	page_local_time(s, text, i->finished_ms);
	jw_str(&w, "finishedTime", text);
	jw_i64(&w, "status", (int64_t)i->status);
	jw_str(&w, "result", i->result);
	jw_str(&w, "taskTrackerAddress", i->worker);
	jw_str(&w, "jobParams", i->job_params != NULL ? i->job_params : j.spec.params);
	jw_str(&w, "instanceParams", i->instance_params);
	put_value(&w, "taskDetail", member(said, "taskDetail"));
	put_tasks(s, &w, member(said, "queriedTaskDetailInfoList"));
	put_sub_instances(s, &w, member(said, "subInstanceDetails"));
	jw_i64(&w, "runningTimes", i->running_times);
	rc = put_alarms(s, &w, i->id, e);
	jw_end(&w);
	job_fini(&j);
	return rc;
}

/* --- the tracker is asked -------------------------------------------------------------------------------------- */

static void
on_said(struct server *s, struct http_req *req, const struct json_t *said, void *arg)
{
	struct instance now;
	struct call c = { .server = s, .req = req };
	struct err e = ERR_INIT;
	int64_t id = *(int64_t *)arg;
	int rc = instance_get(s->db, id, &now, &e); /* it may have ended meanwhile */

	if (rc == 0) {
		rc = put_detail(s, &c.out, &now, now.status == INSTANCE_RUNNING ? said : NULL, &e);
		instance_fini(&now);
	}
	if (rc == 0)
		reply_java(&c);
	else
		reply_java_error(&c, &e);
	buf_fini(&c.out);
}

/* 1: the worker is asked and the answer will follow. */
static int
ask_tracker(struct call *c, const struct instance *i, const char *query, struct err *e)
{
	struct attempt a;
	struct buf body = BUF_INIT;
	struct jw w;
	int64_t *id;
	int rc;

	if (i->status != INSTANCE_RUNNING || attempt_get(c->server->db, i->id, i->attempt, &a, e) != 0)
		return 0;
	id = a.is_pj ? NULL : malloc(sizeof *id);
	if (id == NULL) {
		attempt_fini(&a);
		return 0;
	}
	*id = i->id;
	jw_init(&w, &body);
	jw_obj(&w);
	jw_i64(&w, "instanceId", i->id);
	if (query != NULL)
		jw_str(&w, "customQuery", query);
	jw_end(&w);
	rc = asks_start(c->server->asks, c->req, a.worker, PATH_QUERY, &body, on_said, id, free, e);
	attempt_fini(&a);
	buf_fini(&body);
	if (rc == 0)
		return 1;
	free(id);
	return 0;
}

static int
detail_of(struct call *c, const char *query, struct err *e)
{
	struct instance i;
	int rc;

	if (console_instance(c, &i, e) != 0)
		return -1;
	c->answered = ask_tracker(c, &i, query, e) == 1;
	rc = c->answered ? 0 : put_detail(c->server, &c->out, &i, NULL, e);
	instance_fini(&i);
	return rc;
}

static int
detail(struct call *c, struct err *e)
{
	return detail_of(c, NULL, e);
}

/* The text goes into the worker's own SQL. */
static bool
is_harmless(const char *query)
{
	static const char *const words[] = { "delete", "update", "insert", "drop", "create", "alter", "truncate", "rename", "lock",
		"grant", "revoke", "prepare", "execute", "commit", "begin" };

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcasestr(query, words[i]) != NULL)
			return false;
	return strchr(query, ';') == NULL;
}

static int
detail_plus(struct call *c, struct err *e)
{
	char *query;
	int rc;

	if (js_str(c->body, "customQuery", QUERY_MAX, &query, e) != 0)
		return -1;
	if (query != NULL && !is_harmless(query))
		rc = call_fail(c, e, ERR_DATA, "IllegalArgumentException", NULL, "customQuery: only conditions of a WHERE are allowed");
	else
		rc = detail_of(c, query != NULL && query[0] != '\0' ? query : NULL, e);
	free(query);
	return rc;
}

const struct route console_detail_routes[] = {
	{ "GET", "/instance/detail", ROUTE_CONSOLE, TAKES_PARAMS, false, detail },
	{ "POST", "/instance/detailPlus", ROUTE_CONSOLE, TAKES_JSON, false, detail_plus },
	{ NULL, NULL, ROUTE_OPEN, TAKES_PARAMS, false, NULL },
};

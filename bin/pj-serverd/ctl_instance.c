/* pj's own routes about instances: pj-api(7). */
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "job/state.h"
#include "logstore.h"
#include "store/alarm.h"
#include "waiters.h"

#define LIST_MAX 1000
#define WAIT_MAX_MS 60000
#define ALARMS_MAX 100
#define LOG_CHUNK (512 * 1024) /* bytes of one answer of instance/log */

/* --- finding --------------------------------------------------------------------------------------------------- */

int
ctl_instance(struct call *c, struct instance *i, struct err *e)
{
	int64_t id;

	if (call_i64(c, "id", INT64_MIN, &id, e) != 0)
		return -1;
	if (instance_get(c->server->db, id, i, e) != 0) {
		if (e->code != ERR_NOTFOUND)
			return -1;
		return err_set(e, ERR_NOTFOUND, "no instance %lld; see pj-ctl instance ls", (long long)id);
	}
	if (c->app_id != 0 && i->app_id != c->app_id) {
		instance_fini(i);
		return err_set(e, ERR_NOTFOUND, "no instance %lld in this app; see pj-ctl instance ls", (long long)id);
	}
	return 0;
}

/* --- as JSON --------------------------------------------------------------------------------------------------- */

struct names { /* of one answer: a list is mostly of one app and few jobs */
	struct db *db;
	int64_t app_id, job_id;
	char app[LIMIT_NAME + 1], job[LIMIT_NAME + 1];
};

static void
look_up(struct names *n, const struct instance *i)
{
	struct err e = ERR_INIT;
	struct app a;
	struct job j;

	if (n->app_id != i->app_id) {
		snprintf(n->app, sizeof n->app, "%s", app_get(n->db, i->app_id, &a, &e) == 0 ? a.name : "");
		n->app_id = i->app_id;
	}
	if (n->job_id == i->job_id)
		return;
	n->job[0] = '\0';
	n->job_id = i->job_id;
	if (job_get(n->db, i->job_id, &j, &e) == 0) {
		snprintf(n->job, sizeof n->job, "%s", j.spec.name == NULL ? "" : j.spec.name);
		job_fini(&j);
	}
}

static void
put_number(struct jw *w, const char *member, int64_t v, int64_t none)
{
	if (v == none)
		jw_null(w, member);
	else
		jw_i64(w, member, v);
}

/* The members of INSTANCE into the object that is open. */
static void
put_instance(struct jw *w, struct names *n, const struct instance *i)
{
	look_up(n, i);
	jw_id(w, "id", i->id);
	jw_str(w, "app", n->app);
	jw_str(w, "job", n->job);
	jw_i64(w, "jobId", i->job_id);
	jw_i64(w, "jobVersion", i->job_version);
	ctl_ms(w, "nominalMs", i->nominal_ms);
	jw_str(w, "status", state_name(i->status));
	jw_bool(w, "stopRequested", i->stop_ms != NO_MS);
	jw_i64(w, "attempt", i->attempt);
	jw_i64(w, "runningTimes", i->running_times);
	jw_str(w, "worker", i->worker);
	jw_str(w, "params", i->instance_params);
	jw_str(w, "result", i->result);
	put_number(w, "exitCode", i->exit_code, -1);
	put_number(w, "signal", i->signal, 0);
	ctl_ms(w, "expectedMs", i->expected_ms);
	ctl_ms(w, "startedMs", i->actual_ms);
	ctl_ms(w, "finishedMs", i->finished_ms);
	ctl_ms(w, "createdMs", i->created_ms);
	ctl_ms(w, "modifiedMs", i->modified_ms);
}

/* --- ls, show -------------------------------------------------------------------------------------------------- */

struct listing {
	struct jw w;
	struct names names;
	int n, limit;
	bool more;
};

static bool
put_listed(const struct instance *i, void *arg)
{
	struct listing *l = arg;

	if (l->n == l->limit) {
		l->more = true;
		return false;
	}
	jw_obj(&l->w);
	put_instance(&l->w, &l->names, i);
	jw_end(&l->w);
	l->n++;
	return true;
}

#define STATUS_MAX 7

/* "running,failed" */
static int
read_status(const char *text, enum instance_status *out, int *n, struct err *e)
{
	char copy[128], *save = NULL;

	*n = 0;
	if (text == NULL)
		return 0;
	snprintf(copy, sizeof copy, "%s", text);
	for (char *word = strtok_r(copy, ",", &save); word != NULL; word = strtok_r(NULL, ",", &save)) {
		int status = state_from_name(word);

		if (status < 0 || *n == STATUS_MAX)
			return err_set(e, ERR_USAGE, "status %.40s is none of waiting sent running failed succeeded canceled stopped",
			    word);
		out[(*n)++] = (enum instance_status)status;
	}
	return 0;
}

static int
read_query(struct call *c, struct instance_query *q, enum instance_status *status, struct err *e)
{
	const char *job = http_req_param(c->req, "job"), *app = http_req_param(c->req, "app");
	int64_t limit;
	struct app a;
	struct job j;

	if (call_i64(c, "limit", 50, &limit, e) != 0 || call_i64(c, "before", 0, &q->before_id, e) != 0 ||
	    read_status(http_req_param(c->req, "status"), status, &q->n_status, e) != 0)
		return -1;
	q->status = status;
	q->limit = limit < 1 ? 1 : limit > LIST_MAX ? LIST_MAX : (int)limit;
	if (job != NULL) {
		if (ctl_job(c, &a, &j, e) != 0)
			return -1;
		q->job_id = j.id;
		job_fini(&j);
	} else if (app != NULL || c->app_id != 0) {
		if (call_app(c, &a, e) != 0)
			return -1;
		q->app_id = a.id;
	}
	return 0;
}

static int
instance_ls(struct call *c, struct err *e)
{
	enum instance_status status[STATUS_MAX];
	struct instance_query q = { .limit = 0 };
	struct listing l = { .names = { .db = c->server->db } };

	if (read_query(c, &q, status, e) != 0)
		return -1;
	l.limit = q.limit++;
	jw_init(&l.w, &c->out);
	jw_obj(&l.w);
	jw_arr_in(&l.w, "instances");
	if (instance_each(c->server->db, &q, put_listed, &l, e) != 0)
		return -1;
	jw_end(&l.w);
	jw_bool(&l.w, "more", l.more);
	jw_end(&l.w);
	return 0;
}

static bool
put_attempt(const struct attempt *a, void *arg)
{
	struct jw *w = arg;

	jw_obj(w);
	jw_i64(w, "attempt", a->attempt);
	jw_str(w, "worker", a->worker);
	jw_str(w, "state", state_attempt_name(a->state));
	ctl_ms(w, "openedMs", a->opened_ms);
	ctl_ms(w, "acceptedMs", a->accepted_ms);
	ctl_ms(w, "startedMs", a->started_ms);
	ctl_ms(w, "finishedMs", a->finished_ms);
	put_number(w, "exitCode", a->exit_code, -1);
	put_number(w, "signal", a->signal, 0);
	jw_str(w, "result", a->result);
	jw_end(w);
	return true;
}

static bool
put_alarm(const struct alarm *a, void *arg)
{
	struct jw *w = arg;

	jw_obj(w);
	ctl_ms(w, "atMs", a->at_ms);
	jw_str(w, "kind", a->kind);
	jw_i64(w, "attempt", a->attempt);
	jw_str(w, "text", a->text);
	jw_end(w);
	return true;
}

static int
instance_show(struct call *c, struct err *e)
{
	struct names names = { .db = c->server->db };
	struct instance i;
	struct jw w;
	int rc;

	if (ctl_instance(c, &i, e) != 0)
		return -1;
	jw_init(&w, &c->out);
	jw_obj(&w);
	put_instance(&w, &names, &i);
	rc = core_instance_waits(c->server->core, server_now(c->server), &i, &w, e);
	jw_arr_in(&w, "attempts");
	if (rc == 0)
		rc = attempt_each(c->server->db, i.id, put_attempt, &w, e);
	jw_end(&w);
	jw_arr_in(&w, "alarms");
	if (rc == 0)
		rc = alarm_each(c->server->db, i.id, ALARMS_MAX, put_alarm, &w, e);
	jw_end(&w);
	jw_end(&w);
	instance_fini(&i);
	return rc;
}

/* --- wait ------------------------------------------------------------------------------------------------------ */

static int
wait_time(struct call *c, int64_t none, int64_t *out, struct err *e)
{
	if (call_i64(c, "waitMs", none, out, e) != 0)
		return -1;
	if (*out < 0)
		return err_set(e, ERR_USAGE, "waitMs is negative");
	if (*out > WAIT_MAX_MS)
		*out = WAIT_MAX_MS;
	return 0;
}

static bool
say_finished(struct server *s, struct http_req *req, int64_t id, int64_t arg, bool last)
{
	struct names names = { .db = s->db };
	struct buf out = BUF_INIT;
	struct err e = ERR_INIT;
	struct instance i;
	struct jw w;

	(void)arg;
	if (instance_get(s->db, id, &i, &e) != 0) {
		reply_pj_error(req, &e);
		return true;
	}
	if (!last && !state_is_finished(i.status)) {
		instance_fini(&i);
		return false;
	}
	jw_init(&w, &out);
	jw_obj(&w);
	put_instance(&w, &names, &i);
	jw_end(&w);
	instance_fini(&i);
	reply_pj(req, &out);
	buf_fini(&out);
	return true;
}

static int
instance_wait(struct call *c, struct err *e)
{
	struct instance i;
	int64_t wait_ms, id;

	if (wait_time(c, 30000, &wait_ms, e) != 0 || ctl_instance(c, &i, e) != 0)
		return -1;
	id = i.id;
	instance_fini(&i);
	if (waiters_add(c->server->waiters, c->req, id, wait_ms, say_finished, 0, e) != 0)
		return -1;
	c->answered = true;
	return 0;
}

/* --- log ------------------------------------------------------------------------------------------------------- */

static void
put_number_header(struct http_req *req, const char *name, int64_t v)
{
	char number[32];

	snprintf(number, sizeof number, "%lld", (long long)v);
	http_reply_header(req, name, number);
}

static void
send_log(struct http_req *req, struct buf *text, int64_t next, enum log_end end, int64_t missing)
{
	put_number_header(req, "X-PJ-Log-Next", next);
	if (end != LOG_GOES_ON)
		http_reply_header(req, "X-PJ-Log-End", "1");
	if (end == LOG_CUT)
		put_number_header(req, "X-PJ-Log-Missing", missing);
	http_reply(req, 200, "text/plain; charset=utf-8", text);
}

static bool
say_log(struct server *s, struct http_req *req, int64_t id, int64_t offset, bool last)
{
	struct buf text = BUF_INIT;
	struct err e = ERR_INIT;
	struct instance i;
	enum log_end end;
	int64_t length, missing;
	int rc;

	if (logstore_length(s->logs, id, &length, &e) != 0 || instance_get(s->db, id, &i, &e) != 0) {
		reply_pj_error(req, &e);
		return true;
	}
	rc = logstore_end(s->logs, &i, &end, &missing, &e);
	instance_fini(&i);
	if (rc != 0) {
		reply_pj_error(req, &e);
		return true;
	}
	if (offset > length)
		offset = length;
	if (offset == length && end == LOG_GOES_ON && !last)
		return false;
	if (logstore_read(s->logs, id, offset, LOG_CHUNK, &text, &e) != 0) {
		reply_pj_error(req, &e);
	} else {
		offset += (int64_t)text.len;
		send_log(req, &text, offset, offset == length ? end : LOG_GOES_ON, missing);
	}
	buf_fini(&text);
	return true;
}

static int
instance_log(struct call *c, struct err *e)
{
	struct instance i;
	int64_t wait_ms, offset, id;

	if (wait_time(c, 0, &wait_ms, e) != 0 || call_i64(c, "offset", 0, &offset, e) != 0)
		return -1;
	if (offset < 0)
		return err_set(e, ERR_USAGE, "offset is negative");
	if (ctl_instance(c, &i, e) != 0)
		return -1;
	id = i.id;
	instance_fini(&i);
	if (waiters_add(c->server->waiters, c->req, id, wait_ms, say_log, offset, e) != 0)
		return -1;
	c->answered = true;
	return 0;
}

/* --- changing -------------------------------------------------------------------------------------------------- */

typedef int (*change)(struct core *c, struct now now, int64_t app_id, int64_t instance_id, struct err *e);

static int
change_instance(struct call *c, change fn, struct err *e)
{
	static const char *const known[] = { "app", "id", NULL };
	struct instance i;
	int64_t id;
	struct jw w;

	if (ctl_known(c, known, e) != 0 || ctl_instance(c, &i, e) != 0)
		return -1;
	id = i.id;
	instance_fini(&i);
	if (fn(c->server->core, server_now(c->server), c->app_id, id, e) != 0 ||
	    instance_get(c->server->db, id, &i, e) != 0)
		return -1;
	jw_init(&w, &c->out);
	jw_obj(&w);
	jw_id(&w, "id", id);
	jw_str(&w, "status", state_name(i.status));
	jw_end(&w);
	instance_fini(&i);
	return 0;
}

static int
stop_one(struct call *c, struct err *e)
{
	return change_instance(c, core_instance_stop, e);
}

static int
cancel_one(struct call *c, struct err *e)
{
	return change_instance(c, core_instance_cancel, e);
}

static int
retry_one(struct call *c, struct err *e)
{
	return change_instance(c, core_instance_retry, e);
}

const struct route ctl_instance_routes[] = {
	{ "GET", "/pj/1/instance/ls", ROUTE_PJ, TAKES_PARAMS, false, instance_ls },
	{ "GET", "/pj/1/instance/show", ROUTE_PJ, TAKES_PARAMS, false, instance_show },
	{ "GET", "/pj/1/instance/wait", ROUTE_PJ, TAKES_PARAMS, false, instance_wait },
	{ "GET", "/pj/1/instance/log", ROUTE_PJ, TAKES_PARAMS, false, instance_log },
	{ "POST", "/pj/1/instance/stop", ROUTE_PJ, TAKES_JSON, true, stop_one },
	{ "POST", "/pj/1/instance/cancel", ROUTE_PJ, TAKES_JSON, true, cancel_one },
	{ "POST", "/pj/1/instance/retry", ROUTE_PJ, TAKES_JSON, true, retry_one },
	{ NULL, NULL, ROUTE_OPEN, TAKES_PARAMS, false, NULL },
};

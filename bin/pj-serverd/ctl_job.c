/* pj's own routes about jobs: pj-api(7). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "jobjson.h"
#include "net/msg.h"

#define LIST_MAX 1000
#define NEXT_MAX 1000
#define FROM_MIN_MS (-62167219200000LL) /* the years 0 to 9999 */
#define FROM_MAX_MS 253402300799999LL

int
ctl_known(struct call *c, const char *const *known, struct err *e)
{
	const char *unknown = js_unknown_key(c->body, known);

	return unknown == NULL ? 0 : err_set(e, ERR_DATA, "unknown member \"%.100s\" for %s; see pj-api(7)", unknown,
	    c->route->path);
}

void
ctl_ms(struct jw *w, const char *member, int64_t ms)
{
	if (ms == 0)
		jw_null(w, member);
	else
		jw_i64(w, member, ms);
}

static int
no_job(const struct app *a, const char *text, struct err *e)
{
	return err_set(e, ERR_NOTFOUND, "no job %s%.255s in app %s; see pj-ctl job ls", text[0] == '#' ? "" : "named ", text,
	    a->name);
}

static int
job_by_id(struct call *c, const struct app *a, const char *text, int64_t id, struct job *j, struct err *e)
{
	if (job_get(c->server->db, id, j, e) != 0)
		return e->code == ERR_NOTFOUND ? no_job(a, text, e) : -1;
	if (j->app_id != a->id) {
		job_fini(j);
		return no_job(a, text, e);
	}
	return 0;
}

static bool
is_number(const char *text, int64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
}

static int
find_job(struct call *c, const struct app *a, const char *text, struct job *j, struct err *e)
{
	int64_t id;

	if (text[0] == '#' && is_number(text + 1, &id))
		return job_by_id(c, a, text, id, j, e);
	if (job_find(c->server->db, a->id, text, j, e) == 0)
		return 0;
	if (e->code != ERR_NOTFOUND)
		return -1;
	return is_number(text, &id) ? job_by_id(c, a, text, id, j, e) : no_job(a, text, e);
}

int
ctl_job(struct call *c, struct app *a, struct job *j, struct err *e)
{
	char *text;
	int rc;

	if (call_app(c, a, e) != 0 || call_text(c, "job", LIMIT_NAME, &text, e) != 0)
		return -1;
	rc = text == NULL ? err_set(e, ERR_USAGE, "job is missing: its name or #ID") : find_job(c, a, text, j, e);
	free(text);
	return rc;
}

/* --- reading --------------------------------------------------------------------------------------------------- */

struct listing {
	struct jw w;
	const char *app;
	int n, limit;
	bool more;
};

static bool
put_job(const struct job *j, void *arg)
{
	struct listing *l = arg;

	if (l->n == l->limit) {
		l->more = true;
		return false;
	}
	jobjson_put_pj(&l->w, j, l->app);
	l->n++;
	return true;
}

static int
job_ls(struct call *c, struct err *e)
{
	struct listing l = { .n = 0 };
	int64_t limit, after;
	struct app a;

	if (call_app(c, &a, e) != 0 || call_i64(c, "limit", 100, &limit, e) != 0 || call_i64(c, "after", 0, &after, e) != 0)
		return -1;
	l.limit = limit < 1 ? 1 : limit > LIST_MAX ? LIST_MAX : (int)limit;
	l.app = a.name;
	jw_init(&l.w, &c->out);
	jw_obj(&l.w);
	jw_arr_in(&l.w, "jobs");
	if (job_each(c->server->db, a.id, false, after, l.limit + 1, put_job, &l, e) != 0)
		return -1;
	jw_end(&l.w);
	jw_bool(&l.w, "more", l.more);
	jw_end(&l.w);
	return 0;
}

static void
put_one(struct call *c, const struct app *a, const struct job *j)
{
	struct jw w;

	jw_init(&w, &c->out);
	jobjson_put_pj(&w, j, a->name);
}

static int
job_show(struct call *c, struct err *e)
{
	struct app a;
	struct job j;

	if (ctl_job(c, &a, &j, e) != 0)
		return -1;
	put_one(c, &a, &j);
	job_fini(&j);
	return 0;
}

/* From when on times are asked for. */
static int
take_from(struct call *c, int64_t *out, struct err *e)
{
	if (call_i64(c, "from", server_now(c->server).at_ms, out, e) != 0)
		return -1;
	if (*out >= FROM_MIN_MS && *out <= FROM_MAX_MS)
		return 0;
	return err_set(e, ERR_USAGE, "from is %lld; milliseconds since 1970 in the years 0 to 9999 are allowed", (long long)*out);
}

/* What changes of the clock do to it. */
static int
job_audit(struct call *c, struct err *e)
{
	int64_t from_ms;
	struct app a;
	struct job j;
	struct jw w;
	int rc;

	if (take_from(c, &from_ms, e) != 0 || ctl_job(c, &a, &j, e) != 0)
		return -1;
	jw_init(&w, &c->out);
	jw_obj(&w);
	jw_str(&w, "name", j.spec.name);
	jw_i64(&w, "timeExpressionType", j.spec.time_type);
	jw_str(&w, "timeExpression", j.spec.time_expr);
	rc = core_job_audit(c->server->core, &j, from_ms, &w, e);
	jw_end(&w);
	job_fini(&j);
	return rc;
}

static int
job_next(struct call *c, struct err *e)
{
	int64_t n, from_ms, at[NEXT_MAX];
	struct app a;
	struct job j;
	struct jw w;
	int got;

	if (call_i64(c, "n", 5, &n, e) != 0 || take_from(c, &from_ms, e) != 0)
		return -1;
	if (n < 1 || n > NEXT_MAX)
		return err_set(e, ERR_USAGE, "n is %lld; 1 to %d are allowed", (long long)n, NEXT_MAX);
	if (ctl_job(c, &a, &j, e) != 0)
		return -1;
	got = core_job_next(c->server->core, &j, from_ms, (int)n, at, e);
	if (got < 0) {
		job_fini(&j);
		return -1;
	}
	jw_init(&w, &c->out);
	jw_obj(&w);
	jw_arr_in(&w, "next");
	for (int i = 0; i < got; i++)
		jw_i64(&w, NULL, at[i]);
	jw_end(&w);
	jw_str(&w, "status", jobjson_status(j.status));
	jw_str(&w, "timeType", msg_time_type_name(j.spec.time_type));
	jw_str(&w, "tz", j.spec.tz);
	jw_str(&w, "zone", j.spec.tz != NULL ? j.spec.tz : tz_name(server_tz(c->server)));
	jw_end(&w);
	job_fini(&j);
	return 0;
}

/* --- saving ---------------------------------------------------------------------------------------------------- */

static int
name_is_free(struct call *c, const struct app *a, const char *name, int64_t but, struct err *e)
{
	struct job j;
	int64_t id;

	if (name[0] == '#')
		return err_set(e, ERR_DATA, "name: # at its beginning stands for the id of a job");
	if (job_find(c->server->db, a->id, name, &j, e) != 0)
		return e->code == ERR_NOTFOUND ? 0 : -1;
	id = j.id;
	job_fini(&j);
	return id == but ? 0 : err_set(e, ERR_CONFLICT, "app %s has a job named %s already: #%lld", a->name, name,
	    (long long)id);
}

static int
save(struct call *c, const struct app *a, int64_t id, const struct job_spec *spec, bool enable, struct err *e)
{
	struct job j;

	if (spec->name == NULL || spec->name[0] == '\0')
		return err_set(e, ERR_DATA, "name is missing");
	if (jobjson_check_runs(spec, e) != 0)
		return -1;
	if (core_job_save(c->server->core, server_now(c->server), a->id, id, spec, enable, &id, e) != 0)
		return -1;
	if (job_get(c->server->db, id, &j, e) != 0)
		return -1;
	put_one(c, a, &j);
	job_fini(&j);
	return 0;
}

static int
job_add(struct call *c, struct err *e)
{
	static const char *const also[] = { "app", "enable", NULL };
	struct job_spec spec;
	struct app a;
	bool enable;
	int rc;

	if (call_app(c, &a, e) != 0 || js_bool(c->body, "enable", true, &enable, e) != 0)
		return -1;
	job_spec_init(&spec);
	rc = jobjson_from_pj(c->body, also, &spec, e);
	if (rc == 0 && spec.name != NULL)
		rc = name_is_free(c, &a, spec.name, 0, e);
	if (rc == 0)
		rc = save(c, &a, 0, &spec, enable, e);
	job_spec_fini(&spec);
	return rc;
}

static int
edit(struct call *c, const struct app *a, struct job *j, struct err *e)
{
	static const char *const also[] = { "app", "job", "version", NULL };
	int64_t version;

	if (js_i64(c->body, "version", j->version, &version, e) != 0)
		return -1;
	if (version != j->version)
		return err_set(e, ERR_CONFLICT, "job %s is at version %lld by now, not %lld: look at it again", j->spec.name,
		    (long long)j->version, (long long)version);
	if (jobjson_from_pj(c->body, also, &j->spec, e) != 0)
		return -1;
	if (js_has(c->body, "name") && j->spec.name != NULL && name_is_free(c, a, j->spec.name, j->id, e) != 0)
		return -1;
	return save(c, a, j->id, &j->spec, j->status == JOB_ENABLED, e);
}

static int
job_edit(struct call *c, struct err *e)
{
	struct app a;
	struct job j;
	int rc;

	if (ctl_job(c, &a, &j, e) != 0)
		return -1;
	rc = j.status == JOB_DELETED ? err_set(e, ERR_CONFLICT, "job #%lld is deleted", (long long)j.id) :
	    edit(c, &a, &j, e);
	job_fini(&j);
	return rc;
}

/* --- changing -------------------------------------------------------------------------------------------------- */

static int
set_status(struct call *c, enum job_status status, struct err *e)
{
	const char *names[] = { "app", "job", status == JOB_ENABLED ? "makeUp" : NULL, NULL };
	struct app a;
	struct job j;
	bool make_up;
	int64_t id;
	int rc;

	if (ctl_known(c, names, e) != 0 || js_bool(c->body, "makeUp", false, &make_up, e) != 0 || ctl_job(c, &a, &j, e) != 0)
		return -1;
	id = j.id;
	job_fini(&j);
	if (make_up)
		rc = core_job_make_up(c->server->core, server_now(c->server), a.id, id, e);
	else
		rc = core_job_status(c->server->core, server_now(c->server), a.id, id, status, e);
	if (rc != 0)
		return -1;
	buf_addf(&c->out, "{\"id\":%lld}", (long long)id);
	return 0;
}

static int
job_enable(struct call *c, struct err *e)
{
	return set_status(c, JOB_ENABLED, e);
}

static int
job_disable(struct call *c, struct err *e)
{
	return set_status(c, JOB_DISABLED, e);
}

static int
job_rm(struct call *c, struct err *e)
{
	return set_status(c, JOB_DELETED, e);
}

static int
job_run(struct call *c, struct err *e)
{
	static const char *const known[] = { "app", "job", "params", "delayMs", NULL };
	int64_t delay_ms, job_id, id;
	struct app a;
	struct job j;
	char *params;
	int rc;

	if (ctl_known(c, known, e) != 0 || call_i64(c, "delayMs", 0, &delay_ms, e) != 0 || ctl_job(c, &a, &j, e) != 0)
		return -1;
	job_id = j.id;
	job_fini(&j);
	if (delay_ms < 0)
		return err_set(e, ERR_USAGE, "delayMs is negative");
	if (js_str(c->body, "params", LIMIT_TEXT, &params, e) != 0)
		return -1;
	rc = core_job_run(c->server->core, server_now(c->server), a.id, job_id, params, delay_ms, &id, e);
	free(params);
	if (rc == 0)
		buf_addf(&c->out, "{\"instance\":\"%lld\"}", (long long)id);
	return rc;
}

const struct route ctl_job_routes[] = {
	{ "GET", "/pj/1/job/ls", ROUTE_PJ, TAKES_PARAMS, false, job_ls },
	{ "GET", "/pj/1/job/show", ROUTE_PJ, TAKES_PARAMS, false, job_show },
	{ "GET", "/pj/1/job/next", ROUTE_PJ, TAKES_PARAMS, false, job_next },
	{ "GET", "/pj/1/job/audit", ROUTE_PJ, TAKES_PARAMS, false, job_audit },
	{ "POST", "/pj/1/job/add", ROUTE_PJ, TAKES_JSON, true, job_add },
	{ "POST", "/pj/1/job/edit", ROUTE_PJ, TAKES_JSON, true, job_edit },
	{ "POST", "/pj/1/job/enable", ROUTE_PJ, TAKES_JSON, true, job_enable },
	{ "POST", "/pj/1/job/disable", ROUTE_PJ, TAKES_JSON, true, job_disable },
	{ "POST", "/pj/1/job/rm", ROUTE_PJ, TAKES_JSON, true, job_rm },
	{ "POST", "/pj/1/job/run", ROUTE_PJ, TAKES_JSON, true, job_run },
	{ NULL, NULL, ROUTE_OPEN, TAKES_PARAMS, false, NULL },
};

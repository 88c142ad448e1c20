/* /system/listWorker, /system/overview. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "console.h"
#include "openapi.h"
#include "page.h"
#include "store/jobquery.h"

#define BUSY 0.8 /* of a machine's CPU, memory or disk */
#define DAY_MS 86400000LL

/* --- workers --------------------------------------------------------------------------------------------------- */

/* One decimal, none when it is 0. */
static const char *
decimal(char out[32], double v)
{
	size_t len;

	snprintf(out, 32, "%.1f", v);
	len = strlen(out);
	if (len > 2 && strcmp(out + len - 2, ".0") == 0)
		out[len - 2] = '\0';
	return out;
}

static void
put_share(struct jw *w, const char *member, double share, double used, double all)
{
	char a[32], b[32], c[32], text[128];

	snprintf(text, sizeof text, "%s%%（%s / %s GB）", decimal(a, share * 100), decimal(b, used), decimal(c, all));
	jw_str(w, member, text);
}

static int
worker_state(const struct server *s, const struct worker *x)
{
	const struct worker_metrics *m = &x->metrics;
	int busy = (m->cpu_load > (double)m->cpu_processors * BUSY) + (m->mem_usage > BUSY) + (m->disk_usage > BUSY);

	if (!workers_alive(core_workers(s->core), x, server_now(s)))
		return 9999;
	return x->overload || busy > 1 ? 3 : 1 + busy;
}

static void
put_worker(const struct server *s, struct jw *w, const struct worker *x)
{
	const struct worker_metrics *m = &x->metrics;
	char a[32], text[64];

	jw_obj(w);
	jw_str(w, "address", x->address);
	snprintf(text, sizeof text, "%s / %lld cores", decimal(a, m->cpu_load), (long long)m->cpu_processors);
	jw_str(w, "cpuLoad", text);
	put_share(w, "memoryLoad", m->mem_usage, m->mem_used_gb, m->mem_max_gb);
	put_share(w, "diskLoad", m->disk_usage, m->disk_used_gb, m->disk_total_gb);
	jw_str(w, "protocol", x->protocol);
	jw_str(w, "tag", x->tag == NULL ? "N/A" : x->tag);
	page_local_time(s, a, x->seen_at_ms);
	jw_str(w, "lastActiveTime", a);
	jw_i64(w, "lightTaskTrackerNum", x->light);
	jw_i64(w, "heavyTaskTrackerNum", x->heavy);
	jw_i64(w, "lastOverloadTime", x->overload ? x->seen_at_ms : 0);
	jw_bool(w, "overloading", x->overload);
	jw_i64(w, "status", worker_state(s, x));
	jw_end(w);
}

struct found {
	struct worker **x;
	int n;
	bool failed;
};

static bool
collect(struct worker *x, void *arg)
{
	struct found *f = arg;
	struct worker **more = reallocarray(f->x, (size_t)f->n + 1, sizeof(struct worker *));

	f->failed = more == NULL;
	if (f->failed)
		return false;
	f->x = more;
	f->x[f->n++] = x;
	return true;
}

static int
by_score(const void *a, const void *b)
{
	const struct worker *p = *(struct worker *const *)a, *q = *(struct worker *const *)b;

	if (p->metrics.score != q->metrics.score)
		return p->metrics.score > q->metrics.score ? -1 : 1;
	return strcmp(p->address, q->address);
}

static int
list_worker(struct call *c, struct err *e)
{
	struct found f = { .x = NULL };
	int64_t app_id;
	struct jw w;

	if (openapi_app(c, &app_id, e) != 0)
		return -1;
	workers_each(core_workers(c->server->core), app_id, collect, &f);
	if (f.n > 1)
		qsort(f.x, (size_t)f.n, sizeof(struct worker *), by_score);
	jw_init(&w, &c->out);
	jw_arr(&w);
	for (int i = 0; i < f.n; i++)
		put_worker(c->server, &w, f.x[i]);
	jw_end(&w);
	free(f.x);
	return f.failed ? err_set(e, ERR_NOMEM, "out of memory") : 0;
}

/* --- overview -------------------------------------------------------------------------------------------------- */

struct figures {
	int64_t jobs, running, failed;
};

static int
count(struct call *c, int64_t app_id, struct figures *f, struct err *e)
{
	static const int64_t kept[] = { JOB_ENABLED, JOB_DISABLED };
	const struct job_condition jobs[] = {
		{ .filter = job_filter_find("appIdEq"), .number = app_id },
		{ .filter = job_filter_find("statusIn"), .codes = kept, .n_codes = 2 },
	};
	enum instance_status failed = INSTANCE_FAILED;
	struct instance_query q = { .app_id = app_id, .status = &failed, .n_status = 1,
		.after_id = (server_now(c->server).at_ms - DAY_MS - ID_EPOCH_MS) * (1 << 22) };

	if (job_query_count(c->server->db, jobs, 2, &f->jobs, e) != 0 ||
	    instance_count_running(c->server->db, app_id, &f->running, e) != 0)
		return -1;
	return instance_count(c->server->db, &q, &f->failed, e);
}

static void
put_server(struct call *c, struct jw *w, const char *member)
{
	const char *bound = http_server_addr(c->server->http, LISTEN_REMOTE);

	jw_obj_in(w, member);
	jw_i64(w, "id", c->server->conf.server.id);
	jw_str_n(w, "ip", bound, (size_t)(strrchr(bound, ':') - bound));
	jw_i64(w, "bornTime", c->server->started_ms);
	jw_str(w, "version", "pj-" PJ_VERSION);
	jw_end(w);
}

static int
overview(struct call *c, struct err *e)
{
	struct figures f;
	struct app a;
	int64_t app_id;
	char text[32];
	struct jw w;

	if (openapi_app(c, &app_id, e) != 0 || app_get(c->server->db, app_id, &a, e) != 0 || count(c, app_id, &f, e) != 0)
		return -1;
	page_local_time(c->server, text, server_now(c->server).at_ms);
	jw_init(&w, &c->out);
	jw_obj(&w);
	jw_i64(&w, "appId", app_id);
	jw_str(&w, "appName", a.name);
	jw_i64(&w, "jobCount", f.jobs);
	jw_i64(&w, "runningInstanceCount", f.running);
	jw_i64(&w, "failedInstanceCount", f.failed);
	jw_str(&w, "timezone", tz_name(server_tz(c->server)));
	jw_str(&w, "serverTime", text);
	put_server(c, &w, "webServerInfo");
	put_server(c, &w, "scheduleServerInfo");
	jw_end(&w);
	return 0;
}

const struct route console_system_routes[] = {
	{ "GET", "/system/listWorker", ROUTE_CONSOLE, TAKES_PARAMS, false, list_worker },
	{ "GET", "/system/overview", ROUTE_CONSOLE, TAKES_PARAMS, false, overview },
	{ NULL, NULL, ROUTE_OPEN, TAKES_PARAMS, false, NULL },
};

/* pj's own routes about the server and the workers: pj-api(7). */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "ctl.h"
#include "jobfield.h"
#include "logstore.h"

/* --- workers --------------------------------------------------------------------------------------------------- */

struct worker_list {
	struct jw w;
	struct server *server;
	struct app app;
};

static void
put_app_name(struct worker_list *l, int64_t app_id)
{
	struct err e = ERR_INIT;

	if (l->app.id != app_id && app_get(l->server->db, app_id, &l->app, &e) != 0) {
		l->app.id = app_id;
		l->app.name[0] = '\0';
	}
	jw_str(&l->w, "app", l->app.name);
}

static bool
put_worker(struct worker *x, void *arg)
{
	struct worker_list *l = arg;
	struct jw *w = &l->w;

	jw_obj(w);
	put_app_name(l, x->app_id);
	jw_str(w, "address", x->address);
	jw_str(w, "client", x->client);
	jw_bool(w, "pj", x->is_pj);
	jw_bool(w, "alive", workers_alive(core_workers(l->server->core), x, server_now(l->server)));
	jw_bool(w, "overload", x->overload);
	jw_str(w, "tag", x->tag);
	jw_str(w, "version", x->version);
	jw_i64(w, "slots", x->slots);
	jw_i64(w, "used", x->used);
	jw_i64(w, "assigned", x->assigned);
	jw_i64(w, "score", x->metrics.score);
	jw_real(w, "cpuLoad", x->metrics.cpu_load);
	jw_i64(w, "cpus", x->metrics.cpu_processors);
	jw_real(w, "memUsedGb", x->metrics.mem_used_gb);
	jw_real(w, "memMaxGb", x->metrics.mem_max_gb);
	jw_real(w, "diskUsedGb", x->metrics.disk_used_gb);
	jw_real(w, "diskTotalGb", x->metrics.disk_total_gb);
	jw_i64(w, "seenMs", x->seen_at_ms);
	jw_i64(w, "skewMs", x->clock_skew_ms);
	jw_end(w);
	return true;
}

static int
worker_ls(struct call *c, struct err *e)
{
	struct worker_list l = { .server = c->server };
	int64_t app_id = c->app_id;
	struct app a;

	if (http_req_param(c->req, "app") != NULL) {
		if (call_app(c, &a, e) != 0)
			return -1;
		app_id = a.id;
	}
	jw_init(&l.w, &c->out);
	jw_obj(&l.w);
	jw_arr_in(&l.w, "workers");
	workers_each(core_workers(c->server->core), app_id, put_worker, &l);
	jw_end(&l.w);
	jw_end(&l.w);
	return 0;
}

/* --- server ---------------------------------------------------------------------------------------------------- */

static int64_t
file_bytes(const struct server *s, const char *name)
{
	char path[4096];
	struct stat st;

	if (file_path(path, sizeof path, NULL, "%s/%s", s->conf.paths.state, name) != 0 || stat(path, &st) != 0)
		return 0;
	return st.st_size;
}

static int
server_status(struct call *c, struct err *e)
{
	struct server *s = c->server;
	struct core_stats st;
	struct jw w;

	if (core_stats(s->core, server_now(s), &st, e) != 0)
		return -1;
	jw_init(&w, &c->out);
	jw_obj(&w);
	jw_str(&w, "version", PJ_VERSION);
	jw_i64(&w, "pid", getpid());
	jw_i64(&w, "startedMs", s->started_ms);
	jw_i64(&w, "nowMs", server_now(s).at_ms);
	jw_str(&w, "http", http_server_addr(s->http, LISTEN_HTTP));
	jw_str(&w, "remote", http_server_addr(s->http, LISTEN_REMOTE));
	jw_str(&w, "root", s->conf.root);
	jw_i64(&w, "jobsEnabled", st.jobs_enabled);
	jw_i64(&w, "waiting", st.waiting);
	jw_i64(&w, "sent", st.sent);
	jw_i64(&w, "running", st.running);
	jw_i64(&w, "workers", st.workers_alive);
	jw_i64(&w, "dbBytes", file_bytes(s, "server.db") + file_bytes(s, "server.db-wal"));
	jw_i64(&w, "logBytes", logstore_bytes(s->logs));
	jw_i64(&w, "commits", s->commits);
	jw_i64(&w, "turns", s->turns);
	jw_str(&w, "lastError", s->last_error[0] == '\0' ? NULL : s->last_error);
	jobfield_put_ms(&w, "lastErrorMs", s->last_error[0] == '\0' ? 0 : s->last_error_ms);
	jw_bool(&w, "storing", !s->failing && !s->troubled && !s->broken);
	jw_end(&w);
	return 0;
}

static const char *
kind_name(enum route_kind k)
{
	switch (k) {
	case ROUTE_OPEN:
		return "open";
	case ROUTE_OPENAPI:
		return "openapi";
	case ROUTE_OPENAPI_FREE:
		return "login";
	case ROUTE_CONSOLE:
		return "console";
	case ROUTE_PJ:
		return "app";
	case ROUTE_PJ_ADMIN:
		return "administrator";
	}
	return "?";
}

static void
put_route(const struct route *r, void *arg)
{
	struct jw *w = arg;

	jw_obj(w);
	jw_str(w, "method", r->method);
	jw_str(w, "path", r->path);
	jw_str(w, "for", kind_name(r->kind));
	jw_str(w, "takes", r->takes == TAKES_JSON ? "json" : "parameters");
	jw_end(w);
}

static int
server_routes(struct call *c, struct err *e)
{
	struct jw w;

	(void)e;
	jw_init(&w, &c->out);
	jw_obj(&w);
	jw_arr_in(&w, "routes");
	route_each(put_route, &w);
	jw_end(&w);
	jw_end(&w);
	return 0;
}

const struct route ctl_server_routes[] = {
	{ "GET", "/pj/1/worker/ls", ROUTE_PJ, TAKES_PARAMS, false, worker_ls },
	{ "GET", "/pj/1/server/status", ROUTE_PJ, TAKES_PARAMS, false, server_status },
	{ "GET", "/pj/1/server/routes", ROUTE_PJ_ADMIN, TAKES_PARAMS, false, server_routes },
	{ NULL, NULL, ROUTE_OPEN, TAKES_PARAMS, false, NULL },
};

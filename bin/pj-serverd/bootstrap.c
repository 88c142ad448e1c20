/* What a worker asks before it works (protocol.md 1.1): which id has my app, which server is mine, can you reach me. */
#include <stdio.h>
#include <string.h>

#include "probe.h"
#include "route.h"

/* Failure body A: what this controller itself returns. */
static int
not_registered(struct call *c, const char *name)
{
	struct buf out = BUF_INIT;
	struct jw w;
	char message[LIMIT_NAME + 128];

	snprintf(message, sizeof message, "app(%.255s) is not registered! Please register the app in oms-console first.",
	    name == NULL ? "null" : name);
	jw_init(&w, &out);
	jw_obj(&w);
	jw_bool(&w, "success", false);
	jw_null(&w, "data");
	jw_str(&w, "message", message);
	jw_end(&w);
	http_reply(c->req, 200, "application/json", &out);
	buf_fini(&out);
	c->answered = true;
	return 0;
}

/* 1: answered. */
static int
find_app(struct call *c, struct app *a, struct err *e)
{
	const char *name = http_req_param(c->req, "appName");

	if (name != NULL && app_find(c->server->db, name, a, e) == 0)
		return 0;
	if (name != NULL && e->code != ERR_NOTFOUND)
		return -1;
	not_registered(c, name);
	return 1;
}

static int
assert_app(struct call *c, struct err *e)
{
	struct app a;
	int rc = find_app(c, &a, e);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	buf_addf(&c->out, "%lld", (long long)a.id);
	return 0;
}

static int
assert_app2(struct call *c, struct err *e)
{
	struct app a;
	int rc = find_app(c, &a, e);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	buf_addf(&c->out, "{\"appId\":%lld}", (long long)a.id);
	return 0;
}

static int
acquire(struct call *c, struct err *e)
{
	const char *protocol = http_req_param(c->req, "protocol");
	struct app a;
	struct jw w;
	int64_t id;

	if (call_i64(c, "appId", INT64_MIN, &id, e) != 0)
		return -1;
	if (app_get(c->server->db, id, &a, e) != 0) {
		if (e->code != ERR_NOTFOUND)
			return -1;
		return call_fail(c, e, ERR_NOTFOUND, "PowerJobException", NULL, "%lld is not registered!", (long long)id);
	}
	if (protocol == NULL || strcmp(protocol, "HTTP") != 0)
		return call_fail(c, e, ERR_USAGE, "PowerJobException", NULL, "server elect failed for app %lld (pj-serverd speaks "
		    "HTTP, not %.40s: set powerjob.worker.protocol=http)", (long long)id, protocol == NULL ? "AKKA" : protocol);
	jw_init(&w, &c->out);
	jw_str(&w, NULL, c->server->external);
	return 0;
}

static void
probed(struct server *s, struct http_req *req, bool reachable)
{
	(void)s;
	http_reply_text(req, 200, "application/json", reachable ? "{\"success\":true,\"data\":true,\"message\":null}" :
	    "{\"success\":true,\"data\":false,\"message\":null}");
}

static int
check_connectivity(struct call *c, struct err *e)
{
	const char *ip = http_req_param(c->req, "targetIp");
	int64_t port;

	if (ip == NULL)
		return call_fail(c, e, ERR_USAGE, "IllegalArgumentException", NULL, "targetIp can't be empty");
	if (call_i64(c, "targetPort", INT64_MIN, &port, e) != 0)
		return -1;
	if (probes_start(c->server->probes, c->req, ip, port, probed, e) != 0)
		return -1;
	c->answered = true;
	return 0;
}

static bool
put_app_id(const struct app *a, void *arg)
{
	jw_i64(arg, NULL, a->id);
	return true;
}

static void
put_hello_server(struct call *c, struct jw *w, const char *bound)
{
	const struct server *s = c->server;
	const char *colon = strrchr(bound, ':');

	jw_obj_in(w, "serverInfo");
	jw_i64(w, "id", s->conf.server.id);
	jw_str_n(w, "ip", bound, (size_t)(colon - bound));
	jw_i64(w, "bornTime", s->started_ms);
	jw_str(w, "version", "pj-" PJ_VERSION);
	jw_end(w);
}

static int
hello(struct call *c, struct err *e)
{
	const struct server *s = c->server;
	const char *bound = http_server_addr(s->http, LISTEN_REMOTE);
	int64_t now_ms = server_now(s).at_ms;
	struct tz_civil t;
	char text[32];
	struct jw w;

	tz_to_civil(server_tz(s), now_ms / 1000, &t, NULL);
	snprintf(text, sizeof text, "%04d-%02d-%02d %02d:%02d:%02d", t.year, t.month, t.day, t.hour, t.minute, t.second);
	jw_init(&w, &c->out);
	jw_obj(&w);
	jw_str_n(&w, "localHost", bound, (size_t)(strrchr(bound, ':') - bound));
	put_hello_server(c, &w, bound);
	jw_str(&w, "serverTime", text);
	jw_i64(&w, "serverTimeTs", now_ms);
	jw_str(&w, "serverTimeZone", tz_name(server_tz(s)));
	jw_arr_in(&w, "appIds");
	if (app_each(s->db, put_app_id, &w, e) != 0)
		return -1;
	jw_end(&w);
	jw_obj_in(&w, "defaultAddress");
	jw_str(&w, "protocol", "HTTP");
	jw_str(&w, "address", bound);
	jw_str(&w, "externalAddress", s->external);
	jw_end(&w);
	jw_end(&w);
	return 0;
}

const struct route bootstrap_routes[] = {
	{ "GET", "/server/assert", ROUTE_OPEN, TAKES_PARAMS, false, assert_app },
	{ "GET", "/server/assertV2", ROUTE_OPEN, TAKES_PARAMS, false, assert_app2 },
	{ "GET", "/server/acquire", ROUTE_OPEN, TAKES_PARAMS, false, acquire },
	{ "GET", "/server/checkConnectivity", ROUTE_OPEN, TAKES_PARAMS, false, check_connectivity },
	{ "GET", "/server/hello", ROUTE_OPEN, TAKES_PARAMS, false, hello },
	{ NULL, NULL, ROUTE_OPEN, TAKES_PARAMS, false, NULL },
};

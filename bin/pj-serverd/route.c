#include "route.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "passwords.h"

#define H_APP "X-POWERJOB-APP-ID"
#define H_TOKEN "X-POWERJOB-ACCESS-TOKEN"
#define H_PASSED "X-POWERJOB-AUTH-PASSED" /* clients look for exactly this spelling (protocol.md 1.3) */

/* --- the table ------------------------------------------------------------------------------------------------- */

static const struct route *const tables[] = { openapi_instance_routes, openapi_job_routes, openapi_auth_routes,
	openapi_query_routes, console_list_routes, console_detail_routes, console_log_routes, console_system_routes,
	console_validate_routes,
	bootstrap_routes, ctl_instance_routes, ctl_job_routes, ctl_app_routes, ctl_server_routes };

#define SORTED_MAX 128
static const struct route *sorted[SORTED_MAX];
static size_t n_sorted;

static int
by_path(const void *a, const void *b)
{
	return strcmp((*(const struct route *const *)a)->path, (*(const struct route *const *)b)->path);
}

static int
path_is(const void *path, const void *route)
{
	return strcmp(path, (*(const struct route *const *)route)->path);
}

static void
sort_routes(void)
{
	for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
		for (const struct route *r = tables[t]; r->path != NULL; r++) {
			if (n_sorted == SORTED_MAX)
				abort(); /* make the array larger */
			sorted[n_sorted++] = r;
		}
	qsort(sorted, n_sorted, sizeof sorted[0], by_path);
}

static const struct route *
find(const char *path)
{
	const struct route *const *r;

	if (n_sorted == 0)
		sort_routes();
	r = bsearch(path, sorted, n_sorted, sizeof sorted[0], path_is);
	return r == NULL ? NULL : *r;
}

void
route_each(void (*fn)(const struct route *r, void *arg), void *arg)
{
	if (n_sorted == 0)
		sort_routes();
	for (size_t i = 0; i < n_sorted; i++)
		fn(sorted[i], arg);
}

static bool
method_fits(const struct route *r, const char *method)
{
	return strcmp(method, r->method) == 0 || (strcmp(r->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

/* --- who calls ------------------------------------------------------------------------------------------------- */

struct refusal {
	char message[ERR_MSG_SIZE];
	const char *code;
};

static int
refuse(struct refusal *r, const char *code, const char *message, const char *more)
{
	snprintf(r->message, sizeof r->message, "%s%s", message, more);
	r->code = code;
	return -1;
}

static const char *
header(struct http_req *req, const char *name)
{
	const char *v = http_req_header(req, name);

	return v == NULL || v[0] == '\0' || strcmp(v, "null") == 0 || strcmp(v, "undefined") == 0 ? NULL : v;
}

/* The checks of the token in PowerJob's order, with its texts. 0: *app_id is the caller's. */
static int
check_token(struct server *s, struct http_req *req, int64_t *app_id, struct refusal *why)
{
	const char *id = header(req, H_APP), *text = header(req, H_TOKEN);
	struct token t;
	struct err e = ERR_INIT;
	int64_t gen;

	if (id == NULL)
		return refuse(why, "-300", "INVALID_REQUEST:lack_of_appId_in_header", "");
	if (text == NULL)
		return refuse(why, "-1002", "OPEN_API_AUTH_FAILED:token_is_empty", "");
	if (passwords_token(s->passwords, s->token_secret, text, &t, &e) != 0)
		return refuse(why, "-401", "INVALID_TOKEN:", e.msg);
	if (t.ends_at_ms <= server_now(s).at_ms)
		return refuse(why, "-403", "TOKEN_EXPIRED:", "get a new one from /openApi/authApp");
	if (strtoll(id, NULL, 10) != t.app_id)
		return refuse(why, "-300", "INVALID_REQUEST:Inconsistent_appId_from_token_and_header", "");
	if (app_password_gen(s->db, t.app_id, &gen, &e) != 0) {
		if (e.code == ERR_NOTFOUND)
			return refuse(why, "-402", "INVALID_APP:can_not_find_app", "");
		return refuse(why, "-500", "SYS_UNKNOWN_ERROR:", e.msg);
	}
	if (gen != t.password_gen)
		return refuse(why, "-400", "INCORRECT_PASSWORD", "");
	*app_id = t.app_id;
	return 0;
}

/* --- parameters ------------------------------------------------------------------------------------------------ */

int
call_fail(struct call *c, struct err *e, enum err_code code, const char *java_class, const char *java_code,
    const char *fmt, ...)
{
	char text[ERR_MSG_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	c->java_class = java_class;
	c->java_code = java_code;
	return err_set(e, code, "%s", text);
}

int
call_i64(struct call *c, const char *name, int64_t none, int64_t *out, struct err *e)
{
	const char *text;
	char *end;

	if (c->body != NULL) {
		if (js_i64(c->body, name, none, out, e) != 0)
			return -1;
		return *out == INT64_MIN ? err_set(e, ERR_DATA, "%s is missing", name) : 0;
	}
	text = http_req_param(c->req, name);
	if (text == NULL || text[0] == '\0') {
		*out = none;
		if (none != INT64_MIN)
			return 0;
		return call_fail(c, e, ERR_USAGE, "IllegalArgumentException", NULL, "%s can't be empty", name);
	}
	errno = 0;
	*out = strtoll(text, &end, 10);
	if (errno != 0 || *end != '\0')
		return call_fail(c, e, ERR_USAGE, "MethodArgumentTypeMismatchException", NULL, "Failed to convert value of type "
		    "'java.lang.String' to required type 'java.lang.Long'; nested exception is "
		    "java.lang.NumberFormatException: For input string: \"%.100s\" (%s)", text, name);
	return 0;
}

int
call_text(struct call *c, const char *name, size_t max_bytes, char **out, struct err *e)
{
	const char *text;

	if (c->body != NULL)
		return js_str(c->body, name, max_bytes, out, e);
	*out = NULL;
	text = http_req_param(c->req, name);
	if (text == NULL)
		return 0;
	if (strlen(text) > max_bytes)
		return err_set(e, ERR_TOOBIG, "%s is longer than %zu bytes", name, max_bytes);
	*out = strdup(text);
	return *out == NULL ? err_set(e, ERR_NOMEM, "out of memory") : 0;
}

int
call_app(struct call *c, struct app *out, struct err *e)
{
	char *name;
	int rc;

	if (call_text(c, "app", LIMIT_NAME, &name, e) != 0)
		return -1;
	if (name == NULL && c->app_id != 0)
		return app_get(c->server->db, c->app_id, out, e);
	rc = app_find(c->server->db, name == NULL ? "default" : name, out, e);
	if (c->app_id != 0 && (rc == 0 ? out->id != c->app_id : e->code == ERR_NOTFOUND))
		rc = err_set(e, ERR_FORBIDDEN, "the token is not for app %.255s", name == NULL ? "default" : name);
	free(name);
	return rc;
}

/* --- running a handler ----------------------------------------------------------------------------------------- */

/* Java takes JSON with any charset; no type at all is taken too, a wrong one is not. pj's own routes do not look: curl -d
 * works. */
static int
check_json_type(struct call *c, struct err *e)
{
	const char *type = http_req_header(c->req, "Content-Type");

	if (c->route->kind == ROUTE_PJ || c->route->kind == ROUTE_PJ_ADMIN || type == NULL ||
	    strncasecmp(type, "application/json", 16) == 0)
		return 0;
	return call_fail(c, e, ERR_USAGE, "HttpMediaTypeNotSupportedException", NULL, "Content type '%.100s' not supported",
	    type);
}

static int
read_body(struct call *c, struct err *e)
{
	size_t len;
	const char *text = http_req_body(c->req, &len);

	if (c->route->takes != TAKES_JSON)
		return 0;
	if (check_json_type(c, e) != 0)
		return -1;
	if (len == 0)
		return call_fail(c, e, ERR_DATA, "HttpMessageNotReadableException", NULL, "Required request body is missing");
	c->body = js_parse(text, len, e);
	if (c->body == NULL) {
		c->java_class = "HttpMessageNotReadableException";
		return err_prefix(e, "JSON parse error");
	}
	if (!js_is_object(c->body))
		return call_fail(c, e, ERR_DATA, "HttpMessageNotReadableException", NULL,
		    "JSON parse error: the body must be an object");
	return 0;
}

static int
handler_event(void *arg, struct err *e)
{
	struct call *c = arg;

	return c->route->fn(c, e);
}

static int
run(struct call *c, struct err *e)
{
	if (read_body(c, e) != 0)
		return -1;
	if (c->route->changes)
		return server_event(c->server, handler_event, c, e);
	if (c->server->broken)
		return err_set(e, ERR_UNAVAILABLE, "the server cannot use its database: %s", c->server->last_error);
	return c->route->fn(c, e);
}

static void
call_fini(struct call *c)
{
	js_free(c->body);
	buf_fini(&c->out);
}

/* --- PowerJob's paths ------------------------------------------------------------------------------------------ */

static bool
is_openapi(const char *path)
{
	return strncmp(path, "/openApi/", 9) == 0;
}

/* Who has not logged in to PowerJob's console is told this way; here the token of OpenAPI is the login. */
static bool
console_auth(struct call *c)
{
	struct refusal why;
	struct err e = ERR_INIT;

	if (!c->server->conf.server.openapi_auth || check_token(c->server, c->req, &c->app_id, &why) == 0)
		return true;
	call_fail(c, &e, ERR_AUTH, "PowerJobAuthException", "-100", "UserNotLoggedIn:%.300s", why.message);
	reply_java_error(c, &e);
	return false;
}

/* True: the caller may go on. The header says so on every answer, or the client sends the same call again. */
static bool
java_auth(struct call *c, const struct route *r, const char *path)
{
	struct refusal why;

	if (r != NULL && r->kind == ROUTE_CONSOLE)
		return console_auth(c);
	if (!is_openapi(path))
		return true;
	if (!c->server->conf.server.openapi_auth) {
		http_reply_header(c->req, H_PASSED, "true");
		return true;
	}
	if (r != NULL && (r->kind == ROUTE_OPENAPI_FREE || !method_fits(r, http_req_method(c->req))))
		return true;
	if (check_token(c->server, c->req, &c->app_id, &why) == 0) {
		http_reply_header(c->req, H_PASSED, "true");
		return true;
	}
	http_reply_header(c->req, H_PASSED, "false");
	reply_java_auth(c->req, why.message, why.code);
	return false;
}

static const char *const not_yet[] = { "saveWorkflow", "copyWorkflow",
	"fetchWorkflow", "disableWorkflow", "enableWorkflow", "deleteWorkflow", "runWorkflow", "addWorkflowNode",
	"stopWfInstance", "retryWfInstance", "markWorkflowNodeAsSuccess", "fetchWfInstanceInfo", NULL };

static bool
is_not_yet(const char *path)
{
	if (!is_openapi(path))
		return false;
	for (int i = 0; not_yet[i] != NULL; i++)
		if (strcmp(path + 9, not_yet[i]) == 0)
			return true;
	return false;
}

static void
java_request(struct server *s, struct http_req *req, const char *path)
{
	struct call c = { .server = s, .req = req, .route = find(path) };
	struct err e = ERR_INIT;
	int rc;

	if (strcmp(http_req_method(req), "OPTIONS") == 0 && http_req_header(req, "Access-Control-Request-Method") != NULL) {
		reply_preflight(req);
		return;
	}
	reply_java_headers(req);
	if (!java_auth(&c, c.route, path))
		return;
	if (c.route == NULL && !is_not_yet(path)) {
		reply_java_404(req);
		return;
	}
	if (c.route == NULL)
		rc = call_fail(&c, &e, ERR_USAGE, "UnsupportedOperationException", NULL,
		    "%s is not implemented by pj-serverd yet", path);
	else if (!method_fits(c.route, http_req_method(req)))
		rc = call_fail(&c, &e, ERR_USAGE, "HttpRequestMethodNotSupportedException", NULL,
		    "Request method '%s' not supported", http_req_method(req));
	else
		rc = run(&c, &e);
	if (rc != 0)
		reply_java_error(&c, &e);
	else if (!c.answered)
		reply_java(&c);
	call_fini(&c);
}

/* --- pj's own paths -------------------------------------------------------------------------------------------- */

static int
pj_auth(struct call *c, bool local, struct err *e)
{
	struct refusal why;

	if (local) {
		uid_t uid = http_req_uid(c->req);

		if (uid != 0 && uid != geteuid())
			return err_set(e, ERR_FORBIDDEN, "server.sock is for root and the server's own user");
		return 0;
	}
	if (http_req_header(c->req, "Origin") != NULL)
		return err_set(e, ERR_FORBIDDEN, "these routes are not for web pages");
	if (check_token(c->server, c->req, &c->app_id, &why) != 0)
		return err_set(e, ERR_AUTH, "%s (headers " H_APP " and " H_TOKEN ", see pj-api(7))", why.message);
	if (c->route != NULL && c->route->kind == ROUTE_PJ_ADMIN)
		return err_set(e, ERR_FORBIDDEN, "%s is for the administrator on server.sock", c->route->path);
	return 0;
}

static int
pj_run(struct call *c, bool local, struct err *e)
{
	if (pj_auth(c, local, e) != 0)
		return -1;
	if (c->route == NULL)
		return err_set(e, ERR_NOTFOUND, "no route %.200s; see pj-api(7)", http_req_path(c->req));
	if (!method_fits(c->route, http_req_method(c->req)))
		return err_set(e, ERR_USAGE, "%s takes %s, not %s", c->route->path, c->route->method, http_req_method(c->req));
	return run(c, e);
}

static void
pj_request(struct server *s, struct http_req *req, const char *path, bool local)
{
	struct call c = { .server = s, .req = req, .route = find(path) };
	struct err e = ERR_INIT;

	if (pj_run(&c, local, &e) != 0)
		reply_pj_error(req, &e);
	else if (!c.answered)
		reply_pj(req, &c.out);
	call_fini(&c);
}

/* --- listeners ------------------------------------------------------------------------------------------------- */

static bool
is_pj(const char *path)
{
	return strncmp(path, "/pj/", 4) == 0;
}

void
route_public(struct http_req *req, void *server)
{
	const char *path = http_req_path(req);

	if (is_pj(path))
		pj_request(server, req, path, false);
	else
		java_request(server, req, path);
}

void
route_local(struct http_req *req, void *server)
{
	const char *path = http_req_path(req);

	if (is_pj(path))
		pj_request(server, req, path, true);
	else
		java_request(server, req, path);
}

/* What http_server itself meets: requests it cannot read, and turns that could not be committed. */
void
route_fail(struct http_req *req, const struct err *e, void *server)
{
	struct call c = { .server = server, .req = req };
	const char *path = http_req_path(req);

	if (!is_openapi(path)) {
		reply_pj_error(req, e);
		return;
	}
	/* Without the header the client would take a new token and send the same request again. */
	reply_java_headers(req);
	http_reply_header(req, H_PASSED, "true");
	reply_java_error(&c, e);
}

/* /openApi/authApp and /openApi/assert: an app's password for a token, or for its id (protocol.md 1.3). */
#include <stdlib.h>
#include <string.h>

#include "passwords.h"
#include "route.h"

/* 0 right. -1: PowerJob's failure, without the class name that the exception handler puts before others. */
static int
check(struct call *c, const struct app *a, const char *md5hex, struct err *e)
{
	int rc = passwords_check(c->server->passwords, a, md5hex, server_now(c->server).mono_ms, e);

	if (rc == 0)
		return 0;
	if (rc < 0)
		return call_fail(c, e, e->code, "PowerJobException", "-500", "%s", e->msg);
	return call_fail(c, e, ERR_AUTH, "PowerJobException", "-400", "INCORRECT_PASSWORD");
}

static int
unknown_app(struct call *c, const char *name, struct err *e)
{
	c->plain_message = true;
	return call_fail(c, e, ERR_NOTFOUND, NULL, "-402", "INVALID_APP:%.255s", name);
}

struct credentials {
	char *app, *password, *type;
};

static int
read_credentials(struct call *c, struct credentials *cr, struct err *e)
{
	if (js_str(c->body, "appName", LIMIT_TEXT, &cr->app, e) != 0 ||
	    js_str(c->body, "encryptedPassword", LIMIT_TEXT, &cr->password, e) != 0 ||
	    js_str(c->body, "encryptType", LIMIT_TEXT, &cr->type, e) != 0)
		return call_fail(c, e, e->code, "HttpMessageNotReadableException", NULL, "JSON parse error: %s", e->msg);
	return 0;
}

static int
authenticate(struct call *c, const struct credentials *cr, struct app *a, struct err *e)
{
	char md5[33];
	bool plain = cr->type == NULL || cr->type[0] == '\0' || strcmp(cr->type, "none") == 0;

	if (cr->app == NULL || app_find(c->server->db, cr->app, a, e) != 0) {
		if (cr->app != NULL && e->code != ERR_NOTFOUND)
			return -1;
		return unknown_app(c, cr->app == NULL ? "null" : cr->app, e);
	}
	if (!plain && strcmp(cr->type, "md5") != 0) {
		c->plain_message = true;
		return call_fail(c, e, ERR_USAGE, NULL, "-300", "INVALID_REQUEST:unknown_encryptType:%.100s", cr->type);
	}
	if (cr->password == NULL)
		return call_fail(c, e, ERR_USAGE, "NullPointerException", "-500", "encryptedPassword is missing");
	if (plain)
		app_md5hex(cr->password, md5);
	if (check(c, a, plain ? md5 : cr->password, e) != 0) {
		c->plain_message = e->code == ERR_AUTH;
		return -1;
	}
	return 0;
}

static int
auth_app(struct call *c, struct err *e)
{
	struct credentials cr = { NULL, NULL, NULL };
	struct app a;
	int rc = read_credentials(c, &cr, e);

	if (rc == 0)
		rc = authenticate(c, &cr, &a, e);
	if (rc == 0) {
		char token[TOKEN_SIZE];
		struct jw w;

		token_make(c->server->token_secret, &a, server_now(c->server).at_ms + c->server->conf.server.token_lifetime_ms,
		    token);
		jw_init(&w, &c->out);
		jw_obj(&w);
		jw_i64(&w, "appId", a.id);
		jw_str(&w, "token", token);
		jw_null(&w, "extra");
		jw_end(&w);
		c->more = ",\"code\":null";
	}
	free(cr.app);
	free(cr.password);
	free(cr.type);
	return rc;
}

static int
assert_password(struct call *c, struct err *e)
{
	const char *name = http_req_param(c->req, "appName"), *password = http_req_param(c->req, "password");
	char md5[33];
	struct app a;

	if (name == NULL || app_find(c->server->db, name, &a, e) != 0) {
		if (name != NULL && e->code != ERR_NOTFOUND)
			return -1;
		return call_fail(c, e, ERR_NOTFOUND, "PowerJobException", "-402", "INVALID_APP:%.255s", name == NULL ? "null" : name);
	}
	app_md5hex(password == NULL ? "" : password, md5);
	if (check(c, &a, md5, e) != 0)
		return -1;
	buf_addf(&c->out, "%lld", (long long)a.id);
	return 0;
}

const struct route openapi_auth_routes[] = {
	{ "POST", "/openApi/authApp", ROUTE_OPENAPI_FREE, TAKES_JSON, false, auth_app },
	{ "POST", "/openApi/assert", ROUTE_OPENAPI_FREE, TAKES_PARAMS, false, assert_password },
	{ NULL, NULL, ROUTE_OPEN, TAKES_PARAMS, false, NULL },
};

#include "auth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json.h"
#include "net/http_client.h"
#include "patience.h"
#include "store/app.h"
#include "words.h"

#define LOGIN_MS 15000

/* http://host:port, without a slash at the end; a bare host:port is taken too. */
static int
set_base(struct ctl *c, struct err *e)
{
	const char *url = c->server;
	const char *host = strstr(url, "://");
	size_t len = strlen(url);

	if (strncmp(url, "https://", 8) == 0)
		return err_set(e, ERR_USAGE, "--server %.200s: pj has no TLS of its own; write http://host:port, of a tunnel "
		    "where others could listen", url);
	if (host != NULL && strncmp(url, "http://", 7) != 0)
		return err_set(e, ERR_USAGE, "--server %.200s: write http://host:port", url);
	host = host != NULL ? host + 3 : url;
	if (*host == '\0' || *host == '/' || strpbrk(host, " \t?#") != NULL)
		return err_set(e, ERR_USAGE, "--server `%.200s' names no host; write http://host:port", url);
	while (len > 0 && url[len - 1] == '/')
		len--;
	buf_adds(&c->base, host == url ? "http://" : "");
	buf_add(&c->base, url, len);
	return buf_ok(&c->base) ? 0 : err_set(e, ERR_NOMEM, "out of memory");
}

/* Kept: standard input gives it only once, and a token may have to be asked for again. */
static int
read_password(struct ctl *c, struct err *e)
{
	const char *given = getenv("PJ_APP_PASSWORD");

	if (c->password.len > 0)
		return 0;
	if (c->password_file != NULL)
		return words_secret(c->password_file, &c->password, e);
	if (given == NULL || given[0] == '\0')
		return err_set(e, ERR_USAGE, "--server needs the password of app %s: set PJ_APP_PASSWORD, or give "
		    "--password-file FILE", ctl_app(c));
	buf_adds(&c->password, given);
	return buf_ok(&c->password) ? 0 : err_set(e, ERR_NOMEM, "out of memory");
}

/* What authApp answered: {"success","data":{"appId","token"},"message","code"}. */
static int
take_token(struct ctl *c, const struct http_result *r, struct err *e)
{
	struct json_t *doc = js_parse(buf_str(&r->body), r->body.len, NULL);
	const struct json_t *data = doc != NULL && js_is_object(doc) ? js_get(doc, "data") : NULL;
	const char *message = doc != NULL && js_is_object(doc) ? js_text(js_get(doc, "message")) : NULL;
	const char *token = data != NULL && js_is_object(data) ? js_text(js_get(data, "token")) : NULL;
	int64_t app_id = 0;
	int rc = 0;

	if (token != NULL)
		rc = js_i64(data, "appId", 0, &app_id, e);
	else if (message != NULL && strstr(message, "PASSWORD") != NULL)
		rc = err_set(e, ERR_AUTH, "%s: wrong password for app %s; the server's administrator sets a new one "
		    "with pj-ctl app passwd", buf_str(&c->base), ctl_app(c));
	else if (message != NULL && strstr(message, "INVALID_APP") != NULL)
		rc = err_set(e, ERR_AUTH, "%s has no app %s; name another with --app", buf_str(&c->base), ctl_app(c));
	else if (message != NULL && r->status != 404)
		rc = err_set(e, ERR_AUTH, "%s refuses app %s: %s", buf_str(&c->base), ctl_app(c), message);
	else
		rc = err_set(e, ERR_PROTOCOL, "%s answers /openApi/authApp with HTTP %d and no token: is it a "
		    "pj-serverd's server.http?", buf_str(&c->base), r->status);
	if (rc == 0) {
		buf_clear(&c->app_header);
		buf_clear(&c->token_header);
		buf_addf(&c->app_header, "X-POWERJOB-APP-ID: %lld", (long long)app_id);
		buf_addf(&c->token_header, "X-POWERJOB-ACCESS-TOKEN: %s", token);
		if (!buf_ok(&c->app_header) || !buf_ok(&c->token_header))
			rc = err_set(e, ERR_NOMEM, "out of memory");
	}
	js_free(doc);
	return rc;
}

static int
fetch_token(struct ctl *c, const struct http_call *call, struct http_result *r, struct err *e)
{
	int rc;

	patience_begin(buf_str(&c->base), PATIENCE_MS, LOGIN_MS);
	rc = http_fetch(call, NULL, r, e);
	patience_end(rc == 0);
	return rc;
}

static int
ask_token(struct ctl *c, const char *password, struct err *e)
{
	static const char *const headers[] = { "Content-Type: application/json", NULL };
	struct buf url = BUF_INIT, body = BUF_INIT;
	struct http_call call = { .method = "POST", .headers = headers, .connect_ms = LOGIN_MS, .total_ms = LOGIN_MS };
	struct http_result r;
	struct jw w;
	char md5[33];
	int rc;

	memset(&r, 0, sizeof r);
	app_md5hex(password, md5);
	jw_init(&w, &body);
	jw_obj(&w);
	jw_str(&w, "appName", ctl_app(c));
	jw_str(&w, "encryptedPassword", md5);
	jw_str(&w, "encryptType", "md5");
	jw_end(&w);
	buf_addf(&url, "%s/openApi/authApp", buf_str(&c->base));
	call.url = buf_str(&url);
	call.body = body.data;
	call.body_len = body.len;
	if (!buf_ok(&url) || !buf_ok(&body))
		rc = err_set(e, ERR_NOMEM, "out of memory");
	else if (fetch_token(c, &call, &r, e) != 0)
		rc = err_prefix(e, "no server answers at %s", buf_str(&c->base));
	else
		rc = take_token(c, &r, e);
	http_result_fini(&r);
	buf_fini(&url);
	buf_fini(&body);
	return rc;
}

int
auth_login(struct ctl *c, struct err *e)
{
	if (set_base(c, e) != 0 || read_password(c, e) != 0)
		return -1;
	return ask_token(c, buf_str(&c->password), e);
}

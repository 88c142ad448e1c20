#include "call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "auth.h"
#include "base/file.h"
#include "net/http_client.h"
#include "patience.h"
#include "similar.h"
#include "words.h"

#define CONNECT_MS 5000
#define ANSWER_MS 30000
#define SUGGEST_PAGES 20 /* of 1,000 jobs: how far names are looked for */

/* --- parameters ------------------------------------------------------------------------------------------------ */

void
call_param(struct buf *query, const char *name, const char *value)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~,";

	if (value == NULL)
		return;
	buf_addf(query, "%s%s=", query->len > 0 ? "&" : "", name);
	for (; *value != '\0'; value++)
		if (strchr(plain, *value) != NULL)
			buf_addc(query, *value);
		else
			buf_addf(query, "%%%02X", (unsigned)(unsigned char)*value);
}

void
call_param_i64(struct buf *query, const char *name, int64_t value)
{
	buf_addf(query, "%s%s=%lld", query->len > 0 ? "&" : "", name, (long long)value);
}

void
call_param_app(const struct ctl *c, struct buf *query)
{
	if (c->server == NULL) /* else the token says it */
		call_param(query, "app", ctl_app(c));
}

void
call_body(const struct ctl *c, struct jw *w, struct buf *body)
{
	jw_init(w, body);
	jw_obj(w);
	if (c->server == NULL)
		jw_str(w, "app", ctl_app(c));
}

/* --- where the server is --------------------------------------------------------------------------------------- */

static int
connect_local(struct ctl *c, struct err *e)
{
	char path[CTL_PATH_MAX];

	if (ctl_config(c, e) != 0 || file_path(path, sizeof path, e, "%s/server.sock", c->conf.paths.run) != 0)
		return -1;
	if (strlen(path) > LIMIT_SOCKET_PATH)
		return err_set(e, ERR_CONFIG, "%s is too long for a socket (%d bytes at most): choose a shorter "
		    "root, or set paths.run", path, LIMIT_SOCKET_PATH);
	snprintf(c->sock, sizeof c->sock, "%s", path);
	buf_adds(&c->base, "http://localhost");
	return 0;
}

static int
connect_once(struct ctl *c, struct err *e)
{
	int rc;

	if (c->connected)
		return 0;
	buf_clear(&c->base);
	rc = c->server != NULL ? auth_login(c, e) : connect_local(c, e);
	c->connected = rc == 0;
	return rc;
}

static int
probe_socket(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), errnum = 0;

	if (fd < 0)
		return errno;
	snprintf(sun.sun_path, sizeof sun.sun_path, "%s", path);
	if (connect(fd, (struct sockaddr *)&sun, sizeof sun) != 0)
		errnum = errno;
	close(fd);
	return errnum;
}

/* Nobody answers on the socket: why, and what to do about it. */
static int
no_local_server(struct ctl *c, struct err *e)
{
	const char *root = c->conf.root;
	struct buf start = BUF_INIT;
	struct stat st;
	int errnum = probe_socket(c->sock);

	if (errnum == EACCES) {
		if (stat(c->sock, &st) == 0)
			return err_set(e, ERR_FORBIDDEN, "%s belongs to uid %u: run pj-ctl as that user or as root, "
			    "or use --server URL --app NAME", c->sock, (unsigned)st.st_uid);
		return err_set(e, ERR_FORBIDDEN, "%s: no access; run pj-ctl as the server's user, or use --server URL "
		    "--app NAME", c->sock);
	}
	if (root[0] != '\0' && stat(root, &st) != 0 && errno == ENOENT)
		return err_set(e, ERR_UNAVAILABLE, "there is no directory %s: name a server's root with -r DIR or "
		    "PJ_ROOT, or start one there with pj-serverd -r %s", root, root);
	buf_adds(&start, "pj-serverd");
	if (root[0] != '\0') {
		buf_adds(&start, " -r ");
		words_quote(&start, root);
	}
	err_set(e, ERR_UNAVAILABLE, "no server answers at %s: start one with %s", c->sock, buf_str(&start));
	buf_fini(&start);
	return -1;
}

static int
no_server(struct ctl *c, struct err *e)
{
	if (e->code == ERR_UNAVAILABLE && c->server == NULL)
		return no_local_server(c, e);
	if (e->code == ERR_TIMEOUT)
		return err_prefix(e, "no answer from %s", c->server != NULL ? buf_str(&c->base) : c->sock);
	return e->code == ERR_UNAVAILABLE ? err_prefix(e, "no server answers at %s", buf_str(&c->base)) : -1;
}

/* --- one exchange ---------------------------------------------------------------------------------------------- */

/* An answer that is no 200: the server's own error where it has one. */
static int
refused(struct ctl *c, const char *path, const struct http_result *r, struct err *e)
{
	struct json_t *doc = js_parse(buf_str(&r->body), r->body.len, NULL);
	const struct json_t *error = doc != NULL && js_is_object(doc) ? js_get(doc, "error") : NULL;
	const char *code = NULL, *message = NULL;

	if (error != NULL && js_is_object(error)) {
		code = js_text(js_get(error, "code"));
		message = js_text(js_get(error, "message"));
	}
	if (code != NULL && message != NULL)
		err_set(e, err_from_name(code), "%s", message);
	else
		err_set(e, r->status == 401 || r->status == 403 ? ERR_AUTH : r->status == 503 ? ERR_BUSY : ERR_PROTOCOL,
		    "%s answers %s with HTTP %d and no error of pj's: is it a pj-serverd?",
		    c->server != NULL ? buf_str(&c->base) : c->sock, path, r->status);
	js_free(doc);
	return -1;
}

struct exchange {
	const char *path; /* behind /pj/1/ */
	const struct buf *query, *body; /* body NULL: a GET */
	int64_t total_ms, wait_ms; /* wait_ms: the server may keep it so long */
	const char *const *want;
};

static int
ask(struct ctl *c, const struct exchange *x, const struct http_call *call, struct http_result *r, struct err *e)
{
	int rc;

	patience_begin(c->server != NULL ? buf_str(&c->base) : c->sock, x->wait_ms + PATIENCE_MS, x->total_ms);
	rc = http_fetch(call, x->want, r, e);
	patience_end(rc == 0);
	return rc == 0 ? 0 : no_server(c, e);
}

static int
fetch_once(struct ctl *c, const struct exchange *x, struct http_result *r, struct err *e)
{
	const char *headers[4];
	struct buf url = BUF_INIT;
	struct http_call call = { .method = x->body != NULL ? "POST" : "GET", .headers = headers,
		.unix_path = c->server == NULL ? c->sock : NULL, .connect_ms = CONNECT_MS,
		    .total_ms = (int)x->total_ms };
	int n = 0, rc;

	if (x->body != NULL) {
		headers[n++] = "Content-Type: application/json";
		call.body = x->body->data;
		call.body_len = x->body->len;
	}
	if (c->server != NULL) {
		headers[n++] = buf_str(&c->app_header);
		headers[n++] = buf_str(&c->token_header);
	}
	headers[n] = NULL;
	buf_addf(&url, "%s/pj/1/%s", buf_str(&c->base), x->path);
	if (x->query != NULL && x->query->len > 0)
		buf_addf(&url, "?%s", buf_str(x->query));
	call.url = buf_str(&url);
	if (!buf_ok(&url) || (x->body != NULL && !buf_ok(x->body)))
		rc = err_set(e, ERR_NOMEM, "out of memory");
	else
		rc = ask(c, x, &call, r, e);
	buf_fini(&url);
	return rc;
}

/* 0: a 200 is in *r. http_result_fini always. */
static int
fetch(struct ctl *c, const struct exchange *x, struct http_result *r, struct err *e)
{
	memset(r, 0, sizeof *r);
	if (connect_once(c, e) != 0 || fetch_once(c, x, r, e) != 0)
		return -1;
	if (r->status == 401 && c->server != NULL) { /* the token has ended, or the server's secret is new */
		http_result_fini(r);
		memset(r, 0, sizeof *r);
		c->connected = false;
		if (connect_once(c, e) != 0 || fetch_once(c, x, r, e) != 0)
			return -1;
	}
	return r->status == 200 ? 0 : refused(c, x->path, r, e);
}

static int
fetch_json(struct ctl *c, const struct exchange *x, struct json_t **doc, struct err *e)
{
	struct http_result r;
	int rc = fetch(c, x, &r, e);

	*doc = NULL;
	if (rc == 0) {
		*doc = js_parse(buf_str(&r.body), r.body.len, e);
		if (*doc == NULL) {
			e->code = e->code == ERR_NOMEM ? ERR_NOMEM : ERR_PROTOCOL;
			rc = err_prefix(e, "the server's answer to %s is no JSON", x->path);
		} else if (!js_is_object(*doc)) {
			js_free(*doc);
			*doc = NULL;
			rc = err_set(e, ERR_PROTOCOL, "the server's answer to %s is no JSON object", x->path);
		}
	}
	http_result_fini(&r);
	return rc;
}

int
call_get(struct ctl *c, const char *path, const struct buf *query, struct json_t **doc, struct err *e)
{
	struct exchange x = { .path = path, .query = query, .total_ms = ANSWER_MS };

	return fetch_json(c, &x, doc, e);
}

int
call_get_within(struct ctl *c, const char *path, const struct buf *query, int64_t wait_ms, int64_t total_ms,
    struct json_t **doc, struct err *e)
{
	struct exchange x = { .path = path, .query = query, .total_ms = total_ms, .wait_ms = wait_ms };

	return fetch_json(c, &x, doc, e);
}

int
call_post(struct ctl *c, const char *path, const struct buf *body, struct json_t **doc, struct err *e)
{
	struct exchange x = { .path = path, .body = body, .total_ms = ANSWER_MS };

	if (fetch_json(c, &x, doc, e) == 0)
		return 0;
	if (e->code == ERR_TIMEOUT) {
		struct buf hint = BUF_INIT;

		buf_addf(&hint, "%s; it may have been done: look before you repeat it", e->msg);
		err_set(e, ERR_TIMEOUT, "%s", buf_str(&hint));
		buf_fini(&hint);
	}
	return -1;
}

int
call_log(struct ctl *c, const char *id, int64_t offset, int64_t wait_ms, int64_t total_ms, struct call_log *out,
    struct err *e)
{
	static const char *const want[] = { "X-PJ-Log-Next", "X-PJ-Log-End", "X-PJ-Log-Missing", NULL };
	struct buf query = BUF_INIT;
	struct exchange x = { .path = "instance/log", .query = &query, .total_ms = total_ms, .wait_ms = wait_ms,
		.want = want };
	struct http_result r;
	char *end;
	int rc;

	memset(out, 0, sizeof *out);
	call_param(&query, "id", id);
	call_param_i64(&query, "offset", offset);
	call_param_i64(&query, "waitMs", wait_ms);
	rc = fetch(c, &x, &r, e);
	if (rc == 0) {
		out->bytes = r.body;
		buf_init(&r.body);
		out->end = strcmp(r.header[1], "1") == 0;
		out->missing = strtoll(r.header[2], NULL, 10);
		errno = 0;
		out->next = strtoll(r.header[0], &end, 10);
		if (end == r.header[0] || *end != '\0' || errno != 0 || out->next < offset)
			rc = err_set(e, ERR_PROTOCOL, "the server's answer to instance/log has no valid X-PJ-Log-Next");
	}
	http_result_fini(&r);
	buf_fini(&query);
	return rc;
}

/* --- names like the one that was not found --------------------------------------------------------------------- */

static int64_t
offer_page(struct ctl *c, int64_t after, struct similar *like)
{
	struct buf query = BUF_INIT;
	struct json_t *doc;
	struct err e = ERR_INIT;
	int64_t last = 0;
	bool more = false;

	call_param_app(c, &query);
	call_param_i64(&query, "limit", 1000);
	call_param_i64(&query, "after", after);
	if (call_get(c, "job/ls", &query, &doc, &e) == 0) {
		const struct json_t *jobs = js_get(doc, "jobs");

		for (size_t i = 0; i < js_len(jobs); i++) {
			const char *name = js_text(js_get(js_at(jobs, i), "name"));

			if (name != NULL)
				similar_offer(like, name);
			if (js_i64(js_at(jobs, i), "id", 0, &last, &e) != 0)
				last = 0;
		}
		js_bool(doc, "more", false, &more, &e);
		js_free(doc);
	}
	buf_fini(&query);
	return more ? last : 0;
}

void
call_suggest_job(struct ctl *c, const char *job, struct err *e)
{
	struct similar like;
	struct buf text = BUF_INIT;
	int64_t after = 0;
	int page = 0;

	if (e->code != ERR_NOTFOUND || job[0] == '#')
		return;
	similar_init(&like, job);
	do
		after = offer_page(c, after, &like);
	while (after > 0 && ++page < SUGGEST_PAGES);
	if (like.n == 0)
		return;
	buf_adds(&text, e->msg);
	for (int i = 0; i < like.n; i++)
		buf_addf(&text, "%s%s", i == 0 ? "; did you mean " : i + 1 == like.n ? " or " : ", ", like.name[i]);
	buf_addc(&text, '?');
	err_set(e, ERR_NOTFOUND, "%s", buf_str(&text));
	buf_fini(&text);
}

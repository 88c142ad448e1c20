#include "net/http_req.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"

struct http_req *
http_req_new(const struct http_parse *p, struct buf *bytes)
{
	struct http_req *r = calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	r->parse = *p;
	r->bytes = *bytes;
	buf_init(bytes);
	r->method = r->target = "";
	if (p->state == HTTP_PARSE_LINE)
		return r;
	r->method = r->bytes.data + p->method;
	r->target = r->bytes.data + p->target;
	if (strncasecmp(r->target, "http://", 7) == 0) {
		r->target += 7 + strcspn(r->target + 7, "/?");
		if (*r->target != '/')
			r->target = "/";
	}
	return r;
}

void
http_source_end(struct http_source *s)
{
	if (s->fill != NULL)
		s->done(s->arg);
	s->fill = NULL;
}

void
http_req_free(struct http_req *r)
{
	if (r == NULL)
		return;
	http_source_end(&r->source);
	buf_fini(&r->bytes);
	buf_fini(&r->fields);
	buf_fini(&r->body);
	free(r->path);
	free(r->params);
	free(r);
}

/* --- decoding ------------------------------------------------------------------ */

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that s = "%XX" stands for; -1 when it is not such, or NUL. */
static int
percent_byte(const char *s)
{
	int hi = hex_value(s[1]), lo = hi >= 0 ? hex_value(s[2]) : -1;

	return lo < 0 || hi * 16 + lo == 0 ? -1 : hi * 16 + lo;
}

int
http_req_set_path(struct http_req *r, struct err *e)
{
	const char *s = r->target;
	size_t len = strcspn(s, "?#"), n = 0;
	char *out = malloc(len + 1);

	if (out == NULL)
		return err_set(e, ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < len; i++) {
		int c = (unsigned char)s[i];

		if (c == '%') {
			c = len - i > 2 ? percent_byte(s + i) : -1;
			if (c < 0) {
				free(out);
				return err_set(e, ERR_DATA, "the request path has a malformed %%XX");
			}
			i += 2;
		}
		if (c != '/' || n != 1 || out[0] != '/') /* leading slashes are one */
			out[n++] = (char)c;
	}
	while (n > 1 && out[n - 1] == '/')
		n--;
	out[n] = '\0';
	r->path = out;
	return 0;
}

/* Decodes n bytes of a form value behind *at; a malformed %XX stays as it is. */
static void
put_form_text(char **at, const char *s, size_t n)
{
	char *out = *at;

	for (size_t i = 0; i < n; i++) {
		int c = s[i] == '%' && n - i > 2 ? percent_byte(s + i) : -1;

		if (c >= 0)
			i += 2;
		*out++ = c >= 0 ? (char)c : s[i] == '+' ? ' ' : s[i] == '\0' ? '?' : s[i];
	}
	*out++ = '\0';
	*at = out;
}

/* Decoded text is never longer than encoded, and each `a=b&` leaves room for its two NULs but a bare `a`. */
static void
put_form(char **at, const char *s, size_t len)
{
	while (len > 0) {
		const char *amp = memchr(s, '&', len), *eq;
		size_t n = amp != NULL ? (size_t)(amp - s) : len;

		eq = memchr(s, '=', n);
		if (n > 0) {
			size_t name = eq != NULL ? (size_t)(eq - s) : n;

			put_form_text(at, s, name);
			put_form_text(at, eq != NULL ? eq + 1 : s, eq != NULL ? n - name - 1 : 0);
		}
		n += amp != NULL;
		s += n;
		len -= n;
	}
}

static void
parse_params(struct http_req *r)
{
	static const char form[] = "application/x-www-form-urlencoded";
	const char *query = strchr(r->target, '?'), *type = http_req_header(r, "Content-Type"), *body;
	size_t query_len, body_len;
	char *at;

	query = query != NULL ? query + 1 : "";
	query_len = strcspn(query, "#");
	body = http_req_body(r, &body_len);
	if (type == NULL || strncasecmp(type, form, sizeof form - 1) != 0)
		body_len = 0;
	at = r->params = malloc(2 * (query_len + body_len) + 4);
	if (at == NULL)
		return;
	put_form(&at, query, query_len);
	put_form(&at, body, body_len);
	r->params_len = (size_t)(at - r->params);
}

const char *
http_req_param(struct http_req *r, const char *name)
{
	if (r->params == NULL)
		parse_params(r);
	for (size_t i = 0; i < r->params_len;) {
		const char *key = r->params + i, *value = key + strlen(key) + 1;

		if (strcmp(key, name) == 0)
			return value;
		i = (size_t)(value - r->params) + strlen(value) + 1;
	}
	return NULL;
}

/* --- what it is ------------------------------------------------------------------ */

const char *
http_req_method(const struct http_req *r)
{
	return r->method;
}

const char *
http_req_path(const struct http_req *r)
{
	return r->path != NULL ? r->path : "";
}

const char *
http_req_raw_path(const struct http_req *r)
{
	return r->target;
}

const char *
http_req_header(const struct http_req *r, const char *name)
{
	return http_parse_field(&r->parse, &r->bytes, name);
}

const char *
http_req_body(const struct http_req *r, size_t *len)
{
	bool whole = r->parse.state == HTTP_PARSE_DONE;

	if (len != NULL)
		*len = whole ? r->parse.body_len : 0;
	return whole && r->bytes.data != NULL ? r->bytes.data + r->parse.body_at : "";
}

const char *
http_req_host(const struct http_req *r, char *out, size_t size)
{
	const char *sent;
	size_t n;

	if (r->parse.state == HTTP_PARSE_LINE)
		return NULL;
	sent = r->bytes.data + r->parse.target;
	if (strncasecmp(sent, "http://", 7) != 0)
		return http_req_header(r, "Host");
	n = strcspn(sent + 7, "/?");
	if (n >= size)
		n = size - 1;
	memcpy(out, sent + 7, n);
	out[n] = '\0';
	return out;
}

const char *
http_req_peer(const struct http_req *r)
{
	return r->peer;
}

uid_t
http_req_uid(const struct http_req *r)
{
	return r->uid;
}

void
http_req_on_close(struct http_req *r, void (*fn)(struct http_req *r, void *arg), void *arg)
{
	r->on_close = fn;
	r->on_close_arg = arg;
}

void *
http_req_user(const struct http_req *r)
{
	return r->user;
}

void
http_req_set_user(struct http_req *r, void *user)
{
	r->user = user;
}

/* --- the reply ------------------------------------------------------------------- */

void
http_req_reset_reply(struct http_req *r)
{
	r->replied = false;
	r->status = 0;
	buf_clear(&r->fields);
	buf_clear(&r->body);
	http_source_end(&r->source);
}

void
http_reply_header(struct http_req *r, const char *name, const char *value)
{
	if (r->replied)
		return;
	buf_addf(&r->fields, "%s: ", name);
	for (; *value != '\0'; value++) /* a value from outside cannot begin another header */
		buf_addc(&r->fields, (unsigned char)*value < ' ' && *value != '\t' ? ' ' : *value);
	buf_adds(&r->fields, "\r\n");
}

void
http_reply(struct http_req *r, int status, const char *content_type, struct buf *body)
{
	if (r->replied) {
		log_error("reply_twice", "path=%s status=%d", log_q(http_req_path(r)), status);
		if (body != NULL)
			buf_fini(body);
		return;
	}
	if (content_type != NULL)
		http_reply_header(r, "Content-Type", content_type);
	buf_fini(&r->body);
	if (body != NULL) {
		r->body = *body;
		buf_init(body);
	}
	r->status = status;
	r->replied = true;
	http_server_queue(r);
}

void
http_reply_stream(struct http_req *r, int status, const char *content_type, const struct http_source *source)
{
	if (r->replied)
		source->done(source->arg);
	else
		r->source = *source;
	http_reply(r, status, content_type, NULL);
}

void
http_reply_text(struct http_req *r, int status, const char *content_type, const char *text)
{
	struct buf body = BUF_INIT;

	buf_adds(&body, text);
	http_reply(r, status, content_type, &body);
}

static const char *
phrase(int status)
{
	static const struct {
		int status;
		const char *text;
	} phrases[] = {
		{ 200, "OK" }, { 201, "Created" }, { 202, "Accepted" }, { 204, "No Content" }, { 304, "Not Modified" },
		{ 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 408, "Request Timeout" }, { 409, "Conflict" }, { 411, "Length Required" },
		{ 413, "Content Too Large" }, { 415, "Unsupported Media Type" }, { 422, "Unprocessable Content" },
		{ 429, "Too Many Requests" }, { 500, "Internal Server Error" }, { 501, "Not Implemented" },
		{ 502, "Bad Gateway" }, { 503, "Service Unavailable" }, { 504, "Gateway Timeout" },
	};

	for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++)
		if (phrases[i].status == status)
			return phrases[i].text;
	return "Status";
}

static bool
status_has_body(int status)
{
	return status >= 200 && status != 204 && status != 304;
}

bool
http_req_reply_has_body(const struct http_req *r)
{
	return status_has_body(r->status) && strcmp(r->method, "HEAD") != 0;
}

void
http_req_put_head(const struct http_req *r, bool keep_alive, struct buf *out)
{
	buf_addf(out, "HTTP/1.1 %d %s\r\n", r->status, phrase(r->status));
	buf_add(out, buf_str(&r->fields), r->fields.len);
	if (status_has_body(r->status))
		buf_addf(out, "Content-Length: %lld\r\n", r->source.fill != NULL ? (long long)r->source.length :
		    (long long)r->body.len);
	if (!keep_alive)
		buf_adds(out, "Connection: close\r\n");
	else if (r->parse.http10)
		buf_adds(out, "Connection: keep-alive\r\n");
	buf_adds(out, "\r\n");
}

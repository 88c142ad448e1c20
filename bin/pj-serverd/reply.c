/* The forms of answers: PowerJob's successes and failures (protocol.md 1.0), pj's objects and errors. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "route.h"

#define JSON "application/json"

void
reply_iso_time(char out[40], int64_t at_ms)
{
	time_t sec = (time_t)(at_ms >= 0 ? at_ms / 1000 : (at_ms - 999) / 1000);
	struct tm tm;
	char day[24];

	gmtime_r(&sec, &tm);
	strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out, 40, "%s.%03d+00:00", day, (int)(at_ms - (int64_t)sec * 1000));
}

/* --- pj's ------------------------------------------------------------------------------------------------------ */

void
reply_pj(struct http_req *req, struct buf *body)
{
	if (buf_ok(body))
		http_reply(req, 200, JSON, body);
	else
		http_reply_text(req, 503, JSON, "{\"error\":{\"code\":\"nomem\",\"message\":\"out of memory\"}}");
}

void
reply_pj_error(struct http_req *req, const struct err *e)
{
	struct buf out = BUF_INIT;
	struct jw w;

	jw_init(&w, &out);
	jw_obj(&w);
	jw_obj_in(&w, "error");
	jw_str(&w, "code", err_name(e->code));
	jw_str(&w, "message", e->msg);
	jw_end(&w);
	jw_end(&w);
	http_reply(req, err_http_status(e->code), JSON, &out);
	buf_fini(&out);
}

/* --- PowerJob's ------------------------------------------------------------------------------------------------ */

void
reply_java_headers(struct http_req *req)
{
	http_reply_header(req, "Vary", "Origin");
	http_reply_header(req, "Vary", "Access-Control-Request-Method");
	http_reply_header(req, "Vary", "Access-Control-Request-Headers");
	if (http_req_header(req, "Origin") != NULL)
		http_reply_header(req, "Access-Control-Allow-Origin", "*");
}

void
reply_preflight(struct http_req *req)
{
	const char *headers = http_req_header(req, "Access-Control-Request-Headers");

	reply_java_headers(req);
	http_reply_header(req, "Access-Control-Allow-Methods", "HEAD,GET,PUT,POST,DELETE,PATCH");
	if (headers != NULL)
		http_reply_header(req, "Access-Control-Allow-Headers", headers);
	http_reply_header(req, "Access-Control-Max-Age", "1800");
	http_reply_text(req, 200, NULL, "");
}

void
reply_java(struct call *c)
{
	struct buf out = BUF_INIT;

	buf_adds(&out, "{\"success\":true,\"data\":");
	if (c->out.len == 0)
		buf_adds(&out, "null");
	else
		buf_add(&out, c->out.data, c->out.len);
	buf_adds(&out, ",\"message\":null");
	buf_adds(&out, c->more == NULL ? "" : c->more);
	buf_addc(&out, '}');
	if (!buf_ok(&out) || !buf_ok(&c->out)) {
		struct err e = ERR_INIT;

		err_set(&e, ERR_NOMEM, "out of memory");
		reply_java_error(c, &e);
	} else {
		http_reply(c->req, 200, JSON, &out);
	}
	buf_fini(&out);
}

static const char *
java_class(enum err_code code)
{
	switch (code) {
	case ERR_NOTFOUND:
	case ERR_FORBIDDEN:
		return "IllegalArgumentException";
	case ERR_NONE:
	case ERR_USAGE:
	case ERR_DATA:
	case ERR_CONFLICT:
	case ERR_TOOBIG:
	case ERR_AUTH:
	case ERR_UNAVAILABLE:
	case ERR_BUSY:
	case ERR_NOMEM:
	case ERR_OS:
	case ERR_IO:
	case ERR_PROTOCOL:
	case ERR_CONFIG:
	case ERR_TIMEOUT:
	case ERR_INTERNAL:
	case ERR_CODES_:
		break;
	}
	return "PowerJobException";
}

void
reply_java_error(struct call *c, const struct err *e)
{
	struct buf out = BUF_INIT;
	struct jw w;
	char message[ERR_MSG_SIZE + 128];

	if (c->plain_message)
		snprintf(message, sizeof message, "%s", e->msg);
	else
		snprintf(message, sizeof message, "%s: %s", c->java_class != NULL ? c->java_class : java_class(e->code), e->msg);
	jw_init(&w, &out);
	jw_obj(&w);
	jw_bool(&w, "success", false);
	jw_null(&w, "data");
	jw_str(&w, "message", message);
	jw_str(&w, "code", c->java_code);
	jw_end(&w);
	http_reply(c->req, 200, JSON, &out);
	buf_fini(&out);
}

void
reply_java_auth(struct http_req *req, const char *message, const char *code)
{
	struct buf out = BUF_INIT;
	struct jw w;

	jw_init(&w, &out);
	jw_obj(&w);
	jw_bool(&w, "success", false);
	jw_str(&w, "message", message);
	jw_str(&w, "code", code);
	jw_end(&w);
	http_reply(req, 200, "application/json;charset=utf-8", &out);
	buf_fini(&out);
}

void
reply_java_404(struct http_req *req)
{
	struct buf out = BUF_INIT;
	struct jw w;
	char at[40];

	reply_iso_time(at, clock_wall_ms());
	jw_init(&w, &out);
	jw_obj(&w);
	jw_str(&w, "timestamp", at);
	jw_i64(&w, "status", 404);
	jw_str(&w, "error", "Not Found");
	jw_str(&w, "path", http_req_path(req));
	jw_end(&w);
	http_reply(req, 404, JSON, &out);
	buf_fini(&out);
}

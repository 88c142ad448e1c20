/* /validate/timeExpression: what an expression would do. Answers success always, as PowerJob does: the next five times, or one
 * line of text. */
#include <stdlib.h>
#include <string.h>

#include "net/msg.h"
#include "page.h"
#include "route.h"
#include "time/sched.h"

#define TIMES 5
#define NO_LIST "It is valid, but has not trigger time list!"

static int
read_spec(struct call *c, struct job_spec *s, struct err *e)
{
	const char *type = http_req_param(c->req, "timeExpressionType");
	const char *expr = http_req_param(c->req, "timeExpression");

	job_spec_init(s);
	if (call_i64(c, "startTime", 0, &s->start_ms, e) != 0 || call_i64(c, "endTime", 0, &s->end_ms, e) != 0)
		return -1;
	s->time_type = type == NULL ? -1 : msg_time_type_code(type);
	if (s->time_type < 0)
		return call_fail(c, e, ERR_DATA, "MethodArgumentTypeMismatchException", NULL,
		    "timeExpressionType: %.60s is not one of its names", type == NULL ? "null" : type);
	if (expr != NULL && strlen(expr) > LIMIT_TEXT)
		return err_set(e, ERR_TOOBIG, "timeExpression: longer than %d bytes", LIMIT_TEXT);
	s->time_expr = expr == NULL ? NULL : strdup(expr);
	return expr != NULL && s->time_expr == NULL ? err_set(e, ERR_NOMEM, "out of memory") : 0;
}

/* Of a second-level job that is launched now, or at its start. */
static int
rate_times(const struct job_spec *s, int64_t now_ms, int64_t *out)
{
	int64_t at = s->start_ms > now_ms ? s->start_ms : now_ms + atol(s->time_expr);
	int n = 0;

	for (; n < TIMES && (s->end_ms == 0 || at <= s->end_ms); at += atol(s->time_expr))
		out[n++] = at;
	return n;
}

/* How many times are in out, -1 and why. */
static int
next_times(struct call *c, const struct job_spec *s, int64_t *out, struct err *e)
{
	struct now now = server_now(c->server);
	const struct job j = { .spec = *s, .created_ms = now.at_ms, .status = JOB_ENABLED };

	if (core_time_check(c->server->core, now, s, e) != 0)
		return -1;
	if (s->time_type == TIME_FIXED_RATE)
		return rate_times(s, now.at_ms, out);
	return core_job_next(c->server->core, &j, now.at_ms, TIMES, out, e);
}

static int
validate(struct call *c, struct err *e)
{
	struct job_spec s;
	struct err why = ERR_INIT;
	int64_t at[TIMES];
	char text[32];
	struct jw w;
	int n = 0;

	if (read_spec(c, &s, e) != 0) {
		job_spec_fini(&s);
		return -1;
	}
	n = next_times(c, &s, at, &why);
	job_spec_fini(&s);
	jw_init(&w, &c->out);
	jw_arr(&w);
	for (int i = 0; i < n; i++) {
		page_local_time(c->server, text, at[i]);
		jw_str(&w, NULL, text);
	}
	if (n <= 0)
		jw_str(&w, NULL, n < 0 ? why.msg : NO_LIST);
	jw_end(&w);
	return 0;
}

const struct route console_validate_routes[] = {
	{ "GET", "/validate/timeExpression", ROUTE_CONSOLE, TAKES_PARAMS, false, validate },
	{ NULL, NULL, ROUTE_OPEN, TAKES_PARAMS, false, NULL },
};

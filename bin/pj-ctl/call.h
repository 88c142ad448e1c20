/* Requests to pj-serverd: over its Unix socket, or over HTTP with an app's token. */
#ifndef PJ_CTL_CALL_H
#define PJ_CTL_CALL_H

#include "codec/json.h"
#include "ctl.h"

/* Adds `name=value` to a query. value NULL: nothing. */
void call_param(struct buf *query, const char *name, const char *value);
void call_param_i64(struct buf *query, const char *name, int64_t value);
/* Adds the app that was asked for. */
void call_param_app(const struct ctl *c, struct buf *query);

/* Opens the object of a POST's body and adds the app to it. */
void call_body(const struct ctl *c, struct jw *w, struct buf *body);

/* GET and POST of /pj/1/PATH. 0: *doc is an object, js_free it. An error of the server keeps its code and message; else
 * ERR_UNAVAILABLE no server, ERR_TIMEOUT no answer (a change may have been done), ERR_PROTOCOL nonsense. */
int call_get(struct ctl *c, const char *path, const struct buf *query, struct json_t **doc, struct err *e);
int call_post(struct ctl *c, const char *path, const struct buf *body, struct json_t **doc, struct err *e);
/* The same GET, given up after total_ms; the server may keep it for wait_ms. */
int call_get_within(struct ctl *c, const char *path, const struct buf *query, int64_t wait_ms, int64_t total_ms,
    struct json_t **doc, struct err *e);

struct call_log {
	struct buf bytes;
	int64_t next; /* the offset behind them */
	bool end;     /* the instance is finished, and nothing more comes */
	int64_t missing; /* bytes of it that the server did not get; 0 none */
};
/* The log from offset; where there is none yet the server waits for wait_ms. buf_fini(&out->bytes) always. */
int call_log(struct ctl *c, const char *id, int64_t offset, int64_t wait_ms, int64_t total_ms, struct call_log *out,
    struct err *e);

/* Adds to an ERR_NOTFOUND about a job the names that are like it. */
void call_suggest_job(struct ctl *c, const char *job, struct err *e);

#endif

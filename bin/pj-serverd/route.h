/* Requests to 7700 and to server.sock: one table of routes, each with its method, who may call it and how it fails.
 * PowerJob's paths answer in PowerJob's forms (status 200 and `success`), pj's own in pj-api(7)'s. */
#ifndef PJ_SERVERD_ROUTE_H
#define PJ_SERVERD_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "codec/json.h"
#include "net/http_server.h"
#include "server.h"
#include "store/app.h"

enum route_kind {
	ROUTE_OPEN,         /* PowerJob's /server/...: nobody is asked who he is */
	ROUTE_OPENAPI,      /* PowerJob's /openApi/...: token when server.openapi_auth is on */
	ROUTE_OPENAPI_FREE, /* the two that give tokens */
	ROUTE_CONSOLE,      /* the console's paths that read: as ROUTE_OPENAPI, with the console's failure */
	ROUTE_PJ,           /* /pj/1/...: a token, or the local administrator */
	ROUTE_PJ_ADMIN,     /* the local administrator only */
};

enum route_takes { TAKES_PARAMS, TAKES_JSON };

struct call {
	struct server *server;
	struct http_req *req;
	const struct route *route;
	int64_t app_id;         /* the caller's own app; 0: an administrator, or nobody was asked */
	struct json_t *body;    /* TAKES_JSON */
	struct buf out;         /* the answer's `data` (PowerJob) or whole object (pj) */
	bool answered;          /* the handler replied itself, or will */
	const char *java_class; /* of a failure; NULL: by its code */
	const char *java_code;  /* "-400"; NULL: null */
	bool plain_message;     /* failure without the class name before it */
	const char *more;       /* members behind `message` of a success, NULL none */
};

struct route {
	const char *method; /* GET (HEAD too) or POST */
	const char *path;
	enum route_kind kind;
	enum route_takes takes;
	bool changes;       /* runs as an event: in a savepoint, failures undone */
	int (*fn)(struct call *c, struct err *e);
};

extern const struct route bootstrap_routes[], openapi_auth_routes[], openapi_job_routes[], openapi_instance_routes[],
    openapi_query_routes[], console_list_routes[], console_detail_routes[], console_log_routes[], console_system_routes[],
    console_validate_routes[],
    ctl_app_routes[], ctl_job_routes[], ctl_instance_routes[], ctl_server_routes[]; /* ended by path NULL */

void route_public(struct http_req *req, void *server);  /* listener 7700 */
void route_local(struct http_req *req, void *server);   /* listener server.sock */
void route_fail(struct http_req *req, const struct err *e, void *server);
void route_each(void (*fn)(const struct route *r, void *arg), void *arg);

/* For handlers. */
int call_fail(struct call *c, struct err *e, enum err_code code, const char *java_class, const char *java_code,
    const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* A parameter as a number; -1 names it. `none`: what is taken when it is missing; INT64_MIN: it must be there. */
int call_i64(struct call *c, const char *name, int64_t none, int64_t *out, struct err *e);
/* The app that a pj route is about: parameter or member `app`, the token's app, or `default`. */
int call_app(struct call *c, struct app *out, struct err *e);
/* A text parameter of a GET or member of a POST; *out malloc'ed or NULL. */
int call_text(struct call *c, const char *name, size_t max_bytes, char **out, struct err *e);

/* reply.c */
void reply_pj(struct http_req *req, struct buf *body);
void reply_pj_error(struct http_req *req, const struct err *e);
void reply_java(struct call *c);                       /* success with c->out as data */
void reply_java_error(struct call *c, const struct err *e); /* failure B */
void reply_java_auth(struct http_req *req, const char *message, const char *code); /* failure C */
void reply_java_404(struct http_req *req);
void reply_java_headers(struct http_req *req);         /* Vary, CORS */
void reply_preflight(struct http_req *req);
void reply_iso_time(char out[40], int64_t at_ms);      /* 2026-11-21T08:27:54.218+00:00 */

#endif

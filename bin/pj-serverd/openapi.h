/* Shared by the handlers of /openApi/...: which app is meant, and PowerJob's texts of what is not there. */
#ifndef PJ_SERVERD_OPENAPI_H
#define PJ_SERVERD_OPENAPI_H

#include "route.h"

/* Parameter or member appId; with authentication on it must be the token's, and may be left out. */
int openapi_app(struct call *c, int64_t *app_id, struct err *e);
/* Puts PowerJob's text into an error that the core gave about a job or an instance. Returns -1. */
int openapi_job_error(struct call *c, int64_t app_id, int64_t job_id, struct err *e);
int openapi_instance_error(struct call *c, int64_t app_id, int64_t instance_id, struct err *e);

#endif

/* Shared by the handlers of /openApi/...: which app is meant, and PowerJob's texts of what is not there. */
#ifndef PJ_SERVERD_OPENAPI_H
#define PJ_SERVERD_OPENAPI_H

#include "route.h"
#include "store/instance.h"
#include "store/job.h"

/* Parameter or member appId; with authentication on it must be the token's, and may be left out. */
int openapi_app(struct call *c, int64_t *app_id, struct err *e);
/* Puts PowerJob's text into an error that the core gave about a job or an instance. Returns -1. */
int openapi_job_error(struct call *c, int64_t app_id, int64_t job_id, struct err *e);
int openapi_instance_error(struct call *c, int64_t app_id, int64_t instance_id, struct err *e);
/* A job, which must be the app's. */
int openapi_job(struct call *c, int64_t app_id, int64_t job_id, struct job *j, struct err *e);

/* A new job with the name NAME_COPY: its id in *id. */
int openapi_copy_job(struct call *c, int64_t app_id, int64_t job_id, int64_t *id, struct err *e);

/* InstanceInfoDTOs of an answer: a list is mostly of few jobs, whose parameters are looked up once. */
struct openapi_instances {
	struct jw w;
	struct db *db;
	struct job job; /* id 0: none yet */
	bool failed;
	struct err why;
};
bool openapi_put_instance(const struct instance *i, void *openapi_instances);
void openapi_instances_fini(struct openapi_instances *o);

#endif

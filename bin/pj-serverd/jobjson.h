/* A job's definition as JSON: PowerJob's SaveJobInfoRequest and JobInfoDTO (protocol.md 1.4), and pj's own form. All are
 * driven by job_fields; what is not a plain value there is declared here. */
#ifndef PJ_SERVERD_JOBJSON_H
#define PJ_SERVERD_JOBJSON_H

#include "base/err.h"
#include "codec/json.h"
#include "store/job.h"

/* SaveJobInfoRequest. `old` (NULL: a new job) gives what PowerJob keeps when a member is null. *out is filled on 0
 * (job_spec_fini). ERR_DATA with PowerJob's text; *java_class is set when the class is not PowerJobException. */
int jobjson_from_java(const struct json_t *o, const struct job_spec *old, struct job_spec *out, const char **java_class,
    struct err *e);
void jobjson_put_java(struct jw *w, const struct job *j);
/* SaveJobInfoRequest again, as exportJob gives it: no id, NAME_EXPORT_MS. */
void jobjson_put_export(struct jw *w, const struct job *j, int64_t now_ms);
/* JobInfoVO of the console; next is its next trigger time as text. */
void jobjson_put_console(struct jw *w, const struct job *j, const char *next);

/* Takes the members that are there over `spec`; members that are neither fields nor in the NULL-ended list `also` are
 * ERR_DATA naming them. */
int jobjson_from_pj(const struct json_t *o, const char *const *also, struct job_spec *spec, struct err *e);
void jobjson_put_pj(struct jw *w, const struct job *j, const char *app_name);
const char *jobjson_status(enum job_status s); /* as pj writes it: enabled, disabled, deleted */

/* What is understood but not run yet is refused, naming the field: 0 or -1 with ERR_DATA. */
int jobjson_check_runs(const struct job_spec *s, struct err *e);

#endif

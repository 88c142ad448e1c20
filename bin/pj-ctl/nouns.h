/* One file per noun: cmd_NOUN.c. */
#ifndef PJ_CTL_NOUNS_H
#define PJ_CTL_NOUNS_H

#include "verb.h"

extern const struct noun cmd_app, cmd_job, cmd_instance, cmd_worker, cmd_server, cmd_time, cmd_simulate, cmd_verify,
    cmd_why;

/* Verbs of cmd_job that have a file of their own. */
int cmd_job_add(const struct verb *v, struct ctl *c, struct opt_args *args);
int cmd_job_edit(const struct verb *v, struct ctl *c, struct opt_args *args);
int cmd_job_run(const struct verb *v, struct ctl *c, struct opt_args *args);
extern const struct opt cmd_job_add_options[], cmd_job_edit_options[], cmd_job_run_options[];

#endif

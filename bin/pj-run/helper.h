/* What the job's programs call: pj-run result, log and context, over the socket in PJ_SOCKET. */
#ifndef PJ_RUN_HELPER_H
#define PJ_RUN_HELPER_H

/* argv without the program's name and the mode; each returns the exit code: 0 recorded, 64 called wrongly or outside a
 * job, 65 refused, 69 no pj-run answers. */
int helper_result(int argc, char **argv);
int helper_log(int argc, char **argv);
int helper_context(int argc, char **argv);

#endif

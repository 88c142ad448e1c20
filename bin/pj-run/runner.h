/* One attempt of one instance, from the claim of its slot to its written result. */
#ifndef PJ_RUN_RUNNER_H
#define PJ_RUN_RUNNER_H

#include "spec.h"

/* Exit codes of a runner under the spawner. By hand it is the job's own code, 128+n for a signal, 124 timed out. */
#define RUNNER_DONE 0      /* the slot is written */
#define RUNNER_OLD 1       /* not started: the slot has this start or a later one */
#define RUNNER_BAD_SLOT 65 /* not started: the slot file is damaged or of a newer version */
#define RUNNER_OS 71       /* not started: the system would not let us */
#define RUNNER_IO 74       /* not started: the slot file cannot be opened or written */
#define RUNNER_BUSY 75     /* not started: another pj-run holds the slot */

/* Runs it to its end in this process and returns the exit code. Takes over signals and, unless by hand, the session
 * and the standard streams. null_fd: /dev/null, open for reading and writing. */
int runner_main(struct spec *spec, int null_fd);

#endif

/* Starts the job's program. */
#ifndef PJ_RUN_PROGRAM_H
#define PJ_RUN_PROGRAM_H

#include <sys/types.h>

#include "base/err.h"
#include "codec/slot.h"
#include "spec.h"

#define PROGRAM_NOT_FOUND 127
#define PROGRAM_NOT_RUN 126

struct program {
	pid_t pid;
	int out, err;  /* our ends of its pipes, non-blocking; -1 where it has ours (by hand) */
	int exit_code; /* when it could not be started: PROGRAM_NOT_FOUND or PROGRAM_NOT_RUN */
};

/* Starts it in a session of its own, in spec's directory and environment; it dies with this process. Where there is a
 * slot (slot_fd >= 0, locked by us), the record is RUNNING with its pid and start time before its first instruction,
 * and it runs only if we hold the lock after that write: a free lock and a record that is not RUNNING prove that it
 * never ran. null_fd: /dev/null, for reading. -1: not started; the message is for the person who asked for the run. */
int program_start(struct program *p, const struct spec *s, int null_fd, int slot_fd, struct slot *slot, struct err *e);

#endif

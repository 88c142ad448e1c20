/* The claim of a slot: exactly one process per seq comes past it. */
#ifndef PJ_RUN_CLAIM_H
#define PJ_RUN_CLAIM_H

#include "codec/slot.h"
#include "spec.h"

/* Takes the lock of spec's slot for the life of this process and writes CLAIMED with our identity: 0, and *fd (-1 where
 * spec has no slot). Else the exit code (runner.h): nothing was started, and why is logged; a start that is known
 * already (RUNNER_OLD) is no error and not logged. *slot is ready for the run in any case of 0. */
int claim_slot(struct spec *spec, struct slot *slot, int *fd);

#endif

/* The legal moves of an instance and of an attempt, declared once (state.c) and checked at every move. */
#ifndef PJ_JOB_STATE_H
#define PJ_JOB_STATE_H

#include <stdbool.h>

#include "store/instance.h"

bool state_may_move(enum instance_status from, enum instance_status to);
bool state_is_finished(enum instance_status s); /* 4 5 9 10 */
bool state_attempt_may_move(enum attempt_state from, enum attempt_state to);
bool state_attempt_is_final(enum attempt_state s);
const char *state_name(enum instance_status s);         /* "waiting" "sent" "running" "failed" "succeeded" "canceled" "stopped" */
const char *state_attempt_name(enum attempt_state s);
int state_from_name(const char *name);                  /* enum instance_status, -1 unknown */

#endif

#include "job/state.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TO(s) (1u << (s))
#define N_STATES 11 /* both enums end with 10 */

/* behaviour.md 2.1, less the moves that a late report of an older attempt made there. From a finished state only the
 * user's retry leads away. */
static const struct {
	const char *name;
	uint32_t to;
	bool finished;
} instance_states[N_STATES] = {
	[INSTANCE_WAITING] = { "waiting", TO(INSTANCE_SENT) | TO(INSTANCE_FAILED) | TO(INSTANCE_CANCELED) |
	    TO(INSTANCE_STOPPED), false },
	[INSTANCE_SENT] = { "sent", TO(INSTANCE_WAITING) | TO(INSTANCE_RUNNING) | TO(INSTANCE_FAILED) | TO(INSTANCE_SUCCEED) |
	    TO(INSTANCE_STOPPED), false },
	[INSTANCE_RUNNING] = { "running", TO(INSTANCE_WAITING) | TO(INSTANCE_FAILED) | TO(INSTANCE_SUCCEED) |
	    TO(INSTANCE_STOPPED), false },
	[INSTANCE_FAILED] = { "failed", TO(INSTANCE_WAITING), true },
	[INSTANCE_SUCCEED] = { "succeeded", TO(INSTANCE_WAITING), true },
	[INSTANCE_CANCELED] = { "canceled", TO(INSTANCE_WAITING), true },
	[INSTANCE_STOPPED] = { "stopped", TO(INSTANCE_WAITING), true },
};

#define ATTEMPT_ENDS (TO(ATTEMPT_FAILED) | TO(ATTEMPT_SUCCEED) | TO(ATTEMPT_NOT_STARTED) | TO(ATTEMPT_LOST) | \
	TO(ATTEMPT_STOPPED))

static const struct {
	const char *name;
	uint32_t to; /* none: final */
} attempt_states[N_STATES] = {
	[ATTEMPT_OPEN] = { "open", TO(ATTEMPT_ACCEPTED) | TO(ATTEMPT_RUNNING) | ATTEMPT_ENDS },
	[ATTEMPT_ACCEPTED] = { "accepted", TO(ATTEMPT_RUNNING) | ATTEMPT_ENDS },
	[ATTEMPT_RUNNING] = { "running", ATTEMPT_ENDS },
	[ATTEMPT_FAILED] = { "failed", 0 },
	[ATTEMPT_SUCCEED] = { "succeeded", 0 },
	[ATTEMPT_NOT_STARTED] = { "not started", 0 },
	[ATTEMPT_LOST] = { "lost", 0 },
	[ATTEMPT_STOPPED] = { "stopped", 0 },
};

static bool
known(unsigned s)
{
	return s < N_STATES;
}

bool
state_may_move(enum instance_status from, enum instance_status to)
{
	return known(from) && known(to) && (instance_states[from].to & TO(to)) != 0;
}

bool
state_is_finished(enum instance_status s)
{
	return known(s) && instance_states[s].finished;
}

bool
state_attempt_may_move(enum attempt_state from, enum attempt_state to)
{
	return known(from) && known(to) && (attempt_states[from].to & TO(to)) != 0;
}

bool
state_attempt_is_final(enum attempt_state s)
{
	return known(s) && attempt_states[s].name != NULL && attempt_states[s].to == 0;
}

const char *
state_name(enum instance_status s)
{
	return known(s) && instance_states[s].name != NULL ? instance_states[s].name : "unknown";
}

const char *
state_attempt_name(enum attempt_state s)
{
	return known(s) && attempt_states[s].name != NULL ? attempt_states[s].name : "unknown";
}

int
state_from_name(const char *name)
{
	for (int s = 0; s < N_STATES; s++)
		if (instance_states[s].name != NULL && strcmp(instance_states[s].name, name) == 0)
			return s;
	return -1;
}

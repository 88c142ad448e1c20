/* The names of PowerJob's codes (protocol.md 7.1), one table a kind. */
#include <stddef.h>
#include <string.h>

#include "net/msg.h"
#include "time/sched.h"

struct code_name {
	int64_t code;
	const char *name;
};

static const struct code_name execute_types[] = {
	{ EXECUTE_STANDALONE, "STANDALONE" },
	{ EXECUTE_BROADCAST, "BROADCAST" },
	{ EXECUTE_MAP_REDUCE, "MAP_REDUCE" },
	{ EXECUTE_MAP, "MAP" },
	{ 0, NULL },
};
static const struct code_name processor_types[] = {
	{ PROCESSOR_BUILT_IN, "BUILT_IN" },
	{ PROCESSOR_SHELL, "SHELL" },
	{ PROCESSOR_PYTHON, "PYTHON" },
	{ PROCESSOR_EXTERNAL, "EXTERNAL" },
	{ 0, NULL },
};
static const struct code_name time_types[] = {
	{ TIME_API, "API" },
	{ TIME_CRON, "CRON" },
	{ TIME_FIXED_RATE, "FIXED_RATE" },
	{ TIME_FIXED_DELAY, "FIXED_DELAY" },
	{ TIME_WORKFLOW, "WORKFLOW" },
	{ TIME_DAILY, "DAILY_TIME_INTERVAL" },
	{ 0, NULL },
};
static const struct code_name dispatch_strategies[] = {
	{ DISPATCH_HEALTH_FIRST, "HEALTH_FIRST" },
	{ DISPATCH_RANDOM, "RANDOM" },
	{ DISPATCH_SPECIFY, "SPECIFY" },
	{ 0, NULL },
};

static const char *
name_of(const struct code_name *t, int64_t code)
{
	for (; t->name != NULL; t++)
		if (t->code == code)
			return t->name;
	return NULL;
}

static int64_t
code_of(const struct code_name *t, const char *name)
{
	for (; name != NULL && t->name != NULL; t++)
		if (strcmp(t->name, name) == 0)
			return t->code;
	return -1;
}

const char *
msg_execute_type_name(int64_t code)
{
	return name_of(execute_types, code);
}

int64_t
msg_execute_type_code(const char *name)
{
	return code_of(execute_types, name);
}

const char *
msg_processor_type_name(int64_t code)
{
	return name_of(processor_types, code);
}

int64_t
msg_processor_type_code(const char *name)
{
	return code_of(processor_types, name);
}

const char *
msg_time_type_name(int64_t code)
{
	return name_of(time_types, code);
}

int64_t
msg_time_type_code(const char *name)
{
	return code_of(time_types, name);
}

const char *
msg_dispatch_strategy_name(int64_t code)
{
	return name_of(dispatch_strategies, code);
}

int64_t
msg_dispatch_strategy_code(const char *name)
{
	return code_of(dispatch_strategies, name);
}

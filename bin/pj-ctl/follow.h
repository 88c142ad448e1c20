/* Waiting for an instance, with its log or without, through restarts of the server. */
#ifndef PJ_CTL_FOLLOW_H
#define PJ_CTL_FOLLOW_H

#include "codec/json.h"
#include "ctl.h"

struct follow {
	const char *id;
	bool log;          /* write the log to standard output */
	bool timestamps;   /* lines as they are stored, else what the job wrote */
	bool until_end;    /* wait for the end, else stop at the log's present end */
	int64_t timeout_ms; /* 0: none */
	bool known;        /* the server gave this id just now: wait for it from the start when it is away */
};

/* 0: finished (or the present end was reached), *instance is its INSTANCE (NULL without until_end), js_free it.
 * ERR_TIMEOUT with code 124 when the time is over. SIGINT ends the process and says how to go on. */
int follow_instance(struct ctl *c, const struct follow *f, struct json_t **instance, struct err *e);
/* The exit code that stands for a finished instance: 0 succeeded, the job's own code, 128 + signal, else 1. */
int follow_exit_code(const struct json_t *instance);
/* What a command that waited leaves: the instance with --json and --tsv, else follow_report. The exit code. */
int follow_show(const struct ctl *c, const struct json_t *instance);
/* Says on standard error how it ended, when it did not succeed. */
void follow_report(const struct json_t *instance);

#endif

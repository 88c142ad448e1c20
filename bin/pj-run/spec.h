/* What is to be run, and how: from a message of pj-workerd (codec/frame.h) or from the command line. */
#ifndef PJ_RUN_SPEC_H
#define PJ_RUN_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "codec/kv.h"

#define SPEC_GRACE_MS 5000 /* between TERM and KILL where nothing else is said */

struct spec {
	bool by_hand;               /* stdin is passed on; without a spool stdout and stderr too; errors go to stderr */
	const char *slot, *spool;   /* paths; NULL none (by hand) */
	const char *bell, *cwd;     /* NULL none */
	int64_t seq;                /* 0: one more than the slot has (by hand) */
	int64_t instance_id, attempt;
	int64_t timeout_ms;         /* 0 none */
	int64_t grace_ms;
	int64_t log_max;            /* bytes of the spool, 0 no cap */
	bool log_block;             /* at the cap hold the job instead of dropping */
	char **argv;                /* NULL-terminated */
	char **envp;                /* NULL-terminated, with one free place behind for PJ_SOCKET */
	const char *input;          /* standard input, NULL none */
	size_t input_len;
	struct kv kv;               /* owns what the pointers point to, where it came as a message */
};

/* From the body of an op=run message. ERR_DATA says what is missing or wrong; ERR_NOMEM. */
int spec_from_record(struct spec *s, struct kv *record, struct err *e); /* takes the record when it returns 0 */
void spec_fini(struct spec *s);
/* Puts one more variable into envp (borrowed; at most once after spec_from_record). */
void spec_add_env(struct spec *s, char *entry);

#endif

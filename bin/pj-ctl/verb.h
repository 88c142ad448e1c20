/* Commands as tables: one struct per command, from which its parsing, its --help and the shell's completion come. */
#ifndef PJ_CTL_VERB_H
#define PJ_CTL_VERB_H

#include "base/opt.h"
#include "ctl.h"

#define VERB_ANY (-1)

struct verb {
	const char *name;          /* "": the noun's only one, the noun is the command */
	const char *usage;         /* behind the name; lines by \n */
	const char *summary;       /* first line stands in the noun's help */
	const struct opt *options; /* its own, ids below VERB_GLOBAL; NULL none */
	const char *more;          /* under the options; NULL or ends with \n */
	int least, most;           /* operands before a `--`; VERB_ANY: no upper bound */
	bool command;              /* takes `-- COMMAND ARG...` */
	/* Calls verb_parse first, then does it. Returns the exit code. */
	int (*run)(const struct verb *v, struct ctl *c, struct opt_args *args);
};

struct noun {
	const char *name;
	const char *summary;
	const struct verb *verbs; /* ended by name NULL */
};

extern const struct noun *const verb_nouns[]; /* ended by NULL; in main.c */

/* Options that every level takes; see main.c. */
#define VERB_GLOBAL 1000
#define VERB_GLOBALS 9
extern const struct opt verb_globals[VERB_GLOBALS + 1];
int verb_take_global(int id, const char *value, struct ctl *c, struct err *e);

/* Parses the verb's options (take is called for its own ones; NULL where it has none) and counts its operands. OPT_GO,
 * or the exit code. */
int verb_parse(const struct verb *v, struct ctl *c, struct opt_args *args, opt_fn take, void *state);
/* A usage error of this verb; returns 64. */
int verb_usage_error(const struct verb *v, const struct ctl *c, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Calls one for each operand, also when one fails; the first failure's exit code is the whole's. */
int verb_each(struct ctl *c, const struct opt_args *args, int (*one)(struct ctl *c, const char *path, const char *operand),
    const char *path);

#endif

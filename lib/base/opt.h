/* Command lines from a table: long and short options, --help and --version made from it, usage errors that say where to
 * look. Forms taken: `--name value`, `--name=value`, `-n value`, `-nvalue`, `-abc`; `--` ends the options. Names are
 * never abbreviated, so that a new option cannot change what a script means. */
#ifndef PJ_BASE_OPT_H
#define PJ_BASE_OPT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

struct opt {
	int id;           /* what fn is called with */
	char letter;      /* 0: no short form */
	const char *name; /* NULL: no long form */
	const char *arg;  /* what the help calls the value; NULL: the option takes none */
	const char *help; /* one line, lower case; NULL: not shown in the help */
};

/* One program, or one sub-command of it. */
struct opt_cmd {
	const char *program;     /* "pj-ctl", "pj-ctl job add": stands in usage, errors and version */
	const char *usage;       /* "[options] NAME -- COMMAND ARG...": behind the program's name; lines by \n */
	const char *summary;     /* one or more lines of what it does */
	const struct opt *table; /* ends with an entry of all zeros; NULL: none. -h, --help, --version are added */
	const char *more;        /* text under the options (commands, exit codes), or NULL; ends with \n */
	bool mixed;              /* options may also stand behind operands; else the first operand ends them */
};

/* In: the words to parse, without the program's own name. Out: the operands, in the same array (reordered), with a NULL
 * behind them if there was one behind the words. */
struct opt_args {
	int argc;
	char **argv;
	int before; /* out: how many of them stood before a `--`; argc where there was none */
	bool ended; /* out: there was a `--` */
};

#define OPT_GO (-1)

/* Handles one option: 0, or -1 with a message that goes behind the program's name (code ERR_USAGE for a bad value). */
typedef int (*opt_fn)(int id, const char *value, void *arg, struct err *e);

/* OPT_GO: all understood, go on with args. Else the exit code for main to return, everything said already: 0 after
 * --help or --version, 64 after a usage error, or the exit code of what fn refused. */
int opt_parse(const struct opt_cmd *cmd, struct opt_args *args, opt_fn fn, void *arg);
/* `program: message; see program --help` on standard error; returns 64. */
int opt_usage_error(const struct opt_cmd *cmd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void opt_help(const struct opt_cmd *cmd, FILE *to);

/* Values. -1 and ERR_USAGE with a message that names the value. */
int opt_i64(const char *value, int64_t least, int64_t most, int64_t *out, struct err *e);
/* `500ms 30s 5m 2h 1d 1h30m`, or seconds without a unit (`1.5` too); 0 and up. */
int opt_duration_ms(const char *value, int64_t *out, struct err *e);
/* `4096 64k 10M 1G` (powers of 1024); 0 and up. */
int opt_size(const char *value, int64_t *out, struct err *e);

#endif

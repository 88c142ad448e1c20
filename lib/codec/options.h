/* The command line that the programs of a worker host share: -r DIR, -c FILE, -o KEY=VALUE, -n, --once; and the
 * configuration that it names. */
#ifndef PJ_CODEC_OPTIONS_H
#define PJ_CODEC_OPTIONS_H

#include <stdbool.h>

#include "base/err.h"
#include "codec/config.h"

#define OPTIONS_SET_MAX 128

struct options {
	const char *program;
	bool once;
	struct config_opts where;               /* points into this struct and argv: do not copy it */
	const char *set[OPTIONS_SET_MAX + 1];
	int n_set;
};

/* Parses argv and loads the configuration. -1: go on. Else main returns this: everything is said already (help, version,
 * the printed configuration of -n, an error). with_once: --once is known. */
int options_load(struct options *o, struct config *conf, int argc, char **argv, const char *program, const char *summary,
    const char *more, bool with_once);
/* The same for a program that knows more about its keys than config_load does. */
int options_load_checked(struct options *o, struct config *conf, int argc, char **argv, const char *program,
    const char *summary, const char *more, bool with_once, int (*check)(const struct config *conf, struct err *e));
/* For SIGHUP: loads again from the same places and takes the reloadable keys; logs what happened. -1: kept as it was. */
int options_reload(const struct options *o, struct config *conf);

#endif

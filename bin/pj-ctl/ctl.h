/* pj-ctl: what its files share. A command is `pj-ctl NOUN VERB`; nouns and verbs are tables (verb.h), a server is
 * talked to through call.h, everything that is read comes out through out.h. */
#ifndef PJ_CTL_CTL_H
#define PJ_CTL_CTL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "codec/config.h"

#define CTL_SET_MAX 64
#define CTL_PATH_MAX 4096

enum ctl_format { CTL_TABLE, CTL_JSON, CTL_TSV };

struct ctl {
	/* what the command line said; borrowed */
	struct config_opts opts;
	const char *set[CTL_SET_MAX + 1];
	int n_set;
	const char *server; /* URL; NULL: the Unix socket of a server on this machine */
	const char *app;    /* NULL: default */
	const char *password_file;
	enum ctl_format format;
	bool header;        /* --tsv: with a header line */
	const char *noun;   /* for messages */

	/* made at first use */
	bool have_conf, connected;
	struct config conf;
	char sock[LIMIT_SOCKET_PATH + 1];
	struct buf base;       /* http://host:port */
	struct buf password, app_header, token_header;
	char hint[CTL_PATH_MAX]; /* how this pj-ctl was told its server: "pj-ctl -r /srv/pj", for messages */
};

/* `ctl_app`: the app's name that was asked for. */
const char *ctl_app(const struct ctl *c);
/* Reads the configuration once: ERR_CONFIG. */
int ctl_config(struct ctl *c, struct err *e);
/* The beginning of a command that reaches the same server: for "try `HINT job ls`" in messages. */
const char *ctl_hint(struct ctl *c);
/* Path of the server's database, in path[size]. */
int ctl_database(struct ctl *c, char *path, size_t size, struct err *e);
/* `pj-ctl: message` on standard error; the exit code of e. */
int ctl_fail(const struct err *e);
/* A line for the person on standard error, `pj-ctl: ` in front. */
void ctl_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void ctl_fini(struct ctl *c);

#endif

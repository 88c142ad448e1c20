/* pj-ctl(1): the person's and the script's tool. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "complete.h"
#include "ctl.h"
#include "net/http_client.h"
#include "nouns.h"
#include "similar.h"
#include "verb.h"

enum {
	G_ROOT = VERB_GLOBAL,
	G_CONFIG,
	G_SET,
	G_SERVER,
	G_APP,
	G_PASSWORD,
	G_JSON,
	G_TSV,
	G_HEADER,
};

const struct opt verb_globals[VERB_GLOBALS + 1] = {
	{ G_ROOT, 'r', "root", "DIR", "the installation; else PJ_ROOT, else /etc/pj/pj.ini" },
	{ G_CONFIG, 'c', "config", "FILE", "read this pj.ini after the others" },
	{ G_SET, 'o', "set", "KEY=VALUE", "set one configuration key; may be repeated" },
	{ G_SERVER, 0, "server", "URL", "talk to the server at http://host:port, as an app" },
	{ G_APP, 'a', "app", "NAME", "the app whose jobs are meant (default: default)" },
	{ G_PASSWORD, 0, "password-file", "FILE", "the app's password for --server; else PJ_APP_PASSWORD" },
	{ G_JSON, 0, "json", NULL, "print the server's JSON" },
	{ G_TSV, 0, "tsv", NULL, "print tab-separated values" },
	{ G_HEADER, 0, "header", NULL, "with --tsv: a first line with the columns' names" },
	{ 0, 0, NULL, NULL, NULL },
};

const struct noun *const verb_nouns[] = {
	&cmd_app, &cmd_job, &cmd_instance, &cmd_worker, &cmd_server, &cmd_time, &cmd_simulate, &cmd_verify,
	&cmd_why, NULL,
};

int
verb_take_global(int id, const char *value, struct ctl *c, struct err *e)
{
	switch (id) {
	case G_ROOT:
		c->opts.root = value;
		return 0;
	case G_CONFIG:
		c->opts.file = value;
		return 0;
	case G_SET:
		if (c->n_set == CTL_SET_MAX)
			return err_set(e, ERR_USAGE, "more than %d of them", CTL_SET_MAX);
		c->set[c->n_set++] = value;
		return 0;
	case G_SERVER:
		c->server = value;
		return 0;
	case G_APP:
		if (value[0] == '\0' || strlen(value) > LIMIT_NAME)
			return err_set(e, ERR_USAGE, "an app's name has 1 to %d bytes", LIMIT_NAME);
		c->app = value;
		return 0;
	case G_PASSWORD:
		c->password_file = value;
		return 0;
	case G_JSON:
		c->format = CTL_JSON;
		return 0;
	case G_TSV:
		c->format = CTL_TSV;
		return 0;
	case G_HEADER:
		c->header = true;
		return 0;
	}
	abort(); /* an option of the table that is not here */
}

static int
take_global(int id, const char *value, void *arg, struct err *e)
{
	return verb_take_global(id, value, arg, e);
}

/* "  name      first line of the summary" */
static void
put_entry(struct buf *out, const char *name, const char *summary)
{
	buf_addf(out, "  %-10s %.*s\n", name, (int)strcspn(summary, "\n"), summary);
}

static void
unknown(const struct opt_cmd *cmd, const char *what, const struct similar *like)
{
	if (like->n > 0)
		opt_usage_error(cmd, "there is no %s `%.100s' (perhaps %s?)", what, like->wanted, like->name[0]);
	else
		opt_usage_error(cmd, "there is no %s `%.100s'", what, like->wanted);
}

static int
run_noun(const struct noun *n, struct ctl *c, struct opt_args *args)
{
	char name[64];
	struct opt hidden[sizeof verb_globals / sizeof verb_globals[0]];
	struct buf more = BUF_INIT;
	struct opt_cmd cmd = { .program = name, .usage = "VERB [options] ...", .summary = n->summary, .table = hidden };
	struct similar like;
	int rc;

	c->noun = n->name;
	if (n->verbs->name[0] == '\0') /* the noun is the command */
		return n->verbs->run(n->verbs, c, args);
	snprintf(name, sizeof name, "pj-ctl %s", n->name);
	for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
		hidden[i] = verb_globals[i];
		hidden[i].help = NULL;
	}
	buf_adds(&more, "Verbs (each has its --help):\n");
	for (const struct verb *v = n->verbs; v->name != NULL; v++)
		put_entry(&more, v->name, v->summary);
	buf_adds(&more, "\nAlso the options of pj-ctl --help. See pj-ctl(1).\n");
	cmd.more = buf_str(&more);
	rc = opt_parse(&cmd, args, take_global, c);
	if (rc == OPT_GO && args->argc == 0)
		rc = opt_usage_error(&cmd, "a verb is missing");
	if (rc == OPT_GO) {
		similar_init(&like, args->argv[0]);
		for (const struct verb *v = n->verbs; v->name != NULL; v++) {
			struct opt_args rest = { args->argc - 1, args->argv + 1, 0, false };

			if (strcmp(v->name, args->argv[0]) == 0) {
				buf_fini(&more);
				return v->run(v, c, &rest);
			}
			similar_offer(&like, v->name);
		}
		unknown(&cmd, "verb", &like);
		rc = err_exit_code(ERR_USAGE);
	}
	buf_fini(&more);
	return rc;
}

static int
no_noun(const struct opt_cmd *cmd)
{
	struct buf names = BUF_INIT;
	int rc;

	for (const struct noun *const *n = verb_nouns; *n != NULL; n++)
		buf_addf(&names, "%s%s", n == verb_nouns ? "" : n[1] != NULL ? ", " : " or ", (*n)->name);
	rc = opt_usage_error(cmd, "a noun is missing: %s", buf_str(&names));
	buf_fini(&names);
	return rc;
}

static int
run(struct ctl *c, struct opt_args *args)
{
	struct buf more = BUF_INIT;
	struct opt_cmd cmd = { .program = "pj-ctl", .usage = "[options] NOUN VERB [options] ...",
		.summary = "The tool for people and scripts: defines jobs, runs them, shows what became of them.",
		.table = verb_globals };
	struct similar like;
	int rc;

	buf_adds(&more, "Nouns (each has its --help):\n");
	for (const struct noun *const *n = verb_nouns; *n != NULL; n++)
		put_entry(&more, (*n)->name, (*n)->summary);
	buf_adds(&more, "\nExit codes: 0 done, 1 the answer is no or the job failed, 64 usage, 65 bad data,\n"
	    "66 no such thing, 69 no server, 77 not allowed, 78 configuration, 124 timed out;\n"
	    "job run --wait: the job's own. See pj-ctl(1).\n");
	cmd.more = buf_str(&more);
	rc = opt_parse(&cmd, args, take_global, c);
	if (rc == OPT_GO && args->argc == 0)
		rc = no_noun(&cmd);
	if (rc == OPT_GO) {
		similar_init(&like, args->argv[0]);
		for (const struct noun *const *n = verb_nouns; *n != NULL; n++) {
			struct opt_args rest = { args->argc - 1, args->argv + 1, 0, false };

			if (strcmp((*n)->name, args->argv[0]) == 0) {
				buf_fini(&more);
				return run_noun(*n, c, &rest);
			}
			similar_offer(&like, (*n)->name);
		}
		unknown(&cmd, "noun", &like);
		rc = err_exit_code(ERR_USAGE);
	}
	buf_fini(&more);
	return rc;
}

int
main(int argc, char **argv)
{
	struct ctl c;
	struct opt_args args = { argc - 1, argv + 1, 0, false };
	int code;

	memset(&c, 0, sizeof c);
	if (argc > 1 && strcmp(argv[1], "__complete") == 0)
		code = complete_print(&c, argc - 2, argv + 2);
	else
		code = run(&c, &args);
	http_fetch_close();
	ctl_fini(&c);
	/* What was printed must have arrived: a full disk is no success. */
	if ((fflush(stdout) != 0 || ferror(stdout)) && code == 0) {
		fprintf(stderr, "pj-ctl: cannot write to standard output\n");
		code = err_exit_code(ERR_IO);
	}
	return code;
}

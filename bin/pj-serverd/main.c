/* pj-serverd(8): decides what runs when and where, and remembers it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/opt.h"
#include "server.h"

#define SET_MAX 64

enum { OPT_ROOT, OPT_CONFIG, OPT_SET, OPT_PRINT };

static const struct opt options[] = {
	{ OPT_ROOT, 'r', "root", "DIR", "the installation: DIR/etc, DIR/state, DIR/run, DIR/log" },
	{ OPT_CONFIG, 'c', "config", "FILE", "read this pj.ini after the others" },
	{ OPT_SET, 'o', "set", "KEY=VALUE", "set one configuration key; may be repeated" },
	{ OPT_PRINT, 'n', "print-config", NULL, "check the configuration, print it and end" },
	{ 0, 0, NULL, NULL, NULL },
};

static const struct opt_cmd command = {
	.program = "pj-serverd",
	.usage = "[-n] [-r DIR] [-c FILE] [-o KEY=VALUE]...",
	.summary = "The scheduler: decides what runs when and where, and remembers it.\n"
	    "Runs in the foreground; SIGHUP reads the configuration again, SIGTERM ends it.",
	.table = options,
	.more = "\nExit codes: 0 ended as asked, 64 usage, 71 the system refused, 74 the database,\n"
	    "75 another pj-serverd runs on this root, or a port is in use, 78 the configuration.\n"
	    "See pj-serverd(8), pj.ini(5).\n",
};

struct line { /* what the command line said */
	struct config_opts conf;
	const char *set[SET_MAX + 1];
	int n_set;
	bool print;
};

static int
take_option(int id, const char *value, void *arg, struct err *e)
{
	struct line *l = arg;

	switch (id) {
	case OPT_ROOT:
		l->conf.root = value;
		return 0;
	case OPT_CONFIG:
		l->conf.file = value;
		return 0;
	case OPT_SET:
		if (l->n_set == SET_MAX)
			return err_set(e, ERR_USAGE, "more than %d -o options", SET_MAX);
		l->set[l->n_set++] = value;
		return 0;
	case OPT_PRINT:
		l->print = true;
		return 0;
	}
	abort(); /* an option of the table that is not here */
}

static int
complain(const struct err *e)
{
	fprintf(stderr, "pj-serverd: %s\n", e->msg);
	return err_exit_code(e->code);
}

static int
print_config(const struct config_opts *opts)
{
	struct config c;
	struct buf out = BUF_INIT;
	struct err e = ERR_INIT;

	if (config_load(&c, opts, &e) != 0)
		return complain(&e);
	config_print(&c, false, &out);
	config_fini(&c);
	if (!buf_ok(&out) || fwrite(out.data, 1, out.len, stdout) != out.len || fflush(stdout) != 0) {
		buf_fini(&out);
		err_set(&e, ERR_IO, "cannot write the configuration to standard output");
		return complain(&e);
	}
	buf_fini(&out);
	return 0;
}

int
main(int argc, char **argv)
{
	static struct server server;
	struct line l = { .conf = { NULL, NULL, NULL }, .n_set = 0 };
	struct opt_args args = { argc - 1, argv + 1, 0, false };
	struct err e = ERR_INIT;
	int code = opt_parse(&command, &args, take_option, &l);

	if (code != OPT_GO)
		return code;
	if (args.argc > 0)
		return opt_usage_error(&command, "takes no operands, but got %s", args.argv[0]);
	l.set[l.n_set] = NULL;
	l.conf.set = l.set;
	if (l.print)
		return print_config(&l.conf);
	log_init("pj-serverd", LOG_INFO_);
	signal(SIGPIPE, SIG_IGN);
	if (server_open(&server, &l.conf, &e) != 0)
		return complain(&e);
	code = server_run(&server, &e) == 0 ? 0 : complain(&e);
	if (server_close(&server, &e) != 0 && code == 0)
		code = complain(&e);
	return code;
}

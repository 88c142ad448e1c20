#include "codec/options.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/opt.h"

struct parse {
	struct options *o;
	bool print;
};

static const struct opt plain_table[] = {
	{ 'r', 'r', "root", "DIR", "the installation's directory (also PJ_ROOT)" },
	{ 'c', 'c', "config", "FILE", "one more configuration file (also PJ_CONFIG)" },
	{ 'o', 'o', "set", "KEY=VALUE", "one configuration key; may come several times" },
	{ 'n', 'n', "print-config", NULL, "print the configuration and exit" },
	{ 0, 0, NULL, NULL, NULL },
};
static const struct opt once_table[] = {
	{ 'r', 'r', "root", "DIR", "the installation's directory (also PJ_ROOT)" },
	{ 'c', 'c', "config", "FILE", "one more configuration file (also PJ_CONFIG)" },
	{ 'o', 'o', "set", "KEY=VALUE", "one configuration key; may come several times" },
	{ 'n', 'n', "print-config", NULL, "print the configuration and exit" },
	{ '1', 0, "once", NULL, "do the work once and exit (for cron)" },
	{ 0, 0, NULL, NULL, NULL },
};

static int
take(int id, const char *value, void *arg, struct err *e)
{
	struct parse *p = arg;

	if (id == 'r') {
		p->o->where.root = value;
	} else if (id == 'c') {
		p->o->where.file = value;
	} else if (id == 'o') {
		if (p->o->n_set == OPTIONS_SET_MAX)
			return err_set(e, ERR_USAGE, "more than %d times -o", OPTIONS_SET_MAX);
		p->o->set[p->o->n_set++] = value;
	} else if (id == 'n') {
		p->print = true;
	} else if (id == '1') {
		p->o->once = true;
	}
	return 0;
}

static int
print(const struct config *conf)
{
	struct buf b = BUF_INIT;
	int rc;

	config_print(conf, false, &b);
	rc = buf_ok(&b) && fwrite(buf_str(&b), 1, b.len, stdout) == b.len && fflush(stdout) == 0 ? 0 : 74;
	buf_fini(&b);
	return rc;
}

int
options_load(struct options *o, struct config *conf, int argc, char **argv, const char *program, const char *summary,
    const char *more, bool with_once)
{
	return options_load_checked(o, conf, argc, argv, program, summary, more, with_once, NULL);
}

int
options_load_checked(struct options *o, struct config *conf, int argc, char **argv, const char *program,
    const char *summary, const char *more, bool with_once, int (*check)(const struct config *conf, struct err *e))
{
	struct opt_cmd cmd = { program, "[options]", summary, with_once ? once_table : plain_table, more, false };
	struct opt_args args = { argc > 0 ? argc - 1 : 0, argv + (argc > 0), 0, false };
	struct parse p = { o, false };
	struct err e = ERR_INIT;
	int rc;

	memset(o, 0, sizeof *o);
	o->program = program;
	o->where.set = o->set;
	if ((rc = opt_parse(&cmd, &args, take, &p)) != OPT_GO)
		return rc;
	if (args.argc > 0)
		return opt_usage_error(&cmd, "unexpected word: %.100s", args.argv[0]);
	rc = config_load(conf, &o->where, &e);
	if (rc == 0 && check != NULL && (rc = check(conf, &e)) != 0)
		config_fini(conf);
	if (rc != 0) {
		fprintf(stderr, "%s: %s\n", program, e.msg);
		return err_exit_code(e.code);
	}
	if (p.print) {
		rc = print(conf);
		config_fini(conf);
		return rc;
	}
	return -1;
}

int
options_reload(const struct options *o, struct config *conf)
{
	struct buf ignored = BUF_INIT;
	struct err e = ERR_INIT;
	enum log_level level;
	struct config fresh;

	if (config_load(&fresh, &o->where, &e) < 0) {
		log_error("reload_failed", "kept=old error=%s", log_q(e.msg));
		return -1;
	}
	config_reload(conf, &fresh, &ignored);
	config_fini(&fresh);
	if (log_level_from_name(conf->log.level, &level) == 0)
		log_set_level(level);
	if (ignored.len > 0)
		log_warn("reloaded", "needs_restart=%s", log_q(buf_str(&ignored)));
	else
		log_info("reloaded", "keys=all");
	buf_fini(&ignored);
	return 0;
}

#include "verb.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define OPTIONS_MAX 96

struct taker {
	struct ctl *c;
	opt_fn own;
	void *state;
};

static int
take(int id, const char *value, void *arg, struct err *e)
{
	struct taker *t = arg;

	if (id >= VERB_GLOBAL)
		return verb_take_global(id, value, t->c, e);
	return t->own(id, value, t->state, e);
}

/* The verb's options, then the global ones, which its help does not list again. */
static void
join_options(const struct verb *v, struct opt *table)
{
	size_t n = 0;

	for (const struct opt *o = v->options; o != NULL && (o->letter != 0 || o->name != NULL); o++)
		table[n++] = *o;
	for (const struct opt *o = verb_globals; (o->letter != 0 || o->name != NULL) && n < OPTIONS_MAX - 1; o++) {
		table[n] = *o;
		table[n++].help = NULL;
	}
	memset(&table[n], 0, sizeof table[n]);
}

static void
name_of(const struct verb *v, const struct ctl *c, char *name, size_t size)
{
	snprintf(name, size, "pj-ctl %s%s%s", c->noun, v->name[0] != '\0' ? " " : "", v->name);
}

static int
count_operands(const struct opt_cmd *cmd, const struct verb *v, const struct opt_args *args)
{
	int n = v->command ? args->before : args->argc;

	if (n < v->least)
		return opt_usage_error(cmd, "an operand is missing: %s %.*s", v->name, (int)strcspn(v->usage, "\n"),
		    v->usage);
	if (v->most != VERB_ANY && n > v->most) {
		if (v->command && !args->ended)
			return opt_usage_error(cmd, "`%.200s' is too much; the command goes behind --: %s %.*s",
			    args->argv[v->most], v->name, (int)strcspn(v->usage, "\n"), v->usage);
		return opt_usage_error(cmd, "`%.200s' is too much: %s%s%.*s", args->argv[v->most], v->name,
		    v->name[0] != '\0' ? " " : "", (int)strcspn(v->usage, "\n"), v->usage);
	}
	return OPT_GO;
}

int
verb_parse(const struct verb *v, struct ctl *c, struct opt_args *args, opt_fn own, void *state)
{
	struct opt table[OPTIONS_MAX];
	char name[128];
	struct taker t = { c, own, state };
	struct buf more = BUF_INIT;
	struct opt_cmd cmd = { .program = name, .usage = v->usage, .summary = v->summary, .table = table,
	    .mixed = true };
	int rc;

	name_of(v, c, name, sizeof name);
	join_options(v, table);
	buf_addf(&more, "%s%sAlso the options of pj-ctl --help. See pj-ctl(1).\n", v->more != NULL ? v->more : "",
	    v->more != NULL ? "\n" : "");
	cmd.more = buf_str(&more);
	rc = opt_parse(&cmd, args, take, &t);
	if (rc == OPT_GO)
		rc = count_operands(&cmd, v, args);
	buf_fini(&more);
	return rc;
}

int
verb_usage_error(const struct verb *v, const struct ctl *c, const char *fmt, ...)
{
	char name[128], msg[ERR_MSG_SIZE];
	struct opt_cmd cmd = { .program = name, .usage = v->usage, .summary = v->summary };
	va_list ap;

	name_of(v, c, name, sizeof name);
	va_start(ap, fmt);
	vsnprintf(msg, sizeof msg, fmt, ap);
	va_end(ap);
	return opt_usage_error(&cmd, "%s", msg);
}

int
verb_each(struct ctl *c, const struct opt_args *args, int (*one)(struct ctl *c, const char *path, const char *operand),
    const char *path)
{
	int code = 0;

	for (int i = 0; i < args->argc; i++) {
		int rc = one(c, path, args->argv[i]);

		code = code == 0 ? rc : code;
	}
	return code;
}

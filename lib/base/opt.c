#include "base/opt.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define ID_HELP (-1001)
#define ID_VERSION (-1002)
#define HELP_COLUMN 26

static const struct opt common[] = {
	{ ID_HELP, 'h', "help", NULL, "show this text" },
	{ ID_VERSION, 0, "version", NULL, "show the version" },
	{ 0, 0, NULL, NULL, NULL },
};
static const struct opt none[] = { { 0, 0, NULL, NULL, NULL } };

static bool
is_end(const struct opt *o)
{
	return o->letter == 0 && o->name == NULL;
}

static const struct opt *
table_of(const struct opt_cmd *cmd)
{
	return cmd->table != NULL ? cmd->table : none;
}

static const struct opt *
find_letter(const struct opt_cmd *cmd, char letter)
{
	for (const struct opt *o = table_of(cmd); !is_end(o); o++)
		if (o->letter == letter)
			return o;
	for (const struct opt *o = common; !is_end(o); o++)
		if (o->letter == letter)
			return o;
	return NULL;
}

static const struct opt *
find_name(const struct opt_cmd *cmd, const char *name, size_t len)
{
	const struct opt *tables[] = { table_of(cmd), common };

	for (size_t t = 0; t < 2; t++)
		for (const struct opt *o = tables[t]; !is_end(o); o++)
			if (o->name != NULL && strlen(o->name) == len && memcmp(o->name, name, len) == 0)
				return o;
	return NULL;
}

static void
put_option(const struct opt *o, FILE *to)
{
	char left[128];
	int n;

	if (o->help == NULL)
		return;
	n = snprintf(left, sizeof left, "  %c%c%s%s%s%s", o->letter != 0 ? '-' : ' ',
	    o->letter != 0 ? o->letter : ' ',
	    o->name == NULL ? "" : o->letter != 0 ? ", --" : "  --", o->name != NULL ? o->name : "",
	    o->arg != NULL ? " " : "", o->arg != NULL ? o->arg : "");
	if (n >= HELP_COLUMN - 1)
		fprintf(to, "%s\n%*s%s\n", left, HELP_COLUMN, "", o->help);
	else
		fprintf(to, "%-*s%s\n", HELP_COLUMN, left, o->help);
}

static void
put_usage(const struct opt_cmd *cmd, FILE *to)
{
	const char *line = cmd->usage;
	const char *lead = "usage:";

	for (;;) {
		size_t n = strcspn(line, "\n");

		fprintf(to, "%s %s%s%.*s\n", lead, cmd->program, n > 0 ? " " : "", (int)n, line);
		if (line[n] == '\0')
			return;
		line += n + 1;
		lead = "      ";
	}
}

void
opt_help(const struct opt_cmd *cmd, FILE *to)
{
	put_usage(cmd, to);
	fprintf(to, "%s\n\n", cmd->summary);
	for (const struct opt *o = table_of(cmd); !is_end(o); o++)
		put_option(o, to);
	for (const struct opt *o = common; !is_end(o); o++)
		if (find_name(cmd, o->name, strlen(o->name)) == o)
			put_option(o, to);
	if (cmd->more != NULL)
		fprintf(to, "\n%s", cmd->more);
}

int
opt_usage_error(const struct opt_cmd *cmd, const char *fmt, ...)
{
	char msg[ERR_MSG_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof msg, fmt, ap);
	va_end(ap);
	fprintf(stderr, "%s: %s; see %s --help\n", cmd->program, msg, cmd->program);
	return err_exit_code(ERR_USAGE);
}

/* What was printed must have arrived: `pj-run --help >/dev/full` is no success. */
static int
flushed(void)
{
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : err_exit_code(ERR_IO);
}

static int
call(const struct opt_cmd *cmd, const struct opt *o, const char *value, opt_fn fn, void *arg)
{
	struct err e = ERR_INIT;

	if (o->id == ID_HELP) {
		opt_help(cmd, stdout);
		return flushed();
	}
	if (o->id == ID_VERSION) {
		printf("%.*s %s\n", (int)strcspn(cmd->program, " "), cmd->program, PJ_VERSION);
		return flushed();
	}
	if (fn(o->id, value, arg, &e) == 0)
		return OPT_GO;
	if (o->name != NULL)
		err_prefix(&e, "--%s", o->name);
	else
		err_prefix(&e, "-%c", o->letter);
	if (e.code == ERR_USAGE)
		return opt_usage_error(cmd, "%s", e.msg);
	fprintf(stderr, "%s: %s\n", cmd->program, e.msg);
	return err_exit_code(e.code);
}

/* The word at argv[*i] is a long option; moves *i on when the value is a word of its own. */
static int
parse_long(const struct opt_cmd *cmd, const struct opt_args *args, int *i, opt_fn fn, void *arg)
{
	const char *name = args->argv[*i] + 2;
	size_t len = strcspn(name, "=");
	const char *value = name[len] == '=' ? name + len + 1 : NULL;
	const struct opt *o = find_name(cmd, name, len);

	if (o == NULL)
		return opt_usage_error(cmd, "unknown option --%.*s", (int)len, name);
	if (o->arg == NULL && value != NULL)
		return opt_usage_error(cmd, "option --%s takes no value", o->name);
	if (o->arg != NULL && value == NULL) {
		if (*i + 1 >= args->argc)
			return opt_usage_error(cmd, "option --%s needs a value: %s", o->name, o->arg);
		value = args->argv[++*i];
	}
	return call(cmd, o, value, fn, arg);
}

/* The word at argv[*i] is one or several short options. */
static int
parse_short(const struct opt_cmd *cmd, const struct opt_args *args, int *i, opt_fn fn, void *arg)
{
	const char *p = args->argv[*i] + 1;
	int rc = OPT_GO;

	for (; *p != '\0' && rc == OPT_GO; p++) {
		const struct opt *o = find_letter(cmd, *p);
		const char *value = NULL;

		if (o == NULL)
			return opt_usage_error(cmd, "unknown option -%c", *p);
		if (o->arg != NULL && p[1] != '\0')
			value = p + 1;
		else if (o->arg != NULL && *i + 1 >= args->argc)
			return opt_usage_error(cmd, "option -%c needs a value: %s", *p, o->arg);
		else if (o->arg != NULL)
			value = args->argv[++*i];
		rc = call(cmd, o, value, fn, arg);
		if (o->arg != NULL)
			break;
	}
	return rc;
}

int
opt_parse(const struct opt_cmd *cmd, struct opt_args *args, opt_fn fn, void *arg)
{
	int kept = 0, i = 0, rc = OPT_GO, words;

	args->ended = false;
	for (; i < args->argc && rc == OPT_GO; i++) {
		char *word = args->argv[i];

		if (strcmp(word, "--") == 0) {
			args->ended = true;
			i++;
			break;
		}
		if (word[0] != '-' || word[1] == '\0') {
			if (!cmd->mixed)
				break;
			args->argv[kept++] = word;
		} else if (word[1] == '-') {
			rc = parse_long(cmd, args, &i, fn, arg);
		} else {
			rc = parse_short(cmd, args, &i, fn, arg);
		}
	}
	words = args->argc;
	args->before = kept;
	while (i < args->argc)
		args->argv[kept++] = args->argv[i++];
	args->argc = kept;
	if (kept < words)
		args->argv[kept] = NULL;
	if (!args->ended)
		args->before = kept;
	return rc;
}

int
opt_i64(const char *value, int64_t least, int64_t most, int64_t *out, struct err *e)
{
	long long n;
	char *end;

	errno = 0;
	n = strtoll(value, &end, 10);
	if (end == value || *end != '\0' || isspace((unsigned char)value[0]))
		return err_set(e, ERR_USAGE, "`%.100s' is not a number", value);
	if (errno == ERANGE || n < least || n > most)
		return err_set(e, ERR_USAGE, "%.100s is not between %lld and %lld", value, (long long)least,
		    (long long)most);
	*out = n;
	return 0;
}

/* Digits, perhaps a fraction, at *p; -1 where there is no number or it is too large. */
static int
scan_number(const char **p, double *out)
{
	char *end;

	if (!isdigit((unsigned char)**p))
		return -1;
	*out = 0;
	for (; isdigit((unsigned char)**p); ++*p)
		*out = *out * 10 + (**p - '0');
	if (**p == '.' && isdigit((unsigned char)(*p)[1])) {
		double part = strtod(*p, &end);

		*out += part;
		*p = end;
	}
	return *out < 9e15 ? 0 : -1;
}

static const struct {
	const char *name;
	double ms;
} time_units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 } };

/* The unit at *p in ms, 0 where there is none of ours; a number alone, as the whole value, is seconds. */
static double
scan_time_unit(const char **p, bool alone)
{
	size_t len = strspn(*p, "abcdefghijklmnopqrstuvwxyz");

	for (size_t u = 0; u < sizeof time_units / sizeof time_units[0]; u++)
		if (strlen(time_units[u].name) == len && memcmp(time_units[u].name, *p, len) == 0) {
			*p += len;
			return time_units[u].ms;
		}
	return alone && **p == '\0' ? 1000 : 0;
}

int
opt_duration_ms(const char *value, int64_t *out, struct err *e)
{
	const char *p = value;
	double total = 0, n, unit;
	bool alone = true;

	do {
		if (scan_number(&p, &n) < 0 || (unit = scan_time_unit(&p, alone)) == 0 || (total += n * unit) > 9e15)
			return err_set(e, ERR_USAGE, "`%.100s' is no duration; write 500ms, 30s, 5m, 2h, 1d or 1h30m",
			    value);
		alone = false;
	} while (*p != '\0');
	*out = (int64_t)(total + 0.5);
	return 0;
}

int
opt_size(const char *value, int64_t *out, struct err *e)
{
	static const char units[] = "kmgt";
	const char *p = value, *u = NULL;
	double n = 0;
	bool good = scan_number(&p, &n) == 0;

	if (good && *p != '\0') {
		u = strchr(units, tolower((unsigned char)*p++));
		good = u != NULL && *p == '\0';
	}
	for (; good && u != NULL && u >= units; u--)
		n *= 1024;
	if (!good || n > 9e15)
		return err_set(e, ERR_USAGE, "`%.100s' is no size in bytes; write 4096, 64k, 10M or 1G", value);
	*out = (int64_t)n;
	return 0;
}

/* pj-run: runs one attempt of one instance; and, inside a job, its programs' way to say something back. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/opt.h"
#include "base/proc.h"
#include "helper.h"
#include "runner.h"
#include "spawner.h"

#define EXIT_CODES                                                                                      \
	"exit codes:\n"                                                                                 \
	"  0 done   64 called wrongly, or outside a job   65 refused, or a damaged slot\n"              \
	"  69 no pj-run answers   71 system error   74 a file cannot be written   75 the slot is in use\n" \
	"  124 timed out   126 cannot be run   127 not found   128+n ended by signal n\n"               \
	"  else, of exec, the job's own code\n"

/* --- exec ----------------------------------------------------------------------------------------------------- */

enum { OPT_LIMIT = 1, OPT_GRACE, OPT_SLOT, OPT_SPOOL, OPT_CWD, OPT_ENV, OPT_LOG_MAX, OPT_FD };

static const struct opt exec_table[] = {
	{ OPT_LIMIT, 't', "timeout", "LIMIT", "end it after this time: 500ms 30s 5m 2h" },
	{ OPT_GRACE, 'g', "grace", "GRACE", "between TERM and KILL, when it is ended (5s)" },
	{ OPT_CWD, 0, "cwd", "DIR", "run it in this directory" },
	{ OPT_ENV, 'e', "env", "K=V", "one more variable; may be given again" },
	{ OPT_SPOOL, 0, "spool", "FILE", "append its output to FILE with time and level, see pj-spool(5)" },
	{ OPT_LOG_MAX, 0, "log-max", "SIZE", "drop output that would make FILE longer: 64k 10M" },
	{ OPT_SLOT, 0, "slot", "FILE", "keep identity and result in FILE, see pj-slot(5)" },
	{ 0, 0, NULL, NULL, NULL },
};
static const struct opt_cmd exec_cmd = {
	.program = "pj-run exec",
	.usage = "[options] -- COMMAND ARG...",
	.summary = "Run a command as a job is run: in a session of its own, with a time limit, and with nothing of it\n"
	           "left when it has ended. Exits with its code.",
	.table = exec_table,
	.more = EXIT_CODES,
};

static int
set_env(struct spec *s, const char *entry, struct err *e)
{
	char *copy;

	if (strchr(entry, '=') == NULL || entry[0] == '=')
		return err_set(e, ERR_USAGE, "`%.100s' is not of the form NAME=VALUE", entry);
	copy = strdup(entry);
	if (copy == NULL || putenv(copy) != 0)
		return err_set(e, ERR_NOMEM, "out of memory");
	return 0;
}

static int
exec_option(int id, const char *value, void *arg, struct err *e)
{
	struct spec *s = arg;

	switch (id) {
	case OPT_LIMIT:
		return opt_duration_ms(value, &s->timeout_ms, e);
	case OPT_GRACE:
		return opt_duration_ms(value, &s->grace_ms, e);
	case OPT_SLOT:
		s->slot = value;
		return 0;
	case OPT_SPOOL:
		s->spool = value;
		return 0;
	case OPT_CWD:
		s->cwd = value;
		return 0;
	case OPT_ENV:
		return set_env(s, value, e);
	case OPT_LOG_MAX:
		return opt_size(value, &s->log_max, e);
	}
	return err_set(e, ERR_INTERNAL, "option without a meaning");
}

/* Our environment, without a PJ_SOCKET that is not this job's, and with a place for the one that is. */
static char **
copy_environ(void)
{
	size_t n = 0, kept = 0;
	char **list;

	while (environ[n] != NULL)
		n++;
	list = calloc(n + 2, sizeof *list);
	for (size_t i = 0; list != NULL && i < n; i++)
		if (strncmp(environ[i], "PJ_SOCKET=", 10) != 0)
			list[kept++] = environ[i];
	return list;
}

/* Descriptors 0 to 2 exist, whatever the caller closed, so that none of ours takes their place. */
static int
open_null(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

static int
main_exec(int argc, char **argv)
{
	struct spec spec = { .by_hand = true, .grace_ms = SPEC_GRACE_MS };
	struct opt_args args = { .argc = argc, .argv = argv };
	int rc = opt_parse(&exec_cmd, &args, exec_option, &spec);
	int null_fd;

	if (rc != OPT_GO)
		return rc;
	if (args.argc == 0)
		return opt_usage_error(&exec_cmd, "COMMAND is missing");
	spec.argv = args.argv;
	spec.envp = copy_environ();
	null_fd = open_null();
	if (spec.envp == NULL || null_fd < 0) {
		perror("pj-run: cannot prepare");
		return err_exit_code(ERR_OS);
	}
	proc_close_fds(STDERR_FILENO + 1, &null_fd, 1);
	rc = runner_main(&spec, null_fd);
	free(spec.envp);
	return rc;
}

/* --- spawner -------------------------------------------------------------------------------------------------- */

static const struct opt spawner_table[] = {
	{ OPT_FD, 0, "fd", "N", "the socket to the supervisor" },
	{ 0, 0, NULL, NULL, NULL },
};
static const struct opt_cmd spawner_cmd = {
	.program = "pj-run spawner",
	.usage = "--fd N",
	.summary = "Fork a run for every message on a socket. Started by pj-workerd; not for people.",
	.table = spawner_table,
};

static struct {
	char *at;
	size_t len;
} title; /* the bytes that ps shows: our arguments, and the environment that stands behind them */

#define TITLE_MAX 128

static void
find_title(int argc, char **argv)
{
	char *end = argv[0];

	for (int i = 0; i < argc && argv[i] == end; i++)
		end += strlen(end) + 1;
	for (char **v = environ; *v != NULL && *v == end; v++)
		end += strlen(end) + 1;
	title.at = argv[0];
	title.len = (size_t)(end - argv[0]) < TITLE_MAX ? (size_t)(end - argv[0]) : TITLE_MAX;
}

static int
spawner_option(int id, const char *value, void *arg, struct err *e)
{
	return opt_i64(value, 0, 1 << 20, arg, e);
}

static int
main_spawner(int argc, char **argv)
{
	struct opt_args args = { .argc = argc, .argv = argv };
	int64_t fd = -1;
	int rc = opt_parse(&spawner_cmd, &args, spawner_option, &fd);

	if (rc != OPT_GO)
		return rc;
	if (fd < 0 || args.argc > 0)
		return opt_usage_error(&spawner_cmd, "write --fd and the number of a socket");
	if (fcntl((int)fd, F_GETFD) < 0)
		return opt_usage_error(&spawner_cmd, "descriptor %d is not open", (int)fd);
	return spawner_main((int)fd, title.at, title.len);
}

/* --- modes ---------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	int (*fn)(int argc, char **argv);
} modes[] = {
	{ "exec", main_exec },
	{ "result", helper_result },
	{ "log", helper_log },
	{ "context", helper_context },
	{ "spawner", main_spawner },
};

static const struct opt_cmd top_cmd = {
	.program = "pj-run",
	.usage = "exec [options] -- COMMAND ARG...\nresult [TEXT | -]\nlog LEVEL [TEXT... | -]\ncontext set KEY VALUE\n"
	         "spawner --fd N",
	.summary = "Run one attempt of a job; inside a job, tell it something.",
	.more = "modes (`pj-run MODE --help' says more):\n"
	        "  exec      run a command as a job is run\n"
	        "  result    set the result of the instance this runs in\n"
	        "  log       write to its log\n"
	        "  context   set a value in its workflow context\n"
	        "  spawner   fork runs for pj-workerd\n\n" EXIT_CODES,
};

static int
no_option(int id, const char *value, void *arg, struct err *e)
{
	return err_set(e, ERR_INTERNAL, "option without a meaning");
}

int
main(int argc, char **argv)
{
	struct opt_args args = { .argc = argc > 0 ? argc - 1 : 0, .argv = argv + 1 };
	int rc;

	log_init("pj-run", LOG_INFO_);
	if (argc > 0)
		find_title(argc, argv);
	rc = opt_parse(&top_cmd, &args, no_option, NULL);
	if (rc != OPT_GO)
		return rc;
	if (args.argc == 0)
		return opt_usage_error(&top_cmd, "what to do is missing: exec, result, log or context");
	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
		if (strcmp(modes[i].name, args.argv[0]) == 0)
			return modes[i].fn(args.argc - 1, args.argv + 1);
	return opt_usage_error(&top_cmd, "unknown mode `%s'", args.argv[0]);
}

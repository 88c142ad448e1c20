/* What this worker starts at all, and with which command line. */
#include "worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "codec/json.h"

#define ARG_MAX_BYTES 131071 /* of one argument: the kernel's MAX_ARG_STRLEN less its NUL */

void
command_fini(struct command *c)
{
	for (int i = 0; i < c->argc; i++)
		free(c->argv[i]);
	free(c->argv);
	*c = (struct command){ NULL, 0 };
}

static int
add_arg(struct command *c, const char *text, struct err *e)
{
	char **more;

	if (strlen(text) > ARG_MAX_BYTES)
		return err_set(e, ERR_TOOBIG, "an argument is %zu bytes long, the system allows %d", strlen(text),
		    ARG_MAX_BYTES);
	more = realloc(c->argv, ((size_t)c->argc + 2) * sizeof *more);
	if (more == NULL)
		return err_set(e, ERR_NOMEM, "out of memory");
	c->argv = more;
	c->argv[c->argc] = strdup(text);
	if (c->argv[c->argc] == NULL)
		return err_set(e, ERR_NOMEM, "out of memory");
	c->argv[++c->argc] = NULL;
	return 0;
}

/* jobParams: a JSON array of strings. */
static int
exec_command(const struct config *conf, const struct run_request *r, struct command *out, struct err *e)
{
	const char *params = r->job_params != NULL ? r->job_params : "";
	struct err why = ERR_INIT;
	struct json_t *doc = js_parse(params, strlen(params), &why);
	int rc = 0;

	(void)conf;
	if (doc == NULL || !js_is_array(doc) || js_len(doc) == 0) {
		rc = err_set(e, ERR_DATA, "an exec job's params must be a JSON array of strings, program first%s%.200s",
		    doc == NULL ? ": " : "", why.msg);
		goto out;
	}
	for (size_t i = 0; rc == 0 && i < js_len(doc); i++) {
		const char *text = js_text(js_at(doc, i));

		if (text == NULL || (i == 0 && text[0] == '\0'))
			rc = err_set(e, ERR_DATA, "element %zu of an exec job's params is %s", i,
			    text == NULL ? "no string" : "empty: it is the program");
		else
			rc = add_arg(out, text, e);
	}
out:
	if (doc != NULL)
		js_free(doc);
	return rc;
}

static int
shell_command(const struct config *conf, const struct run_request *r, struct command *out, struct err *e)
{
	(void)conf;
	if (r->job_params == NULL || r->job_params[0] == '\0')
		return err_set(e, ERR_DATA, "a shell job's params are its script, and there are none");
	if (add_arg(out, "/bin/sh", e) < 0 || add_arg(out, "-c", e) < 0 || add_arg(out, r->job_params, e) < 0)
		return -1;
	return 0;
}

static bool
is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static int
file_command(const struct config *conf, const struct run_request *r, struct command *out, struct err *e)
{
	const char *name = r->processor_info != NULL ? r->processor_info : "";
	char path[PATH_MAX];

	if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL)
		return err_set(e, ERR_DATA, "processor \"%.200s\": it is exec, shell, or the name of a file in the directories of "
		    "worker.processors", name);
	for (int i = 0; i < conf->worker.processors.n; i++) {
		if (file_path(path, sizeof path, e, "%s/%s", conf->worker.processors.item[i], name) < 0)
			return -1;
		if (!is_program(path))
			continue;
		if (add_arg(out, path, e) < 0)
			return -1;
		return r->job_params != NULL && r->job_params[0] != '\0' ? add_arg(out, r->job_params, e) : 0;
	}
	return err_set(e, ERR_NOTFOUND, "processor \"%.200s\" is no executable file in the directories of worker.processors (%d "
	    "of them)", name, conf->worker.processors.n);
}

static const struct kind {
	const char *word; /* in worker.allow; also the processorInfo, but for files */
	int (*command)(const struct config *conf, const struct run_request *r, struct command *out, struct err *e);
} kinds[] = {
	{ "exec", exec_command },
	{ "shell", shell_command },
	{ "file", file_command },
};
#define KINDS (sizeof kinds / sizeof kinds[0])

static const struct kind *
kind_of(const struct run_request *r)
{
	for (size_t i = 0; i + 1 < KINDS; i++)
		if (r->processor_info != NULL && strcmp(r->processor_info, kinds[i].word) == 0)
			return &kinds[i];
	return &kinds[KINDS - 1];
}

/* An item of worker.allow: does it say this program? "/opt/jobs/" is all below; who leaves by ".." is not below. */
static bool
path_allows(const char *item, const char *program)
{
	size_t n = strlen(item);

	if (item[0] != '/' || strstr(program, "/../") != NULL)
		return false;
	return item[n - 1] == '/' ? strncmp(program, item, n) == 0 && program[n] != '\0' : strcmp(program, item) == 0;
}

int
policy_check_config(const struct config *conf, struct err *e)
{
	for (int i = 0; i < conf->worker.allow.n; i++) {
		const char *item = conf->worker.allow.item[i];
		bool known = item[0] == '/';

		for (size_t k = 0; k < KINDS; k++)
			known = known || strcmp(item, kinds[k].word) == 0;
		if (!known)
			return err_set(e, ERR_CONFIG, "worker.allow: \"%.100s\" is no kind of job (exec, shell, file), and no "
			    "absolute path of programs", item);
	}
	return 0;
}

static bool
is_allowed(const struct config *conf, const struct kind *k, const struct command *c)
{
	for (int i = 0; i < conf->worker.allow.n; i++) {
		const char *item = conf->worker.allow.item[i];

		if (strcmp(item, k->word) == 0 || (k->command == exec_command && path_allows(item, c->argv[0])))
			return true;
	}
	return false;
}

int
policy_command(const struct config *conf, const struct run_request *r, struct command *out, struct err *e)
{
	const struct kind *k = kind_of(r);

	*out = (struct command){ NULL, 0 };
	if (strcmp(r->execute_type, "STANDALONE") != 0)
		return err_set(e, ERR_DATA, "execute type %s: this worker runs STANDALONE jobs", r->execute_type);
	if (strcmp(r->time_type, "FIXED_RATE") == 0 || strcmp(r->time_type, "FIXED_DELAY") == 0)
		return err_set(e, ERR_DATA, "time expression type %s: this worker does not repeat instances by itself",
		    r->time_type);
	if (strcmp(r->processor_type, "BUILT_IN") != 0)
		return err_set(e, ERR_DATA, "processor type %s: this worker runs BUILT_IN processors", r->processor_type);
	if (k->command(conf, r, out, e) == 0) {
		if (is_allowed(conf, k, out))
			return 0;
		err_set(e, ERR_FORBIDDEN, "this worker does not start %s jobs%s%.200s: see worker.allow in its pj.ini", k->word,
		    k->command == exec_command ? " of " : "", k->command == exec_command ? out->argv[0] : "");
	}
	command_fini(out);
	return -1;
}

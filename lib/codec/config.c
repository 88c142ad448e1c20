#include "codec/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "codec/config_source.h"

#define SYSTEM_FILE "/etc/pj/pj.ini"

enum { FROM_SYSTEM, FROM_ROOT, FROM_ENV, FROM_FILE, FROM_OPTIONS, SOURCES }; /* later wins */

static const char *
env(const char *name)
{
	const char *v = getenv(name);

	return v != NULL && v[0] != '\0' ? v : NULL;
}

/* An absolute path without "." parts, doubled slashes and a slash at the end: /srv/pj/ and /srv/./pj are one root. */
static char *
absolute(const char *path, struct err *e)
{
	char cwd[PATH_MAX] = "";
	struct buf in = BUF_INIT, out = BUF_INIT;
	char *rest = NULL, *made;

	if (path[0] != '/' && getcwd(cwd, sizeof cwd) == NULL) {
		err_sys(e, ERR_CONFIG, errno, "root %s is relative and there is no current directory", path);
		return NULL;
	}
	buf_addf(&in, "%s/%s", cwd, path);
	for (char *part = buf_ok(&in) ? strtok_r(in.data, "/", &rest) : NULL; part != NULL;
	     part = strtok_r(NULL, "/", &rest))
		if (strcmp(part, ".") != 0)
			buf_addf(&out, "/%s", part);
	if (out.len == 0)
		buf_addc(&out, '/');
	if (!buf_ok(&in))
		out.failed = true;
	buf_fini(&in);
	made = buf_take(&out, NULL);
	if (made == NULL)
		err_set(e, ERR_NOMEM, "out of memory");
	return made;
}

static int
read_sources(struct config_source *s, const struct config_opts *o, char **root, struct err *e)
{
	const char *given, *file = env("PJ_CONFIG");
	char path[PATH_MAX + 16];

	if (config_source_set(&s[FROM_OPTIONS], o->set, e) < 0)
		return -1;
	if (o->file != NULL && config_source_file(&s[FROM_FILE], o->file, false, e) < 0)
		return -1;
	if (file != NULL && config_source_file(&s[FROM_ENV], file, false, e) < 0)
		return err_prefix(e, "PJ_CONFIG");
	given = config_source_root(&s[FROM_OPTIONS]);
	if (given == NULL && o->root != NULL)
		given = o->root[0] != '\0' ? o->root : ".";
	if (given == NULL)
		given = env("PJ_ROOT");
	if (given == NULL)
		given = config_source_root(&s[FROM_FILE]);
	if (given == NULL)
		given = config_source_root(&s[FROM_ENV]);
	/* Who names a root on this start wants that installation only: the system's file has no say in it. */
	if (given == NULL) {
		if (config_source_file(&s[FROM_SYSTEM], SYSTEM_FILE, true, e) < 0)
			return -1;
		given = config_source_root(&s[FROM_SYSTEM]);
	}
	if (given == NULL)
		return 0;
	*root = absolute(given, e);
	if (*root == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/etc/pj.ini", strcmp(*root, "/") == 0 ? "" : *root);
	return config_source_file(&s[FROM_ROOT], path, true, e);
}

/* What cannot stand on one line of pj.ini could not be printed back. */
static int
check_lengths(const struct config *c, struct err *e)
{
	for (const struct config_key *k = config_keys; k->name != NULL; k++) {
		struct buf lines = BUF_INIT;
		size_t longest = 0, len;

		config_keys_print(c, k, &lines);
		if (!buf_ok(&lines)) {
			buf_fini(&lines);
			return err_set(e, ERR_NOMEM, "out of memory");
		}
		for (const char *p = buf_str(&lines); *p != '\0'; p += len + 1) {
			len = strcspn(p, "\n");
			longest = len > longest ? len : longest;
		}
		buf_fini(&lines);
		if (longest > CONFIG_LINE_MAX)
			return err_set(e, ERR_CONFIG, "%s: the value is %zu bytes too long", k->name,
			    longest - CONFIG_LINE_MAX);
	}
	return 0;
}

int
config_load(struct config *c, const struct config_opts *o, struct err *e)
{
	struct config_source s[SOURCES];
	struct err own = ERR_INIT;
	char *root = NULL;
	int rc;

	memset(s, 0, sizeof s);
	rc = config_keys_defaults(c, &own);
	if (rc == 0)
		rc = read_sources(s, o, &root, &own);
	for (int i = 0; i < SOURCES && rc == 0; i++)
		rc = config_source_apply(&s[i], c, &own);
	if (rc == 0 && root != NULL) {
		rc = config_keys_set(c, config_keys, 0, root, &own);
		if (rc < 0)
			err_prefix(&own, "root");
	}
	if (rc == 0)
		rc = config_keys_paths(c, &own);
	if (rc == 0)
		rc = check_lengths(c, &own);
	for (int i = 0; i < SOURCES; i++)
		config_source_fini(&s[i]);
	free(root);
	if (rc == 0)
		return 0;
	config_fini(c);
	return err_set(e, own.code, "%s", own.msg);
}

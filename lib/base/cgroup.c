#include "base/cgroup.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"

#define UNLIMITED 9e15 /* cgroup v1 writes a huge number where v2 writes "max" */

static bool
read_text(const char *path, struct buf *out)
{
	buf_clear(out);
	return file_read(path, 65536, out, NULL) == 0;
}

static bool
read_number(const char *dir, const char *name, double *out)
{
	char path[PATH_MAX], *end;
	struct buf b = BUF_INIT;
	bool ok;

	ok = file_path(path, sizeof path, NULL, "%s/%s", dir, name) == 0 && read_text(path, &b);
	if (ok) {
		*out = strtod(buf_str(&b), &end);
		ok = end != buf_str(&b) && *out >= 0 && *out < UNLIMITED;
	}
	buf_fini(&b);
	return ok;
}

double
cgroup_value(const char *text, const char *key)
{
	size_t n = strlen(key);

	for (; text != NULL && *text != '\0'; text = strchr(text, '\n'), text = text != NULL ? text + 1 : NULL)
		if (strncmp(text, key, n) == 0 && (text[n] == ' ' || text[n] == ':'))
			return strtod(text + n + 1, NULL);
	return 0;
}

/* What is used and not only a cache of files that nobody needs now. */
static double
used_of(const char *dir, const char *current, const char *cache)
{
	char path[PATH_MAX];
	struct buf b = BUF_INIT;
	double used = 0;

	if (!read_number(dir, current, &used))
		return 0;
	if (file_path(path, sizeof path, NULL, "%s/memory.stat", dir) == 0 && read_text(path, &b))
		used -= cgroup_value(buf_str(&b), cache);
	buf_fini(&b);
	return used > 0 ? used : 0;
}

/* From our group up to the root of the tree: the smallest limit counts. */
static bool
smallest(const char *root, const char *base, const char *group, const char *const names[3], double *used, double *max)
{
	char path[PATH_MAX], rest[PATH_MAX];
	bool found = false;
	double limit;

	if (file_path(rest, sizeof rest, NULL, "%s", group) < 0)
		return false;
	for (;;) {
		char *slash = strrchr(rest, '/');

		if (file_path(path, sizeof path, NULL, "%s%s%s", root, base, strcmp(rest, "/") == 0 ? "" : rest) == 0
		    && read_number(path, names[0], &limit) && (!found || limit < *max)) {
			found = true;
			*max = limit;
			*used = used_of(path, names[1], names[2]);
		}
		if (slash == NULL || rest[0] == '\0')
			return found;
		*slash = '\0';
	}
}

bool
cgroup_memory(const char *root, const char *groups, double *used_bytes, double *max_bytes)
{
	static const char *const v2[3] = { "memory.max", "memory.current", "inactive_file" };
	static const char *const v1[3] = { "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file" };
	char line[PATH_MAX];

	while (*groups != '\0') {
		size_t n = strcspn(groups, "\n");
		char *group;

		snprintf(line, sizeof line, "%.*s", (int)n, groups);
		groups += n + (groups[n] == '\n');
		if (strncmp(line, "0::", 3) == 0) {
			if (smallest(root, "", line + 3, v2, used_bytes, max_bytes))
				return true;
		} else if ((group = strstr(line, ":memory:")) != NULL) {
			if (smallest(root, "/memory", group + 8, v1, used_bytes, max_bytes))
				return true;
		}
	}
	return false;
}

/* A loaded configuration: printed back, and renewed on SIGHUP. */
#include <stdlib.h>
#include <string.h>

#include "codec/config_keys.h"

/* Short of memory it is false, and *out has failed. */
static bool
same(const struct config *a, const struct config *b, const struct config_key *k, struct buf *out)
{
	struct buf ta = BUF_INIT, tb = BUF_INIT;
	bool equal;

	config_keys_print(a, k, &ta);
	config_keys_print(b, k, &tb);
	equal = buf_ok(&ta) && buf_ok(&tb) && strcmp(buf_str(&ta), buf_str(&tb)) == 0;
	if (!buf_ok(&ta) || !buf_ok(&tb))
		out->failed = true;
	buf_fini(&ta);
	buf_fini(&tb);
	return equal;
}

static size_t
section_of(const char *name)
{
	const char *dot = strchr(name, '.');

	return dot != NULL ? (size_t)(dot - name) : 0;
}

void
config_print(const struct config *c, bool only_changed, struct buf *out)
{
	const char *section = "";
	struct config plain;
	struct err e;

	if (config_keys_defaults(&plain, &e) < 0) {
		out->failed = true;
		return;
	}
	/* The defaults of paths.* are those under this root. */
	if (config_keys_set(&plain, &config_keys[0], 0, c->root, &e) < 0 || config_keys_paths(&plain, &e) < 0)
		out->failed = true;
	for (const struct config_key *k = config_keys; k->name != NULL; k++) {
		size_t len = section_of(k->name);

		if (only_changed && (k == config_keys ? c->root[0] == '\0' : same(c, &plain, k, out)))
			continue;
		if (len > 0 && strncmp(section, k->name, len + 1) != 0) {
			section = k->name;
			buf_addf(out, "\n[%.*s]\n", (int)len, section);
		}
		config_keys_print(c, k, out);
	}
	config_fini(&plain);
}

static size_t
member_size(const struct config_key *k)
{
	switch (k->type) {
	case CONFIG_TEXT:
	case CONFIG_ADDRESS:
		return sizeof(char *);
	case CONFIG_LIST:
		return sizeof(struct config_list);
	case CONFIG_BOOL:
		return sizeof(bool);
	case CONFIG_COUNT:
	case CONFIG_DURATION:
	case CONFIG_SIZE:
		return sizeof(int64_t);
	}
	abort();
}

void
config_reload(struct config *c, struct config *fresh, struct buf *ignored)
{
	for (const struct config_key *k = config_keys; k->name != NULL; k++) {
		char *mine = (char *)c + k->at, *theirs = (char *)fresh + k->at;
		unsigned char hold[sizeof(struct config_list)];
		size_t size = member_size(k);

		if (same(c, fresh, k, ignored))
			continue;
		if ((k->flags & CONFIG_RELOADABLE) == 0) {
			buf_addf(ignored, "%s%s", ignored->len > 0 ? " " : "", k->name);
			continue;
		}
		memcpy(hold, mine, size);
		memcpy(mine, theirs, size);
		memcpy(theirs, hold, size);
	}
}

void
config_each(void (*fn)(const char *name, const char *type, const char *dflt, bool reloadable, const char *help, void *arg),
    void *arg)
{
	static const char *const types[] = {
		[CONFIG_TEXT] = "text", [CONFIG_LIST] = "list", [CONFIG_ADDRESS] = "address", [CONFIG_BOOL] = "bool",
		[CONFIG_COUNT] = "count", [CONFIG_DURATION] = "duration", [CONFIG_SIZE] = "size",
	};

	for (const struct config_key *k = config_keys; k->name != NULL; k++)
		fn(k->name, types[k->type], k->dflt, (k->flags & CONFIG_RELOADABLE) != 0, k->help, arg);
}

/* The key table of pj.ini and what is done by its rows. Internal to config*.c. */
#ifndef PJ_CODEC_CONFIG_KEYS_H
#define PJ_CODEC_CONFIG_KEYS_H

#include <stddef.h>

#include "codec/config.h"

/* inih reads no longer line: name, " = " and the value, quoted where it has to be. */
#define CONFIG_LINE_MAX 199

enum config_type {
	CONFIG_TEXT,
	CONFIG_LIST,
	CONFIG_ADDRESS,
	CONFIG_BOOL,
	CONFIG_COUNT,
	CONFIG_DURATION,
	CONFIG_SIZE,
};

enum {
	CONFIG_RELOADABLE = 1,
	CONFIG_MAY_BE_EMPTY = 2,   /* an address that may be left out */
	CONFIG_PORT_OPTIONAL = 4,  /* an address that may be a host alone */
	CONFIG_ADDRESSES = 8,      /* a list of addresses */
	CONFIG_PATH = 16,          /* under root unless given */
};

struct config_key {
	const char *name;
	enum config_type type;
	unsigned flags;
	const char *dflt;          /* as one would write it */
	size_t at;                 /* of the member in struct config */
	int64_t least, most;       /* of counts, durations (ms), sizes (bytes) */
	const char *choices;       /* NULL, or the allowed words: "drop|block" */
	const char *help;          /* one line */
};

/* In the order of the printed file; ends with a NULL name. */
extern const struct config_key config_keys[];

/* The key of this full name ("worker.slots"); with `.N` behind a list's name *index is N, else 0. NULL: unknown. */
const struct config_key *config_keys_find(const char *name, int *index);
bool config_keys_section(const char *section);
/* The known name that is most like it; NULL when none is. */
const char *config_keys_like(const char *name);
const char *config_keys_section_like(const char *section);

/* Sets the member from text; index > 0: that item of a list. -1: ERR_CONFIG (what is allowed, without the key's name) or
 * ERR_NOMEM; the member is as it was. */
int config_keys_set(struct config *c, const struct config_key *k, int index, const char *text, struct err *e);
void config_keys_empty_list(struct config *c, const struct config_key *k);
/* Every member "" or 0 or empty, then its default. ERR_NOMEM: *c is empty again. */
int config_keys_defaults(struct config *c, struct err *e);
/* Gives every CONFIG_PATH member that is "" its place under c->root, or Debian's where that is "". */
int config_keys_paths(struct config *c, struct err *e);
/* Appends the lines that set this key, each with a newline, named without the section. */
void config_keys_print(const struct config *c, const struct config_key *k, struct buf *out);

static inline const char *
config_keys_short(const struct config_key *k)
{
	const char *name = k->name;

	for (const char *p = name; *p != '\0'; p++)
		if (*p == '.')
			return p + 1;
	return name;
}

#endif

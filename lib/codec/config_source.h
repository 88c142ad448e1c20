/* Where settings come from: one pj.ini, or all the -o of a command line. Internal to config*.c. */
#ifndef PJ_CODEC_CONFIG_SOURCE_H
#define PJ_CODEC_CONFIG_SOURCE_H

#include "codec/config_keys.h"

struct config_setting {
	const struct config_key *key;
	int index; /* of a list's item, from 1; 0: the whole value */
	int line;  /* 0: of the command line */
	char *value;
};

struct config_source {
	char *name; /* the file; "-o" for the command line */
	struct config_setting *setting;
	size_t n, cap;
};

/* Reads a file's settings; a missing one is none when `optional`. Unknown and repeated keys, lines inih would cut or
 * misread: ERR_CONFIG with file and line. Values are not looked at yet. On failure *s is empty. */
int config_source_file(struct config_source *s, const char *path, bool optional, struct err *e);
/* "key=value", NULL-ended; a later one takes an earlier one's place. */
int config_source_set(struct config_source *s, const char *const *set, struct err *e);
void config_source_fini(struct config_source *s);
/* The value of `root`, NULL when the source does not say. */
const char *config_source_root(const struct config_source *s);
/* Puts its settings into c. A list that it mentions is replaced as a whole. */
int config_source_apply(const struct config_source *s, struct config *c, struct err *e);

#endif

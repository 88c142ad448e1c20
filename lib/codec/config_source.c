/* inih finds sections, names and values; this file feeds it line by line, so that nothing is cut, misread or dropped in
 * silence: Debian's inih ends lines at 200 bytes, takes ` ;` for a comment even in quotes, joins indented lines to the
 * one before, ignores what follows a `]`, and says only a line's number. */
#include "codec/config_source.h"

#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"

#define HIDDEN_SEMICOLON '\x01' /* stands for a ; inside quotes while inih has the line */

struct reader {
	struct config_source *source;
	const char *at, *end;
	int line;
	bool failed; /* *e is set */
	struct err *e;
};

/* --- settings -------------------------------------------------------------------------------------------------- */

void
config_source_fini(struct config_source *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->setting[i].value);
	free(s->setting);
	free(s->name);
	memset(s, 0, sizeof *s);
}

static struct config_setting *
conflicting(const struct config_source *s, const struct config_key *k, int index)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->setting[i].key == k && (s->setting[i].index == index || s->setting[i].index == 0 || index == 0))
			return &s->setting[i];
	return NULL;
}

static int
add(struct config_source *s, struct config_setting one, const char *value, struct err *e)
{
	struct config_setting *grown = s->setting;

	if (s->n == s->cap) {
		grown = realloc(s->setting, (s->cap * 2 + 16) * sizeof *grown);
		if (grown == NULL)
			return err_set(e, ERR_NOMEM, "out of memory reading the configuration");
		s->setting = grown;
		s->cap = s->cap * 2 + 16;
	}
	one.value = strdup(value);
	if (one.value == NULL)
		return err_set(e, ERR_NOMEM, "out of memory reading the configuration");
	s->setting[s->n++] = one;
	return 0;
}

static const struct config_key *
find_key(const char *name, int *index, struct err *e)
{
	const struct config_key *k = config_keys_find(name, index);
	const char *like;

	if (k != NULL)
		return k;
	like = config_keys_like(name);
	if (like != NULL)
		err_set(e, ERR_CONFIG, "unknown key %.80s; did you mean %s%s?", name, like,
		    strcmp(like, "root") == 0 ? " (it stands before any section)" : "");
	else
		err_set(e, ERR_CONFIG, "unknown key %.80s; pj.ini(5) lists the keys", name);
	return NULL;
}

/* --- a file ---------------------------------------------------------------------------------------------------- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static const char *
skip_blanks(const char *p)
{
	while (is_blank(*p))
		p++;
	return p;
}

/* "[section]" and nothing behind it but a comment. */
static int
check_section(const char *line, struct err *e)
{
	const char *close = strchr(line, ']'), *rest;
	char name[64];

	if (close == NULL)
		return err_set(e, ERR_CONFIG, "the section has no closing ]");
	rest = skip_blanks(close + 1);
	if (*rest != '\0' && *rest != ';' && *rest != '#')
		return err_set(e, ERR_CONFIG, "nothing may follow the ] of a section: \"%.60s\"", rest);
	snprintf(name, sizeof name, "%.*s", (int)(close - line - 1), line + 1);
	if (config_keys_section(name))
		return 0;
	if (config_keys_section_like(name) != NULL)
		return err_set(e, ERR_CONFIG, "unknown section [%s]; did you mean [%s]?", name,
		    config_keys_section_like(name));
	return err_set(e, ERR_CONFIG, "unknown section [%s]; pj.ini(5) lists them", name);
}

/* A value in quotes: hides its semicolons from inih, and sees that the quotes close and nothing follows. */
static int
hide_semicolons(char *value, struct err *e)
{
	const char *rest;
	char *p = value + 1;

	for (; *p != '"'; p++) {
		if (*p == '\0')
			return err_set(e, ERR_CONFIG, "the value has no closing quote");
		if (*p == ';')
			*p = HIDDEN_SEMICOLON;
		if (*p != '\\')
			continue;
		if (p[1] != '"' && p[1] != '\\')
			return err_set(e, ERR_CONFIG, "in quotes a backslash stands before \" or \\ only");
		p++;
	}
	rest = skip_blanks(p + 1);
	if (*rest == '\0' || (*rest == ';' && rest > p + 1))
		return 0;
	return err_set(e, ERR_CONFIG, "nothing may follow the closing quote but a comment after \" ;\"");
}

static int
check_setting(char *line, struct err *e)
{
	char *sep = strpbrk(line, "=:");
	char *value;

	if (sep == NULL || *sep != '=' || sep == line)
		return err_set(e, ERR_CONFIG, "expected \"key = value\" or \"[section]\"");
	value = sep + 1;
	while (is_blank(*value))
		value++;
	if (*value == '"')
		return hide_semicolons(value, e);
	for (const char *p = value; *p != '\0'; p++) {
		if (!is_blank(p[-1]))
			continue;
		if (*p == ';')
			break;
		if (*p == '#')
			return err_set(e, ERR_CONFIG, "\"#\" starts a comment only at the start of a line; behind a "
			    "value write \" ;\", or put the value in quotes");
	}
	return 0;
}

static int
check_bytes(const char *line, size_t len, struct err *e)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)line[i] < ' ' && line[i] != '\t') || line[i] == 127)
			return err_set(e, ERR_CONFIG, "the line has a control byte (0x%02x)", (unsigned char)line[i]);
	return 0;
}

/* One line, stripped, into str[num]; what inih would misread is an error. */
static int
take_line(struct reader *r, char *str, size_t num)
{
	const char *from = r->at, *nl = memchr(r->at, '\n', (size_t)(r->end - r->at));
	const char *to = nl != NULL ? nl : r->end;

	r->line++;
	r->at = nl != NULL ? nl + 1 : r->end;
	if (r->line == 1 && to - from >= 3 && memcmp(from, "\xef\xbb\xbf", 3) == 0)
		from += 3;
	if (to > from && to[-1] == '\r')
		to--;
	while (from < to && is_blank(*from))
		from++;
	while (from < to && is_blank(to[-1]))
		to--;
	str[0] = '\0';
	if (from == to || *from == '#' || *from == ';')
		return 0;
	if (check_bytes(from, (size_t)(to - from), r->e) < 0)
		return -1;
	if (to - from > CONFIG_LINE_MAX || (size_t)(to - from) >= num)
		return err_set(r->e, ERR_CONFIG, "the line is %zd bytes long, at most %d can be read; a list may be "
		    "written as key.1, key.2, ...", (ssize_t)(to - from), CONFIG_LINE_MAX);
	memcpy(str, from, (size_t)(to - from));
	str[to - from] = '\0';
	return str[0] == '[' ? check_section(str, r->e) : check_setting(str, r->e);
}

static char *
next_line(char *str, int num, void *stream)
{
	struct reader *r = stream;

	if (r->failed || r->at == r->end)
		return NULL;
	if (take_line(r, str, (size_t)num) == 0)
		return str;
	r->failed = true;
	return NULL;
}

/* Takes the quotes off, if it has any, in place in out[CONFIG_LINE_MAX + 1]. */
static void
unquote(const char *value, char *out)
{
	bool quoted = value[0] == '"';
	size_t n = 0;

	for (const char *p = value + quoted; *p != '\0' && !(quoted && *p == '"'); p++) {
		if (quoted && *p == '\\')
			p++;
		out[n++] = *p == HIDDEN_SEMICOLON ? ';' : *p;
	}
	out[n] = '\0';
}

static int
take_setting(struct reader *r, const char *section, const char *name, const char *value)
{
	struct config_setting one = { .line = r->line };
	const struct config_setting *first;
	char full[2 * CONFIG_LINE_MAX], plain[CONFIG_LINE_MAX + 1];

	snprintf(full, sizeof full, "%s%s%s", section, section[0] != '\0' ? "." : "", name);
	one.key = find_key(full, &one.index, r->e);
	if (one.key == NULL)
		return -1;
	first = conflicting(r->source, one.key, one.index);
	if (first != NULL)
		return err_set(r->e, ERR_CONFIG, "%s is set again: line %d has set it already", full, first->line);
	unquote(value, plain);
	return add(r->source, one, plain, r->e);
}

static int
on_setting(void *user, const char *section, const char *name, const char *value)
{
	struct reader *r = user;

	if (!r->failed && take_setting(r, section, name, value) < 0)
		r->failed = true;
	return !r->failed;
}

/* inih hands reader and handler different pointers: both get the reader. */
static int
parse(struct config_source *s, const struct buf *text, struct err *e)
{
	struct reader r = { .source = s, .at = buf_str(text), .end = buf_str(text) + text->len, .e = e };
	int bad;

	bad = ini_parse_stream(next_line, &r, on_setting, &r);
	if (bad > 0 && !r.failed) {
		r.line = bad;
		r.failed = true;
		err_set(e, ERR_CONFIG, "expected \"key = value\" or \"[section]\"");
	}
	if (bad < 0)
		return err_set(e, ERR_NOMEM, "out of memory reading %s", s->name);
	return r.failed ? err_prefix(e, "%s:%d", s->name, r.line) : 0;
}

int
config_source_file(struct config_source *s, const char *path, bool optional, struct err *e)
{
	struct err own = ERR_INIT;
	struct buf text = BUF_INIT;
	int rc;

	*s = (struct config_source){ .name = strdup(path) };
	rc = s->name == NULL ? err_set(&own, ERR_NOMEM, "out of memory") : file_read(path, LIMIT_CONFIG, &text, &own);
	if (rc < 0 && own.code == ERR_NOTFOUND && optional)
		rc = 0;
	else if (rc == 0)
		rc = parse(s, &text, &own);
	buf_fini(&text);
	if (rc == 0)
		return 0;
	config_source_fini(s);
	return err_set(e, own.code == ERR_NOMEM ? ERR_NOMEM : ERR_CONFIG, "%s", own.msg);
}

/* --- the command line ------------------------------------------------------------------------------------------ */

static int
set_one(struct config_source *s, const char *text, struct err *e)
{
	const char *eq = strchr(text, '=');
	struct config_setting one = { .line = 0 }, *old;
	char name[CONFIG_LINE_MAX];

	if (eq == NULL || eq == text || (size_t)(eq - text) >= sizeof name)
		return err_set(e, ERR_CONFIG, "expected key=value");
	snprintf(name, sizeof name, "%.*s", (int)(eq - text), text);
	one.key = find_key(name, &one.index, e);
	if (one.key == NULL)
		return -1;
	while ((old = conflicting(s, one.key, one.index)) != NULL) {
		free(old->value);
		*old = s->setting[--s->n];
	}
	return add(s, one, eq + 1, e);
}

int
config_source_set(struct config_source *s, const char *const *set, struct err *e)
{
	*s = (struct config_source){ .name = strdup("-o") };
	if (s->name == NULL)
		return err_set(e, ERR_NOMEM, "out of memory");
	for (; set != NULL && *set != NULL; set++)
		if (set_one(s, *set, e) < 0) {
			err_prefix(e, "-o %.80s", *set);
			config_source_fini(s);
			return -1;
		}
	return 0;
}

/* --- into a config --------------------------------------------------------------------------------------------- */

const char *
config_source_root(const struct config_source *s)
{
	const struct config_setting *root = conflicting(s, config_keys, 0);

	return root != NULL && root->value[0] != '\0' ? root->value : NULL;
}

static int
say_where(const struct config_source *s, const struct config_setting *one, struct err *e)
{
	char item[16] = "";

	if (one->index > 0)
		snprintf(item, sizeof item, ".%d", one->index);
	if (one->line > 0)
		return err_prefix(e, "%s:%d: %s%s", s->name, one->line, one->key->name, item);
	return err_prefix(e, "%s %s%s", s->name, one->key->name, item);
}

/* After all items: a list that was given by items has no holes. */
static int
check_holes(const struct config_source *s, struct config *c, struct err *e)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct config_setting *one = &s->setting[i];
		const struct config_list *list = (const void *)((const char *)c + one->key->at);

		for (int item = 0; one->index > 0 && item < list->n; item++) {
			if (list->item[item] != NULL)
				continue;
			err_set(e, ERR_CONFIG, "%s.%d is missing: items are numbered from 1 on", one->key->name, item + 1);
			return say_where(s, one, e);
		}
	}
	return 0;
}

int
config_source_apply(const struct config_source *s, struct config *c, struct err *e)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->setting[i].index > 0)
			config_keys_empty_list(c, s->setting[i].key);
	for (size_t i = 0; i < s->n; i++) {
		const struct config_setting *one = &s->setting[i];

		if (config_keys_set(c, one->key, one->index, one->value, e) < 0)
			return say_where(s, one, e);
	}
	return check_holes(s, c, e);
}

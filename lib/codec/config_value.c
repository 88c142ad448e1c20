/* Values of pj.ini by their type: text to member and back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/opt.h"
#include "codec/config_keys.h"

static void *
member(struct config *c, const struct config_key *k)
{
	return (char *)c + k->at;
}

static const void *
const_member(const struct config *c, const struct config_key *k)
{
	return (const char *)c + k->at;
}

/* --- text to member -------------------------------------------------------------------------------------------- */

static int
replace_text(char **at, const char *text, size_t len, struct err *e)
{
	char *copy = strndup(text, len);

	if (copy == NULL)
		return err_set(e, ERR_NOMEM, "out of memory");
	free(*at);
	*at = copy;
	return 0;
}

static int
check_choice(const struct config_key *k, const char *text, struct err *e)
{
	size_t len = strlen(text);

	for (const char *p = k->choices; p != NULL; p = strchr(p, '|') != NULL ? strchr(p, '|') + 1 : NULL)
		if (len > 0 && strchr(text, '|') == NULL && strncmp(p, text, len) == 0 && (p[len] == '|' || p[len] == '\0'))
			return 0;
	return err_set(e, ERR_CONFIG, "\"%.60s\" is not one of %s", text, k->choices);
}

static int
check_address(const struct config_key *k, const char *text, struct err *e)
{
	const char *port = strrchr(text, ':'), *host_end = port;
	bool good = text[0] != '\0' && text[strcspn(text, " \t/,@")] == '\0';
	size_t digits;

	if (text[0] == '\0' && (k->flags & CONFIG_MAY_BE_EMPTY) != 0)
		return 0;
	if (text[0] == '[') {
		host_end = strchr(text, ']') != NULL ? strchr(text, ']') + 1 : text;
		port = host_end[0] == ':' ? host_end : NULL;
		good = good && host_end > text + 2 && (port != NULL || host_end[0] == '\0');
	} else if (port != NULL) {
		good = good && memchr(text, ':', (size_t)(port - text)) == NULL && port > text;
	}
	if (port == NULL)
		good = good && (k->flags & CONFIG_PORT_OPTIONAL) != 0;
	if (good && port != NULL) {
		digits = strspn(port + 1, "0123456789");
		good = digits > 0 && digits <= 5 && port[1 + digits] == '\0' && atoi(port + 1) <= 65535;
	}
	if (good)
		return 0;
	return err_set(e, ERR_CONFIG, "\"%.100s\" is no address; write host:port%s, for instance 127.0.0.1:7700 or [::1]:7700",
	    text, (k->flags & CONFIG_PORT_OPTIONAL) != 0 ? " or host" : "");
}

static int
set_bool(bool *at, const char *text, struct err *e)
{
	static const char *const words[] = { "no", "yes", "off", "on", "false", "true" };

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcasecmp(words[i], text) == 0) {
			*at = i % 2 == 1;
			return 0;
		}
	return err_set(e, ERR_CONFIG, "\"%.60s\" is neither yes nor no (nor on, off, true, false)", text);
}

static void put_value(const struct config_key *k, int64_t v, struct buf *out);

static int
set_number(const struct config_key *k, int64_t *at, const char *text, struct err *e)
{
	struct buf range = BUF_INIT;
	int64_t v;
	int rc;

	rc = k->type == CONFIG_COUNT ? opt_i64(text, INT64_MIN, INT64_MAX, &v, e)
	    : k->type == CONFIG_DURATION ? opt_duration_ms(text, &v, e)
					 : opt_size(text, &v, e);
	if (rc < 0) {
		if (e != NULL)
			e->code = ERR_CONFIG;
		return -1;
	}
	if (v >= k->least && v <= k->most) {
		*at = v;
		return 0;
	}
	put_value(k, k->least, &range);
	buf_adds(&range, " to ");
	put_value(k, k->most, &range);
	err_set(e, ERR_CONFIG, "%.60s is out of range; allowed is %s", text, buf_str(&range));
	buf_fini(&range);
	return -1;
}

static int
set_item(const struct config_key *k, struct config_list *list, int index, const char *text, size_t len, struct err *e)
{
	char item[CONFIG_LINE_MAX + 1];

	if (index > CONFIG_LIST_MAX)
		return err_set(e, ERR_CONFIG, "a list has at most %d items", CONFIG_LIST_MAX);
	if (len == 0)
		return err_set(e, ERR_CONFIG, "item %d is empty", index);
	if (len >= sizeof item)
		return err_set(e, ERR_CONFIG, "item %d is longer than %zu bytes", index, sizeof item - 1);
	memcpy(item, text, len);
	item[len] = '\0';
	if ((k->flags & CONFIG_ADDRESSES) != 0 && check_address(k, item, e) < 0)
		return -1;
	if (replace_text(&list->item[index - 1], item, len, e) < 0)
		return -1;
	if (list->n < index)
		list->n = index;
	return 0;
}

static void
free_list(struct config_list *list)
{
	for (int i = 0; i < CONFIG_LIST_MAX; i++)
		free(list->item[i]);
	memset(list, 0, sizeof *list);
}

static int
set_list(const struct config_key *k, struct config_list *list, const char *text, struct err *e)
{
	struct config_list fresh = { { NULL }, 0 };
	const char *p = text + strspn(text, " \t");

	while (*p != '\0') {
		size_t len = strcspn(p, ","), used = len;

		while (used > 0 && (p[used - 1] == ' ' || p[used - 1] == '\t'))
			used--;
		if (set_item(k, &fresh, fresh.n + 1, p, used, e) < 0) {
			free_list(&fresh);
			return -1;
		}
		if (p[len] == '\0')
			break;
		p += len + 1;
		p += strspn(p, " \t");
		if (*p == '\0') {
			err_set(e, ERR_CONFIG, "item %d is empty: a comma ends the list", fresh.n + 1);
			free_list(&fresh);
			return -1;
		}
	}
	free_list(list);
	*list = fresh;
	return 0;
}

int
config_keys_set(struct config *c, const struct config_key *k, int index, const char *text, struct err *e)
{
	void *at = member(c, k);

	for (const char *p = text; *p != '\0'; p++)
		if (((unsigned char)*p < ' ' && *p != '\t') || *p == 127)
			return err_set(e, ERR_CONFIG, "the value has a control byte (0x%02x)", (unsigned char)*p);
	switch (k->type) {
	case CONFIG_TEXT:
		if (k->choices != NULL && check_choice(k, text, e) < 0)
			return -1;
		return replace_text(at, text, strlen(text), e);
	case CONFIG_ADDRESS:
		return check_address(k, text, e) < 0 ? -1 : replace_text(at, text, strlen(text), e);
	case CONFIG_LIST:
		return index > 0 ? set_item(k, at, index, text, strlen(text), e) : set_list(k, at, text, e);
	case CONFIG_BOOL:
		return set_bool(at, text, e);
	case CONFIG_COUNT:
	case CONFIG_DURATION:
	case CONFIG_SIZE:
		return set_number(k, at, text, e);
	}
	return err_set(e, ERR_INTERNAL, "key %s has no type", k->name);
}

void
config_keys_empty_list(struct config *c, const struct config_key *k)
{
	free_list(member(c, k));
}

void
config_fini(struct config *c)
{
	for (const struct config_key *k = config_keys; k->name != NULL; k++) {
		void *at = member(c, k);

		if (k->type == CONFIG_LIST)
			free_list(at);
		else if (k->type == CONFIG_TEXT || k->type == CONFIG_ADDRESS)
			free(*(char **)at);
	}
	memset(c, 0, sizeof *c);
}

/* --- member to text -------------------------------------------------------------------------------------------- */

/* Whole units, the largest first: 90 s is 1m30s. */
static void
put_duration(int64_t ms, struct buf *out)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = { { "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 } };

	if (ms == 0)
		buf_adds(out, "0s");
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (ms >= units[i].ms)
			buf_addf(out, "%lld%s", (long long)(ms / units[i].ms), units[i].name);
		ms %= units[i].ms;
	}
}

static void
put_size(int64_t bytes, struct buf *out)
{
	static const char units[] = "KMGT";
	size_t u = 0;

	while (u < 4 && bytes > 0 && bytes % 1024 == 0) {
		bytes /= 1024;
		u++;
	}
	buf_addf(out, "%lld", (long long)bytes);
	if (u > 0)
		buf_addc(out, units[u - 1]);
}

static void
put_value(const struct config_key *k, int64_t v, struct buf *out)
{
	if (k->type == CONFIG_DURATION)
		put_duration(v, out);
	else if (k->type == CONFIG_SIZE)
		put_size(v, out);
	else
		buf_addf(out, "%lld", (long long)v);
}

static bool
needs_quotes(const char *text)
{
	size_t len = strlen(text);

	if (len == 0)
		return false;
	/* ';' and '#' may start a comment, blanks at the ends are stripped. */
	return text[0] == '"' || strpbrk(text, ";#\t") != NULL || text[0] == ' ' || text[len - 1] == ' ';
}

static void
put_line(const char *name, int index, const char *value, struct buf *out)
{
	buf_adds(out, name);
	if (index > 0)
		buf_addf(out, ".%d", index);
	buf_adds(out, value[0] != '\0' ? " = " : " =");
	if (!needs_quotes(value)) {
		buf_adds(out, value);
	} else {
		buf_addc(out, '"');
		for (; *value != '\0'; value++) {
			if (*value == '"' || *value == '\\')
				buf_addc(out, '\\');
			buf_addc(out, *value);
		}
		buf_addc(out, '"');
	}
	buf_addc(out, '\n');
}

static void
put_list(const char *name, const struct config_list *list, struct buf *out)
{
	const char *one = list->n == 1 ? list->item[0] : NULL;

	if (list->n == 0)
		put_line(name, 0, "", out);
	else if (one != NULL && strchr(one, ',') == NULL && !needs_quotes(one))
		put_line(name, 0, one, out);
	else
		for (int i = 0; i < list->n; i++)
			put_line(name, i + 1, list->item[i], out);
}

void
config_keys_print(const struct config *c, const struct config_key *k, struct buf *out)
{
	const void *at = const_member(c, k);
	const char *name = config_keys_short(k);
	struct buf value = BUF_INIT;

	switch (k->type) {
	case CONFIG_TEXT:
	case CONFIG_ADDRESS:
		put_line(name, 0, *(char *const *)at, out);
		break;
	case CONFIG_LIST:
		put_list(name, at, out);
		break;
	case CONFIG_BOOL:
		put_line(name, 0, *(const bool *)at ? "yes" : "no", out);
		break;
	case CONFIG_COUNT:
	case CONFIG_DURATION:
	case CONFIG_SIZE:
		put_value(k, *(const int64_t *)at, &value);
		put_line(name, 0, buf_str(&value), out);
		if (!buf_ok(&value))
			out->failed = true;
		buf_fini(&value);
		break;
	}
}

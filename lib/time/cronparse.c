/* One expression: its nickname, or its fields with blanks between them and | between parallel readings of a field. */
#include <string.h>
#include <strings.h>

#include "time/cron.h"

static const struct {
	const char *name, *fields;
} nicknames[] = {
	{ "@yearly", "0 0 1 1 *" },
	{ "@annually", "0 0 1 1 *" },
	{ "@monthly", "0 0 1 * *" },
	{ "@weekly", "0 0 * * 0" },
	{ "@daily", "0 0 * * *" },
	{ "@midnight", "0 0 * * *" },
	{ "@hourly", "0 * * * *" },
};

struct split {
	struct cron_text field[8];
	int n;
	int alternatives;
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int
bars(struct cron_text t)
{
	int n = 0;

	for (; t.p < t.end; t.p++)
		n += *t.p == '|';
	return n;
}

static int
split_fields(struct cron_text t, struct split *s, struct err *e)
{
	struct cron_text all = t;

	s->n = 0;
	s->alternatives = 1;
	for (;; s->n++) {
		while (t.p < t.end && is_blank(*t.p))
			t.p++;
		if (t.p == t.end)
			break;
		if (s->n == 8) {
			s->n++;
			break;
		}
		s->field[s->n] = t;
		while (t.p < t.end && !is_blank(*t.p))
			t.p++;
		s->field[s->n].end = t.p;
		if (bars(s->field[s->n]) + 1 > s->alternatives)
			s->alternatives = bars(s->field[s->n]) + 1;
	}
	if (s->n >= 5 && s->n <= 7)
		return 0;
	return cronfield_error(e, all, "%s%d field%s: an expression has 5 (minute hour day month weekday, as Unix "
	    "cron), or 6 or 7 (second minute hour day month weekday [year])", s->n > 8 ? "over " : "",
	    s->n > 8 ? 8 : s->n, s->n == 1 ? "" : "s");
}

/* The j-th of the parallel readings of a field; the whole field when it has one only. */
static int
alternative(const struct split *s, struct cron_text f, int j, struct cron_text *out, struct err *e)
{
	int n = bars(f) + 1;

	if (n == 1) {
		*out = f;
		return 0;
	}
	if (n != s->alternatives)
		return cronfield_error(e, f, "%d alternatives where another field has %d: every field has one or as "
		    "many as the others", n, s->alternatives);
	for (; j > 0; j--)
		f.p = (const char *)memchr(f.p, '|', (size_t)(f.end - f.p)) + 1;
	*out = f;
	for (out->end = f.p; out->end < f.end && *out->end != '|';)
		out->end++;
	if (out->p == out->end)
		return cronfield_error(e, f, "an empty alternative: write something on both sides of |");
	return 0;
}

static bool
restricts(struct cron_text t)
{
	return *t.p != '*' && *t.p != '?' && *t.p != '/';
}

static int
rule(const struct split *s, int j, uint32_t seed, struct cron *c, struct err *e)
{
	bool is_unix = s->n == 5, given[CRON_YEAR + 1] = { false };
	struct cron_text t = s->field[0];

	memset(c, 0, sizeof *c);
	for (int i = 0; i < s->n; i++) {
		enum cronfield id = (enum cronfield)(is_unix ? i + 1 : i);

		if (alternative(s, s->field[i], j, &t, e) != 0 || cronfield_read(id, is_unix, t, seed, c, e) != 0)
			return -1;
		given[id] = restricts(t);
	}
	if (is_unix)
		c->second = 1;
	if (s->n < 7)
		memset(c->year, 0xff, sizeof c->year);
	c->year[2] &= 3; /* 2098 and 2099 */
	c->either = is_unix && given[CRON_DAY] && given[CRON_WDAY];
	return 0;
}

static int
nickname(struct cron_text *t, struct err *e)
{
	size_t len = (size_t)(t->end - t->p);

	for (size_t i = 0; i < sizeof nicknames / sizeof nicknames[0]; i++) {
		if (strlen(nicknames[i].name) == len && strncasecmp(t->p, nicknames[i].name, len) == 0) {
			t->whole = t->p = nicknames[i].fields;
			t->end = t->p + strlen(t->p);
			return 0;
		}
	}
	return cronfield_error(e, *t, "no such name: there are @yearly @annually @monthly @weekly @daily @midnight "
	    "@hourly and @at TIME");
}

int
cronparse(struct cron_text text, uint32_t seed, struct cron *rules, size_t *n, size_t most, struct err *e)
{
	struct cron_text said;
	struct split s;

	while (text.p < text.end && is_blank(*text.p))
		text.p++;
	while (text.end > text.p && is_blank(text.end[-1]))
		text.end--;
	if (text.p == text.end)
		return cronfield_error(e, text, "an empty expression: write 5, 6 or 7 fields, a name such as @daily, "
		    "or @at TIME");
	said = text;
	if (*text.p == '@' && nickname(&text, e) != 0)
		return -1;
	if (split_fields(text, &s, e) != 0)
		return -1;
	for (int j = 0; j < s.alternatives; j++) {
		if (*n == most)
			return cronfield_error(e, said, "more than %zu alternatives", most);
		if (rule(&s, j, seed, &rules[*n], e) != 0)
			return -1;
		++*n;
	}
	return 0;
}

/* One field: a comma list of elements. What a field takes is a row of a table; pj-time(7) tells it all. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "time/cron.h"

struct field {
	enum cronfield id;
	int min, max; /* of values as written */
	int step_max;
	const char *name;
	const char *names; /* three letters each, the first one is value first_name */
	int first_name;
	const char *allowed;
};

#define MARKS "and * , - / H ~"
#define WDAYS "SUNMONTUEWEDTHUFRISAT"

static const struct field quartz[] = {
	{ CRON_SECOND, 0, 59, 59, "second", "", 0, "0-59 " MARKS },
	{ CRON_MINUTE, 0, 59, 59, "minute", "", 0, "0-59 " MARKS },
	{ CRON_HOUR, 0, 23, 23, "hour", "", 0, "0-23 " MARKS },
	{ CRON_DAY, 1, 31, 31, "day-of-month", "", 0, "1-31, L, LW, L-n, nW, ? " MARKS },
	{ CRON_MONTH, 1, 12, 12, "month", "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC", 1, "1-12, JAN-DEC " MARKS },
	{ CRON_WDAY, 1, 7, 7, "day-of-week", WDAYS, 1, "1-7 (1 is Sunday), SUN-SAT, L, nL, n#k, ? " MARKS },
	{ CRON_YEAR, CRON_YEAR_MIN, CRON_YEAR_MAX, 130, "year", "", 0, "1970-2099 and * , - /" },
};
static const struct field unix_wday = { CRON_WDAY, 0, 7, 7, "day-of-week", WDAYS, 0,
	"0-7 (0 and 7 are Sunday), SUN-SAT, L, nL, n#k, ? " MARKS };

/* One field being read into one rule. */
struct reader {
	struct cron_text t; /* the rest of one element */
	const struct field *f;
	struct cron *c;
	uint32_t seed;
	bool is_unix;
	bool interval; /* an element had * or / */
	struct err *e;
};

int
cronfield_error(struct err *e, struct cron_text text, const char *fmt, ...)
{
	char quoted[48] = "", why[360];
	const char *p = text.p;
	size_t n = 0;
	va_list ap;

	for (; p < text.end && n < 40; p++)
		n += (size_t)snprintf(quoted + n, sizeof quoted - n, *p >= ' ' && *p <= '~' ? "%c" : "\\x%02x",
		    (unsigned char)*p);
	va_start(ap, fmt);
	vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	if (n == 0)
		return err_set(e, ERR_DATA, "column %td: %s", text.p - text.whole + 1, why);
	return err_set(e, ERR_DATA, "column %td: '%s%s': %s", text.p - text.whole + 1, quoted,
	    p < text.end ? "..." : "", why);
}

static int
not_allowed(const struct reader *r)
{
	return cronfield_error(r->e, r->t, r->t.p == r->t.end ? "something is missing here in the %s field, which takes %s" :
	    "not allowed in the %s field, which takes %s", r->f->name, r->f->allowed);
}

static char
upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static char
peek(const struct reader *r)
{
	return r->t.p < r->t.end ? upper(*r->t.p) : '\0';
}

static bool
take(struct reader *r, char c)
{
	if (r->t.p == r->t.end || upper(*r->t.p) != c)
		return false;
	r->t.p++;
	return true;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int
number(struct reader *r, int *out)
{
	struct cron_text start = r->t;
	int n = 0;

	take(r, '+');
	if (!is_digit(peek(r))) {
		r->t = start;
		return not_allowed(r);
	}
	for (; is_digit(peek(r)); r->t.p++)
		n = n < 100000 ? n * 10 + (*r->t.p - '0') : n;
	*out = n;
	return 0;
}

static bool
name(struct reader *r, int *out)
{
	const char *names = r->f->names;

	if (r->t.end - r->t.p < 3)
		return false;
	for (int i = 0; names[i] != '\0'; i += 3) {
		if (upper(r->t.p[0]) == names[i] && upper(r->t.p[1]) == names[i + 1] &&
		    upper(r->t.p[2]) == names[i + 2]) {
			*out = i / 3 + r->f->first_name;
			r->t.p += 3;
			return true;
		}
	}
	return false;
}

static int
value(struct reader *r, int *out)
{
	struct cron_text start = r->t;

	if (name(r, out))
		return 0;
	if (number(r, out) != 0)
		return -1;
	if (*out >= r->f->min && *out <= r->f->max)
		return 0;
	start.end = r->t.p;
	return cronfield_error(r->e, start, "out of range in the %s field, which takes %s", r->f->name, r->f->allowed);
}

static int
at_end(const struct reader *r)
{
	return r->t.p == r->t.end ? 0 : not_allowed(r);
}

/* 0 Sunday .. 6 Saturday */
static int
wday_of(const struct reader *r, int v)
{
	return r->is_unix ? v % 7 : v - 1;
}

static void
put(struct reader *r, int v)
{
	struct cron *c = r->c;

	switch (r->f->id) {
	case CRON_SECOND:
		c->second |= 1ULL << v;
		break;
	case CRON_MINUTE:
		c->minute |= 1ULL << v;
		break;
	case CRON_HOUR:
		c->hour |= 1U << v;
		break;
	case CRON_DAY:
		c->day |= 1U << v;
		break;
	case CRON_MONTH:
		c->month = (uint16_t)(c->month | 1U << v);
		break;
	case CRON_WDAY:
		c->wday = (uint8_t)(c->wday | 1U << wday_of(r, v));
		break;
	case CRON_YEAR:
		v -= CRON_YEAR_MIN;
		c->year[v / 64] |= 1ULL << v % 64;
		break;
	}
}

/* The highest value counted once: in Unix days of the week 7 is 0 again. */
static int
top(const struct reader *r)
{
	return r->f->id == CRON_WDAY && r->is_unix ? 6 : r->f->max;
}

/* from, from + step, ... to; a range that ends before it begins goes on from the field's first value. */
static void
put_range(struct reader *r, int from, int to, int step)
{
	int size = top(r) - r->f->min + 1;

	if (from > top(r)) { /* 7 for Sunday at the front */
		from -= size;
		to = to > top(r) ? to - size : to;
	}
	for (int left = to >= from ? to - from : to - from + size, v = from; left >= 0; left -= step, v += step) {
		while (v > r->f->max)
			v -= size;
		put(r, v);
	}
}

/* /n, else 0 */
static int
step(struct reader *r, int *out)
{
	struct cron_text start;

	*out = 0;
	if (!take(r, '/'))
		return 0;
	r->interval = true;
	start = r->t;
	if (number(r, out) != 0)
		return -1;
	if (*out >= 1 && *out <= r->f->step_max)
		return 0;
	start.end = r->t.p;
	return cronfield_error(r->e, start, "a step of the %s field is 1 to %d", r->f->name, r->f->step_max);
}

/* A place in the field that depends on the job alone. Never change it: it would move every job that uses H or ~. */
static int
spread(const struct reader *r, int size)
{
	uint32_t x = r->seed ^ 0x9e3779b9U * ((uint32_t)r->f->id + 1);

	x = (x ^ x >> 16) * 0x85ebca6bU;
	x = (x ^ x >> 13) * 0xc2b2ae35U;
	x ^= x >> 16;
	return (int)(x % (uint32_t)size);
}

static int
put_spread(struct reader *r, int from, int to)
{
	int size = to - from + 1, n;

	if (step(r, &n) != 0 || at_end(r) != 0)
		return -1;
	r->c->spread = true;
	if (n == 0)
		put(r, from + spread(r, size));
	else
		put_range(r, from + spread(r, n < size ? n : size), to, n);
	return 0;
}

/* H, H/n, H(a-b), H(a-b)/n. The H is taken. */
static int
hashed(struct reader *r)
{
	struct cron_text start = r->t;
	int from = r->f->min, to = r->f->id == CRON_DAY ? 28 : top(r);

	if (!take(r, '('))
		return put_spread(r, from, to);
	if (value(r, &from) != 0)
		return -1;
	if (!take(r, '-'))
		return not_allowed(r);
	if (value(r, &to) != 0)
		return -1;
	if (!take(r, ')'))
		return cronfield_error(r->e, r->t, "a ) must close H(a-b)");
	if (from > to)
		return cronfield_error(r->e, start, "the range of H(a-b) must not run backwards");
	return put_spread(r, from, to);
}

/* ~, a~, ~b, a~b, each with /n. The ~ is taken, a is `from`. */
static int
tilde(struct reader *r, struct cron_text start, int from)
{
	int to = r->f->id == CRON_DAY && r->t.p - start.p == 1 ? 28 : top(r);

	if (r->t.p < r->t.end && peek(r) != '/' && value(r, &to) != 0)
		return -1;
	if (from > to)
		return cronfield_error(r->e, start, "the range of a~b must not run backwards");
	return put_spread(r, from, to);
}

/* Day of month: L, LW, L-n. The L is taken. */
static int
last_day(struct reader *r)
{
	struct cron_text at;
	int n = 0;

	if (take(r, 'W')) {
		r->c->last_work = true;
		return at_end(r);
	}
	if (take(r, '-')) {
		at = r->t;
		if (number(r, &n) != 0)
			return -1;
		if (n < 1 || n > 31)
			return cronfield_error(r->e, at, "out of range, n of L-n is 1 to 31");
	}
	if (at_end(r) != 0)
		return -1;
	r->c->before_last |= 1U << n;
	return 0;
}

/* What may follow a value in the two day fields: nW, nL, n#k. 1 taken, 0 nothing of it there, -1 error. */
static int
day_mark(struct reader *r, int v)
{
	struct cron_text at;
	int k;

	if (r->f->id == CRON_DAY && take(r, 'W')) {
		r->c->near |= 1U << v;
		return at_end(r) == 0 ? 1 : -1;
	}
	if (r->f->id != CRON_WDAY)
		return 0;
	if (take(r, 'L')) {
		r->c->last_wday = (uint8_t)(r->c->last_wday | 1U << wday_of(r, v));
		return at_end(r) == 0 ? 1 : -1;
	}
	if (!take(r, '#'))
		return 0;
	at = r->t;
	if (number(r, &k) != 0)
		return -1;
	if (k < 1 || k > 6)
		return cronfield_error(r->e, at, "out of range, k of n#k is 1 to 5 (6 is taken, and never fires)");
	if (k < 6)
		r->c->nth_wday[k] = (uint8_t)(r->c->nth_wday[k] | 1U << wday_of(r, v));
	return at_end(r) == 0 ? 1 : -1;
}

/* a, a-b, a/n, a-b/n, a~b and the marks of days. */
static int
valued(struct reader *r)
{
	struct cron_text start = r->t;
	int from, to, n, marked;

	if (value(r, &from) != 0)
		return -1;
	if ((marked = day_mark(r, from)) != 0)
		return marked < 0 ? -1 : 0;
	if (r->f->id != CRON_YEAR && take(r, '~'))
		return tilde(r, start, from);
	to = from;
	if (take(r, '-')) {
		if (value(r, &to) != 0)
			return -1;
		if (r->f->id == CRON_YEAR && from > to)
			return cronfield_error(r->e, start, "a range of years must not run backwards");
		if (step(r, &n) != 0 || at_end(r) != 0)
			return -1;
	} else {
		if (step(r, &n) != 0 || at_end(r) != 0)
			return -1;
		if (n > 0)
			to = from > top(r) ? from : top(r);
	}
	put_range(r, from, to, n > 0 ? n : 1);
	return 0;
}

static int
element(struct reader *r)
{
	struct cron_text start = r->t;
	int n;

	if (r->t.p == r->t.end)
		return cronfield_error(r->e, r->t, "an empty element in the %s field, which takes %s", r->f->name,
		    r->f->allowed);
	if (take(r, '*') || peek(r) == '/') { /* "/n" is a way to write an asterisk and a step, from cron-utils */
		r->interval = true;
		if (step(r, &n) != 0 || at_end(r) != 0)
			return -1;
		put_range(r, r->f->min, top(r), n > 0 ? n : 1);
		return 0;
	}
	if (r->f->id == CRON_DAY && take(r, 'L'))
		return last_day(r);
	if (r->f->id == CRON_WDAY && take(r, 'L')) {
		r->c->wday |= 1U << 6;
		return at_end(r);
	}
	if (r->f->id != CRON_YEAR && take(r, 'H'))
		return hashed(r);
	if (r->f->id != CRON_YEAR && take(r, '~'))
		return tilde(r, start, r->f->min);
	return valued(r);
}

/* What repeats every hour or within it makes the rule run in real time. */
static void
note_repeats(struct reader *r)
{
	uint64_t set = r->f->id == CRON_SECOND ? r->c->second : r->f->id == CRON_MINUTE ? r->c->minute : r->c->hour;
	int n = __builtin_popcountll(set);

	if (r->f->id <= CRON_HOUR && (n == r->f->max + 1 || (n > 1 && r->interval && r->f->id != CRON_HOUR)))
		r->c->repeats = true;
}

int
cronfield_read(enum cronfield id, bool is_unix, struct cron_text text, uint32_t seed, struct cron *c, struct err *e)
{
	struct reader r = { .f = is_unix && id == CRON_WDAY ? &unix_wday : &quartz[id], .c = c, .seed = seed,
		.is_unix = is_unix, .e = e };
	const char *comma;

	if ((id == CRON_DAY || id == CRON_WDAY) && text.end - text.p == 1 && *text.p == '?') {
		put_range(&r, r.f->min, top(&r), 1);
		return 0;
	}
	for (r.t = text;; r.t.p = comma + 1) {
		comma = memchr(r.t.p, ',', (size_t)(text.end - r.t.p));
		r.t.end = comma != NULL ? comma : text.end;
		if (element(&r) != 0)
			return -1;
		if (comma == NULL)
			break;
	}
	note_repeats(&r);
	return 0;
}

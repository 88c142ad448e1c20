#include "time/dur.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int64_t ms;
} units[] = {
	{ "w", 7LL * 86400000 },
	{ "d", 86400000 },
	{ "h", 3600000 },
	{ "m", 60000 },
	{ "s", 1000 },
	{ "ms", 1 },
};
#define UNITS (sizeof units / sizeof units[0])

/* The digits at *p as a number, -1 when there are none or it is over DUR_MAX_MS. */
static int64_t
digits(const char **p)
{
	int64_t n = 0;

	if (**p < '0' || **p > '9')
		return -1;
	for (; **p >= '0' && **p <= '9'; ++*p)
		if ((n = n * 10 + (**p - '0')) > DUR_MAX_MS)
			return -1;
	return n;
}

static size_t
unit_at(const char *p, size_t len)
{
	size_t u;

	for (u = 0; u < UNITS; u++)
		if (strlen(units[u].name) == len && memcmp(units[u].name, p, len) == 0)
			break;
	return u;
}

static int64_t
refuse(struct err *e, const char *text, const char *p, const char *why)
{
	return err_set(e, ERR_DATA, "duration '%.60s', column %td: %s; write such as 90s, 1m30s, 500ms, 2h, 1d", text,
	    p - text + 1, why);
}

int64_t
dur_parse_ms(const char *text, struct err *e)
{
	const char *p = text, *start;
	int64_t total = 0, n;
	size_t next = 0, u, len;

	if (*p == '\0')
		return refuse(e, text, p, "it is empty");
	while (*p != '\0') {
		start = p;
		if ((n = digits(&p)) < 0)
			return refuse(e, text, start, *start >= '0' && *start <= '9' ? "too large" :
			    "a number must be here");
		len = strspn(p, "abcdefghijklmnopqrstuvwxyz");
		u = *p == '\0' && start == text ? UNITS - 2 : unit_at(p, len);
		if (u == UNITS)
			return refuse(e, text, p, "a unit must be here: w, d, h, m, s or ms");
		if (u < next)
			return refuse(e, text, p, "units go from large to small, each once");
		p += len;
		next = u + 1;
		if (n > (DUR_MAX_MS - total) / units[u].ms)
			return refuse(e, text, start, "too large");
		total += n * units[u].ms;
	}
	return total;
}

char *
dur_print(char buf[DUR_SIZE], int64_t ms)
{
	uint64_t left = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
	size_t used = 0;

	if (ms < 0)
		buf[used++] = '-';
	if (ms == 0)
		snprintf(buf, DUR_SIZE, "0s");
	for (size_t u = 1; u < UNITS && left > 0; u++) { /* days at most: 14d reads better than 2w */
		uint64_t n = left / (uint64_t)units[u].ms;

		left %= (uint64_t)units[u].ms;
		if (n > 0)
			used += (size_t)snprintf(buf + used, DUR_SIZE - used, "%llu%s", (unsigned long long)n,
			    units[u].name);
	}
	return buf;
}

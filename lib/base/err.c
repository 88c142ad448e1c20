#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

static const struct {
	const char *name;
	int http;
	int exit;
	bool temporary;
} table[ERR_CODES_] = {
	[ERR_NONE] = { "ok", 200, 0, false },
	[ERR_USAGE] = { "usage", 400, 64, false },
	[ERR_DATA] = { "data", 400, 65, false },
	[ERR_NOTFOUND] = { "notfound", 404, 66, false },
	[ERR_CONFLICT] = { "conflict", 409, 1, false },
	[ERR_TOOBIG] = { "toobig", 413, 65, false },
	[ERR_AUTH] = { "auth", 401, 77, false },
	[ERR_FORBIDDEN] = { "forbidden", 403, 77, false },
	[ERR_UNAVAILABLE] = { "unavailable", 503, 69, true },
	[ERR_BUSY] = { "busy", 503, 75, true },
	[ERR_NOMEM] = { "nomem", 503, 71, true },
	[ERR_OS] = { "os", 500, 71, false },
	[ERR_IO] = { "io", 500, 74, false },
	[ERR_PROTOCOL] = { "protocol", 502, 76, false },
	[ERR_CONFIG] = { "config", 500, 78, false },
	[ERR_TIMEOUT] = { "timeout", 504, 124, true },
	[ERR_INTERNAL] = { "internal", 500, 70, false },
};

/* Messages quote what was given: one line of UTF-8 they stay, whatever that was and wherever it was cut. */
static void
make_plain(char *msg)
{
	unsigned char *s = (unsigned char *)msg, *end = s + strlen(msg);

	while (s < end) {
		size_t n = *s >= ' ' && *s != 0x7f ? utf8_length(s, (size_t)(end - s)) : 0;

		if (n == 0)
			*s = '?';
		s += n > 0 ? n : 1;
	}
}

static void
set_message(struct err *e, const char *fmt, va_list ap, const char *tail)
{
	size_t used;

	vsnprintf(e->msg, sizeof e->msg, fmt, ap);
	if (tail != NULL) {
		used = strlen(e->msg);
		snprintf(e->msg + used, sizeof e->msg - used, ": %s", tail);
	}
	make_plain(e->msg);
}

int
err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	if (e == NULL)
		return -1;
	e->code = code;
	va_start(ap, fmt);
	set_message(e, fmt, ap, NULL);
	va_end(ap);
	return -1;
}

int
err_sys(struct err *e, enum err_code code, int errnum, const char *fmt, ...)
{
	va_list ap;

	if (e == NULL)
		return -1;
	e->code = code;
	va_start(ap, fmt);
	set_message(e, fmt, ap, strerror(errnum));
	va_end(ap);
	return -1;
}

int
err_prefix(struct err *e, const char *fmt, ...)
{
	char old[ERR_MSG_SIZE];
	va_list ap;

	if (e == NULL)
		return -1;
	memcpy(old, e->msg, sizeof old);
	va_start(ap, fmt);
	set_message(e, fmt, ap, old);
	va_end(ap);
	return -1;
}

void
err_clear(struct err *e)
{
	if (e == NULL)
		return;
	e->code = ERR_NONE;
	e->msg[0] = '\0';
}

static enum err_code
known(enum err_code code)
{
	return (unsigned)code < ERR_CODES_ ? code : ERR_INTERNAL;
}

int
err_http_status(enum err_code code)
{
	return table[known(code)].http;
}

int
err_exit_code(enum err_code code)
{
	return table[known(code)].exit;
}

bool
err_is_temporary(enum err_code code)
{
	return table[known(code)].temporary;
}

const char *
err_name(enum err_code code)
{
	return table[known(code)].name;
}

enum err_code
err_from_name(const char *name)
{
	for (unsigned c = 0; c < ERR_CODES_; c++)
		if (strcmp(table[c].name, name) == 0)
			return (enum err_code)c;
	return ERR_INTERNAL;
}

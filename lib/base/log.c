#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
	const char *program;
	enum log_level least;
	int journal; /* systemd reads our standard error: it adds the time */
} state = { "pj", LOG_INFO_, 0 };

static const char *const level_names[] = { "debug", "info", "warn", "error" };
static const int journal_priority[] = { 7, 6, 4, 3 };

void
log_init(const char *program, enum log_level least)
{
	state.program = program;
	state.least = least;
	state.journal = getenv("JOURNAL_STREAM") != NULL;
}

void
log_set_level(enum log_level least)
{
	state.least = least;
}

int
log_level_from_name(const char *name, enum log_level *out)
{
	for (unsigned i = 0; i < sizeof level_names / sizeof level_names[0]; i++)
		if (strcmp(level_names[i], name) == 0) {
			*out = (enum log_level)i;
			return 0;
		}
	return -1;
}

static size_t
put_prefix(char *line, size_t size, enum log_level level)
{
	struct timespec ts;
	struct tm tm;
	int n;

	if (state.journal) {
		n = snprintf(line, size, "<%d>", journal_priority[level]);
		return (size_t)n;
	}
	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	n = snprintf(line, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ %s %s[%d]: ", tm.tm_year + 1900, tm.tm_mon + 1,
	    tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, ts.tv_nsec / 1000000, level_names[level], state.program,
	    (int)getpid());
	return (size_t)n;
}

static void
put_line(enum log_level level, const char *event, const char *fmt, va_list ap)
{
	char line[4096];
	size_t used;
	int n;

	if (level < state.least)
		return;
	used = put_prefix(line, sizeof line, level);
	n = snprintf(line + used, sizeof line - used, "%s%s", event, fmt[0] != '\0' ? " " : "");
	used += (size_t)n;
	n = vsnprintf(line + used, sizeof line - used - 1, fmt, ap);
	if (n > 0)
		used += (size_t)n;
	if (used > sizeof line - 2)
		used = sizeof line - 2;
	for (size_t i = 0; i < used; i++)
		if (line[i] == '\n' || line[i] == '\r')
			line[i] = ' ';
	line[used++] = '\n';
	/* One write: lines of several processes on one terminal or file do not mix. Nobody to tell when it fails. */
	if (write(STDERR_FILENO, line, used) < 0)
		return;
}

#define LOG_FN(name, level)                                \
	void name(const char *event, const char *fmt, ...) \
	{                                                  \
		va_list ap;                                \
                                                           \
		va_start(ap, fmt);                         \
		put_line(level, event, fmt, ap);           \
		va_end(ap);                                \
	}

LOG_FN(log_debug, LOG_DEBUG_)
LOG_FN(log_info, LOG_INFO_)
LOG_FN(log_warn, LOG_WARN_)
LOG_FN(log_error, LOG_ERROR_)

static int
is_plain(const char *s)
{
	if (*s == '\0')
		return 0;
	for (; *s != '\0'; s++)
		if ((unsigned char)*s <= ' ' || *s == '"' || *s == '\\' || *s == '=' || *s == 127)
			return 0;
	return 1;
}

const char *
log_q(const char *value)
{
	static char ring[4][600];
	static unsigned next;
	char *out = ring[next++ % 4];
	size_t n = 0;

	if (value == NULL)
		return "-";
	if (is_plain(value) && strlen(value) < sizeof ring[0])
		return strcpy(out, value);
	out[n++] = '"';
	for (; *value != '\0' && n < sizeof ring[0] - 9; value++) {
		unsigned char c = (unsigned char)*value;

		if (c == '"' || c == '\\') {
			out[n++] = '\\';
			out[n++] = (char)c;
		} else if (c < ' ' || c == 127) {
			n += (size_t)snprintf(out + n, 5, "\\x%02x", c);
		} else {
			out[n++] = (char)c;
		}
	}
	if (*value != '\0') {
		memcpy(out + n, "...", 3);
		n += 3;
	}
	out[n++] = '"';
	out[n] = '\0';
	return out;
}

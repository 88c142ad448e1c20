#include "codec/spool.h"

#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/utf8.h"

#define STAMP_LEN 24 /* 2026-11-21T10:02:03.456Z */
#define LEVEL_COL (STAMP_LEN + 1)
#define TEXT_COL (LEVEL_COL + 5 + 1)

#define DAY_MS 86400000LL

static const struct {
	const char *name;
	char column[7]; /* with the blank behind it */
} levels[] = {
	[SPOOL_DEBUG] = { "DEBUG", "DEBUG " },
	[SPOOL_INFO] = { "INFO", "INFO  " },
	[SPOOL_WARN] = { "WARN", "WARN  " },
	[SPOOL_ERROR] = { "ERROR", "ERROR " },
};

const char *
spool_level_name(int level)
{
	return level >= SPOOL_DEBUG && level <= SPOOL_ERROR ? levels[level].name : "UNKNOWN";
}

int
spool_level_from_name(const char *name)
{
	for (int l = SPOOL_DEBUG; l <= SPOOL_ERROR; l++)
		if (strcasecmp(name, levels[l].name) == 0)
			return l;
	return -1;
}

/* Days since 1970-01-01 to year, month, day of the Gregorian calendar (years are counted from March, so that the leap
 * day is a year's last). */
static void
civil_of(int64_t days, int *year, int *month, int *day)
{
	int64_t z = days + 719468;                        /* since 0000-03-01 */
	int64_t era = (z >= 0 ? z : z - 146096) / 146097; /* 400 years */
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;

	*day = (int)(doy - (153 * mp + 2) / 5 + 1);
	*month = (int)(mp < 10 ? mp + 3 : mp - 9);
	*year = (int)(yoe + era * 400 + (*month <= 2));
}

static int64_t
days_of(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static char *
put_digits(char *at, int value, int width, char after)
{
	for (int i = width - 1; i >= 0; i--, value /= 10)
		at[i] = (char)('0' + value % 10);
	at[width] = after;
	return at + width + 1;
}

/* Writes STAMP_LEN + 1 characters (a blank behind). Times outside the years 0 to 9999 are moved to 1970. */
static void
put_stamp(char *at, int64_t at_ms)
{
	int year, month, day, ms;

	if (at_ms < -62167219200000LL || at_ms > 253402300799999LL)
		at_ms = 0;
	ms = (int)((at_ms % DAY_MS + DAY_MS) % DAY_MS);
	civil_of((at_ms - ms) / DAY_MS, &year, &month, &day);
	at = put_digits(at, year, 4, '-');
	at = put_digits(at, month, 2, '-');
	at = put_digits(at, day, 2, 'T');
	at = put_digits(at, ms / 3600000, 2, ':');
	at = put_digits(at, ms / 60000 % 60, 2, ':');
	at = put_digits(at, ms / 1000 % 60, 2, '.');
	at = put_digits(at, ms % 1000, 3, 'Z');
	*at = ' ';
}

void
spool_piece(struct buf *out, int64_t at_ms, int level, const char *text, size_t len, bool more)
{
	char *at = buf_room(out, TEXT_COL + len + 3);
	size_t n = TEXT_COL;

	if (at == NULL)
		return;
	if (level < SPOOL_DEBUG || level > SPOOL_ERROR)
		level = SPOOL_INFO;
	put_stamp(at, at_ms);
	memcpy(at + LEVEL_COL, levels[level].column, 6);
	if (len > 0)
		memcpy(at + n, text, len);
	n += len;
	if (more) {
		at[n++] = ' ';
		at[n++] = '\\';
	}
	at[n++] = '\n';
	at[n] = '\0';
	out->len += n;
}

size_t
spool_cut(const char *text, size_t len, size_t most)
{
	size_t n = most;

	if (len <= most)
		return len;
	/* Back to a byte that starts a character; after three steps it is no UTF-8 and any place is as good. */
	while (n > 0 && most - n < 3 && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	return ((unsigned char)text[n] & 0xc0) == 0x80 || n == 0 ? most : n;
}

static void
put_line(struct buf *out, int64_t at_ms, int level, const char *text, size_t len)
{
	while (len > LIMIT_LOG_LINE) {
		size_t n = spool_cut(text, len, LIMIT_LOG_LINE);

		spool_piece(out, at_ms, level, text, n, true);
		text += n;
		len -= n;
	}
	spool_piece(out, at_ms, level, text, len, false);
}

void
spool_put(struct buf *out, int64_t at_ms, int level, const char *text, size_t len)
{
	const char *nl;

	while (len > 0 && (nl = memchr(text, '\n', len)) != NULL) {
		size_t n = (size_t)(nl - text);

		put_line(out, at_ms, level, text, n);
		text += n + 1;
		len -= n + 1;
		if (len == 0)
			return;
	}
	put_line(out, at_ms, level, text, len);
}

static int
digits(const char *at, int n)
{
	int value = 0;

	for (int i = 0; i < n; i++) {
		if (at[i] < '0' || at[i] > '9')
			return -1;
		value = value * 10 + (at[i] - '0');
	}
	return value;
}

static int
parse_stamp(const char *s, int64_t *at_ms)
{
	int year = digits(s, 4), month = digits(s + 5, 2), day = digits(s + 8, 2);
	int hour = digits(s + 11, 2), minute = digits(s + 14, 2), second = digits(s + 17, 2), ms = digits(s + 20, 3);

	if (s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' || s[19] != '.' ||
	    s[23] != 'Z' || s[24] != ' ')
		return -1;
	if (year < 0 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 || minute < 0 ||
	    minute > 59 || second < 0 || second > 59 || ms < 0)
		return -1;
	*at_ms = days_of(year, month, day) * DAY_MS + ((hour * 60LL + minute) * 60 + second) * 1000 + ms;
	return 0;
}

void
spool_parse(const char *line, size_t len, struct spool_line *out)
{
	int64_t at_ms;

	*out = (struct spool_line){ .at_ms = 0, .level = SPOOL_INFO, .text = line, .len = len };
	if (len < TEXT_COL || parse_stamp(line, &at_ms) < 0)
		return;
	for (int l = SPOOL_DEBUG; l <= SPOOL_ERROR; l++)
		if (memcmp(line + LEVEL_COL, levels[l].column, 6) == 0)
			*out = (struct spool_line){ at_ms, (enum spool_level)l, line + TEXT_COL, len - TEXT_COL };
}

void
spool_to_utf8(struct buf *out, const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t from = 0, i = 0;

	while (i < len) {
		size_t n = s[i] != 0 ? utf8_length(s + i, len - i) : 0;

		if (n > 0) {
			i += n;
			continue;
		}
		buf_add(out, text + from, i - from);
		buf_add(out, "\xef\xbf\xbd", 3);
		from = ++i;
	}
	buf_add(out, text + from, len - from);
}

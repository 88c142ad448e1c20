#include "logline.h"

#include <ctype.h>
#include <string.h>

#include "base/limits.h"

#define STAMP "0000-00-00 00:00:00.000 ["
#define STAMP_LEN (sizeof STAMP - 1)

static bool
has_stamp(const char *line, size_t len)
{
	if (len < STAMP_LEN)
		return false;
	for (size_t i = 0; i < STAMP_LEN; i++)
		if (STAMP[i] == '0' ? !isdigit((unsigned char)line[i]) : line[i] != STAMP[i])
			return false;
	return true;
}

/* Behind "ADDRESS] LEVEL "; NULL when that is not there. */
static const char *
behind_level(const char *p, const char *end)
{
	const char *level = memchr(p, ']', (size_t)(end - p));

	if (level == NULL || end - level < 2 || level[1] != ' ')
		return NULL;
	level += 2;
	for (p = level; p < end && isupper((unsigned char)*p); p++)
		continue;
	return p > level && p < end && *p == ' ' ? p + 1 : NULL;
}

const char *
logline_text(const char *line, size_t len, size_t *text_len, bool *piece)
{
	const char *text = has_stamp(line, len) ? behind_level(line + STAMP_LEN, line + len) : NULL;

	if (text == NULL)
		text = line;
	len -= (size_t)(text - line);
	/* pj-run cuts lines over LIMIT_LOG_LINE, not within a character, and ends the pieces with " \". A line that the
	 * job ended so itself is shorter. */
	*piece = len >= LIMIT_LOG_LINE - 1 && memcmp(text + len - 2, " \\", 2) == 0;
	*text_len = *piece ? len - 2 : len;
	return text;
}

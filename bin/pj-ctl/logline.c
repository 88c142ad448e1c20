#include "logline.h"

#include <ctype.h>
#include <string.h>

#include "base/limits.h"
#include "codec/json.h"
#include "out.h"

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

/* --- rows for scripts -------------------------------------------------------------------------------------------- */

struct part {
	const char *name, *at; /* at NULL: the line does not have it */
	size_t len;
};

/* time, worker, level, text; returns whether the line is a piece. */
static bool
split(const char *line, size_t len, struct part part[4])
{
	bool piece;
	size_t text_len;
	const char *text = logline_text(line, len, &text_len, &piece);
	const char *worker = line + STAMP_LEN, *bracket;

	part[0] = (struct part){ "time", NULL, 0 };
	part[1] = (struct part){ "worker", NULL, 0 };
	part[2] = (struct part){ "level", NULL, 0 };
	part[3] = (struct part){ "text", text, text_len };
	if (text == line)
		return piece;
	bracket = memchr(worker, ']', (size_t)(text - worker));
	part[0].at = line;
	part[0].len = STAMP_LEN - 2;
	part[1].at = worker;
	part[1].len = (size_t)(bracket - worker);
	part[2].at = bracket + 2;
	part[2].len = (size_t)(text - 1 - part[2].at);
	return piece;
}

void
logline_json(const char *line, size_t len, struct buf *out)
{
	struct part part[4];
	bool piece = split(line, len, part);
	struct jw w;

	jw_init(&w, out);
	jw_obj(&w);
	for (int i = 0; i < 4; i++) {
		if (part[i].at == NULL)
			jw_null(&w, part[i].name);
		else
			jw_str_n(&w, part[i].name, part[i].at, part[i].len);
	}
	jw_bool(&w, "cut", piece);
	jw_end(&w);
	buf_addc(out, '\n');
}

void
logline_tsv(const char *line, size_t len, struct buf *out)
{
	struct part part[4];
	bool piece = split(line, len, part);

	for (int i = 0; i < 4; i++) {
		if (part[i].at != NULL)
			out_escape(part[i].at, part[i].len, out);
		buf_addc(out, '\t');
	}
	buf_adds(out, piece ? "true\n" : "false\n");
}

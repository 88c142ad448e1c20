/* The spool: one append-only text file per attempt on the worker, `<instance>.<attempt>.log`, made at the first byte.
 * A line: `2026-11-21T10:02:03.456Z INFO  text\n`: UTC, then the level in 5 columns, then the text as the job wrote it.
 * A longer line than LIMIT_LOG_LINE is cut into pieces; every piece but the last ends with ` \\` (blank, backslash).
 * pj-spool(5) is its manual page. libc only. */
#ifndef PJ_CODEC_SPOOL_H
#define PJ_CODEC_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum spool_level { SPOOL_DEBUG = 1, SPOOL_INFO = 2, SPOOL_WARN = 3, SPOOL_ERROR = 4 }; /* PowerJob's codes */

struct spool_line {
	int64_t at_ms;
	enum spool_level level;
	const char *text; /* borrowed from the line; not NUL-terminated */
	size_t len;       /* without the newline */
};

const char *spool_level_name(int level); /* DEBUG INFO WARN ERROR, else UNKNOWN */
int spool_level_from_name(const char *name); /* 1..4, -1 unknown; any case */
/* Appends the text as one line, or as several: at its newlines (one at its end adds none) and every LIMIT_LOG_LINE
 * bytes. Cuts do not part a UTF-8 character. */
void spool_put(struct buf *out, int64_t at_ms, int level, const char *text, size_t len);
/* Appends one line or, with more, one marked piece of it. The text has no newline and at most LIMIT_LOG_LINE bytes. */
void spool_piece(struct buf *out, int64_t at_ms, int level, const char *text, size_t len, bool more);
/* How much of text[0..len) goes into a piece of at most `most` bytes without parting a UTF-8 character. */
size_t spool_cut(const char *text, size_t len, size_t most);
/* Parses one line (without its newline). A line that has not this form is taken as INFO text with at_ms = 0. */
void spool_parse(const char *line, size_t len, struct spool_line *out);
/* Appends text as valid UTF-8: NUL and every invalid byte become U+FFFD. */
void spool_to_utf8(struct buf *out, const char *text, size_t len);

#endif

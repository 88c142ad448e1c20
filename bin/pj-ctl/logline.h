/* Lines of a stored log: `2026-11-21 11:21:11.962 [HOST:PORT] LEVEL text`, as pj-serverd writes them. */
#ifndef PJ_CTL_LOGLINE_H
#define PJ_CTL_LOGLINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* What the job wrote of this line; borrowed from it. A line of another form (one of several that were logged together)
 * is text as a whole. *piece: a piece of a longer line, and not its last: the text is without the mark, and no newline
 * follows. */
const char *logline_text(const char *line, size_t len, size_t *text_len, bool *piece);

/* The line as one row for scripts, with its newline: JSON members or TSV columns time, worker, level (null, or nothing,
 * of a line of another form), text, cut (a piece of a longer line: the next row goes on with it). Appended to out. */
void logline_json(const char *line, size_t len, struct buf *out);
void logline_tsv(const char *line, size_t len, struct buf *out);
#define LOGLINE_TSV_HEADER "time\tworker\tlevel\ttext\tcut\n"

#endif

/* Lines of a stored log: `2026-11-21 11:21:11.962 [HOST:PORT] LEVEL text`, as pj-serverd writes them. */
#ifndef PJ_CTL_LOGLINE_H
#define PJ_CTL_LOGLINE_H

#include <stdbool.h>
#include <stddef.h>

/* What the job wrote of this line; borrowed from it. A line of another form (one of several that were logged together)
 * is text as a whole. *piece: a piece of a longer line, and not its last: the text is without the mark, and no newline
 * follows. */
const char *logline_text(const char *line, size_t len, size_t *text_len, bool *piece);

#endif

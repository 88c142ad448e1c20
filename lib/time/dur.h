/* Durations as people write them. */
#ifndef PJ_TIME_DUR_H
#define PJ_TIME_DUR_H

#include <stdint.h>

#include "base/err.h"

#define DUR_MAX_MS (100LL * 366 * 86400 * 1000)
#define DUR_SIZE 48

/* "90s", "1m30s", "500ms", "2h", "1d12h", "2w"; a plain number is seconds. Units w d h m s ms, each once, large to
 * small. Returns ms (0 and up, at most DUR_MAX_MS), or -1 with ERR_DATA. */
int64_t dur_parse_ms(const char *text, struct err *e);
/* The shortest such text, "0s" for 0; a negative one is written with "-" in front. Returns buf. */
char *dur_print(char buf[DUR_SIZE], int64_t ms);

#endif

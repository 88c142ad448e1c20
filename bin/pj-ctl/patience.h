/* A word on standard error while a server that was asked says nothing: it may be stopped, or its disk may. */
#ifndef PJ_CTL_PATIENCE_H
#define PJ_CTL_PATIENCE_H

#include <stdint.h>

#define PATIENCE_MS 3000 /* a server that has nothing to wait for has answered by then */

/* From now on: after quiet_ms without patience_end it is said, once until an answer has come. `where` and total_ms (how
 * long the answer is waited for in all) are in the text. */
void patience_begin(const char *where, int64_t quiet_ms, int64_t total_ms);
/* The request is over; answered: it has an answer. */
void patience_end(int answered);

#endif

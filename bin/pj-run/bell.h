/* Tells pj-workerd that a result is in its slot. */
#ifndef PJ_RUN_BELL_H
#define PJ_RUN_BELL_H

#include <stdbool.h>
#include <stdint.h>

/* Sends `PJ1 ring slot=<slot> seq=<seq>` to the datagram socket at path and waits up to 100 ms for `PJ1 ack seq=<seq>`;
 * true when that came. A socket that is missing, dead or full costs no more than that (a full one 50 ms on top). */
bool bell_ring(const char *path, const char *slot, int64_t seq);

#endif

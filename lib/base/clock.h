/* The three times. They never mix: wall decides nominal times only, mono ages and time-outs inside a process, boot
 * ages across processes of one boot. A virtual clock drives tests and simulation. */
#ifndef PJ_BASE_CLOCK_H
#define PJ_BASE_CLOCK_H

#include <stdint.h>

struct now {
	int64_t at_ms;   /* wall clock, ms since the epoch */
	int64_t mono_ms; /* CLOCK_MONOTONIC, ms */
};

int64_t clock_wall_ms(void);
int64_t clock_mono_ms(void);
int64_t clock_boot_ms(void); /* CLOCK_BOOTTIME: goes on during suspend, same in all processes */
struct now clock_now(void);
/* The boot id of the kernel, 36 characters; "unknown" where /proc is missing. Static storage. */
const char *clock_boot_id(void);

#endif

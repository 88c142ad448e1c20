/* What a worker host tells of itself: processors, memory, disk. */
#ifndef PJ_HEALTH_SAMPLE_H
#define PJ_HEALTH_SAMPLE_H

#include "job/worker.h"

/* Fills the metrics (all but `extra`); what cannot be read is 0, load -1. Memory is that of the smallest cgroup limit that
 * holds us, else the machine's; disk is the file system of dir. */
void sample_take(struct worker_metrics *m, const char *dir);

#endif

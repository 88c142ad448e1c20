/* What a worker host tells of itself: processors, memory, disk. */
#ifndef PJ_HEALTH_SAMPLE_H
#define PJ_HEALTH_SAMPLE_H

#include "job/worker.h"

/* Fills the metrics (all but `extra`); what cannot be read is 0, load -1. Memory is that of the smallest cgroup limit that
 * holds us, else the machine's; disk is the file system of dir. */
void sample_take(struct worker_metrics *m, const char *dir);
/* Memory of the cgroup tree at root ("/sys/fs/cgroup" but for tests), of the groups named by the text of
 * /proc/self/cgroup. False: no limit. */
bool sample_cgroup(const char *root, const char *groups, double *used_bytes, double *max_bytes);

#endif

/* The memory that a control group allows us, cgroup v2 and v1. */
#ifndef PJ_BASE_CGROUP_H
#define PJ_BASE_CGROUP_H

#include <stdbool.h>

/* The smallest limit of the groups that hold us: of those named by the text of /proc/self/cgroup, each up to the root of
 * the tree at `root` ("/sys/fs/cgroup" but for tests). False: no limit. used_bytes is without the cache of files. */
bool cgroup_memory(const char *root, const char *groups, double *used_bytes, double *max_bytes);
/* `key N` or `key: N` in a text of such lines; 0 when it is not there. */
double cgroup_value(const char *text, const char *key);

#endif

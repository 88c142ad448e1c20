#include "sample.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/file.h"

#define GIB (1024.0 * 1024.0 * 1024.0)

static double
round4(double v)
{
	return (double)(int64_t)(v * 10000.0 + (v < 0 ? -0.5 : 0.5)) / 10000.0;
}

static bool
read_text(const char *path, struct buf *out)
{
	buf_clear(out);
	return file_read(path, 65536, out, NULL) == 0;
}

static void
take_memory(struct worker_metrics *m)
{
	struct buf b = BUF_INIT;
	double used = 0, max = 0, total = 0, available = 0;

	if (read_text("/proc/meminfo", &b)) {
		total = cgroup_value(buf_str(&b), "MemTotal") * 1024;
		available = cgroup_value(buf_str(&b), "MemAvailable") * 1024;
	}
	if (!read_text("/proc/self/cgroup", &b) || !cgroup_memory("/sys/fs/cgroup", buf_str(&b), &used, &max)
	    || (total > 0 && max > total)) {
		max = total;
		used = total - available;
	}
	buf_fini(&b);
	m->mem_max_gb = round4(max / GIB);
	m->mem_used_gb = round4(used / GIB);
	m->mem_usage = max > 0 ? round4(used / max) : 0;
}

static void
take_disk(struct worker_metrics *m, const char *dir)
{
	struct statvfs v;
	double total, free_bytes;

	if (statvfs(dir, &v) < 0 || v.f_blocks == 0)
		return;
	total = (double)v.f_blocks * (double)v.f_frsize;
	free_bytes = (double)v.f_bavail * (double)v.f_frsize;
	m->disk_total_gb = round4(total / GIB);
	m->disk_used_gb = round4((total - free_bytes) / GIB);
	m->disk_usage = round4((total - free_bytes) / total);
}

void
sample_take(struct worker_metrics *m, const char *dir)
{
	double load = -1, spare;

	memset(m, 0, sizeof *m);
	m->cpu_processors = sysconf(_SC_NPROCESSORS_ONLN);
	if (getloadavg(&load, 1) != 1)
		load = -1;
	m->cpu_load = round4(load);
	take_memory(m);
	take_disk(m, dir);
	/* PowerJob's formula (protocol.md 3.1). */
	spare = (double)m->cpu_processors - load;
	if (spare > (double)m->cpu_processors)
		spare = 1;
	m->score = (int64_t)(2 * (m->mem_max_gb - m->mem_used_gb) + spare);
}

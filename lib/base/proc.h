/* Processes known by pid *and* start time, so that a recycled pid is never taken for the old process. */
#ifndef PJ_BASE_PROC_H
#define PJ_BASE_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct proc_id {
	pid_t pid;           /* 0: none */
	uint64_t start;      /* /proc/PID/stat field 22, clock ticks since boot */
};

struct proc_stat {
	struct proc_id id;
	pid_t ppid, pgrp, session;
	char state; /* R S D Z T ... */
	uid_t uid;
};

int proc_stat(pid_t pid, struct proc_stat *out); /* 0, or -1 gone or unreadable */
int proc_self(struct proc_id *out);
bool proc_alive(struct proc_id id); /* a process of this pid and start time exists and is no zombie */
/* A pidfd of exactly this process (checked after the open), close-on-exec; -1 when it is gone. */
int proc_open(struct proc_id id);
/* Sends a signal through a checked pidfd; 0 sent, 1 already gone, -1 errno. */
int proc_signal(struct proc_id id, int sig);

/* Calls fn for every process of the system; fn returns false to end the walk. -1 when /proc cannot be read. */
int proc_each(bool (*fn)(const struct proc_stat *, void *), void *arg);
/* Signals every live descendant of `root` (root itself not); returns how many were signalled. */
int proc_signal_descendants(pid_t root, int sig);
/* True when /proc/PID/environ has the exact entry (KEY=VALUE). */
bool proc_has_env(pid_t pid, const char *entry);
/* Signals every process of our uid, other than the caller, whose environment has `entry` or whose session is `session`
 * (0: not looked at) and that started at or after since_start. Returns how many were signalled. */
int proc_signal_marked(const char *entry, pid_t session, uint64_t since_start, int sig);
/* Closes every descriptor >= lowest except keep[0..n). */
void proc_close_fds(int lowest, const int *keep, int n);

#endif

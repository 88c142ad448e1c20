#include "base/proc.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENVIRON_MAX (4 * 1024 * 1024) /* of an environment we look through */

/* --- one process ---------------------------------------------------------------------------------------------- */

static ssize_t
read_small(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	do
		n = read(fd, text, size - 1);
	while (n < 0 && errno == EINTR);
	close(fd);
	if (n >= 0)
		text[n] = '\0';
	return n;
}

static const char *
skip_fields(const char *p, int n)
{
	for (; p != NULL && n > 0; n--)
		p = (p = strchr(p, ' ')) != NULL ? p + 1 : NULL;
	return p;
}

/* Fields 3 to 6 and 22 of /proc/PID/stat. The name in field 2 may hold anything: the last `)' ends it. Not scanf: this
 * is on the way of every start. */
static int
parse_stat(const char *text, struct proc_stat *out)
{
	const char *state = strrchr(text, ')') != NULL ? skip_fields(strrchr(text, ')'), 1) : NULL;
	const char *ppid = skip_fields(state, 1), *pgrp = skip_fields(ppid, 1), *session = skip_fields(pgrp, 1);
	const char *start = skip_fields(session, 16);

	if (start == NULL)
		return -1;
	out->state = *state;
	out->ppid = (pid_t)strtol(ppid, NULL, 10);
	out->pgrp = (pid_t)strtol(pgrp, NULL, 10);
	out->session = (pid_t)strtol(session, NULL, 10);
	out->id.start = strtoull(start, NULL, 10);
	return 0;
}

int
proc_stat(pid_t pid, struct proc_stat *out)
{
	char path[32], text[1024];
	struct stat st;

	*out = (struct proc_stat){ .id = { .pid = pid } };
	/* The directory keeps the process's user even where its files are root's (after a change of user). */
	snprintf(path, sizeof path, "/proc/%d", (int)pid);
	if (pid <= 0 || stat(path, &st) < 0)
		return -1;
	out->uid = st.st_uid;
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	if (read_small(path, text, sizeof text) <= 0)
		return -1;
	return parse_stat(text, out);
}

int
proc_self(struct proc_id *out)
{
	struct proc_stat st;
	char text[1024];

	*out = (struct proc_id){ .pid = getpid() };
	if (read_small("/proc/self/stat", text, sizeof text) <= 0 || parse_stat(text, &st) < 0)
		return -1;
	out->start = st.id.start;
	return 0;
}

static bool
is_live(const struct proc_stat *st)
{
	return st->state != 'Z' && st->state != 'X' && st->state != 'x';
}

bool
proc_alive(struct proc_id id)
{
	struct proc_stat st;

	return id.pid > 0 && proc_stat(id.pid, &st) == 0 && st.id.start == id.start && is_live(&st);
}

int
proc_open(struct proc_id id)
{
	int fd = id.pid > 0 ? pidfd_open(id.pid, 0) : -1;

	if (id.pid <= 0)
		errno = ESRCH;
	if (fd < 0)
		return -1;
	/* The descriptor is of whoever had the pid when it was opened: with our start time it is he. */
	if (!proc_alive(id)) {
		close(fd);
		errno = ESRCH;
		return -1;
	}
	return fd;
}

int
proc_signal(struct proc_id id, int sig)
{
	int fd = proc_open(id);
	int rc, why;

	if (fd < 0)
		return errno == ESRCH ? 1 : -1;
	rc = pidfd_send_signal(fd, sig, NULL, 0);
	why = errno;
	close(fd);
	errno = why;
	return rc == 0 ? 0 : why == ESRCH ? 1 : -1;
}

/* --- many ----------------------------------------------------------------------------------------------------- */

int
proc_each(bool (*fn)(const struct proc_stat *, void *), void *arg)
{
	DIR *dir = opendir("/proc");
	struct proc_stat st;
	struct dirent *d;
	bool more = true;

	if (dir == NULL)
		return -1;
	while (more && (errno = 0, d = readdir(dir)) != NULL)
		if (isdigit((unsigned char)d->d_name[0]) && proc_stat((pid_t)atoi(d->d_name), &st) == 0)
			more = fn(&st, arg);
	if (more && errno != 0) {
		closedir(dir);
		return -1;
	}
	closedir(dir);
	return 0;
}

struct table {
	struct proc_stat *at;
	size_t n, cap;
};

static bool
add_to_table(const struct proc_stat *st, void *arg)
{
	struct table *t = arg;

	if (t->n == t->cap) {
		size_t cap = t->cap > 0 ? t->cap * 2 : 256;
		struct proc_stat *at = realloc(t->at, cap * sizeof *at);

		if (at == NULL)
			return false;
		t->at = at;
		t->cap = cap;
	}
	t->at[t->n++] = *st;
	return true;
}

static bool
is_child_of_first(const struct table *t, size_t first, pid_t root, size_t i)
{
	if (t->at[i].ppid == root)
		return true;
	for (size_t k = 0; k < first; k++)
		if (t->at[k].id.pid == t->at[i].ppid)
			return true;
	return false;
}

/* Moves the descendants of root to the front, parents before children; returns how many. */
static size_t
gather_descendants(struct table *t, pid_t root)
{
	size_t first = 0, before;

	do {
		before = first;
		for (size_t i = first; i < t->n; i++)
			if (is_child_of_first(t, first, root, i)) {
				struct proc_stat st = t->at[i];

				t->at[i] = t->at[first];
				t->at[first++] = st;
			}
	} while (first > before);
	return first;
}

int
proc_signal_descendants(pid_t root, int sig)
{
	struct table t = { NULL, 0, 0 };
	int signalled = 0;
	size_t n;

	if (proc_each(add_to_table, &t) < 0 && t.n == 0)
		return 0;
	n = gather_descendants(&t, root);
	for (size_t i = 0; i < n; i++)
		if (is_live(&t.at[i]) && proc_signal(t.at[i].id, sig) == 0)
			signalled++;
	free(t.at);
	return signalled;
}

/* --- marks ---------------------------------------------------------------------------------------------------- */

/* The whole environment, NULs between the entries; NULL when it cannot be read. The caller frees. */
static char *
read_environ(pid_t pid, size_t *len)
{
	size_t cap = 8192;
	char path[40], *text;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	text = fd >= 0 ? malloc(cap) : NULL;
	*len = 0;
	while (text != NULL) {
		ssize_t n = read(fd, text + *len, cap - *len);
		char *more;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		*len += (size_t)n;
		if (*len < cap || cap >= ENVIRON_MAX)
			continue;
		more = realloc(text, cap * 2);
		if (more == NULL)
			break;
		text = more;
		cap *= 2;
	}
	if (fd >= 0)
		close(fd);
	return text;
}

bool
proc_has_env(pid_t pid, const char *entry)
{
	size_t want = strlen(entry), len;
	char *text = read_environ(pid, &len);
	bool found = false;

	for (size_t at = 0; text != NULL && !found && at < len;) {
		size_t n = strnlen(text + at, len - at);

		found = n == want && memcmp(text + at, entry, n) == 0;
		at += n + 1;
	}
	free(text);
	return found;
}

struct mark {
	const char *entry;
	pid_t session, self;
	uint64_t since;
	uid_t uid;
	int sig, signalled;
};

static bool
signal_if_marked(const struct proc_stat *st, void *arg)
{
	struct mark *m = arg;

	if (st->uid != m->uid || st->id.pid == m->self || st->id.start < m->since || !is_live(st))
		return true;
	if ((m->session != 0 && st->session == m->session) || (m->entry != NULL && proc_has_env(st->id.pid, m->entry)))
		m->signalled += proc_signal(st->id, m->sig) == 0;
	return true;
}

int
proc_signal_marked(const char *entry, pid_t session, uint64_t since_start, int sig)
{
	struct mark m = { entry, session, getpid(), since_start, geteuid(), sig, 0 };

	proc_each(signal_if_marked, &m);
	return m.signalled;
}

/* --- descriptors ---------------------------------------------------------------------------------------------- */

static bool
is_kept(int fd, const int *keep, int n)
{
	for (int i = 0; i < n; i++)
		if (keep[i] == fd)
			return true;
	return false;
}

/* Before Linux 5.9, or where a filter forbids close_range. */
static void
close_one_by_one(int lowest, const int *keep, int n)
{
	DIR *dir = opendir("/proc/self/fd");
	long last = sysconf(_SC_OPEN_MAX);
	struct dirent *d;

	if (dir == NULL) {
		for (int fd = lowest; fd < (last > 0 ? last : 1024); fd++)
			if (!is_kept(fd, keep, n))
				close(fd);
		return;
	}
	while ((d = readdir(dir)) != NULL) {
		int fd = isdigit((unsigned char)d->d_name[0]) ? atoi(d->d_name) : -1;

		if (fd >= lowest && fd != dirfd(dir) && !is_kept(fd, keep, n))
			close(fd);
	}
	closedir(dir);
}

void
proc_close_fds(int lowest, const int *keep, int n)
{
	int from = lowest;

	for (;;) {
		int next = -1;

		for (int i = 0; i < n; i++)
			if (keep[i] >= from && (next < 0 || keep[i] < next))
				next = keep[i];
		if (next != from && close_range((unsigned)from, next < 0 ? ~0U : (unsigned)next - 1, 0) < 0) {
			close_one_by_one(from, keep, n);
			return;
		}
		if (next < 0)
			return;
		from = next + 1;
	}
}

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int
file_read(const char *path, size_t max_bytes, struct buf *out, struct err *e)
{
	size_t start = out->len;
	ssize_t n;
	char *at;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, errno, "cannot open %s", path);
	for (;;) {
		at = buf_room(out, 4096);
		if (at == NULL) {
			close(fd);
			return err_set(e, ERR_NOMEM, "out of memory reading %s", path);
		}
		n = read(fd, at, 4096);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		out->len += (size_t)n;
		if (out->len - start > max_bytes) {
			close(fd);
			return err_set(e, ERR_TOOBIG, "%s is larger than %zu bytes", path, max_bytes);
		}
	}
	out->data[out->len] = '\0';
	if (n < 0) {
		err_sys(e, ERR_IO, errno, "cannot read %s", path);
		close(fd);
		return -1;
	}
	close(fd);
	return 0;
}

int
file_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static void
parent_of(const char *path, char *dir, size_t size)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		snprintf(dir, size, ".");
	else if (slash == path)
		snprintf(dir, size, "/");
	else
		snprintf(dir, size, "%.*s", (int)(slash - path), path);
}

int
file_sync_dir(const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = 0;

	if (fd < 0)
		return err_sys(e, ERR_IO, errno, "cannot open directory %s", path);
	if (fsync(fd) < 0)
		rc = err_sys(e, ERR_IO, errno, "cannot sync directory %s", path);
	close(fd);
	return rc;
}

/* Writes fd's contents and closes it; on failure the file is removed. */
static int
fill_and_close(int fd, const char *path, const void *data, size_t len, int sync, struct err *e)
{
	int rc = file_write_all(fd, data, len);

	if (rc == 0 && sync)
		rc = fsync(fd);
	if (rc < 0)
		err_sys(e, ERR_IO, errno, "cannot write %s", path);
	if (close(fd) < 0 && rc == 0)
		rc = err_sys(e, ERR_IO, errno, "cannot write %s", path);
	if (rc < 0)
		unlink(path);
	return rc;
}

static int
replace(const char *path, const void *data, size_t len, mode_t mode, int sync, struct err *e)
{
	char tmp[PATH_MAX], dir[PATH_MAX];
	int fd;

	if (file_path(tmp, sizeof tmp, e, "%s.%d.tmp", path, (int)getpid()) < 0)
		return -1;
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return err_sys(e, ERR_IO, errno, "cannot create %s", tmp);
	if (fill_and_close(fd, tmp, data, len, sync, e) < 0)
		return -1;
	if (rename(tmp, path) < 0) {
		err_sys(e, ERR_IO, errno, "cannot rename %s to %s", tmp, path);
		unlink(tmp);
		return -1;
	}
	if (!sync)
		return 0;
	parent_of(path, dir, sizeof dir);
	return file_sync_dir(dir, e);
}

int
file_replace(const char *path, const void *data, size_t len, mode_t mode, struct err *e)
{
	return replace(path, data, len, mode, 1, e);
}

int
file_replace_fast(const char *path, const void *data, size_t len, mode_t mode, struct err *e)
{
	return replace(path, data, len, mode, 0, e);
}

int
file_create_once(const char *path, const void *data, size_t len, mode_t mode, struct err *e)
{
	char tmp[PATH_MAX], dir[PATH_MAX];
	int fd, rc;

	if (file_path(tmp, sizeof tmp, e, "%s.%d.tmp", path, (int)getpid()) < 0)
		return -1;
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return err_sys(e, ERR_IO, errno, "cannot create %s", tmp);
	if (fill_and_close(fd, tmp, data, len, 1, e) < 0)
		return -1;
	/* link(2) fails when the name is taken: whoever comes second keeps the first one's file. */
	rc = link(tmp, path) == 0 ? 0 : errno == EEXIST ? 1 : -1;
	if (rc < 0)
		err_sys(e, ERR_IO, errno, "cannot create %s", path);
	unlink(tmp);
	if (rc != 0)
		return rc;
	parent_of(path, dir, sizeof dir);
	return file_sync_dir(dir, e);
}

int
file_mkdirs(const char *path, struct err *e)
{
	char part[PATH_MAX];

	if (file_path(part, sizeof part, e, "%s", path) < 0)
		return -1;
	for (char *p = part + 1; *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(part, 0700) < 0 && errno != EEXIST)
			return err_sys(e, ERR_OS, errno, "cannot make directory %s", part);
		*p = '/';
	}
	if (mkdir(part, 0700) < 0 && errno != EEXIST)
		return err_sys(e, ERR_OS, errno, "cannot make directory %s", part);
	return 0;
}

int
file_lock(const char *path, struct err *e)
{
	char holder[32] = "";
	ssize_t n;
	int fd;

	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(e, ERR_OS, errno, "cannot open lock file %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int why = errno;

		n = pread(fd, holder, sizeof holder - 1, 0);
		holder[n > 0 ? (size_t)n : 0] = '\0';
		holder[strcspn(holder, "\n")] = '\0';
		close(fd);
		if (why != EWOULDBLOCK)
			return err_sys(e, ERR_OS, why, "cannot lock %s", path);
		return err_set(e, ERR_BUSY, "already running here: %s is locked by pid %s", path,
		    holder[0] != '\0' ? holder : "?");
	}
	n = snprintf(holder, sizeof holder, "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, holder, (size_t)n, 0) != n)
		err_set(NULL, ERR_IO, "-"); /* the pid is only a courtesy to the next reader */
	return fd;
}

int
file_path(char *path, size_t size, struct err *e, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(path, size, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= size)
		return err_set(e, ERR_TOOBIG, "path is longer than %zu bytes: %.200s...", size - 1, path);
	return 0;
}

#include "logfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/id.h"
#include "base/log.h"
#include "store/logindex.h"

/* --- directories ----------------------------------------------------------------------------------------------- */

int
logdir_init(struct logdir *d, const char *state, struct err *e)
{
	d->day[0] = '\0';
	if (file_path(d->path, sizeof d->path, e, "%s/server-log", state) != 0)
		return -1;
	return file_mkdirs(d->path, e);
}

static void
day_of(int64_t id, char day[16])
{
	time_t t = (time_t)(id_ms(id) / 1000);
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(day, 16, "%Y-%m-%d", &tm);
}

int
logdir_path(const struct logdir *d, int64_t id, char *out, size_t size, struct err *e)
{
	char day[16];

	day_of(id, day);
	return file_path(out, size, e, "%s/%s/%lld.log", d->path, day, (long long)id);
}

static int
make_day(struct logdir *d, int64_t id, struct err *e)
{
	char day[16], path[4096];

	day_of(id, day);
	if (strcmp(day, d->day) == 0)
		return 0;
	if (file_path(path, sizeof path, e, "%s/%s", d->path, day) != 0 || file_mkdirs(path, e) != 0 ||
	    file_sync_dir(d->path, e) != 0)
		return -1;
	memcpy(d->day, day, sizeof day);
	return 0;
}

/* --- one file -------------------------------------------------------------------------------------------------- */

void
logfile_cut(struct logfile *f, int64_t length)
{
	/* What stays behind `length` is overwritten by the next append and never shown: no need to fail. */
	if (f->fd >= 0 && ftruncate(f->fd, length) != 0)
		log_warn("log_cut", "instance=%lld error=%m", (long long)f->id);
}

int
logfile_open(struct logfile *f, const struct logdir *d, struct db *db, int64_t id, struct err *e)
{
	char path[4096];
	struct stat st;

	memset(f, 0, sizeof *f);
	f->fd = -1;
	f->id = id;
	if (logindex_length(db, id, &f->committed, &f->at_ms, e) != 0 || logdir_path(d, id, path, sizeof path, e) != 0)
		return -1;
	f->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (f->fd < 0 && errno != ENOENT)
		return err_sys(e, ERR_IO, errno, "cannot open %s", path);
	if (f->fd >= 0 && fstat(f->fd, &st) != 0) {
		err_sys(e, ERR_IO, errno, "cannot look at %s", path);
		close(f->fd);
		return -1;
	}
	f->length = f->committed;
	if (f->fd >= 0 && st.st_size > f->length)
		logfile_cut(f, f->length);
	if (f->length > (f->fd >= 0 ? st.st_size : 0)) {
		log_warn("log_short", "file=%s stored=%lld found=%lld", log_q(path), (long long)f->length,
		    f->fd >= 0 ? (long long)st.st_size : 0LL);
		f->length = f->committed = f->fd >= 0 ? st.st_size : 0;
	}
	f->before = f->length;
	return 0;
}

void
logfile_close(struct logfile *f)
{
	struct logsource *next;

	for (struct logsource *s = f->sources; s != NULL; s = next) {
		next = s->next;
		free(s->spool);
		free(s);
	}
	f->sources = NULL;
	buf_fini(&f->pending);
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

struct logsource *
logfile_source(struct logfile *f, struct db *db, const char *spool, int64_t attempt, struct err *e)
{
	struct logsource *s;

	for (s = f->sources; s != NULL; s = s->next)
		if (strcmp(s->spool, spool) == 0)
			return s;
	s = calloc(1, sizeof *s);
	if (s == NULL || (s->spool = strdup(spool)) == NULL) {
		free(s);
		err_set(e, ERR_NOMEM, "out of memory");
		return NULL;
	}
	if (logindex_offset(db, f->id, spool, &s->offset, e) != 0) {
		free(s->spool);
		free(s);
		return NULL;
	}
	s->before = s->offset;
	s->attempt = attempt;
	s->next = f->sources;
	f->sources = s;
	return s;
}

static int
create(struct logfile *f, struct logdir *d, struct err *e)
{
	char path[4096];

	if (make_day(d, f->id, e) != 0 || logdir_path(d, f->id, path, sizeof path, e) != 0)
		return -1;
	f->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (f->fd < 0 && errno == ENOENT) { /* somebody removed the day's directory */
		d->day[0] = '\0';
		if (make_day(d, f->id, e) != 0)
			return -1;
		f->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	}
	return f->fd >= 0 ? 0 : err_sys(e, ERR_IO, errno, "cannot make %s", path);
}

static int
write_at(int fd, const char *data, size_t len, int64_t at)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, data, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		data += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int
logfile_flush(struct logfile *f, struct logdir *d, struct db *db, int64_t at_ms, struct err *e)
{
	if (!buf_ok(&f->pending))
		return err_set(e, ERR_NOMEM, "out of memory");
	for (struct logsource *s = f->sources; s != NULL; s = s->next)
		if (s->offset != s->before && logindex_set_offset(db, f->id, s->spool, s->attempt, s->offset, e) != 0)
			return -1;
	if (f->pending.len == 0)
		return 0;
	if (f->fd < 0 && create(f, d, e) != 0)
		return -1;
	if (logindex_set_length(db, f->id, f->length + (int64_t)f->pending.len, at_ms, e) != 0)
		return -1;
	f->at_ms = at_ms;
	if (write_at(f->fd, f->pending.data, f->pending.len, f->length) != 0)
		return err_sys(e, ERR_IO, errno, "cannot write the log of instance %lld", (long long)f->id);
	f->length += (int64_t)f->pending.len;
	return 0;
}

/* --- repair ---------------------------------------------------------------------------------------------------- */

#define REPAIR_DAYS 3     /* older files are looked at when somebody reads them or writes to them */
#define REPAIR_WINDOW 600 /* seconds before the newest write: nothing older can be of the turn that crashed */

struct repair {
	int (*length)(void *arg, int64_t id, int64_t *out, struct err *e);
	void *arg;
	time_t newest; /* 0: the first pass looks for it */
	int cut;
};

static int
repair_file(struct repair *r, int dir, const char *name, struct err *e)
{
	struct stat st;
	char *end;
	int64_t id = strtoll(name, &end, 10), length;
	int fd;

	if (end == name || strcmp(end, ".log") != 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    !S_ISREG(st.st_mode) || st.st_mtime < r->newest - REPAIR_WINDOW)
		return 0;
	if (r->length(r->arg, id, &length, e) != 0)
		return -1;
	if (st.st_size <= length)
		return 0;
	r->cut++;
	if (length == 0)
		return unlinkat(dir, name, 0) == 0 ? 0 : err_sys(e, ERR_IO, errno, "cannot remove %s", name);
	fd = openat(dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || ftruncate(fd, length) != 0) {
		err_sys(e, ERR_IO, errno, "cannot cut %s", name);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	close(fd);
	return 0;
}

static void
newest_file(struct repair *r, int dir, const char *name)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) && st.st_mtime > r->newest)
		r->newest = st.st_mtime;
}

static int
walk_day(struct repair *r, const char *path, bool look_only, struct err *e)
{
	DIR *dir = opendir(path);
	struct dirent *de;
	int rc = 0;

	if (dir == NULL)
		return err_sys(e, ERR_IO, errno, "cannot read %s", path);
	while (rc == 0 && (de = readdir(dir)) != NULL) {
		if (look_only)
			newest_file(r, dirfd(dir), de->d_name);
		else
			rc = repair_file(r, dirfd(dir), de->d_name, e);
	}
	closedir(dir);
	return rc;
}

static int
is_day(const struct dirent *de)
{
	return strlen(de->d_name) == 10 && de->d_name[4] == '-' && de->d_name[7] == '-';
}

int
logdir_repair(struct logdir *d, int (*length)(void *arg, int64_t id, int64_t *out, struct err *e), void *arg,
    struct err *e)
{
	struct repair r = { .length = length, .arg = arg };
	struct dirent **day;
	char path[4096];
	int n = scandir(d->path, &day, is_day, alphasort), rc = 0;

	if (n < 0)
		return err_sys(e, ERR_IO, errno, "cannot read %s", d->path);
	for (int pass = 0; pass < 2 && rc == 0; pass++)
		for (int i = n - 1; i >= 0 && i >= n - REPAIR_DAYS && rc == 0; i--) {
			rc = file_path(path, sizeof path, e, "%s/%s", d->path, day[i]->d_name);
			if (rc == 0)
				rc = walk_day(&r, path, pass == 0, e);
		}
	for (int i = 0; i < n; i++)
		free(day[i]);
	free(day);
	if (r.cut > 0)
		log_info("logs_repaired", "files=%d", r.cut);
	return rc;
}

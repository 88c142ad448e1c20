/* Backup, check and size of a database file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/db_int.h"

static int
copy_all(const char *path, const char *to, struct err *e)
{
	struct db from = { .path = NULL }, dest = { .path = NULL };
	sqlite3_backup *b = NULL;
	int rc, r = -1;

	from.path = strdup(path);
	dest.path = strdup(to);
	if (from.path == NULL || dest.path == NULL) {
		err_set(e, ERR_NOMEM, "out of memory");
		goto out;
	}
	rc = sqlite3_open_v2(path, &from.h, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK) {
		db_fail(&from, rc, e);
		goto out;
	}
	rc = sqlite3_open_v2(to, &dest.h, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK) {
		db_fail(&dest, rc, e);
		goto out;
	}
	sqlite3_busy_timeout(from.h, BUSY_SHARED_MS);
	b = sqlite3_backup_init(dest.h, "main", from.h, "main");
	/* In one step: one read transaction, so that a busy writer cannot make it start again and again. */
	rc = b == NULL ? sqlite3_errcode(dest.h) : sqlite3_backup_step(b, -1);
	sqlite3_backup_finish(b);
	r = rc == SQLITE_DONE ? 0 : db_fail(rc == SQLITE_FULL || b == NULL ? &dest : &from, rc, e);
out:
	sqlite3_close_v2(from.h);
	sqlite3_close_v2(dest.h);
	free(from.path);
	free(dest.path);
	return r;
}

int
db_backup(const char *path, const char *to, struct err *e)
{
	char part[4096];
	int fd, r;

	if (db_check_place(path, DB_READ, e) < 0)
		return -1;
	if (access(to, F_OK) == 0)
		return err_set(e, ERR_CONFLICT, "%s: is there already; name a new file", to);
	if (snprintf(part, sizeof part, "%s.part", to) >= (int)sizeof part)
		return err_set(e, ERR_TOOBIG, "the path of the copy is too long: %.60s...", to);
	fd = open(part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, errno == EACCES ? ERR_FORBIDDEN : ERR_IO, errno, "cannot make %s", part);
	r = copy_all(path, part, e);
	/* An unfinished copy never has the wanted name, and a file that came meanwhile is not overwritten. */
	if (r == 0 && fsync(fd) < 0)
		r = err_sys(e, ERR_IO, errno, "cannot write %s", part);
	else if (r == 0 && link(part, to) < 0)
		r = err_sys(e, errno == EEXIST ? ERR_CONFLICT : ERR_IO, errno, "cannot name the copy %s", to);
	close(fd);
	unlink(part);
	return r;
}

int
db_integrity(struct db *db, int *n, void (*fn)(const char *finding, void *arg), void *arg, struct err *e)
{
	struct stmt *s = db_prepare(db, "PRAGMA integrity_check", e);
	int r;

	*n = 0;
	while ((r = stmt_step(s, e)) == 1) {
		const char *text = stmt_col_text(s, 0);

		if (text == NULL || strcmp(text, "ok") == 0)
			continue;
		(*n)++;
		if (fn != NULL)
			fn(text, arg);
	}
	stmt_free(s);
	return r;
}

int
db_shrink(struct db *db, int pages, struct err *e)
{
	char sql[64];
	struct stmt *s;
	int64_t free_pages;
	int r;

	if (db_pragma_i64(db, "PRAGMA freelist_count", &free_pages, e) < 0)
		return -1;
	if (free_pages == 0)
		return 0;
	snprintf(sql, sizeof sql, "PRAGMA incremental_vacuum(%d)", pages);
	s = db_prepare(db, sql, e);
	r = stmt_run(s, e);
	stmt_free(s);
	if (r == 0)
		db->schema_changed = true;
	return r;
}

int64_t
db_size(struct db *db)
{
	int64_t pages, size;

	if (db_pragma_i64(db, "PRAGMA page_count", &pages, NULL) < 0 || db_pragma_i64(db, "PRAGMA page_size", &size, NULL) < 0)
		return -1;
	return pages * size;
}

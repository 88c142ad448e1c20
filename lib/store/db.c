#include "store/db_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sql.h"

const struct migration *const db_migrations_server = migrations_server;
const struct migration *const db_migrations_worker = migrations_worker;

#define APPLICATION_SERVER 0x706a7331 /* "pjs1" in the file's header: file(1) and we tell the two databases apart */
#define APPLICATION_WORKER 0x706a7731 /* "pjw1" */
#define BUSY_OWN_MS 1000  /* nobody else should write: a short wait for a person with sqlite3(1) */
#define WAL_LIMIT_BYTES "16777216"

/* --- errors ------------------------------------------------------------------------------------------------------ */

static enum err_code
code_of(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ERR_BUSY;
	case SQLITE_NOMEM:
		return ERR_NOMEM;
	case SQLITE_CANTOPEN:
	case SQLITE_IOERR:
	case SQLITE_FULL:
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_PROTOCOL:
		return ERR_IO;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return ERR_FORBIDDEN;
	case SQLITE_TOOBIG:
		return ERR_TOOBIG;
	case SQLITE_CONSTRAINT:
		return rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY || rc == SQLITE_CONSTRAINT_ROWID ?
		    ERR_CONFLICT : ERR_INTERNAL;
	default:
		return ERR_INTERNAL;
	}
}

int
db_fail(const struct db *db, int rc, struct err *e)
{
	int oserr = sqlite3_system_errno(db->h);

	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(e, ERR_BUSY, "%s: locked by another program; try again", db->path);
	case SQLITE_FULL:
		return err_set(e, ERR_IO, "%s: no room: the disk (or quota) is full; make room, nothing is lost", db->path);
	case SQLITE_IOERR:
		return oserr != 0 ? err_sys(e, ERR_IO, oserr, "%s: cannot read or write", db->path) :
		    err_set(e, ERR_IO, "%s: %s", db->path, sqlite3_errmsg(db->h));
	case SQLITE_NOTADB:
		return err_set(e, ERR_IO, "%s: not a SQLite database; move it away, or restore a backup", db->path);
	case SQLITE_CORRUPT:
		return err_set(e, ERR_IO, "%s: damaged (%s); restore a backup, see pj-server.db(5)", db->path,
		    sqlite3_errmsg(db->h));
	case SQLITE_INTERRUPT:
		return err_set(e, ERR_TOOBIG, "too many rows would have to be looked through");
	case SQLITE_READONLY:
		return err_set(e, ERR_FORBIDDEN, "%s: not writable: check the owner and mode of the file and its directory",
		    db->path);
	default:
		return err_set(e, code_of(rc), "%s: %s", db->path, sqlite3_errmsg(db->h));
	}
}

int
db_fail_in(struct db *db, int rc, struct err *e)
{
	db_fail(db, rc, e);
	if (db->in_txn && sqlite3_get_autocommit(db->h))
		db->lost = true;
	return -1;
}

static int
check_lost(const struct db *db, struct err *e)
{
	if (db->lost)
		return err_set(e, ERR_IO, "%s: the transaction failed before; roll it back", db->path);
	return 0;
}

/* --- opening ----------------------------------------------------------------------------------------------------- */

int
db_pragma_i64(struct db *db, const char *sql, int64_t *out, struct err *e)
{
	sqlite3_stmt *s;
	int rc = sqlite3_prepare_v2(db->h, sql, -1, &s, NULL);

	if (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW)
		*out = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return rc == SQLITE_ROW ? 0 : db_fail(db, rc, e);
}

static int
raw_exec(struct db *db, const char *sql, struct err *e)
{
	int rc = sqlite3_exec(db->h, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : db_fail(db, rc, e);
}

static int64_t
application_of(const struct migration *m)
{
	return m == db_migrations_server ? APPLICATION_SERVER : m == db_migrations_worker ? APPLICATION_WORKER : 0;
}

static int
newest(const struct migration *m)
{
	int n = 0;

	for (; m->number != 0; m++)
		n = m->number;
	return n;
}

/* Is it ours, and does this program know its schema? */
static int
check_schema(struct db *db, const struct migration *m, int64_t *version, struct err *e)
{
	int64_t application, tables;
	int known = newest(m);

	if (db_pragma_i64(db, "PRAGMA user_version", version, e) < 0 ||
	    db_pragma_i64(db, "PRAGMA application_id", &application, e) < 0 ||
	    db_pragma_i64(db, "SELECT count(*) FROM sqlite_schema", &tables, e) < 0)
		return -1;
	if ((tables > 0 || application != 0) && application != application_of(m))
		return err_set(e, ERR_CONFIG, "%s: a database of another program or of the other kind; move it away", db->path);
	if (*version > known)
		return err_set(e, ERR_CONFIG, "%s: its schema is number %lld, this program knows up to %d; use a newer pj",
		    db->path, (long long)*version, known);
	if (db->mode == DB_READ && *version < known)
		return err_set(e, ERR_CONFIG, "%s: its schema is number %lld, this program reads %d; start its daemon once, "
		    "which upgrades it", db->path, (long long)*version, known);
	return 0;
}

static int
apply(struct db *db, const struct migration *m, int64_t application, struct err *e)
{
	char sql[96];

	snprintf(sql, sizeof sql, "PRAGMA user_version=%d; PRAGMA application_id=%lld", m->number, (long long)application);
	if (raw_exec(db, m->sql, e) < 0 || raw_exec(db, sql, e) < 0)
		return err_prefix(e, "migration %s", m->name);
	return 0;
}

/* Each migration is one transaction; another opener of a shared database may have been first. */
static int
migrate(struct db *db, const struct migration *m, struct err *e)
{
	const struct migration *first = m;
	int64_t version;

	if (check_schema(db, first, &version, e) < 0)
		return -1;
	for (; m->number != 0; m++) {
		if (m->number <= version)
			continue;
		if (raw_exec(db, "BEGIN IMMEDIATE", e) < 0)
			return -1;
		if (check_schema(db, first, &version, e) < 0 || (m->number > version && apply(db, m, application_of(first), e) < 0) ||
		    raw_exec(db, "COMMIT", e) < 0) {
			sqlite3_exec(db->h, "ROLLBACK", NULL, NULL, NULL);
			return -1;
		}
	}
	return 0;
}

/* The switch to WAL takes an exclusive lock and does not always wait for it. */
static int
set_wal(struct db *db, int busy_ms, struct err *e)
{
	struct timespec pause = { 0, 10 * 1000000L };
	int rc = SQLITE_BUSY;

	for (int waited = 0; rc == SQLITE_BUSY && waited <= busy_ms; waited += 10) {
		rc = sqlite3_exec(db->h, "PRAGMA journal_mode=WAL", NULL, NULL, NULL) & 0xff;
		if (rc == SQLITE_BUSY)
			nanosleep(&pause, NULL);
	}
	return rc == SQLITE_OK ? 0 : db_fail(db, rc, e);
}

static int
set_up(struct db *db, const struct migration *m, struct err *e)
{
	int busy_ms = db->mode == DB_OWN ? BUSY_OWN_MS : BUSY_SHARED_MS;
	int64_t version;

	sqlite3_extended_result_codes(db->h, 1);
	sqlite3_busy_timeout(db->h, busy_ms);
	sqlite3_db_config(db->h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (raw_exec(db, "PRAGMA trusted_schema=OFF; PRAGMA cache_size=-4096; PRAGMA temp_store=MEMORY", e) < 0)
		return -1;
	if (db->mode == DB_READ)
		return check_schema(db, m, &version, e);
	if (sqlite3_db_readonly(db->h, "main") == 1)
		return db_fail(db, SQLITE_READONLY, e);
	/* Refuse a foreign file before anything is written into it. auto_vacuum counts only before the first table. */
	if (check_schema(db, m, &version, e) < 0 || raw_exec(db, "PRAGMA auto_vacuum=INCREMENTAL", e) < 0 ||
	    set_wal(db, busy_ms, e) < 0 ||
	    raw_exec(db, "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=1000; PRAGMA journal_size_limit="
	    WAL_LIMIT_BYTES, e) < 0)
		return -1;
	return migrate(db, m, e);
}

int
db_check_place(const char *path, enum db_mode mode, struct err *e)
{
	char dir[4096];
	char *slash;
	struct stat st;
	int fd;

	if (strcmp(path, ":memory:") == 0)
		return 0;
	if (snprintf(dir, sizeof dir, "%s", path) >= (int)sizeof dir)
		return err_set(e, ERR_TOOBIG, "the path of the database is too long: %.60s...", path);
	slash = strrchr(dir, '/');
	if (slash != NULL && slash != dir) {
		*slash = '\0';
		if (stat(dir, &st) < 0)
			return err_sys(e, errno == EACCES ? ERR_FORBIDDEN : ERR_NOTFOUND, errno, "%s: its directory", path);
	}
	fd = mode == DB_READ ? open(path, O_RDONLY | O_CLOEXEC) : open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, errno == ENOENT ? ERR_NOTFOUND : errno == EACCES || errno == EROFS || errno == EPERM ?
		    ERR_FORBIDDEN : ERR_IO, errno, "cannot open the database %s", path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return err_set(e, ERR_IO, "%s: not a regular file", path);
	}
	close(fd);
	return 0;
}

int
db_open(struct db **out, const char *path, enum db_mode mode, const struct migration *m, struct err *e)
{
	struct db *db;
	int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
	    (mode == DB_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
	int rc;

	*out = NULL;
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* counting takes a lock an allocation; refused, rightly, once in use */
	if (db_check_place(path, mode, e) < 0)
		return -1;
	db = calloc(1, sizeof *db);
	if (db == NULL || (db->path = strdup(path)) == NULL) {
		free(db);
		return err_set(e, ERR_NOMEM, "out of memory");
	}
	db->mode = mode;
	rc = sqlite3_open_v2(path, &db->h, flags, NULL);
	if (rc != SQLITE_OK && db->h != NULL)
		db_fail(db, rc, e);
	else if (rc != SQLITE_OK)
		err_set(e, ERR_NOMEM, "out of memory");
	else if (set_up(db, m, e) == 0) {
		db->base = sqlite3_total_changes64(db->h);
		*out = db;
		return 0;
	}
	db_close(db);
	return -1;
}

void
db_close(struct db *db)
{
	if (db == NULL)
		return;
	for (size_t i = 0; i < db->cap; i++)
		if (db->cache[i] != NULL) {
			sqlite3_finalize(db->cache[i]->s);
			free(db->cache[i]);
		}
	free(db->cache);
	sqlite3_close_v2(db->h);
	free(db->path);
	free(db);
}

/* --- transactions ------------------------------------------------------------------------------------------------ */

static int
control(struct db *db, const char *sql, struct err *e)
{
	struct stmt *s = db_stmt(db, sql, e);
	int rc;

	if (s == NULL)
		return -1;
	rc = sqlite3_step(s->s);
	sqlite3_reset(s->s);
	return rc == SQLITE_DONE ? 0 : db_fail_in(db, rc, e);
}

static int
begin(struct db *db, const char *sql, struct err *e)
{
	if (check_lost(db, e) < 0)
		return -1;
	if (db->in_txn)
		return 0;
	if (control(db, sql, e) < 0)
		return -1;
	db->in_txn = true;
	return 0;
}

int
db_begin(struct db *db, struct err *e)
{
	/* Shared: the lock is taken at once, so that the wait for it is here and not in the middle. */
	return begin(db, db->mode == DB_SHARED ? "BEGIN IMMEDIATE" : "BEGIN", e);
}

int
db_begin_own(struct db *db, struct err *e)
{
	if (db->mode == DB_OWN)
		return begin(db, "BEGIN", e);
	return check_lost(db, e);
}

static void
forget_changes(struct db *db)
{
	db->base = sqlite3_total_changes64(db->h);
	db->undone = 0;
	db->schema_changed = false;
}

int
db_commit(struct db *db, struct err *e)
{
	if (check_lost(db, e) < 0)
		return -1;
	if (db->in_txn && control(db, "COMMIT", e) < 0)
		return -1;
	db->in_txn = false;
	forget_changes(db);
	return 0;
}

void
db_rollback(struct db *db)
{
	if (!sqlite3_get_autocommit(db->h))
		sqlite3_exec(db->h, "ROLLBACK", NULL, NULL, NULL);
	db->in_txn = false;
	db->lost = false;
	forget_changes(db);
}

bool
db_dirty(const struct db *db)
{
	return db->schema_changed || sqlite3_total_changes64(db->h) - db->base - db->undone > 0;
}

/* Where nothing was changed before it, the transaction itself is the savepoint (most turns are one event); and that begins
 * with the first statement, if there is any. */
int
db_savepoint(struct db *db, struct err *e)
{
	if (check_lost(db, e) < 0)
		return -1;
	db->whole = db->mode == DB_OWN && !db_dirty(db);
	if (!db->whole && control(db, "SAVEPOINT event", e) < 0)
		return -1;
	db->savepoint = sqlite3_total_changes64(db->h);
	return 0;
}

int
db_release(struct db *db, struct err *e)
{
	if (check_lost(db, e) < 0)
		return -1;
	return db->whole ? 0 : control(db, "RELEASE event", e);
}

void
db_rollback_to(struct db *db)
{
	if (db->lost)
		return;
	if (db->whole)
		db_rollback(db);
	else if (control(db, "ROLLBACK TO event", NULL) < 0 || control(db, "RELEASE event", NULL) < 0)
		db->lost = true;
	else
		db->undone += sqlite3_total_changes64(db->h) - db->savepoint;
}

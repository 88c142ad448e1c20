#include "store/db.h"

#include <errno.h>
#include <fcntl.h>
#define SQLITE_ENABLE_PREUPDATE_HOOK 1
#include <sqlite3.h>
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
#define BUSY_SHARED_MS 5000
#define WAL_LIMIT_BYTES "16777216"

struct stmt {
	struct db *db;
	sqlite3_stmt *s;
	const char *sql; /* the key */
	bool bad;        /* a bind failed */
};

struct db {
	sqlite3 *h;
	char *path;
	enum db_mode mode;
	bool in_txn, lost, schema_changed;
	bool whole;              /* the savepoint is the transaction itself */
	sqlite3_int64 base;      /* total changes at the last commit */
	sqlite3_int64 undone;    /* changes since then that a savepoint took back */
	sqlite3_int64 savepoint; /* total changes at the savepoint */
	struct stmt **cache;     /* open addressing by address of the text */
	size_t cap, used;
	void (*watch)(const struct db_row *r, void *arg);
	void *watch_arg;
	int64_t steps_left;      /* of db_bound */
};

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

static int
fail(const struct db *db, int rc, struct err *e)
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

/* SQLite ends a whole transaction by itself on some errors: what follows must not start a new one unseen. */
static int
fail_in(struct db *db, int rc, struct err *e)
{
	fail(db, rc, e);
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

static int
pragma_i64(struct db *db, const char *sql, int64_t *out, struct err *e)
{
	sqlite3_stmt *s;
	int rc = sqlite3_prepare_v2(db->h, sql, -1, &s, NULL);

	if (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW)
		*out = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return rc == SQLITE_ROW ? 0 : fail(db, rc, e);
}

static int
raw_exec(struct db *db, const char *sql, struct err *e)
{
	int rc = sqlite3_exec(db->h, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : fail(db, rc, e);
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

	if (pragma_i64(db, "PRAGMA user_version", version, e) < 0 ||
	    pragma_i64(db, "PRAGMA application_id", &application, e) < 0 ||
	    pragma_i64(db, "SELECT count(*) FROM sqlite_schema", &tables, e) < 0)
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
	return rc == SQLITE_OK ? 0 : fail(db, rc, e);
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
		return fail(db, SQLITE_READONLY, e);
	/* Refuse a foreign file before anything is written into it. auto_vacuum counts only before the first table. */
	if (check_schema(db, m, &version, e) < 0 || raw_exec(db, "PRAGMA auto_vacuum=INCREMENTAL", e) < 0 ||
	    set_wal(db, busy_ms, e) < 0 ||
	    raw_exec(db, "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=1000; PRAGMA journal_size_limit="
	    WAL_LIMIT_BYTES, e) < 0)
		return -1;
	return migrate(db, m, e);
}

/* What SQLite says only as "unable to open database file". */
static int
check_place(const char *path, enum db_mode mode, struct err *e)
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
	if (check_place(path, mode, e) < 0)
		return -1;
	db = calloc(1, sizeof *db);
	if (db == NULL || (db->path = strdup(path)) == NULL) {
		free(db);
		return err_set(e, ERR_NOMEM, "out of memory");
	}
	db->mode = mode;
	rc = sqlite3_open_v2(path, &db->h, flags, NULL);
	if (rc != SQLITE_OK && db->h != NULL)
		fail(db, rc, e);
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
	return rc == SQLITE_DONE ? 0 : fail_in(db, rc, e);
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

static int
begin_if_own(struct db *db, struct err *e)
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

/* Where nothing was changed before it, the transaction itself is the savepoint: most turns are one event. */
int
db_savepoint(struct db *db, struct err *e)
{
	if (begin_if_own(db, e) < 0)
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

/* --- statements -------------------------------------------------------------------------------------------------- */

static size_t
slot_of(const struct db *db, const char *sql)
{
	size_t i = ((uintptr_t)sql * 0x9e3779b97f4a7c15ULL) >> 20 & (db->cap - 1);

	while (db->cache[i] != NULL && db->cache[i]->sql != sql)
		i = (i + 1) & (db->cap - 1);
	return i;
}

static int
cache_grow(struct db *db, struct err *e)
{
	struct stmt **old = db->cache;
	size_t old_cap = db->cap;
	struct stmt **bigger = calloc(old_cap == 0 ? 64 : old_cap * 2, sizeof *bigger);

	if (bigger == NULL)
		return err_set(e, ERR_NOMEM, "out of memory");
	db->cache = bigger;
	db->cap = old_cap == 0 ? 64 : old_cap * 2;
	for (size_t i = 0; i < old_cap; i++)
		if (old[i] != NULL)
			db->cache[slot_of(db, old[i]->sql)] = old[i];
	free(old);
	return 0;
}

static struct stmt *
prepare(struct db *db, const char *sql, unsigned flags, struct err *e)
{
	struct stmt *s = calloc(1, sizeof *s);
	int rc;

	if (s == NULL) {
		err_set(e, ERR_NOMEM, "out of memory");
		return NULL;
	}
	rc = sqlite3_prepare_v3(db->h, sql, -1, flags, &s->s, NULL);
	if (rc != SQLITE_OK) {
		fail_in(db, rc, e);
		free(s);
		return NULL;
	}
	s->db = db;
	s->sql = sql;
	return s;
}

struct stmt *
db_stmt(struct db *db, const char *sql, struct err *e)
{
	struct stmt *s;
	size_t i;

	if (db->used * 2 >= db->cap && cache_grow(db, e) < 0)
		return NULL;
	i = slot_of(db, sql);
	s = db->cache[i];
	if (s == NULL) {
		s = prepare(db, sql, SQLITE_PREPARE_PERSISTENT, e);
		if (s == NULL)
			return NULL;
		db->cache[i] = s;
		db->used++;
		return s;
	}
	sqlite3_reset(s->s);
	sqlite3_clear_bindings(s->s);
	s->bad = false;
	return s;
}

struct stmt *
db_prepare(struct db *db, const char *sql, struct err *e)
{
	return prepare(db, sql, 0, e);
}

void
stmt_free(struct stmt *s)
{
	if (s == NULL)
		return;
	sqlite3_finalize(s->s);
	free(s);
}

static void
bound(struct stmt *s, int rc)
{
	if (rc != SQLITE_OK)
		s->bad = true;
}

void
stmt_i64(struct stmt *s, int i, int64_t v)
{
	if (s != NULL)
		bound(s, sqlite3_bind_int64(s->s, i, v));
}

void
stmt_real(struct stmt *s, int i, double v)
{
	if (s != NULL)
		bound(s, sqlite3_bind_double(s->s, i, v));
}

void
stmt_text(struct stmt *s, int i, const char *v)
{
	if (s != NULL)
		bound(s, v == NULL ? sqlite3_bind_null(s->s, i) : sqlite3_bind_text(s->s, i, v, -1, SQLITE_STATIC));
}

void
stmt_text_n(struct stmt *s, int i, const char *v, size_t len)
{
	if (s != NULL)
		bound(s, v == NULL ? sqlite3_bind_null(s->s, i) :
		    sqlite3_bind_text64(s->s, i, v, len, SQLITE_STATIC, SQLITE_UTF8));
}

void
stmt_null(struct stmt *s, int i)
{
	if (s != NULL)
		bound(s, sqlite3_bind_null(s->s, i));
}

void
stmt_i64_or_null(struct stmt *s, int i, int64_t v, int64_t null_value)
{
	if (v == null_value)
		stmt_null(s, i);
	else
		stmt_i64(s, i, v);
}

#define BOUND_EVERY 1000

static int
is_over(void *arg)
{
	struct db *db = arg;

	db->steps_left -= BOUND_EVERY;
	return db->steps_left < 0;
}

void
db_bound(struct db *db, int64_t steps)
{
	db->steps_left = steps;
	sqlite3_progress_handler(db->h, steps > 0 ? BOUND_EVERY : 0, steps > 0 ? is_over : NULL, db);
}

int
stmt_step(struct stmt *s, struct err *e)
{
	int rc;

	if (s == NULL)
		return -1;
	if (s->bad) {
		sqlite3_reset(s->s);
		return err_set(e, ERR_INTERNAL, "%s: a value could not be bound: %.200s", s->db->path, s->sql);
	}
	if (begin_if_own(s->db, e) < 0)
		return -1;
	rc = sqlite3_step(s->s);
	if (rc == SQLITE_ROW)
		return 1;
	if (rc != SQLITE_DONE)
		fail_in(s->db, rc, e);
	sqlite3_reset(s->s);
	return rc == SQLITE_DONE ? 0 : -1;
}

int
stmt_run(struct stmt *s, struct err *e)
{
	int r;

	while ((r = stmt_step(s, e)) == 1)
		;
	return r;
}

void
stmt_reset(struct stmt *s)
{
	if (s != NULL)
		sqlite3_reset(s->s);
}

int64_t
stmt_col_i64(struct stmt *s, int i)
{
	return sqlite3_column_int64(s->s, i);
}

int64_t
stmt_col_i64_or(struct stmt *s, int i, int64_t null_value)
{
	return stmt_col_null(s, i) ? null_value : sqlite3_column_int64(s->s, i);
}

double
stmt_col_real(struct stmt *s, int i)
{
	return sqlite3_column_double(s->s, i);
}

const char *
stmt_col_text(struct stmt *s, int i)
{
	return (const char *)sqlite3_column_text(s->s, i);
}

bool
stmt_col_null(struct stmt *s, int i)
{
	return sqlite3_column_type(s->s, i) == SQLITE_NULL;
}

int64_t
db_last_rowid(const struct db *db)
{
	return sqlite3_last_insert_rowid(db->h);
}

int64_t
db_changes(const struct db *db)
{
	return sqlite3_changes64(db->h);
}

int
db_exec(struct db *db, const char *sql, struct err *e)
{
	int rc;

	if (begin_if_own(db, e) < 0)
		return -1;
	rc = sqlite3_exec(db->h, sql, NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return fail_in(db, rc, e);
	db->schema_changed = true; /* it may be: SQLite does not count that */
	return 0;
}

int
db_shrink(struct db *db, int pages, struct err *e)
{
	char sql[64];
	struct stmt *s;
	int64_t free_pages;
	int r;

	if (pragma_i64(db, "PRAGMA freelist_count", &free_pages, e) < 0)
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

	if (pragma_i64(db, "PRAGMA page_count", &pages, NULL) < 0 || pragma_i64(db, "PRAGMA page_size", &size, NULL) < 0)
		return -1;
	return pages * size;
}

/* --- watching ---------------------------------------------------------------------------------------------------- */

static void
before_change(void *arg, sqlite3 *h, int op, char const *schema, char const *table, sqlite3_int64 old_id,
    sqlite3_int64 new_id)
{
	struct db_row r = { .db = arg, .table = table,
		.change = op == SQLITE_INSERT ? DB_INSERT : op == SQLITE_UPDATE ? DB_UPDATE : DB_DELETE };

	(void)h;
	(void)old_id;
	(void)new_id;
	if (strcmp(schema, "main") == 0)
		r.db->watch(&r, r.db->watch_arg);
}

void
db_watch(struct db *db, void (*fn)(const struct db_row *r, void *arg), void *arg)
{
	db->watch = fn;
	db->watch_arg = arg;
	sqlite3_preupdate_hook(db->h, fn == NULL ? NULL : before_change, db);
}

static int64_t
value_i64(int rc, sqlite3_value *v, int64_t null_value)
{
	return rc != SQLITE_OK || v == NULL || sqlite3_value_type(v) == SQLITE_NULL ? null_value : sqlite3_value_int64(v);
}

int64_t
db_old_i64(const struct db_row *r, int column, int64_t null_value)
{
	sqlite3_value *v = NULL;
	int rc = sqlite3_preupdate_old(r->db->h, column, &v);

	return value_i64(rc, v, null_value);
}

int64_t
db_new_i64(const struct db_row *r, int column, int64_t null_value)
{
	sqlite3_value *v = NULL;
	int rc = sqlite3_preupdate_new(r->db->h, column, &v);

	return value_i64(rc, v, null_value);
}

bool
db_unchanged(const struct db_row *r, int column)
{
	sqlite3_value *a = NULL, *b = NULL;
	int n;

	if (sqlite3_preupdate_old(r->db->h, column, &a) != SQLITE_OK || sqlite3_preupdate_new(r->db->h, column, &b) != SQLITE_OK ||
	    a == NULL || b == NULL || sqlite3_value_type(a) != sqlite3_value_type(b))
		return false;
	if (sqlite3_value_type(a) == SQLITE_NULL)
		return true;
	if (sqlite3_value_type(a) == SQLITE_INTEGER)
		return sqlite3_value_int64(a) == sqlite3_value_int64(b);
	n = sqlite3_value_bytes(a);
	return n == sqlite3_value_bytes(b) && memcmp(sqlite3_value_blob(a), sqlite3_value_blob(b), (size_t)n) == 0;
}

int
db_column(struct db *db, const char *table, const char *column, struct err *e)
{
	struct stmt *s = db_prepare(db, "SELECT cid FROM pragma_table_info(?1) WHERE name = ?2", e);
	int r;

	stmt_text(s, 1, table);
	stmt_text(s, 2, column);
	r = stmt_step(s, e);
	if (r == 0)
		r = err_set(e, ERR_NOTFOUND, "no column %s.%s", table, column);
	else if (r == 1)
		r = (int)stmt_col_i64(s, 0);
	stmt_free(s);
	return r;
}

/* --- care -------------------------------------------------------------------------------------------------------- */

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
		fail(&from, rc, e);
		goto out;
	}
	rc = sqlite3_open_v2(to, &dest.h, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK) {
		fail(&dest, rc, e);
		goto out;
	}
	sqlite3_busy_timeout(from.h, BUSY_SHARED_MS);
	b = sqlite3_backup_init(dest.h, "main", from.h, "main");
	/* In one step: one read transaction, so that a busy writer cannot make it start again and again. */
	rc = b == NULL ? sqlite3_errcode(dest.h) : sqlite3_backup_step(b, -1);
	sqlite3_backup_finish(b);
	r = rc == SQLITE_DONE ? 0 : fail(rc == SQLITE_FULL || b == NULL ? &dest : &from, rc, e);
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

	if (check_place(path, DB_READ, e) < 0)
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

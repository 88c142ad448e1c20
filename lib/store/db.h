/* SQLite, wrapped: only db.c includes sqlite3.h. WAL, synchronous=FULL, foreign keys off (rows outlive what they name).
 * A transaction begins with the first statement of a turn and ends with db_commit or db_rollback. */
#ifndef PJ_STORE_DB_H
#define PJ_STORE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct db;
struct stmt;

struct migration {
	int number;
	const char *name;
	const char *sql;
};

extern const struct migration *const db_migrations_server; /* ended by number 0 */
extern const struct migration *const db_migrations_worker;

enum db_mode {
	DB_OWN,    /* the one writer of server.db: created and migrated; locked against a second writer by the caller */
	DB_SHARED, /* worker.db: several writers, busy time-out 5 s, each commit on its own; created and migrated */
	DB_READ,   /* read only, no migration: must be of a schema this program knows */
};

/* ERR_CONFIG: newer schema (both numbers named; DB_READ: older too), another program's database; ERR_NOTFOUND: no such
 * file (DB_READ) or directory; ERR_FORBIDDEN: not readable or writable; ERR_IO: corrupt, not a database, no room;
 * ERR_BUSY: locked by another program. A new file gets mode 0600. ":memory:" works for tests. */
int db_open(struct db **out, const char *path, enum db_mode mode, const struct migration *m, struct err *e);
void db_close(struct db *db);

/* DB_OWN: statements between commits form one transaction, begun by the first. Others: each statement by itself unless
 * db_begin was called. */
int db_begin(struct db *db, struct err *e);
int db_commit(struct db *db, struct err *e); /* no transaction, or one that changed nothing: no write, 0 */
void db_rollback(struct db *db);
bool db_dirty(const struct db *db); /* rows changed since the last commit */
int db_savepoint(struct db *db, struct err *e);      /* of one event; not nested */
int db_release(struct db *db, struct err *e);
void db_rollback_to(struct db *db);

/* After an error that made SQLite give up the whole transaction (no room, I/O), all that follows fails with ERR_IO until
 * db_rollback: half a turn is never committed. */

/* Prepares once per SQL text (which must be a literal: kept by address) and returns it reset, unbound. NULL on error, and
 * all stmt_ functions take that NULL: binds do nothing, a step is -1 and leaves *e as db_stmt set it. */
struct stmt *db_stmt(struct db *db, const char *sql, struct err *e);
/* A statement of the caller's own, for texts made at run time and for loops that call back: stmt_free it. */
struct stmt *db_prepare(struct db *db, const char *sql, struct err *e);
void stmt_free(struct stmt *s); /* NULL is fine */
/* Binds by position from 1; text is borrowed until the step. NULL text binds NULL. */
void stmt_i64(struct stmt *s, int i, int64_t v);
void stmt_real(struct stmt *s, int i, double v);
void stmt_text(struct stmt *s, int i, const char *v);
void stmt_text_n(struct stmt *s, int i, const char *v, size_t len);
void stmt_null(struct stmt *s, int i);
void stmt_i64_or_null(struct stmt *s, int i, int64_t v, int64_t null_value);
/* 1 a row, 0 done (and reset), -1 error: ERR_IO, ERR_BUSY, ERR_CONFLICT (a unique key). */
int stmt_step(struct stmt *s, struct err *e);
int stmt_run(struct stmt *s, struct err *e); /* steps to the end: 0 or -1 */
/* The first column of the first row, 0 without a row and for NULL; and resets. 0 or -1. */
int stmt_one_i64(struct stmt *s, int64_t *out, struct err *e);
void stmt_reset(struct stmt *s);             /* before the end of its rows */
int64_t stmt_col_i64(struct stmt *s, int i); /* from 0; NULL gives 0 */
int64_t stmt_col_i64_or(struct stmt *s, int i, int64_t null_value);
double stmt_col_real(struct stmt *s, int i);
const char *stmt_col_text(struct stmt *s, int i); /* NULL for NULL; borrowed until the next step */
bool stmt_col_null(struct stmt *s, int i);
/* What is read from now on for one caller's question may take so many steps of SQLite's machine (some ten a row) in all:
 * more is ERR_TOOBIG. 0: no bound any more. */
void db_bound(struct db *db, int64_t steps);
int64_t db_last_rowid(const struct db *db);
int64_t db_changes(const struct db *db); /* rows of the last statement */
int db_exec(struct db *db, const char *sql, struct err *e); /* several statements, no results */
/* Gives up to `pages` unused pages back to the file system, as part of the transaction. */
int db_shrink(struct db *db, int pages, struct err *e);
int64_t db_size(struct db *db); /* bytes of the database without its WAL; -1 unknown */

/* For checks: fn sees each change of a row just before it is made. It may read that row's values, by position of the
 * column, and do nothing else with the database. */
enum db_change { DB_INSERT, DB_UPDATE, DB_DELETE };
struct db_row { /* borrowed during fn */
	struct db *db;
	const char *table;
	enum db_change change;
};
void db_watch(struct db *db, void (*fn)(const struct db_row *r, void *arg), void *arg); /* one a database; fn NULL: none */
int64_t db_old_i64(const struct db_row *r, int column, int64_t null_value); /* of an update or delete */
int64_t db_new_i64(const struct db_row *r, int column, int64_t null_value); /* of an insert or update */
bool db_unchanged(const struct db_row *r, int column); /* of an update: is it the same value? */
int db_column(struct db *db, const char *table, const char *column, struct err *e); /* its position; -1 */

/* Makes a consistent copy (SQLite's backup) of the database at path into a new file; the source may be in use. */
int db_backup(const char *path, const char *to, struct err *e);
/* PRAGMA integrity_check: calls fn per finding; 0 ran (findings counted in *n), -1. */
int db_integrity(struct db *db, int *n, void (*fn)(const char *finding, void *arg), void *arg, struct err *e);

#endif

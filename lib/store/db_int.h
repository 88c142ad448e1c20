/* What the files of db share; nobody else includes it, or sqlite3.h. */
#ifndef PJ_STORE_DB_INT_H
#define PJ_STORE_DB_INT_H

#define SQLITE_ENABLE_PREUPDATE_HOOK 1
#include <sqlite3.h>

#include "store/db.h"

#define BUSY_SHARED_MS 5000

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

/* Says what SQLite's code means to a person; -1. */
int db_fail(const struct db *db, int rc, struct err *e);
/* The same within a transaction: SQLite ends a whole one by itself on some errors, and what follows must not start a new
 * one unseen. */
int db_fail_in(struct db *db, int rc, struct err *e);
/* Where nobody else writes, every statement is in a transaction that the caller commits. */
int db_begin_own(struct db *db, struct err *e);
int db_pragma_i64(struct db *db, const char *sql, int64_t *out, struct err *e);
/* What SQLite says only as "unable to open database file". */
int db_check_place(const char *path, enum db_mode mode, struct err *e);

#endif

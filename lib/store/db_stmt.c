/* Statements: prepared once, found by the address of their text. */
#include <stdlib.h>

#include "store/db_int.h"

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
		db_fail_in(db, rc, e);
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
	if (db_begin_own(s->db, e) < 0)
		return -1;
	rc = sqlite3_step(s->s);
	if (rc == SQLITE_ROW)
		return 1;
	if (rc != SQLITE_DONE)
		db_fail_in(s->db, rc, e);
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

int
stmt_one_i64(struct stmt *s, int64_t *out, struct err *e)
{
	int r = stmt_step(s, e);

	*out = r == 1 ? stmt_col_i64(s, 0) : 0;
	stmt_reset(s);
	return r < 0 ? -1 : 0;
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

	if (db_begin_own(db, e) < 0)
		return -1;
	rc = sqlite3_exec(db->h, sql, NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return db_fail_in(db, rc, e);
	db->schema_changed = true; /* it may be: SQLite does not count that */
	return 0;
}

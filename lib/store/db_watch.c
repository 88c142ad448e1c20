/* Who looks on while rows are changed. */
#include <string.h>

#include "store/db_int.h"

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

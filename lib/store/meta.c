#include "store/meta.h"

int
meta_get(struct db *db, const char *key, struct buf *out, struct err *e)
{
	struct stmt *s = db_stmt(db, "SELECT value FROM meta WHERE key = ?", e);
	int r;

	stmt_text(s, 1, key);
	r = stmt_step(s, e);
	if (r == 0)
		return err_set(e, ERR_NOTFOUND, "no %s in table meta", key);
	if (r < 0)
		return -1;
	buf_adds(out, stmt_col_text(s, 0));
	stmt_reset(s);
	return buf_ok(out) ? 0 : err_set(e, ERR_NOMEM, "out of memory");
}

int
meta_set(struct db *db, const char *key, const char *value, struct err *e)
{
	struct stmt *s = db_stmt(db, "INSERT INTO meta(key, value) VALUES(?, ?)"
	    " ON CONFLICT(key) DO UPDATE SET value = excluded.value", e);

	stmt_text(s, 1, key);
	stmt_text(s, 2, value);
	return stmt_run(s, e);
}

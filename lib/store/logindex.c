#include "store/logindex.h"

int
logindex_length(struct db *db, int64_t instance_id, int64_t *out, int64_t *at_ms, struct err *e)
{
	struct stmt *s = db_stmt(db, "SELECT length, at_ms FROM log_file WHERE instance_id = ?", e);
	int64_t none;
	int r;

	at_ms = at_ms == NULL ? &none : at_ms;
	*out = *at_ms = 0;
	stmt_i64(s, 1, instance_id);
	r = stmt_step(s, e);
	if (r == 1) {
		*out = stmt_col_i64(s, 0);
		*at_ms = stmt_col_i64(s, 1);
		stmt_reset(s);
	}
	return r < 0 ? -1 : 0;
}

int
logindex_offset(struct db *db, int64_t instance_id, const char *spool, int64_t *out, struct err *e)
{
	struct stmt *s = db_stmt(db, "SELECT offset FROM log_source WHERE instance_id = ? AND spool = ?", e);

	stmt_i64(s, 1, instance_id);
	stmt_text(s, 2, spool);
	return stmt_one_i64(s, out, e);
}

int
logindex_set_length(struct db *db, int64_t instance_id, int64_t length, int64_t at_ms, struct err *e)
{
	struct stmt *s = db_stmt(db, "INSERT INTO log_file(instance_id, length, at_ms) VALUES(?, ?, ?)"
	    " ON CONFLICT(instance_id) DO UPDATE SET length = excluded.length, at_ms = excluded.at_ms", e);

	stmt_i64(s, 1, instance_id);
	stmt_i64(s, 2, length);
	stmt_i64(s, 3, at_ms);
	return stmt_run(s, e);
}

int
logindex_set_offset(struct db *db, int64_t instance_id, const char *spool, int64_t attempt, int64_t offset,
    struct err *e)
{
	struct stmt *s = db_stmt(db, "INSERT INTO log_source(instance_id, spool, offset, attempt) VALUES(?, ?, ?, ?)"
	    " ON CONFLICT(instance_id, spool) DO UPDATE SET offset = excluded.offset", e);

	stmt_i64(s, 1, instance_id);
	stmt_text(s, 2, spool);
	stmt_i64(s, 3, offset);
	stmt_i64(s, 4, attempt);
	return stmt_run(s, e);
}

int
logindex_stored(struct db *db, int64_t instance_id, int64_t attempt, int64_t *out, struct err *e)
{
	struct stmt *s = db_stmt(db, "SELECT coalesce(max(offset), 0) FROM log_source WHERE instance_id = ? AND attempt = ?", e);

	stmt_i64(s, 1, instance_id);
	stmt_i64(s, 2, attempt);
	return stmt_one_i64(s, out, e);
}

int
logindex_remove(struct db *db, int64_t instance_id, struct err *e)
{
	struct stmt *s = db_stmt(db, "DELETE FROM log_source WHERE instance_id = ?", e);

	stmt_i64(s, 1, instance_id);
	if (stmt_run(s, e) < 0)
		return -1;
	s = db_stmt(db, "DELETE FROM log_file WHERE instance_id = ?", e);
	stmt_i64(s, 1, instance_id);
	return stmt_run(s, e);
}

static int
each(struct stmt *s, bool (*fn)(int64_t instance_id, int64_t length, void *arg), void *arg, struct err *e)
{
	bool go = true;
	int r = 0;

	while (go && (r = stmt_step(s, e)) == 1)
		go = fn(stmt_col_i64(s, 0), stmt_col_i64(s, 1), arg);
	stmt_free(s);
	return r < 0 ? -1 : 0;
}

int
logindex_each_old(struct db *db, int64_t before_ms, int limit, bool (*fn)(int64_t instance_id, int64_t length, void *arg),
    void *arg, struct err *e)
{
	struct stmt *s = db_prepare(db, "SELECT f.instance_id, f.length FROM log_file f WHERE f.at_ms < ?1 AND NOT EXISTS"
	    " (SELECT 1 FROM instance i WHERE i.id = f.instance_id AND i.status IN (1, 2, 3)) ORDER BY f.at_ms LIMIT ?2", e);

	stmt_i64(s, 1, before_ms);
	stmt_i64(s, 2, limit);
	return each(s, fn, arg, e);
}

int
logindex_each(struct db *db, int64_t after_id, int limit, bool (*fn)(int64_t instance_id, int64_t length, void *arg),
    void *arg, struct err *e)
{
	struct stmt *s = db_prepare(db, "SELECT instance_id, length FROM log_file WHERE instance_id > ?"
	    " ORDER BY instance_id LIMIT ?", e);

	stmt_i64(s, 1, after_id);
	stmt_i64(s, 2, limit);
	return each(s, fn, arg, e);
}

int
logindex_total(struct db *db, int64_t *bytes, struct err *e)
{
	return stmt_one_i64(db_stmt(db, "SELECT coalesce(sum(length), 0) FROM log_file", e), bytes, e);
}

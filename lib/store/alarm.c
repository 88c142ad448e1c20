#include "store/alarm.h"

int
alarm_insert(struct db *db, const struct alarm *a, bool *is_new, struct err *e)
{
	struct stmt *s = db_stmt(db, "INSERT INTO alarm(at_ms, app_id, job_id, instance_id, attempt, kind, source_ms, text)"
	    " VALUES(?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(instance_id, attempt, kind, source_ms) DO NOTHING", e);

	stmt_i64(s, 1, a->at_ms);
	stmt_i64(s, 2, a->app_id);
	stmt_i64(s, 3, a->job_id);
	stmt_i64(s, 4, a->instance_id);
	stmt_i64(s, 5, a->attempt);
	stmt_text(s, 6, a->kind);
	stmt_i64(s, 7, a->source_ms);
	stmt_text(s, 8, a->text);
	if (stmt_run(s, e) < 0)
		return -1;
	*is_new = db_changes(db) == 1;
	return 0;
}

int
alarm_each(struct db *db, int64_t instance_id, int limit, bool (*fn)(const struct alarm *a, void *arg), void *arg,
    struct err *e)
{
	struct stmt *s = db_prepare(db, "SELECT at_ms, app_id, job_id, attempt, kind, source_ms, text FROM alarm"
	    " WHERE instance_id = ?1 ORDER BY id DESC LIMIT ?2", e);
	bool go = true;
	int r = 0;

	stmt_i64(s, 1, instance_id);
	stmt_i64(s, 2, limit);
	while (go && (r = stmt_step(s, e)) == 1) {
		struct alarm a = { .at_ms = stmt_col_i64(s, 0), .app_id = stmt_col_i64(s, 1), .job_id = stmt_col_i64(s, 2),
			.instance_id = instance_id, .attempt = stmt_col_i64(s, 3), .kind = stmt_col_text(s, 4),
			.source_ms = stmt_col_i64(s, 5), .text = stmt_col_text(s, 6) };

		go = fn(&a, arg);
	}
	stmt_free(s);
	return r < 0 ? -1 : 0;
}

int
alarm_remove_old(struct db *db, int64_t before_ms, int limit, int *n, struct err *e)
{
	struct stmt *s = db_stmt(db, "DELETE FROM alarm WHERE id IN (SELECT id FROM alarm WHERE at_ms < ?"
	    " ORDER BY at_ms LIMIT ?)", e);

	stmt_i64(s, 1, before_ms);
	stmt_i64(s, 2, limit);
	if (stmt_run(s, e) < 0)
		return -1;
	*n = (int)db_changes(db);
	return 0;
}

#include "store/workerdb.h"

#include <stdio.h>
#include <string.h>

static void
copy_col(char *to, size_t size, struct stmt *s, int i)
{
	const char *v = stmt_col_text(s, i);

	snprintf(to, size, "%s", v != NULL ? v : "");
}

/* One row or none: steps once and resets after the caller's copy. */
static int
end_of_one(struct stmt *s, int found)
{
	if (found == 1)
		stmt_reset(s);
	return found;
}

/* --- self and slots ---------------------------------------------------------------------------------------------- */

int
workerdb_self_put(struct db *db, const struct worker_self *w, struct err *e)
{
	struct stmt *s = db_stmt(db, "INSERT OR REPLACE INTO self(one,address,boot_id,started_ms,slots)"
	    " VALUES(1,?,?,?,?)", e);

	stmt_text(s, 1, w->address);
	stmt_text(s, 2, w->boot_id);
	stmt_i64(s, 3, w->started_ms);
	stmt_i64(s, 4, w->slots);
	return stmt_run(s, e);
}

int
workerdb_self_get(struct db *db, struct worker_self *out, struct err *e)
{
	struct stmt *s = db_stmt(db, "SELECT address,boot_id,started_ms,slots FROM self", e);
	int r = stmt_step(s, e);

	memset(out, 0, sizeof *out);
	if (r == 1) {
		copy_col(out->address, sizeof out->address, s, 0);
		copy_col(out->boot_id, sizeof out->boot_id, s, 1);
		out->started_ms = stmt_col_i64(s, 2);
		out->slots = stmt_col_i64(s, 3);
	}
	return end_of_one(s, r);
}

int
workerdb_slot_put(struct db *db, int64_t slot, int64_t seq, struct err *e)
{
	struct stmt *s = db_stmt(db, "INSERT INTO slot(slot,seq) VALUES(?1,?2)"
	    " ON CONFLICT(slot) DO UPDATE SET seq=max(seq,?2)", e);

	stmt_i64(s, 1, slot);
	stmt_i64(s, 2, seq);
	return stmt_run(s, e);
}

int
workerdb_slot_each(struct db *db, void (*fn)(int64_t slot, int64_t seq, void *arg), void *arg, struct err *e)
{
	struct stmt *s = db_stmt(db, "SELECT slot,seq FROM slot ORDER BY slot", e);
	int r;

	while ((r = stmt_step(s, e)) == 1)
		fn(stmt_col_i64(s, 0), stmt_col_i64(s, 1), arg);
	return r;
}

/* --- assignments ------------------------------------------------------------------------------------------------- */

const char *
workerdb_state_name(enum assign_state s)
{
	switch (s) {
	case ASSIGN_ACCEPTED:
		return "accepted";
	case ASSIGN_TOLD:
		return "told";
	case ASSIGN_RUNNING:
		return "running";
	case ASSIGN_FINISHED:
		return "finished";
	case ASSIGN_REPORTED:
		return "reported";
	case ASSIGN_REFUSED:
		return "refused";
	}
	return "?";
}

int
workerdb_assign_put(struct db *db, const struct assignment *a, struct err *e)
{
	struct stmt *s = db_stmt(db, "INSERT OR REPLACE INTO assignment(instance_id,attempt,job_id,wf_instance_id,state,"
	    "slot,seq,boot_id,spec,source,accepted_ms,started_ms,finished_ms,stop_ms,address)"
	    " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", e);

	stmt_i64(s, 1, a->instance_id);
	stmt_i64(s, 2, a->attempt);
	stmt_i64(s, 3, a->job_id);
	stmt_i64_or_null(s, 4, a->wf_instance_id, 0);
	stmt_i64(s, 5, a->state);
	stmt_i64_or_null(s, 6, a->slot, -1);
	stmt_i64_or_null(s, 7, a->seq, -1);
	stmt_text(s, 8, a->boot_id);
	stmt_text(s, 9, a->spec);
	stmt_text(s, 10, a->plain ? "plain" : "pj");
	stmt_i64(s, 11, a->accepted_ms);
	stmt_i64_or_null(s, 12, a->started_ms, 0);
	stmt_i64_or_null(s, 13, a->finished_ms, 0);
	stmt_i64_or_null(s, 14, a->stop_ms, 0);
	stmt_text(s, 15, a->address);
	return stmt_run(s, e);
}

#define ASSIGN_COLS "instance_id,attempt,job_id,wf_instance_id,state,slot,seq,boot_id,spec,source,accepted_ms," \
	"started_ms,finished_ms,stop_ms,address"

static void
get_assign(struct stmt *s, struct assignment *a)
{
	const char *source = stmt_col_text(s, 9), *spec = stmt_col_text(s, 8);

	memset(a, 0, sizeof *a);
	a->instance_id = stmt_col_i64(s, 0);
	a->attempt = stmt_col_i64(s, 1);
	a->job_id = stmt_col_i64(s, 2);
	a->wf_instance_id = stmt_col_i64(s, 3);
	a->state = (enum assign_state)stmt_col_i64(s, 4);
	a->slot = stmt_col_i64_or(s, 5, -1);
	a->seq = stmt_col_i64_or(s, 6, -1);
	copy_col(a->boot_id, sizeof a->boot_id, s, 7);
	a->spec = spec != NULL ? spec : "";
	a->plain = source != NULL && strcmp(source, "plain") == 0;
	a->accepted_ms = stmt_col_i64(s, 10);
	a->started_ms = stmt_col_i64(s, 11);
	a->finished_ms = stmt_col_i64(s, 12);
	a->stop_ms = stmt_col_i64(s, 13);
	a->address = stmt_col_text(s, 14);
}

int
workerdb_assign_get(struct db *db, int64_t instance_id, int64_t attempt, struct assignment *out, struct buf *spec,
    struct err *e)
{
	struct stmt *s = db_stmt(db, "SELECT " ASSIGN_COLS " FROM assignment WHERE instance_id=? AND attempt=?", e);
	int r;

	stmt_i64(s, 1, instance_id);
	stmt_i64(s, 2, attempt);
	if ((r = stmt_step(s, e)) != 1)
		return r;
	get_assign(s, out);
	if (spec != NULL)
		buf_adds(spec, out->spec);
	out->spec = spec != NULL ? buf_str(spec) : "";
	out->address = NULL;
	stmt_reset(s);
	return spec != NULL && !buf_ok(spec) ? err_set(e, ERR_NOMEM, "out of memory reading an assignment") : 1;
}

int
workerdb_assign_newest(struct db *db, int64_t instance_id, int64_t *attempt, struct err *e)
{
	struct stmt *s = db_stmt(db, "SELECT attempt FROM assignment WHERE instance_id=? ORDER BY attempt DESC LIMIT 1", e);
	int r;

	stmt_i64(s, 1, instance_id);
	if ((r = stmt_step(s, e)) == 1)
		*attempt = stmt_col_i64(s, 0);
	return end_of_one(s, r);
}

int
workerdb_assign_told(struct db *db, int64_t instance_id, int64_t attempt, const char *boot_id, struct err *e)
{
	struct stmt *s = db_stmt(db, "UPDATE assignment SET state=2,boot_id=? WHERE instance_id=? AND attempt=?", e);

	stmt_text(s, 1, boot_id);
	stmt_i64(s, 2, instance_id);
	stmt_i64(s, 3, attempt);
	return stmt_run(s, e);
}

int
workerdb_assign_running(struct db *db, int64_t instance_id, int64_t attempt, int64_t started_ms, struct err *e)
{
	struct stmt *s = db_stmt(db, "UPDATE assignment SET state=3,started_ms=? WHERE instance_id=? AND attempt=?", e);

	stmt_i64(s, 1, started_ms);
	stmt_i64(s, 2, instance_id);
	stmt_i64(s, 3, attempt);
	return stmt_run(s, e);
}

int
workerdb_assign_stop(struct db *db, int64_t instance_id, int64_t attempt, int64_t stop_ms, struct err *e)
{
	struct stmt *s = db_stmt(db, "UPDATE assignment SET stop_ms=? WHERE instance_id=? AND attempt=?", e);

	stmt_i64(s, 1, stop_ms);
	stmt_i64(s, 2, instance_id);
	stmt_i64(s, 3, attempt);
	return stmt_run(s, e);
}

int
workerdb_assign_end(struct db *db, int64_t instance_id, int64_t attempt, enum assign_state state, int64_t finished_ms,
    struct err *e)
{
	struct stmt *s = db_stmt(db, "UPDATE assignment SET state=?1,finished_ms=coalesce(finished_ms,?2),"
	    "spec=CASE ?1 WHEN 5 THEN '' ELSE spec END WHERE instance_id=?3 AND attempt=?4", e);

	stmt_i64(s, 1, state);
	stmt_i64(s, 2, finished_ms);
	stmt_i64(s, 3, instance_id);
	stmt_i64(s, 4, attempt);
	return stmt_run(s, e);
}

int
workerdb_assign_open(struct db *db, bool (*fn)(const struct assignment *a, void *arg), void *arg, struct err *e)
{
	struct stmt *s = db_stmt(db, "SELECT " ASSIGN_COLS " FROM assignment WHERE finished_ms IS NULL"
	    " ORDER BY accepted_ms,instance_id,attempt", e);
	struct assignment a;
	int r;

	while ((r = stmt_step(s, e)) == 1) {
		get_assign(s, &a);
		if (!fn(&a, arg)) {
			stmt_reset(s);
			return 0;
		}
	}
	return r;
}

int
workerdb_assign_used(struct db *db, int64_t *n, struct err *e)
{
	struct stmt *s = db_stmt(db, "SELECT count(*) FROM assignment WHERE finished_ms IS NULL", e);
	int r = stmt_step(s, e);

	*n = r == 1 ? stmt_col_i64(s, 0) : 0;
	return end_of_one(s, r) == 1 ? 0 : -1;
}

int
workerdb_assign_due(struct db *db, int64_t before_ms, bool *due, struct err *e)
{
	struct stmt *s = db_stmt(db, "SELECT 1 FROM assignment WHERE finished_ms IS NOT NULL AND finished_ms<? AND state"
	    " IN (5,6) LIMIT 1", e);
	int r;

	stmt_i64(s, 1, before_ms);
	r = end_of_one(s, stmt_step(s, e));
	*due = r == 1;
	return r < 0 ? -1 : 0;
}

int
workerdb_assign_forget(struct db *db, int64_t before_ms, int most, int64_t *removed, struct err *e)
{
	struct stmt *s = db_stmt(db, "DELETE FROM assignment WHERE (instance_id,attempt) IN (SELECT instance_id,attempt"
	    " FROM assignment WHERE finished_ms IS NOT NULL AND finished_ms<? AND state IN (5,6) ORDER BY finished_ms"
	    " LIMIT ?)", e);
	int r;

	*removed = 0;
	stmt_i64(s, 1, before_ms);
	stmt_i64(s, 2, most);
	if ((r = stmt_run(s, e)) == 0)
		*removed = db_changes(db);
	return r;
}

/* --- outbox ------------------------------------------------------------------------------------------------------ */

int
workerdb_outbox_put(struct db *db, int64_t instance_id, int64_t attempt, const char *body, int64_t created_ms, int64_t *id,
    struct err *e)
{
	struct stmt *s = db_stmt(db, "INSERT INTO outbox(instance_id,attempt,body,created_ms) VALUES(?,?,?,?)", e);

	stmt_i64(s, 1, instance_id);
	stmt_i64(s, 2, attempt);
	stmt_text(s, 3, body);
	stmt_i64(s, 4, created_ms);
	if (stmt_run(s, e) < 0)
		return -1;
	*id = db_last_rowid(db);
	return 0;
}

int
workerdb_outbox_delete(struct db *db, int64_t id, struct err *e)
{
	struct stmt *s = db_stmt(db, "DELETE FROM outbox WHERE id=?", e);

	stmt_i64(s, 1, id);
	return stmt_run(s, e);
}

static void
get_outbox(struct stmt *s, struct outbox_row *r)
{
	const char *body = stmt_col_text(s, 3);

	r->id = stmt_col_i64(s, 0);
	r->instance_id = stmt_col_i64(s, 1);
	r->attempt = stmt_col_i64(s, 2);
	r->body = body != NULL ? body : "";
	r->created_ms = stmt_col_i64(s, 4);
}

int
workerdb_outbox_each(struct db *db, bool (*fn)(const struct outbox_row *r, void *arg), void *arg, struct err *e)
{
	struct stmt *s = db_stmt(db, "SELECT id,instance_id,attempt,body,created_ms FROM outbox ORDER BY id", e);
	struct outbox_row row;
	int r;

	while ((r = stmt_step(s, e)) == 1) {
		get_outbox(s, &row);
		if (!fn(&row, arg)) {
			stmt_reset(s);
			return 0;
		}
	}
	return r;
}

int
workerdb_outbox_body(struct db *db, int64_t id, struct buf *body, struct err *e)
{
	struct stmt *s = db_stmt(db, "SELECT id,instance_id,attempt,body,created_ms FROM outbox WHERE id=?", e);
	struct outbox_row row;
	int r;

	stmt_i64(s, 1, id);
	if ((r = stmt_step(s, e)) != 1)
		return r;
	get_outbox(s, &row);
	buf_adds(body, row.body);
	stmt_reset(s);
	return buf_ok(body) ? 1 : err_set(e, ERR_NOMEM, "out of memory reading the outbox");
}

/* --- server ------------------------------------------------------------------------------------------------------ */

int
workerdb_server_put(struct db *db, const struct worker_server *w, struct err *e)
{
	struct stmt *s = db_stmt(db, "INSERT OR REPLACE INTO server(one,app,app_id,via,address,checked_ms,failures)"
	    " VALUES(1,?,?,?,?,?,?)", e);

	stmt_text(s, 1, w->app);
	stmt_i64(s, 2, w->app_id);
	stmt_text(s, 3, w->via);
	stmt_text(s, 4, w->address[0] != '\0' ? w->address : NULL);
	stmt_i64(s, 5, w->checked_ms);
	stmt_i64(s, 6, w->failures);
	return stmt_run(s, e);
}

int
workerdb_server_get(struct db *db, struct worker_server *out, struct err *e)
{
	struct stmt *s = db_stmt(db, "SELECT app,app_id,via,address,checked_ms,failures FROM server", e);
	int r = stmt_step(s, e);

	memset(out, 0, sizeof *out);
	if (r == 1) {
		copy_col(out->app, sizeof out->app, s, 0);
		out->app_id = stmt_col_i64(s, 1);
		copy_col(out->via, sizeof out->via, s, 2);
		copy_col(out->address, sizeof out->address, s, 3);
		out->checked_ms = stmt_col_i64(s, 4);
		out->failures = stmt_col_i64(s, 5);
	}
	return end_of_one(s, r);
}

/* --- log offsets ------------------------------------------------------------------------------------------------- */

int
workerdb_offset_put(struct db *db, const struct log_offset *o, struct err *e)
{
	struct stmt *s = db_stmt(db, "INSERT OR REPLACE INTO log_offset(spool,instance_id,attempt,offset,at_ms)"
	    " VALUES(?,?,?,?,?)", e);

	stmt_text(s, 1, o->spool);
	stmt_i64(s, 2, o->instance_id);
	stmt_i64(s, 3, o->attempt);
	stmt_i64(s, 4, o->offset);
	stmt_i64(s, 5, o->at_ms);
	return stmt_run(s, e);
}

int
workerdb_offset_delete(struct db *db, const char *spool, struct err *e)
{
	struct stmt *s = db_stmt(db, "DELETE FROM log_offset WHERE spool=?", e);

	stmt_text(s, 1, spool);
	return stmt_run(s, e);
}

int
workerdb_offset_each(struct db *db, void (*fn)(const struct log_offset *o, void *arg), void *arg, struct err *e)
{
	struct stmt *s = db_stmt(db, "SELECT spool,instance_id,attempt,offset,at_ms FROM log_offset", e);
	struct log_offset o;
	int r;

	while ((r = stmt_step(s, e)) == 1) {
		o.spool = stmt_col_text(s, 0);
		o.instance_id = stmt_col_i64(s, 1);
		o.attempt = stmt_col_i64(s, 2);
		o.offset = stmt_col_i64(s, 3);
		o.at_ms = stmt_col_i64(s, 4);
		fn(&o, arg);
	}
	return r;
}

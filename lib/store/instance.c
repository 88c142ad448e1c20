#include "store/instance.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/id.h"

#define COLUMNS "id, app_id, job_id, job_version, nominal_ms, status, due_ms, attempt, running_times, retries_left, worker, " \
	"job_params, instance_params, expected_ms, actual_ms, finished_ms, stop_ms, result, exit_code, signal, log_length, " \
	"wf_instance_id, created_ms, modified_ms, lone, parked"

static int
copy_text(char **out, const char *text)
{
	*out = NULL;
	return text == NULL || (*out = strdup(text)) != NULL ? 0 : -1;
}

void
instance_fini(struct instance *i)
{
	free(i->worker);
	free(i->job_params);
	free(i->instance_params);
	free(i->result);
	memset(i, 0, sizeof *i);
}

void
attempt_fini(struct attempt *a)
{
	free(a->worker);
	free(a->result);
	memset(a, 0, sizeof *a);
}

static int
from_row(struct stmt *s, struct instance *out, struct err *e)
{
	memset(out, 0, sizeof *out);
	out->id = stmt_col_i64(s, 0);
	out->app_id = stmt_col_i64(s, 1);
	out->job_id = stmt_col_i64(s, 2);
	out->job_version = stmt_col_i64(s, 3);
	out->nominal_ms = stmt_col_i64_or(s, 4, NO_MS);
	out->status = (enum instance_status)stmt_col_i64(s, 5);
	out->due_ms = stmt_col_i64(s, 6);
	out->attempt = stmt_col_i64(s, 7);
	out->running_times = stmt_col_i64(s, 8);
	out->retries_left = stmt_col_i64(s, 9);
	out->expected_ms = stmt_col_i64(s, 13);
	out->actual_ms = stmt_col_i64_or(s, 14, NO_MS);
	out->finished_ms = stmt_col_i64_or(s, 15, NO_MS);
	out->stop_ms = stmt_col_i64_or(s, 16, NO_MS);
	out->exit_code = stmt_col_i64_or(s, 18, -1);
	out->signal = stmt_col_i64_or(s, 19, 0);
	out->log_length = stmt_col_i64_or(s, 20, -1);
	out->wf_instance_id = stmt_col_i64_or(s, 21, 0);
	out->created_ms = stmt_col_i64(s, 22);
	out->modified_ms = stmt_col_i64(s, 23);
	out->lone = stmt_col_i64_or(s, 24, 0) != 0;
	out->parked = stmt_col_i64_or(s, 25, 0) != 0;
	if (copy_text(&out->worker, stmt_col_text(s, 10)) < 0 || copy_text(&out->job_params, stmt_col_text(s, 11)) < 0 ||
	    copy_text(&out->instance_params, stmt_col_text(s, 12)) < 0 || copy_text(&out->result, stmt_col_text(s, 17)) < 0) {
		instance_fini(out);
		return err_set(e, ERR_NOMEM, "out of memory");
	}
	return 0;
}

/* What changes in an instance's life: ?2 to ?18. */
static void
bind_changing(struct stmt *s, const struct instance *i)
{
	stmt_i64(s, 1, i->id);
	stmt_i64(s, 2, i->job_version);
	stmt_i64(s, 3, i->status);
	stmt_i64(s, 4, i->due_ms);
	stmt_i64(s, 5, i->attempt);
	stmt_i64(s, 6, i->running_times);
	stmt_i64(s, 7, i->retries_left);
	stmt_text(s, 8, i->worker);
	stmt_i64(s, 9, i->expected_ms);
	stmt_i64_or_null(s, 10, i->actual_ms, NO_MS);
	stmt_i64_or_null(s, 11, i->finished_ms, NO_MS);
	stmt_i64_or_null(s, 12, i->stop_ms, NO_MS);
	stmt_text(s, 13, i->result);
	stmt_i64_or_null(s, 14, i->exit_code, -1);
	stmt_i64_or_null(s, 15, i->signal, 0);
	stmt_i64_or_null(s, 16, i->log_length, -1);
	stmt_i64(s, 17, i->modified_ms);
	stmt_i64_or_null(s, 18, i->parked, 0);
}

int
instance_insert(struct db *db, const struct instance *i, struct err *e)
{
	struct stmt *s = db_stmt(db, "INSERT INTO instance(id, job_version, status, due_ms, attempt, running_times,"
	    " retries_left, worker, expected_ms, actual_ms, finished_ms, stop_ms, result, exit_code, signal, log_length,"
	    " modified_ms, parked, app_id, job_id, nominal_ms, job_params, instance_params, wf_instance_id, created_ms,"
	    " deadline_ms, lone)"
	    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22,"
	    " ?23, ?24, ?25, ?26, ?27)", e);

	bind_changing(s, i);
	stmt_i64(s, 19, i->app_id);
	stmt_i64(s, 20, i->job_id);
	stmt_i64_or_null(s, 21, i->nominal_ms, NO_MS);
	stmt_text(s, 22, i->job_params);
	stmt_text(s, 23, i->instance_params);
	stmt_i64_or_null(s, 24, i->wf_instance_id, 0);
	stmt_i64(s, 25, i->created_ms);
	stmt_i64_or_null(s, 26, i->deadline_ms, NO_MS);
	stmt_i64_or_null(s, 27, i->lone, 0);
	return stmt_run(s, e);
}

int
instance_update(struct db *db, const struct instance *i, struct err *e)
{
	/* What never changes is left out: its indexes are then not touched. */
	struct stmt *s = db_stmt(db, "UPDATE instance SET job_version = ?2, status = ?3, due_ms = ?4, attempt = ?5,"
	    " running_times = ?6, retries_left = ?7, worker = ?8, expected_ms = ?9, actual_ms = ?10, finished_ms = ?11,"
	    " stop_ms = ?12, result = ?13, exit_code = ?14, signal = ?15, log_length = ?16, modified_ms = ?17, parked = ?18"
	    " WHERE id = ?1", e);

	bind_changing(s, i);
	if (stmt_run(s, e) < 0)
		return -1;
	return db_changes(db) == 1 ? 0 : err_set(e, ERR_NOTFOUND, "no instance %lld", (long long)i->id);
}

int
instance_get(struct db *db, int64_t id, struct instance *out, struct err *e)
{
	struct stmt *s = db_stmt(db, "SELECT " COLUMNS " FROM instance WHERE id = ?", e);
	int r;

	stmt_i64(s, 1, id);
	r = stmt_step(s, e);
	if (r == 0)
		return err_set(e, ERR_NOTFOUND, "no instance %lld; see pj-ctl instance ls", (long long)id);
	if (r < 0)
		return -1;
	r = from_row(s, out, e);
	stmt_reset(s);
	return r;
}

int
instance_max_id(struct db *db, int64_t *out, struct err *e)
{
	struct stmt *s = db_stmt(db, "SELECT max(coalesce((SELECT max(id) FROM instance), 0),"
	    " coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'last_id'), 0))", e);

	if (stmt_step(s, e) != 1)
		return -1;
	*out = stmt_col_i64(s, 0);
	stmt_reset(s);
	return 0;
}

/* --- queries ----------------------------------------------------------------------------------------------------- */

/* Ids hold the time that they were made at, or a later one when the clock went back; up to where they end. */
static void
add_created_after(struct buf *b, int64_t at_ms)
{
	if (at_ms > ID_EPOCH_MS && at_ms <= ID_END_MS)
		buf_addf(b, " AND id >= %lld", (long long)((at_ms - ID_EPOCH_MS) << ID_MS_SHIFT));
}

static int
one_status(const struct instance_query *q)
{
	return q->n_status == 1 ? (int)q->status[0] : 0;
}

/* SQLite knows no numbers of rows: left alone it goes through all of an app. */
static const char *
index_of(const struct instance_query *q)
{
	int one = one_status(q);

	if (q->id != 0)
		return "";
	if (one == INSTANCE_WAITING)
		return " INDEXED BY instance_due";
	if (one == INSTANCE_SENT || one == INSTANCE_RUNNING)
		return " INDEXED BY instance_live";
	if (one == INSTANCE_FAILED)
		return " INDEXED BY instance_failed";
	if (one > INSTANCE_SUCCEED)
		return " INDEXED BY instance_stopped";
	return q->job_id != 0 ? " INDEXED BY instance_job" : "";
}

/* Answered from an index alone, or by looking at few rows. */
static bool
is_cheap(const struct instance_query *q)
{
	bool plain = q->job_id == 0 && q->wf_instance_id == 0 && q->created_after_ms == 0 && q->created_before_ms == 0 &&
	    q->modified_after_ms == 0 && q->modified_before_ms == 0;

	return q->id != 0 || (one_status(q) != 0 && one_status(q) != INSTANCE_SUCCEED) || (plain && q->n_status == 0);
}

/* One alone is said as the index of its kind says it. */
static void
add_status(struct buf *b, const struct instance_query *q)
{
	int one = one_status(q);

	if (q->n_status <= 0)
		return;
	if (one == INSTANCE_SENT || one == INSTANCE_RUNNING)
		buf_adds(b, " AND status IN (2, 3)");
	else if (one > INSTANCE_SUCCEED)
		buf_adds(b, " AND status > 5");
	if (q->n_status == 1) {
		buf_addf(b, " AND status = %d", one);
		return;
	}
	buf_adds(b, " AND status IN (");
	for (int i = 0; i < q->n_status; i++)
		buf_addf(b, "%s%d", i == 0 ? "" : ",", (int)q->status[i]);
	buf_addc(b, ')');
}

static void
add_conditions(struct buf *b, const struct instance_query *q)
{
	const struct {
		int64_t value;
		const char *condition;
	} c[] = {
		{ q->id, "id =" }, { q->app_id, "app_id =" }, { q->job_id, "job_id =" }, { q->after_id, "id >" }, { q->before_id, "id <" },
		{ q->wf_instance_id, "wf_instance_id =" }, { q->created_after_ms, "created_ms >" },
		{ q->created_before_ms, "created_ms <" }, { q->modified_after_ms, "modified_ms >" },
		{ q->modified_before_ms, "modified_ms <" },
	};

	buf_adds(b, " WHERE 1");
	for (size_t i = 0; i < sizeof c / sizeof c[0]; i++)
		if (c[i].value != 0)
			buf_addf(b, " AND %s %lld", c[i].condition, (long long)c[i].value);
	add_created_after(b, q->created_after_ms);
	add_status(b, q);
}

static const char *
sort_column(enum instance_sort sort)
{
	switch (sort) {
	case SORT_ID:
		break;
	case SORT_JOB:
		return "job_id";
	case SORT_STATUS:
		return "status";
	case SORT_EXPECTED:
		return "expected_ms";
	case SORT_ACTUAL:
		return "actual_ms";
	case SORT_FINISHED:
		return "finished_ms";
	case SORT_MODIFIED:
		return "modified_ms";
	case SORT_RUNNING_TIMES:
		return "running_times";
	case SORT_WORKER:
		return "worker";
	case SORT_WORKFLOW:
		return "wf_instance_id";
	}
	return NULL;
}

static void
add_order(struct buf *b, const struct instance_query *q, const char *column)
{
	const char *way = q->ascending ? "ASC" : "DESC";

	buf_adds(b, " ORDER BY ");
	if (column != NULL)
		buf_addf(b, "%s %s, ", column, way);
	buf_addf(b, "id %s", way);
}

static void
add_limit(struct buf *b, const struct instance_query *q)
{
	buf_addf(b, " LIMIT %d OFFSET %lld", q->limit == 0 ? 100 : q->limit, (long long)q->offset);
}

/* Of the first rows by id those that come first by `column`: only these two are sorted. */
static void
add_window(struct buf *b, const struct instance_query *q, const char *column)
{
	buf_addf(b, " WHERE id IN (SELECT id FROM (SELECT id, %s FROM instance%s", column, index_of(q));
	add_conditions(b, q);
	add_order(b, q, NULL);
	buf_addf(b, " LIMIT %lld)", (long long)q->window);
	add_order(b, q, column);
	add_limit(b, q);
	buf_addc(b, ')');
	add_order(b, q, column);
}

static void
add_rows(struct buf *b, const struct instance_query *q)
{
	const char *column = sort_column(q->sort);

	if (column != NULL && q->window > 0 && q->offset < q->window) {
		add_window(b, q, column);
		return;
	}
	buf_adds(b, index_of(q));
	add_conditions(b, q);
	add_order(b, q, q->window > 0 ? NULL : column);
	add_limit(b, q);
}

static struct stmt *
prepare_query(struct db *db, const struct instance_query *q, bool counting, struct err *e)
{
	struct buf b = BUF_INIT;
	struct stmt *s = NULL;

	buf_adds(&b, counting ? "SELECT count(*) FROM instance" : "SELECT " COLUMNS " FROM instance");
	if (counting) {
		buf_adds(&b, index_of(q));
		add_conditions(&b, q);
	} else {
		add_rows(&b, q);
	}
	if (buf_ok(&b))
		s = db_prepare(db, b.data, e);
	else
		err_set(e, ERR_NOMEM, "out of memory");
	buf_fini(&b);
	return s;
}

int
instance_each(struct db *db, const struct instance_query *q, bool (*fn)(const struct instance *i, void *arg), void *arg,
    struct err *e)
{
	struct stmt *s = prepare_query(db, q, false, e);
	bool go = true;
	int r = 0;

	db_bound(db, q->most_steps);
	while (go && (r = stmt_step(s, e)) == 1) {
		struct instance i;

		if ((r = from_row(s, &i, e)) < 0)
			break;
		go = fn(&i, arg);
		instance_fini(&i);
	}
	db_bound(db, 0);
	stmt_free(s);
	return r < 0 ? -1 : 0;
}

int
instance_count_running(struct db *db, int64_t app_id, int64_t *out, struct err *e)
{
	struct stmt *s = db_stmt(db, "SELECT count(*) FROM instance INDEXED BY instance_live WHERE status IN (2, 3)"
	    " AND status = 3 AND app_id = ?", e);

	stmt_i64(s, 1, app_id);
	if (stmt_step(s, e) != 1)
		return -1;
	*out = stmt_col_i64(s, 0);
	stmt_reset(s);
	return 0;
}

int
instance_count(struct db *db, const struct instance_query *q, int64_t *out, struct err *e)
{
	struct stmt *s = prepare_query(db, q, true, e);
	int r;

	db_bound(db, is_cheap(q) ? 0 : q->most_steps);
	r = stmt_step(s, e);
	db_bound(db, 0);
	if (r == 1)
		*out = stmt_col_i64(s, 0);
	stmt_free(s);
	return r == 1 ? 0 : -1;
}

/* --- attempts ---------------------------------------------------------------------------------------------------- */

#define ATTEMPT_COLUMNS "instance_id, attempt, worker, is_pj, state, opened_ms, accepted_ms, started_ms, finished_ms, " \
	"source_start_ms, last_report_ms, exit_code, signal, result"

static void
attempt_bind(struct stmt *s, const struct attempt *a)
{
	stmt_i64(s, 1, a->instance_id);
	stmt_i64(s, 2, a->attempt);
	stmt_i64(s, 3, a->state);
	stmt_i64_or_null(s, 4, a->accepted_ms, NO_MS);
	stmt_i64_or_null(s, 5, a->started_ms, NO_MS);
	stmt_i64_or_null(s, 6, a->finished_ms, NO_MS);
	stmt_i64_or_null(s, 7, a->source_start_ms, NO_MS);
	stmt_i64_or_null(s, 8, a->last_report_ms, NO_MS);
	stmt_i64_or_null(s, 9, a->exit_code, -1);
	stmt_i64_or_null(s, 10, a->signal, 0);
	stmt_text(s, 11, a->result);
}

int
attempt_insert(struct db *db, const struct attempt *a, struct err *e)
{
	struct stmt *s = db_stmt(db, "INSERT INTO attempt(instance_id, attempt, state, accepted_ms, started_ms, finished_ms,"
	    " source_start_ms, last_report_ms, exit_code, signal, result, worker, is_pj, opened_ms)"
	    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)", e);

	attempt_bind(s, a);
	stmt_text(s, 12, a->worker);
	stmt_i64(s, 13, a->is_pj);
	stmt_i64(s, 14, a->opened_ms);
	return stmt_run(s, e);
}

int
attempt_update(struct db *db, const struct attempt *a, struct err *e)
{
	struct stmt *s = db_stmt(db, "UPDATE attempt SET state = ?3, accepted_ms = ?4, started_ms = ?5, finished_ms = ?6,"
	    " source_start_ms = ?7, last_report_ms = ?8, exit_code = ?9, signal = ?10, result = ?11"
	    " WHERE instance_id = ?1 AND attempt = ?2", e);

	attempt_bind(s, a);
	if (stmt_run(s, e) < 0)
		return -1;
	return db_changes(db) == 1 ? 0 : err_set(e, ERR_NOTFOUND, "no attempt %lld of instance %lld", (long long)a->attempt,
	    (long long)a->instance_id);
}

static int
attempt_from_row(struct stmt *s, struct attempt *out, struct err *e)
{
	memset(out, 0, sizeof *out);
	out->instance_id = stmt_col_i64(s, 0);
	out->attempt = stmt_col_i64(s, 1);
	out->is_pj = stmt_col_i64(s, 3) != 0;
	out->state = (enum attempt_state)stmt_col_i64(s, 4);
	out->opened_ms = stmt_col_i64(s, 5);
	out->accepted_ms = stmt_col_i64_or(s, 6, NO_MS);
	out->started_ms = stmt_col_i64_or(s, 7, NO_MS);
	out->finished_ms = stmt_col_i64_or(s, 8, NO_MS);
	out->source_start_ms = stmt_col_i64_or(s, 9, NO_MS);
	out->last_report_ms = stmt_col_i64_or(s, 10, NO_MS);
	out->exit_code = stmt_col_i64_or(s, 11, -1);
	out->signal = stmt_col_i64_or(s, 12, 0);
	if (copy_text(&out->worker, stmt_col_text(s, 2)) < 0 || copy_text(&out->result, stmt_col_text(s, 13)) < 0) {
		attempt_fini(out);
		return err_set(e, ERR_NOMEM, "out of memory");
	}
	return 0;
}

int
attempt_get(struct db *db, int64_t instance_id, int64_t attempt, struct attempt *out, struct err *e)
{
	struct stmt *s = db_stmt(db, "SELECT " ATTEMPT_COLUMNS " FROM attempt WHERE instance_id = ? AND attempt = ?", e);
	int r;

	stmt_i64(s, 1, instance_id);
	stmt_i64(s, 2, attempt);
	r = stmt_step(s, e);
	if (r == 0)
		return err_set(e, ERR_NOTFOUND, "no attempt %lld of instance %lld", (long long)attempt, (long long)instance_id);
	if (r < 0)
		return -1;
	r = attempt_from_row(s, out, e);
	stmt_reset(s);
	return r;
}

int
attempt_each(struct db *db, int64_t instance_id, bool (*fn)(const struct attempt *a, void *arg), void *arg, struct err *e)
{
	struct stmt *s = db_prepare(db, "SELECT " ATTEMPT_COLUMNS " FROM attempt WHERE instance_id = ? ORDER BY attempt", e);
	bool go = true;
	int r = 0;

	stmt_i64(s, 1, instance_id);
	while (go && (r = stmt_step(s, e)) == 1) {
		struct attempt a;

		if ((r = attempt_from_row(s, &a, e)) < 0)
			break;
		go = fn(&a, arg);
		attempt_fini(&a);
	}
	stmt_free(s);
	return r < 0 ? -1 : 0;
}

/* --- skipped ----------------------------------------------------------------------------------------------------- */

int
skipped_insert(struct db *db, const struct skipped *k, struct err *e)
{
	struct stmt *s = db_stmt(db, "INSERT INTO skipped(job_id, job_version, first_ms, last_ms, count, reason, at_ms)"
	    " VALUES(?, ?, ?, ?, ?, ?, ?)", e);

	stmt_i64(s, 1, k->job_id);
	stmt_i64(s, 2, k->job_version);
	stmt_i64(s, 3, k->first_ms);
	stmt_i64(s, 4, k->last_ms);
	stmt_i64(s, 5, k->count);
	stmt_text(s, 6, k->reason);
	stmt_i64(s, 7, k->at_ms);
	return stmt_run(s, e);
}

int
skipped_each(struct db *db, int64_t job_id, int limit, bool (*fn)(const struct skipped *s, void *arg), void *arg,
    struct err *e)
{
	struct stmt *s = db_prepare(db, job_id != 0 ?
	    "SELECT job_id, job_version, first_ms, last_ms, count, reason, at_ms FROM skipped WHERE job_id = ?1"
	    " ORDER BY first_ms DESC, id DESC LIMIT ?2" :
	    "SELECT job_id, job_version, first_ms, last_ms, count, reason, at_ms FROM skipped ORDER BY id DESC LIMIT ?2", e);
	bool go = true;
	int r = 0;

	stmt_i64(s, 2, limit);
	if (job_id != 0)
		stmt_i64(s, 1, job_id);
	while (go && (r = stmt_step(s, e)) == 1) {
		struct skipped k = {
			.job_id = stmt_col_i64(s, 0), .job_version = stmt_col_i64(s, 1), .first_ms = stmt_col_i64(s, 2),
			.last_ms = stmt_col_i64(s, 3), .count = stmt_col_i64(s, 4), .reason = stmt_col_text(s, 5),
			.at_ms = stmt_col_i64(s, 6),
		};

		go = fn(&k, arg);
	}
	stmt_free(s);
	return r < 0 ? -1 : 0;
}

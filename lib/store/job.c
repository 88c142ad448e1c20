#include "store/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "time/sched.h"

#define AT(member) offsetof(struct job_spec, member)
#define TEXT(column, powerjob, member, max) { column, powerjob, FIELD_TEXT, AT(member), 0, NULL, max }
#define WORD(column, member, dflt) { column, NULL, FIELD_TEXT, AT(member), 0, dflt, 16 }
#define NUM(column, powerjob, member, dflt) { column, powerjob, FIELD_I64, AT(member), dflt, NULL, 0 }
#define NUM_NULL(column, powerjob, member) { column, powerjob, FIELD_I64_NULL, AT(member), 0, NULL, 0 }
#define REAL(column, powerjob, member) { column, powerjob, FIELD_REAL, AT(member), 0, NULL, 0 }

const struct job_field job_fields[] = {
	TEXT("name", "jobName", name, LIMIT_NAME),
	TEXT("description", "jobDescription", description, LIMIT_TEXT),
	TEXT("params", "jobParams", params, LIMIT_TEXT),
	NUM("time_type", "timeExpressionType", time_type, TIME_API),
	TEXT("time_expr", "timeExpression", time_expr, SCHED_EXPR_MAX),
	NUM("execute_type", "executeType", execute_type, EXECUTE_STANDALONE),
	NUM("processor_type", "processorType", processor_type, PROCESSOR_BUILT_IN),
	TEXT("processor_info", "processorInfo", processor_info, LIMIT_TEXT),
	NUM("max_instance_num", "maxInstanceNum", max_instance_num, 0),
	NUM("concurrency", "concurrency", concurrency, 5),
	NUM("time_limit_ms", "instanceTimeLimit", time_limit_ms, 0),
	NUM("instance_retry_num", "instanceRetryNum", instance_retry_num, 0),
	NUM("task_retry_num", "taskRetryNum", task_retry_num, 0),
	REAL("min_cpu_cores", "minCpuCores", min_cpu_cores),
	REAL("min_memory_gb", "minMemorySpace", min_memory_gb),
	REAL("min_disk_gb", "minDiskSpace", min_disk_gb),
	TEXT("designated_workers", "designatedWorkers", designated_workers, LIMIT_TEXT),
	NUM("max_worker_count", "maxWorkerCount", max_worker_count, 0),
	TEXT("notify_user_ids", "notifyUserIds", notify_user_ids, LIMIT_TEXT),
	TEXT("extra", "extra", extra, LIMIT_TEXT),
	NUM("dispatch_strategy", "dispatchStrategy", dispatch_strategy, DISPATCH_HEALTH_FIRST),
	TEXT("dispatch_config", "dispatchStrategyConfig", dispatch_config, LIMIT_TEXT),
	NUM_NULL("start_ms", NULL, start_ms),
	NUM_NULL("end_ms", NULL, end_ms),
	TEXT("alarm_config", "alarmConfig", alarm_config, LIMIT_TEXT),
	TEXT("tag", "tag", tag, LIMIT_NAME),
	TEXT("log_config", "logConfig", log_config, LIMIT_TEXT),
	TEXT("advanced_config", "advancedRuntimeConfig", advanced_config, LIMIT_TEXT),
	NUM("retry_delay_ms", NULL, retry_delay_ms, 10000),
	WORD("on_lost", on_lost, "rerun"),
	TEXT("tz", NULL, tz, LIMIT_NAME),
	WORD("gap", gap, "skip"),
	WORD("fold", fold, "first"),
	WORD("misfire", misfire, "once"),
	NUM("misfire_window_ms", NULL, misfire_window_ms, 0),
	NUM("misfire_max", NULL, misfire_max, 100),
	NUM("misfire_rate", NULL, misfire_rate, 0),
	WORD("overlap", overlap, "allow"),
	NUM("deadline_ms", NULL, deadline_ms, 0),
	NUM("jitter_ms", NULL, jitter_ms, 0),
	{ NULL, NULL, FIELD_TEXT, 0, 0, NULL, 0 },
};

#define N_FIELDS (sizeof job_fields / sizeof job_fields[0] - 1)
#define JOB_COLUMNS "j.id, j.app_id, v.version, j.status, j.next_trigger_ms, j.created_ms, j.modified_ms"
#define N_JOB_COLUMNS 7

static char **
text_at(const struct job_spec *s, const struct job_field *f)
{
	return (char **)((uintptr_t)s + f->offset);
}

static int64_t *
i64_at(const struct job_spec *s, const struct job_field *f)
{
	return (int64_t *)((uintptr_t)s + f->offset);
}

static double *
real_at(const struct job_spec *s, const struct job_field *f)
{
	return (double *)((uintptr_t)s + f->offset);
}

void
job_spec_init(struct job_spec *s)
{
	memset(s, 0, sizeof *s);
	for (const struct job_field *f = job_fields; f->column != NULL; f++) {
		if (f->type == FIELD_TEXT && f->dflt_text != NULL)
			*text_at(s, f) = strdup(f->dflt_text); /* NULL means the default again when it is stored */
		else if (f->type == FIELD_I64)
			*i64_at(s, f) = f->dflt_i64;
	}
}

void
job_spec_fini(struct job_spec *s)
{
	for (const struct job_field *f = job_fields; f->column != NULL; f++)
		if (f->type == FIELD_TEXT)
			free(*text_at(s, f));
	memset(s, 0, sizeof *s);
}

int
job_spec_copy(struct job_spec *to, const struct job_spec *from, struct err *e)
{
	bool ok = true;

	*to = *from;
	for (const struct job_field *f = job_fields; f->column != NULL; f++)
		if (f->type == FIELD_TEXT && *text_at(from, f) != NULL) {
			*text_at(to, f) = strdup(*text_at(from, f));
			ok = ok && *text_at(to, f) != NULL;
		}
	if (ok)
		return 0;
	job_spec_fini(to);
	return err_set(e, ERR_NOMEM, "out of memory");
}

void
job_fini(struct job *j)
{
	job_spec_fini(&j->spec);
}

/* --- texts made from the table, once: statements are kept by address ---------------------------------------------- */

static char select_by_id[2048], select_version[2048], select_by_name[2048], select_list[2048], insert_version[2048];

static void
add_columns(struct buf *b, const char *prefix)
{
	for (const struct job_field *f = job_fields; f->column != NULL; f++)
		buf_addf(b, ", %s%s", prefix, f->column);
}

static void
make_select(char out[2048], const char *join, const char *where)
{
	struct buf b = BUF_INIT;

	buf_adds(&b, "SELECT " JOB_COLUMNS);
	add_columns(&b, "v.");
	buf_addf(&b, " FROM job j JOIN job_version v ON v.job_id = j.id AND v.version = %s WHERE %s", join, where);
	if (!buf_ok(&b) || b.len >= 2048)
		abort();
	memcpy(out, b.data, b.len + 1);
	buf_fini(&b);
}

static void
make_texts(void)
{
	struct buf b = BUF_INIT;

	if (insert_version[0] != '\0')
		return;
	make_select(select_by_id, "j.version", "j.id = ?");
	make_select(select_version, "?2", "j.id = ?1");
	make_select(select_by_name, "j.version", "j.app_id = ? AND j.name = ? AND j.status <> 99 ORDER BY j.id");
	make_select(select_list, "j.version", "(?1 = 0 OR j.app_id = ?1) AND (?2 OR j.status <> 99) AND j.id > ?3"
	    " ORDER BY j.id LIMIT ?4");
	buf_adds(&b, "INSERT INTO job_version(job_id, version, at_ms");
	add_columns(&b, "");
	buf_adds(&b, ") VALUES(?, ?, ?");
	for (size_t i = 0; i < N_FIELDS; i++)
		buf_adds(&b, ", ?");
	buf_addc(&b, ')');
	if (!buf_ok(&b) || b.len >= sizeof insert_version)
		abort();
	memcpy(insert_version, b.data, b.len + 1);
	buf_fini(&b);
}

static int
from_row(struct stmt *s, struct job *out, struct err *e)
{
	int i = N_JOB_COLUMNS;

	memset(out, 0, sizeof *out);
	out->id = stmt_col_i64(s, 0);
	out->app_id = stmt_col_i64(s, 1);
	out->version = stmt_col_i64(s, 2);
	out->status = (enum job_status)stmt_col_i64(s, 3);
	out->next_trigger_ms = stmt_col_i64(s, 4);
	out->created_ms = stmt_col_i64(s, 5);
	out->modified_ms = stmt_col_i64(s, 6);
	for (const struct job_field *f = job_fields; f->column != NULL; f++, i++) {
		const char *text;

		switch (f->type) {
		case FIELD_TEXT:
			text = stmt_col_text(s, i);
			if (text != NULL && (*text_at(&out->spec, f) = strdup(text)) == NULL) {
				job_fini(out);
				return err_set(e, ERR_NOMEM, "out of memory");
			}
			break;
		case FIELD_I64:
		case FIELD_I64_NULL:
			*i64_at(&out->spec, f) = stmt_col_i64(s, i);
			break;
		case FIELD_REAL:
			*real_at(&out->spec, f) = stmt_col_real(s, i);
			break;
		}
	}
	return 0;
}

static void
bind_fields(struct stmt *s, int i, const struct job_spec *spec)
{
	for (const struct job_field *f = job_fields; f->column != NULL; f++, i++) {
		switch (f->type) {
		case FIELD_TEXT:
			stmt_text(s, i, *text_at(spec, f) != NULL ? *text_at(spec, f) : f->dflt_text);
			break;
		case FIELD_I64:
			stmt_i64(s, i, *i64_at(spec, f));
			break;
		case FIELD_I64_NULL:
			stmt_i64_or_null(s, i, *i64_at(spec, f), 0);
			break;
		case FIELD_REAL:
			stmt_real(s, i, *real_at(spec, f));
			break;
		}
	}
}

int
job_get(struct db *db, int64_t id, struct job *out, struct err *e)
{
	struct stmt *s;
	int r;

	make_texts();
	s = db_stmt(db, select_by_id, e);
	stmt_i64(s, 1, id);
	r = stmt_step(s, e);
	if (r == 0)
		return err_set(e, ERR_NOTFOUND, "no job #%lld; see pj-ctl job ls", (long long)id);
	if (r < 0)
		return -1;
	r = from_row(s, out, e);
	stmt_reset(s);
	return r;
}

int
job_get_version(struct db *db, int64_t id, int64_t version, struct job *out, struct err *e)
{
	struct stmt *s;
	int r;

	make_texts();
	s = db_stmt(db, select_version, e);
	stmt_i64(s, 1, id);
	stmt_i64(s, 2, version);
	r = stmt_step(s, e);
	if (r == 0)
		return err_set(e, ERR_NOTFOUND, "no version %lld of job #%lld", (long long)version, (long long)id);
	if (r < 0)
		return -1;
	r = from_row(s, out, e);
	stmt_reset(s);
	return r;
}

static int
no_such_name(struct db *db, int64_t app_id, const char *name, struct err *e)
{
	struct stmt *s = db_stmt(db, "SELECT name FROM app WHERE id = ?", e);
	int r;

	stmt_i64(s, 1, app_id);
	r = stmt_step(s, e);
	if (r < 0)
		return -1;
	if (r == 0)
		return err_set(e, ERR_NOTFOUND, "no app with id %lld", (long long)app_id);
	err_set(e, ERR_NOTFOUND, "no job named %.200s in app %s; see pj-ctl job ls", name, stmt_col_text(s, 0));
	stmt_reset(s);
	return -1;
}

static int
several(struct stmt *s, const char *name, int64_t first, struct err *e)
{
	struct buf ids = BUF_INIT;

	buf_addf(&ids, "#%lld", (long long)first);
	do {
		buf_addf(&ids, " #%lld", (long long)stmt_col_i64(s, 0));
	} while (ids.len < 100 && stmt_step(s, NULL) == 1);
	stmt_reset(s);
	err_set(e, ERR_CONFLICT, "several jobs are named %.200s: %s; name one by its id", name, buf_str(&ids));
	buf_fini(&ids);
	return -1;
}

int
job_find(struct db *db, int64_t app_id, const char *name, struct job *out, struct err *e)
{
	struct stmt *s;
	int r;

	make_texts();
	s = db_stmt(db, select_by_name, e);
	stmt_i64(s, 1, app_id);
	stmt_text(s, 2, name);
	r = stmt_step(s, e);
	if (r <= 0)
		return r < 0 ? -1 : no_such_name(db, app_id, name, e);
	if (from_row(s, out, e) < 0) {
		stmt_reset(s);
		return -1;
	}
	r = stmt_step(s, e);
	if (r == 0)
		return 0;
	if (r == 1)
		several(s, name, out->id, e);
	job_fini(out);
	return -1;
}

static int
put_job_row(struct db *db, struct job *j, int64_t at_ms, struct err *e)
{
	struct stmt *s = j->id == 0 ?
	    db_stmt(db, "INSERT INTO job(name, status, next_trigger_ms, modified_ms, app_id, version, created_ms)"
	    " VALUES(?1, ?2, ?3, ?4, ?5, 1, ?4) RETURNING id, version, app_id, created_ms", e) :
	    db_stmt(db, "UPDATE job SET name = ?1, status = ?2, next_trigger_ms = ?3, modified_ms = ?4, version = version + 1,"
	    " over_ms = NULL WHERE id = ?5 RETURNING id, version, app_id, created_ms", e);
	int r;

	stmt_text(s, 1, j->spec.name);
	stmt_i64(s, 2, j->status);
	stmt_i64_or_null(s, 3, j->next_trigger_ms, 0);
	stmt_i64(s, 4, at_ms);
	stmt_i64(s, 5, j->id == 0 ? j->app_id : j->id);
	r = stmt_step(s, e);
	if (r < 0)
		return -1;
	if (r == 0)
		return err_set(e, ERR_NOTFOUND, "no job #%lld; see pj-ctl job ls", (long long)j->id);
	j->id = stmt_col_i64(s, 0);
	j->version = stmt_col_i64(s, 1);
	j->app_id = stmt_col_i64(s, 2);
	j->created_ms = stmt_col_i64(s, 3);
	j->modified_ms = at_ms;
	stmt_reset(s);
	return 0;
}

int
job_put(struct db *db, struct job *j, int64_t at_ms, struct err *e)
{
	struct stmt *s;

	make_texts();
	if (put_job_row(db, j, at_ms, e) < 0)
		return -1;
	s = db_stmt(db, insert_version, e);
	stmt_i64(s, 1, j->id);
	stmt_i64(s, 2, j->version);
	stmt_i64(s, 3, at_ms);
	bind_fields(s, 4, &j->spec);
	return stmt_run(s, e);
}

static int
changed_one(struct db *db, int64_t id, struct err *e)
{
	return db_changes(db) == 1 ? 0 : err_set(e, ERR_NOTFOUND, "no job #%lld; see pj-ctl job ls", (long long)id);
}

int
job_set_status(struct db *db, int64_t id, enum job_status status, int64_t next_trigger_ms, int64_t at_ms, struct err *e)
{
	struct stmt *s = db_stmt(db, "UPDATE job SET status = ?2, next_trigger_ms = ?3, modified_ms = ?4, over_ms = NULL"
	    " WHERE id = ?1", e);

	stmt_i64(s, 1, id);
	stmt_i64(s, 2, status);
	stmt_i64_or_null(s, 3, next_trigger_ms, 0);
	stmt_i64(s, 4, at_ms);
	return stmt_run(s, e) < 0 ? -1 : changed_one(db, id, e);
}

int
job_set_over(struct db *db, int64_t id, int64_t at_ms, struct err *e)
{
	struct stmt *s = db_stmt(db, "UPDATE job SET status = 2, next_trigger_ms = NULL, modified_ms = ?2, over_ms = ?2"
	    " WHERE id = ?1", e);

	stmt_i64(s, 1, id);
	stmt_i64(s, 2, at_ms);
	return stmt_run(s, e) < 0 ? -1 : changed_one(db, id, e);
}

int
job_set_next(struct db *db, int64_t id, int64_t next_trigger_ms, struct err *e)
{
	struct stmt *s = db_stmt(db, "UPDATE job SET next_trigger_ms = ?2 WHERE id = ?1", e);

	stmt_i64(s, 1, id);
	stmt_i64_or_null(s, 2, next_trigger_ms, 0);
	return stmt_run(s, e) < 0 ? -1 : changed_one(db, id, e);
}

int
job_each(struct db *db, int64_t app_id, bool with_deleted, int64_t after_id, int limit,
    bool (*fn)(const struct job *j, void *arg), void *arg, struct err *e)
{
	struct stmt *s;
	bool go = true;
	int r = 0;

	make_texts();
	s = db_prepare(db, select_list, e);
	stmt_i64(s, 1, app_id);
	stmt_i64(s, 2, with_deleted);
	stmt_i64(s, 3, after_id);
	stmt_i64(s, 4, limit);
	while (go && (r = stmt_step(s, e)) == 1) {
		struct job j;

		if ((r = from_row(s, &j, e)) < 0)
			break;
		go = fn(&j, arg);
		job_fini(&j);
	}
	stmt_free(s);
	return r < 0 ? -1 : 0;
}

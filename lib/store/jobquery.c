#include "store/jobquery.h"

#include <string.h>

#include "base/buf.h"

const struct job_filter job_filters[] = {
	{ "appIdEq", FILTER_I64, "j.app_id =" },
	{ "idEq", FILTER_I64, "j.id =" },
	{ "idLt", FILTER_I64, "j.id <" },
	{ "idGt", FILTER_I64, "j.id >" },
	{ "jobNameEq", FILTER_TEXT, "j.name =" },
	{ "jobNameLike", FILTER_LIKE, "j.name LIKE" },
	{ "jobDescriptionLike", FILTER_LIKE, "v.description LIKE" },
	{ "jobParamsLike", FILTER_LIKE, "v.params LIKE" },
	{ "timeExpressionTypeIn", FILTER_CODES, "v.time_type" },
	{ "executeTypeIn", FILTER_CODES, "v.execute_type" },
	{ "processorTypeIn", FILTER_CODES, "v.processor_type" },
	{ "processorInfoEq", FILTER_TEXT, "v.processor_info =" },
	{ "processorInfoLike", FILTER_LIKE, "v.processor_info LIKE" },
	{ "statusIn", FILTER_CODES, "j.status" },
	{ "nextTriggerTimeGt", FILTER_MS, "j.next_trigger_ms >" },
	{ "nextTriggerTimeLt", FILTER_MS, "j.next_trigger_ms <" },
	{ "notifyUserIdsLike", FILTER_LIKE, "v.notify_user_ids LIKE" },
	{ "gmtCreateLt", FILTER_MS, "j.created_ms <" },
	{ "gmtCreateGt", FILTER_MS, "j.created_ms >" },
	{ "gmtModifiedLt", FILTER_MS, "j.modified_ms <" },
	{ "gmtModifiedGt", FILTER_MS, "j.modified_ms >" },
	{ "dispatchStrategyEq", FILTER_I64, "v.dispatch_strategy =" },
	{ "tagEq", FILTER_TEXT, "v.tag =" },
	{ NULL, FILTER_I64, NULL },
};

const struct job_filter *
job_filter_find(const char *member)
{
	const struct job_filter *f = job_filters;

	while (f->member != NULL && strcmp(f->member, member) != 0)
		f++;
	return f->member == NULL ? NULL : f;
}

static void
add_condition(struct buf *sql, const struct job_condition *c)
{
	switch (c->filter->kind) {
	case FILTER_I64:
	case FILTER_MS:
		buf_addf(sql, " AND %s %lld", c->filter->condition, (long long)c->number);
		break;
	case FILTER_TEXT:
		buf_addf(sql, " AND %s ?", c->filter->condition);
		break;
	case FILTER_LIKE:
		buf_addf(sql, " AND %s '%%' || ? || '%%'", c->filter->condition);
		break;
	case FILTER_CODES:
		buf_addf(sql, " AND %s IN (", c->filter->condition);
		for (int i = 0; i < c->n_codes; i++)
			buf_addf(sql, "%s%lld", i == 0 ? "" : ",", (long long)c->codes[i]);
		buf_addc(sql, ')');
		break;
	}
}

static void
bind_texts(struct stmt *s, const struct job_condition *c, int n)
{
	int at = 1;

	for (int i = 0; i < n; i++)
		if (c[i].filter->kind == FILTER_TEXT || c[i].filter->kind == FILTER_LIKE)
			stmt_text(s, at++, c[i].text);
}

/* NULL: e. */
static struct stmt *
prepare(struct db *db, const char *what, const struct job_condition *c, int n, const char *tail, struct err *e)
{
	struct buf sql = BUF_INIT;
	struct stmt *s = NULL;

	buf_addf(&sql, "SELECT %s FROM job j JOIN job_version v ON v.job_id = j.id AND v.version = j.version WHERE 1", what);
	for (int i = 0; i < n; i++)
		if (c[i].filter->kind != FILTER_CODES || c[i].n_codes > 0)
			add_condition(&sql, &c[i]);
	buf_adds(&sql, tail);
	if (buf_ok(&sql))
		s = db_prepare(db, sql.data, e);
	else
		err_set(e, ERR_NOMEM, "out of memory");
	buf_fini(&sql);
	if (s != NULL)
		bind_texts(s, c, n);
	return s;
}

int
job_query(struct db *db, const struct job_condition *c, int n, int64_t offset, int64_t limit,
    bool (*fn)(const struct job *j, void *arg), void *arg, struct err *e)
{
	struct buf tail = BUF_INIT;
	struct stmt *s;
	bool go = true;
	int r = 0;

	buf_addf(&tail, " ORDER BY j.id LIMIT %lld OFFSET %lld", (long long)limit, (long long)offset);
	s = prepare(db, "j.id", c, n, buf_str(&tail), e);
	buf_fini(&tail);
	if (s == NULL)
		return -1;
	while (go && (r = stmt_step(s, e)) == 1) {
		struct job j;

		if ((r = job_get(db, stmt_col_i64(s, 0), &j, e)) < 0)
			break;
		go = fn(&j, arg);
		job_fini(&j);
	}
	stmt_free(s);
	return r < 0 ? -1 : 0;
}

int
job_query_count(struct db *db, const struct job_condition *c, int n, int64_t *out, struct err *e)
{
	struct stmt *s = prepare(db, "count(*)", c, n, "", e);
	int r = stmt_step(s, e);

	if (r == 1)
		*out = stmt_col_i64(s, 0);
	stmt_free(s);
	return r == 1 ? 0 : -1;
}

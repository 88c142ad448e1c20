/* The tables: what is written is read back, each contract error comes. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/app.h"
#include "store/instance.h"
#include "store/job.h"
#include "store/logindex.h"
#include "store/meta.h"
#include "time/sched.h"

static struct db *
fresh(void)
{
	struct db *db;
	struct err e = ERR_INIT;

	if (db_open(&db, ":memory:", DB_OWN, db_migrations_server, &e) < 0)
		fail_msg("%s", e.msg);
	return db;
}

static void
fill_spec(struct job_spec *s)
{
	int64_t n = 3;

	for (const struct job_field *f = job_fields; f->column != NULL; f++, n++) {
		void *at = (char *)s + f->offset;

		switch (f->type) {
		case FIELD_TEXT:
			free(*(char **)at);
			*(char **)at = strdup(f->column);
			break;
		case FIELD_I64:
		case FIELD_I64_NULL:
			*(int64_t *)at = n;
			break;
		case FIELD_REAL:
			*(double *)at = (double)n / 2;
			break;
		}
	}
}

static void
same_spec(const struct job_spec *a, const struct job_spec *b)
{
	for (const struct job_field *f = job_fields; f->column != NULL; f++) {
		const void *x = (const char *)a + f->offset, *y = (const char *)b + f->offset;

		switch (f->type) {
		case FIELD_TEXT:
			assert_string_equal(*(char *const *)x, *(char *const *)y);
			break;
		case FIELD_I64:
		case FIELD_I64_NULL:
			assert_int_equal(*(const int64_t *)x, *(const int64_t *)y);
			break;
		case FIELD_REAL:
			assert_true(*(const double *)x == *(const double *)y);
			break;
		}
	}
}

static void
job_fields_come_back(void **state)
{
	struct db *db = fresh();
	struct job j = { .app_id = 1, .status = JOB_ENABLED, .next_trigger_ms = 77 }, got;
	struct err e = ERR_INIT;

	job_spec_init(&j.spec);
	assert_int_equal(j.spec.concurrency, 5);
	assert_int_equal(j.spec.retry_delay_ms, 10000);
	assert_string_equal(j.spec.on_lost, "rerun");
	fill_spec(&j.spec);
	assert_int_equal(job_put(db, &j, 1000, &e), 0);
	assert_true(j.id > 0);
	assert_int_equal(j.version, 1);
	assert_int_equal(job_get(db, j.id, &got, &e), 0);
	same_spec(&j.spec, &got.spec);
	assert_int_equal(got.next_trigger_ms, 77);
	assert_int_equal(got.created_ms, 1000);
	job_fini(&got);
	j.spec.concurrency = 99;
	j.next_trigger_ms = 0;
	assert_int_equal(job_put(db, &j, 2000, &e), 0);
	assert_int_equal(j.version, 2);
	assert_int_equal(job_get_version(db, j.id, 1, &got, &e), 0);
	assert_int_equal(got.version, 1);
	assert_int_not_equal(got.spec.concurrency, 99);
	job_fini(&got);
	assert_int_equal(job_get(db, j.id, &got, &e), 0);
	assert_int_equal(got.spec.concurrency, 99);
	assert_int_equal(got.next_trigger_ms, 0);
	assert_int_equal(got.created_ms, 1000);
	assert_int_equal(got.modified_ms, 2000);
	job_fini(&got);
	assert_int_equal(job_get(db, 555, &got, &e), -1);
	assert_int_equal(e.code, ERR_NOTFOUND);
	assert_int_equal(job_get_version(db, j.id, 3, &got, &e), -1);
	assert_int_equal(e.code, ERR_NOTFOUND);
	j.id = 555;
	assert_int_equal(job_put(db, &j, 3000, &e), -1);
	assert_int_equal(e.code, ERR_NOTFOUND);
	job_fini(&j);
	db_close(db);
}

static void
spec_copy_is_deep(void **state)
{
	struct job_spec a, b;
	struct err e = ERR_INIT;

	job_spec_init(&a);
	fill_spec(&a);
	assert_int_equal(job_spec_copy(&b, &a, &e), 0);
	same_spec(&a, &b);
	assert_ptr_not_equal(a.name, b.name);
	job_spec_fini(&a);
	job_spec_fini(&b);
}

static int64_t
add_job(struct db *db, int64_t app, const char *name)
{
	struct job j = { .app_id = app, .status = JOB_ENABLED };
	struct err e = ERR_INIT;

	job_spec_init(&j.spec);
	j.spec.name = strdup(name);
	j.spec.processor_info = strdup("exec");
	assert_int_equal(job_put(db, &j, 1, &e), 0);
	job_fini(&j);
	return j.id;
}

static bool
count_job(const struct job *j, void *arg)
{
	int *n = arg;

	(*n)++;
	return *n < 3;
}

static void
jobs_by_name_and_list(void **state)
{
	struct db *db = fresh();
	struct err e = ERR_INIT;
	struct job got;
	int64_t app, a, b;
	int n = 0;

	assert_int_equal(app_add(db, "shop", "secret", 5, &app, &e), 0);
	a = add_job(db, app, "one");
	assert_int_equal(job_find(db, app, "one", &got, &e), 0);
	assert_int_equal(got.id, a);
	job_fini(&got);
	assert_int_equal(job_find(db, app, "two", &got, &e), -1);
	assert_int_equal(e.code, ERR_NOTFOUND);
	assert_non_null(strstr(e.msg, "two"));
	assert_non_null(strstr(e.msg, "shop"));
	b = add_job(db, app, "one");
	assert_int_equal(job_find(db, app, "one", &got, &e), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
	assert_non_null(strstr(e.msg, "#1 #2"));
	assert_int_equal(job_set_status(db, b, JOB_DELETED, 0, 9, &e), 0);
	assert_int_equal(job_find(db, app, "one", &got, &e), 0);
	job_fini(&got);
	assert_int_equal(job_set_next(db, 99, 1, &e), -1);
	assert_int_equal(e.code, ERR_NOTFOUND);
	assert_int_equal(job_each(db, app, false, 0, 10, count_job, &n, &e), 0);
	assert_int_equal(n, 1);
	n = 0;
	assert_int_equal(job_each(db, 0, true, 0, 10, count_job, &n, &e), 0);
	assert_int_equal(n, 2);
	n = 0;
	assert_int_equal(job_each(db, app, true, a, 10, count_job, &n, &e), 0);
	assert_int_equal(n, 1);
	for (int i = 0; i < 5; i++)
		add_job(db, app, "more");
	n = 0;
	assert_int_equal(job_each(db, app, true, 0, 10, count_job, &n, &e), 0);
	assert_int_equal(n, 3);
	db_close(db);
}

static void
instance_comes_back(void **state)
{
	struct db *db = fresh();
	struct err e = ERR_INIT;
	struct instance got, i = { .id = 1004425391974121536LL, .app_id = 1, .job_id = 2, .job_version = 3, .nominal_ms = 4,
		.status = INSTANCE_WAITING, .due_ms = 5, .attempt = 6, .running_times = 7, .retries_left = 8, .worker = NULL,
		.expected_ms = 9, .exit_code = -1, .log_length = -1, .created_ms = 10, .modified_ms = 11 };
	char worker[] = "h:1", params[] = "jp", iparams[] = "ip", result[] = "done";

	assert_int_equal(instance_insert(db, &i, &e), 0);
	assert_int_equal(instance_get(db, i.id, &got, &e), 0);
	assert_null(got.worker);
	assert_null(got.result);
	assert_int_equal(got.exit_code, -1);
	assert_int_equal(got.log_length, -1);
	assert_int_equal(got.actual_ms, NO_MS);
	assert_int_equal(got.nominal_ms, 4);
	assert_int_equal(got.retries_left, 8);
	instance_fini(&got);
	i.worker = worker;
	i.result = result;
	i.exit_code = 0;
	i.signal = 9;
	i.log_length = 0;
	i.status = INSTANCE_RUNNING;
	i.actual_ms = 21;
	i.finished_ms = 22;
	i.stop_ms = 23;
	i.job_version = 24;
	i.expected_ms = 25;
	assert_int_equal(instance_update(db, &i, &e), 0);
	assert_int_equal(instance_get(db, i.id, &got, &e), 0);
	assert_string_equal(got.worker, "h:1");
	assert_string_equal(got.result, "done");
	assert_int_equal(got.exit_code, 0);
	assert_int_equal(got.signal, 9);
	assert_int_equal(got.log_length, 0);
	assert_int_equal(got.status, INSTANCE_RUNNING);
	assert_int_equal(got.actual_ms, 21);
	assert_int_equal(got.finished_ms, 22);
	assert_int_equal(got.stop_ms, 23);
	assert_int_equal(got.job_version, 24);
	assert_int_equal(got.expected_ms, 25);
	assert_int_equal(got.attempt, 6);
	instance_fini(&got);
	/* The same occurrence twice is refused; by hand there is no nominal time to clash. */
	i.id++;
	assert_int_equal(instance_insert(db, &i, &e), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
	i.nominal_ms = NO_MS;
	i.job_params = params;
	i.instance_params = iparams;
	assert_int_equal(instance_insert(db, &i, &e), 0);
	i.id++;
	assert_int_equal(instance_insert(db, &i, &e), 0);
	assert_int_equal(instance_get(db, i.id, &got, &e), 0);
	assert_string_equal(got.job_params, "jp");
	assert_string_equal(got.instance_params, "ip");
	assert_int_equal(got.nominal_ms, NO_MS);
	instance_fini(&got);
	i.id += 100;
	assert_int_equal(instance_update(db, &i, &e), -1);
	assert_int_equal(e.code, ERR_NOTFOUND);
	assert_int_equal(instance_get(db, i.id, &got, &e), -1);
	assert_int_equal(e.code, ERR_NOTFOUND);
	db_close(db);
}

static int64_t seen[16];
static int n_seen;

static bool
collect(const struct instance *i, void *arg)
{
	seen[n_seen++] = i->id;
	return n_seen < 16;
}

static void
query(struct db *db, const struct instance_query *q, int n, const int64_t *ids)
{
	struct err e = ERR_INIT;
	int64_t count;

	n_seen = 0;
	assert_int_equal(instance_each(db, q, collect, NULL, &e), 0);
	assert_int_equal(n_seen, n);
	for (int i = 0; i < n; i++)
		assert_int_equal(seen[i], ids[i]);
	if (q->limit == 0 && q->offset == 0) {
		assert_int_equal(instance_count(db, q, &count, &e), 0);
		assert_int_equal(count, n);
	}
}

static void
instance_queries(void **state)
{
	struct db *db = fresh();
	struct err e = ERR_INIT;
	const enum instance_status failed[] = { INSTANCE_FAILED, INSTANCE_STOPPED };
	int64_t max;

	assert_int_equal(instance_max_id(db, &max, &e), 0);
	assert_int_equal(max, 0);
	for (int64_t n = 1; n <= 6; n++) {
		struct instance i = { .id = n, .app_id = 1 + n % 2, .job_id = n % 3, .job_version = 1, .due_ms = 1, .exit_code = -1,
			.status = n == 4 ? INSTANCE_FAILED : n == 5 ? INSTANCE_STOPPED : INSTANCE_SUCCEED, .created_ms = n * 10,
			.modified_ms = 100 - n, .wf_instance_id = n == 2 ? 9 : 0 };

		assert_int_equal(instance_insert(db, &i, &e), 0);
	}
	query(db, &(struct instance_query){ .app_id = 1 }, 3, (int64_t[]){ 6, 4, 2 });
	query(db, &(struct instance_query){ .app_id = 1, .ascending = true }, 3, (int64_t[]){ 2, 4, 6 });
	query(db, &(struct instance_query){ .job_id = 1 }, 2, (int64_t[]){ 4, 1 });
	query(db, &(struct instance_query){ .status = failed, .n_status = 2 }, 2, (int64_t[]){ 5, 4 });
	query(db, &(struct instance_query){ .after_id = 2, .before_id = 5 }, 2, (int64_t[]){ 4, 3 });
	query(db, &(struct instance_query){ .created_after_ms = 20, .created_before_ms = 50 }, 2, (int64_t[]){ 4, 3 });
	query(db, &(struct instance_query){ .modified_after_ms = 95, .modified_before_ms = 99 }, 3, (int64_t[]){ 4, 3, 2 });
	query(db, &(struct instance_query){ .wf_instance_id = 9 }, 1, (int64_t[]){ 2 });
	query(db, &(struct instance_query){ .limit = 2, .offset = 1 }, 2, (int64_t[]){ 5, 4 });
	assert_int_equal(instance_max_id(db, &max, &e), 0);
	assert_int_equal(max, 6);
	assert_int_equal(meta_set(db, "last_id", "1004425391974121536", &e), 0);
	assert_int_equal(instance_max_id(db, &max, &e), 0);
	assert_true(max == 1004425391974121536LL);
	db_close(db);
}

static bool
one_attempt(const struct attempt *a, void *arg)
{
	int64_t *n = arg;

	assert_int_equal(a->attempt, ++*n);
	return true;
}

static void
attempts(void **state)
{
	struct db *db = fresh();
	struct err e = ERR_INIT;
	char worker[] = "h:1", result[] = "r";
	struct attempt got, a = { .instance_id = 7, .attempt = 1, .worker = worker, .is_pj = true, .state = ATTEMPT_OPEN,
		.opened_ms = 3, .exit_code = -1 };
	int64_t n = 0;

	assert_int_equal(attempt_insert(db, &a, &e), 0);
	assert_int_equal(attempt_insert(db, &a, &e), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
	a.state = ATTEMPT_SUCCEED;
	a.accepted_ms = 4;
	a.started_ms = 5;
	a.finished_ms = 6;
	a.source_start_ms = 7;
	a.last_report_ms = 8;
	a.exit_code = 0;
	a.signal = 15;
	a.result = result;
	assert_int_equal(attempt_update(db, &a, &e), 0);
	assert_int_equal(attempt_get(db, 7, 1, &got, &e), 0);
	assert_true(got.is_pj);
	assert_int_equal(got.state, ATTEMPT_SUCCEED);
	assert_int_equal(got.opened_ms, 3);
	assert_int_equal(got.accepted_ms, 4);
	assert_int_equal(got.started_ms, 5);
	assert_int_equal(got.finished_ms, 6);
	assert_int_equal(got.source_start_ms, 7);
	assert_int_equal(got.last_report_ms, 8);
	assert_int_equal(got.exit_code, 0);
	assert_int_equal(got.signal, 15);
	assert_string_equal(got.result, "r");
	assert_string_equal(got.worker, "h:1");
	attempt_fini(&got);
	a.attempt = 2;
	assert_int_equal(attempt_update(db, &a, &e), -1);
	assert_int_equal(e.code, ERR_NOTFOUND);
	assert_int_equal(attempt_get(db, 7, 2, &got, &e), -1);
	assert_int_equal(e.code, ERR_NOTFOUND);
	assert_int_equal(attempt_insert(db, &a, &e), 0);
	assert_int_equal(attempt_each(db, 7, one_attempt, &n, &e), 0);
	assert_int_equal(n, 2);
	db_close(db);
}

static bool
one_skipped(const struct skipped *s, void *arg)
{
	struct skipped *out = arg;

	*out = *s;
	out->reason = strcmp(s->reason, "disabled") == 0 ? "disabled" : "other";
	return false;
}

static void
skipped_rows(void **state)
{
	struct db *db = fresh();
	struct err e = ERR_INIT;
	struct skipped got = { 0 }, s = { .job_id = 1, .job_version = 2, .first_ms = 3, .last_ms = 4, .count = 5, .at_ms = 6,
		.reason = "missed" };

	assert_int_equal(skipped_insert(db, &s, &e), 0);
	s.first_ms = 30;
	s.last_ms = 40;
	s.reason = "disabled";
	assert_int_equal(skipped_insert(db, &s, &e), 0);
	assert_int_equal(skipped_each(db, 1, 10, one_skipped, &got, &e), 0);
	assert_int_equal(got.first_ms, 30);
	assert_int_equal(got.last_ms, 40);
	assert_int_equal(got.count, 5);
	assert_string_equal(got.reason, "disabled");
	memset(&got, 0, sizeof got);
	assert_int_equal(skipped_each(db, 0, 10, one_skipped, &got, &e), 0);
	assert_int_equal(got.first_ms, 30);
	memset(&got, 0, sizeof got);
	assert_int_equal(skipped_each(db, 2, 10, one_skipped, &got, &e), 0);
	assert_int_equal(got.first_ms, 0);
	s.reason = "because"; /* the list is closed */
	assert_int_equal(skipped_insert(db, &s, &e), -1);
	db_close(db);
}

static bool
log_old(int64_t id, int64_t length, void *arg)
{
	int64_t *sum = arg;

	*sum = *sum * 10 + id;
	return true;
}

static void
log_index(void **state)
{
	struct db *db = fresh();
	struct err e = ERR_INIT;
	struct instance live = { .id = 2, .app_id = 1, .job_id = 1, .job_version = 1, .status = INSTANCE_RUNNING, .due_ms = 1 };
	int64_t v, sum = 0;

	assert_int_equal(logindex_length(db, 1, &v, NULL, &e), 0);
	assert_int_equal(v, 0);
	for (int64_t id = 1; id <= 3; id++)
		assert_int_equal(logindex_set_length(db, id, id * 100, id * 10, &e), 0);
	assert_int_equal(logindex_set_length(db, 1, 150, 35, &e), 0);
	assert_int_equal(logindex_length(db, 1, &v, NULL, &e), 0);
	assert_int_equal(v, 150);
	assert_int_equal(logindex_total(db, &v, &e), 0);
	assert_int_equal(v, 650);
	assert_int_equal(logindex_set_offset(db, 1, "a.spool", 2, 5, &e), 0);
	assert_int_equal(logindex_set_offset(db, 1, "a.spool", 2, 9, &e), 0);
	assert_int_equal(logindex_stored(db, 1, 2, &v, &e), 0);
	assert_int_equal(v, 9);
	assert_int_equal(logindex_stored(db, 1, 3, &v, &e), 0);
	assert_int_equal(v, 0);
	assert_int_equal(logindex_offset(db, 1, "a.spool", &v, &e), 0);
	assert_int_equal(v, 9);
	assert_int_equal(logindex_offset(db, 1, "b.spool", &v, &e), 0);
	assert_int_equal(v, 0);
	assert_int_equal(instance_insert(db, &live, &e), 0);
	assert_int_equal(logindex_each_old(db, 36, 10, log_old, &sum, &e), 0);
	assert_int_equal(sum, 31); /* 2 runs still */
	sum = 0;
	assert_int_equal(logindex_each(db, 1, 10, log_old, &sum, &e), 0);
	assert_int_equal(sum, 23);
	assert_int_equal(logindex_remove(db, 1, &e), 0);
	assert_int_equal(logindex_offset(db, 1, "a.spool", &v, &e), 0);
	assert_int_equal(v, 0);
	assert_int_equal(logindex_length(db, 1, &v, NULL, &e), 0);
	assert_int_equal(v, 0);
	db_close(db);
}

static void
meta_values(void **state)
{
	struct db *db = fresh();
	struct err e = ERR_INIT;
	struct buf b = BUF_INIT;

	assert_int_equal(meta_get(db, "secret", &b, &e), -1);
	assert_int_equal(e.code, ERR_NOTFOUND);
	assert_int_equal(meta_set(db, "secret", "one", &e), 0);
	assert_int_equal(meta_set(db, "secret", "two", &e), 0);
	assert_int_equal(meta_get(db, "secret", &b, &e), 0);
	assert_string_equal(buf_str(&b), "two");
	buf_fini(&b);
	db_close(db);
}

static int64_t first_seen;

static bool
see(const struct instance *i, void *arg)
{
	if (n_seen++ == 0)
		first_seen = i->id;
	return true;
}

/* Of very many rows: what an index answers is answered, what would go through all is refused in time, the window sorts
 * the newest only. */
static void
bounded_queries(void **state)
{
	static const enum instance_status each[] = { INSTANCE_WAITING, INSTANCE_SENT, INSTANCE_RUNNING, INSTANCE_FAILED,
		INSTANCE_CANCELED, INSTANCE_STOPPED };
	struct instance_query q = { .app_id = 1, .limit = 10, .most_steps = 30000 };
	enum instance_status succeed = INSTANCE_SUCCEED;
	struct db *db;
	struct err e = ERR_INIT;
	int64_t n;

	assert_int_equal(db_open(&db, ":memory:", DB_OWN, db_migrations_server, &e), 0);
	assert_int_equal(db_exec(db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
	    " INSERT INTO instance(id, app_id, job_id, job_version, status, due_ms, expected_ms, created_ms, modified_ms,"
	    " running_times) SELECT i * 1000, 1, 1, 1, CASE i % 1000 WHEN 1 THEN 1 WHEN 2 THEN 2 WHEN 3 THEN 3 WHEN 4 THEN 4"
	    " WHEN 9 THEN 9 WHEN 10 THEN 10 ELSE 5 END, i, i, i, 30000 - i, i % 7 FROM n", &e), 0);
	for (int k = 0; k < 6; k++) {
		q.status = &each[k];
		q.n_status = 1;
		assert_int_equal(instance_count(db, &q, &n, &e), 0);
		assert_int_equal(n, 20);
		n_seen = 0;
		assert_int_equal(instance_each(db, &q, see, NULL, &e), 0);
		assert_int_equal(n_seen, 10);
	}
	q.n_status = 0;
	assert_int_equal(instance_count(db, &q, &n, &e), 0); /* from an index alone */
	assert_int_equal(n, 20000);
	q.status = &succeed;
	q.n_status = 1;
	assert_int_equal(instance_count(db, &q, &n, &e), -1);
	assert_int_equal(e.code, ERR_TOOBIG);
	q.n_status = 0;
	q.sort = SORT_MODIFIED;
	assert_int_equal(instance_each(db, &q, see, NULL, &e), -1);
	assert_int_equal(e.code, ERR_TOOBIG);
	/* The window: of the newest 500 the one that changed last is the oldest of them here. */
	q.window = 500;
	n_seen = 0;
	assert_int_equal(instance_each(db, &q, see, NULL, &e), 0);
	assert_int_equal(n_seen, 10);
	assert_int_equal(first_seen, 19501 * 1000);
	q.offset = 500; /* behind it: by id */
	n_seen = 0;
	assert_int_equal(instance_each(db, &q, see, NULL, &e), 0);
	assert_int_equal(first_seen, 19500 * 1000);
	assert_int_equal(db_commit(db, &e), 0); /* a question that was refused harms nothing */
	db_close(db);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(job_fields_come_back), cmocka_unit_test(spec_copy_is_deep),
		cmocka_unit_test(jobs_by_name_and_list), cmocka_unit_test(instance_comes_back), cmocka_unit_test(instance_queries),
		cmocka_unit_test(attempts), cmocka_unit_test(skipped_rows), cmocka_unit_test(log_index),
		cmocka_unit_test(meta_values), cmocka_unit_test(bounded_queries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

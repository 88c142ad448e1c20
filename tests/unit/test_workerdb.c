/* lib/store/workerdb: rows of worker.db. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "store/workerdb.h"

static struct db *db;
static struct err e;

static int
open_db(void **state)
{
	(void)state;
	return db_open(&db, ":memory:", DB_SHARED, db_migrations_worker, &e);
}

static int
close_db(void **state)
{
	(void)state;
	db_close(db);
	return 0;
}

static void
put(int64_t id, int64_t attempt, enum assign_state state, int64_t finished_ms)
{
	struct assignment a = { .instance_id = id, .attempt = attempt, .job_id = 7, .state = state, .slot = 3, .seq = 9,
		.spec = "{\"a\":1}", .accepted_ms = id, .finished_ms = finished_ms };

	snprintf(a.boot_id, sizeof a.boot_id, "boot");
	assert_int_equal(workerdb_assign_put(db, &a, &e), 0);
}

static bool
count(const struct assignment *a, void *arg)
{
	++*(int *)arg;
	assert_string_equal(a->spec, "{\"a\":1}");
	return true;
}

static void
assignments(void **state)
{
	struct buf spec = BUF_INIT;
	struct assignment a;
	int64_t n, newest;
	int open = 0;

	(void)state;
	put(1, 1, ASSIGN_TOLD, 0);
	put(1, 2, ASSIGN_ACCEPTED, 0);
	put(2, 1, ASSIGN_REFUSED, 5);
	assert_int_equal(workerdb_assign_get(db, 1, 1, &a, &spec, &e), 1);
	assert_string_equal(a.spec, "{\"a\":1}");
	assert_int_equal(a.state, ASSIGN_TOLD);
	assert_int_equal(a.slot, 3);
	assert_false(a.plain);
	assert_int_equal(a.finished_ms, 0);
	assert_int_equal(workerdb_assign_get(db, 3, 1, &a, NULL, &e), 0);
	assert_int_equal(workerdb_assign_newest(db, 1, &newest, &e), 1);
	assert_int_equal(newest, 2);
	assert_int_equal(workerdb_assign_newest(db, 3, &newest, &e), 0);
	assert_int_equal(workerdb_assign_used(db, &n, &e), 0);
	assert_int_equal(n, 2);
	assert_int_equal(workerdb_assign_open(db, count, &open, &e), 0);
	assert_int_equal(open, 2);
	assert_int_equal(workerdb_assign_told(db, 1, 2, "later", &e), 0);
	assert_int_equal(workerdb_assign_running(db, 1, 2, 11, &e), 0);
	assert_int_equal(workerdb_assign_stop(db, 1, 2, 12, &e), 0);
	assert_int_equal(workerdb_assign_end(db, 1, 2, ASSIGN_FINISHED, 13, &e), 0);
	buf_clear(&spec);
	assert_int_equal(workerdb_assign_get(db, 1, 2, &a, &spec, &e), 1);
	assert_int_equal(a.state, ASSIGN_FINISHED);
	assert_string_equal(a.boot_id, "later");
	assert_int_equal(a.started_ms, 11);
	assert_int_equal(a.stop_ms, 12);
	assert_int_equal(a.finished_ms, 13);
	assert_string_equal(a.spec, "{\"a\":1}");
	/* The end keeps its first time, and drops the request. */
	assert_int_equal(workerdb_assign_end(db, 1, 2, ASSIGN_REPORTED, 99, &e), 0);
	buf_clear(&spec);
	assert_int_equal(workerdb_assign_get(db, 1, 2, &a, &spec, &e), 1);
	assert_int_equal(a.finished_ms, 13);
	assert_string_equal(a.spec, "");
	buf_fini(&spec);
}

static void
tombstones(void **state)
{
	int64_t removed;
	bool due;

	(void)state;
	for (int i = 0; i < 10; i++)
		put(100 + i, 1, i < 8 ? ASSIGN_REPORTED : ASSIGN_FINISHED, 1000 + i);
	put(200, 1, ASSIGN_TOLD, 0);
	assert_int_equal(workerdb_assign_due(db, 1000, &due, &e), 0);
	assert_false(due);
	assert_int_equal(workerdb_assign_due(db, 1005, &due, &e), 0);
	assert_true(due);
	assert_int_equal(workerdb_assign_forget(db, 2000, 3, &removed, &e), 0);
	assert_int_equal(removed, 3);
	assert_int_equal(workerdb_assign_forget(db, 2000, 100, &removed, &e), 0);
	assert_int_equal(removed, 5); /* neither what is to be reported nor what runs */
	assert_int_equal(workerdb_assign_forget(db, 2000, 100, &removed, &e), 0);
	assert_int_equal(removed, 0);
}

static void
highest(int64_t slot, int64_t seq, void *arg)
{
	((int64_t *)arg)[slot] = seq;
}

static void
slots(void **state)
{
	int64_t seq[4] = { 0 };

	(void)state;
	assert_int_equal(workerdb_slot_put(db, 2, 5, &e), 0);
	assert_int_equal(workerdb_slot_put(db, 2, 9, &e), 0);
	assert_int_equal(workerdb_slot_put(db, 2, 7, &e), 0); /* never goes back */
	assert_int_equal(workerdb_slot_put(db, 0, 1, &e), 0);
	assert_int_equal(workerdb_slot_each(db, highest, seq, &e), 0);
	assert_int_equal(seq[0], 1);
	assert_int_equal(seq[1], 0);
	assert_int_equal(seq[2], 9);
}

static bool
sum(const struct outbox_row *r, void *arg)
{
	*(int64_t *)arg = *(int64_t *)arg * 10 + r->attempt;
	return true;
}

static void
outbox(void **state)
{
	struct buf body = BUF_INIT;
	int64_t first, second, seen = 0;

	(void)state;
	assert_int_equal(workerdb_outbox_put(db, 5, 1, "{one}", 1, &first, &e), 0);
	assert_int_equal(workerdb_outbox_put(db, 5, 2, "{two}", 2, &second, &e), 0);
	assert_int_equal(workerdb_outbox_each(db, sum, &seen, &e), 0);
	assert_int_equal(seen, 12); /* in order */
	assert_int_equal(workerdb_outbox_body(db, second, &body, &e), 1);
	assert_string_equal(body.data, "{two}");
	assert_int_equal(workerdb_outbox_delete(db, second, &e), 0);
	assert_int_equal(workerdb_outbox_body(db, second, &body, &e), 0);
	/* An id is not given twice: an answer that is late belongs to the first. */
	assert_int_equal(workerdb_outbox_put(db, 5, 3, "{}", 3, &seen, &e), 0);
	assert_true(seen > second);
	buf_fini(&body);
}

static void
self_and_server(void **state)
{
	struct worker_self self = { .address = "h:1", .boot_id = "b", .started_ms = 5, .slots = 9 }, got;
	struct worker_server server = { .app = "a", .via = "v:1", .address = "s:1", .app_id = 4, .checked_ms = 8 }, back;

	(void)state;
	assert_int_equal(workerdb_self_get(db, &got, &e), 0);
	assert_int_equal(workerdb_self_put(db, &self, &e), 0);
	assert_int_equal(workerdb_self_put(db, &self, &e), 0);
	assert_int_equal(workerdb_self_get(db, &got, &e), 1);
	assert_memory_equal(&got, &self, sizeof got);
	assert_int_equal(workerdb_server_get(db, &back, &e), 0);
	assert_int_equal(workerdb_server_put(db, &server, &e), 0);
	assert_int_equal(workerdb_server_get(db, &back, &e), 1);
	assert_memory_equal(&back, &server, sizeof back);
	server.address[0] = '\0';
	server.failures = 3;
	assert_int_equal(workerdb_server_put(db, &server, &e), 0);
	assert_int_equal(workerdb_server_get(db, &back, &e), 1);
	assert_string_equal(back.address, "");
	assert_int_equal(back.failures, 3);
}

static void
one_offset(const struct log_offset *o, void *arg)
{
	assert_string_equal(o->spool, "5.1.log");
	*(int64_t *)arg += o->offset;
}

static void
offsets(void **state)
{
	struct log_offset o = { "5.1.log", 5, 1, 100, 7 };
	int64_t total = 0;

	(void)state;
	assert_int_equal(workerdb_offset_put(db, &o, &e), 0);
	o.offset = 250;
	assert_int_equal(workerdb_offset_put(db, &o, &e), 0);
	assert_int_equal(workerdb_offset_each(db, one_offset, &total, &e), 0);
	assert_int_equal(total, 250);
	assert_int_equal(workerdb_offset_delete(db, "5.1.log", &e), 0);
	assert_int_equal(workerdb_offset_each(db, one_offset, &total, &e), 0);
	assert_int_equal(total, 250);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(assignments, open_db, close_db),
		cmocka_unit_test_setup_teardown(tombstones, open_db, close_db),
		cmocka_unit_test_setup_teardown(slots, open_db, close_db),
		cmocka_unit_test_setup_teardown(outbox, open_db, close_db),
		cmocka_unit_test_setup_teardown(self_and_server, open_db, close_db),
		cmocka_unit_test_setup_teardown(offsets, open_db, close_db),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

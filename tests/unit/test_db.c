/* The SQLite wrapper: transactions, migrations, and a clear error for each way a database can be wrong. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "store/db.h"

static char dir[64], path[96];
static struct err e;

static const struct migration one[] = {
	{ 1, "0001-first.sql", "CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT UNIQUE);" }, { 0, NULL, NULL },
};
static const struct migration two[] = {
	{ 1, "0001-first.sql", "CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT UNIQUE);" },
	{ 2, "0002-more.sql", "ALTER TABLE t ADD COLUMN w INTEGER; INSERT INTO t(k, w) VALUES(1, 7);" }, { 0, NULL, NULL },
};
static const struct migration broken[] = {
	{ 1, "0001-first.sql", "CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT UNIQUE);" },
	{ 2, "0002-bad.sql", "CREATE TABLE u (k INTEGER); INSERT INTO nowhere VALUES(1);" }, { 0, NULL, NULL },
};

static int
set_up(void **state)
{
	strcpy(dir, "/tmp/pj-test-db-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/x.db", dir);
	err_clear(&e);
	return 0;
}

static int
tear_down(void **state)
{
	const char *const suffix[] = { "x.db", "x.db-wal", "x.db-shm", "y.db", "y.db-wal", "y.db-shm", "y.db.part", "sub", NULL };
	char file[128];

	for (int i = 0; suffix[i] != NULL; i++) {
		snprintf(file, sizeof file, "%s/%s", dir, suffix[i]);
		remove(file);
	}
	return rmdir(dir);
}

static struct db *
must_open(const char *p, enum db_mode mode, const struct migration *m)
{
	struct db *db;

	if (db_open(&db, p, mode, m, &e) < 0)
		fail_msg("%s", e.msg);
	return db;
}

static void
refused(const char *p, enum db_mode mode, const struct migration *m, enum err_code code, const char *text)
{
	struct db *db;

	err_clear(&e);
	assert_int_equal(db_open(&db, p, mode, m, &e), -1);
	assert_null(db);
	assert_non_null(strstr(e.msg, p));
	if (e.code != code || strstr(e.msg, text) == NULL)
		fail_msg("%s: %s", err_name(e.code), e.msg);
}

static int64_t
ask(struct db *db, const char *sql)
{
	struct stmt *s = db_prepare(db, sql, &e);
	int64_t v = -1;

	if (stmt_step(s, &e) == 1)
		v = stmt_col_i64(s, 0);
	stmt_free(s);
	return v;
}

static int
put(struct db *db, int64_t k, const char *v)
{
	struct stmt *s = db_stmt(db, "INSERT INTO t(k, v) VALUES(?, ?)", &e);

	stmt_i64(s, 1, k);
	stmt_text(s, 2, v);
	return stmt_run(s, &e);
}

static void
transactions(void **state)
{
	struct db *db = must_open(path, DB_OWN, one), *reader = must_open(path, DB_READ, one);

	assert_false(db_dirty(db));
	assert_int_equal(put(db, 1, "a"), 0);
	assert_true(db_dirty(db));
	assert_int_equal(ask(reader, "SELECT count(*) FROM t"), 0); /* begun by the first statement */
	assert_int_equal(db_commit(db, &e), 0);
	assert_false(db_dirty(db));
	assert_int_equal(ask(reader, "SELECT count(*) FROM t"), 1);
	assert_int_equal(put(db, 2, "b"), 0);
	db_rollback(db);
	assert_false(db_dirty(db));
	assert_int_equal(ask(db, "SELECT count(*) FROM t"), 1);
	assert_false(db_dirty(db)); /* reading is not writing */
	assert_int_equal(db_commit(db, &e), 0);
	assert_int_equal(db_commit(db, &e), 0);
	assert_int_equal(put(db, 1, "c"), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
	assert_int_equal(put(db, 3, "a"), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
	assert_int_equal(put(db, 3, "c"), 0); /* a refused row does not end the turn */
	assert_int_equal(db_last_rowid(db), 3);
	assert_int_equal(db_changes(db), 1);
	assert_int_equal(db_commit(db, &e), 0);
	assert_int_equal(ask(reader, "SELECT count(*) FROM t"), 2);
	assert_int_equal(ask(reader, "PRAGMA journal_mode"), 0);
	db_close(reader);
	db_close(db);
	assert_int_equal(access(path, F_OK), 0);
}

static void
savepoints(void **state)
{
	struct db *db = must_open(path, DB_OWN, one);

	assert_int_equal(db_savepoint(db, &e), 0);
	assert_int_equal(put(db, 1, "a"), 0);
	assert_int_equal(db_release(db, &e), 0);
	assert_int_equal(db_savepoint(db, &e), 0);
	assert_int_equal(put(db, 2, "b"), 0);
	db_rollback_to(db);
	assert_true(db_dirty(db));
	assert_int_equal(db_commit(db, &e), 0);
	assert_int_equal(ask(db, "SELECT group_concat(k) = '1' FROM t"), 1);
	assert_int_equal(db_savepoint(db, &e), 0);
	assert_int_equal(put(db, 2, "b"), 0);
	db_rollback_to(db);
	assert_false(db_dirty(db)); /* nothing of it is left: no commit needed */
	assert_int_equal(db_commit(db, &e), 0);
	db_close(db);
}

static void
statements(void **state)
{
	struct db *db = must_open(":memory:", DB_OWN, one);
	static const char sql[] = "SELECT ?1, ?2, ?3, ?4, typeof(?5)";
	struct stmt *s = db_stmt(db, sql, &e), *bad;

	stmt_i64(s, 1, INT64_MAX);
	stmt_real(s, 2, 0.5);
	stmt_text_n(s, 3, "abcdef", 3);
	stmt_i64_or_null(s, 4, 7, 7);
	assert_int_equal(stmt_step(s, &e), 1);
	assert_true(stmt_col_i64(s, 0) == INT64_MAX);
	assert_true(stmt_col_real(s, 1) == 0.5);
	assert_string_equal(stmt_col_text(s, 2), "abc");
	assert_true(stmt_col_null(s, 3));
	assert_int_equal(stmt_col_i64_or(s, 3, -5), -5);
	assert_null(stmt_col_text(s, 3));
	assert_string_equal(stmt_col_text(s, 4), "null");
	assert_ptr_equal(db_stmt(db, sql, &e), s); /* reset and unbound */
	assert_int_equal(stmt_step(s, &e), 1);
	assert_true(stmt_col_null(s, 0));
	assert_int_equal(stmt_step(s, &e), 0);
	stmt_i64(s, 77, 1); /* no such parameter */
	assert_int_equal(stmt_step(s, &e), -1);
	assert_int_equal(e.code, ERR_INTERNAL);
	err_clear(&e);
	bad = db_stmt(db, "SELECT nothing FROM nowhere", &e);
	assert_null(bad);
	assert_int_equal(e.code, ERR_INTERNAL);
	strcpy(e.msg, "kept");
	stmt_i64(bad, 1, 1);
	stmt_text(bad, 1, "x");
	assert_int_equal(stmt_step(bad, &e), -1);
	assert_int_equal(stmt_run(bad, &e), -1);
	assert_string_equal(e.msg, "kept");
	stmt_reset(bad);
	stmt_free(bad);
	/* More texts than the table starts with. */
	for (int i = 0; i < 200; i++) {
		static char texts[200][32];

		snprintf(texts[i], sizeof texts[i], "SELECT %d", i);
		s = db_stmt(db, texts[i], &e);
		assert_int_equal(stmt_step(s, &e), 1);
		assert_int_equal(stmt_col_i64(s, 0), i);
	}
	db_close(db);
}

static void
set_up_as_promised(void **state)
{
	struct db *db = must_open(path, DB_OWN, one);
	struct stat st;

	assert_int_equal(ask(db, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
	assert_int_equal(ask(db, "PRAGMA synchronous"), 2);
	assert_int_equal(ask(db, "PRAGMA auto_vacuum"), 2);
	assert_int_equal(ask(db, "PRAGMA user_version"), 1);
	assert_true(ask(db, "PRAGMA wal_autocheckpoint") > 0);
	assert_true(ask(db, "PRAGMA journal_size_limit") > 0);
	assert_int_equal(ask(db, "PRAGMA foreign_keys"), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600); /* password hashes are in it */
	db_close(db);
}

static void
upgrades(void **state)
{
	struct db *db = must_open(path, DB_OWN, one);

	assert_int_equal(put(db, 5, "kept"), 0);
	assert_int_equal(db_commit(db, &e), 0);
	db_close(db);
	refused(path, DB_READ, two, ERR_CONFIG, "schema is number 1, this program reads 2");
	db = must_open(path, DB_OWN, two);
	assert_int_equal(ask(db, "SELECT count(*) FROM t"), 2);
	assert_int_equal(ask(db, "SELECT w FROM t WHERE k = 1"), 7);
	assert_int_equal(ask(db, "PRAGMA user_version"), 2);
	db_close(db);
	/* The older program says both numbers and leaves it alone. */
	refused(path, DB_OWN, one, ERR_CONFIG, "schema is number 2, this program knows up to 1");
	refused(path, DB_SHARED, one, ERR_CONFIG, "schema is number 2, this program knows up to 1");
	refused(path, DB_READ, one, ERR_CONFIG, "schema is number 2, this program knows up to 1");
	db = must_open(path, DB_READ, two);
	assert_int_equal(put(db, 9, "x"), -1);
	db_close(db);
}

static void
a_migration_is_all_or_nothing(void **state)
{
	struct db *db = must_open(path, DB_OWN, one);

	db_close(db);
	refused(path, DB_OWN, broken, ERR_INTERNAL, "0002-bad.sql");
	db = must_open(path, DB_OWN, one);
	assert_int_equal(ask(db, "PRAGMA user_version"), 1);
	assert_int_equal(ask(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'u'"), 0);
	db_close(db);
}

static void
real_schemas(void **state)
{
	struct db *db = must_open(path, DB_OWN, db_migrations_server);

	assert_true(ask(db, "SELECT count(*) FROM sqlite_schema WHERE type = 'table'") > 8);
	db_close(db);
	refused(path, DB_SHARED, db_migrations_worker, ERR_CONFIG, "of the other kind");
	refused(path, DB_OWN, one, ERR_CONFIG, "another program");
	snprintf(path, sizeof path, "%s/y.db", dir);
	db = must_open(path, DB_SHARED, db_migrations_worker);
	db_close(db);
	refused(path, DB_OWN, db_migrations_server, ERR_CONFIG, "of the other kind");
}

static void
wrong_files(void **state)
{
	char sub[96], text[4096];
	struct db *db;

	refused(path, DB_READ, one, ERR_NOTFOUND, "No such file");
	snprintf(sub, sizeof sub, "%s/none/x.db", dir);
	refused(sub, DB_OWN, one, ERR_NOTFOUND, "directory");
	snprintf(sub, sizeof sub, "%s/sub", dir);
	assert_int_equal(mkdir(sub, 0700), 0);
	refused(sub, DB_OWN, one, ERR_IO, "cannot open");
	refused(sub, DB_READ, one, ERR_IO, "not a regular file");
	memset(text, 'x', sizeof text);
	assert_int_equal(file_replace_fast(path, text, sizeof text, 0600, &e), 0);
	refused(path, DB_OWN, one, ERR_IO, "not a SQLite database");
	refused(path, DB_READ, one, ERR_IO, "not a SQLite database");
	assert_int_equal(unlink(path), 0);
	/* Somebody else's database is not touched. */
	static const struct migration foreign[] = { { 1, "f", "CREATE TABLE f (x); PRAGMA application_id=77" }, { 0, NULL, NULL } };

	db = must_open(path, DB_OWN, foreign);
	assert_int_equal(db_exec(db, "PRAGMA application_id=77; PRAGMA user_version=0", &e), 0);
	assert_int_equal(db_commit(db, &e), 0);
	db_close(db);
	refused(path, DB_OWN, db_migrations_server, ERR_CONFIG, "another program");
	if (geteuid() == 0) {
		print_message("not writable: skipped: root may write everything\n");
		return;
	}
	assert_int_equal(chmod(path, 0400), 0);
	refused(path, DB_OWN, foreign, ERR_FORBIDDEN, "");
}

static void
corrupt(void **state)
{
	struct db *db = must_open(path, DB_OWN, one);
	char junk[8192];
	FILE *f;
	int n = 0;

	for (int64_t k = 0; k < 2000; k++) {
		snprintf(junk, sizeof junk, "value %d of many, long enough to fill pages", (int)k);
		assert_int_equal(put(db, k, junk), 0);
	}
	assert_int_equal(db_commit(db, &e), 0);
	assert_int_equal(db_integrity(db, &n, NULL, NULL, &e), 0);
	assert_int_equal(n, 0);
	db_close(db);
	memset(junk, 0x5a, sizeof junk);
	f = fopen(path, "r+");
	assert_non_null(f);
	assert_int_equal(fseek(f, 5 * 4096, SEEK_SET), 0);
	assert_int_equal(fwrite(junk, 1, sizeof junk, f), sizeof junk);
	fclose(f);
	db = must_open(path, DB_READ, one);
	err_clear(&e);
	if (db_integrity(db, &n, NULL, NULL, &e) == 0)
		assert_true(n > 0);
	else
		assert_int_equal(e.code, ERR_IO);
	db_close(db);
	f = fopen(path, "r+"); /* the header's page count and schema root */
	assert_int_equal(fseek(f, 100, SEEK_SET), 0);
	assert_int_equal(fwrite(junk, 1, 3000, f), 3000);
	fclose(f);
	refused(path, DB_OWN, one, ERR_IO, "damaged");
}

static void
no_room(void **state)
{
	struct db *db = must_open(path, DB_OWN, one);
	char big[4000];
	int64_t k = 10;
	int rc = 0;

	memset(big, 'b', sizeof big - 8);
	assert_int_equal(put(db, 1, "before"), 0);
	assert_int_equal(db_commit(db, &e), 0);
	ask(db, "PRAGMA max_page_count=20");
	assert_int_equal(put(db, 2, "in the same turn"), 0);
	while (rc == 0 && k < 200) {
		snprintf(big + sizeof big - 8, 8, "%d", (int)k);
		rc = put(db, k++, big);
	}
	assert_int_equal(rc, -1);
	assert_int_equal(e.code, ERR_IO);
	assert_non_null(strstr(e.msg, "no room"));
	db_rollback(db);
	assert_int_equal(ask(db, "SELECT group_concat(k) = '1' FROM t"), 1); /* no half of the turn */
	assert_int_equal(db_commit(db, &e), 0);
	ask(db, "PRAGMA max_page_count=1000");
	assert_int_equal(put(db, 3, "after"), 0);
	assert_int_equal(db_commit(db, &e), 0);
	db_close(db);
}

static void
a_transaction_that_sqlite_gave_up_stays_lost(void **state)
{
	struct db *db = must_open(path, DB_OWN, one);
	struct stmt *s;

	assert_int_equal(put(db, 1, "first"), 0);
	s = db_stmt(db, "INSERT OR ROLLBACK INTO t(k, v) VALUES(1, 'x')", &e); /* as a disk error may do */
	assert_int_equal(stmt_run(s, &e), -1);
	assert_int_equal(put(db, 2, "second"), -1);
	assert_int_equal(e.code, ERR_IO);
	assert_int_equal(db_savepoint(db, &e), -1);
	db_rollback_to(db);
	assert_int_equal(db_commit(db, &e), -1);
	db_rollback(db);
	assert_int_equal(ask(db, "SELECT count(*) FROM t"), 0);
	assert_int_equal(put(db, 2, "second"), 0);
	assert_int_equal(db_commit(db, &e), 0);
	db_close(db);
}

static void
locked(void **state)
{
	struct db *a = must_open(path, DB_OWN, one), *b = must_open(path, DB_OWN, one);

	assert_int_equal(put(a, 1, "a"), 0);
	assert_int_equal(put(b, 2, "b"), -1);
	assert_int_equal(e.code, ERR_BUSY);
	assert_non_null(strstr(e.msg, "locked by another program"));
	db_rollback(b);
	assert_int_equal(db_commit(a, &e), 0);
	assert_int_equal(put(b, 2, "b"), 0);
	assert_int_equal(db_commit(b, &e), 0);
	db_close(a);
	db_close(b);
}

static void
shared(void **state)
{
	struct db *a = must_open(path, DB_SHARED, one), *b = must_open(path, DB_SHARED, one);

	assert_int_equal(put(a, 1, "a"), 0); /* each by itself */
	assert_int_equal(put(b, 2, "b"), 0);
	assert_int_equal(db_begin(a, &e), 0);
	assert_int_equal(put(a, 3, "c"), 0);
	assert_int_equal(ask(b, "SELECT count(*) FROM t"), 2);
	assert_int_equal(db_commit(a, &e), 0);
	assert_int_equal(ask(b, "SELECT count(*) FROM t"), 3);
	assert_int_equal(db_begin(b, &e), 0);
	assert_int_equal(put(b, 4, "d"), 0);
	db_rollback(b);
	assert_int_equal(ask(a, "SELECT count(*) FROM t"), 3);
	db_close(a);
	db_close(b);
}

/* Several processes make and write the same new database at once. */
static void
shared_from_the_start(void **state)
{
	pid_t child[4];
	struct db *db;

	for (int c = 0; c < 4; c++) {
		child[c] = fork();
		assert_true(child[c] >= 0);
		if (child[c] > 0)
			continue;
		if (db_open(&db, path, DB_SHARED, two, &e) < 0) {
			fprintf(stderr, "%s\n", e.msg);
			_exit(1);
		}
		for (int k = 0; k < 25; k++)
			if (put(db, 100 * (c + 1) + k, NULL) < 0) {
				fprintf(stderr, "%s\n", e.msg);
				_exit(2);
			}
		db_close(db);
		_exit(0);
	}
	for (int c = 0; c < 4; c++) {
		int status;

		assert_int_equal(waitpid(child[c], &status, 0), child[c]);
		assert_int_equal(status, 0);
	}
	db = must_open(path, DB_READ, two);
	assert_int_equal(ask(db, "SELECT count(*) FROM t"), 101);
	db_close(db);
}

/* kill -9 between a write and its commit, again and again: only whole turns are there. */
static void
killed(void **state)
{
	struct db *db = must_open(path, DB_OWN, one);

	db_close(db);
	for (int n = 0; n < 10; n++) {
		pid_t child = fork();
		int status;

		assert_true(child >= 0);
		if (child == 0) {
			db = must_open(path, DB_OWN, one);
			for (int64_t k = 0;; k++) {
				put(db, n * 1000000 + 2 * k, NULL);
				if (k == 20 + n)
					kill(getpid(), 9);
				put(db, n * 1000000 + 2 * k + 1, NULL);
				db_commit(db, &e);
			}
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
	}
	db = must_open(path, DB_OWN, one);
	assert_int_equal(ask(db, "SELECT count(*) FROM t"), 2 * (20 * 10 + 45));
	assert_int_equal(ask(db, "SELECT count(*) FROM t WHERE k % 2"), 20 * 10 + 45);
	db_close(db);
}

static void
backup(void **state)
{
	char to[128];
	struct db *db = must_open(path, DB_OWN, one), *copy;

	snprintf(to, sizeof to, "%s/y.db", dir);
	assert_int_equal(put(db, 1, "a"), 0);
	assert_int_equal(db_commit(db, &e), 0);
	assert_int_equal(put(db, 2, "not committed"), 0);
	assert_int_equal(db_backup(path, to, &e), 0);
	copy = must_open(to, DB_OWN, one);
	assert_int_equal(ask(copy, "SELECT count(*) FROM t"), 1);
	db_close(copy);
	assert_int_equal(db_backup(path, to, &e), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
	assert_int_equal(unlink(to), 0);
	db_rollback(db);
	db_close(db);
	snprintf(path, sizeof path, "%s/none.db", dir);
	assert_int_equal(db_backup(path, to, &e), -1);
	assert_int_equal(e.code, ERR_NOTFOUND);
	assert_int_equal(access(to, F_OK), -1);
	snprintf(path, sizeof path, "%s/x.db", dir);
	snprintf(to, sizeof to, "%s/none/y.db", dir);
	assert_int_equal(db_backup(path, to, &e), -1);
	assert_int_equal(e.code, ERR_IO);
}

static void
shrink(void **state)
{
	struct db *db = must_open(path, DB_OWN, one);
	char text[2000];
	int64_t before;

	memset(text, 'x', sizeof text);
	for (int64_t k = 0; k < 500; k++) {
		snprintf(text + sizeof text - 8, 8, "%d", (int)k);
		assert_int_equal(put(db, k, text), 0);
	}
	assert_int_equal(db_commit(db, &e), 0);
	before = db_size(db);
	assert_true(before > 500 * 2000);
	assert_int_equal(db_exec(db, "DELETE FROM t WHERE k >= 10", &e), 0);
	assert_int_equal(db_commit(db, &e), 0);
	assert_int_equal(db_size(db), before);
	assert_int_equal(db_shrink(db, 50, &e), 0);
	assert_true(db_dirty(db));
	assert_int_equal(db_commit(db, &e), 0);
	assert_true(db_size(db) <= before - 50 * 4096 && db_size(db) >= before - 52 * 4096); /* and a page of the map */
	for (int n = 0; n < 20; n++)
		assert_int_equal(db_shrink(db, 50, &e), 0);
	assert_int_equal(db_commit(db, &e), 0);
	assert_true(db_size(db) < 100 * 4096);
	assert_int_equal(db_shrink(db, 50, &e), 0);
	assert_false(db_dirty(db));
	db_close(db);
}

struct watched {
	int n, inserts, updates, deletes, same;
	int64_t sum;
};

static void
count_change(const struct db_row *r, void *arg)
{
	struct watched *w = arg;

	w->n++;
	w->inserts += r->change == DB_INSERT;
	w->updates += r->change == DB_UPDATE;
	w->deletes += r->change == DB_DELETE;
	if (strcmp(r->table, "t") != 0)
		return;
	w->sum += r->change == DB_INSERT ? db_new_i64(r, 0, -1) : db_old_i64(r, 0, -1) * 100;
	w->same += r->change == DB_UPDATE && db_unchanged(r, 0) && !db_unchanged(r, 1);
}

static void
watching(void **state)
{
	struct db *db = must_open(path, DB_OWN, one);
	struct watched w = { 0 };

	assert_int_equal(db_column(db, "t", "v", &e), 1);
	assert_int_equal(db_column(db, "t", "nothing", &e), -1);
	db_watch(db, count_change, &w);
	assert_int_equal(db_exec(db, "INSERT INTO t VALUES (3, 'a'), (4, 'b'); UPDATE t SET v = 'c' WHERE k = 4;"
	    " DELETE FROM t WHERE k = 3; CREATE TEMP TABLE u (k); INSERT INTO u VALUES (1)", &e), 0);
	assert_int_equal(w.n, 4);
	assert_true(w.inserts == 2 && w.updates == 1 && w.deletes == 1 && w.same == 1);
	assert_int_equal(w.sum, 3 + 4 + 400 + 300);
	db_watch(db, NULL, NULL);
	assert_int_equal(db_exec(db, "INSERT INTO t VALUES (5, 'd')", &e), 0);
	assert_int_equal(w.n, 4);
	db_close(db);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(transactions), T(savepoints), T(statements), T(set_up_as_promised), T(upgrades),
		T(a_migration_is_all_or_nothing), T(real_schemas), T(wrong_files), T(corrupt), T(no_room),
		T(a_transaction_that_sqlite_gave_up_stays_lost), T(locked), T(shared), T(shared_from_the_start), T(killed),
		T(backup), T(shrink), T(watching),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "ledger.h"

#include <stdio.h>

#define UTC(ms) "strftime('%Y-%m-%dT%H:%M:%SZ', " ms " / 1000, 'unixepoch')"

/* Each statement gives one text a finding. Rows that live code would never write: what is here was written by a defect,
 * by hand, or by a disk. */
static const struct rule {
	const char *name;
	const char *sql;
} rules[] = {
	{ "instance-twice",
	  "SELECT 'job #' || job_id || ': ' || count(*) || ' instances of its nominal time ' || " UTC("nominal_ms")
	  " || ' (' || group_concat(id, ', ') || ')' FROM instance NOT INDEXED WHERE nominal_ms IS NOT NULL"
	  " GROUP BY job_id, nominal_ms HAVING count(*) > 1" },
	{ "instance-state",
	  "SELECT 'instance ' || id || ': status ' || status || ' is none' FROM instance"
	  " WHERE status NOT IN (1, 2, 3, 4, 5, 9, 10)" },
	{ "instance-attempt",
	  "SELECT 'instance ' || i.id || ': status ' || i.status || ' with attempt ' || i.attempt || ', which has no "
	  "row' FROM instance i WHERE i.status IN (2, 3) AND NOT EXISTS"
	  " (SELECT 1 FROM attempt a WHERE a.instance_id = i.id AND a.attempt = i.attempt)" },
	{ "instance-finished",
	  "SELECT 'instance ' || id || ': status ' || status || CASE WHEN finished_ms IS NULL THEN ' without' ELSE ' "
	  "with' END || ' an end' FROM instance WHERE (finished_ms IS NULL) <> (status IN (1, 2, 3))" },
	{ "instance-version",
	  "SELECT 'instance ' || i.id || ': version ' || i.job_version || ' of job #' || i.job_id || ' has no row'"
	  " FROM instance i WHERE NOT EXISTS"
	  " (SELECT 1 FROM job_version v WHERE v.job_id = i.job_id AND v.version = i.job_version)" },
	{ "attempt-state",
	  "SELECT 'instance ' || instance_id || ' attempt ' || attempt || ': state ' || state || ' is none' FROM "
	  "attempt WHERE state NOT IN (1, 2, 3, 4, 5, 6, 7, 10)" },
	{ "attempt-number",
	  "SELECT 'instance ' || a.instance_id || ': attempt ' || a.attempt || ' has a row, the instance is at '"
	  " || i.attempt FROM attempt a JOIN instance i ON i.id = a.instance_id WHERE a.attempt > i.attempt" },
	{ "attempt-instance",
	  "SELECT 'attempt ' || attempt || ' of instance ' || instance_id || ', which has no row' FROM attempt a"
	  " WHERE NOT EXISTS (SELECT 1 FROM instance i WHERE i.id = a.instance_id)" },
	{ "job-state",
	  "SELECT 'job #' || id || ': status ' || status || ' is none' FROM job WHERE status NOT IN (1, 2, 99)" },
	{ "job-version",
	  "SELECT 'job #' || j.id || ': its version ' || j.version || ' has no row' FROM job j WHERE NOT EXISTS"
	  " (SELECT 1 FROM job_version v WHERE v.job_id = j.id AND v.version = j.version)" },
	{ "job-app",
	  "SELECT 'job #' || j.id || ': its app ' || j.app_id || ' has no row' FROM job j WHERE j.status <> 99 AND "
	  "NOT EXISTS (SELECT 1 FROM app a WHERE a.id = j.app_id)" },
	{ "skipped-range",
	  "SELECT 'skipped ' || id || ' of job #' || job_id || ': ' || count || ' times from ' || first_ms || ' to '"
	  " || last_ms FROM skipped WHERE count < 1 OR last_ms < first_ms OR (count = 1) <> (first_ms = last_ms)" },
	{ "skipped-ran",
	  "SELECT 'job #' || s.job_id || ': ' || " UTC("i.nominal_ms") " || ' is instance ' || i.id || ', and "
	  "skipped (' || s.reason || ') in row ' || s.id FROM skipped s JOIN instance i ON i.job_id = s.job_id"
	  " AND i.nominal_ms BETWEEN s.first_ms AND s.last_ms" },
};

struct teller {
	const char *rule;
	ledger_fn fn;
	void *arg;
	int n;
};

static void
tell(struct teller *t, const char *finding)
{
	t->n++;
	if (t->n <= LEDGER_MOST)
		t->fn(t->rule, finding != NULL ? finding : "?", t->arg);
	else if (t->n == LEDGER_MOST + 1)
		t->fn(t->rule, "and more", t->arg);
}

static void
tell_integrity(const char *finding, void *arg)
{
	tell(arg, finding);
}

static int
check_rule(struct db *db, const struct rule *r, ledger_fn fn, void *arg, int *n, struct err *e)
{
	struct teller t = { r->name, fn, arg, 0 };
	struct stmt *s = db_stmt(db, r->sql, e);
	int rc;

	if (s == NULL)
		return -1;
	while ((rc = stmt_step(s, e)) == 1)
		tell(&t, stmt_col_text(s, 0));
	*n += t.n;
	return rc;
}

int
ledger_check(struct db *db, ledger_fn fn, void *arg, int *n, struct err *e)
{
	struct teller t = { "integrity", fn, arg, 0 };
	int rc;

	*n = 0;
	/* One transaction: all rules see the same moment, while a server goes on writing. */
	if (db_begin(db, e) != 0)
		return -1;
	rc = db_integrity(db, n, tell_integrity, &t, e);
	for (size_t i = 0; rc == 0 && i < sizeof rules / sizeof rules[0]; i++)
		rc = check_rule(db, &rules[i], fn, arg, n, e);
	db_rollback(db);
	return rc;
}

int
ledger_check_file(const char *path, ledger_fn fn, void *arg, int *n, struct err *e)
{
	struct db *db;
	int rc;

	if (db_open(&db, path, DB_READ, db_migrations_server, e) != 0)
		return -1;
	rc = ledger_check(db, fn, arg, n, e);
	db_close(db);
	return rc;
}

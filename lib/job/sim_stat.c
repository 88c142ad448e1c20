/* What came out of a simulation, per job. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/sim_int.h"

#define SUB 16 /* buckets of a doubling */

/* Exact up to SUB, then SUB buckets between a power of two and the next. */
static int
bucket_of(int64_t ms)
{
	int high = 0;

	if (ms < SUB)
		return ms < 0 ? 0 : (int)ms;
	while (ms >> high >= 2 * SUB)
		high++;
	return high * SUB + (int)(ms >> high);
}

static int64_t
bucket_ms(int b)
{
	return b < 2 * SUB ? b : (int64_t)(b % SUB + SUB) << (b / SUB - 1);
}

static void
late(struct sim_track *t, int64_t ms)
{
	if (t->late == NULL && (t->late = calloc(SIM_LATE_BUCKETS, sizeof *t->late)) == NULL)
		return;
	t->late_n++;
	t->late_sum += ms;
	t->late[bucket_of(ms)]++;
	if (ms > t->out.late_max_ms)
		t->out.late_max_ms = ms;
}

static bool
begins(const char *text, const char *with)
{
	return text != NULL && strncmp(text, with, strlen(with)) == 0;
}

static void
add_skipped(struct sim_track *t, const char *reason, int64_t n)
{
	for (int i = 0; i < SIM_REASONS - 1; i++) {
		if (t->out.skipped[i].reason[0] == '\0')
			snprintf(t->out.skipped[i].reason, sizeof t->out.skipped[i].reason, "%s", reason);
		if (strcmp(t->out.skipped[i].reason, reason) != 0)
			continue;
		t->out.skipped[i].count += n;
		return;
	}
}

/* It became an instance, and did not run: by the same words as what did not become one. */
static void
canceled(struct sim_track *t, const char *result)
{
	static const struct { const char *text, *reason; } texts[] = {
		{ TEXT_OVERLAP, "overlap" }, { TEXT_DEADLINE, "deadline" }, { TEXT_REPLACED, "replaced" },
	};

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		if (begins(result, texts[i].text))
			add_skipped(t, texts[i].reason, 1);
}

static void
count(struct sim *s, struct stmt *st)
{
	struct sim_track *t = sim_track(s, stmt_col_i64(st, 0));
	const char *result = stmt_col_text(st, 3);

	if (t == NULL)
		return;
	if (!stmt_col_null(st, 1)) {
		t->out.fires++;
		s->total.fires++;
		if (!stmt_col_null(st, 4))
			late(t, stmt_col_i64(st, 4) - stmt_col_i64(st, 5));
	}
	switch ((enum instance_status)stmt_col_i64(st, 2)) {
	case INSTANCE_SUCCEED:
		t->out.succeeded++;
		return;
	case INSTANCE_FAILED:
		t->out.failed++;
		t->out.overlaps += begins(result, TEXT_TOO_MANY);
		t->out.no_worker += begins(result, TEXT_NO_WORKER);
		return;
	case INSTANCE_WAITING:
	case INSTANCE_SENT:
	case INSTANCE_RUNNING:
		t->out.unfinished++;
		return;
	case INSTANCE_CANCELED:
		canceled(t, result);
		return;
	case INSTANCE_STOPPED:
		return;
	}
}

#define COLUMNS "SELECT i.job_id, i.nominal_ms, i.status, i.result, CASE i.attempt WHEN 0 THEN NULL" \
	" WHEN 1 THEN i.actual_ms ELSE (SELECT a.opened_ms FROM attempt a WHERE" \
	" a.instance_id = i.id AND a.attempt = 1) END, max(i.nominal_ms, i.expected_ms) FROM instance i "

static int
count_all(struct sim *s, struct stmt *st, struct err *e)
{
	int rc;

	while ((rc = stmt_step(st, e)) == 1)
		count(s, st);
	return rc;
}

int
sim_stat_count(struct sim *s, int64_t before_ms, struct err *e)
{
	struct stmt *st = db_stmt(s->db, COLUMNS "WHERE i.finished_ms < ? AND i.status NOT IN (1, 2, 3)", e);

	stmt_i64(st, 1, before_ms);
	if (count_all(s, st, e) < 0)
		return -1;
	if (before_ms != INT64_MAX)
		return 0;
	return count_all(s, db_stmt(s->db, COLUMNS "WHERE i.finished_ms IS NULL", e), e);
}

int
sim_stat_skipped(struct sim *s, struct err *e)
{
	struct stmt *st = db_stmt(s->db, "SELECT job_id, reason, sum(count) FROM skipped GROUP BY job_id, reason"
	    " ORDER BY job_id, reason", e);
	int rc;

	while ((rc = stmt_step(st, e)) == 1) {
		struct sim_track *t = sim_track(s, stmt_col_i64(st, 0));

		if (t != NULL)
			add_skipped(t, stmt_col_text(st, 1), stmt_col_i64(st, 2));
	}
	return rc;
}

void
sim_stat_close(struct sim *s)
{
	for (int64_t i = 0; i < s->n_jobs; i++) {
		struct sim_track *t = &s->jobs[i];
		int64_t n = 0;
		int b = 0;

		if (t->late_n == 0)
			continue;
		while (b < SIM_LATE_BUCKETS - 1 && (n += t->late[b]) * 100 < t->late_n * 95)
			b++;
		t->out.late_mean_ms = t->late_sum / t->late_n;
		t->out.late_p95_ms = bucket_ms(b) < t->out.late_max_ms ? bucket_ms(b) : t->out.late_max_ms;
	}
}

#include "job/verify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "job/worker.h"
#include "store/instance.h"
#include "store/meta.h"
#include "time/stamp.h"

struct walk {
	struct db *db;
	const struct job *job;
	verify_fn fn;
	void *arg;
	int n;
	struct job version;  /* whose schedule is in force at the cursor */
	int64_t same_from;   /* and that of the versions from this one on */
	struct tz *tz;
	struct sched *sched; /* NULL: none whose times could be told */
	struct sched *chain; /* instead: one whose times follow from each other */
	bool chained;        /* and the cursor is one of them */
	int64_t ends_ms;     /* the schedule is in force up to here */
	int64_t zone_ends_ms; /* and the server's zone, where it is read in that, up to here */
	int64_t cursor;      /* all up to here was judged */
};

/* --- schedules --------------------------------------------------------------------------------------------------- */

/* The server's own zone in force behind at_ms, and up to when; both as meta has them. */
static int
own_zone(struct db *db, int64_t at_ms, struct buf *name, int64_t *until_ms, struct err *e)
{
	struct stmt *s = db_stmt(db, "SELECT value, CAST(substr(key, 12) AS INTEGER) FROM meta WHERE key >= 'zone_until:'"
	    " AND key < 'zone_until;' AND CAST(substr(key, 12) AS INTEGER) > ? ORDER BY key LIMIT 1", e);
	struct err why = ERR_INIT;
	int r;

	*until_ms = INT64_MAX;
	stmt_i64(s, 1, at_ms);
	r = stmt_step(s, e);
	if (r == 1) {
		buf_adds(name, stmt_col_text(s, 0));
		*until_ms = stmt_col_i64(s, 1);
	}
	stmt_reset(s);
	if (r == 0 && meta_get(db, "zone", name, &why) < 0 && why.code != ERR_NOTFOUND)
		return err_set(e, why.code, "%s", why.msg);
	return r < 0 ? -1 : 0;
}

struct tz *
verify_zone(struct db *db, const struct job_spec *spec, int64_t at_ms, int64_t *until_ms, struct err *e)
{
	struct buf name = BUF_INIT;
	struct tz *z = NULL;

	*until_ms = INT64_MAX;
	if (spec->tz != NULL && spec->tz[0] != '\0')
		return tz_open(spec->tz, e);
	if (own_zone(db, at_ms, &name, until_ms, e) < 0) {
		buf_fini(&name);
		return NULL;
	}
	/* What is no name (a path, a POSIX string) can be had from this process only, which may be told the same. */
	if (name.len > 0)
		z = tz_open(buf_str(&name), NULL);
	if (z == NULL)
		z = tz_open(NULL, e);
	buf_fini(&name);
	return z;
}

int
verify_sched(const struct job_spec *spec, const struct tz *tz, struct sched **out, struct err *e)
{
	*out = NULL;
	if (spec->time_type != TIME_CRON)
		return 0;
	*out = sched_parse(TIME_CRON, spec->time_expr, tz, sched_seed(spec->name == NULL ? "" : spec->name), e);
	if (*out == NULL)
		return -1;
	sched_set_policy(*out, (enum sched_gap)sched_gap_code(spec->gap), (enum sched_fold)sched_fold_code(spec->fold));
	return 0;
}

int
verify_kept_from(struct db *db, int64_t *out, struct err *e)
{
	struct buf text = BUF_INIT;
	struct err why = ERR_INIT;
	int r = meta_get(db, "kept_from_ms", &text, &why);

	*out = r == 0 ? strtoll(buf_str(&text), NULL, 10) : 0;
	buf_fini(&text);
	return r == 0 || why.code == ERR_NOTFOUND ? 0 : err_set(e, why.code, "%s", why.msg);
}

int
verify_chain(const struct job_spec *spec, const struct tz *tz, struct sched **out, struct err *e)
{
	bool interval = spec->time_type == TIME_FIXED_RATE || spec->time_type == TIME_FIXED_DELAY;

	*out = NULL;
	if (spec->time_type != TIME_DAILY && (!interval || !workers_runs_command(spec)))
		return 0;
	*out = sched_parse((enum time_type)spec->time_type, spec->time_expr, tz, 0, e);
	return *out == NULL ? -1 : 0;
}

static bool
same_text(const char *a, const char *b)
{
	return strcmp(a == NULL ? "" : a, b == NULL ? "" : b) == 0;
}

static bool
same_schedule(const struct job_spec *a, const struct job_spec *b)
{
	return a->time_type == b->time_type && a->start_ms == b->start_ms && a->end_ms == b->end_ms &&
	    same_text(a->time_expr, b->time_expr) && same_text(a->name, b->name) && same_text(a->tz, b->tz) &&
	    sched_gap_code(a->gap) == sched_gap_code(b->gap) && sched_fold_code(a->fold) == sched_fold_code(b->fold);
}

/* --- findings ---------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 4, 5))) static void
tell(struct walk *w, const char *rule, int64_t at_ms, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	w->n++;
	w->fn(rule, w->job, at_ms, text, w->arg);
}

static char *
stamp(const struct walk *w, char buf[STAMP_SIZE], int64_t at_ms)
{
	return stamp_print(buf, at_ms, w->tz);
}

static int64_t
next_of(const struct walk *w, int64_t after_ms)
{
	const struct job_spec *s = &w->version.spec;

	return sched_next(w->sched, after_ms, s->start_ms, s->end_ms == 0 ? INT64_MAX : s->end_ms);
}

static bool
is_nominal(const struct walk *w, int64_t at_ms)
{
	return next_of(w, at_ms - 1) == at_ms;
}

/* Nominal times behind the cursor and before upto_ms + 1 have no verdict. */
static void
expect_none(struct walk *w, int64_t upto_ms)
{
	char a[STAMP_SIZE], b[STAMP_SIZE];
	int64_t first, last, n, end = w->version.spec.end_ms;

	if (w->sched == NULL || (first = next_of(w, w->cursor)) == SCHED_NEVER || first > upto_ms)
		return;
	upto_ms = end != 0 && end < upto_ms ? end : upto_ms;
	n = 1 + sched_count(w->sched, first, upto_ms, INT64_MAX, NULL, &last);
	if (n == 1)
		tell(w, "no-verdict", first, "%s has no instance and was not skipped", stamp(w, a, first));
	else
		tell(w, "no-verdict", first, "%" PRId64 " times from %s to %s have no instance and were not skipped", n,
		    stamp(w, a, first), stamp(w, b, last));
}

/* --- the versions ------------------------------------------------------------------------------------------------ */

static int
version_at(struct walk *w, int64_t version, int64_t *out, struct err *e)
{
	struct stmt *s = db_stmt(w->db, "SELECT at_ms FROM job_version WHERE job_id = ? AND version = ?", e);
	int r;

	stmt_i64(s, 1, w->job->id);
	stmt_i64(s, 2, version);
	r = stmt_step(s, e);
	*out = r == 1 ? stmt_col_i64(s, 0) : INT64_MAX;
	stmt_reset(s);
	return r < 0 ? -1 : 0;
}

static void
leave(struct walk *w)
{
	sched_free(w->sched);
	sched_free(w->chain);
	tz_free(w->tz);
	job_fini(&w->version);
	w->sched = w->chain = NULL;
	w->chained = false;
	w->tz = NULL;
}

/* The schedule of this version, and up to which later one it stays in force. */
static int
enter(struct walk *w, int64_t version, struct err *e)
{
	struct err why = ERR_INIT;
	bool same = true;

	leave(w);
	if (job_get_version(w->db, w->job->id, version, &w->version, e) < 0)
		return -1;
	w->tz = verify_zone(w->db, &w->version.spec, w->cursor, &w->zone_ends_ms, &why);
	if (w->tz == NULL || verify_sched(&w->version.spec, w->tz, &w->sched, &why) < 0 ||
	    verify_chain(&w->version.spec, w->tz, &w->chain, &why) < 0)
		tell(w, "unreadable", w->cursor, "version %" PRId64 " cannot be checked: %.150s", version, why.msg);
	w->ends_ms = INT64_MAX;
	w->same_from = version;
	while (version < w->job->version && same) {
		struct job later;

		if (job_get_version(w->db, w->job->id, ++version, &later, e) < 0 || version_at(w, version, &w->ends_ms, e) < 0)
			return -1;
		same = same_schedule(&w->version.spec, &later.spec);
		job_fini(&later);
		w->version.version = same ? version : w->version.version;
		w->ends_ms = same ? INT64_MAX : w->ends_ms;
	}
	return 0;
}

/* The schedule that is in force behind at_ms - 1. */
static int
advance(struct walk *w, int64_t at_ms, struct err *e)
{
	while (at_ms > w->ends_ms || at_ms > w->zone_ends_ms) {
		bool zone = w->zone_ends_ms < w->ends_ms;
		int64_t ends_ms = zone ? w->zone_ends_ms : w->ends_ms;

		if (ends_ms > w->cursor)
			expect_none(w, ends_ms);
		if (ends_ms > w->cursor)
			w->cursor = ends_ms;
		if (enter(w, w->version.version + !zone, e) < 0)
			return -1;
	}
	return 0;
}

/* --- the verdicts ------------------------------------------------------------------------------------------------ */

struct verdict {
	int64_t first_ms, last_ms, count, actual_ms, version;
	int64_t created_ms, id; /* of an instance, else 0; ids are in the order that they were made in */
};

static bool
is_delay(const struct walk *w)
{
	return w->version.spec.time_type == TIME_FIXED_DELAY;
}

static bool
is_in_window(const struct walk *w, int64_t at_ms)
{
	/* A first time is moved into the window: one that is in it stays. */
	return w->version.spec.time_type != TIME_DAILY || sched_next(w->chain, at_ms - 1, at_ms, INT64_MAX) == at_ms;
}

/* Times that follow from each other begin anew when the job is enabled, edited, or the clock set back, at any beat. What
 * keeps the beat and leaves out a step has lost it. A window has its own beat. */
static bool
is_lost(const struct walk *w, int64_t before_ms, int64_t at_ms)
{
	int64_t step = sched_interval_ms(w->chain);

	return at_ms - before_ms >= 2 * step && (at_ms - before_ms) % step == 0 && is_in_window(w, at_ms - 1);
}

/* Was the clock set back, so that what is behind from_ms came before by_ms? */
static bool
was_set_back(struct walk *w, int64_t from_ms, int64_t by_ms)
{
	struct stmt *s = db_stmt(w->db, "SELECT 1 FROM meta WHERE key >= 'set_back:' AND key < 'set_back;'"
	    " AND CAST(substr(key, 10) AS INTEGER) <= ?2 AND CAST(substr(key, 10) AS INTEGER) + CAST(value AS INTEGER) >= ?1", NULL);
	int r;

	stmt_i64(s, 1, from_ms);
	stmt_i64(s, 2, by_ms);
	r = stmt_step(s, NULL);
	stmt_reset(s);
	return r != 0;
}

/* When the run before an instance of a delay ended, by this definition: the one that was made before it, whatever the clock
 * said in between. What somebody had retried is of an older definition, or ended at any time. NO_MS: not known. */
static int64_t
end_before(struct walk *w, int64_t id)
{
	struct stmt *s = db_stmt(w->db, "SELECT coalesce(finished_ms, 0) FROM instance INDEXED BY instance_job WHERE job_id = ?1"
	    " AND id < ?2 AND nominal_ms IS NOT NULL AND attempt = 1 AND job_version >= ?3 AND created_ms >= (SELECT at_ms FROM"
	    " job_version WHERE job_id = ?1 AND version = ?3) ORDER BY id DESC LIMIT 1", NULL);
	int64_t ms;

	stmt_i64(s, 1, w->job->id);
	stmt_i64(s, 2, id);
	stmt_i64(s, 3, w->same_from);
	return stmt_one_i64(s, &ms, NULL) < 0 ? NO_MS : ms;
}

static void
judge_link(struct walk *w, const struct verdict *v)
{
	char a[STAMP_SIZE], b[STAMP_SIZE];
	int64_t n = 1, last = v->first_ms, behind, ended_ms;

	if (w->chained && !is_delay(w) && is_lost(w, w->cursor, v->first_ms))
		tell(w, "no-verdict", w->cursor + sched_interval_ms(w->chain), "behind %s comes %s: at least one time of %.80s"
		    " has no instance and was not skipped", stamp(w, a, w->cursor), stamp(w, b, v->first_ms), w->version.spec.time_expr);
	if (is_delay(w) && v->id != 0 && (ended_ms = end_before(w, v->id)) != NO_MS && ended_ms <= v->created_ms &&
	    v->first_ms < ended_ms + sched_interval_ms(w->chain) && !was_set_back(w, w->cursor, v->created_ms))
		tell(w, "early", v->first_ms, "%s is less than %.80s behind the end of the run before, %s",
		    stamp(w, a, v->first_ms), w->version.spec.time_expr, stamp(w, b, ended_ms));
	if (!is_in_window(w, v->first_ms) || !is_in_window(w, v->last_ms))
		tell(w, "not-nominal", v->first_ms, "%s is outside of the window %.120s",
		    stamp(w, a, is_in_window(w, v->first_ms) ? v->last_ms : v->first_ms), w->version.spec.time_expr);
	if (v->last_ms > v->first_ms && !is_delay(w)) {
		n += sched_count(w->chain, v->first_ms, v->last_ms, INT64_MAX, NULL, &behind);
		last = n > 1 ? behind : last;
		if (n != v->count || last != v->last_ms)
			tell(w, "count", v->first_ms, "skipped from %s to %s: %" PRId64 " times, but there are %" PRId64,
			    stamp(w, a, v->first_ms), stamp(w, b, v->last_ms), v->count, n);
	}
	w->chained = true;
}

static void
judge(struct walk *w, const struct verdict *v)
{
	char a[STAMP_SIZE], b[STAMP_SIZE];
	bool whole = v->first_ms > w->cursor;
	/* The clock was set back behind an edit: a time of the definition before it. A person's retry is of the latest one. */
	bool ours = v->version >= w->same_from && v->version <= w->version.version;
	int64_t n = 1;

	if (v->actual_ms != 0 && v->actual_ms < v->first_ms)
		tell(w, "early", v->first_ms, "%s was started at %s, before its time", stamp(w, a, v->first_ms),
		    stamp(w, b, v->actual_ms));
	if (!whole)
		tell(w, "twice", v->first_ms, "%s has more than one verdict", stamp(w, a, v->first_ms));
	else
		expect_none(w, v->first_ms - 1);
	if (whole && ours && w->sched != NULL && (!is_nominal(w, v->first_ms) || !is_nominal(w, v->last_ms)))
		tell(w, "not-nominal", v->first_ms, "%s is no time of the expression %.80s",
		    stamp(w, a, is_nominal(w, v->first_ms) ? v->last_ms : v->first_ms), w->version.spec.time_expr);
	else if (whole && ours && w->sched != NULL) {
		if (v->last_ms > v->first_ms)
			n += sched_count(w->sched, v->first_ms, v->last_ms, INT64_MAX, NULL, NULL);
		if (n != v->count)
			tell(w, "count", v->first_ms, "skipped from %s to %s: %" PRId64 " times, but there are %" PRId64,
			    stamp(w, a, v->first_ms), stamp(w, b, v->last_ms), v->count, n);
	}
	if (whole && ours && w->chain != NULL)
		judge_link(w, v);
	else
		w->chained = false;
	w->cursor = v->last_ms > w->cursor ? v->last_ms : w->cursor;
}

static int
walk_verdicts(struct walk *w, struct err *e)
{
	/* What lies behind the next trigger ran while the clock was ahead; its times are still to come. */
	int64_t since = w->cursor, upto = w->job->next_trigger_ms != 0 ? w->job->next_trigger_ms : INT64_MAX;
	struct stmt *s = db_stmt(w->db, "SELECT nominal_ms, nominal_ms, 1, CASE WHEN expected_ms < nominal_ms OR"
	    " running_times > 1 THEN 0 ELSE coalesce(actual_ms, 0) END, CASE WHEN attempt > 1 THEN 0"
	    " ELSE job_version END, created_ms, id"
	    " FROM instance WHERE job_id = ?1 AND nominal_ms > ?2 AND nominal_ms < ?3"
	    " UNION ALL SELECT first_ms, last_ms, count, 0, job_version, 0, 0 FROM skipped"
	    " WHERE job_id = ?1 AND last_ms > ?2 AND first_ms < ?3 ORDER BY 1, 2", e);
	int r;

	stmt_i64(s, 1, w->job->id);
	stmt_i64(s, 2, since);
	stmt_i64(s, 3, upto);
	while ((r = stmt_step(s, e)) == 1) {
		struct verdict v = { stmt_col_i64(s, 0), stmt_col_i64(s, 1), stmt_col_i64(s, 2), stmt_col_i64(s, 3),
			stmt_col_i64(s, 4), stmt_col_i64(s, 5), stmt_col_i64(s, 6) };

		if (v.first_ms <= since) { /* a range from before: what lies behind is told by it */
			w->cursor = v.last_ms > w->cursor ? v.last_ms : w->cursor;
			continue;
		}
		if ((r = advance(w, v.first_ms, e)) < 0)
			break;
		judge(w, &v);
	}
	stmt_reset(s);
	return r < 0 ? -1 : 0;
}

/* An enabled job without a next trigger never runs again, unless an end that is to come sets it: of the run of a delay, or of a
 * second-level job's long instance. */
static int
finish_without_trigger(struct walk *w, struct err *e)
{
	const struct job_spec *s = &w->version.spec;
	bool interval = s->time_type == TIME_FIXED_RATE || s->time_type == TIME_FIXED_DELAY;
	struct stmt *q;
	int r;

	if (w->job->status != JOB_ENABLED || w->job->next_trigger_ms != 0 || (w->sched == NULL && w->chain == NULL && !interval))
		return 0;
	if (interval && (w->chain == NULL || is_delay(w))) {
		q = db_stmt(w->db, "SELECT 1 FROM instance WHERE job_id = ? AND status IN (1, 2, 3) AND (nominal_ms IS NOT NULL) = ?"
		    " LIMIT 1", e);
		stmt_i64(q, 1, w->job->id);
		stmt_i64(q, 2, w->chain != NULL);
		r = stmt_step(q, e);
		stmt_reset(q);
		if (r != 0)
			return r < 0 ? -1 : 0;
	}
	if ((w->sched != NULL && next_of(w, w->cursor) == SCHED_NEVER) || (w->chain != NULL &&
	    sched_next(w->chain, w->cursor, s->start_ms, s->end_ms == 0 ? INT64_MAX : s->end_ms) == SCHED_NEVER))
		return 0;
	tell(w, "next-trigger", w->cursor, "is enabled, and no time of %.80s is to be triggered; disable and enable it", s->time_expr);
	return 0;
}

/* Up to where there must be a verdict: the next trigger is the first time without one. */
static int
finish(struct walk *w, struct err *e)
{
	const struct job *j = w->job;
	char a[STAMP_SIZE], b[STAMP_SIZE];
	int64_t upto = j->next_trigger_ms != 0 ? j->next_trigger_ms - 1 : j->status == JOB_DELETED ? j->modified_ms :
	    clock_wall_ms(), next;

	if (advance(w, upto, e) < 0)
		return -1;
	expect_none(w, upto);
	/* Edited or enabled while the clock was not set: its times begin elsewhere. */
	if (w->version.version != j->version || (j->next_trigger_ms != 0 && j->next_trigger_ms <= w->cursor))
		return 0;
	if (finish_without_trigger(w, e) < 0)
		return -1;
	if (w->chained && !is_delay(w) && j->status == JOB_ENABLED && j->next_trigger_ms != 0 &&
	    is_lost(w, w->cursor, j->next_trigger_ms))
		tell(w, "next-trigger", j->next_trigger_ms, "is to be triggered at %s, and the last time before is %s",
		    stamp(w, a, j->next_trigger_ms), stamp(w, b, w->cursor));
	if (w->sched == NULL || j->status != JOB_ENABLED || j->next_trigger_ms == 0)
		return 0;
	next = next_of(w, w->cursor);
	if (next > j->next_trigger_ms)
		tell(w, "next-trigger", j->next_trigger_ms, "is to be triggered at %s, the next time of %.80s is %s",
		    stamp(w, a, j->next_trigger_ms), w->version.spec.time_expr, next == SCHED_NEVER ? "never" : stamp(w, b, next));
	return 0;
}

int
verify_job(struct db *db, const struct job *j, int64_t since_ms, verify_fn fn, void *arg, int *n, struct err *e)
{
	struct walk w = { .db = db, .job = j, .fn = fn, .arg = arg };
	int64_t kept, first;
	int r;

	if (verify_kept_from(db, &kept, e) < 0 || version_at(&w, 1, &first, e) < 0)
		return -1;
	w.cursor = since_ms > kept ? since_ms : kept;
	w.cursor = w.cursor > first ? w.cursor : first;
	r = enter(&w, 1, e) < 0 || advance(&w, w.cursor, e) < 0 ? -1 : 0;
	if (r == 0)
		r = walk_verdicts(&w, e) < 0 || finish(&w, e) < 0 ? -1 : 0;
	leave(&w);
	*n += w.n;
	return r;
}

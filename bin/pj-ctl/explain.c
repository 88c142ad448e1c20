#include "explain.h"

#include <stdio.h>
#include <string.h>

#include "job/worker.h"
#include "net/msg.h"
#include "store/instance.h"
#include "time/audit.h"
#include "time/dur.h"
#include "time/stamp.h"
#include "timing.h"
#include "when.h"

/* --- what ran ---------------------------------------------------------------------------------------------------- */

/* 1: it has an instance, and that was told. */
static int
of_its_time(struct explain *x, struct err *e)
{
	int64_t id;

	if (explain_number(x, "SELECT id FROM instance WHERE job_id = ? AND nominal_ms = ?", x->at_ms, &id, e) != 0)
		return -1;
	if (id == 0)
		return 0;
	explain_say(x, "", x->at_ms, " is ");
	return explain_instance(x, id, e) != 0 ? -1 : 1;
}

/* Asked for by hand, for this second. */
static int
by_hand(struct explain *x, struct err *e)
{
	int64_t id;

	if (explain_number(x, "SELECT id FROM instance WHERE job_id = ?1 AND nominal_ms IS NULL AND expected_ms / 1000 = ?2 / 1000"
	    " ORDER BY abs(expected_ms - ?2), id LIMIT 1", x->at_ms, &id, e) != 0)
		return -1;
	if (id == 0)
		return 0;
	explain_say(x, "", x->at_ms, " by hand: ");
	return explain_instance(x, id, e) != 0 ? -1 : 1;
}

/* A second-level job's runs are within one long instance. */
static int
within(struct explain *x, struct err *e)
{
	const struct job_spec *s = &x->version.spec;
	int64_t id;

	if (explain_number(x, "SELECT id FROM instance WHERE job_id = ?1 AND nominal_ms IS NULL AND created_ms <= ?2 AND"
	    " coalesce(finished_ms, ?2) >= ?2 ORDER BY id DESC LIMIT 1", x->at_ms, &id, e) != 0)
		return -1;
	if (id == 0 || x->at_ms > x->now_ms)
		return 0;
	explain_say(x, "", x->at_ms, " is within ");
	if (explain_instance(x, id, e) != 0)
		return -1;
	buf_addf(&x->text, "  a worker runs the job every %s ms within it, and tells no time of a run\n", s->time_expr);
	return 1;
}

static const char *
reason_text(const char *reason)
{
	static const struct {
		const char *reason, *text;
	} t[] = {
		{ "disabled", "the job was disabled" }, { "missed", "it was past when the server looked, and misfire left it out" },
		{ "overlap", "the job was running, and its overlap is skip" },
		{ "deadline", "it was past for longer than the job's deadline" }, { "edited", "the job's schedule was changed" },
		{ "deleted", "the job was deleted" },
	};

	for (size_t k = 0; k < sizeof t / sizeof t[0]; k++)
		if (strcmp(t[k].reason, reason) == 0)
			return t[k].text;
	return reason;
}

static int
skipped(struct explain *x, struct err *e)
{
	struct stmt *s = db_stmt(x->db, "SELECT first_ms, last_ms, count, reason, at_ms FROM skipped WHERE job_id = ?1"
	    " AND first_ms <= ?2 AND last_ms >= ?2", e);
	int r;

	stmt_i64(s, 1, x->job.id);
	stmt_i64(s, 2, x->at_ms);
	r = stmt_step(s, e);
	if (r == 1) {
		x->verdict = "left-out";
		snprintf(x->reason, sizeof x->reason, "%s", stmt_col_text(s, 3));
		explain_say(x, "", x->at_ms, " did not run: ");
		buf_addf(&x->text, "%s (%s)\n", reason_text(stmt_col_text(s, 3)), stmt_col_text(s, 3));
		buf_addf(&x->text, "  one of %lld time%s", (long long)stmt_col_i64(s, 2), stmt_col_i64(s, 2) == 1 ? "" : "s");
		explain_say(x, " from ", stmt_col_i64(s, 0), "");
		explain_say(x, " to ", stmt_col_i64(s, 1), "");
		explain_say(x, ", recorded at ", stmt_col_i64(s, 4), "\n");
	}
	stmt_reset(s);
	return r;
}

/* --- what is no time of it --------------------------------------------------------------------------------------- */

static int64_t
next_of(const struct explain *x, int64_t after_ms, bool in_life)
{
	const struct job_spec *s = &x->version.spec;

	if (!in_life)
		return sched_next(x->sched, after_ms, 0, INT64_MAX);
	return sched_next(x->sched, after_ms, s->start_ms, s->end_ms == 0 ? INT64_MAX : s->end_ms);
}

/* The last time before at_ms, within some years; SCHED_NEVER. */
static int64_t
before(const struct explain *x)
{
	int64_t first, last, end = x->version.spec.end_ms, upto = end != 0 && end < x->at_ms ? end : x->at_ms - 1;

	for (int64_t back = 3600000; back < 10LL * 366 * 86400 * 1000; back *= 4) {
		first = next_of(x, x->at_ms - back - 1, true);
		if (first >= x->at_ms)
			continue;
		return sched_count(x->sched, first, upto, INT64_MAX, NULL, &last) > 0 ? last : first;
	}
	return SCHED_NEVER;
}

static void
put_beside(struct explain *x, int64_t earlier, int64_t later)
{
	if (earlier != SCHED_NEVER)
		explain_say(x, "  the one before it: ", earlier, "\n");
	if (later != SCHED_NEVER)
		explain_say(x, "  the one after it: ", later, "\n");
}

/* A definition's expression, in words where it is none that a person wrote. */
static void
put_when(struct explain *x, const struct job_spec *s)
{
	timing_put(&x->text, msg_time_type_name(s->time_type), s->time_expr != NULL ? s->time_expr : "");
}

static void
not_named(struct explain *x)
{
	const struct job_spec *s = &x->version.spec;

	x->verdict = "not-named";
	if (next_of(x, x->at_ms - 1, false) == x->at_ms) {
		x->verdict = "lifecycle";
		explain_say(x, "", x->at_ms, x->at_ms < s->start_ms ? " is before the job's start, " : " is behind the job's end, ");
		explain_say(x, "", x->at_ms < s->start_ms ? s->start_ms : s->end_ms, "\n");
	} else {
		explain_say(x, "", x->at_ms, " is no time of ");
		buf_addf(&x->text, "%s (version %lld)\n", s->time_expr, (long long)x->version.version);
	}
	put_beside(x, before(x), next_of(x, x->at_ms, true));
	if (x->version.version != x->job.version) {
		buf_addf(&x->text, "  the job was changed since: version %lld says ", (long long)x->job.version);
		put_when(x, &x->job.spec);
		buf_addc(&x->text, '\n');
	}
}

/* Of times that follow from each other the rows say which there were, and the next trigger which will be: the ones beside it
 * are given where that was asked, 0 none. */
static int
not_in_chain(struct explain *x, int64_t earlier, int64_t later, struct err *e)
{
	int64_t ran, left, next = x->job.status == JOB_ENABLED && x->job.next_trigger_ms > x->at_ms ? x->job.next_trigger_ms : 0;

	if (explain_number(x, "SELECT max(nominal_ms) FROM instance WHERE job_id = ?1 AND nominal_ms < ?2", x->at_ms, &ran, e) != 0 ||
	    explain_number(x, "SELECT max(last_ms) FROM skipped WHERE job_id = ?1 AND last_ms < ?2", x->at_ms, &left, e) != 0)
		return -1;
	if (earlier == 0)
		earlier = ran > left ? ran : left;
	if (later == 0 && explain_number(x, "SELECT min(nominal_ms) FROM instance WHERE job_id = ?1 AND nominal_ms > ?2", x->at_ms,
	    &later, e) != 0)
		return -1;
	later = later == 0 ? next : later;
	x->verdict = "not-named";
	explain_say(x, "", x->at_ms, " is no time of the job, whose times follow from each other ");
	buf_addc(&x->text, '(');
	put_when(x, &x->version.spec);
	buf_adds(&x->text, ")\n");
	put_beside(x, earlier == 0 ? SCHED_NEVER : earlier, later == 0 ? SCHED_NEVER : later);
	return 0;
}

/* --- what has no record ------------------------------------------------------------------------------------------ */

static void
will_run(struct explain *x)
{
	const struct job_spec *s = &x->version.spec;
	char dur[DUR_SIZE];

	x->verdict = "to-run";
	buf_addf(&x->text, "will run, %s: misfire %s, overlap %s\n", x->at_ms == x->job.next_trigger_ms ? "as the next one" :
	    "after others", s->misfire == NULL ? "once" : s->misfire, s->overlap == NULL ? "allow" : s->overlap);
	if (s->jitter_ms > 0)
		buf_addf(&x->text, "  up to %s later, by its jitter\n", dur_print(dur, s->jitter_ms));
	if (s->deadline_ms > 0)
		buf_addf(&x->text, "  not over %s late, by its deadline\n", dur_print(dur, s->deadline_ms));
}

/* A disabled job keeps its trigger: what lies before it has its record. */
static bool
is_off(const struct explain *x)
{
	int64_t trigger = x->job.next_trigger_ms;

	switch (x->job.status) {
	case JOB_ENABLED:
		return false;
	case JOB_DISABLED:
		return trigger == 0 ? x->at_ms > x->now_ms : x->at_ms >= trigger;
	case JOB_DELETED:
		return x->at_ms > x->job.modified_ms;
	}
	return false;
}

static int
no_verdict(struct explain *x, struct err *e)
{
	int64_t kept, trigger = x->job.next_trigger_ms;
	bool deleted = x->job.status == JOB_DELETED;

	if (verify_kept_from(x->db, &kept, e) != 0)
		return -1;
	explain_say(x, "", x->at_ms, " ");
	if (x->at_ms <= x->job.created_ms) {
		x->verdict = "before-job";
		explain_say(x, "was before the job was made, at ", x->job.created_ms, "\n");
	} else if (x->at_ms < kept) {
		x->verdict = "not-kept";
		explain_say(x, "is no longer known: records are kept from ", kept, " on\n");
	} else if (is_off(x)) {
		x->verdict = deleted ? "deleted" : "disabled";
		buf_addf(&x->text, "%s not run: the job %s", x->at_ms > x->now_ms ? "does" : "did", deleted ? "was deleted, at " :
		    trigger == 0 ? "is disabled, as its times were over, since " : "is disabled, since ");
		explain_say(x, "", x->job.modified_ms, "\n");
	} else if (x->at_ms > x->now_ms) {
		will_run(x);
	} else if (trigger != 0 && trigger <= x->at_ms) {
		x->verdict = "due";
		buf_adds(&x->text, "is due, and the server has not come to it: is pj-serverd running?\n");
	} else {
		x->verdict = "no-record";
		buf_adds(&x->text, "has no record: see pj-ctl verify\n");
	}
	return 0;
}

/* A rate or a daily interval from its next trigger on; of a delay only that is known. */
static int
in_chain(struct explain *x, struct err *e)
{
	int64_t at = x->job.next_trigger_ms, end = x->version.spec.end_ms == 0 ? INT64_MAX : x->version.spec.end_ms;
	int64_t upto = x->at_ms < end ? x->at_ms : end, behind, next;

	if (at == 0 || at > x->at_ms || x->job.status == JOB_DELETED)
		return not_in_chain(x, 0, 0, e);
	if (x->version.spec.time_type == TIME_FIXED_DELAY)
		return at == x->at_ms ? no_verdict(x, e) : not_in_chain(x, at, 0, e);
	if (upto > at && sched_count(x->chain, at, upto, INT64_MAX, NULL, &behind) > 0)
		at = behind;
	if (at == x->at_ms)
		return no_verdict(x, e);
	next = sched_next(x->chain, at, 0, end);
	return not_in_chain(x, at, next == SCHED_NEVER ? 0 : next, e);
}

/* Times that follow from each other have milliseconds, which people do not type: the time within the second. */
static int
settle(struct explain *x, struct err *e)
{
	int64_t at = 0, last = SCHED_NEVER, end = x->version.spec.end_ms == 0 ? INT64_MAX : x->version.spec.end_ms;
	int64_t upto = x->at_ms + 999 < end ? x->at_ms + 999 : end, trigger = x->job.next_trigger_ms;

	if (x->chain == NULL || x->at_ms % 1000 != 0)
		return 0;
	if (explain_number(x, "SELECT min(nominal_ms) FROM instance WHERE job_id = ?1 AND nominal_ms BETWEEN ?2 AND ?2 + 999",
	    x->at_ms, &at, e) != 0 || (at == 0 && explain_number(x, "SELECT first_ms FROM skipped WHERE job_id = ?1 AND first_ms BETWEEN"
	    " ?2 AND ?2 + 999 ORDER BY first_ms LIMIT 1", x->at_ms, &at, e) != 0))
		return -1;
	if (at == 0 && trigger >= x->at_ms && trigger <= upto)
		at = trigger;
	if (at == 0 && trigger != 0 && trigger < x->at_ms && x->version.spec.time_type != TIME_FIXED_DELAY &&
	    sched_count(x->chain, trigger, upto, INT64_MAX, NULL, &last) > 0 && last >= x->at_ms)
		at = last;
	x->at_ms = at != 0 ? at : x->at_ms;
	return 0;
}

/* --- all of it --------------------------------------------------------------------------------------------------- */

/* Its runs are asked for; those around it may be meant. */
static int
no_expression(struct explain *x, struct err *e)
{
	int64_t earlier, later;

	if (explain_number(x, "SELECT max(expected_ms) FROM instance WHERE job_id = ?1 AND expected_ms <= ?2", x->at_ms, &earlier,
	    e) != 0 || explain_number(x, "SELECT min(expected_ms) FROM instance WHERE job_id = ?1 AND expected_ms > ?2", x->at_ms,
	    &later, e) != 0)
		return -1;
	x->verdict = "not-named";
	explain_say(x, "", x->at_ms, " is no time of the job, which had no time expression then: nothing of it was asked for in that"
	    " second\n");
	put_beside(x, earlier == 0 ? SCHED_NEVER : earlier, later == 0 ? SCHED_NEVER : later);
	return 0;
}

static int
second_level(struct explain *x)
{
	x->verdict = "not-named";
	buf_addf(&x->text, "the job is a second-level one: a worker runs it every %s ms within one long instance; at ",
	    x->version.spec.time_expr);
	explain_say(x, "", x->at_ms, x->at_ms > x->now_ms ? ", which is to come, it may\n" : " none was there\n");
	return 0;
}

static int
elsewhere(struct explain *x, struct err *e)
{
	int r = by_hand(x, e);
	int64_t kept;

	if (r != 0 || verify_kept_from(x->db, &kept, e) != 0)
		return r > 0 ? 0 : -1;
	if (x->at_ms <= x->job.created_ms || (x->sched == NULL && x->at_ms < kept))
		return no_verdict(x, e);
	if (x->sched != NULL)
		not_named(x);
	else if (x->chain != NULL)
		return in_chain(x, e);
	else if (workers_repeats(&x->version.spec))
		return second_level(x);
	else
		return no_expression(x, e);
	return 0;
}

/* What stands for a reading of the clock that it jumps over; 0 nothing does. *named: the expression has that reading. */
static int64_t
instead(const struct explain *x, int64_t local_sec, bool *named)
{
	struct audit_range range = { x->at_ms - 1, x->at_ms, x->version.spec.start_ms, x->version.spec.end_ms, 0 };
	struct audit_change change;

	*named = false;
	if (x->sched == NULL || audit_next(x->sched, x->tz, &range, &change) != 1)
		return 0;
	for (int64_t i = 0; i < change.n && i < AUDIT_TIMES; i++)
		if (change.time[i].local_sec == local_sec) {
			*named = true;
			return change.time[i].n > 0 ? change.time[i].at_ms[0] : 0;
		}
	return 0;
}

int
explain_gap(struct explain *x, int64_t local_sec, struct err *e)
{
	const char *gap = sched_gap_names[sched_gap_code(x->version.spec.gap)];
	char reading[STAMP_SIZE];
	bool named;
	int64_t at = instead(x, local_sec, &named);

	stamp_print(reading, local_sec * 1000, NULL);
	buf_addf(&x->text, "%.19s is no time in %s: the clock is set forward over it", reading, tz_name(x->tz));
	explain_say(x, ", to ", x->at_ms, "\n");
	x->verdict = "gap";
	if (!named)
		buf_adds(&x->text, "  the job has no time there\n");
	else if (at == 0)
		buf_addf(&x->text, "  the job's time there does not happen that day (gap=%s)\n", gap);
	if (at == 0)
		return 0;
	x->at_ms = at;
	explain_say(x, "  the job's time there happens at ", at, "");
	buf_addf(&x->text, " (gap=%s)\n", gap);
	return explain_time(x, e);
}

int
explain_time(struct explain *x, struct err *e)
{
	int r = settle(x, e) != 0 ? -1 : of_its_time(x, e);

	if (r == 0 && workers_repeats(&x->version.spec))
		r = within(x, e);
	/* A range says of an expression's times only that they did not run, and of none beside them. */
	if (r == 0 && x->sched != NULL && next_of(x, x->at_ms - 1, true) != x->at_ms)
		return elsewhere(x, e);
	if (r == 0)
		r = skipped(x, e);
	if (r != 0)
		return r < 0 ? -1 : 0;
	return x->sched != NULL ? no_verdict(x, e) : elsewhere(x, e);
}

/* The trigger of a second-level job is when its instance is launched, or when its life ends. */
bool
explain_has_no_next(const struct explain *x)
{
	return x->job.next_trigger_ms == 0 || workers_repeats(&x->job.spec);
}

int
explain_no_time(struct explain *x)
{
	const struct job_spec *s = &x->job.spec;

	x->at_ms = 0;
	x->verdict = "no-time";
	if (x->job.status == JOB_DELETED)
		explain_say(x, "the job was deleted, at ", x->job.modified_ms, "\n");
	else if (s->time_type == TIME_API || s->time_type == TIME_WORKFLOW)
		buf_adds(&x->text, "the job has no time expression: it runs when it is asked to\n");
	else if (x->job.status == JOB_DISABLED)
		explain_say(x, workers_repeats(s) ? "the job is disabled, since " : "the job's times are over: it is disabled, since ",
		    x->job.modified_ms, "\n");
	else if (workers_repeats(s))
		buf_addf(&x->text, "a worker runs the job every %s ms within one long instance\n", s->time_expr);
	else {
		buf_adds(&x->text, "the next time follows from the end of the run that is under way (");
		put_when(x, s);
		buf_adds(&x->text, ")\n");
	}
	return 0;
}

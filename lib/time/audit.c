#include "time/audit.h"

#include <stdio.h>
#include <string.h>

#include "time/civil.h"
#include "time/schedule.h"
#include "time/stamp.h"
#include "time/window.h"

#define DAY_MS (DAY_SEC * 1000)

/* The local readings that are jumped over, or read twice: [low, high). */
struct readings {
	int64_t low, high;
};

static struct readings
readings_of(const struct audit_change *c)
{
	int64_t at = c->at_ms / 1000;

	return c->after > c->before ? (struct readings){ at + c->before, at + c->after } :
	    (struct readings){ at + c->after, at + c->before };
}

static void
add_time(struct audit_change *c, const struct audit_time *t)
{
	if (c->n < AUDIT_TIMES)
		c->time[c->n] = *t;
	c->n++;
}

/* --- cron -------------------------------------------------------------------------------------------------------- */

static struct audit_time
by_gap(const struct sched *s, const struct audit_change *c, int64_t local)
{
	struct audit_time t = { .local_sec = local };

	switch (s->gap) {
	case GAP_SKIP:
		break;
	case GAP_RUN_AFTER:
		t.at_ms[t.n++] = c->at_ms;
		break;
	case GAP_SHIFT:
		t.at_ms[t.n++] = (local - c->before) * 1000;
		break;
	}
	return t;
}

static struct audit_time
by_fold(const struct sched *s, const struct audit_change *c, int64_t local)
{
	struct audit_time t = { .local_sec = local };

	if (s->fold != FOLD_LAST)
		t.at_ms[t.n++] = (local - c->before) * 1000;
	if (s->fold != FOLD_FIRST)
		t.at_ms[t.n++] = (local - c->after) * 1000;
	return t;
}

static void
fixed_times(const struct sched *s, const struct cron *rule, size_t n, const struct readings *r, struct audit_change *c)
{
	int64_t at = r->low, all;

	while (c->n < AUDIT_TIMES) {
		int64_t next = CRON_NEVER, one;
		struct audit_time t;

		for (size_t i = 0; i < n; i++)
			next = (one = cron_next(&rule[i], at, r->high - 1, &sched_step_count)) < next ? one : next;
		if (next == CRON_NEVER)
			return;
		t = c->after > c->before ? by_gap(s, c, next) : by_fold(s, c, next);
		add_time(c, &t);
		at = next + 1;
	}
	all = cron_count(rule, n, r->low, r->high - 1, &sched_step_count);
	c->n = all > c->n ? all : c->n;
}

/* Those given in local time that is read twice; one in a gap was refused. */
static void
once_times(const struct sched *s, struct audit_change *c)
{
	for (size_t i = 0; i < s->nonce; i++) {
		const struct sched_once *o = &s->once[i];
		int64_t local = o->at[0] + c->before;
		struct audit_time t;

		if (o->n != 2 || local - c->after != o->at[1] || o->at[0] * 1000 >= c->at_ms || o->at[1] * 1000 < c->at_ms)
			continue;
		t = by_fold(s, c, local);
		add_time(c, &t);
	}
}

static void
neighbours(const struct sched *s, struct audit_change *c)
{
	int64_t next = sched_next(s, c->at_ms - 1, 0, c->at_ms + DAY_MS);

	sched_count(s, c->at_ms - 1 - DAY_MS, c->at_ms - 1, INT64_MAX, NULL, &c->last_ms);
	c->next_ms = next;
}

static void
touch_cron(const struct sched *s, struct audit_change *c)
{
	struct readings r = readings_of(c);
	struct cron fixed[SCHED_ALTERNATIVES];
	size_t n = 0;

	for (size_t i = 0; i < s->nrule; i++)
		if (!s->rule[i].repeats)
			fixed[n++] = s->rule[i];
		else if (cron_next(&s->rule[i], r.low, r.high - 1, &sched_step_count) != CRON_NEVER)
			c->real_time = true;
	if (n > 0)
		fixed_times(s, fixed, n, &r, c);
	once_times(s, c);
	if (c->real_time)
		neighbours(s, c);
}

/* --- daily intervals --------------------------------------------------------------------------------------------- */

/* Its times follow from each other: from one that is known on. */
static void
daily_neighbours(const struct sched *s, const struct audit_range *r, struct audit_change *c)
{
	int64_t first = r->trigger_ms != 0 ? r->trigger_ms : sched_next(s, r->from_ms, r->start_ms, INT64_MAX);

	if (first >= c->at_ms) {
		c->next_ms = first;
		return;
	}
	if (sched_count(s, first, c->at_ms - 1, INT64_MAX, NULL, &c->last_ms) == 0)
		c->last_ms = first;
	c->next_ms = sched_next(s, c->last_ms, 0, INT64_MAX);
	if (c->at_ms - c->last_ms > DAY_MS)
		c->last_ms = SCHED_NEVER;
	if (c->next_ms - c->at_ms > DAY_MS)
		c->next_ms = SCHED_NEVER;
}

/* Does a time of it begin the window? Times that follow each other by more than a day need not. */
static bool
begins_window(const struct audit_change *c)
{
	const struct audit_time *t = &c->time[0];

	return t->n == 0 || (c->after > c->before ? t->at_ms[0] == c->next_ms : c->last_ms != SCHED_NEVER &&
	    t->at_ms[0] <= c->last_ms);
}

/* The window of a local day and the readings have something in common: is there a time of that day at all? */
static void
touch_day(const struct sched *s, int64_t day, const struct readings *r, struct audit_change *c)
{
	const struct daily_spec *d = &s->daily;
	int64_t begin = day * DAY_SEC + d->begin_sec, end = day * DAY_SEC + d->end_sec;
	int wday = (civil_weekday(day) + 6) % 7;
	struct audit_time t = { .local_sec = begin };

	if ((d->weekdays != 0 && !(d->weekdays >> wday & 1)) || begin >= r->high || end < r->low)
		return;
	c->real_time = true;
	if (begin < r->low)
		return;
	if (c->after < c->before)
		t.at_ms[t.n++] = (begin - c->before) * 1000;
	else if (end >= r->high)
		t.at_ms[t.n++] = c->at_ms;
	add_time(c, &t);
}

static void
touch_daily(const struct sched *s, const struct audit_range *range, struct audit_change *c)
{
	struct readings r = readings_of(c);

	for (int64_t day = civil_floor_div(r.low, DAY_SEC); day * DAY_SEC < r.high; day++)
		touch_day(s, day, &r, c);
	if (!c->real_time)
		return;
	daily_neighbours(s, range, c);
	if (c->n > 0 && !begins_window(c))
		c->n = 0;
	/* It began behind the change, or has no time around it: then only a window that is lost, or moved, counts. */
	if (c->last_ms == SCHED_NEVER && c->n == 0)
		c->real_time = false;
}

/* --- all --------------------------------------------------------------------------------------------------------- */

int
audit_next(const struct sched *s, const struct tz *tz, const struct audit_range *r, struct audit_change *out)
{
	int64_t from = r->from_ms > r->start_ms ? r->from_ms : r->start_ms;
	int64_t to = r->end_ms != 0 && r->end_ms < r->to_ms ? r->end_ms : r->to_ms;
	struct tz_span span;

	if (s->type != TIME_CRON && s->type != TIME_DAILY)
		return 0;
	for (tz_span(tz, civil_floor_div(from, 1000), &span); span.end <= civil_floor_div(to, 1000);) {
		*out = (struct audit_change){ .at_ms = span.end * 1000, .before = span.utoff, .after = span.after,
			.last_ms = SCHED_NEVER, .next_ms = SCHED_NEVER };
		if (s->type == TIME_CRON)
			touch_cron(s, out);
		else
			touch_daily(s, r, out);
		if (out->n > 0 || out->real_time)
			return 1;
		tz_span(tz, span.end, &span);
	}
	return 0;
}

/* --- as JSON ----------------------------------------------------------------------------------------------------- */

static void
put_local(struct jw *w, const char *name, int64_t local)
{
	int64_t days = civil_floor_div(local, DAY_SEC);
	int year, month, day, sec = (int)(local - days * DAY_SEC);
	char text[48];

	civil_from_days(days, &year, &month, &day);
	snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d", year, month, day, sec / 3600, sec / 60 % 60, sec % 60);
	jw_str(w, name, text);
}

static void
put_instant(struct jw *w, const char *name, const char *name_ms, int64_t at_ms, const struct tz *tz)
{
	char text[STAMP_SIZE], *dot;

	if (at_ms == SCHED_NEVER)
		return;
	stamp_print(text, at_ms, tz);
	dot = at_ms % 1000 == 0 ? strstr(text, ".000") : NULL;
	if (dot != NULL)
		memmove(dot, dot + 4, strlen(dot + 4) + 1);
	jw_str(w, name, text);
	if (name_ms != NULL)
		jw_i64(w, name_ms, at_ms);
}

static void
put_time(struct jw *w, const struct audit_time *t, const struct tz *tz)
{
	jw_obj(w);
	put_local(w, "local", t->local_sec);
	jw_arr_in(w, "runs");
	for (int i = 0; i < t->n; i++)
		put_instant(w, NULL, NULL, t->at_ms[i], tz);
	jw_end(w);
	jw_arr_in(w, "runsMs");
	for (int i = 0; i < t->n; i++)
		jw_i64(w, NULL, t->at_ms[i]);
	jw_end(w);
	jw_end(w);
}

static void
put_change(struct jw *w, const struct sched *s, const struct audit_change *c, const struct tz *tz)
{
	struct readings r = readings_of(c);
	bool gap = c->after > c->before;

	jw_obj(w);
	put_instant(w, "at", "atMs", c->at_ms, tz);
	jw_str(w, "kind", gap ? "gap" : "fold");
	jw_i64(w, "offsetBefore", c->before);
	jw_i64(w, "offsetAfter", c->after);
	put_local(w, "localFrom", r.low);
	put_local(w, "localTo", r.high);
	jw_str(w, "policy", s->type == TIME_DAILY ? "window" : gap ? sched_gap_names[s->gap] : sched_fold_names[s->fold]);
	jw_i64(w, "count", c->n);
	jw_arr_in(w, "times");
	for (int i = 0; i < c->n && i < AUDIT_TIMES; i++)
		put_time(w, &c->time[i], tz);
	jw_end(w);
	jw_bool(w, "realTime", c->real_time);
	put_instant(w, "last", "lastMs", c->last_ms, tz);
	put_instant(w, "next", "nextMs", c->next_ms, tz);
	jw_end(w);
}

static const char *
unaffected(enum time_type type)
{
	switch (type) {
	case TIME_API:
		return "it runs when it is asked to: no change of the clock touches it";
	case TIME_WORKFLOW:
		return "it runs when its workflow says so: no change of the clock touches it";
	case TIME_FIXED_RATE:
		return "a rate counts real time: no change of the clock touches it";
	case TIME_FIXED_DELAY:
		return "a delay counts real time: no change of the clock touches it";
	case TIME_CRON:
	case TIME_DAILY:
		return "no change of the clock in this time touches it";
	}
	return "it has no times";
}

void
audit_put(const struct sched *s, enum time_type type, const struct tz *tz, struct audit_range r, struct jw *w)
{
	struct audit_change c;
	int n = 0;

	if (s != NULL && r.trigger_ms == 0)
		r.trigger_ms = sched_next(s, r.from_ms, r.start_ms, INT64_MAX);
	jw_str(w, "zone", tz_name(tz));
	put_instant(w, "from", "fromMs", r.from_ms, tz);
	put_instant(w, "to", "toMs", r.to_ms, tz);
	jw_arr_in(w, "transitions");
	for (; s != NULL && audit_next(s, tz, &r, &c) == 1; n++) {
		put_change(w, s, &c, tz);
		r.from_ms = c.at_ms;
	}
	jw_end(w);
	jw_str(w, "why", n == 0 ? unaffected(type) : NULL);
}

/* pj-ctl time: what a time expression means. Needs no server. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audited.h"
#include "base/clock.h"
#include "nouns.h"
#include "time/audit.h"
#include "time/sched.h"
#include "timing.h"
#include "when.h"

enum { T_ZONE, T_FROM, T_COUNT, T_EPOCH, T_NAME, T_GAP, T_FOLD, T_AUDIT, T_START, T_END, T_CRON, T_EVERY, T_DELAY, T_AT,
	T_DAILY };

struct want {
	struct tz *tz;
	const char *from, *start, *end, *name;
	int64_t n;
	int gap, fold; /* enum sched_gap, enum sched_fold */
	bool epoch, audit;
	/* What says when, and how: */
	const char *option, *at;
	enum time_type type;
	struct buf expr;
};

/* The times that were said, in the zone that counts. */
struct range {
	int64_t from_ms, start_ms, end_ms; /* start and end as sched_next has them */
};

static const struct opt options[] = {
	{ T_CRON, 0, "cron", "EXPR", "EXPR itself: 5 to 7 fields, or @daily and the like" },
	{ T_EVERY, 0, "every", "DUR", "a rate, counted from --from" },
	{ T_DELAY, 0, "delay", "DUR", "a delay after a run that ended at --from" },
	{ T_AT, 0, "at", "TIME", "once" },
	{ T_DAILY, 0, "daily", "JSON", "an interval within a window of the day, of a job made at --from" },
	{ T_ZONE, 0, "tz", "ZONE", "in this zone, such as Europe/Berlin (default: TZ, else the system's)" },
	{ T_FROM, 0, "from", "TIME", "after this time (default: now)" },
	{ T_COUNT, 'n', "count", "N", "how many (default 5)" },
	{ T_EPOCH, 0, "epoch", NULL, "print seconds since 1970" },
	{ T_GAP, 0, "gap", "HOW", "local times that the clock jumps over: skip (default), run-after or shift" },
	{ T_FOLD, 0, "fold", "HOW", "local times that the clock reads twice: first (default), last or both" },
	{ T_START, 0, "start", "TIME", "not before" },
	{ T_END, 0, "end", "TIME", "not after" },
	{ T_AUDIT, 0, "audit", NULL, "what changes of the clock do to it in two years" },
	{ T_NAME, 0, "name", "NAME", "the job whose H and ~ are meant" },
	{ 0, 0, NULL, NULL, NULL },
};

static int
set_when(struct want *w, const char *option, enum time_type type, const char *before, const char *expr, struct err *e)
{
	if (w->option != NULL && strcmp(w->option, option) != 0)
		return err_set(e, ERR_USAGE, "%s and %s both say when; keep one", w->option, option);
	w->option = option;
	w->type = type;
	buf_clear(&w->expr);
	buf_adds(&w->expr, before);
	buf_adds(&w->expr, expr);
	return 0;
}

static int
set_interval(struct want *w, const char *option, enum time_type type, const char *value, struct err *e)
{
	char expr[DUR_SIZE];

	return timing_interval(value, expr, e) == 0 ? set_when(w, option, type, "", expr, e) : -1;
}

static int
take_when(int id, const char *value, struct want *w, struct err *e)
{
	switch (id) {
	case T_CRON:
		return set_when(w, "--cron", TIME_CRON, "", value, e);
	case T_EVERY:
		return set_interval(w, "--every", TIME_FIXED_RATE, value, e);
	case T_DELAY:
		return set_interval(w, "--delay", TIME_FIXED_DELAY, value, e);
	case T_AT:
		w->at = value;
		return when_check(value, e) == 0 ? set_when(w, "--at", TIME_CRON, "@at ", value, e) : -1;
	case T_DAILY:
		return set_when(w, "--daily", TIME_DAILY, "", value, e);
	}
	return -1;
}

static int
take(int id, const char *value, void *arg, struct err *e)
{
	struct want *w = arg;

	switch (id) {
	case T_ZONE:
		tz_free(w->tz);
		w->tz = tz_open(value, e);
		return w->tz != NULL ? 0 : -1;
	case T_FROM:
		w->from = value;
		return when_check(value, e);
	case T_START:
		w->start = value;
		return when_check(value, e);
	case T_END:
		w->end = value;
		return when_check(value, e);
	case T_COUNT:
		return opt_i64(value, 1, 1000000, &w->n, e);
	case T_EPOCH:
		w->epoch = true;
		return 0;
	case T_GAP:
		w->gap = timing_choice(value, sched_gap_names);
		return w->gap >= 0 ? 0 : err_set(e, ERR_USAGE, "`%.60s' is none of skip, run-after, shift", value);
	case T_FOLD:
		w->fold = timing_choice(value, sched_fold_names);
		return w->fold >= 0 ? 0 : err_set(e, ERR_USAGE, "`%.60s' is none of first, last, both", value);
	case T_AUDIT:
		w->audit = true;
		return 0;
	case T_NAME:
		w->name = value;
		return 0;
	}
	return take_when(id, value, w, e);
}

static void
put_time(const struct ctl *c, const struct want *w, const struct tz *z, int64_t at_ms, bool first)
{
	struct buf out = BUF_INIT;

	if (c->format == CTL_JSON)
		buf_addf(&out, "%s%lld", first ? "" : ",", (long long)at_ms);
	else if (c->format == CTL_TSV)
		buf_addf(&out, "%lld\n", (long long)at_ms);
	else if (w->epoch && at_ms % 1000 != 0) /* of rates and daily intervals: none is before 1970 */
		buf_addf(&out, "%lld.%03d\n", (long long)(at_ms / 1000), (int)(at_ms % 1000));
	else if (w->epoch)
		buf_addf(&out, "%lld\n", (long long)(at_ms / 1000));
	else {
		when_put_full(&out, at_ms, z);
		buf_addc(&out, '\n');
	}
	fwrite(buf_str(&out), 1, out.len, stdout);
	buf_fini(&out);
}

/* What the times do not say, or why there are none. */
static void
remark(const struct want *w, const struct sched *s, int64_t n)
{
	if (n == 0)
		ctl_say("the expression has no time after that%s",
		    w->start != NULL || w->end != NULL ? ", from --start to --end" : "");
	else if (w->type == TIME_FIXED_DELAY && n < w->n)
		ctl_say("the delay after that begins with the end of that run");
	if (w->name == NULL && sched_is_spread(s))
		ctl_say("H and ~ depend on the job's name: give it with --name");
}

static void
end_json(const struct tz *z)
{
	struct buf out = BUF_INIT;
	struct jw w;

	jw_init(&w, &out);
	jw_str(&w, NULL, tz_name(z));
	printf("],\"zone\":%s}\n", buf_str(&out));
	buf_fini(&out);
}

/* 0: printed at least one; 1: the expression never comes again. */
static int
print(const struct ctl *c, const struct want *w, const struct tz *z, const struct sched *s, const struct range *r)
{
	int64_t at = r->from_ms, n = 0, most = w->type == TIME_FIXED_DELAY ? 1 : w->n;

	if (c->format == CTL_JSON)
		fputs("{\"next\":[", stdout);
	else if (c->format == CTL_TSV && c->header)
		puts("atMs");
	for (; n < most && (at = sched_next(s, at, r->start_ms, r->end_ms)) != SCHED_NEVER; n++)
		put_time(c, w, z, at, n == 0);
	if (c->format == CTL_JSON)
		end_json(z);
	remark(w, s, n);
	return n > 0 ? 0 : 1;
}

static int
audit(const struct ctl *c, const struct tz *z, const struct sched *s, const struct range *range)
{
	struct audit_range r = { range->from_ms, range->from_ms + AUDIT_SPAN_MS, range->start_ms,
		range->end_ms != INT64_MAX ? range->end_ms : 0, 0 };
	struct buf text = BUF_INIT;
	struct err e = ERR_INIT;
	struct json_t *doc;
	struct jw w;
	int rc;

	jw_init(&w, &text);
	jw_obj(&w);
	audit_put(s, sched_type(s), z, r, &w);
	jw_end(&w);
	doc = js_parse(buf_str(&text), text.len, &e);
	rc = doc != NULL ? audited_put(c, doc) : ctl_fail(&e);
	js_free(doc);
	buf_fini(&text);
	return rc;
}

static int
read_time(const char *option, const char *value, const struct tz *z, int64_t *out_ms, struct err *e)
{
	if (value != NULL && when_parse(value, z, out_ms, e) != 0)
		return err_prefix(e, "%s", option);
	return 0;
}

static int
read_range(const struct want *w, const struct tz *z, struct range *r, struct err *e)
{
	*r = (struct range){ clock_wall_ms(), 0, INT64_MAX };
	if (w->at != NULL && timing_at_check(w->at, z, e) != 0)
		return err_prefix(e, "--at");
	if (read_time("--from", w->from, z, &r->from_ms, e) != 0)
		return -1;
	if (read_time("--start", w->start, z, &r->start_ms, e) != 0)
		return -1;
	if (read_time("--end", w->end, z, &r->end_ms, e) != 0)
		return -1;
	return r->end_ms >= r->start_ms ? 0 : err_set(e, ERR_USAGE, "--end is before --start");
}

static int
next(struct ctl *c, const struct want *w)
{
	const struct tz *z = w->tz;
	struct err e = ERR_INIT;
	struct range r;
	struct sched *s;
	int rc;

	if ((z == NULL && when_own(&z, &e) != 0) || read_range(w, z, &r, &e) != 0)
		return ctl_fail(&e);
	s = sched_parse(w->type, buf_str(&w->expr), z, sched_seed(w->name != NULL ? w->name : ""), &e);
	if (s == NULL)
		return ctl_fail(&e);
	sched_set_policy(s, (enum sched_gap)w->gap, (enum sched_fold)w->fold);
	rc = w->audit ? audit(c, z, s, &r) : print(c, w, z, s, &r);
	sched_free(s);
	return rc;
}

/* The operand, where it is there: --cron, or --daily by its looks. */
static int
take_operand(struct want *w, const char *expr, struct err *e)
{
	return set_when(w, "an expression", expr[strspn(expr, " \t\r\n")] == '{' ? TIME_DAILY : TIME_CRON, "", expr, e);
}

static int
do_next(const struct verb *v, struct ctl *c, struct opt_args *args)
{
	struct want w = { .n = 5 };
	struct err e = ERR_INIT;
	int rc;

	buf_init(&w.expr);
	rc = verb_parse(v, c, args, take, &w);
	if (rc == OPT_GO && args->argc > 1)
		rc = verb_usage_error(v, c, "`%.60s' is too much: an expression with blanks goes in quotes", args->argv[1]);
	if (rc == OPT_GO && args->argc > 0 && take_operand(&w, args->argv[0], &e) != 0)
		rc = verb_usage_error(v, c, "%s", e.msg);
	if (rc == OPT_GO && w.option == NULL)
		rc = verb_usage_error(v, c, "what says when is missing: an expression, --every, --delay, --at or "
		    "--daily");
	if (rc == OPT_GO)
		rc = next(c, &w);
	buf_fini(&w.expr);
	tz_free(w.tz);
	return rc;
}

static const struct verb verbs[] = {
	{ "next", "EXPR | --every DUR | --delay DUR | --at TIME | --daily JSON [options]",
	    "the next times of an expression", options,
	    "EXPR is that of job add --cron or --daily; see pj-time(7). Exit code 1: no time comes any more.\n", 0,
	    VERB_ANY, false, do_next },
	{ NULL, NULL, NULL, NULL, NULL, 0, 0, false, NULL },
};

const struct noun cmd_time = { "time", "what time expressions mean; needs no server", verbs };

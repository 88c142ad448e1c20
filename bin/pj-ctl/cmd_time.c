/* pj-ctl time: what a time expression means. Needs no server. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audited.h"
#include "base/clock.h"
#include "nouns.h"
#include "time/audit.h"
#include "time/sched.h"
#include "when.h"

enum { T_ZONE, T_FROM, T_COUNT, T_EPOCH, T_NAME, T_GAP, T_FOLD, T_AUDIT };

struct want {
	struct tz *tz;
	const char *from, *name;
	int64_t n;
	int gap, fold; /* enum sched_gap, enum sched_fold */
	bool epoch, audit;
};

static const struct opt options[] = {
	{ T_ZONE, 0, "tz", "ZONE", "in this zone, such as Europe/Berlin (default: TZ, else the system's)" },
	{ T_FROM, 0, "from", "TIME", "after this time (default: now)" },
	{ T_COUNT, 'n', "count", "N", "how many (default 5)" },
	{ T_EPOCH, 0, "epoch", NULL, "print seconds since 1970" },
	{ T_GAP, 0, "gap", "HOW", "local times that the clock jumps over: skip (default), run-after or shift" },
	{ T_FOLD, 0, "fold", "HOW", "local times that the clock reads twice: first (default), last or both" },
	{ T_AUDIT, 0, "audit", NULL, "what changes of the clock do to it in two years" },
	{ T_NAME, 0, "name", "NAME", "the job whose H and ~ are meant" },
	{ 0, 0, NULL, NULL, NULL },
};

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
		return 0;
	case T_COUNT:
		return opt_i64(value, 1, 1000000, &w->n, e);
	case T_EPOCH:
		w->epoch = true;
		return 0;
	case T_GAP:
		w->gap = sched_gap_code(value);
		return w->gap >= 0 ? 0 : err_set(e, ERR_USAGE, "`%.60s' is none of skip, run-after, shift", value);
	case T_FOLD:
		w->fold = sched_fold_code(value);
		return w->fold >= 0 ? 0 : err_set(e, ERR_USAGE, "`%.60s' is none of first, last, both", value);
	case T_AUDIT:
		w->audit = true;
		return 0;
	case T_NAME:
		w->name = value;
		return 0;
	}
	return -1;
}

static void
put_time(const struct ctl *c, const struct want *w, const struct tz *z, int64_t at_ms, bool first)
{
	struct buf out = BUF_INIT;

	if (c->format == CTL_JSON)
		buf_addf(&out, "%s%lld", first ? "" : ",", (long long)at_ms);
	else if (c->format == CTL_TSV)
		buf_addf(&out, "%lld\n", (long long)at_ms);
	else if (w->epoch)
		buf_addf(&out, "%lld\n", (long long)(at_ms / 1000));
	else {
		when_put_full(&out, at_ms, z);
		buf_addc(&out, '\n');
	}
	fwrite(buf_str(&out), 1, out.len, stdout);
	buf_fini(&out);
}

/* 0: printed at least one; 1: the expression never comes again. */
static int
print(const struct ctl *c, const struct want *w, const struct tz *z, const struct sched *s, int64_t from_ms)
{
	int64_t at = from_ms;
	int64_t n = 0;

	if (c->format == CTL_JSON)
		fputs("{\"next\":[", stdout);
	else if (c->format == CTL_TSV && c->header)
		puts("atMs");
	for (; n < w->n && (at = sched_next(s, at, 0, INT64_MAX)) != SCHED_NEVER; n++)
		put_time(c, w, z, at, n == 0);
	if (c->format == CTL_JSON)
		puts("]}");
	if (n > 0)
		return 0;
	ctl_say("the expression has no time after that");
	return 1;
}

static int
audit(const struct ctl *c, const struct tz *z, const struct sched *s, int64_t from_ms)
{
	struct audit_range r = { from_ms, from_ms + AUDIT_SPAN_MS, 0, 0, 0 };
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
next(struct ctl *c, const char *expr, const struct want *w)
{
	const struct tz *z = w->tz != NULL ? w->tz : when_zone();
	enum time_type type = expr[strspn(expr, " \t")] == '{' ? TIME_DAILY : TIME_CRON;
	struct err e = ERR_INIT;
	struct sched *s;
	int64_t from_ms = clock_wall_ms();
	int rc;

	if (w->from != NULL && when_parse(w->from, z, &from_ms, &e) != 0) {
		err_prefix(&e, "--from");
		return ctl_fail(&e);
	}
	s = sched_parse(type, expr, z, sched_seed(w->name != NULL ? w->name : ""), &e);
	if (s == NULL)
		return ctl_fail(&e);
	sched_set_policy(s, (enum sched_gap)w->gap, (enum sched_fold)w->fold);
	rc = w->audit ? audit(c, z, s, from_ms) : print(c, w, z, s, from_ms);
	sched_free(s);
	return rc;
}

static int
do_next(const struct verb *v, struct ctl *c, struct opt_args *args)
{
	struct want w = { .n = 5 };
	int rc = verb_parse(v, c, args, take, &w);

	if (rc == OPT_GO)
		rc = next(c, args->argv[0], &w);
	tz_free(w.tz);
	return rc;
}

static const struct verb verbs[] = {
	{ "next", "EXPR [--tz ZONE] [--gap HOW] [--fold HOW] [--from TIME] [-n N] [--epoch] [--audit]",
	    "the next times of an expression", options,
	    "EXPR is that of job add --cron or --daily; see pj-time(7). Exit code 1: no time comes any more.\n", 1, 1, false,
	    do_next },
	{ NULL, NULL, NULL, NULL, NULL, 0, 0, false, NULL },
};

const struct noun cmd_time = { "time", "what time expressions mean; needs no server", verbs };

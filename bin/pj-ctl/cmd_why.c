/* pj-ctl why: what became of one occurrence of a job, or what will. Reads the database; needs no running server. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "job/state.h"
#include "job/verify.h"
#include "net/msg.h"
#include "nouns.h"
#include "out.h"
#include "store/alarm.h"
#include "store/app.h"
#include "store/instance.h"
#include "timing.h"
#include "when.h"

#define ALARMS_MAX 20 /* the newest */

struct why {
	struct db *db;
	struct job job;     /* as it is now */
	struct job version; /* as it was at the time in question */
	struct tz *tz;
	struct sched *sched; /* of version */
	int64_t at_ms, now_ms;
	struct answer *answer;
};

struct answer {
	const char *verdict; /* one word, for scripts */
	int64_t instance;    /* 0: none */
	char reason[32];     /* of what was left out */
	struct buf text;     /* for people */
};

static const struct out_column columns[] = {
	{ "verdict", "verdict", OUT_TEXT, OUT_LIST, NULL },
	{ "job", "job", OUT_TEXT, OUT_LIST, NULL },
	{ "jobId", "id", OUT_NUMBER, OUT_LIST, NULL },
	{ "jobVersion", "version", OUT_NUMBER, OUT_LIST, NULL },
	{ "atMs", "at", OUT_TIME, OUT_LIST, NULL },
	{ "instance", "instance", OUT_TEXT, OUT_LIST, NULL },
	{ "reason", "reason", OUT_TEXT, OUT_LIST, NULL },
	{ "text", "text", OUT_TEXT, OUT_LIST, NULL },
	{ NULL, NULL, OUT_TEXT, 0, NULL },
};

static void
say(const struct why *w, const char *before, int64_t at_ms, const char *behind)
{
	buf_adds(&w->answer->text, before);
	when_put_full(&w->answer->text, at_ms, w->tz);
	buf_adds(&w->answer->text, behind);
}

/* --- what ran ---------------------------------------------------------------------------------------------------- */

static bool
put_attempt(const struct attempt *a, void *arg)
{
	const struct why *w = arg;

	buf_addf(&w->answer->text, "  attempt %lld on %s: %s", (long long)a->attempt, a->worker, state_attempt_name(a->state));
	say(w, ", sent at ", a->opened_ms, "");
	if (a->finished_ms != NO_MS)
		say(w, ", ended at ", a->finished_ms, "");
	buf_addf(&w->answer->text, "%s%.200s\n", a->result != NULL && a->result[0] != '\0' ? ": " : "", a->result != NULL ? a->result : "");
	return true;
}

static bool
put_alarm(const struct alarm *a, void *arg)
{
	const struct why *w = arg;

	say(w, "  alarm at ", a->at_ms, "");
	buf_addf(&w->answer->text, " (%s): %.200s\n", a->kind, a->text != NULL ? a->text : "");
	return true;
}

/* 1: it has an instance, and that was told. */
static int
instance(const struct why *w, struct err *e)
{
	struct stmt *s = db_stmt(w->db, "SELECT id FROM instance WHERE job_id = ? AND nominal_ms = ?", e);
	struct instance i;
	int64_t id;
	int r;

	stmt_i64(s, 1, w->job.id);
	stmt_i64(s, 2, w->at_ms);
	r = stmt_step(s, e);
	id = r == 1 ? stmt_col_i64(s, 0) : 0;
	stmt_reset(s);
	if (r != 1)
		return r;
	if (instance_get(w->db, id, &i, e) != 0)
		return -1;
	w->answer->verdict = "instance";
	w->answer->instance = id;
	say(w, "", w->at_ms, " is ");
	buf_addf(&w->answer->text, "instance %lld, version %lld of the job: %s%s%.200s\n", (long long)id, (long long)i.job_version,
	    state_name(i.status), i.result != NULL && i.result[0] != '\0' ? ": " : "", i.result != NULL ? i.result : "");
	if (i.status == INSTANCE_WAITING)
		say(w, "  it is due at ", i.due_ms, "\n");
	instance_fini(&i);
	if (attempt_each(w->db, id, put_attempt, (void *)(uintptr_t)w, e) != 0 ||
	    alarm_each(w->db, id, ALARMS_MAX, put_alarm, (void *)(uintptr_t)w, e) != 0)
		return -1;
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
skipped(const struct why *w, struct err *e)
{
	struct stmt *s = db_stmt(w->db, "SELECT first_ms, last_ms, count, reason, at_ms FROM skipped WHERE job_id = ?1"
	    " AND first_ms <= ?2 AND last_ms >= ?2", e);
	int r;

	stmt_i64(s, 1, w->job.id);
	stmt_i64(s, 2, w->at_ms);
	r = stmt_step(s, e);
	if (r == 1) {
		w->answer->verdict = "left-out";
		snprintf(w->answer->reason, sizeof w->answer->reason, "%s", stmt_col_text(s, 3));
		say(w, "", w->at_ms, " did not run: ");
		buf_addf(&w->answer->text, "%s (%s)\n", reason_text(stmt_col_text(s, 3)), stmt_col_text(s, 3));
		buf_addf(&w->answer->text, "  one of %lld time%s", (long long)stmt_col_i64(s, 2), stmt_col_i64(s, 2) == 1 ? "" : "s");
		say(w, " from ", stmt_col_i64(s, 0), "");
		say(w, " to ", stmt_col_i64(s, 1), "");
		say(w, ", recorded at ", stmt_col_i64(s, 4), "\n");
	}
	stmt_reset(s);
	return r;
}

/* --- what did not ------------------------------------------------------------------------------------------------ */

static int64_t
next_of(const struct why *w, int64_t after_ms)
{
	const struct job_spec *s = &w->version.spec;

	return w->sched == NULL ? SCHED_NEVER : sched_next(w->sched, after_ms, s->start_ms, s->end_ms == 0 ? INT64_MAX :
	    s->end_ms);
}

/* The last time before at_ms, within some years; SCHED_NEVER. */
static int64_t
before(const struct why *w)
{
	int64_t first, last;

	for (int64_t back = 3600000; back < 10LL * 366 * 86400 * 1000; back *= 4) {
		first = next_of(w, w->at_ms - back - 1);
		if (first >= w->at_ms)
			continue;
		return sched_count(w->sched, first, w->at_ms - 1, INT64_MAX, NULL, &last) > 0 ? last : first;
	}
	return SCHED_NEVER;
}

static void
not_named(const struct why *w)
{
	int64_t earlier = before(w), later = next_of(w, w->at_ms);

	w->answer->verdict = "not-named";
	say(w, "", w->at_ms, " is no time of ");
	buf_addf(&w->answer->text, "%s (version %lld)\n", w->version.spec.time_expr, (long long)w->version.version);
	if (earlier != SCHED_NEVER)
		say(w, "  the one before it: ", earlier, "\n");
	if (later != SCHED_NEVER)
		say(w, "  the one after it: ", later, "\n");
}

static int
no_verdict(const struct why *w, struct err *e)
{
	int64_t kept, trigger = w->job.next_trigger_ms;
	struct buf *text = &w->answer->text;

	if (verify_kept_from(w->db, &kept, e) != 0)
		return -1;
	say(w, "", w->at_ms, " ");
	if (w->at_ms <= w->job.created_ms) {
		w->answer->verdict = "before-job";
		say(w, "was before the job was made, at ", w->job.created_ms, "\n");
	} else if (w->at_ms < kept) {
		w->answer->verdict = "not-kept";
		say(w, "is no longer known: records are kept from ", kept, " on\n");
	} else if (w->job.status == JOB_DELETED || w->job.status == JOB_DISABLED) {
		w->answer->verdict = w->job.status == JOB_DELETED ? "deleted" : "disabled";
		buf_addf(text, "does not run: the job %s%s\n", w->job.status == JOB_DELETED ? "was deleted" : "is disabled",
		    w->job.status == JOB_DISABLED && trigger == 0 ? " (its schedule was over)" : "");
	} else if (w->at_ms > w->now_ms) {
		w->answer->verdict = "to-run";
		buf_addf(text, "will run, %s: misfire %s, overlap %s\n", w->at_ms == trigger ? "as the next one" : "after others",
		    w->version.spec.misfire, w->version.spec.overlap);
	} else if (trigger != 0 && trigger <= w->at_ms) {
		w->answer->verdict = "due";
		buf_adds(text, "is due, and the server has not come to it: is pj-serverd running?\n");
	} else {
		w->answer->verdict = "no-record";
		buf_adds(text, "has no record: see pj-ctl verify\n");
	}
	return 0;
}

/* Its times follow from what ran, or there are none. */
static void
no_expression(const struct why *w)
{
	bool next = w->at_ms == w->job.next_trigger_ms && w->job.status == JOB_ENABLED;

	if (w->version.spec.time_type == TIME_API || w->version.spec.time_type == TIME_WORKFLOW) {
		w->answer->verdict = "not-named";
		buf_adds(&w->answer->text, "the job had no time expression then; nothing of it ran at that time\n");
	} else if (next) {
		w->answer->verdict = w->at_ms > w->now_ms ? "to-run" : "due";
		say(w, "", w->at_ms, w->at_ms > w->now_ms ? " will run, as the next one\n" : " is due\n");
	} else {
		w->answer->verdict = "not-named";
		buf_adds(&w->answer->text, "nothing of the job ran or was left out at that time; its times follow from each "
		    "other (");
		timing_put(&w->answer->text, msg_time_type_name(w->version.spec.time_type),
		    w->version.spec.time_expr != NULL ? w->version.spec.time_expr : "");
		buf_adds(&w->answer->text, ")\n");
	}
}

static int
explain(const struct why *w, struct err *e)
{
	int r = instance(w, e);

	if (r != 0)
		return r < 0 ? -1 : 0;
	if (w->sched == NULL) {
		r = skipped(w, e);
		if (r == 0)
			no_expression(w);
		return r < 0 ? -1 : 0;
	}
	if (next_of(w, w->at_ms - 1) != w->at_ms) {
		not_named(w);
		return 0;
	}
	r = skipped(w, e);
	return r == 0 ? no_verdict(w, e) : r < 0 ? -1 : 0;
}

/* --- the job ----------------------------------------------------------------------------------------------------- */

static int
find_job(struct ctl *c, struct why *w, const char *name, struct err *e)
{
	struct app a;
	char *end = NULL;
	int64_t id = name[0] == '#' ? strtoll(name + 1, &end, 10) : 0;

	if (app_find(w->db, ctl_app(c), &a, e) != 0)
		return -1;
	if (id == 0 || *end != '\0')
		return job_find(w->db, a.id, name, &w->job, e);
	if (job_get(w->db, id, &w->job, e) != 0)
		return -1;
	return w->job.app_id == a.id ? 0 : err_set(e, ERR_NOTFOUND, "no job %.200s in app %s; see pj-ctl job ls", name,
	    ctl_app(c));
}

static int
find_version(struct why *w, int64_t at_ms, struct err *e)
{
	struct stmt *s = db_stmt(w->db, "SELECT coalesce(max(version), 1) FROM job_version WHERE job_id = ? AND at_ms < ?", e);
	int64_t version;

	stmt_i64(s, 1, w->job.id);
	stmt_i64(s, 2, at_ms);
	if (stmt_step(s, e) != 1)
		return -1;
	version = stmt_col_i64(s, 0);
	stmt_reset(s);
	return job_get_version(w->db, w->job.id, version, &w->version, e);
}

static int
put(const struct ctl *c, const struct why *w)
{
	const struct answer *a = w->answer;
	struct buf doc = BUF_INIT;
	struct json_t *row;
	struct out out;
	struct jw j;
	int rc = 0;

	if (c->format == CTL_TABLE) {
		fputs(buf_str(&a->text), stdout);
		return 0;
	}
	jw_init(&j, &doc);
	jw_obj(&j);
	jw_str(&j, "verdict", a->verdict);
	jw_str(&j, "job", w->job.spec.name);
	jw_i64(&j, "jobId", w->job.id);
	jw_i64(&j, "jobVersion", w->version.version);
	jw_i64(&j, "atMs", w->at_ms);
	if (a->instance != 0)
		jw_id(&j, "instance", a->instance);
	else
		jw_null(&j, "instance");
	jw_str(&j, "reason", a->reason[0] != '\0' ? a->reason : NULL);
	jw_str(&j, "text", buf_str(&a->text));
	jw_end(&j);
	row = js_parse(buf_str(&doc), doc.len, NULL);
	out_init(&out, c, "why", columns);
	if (row != NULL)
		rc = out_show(&out, row);
	js_free(row);
	buf_fini(&doc);
	return rc;
}

static int
why(struct ctl *c, struct why *w, const char *name, const char *time, struct err *e)
{
	int rc = find_job(c, w, name, e);
	int64_t until;

	if (rc == 0 && (w->tz = verify_zone(w->db, &w->job.spec, INT64_MAX, &until, e)) == NULL)
		rc = -1;
	if (rc == 0 && time != NULL)
		rc = when_parse(time, w->tz, &w->at_ms, e);
	else if (rc == 0 && w->job.next_trigger_ms == 0)
		rc = err_set(e, ERR_CONFLICT, "job %.200s has no time that comes next; name one", name);
	else
		w->at_ms = w->job.next_trigger_ms;
	/* The server's zone may have been another one then. */
	tz_free(w->tz);
	w->tz = NULL;
	if (rc == 0 && (rc = find_version(w, w->at_ms, e)) == 0)
		rc = (w->tz = verify_zone(w->db, &w->version.spec, w->at_ms - 1, &until, e)) == NULL ? -1 : 0;
	if (rc == 0 && (rc = verify_sched(&w->version.spec, w->tz, &w->sched, e)) == 0)
		rc = explain(w, e);
	if (rc == 0)
		rc = put(c, w);
	sched_free(w->sched);
	tz_free(w->tz);
	job_fini(&w->version);
	job_fini(&w->job);
	return rc;
}

static int
do_why(const struct verb *v, struct ctl *c, struct opt_args *args)
{
	struct answer answer = { .verdict = "no-record", .text = BUF_INIT };
	struct why w = { .now_ms = clock_wall_ms(), .answer = &answer };
	struct err e = ERR_INIT;
	char path[CTL_PATH_MAX];
	int rc = verb_parse(v, c, args, NULL, NULL);

	if (rc != OPT_GO)
		return rc;
	if (ctl_database(c, path, sizeof path, &e) != 0 || db_open(&w.db, path, DB_READ, db_migrations_server, &e) != 0)
		return ctl_fail(&e);
	rc = db_begin(w.db, &e) != 0 ? -1 : why(c, &w, args->argv[0], args->argc > 1 ? args->argv[1] : NULL, &e);
	db_rollback(w.db);
	db_close(w.db);
	buf_fini(&answer.text);
	return rc == 0 ? 0 : ctl_fail(&e);
}

static const struct verb verbs[] = { { "", "JOB [TIME]", "what became of one time of a job, or what will\n"
	"Reads the database of the server, which need not run.", NULL,
	"TIME is in the job's time zone; without it the next one is meant.\n", 1, 2, false, do_why },
	{ NULL, NULL, NULL, NULL, NULL, 0, 0, false, NULL } };

const struct noun cmd_why = { "why", "what became of one time of a job, or what will", verbs };

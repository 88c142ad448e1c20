/* pj-ctl why: what became of one occurrence of a job, or what will. Reads the database; needs no running server. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "explain.h"
#include "nouns.h"
#include "out.h"
#include "store/app.h"
#include "store/instance.h"
#include "time/stamp.h"
#include "when.h"
#include "words.h"

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

/* --- what is meant ----------------------------------------------------------------------------------------------- */

/* Of a name that no job has any more, the job that was deleted last. */
static int
find_deleted(struct explain *x, int64_t app_id, const char *name, struct err *e)
{
	struct stmt *s = db_stmt(x->db, "SELECT id FROM job WHERE app_id = ? AND name = ? AND status = 99 ORDER BY modified_ms DESC,"
	    " id DESC LIMIT 1", e);
	int64_t id;
	int r;

	stmt_i64(s, 1, app_id);
	stmt_text(s, 2, name);
	r = stmt_step(s, e);
	id = r == 1 ? stmt_col_i64(s, 0) : 0;
	stmt_reset(s);
	return r == 1 ? job_get(x->db, id, &x->job, e) : -1;
}

static int
find_job(struct ctl *c, struct explain *x, const char *name, struct err *e)
{
	struct err deleted = ERR_INIT;
	struct app a;
	char *end = NULL;
	int64_t id = name[0] == '#' ? strtoll(name + 1, &end, 10) : 0;

	if (app_find(x->db, ctl_app(c), &a, e) != 0)
		return -1;
	if (id == 0 || *end != '\0') {
		if (job_find(x->db, a.id, name, &x->job, e) == 0)
			return 0;
		return e->code == ERR_NOTFOUND && find_deleted(x, a.id, name, &deleted) == 0 ? 0 : -1;
	}
	if (job_get(x->db, id, &x->job, e) != 0)
		return -1;
	return x->job.app_id == a.id ? 0 : err_set(e, ERR_NOTFOUND, "no job %.200s in app %s; see pj-ctl job ls", name,
	    ctl_app(c));
}

/* An instance by its id, where no job is called so. 1; 0: the text is no such id; -1. */
static int
find_instance(struct ctl *c, struct explain *x, const char *text, int64_t *id, struct err *e)
{
	struct instance i;
	struct app a;
	int r;

	if (words_check_id(text, NULL) != 0)
		return 0;
	*id = strtoll(text, NULL, 10);
	if (app_find(x->db, ctl_app(c), &a, e) != 0 || instance_get(x->db, *id, &i, e) != 0)
		return -1;
	if (i.app_id != a.id)
		r = err_set(e, ERR_NOTFOUND, "no instance %.200s in app %s", text, ctl_app(c));
	else
		r = job_get(x->db, i.job_id, &x->job, e);
	x->at_ms = i.nominal_ms != NO_MS ? i.nominal_ms : i.expected_ms;
	instance_fini(&i);
	return r == 0 ? 1 : -1;
}

/* The definition in force at x->at_ms, and its schedule in its zone. */
static int
find_version(struct explain *x, struct err *e)
{
	struct stmt *s = db_stmt(x->db, "SELECT coalesce(max(version), 1) FROM job_version WHERE job_id = ? AND at_ms < ?", e);
	int64_t version, until;

	stmt_i64(s, 1, x->job.id);
	stmt_i64(s, 2, x->at_ms);
	if (stmt_step(s, e) != 1)
		return -1;
	version = stmt_col_i64(s, 0);
	stmt_reset(s);
	if (job_get_version(x->db, x->job.id, version, &x->version, e) != 0)
		return -1;
	/* The server's zone may have been another one then. */
	tz_free(x->tz);
	x->tz = verify_zone(x->db, &x->version.spec, x->at_ms - 1, &until, e);
	if (x->tz == NULL || verify_sched(&x->version.spec, x->tz, &x->sched, e) != 0)
		return -1;
	return verify_chain(&x->version.spec, x->tz, &x->chain, e);
}

/* --- the answer -------------------------------------------------------------------------------------------------- */

static void
put_json(const struct explain *x, struct jw *w)
{
	jw_obj(w);
	jw_str(w, "verdict", x->verdict);
	jw_str(w, "job", x->job.spec.name);
	jw_i64(w, "jobId", x->job.id);
	jw_i64(w, "jobVersion", x->version.version != 0 ? x->version.version : x->job.version);
	if (x->at_ms != 0)
		jw_i64(w, "atMs", x->at_ms);
	else
		jw_null(w, "atMs");
	if (x->instance != 0)
		jw_id(w, "instance", x->instance);
	else
		jw_null(w, "instance");
	jw_str(w, "reason", x->reason[0] != '\0' ? x->reason : NULL);
	jw_str(w, "text", buf_str(&x->text));
	jw_end(w);
}

static int
put(const struct explain *x)
{
	struct buf doc = BUF_INIT;
	struct json_t *row;
	struct out out;
	struct jw j;
	int rc = 0;

	if (x->c->format == CTL_TABLE) {
		fputs(buf_str(&x->text), stdout);
		return 0;
	}
	jw_init(&j, &doc);
	put_json(x, &j);
	row = js_parse(buf_str(&doc), doc.len, NULL);
	out_init(&out, x->c, "why", columns);
	if (row != NULL)
		rc = out_show(&out, row);
	js_free(row);
	buf_fini(&doc);
	return rc;
}

/* 1: the text is a reading that the job's clock jumps over, and x->at_ms the end of the gap. */
static bool
is_in_gap(struct explain *x, const char *time, int64_t *local_sec)
{
	struct tz_civil c;
	int64_t at_ms, both[2];

	if (stamp_parse_ms(time, NULL, &at_ms, NULL) != 0)
		return false;
	*local_sec = at_ms / 1000;
	tz_to_civil(NULL, *local_sec, &c, NULL);
	if (tz_from_civil(x->tz, &c, both) != 0)
		return false;
	x->at_ms = tz_first(x->tz, &c) * 1000;
	return true;
}

static int
of_job(struct explain *x, const char *time, struct err *e)
{
	int64_t until, local_sec;

	x->tz = verify_zone(x->db, &x->job.spec, INT64_MAX, &until, e);
	if (x->tz == NULL)
		return -1;
	if (time != NULL && when_parse(time, x->tz, &x->at_ms, e) != 0)
		return is_in_gap(x, time, &local_sec) && find_version(x, e) == 0 ? explain_gap(x, local_sec, e) : -1;
	if (time == NULL)
		x->at_ms = x->job.next_trigger_ms;
	if (time == NULL && explain_has_no_next(x))
		return explain_no_time(x) != 0 || explain_live(x, e) != 0 ? -1 : 0;
	if (find_version(x, e) != 0 || explain_time(x, e) != 0)
		return -1;
	return time == NULL ? explain_live(x, e) : 0;
}

static int
answer(struct explain *x, const char *what, const char *time, struct err *e)
{
	struct err none = ERR_INIT;
	int64_t id;
	int r = find_job(x->c, x, what, e);

	if (r == 0)
		return of_job(x, time, e);
	if (e->code != ERR_NOTFOUND || time != NULL)
		return -1;
	r = find_instance(x->c, x, what, &id, &none);
	if (r == 0)
		return -1; /* no such job */
	if (r < 0)
		return err_set(e, none.code, "%s", none.msg);
	return find_version(x, e) != 0 || explain_instance(x, id, e) != 0 ? -1 : 0;
}

static int
do_why(const struct verb *v, struct ctl *c, struct opt_args *args)
{
	struct explain x = { .c = c, .now_ms = clock_wall_ms(), .verdict = "no-record", .text = BUF_INIT };
	struct err e = ERR_INIT;
	char path[CTL_PATH_MAX];
	int rc = verb_parse(v, c, args, NULL, NULL);

	if (rc != OPT_GO)
		return rc;
	if (ctl_database(c, path, sizeof path, &e) != 0 || db_open(&x.db, path, DB_READ, db_migrations_server, &e) != 0)
		return ctl_fail(&e);
	rc = db_begin(x.db, &e) != 0 ? -1 : answer(&x, args->argv[0], args->argc > 1 ? args->argv[1] : NULL, &e);
	db_rollback(x.db);
	db_close(x.db);
	if (rc == 0)
		rc = put(&x);
	else
		rc = ctl_fail(&e);
	sched_free(x.sched);
	sched_free(x.chain);
	tz_free(x.tz);
	job_fini(&x.version);
	job_fini(&x.job);
	buf_fini(&x.text);
	return rc;
}

static const struct verb verbs[] = { { "", "JOB [TIME] | INSTANCE", "what became of one time of a job, or what will\n"
	"Reads the database of the server, which need not run.", NULL,
	"TIME is in the job's time zone; without it the next one is meant, and what is not at its end.\n"
	"INSTANCE is an id, as pj-ctl instance ls shows it.\n", 1, 2, false, do_why },
	{ NULL, NULL, NULL, NULL, NULL, 0, 0, false, NULL } };

const struct noun cmd_why = { "why", "what became of one time of a job, or what will", verbs };

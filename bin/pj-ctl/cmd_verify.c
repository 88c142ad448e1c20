/* pj-ctl verify: does each nominal time have exactly one verdict? Reads the database of the server; needs no running one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/verify.h"
#include "nouns.h"
#include "out.h"
#include "store/app.h"
#include "when.h"

#define PAGE 200

enum { Y_SINCE };

static const struct opt options[] = {
	{ Y_SINCE, 0, "since", "TIME", "what was to run after TIME (default: all that is kept)" },
	{ 0, 0, NULL, NULL, NULL },
};

static const struct out_column columns[] = {
	{ "rule", "rule", OUT_TEXT, OUT_LIST, NULL },
	{ "job", "job", OUT_TEXT, OUT_LIST, NULL },
	{ "jobId", "id", OUT_NUMBER, OUT_LIST, NULL },
	{ "atMs", "at", OUT_TIME, OUT_LIST, NULL },
	{ "finding", "finding", OUT_TEXT, OUT_LIST, NULL },
	{ NULL, NULL, OUT_TEXT, 0, NULL },
};

struct look {
	struct ctl *c;
	struct db *db;
	struct out out;
	int64_t since_ms, after_id, app_id;
	const char *job; /* NULL: all */
	int jobs, page, findings, rc;
	struct err *e;
};

static void
put(const char *rule, const struct job *j, int64_t at_ms, const char *finding, void *arg)
{
	struct look *l = arg;
	struct buf text = BUF_INIT;
	struct json_t *row;
	struct jw w;

	if (l->c->format == CTL_TABLE) { /* whole: a table would cut it */
		printf("%s: job #%lld %s: %s\n", rule, (long long)j->id, j->spec.name, finding);
		return;
	}
	jw_init(&w, &text);
	jw_obj(&w);
	jw_str(&w, "rule", rule);
	jw_str(&w, "job", j->spec.name);
	jw_i64(&w, "jobId", j->id);
	jw_i64(&w, "atMs", at_ms);
	jw_str(&w, "finding", finding);
	jw_end(&w);
	row = js_parse(buf_str(&text), text.len, NULL);
	if (row != NULL)
		out_row(&l->out, row);
	js_free(row);
	buf_fini(&text);
}

static bool
one(const struct job *j, void *arg)
{
	struct look *l = arg;

	l->after_id = j->id;
	l->page++;
	l->jobs++;
	l->rc = verify_job(l->db, j, l->since_ms, put, l, &l->findings, l->e);
	return l->rc == 0;
}

static int
named(struct look *l, struct err *e)
{
	struct job j;
	char *end;
	int64_t id = l->job[0] == '#' ? strtoll(l->job + 1, &end, 10) : 0;
	int rc;

	if (id != 0 ? job_get(l->db, id, &j, e) != 0 : job_find(l->db, l->app_id, l->job, &j, e) != 0)
		return -1;
	if (l->app_id != 0 && j.app_id != l->app_id)
		rc = err_set(e, ERR_NOTFOUND, "no job %.200s in app %s; see pj-ctl job ls", l->job, ctl_app(l->c));
	else
		rc = one(&j, l) ? 0 : -1;
	job_fini(&j);
	return rc;
}

static int
all(struct look *l, struct err *e)
{
	do {
		l->page = 0;
		if (job_each(l->db, l->app_id, true, l->after_id, PAGE, one, l, e) != 0 || l->rc != 0)
			return -1;
	} while (l->page == PAGE);
	return 0;
}

static int
look(struct look *l, struct err *e)
{
	struct app a;

	/* Without --app all apps are looked at; a name is one of the app `default` then. */
	if (l->c->app != NULL || l->job != NULL) {
		if (app_find(l->db, ctl_app(l->c), &a, e) != 0)
			return -1;
		l->app_id = a.id;
	}
	return l->job != NULL ? named(l, e) : all(l, e);
}

static int
verify(struct ctl *c, const char *job, int64_t since_ms)
{
	struct err e = ERR_INIT;
	struct look l = { .c = c, .job = job, .since_ms = since_ms, .e = &e };
	char path[CTL_PATH_MAX];
	int rc;

	if (ctl_database(c, path, sizeof path, &e) != 0 || db_open(&l.db, path, DB_READ, db_migrations_server, &e) != 0)
		return ctl_fail(&e);
	out_init(&l.out, c, "findings", columns);
	/* One transaction: one moment, while a server goes on writing. */
	rc = db_begin(l.db, &e) != 0 ? -1 : look(&l, &e);
	db_rollback(l.db);
	db_close(l.db);
	if (rc != 0)
		return ctl_fail(&e);
	if (c->format != CTL_TABLE)
		rc = out_end(&l.out, false);
	else if (l.findings == 0)
		printf("%d job%s: each time has one verdict\n", l.jobs, l.jobs == 1 ? "" : "s");
	return rc != 0 ? rc : l.findings > 0;
}

static int
take(int id, const char *value, void *arg, struct err *e)
{
	const struct tz *z;

	(void)id;
	return when_own(&z, e) != 0 ? -1 : when_parse(value, z, arg, e);
}

static int
do_verify(const struct verb *v, struct ctl *c, struct opt_args *args)
{
	int64_t since_ms = 0;
	int rc = verb_parse(v, c, args, take, &since_ms);

	return rc != OPT_GO ? rc : verify(c, args->argc == 1 ? args->argv[0] : NULL, since_ms);
}

static const struct verb verbs[] = { { "", "[JOB] [--since TIME]",
	"check that each time of each job's expression has exactly one verdict\n"
	"Reads the database of the server, which need not run.", options,
	"Exit code 1: something was found. Jobs of all apps, unless --app names one.\n", 0, 1, false, do_verify },
	{ NULL, NULL, NULL, NULL, NULL, 0, 0, false, NULL } };

const struct noun cmd_verify = { "verify", "does each time of each job have exactly one verdict?", verbs };

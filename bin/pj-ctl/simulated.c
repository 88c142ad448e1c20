#include "simulated.h"

#include <stdlib.h>
#include <string.h>

#include "job/verify.h"
#include "store/job.h"

#define SAMPLES 1000 /* the latest runs of a job */

struct copying {
	struct simulated *s;
	struct db *from;
	const struct sim_conf *conf;
	int64_t **samples;         /* of each job as many as it has */
	int64_t scratch[SAMPLES];
	int64_t cap;
	int rc;
	struct err *e;
};

/* A copied app can be no one's to log in. */
static int
copy_apps(struct db *from, struct db *to, const char *app, int64_t *only, struct err *e)
{
	struct stmt *in = db_stmt(from, "SELECT id, name FROM app WHERE ?1 IS NULL OR name = ?1 ORDER BY id", e), *out;
	int rc;

	*only = 0;
	stmt_text(in, 1, app);
	while ((rc = stmt_step(in, e)) == 1) {
		*only = app != NULL ? stmt_col_i64(in, 0) : 0;
		out = db_stmt(to, "INSERT INTO app (id, name, password, created_ms, modified_ms) VALUES (?, ?, '-', 0, 0)", e);
		stmt_i64(out, 1, stmt_col_i64(in, 0));
		stmt_text(out, 2, stmt_col_text(in, 1));
		if (stmt_run(out, e) < 0) {
			stmt_reset(in);
			return -1;
		}
	}
	if (rc == 0 && app != NULL && *only == 0)
		return err_set(e, ERR_NOTFOUND, "no app named %.200s", app);
	return rc;
}

static char *
app_name(struct db *db, int64_t id, struct err *e)
{
	struct stmt *st = db_stmt(db, "SELECT name FROM app WHERE id = ?", e);
	const char *name;
	char *copy;

	stmt_i64(st, 1, id);
	name = stmt_step(st, e) == 1 ? stmt_col_text(st, 0) : NULL;
	copy = strdup(name == NULL ? "?" : name);
	stmt_reset(st);
	return copy;
}

/* Any simulated worker will do for any job. */
static int
put(struct copying *c, const struct job *j)
{
	struct job copy = { .app_id = j->app_id, .status = JOB_ENABLED, .next_trigger_ms = j->next_trigger_ms };
	int rc;

	if (job_spec_copy(&copy.spec, &j->spec, c->e) < 0)
		return -1;
	free(copy.spec.designated_workers);
	copy.spec.designated_workers = NULL;
	copy.spec.dispatch_strategy = DISPATCH_HEALTH_FIRST;
	copy.spec.execute_type = EXECUTE_STANDALONE; /* tasks are no matter here */
	copy.spec.min_cpu_cores = copy.spec.min_memory_gb = copy.spec.min_disk_gb = 0;
	rc = job_put(c->s->db, &copy, c->conf->from_ms, c->e);
	job_fini(&copy);
	return rc;
}

static int
by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static int
read_samples(struct copying *c, struct simulated_job *to, int64_t **out)
{
	int64_t *ms = c->scratch;
	struct stmt *st = db_stmt(c->from, "SELECT a.finished_ms - a.started_ms FROM instance i JOIN attempt a ON"
	    " a.instance_id = i.id WHERE i.job_id = ? AND a.state IN (4, 5) AND a.finished_ms >= a.started_ms"
	    " ORDER BY i.id DESC, a.attempt DESC LIMIT ?", c->e);
	int rc;

	stmt_i64(st, 1, to->id);
	stmt_i64(st, 2, SAMPLES);
	while ((rc = stmt_step(st, c->e)) == 1 && to->samples < SAMPLES)
		ms[to->samples++] = stmt_col_i64(st, 0);
	stmt_reset(st);
	qsort(ms, (size_t)to->samples, sizeof *ms, by_size);
	if (to->samples > 0) {
		to->median_ms = ms[(to->samples - 1) / 2];
		to->p95_ms = ms[(to->samples - 1) * 95 / 100];
	}
	*out = calloc((size_t)to->samples + 1, sizeof **out);
	if (*out == NULL)
		return err_set(c->e, ERR_NOMEM, "out of memory");
	memcpy(*out, ms, (size_t)to->samples * sizeof *ms);
	return rc < 0 ? -1 : 0;
}

static int
grow(struct copying *c)
{
	int64_t cap = c->cap == 0 ? 16 : c->cap * 2;
	struct simulated_job *jobs = reallocarray(c->s->jobs, (size_t)cap, sizeof *jobs);
	int64_t **samples;

	if (jobs == NULL)
		return err_set(c->e, ERR_NOMEM, "out of memory");
	c->s->jobs = jobs;
	samples = reallocarray(c->samples, (size_t)cap, sizeof *samples);
	if (samples == NULL)
		return err_set(c->e, ERR_NOMEM, "out of memory");
	c->samples = samples;
	c->cap = cap;
	return 0;
}

static int
take(struct copying *c, const struct job *j)
{
	struct simulated_job *to;

	if (c->s->n_jobs == c->cap && grow(c) < 0)
		return -1;
	to = &c->s->jobs[c->s->n_jobs];
	*to = (struct simulated_job){ .id = j->id, .app = app_name(c->from, j->app_id, c->e),
		.name = strdup(j->spec.name) };
	c->samples[c->s->n_jobs++] = NULL;
	if (to->app == NULL || to->name == NULL)
		return err_set(c->e, ERR_NOMEM, "out of memory");
	return put(c, j) < 0 ? -1 : read_samples(c, to, &c->samples[c->s->n_jobs - 1]);
}

static bool
take_job(const struct job *j, void *arg)
{
	struct copying *c = arg;

	if (j->status == JOB_ENABLED)
		c->rc = take(c, j);
	return c->rc == 0;
}

/* New ids are given in the order of the old ones: job i of the simulation is jobs[i]. */
static int
start(struct copying *c)
{
	struct simulated *s = c->s;

	if (db_commit(s->db, c->e) < 0 || (s->sim = sim_new(s->db, c->conf, c->e)) == NULL)
		return -1;
	for (int64_t i = 0; i < s->n_jobs; i++)
		if (sim_durations(s->sim, sim_job(s->sim, i)->id, c->samples[i], (int)s->jobs[i].samples, c->e) < 0)
			return -1;
	return 0;
}

int
simulated_init(struct simulated *s, const char *path, const char *app, struct sim_conf *conf, struct err *e)
{
	struct copying c = { .s = s, .conf = conf, .e = e };
	const struct job_spec no_zone = { .tz = NULL };
	int64_t only, until;
	int rc;

	memset(s, 0, sizeof *s);
	if (db_open(&c.from, path, DB_READ, db_migrations_server, e) < 0)
		return -1;
	/* One transaction: a server that runs may write meanwhile. */
	rc = db_begin(c.from, e) < 0 || db_open(&s->db, ":memory:", DB_OWN, db_migrations_server, e) < 0 ||
	    (s->tz = verify_zone(c.from, &no_zone, INT64_MAX - 1, &until, e)) == NULL ||
	    copy_apps(c.from, s->db, app, &only, e) < 0 ? -1 : 0;
	conf->tz = s->tz;
	if (rc == 0)
		rc = job_each(c.from, only, false, 0, INT32_MAX, take_job, &c, e) < 0 ? -1 : c.rc;
	db_rollback(c.from);
	db_close(c.from);
	if (rc == 0)
		rc = start(&c);
	for (int64_t i = 0; i < s->n_jobs; i++)
		free(c.samples[i]);
	free(c.samples);
	return rc;
}

void
simulated_fini(struct simulated *s)
{
	sim_free(s->sim);
	db_close(s->db);
	tz_free(s->tz);
	for (int64_t i = 0; i < s->n_jobs; i++) {
		free(s->jobs[i].app);
		free(s->jobs[i].name);
	}
	free(s->jobs);
	memset(s, 0, sizeof *s);
}

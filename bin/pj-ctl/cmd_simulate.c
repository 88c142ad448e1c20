/* pj-ctl simulate: what the jobs would do in a period. Needs no server. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "codec/json.h"
#include "nouns.h"
#include "out.h"
#include "simulated.h"
#include "when.h"

enum { S_FROM, S_TO, S_WORKERS, S_SLOTS, S_DURATION, S_SEED };

struct want {
	const char *from, *to;
	int64_t workers, slots, run_ms, seed;
};

static const struct opt options[] = {
	{ S_FROM, 0, "from", "TIME", "the beginning of the period" },
	{ S_TO, 0, "to", "TIME", "its end; what is due then is not in it" },
	{ S_WORKERS, 0, "workers", "N", "so many workers for each app (default 1)" },
	{ S_SLOTS, 0, "slots", "N", "runs at once of a worker (default 1024, as worker.slots)" },
	{ S_DURATION, 0, "duration", "DUR", "about so long takes a run of a job that never ran (default 1s)" },
	{ S_SEED, 0, "seed", "N", "draw durations otherwise (default 1)" },
	{ 0, 0, NULL, NULL, NULL },
};

static int
take(int id, const char *value, void *arg, struct err *e)
{
	struct want *w = arg;

	switch (id) {
	case S_FROM:
		w->from = value;
		return 0;
	case S_TO:
		w->to = value;
		return 0;
	case S_WORKERS:
		return opt_i64(value, 1, 250, &w->workers, e);
	case S_SLOTS:
		return opt_i64(value, 1, 1000000, &w->slots, e);
	case S_DURATION:
		return opt_duration_ms(value, &w->run_ms, e);
	case S_SEED:
		return opt_i64(value, 0, INT64_MAX, &w->seed, e);
	}
	return -1;
}

/* --- what is shown -------------------------------------------------------------------------------------------- */

static void
put_skipped(const struct json_t *row, struct buf *out)
{
	const struct json_t *list = js_get(row, "skipped");

	for (size_t i = 0; i < js_len(list); i++) {
		const struct json_t *x = js_at(list, i);
		int64_t n = 0;

		if (js_i64(x, "count", 0, &n, NULL) == 0)
			buf_addf(out, "%s%s:%lld", i == 0 ? "" : " ", js_text(js_get(x, "reason")), (long long)n);
	}
}

static const struct out_column columns[] = {
	{ "id", "id", OUT_TEXT, OUT_LIST, NULL },
	{ "app", NULL, OUT_TEXT, 0, NULL },
	{ "name", "job", OUT_TEXT, OUT_LIST, NULL },
	{ "fires", "fires", OUT_NUMBER, OUT_LIST, NULL },
	{ "runs", "runs", OUT_NUMBER, OUT_LIST, NULL },
	{ "peak", "peak", OUT_NUMBER, OUT_LIST, NULL },
	{ "overlaps", "overlaps", OUT_NUMBER, OUT_LIST, NULL },
	{ "noWorker", NULL, OUT_NUMBER, 0, NULL },
	{ "unfinished", NULL, OUT_NUMBER, 0, NULL },
	{ "lateMeanMs", NULL, OUT_DURATION, 0, NULL },
	{ "lateP95Ms", "late p95", OUT_DURATION, OUT_LIST, NULL },
	{ "lateMaxMs", "late max", OUT_DURATION, OUT_LIST, NULL },
	{ "recorded", NULL, OUT_NUMBER, 0, NULL },
	{ "runMedianMs", "run median", OUT_DURATION, OUT_LIST, NULL },
	{ "runP95Ms", "run p95", OUT_DURATION, OUT_LIST, NULL },
	{ "skipped", NULL, OUT_TEXT, 0, NULL },
	{ NULL, "skipped", OUT_TEXT, OUT_LIST, put_skipped },
	{ NULL, NULL, OUT_TEXT, 0, NULL },
};

static void
put_job(struct jw *w, const struct simulated_job *j, const struct sim_job *r)
{
	jw_obj(w);
	jw_id(w, "id", j->id);
	jw_str(w, "app", j->app);
	jw_str(w, "name", j->name);
	jw_i64(w, "fires", r->fires);
	jw_i64(w, "runs", r->runs);
	jw_i64(w, "peak", r->peak);
	jw_i64(w, "overlaps", r->overlaps);
	jw_i64(w, "noWorker", r->no_worker);
	jw_i64(w, "unfinished", r->unfinished);
	jw_i64(w, "lateMeanMs", r->late_mean_ms);
	jw_i64(w, "lateP95Ms", r->late_p95_ms);
	jw_i64(w, "lateMaxMs", r->late_max_ms);
	jw_i64(w, "recorded", j->samples);
	if (j->samples > 0) {
		jw_i64(w, "runMedianMs", j->median_ms);
		jw_i64(w, "runP95Ms", j->p95_ms);
	}
	jw_arr_in(w, "skipped");
	for (int i = 0; r->skipped[i].reason[0] != '\0'; i++) {
		jw_obj(w);
		jw_str(w, "reason", r->skipped[i].reason);
		jw_i64(w, "count", r->skipped[i].count);
		jw_end(w);
	}
	jw_end(w);
	jw_end(w);
}

static void
put_answer(const struct simulated *s, const struct sim_conf *conf, struct buf *text)
{
	struct sim_total t = sim_total(s->sim);
	struct jw w;

	jw_init(&w, text);
	jw_obj(&w);
	jw_i64(&w, "fromMs", conf->from_ms);
	jw_i64(&w, "toMs", conf->to_ms);
	jw_i64(&w, "workers", conf->workers);
	jw_i64(&w, "fires", t.fires);
	jw_i64(&w, "runs", t.runs);
	jw_i64(&w, "peak", t.peak);
	jw_arr_in(&w, "jobs");
	for (int64_t i = 0; i < s->n_jobs; i++)
		put_job(&w, &s->jobs[i], sim_job(s->sim, i));
	jw_end(&w);
	jw_end(&w);
}

static int
show(const struct ctl *c, const struct simulated *s, const struct sim_conf *conf)
{
	struct sim_total t = sim_total(s->sim);
	struct buf text = BUF_INIT;
	struct json_t *answer;
	struct err e = ERR_INIT;
	struct out o;
	int rc;

	put_answer(s, conf, &text);
	if (c->format == CTL_JSON) { /* with the totals, which a list has no place for */
		rc = printf("%s\n", buf_str(&text)) < 0 ? err_exit_code(ERR_IO) : 0;
		buf_fini(&text);
		return rc;
	}
	answer = js_parse(buf_str(&text), text.len, &e);
	buf_fini(&text);
	if (answer == NULL)
		return ctl_fail(&e);
	out_init(&o, c, "jobs", columns);
	rc = out_all(&o, answer);
	js_free(answer);
	if (rc == 0 && c->format == CTL_TABLE)
		printf("\n%lld fires, %lld runs, at most %lld at once\n", (long long)t.fires, (long long)t.runs,
		    (long long)t.peak);
	return rc;
}

/* --- the command ---------------------------------------------------------------------------------------------- */

static int
period(const struct want *w, struct sim_conf *conf, struct err *e)
{
	const struct tz *z;

	if (when_own(&z, e) != 0)
		return -1;
	if (when_parse(w->from, z, &conf->from_ms, e) != 0)
		return err_prefix(e, "--from");
	if (when_parse(w->to, z, &conf->to_ms, e) != 0)
		return err_prefix(e, "--to");
	if (conf->to_ms <= conf->from_ms)
		return err_set(e, ERR_USAGE, "--to: not after --from");
	return 0;
}

static int
simulate(struct ctl *c, const struct want *w)
{
	struct sim_conf conf = { .seed = (uint64_t)w->seed, .workers = (int)w->workers, .slots = w->slots,
		.run_ms = w->run_ms, .keep_ms = 3600000 };
	char path[CTL_PATH_MAX];
	struct err e = ERR_INIT;
	struct simulated s;
	int rc;

	log_init("pj-ctl", LOG_ERROR_);
	if (period(w, &conf, &e) < 0 || ctl_database(c, path, sizeof path, &e) != 0)
		return ctl_fail(&e);
	if (simulated_init(&s, path, c->app, &conf, &e) == 0 && sim_run(s.sim, &e) == 0)
		rc = show(c, &s, &conf);
	else
		rc = ctl_fail(&e);
	simulated_fini(&s);
	return rc;
}

static int
do_simulate(const struct verb *v, struct ctl *c, struct opt_args *args)
{
	struct want w = { .workers = 1, .slots = 1024, .run_ms = 1000, .seed = 1 };
	int rc = verb_parse(v, c, args, take, &w);

	if (rc != OPT_GO)
		return rc;
	if (w.from == NULL || w.to == NULL)
		return verb_usage_error(v, c, "%s is missing", w.from == NULL ? "--from" : "--to");
	return simulate(c, &w);
}

static const struct verb verbs[] = {
	{ "", "--from TIME --to TIME [--workers N] [options]", "what the enabled jobs would do in a period\n"
	    "Reads the server's database, writes nothing; the server may run, or not.", options,
	    "Runs take as long as the latest ones did. See pj-ctl(1).\n", 0, 0, false, do_simulate },
	{ NULL, NULL, NULL, NULL, NULL, 0, 0, false, NULL },
};

const struct noun cmd_simulate = { "simulate", "what the jobs would do in a period; needs no server", verbs };

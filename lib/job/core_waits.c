/* What a waiting instance waits for, with what only the running server knows: the workers. */
#include "codec/json.h"
#include "job/core_int.h"
#include "job/waits.h"

static void
put_workers(struct core *c, const struct instance *i, const struct job_spec *spec, struct now now, struct buf *text)
{
	int64_t left_ms = c->grace_until - core_mono(c, now);

	buf_adds(text, ": ");
	workers_explain(c->workers, i->app_id, spec, now, text);
	if (left_ms > 0)
		buf_addf(text, "; the server has just started, and gives them %lld s more to tell that they are there",
		    (long long)(left_ms + 999) / 1000);
}

static void
put(struct core *c, const struct instance *i, const struct job_spec *spec, const struct waits *x, struct now now, struct jw *w)
{
	struct buf text = BUF_INIT;

	waits_text(x, &text);
	if (x->kind == WAITS_WORKER)
		put_workers(c, i, spec, now, &text);
	jw_obj_in(w, "waits");
	jw_str(w, "for", waits_name(x->kind));
	if (x->until_ms != 0)
		jw_i64(w, "untilMs", x->until_ms);
	if (x->instance != 0) {
		jw_id(w, "instance", x->instance);
		jw_i64(w, "count", x->count);
	}
	jw_str(w, "text", buf_str(&text));
	jw_end(w);
	buf_fini(&text);
}

int
core_instance_waits(struct core *c, struct now now, const struct instance *i, struct jw *w, struct err *e)
{
	const struct job *j;
	struct err why = ERR_INIT;
	struct waits x;

	if (i->status != INSTANCE_WAITING)
		return 0;
	j = core_job_version(c, i->job_id, i->job_version, &why);
	if (j == NULL)
		return why.code == ERR_NOTFOUND ? 0 : err_set(e, why.code, "%s", why.msg);
	if (waits_for(c->db, i, &j->spec, now.at_ms, &x, e) < 0)
		return -1;
	put(c, i, &j->spec, &x, now, w);
	return 0;
}

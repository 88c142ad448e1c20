/* Alarms: what PowerJob would send to people becomes a line of the log and a row. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "job/core_int.h"
#include "store/alarm.h"

static int
raise_one(struct core *c, const struct instance *i, const char *kind, int64_t source_ms, const char *text, struct now now,
    struct err *e)
{
	struct alarm a = { .at_ms = now.at_ms, .app_id = i->app_id, .job_id = i->job_id, .instance_id = i->id,
		.attempt = i->attempt, .kind = kind, .source_ms = source_ms };
	char *cut = NULL;
	bool is_new = false;
	int r;

	if (move_set_text(&cut, text, e) < 0)
		return -1;
	a.text = cut;
	c->wrote = true;
	r = alarm_insert(c->db, &a, &is_new, e);
	free(cut);
	if (is_new)
		log_warn("alert", "kind=%s instance=%" PRId64 " job=%" PRId64 " attempt=%" PRId64 " text=%s", kind, i->id,
		    i->job_id, i->attempt, log_q(text));
	return r;
}

/* The result is PowerJob's text, which its clients know; a person wants to know what the workers lack. */
static int
put_no_worker(struct core *c, const struct instance *i, struct now now, struct buf *text, struct err *e)
{
	const struct version *v = job_version_get(c, i->job_id, i->job_version, e);

	if (v == NULL)
		return -1;
	buf_adds(text, TEXT_NO_WORKER ": ");
	workers_explain(c->workers, i->app_id, &v->job.spec, now, text);
	return 0;
}

int
alarm_failed(struct core *c, const struct instance *i, struct now now, struct err *e)
{
	bool no_worker = i->result != NULL && strcmp(i->result, TEXT_NO_WORKER) == 0 && i->worker != NULL &&
	    strcmp(i->worker, "N/A") == 0;
	struct buf text = BUF_INIT;
	int r = no_worker ? put_no_worker(c, i, now, &text, e) : 0;

	if (r == 0)
		r = raise_one(c, i, "failed", now.at_ms, no_worker && buf_ok(&text) ? buf_str(&text) : i->result, now, e);
	buf_fini(&text);
	return r;
}

int
alarm_reported(struct core *c, const struct instance *i, const struct report *r, struct now now, struct err *e)
{
	return raise_one(c, i, "reported", r->report_ms, r->alert, now, e);
}

int
alarm_held(struct core *c, const struct instance *i, const char *why, struct now now, struct err *e)
{
	char text[256];

	snprintf(text, sizeof text, "held by on-lost hold: %.100s; stop it, and retry it where that is right", why);
	return raise_one(c, i, "reported", 0, text, now, e);
}

/* Alarms: what PowerJob would send to people becomes a line of the log and a row. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

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

int
alarm_failed(struct core *c, const struct instance *i, struct now now, struct err *e)
{
	return raise_one(c, i, "failed", now.at_ms, i->result, now, e);
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

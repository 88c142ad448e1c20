/* Occurrences that did not run: ranges of them, and why. */
#include "job/core_int.h"

int
skip_range(struct core *c, const struct version *v, int64_t first_ms, int64_t after_ms, const char *reason,
    struct now now, int64_t *last_ms, struct err *e)
{
	struct skipped k = { .job_id = v->job.id, .job_version = v->job.version, .reason = reason, .at_ms = now.at_ms };
	int64_t end = job_end(&v->job.spec), first = SCHED_NEVER, last = SCHED_NEVER;
	int64_t upto = now.at_ms < end ? now.at_ms : end;

	*last_ms = after_ms;
	if (v->sched != NULL && upto > after_ms)
		k.count = sched_count(v->sched, after_ms, upto, INT64_MAX, &first, &last);
	if (first_ms != 0) { /* one that is known to be due comes before what is counted */
		k.count++;
		first = first_ms;
		last = last == SCHED_NEVER ? first_ms : last;
	}
	if (k.count == 0)
		return 0;
	k.first_ms = first;
	k.last_ms = *last_ms = last;
	return skipped_insert(c->db, &k, e);
}

int
skip_due(struct core *c, const struct job *j, const char *reason, struct now now, struct err *e)
{
	const struct version *v;
	int64_t last;

	if (j->next_trigger_ms == 0 || j->next_trigger_ms > now.at_ms)
		return 0;
	v = job_version_get(c, j->id, j->version, e);
	if (v != NULL && frequent_is(&v->job.spec))
		return 0; /* no occurrences: the time of a launch */
	return v == NULL ? -1 : skip_range(c, v, j->next_trigger_ms, j->next_trigger_ms, reason, now, &last, e);
}


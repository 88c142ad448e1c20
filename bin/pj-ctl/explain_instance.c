/* Instances, in words: of pj-ctl why. */
#include <stdio.h>
#include <string.h>

#include "call.h"
#include "explain.h"
#include "job/state.h"
#include "job/waits.h"
#include "store/alarm.h"
#include "store/instance.h"
#include "time/dur.h"
#include "when.h"

#define ALARMS_MAX 20 /* the newest */
#define LIVE_MAX 20
#define LATE_MS 10000 /* what comes into the rows so late was not made in time */
#define ASK_MS 3000   /* a server that says nothing is not waited for */

void
explain_say(struct explain *x, const char *before, int64_t at_ms, const char *behind)
{
	buf_adds(&x->text, before);
	when_put_full(&x->text, at_ms, x->tz);
	buf_adds(&x->text, behind);
}

int
explain_number(struct explain *x, const char *sql, int64_t arg, int64_t *out, struct err *e)
{
	struct stmt *s = db_stmt(x->db, sql, e);

	stmt_i64(s, 1, x->job.id);
	stmt_i64(s, 2, arg);
	return stmt_one_i64(s, out, e);
}

/* --- what waits -------------------------------------------------------------------------------------------------- */

/* Only the server knows the workers. */
static void
ask_server(struct explain *x, int64_t id)
{
	struct buf query = BUF_INIT;
	struct json_t *doc = NULL;
	struct err e = ERR_INIT;
	const char *text = NULL;

	call_param_i64(&query, "id", id);
	if (x->mute)
		err_set(&e, ERR_TIMEOUT, "as above");
	else if (call_get_within(x->c, "instance/show", &query, 0, ASK_MS, &doc, &e) == 0)
		text = js_text(js_get(js_get(doc, "waits"), "text"));
	x->mute = doc == NULL && e.code != ERR_UNAVAILABLE;
	if (text != NULL)
		buf_adds(&x->text, text);
	else if (doc != NULL)
		buf_adds(&x->text, "nothing any more, the server says");
	else if (e.code == ERR_UNAVAILABLE)
		buf_adds(&x->text, "a worker, and no server runs that could give it to one");
	else
		buf_addf(&x->text, "a worker; which are there the server did not say: %.200s", e.msg);
	js_free(doc);
	buf_fini(&query);
}

static int
put_waits(struct explain *x, const struct instance *i, struct err *e)
{
	struct job version;
	struct waits waits;
	int64_t deadline;
	int r;

	if (job_get_version(x->db, i->job_id, i->job_version, &version, e) != 0)
		return -1;
	r = waits_for(x->db, i, &version.spec, x->now_ms, &waits, e);
	job_fini(&version);
	if (r != 0 || waits.kind == WAITS_NOT)
		return r;
	snprintf(x->reason, sizeof x->reason, "%s", waits_name(waits.kind));
	buf_adds(&x->text, "  it waits for ");
	if (waits.kind == WAITS_WORKER)
		ask_server(x, i->id);
	else
		waits_text(&waits, &x->text);
	if (waits.until_ms != 0)
		explain_say(x, ", ", waits.until_ms, "");
	buf_addc(&x->text, '\n');
	if (i->running_times > 0 || explain_number(x, "SELECT deadline_ms FROM instance WHERE job_id = ? AND id = ?",
	    i->id, &deadline, e) != 0)
		return i->running_times > 0 ? 0 : -1;
	if (deadline != 0)
		explain_say(x, "  it is canceled if it has not started by ", deadline, ", its deadline\n");
	return 0;
}

/* --- what ran ---------------------------------------------------------------------------------------------------- */

static bool
put_attempt(const struct attempt *a, void *arg)
{
	struct explain *x = arg;

	buf_addf(&x->text, "  attempt %lld on %s: %s", (long long)a->attempt, a->worker, state_attempt_name(a->state));
	explain_say(x, ", sent at ", a->opened_ms, "");
	if (a->finished_ms != NO_MS)
		explain_say(x, ", ended at ", a->finished_ms, "");
	buf_addf(&x->text, "%s%.200s\n", a->result != NULL && a->result[0] != '\0' ? ": " : "", a->result != NULL ? a->result : "");
	return true;
}

static bool
put_alarm(const struct alarm *a, void *arg)
{
	struct explain *x = arg;

	explain_say(x, "  alarm at ", a->at_ms, "");
	buf_addf(&x->text, " (%s): %.500s\n", a->kind, a->text != NULL ? a->text : "");
	return true;
}

static void
put_state(struct explain *x, const struct instance *i)
{
	const char *result = i->result != NULL && i->result[0] != '\0' ? i->result : NULL;

	buf_addf(&x->text, "instance %lld, version %lld of the job: %s%s%.200s\n", (long long)i->id, (long long)i->job_version,
	    state_name(i->status), result != NULL ? ": " : "", result != NULL ? result : "");
}

static void
put_history(struct explain *x, const struct instance *i)
{
	char dur[DUR_SIZE];
	int64_t late = i->nominal_ms == NO_MS ? 0 : i->created_ms - i->nominal_ms;

	if (late > LATE_MS) {
		explain_say(x, "  the server came to it at ", i->created_ms, "");
		buf_addf(&x->text, ", %s late\n", dur_print(dur, late - late % 1000));
	}
	if (i->stop_ms != NO_MS && !state_is_finished(i->status))
		explain_say(x, "  its stop was asked for at ", i->stop_ms, ", and its worker has not confirmed it\n");
}

int
explain_instance(struct explain *x, int64_t id, struct err *e)
{
	struct instance i;
	int r;

	if (instance_get(x->db, id, &i, e) != 0)
		return -1;
	x->verdict = "instance";
	x->instance = id;
	put_state(x, &i);
	put_history(x, &i);
	r = put_waits(x, &i, e);
	instance_fini(&i);
	if (r != 0 || attempt_each(x->db, id, put_attempt, x, e) != 0)
		return -1;
	return alarm_each(x->db, id, ALARMS_MAX, put_alarm, x, e);
}

/* --- what is not at its end -------------------------------------------------------------------------------------- */

/* Nothing is under way, and nothing comes: what there was last. */
static int
put_newest(struct explain *x, struct err *e)
{
	int64_t id;

	if (explain_number(x, "SELECT max(id) FROM instance WHERE job_id = ? AND id > ?", 0, &id, e) != 0)
		return -1;
	if (id == 0)
		return 0;
	buf_adds(&x->text, "the newest is ");
	return explain_instance(x, id, e);
}

int
explain_live(struct explain *x, struct err *e)
{
	struct stmt *s = db_prepare(x->db, "SELECT id FROM instance INDEXED BY instance_live WHERE job_id = ?1 AND id <> ?2 AND"
	    " status IN (2, 3) UNION ALL SELECT id FROM instance INDEXED BY instance_due WHERE app_id = ?4 AND job_id = ?1 AND"
	    " id <> ?2 AND status = 1 ORDER BY id LIMIT ?3", e);
	int64_t instance = x->instance;
	const char *verdict = x->verdict;
	char reason[sizeof x->reason];
	int n = 0, r;

	memcpy(reason, x->reason, sizeof reason);
	stmt_i64(s, 1, x->job.id);
	stmt_i64(s, 2, instance);
	stmt_i64(s, 3, LIVE_MAX + 1);
	stmt_i64(s, 4, x->job.app_id);
	while ((r = stmt_step(s, e)) == 1 && ++n <= LIVE_MAX)
		if ((buf_adds(&x->text, "not at its end: "), explain_instance(x, stmt_col_i64(s, 0), e)) != 0)
			break;
	if (n > LIVE_MAX)
		buf_adds(&x->text, "and more: see pj-ctl instance ls --status waiting,sent,running\n");
	stmt_free(s);
	if (r == 0 && n == 0 && x->at_ms == 0)
		r = put_newest(x, e);
	x->instance = instance;
	x->verdict = verdict;
	memcpy(x->reason, reason, sizeof reason);
	return r < 0 || (r == 1 && n <= LIVE_MAX) ? -1 : 0;
}

#include "job/core.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "job/core_int.h"
#include "job/state.h"
#include "store/alarm.h"
#include "store/meta.h"

#define SKEW_MS 5000 /* a worker's clock that is further off is told of */

int
core_nomem(struct err *e)
{
	return err_set(e, ERR_NOMEM, "out of memory");
}

int64_t
core_mono(const struct core *c, struct now now)
{
	return now.mono_ms - c->shift_ms;
}

uint64_t
core_random(struct core *c)
{
	uint64_t x = c->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return c->random = x;
}

/* --- events ------------------------------------------------------------------------------------------------------ */

static int
load_all(struct core *c, struct now now, struct err *e)
{
	c->n_actions = c->taken = 0;
	c->rewind = true;
	if (zones_load(c, e) < 0)
		return -1;
	c->next_trigger_ms = c->next_late_ms = INT64_MIN;
	job_versions_forget(c);
	if (live_load(c, now, e) < 0 || queue_load(c, e) < 0)
		return -1;
	c->failed = c->reload = false;
	c->n_touched = 0;
	return 0;
}

/* The last event's rows were rolled back: what it did in memory is made anew from the rows. */
static int
heal(struct core *c, struct now now, struct err *e)
{
	if (c->reload)
		return load_all(c, now, e);
	c->rewind = true;
	for (int i = 0; i < c->n_touched; i++)
		if (live_heal(c, c->touched[i], now, e) < 0)
			return -1;
	if (zones_load(c, e) < 0)
		return -1;
	job_versions_forget(c);
	c->next_trigger_ms = c->next_late_ms = INT64_MIN;
	c->n_touched = 0;
	c->failed = false;
	return 0;
}

int
core_event_begin(struct core *c, struct now now, struct err *e)
{
	if (c->failed && heal(c, now, e) < 0)
		return -1;
	clock_done(c);
	c->mark = c->n_actions;
	c->mark_serial = c->serial;
	c->n_touched = 0;
	c->wrote = false;
	return 0;
}

int
core_event_end(struct core *c, int rc)
{
	if (rc >= 0 || !c->wrote)
		return rc;
	c->n_actions = c->mark < c->n_actions ? c->mark : c->n_actions;
	c->failed = true;
	clock_undone(c);
	for (int i = 0; i < c->n_queues; i++)
		c->queues[i] = (struct queue){ .app_id = c->queues[i].app_id, .due_ms = INT64_MIN, .next_due_ms = INT64_MIN };
	return rc;
}

int
core_touch(struct core *c, int64_t instance_id, struct err *e)
{
	c->wrote = true;
	if (c->n_touched > 0 && c->touched[c->n_touched - 1] == instance_id)
		return 0;
	if (c->n_touched == c->cap_touched) {
		int cap = c->cap_touched == 0 ? 64 : c->cap_touched * 2;
		int64_t *more = reallocarray(c->touched, (size_t)cap, sizeof *more);

		if (more == NULL) {
			c->reload = true;
			return core_nomem(e);
		}
		c->touched = more;
		c->cap_touched = cap;
	}
	c->touched[c->n_touched++] = instance_id;
	return 0;
}

int
core_push(struct core *c, const struct action *a, struct err *e)
{
	c->wrote = true;
	if (c->n_actions == c->cap_actions) {
		int cap = c->cap_actions == 0 ? 64 : c->cap_actions * 2;
		struct action *more = reallocarray(c->actions, (size_t)cap, sizeof *more);

		if (more == NULL)
			return core_nomem(e);
		c->actions = more;
		c->cap_actions = cap;
	}
	c->actions[c->n_actions++] = *a;
	c->serial++;
	return 0;
}

int
core_take_actions(struct core *c, struct action *out, int max)
{
	int n = c->n_actions - c->taken;

	n = n < max ? n : max;
	if (n > 0)
		memcpy(out, c->actions + c->taken, (size_t)n * sizeof *out);
	c->taken += n;
	if (c->taken == c->n_actions)
		c->taken = c->n_actions = 0;
	return n;
}

/* --- life -------------------------------------------------------------------------------------------------------- */

struct core *
core_new(struct db *db, const struct core_conf *conf, struct now now, struct err *e)
{
	struct core *c = calloc(1, sizeof *c);
	int64_t last;

	if (c == NULL || (c->workers = workers_new(conf->worker_timeout_ms)) == NULL) {
		core_free(c);
		core_nomem(e);
		return NULL;
	}
	c->db = db;
	c->conf = *conf;
	if (c->conf.batch <= 0)
		c->conf.batch = 200;
	if (c->conf.zone_look_ms <= 0)
		c->conf.zone_look_ms = 60000;
	c->grace_until = now.mono_ms + conf->start_grace_ms;
	if (instance_max_id(db, &last, e) < 0 || zones_open(c, e) < 0 || load_all(c, now, e) < 0 || zones_resume(c, e) < 0 ||
	    keep_load(c, now, e) < 0) {
		core_free(c);
		return NULL;
	}
	idgen_init(&c->ids, conf->server_id, last);
	c->random = (uint64_t)now.at_ms * 0x9e3779b97f4a7c15ULL ^ (uint64_t)last ^ 0x2545f4914f6cdd1dULL;
	c->random |= 1;
	return c;
}

void
core_free(struct core *c)
{
	if (c == NULL)
		return;
	live_free_all(c);
	job_versions_forget(c);
	zones_free(c);
	workers_free(c->workers);
	free(c->queues);
	free(c->actions);
	free(c->touched);
	free(c);
}

const struct tz *
core_zone(const struct core *c)
{
	return c->conf.tz;
}

void
core_set_timeouts(struct core *c, const struct core_conf *conf)
{
	c->conf.report_timeout_ms = conf->report_timeout_ms;
	c->conf.resend_ms = conf->resend_ms;
	workers_set_timeout(c->workers, conf->worker_timeout_ms);
}

void
core_look_at_zones(struct core *c)
{
	c->zones_at = INT64_MIN;
}

int
core_reload(struct core *c, struct now now, struct err *e)
{
	c->failed = c->reload = true; /* until it worked, also by a later event */
	clock_undone(c);
	return load_all(c, now, e);
}

struct workers *
core_workers(struct core *c)
{
	return c->workers;
}

void
core_stalled(struct core *c, int64_t stall_ms)
{
	c->shift_ms += stall_ms;
	workers_shift(c->workers, stall_ms);
}

/* Nothing depends on it, but whoever reads its log should know. */
static bool
is_skewed(int64_t skew_ms)
{
	return skew_ms > SKEW_MS || skew_ms < -SKEW_MS;
}

int
core_heartbeat(struct core *c, struct now now, const struct heartbeat *hb, struct err *e)
{
	struct worker *x;
	int64_t was;

	if (hb->address != NULL && strlen(hb->address) >= sizeof ((struct action *)NULL)->worker)
		return err_set(e, ERR_DATA, "workerAddress: longer than %zu bytes", sizeof ((struct action *)NULL)->worker - 1);
	x = workers_find(c->workers, hb->app_id, hb->address == NULL ? "" : hb->address);
	was = x == NULL ? 0 : x->clock_skew_ms;
	if (workers_beat(c->workers, hb, now, e) < 0)
		return -1;
	x = workers_find(c->workers, hb->app_id, hb->address);
	if (is_skewed(x->clock_skew_ms) && !is_skewed(was))
		log_warn("worker_clock", "worker=%s app=%" PRId64 " skew_ms=%" PRId64, log_q(x->address), x->app_id,
		    x->clock_skew_ms);
	live_counts(c, x->address, &x->assigned, &x->unanswered);
	if (workers_has_room(x, now))
		queue_bell(c, hb->app_id);
	return 0;
}

/* --- time -------------------------------------------------------------------------------------------------------- */

static int
silent(struct core *c, struct live *l, struct now now, struct err *e)
{
	struct instance i;
	struct attempt a;
	int r;

	log_warn("attempt_silent", "instance=%" PRId64 " attempt=%" PRId64 " worker=%s", l->instance_id, l->attempt,
	    log_q(l->place->address));
	if (core_touch(c, l->instance_id, e) < 0 || move_get(c, l->instance_id, &i, &a, e) < 0)
		return -1;
	r = move_lost(c, &i, &a, TEXT_SILENT, true, now, e);
	instance_fini(&i);
	attempt_fini(&a);
	return r;
}

/* Messages that were not answered, then attempts that were not heard of. */
static int
deadlines(struct core *c, struct now now, struct core_wake *wake, struct err *e)
{
	int64_t mono = core_mono(c, now), next = INT64_MAX;
	int n = 0;

	for (; c->resend != NULL && c->resend->resend_at <= mono && n < c->conf.batch; n++) {
		struct live *l = c->resend;

		live_resend(c, l, INT64_MAX);
		if (core_touch(c, l->instance_id, e) < 0 || live_send(c, l, now, e) < 0)
			return -1;
	}
	for (n = 0; c->silence != NULL && c->silence->silent_at <= mono && n < c->conf.batch; n++)
		if (silent(c, c->silence, now, e) < 0)
			return -1;
	if (c->resend != NULL)
		next = c->resend->resend_at;
	if (c->silence != NULL && c->silence->silent_at < next)
		next = c->silence->silent_at;
	if (next != INT64_MAX && next + c->shift_ms < wake->mono_ms)
		wake->mono_ms = next + c->shift_ms;
	return 0;
}

/* More is due than a batch: it is recorded before what was recorded is dispatched, so that a burst is in the ledger soon.
 * Not for long: where it never ends, each tick does both. */
static bool
more_to_fire(struct core *c)
{
	if (c->next_trigger_ms != INT64_MIN)
		c->fired_only = 0;
	else if (c->fired_only < FIRE_FIRST_TICKS)
		c->fired_only++;
	return c->fired_only > 0 && c->fired_only < FIRE_FIRST_TICKS;
}

static int
tick(struct core *c, struct now now, struct core_wake *wake, struct err *e)
{
	wake->mono_ms = workers_expire(c->workers, now);
	if (clock_tick(c, now, wake, e) < 0 || deadlines(c, now, wake, e) < 0 || fire_due(c, now, wake, e) < 0 ||
	    zones_tick(c, now, wake, e) < 0 || late_tick(c, now, wake, e) < 0)
		return -1;
	if (!more_to_fire(c) && queue_tick(c, now, wake, e) < 0)
		return -1;
	if (c->next_trigger_ms < wake->at_ms) /* what ended may be launched anew */
		wake->at_ms = c->next_trigger_ms;
	return 0;
}

int
core_tick(struct core *c, struct now now, struct core_wake *wake, struct err *e)
{
	wake->at_ms = wake->mono_ms = INT64_MAX;
	if (core_event_begin(c, now, e) < 0)
		return -1;
	return core_event_end(c, tick(c, now, wake, e));
}

/* --- retention --------------------------------------------------------------------------------------------------- */

/* Ids must not come back when the row with the highest one is gone. */
static int
keep_last_id(struct core *c, struct err *e)
{
	char text[24];
	int64_t last;

	if (instance_max_id(c->db, &last, e) < 0)
		return -1;
	snprintf(text, sizeof text, "%" PRId64, last);
	return meta_set(c->db, "last_id", text, e);
}

static int
remove_instance(struct core *c, int64_t id, struct err *e)
{
	struct live *l = live_find(c, id); /* a stop that a Java worker never answered */
	struct stmt *s;

	if (l != NULL && live_remove(c, l, e) < 0)
		return -1;
	s = db_stmt(c->db, "DELETE FROM attempt WHERE instance_id = ?", e);
	stmt_i64(s, 1, id);
	if (stmt_run(s, e) < 0)
		return -1;
	s = db_stmt(c->db, "DELETE FROM instance WHERE id = ?", e);
	stmt_i64(s, 1, id);
	return stmt_run(s, e);
}

static int
retain_instances(struct core *c, int64_t before_ms, int batch, int *n, struct err *e)
{
	int64_t *ids = calloc((size_t)batch, sizeof *ids);
	struct stmt *s;
	int r;

	*n = 0;
	if (ids == NULL)
		return core_nomem(e);
	s = db_stmt(c->db, "SELECT id FROM instance WHERE finished_ms < ? AND status NOT IN (1, 2, 3)"
	    " ORDER BY finished_ms LIMIT ?", e);
	stmt_i64(s, 1, before_ms);
	stmt_i64(s, 2, batch);
	while ((r = stmt_step(s, e)) == 1 && *n < batch)
		ids[(*n)++] = stmt_col_i64(s, 0);
	stmt_reset(s);
	if (r == 0 && *n > 0)
		r = keep_last_id(c, e);
	for (int i = 0; r == 0 && i < *n; i++)
		r = remove_instance(c, ids[i], e);
	free(ids);
	return r < 0 ? -1 : 0;
}

/* Before this time rows are gone: who checks the ledger looks behind it only. */
static int
keep_kept_from(struct core *c, int64_t before_ms, struct err *e)
{
	struct buf old = BUF_INIT;
	struct err why = ERR_INIT;
	char text[24];
	int r = meta_get(c->db, "kept_from_ms", &old, &why);
	int64_t from = r == 0 ? strtoll(buf_str(&old), NULL, 10) : 0;

	buf_fini(&old);
	if (r < 0 && why.code != ERR_NOTFOUND)
		return err_set(e, why.code, "%s", why.msg);
	if (from >= before_ms)
		return 0;
	snprintf(text, sizeof text, "%" PRId64, before_ms);
	return meta_set(c->db, "kept_from_ms", text, e);
}

static int
retain(struct core *c, struct now now, const struct core_keep *keep, int batch, bool *more, struct err *e)
{
	struct stmt *s;
	int n = 0;

	*more = false;
	if (keep_now(c, now, &now.at_ms, e) < 0)
		return -1;
	if (keep->instances_ms > 0) {
		if (retain_instances(c, now.at_ms - keep->instances_ms, batch, &n, e) < 0)
			return -1;
		*more = n == batch;
		if (n > 0 && keep_kept_from(c, now.at_ms - keep->instances_ms, e) < 0)
			return -1;
		/* Their alarms are not younger than they. */
		if (alarm_remove_old(c->db, now.at_ms - keep->instances_ms, batch, &n, e) < 0)
			return -1;
		*more = *more || n == batch;
	}
	if (keep->skipped_ms > 0) {
		s = db_stmt(c->db, "DELETE FROM skipped WHERE id IN (SELECT id FROM skipped WHERE at_ms < ?"
		    " ORDER BY at_ms LIMIT ?)", e);
		stmt_i64(s, 1, now.at_ms - keep->skipped_ms);
		stmt_i64(s, 2, batch);
		if (stmt_run(s, e) < 0)
			return -1;
		n = (int)db_changes(c->db);
		*more = *more || n == batch;
		if (n > 0 && keep_kept_from(c, now.at_ms - keep->skipped_ms, e) < 0)
			return -1;
	}
	return db_shrink(c->db, batch, e);
}

int64_t
core_kept_ms(const struct core *c, struct now now)
{
	int64_t at = c->kept_ms + (now.mono_ms - c->kept_mono);

	return at < now.at_ms ? at : now.at_ms;
}

int
core_retain(struct core *c, struct now now, const struct core_keep *keep, int batch, bool *more, struct err *e)
{
	if (batch <= 0)
		batch = c->conf.batch;
	if (core_event_begin(c, now, e) < 0)
		return -1;
	return core_event_end(c, retain(c, now, keep, batch, more, e));
}

/* --- figures ----------------------------------------------------------------------------------------------------- */

int
core_stats(struct core *c, struct now now, struct core_stats *out, struct err *e)
{
	struct stmt *s = db_stmt(c->db, "SELECT (SELECT count(*) FROM job WHERE status = 1),"
	    " (SELECT count(*) FROM instance WHERE status = 1),"
	    " (SELECT count(*) FROM instance WHERE status IN (2, 3) AND status = 2),"
	    " (SELECT count(*) FROM instance WHERE status IN (2, 3) AND status = 3)", e);

	memset(out, 0, sizeof *out);
	if (stmt_step(s, e) != 1)
		return -1;
	out->jobs_enabled = stmt_col_i64(s, 0);
	out->waiting = stmt_col_i64(s, 1);
	out->sent = stmt_col_i64(s, 2);
	out->running = stmt_col_i64(s, 3);
	stmt_reset(s);
	out->workers_alive = workers_count_alive(c->workers, now);
	out->live_in_memory = HASH_COUNT(c->live);
	return 0;
}

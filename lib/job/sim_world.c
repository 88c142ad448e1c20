/* The simulated workers, and the messages between them and the server.
 *
 * A pj worker knows the attempts that it accepted and those that it will never start (tombstones), keeps a result until
 * the server has acknowledged it, and outlives its own daemon. A Java worker runs one of an instance at a time and
 * forgets all when it dies. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/sim_int.h"

#define ANSWER_TIMEOUT_MS 10000
#define RESEND_MS 5000

static bool
may_fall_silent(const struct sim *s)
{
	return s->core_conf.report_timeout_ms < SIM_DAY_MS;
}

/* Of a message one way. */
static int64_t
latency(struct sim *s)
{
	if (!may_fall_silent(s))
		return 1;
	return 1 + (int64_t)sim_draw(s, sim_chance(s, s->faults.late) ? 30000 : 20);
}

/* --- runs ----------------------------------------------------------------------------------------------------- */

static struct sim_run *
find(struct sim *s, const struct sim_key *key)
{
	struct sim_run *r;

	HASH_FIND(hh, s->runs, key, sizeof *key, r);
	return r;
}

static struct sim_run *
add(struct sim *s, const struct sim_key *key, struct err *e)
{
	struct sim_run *r = calloc(1, sizeof *r);

	if (r == NULL) {
		err_set(e, ERR_NOMEM, "out of memory");
		return NULL;
	}
	r->key = *key;
	HASH_ADD(hh, s->runs, key, sizeof r->key, r);
	if (find(s, key) == r)
		return r;
	free(r);
	err_set(e, ERR_NOMEM, "out of memory");
	return NULL;
}

static void
drop(struct sim *s, struct sim_run *r)
{
	HASH_DEL(s->runs, r);
	free(r);
}

static int64_t
duration(struct sim *s, const struct sim_track *t)
{
	if (t != NULL && t->n_ms > 0)
		return t->ms[sim_draw(s, (uint64_t)t->n_ms)];
	if (may_fall_silent(s) && sim_draw(s, 40) == 0)
		return (int64_t)sim_draw(s, (uint64_t)SIM_HOUR_MS);
	return s->conf.run_ms / 2 + (int64_t)sim_draw(s, (uint64_t)s->conf.run_ms + 1);
}

static int
job_of(struct sim *s, int64_t instance_id, struct sim_track **out, struct err *e)
{
	struct stmt *st = db_stmt(s->db, "SELECT job_id FROM instance WHERE id = ?", e);
	int64_t job_id;

	stmt_i64(st, 1, instance_id);
	if (stmt_one_i64(st, &job_id, e) < 0)
		return -1;
	*out = sim_track(s, job_id);
	return 0;
}

static void
peak(int64_t *going, int64_t *most)
{
	if (++*going > *most)
		*most = *going;
}

/* Rule 6: an attempt has one worker. */
static int
check_alone(struct sim *s, const struct sim_run *r, struct err *e)
{
	for (int w = 0; w < s->n_workers; w++) {
		struct sim_key key = { r->key.instance_id, r->key.attempt, w };
		const struct sim_run *other = find(s, &key);

		if (w != r->key.worker && other != NULL && other->begun && s->workers[w].pj)
			return sim_wrong(s, e, "attempt %" PRId64 " of instance %" PRId64 " runs on two workers", r->key.attempt,
			    r->key.instance_id);
	}
	return 0;
}

static int
send(struct sim *s, struct sim_run *r, struct err *e)
{
	r->mark++; /* the chain before this one ends */
	return sim_push(s, &(struct sim_event){ .kind = EVENT_SEND, .key = r->key, .mark = r->mark }, 0, e);
}

static int
begin(struct sim *s, struct sim_run *r, struct err *e)
{
	struct sim_worker *w = &s->workers[r->key.worker];
	struct sim_event end = { .kind = EVENT_END, .key = r->key };
	int64_t ms;

	if (w->pj && check_alone(s, r, e) < 0)
		return -1;
	if (job_of(s, r->key.instance_id, &r->track, e) < 0)
		return -1;
	r->start_ms = end.start_ms = s->now.at_ms > r->start_ms ? s->now.at_ms : r->start_ms + 1;
	r->begun_at = s->now.mono_ms;
	r->going = r->begun = true;
	r->stopped = r->lost = r->acked = false;
	r->status = sim_chance(s, s->faults.failed) ? INSTANCE_FAILED : INSTANCE_SUCCEED;
	w->used++;
	s->total.runs++;
	peak(&s->going, &s->total.peak);
	if (r->track != NULL) {
		r->track->out.runs++;
		peak(&r->track->going, &r->track->out.peak);
	}
	ms = duration(s, r->track);
	if (sim_push(s, &end, ms, e) < 0)
		return -1;
	return !w->pj || (may_fall_silent(s) && ms > s->conf.speak_ms) ? send(s, r, e) : 0;
}

static void
end(struct sim *s, struct sim_run *r)
{
	r->going = false;
	r->ended_at = s->now.mono_ms;
	s->workers[r->key.worker].used--;
	s->going--;
	if (r->track != NULL)
		r->track->going--;
}

/* --- what reaches a worker ------------------------------------------------------------------------------------ */

static int
refuse(struct sim *s, const struct sim_key *key, struct err *e)
{
	struct sim_run *r = add(s, key, e);

	if (r == NULL)
		return -1;
	r->refused = r->acked = true;
	return 0;
}

static int
run_pj(struct sim *s, const struct sim_event *ev, struct sim_run *r, enum message_outcome *o, struct err *e)
{
	const struct sim_worker *w = &s->workers[ev->key.worker];

	*o = MESSAGE_ACCEPTED;
	if (r != NULL) {
		if (r->refused)
			*o = MESSAGE_NOT_STARTED;
		return 0;
	}
	if ((s->conf.slots > 0 && w->used >= s->conf.slots) || sim_chance(s, s->faults.refused)) {
		*o = MESSAGE_NOT_STARTED;
		return refuse(s, &ev->key, e);
	}
	r = add(s, &ev->key, e);
	return r == NULL ? -1 : begin(s, r, e);
}

static int
stop_pj(struct sim *s, const struct sim_event *ev, struct sim_run *r, enum message_outcome *o, struct err *e)
{
	struct sim_event over = { .kind = EVENT_END, .key = ev->key };

	*o = MESSAGE_GONE;
	if (r == NULL)
		return refuse(s, &ev->key, e);
	if (r->refused)
		return 0;
	*o = MESSAGE_ACCEPTED;
	if (!r->going || r->stopped)
		return 0;
	r->stopped = true;
	over.start_ms = r->start_ms;
	return sim_push(s, &over, (int64_t)sim_draw(s, 2000), e);
}

static int
arrive_java(struct sim *s, const struct sim_event *ev, struct sim_run *r, enum message_outcome *o, struct err *e)
{
	*o = MESSAGE_ACCEPTED;
	if (ev->action == ACTION_STOP) {
		if (r != NULL && r->going)
			end(s, r);
		if (r != NULL)
			r->acked = true;
		return 0;
	}
	if (r != NULL && r->going)
		return 0;
	if (r == NULL && (r = add(s, &ev->key, e)) == NULL)
		return -1;
	return begin(s, r, e);
}

static int
arrive(struct sim *s, const struct sim_event *ev, struct err *e)
{
	const struct sim_worker *w = &s->workers[ev->key.worker];
	struct sim_run *r = find(s, &ev->key);
	struct sim_event answer = *ev;
	int64_t after = latency(s);
	int rc = 0;

	if (w->up != UP)
		answer.outcome = w->up == HOST_DOWN || ev->lost ? MESSAGE_UNKNOWN : MESSAGE_NOT_SENT;
	else if (!w->pj)
		rc = arrive_java(s, ev, r, &answer.outcome, e);
	else if (ev->action == ACTION_RUN)
		rc = run_pj(s, ev, r, &answer.outcome, e);
	else
		rc = stop_pj(s, ev, r, &answer.outcome, e);
	if (rc < 0 || ev->mark < 0)
		return rc;
	if (sim_chance(s, s->faults.lost))
		answer.outcome = MESSAGE_UNKNOWN;
	if (answer.outcome == MESSAGE_UNKNOWN)
		after = ANSWER_TIMEOUT_MS;
	answer.kind = EVENT_ANSWER;
	return sim_push(s, &answer, after, e);
}

/* --- what the server sends ------------------------------------------------------------------------------------ */

static int64_t
worker_at(const struct sim *s, const char *address)
{
	for (int i = 0; i < s->n_workers; i++)
		if (strcmp(s->workers[i].address, address) == 0)
			return i;
	return -1;
}

/* mark: the server's generation for its answer; -1: nobody waits for it. `lost`: another copy may have arrived, a
 * refusal proves nothing. */
static int
post(struct sim *s, const struct action *a, int64_t worker, struct err *e)
{
	struct sim_event ev = { .kind = EVENT_ARRIVE, .key = { a->instance_id, a->to_pj ? a->attempt : 0, worker },
		.action = a->kind, .mark = s->generation, .start_ms = a->attempt };
	struct sim_event silence = ev;
	int64_t after = latency(s);
	bool lost = sim_chance(s, s->faults.lost);

	if (!lost && after <= ANSWER_TIMEOUT_MS) {
		ev.lost = sim_chance(s, s->faults.doubled);
		if (sim_push(s, &ev, after, e) < 0)
			return -1;
		ev.mark = -1;
		return ev.lost ? sim_push(s, &ev, latency(s), e) : 0;
	}
	silence.kind = EVENT_ANSWER;
	silence.outcome = MESSAGE_UNKNOWN;
	ev.mark = -1;
	if (sim_push(s, &silence, ANSWER_TIMEOUT_MS, e) < 0)
		return -1;
	return lost ? 0 : sim_push(s, &ev, after, e);
}

int
sim_world_actions(struct sim *s, struct err *e)
{
	struct action a;
	int64_t worker;

	while (core_take_actions(s->core, &a, 1) == 1) {
		sim_note(s, a.kind, a.instance_id, a.attempt);
		switch (a.kind) {
		case ACTION_CHANGED:
			s->recent[s->n_recent++ % SIM_RECENT] = a.instance_id;
			break;
		case ACTION_RUN:
		case ACTION_STOP:
			worker = worker_at(s, a.worker);
			if (worker < 0)
				return sim_wrong(s, e, "a message to %s, which is no worker", a.worker);
			if (post(s, &a, worker, e) < 0)
				return -1;
			break;
		}
	}
	return 0;
}

/* --- what workers send ---------------------------------------------------------------------------------------- */

static int
say(struct sim *s, const struct sim_event *ev, struct err *e)
{
	struct sim_run *r = find(s, &ev->key);
	struct sim_event out = { .kind = EVENT_REPORT, .key = ev->key };

	if (r == NULL || r->mark != ev->mark || (!r->going && r->acked))
		return 0;
	if (s->workers[r->key.worker].up != UP) /* when it is back */
		return 0;
	out.status = r->going ? INSTANCE_RUNNING : r->stopped || r->lost ? INSTANCE_FAILED : r->status;
	out.start_ms = r->start_ms;
	out.stopped = r->stopped;
	out.lost = r->lost;
	if (!sim_chance(s, s->faults.lost) && sim_push(s, &out, latency(s), e) < 0)
		return -1;
	if (sim_chance(s, s->faults.doubled) && sim_push(s, &out, latency(s), e) < 0)
		return -1;
	if (!may_fall_silent(s) && s->faults.commit == 0 && s->faults.statement == 0)
		return 0;
	return sim_push(s, ev, r->going ? s->conf.speak_ms : RESEND_MS, e);
}

static int
hear(struct sim *s, const struct sim_event *ev, struct err *e)
{
	const struct sim_worker *w = &s->workers[ev->key.worker];
	struct report r = { .app_id = w->app_id, .instance_id = ev->key.instance_id, .status = ev->status,
		.source = w->address, .is_pj = w->pj, .attempt = ev->key.attempt, .start_ms = ev->start_ms,
		.report_ms = s->now.at_ms, .stopped = ev->stopped, .lost = ev->lost, .exit_code = -1, .log_length = -1 };
	struct err why = ERR_INIT;
	int rc;

	if (s->core == NULL)
		return 0;
	if (s->n_said == s->cap_said) {
		int cap = s->cap_said == 0 ? 64 : s->cap_said * 2;
		struct sim_event *more = reallocarray(s->said, (size_t)cap, sizeof *more);

		if (more == NULL)
			return err_set(e, ERR_NOMEM, "out of memory");
		s->said = more;
		s->cap_said = cap;
	}
	sim_note(s, ev->status, ev->key.instance_id, ev->key.attempt);
	if (db_savepoint(s->db, e) < 0)
		return -1;
	rc = sim_event_end(s, core_report(s->core, s->now, &r, &why), false, "core_report", &why, e);
	if (rc == 0 && ev->status != INSTANCE_RUNNING)
		s->said[s->n_said++] = *ev;
	return rc < 0 ? -1 : 0;
}

int
sim_world_committed(struct sim *s, struct err *e)
{
	static const struct sim_faults none;
	bool chaos = memcmp(&s->conf.faults, &none, sizeof none) != 0;

	(void)e;
	for (int i = 0; i < s->n_said; i++) {
		struct sim_run *r = find(s, &s->said[i].key);

		if (r == NULL || r->going || r->start_ms != s->said[i].start_ms || sim_chance(s, s->faults.lost))
			continue;
		r->acked = true;
		if (!chaos) /* nothing arrives twice: nothing has to be remembered */
			drop(s, r);
	}
	s->n_said = 0;
	return 0;
}

static int
hear_answer(struct sim *s, const struct sim_event *ev, struct err *e)
{
	struct err why = ERR_INIT;
	int rc;

	if (s->core == NULL || ev->mark != s->generation)
		return 0;
	sim_note(s, (int64_t)ev->outcome, ev->key.instance_id, ev->start_ms);
	if (db_savepoint(s->db, e) < 0)
		return -1;
	rc = core_answer(s->core, s->now, ev->action, ev->key.instance_id, ev->start_ms, ev->outcome, "simulated", &why);
	rc = sim_event_end(s, rc, false, "core_answer", &why, e);
	if (rc > 0) /* pj-serverd keeps an answer that it could not write, and tries again */
		return sim_push(s, ev, 1000, e);
	return rc;
}

static int
over(struct sim *s, const struct sim_event *ev, struct err *e)
{
	struct sim_run *r = find(s, &ev->key);

	if (r == NULL || !r->going || r->start_ms != ev->start_ms)
		return 0;
	end(s, r);
	return send(s, r, e);
}

/* --- life and death of workers -------------------------------------------------------------------------------- */

static int
beat(struct sim *s, int i, struct err *e)
{
	const struct sim_worker *w = &s->workers[i];
	/* Where nobody falls silent, beats are an hour apart: what was used then says nothing. */
	struct heartbeat hb = { .app_id = w->app_id, .app_name = "simulated", .address = w->address, .protocol = "HTTP",
		.at_ms = s->now.at_ms, .is_pj = w->pj, .slots = w->pj ? s->conf.slots : 0,
		.used = may_fall_silent(s) ? w->used : 0,
		.metrics = { .cpu_processors = 1024, .mem_max_gb = 65536, .disk_total_gb = 1048576 } };

	return core_heartbeat(s->core, s->now, &hb, e);
}

int
sim_world_beats(struct sim *s, struct err *e)
{
	for (int i = 0; i < s->n_workers && s->core != NULL; i++)
		if (s->workers[i].up == UP && !sim_chance(s, s->faults.lost) && beat(s, i, e) < 0)
			return -1;
	return 0;
}

/* It says what became of the runs that it had. */
static int
come_back(struct sim *s, int64_t worker, struct err *e)
{
	struct sim_run *r, *next;

	s->workers[worker].up = UP;
	HASH_ITER(hh, s->runs, r, next)
		if (r->key.worker == worker && (r->going || !r->acked) && send(s, r, e) < 0)
			return -1;
	return s->core == NULL ? 0 : beat(s, (int)worker, e);
}

int
sim_world_revive(struct sim *s, struct err *e)
{
	for (int i = 0; i < s->n_workers; i++)
		if (s->workers[i].up != UP && come_back(s, i, e) < 0)
			return -1;
	return 0;
}

static int
add_workers(struct sim *s, int64_t app_id, int app, struct err *e)
{
	int n = s->conf.workers + s->conf.java_workers;
	struct sim_worker *more = reallocarray(s->workers, (size_t)(s->n_workers + n + 1), sizeof *more);

	if (more == NULL)
		return err_set(e, ERR_NOMEM, "out of memory");
	s->workers = more;
	for (int i = 0; i < n; i++) {
		struct sim_worker *w = &s->workers[s->n_workers++];

		*w = (struct sim_worker){ .app_id = app_id, .pj = i < s->conf.workers };
		snprintf(w->address, sizeof w->address, "10.%d.%d.%d:27777", app % 256, i / 256 % 256, i % 256);
	}
	return 0;
}

int
sim_world_new(struct sim *s, struct err *e)
{
	struct stmt *st = db_prepare(s->db, "SELECT id FROM app ORDER BY id", e);
	int rc, app = 0;

	while ((rc = stmt_step(st, e)) == 1)
		if (add_workers(s, stmt_col_i64(st, 0), app++, e) < 0) {
			rc = -1;
			break;
		}
	stmt_free(st);
	if (rc < 0 || sim_world_beats(s, e) < 0)
		return -1;
	return sim_push(s, &(struct sim_event){ .kind = EVENT_BEAT }, s->conf.speak_ms, e);
}

void
sim_world_free(struct sim *s)
{
	struct sim_run *r, *next;

	HASH_ITER(hh, s->runs, r, next)
		drop(s, r);
	free(s->workers);
}

int
sim_world_event(struct sim *s, const struct sim_event *ev, struct err *e)
{
	switch (ev->kind) {
	case EVENT_ARRIVE:
		return arrive(s, ev, e);
	case EVENT_ANSWER:
		return hear_answer(s, ev, e);
	case EVENT_END:
		return over(s, ev, e);
	case EVENT_SEND:
		return say(s, ev, e);
	case EVENT_REPORT:
		return hear(s, ev, e);
	case EVENT_BEAT:
		if (sim_world_beats(s, e) < 0)
			return -1;
		return sim_push(s, ev, may_fall_silent(s) ? s->conf.speak_ms : SIM_HOUR_MS, e);
	case EVENT_RETURN:
		return s->workers[ev->key.worker].up == UP ? 0 : come_back(s, ev->key.worker, e);
	case EVENT_CHECK:
	case EVENT_RESTART:
	case EVENT_START:
	case EVENT_JUMP:
	case EVENT_STALL:
	case EVENT_DEATH:
	case EVENT_PERSON:
	case EVENT_LEAP_BACK:
		break;
	}
	return sim_wrong(s, e, "no event of the world");
}

#include "job/sim.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/sim_int.h"
#include "time/sched.h"

#define RESTLESS 20000 /* turns without time going on: it will never sleep */

const struct sim_faults sim_faults_all = { .commit = 20, .statement = 15, .lost = 40, .doubled = 30, .late = 60,
	.refused = 30, .failed = 60, .restarts = 8, .jumps = 6, .stalls = 10, .deaths = 10, .people = 60 };

/* --- chance --------------------------------------------------------------------------------------------------- */

/* splitmix64: any seed is a good one */
uint64_t
sim_draw(struct sim *s, uint64_t n)
{
	uint64_t z = s->random += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (z ^ (z >> 31)) % n;
}

bool
sim_chance(struct sim *s, int in_thousand)
{
	if (in_thousand <= 0 || sim_draw(s, 1000) >= (uint64_t)in_thousand)
		return false;
	s->total.faults++;
	return true;
}

void
sim_note(struct sim *s, int64_t a, int64_t b, int64_t c)
{
	const int64_t v[] = { s->now.at_ms, a, b, c };

	for (int i = 0; i < 4; i++)
		s->total.digest = (s->total.digest ^ (uint64_t)v[i]) * 0x100000001b3ULL ^ s->total.digest >> 29;
}

/* --- what is to come ------------------------------------------------------------------------------------------ */

static bool
before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at != b->at ? a->at < b->at : a->serial < b->serial;
}

int
sim_push(struct sim *s, const struct sim_event *ev, int64_t after_ms, struct err *e)
{
	struct sim_event x = *ev;
	int i = s->n_heap;

	if (s->n_heap == s->cap_heap) {
		int cap = s->cap_heap == 0 ? 256 : s->cap_heap * 2;
		struct sim_event *more = reallocarray(s->heap, (size_t)cap, sizeof *more);

		if (more == NULL)
			return err_set(e, ERR_NOMEM, "out of memory");
		s->heap = more;
		s->cap_heap = cap;
	}
	x.at = s->now.mono_ms + after_ms;
	x.serial = s->serial++;
	for (s->n_heap++; i > 0 && before(&x, &s->heap[(i - 1) / 2]); i = (i - 1) / 2)
		s->heap[i] = s->heap[(i - 1) / 2];
	s->heap[i] = x;
	return 0;
}

static struct sim_event
pop(struct sim *s)
{
	struct sim_event top = s->heap[0], last = s->heap[--s->n_heap];
	int i = 0;

	for (int k; (k = 2 * i + 1) < s->n_heap; i = k) {
		if (k + 1 < s->n_heap && before(&s->heap[k + 1], &s->heap[k]))
			k++;
		if (!before(&s->heap[k], &last))
			break;
		s->heap[i] = s->heap[k];
	}
	s->heap[i] = last;
	return top;
}

/* --- errors --------------------------------------------------------------------------------------------------- */

int
sim_wrong(struct sim *s, struct err *e, const char *fmt, ...)
{
	char what[ERR_MSG_SIZE - 100];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	return err_set(e, ERR_INTERNAL, "seed %" PRIu64 ", %" PRId64 " ms after the start, wall clock %" PRId64 ": %s",
	    s->conf.seed, s->now.mono_ms, s->now.at_ms, what);
}

/* A person is told when the state of things, or the time, forbids what was wanted. */
static bool
is_answer(enum err_code code)
{
	return code == ERR_CONFLICT || code == ERR_NOTFOUND || code == ERR_DATA;
}

int
sim_event_end(struct sim *s, int rc, bool of_person, const char *what, const struct err *why, struct err *e)
{
	if (rc >= 0)
		return sim_check_event(s, e) < 0 || db_release(s->db, e) < 0 ? -1 : 0;
	db_rollback_to(s->db);
	sim_check_undone(s);
	if ((of_person && is_answer(why->code)) || strstr(why->msg, SIM_FAULT) != NULL)
		return 1;
	return sim_wrong(s, e, "%s: %s: %s", what, err_name(why->code), why->msg);
}

/* --- a turn --------------------------------------------------------------------------------------------------- */

static int
event(struct sim *s, const struct sim_event *ev, struct err *e)
{
	s->total.events++;
	s->asked = s->asked || (ev->kind != EVENT_ARRIVE && ev->kind != EVENT_END && ev->kind != EVENT_SEND);
	switch (ev->kind) {
	case EVENT_ARRIVE:
	case EVENT_ANSWER:
	case EVENT_END:
	case EVENT_SEND:
	case EVENT_REPORT:
	case EVENT_BEAT:
	case EVENT_RETURN:
		return sim_world_event(s, ev, e);
	case EVENT_CHECK:
		s->check_due = true; /* of rows that are committed: at the end of the turn */
		return sim_push(s, ev, SIM_HOUR_MS, e);
	case EVENT_RESTART:
	case EVENT_START:
	case EVENT_JUMP:
	case EVENT_STALL:
	case EVENT_DEATH:
	case EVENT_PERSON:
	case EVENT_LEAP_BACK:
		return sim_fault_event(s, ev, e);
	}
	return sim_wrong(s, e, "no such event");
}

static int
tick(struct sim *s, struct err *e)
{
	struct err why = ERR_INIT;
	int rc;

	if (db_savepoint(s->db, e) < 0)
		return -1;
	rc = core_tick(s->core, s->now, &s->wake, &why);
	rc = sim_event_end(s, rc, false, "core_tick", &why, e);
	s->tick_failed = rc > 0;
	return rc < 0 ? -1 : 0;
}

/* The failed one takes with it all of the turn; those who sent the reports will send them again. */
static int
commit(struct sim *s, struct err *e)
{
	s->total.turns++;
	if (db_dirty(s->db) && sim_chance(s, s->faults.commit)) {
		db_rollback(s->db);
		s->n_said = 0;
		s->tick_failed = true;
		return core_reload(s->core, s->now, e);
	}
	if (db_commit(s->db, e) < 0)
		return -1;
	return sim_world_committed(s, e) < 0 ? -1 : sim_world_actions(s, e);
}

/* What only the workers know wakes no server. */
static bool
is_awake(const struct sim *s)
{
	return s->asked || s->tick_failed || s->wake.at_ms <= s->now.at_ms || s->wake.mono_ms <= s->now.mono_ms;
}

static int
turn(struct sim *s, struct err *e)
{
	bool fault = s->core != NULL && sim_chance(s, s->faults.statement);

	s->asked = false;
	if (fault && sim_fault_statement(s, true, e) < 0)
		return -1;
	while (s->n_heap > 0 && s->heap[0].at <= s->now.mono_ms) {
		struct sim_event ev = pop(s);

		if (event(s, &ev, e) < 0)
			return -1;
	}
	if (s->core != NULL && is_awake(s) && (tick(s, e) < 0 || commit(s, e) < 0))
		return -1;
	if (fault && sim_fault_statement(s, false, e) < 0)
		return -1;
	if (!s->check_due || s->core == NULL)
		return 0;
	s->check_due = false;
	return sim_check_hour(s, e);
}

/* How long until something is to be done. */
static int64_t
rest(const struct sim *s, int64_t to_ms)
{
	int64_t ms = to_ms - (s->now.at_ms - s->leap_ms), ahead;

	if (s->n_heap > 0 && s->heap[0].at - s->now.mono_ms < ms)
		ms = s->heap[0].at - s->now.mono_ms;
	if (s->core != NULL) {
		if (s->wake.at_ms < s->now.at_ms + ms) /* any time of the past: at once */
			ms = s->wake.at_ms < s->now.at_ms ? 0 : s->wake.at_ms - s->now.at_ms;
		if (s->wake.mono_ms < s->now.mono_ms + ms)
			ms = s->wake.mono_ms < s->now.mono_ms ? 0 : s->wake.mono_ms - s->now.mono_ms;
		ahead = 1000; /* pj-serverd's pause after a failure */
		if (s->tick_failed && (ms > ahead || ms <= 0))
			ms = ahead;
	}
	return ms < 0 ? 0 : ms;
}

static int
run_to(struct sim *s, int64_t to_ms, struct err *e)
{
	int same = 0;

	while (s->now.at_ms - s->leap_ms < to_ms) {
		int64_t ms;

		if (turn(s, e) < 0)
			return -1;
		ms = rest(s, to_ms);
		s->now.at_ms += ms;
		s->now.mono_ms += ms;
		same = ms > 0 ? 0 : same + 1;
		if (same > RESTLESS)
			return sim_wrong(s, e, "the core wants another turn again and again, and time stands still");
	}
	return 0;
}

/* --- life ----------------------------------------------------------------------------------------------------- */

struct sim_track *
sim_track(struct sim *s, int64_t job_id)
{
	int64_t lo = 0, hi = s->n_jobs;

	while (lo < hi) {
		int64_t mid = lo + (hi - lo) / 2;

		if (s->jobs[mid].out.id < job_id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->n_jobs && s->jobs[lo].out.id == job_id ? &s->jobs[lo] : NULL;
}

#define OVER INT64_MIN /* no time of it comes any more */
struct adding {
	struct sim *s;
	int64_t *next_ms, cap;
	int rc;
	struct err *e;
};

static bool
add_job(const struct job *j, void *arg)
{
	struct adding *a = arg;
	struct sim *s = a->s;
	int64_t next = 0;

	if (j->status != JOB_ENABLED)
		return true;
	if (s->n_jobs == a->cap) {
		int64_t cap = a->cap == 0 ? 32 : a->cap * 2;
		struct sim_track *jobs = reallocarray(s->jobs, (size_t)cap, sizeof *jobs);
		int64_t *next_ms = reallocarray(a->next_ms, (size_t)cap, sizeof *next_ms);

		s->jobs = jobs != NULL ? jobs : s->jobs;
		a->next_ms = next_ms != NULL ? next_ms : a->next_ms;
		if (jobs == NULL || next_ms == NULL) {
			a->rc = err_set(a->e, ERR_NOMEM, "out of memory");
			return false;
		}
		a->cap = cap;
	}
	if (core_job_first(s->core, j, s->conf.from_ms, &next, a->e) < 0) {
		a->rc = err_prefix(a->e, "job %.200s", j->spec.name);
		return false;
	}
	a->next_ms[s->n_jobs] = next == 0 && (j->spec.time_type == TIME_CRON || j->spec.time_type == TIME_DAILY) ? OVER : next;
	memset(&s->jobs[s->n_jobs], 0, sizeof *s->jobs);
	s->jobs[s->n_jobs].out.id = j->id;
	s->jobs[s->n_jobs++].checked_ms = s->conf.from_ms - 1;
	return true;
}

/* Jobs that never fire by themselves are there, and wait. */
static int
add_jobs(struct sim *s, struct err *e)
{
	struct adding a = { .s = s, .e = e };
	int rc = job_each(s->db, 0, false, 0, INT32_MAX, add_job, &a, e);

	rc = rc < 0 ? rc : a.rc;
	for (int64_t i = 0; rc == 0 && i < s->n_jobs; i++)
		rc = a.next_ms[i] == OVER ? job_set_over(s->db, s->jobs[i].out.id, s->now.at_ms, e) :
		    job_set_next(s->db, s->jobs[i].out.id, a.next_ms[i], e);
	free(a.next_ms);
	if (rc < 0 || db_commit(s->db, e) < 0)
		return -1;
	return core_reload(s->core, s->now, e) < 0 ? -1 : 0;
}

/* Silence is looked for only where somebody may fall silent: else nobody has to speak. */
static void
configure(struct sim *s)
{
	bool silent = s->faults.deaths > 0 || s->faults.lost > 0 || s->faults.restarts > 0;
	int64_t silence_ms = silent ? 60000 : 3660 * SIM_DAY_MS;

	s->core_conf = (struct core_conf){ .server_id = 1, .report_timeout_ms = silence_ms, .worker_timeout_ms = silence_ms,
		.start_grace_ms = 30000, .resend_ms = 5000, .tz = s->conf.tz, .batch = 200,
		.zone_look_ms = SIM_HOUR_MS };
}

struct sim *
sim_new(struct db *db, const struct sim_conf *conf, struct err *e)
{
	struct sim *s = calloc(1, sizeof *s);

	if (s == NULL) {
		err_set(e, ERR_NOMEM, "out of memory");
		return NULL;
	}
	s->db = db;
	s->conf = *conf;
	s->conf.speak_ms = conf->speak_ms > 0 ? conf->speak_ms : 20000;
	s->faults = conf->faults;
	s->random = conf->seed;
	s->now = (struct now){ .at_ms = conf->from_ms };
	s->total.digest = 0xcbf29ce484222325ULL;
	configure(s);
	s->core = core_new(db, &s->core_conf, s->now, e);
	if (s->core == NULL || add_jobs(s, e) < 0 || sim_check_new(s, e) < 0 || sim_world_new(s, e) < 0 ||
	    sim_fault_new(s, e) < 0 || sim_push(s, &(struct sim_event){ .kind = EVENT_CHECK }, SIM_HOUR_MS, e) < 0) {
		sim_free(s);
		return NULL;
	}
	return s;
}

void
sim_free(struct sim *s)
{
	if (s == NULL)
		return;
	db_watch(s->db, NULL, NULL);
	core_free(s->core);
	sim_world_free(s);
	for (int64_t i = 0; i < s->n_jobs; i++) {
		free(s->jobs[i].ms);
		free(s->jobs[i].late);
	}
	free(s->jobs);
	free(s->heap);
	free(s->said);
	free(s);
}

int
sim_durations(struct sim *s, int64_t job_id, const int64_t *ms, int n, struct err *e)
{
	struct sim_track *t = sim_track(s, job_id);
	int64_t *copy = calloc((size_t)n + 1, sizeof *copy);

	if (copy == NULL || t == NULL) {
		free(copy);
		return t == NULL ? err_set(e, ERR_NOTFOUND, "job #%" PRId64 " is not simulated", job_id) :
		    err_set(e, ERR_NOMEM, "out of memory");
	}
	for (int i = 0; i < n; i++)
		copy[i] = ms[i];
	free(t->ms);
	t->ms = copy;
	t->n_ms = n;
	return 0;
}

/* The server as it is when somebody looks: up. */
static int
be_up(struct sim *s, struct err *e)
{
	if (s->core == NULL)
		s->core = core_new(s->db, &s->core_conf, s->now, e);
	return s->core == NULL ? -1 : 0;
}

int
sim_run(struct sim *s, struct err *e)
{
	if (run_to(s, s->conf.to_ms, e) < 0 || be_up(s, e) < 0 || sim_check(s, e) < 0 || sim_check_verify(s, 0, e) < 0)
		return -1;
	if (sim_stat_count(s, INT64_MAX, e) < 0 || sim_stat_skipped(s, e) < 0)
		return -1;
	sim_stat_close(s);
	return 0;
}

/* What is not at its end, of what is due up to then. */
static int
count_left(struct sim *s, int64_t due_ms, int64_t *out, struct err *e)
{
	struct stmt *st = db_prepare(s->db, "SELECT (SELECT count(*) FROM instance WHERE status IN (2, 3) OR (status = 1 AND"
	    " due_ms <= ?)) + (SELECT count(*) FROM attempt WHERE state <= 3)", e);
	int rc;

	stmt_i64(st, 1, due_ms);
	rc = stmt_step(st, e);
	if (rc == 1)
		*out = stmt_col_i64(st, 0);
	stmt_free(st);
	return rc == 1 ? 0 : -1;
}

/* Enabling a job that was disabled writes what it left out, so that its ledger can be checked to the end. */
static int
switch_all(struct sim *s, enum job_status status, struct err *e)
{
	for (int64_t i = 0; i < s->n_jobs; i++) {
		struct err why = ERR_INIT;
		int rc;

		if (db_savepoint(s->db, e) < 0)
			return -1;
		rc = core_job_status(s->core, s->now, 0, s->jobs[i].out.id, status, &why);
		if (sim_event_end(s, rc, true, "core_job_status", &why, e) < 0)
			return -1;
	}
	return db_commit(s->db, e);
}

int
sim_settle(struct sim *s, struct err *e)
{
	struct core_stats stats;
	int64_t left = 1, due_ms;

	memset(&s->faults, 0, sizeof s->faults);
	sim_fault_leap_back(s);
	if (be_up(s, e) < 0 || run_to(s, s->now.at_ms + 60000, e) < 0 || be_up(s, e) < 0 ||
	    switch_all(s, JOB_ENABLED, e) < 0 || sim_check(s, e) < 0 ||
	    switch_all(s, JOB_DISABLED, e) < 0 || sim_world_revive(s, e) < 0)
		return -1;
	due_ms = s->now.at_ms + SIM_DAY_MS; /* what was made while the clock was ahead may wait for weeks */
	for (int hour = 0; hour < 48 && left > 0; hour++)
		if (run_to(s, s->now.at_ms + SIM_HOUR_MS, e) < 0 || be_up(s, e) < 0 || count_left(s, due_ms, &left, e) < 0)
			return -1;
	if (left > 0)
		return sim_wrong(s, e, "%" PRId64 " instances or attempts never come to an end", left);
	if (core_stats(s->core, s->now, &stats, e) < 0)
		return -1;
	if (stats.live_in_memory != 0)
		return sim_wrong(s, e, "%" PRId64 " attempts are live in memory only", stats.live_in_memory);
	return sim_check(s, e) < 0 ? -1 : sim_check_verify(s, 0, e);
}

int64_t
sim_jobs(const struct sim *s)
{
	return s->n_jobs;
}

const struct sim_job *
sim_job(const struct sim *s, int64_t i)
{
	return &s->jobs[i].out;
}

struct sim_total
sim_total(const struct sim *s)
{
	return s->total;
}

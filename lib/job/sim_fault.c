/* What goes wrong in a simulation, and what people do meanwhile. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/sim_int.h"
#include "time/sched.h"

/* How often a day, of a kind of event; NULL: it follows from others. */
static const int *
rate_of(const struct sim *s, enum sim_event_kind kind)
{
	switch (kind) {
	case EVENT_RESTART:
		return &s->faults.restarts;
	case EVENT_JUMP:
		return &s->faults.jumps;
	case EVENT_STALL:
		return &s->faults.stalls;
	case EVENT_DEATH:
		return &s->faults.deaths;
	case EVENT_PERSON:
		return &s->faults.people;
	case EVENT_ARRIVE:
	case EVENT_ANSWER:
	case EVENT_END:
	case EVENT_SEND:
	case EVENT_REPORT:
	case EVENT_BEAT:
	case EVENT_RETURN:
	case EVENT_CHECK:
	case EVENT_START:
	case EVENT_LEAP_BACK:
		break;
	}
	return NULL;
}

static int
again(struct sim *s, enum sim_event_kind kind, struct err *e)
{
	int rate = *rate_of(s, kind);

	if (rate <= 0)
		return 0;
	return sim_push(s, &(struct sim_event){ .kind = kind },
	    1 + (int64_t)sim_draw(s, (uint64_t)(2 * SIM_DAY_MS / rate)), e);
}

/* --- statements ----------------------------------------------------------------------------------------------- */

static const struct { const char *when, *column; } places[] = {
	{ "BEFORE INSERT ON main.instance", "id" }, { "BEFORE UPDATE ON main.instance", "id" },
	{ "BEFORE INSERT ON main.attempt", "instance_id" }, { "BEFORE UPDATE ON main.attempt", "instance_id" },
	{ "BEFORE UPDATE ON main.job", "id" }, { "BEFORE INSERT ON main.skipped", "first_ms / 1000" },
};
#define PLACES (sizeof places / sizeof places[0])

/* The triggers stay, and ask a table: with each that came and went SQLite would prepare every statement anew. */
static int
lay_traps(struct sim *s, struct err *e)
{
	char sql[320];

	if (db_exec(s->db, "CREATE TEMP TABLE IF NOT EXISTS sim_faulty (place INTEGER, parity INTEGER)", e) < 0)
		return -1;
	for (size_t k = 0; k < PLACES; k++) {
		snprintf(sql, sizeof sql, "CREATE TEMP TRIGGER IF NOT EXISTS sim_fault%zu %s WHEN EXISTS (SELECT 1 FROM temp.sim_faulty"
		    " WHERE place = %zu AND (NEW.%s + parity) %% 2 = 0) BEGIN SELECT RAISE(ABORT, '" SIM_FAULT " simulated'); END", k,
		    places[k].when, k, places[k].column);
		if (db_exec(s->db, sql, e) < 0)
			return -1;
	}
	return db_commit(s->db, e);
}

/* Some statements of a kind fail, for a turn: which ones hangs on a column and the seed, so that it can be repeated. */
int
sim_fault_statement(struct sim *s, bool on, struct err *e)
{
	char sql[96] = "DELETE FROM temp.sim_faulty";
	size_t k;

	if (on) {
		k = sim_draw(s, PLACES);
		snprintf(sql, sizeof sql, "INSERT INTO temp.sim_faulty VALUES (%zu, %d)", k, (int)sim_draw(s, 2));
	}
	return db_exec(s->db, sql, e) < 0 ? -1 : db_commit(s->db, e);
}

int
sim_fault_new(struct sim *s, struct err *e)
{
	static const enum sim_event_kind kinds[] = { EVENT_RESTART, EVENT_JUMP, EVENT_STALL, EVENT_DEATH, EVENT_PERSON };

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (again(s, kinds[i], e) < 0)
			return -1;
	return s->faults.statement > 0 ? lay_traps(s, e) : 0;
}

/* --- the server, its clock and its store ---------------------------------------------------------------------- */

/* kill -9: what was not committed is gone, and who waits for answers. */
static int
kill_server(struct sim *s, struct err *e)
{
	if (s->core == NULL)
		return 0;
	core_free(s->core);
	s->core = NULL;
	db_rollback(s->db);
	s->n_said = 0;
	s->generation++;
	return sim_push(s, &(struct sim_event){ .kind = EVENT_START }, (int64_t)sim_draw(s, sim_draw(s, 3) == 0 ? 600000 :
	    2000), e);
}

static int
start_server(struct sim *s, struct err *e)
{
	if (s->core != NULL)
		return 0;
	s->core = core_new(s->db, &s->core_conf, s->now, e);
	return s->core == NULL ? -1 : 0;
}

/* pj-serverd's loop sees that the clock was set, when it runs. */
static void
set_clock(struct sim *s, int64_t by_ms)
{
	s->now.at_ms += by_ms;
	if (s->core != NULL && (by_ms > 1000 || by_ms < -1000))
		core_clock_jumped(s->core, by_ms);
}

void
sim_fault_leap_back(struct sim *s)
{
	int64_t by = s->leap_ms;

	s->leap_ms = 0;
	if (by != 0)
		set_clock(s, -by);
}

/* For weeks, or to a clock that is not set; it comes back. */
static int
leap(struct sim *s, struct err *e)
{
	int64_t by = (int64_t)sim_draw(s, 60 * SIM_DAY_MS);

	if (sim_draw(s, 3) == 0)
		by = (int64_t)sim_draw(s, 3) * 10 * 365 * SIM_DAY_MS - 5 * 365 * SIM_DAY_MS - s->now.at_ms; /* 1965, 1975, 1985 */
	s->leap_ms = by;
	set_clock(s, by);
	return sim_push(s, &(struct sim_event){ .kind = EVENT_LEAP_BACK }, 1 + (int64_t)sim_draw(s, sim_draw(s, 2) == 0 ? 60000 :
	    7200000), e);
}

static int
jump(struct sim *s, struct err *e)
{
	static const uint64_t far[] = { 3000, 60000, 7200000 };
	int64_t by;

	if (s->faults.wild && s->leap_ms == 0 && sim_draw(s, 6) == 0)
		return leap(s, e);
	by = (int64_t)sim_draw(s, far[sim_draw(s, 3)]);
	if (sim_draw(s, 2) != 0)
		by = -by;
	if (s->now.at_ms + by - s->leap_ms < s->conf.from_ms)
		by = s->conf.from_ms - (s->now.at_ms - s->leap_ms);
	set_clock(s, by);
	return 0;
}

/* pj-serverd tells the core of the long ones. */
static void
stall(struct sim *s)
{
	int64_t ms = (int64_t)sim_draw(s, 60000);

	s->now.at_ms += ms;
	s->now.mono_ms += ms;
	if (ms > 1000 && s->core != NULL)
		core_stalled(s->core, ms);
}

/* --- workers -------------------------------------------------------------------------------------------------- */

static void
lose(struct sim *s, struct sim_run *r)
{
	struct sim_worker *w = &s->workers[r->key.worker];

	r->going = false;
	r->lost = true;
	r->acked = !w->pj; /* Java does not know of it any more */
	w->used--;
	s->going--;
	if (r->track != NULL)
		r->track->going--;
}

static int
die(struct sim *s, struct err *e)
{
	struct sim_event back = { .kind = EVENT_RETURN };
	struct sim_worker *w;
	struct sim_run *r, *next;

	if (s->n_workers == 0)
		return 0;
	back.key.worker = (int64_t)sim_draw(s, (uint64_t)s->n_workers);
	w = &s->workers[back.key.worker];
	if (w->up != UP)
		return 0;
	w->up = sim_draw(s, 2) == 0 ? DAEMON_DOWN : HOST_DOWN;
	HASH_ITER(hh, s->runs, r, next) {
		if (r->key.worker != back.key.worker)
			continue;
		if (r->going && (w->up == HOST_DOWN || !w->pj))
			lose(s, r);
		else if (!w->pj)
			r->acked = true;
	}
	return sim_push(s, &back, 1 + (int64_t)sim_draw(s, sim_draw(s, 2) == 0 ? 20000 : 900000), e);
}

/* --- people --------------------------------------------------------------------------------------------------- */

static void
set_text(char **at, const char *text)
{
	free(*at);
	*at = strdup(text);
}

/* A definition that differs in more than its expression. */
static void
edit_wildly(struct sim *s, struct job_spec *j)
{
	static const struct { int64_t type; const char *expr; } times[] = {
		{ TIME_CRON, "0 0/6 * * * ?" }, { TIME_CRON, "0 30 0/1 * * ?" }, { TIME_CRON, "0 15,45 0-5 * * ?" },
		{ TIME_FIXED_RATE, "4m" }, { TIME_FIXED_RATE, "100s" }, { TIME_FIXED_DELAY, "3m" }, { TIME_API, "" },
		{ TIME_DAILY, "{\"interval\":7,\"intervalUnit\":\"MINUTES\",\"startTimeOfDay\":\"1:0:0\",\"endTimeOfDay\":\"20:0:0\"}" },
	};
	static const char *const zones[] = { "Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "UTC" };
	static const char *const overlaps[] = { "allow", "skip", "queue", "replace" };
	static const char *const misfires[] = { "once", "none", "all" };
	size_t k = sim_draw(s, sizeof times / sizeof times[0]);

	j->time_type = times[k].type;
	set_text(&j->time_expr, times[k].expr);
	if (sim_draw(s, 2) == 0)
		set_text(&j->tz, zones[sim_draw(s, 4)]);
	set_text(&j->overlap, overlaps[sim_draw(s, 4)]);
	set_text(&j->misfire, misfires[sim_draw(s, 3)]);
	j->start_ms = 0;
	j->end_ms = sim_draw(s, 6) == 0 ? s->now.at_ms + 1 + (int64_t)sim_draw(s, 4 * SIM_HOUR_MS) : 0;
}

/* What is no part of the schedule: it goes on where it stands. */
static void
edit_a_little(struct sim *s, struct job_spec *j)
{
	j->max_instance_num = (int64_t)sim_draw(s, 3);
	set_text(&j->misfire, sim_draw(s, 2) == 0 ? "all" : "once");
}

/* Only the second half of the jobs gets another schedule: of the others every nominal time can be told to the end. */
static int
edit(struct sim *s, struct sim_track *t, struct err *why)
{
	static const char *const exprs[] = { "0 0/5 * * * ?", "0 0/7 * * * ?", "30 0/3 * * * ?", "0 10 0/2 * * ?" };
	bool second = t >= s->jobs + (s->n_jobs + 1) / 2;
	struct job j;
	int64_t id;
	int rc;

	if (!second && !s->faults.wild)
		return 0;
	if (job_get(s->db, t->out.id, &j, why) < 0)
		return -1;
	if (!second) {
		edit_a_little(s, &j.spec);
	} else if (s->faults.wild) {
		edit_wildly(s, &j.spec);
	} else {
		free(j.spec.time_expr);
		j.spec.time_type = TIME_CRON;
		j.spec.time_expr = strdup(exprs[sim_draw(s, sizeof exprs / sizeof exprs[0])]);
	}
	j.spec.instance_retry_num = (int64_t)sim_draw(s, 3);
	t->edited = t->edited || second;
	rc = core_job_save(s->core, s->now, 0, t->out.id, &j.spec, sim_draw(s, 4) > 0, &id, why);
	job_fini(&j);
	return rc;
}

static int
act(struct sim *s, struct err *why)
{
	struct sim_track *t = &s->jobs[sim_draw(s, (uint64_t)s->n_jobs)];
	int64_t seen = s->n_recent < SIM_RECENT ? s->n_recent : SIM_RECENT;
	int64_t instance = seen == 0 ? 0 : s->recent[sim_draw(s, (uint64_t)seen)], id;

	switch (sim_draw(s, instance == 0 ? 5 : 8)) {
	case 0:
		return core_job_status(s->core, s->now, 0, t->out.id, JOB_DISABLED, why);
	case 1:
	case 2:
		return core_job_status(s->core, s->now, 0, t->out.id, JOB_ENABLED, why);
	case 3:
		return core_job_run(s->core, s->now, 0, t->out.id, "x", (int64_t)sim_draw(s, 2) * 3000, &id, why);
	case 4:
		return edit(s, t, why);
	case 5:
		return core_instance_stop(s->core, s->now, 0, instance, why);
	case 6:
		return core_instance_cancel(s->core, s->now, 0, instance, why);
	default:
		return core_instance_retry(s->core, s->now, 0, instance, why);
	}
}

static int
person(struct sim *s, struct err *e)
{
	struct err why = ERR_INIT;
	int rc;

	if (s->core == NULL || s->n_jobs == 0)
		return 0;
	if (db_savepoint(s->db, e) < 0)
		return -1;
	rc = sim_event_end(s, act(s, &why), true, "a person", &why, e);
	return rc < 0 ? -1 : 0;
}

int
sim_fault_event(struct sim *s, const struct sim_event *ev, struct err *e)
{
	int rc = 0;

	if (ev->kind == EVENT_START)
		return start_server(s, e);
	if (ev->kind == EVENT_LEAP_BACK) {
		sim_fault_leap_back(s);
		return 0;
	}
	if (*rate_of(s, ev->kind) <= 0) /* settling */
		return 0;
	s->total.faults++;
	sim_note(s, (int64_t)ev->kind, 0, 0);
	if (ev->kind == EVENT_RESTART)
		rc = kill_server(s, e);
	else if (ev->kind == EVENT_JUMP)
		rc = jump(s, e);
	else if (ev->kind == EVENT_STALL)
		stall(s);
	else if (ev->kind == EVENT_DEATH)
		rc = die(s, e);
	else
		rc = person(s, e);
	return rc < 0 ? -1 : again(s, ev->kind, e);
}

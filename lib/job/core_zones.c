/* The time zones that jobs name, and the server's own (its name here is ""): opened once, read again when their files
 * change.
 *
 * The version of the file that the triggers in the rows were made with is a row too (meta, "tz:NAME"): a file that changed
 * while the server was down is noticed at its next start. A change moves the next trigger of every enabled job of the
 * zone, a batch a tick; what is due already was judged by the old file and fires first. Which zone was the server's up to
 * when is kept (meta, "zone_until:MS"): the ledger of a job without a zone of its own is read by it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "job/core_int.h"
#include "store/meta.h"

#define LOOK_LATE_MS 60000 /* so much longer at most, while jobs are due all the time */
#define KEY "tz:"
#define ZONES_MAX 1024 /* there are some 600 names */

struct zone_file {
	char *name;
	struct tz *tz;         /* NULL: known by its row only */
	char id[TZ_ID_SIZE];   /* of the file that tz was read from */
	char rows[TZ_ID_SIZE]; /* of the file that the rows were made with */
	bool unreadable;       /* and that was said */
	int64_t after_id;      /* the jobs up to here have their triggers by tz */
};

struct moving {
	int64_t id, version, next_ms;
};

/* --- the set ----------------------------------------------------------------------------------------------------- */

static struct zone_file *
find(struct core *c, const char *name)
{
	for (int i = 0; i < c->n_zones; i++)
		if (strcmp(c->zones[i].name, name) == 0)
			return &c->zones[i];
	return NULL;
}

static struct zone_file *
add(struct core *c, const char *name, struct err *e)
{
	struct zone_file *z;

	if (c->n_zones == ZONES_MAX) {
		err_set(e, ERR_TOOBIG, "more than %d time zones are in use", ZONES_MAX);
		return NULL;
	}
	if (c->n_zones == c->cap_zones) {
		int cap = c->cap_zones == 0 ? 8 : c->cap_zones * 2;
		struct zone_file *more = reallocarray(c->zones, (size_t)cap, sizeof *more);

		if (more == NULL) {
			core_nomem(e);
			return NULL;
		}
		c->zones = more;
		c->cap_zones = cap;
	}
	z = &c->zones[c->n_zones];
	memset(z, 0, sizeof *z);
	z->name = strdup(name);
	if (z->name == NULL) {
		core_nomem(e);
		return NULL;
	}
	c->n_zones++;
	return z;
}

int
zones_get(struct core *c, const char *name, const struct tz **out, struct err *e)
{
	struct zone_file *z = name == NULL ? NULL : find(c, name);
	char id[TZ_ID_SIZE];
	struct tz *tz;

	if (name == NULL) {
		*out = c->conf.tz;
		return 0;
	}
	if (z == NULL || z->tz == NULL) {
		tz_file_id(id, name); /* before it is read: a change in between is seen at the next look */
		tz = tz_open(name, e);
		if (tz == NULL || (z == NULL && (z = add(c, name, e)) == NULL)) {
			tz_free(tz);
			return -1;
		}
		z->tz = tz;
		memcpy(z->id, id, sizeof z->id);
	}
	*out = z->tz;
	return 0;
}

int
zones_open(struct core *c, struct err *e)
{
	struct zone_file *z;

	if (!c->conf.watch_tz)
		return 0;
	if ((z = add(c, "", e)) == NULL)
		return -1;
	tz_file_id(z->id, NULL);
	z->tz = tz_open(NULL, e);
	c->conf.tz = z->tz;
	return z->tz == NULL ? -1 : 0;
}

/* What came due while the server was down was planned in the zone of then; the next look finds that it is another. */
int
zones_resume(struct core *c, struct err *e)
{
	struct zone_file *z = c->conf.watch_tz ? find(c, "") : NULL;
	struct buf name = BUF_INIT;
	struct err why = ERR_INIT;
	struct tz *old = NULL;

	if (z == NULL || z->rows[0] == '\0' || strcmp(z->rows, z->id) == 0)
		return 0;
	if (meta_get(c->db, "zone", &name, &why) == 0 && strcmp(buf_str(&name), tz_name(z->tz)) != 0)
		old = tz_open(buf_str(&name), NULL);
	buf_fini(&name);
	if (why.code != ERR_NONE && why.code != ERR_NOTFOUND)
		return err_set(e, why.code, "%s", why.msg);
	if (old == NULL)
		return 0;
	tz_free(z->tz);
	c->conf.tz = z->tz = old;
	memcpy(z->id, z->rows, sizeof z->id);
	return 0;
}

void
zones_free(struct core *c)
{
	for (int i = 0; i < c->n_zones; i++) {
		tz_free(c->zones[i].tz);
		free(c->zones[i].name);
	}
	free(c->zones);
	c->zones = NULL;
	c->n_zones = c->cap_zones = 0;
}

int
zones_load(struct core *c, struct err *e)
{
	struct stmt *s = db_stmt(c->db, "SELECT substr(key, 4), value FROM meta WHERE key >= 'tz:' AND key < 'tz;'", e);
	int r;

	for (int i = 0; i < c->n_zones; i++) {
		c->zones[i].rows[0] = '\0';
		c->zones[i].after_id = 0;
	}
	while ((r = stmt_step(s, e)) == 1) {
		struct zone_file *z = find(c, stmt_col_text(s, 0));

		if (z == NULL && (z = add(c, stmt_col_text(s, 0), e)) == NULL) {
			stmt_reset(s);
			return -1;
		}
		snprintf(z->rows, sizeof z->rows, "%s", stmt_col_text(s, 1));
	}
	c->zones_at = INT64_MIN;
	c->zone_told = false;
	return r;
}

/* --- changed files ----------------------------------------------------------------------------------------------- */

static struct tz *
open_again(struct zone_file *z, const char *id)
{
	struct err why = ERR_INIT;
	struct tz *tz;

	/* Without the file the process's own zone would be UTC: it is half installed, rather. */
	if (z->name[0] == '\0' && id[strlen(id) - 1] == ' ' && z->id[strlen(z->id) - 1] != ' ') {
		tz = NULL;
		err_set(&why, ERR_NOTFOUND, "its file is gone");
	} else {
		tz = tz_open(z->name, &why);
	}
	if (tz == NULL) { /* what was read before holds until it can be read */
		if (!z->unreadable)
			log_warn("zone_unreadable", "zone=%s error=%s", z->name[0] != '\0' ? log_q(z->name) : "server",
			    log_q(why.msg));
		z->unreadable = true;
	} else {
		z->unreadable = false;
	}
	return tz;
}

static void
reread(struct core *c, struct zone_file *z, const char *id)
{
	bool own = z->name[0] == '\0';
	struct tz *tz = open_again(z, id);

	if (tz == NULL)
		return;
	if (own) {
		log_warn("zone_changed", "zone=%s was=%s jobs=without-tz", log_q(tz_name(tz)), log_q(tz_name(z->tz)));
		c->conf.tz = tz;
		c->zone_told = false;
	} else if (z->tz != NULL) {
		log_info("zone_changed", "zone=%s", log_q(z->name));
	}
	job_versions_forget(c);
	tz_free(z->tz);
	z->tz = tz;
	z->after_id = 0;
	snprintf(z->id, sizeof z->id, "%s", id);
}

static void
look(struct core *c)
{
	char id[TZ_ID_SIZE];

	for (int i = 0; i < c->n_zones; i++) {
		struct zone_file *z = &c->zones[i];

		tz_file_id(id, z->name);
		if (z->tz == NULL ? strcmp(id, z->rows) != 0 : strcmp(id, z->id) != 0)
			reread(c, z, id);
	}
}

/* The next enabled jobs of a zone, and their triggers: those to come only. */
static int
read_jobs(struct core *c, const struct zone_file *z, int64_t now_ms, struct moving *m, int max, struct err *e)
{
	static const char named[] = "SELECT v.job_id, v.version, j.next_trigger_ms FROM job_version v"
	    " JOIN job j ON j.id = v.job_id AND j.version = v.version WHERE v.tz = ?1 AND v.job_id > ?2 AND j.status = 1"
	    " AND j.next_trigger_ms > ?3 ORDER BY v.job_id LIMIT ?4";
	static const char others[] = "SELECT j.id, j.version, j.next_trigger_ms FROM job j JOIN job_version v"
	    " ON v.job_id = j.id AND v.version = j.version WHERE coalesce(v.tz, '') = ?1 AND j.id > ?2 AND +j.status = 1"
	    " AND +j.next_trigger_ms > ?3 AND v.time_type IN (2, 11) ORDER BY j.id LIMIT ?4";
	struct stmt *s = db_stmt(c->db, z->name[0] != '\0' ? named : others, e);
	int n = 0, r;

	stmt_text(s, 1, z->name);
	stmt_i64(s, 2, z->after_id);
	stmt_i64(s, 3, now_ms);
	stmt_i64(s, 4, max);
	while (n < max && (r = stmt_step(s, e)) == 1)
		m[n++] = (struct moving){ stmt_col_i64(s, 0), stmt_col_i64(s, 1), stmt_col_i64(s, 2) };
	if (n < max && r < 0)
		return -1;
	stmt_reset(s);
	return n;
}

static int
move(struct core *c, const struct moving *m, struct now now, struct err *e)
{
	const struct version *v = job_version_get(c, m->id, m->version, e);
	int64_t next;

	if (v == NULL)
		return -1;
	if (interval_is(&v->job.spec)) /* knows no zone */
		return 0;
	next = job_next_after(v->sched, &v->job.spec, now.at_ms);
	if (next == 0 || next == m->next_ms)
		return 0; /* none any more: the old trigger fires once more, and finds that */
	log_info("trigger_moved", "job=%" PRId64 " from_ms=%" PRId64 " to_ms=%" PRId64, m->id, m->next_ms, next);
	c->wrote = true;
	c->next_trigger_ms = INT64_MIN;
	return job_set_next(c->db, m->id, next, e);
}

static int
bring_up_to_date(struct core *c, struct zone_file *z, struct now now, struct moving *m, struct err *e)
{
	char key[sizeof KEY + 256];
	/* The server's own zone without a row: a new database. */
	bool first = z->name[0] == '\0' && z->rows[0] == '\0';
	int n = first ? 0 : read_jobs(c, z, now.at_ms, m, c->conf.batch, e);

	for (int i = 0; i < n; i++) {
		if (move(c, &m[i], now, e) < 0)
			return -1;
		z->after_id = m[i].id;
	}
	if (n < 0 || n == c->conf.batch)
		return n < 0 ? -1 : 1;
	snprintf(key, sizeof key, KEY "%s", z->name);
	c->wrote = true;
	if (meta_set(c->db, key, z->id, e) < 0)
		return -1;
	memcpy(z->rows, z->id, sizeof z->rows);
	z->after_id = 0;
	return 0;
}

/* The server's own zone, for who reads the database without it; and which one it was up to now. */
static int
tell_zone(struct core *c, struct now now, struct err *e)
{
	struct buf old = BUF_INIT;
	struct err why = ERR_INIT;
	char key[64];
	int r = meta_get(c->db, "zone", &old, &why);

	if (r < 0 && why.code != ERR_NOTFOUND) {
		buf_fini(&old);
		return err_set(e, why.code, "%s", why.msg);
	}
	snprintf(key, sizeof key, "zone_until:%020" PRId64, now.at_ms);
	if (r == 0 && strcmp(buf_str(&old), tz_name(c->conf.tz)) == 0) {
		c->zone_told = true;
	} else {
		c->wrote = true;
		r = r == 0 ? meta_set(c->db, key, buf_str(&old), e) : 0;
		r = r == 0 ? meta_set(c->db, "zone", tz_name(c->conf.tz), e) : r;
		c->zone_told = r == 0;
	}
	buf_fini(&old);
	return r;
}

int
zones_tick(struct core *c, struct now now, struct core_wake *wake, struct err *e)
{
	int64_t mono = core_mono(c, now);
	struct moving *m;
	int r = 0;

	if (c->zones_at == INT64_MIN)
		c->zones_at = mono;
	/* By the files of now only what is to come is planned: what is due goes first. */
	if (mono >= c->zones_at && (c->next_trigger_ms > now.at_ms || mono - LOOK_LATE_MS >= c->zones_at)) {
		look(c);
		c->zones_at = mono + c->conf.zone_look_ms;
	}
	if (!c->zone_told && tell_zone(c, now, e) < 0)
		return -1;
	if (c->n_zones == 0)
		return 0;
	if (c->zones_at + c->shift_ms < wake->mono_ms)
		wake->mono_ms = c->zones_at + c->shift_ms;
	for (int i = 0; i < c->n_zones && r == 0; i++) {
		if (c->zones[i].tz == NULL || strcmp(c->zones[i].id, c->zones[i].rows) == 0)
			continue;
		m = calloc((size_t)c->conf.batch, sizeof *m);
		if (m == NULL)
			return core_nomem(e);
		r = bring_up_to_date(c, &c->zones[i], now, m, e);
		free(m);
	}
	if (r == 1) /* the rest in the next turn */
		wake->at_ms = now.at_ms;
	return r < 0 ? -1 : 0;
}

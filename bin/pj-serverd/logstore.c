#include "logstore.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "codec/spool.h"
#include "job/state.h"
#include "logfile.h"
#include "store/logindex.h"
#include "waiters.h"

#define BUCKETS 1024
#define OPEN_MAX 512
#define DOOMED_MAX 512
#define SAY_AGAIN_MS 60000
#define GRACE_PJ_MS 30000   /* after the end, and the last that came: bytes that the worker counted and that do not come */
#define GRACE_JAVA_MS 10000 /* a Java worker sends its logs every 5 s and does not count them */

struct logstore {
	struct server *server;
	struct logdir dir;
	struct logfile *bucket[BUCKETS];
	struct logfile **turn_file; /* touched in this turn */
	int n_turn, cap_turn, n_open;
	uint64_t event, turn, use;
	int64_t bytes, event_bytes, committed_bytes;
	int64_t doomed[DOOMED_MAX]; /* to be unlinked with the commit */
	int n_doomed, event_doomed;
	int64_t foreign_said_ms;    /* 0: never */
	int64_t stamp_sec;          /* of stamp */
	char stamp[32];
};

/* --- the files in use ------------------------------------------------------------------------------------------ */

static struct logfile **
bucket_of(struct logstore *l, int64_t id)
{
	return &l->bucket[((uint64_t)id * 0x9e3779b97f4a7c15u) >> 54];
}

static struct logfile *
lookup(struct logstore *l, int64_t id)
{
	for (struct logfile *f = *bucket_of(l, id); f != NULL; f = f->next)
		if (f->id == id)
			return f;
	return NULL;
}

static void
drop(struct logstore *l, struct logfile *f)
{
	struct logfile **p = bucket_of(l, f->id);

	while (*p != f)
		p = &(*p)->next;
	*p = f->next;
	logfile_close(f);
	free(f);
	l->n_open--;
}

static void
make_room(struct logstore *l)
{
	struct logfile *oldest = NULL;

	if (l->n_open < OPEN_MAX)
		return;
	for (int i = 0; i < BUCKETS; i++)
		for (struct logfile *f = l->bucket[i]; f != NULL; f = f->next)
			if (f->turn != l->turn && (oldest == NULL || f->used < oldest->used))
				oldest = f;
	if (oldest != NULL)
		drop(l, oldest);
}

static struct logfile *
get(struct logstore *l, int64_t id, struct err *e)
{
	struct logfile *f = lookup(l, id), **bucket = bucket_of(l, id);

	if (f == NULL) {
		make_room(l);
		f = malloc(sizeof *f);
		if (f == NULL) {
			err_set(e, ERR_NOMEM, "out of memory");
			return NULL;
		}
		if (logfile_open(f, &l->dir, l->server->db, id, e) != 0) {
			free(f);
			return NULL;
		}
		f->next = *bucket;
		*bucket = f;
		l->n_open++;
	}
	f->used = ++l->use;
	return f;
}

/* Notes that the running event changes f. */
static int
touch(struct logstore *l, struct logfile *f, struct err *e)
{
	if (f->event == l->event)
		return 0;
	if (f->turn != l->turn) {
		if (l->n_turn == l->cap_turn) {
			int cap = l->cap_turn == 0 ? 64 : 2 * l->cap_turn;
			struct logfile **more = realloc(l->turn_file, (size_t)cap * sizeof *more);

			if (more == NULL)
				return err_set(e, ERR_NOMEM, "out of memory");
			l->turn_file = more;
			l->cap_turn = cap;
		}
		l->turn_file[l->n_turn++] = f;
		f->turn = l->turn;
	}
	f->event = l->event;
	f->before = f->length;
	for (struct logsource *s = f->sources; s != NULL; s = s->next)
		s->before = s->offset;
	buf_clear(&f->pending);
	return 0;
}

/* --- appending ------------------------------------------------------------------------------------------------- */

static const char *
stamp(struct logstore *l, int64_t at_ms)
{
	int64_t sec = at_ms / 1000;
	struct tz_civil c;

	if (sec != l->stamp_sec || l->stamp[0] == '\0') {
		tz_to_civil(server_tz(l->server), sec, &c, NULL);
		snprintf(l->stamp, sizeof l->stamp, "%04d-%02d-%02d %02d:%02d:%02d", c.year, c.month, c.day, c.hour, c.minute,
		    c.second);
		l->stamp_sec = sec;
	}
	return l->stamp;
}

static void
put_line(struct logstore *l, struct logfile *f, int64_t at_ms, const char *worker, const char *level, const char *text)
{
	if (at_ms < 0 || at_ms > 253402300799999) /* beyond the year 9999: a wild clock */
		at_ms = server_now(l->server).at_ms;
	buf_addf(&f->pending, "%s.%03d [%s] %s ", stamp(l, at_ms), (int)(at_ms % 1000), worker, level);
	buf_adds(&f->pending, text);
	buf_addc(&f->pending, '\n');
}

static void
put_entry(struct logstore *l, struct logfile *f, const char *worker, const struct log_entry *x)
{
	int64_t most = l->server->conf.server.log_max_bytes;
	int64_t size = f->length + (int64_t)f->pending.len;
	char mark[128];

	if (most > 0 && size >= most)
		return;
	put_line(l, f, x->at_ms, worker, spool_level_name(x->level), x->content == NULL ? "" : x->content);
	if (most > 0 && f->length + (int64_t)f->pending.len >= most) {
		snprintf(mark, sizeof mark, "the log has reached server.log_max=%" PRId64 " bytes: what follows is not kept", most);
		put_line(l, f, server_now(l->server).at_ms, "pj-serverd", "WARN", mark);
	}
}

/* The log of an instance that never was (or is gone) is not taken: 1. */
static int
is_unknown(struct logstore *l, struct logfile *f, struct err *e)
{
	struct instance i;

	if (f->app_id != 0)
		return 0;
	if (instance_get(l->server->db, f->id, &i, e) == 0) {
		f->app_id = i.app_id;
		instance_fini(&i);
		return 0;
	}
	if (e->code != ERR_NOTFOUND)
		return -1;
	err_clear(e);
	return 1;
}

struct sender { /* of a batch: mostly for one app */
	const char *worker;
	int64_t app_id; /* that it was looked for in; 0 none yet */
	bool elsewhere; /* it is another app's */
};

/* Lines from a worker of another app. One that no app knows may be ours, after a start of the server. */
static bool
is_foreign(struct logstore *l, const struct logfile *f, struct sender *s)
{
	struct workers *all = core_workers(l->server->core);
	int64_t now_ms = server_now(l->server).mono_ms;

	if (s->app_id != f->app_id)
		s->elsewhere = workers_find(all, f->app_id, s->worker) == NULL &&
		    workers_is_elsewhere(all, f->app_id, s->worker);
	s->app_id = f->app_id;
	if (!s->elsewhere)
		return false;
	if (l->foreign_said_ms == 0 || now_ms - l->foreign_said_ms > SAY_AGAIN_MS) {
		log_warn("log_foreign", "instance=%lld worker=%s app=%lld", (long long)f->id, log_q(s->worker), (long long)f->app_id);
		l->foreign_said_ms = now_ms;
	}
	return true;
}

static int
append_entry(struct logstore *l, struct sender *s, const struct log_entry *x, struct err *e)
{
	struct logfile *f;
	struct logsource *src;
	int unknown;

	if (x->instance_id <= 0)
		return 0;
	f = get(l, x->instance_id, e);
	if (f == NULL)
		return -1;
	unknown = is_unknown(l, f, e);
	if (unknown != 0)
		return unknown < 0 ? -1 : 0;
	if (is_foreign(l, f, s))
		return 0;
	if (touch(l, f, e) != 0)
		return -1;
	if (x->spool != NULL && x->spool[0] != '\0') {
		src = logfile_source(f, l->server->db, x->spool, x->attempt, e);
		if (src == NULL)
			return -1;
		if (x->offset <= src->offset)
			return 0; /* it was stored before: its acknowledgement was lost */
		src->offset = x->offset;
	}
	put_entry(l, f, s->worker, x);
	return 0;
}

int
logstore_append(struct logstore *l, const struct log_batch *b, struct err *e)
{
	struct sender s = { .worker = b->worker_address == NULL ? "?" : b->worker_address };

	for (int i = 0; i < b->n; i++)
		if (append_entry(l, &s, &b->entry[i], e) != 0)
			return -1;
	for (int i = 0; i < l->n_turn; i++) {
		struct logfile *f = l->turn_file[i];

		if (f->event != l->event)
			continue;
		if (logfile_flush(f, &l->dir, l->server->db, server_now(l->server).at_ms, e) != 0)
			return -1;
		l->bytes += f->length - f->before;
	}
	return 0;
}

/* --- events and turns ------------------------------------------------------------------------------------------ */

void
logstore_event(struct logstore *l)
{
	l->event++;
	l->event_bytes = l->bytes;
	l->event_doomed = l->n_doomed;
}

void
logstore_event_undo(struct logstore *l)
{
	l->bytes = l->event_bytes;
	l->n_doomed = l->event_doomed;
	for (int i = 0; i < l->n_turn; i++) {
		struct logfile *f = l->turn_file[i];

		if (f->event != l->event)
			continue;
		f->length = f->before;
		for (struct logsource *s = f->sources; s != NULL; s = s->next)
			s->offset = s->before;
		buf_clear(&f->pending);
		logfile_cut(f, f->length);
	}
}

int
logstore_sync(struct logstore *l, struct err *e)
{
	/* All are started before the first is waited for: one journal commit of the file system for many files. */
	for (int i = 0; i < l->n_turn && l->n_turn > 1; i++)
		if (l->turn_file[i]->length != l->turn_file[i]->committed)
			sync_file_range(l->turn_file[i]->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	for (int i = 0; i < l->n_turn; i++) {
		struct logfile *f = l->turn_file[i];

		if (f->length != f->committed && fdatasync(f->fd) != 0)
			return err_sys(e, ERR_IO, errno, "cannot write the log of instance %lld", (long long)f->id);
	}
	return 0;
}

void
logstore_wake(struct logstore *l)
{
	for (int i = 0; i < l->n_turn; i++)
		if (l->turn_file[i]->length > l->turn_file[i]->committed)
			waiters_wake(l->server->waiters, l->turn_file[i]->id);
}

void
logstore_commit(struct logstore *l)
{
	char path[4096];

	for (int i = 0; i < l->n_turn; i++)
		l->turn_file[i]->committed = l->turn_file[i]->length;
	for (int i = 0; i < l->n_doomed; i++)
		if (logdir_path(&l->dir, l->doomed[i], path, sizeof path, NULL) == 0 && unlink(path) != 0 && errno != ENOENT)
			log_warn("log_remove", "file=%s error=%m", log_q(path));
	l->committed_bytes = l->bytes;
	l->n_doomed = l->n_turn = 0;
	l->turn++;
}

void
logstore_undo(struct logstore *l)
{
	for (int i = 0; i < l->n_turn; i++) {
		struct logfile *f = l->turn_file[i];

		logfile_cut(f, f->committed);
		drop(l, f);
	}
	l->bytes = l->committed_bytes;
	l->n_doomed = l->n_turn = 0;
	l->turn++;
}

/* --- reading --------------------------------------------------------------------------------------------------- */

int
logstore_length(struct logstore *l, int64_t instance_id, int64_t *out, struct err *e)
{
	struct logfile *f = get(l, instance_id, e);

	if (f == NULL)
		return -1;
	*out = f->length;
	return 0;
}

int
logstore_read(struct logstore *l, int64_t instance_id, int64_t offset, size_t most, struct buf *out, struct err *e)
{
	struct logfile *f = get(l, instance_id, e);

	if (f == NULL)
		return -1;
	if (offset < f->length && (int64_t)most > f->length - offset)
		most = (size_t)(f->length - offset);
	while (offset < f->length && most > 0) {
		char *room = buf_room(out, most);
		ssize_t n;

		if (room == NULL)
			return err_set(e, ERR_NOMEM, "out of memory");
		n = pread(f->fd, room, most, offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_sys(e, ERR_IO, n < 0 ? errno : EIO, "cannot read the log of instance %lld",
			    (long long)instance_id);
		out->len += (size_t)n;
		offset += n;
		most -= (size_t)n;
	}
	return 0;
}

/* Up to where the last attempt's log is stored, this turn's appends included. */
static int
stored(struct logstore *l, const struct logfile *f, const struct instance *i, int64_t *out, struct err *e)
{
	if (logindex_stored(l->server->db, i->id, i->attempt, out, e) != 0)
		return -1;
	for (const struct logsource *s = f == NULL ? NULL : f->sources; s != NULL; s = s->next)
		if (s->attempt == i->attempt && s->offset > *out)
			*out = s->offset;
	return 0;
}

int
logstore_end(struct logstore *l, const struct instance *i, enum log_end *end, int64_t *missing, struct err *e)
{
	struct logfile *f = lookup(l, i->id);
	int64_t since_ms = i->finished_ms == NO_MS ? i->modified_ms : i->finished_ms, have = 0;

	*end = LOG_GOES_ON;
	*missing = 0;
	if (!state_is_finished(i->status))
		return 0;
	if (i->attempt != 0 && i->log_length > 0 && stored(l, f, i, &have, e) != 0)
		return -1;
	if (f != NULL && f->at_ms > since_ms) /* a long log is on its way for long */
		since_ms = f->at_ms;
	since_ms = server_now(l->server).at_ms - since_ms;
	if (i->attempt == 0 || i->log_length == 0 || (i->log_length > 0 && have >= i->log_length)) {
		*end = LOG_WHOLE;
	} else if (i->log_length < 0) {
		*end = since_ms > GRACE_JAVA_MS ? LOG_WHOLE : LOG_GOES_ON;
	} else if (since_ms > GRACE_PJ_MS) {
		*end = LOG_CUT;
		*missing = i->log_length - have;
	}
	return 0;
}

/* --- removing -------------------------------------------------------------------------------------------------- */

int
logstore_remove(struct logstore *l, int64_t instance_id, int64_t length, struct err *e)
{
	struct logfile *f = lookup(l, instance_id);

	if (l->n_doomed == DOOMED_MAX || (f != NULL && f->turn == l->turn))
		return err_set(e, ERR_BUSY, "later");
	if (logindex_remove(l->server->db, instance_id, e) != 0)
		return -1;
	if (f != NULL)
		drop(l, f);
	l->doomed[l->n_doomed++] = instance_id;
	l->bytes -= length;
	return 0;
}

int64_t
logstore_bytes(const struct logstore *l)
{
	return l->bytes;
}

/* --- life ------------------------------------------------------------------------------------------------------ */

static int
committed_length(void *arg, int64_t id, int64_t *out, struct err *e)
{
	struct logstore *l = arg;

	return logindex_length(l->server->db, id, out, NULL, e);
}

int
logstore_repair(struct logstore *l, struct err *e)
{
	return logdir_repair(&l->dir, committed_length, l, e);
}

struct logstore *
logstore_new(struct server *s, struct err *e)
{
	struct logstore *l = calloc(1, sizeof *l);

	if (l == NULL) {
		err_set(e, ERR_NOMEM, "out of memory");
		return NULL;
	}
	l->server = s;
	l->turn = 1;
	if (logdir_init(&l->dir, s->conf.paths.state, e) != 0 || logindex_total(s->db, &l->bytes, e) != 0) {
		free(l);
		return NULL;
	}
	l->committed_bytes = l->bytes;
	return l;
}

void
logstore_free(struct logstore *l)
{
	if (l == NULL)
		return;
	for (int i = 0; i < BUCKETS; i++)
		while (l->bucket[i] != NULL)
			drop(l, l->bucket[i]);
	free(l->turn_file);
	free(l);
}

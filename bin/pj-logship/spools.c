#include "spools.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "store/workerdb.h"

/* --- by name ----------------------------------------------------------------------------------------------------- */

static struct spool **
bucket_of(const struct spools *s, const char *name)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)*name) * UINT64_C(1099511628211);
	return &s->bucket[(h >> 20) & (uint64_t)(s->n_buckets - 1)];
}

static struct spool *
find(const struct spools *s, const char *name)
{
	struct spool *p = s->n_buckets > 0 ? *bucket_of(s, name) : NULL;

	while (p != NULL && strcmp(p->name, name) != 0)
		p = p->next_hash;
	return p;
}

static int
grow(struct spools *s)
{
	int n = s->n_buckets == 0 ? 1024 : s->n_buckets * 2, old_n = s->n_buckets;
	struct spool **old = s->bucket, **bigger = calloc((size_t)n, sizeof *bigger);

	if (bigger == NULL)
		return old == NULL ? -1 : 0;
	s->bucket = bigger;
	s->n_buckets = n;
	for (int i = 0; i < old_n; i++)
		while (old[i] != NULL) {
			struct spool *p = old[i], **to = bucket_of(s, p->name);

			old[i] = p->next_hash;
			p->next_hash = *to;
			*to = p;
		}
	free(old);
	return 0;
}

/* <instance>.<attempt>.log */
static bool
parse_name(const char *name, int64_t *instance_id, int64_t *attempt)
{
	char *end;

	if (name[0] < '0' || name[0] > '9')
		return false;
	errno = 0;
	*instance_id = strtoll(name, &end, 10);
	if (*end != '.' || end[1] < '0' || end[1] > '9')
		return false;
	*attempt = strtoll(end + 1, &end, 10);
	return errno == 0 && strcmp(end, ".log") == 0;
}

static struct spool *
add(struct spools *s, const char *name)
{
	struct spool *p, **b;
	int64_t instance_id, attempt;

	if (!parse_name(name, &instance_id, &attempt) || (s->n >= s->n_buckets && grow(s) < 0))
		return NULL;
	if ((p = calloc(1, sizeof *p)) == NULL || (p->name = strdup(name)) == NULL) {
		free(p);
		return NULL;
	}
	p->instance_id = instance_id;
	p->attempt = attempt;
	b = bucket_of(s, name);
	p->next_hash = *b;
	*b = p;
	s->n++;
	return p;
}

static void
drop(struct spools *s, struct spool *p)
{
	struct spool **at = bucket_of(s, p->name);

	spools_clean(s, p);
	while (*at != p)
		at = &(*at)->next_hash;
	*at = p->next_hash;
	s->n--;
	free(p->name);
	free(p);
}

/* --- dirty ------------------------------------------------------------------------------------------------------- */

void
spools_clean(struct spools *s, struct spool *p)
{
	if (!p->dirty)
		return;
	*(p->prev != NULL ? &p->prev->next : &s->first) = p->next;
	*(p->next != NULL ? &p->next->prev : &s->last) = p->prev;
	p->next = p->prev = NULL;
	p->dirty = false;
	s->n_dirty--;
}

static void
make_dirty(struct spools *s, struct spool *p)
{
	if (p->dirty)
		return;
	p->prev = s->last;
	p->next = NULL;
	*(s->last != NULL ? &s->last->next : &s->first) = p;
	s->last = p;
	p->dirty = true;
	s->n_dirty++;
}

void
spools_turn(struct spools *s, struct spool *p)
{
	spools_clean(s, p);
	make_dirty(s, p);
}

struct spool *
spools_touch(struct spools *s, const char *name)
{
	struct spool *p = find(s, name);

	if (p == NULL)
		p = add(s, name);
	if (p != NULL)
		make_dirty(s, p);
	return p;
}

/* --- rows and files ---------------------------------------------------------------------------------------------- */

static void
load_row(const struct log_offset *o, void *arg)
{
	struct spools *s = arg;
	struct spool *p = o->spool != NULL && find(s, o->spool) == NULL ? add(s, o->spool) : NULL;

	if (p == NULL)
		return;
	p->acked = p->sent = p->stored = o->offset > 0 ? o->offset : 0;
	p->gone = true; /* until the scan finds its file */
}

int
spools_scan(struct spools *s, struct err *e)
{
	DIR *dir = opendir(s->dir);
	struct dirent *d;

	if (dir == NULL)
		return err_sys(e, ERR_IO, errno, "cannot read %s", s->dir);
	while ((d = readdir(dir)) != NULL) {
		struct spool *p = find(s, d->d_name);
		struct stat st;

		if (p == NULL)
			p = add(s, d->d_name);
		if (p == NULL)
			continue;
		p->gone = false;
		if (fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > p->sent)
			make_dirty(s, p);
	}
	closedir(dir);
	return 0;
}

static bool
for_each(struct spools *s, bool (*fn)(struct spools *s, struct spool *p, void *arg), void *arg)
{
	for (int i = 0; i < s->n_buckets; i++) {
		struct spool *next;

		for (struct spool *p = s->bucket[i]; p != NULL; p = next) {
			next = p->next_hash;
			if (!fn(s, p, arg))
				return false;
		}
	}
	return true;
}

static bool
forget_gone(struct spools *s, struct spool *p, void *arg)
{
	struct err e = ERR_INIT;

	(void)arg;
	if (!p->gone)
		return true;
	if (workerdb_offset_delete(s->db, p->name, &e) < 0) {
		log_warn("offset_not_forgotten", "spool=%s error=%s", log_q(p->name), log_q(e.msg));
		return false; /* the next time */
	}
	drop(s, p);
	return true;
}

int
spools_open(struct spools *s, const char *state_dir, struct db *db, struct err *e)
{
	memset(s, 0, sizeof *s);
	s->db = db;
	if (file_path(s->dir, sizeof s->dir, e, "%s/spool", state_dir) < 0 || file_mkdirs(s->dir, e) < 0)
		return -1;
	if (workerdb_offset_each(db, load_row, s, e) < 0 || spools_scan(s, e) < 0)
		return -1;
	for_each(s, forget_gone, NULL);
	return 0;
}

static bool
free_one(struct spools *s, struct spool *p, void *arg)
{
	(void)arg;
	drop(s, p);
	return true;
}

void
spools_close(struct spools *s)
{
	for_each(s, free_one, NULL);
	free(s->bucket);
	memset(s, 0, sizeof *s);
}

bool
spools_live(struct spools *s, const struct spool *p)
{
	struct assignment a;
	struct err e = ERR_INIT;
	int rc = workerdb_assign_get(s->db, p->instance_id, p->attempt, &a, NULL, &e);

	return rc < 0 || (rc == 1 && a.finished_ms == 0);
}

struct store {
	int64_t at_ms;
	struct err *e;
	bool begun;
};

static bool
store_one(struct spools *s, struct spool *p, void *arg)
{
	struct store *st = arg;
	struct log_offset row = { p->name, p->instance_id, p->attempt, p->acked, st->at_ms };

	if (p->acked == p->stored)
		return true;
	if (!st->begun && db_begin(s->db, st->e) < 0)
		return false;
	st->begun = true;
	return workerdb_offset_put(s->db, &row, st->e) == 0;
}

static bool
mark_stored(struct spools *s, struct spool *p, void *arg)
{
	(void)s;
	(void)arg;
	p->stored = p->acked;
	return true;
}

int
spools_store(struct spools *s, int64_t at_ms, struct err *e)
{
	struct store st = { at_ms, e, false };

	if (!for_each(s, store_one, &st) || (st.begun && db_commit(s->db, e) < 0)) {
		db_rollback(s->db);
		return -1;
	}
	if (st.begun)
		for_each(s, mark_stored, NULL);
	return 0;
}

/* --- retention --------------------------------------------------------------------------------------------------- */

struct old {
	struct spool *p;
	int64_t at_ms, size;
	bool shipped;
};

struct retain {
	struct old *old; /* the candidates */
	size_t n, cap;
	int64_t total;
};

static bool
consider(struct spools *s, struct spool *p, void *arg)
{
	struct retain *r = arg;
	char path[4400];
	struct stat st;
	struct old *more;

	if (file_path(path, sizeof path, NULL, "%s/%s", s->dir, p->name) < 0)
		return true;
	if (lstat(path, &st) < 0) {
		p->gone = errno == ENOENT;
		return true;
	}
	r->total += st.st_size;
	if (r->n == r->cap) {
		more = realloc(r->old, (r->cap + 256) * sizeof *more);
		if (more == NULL)
			return false;
		r->old = more;
		r->cap += 256;
	}
	r->old[r->n++] = (struct old){ p, (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000, st.st_size,
		p->acked >= st.st_size };
	return true;
}

static int
by_age(const void *a, const void *b)
{
	int64_t x = ((const struct old *)a)->at_ms, y = ((const struct old *)b)->at_ms;

	return x < y ? -1 : x > y;
}

static void
remove_one(struct spools *s, struct retain *r, struct old *o, const char *why)
{
	char path[4400];

	if (o->p == NULL || spools_live(s, o->p))
		return;
	if (file_path(path, sizeof path, NULL, "%s/%s", s->dir, o->p->name) < 0
	    || (unlink(path) < 0 && errno != ENOENT)) {
		log_warn("spool_not_removed", "spool=%s error=%s", log_q(o->p->name), log_q(strerror(errno)));
		return;
	}
	if (o->shipped)
		log_debug("spool_removed", "spool=%s why=%s", log_q(o->p->name), why);
	else
		log_warn("spool_removed", "spool=%s why=%s unshipped_bytes=%" PRId64, log_q(o->p->name), why,
		    o->size - o->p->acked);
	r->total -= o->size;
	o->p->gone = true;
	o->p = NULL;
}

void
spools_retain(struct spools *s, int64_t now_ms, int64_t keep_ms, int64_t keep_bytes)
{
	struct retain r = { NULL, 0, 0, 0 };

	for_each(s, consider, &r);
	if (r.n > 0)
		qsort(r.old, r.n, sizeof *r.old, by_age);
	for (size_t i = 0; i < r.n && now_ms - r.old[i].at_ms > keep_ms; i++)
		if (r.old[i].shipped)
			remove_one(s, &r, &r.old[i], "age");
	for (int shipped = 1; shipped >= 0; shipped--)
		for (size_t i = 0; i < r.n && r.total > keep_bytes; i++)
			if (r.old[i].p != NULL && r.old[i].shipped == shipped)
				remove_one(s, &r, &r.old[i], "size");
	free(r.old);
	for_each(s, forget_gone, NULL);
}

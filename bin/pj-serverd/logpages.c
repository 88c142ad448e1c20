#include "logpages.h"

#include <stdlib.h>
#include <string.h>

#include "logstore.h"

#define PAGE_LINES 100
#define MARK_LINES 1000             /* lines between two places that are remembered */
#define KEPT 32                     /* logs */
#define TURN_BYTES (16 * 1024 * 1024) /* counted in one turn */
#define CHUNK (256 * 1024)
#define PENDING_MAX 256
#define NO_LOG "SYSTEM: There is no online log for this job instance.\n"

struct counted { /* a log, from its beginning up to `bytes`: it only grows */
	int64_t id;      /* 0: free */
	int64_t bytes, lines;
	int64_t *mark;   /* where line number k * MARK_LINES begins */
	int64_t n, cap;
	uint64_t used;
};

struct pending { /* a request whose log is being counted */
	struct pending *prev, *next;
	struct logpages *owner;
	struct http_req *req;
	int64_t id, index;
};

struct logpages {
	struct server *server;
	struct counted kept[KEPT];
	uint64_t use;
	struct pending *first;
	int n_pending;
	struct loop_timer *timer;
};

/* --- counting -------------------------------------------------------------------------------------------------- */

static void
reset(struct counted *k, int64_t id)
{
	free(k->mark);
	*k = (struct counted){ .id = id };
}

static struct counted *
counted_of(struct logpages *p, int64_t id)
{
	struct counted *k = &p->kept[0];

	for (int i = 0; i < KEPT; i++) {
		if (p->kept[i].id == id) {
			k = &p->kept[i];
			break;
		}
		if (p->kept[i].used < k->used)
			k = &p->kept[i];
	}
	if (k->id != id)
		reset(k, id);
	k->used = ++p->use;
	return k;
}

static int
mark(struct counted *k, int64_t offset, struct err *e)
{
	if (k->n == k->cap) {
		int64_t cap = k->cap == 0 ? 16 : 2 * k->cap;
		int64_t *more = reallocarray(k->mark, (size_t)cap, sizeof *more);

		if (more == NULL)
			return err_set(e, ERR_NOMEM, "out of memory");
		k->mark = more;
		k->cap = cap;
	}
	k->mark[k->n++] = offset;
	return 0;
}

static int
count_chunk(struct counted *k, const char *data, size_t len, struct err *e)
{
	const char *end = data + len, *nl;

	if (k->n == 0 && mark(k, 0, e) != 0)
		return -1;
	for (const char *at = data; (nl = memchr(at, '\n', (size_t)(end - at))) != NULL; at = nl + 1)
		if (++k->lines % MARK_LINES == 0 && mark(k, k->bytes + (nl + 1 - data), e) != 0)
			return -1;
	k->bytes += (int64_t)len;
	return 0;
}

/* Counts at most *budget bytes more, and takes them from it. 1: to the end. 0: not yet. */
static int
count(struct logpages *p, struct counted *k, int64_t *budget, struct err *e)
{
	struct buf chunk = BUF_INIT;
	int64_t length;
	int rc = logstore_length(p->server->logs, k->id, &length, e);

	if (rc == 0 && length < k->bytes)
		reset(k, k->id);
	while (rc == 0 && k->bytes < length && *budget > 0) {
		buf_clear(&chunk);
		rc = logstore_read(p->server->logs, k->id, k->bytes, CHUNK, &chunk, e);
		if (rc == 0 && chunk.len == 0)
			break;
		if (rc == 0 && (rc = count_chunk(k, chunk.data, chunk.len, e)) == 0)
			*budget -= (int64_t)chunk.len;
	}
	buf_fini(&chunk);
	if (rc != 0)
		reset(k, 0);
	return rc != 0 ? -1 : k->bytes >= length;
}

/* --- a page ---------------------------------------------------------------------------------------------------- */

/* Skips `skip` lines from offset on, and puts PAGE_LINES of those behind them into out. */
static int
read_lines(struct logpages *p, const struct counted *k, int64_t offset, int64_t skip, struct buf *out, struct err *e)
{
	struct buf chunk = BUF_INIT;
	int64_t left = PAGE_LINES;
	int rc = 0;

	while (rc == 0 && left > 0 && offset < k->bytes) {
		buf_clear(&chunk);
		rc = logstore_read(p->server->logs, k->id, offset, CHUNK, &chunk, e);
		if (rc == 0 && chunk.len == 0)
			break;
		offset += (int64_t)chunk.len;
		for (const char *at = chunk.data, *end = at + chunk.len; rc == 0 && at < end && left > 0;) {
			const char *nl = memchr(at, '\n', (size_t)(end - at));
			size_t n = nl == NULL ? (size_t)(end - at) : (size_t)(nl - at) + 1;

			if (skip == 0)
				buf_add(out, at, n);
			if (nl != NULL && skip > 0)
				skip--;
			else if (nl != NULL)
				left--;
			at += n;
		}
	}
	buf_fini(&chunk);
	return rc;
}

static int
put_page(struct logpages *p, const struct counted *k, int64_t index, struct buf *out, struct err *e)
{
	int64_t pages = (k->lines + PAGE_LINES - 1) / PAGE_LINES, line = index < pages ? index * PAGE_LINES : 0;
	struct buf text = BUF_INIT;
	struct jw w;
	int rc = 0;

	if (index < pages)
		rc = read_lines(p, k, k->mark[line / MARK_LINES], line % MARK_LINES, &text, e);
	if (k->bytes == 0)
		buf_adds(&text, NO_LOG);
	if (rc == 0 && !buf_ok(&text))
		rc = err_set(e, ERR_NOMEM, "out of memory");
	if (rc == 0) {
		jw_init(&w, out);
		jw_obj(&w);
		jw_i64(&w, "index", index);
		jw_i64(&w, "totalPages", k->bytes == 0 ? 1 : pages);
		jw_str(&w, "data", buf_str(&text));
		jw_end(&w);
	}
	buf_fini(&text);
	return rc;
}

/* --- those that wait ------------------------------------------------------------------------------------------- */

static void
pending_free(struct pending *q)
{
	if (q->prev != NULL)
		q->prev->next = q->next;
	else
		q->owner->first = q->next;
	if (q->next != NULL)
		q->next->prev = q->prev;
	q->owner->n_pending--;
	free(q);
}

static void
on_close(struct http_req *req, void *arg)
{
	(void)req;
	pending_free(arg);
}

static void
finish(struct pending *q, const struct counted *k, struct err *e)
{
	struct call c = { .server = q->owner->server, .req = q->req };
	int rc = k == NULL ? -1 : put_page(q->owner, k, q->index, &c.out, e);

	http_req_on_close(q->req, NULL, NULL);
	if (rc == 0)
		reply_java(&c);
	else
		reply_java_error(&c, e);
	buf_fini(&c.out);
	pending_free(q);
}

static void
on_timer(void *arg)
{
	struct logpages *p = arg;
	int64_t budget = TURN_BYTES;

	for (struct pending *q = p->first, *next; q != NULL && budget > 0; q = next) {
		struct counted *k = counted_of(p, q->id);
		struct err e = ERR_INIT;
		int rc = count(p, k, &budget, &e);

		next = q->next;
		if (rc != 0)
			finish(q, rc < 0 ? NULL : k, &e);
	}
	if (p->first != NULL)
		loop_timer_set(p->timer, 0);
}

static int
wait_for(struct call *c, int64_t id, int64_t index, struct err *e)
{
	struct logpages *p = c->server->pages;
	struct pending *q;

	if (p->n_pending >= PENDING_MAX)
		return err_set(e, ERR_BUSY, "%d other pages of logs are being looked for", p->n_pending);
	q = calloc(1, sizeof *q);
	if (q == NULL)
		return err_set(e, ERR_NOMEM, "out of memory");
	*q = (struct pending){ .next = p->first, .owner = p, .req = c->req, .id = id, .index = index };
	if (p->first != NULL)
		p->first->prev = q;
	p->first = q;
	p->n_pending++;
	http_req_on_close(c->req, on_close, q);
	loop_timer_set(p->timer, 0);
	c->answered = true;
	return 0;
}

int
logpages_answer(struct call *c, int64_t instance_id, int64_t index, struct err *e)
{
	struct logpages *p = c->server->pages;
	struct counted *k = counted_of(p, instance_id);
	int64_t budget = TURN_BYTES;
	int rc = count(p, k, &budget, e);

	if (rc < 0)
		return -1;
	return rc == 1 ? put_page(p, k, index, &c->out, e) : wait_for(c, instance_id, index, e);
}

/* --- life ------------------------------------------------------------------------------------------------------ */

void
logpages_forget(struct logpages *p)
{
	for (int i = 0; i < KEPT; i++)
		reset(&p->kept[i], 0);
}

struct logpages *
logpages_new(struct server *s)
{
	struct logpages *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	p->server = s;
	p->timer = loop_timer_new(s->loop, on_timer, p);
	if (p->timer == NULL) {
		free(p);
		return NULL;
	}
	return p;
}

void
logpages_free(struct logpages *p)
{
	if (p == NULL)
		return;
	while (p->first != NULL)
		pending_free(p->first);
	logpages_forget(p);
	loop_timer_free(p->timer);
	free(p);
}

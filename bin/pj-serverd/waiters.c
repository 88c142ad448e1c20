#include "waiters.h"

#include <stdlib.h>

#define BUCKETS 1024
#define WAITERS_MAX 3000 /* below the listener's connections: there is always room for who does not wait */

struct waiter {
	struct waiters *owner;
	struct waiter **link, *next; /* *link points at this one */
	struct http_req *req;
	struct loop_timer *timer;
	int64_t instance_id, arg;
	waiter_fn fn;
};

struct waiters {
	struct server *server;
	struct waiter *bucket[BUCKETS];
	int n;
	bool ending;
};

static struct waiter **
bucket_of(struct waiters *w, int64_t instance_id)
{
	return &w->bucket[((uint64_t)instance_id * 0x9e3779b97f4a7c15u) >> 54];
}

static void
waiter_free(struct waiter *x)
{
	*x->link = x->next;
	if (x->next != NULL)
		x->next->link = x->link;
	x->owner->n--;
	loop_timer_free(x->timer);
	free(x);
}

static void
on_close(struct http_req *req, void *arg)
{
	(void)req;
	waiter_free(arg);
}

/* True: answered and freed. */
static bool
ask(struct waiter *x, bool last)
{
	http_req_on_close(x->req, NULL, NULL);
	if (x->fn(x->owner->server, x->req, x->instance_id, x->arg, last)) {
		waiter_free(x);
		return true;
	}
	http_req_on_close(x->req, on_close, x);
	return false;
}

static void
on_time(void *arg)
{
	struct waiter *x = arg;

	ask(x, true);
}

int
waiters_add(struct waiters *w, struct http_req *req, int64_t instance_id, int64_t wait_ms, waiter_fn fn, int64_t arg,
    struct err *e)
{
	struct waiter *x, **bucket = bucket_of(w, instance_id);

	if (fn(w->server, req, instance_id, arg, wait_ms <= 0 || w->ending))
		return 0;
	if (w->n >= WAITERS_MAX)
		return err_set(e, ERR_BUSY, "%d requests are waiting already; ask again without waitMs", w->n);
	x = calloc(1, sizeof *x);
	if (x == NULL || (x->timer = loop_timer_new(w->server->loop, on_time, x)) == NULL) {
		free(x);
		return err_set(e, ERR_NOMEM, "out of memory");
	}
	x->owner = w;
	x->req = req;
	x->instance_id = instance_id;
	x->arg = arg;
	x->fn = fn;
	x->link = bucket;
	x->next = *bucket;
	if (x->next != NULL)
		x->next->link = &x->next;
	*bucket = x;
	w->n++;
	loop_timer_set(x->timer, wait_ms);
	http_req_on_close(req, on_close, x);
	return 0;
}

void
waiters_wake(struct waiters *w, int64_t instance_id)
{
	struct waiter *next;

	for (struct waiter *x = *bucket_of(w, instance_id); x != NULL; x = next) {
		next = x->next;
		if (x->instance_id == instance_id)
			ask(x, false);
	}
}

void
waiters_end(struct waiters *w)
{
	w->ending = true;
	for (int i = 0; i < BUCKETS; i++)
		while (w->bucket[i] != NULL)
			ask(w->bucket[i], true);
}

struct waiters *
waiters_new(struct server *s)
{
	struct waiters *w = calloc(1, sizeof *w);

	if (w != NULL)
		w->server = s;
	return w;
}

void
waiters_free(struct waiters *w)
{
	if (w == NULL)
		return;
	for (int i = 0; i < BUCKETS; i++)
		while (w->bucket[i] != NULL)
			waiter_free(w->bucket[i]);
	free(w);
}

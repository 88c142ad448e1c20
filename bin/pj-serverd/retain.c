#include "retain.h"

#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "base/log.h"
#include "logstore.h"
#include "store/logindex.h"

#define IDLE_MS 60000
#define BUSY_MS 50     /* between chunks while there is more to do */
#define CHUNK 100

struct retain {
	struct server *server;
	struct loop_timer *timer;
	bool more;
};

struct old_log {
	int64_t id, length;
};

struct old_logs {
	struct old_log log[CHUNK];
	int n;
};

static bool
keep_old(int64_t id, int64_t length, void *arg)
{
	struct old_logs *o = arg;

	o->log[o->n].id = id;
	o->log[o->n++].length = length;
	return o->n < CHUNK;
}

static int
rows_event(void *arg, struct err *e)
{
	struct retain *r = arg;
	struct server *s = r->server;
	struct core_keep keep = { s->conf.server.keep_instances_ms, s->conf.server.keep_skipped_ms };

	return core_retain(s->core, server_now(s), &keep, CHUNK, &r->more, e);
}

static int
logs_event(void *arg, struct err *e)
{
	struct retain *r = arg;
	struct server *s = r->server;
	struct old_logs old = { .n = 0 };
	int64_t most = s->conf.server.keep_logs_bytes, age = s->conf.server.keep_logs_ms, now_ms = core_kept_ms(s->core, server_now(s));
	bool over = most > 0 && logstore_bytes(s->logs) > most;

	if (!over && age <= 0)
		return 0;
	if (logindex_each_old(s->db, over ? server_now(s).at_ms : now_ms - age, CHUNK, keep_old, &old, e) != 0)
		return -1;
	for (int i = 0; i < old.n; i++) {
		if (over && logstore_bytes(s->logs) <= most)
			return 0;
		if (logstore_remove(s->logs, old.log[i].id, old.log[i].length, e) != 0)
			return e->code == ERR_BUSY ? 0 : -1;
	}
	r->more |= old.n == CHUNK;
	return 0;
}

/* A burst leaves the heap full of holes, which free() alone never gives back. */
static void
give_back(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}

static void
on_time(void *arg)
{
	struct retain *r = arg;
	struct err e = ERR_INIT;

	r->more = false;
	if (server_event(r->server, rows_event, r, &e) != 0 || server_event(r->server, logs_event, r, &e) != 0) {
		log_warn("retain", "error=%s", log_q(e.msg));
		r->more = false;
	}
	if (!r->more)
		give_back();
	loop_timer_set(r->timer, r->more ? BUSY_MS : IDLE_MS);
}

struct retain *
retain_new(struct server *s)
{
	struct retain *r = calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	r->server = s;
	r->timer = loop_timer_new(s->loop, on_time, r);
	if (r->timer == NULL) {
		free(r);
		return NULL;
	}
	loop_timer_set(r->timer, BUSY_MS);
	return r;
}

void
retain_free(struct retain *r)
{
	if (r == NULL)
		return;
	loop_timer_free(r->timer);
	free(r);
}

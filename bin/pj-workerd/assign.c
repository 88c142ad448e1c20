#include "worker.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/* What may become what. Rows: from; a bit for each state it may move to. */
#define TO(s) (1u << (s))
static const unsigned moves[] = {
	[ASSIGN_ACCEPTED] = TO(ASSIGN_TOLD) | TO(ASSIGN_FINISHED) | TO(ASSIGN_REPORTED),
	[ASSIGN_TOLD] = TO(ASSIGN_TOLD) | TO(ASSIGN_ACCEPTED) /* its commit failed: back in the queue */
	    | TO(ASSIGN_RUNNING) | TO(ASSIGN_FINISHED) | TO(ASSIGN_REPORTED),
	[ASSIGN_RUNNING] = TO(ASSIGN_FINISHED) | TO(ASSIGN_REPORTED),
	[ASSIGN_FINISHED] = TO(ASSIGN_REPORTED),
	[ASSIGN_REPORTED] = 0,
	[ASSIGN_REFUSED] = 0,
};

void
assign_move(struct run *r, enum assign_state to)
{
	if ((moves[r->state] & TO(to)) == 0) {
		log_error("illegal_move", "instance=%lld attempt=%lld from=%s to=%s", (long long)r->instance_id,
		    (long long)r->attempt, workerdb_state_name(r->state), workerdb_state_name(to));
		abort();
	}
	r->state = to;
}

/* --- hash of the runs, by instance ------------------------------------------------------------------------------ */

static struct run **
bucket_of(const struct host *w, int64_t instance_id)
{
	uint64_t h = (uint64_t)instance_id * UINT64_C(0x9e3779b97f4a7c15);

	return &w->bucket[(h >> 32) & (uint64_t)(w->n_buckets - 1)];
}

static int
grow(struct host *w)
{
	int n = w->n_buckets == 0 ? 1024 : w->n_buckets * 2, old_n = w->n_buckets;
	struct run **old = w->bucket, **bigger = calloc((size_t)n, sizeof *bigger);

	if (bigger == NULL)
		return old == NULL ? -1 : 0;
	w->bucket = bigger;
	w->n_buckets = n;
	for (int i = 0; i < old_n; i++)
		while (old[i] != NULL) {
			struct run *r = old[i], **to = bucket_of(w, r->instance_id);

			old[i] = r->next_hash;
			r->next_hash = *to;
			*to = r;
		}
	free(old);
	return 0;
}

struct run *
assign_of_instance(struct host *w, int64_t instance_id, const struct run *after)
{
	struct run *r;

	if (w->n_buckets == 0)
		return NULL;
	r = after != NULL ? after->next_hash : *bucket_of(w, instance_id);
	while (r != NULL && r->instance_id != instance_id)
		r = r->next_hash;
	return r;
}

struct run *
assign_find(struct host *w, int64_t instance_id, int64_t attempt)
{
	struct run *r = assign_of_instance(w, instance_id, NULL);

	while (r != NULL && r->attempt != attempt)
		r = assign_of_instance(w, instance_id, r);
	return r;
}

struct run *
assign_new(struct host *w, int64_t instance_id, int64_t attempt, enum assign_state state)
{
	struct run *r = calloc(1, sizeof *r), **b;

	if (r == NULL || (w->n_runs >= w->n_buckets && grow(w) < 0)) {
		free(r);
		return NULL;
	}
	r->instance_id = instance_id;
	r->attempt = attempt;
	r->state = state;
	r->slot = -1;
	r->pid_fd = -1;
	b = bucket_of(w, instance_id);
	r->next_hash = *b;
	*b = r;
	w->n_runs++;
	return r;
}

void
assign_free(struct host *w, struct run *r)
{
	struct run **p = bucket_of(w, r->instance_id);

	while (*p != r)
		p = &(*p)->next_hash;
	*p = r->next_hash;
	w->n_runs--;
	assign_to_list(r, NULL);
	live_forget(w, r);
	free(r->message);
	buf_fini(&r->report);
	free(r->address);
	free(r);
}

void
assign_to_list(struct run *r, struct run_list *to)
{
	if (r->list != NULL) {
		*(r->prev != NULL ? &r->prev->next : &r->list->first) = r->next;
		*(r->next != NULL ? &r->next->prev : &r->list->last) = r->prev;
		r->list->n--;
	}
	r->list = to;
	r->next = r->prev = NULL;
	if (to == NULL)
		return;
	r->prev = to->last;
	*(to->last != NULL ? &to->last->next : &to->first) = r;
	to->last = r;
	to->n++;
}

struct run *
assign_older_live(struct host *w, const struct run *r)
{
	struct run *o = NULL;

	while ((o = assign_of_instance(w, r->instance_id, o)) != NULL)
		if (o->attempt < r->attempt && (o->state == ASSIGN_TOLD || o->state == ASSIGN_RUNNING
		    || o->state == ASSIGN_ACCEPTED))
			return o;
	return NULL;
}

struct run *
assign_older_unreported(struct host *w, const struct run *r)
{
	struct run *o = NULL;

	while ((o = assign_of_instance(w, r->instance_id, o)) != NULL)
		if (o->attempt < r->attempt)
			return o;
	return NULL;
}

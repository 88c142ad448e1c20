/* Slot files: state/hb/slot-NNNN, one per run at once, made when first needed and then kept. */
#include "worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"

#define DRAIN_LOOK_MS 200 /* only where no spawner says that a pj-run has left */

void
slots_path(const struct host *w, int slot, char out[PATH_MAX])
{
	if (file_path(out, PATH_MAX, NULL, "%s/hb/slot-%04d", w->state_dir, slot) < 0)
		out[0] = '\0';
}

int
slots_of_path(const struct host *w, const char *path)
{
	const char *name = strrchr(path, '/');
	char *end, own[PATH_MAX];
	long n;

	name = name != NULL ? name + 1 : path;
	if (strncmp(name, "slot-", 5) != 0)
		return -1;
	n = strtol(name + 5, &end, 10);
	if (*end != '\0' || end == name + 5 || n < 0 || n >= w->n_slots)
		return -1;
	slots_path(w, (int)n, own);
	return strcmp(own, path) == 0 ? (int)n : -1;
}

int
slots_fd(struct host *w, int slot, struct err *e)
{
	char path[PATH_MAX];


	if (w->slot[slot].fd >= 0)
		return w->slot[slot].fd;
	slots_path(w, slot, path);
	return w->slot[slot].fd = slot_open(path, e);
}

bool
slots_replaced(struct host *w, int slot)
{
	struct stat st;

	if (w->slot[slot].fd < 0 || fstat(w->slot[slot].fd, &st) < 0 || st.st_nlink > 0)
		return false;
	close(w->slot[slot].fd);
	w->slot[slot].fd = -1;
	return true;
}

int
slots_grow(struct host *w, int n, struct err *e)
{
	struct slot_entry *more;

	if (n <= w->n_slots)
		return 0;
	more = realloc(w->slot, (size_t)n * sizeof *more);
	if (more == NULL)
		return err_set(e, ERR_NOMEM, "out of memory for %d slots", n);
	w->slot = more;
	for (int i = w->n_slots; i < n; i++)
		w->slot[i] = (struct slot_entry){ USE_FREE, -1, 0, NULL, -1 };
	w->n_slots = n;
	return 0;
}

static void
put_free(struct host *w, int slot)
{
	w->slot[slot].use = USE_FREE;
	w->slot[slot].run = NULL;
	if (slot >= w->conf->worker.slots)
		return; /* of a configuration that had more: never given out again */
	w->slot[slot].next_free = w->free_head;
	w->free_head = slot;
}

static void
look_at_draining(void *arg)
{
	struct host *w = arg;

	for (int i = 0; w->n_draining > 0 && i < w->n_slots; i++) {
		struct err e = ERR_INIT;
		int fd;

		if (w->slot[i].use != USE_DRAINING)
			continue;
		fd = slots_fd(w, i, &e);
		if (fd >= 0 && slot_holder(fd) == 0)
			slots_left(w, i, w->slot[i].seq);
	}
	if (w->n_draining > 0)
		loop_timer_set(w->drain_timer, DRAIN_LOOK_MS);
}

struct load {
	struct host *w;
	struct err *e;
	int rc;
};

static void
load_seq(int64_t slot, int64_t seq, void *arg)
{
	struct load *l = arg;

	if (slot < 0 || slot >= 65536 || l->rc < 0)
		return;
	if (slots_grow(l->w, (int)slot + 1, l->e) < 0)
		l->rc = -1;
	else
		l->w->slot[slot].seq = seq;
}

int
slots_init(struct host *w, struct err *e)
{
	struct load l = { w, e, 0 };

	if ((w->drain_timer = loop_timer_new(w->loop, look_at_draining, w)) == NULL)
		return err_set(e, ERR_NOMEM, "out of memory");
	if (slots_grow(w, (int)w->conf->worker.slots, e) < 0 || workerdb_slot_each(w->db, load_seq, &l, e) < 0 || l.rc < 0)
		return -1;
	/* The lowest first: few files stay warm. */
	for (int i = (int)w->conf->worker.slots - 1; i >= 0; i--)
		put_free(w, i);
	return 0;
}

void
slots_fini(struct host *w)
{
	for (int i = 0; i < w->n_slots; i++)
		if (w->slot[i].fd >= 0)
			close(w->slot[i].fd);
	free(w->slot);
	loop_timer_free(w->drain_timer);
}

int
slots_take(struct host *w, struct run *r)
{
	int slot = w->free_head;
	struct slot_entry *s;

	if (slot < 0)
		return -1;
	s = &w->slot[slot];
	w->free_head = s->next_free;
	s->use = USE_RUN;
	s->run = r;
	r->slot = slot;
	r->seq = ++s->seq;
	w->n_used++;
	return slot;
}

void
slots_put_back(struct host *w, struct run *r)
{
	if (r->slot < 0)
		return;
	w->n_used--;
	put_free(w, r->slot);
	r->slot = -1;
}

/* At adoption the slot is taken out of the free list by its number. */
static void
unlink_free(struct host *w, int slot)
{
	for (int *p = &w->free_head; *p >= 0; p = &w->slot[*p].next_free)
		if (*p == slot) {
			*p = w->slot[slot].next_free;
			return;
		}
}

void
slots_claim(struct host *w, struct run *r, int slot, int64_t seq)
{
	struct slot_entry *s = &w->slot[slot];

	if (s->use == USE_FREE)
		unlink_free(w, slot);
	s->use = USE_RUN;
	s->run = r;
	if (s->seq < seq)
		s->seq = seq;
	r->slot = slot;
	r->seq = seq;
	w->n_used++;
}

void
slots_hold(struct host *w, int slot)
{
	if (w->slot[slot].use != USE_FREE)
		return;
	unlink_free(w, slot);
	w->slot[slot].use = USE_DRAINING;
	w->n_draining++;
	loop_timer_set(w->drain_timer, DRAIN_LOOK_MS);
}

void
slots_retire(struct host *w, int slot)
{
	if (w->slot[slot].use == USE_FREE)
		unlink_free(w, slot);
	else
		return;
	w->slot[slot].use = USE_RETIRED;
}

void
slots_drain(struct host *w, struct run *r, bool left)
{
	int slot = r->slot;

	if (slot < 0)
		return;
	w->n_used--;
	r->slot = -1;
	if (left) {
		put_free(w, slot);
		return;
	}
	w->slot[slot].use = USE_DRAINING;
	w->slot[slot].run = NULL;
	if (w->n_draining++ == 0)
		loop_timer_set(w->drain_timer, DRAIN_LOOK_MS);
}

void
slots_left(struct host *w, int slot, int64_t seq)
{
	if (w->slot[slot].use != USE_DRAINING || w->slot[slot].seq != seq)
		return;
	put_free(w, slot);
	w->n_draining--;
}

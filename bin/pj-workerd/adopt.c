/* What was here before this start: rows and slot files say everything (design rule 7). */
#include "worker.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

struct adopt {
	struct host *w;
	struct err *e;
	int rc, open, unsent;
};

/* A report that was not acknowledged. Its assignment's row needs not be read: the body is in the outbox. */
static bool
take_report(const struct outbox_row *row, void *arg)
{
	struct adopt *a = arg;
	struct run *r = assign_new(a->w, row->instance_id, row->attempt, ASSIGN_FINISHED);

	if (r == NULL) {
		a->rc = err_set(a->e, ERR_NOMEM, "out of memory");
		return false;
	}
	r->committed = true;
	r->out_id = row->id;
	r->out_since_ms = row->created_ms;
	assign_to_list(r, &a->w->ready);
	a->unsent++;
	return true;
}

static int
place(struct host *w, struct run *r, const struct assignment *a, struct err *e)
{
	if (a->slot < 0 || a->slot >= 65536)
		return err_set(e, ERR_IO, "worker.db: assignment %" PRId64 ".%" PRId64 " is open and has no slot", a->instance_id,
		    a->attempt);
	if (slots_grow(w, (int)a->slot + 1, e) < 0)
		return -1;
	if (w->slot[a->slot].use == USE_RUN)
		return err_set(e, ERR_IO, "worker.db: two open assignments have slot %" PRId64, a->slot);
	slots_claim(w, r, (int)a->slot, a->seq);
	return 0;
}

static bool
take_open(const struct assignment *a, void *arg)
{
	struct adopt *ad = arg;
	struct run *r = assign_new(ad->w, a->instance_id, a->attempt, a->state);

	if (r == NULL) {
		ad->rc = err_set(ad->e, ERR_NOMEM, "out of memory");
		return false;
	}
	r->job_id = a->job_id;
	r->wf_instance_id = a->wf_instance_id;
	r->plain = a->plain;
	r->accepted_ms = a->accepted_ms;
	r->started_ms = a->started_ms;
	r->stop_ms = a->stop_ms;
	r->committed = true;
	if (a->address != NULL && strcmp(a->address, ad->w->address) != 0
	    && (r->address = strdup(a->address)) == NULL) {
		assign_free(ad->w, r);
		ad->rc = err_set(ad->e, ERR_NOMEM, "out of memory");
		return false;
	}
	r->other_boot = a->state != ASSIGN_ACCEPTED && strcmp(a->boot_id, clock_boot_id()) != 0;
	if ((ad->rc = place(ad->w, r, a, ad->e)) < 0) {
		assign_free(ad->w, r);
		return false;
	}
	assign_to_list(r, a->state == ASSIGN_ACCEPTED ? &ad->w->queued : &ad->w->live);
	ad->open++;
	return true;
}

/* A slot file that no assignment uses: its seq counts, and who holds it lost his assignment. */
static void
look_at_unused(struct host *w, int slot, const struct slot *s, pid_t holder)
{
	if (holder == 0)
		return;
	slots_hold(w, slot);
	if (holder < 0 || (s->state != SLOT_CLAIMED && s->state != SLOT_RUNNING)
	    || strcmp(s->boot_id, clock_boot_id()) != 0 || s->run.pid != holder)
		return;
	log_warn("no_assignment", "slot=%d instance=%" PRId64 " attempt=%" PRId64 " pid=%d ending=yes", slot, s->instance_id,
	    s->attempt, (int)holder);
	if (proc_signal(s->run, SIGTERM) < 0)
		log_warn("stop_failed", "pid=%d error=%s", (int)holder, log_q(strerror(errno)));
}

static int
look_at_slot(struct host *w, int slot, struct err *e)
{
	struct err why = ERR_INIT;
	struct slot s;
	pid_t holder;
	int fd;

	if (slots_grow(w, slot + 1, e) < 0 || (fd = slots_fd(w, slot, e)) < 0)
		return -1;
	holder = slot_holder(fd);
	if (slot_read(fd, &s, &why) < 0) {
		/* Nothing is ended for that; a new use of it is refused by pj-run, so it is not given out. */
		log_error("slot_unread", "slot=%d error=%s", slot, log_q(why.msg));
		slots_retire(w, slot);
		return 0;
	}
	if (w->slot[slot].seq < s.seq)
		w->slot[slot].seq = s.seq;
	if (w->slot[slot].use != USE_RUN)
		look_at_unused(w, slot, &s, holder);
	return 0;
}

static int
look_at_slots(struct host *w, struct err *e)
{
	char path[PATH_MAX];
	struct dirent *d;
	DIR *dir;
	int rc = 0;

	if (file_path(path, sizeof path, e, "%s/hb", w->state_dir) < 0)
		return -1;
	if ((dir = opendir(path)) == NULL)
		return err_sys(e, ERR_IO, errno, "cannot read %s", path);
	while (rc == 0 && (d = readdir(dir)) != NULL) {
		char *end;
		long n = strncmp(d->d_name, "slot-", 5) == 0 ? strtol(d->d_name + 5, &end, 10) : -1;

		if (n >= 0 && n < 65536 && *end == '\0')
			rc = look_at_slot(w, (int)n, e);
	}
	closedir(dir);
	return rc;
}

int
adopt_all(struct host *w, struct err *e)
{
	struct adopt a = { w, e, 0, 0, 0 };

	if (workerdb_outbox_each(w->db, take_report, &a, e) < 0 || a.rc < 0
	    || workerdb_assign_open(w->db, take_open, &a, e) < 0 || a.rc < 0)
		return -1;
	if (look_at_slots(w, e) < 0)
		return -1;
	if (a.open > 0 || a.unsent > 0)
		log_info("adopting", "assignments=%d reports=%d", a.open, a.unsent);
	return 0; /* the first look at the live ones is taken when the spawner is there */
}

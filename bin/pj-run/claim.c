#include "claim.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "runner.h"

#define LOCK_WAIT_MS 5000 /* the last holder may just be leaving */

static int
refuse(const struct spec *s, int fd, int code, const struct err *e)
{
	if (s->by_hand)
		fprintf(stderr, "pj-run: %s: %s\n", s->slot, e->msg);
	else
		log_error("not_started", "slot=%s seq=%" PRId64 " error=%s", log_q(s->slot), s->seq, log_q(e->msg));
	if (fd >= 0)
		close(fd);
	return code;
}

static int
new_record(struct slot *slot, const struct spec *s)
{
	int64_t last = slot->seq;

	slot_clear(slot);
	slot->seq = s->seq != 0 ? s->seq : last + 1;
	slot->state = SLOT_CLAIMED;
	slot->instance_id = s->instance_id;
	slot->attempt = s->attempt;
	slot->started_at_ms = clock_wall_ms();
	slot->heartbeat_boot_ms = clock_boot_ms();
	strcpy(slot->boot_id, clock_boot_id());
	return proc_self(&slot->run);
}

int
claim_slot(struct spec *spec, struct slot *slot, int *fd)
{
	struct err e = ERR_INIT;

	*fd = -1;
	if (spec->slot == NULL) {
		slot_clear(slot);
		return 0;
	}
	*fd = slot_open(spec->slot, &e);
	if (*fd < 0)
		return refuse(spec, -1, RUNNER_IO, &e);
	if (slot_lock(*fd, LOCK_WAIT_MS, &e) < 0)
		return refuse(spec, *fd, e.code == ERR_BUSY ? RUNNER_BUSY : RUNNER_IO, &e);
	if (slot_read(*fd, slot, &e) < 0)
		return refuse(spec, *fd, e.code == ERR_DATA ? RUNNER_BAD_SLOT : RUNNER_IO, &e);
	if (spec->seq != 0 && slot->seq >= spec->seq) {
		close(*fd);
		return RUNNER_OLD;
	}
	if (new_record(slot, spec) < 0) {
		err_set(&e, ERR_OS, "cannot read /proc/self/stat");
		return refuse(spec, *fd, RUNNER_OS, &e);
	}
	if (slot_write(*fd, slot, &e) < 0)
		return refuse(spec, *fd, RUNNER_IO, &e);
	return 0;
}

/* By which time rows are old. A clock that leaps forward makes nothing old: retention goes on by the time before, which
 * passes as the monotonic clock does, until the new one has been steady for some hours. Between two runs of the server it is
 * kept (meta, "clock_ms"), so that a machine that starts with a clock of years to come loses nothing either. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "job/core_int.h"
#include "store/meta.h"

#define SLACK_MS 60000          /* clocks are corrected by so much without being wrong */
#define STEADY_MS (6 * 3600000) /* a clock that was set wrong is seen by then */
#define SAVE_MS 600000

int
keep_load(struct core *c, struct now now, struct err *e)
{
	struct buf old = BUF_INIT;
	struct err why = ERR_INIT;
	int r = meta_get(c->db, "clock_ms", &old, &why);
	int64_t kept = r == 0 ? strtoll(buf_str(&old), NULL, 10) : now.at_ms;

	buf_fini(&old);
	if (r < 0 && why.code != ERR_NOTFOUND)
		return err_set(e, why.code, "%s", why.msg);
	if (kept > now.at_ms + SLACK_MS)
		log_warn("clock_behind", "ms=%" PRId64 " than=the-last-run then=what-ran-is-not-run-again", kept - now.at_ms);
	c->kept_saved_ms = r == 0 ? kept : INT64_MIN;
	c->kept_ms = kept < now.at_ms ? kept : now.at_ms;
	c->kept_mono = now.mono_ms;
	return 0;
}

static int
save(struct core *c, int64_t ms, struct err *e)
{
	char text[24];

	if (ms >= c->kept_saved_ms && ms < c->kept_saved_ms + SAVE_MS)
		return 0;
	snprintf(text, sizeof text, "%" PRId64, ms);
	c->wrote = true;
	if (meta_set(c->db, "clock_ms", text, e) < 0)
		return -1;
	c->kept_saved_ms = ms;
	return 0;
}

int
keep_now(struct core *c, struct now now, int64_t *out_ms, struct err *e)
{
	int64_t at = c->kept_ms + (now.mono_ms - c->kept_mono), drift = now.at_ms - now.mono_ms;

	*out_ms = at;
	if (now.at_ms > at + SLACK_MS) {
		if (!c->ahead || drift > c->ahead_ms + SLACK_MS || drift < c->ahead_ms - SLACK_MS) {
			log_info("retention_waits", "clock_ahead_ms=%" PRId64 " until=steady-for-6h", now.at_ms - at);
			c->ahead = true;
			c->ahead_ms = drift;
			c->ahead_mono = now.mono_ms;
		}
		if (now.mono_ms - c->ahead_mono < STEADY_MS)
			return save(c, at, e);
	}
	c->ahead = false;
	c->kept_ms = *out_ms = now.at_ms;
	c->kept_mono = now.mono_ms;
	return save(c, now.at_ms, e);
}

/* Messages over a stream socket between pj-workerd and its spawner: `PJ1 <decimal length>\n<kv record>`. libc only.
 *
 * To the spawner        op=run       the run's spec, see below
 * From the spawner      op=started   slot= seq= pid= start=
 *                       op=exited    slot= seq= pid= status=<wait status>   pj-run itself ended
 *                       op=refused   slot= seq= reason=                     could not be forked; not started
 *
 * A run's spec: slot=<path> seq= instance= attempt= app= job_id= job_name= spool=<path> bell=<path of worker.sock>
 *   timeout_ms=<0 none> grace_ms= log_max=<bytes, 0 none> log_full=drop|block cwd=<path> arg=<one per argument>
 *   env=<KEY=VALUE, one per variable; the job gets exactly these> input=<its standard input, may be absent>
 *   marker=<KEY=VALUE that is in env and unique to this attempt on the host:
 *   PJ_RUN=<instance>.<attempt>@<worker>> */
#ifndef PJ_CODEC_FRAME_H
#define PJ_CODEC_FRAME_H

#include "base/buf.h"
#include "base/err.h"

#define FRAME_VERSION "PJ1"

void frame_put(struct buf *out, const struct buf *body);
/* Looks for one whole frame at the front of in: 1 found (body appended to *body, frame removed from in), 0 more bytes
 * are needed, -1 ERR_PROTOCOL (wrong version, over LIMIT_SPEC) or ERR_NOMEM. */
int frame_get(struct buf *in, struct buf *body, struct err *e);

#endif

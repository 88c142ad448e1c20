/* RFC 4648 base64url without padding: what byte arrays are on the wire (protocol.md 2.6). */
#ifndef PJ_CODEC_B64_H
#define PJ_CODEC_B64_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

void b64url_put(struct buf *out, const void *data, size_t len);
/* Accepts missing or correct padding; ERR_DATA for '+', '/' and anything else. */
int b64url_get(struct buf *out, const char *text, size_t len, struct err *e);

#endif

#include "codec/frame.h"

#include <string.h>

#include "base/limits.h"

#define HEAD_MAX 16 /* "PJ1 1048576\n" and some room */

void
frame_put(struct buf *out, const struct buf *body)
{
	if (!buf_ok(body)) {
		out->failed = true;
		return;
	}
	buf_addf(out, "%s %zu\n", FRAME_VERSION, body->len);
	buf_add(out, buf_str(body), body->len);
}

/* The decimal at text[0..len), all of it; -1 when it is none or over the limit. */
static long
parse_length(const char *text, size_t len)
{
	long n = 0;

	if (len == 0)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		n = n * 10 + (text[i] - '0');
		if (n > LIMIT_SPEC)
			return -1;
	}
	return n;
}

int
frame_get(struct buf *in, struct buf *body, struct err *e)
{
	const size_t lead = sizeof FRAME_VERSION; /* with the blank behind it */
	size_t seen = in->len < HEAD_MAX ? in->len : HEAD_MAX;
	const char *end;
	size_t head;
	long len;

	if (seen == 0)
		return 0;
	if (memcmp(in->data, FRAME_VERSION " ", seen < lead ? seen : lead) != 0)
		return err_set(e, ERR_PROTOCOL, "the message is not of version %s", FRAME_VERSION);
	end = memchr(in->data, '\n', seen);
	if (end == NULL && seen < HEAD_MAX)
		return 0;
	head = end != NULL ? (size_t)(end - in->data) + 1 : 0;
	len = head > lead ? parse_length(in->data + lead, head - 1 - lead) : -1;
	if (len < 0)
		return err_set(e, ERR_PROTOCOL, "the message has no length, or one over %d bytes", LIMIT_SPEC);
	if (in->len < head + (size_t)len)
		return 0;
	buf_add(body, in->data + head, (size_t)len);
	if (!buf_ok(body))
		return err_set(e, ERR_NOMEM, "out of memory for a message of %ld bytes", len);
	buf_drop(in, head + (size_t)len);
	return 1;
}

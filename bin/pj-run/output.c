#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "codec/spool.h"

#define CHUNK (64 * 1024)
#define DRAIN_MAX (4 * 1024 * 1024) /* no process of the job is left, but someone else may hold the pipe and write on */
#define LINE_COST 34                /* bytes of a spool line beside its text, at most */

void
output_init(struct output *o, const char *path, int64_t max, bool block)
{
	memset(o, 0, offsetof(struct output, last));
	o->path = path;
	o->fd = -1;
	o->max = max;
	o->block = block;
	o->stream[OUTPUT_STDOUT].fd = -1;
	o->stream[OUTPUT_STDERR].fd = -1;
}

/* --- the file ------------------------------------------------------------------------------------------------- */

static int
open_spool(struct output *o)
{
	struct stat st;

	if (o->fd >= 0)
		return 0;
	o->fd = open(o->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (o->fd < 0)
		return -1;
	o->length = fstat(o->fd, &st) == 0 ? st.st_size : 0;
	return 0;
}

int
output_check(const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX] = ".";
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd >= 0) {
		close(fd);
		return 0;
	}
	if (errno != ENOENT)
		return errno;
	if (slash != NULL && (size_t)snprintf(dir, sizeof dir, "%.*s", (int)(slash - path) + 1, path) >= sizeof dir)
		return ENAMETOOLONG;
	return access(dir, W_OK | X_OK) == 0 ? 0 : errno;
}

/* Appends whole lines, or nothing of them: what a full disk took of them is cut off again. */
static int
append(struct output *o, const char *data, size_t len)
{
	size_t done = 0;

	if (open_spool(o) < 0)
		return -1;
	while (done < len) {
		ssize_t n = write(o->fd, data + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int why = errno;

			if (done > 0 && ftruncate(o->fd, o->length) < 0)
				o->length += (int64_t)done;
			errno = why;
			return -1;
		}
		done += (size_t)n;
	}
	o->length += (int64_t)len;
	return 0;
}

/* Says in the log what the disk did not take, as soon as it takes something again. */
static void
mark_lost(struct output *o)
{
	struct buf line = BUF_INIT;
	char text[160];
	int n;

	n = snprintf(text, sizeof text, "pj: %" PRId64 " bytes of output lost: %s", o->lost, strerror(o->lost_errno));
	spool_put(&line, clock_wall_ms(), SPOOL_WARN, text, (size_t)n);
	if (buf_ok(&line) && append(o, line.data, line.len) == 0)
		o->lost = 0;
	buf_fini(&line);
}

static void
flush(struct output *o)
{
	if (o->batch.len == 0 && !o->batch.failed)
		return;
	if (o->lost > 0)
		mark_lost(o);
	if (!buf_ok(&o->batch))
		errno = ENOMEM;
	if (!buf_ok(&o->batch) || o->lost > 0 || append(o, o->batch.data, o->batch.len) < 0) {
		o->lost_errno = errno;
		o->lost += (int64_t)o->batch.len;
		o->dropped += (int64_t)o->batch.len;
	}
	buf_clear(&o->batch);
}

/* --- lines ---------------------------------------------------------------------------------------------------- */

static void
reach_cap(struct output *o, int64_t at_ms)
{
	char text[120];
	int n;

	o->capped = true;
	n = snprintf(text, sizeof text, "pj: log cap of %" PRId64 " bytes reached, %s", o->max,
	    o->block ? "the job is held" : "output dropped");
	spool_put(&o->batch, at_ms, SPOOL_WARN, text, (size_t)n);
}

static void
put_piece(struct output *o, int64_t at_ms, int level, const char *text, size_t len, bool more)
{
	if (o->path == NULL)
		return;
	if (o->max > 0 && !o->capped && o->length + (int64_t)(o->batch.len + len + LINE_COST) > o->max)
		reach_cap(o, at_ms);
	if (o->capped && !o->block)
		o->dropped += (int64_t)len + !more;
	else
		spool_piece(&o->batch, at_ms, level, text, len, more);
}

static bool
is_blank(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (strchr(" \t\r", text[i]) == NULL || text[i] == '\0')
			return false;
	return true;
}

static void
keep_last(struct output *o, const char *text, size_t len)
{
	if (is_blank(text, len))
		return;
	o->last_len = len < sizeof o->last ? len : sizeof o->last;
	memcpy(o->last, text, o->last_len);
}

/* One line, or (more) all of an open line that is over the limit. */
static void
put_line(struct output *o, int which, int64_t at_ms, const char *text, size_t len)
{
	struct output_stream *s = &o->stream[which];
	int level = which == OUTPUT_STDOUT ? SPOOL_INFO : SPOOL_WARN;

	if (which == OUTPUT_STDOUT && !s->mid_line)
		keep_last(o, text, len);
	while (len > LIMIT_LOG_LINE) {
		size_t n = spool_cut(text, len, LIMIT_LOG_LINE);

		put_piece(o, at_ms, level, text, n, true);
		text += n;
		len -= n;
	}
	put_piece(o, at_ms, level, text, len, false);
	s->mid_line = false;
}

/* Writes the pieces of an open line that are full already, so that a line without end needs no memory without end. */
static void
put_full_pieces(struct output *o, int which, int64_t at_ms)
{
	struct output_stream *s = &o->stream[which];

	while (s->partial.len > LIMIT_LOG_LINE) {
		size_t n = spool_cut(s->partial.data, s->partial.len, LIMIT_LOG_LINE);

		if (which == OUTPUT_STDOUT && !s->mid_line)
			keep_last(o, s->partial.data, n);
		put_piece(o, at_ms, which == OUTPUT_STDOUT ? SPOOL_INFO : SPOOL_WARN, s->partial.data, n, true);
		s->mid_line = true;
		buf_drop(&s->partial, n);
	}
}

static void
feed(struct output *o, int which, const char *data, size_t len)
{
	struct buf *partial = &o->stream[which].partial;
	int64_t at_ms = clock_wall_ms();
	const char *nl;

	while ((nl = memchr(data, '\n', len)) != NULL) {
		size_t n = (size_t)(nl - data);

		if (partial->len > 0) {
			buf_add(partial, data, n);
			put_line(o, which, at_ms, partial->data, partial->len);
			buf_clear(partial);
		} else {
			put_line(o, which, at_ms, data, n);
		}
		data += n + 1;
		len -= n + 1;
	}
	if (len == 0)
		return;
	buf_add(partial, data, len);
	put_full_pieces(o, which, at_ms);
	if (!buf_ok(partial)) {
		o->dropped += (int64_t)len;
		buf_clear(partial);
	}
}

/* --- the pipes ------------------------------------------------------------------------------------------------ */

bool
output_wants(const struct output *o)
{
	return !(o->capped && o->block);
}

/* Bytes read, 0 when there is nothing now or nothing more. */
static size_t
read_chunk(struct output *o, int which)
{
	static char chunk[CHUNK];
	struct output_stream *s = &o->stream[which];
	ssize_t n;

	if (s->fd < 0)
		return 0;
	do
		n = read(s->fd, chunk, sizeof chunk);
	while (n < 0 && errno == EINTR);
	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		close(s->fd);
		s->fd = -1;
	}
	if (n <= 0)
		return 0;
	feed(o, which, chunk, (size_t)n);
	flush(o);
	return (size_t)n;
}

void
output_read(struct output *o, int which)
{
	read_chunk(o, which);
}

static void
drain(struct output *o, size_t most)
{
	for (int which = 0; which < 2; which++)
		for (size_t n, total = 0; total < most && (n = read_chunk(o, which)) > 0;)
			total += n;
}

void
output_catch_up(struct output *o)
{
	if (output_wants(o))
		drain(o, CHUNK);
}

void
output_log(struct output *o, int level, const char *text, size_t len)
{
	int64_t at_ms = clock_wall_ms();
	const char *nl;

	for (; (nl = memchr(text, '\n', len)) != NULL && (size_t)(nl - text) + 1 < len; text = nl + 1) {
		put_piece(o, at_ms, level, text, (size_t)(nl - text), false);
		len -= (size_t)(nl - text) + 1;
	}
	put_piece(o, at_ms, level, text, nl != NULL ? len - 1 : len, false);
	flush(o);
}

void
output_end(struct output *o)
{
	drain(o, DRAIN_MAX);
	for (int which = 0; which < 2; which++) {
		struct output_stream *s = &o->stream[which];

		if (s->partial.len > 0)
			put_line(o, which, clock_wall_ms(), s->partial.data, s->partial.len);
		buf_fini(&s->partial);
		if (s->fd >= 0)
			close(s->fd);
		s->fd = -1;
	}
	flush(o);
}

void
output_sync(const struct output *o)
{
	if (o->fd >= 0 && fdatasync(o->fd) < 0)
		return; /* nobody is left to hear it, and the result still goes its way */
}

void
output_result(char out[LIMIT_RESULT + 4], const char *text, size_t len)
{
	struct buf good = BUF_INIT;
	size_t n;

	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	spool_to_utf8(&good, text, len);
	n = spool_cut(buf_str(&good), good.len, LIMIT_RESULT);
	memcpy(out, buf_str(&good), n);
	memcpy(out + n, "...", 4);
	if (n == good.len)
		out[n] = '\0';
	buf_fini(&good);
}

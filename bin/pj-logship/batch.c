#include "batch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "codec/spool.h"

bool
batch_is_full(const struct batch *b)
{
	return b->n_entries == BATCH_ENTRIES || b->bytes >= BATCH_BYTES;
}

/* Parses the line and makes it an entry. end: offset behind it. A line without a time gets that of the batch. */
static void
take_line(struct batch *b, struct spool *p, const char *line, size_t len, int64_t end)
{
	struct log_entry *en = &b->entry[b->n_entries];
	struct buf *text = &b->text[b->n_entries];
	struct spool_line l;

	spool_parse(line, len, &l);
	buf_clear(text);
	spool_to_utf8(text, l.text, l.len);
	*en = (struct log_entry){ p->instance_id, l.at_ms != 0 ? l.at_ms : b->at_ms, (int)l.level,
		buf_str(text), p->attempt, p->name, end };
	b->n_entries++;
	b->bytes += len;
}

/* Whole lines of a block that was read at p->sent. Returns how many bytes they are. */
static size_t
take_block(struct batch *b, struct spool *p, size_t len)
{
	size_t at = 0;

	while (at < len && !batch_is_full(b)) {
		const char *nl = memchr(b->block + at, '\n', len - at);
		size_t n = nl != NULL ? (size_t)(nl - b->block) - at : 0;

		if (nl == NULL)
			break;
		take_line(b, p, b->block + at, n, p->sent + (int64_t)(at + n + 1));
		at += n + 1;
	}
	return at;
}

static ssize_t
read_block(struct batch *b, struct spool *p)
{
	char path[PATH_MAX + 64];
	ssize_t n;
	int fd;

	if (file_path(path, sizeof path, NULL, "%s/%s", b->spools->dir, p->name) < 0)
		return -1;
	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) < 0)
		return -1;
	n = pread(fd, b->block, BATCH_BYTES, p->sent);
	close(fd);
	return n;
}

/* Takes what there is of one spool; no longer dirty when that was all. */
static void
take_spool(struct batch *b, struct spool *p)
{
	ssize_t n = read_block(b, p);
	int64_t from = p->sent;
	size_t used;

	if (n < 0) {
		p->gone = errno == ENOENT;
		if (!p->gone)
			log_warn("spool_unread", "spool=%s error=%s", log_q(p->name), log_q(strerror(errno)));
		spools_clean(b->spools, p); /* the scan of the directory brings it back */
		return;
	}
	used = take_block(b, p, (size_t)n);
	if (used == 0 && n > 0 && b->n_entries < BATCH_ENTRIES && (n == BATCH_BYTES || !spools_live(b->spools, p))) {
		/* A line without end that no run goes on with, or one that no run of ours wrote. */
		take_line(b, p, b->block, (size_t)n, p->sent + n);
		used = (size_t)n;
	}
	p->sent += (int64_t)used;
	if (p->sent > from)
		b->piece[b->n_pieces++] = (struct batch_piece){ p, p->sent };
	if (used == (size_t)n && n < BATCH_BYTES)
		spools_clean(b->spools, p);
	else if (used == 0)
		spools_clean(b->spools, p); /* an open line: its end, or the next look, brings it back */
	else
		spools_turn(b->spools, p);
}

void
batch_fill(struct batch *b, struct now now, bool alone)
{
	struct spool *p, *next;
	int left = b->spools->n_dirty;

	b->n_entries = b->n_pieces = 0;
	b->bytes = 0;
	b->at_ms = now.at_ms;
	for (p = b->spools->first; p != NULL && left-- > 0 && !batch_is_full(b);
	    p = next) {
		next = p->next;
		if (p->parked_until_mono_ms > now.mono_ms)
			continue;
		take_spool(b, p);
		if (alone && b->n_pieces > 0)
			break;
	}
}

bool
batch_put(const struct batch *b, const char *address, struct buf *out)
{
	struct log_batch batch = { address, NULL, b->n_entries };
	struct log_entry *entries;

	for (int i = 0; i < b->n_entries; i++)
		if (!buf_ok(&b->text[i]))
			return false;
	memcpy(&entries, &(const struct log_entry *){ b->entry }, sizeof entries); /* it is only read */
	batch.entry = entries;
	msg_log_put(out, &batch);
	return buf_ok(out);
}

void
batch_acked(struct batch *b)
{
	for (int i = 0; i < b->n_pieces; i++)
		b->piece[i].p->acked = b->piece[i].to;
	b->n_pieces = 0;
}

void
batch_give_back(struct batch *b)
{
	for (int i = 0; i < b->n_pieces; i++) {
		b->piece[i].p->sent = b->piece[i].p->acked;
		spools_turn(b->spools, b->piece[i].p);
	}
	b->n_pieces = 0;
}

int
batch_init(struct batch *b, struct spools *spools, struct err *e)
{
	memset(b, 0, sizeof *b);
	b->spools = spools;
	b->block = malloc(BATCH_BYTES);
	return b->block != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory");
}

void
batch_fini(struct batch *b)
{
	for (int i = 0; i < BATCH_ENTRIES; i++)
		buf_fini(&b->text[i]);
	free(b->block);
	b->block = NULL;
}

#include "codec/slot.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "codec/kv.h"
#include "codec/spool.h"

#define MAGIC "pj-slot "
#define VERSION 1
#define HEAD_MAX 33 /* "pj-slot 1\nsum=xxxxxxxx\nlen=ddddd\n" */
#define PAGE 4096   /* what a kill cannot part: the kernel looks for a fatal signal between pages only */
#define READ_TRIES 50

static const char *const state_names[] = {
	[SLOT_EMPTY] = "empty",
	[SLOT_CLAIMED] = "claimed",
	[SLOT_RUNNING] = "running",
	[SLOT_FINISHED] = "finished",
};
static const char *const end_names[] = {
	[SLOT_END_NONE] = "none",
	[SLOT_END_EXIT] = "exit",
	[SLOT_END_STOPPED] = "stopped",
	[SLOT_END_TIMEOUT] = "timeout",
	[SLOT_END_FAILED] = "failed",
};
#define COUNT(list) (sizeof(list) / sizeof(list)[0])

const char *
slot_state_name(enum slot_state s)
{
	return (size_t)s < COUNT(state_names) ? state_names[s] : "unknown";
}

const char *
slot_end_name(enum slot_end s)
{
	return (size_t)s < COUNT(end_names) ? end_names[s] : "unknown";
}

/* --- the record as a table ------------------------------------------------------------------------------------ */

enum kind { KIND_INT, KIND_I64, KIND_STATE, KIND_END, KIND_TEXT };

static const struct field {
	const char *key;
	enum kind kind;
	size_t offset, size;
} fields[] = {
#define FIELD(key, kind, member) { key, kind, offsetof(struct slot, member), sizeof(((struct slot *)NULL)->member) }
	FIELD("seq", KIND_I64, seq),
	FIELD("state", KIND_STATE, state),
	FIELD("instance", KIND_I64, instance_id),
	FIELD("attempt", KIND_I64, attempt),
	FIELD("boot", KIND_TEXT, boot_id),
	FIELD("run_pid", KIND_INT, run.pid),
	FIELD("run_start", KIND_I64, run.start),
	FIELD("job_pid", KIND_INT, job.pid),
	FIELD("job_start", KIND_I64, job.start),
	FIELD("started_at", KIND_I64, started_at_ms),
	FIELD("finished_at", KIND_I64, finished_at_ms),
	FIELD("heartbeat", KIND_I64, heartbeat_boot_ms),
	FIELD("end", KIND_END, end),
	FIELD("exit", KIND_INT, exit_code),
	FIELD("signal", KIND_INT, signal),
	FIELD("user_us", KIND_I64, user_us),
	FIELD("system_us", KIND_I64, system_us),
	FIELD("max_rss_kib", KIND_I64, max_rss_kib),
	FIELD("log_length", KIND_I64, log_length),
	FIELD("log_dropped", KIND_I64, log_dropped),
	FIELD("context", KIND_TEXT, wf_context),
	FIELD("result", KIND_TEXT, result),
};

static int
index_of(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return (int)i;
	return -1;
}

/* CRC-32 of IEEE 802.3, four bits at a time: 64 bytes of table are quicker here than a table to be built. */
static uint32_t
crc32_of(const char *data, size_t len)
{
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
		0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < len; i++) {
		crc ^= (unsigned char)data[i];
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

/* --- the file ------------------------------------------------------------------------------------------------- */

int
slot_open(const char *path, struct err *e)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat st;

	if (fd < 0)
		return err_sys(e, ERR_IO, errno, "cannot open slot file %s", path);
	/* Only ever longer: whoever claimed it in between keeps what he wrote. */
	if (fstat(fd, &st) < 0 || (st.st_size < SLOT_SIZE && ftruncate(fd, SLOT_SIZE) < 0)) {
		err_sys(e, ERR_IO, errno, "cannot make slot file %s", path);
		close(fd);
		return -1;
	}
	return fd;
}

static int
try_lock(int fd)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1 };

	return fcntl(fd, F_SETLK, &fl);
}

pid_t
slot_holder(int fd)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1 };

	if (fcntl(fd, F_GETLK, &fl) < 0)
		return -1;
	if (fl.l_type == F_UNLCK)
		return 0;
	if (fl.l_pid <= 0) {
		errno = ESRCH;
		return -1;
	}
	return fl.l_pid;
}

int
slot_lock(int fd, int wait_ms, struct err *e)
{
	int64_t until = 0;
	long pause_us = 200;

	while (try_lock(fd) < 0) {
		if (errno != EACCES && errno != EAGAIN && errno != EINTR)
			return err_sys(e, ERR_IO, errno, "cannot lock the slot file");
		if (until == 0)
			until = clock_mono_ms() + wait_ms;
		if (clock_mono_ms() >= until)
			return err_set(e, ERR_BUSY, "the slot file is locked by pid %d", (int)slot_holder(fd));
		nanosleep(&(struct timespec){ .tv_nsec = pause_us * 1000 }, NULL);
		if (pause_us < 5000)
			pause_us *= 2;
	}
	return 0;
}

/* --- writing -------------------------------------------------------------------------------------------------- */

/* How much of text fits `room` bytes when it is escaped, cut where no UTF-8 character is parted. */
static size_t
fitting(const char *text, size_t len, size_t room)
{
	size_t n = 0, used = 0;

	for (; n < len; n++) {
		used += strchr("\\\n\r", text[n]) != NULL ? 2 : 1;
		if (used > room)
			return spool_cut(text, len, n);
	}
	return n;
}

/* A text that the file has no room for: what fits, and "...". */
static void __attribute__((noinline)) /* its array is not to be on the stack of the usual case */
put_cut(struct buf *out, const char *key, const char *text, size_t len, size_t room)
{
	char cut[LIMIT_RESULT + 4];
	size_t n = fitting(text, len, room - 3);

	memcpy(cut, text, n);
	memcpy(cut + n, "...", 3);
	kv_put_n(out, key, cut, n + 3);
}

static void
put_text(struct buf *out, const char *key, const char *text, size_t size)
{
	const size_t used = HEAD_MAX + out->len + strlen(key) + strlen("=\n");
	const size_t room = used + 3 < SLOT_SIZE ? SLOT_SIZE - used : 0;
	size_t len = strnlen(text, size - 1);

	if (len == 0 || room == 0)
		return;
	if (len <= room / 2 || fitting(text, len, room) == len)
		kv_put_n(out, key, text, len);
	else
		put_cut(out, key, text, len, room);
}

static void
put_record(struct buf *out, const struct slot *s)
{
	for (size_t i = 0; i < COUNT(fields); i++) {
		const struct field *f = &fields[i];
		const void *at = (const char *)s + f->offset;

		switch (f->kind) {
		case KIND_INT:
			kv_put_i64(out, f->key, *(const int *)at);
			break;
		case KIND_I64:
			kv_put_i64(out, f->key, *(const int64_t *)at);
			break;
		case KIND_STATE:
			kv_put(out, f->key, slot_state_name(s->state));
			break;
		case KIND_END:
			kv_put(out, f->key, slot_end_name(s->end));
			break;
		case KIND_TEXT:
			put_text(out, f->key, at, f->size);
			break;
		}
	}
}

static int
write_at(int fd, const struct iovec *iov, int n, off_t at)
{
	ssize_t want = 0, done;

	for (int i = 0; i < n; i++)
		want += (ssize_t)iov[i].iov_len;
	do
		done = pwritev(fd, iov, n, at);
	while (done < 0 && errno == EINTR);
	if (done >= 0 && done != want)
		errno = ENOSPC;
	return done == want ? 0 : -1;
}

static void
put_head(struct buf *out, const struct buf *record)
{
	static const char hex[] = "0123456789abcdef";
	uint32_t sum = crc32_of(record->data, record->len);
	char text[] = MAGIC "1\nsum=xxxxxxxx\n";

	for (size_t i = 0; i < 8; i++, sum >>= 4)
		text[sizeof MAGIC - 1 + strlen("1\nsum=") + 7 - i] = hex[sum & 15];
	buf_add(out, text, sizeof text - 1);
	kv_put_i64(out, "len", (int64_t)record->len);
	buf_add(out, record->data, record->len);
}

/* Newlines without end: a page of them, written as often as needed. */
#define NL16 "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"
#define NL256 NL16 NL16 NL16 NL16 NL16 NL16 NL16 NL16 NL16 NL16 NL16 NL16 NL16 NL16 NL16 NL16
static const char blank[PAGE + 1] = NL256 NL256 NL256 NL256 NL256 NL256 NL256 NL256 NL256 NL256 NL256 NL256 NL256 NL256
    NL256 NL256;

/* The pieces of the file from..SLOT_SIZE, blanks behind its text; returns how many. */
static int
pieces(struct iovec *iov, char *text, size_t len, size_t from)
{
	int n = 0;

	if (from < len)
		iov[n++] = (struct iovec){ text + from, len - from };
	for (size_t at = from < len ? len : from; at < SLOT_SIZE; n++) {
		size_t part = SLOT_SIZE - at < PAGE ? SLOT_SIZE - at : PAGE;

		memcpy(&iov[n].iov_base, &(const char *){ blank }, sizeof iov[n].iov_base);
		iov[n].iov_len = part;
		at += part;
	}
	return n;
}

int
slot_write(int fd, const struct slot *s, struct err *e)
{
	struct iovec iov[SLOT_SIZE / PAGE + 2];
	struct buf record = BUF_INIT, file = BUF_INIT;
	int rc = 0;

	buf_room(&record, 512); /* the usual size at once */
	put_record(&record, s);
	if (buf_ok(&record))
		put_head(&file, &record);
	if (!buf_ok(&record) || !buf_ok(&file) || file.len > SLOT_SIZE) {
		buf_fini(&record);
		buf_fini(&file);
		return err_set(e, ERR_NOMEM, "out of memory writing a slot");
	}
	/* A short record is whole with its first page; of a long one the tail goes first, while the old first page
	 * still tells of the old record. */
	if (file.len > PAGE) {
		rc = write_at(fd, iov, pieces(iov, file.data, file.len, PAGE), PAGE);
		iov[0] = (struct iovec){ file.data, PAGE };
	}
	if (rc == 0)
		rc = write_at(fd, iov, file.len > PAGE ? 1 : pieces(iov, file.data, file.len, 0), 0);
	if (rc < 0)
		err_sys(e, ERR_IO, errno, "cannot write the slot file");
	buf_fini(&record);
	buf_fini(&file);
	return rc;
}

/* --- reading -------------------------------------------------------------------------------------------------- */

static void
take_text(char *to, size_t size, const struct kv_pair *p)
{
	size_t n = p->len < size - 1 ? p->len : size - 1;

	memcpy(to, p->value, n);
	to[n] = '\0';
}

static int
take_name(const char *const *names, size_t n, const struct kv_pair *p, struct err *e)
{
	int i = index_of(names, n, p->value);

	return i >= 0 ? i : err_set(e, ERR_DATA, "the slot file has an unknown %s: %.40s", p->key, p->value);
}

static int
take_pair(struct slot *out, const struct field *f, const struct kv_pair *p, struct err *e)
{
	void *at = (char *)out + f->offset;
	int name = 0;

	switch (f->kind) {
	case KIND_INT:
		*(int *)at = (int)strtol(p->value, NULL, 10);
		break;
	case KIND_I64:
		*(int64_t *)at = strtoll(p->value, NULL, 10);
		break;
	case KIND_STATE:
		name = take_name(state_names, COUNT(state_names), p, e);
		out->state = (enum slot_state)name;
		break;
	case KIND_END:
		name = take_name(end_names, COUNT(end_names), p, e);
		out->end = (enum slot_end)name;
		break;
	case KIND_TEXT:
		take_text(at, f->size, p);
		break;
	}
	return name < 0 ? -1 : 0;
}

void
slot_clear(struct slot *s)
{
	memset(s, 0, offsetof(struct slot, wf_context));
	s->exit_code = -1;
	s->wf_context[0] = '\0';
	s->result[0] = '\0';
}

static int
take_record(struct slot *out, const char *text, size_t len, struct err *e)
{
	struct kv kv;
	size_t f = 0;
	int rc = 0;

	if (kv_parse(&kv, text, len, e) < 0)
		return -1;
	slot_clear(out);
	for (size_t i = 0; i < kv.n && rc == 0; i++)
		/* They come in the order of the table: the search goes on where the last one was. */
		for (size_t tries = 0; tries < COUNT(fields); tries++, f++)
			if (strcmp(fields[f % COUNT(fields)].key, kv.pair[i].key) == 0) {
				rc = take_pair(out, &fields[f++ % COUNT(fields)], &kv.pair[i], e);
				break;
			}
	kv_fini(&kv);
	return rc;
}

/* The bytes of the file that the head of it asks for, head included; 0 when it is no head. */
static size_t
parse_head(const char *text, uint32_t *sum, size_t *head)
{
	char *end;
	unsigned long size;

	if (strncmp(text, MAGIC "1\nsum=", sizeof MAGIC + 5) != 0)
		return 0;
	*sum = (uint32_t)strtoul(text + sizeof MAGIC + 5, &end, 16);
	if (strncmp(end, "\nlen=", 5) != 0)
		return 0;
	size = strtoul(end + 5, &end, 10);
	*head = (size_t)(end - text) + 1;
	return *end == '\n' && *head <= HEAD_MAX && size <= SLOT_SIZE - *head ? *head + size : 0;
}

/* Whether the file is of another make than ours; says so. */
static bool
is_foreign(const char *text, struct err *e)
{
	unsigned long version;
	char *end;

	if (strncmp(text, MAGIC, strlen(MAGIC)) != 0)
		return false;
	version = strtoul(text + strlen(MAGIC), &end, 10);
	if (*end != '\n' || version <= VERSION)
		return false;
	err_set(e, ERR_DATA, "the slot file has version %lu; this program knows version %d", version, VERSION);
	return true;
}

static bool
all_blank(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] != '\0' && text[i] != '\n' && text[i] != ' ')
			return false;
	return true;
}

/* Reads from..to, less at the end of the file; returns where it got to, -1 errno. */
static ssize_t
read_at(int fd, char *text, size_t from, size_t to)
{
	while (from < to) {
		ssize_t n = pread(fd, text + from, to - from, (off_t)from);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		from += (size_t)n;
	}
	return (ssize_t)from;
}

static int
take_checked(struct slot *out, const char *text, size_t want, size_t head, uint32_t sum, struct err *e)
{
	if (want > 0 && crc32_of(text + head, want - head) == sum)
		return take_record(out, text + head, want - head, e);
	err_set(e, ERR_DATA, "the slot file is damaged: its checksum is wrong");
	return 1;
}

/* A record of more than the first page. */
static int __attribute__((noinline))
look_at_all(int fd, struct slot *out, size_t want, size_t head, uint32_t sum, struct err *e)
{
	char text[SLOT_SIZE];
	ssize_t len = read_at(fd, text, 0, want);

	if (len < 0)
		return err_sys(e, ERR_IO, errno, "cannot read the slot file");
	return take_checked(out, text, (size_t)len == want ? want : 0, head, sum, e);
}

/* One look: 0 taken, 1 to be looked at again, -1 hopeless. */
static int
look(int fd, struct slot *out, struct err *e)
{
	char text[PAGE + 1];
	ssize_t len = read_at(fd, text, 0, PAGE);
	uint32_t sum = 0;
	size_t want, head = 0;

	if (len < 0)
		return err_sys(e, ERR_IO, errno, "cannot read the slot file");
	text[len] = '\0';
	if (all_blank(text, (size_t)len)) {
		slot_clear(out);
		return 0;
	}
	if (is_foreign(text, e))
		return -1;
	want = parse_head(text, &sum, &head);
	if (want > (size_t)len)
		return look_at_all(fd, out, want, head, sum, e);
	return take_checked(out, text, want, head, sum, e);
}

int
slot_read(int fd, struct slot *out, struct err *e)
{
	int rc = 0;

	for (int i = 0; i < READ_TRIES; i++) {
		rc = look(fd, out, e);
		if (rc <= 0)
			return rc;
		nanosleep(&(struct timespec){ .tv_nsec = i < 5 ? 50000 : 500000 }, NULL);
	}
	return -1;
}

#include "codec/slot.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
#define COUNT(names) ((int)(sizeof(names) / sizeof(names)[0]))

const char *
slot_state_name(enum slot_state s)
{
	return (int)s >= 0 && (int)s < COUNT(state_names) ? state_names[s] : "unknown";
}

const char *
slot_end_name(enum slot_end s)
{
	return (int)s >= 0 && (int)s < COUNT(end_names) ? end_names[s] : "unknown";
}

static int
index_of(const char *const *names, int n, const char *name)
{
	for (int i = 0; name != NULL && i < n; i++)
		if (strcmp(names[i], name) == 0)
			return i;
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

static void
put_result(struct buf *out, const struct slot *s)
{
	const size_t room = SLOT_SIZE - HEAD_MAX - strlen("result=\n");
	size_t len = strnlen(s->result, sizeof s->result - 1);
	char cut[LIMIT_RESULT + 4];
	size_t n;

	if (out->len >= room || len == 0)
		return;
	n = fitting(s->result, len, room - out->len);
	if (n == len) {
		kv_put_n(out, "result", s->result, len);
		return;
	}
	n = fitting(s->result, len, room - out->len - 3);
	memcpy(cut, s->result, n);
	memcpy(cut + n, "...", 3);
	kv_put_n(out, "result", cut, n + 3);
}

static void
put_ids(struct buf *out, const struct slot *s)
{
	kv_put_i64(out, "seq", s->seq);
	kv_put(out, "state", slot_state_name(s->state));
	kv_put_i64(out, "instance", s->instance_id);
	kv_put_i64(out, "attempt", s->attempt);
	kv_put_n(out, "boot", s->boot_id, strnlen(s->boot_id, sizeof s->boot_id));
	kv_put_i64(out, "run_pid", s->run.pid);
	kv_put_i64(out, "run_start", (int64_t)s->run.start);
	kv_put_i64(out, "job_pid", s->job.pid);
	kv_put_i64(out, "job_start", (int64_t)s->job.start);
	kv_put_i64(out, "started_at", s->started_at_ms);
	kv_put_i64(out, "finished_at", s->finished_at_ms);
	kv_put_i64(out, "heartbeat", s->heartbeat_boot_ms);
}

static void
put_record(struct buf *out, const struct slot *s)
{
	put_ids(out, s);
	kv_put(out, "end", slot_end_name(s->end));
	kv_put_i64(out, "exit", s->exit_code);
	kv_put_i64(out, "signal", s->signal);
	kv_put_i64(out, "user_us", s->user_us);
	kv_put_i64(out, "system_us", s->system_us);
	kv_put_i64(out, "max_rss_kib", s->max_rss_kib);
	kv_put_i64(out, "log_length", s->log_length);
	kv_put_i64(out, "log_dropped", s->log_dropped);
	if (s->wf_context[0] != '\0')
		kv_put_n(out, "context", s->wf_context, strnlen(s->wf_context, sizeof s->wf_context));
	put_result(out, s);
}

static int
write_at(int fd, const char *data, size_t from, size_t to)
{
	while (from < to) {
		ssize_t n = pwrite(fd, data + from, to - from, (off_t)from);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		from += (size_t)n;
	}
	return 0;
}

int
slot_write(int fd, const struct slot *s, struct err *e)
{
	char file[SLOT_SIZE];
	struct buf record = BUF_INIT;
	size_t len;
	int rc = 0;

	put_record(&record, s);
	if (!buf_ok(&record) || record.len + HEAD_MAX > SLOT_SIZE) {
		buf_fini(&record);
		return err_set(e, ERR_NOMEM, "out of memory writing a slot");
	}
	len = (size_t)snprintf(file, sizeof file, MAGIC "%d\nsum=%08" PRIx32 "\nlen=%zu\n", VERSION,
	    crc32_of(record.data, record.len), record.len);
	memcpy(file + len, record.data, record.len);
	len += record.len;
	memset(file + len, '\n', sizeof file - len);
	buf_fini(&record);
	/* A short record is whole with its first page; of a long one the tail goes first, while the old first page
	 * still tells of the old record. */
	if (len > PAGE)
		rc = write_at(fd, file, PAGE, sizeof file);
	if (rc == 0)
		rc = write_at(fd, file, 0, len > PAGE ? PAGE : sizeof file);
	return rc == 0 ? 0 : err_sys(e, ERR_IO, errno, "cannot write the slot file");
}

/* --- reading -------------------------------------------------------------------------------------------------- */

static void
copy_text(char *to, size_t size, const struct kv *kv, const char *key)
{
	const char *value = kv_get(kv, key);

	snprintf(to, size, "%s", value != NULL ? value : "");
}

static int
take_record(struct slot *out, const char *text, size_t len, struct err *e)
{
	struct kv kv;
	int state, end;

	if (kv_parse(&kv, text, len, e) < 0)
		return -1;
	state = index_of(state_names, COUNT(state_names), kv_get(&kv, "state"));
	end = index_of(end_names, COUNT(end_names), kv_get(&kv, "end"));
	*out = (struct slot){
		.seq = kv_get_i64(&kv, "seq", 0),
		.state = (enum slot_state)state,
		.instance_id = kv_get_i64(&kv, "instance", 0),
		.attempt = kv_get_i64(&kv, "attempt", 0),
		.run = { (pid_t)kv_get_i64(&kv, "run_pid", 0), (uint64_t)kv_get_i64(&kv, "run_start", 0) },
		.job = { (pid_t)kv_get_i64(&kv, "job_pid", 0), (uint64_t)kv_get_i64(&kv, "job_start", 0) },
		.started_at_ms = kv_get_i64(&kv, "started_at", 0),
		.finished_at_ms = kv_get_i64(&kv, "finished_at", 0),
		.heartbeat_boot_ms = kv_get_i64(&kv, "heartbeat", 0),
		.end = (enum slot_end)end,
		.exit_code = (int)kv_get_i64(&kv, "exit", -1),
		.signal = (int)kv_get_i64(&kv, "signal", 0),
		.user_us = kv_get_i64(&kv, "user_us", 0),
		.system_us = kv_get_i64(&kv, "system_us", 0),
		.max_rss_kib = kv_get_i64(&kv, "max_rss_kib", 0),
		.log_length = kv_get_i64(&kv, "log_length", 0),
		.log_dropped = kv_get_i64(&kv, "log_dropped", 0),
	};
	copy_text(out->boot_id, sizeof out->boot_id, &kv, "boot");
	copy_text(out->wf_context, sizeof out->wf_context, &kv, "context");
	copy_text(out->result, sizeof out->result, &kv, "result");
	kv_fini(&kv);
	if (state < 0 || end < 0)
		return err_set(e, ERR_DATA, "the slot file has an unknown state or end");
	return 0;
}

static bool
all_blank(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] != '\0' && text[i] != '\n' && text[i] != ' ')
			return false;
	return true;
}

/* 0 taken, 1 to be read again, -1 hopeless. text[len] is NUL. */
static int
take_file(struct slot *out, const char *text, size_t len, struct err *e)
{
	unsigned long version, sum, size;
	int head = 0;
	char *end;

	if (strncmp(text, MAGIC, strlen(MAGIC)) != 0)
		return err_set(e, ERR_DATA, "this is no slot file: it does not start with `pj-slot'") + 2;
	version = strtoul(text + strlen(MAGIC), &end, 10);
	if (*end == '\n' && version > VERSION)
		return err_set(e, ERR_DATA, "the slot file has version %lu; this program knows version %d", version,
		    VERSION);
	if (sscanf(text, "pj-slot 1\nsum=%8lx\nlen=%5lu%n", &sum, &size, &head) != 2 || text[head++] != '\n' ||
	    size > len - (size_t)head || crc32_of(text + head, size) != sum)
		return err_set(e, ERR_DATA, "the slot file is damaged: its checksum is wrong") + 2;
	return take_record(out, text + head, size, e);
}

static ssize_t
read_file(int fd, char *text, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = pread(fd, text + len, size - len, (off_t)len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

int
slot_read(int fd, struct slot *out, struct err *e)
{
	char text[SLOT_SIZE + 1];
	int rc = 0;

	for (int i = 0; i < READ_TRIES; i++) {
		ssize_t len = read_file(fd, text, SLOT_SIZE);

		if (len < 0)
			return err_sys(e, ERR_IO, errno, "cannot read the slot file");
		text[len] = '\0';
		if (all_blank(text, (size_t)len)) {
			*out = (struct slot){ .state = SLOT_EMPTY, .exit_code = -1 };
			return 0;
		}
		rc = take_file(out, text, (size_t)len, e);
		if (rc <= 0)
			return rc;
		nanosleep(&(struct timespec){ .tv_nsec = i < 5 ? 50000 : 500000 }, NULL);
	}
	return -1;
}

/* Slot files: the first byte says whether a whole file follows or a record that gets a right checksum, and how long a result
 * is added to it. A slot that is taken is written and read as the same. */
#include "fuzz.h"

#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "codec/kv.h"
#include "codec/slot.h"

int nanosleep(const struct timespec *for_, struct timespec *left);
int
nanosleep(const struct timespec *for_, struct timespec *left) /* a damaged slot is read again after a while: not here */
{
	(void)for_;
	(void)left;
	return 0;
}

static uint32_t
crc32_slowly(const uint8_t *p, size_t len)
{
	uint32_t c = 0xffffffff;

	for (; len > 0; len--) {
		c ^= *p++;
		for (int i = 0; i < 8; i++)
			c = c >> 1 ^ (c & 1 ? 0xedb88320 : 0);
	}
	return ~c;
}

static void
fill(int fd, const uint8_t *data, size_t size, bool record)
{
	char head[64];
	int n = snprintf(head, sizeof head, "pj-slot 1\nsum=%08x\nlen=%zu\n", crc32_slowly(data, size), size);

	CHECK(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
	CHECK(!record || write(fd, head, (size_t)n) == n);
	CHECK(write(fd, data, size) == (ssize_t)size);
}

/* One that does not fit escaped is cut, and says so. */
static void
check_result(const char *a, const char *b, size_t len)
{
	if (strcmp(a, b) != 0)
		CHECK(len >= 3 && strcmp(b + len - 3, "...") == 0 && strncmp(a, b, len - 3) == 0);
}

static void
check_same(const struct slot *a, const struct slot *b)
{
	CHECK(a->seq == b->seq && a->state == b->state && a->instance_id == b->instance_id && a->attempt == b->attempt);
	CHECK(strcmp(a->boot_id, b->boot_id) == 0);
	CHECK(memcmp(&a->run, &b->run, sizeof a->run) == 0 && memcmp(&a->job, &b->job, sizeof a->job) == 0);
	CHECK(a->started_at_ms == b->started_at_ms && a->finished_at_ms == b->finished_at_ms);
	CHECK(a->heartbeat_boot_ms == b->heartbeat_boot_ms && a->end == b->end && a->exit_code == b->exit_code);
	CHECK(a->signal == b->signal && a->user_us == b->user_us && a->system_us == b->system_us);
	CHECK(a->max_rss_kib == b->max_rss_kib && a->log_length == b->log_length && a->log_dropped == b->log_dropped);
	CHECK(strcmp(a->wf_context, b->wf_context) == 0);
	check_result(a->result, b->result, strlen(b->result));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct slot one, two;
	static int fd = -1;
	struct err e = ERR_INIT;
	uint64_t what = fuzz_take(&data, &size, 1);
	struct buf text = BUF_INIT;

	if (fd < 0)
		fd = memfd_create("slot", MFD_CLOEXEC);
	CHECK(fd >= 0);
	buf_add(&text, data, size);
	if (what & 2) { /* a long result that doubles when it is written */
		buf_adds(&text, "\nresult=");
		for (uint64_t i = (what >> 2) * 129; i > 0; i--)
			buf_addc(&text, '\r');
	}
	fill(fd, (const uint8_t *)buf_str(&text), text.len, what & 1);
	buf_fini(&text);
	if (slot_read(fd, &one, &e) != 0) {
		fuzz_check_error(&e);
		return 0;
	}
	CHECK(slot_state_name(one.state) != NULL && slot_end_name(one.end) != NULL);
	CHECK(slot_write(fd, &one, &e) == 0);
	CHECK(slot_read(fd, &two, &e) == 0);
	check_same(&one, &two);
	return 0;
}

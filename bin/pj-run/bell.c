#include "bell.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

#define ACK_WAIT_MS 100
#define FULL_WAIT_MS 50

static bool
send_ring(int fd, const struct sockaddr_un *to, const struct buf *msg)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	if (sendto(fd, msg->data, msg->len, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)to, sizeof *to) >= 0)
		return true;
	/* Its queue is full: when connected, poll tells when there is room. */
	if (errno != EAGAIN || connect(fd, (const struct sockaddr *)to, sizeof *to) < 0)
		return false;
	return poll(&p, 1, FULL_WAIT_MS) > 0 && send(fd, msg->data, msg->len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

/* `PJ1 ring slot=... seq=...`, `PJ1 ack seq=...` */
static void
put_message(struct buf *out, const char *verb, const char *slot, int64_t seq)
{
	buf_adds(out, verb);
	if (slot != NULL) {
		buf_adds(out, " slot=");
		buf_adds(out, slot);
	}
	buf_adds(out, " seq=");
	buf_add_i64(out, seq);
}

static bool
wait_ack(int fd, const struct buf *want)
{
	int64_t until = clock_mono_ms() + ACK_WAIT_MS;
	char got[64];

	for (int64_t left = ACK_WAIT_MS; left > 0; left = until - clock_mono_ms()) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (poll(&p, 1, (int)left) <= 0)
			continue;
		n = recv(fd, got, sizeof got, MSG_DONTWAIT);
		if (n > 0 && got[n - 1] == '\n')
			n--;
		if (n > 0 && (size_t)n == want->len && memcmp(got, want->data, want->len) == 0)
			return true;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
	}
	return false;
}

bool
bell_ring(const char *path, const char *slot, int64_t seq)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX }, any = { .sun_family = AF_UNIX };
	struct buf ring = BUF_INIT, ack = BUF_INIT;
	bool acked = false;
	int fd = -1;

	put_message(&ring, "PJ1 ring", slot, seq);
	put_message(&ack, "PJ1 ack", NULL, seq);
	if (buf_ok(&ring) && buf_ok(&ack) && strlen(path) < sizeof to.sun_path) {
		memcpy(to.sun_path, path, strlen(path) + 1);
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	}
	/* An address without a path: the kernel gives us one in the abstract namespace, where the answer comes to. */
	if (fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof any.sun_family) == 0 && send_ring(fd, &to, &ring))
		acked = wait_ack(fd, &ack);
	if (fd >= 0)
		close(fd);
	buf_fini(&ring);
	buf_fini(&ack);
	return acked;
}

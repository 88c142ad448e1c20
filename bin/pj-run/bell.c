#include "bell.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

#define ACK_WAIT_MS 100
#define FULL_WAIT_MS 50

static bool
send_ring(int fd, const struct sockaddr_un *to, const char *msg, size_t len)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	if (sendto(fd, msg, len, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)to, sizeof *to) >= 0)
		return true;
	/* Its queue is full: when connected, poll tells when there is room. */
	if (errno != EAGAIN || connect(fd, (const struct sockaddr *)to, sizeof *to) < 0)
		return false;
	return poll(&p, 1, FULL_WAIT_MS) > 0 && send(fd, msg, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

static bool
wait_ack(int fd, int64_t seq)
{
	int64_t until = clock_mono_ms() + ACK_WAIT_MS;
	char want[64], got[64];
	int len = snprintf(want, sizeof want, "PJ1 ack seq=%" PRId64, seq);

	for (int64_t left = ACK_WAIT_MS; left > 0; left = until - clock_mono_ms()) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (poll(&p, 1, (int)left) <= 0)
			continue;
		n = recv(fd, got, sizeof got, MSG_DONTWAIT);
		if (n > 0 && got[n - 1] == '\n')
			n--;
		if (n == len && memcmp(got, want, (size_t)len) == 0)
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
	char msg[4352];
	bool acked = false;
	int fd, len;

	len = snprintf(msg, sizeof msg, "PJ1 ring slot=%s seq=%" PRId64, slot, seq);
	if (strlen(path) >= sizeof to.sun_path || len < 0 || (size_t)len >= sizeof msg)
		return false;
	memcpy(to.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	/* An address without a path: the kernel gives us one in the abstract namespace, where the answer comes to. */
	if (bind(fd, (struct sockaddr *)&any, sizeof any.sun_family) == 0 && send_ring(fd, &to, msg, (size_t)len))
		acked = wait_ack(fd, seq);
	close(fd);
	return acked;
}

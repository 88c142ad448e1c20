#include "base/clock.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t
read_ms(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
clock_wall_ms(void)
{
	return read_ms(CLOCK_REALTIME);
}

int64_t
clock_mono_ms(void)
{
	return read_ms(CLOCK_MONOTONIC);
}

int64_t
clock_boot_ms(void)
{
	return read_ms(CLOCK_BOOTTIME);
}

struct now
clock_now(void)
{
	return (struct now){ .at_ms = clock_wall_ms(), .mono_ms = clock_mono_ms() };
}

const char *
clock_boot_id(void)
{
	static char id[37];
	ssize_t n = -1;
	int fd;

	if (id[0] != '\0')
		return id;
	fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, id, 36);
		close(fd);
	}
	if (n != 36)
		memcpy(id, "unknown", sizeof "unknown");
	else
		id[36] = '\0';
	return id;
}

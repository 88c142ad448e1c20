/* A job for tests: says that it ran, in one O_APPEND write (lines of several processes do not mix):
 *
 *   witness FILE [MS]    appends "<wall ms> <job id> <nominal ms or -> <instance> <attempt> <pid>\n", then sleeps MS
 *
 * The line is in the file before the sleep: a run that was started twice shows two lines, whatever became of it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const char *
env(const char *name)
{
	const char *v = getenv(name);

	return v != NULL && v[0] != '\0' ? v : "-";
}

int
main(int argc, char **argv)
{
	struct timespec ts;
	char line[256];
	int fd, n;

	if (argc < 2)
		return 64;
	clock_gettime(CLOCK_REALTIME, &ts);
	n = snprintf(line, sizeof line, "%lld %s %s %s %s %d\n", (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000,
	    env("PJ_JOB_ID"), env("PJ_NOMINAL_TIME"), env("PJ_INSTANCE_ID"), env("PJ_ATTEMPT"), (int)getpid());
	fd = open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, line, (size_t)n) != n)
		return 74;
	close(fd);
	if (argc > 2)
		usleep((useconds_t)strtoul(argv[2], NULL, 10) * 1000);
	return 0;
}

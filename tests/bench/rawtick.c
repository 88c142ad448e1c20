/* The baseline of a cron job that runs each second: sleeps to the half of each second with clock_nanosleep, spawns a
 * program with its nominal time, waits for it.
 *
 *   rawtick N PROGRAM [ARG...]      N times, PJ_NOMINAL_TIME (ms) in its environment */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	struct timespec at;
	char text[32];
	long n;

	if (argc < 3) {
		fprintf(stderr, "usage: rawtick N PROGRAM [ARG...]\n");
		return 64;
	}
	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_nsec = 500000000;
	for (n = strtol(argv[1], NULL, 10); n > 0; n--) {
		pid_t pid;
		int rc;

		at.tv_sec++;
		while (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, NULL) == EINTR)
			continue;
		snprintf(text, sizeof text, "%lld", (long long)at.tv_sec * 1000 + at.tv_nsec / 1000000);
		setenv("PJ_NOMINAL_TIME", text, 1);
		rc = posix_spawn(&pid, argv[2], NULL, NULL, argv + 2, environ);
		if (rc != 0) {
			fprintf(stderr, "rawtick: %s: %s\n", argv[2], strerror(rc));
			return 71;
		}
		wait(NULL);
	}
	return 0;
}

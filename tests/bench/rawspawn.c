/* The baseline: N posix_spawn of a program with K in flight, as fast as one process can.
 *
 *   rawspawn N K PROGRAM [ARG...]      prints per_second= and total_ms= */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

int
main(int argc, char **argv)
{
	long n, k, started = 0, ended = 0;
	double t;

	if (argc < 4) {
		fprintf(stderr, "usage: rawspawn N K PROGRAM [ARG...]\n");
		return 64;
	}
	n = strtol(argv[1], NULL, 10);
	k = strtol(argv[2], NULL, 10);
	t = now_ms();
	while (ended < n) {
		while (started < n && started - ended < k) {
			pid_t pid;
			int rc = posix_spawn(&pid, argv[3], NULL, NULL, argv + 3, environ);

			if (rc != 0) {
				fprintf(stderr, "rawspawn: %s: %s\n", argv[3], strerror(rc));
				return 71;
			}
			started++;
		}
		if (wait(NULL) > 0)
			ended++;
	}
	t = now_ms() - t;
	printf("per_second=%.0f total_ms=%.1f n=%ld in_flight=%ld\n", (double)n * 1e3 / t, t, n, k);
	return 0;
}

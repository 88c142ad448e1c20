/* What pj-run costs: runs of /bin/true through the spawner, slot file, bell and answer, against posix_spawn and waitpid
 * of /bin/true, both with the same number in flight, in turns within one session. Prints every round and the medians;
 * asserts nothing.
 *
 *   bench_spawn PJ_RUN [RUNS [ROUNDS [IN_FLIGHT]]]        (1000, 5, 2) */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "codec/frame.h"
#include "codec/kv.h"

#define ROUNDS_MAX 50
#define SLOTS 64 /* in turn: a slot rests while its last pj-run leaves */

static char dir[] = "/tmp/pj-bench-XXXXXX";
static const char *pj_run;

struct rig {
	int sock, bell;
	pid_t spawner;
	int64_t seq;
	struct buf in;
};

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static double
now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double
raw(int runs, int in_flight)
{
	char name[] = "/bin/true";
	char *argv[] = { name, NULL };
	double start = now_s();
	int started = 0, ended = 0;
	pid_t pid;

	while (ended < runs) {
		while (started < runs && started - ended < in_flight) {
			if (posix_spawn(&pid, name, NULL, NULL, argv, argv + 1) != 0)
				die("posix_spawn");
			started++;
		}
		if (waitpid(-1, NULL, 0) > 0)
			ended++;
	}
	return runs / (now_s() - start);
}

static void
send_run(struct rig *r)
{
	struct buf body = BUF_INIT, out = BUF_INIT;
	int slot = (int)(r->seq % SLOTS);

	buf_addf(&body, "op=run\nslot=%s/%d.slot\nseq=%" PRId64 "\ninstance=795500000000000001\nattempt=1\n", dir, slot,
	    r->seq);
	buf_addf(&body, "spool=%s/%d.log\nbell=%s/bell\n", dir, slot, dir);
	buf_adds(&body, "timeout_ms=60000\narg=/bin/true\nenv=PATH=/bin\n");
	frame_put(&out, &body);
	if (write(r->sock, out.data, out.len) != (ssize_t)out.len)
		die("write");
	r->seq++;
	buf_fini(&body);
	buf_fini(&out);
}

/* Takes and answers one ring. */
static void
take_ring(struct rig *r)
{
	struct sockaddr_un from;
	socklen_t len = sizeof from;
	char msg[512], ack[64];
	ssize_t n = recvfrom(r->bell, msg, sizeof msg - 1, 0, (struct sockaddr *)&from, &len);
	const char *seq;

	if (n <= 0)
		die("no ring: a run was not started, see above");
	msg[n] = '\0';
	seq = strstr(msg, " seq=");
	n = snprintf(ack, sizeof ack, "PJ1 ack%s", seq != NULL ? seq : "");
	sendto(r->bell, ack, (size_t)n, MSG_DONTWAIT, (struct sockaddr *)&from, len);
}

static void
drop_reports(struct rig *r)
{
	char chunk[4096];

	while (recv(r->sock, chunk, sizeof chunk, MSG_DONTWAIT) > 0)
		continue;
}

static double
through_pj_run(struct rig *r, int runs, int in_flight)
{
	double start = now_s();
	int started = 0, ended = 0;

	while (ended < runs) {
		while (started < runs && started - ended < in_flight) {
			send_run(r);
			started++;
		}
		take_ring(r);
		drop_reports(r);
		ended++;
	}
	return runs / (now_s() - start);
}

static void
start_spawner(struct rig *r)
{
	const struct timeval wait = { .tv_sec = 10 };
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char fd[16];
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		die("socketpair");
	snprintf(fd, sizeof fd, "%d", pair[1]);
	snprintf(at.sun_path, sizeof at.sun_path, "%s/bell", dir);
	r->bell = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (bind(r->bell, (struct sockaddr *)&at, sizeof at) < 0)
		die("bind");
	setsockopt(r->bell, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	r->spawner = fork();
	if (r->spawner == 0) {
		close(pair[0]);
		execl(pj_run, "pj-run", "spawner", "--fd", fd, (char *)NULL);
		_exit(127);
	}
	close(pair[1]);
	r->sock = pair[0];
	r->seq = SLOTS;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(double *v, int n)
{
	qsort(v, (size_t)n, sizeof *v, by_value);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static void
clean_up(struct rig *r)
{
	char cmd[64];

	close(r->sock);
	waitpid(r->spawner, NULL, 0);
	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	if (system(cmd) != 0)
		fprintf(stderr, "%s is left\n", dir);
}

int
main(int argc, char **argv)
{
	int runs = argc > 2 ? atoi(argv[2]) : 1000, rounds = argc > 3 ? atoi(argv[3]) : 5;
	int in_flight = argc > 4 ? atoi(argv[4]) : 2;
	double a[ROUNDS_MAX], b[ROUNDS_MAX], ratio[ROUNDS_MAX];
	struct rig r = { .in = BUF_INIT };

	if (argc < 2 || runs < 1 || rounds < 1 || rounds > ROUNDS_MAX || in_flight < 1) {
		fprintf(stderr, "usage: bench_spawn PJ_RUN [RUNS [ROUNDS [IN_FLIGHT]]]\n");
		return 64;
	}
	pj_run = argv[1];
	if (mkdtemp(dir) == NULL)
		die("mkdtemp");
	start_spawner(&r);
	through_pj_run(&r, SLOTS, 1); /* the slot files are made once in a worker's life */
	for (int i = 0; i < rounds; i++) {
		a[i] = raw(runs, in_flight);
		b[i] = through_pj_run(&r, runs, in_flight);
		ratio[i] = b[i] / a[i];
		printf("round %d: posix_spawn %.0f/s  pj-run %.0f/s  ratio %.2f\n", i + 1, a[i], b[i], ratio[i]);
	}
	printf("median, %d in flight: posix_spawn %.0f/s  pj-run %.0f/s  ratio %.2f\n", in_flight, median(a, rounds),
	    median(b, rounds), median(ratio, rounds));
	clean_up(&r);
	return 0;
}

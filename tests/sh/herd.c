/* Very many workers: each on a connection of its own, as Java's pooled ones are.
 *
 *   herd HOST:PORT N APP_ID [ROUNDS]   N heartbeats a round (1), from 10.x.y.z:27777; prints sent= seconds= slowest_ms=,
 *                                      then holds the connections until standard input ends
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_in to;
static char head[128];

static void
die(const char *what)
{
	fprintf(stderr, "herd: %s: %s\n", what, strerror(errno));
	exit(71);
}

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int
dial(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
		die("connect");
	return fd;
}

static void
beat(int fd, int i, int app_id)
{
	char body[700], text[900], answer[1024];
	int n = snprintf(body, sizeof body, "{\"workerAddress\":\"10.%d.%d.%d:27777\",\"appName\":\"default\",\"appId\":%d,"
	    "\"heartbeatTime\":%lld,\"containerInfos\":[],\"version\":\"5.1.1\",\"protocol\":\"HTTP\",\"client\":\"KingPenguin\","
	    "\"systemMetrics\":{\"cpuProcessors\":4,\"cpuLoad\":0.5,\"jvmUsedMemory\":0.1,\"jvmMaxMemory\":2,\"diskUsed\":1,"
	    "\"diskTotal\":100,\"score\":%d},\"overload\":false}", i >> 16, (i >> 8) & 255, i & 255, app_id,
	    (long long)time(NULL) * 1000, 2 + i % 5);
	ssize_t got;

	n = snprintf(text, sizeof text, "%scontent-length: %d\r\n\r\n%s", head, n, body);
	if (send(fd, text, (size_t)n, MSG_NOSIGNAL) != n)
		die("send");
	got = recv(fd, answer, sizeof answer - 1, 0);
	if (got <= 0)
		die("no answer");
	answer[got] = '\0';
	if (strncmp(answer, "HTTP/1.1 200", 12) != 0) {
		fprintf(stderr, "herd: %s\n", answer);
		exit(1);
	}
}

int
main(int argc, char **argv)
{
	int n = argc > 3 ? atoi(argv[2]) : 0, rounds = argc > 4 ? atoi(argv[4]) : 1, *fd = calloc((size_t)n + 1, sizeof *fd);
	char *colon = argc > 1 ? strchr(argv[1], ':') : NULL;
	struct rlimit r;
	double begin, slowest = 0;

	if (n < 1 || fd == NULL || colon == NULL) {
		fprintf(stderr, "usage: herd HOST:PORT N APP_ID [ROUNDS]\n");
		return 64;
	}
	snprintf(head, sizeof head, "POST /server/workerHeartbeat HTTP/1.1\r\nhost: %.60s\r\n", argv[1]);
	*colon = '\0';
	to = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(colon + 1)) };
	if (inet_pton(AF_INET, argv[1], &to.sin_addr) != 1 || getrlimit(RLIMIT_NOFILE, &r) != 0)
		die(argv[1]);
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
	begin = seconds();
	for (int k = 0; k < rounds; k++)
		for (int i = 0; i < n; i++) {
			double at = seconds();

			if (k == 0)
				fd[i] = dial();
			beat(fd[i], i, atoi(argv[3]));
			if (seconds() - at > slowest)
				slowest = seconds() - at;
		}
	printf("sent=%d seconds=%.2f slowest_ms=%.0f\n", n * rounds, seconds() - begin, slowest * 1000);
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}

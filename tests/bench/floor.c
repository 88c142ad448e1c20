/* The least a client can see: an HTTP server that answers at once, whatever it is asked, and does nothing else.
 *
 *   floor ADDRFILE     listens on a free port of 127.0.0.1, writes HOST:PORT to ADDRFILE, serves until it is killed
 *
 * authApp gets a token, everything else the data 5: a runJob's instance, and the status "succeeded" of one. Keep-alive, one
 * thread a connection. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER(body) "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-POWERJOB-AUTH-PASSED: true\r\n" \
	"Content-Length: %zu\r\n\r\n%s", sizeof(body) - 1, body
#define TOKEN "{\"success\":true,\"data\":{\"appId\":1,\"token\":\"t\",\"extra\":null},\"message\":null,\"code\":null}"
#define FIVE "{\"success\":true,\"data\":5,\"message\":null,\"code\":null}"

static void
die(const char *what)
{
	perror(what);
	exit(71);
}

/* The length of the first whole request in the buffer, 0 when there is none yet. */
static size_t
whole(const char *in, size_t have)
{
	const char *end = strstr(in, "\r\n\r\n"), *length = strcasestr(in, "\r\nContent-Length:");
	size_t total;

	if (end == NULL)
		return 0;
	total = (size_t)(end + 4 - in) + (length != NULL && length < end ? strtoul(length + 17, NULL, 10) : 0);
	return have >= total ? total : 0;
}

static void *
serve(void *arg)
{
	int fd = (int)(intptr_t)arg, n;
	char in[65536], out[512];
	size_t have = 0, used;
	ssize_t got;

	while ((got = recv(fd, in + have, sizeof in - 1 - have, 0)) > 0) {
		have += (size_t)got;
		in[have] = '\0';
		while ((used = whole(in, have)) > 0) {
			n = strncmp(in, "POST /openApi/authApp", 21) == 0 ? snprintf(out, sizeof out, ANSWER(TOKEN))
			                                                  : snprintf(out, sizeof out, ANSWER(FIVE));
			if (send(fd, out, (size_t)n, MSG_NOSIGNAL) != n)
				break;
			memmove(in, in + used, have - used + 1);
			have -= used;
		}
	}
	close(fd);
	return NULL;
}

int
main(int argc, char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	socklen_t len = sizeof at;
	FILE *f;

	if (argc != 2)
		return 64;
	if (bind(listener, (struct sockaddr *)&at, sizeof at) < 0 || listen(listener, 64) < 0 ||
	    getsockname(listener, (struct sockaddr *)&at, &len) < 0)
		die("listen");
	f = fopen(argv[1], "we");
	if (f == NULL || fprintf(f, "127.0.0.1:%d\n", ntohs(at.sin_port)) < 0 || fclose(f) != 0)
		die(argv[1]);
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		pthread_t thread;

		if (fd < 0)
			die("accept");
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd) != 0)
			die("pthread_create");
		pthread_detach(thread);
	}
}

/* How long a server takes from its start to its first HTTP answer:
 *
 *   firsthttp PORT PROGRAM ARG...     starts the program, asks 127.0.0.1:PORT for / every 0.2 ms until it answers anything,
 *                                     ends it (SIGTERM), prints first_answer_ms=... */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GIVE_UP_MS 60000

extern char **environ;

static double
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static int
answers(int port)
{
	static const char ask[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((in_port_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char in[64] = "";
	int good = fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0 &&
	    send(fd, ask, sizeof ask - 1, MSG_NOSIGNAL) > 0 && recv(fd, in, sizeof in - 1, 0) > 8 &&
	    strncmp(in, "HTTP/1.", 7) == 0;

	if (fd >= 0)
		close(fd);
	return good;
}

int
main(int argc, char **argv)
{
	double begun = now_ms(), took;
	int good = 0;
	pid_t pid;

	if (argc < 3)
		return 64;
	if (posix_spawn(&pid, argv[2], NULL, NULL, argv + 2, environ) != 0) {
		perror(argv[2]);
		return 71;
	}
	while (now_ms() - begun < GIVE_UP_MS && waitpid(pid, NULL, WNOHANG) == 0 && !(good = answers(atoi(argv[1]))))
		usleep(200);
	took = now_ms() - begun;
	if (kill(pid, SIGTERM) == 0)
		waitpid(pid, NULL, 0);
	if (!good) {
		fprintf(stderr, "firsthttp: %s did not answer on port %s\n", argv[2], argv[1]);
		return 1;
	}
	printf("first_answer_ms=%.1f\n", took);
	return 0;
}

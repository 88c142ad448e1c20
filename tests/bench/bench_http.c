/* bench_http [SECONDS]: what our HTTP costs against raw blocking sockets that pass the same bytes, in one session.
 *
 *   raw echo           a forked server of read() and write(), CONNS clients with one request each under way
 *   server echo        http_server in one process (a commit a turn that does nothing), the same clients
 *   client and server  http_client and http_server in one process: a request in and one out at once
 *
 * Prints requests a second, asserts nothing. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/http_client.h"
#include "net/http_server.h"

enum { CONNS = 16 };

static const char request[] = "POST /worker/runJob HTTP/1.1\r\nhost: 127.0.0.1:27777\r\ncontent-type: application/json\r\n"
    "content-length: 65\r\n\r\n{\"instanceId\":123456789012345678,\"jobId\":1,\"appId\":1,\"x\":\"abcde\"}";
static const char reply[] = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 16\r\n\r\n"
    "{\"success\":true}";

static double
cpu_s(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static int
connect_to(int port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((unsigned short)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0 || connect(fd, (struct sockaddr *)&in, sizeof in) < 0)
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

static void
write_all(int fd, const char *text, size_t len)
{
	if (write(fd, text, len) != (ssize_t)len)
		die("write");
}

/* CONNS connections, each sends its next request when its answer is whole (ends with '}'). Requests a second. */
static double
drive(int port, double seconds)
{
	struct pollfd p[CONNS];
	char text[4096];
	int64_t from = clock_mono_ms(), until = from + (int64_t)(seconds * 1000);
	long n = 0;

	for (int i = 0; i < CONNS; i++) {
		p[i] = (struct pollfd){ .fd = connect_to(port), .events = POLLIN };
		write_all(p[i].fd, request, sizeof request - 1);
	}
	while (clock_mono_ms() < until) {
		if (poll(p, CONNS, 1000) <= 0)
			die("poll");
		for (int i = 0; i < CONNS; i++) {
			ssize_t got;

			if (p[i].revents == 0)
				continue;
			got = read(p[i].fd, text, sizeof text);
			if (got <= 0)
				die("read");
			if (text[got - 1] != '}')
				continue;
			n++;
			write_all(p[i].fd, request, sizeof request - 1);
		}
	}
	for (int i = 0; i < CONNS; i++)
		close(p[i].fd);
	return (double)n * 1000 / (double)(clock_mono_ms() - from);
}

/* --- raw --------------------------------------------------------------------------- */

static void
raw_server(int lfd)
{
	struct pollfd p[CONNS + 1] = { { .fd = lfd, .events = POLLIN } };
	char text[4096];
	int n = 1;

	while (poll(p, (nfds_t)n, -1) > 0)
		for (int i = n - 1; i >= 0; i--) {
			if (p[i].revents == 0)
				continue;
			if (i == 0) {
				int on = 1;

				p[n] = (struct pollfd){ .fd = accept(lfd, NULL, NULL), .events = POLLIN };
				setsockopt(p[n].fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
				if (++n > CONNS)
					p[0].events = 0;
			} else if (read(p[i].fd, text, sizeof text) <= 0) {
				_exit(0);
			} else {
				write_all(p[i].fd, reply, sizeof reply - 1);
			}
		}
}

static double
raw_echo(double seconds)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof in;
	int lfd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	double rate;
	pid_t pid;

	if (bind(lfd, (struct sockaddr *)&in, len) < 0 || listen(lfd, 64) < 0)
		die("listen");
	getsockname(lfd, (struct sockaddr *)&in, &len);
	pid = fork();
	if (pid == 0) {
		signal(SIGPIPE, SIG_IGN);
		raw_server(lfd);
		_exit(0);
	}
	close(lfd);
	rate = drive(ntohs(in.sin_port), seconds);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return rate;
}

/* --- ours -------------------------------------------------------------------------- */

static long turns;

static int
commit(void *arg, struct err *e)
{
	turns++;
	return 0;
}

static const struct loop_ops ops = { .commit = commit };

static void
answer(struct http_req *r, void *arg)
{
	http_reply_text(r, 200, "application/json", "{\"success\":true}");
}

static void
answer_failure(struct http_req *r, const struct err *e, void *arg)
{
	http_reply_text(r, err_http_status(e->code), "text/plain", e->msg);
}

static struct loop *
new_server(struct http_server **s)
{
	struct http_listener li = { .addr = "127.0.0.1:0", .handler = answer, .fail = answer_failure };
	struct err e = ERR_INIT;
	struct loop *l = loop_new(&e);

	*s = l != NULL ? http_server_new(l, &e) : NULL;
	if (*s == NULL || http_server_listen(*s, &li, &e) < 0) {
		fprintf(stderr, "%s\n", e.msg);
		exit(1);
	}
	loop_set_ops(l, &ops, NULL);
	return l;
}

static int
port_of(const struct http_server *s)
{
	return atoi(strrchr(http_server_addr(s, 0), ':') + 1);
}

static double
server_echo(double seconds, double *us_each)
{
	struct http_server *s;
	struct loop *l = new_server(&s);
	struct err e;
	double rate, cpu = cpu_s(RUSAGE_CHILDREN);
	pid_t pid = fork();

	if (pid == 0) {
		alarm(60);
		loop_run(l, &e);
		_exit(0);
	}
	rate = drive(port_of(s), seconds);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	*us_each = (cpu_s(RUSAGE_CHILDREN) - cpu) * 1e6 / (rate * seconds);
	http_server_free(s);
	loop_free(l);
	return rate;
}

struct both {
	struct http_client *c;
	struct http_call call;
	long n;
	bool over;
};

static void
send_next(const struct http_answer *a, void *arg)
{
	struct both *b = arg;
	struct err e;

	b->n += a != NULL;
	if (a != NULL && a->status != 200) {
		fprintf(stderr, "%s\n", a->error);
		exit(1);
	}
	if (!b->over && http_client_start(b->c, &b->call, send_next, b, &e) < 0)
		exit(1);
}

static void
time_is_over(void *arg)
{
	loop_stop(arg);
}

static double
client_and_server(double seconds, double *us_each)
{
	static const char *const headers[] = { "Content-Type: application/json", NULL };
	struct http_server *s;
	struct loop *l = new_server(&s);
	struct both b = { .c = http_client_new(l, NULL) };
	struct loop_timer *t = loop_timer_new(l, time_is_over, l);
	char url[100];
	struct err e;
	double cpu = cpu_s(RUSAGE_SELF), rate;
	int64_t from = clock_mono_ms();

	snprintf(url, sizeof url, "http://%s/worker/runJob", http_server_addr(s, 0));
	b.call = (struct http_call){ .method = "POST", .url = url, .headers = headers, .body = strstr(request, "{"),
		.body_len = 65, .total_ms = 5000 };
	turns = 0;
	for (int i = 0; i < CONNS; i++)
		send_next(NULL, &b);
	loop_timer_set(t, (int64_t)(seconds * 1000));
	loop_run(l, &e);
	rate = (double)b.n * 1000 / (double)(clock_mono_ms() - from);
	*us_each = (cpu_s(RUSAGE_SELF) - cpu) * 1e6 / (double)b.n;
	b.over = true;
	http_client_free(b.c);
	http_server_free(s);
	loop_timer_free(t);
	loop_free(l);
	return rate;
}

int
main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 2, us_server, us_both;
	double raw = raw_echo(seconds), ours = server_echo(seconds, &us_server), both = client_and_server(seconds, &us_both);

	printf("raw echo           %8.0f/s\n", raw);
	printf("server echo        %8.0f/s  ratio %.2f  server's own time %.1f us each\n", ours, ours / raw, us_server);
	printf("client and server  %8.0f/s  ratio %.2f  time of both %.1f us each, %.1f requests a turn\n", both, both / raw,
	    us_both, both * seconds / (double)(turns > 0 ? turns : 1));
	return 0;
}

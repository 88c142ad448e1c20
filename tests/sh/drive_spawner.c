/* A supervisor for tests: starts `pj-run spawner` on a socket, sends it what standard input says, prints what it and
 * the bell report, one line each (`op=started slot=... seq=1 pid=...`, `ring slot=... seq=1`).
 *
 *   drive_spawner [-b BELL [-n | -f]] [-p] PJ_RUN
 *     -b  bind BELL and answer its rings; -n: without answers; -f: never read it, and fill it up first
 *     -p  the spawner may not fork: RLIMIT_NPROC 0, as nobody if we are root (whom the limit does not bind)
 *
 * Lines of standard input: `run FILE` sends the record in FILE; `kill USEC FILE` also kills its pj-run with -9 USEC
 * after `started`; `raw TEXT` sends TEXT; `say @NAME TEXT` (with \n) sends a packet to a job's socket and prints the
 * answer; `idle @NAME N` opens N connections to it and leaves them. At its end the socket is closed, and we wait for
 * the spawner. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "codec/frame.h"
#include "codec/kv.h"

static struct {
	int sock, bell;
	pid_t spawner;
	bool answer, no_fork;
	long kill_after_us; /* -1 none */
	struct buf in;
} d = { .bell = -1, .answer = true, .kill_after_us = -1, .in = BUF_INIT };

static void
die(const char *what)
{
	perror(what);
	exit(71);
}

static void
send_file(const char *path)
{
	struct buf body = BUF_INIT, out = BUF_INIT;
	struct err e = ERR_INIT;

	if (file_read(path, LIMIT_SPEC, &body, &e) < 0) {
		fprintf(stderr, "drive_spawner: %s\n", e.msg);
		exit(66);
	}
	frame_put(&out, &body);
	if (file_write_all(d.sock, out.data, out.len) < 0)
		die("write");
	buf_fini(&body);
	buf_fini(&out);
}

static int
reach(const char *name)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = strlen(name);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	memcpy(to.sun_path + 1, name + 1, len - 1);
	if (connect(fd, (struct sockaddr *)&to, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
		die(name);
	return fd;
}

static void
say(const char *name, const char *text)
{
	struct buf packet = BUF_INIT;
	char answer[1024];
	int fd = reach(name);
	ssize_t n;

	for (; *text != '\0'; text++)
		if (text[0] == '\\' && text[1] == 'n') {
			buf_addc(&packet, '\n');
			text++;
		} else {
			buf_addc(&packet, *text);
		}
	if (send(fd, buf_str(&packet), packet.len, MSG_NOSIGNAL) < 0)
		die("send");
	n = recv(fd, answer, sizeof answer - 1, 0);
	answer[n > 0 ? n : 0] = '\0';
	for (char *p = answer; *p != '\0'; p++)
		if (*p == '\n')
			*p = ' ';
	printf("said %s\n", answer);
	buf_fini(&packet);
	close(fd);
}

static void
obey(char *line)
{
	char path[4096];
	int n, at = 0;

	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "run %4095s", path) == 1) {
		send_file(path);
	} else if (sscanf(line, "kill %ld %4095s", &d.kill_after_us, path) == 2) {
		send_file(path);
	} else if (sscanf(line, "say %100s %n", path, &at) == 1 && at > 0) {
		say(path, line + at);
	} else if (sscanf(line, "idle %100s %d", path, &n) == 2) {
		while (n-- > 0)
			reach(path);
	} else if (strncmp(line, "raw ", 4) == 0) {
		if (file_write_all(d.sock, line + 4, strlen(line + 4)) < 0)
			die("write");
	} else {
		fprintf(stderr, "drive_spawner: what is `%s'?\n", line);
		exit(64);
	}
}

static void
report(const struct buf *body)
{
	struct kv kv;

	if (kv_parse(&kv, buf_str(body), body->len, NULL) < 0)
		die("kv_parse");
	for (size_t i = 0; i < kv.n; i++)
		printf("%s%s=%s", i > 0 ? " " : "", kv.pair[i].key, kv.pair[i].value);
	printf("\n");
	if (d.kill_after_us >= 0 && strcmp(kv_get(&kv, "op"), "started") == 0) {
		usleep((useconds_t)d.kill_after_us);
		kill((pid_t)kv_get_i64(&kv, "pid", 0), SIGKILL);
		d.kill_after_us = -1;
	}
	kv_fini(&kv);
}

static bool
take_reports(void)
{
	struct buf body = BUF_INIT;
	struct err e = ERR_INIT;
	char chunk[4096];
	ssize_t n = read(d.sock, chunk, sizeof chunk);
	int rc;

	if (n <= 0)
		return false;
	buf_add(&d.in, chunk, (size_t)n);
	while ((rc = frame_get(&d.in, &body, &e)) == 1) {
		report(&body);
		buf_clear(&body);
	}
	if (rc < 0)
		printf("bad frame: %s\n", e.msg);
	buf_fini(&body);
	return true;
}

static void
take_ring(void)
{
	struct sockaddr_un from;
	socklen_t len = sizeof from;
	char msg[512], ack[600];
	ssize_t n = recvfrom(d.bell, msg, sizeof msg - 1, MSG_DONTWAIT, (struct sockaddr *)&from, &len);
	const char *seq;
	int used;

	if (n <= 0)
		return;
	msg[n] = '\0';
	printf("%s\n", strncmp(msg, "PJ1 ring ", 9) == 0 ? msg + 4 : msg);
	seq = strstr(msg, " seq=");
	used = snprintf(ack, sizeof ack, "PJ1 ack%s", seq != NULL ? seq : "");
	if (d.answer && sendto(d.bell, ack, (size_t)used, MSG_DONTWAIT, (struct sockaddr *)&from, len) < 0)
		die("sendto");
}

static void
bind_bell(const char *path, bool fill)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
	d.bell = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (bind(d.bell, (struct sockaddr *)&at, sizeof at) < 0)
		die("bind");
	while (fill && sendto(fd, "x", 1, 0, (struct sockaddr *)&at, sizeof at) > 0)
		continue;
	if (fill && errno != EAGAIN)
		die("fill");
	close(fd);
}

static void
become_spawner(const char *pj_run, int sock)
{
	const struct rlimit none = { 0, 0 };
	char fd[16];
	char *argv[] = { strdup("pj-run"), strdup("spawner"), strdup("--fd"), fd, NULL };
	int exe = open(pj_run, O_RDONLY | O_CLOEXEC);

	snprintf(fd, sizeof fd, "%d", sock);
	if (d.no_fork && ((geteuid() == 0 && setresuid(65534, 65534, 65534) < 0) || setrlimit(RLIMIT_NPROC, &none) < 0))
		die("no_fork");
	fexecve(exe, argv, environ);
	die(pj_run);
}

static void
start_spawner(const char *pj_run)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		die("socketpair");
	d.spawner = fork();
	if (d.spawner == 0) {
		close(pair[0]);
		become_spawner(pj_run, pair[1]);
	}
	close(pair[1]);
	d.sock = pair[0];
	printf("spawner pid=%d\n", (int)d.spawner);
}

static void
loop(bool read_bell)
{
	char line[4200];
	bool more = true;

	while (more) {
		struct pollfd p[3] = { { STDIN_FILENO, POLLIN, 0 }, { d.sock, POLLIN, 0 },
			{ read_bell ? d.bell : -1, POLLIN, 0 } };

		if (poll(p, 3, -1) < 0)
			die("poll");
		if (p[1].revents != 0)
			more = take_reports();
		if (p[2].revents != 0)
			take_ring();
		if (p[0].revents != 0) {
			if (fgets(line, sizeof line, stdin) == NULL)
				return;
			obey(line);
		}
	}
}

int
main(int argc, char **argv)
{
	const char *bell = NULL;
	bool fill = false;
	int c, status;

	while ((c = getopt(argc, argv, "b:nfp")) != -1) {
		if (c == 'b')
			bell = optarg;
		else if (c == 'n')
			d.answer = false;
		else if (c == 'f')
			fill = true;
		else if (c == 'p')
			d.no_fork = true;
		else
			return 64;
	}
	if (optind + 1 != argc)
		return 64;
	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0);
	if (bell != NULL)
		bind_bell(bell, fill);
	start_spawner(argv[optind]);
	loop(bell != NULL && !fill);
	close(d.sock);
	if (waitpid(d.spawner, &status, 0) < 0)
		die("waitpid");
	if (WIFEXITED(status))
		printf("spawner exit=%d\n", WEXITSTATUS(status));
	else
		printf("spawner signal=%d\n", WTERMSIG(status));
	buf_fini(&d.in);
	return 0;
}

#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define PROBES_MAX 64
#define PROBE_MS 1500 /* below the clients' 5 s */

struct probe {
	struct probes *owner;
	struct probe *next;
	struct http_req *req;
	struct loop_watch *watch;
	struct loop_timer *timer;
	probe_done done;
	int fd;
	bool said;
	char line[16];
	size_t len;
};

struct probes {
	struct server *server;
	struct probe *list;
	int n;
};

static void
probe_free(struct probe *p)
{
	struct probe **link = &p->owner->list;

	while (*link != p)
		link = &(*link)->next;
	*link = p->next;
	p->owner->n--;
	loop_watch_free(p->watch);
	loop_timer_free(p->timer);
	if (p->fd >= 0)
		close(p->fd);
	free(p);
}

static void
finish(struct probe *p, bool reachable)
{
	struct server *s = p->owner->server;
	struct http_req *req = p->req;
	probe_done done = p->done;

	http_req_on_close(req, NULL, NULL);
	probe_free(p);
	done(s, req, reachable);
}

static void
on_close(struct http_req *req, void *arg)
{
	(void)req;
	probe_free(arg);
}

static void
on_time(void *arg)
{
	finish(arg, false);
}

static void
hear(struct probe *p)
{
	ssize_t n = read(p->fd, p->line + p->len, sizeof p->line - 1 - p->len);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		p->len += (size_t)n;
	p->line[p->len] = '\0';
	if (n > 0 && strpbrk(p->line, "\r\n") == NULL && p->len < sizeof p->line - 1)
		return;
	p->line[strcspn(p->line, "\r\n")] = '\0';
	finish(p, strcasecmp(p->line, "pong") == 0);
}

static void
on_ready(int fd, int what, void *arg)
{
	struct probe *p = arg;

	(void)what;
	if (p->said) {
		hear(p);
		return;
	}
	if (send(fd, "ping", 4, MSG_NOSIGNAL) != 4) { /* not connected, then */
		finish(p, false);
		return;
	}
	p->said = true;
	loop_watch_set(p->watch, LOOP_READ);
}

static int
dial(const char *ip, int64_t port, struct err *e)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int fd;

	if (port < 1 || port > 65535 || inet_pton(AF_INET, ip, &a.sin_addr) != 1)
		return err_set(e, ERR_USAGE, "%.100s:%lld is no IPv4 address and port", ip, (long long)port);
	a.sin_port = htons((uint16_t)port);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(e, ERR_BUSY, errno, "no socket");
	if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0 && errno != EINPROGRESS) {
		close(fd);
		return -2; /* surely unreachable */
	}
	return fd;
}

int
probes_start(struct probes *owner, struct http_req *req, const char *ip, int64_t port, probe_done done, struct err *e)
{
	struct probe *p;
	int fd;

	if (owner->n >= PROBES_MAX)
		return err_set(e, ERR_BUSY, "%d other checks are running", owner->n);
	fd = dial(ip, port, e);
	if (fd == -1)
		return -1;
	if (fd < 0) {
		done(owner->server, req, false);
		return 0;
	}
	p = calloc(1, sizeof *p);
	if (p == NULL) {
		close(fd);
		return err_set(e, ERR_NOMEM, "out of memory");
	}
	p->owner = owner;
	p->next = owner->list;
	owner->list = p;
	owner->n++;
	p->req = req;
	p->done = done;
	p->fd = fd;
	p->watch = loop_watch_new(owner->server->loop, fd, LOOP_WRITE, on_ready, p);
	p->timer = loop_timer_new(owner->server->loop, on_time, p);
	if (p->watch == NULL || p->timer == NULL) {
		probe_free(p);
		return err_set(e, ERR_NOMEM, "out of memory");
	}
	loop_timer_set(p->timer, PROBE_MS);
	http_req_on_close(req, on_close, p);
	return 0;
}

struct probes *
probes_new(struct server *s)
{
	struct probes *p = calloc(1, sizeof *p);

	if (p != NULL)
		p->server = s;
	return p;
}

void
probes_free(struct probes *p)
{
	if (p == NULL)
		return;
	while (p->list != NULL)
		probe_free(p->list);
	free(p);
}

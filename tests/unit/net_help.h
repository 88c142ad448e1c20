/* Shared by test_net_*.c: a loop with a time limit, raw clients beside the server in one process. */
#ifndef PJ_TESTS_NET_HELP_H
#define PJ_TESTS_NET_HELP_H

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/log.h"
#include "net/http_server.h"
#include "net/loop.h"

struct net {
	struct loop *l;
	struct http_server *s;
	int commits, failures;     /* how often commit ran, and failed */
	int fail_next;             /* so many commits fail from now on */
	bool late;                 /* run_until's time was over */
	bool (*until)(void *arg);
	void *until_arg;
	struct loop_timer *tick, *limit;
};

static int
net_commit(void *arg, struct err *e)
{
	struct net *n = arg;

	n->commits++;
	if (n->fail_next <= 0)
		return 0;
	n->fail_next--;
	n->failures++;
	return err_set(e, ERR_IO, "the disk is full");
}

static void
net_tick(void *arg)
{
	struct net *n = arg;

	if (n->until(n->until_arg))
		loop_stop(n->l);
	else
		loop_timer_set(n->tick, 1);
}

static void
net_limit(void *arg)
{
	struct net *n = arg;

	n->late = true;
	loop_stop(n->l);
}

static inline void
net_init(struct net *n)
{
	static const struct loop_ops ops = { .commit = net_commit };
	struct err e = ERR_INIT;

	memset(n, 0, sizeof *n);
	log_init("test", getenv("TEST_LOG") != NULL ? LOG_DEBUG_ : LOG_ERROR_ + 1);
	n->l = loop_new(&e);
	assert_non_null(n->l);
	loop_set_ops(n->l, &ops, n);
	n->tick = loop_timer_new(n->l, net_tick, n);
	n->limit = loop_timer_new(n->l, net_limit, n);
	n->s = http_server_new(n->l, &e);
	assert_non_null(n->s);
}

static inline void
net_fini(struct net *n)
{
	http_server_free(n->s);
	loop_timer_free(n->tick);
	loop_timer_free(n->limit);
	loop_free(n->l);
}

/* Runs the loop until `until` says so; the test fails when that takes over limit_ms. */
static inline void
net_run(struct net *n, bool (*until)(void *arg), void *arg, int limit_ms)
{
	struct err e = ERR_INIT;

	n->until = until;
	n->until_arg = arg;
	n->late = false;
	loop_timer_set(n->tick, 0);
	loop_timer_set(n->limit, limit_ms);
	assert_int_equal(loop_run(n->l, &e), 0);
	loop_timer_clear(n->tick);
	loop_timer_clear(n->limit);
	assert_false(n->late);
}

static bool
net_clock_past(void *arg)
{
	return clock_mono_ms() >= *(int64_t *)arg;
}

/* Lets the loop run for a while. */
static inline void
net_pause(struct net *n, int ms)
{
	int64_t until = clock_mono_ms() + ms;

	net_run(n, net_clock_past, &until, ms + 8000);
}

static inline int
net_port(const struct net *n, int i)
{
	return atoi(strrchr(http_server_addr(n->s, i), ':') + 1);
}

/* A client's socket, connected (the listener's backlog answers), not blocking. */
static inline int
net_connect(const struct net *n, int i)
{
	const char *addr = http_server_addr(n->s, i);
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd;

	if (addr[0] == '/') {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		memcpy(un.sun_path, addr, strlen(addr));
		assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof un), 0);
	} else {
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		in.sin_port = htons((uint16_t)net_port(n, i));
		assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof in), 0);
	}
	return fd;
}

static inline void
net_send(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

struct net_heard {
	int fd;
	struct buf got;
	const char *needle; /* NULL: until the connection ends */
	bool ended, reset;
};

static bool
net_heard_it(void *arg)
{
	struct net_heard *h = arg;
	char *at = buf_room(&h->got, 65536);
	ssize_t n = recv(h->fd, at, 65536, MSG_DONTWAIT);

	at[n > 0 ? n : 0] = '\0';
	h->got.len += n > 0 ? (size_t)n : 0;
	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		h->ended = true;
		h->reset = n < 0;
	}
	return h->ended || (h->needle != NULL && strstr(buf_str(&h->got), h->needle) != NULL);
}

/* What the server says on fd until `needle` is in it, or (NULL) until it closes; a static copy. */
static inline const char *
net_hear(struct net *n, int fd, const char *needle)
{
	static char text[1 << 20];
	struct net_heard h = { .fd = fd, .needle = needle, .got = BUF_INIT };

	net_run(n, net_heard_it, &h, 8000);
	assert_false(h.reset);
	if (needle != NULL)
		assert_false(h.ended && strstr(buf_str(&h.got), needle) == NULL);
	snprintf(text, sizeof text, "%s", buf_str(&h.got));
	buf_fini(&h.got);
	return text;
}

/* One connection, one request, the answer to its end. */
static inline const char *
net_talk(struct net *n, int i, const char *request)
{
	int fd = net_connect(n, i);
	const char *text;

	net_send(fd, request);
	text = net_hear(n, fd, NULL);
	close(fd);
	return text;
}

#endif

#include "net/http_server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "net/http_conn.h"

#define ACCEPT_BATCH 64
#define IDLE_LEAST_MS 100         /* a younger connection may have a request on its way */
#define ACCEPT_PAUSE_MS 100       /* out of descriptors */

/* --- time ------------------------------------------------------------------------- */

void
http_server_wake_at(struct http_server *s, int64_t mono_ms)
{
	if (mono_ms >= s->timer_due)
		return;
	s->timer_due = mono_ms;
	loop_timer_set(s->timer, mono_ms - clock_mono_ms());
}

static void
on_timer(void *arg)
{
	struct http_server *s = arg;

	s->timer_due = INT64_MAX;
	http_server_wake_at(s, http_conn_expire(s, clock_mono_ms()));
}

/* --- accepting ----------------------------------------------------------------------- */

void
http_server_conn_gone(struct http_port *li)
{
	li->n_conns--;
	if (!li->full || li->s->closing)
		return;
	li->full = false;
	if (!li->paused)
		loop_watch_set(li->watch, LOOP_READ);
}

static int
most(const struct http_port *li)
{
	return li->conf.connections_max > 0 ? li->conf.connections_max : LIMIT_HTTP_CONNECTIONS;
}

/* Room for another connection: the one that was idle longest goes. False: none is idle. */
static bool
make_room(struct http_port *li)
{
	int64_t before = loop_now(li->s->loop).mono_ms + LIMIT_HTTP_IDLE_MS - IDLE_LEAST_MS;

	for (struct http_conn *c = li->s->lists[CONN_IDLE].first; c != NULL && c->deadline <= before; c = c->next)
		if (c->li == li) {
			http_conn_close(c);
			return true;
		}
	if (!li->full)
		log_warn("connections_full", "listen=%s limit=%d", log_q(li->bound), most(li));
	li->full = true;
	loop_watch_set(li->watch, 0);
	return false;
}

static void
pause_accept(struct http_port *li, int why)
{
	if (!li->said_short)
		log_error("accept_failed", "listen=%s reason=%s", log_q(li->bound), log_q(strerror(why)));
	li->said_short = true;
	li->paused = true;
	loop_watch_set(li->watch, 0);
	loop_timer_set(li->pause, ACCEPT_PAUSE_MS);
}

static void
pause_over(void *arg)
{
	struct http_port *li = arg;

	li->paused = false;
	if (!li->full)
		loop_watch_set(li->watch, LOOP_READ);
}

static void
on_accept(int fd, int what, void *arg)
{
	struct http_port *li = arg;

	for (int i = 0; i < ACCEPT_BATCH; i++) {
		int peer;

		if (li->n_conns >= most(li) && !make_room(li))
			return;
		peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (peer >= 0) {
			li->said_short = false;
			http_conn_new(li, peer);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			pause_accept(li, errno);
			return;
		} else if (errno == EAGAIN) {
			return;
		} /* else that one connection failed: the next */
	}
}

/* --- life ----------------------------------------------------------------------------- */

struct http_server *
http_server_new(struct loop *l, struct err *e)
{
	struct http_server *s = calloc(1, sizeof *s);

	if (s != NULL)
		s->timer = loop_timer_new(l, on_timer, s);
	if (s == NULL || s->timer == NULL) {
		err_set(e, ERR_NOMEM, "out of memory");
		free(s);
		return NULL;
	}
	s->loop = l;
	s->timer_due = INT64_MAX;
	return s;
}

static void
free_strings(const char *const *list)
{
	char **own;

	if (list == NULL)
		return;
	memcpy(&own, &list, sizeof own);
	for (char **p = own; *p != NULL; p++)
		free(*p);
	free(own);
}

static int
copy_hosts(struct http_port *li, const char *const *hosts)
{
	size_t n = 0;
	char **own;

	li->conf.hosts = NULL;
	if (hosts == NULL)
		return 0;
	while (hosts[n] != NULL)
		n++;
	own = calloc(n + 1, sizeof *own);
	if (own == NULL)
		return -1;
	li->conf.hosts = (const char *const *)own;
	for (size_t i = 0; i < n; i++)
		if ((own[i] = strdup(hosts[i])) == NULL)
			return -1;
	return 0;
}

static void
listener_stop(struct http_port *li)
{
	struct stat st;

	loop_watch_free(li->watch);
	loop_timer_free(li->pause);
	li->watch = NULL;
	li->pause = NULL;
	if (li->fd < 0)
		return;
	close(li->fd);
	li->fd = -1;
	if (li->is_unix && lstat(li->bound, &st) == 0 && st.st_dev == li->dev && st.st_ino == li->ino)
		unlink(li->bound);
}

static void
listener_free(struct http_port *li)
{
	if (li == NULL)
		return;
	listener_stop(li);
	free_strings(li->conf.hosts);
	free(li);
}

static int
listener_open(struct http_port *li, struct err *e)
{
	char host[HTTP_ADDR_SIZE];
	struct stat st;

	li->fd = http_listen_open(li->conf.addr, li->bound, e);
	if (li->fd < 0)
		return -1;
	li->is_unix = http_listen_is_unix(li->conf.addr);
	li->conf.addr = li->bound;
	if (li->is_unix && lstat(li->bound, &st) == 0) {
		li->dev = st.st_dev;
		li->ino = st.st_ino;
	} else if (!li->is_unix) {
		http_listen_split(li->bound, host, sizeof host, &li->port);
	}
	li->watch = loop_watch_new(li->s->loop, li->fd, LOOP_READ, on_accept, li);
	li->pause = loop_timer_new(li->s->loop, pause_over, li);
	if (li->watch == NULL || li->pause == NULL)
		return err_set(e, ERR_NOMEM, "out of memory");
	return 0;
}

int
http_server_listen(struct http_server *s, const struct http_listener *conf, struct err *e)
{
	struct http_port **more = reallocarray(s->li, (size_t)s->n_li + 1, sizeof *more);
	struct http_port *li = calloc(1, sizeof *li);

	if (more != NULL)
		s->li = more;
	if (more == NULL || li == NULL) {
		free(li);
		return err_set(e, ERR_NOMEM, "out of memory");
	}
	li->s = s;
	li->fd = -1;
	li->conf = *conf;
	if (copy_hosts(li, conf->hosts) < 0)
		err_set(e, ERR_NOMEM, "out of memory");
	else if (listener_open(li, e) == 0) {
		s->li[s->n_li++] = li;
		return 0;
	}
	listener_free(li);
	return -1;
}

const char *
http_server_addr(const struct http_server *s, int i)
{
	return i >= 0 && i < s->n_li ? s->li[i]->bound : "";
}

void
http_server_close(struct http_server *s)
{
	if (s->closing)
		return;
	s->closing = true;
	for (int i = 0; i < s->n_li; i++)
		listener_stop(s->li[i]);
	while (s->lists[CONN_IDLE].first != NULL)
		http_conn_close(s->lists[CONN_IDLE].first);
}

void
http_server_free(struct http_server *s)
{
	if (s == NULL)
		return;
	http_conn_free_all(s);
	for (int i = 0; i < s->n_li; i++)
		listener_free(s->li[i]);
	free(s->li);
	loop_timer_free(s->timer);
	free(s);
}

/* run/worker.sock: `PJ1 ring slot=PATH seq=N` from a pj-run that has a result, acknowledged by `PJ1 ack seq=N` when the
 * result is on our disk; `PJ1 ring table=server` from pj-discover. A bell only saves time. */
#include "worker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"

#define AT_ONCE 256 /* datagrams in a turn */

static void
ack(struct host *w, const struct sockaddr_un *to, socklen_t len, int64_t seq)
{
	char text[64];
	int n = snprintf(text, sizeof text, "PJ1 ack seq=%" PRId64, seq);

	/* Who is gone needs none; who is not answered syncs his slot file himself. */
	if (sendto(w->bell_fd, text, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)to, len) < 0
	    && errno != ECONNREFUSED && errno != ENOENT && errno != EAGAIN)
		log_debug("ack_failed", "seq=%" PRId64 " error=%s", seq, log_q(strerror(errno)));
}

void
bell_ack(struct host *w, struct run *r)
{
	if (r->bell_len > 0)
		ack(w, &r->bell, r->bell_len, r->seq);
	r->bell_len = 0;
}

static void
ring_slot(struct host *w, const char *path, int64_t seq, const struct sockaddr_un *from, socklen_t from_len)
{
	int slot = slots_of_path(w, path);
	struct slot_entry *s = slot >= 0 ? &w->slot[slot] : NULL;

	if (s == NULL || s->seq < seq) {
		log_warn("strange_ring", "slot=%s seq=%" PRId64, log_q(path), seq);
		return;
	}
	if (s->use == USE_RUN && s->seq == seq) {
		s->run->bell = *from;
		s->run->bell_len = from_len;
		live_look(w, s->run);
		return;
	}
	ack(w, from, from_len, seq); /* its result is on disk already */
}

static void
take_ring(struct host *w, char *text, const struct sockaddr_un *from, socklen_t from_len)
{
	static const char lead[] = "PJ1 ring slot=";
	char *seq;

	if (strcmp(text, "PJ1 ring table=server") == 0) {
		worker_forget_server(w);
		outbox_server_seen(w);
		return;
	}
	seq = strstr(text, " seq=");
	if (strncmp(text, lead, sizeof lead - 1) != 0 || seq == NULL) {
		log_warn("strange_ring", "text=%s", log_q(text));
		return;
	}
	*seq = '\0';
	ring_slot(w, text + sizeof lead - 1, strtoll(seq + 5, NULL, 10), from, from_len);
}

static bool
is_ours(const struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR((struct msghdr *)(uintptr_t)m, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS) {
			struct ucred cred;

			memcpy(&cred, CMSG_DATA(c), sizeof cred);
			return cred.uid == geteuid() || cred.uid == 0;
		}
	return false;
}

/* 1 one was taken, 0 there is none. */
static int
receive(struct host *w)
{
	static char text[4608];
	union {
		char space[CMSG_SPACE(sizeof(struct ucred))];
		struct cmsghdr align;
	} control;
	struct sockaddr_un from;
	struct iovec iov = { text, sizeof text - 1 };
	struct msghdr m = { .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.space, .msg_controllen = sizeof control.space };
	ssize_t n = recvmsg(w->bell_fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return errno == EINTR;
	text[n] = '\0';
	if (n > 0 && text[n - 1] == '\n')
		text[n - 1] = '\0';
	if (is_ours(&m))
		take_ring(w, text, &from, m.msg_namelen);
	else
		log_warn("foreign_ring", "refused=yes");
	return 1;
}

static void
on_bell(int fd, int what, void *arg)
{
	(void)fd;
	(void)what;
	for (int n = 0; n < AT_ONCE && receive(arg) == 1; n++)
		continue;
}

int
bell_open(struct host *w, struct err *e)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int on = 1, size = 1024 * 1024;

	if (strlen(w->bell_path) > LIMIT_SOCKET_PATH)
		return err_set(e, ERR_CONFIG, "%s: a socket's path may be %d bytes long, this one is %zu; set paths.run to a shorter "
		    "directory", w->bell_path, LIMIT_SOCKET_PATH, strlen(w->bell_path));
	memcpy(at.sun_path, w->bell_path, strlen(w->bell_path) + 1);
	/* We hold the lock of this root: whatever is there is of a dead one. */
	if (unlink(w->bell_path) < 0 && errno != ENOENT)
		return err_sys(e, ERR_IO, errno, "cannot replace %s", w->bell_path);
	w->bell_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (w->bell_fd < 0)
		return err_sys(e, ERR_OS, errno, "cannot make a socket");
	setsockopt(w->bell_fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	if (setsockopt(w->bell_fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0)
		return err_sys(e, ERR_OS, errno, "SO_PASSCRED");
	if (bind(w->bell_fd, (struct sockaddr *)&at, sizeof at) < 0)
		return err_sys(e, ERR_IO, errno, "cannot make the socket %s", w->bell_path);
	if (chmod(w->bell_path, 0600) < 0)
		return err_sys(e, ERR_IO, errno, "chmod %s", w->bell_path);
	w->bell_watch = loop_watch_new(w->loop, w->bell_fd, LOOP_READ, on_bell, w);
	return w->bell_watch != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory");
}

void
bell_close(struct host *w)
{
	if (w->bell_watch != NULL)
		loop_watch_free(w->bell_watch);
	if (w->bell_fd >= 0) {
		unlink(w->bell_path);
		close(w->bell_fd);
	}
	w->bell_watch = NULL;
	w->bell_fd = -1;
}

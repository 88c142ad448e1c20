#include "service.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"

#define ENV_LEAD "PJ_SOCKET=@"

/* The name only has to be free; who may speak is checked by uid. */
static void
put_name(struct buf *out, int64_t instance_id, int64_t attempt)
{
	static const char hex[] = "0123456789abcdef";
	uint64_t random = 0;

	if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0)
		random = (uint64_t)getpid();
	buf_adds(out, ENV_LEAD "pj/");
	buf_add_i64(out, instance_id);
	buf_addc(out, '.');
	buf_add_i64(out, attempt);
	buf_addc(out, '.');
	for (int i = 0; i < 16; i++, random >>= 4)
		buf_addc(out, hex[random & 15]);
}

int
service_open(struct service *s, int64_t instance_id, int64_t attempt, struct err *e)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct buf name = BUF_INIT;
	size_t len;

	for (int i = 0; i < SERVICE_CONNS; i++)
		s->conn[i] = -1;
	s->oldest = 0;
	put_name(&name, instance_id, attempt);
	if (!buf_ok(&name) || name.len >= sizeof s->env) {
		buf_fini(&name);
		return err_set(e, ERR_NOMEM, "out of memory");
	}
	memcpy(s->env, name.data, name.len + 1);
	buf_fini(&name);
	len = strlen(s->env + strlen(ENV_LEAD));
	memcpy(at.sun_path + 1, s->env + strlen(ENV_LEAD), len);
	s->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->listener >= 0 && bind(s->listener, (struct sockaddr *)&at,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len)) == 0 && listen(s->listener, 64) == 0)
		return 0;
	err_sys(e, ERR_OS, errno, "cannot open the job's socket");
	service_close(s);
	return -1;
}

void
service_close(struct service *s)
{
	for (int i = 0; i < SERVICE_CONNS; i++)
		if (s->conn[i] >= 0)
			close(s->conn[i]);
	if (s->listener >= 0)
		close(s->listener);
	s->listener = -1;
}

void
service_polls(const struct service *s, struct pollfd *p)
{
	for (int i = 0; i < SERVICE_CONNS; i++)
		p[i] = (struct pollfd){ .fd = s->conn[i], .events = POLLIN };
	p[SERVICE_CONNS] = (struct pollfd){ .fd = s->listener, .events = POLLIN };
}

static void
answer(int fd, const char *why_not)
{
	struct buf out = BUF_INIT;

	buf_adds(&out, why_not == NULL ? SERVICE_VERSION " ok\n" : SERVICE_VERSION " error\n");
	kv_put(&out, "text", why_not);
	/* An asker who is gone does not matter, and one who does not read is not waited for. */
	if (buf_ok(&out) && send(fd, out.data, out.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		errno = 0;
	buf_fini(&out);
}

static int
handle(const char *packet, size_t len, service_fn fn, void *arg, struct err *e)
{
	const char *nl = memchr(packet, '\n', len);
	const size_t lead = sizeof SERVICE_VERSION;
	char verb[16];
	struct kv request;
	int rc;

	if (nl == NULL || (size_t)(nl - packet) <= lead || memcmp(packet, SERVICE_VERSION " ", lead) != 0 ||
	    (size_t)(nl - packet) - lead >= sizeof verb)
		return err_set(e, ERR_PROTOCOL, "the request is not of version %s", SERVICE_VERSION);
	snprintf(verb, sizeof verb, "%.*s", (int)((size_t)(nl - packet) - lead), packet + lead);
	if (kv_parse(&request, nl + 1, len - (size_t)(nl + 1 - packet), e) < 0)
		return -1;
	rc = fn(verb, &request, arg, e);
	kv_fini(&request);
	return rc;
}

static void
serve(struct service *s, int i, service_fn fn, void *arg)
{
	char *packet = malloc(SERVICE_PACKET_MAX);
	struct err e = ERR_INIT;
	ssize_t n = packet != NULL ? recv(s->conn[i], packet, SERVICE_PACKET_MAX, MSG_DONTWAIT | MSG_TRUNC) : -1;

	if (packet == NULL) {
		answer(s->conn[i], "out of memory");
	} else if (n > SERVICE_PACKET_MAX) {
		answer(s->conn[i], "the request is too long");
	} else if (n > 0) {
		answer(s->conn[i], handle(packet, (size_t)n, fn, arg, &e) < 0 ? e.msg : NULL);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		close(s->conn[i]);
		s->conn[i] = -1;
	}
	free(packet);
}

static bool
is_ours(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof peer;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	    (peer.uid == geteuid() || peer.uid == 0);
}

static void
take_new(struct service *s)
{
	int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int i = 0;

	if (fd < 0)
		return;
	if (!is_ours(fd)) {
		close(fd);
		return;
	}
	while (i < SERVICE_CONNS && s->conn[i] >= 0)
		i++;
	if (i == SERVICE_CONNS) {
		i = s->oldest;
		s->oldest = (s->oldest + 1) % SERVICE_CONNS;
		close(s->conn[i]);
	}
	s->conn[i] = fd;
}

void
service_turn(struct service *s, const struct pollfd *p, service_fn fn, void *arg)
{
	for (int i = 0; i < SERVICE_CONNS; i++)
		if (p[i].revents != 0 && s->conn[i] >= 0)
			serve(s, i, fn, arg);
	if (p[SERVICE_CONNS].revents != 0)
		take_new(s);
}

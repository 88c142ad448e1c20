#include "net/http_listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/limits.h"

#define BACKLOG 1024

bool
http_listen_is_unix(const char *addr)
{
	return addr[0] == '/' || addr[0] == '.';
}

int
http_listen_split(const char *addr, char *host, size_t size, int *port)
{
	const char *end = addr[0] == '[' ? strchr(addr, ']') : addr + strcspn(addr, ":");
	size_t skip = addr[0] == '[', len;
	char *rest;
	long n = 80;

	if (end == NULL)
		return -1;
	len = (size_t)(end - addr) - skip;
	if (len == 0 || len >= size)
		return -1;
	memcpy(host, addr + skip, len);
	host[len] = '\0';
	end += skip;
	if (*end == ':' && end[1] >= '0' && end[1] <= '9') {
		n = strtol(end + 1, &rest, 10);
		end = rest;
	}
	if (*end != '\0' || n < 0 || n > 65535)
		return -1;
	*port = (int)n;
	return 0;
}

static bool
same_host(const char *host, int port, const char *allowed, int default_port)
{
	char name[HTTP_ADDR_SIZE];
	int allowed_port;

	if (http_listen_split(allowed, name, sizeof name, &allowed_port) < 0)
		return false;
	if (allowed[strlen(allowed) - 1] == ']' || strchr(allowed, ':') == NULL)
		allowed_port = default_port;
	return port == allowed_port && strcasecmp(host, name) == 0;
}

bool
http_listen_names(const char *sent, const char *const *allowed, int default_port)
{
	char host[HTTP_ADDR_SIZE];
	int port;

	if (http_listen_split(sent, host, sizeof host, &port) < 0)
		return false;
	for (; allowed != NULL && *allowed != NULL; allowed++)
		if (same_host(host, port, *allowed, default_port))
			return true;
	return false;
}

static void
put_name(const struct sockaddr_storage *ss, char *out, size_t size)
{
	char host[INET6_ADDRSTRLEN] = "?";

	if (ss->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)ss;

		inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
		snprintf(out, size, "%s:%d", host, ntohs(in->sin_port));
	} else if (ss->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)ss;

		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
		snprintf(out, size, "[%s]:%d", host, ntohs(in6->sin6_port));
	} else {
		snprintf(out, size, "?");
	}
}

void
http_listen_name(int fd, bool local, char *out, size_t size)
{
	struct sockaddr_storage ss = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof ss;
	int rc = local ? getsockname(fd, (struct sockaddr *)&ss, &len) : getpeername(fd, (struct sockaddr *)&ss, &len);

	if (rc < 0)
		ss.ss_family = AF_UNSPEC;
	put_name(&ss, out, size);
}

/* --- TCP ---------------------------------------------------------------------- */

static int
bind_tcp(const struct addrinfo *ai)
{
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1, why;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	why = errno;
	close(fd);
	errno = why;
	return -1;
}

static int
open_tcp(const char *addr, char *bound, struct err *e)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV }, *list, *ai;
	char host[HTTP_ADDR_SIZE], service[8];
	int port, fd = -1, rc;

	if (strrchr(addr, ':') == NULL || http_listen_split(addr, host, sizeof host, &port) < 0)
		return err_set(e, ERR_CONFIG, "cannot listen on %.100s: it must be host:port, [v6]:port or a path", addr);
	snprintf(service, sizeof service, "%d", port);
	rc = getaddrinfo(host, service, &hints, &list);
	if (rc != 0)
		return err_set(e, ERR_CONFIG, "cannot listen on %s: %s", addr, gai_strerror(rc));
	for (ai = list; ai != NULL && fd < 0; ai = ai->ai_next)
		fd = bind_tcp(ai);
	freeaddrinfo(list);
	if (fd < 0 && errno == EADDRINUSE)
		return err_set(e, ERR_BUSY, "cannot listen on %s: another program uses this port", addr);
	if (fd < 0)
		return err_sys(e, errno == EADDRNOTAVAIL || errno == EACCES ? ERR_CONFIG : ERR_OS, errno,
		    "cannot listen on %s", addr);
	http_listen_name(fd, true, bound, HTTP_ADDR_SIZE);
	return fd;
}

/* --- Unix sockets ---------------------------------------------------------------- */

/* Makes way: removes a socket on which nobody listens. */
static int
clear_path(const struct sockaddr_un *sa, struct err *e)
{
	struct stat st;
	int fd, rc, why;

	if (lstat(sa->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(e, ERR_OS, errno, "cannot listen on %s", sa->sun_path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, ERR_CONFIG, "cannot listen on %s: there is a file that is no socket; remove it",
		    sa->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(e, ERR_OS, errno, "cannot make a socket");
	rc = connect(fd, (const struct sockaddr *)sa, sizeof *sa);
	why = errno;
	close(fd);
	if (rc == 0 || why == EAGAIN)
		return err_set(e, ERR_BUSY, "cannot listen on %s: another process answers there", sa->sun_path);
	if (why != ECONNREFUSED && why != ENOENT)
		return err_sys(e, ERR_OS, why, "cannot listen on %s", sa->sun_path);
	if (unlink(sa->sun_path) < 0 && errno != ENOENT)
		return err_sys(e, ERR_OS, errno, "cannot remove the old socket %s", sa->sun_path);
	return 0;
}

static int
open_unix(const char *path, char *bound, struct err *e)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	mode_t mask;
	int fd, rc;

	if (strlen(path) > LIMIT_SOCKET_PATH)
		return err_set(e, ERR_CONFIG, "the socket path %s has %zu bytes; the system allows %d: choose a shorter"
		    " directory", path, strlen(path), LIMIT_SOCKET_PATH);
	memcpy(sa.sun_path, path, strlen(path));
	if (clear_path(&sa, e) < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(e, ERR_OS, errno, "cannot make a socket");
	mask = umask(0177); /* 0600 from its first moment */
	rc = bind(fd, (struct sockaddr *)&sa, sizeof sa);
	umask(mask);
	if (rc < 0 || listen(fd, BACKLOG) < 0) {
		err_sys(e, errno == EADDRINUSE ? ERR_BUSY : ERR_OS, errno, "cannot listen on %s", path);
		close(fd);
		return -1;
	}
	snprintf(bound, HTTP_ADDR_SIZE, "%s", path);
	return fd;
}

int
http_listen_open(const char *addr, char *bound, struct err *e)
{
	return http_listen_is_unix(addr) ? open_unix(addr, bound, e) : open_tcp(addr, bound, e);
}

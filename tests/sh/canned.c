/* A server for tests that says what it was told to say, however wrong:
 *
 *   canned ADDRESS DIR     ADDRESS: a path (Unix socket) or a port of 127.0.0.1
 *
 * A request `GET /pj/1/job/ls?x` is appended to DIR/log (its first line, then its body) and answered from the first of
 * these files that is there: DIR/GET_pj_1_job_ls.N for the N-th request of this name, DIR/GET_pj_1_job_ls. A file:
 *
 *   200                    the status, or: close (no answer), hang (none for ever), half (the first half of the body)
 *   X-PJ-Log-Next: 5       headers
 *                          an empty line
 *   {"body":1}
 *
 * Without a file: 404 and an error of pj's. Every connection is closed after its answer. DIR/ready is made when it
 * listens. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define REQUEST_MAX (1 << 20)
#define NAMES_MAX 64

static const char *dir;
static char request[REQUEST_MAX + 1];

static struct {
	char name[128];
	int n;
} seen[NAMES_MAX];

static void
die(const char *what)
{
	perror(what);
	exit(71);
}

static int
listen_at(const char *address)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr_in in = { .sin_family = AF_INET };
	int unix_socket = strchr(address, '/') != NULL, one = 1;
	int fd = socket(unix_socket ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(un.sun_path, sizeof un.sun_path, "%s", address);
	in.sin_port = htons((unsigned short)atoi(address));
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, unix_socket ? (struct sockaddr *)&un : (struct sockaddr *)&in,
	    unix_socket ? sizeof un : sizeof in) != 0 || listen(fd, 16) != 0)
		die(address);
	return fd;
}

/* The whole request into `request`; its body, or NULL when it broke off. */
static char *
read_request(int fd)
{
	size_t len = 0;

	for (;;) {
		ssize_t n = read(fd, request + len, REQUEST_MAX - len);
		char *body, *length;

		if (n <= 0)
			return NULL;
		len += (size_t)n;
		request[len] = '\0';
		body = strstr(request, "\r\n\r\n");
		if (body == NULL)
			continue;
		length = strcasestr(request, "\r\nContent-Length:");
		body += 4;
		if (length == NULL || length > body || strlen(body) >= strtoul(length + 17, NULL, 10))
			return body;
	}
}

static int
count(const char *name)
{
	int i = 0;

	while (i < NAMES_MAX - 1 && seen[i].n > 0 && strcmp(seen[i].name, name) != 0)
		i++;
	snprintf(seen[i].name, sizeof seen[i].name, "%s", name);
	return ++seen[i].n;
}

/* "GET /pj/1/job/ls?x HTTP/1.1" to "GET_pj_1_job_ls". */
static void
name_of(char *name, size_t size)
{
	size_t i = 0;

	for (const char *p = request; *p != '\0' && *p != '?' && *p != '\r' && i + 1 < size; p++) {
		if (*p == ' ' && i > 0 && strchr(name, '_') != NULL)
			break;
		if (*p == ' ' && p[1] == '/')
			continue;
		name[i++] = *p == '/' || *p == ' ' ? '_' : *p;
		name[i] = '\0';
	}
}

static size_t
find_answer(char *text, size_t size)
{
	static const char none[] = "404\n\n{\"error\":{\"code\":\"notfound\",\"message\":\"not canned\"}}";
	char name[128] = "", path[4096];
	FILE *f;
	size_t len;

	name_of(name, sizeof name);
	snprintf(path, sizeof path, "%s/%s.%d", dir, name, count(name));
	f = fopen(path, "re");
	if (f == NULL) {
		snprintf(path, sizeof path, "%s/%s", dir, name);
		f = fopen(path, "re");
	}
	if (f == NULL)
		return (size_t)snprintf(text, size, "%s", none);
	len = fread(text, 1, size - 1, f);
	text[len] = '\0';
	fclose(f);
	return len;
}

static void
send_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		data += n;
		len -= (size_t)n;
	}
}

static void
answer(int fd)
{
	static char text[REQUEST_MAX], head[8192];
	size_t len = find_answer(text, sizeof text);
	char *body = strstr(text, "\n\n"), *headers = strchr(text, '\n');
	size_t body_len = body != NULL ? len - (size_t)(body + 2 - text) : 0;
	int n;

	if (body == NULL || strncmp(text, "close", 5) == 0)
		return;
	if (strncmp(text, "hang", 4) == 0)
		pause();
	*body = '\0';
	n = snprintf(head, sizeof head, "HTTP/1.1 %d Canned\r\nContent-Length: %zu\r\nConnection: close\r\n",
	    strncmp(text, "half", 4) == 0 ? 200 : atoi(text), body_len);
	for (char *line = headers < body ? strtok(headers + 1, "\n") : NULL; line != NULL; line = strtok(NULL, "\n"))
		n += snprintf(head + n, sizeof head - (size_t)n, "%s\r\n", line);
	n += snprintf(head + n, sizeof head - (size_t)n, "\r\n");
	send_all(fd, head, (size_t)n);
	send_all(fd, body + 2, strncmp(text, "half", 4) == 0 ? body_len / 2 : body_len);
}

static void
note(const char *body)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof path, "%s/log", dir);
	f = fopen(path, "ae");
	if (f == NULL)
		die(path);
	fprintf(f, "%.*s\n", (int)strcspn(request, "\r\n"), request);
	if (body[0] != '\0')
		fprintf(f, "%s\n", body);
	fclose(f);
}

int
main(int argc, char **argv)
{
	char path[4096];
	int listener;
	FILE *f;

	if (argc != 3)
		return 64;
	dir = argv[2];
	listener = listen_at(argv[1]);
	snprintf(path, sizeof path, "%s/ready", dir);
	f = fopen(path, "we");
	if (f == NULL || fputs("ready\n", f) < 0 || fclose(f) != 0)
		die(path);
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		const char *body = fd >= 0 ? read_request(fd) : NULL;

		if (body != NULL) {
			note(body);
			answer(fd);
		}
		if (fd >= 0)
			close(fd);
	}
}

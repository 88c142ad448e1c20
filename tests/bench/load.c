/* Load on a running pj-serverd through the OpenAPI: keep-alive connections, blocking sockets, one thread each.
 *
 *   load HOST:PORT APP PASSWORD rate JOBID N CLIENTS    N runJob calls from CLIENTS connections, until all are final
 *   load HOST:PORT APP PASSWORD latency JOBID N         one at a time: runJob, then poll until it is final
 *
 * Prints one line of key=value; exit 1 when an instance did not end with status 5 (succeeded). */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>

struct conn {
	int fd;
	char in[65536];
	size_t have;
};

struct client {
	pthread_t thread;
	long n;
	int64_t *ids;
	double *call_ms;
	long failed;
};

static struct sockaddr_in server;
static char host_line[64], auth_lines[1024];
static long job_id, app_id;

static double
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void
die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void
conn_open(struct conn *c)
{
	int one = 1;

	c->have = 0;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&server, sizeof server) < 0)
		die("connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

/* Sends one request and returns its answer's body (NUL behind, in c->in, valid until the next call). */
static char *
call(struct conn *c, const char *path, const char *type, const char *body)
{
	static _Thread_local char out[4096];
	char *end, *len;
	size_t total;
	ssize_t n;

	n = snprintf(out, sizeof out, "POST %s HTTP/1.1\r\nHost: %s\r\n%sContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s",
	    path, host_line, auth_lines, type, strlen(body), body);
	if (n >= (ssize_t)sizeof out || send(c->fd, out, (size_t)n, MSG_NOSIGNAL) != n)
		die("send");
	c->have = 0;
	for (;;) {
		n = recv(c->fd, c->in + c->have, sizeof c->in - 1 - c->have, 0);
		if (n <= 0)
			die("recv");
		c->have += (size_t)n;
		c->in[c->have] = '\0';
		end = strstr(c->in, "\r\n\r\n");
		if (end == NULL)
			continue;
		len = strcasestr(c->in, "\r\nContent-Length:");
		if (len == NULL || len > end)
			die("answer without Content-Length");
		total = (size_t)(end + 4 - c->in) + strtoul(len + 17, NULL, 10);
		if (total >= sizeof c->in)
			die("answer too large");
		if (c->have >= total)
			return end + 4;
	}
}

static int64_t
data_number(const char *body)
{
	const char *at = strstr(body, "\"data\":");

	if (strstr(body, "\"success\":true") == NULL || at == NULL)
		return -1;
	return strtoll(at + 7, NULL, 10);
}

static void
authenticate(const char *app, const char *password)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	char hex[33], body[512], *answer, *token, *end;
	unsigned int len;
	struct conn c;

	EVP_Digest(password, strlen(password), md, &len, EVP_md5(), NULL);
	for (unsigned i = 0; i < 16; i++)
		snprintf(hex + (size_t)2 * i, 3, "%02x", md[i]);
	snprintf(body, sizeof body, "{\"appName\":\"%s\",\"encryptedPassword\":\"%s\",\"encryptType\":\"md5\"}", app, hex);
	conn_open(&c);
	answer = call(&c, "/openApi/authApp", "application/json", body);
	token = strstr(answer, "\"token\":\"");
	end = token != NULL ? strchr(token + 9, '"') : NULL;
	if (end == NULL || strstr(answer, "\"appId\":") == NULL) {
		fprintf(stderr, "load: cannot log in: %s\n", answer);
		exit(2);
	}
	app_id = strtol(strstr(answer, "\"appId\":") + 8, NULL, 10);
	*end = '\0';
	snprintf(auth_lines, sizeof auth_lines, "X-POWERJOB-APP-ID: %ld\r\nX-POWERJOB-ACCESS-TOKEN: %s\r\n", app_id,
	    token + 9);
	close(c.fd);
}

static int64_t
run_job(struct conn *c)
{
	char body[128];

	snprintf(body, sizeof body, "jobId=%ld&appId=%ld&delay=0", job_id, app_id);
	return data_number(call(c, "/openApi/runJob", "application/x-www-form-urlencoded", body));
}

static int64_t
status_of(struct conn *c, int64_t id)
{
	char body[128];

	snprintf(body, sizeof body, "instanceId=%lld&appId=%ld", (long long)id, app_id);
	return data_number(call(c, "/openApi/fetchInstanceStatus", "application/x-www-form-urlencoded", body));
}

static void *
client_run(void *arg)
{
	struct client *cl = arg;
	struct conn c;

	conn_open(&c);
	for (long i = 0; i < cl->n; i++) {
		double t = now_ms();

		cl->ids[i] = run_job(&c);
		cl->call_ms[i] = now_ms() - t;
		if (cl->ids[i] < 0)
			cl->failed++;
	}
	/* Newest first: when it is final, most of the others are. Every one is asked for. */
	for (long i = cl->n - 1; i >= 0; i--) {
		int64_t s;

		while ((s = status_of(&c, cl->ids[i])) >= 1 && s <= 3)
			usleep(10000);
		if (s != 5)
			cl->failed++;
	}
	close(c.fd);
	return NULL;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double
quantile(double *v, long n, double q)
{
	qsort(v, (size_t)n, sizeof *v, compare);
	return v[(long)((double)(n - 1) * q)];
}

static int
rate(long n, long clients)
{
	struct client *cl = calloc((size_t)clients, sizeof *cl);
	int64_t *ids = calloc((size_t)n, sizeof *ids);
	double *ms = calloc((size_t)n, sizeof *ms), t;
	long failed = 0, given = 0;

	t = now_ms();
	for (long i = 0; i < clients; i++) {
		cl[i].n = n / clients + (i < n % clients);
		cl[i].ids = ids + given;
		cl[i].call_ms = ms + given;
		given += cl[i].n;
		if (pthread_create(&cl[i].thread, NULL, client_run, &cl[i]) != 0)
			die("pthread_create");
	}
	for (long i = 0; i < clients; i++) {
		pthread_join(cl[i].thread, NULL);
		failed += cl[i].failed;
	}
	t = now_ms() - t;
	printf("per_second=%.0f n=%ld clients=%ld failed=%ld call_p50_ms=%.2f call_p95_ms=%.2f call_p99_ms=%.2f\n",
	    (double)n * 1e3 / t, n, clients, failed, quantile(ms, n, 0.5), quantile(ms, n, 0.95), quantile(ms, n, 0.99));
	free(cl);
	free(ids);
	free(ms);
	return failed != 0;
}

static int
latency(long n)
{
	double *call_ms = calloc((size_t)n, sizeof *call_ms), *seen_ms = calloc((size_t)n, sizeof *seen_ms);
	long failed = 0;
	struct conn c;

	conn_open(&c);
	for (long i = 0; i < n; i++) {
		double t = now_ms();
		int64_t id = run_job(&c), s;

		call_ms[i] = now_ms() - t;
		while ((s = status_of(&c, id)) >= 1 && s <= 3)
			usleep(200);
		seen_ms[i] = now_ms() - t;
		if (s != 5)
			failed++;
		usleep(5000);
	}
	close(c.fd);
	printf("n=%ld failed=%ld call_p50_ms=%.2f call_p95_ms=%.2f visible_p50_ms=%.2f visible_p95_ms=%.2f\n", n, failed,
	    quantile(call_ms, n, 0.5), quantile(call_ms, n, 0.95), quantile(seen_ms, n, 0.5), quantile(seen_ms, n, 0.95));
	free(call_ms);
	free(seen_ms);
	return failed != 0;
}

int
main(int argc, char **argv)
{
	char host[64];

	if (argc < 7 || sscanf(argv[1], "%63[^:]", host) != 1 || strchr(argv[1], ':') == NULL) {
		fprintf(stderr, "usage: load HOST:PORT APP PASSWORD rate JOBID N CLIENTS | latency JOBID N\n");
		return 64;
	}
	server.sin_family = AF_INET;
	server.sin_port = htons((uint16_t)atoi(strchr(argv[1], ':') + 1));
	inet_pton(AF_INET, host, &server.sin_addr);
	snprintf(host_line, sizeof host_line, "%s", argv[1]);
	authenticate(argv[2], argv[3]);
	job_id = strtol(argv[5], NULL, 10);
	if (strcmp(argv[4], "rate") == 0 && argc == 8)
		return rate(strtol(argv[6], NULL, 10), strtol(argv[7], NULL, 10));
	if (strcmp(argv[4], "latency") == 0)
		return latency(strtol(argv[6], NULL, 10));
	fprintf(stderr, "load: unknown mode %s\n", argv[4]);
	return 64;
}

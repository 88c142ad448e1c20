/* Workers that only count: they accept every run at once and report it succeeded, over keep-alive connections and with pj's
 * signature, as cheaply as one thread can. What is measured with them is the server.
 *
 *   counters N KEY REMOTE APPID [DB WANT]
 *
 * N workers on ports of their own (127.0.0.1), the key file, the address of server.remote, the app's id. Prints `ready`
 * when all have said that they are there; ends with SIGTERM, or WANT runs after DB has WANT instances and all are reported,
 * and prints one line:
 *
 *   received= doubled= finished=           runs that came, that came twice, whose report was acknowledged
 *   recorded_at= received_at= finished_at= wall ms: DB had WANT instances (looked at each 10 ms), the last of each came
 *   late_p50_ms= late_p99_ms= late_max_ms= from the nominal time to the run's arrival at its worker */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/msg.h"
#include "net/peer.h"
#include "store/db.h"

#define OUT_PER_WORKER 4
#define BEAT_MS 5000
#define LOOK_MS 10

struct item { /* what a worker has to say; instance 0: that it is there */
	int64_t instance_id, attempt, start_ms;
};

struct conn {
	int fd, worker;
	bool listening, out, busy;
	struct item item; /* what was said on it last */
	struct buf in;
};

struct worker_side {
	char address[32];
	struct conn *out[OUT_PER_WORKER];
	struct item *queue;
	size_t head, n, cap;
};

struct run {
	int64_t instance_id, attempt, late_us;
};

static struct worker_side *workers;
static int n_workers, epoll_fd, beats;
static struct peer_key key;
static struct sockaddr_in remote;
static const char *remote_name;
static int64_t app_id, received_at, finished_at, recorded_at, want;
static struct run *runs;
static size_t n_runs, cap_runs, finished;
static volatile sig_atomic_t ending;

static void
die(const char *what)
{
	fprintf(stderr, "counters: %s: %s\n", what, strerror(errno));
	exit(71);
}

static int64_t
wall_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static struct conn *
watch(int fd, int worker)
{
	struct conn *c = calloc(1, sizeof *c);
	struct epoll_event ev = { .events = EPOLLIN, .data = { .ptr = c } };

	if (c == NULL || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		die("epoll");
	c->fd = fd;
	c->worker = worker;
	return c;
}

/* --- what workers say -------------------------------------------------------------------------------------------- */

static void
make_body(const struct worker_side *w, const struct item *it, struct buf *body)
{
	struct heartbeat hb = { .app_id = app_id, .app_name = "default", .address = w->address, .protocol = "HTTP",
		.at_ms = clock_wall_ms(), .metrics = { .cpu_processors = 1024, .mem_max_gb = 65536, .disk_total_gb = 65536 } };
	struct report r = { .app_id = app_id, .instance_id = it->instance_id, .attempt = it->attempt,
		.status = INSTANCE_SUCCEED, .source = w->address, .total = 1, .succeed = 1, .start_ms = it->start_ms,
		.end_ms = it->start_ms, .report_ms = hb.at_ms, .result = "counted", .exit_code = 0, .log_length = 0 };

	if (it->instance_id == 0)
		msg_heartbeat_put(body, &hb);
	else
		msg_report_put(body, &r);
}

static void
say(struct conn *c)
{
	static struct buf body = BUF_INIT, text = BUF_INIT;
	struct worker_side *w = &workers[c->worker];
	const char *path;
	char sign[160];

	if (c->busy || w->n == 0)
		return;
	c->item = w->queue[w->head];
	w->head = (w->head + 1) % w->cap;
	w->n--;
	path = c->item.instance_id == 0 ? PATH_HEARTBEAT : PATH_REPORT;
	buf_clear(&body);
	buf_clear(&text);
	make_body(w, &c->item, &body);
	peer_sign(&key, "POST", path, clock_wall_ms(), body.data, body.len, sign);
	buf_addf(&text, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n%s\r\nContent-Length: %zu\r\n\r\n",
	    path, remote_name, sign, body.len);
	buf_add(&text, body.data, body.len);
	c->busy = true;
	if (!buf_ok(&text) || send(c->fd, text.data, text.len, MSG_NOSIGNAL) != (ssize_t)text.len)
		die("send");
}

static void
queue(int worker, const struct item *it)
{
	struct worker_side *w = &workers[worker];

	if (w->n == w->cap) {
		size_t cap = w->cap == 0 ? 1024 : w->cap * 2;
		struct item *more = calloc(cap, sizeof *more);

		if (more == NULL)
			die("memory");
		for (size_t i = 0; i < w->n; i++)
			more[i] = w->queue[(w->head + i) % w->cap];
		free(w->queue);
		w->queue = more;
		w->cap = cap;
		w->head = 0;
	}
	w->queue[(w->head + w->n++) % w->cap] = *it;
	for (int i = 0; i < OUT_PER_WORKER; i++)
		say(w->out[i]);
}

static void
answered(struct conn *c, int status)
{
	c->busy = false;
	if (status != 200) {
		fprintf(stderr, "counters: the server answered %d\n", status);
		exit(76);
	}
	if (c->item.instance_id == 0 && beats < n_workers && ++beats == n_workers)
		puts("ready");
	if (c->item.instance_id != 0) {
		finished++;
		finished_at = wall_us();
	}
	say(c);
}

/* --- what comes --------------------------------------------------------------------------------------------------- */

static int64_t
member(const char *body, const char *name)
{
	const char *at = strstr(body, name);

	return at == NULL ? 0 : strtoll(at + strlen(name) + (at[strlen(name)] == '"'), NULL, 10);
}

static void
take_run(struct conn *c, const char *body)
{
	static struct buf answer = BUF_INIT, text = BUF_INIT;
	int64_t now_us = wall_us(), nominal_ms = member(body, "\"nominalTime\":");
	struct item it = { member(body, "\"instanceId\":"), member(body, "\"attempt\":"), now_us / 1000 };

	if (n_runs == cap_runs) {
		cap_runs = cap_runs == 0 ? 16384 : cap_runs * 2;
		runs = reallocarray(runs, cap_runs, sizeof *runs);
		if (runs == NULL)
			die("memory");
	}
	runs[n_runs++] = (struct run){ it.instance_id, it.attempt, nominal_ms == 0 ? 0 : now_us - nominal_ms * 1000 };
	received_at = now_us;
	buf_clear(&answer);
	buf_clear(&text);
	msg_answer_put(&answer, true, "accepted", NULL);
	buf_addf(&text, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", answer.len,
	    buf_str(&answer));
	if (send(c->fd, text.data, text.len, MSG_NOSIGNAL) != (ssize_t)text.len)
		die("send an answer");
	queue(c->worker, &it);
}

/* The length of the first whole message in c->in; 0: not all of it is there. */
static size_t
whole(struct conn *c, char **body)
{
	char *end = c->in.len == 0 ? NULL : strstr(c->in.data, "\r\n\r\n"), *len;
	size_t total;

	if (end == NULL)
		return 0;
	len = strcasestr(c->in.data, "\r\ncontent-length:");
	total = (size_t)(end + 4 - c->in.data) + (len == NULL || len > end ? 0 : strtoul(len + 17, NULL, 10));
	*body = end + 4;
	return c->in.len >= total ? total : 0;
}

static void
take(struct conn *c)
{
	char *room = buf_room(&c->in, 65536), *body, after;
	ssize_t n = room == NULL ? -1 : recv(c->fd, room, 65536, MSG_DONTWAIT);
	size_t len;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		if (c->out && !ending)
			die("the server hung up");
		close(c->fd);
		buf_fini(&c->in);
		free(c);
		return;
	}
	c->in.len += (size_t)n;
	c->in.data[c->in.len] = '\0';
	while ((len = whole(c, &body)) > 0) {
		after = c->in.data[len];
		c->in.data[len] = '\0';
		if (c->out)
			answered(c, atoi(c->in.data + 9));
		else if (strncmp(c->in.data, "POST " PATH_RUN " ", strlen("POST " PATH_RUN " ")) == 0)
			take_run(c, body);
		else
			die("a message that is no run");
		c->in.data[len] = after;
		buf_drop(&c->in, len);
	}
}

/* --- set-up --------------------------------------------------------------------------------------------------------- */

static void
listen_as(int k)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 128) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		die("listen");
	snprintf(workers[k].address, sizeof workers[k].address, "127.0.0.1:%d", ntohs(a.sin_port));
	watch(fd, k)->listening = true;
	for (int i = 0; i < OUT_PER_WORKER; i++) {
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0 || connect(fd, (struct sockaddr *)&remote, sizeof remote) < 0)
			die("connect");
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		workers[k].out[i] = watch(fd, k);
		workers[k].out[i]->out = true;
	}
}

static void
on_signal(int signo)
{
	(void)signo;
	ending = 1;
}

static void
set_up(char **argv, struct err *e)
{
	char host[64];

	n_workers = atoi(argv[1]);
	remote_name = argv[3];
	app_id = atoll(argv[4]);
	if (n_workers < 1 || sscanf(argv[3], "%63[^:]", host) != 1 || strchr(argv[3], ':') == NULL) {
		fprintf(stderr, "usage: counters N KEY REMOTE APPID [DB WANT]\n");
		exit(64);
	}
	if (peer_key_load(&key, argv[2], e) < 0) {
		fprintf(stderr, "counters: %s\n", e->msg);
		exit(78);
	}
	remote.sin_family = AF_INET;
	remote.sin_port = htons((uint16_t)atoi(strchr(argv[3], ':') + 1));
	inet_pton(AF_INET, host, &remote.sin_addr);
	workers = calloc((size_t)n_workers, sizeof *workers);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (workers == NULL || epoll_fd < 0)
		die("epoll");
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	for (int k = 0; k < n_workers; k++)
		listen_as(k);
}

static void
accept_all(const struct conn *l)
{
	int fd, one = 1;

	fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		die("accept");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	watch(fd, l->worker);
}

/* --- figures -------------------------------------------------------------------------------------------------------- */

static void
look(struct db *db)
{
	struct stmt *s;
	struct err e = ERR_INIT;

	if (db == NULL || recorded_at != 0)
		return;
	s = db_stmt(db, "SELECT count(*) FROM instance", &e);
	if (stmt_step(s, &e) == 1 && stmt_col_i64(s, 0) >= want)
		recorded_at = wall_us();
	stmt_reset(s);
}

static int
by_id(const void *a, const void *b)
{
	const struct run *x = a, *y = b;

	if (x->instance_id != y->instance_id)
		return x->instance_id < y->instance_id ? -1 : 1;
	return (x->attempt > y->attempt) - (x->attempt < y->attempt);
}

static int
by_late(const void *a, const void *b)
{
	const struct run *x = a, *y = b;

	return (x->late_us > y->late_us) - (x->late_us < y->late_us);
}

static double
quantile(double q)
{
	return n_runs == 0 ? 0 : (double)runs[(size_t)((double)(n_runs - 1) * q)].late_us / 1000;
}

static void
print_figures(void)
{
	size_t doubled = 0;

	qsort(runs, n_runs, sizeof *runs, by_id);
	for (size_t i = 1; i < n_runs; i++)
		doubled += by_id(&runs[i - 1], &runs[i]) == 0;
	qsort(runs, n_runs, sizeof *runs, by_late);
	printf("received=%zu doubled=%zu finished=%zu recorded_at=%" PRId64 " received_at=%" PRId64 " finished_at=%" PRId64
	    " late_p50_ms=%.2f late_p99_ms=%.2f late_max_ms=%.2f\n", n_runs, doubled, finished, recorded_at / 1000,
	    received_at / 1000, finished_at / 1000, quantile(0.5), quantile(0.99), quantile(1));
}

static void
run(struct db *db)
{
	struct epoll_event ev[64];
	int64_t beat_at = 0;

	while (!ending && (want == 0 || recorded_at == 0 || finished < (size_t)want)) {
		int n;

		if (clock_mono_ms() >= beat_at) {
			for (int k = 0; k < n_workers; k++)
				queue(k, &(struct item){ .instance_id = 0 });
			beat_at = clock_mono_ms() + BEAT_MS;
		}
		n = epoll_wait(epoll_fd, ev, 64, db != NULL && recorded_at == 0 ? LOOK_MS : 500);
		for (int i = 0; i < n; i++) {
			struct conn *c = ev[i].data.ptr;

			if (c->listening)
				accept_all(c);
			else
				take(c);
		}
		look(db);
	}
}

int
main(int argc, char **argv)
{
	struct err e = ERR_INIT;
	struct db *db = NULL;

	log_init("counters", LOG_ERROR_);
	if (argc != 5 && argc != 7) {
		fprintf(stderr, "usage: counters N KEY REMOTE APPID [DB WANT]\n");
		return 64;
	}
	set_up(argv, &e);
	if (argc == 7) {
		want = atoll(argv[6]);
		if (db_open(&db, argv[5], DB_READ, db_migrations_server, &e) < 0) {
			fprintf(stderr, "counters: %s\n", e.msg);
			return 66;
		}
	}
	run(db);
	print_figures();
	db_close(db);
	return 0;
}

/* pj-health: samples the host and sends the worker's heartbeat. It speaks for pj-workerd: while that is not running,
 * nothing is sent, so that no server chooses a worker that cannot take anything. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/file.h"
#include "base/log.h"
#include "net/helper.h"
#include "net/msg.h"
#include "sample.h"

#define TOTAL_MS 5000
#define WAIT_MS 250         /* for what is missing at a start, doubled up to */
#define WAIT_MOST_MS 2000
#define POWERJOB_VERSION "5.1.1" /* whose messages we speak: some servers look at it */

static const char more[] =
    "exit codes of --once:\n"
    "  0 a server took the heartbeat   69 none did, or pj-workerd is not running\n"
    "  (all: 64 called wrongly, 74 disk error, 75 another one runs, 78 configuration)\n";

struct health {
	struct helper *h;
	struct loop_timer *timer;
	int wait_ms;
	bool sending;
	char server[128];
};

static void
again(struct health *s, int64_t in_ms)
{
	loop_timer_set(s->timer, in_ms);
}

/* Something is missing that comes by itself, or failed and is tried again soon. */
static void
not_now(struct health *s, const char *state, const char *what)
{
	int64_t most = s->h->conf.worker.heartbeat_ms < WAIT_MOST_MS ? s->h->conf.worker.heartbeat_ms : WAIT_MOST_MS;

	helper_state(s->h, state, "%s", what);
	if (s->h->once) {
		fprintf(stderr, "pj-health: %s\n", what);
		helper_exit(s->h, EX_UNAVAILABLE);
		return;
	}
	s->wait_ms = s->wait_ms == 0 ? WAIT_MS : s->wait_ms * 2;
	if (s->wait_ms > most)
		s->wait_ms = (int)most;
	again(s, s->wait_ms);
}

static void
on_answer(const struct http_answer *a, void *arg)
{
	struct health *s = arg;
	char why[256], text[256];

	s->sending = false;
	if (s->h->stopping)
		return;
	if (post_taken(a, why)) {
		s->wait_ms = 0;
		helper_state(s->h, "ok", "heartbeat taken by %s", s->server);
		if (s->h->once)
			helper_exit(s->h, 0);
		else
			again(s, s->h->conf.worker.heartbeat_ms);
		return;
	}
	snprintf(text, sizeof text, "%.100s: %.140s", s->server, why);
	not_now(s, "failing", text);
}

/* Is there a pj-workerd that can take a dispatch? */
static bool
supervisor_lives(struct health *s)
{
	struct hbfile f;
	char path[PATH_MAX];

	return file_path(path, sizeof path, NULL, "%s/hb/pj-workerd.hb", s->h->state_dir) == 0
	    && hbfile_read(path, &f, NULL) == 0 && hbfile_alive(&f) && strcmp(f.state, "stopping") != 0;
}

static void
fill(struct health *s, struct heartbeat *hb, const struct worker_server *server, const struct worker_self *self,
    int64_t used)
{
	const struct config *c = &s->h->conf;

	memset(hb, 0, sizeof *hb);
	hb->app_id = server->app_id;
	hb->app_name = c->worker.app;
	hb->address = self->address;
	hb->version = POWERJOB_VERSION;
	hb->protocol = "HTTP";
	hb->tag = c->worker.tags[0] != '\0' ? c->worker.tags : NULL;
	hb->client = "pj/" PJ_VERSION;
	hb->at_ms = loop_now(s->h->loop).at_ms;
	hb->slots = self->slots;
	hb->used = used;
	hb->light = used;
	hb->overload = used >= self->slots;
	sample_take(&hb->metrics, s->h->state_dir);
}

static void
print_sample(const struct heartbeat *hb)
{
	const struct worker_metrics *m = &hb->metrics;

	printf("cpus=%" PRId64 " load=%.2f mem_gb=%.2f/%.2f disk_gb=%.1f/%.1f score=%" PRId64 " slots=%" PRId64 "/%" PRId64
	    "\n", m->cpu_processors, m->cpu_load, m->mem_used_gb, m->mem_max_gb, m->disk_used_gb, m->disk_total_gb,
	    m->score, hb->used, hb->slots);
	fflush(stdout);
}

static void
beat(void *arg)
{
	struct health *s = arg;
	struct worker_server server;
	struct worker_self self;
	struct heartbeat hb;
	struct buf body = BUF_INIT;
	struct err e = ERR_INIT;
	int64_t used;
	int have_self, have_server;

	if (s->sending)
		return;
	have_self = workerdb_self_get(s->h->db, &self, &e);
	have_server = have_self < 0 ? -1 : workerdb_server_get(s->h->db, &server, &e);
	if (have_server < 0 || workerdb_assign_used(s->h->db, &used, &e) < 0) {
		not_now(s, "failing", e.msg);
		return;
	}
	if (have_self == 0 || !supervisor_lives(s)) {
		not_now(s, "waiting", "pj-workerd is not running in this root: there is nothing to tell a server");
		return;
	}
	if (have_server == 0 || server.address[0] == '\0') {
		not_now(s, "waiting", "no server known yet: pj-discover writes it to worker.db");
		return;
	}
	fill(s, &hb, &server, &self, used);
	if (s->h->once)
		print_sample(&hb);
	snprintf(s->server, sizeof s->server, "%s", server.address);
	msg_heartbeat_put(&body, &hb);
	if (post_start(&s->h->post, server.address, PATH_HEARTBEAT, &body, TOTAL_MS, on_answer, s, &e) < 0)
		not_now(s, "failing", e.msg);
	else
		s->sending = true;
	buf_fini(&body);
}

static int
start(struct helper *h, struct err *e)
{
	struct health *s = calloc(1, sizeof *s);

	h->user = s;
	if (s == NULL || (s->timer = loop_timer_new(h->loop, beat, s)) == NULL)
		return err_set(e, ERR_NOMEM, "out of memory");
	s->h = h;
	again(s, 0);
	return 0;
}

static void
reloaded(struct helper *h)
{
	struct health *s = h->user;

	again(s, 0);
}

static void
end(struct helper *h)
{
	struct health *s = h->user;

	if (s != NULL && s->timer != NULL)
		loop_timer_free(s->timer);
	free(s);
}

int
main(int argc, char **argv)
{
	static const struct helper_def def = { "pj-health",
		"Samples load, memory, disk and free slots of this worker host and sends its heartbeat to the server.", more,
		start, reloaded, NULL, end };

	return helper_main(argc, argv, &def);
}

#include "courier.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "net/msg.h"
#include "time/sched.h"

#define CONNECT_MS 3000
#define ANSWER_MS 5000
#define HOLD_MS 25 /* how long the word that a worker took a run waits for the run's end */

struct flight { /* one message: in `out` from when it left until its answer came */
	struct courier *courier;
	struct flight *prev, *next;
	struct action action;
	struct buf body;
	enum message_outcome outcome; /* of a message that could not be made or sent */
	char why[256];
	int64_t held_until; /* ms, monotonic */
};

struct list {
	struct flight head; /* a ring */
};

struct courier {
	struct server *server;
	struct list out, unsent, held;
	struct loop_timer *unsent_timer, *held_timer;
};

static void
list_init(struct list *l)
{
	l->head.prev = l->head.next = &l->head;
}

static void
list_add(struct list *l, struct flight *f)
{
	f->prev = l->head.prev;
	f->next = &l->head;
	f->prev->next = f;
	l->head.prev = f;
}

static void
list_remove(struct flight *f)
{
	f->prev->next = f->next;
	f->next->prev = f->prev;
	f->prev = f->next = f;
}

static void
flight_free(struct flight *f)
{
	list_remove(f);
	buf_fini(&f->body);
	free(f);
}

/* --- answers --------------------------------------------------------------------------------------------------- */

static int
answer_event(void *arg, struct err *e)
{
	struct flight *f = arg;
	struct server *s = f->courier->server;

	return core_answer(s->core, server_now(s), f->action.kind, f->action.instance_id, f->action.attempt, f->outcome,
	    f->why, e);
}

static void
answer(struct flight *f)
{
	struct err e = ERR_INIT;

	if (server_event(f->courier->server, answer_event, f, &e) != 0 && e.code != ERR_NOTFOUND)
		log_warn("answer", "instance=%lld attempt=%lld error=%s", (long long)f->action.instance_id,
		    (long long)f->action.attempt, log_q(e.msg));
	flight_free(f);
}

static void
on_unsent(void *arg)
{
	struct courier *c = arg;

	while (c->unsent.head.next != &c->unsent.head)
		answer(c->unsent.head.next);
}

static void
not_sent(struct flight *f, const char *why)
{
	struct courier *c = f->courier;

	f->outcome = MESSAGE_UNKNOWN;
	snprintf(f->why, sizeof f->why, "%s", why);
	list_remove(f);
	list_add(&c->unsent, f);
	loop_timer_set(c->unsent_timer, 0);
}

/* What an answer says about the attempt. */
static enum message_outcome
judge(const struct action *a, const struct http_answer *h, char why[256])
{
	snprintf(why, 256, "%s", h->error);
	switch (h->outcome) {
	case HTTP_NOT_SENT:
		return MESSAGE_NOT_SENT;
	case HTTP_UNKNOWN:
		return MESSAGE_UNKNOWN;
	case HTTP_ANSWERED:
		break;
	}
	if (a->to_pj)
		return msg_answer_parse(h->body, h->body_len, why);
	if (h->status == 200)
		return MESSAGE_ACCEPTED;
	snprintf(why, 256, "the worker answered status %d", h->status);
	return MESSAGE_UNKNOWN;
}

/* That a worker took a run is a row only for the case that the run lasts: a short one's report is there in a moment and
 * says more, and one commit less is one less that others wait for. Nobody was told of it. A crash in between: the row still
 * wants the message sent, and it is sent again. */
static void
hold(struct flight *f)
{
	struct courier *c = f->courier;

	f->held_until = server_now(c->server).mono_ms + HOLD_MS;
	if (c->held.head.next == &c->held.head)
		loop_timer_set(c->held_timer, HOLD_MS);
	list_remove(f);
	list_add(&c->held, f);
}

static void
on_held(void *arg)
{
	struct courier *c = arg;
	int64_t mono_ms = server_now(c->server).mono_ms;
	struct flight *f;

	while ((f = c->held.head.next) != &c->held.head && f->held_until <= mono_ms)
		if (core_expects(c->server->core, f->action.instance_id, f->action.attempt))
			answer(f);
		else
			flight_free(f);
	if (f != &c->held.head)
		loop_timer_set(c->held_timer, f->held_until - mono_ms);
}

static void
on_answer(const struct http_answer *h, void *arg)
{
	struct flight *f = arg;

	f->outcome = judge(&f->action, h, f->why);
	if (f->outcome != MESSAGE_ACCEPTED)
		log_info("message", "kind=%s instance=%lld attempt=%lld worker=%s status=%d answer=%s",
		    f->action.kind == ACTION_RUN ? "run" : "stop", (long long)f->action.instance_id,
		    (long long)f->action.attempt, f->action.worker, h->status, log_q(f->why));
	if (f->outcome == MESSAGE_ACCEPTED && f->action.kind == ACTION_RUN)
		hold(f);
	else
		answer(f);
}

/* --- sending --------------------------------------------------------------------------------------------------- */

static void
send_off(void *arg, const struct err *failed)
{
	struct flight *f = arg;
	struct courier *c = f->courier;
	const char *path = f->action.kind == ACTION_RUN ? PATH_RUN : PATH_STOP;
	const char *headers[3] = { "content-type: application/json", NULL, NULL };
	char url[256], sign[160];
	struct http_call call = { .method = "POST", .url = url, .headers = headers, .body = f->body.data,
		.body_len = f->body.len, .connect_ms = CONNECT_MS, .total_ms = ANSWER_MS };
	struct err e = ERR_INIT;

	if (failed != NULL) { /* the rows that wanted it are gone */
		flight_free(f);
		return;
	}
	snprintf(url, sizeof url, "http://%s%s", f->action.worker, path);
	if (f->action.to_pj) {
		peer_sign(&c->server->peer_key, call.method, path, clock_wall_ms(), call.body, call.body_len, sign);
		headers[1] = sign;
	}
	if (http_client_start(c->server->client, &call, on_answer, f, &e) != 0) {
		not_sent(f, e.msg);
		return;
	}
	list_remove(f);
	list_add(&c->out, f);
	buf_fini(&f->body);
}

/* --- making ---------------------------------------------------------------------------------------------------- */

struct address_list {
	const char **address;
	struct worker **all;
};

/* A pj worker runs its own part only, and a Java worker does not look at the others for a light job: of ten thousand it
 * gets none. A tracker gets all that are suitable and have room. */
static int
list_workers(struct courier *c, const struct action *a, int64_t app_id, const struct job *j, struct address_list *out,
    struct err *e)
{
	struct worker *chosen;
	int n = 0, most = j->spec.max_worker_count > 0 ? (int)j->spec.max_worker_count : INT_MAX;

	out->all = NULL;
	if (!a->to_pj && workers_needs_java(&j->spec))
		workers_choose(core_workers(c->server->core), app_id, &j->spec, server_now(c->server), 0, &chosen, &out->all,
		    &n);
	out->address = calloc((size_t)n + 2, sizeof *out->address);
	if (out->address == NULL) {
		free(out->all);
		return err_set(e, ERR_NOMEM, "out of memory");
	}
	out->address[0] = a->worker;
	for (int i = 0, k = 1; i < n && k < most; i++)
		if (strcmp(out->all[i]->address, a->worker) != 0 &&
		    workers_has_room(out->all[i], server_now(c->server)))
			out->address[k++] = out->all[i]->address;
	return 0;
}

static const char *
not_empty(const char *s)
{
	return s != NULL && s[0] != '\0' ? s : NULL;
}

static void
put_run(struct flight *f, const struct instance *i, const struct job *j, const char *const *workers)
{
	const struct job_spec *p = &j->spec;
	bool repeats = p->time_type == TIME_FIXED_RATE || p->time_type == TIME_FIXED_DELAY;
	bool is_run = repeats && workers_runs_command(p); /* the server repeats commands: each instance is one run */
	struct run_request r = {
		.all_workers = workers,
		.max_worker_count = p->max_worker_count,
		.job_id = i->job_id,
		.wf_instance_id = i->wf_instance_id,
		.instance_id = i->id,
		.execute_type = msg_execute_type_name(p->execute_type),
		.processor_type = msg_processor_type_name(p->processor_type),
		.processor_info = p->processor_info,
		.time_limit_ms = p->time_limit_ms,
		.job_params = not_empty(i->job_params) != NULL ? i->job_params : p->params,
		.instance_params = not_empty(i->instance_params),
		.concurrency = p->concurrency,
		.task_retry_num = p->task_retry_num,
		.max_instance_num = p->max_instance_num,
		.time_type = msg_time_type_name(is_run ? TIME_API : p->time_type),
		.time_expr = is_run ? NULL : p->time_expr,
		.alarm_config = p->alarm_config,
		.log_config = p->log_config,
		.advanced_config = p->advanced_config,
		.attempt = f->action.attempt,
		.nominal_ms = i->nominal_ms,
		.job_name = p->name,
		.running_times = i->running_times,
	};

	msg_run_put(&f->body, &r);
}

static int
make_run(struct flight *f, struct err *e)
{
	struct courier *c = f->courier;
	struct instance i;
	const struct job *j;
	struct address_list workers;
	int rc = -1;

	if (instance_get(c->server->db, f->action.instance_id, &i, e) != 0)
		return -1;
	j = core_job_version(c->server->core, i.job_id, i.job_version, e);
	if (j != NULL && list_workers(c, &f->action, i.app_id, j, &workers, e) == 0) {
		put_run(f, &i, j, workers.address);
		free(workers.address);
		free(workers.all);
		rc = 0;
	}
	instance_fini(&i);
	return rc;
}

void
courier_take(struct courier *c, const struct action *a)
{
	struct flight *f = calloc(1, sizeof *f);
	struct err e = ERR_INIT;
	int rc = 0;

	if (f == NULL) { /* the core sends it again when no answer comes */
		log_error("courier", "error=out of memory");
		return;
	}
	f->courier = c;
	f->prev = f->next = f;
	f->action = *a;
	if (a->kind == ACTION_RUN)
		rc = make_run(f, &e);
	else
		msg_stop_put(&f->body, a->instance_id, a->attempt);
	if (rc == 0 && !buf_ok(&f->body))
		rc = err_set(&e, ERR_NOMEM, "out of memory");
	if (rc == 0 && loop_release(c->server->loop, send_off, f) == 0)
		return;
	not_sent(f, e.msg);
}

void
courier_forget(struct courier *c)
{
	while (c->unsent.head.next != &c->unsent.head)
		flight_free(c->unsent.head.next);
}

struct courier *
courier_new(struct server *s)
{
	struct courier *c = calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	c->server = s;
	list_init(&c->out);
	list_init(&c->unsent);
	list_init(&c->held);
	c->unsent_timer = loop_timer_new(s->loop, on_unsent, c);
	c->held_timer = loop_timer_new(s->loop, on_held, c);
	if (c->unsent_timer == NULL || c->held_timer == NULL) {
		courier_free(c);
		return NULL;
	}
	return c;
}

void
courier_free(struct courier *c)
{
	if (c == NULL)
		return;
	courier_forget(c);
	while (c->out.head.next != &c->out.head)
		flight_free(c->out.head.next);
	while (c->held.head.next != &c->held.head)
		flight_free(c->held.head.next);
	loop_timer_free(c->unsent_timer);
	loop_timer_free(c->held_timer);
	free(c);
}

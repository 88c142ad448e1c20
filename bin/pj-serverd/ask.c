#include "ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "codec/b64.h"

#define CONNECT_MS 1000
#define ANSWER_MS 5000
#define ASKS_MAX 256

struct ask {
	struct asks *owner;
	struct ask *prev, *next;
	struct http_req *req; /* NULL: nobody waits any more */
	char url[256];
	struct buf body;
	ask_done done;
	void *arg;
	void (*free_arg)(void *arg);
};

struct asks {
	struct server *server;
	struct ask *list;
	int n;
};

static void
ask_free(struct ask *a)
{
	if (a->prev != NULL)
		a->prev->next = a->next;
	else
		a->owner->list = a->next;
	if (a->next != NULL)
		a->next->prev = a->prev;
	a->owner->n--;
	a->free_arg(a->arg);
	buf_fini(&a->body);
	free(a);
}

static void
on_close(struct http_req *req, void *arg)
{
	(void)req;
	((struct ask *)arg)->req = NULL;
}

static void
finish(struct ask *a, const struct json_t *data)
{
	if (a->req != NULL) {
		http_req_on_close(a->req, NULL, NULL);
		a->done(a->owner->server, a->req, data, a->arg);
	}
	ask_free(a);
}

/* `data` is base64url of JSON. */
static struct json_t *
open_data(const struct json_t *answer, struct err *e)
{
	const struct json_t *v = answer != NULL && js_is_object(answer) ? js_get(answer, "data") : NULL;
	const char *text = v == NULL ? NULL : js_text(v);
	struct buf raw = BUF_INIT;
	struct json_t *data = NULL;
	bool success = false;

	if (text != NULL && js_bool(answer, "success", false, &success, e) == 0 && success &&
	    b64url_get(&raw, text, strlen(text), e) == 0)
		data = js_parse(buf_str(&raw), raw.len, e);
	buf_fini(&raw);
	if (data != NULL && !js_is_object(data)) {
		js_free(data);
		return NULL;
	}
	return data;
}

static void
on_answer(const struct http_answer *h, void *arg)
{
	struct ask *a = arg;
	struct err e = ERR_INIT;
	struct json_t *answer = h->outcome == HTTP_ANSWERED && h->status == 200 ? js_parse(h->body, h->body_len, &e) : NULL;
	struct json_t *data = open_data(answer, &e);

	if (data == NULL)
		log_info("worker_asked", "url=%s status=%d error=%s", log_q(a->url), h->status,
		    log_q(h->error[0] != '\0' ? h->error : e.msg));
	finish(a, data);
	js_free(data);
	js_free(answer);
}

static void
send_off(void *arg, const struct err *failed)
{
	struct ask *a = arg;
	static const char *const headers[] = { "content-type: application/json", NULL };
	struct http_call call = { .method = "POST", .url = a->url, .headers = headers, .body = a->body.data,
		.body_len = a->body.len, .connect_ms = CONNECT_MS, .total_ms = ANSWER_MS };
	struct err e = ERR_INIT;

	/* Nothing was written, so a commit that failed says nothing against asking. */
	(void)failed;
	if (a->req == NULL || http_client_start(a->owner->server->client, &call, on_answer, a, &e) != 0)
		finish(a, NULL);
}

int
asks_start(struct asks *owner, struct http_req *req, const char *worker, const char *path, struct buf *body, ask_done done,
    void *arg, void (*free_arg)(void *arg), struct err *e)
{
	struct ask *a;

	if (owner->n >= ASKS_MAX)
		return err_set(e, ERR_BUSY, "%d other requests wait for workers", owner->n);
	a = calloc(1, sizeof *a);
	if (a == NULL || !buf_ok(body) || loop_release(owner->server->loop, send_off, a) != 0) {
		free(a);
		return err_set(e, ERR_NOMEM, "out of memory");
	}
	a->owner = owner;
	a->req = req;
	snprintf(a->url, sizeof a->url, "http://%s%s", worker, path);
	a->body = *body;
	*body = (struct buf)BUF_INIT;
	a->done = done;
	a->arg = arg;
	a->free_arg = free_arg;
	a->next = owner->list;
	if (a->next != NULL)
		a->next->prev = a;
	owner->list = a;
	owner->n++;
	http_req_on_close(req, on_close, a);
	return 0;
}

struct asks *
asks_new(struct server *s)
{
	struct asks *a = calloc(1, sizeof *a);

	if (a != NULL)
		a->server = s;
	return a;
}

void
asks_free(struct asks *a)
{
	if (a == NULL)
		return;
	while (a->list != NULL)
		ask_free(a->list);
	free(a);
}

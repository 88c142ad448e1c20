#include "net/post.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "codec/json.h"

#define CONNECT_MS 3000

int
post_init(struct post *p, struct loop *l, const char *key_path, struct err *e)
{
	memset(p, 0, sizeof *p);
	if (peer_key_load(&p->key, key_path, e) < 0)
		return -1;
	p->http = http_client_new(l, e);
	return p->http != NULL ? 0 : -1;
}

void
post_fini(struct post *p)
{
	if (p->http != NULL)
		http_client_free(p->http);
	p->http = NULL;
}

int
post_start(struct post *p, const char *address, const char *path, const struct buf *body, int total_ms, http_done done,
    void *arg, struct err *e)
{
	char url[512], auth[160];
	const char *headers[] = { "Content-Type: application/json", auth, NULL };
	struct http_call call = { .method = "POST", .url = url, .headers = headers, .body = buf_str(body),
		.body_len = body->len, .connect_ms = CONNECT_MS, .total_ms = total_ms };

	if (!buf_ok(body))
		return err_set(e, ERR_NOMEM, "out of memory making a message");
	if (snprintf(url, sizeof url, "http://%s%s", address, path) >= (int)sizeof url)
		return err_set(e, ERR_TOOBIG, "the address is too long: %.100s", address);
	peer_sign(&p->key, "POST", path, clock_wall_ms(), buf_str(body), body->len, auth);
	return http_client_start(p->http, &call, done, arg, e);
}

bool
post_taken(const struct http_answer *a, char why[256])
{
	why[0] = '\0';
	if (a->outcome == HTTP_ANSWERED && a->status == 200)
		return true;
	if (a->outcome == HTTP_ANSWERED)
		snprintf(why, 256, "status %d: %.200s", a->status, a->body != NULL ? a->body : "");
	else
		snprintf(why, 256, "%.255s", a->error);
	for (char *c = why; *c != '\0'; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
	return false;
}

bool
post_succeeded(const struct http_answer *a, char why[256])
{
	struct err e = ERR_INIT;
	struct json_t *doc;
	char *message = NULL;
	bool ok = false;

	if (!post_taken(a, why))
		return false;
	doc = js_parse(a->body != NULL ? a->body : "", a->body_len, &e);
	if (doc == NULL || !js_is_object(doc) || js_bool(doc, "success", false, &ok, &e) < 0) {
		snprintf(why, 256, "the answer is no AskResponse: %.200s", e.msg);
	} else if (!ok) {
		if (js_str(doc, "message", 4096, &message, &e) < 0 || message == NULL)
			snprintf(why, 256, "refused without a message");
		else
			snprintf(why, 256, "%.255s", message);
		free(message);
	}
	if (doc != NULL)
		js_free(doc);
	return ok;
}

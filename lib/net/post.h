/* Signed POSTs of JSON to a pj peer, on the loop. PowerJob servers ignore the signature. */
#ifndef PJ_NET_POST_H
#define PJ_NET_POST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "net/http_client.h"
#include "net/loop.h"
#include "net/peer.h"

struct post {
	struct http_client *http;
	struct peer_key key;
};

/* ERR_CONFIG: the key file is bad. post_fini is fine after a failure. */
int post_init(struct post *p, struct loop *l, const char *key_path, struct err *e);
void post_fini(struct post *p);
/* POSTs body to http://<address><path>; connects within 3 s, answered within total_ms. done runs once, in a later turn. */
int post_start(struct post *p, const char *address, const char *path, const struct buf *body, int total_ms, http_done done,
    void *arg, struct err *e);
/* Was it answered by 200 and {"success":true...}? Else why says what came, for the log. */
bool post_succeeded(const struct http_answer *a, char why[256]);
/* Was it taken at all: 200, whatever the body? */
bool post_taken(const struct http_answer *a, char why[256]);

#endif

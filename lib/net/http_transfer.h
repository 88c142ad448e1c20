/* One HTTP request on one libcurl handle, used again for the next: what the client on the loop (http_client.c) and the
 * blocking one (http_fetch.c) have in common. For these two files only. */
#ifndef PJ_NET_HTTP_TRANSFER_H
#define PJ_NET_HTTP_TRANSFER_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "net/http_client.h"

struct http_transfer {
	CURL *easy;
	struct curl_slist *headers;
	struct buf body, answer;
	size_t answer_max;            /* bytes of an answer's body that are taken */
	bool sent;                    /* a connection stood, and the request began to leave on it */
	bool may_repeat;
	bool too_big;
	bool head_whole;              /* libcurl takes a head that breaks off for an answer */
	char error[CURL_ERROR_SIZE];
};

/* 0, or -1 out of memory. CURLOPT_PRIVATE is the caller's. */
int http_transfer_init(struct http_transfer *t);
void http_transfer_fini(struct http_transfer *t);
/* Sets everything that differs from call to call; copies the body. -1: out of memory, or no usable address. */
int http_transfer_set(struct http_transfer *t, const struct http_call *call);
/* Forgets the call; keeps the handle, and the memory of small answers. */
void http_transfer_clear(struct http_transfer *t);
/* libcurl's verdict, made stricter. */
CURLcode http_transfer_verdict(const struct http_transfer *t, CURLcode rc);
const char *http_transfer_why(const struct http_transfer *t, CURLcode rc); /* one line; borrowed */
int http_transfer_status(const struct http_transfer *t);

#endif

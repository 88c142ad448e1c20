#include "net/http_transfer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/log.h"

static void
init_curl(void)
{
	/* No TLS here: libcurl need not wake OpenSSL. */
	if (curl_global_init(CURL_GLOBAL_NOTHING) != 0)
		log_error("libcurl", "reason=%s", log_q("cannot be initialised"));
}

static size_t
take_body(char *data, size_t size, size_t n, void *arg)
{
	struct http_transfer *t = arg;

	n *= size;
	if (n > t->answer_max - t->answer.len) {
		buf_add(&t->answer, data, t->answer_max - t->answer.len);
		t->too_big = true;
		return 0;
	}
	buf_add(&t->answer, data, n);
	return buf_ok(&t->answer) ? n : 0;
}

static size_t
take_head_line(char *data, size_t size, size_t n, void *arg)
{
	struct http_transfer *t = arg;

	n *= size;
	if (n > 0 && (data[0] == '\r' || data[0] == '\n'))
		t->head_whole = true;
	else if (n > 5 && memcmp(data, "HTTP/", 5) == 0) /* another head, behind a 100 Continue */
		t->head_whole = false;
	return n;
}

/* Called when a connection stands and before the first byte of a request leaves on it. libcurl repeats a request by itself
 * when a kept connection dies without an answer, also when the peer may have read it: a POST must not arrive twice. */
static int
before_request(void *arg, char *peer_ip, char *own_ip, int peer_port, int own_port)
{
	struct http_transfer *t = arg;

	if (t->sent && !t->may_repeat)
		return CURL_PREREQFUNC_ABORT;
	t->sent = true;
	return CURL_PREREQFUNC_OK;
}

int
http_transfer_init(struct http_transfer *t)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, init_curl);
	*t = (struct http_transfer){ .easy = curl_easy_init() };
	if (t->easy == NULL)
		return -1;
	curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->error);
	curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, take_head_line);
	curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_PREREQFUNCTION, before_request);
	curl_easy_setopt(t->easy, CURLOPT_PREREQDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(t->easy, CURLOPT_PROXY, "");
	curl_easy_setopt(t->easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(t->easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(t->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(t->easy, CURLOPT_TCP_NODELAY, 1L);
	return 0;
}

void
http_transfer_fini(struct http_transfer *t)
{
	curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
	buf_fini(&t->body);
	buf_fini(&t->answer);
	*t = (struct http_transfer){ .easy = NULL };
}

static int
add_header(struct http_transfer *t, const char *line)
{
	struct curl_slist *more = curl_slist_append(t->headers, line);

	if (more == NULL)
		return -1;
	t->headers = more;
	return 0;
}

static int
set_headers(struct http_transfer *t, const struct http_call *call)
{
	bool typed = false;
	int rc = add_header(t, "Expect:"); /* no 100-continue: it costs a round trip */

	for (const char *const *h = call->headers; rc == 0 && h != NULL && *h != NULL; h++) {
		typed = typed || strncasecmp(*h, "Content-Type:", 13) == 0;
		rc = add_header(t, *h);
	}
	if (rc == 0 && !typed) /* else libcurl calls a body a form */
		rc = add_header(t, "Content-Type:");
	return rc;
}

int
http_transfer_set(struct http_transfer *t, const struct http_call *call)
{
	bool is_get = strcmp(call->method, "GET") == 0, is_post = strcmp(call->method, "POST") == 0;
	CURL *easy = t->easy;

	t->sent = t->too_big = t->head_whole = false;
	t->may_repeat = is_get;
	t->error[0] = '\0';
	buf_clear(&t->answer);
	buf_clear(&t->body);
	buf_add(&t->body, call->body, call->body_len);
	if (!buf_ok(&t->body) || set_headers(t, call) < 0)
		return -1;
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, is_get || is_post ? NULL : call->method);
	curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L); /* forgets the last call's method */
	if (!is_get) {
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body.len);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, buf_str(&t->body));
	}
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t->headers);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)call->connect_ms);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)call->total_ms);
	if (curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, call->unix_path) != CURLE_OK)
		return -1;
	return curl_easy_setopt(easy, CURLOPT_URL, call->url) == CURLE_OK ? 0 : -1;
}

void
http_transfer_clear(struct http_transfer *t)
{
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(t->headers);
	t->headers = NULL;
	if (t->body.cap > LIMIT_LOG_LINE)
		buf_fini(&t->body);
	if (t->answer.cap > LIMIT_LOG_LINE)
		buf_fini(&t->answer);
}

CURLcode
http_transfer_verdict(const struct http_transfer *t, CURLcode rc)
{
	return rc == CURLE_OK && !t->head_whole ? CURLE_PARTIAL_FILE : rc;
}

const char *
http_transfer_why(const struct http_transfer *t, CURLcode rc)
{
	if (t->too_big)
		return "the answer is too large";
	if (rc == CURLE_ABORTED_BY_CALLBACK)
		return "the connection was closed before an answer came";
	return t->error[0] != '\0' ? t->error : curl_easy_strerror(rc);
}

int
http_transfer_status(const struct http_transfer *t)
{
	long status = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	return (int)status;
}

/* One request at a time, blocking: for command-line tools. */
#include <string.h>

#include "net/http_transfer.h"

#define FETCH_BODY_MAX (256U * 1024 * 1024)

static _Thread_local struct http_transfer kept; /* easy NULL: none yet */

static void
copy_headers(struct http_transfer *t, const char *const *want, struct http_result *out)
{
	struct curl_header *h;

	for (size_t i = 0; want != NULL && i < sizeof out->header / sizeof out->header[0] && want[i] != NULL; i++)
		if (curl_easy_header(t->easy, want[i], 0, CURLH_HEADER, -1, &h) == CURLHE_OK) {
			strncpy(out->header[i], h->value, sizeof out->header[i] - 1);
			out->header[i][sizeof out->header[i] - 1] = '\0';
		}
}

static int
fetch_failed(const struct http_transfer *t, const struct http_call *call, CURLcode rc, struct err *e)
{
	enum err_code code = ERR_TIMEOUT;

	if (!t->sent)
		code = ERR_UNAVAILABLE;
	else if (t->too_big || rc == CURLE_WEIRD_SERVER_REPLY || rc == CURLE_UNSUPPORTED_PROTOCOL)
		code = ERR_PROTOCOL;
	return err_set(e, code, "%s: %s", call->unix_path != NULL ? call->unix_path : call->url, http_transfer_why(t, rc));
}

int
http_fetch(const struct http_call *call, const char *const *want, struct http_result *out, struct err *e)
{
	CURLcode rc;
	int failed = 0;

	memset(out, 0, sizeof *out);
	if (kept.easy == NULL && http_transfer_init(&kept) < 0)
		return err_set(e, ERR_NOMEM, "out of memory for a request to %.200s", call->url);
	kept.answer_max = FETCH_BODY_MAX;
	if (http_transfer_set(&kept, call) < 0) {
		http_transfer_clear(&kept);
		return err_set(e, ERR_NOMEM, "cannot start a request to %.200s", call->url);
	}
	rc = http_transfer_verdict(&kept, curl_easy_perform(kept.easy));
	if (rc != CURLE_OK) {
		failed = fetch_failed(&kept, call, rc, e);
	} else {
		out->status = http_transfer_status(&kept);
		copy_headers(&kept, want, out);
		out->body = kept.answer;
		buf_init(&kept.answer);
	}
	http_transfer_clear(&kept);
	return failed;
}

void
http_result_fini(struct http_result *r)
{
	buf_fini(&r->body);
}

void
http_fetch_close(void)
{
	if (kept.easy != NULL)
		http_transfer_fini(&kept);
}

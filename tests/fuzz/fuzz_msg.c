/* PowerJob's messages: the first byte says which. One that is taken is written as a message that reads as the same. */
#include "fuzz.h"

#include "net/msg.h"

/* name: a message; its struct; its parse function; its put function */
#define THROUGH(name, type, parse, put) \
	static void name(const char *text, size_t len) \
	{ \
		struct buf one = BUF_INIT, two = BUF_INIT; \
		struct err e = ERR_INIT; \
		struct msg_doc *doc = NULL, *doc2 = NULL; \
		struct type in, again; \
		if (parse(text, len, &in, &doc, &e) != 0) { \
			fuzz_check_error(&e); \
			return; \
		} \
		put(&one, &in); \
		if (parse(buf_str(&one), one.len, &again, &doc2, &e) != 0) { \
			fprintf(stderr, "%s\n%s\n", e.msg, buf_str(&one)); \
			FAIL("it reads what it writes"); \
		} \
		put(&two, &again); \
		fuzz_check_same(&one, &two); \
		msg_doc_free(doc); \
		msg_doc_free(doc2); \
		buf_fini(&one); \
		buf_fini(&two); \
	}
THROUGH(heartbeat, heartbeat, msg_heartbeat_parse, msg_heartbeat_put)
THROUGH(report, report, msg_report_parse, msg_report_put)
THROUGH(log_batch, log_batch, msg_log_parse, msg_log_put)
THROUGH(run_request, run_request, msg_run_parse, msg_run_put)

static void
stop(const char *text, size_t len)
{
	struct buf out = BUF_INIT;
	struct err e = ERR_INIT;
	int64_t id, attempt, id2, attempt2;

	if (msg_stop_parse(text, len, &id, &attempt, &e) != 0) {
		fuzz_check_error(&e);
		return;
	}
	msg_stop_put(&out, id, attempt);
	CHECK(msg_stop_parse(buf_str(&out), out.len, &id2, &attempt2, &e) == 0);
	CHECK(id == id2 && attempt == attempt2);
	buf_fini(&out);
}

static void
answer(const char *text, size_t len)
{
	char why[256];

	memset(why, 'x', sizeof why);
	CHECK(msg_answer_parse(text, len, why) <= MESSAGE_GONE);
	CHECK(memchr(why, '\0', sizeof why) != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const kinds[])(const char *, size_t) = { heartbeat, report, log_batch, run_request, stop, answer };
	uint64_t kind = fuzz_take(&data, &size, 1);
	char *text = fuzz_text(data, size);

	kinds[kind % (sizeof kinds / sizeof kinds[0])](text, size);
	free(text);
	return 0;
}

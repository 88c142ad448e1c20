#include "helper.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/opt.h"
#include "codec/kv.h"
#include "codec/spool.h"
#include "service.h"

#define ANSWER_WAIT_S 60 /* pj-run may be waiting for a slow disk */

static const struct opt_cmd result_cmd = {
	.program = "pj-run result",
	.usage = "[TEXT | -]",
	.summary = "Set the result of the instance this runs in; without TEXT, or with -, from standard input.\n"
	           "The last one counts; it is cut to 8096 bytes.",
};
static const struct opt_cmd log_cmd = {
	.program = "pj-run log",
	.usage = "LEVEL [TEXT... | -]",
	.summary = "Write to the log of the instance this runs in; without TEXT, or with -, from standard input.\n"
	           "LEVEL is one of DEBUG INFO WARN ERROR.",
};
static const struct opt_cmd context_cmd = {
	.program = "pj-run context",
	.usage = "set KEY VALUE",
	.summary = "Set a value in the workflow context, for the nodes that run after this one.\n"
	           "All of it together is at most 4095 bytes.",
};

static int
say(const struct err *e)
{
	fprintf(stderr, "pj-run: %s\n", e->msg);
	return err_exit_code(e->code);
}

/* A connection to the pj-run of this job. */
static int
reach(struct err *e)
{
	const struct timeval wait = { .tv_sec = ANSWER_WAIT_S };
	const char *name = getenv("PJ_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = name != NULL ? strlen(name) : 0;
	int fd;

	if (len == 0)
		return err_set(e, ERR_USAGE, "this works only inside a job: PJ_SOCKET is not set");
	if (name[0] != '@' || len > sizeof to.sun_path)
		return err_set(e, ERR_USAGE, "PJ_SOCKET=%.100s is no socket of a pj-run; it starts with @pj/", name);
	memcpy(to.sun_path + 1, name + 1, len - 1);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(e, ERR_OS, errno, "cannot make a socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
	if (connect(fd, (struct sockaddr *)&to, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0) {
		err_sys(e, ERR_UNAVAILABLE, errno, "the pj-run of this job does not answer at PJ_SOCKET=%s", name);
		close(fd);
		return -1;
	}
	return fd;
}

static int
take_answer(const char *answer, size_t len, struct err *e)
{
	static const char ok[] = SERVICE_VERSION " ok\n", error[] = SERVICE_VERSION " error\n";
	struct kv kv;

	if (len >= sizeof ok - 1 && memcmp(answer, ok, sizeof ok - 1) == 0)
		return 0;
	if (len < sizeof error - 1 || memcmp(answer, error, sizeof error - 1) != 0 ||
	    kv_parse(&kv, answer + sizeof error - 1, len - (sizeof error - 1), NULL) < 0)
		return err_set(e, ERR_PROTOCOL, "the pj-run of this job gave an answer that is none");
	err_set(e, ERR_DATA, "refused: %s", kv_get(&kv, "text") != NULL ? kv_get(&kv, "text") : "no reason given");
	kv_fini(&kv);
	return -1;
}

/* Sends one request and waits until it is recorded. */
static int
ask(int fd, const struct buf *request, struct err *e)
{
	char answer[2048];
	ssize_t n;

	if (!buf_ok(request))
		return err_set(e, ERR_NOMEM, "out of memory");
	do
		n = send(fd, request->data, request->len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EMSGSIZE)
		return err_set(e, ERR_TOOBIG, "the text is too long");
	if (n >= 0)
		do
			n = recv(fd, answer, sizeof answer, 0);
		while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(e, ERR_UNAVAILABLE, errno, "the pj-run of this job does not answer");
	if (n == 0)
		return err_set(e, ERR_UNAVAILABLE, "the pj-run of this job has gone");
	return take_answer(answer, (size_t)n, e);
}

static int
ask_once(const struct buf *request)
{
	struct err e = ERR_INIT;
	int fd = reach(&e);
	int rc = fd < 0 ? -1 : ask(fd, request, &e);

	if (fd >= 0)
		close(fd);
	return rc < 0 ? say(&e) : 0;
}

static int
no_option(int id, const char *value, void *arg, struct err *e)
{
	return err_set(e, ERR_INTERNAL, "option without a meaning");
}

/* --- result --------------------------------------------------------------------------------------------------- */

/* The first `most` bytes of standard input; the rest is read too, so that no writer dies of it. */
static int
read_input(struct buf *out, size_t most)
{
	char chunk[8192];
	ssize_t n;

	while ((n = read(STDIN_FILENO, chunk, sizeof chunk)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (out->len < most)
			buf_add(out, chunk, (size_t)n < most - out->len ? (size_t)n : most - out->len);
	}
	return 0;
}

int
helper_result(int argc, char **argv)
{
	struct opt_args args = { .argc = argc, .argv = argv };
	struct buf text = BUF_INIT, request = BUF_INIT;
	int rc = opt_parse(&result_cmd, &args, no_option, NULL);

	if (rc != OPT_GO)
		return rc;
	if (args.argc > 1)
		return opt_usage_error(&result_cmd, "one TEXT only: put it in quotes");
	/* A little more than is kept, so that pj-run sees that it was cut. */
	if (args.argc == 1 && strcmp(args.argv[0], "-") != 0)
		buf_add(&text, args.argv[0], strnlen(args.argv[0], LIMIT_RESULT + 16));
	else if (read_input(&text, LIMIT_RESULT + 16) < 0) {
		perror("pj-run: cannot read standard input");
		return err_exit_code(ERR_IO);
	}
	buf_adds(&request, SERVICE_VERSION " result\n");
	kv_put_n(&request, "text", buf_str(&text), text.len);
	rc = ask_once(&request);
	buf_fini(&text);
	buf_fini(&request);
	return rc;
}

/* --- log ------------------------------------------------------------------------------------------------------ */

static int
send_lines(int fd, const char *level, const char *text, size_t len, struct err *e)
{
	struct buf request = BUF_INIT;
	int rc;

	buf_adds(&request, SERVICE_VERSION " log\n");
	kv_put(&request, "level", level);
	kv_put_n(&request, "text", text, len);
	rc = ask(fd, &request, e);
	buf_fini(&request);
	return rc;
}

/* As many whole lines as one request takes, or the start of one that is longer. */
static size_t
one_request(const char *text, size_t len)
{
	const char *nl;

	if (len <= SERVICE_TEXT_MAX)
		return len;
	nl = memrchr(text, '\n', SERVICE_TEXT_MAX);
	return nl != NULL ? (size_t)(nl - text) + 1 : spool_cut(text, len, SERVICE_TEXT_MAX);
}

static int
log_text(int fd, const char *level, const char *text, size_t len, struct err *e)
{
	int rc = 0;

	do {
		size_t n = one_request(text, len);

		rc = send_lines(fd, level, text, n, e);
		text += n;
		len -= n;
	} while (rc == 0 && len > 0);
	return rc;
}

/* Lines as they come, so that a following reader of the log sees them. */
static int
log_input(int fd, const char *level, struct err *e)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int rc = 0;

	while (rc == 0 && (n = getline(&line, &cap, stdin)) > 0)
		rc = log_text(fd, level, line, (size_t)n, e);
	if (rc == 0 && ferror(stdin))
		rc = err_sys(e, ERR_IO, errno, "cannot read standard input");
	free(line);
	return rc;
}

int
helper_log(int argc, char **argv)
{
	struct opt_args args = { .argc = argc, .argv = argv };
	struct buf text = BUF_INIT;
	struct err e = ERR_INIT;
	int rc = opt_parse(&log_cmd, &args, no_option, NULL), fd;

	if (rc != OPT_GO)
		return rc;
	if (args.argc == 0)
		return opt_usage_error(&log_cmd, "LEVEL is missing");
	if (spool_level_from_name(args.argv[0]) < 0)
		return opt_usage_error(&log_cmd, "unknown level `%s'; it is one of DEBUG INFO WARN ERROR",
		    args.argv[0]);
	fd = reach(&e);
	if (fd < 0)
		return say(&e);
	for (int i = 1; i < args.argc; i++)
		buf_addf(&text, "%s%s", i > 1 ? " " : "", args.argv[i]);
	if (args.argc == 1 || (args.argc == 2 && strcmp(args.argv[1], "-") == 0))
		rc = log_input(fd, args.argv[0], &e);
	else
		rc = log_text(fd, args.argv[0], buf_str(&text), text.len, &e);
	buf_fini(&text);
	close(fd);
	return rc < 0 ? say(&e) : 0;
}

/* --- context -------------------------------------------------------------------------------------------------- */

int
helper_context(int argc, char **argv)
{
	struct opt_args args = { .argc = argc, .argv = argv };
	struct buf request = BUF_INIT;
	int rc = opt_parse(&context_cmd, &args, no_option, NULL);

	if (rc != OPT_GO)
		return rc;
	if (args.argc != 3 || strcmp(args.argv[0], "set") != 0)
		return opt_usage_error(&context_cmd, "write `set KEY VALUE'");
	buf_adds(&request, SERVICE_VERSION " context\n");
	kv_put(&request, "key", args.argv[1]);
	kv_put(&request, "value", args.argv[2]);
	rc = ask_once(&request);
	buf_fini(&request);
	return rc;
}

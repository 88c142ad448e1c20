#include "follow.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "call.h"
#include "instcols.h"
#include "logline.h"

#define POLL_MS 10000        /* one long poll */
#define ANSWER_MS 10000      /* what an answer may take on top of it */
#define LOG_GRACE_MS 10000   /* how long the rest of a finished instance's log is waited for */
#define RETRY_LEAST_MS 100   /* between looks for a server that is away */
#define RETRY_MOST_MS 2000

struct follower {
	struct ctl *c;
	const struct follow *f;
	int64_t deadline;    /* monotonic; 0 none */
	bool reached;        /* the server has answered once: from now on its absence is waited out */
	bool said_away, said_waiting;
	int64_t retry_ms;
	int64_t offset;
	int64_t log_over;    /* monotonic: when the rest of the log is no longer waited for; 0 not finished yet */
	struct buf rest;     /* the beginning of a line that is not whole yet */
	struct buf row;      /* the line that is written, with --json or --tsv */
};

/* --- Ctrl-C ---------------------------------------------------------------------------------------------------- */

static char farewell[1024];
static size_t farewell_len;

/* The log was flushed after each piece, so nothing is lost by ending here. */
static void
interrupted(int signo)
{
	(void)file_write_all(STDERR_FILENO, farewell, farewell_len);
	raise(signo); /* SA_RESETHAND: takes its default effect when this returns */
}

static void
catch_interrupt(struct ctl *c, const char *id, struct sigaction *old)
{
	struct sigaction sa = { .sa_handler = interrupted, .sa_flags = (int)SA_RESETHAND };
	const char *hint = ctl_hint(c);
	int n = snprintf(farewell, sizeof farewell, "\npj-ctl: no longer watching; instance %s goes on.\n"
	    "  to watch again: %s instance log -f %s\n  to stop it:     %s instance stop %s\n", id, hint, id, hint, id);

	farewell_len = n < 0 ? 0 : (size_t)n < sizeof farewell ? (size_t)n : sizeof farewell - 1;
	sigemptyset(&sa.sa_mask);
	sigaction(SIGINT, NULL, old);
	if (old->sa_handler != SIG_IGN) /* nohup and & */
		sigaction(SIGINT, &sa, NULL);
}

/* --- the log's text -------------------------------------------------------------------------------------------- */

static void
put_line(struct follower *w, const char *line, size_t len)
{
	bool piece = false;

	if (w->c->format != CTL_TABLE) {
		buf_clear(&w->row);
		(w->c->format == CTL_JSON ? logline_json : logline_tsv)(line, len, &w->row);
		fwrite(buf_str(&w->row), 1, w->row.len, stdout);
		return;
	}
	if (!w->f->timestamps)
		line = logline_text(line, len, &len, &piece);
	fwrite(line, 1, len, stdout);
	if (!piece)
		putchar('\n');
}

static int
put_bytes(struct follower *w, const struct buf *bytes, struct err *e)
{
	const char *p, *nl;
	size_t left;

	buf_add(&w->rest, buf_str(bytes), bytes->len);
	if (!buf_ok(&w->rest))
		return err_set(e, ERR_NOMEM, "out of memory for the log");
	p = buf_str(&w->rest);
	left = w->rest.len;
	for (; left > 0 && (nl = memchr(p, '\n', left)) != NULL; p = nl + 1) {
		put_line(w, p, (size_t)(nl - p));
		left -= (size_t)(nl - p) + 1;
	}
	buf_drop(&w->rest, w->rest.len - left);
	if (!buf_ok(&w->row))
		return err_set(e, ERR_NOMEM, "out of memory for the log");
	if (fflush(stdout) != 0 || ferror(stdout))
		return err_set(e, ERR_IO, "cannot write the log to standard output");
	return 0;
}

static int
put_rest(struct follower *w, struct err *e)
{
	static const struct buf newline = { (char *)(uintptr_t)"\n", 1, 0, false };

	return w->rest.len > 0 ? put_bytes(w, &newline, e) : 0;
}

/* --- the server ------------------------------------------------------------------------------------------------ */

static int64_t
time_left(const struct follower *w)
{
	return w->deadline == 0 ? INT64_MAX : w->deadline - clock_mono_ms();
}

static void
nap(int64_t ms)
{
	struct timespec ts = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };

	nanosleep(&ts, NULL);
}

static int
over(const struct follower *w, struct err *e)
{
	return err_set(e, ERR_TIMEOUT, "instance %s has not finished in time; it goes on: %s instance show %s",
	    w->f->id, ctl_hint(w->c), w->f->id);
}

/* What to do about a request that failed: 0 try again, -1 give up (*e). */
static int
try_again(struct follower *w, struct err *e)
{
	bool away = e->code == ERR_UNAVAILABLE || e->code == ERR_TIMEOUT || e->code == ERR_BUSY || e->code == ERR_NOMEM;

	if (time_left(w) <= 0)
		return over(w, e);
	if (!away || !w->reached)
		return -1;
	if (!w->said_away && e->code == ERR_UNAVAILABLE) {
		ctl_say("%s; waiting for it", e->msg);
		w->said_away = true;
	}
	nap(w->retry_ms < time_left(w) ? w->retry_ms : time_left(w));
	w->retry_ms = w->retry_ms * 2 < RETRY_MOST_MS ? w->retry_ms * 2 : RETRY_MOST_MS;
	return 0;
}

static void
answered(struct follower *w)
{
	w->reached = true;
	w->retry_ms = RETRY_LEAST_MS;
	if (w->said_away)
		ctl_say("the server is back");
	w->said_away = false;
}

/* How long the next request may wait at the server, and how long its answer may take in all. */
static void
times(const struct follower *w, int64_t most_ms, int64_t *wait_ms, int64_t *total_ms)
{
	int64_t left = time_left(w);

	left = left > 1 ? left : 1;
	*wait_ms = left < most_ms ? left : most_ms;
	*total_ms = *wait_ms + (left < ANSWER_MS ? left + 200 : ANSWER_MS);
}

static bool
is_finished(const struct json_t *instance)
{
	static const char *const live[] = { "waiting", "sent", "running" };
	const char *status = js_text(js_get(instance, "status"));

	for (size_t i = 0; status != NULL && i < sizeof live / sizeof live[0]; i++)
		if (strcmp(status, live[i]) == 0)
			return false;
	return status != NULL;
}

/* The instance as it is, or as it is within most_ms when it is finished earlier. 0: *instance; 1: try again. */
static int
look(struct follower *w, int64_t most_ms, struct json_t **instance, struct err *e)
{
	struct buf query = BUF_INIT;
	int64_t wait_ms, total_ms;
	int rc;

	times(w, most_ms, &wait_ms, &total_ms);
	call_param(&query, "id", w->f->id);
	call_param_i64(&query, "waitMs", most_ms == 0 ? 0 : wait_ms);
	rc = call_get_within(w->c, "instance/wait", &query, most_ms == 0 ? 0 : wait_ms, total_ms, instance, e);
	buf_fini(&query);
	if (rc != 0)
		return try_again(w, e) == 0 ? 1 : -1;
	answered(w);
	return 0;
}

/* --- the loops ------------------------------------------------------------------------------------------------- */

/* Who watches an instance that no worker takes should know what is missing. */
static void
say_waiting(struct follower *w, const struct json_t *instance)
{
	const char *status = js_text(js_get(instance, "status"));
	int64_t due = 0;

	if (w->said_waiting || status == NULL || strcmp(status, "waiting") != 0 ||
	    js_i64(instance, "expectedMs", 0, &due, NULL) != 0 || due > clock_wall_ms())
		return;
	w->said_waiting = true;
	ctl_say("instance %s waits for a worker; %s worker ls shows which there are", w->f->id, ctl_hint(w->c));
}

/* Nothing new in the log: is the instance finished, and for how long is its log waited for? 1: go on, 0: enough, -1. */
static int
wait_for_rest(struct follower *w, struct err *e)
{
	struct json_t *instance;
	int rc;

	if (w->log_over != 0 && clock_mono_ms() < w->log_over)
		return 1;
	if (w->log_over != 0) {
		ctl_say("instance %s is finished, but the end of its log has not arrived", w->f->id);
		return 0;
	}
	rc = look(w, 0, &instance, e);
	if (rc != 0)
		return rc;
	if (is_finished(instance))
		w->log_over = clock_mono_ms() + LOG_GRACE_MS;
	say_waiting(w, instance);
	js_free(instance);
	return time_left(w) > 0 ? 1 : over(w, e);
}

/* One request for the log: 1 go on, 0 at its end, -1. */
static int
log_step(struct follower *w, struct err *e)
{
	struct call_log log;
	int64_t wait_ms, total_ms;
	int rc;

	times(w, !w->f->until_end ? 0 : w->log_over != 0 ? 1000 : POLL_MS, &wait_ms, &total_ms);
	rc = call_log(w->c, w->f->id, w->offset, wait_ms, total_ms, &log, e);
	if (rc != 0) {
		rc = try_again(w, e) == 0 ? 1 : -1;
	} else {
		answered(w);
		w->offset = log.next;
		if (log.bytes.len > 0) {
			w->log_over = 0; /* it does arrive */
			rc = put_bytes(w, &log.bytes, e);
		}
		if (rc == 0 && log.end && log.missing > 0)
			ctl_say("the log of instance %s is not whole: %lld bytes of it did not come from the worker", w->f->id,
			    (long long)log.missing);
		if (rc == 0 && !log.end)
			rc = log.bytes.len > 0 ? 1 : w->f->until_end ? wait_for_rest(w, e) : 0;
		if (rc == 1 && time_left(w) <= 0)
			rc = over(w, e);
	}
	buf_fini(&log.bytes);
	return rc;
}

static int
follow_log(struct follower *w, struct err *e)
{
	int rc;

	if (w->c->format == CTL_TSV && w->c->header)
		fputs(LOGLINE_TSV_HEADER, stdout);
	while ((rc = log_step(w, e)) == 1)
		continue;
	if (rc == 0 || e->code == ERR_TIMEOUT) {
		struct err own = ERR_INIT;

		if (put_rest(w, &own) != 0 && rc == 0) {
			*e = own;
			rc = -1;
		}
	}
	return rc;
}

static int
wait_end(struct follower *w, struct json_t **instance, struct err *e)
{
	for (;;) {
		int rc = look(w, POLL_MS, instance, e);

		if (rc < 0)
			return -1;
		if (rc == 1)
			continue;
		if (is_finished(*instance))
			return 0;
		js_free(*instance);
		*instance = NULL;
		if (time_left(w) <= 0)
			return over(w, e);
	}
}

int
follow_instance(struct ctl *c, const struct follow *f, struct json_t **instance, struct err *e)
{
	struct follower w = { .c = c, .f = f, .reached = f->known, .retry_ms = RETRY_LEAST_MS };
	struct sigaction old;
	int rc = 0;

	*instance = NULL;
	if (f->timeout_ms > 0)
		w.deadline = clock_mono_ms() + f->timeout_ms;
	if (f->until_end)
		catch_interrupt(c, f->id, &old);
	if (f->log)
		rc = follow_log(&w, e);
	if (rc == 0 && f->until_end)
		rc = wait_end(&w, instance, e);
	if (f->until_end)
		sigaction(SIGINT, &old, NULL);
	buf_fini(&w.rest);
	buf_fini(&w.row);
	return rc;
}

/* --- how it ended ---------------------------------------------------------------------------------------------- */

int
follow_exit_code(const struct json_t *instance)
{
	const char *status = js_text(js_get(instance, "status"));
	int64_t code = 0, signo = 0;

	if (status != NULL && strcmp(status, "succeeded") == 0)
		return 0;
	js_i64(instance, "exitCode", 0, &code, NULL);
	js_i64(instance, "signal", 0, &signo, NULL);
	if (signo > 0 && signo < 128)
		return (int)(128 + signo);
	return code > 0 && code < 256 ? (int)code : 1;
}

void
follow_report(const struct json_t *instance)
{
	const char *status = js_text(js_get(instance, "status")), *id = js_text(js_get(instance, "id"));
	const char *result = js_text(js_get(instance, "result"));
	struct buf how = BUF_INIT;
	int64_t code = 0, signo = 0;

	if (status == NULL || id == NULL || strcmp(status, "succeeded") == 0)
		return;
	js_i64(instance, "exitCode", 0, &code, NULL);
	js_i64(instance, "signal", 0, &signo, NULL);
	if (signo > 0)
		buf_addf(&how, ", signal %lld", (long long)signo);
	else if (code > 0)
		buf_addf(&how, ", exit code %lld", (long long)code);
	if (result != NULL && result[0] != '\0')
		buf_addf(&how, ": %.*s", (int)strcspn(result, "\r\n"), result);
	ctl_say("instance %s %s%s", id, status, buf_str(&how));
	buf_fini(&how);
}

int
follow_show(const struct ctl *c, const struct json_t *instance)
{
	struct out o;
	int rc;

	if (c->format == CTL_TABLE) {
		follow_report(instance);
		return follow_exit_code(instance);
	}
	out_init(&o, c, NULL, instcols);
	rc = out_show(&o, instance);
	return rc != 0 ? rc : follow_exit_code(instance);
}

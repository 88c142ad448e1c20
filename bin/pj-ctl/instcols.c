#include "instcols.h"

#include "base/clock.h"
#include "time/dur.h"

static int64_t
ms_of(const struct json_t *row, const char *key)
{
	int64_t v = 0;

	return js_i64(row, key, 0, &v, NULL) == 0 ? v : 0;
}

/* From start to end; of what runs: until now. Seconds are enough above ten of them. */
static void
put_took(const struct json_t *row, struct buf *out)
{
	int64_t from = ms_of(row, "startedMs"), to = ms_of(row, "finishedMs"), took;
	char dur[DUR_SIZE];

	if (from == 0)
		return;
	took = (to != 0 ? to : clock_wall_ms()) - from;
	if (took > 10000)
		took -= took % 1000;
	buf_adds(out, dur_print(dur, took > 0 ? took : 0));
}

/* The exit code, or the signal by number. */
static void
put_exit(const struct json_t *row, struct buf *out)
{
	int64_t signo = ms_of(row, "signal");

	if (signo > 0)
		buf_addf(out, "signal %lld", (long long)signo);
	else if (js_get(row, "exitCode") != NULL)
		buf_addf(out, "%lld", (long long)ms_of(row, "exitCode"));
}

/* When it was to run: its nominal time; one that was asked for by hand, later than at once: that time. */
static void
put_due(const struct json_t *row, struct buf *out)
{
	static const struct out_column nominal = { "nominalMs", "", OUT_TIME, 0, NULL };
	static const struct out_column expected = { "expectedMs", "", OUT_TIME, 0, NULL };

	if (ms_of(row, "nominalMs") != 0) {
		out_human(&nominal, row, out);
		return;
	}
	if (ms_of(row, "expectedMs") > ms_of(row, "createdMs")) {
		out_human(&expected, row, out);
		buf_addc(out, ' ');
	}
	buf_adds(out, "by hand");
}

static void
put_stop(const struct json_t *row, struct buf *out)
{
	bool asked = false;

	if (js_bool(row, "stopRequested", false, &asked, NULL) == 0 && asked)
		buf_adds(out, "asked for");
}

/* What a waiting one waits for, and until when where that is known. */
static void
put_waits(const struct json_t *row, struct buf *out)
{
	static const struct out_column until = { "untilMs", "", OUT_TIME, 0, NULL };
	const struct json_t *waits = js_get(row, "waits");
	const char *text = waits == NULL ? NULL : js_text(js_get(waits, "text"));

	if (text == NULL)
		return;
	buf_adds(out, text);
	if (ms_of(waits, "untilMs") == 0)
		return;
	buf_adds(out, ", ");
	out_human(&until, waits, out);
}

const struct out_column instcols[] = {
	{ "id", "id", OUT_TEXT, OUT_BOTH, NULL },
	{ "job", "job", OUT_TEXT, OUT_BOTH, NULL },
	{ "app", "app", OUT_TEXT, OUT_SHOW, NULL },
	{ "status", "status", OUT_STATUS, OUT_BOTH, NULL },
	{ NULL, "stop", OUT_TEXT, OUT_SHOW, put_stop },
	{ NULL, "waits for", OUT_TEXT, OUT_SHOW, put_waits },
	{ NULL, "exit", OUT_TEXT, OUT_BOTH, put_exit },
	{ "exitCode", NULL, OUT_NUMBER, 0, NULL },
	{ "signal", NULL, OUT_NUMBER, 0, NULL },
	{ NULL, "due", OUT_TEXT, OUT_BOTH, put_due },
	{ "nominalMs", NULL, OUT_TIME, 0, NULL },
	{ "expectedMs", NULL, OUT_TIME, 0, NULL },
	{ "startedMs", "started", OUT_TIME, OUT_BOTH, NULL },
	{ "finishedMs", "finished", OUT_TIME, OUT_SHOW, NULL },
	{ NULL, "took", OUT_TEXT, OUT_BOTH, put_took },
	{ "attempt", "attempt", OUT_NUMBER, OUT_BOTH, NULL },
	{ "runningTimes", "starts", OUT_NUMBER, OUT_SHOW, NULL },
	{ "worker", "worker", OUT_TEXT, OUT_BOTH, NULL },
	{ "params", "params", OUT_TEXT, OUT_SHOW, NULL },
	{ "result", "result", OUT_TEXT, OUT_BOTH, NULL },
	{ "stopRequested", NULL, OUT_BOOL, 0, NULL },
	{ "jobId", "job id", OUT_NUMBER, OUT_SHOW, NULL },
	{ "jobVersion", "job version", OUT_NUMBER, OUT_SHOW, NULL },
	{ "createdMs", "created", OUT_TIME, OUT_SHOW, NULL },
	{ "modifiedMs", "changed", OUT_TIME, OUT_SHOW, NULL },
	{ NULL, NULL, OUT_TEXT, 0, NULL },
};

const struct out_column instcols_attempt[] = {
	{ "attempt", "attempt", OUT_NUMBER, OUT_LIST, NULL },
	{ "state", "state", OUT_STATUS, OUT_LIST, NULL },
	{ NULL, "exit", OUT_TEXT, OUT_LIST, put_exit },
	{ "openedMs", "sent", OUT_TIME, OUT_LIST, NULL },
	{ "startedMs", "started", OUT_TIME, OUT_LIST, NULL },
	{ NULL, "took", OUT_TEXT, OUT_LIST, put_took },
	{ "worker", "worker", OUT_TEXT, OUT_LIST, NULL },
	{ "result", "result", OUT_TEXT, OUT_LIST, NULL },
	{ NULL, NULL, OUT_TEXT, 0, NULL },
};

const struct out_column instcols_alarm[] = {
	{ "atMs", "alarm at", OUT_TIME, OUT_LIST, NULL },
	{ "kind", "kind", OUT_TEXT, OUT_LIST, NULL },
	{ "attempt", "attempt", OUT_NUMBER, OUT_LIST, NULL },
	{ "text", "text", OUT_TEXT, OUT_LIST | OUT_WHOLE, NULL },
	{ NULL, NULL, OUT_TEXT, 0, NULL },
};

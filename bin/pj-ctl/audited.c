#include "audited.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "out.h"
#include "time/dur.h"

static int64_t
number(const struct json_t *o, const char *key)
{
	int64_t v;

	return js_i64(o, key, 0, &v, NULL) == 0 ? v : 0;
}

static const char *
text(const struct json_t *o, const char *key)
{
	const char *t = js_text(js_get(o, key));

	return t != NULL ? t : "";
}

/* "02:30:00" of the change's own day, else the whole reading. */
static const char *
short_local(const struct json_t *change, const char *local)
{
	return strncmp(local, text(change, "localFrom"), 11) == 0 ? local + 11 : local;
}

/* --- for people -------------------------------------------------------------------------------------------------- */

static void
put_time(const struct json_t *change, const struct json_t *t)
{
	const struct json_t *runs = js_get(t, "runs");
	const char *kind = text(change, "kind"), *policy = text(change, "policy");
	bool window = strcmp(policy, "window") == 0;

	printf("  %s%s", window ? "the window's beginning " : "", short_local(change, text(t, "local")));
	if (js_len(runs) == 0)
		fputs(" does not happen", stdout);
	for (size_t i = 0; i < js_len(runs); i++)
		printf("%s%s", i == 0 ? " happens at " : " and at ", js_text(js_at(runs, i)));
	if (!window)
		printf(" (%s=%s)", kind, policy);
	putchar('\n');
}

static void
put_real_time(const struct json_t *change, bool window)
{
	const char *last = text(change, "last"), *next = text(change, "next");

	printf("  %s real time", window ? "within the window it runs in" : "what repeats every hour or within it runs in");
	if (last[0] != '\0' && next[0] != '\0')
		printf(": %s, then %s", last, next);
	else if (last[0] != '\0' || next[0] != '\0')
		printf(": %s %s", last[0] != '\0' ? "last at" : "next at", last[0] != '\0' ? last : next);
	putchar('\n');
}

static void
put_change(const struct json_t *change)
{
	const struct json_t *times = js_get(change, "times");
	int64_t n = number(change, "count"), by = number(change, "offsetAfter") - number(change, "offsetBefore");
	bool gap = by > 0, real_time;
	char dur[DUR_SIZE];

	printf("%s  %s of %s: %s to %s %s\n", text(change, "at"), text(change, "kind"),
	    dur_print(dur, (gap ? by : -by) * 1000), text(change, "localFrom"),
	    short_local(change, text(change, "localTo")), gap ? "is jumped over" : "is read twice");
	for (size_t i = 0; i < js_len(times); i++)
		put_time(change, js_at(times, i));
	if (n > (int64_t)js_len(times))
		printf("  and %" PRId64 " more times likewise\n", n - (int64_t)js_len(times));
	if (js_bool(change, "realTime", false, &real_time, NULL) == 0 && real_time)
		put_real_time(change, strcmp(text(change, "policy"), "window") == 0);
}

/* Of a time: its day, or all of seconds since 1970. */
static int
day_length(const char *time)
{
	return time[0] == '@' ? (int)strlen(time) : 10;
}

static void
put_people(const struct json_t *doc)
{
	const struct json_t *changes = js_get(doc, "transitions");

	printf("%s, %.*s to %.*s: ", text(doc, "zone"), day_length(text(doc, "from")), text(doc, "from"),
	    day_length(text(doc, "to")), text(doc, "to"));
	if (js_len(changes) == 0) {
		printf("%s\n", text(doc, "why"));
		return;
	}
	printf("%zu change%s of the clock\n", js_len(changes), js_len(changes) == 1 ? "" : "s");
	for (size_t i = 0; i < js_len(changes); i++)
		put_change(js_at(changes, i));
}

/* --- for programs ------------------------------------------------------------------------------------------------ */

static void
put_instants(const struct json_t *times, struct buf *out)
{
	for (size_t i = 0; i < js_len(times); i++) {
		int64_t at;

		if (js_int(js_at(times, i), &at) == 0)
			buf_addf(out, "%s%" PRId64, i == 0 ? "" : ",", at);
	}
}

/* One line a local time, and one for what runs in real time: without a local time, the times before and behind it. */
static void
tsv_change(const struct json_t *change, struct buf *out)
{
	const struct json_t *times = js_get(change, "times");
	bool real_time;

	for (size_t i = 0; i < js_len(times); i++) {
		buf_addf(out, "%" PRId64 "\t%s\t%s\t%s\t", number(change, "atMs"), text(change, "kind"),
		    text(change, "policy"), text(js_at(times, i), "local"));
		put_instants(js_get(js_at(times, i), "runsMs"), out);
		buf_addc(out, '\n');
	}
	if (js_bool(change, "realTime", false, &real_time, NULL) != 0 || !real_time)
		return;
	buf_addf(out, "%" PRId64 "\t%s\treal-time\t\t", number(change, "atMs"), text(change, "kind"));
	if (js_has(change, "lastMs"))
		buf_addf(out, "%" PRId64 "%s", number(change, "lastMs"), js_has(change, "nextMs") ? "," : "");
	if (js_has(change, "nextMs"))
		buf_addf(out, "%" PRId64, number(change, "nextMs"));
	buf_addc(out, '\n');
}

int
audited_put(const struct ctl *c, const struct json_t *doc)
{
	const struct json_t *changes = js_get(doc, "transitions");
	static const struct out_column none[] = { { NULL, NULL, OUT_TEXT, 0, NULL } };
	struct buf out = BUF_INIT;
	struct out o;

	if (c->format == CTL_JSON) {
		out_init(&o, c, NULL, none);
		return out_show(&o, doc);
	}
	if (c->format == CTL_TABLE) {
		put_people(doc);
		return 0;
	}
	if (c->header)
		puts("atMs\tkind\tpolicy\tlocal\trunsMs");
	for (size_t i = 0; i < js_len(changes); i++)
		tsv_change(js_at(changes, i), &out);
	fwrite(buf_str(&out), 1, out.len, stdout);
	buf_fini(&out);
	return 0;
}

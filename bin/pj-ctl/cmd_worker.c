/* pj-ctl worker: who runs the jobs. */
#include "call.h"
#include "nouns.h"
#include "out.h"
#include "time/dur.h"

static void
put_state(const struct json_t *row, struct buf *out)
{
	bool alive = false, overload = false;

	js_bool(row, "alive", false, &alive, NULL);
	js_bool(row, "overload", false, &overload, NULL);
	buf_adds(out, !alive ? "lost" : overload ? "full" : "alive");
}

static void
put_slots(const struct json_t *row, struct buf *out)
{
	int64_t used = 0, slots = 0;

	if (js_i64(row, "slots", 0, &slots, NULL) != 0 || slots == 0 || js_i64(row, "used", 0, &used, NULL) != 0)
		return;
	buf_addf(out, "%lld/%lld", (long long)used, (long long)slots);
}

static void
put_pair(const struct json_t *row, struct buf *out, const char *used, const char *most)
{
	double u = 0, m = 0;

	if (js_real(row, used, 0, &u, NULL) == 0 && js_real(row, most, 0, &m, NULL) == 0 && m > 0)
		buf_addf(out, "%.1f/%.1fG", u, m);
}

static void
put_memory(const struct json_t *row, struct buf *out)
{
	put_pair(row, out, "memUsedGb", "memMaxGb");
}

static void
put_disk(const struct json_t *row, struct buf *out)
{
	put_pair(row, out, "diskUsedGb", "diskTotalGb");
}

static void
put_load(const struct json_t *row, struct buf *out)
{
	double load = 0;
	int64_t cpus = 0;

	if (js_real(row, "cpuLoad", 0, &load, NULL) == 0 && js_i64(row, "cpus", 0, &cpus, NULL) == 0 && cpus > 0)
		buf_addf(out, "%.2f/%lld", load, (long long)cpus);
}

/* How far its clock is off, when that is more than a message's way. */
static void
put_clock(const struct json_t *row, struct buf *out)
{
	char dur[DUR_SIZE];
	int64_t skew = 0;

	if (js_i64(row, "skewMs", 0, &skew, NULL) != 0 || (skew < 5000 && skew > -5000))
		return;
	buf_addf(out, "%s%s", skew > 0 ? "+" : "", dur_print(dur, skew / 1000 * 1000));
}

static const struct out_column columns[] = {
	{ "address", "address", OUT_TEXT, OUT_LIST, NULL },
	{ "app", "app", OUT_TEXT, OUT_LIST, NULL },
	{ NULL, "state", OUT_STATUS, OUT_LIST, put_state },
	{ "alive", NULL, OUT_BOOL, 0, NULL },
	{ "overload", NULL, OUT_BOOL, 0, NULL },
	{ "tag", "tags", OUT_TEXT, OUT_LIST, NULL },
	{ NULL, "slots", OUT_TEXT, OUT_LIST, put_slots },
	{ "slots", NULL, OUT_NUMBER, 0, NULL },
	{ "used", NULL, OUT_NUMBER, 0, NULL },
	{ "assigned", NULL, OUT_NUMBER, 0, NULL },
	{ NULL, "load", OUT_TEXT, OUT_LIST, put_load },
	{ "score", NULL, OUT_NUMBER, 0, NULL },
	{ "cpuLoad", NULL, OUT_NUMBER, 0, NULL },
	{ "cpus", NULL, OUT_NUMBER, 0, NULL },
	{ NULL, "memory", OUT_TEXT, OUT_LIST, put_memory },
	{ "memUsedGb", NULL, OUT_NUMBER, 0, NULL },
	{ "memMaxGb", NULL, OUT_NUMBER, 0, NULL },
	{ NULL, "disk", OUT_TEXT, OUT_LIST, put_disk },
	{ "diskUsedGb", NULL, OUT_NUMBER, 0, NULL },
	{ "diskTotalGb", NULL, OUT_NUMBER, 0, NULL },
	{ "seenMs", "seen", OUT_TIME, OUT_LIST, NULL },
	{ NULL, "clock", OUT_TEXT, OUT_LIST, put_clock },
	{ "skewMs", NULL, OUT_NUMBER, 0, NULL },
	{ "pj", NULL, OUT_BOOL, 0, NULL },
	{ "client", "client", OUT_TEXT, OUT_LIST, NULL },
	{ "version", "version", OUT_TEXT, OUT_LIST, NULL },
	{ NULL, NULL, OUT_TEXT, 0, NULL },
};

static int
do_ls(const struct verb *v, struct ctl *c, struct opt_args *args)
{
	struct buf query = BUF_INIT;
	struct json_t *doc;
	struct err e = ERR_INIT;
	struct out o;
	int rc = verb_parse(v, c, args, NULL, NULL);

	if (rc != OPT_GO)
		return rc;
	if (c->server == NULL) /* of every app, unless one was named */
		call_param(&query, "app", c->app);
	rc = call_get(c, "worker/ls", &query, &doc, &e);
	buf_fini(&query);
	if (rc != 0)
		return ctl_fail(&e);
	out_init(&o, c, "workers", columns);
	rc = out_all(&o, doc);
	js_free(doc);
	return rc;
}

static const struct verb verbs[] = {
	{ "ls", "", "list the workers that the server knows", NULL, "Of all apps, unless -a names one.\n", 0, 0, false,
	    do_ls },
	{ NULL, NULL, NULL, NULL, NULL, 0, 0, false, NULL },
};

const struct noun cmd_worker = { "worker", "the hosts that run jobs", verbs };

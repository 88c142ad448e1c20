#include "job/worker_int.h"

#include <stdlib.h>
#include <string.h>

#define EXPIRE_TIMEOUTS 10
#define EXPIRE_EVERY_MS 1000 /* many at once, not one by one */
#define WORKERS_MAX 20000
#define EXTRA_MAX 4096
#define LINE 64     /* of the processor's cache */

struct workers *
workers_new(int64_t timeout_ms)
{
	struct workers *w = calloc(1, sizeof *w);

	if (w != NULL)
		w->timeout_ms = timeout_ms;
	return w;
}

static void
worker_free(struct worker *x)
{
	if (x == NULL)
		return;
	free(x->address);
	free(x->version);
	free(x->protocol);
	free(x->tag);
	free(x->client);
	free((char *)(uintptr_t)x->metrics.extra);
	free(x);
}

void
workers_set_timeout(struct workers *w, int64_t timeout_ms)
{
	w->timeout_ms = timeout_ms;
	w->expire_at_ms = INT64_MIN;
}

void
workers_free(struct workers *w)
{
	if (w == NULL)
		return;
	for (int i = 0; i < w->n; i++)
		worker_free(w->w[i]);
	free(w->w);
	free(w->found);
	free(w);
}

int
workers_place(const struct workers *w, int64_t app_id, const char *address)
{
	int lo = 0, hi = w->n;

	while (lo < hi) {
		int mid = lo + (hi - lo) / 2;
		const struct worker *x = w->w[mid];

		if (x->app_id < app_id || (x->app_id == app_id && strcmp(x->address, address) < 0))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct worker *
workers_find(struct workers *w, int64_t app_id, const char *address)
{
	int i = workers_place(w, app_id, address);

	return i < w->n && w->w[i]->app_id == app_id && strcmp(w->w[i]->address, address) == 0 ? w->w[i] : NULL;
}

bool
workers_is_elsewhere(const struct workers *w, int64_t app_id, const char *address)
{
	for (int i = 0; i < w->n; i++)
		if (w->w[i]->app_id != app_id && strcmp(w->w[i]->address, address) == 0)
			return true;
	return false;
}

static int
nomem(struct err *e)
{
	return err_set(e, ERR_NOMEM, "out of memory");
}

static void
forget_silent(struct workers *w, int64_t for_ms, struct now now)
{
	int kept = 0;

	for (int i = 0; i < w->n; i++) {
		if (now.mono_ms - w->w[i]->seen_mono_ms > for_ms)
			worker_free(w->w[i]);
		else
			w->w[kept++] = w->w[i];
	}
	w->n = kept;
}

static struct worker *
add(struct workers *w, int64_t app_id, const char *address, struct now now, struct err *e)
{
	struct worker *x;
	int i;

	if (w->n >= WORKERS_MAX)
		forget_silent(w, w->timeout_ms, now);
	if (w->n >= WORKERS_MAX) {
		err_set(e, ERR_BUSY, "%d workers are alive already; more are not taken", w->n);
		return NULL;
	}
	i = workers_place(w, app_id, address);
	if (w->n == w->cap) {
		int cap = w->cap == 0 ? 16 : w->cap * 2;
		struct worker **more = reallocarray(w->w, (size_t)cap, sizeof *more);

		if (more == NULL) {
			nomem(e);
			return NULL;
		}
		w->w = more;
		w->cap = cap;
	}
	x = aligned_alloc(LINE, (sizeof *x + LINE - 1) / LINE * LINE);
	if (x != NULL)
		memset(x, 0, sizeof *x);
	if (x == NULL || (x->address = strdup(address)) == NULL) {
		free(x);
		nomem(e);
		return NULL;
	}
	x->app_id = app_id;
	memmove(w->w + i + 1, w->w + i, (size_t)(w->n - i) * sizeof *w->w);
	w->w[i] = x;
	w->n++;
	if (w->expire_at_ms == INT64_MAX)
		w->expire_at_ms = INT64_MIN;
	return x;
}

/* Allocates only when the text changed. */
static int
set_text(char **at, const char *text)
{
	char *copy;

	if (text == NULL) {
		free(*at);
		*at = NULL;
		return 0;
	}
	if (*at != NULL && strcmp(*at, text) == 0)
		return 0;
	copy = strdup(text);
	if (copy == NULL)
		return -1;
	free(*at);
	*at = copy;
	return 0;
}

/* behaviour.md 1.8 */
static int64_t
score(const struct worker_metrics *m)
{
	double cores = (double)m->cpu_processors;
	double cpu = cores - m->cpu_load > cores ? 1 : cores - m->cpu_load;

	return m->score > 0 ? m->score : (int64_t)(2 * (m->mem_max_gb - m->mem_used_gb) + cpu);
}

static int
check_texts(const struct heartbeat *hb, struct err *e)
{
	const struct {
		const char *member, *text;
		size_t most;
	} t[] = {
		{ "workerAddress", hb->address, WORKER_TEXT_MAX }, { "version", hb->version, WORKER_TEXT_MAX },
		{ "protocol", hb->protocol, WORKER_TEXT_MAX }, { "tag", hb->tag, WORKER_TEXT_MAX },
		{ "client", hb->client, WORKER_TEXT_MAX },
		{ "systemMetrics.extra", hb->metrics.extra, EXTRA_MAX },
	};

	if (hb->address == NULL || hb->address[0] == '\0')
		return err_set(e, ERR_DATA, "workerAddress is missing");
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
		if (t[i].text != NULL && strlen(t[i].text) > t[i].most)
			return err_set(e, ERR_TOOBIG, "%s: longer than %zu bytes", t[i].member, t[i].most);
	return 0;
}

/* Was a later heartbeat faster? One that seems older than any that can still be under way is of a clock set back. */
static bool
overtaken(const struct workers *w, const struct worker *x, const struct heartbeat *hb)
{
	return hb->at_ms != 0 && hb->at_ms < x->beat_ms && x->beat_ms - hb->at_ms <= w->timeout_ms;
}

int
workers_beat(struct workers *w, const struct heartbeat *hb, struct now now, struct err *e)
{
	struct worker *x;
	char *extra;

	if (check_texts(hb, e) != 0)
		return -1;
	x = workers_find(w, hb->app_id, hb->address);
	if (x == NULL && (x = add(w, hb->app_id, hb->address, now, e)) == NULL)
		return -1;
	if (overtaken(w, x, hb))
		return 0;
	extra = (char *)(uintptr_t)x->metrics.extra;
	if (set_text(&x->version, hb->version) < 0 || set_text(&x->protocol, hb->protocol) < 0 ||
	    set_text(&x->tag, hb->tag) < 0 || set_text(&x->client, hb->client) < 0 || set_text(&extra, hb->metrics.extra) < 0)
		return nomem(e);
	x->metrics = hb->metrics;
	x->metrics.extra = extra;
	x->score = score(&x->metrics);
	x->is_pj = hb->is_pj;
	x->overload = hb->overload;
	x->light = hb->light;
	x->heavy = hb->heavy;
	x->slots = hb->slots;
	x->used = hb->used;
	x->seen_at_ms = now.at_ms;
	x->beat_ms = hb->at_ms;
	x->seen_mono_ms = now.mono_ms;
	x->clock_skew_ms = hb->at_ms == 0 ? 0 : hb->at_ms - now.at_ms;
	return 0;
}

bool
workers_alive(const struct workers *w, const struct worker *x, struct now now)
{
	return now.mono_ms - x->seen_mono_ms <= w->timeout_ms;
}

void
workers_shift(struct workers *w, int64_t stall_ms)
{
	for (int i = 0; i < w->n; i++)
		w->w[i]->seen_mono_ms += stall_ms;
	w->expire_at_ms = INT64_MIN;
}

int64_t
workers_expire(struct workers *w, struct now now)
{
	int64_t oldest = INT64_MAX, keep_ms = EXPIRE_TIMEOUTS * w->timeout_ms;

	if (now.mono_ms < w->expire_at_ms) /* this is asked in every turn */
		return w->expire_at_ms;
	forget_silent(w, keep_ms, now);
	for (int i = 0; i < w->n; i++)
		if (w->w[i]->seen_mono_ms < oldest)
			oldest = w->w[i]->seen_mono_ms;
	w->expire_at_ms = oldest == INT64_MAX ? INT64_MAX : oldest + keep_ms + EXPIRE_EVERY_MS;
	return w->expire_at_ms;
}

void
workers_each(struct workers *w, int64_t app_id, bool (*fn)(struct worker *x, void *arg), void *arg)
{
	for (int i = app_id == 0 ? 0 : workers_place(w, app_id, ""); i < w->n; i++)
		if ((app_id != 0 && w->w[i]->app_id != app_id) || !fn(w->w[i], arg))
			return;
}

int64_t
workers_count_alive(struct workers *w, struct now now)
{
	int64_t n = 0;

	for (int i = 0; i < w->n; i++)
		n += workers_alive(w, w->w[i], now);
	return n;
}

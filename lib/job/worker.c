#include "job/worker.h"

#include <stdlib.h>
#include <string.h>

#include "time/sched.h"

#define EXPIRE_TIMEOUTS 10
#define WORKERS_MAX 20000

struct workers {
	int64_t timeout_ms;
	struct worker **w; /* sorted by app and address */
	int n, cap;
};

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
}

void
workers_free(struct workers *w)
{
	if (w == NULL)
		return;
	for (int i = 0; i < w->n; i++)
		worker_free(w->w[i]);
	free(w->w);
	free(w);
}

/* The first place whose worker is not before (app, address). */
static int
place(const struct workers *w, int64_t app_id, const char *address)
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
	int i = place(w, app_id, address);

	return i < w->n && w->w[i]->app_id == app_id && strcmp(w->w[i]->address, address) == 0 ? w->w[i] : NULL;
}

static int
nomem(struct err *e)
{
	return err_set(e, ERR_NOMEM, "out of memory");
}

static struct worker *
add(struct workers *w, int64_t app_id, const char *address, struct err *e)
{
	int i = place(w, app_id, address);
	struct worker *x;

	if (w->n >= WORKERS_MAX) {
		err_set(e, ERR_BUSY, "%d workers are known already; silent ones are forgotten after a while", w->n);
		return NULL;
	}
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
	x = calloc(1, sizeof *x);
	if (x == NULL || (x->address = strdup(address)) == NULL) {
		free(x);
		nomem(e);
		return NULL;
	}
	x->app_id = app_id;
	memmove(w->w + i + 1, w->w + i, (size_t)(w->n - i) * sizeof *w->w);
	w->w[i] = x;
	w->n++;
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

int
workers_beat(struct workers *w, const struct heartbeat *hb, struct now now, struct err *e)
{
	struct worker *x;
	char *extra;

	if (hb->address == NULL || hb->address[0] == '\0')
		return err_set(e, ERR_DATA, "workerAddress is missing");
	x = workers_find(w, hb->app_id, hb->address);
	if (x == NULL && (x = add(w, hb->app_id, hb->address, e)) == NULL)
		return -1;
	extra = (char *)(uintptr_t)x->metrics.extra;
	if (set_text(&x->version, hb->version) < 0 || set_text(&x->protocol, hb->protocol) < 0 ||
	    set_text(&x->tag, hb->tag) < 0 || set_text(&x->client, hb->client) < 0 || set_text(&extra, hb->metrics.extra) < 0)
		return nomem(e);
	x->metrics = hb->metrics;
	x->metrics.extra = extra;
	x->is_pj = hb->is_pj;
	x->overload = hb->overload;
	x->light = hb->light;
	x->heavy = hb->heavy;
	x->slots = hb->slots;
	x->used = hb->used;
	x->seen_at_ms = now.at_ms;
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
}

void
workers_expire(struct workers *w, struct now now)
{
	int kept = 0;

	for (int i = 0; i < w->n; i++) {
		if (now.mono_ms - w->w[i]->seen_mono_ms > EXPIRE_TIMEOUTS * w->timeout_ms)
			worker_free(w->w[i]);
		else
			w->w[kept++] = w->w[i];
	}
	w->n = kept;
}

void
workers_each(struct workers *w, int64_t app_id, bool (*fn)(struct worker *x, void *arg), void *arg)
{
	for (int i = app_id == 0 ? 0 : place(w, app_id, ""); i < w->n; i++)
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

/* --- filters (behaviour.md 1.7) ---------------------------------------------------------------------------------- */

/* Is `text` one of the elements of a comma list? Blanks around elements do not count. */
static bool
in_list(const char *list, const char *text)
{
	size_t len = text == NULL ? 0 : strlen(text);

	if (len == 0)
		return false;
	for (const char *p = list; *p != '\0';) {
		size_t n = strcspn(p, ",");
		size_t from = strspn(p, " \t\r\n");
		size_t to = n;

		while (to > from && strchr(" \t\r\n", p[to - 1]) != NULL)
			to--;
		if (from < to && to - from == len && memcmp(p + from, text, len) == 0)
			return true;
		p += n + (p[n] == ',');
	}
	return false;
}

static bool
is_blank(const char *text)
{
	return text == NULL || text[strspn(text, " ,\t\r\n")] == '\0';
}

static bool
listed(const char *list, const struct worker *x)
{
	return in_list(list, x->tag) || in_list(list, x->address);
}

static bool
has_resources(const struct job_spec *spec, const struct worker_metrics *m)
{
	if (m->mem_max_gb - m->mem_used_gb < spec->min_memory_gb || m->disk_total_gb - m->disk_used_gb < spec->min_disk_gb)
		return false;
	if (m->cpu_load <= 0 || spec->min_cpu_cores <= 0)
		return true;
	return spec->min_cpu_cores < (double)m->cpu_processors - m->cpu_load;
}

bool
workers_has_room(const struct worker *x, struct now now)
{
	int64_t used = x->used > x->assigned ? x->used : x->assigned;

	return !x->overload && now.mono_ms >= x->avoid_until_mono_ms && (x->slots <= 0 || used < x->slots);
}

/* --- score and choice (1.8) -------------------------------------------------------------------------------------- */

static int64_t
score(const struct worker_metrics *m)
{
	double cores = (double)m->cpu_processors;
	double cpu = cores - m->cpu_load > cores ? 1 : cores - m->cpu_load;

	return m->score > 0 ? m->score : (int64_t)(2 * (m->mem_max_gb - m->mem_used_gb) + cpu);
}

struct candidate {
	struct worker *x;
	int64_t score;
	bool room;
};

/* Best first: room, score, few assigned, address. */
static int
better(const void *a, const void *b)
{
	const struct candidate *p = a, *q = b;

	if (p->room != q->room)
		return p->room ? -1 : 1;
	if (p->score != q->score)
		return p->score > q->score ? -1 : 1;
	if (p->x->assigned != q->x->assigned)
		return p->x->assigned < q->x->assigned ? -1 : 1;
	return strcmp(p->x->address, q->x->address);
}

static bool
matches(const char *config, const struct worker *x)
{
	if (strncmp(config, "tagEquals:", 10) == 0)
		return x->tag != NULL && strcmp(x->tag, config + 10) == 0;
	if (strncmp(config, "tagIn:", 6) == 0)
		return x->tag != NULL && config[6] != '\0' && strstr(x->tag, config + 6) != NULL;
	return listed(config, x);
}

/* The first n have room. */
static struct worker *
pick(const struct candidate *c, int n, const struct job_spec *spec, uint64_t random)
{
	int match = 0;

	if (spec->dispatch_strategy == DISPATCH_HEALTH_FIRST || spec->dispatch_strategy == 0)
		return c[0].x;
	if (spec->dispatch_strategy == DISPATCH_SPECIFY && spec->dispatch_config != NULL)
		for (int i = 0; i < n; i++)
			match += matches(spec->dispatch_config, c[i].x);
	if (match == 0) /* RANDOM, or nobody is as specified: any, as PowerJob does */
		return c[random % (uint64_t)n].x;
	match = (int)(random % (uint64_t)match);
	for (int i = 0; i < n; i++)
		if (matches(spec->dispatch_config, c[i].x) && match-- == 0)
			return c[i].x;
	return c[0].x;
}

bool
workers_needs_java(const struct job_spec *spec)
{
	return (spec->execute_type != EXECUTE_STANDALONE && spec->execute_type != 0) ||
	    spec->time_type == TIME_FIXED_RATE || spec->time_type == TIME_FIXED_DELAY;
}

static int
suitable(struct workers *w, int64_t app_id, const struct job_spec *spec, struct now now, struct candidate *c)
{
	bool java = workers_needs_java(spec);
	int n = 0;

	for (int i = place(w, app_id, ""); i < w->n && w->w[i]->app_id == app_id; i++) {
		struct worker *x = w->w[i];

		if ((java && x->is_pj) || !workers_alive(w, x, now) || !has_resources(spec, &x->metrics) ||
		    (!is_blank(spec->designated_workers) && !listed(spec->designated_workers, x)))
			continue;
		c[n++] = (struct candidate){ .x = x, .score = score(&x->metrics), .room = workers_has_room(x, now) };
	}
	if (n > 1)
		qsort(c, (size_t)n, sizeof *c, better);
	if (spec->max_worker_count > 0 && n > spec->max_worker_count)
		n = (int)spec->max_worker_count;
	return n;
}

enum choice
workers_choose_any(struct workers *w, int64_t app_id, struct now now)
{
	enum choice c = CHOICE_NONE;

	for (int i = place(w, app_id, ""); i < w->n && w->w[i]->app_id == app_id; i++) {
		if (!workers_alive(w, w->w[i], now))
			continue;
		if (workers_has_room(w->w[i], now))
			return CHOICE_OK;
		c = CHOICE_BUSY;
	}
	return c;
}

enum choice
workers_choose(struct workers *w, int64_t app_id, const struct job_spec *spec, struct now now, uint64_t random,
    struct worker **chosen, struct worker ***all, int *n_all)
{
	struct candidate few[32], *c = few;
	int n, room = 0;
	enum choice r = CHOICE_BUSY;

	*chosen = NULL;
	if (all != NULL) {
		*all = NULL;
		*n_all = 0;
	}
	if (w->n > (int)(sizeof few / sizeof few[0]) && (c = calloc((size_t)w->n, sizeof *c)) == NULL)
		return CHOICE_BUSY; /* out of memory: a moment later */
	n = suitable(w, app_id, spec, now, c);
	if (all != NULL && n > 0 && (*all = calloc((size_t)n, sizeof **all)) != NULL) {
		for (int i = 0; i < n; i++)
			(*all)[i] = c[i].x;
		*n_all = n;
	}
	while (room < n && c[room].room)
		room++;
	if (room > 0) {
		*chosen = pick(c, room, spec, random);
		r = CHOICE_OK;
	} else if (n == 0) {
		r = CHOICE_NONE;
	}
	if (c != few)
		free(c);
	return r;
}

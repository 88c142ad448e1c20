/* The choice of a worker for a job. */
#include "job/worker_int.h"

#include <stdlib.h>
#include <string.h>

#include "time/sched.h"

#define AHEAD 12    /* workers: fetched before they are looked at */

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

enum worker_lack
workers_lacks(const struct job_spec *spec, const struct worker_metrics *m)
{
	if (m->mem_max_gb - m->mem_used_gb < spec->min_memory_gb)
		return LACKS_MEMORY;
	if (m->disk_total_gb - m->disk_used_gb < spec->min_disk_gb)
		return LACKS_DISK;
	if (m->cpu_load <= 0 || spec->min_cpu_cores <= 0)
		return LACKS_NOTHING;
	return spec->min_cpu_cores < (double)m->cpu_processors - m->cpu_load ? LACKS_NOTHING : LACKS_CPU;
}

bool
workers_has_room(const struct worker *x, struct now now)
{
	int64_t used = x->used > x->assigned ? x->used : x->assigned;

	return !x->overload && now.mono_ms >= x->avoid_until_mono_ms && x->unanswered < WORKER_UNANSWERED_MAX &&
	    (x->slots <= 0 || used < x->slots);
}

/* --- score and choice (1.8) -------------------------------------------------------------------------------------- */

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

static struct worker *
best(const struct candidate *c, int n)
{
	int b = 0;

	for (int i = 1; i < n; i++)
		if (better(&c[i], &c[b]) < 0)
			b = i;
	return c[b].x;
}

/* Of these n, which have room. */
static struct worker *
pick(const struct candidate *c, int n, const struct job_spec *spec, uint64_t random)
{
	int match = 0;

	if (spec->dispatch_strategy == DISPATCH_HEALTH_FIRST || spec->dispatch_strategy == 0)
		return best(c, n);
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
workers_runs_command(const struct job_spec *spec)
{
	return spec->processor_type == PROCESSOR_BUILT_IN && spec->processor_info != NULL &&
	    (strcmp(spec->processor_info, "exec") == 0 || strcmp(spec->processor_info, "shell") == 0);
}

bool
workers_repeats(const struct job_spec *spec)
{
	return (spec->time_type == TIME_FIXED_RATE || spec->time_type == TIME_FIXED_DELAY) && !workers_runs_command(spec);
}

bool
workers_needs_java(const struct job_spec *spec)
{
	if (spec->execute_type != EXECUTE_STANDALONE && spec->execute_type != 0)
		return true;
	return workers_repeats(spec);
}

void
workers_look_up(struct workers *w, int64_t app_id, const char *list, struct worker_named *out)
{
	*out = (struct worker_named){ .list = is_blank(list) ? NULL : list };
	for (const char *p = out->list; p != NULL && *p != '\0';) {
		size_t n = strcspn(p, ","), from = strspn(p, " \t\r\n"), to = n;
		char address[WORKER_TEXT_MAX + 1];
		struct worker *x;

		while (to > from && strchr(" \t\r\n", p[to - 1]) != NULL)
			to--;
		if (from < to && to - from <= WORKER_TEXT_MAX) {
			memcpy(address, p + from, to - from);
			address[to - from] = '\0';
			x = workers_find(w, app_id, address);
			if (x != NULL && out->n < WORKER_NAMED_MAX)
				out->x[out->n++] = x;
			else if (x != NULL)
				out->more = true;
		}
		p += n + (p[n] == ',');
	}
}

bool
workers_is_named(const struct worker_named *d, const struct worker *x)
{
	if (d->list == NULL)
		return true;
	for (int i = 0; i < d->n; i++)
		if (d->x[i] == x)
			return true;
	return (x->tag != NULL && in_list(d->list, x->tag)) || (d->more && in_list(d->list, x->address));
}

/* Those that the job's filters let through, in no order. */
static int
suitable(struct workers *w, int64_t app_id, const struct job_spec *spec, struct now now)
{
	bool java = workers_needs_java(spec);
	bool wants = spec->min_cpu_cores > 0 || spec->min_memory_gb > 0 || spec->min_disk_gb > 0;
	struct candidate *c = w->found;
	struct worker_named named;
	int n = 0, end = workers_place(w, app_id + 1, "");

	workers_look_up(w, app_id, spec->designated_workers, &named);
	for (int i = workers_place(w, app_id, ""); i < end; i++) {
		struct worker *x = w->w[i];

		__builtin_prefetch(w->w[i + AHEAD < end ? i + AHEAD : i]);
		if ((java && x->is_pj) || !workers_alive(w, x, now) || !workers_is_named(&named, x) ||
		    (wants && workers_lacks(spec, &x->metrics) != LACKS_NOTHING))
			continue;
		c[n++] = (struct candidate){ .x = x, .score = x->score, .room = workers_has_room(x, now) };
	}
	return n;
}

/* The best k of n to the front, in order. */
static void
order(struct candidate *c, int n, int k)
{
	int kept = 0;

	if (k > n / 16) {
		qsort(c, (size_t)n, sizeof *c, better);
		return;
	}
	for (int i = 0; i < n; i++) {
		struct candidate x = c[i];
		int at;

		if (kept == k && better(&x, &c[k - 1]) >= 0)
			continue;
		if (kept < k) /* the first k are taken out of the places that they fill */
			kept++;
		else
			c[i] = c[k - 1];
		for (at = kept - 1; at > 0 && better(&x, &c[at - 1]) < 0; at--)
			c[at] = c[at - 1];
		c[at] = x;
	}
}

/* Those with room to the front; returns how many they are. */
static int
with_room(struct candidate *c, int n)
{
	int room = 0;

	for (int i = 0; i < n; i++)
		if (c[i].room) {
			struct candidate t = c[room];

			c[room++] = c[i];
			c[i] = t;
		}
	return room;
}

enum choice
workers_choose_any(struct workers *w, int64_t app_id, struct now now)
{
	enum choice c = CHOICE_NONE;

	for (int i = workers_place(w, app_id, ""); i < w->n && w->w[i]->app_id == app_id; i++) {
		if (!workers_alive(w, w->w[i], now))
			continue;
		if (workers_has_room(w->w[i], now))
			return CHOICE_OK;
		c = CHOICE_BUSY;
	}
	return c;
}

static int
make_room(struct workers *w)
{
	struct candidate *more;

	if (w->cap_found >= w->n)
		return 0;
	more = reallocarray(w->found, (size_t)w->cap, sizeof *more);
	if (more == NULL)
		return -1;
	w->found = more;
	w->cap_found = w->cap;
	return 0;
}

static void
list_all(const struct workers *w, int n, struct worker ***all, int *n_all)
{
	if (n > 0 && (*all = calloc((size_t)n, sizeof **all)) != NULL) {
		for (int i = 0; i < n; i++)
			(*all)[i] = w->found[i].x;
		*n_all = n;
	}
}

enum choice
workers_choose(struct workers *w, int64_t app_id, const struct job_spec *spec, struct now now, uint64_t random,
    struct worker **chosen, struct worker ***all, int *n_all)
{
	int n, most, room;

	*chosen = NULL;
	if (all != NULL) {
		*all = NULL;
		*n_all = 0;
	}
	if (make_room(w) != 0)
		return CHOICE_BUSY; /* out of memory: a moment later */
	n = suitable(w, app_id, spec, now);
	/* An order costs: of ten thousand only when who asks sees it, or when the best few count alone. */
	most = spec->max_worker_count > 0 && n > spec->max_worker_count ? (int)spec->max_worker_count : n;
	if (n > 1 && (all != NULL || most < n))
		order(w->found, n, most);
	n = most;
	room = with_room(w->found, n);
	if (all != NULL)
		list_all(w, n, all, n_all);
	if (room > 0)
		*chosen = pick(w->found, room, spec, random);
	return room > 0 ? CHOICE_OK : n == 0 ? CHOICE_NONE : CHOICE_BUSY;
}

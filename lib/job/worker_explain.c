/* Why no worker is chosen for a job, for people: each worker of the app counts where it fell through first. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "job/worker_int.h"

struct tally {
	int64_t alive, silent;
	int64_t not_java, not_named, memory, disk, cpu; /* what it lacks */
	double most_memory, most_disk, most_cpu;        /* of those that lack it */
	int64_t overloaded, avoided, mute, full, free;  /* of those that would do */
};

static void
lacks(int64_t *n, double *most, double has)
{
	if (++*n == 1 || has > *most)
		*most = has;
}

static void
count(struct tally *t, const struct worker *x, const struct job_spec *spec, const struct worker_named *named, struct now now)
{
	const struct worker_metrics *m = &x->metrics;

	t->alive++;
	if (x->is_pj && workers_needs_java(spec)) {
		t->not_java++;
		return;
	}
	if (!workers_is_named(named, x)) {
		t->not_named++;
		return;
	}
	switch (workers_lacks(spec, m)) {
	case LACKS_MEMORY:
		lacks(&t->memory, &t->most_memory, m->mem_max_gb - m->mem_used_gb);
		return;
	case LACKS_DISK:
		lacks(&t->disk, &t->most_disk, m->disk_total_gb - m->disk_used_gb);
		return;
	case LACKS_CPU:
		lacks(&t->cpu, &t->most_cpu, (double)m->cpu_processors - m->cpu_load);
		return;
	case LACKS_NOTHING:
		break;
	}
	if (workers_has_room(x, now))
		t->free++;
	else if (x->overload)
		t->overloaded++;
	else if (now.mono_ms < x->avoid_until_mono_ms)
		t->avoided++;
	else if (x->unanswered >= WORKER_UNANSWERED_MAX)
		t->mute++;
	else
		t->full++;
}

static void
put(struct buf *out, int64_t n, const char *what)
{
	if (n > 0)
		buf_addf(out, "%s%lld %s", out->len > 0 && buf_str(out)[out->len - 1] == ':' ? " " : "; ", (long long)n, what);
}

static void
put_lack(struct buf *out, int64_t n, const char *what, double least, double most)
{
	char text[128];

	snprintf(text, sizeof text, "with less than %g %s free (%s %.1f)", least, what, n > 1 ? "at most" : "has", most);
	put(out, n, text);
}

static void
put_all(struct buf *out, const struct tally *t, const struct job_spec *spec)
{
	char text[160];

	buf_addf(out, "of %lld worker%s:", (long long)t->alive, t->alive == 1 ? "" : "s");
	put(out, t->not_java, "of pj's kind, and broadcasts, maps and second-level jobs need a Java one");
	snprintf(text, sizeof text, "not among the designated '%.100s'", spec->designated_workers);
	put(out, t->not_named, text);
	put_lack(out, t->memory, "GB of memory", spec->min_memory_gb, t->most_memory);
	put_lack(out, t->disk, "GB of disk", spec->min_disk_gb, t->most_disk);
	put_lack(out, t->cpu, "processor cores", spec->min_cpu_cores, t->most_cpu);
	put(out, t->overloaded, "overloaded");
	put(out, t->full, "with all slots taken");
	put(out, t->avoided, "that refused just now, asked again in some seconds");
	put(out, t->mute, "with too many messages that wait for an answer");
	put(out, t->free, "free");
}

void
workers_explain(struct workers *w, int64_t app_id, const struct job_spec *spec, struct now now, struct buf *out)
{
	struct worker_named named;
	struct tally t = { .alive = 0 };
	struct buf text = BUF_INIT;

	workers_look_up(w, app_id, spec->designated_workers, &named);
	for (int i = workers_place(w, app_id, ""); i < w->n && w->w[i]->app_id == app_id; i++) {
		if (workers_alive(w, w->w[i], now))
			count(&t, w->w[i], spec, &named, now);
		else
			t.silent++;
	}
	if (t.alive > 0)
		put_all(&text, &t, spec);
	else if (t.silent > 0)
		buf_addf(&text, "none of the app's %lld worker%s was heard of for %llds", (long long)t.silent, t.silent == 1 ? "" : "s",
		    (long long)(w->timeout_ms / 1000));
	else
		buf_adds(&text, "the app has no worker");
	buf_adds(out, buf_str(&text));
	buf_fini(&text);
}

/* From local times to instants. A zone is a row of spans of constant offset; inside one the clock just runs, so the
 * arithmetic of cron.c holds there. What is special is a firing's span having lost a piece of the local day at its
 * beginning (gap) or reading the same times as its neighbour (fold), and the policies say what happens then. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "time/schedule.h"
#include "time/stamp.h"

static int64_t
min64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
max64(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* --- parsing ----------------------------------------------------------------- */

struct building {
	struct cron rule[SCHED_ALTERNATIVES];
	struct sched_once once[SCHED_ALTERNATIVES];
	size_t nrule, nonce;
};

static int
parse_once(struct sched *s, struct cron_text t, struct building *b, struct err *e)
{
	char text[64];
	int64_t both[2];
	struct err why = ERR_INIT;
	struct tz_civil local;
	int n, column;

	for (t.p += 3; t.p < t.end && (*t.p == ' ' || *t.p == '\t');)
		t.p++;
	while (t.end > t.p && (t.end[-1] == ' ' || t.end[-1] == '\t' || t.end[-1] == '\n'))
		t.end--;
	if (t.end - t.p >= (ptrdiff_t)sizeof text || b->nonce == SCHED_ALTERNATIVES)
		return cronfield_error(e, t, "too long; write @at TIME");
	memcpy(text, t.p, (size_t)(t.end - t.p));
	text[t.end - t.p] = '\0';
	if ((n = stamp_parse_part(text, s->tz, both, &column, &why)) < 0) {
		t.p += column > 0 ? column - 1 : 0;
		return cronfield_error(e, t, "%s", why.msg);
	}
	if (both[0] % 1000 != 0)
		return cronfield_error(e, t, "@at takes whole seconds");
	tz_to_civil(s->tz, both[0] / 1000, &local, NULL);
	if (local.year < CRON_YEAR_MIN || local.year > CRON_YEAR_MAX)
		return cronfield_error(e, t, "out of range, @at takes the years %d to %d", CRON_YEAR_MIN, CRON_YEAR_MAX);
	b->once[b->nonce].n = n;
	b->once[b->nonce].at[0] = both[0] / 1000;
	b->once[b->nonce].at[1] = n == 2 ? both[1] / 1000 : both[0] / 1000;
	b->nonce++;
	return 0;
}

static int
parse_one(struct sched *s, struct cron_text t, uint32_t seed, struct building *b, struct err *e)
{
	while (t.p < t.end && (*t.p == ' ' || *t.p == '\t' || *t.p == '\n' || *t.p == '\r'))
		t.p++;
	if (t.end - t.p > 3 && strncasecmp(t.p, "@at", 3) == 0 && (t.p[3] == ' ' || t.p[3] == '\t'))
		return parse_once(s, t, b, e);
	return cronparse(t, seed, b->rule, &b->nrule, SCHED_ALTERNATIVES, e);
}

static int
keep(struct sched *s, const struct building *b, struct err *e)
{
	s->rule = calloc(b->nrule + 1, sizeof *s->rule);
	s->once = calloc(b->nonce + 1, sizeof *s->once);
	if (s->rule == NULL || s->once == NULL)
		return err_set(e, ERR_NOMEM, "out of memory");
	memcpy(s->rule, b->rule, b->nrule * sizeof *s->rule);
	memcpy(s->once, b->once, b->nonce * sizeof *s->once);
	s->nrule = b->nrule;
	s->nonce = b->nonce;
	s->all_repeat = true;
	for (size_t i = 0; i < s->nrule; i++)
		s->all_repeat = s->all_repeat && s->rule[i].repeats;
	return 0;
}

int
schedcron_parse(struct sched *s, const char *expr, uint32_t seed, struct err *e)
{
	struct cron_text t = { expr, expr, NULL };
	struct building b = { .nrule = 0 };

	for (;; t.p = t.end + 2) {
		t.end = strstr(t.p, "||");
		if (t.end == NULL)
			t.end = t.p + strlen(t.p);
		if (parse_one(s, t, seed, &b, e) != 0)
			return -1;
		if (*t.end == '\0')
			return keep(s, &b, e);
	}
}

/* --- the next one ------------------------------------------------------------- */

/* Local times in [from, to] that the gap in front of the span swallows. */
static int64_t
in_gap(const struct sched *s, const struct cron *c, const struct tz_span *span, int64_t from, int64_t to)
{
	int64_t skipped = span->utoff - span->before, last = span->begin + skipped - 1, at;

	switch (s->gap) {
	case GAP_SKIP:
		break;
	case GAP_RUN_AFTER:
		if (from > span->begin || to < span->begin)
			break;
		at = cron_next(c, span->begin + span->before, last + span->before, &sched_step_count);
		return at != CRON_NEVER ? span->begin : SCHED_NEVER;
	case GAP_SHIFT:
		at = cron_next(c, max64(from, span->begin) + span->before, min64(to, last) + span->before,
		    &sched_step_count);
		return at != CRON_NEVER ? at - span->before : SCHED_NEVER;
	}
	return SCHED_NEVER;
}

/* The first firing of one rule in [from, to], instants of this span. */
static int64_t
in_span(const struct sched *s, const struct cron *c, const struct tz_span *span, int64_t from, int64_t to)
{
	int64_t low = from, high = to, best;

	if (!c->repeats && s->fold == FOLD_FIRST && span->before > span->utoff)
		low = max64(low, span->begin + (span->before - span->utoff));
	if (!c->repeats && s->fold == FOLD_LAST && span->utoff > span->after)
		high = min64(high, span->end - 1 - (span->utoff - span->after));
	best = cron_next(c, low + span->utoff, high + span->utoff, &sched_step_count);
	if (best != CRON_NEVER)
		best -= span->utoff;
	if (!c->repeats && span->utoff > span->before)
		best = min64(best, in_gap(s, c, span, from, to));
	return best;
}

static int64_t
next_once(const struct sched *s, int64_t from, int64_t to)
{
	int64_t best = SCHED_NEVER;

	for (size_t i = 0; i < s->nonce; i++) {
		const struct sched_once *o = &s->once[i];
		int first = s->fold == FOLD_LAST ? o->n - 1 : 0, last = s->fold == FOLD_FIRST ? 0 : o->n - 1;

		for (int k = first; k <= last; k++)
			if (o->at[k] >= from && o->at[k] <= to)
				best = min64(best, o->at[k]);
	}
	return best;
}

/* No firing of any rule lies before this instant. */
static int64_t
not_before(const struct sched *s, int64_t from)
{
	const int64_t offset_max = 26 * 3600;
	int64_t best = CRON_NEVER;

	for (size_t i = 0; i < s->nrule; i++)
		best = min64(best, cron_next(&s->rule[i], from - offset_max, SCHED_SEC_MAX, &sched_step_count));
	return best != CRON_NEVER ? max64(from, best - offset_max) : SCHED_NEVER;
}

int64_t
schedcron_next(const struct sched *s, int64_t from, int64_t to)
{
	int64_t best;

	from = max64(from, SCHED_SEC_MIN);
	best = next_once(s, from, to);
	to = min64(min64(to, SCHED_SEC_MAX), best);
	while (from <= to) {
		struct tz_span span;
		int64_t last;

		sched_step_count++;
		tz_span(s->tz, from, &span);
		last = min64(to, span.end - 1);
		for (size_t i = 0; i < s->nrule; i++)
			best = min64(best, in_span(s, &s->rule[i], &span, from, last));
		if (best <= last || span.end > to)
			break;
		from = not_before(s, span.end);
	}
	return best;
}

/* --- counting ----------------------------------------------------------------- */

struct tally {
	int64_t n, max;
	int64_t first, last;
	/* The last stretch counted in one piece: its last firing is looked for when someone asks. */
	int64_t piece_from, piece_to, piece_n;
	int utoff;
};

static void
count_steps(const struct sched *s, int64_t from, int64_t to, struct tally *t)
{
	while (t->n < t->max && from <= to) {
		int64_t at = schedcron_next(s, from, to);

		if (at > to)
			return;
		t->first = t->n == 0 ? at : t->first;
		t->last = at;
		t->piece_n = 0;
		t->n++;
		from = at + 1;
	}
}

/* A stretch of one span that no gap or fold touches. */
static void
count_piece(const struct sched *s, int64_t from, int64_t to, int utoff, struct tally *t)
{
	int64_t n = cron_count(s->rule, s->nrule, from + utoff, to + utoff, &sched_step_count);

	if (n == 0)
		return;
	if (t->n == 0)
		t->first = schedcron_next(s, from, to);
	t->piece_from = from;
	t->piece_to = to;
	t->piece_n = min64(n, t->max - t->n);
	t->utoff = utoff;
	t->n += t->piece_n;
}

/* The piece_n-th firing of the last piece: bisects the end of the stretch. */
static int64_t
last_of_piece(const struct sched *s, const struct tally *t)
{
	int64_t low = t->piece_from, high = t->piece_to;

	while (low < high) {
		int64_t mid = low + (high - low) / 2;

		if (cron_count(s->rule, s->nrule, t->piece_from + t->utoff, mid + t->utoff,
		    &sched_step_count) >= t->piece_n)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

/* Where the piece of even running that holds `from` ends; *even is false in the neighbourhood of a gap or fold. */
static int64_t
piece_end(const struct sched *s, const struct tz_span *span, int64_t from, bool *even)
{
	int64_t head = span->begin, tail = span->end;

	*even = true;
	if (s->all_repeat)
		return span->end - 1;
	if (span->begin != INT64_MIN)
		head += llabs((long long)span->utoff - span->before);
	if (span->end != INT64_MAX)
		tail -= llabs((long long)span->utoff - span->after);
	if (from >= head && from < tail)
		return tail - 1;
	*even = false;
	return min64(from < head ? head : span->end, span->end) - 1;
}

int64_t
schedcron_count(const struct sched *s, int64_t from, int64_t to, int64_t max, int64_t *first, int64_t *last)
{
	struct tally t = { .max = max, .first = SCHED_NEVER, .last = SCHED_NEVER };
	int64_t end, once;

	from = max64(from, SCHED_SEC_MIN);
	for (; from <= to && t.n < max; from = end + 1) {
		struct tz_span span;
		bool even;

		sched_step_count++;
		from = schedcron_next(s, from, to);
		if (from > to)
			break;
		tz_span(s->tz, from, &span);
		end = min64(to, piece_end(s, &span, from, &even));
		once = next_once(s, from, end);
		if (once == from)
			end = from;
		else if (once <= end)
			end = once - 1;
		if (even && once != from)
			count_piece(s, from, end, span.utoff, &t);
		else
			count_steps(s, from, end, &t);
	}
	if (t.piece_n > 0)
		t.last = last_of_piece(s, &t);
	*first = t.first;
	*last = t.last;
	return t.n;
}

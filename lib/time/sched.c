#include "time/sched.h"

#include <stdlib.h>
#include <string.h>

#include "time/civil.h"
#include "time/dur.h"
#include "time/schedule.h"
#include "time/window.h"

#define INTERVAL_MAX_MS (366LL * 86400 * 1000)

_Thread_local unsigned sched_step_count;

const char *const sched_gap_names[] = { [GAP_SKIP] = "skip", [GAP_RUN_AFTER] = "run-after", [GAP_SHIFT] = "shift", NULL };
const char *const sched_fold_names[] = { [FOLD_FIRST] = "first", [FOLD_LAST] = "last", [FOLD_BOTH] = "both", NULL };

static int
code_of(const char *name, const char *const *names)
{
	if (name == NULL)
		return 0;
	for (int i = 0; names[i] != NULL; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

int
sched_gap_code(const char *name)
{
	return code_of(name, sched_gap_names);
}

int
sched_fold_code(const char *name)
{
	return code_of(name, sched_fold_names);
}

unsigned
sched_steps(void)
{
	return sched_step_count;
}

/* FNV-1a */
uint32_t
sched_seed(const char *job_name)
{
	uint32_t h = 2166136261U;

	for (; *job_name != '\0'; job_name++)
		h = (h ^ (unsigned char)*job_name) * 16777619U;
	return h;
}

/* PowerJob writes plain milliseconds and bounds them; with units a rate may be longer. */
static int
parse_interval(struct sched *s, const char *expr, const char *what, struct err *e)
{
	struct err why = ERR_INIT;
	size_t digits, len;
	char text[64];
	int64_t ms = 0;

	expr += strspn(expr, " \t");
	len = strlen(expr);
	while (len > 0 && (expr[len - 1] == ' ' || expr[len - 1] == '\t'))
		len--;
	if (len == 0 || len >= sizeof text)
		return err_set(e, ERR_DATA, "the %s must be milliseconds (1 to %d) or a duration such as 90s or 5m",
		    what,
		    SCHED_RATE_MAX_MS);
	memcpy(text, expr, len);
	text[len] = '\0';
	digits = strspn(text, "0123456789");
	if (digits == len) {
		for (size_t i = 0; i < len; i++)
			ms = ms > SCHED_RATE_MAX_MS ? ms : ms * 10 + (text[i] - '0');
		if (ms > SCHED_RATE_MAX_MS)
			return err_set(e, ERR_DATA, "the %s must not be over %d ms; write a longer one as a duration "
			    "such as 5m", what,
			    SCHED_RATE_MAX_MS);
	} else if ((ms = dur_parse_ms(text, &why)) < 0) {
		return err_set(e, why.code, "the %s: %s, or milliseconds without a unit, 1 to %d", what, why.msg,
		    SCHED_RATE_MAX_MS);
	}
	if (ms < 1 || ms > INTERVAL_MAX_MS)
		return err_set(e, ERR_DATA, "the %s must be greater than 0 ms, and 366 days at most", what);
	s->interval_ms = ms;
	return 0;
}

static int
parse(struct sched *s, const char *expr, uint32_t seed, struct err *e)
{
	if (s->type != TIME_API && s->type != TIME_WORKFLOW && strlen(expr) > SCHED_EXPR_MAX)
		return err_set(e, ERR_DATA, "the expression is longer than %d bytes", SCHED_EXPR_MAX);
	switch (s->type) {
	case TIME_API:
	case TIME_WORKFLOW:
		return 0;
	case TIME_CRON:
		return schedcron_parse(s, expr, seed, e);
	case TIME_FIXED_RATE:
		return parse_interval(s, expr, "rate", e);
	case TIME_FIXED_DELAY:
		return parse_interval(s, expr, "delay", e);
	case TIME_DAILY:
		if (daily_parse(expr, &s->daily, e) != 0)
			return -1;
		s->interval_ms = s->daily.interval_ms;
		return 0;
	}
	return err_set(e, ERR_DATA, "time expression type %d: there are 1 API, 2 CRON, 3 FIXED_RATE, 4 FIXED_DELAY, "
	    "5 WORKFLOW and 11 DAILY_TIME_INTERVAL", (int)s->type);
}

static struct sched *
sched_new(enum time_type type, const struct tz *tz, struct err *e)
{
	struct sched *s = calloc(1, sizeof *s);

	if (s == NULL) {
		err_set(e, ERR_NOMEM, "out of memory");
		return NULL;
	}
	s->type = type;
	s->tz = tz;
	s->gap = GAP_SKIP;
	s->fold = FOLD_FIRST;
	return s;
}

struct sched *
sched_parse(enum time_type type, const char *expr, const struct tz *tz, uint32_t seed, struct err *e)
{
	struct sched *s = sched_new(type, tz, e);

	if (s != NULL && parse(s, expr != NULL ? expr : "", seed, e) == 0)
		return s;
	sched_free(s);
	return NULL;
}

struct sched *
sched_from_daily(const struct daily_spec *spec, const struct tz *tz, struct err *e)
{
	struct sched *s;

	if (daily_check(spec, e) != 0 || (s = sched_new(TIME_DAILY, tz, e)) == NULL)
		return NULL;
	s->daily = *spec;
	s->interval_ms = spec->interval_ms;
	return s;
}

void
sched_free(struct sched *s)
{
	if (s == NULL)
		return;
	free(s->rule);
	free(s->once);
	free(s);
}

void
sched_set_policy(struct sched *s, enum sched_gap gap, enum sched_fold fold)
{
	s->gap = gap;
	s->fold = fold;
}

enum time_type
sched_type(const struct sched *s)
{
	return s->type;
}

bool
sched_is_spread(const struct sched *s)
{
	for (size_t i = 0; i < s->nrule; i++)
		if (s->rule[i].spread)
			return true;
	return false;
}

int64_t
sched_interval_ms(const struct sched *s)
{
	return s->interval_ms;
}

static int64_t
next_unbounded(const struct sched *s, int64_t after_ms, int64_t start_ms, int64_t end_ms)
{
	bool early = start_ms > after_ms;
	int64_t at;

	switch (s->type) {
	case TIME_API:
	case TIME_WORKFLOW:
		return SCHED_NEVER;
	case TIME_CRON:
		at = early ? civil_floor_div(start_ms - 1, 1000) : civil_floor_div(after_ms, 1000);
		at = schedcron_next(s, at + 1, civil_floor_div(end_ms, 1000));
		return at != SCHED_NEVER ? at * 1000 : SCHED_NEVER;
	case TIME_FIXED_RATE:
	case TIME_FIXED_DELAY:
		if (early)
			return start_ms;
		return after_ms < SCHED_NEVER - s->interval_ms ? after_ms + s->interval_ms : SCHED_NEVER;
	case TIME_DAILY:
		at = early ? start_ms : after_ms < WINDOW_MAX_MS ? after_ms + s->interval_ms : SCHED_NEVER;
		return window_fit(&s->daily, s->tz, at, &sched_step_count);
	}
	return SCHED_NEVER;
}

#define UPTO_MAX_MS (INT64_MAX / 4)

/* Times before 1970 and behind UPTO_MAX_MS are nobody's: keeps all sums far from overflow. */
static int64_t
from_1970(int64_t after_ms)
{
	return after_ms > SCHED_SEC_MIN * 1000 ? after_ms : SCHED_SEC_MIN * 1000;
}

int64_t
sched_next(const struct sched *s, int64_t after_ms, int64_t start_ms, int64_t end_ms)
{
	int64_t at;

	sched_step_count = 0;
	at = next_unbounded(s, from_1970(after_ms), start_ms, end_ms);
	return at <= end_ms ? at : SCHED_NEVER;
}

/* FIXED_RATE */
static int64_t
count_rate(const struct sched *s, int64_t after_ms, int64_t upto_ms, int64_t max, int64_t *first, int64_t *last)
{
	int64_t n = (upto_ms - after_ms) / s->interval_ms;

	n = n < max ? n : max;
	if (n > 0) {
		*first = after_ms + s->interval_ms;
		*last = after_ms + n * s->interval_ms;
	}
	return n;
}

static int64_t
count_daily(const struct sched *s, int64_t after_ms, int64_t upto_ms, int64_t max, int64_t *first, int64_t *last)
{
	int64_t n = 0, at = after_ms, more;

	while (n < max) {
		at = next_unbounded(s, at, 0, INT64_MAX);
		if (at > upto_ms || at == SCHED_NEVER)
			break;
		*first = n == 0 ? at : *first;
		n++;
		more = window_run(&s->daily, s->tz, at, upto_ms);
		more = more < max - n ? more : max - n;
		n += more;
		at += more * s->interval_ms;
		*last = at;
	}
	return n;
}

static int64_t
count_cron(const struct sched *s, int64_t after_ms, int64_t upto_ms, int64_t max, int64_t *first, int64_t *last)
{
	int64_t n = schedcron_count(s, civil_floor_div(after_ms, 1000) + 1, civil_floor_div(upto_ms, 1000), max,
	    first, last);

	if (n > 0) {
		*first *= 1000;
		*last *= 1000;
	}
	return n;
}

int64_t
sched_count(const struct sched *s, int64_t after_ms, int64_t upto_ms, int64_t max, int64_t *first_ms, int64_t *last_ms)
{
	int64_t first = SCHED_NEVER, last = SCHED_NEVER, n = 0;

	sched_step_count = 0;
	after_ms = from_1970(after_ms);
	upto_ms = upto_ms < UPTO_MAX_MS ? upto_ms : UPTO_MAX_MS;
	if (upto_ms > after_ms && max > 0) {
		switch (s->type) {
		case TIME_API:
		case TIME_WORKFLOW:
			break;
		case TIME_CRON:
			n = count_cron(s, after_ms, upto_ms, max, &first, &last);
			break;
		case TIME_FIXED_RATE:
			n = count_rate(s, after_ms, upto_ms, max, &first, &last);
			break;
		case TIME_FIXED_DELAY: /* the second one would count from the end of the first */
			n = count_rate(s, after_ms, upto_ms, 1, &first, &last);
			break;
		case TIME_DAILY:
			n = count_daily(s, after_ms, upto_ms, max, &first, &last);
			break;
		}
	}
	if (first_ms != NULL)
		*first_ms = first;
	if (last_ms != NULL)
		*last_ms = last;
	return n;
}

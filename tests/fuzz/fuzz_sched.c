/* Time expressions: the type, the zone, the instant, then the expression. Whatever is taken must fire forward only, within
 * bounded steps, and be counted as it fires. */
#include "fuzz.h"

#include "time/sched.h"

#define STEPS_MAX 20000
#define COUNT_MAX 40
#define DAY_MS 86400000LL
#define FROM_MAX 4133980800000LL /* 2101 */

static const char *const zone_names[] = { "UTC", "America/New_York", "Australia/Lord_Howe", "Antarctica/Troll",
	"Pacific/Apia", "Africa/Casablanca", "Asia/Beirut", "Asia/Kathmandu" };
static const enum time_type types[] = { TIME_CRON, TIME_CRON, TIME_CRON, TIME_CRON, TIME_CRON, TIME_DAILY, TIME_FIXED_RATE,
	TIME_FIXED_DELAY };

static const struct tz *
zone(unsigned n)
{
	static struct tz *known[sizeof zone_names / sizeof zone_names[0]];

	n %= sizeof known / sizeof known[0];
	if (known[n] == NULL)
		known[n] = tz_open(zone_names[n], NULL); /* without tzdata it is UTC */
	return known[n];
}

/* The count of a stretch, its first and its last time are those that sched_next gives one after the other. */
static void
check_count(const struct sched *s, int64_t from, int64_t upto)
{
	int64_t first, last, at = from, seen_first = SCHED_NEVER, seen_last = SCHED_NEVER, n = 0;
	int64_t most = sched_type(s) == TIME_FIXED_DELAY ? 1 : COUNT_MAX;
	int64_t count = sched_count(s, from, upto, COUNT_MAX, &first, &last);

	while (n < most && (at = sched_next(s, at, 0, upto)) != SCHED_NEVER) {
		seen_first = n == 0 ? at : seen_first;
		seen_last = at;
		n++;
	}
	CHECK(count == n);
	CHECK(first == seen_first && last == seen_last);
}

static void
check(const struct sched *s, int64_t from, int64_t reach)
{
	int64_t at = from, next;

	for (int i = 0; i < 4; i++) {
		next = sched_next(s, at, 0, INT64_MAX);
		CHECK(sched_steps() <= STEPS_MAX);
		if (next == SCHED_NEVER)
			break;
		CHECK(next > at);
		CHECK(sched_next(s, at, 0, next) == next);
		CHECK(sched_next(s, at, 0, next - 1) == SCHED_NEVER);
		if (sched_type(s) == TIME_CRON) {
			CHECK(next % 1000 == 0);
			CHECK(sched_next(s, next - 1, 0, INT64_MAX) == next);
			CHECK(sched_next(s, at, next, INT64_MAX) == next);
		}
		check_count(s, at, at + reach);
		at = next;
	}
	if (sched_type(s) == TIME_CRON) {
		sched_count(s, from, INT64_MAX, INT64_MAX, NULL, NULL);
		CHECK(sched_steps() <= 10 * STEPS_MAX);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t what = fuzz_take(&data, &size, 2);
	int64_t from = (int64_t)fuzz_take(&data, &size, 6) % FROM_MAX, reach = 1000;
	struct err e = ERR_INIT;
	char *text = fuzz_text(data, size);
	struct sched *s = sched_parse(types[what & 7], text, zone(what >> 3 & 7), (uint32_t)what, &e);

	if (s == NULL) {
		fuzz_check_error(&e);
	} else {
		for (unsigned i = what >> 12 & 15; i > 0; i--)
			reach *= 6;
		sched_set_policy(s, (enum sched_gap)((what >> 6 & 3) % 3), (enum sched_fold)((what >> 8 & 3) % 3));
		check(s, from, reach);
	}
	sched_free(s);
	free(text);
	return 0;
}

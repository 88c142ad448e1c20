/* Time zones: the first byte says whether a TZif file follows or a POSIX TZ string. The table of one that is taken is in
 * order, its spans join, and local times lead back to their instants. */
#include "fuzz.h"

#include "time/zone.h"
#include "time/tz.h"

#define SPANS_MAX 700

static void
check_instant(const struct tz *z, int64_t sec)
{
	struct tz_civil c;
	int64_t at[2];
	int utoff, n;

	tz_to_civil(z, sec, &c, &utoff);
	CHECK(c.month >= 1 && c.month <= 12 && c.day >= 1 && c.day <= 31 && c.hour >= 0 && c.hour <= 23);
	n = tz_from_civil(z, &c, at);
	CHECK(n == 1 || (n == 2 && at[0] < at[1]));
	CHECK(at[0] == sec || (n == 2 && at[1] == sec) || n == 2); /* of three readings two are given */
	CHECK(tz_first(z, &c) == at[0]);
}

static void
check_zone(const struct tz *z)
{
	struct tz_span s, next;

	for (size_t i = 1; i < z->nchange; i++)
		CHECK(z->change[i].at > z->change[i - 1].at);
	tz_span(z, -2208988800LL, &s); /* 1900 */
	for (int i = 0; i < SPANS_MAX && s.end != INT64_MAX && s.end < 6000000000LL; i++) {
		CHECK(s.begin < s.end);
		check_instant(z, s.end - 1);
		check_instant(z, s.end);
		tz_span(z, s.end, &next);
		CHECK(next.begin == s.end && next.before == s.utoff && next.utoff == s.after);
		s = next;
	}
}

static void
check_rule(const struct zone_rule *r, int year)
{
	struct zone_change c[2];
	int n = zone_rule_year(r, year, c);

	CHECK(n == (r->has_dst ? 2 : 0));
	CHECK(n == 0 || c[0].at <= c[1].at);
	for (int i = 0; i < n; i++)
		CHECK(abs(c[i].utoff) <= ZONE_UTOFF_MAX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool text = fuzz_take(&data, &size, 1) & 1;
	struct tz *z = calloc(1, sizeof *z);
	struct err e = ERR_INIT;
	char *copy = malloc(size > 0 ? size : 1);

	CHECK(z != NULL && copy != NULL);
	memcpy(copy, data, size);
	if (!text && zone_parse(z, (unsigned char *)copy, size, &e) == 0) {
		check_zone(z);
	} else if (!text) {
		fuzz_check_error(&e);
	} else if (zone_rule_parse(copy, size, &z->rule) == 0) {
		for (int year = 1969; year < 2110; year += 7)
			check_rule(&z->rule, year);
		z->first = z->rule.std;
		CHECK(zone_extend(z, INT64_MIN) == 0);
		check_zone(z);
	}
	free(copy);
	tz_free(z);
	return 0;
}

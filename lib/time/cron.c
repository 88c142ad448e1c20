#include "time/cron.h"

#include "time/civil.h"

#define BITS(len) ((uint32_t)((1ULL << ((len) + 1)) - 2)) /* bits 1..len */

static int
first_bit(uint64_t set, int from, int none)
{
	if (from > 63 || (set >> from) == 0)
		return none;
	return from + __builtin_ctzll(set >> from);
}

static int
next_year(const struct cron *c, int year)
{
	int n = year - CRON_YEAR_MIN, bit;

	for (int w = n / 64; w < 3; w++) {
		bit = first_bit(c->year[w], w == n / 64 ? n % 64 : 0, 64);
		if (bit < 64)
			return CRON_YEAR_MIN + w * 64 + bit;
	}
	return CRON_YEAR_MAX + 1;
}

/* Saturday and Sunday move to the nearest day from Monday to Friday that is in the same month. */
static int
work_day(int day, int wday, int len)
{
	if (wday == 6)
		return day > 1 ? day - 1 : day + 2;
	if (wday == 0)
		return day < len ? day + 1 : day - 2;
	return day;
}

static uint32_t
month_days(const struct cron *c, int first_wday, int len)
{
	uint32_t days = c->day;

	for (uint32_t set = c->before_last; set != 0; set &= set - 1)
		if (__builtin_ctz(set) < len)
			days |= 1U << (len - __builtin_ctz(set));
	for (uint32_t set = c->near; set != 0; set &= set - 1) {
		int n = __builtin_ctz(set);

		if (n <= len)
			days |= 1U << work_day(n, (first_wday + n - 1) % 7, len);
	}
	if (c->last_work)
		days |= 1U << work_day(len, (first_wday + len - 1) % 7, len);
	return days & BITS(len);
}

static uint32_t
week_days(const struct cron *c, int first_wday, int len)
{
	uint64_t days = 0;

	for (int w = 0; w < 7; w++) {
		int first = 1 + (w - first_wday + 7) % 7;

		if (c->wday >> w & 1)
			days |= 0x10204081ULL << first; /* every seventh bit */
		if (c->last_wday >> w & 1)
			days |= 1ULL << (first + (len - first) / 7 * 7);
		for (int k = 1; k <= 5; k++)
			if (c->nth_wday[k] >> w & 1)
				days |= 1ULL << (first + (k - 1) * 7);
	}
	return (uint32_t)(days & BITS(len));
}

uint32_t
cron_days(const struct cron *c, int year, int month)
{
	int first = civil_weekday(civil_days(year, month, 1)), len = civil_month_len(year, month);
	uint32_t by_month = month_days(c, first, len);
	uint32_t by_week = c->wday == 0x7f ? BITS(len) : week_days(c, first, len);

	return c->either ? by_month | by_week : by_month & by_week;
}

/* The first match at or after a second of the day, else DAY_SEC. */
static int
next_of_day(const struct cron *c, int from)
{
	int hour = from / 3600, minute = from / 60 % 60, second = from % 60;
	int h = first_bit(c->hour, hour, 24), m, s;

	if (h != hour)
		minute = second = 0;
	m = first_bit(c->minute, minute, 60);
	if (m != minute)
		second = 0;
	s = m < 60 ? first_bit(c->second, second, 60) : 60;
	if (s == 60) {
		s = first_bit(c->second, 0, 60);
		if (m < 60)
			m = first_bit(c->minute, m + 1, 60);
	}
	if (m == 60) {
		m = first_bit(c->minute, 0, 60);
		s = first_bit(c->second, 0, 60);
		h = first_bit(c->hour, h + 1, 24);
	}
	return h < 24 ? h * 3600 + m * 60 + s : (int)DAY_SEC;
}

/* Moves to the next month that has a matching day at or after *day; false when none begins at or before `limit`. */
static bool
next_day(const struct cron *c, int *year, int *month, int *day, int64_t limit, unsigned *steps)
{
	for (;;) {
		int y = next_year(c, *year), m, d;

		++*steps;
		if (y > CRON_YEAR_MAX)
			return false;
		if (y != *year)
			*month = *day = 1;
		*year = y;
		m = first_bit(c->month, *month, 13);
		if (m != *month)
			*day = 1;
		*month = m;
		if (m < 13) {
			if (civil_days(y, m, 1) > limit)
				return false;
			d = first_bit(cron_days(c, y, m), *day, 32);
			if (d < 32) {
				*day = d;
				return true;
			}
		} else {
			++*year;
			*month = 0;
		}
		++*month;
		*day = 1;
	}
}

int64_t
cron_next(const struct cron *c, int64_t from, int64_t to, unsigned *steps)
{
	int year, month, day, second;
	int64_t days, at;

	if (from < 0)
		from = 0;
	days = from / DAY_SEC;
	second = (int)(from % DAY_SEC);
	if (from > to || days > civil_days(CRON_YEAR_MAX + 1, 1, 1))
		return CRON_NEVER;
	civil_from_days(days, &year, &month, &day);
	for (int was = day, was_month = month, was_year = year;; day++, second = 0, was = 0) {
		if (!next_day(c, &year, &month, &day, civil_floor_div(to, DAY_SEC), steps))
			return CRON_NEVER;
		if (day != was || month != was_month || year != was_year)
			second = 0;
		second = next_of_day(c, second);
		if (second < DAY_SEC)
			break;
	}
	at = civil_days(year, month, day) * DAY_SEC + second;
	return at <= to ? at : CRON_NEVER;
}

/* --- counting --------------------------------------------------------------- */

/* Which rules are on today, and how many seconds of a whole day they match together. */
struct day_count {
	uint64_t mask;
	int64_t count;
};

/* The rules of `mask` that are on in this hour. */
static uint64_t
in_hour(const struct cron *c, uint64_t mask, int hour)
{
	uint64_t on = 0;

	for (; mask != 0; mask &= mask - 1)
		if (c[__builtin_ctzll(mask)].hour >> hour & 1)
			on |= mask & -mask;
	return on;
}

static uint64_t
in_minute(const struct cron *c, uint64_t mask, int minute)
{
	uint64_t set = 0;

	for (; mask != 0; mask &= mask - 1)
		if (c[__builtin_ctzll(mask)].minute >> minute & 1)
			set |= c[__builtin_ctzll(mask)].second;
	return set;
}

/* Matches among the seconds [from, to] of an hour. */
static int64_t
count_hour(const struct cron *c, uint64_t mask, int from, int to)
{
	const struct cron *only = &c[__builtin_ctzll(mask)];
	int64_t n = 0;

	if (from == 0 && to == 3599 && (mask & (mask - 1)) == 0)
		return (int64_t)__builtin_popcountll(only->minute) * __builtin_popcountll(only->second);
	for (int m = from / 60; m <= to / 60; m++) {
		uint64_t set = in_minute(c, mask, m);

		if (m == from / 60)
			set = set >> from % 60 << from % 60;
		if (m == to / 60)
			set &= (2ULL << to % 60) - 1;
		n += __builtin_popcountll(set);
	}
	return n;
}

/* Matches of the rules in `mask` among the seconds [from, to] of a day. */
static int64_t
count_part(const struct cron *c, uint64_t mask, int from, int to)
{
	int64_t n = 0;

	for (int h = from / 3600; h <= to / 3600; h++) {
		uint64_t on = in_hour(c, mask, h);

		if (on != 0)
			n += count_hour(c, on, h == from / 3600 ? from % 3600 : 0, h == to / 3600 ? to % 3600 : 3599);
	}
	return n;
}

static int64_t
count_day(const struct cron *c, uint64_t mask, struct day_count cache[8])
{
	struct day_count *slot = &cache[(mask ^ mask >> 3 ^ mask >> 6 ^ mask >> 17) & 7];

	if (slot->mask != mask) {
		slot->mask = mask;
		slot->count = count_part(c, mask, 0, (int)DAY_SEC - 1);
	}
	return slot->count;
}

static uint32_t
days_of(const struct cron *c, int year, int month)
{
	int n = year - CRON_YEAR_MIN;

	if (n < 0 || year > CRON_YEAR_MAX || !(c->year[n / 64] >> n % 64 & 1) || !(c->month >> month & 1))
		return 0;
	return cron_days(c, year, month);
}

/* Matches on the days `days` (a bitmap) of a month, whole days each. */
static int64_t
count_month(const struct cron *c, size_t n, int year, int month, uint32_t days, struct day_count cache[8])
{
	uint32_t on[64];
	int64_t total = 0;

	for (size_t i = 0; i < n; i++)
		on[i] = days_of(&c[i], year, month) & days;
	if (n == 1)
		return on[0] != 0 ? __builtin_popcount(on[0]) * count_day(c, 1, cache) : 0;
	for (; days != 0; days &= days - 1) {
		uint64_t mask = 0;

		for (size_t i = 0; i < n; i++)
			mask |= (uint64_t)(on[i] >> __builtin_ctz(days) & 1) << i;
		if (mask != 0)
			total += count_day(c, mask, cache);
	}
	return total;
}

static int64_t
count_one_day(const struct cron *c, size_t n, int64_t days, int from, int to)
{
	int year, month, day;
	uint64_t mask = 0;

	civil_from_days(days, &year, &month, &day);
	for (size_t i = 0; i < n; i++)
		mask |= (uint64_t)(days_of(&c[i], year, month) >> day & 1) << i;
	return count_part(c, mask, from, to);
}

int64_t
cron_count(const struct cron *c, size_t n, int64_t from, int64_t to, unsigned *steps)
{
	struct day_count cache[8] = { { 0, 0 } };
	int64_t end = civil_days(CRON_YEAR_MAX + 1, 1, 1) * DAY_SEC - 1, total = 0, first, last;
	int year, month, day;

	from = from < 0 ? 0 : from;
	to = to > end ? end : to;
	if (from > to || n == 0)
		return 0;
	first = from / DAY_SEC;
	last = to / DAY_SEC;
	if (first == last)
		return count_one_day(c, n, first, (int)(from % DAY_SEC), (int)(to % DAY_SEC));
	total = count_one_day(c, n, first, (int)(from % DAY_SEC), (int)DAY_SEC - 1) +
	    count_one_day(c, n, last, 0, (int)(to % DAY_SEC));
	for (first++; first < last; ++*steps) {
		int len, until;

		civil_from_days(first, &year, &month, &day);
		len = civil_month_len(year, month);
		until = last - first < len - day + 1 ? day + (int)(last - first) - 1 : len;
		total += count_month(c, n, year, month, BITS(until) & ~BITS(day - 1), cache);
		first += until - day + 1;
	}
	return total;
}

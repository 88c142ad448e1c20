/* Dates of the proleptic Gregorian calendar as day numbers; day 0 is 1970-01-01, a Thursday. */
#ifndef PJ_TIME_CIVIL_H
#define PJ_TIME_CIVIL_H

#include <stdint.h>

#define DAY_SEC 86400LL

/* The quotient rounded down, for b > 0. */
static inline int64_t
civil_floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Months outside 1 to 12 carry into the year; any day goes. */
static inline int64_t
civil_days(int64_t year, int64_t month, int64_t day)
{
	int64_t m = month - 3, y = year + civil_floor_div(m, 12), era, yoe, doy;

	m -= civil_floor_div(m, 12) * 12; /* March is 0, so that the leap day ends the year */
	era = civil_floor_div(y, 400);
	yoe = y - era * 400;
	doy = (153 * m + 2) / 5;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy + day - 1 - 719468;
}

static inline void
civil_from_days(int64_t days, int *year, int *month, int *day)
{
	int64_t z = days + 719468, era = civil_floor_div(z, 146097), doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), m = (5 * doy + 2) / 153;

	*day = (int)(doy - (153 * m + 2) / 5 + 1);
	*month = (int)(m < 10 ? m + 3 : m - 9);
	*year = (int)(yoe + era * 400 + (m >= 10));
}

/* 0 Sunday to 6 Saturday */
static inline int
civil_weekday(int64_t days)
{
	return (int)(days + 4 - civil_floor_div(days + 4, 7) * 7);
}

static inline int
civil_month_len(int year, int month)
{
	static const signed char len[13] = { 0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
		return 29;
	return len[month];
}

#endif

/* How many next times a second the schedules give, one expression and zone a line. Prints, asserts nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "time/sched.h"

#define RUN_MS 150

static const struct {
	enum time_type type;
	const char *expr, *zone;
} cases[] = {
	{ TIME_CRON, "0 0 3 * * ?", "UTC" },
	{ TIME_CRON, "0 0 3 * * ?", "America/New_York" },
	{ TIME_CRON, "* * * * * ?", "America/New_York" },
	{ TIME_CRON, "0 */5 9-17 ? * MON-FRI", "Europe/Berlin" },
	{ TIME_CRON, "0 0 12 LW * ?", "Europe/Berlin" },
	{ TIME_CRON, "0 0 0 29 2 ?", "Europe/Berlin" },
	{ TIME_CRON, "0 0 9 * * ? || 0 30 10 ? * 2#1 || 0 0 0 L * ?", "Europe/Berlin" },
	{ TIME_CRON, "0 0 0 30 2 ?", "Europe/Berlin" },
	{ TIME_DAILY, "{\"interval\":10,\"intervalUnit\":\"MINUTES\",\"startTimeOfDay\":\"9:0:0\",\"endTimeOfDay\":\"17:0:0\"}",
	    "Europe/Berlin" },
	{ TIME_FIXED_RATE, "60000", "UTC" },
};

static void
bench_next(const struct sched *s, const char *label, const char *zone)
{
	int64_t from = 1767225600000, at = from, began = clock_mono_ms(), took;
	long n = 0;

	do {
		for (int i = 0; i < 100; i++, n++) {
			at = sched_next(s, at, 0, INT64_MAX);
			if (at > from + 10LL * 366 * 86400000)
				at = from; /* ten years are enough; never comes back too */
		}
		took = clock_mono_ms() - began;
	} while (took < RUN_MS);
	printf("next  %10.0f/s  %-17s %.60s\n", (double)n * 1000 / (double)took, zone, label);
}

static void
bench_count(const struct sched *s, const char *label, const char *zone)
{
	int64_t from = 1767225600000, began = clock_mono_ms(), took;
	long n = 0;

	do {
		sched_count(s, from + n, from + n + 365 * 86400000LL, INT64_MAX, NULL, NULL);
		n++;
		took = clock_mono_ms() - began;
	} while (took < RUN_MS);
	printf("year  %10.0f/s  %-17s %.60s\n", (double)n * 1000 / (double)took, zone, label);
}

/* What a scheduler over libc pays at least for a step: a time taken apart, and put together again a day later. */
static void
bench_raw(void)
{
	int64_t began, took;
	time_t at = 1767225600;
	struct tm tm;
	long n = 0;

	setenv("TZ", "Europe/Berlin", 1);
	tzset();
	began = clock_mono_ms();
	do {
		for (int i = 0; i < 100; i++, n++) {
			localtime_r(&at, &tm);
			tm.tm_mday++;
			tm.tm_isdst = -1;
			at = mktime(&tm);
			if (at > 1767225600 + 10LL * 366 * 86400)
				at = 1767225600;
		}
		took = clock_mono_ms() - began;
	} while (took < RUN_MS);
	printf("raw   %10.0f/s  %-17s localtime_r and mktime\n", (double)n * 1000 / (double)took, "Europe/Berlin");
}

int
main(void)
{
	bench_raw();
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct err e = ERR_INIT;
		struct tz *z = tz_open(cases[i].zone, &e);
		struct sched *s = z != NULL ? sched_parse(cases[i].type, cases[i].expr, z, 1, &e) : NULL;

		if (s == NULL) {
			fprintf(stderr, "bench_next: %s\n", e.msg);
			return 1;
		}
		bench_next(s, cases[i].expr, cases[i].zone);
		bench_count(s, cases[i].expr, cases[i].zone);
		sched_free(s);
		tz_free(z);
	}
	return 0;
}

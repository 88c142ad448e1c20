/* tzdump [ZONE...]: what pj's time zones say, one fact a line, for time-zones.bats to compare with another reader.
 *   Z name
 *   S begin utoff                  a span of constant offset begins (clipped to FROM)
 *   U sec Y-M-DTH:M:S wday utoff   what the clock reads
 *   L Y-M-DTH:M:S n [sec [sec]]    the n instants of a local time
 * Probed are the seconds on both sides of every change of offset from 1970 to the end of 2044, and the edges and the
 * middle of what each change skips or repeats. Zones come from the arguments, else one a line from standard input. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "time/tz.h"

#define FROM 0LL
#define TO 2366841600LL /* 2045-01-01: tables end with 2037, the rules in the footers go on */

static void
put_civil(const struct tz_civil *c)
{
	printf("%04d-%02d-%02dT%02d:%02d:%02d", c->year, c->month, c->day, c->hour, c->minute, c->second);
}

static void
utc_probe(const struct tz *z, int64_t sec)
{
	struct tz_civil c;
	int utoff;

	tz_to_civil(z, sec, &c, &utoff);
	printf("U %" PRId64 " ", sec);
	put_civil(&c);
	printf(" %d %d\n", c.wday, utoff);
}

static void
local_probe(const struct tz *z, int64_t local)
{
	struct tz_civil c;
	int64_t at[2];
	int n;

	tz_to_civil(NULL, local, &c, NULL);
	n = tz_from_civil(z, &c, at);
	printf("L ");
	put_civil(&c);
	printf(" %d", n);
	for (int i = 0; i < n; i++)
		printf(" %" PRId64, at[i]);
	putchar('\n');
}

static void
change(const struct tz *z, const struct tz_span *s)
{
	int64_t one = s->begin + s->before, two = s->begin + s->utoff;

	utc_probe(z, s->begin - 1);
	utc_probe(z, s->begin);
	for (int d = -1; d <= 1; d++) {
		local_probe(z, one + d);
		local_probe(z, two + d);
	}
	local_probe(z, one + (two - one) / 2);
}

static int
dump(const char *name)
{
	struct err e = ERR_INIT;
	struct tz *z = tz_open(name, &e);
	struct tz_span s;

	if (z == NULL) {
		fprintf(stderr, "tzdump: %s\n", e.msg);
		return -1;
	}
	printf("Z %s\n", name);
	tz_span(z, FROM, &s);
	printf("S %lld %d\n", FROM, s.utoff);
	while (s.end < TO) {
		tz_span(z, s.end, &s);
		printf("S %" PRId64 " %d\n", s.begin, s.utoff);
		change(z, &s);
	}
	tz_free(z);
	return 0;
}

int
main(int argc, char **argv)
{
	char line[256];
	int failed = 0;

	for (int i = 1; i < argc; i++)
		failed += dump(argv[i]) != 0;
	while (argc == 1 && fgets(line, sizeof line, stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		failed += dump(line) != 0;
	}
	return failed > 0;
}

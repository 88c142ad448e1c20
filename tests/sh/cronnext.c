/* cronnext: what pj's cron expressions say, for tests/interop/cron to compare with another implementation.
 * Lines EXPR TAB ZONE TAB MS come in (EXPR may hold tabs); the next three times after MS go out, or a word where there is
 * none: `rejected`, `never`. With --changes, zones come in, and out go the zone's offset at the beginning of 1970 and its
 * changes of offset (SECOND,UTOFF) up to 2100. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "time/sched.h"

#define ZONES_MAX 64
#define TO 4102444800LL

static const struct tz *
zone(const char *name)
{
	static struct {
		char name[64];
		struct tz *tz;
	} known[ZONES_MAX];
	struct err e = ERR_INIT;
	int i = 0;

	for (; i < ZONES_MAX && known[i].tz != NULL; i++)
		if (strcmp(known[i].name, name) == 0)
			return known[i].tz;
	if (i == ZONES_MAX || strlen(name) >= sizeof known[i].name || (known[i].tz = tz_open(name, &e)) == NULL) {
		fprintf(stderr, "cronnext: %s: %s\n", name, i == ZONES_MAX ? "too many zones" : e.msg);
		exit(65);
	}
	strcpy(known[i].name, name);
	return known[i].tz;
}

static void
next(const char *expr, const struct tz *z, int64_t at)
{
	struct sched *s = sched_parse(TIME_CRON, expr, z, 0, NULL);

	if (s == NULL) {
		puts("rejected");
		return;
	}
	for (int i = 0; i < 3; i++) {
		at = sched_next(s, at, 0, INT64_MAX);
		if (at == SCHED_NEVER) {
			printf("never");
			break;
		}
		printf("%" PRId64 "%s", at, i < 2 ? " " : "");
	}
	putchar('\n');
	sched_free(s);
}

static void
changes(const char *name)
{
	struct tz_span s;

	tz_span(zone(name), 0, &s);
	printf("%s %d", name, s.utoff);
	while (s.end < TO) {
		tz_span(zone(name), s.end, &s);
		printf(" %" PRId64 ",%d", s.begin, s.utoff);
	}
	putchar('\n');
}

static int
question(char *line)
{
	char *ms = strrchr(line, '\t'), *name;

	if (ms == NULL)
		return -1;
	*ms++ = '\0';
	if ((name = strrchr(line, '\t')) == NULL)
		return -1;
	*name++ = '\0';
	next(line, zone(name), strtoll(ms, NULL, 10));
	return 0;
}

int
main(int argc, char **argv)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;

	while ((len = getline(&line, &cap, stdin)) > 0) {
		if (line[len - 1] == '\n')
			line[len - 1] = '\0';
		if (argc > 1 && strcmp(argv[1], "--changes") == 0) {
			changes(line);
		} else if (question(line) != 0) {
			fprintf(stderr, "cronnext: no EXPR, ZONE and MS: %s\n", line);
			return 65;
		}
	}
	free(line);
	return 0;
}

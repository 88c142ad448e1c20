#include "time/tz.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "time/civil.h"
#include "time/zone.h"

#define ZONE_FILE_MAX (1024 * 1024)
#define NAME_MAX_LEN 128
#define LOCALTIME "/etc/localtime"
/* Farther out a year does not fit an int; nobody schedules there. */
#define SEC_MAX 60000000000000000LL
#define YEAR_MAX 1600000000

static struct tz *
zone_new(const char *name, struct err *e)
{
	struct tz *z = calloc(1, sizeof *z);

	if (z != NULL && (z->name = strdup(name)) != NULL)
		return z;
	free(z);
	err_set(e, ERR_NOMEM, "out of memory");
	return NULL;
}

void
tz_free(struct tz *z)
{
	if (z == NULL)
		return;
	free(z->change);
	free(z->name);
	free(z);
}

const char *
tz_name(const struct tz *z)
{
	return z != NULL ? z->name : "UTC";
}

static struct tz *
open_file(const char *path, const char *name, struct err *e)
{
	struct buf b = BUF_INIT;
	struct stat st;
	struct tz *z;

	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode)) {
		err_set(e, ERR_NOTFOUND, "no time zone file %s", path);
		return NULL;
	}
	if ((z = zone_new(name, e)) == NULL)
		return NULL;
	if (file_read(path, ZONE_FILE_MAX, &b, e) != 0 || zone_parse(z, (unsigned char *)b.data, b.len, e) != 0) {
		if (e != NULL && e->code != ERR_NOMEM)
			e->code = ERR_DATA;
		err_prefix(e, "time zone %s (%s)", name, path);
		tz_free(z);
		z = NULL;
	}
	buf_fini(&b);
	return z;
}

/* Only plain relative names: a job's definition must not reach other files, nor have many names for one. */
static bool
good_name(const char *name)
{
	size_t len = strlen(name);
	char before = '/';

	if (len == 0 || len > NAME_MAX_LEN || name[len - 1] == '/')
		return false;
	for (const char *p = name; *p != '\0'; before = *p++)
		if (before == '/' && (*p == '/' || *p == '.' || *p == '-'))
			return false;
	return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/.") == len;
}

static const char *
zone_dir(void)
{
	const char *dir = getenv("TZDIR");

	return dir == NULL || dir[0] == '\0' ? "/usr/share/zoneinfo" : dir;
}

static void
put_file_id(char *buf, size_t size, const char *path)
{
	struct stat st;

	buf[0] = '\0';
	if (stat(path, &st) == 0)
		snprintf(buf, size, "%llu/%lld/%lld.%09ld", (unsigned long long)st.st_ino, (long long)st.st_size,
		    (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

/* Where the server's own zone comes from, and what tells its file from another: both may change. */
static char *
own_id(char buf[TZ_ID_SIZE])
{
	const char *env = getenv("TZ"), *from = env != NULL ? env + (env[0] == ':') : LOCALTIME;
	char path[PATH_MAX];
	uint32_t h = 2166136261U;
	int n;

	for (const char *p = from; *p != '\0'; p++)
		h = (h ^ (unsigned char)*p) * 16777619U;
	n = snprintf(buf, TZ_ID_SIZE, "%08x ", (unsigned)h);
	if (from[0] == '/')
		put_file_id(buf + n, TZ_ID_SIZE - (size_t)n, from);
	else if (good_name(from) && file_path(path, sizeof path, NULL, "%s/%s", zone_dir(), from) == 0)
		put_file_id(buf + n, TZ_ID_SIZE - (size_t)n, path);
	return buf;
}

char *
tz_file_id(char buf[TZ_ID_SIZE], const char *name)
{
	char path[PATH_MAX];

	buf[0] = '\0';
	if (name == NULL || name[0] == '\0')
		return own_id(buf);
	if (good_name(name) && file_path(path, sizeof path, NULL, "%s/%s", zone_dir(), name) == 0)
		put_file_id(buf, TZ_ID_SIZE, path);
	return buf;
}

/* The same but for the case of letters, and blanks for underscores? */
static bool
alike(const char *entry, const char *part, size_t len)
{
	if (strlen(entry) != len || entry[0] == '.')
		return false;
	for (size_t i = 0; i < len; i++)
		if (tolower((unsigned char)entry[i]) != tolower(part[i] == ' ' ? '_' : (unsigned char)part[i]))
			return false;
	return true;
}

/* Appends "/" and the entry of the directory that is like the part of a name. */
static bool
add_alike(char *path, size_t size, const char *part, size_t len)
{
	DIR *d = opendir(path);
	struct dirent *entry = NULL;
	size_t used = strlen(path);

	if (d == NULL)
		return false;
	while ((entry = readdir(d)) != NULL && !alike(entry->d_name, part, len))
		;
	if (entry != NULL)
		snprintf(path + used, size - used, "/%s", entry->d_name);
	closedir(d);
	return entry != NULL;
}

/* ERR_NOTFOUND, with the name that was meant where only its spelling is wrong. */
static void
no_zone(const char *name, struct err *e)
{
	const char *dir = zone_dir();
	char path[PATH_MAX];
	struct stat st;
	bool found = strlen(name) <= NAME_MAX_LEN && file_path(path, sizeof path, NULL, "%s", dir) == 0;

	for (const char *part = name; found;) {
		size_t len = strcspn(part, "/");

		found = add_alike(path, sizeof path, part, len);
		if (part[len] == '\0')
			break;
		part += len + 1;
	}
	if (found && stat(path, &st) == 0 && S_ISREG(st.st_mode))
		err_set(e, ERR_NOTFOUND, "no time zone '%.60s': did you mean %s?", name, path + strlen(dir) + 1);
	else if (!good_name(name))
		err_set(e, ERR_NOTFOUND, "'%.60s' is no name of a time zone: write an IANA name such as Europe/Berlin, or UTC",
		    name);
	else
		err_set(e, ERR_NOTFOUND, "no time zone '%s' in %s: write an IANA name such as Europe/Berlin, or UTC", name, dir);
}

static struct tz *
open_name(const char *name, struct err *e)
{
	const char *dir = zone_dir();
	char path[PATH_MAX];
	struct tz *z;

	if (strcmp(name, "UTC") == 0 || strcmp(name, "Etc/UTC") == 0)
		return zone_new(name, e);
	if (!good_name(name)) {
		no_zone(name, e);
		return NULL;
	}
	if (file_path(path, sizeof path, e, "%s/%s", dir, name) != 0)
		return NULL;
	z = open_file(path, name, e);
	if (z == NULL && e != NULL && e->code == ERR_NOTFOUND)
		no_zone(name, e);
	return z;
}

/* A file that need not be among the others; where it is a link to one of them, that one's name is its own. */
static struct tz *
open_link(const char *path, const char *otherwise, struct err *e)
{
	char link[PATH_MAX];
	ssize_t n = readlink(path, link, sizeof link - 1);
	const char *name = NULL;

	if (n > 0) {
		link[n] = '\0';
		name = strstr(link, "/zoneinfo/");
	}
	return open_file(path, name != NULL ? name + strlen("/zoneinfo/") : otherwise, e);
}

/* $TZ: [:]name, an absolute path, or a POSIX string. */
static struct tz *
open_env(const char *value, struct err *e)
{
	struct zone_rule rule;
	struct tz *z;

	if (value[0] == ':')
		value++;
	if (value[0] == '\0')
		return zone_new("UTC", e);
	if (value[0] == '/')
		return open_link(value, value, e);
	z = open_name(value, e);
	if (z != NULL || zone_rule_parse(value, strlen(value), &rule) != 0) {
		if (z == NULL)
			err_prefix(e, "environment variable TZ");
		return z;
	}
	if ((z = zone_new(value, e)) == NULL)
		return NULL;
	z->rule = rule;
	z->first = rule.std;
	if (zone_extend(z, INT64_MIN) == 0)
		return z;
	err_set(e, ERR_NOMEM, "out of memory");
	tz_free(z);
	return NULL;
}

static struct tz *
open_own(struct err *e)
{
	const char *env = getenv("TZ");

	if (env != NULL)
		return open_env(env, e);
	if (access(LOCALTIME, F_OK) != 0)
		return zone_new("UTC", e);
	return open_link(LOCALTIME, "localtime", e);
}

struct tz *
tz_open(const char *name, struct err *e)
{
	struct err own = ERR_INIT;

	if (e == NULL)
		e = &own; /* the code decides what to try next */
	return name == NULL || name[0] == '\0' ? open_own(e) : open_name(name, e);
}

/* How many changes lie at or before sec. */
static size_t
changes_until(const struct zone_change *c, size_t n, int64_t sec)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (c[mid].at <= sec)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void
span_of(const struct zone_change *c, size_t n, int32_t first, int64_t sec, struct tz_span *out)
{
	size_t i = changes_until(c, n, sec);

	out->begin = i > 0 ? c[i - 1].at : INT64_MIN;
	out->end = i < n ? c[i].at : INT64_MAX;
	out->utoff = i > 0 ? c[i - 1].utoff : first;
	out->before = i > 1 ? c[i - 2].utoff : i == 1 ? first : out->utoff;
	out->after = i < n ? c[i].utoff : out->utoff;
}

/* Adds a change to a short list by the rules of zone_add. */
static size_t
add_change(struct zone_change *c, size_t n, struct zone_change one)
{
	if (n > 1 && c[n - 1].at == one.at)
		n--;
	if (one.at > c[n - 1].at && one.utoff != c[n - 1].utoff)
		c[n++] = one;
	return n;
}

/* Behind the table: the rule's changes of the years around. */
static void
span_by_rule(const struct tz *z, int64_t sec, struct tz_span *out)
{
	const struct zone_change *last = &z->change[z->nchange - 1];
	struct zone_change c[12], two[2];
	int year, month, day, got;
	size_t n = 1;

	civil_from_days(civil_floor_div(sec, DAY_SEC), &year, &month, &day);
	c[0] = *last;
	for (int y = year - 2; y <= year + 2; y++) {
		got = zone_rule_year(&z->rule, y, two);
		for (int i = 0; i < got; i++)
			n = add_change(c, n, two[i]);
	}
	span_of(c, n, z->nchange > 1 ? last[-1].utoff : z->first, sec, out);
}

void
tz_span(const struct tz *z, int64_t sec, struct tz_span *out)
{
	if (sec > SEC_MAX || sec < -SEC_MAX)
		sec = sec > 0 ? SEC_MAX : -SEC_MAX;
	if (z == NULL)
		span_of(NULL, 0, 0, sec, out);
	else if (z->rule.has_dst && z->nchange > 0 && sec >= z->change[z->nchange - 1].at)
		span_by_rule(z, sec, out);
	else
		span_of(z->change, z->nchange, z->first, sec, out);
}

void
tz_to_civil(const struct tz *z, int64_t sec, struct tz_civil *out, int *utoff_sec_or_null)
{
	struct tz_span span;
	int64_t days;
	int rest;

	if (sec > SEC_MAX || sec < -SEC_MAX)
		sec = sec > 0 ? SEC_MAX : -SEC_MAX;
	tz_span(z, sec, &span);
	sec += span.utoff;
	days = civil_floor_div(sec, DAY_SEC);
	rest = (int)(sec - days * DAY_SEC);
	civil_from_days(days, &out->year, &out->month, &out->day);
	out->hour = rest / 3600;
	out->minute = rest / 60 % 60;
	out->second = rest % 60;
	out->wday = civil_weekday(days) + 1;
	if (utoff_sec_or_null != NULL)
		*utoff_sec_or_null = span.utoff;
}

/* Fills out with the instants that read `local`; *gap_end is the first instant behind it when there is none. */
static int
instants_of(const struct tz *z, int64_t local, int64_t out[2], int64_t *gap_end)
{
	struct tz_span s;
	int n = 0;

	for (tz_span(z, local - ZONE_UTOFF_MAX, &s);; tz_span(z, s.end, &s)) {
		int64_t t = local - s.utoff;

		if (t >= s.begin && t < s.end && n < 2)
			out[n++] = t;
		if (s.begin != INT64_MIN && local >= s.begin + s.before && local < s.begin + s.utoff)
			*gap_end = s.begin;
		if (s.end == INT64_MAX || s.end > local + ZONE_UTOFF_MAX)
			return n;
	}
}

static int64_t
local_of(const struct tz_civil *c)
{
	int year = c->year > YEAR_MAX ? YEAR_MAX : c->year < -YEAR_MAX ? -YEAR_MAX : c->year;

	return civil_days(year, c->month, c->day) * DAY_SEC + c->hour * 3600LL + c->minute * 60LL + c->second;
}

int
tz_from_civil(const struct tz *z, const struct tz_civil *c, int64_t out[2])
{
	int64_t gap_end;

	return instants_of(z, local_of(c), out, &gap_end);
}

int64_t
tz_first(const struct tz *z, const struct tz_civil *c)
{
	int64_t out[2], gap_end = 0;

	return instants_of(z, local_of(c), out, &gap_end) > 0 ? out[0] : gap_end;
}

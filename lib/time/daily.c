/* The one file of this layer that knows jansson. */
#include "time/daily.h"

#include <jansson.h>
#include <stdbool.h>
#include <string.h>

#define KEYS "interval, intervalUnit, startTimeOfDay, endTimeOfDay, daysOfWeek"

static const char *const keys[] = { "interval", "intervalUnit", "startTimeOfDay", "endTimeOfDay", "daysOfWeek" };

/* Java's TimeUnit: so many ms a unit, or so many units a ms. */
static const struct {
	const char *name;
	int64_t ms, per_ms;
} units[] = {
	{ "DAYS", 86400000, 1 },
	{ "HOURS", 3600000, 1 },
	{ "MINUTES", 60000, 1 },
	{ "SECONDS", 1000, 1 },
	{ "MILLISECONDS", 1, 1 },
	{ "MICROSECONDS", 1, 1000 },
	{ "NANOSECONDS", 1, 1000000 },
};

/* An integer, or one in quotes as forms send it. */
static bool
integer(const json_t *v, int64_t *out)
{
	const char *s;
	int64_t n = 0;

	if (json_is_integer(v)) {
		*out = json_integer_value(v);
		return true;
	}
	s = json_string_value(v);
	if (s == NULL || *s == '\0' || strlen(s) > 18 || strspn(s, "0123456789") != strlen(s))
		return false;
	for (; *s != '\0'; s++)
		n = n * 10 + (*s - '0');
	*out = n;
	return true;
}

static int
interval(const json_t *root, struct daily_spec *d, struct err *e)
{
	const json_t *v = json_object_get(root, "interval"), *u = json_object_get(root, "intervalUnit");
	const char *unit = u == NULL || json_is_null(u) ? "SECONDS" : json_string_value(u);
	int64_t n;
	size_t i;

	if (v == NULL || !integer(v, &n))
		return err_set(e, ERR_DATA, "daily interval: interval must be given, and be a whole number");
	for (i = 0; i < sizeof units / sizeof units[0]; i++)
		if (unit != NULL && strcmp(unit, units[i].name) == 0)
			break;
	if (i == sizeof units / sizeof units[0])
		return err_set(e, ERR_DATA, "daily interval: intervalUnit is SECONDS, MINUTES, HOURS, DAYS, "
		    "MILLISECONDS, MICROSECONDS or NANOSECONDS");
	if (n > DAILY_INTERVAL_MAX_MS / units[i].ms * units[i].per_ms)
		d->interval_ms = DAILY_INTERVAL_MAX_MS + 1;
	else
		d->interval_ms = n > 0 ? n * units[i].ms / units[i].per_ms : n;
	return 0;
}

/* One or two digits; -1 else */
static int
two_digits(const char **p)
{
	int n = 0, digits = 0;

	for (; **p >= '0' && **p <= '9' && digits < 3; ++*p, digits++)
		n = n * 10 + (**p - '0');
	return digits == 1 || digits == 2 ? n : -1;
}

/* "H:M:S" */
static int
time_of_day(const json_t *root, const char *key, int *out, struct err *e)
{
	const json_t *v = json_object_get(root, key);
	const char *s = json_string_value(v), *p = s;
	int h, m = -1, sec = -1;

	if (s == NULL)
		return err_set(e, ERR_DATA, "daily interval: %s must be given as \"H:M:S\"", key);
	h = two_digits(&p);
	if (h >= 0 && *p == ':') {
		p++;
		m = two_digits(&p);
	}
	if (m >= 0 && *p == ':') {
		p++;
		sec = two_digits(&p);
	}
	if (sec < 0 || *p != '\0' || h > 23 || m > 59 || sec > 59)
		return err_set(e, ERR_DATA, "daily interval: %s '%.40s' is no time of day: write \"H:M:S\", "
		    "0-23:0-59:0-59", key, s);
	*out = h * 3600 + m * 60 + sec;
	return 0;
}

static int
weekdays(const json_t *root, struct daily_spec *d, struct err *e)
{
	const json_t *v = json_object_get(root, "daysOfWeek"), *item;
	int64_t n;
	size_t i;

	d->weekdays = 0;
	if (v == NULL || json_is_null(v))
		return 0;
	if (!json_is_array(v))
		return err_set(e, ERR_DATA, "daily interval: daysOfWeek is an array of 1 (Monday) to 7 (Sunday)");
	json_array_foreach (v, i, item) {
		if (!integer(item, &n) || n < 1 || n > 7)
			return err_set(e, ERR_DATA, "daily interval: daysOfWeek[%zu] is not 1 (Monday) to 7 "
			    "(Sunday)", i);
		d->weekdays |= 1U << (n - 1);
	}
	return 0;
}

static int
read_object(json_t *root, struct daily_spec *d, struct err *e)
{
	const char *key;
	json_t *v;

	if (!json_is_object(root))
		return err_set(e, ERR_DATA, "daily interval: a JSON object must be here, with " KEYS);
	json_object_foreach (root, key, v) {
		size_t i = 0;

		while (i < sizeof keys / sizeof keys[0] && strcmp(keys[i], key) != 0)
			i++;
		if (i == sizeof keys / sizeof keys[0])
			return err_set(e, ERR_DATA, "daily interval: unknown key '%.40s'; there are " KEYS, key);
	}
	if (interval(root, d, e) != 0 || time_of_day(root, "startTimeOfDay", &d->begin_sec, e) != 0 ||
	    time_of_day(root, "endTimeOfDay", &d->end_sec, e) != 0 || weekdays(root, d, e) != 0)
		return -1;
	return daily_check(d, e);
}

int
daily_parse(const char *json, struct daily_spec *out, struct err *e)
{
	json_error_t where;
	json_t *root = json_loads(json, JSON_REJECT_DUPLICATES, &where);
	int ret;

	if (root == NULL)
		return err_set(e, ERR_DATA, "daily interval: column %d: %s; write a JSON object with " KEYS,
		    where.position > 0 ? where.position : 1, where.text);
	ret = read_object(root, out, e);
	json_decref(root);
	return ret;
}

int
daily_check(const struct daily_spec *d, struct err *e)
{
	if (d->interval_ms < DAILY_INTERVAL_MIN_MS || d->interval_ms > DAILY_INTERVAL_MAX_MS)
		return err_set(e, ERR_DATA, "daily interval: interval must be from 1 second to 366 days");
	if (d->begin_sec < 0 || d->end_sec >= 86400 || d->begin_sec >= 86400 || d->end_sec < 0)
		return err_set(e, ERR_DATA, "daily interval: a time of day is 0:0:0 to 23:59:59");
	if (d->end_sec < d->begin_sec)
		return err_set(e, ERR_DATA, "daily interval: endTime should after startTime!");
	if (d->weekdays > 0x7f)
		return err_set(e, ERR_DATA, "daily interval: a day of the week is 1 (Monday) to 7 (Sunday)");
	return 0;
}

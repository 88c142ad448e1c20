/* What `job add` and `job edit` say about a job: options become members of the request. */
#ifndef PJ_CTL_FIELDS_H
#define PJ_CTL_FIELDS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/opt.h"
#include "codec/json.h"

#define FIELDS_MAX 64

struct fields {
	struct {
		char column[64];
		struct buf json;
	} set[FIELDS_MAX];
	int n;
	const char *timed, *runs; /* the option that said when, and what; NULL none */
	bool params;              /* --params was there */
	const char *at, *start, *end, *tz, *fold; /* as said; NULL not. Times are read when the zone is known */
};

/* Those that set one member each, then the others. */
enum {
	F_DESCRIPTION,
	F_TAG,
	F_WORKERS,
	F_RETRIES,
	F_RETRY_DELAY,
	F_TIME_LIMIT,
	F_MAX_INSTANCES,
	F_ON_LOST,
	F_START,
	F_END,
	F_DISPATCH,
	F_DISPATCH_CONFIG,
	F_MIN_CPU,
	F_MIN_MEMORY,
	F_MIN_DISK,
	F_EXECUTE,
	F_CONCURRENCY,
	F_MAX_WORKERS,
	F_TASK_RETRIES,
	F_TZ,
	F_GAP,
	F_FOLD,
	F_MISFIRE,
	F_MISFIRE_WINDOW,
	F_MISFIRE_MAX,
	F_MISFIRE_RATE,
	F_OVERLAP,
	F_DEADLINE,
	F_JITTER,
	F_CRON,
	F_EVERY,
	F_DELAY,
	F_AT,
	F_DAILY,
	F_MANUAL,
	F_SHELL,
	F_PROCESSOR,
	F_PARAMS,
	F_FIELD,
	FIELDS_OPTION_END, /* the command's own ids begin here */
};

/* For the front of an option table. */
#define FIELDS_OPTIONS \
	{ F_CRON, 0, "cron", "EXPR", "when: 5 to 7 fields, or @daily and the like; pj-ctl time next EXPR shows it" }, \
	{ F_EVERY, 0, "every", "DUR", "when: at a fixed rate" }, \
	{ F_DELAY, 0, "delay", "DUR", "when: so long after the end of the last run" }, \
	{ F_AT, 0, "at", "TIME", "when: once; local times are of --tz, else your own" }, \
	{ F_DAILY, 0, "daily", "JSON", "when: an interval within a window of the day; see pj-time(7)" }, \
	{ F_MANUAL, 0, "manual", NULL, "when: by hand only" }, \
	{ F_TZ, 0, "tz", "ZONE", "when is meant in this zone, such as Europe/Berlin (default: the server's)" }, \
	{ F_GAP, 0, "gap", "HOW", "local times that the clock jumps over: skip (default), run-after or shift" }, \
	{ F_FOLD, 0, "fold", "HOW", "local times that the clock reads twice: first (default), last or both" }, \
	{ F_MISFIRE, 0, "misfire", "HOW", "of several times that are past: once (default) runs the first, none or all" }, \
	{ F_MISFIRE_WINDOW, 0, "misfire-window", "DUR", "what is past for longer does not run; 0 (default): no bound" }, \
	{ F_MISFIRE_MAX, 0, "misfire-max", "N", "for all: the newest N (default 100)" }, \
	{ F_MISFIRE_RATE, 0, "misfire-rate", "N", "for all: N a minute; 0 (default): at once" }, \
	{ F_OVERLAP, 0, "overlap", "HOW", "while one runs: allow (default) the next, skip, queue or replace" }, \
	{ F_DEADLINE, 0, "deadline", "DUR", "not started so long after its time; 0 (default): no bound" }, \
	{ F_JITTER, 0, "jitter", "DUR", "started up to so long after its time, the same each time" }, \
	{ F_SHELL, 0, "shell", "SCRIPT", "what: a script for the worker's shell (-: from standard input)" }, \
	{ F_PROCESSOR, 0, "processor", "NAME", "what: a processor of the worker, with --params" }, \
	{ F_PARAMS, 0, "params", "TEXT", "parameters of --processor (-: from standard input)" }, \
	{ F_DESCRIPTION, 0, "description", "TEXT", "for people" }, \
	{ F_TAG, 0, "tag", "TEXT", "for people and scripts" }, \
	{ F_WORKERS, 0, "workers", "LIST", "only on these: host:port or tags, commas between" }, \
	{ F_RETRIES, 0, "retries", "N", "start a failed instance again up to N times" }, \
	{ F_RETRY_DELAY, 0, "retry-delay", "DUR", "so long after it failed (default 10s)" }, \
	{ F_TIME_LIMIT, 0, "time-limit", "DUR", "stop a run that takes longer; it has failed then" }, \
	{ F_MAX_INSTANCES, 0, "max-instances", "N", "at most N at once; 0 (default): any number" }, \
	{ F_ON_LOST, 0, "on-lost", "WHAT", "when a worker is lost: rerun (default), fail or hold" }, \
	{ F_START, 0, "start", "TIME", "not triggered before" }, \
	{ F_END, 0, "end", "TIME", "not triggered after" }, \
	{ F_DISPATCH, 0, "dispatch", "HOW", "choice of the worker: health_first (default), random or specify" }, \
	{ F_DISPATCH_CONFIG, 0, "dispatch-config", "TEXT", "for specify: tagIn:PART of a tag, tagEquals:TAG, or TAG,host:port,..." }, \
	{ F_MIN_CPU, 0, "min-cpu", "N", "only where so many cores are free" }, \
	{ F_MIN_MEMORY, 0, "min-memory", "GB", "only where so much memory is free" }, \
	{ F_MIN_DISK, 0, "min-disk", "GB", "only where so much disk is free" }, \
	{ F_EXECUTE, 0, "execute", "HOW", "standalone (default), broadcast, map or map_reduce" }, \
	{ F_CONCURRENCY, 0, "concurrency", "N", "tasks of a map at once on each worker" }, \
	{ F_MAX_WORKERS, 0, "max-workers", "N", "workers of a map or broadcast; 0: all" }, \
	{ F_TASK_RETRIES, 0, "task-retries", "N", "start a failed task again up to N times" }, \
	{ F_FIELD, 0, "field", "NAME=VALUE", "any other field of pj-api(7), by its name" }

int fields_take(struct fields *f, int id, const char *value, struct err *e);
/* Sets a member to a string (NULL: null). */
int fields_text(struct fields *f, const char *column, const char *text, struct err *e);
/* Sets `command` from the words behind `--`. */
int fields_command(struct fields *f, int n, char **words, struct err *e);
/* When all options are there: reads their times, in the zone that was said, else the job's own (NULL or "": none), else the
 * person's. */
int fields_finish(struct fields *f, const char *job_tz, struct err *e);
/* Adds all members to an open object. */
void fields_put(const struct fields *f, struct jw *w);
void fields_fini(struct fields *f);

#endif

/* pj.ini: every key is declared once, in config.c's table: name, type, default, reloadable, help. pj.ini(5).
 *
 * Order, later wins: /etc/pj/pj.ini, ROOT/etc/pj.ini, PJ_CONFIG, -c FILE, -o key=value. Where -r, PJ_ROOT or `root`
 * names a root, its etc/pj.ini takes the place of /etc/pj/pj.ini. */
#ifndef PJ_CODEC_CONFIG_H
#define PJ_CODEC_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define CONFIG_LIST_MAX 64

struct config_list {
	char *item[CONFIG_LIST_MAX]; /* owned by the config */
	int n;
};

/* One member per key; the table in config.c binds names to members by offset. Strings are owned by the config,
 * never NULL ("" when unset). Durations are ms, sizes bytes. */
struct config {
	char *root;
	struct { char *etc, *state, *run, *log; } paths; /* absolute or relative as given; defaults from root */
	struct {
		char *http;      /* 127.0.0.1:7700 */
		char *remote;    /* 127.0.0.1:10010 */
		char *external;  /* host[:port] that workers are told; "" = remote's */
		bool openapi_auth, accept_plain;
		int64_t id;               /* 0..16383 in instance ids */
		int64_t worker_timeout_ms, report_timeout_ms, start_grace_ms, dispatch_timeout_ms;
		int64_t token_lifetime_ms;
		int64_t keep_instances_ms, keep_skipped_ms, keep_logs_ms, keep_logs_bytes, log_max_bytes;
	} server;
	struct {
		char *app;
		struct config_list servers; /* host:port of 7700s */
		char *listen, *external, *tags;
		int64_t slots, starts;      /* slots: runs at once; starts: forks in flight */
		bool accept_plain;
		/* allow: the kinds "exec", "shell", "file", or absolute paths: exec of this program, or with a '/' at
		 * its end of the programs below. Nothing allowed: nothing starts. processors: directories of files. */
		struct config_list allow, processors;
		int64_t heartbeat_ms, discover_ms, report_ms;
		int64_t keep_spool_ms, keep_spool_bytes, log_max_bytes, keep_tombstones_ms, stop_grace_ms;
		char *log_full;             /* drop | block */
		bool helpers;               /* start pj-discover, pj-health, pj-logship as children */
	} worker;
	struct {
		char *key_file;             /* "" = paths.etc/peer.key */
		int64_t max_skew_ms;
	} peer;
	struct { char *level; } log;        /* debug info warn error */
};

struct config_opts {
	const char *root;           /* -r */
	const char *file;           /* -c */
	const char *const *set;     /* -o key=value, NULL-ended; may be NULL */
};

/* Reads everything; errors carry file, line, key and what is allowed (ERR_CONFIG). On failure *c is empty. */
int config_load(struct config *c, const struct config_opts *o, struct err *e);
void config_fini(struct config *c);
/* Prints every key with its value as a pj.ini that reads back the same (-n). `only_changed`: those off their default. */
void config_print(const struct config *c, bool only_changed, struct buf *out);
/* SIGHUP: takes the reloadable keys of `fresh` into `c`; appends to `ignored` the names of changed keys that need a
 * restart, blank between. */
void config_reload(struct config *c, struct config *fresh, struct buf *ignored);
/* For the man page's test: calls fn for every key. type: "duration", "size", "bool", "address", "text", "list", "count". */
void config_each(void (*fn)(const char *name, const char *type, const char *dflt, bool reloadable, const char *help,
    void *arg), void *arg);

#endif

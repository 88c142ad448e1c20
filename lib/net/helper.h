/* What the helpers of a worker host (pj-discover, pj-health, pj-logship) have in common: command line, one per root,
 * worker.db, heartbeat file, loop, signals. Each says what it does in a struct helper_def. */
#ifndef PJ_NET_HELPER_H
#define PJ_NET_HELPER_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "codec/config.h"
#include "codec/hbfile.h"
#include "codec/options.h"
#include "net/loop.h"
#include "net/post.h"
#include "store/db.h"
#include "store/workerdb.h"

struct helper;

struct helper_def {
	const char *program, *summary, *more; /* for --help */
	/* Sets up its timers; the loop begins after it. What it keeps goes to h->user. */
	int (*start)(struct helper *h, struct err *e);
	void (*reloaded)(struct helper *h); /* after SIGHUP; may be NULL */
	/* SIGTERM or SIGINT; calls helper_exit, now or soon. NULL: at once. */
	void (*stop)(struct helper *h);
	void (*end)(struct helper *h);      /* frees h->user; may be NULL */
};

struct helper {
	const struct helper_def *def;
	struct options options;
	struct config conf;
	struct loop *loop;
	struct db *db;
	struct post post;
	bool once, stopping;
	int exit_code;
	char state_dir[PATH_MAX], bell_path[PATH_MAX];
	void *user;
	/* its own */
	struct hbfile file;
	char file_path[PATH_MAX];
	struct loop_timer *beat;
	bool written;
};

int helper_main(int argc, char **argv, const struct helper_def *def);
/* What the heartbeat file says of it, from now on: "ok", "waiting", "failing"; written at once when the word changes. */
void helper_state(struct helper *h, const char *state, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void helper_exit(struct helper *h, int code);
/* Tells pj-workerd to read table `server` again. */
void helper_ring(const struct helper *h);

#endif

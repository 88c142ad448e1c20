/* pj-serverd: one loop, one database, one core. A request, an answer, a tick of the clock is an event: it runs in a
 * savepoint through server_event, and what it wants to say waits for the turn's commit. */
#ifndef PJ_SERVERD_SERVER_H
#define PJ_SERVERD_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "codec/config.h"
#include "job/core.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/loop.h"
#include "net/peer.h"
#include "store/db.h"
#include "time/tz.h"

struct asks;
struct courier;
struct logpages;
struct logstore;
struct passwords;
struct probes;
struct remote;
struct retain;
struct waiters;

enum { LISTEN_HTTP, LISTEN_REMOTE, LISTEN_LOCAL }; /* in the order of http_server_listen */

struct server {
	struct config conf;
	struct config_opts opts; /* borrowed from main: what a reload reads again */
	struct loop *loop;
	struct db *db;
	struct core *core;
	struct http_server *http;
	struct http_client *client;
	struct peer_key peer_key;
	unsigned char token_secret[32];
	struct passwords *passwords;
	struct logstore *logs;
	struct logpages *pages;
	struct waiters *waiters;
	struct courier *courier;
	struct remote *remote;
	struct probes *probes;
	struct asks *asks;
	struct retain *retain;
	struct loop_timer *wall_tick, *mono_tick, *drain;
	struct core_wake wake;
	int lock_fd;
	char external[300];       /* host:port that workers are told */
	const char *remote_hosts[3]; /* Host values of 10010 besides its own address; NULL-ended */
	int64_t started_ms;
	int64_t turns, commits;
	bool broken;              /* memory could not be made anew from the rows: no event runs until it can */
	bool spoiled;             /* an event left the transaction in an unknown state: this turn must not commit */
	bool tick_due;            /* the core wants to look again at the end of this turn */
	bool stopping;
	bool failing;             /* commits fail, and it was said */
	bool troubled;            /* an event could not be stored, and it was said */
	char last_error[ERR_MSG_SIZE]; /* "" none since the start */
	int64_t last_error_ms;
};

/* Opens everything under the root and listens. On failure everything is closed again; e is for standard error. */
int server_open(struct server *s, const struct config_opts *opts, struct err *e);
int server_run(struct server *s, struct err *e); /* until SIGTERM or SIGINT */
/* Clean stop; 0, or -1 when the last commit or checkpoint failed. */
int server_close(struct server *s, struct err *e);

/* Runs fn as one event: its changes are kept when it returns 0, undone when it returns -1 (then e says why). Afterwards
 * the core's actions are taken. */
int server_event(struct server *s, int (*fn)(void *arg, struct err *e), void *arg, struct err *e);

/* The core's part of the configuration. */
struct core_conf server_core_conf(const struct server *s);
/* The zone of jobs that name none, and of dates; borrowed until the next turn. */
const struct tz *server_tz(const struct server *s);
/* `now` of this turn. */
struct now server_now(const struct server *s);
/* A commit failed: what callers are told, and is said in `server/status`. */
void server_note_error(struct server *s, const struct err *e);

/* boot.c: what exists before the loop. */
int boot_dirs(const struct server *s, struct err *e);
int boot_secrets(struct server *s, struct err *e);   /* token secret, peer key */
int boot_first_app(struct server *s, struct err *e); /* app `default` with a random password */
int boot_write_addr(const struct server *s, struct err *e);
void boot_remove_addr(const struct server *s);
void boot_raise_nofile(void);
/* True when host:port names this machine only. */
bool boot_is_loopback(const char *addr);

#endif

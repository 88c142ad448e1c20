/* Opening and closing of all that a server has, in order and back. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "ask.h"
#include "courier.h"
#include "logpages.h"
#include "logstore.h"
#include "passwords.h"
#include "probe.h"
#include "remote.h"
#include "retain.h"
#include "route.h"
#include "server.h"
#include "waiters.h"

#define TICK_BATCH 200

static int
open_store(struct server *s, struct err *e)
{
	char path[4096];

	if (boot_dirs(s, e) != 0 || file_path(path, sizeof path, e, "%s/server.lock", s->conf.paths.state) != 0)
		return -1;
	s->lock_fd = file_lock(path, e);
	if (s->lock_fd < 0)
		return err_prefix(e, "another pj-serverd runs on %s", s->conf.root);
	boot_remove_addr(s);
	if (file_path(path, sizeof path, e, "%s/server.db", s->conf.paths.state) != 0 ||
	    db_open(&s->db, path, DB_OWN, db_migrations_server, e) != 0)
		return -1;
	if (boot_secrets(s, e) != 0 || boot_first_app(s, e) != 0)
		return -1;
	return db_commit(s->db, e);
}

struct core_conf
server_core_conf(const struct server *s)
{
	return (struct core_conf){
		.server_id = s->conf.server.id,
		.report_timeout_ms = s->conf.server.report_timeout_ms,
		.worker_timeout_ms = s->conf.server.worker_timeout_ms,
		.start_grace_ms = s->conf.server.start_grace_ms,
		.resend_ms = s->conf.server.dispatch_timeout_ms,
		.watch_tz = true,
		.batch = TICK_BATCH,
	};
}

const struct tz *
server_tz(const struct server *s)
{
	return core_zone(s->core);
}

static int
open_core(struct server *s, struct err *e)
{
	struct core_conf c = server_core_conf(s);

	s->core = core_new(s->db, &c, clock_now(), e);
	return s->core == NULL ? -1 : db_commit(s->db, e);
}

static int
open_parts(struct server *s, struct err *e)
{
	if ((s->loop = loop_new(e)) == NULL || (s->client = http_client_new(s->loop, e)) == NULL ||
	    (s->http = http_server_new(s->loop, e)) == NULL)
		return -1;
	s->passwords = passwords_new(e);
	s->logs = logstore_new(s, e);
	s->pages = logpages_new(s);
	s->waiters = waiters_new(s);
	s->courier = courier_new(s);
	s->remote = remote_new(s);
	s->probes = probes_new(s);
	s->asks = asks_new(s);
	s->retain = retain_new(s);
	if (s->logs == NULL || s->passwords == NULL)
		return -1;
	if (s->pages == NULL || s->waiters == NULL || s->courier == NULL || s->remote == NULL || s->probes == NULL || s->asks == NULL ||
	    s->retain == NULL)
		return err_set(e, ERR_NOMEM, "out of memory");
	return 0;
}

/* What workers are told: server.external, its port the listener's unless it names one. */
static int
set_external(struct server *s, struct err *e)
{
	const char *bound = http_server_addr(s->http, LISTEN_REMOTE), *port = strrchr(bound, ':');
	const char *want = s->conf.server.external;

	if (want[0] == '\0' && (strncmp(bound, "0.0.0.0:", 8) == 0 || strncmp(bound, "[::]:", 5) == 0))
		return err_set(e, ERR_CONFIG, "server.remote=%s is every address of this machine: set server.external "
		    "to the host that workers shall use", s->conf.server.remote);
	if (want[0] == '\0')
		snprintf(s->external, sizeof s->external, "%s", bound);
	else
		snprintf(s->external, sizeof s->external, "%.255s%s", want, strchr(want, ':') == NULL ? port : "");
	s->remote_hosts[0] = s->external;
	return 0;
}

static void
warn_open(const char *key, const char *addr)
{
	if (!boot_is_loopback(addr))
		log_warn("listens_beyond_loopback", "key=%s address=%s anybody who reaches it can talk to it without "
		    "encryption", key, addr);
}

static int
open_listeners(struct server *s, struct err *e)
{
	char path[4096];
	struct http_listener http = { .addr = s->conf.server.http, .handler = route_public, .fail = route_fail, .arg = s };
	struct http_listener remote = { .addr = s->conf.server.remote, .handler = remote_handle, .fail = remote_fail,
		.arg = s, .strict_origin = true, .hosts = s->remote_hosts,
		.connections_max = LIMIT_WORKER_CONNECTIONS };
	struct http_listener local = { .addr = path, .handler = route_local, .fail = route_fail, .arg = s };

	if (s->conf.server.external[0] != '\0') /* without a port of its own it is completed below */
		s->remote_hosts[0] = s->conf.server.external;
	if (http_server_listen(s->http, &http, e) != 0)
		return err_prefix(e, "server.http");
	if (http_server_listen(s->http, &remote, e) != 0)
		return err_prefix(e, "server.remote");
	if (file_path(path, sizeof path, e, "%s/server.sock", s->conf.paths.run) != 0 ||
	    http_server_listen(s->http, &local, e) != 0)
		return -1;
	if (set_external(s, e) != 0)
		return -1;
	warn_open("server.http", http_server_addr(s->http, LISTEN_HTTP));
	warn_open("server.remote", http_server_addr(s->http, LISTEN_REMOTE));
	return 0;
}

static void
free_parts(struct server *s)
{
	/* Requests that are still open call back into waiters and probes: the server of HTTP goes first. */
	http_server_free(s->http);
	http_client_free(s->client);
	retain_free(s->retain);
	probes_free(s->probes);
	asks_free(s->asks);
	remote_free(s->remote);
	courier_free(s->courier);
	waiters_free(s->waiters);
	logpages_free(s->pages);
	logstore_free(s->logs);
	passwords_free(s->passwords);
	loop_timer_free(s->wall_tick);
	loop_timer_free(s->mono_tick);
	loop_timer_free(s->drain);
	loop_free(s->loop);
	core_free(s->core);
}

static void
free_all(struct server *s)
{
	free_parts(s);
	db_close(s->db);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	config_fini(&s->conf);
}

int
server_open(struct server *s, const struct config_opts *opts, struct err *e)
{
	enum log_level level;

	memset(s, 0, sizeof *s);
	s->lock_fd = -1;
	s->opts = *opts;
	s->started_ms = clock_wall_ms();
	s->wake.at_ms = s->wake.mono_ms = INT64_MAX;
	if (config_load(&s->conf, opts, e) != 0)
		return -1;
	if (log_level_from_name(s->conf.log.level, &level) == 0)
		log_set_level(level);
	boot_raise_nofile();
	if (open_store(s, e) != 0 || open_core(s, e) != 0 || open_parts(s, e) != 0 ||
	    logstore_repair(s->logs, e) != 0 || open_listeners(s, e) != 0) {
		free_all(s);
		return -1;
	}
	return 0;
}

int
server_close(struct server *s, struct err *e)
{
	int rc = 0;

	boot_remove_addr(s);
	if (db_dirty(s->db))
		rc = db_commit(s->db, e);
	log_info("stopped", "turns=%lld commits=%lld", (long long)s->turns, (long long)s->commits);
	free_all(s);
	return rc;
}

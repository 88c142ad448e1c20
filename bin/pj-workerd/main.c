/* pj-workerd: the supervisor of a worker host. Start, signals, end; everything else is in the modules of worker.h. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "codec/hbfile.h"
#include "worker.h"

#define BEAT_MS 10000
#define FORGET_MOST_MS 60000
#define FORGET_LEAST_MS 1000
#define FORGET_SOON_MS 200
#define FORGET_AT_ONCE 500
#define STOP_MS 5000 /* helpers get so long to end */

static const char more[] =
    "Ends the helpers and leaves the runs alive on SIGTERM; reads its configuration again on SIGHUP.\n\n"
    "exit codes:\n"
    "  0 ended by SIGTERM   64 called wrongly   69 address in use   71 system error   74 disk error\n"
    "  75 another pj-workerd has this root   78 configuration\n";

static struct loop_timer *stop_timer;
static struct hbfile beat_file;

/* --- timers ------------------------------------------------------------------------------------------------------ */

static void
beat(void *arg)
{
	struct host *w = arg;
	struct err e = ERR_INIT;
	char path[PATH_MAX];

	snprintf(beat_file.state, sizeof beat_file.state, "%s", w->stopping ? "stopping" : "ok");
	snprintf(beat_file.assignment, sizeof beat_file.assignment, "%.100s", w->conf->worker.app);
	snprintf(beat_file.note, sizeof beat_file.note, "listen=%s slots_used=%d of %d, reports waiting=%d", w->address,
	    w->n_used, (int)w->conf->worker.slots, w->ready.n + w->waiting.n);
	if (file_path(path, sizeof path, &e, "%s/hb/pj-workerd.hb", w->state_dir) < 0
	    || hbfile_write(path, &beat_file, &e) < 0)
		log_warn("heartbeat_file", "error=%s", log_q(e.msg));
	loop_timer_set(w->beat_timer, BEAT_MS);
}

static int64_t
forget_pause_ms(const struct host *w)
{
	int64_t ms = w->conf->worker.keep_tombstones_ms / 4;

	return ms < FORGET_LEAST_MS ? FORGET_LEAST_MS : ms > FORGET_MOST_MS ? FORGET_MOST_MS : ms;
}

static void
forget(void *arg)
{
	struct host *w = arg;
	struct err e = ERR_INIT;
	int64_t n = 0, before_ms = worker_wall(w) - w->conf->worker.keep_tombstones_ms;
	bool due = false;

	/* A look without the write lock: mostly there is nothing. */
	if (workerdb_assign_due(w->db, before_ms, &due, &e) == 0 && due && worker_begin(w) == 0)
		worker_wrote(w, workerdb_assign_forget(w->db, before_ms, FORGET_AT_ONCE, &n, &e), &e);
	loop_timer_set(w->forget_timer, n == FORGET_AT_ONCE ? FORGET_SOON_MS : forget_pause_ms(w));
}

/* --- signals ----------------------------------------------------------------------------------------------------- */

static void
stop_now(void *arg)
{
	struct host *w = arg;

	if (!helpers_gone(w))
		helpers_kill(w);
	loop_stop(w->loop);
}

static void
on_stop(int signo, void *arg)
{
	struct host *w = arg;

	if (w->stopping)
		return;
	w->stopping = true;
	loop_notify("STOPPING=1");
	log_info("stopping", "signal=%d runs=%d reports=%d", signo, w->live.n + w->queued.n, w->ready.n + w->waiting.n);
	http_server_close(w->http);
	beat(w);
	helpers_stop(w);
	loop_timer_set(stop_timer, helpers_gone(w) ? 0 : STOP_MS);
}

static void
on_hangup(int signo, void *arg)
{
	struct host *w = arg;
	struct err e = ERR_INIT;

	(void)signo;
	if (options_reload(w->options, w->conf) == 0 && policy_check_config(w->conf, &e) < 0)
		log_error("reload", "error=%s", log_q(e.msg)); /* jobs of that kind are refused */
	helpers_hangup(w);
}

/* --- start ------------------------------------------------------------------------------------------------------- */

static int
check_config(const struct config *conf, struct err *e)
{
	if (conf->worker.app[0] == '\0')
		return err_set(e, ERR_CONFIG, "worker.app is empty: set it to the name of the app that this host works for");
	if (conf->worker.servers.n == 0)
		return err_set(e, ERR_CONFIG, "worker.servers is empty: set it to the servers' http addresses, for instance "
		    "127.0.0.1:7700");
	return 0;
}

static int
write_self(struct host *w, struct err *e)
{
	struct worker_self self = { .started_ms = clock_wall_ms(), .slots = w->conf->worker.slots };

	snprintf(self.address, sizeof self.address, "%s", w->address);
	snprintf(self.boot_id, sizeof self.boot_id, "%s", clock_boot_id());
	return workerdb_self_put(w->db, &self, e);
}

/* For scripts: where it really listens, written when it does. */
static int
write_addr(struct host *w, struct err *e)
{
	char path[PATH_MAX], text[192];
	int n = snprintf(text, sizeof text, "listen=%s\n", http_server_addr(w->http, 0));

	if (file_path(path, sizeof path, e, "%s/worker.addr", w->run_dir) < 0)
		return -1;
	return file_replace_fast(path, text, (size_t)n, 0600, e);
}

static int
set_timers(struct host *w, struct err *e)
{
	stop_timer = loop_timer_new(w->loop, stop_now, w);
	w->beat_timer = loop_timer_new(w->loop, beat, w);
	w->forget_timer = loop_timer_new(w->loop, forget, w);
	if (stop_timer == NULL || w->beat_timer == NULL || w->forget_timer == NULL)
		return err_set(e, ERR_NOMEM, "out of memory");
	loop_timer_set(w->forget_timer, forget_pause_ms(w));
	if (loop_signal(w->loop, SIGTERM, on_stop, w) < 0 || loop_signal(w->loop, SIGINT, on_stop, w) < 0
	    || loop_signal(w->loop, SIGHUP, on_hangup, w) < 0)
		return err_set(e, ERR_OS, "cannot watch signals");
	return hbfile_init(&beat_file, "pj-workerd", BEAT_MS, e);
}

static int
open_all(struct host *w, struct err *e)
{
	/* It listens from here on, and answers when the loop runs: after all that was there is known again. */
	if (accept_open(w, e) < 0 || bell_open(w, e) < 0 || live_open(w, e) < 0 || outbox_open(w, e) < 0)
		return -1;
	if (slots_init(w, e) < 0 || adopt_all(w, e) < 0 || spawn_new(w, e) == NULL)
		return -1;
	if (write_self(w, e) < 0 || set_timers(w, e) < 0 || helpers_open(w, e) < 0 || write_addr(w, e) < 0)
		return -1;
	outbox_kick(w);
	beat(w);
	return 0;
}

static int
lock_root(const struct config *conf, struct err *e)
{
	char path[PATH_MAX];
	int fd;

	if (file_mkdirs(conf->paths.run, e) < 0 || file_path(path, sizeof path, e, "%s/pj-workerd.lock", conf->paths.run) < 0)
		return -1;
	fd = file_lock(path, e);
	return fd < 0 && e->code == ERR_BUSY ? err_prefix(e, "another pj-workerd has this root") : fd;
}

static int
serve(struct options *o, struct config *conf)
{
	static struct host host;
	struct host *w = &host;
	struct err e = ERR_INIT;
	char path[PATH_MAX];
	int rc = 0;

	if (check_config(conf, &e) < 0 || lock_root(conf, &e) < 0 || worker_open(w, o, conf, &e) < 0
	    || open_all(w, &e) < 0) {
		fprintf(stderr, "pj-workerd: %s\n", e.msg);
		worker_close(w);
		return err_exit_code(e.code);
	}
	log_info("ready", "listen=%s address=%s app=%s slots=%" PRId64 " version=%s", http_server_addr(w->http, 0),
	    w->address, log_q(conf->worker.app), conf->worker.slots, PJ_VERSION);
	loop_notify("READY=1");
	if (loop_run(w->loop, &e) < 0) {
		log_error("loop", "error=%s", log_q(e.msg));
		rc = err_exit_code(e.code);
	}
	if (file_path(path, sizeof path, NULL, "%s/worker.addr", w->run_dir) == 0)
		unlink(path);
	loop_timer_free(stop_timer);
	worker_close(w);
	log_info("stopped", "exit=%d", rc);
	return rc;
}

int
main(int argc, char **argv)
{
	enum log_level level = LOG_INFO_;
	struct options options;
	struct config conf;
	int rc;

	umask(077);
	signal(SIGPIPE, SIG_IGN);
	rc = options_load_checked(&options, &conf, argc, argv, "pj-workerd",
	    "Accepts dispatches of a server, starts, watches and ends their runs and the helpers of this host.", more, false,
	    policy_check_config);
	if (rc != -1)
		return rc;
	log_level_from_name(conf.log.level, &level);
	log_init("pj-workerd", level);
	rc = serve(&options, &conf);
	config_fini(&conf);
	return rc;
}

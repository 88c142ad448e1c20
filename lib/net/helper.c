#include "net/helper.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"

#define BEAT_MS 10000

/* --- the heartbeat file ------------------------------------------------------------------------------------------ */

static void
assign(struct helper *h)
{
	struct buf printed = BUF_INIT;

	config_print(&h->conf, false, &printed);
	hbfile_assignment(h->file.assignment, h->conf.worker.app, buf_str(&printed));
	buf_fini(&printed);
}

static void
write_file(struct helper *h)
{
	struct err e = ERR_INIT;

	if (h->once)
		return; /* it is over before anybody looks */
	if (hbfile_write(h->file_path, &h->file, &e) < 0 && h->written)
		log_warn("heartbeat_file", "error=%s", log_q(e.msg));
	h->written = true;
}

static void
beat(void *arg)
{
	struct helper *h = arg;

	write_file(h);
	loop_timer_set(h->beat, BEAT_MS);
}

void
helper_state(struct helper *h, const char *state, const char *fmt, ...)
{
	bool changed = strcmp(h->file.state, state) != 0;
	va_list ap;

	snprintf(h->file.state, sizeof h->file.state, "%s", state);
	va_start(ap, fmt);
	vsnprintf(h->file.note, sizeof h->file.note, fmt, ap);
	va_end(ap);
	if (!changed)
		return;
	if (strcmp(state, "failing") == 0)
		log_warn("state", "state=%s note=%s", state, log_q(h->file.note));
	else
		log_info("state", "state=%s note=%s", state, log_q(h->file.note));
	write_file(h);
}

/* --- end --------------------------------------------------------------------------------------------------------- */

void
helper_exit(struct helper *h, int code)
{
	h->exit_code = code;
	loop_stop(h->loop);
}

static void
on_stop(int signo, void *arg)
{
	struct helper *h = arg;

	if (h->stopping)
		return;
	h->stopping = true;
	loop_notify("STOPPING=1");
	helper_state(h, "stopping", "signal %d", signo);
	if (h->def->stop != NULL)
		h->def->stop(h);
	else
		helper_exit(h, 0);
}

static void
on_hangup(int signo, void *arg)
{
	struct helper *h = arg;

	(void)signo;
	if (options_reload(&h->options, &h->conf) < 0)
		return;
	assign(h);
	write_file(h);
	if (h->def->reloaded != NULL)
		h->def->reloaded(h);
}

void
helper_ring(const struct helper *h)
{
	static const char text[] = "PJ1 ring table=server";
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	if (strlen(h->bell_path) < sizeof to.sun_path) {
		memcpy(to.sun_path, h->bell_path, strlen(h->bell_path) + 1);
		/* Only a bell: nobody there is as good. */
		if (sendto(fd, text, sizeof text - 1, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof to) < 0)
			log_debug("not_rung", "path=%s", log_q(h->bell_path));
	}
	close(fd);
}

/* --- start ------------------------------------------------------------------------------------------------------- */

static int
nothing_to_commit(void *arg, struct err *e)
{
	(void)arg;
	(void)e;
	return 0; /* each statement of ours is its own transaction */
}

static int
make_dirs(struct helper *h, struct err *e)
{
	const char *const dirs[] = { h->conf.paths.state, h->conf.paths.run, h->conf.paths.etc };
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++)
		if (file_mkdirs(dirs[i], e) < 0)
			return -1;
	if (file_path(path, sizeof path, e, "%s/hb", h->conf.paths.state) < 0 || file_mkdirs(path, e) < 0)
		return -1;
	if (file_path(h->state_dir, sizeof h->state_dir, e, "%s", h->conf.paths.state) < 0
	    || file_path(h->bell_path, sizeof h->bell_path, e, "%s/worker.sock", h->conf.paths.run) < 0
	    || file_path(h->file_path, sizeof h->file_path, e, "%s/hb/%s.hb", h->state_dir, h->def->program) < 0)
		return -1;
	return 0;
}

static int
lock(struct helper *h, struct err *e)
{
	char path[PATH_MAX];
	int fd;

	if (file_path(path, sizeof path, e, "%s/%s.lock", h->conf.paths.run, h->def->program) < 0)
		return -1;
	fd = file_lock(path, e);
	return fd < 0 && e->code == ERR_BUSY ? err_prefix(e, "another %s has this root", h->def->program) : fd;
}

static int
open_all(struct helper *h, struct err *e)
{
	static const struct loop_ops ops = { .commit = nothing_to_commit };
	char path[PATH_MAX];

	if (file_path(path, sizeof path, e, "%s/worker.db", h->state_dir) < 0
	    || db_open(&h->db, path, DB_SHARED, db_migrations_worker, e) < 0 || (h->loop = loop_new(e)) == NULL)
		return -1;
	loop_set_ops(h->loop, &ops, h);
	if (h->conf.peer.key_file[0] != '\0') {
		if (post_init(&h->post, h->loop, h->conf.peer.key_file, e) < 0)
			return -1;
	} else if (file_path(path, sizeof path, e, "%s/peer.key", h->conf.paths.etc) < 0
	    || post_init(&h->post, h->loop, path, e) < 0) {
		return -1;
	}
	if (loop_signal(h->loop, SIGTERM, on_stop, h) < 0 || loop_signal(h->loop, SIGINT, on_stop, h) < 0
	    || loop_signal(h->loop, SIGHUP, on_hangup, h) < 0)
		return err_set(e, ERR_OS, "cannot watch signals");
	if ((h->beat = loop_timer_new(h->loop, beat, h)) == NULL)
		return err_set(e, ERR_NOMEM, "out of memory");
	if (hbfile_init(&h->file, h->def->program, BEAT_MS, e) < 0)
		return -1;
	h->file.supervised = getenv("PJ_SUPERVISED") != NULL;
	assign(h);
	return h->def->start(h, e);
}

static void
close_all(struct helper *h)
{
	if (h->def->end != NULL)
		h->def->end(h);
	post_fini(&h->post);
	loop_timer_free(h->beat);
	loop_free(h->loop);
	db_close(h->db);
	config_fini(&h->conf);
}

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

int
helper_main(int argc, char **argv, const struct helper_def *def)
{
	static struct helper helper;
	struct helper *h = &helper;
	enum log_level level = LOG_INFO_;
	struct err e = ERR_INIT;
	int rc;

	umask(077);
	signal(SIGPIPE, SIG_IGN);
	h->def = def;
	if ((rc = options_load(&h->options, &h->conf, argc, argv, def->program, def->summary, def->more, true)) != -1)
		return rc;
	h->once = h->options.once;
	log_level_from_name(h->conf.log.level, &level);
	log_init(def->program, level);
	if (check_config(&h->conf, &e) < 0 || make_dirs(h, &e) < 0 || lock(h, &e) < 0) {
		fprintf(stderr, "%s: %s\n", def->program, e.msg);
		config_fini(&h->conf);
		/* From cron beside a daemon, that is no failure. */
		return e.code == ERR_BUSY && h->once ? 0 : err_exit_code(e.code);
	}
	if (open_all(h, &e) < 0) {
		fprintf(stderr, "%s: %s\n", def->program, e.msg);
		close_all(h);
		return err_exit_code(e.code);
	}
	beat(h);
	loop_notify("READY=1");
	if (loop_run(h->loop, &e) < 0) {
		log_error("loop", "error=%s", log_q(e.msg));
		h->exit_code = err_exit_code(e.code);
	}
	rc = h->exit_code;
	close_all(h);
	return rc;
}

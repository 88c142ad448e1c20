#include "worker.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

#define SERVER_FRESH_MS 1000

/* --- the turn ---------------------------------------------------------------------------------------------------- */

int
worker_begin(struct host *w)
{
	if (w->turn_error.code != ERR_NONE)
		return -1;
	if (w->in_turn)
		return 0;
	w->in_turn = true;
	return db_begin(w->db, &w->turn_error);
}

int
worker_wrote(struct host *w, int rc, const struct err *e)
{
	if (rc < 0 && w->turn_error.code == ERR_NONE)
		w->turn_error = *e;
	return rc;
}

/* --- after the commit ------------------------------------------------------------------------------------------- */

/* What goes on after a commit may write again: that belongs to the next turn, and so does what waits for it. Therefore
 * the list is our own; the loop gets one release a turn, which runs the part of it that was written before the commit. */
struct after {
	struct run *run;
	void *arg;
	void (*fn)(struct host *w, struct run *r, void *arg, const struct err *failed);
};

static void
run_after(void *arg, const struct err *failed)
{
	struct host *w = arg;
	struct after_list now = w->after;

	(void)failed; /* as told to worker_commit's caller; ours says whether it was our write */
	w->after = (struct after_list){ NULL, 0, 0 };
	for (int i = 0; i < now.n; i++)
		now.item[i].fn(w, now.item[i].run, now.item[i].arg, w->committed ? NULL : &w->commit_error);
	free(now.item);
	if (w->in_turn || w->after.n > 0)
		loop_timer_set(w->turn_timer, 0);
}

static void
nothing(void *arg)
{
	(void)arg; /* its turn commits */
}

int
worker_commit(void *arg, struct err *e)
{
	struct host *w = arg;
	struct err failed = w->turn_error;

	if (!w->in_turn && failed.code == ERR_NONE && w->after.n == 0)
		return 0;
	if (failed.code == ERR_NONE && w->in_turn)
		db_commit(w->db, &failed);
	w->in_turn = false;
	err_clear(&w->turn_error);
	w->committed = failed.code == ERR_NONE;
	if (!w->committed) {
		db_rollback(w->db);
		w->commit_error = failed;
	}
	if (w->after.n > 0 && loop_release(w->loop, run_after, w) < 0)
		run_after(w, NULL);
	if (w->committed)
		return 0;
	*e = failed;
	return -1;
}

static bool
room_for_after(struct host *w)
{
	struct after *more;
	int cap = w->after.cap == 0 ? 64 : w->after.cap * 2;

	if (w->after.n < w->after.cap)
		return true;
	more = realloc(w->after.item, (size_t)cap * sizeof *more);
	if (more == NULL)
		return false;
	w->after.item = more;
	w->after.cap = cap;
	return true;
}

void
worker_after(struct host *w, void (*fn)(struct host *w, struct run *r, void *arg, const struct err *failed),
    struct run *r, void *arg)
{
	struct err e = ERR_INIT;

	if (room_for_after(w)) {
		w->after.item[w->after.n++] = (struct after){ r, arg, fn };
		return;
	}
	/* Nobody would ever go on: what was written must not be kept, and is undone here and now. */
	err_set(&e, ERR_NOMEM, "out of memory");
	worker_wrote(w, -1, &e);
	fn(w, r, arg, &e);
}

int64_t
worker_mono(const struct host *w)
{
	return loop_now(w->loop).mono_ms;
}

int64_t
worker_wall(const struct host *w)
{
	return loop_now(w->loop).at_ms;
}

/* --- the server -------------------------------------------------------------------------------------------------- */

const char *
worker_server(struct host *w)
{
	int64_t mono_ms = worker_mono(w);
	struct worker_server fresh;
	struct err e = ERR_INIT;

	if (w->server_read_mono_ms != 0 && mono_ms - w->server_read_mono_ms < SERVER_FRESH_MS)
		return w->server.address;
	w->server_read_mono_ms = mono_ms;
	if (workerdb_server_get(w->db, &fresh, &e) < 0) {
		log_warn("server_row_unread", "error=%s", log_q(e.msg)); /* the last one known is as good */
		return w->server.address;
	}
	if (strcmp(fresh.address, w->server.address) != 0)
		log_info("server", "address=%s app_id=%lld", log_q(fresh.address), (long long)fresh.app_id);
	w->server = fresh;
	return w->server.address;
}

void
worker_forget_server(struct host *w)
{
	w->server_read_mono_ms = 0;
}

/* --- life -------------------------------------------------------------------------------------------------------- */

static int
own_dir(char out[PATH_MAX], struct err *e)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);

	if (n < 0)
		return err_sys(e, ERR_OS, errno, "cannot read /proc/self/exe");
	exe[n] = '\0';
	return file_path(out, PATH_MAX, e, "%s", dirname(exe));
}

static int
make_dir(const char *dir, const char *below, char real[PATH_MAX], struct err *e)
{
	char path[PATH_MAX];

	if (file_path(path, sizeof path, e, "%s%s", dir, below) < 0 || file_mkdirs(path, e) < 0)
		return -1;
	if (real != NULL && realpath(path, real) == NULL)
		return err_sys(e, ERR_IO, errno, "%s", path);
	return 0;
}

/* Two workers of one host, of two servers, may have runs with the same numbers. */
static int
make_mark(struct host *w, struct err *e)
{
	struct stat st;

	if (stat(w->state_dir, &st) < 0)
		return err_sys(e, ERR_IO, errno, "%s", w->state_dir);
	snprintf(w->mark, sizeof w->mark, "%jx.%jx", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return 0;
}

/* A descriptor for each slot, each connection of a server, and the rest. */
static void
raise_files(const struct config *conf)
{
	struct rlimit rl;
	rlim_t want = (rlim_t)conf->worker.slots * 2 + 1024;

	if (getrlimit(RLIMIT_NOFILE, &rl) < 0 || rl.rlim_cur >= want)
		return;
	rl.rlim_cur = rl.rlim_max == RLIM_INFINITY || rl.rlim_max > want ? want : rl.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &rl) < 0 || rl.rlim_cur < want)
		log_warn("few_descriptors", "limit=%llu wanted=%llu", (unsigned long long)rl.rlim_cur,
		    (unsigned long long)want);
}

int
worker_open(struct host *w, struct options *o, struct config *conf, struct err *e)
{
	static const struct loop_ops ops = { .commit = worker_commit };
	char path[PATH_MAX];

	w->options = o;
	w->conf = conf;
	w->bell_fd = -1;
	w->free_head = -1;
	raise_files(conf);
	if (own_dir(w->bin_dir, e) < 0 || make_dir(conf->paths.state, "", w->state_dir, e) < 0
	    || make_dir(w->state_dir, "/hb", NULL, e) < 0 || make_dir(w->state_dir, "/spool", NULL, e) < 0
	    || make_dir(conf->paths.run, "", w->run_dir, e) < 0 || make_mark(w, e) < 0)
		return -1;
	if (file_path(w->bell_path, sizeof w->bell_path, e, "%s/worker.sock", w->run_dir) < 0
	    || file_path(path, sizeof path, e, "%s/worker.db", w->state_dir) < 0
	    || db_open(&w->db, path, DB_SHARED, db_migrations_worker, e) < 0)
		return -1;
	if ((w->loop = loop_new(e)) == NULL)
		return -1;
	loop_set_ops(w->loop, &ops, w);
	if ((w->turn_timer = loop_timer_new(w->loop, nothing, w)) == NULL)
		return err_set(e, ERR_NOMEM, "out of memory");
	if (conf->peer.key_file[0] != '\0')
		return post_init(&w->post, w->loop, conf->peer.key_file, e);
	if (make_dir(conf->paths.etc, "", NULL, e) < 0
	    || file_path(path, sizeof path, e, "%s/peer.key", conf->paths.etc) < 0)
		return -1;
	return post_init(&w->post, w->loop, path, e);
}

static void
free_list(struct host *w, struct run_list *list)
{
	while (list->first != NULL)
		assign_free(w, list->first);
}

void
worker_close(struct host *w)
{
	if (w->http != NULL)
		http_server_free(w->http);
	helpers_free(w);
	spawn_free(w->spawner);
	bell_close(w);
	post_fini(&w->post);
	free_list(w, &w->queued);
	free_list(w, &w->live);
	free_list(w, &w->ready);
	free_list(w, &w->waiting);
	free(w->bucket);
	slots_fini(w);
	free(w->after.item);
	loop_timer_free(w->turn_timer);
	loop_timer_free(w->look_timer);
	loop_timer_free(w->outbox_timer);
	loop_timer_free(w->direct_timer);
	loop_timer_free(w->forget_timer);
	loop_timer_free(w->beat_timer);
	loop_timer_free(w->sweep_timer);
	loop_free(w->loop);
	db_close(w->db);
}

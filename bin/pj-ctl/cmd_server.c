/* pj-ctl server: how it is, and the care of its database. backup and check need no running server. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "call.h"
#include "ledger.h"
#include "nouns.h"
#include "out.h"

/* --- status ---------------------------------------------------------------------------------------------------- */

static void
put_up(const struct json_t *row, struct buf *out)
{
	static const struct out_column up = { "up", "", OUT_DURATION, 0, NULL };
	struct buf text = BUF_INIT;
	struct json_t *doc;
	int64_t now = 0, started = 0;

	if (js_i64(row, "nowMs", 0, &now, NULL) != 0 || js_i64(row, "startedMs", 0, &started, NULL) != 0)
		return;
	buf_addf(&text, "{\"up\":%lld}", (long long)((now - started) / 1000 * 1000));
	doc = js_parse(buf_str(&text), text.len, NULL);
	if (doc != NULL)
		out_human(&up, doc, out);
	js_free(doc);
	buf_fini(&text);
}

/* Said only where there was trouble. */
static void
put_works(const struct json_t *row, struct buf *out)
{
	bool works = true;

	if (js_text(js_get(row, "lastError")) != NULL && js_bool(row, "storing", true, &works, NULL) == 0)
		buf_adds(out, works ? "the database is written again" : "writing fails: nothing new is taken");
}

static const struct out_column status_columns[] = {
	{ "version", "version", OUT_TEXT, OUT_SHOW, NULL },
	{ "pid", "pid", OUT_NUMBER, OUT_SHOW, NULL },
	{ "root", "root", OUT_TEXT, OUT_SHOW, NULL },
	{ "http", "http", OUT_TEXT, OUT_SHOW, NULL },
	{ "remote", "remote", OUT_TEXT, OUT_SHOW, NULL },
	{ "startedMs", "started", OUT_TIME, OUT_SHOW, NULL },
	{ NULL, "up", OUT_TEXT, OUT_SHOW, put_up },
	{ "nowMs", NULL, OUT_TIME, 0, NULL },
	{ "jobsEnabled", "jobs enabled", OUT_NUMBER, OUT_SHOW, NULL },
	{ "waiting", "waiting", OUT_NUMBER, OUT_SHOW, NULL },
	{ "sent", "sent", OUT_NUMBER, OUT_SHOW, NULL },
	{ "running", "running", OUT_NUMBER, OUT_SHOW, NULL },
	{ "workers", "workers", OUT_NUMBER, OUT_SHOW, NULL },
	{ "dbBytes", "database", OUT_BYTES, OUT_SHOW, NULL },
	{ "logBytes", "logs", OUT_BYTES, OUT_SHOW, NULL },
	{ "commits", "commits", OUT_NUMBER, OUT_SHOW, NULL },
	{ "turns", "turns", OUT_NUMBER, OUT_SHOW, NULL },
	{ "lastError", "last error", OUT_TEXT, OUT_SHOW, NULL },
	{ "lastErrorMs", "error at", OUT_TIME, OUT_SHOW, NULL },
	{ "storing", NULL, OUT_BOOL, 0, NULL },
	{ NULL, "since then", OUT_TEXT, OUT_SHOW, put_works },
	{ NULL, NULL, OUT_TEXT, 0, NULL },
};

static int
do_status(const struct verb *v, struct ctl *c, struct opt_args *args)
{
	struct json_t *doc;
	struct err e = ERR_INIT;
	struct out o;
	int rc = verb_parse(v, c, args, NULL, NULL);

	if (rc != OPT_GO)
		return rc;
	if (call_get(c, "server/status", NULL, &doc, &e) != 0)
		return ctl_fail(&e);
	out_init(&o, c, NULL, status_columns);
	rc = out_show(&o, doc);
	js_free(doc);
	return rc;
}

/* --- check ----------------------------------------------------------------------------------------------------- */

static const struct out_column finding_columns[] = {
	{ "rule", "rule", OUT_TEXT, OUT_LIST, NULL },
	{ "finding", "finding", OUT_TEXT, OUT_LIST, NULL },
	{ NULL, NULL, OUT_TEXT, 0, NULL },
};

static void
put_finding(const char *rule, const char *finding, void *arg)
{
	struct out *o = arg;
	struct buf text = BUF_INIT;
	struct json_t *row;
	struct jw w;

	if (o->ops == &out_table) { /* whole: a table would cut it */
		printf("%s: %s\n", rule, finding);
		return;
	}
	jw_init(&w, &text);
	jw_obj(&w);
	jw_str(&w, "rule", rule);
	jw_str(&w, "finding", finding);
	jw_end(&w);
	row = js_parse(buf_str(&text), text.len, NULL);
	if (row != NULL)
		out_row(o, row);
	js_free(row);
	buf_fini(&text);
}

static int
check(struct ctl *c, const char *path)
{
	struct err e = ERR_INIT;
	struct out o;
	int n, rc;

	out_init(&o, c, "findings", finding_columns);
	if (ledger_check_file(path, put_finding, &o, &n, &e) != 0)
		return ctl_fail(&e);
	if (c->format != CTL_TABLE)
		rc = out_end(&o, false);
	else
		rc = n > 0 || printf("%s: nothing found\n", path) > 0 ? 0 : err_exit_code(ERR_IO);
	return rc != 0 ? rc : n > 0;
}

static int
do_check(const struct verb *v, struct ctl *c, struct opt_args *args)
{
	struct err e = ERR_INIT;
	char path[CTL_PATH_MAX];
	int rc = verb_parse(v, c, args, NULL, NULL);

	if (rc != OPT_GO)
		return rc;
	if (args->argc == 1)
		return check(c, args->argv[0]);
	return ctl_database(c, path, sizeof path, &e) == 0 ? check(c, path) : ctl_fail(&e);
}

/* --- backup ---------------------------------------------------------------------------------------------------- */

static const struct opt backup_options[] = {
	{ 0, 'f', "force", NULL, "replace FILE when it is there already" },
	{ 0, 0, NULL, NULL, NULL },
};

static int
take_force(int id, const char *value, void *arg, struct err *e)
{
	(void)id, (void)value, (void)e;
	*(bool *)arg = true;
	return 0;
}

static void
say_finding(const char *rule, const char *finding, void *arg)
{
	bool *broken = arg;

	*broken = *broken || strcmp(rule, "integrity") == 0;
	ctl_say("%s: %s", rule, finding);
}

/* A reader of a WAL database leaves these beside it; they hold nothing. */
static void
drop_side_files(const char *copy)
{
	static const char *const ends[] = { "-wal", "-shm" };
	char path[CTL_PATH_MAX];

	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
		if (file_path(path, sizeof path, NULL, "%s%s", copy, ends[i]) == 0)
			unlink(path);
}

/* 0 sound, 1 findings about the ledger (they are in the original too), -1 the copy is no good. */
static int
check_copy(const char *copy, struct err *e)
{
	bool broken = false;
	int n = 0, rc = ledger_check_file(copy, say_finding, &broken, &n, e);

	drop_side_files(copy);
	if (rc == 0 && broken)
		rc = err_set(e, ERR_IO, "the copy is damaged, and was removed: is the database damaged? pj-ctl "
		    "server check says it");
	return rc != 0 ? rc : n > 0;
}

static int
sync_parent(const char *path, struct err *e)
{
	char dir[CTL_PATH_MAX];
	char *slash;

	snprintf(dir, sizeof dir, "%s", path);
	slash = strrchr(dir, '/');
	if (slash == NULL)
		return file_sync_dir(".", e);
	slash[slash == dir] = '\0';
	return file_sync_dir(dir, e);
}

/* The copy gets its name only when it was checked: what has the name is whole. */
static int
backup(const char *db, const char *to, bool force, struct err *e)
{
	char copy[CTL_PATH_MAX];
	int found = 0;

	if (!force && access(to, F_OK) == 0)
		return err_set(e, ERR_CONFLICT, "%s is there already; name a new file, or replace it with --force", to);
	if (file_path(copy, sizeof copy, e, "%s.new-%d", to, (int)getpid()) != 0)
		return -1;
	if (db_backup(db, copy, e) != 0)
		return -1;
	found = check_copy(copy, e);
	if (found < 0) {
		unlink(copy);
		return -1;
	}
	if ((force ? rename(copy, to) : link(copy, to)) != 0) {
		err_sys(e, errno == EEXIST ? ERR_CONFLICT : ERR_IO, errno, "cannot name the copy %s", to);
		unlink(copy);
		return -1;
	}
	if (!force)
		unlink(copy);
	return sync_parent(to, e) == 0 ? found : -1;
}

static int
do_backup(const struct verb *v, struct ctl *c, struct opt_args *args)
{
	struct err e = ERR_INIT;
	char path[CTL_PATH_MAX];
	bool force = false;
	int rc = verb_parse(v, c, args, take_force, &force);

	if (rc != OPT_GO)
		return rc;
	if (ctl_database(c, path, sizeof path, &e) != 0)
		return ctl_fail(&e);
	rc = backup(path, args->argv[0], force, &e);
	return rc >= 0 ? rc : ctl_fail(&e);
}

static const struct verb verbs[] = {
	{ "status", "", "how the server is", NULL, NULL, 0, 0, false, do_status },
	{ "backup", "FILE [--force]", "copy the server's database into a new file, and check the copy\n"
	    "The server may run. The copy holds passwords' hashes: it is made with mode 0600.", backup_options, NULL,
	    1, 1, false, do_backup },
	{ "check", "[FILE]", "look for damage and contradictions in the server's database\n"
	    "Only reads; the server may run. FILE: a backup.", NULL, "Exit code 1: something was found.\n", 0, 1,
	    false, do_check },
	{ NULL, NULL, NULL, NULL, NULL, 0, 0, false, NULL },
};

const struct noun cmd_server = { "server", "pj-serverd itself, and its database", verbs };

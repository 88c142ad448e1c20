/* pj's own routes about apps, for the local administrator: pj-api(7). */
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "passwords.h"

struct app_list {
	struct app *app;
	size_t n, cap;
	bool failed;
};

static bool
keep_app(const struct app *a, void *arg)
{
	struct app_list *l = arg;

	if (l->n == l->cap) {
		size_t cap = l->cap == 0 ? 16 : 2 * l->cap;
		struct app *more = realloc(l->app, cap * sizeof *more);

		if (more == NULL) {
			l->failed = true;
			return false;
		}
		l->app = more;
		l->cap = cap;
	}
	l->app[l->n++] = *a;
	return true;
}

static int
count_jobs(struct db *db, int64_t app_id, int64_t *out, struct err *e)
{
	struct stmt *s = db_stmt(db, "SELECT count(*) FROM job WHERE app_id = ? AND status <> 99", e);
	int rc;

	*out = 0;
	stmt_i64(s, 1, app_id);
	rc = stmt_step(s, e);
	if (rc == 1) {
		*out = stmt_col_i64(s, 0);
		stmt_reset(s);
	}
	return rc < 0 ? -1 : 0;
}

static int
put_apps(struct call *c, const struct app_list *l, struct err *e)
{
	struct jw w;
	int64_t jobs;

	jw_init(&w, &c->out);
	jw_obj(&w);
	jw_arr_in(&w, "apps");
	for (size_t i = 0; i < l->n; i++) {
		if (count_jobs(c->server->db, l->app[i].id, &jobs, e) != 0)
			return -1;
		jw_obj(&w);
		jw_i64(&w, "id", l->app[i].id);
		jw_str(&w, "name", l->app[i].name);
		jw_i64(&w, "createdMs", l->app[i].created_ms);
		jw_i64(&w, "jobs", jobs);
		jw_end(&w);
	}
	jw_end(&w);
	jw_end(&w);
	return 0;
}

static int
app_ls(struct call *c, struct err *e)
{
	struct app_list l = { NULL, 0, 0, false };
	int rc = app_each(c->server->db, keep_app, &l, e);

	if (rc == 0)
		rc = l.failed ? err_set(e, ERR_NOMEM, "out of memory") : put_apps(c, &l, e);
	free(l.app);
	return rc;
}

/* --- passwords ------------------------------------------------------------------------------------------------- */

struct name_and_password {
	char *name, *password;
	bool made; /* the password was made here: the caller must be told */
};

static int
make_password(struct name_and_password *np, struct err *e)
{
	np->password = malloc(33);
	if (np->password == NULL)
		return err_set(e, ERR_NOMEM, "out of memory");
	if (passwords_random(np->password, 16, e) != 0)
		return -1;
	np->made = true;
	return 0;
}

static int
take(struct call *c, struct name_and_password *np, struct err *e)
{
	static const char *const known[] = { "name", "password", NULL };

	memset(np, 0, sizeof *np);
	if (ctl_known(c, known, e) != 0 || js_str(c->body, "name", LIMIT_NAME, &np->name, e) != 0 ||
	    js_str(c->body, "password", LIMIT_NAME, &np->password, e) != 0)
		return -1;
	if (np->name == NULL)
		return err_set(e, ERR_DATA, "name is missing");
	if (np->password != NULL && np->password[0] == '\0')
		return err_set(e, ERR_DATA, "the password is empty; leave it out to have one made");
	return np->password == NULL ? make_password(np, e) : 0;
}

static void
drop(struct name_and_password *np)
{
	free(np->name);
	free(np->password);
}

static int
app_new(struct call *c, struct err *e)
{
	struct name_and_password np;
	struct jw w;
	int64_t id;
	int rc = take(c, &np, e);

	if (rc == 0)
		rc = app_add(c->server->db, np.name, np.password, server_now(c->server).at_ms, &id, e);
	if (rc == 0) {
		jw_init(&w, &c->out);
		jw_obj(&w);
		jw_i64(&w, "id", id);
		jw_str(&w, "name", np.name);
		if (np.made)
			jw_str(&w, "password", np.password);
		jw_end(&w);
	}
	drop(&np);
	return rc;
}

static int
find_named(struct call *c, const char *name, struct app *a, struct err *e)
{
	if (app_find(c->server->db, name, a, e) == 0)
		return 0;
	return e->code == ERR_NOTFOUND ? err_set(e, ERR_NOTFOUND, "no app named %.255s; see pj-ctl app ls", name) : -1;
}

static int
app_passwd(struct call *c, struct err *e)
{
	struct name_and_password np;
	struct app a;
	struct jw w;
	int rc = take(c, &np, e);

	if (rc == 0)
		rc = find_named(c, np.name, &a, e);
	if (rc == 0)
		rc = app_set_password(c->server->db, a.id, np.password, server_now(c->server).at_ms, e);
	if (rc == 0) {
		jw_init(&w, &c->out);
		jw_obj(&w);
		if (np.made)
			jw_str(&w, "password", np.password);
		jw_end(&w);
	}
	drop(&np);
	return rc;
}

static int
app_rm(struct call *c, struct err *e)
{
	static const char *const known[] = { "name", NULL };
	struct app a;
	char *name;
	int rc;

	if (ctl_known(c, known, e) != 0 || js_str(c->body, "name", LIMIT_NAME, &name, e) != 0)
		return -1;
	rc = name == NULL ? err_set(e, ERR_DATA, "name is missing") : find_named(c, name, &a, e);
	free(name);
	if (rc != 0 || app_remove(c->server->db, a.id, e) != 0)
		return -1;
	buf_adds(&c->out, "{}");
	return 0;
}

const struct route ctl_app_routes[] = {
	{ "GET", "/pj/1/app/ls", ROUTE_PJ_ADMIN, TAKES_PARAMS, false, app_ls },
	{ "POST", "/pj/1/app/add", ROUTE_PJ_ADMIN, TAKES_JSON, true, app_new },
	{ "POST", "/pj/1/app/rm", ROUTE_PJ_ADMIN, TAKES_JSON, true, app_rm },
	{ "POST", "/pj/1/app/passwd", ROUTE_PJ_ADMIN, TAKES_JSON, true, app_passwd },
	{ NULL, NULL, ROUTE_OPEN, TAKES_PARAMS, false, NULL },
};

/* pj-ctl app: tenants and their passwords; for the administrator of the server, over its Unix socket. */
#include <stdio.h>
#include <stdlib.h>

#include "call.h"
#include "nouns.h"
#include "out.h"
#include "words.h"

enum { A_PASSWORD };

static const struct opt password_options[] = {
	{ A_PASSWORD, 0, "new-password-file", "FILE", "its first line is the password (-: standard input)" },
	{ 0, 0, NULL, NULL, NULL },
};

static const struct out_column columns[] = {
	{ "id", "id", OUT_NUMBER, OUT_LIST, NULL },
	{ "name", "name", OUT_TEXT, OUT_LIST, NULL },
	{ "jobs", "jobs", OUT_NUMBER, OUT_LIST, NULL },
	{ "createdMs", "created", OUT_TIME, OUT_LIST, NULL },
	{ NULL, NULL, OUT_TEXT, 0, NULL },
};

static int
take_password(int id, const char *value, void *arg, struct err *e)
{
	(void)id;
	buf_clear(arg);
	return words_secret(value, arg, e);
}

/* A change of the app named by the operand; prints the password when one was made. */
static int
change(struct ctl *c, const char *path, const char *name, const struct buf *password)
{
	struct buf body = BUF_INIT;
	struct json_t *doc = NULL;
	struct err e = ERR_INIT;
	const char *made;
	struct jw w;
	int rc;

	jw_init(&w, &body);
	jw_obj(&w);
	jw_str(&w, "name", name);
	if (password->len > 0)
		jw_str(&w, "password", buf_str(password));
	jw_end(&w);
	rc = words_check(name, &e) != 0 || call_post(c, path, &body, &doc, &e) != 0 ? ctl_fail(&e) : 0;
	buf_fini(&body);
	if (rc != 0)
		return rc;
	made = js_text(js_get(doc, "password"));
	if (c->format == CTL_JSON) {
		struct out o;

		out_init(&o, c, NULL, columns);
		rc = out_show(&o, doc);
	} else if (made != NULL) {
		puts(made);
	}
	js_free(doc);
	return rc;
}

static int
change_with_password(const struct verb *v, struct ctl *c, struct opt_args *args, const char *path)
{
	struct buf password = BUF_INIT;
	int rc = verb_parse(v, c, args, take_password, &password);

	if (rc == OPT_GO)
		rc = change(c, path, args->argv[0], &password);
	buf_fini(&password);
	return rc;
}

static int
do_add(const struct verb *v, struct ctl *c, struct opt_args *args)
{
	return change_with_password(v, c, args, "app/add");
}

static int
do_passwd(const struct verb *v, struct ctl *c, struct opt_args *args)
{
	return change_with_password(v, c, args, "app/passwd");
}

static int
do_rm(const struct verb *v, struct ctl *c, struct opt_args *args)
{
	static const struct buf none = BUF_INIT;
	int rc = verb_parse(v, c, args, NULL, NULL);

	return rc == OPT_GO ? change(c, "app/rm", args->argv[0], &none) : rc;
}

static int
do_ls(const struct verb *v, struct ctl *c, struct opt_args *args)
{
	struct json_t *doc;
	struct err e = ERR_INIT;
	struct out o;
	int rc = verb_parse(v, c, args, NULL, NULL);

	if (rc != OPT_GO)
		return rc;
	if (call_get(c, "app/ls", NULL, &doc, &e) != 0)
		return ctl_fail(&e);
	out_init(&o, c, "apps", columns);
	rc = out_all(&o, doc);
	js_free(doc);
	return rc;
}

static const struct verb verbs[] = {
	{ "ls", "", "list the apps", NULL, NULL, 0, 0, false, do_ls },
	{ "add", "NAME [--new-password-file FILE]", "make an app; prints its password when none was given",
	    password_options, NULL, 1, 1, false, do_add },
	{ "passwd", "NAME [--new-password-file FILE]", "give an app a new password; prints it when none was given\n"
	    "Tokens that were given out with the old one end.", password_options, NULL, 1, 1, false, do_passwd },
	{ "rm", "NAME", "remove an app that has no jobs", NULL, NULL, 1, 1, false, do_rm },
	{ NULL, NULL, NULL, NULL, NULL, 0, 0, false, NULL },
};

const struct noun cmd_app = { "app", "the groups of jobs and workers that share a password", verbs };

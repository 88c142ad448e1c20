#include "ctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "when.h"
#include "words.h"

const char *
ctl_app(const struct ctl *c)
{
	return c->app != NULL ? c->app : "default";
}

int
ctl_config(struct ctl *c, struct err *e)
{
	if (c->have_conf)
		return 0;
	c->set[c->n_set] = NULL;
	c->opts.set = c->set;
	if (config_load(&c->conf, &c->opts, e) != 0)
		return -1;
	c->have_conf = true;
	return 0;
}

const char *
ctl_hint(struct ctl *c)
{
	struct buf b = BUF_INIT;

	buf_adds(&b, "pj-ctl");
	if (c->server != NULL) {
		buf_adds(&b, " --server ");
		words_quote(&b, c->server);
	} else {
		const struct { const char *option, *value; } given[] = {
			{ " -r ", c->opts.root },
			{ " -c ", c->opts.file },
		};

		for (size_t i = 0; i < sizeof given / sizeof given[0]; i++) {
			if (given[i].value == NULL)
				continue;
			buf_adds(&b, given[i].option);
			words_quote(&b, given[i].value);
		}
	}
	if (c->app != NULL) {
		buf_adds(&b, " -a ");
		words_quote(&b, c->app);
	}
	snprintf(c->hint, sizeof c->hint, "%s", buf_str(&b));
	buf_fini(&b);
	return c->hint;
}

int
ctl_database(struct ctl *c, char *path, size_t size, struct err *e)
{
	if (c->server != NULL)
		return err_set(e, ERR_USAGE, "this works on the database of a server on this machine: without "
		    "--server");
	if (ctl_config(c, e) != 0)
		return -1;
	return file_path(path, size, e, "%s/server.db", c->conf.paths.state);
}

int
ctl_fail(const struct err *e)
{
	fflush(stdout); /* what was written before it comes before it */
	fprintf(stderr, "pj-ctl: %s\n", e->msg[0] != '\0' ? e->msg : err_name(e->code));
	return err_exit_code(e->code);
}

void
ctl_say(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("pj-ctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void
ctl_fini(struct ctl *c)
{
	if (c->have_conf)
		config_fini(&c->conf);
	buf_fini(&c->base);
	buf_fini(&c->password);
	buf_fini(&c->app_header);
	buf_fini(&c->token_header);
	when_fini();
}

/* /instance/log by pages of 100 lines, /instance/downloadLog. */
#include <stdio.h>
#include <stdlib.h>

#include "console.h"
#include "logpages.h"
#include "logstore.h"

#define NO_LOG "SYSTEM: There is no online log for this job instance.\n"

static int
page(struct call *c, struct err *e)
{
	struct instance i;
	int64_t index, id;

	if (call_i64(c, "index", 0, &index, e) != 0)
		return -1;
	if (index < 0 || index > INT64_MAX / 1000)
		return err_set(e, ERR_DATA, "index: %lld is not a page", (long long)index);
	if (console_instance(c, &i, e) != 0)
		return -1;
	id = i.id;
	instance_fini(&i);
	return logpages_answer(c, id, index, e);
}

/* --- the whole of it ------------------------------------------------------------------------------------------- */

struct whole {
	struct server *server;
	int64_t id;
};

static int
fill(void *arg, int64_t offset, size_t most, struct buf *out)
{
	struct whole *w = arg;
	struct err e = ERR_INIT;

	return logstore_read(w->server->logs, w->id, offset, most, out, &e);
}

static int
download(struct call *c, struct err *e)
{
	struct whole *w = malloc(sizeof *w);
	struct http_source source = { .fill = fill, .done = free, .arg = w };
	struct instance i;
	char name[96];

	if (w == NULL)
		return err_set(e, ERR_NOMEM, "out of memory");
	if (console_instance(c, &i, e) != 0) {
		free(w);
		return -1;
	}
	*w = (struct whole){ c->server, i.id };
	instance_fini(&i);
	if (logstore_length(c->server->logs, w->id, &source.length, e) != 0) {
		free(w);
		return -1;
	}
	snprintf(name, sizeof name, "attachment;filename=oms-%lld.log", (long long)w->id);
	http_reply_header(c->req, "Content-Disposition", name);
	c->answered = true;
	if (source.length > 0) {
		http_reply_stream(c->req, 200, "application/octet-stream", &source);
	} else {
		free(w);
		http_reply_text(c->req, 200, "application/octet-stream", NO_LOG);
	}
	return 0;
}

static int
download_url(struct call *c, struct err *e)
{
	struct instance i;
	char url[400];
	struct jw w;

	if (console_instance(c, &i, e) != 0)
		return -1;
	snprintf(url, sizeof url, "http://%.255s/instance/downloadLog?instanceId=%lld", http_server_addr(c->server->http,
	    LISTEN_HTTP), (long long)i.id);
	instance_fini(&i);
	jw_init(&w, &c->out);
	jw_str(&w, NULL, url);
	return 0;
}

const struct route console_log_routes[] = {
	{ "GET", "/instance/log", ROUTE_CONSOLE, TAKES_PARAMS, false, page },
	{ "GET", "/instance/downloadLog", ROUTE_CONSOLE, TAKES_PARAMS, false, download },
	{ "GET", "/instance/downloadLog4Console", ROUTE_CONSOLE, TAKES_PARAMS, false, download },
	{ "GET", "/instance/downloadLogUrl", ROUTE_CONSOLE, TAKES_PARAMS, false, download_url },
	{ NULL, NULL, ROUTE_OPEN, TAKES_PARAMS, false, NULL },
};

/* /instance/log by pages of 100 lines, /instance/downloadLog. */
#include <stdio.h>
#include <string.h>

#include "console.h"
#include "logstore.h"

#define PAGE_LINES 100
#define CHUNK (256 * 1024)
#define LOG_MAX (64LL * 1024 * 1024) /* more than this is not counted through for one answer */
#define NO_LOG "SYSTEM: There is no online log for this job instance.\n"

static int
too_long(struct err *e, int64_t length)
{
	return err_set(e, ERR_TOOBIG, "the log has %lld bytes: read it with pj-ctl instance log", (long long)length);
}

static int
log_length(struct call *c, const struct instance *i, int64_t *length, struct err *e)
{
	if (logstore_length(c->server->logs, i->id, length, e) != 0)
		return -1;
	return *length > LOG_MAX ? too_long(e, *length) : 0;
}

struct paging {
	int64_t index, lines;
	struct buf text;
};

static void
take_chunk(struct paging *p, const char *data, size_t len)
{
	while (len > 0) {
		const char *nl = memchr(data, '\n', len);
		size_t n = nl == NULL ? len : (size_t)(nl - data) + 1;

		if (p->lines / PAGE_LINES == p->index)
			buf_add(&p->text, data, n);
		p->lines += nl != NULL;
		data += n;
		len -= n;
	}
}

static int
read_pages(struct call *c, const struct instance *i, struct paging *p, struct err *e)
{
	int64_t length;
	struct buf chunk = BUF_INIT;
	int rc = log_length(c, i, &length, e);

	for (int64_t at = 0; rc == 0 && at < length; at += (int64_t)chunk.len) {
		buf_clear(&chunk);
		rc = logstore_read(c->server->logs, i->id, at, CHUNK, &chunk, e);
		if (rc == 0 && chunk.len == 0)
			break;
		take_chunk(p, chunk.data, chunk.len);
	}
	buf_fini(&chunk);
	return rc;
}

static int
page(struct call *c, struct err *e)
{
	struct instance i;
	struct paging p = { .text = BUF_INIT };
	struct jw w;
	int rc;

	if (call_i64(c, "index", 0, &p.index, e) != 0)
		return -1;
	if (p.index < 0)
		return err_set(e, ERR_DATA, "index: %lld is not a page", (long long)p.index);
	if (console_instance(c, &i, e) != 0)
		return -1;
	rc = read_pages(c, &i, &p, e);
	instance_fini(&i);
	if (rc == 0) {
		bool none = p.lines == 0 && p.text.len == 0;

		jw_init(&w, &c->out);
		jw_obj(&w);
		jw_i64(&w, "index", p.index);
		jw_i64(&w, "totalPages", none ? 1 : (p.lines + PAGE_LINES - 1) / PAGE_LINES);
		jw_str(&w, "data", none ? NO_LOG : buf_str(&p.text));
		jw_end(&w);
	}
	buf_fini(&p.text);
	return rc;
}

static int
download(struct call *c, struct err *e)
{
	struct instance i;
	struct buf text = BUF_INIT;
	char name[96];
	int64_t length;
	int rc;

	if (console_instance(c, &i, e) != 0)
		return -1;
	rc = log_length(c, &i, &length, e);
	if (rc == 0 && length > 0)
		rc = logstore_read(c->server->logs, i.id, 0, (size_t)length, &text, e);
	if (rc == 0 && length == 0)
		buf_adds(&text, NO_LOG);
	if (rc == 0 && !buf_ok(&text))
		rc = err_set(e, ERR_NOMEM, "out of memory");
	snprintf(name, sizeof name, "attachment;filename=oms-%lld.log", (long long)i.id);
	instance_fini(&i);
	if (rc == 0) {
		http_reply_header(c->req, "Content-Disposition", name);
		http_reply(c->req, 200, "application/octet-stream", &text);
		c->answered = true;
	}
	buf_fini(&text);
	return rc;
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

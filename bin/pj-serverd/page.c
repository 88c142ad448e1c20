#include "page.h"

#include <stdio.h>
#include <string.h>

#include "time/stamp.h"

int
page_read(struct call *c, struct page *p, struct err *e)
{
	if (js_i64(c->body, "index", 0, &p->index, e) != 0 || js_i64(c->body, "pageSize", 10, &p->size, e) != 0)
		return -1;
	if (p->index < 0)
		return call_fail(c, e, ERR_DATA, "IllegalArgumentException", NULL, "Page index must not be less than zero!");
	if (p->size < 1)
		return call_fail(c, e, ERR_DATA, "IllegalArgumentException", NULL, "Page size must not be less than one!");
	if (p->size > PAGE_MAX)
		return call_fail(c, e, ERR_DATA, "IllegalArgumentException", NULL, "pageSize: %lld is more than %d",
		    (long long)p->size, PAGE_MAX);
	if (p->index > INT32_MAX)
		return call_fail(c, e, ERR_DATA, "IllegalArgumentException", NULL, "index: %lld is too large",
		    (long long)p->index);
	return 0;
}

int
page_error(struct call *c, struct err *e)
{
	if (e->code != ERR_TOOBIG)
		return -1;
	return call_fail(c, e, ERR_TOOBIG, "IllegalArgumentException", NULL, "%s: ask for less, by a job, a time of creation "
	    "(gmtCreateGt) or ids, or without sortBy", "too many instances would have to be looked through");
}

void
page_put_head(struct jw *w, const struct page *p, int64_t total)
{
	jw_obj(w);
	jw_i64(w, "index", p->index);
	jw_i64(w, "pageSize", p->size);
	jw_i64(w, "totalPages", (total + p->size - 1) / p->size);
	jw_i64(w, "totalItems", total);
	jw_arr_in(w, "data");
}

int
page_date(struct call *c, const char *member, int64_t *out, struct err *e)
{
	const struct json_t *v = js_get(c->body, member);
	const char *text = v == NULL ? NULL : js_text(v);
	struct err why = ERR_INIT;

	if (text == NULL || text[strspn(text, "0123456789")] == '\0')
		return js_i64(c->body, member, 0, out, e);
	if (stamp_parse_ms(text, server_tz(c->server), out, &why) == 0)
		return 0;
	return call_fail(c, e, ERR_DATA, "HttpMessageNotReadableException", NULL, "JSON parse error: %s: %s", member, why.msg);
}

void
page_local_time(const struct server *s, char out[32], int64_t at_ms)
{
	char text[STAMP_SIZE];

	if (at_ms == 0) {
		snprintf(out, 32, "N/A");
		return;
	}
	stamp_print(text, at_ms, server_tz(s));
	snprintf(out, 32, "%.19s", text);
	if (strlen(out) > 10 && out[10] == 'T')
		out[10] = ' ';
}

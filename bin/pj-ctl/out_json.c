/* JSON: what the server sent, one object for each command. */
#include <stdio.h>

#include "out.h"

static void
put(const struct json_t *v)
{
	struct buf text = BUF_INIT;

	js_dump(v, &text);
	fwrite(buf_str(&text), 1, text.len, stdout);
	buf_fini(&text);
}

static void
begin(struct out *o)
{
	printf("{\"%s\":[", o->list);
}

static void
row(struct out *o, const struct json_t *v)
{
	if (o->rows > 1)
		putchar(',');
	putchar('\n');
	put(v);
}

static void
end(struct out *o, bool more)
{
	(void)o;
	printf("],\"more\":%s}\n", more ? "true" : "false");
}

static void
show(struct out *o, const struct json_t *v)
{
	(void)o;
	put(v);
	putchar('\n');
}

const struct out_ops out_json = { begin, row, end, show };

/* Tab-separated values: every column that is a member, one line a row, for cut, awk and join. */
#include <stdio.h>

#include "out.h"

static void
header(const struct out *o)
{
	bool first = true;

	for (const struct out_column *col = o->cols; !out_is_end(col); col++) {
		if (col->key == NULL)
			continue;
		printf("%s%s", first ? "" : "\t", col->key);
		first = false;
	}
	putchar('\n');
}

static void
begin(struct out *o)
{
	if (o->header)
		header(o);
}

static void
row(struct out *o, const struct json_t *v)
{
	struct buf raw = BUF_INIT, line = BUF_INIT;
	bool first = true;

	for (const struct out_column *col = o->cols; !out_is_end(col); col++) {
		if (col->key == NULL)
			continue;
		if (!first)
			buf_addc(&line, '\t');
		first = false;
		buf_clear(&raw);
		out_raw(col, v, &raw);
		out_escape(buf_str(&raw), raw.len, &line);
	}
	buf_addc(&line, '\n');
	fwrite(buf_str(&line), 1, line.len, stdout);
	buf_fini(&raw);
	buf_fini(&line);
}

static void
end(struct out *o, bool more)
{
	(void)o;
	(void)more;
}

static void
show(struct out *o, const struct json_t *v)
{
	begin(o);
	row(o, v);
}

const struct out_ops out_tsv = { begin, row, end, show };

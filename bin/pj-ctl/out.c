#include "out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "time/dur.h"
#include "when.h"

bool
out_is_end(const struct out_column *col)
{
	return col->key == NULL && col->title == NULL;
}

static bool
wants_color(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && (no == NULL || no[0] == '\0') && term != NULL && strcmp(term, "dumb") != 0;
}

static const struct out_ops *
ops_of(enum ctl_format format)
{
	switch (format) {
	case CTL_TABLE:
		return &out_table;
	case CTL_JSON:
		return &out_json;
	case CTL_TSV:
		return &out_tsv;
	}
	abort(); /* no other format can be asked for */
}

void
out_init(struct out *o, const struct ctl *c, const char *list, const struct out_column *cols)
{
	memset(o, 0, sizeof *o);
	o->ops = ops_of(c->format);
	o->cols = cols;
	o->list = list;
	o->header = c->header;
	o->color = wants_color();
}

/* Nothing is written before the first row: what fails before it says only why. */
static void
begin(struct out *o)
{
	if (!o->begun)
		o->ops->begin(o);
	o->begun = true;
}

void
out_row(struct out *o, const struct json_t *row)
{
	begin(o);
	o->rows++;
	o->ops->row(o, row);
}

static int
written(void)
{
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : err_exit_code(ERR_IO);
}

int
out_end(struct out *o, bool more)
{
	begin(o);
	o->ops->end(o, more);
	return written();
}

int
out_all(struct out *o, const struct json_t *answer)
{
	const struct json_t *rows = js_get(answer, o->list);
	bool more = false;

	for (size_t i = 0; i < js_len(rows); i++)
		out_row(o, js_at(rows, i));
	js_bool(answer, "more", false, &more, NULL);
	return out_end(o, more);
}

int
out_show(struct out *o, const struct json_t *object)
{
	o->ops->show(o, object);
	return written();
}

/* --- columns --------------------------------------------------------------------------------------------------- */

void
out_raw(const struct out_column *col, const struct json_t *row, struct buf *to)
{
	const struct json_t *v = js_get(row, col->key);
	const char *text;

	if (v == NULL)
		return;
	text = js_text(v);
	if (text != NULL)
		buf_adds(to, text);
	else
		js_dump(v, to);
}

static void
put_bytes(struct buf *to, int64_t n)
{
	static const char units[] = "kMGTP";
	double v = (double)n;
	size_t u = 0;

	if (n < 1024) {
		buf_addf(to, "%lld", (long long)n);
		return;
	}
	for (v /= 1024; v >= 1024 && units[u + 1] != '\0'; u++)
		v /= 1024;
	buf_addf(to, v < 10 ? "%.1f%c" : "%.0f%c", v, units[u]);
}

/* The member as a person reads it. */
static void
put_value(const struct out_column *col, const struct json_t *row, struct buf *to)
{
	char dur[DUR_SIZE];
	int64_t n = 0;
	bool yes = false;

	switch (col->kind) {
	case OUT_TEXT:
	case OUT_NUMBER:
	case OUT_STATUS:
		out_raw(col, row, to);
		return;
	case OUT_TIME:
		if (js_i64(row, col->key, 0, &n, NULL) == 0 && n != 0)
			when_put(to, n);
		return;
	case OUT_DURATION:
		if (js_i64(row, col->key, 0, &n, NULL) == 0 && n != 0)
			buf_adds(to, dur_print(dur, n));
		return;
	case OUT_BYTES:
		if (js_get(row, col->key) != NULL && js_i64(row, col->key, 0, &n, NULL) == 0)
			put_bytes(to, n);
		return;
	case OUT_BOOL:
		if (js_get(row, col->key) != NULL && js_bool(row, col->key, false, &yes, NULL) == 0)
			buf_adds(to, yes ? "yes" : "no");
		return;
	}
}

/* What jobs and people wrote must not drive the terminal: control characters (C0, DEL, and C1 in UTF-8) become \xNN. */
static void
put_visible(struct buf *to, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char ch = (unsigned char)text[i];

		if (ch == '\n')
			buf_adds(to, "\\n");
		else if (ch == '\t')
			buf_adds(to, "\\t");
		else if (ch < 0x20 || ch == 0x7f)
			buf_addf(to, "\\x%02x", (unsigned)ch);
		else if (ch == 0xc2 && i + 1 < len && (unsigned char)text[i + 1] < 0xa0)
			buf_addf(to, "\\x%02x", (unsigned)(unsigned char)text[++i]);
		else
			buf_addc(to, (char)ch);
	}
}

void
out_human(const struct out_column *col, const struct json_t *row, struct buf *to)
{
	struct buf text = BUF_INIT;

	if (col->fn != NULL)
		col->fn(row, &text);
	else
		put_value(col, row, &text);
	if (text.len == 0)
		buf_addc(to, '-');
	else
		put_visible(to, buf_str(&text), text.len);
	buf_fini(&text);
}

void
out_escape(const char *text, size_t len, struct buf *to)
{
	for (size_t i = 0; i < len; i++)
		switch (text[i]) {
		case '\t':
			buf_adds(to, "\\t");
			break;
		case '\n':
			buf_adds(to, "\\n");
			break;
		case '\r':
			buf_adds(to, "\\r");
			break;
		case '\\':
			buf_adds(to, "\\\\");
			break;
		default:
			buf_addc(to, text[i]);
		}
}

/* --- how wide text is ------------------------------------------------------------------------------------------ */

/* The next code point of UTF-8 text that was checked before; moves *p behind it. */
static unsigned long
next_point(const unsigned char **p)
{
	unsigned long c = *(*p)++;
	int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;

	if (more > 0)
		c &= 0x3fUL >> more;
	for (; more > 0 && (**p & 0xc0) == 0x80; more--)
		c = c << 6 | (*(*p)++ & 0x3f);
	return c;
}

static int
point_width(unsigned long c)
{
	static const struct {
		unsigned long first, last;
		int width;
	} ranges[] = {
		{ 0x0300, 0x036f, 0 }, { 0x0483, 0x0489, 0 }, { 0x0591, 0x05bd, 0 }, { 0x064b, 0x065f, 0 },
		{ 0x1100, 0x115f, 2 }, { 0x1ab0, 0x1aff, 0 }, { 0x1dc0, 0x1dff, 0 }, { 0x200b, 0x200f, 0 },
		{ 0x202a, 0x202e, 0 }, { 0x2060, 0x2064, 0 }, { 0x20d0, 0x20ff, 0 }, { 0x2e80, 0x303e, 2 },
		{ 0x3041, 0xa4cf, 2 }, { 0xa960, 0xa97f, 2 }, { 0xac00, 0xd7a3, 2 }, { 0xf900, 0xfaff, 2 },
		{ 0xfe00, 0xfe0f, 0 }, { 0xfe20, 0xfe2f, 0 }, { 0xfe30, 0xfe6f, 2 }, { 0xfeff, 0xfeff, 0 },
		{ 0xff00, 0xff60, 2 }, { 0xffe0, 0xffe6, 2 }, { 0x1f300, 0x1f64f, 2 }, { 0x1f680, 0x1f6ff, 2 },
		{ 0x1f900, 0x1f9ff, 2 }, { 0x20000, 0x3fffd, 2 }, { 0xe0100, 0xe01ef, 0 },
	};

	for (size_t i = 0; i < sizeof ranges / sizeof ranges[0] && c >= ranges[i].first; i++)
		if (c <= ranges[i].last)
			return ranges[i].width;
	return 1;
}

int
out_width(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	int width = 0;

	while (*p != '\0')
		width += point_width(next_point(&p));
	return width;
}

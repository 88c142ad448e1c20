/* Tables for people: aligned, a header line, long cells cut. One object: a line a member. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "out.h"

#define BATCH 1000   /* rows whose widths are known before the first is written */
#define COLUMNS 32
#define CELL_MOST 60 /* columns of a cell in a list */

struct table {
	int n;
	const struct out_column *col[COLUMNS];
	int width[COLUMNS];
	char **cell; /* BATCH * n */
	int rows;
	bool headed, failed;
};

/* Cuts at CELL_MOST columns, an ellipsis at the end. */
static void
cut(struct buf *b)
{
	char *p;
	int width = 0;

	if (out_width(buf_str(b)) <= CELL_MOST)
		return;
	for (p = b->data; *p != '\0' && width < CELL_MOST - 1;) {
		char keep, *next = p + 1;

		while (((unsigned char)*next & 0xc0) == 0x80)
			next++;
		keep = *next;
		*next = '\0';
		width += out_width(p);
		*next = keep;
		p = next;
	}
	b->len = (size_t)(p - b->data);
	buf_adds(b, "\u2026");
}

static void
begin(struct out *o)
{
	struct table *t = calloc(1, sizeof *t);

	o->state = t;
	if (t == NULL)
		return;
	for (const struct out_column *col = o->cols; !out_is_end(col) && t->n < COLUMNS; col++)
		if (col->title != NULL && (col->where & OUT_LIST) != 0) {
			t->width[t->n] = out_width(col->title);
			t->col[t->n++] = col;
		}
	t->cell = calloc((size_t)(BATCH * t->n), sizeof *t->cell);
}

static const char *
color_of(const char *status)
{
	static const struct { const char *word, *code; } colors[] = {
		{ "failed", "\033[31m" },
		{ "lost", "\033[31m" },
		{ "succeeded", "\033[32m" },
		{ "enabled", "\033[32m" },
		{ "alive", "\033[32m" },
		{ "running", "\033[33m" },
		{ "sent", "\033[33m" },
		{ "full", "\033[33m" },
		{ "stopped", "\033[35m" },
		{ "canceled", "\033[35m" },
		{ "disabled", "\033[2m" },
	};

	for (size_t i = 0; i < sizeof colors / sizeof colors[0]; i++)
		if (strcmp(colors[i].word, status) == 0)
			return colors[i].code;
	return NULL;
}

/* A cell with its padding; the last one of a line gets none behind it. */
static void
put_cell(const struct out *o, const struct table *t, int i, const char *text)
{
	int pad = t->width[i] - out_width(text);
	const char *color = o->color && t->col[i]->kind == OUT_STATUS ? color_of(text) : NULL;
	bool right = t->col[i]->kind == OUT_NUMBER || t->col[i]->kind == OUT_BYTES;

	printf("%s%*s%s%s%s%*s", i > 0 ? "  " : "", right && pad > 0 ? pad : 0, "", color != NULL ? color : "", text,
	    color != NULL ? "\033[0m" : "", !right && pad > 0 && i + 1 < t->n ? pad : 0, "");
}

static void
put_header(const struct out *o, struct table *t)
{
	char title[64];

	t->headed = true;
	for (int i = 0; i < t->n; i++) {
		size_t at = 0;

		for (; t->col[i]->title[at] != '\0' && at + 1 < sizeof title; at++)
			title[at] = (char)toupper((unsigned char)t->col[i]->title[at]);
		title[at] = '\0';
		put_cell(o, t, i, title);
	}
	putchar('\n');
}

static void
flush(const struct out *o, struct table *t)
{
	if (t->rows > 0 && !t->headed)
		put_header(o, t);
	for (int r = 0; r < t->rows; r++) {
		for (int i = 0; i < t->n; i++) {
			put_cell(o, t, i, t->cell[r * t->n + i]);
			free(t->cell[r * t->n + i]);
			t->cell[r * t->n + i] = NULL;
		}
		putchar('\n');
	}
	t->rows = 0;
}

static void
row(struct out *o, const struct json_t *v)
{
	struct table *t = o->state;

	if (t == NULL || t->cell == NULL || t->failed)
		return;
	for (int i = 0; i < t->n; i++) {
		struct buf b = BUF_INIT;
		int width;
		char *text;

		out_human(t->col[i], v, &b);
		if (buf_ok(&b) && (t->col[i]->where & OUT_WHOLE) == 0)
			cut(&b);
		text = buf_take(&b, NULL);
		if (text == NULL) {
			t->failed = true;
			return;
		}
		width = out_width(text);
		t->width[i] = width > t->width[i] ? width : t->width[i];
		t->cell[t->rows * t->n + i] = text;
	}
	if (++t->rows == BATCH)
		flush(o, t);
}

static void
end(struct out *o, bool more)
{
	struct table *t = o->state;

	if (t == NULL || t->cell == NULL || t->failed) {
		fprintf(stderr, "pj-ctl: out of memory for the table\n");
		exit(err_exit_code(ERR_NOMEM));
	}
	flush(o, t);
	if (more && isatty(STDOUT_FILENO))
		fprintf(stderr, "pj-ctl: there are more; --limit N shows N of them\n");
	free(t->cell);
	free(t);
	o->state = NULL;
}

static void
show(struct out *o, const struct json_t *v)
{
	int width = 0;

	for (const struct out_column *col = o->cols; !out_is_end(col); col++)
		if (col->title != NULL && (col->where & OUT_SHOW) != 0 && out_width(col->title) > width)
			width = out_width(col->title);
	for (const struct out_column *col = o->cols; !out_is_end(col); col++) {
		struct buf b = BUF_INIT;
		const char *color = NULL;

		if (col->title == NULL || (col->where & OUT_SHOW) == 0)
			continue;
		out_human(col, v, &b);
		if (o->color && col->kind == OUT_STATUS)
			color = color_of(buf_str(&b));
		if (strcmp(buf_str(&b), "-") != 0)
			printf("%-*s  %s%s%s\n", width, col->title, color != NULL ? color : "", buf_str(&b),
			    color != NULL ? "\033[0m" : "");
		buf_fini(&b);
	}
}

const struct out_ops out_table = { begin, row, end, show };

/* What a command reads comes out in one of three forms: tables for people, JSON, tab-separated values. */
#ifndef PJ_CTL_OUT_H
#define PJ_CTL_OUT_H

#include "codec/json.h"
#include "ctl.h"

enum out_kind {
	OUT_TEXT,
	OUT_NUMBER,   /* to the right */
	OUT_TIME,     /* ms since the epoch; people see local time */
	OUT_DURATION, /* ms */
	OUT_BYTES,
	OUT_BOOL,
	OUT_STATUS,   /* coloured */
};

/* Where a column is shown to people. JSON is the server's object; TSV has all columns that are a member. */
enum { OUT_LIST = 1, OUT_SHOW = 2, OUT_BOTH = OUT_LIST | OUT_SHOW, OUT_WHOLE = 4 /* in a list, too: a last column */ };

struct out_column {
	const char *key;   /* the member; NULL: made by fn, not in TSV */
	const char *title; /* for people, lower case; NULL: in TSV only */
	enum out_kind kind;
	int where;
	/* What people see instead of the member; NULL: the member. */
	void (*fn)(const struct json_t *row, struct buf *out);
};

struct out;
struct out_ops {
	void (*begin)(struct out *o);
	void (*row)(struct out *o, const struct json_t *row);
	void (*end)(struct out *o, bool more);
	void (*show)(struct out *o, const struct json_t *object);
};
extern const struct out_ops out_table, out_json, out_tsv;

struct out {
	const struct out_ops *ops;
	const struct out_column *cols; /* ended by one without key and title */
	const char *list;              /* the member that JSON calls the rows by */
	bool header;                   /* of TSV */
	bool color;
	bool begun;
	int64_t rows;
	void *state;                   /* the implementation's own */
};

/* cols and list are borrowed. */
void out_init(struct out *o, const struct ctl *c, const char *list, const struct out_column *cols);
void out_row(struct out *o, const struct json_t *row);
/* `more`: there are more rows than were asked for. Returns 0, or the exit code of what could not be written. */
int out_end(struct out *o, bool more);
/* The rows of member `list` of the server's answer and its `more`, and out_end. */
int out_all(struct out *o, const struct json_t *answer);
/* One object by itself. */
int out_show(struct out *o, const struct json_t *object);

/* Columns. */
bool out_is_end(const struct out_column *col);
/* The member as TSV has it (strings bare, all else as JSON; null and absent: nothing), not escaped. */
void out_raw(const struct out_column *col, const struct json_t *row, struct buf *to);
/* As people see it; control characters made visible. Empty: "-". */
void out_human(const struct out_column *col, const struct json_t *row, struct buf *to);
/* One TSV field: tab, newline, carriage return and backslash become \t \n \r \\. */
void out_escape(const char *text, size_t len, struct buf *to);
/* Columns of a terminal that UTF-8 text takes. */
int out_width(const char *text);

#endif

/* The job's output: from its pipes, line by line, into the spool file; and its last line, which may be the result. */
#ifndef PJ_RUN_OUTPUT_H
#define PJ_RUN_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/limits.h"

enum { OUTPUT_STDOUT = 0, OUTPUT_STDERR = 1 };

struct output_stream {
	int fd;              /* our end of the pipe, non-blocking; -1 none or ended */
	struct buf partial;  /* a line whose end has not come yet */
	bool mid_line;       /* a piece of this line is written already */
};

struct output {
	const char *path;    /* borrowed; NULL: nothing is kept */
	int fd;              /* -1 until the first byte */
	int64_t length;      /* of the spool file */
	int64_t dropped;     /* bytes not kept: cap, disk */
	int64_t max;         /* 0 no cap */
	bool block;          /* at the cap stop reading instead of dropping */
	bool capped;
	int64_t lost;        /* bytes the disk did not take since the last mark */
	int lost_errno;
	struct buf batch;    /* lines to be written */
	struct output_stream stream[2];
	size_t last_len;
	char last[LIMIT_RESULT + 1]; /* the start of the last line of stdout that is not blank */
};

void output_init(struct output *o, const char *path, int64_t max, bool block);
/* 0, or the errno for which nothing could be appended to path; makes nothing. */
int output_check(const char *path);
/* Reads what one read gives (up to 64 KiB) and writes it to the spool; closes our end at the end. */
void output_read(struct output *o, int which);
/* False while the pipes are to be left alone: the cap is reached and the policy is to block. */
bool output_wants(const struct output *o);
/* Everything that was in the pipes when it was called. */
void output_catch_up(struct output *o);
/* A line of the job's own (pj-run log), or of ours. */
void output_log(struct output *o, int level, const char *text, size_t len);
/* No process is left: reads the rest, ends open lines, closes the pipes. */
void output_end(struct output *o);
void output_sync(const struct output *o);
/* Writes text[0..len) as a result: valid UTF-8, at most LIMIT_RESULT bytes, then "...". */
void output_result(char out[LIMIT_RESULT + 4], const char *text, size_t len);

#endif

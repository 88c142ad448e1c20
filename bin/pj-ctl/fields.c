#include "fields.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "time/sched.h"
#include "timing.h"
#include "when.h"
#include "words.h"

/* Options that set one member each. */
enum kind { K_TEXT, K_COUNT, K_DURATION, K_TIME, K_REAL, K_LOST, K_DISPATCH, K_EXECUTE, K_GAP, K_FOLD, K_MISFIRE, K_OVERLAP };

static const struct plain {
	const char *column;
	enum kind kind;
} plains[] = {
	[F_DESCRIPTION] = { "description", K_TEXT },
	[F_TAG] = { "tag", K_TEXT },
	[F_WORKERS] = { "designated_workers", K_TEXT },
	[F_RETRIES] = { "instance_retry_num", K_COUNT },
	[F_RETRY_DELAY] = { "retry_delay_ms", K_DURATION },
	[F_TIME_LIMIT] = { "time_limit_ms", K_DURATION },
	[F_MAX_INSTANCES] = { "max_instance_num", K_COUNT },
	[F_ON_LOST] = { "on_lost", K_LOST },
	[F_START] = { "start_ms", K_TIME },
	[F_END] = { "end_ms", K_TIME },
	[F_DISPATCH] = { "dispatch_strategy", K_DISPATCH },
	[F_DISPATCH_CONFIG] = { "dispatch_config", K_TEXT },
	[F_MIN_CPU] = { "min_cpu_cores", K_REAL },
	[F_MIN_MEMORY] = { "min_memory_gb", K_REAL },
	[F_MIN_DISK] = { "min_disk_gb", K_REAL },
	[F_EXECUTE] = { "execute_type", K_EXECUTE },
	[F_CONCURRENCY] = { "concurrency", K_COUNT },
	[F_MAX_WORKERS] = { "max_worker_count", K_COUNT },
	[F_TASK_RETRIES] = { "task_retry_num", K_COUNT },
	[F_TZ] = { "tz", K_TEXT },
	[F_GAP] = { "gap", K_GAP },
	[F_FOLD] = { "fold", K_FOLD },
	[F_MISFIRE] = { "misfire", K_MISFIRE },
	[F_MISFIRE_WINDOW] = { "misfire_window_ms", K_DURATION },
	[F_MISFIRE_MAX] = { "misfire_max", K_COUNT },
	[F_MISFIRE_RATE] = { "misfire_rate", K_COUNT },
	[F_OVERLAP] = { "overlap", K_OVERLAP },
	[F_DEADLINE] = { "deadline_ms", K_DURATION },
	[F_JITTER] = { "jitter_ms", K_DURATION },
};

/* --- members --------------------------------------------------------------------------------------------------- */

/* The member's value, empty; what was said of it before is forgotten. */
static struct buf *
slot(struct fields *f, const char *column, struct err *e)
{
	int i = 0;

	while (i < f->n && strcmp(f->set[i].column, column) != 0)
		i++;
	if (i == FIELDS_MAX || strlen(column) >= sizeof f->set[i].column) {
		err_set(e, ERR_USAGE, "too many fields, or too long a name: %.80s", column);
		return NULL;
	}
	if (i == f->n) {
		snprintf(f->set[i].column, sizeof f->set[i].column, "%s", column);
		buf_init(&f->set[f->n++].json);
	}
	buf_clear(&f->set[i].json);
	return &f->set[i].json;
}

int
fields_text(struct fields *f, const char *column, const char *text, struct err *e)
{
	struct buf *to;
	struct jw w;

	if (text != NULL && words_check(text, e) != 0)
		return -1;
	to = slot(f, column, e);
	if (to == NULL)
		return -1;
	jw_init(&w, to);
	jw_str(&w, NULL, text);
	return 0;
}

static int
set_i64(struct fields *f, const char *column, int64_t v, struct err *e)
{
	struct buf *to = slot(f, column, e);

	if (to == NULL)
		return -1;
	buf_addf(to, "%lld", (long long)v);
	return 0;
}

static int
set_real(struct fields *f, const char *column, const char *value, struct err *e)
{
	struct buf *to;
	struct jw w;
	char *end;
	double v = strtod(value, &end);

	if (!isdigit((unsigned char)value[0]) || *end != '\0' || v < 0 || v > 1e9)
		return err_set(e, ERR_USAGE, "`%.100s' is no number from 0 up, such as 2 or 0.5", value);
	to = slot(f, column, e);
	if (to == NULL)
		return -1;
	jw_init(&w, to);
	jw_real(&w, NULL, v);
	return 0;
}

/* One of a NULL-ended list of words; sent in capitals when `upper`. */
static int
set_choice(struct fields *f, const char *column, const char *value, const char *const *words, bool upper, struct err *e)
{
	struct buf list = BUF_INIT;
	char word[32];
	size_t i;

	for (i = 0; words[i] != NULL && strcasecmp(words[i], value) != 0; i++)
		buf_addf(&list, "%s%s", i > 0 ? ", " : "", words[i]);
	if (words[i] == NULL) {
		err_set(e, ERR_USAGE, "`%.60s' is none of %s", value, buf_str(&list));
		buf_fini(&list);
		return -1;
	}
	buf_fini(&list);
	snprintf(word, sizeof word, "%s", words[i]);
	for (char *p = word; upper && *p != '\0'; p++)
		*p = (char)toupper((unsigned char)*p);
	return fields_text(f, column, word, e);
}

static int
take_plain(struct fields *f, const struct plain *p, const char *value, struct err *e)
{
	static const char *const lost[] = { "rerun", "fail", "hold", NULL };
	static const char *const dispatch[] = { "health_first", "random", "specify", NULL };
	static const char *const execute[] = { "standalone", "broadcast", "map", "map_reduce", NULL };
	static const char *const misfire[] = { "once", "none", "all", NULL };
	static const char *const overlap[] = { "allow", "skip", "queue", "replace", NULL };
	int64_t n;

	if (value[0] == '\0') /* takes it away */
		return fields_text(f, p->column, NULL, e);
	switch (p->kind) {
	case K_TEXT:
		return fields_text(f, p->column, value, e);
	case K_COUNT:
		return opt_i64(value, 0, INT32_MAX, &n, e) == 0 ? set_i64(f, p->column, n, e) : -1;
	case K_DURATION:
		return opt_duration_ms(value, &n, e) == 0 ? set_i64(f, p->column, n, e) : -1;
	case K_TIME: /* its place; fields_finish reads it */
		return when_check(value, e) == 0 ? fields_text(f, p->column, value, e) : -1;
	case K_REAL:
		return set_real(f, p->column, value, e);
	case K_LOST:
		return set_choice(f, p->column, value, lost, false, e);
	case K_DISPATCH:
		return set_choice(f, p->column, value, dispatch, true, e);
	case K_EXECUTE:
		return set_choice(f, p->column, value, execute, true, e);
	case K_GAP:
		return set_choice(f, p->column, value, sched_gap_names, false, e);
	case K_FOLD:
		return set_choice(f, p->column, value, sched_fold_names, false, e);
	case K_MISFIRE:
		return set_choice(f, p->column, value, misfire, false, e);
	case K_OVERLAP:
		return set_choice(f, p->column, value, overlap, false, e);
	}
	abort(); /* every kind is above */
}

/* NAME=VALUE: an object or array as such, all else as text (numbers are understood in it). */
static int
take_field(struct fields *f, const char *value, struct err *e)
{
	const char *eq = strchr(value, '=');
	char column[64];
	struct json_t *doc;
	struct buf *to;

	if (eq == NULL || eq == value || (size_t)(eq - value) >= sizeof column)
		return err_set(e, ERR_USAGE, "`%.100s' is no NAME=VALUE", value);
	snprintf(column, sizeof column, "%.*s", (int)(eq - value), value);
	if (eq[1] != '{' && eq[1] != '[')
		return fields_text(f, column, eq[1] != '\0' ? eq + 1 : NULL, e);
	doc = js_parse(eq + 1, strlen(eq + 1), e);
	if (doc == NULL)
		return err_prefix(e, "%s", column);
	to = slot(f, column, e);
	if (to != NULL)
		js_dump(doc, to);
	js_free(doc);
	return to != NULL ? 0 : -1;
}

/* --- when ------------------------------------------------------------------------------------------------------ */

static int
set_when(struct fields *f, const char *option, const char *type, const char *expr, struct err *e)
{
	if (f->timed != NULL && strcmp(f->timed, option) != 0)
		return err_set(e, ERR_USAGE, "%s and %s both say when; keep one", f->timed, option);
	f->timed = option;
	if (fields_text(f, "time_type", type, e) != 0)
		return -1;
	return fields_text(f, "time_expr", expr, e);
}

static int
set_interval(struct fields *f, const char *option, const char *type, const char *value, struct err *e)
{
	char expr[DUR_SIZE];

	return timing_interval(value, expr, e) == 0 ? set_when(f, option, type, expr, e) : -1;
}

static int
set_at(struct fields *f, const char *value, struct err *e)
{
	f->at = value;
	return when_check(value, e) == 0 ? set_when(f, "--at", "CRON", value, e) : -1;
}

static int
read_time(struct fields *f, const char *option, const char *column, const char *value, const struct tz *z,
    struct err *e)
{
	int64_t ms;

	if (value == NULL)
		return 0;
	if (when_parse(value, z, &ms, e) != 0)
		return err_prefix(e, "%s", option);
	return set_i64(f, column, ms, e);
}

/* Of a job with a zone of its own the server reads it. Else the instant is made here: the server's may be another. */
static int
read_at(struct fields *f, bool own, const struct tz *z, struct err *e)
{
	struct buf expr = BUF_INIT;
	int fold = f->fold != NULL ? timing_choice(f->fold, sched_fold_names) : 0;
	int rc;

	if (own) {
		rc = timing_at_check(f->at, z, e);
		buf_addf(&expr, "@at %s", f->at);
	} else {
		rc = timing_at(&expr, f->at, z, fold > 0 ? (enum sched_fold)fold : FOLD_FIRST, e);
	}
	if (rc != 0)
		err_prefix(e, "--at");
	else
		rc = fields_text(f, "time_expr", buf_str(&expr), e);
	buf_fini(&expr);
	return rc;
}

int
fields_finish(struct fields *f, const char *job_tz, struct err *e)
{
	const char *name = f->tz != NULL ? f->tz : job_tz;
	const struct tz *z = NULL;
	struct tz *own = NULL;
	int rc;

	if (f->at == NULL && f->start == NULL && f->end == NULL)
		return 0;
	rc = when_named(name, &own, &z, e);
	if (rc != 0 && name != NULL && name[0] != '\0')
		err_prefix(e, "--tz");
	if (rc == 0 && f->at != NULL)
		rc = read_at(f, own != NULL, z, e);
	if (rc == 0)
		rc = read_time(f, "--start", "start_ms", f->start, z, e);
	if (rc == 0)
		rc = read_time(f, "--end", "end_ms", f->end, z, e);
	tz_free(own);
	return rc;
}

/* --- what ------------------------------------------------------------------------------------------------------ */

static int
set_runs(struct fields *f, const char *option, struct err *e)
{
	if (f->runs != NULL && strcmp(f->runs, option) != 0)
		return err_set(e, ERR_USAGE, "%s and %s both say what runs; keep one", f->runs, option);
	f->runs = option;
	return 0;
}

static int
set_processor(struct fields *f, const char *option, const char *name, struct err *e)
{
	if (set_runs(f, option, e) != 0 || fields_text(f, "processor_type", "BUILT_IN", e) != 0)
		return -1;
	return fields_text(f, "processor_info", name, e);
}

static int
set_params(struct fields *f, const char *value, struct err *e)
{
	struct buf text = BUF_INIT;
	int rc = words_text(value, &text, e);

	if (rc == 0)
		rc = fields_text(f, "params", buf_str(&text), e);
	buf_fini(&text);
	return rc;
}

int
fields_command(struct fields *f, int n, char **words, struct err *e)
{
	struct buf *to;
	struct jw w;

	if (n == 0)
		return err_set(e, ERR_USAGE, "no command stands behind --");
	if (set_runs(f, "a command", e) != 0)
		return -1;
	for (int i = 0; i < n; i++)
		if (words_check(words[i], e) != 0)
			return -1;
	if ((to = slot(f, "command", e)) == NULL)
		return -1;
	jw_init(&w, to);
	jw_arr(&w);
	for (int i = 0; i < n; i++)
		jw_str(&w, NULL, words[i]);
	jw_end(&w);
	if (to->len > LIMIT_TEXT)
		return err_set(e, ERR_TOOBIG, "the command has over %d bytes; put it into a file, and run the file",
		    LIMIT_TEXT);
	return 0;
}

/* What fields_finish asks for. */
static void
note_said(struct fields *f, int id, const char *value)
{
	const char **said = id == F_TZ ? &f->tz : id == F_FOLD ? &f->fold : id == F_START ? &f->start :
	    id == F_END ? &f->end : NULL;

	if (said != NULL)
		*said = value[0] != '\0' || id == F_TZ ? value : NULL; /* no zone is one, too: the person's */
}

int
fields_take(struct fields *f, int id, const char *value, struct err *e)
{
	if ((size_t)id < sizeof plains / sizeof plains[0]) {
		note_said(f, id, value);
		return take_plain(f, &plains[id], value, e);
	}
	switch (id) {
	case F_CRON:
		return set_when(f, "--cron", "CRON", value, e);
	case F_EVERY:
		return set_interval(f, "--every", "FIXED_RATE", value, e);
	case F_DELAY:
		return set_interval(f, "--delay", "FIXED_DELAY", value, e);
	case F_AT:
		return set_at(f, value, e);
	case F_DAILY:
		return set_when(f, "--daily", "DAILY_TIME_INTERVAL", value, e);
	case F_MANUAL:
		return set_when(f, "--manual", "API", NULL, e);
	case F_SHELL:
		return set_processor(f, "--shell", "shell", e) == 0 ? set_params(f, value, e) : -1;
	case F_PROCESSOR:
		return set_processor(f, "--processor", value, e);
	case F_PARAMS:
		f->params = true;
		return set_params(f, value, e);
	case F_FIELD:
		return take_field(f, value, e);
	}
	abort(); /* an option of the table that is not here */
}

void
fields_put(const struct fields *f, struct jw *w)
{
	for (int i = 0; i < f->n; i++)
		jw_raw(w, f->set[i].column, buf_str(&f->set[i].json));
}

void
fields_fini(struct fields *f)
{
	for (int i = 0; i < f->n; i++)
		buf_fini(&f->set[i].json);
}

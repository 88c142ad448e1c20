#include "complete.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "call.h"
#include "verb.h"

struct line {
	const struct noun *noun;
	const struct verb *verb;
	const struct opt *pending; /* an option whose value is being written */
	int operands;
};

static bool
is_end(const struct opt *o)
{
	return o->letter == 0 && o->name == NULL;
}

static const struct opt *
find_in(const struct opt *table, const char *word)
{
	for (const struct opt *o = table; o != NULL && !is_end(o); o++) {
		if (o->name != NULL && word[1] == '-' && strcmp(word + 2, o->name) == 0)
			return o;
		if (o->letter != 0 && word[1] == o->letter && word[2] == '\0')
			return o;
	}
	return NULL;
}

/* An option among the words: what it says about the server is taken, as names are asked for there. */
static void
see_option(struct ctl *c, struct line *l, const char *word)
{
	const struct opt *o = find_in(verb_globals, word);

	if (o == NULL && l->verb != NULL)
		o = find_in(l->verb->options, word);
	if (o == NULL)
		return;
	if (o->arg != NULL)
		l->pending = o;
	else if (o->id >= VERB_GLOBAL)
		verb_take_global(o->id, "", c, NULL);
}

static void
see_word(struct ctl *c, struct line *l, const char *word)
{
	if (l->pending != NULL) {
		if (l->pending->id >= VERB_GLOBAL)
			verb_take_global(l->pending->id, word, c, NULL);
		l->pending = NULL;
	} else if (word[0] == '-' && word[1] != '\0') {
		see_option(c, l, word);
	} else if (l->noun == NULL) {
		for (const struct noun *const *n = verb_nouns; *n != NULL; n++)
			if (strcmp((*n)->name, word) == 0)
				l->noun = *n;
		if (l->noun != NULL && l->noun->verbs->name[0] == '\0')
			l->verb = l->noun->verbs;
	} else if (l->verb == NULL) {
		for (const struct verb *v = l->noun->verbs; v->name != NULL; v++)
			if (strcmp(v->name, word) == 0)
				l->verb = v;
	} else {
		l->operands++;
	}
}

static void
offer(const char *name, const char *prefix, const char *start)
{
	size_t dashes = strlen(prefix);

	if (strncmp(start, prefix, dashes < strlen(start) ? dashes : strlen(start)) != 0)
		return;
	if (strlen(start) <= dashes || strncmp(name, start + dashes, strlen(start) - dashes) == 0)
		printf("%s%s\n", prefix, name);
}

static void
offer_options(const struct opt *table, const char *start)
{
	for (const struct opt *o = table; o != NULL && !is_end(o); o++)
		if (o->name != NULL && o->help != NULL)
			offer(o->name, "--", start);
}

/* Names of jobs or ids of instances, from the server when there is one. */
static void
offer_rows(struct ctl *c, const char *path, const char *list, const char *member, const char *start)
{
	struct buf query = BUF_INIT;
	struct json_t *doc;
	struct err e = ERR_INIT;

	call_param_app(c, &query);
	call_param_i64(&query, "limit", 200);
	if (call_get_within(c, path, &query, 0, 2000, &doc, &e) == 0) {
		const struct json_t *rows = js_get(doc, list);

		for (size_t i = 0; i < js_len(rows); i++) {
			const char *text = js_text(js_get(js_at(rows, i), member));

			if (text != NULL && strchr(text, '\n') == NULL)
				offer(text, "", start);
		}
		js_free(doc);
	}
	buf_fini(&query);
}

static void
offer_operands(struct ctl *c, const struct line *l, const char *start)
{
	const char *usage = l->verb->usage;

	if (l->pending != NULL ? strcmp(l->pending->arg, "JOB") == 0 : strncmp(usage, "JOB", 3) == 0)
		offer_rows(c, "job/ls", "jobs", "name", start);
	else if (l->pending == NULL && strcmp(l->noun->name, "instance") == 0 && l->verb->most != 0)
		offer_rows(c, "instance/ls", "instances", "id", start);
	else if (l->pending == NULL && strcmp(l->noun->name, "app") == 0 && strncmp(usage, "NAME", 4) == 0)
		offer_rows(c, "app/ls", "apps", "name", start);
}

int
complete_print(struct ctl *c, int n, char **words)
{
	struct line l = { NULL, NULL, NULL, 0 };
	const char *start = n > 0 ? words[n - 1] : "";
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (null >= 0) { /* nobody wants errors between the words of a line */
		dup2(null, STDERR_FILENO);
		close(null);
	}
	for (int i = 0; i + 1 < n; i++) {
		if (strcmp(words[i], "--") == 0)
			return 0;
		see_word(c, &l, words[i]);
	}
	if (l.pending == NULL && start[0] == '-') {
		offer_options(verb_globals, start);
		offer_options(l.verb != NULL ? l.verb->options : NULL, start);
		offer("help", "--", start);
	} else if (l.noun == NULL && l.pending == NULL) {
		for (const struct noun *const *noun = verb_nouns; *noun != NULL; noun++)
			offer((*noun)->name, "", start);
	} else if (l.verb == NULL && l.pending == NULL) {
		for (const struct verb *v = l.noun->verbs; v->name != NULL; v++)
			offer(v->name, "", start);
	} else if (l.verb != NULL) {
		offer_operands(c, &l, start);
	}
	return 0;
}

/* jpick: jq for the little that most tests ask of it. jq takes 35 ms of a processor to start, this takes 1: with all tests
 * together that is minutes.
 *
 *   jpick [-cer...] FILTER    JSON values on standard input
 *
 * Filters: `.a.b[0].c[-1]`, `.a[]`, `length`, `[F, F]`, `(F)`, `F | F`, `F, F`. Whatever else is asked for, and any input that
 * is not plain (no JSON, reals, numbers over 64 bits, doubled names), is handed to jq itself with all of the input: the
 * answer is jq's in every case, but whole numbers over 2^53 come out unrounded, and -e fails when there is no input. */
#include <ctype.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What a filter makes of a value. Nothing is ever freed: this process lives for one answer. */
struct values {
	json_t **v;
	size_t n, room;
};

static char name_of_jq[] = "jq";
static char **args;
static char *input;
static size_t input_len;
static char *answer; /* shown only when all of it is known to be right */
static size_t answer_len;
static FILE *out;
static const char *at; /* in the filter */

static void
die(const char *what)
{
	perror(what);
	_exit(71);
}

/* jq gets what this one does not know. */
static _Noreturn void
leave_to_jq(void)
{
	int fd = memfd_create("input", 0);
	size_t done = 0;

	if (fd < 0)
		die("memfd_create");
	while (done < input_len) {
		ssize_t n = write(fd, input + done, input_len - done);

		if (n <= 0)
			die("write");
		done += (size_t)n;
	}
	if (lseek(fd, 0, SEEK_SET) != 0 || dup2(fd, STDIN_FILENO) < 0)
		die("input");
	execvp("jq", args);
	die("jq");
	_exit(71);
}

static void *
must(void *p)
{
	if (p == NULL)
		die("memory");
	return p;
}

static void
add(struct values *to, json_t *value)
{
	if (to->n == to->room) {
		to->room = 2 * to->room + 8;
		to->v = must(reallocarray(to->v, to->room, sizeof *to->v));
	}
	to->v[to->n++] = value;
}

static void
read_input(void)
{
	size_t room = 1 << 16;

	input = must(malloc(room));
	for (;;) {
		ssize_t n = read(STDIN_FILENO, input + input_len, room - input_len);

		if (n < 0)
			die("standard input");
		if (n == 0)
			return;
		input_len += (size_t)n;
		if (input_len == room)
			input = must(realloc(input, room *= 2));
	}
}

/* --- filters: each function reads its part at `at`, and gives what it makes of every value of `in` --- */

static struct values filter(struct values in);

static bool
next_is(char c)
{
	while (*at == ' ')
		at++;
	if (*at != c)
		return false;
	at++;
	return true;
}

static json_t *
member(json_t *value, const char *name)
{
	json_t *got;

	if (json_is_null(value))
		return value;
	if (!json_is_object(value))
		leave_to_jq();
	got = json_object_get(value, name);
	return got != NULL ? got : json_null();
}

static json_t *
element(json_t *value, long i)
{
	json_t *got;

	if (json_is_null(value))
		return value;
	if (!json_is_array(value))
		leave_to_jq();
	if (i < 0)
		i += (long)json_array_size(value);
	got = i < 0 ? NULL : json_array_get(value, (size_t)i);
	return got != NULL ? got : json_null();
}

static void
all_of(json_t *value, struct values *to)
{
	const char *name;
	json_t *v;
	size_t i;

	if (json_is_array(value)) {
		json_array_foreach(value, i, v)
			add(to, v);
	} else if (json_is_object(value)) {
		json_object_foreach(value, name, v)
			add(to, v);
	} else {
		leave_to_jq();
	}
}

/* `[N]` or `[]`, behind its bracket. */
static struct values
subscript(struct values in)
{
	struct values made = { 0 };
	char *end;
	long i;

	if (next_is(']')) {
		for (size_t k = 0; k < in.n; k++)
			all_of(in.v[k], &made);
		return made;
	}
	i = strtol(at, &end, 10);
	if (end == at || *end != ']')
		leave_to_jq();
	at = end + 1;
	for (size_t k = 0; k < in.n; k++)
		add(&made, element(in.v[k], i));
	return made;
}

static struct values
name_of(struct values in)
{
	struct values made = { 0 };
	char name[128];
	size_t len = 0;

	while (len < sizeof name - 1 && (isalnum((unsigned char)*at) || *at == '_'))
		name[len++] = *at++;
	name[len] = '\0';
	for (size_t k = 0; k < in.n; k++)
		add(&made, member(in.v[k], name));
	return made;
}

/* `.a.b[0]`, behind the first point. */
static struct values
path(struct values in)
{
	for (;;) {
		if (isalpha((unsigned char)*at) || *at == '_')
			in = name_of(in);
		while (*at == '[') {
			at++;
			in = subscript(in);
		}
		if (*at != '.')
			return in;
		at++;
		if (!isalpha((unsigned char)*at) && *at != '_')
			leave_to_jq();
	}
}

static struct values
length(struct values in)
{
	struct values made = { 0 };

	for (size_t k = 0; k < in.n; k++) {
		json_t *v = in.v[k];

		if (!json_is_array(v) && !json_is_object(v) && !json_is_null(v))
			leave_to_jq();
		add(&made, json_integer((json_int_t)(json_is_array(v) ? json_array_size(v) : json_object_size(v))));
	}
	return made;
}

/* `[F]`, behind its bracket: one array of each value. */
static struct values
array(struct values in)
{
	struct values made = { 0 };
	const char *begin = at;

	if (in.n == 0)
		leave_to_jq(); /* what the brackets hold must be read */
	for (size_t k = 0; k < in.n; k++) {
		struct values one = { 0 }, got;
		json_t *list = must(json_array());

		at = begin;
		add(&one, in.v[k]);
		got = filter(one);
		for (size_t i = 0; i < got.n; i++)
			json_array_append(list, got.v[i]);
		add(&made, list);
		if (!next_is(']'))
			leave_to_jq();
	}
	return made;
}

static struct values
term(struct values in)
{
	struct values made;

	if (next_is('.'))
		return path(in);
	if (next_is('['))
		return array(in);
	if (next_is('(')) {
		made = filter(in);
		if (!next_is(')'))
			leave_to_jq();
		return made;
	}
	if (strncmp(at, "length", 6) == 0 && !isalnum((unsigned char)at[6])) {
		at += 6;
		return length(in);
	}
	leave_to_jq();
}

/* `F, F`: all that the first makes, then all that the second makes, of one value. */
static struct values
list(struct values in)
{
	struct values made = term(in);

	while (next_is(',')) {
		struct values more;

		if (in.n != 1)
			leave_to_jq();
		more = term(in);
		for (size_t i = 0; i < more.n; i++)
			add(&made, more.v[i]);
	}
	return made;
}

static struct values
filter(struct values in)
{
	struct values made = list(in);

	while (next_is('|'))
		made = list(made);
	return made;
}

/* --- what comes out, as jq writes it --- */

static void
show_text(const char *s)
{
	static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";

	putc('"', out);
	for (; *s != '\0'; s++) {
		const char *special = strchr(plain, *s);

		if (special != NULL)
			fprintf(out, "\\%c", letters[special - plain]);
		else if ((unsigned char)*s < ' ' || *s == 127)
			fprintf(out, "\\u%04x", (unsigned)(unsigned char)*s);
		else
			putc(*s, out);
	}
	putc('"', out);
}

static void
show(json_t *v)
{
	const char *name, *comma = "";
	json_t *m;
	size_t i;

	switch (json_typeof(v)) {
	case JSON_OBJECT:
		putc('{', out);
		json_object_foreach(v, name, m) {
			fputs(comma, out);
			show_text(name);
			putc(':', out);
			show(m);
			comma = ",";
		}
		putc('}', out);
		return;
	case JSON_ARRAY:
		putc('[', out);
		json_array_foreach(v, i, m) {
			fputs(comma, out);
			show(m);
			comma = ",";
		}
		putc(']', out);
		return;
	case JSON_STRING:
		show_text(json_string_value(v));
		return;
	case JSON_INTEGER:
		fprintf(out, "%lld", (long long)json_integer_value(v));
		return;
	case JSON_REAL:
		leave_to_jq();
	case JSON_TRUE:
	case JSON_FALSE:
		fputs(json_is_true(v) ? "true" : "false", out);
		return;
	case JSON_NULL:
		fputs("null", out);
		return;
	}
}

/* Status of jq -e, made of the last value. */
static int
answer_of(const char *text, bool compact, bool raw, int before)
{
	const char *end = input + input_len, *p = input;
	int status = before;

	while (p += strspn(p, " \t\r\n"), p < end) {
		struct values one = { 0 }, got;
		json_error_t e;
		json_t *doc = json_loadb(p, (size_t)(end - p),
		    JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY, &e);

		if (doc == NULL)
			leave_to_jq();
		p += e.position;
		add(&one, doc);
		at = text;
		got = filter(one);
		if (!next_is('\0'))
			leave_to_jq();
		for (size_t i = 0; i < got.n; i++) {
			json_t *v = got.v[i];

			if (!compact && (json_is_object(v) || json_is_array(v)))
				leave_to_jq();
			if (raw && json_is_string(v))
				fputs(json_string_value(v), out);
			else
				show(v);
			putc('\n', out);
			status = json_is_null(v) || json_is_false(v) ? 1 : 0;
		}
	}
	return status;
}

int
main(int argc, char **argv)
{
	bool compact = false, raw = false, exit_status = false;
	int i, status;

	args = argv;
	args[0] = name_of_jq;
	for (i = 1; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++) {
		/* What needs none of our input, or all of it in another way, is jq's. */
		if (argv[i][1 + strspn(argv[i] + 1, "cer")] != '\0') {
			execvp("jq", argv);
			die("jq");
		}
		compact = compact || strchr(argv[i], 'c') != NULL;
		raw = raw || strchr(argv[i], 'r') != NULL;
		exit_status = exit_status || strchr(argv[i], 'e') != NULL;
	}
	if (i + 1 != argc) {
		execvp("jq", argv);
		die("jq");
	}
	read_input();
	input = must(realloc(input, input_len + 1));
	input[input_len] = '\0';
	out = must(open_memstream(&answer, &answer_len));
	status = answer_of(argv[i], compact, raw, 4);
	if (fclose(out) != 0 || fwrite(answer, 1, answer_len, stdout) != answer_len || fflush(stdout) != 0)
		die("standard output");
	_exit(exit_status ? status : 0);
}

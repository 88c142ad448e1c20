#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "codec/config.h"

static char dir[PATH_MAX]; /* a root of its own for every test */

static const char *
in_dir(const char *name)
{
	static char path[PATH_MAX + 64];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static void
put_n(const char *name, const char *text, size_t len)
{
	assert_int_equal(file_replace_fast(in_dir(name), text, len, 0600, NULL), 0);
}

static void
put(const char *name, const char *text)
{
	put_n(name, text, strlen(text));
}

/* Loads with -r DIR, -c FILE (in DIR) and up to three -o. */
static int
load(struct config *c, const char *root, const char *file, const char *const *set, struct err *e)
{
	char path[PATH_MAX + 64];
	struct config_opts o = { .root = root, .file = NULL, .set = set };

	if (file != NULL) {
		snprintf(path, sizeof path, "%s", in_dir(file));
		o.file = path;
	}
	err_clear(e);
	return config_load(c, &o, e);
}

/* DIR/etc/pj.ini with this text is refused, and the message has every part. */
static void
refused_n(const char *text, size_t len, const char *part, const char *other)
{
	struct config c;
	struct err e = ERR_INIT;

	put_n("etc/pj.ini", text, len);
	if (load(&c, dir, NULL, NULL, &e) == 0)
		fail_msg("`%s' was taken", text);
	assert_int_equal(e.code, ERR_CONFIG);
	assert_null(strchr(e.msg, '\n'));
	if (strstr(e.msg, part) == NULL || strstr(e.msg, other) == NULL || strstr(e.msg, in_dir("etc/pj.ini")) == NULL)
		fail_msg("`%s' and `%s' are not both in `%s'", part, other, e.msg);
	assert_null(c.root);
	config_fini(&c);
}

static void
refused(const char *text, const char *part, const char *other)
{
	refused_n(text, strlen(text), part, other);
}

static void
taken(struct config *c, const char *text)
{
	struct err e = ERR_INIT;

	put("etc/pj.ini", text);
	if (load(c, dir, NULL, NULL, &e) < 0)
		fail_msg("`%s': %s", text, e.msg);
}

static int
make_dir(void **state)
{
	snprintf(dir, sizeof dir, "/tmp/pj-config-XXXXXX");
	unsetenv("PJ_ROOT");
	unsetenv("PJ_CONFIG");
	if (mkdtemp(dir) == NULL)
		return -1;
	return mkdir(in_dir("etc"), 0700);
}

static int
remove_dir(void **state)
{
	static const char *const files[] = { "etc/pj.ini", "a.ini", "b.ini", "etc" };

	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		if (remove(in_dir(files[i])) < 0 && access(in_dir(files[i]), F_OK) == 0)
			return -1;
	return rmdir(dir);
}

/* --- defaults and root ----------------------------------------------------------------------------------------- */

static void
defaults_are_the_documented_ones(void **state)
{
	struct config c;
	struct err e = ERR_INIT;

	assert_int_equal(load(&c, dir, NULL, NULL, &e), 0);
	assert_string_equal(c.server.http, "127.0.0.1:7700");
	assert_string_equal(c.server.remote, "127.0.0.1:10010");
	assert_string_equal(c.worker.listen, "127.0.0.1:27777");
	assert_true(c.server.openapi_auth && c.server.accept_plain && !c.worker.accept_plain && c.worker.helpers);
	assert_int_equal(c.server.worker_timeout_ms, 60000);
	assert_int_equal(c.server.start_grace_ms, 30000);
	assert_int_equal(c.server.dispatch_timeout_ms, 5000);
	assert_int_equal(c.server.keep_logs_bytes, INT64_C(4) << 30);
	assert_int_equal(c.server.log_max_bytes, 64 << 20);
	assert_int_equal(c.worker.slots, 1024);
	assert_int_equal(c.worker.starts, 32);
	assert_int_equal(c.worker.keep_spool_ms, INT64_C(3) * 86400000);
	assert_int_equal(c.peer.max_skew_ms, 5400000);
	assert_string_equal(c.worker.log_full, "drop");
	assert_string_equal(c.log.level, "info");
	assert_string_equal(c.paths.state, in_dir("state"));
	config_fini(&c);
	config_fini(&c);
}

static void
a_root_is_found_in_order(void **state)
{
	const char *set[] = { NULL, NULL };
	char root_is[PATH_MAX + 8];
	struct err e = ERR_INIT;
	struct config c;

	put("a.ini", "root = /from/file\n");
	assert_int_equal(load(&c, NULL, "a.ini", NULL, &e), 0);
	assert_string_equal(c.root, "/from/file");
	assert_string_equal(c.paths.run, "/from/file/run");
	config_fini(&c);
	setenv("PJ_ROOT", "/from/env//x/./", 1);
	assert_int_equal(load(&c, NULL, "a.ini", NULL, &e), 0);
	assert_string_equal(c.root, "/from/env/x");
	config_fini(&c);
	assert_int_equal(load(&c, dir, "a.ini", NULL, &e), 0);
	assert_string_equal(c.root, dir);
	config_fini(&c);
	snprintf(root_is, sizeof root_is, "root=/from/option");
	set[0] = root_is;
	assert_int_equal(load(&c, dir, "a.ini", set, &e), 0);
	assert_string_equal(c.root, "/from/option");
	config_fini(&c);
	unsetenv("PJ_ROOT");
}

static void
without_a_root_debian_s_places_hold(void **state)
{
	struct err e = ERR_INIT;
	struct config c;

	if (access("/etc/pj/pj.ini", F_OK) == 0)
		skip();
	assert_int_equal(load(&c, NULL, NULL, NULL, &e), 0);
	assert_string_equal(c.root, "");
	assert_string_equal(c.paths.etc, "/etc/pj");
	assert_string_equal(c.paths.state, "/var/lib/pj");
	assert_string_equal(c.paths.run, "/run/pj");
	assert_string_equal(c.paths.log, "/var/log/pj");
	config_fini(&c);
}

static void
a_relative_root_becomes_absolute(void **state)
{
	static const char *const roots[] = { ".", "./", "" };
	char was[PATH_MAX], real[PATH_MAX];
	struct err e = ERR_INIT;
	struct config c;

	assert_non_null(getcwd(was, sizeof was));
	put("etc/pj.ini", "[worker]\nslots = 3\n");
	assert_int_equal(chdir(dir), 0);
	assert_non_null(getcwd(real, sizeof real));
	for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++) {
		assert_int_equal(load(&c, roots[i], NULL, NULL, &e), 0);
		assert_string_equal(c.root, real);
		assert_int_equal(c.worker.slots, 3);
		config_fini(&c);
	}
	assert_int_equal(chdir(was), 0);
}

static void
later_sources_win(void **state)
{
	static const char *const set[] = { "worker.slots=4", "worker.slots=5", "worker.servers=d:4", NULL };
	struct err e = ERR_INIT;
	struct config c;

	put("etc/pj.ini", "[worker]\nslots = 1\nstarts = 1\ntags = one\nservers = a:1, b:2, c:3\nprocessors = /p\n");
	put("a.ini", "[worker]\nslots = 2\nstarts = 2\ntags = two\nservers.1 = x:1\n");
	put("b.ini", "[worker]\nslots = 3\nstarts = 3\n");
	setenv("PJ_CONFIG", in_dir("a.ini"), 1);
	assert_int_equal(load(&c, dir, "b.ini", set, &e), 0);
	assert_int_equal(c.worker.slots, 5);
	assert_int_equal(c.worker.starts, 3);
	assert_string_equal(c.worker.tags, "two");
	assert_int_equal(c.worker.servers.n, 1);
	assert_string_equal(c.worker.servers.item[0], "d:4");
	assert_string_equal(c.worker.processors.item[0], "/p");
	config_fini(&c);
	/* A list is replaced as a whole: nothing of the longer one shines through. */
	assert_int_equal(load(&c, dir, NULL, NULL, &e), 0);
	assert_int_equal(c.worker.servers.n, 1);
	assert_string_equal(c.worker.servers.item[0], "x:1");
	config_fini(&c);
	unsetenv("PJ_CONFIG");
}

static void
named_files_must_exist(void **state)
{
	struct err e = ERR_INIT;
	struct config c;

	assert_int_equal(load(&c, dir, "a.ini", NULL, &e), -1);
	assert_int_equal(e.code, ERR_CONFIG);
	assert_non_null(strstr(e.msg, in_dir("a.ini")));
	setenv("PJ_CONFIG", in_dir("b.ini"), 1);
	assert_int_equal(load(&c, dir, NULL, NULL, &e), -1);
	assert_non_null(strstr(e.msg, "PJ_CONFIG"));
	unsetenv("PJ_CONFIG");
	assert_int_equal(load(&c, dir, "etc", NULL, &e), -1); /* a directory */
	assert_int_equal(e.code, ERR_CONFIG);
}

/* --- values ---------------------------------------------------------------------------------------------------- */

static void
values_of_every_type_are_read(void **state)
{
	struct config c;

	taken(&c, "\xef\xbb\xbf[worker]\r\n"
		  "  slots=7 ; seven # of them\r\n"
		  "accept_plain = ON\n"
		  "\tstop_grace = 1m30s\n"
		  "report = 500ms\n"
		  "discover = 15\n"
		  "keep_spool = 7d\n"
		  "log_max = 64k\n"
		  "keep_spool_bytes = 1048576\n"
		  "log_full = block\n"
		  "servers = a:1 ,b:2,  [::1]:3\n"
		  "external = host.example\n"
		  "tags = \"  a ;b # \\\" \\\\ = c \" ; comment\n"
		  "allow =\n"
		  "; a comment may be long, even longer than inih can read: ........................................."
		  "...................................................................................................\n"
		  "[server]\nexternal = [fe80::1]:99");
	assert_int_equal(c.worker.slots, 7);
	assert_true(c.worker.accept_plain);
	assert_int_equal(c.worker.stop_grace_ms, 90000);
	assert_int_equal(c.worker.report_ms, 500);
	assert_int_equal(c.worker.discover_ms, 15000);
	assert_int_equal(c.worker.keep_spool_ms, 7 * 86400000);
	assert_int_equal(c.worker.log_max_bytes, 65536);
	assert_int_equal(c.worker.keep_spool_bytes, 1048576);
	assert_string_equal(c.worker.log_full, "block");
	assert_int_equal(c.worker.servers.n, 3);
	assert_string_equal(c.worker.servers.item[0], "a:1");
	assert_string_equal(c.worker.servers.item[2], "[::1]:3");
	assert_string_equal(c.worker.external, "host.example");
	assert_string_equal(c.worker.tags, "  a ;b # \" \\ = c ");
	assert_int_equal(c.worker.allow.n, 0);
	assert_string_equal(c.server.external, "[fe80::1]:99");
	config_fini(&c);
}

static void
bad_values_say_what_is_allowed(void **state)
{
	static const char *const cases[][2] = {
		{ "[worker]\nslots = 0", "1 to 65536" },
		{ "[worker]\nslots = 99999999999999999999", "not between" },
		{ "[worker]\nslots = many", "not a number" },
		{ "[worker]\nslots =", "not a number" },
		{ "[server]\nid = 16384", "0 to 16383" },
		{ "[worker]\nhelpers = maybe", "yes nor no" },
		{ "[worker]\nlog_full = wait", "drop|block" },
		{ "[worker]\nlog_full = drop|block", "not one of" },
		{ "[log]\nlevel = loud", "debug|info|warn|error" },
		{ "[worker]\nheartbeat = 10 apples", "no duration" },
		{ "[worker]\nheartbeat = 1ms", "100ms to 1d" },
		{ "[server]\nlog_max = 5x", "no size" },
		{ "[server]\nhttp = 7700", "host:port" },
		{ "[server]\nhttp =", "host:port" },
		{ "[server]\nhttp = ::1:7700", "[::1]:7700" },
		{ "[server]\nhttp = localhost:77000", "host:port" },
		{ "[server]\nhttp = http://localhost:7700", "host:port" },
		{ "[server]\nhttp = [::1]7700", "host:port" },
		{ "[worker]\nservers = a:1, b", "\"b\" is no address" },
		{ "[worker]\nservers = a:1,,b:2", "item 2 is empty" },
		{ "[worker]\nservers = a:1,", "item 2 is empty" },
		{ "[worker]\nservers.1 =", "item 1 is empty" },
		{ "[worker]\nprocessors.1 = /a\nprocessors.3 = /c", "worker.processors.2 is missing" },
		{ "[worker]\nprocessors.65 = /a", "at most 64" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		refused(cases[i][0], cases[i][1], strchr(cases[i][0], '.') != NULL ? "worker." : ":2: ");
}

static void
what_inih_would_misread_is_refused(void **state)
{
	static const char *const cases[][3] = {
		{ "[worker\nslots = 3", "closing ]", ":1: " },
		{ "[worker] slots = 3", "follow the ]", ":1: " },
		{ "\n[werker]", "did you mean [worker]?", ":2: " },
		{ "[something]", "unknown section", ":1: " },
		{ "[]", "unknown section", ":1: " },
		{ "nonsense", "key = value", ":1: " },
		{ "= 3", "key = value", ":1: " },
		{ "[worker]\nslots : 3", "key = value", ":2: " },
		{ "[worker]\nslots = 3\n\nslots = 4", "line 2 has set it", ":4: worker.slots" },
		{ "[worker]\nservers = a:1\nservers.2 = b:2", "line 2 has set it", ":3: worker.servers.2" },
		{ "[worker]\ntags = a #b", "#", ":2: " },
		{ "[worker]\ntags = \"a", "closing quote", ":2: " },
		{ "[worker]\ntags = \"a\"b", "follow the closing quote", ":2: " },
		{ "[worker]\ntags = \"a\\n\"", "backslash", ":2: " },
		{ "[worker]\ntags = a\x01", "0x01", ":2: " },
		{ "[worker]\nslotz = 3", "did you mean worker.slots?", "worker.slotz" },
		{ "slots = 3", "did you mean worker.slots?", ":1: " },
		{ "[log]\nroot = /x", "before any section", ":2: " },
		{ "[server]\nslots = 3", "did you mean worker.slots?", ":2: " },
		{ "[worker]\nqqqqqqqq = 3", "pj.ini(5)", ":2: " },
		{ "[worker]\nslots.1 = 3", "did you mean worker.slots?", ":2: " },
	};
	char text[512] = "[worker]\ntags = ";

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		refused(cases[i][0], cases[i][1], cases[i][2]);
	refused_n("[worker]\ntags = a\0b", 20, "0x00", ":2: ");
	memset(text + strlen(text), 'x', 192); /* 199 bytes with "tags = " */
	{
		struct config c;

		taken(&c, text);
		assert_int_equal(strlen(c.worker.tags), 192);
		config_fini(&c);
	}
	text[strlen(text)] = 'x';
	refused(text, "200 bytes", ":2: ");
}

static void
options_are_checked_like_files(void **state)
{
	static const char *const cases[][2] = {
		{ "worker.slits=3", "did you mean worker.slots?" },
		{ "worker.slots", "key=value" },
		{ "=3", "key=value" },
		{ "worker.slots=x", "not a number" },
		{ "worker.tags=a\nb", "0x0a" },
		{ "worker.servers.2=a:1", "worker.servers.1 is missing" },
	};
	static const char *const indexed[] = { "worker.servers.2=b:2", "worker.servers=x:1", "worker.servers.1=a:1",
		"worker.servers.2=b:3", NULL };
	char too_long[256] = "worker.tags=";
	struct err e = ERR_INIT;
	struct config c;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *set[] = { cases[i][0], NULL };

		assert_int_equal(load(&c, dir, NULL, set, &e), -1);
		assert_int_equal(e.code, ERR_CONFIG);
		if (strstr(e.msg, cases[i][1]) == NULL || strstr(e.msg, "-o") == NULL)
			fail_msg("`%s' is not in `%s'", cases[i][1], e.msg);
	}
	assert_int_equal(load(&c, dir, NULL, indexed, &e), 0);
	assert_int_equal(c.worker.servers.n, 2);
	assert_string_equal(c.worker.servers.item[1], "b:3");
	config_fini(&c);
	/* What could not be printed back as one line is no value. */
	memset(too_long + strlen(too_long), 'x', 193);
	{
		const char *set[] = { too_long, NULL };

		assert_int_equal(load(&c, dir, NULL, set, &e), -1);
		assert_non_null(strstr(e.msg, "worker.tags: the value is 1 bytes too long"));
	}
}

/* --- printing and reloading ------------------------------------------------------------------------------------ */

struct changed {
	char *set[128];
	size_t n;
};

/* An allowed value of the key that is not its default. */
static void
change(const char *name, const char *type, const char *dflt, bool reloadable, const char *help, void *arg)
{
	static const struct {
		const char *type, *value;
	} other[] = { { "text", " odd; \"text\" # here" }, { "list", "[::1]:1, b:2, c:3" }, { "address", "192.0.2.1:99" },
		{ "count", "77" }, { "duration", "1h2m3s4ms" }, { "size", "12345k" } };
	struct changed *all = arg;
	char text[256];

	if (strcmp(name, "root") == 0)
		return;
	for (size_t i = 0; i < sizeof other / sizeof other[0]; i++)
		if (strcmp(other[i].type, type) == 0)
			snprintf(text, sizeof text, "%s=%s", name, other[i].value);
	if (strcmp(type, "bool") == 0)
		snprintf(text, sizeof text, "%s=%s", name, strcmp(dflt, "yes") == 0 ? "off" : "on");
	if (strcmp(name, "log.level") == 0)
		snprintf(text, sizeof text, "log.level=debug");
	if (strcmp(name, "worker.log_full") == 0)
		snprintf(text, sizeof text, "worker.log_full=block");
	assert_non_null(help);
	all->set[all->n++] = strdup(text);
	assert_true(all->n < sizeof all->set / sizeof all->set[0]);
}

static void
free_changed(struct changed *all)
{
	for (size_t i = 0; i < all->n; i++)
		free(all->set[i]);
}

/* Prints, reads that as the only file, prints again: the same text. */
static void
assert_reads_back(const struct config *c, size_t least_lines)
{
	struct buf first = BUF_INIT, second = BUF_INIT, brief = BUF_INIT, again = BUF_INIT;
	struct err e = ERR_INIT;
	struct config back;
	size_t lines = 0;

	config_print(c, false, &first);
	config_print(c, true, &brief);
	for (const char *p = buf_str(&brief); (p = strchr(p, '=')) != NULL; p++)
		lines++;
	assert_true(lines >= least_lines);
	put("b.ini", buf_str(&first));
	if (load(&back, NULL, "b.ini", NULL, &e) < 0)
		fail_msg("%s", e.msg);
	config_print(&back, false, &second);
	assert_string_equal(buf_str(&first), buf_str(&second));
	config_fini(&back);
	/* What is off its default is enough to get the same. */
	put("b.ini", buf_str(&brief));
	if (load(&back, NULL, "b.ini", NULL, &e) < 0)
		fail_msg("%s", e.msg);
	config_print(&back, false, &again);
	assert_string_equal(buf_str(&first), buf_str(&again));
	config_fini(&back);
	buf_fini(&first);
	buf_fini(&second);
	buf_fini(&brief);
	buf_fini(&again);
}

static void
printing_reads_back_the_same(void **state)
{
	struct changed all = { { NULL }, 0 };
	struct err e = ERR_INIT;
	struct config c;
	struct buf brief = BUF_INIT;

	assert_int_equal(load(&c, dir, NULL, NULL, &e), 0);
	assert_reads_back(&c, 1);
	config_print(&c, true, &brief);
	assert_int_equal(strncmp(buf_str(&brief), "root = ", 7), 0);
	assert_null(strchr(buf_str(&brief), '[')); /* nothing but the root is off its default */
	buf_fini(&brief);
	config_fini(&c);

	config_each(change, &all);
	assert_true(all.n > 40);
	if (load(&c, dir, NULL, (const char *const *)all.set, &e) < 0)
		fail_msg("%s", e.msg);
	assert_string_equal(c.worker.tags, " odd; \"text\" # here");
	assert_reads_back(&c, all.n);
	config_fini(&c);
	free_changed(&all);
}

static void
lists_print_so_that_they_read_back(void **state)
{
	static const char *const cases[][4] = {
		{ "worker.processors=", NULL }, { "worker.processors.1=/a,b", NULL },
		{ "worker.processors.1= /lead", NULL }, { "worker.processors.1=/a;b", "worker.processors.2=\"q\"", NULL },
	};
	struct err e = ERR_INIT;
	struct config c;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(load(&c, dir, NULL, cases[i], &e), 0);
		assert_reads_back(&c, 1);
		config_fini(&c);
	}
}

struct names {
	char reloadable[2048], fixed[2048];
};

static void
note_key(const char *name, const char *type, const char *dflt, bool reloadable, const char *help, void *arg)
{
	struct names *n = arg;
	char *to = reloadable ? n->reloadable : n->fixed;

	if (strcmp(name, "root") == 0)
		return;
	if (to[0] != '\0')
		strcat(to, " ");
	strcat(to, name);
}

static void
reload_takes_what_it_may(void **state)
{
	struct changed all = { { NULL }, 0 };
	struct buf ignored = BUF_INIT, expected = BUF_INIT, got = BUF_INIT;
	struct names names = { "", "" };
	struct config c, fresh, mixed;
	struct err e = ERR_INIT;
	const char *app;

	config_each(change, &all);
	config_each(note_key, &names);
	assert_int_equal(load(&c, dir, NULL, NULL, &e), 0);
	assert_int_equal(load(&fresh, dir, NULL, (const char *const *)all.set, &e), 0);
	app = c.worker.app;
	config_reload(&c, &fresh, &ignored);
	config_fini(&fresh);
	assert_string_equal(buf_str(&ignored), names.fixed);
	assert_ptr_equal(c.worker.app, app); /* who borrows a fixed text may go on */
	assert_string_equal(c.log.level, "debug");
	assert_int_equal(c.worker.allow.n, 3);
	assert_int_equal(c.worker.slots, 1024);

	/* The same as a start with only the reloadable ones. */
	for (size_t i = 0; i < all.n; i++) {
		size_t len = strcspn(all.set[i], "=");
		char name[128];

		snprintf(name, sizeof name, " %.*s ", (int)len, all.set[i]);
		snprintf(names.fixed, sizeof names.fixed, " %s ", buf_str(&ignored));
		if (strstr(names.fixed, name) != NULL) {
			free(all.set[i]);
			all.set[i--] = all.set[--all.n];
			all.set[all.n] = NULL;
		}
	}
	assert_int_equal(load(&mixed, dir, NULL, (const char *const *)all.set, &e), 0);
	config_print(&mixed, false, &expected);
	config_print(&c, false, &got);
	assert_string_equal(buf_str(&got), buf_str(&expected));

	buf_clear(&ignored);
	config_reload(&c, &mixed, &ignored);
	assert_int_equal(ignored.len, 0);
	config_fini(&c);
	config_fini(&mixed);
	buf_fini(&ignored);
	buf_fini(&expected);
	buf_fini(&got);
	free_changed(&all);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, make_dir, remove_dir)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(defaults_are_the_documented_ones),
		TEST(a_root_is_found_in_order),
		TEST(without_a_root_debian_s_places_hold),
		TEST(a_relative_root_becomes_absolute),
		TEST(later_sources_win),
		TEST(named_files_must_exist),
		TEST(values_of_every_type_are_read),
		TEST(bad_values_say_what_is_allowed),
		TEST(what_inih_would_misread_is_refused),
		TEST(options_are_checked_like_files),
		TEST(printing_reads_back_the_same),
		TEST(lists_print_so_that_they_read_back),
		TEST(reload_takes_what_it_may),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}

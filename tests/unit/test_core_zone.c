/* Jobs with time zones of their own, and zone files that change under them. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "core_rig.h"
#include "job/verify.h"

#define MARCH 1774742400LL /* 2026-03-29T00:00:00Z, the night of the gap in Berlin */
#define OCTOBER 1792886400LL /* 2026-10-25T00:00:00Z, and of the fold */

static int64_t
add(struct rig *r, const char *expr, const char *tz, const char *gap, const char *fold)
{
	struct job_spec s = rig_spec("zoned", TIME_CRON, expr);

	s.tz = tz == NULL ? NULL : strdup(tz);
	free(s.gap);
	s.gap = gap == NULL ? NULL : strdup(gap);
	free(s.fold);
	s.fold = fold == NULL ? NULL : strdup(fold);
	return rig_save(r, 0, s, true);
}

static int64_t
next_of(struct rig *r, int64_t id)
{
	char sql[80];

	snprintf(sql, sizeof sql, "SELECT next_trigger_ms FROM job WHERE id = %lld", (long long)id);
	return rig_sql(r, sql);
}

static void
each_job_in_its_zone(void **state)
{
	struct rig r;
	int64_t utc, berlin, tokyo;

	rig_open(&r, NULL); /* the server's zone is UTC */
	utc = add(&r, "0 0 12 * * ?", NULL, NULL, NULL);
	berlin = add(&r, "0 0 12 * * ?", "Europe/Berlin", NULL, NULL);
	tokyo = add(&r, "0 0 12 * * ?", "Asia/Tokyo", NULL, NULL);
	assert_int_equal(next_of(&r, utc), T0 + 12 * 3600 * SEC);
	assert_int_equal(next_of(&r, berlin), T0 + 11 * 3600 * SEC);
	assert_int_equal(next_of(&r, tokyo), T0 + 3 * 3600 * SEC);
	rig_run_until(&r, T0 + 86400 * SEC, true);
	rig_succeed_all(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE nominal_ms = actual_ms"), 3);
	assert_int_equal(next_of(&r, tokyo), T0 + (24 + 3) * 3600 * SEC);
	rig_close(&r);
}

static void
gap_and_fold(void **state)
{
	static const struct {
		const char *gap, *fold;
		int64_t march, october; /* the first one after midnight UTC */
		int n;                  /* on the night of the fold */
	} t[] = {
		{ NULL, NULL, MARCH + 86400 + 1800, OCTOBER + 1800, 1 }, /* 02:30 of the next day; 02:30 CEST */
		{ "run-after", "first", MARCH + 3600, OCTOBER + 1800, 1 },
		{ "shift", "last", MARCH + 5400, OCTOBER + 5400, 1 },
		{ "skip", "both", MARCH + 86400 + 1800, OCTOBER + 1800, 2 },
	};

	for (size_t k = 0; k < sizeof t / sizeof t[0]; k++) {
		struct rig r;
		int64_t id;

		rig_open(&r, NULL);
		r.now.at_ms = MARCH * SEC;
		id = add(&r, "0 30 2 * * ?", "Europe/Berlin", t[k].gap, t[k].fold);
		assert_int_equal(next_of(&r, id), t[k].march * SEC);
		rig_close(&r);
		rig_open(&r, NULL);
		r.now.at_ms = OCTOBER * SEC;
		id = add(&r, "0 30 2 * * ?", "Europe/Berlin", t[k].gap, t[k].fold);
		assert_int_equal(next_of(&r, id), t[k].october * SEC);
		rig_run_until(&r, (OCTOBER + 40000) * SEC, true);
		rig_succeed_all(&r);
		assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), t[k].n);
		rig_close(&r);
	}
}

static void
refused(void **state)
{
	static const struct {
		const char *tz, *gap, *fold, *text;
	} t[] = {
		{ "Mars/Base", NULL, NULL, "tz: no time zone 'Mars/Base'" },
		{ "../../etc/passwd", NULL, NULL, "tz: '../../etc/passwd' is no name" },
		{ NULL, "jump", NULL, "gap: jump is not one of skip, run-after, shift" },
		{ NULL, NULL, "none", "fold: none is not one of first, last, both" },
	};
	struct rig r;

	rig_open(&r, NULL);
	for (size_t k = 0; k < sizeof t / sizeof t[0]; k++)
		for (int type = TIME_API; type <= TIME_CRON; type++) {
			struct job_spec s = rig_spec("x", type, "0 0 12 * * ?");
			int64_t id;

			s.tz = t[k].tz == NULL ? NULL : strdup(t[k].tz);
			free(s.gap);
			s.gap = t[k].gap == NULL ? NULL : strdup(t[k].gap);
			free(s.fold);
			s.fold = t[k].fold == NULL ? NULL : strdup(t[k].fold);
			err_clear(&r.e);
			assert_int_equal(EVENT(&r, core_job_save(r.core, r.now, r.app, 0, &s, true, &id, &r.e)), -1);
			assert_int_equal(r.e.code, ERR_DATA);
			if (strstr(r.e.msg, t[k].text) == NULL)
				fail_msg("%s: not in: %s", t[k].text, r.e.msg);
			job_spec_fini(&s);
		}
	rig_close(&r);
}

static void
another_zone_is_another_schedule(void **state)
{
	struct rig r;
	struct job_spec s;
	int64_t id;

	rig_open(&r, NULL);
	id = add(&r, "0 0 12 * * ?", "Europe/Berlin", NULL, NULL);
	rig_pass(&r, (11 * 3600 + 60) * SEC); /* 12:01 there, not fired yet */
	s = rig_spec("zoned", TIME_CRON, "0 0 12 * * ?");
	s.tz = strdup("Asia/Tokyo");
	rig_save(&r, id, s, true);
	assert_int_equal(rig_sql(&r, "SELECT count FROM skipped WHERE reason = 'edited' AND job_version = 1"), 1);
	assert_int_equal(next_of(&r, id), T0 + (24 + 3) * 3600 * SEC);
	rig_close(&r);
}

/* --- files that change ------------------------------------------------------------------------------------------- */

static char dir[32];

static void
copy_zone(const char *from, const char *to)
{
	char src[128], dst[128], tmp[128];
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	int fd;

	snprintf(src, sizeof src, "/usr/share/zoneinfo/%s", from);
	snprintf(dst, sizeof dst, "%s/%s", dir, to);
	snprintf(tmp, sizeof tmp, "%s/new", dir);
	assert_int_equal(file_read(src, 1 << 20, &b, &e), 0);
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, b.data, b.len), (ssize_t)b.len);
	close(fd);
	assert_int_equal(rename(tmp, dst), 0);
	buf_fini(&b);
}

static int
make_dir(void **state)
{
	snprintf(dir, sizeof dir, "/tmp/pj-zones-XXXXXX");
	assert_non_null(mkdtemp(dir));
	return setenv("TZDIR", dir, 1);
}

static int
drop_dir(void **state)
{
	char path[128];

	snprintf(path, sizeof path, "%s/Here", dir);
	unlink(path);
	unsetenv("TZDIR");
	return rmdir(dir);
}

static void
a_file_changes(void **state)
{
	struct rig r;
	int64_t id, other;

	copy_zone("Asia/Tokyo", "Here");
	rig_open(&r, NULL);
	id = add(&r, "0 0 12 * * ?", "Here", NULL, NULL);
	other = add(&r, "0 0 12 * * ?", NULL, NULL, NULL);
	rig_tick(&r);
	assert_int_equal(next_of(&r, id), T0 + 3 * 3600 * SEC);
	copy_zone("Asia/Kolkata", "Here");
	rig_pass(&r, 59 * SEC);
	rig_tick(&r);
	assert_int_equal(next_of(&r, id), T0 + 3 * 3600 * SEC); /* looked at once a minute */
	assert_true(r.wake.mono_ms <= r.now.mono_ms + SEC);     /* and woken for it */
	rig_pass(&r, SEC);
	rig_tick(&r);
	assert_int_equal(next_of(&r, id), T0 + 6 * 3600 * SEC + 1800 * SEC);
	assert_int_equal(next_of(&r, other), T0 + 12 * 3600 * SEC);
	rig_run_until(&r, T0 + 7 * 3600 * SEC, true);
	rig_succeed_all(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 1);
	assert_int_equal(next_of(&r, id), T0 + (24 + 6) * 3600 * SEC + 1800 * SEC);
	rig_close(&r);
}

static void
a_file_changes_while_the_server_is_down(void **state)
{
	struct rig r;
	int64_t id;

	copy_zone("Asia/Tokyo", "Here");
	rig_open(&r, NULL);
	r.conf.batch = 7;
	rig_restart(&r);
	for (int i = 0; i < 30; i++)
		id = add(&r, "0 0 12 * * ?", "Here", NULL, NULL);
	for (int i = 0; i < 10; i++)
		rig_tick(&r);
	copy_zone("Asia/Kolkata", "Here");
	rig_restart(&r);
	for (int i = 0; i < 10; i++) { /* batches; a rolled back one is done again */
		rig_tick(&r);
		if (i == 1)
			assert_int_equal(core_reload(r.core, r.now, &r.e), 0);
	}
	assert_int_equal(next_of(&r, id), T0 + 6 * 3600 * SEC + 1800 * SEC);
	assert_int_equal(rig_sql(&r, "SELECT count(DISTINCT next_trigger_ms) FROM job"), 1);
	assert_true(r.wake.at_ms == T0 + 6 * 3600 * SEC + 1800 * SEC);
	rig_close(&r);
}

static void
a_file_goes_away(void **state)
{
	struct rig r;
	char path[128];
	int64_t id;

	copy_zone("Asia/Tokyo", "Here");
	rig_open(&r, NULL);
	id = add(&r, "0 0 12 * * ?", "Here", NULL, NULL);
	rig_tick(&r);
	snprintf(path, sizeof path, "%s/Here", dir);
	unlink(path);
	rig_run_until(&r, T0 + 86400 * SEC, true); /* what was read holds */
	rig_succeed_all(&r);
	assert_int_equal(rig_sql(&r, "SELECT nominal_ms FROM instance"), T0 + 3 * 3600 * SEC);
	/* After a restart it cannot be known: the job is not run in another zone, and what it leaves out is counted. */
	rig_restart(&r);
	rig_run_until(&r, T0 + 2 * 86400 * SEC, true);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance"), 1);
	assert_int_equal(rig_sql(&r, "SELECT status FROM job"), JOB_DISABLED);
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, id, JOB_ENABLED, &r.e)), -1);
	copy_zone("Asia/Tokyo", "Here");
	assert_int_equal(EVENT(&r, core_job_status(r.core, r.now, r.app, id, JOB_ENABLED, &r.e)), 0);
	assert_int_equal(rig_sql(&r, "SELECT first_ms FROM skipped WHERE reason = 'disabled'"), T0 + (24 + 3) * 3600 * SEC);
	rig_close(&r);
}

/* --- the server's own zone --------------------------------------------------------------------------------------- */

static int
make_own(void **state)
{
	char path[128];
	int r = make_dir(state);

	snprintf(path, sizeof path, ":%s/Here", dir);
	unsetenv("TZDIR");
	return r != 0 ? r : setenv("TZ", path, 1);
}

static int
drop_own(void **state)
{
	unsetenv("TZ");
	return drop_dir(state);
}

/* As pj-serverd sees it: /etc/localtime is a link. */
static void
link_zone(const char *to)
{
	char target[128], tmp[128], path[128];

	snprintf(target, sizeof target, "/usr/share/zoneinfo/%s", to);
	snprintf(tmp, sizeof tmp, "%s/new", dir);
	snprintf(path, sizeof path, "%s/Here", dir);
	assert_int_equal(symlink(target, tmp), 0);
	assert_int_equal(rename(tmp, path), 0);
}

static void
open_own(struct rig *r)
{
	rig_open(r, NULL);
	r->conf.watch_tz = true;
	rig_restart(r);
}

static void
finding(const char *rule, const struct job *j, int64_t at_ms, const char *text, void *arg)
{
	(void)arg;
	fail_msg("verify: %s: job #%lld at %lld: %s", rule, (long long)j->id, (long long)at_ms, text);
}

static void
verify(struct rig *r, int64_t id)
{
	struct job j;
	int n = 0;

	if (job_get(r->db, id, &j, &r->e) < 0 || verify_job(r->db, &j, 0, finding, NULL, &n, &r->e) < 0)
		rig_die(r, "verify_job");
	job_fini(&j);
}

static void
the_own_zone_changes(void **state)
{
	struct rig r;
	int64_t id, named;

	link_zone("Asia/Tokyo");
	open_own(&r);
	assert_string_equal(tz_name(core_zone(r.core)), "Asia/Tokyo");
	id = add(&r, "0 0 12 * * ?", NULL, NULL, NULL);
	named = add(&r, "0 0 12 * * ?", "Europe/Berlin", NULL, NULL);
	rig_run_until(&r, T0 + 4 * 3600 * SEC, true);
	rig_succeed_all(&r);
	assert_int_equal(rig_sql(&r, "SELECT max(nominal_ms) FROM instance"), T0 + 3 * 3600 * SEC);
	link_zone("Asia/Kolkata");
	rig_pass(&r, 60 * SEC);
	rig_tick(&r);
	assert_string_equal(tz_name(core_zone(r.core)), "Asia/Kolkata");
	assert_int_equal(next_of(&r, id), T0 + 6 * 3600 * SEC + 1800 * SEC);
	assert_int_equal(next_of(&r, named), T0 + 11 * 3600 * SEC);
	rig_run_until(&r, T0 + 2 * 86400 * SEC, true);
	rig_succeed_all(&r);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM instance WHERE job_id = 1"), 3);
	verify(&r, id);
	verify(&r, named);
	rig_close(&r);
}

static void
the_own_zone_changes_while_the_server_is_down(void **state)
{
	struct rig r;
	int64_t id, often;

	link_zone("Asia/Tokyo");
	open_own(&r);
	id = add(&r, "0 0 12 * * ?", NULL, NULL, NULL);
	often = add(&r, "0 0/10 9-12 * * ?", NULL, NULL, NULL);
	rig_run_until(&r, T0 + 2 * 3600 * SEC, true);
	rig_succeed_all(&r);
	link_zone("Asia/Kolkata");
	rig_pass(&r, 3 * 3600 * SEC); /* 14:00 in Tokyo, 10:30 in Kolkata */
	rig_restart(&r);
	rig_tick(&r);
	/* Noon was planned by the old zone, and came while nobody looked; the next is one of the new zone. */
	assert_int_equal(rig_sql(&r, "SELECT max(nominal_ms) FROM instance WHERE job_id = 1"), T0 + 3 * 3600 * SEC);
	rig_run_until(&r, r.now.at_ms + 10 * SEC, true);
	rig_succeed_all(&r);
	assert_int_equal(next_of(&r, id), T0 + 6 * 3600 * SEC + 1800 * SEC);
	assert_int_equal(next_of(&r, often), T0 + 5 * 3600 * SEC + 600 * SEC);
	rig_run_until(&r, T0 + 2 * 86400 * SEC, true);
	rig_succeed_all(&r);
	verify(&r, id);
	verify(&r, often);
	assert_int_equal(rig_sql(&r, "SELECT count(*) FROM meta WHERE key LIKE 'zone_until:%' AND value = 'Asia/Tokyo'"), 1);
	rig_close(&r);
}

/* An update that takes the file away for a moment makes nobody's noon that of Greenwich. */
static void
the_own_zone_goes_away(void **state)
{
	struct rig r;
	char path[128];
	int64_t id;

	link_zone("Asia/Tokyo");
	open_own(&r);
	id = add(&r, "0 0 12 * * ?", NULL, NULL, NULL);
	rig_tick(&r);
	snprintf(path, sizeof path, "%s/Here", dir);
	unlink(path);
	rig_run_until(&r, T0 + 600 * SEC, true);
	assert_string_equal(tz_name(core_zone(r.core)), "Asia/Tokyo");
	assert_int_equal(next_of(&r, id), T0 + 3 * 3600 * SEC);
	link_zone("Asia/Kolkata");
	rig_run_until(&r, T0 + 720 * SEC, true);
	assert_int_equal(next_of(&r, id), T0 + 6 * 3600 * SEC + 1800 * SEC);
	rig_close(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_job_in_its_zone), cmocka_unit_test(gap_and_fold), cmocka_unit_test(refused),
		cmocka_unit_test(another_zone_is_another_schedule),
		cmocka_unit_test_setup_teardown(a_file_changes, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(a_file_changes_while_the_server_is_down, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(a_file_goes_away, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(the_own_zone_changes, make_own, drop_own),
		cmocka_unit_test_setup_teardown(the_own_zone_changes_while_the_server_is_down, make_own, drop_own),
		cmocka_unit_test_setup_teardown(the_own_zone_goes_away, make_own, drop_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

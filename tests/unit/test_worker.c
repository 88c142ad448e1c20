/* Heartbeats, filters and the choice of a worker (behaviour.md 1.7 to 1.9). */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "job/worker.h"

static struct workers *w;
static struct now now = { 1000000, 500000 };
static struct err e;

static int
set_up(void **state)
{
	now = (struct now){ 1000000, 500000 };
	w = workers_new(60000);
	return w == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	workers_free(w);
	return 0;
}

static struct heartbeat
beat_of(const char *address)
{
	return (struct heartbeat){ .app_id = 1, .address = address, .at_ms = now.at_ms,
		.metrics = { .cpu_processors = 4, .cpu_load = 1, .mem_max_gb = 8, .mem_used_gb = 2, .disk_total_gb = 100,
		    .disk_used_gb = 50 } };
}

static struct worker *
beat(struct heartbeat hb)
{
	assert_int_equal(workers_beat(w, &hb, now, &e), 0);
	return workers_find(w, hb.app_id, hb.address);
}

static const char *
choose(const struct job_spec *spec, uint64_t random)
{
	struct worker *x;

	switch (workers_choose(w, 1, spec, now, random, &x, NULL, NULL)) {
	case CHOICE_OK:
		return x->address;
	case CHOICE_BUSY:
		assert_null(x);
		return "busy";
	case CHOICE_NONE:
		assert_null(x);
		return "none";
	}
	return "?";
}

static void
heartbeat_is_kept(void **state)
{
	struct heartbeat hb = beat_of("a:1");
	struct worker *x;

	hb.tag = "t";
	hb.version = "5.1.1";
	hb.at_ms = now.at_ms - 7000;
	hb.metrics.extra = "{}";
	x = beat(hb);
	assert_string_equal(x->tag, "t");
	assert_string_equal(x->version, "5.1.1");
	assert_string_equal(x->metrics.extra, "{}");
	assert_int_equal(x->clock_skew_ms, -7000); /* recorded, never used */
	assert_int_equal(x->seen_mono_ms, now.mono_ms);
	assert_true(workers_alive(w, x, now));
	hb.tag = NULL;
	hb.version = "5.1.2";
	hb.metrics.extra = NULL;
	assert_ptr_equal(beat(hb), x);
	assert_null(x->tag);
	assert_null(x->metrics.extra);
	assert_string_equal(x->version, "5.1.2");
	hb.address = "";
	assert_int_equal(workers_beat(w, &hb, now, &e), -1);
	assert_int_equal(e.code, ERR_DATA);
	hb.address = NULL;
	assert_int_equal(workers_beat(w, &hb, now, &e), -1);
	assert_null(workers_find(w, 2, "a:1"));
	assert_null(workers_find(w, 1, "a:2"));
}

static void
alive_by_our_clock(void **state)
{
	struct job_spec s = { 0 };
	struct heartbeat hb = beat_of("a:1");
	struct worker *x;

	hb.at_ms = 5; /* a worker that lives in 1970 */
	x = beat(hb);
	assert_string_equal(choose(&s, 0), "a:1");
	now.mono_ms += 60000;
	assert_true(workers_alive(w, x, now));
	now.mono_ms++;
	assert_false(workers_alive(w, x, now));
	assert_string_equal(choose(&s, 0), "none");
	assert_int_equal(workers_choose_any(w, 1, now), CHOICE_NONE);
	assert_int_equal(workers_count_alive(w, now), 0);
	workers_shift(w, 1);
	assert_true(workers_alive(w, x, now));
	assert_int_equal(workers_choose_any(w, 1, now), CHOICE_OK);
	now.mono_ms += 600000 - 60000;
	workers_expire(w, now);
	assert_ptr_equal(workers_find(w, 1, "a:1"), x);
	now.mono_ms += 1000; /* looked for once a second */
	workers_expire(w, now);
	assert_null(workers_find(w, 1, "a:1"));
}

static void
late_heartbeats(void **state)
{
	struct heartbeat hb = beat_of("a:1");
	struct worker *x = beat(hb);

	now.mono_ms += 5000;
	hb.at_ms -= 1;
	hb.overload = true;
	beat(hb); /* a later one was faster */
	assert_false(x->overload);
	assert_int_equal(x->seen_mono_ms, now.mono_ms - 5000);
	hb.at_ms -= 60001; /* no message is so long under way: its clock was set back */
	beat(hb);
	assert_true(x->overload);
	assert_int_equal(x->seen_mono_ms, now.mono_ms);
	hb.at_ms = 0; /* without a time of its own: when it comes */
	hb.overload = false;
	beat(hb);
	assert_false(x->overload);
}

static void
designated(void **state)
{
	struct job_spec s = { 0 };
	struct heartbeat hb = beat_of("a:1");
	char list[64] = "";

	hb.tag = "red";
	beat(hb);
	beat(beat_of("b:1"));
	s.designated_workers = list;
	assert_string_equal(choose(&s, 0), "a:1"); /* empty: no filter */
	strcpy(list, " , ");
	assert_string_equal(choose(&s, 0), "a:1");
	strcpy(list, "b:1");
	assert_string_equal(choose(&s, 0), "b:1");
	strcpy(list, "x:9 , b:1");
	assert_string_equal(choose(&s, 0), "b:1");
	strcpy(list, "red");
	assert_string_equal(choose(&s, 0), "a:1");
	strcpy(list, "re");
	assert_string_equal(choose(&s, 0), "none");
	strcpy(list, "b:11,b:");
	assert_string_equal(choose(&s, 0), "none");
	assert_int_equal(workers_choose_any(w, 1, now), CHOICE_OK);
}

static void
resources(void **state)
{
	struct job_spec s = { 0 };
	struct heartbeat hb = beat_of("a:1");

	beat(hb); /* 6 GB memory free, 50 GB disk, 3 cores */
	s.min_memory_gb = 6;
	s.min_disk_gb = 50;
	s.min_cpu_cores = 2.9;
	assert_string_equal(choose(&s, 0), "a:1");
	s.min_cpu_cores = 3; /* strictly less */
	assert_string_equal(choose(&s, 0), "none");
	hb.metrics.cpu_load = -1; /* unknown: passes */
	beat(hb);
	assert_string_equal(choose(&s, 0), "a:1");
	s.min_memory_gb = 6.1;
	assert_string_equal(choose(&s, 0), "none");
	s.min_memory_gb = 0;
	s.min_disk_gb = 51;
	assert_string_equal(choose(&s, 0), "none");
}

static void
health_first(void **state)
{
	struct job_spec s = { .dispatch_strategy = DISPATCH_HEALTH_FIRST };
	struct heartbeat a = beat_of("a:1"), b = beat_of("b:1"), c = beat_of("c:1");
	struct worker *x, **all;
	int n;

	b.metrics.mem_used_gb = 1; /* 2*7+3 = 17 beats 15 */
	beat(a);
	beat(b);
	assert_string_equal(choose(&s, 0), "b:1");
	c.metrics.score = 18;
	beat(c);
	assert_string_equal(choose(&s, 0), "c:1");
	c.overload = true;
	beat(c);
	assert_string_equal(choose(&s, 0), "b:1");
	assert_int_equal(workers_choose(w, 1, &s, now, 0, &x, &all, &n), CHOICE_OK);
	assert_int_equal(n, 3); /* all suitable ones, the full one too, best first */
	assert_string_equal(all[0]->address, "b:1");
	assert_string_equal(all[2]->address, "c:1");
	free(all);
	s.max_worker_count = 1;
	assert_int_equal(workers_choose(w, 1, &s, now, 0, &x, &all, &n), CHOICE_OK);
	assert_int_equal(n, 1);
	assert_string_equal(all[0]->address, "b:1");
	free(all);
	/* Equal scores: the least loaded by us, then by address. */
	a.metrics.score = b.metrics.score = 10;
	c.metrics.score = 10;
	c.overload = false;
	beat(a)->assigned = 2;
	beat(b)->assigned = 1;
	beat(c)->assigned = 1;
	assert_string_equal(choose(&s, 0), "b:1");
}

static void
negative_load_is_unknown(void **state)
{
	struct job_spec s = { 0 };
	struct heartbeat a = beat_of("a:1"), b = beat_of("b:1");

	a.metrics.cpu_load = -1; /* counts 1 core: 13 */
	b.metrics.cpu_load = 2;  /* 14 */
	beat(a);
	beat(b);
	assert_string_equal(choose(&s, 0), "b:1");
}

static void
busy(void **state)
{
	struct job_spec s = { 0 };
	struct heartbeat hb = beat_of("a:1");
	struct worker *x;

	assert_string_equal(choose(&s, 0), "none");
	hb.overload = true;
	x = beat(hb);
	assert_string_equal(choose(&s, 0), "busy");
	assert_int_equal(workers_choose_any(w, 1, now), CHOICE_BUSY);
	hb.overload = false;
	hb.slots = 2;
	hb.used = 2;
	beat(hb);
	assert_string_equal(choose(&s, 0), "busy");
	hb.used = 1;
	beat(hb);
	assert_string_equal(choose(&s, 0), "a:1");
	x->assigned = 2; /* given since the heartbeat */
	assert_string_equal(choose(&s, 0), "busy");
	x->assigned = 1;
	x->avoid_until_mono_ms = now.mono_ms + 10;
	assert_string_equal(choose(&s, 0), "busy");
	now.mono_ms += 10;
	assert_string_equal(choose(&s, 0), "a:1");
}

static void
random_and_specify(void **state)
{
	struct job_spec s = { .dispatch_strategy = DISPATCH_RANDOM };
	struct heartbeat hb;
	int seen[3] = { 0 };
	char config[64];

	for (int i = 0; i < 3; i++) {
		char address[8], tag[8];

		snprintf(address, sizeof address, "%c:1", 'a' + i);
		snprintf(tag, sizeof tag, "zone%d", i);
		hb = beat_of(address);
		hb.tag = tag;
		beat(hb);
	}
	for (uint64_t n = 0; n < 30; n++)
		seen[choose(&s, n)[0] - 'a']++;
	assert_int_equal(seen[0], 10);
	assert_int_equal(seen[2], 10);
	s.dispatch_strategy = DISPATCH_SPECIFY;
	s.dispatch_config = config;
	for (uint64_t n = 0; n < 9; n++) {
		strcpy(config, "tagEquals:zone1");
		assert_string_equal(choose(&s, n), "b:1");
		strcpy(config, "tagIn:one2");
		assert_string_equal(choose(&s, n), "c:1");
		strcpy(config, "c:1, zone0");
		assert_string_equal(choose(&s, n), n % 2 == 0 ? "a:1" : "c:1");
	}
	strcpy(config, "tagEquals:nowhere"); /* nobody: anybody */
	assert_string_equal(choose(&s, 1), "b:1");
	s.dispatch_config = NULL;
	assert_string_equal(choose(&s, 2), "c:1");
}

static bool
join(struct worker *x, void *arg)
{
	strcat(arg, x->address);
	return strcmp(x->address, "z") != 0;
}

static void
each_in_order_and_apps_apart(void **state)
{
	struct job_spec s = { 0 };
	struct heartbeat hb;
	const char *order[] = { "c", "a", "b" };
	char got[32] = "";

	for (int i = 0; i < 3; i++) {
		hb = beat_of(order[i]);
		beat(hb);
		hb.app_id = 2;
		hb.address = i == 0 ? "z" : i == 1 ? "x" : "zz";
		beat(hb);
	}
	workers_each(w, 1, join, got);
	assert_string_equal(got, "abc");
	got[0] = '\0';
	workers_each(w, 0, join, got);
	assert_string_equal(got, "abcxz");
	hb = beat_of("q");
	hb.app_id = 3;
	assert_string_equal(choose(&s, 0), "a");
	assert_int_equal(workers_choose_any(w, 3, now), CHOICE_NONE);
}

static void
many(void **state)
{
	struct job_spec s = { 0 };
	char address[16];

	for (int i = 0; i < 1000; i++) {
		struct heartbeat hb;

		snprintf(address, sizeof address, "%03d", (i * 7) % 1000);
		hb = beat_of(address);
		hb.metrics.score = (i * 7) % 1000 == 437 ? 500 : 100;
		beat(hb);
	}
	assert_string_equal(choose(&s, 0), "437");
	assert_int_equal(workers_count_alive(w, now), 1000);
}

static struct heartbeat
beat_of_many(int i, char address[32])
{
	struct heartbeat hb;

	snprintf(address, 32, "10.0.%d.%d:27777", i / 256, i % 256);
	hb = beat_of(address);
	hb.metrics.score = i == 4711 ? 500 : 100 + i % 50;
	return hb;
}

/* As many as there may be, each living: one more is refused; the silent ones make room. */
static void
ten_thousand_and_more(void **state)
{
	struct job_spec s = { .max_worker_count = 3 };
	struct heartbeat hb;
	struct worker *x, **all;
	char address[32];
	int n;

	for (int i = 0; i < 20000; i++) {
		hb = beat_of_many(i, address);
		beat(hb);
	}
	assert_int_equal(workers_choose(w, 1, &s, now, 0, &x, &all, &n), CHOICE_OK);
	assert_int_equal(n, 3);
	assert_string_equal(x->address, "10.0.18.103:27777");
	assert_ptr_equal(all[0], x);
	assert_int_equal(all[1]->score, 149);
	assert_int_equal(all[2]->score, 149);
	assert_string_equal(all[1]->address, "10.0.0.149:27777");
	free(all);
	s.max_worker_count = 0;
	assert_string_equal(choose(&s, 0), "10.0.18.103:27777");
	hb = beat_of("one more");
	assert_int_equal(workers_beat(w, &hb, now, &e), -1);
	assert_int_equal(e.code, ERR_BUSY);
	hb = beat_of_many(7, address);
	assert_int_equal(workers_beat(w, &hb, now, &e), 0); /* who is known stays */
	now.mono_ms += 60001;
	hb = beat_of("one more");
	assert_string_equal(beat(hb)->address, "one more");
	assert_int_equal(workers_count_alive(w, now), 1);
	assert_null(workers_find(w, 1, address));
}

/* The best few in order, whatever order they come in, against the plain sort. */
static void
best_few(void **state)
{
	struct job_spec s = { 0 };
	struct worker *x, **all, **few;
	char address[32];
	int n, m;

	for (int i = 0; i < 500; i++) {
		struct heartbeat hb = beat_of_many(i, address);

		hb.metrics.score = 1 + i * 7919 % 91;
		hb.overload = i % 11 == 0;
		beat(hb)->assigned = i * 31 % 5;
	}
	assert_int_equal(workers_choose(w, 1, &s, now, 0, &x, &all, &n), CHOICE_OK);
	assert_int_equal(n, 500);
	for (int k = 1; k <= 31; k++) {
		s.max_worker_count = k;
		assert_int_equal(workers_choose(w, 1, &s, now, 0, &x, &few, &m), CHOICE_OK);
		assert_int_equal(m, k);
		assert_ptr_equal(x, all[0]);
		assert_memory_equal(few, all, (size_t)k * sizeof *few);
		free(few);
	}
	free(all);
}

static void
long_texts_are_refused(void **state)
{
	static char text[5000];
	struct heartbeat hb;

	memset(text, 'x', sizeof text - 1);
	for (int k = 0; k < 6; k++) {
		const char **member[] = { &hb.address, &hb.version, &hb.protocol, &hb.tag, &hb.client, &hb.metrics.extra };
		static const char *const name[] = { "workerAddress", "version", "protocol", "tag", "client", "systemMetrics.extra" };

		hb = beat_of("a:1");
		*member[k] = text;
		assert_int_equal(workers_beat(w, &hb, now, &e), -1);
		assert_int_equal(e.code, ERR_TOOBIG);
		assert_non_null(strstr(e.msg, name[k]));
	}
	assert_null(workers_find(w, 1, "a:1"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static void
explains(const struct job_spec *spec, const char *want)
{
	struct buf text = BUF_INIT;

	workers_explain(w, 1, spec, now, &text);
	assert_string_equal(buf_str(&text), want);
	buf_fini(&text);
}

static void
says_what_is_lacking(void **state)
{
	struct heartbeat hb = beat_of("a:1");
	char blue[] = "blue, x:9";
	struct job_spec spec = { .execute_type = EXECUTE_STANDALONE };

	explains(&spec, "the app has no worker");
	hb.app_id = 2;
	beat(hb);
	explains(&spec, "the app has no worker");
	hb.app_id = 1;
	beat(hb);
	explains(&spec, "of 1 worker: 1 free");
	spec.min_memory_gb = 7;
	explains(&spec, "of 1 worker: 1 with less than 7 GB of memory free (has 6.0)");
	spec.designated_workers = blue;
	hb = beat_of("b:1");
	hb.tag = "blue";
	hb.is_pj = true;
	beat(hb);
	hb.address = "c:1";
	hb.metrics.mem_max_gb = 4;
	beat(hb);
	explains(&spec, "of 3 workers: 1 not among the designated 'blue, x:9'; 2 with less than 7 GB of memory free (at most 6.0)");
	spec.min_memory_gb = 0;
	spec.min_disk_gb = 60.5;
	explains(&spec, "of 3 workers: 1 not among the designated 'blue, x:9'; 2 with less than 60.5 GB of disk free (at most 50.0)");
	spec.min_disk_gb = 0;
	spec.min_cpu_cores = 3;
	explains(&spec, "of 3 workers: 1 not among the designated 'blue, x:9'; 2 with less than 3 processor cores free (at most 3.0)");
	spec.min_cpu_cores = 0;
	spec.execute_type = EXECUTE_MAP;
	explains(&spec, "of 3 workers: 2 of pj's kind, and broadcasts, maps and second-level jobs need a Java one; "
	    "1 not among the designated 'blue, x:9'");
	spec.execute_type = EXECUTE_STANDALONE;
	spec.designated_workers = NULL;
	hb.overload = true;
	beat(hb);
	hb = beat_of("b:1");
	hb.slots = hb.used = 2;
	beat(hb);
	workers_find(w, 1, "a:1")->avoid_until_mono_ms = now.mono_ms + 1000;
	explains(&spec, "of 3 workers: 1 overloaded; 1 with all slots taken; 1 that refused just now, asked again in some seconds");
	now.mono_ms += 61000;
	explains(&spec, "none of the app's 3 workers was heard of for 60s");
	(void)state;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(heartbeat_is_kept), T(alive_by_our_clock), T(late_heartbeats), T(designated), T(resources), T(health_first),
		T(negative_load_is_unknown), T(busy), T(random_and_specify), T(each_in_order_and_apps_apart), T(many),
		T(ten_thousand_and_more), T(best_few), T(long_texts_are_refused), T(says_what_is_lacking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

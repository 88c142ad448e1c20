# The rows of 80-java.sh as the README's table: median of what was measured more than once.
{
	name = $1
	for (i = 2; i <= NF; i++) {
		eq = index($i, "=")
		key = substr($i, 1, eq - 1)
		if (key ~ /^(when|program|root|concurrency|at_once)$/)
			name = name " " substr($i, eq + 1)
		else
			value[name, key, ++count[name, key]] = substr($i, eq + 1)
	}
}
function v(name, key,    n, i, j, t, a) {
	n = count[name, key]
	if (n == 0)
		return "-"
	for (i = 1; i <= n; i++)
		a[i] = value[name, key, i]
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && a[j] + 0 < a[j - 1] + 0; j--) {
			t = a[j]
			a[j] = a[j - 1]
			a[j - 1] = t
		}
	return a[int((n + 1) / 2)]
}
function one(name, key, i) { return (name, key, i) in value ? value[name, key, i] : "-" }
function row(what, ours, theirs) { printf "| %s | %s | %s |\n", what, ours, theirs }
END {
	print "| | pj-serverd | PowerJob's server |"
	print "|---|---|---|"
	row("start to first HTTP answer, empty root / root in use", v("start empty", "first_answer_ms") " / " \
	    v("start used", "first_answer_ms") " ms", "12-13 s")
	row("server memory idle / after load, private (resident)", v("memory idle pj-serverd", "private_mib") " (" \
	    v("memory idle pj-serverd", "resident_mib") ") / " v("memory loaded pj-serverd", "private_mib") " (" \
	    v("memory loaded pj-serverd", "resident_mib") ") MiB", "580-630 / 650 MiB resident")
	row("Java worker resident, idle / after load", v("memory idle java-worker", "resident_mib") " / " \
	    v("memory loaded java-worker", "resident_mib") " MiB", "135-147 / 192 MiB")
	row("runJob call, one at a time, p50 / p95", v("sequential", "call_p50_ms") " / " v("sequential", "call_p95_ms") \
	    " ms (answered at once: " v("floor", "call_p50_ms") " / " v("floor", "call_p95_ms") "; a synchronous write: " \
	    v("disk", "sync_ms") ")", "5.4 / 9.4 ms")
	row("call to the processor's start, p50 / p95", v("sequential", "start_p50_ms") " / " v("sequential", "start_p95_ms") " ms", \
	    "2.9-8.2 / 6.3-14.3 ms")
	row("call to SUCCEED seen by a poll every ms, p50 / p95", v("sequential", "visible_p50_ms") " / " \
	    v("sequential", "visible_p95_ms") " ms", "6.1-17.2 / 17-291 ms")
	row("CPU per run in that series, server / worker", v("sequential", "server_cpu_ms") " / " v("sequential", "worker_cpu_ms") \
	    " ms", "17 / 5.6 ms")
	row("no-op runs completed a second, 8 clients, cold / warm", one("rate", "per_second", 1) " / " one("rate", "per_second", 2) \
	    " (the worker alone: " one("worker-floor 8", "rate", 1) " / " one("worker-floor 8", "rate", 2) ")", "266-312 / 407-437")
	row("runJob call in that load, p50 / p95 / p99", v("rate", "call_p50_ms") " / " v("rate", "call_p95_ms") " / " \
	    v("rate", "call_p99_ms") " ms", "14.6 / 42 / 72 ms")
	row("CPU of those " v("rate", "n") ", server / worker, cold and warm", one("rate", "server_cpu_s", 1) " / " \
	    one("rate", "worker_cpu_s", 1) " and " one("rate", "server_cpu_s", 2) " / " one("rate", "worker_cpu_s", 2) " s", \
	    "8.9-11.9 / 2.0-4.3 s")
	row("map, concurrency 5, sub-tasks a second", v("map 5", "per_second"), "2 (the worker's rounds of 5 s)")
	row("map of 1,000, concurrency 500, sub-tasks a second", v("map 500", "per_second") ", ends with status " v("map 500", "status"), \
	    "99-141, of 10,000")
	row("a job every second: fired, late p50 / max", v("cron", "fired") " in " v("cron", "seconds") " s, " v("cron", "late_p50_ms") \
	    " / " v("cron", "late_max_ms") " ms", "once every 15 s, 7.5-14.8 s late")
	row("50 jobs in one second, late p50 / p95 / max", v("burst", "late_p50_ms") " / " v("burst", "late_p95_ms") " / " \
	    v("burst", "late_max_ms") " ms", "123 / 245 / 272 ms")
}

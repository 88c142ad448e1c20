#!/bin/sh
# 10,000 cron jobs due in one second, ten workers that only count: time until all are recorded, dispatched, finished.
#
# Method: N jobs of the same fixed second are written into the database of a stopped server with sqlite3; it is started, ten
# counting workers (counters.c, one thread, pj's signature) say that they are there. From the second on: recorded = the
# database has all N instances (a reader looks every 10 ms), dispatched = the last run is at its worker, finished = its
# report is acknowledged. None may be missing or there twice. Baseline, in the same run: bench_core's rate of the same
# work in memory, without disk, HTTP and JSON: N instances would take raw_ms; ratio = finished to that.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
n=${N:-10000} rounds=${R:-3}
export TZ=UTC
start() {
	rm -f "$root/run/server.addr"
	"$BUILD/bin/pj-serverd" -r "$root" -o server.http=127.0.0.1:0 -o server.remote=127.0.0.1:0 2>>"$root/serverd.log" &
	serverd=$!
	pids="$pids $serverd"
	wait_until 20 test -s "$root/run/server.addr"
}
stop() { kill "$serverd"; wait "$serverd" || :; }
cpu_ms() { awk -v hz="$(getconf CLK_TCK)" '{ printf "%.0f", ($14 + $15) * 1000 / hz }' "/proc/$1/stat"; }
start # makes the database
stop
cp "$root/state/server.db" "$root/empty.db"
i=0
while [ $i -lt "$rounds" ]; do
	raw=$("$BUILD/tests/bench/bench_core" "$n" | sed -n 's/.*: \([0-9]*\)\/s$/\1/p' | median)
	rm -f "$root/state/server.db"*
	cp "$root/empty.db" "$root/state/server.db"
	at=$(($(date +%s) + 5))
	expr=$(date -d "@$at" '+%-S %-M %-H * * ?')
	sqlite3 "$root/state/server.db" "BEGIN; CREATE TEMP TABLE k AS WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL
	    SELECT i + 1 FROM k WHERE i < $n) SELECT i FROM k;
	INSERT INTO job (id, app_id, name, status, version, next_trigger_ms, created_ms, modified_ms)
	    SELECT i, 1, 'job ' || i, 1, 1, ${at}000, 1, 1 FROM k;
	INSERT INTO job_version (job_id, version, at_ms, name, time_type, time_expr, execute_type, processor_type, processor_info,
	    params) SELECT i, 1, 1, 'job ' || i, 2, '$expr', 1, 1, 'exec', '[\"/bin/true\"]' FROM k; COMMIT;"
	start
	"$BUILD/tests/bench/counters" 10 "$root/etc/peer.key" "$(value remote "$root/run/server.addr")" 1 \
	    "$root/state/server.db" "$n" >"$root/counted" &
	counters=$!
	pids="$pids $counters"
	wait_until 60 grep -q ready "$root/counted"
	[ "$(date +%s)" -lt "$at" ] || { echo "bench: the machine was too slow to write $n jobs in time" >&2; exit 1; }
	wait "$counters" || exit 1
	got=$(grep received= "$root/counted")
	since() { echo $(($(field "$1" "$got") - at * 1000)); }
	echo "$(since recorded_at) $(since received_at) $(since finished_at) $(field received "$got") $(field doubled "$got")" \
	    "$(cpu_ms "$serverd") $((n * 1000 / raw))" >>"$root/rows"
	stop
	i=$((i + 1))
done
col() { awk -v c="$1" '{ print $c }' "$root/rows" | median; }
echo "due-burst n=$n received=$(col 4) doubled=$(col 5) recorded_ms=$(col 1) dispatched_ms=$(col 2) finished_ms=$(col 3)" \
    "server_cpu_ms=$(col 6) raw_ms=$(col 7) ratio=$(awk '{ printf "%.2f\n", $3 / $7 }' "$root/rows" | median)" \
    "rounds=$rounds"

#!/bin/sh
# A million enabled cron jobs: time to ready and to the first fire, memory, and steady processor time of a realistic mix.
#
# Method: N jobs are written into the database of a stopped server with sqlite3: 70 % daily, 9 % weekly, 20 % hourly, 0.9 %
# every five minutes, 0.1 % every minute, each at a second of its own, so about 110 fires a second for a million; and HISTORY
# finished instances. Then the server is started: ready = from exec to run/server.addr; first_fire = from exec to the first instance made (what became
# due while the jobs were written is made up for at once, as after any downtime). Ten counting workers (counters.c) take the
# fires. Memory: private and written to, SETTLE seconds later, when nothing is left to make up for and the heap was given
# back once; processor time: of the next WINDOW seconds. The baseline is the same server with an empty database, in the
# same run: its time to ready and its memory.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
n=${N:-1000000} history=${HISTORY:-100000} settle=${SETTLE:-65} window=${WINDOW:-20}
export TZ=UTC
now_ms() { date +%s%3N; }
start() { # sets serverd, exec_ms, ready_ms
	rm -f "$root/run/server.addr"
	exec_ms=$(now_ms)
	"$BUILD/bin/pj-serverd" -r "$root" -o server.http=127.0.0.1:0 -o server.remote=127.0.0.1:0 2>>"$root/serverd.log" &
	serverd=$!
	pids="$pids $serverd"
	left=12000
	until [ -s "$root/run/server.addr" ]; do
		left=$((left - 1))
		[ "$left" -gt 0 ] || { echo "bench: the server does not get ready" >&2; exit 1; }
		sleep 0.005
	done
	ready_ms=$(($(now_ms) - exec_ms))
}
stop() { kill "$serverd"; wait "$serverd" || :; }
dirty_kib() { awk '/^Private_Dirty/ { print $2 }' "/proc/$1/smaps_rollup"; } # libraries' pages may be nobody else's here
cpu_ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
sql() { sqlite3 -cmd '.timeout 10000' "$root/state/server.db" "$1"; }
start # makes the database
stop
start
base_ready_ms=$ready_ms
sleep 2
base_kib=$(dirty_kib "$serverd")
stop
made=$(now_ms)
# A job's period and offset, of its number; the expression says the same in cron.
sql "PRAGMA synchronous=OFF; PRAGMA cache_size=-65536; BEGIN;
CREATE TEMP TABLE mix AS WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < $n)
    SELECT i, CASE WHEN i % 1000 < 700 THEN 86400 WHEN i % 1000 < 790 THEN 604800 WHEN i % 1000 < 990 THEN 3600
    WHEN i % 1000 < 999 THEN 300 ELSE 60 END period, (i * 2654435761) % 4294967296 h FROM k;
INSERT INTO job (id, app_id, name, status, version, next_trigger_ms, created_ms, modified_ms)
    SELECT i, 1, 'job ' || i, 1, 1, (($made / 1000 - h % period) / period * period + period + h % period) * 1000, $made, $made
    FROM mix;
INSERT INTO job_version (job_id, version, at_ms, name, time_type, time_expr, execute_type, processor_type, processor_info, params)
    SELECT i, 1, $made, 'job ' || i, 2, (h % 60) || ' ' || (CASE period WHEN 60 THEN '*'
    WHEN 300 THEN (h % 300 / 60) || '/5' ELSE h % 3600 / 60 END) || ' ' ||
    (CASE WHEN period <= 3600 THEN '*' ELSE h % 86400 / 3600 END) || (CASE period WHEN 604800 THEN
    ' ? * ' || substr('THUFRISATSUNMONTUEWED', h % period / 86400 * 3 + 1, 3) ELSE ' * * ?' END),
    1, 1, 'exec', '[\"/bin/true\"]'
    FROM mix;
INSERT INTO instance (id, app_id, job_id, job_version, nominal_ms, status, due_ms, attempt, running_times, worker, expected_ms,
    actual_ms, finished_ms, created_ms, modified_ms) SELECT i * 1000, 1, i, 1, $made - 3600000, 5, $made - 3600000, 1, 1, '-',
    $made - 3600000, $made - 3600000, $made - 3600000, $made - 3600000, $made - 3600000 FROM mix WHERE i <= $history;
INSERT INTO attempt (instance_id, attempt, worker, is_pj, state, opened_ms, finished_ms)
    SELECT i * 1000, 1, '-', 1, 5, $made - 3600000, $made - 3600000 FROM mix WHERE i <= $history;
COMMIT; PRAGMA wal_checkpoint(TRUNCATE);" >/dev/null
made_s=$((($(now_ms) - made) / 1000))
start
"$BUILD/tests/bench/counters" 10 "$root/etc/peer.key" "$(value remote "$root/run/server.addr")" 1 >"$root/counted" &
counters=$!
pids="$pids $counters"
wait_until 60 grep -q ready "$root/counted"
sleep "$settle"
first_ms=$(($(sql "SELECT min(created_ms) FROM instance WHERE created_ms > $made") - exec_ms))
kib=$(dirty_kib "$serverd")
before=$(cpu_ticks "$serverd") fires=$(sql 'SELECT count(*) FROM instance')
sleep "$window"
after=$(cpu_ticks "$serverd") fires=$(($(sql 'SELECT count(*) FROM instance') - fires))
late_kib=$(dirty_kib "$serverd")
kill "$counters"
wait "$counters" || :
counted=$(grep received "$root/counted")
wrong=$(sql "SELECT count(*) FROM instance WHERE nominal_ms > $exec_ms AND created_ms - nominal_ms > 1000")
echo "million jobs=$n history=$history made_s=$made_s empty_ready_ms=$base_ready_ms ready_ms=$ready_ms first_fire_ms=$first_ms" \
    "empty_dirty_kib=$base_kib dirty_kib=$kib later_dirty_kib=$late_kib fires_per_second=$((fires / window))" \
    "cpu_percent=$(awk -v t=$((after - before)) -v w="$window" -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%.1f", t / hz / w * 100 }')" \
    "cpu_ms_per_fire=$(awk -v t=$((after - before)) -v f="$fires" -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%.2f", t / hz * 1000 / f }')" \
    "later_than_1s=$wrong doubled=$(field doubled "$counted") db_mb=$(($(stat -c %s "$root/state/server.db") / 1048576))"

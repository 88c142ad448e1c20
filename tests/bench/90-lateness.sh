#!/bin/sh
# A lone job's lateness: cron every second on an idle server, a minute long.
#
# Method: one job `* * * * * ?` runs tests/sh/witness.c, which writes the time it started at. dispatch = the time of the turn
# that opened the attempt (attempt.opened_ms) minus the nominal time; start = the witness's line minus the nominal time. Both
# in whole ms. Baseline, in the same minute, half a second off: rawtick.c sleeps to the time and spawns the same program.
# A second without a run counts as missing. PowerJob fires such a cron once in 15 s; of 50 jobs due in one second, its p95
# is 245 ms.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
n=${N:-60}
bench_start
ctl job add warm -- /bin/true >/dev/null
ctl job run warm --wait
ctl job add each-second --cron '* * * * * ?' -- "$BUILD/tests/sh/witness" "$root/witness" >/dev/null
sleep 2
"$BUILD/tests/bench/rawtick" "$n" "$BUILD/tests/sh/witness" "$root/raw"
sleep 1
ctl job disable each-second >/dev/null
quantiles() { sort -n | awk -v name="$1" '{ v[NR] = $1 } END { printf "%s_p50_ms=%d %s_p99_ms=%d %s_max_ms=%d\n",
    name, v[int((NR + 1) / 2)], name, v[int(NR * 0.99 + 0.99)], name, v[NR] }'; }
late() { awk '$3 != "-" { print $1 - $3 }' "$1"; }
sqlite3 -cmd '.timeout 10000' "$root/state/server.db" "SELECT a.opened_ms - i.nominal_ms FROM attempt a JOIN instance i ON
    i.id = a.instance_id WHERE i.nominal_ms IS NOT NULL AND a.attempt = 1" >"$root/dispatch"
echo "lateness n=$(wc -l <"$root/witness")" \
    "missing=$(awk 'NR == 1 { a = $3 } { b = $3; n++ } END { print (b - a) / 1000 + 1 - n }' "$root/witness")" \
    "$(quantiles dispatch <"$root/dispatch") $(late "$root/witness" | quantiles start) $(late "$root/raw" | quantiles raw)"

#!/bin/sh
# Private memory of each program when idle, and its context switches a minute.
#
# Method: server, worker and helpers run; one job has run; SETTLE seconds later the sum of Private_Clean and Private_Dirty of
# /proc/PID/smaps_rollup, and the difference of (non)voluntary context switches over WINDOW seconds, scaled to a minute.
# PowerJob: server 580-630 MB resident, worker 135-147 MB.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
settle=${SETTLE:-5} window=${WINDOW:-60}
bench_start
ctl job add bench-true -- /bin/true >/dev/null
ctl job run bench-true --wait
sleep "$settle"
switches() { awk '/ctxt_switches/ { n += $2 } END { print n }' "/proc/$1/status"; }
for p in "$serverd" "$workerd" $(pgrep -P "$workerd"); do
	echo "$p $(cat "/proc/$p/comm") $(switches "$p")" >>"$root/before"
done
sleep "$window"
while read -r p name before; do
	echo "idle program=$name private_kib=$(awk '/^Private_(Clean|Dirty)/ { n += $2 } END { print n }' "/proc/$p/smaps_rollup")" \
	    "switches_per_minute=$((($(switches "$p") - before) * 60 / window))"
done <"$root/before"

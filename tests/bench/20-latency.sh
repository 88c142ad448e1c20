#!/bin/sh
# One at a time: the runJob call, and call to result visible.
#
# Method: one keep-alive OpenAPI client; runJob, then fetchInstanceStatus every 0.2 ms until it is final, 5 ms pause; N times
# per round. In turn with N raw posix_spawn+wait of /bin/true, one at a time. PowerJob: call p50 5.4 ms, visible p50 6-17 ms.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
n=${N:-300} rounds=${R:-5}
bench_start
id=$(ctl --json job add bench-true -- /bin/true | jq -r .id)
"$BUILD/tests/bench/load" "$http" default "$password" latency "$id" 50 >/dev/null # warm
i=0
while [ $i -lt "$rounds" ]; do
	raw=$("$BUILD/tests/bench/rawspawn" "$n" 1 /bin/true)
	pj=$("$BUILD/tests/bench/load" "$http" default "$password" latency "$id" "$n")
	echo "$(awk -v t="$(field total_ms "$raw")" -v n="$n" 'BEGIN { printf "%.2f", t / n }') $(field call_p50_ms "$pj")" \
	    "$(field call_p95_ms "$pj") $(field visible_p50_ms "$pj") $(field visible_p95_ms "$pj")" >>"$root/rows"
	i=$((i + 1))
done
col() { awk -v c="$1" '{ print $c }' "$root/rows" | median; }
echo "latency raw_spawn_ms=$(col 1) call_p50_ms=$(col 2) call_p95_ms=$(col 3) visible_p50_ms=$(col 4)" \
    "visible_p95_ms=$(col 5) ratio_visible_to_raw=$(awk '{ printf "%.2f\n", $4 / $1 }' "$root/rows" | median) rounds=$rounds n=$n"

#!/bin/sh
# Completed /bin/true instances a second, as a ratio to raw posix_spawn.
#
# Method: 8 keep-alive OpenAPI clients make N runJob calls for an API job `/bin/true`, as fast as the answers come, then ask
# until every instance is final; per_second = N / the time from the first call to the last final status seen. The raw loop
# is one process with 8 posix_spawn of /bin/true in flight. Both in turn, R rounds in one session; medians. Server, worker,
# clients and programs share the machine. PowerJob (reference server, Java no-op processor): 266-437/s.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
n=${N:-4000} rounds=${R:-5}
bench_start
id=$(ctl --json job add bench-true -- /bin/true | jq -r .id)
"$BUILD/tests/bench/load" "$http" default "$password" rate "$id" 500 8 >/dev/null # warm
i=0
while [ $i -lt "$rounds" ]; do
	raw=$("$BUILD/tests/bench/rawspawn" "$n" 8 /bin/true)
	pj=$("$BUILD/tests/bench/load" "$http" default "$password" rate "$id" "$n" 8)
	echo "$(field per_second "$raw") $(field per_second "$pj")" >>"$root/rates"
	last=$pj
	i=$((i + 1))
done
echo "throughput raw_per_second=$(awk '{ print $1 }' "$root/rates" | median)" \
    "pj_per_second=$(awk '{ print $2 }' "$root/rates" | median)" \
    "ratio=$(awk '{ printf "%.3f\n", $2 / $1 }' "$root/rates" | median) rounds=$rounds n=$n" \
    "call_p50_ms=$(field call_p50_ms "$last") call_p99_ms=$(field call_p99_ms "$last")"

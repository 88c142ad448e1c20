#!/bin/sh
# Simulated days a minute: the scheduler core on virtual time, over an in-memory store.
#
# Method: tests/bench/bench_sim, processor time of one thread, median of R rounds; every firing is inserted, dispatched,
# accepted, reported, committed in between, checked and removed. Twice: 20 jobs of 500 firings a day each (10,000 a day), and
# 20 jobs of 25 (500 a day together). Baseline: the same work without virtual time, workers, checks and retention, by
# bench_core (instances a second).
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
n=${N:-4} rounds=${R:-3}
raw=$("$BUILD/tests/bench/bench_core" 10000 | sed -n 's/.*: \([0-9]*\)\/s$/\1/p' | median)
row() { # row DAYS JOBS FIRINGS FILE
	i=0
	while [ $i -lt "$rounds" ]; do
		"$BUILD/tests/bench/bench_sim" "$1" "$2" "$3" >>"$4"
		i=$((i + 1))
	done
}
col() { while read -r line; do field "$1" "$line"; done <"$2" | median; }
row "$n" 20 500 "$root/each"
row $((n * 20)) 20 25 "$root/together"
echo "sim days_min_10000=$(col days_min "$root/each") fires_s=$(col fires_s "$root/each")" \
    "days_min_500=$(col days_min "$root/together") core_s=$raw" \
    "ratio=$(awk -v a="$(col fires_s "$root/each")" -v b="$raw" 'BEGIN { printf "%.2f", a / b }') rounds=$rounds n=$n"

#!/bin/sh
# Next fire times a second, and counts of a year's fire times a second: what finding when a job runs next costs.
#
# Method: bench_next asks each schedule for its next time again and again (150 ms each, up to ten years ahead), and counts
# the times of a year; one thread, no server. next_per_second is the rate over all schedules (harmonic mean: one call of
# each in turn), the slowest is named; R rounds, medians.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
rounds=${R:-3}
i=0
while [ $i -lt "$rounds" ]; do
	"$BUILD/tests/bench/bench_next" >"$root/out"
	awk '{ rate = $2 + 0; inverse[$1] += 1 / rate; n[$1]++
		if (!($1 in least) || rate < least[$1]) { least[$1] = rate } }
	    END { printf "%.0f %.0f %.0f %.0f\n", n["next"] / inverse["next"], least["next"], n["year"] / inverse["year"],
		least["year"] }' "$root/out" >>"$root/rates"
	i=$((i + 1))
done
column() { awk -v c="$1" '{ print $c }' "$root/rates" | median; }
slowest=$(awk '$1 == "next" { rate = $2 + 0; if (least == "" || rate < least) { least = rate
    $1 = $2 = $3 = ""; sub(/^ */, ""); name = $0 } } END { print name }' "$root/out")
echo "next next_per_second=$(column 1) slowest_per_second=$(column 2) years_per_second=$(column 3)" \
    "slowest_years_per_second=$(column 4) rounds=$rounds schedules=$(grep -c '^next' "$root/out") slowest='$slowest'"

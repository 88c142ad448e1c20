#!/bin/sh
# Next fire times a second, and counts of a year's fire times a second: what finding when a job runs next costs.
#
# Method: bench_next asks each schedule for its next time again and again (150 ms each, up to ten years ahead), and counts
# the times of a year; one thread, no server. next_per_second is the rate over all schedules (harmonic mean: one call of
# each in turn), the slowest is named; R rounds, medians. Baselines, in the same run: libc's localtime_r and mktime, one of
# each a step (raw); and, where a JDK and Maven are, cron-utils 9.2.1 as PowerJob uses it, warm, on those of the expressions
# that it has (tests/interop/cron/run --rate): ratio_cron_utils is of the harmonic means over these.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
rounds=${R:-3}
i=0
while [ $i -lt "$rounds" ]; do
	"$BUILD/tests/bench/bench_next" >"$root/out"
	awk '{ rate = $2 + 0; inverse[$1] += 1 / rate; n[$1]++
		if (!($1 in least) || rate < least[$1]) { least[$1] = rate } }
	    END { printf "%.0f %.0f %.0f %.0f %.0f\n", n["next"] / inverse["next"], least["next"], n["year"] / inverse["year"],
		least["year"], least["raw"] }' "$root/out" >>"$root/rates"
	i=$((i + 1))
done
column() { awk -v c="$1" '{ print $c }' "$root/rates" | median; }
slowest=$(awk '$1 == "next" { rate = $2 + 0; if (least == "" || rate < least) { least = rate
    $1 = $2 = $3 = ""; sub(/^ */, ""); name = $0 } } END { print name }' "$root/out")
# The expressions of six fields without ||, but for the one that never fires.
awk -v OFS='\t' '$1 == "next" && NF == 9 && !/[{|]/ { print $2 + 0 "", $3, $4 " " $5 " " $6 " " $7 " " $8 " " $9 }' "$root/out" |
    grep -v ' 30 2 ' >"$root/crons"
utils=none
if awk -F '\t' -v OFS='\t' '{ print $3, $2, "1767225600000" }' "$root/crons" |
    BUILD=$BUILD sh tests/interop/cron/run --rate >"$root/utils" 2>"$root/why"; then
	utils=$(awk '{ s += 1 / $1; n++ } END { printf "%.0f", n / s }' "$root/utils")
else
	cat "$root/why" >&2
fi
echo "next next_per_second=$(column 1) slowest_per_second=$(column 2) years_per_second=$(column 3)" \
    "slowest_years_per_second=$(column 4) raw_per_second=$(column 5) cron_utils_per_second=$utils" \
    "ratio_raw=$(awk '{ printf "%.2f\n", $1 / $5 }' "$root/rates" | median)" \
    "ratio_cron_utils=$(awk -F '\t' -v u="$utils" '{ s += 1 / $1; n++ } END {
	if (u == "none") print u; else printf "%.1f", n / s / u }' "$root/crons")" \
    "rounds=$rounds schedules=$(grep -c '^next' "$root/out") slowest='$slowest'"

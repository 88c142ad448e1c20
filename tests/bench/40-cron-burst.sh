#!/bin/sh
# 1,000 cron jobs due in the same second: time until the last job's own witness.
#
# Method: N jobs with the same fixed second, added disabled-free well before it; every job is tests/sh/witness.c, which
# appends a line with its time. lateness = last line's time - the second. Baseline: a raw loop of N posix_spawn of the same
# program with 8 in flight, before and after. None may be missing or there twice.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
n=${N:-1000}
bench_start
raw1=$("$BUILD/tests/bench/rawspawn" "$n" 8 "$BUILD/tests/sh/witness" "$root/raw1")
at=$(($(date +%s) + 10 + n / 20))
expr=$(date -d "@$at" '+%-S %-M %-H %-d %-m ? %Y')
i=0
while [ $i -lt "$n" ]; do
	ctl job add "burst-$i" --cron "$expr" -- "$BUILD/tests/sh/witness" "$root/witness" >/dev/null
	i=$((i + 1))
done
left=$((at - $(date +%s)))
[ "$left" -gt 0 ] || { echo "bench: the machine was too slow to add $n jobs in time" >&2; exit 1; }
sleep "$left"
all_there() { [ "$(wc -l <"$root/witness")" -ge "$n" ]; }
wait_until 60 all_there
sleep 1
raw2=$("$BUILD/tests/bench/rawspawn" "$n" 8 "$BUILD/tests/sh/witness" "$root/raw2")
raw=$(printf '%s\n%s\n' "$(field total_ms "$raw1")" "$(field total_ms "$raw2")" | awk '{ s += $1 } END { printf "%.0f", s / NR }')
last=$(awk -v at="$at" '{ l = $1 - at * 1000; if (l > m) m = l } END { print m }' "$root/witness")
echo "cron-burst n=$n lines=$(wc -l <"$root/witness") doubled=$(awk '{ print $2 }' "$root/witness" | sort | uniq -d | wc -l)" \
    "raw_ms=$raw last_witness_ms=$last ratio=$(awk -v a="$last" -v b="$raw" 'BEGIN { printf "%.2f", a / b }')"

#!/usr/bin/env bats
# pj's reading of every time zone of this machine against Python's zoneinfo: each change of offset from 1970 to 2044, both
# ways, and every fortnight between.
load helpers

dump=$BUILD/tests/sh/tzdump
check=$BATS_TEST_DIRNAME/tzcheck.py

setup() {
	python3 -c 'import zoneinfo' 2>/dev/null || skip "python3 with zoneinfo is missing"
	zones=$(python3 "$check" --list | grep -c .) || skip "no zone files where python3 looks for them"
	[ "$zones" -gt 300 ] || skip "only $zones zone files: install tzdata"
}

@test "every zone reads as python reads it" {
	python3 "$check" --list >"$BATS_TEST_TMPDIR/zones"
	"$dump" <"$BATS_TEST_TMPDIR/zones" >"$BATS_TEST_TMPDIR/facts"
	run python3 "$check" <"$BATS_TEST_TMPDIR/facts"
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$output" = "zones $(wc -l <"$BATS_TEST_TMPDIR/zones") facts $(wc -l <"$BATS_TEST_TMPDIR/facts")" ]
}

@test "every zone reads as java reads it" {
	case $BUILD in */san) skip "the same facts as in the test before this: the plain build's run is enough" ;; esac
	status=0
	"$TOP/tests/interop/zones/run" >"$BATS_TEST_TMPDIR/log" 2>&1 || status=$?
	cat "$BATS_TEST_TMPDIR/log"
	[ "$status" -ne 77 ] || skip "$(tail -n 1 "$BATS_TEST_TMPDIR/log")"
	[ "$status" -eq 0 ]
	status=0
	"$TOP/tests/interop/zones/run" 's/^\(U [0-9]* .*\) 3600$/\1 3601/' >"$BATS_TEST_TMPDIR/log" 2>&1 || status=$?
	[ "$status" -eq 1 ]
}

@test "the comparison notices a wrong second, a missed change and a lost fold" {
	"$dump" Europe/Berlin >"$BATS_TEST_TMPDIR/good"
	python3 "$check" <"$BATS_TEST_TMPDIR/good"
	sed '0,/^U /s/ 7200$/ 3600/' "$BATS_TEST_TMPDIR/good" >"$BATS_TEST_TMPDIR/bad1"
	awk '/^S/ && ++n == 12 { next } { print }' "$BATS_TEST_TMPDIR/good" >"$BATS_TEST_TMPDIR/bad2"
	sed '0,/^L .* 2 /s/^\(L [^ ]*\) 2 \([0-9]*\) .*/\1 1 \2/' "$BATS_TEST_TMPDIR/good" >"$BATS_TEST_TMPDIR/bad3"
	for bad in 1 2 3; do
		! cmp -s "$BATS_TEST_TMPDIR/good" "$BATS_TEST_TMPDIR/bad$bad"
		run python3 "$check" <"$BATS_TEST_TMPDIR/bad$bad"
		echo "bad$bad: $status $output"
		[ "$status" -eq 1 ]
	done
}

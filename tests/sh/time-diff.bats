#!/usr/bin/env bats
# pj's cron expressions against cron-utils, the library that PowerJob reads them with: a short run of `make diff-cron`.
load helpers

setup() {
	case $BUILD in */san) skip "the sanitizers see this code in test_time_cron and fuzz_sched: the plain build's run is enough" ;; esac
}

run_diff() {
	local log=$BATS_TEST_TMPDIR/log
	status=0
	"$TOP/tests/interop/cron/run" "$@" >"$log" 2>"$log.err" || status=$?
	cat "$log.err" "$log"
	[ "$status" -ne 77 ] || skip "$(tail -n 1 "$log.err")"
}

@test "random expressions mean what they mean to PowerJob, or what pj-time(7) says" {
	n=5000
	run_diff "$n" 1
	[ "$status" -eq 0 ]
	[ "$(sed -n 's/^# *\([0-9]*\) same$/\1/p' "$BATS_TEST_TMPDIR/log")" -gt $((n / 2)) ]
}

@test "the comparison notices a wrong time, a wrong refusal and a missing answer" {
	command -v python3 >/dev/null || skip "python3 is missing"
	check=$TOP/tests/interop/cron/crondiff.py
	cd "$BATS_TEST_TMPDIR"
	printf 'UTC 0\n' >changes
	printf '0 0 0 * * ?\tUTC\t0\n0 0 0 L,15 * ?\tUTC\t0\n' >ask
	printf '1\tmarks in lists\n' >rules
	printf '86400000 172800000 259200000\n1209600000 1382400000 2592000000\n' >java
	printf '1209600000 2592000000 3888000000\n' >java2
	: >which
	: >java3
	printf '86400000 172800000 259200000\n1209600000 2592000000 3888000000\n' >pj
	python3 "$check" judge changes .
	sed 's/172800000/172801000/' pj >bad && cp pj good && cp bad pj
	run python3 "$check" judge changes .
	[ "$status" -eq 1 ]
	sed 's/ 3888000000/ 3888001000/' good >pj
	run python3 "$check" judge changes .
	[ "$status" -eq 1 ]
	sed 's/^8.*/rejected/' good >pj
	run python3 "$check" judge changes .
	[ "$status" -eq 1 ]
	head -n 1 good >pj
	run python3 "$check" judge changes .
	[ "$status" -eq 1 ]
}

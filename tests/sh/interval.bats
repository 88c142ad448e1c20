#!/usr/bin/env bats
# pj-ctl job add --every, --delay: commands at a rate and with a delay, through the real programs.

load helpers

teardown() {
	stop_all
}

nominal() { # of all its instances, oldest first
	ctl instance ls -j "$1" --json | jq -r '[.instances[].nominalMs] | sort | .[]'
}

@test "a rate keeps its beat through kill -9 of the server, a delay counts from the end of the run before" {
	start_server
	start_worker
	wait_worker_known
	ctl job add rate --every 500ms -- true
	ctl job add delay --delay 500ms -- sh -c "date +%s%3N >>'$BATS_TEST_TMPDIR/began'; sleep 0.3"
	assert_eq "$(ctl job show rate --json | jget .time_type,.time_expr)" $'FIXED_RATE\n500'
	assert_eq "$(ctl job next rate -n 3 | wc -l)" 3
	wait_for '[ "$(lines_of "$BATS_TEST_TMPDIR/began")" -ge 3 ]' 20
	kill_pid "$SERVER_PID"
	start_server -o "server.http=$SERVER_HTTP" -o "server.remote=$SERVER_REMOTE"
	wait_for '[ "$(lines_of "$BATS_TEST_TMPDIR/began")" -ge 6 ]' 30
	ctl job disable rate
	ctl job disable delay
	[ "$(nominal rate | awk 'NR > 1 && ($1 - last) % 500 != 0 { print } { last = $1 }' | wc -l)" = 0 ]
	[ "$(nominal rate | uniq -d | wc -l)" = 0 ]
	run awk 'NR > 1 && $1 - last < 790 { print NR, $1 - last } { last = $1 }' "$BATS_TEST_TMPDIR/began"
	assert_eq "$output" ''
	run ctl verify
	[ "$status" = 0 ]
}

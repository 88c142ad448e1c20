#!/usr/bin/env bats
# scripts/quickstart, the README's first command.
load helpers

setup() {
	case $BUILD in */san) skip "quickstart uses the plain build" ;; esac
	Q=$BATS_TEST_TMPDIR/q
}

teardown() {
	[ -z "${Q:-}" ] || "$TOP/scripts/quickstart" --stop "$Q"
	stop_all
}

quickstart() {
	timeout 300 "$TOP/scripts/quickstart" "$@" </dev/null 3>&- 4>&-
}

@test "quickstart shows a job at work, can be repeated, and ends what it started" {
	run quickstart "$Q"
	[ "$status" -eq 0 ] || fail "$output"
	assert_has "$output" "archived hello-"
	assert_has "$output" "The checksums are right."
	assert_has "$output" "--stop $Q"
	assert_eq "$(find "$Q/archive" -name '*.gz' | wc -l)" 1
	read -r server server_start <"$Q/run/quickstart.pj-serverd"
	read -r worker worker_start <"$Q/run/quickstart.pj-workerd"
	is_alive "$server" "$server_start"
	is_alive "$worker" "$worker_start"

	# Again: the same processes, the same job, one more file.
	run quickstart "$Q"
	[ "$status" -eq 0 ] || fail "$output"
	assert_has "$output" "pj-serverd is running already, pid $server"
	assert_eq "$(find "$Q/archive" -name '*.gz' | wc -l)" 2
	assert_eq "$(pj-ctl -r "$Q" job ls --tsv | grep -c archive)" 1

	run "$TOP/scripts/quickstart" --stop "$Q"
	assert_eq "$status" 0
	run ! is_alive "$server" "$server_start"
	run ! is_alive "$worker" "$worker_start"
	wait_for '[ -z "$(test_processes)" ]' 10
	run "$TOP/scripts/quickstart" --stop "$Q"
	assert_eq "$output" "nothing runs in $Q"

	# And from what it left.
	run quickstart "$Q"
	[ "$status" -eq 0 ] || fail "$output"
	assert_eq "$(find "$Q/archive" -name '*.gz' | wc -l)" 3
}

@test "quickstart leaves directories of others alone" {
	mkdir "$Q"
	echo mine >"$Q/file"
	run quickstart "$Q"
	assert_eq "$status" 1
	assert_has "$output" "holds other things"
	run ls "$Q"
	assert_eq "$output" file
}

@test "quickstart says what is wrong with its command line, in one line, and builds nothing for that" {
	run "$TOP/scripts/quickstart" --bogus
	assert_eq "$status" 64
	assert_eq "$output" "quickstart: unknown option --bogus; see quickstart --help"
	run "$TOP/scripts/quickstart" --help
	assert_eq "$status" 0
	assert_has "$output" "--stop"
}

@test "a pid that was given to another process is not ended" {
	mkdir -p "$Q/run"
	start_daemon "$BATS_TEST_TMPDIR/other.log" sleep 100
	echo "$DAEMON_PID 12345" >"$Q/run/quickstart.pj-serverd"
	run "$TOP/scripts/quickstart" --stop "$Q"
	assert_eq "$status" 0
	is_alive "$DAEMON_PID"
}

@test "a daemon that does not start is shown with its log, and the other is ended" {
	mkdir -p "$Q/etc"
	printf '[worker]\nslots = none\n' >"$Q/etc/pj.ini"
	run quickstart "$Q"
	assert_eq "$status" 1
	assert_has "$output" "worker.slots"
	assert_has "$output" "gave up waiting for pj-serverd (it has ended)"
	run test_processes
	assert_eq "$output" ""
}

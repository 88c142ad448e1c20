#!/usr/bin/env bats
# pj-discover alone, with a played server.

load helpers
load worker_lib

setup() {
	start_play
}

teardown() {
	stop_all
}

once() { # once OPTION...
	run --separate-stderr timeout 30 pj-discover -r "$WORKER_ROOT" -o "worker.servers=$SERVER_HTTP" --once "$@"
}

server_row() {
	wdb "SELECT app,app_id,via,ifnull(address,'none') FROM server" 2>/dev/null
}

discover() {
	start_daemon "$BATS_TEST_TMPDIR/discover.log" pj-discover -r "$WORKER_ROOT" -o "worker.servers=$SERVER_HTTP" \
	    -o worker.discover=200ms
	DISCOVER_PID=$DAEMON_PID
}

@test "--once: prints the address, writes it, exits 0; asks as PowerJob's workers do" {
	once -o 'worker.app=my app/ü'
	assert_eq "$status" 0
	assert_eq "$output" "$SERVER_HTTP"
	assert_eq "$(server_row)" "my app/ü|1|$SERVER_HTTP|$SERVER_HTTP"
	assert_eq "$(cut -d' ' -f1 "$PLAY/log" | head -n 1)" "/server/assert?appName=my%20app%2F%C3%BC"
	assert_eq "$(cut -d' ' -f1 "$PLAY/log" | tail -n 1)" "/server/acquire?appId=1&protocol=HTTP&currentServer="
	once -o 'worker.app=my app/ü'
	assert_eq "$(cut -d' ' -f1 "$PLAY/log" | tail -n 1)" "/server/acquire?appId=1&protocol=HTTP&currentServer=$SERVER_HTTP"
}

@test "--once: nobody answers is 69, an app that is not registered is 77 and says what to do" {
	echo '{"success":false,"data":null,"message":"app(default) is not registered!"}' >"$PLAY/answer-assert"
	once
	assert_eq "$status" 77
	assert_has "$stderr" "pj-ctl app add default"
	kill_pid "$PLAY_PID"
	once
	assert_eq "$status" 69
	assert_has "$stderr" "$SERVER_HTTP"
}

@test "the next server is asked when one does not answer, or answers nonsense" {
	dead=127.0.0.1:$(free_port)
	once -o "worker.servers=$dead,$SERVER_HTTP"
	assert_eq "$status" 0
	echo '<html>' >"$PLAY/answer-acquire"
	once
	assert_eq "$status" 69
	echo '{"success":true,"data":"no address"}' >"$PLAY/answer-acquire"
	once
	assert_eq "$status" 69
	echo '{"success":true,"data":"192.0.2.1:10010"}' >"$PLAY/answer-acquire"
	echo '{"success":true,"data":{"appId":"42"}}' >"$PLAY/answer-assert"
	once
	assert_eq "$(server_row)" "default|42|$SERVER_HTTP|192.0.2.1:10010"
	echo 500 >"$PLAY/status-assert"
	once
	assert_eq "$status" 69
	assert_has "$stderr" 500
}

@test "the daemon follows the server: away, back, moved; its heartbeat file says how it is" {
	discover
	wait_for '[ "$(hb_value pj-discover state)" = ok ]' 10
	echo '{"success":true,"data":"192.0.2.7:10010"}' >"$PLAY/answer-acquire"
	wait_for 'server_row | grep -q 192.0.2.7:10010' 10
	kill_pid "$PLAY_PID"
	wait_for '[ "$(hb_value pj-discover state)" = failing ]' 10
	wait_for 'server_row | grep -q "|none$"' 15
	rm "$PLAY/answer-acquire"
	start_play "$SERVER_HTTP"
	wait_for 'server_row | grep -q "|$SERVER_HTTP$"' 10
	stop_pid "$DISCOVER_PID"
	assert_eq "$(hb_value pj-discover state)" stopping
}

@test "a second one says so; --once beside it is no failure" {
	discover
	wait_for '[ "$(hb_value pj-discover state)" = ok ]' 10
	run timeout 10 pj-discover -r "$WORKER_ROOT"
	assert_eq "$status" 75
	assert_has "$output" "another pj-discover has this root"
	once
	assert_eq "$status" 0
}

@test "worker.db locked, a stalled server: it goes on when they do" {
	discover
	wait_for '[ "$(hb_value pj-discover state)" = ok ]' 10
	kill -STOP "$PLAY_PID"
	wait_for '[ "$(hb_value pj-discover state)" = failing ]' 20
	kill -CONT "$PLAY_PID"
	wait_for '[ "$(hb_value pj-discover state)" = ok ]' 20
	echo '{"success":true,"data":"192.0.2.9:1"}' >"$PLAY/answer-acquire"
	start_daemon "$BATS_TEST_TMPDIR/lock.log" sh -c "(echo 'BEGIN IMMEDIATE;'; sleep 6) | sqlite3 '$WORKER_ROOT/state/worker.db'"
	wait_for 'grep -q not_written "$BATS_TEST_TMPDIR/discover.log"' 20
	wait_for 'server_row | grep -q 192.0.2.9:1' 20
	is_alive "$DISCOVER_PID"
}

@test "bad starts and options" {
	once -o worker.app=
	assert_eq "$status" 78
	assert_has "$stderr" worker.app
	once -o worker.servers=
	assert_eq "$status" 78
	once -o worker.nonsense=1
	assert_eq "$status" 78
	run pj-discover -r "$WORKER_ROOT" -n
	assert_eq "$status" 0
	assert_has "$output" "[worker]"
	run pj-discover --version
	assert_eq "$status" 0
	run pj-discover --help
	assert_has "$output" "--once"
	run pj-discover --sideways
	assert_eq "$status" 64
}

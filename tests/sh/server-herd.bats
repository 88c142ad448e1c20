#!/usr/bin/env bats
# Ten thousand workers: bounded memory, quick turns, a cheap choice, and the dead are forgotten.

load helpers
load serverd_lib

setup() {
	SERVER_ROOT=$BATS_TEST_TMPDIR/server
}

teardown() {
	stop_all
}

private_kb() { # of the server's memory
	awk '/^Private/ { n += $2 } END { print n }' "/proc/$SERVER_PID/smaps_rollup"
}

cpu_ms() { # user and system time of the server
	echo $(($(sed 's/.*) //' "/proc/$SERVER_PID/stat" | awk '{ print $12 + $13 }') * 1000 / $(getconf CLK_TCK)))
}

# herd N ROUNDS: in the background, holding its connections
herd() {
	mkfifo "$BATS_TEST_TMPDIR/hold" 2>/dev/null || true
	exec {HOLD}<>"$BATS_TEST_TMPDIR/hold"
	start_daemon "$BATS_TEST_TMPDIR/herd.log" sh -c "exec '$BUILD/tests/sh/herd' $SERVER_REMOTE $1 1 $2 <'$BATS_TEST_TMPDIR/hold'"
	wait_for "grep -q sent= '$BATS_TEST_TMPDIR/herd.log' || ! is_alive $DAEMON_PID" 60
	grep -q sent= "$BATS_TEST_TMPDIR/herd.log" || fail "$(tail -n 3 "$BATS_TEST_TMPDIR/herd.log")"
}

@test "ten thousand workers, each on its connection: memory, turns, the choice of one" {
	[ "$(ulimit -Hn)" = unlimited ] || [ "$(ulimit -Hn)" -ge 12000 ] || skip 'fewer than 12,000 descriptors are allowed'
	start_server
	before=$(private_kb)
	herd 10000 2
	cat "$BATS_TEST_TMPDIR/herd.log"
	assert_eq "$(pj server/status | jget .workers)" 10000
	assert_eq "$(pj worker/ls | jq '.workers|length')" 10000
	after=$(private_kb)
	echo "private memory: $before kB, then $after kB"
	[ -n "${PJ_SLOW:-}" ] || [ $((after - before)) -lt 65536 ] # a sanitizer keeps what was freed
	# One among them takes jobs: it is found by its tag, thousands of times.
	start_daemon "$BATS_TEST_TMPDIR/quick.log" "$BUILD/tests/sh/wire" worker 127.0.0.1:0 "$SERVER_ROOT/etc/peer.key" "$SERVER_REMOTE"
	wait_for "grep -q 127.0.0.1: '$BATS_TEST_TMPDIR/quick.log'" 10
	quick=$(tail -n 1 "$BATS_TEST_TMPDIR/quick.log")
	add_job picked ",\"designated_workers\":\"$quick\""
	wait_for "pj worker/ls | jq -e '.workers|length == 10001'" 10
	cpu=$(cpu_ms)
	for _ in {1..10}; do
		seq 30 | xargs -P 4 -I{} curl -sS --unix-socket "$SERVER_ROOT/run/server.sock" http://pj/pj/1/job/run -d '{"job":"picked"}' >/dev/null
	done
	wait_for '[ "$(pj "instance/ls?status=succeeded&limit=1000" | jq ".instances|length")" -eq 300 ]' 30
	echo "300 dispatches among 10,001 workers: $(($(cpu_ms) - cpu)) ms of processor time"
	is_alive "$SERVER_PID"
	[ "$(grep -c ' error ' "$SERVER_LOG")" -eq 0 ] || grep ' error ' "$SERVER_LOG" | head
}

@test "those that fell silent are not chosen, and are forgotten" {
	start_server -o server.worker_timeout=400ms
	herd 1000 1
	assert_eq "$(pj worker/ls | jq '.workers|length')" 1000
	wait_for '[ "$(pj server/status | jget .workers)" = 0 ]' 10
	add_job nobody
	wait_for '[ "$(pj worker/ls | jq ".workers|length")" = 0 ]' 20
}

#!/usr/bin/env bats
# What kill -9, full disks and silence do to a server and a worker: nothing lost, nothing run twice. What the jobs did is
# read from the witness file that they write, what the server says of it from its database (tests/fault/ledger).
# `make torture` runs the same with TORTURE=20.
# run-sh: parts of 1

load helpers

setup() {
	rounds=$((${TORTURE:-1} * 8))
	witness=$BATS_TEST_TMPDIR/witness
	fault=$BUILD/tests/fault/preload/fault.so
	SERVER_ROOT=$BATS_TEST_TMPDIR/server WORKER_ROOT=$BATS_TEST_TMPDIR/worker
	start_server
	start_worker -o worker.app=default -o worker.heartbeat=1s
	wait_worker_known
	# Restarts must come back where peers look for them.
	same_place=(-o "server.http=$SERVER_HTTP" -o "server.remote=$SERVER_REMOTE")
	worker_place=(-o worker.app=default -o worker.heartbeat=1s -o "worker.listen=$WORKER_LISTEN" -o "worker.servers=$SERVER_HTTP")
}

teardown() {
	stop_all
}

no_live() { # nothing waits, is sent or runs
	[ "$(sqlite3 -readonly "$SERVER_ROOT/state/server.db" 'SELECT count(*) FROM instance WHERE status IN (1, 2, 3)')" = 0 ]
}

ledger() {
	"$TOP/tests/fault/ledger" "$SERVER_ROOT" "$witness" "$@"
}

skip_under_sanitizers() { # a preloaded library and the sanitizer's own do not go together
	case $BUILD in */san) skip "faults are injected by LD_PRELOAD, which the sanitizers forbid" ;; esac
}

# Starts a program that will kill itself; it may be dead before it is ready.
start_doomed() { # start_doomed PROGRAM KILL_AT ARG...
	local program=$1 at=$2
	shift 2
	start_daemon "$BATS_TEST_TMPDIR/doomed.log" env LD_PRELOAD="$fault" FAULT_PROGRAM="$program" FAULT_KILL_AT="$at" \
	    FAULT_COUNT_FILE="$BATS_TEST_TMPDIR/calls" "$program" "$@"
}

calls() { # made so far by the program that start_doomed started
	od -An -tu4 "$BATS_TEST_TMPDIR/calls" | tr -d ' '
}

# The program was killed somewhere in the middle of a run: bring it back and see the run through.
settle() {
	wait_for 'ctl server status' 20
	wait_for no_live 60
	ledger
}

@test "pj-serverd killed again and again in a stream of cron firings: none lost, none twice" {
	for j in 1 2 3; do
		ctl job add "every-second-$j" --cron '* * * * * ?' -- "$BUILD/tests/sh/witness" "$witness"
	done
	for ((i = 0; i < rounds; i++)); do
		sleep "$((RANDOM % 2)).$((RANDOM % 10))"
		kill_pid "$SERVER_PID"
		start_server "${same_place[@]}"
	done
	sleep 2
	for j in 1 2 3; do ctl job disable "every-second-$j"; done
	wait_for no_live 60
	[ "$(lines_of "$witness")" -ge $((rounds * 2)) ] || fail "only $(lines_of "$witness") runs"
	ledger 1000
}

@test "pj-serverd killed before any one of its writes, syncs and sends: the run happens once" {
	skip_under_sanitizers
	ctl job add once -- "$BUILD/tests/sh/witness" "$witness"
	# How many calls a start and a run take, when nothing goes wrong.
	stop_pid "$SERVER_PID"
	start_doomed pj-serverd 0 -r "$SERVER_ROOT" "${same_place[@]}"
	wait_for 'ctl server status' 20
	first=$(calls)
	ctl job run once --wait
	last=$(calls)
	stop_pid "$DAEMON_PID"
	[ "$last" -gt "$first" ] || fail "no call was watched"
	died=0
	for ((i = 0; i < rounds * 2; i++)); do
		at=$((1 + (last + 4) * i / (rounds * 2)))
		start_doomed pj-serverd "$at" -r "$SERVER_ROOT" "${same_place[@]}"
		doomed=$DAEMON_PID
		# It answers the call, or dies before or during it: both are right, and the ledger tells.
		wait_for "ctl server status || ! is_alive $doomed" 20
		ctl job run once || true
		wait_for "no_live || ! is_alive $doomed" 20
		is_alive "$doomed" || died=$((died + 1))
		kill_pid "$doomed"
		start_server "${same_place[@]}"
		settle || fail "killed before call $at of $last"
		stop_pid "$SERVER_PID"
	done
	[ "$died" -ge "$rounds" ] || fail "only $died of $((rounds * 2)) died by themselves"
}

@test "pj-workerd killed before any one of its writes, syncs and sends: the run happens once" {
	skip_under_sanitizers
	ctl job add once -- "$BUILD/tests/sh/witness" "$witness"
	stop_pid "$WORKER_PID"
	start_doomed pj-workerd 0 -r "$WORKER_ROOT" "${worker_place[@]}"
	wait_ready "$DAEMON_PID" "$WORKER_ROOT/run/worker.addr" "$BATS_TEST_TMPDIR/doomed.log"
	first=$(calls)
	ctl job run once --wait
	last=$(calls)
	stop_pid "$DAEMON_PID"
	[ "$last" -gt "$first" ] || fail "no call was watched"
	died=0
	for ((i = 0; i < rounds * 2; i++)); do
		# The start of a worker is the smaller part here: look at the run.
		at=$((first + 1 + (last - first + 4) * i / (rounds * 2)))
		rm -f "$WORKER_ROOT/run/worker.addr"
		start_doomed pj-workerd "$at" -r "$WORKER_ROOT" "${worker_place[@]}"
		doomed=$DAEMON_PID
		wait_for "[ -s '$WORKER_ROOT/run/worker.addr' ] || ! is_alive $doomed" 20
		ctl job run once
		wait_for "no_live || ! is_alive $doomed" 30
		is_alive "$doomed" || died=$((died + 1))
		kill_pid "$doomed"
		start_worker "${worker_place[@]}"
		settle || fail "killed before call $at of $last"
		stop_pid "$WORKER_PID"
	done
	[ "$died" -ge "$rounds" ] || fail "only $died of $((rounds * 2)) died by themselves"
}

@test "pj-workerd killed while jobs run: it finds them again and every result arrives" {
	ctl job add slow -- "$BUILD/tests/sh/witness" "$witness" 1500
	half=$((rounds / 2))
	for ((i = 0; i < half; i++)); do
		for _ in 1 2 3 4; do ctl job run slow; done
		sleep "0.$((RANDOM % 10))"
		kill_pid "$WORKER_PID"
		sleep "$((RANDOM % 2)).$((RANDOM % 10))"
		start_worker "${worker_place[@]}"
	done
	wait_for no_live 60
	assert_eq "$(lines_of "$witness")" $((half * 4))
	assert_eq "$(ctl instance ls --tsv --status succeeded --limit 1000 | wc -l)" $((half * 4))
	ledger
}

@test "a pj-run that is killed: its job is ended, the instance fails and says why" {
	ctl job add sleeper -- /bin/sh -c "echo started; echo \$\$ >'$BATS_TEST_TMPDIR/pid'; setsid sleep 600 & exec sleep 600"
	id=$(ctl job run sleeper)
	wait_for "[ -s '$BATS_TEST_TMPDIR/pid' ]" 20
	program=$(cat "$BATS_TEST_TMPDIR/pid")
	runner=$(sed -n 's/^PPid:[^0-9]*//p' "/proc/$program/status")
	assert_eq "$(cat "/proc/$runner/comm")" pj-run
	kill -KILL "$runner"
	wait_for no_live 60
	assert_eq "$(ctl --json instance show "$id" | jget .status)" failed
	assert_has "$(ctl --json instance show "$id" | jget .result)" 'runner lost'
	wait_for "! is_alive $program && ! grep -laz 'PJ_RUN=$id.1' /proc/[0-9]*/environ" 10
	wait_for "ctl instance log '$id' | grep -q started" 10
}

@test "server, worker and helpers killed at once: every run that was asked for ends once" {
	ctl job add slow -- "$BUILD/tests/sh/witness" "$witness" 500
	half=$((rounds / 2))
	for ((i = 0; i < half; i++)); do
		for _ in 1 2 3 4 5; do ctl job run slow; done
		helpers=$(pgrep -P "$WORKER_PID" || true)
		for p in $WORKER_PID $SERVER_PID $helpers; do kill -KILL "$p" 2>/dev/null || true; done
		wait_for "! is_alive $WORKER_PID && ! is_alive $SERVER_PID" 5
		start_server "${same_place[@]}"
		start_worker "${worker_place[@]}"
	done
	wait_for no_live 90
	assert_eq "$(lines_of "$witness")" $((half * 5))
	ledger
}

@test "the server's disk is full for a while: callers are told, scheduling goes on when there is room" {
	skip_under_sanitizers
	stop_pid "$SERVER_PID"
	start_daemon "$BATS_TEST_TMPDIR/full.log" env LD_PRELOAD="$fault" FAULT_PROGRAM=pj-serverd \
	    FAULT_NOSPACE_FLAG="$BATS_TEST_TMPDIR/full" pj-serverd -r "$SERVER_ROOT" "${same_place[@]}"
	wait_for 'ctl server status' 20
	ctl job add every-second --cron '* * * * * ?' -- "$BUILD/tests/sh/witness" "$witness"
	ctl job add by-hand -- "$BUILD/tests/sh/witness" "$witness"
	wait_for "[ \"\$(lines_of '$witness')\" -ge 2 ]" 10
	touch "$BATS_TEST_TMPDIR/full"
	sleep 1
	run ctl job run by-hand
	[ "$status" -ne 0 ] || fail "a run was promised that could not be written"
	assert_has "$output" full
	sleep 2
	is_alive "$DAEMON_PID" || fail "the server died of a full disk"
	rm "$BATS_TEST_TMPDIR/full"
	wait_for 'ctl job run by-hand' 10
	ctl job disable every-second
	wait_for no_live 60
	ledger 1000
}

@test "the worker's disk is full while a job ends: its result arrives when there is room" {
	skip_under_sanitizers
	stop_pid "$WORKER_PID"
	rm -f "$WORKER_ROOT/run/worker.addr"
	start_daemon "$BATS_TEST_TMPDIR/full.log" env LD_PRELOAD="$fault" FAULT_PROGRAM=pj-workerd \
	    FAULT_NOSPACE_FLAG="$BATS_TEST_TMPDIR/full" pj-workerd -r "$WORKER_ROOT" "${worker_place[@]}"
	wait_ready "$DAEMON_PID" "$WORKER_ROOT/run/worker.addr" "$BATS_TEST_TMPDIR/full.log"
	ctl job add slow -- "$BUILD/tests/sh/witness" "$witness" 1000
	id=$(ctl job run slow)
	wait_for "[ \"\$(lines_of '$witness')\" = 1 ]" 20
	touch "$BATS_TEST_TMPDIR/full"
	sleep 3
	is_alive "$DAEMON_PID" || fail "the worker died of a full disk"
	rm "$BATS_TEST_TMPDIR/full"
	wait_for no_live 30
	assert_eq "$(ctl --json instance show "$id" | jget .status)" succeeded
	ledger
}

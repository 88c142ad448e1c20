#!/usr/bin/env bats
# The messages of a good run late, doubled, in other orders, and all of them again: the ledger is that of the good run.
# SCRAMBLE_SEEDS='4 5 6' tries others.

load helpers
load serverd_lib

setup() {
	SERVER_ROOT=$BATS_TEST_TMPDIR/server
}

teardown() {
	stop_all
}

sql() {
	sqlite3 -readonly "$SERVER_ROOT/state/server.db" "$1"
}

ledger() {
	sql 'SELECT id, status, attempt, running_times, retries_left, worker, result, exit_code, signal, log_length, finished_ms,
	    modified_ms FROM instance ORDER BY id; SELECT instance_id, attempt, state, exit_code, result, finished_ms, started_ms FROM attempt
	    ORDER BY 1, 2; SELECT instance_id, attempt, kind, text FROM alarm ORDER BY id; SELECT * FROM log_source'
}

scramble() { # scramble SEED N
	local n=$2 jobs
	mkfifo "$BATS_TEST_TMPDIR/go.$1"
	start_daemon "$BATS_TEST_TMPDIR/scramble.$1.log" sh -c "exec '$BUILD/tests/sh/scramble' $SERVER_HTTP $SERVER_REMOTE \
	    '$SERVER_ROOT/etc/peer.key' $1 $n 1 2 <'$BATS_TEST_TMPDIR/go.$1'"
	exec {GO}>"$BATS_TEST_TMPDIR/go.$1"
	said() { # said TEXT: or the program is gone
		wait_for "grep -q '$1' '$2' || ! is_alive $DAEMON_PID" 120
		grep -q "$1" "$2" || fail "$(cat "$2")"
	}
	# Each job is for its own worker.
	said 'java=' "$BATS_TEST_TMPDIR/scramble.$1.log"
	jobs=$(sed -n 's/^java=\(.*\) pj=\(.*\)/\1 \2/p' "$BATS_TEST_TMPDIR/scramble.$1.log")
	for job in 1 2; do
		openapi saveJob -H 'Content-Type: application/json' -d "{\"id\":$job,\"jobName\":\"j$job\",\"appId\":1,\"timeExpressionType\":\"API\",
\"executeType\":\"STANDALONE\",\"processorType\":\"BUILT_IN\",\"processorInfo\":\"p\",\"instanceRetryNum\":1,
\"designatedWorkers\":\"$(cut -d' ' -f$job <<<"$jobs")\"}" | jget .success
	done
	echo go >&"$GO"
	said settled "$BATS_TEST_TMPDIR/scramble.$1.log"
	wait_for '[ "$(sql "SELECT count(*) FROM attempt WHERE state < 4")" = 0 ]' 30
	good=$(sql "SELECT substr(instance_params, 1, instr(instance_params, ' ') - 1), job_id, status, attempt, running_times, count(*)
	    FROM instance WHERE id > $newest GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2")
	each=$((n / 10))
	assert_eq "$good" "$(for k in 'cancel 9 0 0' 'fail 5 2 2' 'retry 5 3 3' 'stop 10 1 1' 'succeed 5 1 1'; do
		for job in 1 2; do
			# shellcheck disable=SC2086 # four words
			set -- $k
			echo "$1|$job|$2|$3|$4|$each"
		done
	done)"
	# Of each attempt on pj's worker each line once, in order.
	for id in $(sql "SELECT id FROM instance WHERE job_id = 2 AND attempt > 0 AND id > $newest"); do
		log=$(pj "instance/log?id=$id" | sed 's/.*INFO line //')
		assert_eq "$(sort -V <<<"$log")" "$(seq "$(sql "SELECT attempt FROM instance WHERE id = $id")" | sed 's/.*/&.1\n&.2\n&.3/')"
	done
	before=$(ledger)
	echo go >&"$GO"
	said replayed "$BATS_TEST_TMPDIR/scramble.$1.log"
	exec {GO}>&-
	grep -q "messages, 0 strange" "$BATS_TEST_TMPDIR/scramble.$1.log" || fail "$(cat "$BATS_TEST_TMPDIR/scramble.$1.log")"
	diff <(echo "$before") <(ledger)
	newest=$(sql 'SELECT max(id) FROM instance')
}

@test "scrambled, doubled and replayed messages of two workers and a client" {
	start_server -o server.openapi_auth=no
	for job in 1 2; do
		openapi saveJob -H 'Content-Type: application/json' -d "{\"jobName\":\"j$job\",\"appId\":1,\"timeExpressionType\":\"API\",
\"executeType\":\"STANDALONE\",\"processorType\":\"BUILT_IN\",\"processorInfo\":\"p\",\"instanceRetryNum\":1}" | jget .success
		pj job/edit -d "{\"job\":\"#$job\",\"retry_delay_ms\":0}" | jget .id
	done
	newest=0
	for seed in ${SCRAMBLE_SEEDS:-1 2}; do
		echo "seed $seed"
		scramble "$seed" 40
	done
}

#!/usr/bin/env bats
# The log store: files, committed lengths, sources, caps, retention, following.

load helpers
load serverd_lib

setup() {
	SERVER_ROOT=$BATS_TEST_TMPDIR/server WORKER=127.0.0.1:7
}

teardown() {
	stop_all
}

# instance: makes one; sets ID and LOG, its file.
instance() {
	add_job "job$RANDOM$RANDOM" >"$BATS_TEST_TMPDIR/job"
	ID=$(post job/run "{\"job\":\"#$(cat "$BATS_TEST_TMPDIR/job")\",\"delayMs\":600000}" | jget .instance)
	LOG=$SERVER_ROOT/state/server-log/$(date -u +%F)/$ID.log
}

# log_line OFFSET TEXT [SPOOL] [KEY]: one entry of a pj worker.
log_line() {
	wire send "${4:-$SERVER_ROOT/etc/peer.key}" POST "http://$SERVER_REMOTE/server/reportLog" "{\"workerAddress\":\"$WORKER\",\
\"instanceLogContents\":[{\"instanceId\":$ID,\"logTime\":1795249674781,\"logLevel\":2,\"logContent\":\"$2\",\"attempt\":1,\
\"spool\":\"${3:-s1}\",\"offset\":$1}]}"
}

follow() { # follow OFFSET WAIT: the answer with headers
	pj "instance/log?id=$ID&offset=$1&waitMs=$2" -i | tr -d '\r'
}

@test "lines in PowerJob's form, in the server's zone; a source's line is stored once" {
	TZ=Europe/Paris start_server
	instance
	log_line 10 hello | grep -q 200
	log_line 10 hello | grep -q 200
	log_line 25 world | grep -q 200
	assert_eq "$(cat "$LOG")" "2026-11-21 09:27:54.781 [127.0.0.1:7] INFO hello
2026-11-21 09:27:54.781 [127.0.0.1:7] INFO world"
	log_line 10 again s2
	assert_eq "$(grep -c . "$LOG")" 3
	assert_eq "$(stat -c %a "$LOG")" 600
}

@test "a Java worker's entries: levels, several instances in one batch, unknown instances dropped" {
	start_server
	instance
	first=$ID first_log=$LOG
	instance
	wire send - POST "http://$SERVER_REMOTE/server/reportLog" "{\"workerAddress\":\"$WORKER\",\"instanceLogContents\":[\
{\"instanceId\":$first,\"logTime\":1795249674781,\"logLevel\":1,\"logContent\":\"a 中文\"},\
{\"instanceId\":$ID,\"logTime\":1795249674781,\"logLevel\":4,\"logContent\":\"b\"},\
{\"instanceId\":777,\"logTime\":1795249674781,\"logLevel\":3,\"logContent\":\"nobody\"},\
{\"instanceId\":$first,\"logTime\":1795249674781,\"logLevel\":99,\"logContent\":\"c\"}]}" | grep -q 200
	assert_eq "$(cut -d' ' -f4- "$first_log")" "DEBUG a 中文
UNKNOWN c"
	assert_eq "$(cut -d' ' -f4- "$LOG")" "ERROR b"
	[ -z "$(find "$SERVER_ROOT/state/server-log" -name 777.log)" ]
}

@test "reading: offsets, end, waiting for more, waiting for the end" {
	start_server
	listen
	heartbeat "$WORKER" "$SERVER_ROOT/etc/peer.key"
	add_job hello
	ID=$(post job/run '{"job":"hello"}' | jget .instance)
	wait_for "grep -q $ID '$WORKER_GOT'" 10
	log_line 10 one
	answer=$(follow 0 0)
	assert_has "$answer" "INFO one"
	next=$(sed -n 's/^X-PJ-Log-Next: //p' <<<"$answer")
	assert_eq "$next" "$(pj "instance/log?id=$ID" | wc -c)"
	[[ $answer != *X-PJ-Log-End* ]]
	assert_has "$(follow "$next" 300)" "X-PJ-Log-Next: $next"
	before=$(now_ms)
	follow "$next" 20000 >"$BATS_TEST_TMPDIR/more" 3>&- &
	waiter=$!
	sleep 0.3 # it should be waiting by now; if not, it is answered at once
	log_line 20 two
	wait "$waiter"
	[ $(($(now_ms) - before)) -lt 10000 ]
	assert_has "$(cat "$BATS_TEST_TMPDIR/more")" "INFO two"
	next=$(sed -n 's/^X-PJ-Log-Next: //p' "$BATS_TEST_TMPDIR/more")
	# Ended, but its last ten bytes are on their way: they are waited for.
	report "$ID" 5 ',"attempt":1,"logLength":30' "$SERVER_ROOT/etc/peer.key"
	[[ $(follow "$next" 200) != *X-PJ-Log-End* ]]
	before=$(now_ms)
	follow "$next" 20000 >"$BATS_TEST_TMPDIR/more" 3>&- &
	waiter=$!
	sleep 0.3
	log_line 30 three
	wait "$waiter"
	[ $(($(now_ms) - before)) -lt 10000 ]
	assert_has "$(cat "$BATS_TEST_TMPDIR/more")" "INFO three"
	assert_has "$(cat "$BATS_TEST_TMPDIR/more")" "X-PJ-Log-End: 1"
	assert_has "$(follow 1000000 0)" "X-PJ-Log-Next: $(stat -c %s "$SERVER_ROOT/state/server-log/"*/"$ID.log")"
}

@test "a log that is still on its way long after its instance's end is not over; one that stopped coming is" {
	db=$SERVER_ROOT/state/server.db
	start_server
	listen
	heartbeat "$WORKER" "$SERVER_ROOT/etc/peer.key"
	add_job hello
	ID=$(post job/run '{"job":"hello"}' | jget .instance)
	wait_for "grep -q $ID '$WORKER_GOT'" 10
	report "$ID" 5 ',"attempt":1,"logLength":3000' "$SERVER_ROOT/etc/peer.key"
	stop_pid "$SERVER_PID"
	sqlite3 "$db" 'UPDATE instance SET finished_ms = finished_ms - 60000'
	start_server
	log_line 10 one
	next=$(follow 0 0 | sed -n 's/^X-PJ-Log-Next: //p')
	[ "$next" -gt 0 ]
	[[ $(follow "$next" 0) != *X-PJ-Log-End* ]] || fail 'over while it comes'
	stop_pid "$SERVER_PID"
	start_server
	[[ $(follow "$next" 0) != *X-PJ-Log-End* ]] || fail 'over after a restart'
	stop_pid "$SERVER_PID"
	sqlite3 "$db" 'UPDATE log_file SET at_ms = at_ms - 60000'
	start_server
	assert_has "$(follow "$next" 0)" "X-PJ-Log-End: 1"
	assert_has "$(follow "$next" 0)" "X-PJ-Log-Missing: 2990"
	run ctl instance log -f "$ID"
	assert_has "$output" 'is not whole: 2990 bytes of it did not come from the worker'
	log_line 3000 rest # it does come, late
	assert_has "$(follow "$next" 0)" "X-PJ-Log-End: 1"
	[[ $(follow "$next" 0) != *X-PJ-Log-Missing* ]]
}

@test "a log that has nothing ends with its instance" {
	start_server
	instance
	post instance/cancel "{\"id\":\"$ID\"}"
	assert_has "$(follow 0 20000)" "X-PJ-Log-End: 1"
}

@test "what a crash left behind the committed length is cut at the next start; files without a row go" {
	start_server
	instance
	log_line 10 hello
	kill_pid "$SERVER_PID"
	good=$(cat "$LOG")
	echo "half a li" >>"$LOG"
	echo "never committed" >"${LOG%/*}/4242.log"
	start_server
	assert_eq "$(cat "$LOG")" "$good"
	[ ! -e "${LOG%/*}/4242.log" ]
	log_line 10 hello
	log_line 20 world
	assert_eq "$(grep -c . "$LOG")" 2
	assert_has "$(cat "$SERVER_LOG")" logs_repaired
}

@test "kill -9 in a stream of lines: each that was acknowledged is there once, in order" {
	start_server
	instance
	n=0
	for round in 1 2 3; do
		wait_for "log_line $((n + 1)) line-$((n + 1)) | grep -q 200" 10
		n=$((n + 1))
		(
			i=$n
			while log_line $((i + 1)) line-$((i + 1)) 2>/dev/null | grep -q 200; do
				i=$((i + 1))
				echo "$i" >"$BATS_TEST_TMPDIR/acked"
			done
		) 3>&- &
		stream=$!
		wait_for "[ \$(cat '$BATS_TEST_TMPDIR/acked') -ge $((n + 15)) ]" 20
		kill_pid "$SERVER_PID"
		wait "$stream" || true
		start_server
		n=$(cat "$BATS_TEST_TMPDIR/acked")
		# The one in flight may have been stored: its sender tells it again.
		log_line $((n + 1)) line-$((n + 1)) | grep -q 200
		n=$((n + 1))
		assert_eq "$(sed 's/.*line-//' "$LOG")" "$(seq 1 "$n")"
	done
}

@test "server.log_max: the log ends with one line that says so, offsets go on" {
	start_server -o server.log_max=4k
	instance
	text=$(head -c 500 /dev/zero | tr '\0' x)
	for i in {1..20}; do
		log_line $((i * 500)) "$text" | grep -q 200
	done
	assert_eq "$(grep -c server.log_max "$LOG")" 1
	assert_has "$(tail -n 1 "$LOG")" "[pj-serverd] WARN"
	[ "$(stat -c %s "$LOG")" -lt 5000 ]
	assert_eq "$(sqlite3 "$SERVER_ROOT/state/server.db" "SELECT offset FROM log_source WHERE instance_id = $ID")" 10000
}

@test "retention: the oldest logs of ended instances go when all are too large, others stay" {
	start_server -o server.keep_logs_bytes=20k
	text=$(head -c 9000 /dev/zero | tr '\0' x)
	instance
	live=$LOG
	log_line 10 "$text"
	instance
	old=$LOG
	log_line 10 "$text"
	post instance/cancel "{\"id\":\"$ID\"}"
	instance
	log_line 10 "$text"
	post instance/cancel "{\"id\":\"$ID\"}"
	stop_pid "$SERVER_PID"
	start_server -o server.keep_logs_bytes=20k
	wait_for "[ ! -e '$old' ]" 10
	[ -e "$live" ]
	[ -e "$LOG" ]
	assert_eq "$(pj server/status | jget .logBytes)" "$(cat "$live" "$LOG" | wc -c)"
}

@test "retention: logs of ended instances go by age, those of others stay" {
	start_server
	instance
	live=$LOG
	log_line 10 text
	instance
	old=$LOG
	log_line 10 text
	post instance/cancel "{\"id\":\"$ID\"}"
	stop_pid "$SERVER_PID"
	sqlite3 "$SERVER_ROOT/state/server.db" 'UPDATE log_file SET at_ms = at_ms - 7200000'
	start_server -o server.keep_logs=1h
	wait_for "[ ! -e '$old' ]" 10
	[ -e "$live" ]
}

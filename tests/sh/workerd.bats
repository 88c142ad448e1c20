#!/usr/bin/env bats
# pj-workerd with a played server: dispatches, results, stops, what it survives, what it refuses.
# run-sh: parts of 4

load helpers
load worker_lib

setup() {
	start_play
	witness=$BATS_TEST_TMPDIR/witness
	export HOME=$BATS_TEST_TMPDIR
}

teardown() {
	stop_all
}

# Without helpers there is nobody to find the server: written by hand.
know_server() {
	wdb "INSERT OR REPLACE INTO server VALUES(1,'default',1,'$SERVER_HTTP','$SERVER_HTTP',0,0)"
}

start_alone() {
	start_worker -o worker.helpers=no "$@"
	know_server
}

witness_job() { # witness_job MS
	exec_params "$BUILD/tests/sh/witness" "$witness" "${1:-0}"
}

ended() { # ended PID
	if is_alive "$1"; then fail "process $1 is still there"; fi
}

# Living processes that have this variable. Other tests may run the same ids: only those of ours.
mark() { stat -c %d.%i "$WORKER_ROOT/state" | awk -F. '{ printf "%x.%x", $1, $2 }'; }

marked() {
	local pid
	grep -laxzF "$1" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3 | while read -r pid; do
		! is_alive "$pid" || ! grep -qazF "HOME=$BATS_TEST_TMPDIR" "/proc/$pid/environ" || echo "$pid"
	done
}

# --- a run ---

@test "a dispatch is answered, run, and its result reported with code, text and times" {
	start_alone
	assert_eq "$(send /worker/runJob "$(run_body 101 1 exec "$(exec_params sh -c 'echo one; echo two; exit 3')")")" \
	    '200 {"success":true,"outcome":"accepted"}'
	wait_for 'reported 101' 10
	r=$(reports 101)
	assert_eq "$(jq -c '[.instanceStatus,.result,.exitCode,.attempt,.jobId,.appId,.failedTaskNum,.logLength > 60]' <<<"$r")" \
	    '[4,"two",3,1,7,1,1,true]'
	assert_eq "$(jq -r .sourceAddress <<<"$r")" "$WORKER_LISTEN"
	assert_eq "$(jq '.startTime <= .endTime and .endTime <= .reportTime' <<<"$r")" true
	grep -q '^/server/reportInstanceStatus signed ' "$PLAY/log"
	wait_for "[ \"\$(wdb 'SELECT state FROM assignment WHERE instance_id=101')\" = 5 ]" 5
	assert_eq "$(wdb 'SELECT count(*) FROM outbox')" 0
	assert_has "$(cat "$WORKER_ROOT/state/spool/101.1.log")" "INFO  one"
}

@test "what a job is told: its environment, exactly" {
	start_alone
	send /worker/runJob "$(run_body 102 3 shell 'env | grep "^PJ_[^S]" | sort; pwd; cat' \
	    ',nominalTime:1795000000000,runningTimes:2,instanceParams:"for this one",wfInstanceId:55')"
	wait_for 'reported 102' 10
	sed 's/^[^ ]* INFO  //' "$WORKER_ROOT/state/spool/102.3.log" >"$BATS_TEST_TMPDIR/got"
	cat >"$BATS_TEST_TMPDIR/want" <<-END
		PJ_APP=default
		PJ_ATTEMPT=3
		PJ_INSTANCE_ID=102
		PJ_INSTANCE_PARAMS=for this one
		PJ_JOB_ID=7
		PJ_JOB_NAME=a job
		PJ_JOB_PARAMS=env | grep "^PJ_[^S]" | sort; pwd; cat
		PJ_NOMINAL_TIME=1795000000000
		PJ_PHASE=root
		PJ_RETRY=2
		PJ_RUN=102.3@$(mark)
		PJ_TASK_ID=7#102
		PJ_TASK_NAME=OMS_ROOT_TASK
		PJ_WF_CONTEXT=for this one
		PJ_WF_INSTANCE_ID=55
		$HOME
	END
	diff "$BATS_TEST_TMPDIR/want" "$BATS_TEST_TMPDIR/got"
	assert_eq "$(reports 102 | jq -c '[.wfInstanceId,.appendedWfContext]')" '[55,{}]'
}

@test "results: a signal, a time limit, no output, a program that is missing" {
	start_alone
	send /worker/runJob "$(run_body 1 1 shell 'kill -9 $$')"
	send /worker/runJob "$(run_body 2 1 shell 'sleep 30' ',instanceTimeoutMS:300')"
	send /worker/runJob "$(run_body 3 1 shell 'exit 7')"
	send /worker/runJob "$(run_body 4 1 exec '["/no/such/program"]')"
	send /worker/runJob "$(run_body 5 1 exec '["/bin/true"]')"
	for i in 1 2 3 4 5; do wait_for "reported $i" 15; done
	assert_eq "$(reports 1 | jq -c '[.instanceStatus,.signal,.result]')" '[4,9,"killed by signal 9 (SIGKILL)"]'
	assert_eq "$(reports 2 | jq -c '[.instanceStatus,.result]')" '[4,"instance execute timeout"]'
	assert_eq "$(reports 3 | jq -c '[.instanceStatus,.exitCode,.result]')" '[4,7,"exit status 7"]'
	assert_has "$(reports 4 | jq -r .result)" "/no/such/program"
	assert_eq "$(reports 5 | jq -c '[.instanceStatus,.exitCode]')" '[5,0]'
}

@test "what cannot run here is accepted and reported failed with the reason" {
	mkdir -p "$BATS_TEST_TMPDIR/procs"
	printf '#!/bin/sh\necho "got $# $1"\n' >"$BATS_TEST_TMPDIR/procs/greet"
	chmod 755 "$BATS_TEST_TMPDIR/procs/greet"
	start_alone -o "worker.processors=$BATS_TEST_TMPDIR/procs" -o worker.allow=exec,file
	send /worker/runJob "$(run_body 1 1 greet 'a b')"
	send /worker/runJob "$(run_body 2 1 greet '')"
	send /worker/runJob "$(run_body 3 1 shell 'echo no')"
	send /worker/runJob "$(run_body 4 1 exec 'not json')"
	send /worker/runJob "$(run_body 5 1 exec '["sh",5]')"
	send /worker/runJob "$(run_body 6 1 ../greet '')"
	send /worker/runJob "$(run_body 7 1 com.example.Job '')"
	send /worker/runJob "$(run_body 8 1 exec '["true"]' ',executeType:"MAP"')"
	send /worker/runJob "$(run_body 9 1 exec '["true"]' ',processorType:"EXTERNAL"')"
	for i in 1 2 3 4 5 6 7 8 9; do wait_for "reported $i" 10; done
	assert_eq "$(reports 1 | jq -r .result)" "got 1 a b"
	assert_eq "$(reports 2 | jq -r .result)" "got 0 "
	assert_has "$(reports 3 | jq -r .result)" "init TaskTracker failed, reason: this worker does not start shell jobs: see worker.allow"
	assert_has "$(reports 4 | jq -r .result)" "must be a JSON array of strings"
	assert_has "$(reports 5 | jq -r .result)" "element 1"
	assert_has "$(reports 6 | jq -r .result)" "worker.processors"
	assert_has "$(reports 7 | jq -r .result)" "com.example.Job"
	assert_has "$(reports 8 | jq -r .result)" "STANDALONE"
	assert_has "$(reports 9 | jq -r .result)" "BUILT_IN"
	# Those that cannot run take none.
	[ "$(wdb 'SELECT count(*) FROM slot')" -le 2 ]
}

@test "worker.allow: a path allows its program, a directory what is below it, and nothing else" {
	mkdir -p "$BATS_TEST_TMPDIR/jobs/sub"
	cp /bin/true "$BATS_TEST_TMPDIR/jobs/sub/mine"
	start_alone -o "worker.allow=/bin/true,$BATS_TEST_TMPDIR/jobs/"
	send /worker/runJob "$(run_body 1 1 exec '["/bin/true"]')"
	send /worker/runJob "$(run_body 2 1 exec "$(exec_params "$BATS_TEST_TMPDIR/jobs/sub/mine")")"
	send /worker/runJob "$(run_body 3 1 exec '["/bin/false"]')"
	send /worker/runJob "$(run_body 4 1 exec '["true"]')"
	send /worker/runJob "$(run_body 5 1 exec "$(exec_params "$BATS_TEST_TMPDIR/jobs/../../../../../../../bin/sh")")"
	send /worker/runJob "$(run_body 6 1 exec '["/bin/trueish"]')"
	send /worker/runJob "$(run_body 7 1 shell /bin/true)"
	send /worker/runJob "$(run_body 8 1 exec "$(exec_params "$BATS_TEST_TMPDIR/jobs/")")"
	for i in 1 2 3 4 5 6 7 8; do wait_for "reported $i" 15; done
	assert_eq "$(reports 1 | jq .instanceStatus)" 5
	assert_eq "$(reports 2 | jq .instanceStatus)" 5
	assert_has "$(reports 3 | jq -r .result)" "does not start exec jobs of /bin/false: see worker.allow"
	for i in 4 5 6 7 8; do assert_has "$(reports $i | jq -r .result)" "see worker.allow"; done
}

@test "a long run is reported running, and rows say so; a short one is not" {
	start_alone -o worker.report=300ms
	send /worker/runJob "$(run_body 1 1 shell "until [ -e '$BATS_TEST_TMPDIR/go' ]; do sleep 0.1; done")"
	send /worker/runJob "$(run_body 2 1 shell 'true')"
	wait_for 'reported 2' 10
	wait_for '[ "$(wdb "SELECT state FROM assignment WHERE instance_id=1")" = 3 ]' 5
	wait_for 'said /server/reportInstanceStatus | jq -e "select(.instanceId==1 and .instanceStatus==3 and .attempt==1)"' 10
	touch "$BATS_TEST_TMPDIR/go"
	assert_eq "$(said /server/reportInstanceStatus | jq -c 'select(.instanceId==2) | .instanceStatus')" 5
	wait_for 'reported 1' 10
}

# --- twice, late, too many ---

@test "the same attempt again gets the same answer and starts nothing, while it runs and after it" {
	start_alone
	body=$(run_body 1 2 exec "$(witness_job 1000)")
	for i in 1 2 3; do assert_has "$(send /worker/runJob "$body")" accepted; done
	wait_for 'reported 1' 10
	wait_for '[ "$(wdb "SELECT state FROM assignment")" = 5 ]' 5
	assert_has "$(send /worker/runJob "$body")" '"accepted"'
	assert_has "$(send /worker/runJob "$(run_body 1 1 exec "$(witness_job)")")" '"notStarted"'
	assert_eq "$(lines_of "$witness")" 1
	assert_eq "$(reports 1 | wc -l)" 1
}

@test "a stop that comes before its dispatch leaves a tombstone" {
	start_alone
	assert_has "$(send /worker/stopInstance "$(stop_body 9 1)")" '"gone"'
	assert_has "$(send /worker/runJob "$(run_body 9 1 exec "$(witness_job)")")" '"notStarted"'
	assert_has "$(send /worker/runJob "$(run_body 9 2 exec "$(witness_job)")")" '"accepted"'
	wait_for 'reported 9 2' 10
	assert_eq "$(lines_of "$witness")" 1
}

@test "no free slot: not started, and said so; a freed one is given out again" {
	start_alone -o worker.slots=2
	send /worker/runJob "$(run_body 1 1 shell 'sleep 60')"
	send /worker/runJob "$(run_body 2 1 shell 'sleep 60')"
	assert_eq "$(send /worker/runJob "$(run_body 3 1 shell 'true')")" \
	    '200 {"success":false,"outcome":"notStarted","message":"no free slot (2 of 2 in use)"}'
	send /worker/stopInstance "$(stop_body 1 1)"
	wait_for 'reported 1' 10
	wait_for 'send /worker/runJob "$(run_body 3 1 shell true)" | grep -q accepted' 5
	wait_for 'reported 3' 10
	[ ! -e "$WORKER_ROOT/state/hb/slot-0002" ]
}

@test "starts over worker.starts wait in rows and all run" {
	start_alone -o worker.starts=1
	for i in $(seq 1 30); do send /worker/runJob "$(run_body "$i" 1 exec "$(witness_job)")" & done
	wait
	wait_for '[ "$(said reportInstanceStatus | wc -l)" = 30 ]' 20
	assert_eq "$(cut -d' ' -f4 "$witness" | sort -n | uniq | wc -l)" 30
	assert_eq "$(lines_of "$witness")" 30
}

@test "a newer attempt ends the older one before it starts" {
	start_alone -o worker.stop_grace=500ms
	send /worker/runJob "$(run_body 1 1 shell "echo old \$\$ >>$witness; sleep 60 & wait; sleep 0.2; echo old ends >>$witness")"
	wait_for "[ -s '$witness' ]" 10
	send /worker/runJob "$(run_body 1 2 shell "echo new >>$witness")"
	wait_for 'reported 1 2' 15
	assert_eq "$(reports 1 1 | jq .stopped)" true
	assert_eq "$(tail -n 1 "$witness")" new
	ended "$(awk '/^old [0-9]/ { print $2 }' "$witness")"
}

# --- stop ---

@test "a stop ends everything of the run, and is reported as stopped" {
	start_alone -o worker.stop_grace=300ms
	send /worker/runJob "$(run_body 1 1 shell "trap '' TERM; sleep 61 & setsid sleep 62 & echo up; wait; sleep 63")"
	wait_for 'grep -q up "$WORKER_ROOT/state/spool/1.1.log"' 10
	assert_has "$(send /worker/stopInstance "$(stop_body 1 1)")" '"stopping"'
	assert_has "$(send /worker/stopInstance "$(stop_body 1 1)")" '"stopping"'
	wait_for 'reported 1' 15
	assert_eq "$(reports 1 | jq -c '[.instanceStatus,.stopped]')" '[4,true]'
	assert_eq "$(marked "PJ_RUN=1.1@$(mark)")" ""
	wait_for 'send /worker/stopInstance "$(stop_body 1 1)" | grep -q "\"gone\""' 5
}

@test "a stop of a run that waits in the queue: never started" {
	start_alone -o worker.starts=1
	spawner=$(spawner_pid)
	kill -STOP "$spawner"
	send /worker/runJob "$(run_body 1 1 exec "$(witness_job)")"
	send /worker/runJob "$(run_body 2 1 exec "$(witness_job)")"
	assert_eq "$(wdb 'SELECT state FROM assignment ORDER BY instance_id' | tr '\n' ' ')" '2 1 '
	send /worker/stopInstance "$(stop_body 2 1)"
	wait_for 'reported 2' 10
	assert_eq "$(reports 2 | jq -c '[.instanceStatus,.stopped,.notStarted]')" '[4,true,true]'
	kill -CONT "$spawner"
	wait_for 'reported 1' 10
	assert_eq "$(cut -d' ' -f4 "$witness")" 1
}

@test "questions: a run is described, an unknown one is not; containers get an empty answer" {
	start_alone
	send /worker/runJob "$(run_body 1 1 shell 'sleep 60')"
	got=$(send /worker/queryInstanceStatus '{"instanceId":1}')
	data=$(jq -r .data <<<"${got#* }" | tr '_-' '/+')
	while [ $((${#data} % 4)) -ne 0 ]; do data+="="; done
	assert_eq "$(base64 -d <<<"$data" | jq -c '[.status,.taskTrackerAddress]')" "[3,\"$WORKER_LISTEN\"]"
	assert_eq "$(send /taskTracker/queryInstanceStatus '{"instanceId":2}')" \
	    "200 {\"success\":false,\"message\":\"can't find TaskTracker\"}"
	assert_eq "$(send /worker/deployContainer '{"containerId":1}')" '200 '
	assert_eq "$(send /worker/destroyContainer '{"containerId":1}')" '200 '
}

# --- who may ---

@test "unsigned messages and wrong keys are refused; bad messages are answered" {
	start_alone
	assert_has "$(send /worker/runJob "$(run_body 1 1 exec "$(witness_job)")" -)" 401
	(umask 077; printf '%064d\n' 7 >"$BATS_TEST_TMPDIR/other.key")
	assert_has "$(send /worker/runJob "$(run_body 1 1 exec "$(witness_job)")" "$BATS_TEST_TMPDIR/other.key")" 401
	assert_has "$(send /worker/stopInstance "$(stop_body 1 1)" -)" 401
	assert_has "$(send /worker/runJob 'nonsense')" notStarted
	assert_has "$(send /worker/runJob '{"instanceId":1}')" notStarted
	assert_has "$(send /worker/runJob "$(run_body 1 0 exec '["true"]')")" 'attempt'
	assert_has "$(send /worker/nothing '{}')" 404
	assert_eq "$(curl -s -o /dev/null -w '%{http_code}' "http://$WORKER_LISTEN/worker/runJob")" 405
	head -c 9000000 /dev/zero | tr '\0' a >"$BATS_TEST_TMPDIR/big"
	assert_eq "$(curl -s -o /dev/null -w '%{http_code}' --data-binary "@$BATS_TEST_TMPDIR/big" -H 'Expect:' \
	    "http://$WORKER_LISTEN/worker/runJob" || true)" 413
	assert_eq "$(lines_of "$witness")" 0
	assert_eq "$(wdb 'SELECT count(*) FROM assignment')" 0
	assert_has "$(send /worker/runJob "$(run_body 1 1 exec "$(witness_job)")")" accepted
}

# say_raw TEXT: raw bytes (backslash escapes are understood) to the worker's port; what comes within a second
say_raw() {
	local fd
	exec {fd}<>"/dev/tcp/127.0.0.1/${WORKER_LISTEN##*:}" || return 1
	{ printf '%b' "$1" >&"$fd"; } 2>/dev/null || true
	timeout 1 head -c 400 <&"$fd" || true
	exec {fd}>&-
}

@test "malformed HTTP and JSON on every route, nonsense on worker.sock: answered or dropped, and work goes on" {
	start_alone
	send /worker/runJob "$(run_body 1 1 shell 'sleep 3; echo whole')"
	for text in 'nonsense\r\n\r\n' 'GET\r\n\r\n' 'GET / HTTP/9.9\r\n\r\n' '\0\1\2\3\r\n\r\n' \
	    'POST /worker/runJob HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: x\r\n\r\n' \
	    'POST /worker/runJob HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}' \
	    'POST /worker/runJob HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'; do
		assert_has "$(say_raw "$text")" 'HTTP/1.1 4'
	done
	say_raw 'POST /worker/runJob HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\nhalf' >/dev/null
	for path in /worker/runJob /worker/stopInstance /worker/queryInstanceStatus; do
		for body in '' '{' '[]' 'null' '{"instanceId":"x"}' '{"instanceId":-1}' '{"instanceId":1e99}' '{"jobId":{},"attempt":[]}' \
		    "$(printf '[%.0s' {1..200})"; do
			answer=$(send $path "$body")
			[[ $answer == 4* || $answer == *false* || $answer == *notStarted* || $answer == *gone* ]] || fail "$path $body: $answer"
		done
		head -c 9000000 /dev/zero | tr '\0' ' ' >"$BATS_TEST_TMPDIR/big"
		assert_eq "$(curl -s -o /dev/null -w '%{http_code}' --data-binary "@$BATS_TEST_TMPDIR/big" -H 'Expect:' \
		    "http://$WORKER_LISTEN$path" || true)" 413
	done
	python3 - "$WORKER_ROOT/run/worker.sock" <<-'END'
		import os, socket, sys
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		for m in b"", b"PJ1 ring", b"PJ1 ring slot=/etc/passwd seq=1", b"PJ9 ring", b"PJ1 ring slot=x seq=-1", os.urandom(3000), b"a" * 60000:
		    s.sendto(m, sys.argv[1])
	END
	wait_for 'reported 1' 15
	assert_eq "$(reports 1 | jq -c '[.instanceStatus,.result]')" '[5,"whole"]'
	assert_eq "$(wdb 'SELECT count(*) FROM assignment')" 1
	kill -0 "$WORKER_PID"
}

@test "a PowerJob server: empty answers, plain reports, nothing after a stop" {
	start_alone -o worker.accept_plain=yes
	# It lasts until both dispatches are there: the same id after the end would be a new run.
	body=$(run_body 5 0 shell "echo ran >>'$witness'; until [ -e '$BATS_TEST_TMPDIR/go' ]; do sleep 0.1; done")
	assert_eq "$(send /worker/runJob "$body" -)" '200 '
	assert_eq "$(send /worker/runJob "$body" -)" '200 '
	touch "$BATS_TEST_TMPDIR/go"
	wait_for 'reported 5' 10
	assert_eq "$(reports 5 | jq -c 'keys')" '["appId","endTime","failedTaskNum","instanceId","instanceStatus","jobId","needAlert","reportTime","sourceAddress","startTime","succeedTaskNum","totalTaskNum"]'
	assert_eq "$(said reportInstanceStatus | jq -c 'select(.instanceId==5) | .instanceStatus' | tr '\n' ' ')" '3 5 '
	assert_eq "$(lines_of "$witness")" 1
	# Its report acknowledged, the same id may come again: PowerJob's retry keeps the id.
	wait_for '[ "$(wdb "SELECT state FROM assignment WHERE instance_id=5")" = 5 ]' 5
	assert_eq "$(send /taskTracker/runJob "$(run_body 5 0 exec "$(witness_job)")" -)" '200 '
	wait_for '[ "$(reports 5 | wc -l)" = 2 ]' 10
	assert_eq "$(lines_of "$witness")" 2
	send /worker/runJob "$(run_body 6 0 shell 'sleep 60')" -
	wait_for 'slot_is 0000 running' 10
	assert_eq "$(send /worker/stopInstance '{"instanceId":6}' -)" '200 '
	wait_for '[ "$(wdb "SELECT state FROM assignment WHERE instance_id=6")" = 5 ]' 10
	[ -z "$(reports 6)" ]
	assert_eq "$(send /worker/runJob 'nonsense' -)" '500 Internal Server Error'
}

# --- servers come and go ---

@test "the server is away when a run ends: its report arrives when it is back" {
	start_alone
	kill_pid "$PLAY_PID"
	: >"$PLAY/log"
	send /worker/runJob "$(run_body 1 1 shell 'echo kept')"
	wait_for '[ "$(wdb "SELECT count(*) FROM outbox")" = 1 ]' 10
	start_play "$SERVER_HTTP"
	wait_for 'reported 1' 20
	assert_eq "$(reports 1 | jq -r .result)" kept
	wait_for '[ "$(wdb "SELECT count(*) FROM outbox")" = 0 ]' 5
}

@test "a message of the server says that it is back: reports do not wait for their next try" {
	local away sent
	start_alone
	kill_pid "$PLAY_PID"
	: >"$PLAY/log"
	send /worker/runJob "$(run_body 1 1 shell 'echo kept')"
	wait_for 'grep -q server_away "$WORKER_LOG"' 10
	away=$(date +%s)
	wait_for '[ $(($(date +%s) - away)) -ge 8 ]' 12 # tries after 1, 3 and 7 s; the next one is after 15
	start_play "$SERVER_HTTP"
	send /worker/queryInstanceStatus '{"instanceId":2}'
	sent=$(date +%s)
	wait_for 'reported 1' 20
	[ $((sent - away)) -gt 10 ] || [ $(($(date +%s) - away)) -lt 14 ] || fail "it waited until its next try"
	wait_for 'grep -q "server_back address=$SERVER_HTTP" "$WORKER_LOG"' 5
}

@test "the server does not answer at once: the result goes into the outbox, and is told once all the same" {
	start_alone
	kill -STOP "$PLAY_PID"
	send /worker/runJob "$(run_body 1 1 shell 'echo kept')"
	wait_for '[ "$(wdb "SELECT count(*) FROM outbox")" = 1 ]' 10
	kill -CONT "$PLAY_PID"
	wait_for '[ "$(wdb "SELECT count(*) FROM outbox")" = 0 ]' 10
	assert_eq "$(reports 1 | jq -r .result)" kept
	assert_eq "$(wdb "SELECT state FROM assignment WHERE instance_id=1")" 5
}

@test "a report that is refused is sent again until success:true; others pass it" {
	start_alone
	echo '{"success":false,"message":"not today"}' >"$PLAY/answer-reportInstanceStatus"
	send /worker/runJob "$(run_body 1 1 shell 'true')"
	wait_for 'reported 1' 10
	wait_for '[ "$(reports 1 | wc -l)" -ge 2 ]' 10
	echo 500 >"$PLAY/status-reportInstanceStatus"
	wait_for '[ "$(reports 1 | wc -l)" -ge 3 ]' 10
	rm "$PLAY/status-reportInstanceStatus" "$PLAY/answer-reportInstanceStatus"
	wait_for '[ "$(wdb "SELECT count(*) FROM outbox")" = 0 ]' 20
	assert_eq "$(reports 1 | sort -u | wc -l)" 1
}

# --- kills ---

# What is left of a lost run is found by its id, on all of the host: other tests, which run beside these, use other ids.

@test "pj-workerd killed while jobs run: they go on, nothing runs twice, every result arrives" {
	start_alone
	for i in $(seq 1 12); do send /worker/runJob "$(run_body "$i" 1 exec "$(witness_job $((i * 150)))")"; done
	for round in 1 2 3; do
		kill_pid "$WORKER_PID"
		sleep 0.2
		start_worker -o worker.helpers=no -o "worker.listen=$WORKER_LISTEN"
	done
	for i in $(seq 1 12); do wait_for "reported $i" 20; done
	assert_eq "$(lines_of "$witness")" 12
	assert_eq "$(said reportInstanceStatus | jq -s '[.[] | select(.instanceStatus == 5) | .instanceId] | unique | length')" 12
	wait_for '[ "$(wdb "SELECT count(*) FROM assignment WHERE state <> 5")" = 0 ]' 10
}

@test "pj-workerd killed in a stream of dispatches: every accepted one runs once and is reported" {
	start_alone
	listen=$WORKER_LISTEN
	for i in $(seq 1 60); do
		for try in 1 2 3 4 5 6 7 8; do
			if send /worker/runJob "$(run_body "$i" 1 exec "$(witness_job 20)")" 2>/dev/null | grep -q accepted; then break; fi
			sleep 0.1
		done
		if [ $((i % 15)) = 7 ]; then
			kill_pid "$WORKER_PID"
			start_worker -o worker.helpers=no -o "worker.listen=$listen"
		fi
	done
	wait_for '[ "$(said reportInstanceStatus | jq -s "[.[] | .instanceId] | unique | length")" = 60 ]' 30
	assert_eq "$(cut -d' ' -f4 "$witness" | sort -n | uniq -d)" ""
	assert_eq "$(lines_of "$witness")" 60
}

@test "pj-run killed: its job is gone too, and the attempt is reported lost" {
	start_alone
	send /worker/runJob "$(run_body 31 1 shell 'setsid sleep 64 & sleep 65')"
	wait_for 'slot_is 0000 running' 10
	job=$(slot_value 0000 job_pid)
	PJ_RUN=31.1@1.1 sleep 60 3>&- & # one of the same numbers, of another worker
	other=$!
	kill -9 "$(slot_value 0000 run_pid)"
	wait_for 'reported 31' 10
	assert_eq "$(reports 31 | jq -c '[.instanceStatus,.lost,.result]')" '[4,true,"runner lost"]'
	ended "$job"
	assert_eq "$(marked "PJ_RUN=31.1@$(mark)")" ""
	is_alive "$other"
	kill "$other"
	send /worker/runJob "$(run_body 2 1 shell 'echo again')"
	wait_for 'reported 2' 10
}

@test "pj-run killed while pj-workerd is away: found lost at its start" {
	start_alone
	send /worker/runJob "$(run_body 32 1 shell 'sleep 65')"
	send /worker/runJob "$(run_body 2 1 shell 'sleep 1; echo fine')"
	wait_for 'slot_is 0000 running && slot_is 0001 running' 10
	kill_pid "$WORKER_PID"
	kill -9 "$(slot_value 0000 run_pid)"
	sleep 1.2
	start_worker -o worker.helpers=no
	wait_for 'reported 32 && reported 2' 10
	assert_eq "$(reports 32 | jq -c '[.lost,.result]')" '[true,"runner lost"]'
	assert_eq "$(reports 2 | jq -c '[.instanceStatus,.result]')" '[5,"fine"]'
}

@test "the spawner killed: its runs live on, another one is started, what was told is told again" {
	start_alone
	send /worker/runJob "$(run_body 1 1 exec "$(witness_job 2000)")"
	wait_for 'slot_is 0000 running' 10
	spawner=$(spawner_pid)
	kill -STOP "$spawner"
	send /worker/runJob "$(run_body 2 1 exec "$(witness_job)")"
	kill -9 "$spawner"
	send /worker/runJob "$(run_body 3 1 exec "$(witness_job)")"
	for i in 1 2 3; do wait_for "reported $i" 15; done
	assert_eq "$(lines_of "$witness")" 3
	assert_eq "$(said reportInstanceStatus | jq -c 'select(.instanceStatus==4)')" ""
}

@test "accepted before a restart of the host: told ones are lost, waiting ones run" {
	start_alone -o worker.starts=1
	kill -STOP "$(spawner_pid)"
	send /worker/runJob "$(run_body 33 1 exec "$(witness_job)")"
	send /worker/runJob "$(run_body 2 1 exec "$(witness_job)")"
	spawner=$(spawner_pid)
	kill_pid "$WORKER_PID"
	kill -9 "$spawner"
	wdb "UPDATE assignment SET boot_id='an earlier one'"
	start_worker -o worker.helpers=no
	wait_for 'reported 33 && reported 2' 10
	assert_eq "$(reports 33 | jq -c '[.lost,.result]')" '[true,"runner lost: the host was restarted"]'
	assert_eq "$(reports 2 | jq -c .instanceStatus)" 5
	assert_eq "$(cut -d' ' -f4 "$witness")" 2
}

@test "a run that lost its assignment is ended" {
	start_alone
	send /worker/runJob "$(run_body 35 1 shell 'sleep 66')"
	wait_for 'slot_is 0000 running' 10
	job=$(slot_value 0000 job_pid)
	kill_pid "$WORKER_PID"
	wdb 'DELETE FROM assignment'
	start_worker -o worker.helpers=no
	wait_for "! is_alive $job" 10
	assert_has "$(cat "$WORKER_LOG")" no_assignment
}

@test "pj-run does not take its stop: it is killed with all of its run" {
	start_alone -o worker.stop_grace=10ms
	send /worker/runJob "$(run_body 34 1 shell 'sleep 67')"
	wait_for 'slot_is 0000 running' 10
	job=$(slot_value 0000 job_pid)
	kill -STOP "$(slot_value 0000 run_pid)"
	send /worker/stopInstance "$(stop_body 34 1)"
	wait_for 'reported 34' 30
	ended "$job"
}

@test "SIGTERM leaves the runs alive and exits 0; the next one takes them over" {
	start_alone
	send /worker/runJob "$(run_body 1 1 exec "$(witness_job 1500)")"
	wait_for 'slot_is 0000 running' 10
	stop_pid "$WORKER_PID"
	assert_has "$(tail -n 1 "$WORKER_LOG")" 'stopped exit=0'
	[ ! -e "$WORKER_ROOT/run/worker.addr" ]
	is_alive "$(slot_value 0000 job_pid)"
	start_worker -o worker.helpers=no
	wait_for 'reported 1' 10
	assert_eq "$(lines_of "$witness")" 1
	assert_eq "$(reports 1 | jq .instanceStatus)" 5
}

# --- helpers ---

@test "helpers are started, restarted when they die, adopted after a kill, ended with us" {
	start_worker
	for p in pj-discover pj-health pj-logship; do wait_for "[ -n \"\$(hb_value $p pid)\" ]" 10; done
	old=$(hb_value pj-health pid)
	kill -9 "$old"
	wait_for "[ \"\$(hb_value pj-health pid)\" != $old ]" 10
	wait_for 'grep -q "helper_ended program=pj-health" "$WORKER_LOG"' 5
	logship=$(hb_value pj-logship pid)
	kill_pid "$WORKER_PID"
	is_alive "$logship"
	start_worker
	wait_for 'grep -q "helper_adopted program=pj-logship" "$WORKER_LOG"' 10
	assert_eq "$(hb_value pj-logship pid)" "$logship"
	kill_pid "$WORKER_PID"
	# Another configuration: the old ones are not what is wanted.
	start_worker -o worker.tags=other
	wait_for "! is_alive $logship" 20
	wait_for "is_alive \"\$(hb_value pj-logship pid)\"" 20
	assert_has "$(cat "$WORKER_LOG")" class=disallowed
	health=$(hb_value pj-health pid)
	stop_pid "$WORKER_PID"
	ended "$(hb_value pj-logship pid)"
	ended "$health"
}

# --- bad starts ---

bad_start() { # bad_start CODE TEXT OPTION...
	local code=$1 text=$2
	shift 2
	run timeout 20 pj-workerd -r "$WORKER_ROOT" -o worker.listen=127.0.0.1:0 -o worker.helpers=no "$@"
	assert_eq "$status" "$code"
	assert_has "$output" "$text"
}

@test "bad starts say what is wrong and exit with its code" {
	bad_start 78 "worker.app" -o worker.app=
	bad_start 78 "worker.servers" -o worker.servers=
	bad_start 78 "exec, shell, file" -o worker.allow=exec,java
	bad_start 78 "paths.run" -o "paths.run=$BATS_TEST_TMPDIR/$(printf '%0100d' 0)"
	bad_start 64 "unexpected word" now
	PJ_RUN_PROGRAM=/no/such/pj-run bad_start 78 "/no/such/pj-run"
	chmod 644 "$WORKER_ROOT/etc/peer.key"
	bad_start 78 "peer.key"
	chmod 600 "$WORKER_ROOT/etc/peer.key"
	bad_start 75 "127.0.0.1" -o "worker.listen=$SERVER_HTTP"
	echo nonsense >"$WORKER_ROOT/state/worker.db"
	bad_start 74 "worker.db"
	rm "$WORKER_ROOT"/state/worker.db*
	start_alone
	bad_start 75 "another pj-workerd has this root"
	wdb 'PRAGMA user_version=99'
	stop_pid "$WORKER_PID"
	bad_start 78 "newer"
}

@test "a slot file that is damaged is not given out; the rest works" {
	mkdir -p "$WORKER_ROOT/state/hb"
	head -c 16384 /dev/urandom >"$WORKER_ROOT/state/hb/slot-0000"
	start_alone
	send /worker/runJob "$(run_body 1 1 shell 'echo ok')"
	wait_for 'reported 1' 10
	assert_eq "$(reports 1 | jq .instanceStatus)" 5
	assert_has "$(cat "$WORKER_LOG")" slot_unread
}

@test "worker.db locked by somebody: nothing is answered that is not kept, and it goes on after it" {
	start_alone
	start_daemon "$BATS_TEST_TMPDIR/lock.log" sh -c "(echo 'BEGIN IMMEDIATE;'; sleep 7) | sqlite3 '$WORKER_ROOT/state/worker.db'"
	sleep 0.5
	got=$(send /worker/runJob "$(run_body 1 1 exec "$(witness_job)")")
	case $got in 503*) ;; *accepted*) fail "answered before it could be kept: $got" ;; esac
	wait_for 'send /worker/runJob "$(run_body 1 1 exec "$(witness_job)")" | grep -q accepted' 20
	wait_for 'reported 1' 15
	assert_eq "$(lines_of "$witness")" 1
}

@test "its slot file is removed: the result of a run that has it comes, a new run makes a new one" {
	start_alone
	send /worker/runJob "$(run_body 1 1 exec "$(witness_job 1200)")"
	wait_for 'slot_is 0000 running' 10
	# It was looked at once: a question does not, a restart of the spawner does.
	kill -9 "$(spawner_pid)"
	wait_for 'spawner_pid' 10
	rm "$WORKER_ROOT/state/hb/slot-0000"
	wait_for 'reported 1' 15
	assert_eq "$(reports 1 | jq .instanceStatus)" 5
	send /worker/runJob "$(run_body 2 1 exec "$(witness_job)")"
	wait_for 'reported 2' 10
	assert_eq "$(reports 2 | jq .instanceStatus)" 5
	rm "$WORKER_ROOT"/state/hb/slot-000? # 1 where that of the first run was not free yet
	send /worker/runJob "$(run_body 3 1 exec "$(witness_job)")"
	wait_for 'reported 3' 10
	assert_eq "$(reports 3 | jq .instanceStatus)" 5
	assert_eq "$(lines_of "$witness")" 3
}

@test "SIGHUP takes new values, names those that need a restart, and keeps the old ones of a broken file" {
	printf '[worker]\nallow = exec\nlisten = 127.0.0.1:0\nhelpers = no\n' >"$WORKER_ROOT/etc/pj.ini"
	start_alone
	send /worker/runJob "$(run_body 1 1 shell 'true')"
	wait_for 'reported 1' 10
	assert_has "$(reports 1 | jq -r .result)" "does not start shell jobs"
	printf '[worker]\nallow = exec, shell\nlisten = 127.0.0.1:0\nhelpers = no\nslots = 7\n' >"$WORKER_ROOT/etc/pj.ini"
	kill -HUP "$WORKER_PID"
	wait_for 'grep -q "reloaded.*worker.slots" "$WORKER_LOG"' 10
	send /worker/runJob "$(run_body 2 1 shell 'true')"
	wait_for 'reported 2' 10
	assert_eq "$(reports 2 | jq .instanceStatus)" 5
	printf '[worker]\nnonsense = 1\n' >"$WORKER_ROOT/etc/pj.ini"
	kill -HUP "$WORKER_PID"
	wait_for 'grep -q "reload_failed.*nonsense" "$WORKER_LOG"' 10
	send /worker/runJob "$(run_body 3 1 shell 'true')"
	wait_for 'reported 3' 10
	assert_eq "$(reports 3 | jq .instanceStatus)" 5
}

@test "tombstones go after their time; what is not reported stays" {
	start_alone -o worker.keep_tombstones=1s
	send /worker/stopInstance "$(stop_body 1 1)"
	send /worker/runJob "$(run_body 2 1 shell 'true')"
	wait_for 'reported 2' 10
	kill_pid "$PLAY_PID"
	send /worker/runJob "$(run_body 3 1 shell 'true')"
	wait_for '[ "$(wdb "SELECT group_concat(instance_id) FROM assignment")" = 3 ]' 15
	assert_eq "$(wdb 'SELECT count(*) FROM outbox')" 1
}

@test "a host with a new address reports what came under the old one by the old one" {
	start_alone
	old=$WORKER_LISTEN
	send /worker/runJob "$(run_body 1 1 shell 'sleep 1')"
	wait_for 'slot_is 0000 running' 10
	kill_pid "$WORKER_PID"
	start_worker -o worker.helpers=no
	[ "$WORKER_LISTEN" != "$old" ] || skip "the same port was free again"
	wait_for 'reported 1' 10
	assert_eq "$(reports 1 | jq -r .sourceAddress)" "$old"
	run timeout 10 pj-workerd -r "$BATS_TEST_TMPDIR/other" -o worker.listen=0.0.0.0:0 -o worker.helpers=no
	assert_eq "$status" 78
	assert_has "$output" worker.external
}

fault() { # fault ARG...: pj-workerd with the library of faults
	case $BUILD in */san) skip "faults are injected by LD_PRELOAD, which the sanitizers forbid" ;; esac
	start_daemon "$WORKER_ROOT/log/pj-workerd.log" env LD_PRELOAD="$BUILD/tests/fault/preload/fault.so" \
	    FAULT_PROGRAM=pj-workerd "$@" pj-workerd -r "$WORKER_ROOT" -o "worker.listen=$listen" -o worker.helpers=no
	WORKER_PID=$DAEMON_PID
}

@test "the disk is full: nothing is accepted, results wait in their slots until there is room, and are told all the same" {
	start_alone
	listen=$WORKER_LISTEN
	stop_pid "$WORKER_PID"
	fault FAULT_NOSPACE_FLAG="$BATS_TEST_TMPDIR/full"
	wait_for '[ -s "$WORKER_ROOT/run/worker.addr" ]' 20
	send /worker/runJob "$(run_body 1 1 exec "$(witness_job 800)")"
	wait_for "[ -s '$witness' ]" 10
	touch "$BATS_TEST_TMPDIR/full"
	got=$(send /worker/runJob "$(run_body 2 1 exec "$(witness_job)")")
	[[ $got != *accepted* ]] || fail "accepted on a full disk: $got"
	wait_for 'slot_is 0000 finished' 10
	wait_for 'grep -q commit_failed "$WORKER_LOG"' 10
	wait_for 'reported 1' 20
	assert_eq "$(wdb "SELECT state FROM assignment WHERE instance_id=1 AND state=5")" ""
	rm "$BATS_TEST_TMPDIR/full"
	wait_for '[ "$(wdb "SELECT state FROM assignment WHERE instance_id=1")" = 5 ]' 20
	assert_eq "$(reports 1 | wc -l)" 1
	wait_for 'send /worker/runJob "$(run_body 2 1 exec "$(witness_job)")" | grep -q accepted' 10
	wait_for 'reported 2' 10
	assert_eq "$(lines_of "$witness")" 2
}

@test "pj-workerd killed before any one of its writes, syncs and sends: a dispatch that was answered runs once" {
	start_alone
	listen=$WORKER_LISTEN
	stop_pid "$WORKER_PID"
	fault FAULT_COUNT_FILE="$BATS_TEST_TMPDIR/calls"
	wait_for '[ -s "$WORKER_ROOT/run/worker.addr" ]' 20
	ready=$(od -An -tu4 "$BATS_TEST_TMPDIR/calls" | tr -d ' ')
	send /worker/runJob "$(run_body 1000 1 exec "$(witness_job)")"
	wait_for '[ "$(wdb "SELECT state FROM assignment WHERE instance_id=1000")" = 5 ]' 10
	all=$(od -An -tu4 "$BATS_TEST_TMPDIR/calls" | tr -d ' ')
	stop_pid "$WORKER_PID"
	: >"$witness"
	[ $((all - ready)) -ge 10 ] || fail "only $((all - ready)) calls"
	step=$(((all - ready) / 12 + 1))
	id=1
	for ((n = ready; n <= all; n += step)); do
		rm -f "$WORKER_ROOT/run/worker.addr"
		fault FAULT_KILL_AT="$n"
		wait_for '[ -s "$WORKER_ROOT/run/worker.addr" ] || ! is_alive $WORKER_PID' 20
		answer=$(send /worker/runJob "$(run_body "$id" 1 exec "$(witness_job)")" 2>&1) || true
		wait_for "! is_alive $WORKER_PID || reported $id" 10
		kill_pid "$WORKER_PID"
		start_worker -o "worker.listen=$listen" -o worker.helpers=no
		# The server sends again what was not answered: the worker knows whether it has it.
		[[ $answer == *accepted* ]] || send /worker/runJob "$(run_body "$id" 1 exec "$(witness_job)")"
		wait_for "reported $id" 15
		stop_pid "$WORKER_PID"
		id=$((id + 1))
	done
	assert_eq "$(cut -d' ' -f4 "$witness" | sort -n | uniq -d)" ""
	assert_eq "$(lines_of "$witness")" $((id - 1))
	assert_eq "$(said reportInstanceStatus | jq -s '[.[] | select(.lost)] | length')" 0
}

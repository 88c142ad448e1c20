#!/usr/bin/env bats
# An instance's life on Java workers, with the deadlines of the real server: waiting dispatch, waiting receive, silence;
# what a worker's clock has to do with it; stop, cancel and retry in each state.

load helpers
load serverd_lib

setup() {
	SERVER_ROOT=$BATS_TEST_TMPDIR/server
}

teardown() {
	stop_all
}

beat() { # beat [CLOCK-OFFSET-MS]: of the stand-in, alive
	wire send - POST "http://$SERVER_REMOTE/server/workerHeartbeat" "{\"workerAddress\":\"$WORKER\",\"appName\":\"default\",\
\"appId\":1,\"heartbeatTime\":$(($(now_ms) + ${1:-0})),\"protocol\":\"HTTP\",\"systemMetrics\":{\"cpuProcessors\":2,\"cpuLoad\":0.3,\
\"jvmMaxMemory\":0.5,\"diskTotal\":251.9,\"score\":2}}" >/dev/null
}

java_job() { # java_job NAME [MORE-MEMBERS]: its id
	openapi saveJob -H 'Content-Type: application/json' -d "{\"jobName\":\"$1\",\"appId\":1,\"timeExpressionType\":\"API\",
\"executeType\":\"STANDALONE\",\"processorType\":\"BUILT_IN\",\"processorInfo\":\"kit.P\"${2:-}}" | jget .data
}

run_job() { # run_job JOB: sets ID, dispatched
	ID=$(openapi runJob -d "jobId=$1" | grep -o '"data":[0-9]*' | cut -d: -f2)
}

is() { # is STATUS-NUMBER: of ID, soon
	wait_for "[ \"\$(openapi fetchInstanceStatus -d instanceId=$ID | jget .data)\" = $1 ]" 20
}

said() { # said STATUS START-MS [MORE-MEMBERS]: reported now
	wire send - POST "http://$SERVER_REMOTE/server/reportInstanceStatus" "{\"appId\":1,\"jobId\":1,\"instanceId\":$ID,\
\"instanceStatus\":$1,\"result\":\"said $1\",\"startTime\":$2,\"reportTime\":$(($(now_ms) + ${OFF:-0})),\"sourceAddress\":\"$WORKER\"${3:-}}"
}

@test "a worker whose clock is an hour off, ahead or behind: it works like any other" {
	start_server
	listen
	: >"$WORKER_SAYS"
	login
	job=$(java_job j)
	for OFF in 3600000 -3600000; do
		before=$(now_ms)
		beat "$OFF"
		run_job "$job"
		is 2
		start=$(($(now_ms) + OFF))
		said 3 "$start"
		is 3
		sleep 0.2
		assert_eq "$(said 5 "$start" ",\"endTime\":$(($(now_ms) + OFF))")" $'200\n{"success":true}'
		is 5
		now=$(now_ms)
		for at in $(pj "instance/show?id=$ID" | jq '.startedMs, .finishedMs, .attempts[0].startedMs, .attempts[0].finishedMs'); do
			[ "$at" -ge "$before" ] && [ "$at" -le "$now" ] || fail "$at is not between $before and $now"
		done
		skew=$(pj worker/ls | jq ".workers[0].skewMs - $OFF")
		[ "$skew" -gt -20000 ] && [ "$skew" -lt 20000 ]
	done
	assert_has "$(ctl worker ls)" '-'
	assert_eq "$(grep -c ' worker_clock ' "$SERVER_LOG")" 1 # once while it stays off
	grep ' worker_clock ' "$SERVER_LOG" | grep -q "worker=$WORKER app=1 skew_ms=3[56]"
	unset OFF
}

@test "waiting receive: never reported, so sent again, which costs no retry; then silence: retried, then failed" {
	start_server -o server.report_timeout=1500ms
	listen
	: >"$WORKER_SAYS"
	login
	job=$(java_job j ',"instanceRetryNum":1')
	beat
	run_job "$job"
	wait_for "[ \"\$(grep -c 'runJob.*$ID' '$WORKER_GOT')\" -ge 2 ]" 20
	assert_eq "$(pj "instance/show?id=$ID" | jq -c '[.runningTimes,.attempts[0].state]')" '[0,"lost"]'
	runs() {
		pj "instance/show?id=$ID" | jget .runningTimes
	}
	# It runs, and is never heard of again (what says so then is another tracker): the one retry, and the end.
	wait_for 'said 3 "$(now_ms)"; [ "$(runs)" = 1 ]' 20
	wait_for 'said 3 "$(now_ms)"; [ "$(runs)" = 2 ]' 20
	wait_for '[ "$(status_of "$ID")" = failed ]' 20
	assert_eq "$(pj "instance/show?id=$ID" | jq -c '[.result,.runningTimes]')" '["worker report timeout, maybe TaskTracker down",2]'
	# What comes from it now changes nothing, and it is told to stop.
	beat
	start=$(pj "instance/show?id=$ID" | jq '.attempts[-1].startedMs')
	said 3 "$start"
	assert_eq "$(status_of "$ID")" failed
	wait_for "grep -q 'stopInstance.*$ID' '$WORKER_GOT'" 10
}

@test "silence of a disabled job's instance: failed, however many retries it has" {
	start_server -o server.report_timeout=1s
	listen
	: >"$WORKER_SAYS"
	login
	job=$(java_job j ',"instanceRetryNum":9')
	beat
	run_job "$job"
	wait_for 'said 3 "$(now_ms)"; [ "$(status_of "$ID")" = running ]' 20
	openapi disableJob -d "jobId=$job" | jget .success
	is 4
	assert_eq "$(pj "instance/show?id=$ID" | jget .result)" 'worker report timeout, maybe TaskTracker down'
}

@test "stop, cancel, retry in each state, with PowerJob's words" {
	start_server
	listen
	: >"$WORKER_SAYS"
	login
	job=$(java_job j)
	beat
	try() { # try STATE CALL: success, or the message
		openapi "$2Instance" -d "instanceId=$ID" | jq -r 'if .success then "ok" else .message end'
	}
	up='PowerJobException: instance already up and running' done="IllegalArgumentException: can't stop finished instance!"
	again='PowerJobException: Only stopped instance can be retry!'
	later() {
		ID=$(openapi runJob -d "jobId=$job&delay=3600000" | grep -o '"data":[0-9]*' | cut -d: -f2)
	}
	later && is 1 # waiting
	assert_eq "$(try 1 retry)" "$again"
	assert_eq "$(try 1 cancel)" ok
	is 9 # canceled
	assert_eq "$(try 9 cancel)" "$up"
	assert_eq "$(try 9 stop)" "$done"
	assert_eq "$(try 9 retry)" ok
	is 2 # sent
	assert_eq "$(try 2 cancel)" "$up"
	assert_eq "$(try 2 retry)" "$again"
	assert_eq "$(try 2 stop)" ok
	is 10 # stopped
	assert_eq "$(try 10 cancel)" "$up"
	assert_eq "$(try 10 stop)" "$done"
	wait_for "[ \"\$(pj 'instance/show?id=$ID' | jget .attempts[0].state)\" = stopped ]" 10
	assert_eq "$(try 10 retry)" ok
	is 2
	said 3 1795249674651
	is 3 # running
	assert_eq "$(try 3 cancel)" "$up"
	assert_eq "$(try 3 retry)" "$again"
	said 4 1795249674651
	is 4 # failed
	assert_eq "$(try 4 cancel)" "$up"
	assert_eq "$(try 4 stop)" "$done"
	assert_eq "$(try 4 retry)" ok
	is 2
	said 5 1795249679999
	is 5 # succeeded
	assert_eq "$(try 5 cancel)" "$up"
	assert_eq "$(try 5 stop)" "$done"
	assert_eq "$(try 5 retry)" ok
	is 2
	assert_eq "$(try 2 stop)" ok
	later && assert_eq "$(try 1 stop)" ok
	is 10
	assert_eq "$(pj "instance/show?id=$ID" | jq -c '[.result,.attempt,.runningTimes]')" '["stopped by user",0,0]'
}

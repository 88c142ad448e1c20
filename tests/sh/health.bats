#!/usr/bin/env bats
# pj-health with a played server and a pj-workerd without helpers.

load helpers
load worker_lib

setup() {
	start_play
}

teardown() {
	stop_all
}

know_server() {
	wdb "INSERT OR REPLACE INTO server VALUES(1,'default',9,'$SERVER_HTTP','$SERVER_HTTP',0,0)"
}

health() {
	start_daemon "$BATS_TEST_TMPDIR/health.log" pj-health -r "$WORKER_ROOT" -o worker.heartbeat=200ms
	HEALTH_PID=$DAEMON_PID
}

beats() {
	said /server/workerHeartbeat
}

@test "--once sends one signed heartbeat with everything a server asks for" {
	start_worker -o worker.helpers=no -o worker.slots=3
	know_server
	run timeout 20 pj-health -r "$WORKER_ROOT" --once -o worker.tags=fast,ssd
	assert_eq "$status" 0
	assert_has "$output" "slots=0/3"
	assert_eq "$(beats | wc -l)" 1
	grep -q '^/server/workerHeartbeat signed ' "$PLAY/log"
	hb=$(beats)
	assert_eq "$(jq -c '[.workerAddress,.appName,.appId,.protocol,.tag,.overload,.slots,.containerInfos]' <<<"$hb")" \
	    "[\"$WORKER_LISTEN\",\"default\",9,\"HTTP\",\"fast,ssd\",false,3,[]]"
	assert_has "$(jq -r .client <<<"$hb")" pj/
	jq -e '.systemMetrics | .cpuProcessors >= 1 and .jvmMaxMemory > 0 and .jvmUsedMemory > 0 and .jvmUsedMemory <= .jvmMaxMemory
	    and .diskTotal > 0 and .diskUsed > 0 and .diskUsage > 0 and .diskUsage <= 1 and .score >= 1' <<<"$hb"
	jq -e --argjson now "$(now_ms)" '.heartbeatTime > $now - 60000 and .heartbeatTime <= $now' <<<"$hb"
}

@test "no free slot is overload" {
	start_worker -o worker.helpers=no -o worker.slots=1
	know_server
	health
	wait_for 'beats | jq -e "select(.overload == false)"' 10
	send /worker/runJob "$(run_body 1 1 shell 'sleep 60')"
	wait_for 'beats | tail -n 1 | jq -e ".overload and .slots == 1 and .used == 1 and .lightTaskTrackerNum == 1"' 10
	send /worker/stopInstance "$(stop_body 1 1)"
	wait_for 'beats | tail -n 1 | jq -e ".overload == false"' 10
}

@test "without pj-workerd, or without a server, nothing is sent and it says what is missing" {
	run timeout 20 pj-health -r "$WORKER_ROOT" --once
	assert_eq "$status" 69
	assert_has "$output" "pj-workerd is not running"
	start_worker -o worker.helpers=no
	run timeout 20 pj-health -r "$WORKER_ROOT" --once
	assert_eq "$status" 69
	assert_has "$output" "no server known"
	know_server
	health
	wait_for '[ "$(hb_value pj-health state)" = ok ]' 10
	kill_pid "$WORKER_PID"
	wait_for '[ "$(hb_value pj-health state)" = waiting ]' 10
	n=$(beats | wc -l)
	sleep 0.6
	assert_eq "$(beats | wc -l)" "$n"
	start_worker -o worker.helpers=no
	wait_for '[ "$(hb_value pj-health state)" = ok ]' 10
}

@test "the server goes and comes back, refuses, stalls" {
	start_worker -o worker.helpers=no
	know_server
	health
	wait_for '[ "$(hb_value pj-health state)" = ok ]' 10
	kill_pid "$PLAY_PID"
	wait_for '[ "$(hb_value pj-health state)" = failing ]' 10
	start_play "$SERVER_HTTP"
	wait_for '[ "$(hb_value pj-health state)" = ok ]' 10
	echo 500 >"$PLAY/status-workerHeartbeat"
	wait_for '[ "$(hb_value pj-health state)" = failing ]' 10
	run timeout 20 sed -n 's/^note=//p' "$WORKER_ROOT/state/hb/pj-health.hb"
	assert_has "$output" "status 500"
	rm "$PLAY/status-workerHeartbeat"
	wait_for '[ "$(hb_value pj-health state)" = ok ]' 10
	stop_pid "$HEALTH_PID"
}

@test "a second one says so; --once beside it is no failure; a stop exits 0" {
	health
	wait_for '[ -n "$(hb_value pj-health pid)" ]' 10
	run timeout 10 pj-health -r "$WORKER_ROOT"
	assert_eq "$status" 75
	run timeout 10 pj-health -r "$WORKER_ROOT" --once
	assert_eq "$status" 0
	stop_pid "$HEALTH_PID"
}

#!/usr/bin/env bats
# Alarms: what PowerJob would send to people is a line of the log and a row, seen wherever an instance is looked at.

load helpers
load serverd_lib

setup() {
	SERVER_ROOT=$BATS_TEST_TMPDIR/server
}

teardown() {
	stop_all
}

@test "needAlert of a second-level job's report, once, also after kill -9; alarmConfig goes to the worker and comes back" {
	start_server
	listen
	: >"$WORKER_SAYS"
	heartbeat "$WORKER" -
	login
	openapi saveJob -H 'Content-Type: application/json' -d '{"jobName":"fast","appId":1,"timeExpressionType":"FIXED_RATE",
"timeExpression":"1000","executeType":"STANDALONE","processorType":"BUILT_IN","processorInfo":"kit.P","notifyUserIds":[7,8],
"alarmConfig":{"alertThreshold":2,"statisticWindowLen":10,"silenceWindowLen":60}}' | jget .success
	wait_for "grep -q runJob '$WORKER_GOT'" 10
	assert_eq "$(sed -n 's/^[^{]*//p' "$WORKER_GOT" | jget .alarmConfig | jq -c .)" \
	    '{"alertThreshold":2,"statisticWindowLen":10,"silenceWindowLen":60}'
	assert_eq "$(openapi fetchJob -d jobId=1 | jq -c '.data|[.alarmConfig.alertThreshold,.notifyUserIds]')" '[2,"7,8"]'
	ID=$(sed -n 's/^[^{]*//p' "$WORKER_GOT" | head -n 1 | grep -o '"instanceId":[0-9]*' | cut -d: -f2)
	body='{"appId":1,"jobId":1,"instanceId":'$ID',"instanceStatus":3,"totalTaskNum":5,"succeedTaskNum":1,"failedTaskNum":4,
"startTime":1795249674651,"reportTime":1795249675000,"sourceAddress":"'$WORKER'","needAlert":true,"alertContent":"broken \u001b[1m"}'
	for _ in 1 2 3; do
		assert_eq "$(wire send - POST "http://$SERVER_REMOTE/server/reportInstanceStatus" "$body")" 200
	done
	kill_pid "$SERVER_PID"
	start_server
	heartbeat "$WORKER" -
	wire send - POST "http://$SERVER_REMOTE/server/reportInstanceStatus" "$body"
	assert_eq "$(pj "instance/show?id=$ID" | jq -c '[.status,.runningTimes,(.alarms|length),.alarms[0].kind]')" '["running",5,1,"reported"]'
	assert_eq "$(grep -c ' alert kind=reported ' "$SERVER_LOG")" 1
	grep ' alert ' "$SERVER_LOG" | grep -q "instance=$ID job=1 attempt=1 text="
	run ctl instance show "$ID"
	assert_has "$output" reported
	assert_has "$output" broken
	login
	assert_eq "$(curl -sS "http://$SERVER_HTTP/instance/detail?appId=1&instanceId=$ID" -H "X-POWERJOB-APP-ID: 1" \
	    -H "X-POWERJOB-ACCESS-TOKEN: $TOKEN" | jq -c '.data|[.status,.alarms[0].kind]')" '[3,"reported"]'
}

@test "what fails for good alerts, what is stopped or tried again does not" {
	start_server
	listen
	: >"$WORKER_SAYS"
	heartbeat "$WORKER" -
	login
	openapi saveJob -H 'Content-Type: application/json' -d '{"jobName":"once","appId":1,"timeExpressionType":"API",
"executeType":"STANDALONE","processorType":"BUILT_IN","processorInfo":"kit.P"}' | jget .success
	job=$(ctl job ls --json | jq -r '[.jobs[]|select(.name=="once")|.id]|max')
	for end in fail stop; do
		ID=$(openapi runJob -d "jobId=$job" | grep -o '"data":[0-9]*' | cut -d: -f2)
		wait_for "grep -q $ID '$WORKER_GOT'" 10
		report "$ID" 3
		[ $end = fail ] || openapi stopInstance -d "instanceId=$ID"
		report "$ID" 4 ',"result":"no luck"'
		if [ $end = fail ]; then failed=$ID; fi
	done
	assert_eq "$(grep -c ' alert ' "$SERVER_LOG")" 1
	grep ' alert kind=failed ' "$SERVER_LOG" | grep "instance=$failed" | grep -q 'no luck'
	assert_eq "$(pj "instance/show?id=$failed" | jq -c '[.alarms[]|[.kind,.text]]')" '[["failed","no luck"]]'
	assert_eq "$(pj "instance/show?id=$ID" | jq -c .alarms)" '[]'
}

@test "why names the alarm of a time" {
	start_server -o server.start_grace=0
	ctl job add tick --cron '* * * * * ?' -- true # nobody is there to run it
	wait_for '[ "$(grep -c " alert kind=failed " "$SERVER_LOG")" -ge 1 ]' 50
	at=$(ctl instance ls -s failed --json | jq '.instances[0].nominalMs / 1000 | floor')
	run ctl why tick "@$at"
	assert_has "$output" 'alarm at '
	assert_has "$output" '(failed): no worker available: the app has no worker'
}

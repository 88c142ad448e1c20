#!/usr/bin/env bats
# What Java fleets use beyond one standalone run: execute types, second-level jobs, daily intervals, designated workers.

load helpers
load serverd_lib

setup() {
	SERVER_ROOT=$BATS_TEST_TMPDIR/server
}

teardown() {
	stop_all
}

save_job() { # save_job NAME EXECUTE TIME EXPRESSION-OR-EMPTY [MORE-MEMBERS]
	openapi saveJob -H 'Content-Type: application/json' -d "{\"jobName\":\"$1\",\"appId\":1,\"timeExpressionType\":\"$3\",${4:+\"timeExpression\":$4,}\"executeType\":\"$2\",\"processorType\":\"BUILT_IN\",\"processorInfo\":\"kit.Procs\$X\"${5:-}}"
}

run_job() { # the instance's id; jq would round it
	openapi runJob -d "jobId=$1&delay=0" | sed -n 's/.*"data":\([0-9]*\).*/\1/p'
}

java_server() {
	start_server
	login
	listen
	: >"$WORKER_SAYS"
	heartbeat "$WORKER" -
}

# The runJob of an instance, without pj's own members.
sent() {
	grep "^/worker/runJob plain.*\"instanceId\":$1[,}]" "$WORKER_GOT" | tail -n 1 | sed 's/^[^{]*//' |
	    sed -E 's/,"(attempt|nominalTime|runningTimes)":[0-9]+//g; s/,"jobName":"[^"]*"//'
}

@test "runJob of a broadcast, a map and a map-reduce: as captured, with every worker that has room" {
	java_server
	log=$BATS_TEST_TMPDIR/wire2.log
	start_daemon "$log" "$BUILD/tests/sh/wire" listen 127.0.0.1:0 "$WORKER_GOT" "$WORKER_SAYS"
	wait_for "grep -q 127.0.0.1: '$log'" 10
	second=$(grep -o '127.0.0.1:[0-9]*' "$log" | tail -n 1)
	heartbeat "$second" -
	for type in BROADCAST MAP MAP_REDUCE; do
		job=$(save_job x $type API '' ',"jobParams":"20","designatedWorkers":"","taskRetryNum":2,"maxWorkerCount":0' | jget .data)
		id=$(run_job "$job")
		wait_for "[ -n \"\$(sent $id)\" ]" 10
		tracker=$(pj "instance/show?id=$id" | jget .worker) other=$second
		[ "$tracker" != "$second" ] || other=$WORKER
		assert_eq "$(sent "$id")" "{\"allWorkerAddress\":[\"$tracker\",\"$other\"],\"maxWorkerCount\":0,\"jobId\":$job,\"instanceId\":$id,\"executeType\":\"$type\",\"processorType\":\"BUILT_IN\",\"processorInfo\":\"kit.Procs\$X\",\"instanceTimeoutMS\":0,\"jobParams\":\"20\",\"threadConcurrency\":5,\"taskRetryNum\":2,\"timeExpressionType\":\"API\",\"maxInstanceNum\":0}"
	done
	job=$(save_job one MAP API '' ',"maxWorkerCount":1' | jget .data)
	id=$(run_job "$job")
	wait_for "[ -n \"\$(sent $id)\" ]" 10
	assert_has "$(sent "$id")" "{\"allWorkerAddress\":[\"$(pj "instance/show?id=$id" | jget .worker)\"],\"maxWorkerCount\":1,"
}

@test "a map's reports: running with task counts, then its end" {
	java_server
	save_job x MAP API ''
	id=$(run_job 1)
	wait_for "[ -n \"\$(sent $id)\" ]" 10
	assert_eq "$(report "$id" 3 ',"succeedTaskNum":1')" $'500\nInternal Server Error' # a member twice is no JSON of ours
	assert_eq "$(report "$id" 3)" 200
	assert_eq "$(openapi fetchInstanceStatus -d "instanceId=$id" | jget .data)" 3
	assert_eq "$(report "$id" 4 ',"appendedWfContext":{},"result":"total:21,succeed:20,failed:1"')" $'200\n{"success":true}'
	assert_eq "$(openapi fetchInstanceInfo -d "instanceId=$id" | jq -c '.data|[.status,.result,.runningTimes]')" \
	    '[4,"total:21,succeed:20,failed:1",1]'
}

@test "heavy and second-level jobs are for Java workers: a pj worker alone is no worker" {
	start_server -o server.start_grace=1s
	login
	listen
	heartbeat "$WORKER" "$SERVER_ROOT/etc/peer.key"
	save_job x MAP API ''
	save_job y STANDALONE API ''
	id=$(run_job 1)
	wait_for "[ \"\$(openapi fetchInstanceInfo -d instanceId=$id | jget .data.result)\" = 'no worker available' ]" 10
	id=$(run_job 2)
	wait_for "grep -q $id '$WORKER_GOT'" 10
	assert_eq "$(curl -sS "http://$SERVER_REMOTE/server/queryJobCluster" -d '{"appId":1,"jobId":1}')" '{"success":true,"data":"W10"}'
}

@test "FIXED_RATE: launched at once, its runs counted, stopped by disableJob, launched again by enableJob, ended by deleteJob" {
	java_server
	save_job rate STANDALONE FIXED_RATE '"1000"'
	assert_eq "$(openapi fetchJob -d jobId=1 | jq -c '.data|[.timeExpressionType,.timeExpression,.status]')" '[3,"1000",1]'
	wait_for "[ \$(grep -c runJob '$WORKER_GOT') = 1 ]" 10
	id=$(grep -o '"instanceId":[0-9]*' "$WORKER_GOT" | cut -d: -f2)
	assert_eq "$(sent "$id")" "{\"allWorkerAddress\":[\"$WORKER\"],\"maxWorkerCount\":0,\"jobId\":1,\"instanceId\":$id,\"executeType\":\"STANDALONE\",\"processorType\":\"BUILT_IN\",\"processorInfo\":\"kit.Procs\$X\",\"instanceTimeoutMS\":0,\"threadConcurrency\":5,\"taskRetryNum\":0,\"timeExpressionType\":\"FIXED_RATE\",\"timeExpression\":\"1000\",\"maxInstanceNum\":0}"
	wire send - POST "http://$SERVER_REMOTE/server/reportInstanceStatus" "{\"appId\":1,\"jobId\":1,\"instanceId\":$id,\"instanceStatus\":3,\"totalTaskNum\":8,\"succeedTaskNum\":7,\"failedTaskNum\":0,\"startTime\":1795249674651,\"reportTime\":$(now_ms),\"sourceAddress\":\"$WORKER\",\"needAlert\":false}"
	assert_eq "$(openapi fetchInstanceInfo -d "instanceId=$id" | jq -c '.data|[.status,.runningTimes,.result,.finishedTime]')" '[3,8,null,null]'
	openapi disableJob -d jobId=1
	assert_eq "$(openapi fetchInstanceInfo -d "instanceId=$id" | jq -c '.data|[.status,.result]')" '[10,"stopped by user"]'
	wait_for "grep -q '^/worker/stopInstance plain.*$id' '$WORKER_GOT'" 10
	openapi enableJob -d jobId=1
	wait_for "[ \$(grep -c runJob '$WORKER_GOT') = 2 ]" 10
	openapi deleteJob -d jobId=1
	wait_for "[ \$(grep -c stopInstance '$WORKER_GOT') = 2 ]" 10
	assert_eq "$(sqlite3 -readonly "$SERVER_ROOT/state/server.db" 'SELECT count(*) FROM skipped')" 0
}

@test "DAILY_TIME_INTERVAL fires every interval within its window" {
	java_server
	save_job daily STANDALONE DAILY_TIME_INTERVAL '"{\"interval\":1,\"startTimeOfDay\":\"00:00:00\",\"endTimeOfDay\":\"23:59:59\",\"intervalUnit\":\"SECONDS\"}"'
	assert_eq "$(openapi fetchJob -d jobId=1 | jget .data.timeExpressionType)" 11
	wait_for "[ \$(grep -c runJob '$WORKER_GOT') -ge 3 ]" 15
	openapi disableJob -d jobId=1
}

@test "designated workers by tag and by address; WORKFLOW jobs are kept" {
	java_server
	heartbeat 127.0.0.1:3 -
	save_job byaddr STANDALONE API '' ",\"designatedWorkers\":\"10.0.0.1:1, $WORKER\""
	for _ in 1 2 3 4; do
		heartbeat 127.0.0.1:3 -
		id=$(run_job 1)
		wait_for "[ -n \"\$(sent $id)\" ]" 10
		assert_has "$(sent "$id")" "\"allWorkerAddress\":[\"$WORKER\"]"
	done
	save_job flow STANDALONE WORKFLOW ''
	assert_eq "$(openapi fetchJob -d jobId=2 | jq -c '.data|[.timeExpressionType,.nextTriggerTime]')" '[5,null]'
}

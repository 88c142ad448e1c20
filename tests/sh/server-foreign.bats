#!/usr/bin/env bats
# Apps apart: with another app's token, and from another app's worker, nothing is seen and nothing changes.

load helpers
load serverd_lib

setup() {
	SERVER_ROOT=$BATS_TEST_TMPDIR/server
	start_server -o server.start_grace=0
	listen
	: >"$WORKER_SAYS"
	heartbeat "$WORKER" -
	login
	# App 1: a job, an instance that runs, one that ended; each says MINE.
	openapi saveJob -H 'Content-Type: application/json' -d '{"jobName":"shared","jobDescription":"MINE","appId":1,"jobParams":"MINE","timeExpressionType":"CRON",
"timeExpression":"0 0 0 1 1 ? 2098","executeType":"STANDALONE","processorType":"BUILT_IN","processorInfo":"MINE"}' | jget .success
	ENDED=$(run_it)
	report "$ENDED" 5 ',"result":"MINE"'
	RUNS=$(run_it)
	report "$RUNS" 3
	log_line "$WORKER" "$RUNS" MINE
	# App 2, and a job of its own.
	printf 'secret2\n' >"$BATS_TEST_TMPDIR/password"
	post app/add '{"name":"other","password":"secret2"}' | jget .id
	login other secret2
	assert_eq "$APP_ID" 2
	openapi saveJob -H 'Content-Type: application/json' -d '{"jobName":"theirs","appId":2,"timeExpressionType":"API",
"executeType":"STANDALONE","processorType":"BUILT_IN","processorInfo":"p"}' | jget .success
}

teardown() {
	stop_all
}

run_it() {
	local id
	id=$(openapi runJob -d 'jobId=1&instanceParams=MINE' | grep -o '"data":[0-9]*' | cut -d: -f2)
	wait_for "grep -q $id '$WORKER_GOT'" 10
	echo "$id"
}

log_line() { # log_line WORKER INSTANCE TEXT
	wire send - POST "http://$SERVER_REMOTE/server/reportLog" \
	    "{\"workerAddress\":\"$1\",\"instanceLogContents\":[{\"instanceId\":$2,\"logTime\":$(now_ms),\"logLevel\":2,\"logContent\":\"$3\"}]}"
}

ledger() { # what app 1 has, as its administrator sees it
	pj 'job/show?job=%231'
	pj "instance/show?id=$RUNS"
	pj "instance/show?id=$ENDED"
	pj "instance/log?id=$RUNS"
	pj 'instance/ls?app=default' | jq '.instances|length'
	pj 'job/ls?app=default' | jq '.jobs|length'
}

# call METHOD PATH?QUERY [BODY]: with the other app's token, by the one curl of `calls`
call() {
	CALLS=$((CALLS + 1))
	[ "$CALLS" = 1 ] || echo next
	printf '%s\n' "request = $1" "url = \"http://$SERVER_HTTP$2\"" "header = \"X-POWERJOB-APP-ID: $APP_ID\"" \
	    "header = \"X-POWERJOB-ACCESS-TOKEN: $TOKEN\"" "write-out = \"\n=%{http_code} $1 ${2//%/%%}\n\""
	[ -z "${3:-}" ] || printf '%s\n' 'header = "Content-Type: application/json"' "data = \"${3//\"/\\\"}\""
}

# Nothing of app 1 may come back, and nothing may break.
calls() {
	curl -sS -m 100 -K "$BATS_TEST_TMPDIR/config" >"$BATS_TEST_TMPDIR/answers"
	[ "$(grep -c '^=' "$BATS_TEST_TMPDIR/answers")" = "$CALLS" ]
	if grep -A 3 MINE "$BATS_TEST_TMPDIR/answers" || grep -B 3 '^=5' "$BATS_TEST_TMPDIR/answers"; then
		fail 'another app was told of, or a call broke'
	fi
}

@test "every route, with the ids of another app" {
	before=$(ledger)
	CALLS=0
	spec='"jobName":"taken over","jobParams":"x","timeExpressionType":"API","executeType":"STANDALONE","processorType":"BUILT_IN","processorInfo":"p"'
	while read -r method path takes; do
		for app in 'appId=1' 'appId=2' 'x=1' 'app=default'; do
			for id in "$RUNS" "$ENDED"; do
				call "$method" "$path?$app&jobId=1&instanceId=$id&id=$id&job=%231&index=0&waitMs=0&instanceParams=p"
			done
		done
		[ "$takes" = json ] || continue
		for app in '"appId":1,"appIdEq":1' '"appId":2,"appIdEq":2' '"appIdEq":null'; do
			call POST "$path" "{$app,\"id\":1,\"jobId\":1,\"instanceId\":$RUNS,\"idEq\":1,\"instanceIdEq\":$RUNS,\"jobIdEq\":1,$spec,\"index\":0,\"pageSize\":100,\"type\":\"NORMAL\"}"
		done
		for body in "{\"id\":\"$RUNS\"}" "{\"id\":\"$ENDED\"}" '{"job":"#1"}' '{"job":"shared"}' '{"app":"default","job":"shared"}' \
		    '{"app":"default","name":"new","command":["true"]}' "{\"app\":\"default\",\"id\":\"$RUNS\"}" '{"job":"#1","name":"x"}'; do
			call POST "$path" "$body"
		done
	done < <(pj server/routes | jq -r '.routes[]|select(.path|startswith("/server")|not)|.method + " " + .path + " " + .takes') \
	    >"$BATS_TEST_TMPDIR/config"
	[ "$CALLS" -gt 200 ]
	calls
	assert_eq "$(ledger)" "$before"
	# Right calls say why not.
	assert_has "$(openapi stopInstance -d "instanceId=$RUNS")" 'instance is not belong to the app whose appId is 2'
	assert_has "$(openapi runJob -d 'jobId=1')" 'this job is not belong to the app whose appId is 2'
	assert_has "$(openapi fetchInstanceInfo -d "instanceId=$RUNS")" 'instance is not belong to the app whose appId is 2'
	assert_has "$(openapi fetchJob -d 'jobId=1&appId=1')" "appId 1 is not the token's"
}

@test "the worker of another app: reports, logs, questions" {
	before=$(ledger)
	mine=$WORKER
	rm -f "$BATS_TEST_TMPDIR/wire.log"
	other=127.0.0.1:9
	heartbeat "$other" - 2
	said() { # said APP SOURCE STATUS
		wire send - POST "http://$SERVER_REMOTE/server/reportInstanceStatus" "{\"appId\":$1,\"jobId\":1,\"instanceId\":$RUNS,\
\"instanceStatus\":$3,\"result\":\"not yours\",\"startTime\":1795249674651,\"reportTime\":$(now_ms),\"sourceAddress\":\"$2\",\
\"needAlert\":true,\"alertContent\":\"not yours\"}"
	}
	for status in 3 4 5; do
		assert_has "$(said 2 "$other" $status)" 'instance is not belong to the app whose appId is 2'
		assert_has "$(said 2 "$mine" $status)" 'instance is not belong to the app whose appId is 2'
		said 1 "$other" $status | grep -q ^200 # a stranger's: answered, and nothing else
	done
	log_line "$other" "$RUNS" 'not yours'
	grep -q " log_foreign instance=$RUNS worker=$other app=1" "$SERVER_LOG"
	assert_eq "$(ledger)" "$before"
	assert_has "$(wire send - POST "http://$SERVER_REMOTE/server/queryJobCluster" '{"appId":2,"jobId":1}')" 'Permission Denied!'
	# Who is not known at all may be a worker that has not said so since a start.
	log_line 127.0.0.1:10 "$RUNS" 'yours'
	pj "instance/log?id=$RUNS" | grep -q yours
	# Nobody's workers take another app's jobs.
	id=$(openapi runJob -d jobId=2 | grep -o '"data":[0-9]*' | cut -d: -f2)
	wait_for "! is_alive $SERVER_PID || [ \"\$(pj 'instance/show?id=$id' | jget .worker)\" = $other ]" 10
	run ! grep -q "$id" "$WORKER_GOT"
}

#!/usr/bin/env bats
# Port 10010: heartbeats, reports, logs, queries, as PowerJob's transport answers them; signatures; dispatch to Java and pj.

load helpers
load serverd_lib

setup() {
	SERVER_ROOT=$BATS_TEST_TMPDIR/server
}

teardown() {
	stop_all
}

key() {
	echo "$SERVER_ROOT/etc/peer.key"
}

raw() { # raw PATH [CURL-OPTION...]
	local path=$1
	shift
	curl -sSi -m 10 "http://$SERVER_REMOTE$path" "$@" | tr -d '\r'
}

@test "Java's answers: 404, 405, 500, empty 200" {
	start_server
	assert_eq "$(curl -sS "http://$SERVER_REMOTE/nosuch" -d '{}')" '<html><body><h1>Resource not found</h1></body></html>'
	assert_has "$(raw /nosuch -d '{}')" 'HTTP/1.1 404'
	assert_has "$(raw /server/reportLog)" 'HTTP/1.1 405'
	assert_has "$(raw /server/reportLog)" 'allow: POST'
	assert_has "$(raw /server/workerHeartbeat -d '{')" 'HTTP/1.1 500'
	assert_eq "$(curl -sS "http://$SERVER_REMOTE/server/workerHeartbeat" -d '{')" 'Internal Server Error'
	assert_eq "$(heartbeat 127.0.0.1:1 -)" $'200'
	assert_has "$(raw /server/reportLog -d '{"workerAddress":"x","instanceLogContents":[]}')" 'HTTP/1.1 200'
	assert_eq "$(heartbeat 127.0.0.1:1 - 99)" $'500\nInternal Server Error'
	heartbeat 127.0.0.1:1 "$(key)" 99 | grep -q 'there is no app 99'
}

@test "heartbeats: who signs is a pj worker, who does not is Java's" {
	start_server
	heartbeat 127.0.0.1:1111 -
	heartbeat 127.0.0.1:2222 "$(key)"
	assert_eq "$(pj worker/ls | jq -c '[.workers[]|[.address,.pj,.alive,.app,.client,.score,.cpus]]')" \
	    '[["127.0.0.1:1111",false,true,"default","KingPenguin",2,2],["127.0.0.1:2222",true,true,"default","KingPenguin",2,2]]'
	assert_eq "$(pj server/status | jget .workers)" 2
}

@test "accept_plain=no: unsigned is 401, signed is taken; a wrong signature is 401 and logged once" {
	start_server -o server.accept_plain=no
	heartbeat 127.0.0.1:1111 - | grep -q '^401'
	heartbeat 127.0.0.1:1111 "$(key)" | grep -q '^200'
	printf '%064d\n' 0 >"$BATS_TEST_TMPDIR/wrong.key"
	chmod 600 "$BATS_TEST_TMPDIR/wrong.key"
	for _ in 1 2 3; do
		heartbeat 127.0.0.1:1111 "$BATS_TEST_TMPDIR/wrong.key" | grep -q '^401'
	done
	assert_eq "$(grep -c ' refused ' "$SERVER_LOG")" 1
}

@test "with accept_plain=yes a wrong signature is refused all the same" {
	start_server
	printf '%064d\n' 0 >"$BATS_TEST_TMPDIR/wrong.key"
	chmod 600 "$BATS_TEST_TMPDIR/wrong.key"
	heartbeat 127.0.0.1:1111 "$BATS_TEST_TMPDIR/wrong.key" | grep -q '^401'
	heartbeat 127.0.0.1:1111 - | grep -q '^200'
}

@test "web pages and foreign hosts are refused" {
	start_server
	for header in 'Origin: http://evil.example' 'Host: evil.example'; do
		assert_has "$(raw /server/workerHeartbeat -H "$header" -d '{}')" 'HTTP/1.1 403'
	done
}

# runs on the Java stand-in: sets ID
java_run() {
	login
	openapi saveJob -H 'Content-Type: application/json' -d '{"jobName":"java","appId":1,"jobParams":"{\"a\":1,\"zh\":\"中文\"}","timeExpressionType":"API","executeType":"STANDALONE","processorType":"BUILT_IN","processorInfo":"kit.Procs$Echo"}'
	heartbeat "$WORKER" -
	ID=$(openapi runJob --data-urlencode 'instanceParams=inst 参数 &=' -d 'jobId=1&delay=0&appId=1' | sed -n 's/.*"data":\([0-9]*\).*/\1/p')
	wait_for "grep -q $ID '$WORKER_GOT'" 10
}

@test "a Java worker gets runJob in PowerJob's form, unsigned; its reports make the instance" {
	start_server
	listen
	: >"$WORKER_SAYS"
	java_run
	assert_has "$(cat "$WORKER_GOT")" "/worker/runJob plain"
	body=$(sed -n 's/^[^{]*//p' "$WORKER_GOT")
	assert_eq "$(sed -E 's/,"(attempt|nominalTime|runningTimes)":[0-9]+//g; s/,"jobName":"[^"]*"//' <<<"$body")" \
	    "{\"allWorkerAddress\":[\"$WORKER\"],\"maxWorkerCount\":0,\"jobId\":1,\"instanceId\":$ID,\"executeType\":\"STANDALONE\",\"processorType\":\"BUILT_IN\",\"processorInfo\":\"kit.Procs\$Echo\",\"instanceTimeoutMS\":0,\"jobParams\":\"{\\\"a\\\":1,\\\"zh\\\":\\\"中文\\\"}\",\"instanceParams\":\"inst 参数 &=\",\"threadConcurrency\":5,\"taskRetryNum\":0,\"timeExpressionType\":\"API\",\"maxInstanceNum\":0}"
	assert_eq "$(openapi fetchInstanceStatus -d "instanceId=$ID" | jget .data)" 2
	assert_eq "$(report "$ID" 3)" 200
	assert_eq "$(openapi fetchInstanceStatus -d "instanceId=$ID" | jget .data)" 3
	assert_eq "$(report "$ID" 5 ',"result":"ok"')" $'200\n{"success":true}'
	assert_eq "$(openapi fetchInstanceInfo -d "instanceId=$ID" | jq -c '.data|[.status,.result,.taskTrackerAddress,.runningTimes]')" \
	    "[5,\"ok\",\"$WORKER\",1]"
	# A late report changes nothing and is answered well, so that the worker forgets.
	assert_eq "$(report "$ID" 4 ',"result":"late"')" $'200\n{"success":true}'
	assert_eq "$(openapi fetchInstanceStatus -d "instanceId=$ID" | jget .data)" 5
}

@test "a report of an instance that never was, and nonsense" {
	start_server
	WORKER=127.0.0.1:1
	assert_eq "$(report 5 3)" $'200\n{"success":false,"message":"UncheckedExecutionException: java.lang.IllegalArgumentException: can'"'"'t find Instance by instanceId: 5"}'
	assert_has "$(raw /server/reportInstanceStatus -d '{"instanceId":"x"}')" 'HTTP/1.1 500'
	assert_has "$(raw /server/reportInstanceStatus -d '[]')" 'HTTP/1.1 500'
}

@test "stopping: a Java instance is stopped at once and its worker told; a pj instance when its worker says so" {
	start_server
	listen
	: >"$WORKER_SAYS"
	java_run
	report "$ID" 3
	assert_eq "$(openapi stopInstance -d "instanceId=$ID" | jget .success)" true
	assert_eq "$(openapi fetchInstanceStatus -d "instanceId=$ID" | jget .data)" 10
	wait_for "grep -q '^/worker/stopInstance plain' '$WORKER_GOT'" 10
	rm "$WORKER_SAYS"
	heartbeat "$WORKER" "$(key)"
	ID=$(openapi runJob -d 'jobId=1' | sed -n 's/.*"data":\([0-9]*\).*/\1/p')
	wait_for "grep -q 'runJob signed.*$ID' '$WORKER_GOT'" 10
	report "$ID" 3 ',"attempt":1' "$(key)"
	openapi stopInstance -d "instanceId=$ID"
	wait_for "grep -q 'stopInstance signed.*$ID' '$WORKER_GOT'" 10
	assert_eq "$(pj "instance/show?id=$ID" | jq -c '[.status,.stopRequested]')" '["running",true]'
	report "$ID" 4 ',"attempt":1,"stopped":true,"signal":15' "$(key)"
	assert_eq "$(status_of "$ID")" stopped
}

@test "connection refused, or the worker's word that it did not start, opens another attempt elsewhere" {
	start_server
	dead=127.0.0.1:$(free_port)
	heartbeat "$dead" "$(key)"
	add_job hello
	id=$(post job/run '{"job":"hello"}' | jget .instance)
	wait_for "pj 'instance/show?id=$id' | jq -e '.attempts[0].finishedMs != null or .attempts[0].state != \"open\"'" 10
	listen
	heartbeat "$WORKER" "$(key)"
	wait_for "grep -q $id '$WORKER_GOT'" 20
	report "$id" 5 ",\"attempt\":$(pj "instance/show?id=$id" | jget .attempt)" "$(key)"
	assert_eq "$(status_of "$id")" succeeded
}

@test "a dispatch that nobody answered is sent again with the same attempt, also after kill -9 of the server" {
	start_server -o server.dispatch_timeout=1s
	listen
	echo 'status 500' >"$WORKER_SAYS"
	heartbeat "$WORKER" "$(key)"
	add_job hello
	id=$(post job/run '{"job":"hello"}' | jget .instance)
	wait_for "[ \$(grep -c $id '$WORKER_GOT') -ge 2 ]" 20
	kill_pid "$SERVER_PID"
	rm "$WORKER_SAYS"
	n=$(grep -c "$id" "$WORKER_GOT")
	start_server -o server.dispatch_timeout=1s
	wait_for "[ \$(grep -c $id '$WORKER_GOT') -gt $n ]" 20
	assert_eq "$(grep -o '"attempt":[0-9]*' "$WORKER_GOT" | sort -u)" '"attempt":1'
	report "$id" 5 ',"attempt":1' "$(key)" | grep -q true
	assert_eq "$(status_of "$id")" succeeded
}

@test "queryJobCluster and queryContainer" {
	start_server
	add_job hello
	heartbeat 127.0.0.1:1111 -
	ask() {
		curl -sS "http://$SERVER_REMOTE/server/$1" -d "$2"
	}
	assert_eq "$(ask queryJobCluster '{"appId":1,"jobId":1}')" '{"success":true,"data":"WyIxMjcuMC4wLjE6MTExMSJd"}'
	assert_eq "$(ask queryJobCluster '{"appId":1,"jobId":9}')" "{\"success\":false,\"message\":\"can't find jobInfo by jobId: 9\"}"
	assert_eq "$(ask queryJobCluster '{"appId":2,"jobId":1}')" '{"success":false,"message":"Permission Denied!"}'
	assert_eq "$(ask queryContainer '{"containerId":3}')" "{\"success\":false,\"message\":\"can't find container by id: 3\"}"
}

@test "cron: firings reach the worker each second, with their nominal times" {
	start_server
	listen
	heartbeat "$WORKER" "$(key)"
	add_job tick ',"time_type":"CRON","time_expr":"* * * * * ?"'
	wait_for "[ \$(lines_of '$WORKER_GOT') -ge 4 ]" 15
	post job/disable '{"job":"tick"}'
	sed -n 's/.*"nominalTime":\([0-9]*\).*/\1/p' "$WORKER_GOT" | sort -n | head -n 4 |
	    awk 'NR > 1 && $1 - last != 1000 { exit 1 } $1 % 1000 { exit 1 } { last = $1 }'
}

#!/usr/bin/env bats
# The read side of the console's API, by the token of OpenAPI. Expected members are those of real exchanges.

load helpers
load serverd_lib

setup() {
	SERVER_ROOT=$BATS_TEST_TMPDIR/server
}

teardown() {
	stop_all
}

console() { # console PATH [CURL-OPTION...]
	local path=$1
	shift
	curl -sS -m 20 ${TOKEN:+-H "X-POWERJOB-APP-ID: $APP_ID" -H "X-POWERJOB-ACCESS-TOKEN: $TOKEN"} "http://$SERVER_HTTP/$path" "$@"
}

list() { # list PATH JSON
	console "$1" -H 'Content-Type: application/json' -d "$2"
}

save_job() { # save_job NAME [MORE-MEMBERS]
	openapi saveJob -H 'Content-Type: application/json' -d "{\"jobName\":\"$1\",\"jobDescription\":\"desc $1\",\"appId\":1,\"jobParams\":\"p\",\"timeExpressionType\":\"API\",\"executeType\":\"STANDALONE\",\"processorType\":\"BUILT_IN\",\"processorInfo\":\"kit.Procs\$Noop\"${2:-}}"
}

run_job() { # the instance's id; jq would round it
	openapi runJob -d "jobId=$1" -d "instanceParams=${2:-}" | sed -n 's/.*"data":\([0-9]*\).*/\1/p'
}

@test "without the token of OpenAPI nothing is shown; with it, its own app" {
	start_server
	login
	save_job one
	id=$(run_job 1)
	mine=$TOKEN TOKEN=
	for path in "instance/detail?instanceId=$id" "instance/log?instanceId=$id" "instance/downloadLog?instanceId=$id" \
	    'system/listWorker?appId=1' 'system/overview?appId=1' 'job/export?jobId=1'; do
		assert_eq "$path $(console "$path" | jq -c '[.success,.data,.code]')" "$path [false,null,\"-100\"]"
		assert_has "$(console "$path" | jget .message)" 'PowerJobAuthException: UserNotLoggedIn'
	done
	assert_eq "$(list job/list '{"appId":1,"index":0,"pageSize":2}' | jget .code)" -100
	post app/add '{"name":"shop","password":"s"}'
	login shop s
	assert_eq "$(console "instance/detail?instanceId=$id" | jget .message)" \
	    'IllegalArgumentException: instance is not belong to the app whose appId is 2'
	assert_eq "$(console "instance/detail?appId=1&instanceId=$id" | jget .code)" -300
	assert_eq "$(list job/list '{"index":0,"pageSize":2}' | jq -c .data.data)" '[]'
	assert_eq "$(list instance/list '{"type":"NORMAL"}' | jq -c .data.data)" '[]'
	TOKEN=$mine APP_ID=1
	assert_eq "$(console 'system/overview' | jget .data.appName)" default
}

@test "job list: pages, keyword, id; deleted ones are left out; export" {
	start_server
	login
	save_job smoke-noop
	save_job other
	save_job gone
	openapi deleteJob -d jobId=3
	openapi disableJob -d jobId=2
	answer=$(list job/list '{"appId":1,"index":0,"pageSize":1}')
	assert_eq "$(sed -E 's/"20[0-9]{2}-[0-9-]+T[0-9:.]+\+00:00"/T/g' <<<"$answer")" '{"success":true,"data":{"index":0,"pageSize":1,"totalPages":2,"totalItems":2,"data":[{"id":1,"jobName":"smoke-noop","jobDescription":"desc smoke-noop","appId":1,"jobParams":"p","timeExpressionType":"API","timeExpression":null,"executeType":"STANDALONE","processorType":"BUILT_IN","processorInfo":"kit.Procs$Noop","maxInstanceNum":0,"concurrency":5,"instanceTimeLimit":0,"instanceRetryNum":0,"taskRetryNum":0,"enable":true,"nextTriggerTime":null,"nextTriggerTimeStr":"N/A","minCpuCores":0.0,"minMemorySpace":0.0,"minDiskSpace":0.0,"gmtCreate":T,"gmtModified":T,"designatedWorkers":null,"maxWorkerCount":0,"notifyUserIds":[],"extra":null,"dispatchStrategy":"HEALTH_FIRST","dispatchStrategyConfig":null,"lifeCycle":{"start":null,"end":null},"alarmConfig":{"alertThreshold":null,"statisticWindowLen":null,"silenceWindowLen":null},"tag":null,"logConfig":{"type":null,"level":null,"loggerName":null},"advancedRuntimeConfig":{"taskTrackerBehavior":null}}]},"message":null}'
	assert_eq "$(list job/list '{"appId":1,"index":1,"pageSize":1}' | jq -c '[.data.data[]|[.id,.enable]]')" '[[2,false]]'
	assert_eq "$(list job/list '{"appId":1,"index":0,"pageSize":9,"keyword":"oth"}' | jq -c '[.data.data[].id]')" '[2]'
	assert_eq "$(list job/list '{"appId":1,"index":0,"pageSize":9,"jobId":1}' | jq -c '[.data.data[].id]')" '[1]'
	assert_eq "$(console 'job/export?jobId=1' | jget .data.timeExpressionType)" API
}

# A running map on the Java stand-in: ID.
running_map() {
	start_server
	login
	listen
	: >"$WORKER_SAYS"
	heartbeat "$WORKER" -
	save_job smoke-map ',"maxInstanceNum":0' >/dev/null
	ID=$(run_job 1 'ip')
	wait_for "grep -q $ID '$WORKER_GOT'" 10
	report "$ID" 3
}

@test "instance list and detail; the tracker is asked while it runs" {
	running_map
	row='{"jobId":"1","jobName":"smoke-map","instanceId":"'$ID'","wfInstanceId":"N/A","result":null,"taskTrackerAddress":"'$WORKER'","runningTimes":1,"status":3,"actualTriggerTime":A,"finishedTime":"N/A"}'
	assert_eq "$(list instance/list '{"appId":1,"index":0,"pageSize":2,"type":"NORMAL"}' | sed -E 's/"20[0-9-]+ [0-9:]+"/A/')" \
	    '{"success":true,"data":{"index":0,"pageSize":2,"totalPages":1,"totalItems":1,"data":['"$row"']},"message":null}'
	for filter in '"status":"RUNNING"' "\"instanceId\":\"$ID\"" "\"instanceId\":$ID" '"jobId":1' '"status":""'; do
		assert_eq "$filter $(list instance/list "{\"type\":\"NORMAL\",$filter}" | jget .data.totalItems)" "$filter 1"
	done
	assert_eq "$(list instance/list '{"type":"NORMAL","status":"FAILED"}' | jget .data.totalItems)" 0
	assert_eq "$(list instance/list '{"type":"WORKFLOW"}' | jget .data.totalItems)" 0
	assert_has "$(list instance/list '{}' | jget .message)" 'type must be'
	assert_has "$(list instance/list '{"type":"NORMAL","status":"SLEEPING"}' | jget .message)" status
	# A worker that says nothing useful: the row alone.
	assert_eq "$(console "instance/detail?appId=1&instanceId=$ID" | sed -E 's/"20[0-9-]+ [0-9:]+"/A/g')" \
	    '{"success":true,"data":{"expectedTriggerTime":A,"actualTriggerTime":A,"finishedTime":"N/A","status":3,"result":null,"taskTrackerAddress":"'"$WORKER"'","jobParams":"p","instanceParams":"ip","taskDetail":null,"queriedTaskDetailInfoList":[],"subInstanceDetails":null,"runningTimes":1},"message":null}'
	assert_has "$(grep queryInstanceStatus "$WORKER_GOT")" "{\"instanceId\":$ID}"
	said='{"actualTriggerTime":1795250771399,"status":3,"taskTrackerAddress":"x","taskDetail":{"totalTaskNum":3,"succeedTaskNum":1,"failedTaskNum":0},"queriedTaskDetailInfoList":[{"taskId":"0","taskName":"T","processorAddress":"w","status":6,"statusStr":"succeed","failedCnt":0,"createdTime":1795250771405,"lastModifiedTime":1795250771405,"lastReportTime":0}],"subInstanceDetails":[{"subInstanceId":9,"startTime":1795250787405,"finishedTime":0,"status":2}]}'
	printf '{"success":true,"data":"%s"}' "$(printf %s "$said" | base64 -w0 | tr '+/' '-_' | tr -d '=')" >"$WORKER_SAYS"
	answer=$(list instance/detailPlus "{\"appId\":1,\"instanceId\":\"$ID\",\"customQuery\":\"status = 6 limit 5\"}")
	assert_has "$(tail -n 1 "$WORKER_GOT")" '"customQuery":"status = 6 limit 5"'
	assert_eq "$(jq -c '.data|[.actualTriggerTime,.taskDetail.totalTaskNum,.queriedTaskDetailInfoList[0].createdTimeStr,.queriedTaskDetailInfoList[0].lastReportTimeStr,.subInstanceDetails,.runningTimes,.jobParams]' <<<"$answer")" \
	    '["2026-11-21 08:46:11",3,"2026-11-21 08:46:11","N/A",[{"subInstanceId":9,"startTime":"2026-11-21 08:46:27","finishedTime":"N/A","result":null,"status":2}],1,"p"]'
	for bad in 'x; drop' 'DELETE from t' '1=1;'; do
		assert_eq "$(list instance/detailPlus "{\"instanceId\":\"$ID\",\"customQuery\":\"$bad\"}" | jget .success || true)" false
	done
	# The worker is away: the row alone, and the server lives.
	stop_pid "$DAEMON_PID"
	assert_eq "$(console "instance/detail?appId=1&instanceId=$ID" | jq -c '.data|[.status,.taskDetail]')" '[3,null]'
	assert_has "$(console 'instance/detail?appId=1&instanceId=7' | jget .message)" "can't find instance by instanceId: 7"
}

@test "a caller that goes while the worker is asked, and a stop of the server in that time" {
	running_map
	kill -STOP "$DAEMON_PID"
	curl -sS -m 1 -H "X-POWERJOB-APP-ID: $APP_ID" -H "X-POWERJOB-ACCESS-TOKEN: $TOKEN" \
	    "http://$SERVER_HTTP/instance/detail?instanceId=$ID" || true
	curl -sS -m 5 -H "X-POWERJOB-APP-ID: $APP_ID" -H "X-POWERJOB-ACCESS-TOKEN: $TOKEN" \
	    "http://$SERVER_HTTP/instance/detail?instanceId=$ID" >/dev/null 2>&1 3>&- &
	sleep 0.3
	stop_pid "$SERVER_PID"
	kill -CONT "$DAEMON_PID"
	grep -q ' stopped ' "$SERVER_LOG"
}

@test "validate: the next five times, or why not" {
	start_server
	login
	valid() { # valid TYPE EXPRESSION [MORE]
		console "validate/timeExpression?${3:-}" -G --data-urlencode "timeExpressionType=$1" --data-urlencode "timeExpression=$2" | jq -c .data
	}
	assert_eq "$(valid CRON '0 0 12 1 1 ? 2090-2093')" '["2090-01-01 12:00:00","2091-01-01 12:00:00","2092-01-01 12:00:00","2093-01-01 12:00:00"]'
	assert_eq "$(valid CRON '0 0 12 * * ?' | jq length)" 5
	assert_eq "$(valid CRON '0 0 12 1 1 ? 2090-2093' endTime=3818404800000)" '["2090-01-01 12:00:00"]'
	assert_eq "$(valid CRON 'nonsense' | jq length)" 1
	assert_has "$(valid CRON '0 0 12 * * ?' endTime=1000)" 'lifecycle is out of date!'
	assert_eq "$(valid API '')" '["It is valid, but has not trigger time list!"]'
	assert_eq "$(valid FIXED_DELAY 1000)" '["It is valid, but has not trigger time list!"]'
	assert_eq "$(valid FIXED_RATE 60000 startTime=3786912000000)" \
	    '["2090-01-01 00:00:00","2090-01-01 00:01:00","2090-01-01 00:02:00","2090-01-01 00:03:00","2090-01-01 00:04:00"]'
	assert_eq "$(valid FIXED_RATE 0)" '["the rate must be greater than 0 ms"]'
	assert_eq "$(valid DAILY_TIME_INTERVAL '{"interval":1,"intervalUnit":"HOURS","startTimeOfDay":"08:00:00","endTimeOfDay":"09:30:00"}' | jq length)" 5
	assert_has "$(console 'validate/timeExpression?timeExpressionType=NEVER' | jget .message)" timeExpressionType
}

@test "log: pages of 100 lines, download" {
	running_map
	assert_eq "$(console "instance/log?appId=1&instanceId=$ID&index=0")" \
	    '{"success":true,"data":{"index":0,"totalPages":1,"data":"SYSTEM: There is no online log for this job instance.\n"},"message":null}'
	entries=$(seq 250 | sed "s/.*/{\"instanceId\":$ID,\"logTime\":1795250771399,\"logLevel\":2,\"logContent\":\"line &\"}/" | paste -sd,)
	wire send - POST "http://$SERVER_REMOTE/server/reportLog" "{\"workerAddress\":\"$WORKER\",\"instanceLogContents\":[$entries]}"
	page() {
		console "instance/log?appId=1&instanceId=$ID&index=$1"
	}
	assert_eq "$(page 0 | jq -c '[.data.index,.data.totalPages,(.data.data|split("\n")|length)]')" '[0,3,101]'
	assert_eq "$(page 0 | jget .data.data | head -n 1)" "2026-11-21 08:46:11.399 [$WORKER] INFO line 1"
	assert_eq "$(page 1 | jget .data.data | head -n 1)" "2026-11-21 08:46:11.399 [$WORKER] INFO line 101"
	assert_eq "$(page 2 | jget .data.data | grep -c .)" 50
	assert_eq "$(page 3 | jq -c .data.data)" '""'
	assert_eq "$(page -1 | jq -c .success)" false
	url=$(console "instance/downloadLogUrl?appId=1&instanceId=$ID" | jget .data)
	assert_eq "$url" "http://$SERVER_HTTP/instance/downloadLog?instanceId=$ID"
	assert_eq "$(console "${url#http://*/}" | grep -c 'INFO line')" 250
	assert_has "$(console "instance/downloadLog4Console?instanceId=$ID" -i | tr -d '\r')" "attachment;filename=oms-$ID.log"
}

@test "log: a million lines: its last page, its download, others meanwhile" {
	running_map
	wire send - POST "http://$SERVER_REMOTE/server/reportLog" "{\"workerAddress\":\"$WORKER\",\"instanceLogContents\":[\
{\"instanceId\":$ID,\"logTime\":1795250771399,\"logLevel\":2,\"logContent\":\"x\"}]}"
	stop_pid "$SERVER_PID"
	log=$(echo "$SERVER_ROOT"/state/server-log/*/"$ID.log")
	seq -f "2026-11-21 08:46:11.399 [127.0.0.1:27777] INFO line %.0f of many, long enough to be far too much in all" 1000000 >"$log"
	sqlite3 "$SERVER_ROOT/state/server.db" "UPDATE log_file SET length = $(stat -c %s "$log")"
	[ "$(stat -c %s "$log")" -gt 67108864 ]
	start_server -o server.log_max=0
	heartbeat "$WORKER" -
	login
	page() {
		console "instance/log?appId=1&instanceId=$ID&index=$1"
	}
	page 9999 >"$BATS_TEST_TMPDIR/last" 3>&- &
	last=$!
	assert_eq "$(page 5000 | jget .data.data | head -n 1 | cut -d' ' -f5-8)" 'line 500001 of many,'
	assert_eq "$(pj server/status | jget .pid)" "$SERVER_PID"
	wait "$last"
	assert_eq "$(jq -c '[.data.index,.data.totalPages,(.data.data|split("\n")|length)]' <"$BATS_TEST_TMPDIR/last")" '[9999,10000,101]'
	assert_eq "$(jget .data.data <"$BATS_TEST_TMPDIR/last" | tail -n 2 | head -n 1 | cut -d' ' -f5-6)" 'line 1000000'
	# It grows: what was counted stays counted.
	wire send - POST "http://$SERVER_REMOTE/server/reportLog" "{\"workerAddress\":\"$WORKER\",\"instanceLogContents\":[\
{\"instanceId\":$ID,\"logTime\":1795250771399,\"logLevel\":2,\"logContent\":\"new\"}]}" >/dev/null
	assert_eq "$(page 10000 | jq -c '[.data.totalPages,(.data.data|endswith("INFO new\n"))]')" '[10001,true]'
	console "instance/downloadLog?instanceId=$ID" | cmp - "$log"
	rss=$(awk '/^VmHWM/ { print $2 }' "/proc/$SERVER_PID/status")
	[ -n "${PJ_SLOW:-}" ] || [ "$rss" -lt 65536 ] || fail "$rss kB of memory for a log"
}

@test "listWorker and overview" {
	running_map
	heartbeat 127.0.0.1:9 -
	assert_eq "$(console 'system/listWorker?appId=1' | jq -c '[.data[]|del(.lastActiveTime)]|map(select(.address=="127.0.0.1:9"))')" \
	    '[{"address":"127.0.0.1:9","cpuLoad":"0.3 / 2 cores","memoryLoad":"5%（0.1 / 0.5 GB）","diskLoad":"5%（13.3 / 251.9 GB）","protocol":"HTTP","tag":"N/A","lightTaskTrackerNum":0,"heavyTaskTrackerNum":0,"lastOverloadTime":0,"overloading":false,"status":1}]'
	assert_eq "$(console 'system/overview?appId=1' | jq -c '.data|[.appId,.appName,.jobCount,.runningInstanceCount,.failedInstanceCount,.timezone,(.serverTime|length),.webServerInfo==.scheduleServerInfo,.webServerInfo.ip]')" \
	    '[1,"default",1,1,0,"UTC",19,true,"127.0.0.1"]'
	report "$ID" 4
	assert_eq "$(console 'system/overview' | jq -c '.data|[.runningInstanceCount,.failedInstanceCount]')" '[0,1]'
}

#!/usr/bin/env bats
# PowerJob's OpenAPI and bootstrap routes on 7700: exact forms (protocol.md 1, wire/).

load helpers
load serverd_lib

setup() {
	SERVER_ROOT=$BATS_TEST_TMPDIR/server
}

teardown() {
	stop_all
}

# The members of a captured saveJob, with the app's id.
SAVE_FULL='{"jobName":"smoke-full","jobDescription":"desc smoke-full","appId":1,"jobParams":"fullp","timeExpressionType":"CRON","timeExpression":"0 0 0 1 1 ? 2099","executeType":"STANDALONE","processorType":"BUILT_IN","processorInfo":"kit.Procs$Echo","maxInstanceNum":0,"concurrency":5,"instanceTimeLimit":60000,"instanceRetryNum":1,"taskRetryNum":2,"minCpuCores":0.1,"minMemorySpace":0.1,"minDiskSpace":0.1,"enable":true,"designatedWorkers":"","maxWorkerCount":3,"notifyUserIds":[1],"extra":"x","dispatchStrategy":"RANDOM","lifeCycle":{},"alarmConfig":{"alertThreshold":0,"statisticWindowLen":0,"silenceWindowLen":0},"tag":"tg","logConfig":{"type":1,"level":1},"advancedRuntimeConfig":{}}'
SAVE_NOOP='{"jobName":"smoke-noop","jobDescription":"desc smoke-noop","appId":1,"jobParams":"p","timeExpressionType":"API","executeType":"STANDALONE","processorType":"BUILT_IN","processorInfo":"kit.Procs$Noop","maxInstanceNum":0,"concurrency":5,"instanceTimeLimit":0,"instanceRetryNum":0,"taskRetryNum":0,"minCpuCores":0.0,"minMemorySpace":0.0,"minDiskSpace":0.0,"enable":true,"maxWorkerCount":0,"dispatchStrategy":"HEALTH_FIRST"}'

save() {
	openapi saveJob -H 'Content-Type: application/json; charset=utf-8' -d "$1"
}

# The number in `data`: jq would round it.
data() {
	sed -n 's/.*"data":\([0-9]*\).*/\1/p'
}

# What changes from run to run becomes T or I.
steady() {
	sed -E 's/"20[0-9]{2}-[0-9-]+T[0-9:.]+\+00:00"/T/g'
}

@test "saveJob and fetchJob: every member as PowerJob gives it" {
	start_server
	login
	assert_eq "$(save "$SAVE_NOOP")" '{"success":true,"data":1,"message":null}'
	assert_eq "$(save "$SAVE_FULL")" '{"success":true,"data":2,"message":null}'
	assert_eq "$(openapi fetchJob -d 'jobId=2&appId=1' | steady)" '{"success":true,"data":{"id":2,"jobName":"smoke-full","jobDescription":"desc smoke-full","appId":1,"jobParams":"fullp","timeExpressionType":2,"timeExpression":"0 0 0 1 1 ? 2099","executeType":1,"processorType":1,"processorInfo":"kit.Procs$Echo","maxInstanceNum":0,"concurrency":5,"instanceTimeLimit":60000,"instanceRetryNum":1,"taskRetryNum":2,"status":1,"nextTriggerTime":4070908800000,"minCpuCores":0.1,"minMemorySpace":0.1,"minDiskSpace":0.1,"designatedWorkers":"","maxWorkerCount":3,"notifyUserIds":"1","gmtCreate":T,"gmtModified":T,"extra":"x","dispatchStrategy":2,"dispatchStrategyConfig":null,"lifecycle":"{}","alarmConfig":{"alertThreshold":0,"statisticWindowLen":0,"silenceWindowLen":0},"tag":"tg","logConfig":{"type":1,"level":1,"loggerName":null},"advancedRuntimeConfig":{"taskTrackerBehavior":null}},"message":null}'
	assert_eq "$(openapi fetchJob -d 'jobId=1&appId=1' | steady | sed 's/^{"success":true,"data"://; s/,"message":null}$//')" '{"id":1,"jobName":"smoke-noop","jobDescription":"desc smoke-noop","appId":1,"jobParams":"p","timeExpressionType":1,"timeExpression":null,"executeType":1,"processorType":1,"processorInfo":"kit.Procs$Noop","maxInstanceNum":0,"concurrency":5,"instanceTimeLimit":0,"instanceRetryNum":0,"taskRetryNum":0,"status":1,"nextTriggerTime":null,"minCpuCores":0.0,"minMemorySpace":0.0,"minDiskSpace":0.0,"designatedWorkers":null,"maxWorkerCount":0,"notifyUserIds":null,"gmtCreate":T,"gmtModified":T,"extra":null,"dispatchStrategy":1,"dispatchStrategyConfig":null,"lifecycle":"{}","alarmConfig":null,"tag":null,"logConfig":null,"advancedRuntimeConfig":null}'
}

@test "saveJob with an id overwrites; null keeps users, alarm, log and advanced configuration; life cycle" {
	start_server
	login
	save "$SAVE_FULL"
	assert_eq "$(save '{"id":1,"jobName":"j","appId":1,"timeExpressionType":"API","executeType":"STANDALONE","processorType":"BUILT_IN","processorInfo":"p","lifeCycle":{"start":1000,"end":4070908800000}}' | jget .data)" 1
	assert_eq "$(openapi fetchJob -d 'jobId=1&appId=1' | jq -c '.data|[.jobName,.jobDescription,.notifyUserIds,.alarmConfig.alertThreshold,.logConfig.level,.tag,.extra,.lifecycle,.maxWorkerCount,.dispatchStrategy]')" \
	    '["j",null,"1",0,1,null,null,"{\"start\":1000,\"end\":4070908800000}",0,1]'
	save '{"id":1,"jobName":"j","appId":1,"timeExpressionType":"API","executeType":"STANDALONE","processorType":"BUILT_IN","processorInfo":"p","notifyUserIds":[]}'
	assert_eq "$(openapi fetchJob -d 'jobId=1&appId=1' | jq -c .data.notifyUserIds)" '""'
}

# refused JSON TEXT: saveJob fails with a message that has TEXT, and a null code.
refused() {
	local answer
	answer=$(save "$1")
	assert_eq "$(jq -c '[.success,.data]' <<<"$answer")" '[false,null]'
	assert_has "$answer" "$2"
}

@test "saveJob refuses what is missing, malformed, or would not run" {
	start_server
	login
	refused '{}' "PowerJobException: jobName can't be empty"
	refused '{"jobName":"j"}' "PowerJobException: appId can't be empty"
	refused '{"jobName":"j","appId":1}' "PowerJobException: processorInfo can't be empty"
	refused '{"jobName":"j","appId":1,"processorInfo":"p"}' "PowerJobException: executeType can't be empty"
	refused "$(sed 's/"STANDALONE"/"MAP"/; s/kit.Procs$Noop/exec/' <<<"$SAVE_NOOP")" 'executeType MAP'
	refused "$(sed 's/"API"/"FIXED_DELAY","timeExpression":"99"/; s/kit.Procs$Noop/exec/' <<<"$SAVE_NOOP")" \
	    'from 100ms on'
	refused "${SAVE_NOOP/\"STANDALONE\"/\"SOLO\"}" 'HttpMessageNotReadableException: JSON parse error'
	refused "${SAVE_NOOP/\"API\"/2}" 'invalid timeExpression!'
	refused "${SAVE_NOOP/\"API\"/\"FIXED_RATE\",\"timeExpression\":\"120001\"}" 'the rate must be less than 120000ms'
	refused "${SAVE_NOOP/\"API\"/\"FIXED_DELAY\",\"timeExpression\":\"0\"}" 'the delay must be greater than 0 ms'
	refused "${SAVE_NOOP/\"API\"/\"FIXED_RATE\",\"timeExpression\":\"1s\"}" 'invalid timeExpression!'
	refused "${SAVE_NOOP/\"API\"/\"DAILY_TIME_INTERVAL\"}" "timeExpression can't be empty"
	refused "${SAVE_NOOP/\"API\"/\"DAILY_TIME_INTERVAL\",\"timeExpression\":\"x\"}" 'timeExpression: '
	refused "${SAVE_NOOP/\"API\"/\"CRON\"}" 'PowerJobException: '
	refused "${SAVE_FULL/\? 2099/? 1999}" 'PowerJobException: '
	refused "${SAVE_FULL/\"silenceWindowLen\":0/\"x\":0}" 'PowerJobException: illegal alarm config!'
	refused '{"jobName":' 'HttpMessageNotReadableException: '
	refused "${SAVE_NOOP/\"appId\":1/\"appId\":1,\"id\":77}" "IllegalArgumentException: can't find job by jobId: 77"
	assert_eq "$(openapi saveJob -H 'Content-Type: text/plain' -d "$SAVE_NOOP" | jq -r .message | cut -d: -f1)" \
	    HttpMediaTypeNotSupportedException
	assert_eq "$(openapi fetchAllJob -d 'appId=1' | jq -c .data)" '[]'
	assert_eq "$(save "${SAVE_NOOP/\"API\"/0}" | jget .success)" true # a number is the ordinal
}

@test "runJob, status, info, stop, cancel, retry, and jobs that are not there" {
	start_server
	login
	save "$SAVE_NOOP"
	answer=$(openapi runJob --data-urlencode 'instanceParams=inst 参数 &=' -d 'jobId=1&delay=600000&appId=1')
	id=$(data <<<"$answer")
	assert_eq "$answer" "{\"success\":true,\"data\":$id,\"message\":null}"
	assert_eq "$(openapi fetchInstanceStatus -d "instanceId=$id&appId=1")" '{"success":true,"data":1,"message":null}'
	info=$(openapi fetchInstanceInfo -d "instanceId=$id&appId=1")
	assert_eq "$(steady <<<"$info" | sed -E 's/"expectedTriggerTime":[0-9]+/"expectedTriggerTime":N/')" \
	    "{\"success\":true,\"data\":{\"jobId\":1,\"appId\":1,\"instanceId\":$id,\"wfInstanceId\":null,\"jobParams\":\"p\",\"instanceParams\":\"inst 参数 &=\",\"status\":1,\"type\":1,\"result\":null,\"expectedTriggerTime\":N,\"actualTriggerTime\":null,\"finishedTime\":null,\"taskTrackerAddress\":null,\"runningTimes\":0,\"gmtCreate\":T,\"gmtModified\":T},\"message\":null}"
	assert_eq "$(openapi retryInstance -d "instanceId=$id&appId=1")" \
	    '{"success":false,"data":null,"message":"PowerJobException: Only stopped instance can be retry!","code":null}'
	assert_eq "$(openapi cancelInstance -d "instanceId=$id&appId=1")" '{"success":true,"data":null,"message":null}'
	assert_eq "$(openapi fetchInstanceStatus -d "instanceId=$id" | jget .data)" 9
	assert_eq "$(openapi cancelInstance -d "instanceId=$id&appId=1")" \
	    '{"success":false,"data":null,"message":"PowerJobException: instance already up and running","code":null}'
	assert_eq "$(openapi stopInstance -d "instanceId=$id&appId=1")" \
	    "{\"success\":false,\"data\":null,\"message\":\"IllegalArgumentException: can't stop finished instance!\",\"code\":null}"
	assert_eq "$(openapi retryInstance -d "instanceId=$id&appId=1")" '{"success":true,"data":null,"message":null}'
	assert_eq "$(openapi stopInstance -d "instanceId=$id&appId=1")" '{"success":true,"data":null,"message":null}'
	assert_eq "$(openapi fetchInstanceStatus -d "instanceId=$id" | jget .data)" 10
	assert_eq "$(openapi runJob -d 'jobId=99999999&delay=0&appId=1')" \
	    "{\"success\":false,\"data\":null,\"message\":\"IllegalArgumentException: can't find job by jobId: 99999999\",\"code\":null}"
	assert_eq "$(openapi fetchJob -d 'jobId=99999999&appId=1')" \
	    "{\"success\":false,\"data\":null,\"message\":\"IllegalArgumentException: can't find job by jobId: 99999999\",\"code\":null}"
	assert_eq "$(openapi fetchInstanceStatus -d 'instanceId=5' | jget .message)" 'IllegalArgumentException: invalid instanceId: 5'
	assert_eq "$(openapi stopInstance -d 'instanceId=5&appId=1' | jget .message)" \
	    "IllegalArgumentException: can't find instance by instanceId: 5"
	assert_has "$(openapi runJob -d 'appId=1')" "jobId can't be empty"
	assert_has "$(openapi runJob -d 'jobId=x&appId=1')" MethodArgumentTypeMismatchException
}

@test "disable, enable, delete; deleted jobs stay in fetchAllJob with status 99" {
	start_server
	login
	save "$SAVE_FULL"
	openapi disableJob -d 'jobId=1&appId=1'
	assert_eq "$(openapi fetchJob -d 'jobId=1&appId=1' | jget .data.status)" 2
	assert_eq "$(openapi enableJob -d 'jobId=1&appId=1')" '{"success":true,"data":null,"message":null}'
	assert_eq "$(openapi fetchJob -d 'jobId=1&appId=1' | jget .data.status)" 1
	openapi deleteJob -d 'jobId=1&appId=1'
	assert_eq "$(openapi fetchAllJob -d 'appId=1' | jq -c '.data|map([.id,.status])')" '[[1,99]]'
}

@test "authApp and assert: right and wrong, with authentication on" {
	start_server
	login
	password=$(cat "$SERVER_ROOT/etc/default.password")
	assert_has "$(openapi authApp -H 'Content-Type: application/json' -d "{\"appName\":\"default\",\"encryptedPassword\":\"$password\"}")" \
	    ',"extra":null},"message":null,"code":null}'
	TOKEN=
	try() {
		openapi authApp -H 'Content-Type: application/json' -d "$1"
	}
	assert_eq "$(try '{"appName":"default","encryptedPassword":"00000000000000000000000000000000","encryptType":"md5"}')" \
	    '{"success":false,"data":null,"message":"INCORRECT_PASSWORD","code":"-400"}'
	assert_eq "$(try '{"appName":"nosuchapp","encryptedPassword":"x","encryptType":"md5"}')" \
	    '{"success":false,"data":null,"message":"INVALID_APP:nosuchapp","code":"-402"}'
	assert_eq "$(try '{"appName":"default","encryptedPassword":"x","encryptType":"rot13"}')" \
	    '{"success":false,"data":null,"message":"INVALID_REQUEST:unknown_encryptType:rot13","code":"-300"}'
	assert_eq "$(try '{"appName":"default"}' | jget .code)" -500
	assert_eq "$(openapi assert -d "appName=default&password=$password")" '{"success":true,"data":1,"message":null}'
	assert_eq "$(openapi assert -d "appName=default&password=wrong")" \
	    '{"success":false,"data":null,"message":"PowerJobException: INCORRECT_PASSWORD","code":"-400"}'
}

# passed CURL-OPTION...: the header X-POWERJOB-AUTH-PASSED of an answer, by its exact spelling.
passed() {
	curl -sS -o /dev/null -D - -X POST "$@" | tr -d '\r' | sed -n 's/^X-POWERJOB-AUTH-PASSED: //p'
}

@test "tokens: what is wrong with one is said in PowerJob's words and order" {
	start_server
	login
	url="http://$SERVER_HTTP/openApi/fetchAllJob?appId=1"
	id="X-POWERJOB-APP-ID: $APP_ID" token="X-POWERJOB-ACCESS-TOKEN: $TOKEN"
	assert_eq "$(curl -sS -X POST "$url")" '{"success":false,"message":"INVALID_REQUEST:lack_of_appId_in_header","code":"-300"}'
	assert_has "$(curl -sSi -X POST "$url")" 'Content-Type: application/json;charset=utf-8'
	assert_eq "$(curl -sS -X POST -H "$id" "$url")" '{"success":false,"message":"OPEN_API_AUTH_FAILED:token_is_empty","code":"-1002"}'
	assert_eq "$(curl -sS -X POST -H "$id" -H 'X-POWERJOB-ACCESS-TOKEN: x' "$url" | jget .code)" -401
	assert_eq "$(curl -sS -X POST -H "$id" -H "${token}0" "$url" | jget .code)" -401
	assert_eq "$(curl -sS -X POST -H 'X-POWERJOB-APP-ID: 2' -H "$token" "$url")" \
	    '{"success":false,"message":"INVALID_REQUEST:Inconsistent_appId_from_token_and_header","code":"-300"}'
	assert_eq "$(passed -H "$id" -H "$token" "$url")" true
	assert_eq "$(passed "$url")" false
	assert_eq "$(passed "http://$SERVER_HTTP/openApi/authApp" -d '{}')" ""
	assert_eq "$(curl -sS -X POST -H "$id" -H "$token" "http://$SERVER_HTTP/openApi/fetchAllJob?appId=2" | jget .success)" false
	post app/passwd '{"name":"default","password":"new"}'
	assert_eq "$(curl -sS -X POST -H "$id" -H "$token" "$url")" '{"success":false,"message":"INCORRECT_PASSWORD","code":"-400"}'
}

@test "a token ends after server.token_lifetime, and with its app" {
	start_server -o server.token_lifetime=1s
	post app/add '{"name":"shop","password":"s"}'
	login shop s
	wait_for "openapi fetchAllJob | grep -q 'TOKEN_EXPIRED.*-403'" 5
	stop_pid "$SERVER_PID"
	start_server
	login shop s
	post app/rm '{"name":"shop"}'
	assert_eq "$(openapi fetchAllJob)" '{"success":false,"message":"INVALID_APP:can_not_find_app","code":"-402"}'
}

@test "one app's token cannot reach another app's jobs and instances" {
	start_server
	post app/add '{"name":"shop","password":"s"}'
	add_job ours
	id=$(post job/run '{"job":"ours","delayMs":600000}' | jget .instance)
	login shop s
	assert_eq "$(openapi fetchJob -d 'jobId=1' | jget .message)" "IllegalArgumentException: this job is not belong to the app whose appId is 2"
	assert_eq "$(openapi runJob -d 'jobId=1' | jget .message)" "IllegalArgumentException: this job is not belong to the app whose appId is 2"
	assert_eq "$(openapi stopInstance -d "instanceId=$id" | jget .message)" \
	    "IllegalArgumentException: instance is not belong to the app whose appId is 2"
	assert_eq "$(openapi fetchInstanceStatus -d "instanceId=$id" | jget .success)" false
	assert_eq "$(openapi fetchJob -d 'jobId=1&appId=1' | jget .success)" false
}

@test "with authentication off every answer under /openApi says passed, and headers are ignored" {
	start_server -o server.openapi_auth=no
	TOKEN=
	base=http://$SERVER_HTTP/openApi
	for path in fetchAllJob?appId=1 authApp nosuch assert queryJob; do
		assert_eq "$(passed "$base/$path" -H 'X-POWERJOB-ACCESS-TOKEN: nonsense')" true
	done
	assert_eq "$(openapi fetchAllJob -d 'appId=1')" '{"success":true,"data":[],"message":null}'
	assert_eq "$(save "${SAVE_NOOP/\"appId\":1/\"appId\":9}" | jget .success)" false
}

@test "what PowerJob has and pj-serverd has not yet fails clearly; unknown paths are 404" {
	start_server -o server.openapi_auth=no
	assert_eq "$(openapi saveWorkflow -d '{}')" \
	    '{"success":false,"data":null,"message":"UnsupportedOperationException: /openApi/saveWorkflow is not implemented by pj-serverd yet","code":null}'
	assert_eq "$(curl -sS "http://$SERVER_HTTP/nosuch" | jq -c '[.status,.error,.path,(.timestamp|length)]')" \
	    '[404,"Not Found","/nosuch",29]'
	assert_eq "$(curl -sS -o /dev/null -w '%{http_code}' "http://$SERVER_HTTP/nosuch")" 404
	assert_eq "$(curl -sS "http://$SERVER_HTTP/openApi/runJob" | jget .message)" \
	    "HttpRequestMethodNotSupportedException: Request method 'GET' not supported"
}

@test "headers: Vary three times, CORS for web pages, preflight" {
	start_server -o server.openapi_auth=no
	url="http://$SERVER_HTTP/server/assert?appName=default"
	headers=$(curl -sSi "$url" | tr -d '\r')
	assert_eq "$(grep -c '^Vary: ' <<<"$headers")" 3
	assert_has "$headers" 'Content-Type: application/json'
	assert_has "$(curl -sSi -H 'Origin: http://x' "$url")" 'Access-Control-Allow-Origin: *'
	headers=$(curl -sSi -X OPTIONS -H 'Origin: http://x' -H 'Access-Control-Request-Method: POST' \
	    -H 'Access-Control-Request-Headers: X-A' "http://$SERVER_HTTP/openApi/runJob" | tr -d '\r')
	assert_has "$headers" 'HTTP/1.1 200'
	assert_has "$headers" 'Access-Control-Allow-Methods: HEAD,GET,PUT,POST,DELETE,PATCH'
	assert_has "$headers" 'Access-Control-Allow-Headers: X-A'
	assert_has "$headers" 'Access-Control-Max-Age: 1800'
}

@test "bootstrap: assert, assertV2, acquire, hello, HEAD" {
	start_server
	base=http://$SERVER_HTTP/server
	assert_eq "$(curl -sS "$base/assert?appName=default")" '{"success":true,"data":1,"message":null}'
	assert_eq "$(curl -sS "$base/assertV2?appName=default")" '{"success":true,"data":{"appId":1},"message":null}'
	assert_eq "$(curl -sS "$base/assert?appName=nosuchapp")" \
	    '{"success":false,"data":null,"message":"app(nosuchapp) is not registered! Please register the app in oms-console first."}'
	assert_eq "$(curl -sS "$base/acquire?protocol=HTTP&appId=1")" "{\"success\":true,\"data\":\"$SERVER_REMOTE\",\"message\":null}"
	assert_eq "$(curl -sS "$base/acquire?appId=9&protocol=HTTP")" \
	    '{"success":false,"data":null,"message":"PowerJobException: 9 is not registered!","code":null}'
	assert_has "$(curl -sS "$base/acquire?appId=1")" 'server elect failed for app 1'
	assert_has "$(curl -sS "$base/acquire?appId=1&protocol=http")" 'server elect failed for app 1'
	assert_eq "$(curl -sS "$base/hello" | jq -c '[.data.appIds,.data.defaultAddress.protocol]')" '[[1],"HTTP"]'
	assert_eq "$(curl -sSI "$base/hello" -o /dev/null -w '%{http_code}')" 200
}

@test "acquire answers server.external, with the real port when it names none" {
	start_server -o server.external=worker.example
	assert_eq "$(curl -sS "http://$SERVER_HTTP/server/acquire?protocol=HTTP&appId=1" | jget .data)" \
	    "worker.example:${SERVER_REMOTE##*:}"
}

@test "checkConnectivity: true only for who says pong" {
	start_server
	check() {
		curl -sS "http://$SERVER_HTTP/server/checkConnectivity?targetIp=127.0.0.1&targetPort=$1" | jq -c .data
	}
	start_daemon "$BATS_TEST_TMPDIR/pong.log" "$BUILD/tests/sh/wire" pong
	wait_for "[ -s '$BATS_TEST_TMPDIR/pong.log' ]" 5
	pong=$(cat "$BATS_TEST_TMPDIR/pong.log")
	wait_for "[ \"\$(check $pong)\" = true ]" 10
	assert_eq "$(check "$(free_port)")" false
	assert_eq "$(check "${SERVER_HTTP##*:}")" false
	assert_eq "$(check 0)" null
	assert_eq "$(check 70000)" null
}

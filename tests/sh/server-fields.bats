#!/usr/bin/env bats
# Every member of every message that comes in: missing it has its default or is asked for, of a wrong type it is refused
# by name and nothing changes, unknown ones are ignored.

load helpers
load serverd_lib

setup() {
	SERVER_ROOT=$BATS_TEST_TMPDIR/server
	start_server
	login
}

teardown() {
	stop_all
}

# send URL JSON: sets CODE, and ANSWER: the body with the header that names what was wrong
send() {
	CODE=$(curl -sS -D "$BATS_TEST_TMPDIR/head" -o "$BATS_TEST_TMPDIR/body" -w '%{http_code}' -m 20 -H 'Content-Type: application/json' \
	    -H "X-POWERJOB-APP-ID: $APP_ID" -H "X-POWERJOB-ACCESS-TOKEN: $TOKEN" "http://$1" -d "$2")
	ANSWER=$(grep -i '^x-pj-error' "$BATS_TEST_TMPDIR/head" | tr -d '\r'; cat "$BATS_TEST_TMPDIR/body")
}

refused() { # refused MEMBER WHAT: the answer says no and names the member
	{ [ "$CODE" = 500 ] || [[ $ANSWER == *'"success":false'* ]]; } || fail "$2: taken: $CODE $ANSWER"
	[[ $ANSWER == *"$1"* ]] || fail "$2: \`$ANSWER' does not name $1"
}

taken() { # taken WHAT
	if [ "$CODE" != 200 ] || [[ $ANSWER == *'"success":false'* ]]; then fail "$1: refused: $CODE $ANSWER"; fi
}

# What is sent for each line MEMBER KIND NEED: without it, with null, and with values that this kind of member does not take.
# MEMBER is reached under jq's PATH. Lines EXPECT MEMBER BODY.
CASES='
def wrong: {"number": ["x", {}, [1]], "text": [{}, ["x"]], "bool": ["perhaps", {}, [true]], "list": [{}, "x", 5],
	"object": [[], "x", 5], "name": ["NO_SUCH", {}, [1], 77]};
. as $base |
(["taken", "noSuchMember", ($base | setpath($path + ["noSuchMember"]; {"a": [1]}))]),
($lines | split("\n")[] | select(. != "") | split(" ") | . as [$m, $kind, $need] | ($path + [$m]) as $p |
	(["taken", "refused"][if $need == "needed" then 1 else 0 end]) as $missing |
	[$missing, $m, ($base | delpaths([$p]))],
	[$missing, $m, ($base | setpath($p; null))],
	(wrong[$kind][] as $v | ["refused", $m, ($base | setpath($p; $v))])) |
.[0] + " " + .[1] + " " + (.[2] | tojson)'

# members URL BASE PATH: the lines on standard input. One curl sends all.
members() {
	local d=$BATS_TEST_TMPDIR/cases n=0 why expect member body
	rm -rf "$d"
	mkdir "$d"
	jq -r --argjson path "$3" --arg lines "$(cat)" "$CASES" <<<"$2" >"$d/list"
	while read -r expect member body; do
		n=$((n + 1))
		printf '%s' "$body" >"$d/$n"
		: >"$d/$n.body"
		[ "$n" = 1 ] || echo next
		printf '%s\n' "url = \"http://$1\"" 'header = "Content-Type: application/json"' "header = \"X-POWERJOB-APP-ID: $APP_ID\"" \
		    "header = \"X-POWERJOB-ACCESS-TOKEN: $TOKEN\"" "data-binary = \"@$d/$n\"" "output = \"$d/$n.body\"" \
		    'write-out = "%{http_code} %header{x-pj-error}\n"'
	done <"$d/list" >"$d/config"
	[ "$n" -gt 3 ]
	curl -sS -m 60 -K "$d/config" >"$d/codes"
	n=0
	while read -r expect member body && read -r CODE why <&9; do
		n=$((n + 1))
		ANSWER="$why $(<"$d/$n.body")"
		if [ "$expect" = taken ]; then taken "$1 $body"; else refused "$member" "$1 $body"; fi
	done <"$d/list" 9<"$d/codes"
	[ "$n" = "$(lines_of "$d/list")" ]
}

@test "workerHeartbeat" {
	base='{"workerAddress":"127.0.0.1:5","appName":"default","appId":1,"heartbeatTime":1795249660028,"containerInfos":[],
"version":"5.1.1","protocol":"HTTP","tag":"t","client":"K","extra":"","overload":false,"lightTaskTrackerNum":1,"heavyTaskTrackerNum":2,
"systemMetrics":{"cpuProcessors":2,"cpuLoad":0.3,"jvmUsedMemory":0.02,"jvmMaxMemory":0.5,"jvmMemoryUsage":0.05,"diskUsed":13.3,
"diskTotal":251.9,"diskUsage":0.05,"extra":"x","score":2}}'
	members "$SERVER_REMOTE/server/workerHeartbeat" "$base" '[]' <<'X'
workerAddress text needed
appName text
appId number needed
heartbeatTime number
containerInfos list
version text
protocol text
tag text
client text
overload bool
lightTaskTrackerNum number
heavyTaskTrackerNum number
systemMetrics object needed
X
	members "$SERVER_REMOTE/server/workerHeartbeat" "$base" '["systemMetrics"]' <<'X'
cpuProcessors number
cpuLoad number
jvmUsedMemory number
jvmMaxMemory number
diskUsed number
diskTotal number
diskUsage number
extra text
score number
X
	# The least that is a heartbeat: the rest is 0 and false.
	send "$SERVER_REMOTE/server/workerHeartbeat" '{"workerAddress":"127.0.0.1:6","appId":1,"systemMetrics":{}}'
	taken 'the least'
	assert_eq "$(pj worker/ls | jq -c '.workers[]|select(.address=="127.0.0.1:6")|[.overload,.score,.cpus,.tag,.skewMs]')" \
	    '[false,0,0,null,0]'
}

# A running instance on the stand-in.
running() {
	listen
	: >"$WORKER_SAYS"
	heartbeat "$WORKER" -
	openapi saveJob -H 'Content-Type: application/json' -d '{"jobName":"j","appId":1,"timeExpressionType":"API","executeType":"STANDALONE","processorType":"BUILT_IN","processorInfo":"p"}'
	ID=$(openapi runJob -d jobId=1 | grep -o '"data":[0-9]*' | cut -d: -f2)
	wait_for "grep -q $ID '$WORKER_GOT'" 10
	report "$ID" 3
	wait_for '[ "$(status_of "$ID")" = running ]' 10
}

@test "reportInstanceStatus" {
	running
	base='{"appId":1,"jobId":1,"instanceId":"'$ID'","instanceStatus":3,"result":null,"totalTaskNum":1,"succeedTaskNum":1,
"failedTaskNum":0,"startTime":1795249674651,"endTime":null,"reportTime":1795249674652,"sourceAddress":"'$WORKER'","needAlert":false,
"alertContent":null,"wfInstanceId":null,"appendedWfContext":{}}'
	members "$SERVER_REMOTE/server/reportInstanceStatus" "$base" '[]' <<'X'
appId number
jobId number
instanceId number needed
wfInstanceId number
appendedWfContext object
instanceStatus number needed
result text
totalTaskNum number
succeedTaskNum number
failedTaskNum number
endTime number
reportTime number needed
sourceAddress text needed
needAlert bool
alertContent text
X
	# A final one that is wrong in one member changes nothing.
	for member in result endTime totalTaskNum alertContent; do
		send "$SERVER_REMOTE/server/reportInstanceStatus" "$(jq -c ".instanceStatus = 5 | .$member = {}" <<<"$base")"
		refused $member "final, $member {}"
	done
	for code in 0 6 7 8 11 -1 99; do
		send "$SERVER_REMOTE/server/reportInstanceStatus" "$(jq -c ".instanceStatus = $code" <<<"$base")"
		refused instanceStatus "status $code"
	done
	assert_eq "$(status_of "$ID")" running
	send "$SERVER_REMOTE/server/reportInstanceStatus" "$(jq -c '.instanceStatus = 5' <<<"$base")"
	assert_eq "$ANSWER" '{"success":true}'
	assert_eq "$(status_of "$ID")" succeeded
}

@test "reportLog, queryJobCluster, queryContainer" {
	running
	base='{"workerAddress":"'$WORKER'","instanceLogContents":[{"instanceId":"'$ID'","logTime":1795249674781,"logLevel":2,"logContent":"a line"}]}'
	members "$SERVER_REMOTE/server/reportLog" "$base" '[]' <<'X'
workerAddress text
instanceLogContents list needed
X
	members "$SERVER_REMOTE/server/reportLog" "$base" '["instanceLogContents",0]' <<'X'
instanceId number needed
logTime number
logLevel number
logContent text
X
	# An entry that is wrong takes its whole batch with it: nothing of a refused message is kept.
	before=$(pj "instance/log?id=$ID" | wc -l)
	send "$SERVER_REMOTE/server/reportLog" "$(jq -c '.instanceLogContents += [{"instanceId":[]}]' <<<"$base")"
	refused 'instanceLogContents[1]' 'second entry'
	assert_eq "$(pj "instance/log?id=$ID" | wc -l)" "$before"
	for member in appId jobId; do
		for value in '"x"' '{}' '[1]'; do
			send "$SERVER_REMOTE/server/queryJobCluster" "$(jq -c ".$member = $value" <<<'{"appId":1,"jobId":1}')"
			refused $member "$member $value"
		done
	done
	for value in '"x"' '{}' '[1]'; do
		send "$SERVER_REMOTE/server/queryContainer" "{\"containerId\":$value}"
		refused containerId "containerId $value"
	done
}

@test "saveJob" {
	base='{"id":null,"jobName":"j","jobDescription":"d","appId":1,"jobParams":"p","timeExpressionType":"CRON","timeExpression":"0 0 3 * * ?",
"executeType":"MAP_REDUCE","processorType":"BUILT_IN","processorInfo":"x","maxInstanceNum":3,"concurrency":7,"instanceTimeLimit":8,
"instanceRetryNum":1,"taskRetryNum":2,"minCpuCores":0.5,"minMemorySpace":0.25,"minDiskSpace":0.125,"enable":true,
"designatedWorkers":"a:1,tag","maxWorkerCount":4,"notifyUserIds":[1,2],"extra":"e","dispatchStrategy":"SPECIFY",
"dispatchStrategyConfig":"tagIn:x","lifeCycle":{"start":1,"end":4102444800000},"tag":"t",
"alarmConfig":{"alertThreshold":1,"statisticWindowLen":2,"silenceWindowLen":3},"logConfig":{"type":2,"level":3,"loggerName":"l"},
"advancedRuntimeConfig":{"taskTrackerBehavior":11}}'
	members "$SERVER_HTTP/openApi/saveJob" "$base" '[]' <<'X'
jobName text needed
jobDescription text
jobParams text
timeExpressionType name needed
timeExpression text needed
executeType name needed
processorType name needed
processorInfo text needed
maxInstanceNum number
concurrency number
instanceTimeLimit number
instanceRetryNum number
taskRetryNum number
minCpuCores number
minMemorySpace number
minDiskSpace number
enable bool
designatedWorkers text
maxWorkerCount number
notifyUserIds list
extra text
dispatchStrategy name
dispatchStrategyConfig text
lifeCycle object
tag text
alarmConfig object
logConfig object
advancedRuntimeConfig object
X
	members "$SERVER_HTTP/openApi/saveJob" "$base" '["lifeCycle"]' <<'X'
start number
end number
X
	for member in alertThreshold statisticWindowLen silenceWindowLen; do
		send "$SERVER_HTTP/openApi/saveJob" "$(jq -c "del(.alarmConfig.$member)" <<<"$base")"
		refused 'illegal alarm config!' "without $member"
	done
	# All of it comes back, and the defaults of what was left out.
	id=$(openapi saveJob -H 'Content-Type: application/json' -d "$base" | jget .data)
	openapi exportJob -d "jobId=$id" | jq -S '.data | del(.jobName)' >"$BATS_TEST_TMPDIR/got"
	jq -S 'del(.jobName)' <<<"$base" >"$BATS_TEST_TMPDIR/wanted"
	diff "$BATS_TEST_TMPDIR/wanted" "$BATS_TEST_TMPDIR/got"
	id=$(openapi saveJob -H 'Content-Type: application/json' -d '{"jobName":"least","appId":1,"timeExpressionType":"API",
"executeType":"STANDALONE","processorType":"BUILT_IN","processorInfo":"x"}' | jget .data)
	assert_eq "$(openapi fetchJob -d "jobId=$id" | jq -c '.data|[.status,.maxInstanceNum,.concurrency,.instanceTimeLimit,.instanceRetryNum,
.taskRetryNum,.minCpuCores,.maxWorkerCount,.notifyUserIds,.dispatchStrategy,.lifecycle,.alarmConfig,.logConfig,.tag]')" \
	    '[1,0,5,0,0,0,0,0,null,1,"{}",null,null,null]'
}

@test "queryJob, queryInstance, the console's lists" {
	members "$SERVER_HTTP/openApi/queryJob" '{"appIdEq":1}' '[]' <<'X'
idEq number
idLt number
idGt number
jobNameEq text
jobNameLike text
processorInfoLike text
tagEq text
timeExpressionTypeIn list
executeTypeIn list
processorTypeIn list
statusIn list
nextTriggerTimeGt number
gmtCreateLt number
gmtModifiedGt number
dispatchStrategyEq number
X
	members "$SERVER_HTTP/openApi/queryInstance" '{"appIdEq":1,"asc":true}' '[]' <<'X'
index number
pageSize number
instanceIdEq number
instanceIdLt number
instanceIdGt number
jobIdEq number
gmtCreateLt number
gmtModifiedGt number
statusIn list
X
	members "$SERVER_HTTP/job/list" '{"appId":1,"index":0,"pageSize":10}' '[]' <<'X'
index number
pageSize number
jobId number
keyword text
X
	members "$SERVER_HTTP/instance/list" '{"appId":1,"index":0,"pageSize":10,"type":"NORMAL"}' '[]' <<'X'
index number
pageSize number
jobId number
instanceId number
wfInstanceId number
type name needed
status name
X
}

@test "form parameters: the one that is no number is named" {
	id=$(openapi saveJob -H 'Content-Type: application/json' -d '{"jobName":"j","appId":1,"timeExpressionType":"API","executeType":"STANDALONE","processorType":"BUILT_IN","processorInfo":"p"}' | jget .data)
	for path in fetchJob exportJob copyJob disableJob enableJob deleteJob runJob; do
		for bad in 'jobId=x' 'jobId=' 'appId=1' 'jobId=1e3' "jobId=99999999999999999999" "jobId=$id&appId=x"; do
			ANSWER=$(openapi "$path" -d "$bad") CODE=200
			case $bad in *appId=x) refused appId "$path $bad" ;; *) refused jobId "$path $bad" ;; esac
		done
	done
	for bad in 'delay=x' 'delay=1.5x'; do
		ANSWER=$(openapi runJob -d "jobId=$id&$bad") CODE=200
		refused delay "runJob $bad"
	done
	for path in stopInstance cancelInstance retryInstance fetchInstanceStatus fetchInstanceInfo; do
		for bad in 'instanceId=x' 'instanceId=' 'appId=1'; do
			ANSWER=$(openapi "$path" -d "$bad") CODE=200
			refused instanceId "$path $bad"
		done
	done
	assert_eq "$(openapi fetchAllJob | jq '.data|length')" 1
	assert_eq "$(pj instance/ls | jq '.instances|length')" 0
}

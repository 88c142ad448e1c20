#!/usr/bin/env bats
# OpenAPI: copyJob, exportJob, queryJob, queryInstance. Requests and expected members are those of real exchanges.

load helpers
load serverd_lib

setup() {
	SERVER_ROOT=$BATS_TEST_TMPDIR/server
}

teardown() {
	stop_all
}

FULL='{"jobName":"smoke-full","jobDescription":"desc smoke-full","appId":1,"jobParams":"fullp","timeExpressionType":"CRON","timeExpression":"0 0 0 1 1 ? 2099","executeType":"STANDALONE","processorType":"BUILT_IN","processorInfo":"kit.Procs$Echo","maxInstanceNum":0,"concurrency":5,"instanceTimeLimit":60000,"instanceRetryNum":1,"taskRetryNum":2,"minCpuCores":0.1,"minMemorySpace":0.1,"minDiskSpace":0.1,"enable":true,"designatedWorkers":"","maxWorkerCount":3,"notifyUserIds":[1],"extra":"x","dispatchStrategy":"RANDOM","lifeCycle":{},"alarmConfig":{"alertThreshold":0,"statisticWindowLen":0,"silenceWindowLen":0},"tag":"tg","logConfig":{"type":1,"level":1},"advancedRuntimeConfig":{}}'

call() { # call PATH JSON
	openapi "$1" -H 'Content-Type: application/json; charset=utf-8' -d "$2"
}

plain() { # plain NAME [MORE-MEMBERS]
	call saveJob "{\"jobName\":\"$1\",\"appId\":1,\"jobParams\":\"p\",\"timeExpressionType\":\"API\",\"executeType\":\"STANDALONE\",\"processorType\":\"BUILT_IN\",\"processorInfo\":\"kit.Procs\$Noop\"${2:-}}"
}

steady() {
	sed -E 's/"20[0-9]{2}-[0-9-]+T[0-9:.]+\+00:00"/T/g; s/_EXPORT_[0-9]{13}"/_EXPORT_N"/'
}

ids() { # of a queryJob's answer
	jq -c '[.data[].id]'
}

@test "exportJob: the request that would make the job again" {
	start_server
	login
	call saveJob "$FULL"
	assert_eq "$(openapi exportJob -d 'jobId=1&appId=1' | steady)" '{"success":true,"data":{"id":null,"jobName":"smoke-full_EXPORT_N","jobDescription":"desc smoke-full","appId":1,"jobParams":"fullp","timeExpressionType":"CRON","timeExpression":"0 0 0 1 1 ? 2099","executeType":"STANDALONE","processorType":"BUILT_IN","processorInfo":"kit.Procs$Echo","maxInstanceNum":0,"concurrency":5,"instanceTimeLimit":60000,"instanceRetryNum":1,"taskRetryNum":2,"minCpuCores":0.1,"minMemorySpace":0.1,"minDiskSpace":0.1,"enable":true,"designatedWorkers":"","maxWorkerCount":3,"notifyUserIds":[1],"extra":"x","dispatchStrategy":"RANDOM","dispatchStrategyConfig":null,"lifeCycle":{"start":null,"end":null},"alarmConfig":{"alertThreshold":0,"statisticWindowLen":0,"silenceWindowLen":0},"tag":"tg","logConfig":{"type":1,"level":1,"loggerName":null},"advancedRuntimeConfig":{"taskTrackerBehavior":null}},"message":null}'
	# It can be saved as it is, and is then the same but for its name.
	exported=$(openapi exportJob -d 'jobId=1' | jq -c .data)
	assert_eq "$(call saveJob "$exported" | jget .data)" 2
	same() {
		openapi fetchJob -d "jobId=$1" | jq -Sc '.data|del(.id,.jobName,.gmtCreate,.gmtModified)'
	}
	assert_eq "$(same 2)" "$(same 1)"
	assert_has "$(openapi exportJob -d 'jobId=77' | jget .message)" "can't find job by jobId: 77"
}

@test "copyJob: a new job with another name; not of what is deleted, not of another app" {
	start_server
	login
	call saveJob "$FULL"
	assert_eq "$(openapi copyJob -d 'jobId=1&appId=1')" '{"success":true,"data":2,"message":null}'
	assert_eq "$(openapi fetchJob -d 'jobId=2' | jq -c '.data|[.id,.jobName,.status,.nextTriggerTime,.tag,.notifyUserIds]')" \
	    '[2,"smoke-full_COPY",1,4070908800000,"tg","1"]'
	openapi disableJob -d jobId=1
	assert_eq "$(openapi copyJob -d 'jobId=1' | jget .data)" 3
	assert_eq "$(openapi fetchJob -d 'jobId=3' | jget .data.status)" 2
	openapi deleteJob -d jobId=1
	assert_eq "$(openapi copyJob -d 'jobId=1' | jget .message)" "IllegalStateException: can't copy the job which has been deleted!"
	post app/add '{"name":"shop","password":"s"}'
	login shop s
	assert_eq "$(openapi copyJob -d 'jobId=2' | jget .message)" \
	    "IllegalArgumentException: this job is not belong to the app whose appId is 2"
}

@test "queryJob: the captured request, and every filter" {
	start_server
	login
	plain smoke-noop ',"jobDescription":"desc smoke-noop"'
	plain smoke-echo ',"jobDescription":"d%","tag":"tg","dispatchStrategy":"RANDOM","notifyUserIds":[7,12]'
	call saveJob "$FULL"
	call saveJob '{"jobName":"other","appId":1,"timeExpressionType":"API","executeType":"STANDALONE","processorType":"BUILT_IN","processorInfo":"x.Y"}'
	openapi deleteJob -d jobId=4
	answer=$(call queryJob '{"appIdEq":1,"idGt":0,"jobNameLike":"smoke","statusIn":[1]}')
	assert_eq "$(ids <<<"$answer")" '[1,2,3]'
	assert_eq "$(jq -c '.data[0]' <<<"$answer")" "$(openapi fetchJob -d jobId=1 | jq -c .data)"
	assert_eq "$(jq -c '.data[2]' <<<"$answer")" "$(openapi fetchJob -d jobId=3 | jq -c .data)"
	assert_eq "$(call queryJob '{}' | ids)" '[1,2,3,4]'
	while read -r want filter; do
		assert_eq "$filter $(call queryJob "{$filter}" | ids)" "$filter $want"
	done <<'END'
[2] "idEq":2
[1,2] "idLt":3
[3,4] "idGt":2
[3] "idGt":2,"idLt":4
[4] "jobNameEq":"other"
[] "jobNameEq":"othe"
[1,2,3] "jobNameLike":"smoke%"
[1,2,3,4] "jobNameLike":""
[3] "jobDescriptionLike":"smoke-full"
[3] "jobParamsLike":"full"
[3] "timeExpressionTypeIn":[2,11]
[1,2,3,4] "executeTypeIn":[1]
[] "executeTypeIn":[2,3]
[] "processorTypeIn":[4]
[1,2,3,4] "processorTypeIn":[]
[4] "statusIn":[2,99]
[4] "processorInfoEq":"x.Y"
[1,2,3] "processorInfoLike":"kit.Procs"
[3] "nextTriggerTimeGt":1
[] "nextTriggerTimeLt":1
[2] "notifyUserIdsLike":"12"
[2,3] "dispatchStrategyEq":2
[2,3] "tagEq":"tg","gmtCreateGt":0
[] "gmtCreateLt":"2020-01-01T00:00:00.000+00:00"
[1,2,3,4] "gmtCreateLt":"2100-01-01T00:00:00Z"
[] "gmtModifiedGt":4070908800000
[1,2,3,4] "gmtModifiedLt":4070908800000
END
	assert_has "$(call queryJob '{"statusIn":1}' | jget .message)" 'statusIn must be an array'
	assert_has "$(call queryJob '{"statusIn":["x"]}' | jget .message)" 'statusIn must be an array'
	assert_has "$(call queryJob '{"idEq":"x"}' | jget .message)" idEq
	assert_has "$(call queryJob '{"jobNameLike":{}}' | jget .message)" jobNameLike
	assert_has "$(call queryJob '{"gmtCreateLt":"soon"}' | jget .message)" gmtCreateLt
	assert_eq "$(call queryJob '{"appIdEq":2}' | jget .code)" -300
	post app/add '{"name":"shop","password":"s"}'
	login shop s
	assert_eq "$(call queryJob '{}' | ids)" '[]'
}

# The numbers are too long for jq.
instance_ids() {
	grep -o '"instanceId":[0-9]*' | cut -d: -f2 | paste -sd' '
}

@test "queryInstance: pages, filters, order" {
	start_server -o server.start_grace=1s
	login
	plain one
	plain two
	# No worker: each ends FAILED at once, when the grace of the start is over.
	for job in 1 1 2 1 2; do
		ID[n++]=$(openapi runJob -d "jobId=$job" -d 'instanceParams=x' | sed -n 's/.*"data":\([0-9]*\).*/\1/p')
	done
	wait_for "[ \"\$(call queryInstance '{\"statusIn\":[4]}' | jget .data.totalItems)\" = 5 ]" 15
	ID[5]=$(openapi runJob -d 'jobId=2&delay=600000' | sed -n 's/.*"data":\([0-9]*\).*/\1/p')
	answer=$(call queryInstance '{"appIdEq":1,"index":0,"pageSize":3,"sortBy":"id","asc":false,"statusIn":[4,5]}')
	assert_eq "$(jq -c '[.success,.message,.data.index,.data.pageSize,.data.totalPages,.data.totalItems,(.data.data|length)]' <<<"$answer")" \
	    '[true,null,0,3,2,5,3]'
	assert_eq "$(instance_ids <<<"$answer")" "${ID[0]} ${ID[1]} ${ID[2]}"
	assert_eq "$(jq -c '.data.data[0]|[keys_unsorted]' <<<"$answer")" '[["jobId","appId","instanceId","wfInstanceId","jobParams","instanceParams","status","type","result","expectedTriggerTime","actualTriggerTime","finishedTime","taskTrackerAddress","runningTimes","gmtCreate","gmtModified"]]'
	assert_eq "$(jq -c '.data.data[0]|[.jobId,.appId,.wfInstanceId,.jobParams,.instanceParams,.status,.type,.result,.taskTrackerAddress,.runningTimes]' <<<"$answer")" \
	    '[1,1,null,"p","x",4,1,"no worker available","N/A",0]'
	assert_eq "$(openapi fetchInstanceInfo -d "instanceId=${ID[0]}" | jq -c .data)" "$(jq -c '.data.data[0]' <<<"$answer")"
	assert_eq "$(call queryInstance '{"index":1,"pageSize":3,"statusIn":[4,5]}' | instance_ids)" "${ID[3]} ${ID[4]}"
	assert_eq "$(call queryInstance '{"index":7,"pageSize":3}' | jq -c '.data.data')" '[]'
	assert_eq "$(call queryInstance "{\"instanceIdEq\":${ID[2]}}" | instance_ids)" "${ID[2]}"
	assert_eq "$(call queryInstance "{\"instanceIdGt\":${ID[2]}}" | instance_ids)" "${ID[3]} ${ID[4]} ${ID[5]}"
	assert_eq "$(call queryInstance "{\"instanceIdLt\":${ID[2]},\"instanceIdGt\":${ID[0]}}" | instance_ids)" "${ID[1]}"
	assert_eq "$(call queryInstance '{"jobIdEq":2}' | instance_ids)" "${ID[2]} ${ID[4]} ${ID[5]}"
	assert_eq "$(call queryInstance '{"sortBy":"jobId","pageSize":4}' | instance_ids)" "${ID[0]} ${ID[1]} ${ID[3]} ${ID[2]}"
	assert_eq "$(call queryInstance '{"sortBy":"status","pageSize":1}' | instance_ids)" "${ID[5]}"
	assert_eq "$(call queryInstance '{"gmtCreateGt":4070908800000}' | jget .data.totalItems)" 0
	assert_eq "$(call queryInstance '{"gmtCreateGt":1000,"gmtCreateLt":"2100-01-01T00:00:00Z","gmtModifiedGt":1000,"gmtModifiedLt":4070908800000}' | jget .data.totalItems)" 6
	for wrong in '"pageSize":0' '"pageSize":10001' '"index":-1' '"sortBy":"nosuch"' '"statusIn":"4"' '"jobIdEq":[]' '"appIdEq":9'; do
		assert_eq "$wrong $(call queryInstance "{$wrong}" | jq -c .success)" "$wrong false"
	done
	assert_has "$(call queryInstance '{"sortBy":"nosuch"}' | jget .message)" "PropertyReferenceException: No property 'nosuch'"
	post app/add '{"name":"shop","password":"s"}'
	login shop s
	assert_eq "$(call queryInstance '{}' | jget .data.totalItems)" 0
}

#!/usr/bin/env bats
# pj-ctl why and instance show: what a time of a job came to, and what a waiting instance waits for.

load helpers

teardown() {
	stop_all
}

show() { # show ID: what it waits for
	ctl instance show "$1" | sed -n 's/^waits for *//p'
}

@test "instance show says what a waiting instance waits for" {
	start_server -o server.start_grace=0
	start_worker -o worker.slots=1 -o worker.tags=blue
	wait_worker_known
	ctl job add red --workers red -- true
	red=$(ctl job run red)
	wait_for "ctl instance show $red | grep -q \"no worker available: of 1 worker: 1 not among the designated 'red'\"" 20
	assert_eq "$(ctl instance show "$red" --json | jq -r .result)" 'no worker available'
	grep " alert kind=failed instance=$red " "$SERVER_LOG" | grep -q "1 not among the designated 'red'"
	ctl job add long --overlap queue -- sleep 1000
	first=$(ctl job run long)
	wait_for "[ \"\$(ctl instance show $first --json | jq -r .status)\" = running ]" 20
	second=$(ctl job run long)
	third=$(ctl job run long --delay 1h)
	assert_eq "$(show "$second")" "the end of instance $first"
	assert_eq "$(ctl instance show "$second" --json | jq -c '.waits | [.for, .instance, .count, .untilMs]')" \
	    "[\"overlap\",\"$first\",1,null]"
	assert_has "$(show "$third")" 'its time, 20'
	assert_eq "$(ctl instance show "$third" --json | jq -c '[.waits.for, .waits.untilMs == .expectedMs]')" '["time",true]'
	assert_eq "$(ctl instance show "$first" --json | jq -c '[has("waits"), .status]')" '[false,"running"]'
	ctl job add other -- true
	other=$(ctl job run other)
	assert_eq "$(show "$other")" 'a worker: of 1 worker: 1 with all slots taken'
}

@test "instance show: after a start the workers are waited for" {
	start_server
	ctl job add hand -- true
	id=$(ctl job run hand)
	wait_for "[ \"\$(ctl instance show $id --json | jq -r .waits.for)\" = worker ]" 20
	assert_has "$(show "$id")" 'a worker: the app has no worker; the server has just started, and gives them '
}

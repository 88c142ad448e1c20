#!/usr/bin/env bats
# pj-ctl why and instance show: what a time of a job came to, and what a waiting instance waits for.

load helpers
load serverd_lib

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

db() {
	sqlite3 "$SERVER_ROOT/state/server.db" "$1"
}

@test "why: what waits, with and without the server; runs by hand; an instance by its id" {
	start_server -o server.start_grace=0
	start_worker
	wait_worker_known
	ctl job add one --overlap queue --retries 1 -- sleep 1000
	run ctl why one
	[ "$status" = 0 ]
	assert_eq "$output" 'the job has no time expression: it runs when it is asked to'
	first=$(ctl job run one)
	wait_for "[ \"\$(ctl instance show $first --json | jq -r .status)\" = running ]" 20
	second=$(ctl job run one)
	run ctl why one
	assert_has "$output" "not at its end: instance $first, version 1 of the job: running"
	assert_has "$output" "not at its end: instance $second, version 1 of the job: waiting
  it waits for the end of instance $first"
	run ctl why "$second"
	assert_eq "$output" "instance $second, version 1 of the job: waiting
  it waits for the end of instance $first"
	assert_eq "$(ctl why "$second" --json | jq -r .verdict,.instance,.reason)" "instance
$second
overlap"
	at=$(ctl instance show "$first" --json | jq '.expectedMs / 1000 | floor')
	run ctl why one "@$at"
	assert_has "$output" "by hand: instance $first, version 1 of the job: running"
	assert_has "$output" '  attempt 1 on 127.0.0.1:'
	run ctl why one @100000
	assert_has "$output" 'was before the job was made'
	run ctl why 99
	[ "$status" = 66 ]
	assert_has "$output" 'no instance 99'
	run ctl why "$first" @1
	[ "$status" = 66 ]
	kill_pid "$WORKER_PID"
	ctl instance stop "$second"
	ctl job add red --workers red --deadline 1h -- true
	stop_pid "$SERVER_PID"
	db "UPDATE instance SET status = 1, finished_ms = NULL, due_ms = 1000, job_id = 2 WHERE id = $second"
	run ctl why "$second"
	assert_has "$output" 'it waits for a worker, and no server runs that could give it to one'
	assert_eq "$(ctl why "$second" --tsv | cut -f 1,6,7)" "instance	$second	worker"
}

@test "why: rates and daily intervals by their second, past and to come; the life cycle; deleted jobs" {
	start_server
	ctl job add rate --every 1h -- true
	ctl job add daily --daily '{"interval":1,"intervalUnit":"HOURS","startTimeOfDay":"00:00:00","endTimeOfDay":"22:30:00"}' -- true
	ctl job add delay --delay 1h -- true
	for j in rate daily delay; do
		next=$(($(ctl job show $j --json | jq .nextTriggerMs) / 1000))
		run ctl why $j "@$next"
		assert_has "$output" 'will run, as the next one'
		run ctl why $j "@$((next + 1))"
		assert_has "$output" ' is no time of the job, whose times follow from each other'
	done
	assert_has "$(ctl why rate "@$(($(ctl job show rate --json | jq .nextTriggerMs) / 1000 + 7200))")" 'will run, after others'
	assert_eq "$(ctl why delay "@$((next + 7200))" --json | jq -r .verdict)" not-named
	# Of the window's own beat, whenever this runs.
	assert_has "$(ctl why daily "$(date -d 'now 2 days' +%F)T05:00")" 'will run, after others'
	ctl job disable rate
	run ctl why rate
	assert_has "$output" 'does not run: the job is disabled, since '
	run ctl job add short --cron '0 0 12 * * ?' --start 2090-01-02 --end 2090-01-04 --jitter 1h --deadline 2h -- true
	assert_eq "$(ctl why short 2090-01-01T12:00)" '2090-01-01T12:00:00Z is before the job'"'"'s start, 2090-01-02T00:00:00Z
  the one after it: 2090-01-02T12:00:00Z'
	assert_eq "$(ctl why short 2090-01-06T12:00)" '2090-01-06T12:00:00Z is behind the job'"'"'s end, 2090-01-04T00:00:00Z
  the one before it: 2090-01-03T12:00:00Z'
	assert_eq "$(ctl why short 2090-01-06T12:00 --json | jq -r .verdict)" lifecycle
	assert_has "$(ctl why short)" '  up to 1h later, by its jitter
  not over 2h late, by its deadline'
	ctl job rm short
	run ctl why short
	[ "$status" = 0 ]
	assert_has "$output" 'the job was deleted, at '
	assert_eq "$(ctl why short --json | jq -c '[.verdict, .jobId, .atMs]')" '["no-time",4,null]'
	assert_has "$(ctl why short 2090-01-03T12:00)" 'does not run: the job was deleted, at '
	ctl job add short -- true
	assert_eq "$(ctl why short --json | jq -r .jobId)" 5
	ctl job add often --every 5000ms --processor a.Java
	run ctl why often
	[ "$status" = 0 ]
	assert_has "$output" 'a worker runs the job every 5000 ms within one long instance'
	assert_has "$output" 'not at its end: instance '
	wait_for '[ -n "$(ctl instance ls -j often --tsv)" ]' 10
	at=$(ctl instance ls -j often --json | jq '.instances[0].createdMs / 1000 + 1 | floor')
	wait_for "[ $at -lt \"\$(date +%s)\" ]" 10
	run ctl why often "@$at"
	assert_has "$output" ' is within instance '
}

@test "job enable --make-up: a pause is as a downtime, and its times have their verdicts" {
	start_server
	ctl job add all --cron '* * * * * ?' --misfire all -- true
	ctl job add plain --cron '* * * * * ?' --misfire all -- true
	ctl job disable all plain
	paused=$(date +%s)
	wait_for '[ "$(date +%s)" -ge $((paused + 3)) ]' 30
	ctl job enable --make-up all
	ctl job enable plain
	at=$((paused + 1))
	wait_for "[ \"\$(ctl why all @$at --json | jq -r .verdict)\" = instance ]" 20
	assert_has "$(ctl why plain @$at)" 'did not run: the job was disabled (disabled)'
	run ctl verify
	assert_eq "$output" '2 jobs: each time has one verdict'
	run ctl job enable --make-up all # is enabled: nothing to do
	[ "$status" = 0 ]
	run ctl job enable --make-up nobody
	[ "$status" = 66 ]
	assert_eq "$(post job/disable '{"job":"all","makeUp":true}' | jq -r .error.code)" data
}

@test "why: a local time that the clock jumps over" {
	start_server
	for gap in skip shift run-after; do
		ctl job add $gap --cron '0 30 2 * * ?' --tz Europe/Berlin --gap $gap -- true
	done
	begin='2087-03-30T02:30:00 is no time in Europe/Berlin: the clock is set forward over it, to 2087-03-30T03:00:00+02:00'
	assert_eq "$(ctl why skip 2087-03-30T02:30)" "$begin
  the job's time there does not happen that day (gap=skip)"
	assert_eq "$(ctl why skip 2087-03-30T02:30 --json | jq -r .verdict)" gap
	assert_eq "$(ctl why skip 2087-03-30T02:31)" "${begin/02:30/02:31}
  the job has no time there"
	assert_has "$(ctl why shift 2087-03-30T02:30)" "  the job's time there happens at 2087-03-30T03:30:00+02:00 (gap=shift)
2087-03-30T03:30:00+02:00 will run, after others"
	assert_has "$(ctl why run-after 2087-03-30T02:30)" "happens at 2087-03-30T03:00:00+02:00 (gap=run-after)"
	run ctl why skip 2087-03-30T02:70
	[ "$status" = 64 ]
}

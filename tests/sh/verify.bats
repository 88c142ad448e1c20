#!/usr/bin/env bats
# pj-ctl verify: the ledger against the expressions, with and without a server.

load helpers

setup() {
	start_server
}

teardown() {
	stop_all
}

@test "verify: sound, then not" {
	ctl job add tick --cron '* * * * * ?' --misfire none -- true
	ctl job add hand -- true
	wait_for '[ "$(ctl instance ls -j tick --tsv | wc -l)" -ge 3 ]' 20
	run ctl verify
	assert_eq "$output" '2 jobs: each time has one verdict'
	[ "$status" = 0 ]
	run ctl verify tick --since @0 --tsv
	[ "$status" = 0 ] && [ -z "$output" ]
	stop_pid "$SERVER_PID"
	run ctl verify '#1'
	assert_eq "$output" '1 job: each time has one verdict'
	run ctl verify nobody
	[ "$status" = 66 ]
	command -v sqlite3 >/dev/null || skip 'sqlite3 is missing'
	sqlite3 "$SERVER_ROOT/state/server.db" "DELETE FROM instance WHERE id = (SELECT id FROM instance ORDER BY nominal_ms LIMIT 1)"
	run ctl verify tick
	[ "$status" = 1 ]
	assert_has "$output" 'no-verdict: job #1 tick: '
	run ctl verify --json
	[ "$status" = 1 ]
	assert_eq "$(jq -r '.findings[0].rule' <<<"$output")" no-verdict
}

@test "why: past, skipped, to come, not named, before the job" {
	ctl job add tick --cron '0 0 12 * * ?' --tz Europe/Berlin -- true
	run ctl why tick
	assert_has "$output" 'T12:00:00+0'
	assert_has "$output" 'will run, as the next one: misfire once, overlap allow'
	run ctl why tick 2090-06-01T12:00
	assert_has "$output" '2090-06-01T12:00:00+02:00 will run, after others'
	run ctl why tick 2090-06-01T13:00
	assert_has "$output" '2090-06-01T13:00:00+02:00 is no time of 0 0 12 * * ?'
	assert_has "$output" 'before it: 2090-06-01T12:00:00+02:00'
	assert_has "$output" 'after it: 2090-06-02T12:00:00+02:00'
	run ctl why tick 2020-01-01T12:00
	assert_has "$output" 'was before the job was made'
	run ctl why tick noon
	[ "$status" = 64 ]
	run ctl why nobody
	[ "$status" = 66 ]
	run ctl why
	[ "$status" = 64 ]
	ctl job add often --cron '* * * * * ?' -- true
	wait_for '[ -n "$(ctl instance ls -j often --tsv)" ]' 20
	ctl job disable often
	stop_pid "$SERVER_PID"
	command -v sqlite3 >/dev/null || skip 'sqlite3 is missing'
	at=$(sqlite3 "$SERVER_ROOT/state/server.db" 'SELECT min(nominal_ms) / 1000 FROM instance')
	run ctl why often "@$at"
	[ "$status" = 0 ]
	assert_has "$output" ' is instance '
	sqlite3 "$SERVER_ROOT/state/server.db" "DELETE FROM instance; INSERT INTO skipped(job_id, job_version, first_ms, last_ms,
	    count, reason, at_ms) VALUES(2, 1, ${at}000, ${at}000, 1, 'overlap', ${at}000)"
	run ctl why '#2' "@$at"
	assert_has "$output" 'did not run: the job was running, and its overlap is skip (overlap)'
	assert_has "$output" 'one of 1 time'
	run ctl why often
	assert_has "$output" 'the job is disabled'
}

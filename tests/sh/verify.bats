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
	assert_eq "$(ctl why tick 2090-06-01T12:00 --json | jq -c '[.verdict,.job,.jobId,.jobVersion,.atMs,.instance,.reason]')" \
	    '["to-run","tick",1,1,3799994400000,null,null]'
	assert_eq "$(ctl why tick 2090-06-01T13:00 --tsv | cut -f1-5)" $'not-named\ttick\t1\t1\t3799998000000'
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
	assert_eq "$(ctl why often "@$at" --json | jq -r .verdict,.instance)" "$(printf 'instance\n%s' \
	    "$(sqlite3 "$SERVER_ROOT/state/server.db" "SELECT id FROM instance WHERE nominal_ms = ${at}000")")"
	sqlite3 "$SERVER_ROOT/state/server.db" "DELETE FROM instance; INSERT INTO skipped(job_id, job_version, first_ms, last_ms,
	    count, reason, at_ms) VALUES(2, 1, ${at}000, ${at}000, 1, 'overlap', ${at}000)"
	run ctl why '#2' "@$at"
	assert_has "$output" 'did not run: the job was running, and its overlap is skip (overlap)'
	assert_has "$output" 'one of 1 time'
	assert_eq "$(ctl why '#2' "@$at" --json | jq -r .verdict,.reason)" $'left-out\noverlap'
	run ctl why often
	assert_has "$output" 'the job is disabled'
	sqlite3 "$SERVER_ROOT/state/server.db" "INSERT INTO app(name, password, created_ms, modified_ms) VALUES('other', 'x', 0, 0)"
	run ctl --app other why '#2' "@$at"
	[ "$status" = 66 ]
	assert_has "$output" 'no job #2 in app other'
}

@test "job next --audit" {
	ctl job add night --cron '0 30 2 * * ?' --tz Europe/Berlin --fold last -- true
	ctl job add often --cron '*/20 * * * *' --tz Australia/Lord_Howe -- true
	ctl job add noon --cron '0 0 12 * * ?' --tz America/Havana -- true
	ctl job add hand -- true
	ctl job add rate --every 1m --tz Europe/Berlin -- true
	run ctl job next rate --audit
	[ "$status" = 0 ]
	assert_has "$output" 'a rate counts real time: no change of the clock touches it'
	run ctl job next night --from 2026-11-21T00:00Z --audit
	[ "$status" = 0 ]
	assert_eq "$(sed 1d <<<"$output")" '2027-03-28T03:00:00+02:00  gap of 1h: 2027-03-28T02:00:00 to 03:00:00 is jumped over
  02:30:00 does not happen (gap=skip)
2027-10-31T02:00:00+01:00  fold of 1h: 2027-10-31T02:00:00 to 03:00:00 is read twice
  02:30:00 happens at 2027-10-31T02:30:00+01:00 (fold=last)
2028-03-26T03:00:00+02:00  gap of 1h: 2028-03-26T02:00:00 to 03:00:00 is jumped over
  02:30:00 does not happen (gap=skip)
2028-10-29T02:00:00+01:00  fold of 1h: 2028-10-29T02:00:00 to 03:00:00 is read twice
  02:30:00 happens at 2028-10-29T02:30:00+01:00 (fold=last)'
	run ctl job next often --from 2026-11-21T00:00Z --audit
	assert_has "$output" 'what repeats every hour or within it runs in real time: 2027-04-04T01:40:00+11:00, then 2027-04-04T01:40:00+10:30'
	run ctl job next noon --audit
	assert_has "$output" 'no change of the clock in this time touches it'
	run ctl job next hand --audit
	assert_has "$output" 'it runs when it is asked to'
	assert_eq "$(ctl job next night --from 2026-11-21T00:00Z --audit --json | jq -c '[.zone, (.transitions | length), .transitions[1].times[0].runsMs]')" \
	    '["Europe/Berlin",4,[1824946200000]]'
	assert_eq "$(ctl job next night --from 2026-11-21T00:00Z --audit --tsv | sed -n 1p)" $'1806195600000\tgap\tskip\t2027-03-28T02:30:00\t'
	run ctl job next nobody --audit
	[ "$status" = 66 ]
}

@test "the server's own zone changes: next triggers move, the log says so, the ledger stays sound" {
	stop_pid "$SERVER_PID"
	ln -s /usr/share/zoneinfo/Asia/Tokyo "$BATS_TEST_TMPDIR/localtime"
	export TZ=:$BATS_TEST_TMPDIR/localtime
	start_server
	ctl job add noon --cron '0 0 12 * * ?' -- true
	ctl job add berlin --cron '0 0 12 * * ?' --tz Europe/Berlin -- true
	ctl job add often --cron '* * * * * ?' -- true
	assert_eq "$(ctl job next noon --json | jq -r .zone)" Asia/Tokyo
	berlin=$(ctl job next berlin -n 1 --tsv)
	wait_for '[ "$(ctl instance ls -j often --tsv | wc -l)" -ge 2 ]' 20
	ln -s /usr/share/zoneinfo/Asia/Kolkata "$BATS_TEST_TMPDIR/new"
	mv -T "$BATS_TEST_TMPDIR/new" "$BATS_TEST_TMPDIR/localtime"
	kill -HUP "$SERVER_PID"
	wait_for "grep -q 'zone_changed zone=Asia/Kolkata was=Asia/Tokyo' '$SERVER_LOG'" 20
	wait_for '[ "$(ctl job show noon --json | jq .nextTriggerMs)" = "$(TZ=Asia/Kolkata date -d "$(TZ=Asia/Kolkata pj-ctl time next "0 12 * * *" -n 1)" +%s)000" ]' 20
	assert_eq "$(ctl job next noon --json | jq -r .zone)" Asia/Kolkata
	assert_eq "$(ctl job next berlin -n 1 --tsv)" "$berlin"
	run ctl verify
	assert_eq "$output" '3 jobs: each time has one verdict'
}

@test "a clock that is behind that of the last run is named in the log" {
	command -v sqlite3 >/dev/null || skip 'sqlite3 is missing'
	wait_for "sqlite3 '$SERVER_ROOT/state/server.db' \"SELECT 1 FROM meta WHERE key = 'clock_ms'\" | grep -q 1" 20
	stop_pid "$SERVER_PID"
	run ! grep -q clock_behind "$SERVER_LOG"
	sqlite3 "$SERVER_ROOT/state/server.db" "UPDATE meta SET value = value + 3600000 WHERE key = 'clock_ms'"
	start_server
	wait_for "grep -qE 'clock_behind ms=3[56][0-9]{5} ' '$SERVER_LOG'" 20
}

#!/usr/bin/env bats
# pj-ctl simulate: over a real server's database, with the server and without it.
load helpers

teardown() {
	stop_all
}

day="--from 2026-03-02T00:00Z --to 2026-03-03T00:00Z"

simulate() {
	# shellcheck disable=SC2086
	ctl simulate $day "$@"
}

of() { # of JOB MEMBER: from JSON on standard input
	jq -c --arg job "$1" ".jobs[] | select(.name == \$job) | .$2"
}

setup_jobs() {
	start_server
	ctl job add minute --cron '0 * * * * ?' --max-instances 1 -- true
	ctl job add five --cron '0 0/5 * * * ?' -- true
	ctl job add off --cron '0 0/5 * * * ?' --disabled -- true
}

@test "a day is counted, with the server and without it; the database stays as it is" {
	setup_jobs
	simulate --json >"$BATS_TEST_TMPDIR/running"
	stop_pid "$SERVER_PID"
	cp "$SERVER_ROOT/state/server.db" "$BATS_TEST_TMPDIR/before"
	simulate --json >"$BATS_TEST_TMPDIR/stopped"
	cmp "$BATS_TEST_TMPDIR/before" "$SERVER_ROOT/state/server.db"
	cmp "$BATS_TEST_TMPDIR/running" "$BATS_TEST_TMPDIR/stopped"
	[ "$(jq -c '[.fires, .runs, .peak, .workers, (.jobs | length)]' "$BATS_TEST_TMPDIR/stopped")" = "[1728,1728,2,1,2]" ]
	[ "$(of minute '| [.fires, .runs, .peak, .overlaps, .lateMaxMs]' <"$BATS_TEST_TMPDIR/stopped")" = "[1440,1440,1,0,0]" ]
	[ "$(of five fires <"$BATS_TEST_TMPDIR/stopped")" = 288 ]
}

@test "rates, delays and daily intervals run in it, in a period to come as in one long past" {
	start_server
	ctl job add rate --every 5m -- true
	ctl job add delay --delay 9m -- true
	ctl job add daily --daily '{"interval":7,"intervalUnit":"MINUTES","startTimeOfDay":"0:0:0","endTimeOfDay":"23:59:59"}' \
	    --tz UTC -- true
	ctl job add late --every 1h --start 2099-01-01T00:00Z -- true
	for day in "--from 2026-03-02T00:00Z --to 2026-03-03T00:00Z" "--from 2030-03-02T00:00Z --to 2030-03-03T00:00Z"; do
		simulate --json --duration 1m >"$BATS_TEST_TMPDIR/out"
		[ "$(jq -c '[.jobs[].name]' "$BATS_TEST_TMPDIR/out")" = '["rate","delay","daily","late"]' ]
		[ "$(of rate fires <"$BATS_TEST_TMPDIR/out")" = 288 ]
		[ "$(of delay '| .fires >= 140 and .fires <= 148' <"$BATS_TEST_TMPDIR/out")" = true ]
		[ "$(of daily '| .fires >= 205 and .fires <= 206' <"$BATS_TEST_TMPDIR/out")" = true ]
		[ "$(of late fires <"$BATS_TEST_TMPDIR/out")" = 0 ]
	done
}

@test "runs that last too long overlap; too few slots make them late" {
	setup_jobs
	stop_pid "$SERVER_PID"
	simulate --json --duration 4m >"$BATS_TEST_TMPDIR/long"
	[ "$(of minute '| .overlaps > 700 and .peak == 1 and .overlaps + .runs == 1440' <"$BATS_TEST_TMPDIR/long")" = true ]
	[ "$(of five '| .peak == 2 and .overlaps == 0' <"$BATS_TEST_TMPDIR/long")" = true ]
	simulate --json --duration 10m --slots 1 >"$BATS_TEST_TMPDIR/late"
	[ "$(jq .peak "$BATS_TEST_TMPDIR/late")" = 1 ]
	[ "$(of five '| .lateMaxMs > 3600000 and .unfinished > 0' <"$BATS_TEST_TMPDIR/late")" = true ]
	simulate --json --duration 10m --slots 1 --workers 5 >"$BATS_TEST_TMPDIR/more"
	[ "$(of five lateMaxMs <"$BATS_TEST_TMPDIR/more")" = 0 ]
}

@test "runs take as long as they took" {
	setup_jobs
	stop_pid "$SERVER_PID"
	# Five runs of 100 s each, as a server would have written them.
	for n in 1 2 3 4 5; do
		sqlite3 "$SERVER_ROOT/state/server.db" "INSERT INTO instance (id, app_id, job_id, job_version, status, due_ms, attempt,
		    expected_ms, finished_ms, created_ms, modified_ms) VALUES ($n, 1, 1, 1, 5, 0, 1, 0, 100000, 0, 0);
		    INSERT INTO attempt (instance_id, attempt, worker, is_pj, state, opened_ms, started_ms, finished_ms)
		    VALUES ($n, 1, 'w:1', 1, 5, 0, 0, 100000)"
	done
	simulate --json >"$BATS_TEST_TMPDIR/out"
	[ "$(of minute '| [.recorded, .runMedianMs, .runP95Ms, .overlaps, .runs]' <"$BATS_TEST_TMPDIR/out")" = \
	    "[5,100000,100000,720,720]" ]
	[ "$(of five '| [.recorded, .runMedianMs]' <"$BATS_TEST_TMPDIR/out")" = "[0,null]" ]
}

@test "tables and TSV; the same seed gives the same answer" {
	setup_jobs
	stop_pid "$SERVER_PID"
	run simulate
	[ "$status" -eq 0 ]
	[[ "$output" == *"FIRES"*"PEAK"*"OVERLAPS"* ]]
	[[ "$output" == *"1728 fires, 1728 runs, at most 2 at once"* ]]
	simulate --tsv --duration 80s --seed 3 >"$BATS_TEST_TMPDIR/a"
	simulate --tsv --duration 80s --seed 3 >"$BATS_TEST_TMPDIR/b"
	simulate --tsv --duration 80s --seed 4 >"$BATS_TEST_TMPDIR/c"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/a")" -eq 2 ]
	cmp "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
	run ! cmp "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/c"
}

@test "what did not run has its reason; tasks and zones are no matter" {
	TZ=Asia/Tokyo start_server
	ctl job add skip --cron '0 * * * * ?' --overlap skip -- true
	ctl job add late --cron '0 * * * * ?' --overlap skip --jitter 55s -- true
	ctl job add dead --cron '0 * * * * ?' --overlap queue --deadline 3m -- true
	ctl job add tasks --cron '0 0 0 * * ?' --processor a.Map --execute map
	stop_pid "$SERVER_PID"
	TZ=UTC simulate --json --duration 90s >"$BATS_TEST_TMPDIR/out"
	# Each time ran or has a reason; of one or two at the end nobody knows.
	for job in skip late dead; do
		[ "$(of $job '| .runs + (.skipped | map(.count) | add) | . >= 1436 and . <= 1440' <"$BATS_TEST_TMPDIR/out")" = true ]
	done
	assert_eq "$(of skip 'skipped[0].reason' <"$BATS_TEST_TMPDIR/out")" '"overlap"'
	assert_eq "$(of late '| [.fires, .skipped[0].reason, .lateMaxMs < 1000]' <"$BATS_TEST_TMPDIR/out")" '[1440,"overlap",true]'
	assert_eq "$(of dead '| [.fires, .skipped[0].reason]' <"$BATS_TEST_TMPDIR/out")" '[1440,"deadline"]'
	assert_eq "$(of tasks '| [.fires, .runs, .noWorker]' <"$BATS_TEST_TMPDIR/out")" '[1,1,0]'
	TZ=UTC ctl simulate --from 2026-03-02T14:30Z --to 2026-03-02T15:30Z --json >"$BATS_TEST_TMPDIR/midnight"
	assert_eq "$(of tasks fires <"$BATS_TEST_TMPDIR/midnight")" 1 # in Tokyo
}

@test "what is wrong is said" {
	setup_jobs
	stop_pid "$SERVER_PID"
	run ctl simulate --to 2026-03-03
	[ "$status" -eq 64 ]
	[[ "$output" == *"--from is missing"* ]]
	run ctl simulate --from 2026-03-03 --to 2026-03-03
	[ "$status" -eq 64 ]
	[[ "$output" == *"--to: not after --from"* ]]
	run ctl -a nix simulate --from 2026-03-02 --to 2026-03-03
	[ "$status" -eq 66 ]
	[[ "$output" == *"no app named nix"* ]]
	run ctl simulate --from 2026-03-02 --to 2026-03-03 --workers 0
	[ "$status" -eq 64 ]
	rm "$SERVER_ROOT/state/server.db"
	run simulate
	[ "$status" -eq 66 ]
	[[ "$output" == *"server.db"* ]]
}

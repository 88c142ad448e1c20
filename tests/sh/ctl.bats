#!/usr/bin/env bats
# pj-ctl through real programs: a server and, where something runs, a worker.
load helpers

setup() {
	start_server
	export PJ_ROOT=$SERVER_ROOT
}

teardown() {
	stop_all
}

worker() {
	start_worker
	wait_worker_known
}

ends() { # ends CODE COMMAND...: stdout in $output, stderr in $err
	local wanted=$1 code=0
	shift
	output=$("$@" 2>"$BATS_TEST_TMPDIR/err") || code=$?
	err=$(cat "$BATS_TEST_TMPDIR/err")
	[ "$code" = "$wanted" ] || fail "exit $code, wanted $wanted: $* : $output$err"
}

status_of() {
	ctl instance show "$1" --json | jget .status
}

# --- running ---

@test "the first job: add, run, wait, its log and its exit code" {
	worker
	ends 0 pj-ctl job add hello -- sh -c 'echo good morning; echo to stderr >&2'
	assert_eq "$output" '#1'
	ends 0 pj-ctl job run hello --wait
	assert_eq "$(sort <<<"$output")" $'good morning\nto stderr'
	[[ $err =~ ^pj-ctl:\ instance\ [0-9]+$ ]] || fail "$err"
	id=${err##* }
	ends 0 pj-ctl instance log "$id"
	assert_eq "$(sort <<<"$output")" $'good morning\nto stderr'
	ends 0 pj-ctl instance log --job hello -t
	assert_has "$output" 'INFO good morning'
	assert_has "$output" "$WORKER_LISTEN"
	ends 0 pj-ctl instance ls
	assert_has "$output" "$id  hello  succeeded  0"
	ends 0 pj-ctl instance show "$id"
	assert_has "$output" 'status       succeeded'
	assert_eq "$(pj-ctl instance show "$id" --json | jq -c '[.id, .job, .status, .exitCode, .signal, (.attempts | length)]')" \
	    "[\"$id\",\"hello\",\"succeeded\",0,null,1]"
}

@test "exit codes of --wait: the job's, 128 + signal, time limit, 124" {
	worker
	pj-ctl job add three -- sh -c 'echo before; exit 3'
	pj-ctl job add killed -- sh -c 'kill -9 $$'
	pj-ctl job add none -- /no/such/program
	pj-ctl job add long -- sleep 60
	pj-ctl job add limited --time-limit 1s -- sleep 60
	ends 3 pj-ctl job run three --wait
	assert_eq "$output" before
	assert_has "$err" 'failed, exit code 3'
	ends 137 pj-ctl job run killed --wait
	assert_has "$err" 'signal 9'
	ends 127 pj-ctl job run none --wait
	assert_has "$err" '/no/such/program'
	code=0
	pj-ctl job run limited --wait >/dev/null 2>&1 || code=$?
	[ "$code" -ne 0 ] && [ "$code" -ne 124 ] || fail "time limit: $code"
	ends 124 pj-ctl job run long --wait --timeout 500ms
	assert_has "$err" 'it goes on'
	id=$(pj-ctl instance ls --job long --tsv | cut -f 1)
	assert_eq "$(status_of "$id")" running
	pj-ctl instance stop "$id"
}

@test "parameters reach the run, whatever is in them" {
	worker
	pj-ctl job add say -- sh -c 'printf "[%s]\n" "$PJ_INSTANCE_PARAMS"'
	ends 0 pj-ctl job run say --wait --params "a 'b' \"c\" \$d \\ 日本"
	assert_eq "$output" "[a 'b' \"c\" \$d \\ 日本]"
	ends 0 pj-ctl job run say --wait --params - <<<'from standard input'
	assert_has "$output" '[from standard input'
	ends 0 pj-ctl job run say --wait
	assert_eq "$output" '[]'
}

@test "names and arguments: blanks, quotes, UTF-8, empty, very long" {
	worker
	for name in 'two words' "it's" 'quo"te' '日本語 ジョブ' 'a&b=c%20d+e' '-dash' 'ends#1'; do
		pj-ctl job add -- "$name" 2>/dev/null && fail 'a name is an operand, not a command'
		if [ "${name#-}" = "$name" ]; then pj-ctl job add "$name" -- echo "$name" '' "  x" >/dev/null; fi
		[ "${name#-}" = "$name" ] || continue
		ends 0 pj-ctl job run "$name" --wait
		assert_eq "$output" "$name    x"
		assert_eq "$(pj-ctl job show "$name" --json | jget .name)" "$name"
		assert_eq "$(pj-ctl instance ls --job "$name" --tsv | cut -f 2)" "$name"
	done
	long=$(head -c 100000 /dev/zero | tr '\0' x)
	pj-ctl job add long -- sh -c 'printf %s "$1" | wc -c' sh "$long"
	ends 0 pj-ctl job run long --wait
	assert_eq "$(tr -d ' ' <<<"$output")" 100000
	ends 65 pj-ctl job add toolong -- echo "$long" "$long" "$long"
	assert_has "$err" 'put it into a file'
	pj-ctl job add lines -- sh -c "printf 'a\nb'; head -c 200000 /dev/zero | tr '\0' y; echo; echo 'tab	and \\'"
	ends 0 pj-ctl job run lines --wait
	assert_eq "$(md5sum <<<"$output")" "$(printf 'a\nb%s\ntab\tand \\\n' "$(head -c 200000 /dev/zero | tr '\0' y)" | md5sum)"
}

@test "following: lines come while the job runs" {
	worker
	pj-ctl job add steps -- sh -c 'echo one; while [ ! -e "$1" ]; do sleep 0.1; done; echo two' sh "$BATS_TEST_TMPDIR/go"
	id=$(pj-ctl job run steps)
	pj-ctl instance log -f "$id" >"$BATS_TEST_TMPDIR/out" 3>&- &
	follower=$!
	wait_for 'grep -qx one "$BATS_TEST_TMPDIR/out"' 5 # less than one long poll: the line itself ends it
	pj-ctl instance log "$id" | grep -qx one
	[ "$(wc -l <"$BATS_TEST_TMPDIR/out")" = 1 ] || fail 'more than one line'
	assert_eq "$(status_of "$id")" running
	touch "$BATS_TEST_TMPDIR/go"
	wait "$follower"
	assert_eq "$(cat "$BATS_TEST_TMPDIR/out")" $'one\ntwo'
}

@test "Ctrl-C during --wait: says how to go on, the job goes on" {
	worker
	pj-ctl job add long -- sh -c 'echo started; sleep 60'
	# bash has SIGINT ignored in what it starts in the background; a terminal's shell has not.
	start_daemon "$BATS_TEST_TMPDIR/out" env --default-signal=INT "$BUILD/bin/pj-ctl" job run long --wait
	wait_for 'grep -q started "$BATS_TEST_TMPDIR/out"' 20
	kill -INT "$DAEMON_PID"
	wait_for "! is_alive $DAEMON_PID" 10
	assert_has "$(cat "$BATS_TEST_TMPDIR/out")" 'no longer watching'
	id=$(pj-ctl instance ls --job long --tsv | cut -f 1)
	assert_has "$(cat "$BATS_TEST_TMPDIR/out")" "instance stop $id"
	assert_eq "$(status_of "$id")" running
	ends 0 pj-ctl instance stop "$id"
	assert_eq "$output" ''
	code=0
	pj-ctl instance wait "$id" --timeout 20s 2>/dev/null || code=$?
	[ "$code" != 124 ] && [ "$code" != 0 ] || fail "exit $code"
	assert_eq "$(status_of "$id")" stopped
}

@test "--wait outlives a restart of the server: no line twice, none lost" {
	worker
	pj-ctl job add count -- sh -c 'i=0; while [ $i -lt 40 ]; do echo line $i; i=$((i+1)); sleep 0.1; done; exit 5'
	pj-ctl job run count --wait >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	waiter=$!
	wait_for '[ $(lines_of "$BATS_TEST_TMPDIR/out") -gt 0 ]' 20
	http=$SERVER_HTTP remote=$SERVER_REMOTE
	kill_pid "$SERVER_PID"
	wait_for 'grep -q "waiting for it" "$BATS_TEST_TMPDIR/err"' 20 || fail "$(cat "$BATS_TEST_TMPDIR/err")"
	start_server -o "server.http=$http" -o "server.remote=$remote"
	code=0
	wait "$waiter" || code=$?
	assert_eq "$code" 5
	assert_eq "$(cat "$BATS_TEST_TMPDIR/out")" "$(for i in {0..39}; do echo "line $i"; done)"
	assert_has "$(cat "$BATS_TEST_TMPDIR/err")" 'the server is back'
}

@test "a log for scripts: a row for each line, whole; what is no id is said to be none" {
	worker
	pj-ctl job add two -- sh -c 'printf "a\\tb\\n"; sleep 0.2; echo "\"q\"" >&2'
	ends 0 pj-ctl job run two --wait
	id=$(pj-ctl instance ls --job two --tsv | cut -f 1)
	ends 0 pj-ctl instance log "$id" --json
	assert_eq "$(jq -c '[.level, .text, .cut]' <<<"$output")" '["INFO","a\tb",false]
["WARN","\"q\"",false]'
	assert_eq "$(jq -r .worker <<<"$output" | sort -u)" "$(pj-ctl worker ls --tsv | cut -f 1)"
	[ "$(jq -r .time <<<"$output" | grep -cE '^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}\.[0-9]{3}$')" = 2 ]
	ends 0 pj-ctl instance log --job two -f --tsv --header
	assert_eq "$(cut -f 3- <<<"$output")" "$(printf 'level\ttext\tcut\nINFO\ta\\tb\tfalse\nWARN\t"q"\tfalse')"
	for verb in show log wait stop cancel retry; do
		ends 64 pj-ctl instance $verb two
		assert_has "$err" 'is no id of an instance; pj-ctl instance ls'
	done
	ends 1 pj-ctl instance stop "$id"
	assert_has "$err" "instance $id: it is finished: there is nothing to stop; "
	assert_has "$err" "instance show $id says how it stands"
	ends 1 pj-ctl instance cancel "$id"
	assert_has "$err" "instance $id: only an instance that waits"
	id=$(pj-ctl job run two --delay 1h)
	ends 1 pj-ctl instance retry "$id"
	assert_has "$err" "instance $id: it is not finished"
	ends 0 pj-ctl job next two
	assert_has "$err" 'by hand only'
}

@test "job next says why there are no times, and whose times will not come" {
	worker
	pj-ctl job add delayed --delay 100ms -- sleep 60
	wait_for '[ -n "$(pj-ctl instance ls --job delayed --status running --tsv)" ]' 10
	ends 0 pj-ctl job next delayed
	assert_eq "$err" 'pj-ctl: the next run follows the end of the one that is under way'
	pj-ctl job add off --disabled --cron '0 0 1 * * ?' -- true
	ends 0 pj-ctl job next off -n 2
	assert_eq "$(wc -l <<<"$output")" 2
	assert_has "$err" 'the job is disabled: these are the times it would have'
	assert_eq "$(pj-ctl job next off --json | jq -c '[.status, .timeType]')" '["disabled","CRON"]'
}

@test "definitions that could not be named or never run are refused" {
	ends 65 pj-ctl job add '#7' -- true
	assert_has "$err" 'stands for the id of a job'
	pj-ctl job add named -- true
	ends 65 pj-ctl job edit named --name '#8'
	for script in '' $'\n \t'; do
		ends 65 pj-ctl job add blank --shell "$script"
		assert_has "$err" "a shell job's are its script, and there are none"
	done
}

@test "a run that fails is started again after its delay, as often as the job says" {
	worker
	pj-ctl job add again --retries 2 --retry-delay 1s --shell 'echo "$PJ_ATTEMPT $(date +%s%3N)" >>"'"$BATS_TEST_TMPDIR/tries"'"; exit 4'
	ends 4 pj-ctl job run again --wait --timeout 60s
	assert_eq "$(cut -d' ' -f1 "$BATS_TEST_TMPDIR/tries" | tr '\n' ' ')" '1 2 3 '
	awk 'NR > 1 && $2 - last < 1000 { exit 1 } { last = $2 }' "$BATS_TEST_TMPDIR/tries" || fail "$(cat "$BATS_TEST_TMPDIR/tries")"
	assert_eq "$(pj-ctl instance ls --job again --json | jq -c '[.instances[] | [.status, .attempt, .exitCode]]')" '[["failed",3,4]]'
}

@test "retry runs the same instance again; cancel takes back what waits" {
	worker
	pj-ctl job add flaky -- sh -c '[ -e "$1" ] || { touch "$1"; exit 9; }' sh "$BATS_TEST_TMPDIR/second"
	ends 9 pj-ctl job run flaky --wait
	id=$(pj-ctl instance ls --job flaky --tsv | cut -f 1)
	ends 0 pj-ctl instance retry "$id"
	ends 0 pj-ctl instance wait "$id" --timeout 20s
	assert_eq "$(pj-ctl instance show "$id" --json | jq -c '[.status, (.attempts | length)]')" '["succeeded",2]'
	assert_eq "$(pj-ctl instance ls --job flaky --tsv | wc -l)" 1
	later=$(pj-ctl job run flaky --delay 1h)
	assert_eq "$(status_of "$later")" waiting
	ends 0 pj-ctl instance cancel "$later"
	assert_eq "$(status_of "$later")" canceled
	ends 1 pj-ctl instance cancel "$later"
	ends 1 pj-ctl instance stop "$id"
	ends 66 pj-ctl instance stop 12345
	assert_has "$err" 'no instance 12345'
}

@test "a cron job fires by itself; instances are found by status and job" {
	worker
	pj-ctl job add tick --cron '* * * * * ?' -- true
	wait_for '[ "$(ctl instance ls --job tick --status succeeded --tsv | wc -l)" -ge 3 ]' 20
	pj-ctl job disable tick
	assert_eq "$(pj-ctl job show tick --json | jget .status)" disabled
	ends 0 pj-ctl instance ls --job tick --limit 2 --json
	assert_eq "$(jq -c '[(.instances | length), .more, (.instances[0].id | type), (.instances[0].nominalMs | type)]' <<<"$output")" \
	    '[2,true,"string","number"]'
	[ "$(jq -r '.instances[0].id' <<<"$output")" -gt "$(jq -r '.instances[1].id' <<<"$output")" ] || fail 'not newest first'
	before=$(jq -r '.instances[0].id' <<<"$output")
	[ "$(pj-ctl instance ls --before "$before" --tsv | cut -f 1 | head -n 1)" = "$(jq -r '.instances[1].id' <<<"$output")" ]
	ends 64 pj-ctl instance ls --status sleeping
	assert_has "$err" sleeping
	ends 0 pj-ctl server check
}

# --- definitions ---

@test "job ls, show, edit, enable, disable, rm; #ID and numbers" {
	pj-ctl job add one --cron '0 0 3 * * ?' --description 'the first' -- true
	pj-ctl job add 2 --disabled -- echo two
	assert_eq "$(pj-ctl job ls --tsv | cut -f 1,2,4)" $'1\tone\tenabled\n2\t2\tdisabled'
	assert_eq "$(pj-ctl job ls --tsv --header | head -n 1 | cut -f 1,2)" $'id\tname'
	assert_eq "$(pj-ctl job ls --json | jq -c '[.jobs[].command]')" '[["true"],["echo","two"]]'
	assert_eq "$(pj-ctl job ls --limit 1 --json | jq -c '[(.jobs | length), .more]')" '[1,true]'
	assert_eq "$(pj-ctl job show '#1' --json | jget .name)" one
	assert_eq "$(pj-ctl job show 1 --json | jget .name)" one
	ends 0 pj-ctl job edit one --retries 4 --name uno
	assert_eq "$output" ''
	assert_eq "$(pj-ctl job show uno --json | jq -c '[.version, .instance_retry_num, .description, .time_expr, .command]')" \
	    '[2,4,"the first","0 0 3 * * ?",["true"]]'
	ends 1 pj-ctl job edit uno --if-version 1 --tag x
	assert_has "$err" 'version 2'
	pj-ctl job edit uno --description '' --manual -- echo new
	assert_eq "$(pj-ctl job show uno --json | jq -c '[.version, .description, .time_type, .command]')" '[3,null,"API",["echo","new"]]'
	ends 1 pj-ctl job add uno -- true
	assert_has "$err" 'uno'
	ends 0 pj-ctl job enable 2
	ends 0 pj-ctl job disable uno 2
	assert_eq "$(pj-ctl job ls --tsv | cut -f 4 | sort -u)" disabled
	ends 66 pj-ctl job rm unoo 2
	assert_has "$err" 'did you mean uno?'
	assert_eq "$(pj-ctl job ls --tsv | cut -f 2)" uno
	ends 66 pj-ctl job run nothing
	assert_eq "$(pj-ctl job show '#2' --json | jget .status)" deleted
}

@test "job next and its zone; --at once; wrong expressions point at what is wrong" {
	pj-ctl job add nightly --cron '0 0 3 * * ?' -- true
	ends 0 pj-ctl job next nightly --from 2026-11-21T00:00:00Z -n 2
	assert_eq "$output" $'2026-11-21T03:00:00Z\n2026-11-22T03:00:00Z'
	ends 0 pj-ctl job next nightly --from @0 -n 1 --json
	assert_eq "$(jq -c .next <<<"$output")" '[10800000]'
	ends 0 pj-ctl job next nightly --from @0 -n 1 --tsv
	assert_eq "$output" 10800000
	pj-ctl job add once --at 2099-01-01T00:00:00 -- true
	assert_eq "$(pj-ctl job show once --json | jget .nextTriggerMs)" 4070908800000
	assert_eq "$(TZ=Asia/Tokyo pj-ctl job add once2 --at 2099-01-01T09:00:00 --json -- true | jget .nextTriggerMs)" 4070908800000
	ends 65 pj-ctl job add bad --cron '0 0 25 * * ?' -- true
	assert_has "$err" 'column 5'
	ends 65 pj-ctl job add bad --field nosuch=1 -- true
	assert_has "$err" 'nosuch'
}

@test "times of a job with a zone of its own are read in it; daily intervals are readable" {
	export TZ=UTC
	at() { pj-ctl job show "$1" --json | jq -r "$2"; }
	pj-ctl job add tokyo --at 2098-12-24T18:00 --start 2098-01-01 --tz Asia/Tokyo -- true
	assert_eq "$(at tokyo .nextTriggerMs)" "$(date -d 2098-12-24T18:00+09:00 +%s)000"
	assert_eq "$(at tokyo .start_ms)" "$(date -d 2098-01-01T00:00+09:00 +%s)000"
	pj-ctl job edit tokyo --at 2098-12-25T18:00
	assert_eq "$(at tokyo .nextTriggerMs)" "$(date -d 2098-12-25T18:00+09:00 +%s)000"
	pj-ctl job edit tokyo --end 2098-12-31
	assert_eq "$(at tokyo .end_ms)" "$(date -d 2098-12-31T00:00+09:00 +%s)000"
	pj-ctl job edit tokyo --tz '' --at 2098-12-25T18:00
	assert_eq "$(at tokyo .nextTriggerMs)" "$(date -d 2098-12-25T18:00Z +%s)000"
	pj-ctl job edit tokyo --tz Europe/Berlin --start '' --end '' --at 2037-10-25T02:30 --fold both
	ends 0 pj-ctl job next tokyo
	assert_eq "$output" $'2037-10-25T02:30:00+02:00\n2037-10-25T02:30:00+01:00'
	ends 0 pj-ctl job next tokyo --from 2037-10-25T02:30 --tsv
	assert_eq "$output" "$(date -d 2037-10-25T02:30+01:00 +%s)000"
	ends 64 pj-ctl job add gap --at 2037-03-29T02:30 --tz Europe/Berlin -- true
	assert_has "$err" "--at: time '2037-03-29T02:30': there is no such time in Europe/Berlin"
	ends 64 pj-ctl job add half --at 2037-03-29T02:30:00.5Z -- true
	assert_has "$err" "--at: time '2037-03-29T02:30:00.5Z': it must be in whole seconds"
	ends 64 env TZ=Europe/Berlin pj-ctl job add gap --at 2037-03-29T02:30 -- true
	assert_has "$err" "--at: time '2037-03-29T02:30': there is no such time"
	TZ=Europe/Berlin pj-ctl job add mine --at 2037-10-25T02:30 --fold last -- true
	assert_eq "$(at mine .time_expr)" '@at 2037-10-25T02:30:00+01:00'
	pj-ctl job add office --daily '{"interval":90,"intervalUnit":"MINUTES","startTimeOfDay":"9:0:0","endTimeOfDay":"17:30:0",
	    "daysOfWeek":[1,2,3,4,6]}' -- true
	pj-ctl job add berlin --cron '0 12 * * *' --tz Europe/Berlin -- true
	ends 0 pj-ctl job ls
	assert_has "$output" 'every 1h30m from 09:00 to 17:30, Mon-Thu,Sat '
	assert_has "$output" ' 0 12 * * * (Europe/Berlin) '
	ends 0 pj-ctl job show office
	assert_has "$output" 'every 1h30m from 09:00 to 17:30, Mon-Thu,Sat'
	assert_eq "$(at office '.time_expr | fromjson | .interval')" 90
}

@test "what this server does not schedule is refused with its reason, or works" {
	for when in '--every 10s' '--delay 10s' '--execute broadcast'; do
		# shellcheck disable=SC2086
		if ! pj-ctl job add x $when -- true >"$BATS_TEST_TMPDIR/out" 2>&1; then
			assert_has "$(cat "$BATS_TEST_TMPDIR/out")" ' yet'
		else
			pj-ctl job rm x
		fi
	done
}

@test "many jobs: pages are joined" {
	for i in {1..12}; do pj-ctl job add "job $i" -- true; done >/dev/null
	db=$SERVER_ROOT/state/server.db
	stop_pid "$SERVER_PID"
	if command -v sqlite3 >/dev/null; then
		sqlite3 "$db" "WITH RECURSIVE n(i) AS (VALUES(100) UNION ALL SELECT i + 1 FROM n WHERE i < 1299)
		    INSERT INTO job(id, app_id, name, status, version, next_trigger_ms, created_ms, modified_ms) SELECT i, 1, 'many ' || i, 2, 1, NULL, 1, 1 FROM n;
		    INSERT INTO job_version(job_id, version, at_ms, name, params, time_type, execute_type, processor_type,
		    processor_info) SELECT id, 1, 1, name, '[\"true\"]', 1, 1, 1, 'exec' FROM job WHERE id >= 100;"
	else
		skip 'sqlite3 is missing'
	fi
	start_server
	assert_eq "$(pj-ctl job ls --tsv | cut -f 1 | sort -nu | wc -l)" 1212
	assert_eq "$(pj-ctl job ls --json | jq '.jobs | length')" 1212
	assert_eq "$(pj-ctl job ls | wc -l)" 1213
	assert_eq "$(pj-ctl job ls --limit 700 --tsv | wc -l)" 700
	ends 66 pj-ctl job show 'mayn 1299'
	assert_has "$err" 'many 1299'
}

# --- apps, --server ---

@test "apps: add, passwd, rm; a password that is made is printed once" {
	ends 0 pj-ctl app add billing
	password=$output
	[ ${#password} -ge 16 ] || fail "$password"
	echo 'my own' >"$BATS_TEST_TMPDIR/pw"
	ends 0 pj-ctl app add shop --new-password-file "$BATS_TEST_TMPDIR/pw"
	assert_eq "$output" ''
	assert_eq "$(pj-ctl app ls --tsv | cut -f 2)" $'default\nbilling\nshop'
	ends 1 pj-ctl app add billing
	ends 66 pj-ctl app passwd nobody
	pj-ctl -a billing job add x -- true
	assert_eq "$(pj-ctl job ls --tsv)" ''
	assert_eq "$(pj-ctl -a billing job ls --tsv | cut -f 2)" x
	ends 1 pj-ctl app rm billing
	assert_has "$err" 'job'
	pj-ctl -a billing job rm x
	ends 0 pj-ctl app rm billing
	ends 66 pj-ctl -a billing job ls
	assert_has "$err" billing
}

@test "--server: the app's token is all it takes, and its limits hold" {
	worker
	password=$(pj-ctl app add billing)
	unset PJ_ROOT
	export PJ_APP_PASSWORD=$password
	far() { pj-ctl --server "http://$SERVER_HTTP" -a billing "$@"; }
	ends 0 far job add x -- true
	ends 0 far job ls --tsv
	assert_eq "$(cut -f 2,3 <<<"$output")" $'x\tbilling'
	ends 77 far app ls
	ends 0 far server status
	id=$(far job run x)
	ends 0 far instance show "$id"
	ctl job add mine -- echo secret
	other=$(ctl job run mine)
	ends 66 far instance show "$other"
	ends 66 far instance log "$other"
	ends 66 far job show mine
	far instance cancel "$id" || far instance stop "$id"
	PJ_APP_PASSWORD=wrong ends 77 far job ls
	assert_has "$err" 'wrong password'
	ends 77 pj-ctl --server "$SERVER_HTTP" -a nobody job ls
	cp "$SERVER_ROOT/etc/default.password" "$BATS_TEST_TMPDIR/pw"
	unset PJ_APP_PASSWORD
	ends 0 pj-ctl --server "$SERVER_HTTP" --password-file "$BATS_TEST_TMPDIR/pw" job run mine --wait
	assert_eq "$output" secret
	new=$(ctl app passwd billing)
	PJ_APP_PASSWORD=$password ends 77 far job ls
	PJ_APP_PASSWORD=$new ends 0 far job ls
}

# --- worker, server ---

@test "worker ls and server status in all forms" {
	worker
	ends 0 pj-ctl worker ls
	assert_has "$output" "$WORKER_LISTEN"
	assert_has "$output" alive
	assert_eq "$(pj-ctl worker ls --json | jq -c '[.workers[] | [.address, .alive, .pj]]')" "[[\"$WORKER_LISTEN\",true,true]]"
	assert_eq "$(pj-ctl worker ls --tsv --header | head -n 1 | cut -f 1)" address
	ends 0 pj-ctl server status
	assert_has "$output" "$SERVER_HTTP"
	assert_eq "$(pj-ctl server status --json | jget .pid)" "$SERVER_PID"
	assert_eq "$(pj-ctl server status --tsv | cut -f 2)" "$SERVER_PID"
}

@test "server backup: of a running server, checked, never over a file" {
	pj-ctl job add x -- true
	id=$(pj-ctl job run x)
	copy=$BATS_TEST_TMPDIR/copy.db
	ends 0 pj-ctl server backup "$copy"
	assert_eq "$output$err" ''
	assert_eq "$(stat -c %a "$copy")" 600
	assert_eq "$(find "$BATS_TEST_TMPDIR" -maxdepth 1 -name 'copy*')" "$copy"
	ends 1 pj-ctl server backup "$copy"
	assert_has "$err" '--force'
	ends 0 pj-ctl server backup "$copy" --force
	ends 0 pj-ctl server check "$copy"
	assert_eq "$output" "$copy: nothing found"
	ends 74 pj-ctl server backup "$BATS_TEST_TMPDIR/no/such/dir"
	# It is a server's database: a server starts on it and has the job and the instance.
	stop_pid "$SERVER_PID"
	SERVER_ROOT=$BATS_TEST_TMPDIR/restored
	mkdir -p "$SERVER_ROOT/state"
	cp "$copy" "$SERVER_ROOT/state/server.db"
	start_server
	assert_eq "$(ctl job ls --tsv | cut -f 2)" x
	assert_eq "$(status_of "$id")" waiting
}

@test "server check finds what should not be" {
	command -v sqlite3 >/dev/null || skip 'sqlite3 is missing'
	pj-ctl job add x -- true
	id=$(pj-ctl job run x --delay 1h)
	stop_pid "$SERVER_PID"
	db=$SERVER_ROOT/state/server.db
	ends 0 pj-ctl server check
	cp "$db" "$BATS_TEST_TMPDIR/good.db"
	broken() { # broken SQL RULE TEXT
		rm -f "$db"-wal "$db"-shm
		cp "$BATS_TEST_TMPDIR/good.db" "$db"
		sqlite3 "$db" "$1"
		ends 1 pj-ctl server check
		assert_has "$output" "$2: "
		assert_has "$output" "$3"
		ends 1 pj-ctl server check --json
		assert_eq "$(jq -r '[.findings[].rule] | unique[]' <<<"$output" | grep -cx "$2")" 1
		ends 1 pj-ctl server check --tsv
		assert_has "$(cut -f 1 <<<"$output")" "$2"
	}
	again='CREATE TEMP TABLE copy AS SELECT * FROM instance; UPDATE copy SET id = id + 1; INSERT INTO instance SELECT * FROM copy'
	broken "DROP INDEX instance_nominal; UPDATE instance SET nominal_ms = 1000; $again" instance-twice "$id"
	broken 'UPDATE instance SET status = 3, attempt = 1' instance-attempt "$id"
	broken 'UPDATE instance SET status = 6' instance-state 'status 6'
	broken 'UPDATE instance SET status = 5' instance-finished 'without an end'
	broken 'UPDATE instance SET job_version = 8' instance-version 'version 8'
	broken "INSERT INTO attempt(instance_id, attempt, worker, is_pj, state, opened_ms) VALUES (7, 1, 'w', 1, 1, 1)" attempt-instance 7
	broken "INSERT INTO attempt(instance_id, attempt, worker, is_pj, state, opened_ms) VALUES ($id, 5, 'w', 1, 1, 1)" attempt-number 5
	broken "INSERT INTO attempt(instance_id, attempt, worker, is_pj, state, opened_ms) VALUES ($id, 0, 'w', 1, 8, 1)" attempt-state 8
	broken 'UPDATE job SET status = 3' job-state 'status 3'
	broken 'UPDATE job SET version = 2' job-version '#1'
	broken 'UPDATE job SET app_id = 9' job-app 9
	broken "INSERT INTO skipped VALUES (1, 1, 1, 5000, 1000, 2, 'missed', 1)" skipped-range 5000
	broken "UPDATE instance SET nominal_ms = 2000; INSERT INTO skipped VALUES (1, 1, 1, 1000, 3000, 3, 'missed', 1)" \
	    skipped-ran '1970-01-01T00:00:02Z'
	rm -f "$db"-wal "$db"-shm
	cp "$BATS_TEST_TMPDIR/good.db" "$db"
	dd if=/dev/zero of="$db" bs=4096 seek=3 count=2 conv=notrunc status=none
	code=0
	pj-ctl server check >/dev/null 2>&1 || code=$?
	[ "$code" = 1 ] || [ "$code" = 74 ] || fail "exit $code"
}

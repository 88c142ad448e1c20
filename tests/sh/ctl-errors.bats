#!/usr/bin/env bats
# pj-ctl by itself: usage, help, output, and servers that are not there or answer nonsense (tests/sh/canned.c).
load helpers

setup() {
	CAN=$BATS_TEST_TMPDIR/can
	R=$BATS_TEST_TMPDIR/root
	mkdir -p "$CAN" "$R/run" "$R/state"
	unset PJ_APP_PASSWORD NO_COLOR
}

teardown() {
	stop_all
}

c() {
	pj-ctl -r "$R" "$@"
}

# A server at the root's socket that answers from $CAN.
canned() {
	rm -f "$CAN/ready" "$R/run/server.sock"
	start_daemon "$BATS_TEST_TMPDIR/canned.log" "$BUILD/tests/sh/canned" "${1:-$R/run/server.sock}" "$CAN"
	CANNED_PID=$DAEMON_PID
	wait_for '[ -e "$CAN/ready" ]' 5
}

say() { # say NAME STATUS BODY [HEADER...]
	local name=$1 status=$2 body=$3
	shift 3
	{
		printf '%s\n' "$status" "$@"
		printf '\n%s' "$body"
	} >"$CAN/$name"
}

ends() { # ends CODE COMMAND...: stdout in $output, stderr in $err
	local wanted=$1 code=0
	shift
	output=$("$@" 2>"$BATS_TEST_TMPDIR/err") || code=$?
	err=$(cat "$BATS_TEST_TMPDIR/err")
	[ "$code" = "$wanted" ] || fail "exit $code, wanted $wanted: $* : $output$err"
}

# --- usage ---

@test "every level has its help, on standard output" {
	ends 0 pj-ctl --help
	assert_has "$output" 'usage: pj-ctl'
	assert_eq "$err" ''
	for noun in app job instance worker server time; do
		assert_has "$(pj-ctl --help)" "  $noun "
		ends 0 pj-ctl "$noun" --help
		assert_has "$output" "usage: pj-ctl $noun VERB"
		sed -n 's|^  \([a-z][a-z]*\)  .*|\1|p' <<<"$output" >"$BATS_TEST_TMPDIR/verbs"
		while read -r verb; do
			ends 0 pj-ctl "$noun" "$verb" --help
			assert_has "$output" "usage: pj-ctl $noun $verb"
		done <"$BATS_TEST_TMPDIR/verbs"
	done
	ends 0 pj-ctl --version
	[[ $output =~ ^pj-ctl\ [0-9]+\.[0-9]+\.[0-9]+$ ]] || fail "$output"
	ends 0 pj-ctl job add --version
	[[ $output =~ ^pj-ctl\ [0-9]+\.[0-9]+\.[0-9]+$ ]] || fail "$output"
}

@test "usage errors are 64, name what is wrong and where the help is" {
	ends 64 pj-ctl
	assert_has "$err" 'a noun is missing: app, job, instance, worker, server, time, simulate, verify or why'
	ends 64 pj-ctl jbo ls
	assert_has "$err" 'jbo'
	assert_has "$err" 'perhaps job?'
	ends 64 pj-ctl job
	assert_has "$err" 'a verb is missing'
	ends 64 pj-ctl job shwo x
	assert_has "$err" 'perhaps show?'
	ends 64 c job show
	assert_has "$err" 'an operand is missing: show JOB; see pj-ctl job show --help'
	ends 64 c job show a b
	assert_has "$err" "\`b' is too much"
	ends 64 c job ls --frobnicate
	assert_has "$err" 'unknown option --frobnicate'
	ends 64 c job ls --limit
	assert_has "$err" 'needs a value'
	ends 64 c job ls --limit 0
	assert_has "$err" 'not between'
	ends 64 c job add x echo hi
	assert_has "$err" 'the command goes behind --'
	ends 64 c job add x
	assert_has "$err" 'what runs is missing'
	ends 64 c job add x --
	assert_has "$err" 'no command stands behind --'
	ends 64 c job add x --cron '@daily' --every 5s -- true
	assert_has "$err" '--cron and --every both say when'
	ends 64 c job add x --shell true -- true
	assert_has "$err" '--shell and a command both say what runs'
	ends 64 c job add x --params y -- true
	assert_has "$err" '--params belongs to --processor'
	ends 64 c job add x --on-lost maybe -- true
	assert_has "$err" 'none of rerun, fail, hold'
	ends 64 c job add x --retries -1 -- true
	ends 64 c job add x --time-limit soon -- true
	assert_has "$err" 'is no duration'
	ends 64 c job add x --at yesterday -- true
	assert_has "$err" '--at'
	ends 64 c job add x --field nonsense -- true
	assert_has "$err" 'NAME=VALUE'
	ends 64 c job edit x
	assert_has "$err" 'nothing to change'
	ends 64 c job run x --timeout 5s
	assert_has "$err" 'go with --wait'
	ends 64 c instance log
	assert_has "$err" 'name one instance'
	ends 64 c instance log 5 --job x
	ends 64 pj-ctl -a '' job ls
	assert_has "$err" "an app's name"
}

@test "what is no UTF-8 is refused, not changed" {
	canned
	ends 65 c job add x -- echo $'caf\xe9'
	assert_has "$err" 'is not UTF-8'
	ends 65 c job run $'caf\xe9'
	[ ! -e "$CAN/log" ] || fail "it was sent: $(cat "$CAN/log")"
}

# --- no server ---

@test "no server: says where it looked and how to start one" {
	ends 69 c job ls
	assert_eq "$err" "pj-ctl: no server answers at $R/run/server.sock: start one with pj-serverd -r $R"
	ends 69 pj-ctl -r "$R/nowhere" job ls
	assert_has "$err" "there is no directory $R/nowhere"
	PJ_ROOT=$R ends 69 pj-ctl job ls
	assert_has "$err" "$R/run/server.sock"
	: >"$R/run/server.sock"
	ends 69 c job ls
	assert_has "$err" 'no server answers'
}

@test "a root too deep for a socket is a clear error" {
	deep=$R/$(printf 'x%.0s' {1..120})
	mkdir -p "$deep"
	ends 78 pj-ctl -r "$deep" job ls
	assert_has "$err" 'too long for a socket'
}

@test "a socket of somebody else" {
	[ "$(id -u)" = 0 ] || skip 'needs root, to become somebody else'
	command -v setpriv >/dev/null || skip 'setpriv is missing'
	canned
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR" "$R" "$R/run"
	chmod 600 "$R/run/server.sock"
	cp "$BUILD/bin/pj-ctl" "$BATS_TEST_TMPDIR/pj-ctl"
	ends 77 setpriv --reuid 65534 --clear-groups "$BATS_TEST_TMPDIR/pj-ctl" -r "$R" job ls
	assert_has "$err" "$R/run/server.sock belongs to uid 0"
}

@test "a broken configuration is named" {
	mkdir -p "$R/etc"
	echo 'server.htp = 1' >"$R/etc/pj.ini"
	ends 78 c job ls
	assert_has "$err" "$R/etc/pj.ini"
}

# --- servers that answer wrongly ---

@test "errors of the server keep their message and get its exit code" {
	canned
	say GET_pj_1_job_show 404 '{"error":{"code":"notfound","message":"no job named x in app default"}}'
	ends 66 c job show x
	assert_eq "$err" 'pj-ctl: no job named x in app default'
	say GET_pj_1_job_show 409 '{"error":{"code":"conflict","message":"taken"}}'
	ends 1 c job show x
	say GET_pj_1_job_show 503 '{"error":{"code":"busy","message":"later"}}'
	ends 75 c job show x
	say GET_pj_1_job_show 413 '{"error":{"code":"toobig","message":"big"}}'
	ends 65 c job show x
}

@test "an unknown job: names like it are offered" {
	canned
	say GET_pj_1_job_show 404 '{"error":{"code":"notfound","message":"no job named repotr in app default"}}'
	say GET_pj_1_job_ls.1 200 '{"jobs":[{"id":1,"name":"tidy"},{"id":2,"name":"report"}],"more":true}'
	say GET_pj_1_job_ls.2 200 '{"jobs":[{"id":9,"name":"Report2"}],"more":false}'
	ends 66 c job show repotr
	assert_eq "$err" 'pj-ctl: no job named repotr in app default; did you mean report or Report2?'
	assert_has "$(cat "$CAN/log")" 'after=2'
}

@test "what is no pj-serverd is said to be none" {
	canned
	for body in '' '<html>' '[1]' '{"a":' '{"a":1,"a":2}' '"x"'; do
		say GET_pj_1_job_show 200 "$body"
		ends 76 c job show x
		assert_has "$err" 'no JSON'
	done
	say GET_pj_1_job_show 404 '<html>nothing</html>'
	ends 76 c job show x
	assert_has "$err" 'HTTP 404'
	say GET_pj_1_job_show 302 '' 'Location: /elsewhere'
	ends 76 c job show x
	echo close >"$CAN/GET_pj_1_job_show"
	ends 124 c job show x
	assert_has "$err" 'no answer'
	say GET_pj_1_job_show half '{"id":1,"name":"x"}'
	ends 124 c job show x
}

@test "a change without an answer may have been done: it says so, and is not repeated" {
	canned
	echo close >"$CAN/POST_pj_1_job_run"
	ends 124 c job run x
	assert_has "$err" 'it may have been done'
	assert_eq "$(grep -c '^POST' "$CAN/log")" 1
}

@test "an answer of another shape does no harm" {
	canned
	say GET_pj_1_job_ls 200 '{"jobs":[{"id":"x","name":5,"command":["a",null,{}],"time_type":[]},7,null],"more":"?"}'
	for form in --json --tsv ''; do
		c job ls $form >/dev/null 2>&1 || true
	done
	say GET_pj_1_job_ls 200 '{"jobs":{"a":1}}'
	ends 0 c job ls
	say POST_pj_1_job_run 200 '{}'
	ends 76 c job run x
	assert_has "$err" 'names no instance'
	say GET_pj_1_instance_log 200 'text'
	ends 76 c instance log 5
	assert_has "$err" 'X-PJ-Log-Next'
	say GET_pj_1_instance_log 200 'text' 'X-PJ-Log-Next: -3'
	ends 76 c instance log 5
}

# --- output ---

@test "tables are aligned, TSV is escaped, JSON is the server's" {
	canned
	local one='{"id":1,"name":"a\tb\\c","app":"default","status":"enabled","version":3,"nextTriggerMs":1795255200000,"time_type":"CRON","time_expr":"0 0 * * * ?","command":["echo","it'\''s","日本"],"createdMs":1795255200000}'
	local two='{"id":22,"name":"日本語","status":"disabled","nextTriggerMs":null,"time_type":"FIXED_RATE","time_expr":"5000","processor_type":"BUILT_IN","processor_info":"shell","params":"echo \u001b[31m\nexit"}'
	say GET_pj_1_job_ls 200 "{\"jobs\":[$one,$two],\"more\":false}"
	ends 0 c job ls
	# shellcheck disable=SC1003
	assert_eq "$output" 'ID  NAME    STATUS    WHEN         NEXT RUN             COMMAND
 1  a\tb\c  enabled   0 0 * * * ?  2026-11-21 10:00:00  echo '\''it'\''\'\'''\''s'\'' '\''日本'\''
22  日本語  disabled  every 5s     -                    shell: echo \x1b[31m\nexit'
	ends 0 c job ls --tsv --header
	assert_eq "$(head -n 1 <<<"$output" | cut -f 1-4)" $'id\tname\tapp\tstatus'
	assert_eq "$(sed -n 2p <<<"$output" | cut -f 2)" 'a\tb\\c'
	assert_eq "$(awk -F '\t' '{ print NF }' <<<"$output" | sort -u | wc -l)" 1
	ends 0 c job ls --json
	assert_eq "$(jq -c '.jobs' <<<"$output")" "$(jq -c . <<<"[$one,$two]")"
	assert_eq "$(jq -c .more <<<"$output")" false
	TZ=America/New_York ends 0 c job ls
	assert_has "$output" '2026-11-21 05:00:00'
}

@test "no colours without a terminal; with one unless NO_COLOR" {
	command -v script >/dev/null || skip 'script is missing'
	canned
	say GET_pj_1_job_ls 200 '{"jobs":[{"id":1,"name":"a","status":"enabled"}],"more":false}'
	ends 0 c job ls
	[[ $output != *$'\033'* ]] || fail 'coloured'
	run script -qec "TERM=xterm pj-ctl -r '$R' job ls" /dev/null
	assert_has "$output" $'\033[32menabled\033[0m'
	run script -qec "TERM=xterm NO_COLOR=1 pj-ctl -r '$R' job ls" /dev/null
	[[ $output != *$'\033['3* ]] || fail 'coloured'
}

@test "long cells are cut in lists and whole in TSV" {
	canned
	long=$(printf 'é%.0s' {1..300})
	say GET_pj_1_job_ls 200 "{\"jobs\":[{\"id\":1,\"name\":\"$long\"}],\"more\":false}"
	ends 0 c job ls
	[[ $output != *"$long"* && $output == *…* ]] || fail "not cut: $output"
	ends 0 c job ls --tsv
	assert_has "$output" "$long"
}

@test "output that cannot be written is no success" {
	canned
	say GET_pj_1_job_ls 200 '{"jobs":[{"id":1,"name":"a"}],"more":false}'
	ends 74 sh -c 'pj-ctl -r "$1" job ls >/dev/full' sh "$R"
	ends 74 sh -c 'pj-ctl time next @daily >/dev/full' sh
	ends 74 sh -c 'pj-ctl --help >/dev/full' sh
}

@test "what is sent: options become members, and nothing else" {
	canned
	say POST_pj_1_job_add 200 '{"id":7,"name":"n"}'
	ends 0 c job add 'my job' --at '2026-11-21T10:00:00+01:00' --retries 3 --retry-delay 1m --time-limit 1h \
	    --max-instances 1 --on-lost fail --tag t --description d --workers a,b --start @5 --min-cpu 0.5 --disabled \
	    --tz Europe/Berlin --gap run-after --fold both --misfire all --misfire-window 1h --misfire-max 5 \
	    --misfire-rate 6 --overlap queue --deadline 10m --jitter 30s --field 'log_config={"type":1}' -- prog '' 'a b' "it's" '日本'
	assert_eq "$output" '#7'
	assert_eq "$(tail -n 1 "$CAN/log" | jq -cS .)" "$(jq -cS . <<-'JSON'
		{"app":"default","name":"my job","enable":false,"time_type":"CRON","time_expr":"@at 2026-11-21T10:00:00+01:00",
		"instance_retry_num":3,"retry_delay_ms":60000,"time_limit_ms":3600000,"max_instance_num":1,"on_lost":"fail",
		"tag":"t","description":"d","designated_workers":"a,b","start_ms":5000,"min_cpu_cores":0.5,
		"tz":"Europe/Berlin","gap":"run-after","fold":"both","misfire":"all","misfire_window_ms":3600000,
		"misfire_max":5,"misfire_rate":6,"overlap":"queue","deadline_ms":600000,"jitter_ms":30000,
		"log_config":{"type":1},"command":["prog","","a b","it's","日本"]}
	JSON
	)"
	ends 0 c -a billing job add x --every 90s --shell - <<<'echo one
echo two'
	assert_eq "$(tail -n 1 "$CAN/log" | jq -cS 'del(.name)')" \
	    '{"app":"billing","params":"echo one\necho two\n","processor_info":"shell","processor_type":"BUILT_IN","time_expr":"90000","time_type":"FIXED_RATE"}'
	ends 0 c job add x --delay 2h --processor p --params v
	assert_eq "$(tail -n 1 "$CAN/log" | jq -r '.time_type + .time_expr + .processor_info + .params')" FIXED_DELAY2hpv
}

@test "edit sends the version that it has read, and null for what is taken away" {
	canned
	say GET_pj_1_job_show 200 '{"id":7,"name":"n","version":4,"command":["a"]}'
	say POST_pj_1_job_edit 200 '{"id":7,"name":"n","version":5}'
	ends 0 c job edit n --tag '' --retries 2 --name m --manual
	assert_eq "$output" ''
	assert_eq "$(tail -n 1 "$CAN/log" | jq -cS .)" \
	    '{"app":"default","instance_retry_num":2,"job":"n","name":"m","tag":null,"time_expr":null,"time_type":"API","version":4}'
	ends 0 c job edit n --if-version 3 --tag x
	assert_eq "$(tail -n 1 "$CAN/log" | jq -c .version)" 3
	ends 64 c job edit n --params x
	assert_has "$err" 'runs a command'
}

# --- waiting ---

@test "waiting goes on at the offset when the server comes back" {
	canned
	say POST_pj_1_job_run 200 '{"instance":"77"}'
	say GET_pj_1_instance_log.1 200 $'2026-11-21 10:00:00.000 [127.0.0.1:27777] INFO one\n2026-11-21 10:00:00.001 [127.0.0.1:27777] INFO tw' 'X-PJ-Log-Next: 75'
	echo close >"$CAN/GET_pj_1_instance_log.2"
	say GET_pj_1_instance_log 200 '' 'X-PJ-Log-Next: 75' # however often it is asked before the server goes
	say GET_pj_1_instance_wait 200 '{"id":"77","status":"running"}'
	c job run n --wait >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	local pid=$!
	wait_for 'grep -q one "$BATS_TEST_TMPDIR/out"' 5
	kill_pid "$CANNED_PID"
	wait_for 'grep -q "waiting for it" "$BATS_TEST_TMPDIR/err"' 5
	rm -f "$CAN"/*.[0-9]
	say GET_pj_1_instance_log 200 $'o\n' 'X-PJ-Log-Next: 77' 'X-PJ-Log-End: 1'
	say GET_pj_1_instance_wait 200 '{"id":"77","status":"failed","exitCode":9,"signal":null,"result":"two"}'
	: >"$CAN/log"
	canned
	local code=0
	wait "$pid" || code=$?
	assert_eq "$code" 9
	assert_eq "$(cat "$BATS_TEST_TMPDIR/out")" $'one\ntwo'
	assert_has "$(cat "$CAN/log")" 'offset=75'
	assert_has "$(cat "$BATS_TEST_TMPDIR/err")" 'instance 77 failed, exit code 9: two'
}

@test "a server that says nothing: a word after a while, once, not about one that may wait" {
	canned
	say GET_pj_1_server_status hang ''
	timeout 6 "$BUILD/bin/pj-ctl" -r "$R" server status >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- || true
	assert_eq "$(cat "$BATS_TEST_TMPDIR/err")" "pj-ctl: no answer yet from $R/run/server.sock; it is waited for, 30 s at most"
	say GET_pj_1_instance_wait hang ''
	timeout 6 "$BUILD/bin/pj-ctl" -r "$R" instance wait 7 2>"$BATS_TEST_TMPDIR/err" 3>&- || true
	assert_eq "$(cat "$BATS_TEST_TMPDIR/err")" ''
}

@test "a finished instance whose log never ends is left after a while" {
	canned
	say GET_pj_1_instance_log 200 '' 'X-PJ-Log-Next: 0'
	say GET_pj_1_instance_wait 200 '{"id":"77","status":"succeeded"}'
	ends 0 timeout 60 "$BUILD/bin/pj-ctl" -r "$R" instance log -f 77
	assert_has "$err" 'the end of its log has not arrived'
}

@test "an instance that no worker takes: it is said once, and not of one that is not due" {
	canned
	say GET_pj_1_instance_log 200 '' 'X-PJ-Log-Next: 0'
	say GET_pj_1_instance_wait 200 '{"id":"77","status":"waiting","expectedMs":4070908800000}'
	ends 124 c instance log -f 77 --timeout 300ms
	[[ $err != *worker* ]] || fail "$err"
	say GET_pj_1_instance_wait 200 '{"id":"77","status":"waiting","expectedMs":1000}'
	ends 124 c instance log -f 77 --timeout 300ms
	assert_eq "$(grep -c 'waits for a worker' <<<"$err")" 1
}

@test "exit codes of waiting: the job's, 128 + signal, 1, 124" {
	canned
	say GET_pj_1_instance_wait 200 '{"id":"7","status":"succeeded","exitCode":0}'
	ends 0 c instance wait 7
	say GET_pj_1_instance_wait 200 '{"id":"7","status":"failed","exitCode":42}'
	ends 42 c instance wait 7
	say GET_pj_1_instance_wait 200 '{"id":"7","status":"failed","exitCode":null,"signal":9}'
	ends 137 c instance wait 7
	assert_has "$err" 'signal 9'
	say GET_pj_1_instance_wait 200 '{"id":"7","status":"stopped","exitCode":null,"signal":null}'
	ends 1 c instance wait 7
	say GET_pj_1_instance_wait 200 '{"id":"7","status":"running"}'
	ends 124 c instance wait 7 --timeout 300ms
	assert_has "$err" 'it goes on'
	say GET_pj_1_instance_wait hang ''
	ends 124 timeout 20 "$BUILD/bin/pj-ctl" -r "$R" instance wait 7 --timeout 300ms
}

@test "long lines that were cut are whole again; a backslash at the end of a short one stays" {
	canned
	piece=$(printf 'x%.0s' {1..65536})
	say GET_pj_1_instance_log 200 "2026-11-21 10:00:00.000 [127.0.0.1:27777] INFO $piece \\
2026-11-21 10:00:00.000 [127.0.0.1:27777] INFO yyy
2026-11-21 10:00:00.000 [127.0.0.1:27777] WARN short \\
no stamp" 'X-PJ-Log-Next: 65700' 'X-PJ-Log-End: 1'
	ends 0 c instance log 7
	assert_eq "$(md5sum <<<"$output")" "$(md5sum <<<"${piece}yyy
short \\
no stamp")"
	ends 0 c instance log -t 7
	# shellcheck disable=SC1003
	assert_has "$output" '2026-11-21 10:00:00.000 [127.0.0.1:27777] WARN short \'
}

# --- over HTTP ---

@test "--server: no password, no such host, no pj there, wrong password" {
	ends 64 pj-ctl --server http://127.0.0.1:9 job ls
	assert_has "$err" 'PJ_APP_PASSWORD'
	export PJ_APP_PASSWORD=x
	ends 69 pj-ctl --server http://127.0.0.1:9 job ls
	assert_has "$err" 'no server answers at http://127.0.0.1:9'
	ends 64 pj-ctl --server ftp://127.0.0.1:9 job ls
	ends 64 pj-ctl --server https://127.0.0.1:9 job ls
	assert_has "$err" 'no TLS'
	ends 64 pj-ctl --server http:///x job ls
	local port
	port=$(free_port)
	canned "$port"
	ends 76 pj-ctl --server "127.0.0.1:$port" job ls
	assert_has "$err" 'no token'
	say POST_openApi_authApp 200 '{"success":false,"data":null,"message":"INCORRECT_PASSWORD","code":"-400"}'
	ends 77 pj-ctl --server "http://127.0.0.1:$port/" -a billing job ls
	assert_has "$err" 'wrong password for app billing'
	say POST_openApi_authApp 404 '{"success":false,"message":"no such path: /openApi/authApp"}' # pj-workerd's
	ends 76 pj-ctl --server "127.0.0.1:$port" job ls
	assert_has "$err" 'HTTP 404 and no token'
	say POST_openApi_authApp 200 '{"success":false,"message":"INVALID_APP:billing","code":"-402"}'
	ends 77 pj-ctl --server "http://127.0.0.1:$port/" -a billing job ls
	assert_has "$err" 'has no app billing'
	ends 66 pj-ctl --server "127.0.0.1:$port" --password-file "$R/none" job ls
	: >"$R/empty"
	ends 64 pj-ctl --server "127.0.0.1:$port" --password-file "$R/empty" job ls
	ends 64 pj-ctl --server "127.0.0.1:$port" server check
	assert_has "$err" 'without --server'
}

@test "--server: the token is sent, and asked for again when it has ended" {
	local port
	port=$(free_port)
	canned "$port"
	say POST_openApi_authApp 200 '{"success":true,"data":{"appId":5,"token":"abc"}}'
	say GET_pj_1_job_ls.1 401 '{"error":{"code":"auth","message":"ended"}}'
	say GET_pj_1_job_ls.2 200 '{"jobs":[{"id":1,"name":"a"}],"more":false}'
	echo secret >"$R/pw"
	ends 0 pj-ctl --server "127.0.0.1:$port" --password-file - job ls --tsv <"$R/pw"
	assert_eq "$(cut -f 2 <<<"$output")" a
	assert_eq "$(grep -c authApp "$CAN/log")" 2
	assert_has "$(cat "$CAN/log")" "$(printf secret | md5sum | cut -d' ' -f1)"
	[[ $(cat "$CAN/log") != *secret* ]] || fail 'the password itself was sent'
}

# --- time, backup, check, completion: no server at all ---

@test "time next" {
	ends 0 pj-ctl time next '0 30 2 * * ?' --tz America/New_York --from 2026-03-07T23:00:00 -n 2
	assert_eq "$output" $'2026-03-09T02:30:00-04:00\n2026-03-10T02:30:00-04:00'
	ends 0 pj-ctl time next '0 0 * * *' --tz UTC --from @0 -n 1 --epoch
	assert_eq "$output" 86400
	ends 0 pj-ctl time next '0 0 * * *' --tz UTC --from @0 -n 2 --json
	assert_eq "$(jq -c .next <<<"$output")" '[86400000,172800000]'
	ends 0 pj-ctl time next '0 0 * * *' --tz UTC --from @0 -n 1 --tsv --header
	assert_eq "$output" $'atMs\n86400000'
	ends 0 pj-ctl time next '30 2 * * *' --tz Europe/Berlin --gap run-after --from 2026-03-28T12:00 -n 1
	assert_eq "$output" 2026-03-29T03:00:00+02:00
	ends 0 pj-ctl time next '30 2 * * *' --tz Europe/Berlin --gap shift --from 2026-03-28T12:00 -n 1
	assert_eq "$output" 2026-03-29T03:30:00+02:00
	ends 0 pj-ctl time next '30 2 * * *' --tz Europe/Berlin --fold last --from 2026-10-24T12:00 -n 1
	assert_eq "$output" 2026-10-25T02:30:00+01:00
	ends 0 pj-ctl time next '30 2 * * *' --tz Europe/Berlin --fold both --from @1761306000 -n 400 --epoch
	assert_eq "$(sed -n '1,3p' <<<"$output")" $'1761352200\n1761438600\n1761442200'
	ends 0 pj-ctl time next '30 2 * * *' --tz Europe/Berlin --fold both --from 2026-10-01 --audit
	assert_has "$output" '02:30:00 happens at 2026-10-25T02:30:00+02:00 and at 2026-10-25T02:30:00+01:00 (fold=both)'
	assert_has "$output" '02:30:00 does not happen (gap=skip)'
	ends 0 pj-ctl time next '30 1 * * * || */20 * * * *' --tz Australia/Lord_Howe --from 2026-11-21 --audit --tsv --header
	assert_eq "$(sed -n '1,3p' <<<"$output")" "$(printf '%s\n' $'atMs\tkind\tpolicy\tlocal\trunsMs' \
	    $'1806764400000\tfold\tfirst\t2027-04-04T01:30:00\t1806762600000' $'1806764400000\tfold\treal-time\t\t1806763200000,1806765000000')"
	ends 0 pj-ctl time next '0 0 * * *' --tz America/Havana --gap shift --from 2026-11-21 --audit --json
	assert_eq "$(jq -c '.transitions[0] | [.kind, .localFrom, .times[0].runs]' <<<"$output")" \
	    '["gap","2027-03-14T00:00:00",["2027-03-14T01:00:00-04:00"]]'
	ends 0 pj-ctl time next @daily --tz Asia/Tokyo --from 2026-11-21 --audit
	assert_eq "$output" 'Asia/Tokyo, 2026-11-21 to 2028-11-22: no change of the clock in this time touches it'
	ends 0 pj-ctl time next @daily --tz UTC --from 9999-06-01 --audit
	assert_eq "$output" 'UTC, 9999-06-01 to @253447056000: no change of the clock in this time touches it'
	ends 64 pj-ctl time next @daily --gap jump
	assert_has "$err" 'none of skip, run-after, shift'
	ends 64 pj-ctl time next @daily --fold none
	ends 1 pj-ctl time next '0 0 0 1 1 ? 2020'
	ends 65 pj-ctl time next '61 * * * *'
	assert_has "$err" 'column 1'
	ends 66 pj-ctl time next @daily --tz Mars/Base
	ends 64 pj-ctl time next @daily --from whenever
}

@test "time next: what job add takes" {
	ends 0 pj-ctl time next --every 90s --from 2026-01-01T00:00:00Z -n 2 --tz UTC
	assert_eq "$output" $'2026-01-01T00:01:30Z\n2026-01-01T00:03:00Z'
	ends 0 pj-ctl time next --every 1d --from 2026-03-28T12:00 --start 2026-03-29T12:00 --end 2026-03-30T12:00 --tz Europe/Berlin
	assert_eq "$output" $'2026-03-29T12:00:00+02:00\n2026-03-30T12:00:00+02:00'
	ends 0 pj-ctl time next --every 1500ms --from @0 --epoch -n 2
	assert_eq "$output" $'1.500\n3'
	ends 0 pj-ctl time next --delay 5m --from @0 --epoch
	assert_eq "$output" 300
	assert_has "$err" 'the end of that run'
	ends 0 pj-ctl time next --at 2026-10-25T02:30 --fold both --tz Europe/Berlin --from 2026-10-01 --json
	assert_eq "$(jq -c . <<<"$output")" '{"next":[1792888200000,1792891800000],"zone":"Europe/Berlin"}'
	ends 0 pj-ctl time next --daily '{"interval":8,"intervalUnit":"HOURS","startTimeOfDay":"6:0:0","endTimeOfDay":"18:0:0"}' \
	    --tz UTC --from 2026-01-01T05:00 -n 3
	assert_eq "$output" $'2026-01-01T13:00:00Z\n2026-01-02T06:00:00Z\n2026-01-02T14:00:00Z'
	ends 0 pj-ctl time next --cron @daily --tz UTC --from @0 -n 1 --epoch --gap SKIP
	assert_eq "$output" 86400
	ends 0 pj-ctl time next --every 5m --audit
	assert_has "$output" 'a rate counts real time'
	ends 0 pj-ctl time next 'H 3 * * THU' -n 1
	assert_has "$err" 'give it with --name'
	ends 0 pj-ctl time next 'H 3 * * THU' -n 1 --name nightly
	assert_eq "$err" ''
	ends 0 pj-ctl time next '0 3 * * THU' -n 1
	assert_eq "$err" ''
	ends 1 pj-ctl time next --every 5m --end 2020-01-01
	ends 64 pj-ctl time next --every 5m --start 2027-01-02 --end 2027-01-01
	ends 64 pj-ctl time next
	assert_has "$err" 'says when is missing'
	ends 64 pj-ctl time next 0 3 '*' '*' '*'
	assert_has "$err" "\`3' is too much: an expression with blanks goes in quotes"
	ends 64 pj-ctl time next @daily --every 5m
	assert_has "$err" 'both say when'
	ends 64 pj-ctl time next --at 2026-03-29T02:30 --tz Europe/Berlin
	assert_has "$err" "--at: time '2026-03-29T02:30': there is no such time in Europe/Berlin"
	ends 64 pj-ctl time next --every 5x
	ends 65 pj-ctl time next --every 400d
}

@test "a local zone that cannot be read is no UTC where times are read in it" {
	export TZ=Mars/Base
	ends 66 pj-ctl time next @daily
	assert_has "$err" 'environment variable TZ'
	ends 66 pj-ctl simulate --from 2026-01-01 --to 2026-01-02
	ends 0 pj-ctl time next @daily --tz UTC
}

@test "server check and backup without a server or database" {
	ends 66 c server check
	assert_has "$err" "$R/state/server.db"
	echo 'no database at all, just text' >"$R/state/server.db"
	ends 74 c server check
	ends 74 c server backup "$R/copy"
	[ ! -e "$R/copy" ] && [ -z "$(find "$R" -name 'copy*')" ] || fail 'a copy was left'
}

@test "completion offers nouns, verbs, options and names" {
	canned
	say GET_pj_1_job_ls 200 '{"jobs":[{"id":1,"name":"report"},{"id":2,"name":"re port"},{"id":3,"name":"tidy"}]}'
	assert_eq "$(pj-ctl __complete in)" instance
	assert_eq "$(pj-ctl __complete job en)" enable
	assert_eq "$(pj-ctl __complete job add x --time)" --time-limit
	assert_eq "$(pj-ctl __complete -r "$R" job show re)" $'report\nre port'
	assert_eq "$(pj-ctl __complete -r "$R" instance log --job ti)" tidy
	assert_eq "$(pj-ctl __complete -r "$R/none" job show '' 2>&1)" ''
	run bash -c '. "$TOP/etc/pj-ctl.bash"; COMP_WORDS=(pj-ctl -r "$0" job show re) COMP_CWORD=5; _pj_ctl; printf "%s\n" "${COMPREPLY[@]}"' "$R"
	assert_eq "$output" $'report\nre\\ port'
}

#!/usr/bin/env bats
# pj-serverd alone: start, stop, first files, bad starts, crashes, a full disk, pj's own routes.

load helpers
load serverd_lib

setup() {
	SERVER_ROOT=$BATS_TEST_TMPDIR/server
}

teardown() {
	stop_all
}

@test "the first start makes directories, key, app and password, all for the owner only" {
	start_server
	assert_eq "$(stat -c %a "$SERVER_ROOT/etc" "$SERVER_ROOT/state" "$SERVER_ROOT/run" | sort -u)" 700
	assert_eq "$(stat -c %a "$SERVER_ROOT/etc/default.password" "$SERVER_ROOT/etc/peer.key" "$SERVER_ROOT/run/server.sock" \
	    "$SERVER_ROOT/state/server.db" | sort -u)" 600
	assert_eq "$(wc -c <"$SERVER_ROOT/etc/default.password")" 33
	login
	assert_eq "$APP_ID" 1
}

@test "the second start keeps app, password and tokens" {
	start_server
	login
	before=$(cat "$SERVER_ROOT/etc/default.password")
	stop_pid "$SERVER_PID"
	start_server
	assert_eq "$(cat "$SERVER_ROOT/etc/default.password")" "$before"
	assert_eq "$(openapi fetchAllJob -d "appId=1" | jget .success)" true
}

@test "a start that was cut short between password file and app takes the password of the file" {
	mkdir -p "$SERVER_ROOT/etc"
	echo secret >"$SERVER_ROOT/etc/default.password"
	start_server
	login default secret
	assert_eq "$APP_ID" 1
}

@test "run/server.addr is there while it runs and gone after SIGTERM, which exits 0" {
	start_server
	assert_has "$(cat "$SERVER_ROOT/run/server.addr")" "http=127.0.0.1:"
	stop_pid "$SERVER_PID"
	[ ! -e "$SERVER_ROOT/run/server.addr" ]
	[ ! -s "$SERVER_ROOT/state/server.db-wal" ]
	assert_has "$(cat "$SERVER_LOG")" stopped
	run timeout -s TERM 2 pj-serverd -r "$SERVER_ROOT" -o server.http=127.0.0.1:0 -o server.remote=127.0.0.1:0
	assert_eq "$status" 124 # timeout's own word: the program ended by the signal it sent
}

@test "systemd hears READY and STOPPING" {
	start_daemon "$BATS_TEST_TMPDIR/said" "$BUILD/tests/sh/wire" notify "$BATS_TEST_TMPDIR/notify"
	wait_for "[ -S '$BATS_TEST_TMPDIR/notify' ]" 5
	NOTIFY_SOCKET=$BATS_TEST_TMPDIR/notify start_server
	wait_for "grep -q READY=1 '$BATS_TEST_TMPDIR/said'" 5
	stop_pid "$SERVER_PID"
	wait_for "grep -q STOPPING=1 '$BATS_TEST_TMPDIR/said'" 5
}

@test "--help, --version and -n" {
	run pj-serverd --help
	assert_eq "$status" 0
	assert_has "$output" --root
	run pj-serverd --version
	assert_eq "$status" 0
	run pj-serverd -r "$SERVER_ROOT" -o server.http=127.0.0.1:1234 -n
	assert_eq "$status" 0
	assert_has "$output" 127.0.0.1:1234
	[ ! -e "$SERVER_ROOT/state" ]
	run pj-serverd --nonsense
	assert_eq "$status" 64
	run pj-serverd -r "$SERVER_ROOT" operand
	assert_eq "$status" 64
}

# start_fails CODE TEXT [OPTION...]
start_fails() {
	local code=$1 text=$2
	shift 2
	run timeout 20 pj-serverd -r "$SERVER_ROOT" -o server.http=127.0.0.1:0 -o server.remote=127.0.0.1:0 "$@"
	assert_eq "$status" "$code"
	assert_has "$output" "$text"
}

@test "bad starts: root in use, port in use, broken configuration, socket path too long" {
	start_server
	start_fails 75 "another pj-serverd"
	other=$SERVER_HTTP
	SERVER_ROOT=$BATS_TEST_TMPDIR/two
	start_fails 75 "$other" -o server.http="$other"
	start_fails 78 "server.nonsense" -o server.nonsense=1
	start_fails 78 server.external -o server.remote=0.0.0.0:0
	mkdir -p "$SERVER_ROOT/etc"
	printf 'root = x\n[server]\nopenapi_auth = perhaps\n' >"$SERVER_ROOT/etc/pj.ini"
	start_fails 78 "pj.ini"
	rm "$SERVER_ROOT/etc/pj.ini"
	SERVER_ROOT=$BATS_TEST_TMPDIR/$(printf 'x%.0s' {1..120})
	start_fails 78 server.sock
}

@test "bad starts: database newer, corrupt, locked, peer.key readable by others" {
	start_server
	stop_pid "$SERVER_PID"
	db=$SERVER_ROOT/state/server.db
	cp "$db" "$BATS_TEST_TMPDIR/good.db"
	sqlite3 "$db" 'PRAGMA user_version=9999'
	start_fails 78 9999
	head -c 20000 /dev/urandom >"$db"
	start_fails 74 server.db
	cp "$BATS_TEST_TMPDIR/good.db" "$db"
	chmod 644 "$SERVER_ROOT/etc/peer.key"
	start_fails 78 peer.key
	chmod 600 "$SERVER_ROOT/etc/peer.key"
	start_server
}

@test "a listen address beyond loopback is taken and warned about" {
	start_server -o server.http=0.0.0.0:0
	assert_has "$(cat "$SERVER_LOG")" "listens_beyond_loopback"
	assert_has "$(cat "$SERVER_LOG")" "key=server.http"
}

@test "SIGHUP: reloadable keys change, others are named, a broken file changes nothing" {
	start_server
	printf '[server]\nopenapi_auth = no\nid = 7\n' >"$SERVER_ROOT/etc/pj.ini"
	kill -HUP "$SERVER_PID"
	wait_for "openapi fetchAllJob -d appId=1 | grep -q success.:true" 10
	assert_has "$(cat "$SERVER_LOG")" server.id
	echo "nonsense" >>"$SERVER_ROOT/etc/pj.ini"
	kill -HUP "$SERVER_PID"
	wait_for "grep -q 'old configuration stays' '$SERVER_LOG'" 10
	assert_eq "$(openapi fetchAllJob -d appId=1 | jget .success)" true
}

@test "jobs: add, show, edit, ls, disable, enable, rm; names, ids, versions, unknown members" {
	start_server
	id=$(add_job one ',"description":"d"')
	assert_eq "$(pj 'job/show?job=one' | jq -c '[.id,.app,.name,.status,.version,.command,.processor_info,.params,.time_type]')" \
	    "[$id,\"default\",\"one\",\"enabled\",1,[\"true\"],\"exec\",\"[\\\"true\\\"]\",\"API\"]"
	assert_eq "$(pj "job/show?job=%23$id" | jget .name)" one
	assert_eq "$(pj "job/show?job=$id" | jget .name)" one
	assert_eq "$(post job/add '{"name":"one","command":["x"]}' | jget .error.code)" conflict
	answer=$(post job/edit '{"job":"one","version":1,"time_type":"CRON","time_expr":"0 0 0 1 1 ? 2099"}')
	assert_eq "$(jq -c '[.version,.time_expr,.nextTriggerMs,.description]' <<<"$answer")" '[2,"0 0 0 1 1 ? 2099",4070908800000,"d"]'
	assert_eq "$(post job/edit '{"job":"one","version":1,"tag":"x"}' | jget .error.code)" conflict
	assert_eq "$(pj 'job/next?job=one&n=3' | jq -c .next)" '[4070908800000]'
	for path in next audit; do
		assert_has "$(pj "job/$path?job=one&from=9223372036854775807")" 'in the years 0 to 9999 are allowed'
		assert_has "$(pj "job/$path?job=one&from=-9223372036854775808")" 'in the years 0 to 9999 are allowed'
		assert_eq "$(pj "job/$path?job=one&from=253402300799999" | jget .error)" null
	done
	assert_has "$(post job/add '{"name":"x","command":["x"],"colour":"red"}')" colour
	assert_has "$(post job/add '{"name":"x","command":["x"],"time_type":"CRON","time_expr":"not cron"}')" '"error"'
	assert_has "$(post job/add '{"name":"x","command":["x"],"execute_type":"MAP"}')" executeType
	assert_has "$(post job/add '{"name":"x","command":["x"],"time_type":"FIXED_RATE","time_expr":"10"}')" '100ms'
	assert_has "$(post job/add '{"name":"x","command":["x"],"time_type":"FIXED_RATE","time_expr":"often"}')" timeExpression
	assert_has "$(post job/add '{"command":["x"]}')" name
	add_job two
	assert_eq "$(pj 'job/ls?limit=1' | jq -c '[[.jobs[].name],.more]')" '[["one"],true]'
	assert_eq "$(pj "job/ls?after=$id" | jq -c '[[.jobs[].name],.more]')" '[["two"],false]'
	post job/disable '{"job":"one"}'
	assert_eq "$(pj 'job/show?job=one' | jq -c '[.status,.nextTriggerMs]')" '["disabled",null]'
	post job/enable '{"job":"one"}'
	assert_eq "$(pj 'job/show?job=one' | jq -c '[.status,.nextTriggerMs]')" '["enabled",4070908800000]'
	post job/rm '{"job":"one"}'
	assert_eq "$(pj 'job/show?job=one' | jget .error.code)" notfound
	assert_has "$(pj 'job/show?job=one')" 'no job named one in app default; see pj-ctl job ls'
	assert_has "$(pj 'job/show?job=one&app=none')" '"error"'
}

@test "apps: add, passwd, rm, ls; a new password ends tokens; an app's token is for that app only" {
	start_server
	answer=$(post app/add '{"name":"shop"}')
	login shop "$(jget .password <<<"$answer")"
	shop=(-H "X-POWERJOB-APP-ID: $APP_ID" -H "X-POWERJOB-ACCESS-TOKEN: $TOKEN")
	http=http://$SERVER_HTTP/pj/1
	add_job ours
	assert_eq "$(curl -sS "${shop[@]}" "$http/job/ls" | jq -c .jobs)" '[]'
	assert_eq "$(curl -sS "${shop[@]}" "$http/job/ls?app=default" | jget .error.code)" forbidden
	assert_eq "$(curl -sS "${shop[@]}" "$http/app/ls" | jget .error.code)" forbidden
	assert_eq "$(curl -sS -H 'Origin: http://x' "${shop[@]}" "$http/job/ls" | jget .error.code)" forbidden
	assert_eq "$(curl -sS "$http/job/ls" -o /dev/null -w '%{http_code}')" 401
	assert_eq "$(curl -sS "${shop[@]}" "$http/server/status" | jget .pid)" "$SERVER_PID"
	assert_eq "$(pj app/ls | jq -c '[.apps[]|[.name,.jobs]]')" '[["default",1],["shop",0]]'
	assert_eq "$(post app/passwd '{"name":"shop","password":"new"}')" '{}'
	assert_eq "$(curl -sS "${shop[@]}" "$http/job/ls" | jget .error.code)" auth
	login shop new
	assert_eq "$(post app/add '{"name":"shop"}' | jget .error.code)" conflict
	assert_eq "$(post app/rm '{"name":"default"}' | jget .error.code)" conflict
	assert_eq "$(post app/rm '{"name":"shop"}')" '{}'
	assert_eq "$(post app/rm '{"name":"shop"}' | jget .error.code)" notfound
}

@test "an instance from run to result: dispatch, report, wait, show, ls" {
	start_server
	listen
	key=$SERVER_ROOT/etc/peer.key
	heartbeat "$WORKER" "$key"
	add_job hello
	id=$(post job/run '{"job":"hello","params":"p"}' | jget .instance)
	wait_for "grep -q runJob '$WORKER_GOT'" 10
	assert_has "$(cat "$WORKER_GOT")" "/worker/runJob signed"
	body=$(sed -n 's/^[^{]*//p' "$WORKER_GOT")
	assert_eq "$(jq -c '[.processorInfo,.jobParams,.instanceParams,.attempt,.jobName,.executeType,.timeExpressionType]' <<<"$body")" \
	    '["exec","[\"true\"]","p",1,"hello","STANDALONE","API"]'
	wait_for '[ "$(status_of '"$id"')" = sent ] || [ "$(status_of '"$id"')" = running ]' 10
	pj "instance/wait?id=$id&waitMs=20000" >"$BATS_TEST_TMPDIR/waited" 3>&- &
	waiter=$!
	report "$id" 5 ',"result":"done","attempt":1,"exitCode":0,"logLength":0' "$key" | grep -q success.:true
	wait "$waiter"
	assert_eq "$(jq -c '[.status,.result,.exitCode,.attempt,.worker,.params]' <"$BATS_TEST_TMPDIR/waited")" \
	    "[\"succeeded\",\"done\",0,1,\"$WORKER\",\"p\"]"
	assert_eq "$(pj "instance/show?id=$id" | jq -c '.attempts|map([.attempt,.exitCode,.result])')" '[[1,0,"done"]]'
	assert_eq "$(pj 'instance/ls?status=succeeded&job=hello' | jq -c '[[.instances[].id],.more]')" "[[\"$id\"],false]"
	assert_eq "$(pj 'instance/ls?status=failed' | jq -c .instances)" '[]'
	assert_has "$(pj 'instance/ls?status=nonsense')" nonsense
	assert_eq "$(pj 'instance/show?id=12345' | jget .error.code)" notfound
}

@test "instance/wait answers what is when its time is over" {
	start_server
	add_job hello
	id=$(post job/run '{"job":"hello"}' | jget .instance)
	before=$(now_ms)
	assert_eq "$(pj "instance/wait?id=$id&waitMs=500" | jget .status)" waiting
	[ $(($(now_ms) - before)) -ge 450 ]
}

@test "who waits is answered at a clean stop" {
	start_server
	add_job hello
	id=$(post job/run '{"job":"hello"}' | jget .instance)
	pj "instance/wait?id=$id&waitMs=60000" >"$BATS_TEST_TMPDIR/waited" 3>&- &
	waiter=$!
	wait_for "grep -q ' 03 .*$SERVER_ROOT/run/server.sock' /proc/net/unix" 5 # connected; what is asked later is answered later
	pj "instance/show?id=$id" >/dev/null
	pj "instance/show?id=$id" >/dev/null
	stop_pid "$SERVER_PID"
	wait "$waiter"
	assert_eq "$(jget .status <"$BATS_TEST_TMPDIR/waited")" waiting
}

@test "cancel, stop, retry: states that do not allow it are conflicts" {
	start_server
	add_job hello
	id=$(post job/run '{"job":"hello","delayMs":600000}' | jget .instance)
	assert_eq "$(post instance/retry "{\"id\":\"$id\"}" | jget .error.code)" conflict
	assert_eq "$(post instance/cancel "{\"id\":\"$id\"}" | jget .status)" canceled
	assert_eq "$(post instance/cancel "{\"id\":\"$id\"}" | jget .error.code)" conflict
	assert_eq "$(post instance/stop "{\"id\":$id}" | jget .error.code)" conflict
	assert_eq "$(post instance/retry "{\"id\":\"$id\"}" | jget .status)" waiting
}

@test "kill -9 in a stream of runs: all that were acknowledged are there, none twice" {
	start_server -o server.start_grace=1h
	add_job hello
	: >"$BATS_TEST_TMPDIR/acked"
	for round in 1 2 3; do
		(
			while answer=$(post job/run '{"job":"hello"}' 2>/dev/null); do
				jq -er .instance <<<"$answer" >>"$BATS_TEST_TMPDIR/acked" || exit 0
			done
		) 3>&- &
		stream=$!
		wait_for "[ \$(lines_of '$BATS_TEST_TMPDIR/acked') -ge $((round * 20)) ]" 20
		kill_pid "$SERVER_PID"
		wait "$stream" || true
		start_server -o server.start_grace=1h
	done
	stop_pid "$SERVER_PID"
	sqlite3 "$SERVER_ROOT/state/server.db" 'SELECT id FROM instance ORDER BY id' >"$BATS_TEST_TMPDIR/stored"
	sort "$BATS_TEST_TMPDIR/acked" | uniq -d | { ! grep -q .; }
	assert_eq "$(sort "$BATS_TEST_TMPDIR/acked" | comm -23 - <(sort "$BATS_TEST_TMPDIR/stored"))" ""
}

@test "status and routes" {
	start_server
	answer=$(pj server/status)
	assert_eq "$(jget .http <<<"$answer")" "$SERVER_HTTP"
	assert_eq "$(jget .remote <<<"$answer")" "$SERVER_REMOTE"
	assert_eq "$(jq -c .lastError <<<"$answer")" null
	[ "$(pj server/routes | jq '.routes|length')" -gt 30 ]
}

# A file system of 3 MB that only this test uses, in a name space of its own.
@test "a full disk: callers get failures, the reason is said once, all goes on when there is room" {
	unshare -m true 2>/dev/null || skip "no mount name space here"
	root=$SERVER_ROOT
	mkdir -p "$root"
	cat >"$BATS_TEST_TMPDIR/inside" <<-'IN'
	mount -t tmpfs -o size=3m none "$1/state" || exit 90
	exec pj-serverd -r "$1" -o server.http=127.0.0.1:0 -o server.remote=127.0.0.1:0
	IN
	mkdir -p "$root/state"
	start_daemon "$root/log/pj-serverd.log" unshare -m sh "$BATS_TEST_TMPDIR/inside" "$root"
	SERVER_PID=$DAEMON_PID SERVER_LOG=$root/log/pj-serverd.log
	wait_for "[ -s '$root/run/server.addr' ] || ! is_alive $SERVER_PID" 20
	[ -s "$root/run/server.addr" ] || skip "no mount allowed here"
	state=/proc/$SERVER_PID/root$root/state
	add_job hello
	head -c 4000000 /dev/zero >"$state/fill" 2>/dev/null || true
	big=$(head -c 30000 /dev/zero | tr '\0' x)
	code=
	for i in {1..40}; do
		code=$(post job/add "{\"name\":\"j$i\",\"command\":[\"$big\"]}" | jq -r '.error.code // "ok"')
		[ "$code" = ok ] || break
	done
	assert_eq "$code" io
	wait_for "grep -qE 'commit_failed|store_refused' '$SERVER_LOG'" 5
	for i in {1..10}; do
		post job/add "{\"name\":\"again$i\",\"command\":[\"$big\"]}" >/dev/null || true
	done
	[ "$(grep -cE 'commit_failed|store_refused' "$SERVER_LOG")" -le 3 ]
	assert_has "$(pj server/status | jget .lastError)" server.db
	assert_eq "$(pj server/status | jq -c '[.storing, .lastErrorMs > 1000]')" '[false,true]'
	assert_has "$(ctl server status)" 'fails: nothing new is taken'
	rm "$state/fill"
	wait_for '[ "$(post job/run "{\"job\":\"hello\"}" | jq -r .instance)" != null ]' 20
	wait_for "grep -q store_works '$SERVER_LOG'" 5
	assert_eq "$(pj server/status | jget .storing)" true
	assert_has "$(ctl server status)" 'written again'
	assert_eq "$(pj 'job/show?job=hello' | jget .status)" enabled
}

@test "somebody else holds the database for a while: callers get busy, then all goes on" {
	start_server
	add_job hello
	mkfifo "$BATS_TEST_TMPDIR/hold"
	sqlite3 -cmd '.timeout 5000' "$SERVER_ROOT/state/server.db" <"$BATS_TEST_TMPDIR/hold" >"$BATS_TEST_TMPDIR/held" 3>&- &
	holder=$!
	exec {hold}>"$BATS_TEST_TMPDIR/hold"
	echo 'BEGIN IMMEDIATE; SELECT 1;' >&"$hold"
	wait_for "grep -q 1 '$BATS_TEST_TMPDIR/held'" 5
	assert_eq "$(post job/run '{"job":"hello"}' | jget .error.code)" busy
	assert_eq "$(pj 'job/show?job=hello' | jget .name)" hello
	exec {hold}>&-
	wait "$holder"
	wait_for 'post job/run "{\"job\":\"hello\"}" | grep -q instance' 10
}

@test "migrations: none was edited after it landed, and a database of each of them is brought up to date" {
	(cd "$TOP/lib/store/sql" && sha256sum -c --quiet SHA256SUMS) || fail 'a migration was edited: write the next one instead'
	for f in "$TOP"/lib/store/sql/[0-9]*.sql "$TOP"/lib/store/sql/worker/*.sql; do
		grep -q "  ${f#"$TOP/lib/store/sql/"}\$" "$TOP/lib/store/sql/SHA256SUMS" || fail "$f is not in SHA256SUMS"
	done
	start_server
	db=$SERVER_ROOT/state/server.db
	schema() { sqlite3 "$db" "SELECT group_concat(name) FROM (SELECT m.name || '.' || c.name AS name FROM sqlite_schema m,
	    pragma_table_info(m.name) c WHERE m.type = 'table' UNION SELECT name FROM sqlite_schema ORDER BY 1)"; }
	want=$(schema)
	sql=()
	for f in "$TOP"/lib/store/sql/[0-9]*.sql; do
		sql+=("$f")
		stop_pid "$SERVER_PID"
		rm -rf "$SERVER_ROOT"
		mkdir -p "$SERVER_ROOT/state"
		cat "${sql[@]}" - <<<"PRAGMA user_version=${#sql[@]}; PRAGMA application_id=0x706a7331; PRAGMA journal_mode=WAL;
		    INSERT INTO app VALUES (1, 'default', 'x', 1, 0, 0); INSERT INTO job(id, app_id, name, status, version, next_trigger_ms, created_ms, modified_ms)
		    VALUES (1, 1, 'old', 1, 1, NULL, 0, 0);
		    INSERT INTO job_version (job_id, version, at_ms, name, params, time_type, execute_type, processor_type, processor_info)
		    VALUES (1, 1, 0, 'old', '[\"true\"]', 1, 1, 1, 'exec');" | sqlite3 "$db"
		start_server
		assert_eq "$(schema)" "$want"
		post job/run '{"job":"old"}' | grep -q instance
		assert_eq "$(pj 'job/show?job=old' | jget .name)" old
	done
}

@test "retention: instances, attempts and skipped times go by age, also many; ids do not come back" {
	db=$SERVER_ROOT/state/server.db
	start_server
	post job/add '{"name":"a","command":["true"]}' >/dev/null
	ID=$(post job/run '{"job":"a","delayMs":3600000}' | jget .instance)
	post instance/cancel "{\"id\":\"$ID\"}"
	sleeping=$(post job/run '{"job":"a","delayMs":3600000}' | jget .instance)
	stop_pid "$SERVER_PID"
	future=$((ID + (1 << 50)))
	sqlite3 "$db" "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 450)
	    INSERT INTO instance (id, app_id, job_id, job_version, status, due_ms, attempt, expected_ms, finished_ms,
	    created_ms, modified_ms) SELECT $future - i, 1, 1, 1, 5, 1000, 1, 1000, 2000, 1000, 2000 FROM n;
	    INSERT INTO attempt (instance_id, attempt, worker, is_pj, state, opened_ms)
	    SELECT id, 1, '127.0.0.1:1', 1, 5, 1000 FROM instance WHERE finished_ms = 2000;
	    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 450)
	    INSERT INTO skipped (job_id, job_version, first_ms, last_ms, count, reason, at_ms)
	    SELECT 1, 1, i, i, 1, 'missed', 1000 FROM n;"
	start_server -o server.keep_instances=1d -o server.keep_skipped=1d
	wait_for "[ \"\$(sqlite3 '$db' 'SELECT (SELECT count(*) FROM instance) || (SELECT count(*) FROM attempt) ||
	    (SELECT count(*) FROM skipped)')\" = 200 ]" 20
	assert_eq "$(sqlite3 "$db" 'SELECT group_concat(id) FROM (SELECT id FROM instance ORDER BY id)')" "$ID,$sleeping"
	[ "$(post job/run '{"job":"a","delayMs":3600000}' | jget .instance)" -ge "$future" ] || fail 'an id below one that was removed'
}

#!/usr/bin/env bats
# Malformed and oversized requests on every route: an error answer, a living daemon, nothing lost.

load helpers
load serverd_lib

setup() {
	SERVER_ROOT=$BATS_TEST_TMPDIR/server
}

teardown() {
	stop_all
}

routes() { # METHOD PATH of every route that a token or nothing opens
	pj server/routes | jq -r '.routes[]|.method + " " + .path + " " + .takes'
}

# status PATH CURL-OPTION...: of 7700, with the token
status() {
	local path=$1
	shift
	curl -sS -o "$BATS_TEST_TMPDIR/answer" -w '%{http_code}' -m 20 -H "X-POWERJOB-APP-ID: $APP_ID" \
	    -H "X-POWERJOB-ACCESS-TOKEN: $TOKEN" "http://$SERVER_HTTP$path" "$@"
}

# An answer that says no: PowerJob's or pj's.
is_refusal() { # is_refusal STATUS
	case $1 in
	200) grep -q '"success":false' "$BATS_TEST_TMPDIR/answer" ;;
	4??) grep -q '"error"' "$BATS_TEST_TMPDIR/answer" || [ ! -s "$BATS_TEST_TMPDIR/answer" ] ;;
	*) false ;;
	esac
}

survived() {
	is_alive "$SERVER_PID" || fail "pj-serverd is gone"
	assert_eq "$(pj server/status | jget .pid)" "$SERVER_PID"
	assert_eq "$(pj 'job/show?job=keep' | jget .status)" enabled
}

@test "every JSON route refuses what is no object, half, deep, or has NULs and bad UTF-8" {
	start_server
	add_job keep
	login
	deep=$(printf '[%.0s' {1..5000})
	printf '{"name":"a\0b"}' >"$BATS_TEST_TMPDIR/nul"
	printf '{"name":"\xff\xfe"}' >"$BATS_TEST_TMPDIR/utf8"
	n=0
	while read -r method path takes; do
		[ "$takes" = json ] || continue
		n=$((n + 1))
		for body in '' '{' '[]' '"x"' 'nonsense' '{"name":1e999}' '{"a":1,"a":2}' "$deep" "@$BATS_TEST_TMPDIR/nul" \
		    "@$BATS_TEST_TMPDIR/utf8" '{"name":{},"appName":[],"job":{},"id":{},"index":{},"appIdEq":[]}'; do
			code=$(status "$path" -X "$method" -H 'Content-Type: application/json' --data-binary "$body")
			is_refusal "$code" || fail "$path answered $code to \`${body:0:40}': $(head -c 300 "$BATS_TEST_TMPDIR/answer")"
		done
	done < <(routes)
	[ "$n" -ge 12 ]
	survived
}

@test "every route takes nonsense parameters and wrong methods without harm" {
	start_server
	add_job keep
	login
	long=$(head -c 3000 /dev/zero | tr '\0' x)
	while read -r method path takes; do
		for query in 'id=x&jobId=x&instanceId=x&appId=x&limit=x&waitMs=x&n=x&targetPort=x' \
		    'id=-1&jobId=-1&instanceId=-1&appId=-1&limit=-1&waitMs=-1&n=-1&offset=-1&job=%23-1&targetPort=-1' \
		    'id=99999999999999999999&jobId=99999999999999999999&instanceId=99999999999999999999&appId=1&job=%00' \
		    "job=$long&app=$long&appName=$long" '%%%&=&&===' 'job=%ff%fe&appName=%ff'; do
			code=$(status "$path?$query" -X "$method" -H 'Content-Type: application/json' -d '{}')
			[[ $code == [245]?? ]] || fail "$path answered $code"
			[[ $code != 5?? ]] || fail "$path answered $code: $(cat "$BATS_TEST_TMPDIR/answer")"
		done
		for other in GET POST PUT DELETE PATCH OPTIONS; do
			[ "$other" != "$method" ] || continue
			code=$(status "$path" -X "$other")
			[[ $code == 200 || $code == 4?? || $code == 501 ]] || fail "$other $path answered $code"
		done
	done < <(routes)
	survived
}

@test "bodies over the limit are refused on every port" {
	start_server
	add_job keep
	login
	head -c 9000000 /dev/zero | tr '\0' ' ' >"$BATS_TEST_TMPDIR/big"
	for url in "$SERVER_HTTP/openApi/saveJob" "$SERVER_HTTP/pj/1/job/add" "$SERVER_REMOTE/server/reportLog"; do
		code=$(curl -sS -o "$BATS_TEST_TMPDIR/answer" -w '%{http_code}' -m 20 -H 'Content-Type: application/json' -H 'Expect:' \
		    --data-binary "@$BATS_TEST_TMPDIR/big" "http://$url")
		case $url in
		*/openApi/*) is_refusal "$code" ;; # PowerJob's failures have status 200
		*) [ "$code" = 413 ] ;;
		esac || fail "$url answered $code"
	done
	assert_eq "$(post job/add "{\"name\":\"$(head -c 300 /dev/zero | tr '\0' n)\",\"command\":[\"x\"]}" | jget .error.code)" toobig
	survived
}

# talk PORT TEXT: sends raw bytes (backslash escapes are understood) and reads what comes for a second
talk() {
	local fd
	exec {fd}<>"/dev/tcp/127.0.0.1/$1" || return 1
	{ printf '%b' "$2" >&"$fd"; } 2>/dev/null || true
	timeout 1 head -c 400 <&"$fd" || true
	exec {fd}>&-
}

@test "malformed HTTP on every port" {
	start_server
	add_job keep
	for port in "${SERVER_HTTP##*:}" "${SERVER_REMOTE##*:}"; do
		for text in 'nonsense\r\n\r\n' 'GET\r\n\r\n' 'GET / HTTP/9.9\r\n\r\n' '\0\1\2\3\r\n\r\n' \
		    'POST /server/reportLog HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: x\r\n\r\n' \
		    'POST /server/reportLog HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n' \
		    'POST /server/reportLog HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}' \
		    'POST /server/reportLog HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n' \
		    'POST /openApi/runJob HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\nhalf' \
		    'GET /%zz%00%ff HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'; do
			talk "$port" "$text" >/dev/null
		done
	done
	talk "${SERVER_HTTP##*:}" "GET / HTTP/1.1\\r\\nX: $(head -c 100000 /dev/zero | tr '\0' h)" >/dev/null
	survived
}

@test "every message of 10010: wrong types, half messages, wrong members" {
	start_server
	add_job keep
	for path in workerHeartbeat reportInstanceStatus reportLog queryJobCluster queryContainer; do
		for body in '' '{' '[]' '1' '{"instanceId":{},"appId":[],"workerAddress":1,"instanceLogContents":{}}' \
		    '{"instanceId":9223372036854775808}' '{"instanceLogContents":[1,null,{}]}' \
		    '{"appId":1,"workerAddress":"x","heartbeatTime":1}' '{"containerId":"x","jobId":"x"}'; do
			code=$(curl -sS -o /dev/null -w '%{http_code}' -m 10 "http://$SERVER_REMOTE/server/$path" -d "$body")
			[[ $code == 500 || $code == 200 ]] || fail "$path answered $code to \`$body'"
		done
	done
	survived
}

@test "many wrong passwords do not stop the server" {
	start_server
	add_job keep
	for i in {1..60}; do
		openapi authApp -H 'Content-Type: application/json' \
		    -d "{\"appName\":\"default\",\"encryptedPassword\":\"wrong$i\"}" >>"$BATS_TEST_TMPDIR/answers"
	done
	[ "$(grep -o '"success":false' "$BATS_TEST_TMPDIR/answers" | wc -l)" -eq 60 ]
	survived
}

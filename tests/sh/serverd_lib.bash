# Parts of the tests of pj-serverd: calls by curl and by the stand-in worker (wire.c).

wire() {
	"$BUILD/tests/sh/wire" "$@"
}

# pj PATH [CURL-OPTION...]: a route on server.sock.
pj() {
	local path=$1
	shift
	curl -sS -m 70 --unix-socket "$SERVER_ROOT/run/server.sock" "http://pj/pj/1/$path" "$@"
}

# post PATH JSON
post() {
	pj "$1" -H 'Content-Type: application/json' -d "$2"
}

# openapi PATH [CURL-OPTION...]: with the token of `login`, when there is one.
openapi() {
	local path=$1
	shift
	curl -sS -m 20 -X POST ${TOKEN:+-H "X-POWERJOB-APP-ID: $APP_ID" -H "X-POWERJOB-ACCESS-TOKEN: $TOKEN"} \
	    "http://$SERVER_HTTP/openApi/$path" "$@"
}

json() {
	printf '%s\n' '-H' 'Content-Type: application/json'
}

# login [APP PASSWORD]: sets APP_ID TOKEN.
login() {
	local app=${1:-default} password=${2:-} answer
	[ -n "$password" ] || password=$(cat "$SERVER_ROOT/etc/default.password")
	TOKEN=
	answer=$(openapi authApp -H 'Content-Type: application/json' \
	    -d "{\"appName\":\"$app\",\"encryptedPassword\":\"$(printf %s "$password" | md5sum | cut -c1-32)\",\"encryptType\":\"md5\"}")
	APP_ID=$(jget .data.appId <<<"$answer") && TOKEN=$(jget .data.token <<<"$answer")
}

# heartbeat ADDRESS KEY|- [APP_ID]: a worker that is alive.
heartbeat() {
	wire send "$2" POST "http://$SERVER_REMOTE/server/workerHeartbeat" "{\"workerAddress\":\"$1\",\"appName\":\"default\",\
\"appId\":${3:-1},\"heartbeatTime\":$(now_ms),\"containerInfos\":[],\"version\":\"5.1.1\",\"protocol\":\"HTTP\",\
\"client\":\"KingPenguin\",\"lightTaskTrackerNum\":0,\"heavyTaskTrackerNum\":0,\"systemMetrics\":{\"cpuProcessors\":2,\
\"cpuLoad\":0.3,\"jvmUsedMemory\":0.1,\"jvmMaxMemory\":0.5,\"jvmMemoryUsage\":0.05,\"diskUsed\":13.3,\"diskTotal\":251.9,\
\"diskUsage\":0.05,\"score\":2},\"overload\":false}"
}

# listen: a stand-in worker; sets WORKER (its address), WORKER_GOT (what it was sent), WORKER_SAYS (its answer).
listen() {
	WORKER_GOT=$BATS_TEST_TMPDIR/got WORKER_SAYS=$BATS_TEST_TMPDIR/says
	start_daemon "$BATS_TEST_TMPDIR/wire.log" "$BUILD/tests/sh/wire" listen 127.0.0.1:0 "$WORKER_GOT" "$WORKER_SAYS"
	wait_for "grep -q 127.0.0.1: '$BATS_TEST_TMPDIR/wire.log'" 10
	WORKER=$(grep -o '127.0.0.1:[0-9]*' "$BATS_TEST_TMPDIR/wire.log" | tail -n 1)
}

# report INSTANCE STATUS [MORE-JSON-MEMBERS] [KEY]
report() {
	wire send "${4:--}" POST "http://$SERVER_REMOTE/server/reportInstanceStatus" "{\"appId\":1,\"jobId\":1,\"instanceId\":$1,\
\"instanceStatus\":$2,\"totalTaskNum\":1,\"succeedTaskNum\":1,\"failedTaskNum\":0,\"startTime\":1795249674651,\
\"reportTime\":$(now_ms),\"sourceAddress\":\"$WORKER\",\"needAlert\":false${3:-}}"
}

add_job() { # add_job NAME [MEMBERS]
	post job/add "{\"name\":\"$1\",\"command\":[\"true\"]${2:-}}" | jget .id
}

status_of() {
	pj "instance/show?id=$1" | jget .status
}

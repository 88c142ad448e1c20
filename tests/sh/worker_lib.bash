# For the tests of the worker host's programs: a server that is played (tests/sh/playserver.c).
#
#   start_play [HOST:PORT]     its directory is PLAY ($BATS_TEST_TMPDIR/play); sets PLAY_PID SERVER_HTTP
#   send PATH BODY [KEYFILE|-] posts to WORKER_LISTEN, signed unless `-'; prints "STATUS BODY"
#   run_body ID ATTEMPT KIND PARAMS [MORE]  a dispatch; MORE are further members, with a comma in front
#   reports ID [ATTEMPT]       the final reports that came, one JSON a line
#   said PATHPART              bodies of the requests that came to it, one a line
#   wdb SQL                    asks worker.db

PLAY=$BATS_TEST_TMPDIR/play
WORKER_ROOT=$BATS_TEST_TMPDIR/worker

# shellcheck disable=SC2034 # SERVER_HTTP is for the tests and start_worker
start_play() {
	mkdir -p "$PLAY" "$WORKER_ROOT/etc"
	if [ ! -e "$PLAY/peer.key" ]; then
		(umask 077; head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$PLAY/peer.key"; echo >>"$PLAY/peer.key")
		install -m 600 "$PLAY/peer.key" "$WORKER_ROOT/etc/peer.key"
	fi
	rm -f "$PLAY/addr"
	start_daemon "$BATS_TEST_TMPDIR/play.log" "$BUILD/tests/sh/playserver" serve "$PLAY" "$@"
	PLAY_PID=$DAEMON_PID
	wait_ready "$PLAY_PID" "$PLAY/addr" "$BATS_TEST_TMPDIR/play.log" || return 1
	SERVER_HTTP=$(cat "$PLAY/addr")
}

send() {
	timeout 20 "$BUILD/tests/sh/playserver" post "$WORKER_LISTEN" "$1" "${3:-$PLAY/peer.key}" "$2"
}

json_string() { # json_string TEXT: of control characters it knows new line and tab
	local text=${1//\\/\\\\}
	text=${text//\"/\\\"}
	text=${text//$'\n'/\\n}
	printf '"%s"' "${text//$'\t'/\\t}"
}

run_body() {
	local attempt=
	[ "$2" = 0 ] || attempt=",\"attempt\":$2"
	set -- "{\"jobId\":7,\"instanceId\":$1,\"executeType\":\"STANDALONE\",\"processorType\":\"BUILT_IN\",\"processorInfo\":$(
	    json_string "$3"),\"jobParams\":$(json_string "$4"),\"timeExpressionType\":\"API\",\"jobName\":\"a job\"$attempt}" "${5:-}"
	if [ -n "$2" ]; then jq -c ". + {${2#,}}" <<<"$1"; else echo "$1"; fi
}

stop_body() {
	echo "{\"instanceId\":$1,\"attempt\":$2}"
}

exec_params() {
	local word list=
	for word; do list+=",$(json_string "$word")"; done
	echo "[${list#,}]"
}

said() {
	grep -a "^[^ ]*$1" "$PLAY/log" 2>/dev/null | cut -d' ' -f3-
}

# By their text: this is what tests wait for, many times over. Names inside of strings have backslashes before their quotes.
reports() {
	said /server/reportInstanceStatus | grep -aE "\"instanceId\":$1[,}]" | grep -avE '"instanceStatus":3[,}]' |
	    { if [ -n "${2:-}" ]; then grep -aE "\"attempt\":$2[,}]"; else cat; fi; }
}

reported() {
	[ -n "$(reports "$@")" ]
}

wdb() {
	sqlite3 -cmd '.timeout 5000' "$WORKER_ROOT/state/worker.db" "$1"
}

# Where runs are, as their slot files say.
slot_value() { # slot_value SLOT KEY
	sed -n "s/^$2=//p" "$WORKER_ROOT/state/hb/slot-$1"
}

slot_is() { # slot_is SLOT STATE
	[ "$(slot_value "$1" state)" = "$2" ]
}

hb_value() { # hb_value PROGRAM KEY
	sed -n "s/^$2=//p" "$WORKER_ROOT/state/hb/$1.hb"
}

spawner_pid() {
	pgrep -f 'pj-run spawner' -P "$WORKER_PID"
}

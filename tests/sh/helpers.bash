# Common parts of the shell tests: `load helpers`, and `teardown() { stop_all; }`.
#
#   start_server [-o k=v...]   its root is SERVER_ROOT ($BATS_TEST_TMPDIR/server); sets SERVER_PID SERVER_HTTP SERVER_REMOTE
#   start_worker [-o k=v...]   its root is WORKER_ROOT ($BATS_TEST_TMPDIR/worker); sets WORKER_PID WORKER_LISTEN
#   start_daemon LOG COMMAND...  any program in the background, recorded; sets DAEMON_PID
#   stop_pid PID, kill_pid PID  ends one that was started here and waits until it is gone
#   stop_all                   ends everything this test has started
#   wait_for 'CONDITION' SECONDS  runs it until it is true; says what it waited for when it never is
#   ctl ...                    pj-ctl of the server
#   jget FILTER                a value of the JSON on standard input; fails when it is null or absent
#   free_port                  prints a loopback port that nobody listens on
#   fail TEXT, assert_eq A B, assert_has TEXT PART, lines_of FILE
#
# Set SERVER_ROOT or WORKER_ROOT before a start to have several.

bats_require_minimum_version 1.5.0
BUILD=${BUILD:-$(realpath "$BATS_TEST_DIRNAME/../../build")}
TOP=$(realpath "$BATS_TEST_DIRNAME/../..")
export BUILD TOP
PATH=$BUILD/bin:$PATH
unset PJ_ROOT PJ_CONFIG JOURNAL_STREAM NOTIFY_SOCKET
export LC_ALL=C.UTF-8 TZ=UTC
# What leaks or misbehaves in a daemon must end it with an exit status no test expects.
export ASAN_OPTIONS=${ASAN_OPTIONS:-exitcode=99:detect_leaks=1} UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}

fail() {
	echo "FAIL: $*" >&2
	return 1
}

assert_eq() { # assert_eq GOT WANTED
	[ "$1" = "$2" ] || fail "got \`$1', wanted \`$2'"
}

assert_has() { # assert_has TEXT PART
	[[ $1 == *"$2"* ]] || fail "\`$1' does not have \`$2'"
}

lines_of() { # a missing file has none
	if [ -e "$1" ]; then wc -l <"$1"; else echo 0; fi
}

# Most of what tests ask of JSON needs no whole jq, whose start is slow.
jq() {
	"$BUILD/tests/sh/jpick" "$@"
}

jget() {
	jq -er "$1"
}

ctl() {
	pj-ctl -r "$SERVER_ROOT" "$@"
}

now_ms() {
	echo $((${EPOCHREALTIME/[.,]/} / 1000))
}

# The condition is evaluated in this shell: it sees the test's variables and functions. Looked at often at first, then less:
# looking costs time of the processor, which others wait for.
wait_for() {
	# bats looks at every command of every function, which costs it ten times what the command costs: not here.
	local -
	set +o functrace
	poll "$@"
}

poll() {
	local began=${EPOCHREALTIME/[.,]/} pause=0.03 waited limit=$(($2 * 1000000 * ${PJ_SLOW:-1}))
	while ! eval "$1" >/dev/null 2>&1; do
		waited=$((${EPOCHREALTIME/[.,]/} - began))
		if [ "$waited" -gt "$limit" ]; then
			fail "waited $2 s (times ${PJ_SLOW:-1}) for: $1"
			return 1
		fi
		[ "$waited" -lt 1000000 ] || pause=0.1
		sleep "$pause"
	done
}

# A port of 20000..31999 (below the ephemeral range) that no socket of this host is bound to.
free_port() {
	local port try
	for try in {1..200}; do
		port=$((20000 + (RANDOM * 32768 + RANDOM + try) % 12000))
		if ! grep -qi ":$(printf %04X "$port") " /proc/net/tcp /proc/net/tcp6 2>/dev/null; then
			echo "$port"
			return 0
		fi
	done
	fail "no free port"
}

# --- processes: known by pid and start time, as everywhere in pj ---

start_time() { # of a living process; fails for one that is gone or a zombie
	local stat
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
	read -ra stat <<<"${stat##*) }"
	[ "${stat[0]}" != Z ] || return 1
	echo "${stat[19]}"
}

is_alive() { # is_alive PID [START]
	local start
	start=$(start_time "$1") && [ "$start" = "${2:-$start}" ]
}

record() {
	echo "$1 $(start_time "$1")" >>"$BATS_TEST_TMPDIR/started"
}

start_daemon() {
	local log=$1
	shift
	mkdir -p "$(dirname "$log")"
	"$@" >>"$log" 2>&1 </dev/null 3>&- 4>&- &
	DAEMON_PID=$!
	disown "$DAEMON_PID" 2>/dev/null || true
	record "$DAEMON_PID"
}

# Waits until the daemon has written FILE; shows its log when it died instead.
wait_ready() { # wait_ready PID FILE LOG
	if ! wait_for "[ -s '$2' ] || ! is_alive $1" 20 || [ ! -s "$2" ]; then
		echo "--- $3" >&2
		tail -n 50 "$3" >&2
		fail "not ready: $2 is missing"
		return 1
	fi
}

# shellcheck disable=SC2034 # the variables are for the tests
start_server() {
	: "${SERVER_ROOT:=$BATS_TEST_TMPDIR/server}"
	local addr=$SERVER_ROOT/run/server.addr log=$SERVER_ROOT/log/pj-serverd.log
	rm -f "$addr"
	start_daemon "$log" pj-serverd -r "$SERVER_ROOT" -o server.http=127.0.0.1:0 -o server.remote=127.0.0.1:0 "$@"
	SERVER_PID=$DAEMON_PID SERVER_LOG=$log
	wait_ready "$SERVER_PID" "$addr" "$log" || return 1
	SERVER_HTTP=$(sed -n 's/^http=//p' "$addr")
	SERVER_REMOTE=$(sed -n 's/^remote=//p' "$addr")
}

# shellcheck disable=SC2034
start_worker() {
	: "${WORKER_ROOT:=$BATS_TEST_TMPDIR/worker}"
	local addr=$WORKER_ROOT/run/worker.addr log=$WORKER_ROOT/log/pj-workerd.log key=${SERVER_ROOT:-}/etc/peer.key
	# Peers know each other by one key.
	if [ -e "$key" ] && [ ! -e "$WORKER_ROOT/etc/peer.key" ]; then
		mkdir -p "$WORKER_ROOT/etc"
		install -m 600 "$key" "$WORKER_ROOT/etc/peer.key"
	fi
	rm -f "$addr"
	start_daemon "$log" pj-workerd -r "$WORKER_ROOT" -o worker.listen=127.0.0.1:0 \
	    ${SERVER_HTTP:+-o "worker.servers=$SERVER_HTTP"} "$@"
	WORKER_PID=$DAEMON_PID WORKER_LOG=$log
	wait_ready "$WORKER_PID" "$addr" "$log" || return 1
	WORKER_LISTEN=$(sed -n 's/^listen=//p' "$addr")
}

# Until the server has the worker in its list and would choose it.
wait_worker_known() {
	wait_for "ctl worker ls --tsv | grep -qF '$WORKER_LISTEN'" 20
}

signal_and_wait() { # signal_and_wait SIGNAL PID SECONDS
	local start
	start=$(start_time "$2") || return 0
	kill "-$1" "$2" 2>/dev/null || return 0
	wait_for "! is_alive $2 $start" "$3"
}

stop_pid() {
	signal_and_wait TERM "$1" "${2:-15}"
}

kill_pid() {
	signal_and_wait KILL "$1" 5
}

# Processes of this test wherever they went: its temporary directory is in their environment, or among their open files.
# Not this shell and what it is started by.
test_processes() {
	local pid up=" " p=$BASHPID
	while [ "${p:-0}" -gt 1 ]; do
		up+="$p "
		p=$(sed -n 's/^PPid:[^0-9]*//p' "/proc/$p/status" 2>/dev/null)
	done
	{
		grep -laF "$BATS_TEST_TMPDIR" /proc/[0-9]*/environ 2>/dev/null
		find /proc/[0-9]*/fd -lname "$BATS_TEST_TMPDIR/*" 2>/dev/null
	} | cut -d/ -f3 | sort -un | while read -r pid; do
		[[ $up == *" $pid "* ]] || ! is_alive "$pid" || echo "$pid"
	done
}

# Daemons get SIGTERM first, and time to say in their log what sanitizers found; pj-runs outlive them by design.
stop_all() {
	local -
	set +o functrace
	[ ! -e "$BATS_TEST_TMPDIR/started" ] || end_all
}

end_all() {
	local pid start
	while read -r pid start; do
		if [ -n "$start" ] && is_alive "$pid" "$start"; then
			kill -CONT "$pid" 2>/dev/null || true
			kill -TERM "$pid" 2>/dev/null || true
		fi
	done <"$BATS_TEST_TMPDIR/started"
	while read -r pid start; do
		[ -n "$start" ] || continue
		wait_for "! is_alive $pid $start" 8 2>/dev/null || kill -KILL "$pid" 2>/dev/null || true
	done <"$BATS_TEST_TMPDIR/started"
	for pid in $(test_processes); do
		kill -KILL "$pid" 2>/dev/null || true
	done
	rm -f "$BATS_TEST_TMPDIR/started"
	no_sanitizer_report
}

# A daemon that a sanitizer spoke about fails its test, whatever else the test has looked at.
no_sanitizer_report() {
	local found
	found=$(grep -rlE 'ERROR: (Address|Leak)Sanitizer|runtime error:' "$BATS_TEST_TMPDIR" --include='*.log' 2>/dev/null) || return 0
	echo "--- $found" >&2
	grep -hEA 30 'ERROR: (Address|Leak)Sanitizer|runtime error:' "$found" >&2
	fail "a sanitizer found something"
}

# Common part of the benchmarks: one server and one worker in a temporary root, ended by pid. Sourced by tests/bench/*.sh.
# shellcheck shell=sh disable=SC2034
set -eu
BUILD=${BUILD:-$PWD/build}
root=$(mktemp -d "${TMPDIR:-/tmp}/pj-bench.XXXXXX")
pids=

bench_stop() {
	for p in $pids; do kill "$p" 2>/dev/null || :; done
	for p in $pids; do wait "$p" 2>/dev/null || :; done
	pids=
	rm -rf "$root"
}
trap bench_stop EXIT
trap 'exit 130' INT TERM

wait_until() { # wait_until SECONDS COMMAND...
	_left=$(($1 * 20))
	shift
	until "$@" >/dev/null 2>&1; do
		_left=$((_left - 1))
		[ "$_left" -gt 0 ] || { echo "bench: gave up waiting for: $*" >&2; exit 1; }
		sleep 0.05
	done
}
has_worker() { "$BUILD/bin/pj-ctl" -r "$root" worker ls --tsv | grep -q .; }
ctl() { "$BUILD/bin/pj-ctl" -r "$root" "$@"; }
value() { sed -n "s/^$1=//p" "$2"; } # value KEY FILE
field() { printf '%s\n' "$2" | tr ' ' '\n' | sed -n "s/^$1=//p"; } # field KEY "k=v k=v"
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

bench_start() {
	mkdir -p "$root/log"
	"$BUILD/bin/pj-serverd" -r "$root" -o server.http=127.0.0.1:0 -o server.remote=127.0.0.1:0 2>"$root/log/serverd.log" &
	serverd=$!
	pids="$pids $serverd"
	wait_until 20 test -s "$root/run/server.addr"
	http=$(value http "$root/run/server.addr")
	"$BUILD/bin/pj-workerd" -r "$root" -o worker.app=default -o "worker.servers=$http" -o worker.listen=127.0.0.1:0 \
	    2>"$root/log/workerd.log" &
	workerd=$!
	pids="$pids $workerd"
	wait_until 30 has_worker
	password=$(cat "$root/etc/default.password")
}

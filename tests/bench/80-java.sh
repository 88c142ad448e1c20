#!/bin/sh
# PowerJob's own Java worker and OpenAPI client (5.1.1) on pj-serverd, beside the figures of PowerJob's own server with the
# same worker and client (measured on the same kind of machine: JDK 17, H2 file database, 1 GiB heap, 2 cores).
#
# Method: one server, one Java worker, one client JVM (tests/interop: BenchMain, BenchProcs), all on this machine.
#   start     from posix_spawn to the first HTTP answer: an empty root (database, keys, password), and a root in use
#   memory    private (Private_Clean + Private_Dirty) and resident, idle and after 2 x 2,000 runs
#   rate      N no-op runs from 8 client threads until the last is final; twice: the worker's JVM cold, then warm
#   sequential  N runs, one at a time: runJob call; call to the processor's first instruction; call to SUCCEED seen by
#             fetchInstanceStatus polled every 1 ms; CPU time of server and worker per run, polls included. R series, medians
#   map, cron, burst  as their rows say
# The floor beside it: the same client against tests/bench/floor.c, which answers at once, whatever it is asked; and the same
# worker against a server that does nothing but dispatch and take reports (playserver flood).
# and what a synchronous write costs in the same minute: a runJob call waits for one, a run for two.
# STEPS names other steps of BenchMain. Skips (exit 0) without JDK 11, Maven or PowerJob's packages.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
n=${N:-300} rounds=${R:-3} load=${LOAD:-2000}
classpath=$(BUILD=$BUILD sh tests/interop/compile 2>"$root/build.err") || {
	status=$?
	[ "$status" -eq 77 ] || { cat "$root/build.err" >&2; exit "$status"; }
	echo "java skipped: $(tail -n 1 "$root/build.err")"
	exit 0
}
mkdir -p "$root/log" "$root/home"
memory() { # memory PID: private and resident MiB
	awk '/^Private_(Clean|Dirty)/ { p += $2 } /^Rss/ { r = $2 }
	    END { printf "private_mib=%.1f resident_mib=%.1f", p / 1024, r / 1024 }' "/proc/$1/smaps_rollup"
}
cat >"$root/java" <<END
exec java -Xmx128m -Duser.home="$root/home" -Dpowerjob.network.local.address=127.0.0.1 -cp "$classpath" "\$@"
END
start_worker() { # start_worker HTTP PORT LOG
	sh "$root/java" pj.interop.WorkerMain "$1" default "$2" >"$root/log/$3" 2>&1 &
	java_worker=$!
	pids="$pids $java_worker"
}
client() { sh "$root/java" pj.interop.BenchMain "$@" 2>>"$root/log/client.log" | tee -a "$root/rows"; }
seen() { grep -q "$1" "$2"; }

"$BUILD/bin/pj-serverd" -r "$root" -o server.http=127.0.0.1:0 -o server.remote=127.0.0.1:0 2>"$root/log/serverd.log" &
serverd=$!
pids="$pids $serverd"
wait_until 20 test -s "$root/run/server.addr"
http=$(value http "$root/run/server.addr")
password=$(cat "$root/etc/default.password")
"$BUILD/tests/bench/floor" "$root/free.addr" & # a free port, for who cannot be told to find one
free=$!
pids="$pids $free"
wait_until 10 test -s "$root/free.addr"
worker_port=$(cut -d : -f 2 "$root/free.addr")
kill "$free"
wait "$free" 2>/dev/null || :
start_worker "$http" "$worker_port" worker.log
(wait_until 60 has_worker) || { tail -n 20 "$root/log/worker.log" >&2; exit 1; }
sleep 3
echo "memory when=idle program=pj-serverd $(memory "$serverd")" | tee -a "$root/rows"
echo "memory when=idle program=java-worker $(memory "$java_worker")" | tee -a "$root/rows"
client "$http" default "$password" "$root" "$serverd" "$java_worker" "rate=$load" "rate=$load"
echo "memory when=loaded program=pj-serverd $(memory "$serverd")" | tee -a "$root/rows"
echo "memory when=loaded program=java-worker $(memory "$java_worker")" | tee -a "$root/rows"
series=
while [ "$rounds" -gt 0 ]; do
	series="$series sequential=$n"
	rounds=$((rounds - 1))
done
steps=${STEPS:-$series cron=20 burst=50 map5=1000 map500=1000}
sync_ms() { # what one write of 4 KiB to the disk costs now, mean of 200
	dd if=/dev/zero of="$root/dd" bs=4k count=200 oflag=dsync 2>&1 |
	    awk '/copied/ { for (i = 2; i <= NF; i++) if ($i == "s,") printf "%.2f", $(i - 1) * 5 }'
}
echo "disk sync_ms=$(sync_ms)" | tee -a "$root/rows"
# shellcheck disable=SC2086
client "$http" default "$password" "$root" "$serverd" "$java_worker" $steps
echo "disk sync_ms=$(sync_ms)" | tee -a "$root/rows"
kill "$java_worker" "$serverd"
wait "$java_worker" "$serverd" 2>/dev/null || :

# Start: on the port that was free a moment ago.
for when in empty used used used; do
	mkdir -p "$root/start"
	took=$("$BUILD/tests/bench/firsthttp" "${http##*:}" "$BUILD/bin/pj-serverd" -r "$root/start" -o "server.http=$http" \
	    -o server.remote=127.0.0.1:0 2>>"$root/log/start.log")
	echo "start root=$when $took" | tee -a "$root/rows"
done

# The floors.
"$BUILD/tests/bench/floor" "$root/floor.addr" &
pids="$pids $!"
wait_until 10 test -s "$root/floor.addr"
client "$(cat "$root/floor.addr")" default x "$root" 0 0 "floorrate=$load" "floorrate=$load" "floor=$n" "floor=$n" "floor=$n"
mkdir -p "$root/play"
"$BUILD/tests/sh/playserver" serve "$root/play" 2>"$root/log/play.log" &
play=$!
pids="$pids $play"
wait_until 10 test -s "$root/play/addr"
start_worker "$(cat "$root/play/addr")" "$worker_port" worker2.log
wait_until 60 seen reportInstanceStatus\\\|workerHeartbeat "$root/play/log"
kill "$play"
wait "$play" 2>/dev/null || :
for at_once in 8 8 1 1; do
	count=$load
	[ $at_once -gt 1 ] || count=$n
	took=$(timeout 120 "$BUILD/tests/sh/playserver" flood "$root/play" "127.0.0.1:$worker_port" - "$count" $at_once '' \
	    pj.interop.BenchProcs\$Nop)
	echo "worker-floor at_once=$at_once $took" | tee -a "$root/rows"
done
awk -f tests/bench/java-table.awk "$root/rows"

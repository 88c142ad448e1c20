#!/usr/bin/env bats
# pj-run alone: by hand, as a runner under its spawner, and as the job's helper.
# shellcheck disable=SC2016 # scripts of jobs, and conditions of wait_for, in single quotes
# run-sh: parts of 5

load helpers

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	SEQ=0
	# Of its own: what is left of a run is found by its id, on all of the host, and other tests run beside this one.
	ID=7955$(printf %07d $$)$(date +%N | cut -c 2-9)
}

teardown() {
	exec 8>&- 9>&-
	stop_all
}

# --- by hand ---

# As bats' `run`, which finds fault with 127.
exec_() {
	status=0
	output=$(timeout 60 pj-run exec "$@" 2>&1) || status=$?
}

# hand NAME ARG...: pj-run exec in the background, known as HAND_PID.
hand() {
	start_daemon hand.log pj-run exec "$@"
	HAND_PID=$DAEMON_PID
}

slot() { # slot KEY [FILE]
	sed -n "s/^$1=//p" "${2:-1.slot}"
}

finished() {
	[ "$(slot state "$@")" = finished ]
}

# Processes that have this variable, whatever they did with sessions, groups and parents.
marked() {
	grep -laxzF "$1" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3 | while read -r pid; do
		! is_alive "$pid" || echo "$pid"
	done
}

# --- under the spawner ---

drive() { # drive ARG...: a spawner; orders to descriptor 8, reports in reports
	mkfifo orders
	start_daemon reports sh -c 'exec "$@" <orders' sh "$BUILD/tests/sh/drive_spawner" "$@" "$BUILD/bin/pj-run"
	DRIVER=$DAEMON_PID
	exec 8>orders
	wait_for 'grep -q ^spawner reports' 10
	SPAWNER=$(sed -n 's/^spawner pid=//p' reports)
	echo "$SPAWNER $(start_time "$SPAWNER")" >>started
}

# spec LINE...: a record for the next seq in ./spec, its script (the lines up to --) run by sh.
spec() { # spec SCRIPT [KEY=VALUE...]
	local script=$1
	shift
	SEQ=$((SEQ + 1))
	{
		# Of a key that comes twice the first counts.
		[ $# -eq 0 ] || printf '%s\n' "$@"
		printf '%s\n' op=run "slot=$PWD/1.slot" "seq=$SEQ" "instance=$ID" "attempt=$SEQ" app=demo \
		    job_id=1 job_name=test "spool=$PWD/$SEQ.log" timeout_ms=0 grace_ms=1000 log_max=0 log_full=drop \
		    "cwd=$PWD" "marker=PJ_RUN=$ID.$SEQ" arg=/bin/sh arg=-c "arg=${script//$'\n'/\\n}" \
		    "env=PATH=$PATH" "env=PJ_RUN=$ID.$SEQ" "env=ASAN_OPTIONS=$ASAN_OPTIONS" "env=HERE=$PWD"
	} >spec
}

order() { # order WORDS: to the driver
	echo "$*" >&8
}

report() { # report PATTERN: waits for a line of the driver
	wait_for "grep -q '$1' reports" 20
}

@test "help and version come from every mode; what is wrong is said with where to look" {
	run pj-run --version
	assert_eq "$status" 0
	[[ $output =~ ^pj-run\ [0-9] ]] || fail "$output"
	for mode in "" exec result log context spawner; do
		# shellcheck disable=SC2086
		run pj-run $mode --help
		assert_eq "$status" 0
		assert_has "$output" "usage: pj-run"
	done
	run pj-run exec --foo
	assert_eq "$status" 64
	assert_eq "$output" "pj-run exec: unknown option --foo; see pj-run exec --help"
	run pj-run
	assert_eq "$status" 64
	run pj-run nonsense
	assert_eq "$status" 64
	run pj-run exec
	assert_eq "$status" 64
	run pj-run exec -t 5x -- true
	assert_eq "$status" 64
	assert_has "$output" "5x"
	run pj-run exec -e novalue -- true
	assert_eq "$status" 64
	run pj-run spawner --fd 77
	assert_eq "$status" 64
	run pj-run map
	assert_eq "$status" 64
}

@test "exec: the job's own code, its streams, its environment and directory" {
	exec_ -- sh -c 'echo out; echo err >&2; exit 7'
	assert_eq "$status" 7
	assert_has "$output" out
	assert_has "$output" err
	exec_ -- sh -c 'kill -9 $$'
	assert_eq "$status" 137
	mkdir d
	exec_ --cwd d -e A=1 --env "B=x y" -- sh -c 'pwd; echo "$A,$B"'
	assert_eq "$output" "$PWD/d"$'\n'"1,x y"
	assert_eq "$(echo in | pj-run exec -- cat)" in
	exec_ -- sh -c 'echo $PJ_SOCKET'
	[[ $output == @pj/0.0.* ]] || fail "$output"
}

@test "exec: what cannot be run is said, with 127 or 126" {
	exec_ -- ./nothing
	assert_eq "$status" 127
	assert_eq "$output" "pj-run: cannot run ./nothing: No such file or directory"
	exec_ -- nothing-of-this-name
	assert_eq "$status" 127
	assert_has "$output" "not found in PATH"
	echo text >plain
	exec_ -- ./plain
	assert_eq "$status" 126
	assert_has "$output" "Permission denied"
	printf '#!/no/interpreter\n' >script
	chmod +x script
	exec_ -- ./script
	assert_eq "$status" 127
	assert_has "$output" "interpreter"
	exec_ -- "$PWD"
	assert_eq "$status" 126
	exec_ --cwd nowhere -- true
	assert_eq "$status" 126
	assert_has "$output" "nowhere"
	# A script without #! is one of sh, as for execvp.
	printf 'echo "$0 $1"\n' >script
	exec_ -- ./script one
	assert_eq "$output" "./script one"
	PATH=$PWD:$PATH exec_ -- script two
	assert_eq "$output" "$PWD/script two"
}

@test "exec: the time limit ends a job, also one that ignores TERM, and all it started" {
	exec_ -t 300ms -- sleep 60
	assert_eq "$status" 124
	exec_ -t 300ms -g 300ms -e MARK="$PWD" -- sh -c 'trap "" TERM; while :; do sleep 60; done'
	assert_eq "$status" 124
	assert_eq "$(marked "MARK=$PWD")" ""
	# In time is in time, however short.
	exec_ -t 20s -- true
	assert_eq "$status" 0
}

@test "exec: TERM, INT and HUP stop it: descendants in other sessions, orphans and stopped ones included" {
	cat >tree <<-'END'
		trap '' TERM
		setsid sh -c 'trap "" TERM; setsid sleep 61 & sleep 62 & echo >>up; wait' &
		(sh -c 'sleep 63 & echo >>up; exec sleep 64' &)
		sh -c 'echo >>up; kill -STOP $$; sleep 65' &
		echo >>up
		while :; do sleep 60; done
	END
	local code=129 signal
	for signal in HUP INT TERM; do
		rm -f up
		hand -g 500ms -e MARK="$PWD" -- sh tree
		wait_for '[ "$(lines_of up)" = 4 ]' 10
		[ "$(marked "MARK=$PWD" | wc -l)" -ge 6 ] || fail "too few: $(marked "MARK=$PWD")"
		kill -$signal "$HAND_PID"
		wait_for "! is_alive $HAND_PID" 10
		assert_eq "$(marked "MARK=$PWD")" ""
	done
	run timeout --preserve-status -s INT 0.5 pj-run exec -- sleep 60
	assert_eq "$status" 130
}

@test "exec: what a program that ended left behind is ended too" {
	exec_ -e MARK="$PWD" -- sh -c 'setsid sleep 60 & (sleep 61 &); trap "" TERM; sleep 62 & exit 3'
	assert_eq "$status" 3
	assert_eq "$(marked "MARK=$PWD")" ""
}

@test "slot and spool by hand: result, levels, order, one more seq" {
	exec_ --slot 1.slot --spool 1.log -- sh -c 'echo one; pj-run log warn two; echo three; echo; printf four >&2'
	assert_eq "$status" 0
	assert_eq "$output" ""
	assert_eq "$(slot state) $(slot end) $(slot exit) $(slot signal) $(slot seq)" "finished exit 0 0 1"
	assert_eq "$(slot result)" three
	assert_eq "$(slot log_length)" "$(stat -c %s 1.log)"
	assert_eq "$(stat -c %a 1.log 1.slot | sort -u)" 600
	assert_eq "$(stat -c %s 1.slot)" 16384
	grep -qE '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z INFO  one$' 1.log
	assert_eq "$(grep -E 'INFO|one|two|three' 1.log | cut -c26-)" $'INFO  one\nWARN  two\nINFO  three\nINFO  '
	assert_eq "$(grep -c 'WARN  four$' 1.log)" 1
	exec_ --slot 1.slot -- sh -c 'exit 4'
	assert_eq "$(slot seq) $(slot exit)" "2 4"
	# Nothing printed: no file.
	exec_ --slot 1.slot --spool 2.log -- true
	[ ! -e 2.log ]
	assert_eq "$(slot result)" ""
}

@test "spool: 10 MB, each line once and in order; a line of 1 MB in marked pieces; bytes as they are" {
	exec_ --slot 1.slot --spool 1.log -- sh -c 'seq 1 1500000'
	assert_eq "$status" 0
	[ "$(seq 1 1500000 | wc -c)" -gt 10000000 ]
	cut -c32- 1.log | cmp - <(seq 1 1500000)
	assert_eq "$(slot log_length) $(slot log_dropped) $(slot result)" "$(stat -c %s 1.log) 0 1500000"

	head -c 1048576 /dev/zero | tr '\0' x >big
	exec_ --slot 1.slot --spool 2.log -- sh -c 'cat big; echo; echo end'
	assert_eq "$(lines_of 2.log)" 17
	assert_eq "$(grep -c ' \\$' 2.log)" 15
	sed '$d; s/ \\$//' 2.log | cut -c32- | tr -d '\n' | cmp - big

	head -c 300000 /dev/urandom >random
	exec_ --slot 1.slot --spool 3.log -- sh -c 'cat random; echo; printf "a\\0b\\377\\n"'
	LC_ALL=C awk '{ t = substr($0, 32); if (sub(/ \\$/, "", t) && length(t) >= 65533) printf "%s", t; else print t }' 3.log |
	    cmp - <(cat random; echo; printf 'a\0b\377\n')
	assert_eq "$(slot result)" "$(printf 'a\357\277\275b\357\277\275')"
}

@test "spool: the cap drops with one mark, or holds the job; a full disk ends nothing" {
	exec_ --slot 1.slot --spool 1.log --log-max 10k -- sh -c 'seq 1 10000; echo last'
	assert_eq "$status" 0
	[ "$(stat -c %s 1.log)" -le 10400 ] || fail "too long"
	assert_eq "$(grep -c 'pj: log cap of 10240 bytes reached, output dropped' 1.log)" 1
	assert_eq "$(slot result)" last
	local kept
	kept=$(grep -c INFO 1.log)
	assert_eq "$(slot log_dropped)" "$( (seq $((kept + 1)) 10000; echo last) | wc -c)"

	exec_ --slot 1.slot --spool /dev/full -- sh -c 'echo lost; echo kept as result'
	assert_eq "$status" 0
	assert_eq "$(slot result)" "kept as result"
	[ "$(slot log_dropped)" -gt 40 ]
	assert_has "$output" '/dev/full: '
	assert_has "$output" 'bytes of output lost: No space left'

	exec_ --spool no/such/dir/1.log -- touch started
	assert_eq "$status" 74
	assert_has "$output" 'cannot write the spool file no/such/dir/1.log: No such file or directory'
	[ ! -e started ]
	exec_ --spool "$BATS_TEST_TMPDIR" -- touch started
	assert_eq "$status" 74
	[ ! -e started ]

	drive
	SEQ=10
	spec 'seq 1 100000; echo >through' log_max=10000 log_full=block
	order "run $PWD/spec"
	wait_for 'grep -q "the job is held" 11.log' 10
	local size
	size=$(stat -c %s 11.log)
	[ ! -e through ]
	kill -TERM "$(slot run_pid)"
	wait_for finished 10
	assert_eq "$(slot end)" stopped
	[ ! -e through ]
	[ "$(stat -c %s 11.log)" -lt $((size + 1000000)) ]
}

@test "result: set by the job, from an argument or its input, cut at 8096 bytes between characters" {
	exec_ --slot 1.slot --spool 1.log -- sh -c 'pj-run result "the first"; pj-run result "two
lines \\ and"; echo later'
	assert_eq "$status" 0
	assert_eq "$(slot result)" 'two\nlines \\ and'
	exec_ --slot 1.slot --spool 1.log -- sh -c 'echo from input | pj-run result; echo later'
	assert_eq "$(slot result)" 'from input'
	exec_ --slot 1.slot --spool 1.log -- sh -c '(printf abcdefghi; yes 0123456789ä | head -n 5000 | tr -d "\n") | pj-run result -'
	assert_eq "$status" 0
	local got
	got=$(slot result)
	assert_eq "$(printf %s "$got" | wc -c)" 8098
	assert_eq "${got: -5}" "89..."
	# The last line is cut in the same way.
	exec_ --slot 1.slot --spool 1.log -- sh -c 'yes 0123456789 | head -n 5000 | tr -d "\n"; echo'
	assert_eq "$(slot result | tr -d '\n' | wc -c)" 8099
	# It is recorded when the helper has returned, whatever comes then.
	hand --slot 1.slot --spool 1.log -- sh -c 'pj-run result early; echo >up; sleep 60'
	wait_for '[ -e up ]' 10
	kill_pid "$HAND_PID"
	assert_eq "$(slot state) $(slot result)" "running early"
}

@test "log: levels, several lines, standard input; after what was printed before" {
	exec_ --spool 1.log -- sh -c 'echo a; pj-run log ERROR b c; echo d; printf "1\n2\n" | pj-run log debug; pj-run log INFO "x
y"'
	assert_eq "$status" 0
	assert_eq "$(cut -c26- 1.log)" $'INFO  a\nERROR b c\nINFO  d\nDEBUG 1\nDEBUG 2\nINFO  x\nINFO  y'
	exec_ --spool 2.log -- sh -c 'head -c 200000 /dev/zero | tr "\0" z | pj-run log WARN -'
	assert_eq "$status" 0
	assert_eq "$(cut -c32- 2.log | tr -d '\n' | wc -c)" 200000
	exec_ --spool 3.log -- pj-run log loud text
	assert_eq "$status" 64
}

@test "context: keys are set and replaced; bad keys and too much of it are refused" {
	exec_ --slot 1.slot --spool 1.log -- sh -ec 'pj-run context set a 1; pj-run context set jobKey.2 "x y"; pj-run context set a 3'
	assert_eq "$status" 0
	assert_eq "$(slot context)" 'jobKey.2=x y\na=3\n'
	exec_ --slot 1.slot --spool 1.log -- pj-run context set 'a=b' 1
	assert_eq "$status" 65
	exec_ --slot 1.slot --spool 1.log -- sh -c 'pj-run context set a "$(head -c 4090 /dev/zero | tr "\0" x)" && pj-run context set b 1'
	assert_eq "$status" 65
	assert_has "$(slot context)" a=xxx
	exec_ --spool 1.log -- pj-run context get a
	assert_eq "$status" 64
}

@test "the helpers outside a job say so" {
	run pj-run result x
	assert_eq "$status" 64
	assert_eq "$output" "pj-run: this works only inside a job: PJ_SOCKET is not set"
	PJ_SOCKET=@pj/1.1.gone run pj-run log INFO x
	assert_eq "$status" 69
	PJ_SOCKET=/some/path run pj-run context set a b
	assert_eq "$status" 64
}

@test "the job's socket hears our user and root only" {
	[ "$(id -u)" = 0 ] || skip "only root can be another user"
	command -v setpriv >/dev/null || skip "setpriv is missing"
	cp "$(command -v pj-run)" /tmp/pj-run.$$ && chmod 755 /tmp/pj-run.$$
	hand --slot 1.slot --spool 1.log -- sh -c 'echo $PJ_SOCKET >sock; sleep 60'
	wait_for '[ -s sock ]' 10
	PJ_SOCKET=$(cat sock) run setpriv --reuid=65534 --clear-groups /tmp/pj-run.$$ result stolen
	rm -f /tmp/pj-run.$$
	assert_eq "$status" 69
	PJ_SOCKET=$(cat sock) pj-run result ours
	assert_eq "$(slot result)" ours
	stop_pid "$HAND_PID"
}

@test "the job's socket: nonsense is answered, idle connections keep nobody out" {
	drive
	spec 'echo $PJ_SOCKET >sock; while [ ! -e go ]; do sleep 0.05; done'
	order "run $PWD/spec"
	wait_for '[ -s sock ]' 10
	local sock text n=0
	sock=$(cat sock)
	for text in 'x' 'PJ2 result\ntext=a\n' 'PJ1 dance\n' 'PJ1 result\n' 'PJ1 result\nno record' 'PJ1 result\ntext=\q\n' 'PJ1 \n' \
	    'PJ1 log\nlevel=LOUD\ntext=x\n' 'PJ1 log\nlevel=INFO\n' 'PJ1 context\nkey=a b\nvalue=1\n' 'PJ1 context\nkey=a\n' \
	    'PJ1 a-verb-that-is-much-too-long\n'; do
		order "say $sock $text"
		n=$((n + 1))
		wait_for '[ "$(grep -c "^said PJ1 error text=." reports)" = $n ]' 10
	done
	order "idle $sock 30"
	order "say $sock PJ1 result\ntext=heard\n"
	report '^said PJ1 ok'
	touch go
	report '^op=exited .*status=0'
	assert_eq "$(slot result) $(slot context)" "heard "
}

@test "spawner: starts, runs with exactly what the spec says, rings, tells of the end" {
	drive -b "$PWD/bell"
	spec 'env | sort; cat; echo err >&2; echo the result' 'input=line 1\nline 2\n' "bell=$PWD/bell"
	order "run $PWD/spec"
	report '^ring slot=.*/1.slot seq=1$'
	report '^op=exited .* seq=1 .*status=0$'
	grep -qE '^op=started slot=.*/1.slot seq=1 pid=[0-9]+ start=[0-9]+$' reports
	assert_eq "$(slot state) $(slot seq) $(slot end) $(slot exit)" "finished 1 exit 0"
	assert_eq "$(slot instance) $(slot attempt) $(slot result)" "$ID 1 the result"
	assert_eq "$(slot boot)" "$(cat /proc/sys/kernel/random/boot_id)"
	assert_has "$(cat reports)" "pid=$(slot run_pid) start=$(slot run_start)"
	assert_eq "$(cut -c32- 1.log | grep -c '^line [12]$')" 2
	assert_eq "$(cut -c32- 1.log | sed -n 's/^\([A-Z_]*\)=.*/\1/p' | grep -v -e PWD -e SHLVL -e '^_' -e ASAN | xargs)" \
	    "HERE PATH PJ_RUN PJ_SOCKET"
	assert_eq "$(slot user_us | grep -c '^[0-9]')" 1
	exec 8>&-
	report '^spawner exit=0'
}

@test "spawner: ps tells the runs apart; a run has no descriptors but its own" {
	drive
	spec 'ls -l /proc/self/fd; sleep 60'
	order "run $PWD/spec"
	report '^op=started'
	wait_for 'grep -q " 2 -> " 1.log' 10
	assert_eq "$(tr '\0' ' ' <"/proc/$(slot run_pid)/cmdline")" "pj-run instance $ID.1 "
	# ls has its three and the directory.
	assert_eq "$(grep -c ' -> ' 1.log)" 4
	assert_eq "$(find "/proc/$(slot run_pid)/fd" -lname 'socket:*' | wc -l)" 1
	assert_eq "$(find "/proc/$(slot run_pid)/fd" -lname '*/reports' | wc -l)" 0
	kill -TERM "$(slot run_pid)"
	report '^op=exited'
	assert_eq "$(slot end) $(slot signal)" "stopped 15"
}

@test "spawner: the next run is forked in advance; it may die, and leaves with the spawner" {
	drive
	wait_for 'pgrep -P "$SPAWNER"' 10
	spare=$(pgrep -P "$SPAWNER")
	spec 'echo x >>ran'
	order "run $PWD/spec"
	report '^op=exited .*status=0$'
	assert_has "$(cat reports)" "pid=$spare "
	assert_eq "$(slot run_pid) $(slot run_start)" "$spare $(sed -n 's/^op=started.* start=\([0-9]*\).*/\1/p' reports)"
	wait_for 'pgrep -P "$SPAWNER"' 10
	kill -9 "$(pgrep -P "$SPAWNER")"
	wait_for '! pgrep -P "$SPAWNER"' 10
	spec 'echo x >>ran'
	order "run $PWD/spec"
	report '^op=exited .*seq=2 .*status=0$'
	wait_for 'pgrep -P "$SPAWNER"' 10
	spare=$(pgrep -P "$SPAWNER")
	kill -9 "$SPAWNER"
	wait_for '! is_alive "$spare"' 10
	assert_eq "$(lines_of ran)" 2
}

@test "claim: the same start twice runs once; an older one never" {
	drive
	spec 'echo x >>ran; sleep 0.3'
	order "run $PWD/spec"
	order "run $PWD/spec"
	wait_for '[ "$(grep -c ^op=exited reports)" = 2 ]' 20
	assert_eq "$(lines_of ran)" 1
	assert_eq "$(grep -c 'status=0$' reports) $(grep -c 'status=256$' reports)" "1 1"
	SEQ=6
	spec 'echo x >>ran'
	order "run $PWD/spec"
	report 'op=exited .*seq=7 '
	SEQ=5
	spec 'echo stale >>ran'
	order "run $PWD/spec"
	report 'op=exited .*seq=6 .*status=256$'
	assert_eq "$(grep -c x ran) $(slot seq)" "2 7"
	assert_eq "$(grep -c stale ran)" 0
}

@test "claim: a next start waits for the last holder to leave; a damaged slot starts nothing" {
	drive
	spec 'echo 1 >>ran; sleep 1'
	order "run $PWD/spec"
	wait_for '[ -s ran ]' 10
	spec 'echo 2 >>ran'
	order "run $PWD/spec"
	report 'op=exited .*seq=2 .*status=0$'
	assert_eq "$(xargs <ran)" "1 2"
	printf 'pj-slot 1\nsum=00000000\nlen=5\nseq=1\n' | dd of=1.slot conv=notrunc status=none
	spec 'echo 3 >>ran'
	order "run $PWD/spec"
	report 'op=exited .*seq=3 .*status=16640$'
	assert_eq "$(xargs <ran)" "1 2"
	assert_has "$(cat reports)" "damaged"
}

@test "spawner: bad specs and a fork that fails are refused, not lost; garbage ends it" {
	drive
	printf 'op=run\nseq=1\nslot=%s/1.slot\n' "$PWD" >spec
	order "run $PWD/spec"
	report '^op=refused .*seq=1 reason=the run has no spool'
	echo 'op=dance' >spec
	order "run $PWD/spec"
	report '^op=refused .*reason=unknown op'
	echo 'no equals sign' >spec
	order "run $PWD/spec"
	report '^op=refused .*reason=line 1'
	spec 'echo ran >ran'
	order "run $PWD/spec"
	report '^op=exited .*status=0'
	[ -e ran ]
	order "raw GET / HTTP/1.1"
	report '^spawner exit=76'

	rm -f orders
	drive -p
	spec 'echo again >ran'
	order "run $PWD/spec"
	report '^op=refused .*seq=2 reason=cannot fork: Resource temporarily unavailable'
	assert_eq "$(cat ran)" ran
}

@test "spawner: its runs live on when the socket is closed, and when it is killed" {
	drive
	spec 'echo up >up; while [ ! -e go ]; do sleep 0.05; done; echo after; exit 5'
	order "run $PWD/spec"
	wait_for '[ -e up ]' 10
	exec 8>&-
	report '^spawner exit=0'
	touch go
	wait_for finished 10
	assert_eq "$(slot exit) $(slot result)" "5 after"

	rm -f orders reports up go
	drive
	spec 'echo up >up; while [ ! -e go ]; do sleep 0.05; done; echo after; exit 6'
	order "run $PWD/spec"
	wait_for '[ -e up ]' 10
	kill_pid "$SPAWNER"
	touch go
	wait_for finished 10
	assert_eq "$(slot exit) $(slot seq)" "6 2"
}

@test "bell: absent, mute, dead or full, it holds nothing up" {
	local kind from took
	for kind in absent mute dead full; do
		rm -f orders reports bell
		case $kind in
		absent) drive ;;
		mute) drive -b "$PWD/bell" -n ;;
		dead) drive -b "$PWD/bell" -n && mv bell dead && rm -f bell && printf x >bell ;;
		full) drive -b "$PWD/bell" -f ;;
		esac
		spec 'echo done' "bell=$PWD/bell"
		from=$(now_ms)
		order "run $PWD/spec"
		report "^op=exited .*seq=$SEQ .*status=0"
		took=$(($(now_ms) - from))
		assert_eq "$(slot state) $(slot seq) $(slot result)" "finished $SEQ done"
		# 150 ms of waiting at most; the rest is the fdatasync, and this script's looking.
		[ $took -lt $((2000 * ${PJ_SLOW:-1})) ] || fail "$kind: $took ms"
		exec 8>&-
		wait_for "! is_alive $DRIVER" 10
	done
}

@test "the limit and the failures of a start are in the slot" {
	drive
	spec 'trap "" TERM; sleep 60 & wait; sleep 61' timeout_ms=300 grace_ms=200
	order "run $PWD/spec"
	report '^op=exited'
	assert_eq "$(slot state) $(slot end) $(slot signal)" "finished timeout 9"
	grep -q 'WARN  pj: time limit reached' 1.log
	assert_eq "$(marked "PJ_RUN=$ID.1")" ""
	spec : arg=./nothing
	order "run $PWD/spec"
	report "^op=exited .*seq=$SEQ .*status=0"
	assert_eq "$(slot state) $(slot end) $(slot exit) $(slot job_pid)" "finished failed 127 0"
	assert_eq "$(slot result)" "cannot run ./nothing: No such file or directory"
	spec : cwd=/no/where
	order "run $PWD/spec"
	report "^op=exited .*seq=$SEQ .*status=0"
	assert_eq "$(slot end) $(slot exit)" "failed 126"
	assert_eq "$(slot result)" "cannot change to directory /no/where: No such file or directory"
}

@test "kill -9 of pj-run at any moment: nothing of the job goes on, and what ran is known" {
	local i delay
	drive
	for i in {1..40}; do
		delay=$(((i % 20) * (i % 20) * 60))
		spec 'echo "$PJ_RUN" >>ran; sleep 60 & sleep 61'
		order "kill $delay $PWD/spec"
		report "^op=exited .*seq=$i .*status=9$"
		# The program dies with it; its children may go on for a supervisor to end by their mark.
		[ "$(slot state)" != running ] || [ "$(slot seq)" != "$i" ] || wait_for "! is_alive $(slot job_pid) $(slot job_start)" 5
		if grep -qxF "$ID.$i" ran; then
			assert_eq "$(slot seq) $(slot state)" "$i running"
			assert_eq "$(grep -cxF "$ID.$i" ran)" 1
		fi
		case $(slot state) in claimed | running) ;; *) [ "$(slot seq)" != "$i" ] || fail "$(slot state)" ;; esac
		marked "PJ_RUN=$ID.$i" | xargs -r kill -9
	done
	[ "$(lines_of ran)" -gt 5 ] || fail "only $(lines_of ran) of 40 came to run"
	# The slot is free for the next.
	spec 'echo fine'
	order "run $PWD/spec"
	report "^op=exited .*seq=$SEQ .*status=0"
	assert_eq "$(slot result)" fine
}

@test "heartbeat: a run that sleeps is written again every ten seconds" {
	hand --slot 1.slot -- sleep 60
	wait_for '[ "$(slot state)" = running ]' 10
	local first
	first=$(slot heartbeat)
	wait_for '[ "$(slot heartbeat)" -ge $((first + 9000)) ]' 15
	stop_pid "$HAND_PID"
	assert_eq "$(slot end)" stopped
}

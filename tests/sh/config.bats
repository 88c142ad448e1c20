#!/usr/bin/env bats
# pj.ini through the real programs: what is in force is printed, what is wrong is named, nothing is touched before.
load helpers

daemons=(pj-serverd pj-workerd pj-discover pj-health pj-logship)

setup() {
	R=$BATS_TEST_TMPDIR/root
	mkdir -p "$R/etc"
}

refused() { # refused TEXT-OF-PJ.INI PART...
	printf '%b' "$1" >"$R/etc/pj.ini"
	shift
	run pj-serverd -r "$R"
	assert_eq "$status" 78
	assert_has "$output" "$R/etc/pj.ini:"
	for part; do
		assert_has "$output" "$part"
	done
}

@test "pj-workerd -n refuses what its start refuses in worker.allow" {
	run pj-workerd -r "$BATS_TEST_TMPDIR/r" -o worker.allow=exec,nonsense -n
	assert_eq "$status" 78
	assert_has "$output" 'worker.allow: "nonsense" is no kind of job'
	pj-workerd -r "$BATS_TEST_TMPDIR/r" -o worker.allow=exec,/opt/jobs/ -n | grep -q '^allow'
}

@test "every daemon prints the configuration that is in force, and that reads back the same" {
	printf '[worker]\nslots = 7\ntags = "a ;b"\n' >"$R/etc/pj.ini"
	for d in "${daemons[@]}"; do
		"$d" -r "$R" -o server.id=5 -n >"$BATS_TEST_TMPDIR/$d.ini"
		grep -qx 'slots = 7' "$BATS_TEST_TMPDIR/$d.ini"
		grep -qx 'tags = "a ;b"' "$BATS_TEST_TMPDIR/$d.ini"
		grep -qx 'id = 5' "$BATS_TEST_TMPDIR/$d.ini"
		cmp "$BATS_TEST_TMPDIR/$d.ini" "$BATS_TEST_TMPDIR/pj-serverd.ini"
	done
	pj-serverd -c "$BATS_TEST_TMPDIR/pj-serverd.ini" -n | cmp - "$BATS_TEST_TMPDIR/pj-serverd.ini"
	# Printing makes nothing.
	run ls "$R"
	assert_eq "$output" etc
}

@test "every key off its default survives being printed and read" {
	options=(-r "$R")
	while IFS=$'\t' read -r name type dflt _ _; do
		case $name/$type in
		root/*) continue ;;
		worker.log_full/*) value=block ;;
		log.level/*) value=error ;;
		*/text) value="x; \"y\" # z" ;;
		*/list) value="[::1]:5,host:6" ;;
		*/address) value=192.0.2.7:4242 ;;
		*/bool) [ "$dflt" = yes ] && value=no || value=yes ;;
		*/count) value=33 ;;
		*/duration) value=1d2h3m4s5ms ;;
		*/size) value=777K ;;
		*) fail "no value for $name of type $type" ;;
		esac
		options+=(-o "$name=$value")
	done < <("$BUILD/tests/sh/config_keys")
	# 1d2h is over what some intervals may be; those get their own.
	pj-serverd "${options[@]}" -o worker.heartbeat=3s -o worker.discover=3s -o worker.report=3s -o peer.max_skew=3s \
	    -o worker.stop_grace=3s -o server.start_grace=3s -o server.dispatch_timeout=3s -n >"$BATS_TEST_TMPDIR/all.ini"
	pj-serverd -c "$BATS_TEST_TMPDIR/all.ini" -n | diff "$BATS_TEST_TMPDIR/all.ini" -
	# Nothing but the root is as it was.
	flat() { awk '/^\[/ { section = $0 } / =/ { print section, $0 }' | sort; }
	pj-serverd -r "$R" -n | flat >"$BATS_TEST_TMPDIR/defaults"
	flat <"$BATS_TEST_TMPDIR/all.ini" >"$BATS_TEST_TMPDIR/all"
	assert_eq "$(comm -12 "$BATS_TEST_TMPDIR/defaults" "$BATS_TEST_TMPDIR/all")" " root = $R"
}

@test "later sources win: root's file, PJ_CONFIG, -c, -o" {
	printf '[worker]\nslots = 1\n' >"$R/etc/pj.ini"
	printf '[worker]\nslots = 2\n' >"$BATS_TEST_TMPDIR/env.ini"
	printf '[worker]\nslots = 3\n' >"$BATS_TEST_TMPDIR/file.ini"
	slots() { pj-workerd "$@" -n | sed -n 's/^slots = //p'; }
	assert_eq "$(slots -r "$R")" 1
	assert_eq "$(PJ_ROOT=$R slots)" 1
	assert_eq "$(PJ_CONFIG=$BATS_TEST_TMPDIR/env.ini slots -r "$R")" 2
	assert_eq "$(PJ_CONFIG=$BATS_TEST_TMPDIR/env.ini slots -r "$R" -c "$BATS_TEST_TMPDIR/file.ini")" 3
	assert_eq "$(slots -r "$R" -c "$BATS_TEST_TMPDIR/file.ini" -o worker.slots=4 -o worker.slots=5)" 5
}

@test "a relative root is the current directory's" {
	cd "$R"
	run pj-serverd -r . -n
	assert_has "$output" "root = $(pwd)"
	assert_has "$output" "state = $(pwd)/state"
}

@test "a root's own file stands alone: /etc/pj/pj.ini is for installations without a root" {
	unshare -rm true 2>/dev/null || skip "no mount namespaces here"
	mkdir -p "$BATS_TEST_TMPDIR/etc/pj" "$R/etc"
	printf '[worker]\nslots = 9\n' >"$BATS_TEST_TMPDIR/etc/pj/pj.ini"
	# shellcheck disable=SC2016 # the inner shell's
	in_namespace() { unshare -rm bash -c 'mount --bind "$0" /etc && exec "$@"' "$BATS_TEST_TMPDIR/etc" "$@"; }
	run in_namespace "$BUILD/bin/pj-workerd" -n
	assert_has "$output" "slots = 9"
	assert_has "$output" "state = /var/lib/pj"
	run in_namespace "$BUILD/bin/pj-workerd" -r "$R" -n
	assert_has "$output" "slots = 1024"
	printf 'root = %s\n[worker]\nslots = 9\nstarts = 9\n' "$R" >"$BATS_TEST_TMPDIR/etc/pj/pj.ini"
	printf '[worker]\nstarts = 8\n' >"$R/etc/pj.ini"
	run in_namespace "$BUILD/bin/pj-workerd" -n
	assert_has "$output" "slots = 9"
	assert_has "$output" "starts = 8"
	assert_has "$output" "state = $R/state"
}

@test "a broken pj.ini is named by file, line and key, with what is allowed" {
	refused '[worker]\nslots = 0\n' ":2: worker.slots" "1 to 65536"
	refused '[worker]\nslotz = 3\n' ":2: unknown key worker.slotz" "did you mean worker.slots?"
	refused '[worker]\nslots = 3\n\nslots = 3\n' ":4: worker.slots is set again: line 2"
	refused '[werker]\n' ":1: unknown section [werker]" "did you mean [worker]?"
	refused '\nnonsense\n' ":2: expected \"key = value\""
	refused '[server]\nhttp = 7700\n' ":2: server.http" "host:port"
	refused '[server]\nkeep_logs = soon\n' ":2: server.keep_logs" "no duration"
	refused "[worker]\ntags = $(printf 'x%.0s' {1..200})\n" ":2: the line is" "at most 199"
	# Nothing was made on the way.
	run ls "$R"
	assert_eq "$output" etc
}

@test "a wrong -o, a missing -c, a directory for a file" {
	run pj-serverd -r "$R" -o worker.slits=3
	assert_eq "$status" 78
	assert_has "$output" "-o worker.slits=3: unknown key worker.slits; did you mean worker.slots?"
	run pj-serverd -r "$R" -c "$R/none.ini"
	assert_eq "$status" 78
	assert_has "$output" "$R/none.ini: No such file"
	PJ_CONFIG=$R/none.ini run pj-workerd -r "$R" -n
	assert_eq "$status" 78
	assert_has "$output" "PJ_CONFIG"
	run pj-serverd -c "$R" -n
	assert_eq "$status" 78
	run pj-serverd --no-such-option
	assert_eq "$status" 64
}

@test "an unreadable pj.ini is not taken for an absent one" {
	echo '[worker]' >"$R/etc/pj.ini"
	ln -sf "$R/etc/pj.ini" "$R/etc/loop" && ln -sf loop "$R/etc/pj.ini"
	run pj-serverd -r "$R" -n
	assert_eq "$status" 78
	assert_has "$output" "$R/etc/pj.ini"
}

#!/usr/bin/env bats
# The examples of the manual pages are run. A literal block behind a line `.\" test` is an example: lines that begin with
# `$ ` are commands (the next ones belong to them while they end with a backslash), the lines below a command are what it
# prints; none: that does not matter, and a line `...` stands for any lines. Every command must exit 0. Each page has an
# empty directory, and a server and a worker of its own; the blocks of a page run in one shell, one after the other.
load helpers

teardown() {
	stop_all
}

# The marked blocks of a page as they are displayed.
blocks_of() {
	awk '
	/^\.\\" test/ { marked = 1; next }
	/^\.Bd / && marked { on = 1; marked = 0; next }
	/^\.Ed/ { on = 0 }
	on {
		gsub(/\\\(aq/, "\047"); gsub(/\\e/, "\\"); gsub(/\\&/, ""); gsub(/\\-/, "-"); gsub(/\\\(dq/, "\"")
		gsub(/\\\(ga/, "`"); gsub(/\\\(ti/, "~"); gsub(/\\\(ha/, "^")
		print
	}' "$1"
}

# Splits blocks into $1/N.sh and $1/N.want.
split_commands() {
	awk -v dir="$1" '
	/^\$ / { n++; sub(/^\$ /, ""); file = dir "/" n ".sh"; print >file; more = /\\$/; next }
	more { print >file; more = /\\$/; next }
	n > 0 { print >(dir "/" n ".want") }'
}

# One script of all commands: the output of each in N.out, its exit status in N.code.
write_script() {
	local n
	for ((n = 1; ; n++)); do
		[ -e "$1/$n.sh" ] || break
		printf '{\n'
		cat "$1/$n.sh"
		printf '\n} >"%s/%d.out" 2>"%s/%d.err"\necho $? >"%s/%d.code"\n' "$1" "$n" "$1" "$n" "$1" "$n"
	done
}

matches() { # matches WANT OUT: `...` lines stand for any lines
	awk 'NR == FNR { want[++n] = $0; next } { got[++m] = $0 }
	function fits(i, j) {
		if (i > n)
			return j > m
		if (want[i] == "...")
			return fits(i + 1, j) || (j <= m && fits(i, j + 1))
		return j <= m && want[i] == got[j] && fits(i + 1, j + 1)
	}
	END { exit !fits(1, 1) }' "$1" "$2"
}

run_page() { # run_page PAGE
	local dir=$BATS_TEST_TMPDIR/examples n=0
	mkdir -p "$dir/cwd"
	blocks_of "$TOP/man/$1" | split_commands "$dir"
	write_script "$dir" >"$dir/all.sh"
	(
		cd "$dir/cwd"
		export PJ_ROOT=$SERVER_ROOT PJ_APP_PASSWORD=
		timeout "${EXAMPLES_LIMIT:-$((60 * ${PJ_SLOW:-1}))}" bash "$dir/all.sh" </dev/null 3>&-
	) || fail "$1: its examples did not end" || return 1
	for ((n = 1; ; n++)); do
		[ -e "$dir/$n.sh" ] || break
		if [ "$(cat "$dir/$n.code" 2>/dev/null)" != 0 ]; then
			fail "$1: exit $(cat "$dir/$n.code"): $(cat "$dir/$n.sh"): $(cat "$dir/$n.err")" || return 1
		fi
		if [ -e "$dir/$n.want" ] && ! matches "$dir/$n.want" "$dir/$n.out"; then
			diff "$dir/$n.want" "$dir/$n.out" >&2 || true
			fail "$1: prints something else: $(cat "$dir/$n.sh")" || return 1
		fi
	done
	COUNT=$((n - 1))
}

@test "what is marked is found, and a wrong example fails" {
	mkdir "$BATS_TEST_TMPDIR/man"
	cat >"$BATS_TEST_TMPDIR/man/x.1" <<'PAGE'
.\" test
.Bd -literal
$ echo \(aqa  b\(aq; echo \e
    c
a  b
\&...
c
$ true
.Ed
.Bd -literal
$ exit 9
.Ed
PAGE
	TOP=$BATS_TEST_TMPDIR SERVER_ROOT=/nonexistent run_page x.1
	assert_eq "$COUNT" 2
	for wrong in 's/^c$/d/' 's/^. true/$ false/' 's/^. true/$ sleep 100/'; do
		rm -rf "$BATS_TEST_TMPDIR/examples"
		sed "$wrong" "$BATS_TEST_TMPDIR/man/x.1" >"$BATS_TEST_TMPDIR/man/y.1"
		! EXAMPLES_LIMIT=2 TOP=$BATS_TEST_TMPDIR SERVER_ROOT=/nonexistent run_page y.1 || fail "not seen: $wrong"
	done
}

@test "pj-ctl(1)" {
	start_server
	start_worker
	wait_worker_known
	run_page pj-ctl.1
	[ "$COUNT" -ge 15 ] || fail "only $COUNT commands"
}

@test "every other page with marked examples" {
	for page in $(cd "$TOP/man" && grep -lE '^\.\\" test' ./*.[1578] | sed 's|^\./||'); do
		[ "$page" != pj-ctl.1 ] || continue
		unset SERVER_ROOT WORKER_ROOT
		SERVER_ROOT=$BATS_TEST_TMPDIR/$page.server WORKER_ROOT=$BATS_TEST_TMPDIR/$page.worker
		start_server
		start_worker
		wait_worker_known
		rm -rf "$BATS_TEST_TMPDIR/examples"
		run_page "$page"
		stop_pid "$WORKER_PID"
		stop_pid "$SERVER_PID"
	done
}

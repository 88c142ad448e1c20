#!/usr/bin/env bats
# make install: what is where, and that the samples are good.
load helpers

install_it() {
	make -s -C "$TOP" BUILD="$BUILD" SAN="$san" install DESTDIR="$BATS_TEST_TMPDIR/dest" PREFIX=/opt/pj >/dev/null
	to=$BATS_TEST_TMPDIR/dest/opt/pj
}

setup() {
	case $BUILD in */san) san=1 ;; *) san=0 ;; esac
}

@test "install puts programs, pages and samples under DESTDIR and PREFIX" {
	install_it
	for p in pj-serverd pj-workerd pj-discover pj-health pj-logship pj-run pj-ctl; do
		"$to/bin/$p" --version | grep -qE "^$p [0-9]+\.[0-9]+"
	done
	for page in "$TOP"/man/*.[1578]; do
		cmp "$page" "$to/share/man/man${page##*.}/${page##*/}"
	done
	grep -q '^ExecStart=/opt/pj/bin/pj-serverd$' "$to/share/doc/pj/systemd/pj-serverd.service"
	! grep -rq /usr/local/bin "$to/share/doc/pj/systemd" || false
	grep -q ':/usr/bin:' "$to/share/doc/pj/cron.d/pj"
	[ -e "$to/share/doc/pj/LICENSE" ]
	# Nothing is written anywhere else.
	run find "$BATS_TEST_TMPDIR/dest" -mindepth 1 -maxdepth 2
	assert_eq "${#lines[@]}" 2
	# A second time is no error.
	install_it
}

@test "the sample pj.ini is a configuration, also with every line taken in" {
	pj-serverd -c "$TOP/etc/pj.ini" -r "$BATS_TEST_TMPDIR" -n >"$BATS_TEST_TMPDIR/plain"
	sed 's/^; \([a-z_]* = \)/\1/' "$TOP/etc/pj.ini" >"$BATS_TEST_TMPDIR/all.ini"
	pj-serverd -c "$BATS_TEST_TMPDIR/all.ini" -n >"$BATS_TEST_TMPDIR/all"
	grep -q '^root = /srv/pj$' "$BATS_TEST_TMPDIR/all"
	# The worker knows what its lists may hold; it is started without a place to listen.
	timeout 10 pj-workerd -c "$BATS_TEST_TMPDIR/all.ini" -r "$BATS_TEST_TMPDIR/w" -o worker.listen=192.0.2.1:1 \
	    2>"$BATS_TEST_TMPDIR/err" && fail 'it listens on 192.0.2.1'
	grep -q 'cannot listen on 192.0.2.1:1' "$BATS_TEST_TMPDIR/err" || fail "$(cat "$BATS_TEST_TMPDIR/err")"
	grep -q '^external = 192.0.2.10$' "$BATS_TEST_TMPDIR/all"
	pj-serverd -r "$BATS_TEST_TMPDIR" -n | diff - "$BATS_TEST_TMPDIR/plain"
}

@test "the example of pj.ini(5) is a configuration" {
	mandoc -T ascii "$TOP/man/pj.ini.5" | col -bx | sed -n '/A server and a worker of one host/,/The same once/p' |
	    grep -E '^ *(\[|[a-z]+ = )' | sed 's/^ *//' >"$BATS_TEST_TMPDIR/example.ini"
	pj-workerd -r "$BATS_TEST_TMPDIR" -c "$BATS_TEST_TMPDIR/example.ini" -n | grep -q '^listen = 127.0.0.1:27711$'
}

@test "the sample units are good" {
	command -v systemd-analyze >/dev/null || skip "systemd-analyze is missing"
	mkdir "$BATS_TEST_TMPDIR/units"
	for unit in "$TOP"/etc/systemd/*.service; do
		sed "s|/usr/local/bin|$BUILD/bin|; /^Documentation/d" "$unit" >"$BATS_TEST_TMPDIR/units/${unit##*/}"
	done
	run systemd-analyze verify "$BATS_TEST_TMPDIR"/units/*.service
	# Other units of the host are looked at too: only what is said of ours counts.
	! grep -E '(^|/)pj-[a-z]+\.service' <<<"$output" || fail "$output"
}

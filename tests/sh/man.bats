#!/usr/bin/env bats
# Manual pages against the code: scripts/check-man says what differs, either way.
load helpers

copy_pages() {
	case $BUILD in */san) skip "of the script that checks: the plain build's run is enough" ;; esac
	cp -R "$TOP/man" "$BATS_TEST_TMPDIR/man"
	export MAN=$BATS_TEST_TMPDIR/man
}

@test "pages and code agree" {
	run "$TOP/scripts/check-man"
	assert_eq "$output" ""
	assert_eq "$status" 0
}

@test "every page is clean mdoc" {
	case $BUILD in */san) skip "of the pages only: the plain build's run is enough" ;; esac
	mandoc -T lint -W warning "$TOP"/man/*.[1578]
}

@test "a key without its entry, an entry without its key, a wrong default are found" {
	copy_pages
	sed -i 's/^\.It Ic worker\.slots$/.It Ic worker.slotz/; s/^\.Pq duration, default 7d, reloadable/.Pq duration, default 8d, reloadable/' \
	    "$MAN/pj.ini.5"
	run "$TOP/scripts/check-man"
	assert_eq "$status" 1
	assert_has "$output" "< worker.slots"
	assert_has "$output" "> worker.slotz"
	assert_has "$output" "> server.token_lifetime	duration, default 8d"
}

@test "a program without a page and an option that its page does not have are found" {
	copy_pages
	rm "$MAN/pj-health.8"
	sed -i '/Fl -once/d; s/-once//g' "$MAN/pj-discover.8"
	run "$TOP/scripts/check-man"
	assert_eq "$status" 1
	assert_has "$output" "pj-health has no page"
	assert_has "$output" "pj-discover: its page does not have --once"
}

@test "a reference to a page that does not exist is found" {
	copy_pages
	echo '.Xr pj-nowhere 8' >>"$MAN/pj.7"
	run "$TOP/scripts/check-man"
	assert_eq "$status" 1
	assert_has "$output" "pj-nowhere(8) is referred to and does not exist"
}

@test "a page that pj(7) does not refer to is found" {
	copy_pages
	cp "$MAN/pj.ini.5" "$MAN/pj-lost.5"
	run "$TOP/scripts/check-man"
	assert_eq "$status" 1
	assert_has "$output" "does not refer to pj-lost(5)"
}

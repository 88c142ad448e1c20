#!/usr/bin/env bats
# scripts/check-layers: arrows point one way, and it can tell when they do not.
load helpers

setup() {
	case $BUILD in */san) skip "of the sources only: the plain build's run is enough" ;; esac
}

copy_tree() { # only what the check reads
	mkdir -p "$BATS_TEST_TMPDIR/tree"
	cp -R "$TOP/lib" "$TOP/bin" "$BATS_TEST_TMPDIR/tree/"
	mkdir -p "$BATS_TEST_TMPDIR"/tree/bin/{pj-ctl,pj-run}
}

refused() { # refused FILE INCLUDE-LINE PART
	printf '%s\n' "$2" >>"$BATS_TEST_TMPDIR/tree/$1"
	run "$TOP/scripts/check-layers" "$BATS_TEST_TMPDIR/tree"
	assert_eq "$status" 1
	assert_has "$output" "$1:"
	assert_has "$output" "$3"
	rm "$BATS_TEST_TMPDIR/tree/$1"
}

@test "the tree's includes point one way" {
	run "$TOP/scripts/check-layers"
	assert_eq "$output" ""
	assert_eq "$status" 0
}

@test "a lower layer may not know a higher one" {
	copy_tree
	refused lib/base/x.c '#include "codec/json.h"' "may not know layer codec"
	refused lib/store/x.h '#  include "job/core.h"' "may not know layer job"
	refused lib/job/x.c '#include "net/loop.h"' "may not know layer net"
	refused lib/net/x.c '#include "../bin/pj-ctl/ctl.h"' "no way up"
	refused lib/net/x.c '#include "elsewhere.h"' "LAYER/header.h"
}

@test "libraries are included where the list says" {
	copy_tree
	refused lib/job/x.c '#include <sqlite3.h>' "may include sqlite3.h"
	refused lib/net/x.c '#include <event2/event.h>' "may include event2/"
	refused bin/pj-ctl/x.c '#include <jansson.h>' "may include jansson.h"
	refused lib/codec/x.c '#include <curl/curl.h>' "may include curl/"
}

@test "a program knows lib and its own directory, pj-run no library" {
	copy_tree
	refused bin/pj-ctl/x.c '#include "pj-run/spec.h"' "its own directory"
	refused bin/pj-run/x.c '#include "store/db.h"' "libc only"
	refused bin/pj-run/x.c '#include "codec/config.h"' "libc only"
}

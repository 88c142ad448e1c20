#!/usr/bin/env bats
# The runners count what fails, dies, hangs or never ran: a check that cannot fail is none.
load helpers

setup() {
	case $BUILD in */san) skip "of scripts only: the plain build's run is enough" ;; esac
}

program() { # program NAME BODY
	printf '#!/bin/sh\n%s\n' "$2" >"$BATS_TEST_TMPDIR/$1"
	chmod +x "$BATS_TEST_TMPDIR/$1"
}

run_unit() {
	run "$TOP/scripts/run-unit" "${@/#/$BATS_TEST_TMPDIR/}"
}

@test "run-unit adds up passed, failed and skipped" {
	program good 'printf "1..2\nok 1 - a\nok 2 - b # SKIP\n"'
	program bad 'printf "1..2\nok 1 - a\nnot ok 2 - b\n# why\n"; exit 1'
	run_unit good
	assert_eq "$status" 0
	assert_eq "${lines[-1]}" "unit: 1 passed, 0 failed, 1 skipped"
	run_unit good bad
	assert_eq "$status" 1
	assert_eq "${lines[-1]}" "unit: 2 passed, 1 failed, 1 skipped"
	assert_has "$output" "# why"
}

@test "run-unit counts what a dead or hanging program never said" {
	program dead 'printf "1..3\nok 1 - a\n"; kill -SEGV $$'
	program leak 'printf "1..1\nok 1 - a\n"; exit 99'
	program hang 'printf "1..1\n"; exec sleep 60'
	program mute 'exit 0'
	run_unit dead
	assert_eq "${lines[-1]}" "unit: 1 passed, 2 failed"
	run_unit leak
	assert_eq "${lines[-1]}" "unit: 1 passed, 1 failed"
	UNIT_LIMIT=1 run_unit hang
	assert_eq "${lines[-1]}" "unit: 0 passed, 1 failed"
	assert_has "$output" "over 1 s"
	run_unit mute
	assert_eq "${lines[-1]}" "unit: 0 passed, 1 failed"
	run_unit
	assert_eq "$status" 1
}

@test "run-unit reads what cmocka really says" {
	run "$TOP/scripts/run-unit" "$BUILD/unit/test_base"
	assert_eq "$status" 0
	assert_eq "${lines[-1]}" "unit: $(grep -c '_test(\|FILE_TEST(' <(sed -n '/struct CMUnitTest/,/};/p' "$TOP/tests/unit/test_base.c")) passed, 0 failed"
}

bats_file() { # bats_file NAME BODY: `TEST` stands for what bats would take for a test of this file
	printf '%s\n' "${2//TEST /@test }" >"$BATS_TEST_TMPDIR/$1.bats"
}

# Another BUILD: the runner's outputs of this very run are in the real one. Nothing of this bats for the inner one.
run_sh() {
	mkdir -p "$BATS_TEST_TMPDIR/build"
	run env -i PATH=/usr/local/bin:/usr/bin:/bin BUILD="$BATS_TEST_TMPDIR/build" SH_LIMIT="${SH_LIMIT:-60}" SH_PART="${SH_PART:-6}" PJ_SLOW=1 \
	    "$TOP/scripts/run-sh" "$@"
}

@test "run-sh counts failed, skipped and hanging tests" {
	bats_file one 'TEST "a" { true; }
TEST "b" { false; }
TEST "c" { skip "no reason"; }'
	bats_file two 'TEST "a" { true; }
TEST "b" { sleep 60; }
TEST "c" { true; }'
	bats_file three 'TEST "a" { true; }'
	run_sh "$BATS_TEST_TMPDIR/three.bats"
	assert_eq "$status" 0
	assert_eq "${lines[-1]}" "sh: 1 passed, 0 failed"
	run_sh "$BATS_TEST_TMPDIR/one.bats"
	assert_eq "$status" 1
	assert_eq "${lines[-1]}" "sh: 1 passed, 1 failed, 1 skipped"
	assert_has "$output" "no reason"
	SH_LIMIT=$((2 * ${PJ_SLOW:-1})) run_sh "$BATS_TEST_TMPDIR/two.bats" "$BATS_TEST_TMPDIR/three.bats"
	assert_eq "$status" 1
	assert_eq "${lines[-1]}" "sh: 2 passed, 2 failed"
	assert_has "$output" "out of time"
}

@test "run-sh runs every test of a file once, in parts" {
	for n in 1 2 3 4 5 6 7; do
		printf '@test "number %s, 2*2 [x] (a|b) $y \\ ^." {\n\techo %s >>"%s"\n\t[ %s != 6 ]\n}\n' $n $n "$BATS_TEST_TMPDIR/ran" $n
	done >"$BATS_TEST_TMPDIR/many.bats"
	export SH_PART=3
	run_sh "$BATS_TEST_TMPDIR/many.bats"
	assert_eq "$status" 1
	assert_eq "${lines[-1]}" "sh: 6 passed, 1 failed"
	assert_eq "$(wc -l <"$BATS_TEST_TMPDIR/build/sh/parts")" 3
	assert_eq "$(sort "$BATS_TEST_TMPDIR/ran" | tr -d '\n')" 1234567
	sed -i '1i# run-sh: parts of 1' "$BATS_TEST_TMPDIR/many.bats"
	run_sh "$BATS_TEST_TMPDIR/many.bats"
	assert_eq "${lines[-1]}" "sh: 6 passed, 1 failed"
	assert_eq "$(wc -l <"$BATS_TEST_TMPDIR/build/sh/parts")" 7
}

@test "install-deps names what is missing" {
	mkdir "$BATS_TEST_TMPDIR/few"
	for tool in sh id test gcc make; do
		ln -s "$(command -v "$tool")" "$BATS_TEST_TMPDIR/few/$tool"
	done
	PATH=$BATS_TEST_TMPDIR/few run "$TOP/scripts/install-deps" --check build
	assert_eq "$status" 69
	assert_has "$output" "apt-get install"
	assert_has "$output" " pkg-config libevent-dev"
	[[ $output != *" gcc"* ]]
	run "$TOP/scripts/install-deps" --check test
	assert_eq "$status" 0
	assert_eq "$output" ""
}

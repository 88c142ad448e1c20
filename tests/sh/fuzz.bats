#!/usr/bin/env bats
# Every parser on mutations of tests/fuzz/corpus. `make fuzz` is the long form.
# run-sh: parts of 1
load helpers

@test "every target takes its corpus and some thousands of mutations" {
	for target in "$BUILD"/tests/fuzz/fuzz_*; do
		[ -x "$target" ] || continue
		name=${target##*/fuzz_}
		run -0 timeout 60 "$target" -seed="${FUZZ_SEED:-1}" -runs=10000 "$TOP/tests/fuzz/corpus/$name"
		echo "$name: $output"
		[[ $output == *"files, 10000 mutations"* ]]
	done
	# A target without a corpus, or a corpus without a target, is a mistake.
	assert_eq "$(cd "$TOP/tests/fuzz/corpus" && echo *)" "$(cd "$TOP/tests/fuzz" && printf '%s\n' fuzz_*.c | sed 's/fuzz_//; s/\.c//' | xargs)"
}

@test "the driver shows the input of a target that fails" {
	printf '#include "fuzz.h"\nint LLVMFuzzerTestOneInput(const uint8_t *d, size_t n) { CHECK(n < 3 || d[1] != 98); return 0; }\n' \
	    >"$BATS_TEST_TMPDIR/bad.c"
	"${CC:-gcc}" -D_GNU_SOURCE -I"$TOP/lib" -I"$TOP/tests/fuzz" -o "$BATS_TEST_TMPDIR/bad" "$BATS_TEST_TMPDIR/bad.c" \
	    "$TOP/tests/fuzz/driver.c" "$TOP"/lib/base/{buf,err,file,utf8}.c
	mkdir "$BATS_TEST_TMPDIR/corpus"
	printf abc >"$BATS_TEST_TMPDIR/corpus/one"
	run "$BATS_TEST_TMPDIR/bad" "$BATS_TEST_TMPDIR/corpus"
	echo "$output"
	[ "$status" -eq 134 ]
	assert_has "$output" "does not hold: n < 3 || d[1] != 98"
	assert_has "$output" "input: 616263"
}

@test "every target for some seconds under libFuzzer" {
	[[ $BUILD != */san ]] || skip "libFuzzer's run has its own sanitizers: the plain build's is enough"
	command -v clang >/dev/null || skip "clang is missing"
	echo 'int LLVMFuzzerTestOneInput(const unsigned char *d, unsigned long n); int LLVMFuzzerTestOneInput(const unsigned char *d, unsigned long n) { return 0; }' \
	    >"$BATS_TEST_TMPDIR/try.c"
	clang -fsanitize=fuzzer,address -o "$BATS_TEST_TMPDIR/try" "$BATS_TEST_TMPDIR/try.c" 2>/dev/null ||
	    skip "clang has no libFuzzer: apt-get install libclang-rt-dev"
	env -u MAKEFLAGS -u MFLAGS make -s -j2 -C "$TOP" BUILD="$BUILD" libfuzzers
	FUZZ_SEED=${FUZZ_SEED:-1} FUZZ_SECONDS=${FUZZ_SECONDS:-4} "$TOP/tests/fuzz/run"
}

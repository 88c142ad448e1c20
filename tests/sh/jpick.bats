#!/usr/bin/env bats
# jpick answers as jq does: the tests ask it in jq's place.
load helpers

setup() {
	case $BUILD in */san) skip "a tool of the tests: the plain build's is enough" ;; esac
}

same() { # same INPUT JQ-ARGS...: output, exit status, and whether anything is said
	local input=$1 status_jq=0 status_us=0
	shift
	command jq "$@" <<<"$input" >jq.out 2>jq.err || status_jq=$?
	jq "$@" <<<"$input" >us.out 2>us.err || status_us=$?
	if ! { cmp jq.out us.out && cmp jq.err us.err && [ "$status_jq" = "$status_us" ]; }; then
		fail "jq $* of $input: $status_us, jq $status_jq"
	fi
}

@test "every filter that it knows, and others, mean what they mean to jq" {
	cd "$BATS_TEST_TMPDIR"
	input='{"b":1,"a":{"c":[1,{"d":"x"},null]},"t":"q\"\\\n\u0001\u007f/é","f":false,"list":[{"i":1},{"i":-2}]}'
	for filter in . .a .a.c '.a.c[1].d' '.a.c[-1]' '.a.c[9]' .nothing .nothing.more '.list[].i' '.list[]|.i' '[.list[]|[.i]]' \
	    '[.a.c, .b,(.list|length)]' '.a|[.c,.d]' '.list|length' .t .f .b,.t length '.b == 1' '.a | .c | .[0]' '.[]' '[.[]]' \
	    .b.c keys '.list|map(.i)' .a. '[.b' '.list[0:1]' '."b"' 'select(.b == 1)|.b' '.t|length' '.a?.c' '.b .b'; do
		same "$input" -c "$filter"
		same '{}' -er "$filter"
	done
	for filter in .t .a .f .b .; do same "$input" -r "$filter" && same "$input" -e "$filter"; done
	for filter in . '.[]' '.[]|[.a]' '.[0].a' '[.[]]' .a length; do same '[]' -ec "$filter"; done
}

@test "inputs of every kind: many, broken, with reals, with long numbers, with members twice, none" {
	cd "$BATS_TEST_TMPDIR"
	for input in 1 '1 2 3' 'true false' '"x"' '{"a":1}{"a":2}' $'{"a":1}\n{"a":null}' '{"a":1' nonsense '{"a":1.50}' '[1e3]' \
	    '{"a":1,"a":2}' '[123456789012345678901234567890]' '"\ud800"' '{"a":"\u0000x"}' '{"z":1,"y":{"b":1,"a":2}}'; do
		same "$input" -er .
		same "$input" -c '[.a]'
	done
	assert_eq "$(jq -n --arg a b '$a')" '"b"'
	assert_eq "$(jq -s -c . <<<'1 2')" '[1,2]'
	# In this it is better than jq 1.6.
	assert_eq "$(jq -r .a <<<'{"a":9007199254740993}')" 9007199254740993
	run -4 jq -e .a </dev/null
}

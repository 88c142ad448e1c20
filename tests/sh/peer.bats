#!/usr/bin/env bats
# Signed messages, made by hand as pj-protocol(7) says: the page's example is what is run.
load helpers

teardown() {
	stop_all
}

# The example, for this test's server and key.
example() {
	mandoc -T ascii "$TOP/man/pj-protocol.7" | col -bx | sed -n '/A signed request by hand/,/^DIAGNOSTICS/p' |
	    sed '1d; $d; s/^ *//' | sed "s|/srv/pj|$SERVER_ROOT|; s|127.0.0.1:10010|$SERVER_REMOTE|; s|curl -sS|curl -sS -w '%{http_code}'|"
}

@test "the example of pj-protocol(7) is taken where unsigned messages are not" {
	start_server -o server.accept_plain=no
	example >"$BATS_TEST_TMPDIR/example"
	run bash -eu "$BATS_TEST_TMPDIR/example"
	assert_eq "$status" 0
	assert_has "$output" 200

	# The same without its header, with another body, with an old time.
	sed "s|-H \"X-PJ-Auth[^\"]*\"||" "$BATS_TEST_TMPDIR/example" >"$BATS_TEST_TMPDIR/unsigned"
	run bash -eu "$BATS_TEST_TMPDIR/unsigned"
	assert_has "$output" 401
	assert_has "$output" "server.accept_plain=no"
	sed 's|-d "$body"|-d "$body "|' "$BATS_TEST_TMPDIR/example" >"$BATS_TEST_TMPDIR/changed"
	run bash -eu "$BATS_TEST_TMPDIR/changed"
	assert_has "$output" 401
	assert_has "$output" "the signature is wrong"
	sed 's|^time=.*|time=$(($(date +%s%3N) - 7200000))|' "$BATS_TEST_TMPDIR/example" >"$BATS_TEST_TMPDIR/old"
	run bash -eu "$BATS_TEST_TMPDIR/old"
	assert_has "$output" 401
	assert_has "$output" "behind ours"
}

@test "a key that others can read ends the start with what to do" {
	mkdir -p "$BATS_TEST_TMPDIR/r/etc"
	printf '%064d\n' 7 >"$BATS_TEST_TMPDIR/r/etc/peer.key"
	chmod 644 "$BATS_TEST_TMPDIR/r/etc/peer.key"
	for program in pj-serverd pj-workerd; do
		run timeout 20 "$program" -r "$BATS_TEST_TMPDIR/r" -o server.http=127.0.0.1:0 -o server.remote=127.0.0.1:0 \
		    -o worker.listen=127.0.0.1:0
		assert_eq "$status" 78
		assert_has "$output" "chmod 600"
	done
}

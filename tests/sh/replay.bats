#!/usr/bin/env bats
# Exchanges between PowerJob's server, its Java workers and its clients, with the same members as the real ones, each answer
# compared member by member. replay/*.txt hold them, one line a part:
#
#   # TEXT               what it is
#   PORT METHOD PATH     PORT is 7700 or 10010
#   h NAME: VALUE        one header more
#   form BODY, json BODY what is sent; without either nothing is
#   want STATUS PASSED   PASSED: the header X-POWERJOB-AUTH-PASSED, - for none
#   = JSON               the body's shape (match.jq); `=` alone: it is empty; `~ TEXT` instead: the text itself
#   let NAME             keeps `data` of the answer
#   wait WHAT WORD       until the worker has a message, which `=` then compares; see drive.bash
#
# ${NAME} in any of them is put in; ${NOW} is the time.

load helpers
load serverd_lib

setup() {
	SERVER_ROOT=$BATS_TEST_TMPDIR/server
}

teardown() {
	stop_all
}

replay() { # replay FILE COUNT
	local password
	start_server
	login
	listen
	: >"$WORKER_SAYS"
	password=$(cat "$SERVER_ROOT/etc/default.password")
	# Not in bats itself, whose tracing makes such a loop slow.
	export SERVER_HTTP SERVER_REMOTE WORKER_GOT
	bash "$BATS_TEST_DIRNAME/replay/drive.bash" "$BATS_TEST_DIRNAME/replay/$1" "$2" "WORKER=$WORKER" \
	    "REMOTE=$SERVER_REMOTE" "TOKEN=$TOKEN" "PASSWORD=$password" "MD5=$(printf %s "$password" | md5sum | cut -c1-32)" \
	    "CLUSTER=$(printf '["%s"]' "$WORKER" | base64 -w0 | tr '+/' '-_' | tr -d =)"
}

@test "bootstrap and authentication" {
	replay auth.txt 20
}

@test "jobs" {
	replay jobs.txt 22
}

@test "instances: what clients ask and what workers report" {
	replay instances.txt 66
}

@test "the console's read side" {
	replay console.txt 15
}

@test "what pj-serverd does not do fails clearly" {
	replay not-yet.txt 20
}

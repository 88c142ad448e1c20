#!/bin/bash
# drive.bash FILE COUNT NAME=VALUE...: sends the exchanges of FILE, compares the answers, and says at the first difference where.
# There must be COUNT of them. SERVER_HTTP, SERVER_REMOTE and WORKER_GOT are in the environment. See ../replay.bats.
set -eu
HERE=$(dirname "$0")
FILE=$1 WANTED=$2 COUNT=0
ANSWER=$(mktemp)
trap 'rm -f "$ANSWER" "$ANSWER.head"' EXIT
declare -A VAR=()
shift 2
for v in "$@"; do
	VAR[${v%%=*}]=${v#*=}
done

fail() {
	echo "${FILE##*/}:$NUMBER: $*" >&2
	exit 1
}

fill() { # puts ${NAME} into LINE
	local name
	case $LINE in *"\${"*) ;; *) return 0 ;; esac
	VAR[NOW]=$((${EPOCHREALTIME/[.,]/} / 1000))
	for name in "${!VAR[@]}"; do
		LINE=${LINE//"\${$name}"/"${VAR[$name]}"}
	done
	case $LINE in *"\${"*) fail "nothing is called as in $LINE" ;; esac
}

new_exchange() {
	PORT='' METHOD='' URL='' KIND='' BODY='' HEADERS=()
}

send() { # send STATUS PASSED
	local args=(-sS -m 60 -o "$ANSWER" -D "$ANSWER.head" -w '%{http_code}' -X "$METHOD") host=$SERVER_HTTP code passed h
	[ "$PORT" = 7700 ] || host=$SERVER_REMOTE
	for h in ${HEADERS[@]+"${HEADERS[@]}"}; do
		args+=(-H "$h")
	done
	[ "$KIND" != json ] || args+=(-H 'content-type: application/json')
	[ -z "$KIND" ] || args+=(--data-binary "$BODY")
	: >"$ANSWER"
	code=$(curl "${args[@]}" "http://$host$URL")
	passed=$(sed -n 's/\r$//; s/^X-POWERJOB-AUTH-PASSED: //p' "$ANSWER.head")
	[ "$code ${passed:--}" = "$1 $2" ] || fail "wanted $1 $2, got $code ${passed:--}: $(cat "$ANSWER")"
	COUNT=$((COUNT + 1))
}

# jq's numbers are doubles: 64-bit ids become texts, also in what is wanted.
quoted() {
	sed -E 's/([:[,])([0-9]{16,19})([],}])/\1"#\2"\3/g'
}

compare() { # compare SHAPE
	local differences
	if [ -z "$1" ]; then
		[ ! -s "$ANSWER" ] || fail "wanted nothing, got $(cat "$ANSWER")"
		return 0
	fi
	differences=$(quoted <"$ANSWER" | jq -r --argjson want "$(quoted <<<"$1")" -f "$HERE/match.jq") ||
	    fail "no JSON: $(cat "$ANSWER")"
	[ -z "$differences" ] || fail "$differences"
}

keep() { # keep NAME
	VAR[$1]=$(sed -nE 's/.*"data":"?([^",}]+).*/\1/p' "$ANSWER")
	[ -n "${VAR[$1]}" ] || fail "no data in $(cat "$ANSWER")"
}

# --- what the exchanges wait for ----------------------------------------------------------------------------------------

# The last message then stands where an answer would, without the members that only pj workers know.
messages() { # messages PATTERN N: the worker has been sent N of them
	local end=$((SECONDS + 30))
	until [ "$(grep -cE "$1" "$WORKER_GOT")" -ge "$2" ]; do
		[ $SECONDS -lt $end ] || fail "waited 30 s for $2 messages like $1"
		sleep 0.05
	done
	grep -E "$1" "$WORKER_GOT" | tail -n 1 | sed -E 's/^[^{]*//
	    s/,"(attempt|nominalTime|runningTimes)":[0-9]+//g; s/,"jobName":"[^"]*"//' >"$ANSWER"
}

wait_sent() { # wait_sent INSTANCE
	messages "^/worker/runJob plain.*\"instanceId\":$1[,}]" 1
}

wait_again() { # wait_again INSTANCE
	messages "^/worker/runJob plain.*\"instanceId\":$1[,}]" 2
}

wait_told() { # wait_told INSTANCE: to stop
	messages "^/worker/stopInstance plain.*\"instanceId\":$1[,}]" 1
}

wait_asked() { # wait_asked INSTANCE: what it does
	messages "^/worker/queryInstanceStatus plain.*\"instanceId\":$1[,}]" 1
}

wait_launched() { # wait_launched NAME: keeps the instance of the only second-level job
	messages FIXED_RATE 1
	VAR[$1]=$(grep FIXED_RATE "$WORKER_GOT" | grep -o '"instanceId":[0-9]*' | cut -d: -f2)
}

NUMBER=0
new_exchange
while IFS= read -r LINE; do
	NUMBER=$((NUMBER + 1))
	fill
	word=${LINE%% *} rest=${LINE#"${LINE%% *}"}
	rest=${rest# }
	case $word in
	'' | '#') ;;
	7700 | 10010)
		new_exchange
		PORT=$word METHOD=${rest%% *} URL=${rest#* }
		;;
	h) HEADERS+=("$rest") ;;
	form | json) KIND=$word BODY=$rest ;;
	want) send "${rest% *}" "${rest#* }" ;;
	=) compare "$rest" ;;
	'~') [ "$(cat "$ANSWER")" = "$rest" ] || fail "wanted $rest, got $(cat "$ANSWER")" ;;
	let) keep "$rest" ;;
	wait) "wait_${rest% *}" "${rest#* }" ;;
	*) fail "what is $word?" ;;
	esac
done <"$FILE"
[ "$COUNT" -eq "$WANTED" ] || fail "wanted $WANTED exchanges, had $COUNT"

# shellcheck shell=bash disable=SC2034,SC2154 # part of a scene, which has the other variables
# The load of WebTorrent scenes, and what it counted.

# begin_ws LOAD-ARGUMENT... starts shoal-load against target, in the background.
begin_ws() {
	start "$BENCH_LOAD_CORE" "$work/load" "$SHOAL_LOAD" ws --target "$target" --json --workers 1 --seed "$BENCH_SEED" \
		--torrents "$torrents" --connections "$BENCH_WS_CONNECTIONS" --offers "$BENCH_WS_OFFERS" --sdp "$BENCH_WS_SDP" "$@"
	loader=$started
}

# await_ws LINE waits until the load says so; it fails if the load ends before.
await_ws() {
	local i
	for ((i = 0; i < 6000; i++)); do
		if grep -qs "^shoal-load: $1" "$work/load.err"; then return 0; fi
		if ! kill -0 "$loader" 2>/dev/null; then return 1; fi
		sleep 0.05
	done
	return 1
}

# finish_ws waits for the end of the load, and notes what it complained of.
finish_ws() {
	complaint=
	finish "$loader" || complaint=$(tail -n 1 "$work/load.err")
}

# share NAME OF prints how much of it there is, of 100.
share() { awk -v a="$(counted "$1")" -v b="$(counted "$2")" 'BEGIN { printf "%.3f", (b > 0 ? 100 * a / b : 0) }'; }

# ws_remarks prints what else there is to know of a load.
ws_remarks() {
	awk -v rate="$(counted relayed_per_second)" -v wrong="$(counted wrong)" -v errors="$(counted errors)" -v lost="$(counted lost)" \
		-v missed="$(counted missed)" -v refused="$(counted answers_refused)" -v unsent="$(counted answers_unsent)" -v cut="$(counted refused)" \
		-v offered="$(counted offers_sent)" -v handed="$(counted offers_received)" -v answered="$(counted answers_sent)" -v came="$(counted answers_received)" \
		-v replies="$(counted answer_replies)" -v p50="$(counted p50)" -v p99="$(counted p99)" \
		-v cpu="$(counted cpu_seconds)" -v seconds="$(counted duration_seconds)" 'BEGIN {
		printf "%.0f relayed/s; offers %d of %d, answers %d of %d (%d refused, %d unsent), %d answer replies; announces: p50 %.2f ms, p99 %.2f ms, lost %d, missed %d; wrong %d, errors %d, cut %d; load %.2f of a core",
			rate, handed, offered, came, answered, refused, unsent, replies, p50 / 1000, p99 / 1000, lost, missed, wrong, errors, cut, (seconds > 0 ? cpu / seconds : 0) }'
	if $secure; then printf ', %s' "$(handshakes)"; fi
	if [[ -n $complaint ]]; then printf '; %s' "$complaint"; fi
}

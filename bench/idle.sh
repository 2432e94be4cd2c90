# shellcheck shell=bash disable=SC2034,SC2154 # part of a scene, which has the other variables
# Memory of idle connections: each has announced once, and all are silent.

spare=500 # descriptors that are for other things than connections

# may_open fails the scene where the system would not let us open as many.
may_open() {
	ulimit -S -n "$(ulimit -H -n)"
	if [[ $(ulimit -n) != unlimited ]] && (($(ulimit -n) < BENCH_IDLE + spare)); then
		fail "$BENCH_IDLE connections: this process may open $(ulimit -n) files, of which $spare are for other things; raise the hard limit, or set BENCH_IDLE"
	fi
}

# rss_of_idle SERVER http|ws LOAD-ARGUMENT... sets figure to bytes a connection.
rss_of_idle() {
	local before i holding=false
	start_server "$1" "$2" || return 1
	before=$(rss_kib "$server")
	start "$BENCH_LOAD_CORE" "$work/load" "$SHOAL_LOAD" "$2" --target "$target" --json --seed "$BENCH_SEED" \
		--torrents "$torrents" --idle --connections "$BENCH_IDLE" --duration $((BENCH_IDLE_SETTLE + 3))s "${@:3}"
	local pid=$started after=
	for ((i = 0; i < 3000; i++)); do
		if grep -q '^shoal-load: holding ' "$work/load.err"; then
			holding=true
			break
		fi
		if ! kill -0 "$pid" 2>/dev/null; then break; fi
		sleep 0.1
	done
	if $holding; then
		sleep "$BENCH_IDLE_SETTLE"
		after=$(rss_kib "$server")
	fi
	complaint=
	finish "$pid" || complaint=$(tail -n 1 "$work/load.err")
	note="RSS $before KiB, then ${after:-unknown}; $(counted idle_opened) opened, $(counted idle_still_open) still open at the end"
	if $secure; then note+=", $(handshakes)"; fi
	if [[ -n $complaint ]]; then note+="; $complaint"; fi
	if [[ -n $after ]] && (($(counted idle_still_open) * 100 >= BENCH_IDLE * 99)); then
		figure=$(awk -v kib=$((after - before)) -v n="$(counted idle_opened)" 'BEGIN { printf "%.0f", kib * 1024 / n }')
	fi
	end "$server"
	[[ -n $figure ]]
}

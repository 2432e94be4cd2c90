# shellcheck shell=bash disable=SC2034,SC2154 # part of a scene, which has the other variables
# The measure of most scenes: CPU of the server for each answer.

pace=() # what the measured load has besides what the fill has

# cpu_an_answer SERVER TRANSPORT LOAD-ARGUMENT... sets figure to microseconds.
cpu_an_answer() {
	local before after
	start_server "$1" "$2" || return 1
	if fill "${@:2}" && before=$(cpu_ns "$server") && load "${@:2}" "${pace[@]}" --duration "${BENCH_SECONDS}s" && after=$(cpu_ns "$server"); then
		note=$(remarks)
		if ! refused; then
			figure=$(awk -v ns=$((after - before)) -v n="$(counted responses)" 'BEGIN { printf "%.3f", ns / n / 1000 }')
		fi
	else
		note=${note:-"no answer: $complaint"}
	fi
	end "$server"
	[[ -n $figure ]]
}

# shellcheck shell=bash disable=SC2034,SC2154 # part of a scene, which has the other variables
# Interleaved rounds, and the table of them.

declare -A figures # of each server, one a round

# rounds MEASURE TRANSPORT LOAD-ARGUMENT... measures each of servers in every
# round. MEASURE SERVER TRANSPORT LOAD-ARGUMENT... sets figure, or fails and
# sets note to why.
rounds() {
	local round name
	for ((round = 1; round <= BENCH_ROUNDS; round++)); do
		warn_if_busy
		for name in "${servers[@]}"; do
			tell "round $round of $BENCH_ROUNDS: $name"
			figure='' note=''
			if "$1" "$name" "${@:2}"; then
				figures[$name]+="$figure "
			else
				figures[$name]+=""
				figure=none
			fi
			say "$(printf 'round %d  %-22s %10s  %s' "$round" "$name" "$figure" "$note")"
		done
	done
}

# median NUMBER... prints the middle one.
median() {
	printf '%s\n' "$@" | sort -g | awk '{ v[NR] = $1 } END { if (NR) print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# table OURS UNIT ends a scene: all rounds, their median, and the ratio of the
# medians, ours / theirs.
table() {
	local name middle ours ratio
	say ""
	say "$(printf '%-22s %10s  %11s  %s' "$2" median ours/theirs rounds)"
	# shellcheck disable=SC2086 # a list of numbers
	ours=$(median ${figures[$1]:-})
	for name in "${servers[@]}"; do
		# shellcheck disable=SC2086
		middle=$(median ${figures[$name]:-})
		ratio=
		if [[ -z $middle ]]; then
			middle=none
		elif [[ -n $ours && $name != "$1" ]]; then
			ratio=$(awk -v o="$ours" -v t="$middle" 'BEGIN { printf "%.3f", o / t }')
		fi
		say "$(printf '%-22s %10s  %11s  %s' "$name" "$middle" "$ratio" "${figures[$name]:-}")"
	done
	if [[ -z $ours ]]; then fail "$1 has no figure"; fi
}

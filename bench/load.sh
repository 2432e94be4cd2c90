# shellcheck shell=bash disable=SC2034,SC2154 # part of a scene, which has the other variables
# The load, and what it counted.

load_prefix=()

# load TRANSPORT ARGUMENT... runs shoal-load against target, with the torrents
# and peers that the scene set. What it counted is read with counted. It fails
# only if nothing is to be counted.
load() {
	start "$BENCH_LOAD_CORE" "$work/load" "${load_prefix[@]}" "$SHOAL_LOAD" "$1" --target "$target" --json --workers 1 \
		--seed "$BENCH_SEED" --torrents "$torrents" --peers "$peers" --connections 512 "${@:2}"
	loader=$started
	if finish "$loader"; then
		complaint=
	else
		complaint=$(tail -n 1 "$work/load.err")
	fi
	[[ -n $(counted responses) && $(counted responses) != 0 ]]
}

# counted NAME prints a number of the last load's report.
counted() { sed -n "s/^ *\"$1\": *\([0-9.e+-]*\),\{0,1\}\$/\1/p" "$work/load" | head -n 1; }

fill_with=() # what filling has besides what the measured load has

# fill TRANSPORT ARGUMENT... announces every peer once, so that a server is
# measured with its swarms in place, and with announces that are not the first.
fill() {
	load "$@" "${fill_with[@]}" --fill || {
		note="not filled: ${complaint:-no answer}"
		return 1
	}
}

# handshakes prints what there is to know of those of a load over TLS.
handshakes() { printf 'handshakes: %s full, %s resumed, %s failed' "$(counted full)" "$(counted resumed)" "$(counted failed)"; }

# refused tells whether more than one answer in a hundred was a refusal, an error
# or wrong: such a server did other work than asked for, and has no figure.
refused() {
	awk -v n="$(counted responses)" -v e="$(counted errors)" -v r="$(counted refused)" -v w="$(counted wrong)" \
		'BEGIN { exit !((e + r + w) * 100 > n) }'
}

# remarks prints what else there is to know of a load.
remarks() {
	awk -v rate="$(counted responses_per_second)" -v lost="$(counted lost)" -v missed="$(counted missed)" \
		-v wrong="$(counted wrong)" -v errors="$(counted errors)" -v p50="$(counted p50)" -v p99="$(counted p99)" \
		-v peers="$(counted mean_peers)" -v own="$(counted cpu_us_per_response)" 'BEGIN {
		printf "%.0f answers/s of %.1f peers, p50 %.2f ms, p99 %.2f ms, lost %d, missed %d, wrong %d, errors %d, load %.2f us",
			rate, peers, p50 / 1000, p99 / 1000, lost, missed, wrong, errors, own }'
	if $secure; then printf ', %s' "$(handshakes)"; fi
	if [[ -n $complaint ]]; then printf '; %s' "$complaint"; fi
}

# shellcheck shell=bash disable=SC2034,SC2154 # part of a scene, which has the other variables
# What a scene says: to the terminal and into the results.

say() { printf '%s\n' "$*" | tee -a "$BENCH_RESULTS"; }

warn() { say "warning: $*"; }

# tell is for whoever waits; it is no result.
tell() { printf '%s\n' "$*" >&2; }

fail() {
	say "failed: $*"
	exit 1
}

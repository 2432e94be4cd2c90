# shellcheck shell=bash disable=SC2034,SC2154 # part of a scene, which has the other variables
# What every scene begins with: sourced, in the folder bench.

source ./settings.sh
source ./output.sh
source ./machine.sh
source ./processes.sh
source ./ours.sh
source ./servers.sh
source ./load.sh
source ./rounds.sh

work=$(mktemp -d)
trap 'clean_up' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

clean_up() {
	local status=$?
	trap - EXIT
	end_all_processes
	if declare -F delete_namespaces >/dev/null; then delete_namespaces; fi
	rm -rf "$work"
	exit "$status"
}

# begin TITLE: the head of a scene in the results.
begin() {
	mkdir -p "$(dirname "$BENCH_RESULTS")"
	if (($(nproc) < 2)); then
		fail "two cores are needed: one for the server, one for the load"
	fi
	build_ours
	say ""
	say "== $1"
	say "machine: $(machine_line)"
	say "shoal: $(our_line "$SHOAL")"
	say "shoal-load: $(our_line "$SHOAL_LOAD")"
	if ! autogroup_can_be_raised; then
		warn "not root: the scheduler's autogroup stays as it is, and whatever else runs here moves the figures"
	fi
}

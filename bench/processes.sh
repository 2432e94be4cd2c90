# shellcheck shell=bash disable=SC2034,SC2154 # part of a scene, which has the other variables
# Processes that are measured: starting them alone on a core, their CPU, their
# memory, their end. Only what was started here is ended.

processes=()

autogroup_can_be_raised() { ((EUID == 0)) && [[ -w /proc/self/autogroup ]]; }

# start CORE OUTPUT COMMAND... starts COMMAND on CORE in a session of its own,
# whose autogroup is put before all others: without that, nice does nothing
# against what other sessions do. Sets started to its process ID. Standard
# error goes to OUTPUT.err.
start() {
	local core=$1 output=$2
	shift 2
	setsid bash -c '
		if [[ -w /proc/self/autogroup ]]; then { echo -20 >/proc/self/autogroup; } 2>/dev/null; fi
		exec taskset -c "$@"' bash "$core" "$@" >"$output" 2>"$output.err" </dev/null &
	started=$!
	processes+=("$started")
}

# finish PID waits for a process that ends by itself; its exit status is ours.
finish() {
	local status=0
	wait "$1" || status=$?
	forget "$1"
	return "$status"
}

# end PID ends a process and waits until it is gone.
end() {
	local i
	kill "$1" 2>/dev/null || true
	for ((i = 0; i < 100; i++)); do
		if ! kill -0 "$1" 2>/dev/null; then break; fi
		sleep 0.1
	done
	kill -KILL "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
	forget "$1"
}

forget() {
	local pid left=()
	for pid in "${processes[@]}"; do
		if [[ $pid != "$1" ]]; then left+=("$pid"); fi
	done
	processes=("${left[@]}")
}

end_all_processes() {
	local pid
	for pid in "${processes[@]}"; do end "$pid"; done
}

# cpu_ns PID is the time on a core of all threads, in nanoseconds. utime and
# stime are ticks of 10 ms, which is too coarse.
cpu_ns() { awk '{ sum += $1 } END { printf "%.0f\n", sum }' /proc/"$1"/task/*/schedstat; }

# rss_kib PID is the memory that is resident.
rss_kib() { awk '/^VmRSS:/ { print $2 }' /proc/"$1"/status; }

now_ns() { date +%s%N; }

# free_port sets port to one that no socket of this machine has: with
# SO_REUSEPORT a server that was left over would share it unseen, and
# connections of the server before may still be in TIME_WAIT.
port=$BENCH_PORT
free_port() {
	while :; do
		port=$((port + 1))
		if ! has_socket self tcp "$port" && ! has_socket self udp "$port"; then return; fi
	done
}

# has_socket PID tcp|udp PORT [STATE] looks into the tables of the network
# namespace of a process.
# Without IPv6 a table is missing. All is read: a pipe closed early would fail.
has_socket() {
	{ cat /proc/"$1"/net/{"$2","$2"6} 2>/dev/null || true; } | awk -v end="$(printf ':%04X' "$3")" -v state="${4:-}" '
		substr($2, length($2) - 4) == end && (state == "" || $4 == state) { found = 1 }
		END { exit !found }'
}

# wait_until_ready PID tcp|udp PORT waits until the process listens and then
# until it has nothing more to do, such as reading a whitelist.
wait_until_ready() {
	local i last=0 used state=
	if [[ $2 == tcp ]]; then state=0A; fi # LISTEN
	for ((i = 0; ; i++)); do
		if ! kill -0 "$1" 2>/dev/null || ((i == 100)); then return 1; fi
		if has_socket "$1" "$2" "$3" "$state"; then break; fi
		sleep 0.1
	done
	for ((i = 0; i < 100; i++)); do
		used=$(cpu_ns "$1")
		if ((i > 0 && used - last < 10000000)); then return 0; fi
		last=$used
		sleep 0.3
	done
}

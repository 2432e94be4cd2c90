# shellcheck shell=bash disable=SC2034,SC2154 # part of a scene, which has the other variables
# The machine: what it is, and whether it is quiet.

machine_line() {
	local model memory buffer
	model=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)
	memory=$(awk '/^MemTotal/ {printf "%.0f GiB", $2 / 1048576}' /proc/meminfo)
	buffer=$(cat /proc/sys/net/core/rmem_max 2>/dev/null || echo unknown)
	echo "${model:-$(uname -m)}, $(nproc) cores, $memory, Linux $(uname -r), rmem_max $buffer, $(date -u '+%F %H:%M UTC')"
}

process_times() { cat /proc/[0-9]*/stat 2>/dev/null || true; }

# warn_if_busy looks for 2 seconds at what the machine does while nothing is
# measured.
warn_if_busy() {
	local busy
	process_times >"$work/times.before"
	grep '^cpu ' /proc/stat >"$work/busy.before"
	sleep 2
	grep '^cpu ' /proc/stat >"$work/busy.after"
	process_times >"$work/times.after"
	busy=$(awk -v hz="$(getconf CLK_TCK)" '
		# user, nice, system, irq, softirq and what the host took
		FNR == 1 { used[++file] = $2 + $3 + $4 + $7 + $8 + $9 }
		END { printf "%.2f", (used[2] - used[1]) / hz / 2 }' "$work/busy.before" "$work/busy.after")
	if awk -v busy="$busy" 'BEGIN { exit busy <= 0.1 }'; then
		warn "not quiet: something else keeps $busy of a core busy ($(busiest)); load average $(cut -d' ' -f1 /proc/loadavg)"
	fi
}

# busiest names the processes that took most between the two looks.
busiest() {
	awk -v hz="$(getconf CLK_TCK)" '
		{
			name = $0
			sub(/^[^(]*\(/, "", name)
			sub(/\).*/, "", name)
			rest = $0
			sub(/.*\) /, "", rest)
			split(rest, field, " ")
			ticks = field[12] + field[13] # utime and stime
		}
		FILENAME == ARGV[1] { before[$1] = ticks; next }
		{ took[name] += ticks - before[$1] }
		END { for (name in took) if (took[name] > 0) printf "%s %.2f\n", name, took[name] / hz / 2 }
	' "$work/times.before" "$work/times.after" | sort -k2,2 -nr | head -n 3 | paste -s -d, | sed 's/,/, /g; s/^$/no process: the host, or short-lived ones/'
}

package app

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/shoal-tracker/shoal/internal/config"
	"github.com/shoal-tracker/shoal/internal/swarm"
)

// What the swarm takes of the heap for a torrent and for a peer, rounded up,
// and what is assumed where the machine does not tell its memory.
const (
	torrentBytes  = 1024
	peerBytes     = 256
	assumedMemory = 2 << 30

	// A connection holds a read buffer, a goroutine and its socket.
	connectionBytes = 16 << 10
)

// swarmLimits fills in the limits that are left to the tracker: torrents and
// peers may take a quarter of the memory each.
func swarmLimits(l swarm.Limits) swarm.Limits {
	memory := machineMemory()
	if l.Torrents == 0 {
		l.Torrents = int(memory / 4 / torrentBytes)
	}
	if l.Peers == 0 {
		l.Peers = int(memory / 4 / peerBytes)
	}
	return l
}

// machineMemory returns the memory this process may use in bytes: that of the
// machine, or less where a control group has a bound.
func machineMemory() int64 {
	memory := int64(assumedMemory)
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			var kib int64
			if n, _ := fmt.Sscanf(line, "MemTotal: %d kB", &kib); n == 1 && kib > 0 {
				memory = kib << 10
			}
		}
	}
	for _, name := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		// "max" is no number and no bound.
		if bound, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && bound > 0 {
			memory = min(memory, bound)
		}
	}
	return memory
}

// spareDescriptors are kept for files, the log, and connections that are
// closed as soon as they are accepted.
const spareDescriptors = 100

// connections returns how many TCP connections may be open: as configured, or
// what the memory, and the file descriptors that the listeners leave, allow.
func connections(cfg *config.Config) int {
	if n := cfg.Limits.Connections; n > 0 {
		return n
	}
	return affordable(descriptors(), sockets(cfg), machineMemory())
}

// affordable returns how many connections fit beside the sockets of the
// listeners, into an eighth of the memory. It is at least one, because none
// would mean that there is no limit.
func affordable(descriptors uint64, sockets int, memory int64) int {
	room := int64(min(descriptors, 1<<20)) - int64(sockets) - spareDescriptors
	return int(max(1, min(room, memory/8/connectionBytes)))
}

// sockets returns how many sockets the listeners of cfg open at most. An
// engine may have its workers share one.
func sockets(cfg *config.Config) int {
	n := 0
	for i := range cfg.UDP {
		workers := cfg.UDP[i].Workers
		if workers == 0 {
			workers = runtime.GOMAXPROCS(0)
		}
		n += workers * len(cfg.UDP[i].Listen)
	}
	for i := range cfg.HTTP {
		n += len(cfg.HTTP[i].Listen)
	}
	return n
}

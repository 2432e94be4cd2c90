package app

import (
	"bufio"
	"bytes"
	"fmt"
	"os"

	"github.com/shoal-tracker/shoal/internal/swarm"
)

// What the swarm takes of the heap for a torrent and for a peer, rounded up,
// and what is assumed where the machine does not tell its memory.
const (
	torrentBytes  = 1024
	peerBytes     = 256
	assumedMemory = 2 << 30
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

// machineMemory returns the memory of the machine in bytes.
func machineMemory() int64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return assumedMemory
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		var kib int64
		if n, _ := fmt.Sscanf(lines.Text(), "MemTotal: %d kB", &kib); n == 1 && kib > 0 {
			return kib << 10
		}
	}
	return assumedMemory
}

// spareDescriptors are kept for sockets, files and logs.
const spareDescriptors = 100

// connections returns how many TCP connections may be open: as configured, or
// what the file descriptors allow.
func connections(configured int) int {
	if configured > 0 {
		return configured
	}
	return max(int(min(descriptors(), 1<<20))-spareDescriptors, spareDescriptors)
}

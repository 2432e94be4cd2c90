package app

import (
	"math"

	"github.com/shoal-tracker/shoal/internal/config"
	"github.com/shoal-tracker/shoal/internal/streamio"
	"github.com/shoal-tracker/shoal/internal/swarm"
)

// What the swarm takes for a torrent and for a peer, rounded up: a line for
// each family, its slot in the table and what lies idle; an IPv6 peer with its
// place in an index and, where they are kept, its details.
const (
	torrentBytes = 192
	peerBytes    = 48
	detailsBytes = 64

	// What a connection takes for itself, with TLS up to 8 KiB and a record that is
	// not complete, and what it may hold of requests and replies however many there
	// are. What it holds beyond is bounded for all of them together. What the kernel
	// holds of a connection is not in it.
	connectionBytes = 32 << 10
)

// connectionMemory is how many bytes all connections together may hold of messages
// that are not complete and of replies that are not accepted: an eighth of the
// memory.
func connectionMemory() int64 { return machineMemory() / 8 }

// swarmLimits fills in the limits that are left to the tracker: torrents and
// peers may take a quarter of the memory each.
func (a *App) swarmLimits(cfg *config.Config) swarm.Limits {
	return limitsFor(cfg, a.details, machineMemory())
}

// limitsFor is swarmLimits for so many bytes of memory, and a swarm that keeps
// details or not.
func limitsFor(cfg *config.Config, details bool, memory int64) swarm.Limits {
	l := cfg.Limits.Limits
	if math.MaxInt == math.MaxInt32 {
		memory = min(memory, 2<<30) // what a process can address is less than the machine may have
	}
	peer := int64(peerBytes)
	if details {
		peer += detailsBytes
	}
	if l.Torrents == 0 {
		l.Torrents = int(memory / 4 / torrentBytes)
	}
	if l.Peers == 0 {
		l.Peers = int(memory / 4 / peer)
	}
	return l
}

// keepsDetails reports whether peer details are kept. With auto, only a private
// tracker keeps them.
func keepsDetails(cfg *config.Config) bool {
	return cfg.Tracker.PeerDetails == "true" || cfg.Tracker.PeerDetails == "auto" && cfg.Access.Private
}

// spareDescriptors are kept for files, the log, the database, operators, and
// connections that are closed as soon as they are accepted.
const spareDescriptors = 200

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

// sockets returns how many descriptors the listeners of cfg take at most. An
// engine may have its workers share one.
func sockets(cfg *config.Config) int {
	n := 0
	for i := range cfg.UDP {
		n += cfg.UDP[i].Sockets() * len(cfg.UDP[i].Listen)
	}
	listeners := 0
	for i := range cfg.HTTP {
		listeners += len(cfg.HTTP[i].Listen)
	}
	return n + streamio.LoopsConfig{}.Descriptors(listeners)
}

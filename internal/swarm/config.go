package swarm

import "time"

// Config is what a Store is made with. Limits may change while it serves.
type Config struct {
	PeerTimeout time.Duration // a peer that has not announced for this long is gone
	Details     bool          // keep each peer's ID, for replies that list them
	Limits      Limits
	Seed        uint64 // of the random choices; 0: drawn at start
}

// Limits bounds what announces can make a Store hold. At a bound a newcomer is
// answered but not stored. 0 is no bound.
type Limits struct {
	// Torrents held at once. 0: worked out from the memory of the machine.
	Torrents int `toml:"torrents"`

	// Peers held at once, all torrents together. 0: worked out from the memory
	// of the machine.
	Peers int `toml:"peers"`

	// Peers of one torrent; its WebTorrent peers are counted apart. 0: no bound.
	PeersPerTorrent int `toml:"peers_per_torrent"`

	// Peers of one torrent from one IPv4 /24 or IPv6 /64, but for WebTorrent
	// peers. 0: no bound.
	PeersPerNetwork int `toml:"peers_per_network"`
}

// Validate reports every value that is out of range.
func (l *Limits) Validate(report func(key string, value any, allowed string)) {
	for _, limit := range []struct {
		key   string
		value int
	}{
		{"torrents", l.Torrents},
		{"peers", l.Peers},
		{"peers_per_torrent", l.PeersPerTorrent},
		{"peers_per_network", l.PeersPerNetwork},
	} {
		if limit.value < 0 {
			report(limit.key, limit.value, "0 or more")
		}
	}
}

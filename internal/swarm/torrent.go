package swarm

import "github.com/shoal-tracker/shoal"

// Torrent is what a Store knows of one torrent, but for its peers.
type Torrent struct {
	Hash      shoal.InfoHash
	Completed uint32 // times a leecher became a seeder here

	IPv4, IPv6, Browsers Kind // Browsers are the peers of WebTorrent
}

// Kind is how many peers of one kind are in a torrent.
type Kind struct{ Seeders, Leechers uint32 }

// Seeders returns the seeders of all kinds together.
func (t *Torrent) Seeders() uint64 {
	return uint64(t.IPv4.Seeders) + uint64(t.IPv6.Seeders) + uint64(t.Browsers.Seeders)
}

// Leechers returns the leechers of all kinds together.
func (t *Torrent) Leechers() uint64 {
	return uint64(t.IPv4.Leechers) + uint64(t.IPv6.Leechers) + uint64(t.Browsers.Leechers)
}

// Torrent returns what is known of a torrent, and whether it is held: somebody is
// in it, or somebody was not long ago. A torrent of which only the completed count
// is remembered is not held; Scrape tells its count.
func (s *Store) Torrent(hash shoal.InfoHash) (Torrent, bool) {
	h := s.hash(&hash)
	sh := &s.shards[h.shard]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	r := sh.find(&h)
	if r == 0 {
		return Torrent{}, false
	}
	l := sh.line(r)
	t := Torrent{Hash: hash, Completed: l.completed}
	t.IPv4.Seeders, t.IPv4.Leechers = countsOf(l.state4, l.area[:])
	if l.has(size6) {
		t.IPv6.Seeders, t.IPv6.Leechers = countsOf(l.state6, sh.extra(l.link).area[:])
	}
	t.Browsers.Seeders, t.Browsers.Leechers = sh.browsers(l)
	return t, true
}

package swarm

import "sync/atomic"

// held counts what the Store holds and what its bounds refused.
type held struct {
	torrents, peers atomic.Int64

	torrentsRefused, torrentsEvicted, peersRefused atomic.Uint64
}

// Totals is what a Store holds, and what its limits refused since the start.
type Totals struct {
	Torrents, Peers int

	TorrentsRefused uint64 // newcomers answered but not stored: too many torrents
	TorrentsEvicted uint64 // torrents that made room for another
	PeersRefused    uint64 // newcomers answered but not stored: too many peers
}

// Totals returns the counts of this moment.
func (s *Store) Totals() Totals {
	return Totals{
		Torrents:        int(s.held.torrents.Load()),
		Peers:           int(s.held.peers.Load()),
		TorrentsRefused: s.held.torrentsRefused.Load(),
		TorrentsEvicted: s.held.torrentsEvicted.Load(),
		PeersRefused:    s.held.peersRefused.Load(),
	}
}

// admitPeer reports whether a newcomer to t, nil for a new torrent, is stored.
func (s *Store) admitPeer(t *torrent, self *place) bool {
	l := s.limits.Load()
	full := l.Peers > 0 && s.held.peers.Load() >= int64(l.Peers)
	if t != nil && !full {
		full = l.PeersPerTorrent > 0 && t.peers() >= l.PeersPerTorrent
		if !full && l.PeersPerNetwork > 0 {
			full = t.inNetwork(self) >= l.PeersPerNetwork
		}
	}
	if full {
		s.held.peersRefused.Add(1)
	}
	return !full
}

// looks bounds the search for a torrent that can make room.
const looks = 16

// admitTorrent reports whether one more torrent is stored. At the bound a
// torrent that holds nobody, or one peer that announced once, makes room: that
// is what a spray of random info hashes leaves behind.
func (s *Store) admitTorrent(sh *shard) bool {
	l := s.limits.Load()
	if l.Torrents <= 0 || s.held.torrents.Load() < int64(l.Torrents) {
		return true
	}
	seen := 0
	for hash, t := range sh.torrents { // begins anywhere
		if n := t.peers(); n == 0 || n == 1 && !t.again {
			delete(sh.torrents, hash)
			s.held.torrents.Add(-1)
			s.held.peers.Add(int64(-n))
			s.held.torrentsEvicted.Add(1)
			return true
		}
		if seen++; seen == looks {
			break
		}
	}
	s.held.torrentsRefused.Add(1)
	return false
}

// inNetwork returns how many peers of t are in the network of self. The first
// call counts them all; from then on network keeps the counts.
func (t *torrent) inNetwork(self *place) int {
	if t.networks == nil {
		t.networks = make(map[place]int)
		for _, f := range []*family{&t.v4, &t.v6} {
			for at := range f.peers {
				p := f.place(at)
				t.networks[p.network()]++
			}
		}
	}
	return t.networks[self.network()]
}

// network notes that by peers joined or left the network of p.
func (t *torrent) network(p *place, by int) {
	if t.networks == nil {
		return
	}
	n := p.network()
	if t.networks[n] += by; t.networks[n] == 0 {
		delete(t.networks, n)
	}
}

package swarm

import "sync/atomic"

// held counts what the Store holds and what its bounds refused.
type held struct {
	torrents, peers atomic.Int64

	torrentsRefused, torrentsEvicted, peersRefused atomic.Uint64
}

// Totals is what a Store holds, and what its limits refused since the start.
type Totals struct {
	Torrents, Peers      int
	IPv4, IPv6, Browsers int // the Peers by kind; Browsers are those of WebTorrent
	Seeders, Leechers    int // the same Peers by role, of all kinds

	TorrentsRefused uint64 // newcomers answered but not stored: too many torrents
	TorrentsEvicted uint64 // torrents that made room for another
	PeersRefused    uint64 // newcomers answered but not stored: too many peers

	Bytes int64 // of memory that torrents and peers have taken
}

// Totals returns the counts of this moment. It takes the lock of each shard once,
// for a few numbers, so that kinds and roles both add up to Peers.
func (s *Store) Totals() Totals {
	all := s.tallies()
	peers, leechers := 0, 0
	for _, t := range all {
		peers, leechers = peers+t.peers, leechers+t.leechers
	}
	return Totals{
		Torrents:        int(s.held.torrents.Load()),
		Peers:           peers,
		IPv4:            all[kind4].peers,
		IPv6:            all[kind6].peers,
		Browsers:        all[kindBrowsers].peers,
		Seeders:         peers - leechers,
		Leechers:        leechers,
		TorrentsRefused: s.held.torrentsRefused.Load(),
		TorrentsEvicted: s.held.torrentsEvicted.Load(),
		PeersRefused:    s.held.peersRefused.Load(),
		Bytes:           s.memory.held(),
	}
}

// admitPeer reports whether one peer more may be stored.
func (v *visit) admitPeer() bool {
	if l := v.limits.Peers; l > 0 && v.store.held.peers.Load() >= int64(l) || v.store.memory.full.Load() {
		v.store.held.peersRefused.Add(1)
		return false
	}
	return true
}

// admit reports whether a newcomer to a torrent is stored. f is its family.
func (v *visit) admit(f *family, k key) bool {
	if !v.admitPeer() {
		return false
	}
	complete, incomplete := v.shard.counts(f.line)
	if f.shape.size == sizeLink {
		complete, incomplete = v.shard.browsers(f.line)
	}
	l := v.limits
	if l.PeersPerTorrent > 0 && int(complete+incomplete) >= l.PeersPerTorrent ||
		l.PeersPerNetwork > 0 && f.shape.size != sizeLink && f.inNetwork(k) >= l.PeersPerNetwork {
		v.store.held.peersRefused.Add(1)
		return false
	}
	return true
}

// looks bounds the search for a torrent that can make room.
const looks = 16

// admitTorrent reports whether one more torrent is stored. At the bound a
// torrent that holds nobody, or one peer that announced once, makes room: that
// is what a spray of random info hashes leaves behind.
func (v *visit) admitTorrent() bool {
	if l := v.limits.Torrents; l <= 0 || v.store.held.torrents.Load() < int64(l) {
		return true
	}
	if v.evict() {
		v.store.held.torrentsEvicted.Add(1)
		return true
	}
	v.store.held.torrentsRefused.Add(1)
	return false
}

// evict drops a torrent that can make room. It begins to look anywhere in the
// shard, so that nobody can know who will go.
func (v *visit) evict() bool {
	s := v.shard
	d := s.directory.Load()
	at := below(&s.random, len(d.pages)*pageSlots)
	for looked, tries := 0, 0; looked < looks && tries < pageSlots; tries++ {
		r := ref(d.pages[at/pageSlots].Load())
		if r == 0 {
			return false
		}
		slot := s.page(r)[1+at%pageSlots]
		if at++; at == len(d.pages)*pageSlots {
			at = 0
		}
		if slot == 0 {
			continue
		}
		looked++
		l := s.line(ref(slot))
		if n := s.peers(l); (n == 0 || n == 1 && !l.again()) && s.droppable(l) && s.mayForget(l) {
			hash := l.hash
			s.drop(&torrentHash{info: &hash, half: uint32(slot >> 32)})
			return true
		}
	}
	return false
}

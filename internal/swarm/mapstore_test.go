package swarm

import (
	"net/netip"
	"time"

	"github.com/shoal-tracker/shoal"
)

// mapStore is the naive swarm that the Store is held against: maps of Go, and
// walked from end to end for everything.
type mapStore struct {
	timeout  time.Duration
	limits   Limits
	torrents map[shoal.InfoHash]*mapTorrent
	refused  uint64
}

type mapTorrent struct {
	peers     map[netip.AddrPort]*mapPeer
	completed uint32
}

type mapPeer struct {
	req     shoal.AnnounceRequest // the last one
	counted bool
	seen    shoal.Tick
}

func newMapStore(timeout time.Duration, l Limits) *mapStore {
	return &mapStore{timeout: timeout, limits: l, torrents: make(map[shoal.InfoHash]*mapTorrent)}
}

func (m *mapStore) announce(req *shoal.AnnounceRequest, now shoal.Tick) {
	t := m.torrents[req.InfoHash]
	if t == nil {
		t = &mapTorrent{peers: make(map[netip.AddrPort]*mapPeer)}
		m.torrents[req.InfoHash] = t
	}
	p := t.peers[req.Addr]
	switch {
	case req.Event == shoal.EventStopped:
		delete(t.peers, req.Addr)
	case p != nil:
		if !p.req.Seeder() && !p.counted && (req.Seeder() || req.Event == shoal.EventCompleted) {
			p.counted = true
			t.completed++
		}
		p.req, p.seen = *req, now
	case req.Dialable():
		if m.full(t, req.Addr.Addr()) {
			m.refused++
			return
		}
		t.peers[req.Addr] = &mapPeer{req: *req, seen: now}
	}
}

func (m *mapStore) full(t *mapTorrent, a netip.Addr) bool {
	if m.limits == (Limits{}) {
		return false
	}
	all := 0
	for _, t := range m.torrents {
		all += len(t.peers)
	}
	bits := 24
	if a.Is6() {
		bits = 64
	}
	network, near := netip.PrefixFrom(a, bits).Masked(), 0
	for other := range t.peers {
		if network.Contains(other.Addr()) {
			near++
		}
	}
	l := m.limits
	return l.Peers > 0 && all >= l.Peers ||
		l.PeersPerTorrent > 0 && len(t.peers) >= l.PeersPerTorrent ||
		l.PeersPerNetwork > 0 && near >= l.PeersPerNetwork
}

// expire removes who has not announced for the timeout, counted in its
// hundredths as the Store does.
func (m *mapStore) expire(now shoal.Tick) {
	unit := shoal.Tick(max(1000, m.timeout.Milliseconds()/100))
	for _, t := range m.torrents {
		for addr, p := range t.peers {
			if now/unit-p.seen/unit > shoal.Tick(m.timeout.Milliseconds())/unit {
				delete(t.peers, addr)
			}
		}
	}
}

func (m *mapStore) scrape(h shoal.InfoHash) (c shoal.ScrapeCounts) {
	t := m.torrents[h]
	if t == nil {
		return c
	}
	c.Downloaded = t.completed
	for _, p := range t.peers {
		if p.req.Seeder() {
			c.Complete++
		} else {
			c.Incomplete++
		}
	}
	return c
}

// held returns how many torrents have somebody, or a completed count to keep.
func (m *mapStore) held() int {
	n := 0
	for _, t := range m.torrents {
		if len(t.peers) > 0 || t.completed > 0 {
			n++
		}
	}
	return n
}

func (m *mapStore) peers() int {
	n := 0
	for _, t := range m.torrents {
		n += len(t.peers)
	}
	return n
}

// given returns who may be handed to the asker: everybody else, seeders not to
// seeders.
func (m *mapStore) given(req *shoal.AnnounceRequest) map[netip.AddrPort]shoal.PeerID {
	given := make(map[netip.AddrPort]shoal.PeerID)
	for addr, p := range m.torrents[req.InfoHash].peers {
		if addr != req.Addr && !(req.Seeder() && p.req.Seeder()) {
			given[addr] = p.req.PeerID
		}
	}
	return given
}

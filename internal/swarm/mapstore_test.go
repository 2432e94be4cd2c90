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
	peers     map[who]*mapPeer
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
		t = &mapTorrent{peers: make(map[who]*mapPeer)}
		m.torrents[req.InfoHash] = t
	}
	asker := whoOf(req)
	p := t.peers[asker]
	switch {
	case req.Event == shoal.EventStopped || req.Hidden:
		delete(t.peers, asker)
	case p != nil:
		if !p.req.Seeder() && !p.counted && (req.Seeder() || req.Event == shoal.EventCompleted) {
			p.counted = true
			t.completed++
		}
		p.req, p.seen = *req, now
	case req.Dialable():
		if m.full(t, asker) {
			m.refused++
			return
		}
		t.peers[asker] = &mapPeer{req: *req, seen: now}
	}
}

// bring adds what a database knew.
func (m *mapStore) bring(c Completed) {
	t := m.torrents[c.Hash]
	if t == nil {
		t = &mapTorrent{peers: make(map[who]*mapPeer)}
		m.torrents[c.Hash] = t
	}
	t.completed += c.Count
}

func (m *mapStore) leave(hashes []shoal.InfoHash, link shoal.Link) {
	for _, h := range hashes {
		if t := m.torrents[h]; t != nil {
			delete(t.peers, who{link: link})
		}
	}
}

// remove forgets a torrent, or only its peers where a database keeps its count.
func (m *mapStore) remove(h shoal.InfoHash, database bool) {
	if t := m.torrents[h]; t != nil && database {
		clear(t.peers)
		return
	}
	delete(m.torrents, h)
}

func (m *mapStore) full(t *mapTorrent, newcomer who) bool {
	if m.limits == (Limits{}) {
		return false
	}
	all := 0
	for _, t := range m.torrents {
		all += len(t.peers)
	}
	bits := 24
	if newcomer.addr.Addr().Is6() {
		bits = 64
	}
	network, near, alike := netip.PrefixFrom(newcomer.addr.Addr(), bits).Masked(), 0, 0
	for other := range t.peers {
		if network.Contains(other.addr.Addr()) { // no browser is in any
			near++
		}
		if (other.link != 0) == (newcomer.link != 0) {
			alike++
		}
	}
	l := m.limits
	return l.Peers > 0 && all >= l.Peers ||
		l.PeersPerTorrent > 0 && alike >= l.PeersPerTorrent ||
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

// scrape returns the counts of the browsers, or those of all others.
func (m *mapStore) scrape(h shoal.InfoHash, browsers bool) (c shoal.ScrapeCounts) {
	t := m.torrents[h]
	if t == nil {
		return c
	}
	c.Downloaded = t.completed
	for w, p := range t.peers {
		if (w.link != 0) != browsers {
			continue
		}
		if p.req.Seeder() {
			c.Complete++
		} else {
			c.Incomplete++
		}
	}
	return c
}

// held returns how many torrents have somebody or a completed count to keep, and
// how many have somebody.
func (m *mapStore) held() (n, withPeers int) {
	for _, t := range m.torrents {
		if len(t.peers) > 0 || t.completed > 0 {
			n++
		}
		if len(t.peers) > 0 {
			withPeers++
		}
	}
	return n, withPeers
}

// totals returns the counts of all peers.
func (m *mapStore) totals() (sum Totals) {
	for h, t := range m.torrents {
		got := m.torrent(h)
		sum.Peers += len(t.peers)
		sum.Seeders += int(got.Seeders())
		sum.Leechers += int(got.Leechers())
		sum.IPv4 += int(got.IPv4.Seeders + got.IPv4.Leechers)
		sum.IPv6 += int(got.IPv6.Seeders + got.IPv6.Leechers)
		sum.Browsers += int(got.Browsers.Seeders + got.Browsers.Leechers)
	}
	sum.PeersRefused = m.refused
	return sum
}

// torrent returns what a Store would say of one.
func (m *mapStore) torrent(h shoal.InfoHash) Torrent {
	got := Torrent{Hash: h, Completed: m.torrents[h].completed}
	for w, p := range m.torrents[h].peers {
		kind := &got.Browsers
		switch {
		case w.link != 0:
		case w.addr.Addr().Is4():
			kind = &got.IPv4
		default:
			kind = &got.IPv6
		}
		if p.req.Seeder() {
			kind.Seeders++
		} else {
			kind.Leechers++
		}
	}
	return got
}

// peer returns what a Store would say of one peer, with details or without.
func (m *mapStore) peer(p *mapPeer, details bool) Peer {
	unit := shoal.Tick(max(1000, m.timeout.Milliseconds()/100))
	got := Peer{Addr: p.req.Addr, Link: p.req.Link, Seeder: p.req.Seeder(), Seen: p.seen / unit * unit}
	if p.req.Link != 0 {
		got.Addr = netip.AddrPort{}
	}
	if details {
		got.Known, got.ID, got.Event = true, p.req.PeerID, p.req.Event
		got.Uploaded, got.Downloaded, got.Left = p.req.Uploaded, p.req.Downloaded, p.req.Left
	}
	return got
}

// given returns who may be handed to the asker: everybody else of its kind,
// seeders not to seeders.
func (m *mapStore) given(req *shoal.AnnounceRequest) map[who]shoal.PeerID {
	given := make(map[who]shoal.PeerID)
	for w, p := range m.torrents[req.InfoHash].peers {
		if w != whoOf(req) && (w.link != 0) == (req.Link != 0) && !(req.Seeder() && p.req.Seeder()) {
			given[w] = p.req.PeerID
		}
	}
	return given
}

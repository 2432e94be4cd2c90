package swarm

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"time"

	"github.com/shoal-tracker/shoal"
)

// Peer is what a Store knows of one peer.
type Peer struct {
	Addr   netip.AddrPort // where others dial it; the zero AddrPort if it is a browser
	Link   shoal.Link     // the connection of a browser; 0: none
	Seeder bool

	// Seen is when its last announce came, cut to whole units of the time that the
	// Store keeps (SeenUnit), which are counted from the Unix epoch.
	Seen shoal.Tick

	// Known says that the Store keeps details. Without it the fields below are
	// zero.
	Known                      bool
	ID                         shoal.PeerID
	Event                      shoal.Event // of the last announce
	Uploaded, Downloaded, Left uint64      // bytes, as the last announce said; Left may be shoal.LeftUnknown
}

// SeenUnit returns what Peer.Seen is exact to: a hundredth of the peer timeout, at
// least one second.
func (s *Store) SeenUnit() time.Duration { return time.Duration(s.times.unit) * time.Millisecond }

// mostPeers bounds how many peers one call returns.
const mostPeers = 10_000

// Peers returns up to limit peers of a torrent, 10,000 at most, those behind a
// cursor, and the cursor behind the last of them. The zero cursor stands before the
// first peer; as next it says that there are no more. ok says whether the torrent
// is held.
//
// Peers come by kind, IPv4 first, then IPv6, then browsers, and each kind in an
// order that is random but stays as it is: whoever stays in the torrent while its
// pages are turned is returned exactly once, those who come or go once or not at
// all. After a restart the order is another one, and an old cursor stands anywhere.
func (s *Store) Peers(hash shoal.InfoHash, after PeerCursor, limit int) (peers []Peer, next PeerCursor, ok bool) {
	limit = min(limit, mostPeers)
	t, ok := s.Torrent(hash)
	if !ok || limit <= 0 {
		return nil, after, ok
	}
	all := t.Seeders() + t.Leechers()
	g := gathering{store: s, hash: s.hash(&hash), peers: make([]gathered, 0, min(all, gatheredRoom))}
	peers = make([]Peer, 0, min(all, uint64(limit)))
	place := after.place(s)
	for kind := place.kind; kind < kinds; kind++ {
		from, more := uint64(0), true
		if kind == place.kind {
			from = place.hash
		}
		for more {
			from, more = g.gather(kind, from)
			for i := range g.peers {
				p := &g.peers[i]
				if kind == place.kind && !place.before(p) {
					continue
				}
				if len(peers) == limit {
					return peers, next, true
				}
				peers = append(peers, p.peer(s, kind))
				next = PeerCursor{uint8(sizes[kind]), p.key}
			}
			runtime.Gosched()
		}
	}
	return peers, PeerCursor{}, true
}

// peer returns what was gathered of a peer as those outside know it.
func (g *gathered) peer(s *Store, kind int) Peer {
	p := Peer{Seeder: g.seeder, Seen: g.seen}
	var b [size6]byte
	g.key.put(b[:], sizes[kind])
	switch kind {
	case kind4:
		p.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[:4])), binary.BigEndian.Uint16(b[4:]))
	case kind6:
		p.Addr = netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[:16])), binary.BigEndian.Uint16(b[16:]))
	default:
		p.Link = shoal.Link(g.key.low)
	}
	if s.shape4.ids {
		d := &g.details
		p.Known, p.ID, p.Event = true, d.id, d.event
		p.Uploaded = binary.LittleEndian.Uint64(d.uploaded[:])
		p.Downloaded = binary.LittleEndian.Uint64(d.downloaded[:])
		p.Left = binary.LittleEndian.Uint64(d.left[:])
	}
	return p
}

package swarm

import "github.com/shoal-tracker/shoal"

// torrent is one swarm: its IPv4 and its IPv6 peers.
type torrent struct {
	v4, v6    family
	completed uint32 // leechers that became seeders here
	again     bool   // announced more than once

	networks map[place]int // peers by network; nil until a cap asks for it
}

func newTorrent(details bool) *torrent {
	return &torrent{v4: newFamily(shoal.CompactSize4, details), v6: newFamily(shoal.CompactSize6, details)}
}

func (t *torrent) family(p *place) *family {
	if p.is4() {
		return &t.v4
	}
	return &t.v6
}

func (t *torrent) peers() int { return len(t.v4.peers) + len(t.v6.peers) }

func (t *torrent) counts() (complete, incomplete uint32) {
	leechers := t.v4.leechers + t.v6.leechers
	return uint32(t.peers() - leechers), uint32(leechers)
}

// drop removes the peer at a position of f, one of the two families.
func (t *torrent) drop(f *family, at int) {
	p := f.place(at)
	f.remove(at)
	t.network(&p, -1)
	if f.shrink() {
		t.networks = nil // counted anew, in memory of the right size
	}
}

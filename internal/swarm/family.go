package swarm

import (
	"math/rand/v2"
	"slices"

	"github.com/shoal-tracker/shoal"
)

// family holds the peers of one torrent and one address family. Leechers stand
// first, seeders after them, and each part is a random permutation of its
// peers: newcomers are put at a uniformly random position, so that any window
// of a part is a uniform sample of it and a burst of fakes does not sit
// together.
type family struct {
	wire     []byte         // compact addresses, size bytes each, ready to be sent
	peers    []peer         // at the same positions
	ids      []shoal.PeerID // at the same positions; nil without details
	leechers int
	places   map[place]int // position of each address
	size     int
	details  bool
	most     int // peers since the memory was last given back
}

type peer struct {
	seen    shoal.Tick // last announce
	counted bool       // it has been counted as completed
}

func newFamily(size int, details bool) family {
	return family{size: size, places: make(map[place]int), details: details}
}

// insert puts a newcomer into its part and returns its position.
func (f *family) insert(random *rand.PCG, self place, p peer, req *shoal.AnnounceRequest) int {
	at := len(f.peers)
	f.wire = append(f.wire, self.bytes()...)
	f.peers = append(f.peers, p)
	if f.details {
		f.ids = append(f.ids, req.PeerID)
	}
	f.places[self] = at
	f.most = max(f.most, len(f.peers))
	if req.Seeder() {
		return f.move(at, f.leechers+below(random, at+1-f.leechers))
	}
	at = f.move(at, f.leechers) // the first seeder makes room at the end
	f.leechers++
	return f.move(at, below(random, f.leechers))
}

// changeRole makes a leecher a seeder or the reverse, and returns its new
// position, again a random one of its part.
func (f *family) changeRole(random *rand.PCG, at int) int {
	if at < f.leechers {
		f.leechers--
		at = f.move(at, f.leechers)
		return f.move(at, f.leechers+below(random, len(f.peers)-f.leechers))
	}
	at = f.move(at, f.leechers)
	f.leechers++
	return f.move(at, below(random, f.leechers))
}

func (f *family) remove(at int) {
	if at < f.leechers {
		f.leechers--
		at = f.move(at, f.leechers)
	}
	last := f.move(at, len(f.peers)-1)
	delete(f.places, f.place(last))
	f.wire = f.wire[:last*f.size]
	f.peers = f.peers[:last]
	if f.ids != nil {
		f.ids = f.ids[:last]
	}
}

// keep is how many peers' memory is never given back.
const keep = 16

// shrink gives back the memory of a family that has lost three quarters of its
// peers, and reports whether it did: else joining and leaving one torrent
// after the other would hold memory that no limit counts.
func (f *family) shrink() bool {
	n := len(f.peers)
	if f.most <= keep || n > f.most/4 {
		return false
	}
	f.most = n
	f.wire = slices.Clip(slices.Clone(f.wire))
	f.peers = slices.Clip(slices.Clone(f.peers))
	if f.ids != nil {
		f.ids = slices.Clip(slices.Clone(f.ids))
	}
	f.places = make(map[place]int, n)
	for at := range f.peers {
		f.places[f.place(at)] = at
	}
	return true
}

// move swaps the peer at from with the one at to, and returns to.
func (f *family) move(from, to int) int {
	if from == to {
		return to
	}
	a, b := f.place(from), f.place(to)
	copy(f.wire[from*f.size:], b.bytes())
	copy(f.wire[to*f.size:], a.bytes())
	f.places[a], f.places[b] = to, from
	f.peers[from], f.peers[to] = f.peers[to], f.peers[from]
	if f.ids != nil {
		f.ids[from], f.ids[to] = f.ids[to], f.ids[from]
	}
	return to
}

func (f *family) place(at int) place {
	p := place{size: uint8(f.size)}
	copy(p.at[:], f.wire[at*f.size:(at+1)*f.size])
	return p
}

package swarm

import (
	"math/bits"
	"math/rand/v2"

	"github.com/shoal-tracker/shoal"
)

// sample appends up to want peers to wire, and their IDs to ids where both
// sides have any, never beyond the capacity of either. self is the position of
// the asking peer, or -1. The windows begin where start says, 64 random bits
// that a batch has drawn ahead.
//
// Every other peer has the same chance: the answer's share of seeders is
// rounded at random so that its mean is their share of the swarm, and within a
// part a window of a random permutation starts anywhere with equal chance.
func (f *family) sample(random *rand.PCG, start uint64, wire []byte, ids []shoal.PeerID, self, want int, seeder bool) ([]byte, []shoal.PeerID) {
	want = min(want, (cap(wire)-len(wire))/f.shape.size)
	withIDs := f.shape.ids && cap(ids) > len(ids)
	if withIDs {
		want = min(want, cap(ids)-len(ids))
	}
	leechers, seeders := f.leechers, f.peers-f.leechers
	switch {
	case seeder:
		seeders = 0 // a seeder has nothing to give another
	case self >= 0:
		leechers--
	}
	others := leechers + seeders
	want = min(want, others)
	if want <= 0 {
		return wire, ids
	}
	fromSeeders := 0
	if seeders > 0 {
		fromSeeders = (want*seeders + below(random, others)) / others
	}
	answer := answer{wire: wire, ids: ids, withIDs: withIDs}
	if fromLeechers := want - fromSeeders; fromLeechers > 0 {
		hole := f.leechers // the asker, whom the windows step over
		if self >= 0 && self < f.leechers {
			hole = self
		}
		f.window(&answer, 0, leechers, hole, startOf(start, leechers), fromLeechers)
	}
	if fromSeeders > 0 {
		f.window(&answer, f.leechers, seeders, f.peers, startOf(start<<32, seeders), fromSeeders)
	}
	return answer.wire, answer.ids
}

// answer is what a sample is appended to.
type answer struct {
	wire    []byte
	ids     []shoal.PeerID
	withIDs bool
}

// window takes the runs of count positions that begin at the start-th of the
// size positions from first on, going round at the end and leaving out the
// position hole.
func (f *family) window(a *answer, first, size, hole, start, count int) {
	if end := start + count; end > size {
		f.run(a, first, first+end-size, hole)
		count = size - start
	}
	f.run(a, first+start, first+start+count, hole)
}

// run takes the positions of a window from one on up to another, counted
// without the hole.
func (f *family) run(a *answer, from, to, hole int) {
	switch {
	case to <= hole:
		f.take(a, from, to)
	case from >= hole:
		f.take(a, from+1, to+1)
	default:
		f.take(a, from, hole)
		f.take(a, hole+1, to+1)
	}
}

// take appends the peers at the positions from one on up to another.
func (f *family) take(a *answer, from, to int) {
	for from < to {
		b, room, i := f.at(from)
		n := min(to-from, room-i)
		size := f.shape.size
		a.wire = append(a.wire, b[i*size:(i+n)*size]...)
		if a.withIDs {
			for pos := from; pos < from+n; pos++ {
				a.ids = append(a.ids, f.details(pos).id)
			}
		}
		from += n
	}
}

// startOf returns a number from 0 to n-1 made of the upper 32 of random bits.
func startOf(random uint64, n int) int {
	return int(random >> 32 * uint64(n) >> 32) // biased by n/2^32
}

// below returns a uniformly random number from 0 to n-1.
func below(random *rand.PCG, n int) int {
	high, _ := bits.Mul64(random.Uint64(), uint64(n)) // biased by n/2^64, far below notice
	return int(high)
}

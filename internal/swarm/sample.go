package swarm

import (
	"math/bits"
	"math/rand/v2"

	"github.com/shoal-tracker/shoal"
)

// sample appends up to want peers to wire, and their IDs to ids where both
// sides have any, never beyond the capacity of either. self is the position of
// the asking peer, or -1.
//
// Every other peer has the same chance: the answer's share of seeders is
// rounded at random so that its mean is their share of the swarm, and within a
// part a window of a random permutation starts anywhere with equal chance.
func (f *family) sample(random *rand.PCG, wire []byte, ids []shoal.PeerID, self, want int, seeder bool) ([]byte, []shoal.PeerID) {
	want = min(want, (cap(wire)-len(wire))/f.size)
	withIDs := f.ids != nil && cap(ids) > len(ids)
	if withIDs {
		want = min(want, cap(ids)-len(ids))
	}
	leechers, seeders := f.leechers, len(f.peers)-f.leechers
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
	fromSeeders := (want*seeders + below(random, others)) / others
	fromLeechers := want - fromSeeders

	take := func(from, to int) {
		wire = append(wire, f.wire[from*f.size:to*f.size]...)
		if withIDs {
			ids = append(ids, f.ids[from:to]...)
		}
	}
	if fromLeechers > 0 {
		hole := f.leechers // the asker, whom the windows step over
		if self >= 0 && self < f.leechers {
			hole = self
		}
		window(0, leechers, hole, below(random, leechers), fromLeechers, take)
	}
	if fromSeeders > 0 {
		window(f.leechers, seeders, len(f.peers), below(random, seeders), fromSeeders, take)
	}
	return wire, ids
}

// window calls take for the runs of count positions that begin at the start-th
// of the size positions from first on, going round at the end and leaving out
// the position hole.
func window(first, size, hole, start, count int, take func(from, to int)) {
	run := func(from, to int) {
		from, to = first+from, first+to
		switch {
		case to <= hole:
			take(from, to)
		case from >= hole:
			take(from+1, to+1)
		default:
			take(from, hole)
			take(hole+1, to+1)
		}
	}
	end := start + count
	if end <= size {
		run(start, end)
		return
	}
	run(start, size)
	run(0, end-size)
}

// below returns a uniformly random number from 0 to n-1.
func below(random *rand.PCG, n int) int {
	high, _ := bits.Mul64(random.Uint64(), uint64(n)) // biased by n/2^64, far below notice
	return int(high)
}

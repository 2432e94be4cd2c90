package swarm

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/shoal-tracker/shoal"
)

// past is what a shard knows of torrents that it does not hold: the completed
// counts that a database brought and those of torrents that were dropped. A large
// base that never changes is read beside a small overlay of what is newer, which
// is merged into it off the road. It is under the shard's lock; without a
// database there is none.
type past struct {
	base    base
	overlay map[shoal.InfoHash]uint32
	merging map[shoal.InfoHash]uint32 // on its way into the base, only read meanwhile

	dirty   []uint32    // halves of the hashes of torrents to drain
	waiting []Completed // torrents to drain that have been dropped
}

const (
	// mostOverlay is how many counts of a shard stay in the overlay, however small
	// the base is.
	mostOverlay = 64

	// mostWaiting bounds what a shard puts aside for the next drain.
	mostWaiting = 4096
)

// known returns the count of a torrent that is not held, or 0. The nil past
// knows nothing.
func (p *past) known(hash *shoal.InfoHash) uint32 {
	if p == nil {
		return 0
	}
	if n := p.overlay[*hash]; n != 0 {
		return n
	}
	if n := p.merging[*hash]; n != 0 {
		return n
	}
	return p.base.find(hash)
}

// keep puts the count of a torrent aside that is dropped.
func (s *shard) keep(l *line) {
	p := s.past
	if p == nil || l.completed == 0 {
		return
	}
	s.catchUp(l)
	if l.flags&flagDirty != 0 {
		p.waiting = append(p.waiting, Completed{l.hash, l.completed})
	}
	switch p.known(&l.hash) {
	case l.completed:
		return
	case 0:
		if !s.store.mayRemember() {
			return
		}
		s.store.completions.remembered.Add(1)
	}
	if p.overlay == nil {
		p.overlay = make(map[shoal.InfoHash]uint32)
	}
	p.overlay[l.hash] = l.completed
}

// mergePast makes the overlay part of the base when it has grown. The lock is
// held only to begin and to end; a shard is a small part of the store, so little
// is held twice.
func (s *shard) mergePast() {
	s.mu.Lock()
	p := s.past
	if p == nil || p.merging != nil || len(p.overlay) < max(mostOverlay, len(p.base.counts)/8) {
		s.mu.Unlock()
		return
	}
	p.merging, p.overlay = p.overlay, nil
	old, newer := p.base, p.merging
	s.mu.Unlock()
	merged := old.with(newer)
	s.mu.Lock()
	p.base, p.merging = merged, nil
	s.mu.Unlock()
}

// base is completed counts sorted by info hash, 24 bytes each, and where those
// begin whose hashes have the same first bits, a quarter of a byte each or less.
// Whoever picks hashes with the same first bits meets a binary search. It never
// changes.
type base struct {
	counts []Completed
	starts []uint32 // for each value of the first bits, and the end
	shift  int      // of the first 32 bits of a hash
}

// perStart is how many counts share a start, or up to twice as many.
const perStart = 16

// makeBase takes over counts, sorted and without doubles.
func makeBase(counts []Completed) base {
	depth := bits.Len(uint(len(counts)/perStart)) - 1
	if depth < 0 {
		return base{counts: counts}
	}
	b := base{counts: counts, starts: make([]uint32, 1<<depth+1), shift: 32 - depth}
	next := 0
	for i := range counts {
		for first := b.first(&counts[i].Hash); next <= first; next++ {
			b.starts[next] = uint32(i)
		}
	}
	for ; next < len(b.starts); next++ {
		b.starts[next] = uint32(len(counts))
	}
	return b
}

// first returns the first bits of a hash.
func (b *base) first(hash *shoal.InfoHash) int {
	return int(uint64(binary.BigEndian.Uint32(hash[:])) >> b.shift)
}

// find returns the count of a torrent, or 0.
func (b *base) find(hash *shoal.InfoHash) uint32 {
	from, to := 0, len(b.counts)
	if b.starts != nil {
		first := b.first(hash)
		from, to = int(b.starts[first]), int(b.starts[first+1])
	}
	for from < to {
		middle := int(uint(from+to) >> 1)
		switch bytes.Compare(b.counts[middle].Hash[:], hash[:]) {
		case 0:
			return b.counts[middle].Count
		case -1:
			from = middle + 1
		default:
			to = middle
		}
	}
	return 0
}

// with returns the base with newer counts in it.
func (b *base) with(newer map[shoal.InfoHash]uint32) base {
	added := make([]Completed, 0, len(newer))
	fresh := 0
	for hash, count := range newer {
		added = append(added, Completed{hash, count})
		if b.find(&hash) == 0 {
			fresh++
		}
	}
	added = sortCompleted(added)
	merged := make([]Completed, 0, len(b.counts)+fresh)
	old := b.counts
	for _, c := range added {
		for len(old) > 0 && bytes.Compare(old[0].Hash[:], c.Hash[:]) < 0 {
			merged, old = append(merged, old[0]), old[1:]
		}
		if len(old) > 0 && old[0].Hash == c.Hash {
			old = old[1:]
		}
		merged = append(merged, c)
	}
	return makeBase(append(merged, old...))
}

package swarm

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"slices"
	"sync"
	"unsafe"

	"github.com/shoal-tracker/shoal"
)

// bins are what torrents are counted by: the first bits of their hashes.
const (
	binBits = 12
	bins    = 1 << binBits
)

func binOf(hash *shoal.InfoHash) int {
	return int(binary.BigEndian.Uint16(hash[:]) >> (16 - binBits))
}

// stretch is the info hashes of the torrents of some neighbouring bins, as they were
// a moment ago. A bin is sorted when a page first needs it. Whoever picks hashes that
// begin alike makes one bin large, and a second of it cost one sort more.
type stretch struct {
	from, to int // bins

	mu     sync.Mutex
	hashes [][]shoal.InfoHash // of each bin
	sorted []bool
}

// walk goes through all torrents once and gathers those of a bin and of as many
// behind it as have so many torrents. A torrent that stays meanwhile is gathered
// exactly once.
func (s *Store) walk(from, torrents int) *stretch {
	var room []int
	sum, to := 0, from
	for ; to < bins && (to == from || sum < torrents); to++ {
		n := max(0, int(s.listing.bins[to].Load()))
		room = append(room, n)
		sum += n
	}
	w := &stretch{from: from, to: to, hashes: make([][]shoal.InfoHash, to-from), sorted: make([]bool, to-from)}
	all := make([]shoal.InfoHash, sum)
	for i, n := range room {
		w.hashes[i], all = all[:0:n], all[n:]
	}
	var p walkedPage
	for i := range s.shards {
		for half := uint64(0); half < 1<<32; half = p.next {
			p.copy(&s.shards[i], uint32(half))
			p.fetch(*s.memory.segments.Load())
			if !p.gather(w) {
				p.gatherAtOnce(w, uint32(half))
			}
			for _, hash := range p.hashes[:p.found] {
				b := &w.hashes[binOf(&hash)-from]
				*b = append(*b, hash)
			}
		}
		runtime.Gosched()
	}
	return w
}

// walkedPage is a page of the table on a walk. Its slots are copied first, and their
// lines read a few under a lock: who waits for the lock need not be put to sleep for
// it.
type walkedPage struct {
	shard *shard
	slots [pageSlots]uint64
	taken int
	moved uint32 // the shard's, when the slots were copied
	next  uint64 // the half of a hash at which the next page begins

	hashes [pageSlots]shoal.InfoHash
	found  int
}

// walkedLines is how many lines are read under a lock.
const walkedLines = 32

// copy copies the slots from one half of a hash on to the end of its page. Pages may
// split and merge between two calls: each half is looked at once all the same.
func (p *walkedPage) copy(s *shard, from uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.shard, p.moved, p.taken, p.next = s, s.moved, 0, 1<<32
	r := s.directory.Load().page(from)
	if r == 0 {
		return
	}
	page := s.page(r)
	for _, slot := range page[1:] {
		if slot != 0 && uint32(slot>>32) >= from {
			p.slots[p.taken] = slot
			p.taken++
		}
	}
	_, depth := pageHeader(page)
	p.next = uint64(from)>>(32-depth)<<(32-depth) + 1<<(32-depth)
}

// fetch has memory fetch the lines before the lock is taken for them.
func (p *walkedPage) fetch(segments []segment) {
	if !prefetches {
		return
	}
	for _, slot := range p.slots[:p.taken] {
		prefetchLines(unsafe.Pointer(at[line](segments, ref(slot))), 1)
	}
}

// gather reads the lines of the slots. It reports false when one of the shard was
// moved or went meanwhile: nothing that was read counts then.
func (p *walkedPage) gather(w *stretch) bool {
	s := p.shard
	p.found = 0
	for slots := p.slots[:p.taken]; len(slots) > 0; {
		some := slots[:min(walkedLines, len(slots))]
		slots = slots[len(some):]
		s.mu.Lock()
		if s.moved != p.moved {
			s.mu.Unlock()
			return false
		}
		for _, slot := range some {
			p.line(w, ref(slot))
		}
		s.mu.Unlock()
	}
	return true
}

// gatherAtOnce does all that for a page under one lock.
func (p *walkedPage) gatherAtOnce(w *stretch, from uint32) {
	s := p.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	d, end := s.directory.Load(), p.next
	p.found = 0
	for half := uint64(from); half < end; {
		page := s.page(d.page(uint32(half)))
		for _, slot := range page[1:] {
			if slot != 0 && uint64(slot>>32) >= half && uint64(slot>>32) < end {
				p.line(w, ref(slot))
			}
		}
		_, depth := pageHeader(page)
		half = half>>(32-depth)<<(32-depth) + 1<<(32-depth)
	}
}

// line takes a torrent that is in the stretch. The lock is held.
func (p *walkedPage) line(w *stretch, r ref) {
	l := p.shard.line(r)
	if bin := binOf(&l.hash); bin >= w.from && bin < w.to {
		p.hashes[p.found] = l.hash
		p.found++
	}
}

func compareHashes(a, b shoal.InfoHash) int { return bytes.Compare(a[:], b[:]) }

// count returns how many torrents a bin has.
func (w *stretch) count(bin int) int { return len(w.hashes[bin-w.from]) }

// bin returns the hashes of a bin in their order. w.mu is held.
func (w *stretch) bin(bin int) []shoal.InfoHash {
	i := bin - w.from
	if !w.sorted[i] {
		slices.SortFunc(w.hashes[i], compareHashes)
		w.sorted[i] = true
	}
	return w.hashes[i]
}

// behind returns how many torrents of its bin there are up to a hash, that one
// included.
func (w *stretch) behind(hash *shoal.InfoHash) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	at, there := slices.BinarySearchFunc(w.bin(binOf(hash)), *hash, compareHashes)
	if there {
		at++
	}
	return at
}

// take appends up to n hashes from a place in a bin on, and returns the place behind
// them.
func (w *stretch) take(hashes []shoal.InfoHash, bin, index, n int) ([]shoal.InfoHash, int, int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for ; bin < w.to; bin, index = bin+1, 0 {
		some := w.bin(bin)
		some = some[min(index, len(some)):]
		if len(some) > n {
			return append(hashes, some[:n]...), bin, index + n
		}
		hashes, n = append(hashes, some...), n-len(some)
	}
	return hashes, bin, 0
}

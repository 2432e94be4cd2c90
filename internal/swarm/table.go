package swarm

import "sync/atomic"

// The torrents of a shard are found by extendible hashing: a directory by the
// first bits of the hash, and pages of 511 slots that split when they fill. No
// step is ever as large as the table.
const (
	pageUnits = 64
	pageSlots = pageUnits*unitBytes/8 - 1 // the first word of a page is its header
	pageFull  = pageSlots * 4 / 5
	mostDepth = 22
)

// page is its header, then slots. A slot holds the lower half of a torrent's
// hash above the ref of its line; 0 is an empty one.
type page = *[pageSlots + 1]uint64

// The header of a page: how many slots are taken and how many bits of the hash
// its torrents share.
func pageHeader(p page) (taken, depth int) { return int(uint32(p[0])), int(p[0] >> 32) }

func setPageHeader(p page, taken, depth int) { p[0] = uint64(depth)<<32 | uint64(taken) }

// directory is read without the lock by the hints of a batch, which is why its
// entries are atomic and it is replaced whole when it grows.
type directory struct {
	depth int
	pages []atomic.Uint32 // refs
}

func (d *directory) page(half uint32) ref {
	return ref(d.pages[uint64(half)>>(32-d.depth)].Load())
}

// home returns the slot that a hash's lower half begins to look at.
func home(half uint32) int { return 1 + int(half&0xffff)*pageSlots>>16 }

func nextSlot(i int) int {
	if i == pageSlots {
		return 1
	}
	return i + 1
}

func (s *shard) page(r ref) page {
	// A block of pageUnits never leaves its segment.
	return page(at[[pageSlots + 1]uint64](s.arena.segments, r))
}

// slot returns the slot of p with the torrent's line, or 0.
func (s *shard) slot(p page, hash *torrentHash) (page, int) {
	for i := home(hash.half); p[i] != 0; i = nextSlot(i) {
		if uint32(p[i]>>32) == hash.half && s.line(ref(p[i])).hash == *hash.info {
			return p, i
		}
	}
	return p, 0
}

// insert adds the line at r, which must not be in the table yet. It reports
// false when the table can grow no more.
func (s *shard) insert(half uint32, r ref) bool {
	p := s.page(s.directory.Load().page(half))
	for {
		taken, depth := pageHeader(p)
		if taken < pageFull {
			setPageHeader(p, taken+1, depth)
			putSlot(p, uint64(half)<<32|uint64(r))
			return true
		}
		if depth == mostDepth {
			return false
		}
		s.split(half, p, depth)
		p = s.page(s.directory.Load().page(half))
	}
}

func putSlot(p page, slot uint64) {
	i := home(uint32(slot >> 32))
	for p[i] != 0 {
		i = nextSlot(i)
	}
	p[i] = slot
}

// split moves the torrents whose next bit is set from p to a page of their
// own.
func (s *shard) split(half uint32, p page, depth int) {
	d := s.directory.Load()
	if depth == d.depth {
		d = d.double()
		s.directory.Store(d)
	}
	r := s.arena.alloc(pageUnits)
	q := s.page(r)
	all := *p
	*p = [pageSlots + 1]uint64{}
	taken := [2]int{}
	bit := 31 - depth
	for _, slot := range all[1:] {
		if slot == 0 {
			continue
		}
		side := slot >> (32 + bit) & 1
		putSlot([2]page{p, q}[side], slot)
		taken[side]++
	}
	setPageHeader(p, taken[0], depth+1)
	setPageHeader(q, taken[1], depth+1)

	// The entries whose first bits are half's up to depth, then a set bit.
	run := 1 << (d.depth - depth - 1)
	first := int(uint64(half)>>(32-depth))<<(d.depth-depth) + run
	for i := range run {
		d.pages[first+i].Store(uint32(r))
	}
}

func (d *directory) double() *directory {
	grown := &directory{depth: d.depth + 1, pages: make([]atomic.Uint32, 2*len(d.pages))}
	for i := range grown.pages {
		grown.pages[i].Store(d.pages[i/2].Load())
	}
	return grown
}

// removeSlot empties a slot and moves those behind it up, so that no search ends
// at the gap.
func removeSlot(pg page, slot int) {
	taken, depth := pageHeader(pg)
	setPageHeader(pg, taken-1, depth)
	gap := slot
	for i := nextSlot(gap); pg[i] != 0; i = nextSlot(i) {
		if between(home(uint32(pg[i]>>32)), gap, i, pageSlots) {
			pg[gap] = pg[i]
			gap = i
		}
	}
	pg[gap] = 0
}

// between reports whether an entry at i whose search begins at home passes
// gap, in a ring of size places.
func between(home, gap, i, size int) bool {
	toGap, toEntry := gap-home, i-home
	if toGap < 0 {
		toGap += size
	}
	if toEntry < 0 {
		toEntry += size
	}
	return toGap <= toEntry
}

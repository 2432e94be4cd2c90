package swarm

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"unsafe"
)

// The memory of a Store is a growing row of segments, which the garbage
// collector does not look into: 10 million peers are a few hundred objects to
// it. Everything in them is named by a ref, an offset and never an address, so
// that Go checks the bounds of each access.
const (
	unitBytes    = 64 // a cache line, what everything is a multiple of
	segmentBytes = 4 << 20
	segmentUnits = segmentBytes / unitBytes
	regionUnits  = 1024 // what a shard takes from the memory at once
	regionBytes  = regionUnits * unitBytes
)

// ref names a unit: its segment in the upper 16 bits, its place there in the
// lower ones. 0 is nothing.
type ref uint32

func (r ref) region() ref { return r &^ (regionUnits - 1) }

type segment = *[segmentBytes]byte

// memory hands out regions. Segments are never unmapped: who reads a stale ref
// without a lock, as the hints of a batch do, reads something, and no fault.
type memory struct {
	mapSegment func() segment // nil when there is no more

	segments atomic.Pointer[[]segment]
	full     atomic.Bool // no more memory is to be had: newcomers are not stored

	mu    sync.Mutex
	free  []uint32 // regions given back: a bit for each, a word for each block
	back  int      // how many they are
	large bool     // the segments with ordinary pages were given huge ones
	next  ref      // the first region never handed out
}

// Regions are given back to the system in blocks of a huge page: the kernel
// fills smaller holes in one again.
const (
	blockRegions = 32
	blockUnits   = blockRegions * regionUnits
	blockFree    = 1<<blockRegions - 1
)

// smallSegments is how many segments begin with ordinary pages: there is a region
// for each shard in them. A tracker of a few thousand torrents touches a little of
// each; in a large one every visit would wait for the page tables too.
const (
	smallSegments = 5
	smallBlocks   = smallSegments * segmentUnits / blockUnits
	smallRegions  = smallSegments*segmentUnits/regionUnits - 1
)

func newMemory(mapSegment func() segment) *memory {
	m := &memory{mapSegment: mapSegment, next: regionUnits} // the ref of the first region would be nothing
	m.segments.Store(new([]segment))
	m.extend()
	return m
}

// extend maps segments ahead of need, so that what was begun under a lock never
// finds the memory gone halfway.
func (m *memory) extend() {
	for m.unused()+m.back < spareRegions {
		segments := *m.segments.Load()
		var s segment
		if len(segments) < 1<<16 {
			s = m.mapSegment()
		}
		if s == nil {
			m.full.Store(true)
			return
		}
		if len(segments) >= smallSegments {
			hugePages(s[:])
		}
		segments = append(segments[:len(segments):len(segments)], s)
		m.segments.Store(&segments)
		m.free = append(m.free, make([]uint32, segmentUnits/blockUnits)...)
	}
	m.full.Store(false)
}

// unused returns how many mapped regions were never handed out.
func (m *memory) unused() int {
	return len(*m.segments.Load())*(segmentUnits/regionUnits) - int(m.next/regionUnits)
}

// retry asks for memory again after there was none.
func (m *memory) retry() {
	if m.full.Load() {
		m.mu.Lock()
		m.extend()
		m.mu.Unlock()
	}
}

// grow gives the segments that began with ordinary pages huge ones, once all of
// them are in use. What is given back there comes back as ordinary pages, until
// the store has been small and grows again.
func (m *memory) grow() {
	m.mu.Lock()
	taken := int(m.next/regionUnits) - 1 - m.back
	collapses := !m.large && taken >= smallRegions
	m.large = collapses || m.large && taken >= smallRegions/2
	segments := *m.segments.Load()
	m.mu.Unlock()
	if collapses {
		for _, s := range segments[:smallSegments] {
			collapse(s[:])
		}
	}
}

// available reports whether so many units can be had to move a shard together.
// When there is no more memory half of the spare regions may go into it: one
// shard is moved at a time, and gives back more than it took.
func (m *memory) available(units int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.full.Load() || (m.unused()+m.back)/2*regionUnits >= units
}

// take returns a region, all zeroes: one that has ordinary pages, or else one from
// the fullest block, so that others become empty.
func (m *memory) take() ref {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.extend()
	if m.back > 0 {
		return m.takeBack()
	}
	if m.unused() == 0 {
		// Newcomers were refused since the spare regions were touched.
		panic("swarm: out of memory")
	}
	r := m.next
	m.next += regionUnits
	return r
}

func (m *memory) takeBack() ref {
	best, fewest := 0, blockRegions+1
	for block, free := range m.free {
		n := bits.OnesCount32(free)
		if n > 0 && n < fewest {
			best, fewest = block, n
		}
		if n > 0 && block < smallBlocks {
			break
		}
	}
	region := bits.TrailingZeros32(m.free[best])
	m.free[best] &^= 1 << region
	m.back--
	return ref(best*blockUnits + region*regionUnits)
}

// give takes regions back and returns their pages to the system.
func (m *memory) give(regions []ref) {
	for _, r := range regions {
		if r>>16 < smallSegments {
			discard(m.bytes(r, regionUnits))
		} else {
			clear(m.bytes(r, regionUnits))
		}
		m.mu.Lock()
		block := int(r) / blockUnits
		m.free[block] |= 1 << (r % blockUnits / regionUnits)
		m.back++
		whole := m.free[block] == blockFree && r>>16 >= smallSegments
		if whole { // nobody may take one while it is discarded
			m.free[block] = 0
			m.back -= blockRegions
		}
		m.mu.Unlock()
		if whole {
			m.giveBlock(block)
		}
	}
}

func (m *memory) giveBlock(block int) {
	discard(m.bytes(ref(block*blockUnits), blockUnits))
	m.mu.Lock()
	m.free[block] = blockFree
	m.back += blockRegions
	m.mu.Unlock()
}

// held returns the bytes that shards have taken.
func (m *memory) held() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return (int64(m.next)/regionUnits - 1 - int64(m.back)) * regionBytes
}

// bytes returns units from r on.
func (m *memory) bytes(r ref, units int) []byte {
	return bytesAt(*m.segments.Load(), r, units)
}

func bytesAt(segments []segment, r ref, units int) []byte {
	s := segments[r>>16]
	from := int(r&0xffff) * unitBytes
	return s[from : from+units*unitBytes : from+units*unitBytes]
}

// at returns the T that begins at r, which must not be longer than a unit.
func at[T any](segments []segment, r ref) *T {
	return (*T)(unsafe.Pointer(&segments[r>>16][int(r&0xffff)*unitBytes]))
}

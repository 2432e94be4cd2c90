package swarm

import (
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
	segments atomic.Pointer[[]segment]
	full     atomic.Bool // no more memory is to be had: newcomers are not stored

	mu   sync.Mutex
	free []ref // regions given back
	next ref   // the first region never handed out
}

// spareRegions are mapped ahead of need, so that an announce which was let in
// never finds the memory gone halfway.
const spareRegions = segmentUnits / regionUnits

// smallSegments is how many segments have ordinary pages. A tracker of a few
// thousand torrents touches a little of many regions; in a large one every
// visit would wait for the page tables too.
const smallSegments = 2

func newMemory() *memory {
	m := &memory{next: regionUnits} // the ref of the first region would be nothing
	m.segments.Store(new([]segment))
	m.extend()
	return m
}

// extend adds a segment.
func (m *memory) extend() {
	segments := *m.segments.Load()
	s := mapSegment()
	if s == nil || len(segments) == 1<<16 {
		m.full.Store(true)
		return
	}
	segments = append(segments[:len(segments):len(segments)], s)
	m.segments.Store(&segments)
	if len(segments) > smallSegments {
		hugePages(s[:])
	}
}

// take returns a region, all zeroes.
func (m *memory) take() ref {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := len(m.free); n > 0 {
		r := m.free[n-1]
		m.free = m.free[:n-1]
		return r
	}
	mapped := len(*m.segments.Load()) * segmentUnits
	if mapped-int(m.next) <= spareRegions*regionUnits && !m.full.Load() {
		m.extend()
	}
	if int(m.next) >= len(*m.segments.Load())*segmentUnits {
		panic("swarm: out of memory")
	}
	r := m.next
	m.next += regionUnits
	return r
}

// give takes regions back and returns their pages to the system.
func (m *memory) give(regions []ref) {
	for _, r := range regions {
		discard(m.bytes(r, regionUnits))
	}
	m.mu.Lock()
	m.free = append(m.free, regions...)
	if len(m.free) >= spareRegions {
		m.full.Store(false)
	}
	m.mu.Unlock()
}

// held returns the bytes that shards have taken.
func (m *memory) held() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return (int(m.next) - regionUnits - len(m.free)*regionUnits) * unitBytes
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

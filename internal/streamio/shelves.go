package streamio

import "math/bits"

const (
	smallestShelf = 8  // 256 bytes
	largestShelf  = 18 // 256 KiB
	shelfBytes    = 256 << 10
)

// shelves are the memory that a loop lends to its connections, by size: powers
// of two. What lies idle is bounded, everything beyond is left to the collector.
type shelves struct {
	limit *Limit // counts what is lent; nil: nobody does
	idle  [largestShelf - smallestShelf + 1][][]byte
}

// borrow returns an empty slice with room for n bytes or more.
func (h *shelves) borrow(n int) []byte {
	b := h.take(n)
	if h.limit != nil {
		h.limit.hold(cap(b))
	}
	return b
}

func (h *shelves) take(n int) []byte {
	size := max(bits.Len(uint(max(n, 1)-1)), smallestShelf)
	if size > largestShelf {
		return make([]byte, 0, n)
	}
	shelf := &h.idle[size-smallestShelf]
	if i := len(*shelf) - 1; i >= 0 {
		b := (*shelf)[i]
		(*shelf)[i] = nil
		*shelf = (*shelf)[:i]
		return b
	}
	return make([]byte, 0, 1<<size)
}

// giveBack takes what borrow returned, or nil.
func (h *shelves) giveBack(b []byte) {
	if h.limit != nil && cap(b) > 0 {
		h.limit.hold(-cap(b))
	}
	size := bits.Len(uint(cap(b))) - 1
	if cap(b) == 0 || cap(b) != 1<<size || size < smallestShelf || size > largestShelf {
		return
	}
	shelf := &h.idle[size-smallestShelf]
	if len(*shelf) < max(1, shelfBytes>>size) {
		*shelf = append(*shelf, b[:0])
	}
}

package swarm

import "math/bits"

// arena hands out the blocks of one shard, under the shard's lock. A block is
// a number of units; freed ones wait in a list for each size class.
type arena struct {
	memory   *memory
	segments []segment // at least those that hold a block of this shard

	next, end ref // what is left of the region in use
	free      [classCount]ref
	listed    uint32 // a bit for each class that has a free block
	regions   ref    // the region last taken, the others follow from header to header

	live  int // units in use
	spare int // units in the free lists and at the ends of regions
	empty ref // the first old region without a block, the others follow
}

// regionHeader is the first unit of each region.
type regionHeader struct {
	live int32 // units in use
	old  bool  // to be emptied
	next ref
}

// maxUnits is the largest block: half a region.
const maxUnits = regionUnits / 2

// classUnits are the sizes of blocks: 1, 2, 3, then 4, 5, 6 and 7 times each
// power of two. From 4 units on a step is a quarter at most, so that little of
// a block stays empty.
var classUnits = func() (sizes [classCount]uint16) {
	for i := range sizes {
		sizes[i] = uint16(i + 1)
		if i >= 3 {
			sizes[i] = uint16(4+(i-3)%4) << ((i - 3) / 4)
		}
	}
	return sizes
}()

const classCount = 32

var classOf = func() (class [maxUnits + 1]uint8) {
	c := 0
	for units := range class {
		if units > int(classUnits[c]) {
			c++
		}
		class[units] = uint8(c)
	}
	return class
}()

// roundUnits returns the units of the block that holds so many bytes.
func roundUnits(size int) int {
	return int(classUnits[classOf[(size+unitBytes-1)/unitBytes]])
}

func (a *arena) bytes(r ref, units int) []byte { return bytesAt(a.segments, r, units) }

// alloc returns a zeroed block of a class's size: a freed one of the class or
// the smallest larger one, or else a new one.
func (a *arena) alloc(units int) ref {
	var r ref
	if larger := a.listed >> classOf[units] << classOf[units]; larger != 0 {
		class := bits.TrailingZeros32(larger)
		r = a.free[class]
		if a.free[class] = *at[ref](a.segments, r); a.free[class] == 0 {
			a.listed &^= 1 << class
		}
		clear(a.bytes(r, units))
		a.scatter(r+ref(units), r+ref(classUnits[class]))
	} else {
		if int(a.end-a.next) < units {
			a.refill()
		}
		r = a.next
		a.next += ref(units)
	}
	a.spare -= units
	a.live += units
	at[regionHeader](a.segments, r.region()).live += int32(units)
	return r
}

// refill takes a region. What is left of the last one goes into the free
// lists.
func (a *arena) refill() {
	a.scatter(a.next, a.end)
	r := a.memory.take()
	a.segments = *a.memory.segments.Load()
	*at[regionHeader](a.segments, r) = regionHeader{next: a.regions}
	a.regions = r
	a.next, a.end = r+1, r+regionUnits
	a.spare += regionUnits - 1
}

// scatter puts what lies between two refs into the free lists.
func (a *arena) scatter(from, to ref) {
	for from < to {
		rest := int(to - from)
		class := classOf[min(rest, maxUnits)]
		if int(classUnits[class]) > rest {
			class--
		}
		a.list(from, int(class))
		from += ref(classUnits[class])
	}
}

func (a *arena) list(r ref, class int) {
	*at[ref](a.segments, r) = a.free[class]
	a.free[class] = r
	a.listed |= 1 << class
}

// release takes a block back.
func (a *arena) release(r ref, units int) {
	a.live -= units
	h := at[regionHeader](a.segments, r.region())
	h.live -= int32(units)
	if !h.old {
		a.spare += units
		a.list(r, int(classOf[units]))
		return
	}
	if h.live == 0 {
		h.next, a.empty = a.empty, r.region()
	}
}

// old reports whether the block at r is to be moved.
func (a *arena) old(r ref) bool { return at[regionHeader](a.segments, r.region()).old }

// wasteful reports whether so much lies idle that it pays to move everything
// together.
func (a *arena) wasteful() bool { return a.spare > a.live/4+regionUnits }

// retire makes every region an old one: its blocks are to be moved by the
// sweep, and a region that has lost its last one goes back to the memory. A
// shard is a small part of the store, so little is held twice.
func (a *arena) retire() {
	for r := a.regions; r != 0; {
		h := at[regionHeader](a.segments, r)
		next := h.next
		h.old = true
		if h.live == 0 {
			h.next, a.empty = a.empty, r
		}
		r = next
	}
	a.free = [classCount]ref{}
	a.listed, a.regions, a.next, a.end, a.spare = 0, 0, 0, 0, 0
}

// emptied returns the old regions that have lost their last block.
func (a *arena) emptied() (regions []ref) {
	for r := a.empty; r != 0; r = at[regionHeader](a.segments, r).next {
		regions = append(regions, r)
	}
	a.empty = 0
	return regions
}

package udpload

import (
	"math/bits"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
)

// maxSlots bounds the requests that wait at once.
const maxSlots = 1 << 20

type slot struct {
	at         int64 // when the request left, or should have
	peer       uint64
	generation uint32 // how often the slot was used: from 1 on
	// The first and the last generation that was given up; 0, which no request
	// has: none. What lies between them may have been given up too.
	firstLost, lastLost uint32
	socket              uint16
	kind                plan.Kind
	live                bool
}

// table holds the requests that wait for an answer. A transaction ID is the
// slot of the request and, above it, the generation, as far as there is room
// for it. The slot that has been free for longest is used next, so that an ID
// comes again only when nearly all others were used.
type table struct {
	slots []slot
	bits  int      // of a transaction ID, for the slot
	free  []uint32 // a ring
	first int      // of the free ones
	n     int      // free ones
}

func newTable(size int) *table {
	t := &table{slots: make([]slot, size), bits: bits.Len(uint(size - 1)), free: make([]uint32, size), n: size}
	for i := range t.free {
		t.free[i] = uint32(i)
	}
	return t
}

// room returns how many more requests may wait.
func (t *table) room() int { return t.n }

func (t *table) waiting() int { return len(t.slots) - t.n }

// mask is what of a generation has room in a transaction ID.
func (t *table) mask() uint32 { return 1<<(32-t.bits) - 1 }

// slotOf returns the slot that a transaction ID names, if there is one.
func (t *table) slotOf(transaction uint32) uint32 { return transaction & (1<<t.bits - 1) }

// transaction returns the ID of the request in a slot.
func (t *table) transaction(i uint32) uint32 { return t.slots[i].generation<<t.bits | i }

// take gives a free slot to a request and returns its transaction ID.
func (t *table) take(at int64, socket int, kind plan.Kind, peer uint64) uint32 {
	i := t.free[t.first]
	if t.first++; t.first == len(t.free) {
		t.first = 0
	}
	t.n--
	s := &t.slots[i]
	s.generation++
	s.at, s.peer, s.socket, s.kind, s.live = at, peer, uint16(socket), kind, true
	return t.transaction(i)
}

// find returns the request of a transaction ID that came in at a socket. With
// late the request is one that was given up.
func (t *table) find(transaction uint32, socket int) (s *slot, late bool) {
	i := t.slotOf(transaction)
	if i >= uint32(len(t.slots)) {
		return nil, false
	}
	s = &t.slots[i]
	age := (s.generation - transaction>>t.bits) & t.mask()
	if !s.live || age != 0 || s.socket != uint16(socket) {
		return nil, s.firstLost != 0 && age >= s.generation-s.lastLost && age <= s.generation-s.firstLost
	}
	return s, false
}

// release makes the slot of a transaction ID free.
func (t *table) release(transaction uint32) {
	i := t.slotOf(transaction)
	t.slots[i].live = false
	last := t.first + t.n
	if last >= len(t.free) {
		last -= len(t.free)
	}
	t.free[last] = i
	t.n++
}

// giveUp makes the slot of a transaction ID free, without an answer.
func (t *table) giveUp(transaction uint32) {
	s := &t.slots[t.slotOf(transaction)]
	if s.lastLost = s.generation; s.firstLost == 0 {
		s.firstLost = s.generation
	}
	t.release(transaction)
}

// expire gives up what left before a time, and tells what it was.
func (t *table) expire(before int64, lost func(*slot)) {
	for i := range t.slots {
		s := &t.slots[i]
		if !s.live || s.at > before {
			continue
		}
		t.giveUp(t.transaction(uint32(i)))
		lost(s)
	}
}

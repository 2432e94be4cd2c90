package udpload

import "github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"

// A transaction ID is the slot of the request and, above it, how often the slot
// was used, so that an answer to an earlier request is not taken for one to
// this.
const (
	slotBits = 20
	maxSlots = 1 << slotBits
)

type slot struct {
	at         int64 // when the request left, or should have
	peer       uint64
	generation uint16
	lost       uint16 // generation that was given up
	socket     uint16
	kind       plan.Kind
	live       bool
}

// table holds the requests that wait for an answer.
type table struct {
	slots []slot
	free  []uint32
}

func newTable(size int) *table {
	t := &table{slots: make([]slot, size), free: make([]uint32, size)}
	for i := range t.free {
		t.free[i] = uint32(size - 1 - i)
	}
	return t
}

func (t *table) waiting() int { return len(t.slots) - len(t.free) }

// take gives a free slot to a request and returns its transaction ID.
func (t *table) take(at int64, socket int, kind plan.Kind, peer uint64) uint32 {
	i := t.free[len(t.free)-1]
	t.free = t.free[:len(t.free)-1]
	s := &t.slots[i]
	s.generation = (s.generation + 1) % (1 << (32 - slotBits))
	s.at, s.peer, s.socket, s.kind, s.live = at, peer, uint16(socket), kind, true
	return uint32(s.generation)<<slotBits | i
}

// find returns the request of a transaction ID that came in at a socket. With
// late the request is one that was given up.
func (t *table) find(transaction uint32, socket int) (s *slot, late bool) {
	i := transaction % maxSlots
	if i >= uint32(len(t.slots)) {
		return nil, false
	}
	s = &t.slots[i]
	generation := uint16(transaction >> slotBits)
	if !s.live || s.generation != generation || s.socket != uint16(socket) {
		return nil, s.lost == generation
	}
	return s, false
}

// release makes the slot of a transaction ID free.
func (t *table) release(transaction uint32) {
	i := transaction % maxSlots
	t.slots[i].live = false
	t.free = append(t.free, i)
}

// expire gives up what left before a time, and tells what it was.
func (t *table) expire(before int64, lost func(*slot)) {
	for i := range t.slots {
		s := &t.slots[i]
		if !s.live || s.at > before {
			continue
		}
		s.lost = s.generation
		s.live = false
		t.free = append(t.free, uint32(i))
		lost(s)
	}
}

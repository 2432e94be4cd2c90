//go:build amd64 || arm64

package streamio

import (
	"sync/atomic"

	"github.com/shoal-tracker/shoal"
)

const (
	pageSlots = 1 << 12
	pages     = (shoal.MaxLinkSlot + 1) / pageSlots
)

// table is the connections of a loop by their slots. Events and Links name a
// slot and its generation, so those that come late reach nobody.
//
// The loop alone uses it, but for the generations: whoever posts looks there
// whether the connection is still open.
type table struct {
	sockets     []*socket // nil: free
	free        []uint32
	last        uint32 // generation given away last
	open        int
	generations [pages]atomic.Pointer[[pageSlots]atomic.Uint32] // 0: free
}

// add gives s a slot, if one is left.
func (t *table) add(s *socket) bool {
	slot := uint32(len(t.sockets))
	if n := len(t.free); n > 0 {
		slot, t.free = t.free[n-1], t.free[:n-1]
	} else {
		if slot > shoal.MaxLinkSlot {
			return false
		}
		t.sockets = append(t.sockets, nil)
		if slot%pageSlots == 0 {
			t.generations[slot/pageSlots].Store(new([pageSlots]atomic.Uint32))
		}
	}
	t.last = nextGeneration(t.last)
	s.slot, s.generation = slot, t.last
	t.sockets[slot] = s
	t.generations[slot/pageSlots].Load()[slot%pageSlots].Store(s.generation)
	t.open++
	return true
}

func (t *table) remove(s *socket) {
	t.sockets[s.slot] = nil
	t.generations[s.slot/pageSlots].Load()[s.slot%pageSlots].Store(0)
	t.free = append(t.free, s.slot)
	t.open--
}

// find returns the connection that has the slot in this generation, nil if it
// is gone.
func (t *table) find(slot, generation uint32) *socket {
	if int(slot) >= len(t.sockets) {
		return nil
	}
	if s := t.sockets[slot]; s != nil && s.generation == generation {
		return s
	}
	return nil
}

// current reports whether the connection is open. Any goroutine may ask.
func (t *table) current(l shoal.Link) bool {
	page := t.generations[l.Slot()/pageSlots].Load()
	return page != nil && l.Generation() != 0 && page[l.Slot()%pageSlots].Load() == l.Generation()
}

//go:build !race

package udpload

import (
	"encoding/binary"
	"testing"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
)

// TestLoopDoesNotAllocate sends a table full and answers it, again and again.
func TestLoopDoesNotAllocate(t *testing.T) {
	p := newPlan(t, nowhere)
	p.Scrape = 20
	w := newSilent(t, p)
	announce := unhex(t, "00000001 00000000 00000708 00000001 00000001 7F4000010400")
	alone := unhex(t, "00000001 00000000 00000708 00000001 00000001")
	scrape := unhex(t, "00000002 00000000 00000001 00000002 00000003 00000001 00000002 00000003")
	now := int64(0)
	n := testing.AllocsPerRun(100, func() {
		now++
		if err := w.sendDue(now); err != nil {
			t.Fatal(err)
		}
		for i := range w.table.slots {
			s := &w.table.slots[i]
			packet := announce
			switch {
			case s.kind == plan.Scrape:
				packet = scrape
			case s.peer == 0: // it is not handed out to itself
				packet = alone
			}
			binary.BigEndian.PutUint32(packet[4:], w.table.transaction(uint32(i)))
			w.take(packet, int(s.socket), now)
		}
		w.sweep(now)
	})
	if n != 0 || w.tally.WrongCount() != 0 || w.tally.Answered[plan.Announce] == 0 || w.tally.Answered[plan.Scrape] == 0 {
		t.Errorf("%v allocations, %+v", n, w.tally)
	}
}

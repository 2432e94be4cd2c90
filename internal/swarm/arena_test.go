package swarm

import "testing"

func TestSizeClasses(t *testing.T) {
	if got := int(classUnits[classCount-1]); got != maxUnits {
		t.Errorf("the largest class has %d units, want %d", got, maxUnits)
	}
	for units := 1; units <= maxUnits; units++ {
		got := int(classUnits[classOf[units]])
		if got < units {
			t.Errorf("%d units get a block of %d", units, got)
		}
		if units > 4 && got*4 > units*5 {
			t.Errorf("%d units get a block of %d, more than a quarter larger", units, got)
		}
	}
	for _, details := range []bool{false, true} {
		for kind := range kinds {
			area := len(extra{}.area)
			if kind == kind4 {
				area = len(line{}.area)
			}
			s := makeShape(kind, area, details)
			if s.inline > 7 {
				t.Errorf("%d peers inline do not fit into the three bits for their number", s.inline)
			}
			if room := s.chunkUnits() * unitBytes / s.record; room < 1<<s.shift {
				t.Errorf("a chunk of %+v has room for %d", s, room)
			}
		}
	}
}

// A region whose last block is freed while it is old goes back, once.
func TestRetiredRegionsGoBack(t *testing.T) {
	m := newMemory(mapSegment)
	a := arena{memory: m}
	var blocks []ref
	for range 3 * regionUnits / 16 {
		blocks = append(blocks, a.alloc(16))
	}
	held := m.held()
	a.retire()
	for _, r := range blocks {
		a.release(r, 16)
	}
	m.give(a.emptied())
	if got := m.held(); got != 0 || held < 3*regionBytes {
		t.Errorf("%d bytes are held after all, %d were before", got, held)
	}
	if a.live != 0 {
		t.Errorf("%d units are live", a.live)
	}
	// What comes back is as fresh memory.
	for range 4 {
		r := a.alloc(maxUnits)
		for i, b := range a.bytes(r, maxUnits) {
			if b != 0 {
				t.Fatalf("byte %d of a new block is %d", i, b)
			}
		}
		clear(a.bytes(r, maxUnits)[1:])
		a.bytes(r, maxUnits)[0] = 1
	}
}

//go:build linux && !race

package swarm

import (
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

// When there is no more memory newcomers are answered and not stored, what is
// stored is served and swept as ever, and all is well when there is some again.
func TestNoMoreMemory(t *testing.T) {
	s := New(Config{PeerTimeout: time.Hour})
	left := 2
	s.memory.mapSegment = func() segment {
		if left == 0 {
			return nil
		}
		left--
		return mapSegment()
	}
	n := 0
	for ; s.Totals().PeersRefused == 0; n++ {
		tell(s, n, 1, 1, 0)
		if n > 1<<20 {
			t.Fatal("a million torrents were stored in a few segments")
		}
	}
	stored := s.Totals().Peers
	for i := range 5000 {
		join(s, i, true) // refused
		tell(s, i, 1, 0, 0)
	}
	for i := range s.shards {
		s.shards[i].arena.spare = 1 << 20 // it would be worth while to move everything
		s.sweep(&s.shards[i], 1)
	}
	if got := s.Totals(); got.Peers != stored || got.PeersRefused < 5000 {
		t.Errorf("got %+v, want %d peers", got, stored)
	}
	if err := checkIntegrity(s); err != nil {
		t.Error(err)
	}
	left = 100
	for i := range s.shards {
		s.sweep(&s.shards[i], 1)
	}
	join(s, 1, true)
	if got := s.Totals(); got.Peers != stored+1 {
		t.Errorf("there is memory again, and %+v", got)
	}
}

// Memory that ran out is there again when the peers have gone, and nothing new
// can be mapped.
func TestMemoryComesBack(t *testing.T) {
	s := New(Config{PeerTimeout: 100 * time.Second})
	left := 16
	s.memory.mapSegment = func() segment {
		if left == 0 {
			return nil
		}
		left--
		return mapSegment()
	}
	n := 0
	for ; s.Totals().PeersRefused == 0; n++ {
		tell(s, n, 1, 1, 0)
		if n > 1<<22 {
			t.Fatal("four million torrents were stored in a few segments")
		}
	}
	sweepAll := func(now shoal.Tick) {
		for i := range s.shards {
			s.sweep(&s.shards[i], now)
		}
	}
	for now := shoal.Tick(0); now < 200_000; now += 5000 {
		sweepAll(now)
	}
	refused := s.Totals().PeersRefused
	const newcomers = 100_000
	for i := range newcomers {
		tell(s, i, 1, 1, 0)
	}
	if got := s.Totals(); got.Peers != newcomers || got.PeersRefused != refused {
		t.Errorf("got %+v, want %d peers and none refused after %d", got, newcomers, refused)
	}
	if err := checkIntegrity(s); err != nil {
		t.Error(err)
	}
}

// Only whole blocks of huge pages go back to the system. What is taken again is
// all zeroes, and of ordinary pages while there are any.
func TestGivenBackBlocks(t *testing.T) {
	m := newMemory(mapSegment)
	var all []ref
	const segments = smallSegments + 2
	for range segments * segmentUnits / regionUnits {
		r := m.take()
		m.bytes(r, regionUnits)[5] = 1
		all = append(all, r)
	}
	m.give(all)
	if got := m.held(); got != 0 {
		t.Errorf("%d bytes are held", got)
	}
	seen := make(map[ref]bool)
	for i := range all {
		r := m.take()
		if small := r>>16 < smallSegments; small != (i < smallSegments*segmentUnits/regionUnits-1) {
			t.Fatalf("region %#x is the one to be taken after %d", r, i)
		}
		if seen[r] {
			t.Fatalf("region %#x is handed out twice", r)
		}
		seen[r] = true
		for i, b := range m.bytes(r, regionUnits) {
			if b != 0 {
				t.Fatalf("byte %d of region %#x is %d", i, r, b)
			}
		}
	}
	if m.next > ref((segments+1)*segmentUnits) {
		t.Error("what was given back is not used")
	}
}

// The segments that begin with ordinary pages get others when all are in use, once
// until little is, and what is in them stays.
func TestGrownMemory(t *testing.T) {
	m := newMemory(mapSegment)
	var all []ref
	for range smallRegions {
		if m.grow(); m.large {
			t.Fatalf("large with %d regions", len(all))
		}
		all = append(all, m.take())
		m.bytes(all[len(all)-1], regionUnits)[7] = byte(len(all))
	}
	if m.grow(); !m.large {
		t.Errorf("not large with %d regions", len(all))
	}
	for i, r := range all {
		if got := m.bytes(r, regionUnits)[7]; got != byte(i+1) {
			t.Fatalf("region %#x begins with %d, want %d", r, got, byte(i+1))
		}
	}
	m.give(all[:10])
	if m.grow(); !m.large {
		t.Error("not large any more, with 10 regions less")
	}
	m.give(all[10:])
	if m.grow(); m.large {
		t.Error("large with nothing in it")
	}
}

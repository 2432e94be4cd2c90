package check

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/population"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/report"
)

// crowd is a population of one torrent in which peer n has 127.64.0.1 and the
// n-th port.
func crowd(t *testing.T, numWant int) (*Checker, *report.Tally, func(peer uint64) []byte) {
	t.Helper()
	source := netip.MustParseAddr("127.64.0.1")
	pop, err := population.New(population.Config{Peers: 100, Torrents: 1, Sources: []netip.Addr{source}})
	if err != nil {
		t.Fatal(err)
	}
	tally := report.NewTally()
	compact := func(peer uint64) []byte { return binary.BigEndian.AppendUint16(source.AsSlice(), pop.Port(peer)) }
	return New(&plan.Plan{Population: pop, NumWant: numWant, Alone: true}, tally), tally, compact
}

func wrongOf(tally *report.Tally) map[string]uint64 {
	return report.Summarize("", &plan.Plan{}, tally, 1, 1).WrongBy
}

func TestAnnounce(t *testing.T) {
	_, _, compact := crowd(t, 2)
	two := append(compact(1), compact(2)...)
	for _, test := range []struct {
		name   string
		answer Answer
		wrong  string
		bare   bool
	}{
		{"nobody", Answer{Counted: 1}, "", false},
		{"two", Answer{Counted: 3, Peers4: two}, "", false},
		{"asker not counted", Answer{}, "", true},
		{"five and a half bytes", Answer{Counted: 1, Peers4: two[:7]}, "length", false},
		{"IPv6 that ends early", Answer{Counted: 1, Peers6: make([]byte, 17)}, "length", false},
		{"more than wanted", Answer{Counted: 3, Peers4: append(compact(3), two...)}, "peer_count", false},
		{"peers of nobody", Answer{Peers4: two}, "counts", false},
		{"fewer than handed out", Answer{Counted: 1, Peers4: two}, "counts", false},
		{"as many as handed out", Answer{Counted: 2, Peers4: two}, "", false},
		{"all there are", Answer{Counted: 100}, "", false},
		{"more than there are", Answer{Counted: 101}, "counts", false},
		{"one twice", Answer{Counted: 3, Peers4: append(compact(1), compact(1)...)}, "repeated_peer", false},
		{"stranger", Answer{Counted: 3, Peers4: append(compact(1), 127, 64, 0, 2, 4, 0)}, "foreign_peer", false},
		{"IPv6 stranger", Answer{Counted: 3, Peers6: append(make([]byte, 15), 1, 4, 0)}, "foreign_peer", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, tally, _ := crowd(t, 2)
			test.answer.Peer, test.answer.Interval = 99, 1800
			c.Announce(&test.answer)
			wrong := wrongOf(tally)
			if test.wrong == "" {
				n := uint64(len(test.answer.Peers4) / 6)
				if len(wrong) > 0 || tally.Answered[plan.Announce] != 1 || tally.Peers != n || tally.Verified != 1 {
					t.Errorf("wrong %v, tally %+v", wrong, tally)
				}
			} else if len(wrong) != 1 || wrong[test.wrong] != 1 || tally.Answered[plan.Announce] != 0 {
				t.Errorf("wrong %v, want %s", wrong, test.wrong)
			}
			if (tally.Bare == 1) != test.bare {
				t.Errorf("%d do not count the asker", tally.Bare)
			}
		})
	}
}

// TestCountsOfOthers: where a tracker may know others too, it may count more than
// there are of us, but not what is no number of peers.
func TestCountsOfOthers(t *testing.T) {
	c, tally, _ := crowd(t, 2)
	c = New(&plan.Plan{Population: c.population, NumWant: 2}, tally)
	c.Announce(&Answer{Interval: 1800, Counted: 101})
	c.Announce(&Answer{Interval: 1800, Counted: believable})
	if tally.Answered[plan.Announce] != 2 || tally.WrongCount() != 0 {
		t.Errorf("wrong %v", wrongOf(tally))
	}
	c.Announce(&Answer{Interval: 1800, Counted: 1 << 31})
	c.Announce(&Answer{Interval: 1800, Counted: 1<<32 - 1})
	if wrongOf(tally)["counts"] != 2 {
		t.Errorf("wrong %v, want 2 of counts", wrongOf(tally))
	}
}

// TestSample: strangers in every answer are found in the first ones and then in
// every 64th.
func TestSample(t *testing.T) {
	c, tally, _ := crowd(t, 30)
	for range verifyFirst + 10*verifyEvery {
		c.Announce(&Answer{Interval: 1800, Counted: 9, Peers4: []byte{1, 2, 3, 4, 5, 6}})
	}
	if n := wrongOf(tally)["foreign_peer"]; n != verifyFirst+10 || tally.Verified != n {
		t.Errorf("%d found, %d answers verified", n, tally.Verified)
	}
	summary := report.Summarize("", &plan.Plan{}, tally, 1, 1)
	if example := summary.Examples["foreign_peer"]; !strings.HasPrefix(example, "1.2.3.4:1286 was not announced for torrent ") {
		t.Errorf("example %q", example)
	}
	if example := summary.Examples["foreign_peer"]; !strings.Contains(example, " torrent "+c.population.Hash(0).String()+": ") {
		t.Errorf("example %q does not name torrent %v", example, c.population.Hash(0))
	}
}

// TestInterval: what a client could not wait for is no interval.
func TestInterval(t *testing.T) {
	for interval, wrong := range map[uint64]uint64{0: 1, 1: 0, believable: 0, believable + 1: 1, 1<<32 - 1: 1} {
		c, tally, _ := crowd(t, 2)
		c.Announce(&Answer{Counted: 1, Interval: interval})
		if wrongOf(tally)["interval"] != wrong {
			t.Errorf("interval %d: wrong %v", interval, wrongOf(tally))
		}
	}
}

// TestSharedPlaces: where peers share an address and a port, another may look
// like the asker, and two like one.
func TestSharedPlaces(t *testing.T) {
	source := netip.MustParseAddr("127.64.0.1")
	pop, err := population.New(population.Config{Peers: 2*population.Ports + 1, Torrents: 1, Sources: []netip.Addr{source}})
	if err != nil {
		t.Fatal(err)
	}
	tally := report.NewTally()
	one := binary.BigEndian.AppendUint16(source.AsSlice(), pop.Port(5))
	New(&plan.Plan{Population: pop, NumWant: 2}, tally).Announce(&Answer{Peer: 5, Interval: 9, Counted: 3, Peers4: append(one, one...)})
	if tally.WrongCount() != 0 {
		t.Errorf("wrong %v", wrongOf(tally))
	}
}

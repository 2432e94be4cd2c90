//go:build !race

package swarm

import (
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

// With a database nothing on the road allocates either: not a torrent that goes
// on counting, not one that is completed, not a scrape of one that is not held.
func TestNothingAllocatesWithADatabase(t *testing.T) {
	const torrents = 1000
	s := New(Config{PeerTimeout: time.Hour})
	known := make([]Completed, 20*torrents)
	for n := range known {
		known[n] = Completed{hashOf(n), 1}
	}
	s.SetCompleted(known)
	for n := range torrents {
		tell(s, n, 1, 1, 0)
	}
	host := uint32(1)
	var req shoal.AnnounceRequest
	var res shoal.AnnounceResponse
	completeAll := func() {
		host++
		for n := range torrents {
			for left := range uint64(2) {
				req = shoal.AnnounceRequest{InfoHash: hashOf(n), Addr: netip.AddrPortFrom(addr4(host), 1), Left: 1 - left}
				s.Announce(&req, &res, 1)
			}
			req.Event = shoal.EventStopped
			s.Announce(&req, &res, 1)
		}
	}
	told := 0
	drain := func() { s.DrainCompleted(func(Completed) { told++ }) }
	for range 3 {
		completeAll()
		drain()
	}
	told = 0
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	completeAll()
	runtime.ReadMemStats(&after)
	// Other goroutines of the test binary may allocate a little.
	if n := after.Mallocs - before.Mallocs; n > torrents/20 {
		t.Errorf("%d allocations for %d torrents that were completed", n, torrents)
	}
	if drain(); told != torrents {
		t.Errorf("measured the wrong thing: %d were told", told)
	}
	hashes, counts := []shoal.InfoHash{hashOf(torrents + 1), hashOf(1 << 22)}, make([]shoal.ScrapeCounts, 2)
	n := torrents
	for name, f := range map[string]func(){
		"scrape of what is not held": func() { s.Scrape(hashes, counts) },
		"a torrent goes on counting": func() {
			n++
			if n == len(known) {
				n = torrents
			}
			req = shoal.AnnounceRequest{InfoHash: hashOf(n), Addr: netip.AddrPortFrom(addr4(1), 1), Left: 1}
			s.Announce(&req, &res, 1)
		},
	} {
		for range 2 * len(known) {
			f()
		}
		if n := testing.AllocsPerRun(1000, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	if counts[0].Downloaded != 1 || counts[1].Downloaded != 0 {
		t.Errorf("measured the wrong thing: %+v", counts)
	}
}

// TestCountsOfADatabase prints how long it takes to bring in the counts of a
// database, what they take, and how long a scrape of one takes. Its size is set by
// SHOAL_BENCH_COUNTS.
func TestCountsOfADatabase(t *testing.T) {
	counts := make([]Completed, envInt("SHOAL_BENCH_COUNTS", 100_000))
	for i := range counts {
		counts[i].Count = 1
		x := uint64(i+1) * 0x9e3779b97f4a7c15
		for j := range 8 {
			counts[i].Hash[j] = byte(x >> (8 * j))
		}
	}
	s := New(Config{PeerTimeout: time.Hour})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	s.SetCompleted(counts)
	took := time.Since(start)
	runtime.GC()
	runtime.ReadMemStats(&after)
	var got [1]shoal.ScrapeCounts
	start = time.Now()
	for i := range counts {
		if s.Scrape([]shoal.InfoHash{counts[i].Hash}, got[:]); got[0].Downloaded != 1 {
			t.Fatalf("%v is not there", counts[i].Hash)
		}
	}
	t.Logf("%d counts brought in within %v, %.2f bytes of heap each, a scrape of one that is not held takes %v",
		len(counts), took, float64(after.HeapAlloc-before.HeapAlloc)/float64(len(counts)), time.Since(start)/time.Duration(len(counts)))
}

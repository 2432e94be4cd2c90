package swarm

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/shoal-tracker/shoal"
)

// hashOf returns the info hash of the n-th torrent of tell.
func hashOf(n int) shoal.InfoHash {
	return shoal.InfoHash{7, byte(n >> 16), byte(n >> 8), byte(n)}
}

// finish has a peer come, complete the n-th torrent and go. It reports how often
// that was counted.
func finish(s *Store, n int, host uint32) int {
	before := s.CompletedTotal()
	tell(s, n, host, 1, shoal.EventStarted)
	tell(s, n, host, 0, shoal.EventCompleted)
	tell(s, n, host, 0, shoal.EventStopped)
	return int(s.CompletedTotal() - before)
}

func completedOf(s *Store, n int) uint32 {
	var counts [2]shoal.ScrapeCounts
	s.Scrape([]shoal.InfoHash{hashOf(n)}, counts[:1])
	s.ScrapeBrowsers([]shoal.InfoHash{hashOf(n)}, counts[1:])
	if counts[0].Downloaded != counts[1].Downloaded {
		return math.MaxUint32
	}
	return counts[0].Downloaded
}

// table is what a database was told: the greater count wins.
type table map[shoal.InfoHash]uint32

func (t table) tell(c Completed) { t[c.Hash] = max(t[c.Hash], c.Count) }

func sweepAll(s *Store, now shoal.Tick) {
	for i := range s.shards {
		s.sweep(&s.shards[i], now)
	}
}

// checkPast compares what the pasts of all shards say of each other and of the
// torrents.
func checkPast(s *Store) error {
	remembered := 0
	for i := range s.shards {
		sh := &s.shards[i]
		p := sh.past
		if p == nil {
			continue
		}
		known := make(table)
		for j, c := range p.base.counts {
			if j > 0 && slices.Compare(p.base.counts[j-1].Hash[:], c.Hash[:]) >= 0 {
				return fmt.Errorf("shard %d: %v stands behind %v", i, c.Hash, p.base.counts[j-1].Hash)
			}
			known[c.Hash] = c.Count
		}
		for hash, count := range p.overlay {
			known[hash] = count
		}
		for hash, count := range known {
			if got := p.known(&hash); got != count || count == 0 {
				return fmt.Errorf("shard %d: %v has the count %d and is found with %d", i, hash, count, got)
			}
			if h := s.hash(&hash); int(h.shard) != i {
				return fmt.Errorf("shard %d: %v belongs to shard %d", i, hash, h.shard)
			}
		}
		remembered += len(known)
	}
	if got := s.completions.remembered.Load(); int(got) != remembered {
		return fmt.Errorf("%d counts are remembered, the store says %d", remembered, got)
	}
	return nil
}

// Counts outlive their torrents, by the sweep and by eviction, and the database
// is told all of them, whenever it comes.
func TestCountsOutliveTorrents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const universe = 120
		s := New(Config{PeerTimeout: 100 * time.Second, Limits: Limits{Torrents: universe}})
		now, host, spray := shoal.Tick(1), uint32(0), universe
		want, told := make(table), make(table)
		here := false
		bring := func(t *rapid.T) {
			known := []Completed{}
			for range rapid.IntRange(0, 60).Draw(t, "known") {
				c := Completed{hashOf(rapid.IntRange(0, universe-1).Draw(t, "torrent")), uint32(rapid.IntRange(0, 9).Draw(t, "count"))}
				known = append(known, c)
			}
			own := want
			if !here {
				want = make(table)
				for _, c := range known {
					want.tell(c)
					told.tell(c)
				}
				for hash, n := range own {
					want[hash] += n
				}
			}
			here = true
			s.SetCompleted(known) // only the first time counts
		}
		if rapid.Bool().Draw(t, "from the start") {
			bring(t)
		}
		drain := func(t *rapid.T) {
			s.DrainCompleted(told.tell)
			for hash, n := range want {
				if got := told[hash]; here && got != n || !here && got != 0 {
					t.Fatalf("the database (there: %v) was told %d of %v, want %d", here, got, hash, n)
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"complete": func(t *rapid.T) {
				if !here && s.Totals().Torrents > universe*9/10 {
					t.Skip("what makes room without a database is gone")
				}
				for range rapid.SampledFrom([]int{1, 10, 80}).Draw(t, "times") {
					host++
					n := rapid.IntRange(0, universe-1).Draw(t, "torrent")
					if got := finish(s, n, host); got > 0 {
						want[hashOf(n)] += uint32(got)
					}
				}
			},
			"spray": func(t *rapid.T) {
				if !here {
					t.Skip("without a database counts go with their torrents")
				}
				for range rapid.SampledFrom([]int{1, 50, 300}).Draw(t, "torrents") {
					spray++
					req := shoal.AnnounceRequest{InfoHash: hashOf(spray), Addr: netip.AddrPortFrom(addr4(uint32(spray)), 1), Left: 1}
					var res shoal.AnnounceResponse
					s.Announce(&req, &res, now)
				}
			},
			"wait": func(t *rapid.T) {
				for range rapid.IntRange(1, 40).Draw(t, "steps") {
					now = now.Add(5 * time.Second)
					sweepAll(s, now)
				}
			},
			"drain":             drain,
			"the database":      bring,
			"say nothing of it": func(*rapid.T) { s.SetCompleted(nil) },
			"": func(t *rapid.T) {
				for n := range universe {
					if got, want := completedOf(s, n), want[hashOf(n)]; got != want {
						t.Fatalf("torrent %d has %d, want %d", n, got, want)
					}
				}
				if err := checkIntegrity(s); err != nil {
					t.Fatal(err)
				}
			},
		})
		drain(t)
		if !here {
			return
		}
		for range 22 { // everybody times out, nothing is dirty
			now = now.Add(5 * time.Second)
			sweepAll(s, now)
		}
		if got := s.Totals(); got.Torrents != 0 {
			t.Errorf("%d torrents without anybody are held after their counts were drained", got.Torrents)
		}
		for n := range universe {
			if got, want := completedOf(s, n), want[hashOf(n)]; got != want {
				t.Fatalf("torrent %d has %d after all are gone, want %d", n, got, want)
			}
		}
	})
}

func TestSetCompleted(t *testing.T) {
	s := New(Config{PeerTimeout: time.Hour})
	finish(s, 1, 1) // before the database is there
	finish(s, 1, 2)
	finish(s, 5, 1)
	s.SetCompleted(nil)
	s.DrainCompleted(func(c Completed) { t.Errorf("%+v is told without a database", c) })
	sweepAll(s, 1)
	if got := s.Totals().Torrents; got != 2 {
		t.Errorf("%d torrents with counts, want 2: without a database they stay", got)
	}
	s.SetCompleted([]Completed{
		{hashOf(3), 30}, {hashOf(1), 10}, {hashOf(4), 7}, {hashOf(4), 9}, {hashOf(4), 8},
		{hashOf(2), 0}, {hashOf(6), math.MaxUint32 - 1},
	})
	s.SetCompleted([]Completed{{hashOf(1), 1000}, {hashOf(9), 1000}})
	finish(s, 3, 1)
	for host := range uint32(4) {
		finish(s, 6, host+1) // stays at the end of its range
	}
	want := map[int]uint32{1: 12, 2: 0, 3: 31, 4: 9, 5: 1, 6: math.MaxUint32, 9: 0}
	check := func(when string) {
		t.Helper()
		for n, want := range want {
			if got := completedOf(s, n); got != want {
				t.Errorf("%s: torrent %d has %d, want %d", when, n, got, want)
			}
		}
		if err := checkIntegrity(s); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	check("the database has come")
	if got := s.CompletedTotal(); got != 8 {
		t.Errorf("%d completed since the start, want 8", got)
	}
	told := make(table)
	s.DrainCompleted(told.tell)
	if len(told) != 4 || told[hashOf(1)] != 12 || told[hashOf(3)] != 31 || told[hashOf(5)] != 1 || told[hashOf(6)] != math.MaxUint32 {
		t.Errorf("told %v", told)
	}
	s.DrainCompleted(func(c Completed) { t.Errorf("%+v is told again", c) })
	sweepAll(s, 1)
	if got := s.Totals().Torrents; got != 0 {
		t.Errorf("%d torrents are left of those that nobody is in", got)
	}
	check("the torrents have gone")
	finish(s, 1, 9)
	want[1]++
	check("one came back")
}

// A torrent that is evicted before its count was drained is told all the same,
// and never with less than what was told before.
func TestEvictedBeforeTheDrain(t *testing.T) {
	s := New(Config{PeerTimeout: time.Hour})
	s.SetCompleted([]Completed{})
	const torrents = 2000
	for n := range torrents {
		finish(s, n, 1)
	}
	s.SetLimits(Limits{Torrents: torrents})
	for n := range 4 * torrents {
		tell(s, torrents+n, uint32(n), 1, 0)
	}
	if s.Totals().TorrentsEvicted == 0 {
		t.Fatal("nothing was evicted")
	}
	s.SetLimits(Limits{})
	for n := range torrents { // they come back and go on
		if n%2 == 0 {
			finish(s, n, 2)
		}
	}
	last := make(table)
	s.DrainCompleted(func(c Completed) {
		if c.Count < last[c.Hash] {
			t.Errorf("%v is told %d after %d", c.Hash, c.Count, last[c.Hash])
		}
		last[c.Hash] = c.Count
	})
	for n := range torrents {
		want := uint32(1 + (n+1)%2)
		if last[hashOf(n)] != want || completedOf(s, n) != want {
			t.Fatalf("torrent %d: told %d, has %d, want %d", n, last[hashOf(n)], completedOf(s, n), want)
		}
	}
}

// What an outsider can have remembered is bounded, and so is what waits for a
// drain that does not come. Counts beyond are still told.
func TestRememberedIsBounded(t *testing.T) {
	const limit, brought = 1000, 50
	s := New(Config{PeerTimeout: time.Hour, Limits: Limits{Torrents: limit}})
	known := make([]Completed, brought)
	for n := range known {
		known[n] = Completed{hashOf(1<<20 + n), 5}
	}
	s.SetCompleted(known)
	told := make(table)
	counted := 0
	for n := range 20 * limit {
		counted += finish(s, n, 1)
		if n%500 == 0 {
			s.DrainCompleted(told.tell)
			sweepAll(s, 1)
		}
	}
	s.DrainCompleted(told.tell)
	if got := s.completions.remembered.Load(); got != limit+brought {
		t.Errorf("%d are remembered, want %d", got, limit+brought)
	}
	if len(told) != counted || counted < 19*limit {
		t.Errorf("%d are told, %d were counted", len(told), counted)
	}
	if got := s.Totals().Torrents; got > limit {
		t.Errorf("%d torrents, at most %d may be", got, limit)
	}
	for n := range known {
		if got := completedOf(s, 1<<20+n); got != 5 {
			t.Fatalf("what the database knew is gone: %d", got)
		}
	}
	if err := checkIntegrity(s); err != nil {
		t.Error(err)
	}
	sh := &s.shards[0]
	sh.past.waiting = make([]Completed, mostWaiting)
	if l := (&line{completed: 1, flags: flagDirty}); sh.mayForget(l) {
		t.Error("more is put aside than may be")
	}
	if l := (&line{completed: 1}); !sh.mayForget(l) {
		t.Error("a count that was told stands in the way")
	}
}

// The database comes, torrents are completed, swept, evicted, drained and scraped
// at once, and every count is right in the end.
func TestCountsAtOnce(t *testing.T) {
	const torrents, workers, rounds = 300, 4, 25
	s := New(Config{PeerTimeout: time.Hour, Limits: Limits{Torrents: 2 * torrents}})
	known := make([]Completed, torrents)
	for n := range known {
		known[n] = Completed{hashOf(n), uint32(n)}
	}
	told := make(table)
	stop := make(chan struct{})
	var work, aside sync.WaitGroup
	counted := make([][torrents]uint32, workers)
	for w := range workers {
		work.Go(func() {
			for round := range rounds {
				for n := range torrents {
					req := shoal.AnnounceRequest{InfoHash: hashOf(n), Addr: netip.AddrPortFrom(addr4(uint32(w*rounds+round+1)), 1)}
					var res shoal.AnnounceResponse
					req.Left = 1
					s.Announce(&req, &res, 1)
					req.Left = 0
					s.Announce(&req, &res, 1)
					req.Event = shoal.EventStopped
					s.Announce(&req, &res, 1)
					counted[w][n]++
				}
				if w == 0 && round == rounds/3 {
					s.SetCompleted(known)
				}
			}
		})
	}
	background := func(f func()) {
		aside.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					f()
				}
			}
		})
	}
	background(func() { sweepAll(s, 1) })
	background(func() { s.DrainCompleted(told.tell) })
	background(func() { completedOf(s, 7) })
	work.Wait()
	close(stop)
	aside.Wait()
	s.DrainCompleted(told.tell)
	// A torrent that makes room goes with the peer that is about to complete it.
	total := uint32(0)
	for n := range torrents {
		want := uint32(n)
		for w := range counted {
			want += counted[w][n]
		}
		got := completedOf(s, n)
		if got != want || told[hashOf(n)] != want {
			t.Fatalf("torrent %d has %d, %d was told, want %d", n, got, told[hashOf(n)], want)
		}
		total += got - uint32(n)
	}
	if got := s.CompletedTotal(); got != uint64(total) {
		t.Errorf("%d in all, want %d", got, total)
	}
	if err := checkIntegrity(s); err != nil {
		t.Error(err)
	}
}

// A base is found in, and merged, as a map is.
func TestBase(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(t *rapid.T, most int) (counts []Completed, want table) {
			want = make(table)
			from, size := rapid.IntRange(0, 500).Draw(t, "from"), rapid.IntRange(0, most).Draw(t, "size")
			spread := rapid.Bool().Draw(t, "spread") // or all begin alike
			for n := range size {
				c := Completed{hashOf(from + n), uint32(n%5 + 1)}
				if spread {
					c.Hash = shoal.InfoHash{byte((from + n) * 37), byte((from + n) * 101), byte((from + n) >> 3), byte(from + n)}
				}
				counts = append(counts, c)
				want[c.Hash] = max(want[c.Hash], c.Count)
			}
			return counts, want
		}
		counts, want := draw(t, 2000)
		b := makeBase(sortCompleted(counts))
		_, newer := draw(t, 300)
		merged := b.with(newer)
		check := func(what string, b *base, want table) {
			if len(b.counts) != len(want) {
				t.Fatalf("%s: %d counts, want %d", what, len(b.counts), len(want))
			}
			for hash, n := range want {
				if got := b.find(&hash); got != n {
					t.Fatalf("%s: %v has %d, want %d", what, hash, got, n)
				}
				hash[19]++
				if got := b.find(&hash); got != 0 {
					t.Fatalf("%s: %v is not there and has %d", what, hash, got)
				}
			}
		}
		check("base", &b, want)
		for hash, n := range newer {
			want[hash] = n
		}
		check("merged", &merged, want)
	})
}

// A count that the database knew takes 24 bytes and a half at most.
func TestBytesACount(t *testing.T) {
	for _, n := range []int{100_000, 1 << 17, 300_000} {
		s := New(Config{PeerTimeout: time.Hour})
		counts := make([]Completed, n)
		for i := range counts {
			counts[i].Count = 1
			x := uint64(i) * 0x9e3779b97f4a7c15
			for j := range 8 {
				counts[i].Hash[j] = byte(x >> (8 * j))
			}
		}
		s.SetCompleted(counts)
		bytes := 0
		for i := range s.shards {
			b := s.shards[i].past.base
			bytes += 24*cap(b.counts) + 4*cap(b.starts)
		}
		if got := float64(bytes) / float64(n); got > 24.5 || got < 24 {
			t.Errorf("%d counts take %.3f bytes each", n, got)
		}
	}
}

// A peer that the rules have begun to hide is no longer handed out, and is
// answered as before.
func TestHidden(t *testing.T) {
	for _, family := range []int{size4, size6} {
		s := New(Config{PeerTimeout: time.Hour})
		var req shoal.AnnounceRequest
		announce := func(n uint32, hidden bool) shoal.AnnounceResponse {
			req = shoal.AnnounceRequest{Left: 1, NumWant: 50, Hidden: hidden}
			req.Addr, req.Link = addrOf(family, n)
			res := room(50)
			s.Announce(&req, &res, 1)
			return res
		}
		announce(1, true)
		if got := s.Totals(); got.Torrents != 0 || got.Peers != 0 {
			t.Errorf("a hidden newcomer is stored: %+v", got)
		}
		for n := range uint32(5) {
			announce(n, false)
		}
		res := announce(1, true)
		if got := len(res.Peers4)/size4 + len(res.Peers6)/size6; got != 4 || res.Incomplete != 4 {
			t.Errorf("a hidden peer was given %d of 4 others, and told of %d", got, res.Incomplete)
		}
		for n := range uint32(5) {
			announce(n, true)
		}
		if got := s.Totals(); got.Torrents != 0 || got.Peers != 0 {
			t.Errorf("peers that were hidden are still stored: %+v", got)
		}
		if err := checkIntegrity(s); err != nil {
			t.Error(err)
		}
	}
}

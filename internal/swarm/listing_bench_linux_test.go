//go:build !race

package swarm

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

// listedStore returns a store of so many torrents, which is not asked for its order
// yet.
func listedStore(torrents int) *Store {
	s := New(Config{PeerTimeout: time.Hour})
	for n := range torrents {
		tellNth(s, n, 0)
	}
	return s
}

// BenchmarkTorrents measures pages of 4,000 torrents out of a million: one anywhere
// for which all are walked through, and all pages in a row; with hashes that share no
// bytes, and some.
func BenchmarkTorrents(b *testing.B) {
	torrents := envInt("SHOAL_BENCH_TORRENTS", 1_000_000)
	for _, bytes := range []int{0, 2, 16} {
		random := rand.New(rand.NewPCG(1, 1))
		s := New(Config{PeerTimeout: time.Hour})
		for _, hash := range alike(random, torrents, bytes) {
			tellHash(s, hash, 0)
		}
		run := func(what string, page func()) {
			b.Run(fmt.Sprintf("%s, %d bytes alike", what, bytes), func(b *testing.B) {
				before := cpuTime()
				for range b.N {
					page()
				}
				b.ReportMetric(float64((cpuTime()-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
			})
		}
		run("anywhere, walked for", func() {
			s.listing.forget()
			s.Torrents(nil, random.IntN(torrents), 4000)
		})
		var after *shoal.InfoHash
		run("one after the other", func() {
			page := s.Torrents(after, 0, 4000)
			if after = nil; len(page) == 4000 {
				after = &page[len(page)-1].Hash
			}
		})
	}
}

// cpuTime returns what the process has used of the processors.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkPeers measures pages of peers of a large torrent.
func BenchmarkPeers(b *testing.B) {
	s := New(Config{PeerTimeout: time.Hour})
	for n := range 500_000 {
		join(s, n, n%4 != 0)
	}
	for name, limit := range map[string]int{"100": 100, "10,000": 10_000} {
		b.Run(name, func(b *testing.B) {
			var after PeerCursor
			for range b.N {
				_, after, _ = s.Peers(shoal.InfoHash{}, after, limit)
			}
		})
	}
}

// TestSlowestAnnounceBesideLists prints how long batches of announces take, some
// 100,000 announces a second, alone and while somebody turns pages without an end.
func TestSlowestAnnounceBesideLists(t *testing.T) {
	torrents, seconds := envInt("SHOAL_BENCH_TORRENTS", 30_000), envInt("SHOAL_BENCH_SECONDS", 1)
	s := listedStore(torrents)
	reqs := make([]shoal.AnnounceRequest, batchSize)
	ress := make([]shoal.AnnounceResponse, batchSize)
	refused := make([]shoal.Failure, batchSize)
	for i := range ress {
		ress[i] = room(50)
	}
	random := rand.New(rand.NewPCG(1, 1))
	batch := func() time.Duration {
		for i := range reqs {
			n := random.IntN(torrents)
			reqs[i] = shoal.AnnounceRequest{InfoHash: nthHash(n), Left: uint64(n % 2), NumWant: 50}
			reqs[i].Addr, reqs[i].Link = addrOf(sizes[n%int(kinds)], 1)
			r := &ress[i]
			r.Peers4, r.Peers6, r.IDs4, r.IDs6, r.Links = r.Peers4[:0], r.Peers6[:0], r.IDs4[:0], r.IDs6[:0], r.Links[:0]
		}
		start := time.Now()
		s.AnnounceBatch(reqs, ress, refused, 1)
		return time.Since(start)
	}
	run := func(what string) {
		took := make([]time.Duration, 0, 1<<20)
		const every = batchSize * time.Second / 100_000
		next := time.Now()
		for end := next.Add(time.Duration(seconds) * time.Second); next.Before(end); next = next.Add(every) {
			time.Sleep(time.Until(next))
			took = append(took, batch())
		}
		slices.Sort(took)
		n := len(took)
		t.Logf("%s: %d batches of %d: median %v, 99 %% below %v, 99.9 %% below %v, slowest %v", what, n, batchSize,
			took[n/2], took[n*99/100], took[n*999/1000], took[n-1])
	}
	run("announces alone")
	for what, forget := range map[string]bool{"beside lists": false, "beside lists that are walked for each time": true} {
		stop, done := make(chan struct{}), make(chan []time.Duration)
		go func() {
			random := rand.New(rand.NewPCG(2, 2))
			var took []time.Duration
			var after *shoal.InfoHash
			for {
				select {
				case <-stop:
					done <- took
					return
				default:
				}
				start := time.Now()
				if forget {
					s.listing.forget()
					after = &shoal.InfoHash{byte(random.IntN(256))}
				}
				page := s.Torrents(after, 0, 4000)
				took = append(took, time.Since(start))
				if after = nil; len(page) == 4000 {
					after = &page[len(page)-1].Hash
				}
			}
		}()
		run(what)
		close(stop)
		took := <-done
		slices.Sort(took)
		t.Logf("%d pages: median %v, slowest %v", len(took), took[len(took)/2], took[len(took)-1])
	}
}

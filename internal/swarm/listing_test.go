package swarm

import (
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

// nthHash returns info hashes of which no order is left.
func nthHash(n int) (h shoal.InfoHash) {
	x := uint64(n)
	for i := range h {
		x = x*6364136223846793005 + 1442695040888963407
		h[i] = byte(x >> 56)
	}
	h[16], h[17], h[18], h[19] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	return h
}

func tellNth(s *Store, n int, event shoal.Event) {
	req := shoal.AnnounceRequest{InfoHash: nthHash(n), Left: uint64(n % 2), Event: event}
	req.Addr, req.Link = addrOf(sizes[n%int(kinds)], 1)
	var res shoal.AnnounceResponse
	s.Announce(&req, &res, 1)
}

// forget is what a second does.
func (l *listing) forget() { l.kept.Store(nil) }

func hashesOf(torrents []Torrent) (hashes []shoal.InfoHash) {
	for _, t := range torrents {
		hashes = append(hashes, t.Hash)
	}
	return hashes
}

// A large store is walked through once for all pages of a while. What goes
// meanwhile is not listed, what comes is when the order is made anew.
func TestPagesOfALargeStore(t *testing.T) {
	const n = listedAnew + 5000
	s := New(Config{PeerTimeout: time.Hour})
	var want []shoal.InfoHash
	for i := range n {
		tellNth(s, i, 0)
		want = append(want, nthHash(i))
	}
	slices.SortFunc(want, compareHashes)
	for _, limit := range []int{997, 4000, mostListed} {
		if got := hashesOf(allTorrents(s, limit)); !slices.Equal(got, want) {
			t.Fatalf("%d torrents by pages of %d, want %d", len(got), limit, len(want))
		}
	}
	for _, at := range []struct{ offset, limit int }{{0, 1}, {1, 5}, {n / 2, 4000}, {n - 10, 4000}, {n - 1, 1}, {n, 1}, {math.MaxInt, 4000}, {-1, 3}} {
		from := min(max(at.offset, 0), n)
		expect := want[from:min(from+at.limit, n)]
		if got := hashesOf(s.Torrents(nil, at.offset, at.limit)); !slices.Equal(got, expect) {
			t.Errorf("%d from %d on: %d torrents, want %d", at.limit, at.offset, len(got), len(expect))
		}
		if from < 1 {
			continue
		}
		if got := hashesOf(s.Torrents(&want[99], from-1, at.limit)); from+99 < n && !slices.Equal(got, want[from+99:min(from+99+at.limit, n)]) {
			t.Errorf("%d from %d on behind the 100th: %d torrents", at.limit, from, len(got))
		}
	}
	if got := s.Torrents(nil, 0, 0); got != nil {
		t.Errorf("none are asked for, %d are listed", len(got))
	}

	s.listing.forget()
	s.Torrents(nil, 0, 1)
	for i := 0; i < n; i += 2 {
		tellNth(s, i, shoal.EventStopped)
	}
	var left []shoal.InfoHash
	for i := 1; i < n; i += 2 {
		left = append(left, nthHash(i))
	}
	slices.SortFunc(left, compareHashes)
	if got := hashesOf(s.Torrents(nil, 0, 4000)); !slices.Equal(got, left[:4000]) {
		t.Errorf("a page of what is left has %d torrents, want 4000 that are still there", len(got))
	}
	tellNth(s, n, 0)
	s.listing.forget()
	left = append(left, nthHash(n))
	slices.SortFunc(left, compareHashes)
	if got := hashesOf(allTorrents(s, 4000)); !slices.Equal(got, left) {
		t.Errorf("walked for anew there are %d torrents, want %d", len(got), len(left))
	}
}

// Hashes that begin alike are in order all the same.
func TestPagesOfHashesThatBeginAlike(t *testing.T) {
	s := New(Config{PeerTimeout: time.Hour})
	var want []shoal.InfoHash
	for n := range 3000 {
		tell(s, n, 1, 1, 0)
	}
	for _, torrent := range allTorrents(s, 10_000) {
		want = append(want, torrent.Hash)
	}
	if len(want) != 3000 || !slices.IsSortedFunc(want, compareHashes) {
		t.Fatalf("%d torrents in one page, in order: %v", len(want), slices.IsSortedFunc(want, compareHashes))
	}
	if got := hashesOf(allTorrents(s, 70)); !slices.Equal(got, want) {
		t.Errorf("%d torrents by pages of 70, want %d", len(got), len(want))
	}
}

// While the table splits, merges and moves, what stays is listed exactly once.
func TestListingWhileTheStoreChanges(t *testing.T) {
	const stay, comeAndGo = 6000, 9000
	s := New(Config{PeerTimeout: time.Hour})
	var want []shoal.InfoHash
	for n := range stay {
		tellNth(s, n, 0)
		want = append(want, nthHash(n))
	}
	slices.SortFunc(want, compareHashes)
	var wait sync.WaitGroup
	stop := make(chan struct{})
	wait.Go(func() {
		for {
			for _, event := range []shoal.Event{0, shoal.EventStopped} {
				for n := range comeAndGo {
					tellNth(s, stay+n, event)
				}
				for i := range s.shards {
					s.shards[i].mu.Lock()
					s.shards[i].arena.retire()
					s.shards[i].mu.Unlock()
					s.sweep(&s.shards[i], 1)
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		}
	})
	stays := make(map[shoal.InfoHash]bool)
	for _, h := range want {
		stays[h] = true
	}
	for range 30 {
		hashes := newOrder(s.walk()).take(nil, 0, math.MaxInt)
		if !slices.IsSortedFunc(hashes, compareHashes) || len(slices.Compact(slices.Clone(hashes))) != len(hashes) {
			t.Fatal("torrents are listed out of order or twice")
		}
		hashes = slices.DeleteFunc(hashes, func(h shoal.InfoHash) bool { return !stays[h] })
		if !slices.Equal(hashes, want) {
			t.Fatalf("%d of those that stay are listed, want %d", len(hashes), len(want))
		}
	}
	close(stop)
	wait.Wait()
	if err := checkIntegrity(s); err != nil {
		t.Error(err)
	}
}

// Many who list at once share one order.
func TestManyWhoList(t *testing.T) {
	const n = listedAnew + 100
	s := New(Config{PeerTimeout: time.Hour})
	for i := range n {
		tellNth(s, i, 0)
	}
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			if got := len(allTorrents(s, 3000+i)); got != n {
				t.Errorf("%d torrents, want %d", got, n)
			}
		})
	}
	wait.Wait()
}

package swarm

import (
	"sync"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

// A large torrent goes at one moment, with its memory, its counts by network and
// its past, and comes back as a new one.
func TestRemove(t *testing.T) {
	for _, family := range sizes {
		for _, n := range []int{1, 5, 40, 700, 30_000} {
			if onHeap && n > 700 { // race builds look for races, and take ten times as long
				continue
			}
			s := New(Config{PeerTimeout: time.Hour, Limits: Limits{PeersPerNetwork: 1 << 20}})
			tell(s, 1, 1, 1, 0) // another torrent
			fresh := liveBytes(s)
			say := func(n int, left uint64) {
				req := shoal.AnnounceRequest{Left: left}
				req.Addr, req.Link = addrOf(family, uint32(n))
				var res shoal.AnnounceResponse
				s.Announce(&req, &res, 1)
			}
			for range 2 {
				for i := range n {
					say(i, uint64(i%2))
				}
				if got := s.Totals(); got.Peers != n+1 {
					t.Fatalf("%d peers, want %d", got.Peers, n+1)
				}
				if !s.Remove(shoal.InfoHash{}) || s.Remove(shoal.InfoHash{}) {
					t.Errorf("a torrent of %d is not removed, or twice", n)
				}
				if got := s.Totals(); got.Peers != 1 || got.Torrents != 1 || got.Seeders+got.Leechers != 1 {
					t.Errorf("%d removed, there are %+v", n, got)
				}
				if err := checkIntegrity(s); err != nil {
					t.Fatal(err)
				}
				hash := shoal.InfoHash{}
				if got := s.shards[s.hash(&hash).shard].networks; len(got) != 0 {
					t.Errorf("%d removed, counts of %d networks are left", n, len(got))
				}
				if got := liveBytes(s); got > fresh+pageUnits*unitBytes {
					t.Errorf("%d removed, %d bytes are in use, %d were before", n, got, fresh)
				}
			}
		}
	}
}

// A count that is drained somewhere goes on, one that is nowhere else is forgotten.
func TestRemoveAndCompleted(t *testing.T) {
	for _, database := range []bool{false, true} {
		s := New(Config{PeerTimeout: time.Hour})
		if database {
			s.SetCompleted([]Completed{{shoal.InfoHash{}, 5}})
		}
		complete := func() {
			announce(s, "192.0.2.1:1", 1, 0)
			announce(s, "192.0.2.1:1", 0, 0)
		}
		complete()
		if !s.Remove(shoal.InfoHash{}) {
			t.Fatal("it is not there")
		}
		if _, held := s.Torrent(shoal.InfoHash{}); held {
			t.Error("what is only remembered is held")
		}
		complete()
		want := uint32(1)
		if database {
			want = 5 + 2
		}
		if got, _ := s.Torrent(shoal.InfoHash{}); got.Completed != want || downloaded(s) != want {
			t.Errorf("database %v: completed %d times, by the scrape %d, want %d", database, got.Completed, downloaded(s), want)
		}
		told := make(table)
		s.DrainCompleted(told.tell)
		if database && told[shoal.InfoHash{}] != want {
			t.Errorf("the database is told %v", told)
		}
	}
}

// Removals come between announces, sweeps and lists of the same torrent.
func TestRemoveWhileAnnouncesGoOn(t *testing.T) {
	s := New(Config{PeerTimeout: time.Hour, Limits: Limits{PeersPerNetwork: 1 << 20}})
	var wait sync.WaitGroup
	for part := range 2 {
		wait.Go(func() {
			for n := range 30_000 {
				join(s, part<<20+n, n%2 == 0)
			}
		})
	}
	stop := make(chan struct{})
	var beside sync.WaitGroup
	for _, work := range []func(){
		func() { s.Remove(shoal.InfoHash{}) },
		func() { s.Peers(shoal.InfoHash{}, PeerCursor{}, 5000) },
		func() {
			for _, sh := range inUse(s) {
				sh.mu.Lock()
				sh.arena.retire()
				sh.mu.Unlock()
				s.sweep(sh, 1)
			}
		},
	} {
		beside.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
					work()
				}
			}
		})
	}
	wait.Wait()
	close(stop)
	beside.Wait()
	if err := checkIntegrity(s); err != nil {
		t.Error(err)
	}
	s.Remove(shoal.InfoHash{})
	if got := s.Totals(); got.Peers != 0 || got.Torrents != 0 {
		t.Errorf("all is removed, there are %+v", got)
	}
}

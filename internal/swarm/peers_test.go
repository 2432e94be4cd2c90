package swarm

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

// Whoever stays while the pages are turned is listed exactly once, whatever the
// others do: they come, go, change their role, and the memory is moved.
func TestPeersWhileTheTorrentChanges(t *testing.T) {
	const stay, comeAndGo = 4000, 6000
	walks := 10
	if onHeap { // race builds look for races, and take ten times as long
		walks = 3
	}
	for _, family := range sizes {
		s := New(Config{PeerTimeout: time.Hour, Details: family == size4})
		say := func(n int, left uint64, event shoal.Event) {
			req := shoal.AnnounceRequest{Left: left, Event: event}
			req.Addr, req.Link = addrOf(family, uint32(n))
			var res shoal.AnnounceResponse
			s.Announce(&req, &res, 1)
		}
		want := make(map[who]bool)
		for n := range stay {
			say(n, uint64(n%2), 0)
			addr, link := addrOf(family, uint32(n))
			if family == sizeLink {
				want[who{link: link}] = true
			} else {
				want[who{addr: addr}] = true
			}
		}
		var wait sync.WaitGroup
		stop := make(chan struct{})
		wait.Go(func() {
			for round := uint64(0); ; round++ {
				for _, event := range []shoal.Event{0, shoal.EventStopped} {
					for n := range comeAndGo {
						say(stay+n, uint64(n)%2, event)
						say(n%stay, (uint64(n)+round)%2, 0)
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
		for range walks {
			listed := make(map[who]int)
			for _, peer := range allPeers(t, s, shoal.InfoHash{}, 150) {
				listed[who{addr: peer.Addr, link: peer.Link}]++
			}
			for w := range want {
				if listed[w] != 1 {
					t.Errorf("%v stays and is listed %d times", w, listed[w])
				}
			}
			for w, n := range listed {
				if n > 1 {
					t.Errorf("%v is listed %d times", w, n)
				}
			}
		}
		close(stop)
		wait.Wait()
		if err := checkIntegrity(s); err != nil {
			t.Error(err)
		}
	}
}

func TestPeersOfNobody(t *testing.T) {
	s := New(Config{PeerTimeout: time.Hour})
	if peers, next, ok := s.Peers(shoal.InfoHash{}, PeerCursor{}, 10); peers != nil || next != (PeerCursor{}) || ok {
		t.Errorf("of a torrent that is not held: %v, %v, %v", peers, next, ok)
	}
	announce(s, "192.0.2.1:1", 1, 0)
	announce(s, "192.0.2.1:1", 0, 0)
	announce(s, "192.0.2.1:1", 0, shoal.EventStopped) // leaves a completed count behind
	if peers, next, ok := s.Peers(shoal.InfoHash{}, PeerCursor{}, 10); len(peers) != 0 || next != (PeerCursor{}) || !ok {
		t.Errorf("of a torrent without peers: %v, %v, %v", peers, next, ok)
	}
	join(s, 1, false)
	after := PeerCursor{size: size6, key: key{low: 1}}
	if peers, next, ok := s.Peers(shoal.InfoHash{}, after, 10); len(peers) != 0 || next != (PeerCursor{}) || !ok {
		t.Errorf("behind its only peer: %v, %v, %v", peers, next, ok)
	}
	if peers, next, ok := s.Peers(shoal.InfoHash{}, after, 0); len(peers) != 0 || next != after || !ok {
		t.Errorf("when none are asked for: %v, %v, %v", peers, next, ok)
	}
	// Whoever has gone still marks a place.
	for n := range 500 {
		join(s, n, n%2 == 0)
	}
	first, next, _ := s.Peers(shoal.InfoHash{}, PeerCursor{}, 200)
	for _, peer := range first[150:] {
		s.Announce(&shoal.AnnounceRequest{Addr: peer.Addr, Event: shoal.EventStopped}, &shoal.AnnounceResponse{}, 1)
	}
	if rest, end, ok := s.Peers(shoal.InfoHash{}, next, 10_000); len(rest) != 300 || end != (PeerCursor{}) || !ok {
		t.Errorf("behind one that has gone: %d peers, then %v, %v", len(rest), end, ok)
	}
}

// A time is kept in seven bits of units, which nobody needs to know.
func TestSeen(t *testing.T) {
	for _, timeout := range []time.Duration{10 * time.Second, 100 * time.Second, time.Hour, 25 * time.Hour} {
		s := New(Config{PeerTimeout: timeout})
		unit := shoal.Tick(s.SeenUnit().Milliseconds())
		start := shoal.TickOf(time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC))
		var res shoal.AnnounceResponse
		for n := range 100 {
			req := shoal.AnnounceRequest{Link: browser(n)}
			s.Announce(&req, &res, start.Add(time.Duration(n)*timeout/100))
		}
		// An announce that came to the lock late.
		s.Announce(&shoal.AnnounceRequest{Link: browser(50)}, &res, start)
		for _, peer := range allPeers(t, s, shoal.InfoHash{}, 1000) {
			n := 0
			for browser(n) != peer.Link {
				n++
			}
			at := start.Add(time.Duration(n) * timeout / 100)
			if n == 50 {
				at = start
			}
			if want := at / unit * unit; peer.Seen != want {
				t.Errorf("timeout %v: browser %d was seen at %v, want %v", timeout, n, peer.Seen, want)
			}
		}
	}
}

func TestParsePeerCursor(t *testing.T) {
	for _, c := range []struct {
		text string
		ok   bool
	}{
		{"", true},
		{"c0000201 1ae1", false},
		{"c00002011ae1", true},
		{"c00002011ae", false},
		{"c00002011ae1c0000201", false},
		{"00000000000000ff", true},
		{"zz000000000000ff", false},
		{"20010db80000000000000000000000011ae1", true},
		{"20010db80000000000000000000000011ae1" + "00", false},
		{strings.Repeat("00", 1<<16), false},
	} {
		got, err := ParsePeerCursor(c.text)
		if (err == nil) != c.ok || c.ok && got.String() != c.text {
			t.Errorf("%.50q is read as %v: %v", c.text, got, err)
		}
		if err != nil && len(err.Error()) > 200 {
			t.Errorf("the error has %d characters", len(err.Error()))
		}
	}
}

func FuzzParsePeerCursor(f *testing.F) {
	s := New(Config{PeerTimeout: time.Hour})
	for n := range 100 {
		join(s, n, false)
	}
	for _, seed := range []string{"", "c00002011ae1", "00000000000000ff", "20010db80000000000000000000000011AE1", "xx", "0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParsePeerCursor(text)
		if err != nil {
			if c != (PeerCursor{}) {
				t.Errorf("%q is refused and read as %v", text, c)
			}
			return
		}
		if c.String() != strings.ToLower(text) {
			t.Errorf("%q comes back as %q", text, c)
		}
		if _, _, ok := s.Peers(shoal.InfoHash{}, c, 10); !ok {
			t.Errorf("behind %q nothing is held", text)
		}
	})
}

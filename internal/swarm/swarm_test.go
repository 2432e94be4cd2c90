package swarm

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shoal-tracker/shoal"
)

func announce(s *Store, addr string, left uint64, event shoal.Event) shoal.AnnounceResponse {
	res := room(50)
	s.Announce(&shoal.AnnounceRequest{Addr: netip.MustParseAddrPort(addr), Left: left, Event: event, NumWant: 50}, &res, 1)
	return res
}

// announceBrowser announces the n-th browser, all from one address.
func announceBrowser(s *Store, n int, left uint64, event shoal.Event) shoal.AnnounceResponse {
	res := room(50)
	addr := netip.MustParseAddrPort("192.0.2.1:1")
	s.Announce(&shoal.AnnounceRequest{Addr: addr, Link: browser(n), Left: left, Event: event, NumWant: 50}, &res, 1)
	return res
}

func downloaded(s *Store) uint32 {
	var counts [1]shoal.ScrapeCounts
	s.Scrape([]shoal.InfoHash{{}}, counts[:])
	return counts[0].Downloaded
}

func TestCompleted(t *testing.T) {
	type step struct {
		left  uint64
		event shoal.Event
		want  uint32
	}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"a known leecher finishes", []step{{5, shoal.EventStarted, 0}, {0, shoal.EventCompleted, 1}}},
		{"without the event", []step{{5, 0, 0}, {0, 0, 1}}},
		{"the event before left is 0", []step{{5, 0, 0}, {5, shoal.EventCompleted, 1}, {0, 0, 1}}},
		{"an unknown peer", []step{{0, shoal.EventCompleted, 0}}},
		{"a seeder says it again", []step{{5, 0, 0}, {0, shoal.EventCompleted, 1}, {0, shoal.EventCompleted, 1}}},
		{"back and forth", []step{{5, 0, 0}, {0, 0, 1}, {5, 0, 1}, {0, 0, 1}}},
		{"a partial seed", []step{{5, 0, 0}, {0, shoal.EventPaused, 0}}},
		{"kept when the torrent empties", []step{{5, 0, 0}, {0, 0, 1}, {0, shoal.EventStopped, 1}}},
	} {
		for kind, say := range map[string]func(*Store, uint64, shoal.Event){
			"IPv4":    func(s *Store, left uint64, event shoal.Event) { announce(s, "192.0.2.1:1", left, event) },
			"browser": func(s *Store, left uint64, event shoal.Event) { announceBrowser(s, 1, left, event) },
		} {
			t.Run(c.name+", "+kind, func(t *testing.T) {
				s := New(Config{PeerTimeout: time.Hour})
				for i, step := range c.steps {
					say(s, step.left, step.event)
					if got := downloaded(s); got != step.want {
						t.Fatalf("after step %d: downloaded %d, want %d", i, got, step.want)
					}
				}
			})
		}
	}
}

func TestNotStored(t *testing.T) {
	for _, addr := range []string{
		"192.0.2.1:0", "0.0.0.0:1", "224.0.0.1:1", "255.255.255.255:1", "169.254.0.1:1",
		"[2001:db8::1]:0", "[::]:1", "[ff02::1]:1", "[fe80::1]:1",
	} {
		s := New(Config{PeerTimeout: time.Hour})
		announce(s, addr, 0, 0)
		if got := s.Totals(); got.Peers != 0 || got.Torrents != 0 {
			t.Errorf("%s is stored: %+v", addr, got)
		}
		announce(s, "192.0.2.9:9", 0, 0)
		if res := announce(s, addr, 5, 0); len(res.Peers4) != 6 || res.Complete != 1 {
			t.Errorf("%s is not answered: %+v", addr, res)
		}
	}
	s := New(Config{PeerTimeout: time.Hour})
	if announce(s, "192.0.2.1:1", 0, shoal.EventStopped); s.Totals().Torrents != 0 {
		t.Error("a stop from an unknown peer makes a torrent")
	}
}

func TestOneSwarmForBothFamilies(t *testing.T) {
	s := New(Config{PeerTimeout: time.Hour})
	announce(s, "192.0.2.1:1", 0, 0)
	announce(s, "[2001:db8::1]:1", 0, 0)
	res := announce(s, "192.0.2.2:1", 5, 0)
	if len(res.Peers4) != 6 || len(res.Peers6) != 18 || res.Complete != 2 || res.Incomplete != 1 {
		t.Errorf("got %+v", res)
	}
	if res = announce(s, "192.0.2.3:1", 0, 0); len(res.Peers4) != 6 || len(res.Peers6) != 0 {
		t.Errorf("a seeder is given seeders: %+v", res)
	}
}

func TestLimits(t *testing.T) {
	spray := func(s *Store, n, from int) {
		for i := range n {
			req := shoal.AnnounceRequest{InfoHash: shoal.InfoHash{1, byte(i >> 8), byte(i)}, Addr: netip.AddrPortFrom(addr4(uint32(from)), 1), Left: 1}
			var res shoal.AnnounceResponse
			s.Announce(&req, &res, 1)
		}
	}
	t.Run("torrents", func(t *testing.T) {
		s := New(Config{PeerTimeout: time.Hour, Limits: Limits{Torrents: 600}})
		announce(s, "192.0.2.1:1", 0, 0)
		announce(s, "192.0.2.2:1", 0, 0)
		spray(s, 5000, 1)
		got := s.Totals()
		if got.Torrents > 600 || got.TorrentsEvicted == 0 || got.TorrentsEvicted+got.TorrentsRefused != 5000-599 {
			t.Errorf("got %+v", got)
		}
		if res := announce(s, "192.0.2.3:1", 5, 0); res.Complete != 2 {
			t.Errorf("a real swarm was dropped: %+v", res)
		}
	})
	t.Run("peers", func(t *testing.T) {
		s := New(Config{PeerTimeout: time.Hour, Limits: Limits{Peers: 3}})
		spray(s, 10, 1)
		if got := s.Totals(); got.Peers != 3 || got.Torrents != 3 || got.PeersRefused != 7 {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("peers of a torrent", func(t *testing.T) {
		s := New(Config{PeerTimeout: time.Hour, Limits: Limits{PeersPerTorrent: 2}})
		for i := range 5 {
			join(s, i, false)
		}
		if res := announce(s, "192.0.2.1:1", 5, 0); len(res.Peers4) != 12 || s.Totals().PeersRefused != 4 {
			t.Errorf("got %+v, %+v", res, s.Totals())
		}
	})
	t.Run("peers of a network", func(t *testing.T) {
		s := New(Config{PeerTimeout: time.Hour})
		announce(s, "192.0.2.1:1", 5, 0)
		s.SetLimits(Limits{PeersPerNetwork: 2})
		for _, addr := range []string{"192.0.2.2:1", "192.0.2.3:1", "192.0.3.1:1", "[2001:db8::1]:1", "[2001:db8::2]:1", "[2001:db8::3]:1"} {
			announce(s, addr, 5, 0)
		}
		if got := s.Totals(); got.Peers != 5 || got.PeersRefused != 2 {
			t.Errorf("got %+v", got)
		}
		announce(s, "192.0.2.1:1", 5, shoal.EventStopped)
		announce(s, "192.0.2.4:1", 5, 0)
		if got := s.Totals(); got.Peers != 5 {
			t.Errorf("who left does not make room: %+v", got)
		}
	})
}

func TestRunExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{PeerTimeout: time.Minute})
		var clock shoal.Clock
		clock.Set(1)
		announce(s, "192.0.2.1:1", 5, 0)
		announce(s, "[2001:db8::1]:1", 0, 0)
		announceBrowser(s, 1, 1, 0)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.Run(ctx, &clock); close(done) }()
		clock.Set(shoal.Tick(1).Add(59 * time.Second))
		time.Sleep(10 * time.Second)
		if got := s.Totals(); got.Peers != 3 || got.Browsers != 1 {
			t.Errorf("expired before its time: %+v", got)
		}
		clock.Set(shoal.Tick(1).Add(time.Minute + 2*time.Second))
		time.Sleep(10 * time.Second)
		if got := s.Totals(); got.Peers != 0 || got.Browsers != 0 || got.Torrents != 0 {
			t.Errorf("not expired: %+v", got)
		}
		cancel()
		<-done
	})
}

// Joining with many peers, leaving with all but one, and going on to the next
// torrent must not pile up memory that no limit counts.
func TestChurnGivesMemoryBack(t *testing.T) {
	s := New(Config{PeerTimeout: time.Hour})
	const torrents, ports = 20, 5000
	for i := range torrents {
		for _, event := range []shoal.Event{shoal.EventStarted, shoal.EventStopped} {
			for port := uint16(1); port <= ports; port++ {
				if event == shoal.EventStopped && port == 1 {
					continue
				}
				req := shoal.AnnounceRequest{InfoHash: shoal.InfoHash{byte(i)}, Addr: netip.AddrPortFrom(addr4(1), port), Left: 1, Event: event}
				var res shoal.AnnounceResponse
				s.Announce(&req, &res, 1)
			}
		}
	}
	if got := s.Totals().Peers; got != torrents {
		t.Fatalf("%d peers are left, want %d", got, torrents)
	}
	for i := range s.shards {
		s.sweep(&s.shards[i], 1)
	}
	if got := s.Totals().Bytes; got > torrents*regionBytes {
		t.Errorf("%d peers hold %d bytes", torrents, got)
	}
	if err := checkIntegrity(s); err != nil {
		t.Error(err)
	}
}

// Announces, batches, scrapes, sweeps and moves at once: nothing is lost, and
// the walk ahead of a batch reads what others write without a fault.
func TestConcurrentAnnounces(t *testing.T) {
	s := New(Config{PeerTimeout: 100 * time.Second, Details: true, Limits: Limits{PeersPerNetwork: 200}})
	var workers sync.WaitGroup
	for w := range 4 {
		workers.Go(func() {
			reqs, ress, refused := make([]shoal.AnnounceRequest, 70), make([]shoal.AnnounceResponse, 70), make([]shoal.Failure, 70)
			for i := range 100 {
				for j := range reqs {
					n := uint32(i*len(reqs)+j) * 7
					reqs[j] = shoal.AnnounceRequest{
						InfoHash: shoal.InfoHash{byte(n % 5)},
						Addr:     netip.AddrPortFrom(addr4(n%3000), uint16(1+w%2)),
						Left:     uint64(n % 2), NumWant: 30,
						Event: shoal.Event(n % 4),
					}
					if n%3 == 0 {
						reqs[j].InfoHash = shoal.InfoHash{byte(n), byte(n >> 8), 1}
					}
					if n%5 == 0 {
						reqs[j].Addr = netip.AddrPortFrom(addr6(n%500), uint16(1+w%2))
					}
					if n%4 == 0 {
						reqs[j].Link = browser(int(n%700)*2 + w%2)
					}
					ress[j] = room(50)
				}
				if i%2 == 0 {
					s.AnnounceBatch(reqs, ress, refused, 1)
				} else {
					s.Announce(&reqs[0], &ress[0], 1)
				}
				s.Scrape([]shoal.InfoHash{{0}, {1}}, make([]shoal.ScrapeCounts, 2))
				s.ScrapeBrowsers([]shoal.InfoHash{{0}, {1}}, make([]shoal.ScrapeCounts, 2))
				s.Leave([]shoal.InfoHash{{0}, {1}, {2}, {byte(i), 0, 1}}, browser(i))
			}
		})
	}
	workers.Go(func() {
		for i := range 40 {
			for j := range s.shards {
				if sh := &s.shards[j]; i%4 == 0 {
					sh.mu.Lock()
					sh.arena.retire()
					sh.mu.Unlock()
				}
				s.sweep(&s.shards[j], shoal.Tick(i)*2000) // nobody times out
			}
		}
	})
	workers.Wait()
	if err := checkIntegrity(s); err != nil {
		t.Error(err)
	}
	if s.Totals().Peers == 0 {
		t.Error("nobody is stored")
	}
}

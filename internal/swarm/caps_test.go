package swarm

import (
	"net/netip"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

// tell announces a peer of the n-th torrent.
func tell(s *Store, n int, host uint32, left uint64, event shoal.Event) {
	req := shoal.AnnounceRequest{
		InfoHash: shoal.InfoHash{7, byte(n >> 16), byte(n >> 8), byte(n)},
		Addr:     netip.AddrPortFrom(addr4(host), 1), Left: left, Event: event,
	}
	var res shoal.AnnounceResponse
	s.Announce(&req, &res, 1)
}

// tellBrowser announces a browser of the n-th torrent.
func tellBrowser(s *Store, n, from int, left uint64, event shoal.Event) {
	req := shoal.AnnounceRequest{
		InfoHash: shoal.InfoHash{7, byte(n >> 16), byte(n >> 8), byte(n)},
		Link:     browser(from), Left: left, Event: event,
	}
	var res shoal.AnnounceResponse
	s.Announce(&req, &res, 1)
}

// At the cap on torrents one makes room that holds nobody, or one peer that
// announced once; no other does.
func TestWhoMakesRoom(t *testing.T) {
	const torrents = 20000
	for _, c := range []struct {
		name    string
		prepare func(s *Store, n int)
		evicted bool
	}{
		{"one peer that announced once", func(s *Store, n int) { tell(s, n, 1, 1, 0) }, true},
		{"one peer that announced twice", func(s *Store, n int) { tell(s, n, 1, 1, 0); tell(s, n, 1, 1, 0) }, false},
		{"two peers", func(s *Store, n int) { tell(s, n, 1, 1, 0); tell(s, n, 2, 1, 0) }, false},
		{"nobody, but a completed count", func(s *Store, n int) {
			tell(s, n, 1, 1, 0)
			tell(s, n, 1, 0, shoal.EventCompleted)
			tell(s, n, 1, 0, shoal.EventStopped)
		}, true},
		{"one browser that announced once", func(s *Store, n int) { tellBrowser(s, n, 1, 1, 0) }, true},
		{"one browser that announced twice", func(s *Store, n int) { tellBrowser(s, n, 1, 1, 0); tellBrowser(s, n, 1, 1, 0) }, false},
		{"two browsers", func(s *Store, n int) { tellBrowser(s, n, 1, 1, 0); tellBrowser(s, n, 2, 1, 0) }, false},
		{"a peer and a browser", func(s *Store, n int) { tell(s, n, 1, 1, 0); tellBrowser(s, n, 1, 1, 0) }, false},
		{"nobody, but a browser completed", func(s *Store, n int) {
			tellBrowser(s, n, 1, 1, 0)
			tellBrowser(s, n, 1, 0, 0)
			s.Leave([]shoal.InfoHash{{7, byte(n >> 16), byte(n >> 8), byte(n)}}, browser(1))
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := New(Config{PeerTimeout: time.Hour})
			for n := range torrents {
				c.prepare(s, n)
			}
			s.SetLimits(Limits{Torrents: torrents})
			for n := range 1000 {
				tell(s, torrents+n, 1, 1, 0)
			}
			totals := s.Totals()
			want := Totals{Torrents: torrents, TorrentsRefused: 1000}
			if c.evicted {
				want.TorrentsEvicted, want.TorrentsRefused = 1000, 0
			}
			if totals.Torrents != want.Torrents || totals.TorrentsEvicted != want.TorrentsEvicted || totals.TorrentsRefused != want.TorrentsRefused {
				t.Errorf("got %+v, want %+v", totals, want)
			}
			if err := checkIntegrity(s); err != nil {
				t.Error(err)
			}
		})
	}
}

// A spray of random info hashes leaves the memory where the cap puts it, and a
// real swarm alone.
func TestSpray(t *testing.T) {
	const limit = 20000
	s := New(Config{PeerTimeout: time.Hour, Limits: Limits{Torrents: limit}})
	for host := range uint32(3) {
		for range 2 {
			tell(s, -1, host+1, 1, 0)
		}
	}
	var held int64
	for n := range 20 * limit {
		tell(s, n, uint32(n), 1, 0)
		if n == 2*limit {
			held = s.Totals().Bytes
		}
	}
	totals := s.Totals()
	if totals.Torrents > limit || totals.Bytes > held {
		t.Errorf("%+v, and %d bytes were held before", totals, held)
	}
	var counts [1]shoal.ScrapeCounts
	s.Scrape([]shoal.InfoHash{{7, 255, 255, 255}}, counts[:])
	if counts[0].Incomplete != 3 {
		t.Errorf("the real swarm has %+v", counts[0])
	}
}

// In a large swarm the peers of a network are not counted anew for each
// newcomer; the count is exact once it has reached the end.
func TestNetworkCapOfALargeSwarm(t *testing.T) {
	const peers, limit = 20000, 10
	s := New(Config{PeerTimeout: time.Hour})
	for n := range peers {
		join(s, n<<8, n%2 == 0) // each in a network of its own
	}
	s.SetLimits(Limits{PeersPerNetwork: limit})
	for n := range peers/countedStep + 1 { // newcomers move the count on
		join(s, (peers+n)<<8, false)
	}
	before := s.Totals()
	for n := range 50 {
		join(s, (2*peers)<<8+n, n%2 == 0)
	}
	after := s.Totals()
	if got := after.Peers - before.Peers; got != limit || after.PeersRefused-before.PeersRefused != 50-limit {
		t.Errorf("%d of one network were stored, want %d: %+v", got, limit, after)
	}
	// Those who leave make room, wherever they stood.
	req := shoal.AnnounceRequest{Addr: netip.AddrPortFrom(addr4(2*peers<<8), 6881), Event: shoal.EventStopped}
	var res shoal.AnnounceResponse
	s.Announce(&req, &res, 1)
	join(s, 2*peers<<8+99, false)
	join(s, 2*peers<<8+98, false)
	if got := s.Totals().Peers; got != after.Peers {
		t.Errorf("%d peers after one left and two came, want %d", got, after.Peers)
	}
	checkNetworks(t, s)
}

// checkNetworks compares the counts that are kept with the peers there are.
func checkNetworks(t *testing.T, s *Store) {
	t.Helper()
	for i := range s.shards {
		sh := &s.shards[i]
		for of, n := range sh.networks {
			hash := s.hash(&of.hash)
			f := sh.family(sh.line(sh.find(&hash)), int(of.size))
			want := make(map[uint64]int)
			for pos := range min(n.done, f.peers) {
				k := f.key(pos)
				want[k.network(f.shape.size)]++
			}
			if len(want) != len(n.counts) {
				t.Errorf("%d networks are counted, there are %d", len(n.counts), len(want))
			}
			for network, count := range want {
				if n.counts[network] != count {
					t.Errorf("network %x: %d counted, there are %d", network, n.counts[network], count)
				}
			}
		}
	}
}

//go:build !race

package swarm

import (
	"net/netip"
	"testing"

	"github.com/shoal-tracker/shoal"
)

func TestAnnounceAllocatesNothing(t *testing.T) {
	s := New(Config{PeerTimeout: 1e12, Details: true})
	for i := range 200 {
		join(s, i, i%2 == 0)
	}
	res := room(50)
	for name, req := range map[string]shoal.AnnounceRequest{
		"leecher":      {Addr: netip.AddrPortFrom(addr4(1), 6881), Left: 1, NumWant: 50},
		"seeder":       {Addr: netip.AddrPortFrom(addr4(2), 6881), NumWant: 50},
		"IPv6, port 0": {Addr: netip.AddrPortFrom(addr6(2), 0), Left: 1, NumWant: 50},
	} {
		if n := testing.AllocsPerRun(100, func() {
			res.Peers4, res.Peers6, res.IDs4, res.IDs6 = res.Peers4[:0], res.Peers6[:0], res.IDs4[:0], res.IDs6[:0]
			s.Announce(&req, &res, 1)
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	hashes, counts := []shoal.InfoHash{{}, {1}}, make([]shoal.ScrapeCounts, 2)
	if n := testing.AllocsPerRun(100, func() { s.Scrape(hashes, counts) }); n != 0 {
		t.Errorf("scrape: %v allocations", n)
	}
}

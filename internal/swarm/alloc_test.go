//go:build !race

package swarm

import (
	"net/netip"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

// Nothing on the road allocates: not an announce of any kind, nor a refusal.
func TestNothingAllocates(t *testing.T) {
	for _, details := range []bool{false, true} {
		s := New(Config{PeerTimeout: time.Hour, Details: details})
		for i := range 6000 {
			join(s, i, i%2 == 0)
			joinBrowser(s, i, i%2 == 0)
		}
		res := room(50)
		reset := func() {
			res.Peers4, res.Peers6, res.IDs4, res.IDs6 = res.Peers4[:0], res.Peers6[:0], res.IDs4[:0], res.IDs6[:0]
			res.Links = res.Links[:0]
		}
		n := uint32(0)
		var hash shoal.InfoHash
		var req shoal.AnnounceRequest
		paths := map[string]func(){}
		announce := func(name string, req shoal.AnnounceRequest) {
			req.NumWant = 50
			paths[name] = func() { reset(); s.Announce(&req, &res, 1) }
		}
		announce("leecher", shoal.AnnounceRequest{Addr: netip.AddrPortFrom(addr4(1), 6881), Left: 1})
		announce("seeder", shoal.AnnounceRequest{Addr: netip.AddrPortFrom(addr4(2), 6881)})
		announce("browser, leecher", shoal.AnnounceRequest{Link: browser(1), Left: 1})
		announce("browser, seeder", shoal.AnnounceRequest{Link: browser(2)})
		announce("browser, stopped, unknown", shoal.AnnounceRequest{Link: browser(1 << 20), Event: shoal.EventStopped})
		announce("not stored", shoal.AnnounceRequest{Addr: netip.AddrPortFrom(addr6(2), 0), Left: 1})
		announce("stopped, unknown", shoal.AnnounceRequest{InfoHash: shoal.InfoHash{9}, Event: shoal.EventStopped})
		paths["role"] = func() {
			reset()
			n++
			req = shoal.AnnounceRequest{Addr: netip.AddrPortFrom(addr4(3), 6881), Left: uint64(n % 2), NumWant: 50}
			s.Announce(&req, &res, 1)
		}
		for name, family := range map[string]int{"IPv4": size4, "IPv6": size6, "browser": sizeLink} {
			paths["join and leave, "+name] = func() {
				n++
				for _, event := range []shoal.Event{shoal.EventStarted, shoal.EventStopped} {
					reset()
					req = shoal.AnnounceRequest{Event: event, Left: 1, NumWant: 50}
					req.Addr, req.Link = addrOf(family, 10_000+n)
					s.Announce(&req, &res, 1)
				}
			}
			paths["torrent comes and goes, "+name] = func() {
				n++
				hash[1], hash[2], hash[3] = byte(n), byte(n>>8), 1
				for _, event := range []shoal.Event{shoal.EventStarted, shoal.EventStopped} {
					reset()
					req = shoal.AnnounceRequest{InfoHash: hash, Event: event, Left: 1}
					req.Addr, req.Link = addrOf(family, n)
					s.Announce(&req, &res, 1)
				}
			}
		}
		reqs, ress, refused := make([]shoal.AnnounceRequest, 100), make([]shoal.AnnounceResponse, 100), make([]shoal.Failure, 100)
		for i := range reqs {
			reqs[i] = shoal.AnnounceRequest{Addr: netip.AddrPortFrom(addr4(uint32(i)), 6881), Left: 1, NumWant: 3}
			if i%2 == 1 {
				reqs[i].Addr = netip.AddrPortFrom(addr6(uint32(i)), 6881)
			}
			ress[i] = room(3)
		}
		paths["batch"] = func() {
			for i := range ress {
				r := &ress[i]
				r.Peers4, r.Peers6, r.IDs4, r.IDs6 = r.Peers4[:0], r.Peers6[:0], r.IDs4[:0], r.IDs6[:0]
			}
			s.AnnounceBatch(reqs, ress, refused, 1)
		}
		hashes, counts := []shoal.InfoHash{{}, {1}}, make([]shoal.ScrapeCounts, 2)
		paths["scrape"] = func() { s.Scrape(hashes, counts) }
		paths["scrape of browsers"] = func() { s.ScrapeBrowsers(hashes, counts) }
		paths["join and a connection that closes"] = func() {
			reset()
			req = shoal.AnnounceRequest{Link: browser(9000), Left: 1, NumWant: 50}
			s.Announce(&req, &res, 1)
			s.Leave(hashes, req.Link)
		}
		for name, path := range paths {
			for range 2000 { // what grows has grown
				path()
			}
			if n := testing.AllocsPerRun(200, path); n != 0 {
				t.Errorf("details %v, %s: %v allocations", details, name, n)
			}
		}

		s.SetLimits(Limits{Torrents: 1, Peers: s.Totals().Peers + 1, PeersPerTorrent: 100, PeersPerNetwork: 1})
		for name, req := range map[string]shoal.AnnounceRequest{
			"too many torrents":     {InfoHash: shoal.InfoHash{77}, Addr: netip.AddrPortFrom(addr4(1), 1)},
			"too many in a torrent": {Addr: netip.AddrPortFrom(addr4(1), 99)},
			"too many browsers":     {Link: browser(1 << 20)},
		} {
			if n := testing.AllocsPerRun(200, func() { reset(); s.Announce(&req, &res, 1) }); n != 0 {
				t.Errorf("details %v, %s: %v allocations", details, name, n)
			}
		}
		s.SetLimits(Limits{Peers: 1})
		req = shoal.AnnounceRequest{Addr: netip.AddrPortFrom(addr4(1), 99)}
		if n := testing.AllocsPerRun(200, func() { reset(); s.Announce(&req, &res, 1) }); n != 0 {
			t.Errorf("details %v, too many peers: %v allocations", details, n)
		}
	}
}

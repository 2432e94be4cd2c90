package tracker

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/policy"
)

// browser is the announce of a WebTorrent leecher over a connection.
func browser(link shoal.Link) shoal.AnnounceRequest {
	req := peer(0)
	req.Link = link
	copy(req.PeerID[:], "-WW0102-")
	return req
}

// Browsers are given each other, the rest is given the rest, and both are told
// when to come back.
func TestBrowsers(t *testing.T) {
	tr := newTracker(DefaultConfig(), policy.Config{PortsDenied: []int{0}})
	hash := peer(0).InfoHash
	a, b := shoal.NewLink(0, 0, 1, 1), shoal.NewLink(0, 1, 1, 1)
	for _, link := range []shoal.Link{a, b} {
		req, res := browser(link), shoal.AnnounceResponse{}
		if f := tr.Announce(&req, &res); f != shoal.OK {
			t.Fatalf("refused: %v", f)
		}
	}
	other, res := peer(6881), room()
	if f := tr.Announce(&other, &res); f != shoal.OK || res.Incomplete != 1 || len(res.Peers4)+len(res.Links) != 0 {
		t.Errorf("a UDP peer: %v, %+v", f, res)
	}
	reqs, ress := []shoal.AnnounceRequest{browser(a), browser(b)}, make([]shoal.AnnounceResponse, 2)
	for i := range ress {
		ress[i] = room()
		ress[i].Links = make([]shoal.Link, 0, 5)
	}
	failures := make([]shoal.Failure, 2)
	failures[0] = tr.Announce(&reqs[0], &ress[0])
	tr.AnnounceBatch(reqs[1:], ress[1:], failures[1:])
	for i, want := range [][]shoal.Link{{b}, {a}} {
		res := &ress[i]
		if failures[i] != shoal.OK || !slices.Equal(res.Links, want) || len(res.Peers4) != 0 || res.Incomplete != 2 || res.Interval == 0 || res.MinInterval == 0 {
			t.Errorf("browser %d: %v, %+v", i, failures[i], res)
		}
	}

	counts := make([]shoal.ScrapeCounts, 1)
	if tr.ScrapeBrowsers(shoal.AuthKey{}, []shoal.InfoHash{hash}, counts); counts[0] != (shoal.ScrapeCounts{Incomplete: 2}) {
		t.Errorf("a scrape of browsers: %+v", counts[0])
	}
	if got := scrape(tr, hash); got != (shoal.ScrapeCounts{Incomplete: 1}) {
		t.Errorf("a scrape of the others: %+v", got)
	}
	tr.Leave([]shoal.InfoHash{{9}, hash}, a)
	if tr.ScrapeBrowsers(shoal.AuthKey{}, []shoal.InfoHash{hash}, counts); counts[0].Incomplete != 1 || scrape(tr, hash).Incomplete != 1 {
		t.Errorf("after one has left: %+v and %+v", counts[0], scrape(tr, hash))
	}
}

// Nothing moves a browser elsewhere, least of all what it claims. Only that of a
// proxy which names nobody is refused.
func TestAddressOfABrowser(t *testing.T) {
	for _, use := range []string{"never", "private", "trusted"} {
		for _, addr := range []string{"127.0.0.1:5000", "10.0.0.1:0", "[::1]:1", "198.51.100.1:5000"} {
			c := DefaultConfig()
			c.ExternalIP, c.UseIPParam = ips("203.0.113.1"), use
			tr := newTracker(c, policy.Config{})
			req, res := browser(7), shoal.AnnounceResponse{}
			req.Addr, req.Claimed = netip.MustParseAddrPort(addr), netip.MustParseAddr("203.0.113.9")
			if f := tr.Announce(&req, &res); f != shoal.OK || req.Addr.String() != addr || res.Incomplete != 1 {
				t.Errorf("%s, %s: %v, now %v, %+v", use, addr, f, req.Addr, res)
			}
			req, res = browser(8), shoal.AnnounceResponse{}
			req.Addr, req.Claimed, req.FromProxy = netip.MustParseAddrPort(addr), netip.MustParseAddr("203.0.113.9"), true
			if f := tr.Announce(&req, &res); f != shoal.ForwardedMissing {
				t.Errorf("%s, %s, a proxy that names nobody: %v", use, addr, f)
			}
			counts := make([]shoal.ScrapeCounts, 1)
			if tr.ScrapeBrowsers(shoal.AuthKey{}, []shoal.InfoHash{req.InfoHash}, counts); counts[0].Incomplete != 1 {
				t.Errorf("%s, %s: %+v are stored, want one", use, addr, counts[0])
			}
		}
	}
}

//go:build !race

package tracker

import (
	"net/netip"
	"testing"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/policy"
)

func TestNothingIsAllocated(t *testing.T) {
	c := DefaultConfig()
	c.ExternalIP, c.UseIPParam = ips("203.0.113.1"), "private"
	tr := newTracker(c, policy.Config{ClientsDenied: []string{"-XL0012-"}, PortsDenied: []int{22}})
	const n = 64
	reqs := make([]shoal.AnnounceRequest, n)
	ress := make([]shoal.AnnounceResponse, n)
	failures := make([]shoal.Failure, n)
	for i := range reqs {
		reqs[i], ress[i] = peer(uint16(i)), room()
		reqs[i].InfoHash[0] = byte(i % 8)
	}
	var moved shoal.AnnounceRequest
	loopback := netip.MustParseAddr("127.0.0.1")
	hashes := make([]shoal.InfoHash, 100)
	counts := make([]shoal.ScrapeCounts, len(hashes))
	for i := range hashes {
		hashes[i][0] = byte(i)
	}
	links, link := make([]shoal.Link, 0, 5), shoal.NewLink(0, 1, 2, 3)
	for slot := range uint32(9) {
		browser := peer(0)
		browser.Link = shoal.NewLink(0, 1, 100+slot, 1)
		tr.Announce(&browser, &shoal.AnnounceResponse{})
	}
	var answer shoal.AnnounceResponse
	for name, f := range map[string]func(){
		"Announce and Leave of a browser": func() {
			moved = peer(0)
			moved.Link, answer.Links = link, links
			tr.Announce(&moved, &answer)
			tr.Leave(hashes, link)
		},
		"Announce of a browser, refused": func() {
			moved = peer(0)
			moved.Link, moved.FromProxy = link, true
			tr.Announce(&moved, &answer)
		},
		"ScrapeBrowsers": func() { tr.ScrapeBrowsers(shoal.AuthKey{}, hashes, counts) },
		"Announce": func() {
			ress[0].Peers4 = ress[0].Peers4[:0]
			tr.Announce(&reqs[0], &ress[0])
		},
		"Announce, refused": func() { tr.Announce(&reqs[22], &ress[22]) },
		"Announce, from here, by a claim, and from a proxy": func() {
			for _, req := range []shoal.AnnounceRequest{
				{Addr: netip.AddrPortFrom(loopback, 1)},
				{Addr: netip.AddrPortFrom(loopback, 1), Claimed: reqs[0].Addr.Addr()},
				{Addr: netip.AddrPortFrom(loopback, 1), FromProxy: true},
			} {
				moved = req
				tr.Announce(&moved, &ress[1])
			}
		},
		"AnnounceBatch": func() {
			clear(failures)
			for i := range ress {
				ress[i].Peers4 = ress[i].Peers4[:0]
			}
			tr.AnnounceBatch(reqs, ress, failures)
		},
		"Scrape":      func() { tr.Scrape(shoal.AuthKey{}, hashes, counts) },
		"MinInterval": func() { tr.MinInterval() },
	} {
		if got := testing.AllocsPerRun(100, f); got != 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
	if len(answer.Links) != cap(links) {
		t.Errorf("measured the wrong thing: a browser was given %d others, want %d", len(answer.Links), cap(links))
	}
	if failures[22] != shoal.PortDenied || failures[23] != shoal.OK || len(ress[23].Peers4) == 0 {
		t.Errorf("measured the wrong thing: failures %v, %v, %d bytes of peers", failures[22], failures[23], len(ress[23].Peers4))
	}
}

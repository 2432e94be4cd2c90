//go:build !race

package httptracker

import (
	"net/netip"
	"testing"

	"github.com/shoal-tracker/shoal"
)

func TestServerSideAllocatesNothing(t *testing.T) {
	var queries [][]byte
	for _, target := range []string{"FuzzParseAnnounce", "FuzzParseScrape"} {
		for _, query := range corpus(t, target) {
			queries = append(queries, []byte(query))
		}
	}
	res := testResponse()
	external := netip.MustParseAddr("2001:db8::9")
	hashes := make([]shoal.InfoHash, 0, MaxScrape)
	counts := make([]shoal.ScrapeCounts, MaxScrape)
	buf := make([]byte, 32<<10)

	for _, test := range []struct {
		name string
		run  func()
	}{
		{"parsing", func() {
			var req shoal.AnnounceRequest
			var form Form
			for _, query := range queries {
				ParseAnnounce(query, &req, &form)
				ParseScrape(query, hashes)
				Passkey(query)
			}
		}},
		{"PrependAnnounce", func() {
			PrependAnnounce(buf, Headroom, res, external)
			AppendAnnounceTail(buf[:Headroom+len(res.Peers4)], res)
		}},
		{"AppendAnnounce", func() { AppendAnnounce(buf[:0], res, external) }},
		{"AppendAnnounceDictionary", func() { AppendAnnounceDictionary(buf[:0], res, external, false) }},
		{"AppendScrape", func() { AppendScrape(buf[:0], hashes[:MaxScrape], counts, 900) }},
		{"AppendFailure", func() { AppendFailure(buf[:0], shoal.ClientDenied) }},
		{"AppendFailure for a time", func() { AppendFailure(buf[:0], shoal.KeyExpired) }},
		{"AppendFailure of an unknown one", func() { AppendFailure(buf[:0], 255) }},
	} {
		if allocs := testing.AllocsPerRun(100, test.run); allocs != 0 {
			t.Errorf("%s: %v allocations, want none", test.name, allocs)
		}
	}
}

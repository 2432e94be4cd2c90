//go:build !race

package udptracker

import (
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal"
)

// A tracker reads and writes its packets without touching the heap, refusals
// included, given room of the size the documentation says.
func TestNoAllocations(t *testing.T) {
	connect, announce, scrape := packet(t, goldenConnect), packet(t, goldenAnnounce), packet(t, goldenScrape)
	keyed := append(announce[:len(announce):len(announce)], appendURLOptions(nil, strings.Repeat("/long", 500)+"/announce/"+someKey)...)
	announce = appendURLOptions(announce, "/announce?passkey="+someKey)
	reply4, scrapeReply := packet(t, goldenAnnounceReply4), packet(t, goldenScrapeReply)

	var req shoal.AnnounceRequest
	var res shoal.AnnounceResponse
	room := make([]byte, 0, 1216)
	hashes := make([]shoal.InfoHash, 0, MaxScrape)
	counts := make([]shoal.ScrapeCounts, MaxScrape)
	for name, f := range map[string]func(){
		"ParseHeader":                   func() { ParseHeader(connect) },
		"ParseAnnounce":                 func() { ParseAnnounce(announce, &req) },
		"ParseAnnounce with a long URL": func() { ParseAnnounce(keyed, &req) },
		"ParseAnnounce short":           func() { ParseAnnounce(announce[:97], &req) },
		"ParseScrape":                   func() { ParseScrape(scrape, hashes) },
		"ParseScrape short":             func() { ParseScrape(scrape[:35], hashes) },
		"AppendURLData":                 func() { AppendURLData(room, announce[AnnounceSize:]) },
		"AppendConnectReply":            func() { AppendConnectReply(room, 1, 2) },
		"PutAnnounceHeader":             func() { PutAnnounceHeader(room[:AnnounceHeader], 1, &res) },
		"AppendScrapeReply":             func() { AppendScrapeReply(room, 1, counts) },
		"AppendError":                   func() { AppendError(room, 1, shoal.PacketShort.Error()) },
		"AppendConnect":                 func() { AppendConnect(room, 1) },
		"AppendAnnounce":                func() { AppendAnnounce(room, 1, 2, &req, 3, "/announce?key=value") },
		"AppendScrape":                  func() { AppendScrape(room, 1, 2, hashes[:2]) },
		"ParseAnnounceReply":            func() { res, _ = ParseAnnounceReply(reply4, goldenTransaction, false) },
		"ParseScrapeReply":              func() { _, _ = ParseScrapeReply(scrapeReply, goldenTransaction, counts[:0]) },
		"wrong transaction":             func() { _, _ = ParseConnectReply(connect, 1) },
	} {
		if allocs := testing.AllocsPerRun(100, f); allocs != 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}

//go:build !race

package webtorrent

import (
	"testing"

	"github.com/shoal-tracker/shoal"
)

func TestServerSideAllocatesNothing(t *testing.T) {
	announce := testAnnounce()
	var messages [][]byte
	for _, message := range corpus(t, "FuzzParse") {
		messages = append(messages, []byte(message))
	}
	var req shoal.AnnounceRequest
	m := Message{Offers: make([]Offer, 0, MaxOffers), Hashes: make([]shoal.InfoHash, 0, MaxScrape)}
	hashes := make([]shoal.InfoHash, MaxScrape)
	counts := make([]shoal.ScrapeCounts, MaxScrape)
	sdp := testSDP(0)
	buf := make([]byte, 64<<10)

	for _, test := range []struct {
		name string
		run  func()
	}{
		{"Parse of an announce", func() { Parse(announce, &req, &m) }},
		{"Parse of the corpus", func() {
			for _, message := range messages {
				Parse(message, &req, &m)
			}
		}},
		{"AppendAnnounceReply", func() { AppendAnnounceReply(buf[:0], Text(testHashText), &shoal.AnnounceResponse{Interval: 120}) }},
		{"AppendOffer", func() { AppendOffer(buf[:0], &testHash, Text(testPeerText), Text(testIDText), sdp) }},
		{"AppendAnswer", func() { AppendAnswer(buf[:0], &testHash, Text(testPeerText), Text(testIDText), sdp) }},
		{"AppendScrapeReply", func() { AppendScrapeReply(buf[:0], hashes, counts, 900) }},
		{"AppendFailure", func() { AppendFailure(buf[:0], KindAnnounce, Text(testHashText), shoal.ClientDenied) }},
		{"AppendFailure for a time", func() { AppendFailure(buf[:0], KindAnnounce, Text(testHashText), shoal.KeyExpired) }},
		{"AppendFailure of an unknown one", func() { AppendFailure(buf[:0], KindUnknown, nil, 255) }},
		{"AppendText", func() { AppendText(buf[:0], testHash[:]) }},
	} {
		if allocs := testing.AllocsPerRun(100, test.run); allocs != 0 {
			t.Errorf("%s: %v allocations, want none", test.name, allocs)
		}
	}
}

// A Message that starts out empty gets its memory once.
func TestMessageKeepsItsMemory(t *testing.T) {
	var req shoal.AnnounceRequest
	var m Message
	scrape := AppendScrape(nil, make([]shoal.InfoHash, MaxScrape))
	announce := testAnnounce()
	if allocs := testing.AllocsPerRun(10, func() {
		Parse(announce, &req, &m)
		Parse(scrape, &req, &m)
		Parse(nil, &req, &m)
	}); allocs != 0 {
		t.Errorf("%v allocations, want none after the first run", allocs)
	}
}

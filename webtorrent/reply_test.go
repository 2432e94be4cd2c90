package webtorrent

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shoal-tracker/shoal"
)

func TestParseReply(t *testing.T) {
	const announce = `{"action":"announce","info_hash":` + testHashText
	sdp := Raw(`{"type":"answer","sdp":"v=0\r\n"}`)
	for _, test := range []struct {
		name, message string
		want          Reply
	}{
		{
			"announce", announce + `,"interval":120,"min interval":60,"complete":3,"incomplete":4}`,
			Reply{Kind: KindAnnounce, InfoHash: testHash, Interval: 120, MinInterval: 60, Complete: 3, Incomplete: 4},
		},
		{"announce of nothing", announce + `}`, Reply{Kind: KindAnnounce, InfoHash: testHash}},
		{
			"odd numbers", announce + `,"interval":99999999999,"min interval":-1,"complete":1.5,"incomplete":"7"}`,
			Reply{Kind: KindAnnounce, InfoHash: testHash, Interval: 4294967295, Incomplete: 7},
		},
		{"a warning", announce + `,"warning message":"a\u0062\ud83d\ude00\ud83d\n"}`, Reply{Kind: KindAnnounce, InfoHash: testHash, Warning: "ab😀\ufffd\n"}},
		{
			"offer", announce + `,"offer":` + string(sdp) + `,"answer":null,"peer_id":` + testOtherText + `,"offer_id":` + testIDText + `}`,
			Reply{Kind: KindOffer, InfoHash: testHash, PeerID: testOther, OfferID: testID, SDP: sdp},
		},
		{
			"answer", announce + `,"offer":null,"answer":` + string(sdp) + `,"peer_id":` + testOtherText + `,"offer_id":` + testIDText + `}`,
			Reply{Kind: KindAnswer, InfoHash: testHash, PeerID: testOther, OfferID: testID, SDP: sdp},
		},
		{
			"scrape", `{"action":"scrape","files":{"` + testHashHex + `":{"complete":1,"incomplete":2,"downloaded":3,"name":"x"},"bbbbbbbbbbbbbbbbbbbb":{}},"flags":{"min_request_interv\u0061l":900}}`,
			Reply{Kind: KindScrape, MinInterval: 900, Files: []File{
				{testHash, shoal.ScrapeCounts{Complete: 1, Incomplete: 2, Downloaded: 3}},
				{shoal.InfoHash([]byte("bbbbbbbbbbbbbbbbbbbb")), shoal.ScrapeCounts{}},
			}},
		},
		{"scrape of nothing", `{"action":"scrape","files":null,"flags":7}`, Reply{Kind: KindScrape}},
		{"failure", `{"failure reason":"no","info_hash":` + testHashText + `}`, Reply{Kind: KindFailure, Reason: "no", InfoHash: testHash}},
		{
			"failure of an announce", announce + `,"failure reason":"later","retry in":5,"interval":7}`,
			Reply{Kind: KindFailure, Reason: "later", RetryIn: "5", InfoHash: testHash},
		},
		{"failure for ever", `{"failure reason":"","retry in":"never","info_hash":5}`, Reply{Kind: KindFailure, RetryIn: "never"}},
		{"failure with a long info hash", `{"failure reason":"no","info_hash":"aaaaaaaaaaaaaaaaaaaaa"}`, Reply{Kind: KindFailure, Reason: "no"}},
		{"failure without words", `{"failure reason":{"code":5}}`, Reply{Kind: KindFailure, Reason: `{"code":5}`}},
		{"something else", `{"action":"keepalive"}`, Reply{}},
		{"nothing", `{}`, Reply{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := staleReply()
			if err := ParseReply([]byte(test.message), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, compare); diff != "" {
				t.Error("wanted -, got +:\n" + diff)
			}
			checkReply(t, []byte(test.message))
		})
	}
}

func TestParseReplyErrors(t *testing.T) {
	const (
		announce = `{"action":"announce","info_hash":` + testHashText
		offer    = announce + `,"offer":{},"peer_id":` + testOtherText
	)
	for _, test := range []struct{ message, want string }{
		{``, "must be one JSON object"},
		{`[]`, "must be one JSON object"},
		{announce, "must be one JSON object"},
		{announce + `}}`, "must be one JSON object"},
		{`{"action":"announce"}`, `info_hash ""`},
		{`{"action":"announce","info_hash":7}`, `info_hash "7"`},
		{announce + `,"offer":{},"offer_id":` + testIDText + `}`, "peer_id"},
		{offer + `}`, "offer_id"},
		{offer + `,"offer_id":"short"}`, `offer_id "\"short\""`},
		{offer + `,"offer_id":` + testIDText + `,"offer":[1]}`, `offer "[1]": it must be a JSON object`},
		{announce + `,"answer":"` + strings.Repeat("\\u001b", 99) + `","peer_id":` + testOtherText + `,"offer_id":` + testIDText + `}`, `answer "\"\\u001b`},
		{`{"action":"scrape","files":[]}`, "files"},
		{`{"action":"scrape","files":{"short":{}}}`, `files, "\"short\""`},
		{`{"action":"scrape","files":{"` + testHashHex + `":1}}`, "files, " + testHashHex},
	} {
		var r Reply
		err := ParseReply([]byte(test.message), &r)
		if err == nil || !strings.Contains(err.Error(), test.want) || len(err.Error()) > 300 {
			t.Errorf("%s: %v, want an error with %q", test.message, err, test.want)
		}
		checkReply(t, []byte(test.message))
	}
}

// A client uses its Reply again; what it held of the message before must not
// stay.
func TestReplyKeepsItsMemory(t *testing.T) {
	var r Reply
	message := AppendScrapeReply(nil, make([]shoal.InfoHash, 9), make([]shoal.ScrapeCounts, 9), 1)
	if err := ParseReply(message, &r); err != nil || len(r.Files) != 9 {
		t.Fatal(len(r.Files), err)
	}
	first := &r.Files[0]
	if err := ParseReply(message, &r); err != nil || len(r.Files) != 9 || &r.Files[0] != first {
		t.Errorf("%d files, %v", len(r.Files), err)
	}
}

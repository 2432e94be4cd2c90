package webtorrent

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/shoal-tracker/shoal"
)

func TestAppendText(t *testing.T) {
	for _, test := range []struct {
		name string
		in   []byte
		want string
	}{
		{"nothing", nil, `""`},
		{"info hash", testHash[:], testHashText},
		{"peer ID", testPeer[:], testPeerText},
		{"high bytes", testOther[:], testOtherText},
		{"control characters", []byte("\x00\x01\x07\x08\t\n\x0b\x0c\r\x0e\x1f"), `"\u0000\u0001\u0007\b\t\n\u000b\f\r\u000e\u001f"`},
		{"HTML and slashes", []byte("</&>"), `"</&>"`},
		{"UTF-8 is bytes too", []byte("é"), "\"\u00c3\u00a9\""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := string(AppendText([]byte("before "), test.in)); got != "before "+test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

// The messages of both sides, whole.
func TestGolden(t *testing.T) {
	req := shoal.AnnounceRequest{
		InfoHash: testHash, PeerID: testPeer, Uploaded: 1, Downloaded: 2, Left: 3, NumWant: 4, Event: shoal.EventCompleted,
	}
	short := shoal.AnnounceRequest{InfoHash: testHash, PeerID: testPeer, Left: shoal.LeftUnknown, NumWant: shoal.NumWantDefault}
	sdp := Raw(`{"type":"offer","sdp":"v=0\r\n"}`)
	hashes := []shoal.InfoHash{testHash, shoal.InfoHash([]byte("bbbbbbbbbbbbbbbbbbbb"))}
	const sender = `{"action":"announce","info_hash":` + testHashText
	for _, test := range []struct {
		name string
		got  []byte
		want string
	}{
		{
			"announce", AppendAnnounce(nil, &req, []Offer{{ID: testID, SDP: sdp}, {ID: testID, SDP: Raw(`{}`)}}),
			sender + `,"peer_id":` + testPeerText + `,"uploaded":1,"downloaded":2,"left":3,"numwant":4,"event":"completed","offers":[` +
				`{"offer":{"type":"offer","sdp":"v=0\r\n"},"offer_id":` + testIDText + `},{"offer":{},"offer_id":` + testIDText + `}]}`,
		},
		{"short announce", AppendAnnounce(nil, &short, nil), sender + `,"peer_id":` + testPeerText + `,"uploaded":0,"downloaded":0}`},
		{
			"answer to", AppendAnswerTo(nil, &req, testOther, testID, sdp),
			sender + `,"peer_id":` + testPeerText + `,"to_peer_id":` + testOtherText + `,"offer_id":` + testIDText + `,"answer":{"type":"offer","sdp":"v=0\r\n"}}`,
		},
		{"scrape", AppendScrape(nil, hashes), `{"action":"scrape","info_hash":[` + testHashText + `,"bbbbbbbbbbbbbbbbbbbb"]}`},
		{"scrape of none", AppendScrape(nil, nil), `{"action":"scrape","info_hash":[]}`},
		{
			"announce reply", AppendAnnounceReply(nil, Text(testHashText), &shoal.AnnounceResponse{Interval: 120, MinInterval: 9, Complete: 4294967295, Incomplete: 0}),
			sender + `,"interval":120,"complete":4294967295,"incomplete":0}`,
		},
		{
			"announce reply in the client's spelling", AppendAnnounceReply(nil, Text(`"`+testHashHex+`"`), &shoal.AnnounceResponse{Interval: 120}),
			`{"action":"announce","info_hash":"` + testHashHex + `","interval":120,"complete":0,"incomplete":0}`,
		},
		{
			"offer", AppendOffer(nil, &testHash, Text(testOtherText), Text(testIDText), sdp),
			sender + `,"peer_id":` + testOtherText + `,"offer_id":` + testIDText + `,"offer":{"type":"offer","sdp":"v=0\r\n"}}`,
		},
		{
			"answer", AppendAnswer(nil, &testHash, Text(testOtherText), Text(testIDText), sdp),
			sender + `,"peer_id":` + testOtherText + `,"offer_id":` + testIDText + `,"answer":{"type":"offer","sdp":"v=0\r\n"}}`,
		},
		{
			"scrape reply", AppendScrapeReply(nil, hashes, []shoal.ScrapeCounts{{Complete: 1, Downloaded: 2, Incomplete: 3}, {}}, 900),
			`{"action":"scrape","files":{` + testHashText + `:{"complete":1,"incomplete":3,"downloaded":2},` +
				`"bbbbbbbbbbbbbbbbbbbb":{"complete":0,"incomplete":0,"downloaded":0}},"flags":{"min_request_interval":900}}`,
		},
		{"scrape reply of none", AppendScrapeReply(nil, nil, nil, 0), `{"action":"scrape","files":{},"flags":{"min_request_interval":0}}`},
		{
			"failure", AppendFailure(nil, KindAnswer, Text(testHashText), shoal.MessagePeerID),
			`{"failure reason":"peer_id must be 20 characters up to U+00FF or 40 hexadecimal digits","action":"announce","info_hash":` + testHashText + `}`,
		},
		{
			"failure for ever", AppendFailure(nil, KindAnnounce, nil, shoal.ClientDenied),
			`{"failure reason":"this client is not allowed on this tracker","action":"announce","retry in":"never"}`,
		},
		{
			"failure for a time", AppendFailure(nil, KindAnnounce, nil, shoal.KeyExpired),
			`{"failure reason":"this key has expired","action":"announce","retry in":"60"}`,
		},
		{
			"failure of a scrape", AppendFailure(nil, KindScrape, nil, shoal.ScrapeTooMany),
			`{"failure reason":"too many torrents in one scrape: 255 at most","action":"scrape"}`,
		},
		{"failure of nothing known", AppendFailure(nil, KindUnknown, nil, 255), `{"failure reason":"unknown failure"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if string(test.got) != test.want {
				t.Errorf("\n got %s\nwant %s", test.got, test.want)
			}
			if !json.Valid(test.got) || !utf8.Valid(test.got) {
				t.Error("no valid JSON")
			}
		})
	}
}

func TestEveryFailureCanBeSent(t *testing.T) {
	for f := range shoal.Failure(255) {
		b := AppendFailure(nil, KindAnnounce, Text(testHashText), f)
		var r Reply
		if err := ParseReply(b, &r); err != nil || !json.Valid(b) {
			t.Fatalf("%s: %v", b, err)
		}
		retryIn := ""
		switch {
		case f.Never():
			retryIn = "never"
		case f.RetryIn() == 60:
			retryIn = "60"
		}
		if r.Kind != KindFailure || r.Reason != f.Error() || r.InfoHash != testHash || r.RetryIn != retryIn {
			t.Errorf("%q became %+v", f.Error(), r)
		}
	}
}

func TestScrapeReplyNeedsAllCounts(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a scrape reply with fewer counts than hashes was written")
		}
	}()
	AppendScrapeReply(nil, make([]shoal.InfoHash, 2), make([]shoal.ScrapeCounts, 1), 0)
}

package webtorrent

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/shoal-tracker/shoal"
)

// The hostile messages are as long as they may be; all must stay linear.
func BenchmarkParse(b *testing.B) {
	full := func(before, unit, behind string) []byte {
		n := (MaxMessage - len(before) - len(behind)) / len(unit)
		return []byte(before + strings.Repeat(unit, n) + behind)
	}
	answer := AppendAnswerTo(nil, &shoal.AnnounceRequest{InfoHash: testHash, PeerID: testPeer}, testOther, testID, testSDP(0))
	for _, test := range []struct {
		name    string
		message []byte
	}{
		{"announce", []byte(testSender + `,"left":0,"numwant":0,"event":"started","offers":[]}`)},
		{"five-offers", testAnnounce()},
		{"answer", answer},
		{"hostile-escapes", full(`{"a":"`, `\\`, `"}`)},
		{"hostile-hex-escapes", full(`{"a":"`, `\u00ff`, `"}`)},
		{"hostile-utf8", full(`{"a":"`, "日a", `"}`)},
		{"hostile-space", full(`{`, ` `, `}`)},
		{"hostile-lists", full(`{"a":[0`, `,[]`, `]}`)},
		{"hostile-keys", full(`{"a":0`, `,"":0`, `}`)},
		{"hostile-escaped-keys", full(`{"a":0`, `,"\u0061ctioN":0`, `}`)},
		{"hostile-infohash", full(`{"action":"announce","info_hash":"`, `\u00ff`, `"}`)},
		{"hostile-offers", full(testSender+`,"offers":[{}`, `,{"offer":{},"offer_id":"aaaaaaaaaaaaaaaaaaaa"}`, `]}`)},
		{"hostile-good-offers", full(testSender+`,"offers":[{"offer":{},"offer_id":"aaaaaaaaaaaaaaaaaaaa"}`, `,{"offer":{},"offer_id":"aaaaaaaaaaaaaaaaaaaa"}`, `]}`)},
	} {
		b.Run(test.name, func(b *testing.B) {
			var req shoal.AnnounceRequest
			var m Message
			b.SetBytes(int64(len(test.message)))
			b.ReportAllocs()
			for b.Loop() {
				Parse(test.message, &req, &m)
			}
		})
	}
}

// What the check alone costs encoding/json, to compare with.
func BenchmarkOracleValid(b *testing.B) {
	message := testAnnounce()
	b.SetBytes(int64(len(message)))
	for b.Loop() {
		if !json.Valid(message) || !utf8.Valid(message) {
			b.Fatal("the announce is not valid")
		}
	}
}

func BenchmarkAppendOffer(b *testing.B) {
	sdp := testSDP(0)
	buf := bytes.Repeat([]byte{0}, 4096)
	for b.Loop() {
		AppendOffer(buf[:0], &testHash, Text(testPeerText), Text(testIDText), sdp)
	}
}

func BenchmarkParseReply(b *testing.B) {
	message := AppendOffer(nil, &testHash, Text(testPeerText), Text(testIDText), testSDP(0))
	var r Reply
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	for b.Loop() {
		if err := ParseReply(message, &r); err != nil {
			b.Fatal(err)
		}
	}
}

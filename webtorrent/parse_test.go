package webtorrent

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/shoal-tracker/shoal"
)

var compare = cmp.Options{cmpopts.EquateComparable(netip.AddrPort{}, netip.Addr{}), cmpopts.EquateEmpty()}

func TestParseAnnounce(t *testing.T) {
	type request = shoal.AnnounceRequest
	sdp, id := Raw(`{"type":"offer","sdp":"v=0\r\n"}`), Text(testIDText)
	offer := `{"offer":` + string(sdp) + `,"offer_id":` + testIDText + `}`
	for _, test := range []struct {
		name    string
		message string
		change  func(*request, *Message) // from what the minimal message gives
	}{
		{"minimal", testSender + `}`, func(*request, *Message) {}},
		{
			"full", testSender + `,"uploaded":1,"downloaded":2,"left":3,"numwant":5,"event":"started","offers":[` + offer + `]}`,
			func(r *request, m *Message) {
				r.Uploaded, r.Downloaded, r.Left, r.NumWant, r.Event = 1, 2, 3, 5, shoal.EventStarted
				m.Offers = []Offer{{testID, id, sdp}}
			},
		},
		{
			"space everywhere", " {\t\"action\" :\r\n\"announce\" , \"info_hash\":" + testHashText + ",\"peer_id\":\n" + testPeerText +
				` , "left" : 0 , "offers" : [ { "offer" : ` + string(sdp) + ` , "offer_id" : ` + testIDText + " } ] } \n",
			func(r *request, m *Message) {
				r.Left = 0
				m.Offers = []Offer{{testID, id, sdp}}
			},
		},
		{"hexadecimal", `{"action":"announce","info_hash":"` + testHashHex + `","peer_id":"2D5348303030312d6162636465666768696a6b6c"}`, func(_ *request, m *Message) {
			m.InfoHashText, m.PeerIDText = Text(`"`+testHashHex+`"`), Text(`"2D5348303030312d6162636465666768696a6b6c"`)
		}},
		{"version 2 hash is cut", `{"action":"announce","info_hash":"` + testHashHex + strings.Repeat("Ab", 12) + `","peer_id":` + testPeerText + `}`, func(_ *request, m *Message) {
			m.InfoHashText = Text(`"` + testHashHex + strings.Repeat("Ab", 12) + `"`)
		}},
		{"all escaped", `{"\u0061ction":"ann\u006Func\u0065","info_has\u0068":` + testHashText + `,"peer_id":"-\u0053H0001\u002dabcdefghijkl","\u0065vent":"stopp\u0065d"}`, func(r *request, m *Message) {
			m.PeerIDText = Text(`"-\u0053H0001\u002dabcdefghijkl"`)
			r.Event = shoal.EventStopped
		}},
		{"null is absent", testSender + `,"answer":null,"offers":null,"to_peer_id":null,"offer_id":null,"left":null,"numwant":null,"event":null}`, func(*request, *Message) {}},
		{"the last counts", testSender + `,"left":1,"left":2,"offers":7,"offers":[` + offer + `],"answer":{},"answer":null,"event":"stopped","event":null}`, func(r *request, m *Message) {
			r.Left = 2
			m.Offers = []Offer{{testID, id, sdp}}
		}},
		{"the last offers count", testSender + `,"offers":[` + offer + `],"offers":[]}`, func(*request, *Message) {}},
		{"the last of an offer's fields count", testSender + `,"offers":[{"offer":1,"offer_id":2,"offer":` + string(sdp) + `,"offer_id":` + testIDText + `}]}`, func(_ *request, m *Message) {
			m.Offers = []Offer{{testID, id, sdp}}
		}},
		{"unknown fields", testSender + `,"trackerid":"x","corrupt":[1,{"left":0}],"Left":0,"":1,"left ":0,"\u006c\u0065\u0066\u0074s":0,"action\u0000":2}`, func(*request, *Message) {}},
		{"an offer has other fields", testSender + `,"offers":[{"a":[],"offer":` + string(sdp) + `,"offer_id":` + testIDText + `,"b":null}]}`, func(_ *request, m *Message) {
			m.Offers = []Offer{{testID, id, sdp}}
		}},
		{"what nearly looks like a browser's offer", testSender + `,"offers":[{"offer":{"type":"offer","sdp":"v=0","a":1},"offer_id":` + testIDText + `},{"offer":{"type":"offer","sdp":"v=0" },"offer_id":` + testIDText + `}]}`, func(_ *request, m *Message) {
			m.Offers = []Offer{{testID, id, Raw(`{"type":"offer","sdp":"v=0","a":1}`)}, {testID, id, Raw(`{"type":"offer","sdp":"v=0" }`)}}
		}},
		{"an empty object is an offer", testSender + `,"offers":[{"offer":{},"offer_id":` + testIDText + `}]}`, func(_ *request, m *Message) {
			m.Offers = []Offer{{testID, id, Raw(`{}`)}}
		}},
		{"an answer's fields without an answer", testSender + `,"to_peer_id":5,"offer_id":` + testIDText + `}`, func(*request, *Message) {}},
		{"offers of one who leaves", testSender + `,"event":"stopped","offers":[` + offer + `]}`, func(r *request, m *Message) {
			r.Event = shoal.EventStopped
			m.Offers = []Offer{{testID, id, sdp}}
		}},
		{"more offers than are read", testSender + `,"offers":[` + strings.Repeat(offer+",", MaxOffers) + offer + `]}`, func(_ *request, m *Message) {
			for range MaxOffers {
				m.Offers = append(m.Offers, Offer{testID, id, sdp})
			}
		}},
		{"completed", testSender + `,"event":"completed"}`, func(r *request, _ *Message) { r.Event = shoal.EventCompleted }},
		{"paused", testSender + `,"event":"paused"}`, func(r *request, _ *Message) { r.Event = shoal.EventPaused }},
		{"update", testSender + `,"event":"update"}`, func(*request, *Message) {}},
		{"empty event", testSender + `,"event":""}`, func(*request, *Message) {}},
		{"a number as event", testSender + `,"event":3}`, func(*request, *Message) {}},
		{"numbers as strings", testSender + `,"uploaded":"1","downloaded":"02","left":"0","numwant":"5"}`, func(r *request, _ *Message) {
			r.Uploaded, r.Downloaded, r.Left, r.NumWant = 1, 2, 0, 5
		}},
		{"numbers that make no sense", testSender + `,"uploaded":-1,"downloaded":1.5,"left":-5,"numwant":"all"}`, func(*request, *Message) {}},
		{"numbers that are objects", testSender + `,"uploaded":{},"downloaded":[1],"left":false,"numwant":true}`, func(*request, *Message) {}},
		{"numbers that are huge", testSender + `,"uploaded":18446744073709551616,"downloaded":18446744073709551614,"left":"99999999999999999999999","numwant":9999999999}`, func(r *request, _ *Message) {
			r.Uploaded, r.Downloaded, r.Left, r.NumWant = math.MaxUint64, math.MaxUint64-1, math.MaxUint64, math.MaxInt32
		}},
		{"numbers with a point", testSender + `,"uploaded":7.0,"downloaded":7.01,"left":0.00,"numwant":5.0e0}`, func(r *request, _ *Message) {
			r.Uploaded, r.Left = 7, 0
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := stale()
			want.InfoHash, want.PeerID, want.Claimed = testHash, testPeer, netip.Addr{}
			want.Uploaded, want.Downloaded, want.Left = 0, 0, shoal.LeftUnknown
			want.NumWant, want.Event = shoal.NumWantDefault, shoal.EventNone
			wantMessage := Message{Kind: KindAnnounce, InfoHashText: Text(testHashText), PeerIDText: Text(testPeerText)}
			test.change(&want, &wantMessage)

			got, message := stale(), staleMessage()
			if failure := Parse([]byte(test.message), &got, &message); failure != shoal.OK {
				t.Fatal(failure)
			}
			if diff := cmp.Diff(want, got, compare); diff != "" {
				t.Error("request, wanted -, got +:\n" + diff)
			}
			if diff := cmp.Diff(wantMessage, message, compare); diff != "" {
				t.Error("message, wanted -, got +:\n" + diff)
			}
		})
	}
}

func TestParseAnswer(t *testing.T) {
	const answer = `{"type":"answer","sdp":"v=0\r\n"}`
	want := Message{
		Kind: KindAnswer, InfoHashText: Text(testHashText), PeerIDText: Text(testPeerText),
		ToPeerID: testOther, OfferID: testID, OfferIDText: Text(testIDText), Answer: Raw(answer),
	}
	for name, more := range map[string]string{
		"plain":          ``,
		"null offers":    `,"offers":null`,
		"offers as well": `,"offers":[{"offer":{},"offer_id":` + testIDText + `}]`,
		"wrong offers":   `,"offers":[7]`,
	} {
		t.Run(name, func(t *testing.T) {
			req, got := stale(), staleMessage()
			b := []byte(testSender + `,"to_peer_id":` + testOtherText + `,"offer_id":` + testIDText + `,"answer":` + answer + more + `}`)
			if failure := Parse(b, &req, &got); failure != shoal.OK {
				t.Fatal(failure)
			}
			if diff := cmp.Diff(want, got, compare); diff != "" {
				t.Error("wanted -, got +:\n" + diff)
			}
			if req.InfoHash != testHash || req.PeerID != testPeer || req.Left != shoal.LeftUnknown || req.Link != stale().Link {
				t.Errorf("request %+v", req)
			}
		})
	}
}

func TestParseScrape(t *testing.T) {
	other := shoal.InfoHash([]byte("bbbbbbbbbbbbbbbbbbbb"))
	for _, test := range []struct {
		name, infoHash string
		want           []shoal.InfoHash
		text           string
	}{
		{"one", testHashText, []shoal.InfoHash{testHash}, testHashText},
		{"a list of one", `[` + testHashText + `]`, []shoal.InfoHash{testHash}, ""},
		{"a list", "[ \"bbbbbbbbbbbbbbbbbbbb\"\n,\"" + testHashHex + `" ,` + testHashText + `]`, []shoal.InfoHash{other, testHash, testHash}, ""},
		{"as many as may be", `["bbbbbbbbbbbbbbbbbbbb"` + strings.Repeat(`,"bbbbbbbbbbbbbbbbbbbb"`, MaxScrape-1) + `]`, slices.Repeat([]shoal.InfoHash{other}, MaxScrape), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			req, got := stale(), staleMessage()
			if failure := Parse([]byte(`{"info_hash":`+test.infoHash+`,"action":"scrape","offers":[{}],"answer":{}}`), &req, &got); failure != shoal.OK {
				t.Fatal(failure)
			}
			want := Message{Kind: KindScrape, Hashes: test.want}
			if test.text != "" {
				want.InfoHashText = Text(test.text)
			}
			if diff := cmp.Diff(want, got, compare); diff != "" {
				t.Error("wanted -, got +:\n" + diff)
			}
		})
	}
}

func TestParseFailures(t *testing.T) {
	const (
		announce = `{"action":"announce",`
		sender   = testSender + `,`
		answer   = sender + `"answer":{},`
		hash     = `"info_hash":` + testHashText
		offer    = `{"offer":{},"offer_id":` + testIDText + `}`
	)
	large := func(n int) string { return `{"sdp":"` + strings.Repeat("x", n-len(`{"sdp":""}`)) + `"}` }
	for _, test := range []struct {
		name, message string
		want          shoal.Failure
		kind          Kind
		known         bool // the info hash
	}{
		{"nothing", ``, shoal.MessageInvalid, 0, false},
		{"space", ` `, shoal.MessageInvalid, 0, false},
		{"null", `null`, shoal.MessageInvalid, 0, false},
		{"a string", `"action"`, shoal.MessageInvalid, 0, false},
		{"a list", `[` + testSender + `}]`, shoal.MessageInvalid, 0, false},
		{"two objects", testSender + `}{}`, shoal.MessageInvalid, 0, false},
		{"not closed", testSender, shoal.MessageInvalid, 0, false},
		{"comma at the end", testSender + `,}`, shoal.MessageInvalid, 0, false},
		{"no quotes", `{action:"announce"}`, shoal.MessageInvalid, 0, false},
		{"byte order mark", "\ufeff" + testSender + `}`, shoal.MessageInvalid, 0, false},
		{"Latin-1", testSender + ",\"x\":\"\xe9\"}", shoal.MessageInvalid, 0, false},
		{"control character", sender + "\"x\":\"\n\"}", shoal.MessageInvalid, 0, false},
		{"broken offers", sender + `"offers":[{]}`, shoal.MessageInvalid, 0, false},
		{"broken offer", sender + `"offers":[` + offer + `,0x1]}`, shoal.MessageInvalid, 0, false},
		{"broken value of offers", sender + `"offers":tru}`, shoal.MessageInvalid, 0, false},
		{"no value of offers", sender + `"offers":}`, shoal.MessageInvalid, 0, false},
		{"broken beyond the last offer read", sender + `"offers":[` + strings.Repeat(offer+",", MaxOffers) + `{"offer":{"a":01}}]}`, shoal.MessageInvalid, 0, false},
		{"too long", testSender + strings.Repeat(" ", MaxMessage-len(testSender)) + `}`, shoal.MessageInvalid, 0, false},

		{"no action", `{` + hash + `,"peer_id":` + testPeerText + `}`, shoal.ActionInvalid, 0, true},
		{"unknown action", `{"action":"connect",` + hash + `}`, shoal.ActionInvalid, 0, true},
		{"action in capitals", `{"action":"Announce",` + hash + `}`, shoal.ActionInvalid, 0, true},
		{"an event as action", `{"action":"started",` + hash + `}`, shoal.ActionInvalid, 0, true},
		{"a number as action", `{"action":1}`, shoal.ActionInvalid, 0, false},
		{"null as action", testSender + `,"action":null}`, shoal.ActionInvalid, 0, true},

		{"no info hash", announce + `"peer_id":` + testPeerText + `}`, shoal.InfoHashMissing, KindAnnounce, false},
		{"null as info hash", announce + `"info_hash":null}`, shoal.InfoHashMissing, KindAnnounce, false},
		{"a C3 behind a C3", announce + `"info_hash":"` + strings.Repeat("a", 18) + "\xc3\xc3\xa9" + `"}`, shoal.MessageInvalid, 0, false},
		{"an escape behind a C3", announce + `"info_hash":"` + strings.Repeat("a", 18) + "\xc3" + `\u00e9a"}`, shoal.MessageInvalid, 0, false},
		{"a quote behind a C3", announce + `"info_hash":"` + strings.Repeat("a", 19) + "\xc3" + `"}`, shoal.MessageInvalid, 0, false},
		{"a lone continuation", announce + `"info_hash":"` + strings.Repeat("a", 19) + "\xa9" + `"}`, shoal.MessageInvalid, 0, false},
		{"a number as info hash", announce + `"info_hash":5}`, shoal.MessageInfoHash, KindAnnounce, false},
		{"a list as info hash", announce + `"info_hash":[` + testHashText + `]}`, shoal.MessageInfoHash, KindAnnounce, false},
		{"empty info hash", announce + `"info_hash":""}`, shoal.MessageInfoHash, KindAnnounce, false},
		{"19 characters", announce + `"info_hash":"aaaaaaaaaaaaaaaaaaa"}`, shoal.MessageInfoHash, KindAnnounce, false},
		{"21 characters", announce + `"info_hash":"aaaaaaaaaaaaaaaaaaaaa"}`, shoal.MessageInfoHash, KindAnnounce, false},
		{"20 bytes, fewer characters", announce + `"info_hash":"aaaaaaaaaaaaaaaaaaé"}`, shoal.MessageInfoHash, KindAnnounce, false},
		{"20 escaped characters, one too many", announce + `"info_hash":"` + strings.Repeat(`\u00ff`, 21) + `"}`, shoal.MessageInfoHash, KindAnnounce, false},
		{"a character beyond U+00FF", announce + `"info_hash":"aaaaaaaaaaaaaaaaaaaĀ"}`, shoal.MessageInfoHash, KindAnnounce, false},
		{"an escape beyond U+00FF", announce + `"info_hash":"aaaaaaaaaaaaaaaaaaa\u0100"}`, shoal.MessageInfoHash, KindAnnounce, false},
		{"half a pair", announce + `"info_hash":"aaaaaaaaaaaaaaaaaaa\ud800"}`, shoal.MessageInfoHash, KindAnnounce, false},
		{"a pair", announce + `"info_hash":"aaaaaaaaaaaaaaaaaaa\ud83d\ude00"}`, shoal.MessageInfoHash, KindAnnounce, false},
		{"40 other digits", announce + `"info_hash":"` + testHashHex[:39] + `g"}`, shoal.MessageInfoHash, KindAnnounce, false},
		{"64 other digits", announce + `"info_hash":"` + testHashHex + strings.Repeat("z", 24) + `"}`, shoal.MessageInfoHash, KindAnnounce, false},
		{"32 characters", announce + `"info_hash":"` + strings.Repeat("a", 32) + `"}`, shoal.MessageInfoHash, KindAnnounce, false},
		{"65 characters", announce + `"info_hash":"` + strings.Repeat("a", 65) + `"}`, shoal.MessageInfoHash, KindAnnounce, false},

		{"no peer ID", announce + hash + `}`, shoal.PeerIDMissing, KindAnnounce, true},
		{"short peer ID", announce + hash + `,"peer_id":"-SH"}`, shoal.MessagePeerID, KindAnnounce, true},
		{"peer ID of 64 digits", announce + hash + `,"peer_id":"` + testHashHex + strings.Repeat("0", 24) + `"}`, shoal.MessagePeerID, KindAnnounce, true},

		{"offers that are no list", sender + `"offers":{}}`, shoal.OffersInvalid, KindAnnounce, true},
		{"an offer that is no object", sender + `"offers":[` + offer + `,"x"]}`, shoal.OffersInvalid, KindAnnounce, true},
		{"an offer that is null", sender + `"offers":[null]}`, shoal.OffersInvalid, KindAnnounce, true},
		{"an offer without SDP", sender + `"offers":[{"offer_id":` + testIDText + `}]}`, shoal.OffersInvalid, KindAnnounce, true},
		{"SDP that is a string", sender + `"offers":[{"offer":"v=0","offer_id":` + testIDText + `}]}`, shoal.OffersInvalid, KindAnnounce, true},
		{"SDP that is null", sender + `"offers":[{"offer":{},"offer":null,"offer_id":` + testIDText + `}]}`, shoal.OffersInvalid, KindAnnounce, true},
		{"an offer without ID", sender + `"offers":[{"offer":{}}]}`, shoal.MessageOfferID, KindAnnounce, true},
		{"an offer with a number as ID", sender + `"offers":[{"offer":{},"offer_id":1}]}`, shoal.MessageOfferID, KindAnnounce, true},
		{"the last ID of an offer counts", sender + `"offers":[{"offer":{},"offer_id":` + testIDText + `,"offer_id":1}]}`, shoal.MessageOfferID, KindAnnounce, true},
		{"the last info hash counts", sender + hash + `,"info_hash":"short"}`, shoal.MessageInfoHash, KindAnnounce, false},
		{"the last peer ID counts", sender + `"peer_id":null}`, shoal.PeerIDMissing, KindAnnounce, true},
		{"the first wrong offer counts", sender + `"offers":[` + offer + `,{"offer":{}},7]}`, shoal.MessageOfferID, KindAnnounce, true},
		{"wrong beyond the last offer read", sender + `"offers":[` + strings.Repeat(offer+",", MaxOffers) + `7]}`, shoal.OffersInvalid, KindAnnounce, true},
		{"large offer", sender + `"offers":[{"offer":` + large(MaxSDP+1) + `,"offer_id":` + testIDText + `}]}`, shoal.SDPTooLarge, KindAnnounce, true},
		{"offer that just fits", sender + `"offers":[{"offer":` + large(MaxSDP) + `,"offer_id":` + testIDText + `}]}`, shoal.OK, KindAnnounce, true},

		{"answer to nobody", answer + `"offer_id":` + testIDText + `}`, shoal.MessageToPeerID, KindAnswer, true},
		{"answer to a number", answer + `"to_peer_id":7,"offer_id":` + testIDText + `}`, shoal.MessageToPeerID, KindAnswer, true},
		{"answer to no offer", answer + `"to_peer_id":` + testOtherText + `}`, shoal.MessageOfferID, KindAnswer, true},
		{"answer that is a string", answer + `"to_peer_id":` + testOtherText + `,"offer_id":` + testIDText + `,"answer":"x"}`, shoal.OffersInvalid, KindAnswer, true},
		{"large answer", answer + `"to_peer_id":` + testOtherText + `,"offer_id":` + testIDText + `,"answer":` + large(MaxSDP+1) + `}`, shoal.SDPTooLarge, KindAnswer, true},
		{"answer without info hash", announce + `"answer":{}}`, shoal.InfoHashMissing, KindAnswer, false},

		{"scrape of all", `{"action":"scrape"}`, shoal.ScrapeAll, KindScrape, false},
		{"scrape of null", `{"action":"scrape","info_hash":null}`, shoal.ScrapeAll, KindScrape, false},
		{"scrape of none", `{"action":"scrape","info_hash":[ ]}`, shoal.ScrapeAll, KindScrape, false},
		{"scrape of a number", `{"action":"scrape","info_hash":5}`, shoal.MessageInfoHash, KindScrape, false},
		{"scrape of an object", `{"action":"scrape","info_hash":{}}`, shoal.MessageInfoHash, KindScrape, false},
		{"scrape of a short hash", `{"action":"scrape","info_hash":"abc"}`, shoal.MessageInfoHash, KindScrape, false},
		{"scrape of a list in a list", `{"action":"scrape","info_hash":[` + testHashText + `,[` + testHashText + `]]}`, shoal.MessageInfoHash, KindScrape, false},
		{"scrape of too many", `{"action":"scrape","info_hash":[` + strings.Repeat(testHashText+",", MaxScrape) + testHashText + `]}`, shoal.ScrapeTooMany, KindScrape, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			req, m := stale(), staleMessage()
			if got := Parse([]byte(test.message), &req, &m); got != test.want {
				t.Errorf("%q, want %q", got.Error(), test.want.Error())
			}
			want := ""
			if test.known {
				want = testHashText
			}
			if m.Kind != test.kind || string(m.InfoHashText) != want {
				t.Errorf("understood %v of %s, want %v of %q", m.Kind, m.InfoHashText, test.kind, want)
			}
		})
	}
}

// Every prefix of a message is refused, and changing, doubling or leaving out
// any one byte has the result that encoding/json gives it.
func TestParseMangled(t *testing.T) {
	messages := []string{
		testSender + `,"left":10,"event":"started","numwant":"5","offers":[{"offer":{"sdp":"\r\n"},"offer_id":"abcdefghij\u006blmnopqrst"}]}`,
		testSender + `,"to_peer_id":` + testOtherText + `,"offer_id":"` + testHashHex + `","answer":{"a":[-1.5e+3,true,false,null,"\u00e9"]}}`,
		`{"action":"scrape","info_hash":["` + testHashHex + `",` + testHashText + `]}`,
	}
	for i, message := range messages {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			checkParse(t, []byte(message))
			for n := range len(message) {
				var req shoal.AnnounceRequest
				var m Message
				if failure := Parse([]byte(message[:n]), &req, &m); failure != shoal.MessageInvalid {
					t.Fatalf("%s: %q", message[:n], failure.Error())
				}
				checkParse(t, []byte(message[:n]+message[n+1:]))
				checkParse(t, []byte(message[:n+1]+message[n:]))
				// Three others in its place, which are different ones next to it.
				const others = "{]\",\\1\n\xc3}[: "
				for i := range 3 {
					checkParse(t, []byte(message[:n]+others[(n+5*i)%len(others):][:1]+message[n+1:]))
				}
			}
		})
	}
}

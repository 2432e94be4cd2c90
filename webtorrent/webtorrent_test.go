package webtorrent

import (
	"crypto/sha1"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal"
)

// The 20 bytes of the tests have one of each sort: what must be escaped, with a
// letter and without, what may stand for itself, and what takes two bytes.
var (
	testHash  = shoal.InfoHash([]byte("\x00\x1f\"\\\n/ a~\x7f\x80\x9f\xa0\xbf\xc0\xe9\xff234"))
	testPeer  = shoal.PeerID([]byte("-SH0001-abcdefghijkl"))
	testOther = shoal.PeerID([]byte("-OT0001-\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7\xf6\xf5\xf4"))
	testID    = OfferID([]byte("offer \x01\x02\x03\x04\x05\x06\x07\xa8\xa9\xaa\xab\xac\xad\xae"))
)

// The same as JSON.stringify writes them.
const (
	testHashText  = `"\u0000\u001f\"\\\n/ a~` + "\x7f\u0080\u009f\u00a0\u00bf\u00c0\u00e9\u00ff" + `234"`
	testPeerText  = `"-SH0001-abcdefghijkl"`
	testOtherText = `"-OT0001-` + "\u00ff\u00fe\u00fd\u00fc\u00fb\u00fa\u00f9\u00f8\u00f7\u00f6\u00f5\u00f4" + `"`
	testIDText    = `"offer \u0001\u0002\u0003\u0004\u0005\u0006\u0007` + "\u00a8\u00a9\u00aa\u00ab\u00ac\u00ad\u00ae" + `"`
	testHashHex   = "001f225c0a2f20617e7f809fa0bfc0e9ff323334"
)

// A message's beginning, to which a test adds what it is about.
const testSender = `{"action":"announce","info_hash":` + testHashText + `,"peer_id":` + testPeerText

// stale is a request with something in every field, as the one before left it.
func stale() shoal.AnnounceRequest {
	return shoal.AnnounceRequest{
		InfoHash: shoal.InfoHash{1}, PeerID: shoal.PeerID{2}, Addr: netip.MustParseAddrPort("192.0.2.1:999"),
		Link: shoal.NewLink(1, 2, 3, 4), Uploaded: 3, Downloaded: 4, Left: 5, NumWant: 6,
		Event: shoal.EventStopped, Claimed: netip.MustParseAddr("192.0.2.2"), FromProxy: true,
	}
}

// staleMessage is the like of a message.
func staleMessage() Message {
	return Message{
		Kind: KindFailure, InfoHashText: Text(`"x"`), PeerIDText: Text(`"y"`),
		Offers:   []Offer{{ID: OfferID{1}, IDText: Text(`"z"`), SDP: Raw(`{}`)}},
		ToPeerID: shoal.PeerID{1}, OfferID: OfferID{2}, OfferIDText: Text(`"o"`), Answer: Raw(`{"a":1}`),
		Hashes: []shoal.InfoHash{{1}, {2}},
	}
}

// staleReply is the like of a reply.
func staleReply() Reply {
	return Reply{
		Kind: KindOffer, InfoHash: shoal.InfoHash{1}, PeerID: shoal.PeerID{2}, OfferID: OfferID{3}, SDP: Raw(`{}`),
		Interval: 1, MinInterval: 2, Complete: 3, Incomplete: 4, Files: []File{{}},
		Reason: "a", RetryIn: "b", Warning: "c",
	}
}

// testSDP is the offer of a browser that has gathered its candidates, of the
// length that is usual, and another for each i.
func testSDP(i int) Raw {
	lines := []string{
		"v=0", fmt.Sprintf("o=- %d 2 IN IP4 127.0.0.1", 3520713654821507219+int64(i)*7919), "s=-", "t=0 0",
		"a=group:BUNDLE 0", "a=extmap-allow-mixed", "a=msid-semantic: WMS",
		"m=application 51472 UDP/DTLS/SCTP webrtc-datachannel", "c=IN IP4 203.0.113.7",
	}
	for j := range 10 + i%2 {
		lines = append(lines, fmt.Sprintf("a=candidate:%d 1 udp %d 192.0.2.%d %d typ host generation 0 network-id %d",
			2795255774-uint32(i*j)*104729, 2122260223-j*256, i*10+j, 50000+i*100+j, j+1))
	}
	lines = append(lines, "a=ice-ufrag:"+strings.Repeat(string(rune('a'+i)), 4), "a=ice-pwd:"+strings.Repeat("kO9/", 6),
		"a=ice-options:trickle", "a=fingerprint:sha-256 "+strings.Repeat("4A:1F:", 15)+"0B:E2", "a=setup:actpass",
		"a=mid:0", "a=sctp-port:5000", "a=max-message-size:262144", "")
	sdp := append(Raw{}, `{"type":"offer","sdp":`...)
	return append(appendString(sdp, strings.Join(lines, "\r\n")), '}')
}

// testAnnounce is an announce of five offers, as a browser makes it. Its hash and
// IDs are any bytes, half of them beyond ASCII.
func testAnnounce() []byte {
	req := stale()
	req.InfoHash, req.PeerID, req.Event, req.NumWant = sha1.Sum([]byte("torrent")), testPeer, shoal.EventStarted, 5
	var offers []Offer
	for i := range 5 {
		offers = append(offers, Offer{ID: sha1.Sum([]byte{byte(i)}), SDP: testSDP(i)})
	}
	return AppendAnnounce(nil, &req, offers)
}

func TestAnnounceIsAsLongAsThoseOfBrowsers(t *testing.T) {
	if n := len(testAnnounce()); n < 7900 || n > 8500 {
		t.Errorf("the announce of the benchmarks has %d bytes, want about 8200", n)
	}
}

func TestKindString(t *testing.T) {
	for kind, want := range map[Kind]string{
		KindUnknown: "unknown", KindAnnounce: "announce", KindAnswer: "answer", KindScrape: "scrape",
		KindOffer: "offer", KindFailure: "failure", 99: "unknown",
	} {
		if got := kind.String(); got != want {
			t.Errorf("Kind(%d) is %q, want %q", kind, got, want)
		}
	}
}

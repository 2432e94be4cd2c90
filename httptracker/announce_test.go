package httptracker

import (
	"math"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/shoal-tracker/shoal"
)

var compareAddresses = cmpopts.EquateComparable(netip.AddrPort{}, netip.Addr{})

// stale is a request with something in every field, as the one before left it.
func stale() shoal.AnnounceRequest {
	return shoal.AnnounceRequest{
		InfoHash: shoal.InfoHash{1}, PeerID: shoal.PeerID{2}, Addr: netip.MustParseAddrPort("192.0.2.1:999"),
		Uploaded: 3, Downloaded: 4, Left: 5, NumWant: 6, Event: shoal.EventStopped,
		Claimed: netip.MustParseAddr("192.0.2.2"), FromProxy: true,
		AuthKey: shoal.AuthKey{7},
	}
}

func TestParseAnnounce(t *testing.T) {
	type request = shoal.AnnounceRequest
	for _, test := range []struct {
		name   string
		query  string
		change func(*request, *Form) // from what the minimal query gives
	}{
		{"minimal", testMinimal, func(*request, *Form) {}},
		{
			"full", testMinimal + "&uploaded=1&downloaded=2&left=3&numwant=50&event=started&compact=1&no_peer_id=1",
			func(r *request, f *Form) {
				r.Uploaded, r.Downloaded, r.Left, r.NumWant, r.Event = 1, 2, 3, 50, shoal.EventStarted
				f.NoPeerID = true
			},
		},
		{"in another order", "port=6881&left=0&peer_id=" + testPeerID + "&info_hash=" + testHash, func(r *request, _ *Form) { r.Left = 0 }},
		{"semicolons", strings.ReplaceAll(testMinimal, "&", ";") + ";left=7", func(r *request, _ *Form) { r.Left = 7 }},
		{"second query", "passkey=0123456789abcdef?" + testMinimal + "&left=7", func(r *request, _ *Form) {
			r.Left, r.AuthKey = 7, shoal.ParseAuthKey([]byte("0123456789abcdef"))
		}},
		{"second query at once", "?" + testMinimal, func(*request, *Form) {}},
		{"no equals signs", "&&a&" + testMinimal + "&left&", func(*request, *Form) {}},
		{"raw hash", "info_hash=\x124Vx\x9a\xbc\xde\xf1#Eg\x89\xab\xcd\xef\x124Vx\x9a&peer_id=" + testPeerID + "&port=6881", func(*request, *Form) {}},
		{
			"pluses and semicolons are bytes", "info_hash=++++++++++;;;;;;;;;;&peer_id=" + strings.Repeat("+", 20) + "&port=6881",
			func(r *request, _ *Form) {
				copy(r.InfoHash[:], "++++++++++;;;;;;;;;;")
				copy(r.PeerID[:], "++++++++++++++++++++")
			},
		},
		{
			"bad escapes are bytes", "info_hash=%zz%4%%41%g1234567890%&peer_id=" + testPeerID + "&port=6881",
			func(r *request, _ *Form) { copy(r.InfoHash[:], "%zz%4%A%g1234567890%") },
		},
		{
			"version 2 hash is cut", "info_hash=%01234567890123456789abcdefghijklm&peer_id=" + testPeerID + "&port=6881",
			func(r *request, _ *Form) { copy(r.InfoHash[:], "\x01234567890123456789a") },
		},
		{"first of each counts", testMinimal + "&info_hash=x&peer_id=y&port=z&left=1&left=2", func(r *request, _ *Form) { r.Left = 1 }},
		{"first of each counts, junk too", testMinimal + "&left=x&left=2", func(*request, *Form) {}},
		{"port 0", strings.Replace(testMinimal, "6881", "0", 1), func(r *request, _ *Form) { r.Addr = netip.MustParseAddrPort("192.0.2.1:0") }},
		{"port 65535", strings.Replace(testMinimal, "6881", "65535", 1), func(r *request, _ *Form) { r.Addr = netip.MustParseAddrPort("192.0.2.1:65535") }},
		{"junk in what is ignored", testMinimal + "&key=\xff\x00&trackerid=%&supportcrypto=x&localip=10.0.0.1", func(*request, *Form) {}},
		{"claims", testMinimal + "&ip=10.0.0.1&ipv4=10.0.0.2:1&ipv6=%5b::1%5d:1", claiming("10.0.0.1")},
		{"the first claim of the family counts", testMinimal + "&ipv6=2001:db8::1&ipv4=10.0.0.2%3a6881&ip=10.0.0.1", claiming("10.0.0.2")},
		{"the first of each name counts", testMinimal + "&ip=x&ip=10.0.0.1", func(*request, *Form) {}},
		{"junk before a claim", testMinimal + "&ip=example.org&ipv4=10.0.0.2", claiming("10.0.0.2")},
		{"a mapped claim", testMinimal + "&ip=::ffff:10.0.0.1", claiming("10.0.0.1")},
		{"an escaped claim", testMinimal + "&ip=%31%30.0.0.%31", claiming("10.0.0.1")},
		{"claims of the other family", testMinimal + "&ip=2001:db8::1&ipv6=%5B2001:db8::2%5D:6881", func(*request, *Form) {}},
		{"claims that are none", testMinimal + "&ip=&ipv4=10.0.0.256&ipv6=" + strings.Repeat("1", 65), func(*request, *Form) {}},
		{"negative numbers", testMinimal + "&uploaded=-1&downloaded=-1&left=-1&numwant=-1", func(*request, *Form) {}},
		{"junk numbers", testMinimal + "&uploaded=&downloaded=1.5&left=0x1&numwant=ten", func(*request, *Form) {}},
		{
			"huge numbers", testMinimal + "&uploaded=18446744073709551616&downloaded=18446744073709551615&left=9223372036854775807&numwant=99999999999999999999",
			func(r *request, _ *Form) {
				r.Uploaded, r.Downloaded, r.Left, r.NumWant = math.MaxUint64, math.MaxUint64, math.MaxInt64, math.MaxInt32
			},
		},
		{"numwant 0", testMinimal + "&numwant=0", func(r *request, _ *Form) { r.NumWant = 0 }},
		{"stopped", testMinimal + "&event=stopped", func(r *request, _ *Form) { r.Event = shoal.EventStopped }},
		{"completed", testMinimal + "&event=completed", func(r *request, _ *Form) { r.Event = shoal.EventCompleted }},
		{"paused", testMinimal + "&event=paused", func(r *request, _ *Form) { r.Event = shoal.EventPaused }},
		{"empty event", testMinimal + "&event=", func(*request, *Form) {}},
		{"unknown event", testMinimal + "&event=Started", func(*request, *Form) {}},
		{"dictionary", testMinimal + "&compact=0", func(_ *request, f *Form) { f.Dictionary = true }},
		{"odd compact", testMinimal + "&compact=00&no_peer_id=0", func(*request, *Form) {}},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := shoal.AnnounceRequest{
				InfoHash: testInfoHash, PeerID: shoal.PeerID([]byte(testPeerID)), Addr: netip.MustParseAddrPort("192.0.2.1:6881"),
				Left: shoal.LeftUnknown, NumWant: shoal.NumWantDefault, FromProxy: true,
			}
			wantForm := Form{}
			test.change(&want, &wantForm)

			got, form := stale(), Form{Dictionary: true, NoPeerID: true}
			if failure := ParseAnnounce([]byte(test.query), &got, &form); failure != shoal.OK {
				t.Fatalf("refused: %v", failure)
			}
			if diff := cmp.Diff(want, got, compareAddresses); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
			if form != wantForm {
				t.Errorf("form %+v, want %+v", form, wantForm)
			}
		})
	}
}

// claiming expects a claim to be at ip.
func claiming(ip string) func(*shoal.AnnounceRequest, *Form) {
	return func(r *shoal.AnnounceRequest, _ *Form) { r.Claimed = netip.MustParseAddr(ip) }
}

// A claim is of the family that the announce came over.
func TestParseAnnounceClaim6(t *testing.T) {
	for query, want := range map[string]string{
		"&ip=10.0.0.1&ipv4=10.0.0.2&ipv6=%5b2001:db8::1%5d:6881": "2001:db8::1",
		"&ip=2001:db8::2&ipv6=2001:db8::1":                       "2001:db8::2",
		"&ip=::ffff:10.0.0.1":                                    "invalid IP",
		"&ip=fe80::1%25eth0":                                     "invalid IP",
	} {
		req := shoal.AnnounceRequest{Addr: netip.MustParseAddrPort("[2001:db8::9]:1")}
		if f := ParseAnnounce([]byte(testMinimal+query), &req, new(Form)); f != shoal.OK || req.Claimed.String() != want {
			t.Errorf("%s: %v, claimed %v, want %v", query, f, req.Claimed, want)
		}
	}
}

func TestParseAnnounceRefuses(t *testing.T) {
	const hash, id, port = "info_hash=" + testHash, "&peer_id=" + testPeerID, "&port=6881"
	for _, test := range []struct {
		query string
		want  shoal.Failure
	}{
		{"", shoal.InfoHashMissing},
		{"info_hash&" + id + port, shoal.InfoHashMissing},
		{"INFO_HASH=" + testHash + id + port, shoal.InfoHashMissing},
		{"info_hash=" + id + port, shoal.InfoHashInvalid},
		{"info_hash=" + strings.Repeat("a", 19) + id + port, shoal.InfoHashInvalid},
		{"info_hash=" + strings.Repeat("a", 21) + id + port, shoal.InfoHashInvalid},
		{"info_hash=" + strings.Repeat("%aa", 31) + id + port, shoal.InfoHashInvalid},
		{"info_hash=" + strings.Repeat("%aa", 33) + id + port, shoal.InfoHashInvalid},
		{"info_hash=" + strings.Repeat("a", 40) + id + port, shoal.InfoHashInvalid},
		{"info_hash=x&" + hash + id + port, shoal.InfoHashInvalid},
		{hash + port, shoal.PeerIDMissing},
		{hash + "&peer_id=" + port, shoal.PeerIDInvalid},
		{hash + "&peer_id=" + strings.Repeat("a", 19) + port, shoal.PeerIDInvalid},
		{hash + "&peer_id=" + strings.Repeat("a", 21) + port, shoal.PeerIDInvalid},
		{hash + id, shoal.PortMissing},
		{hash + id + "&port=", shoal.PortInvalid},
		{hash + id + "&port=65536", shoal.PortInvalid},
		{hash + id + "&port=-1", shoal.PortInvalid},
		{hash + id + "&port=18446744073709551617", shoal.PortInvalid},
		{hash + id + "&port=6881x", shoal.PortInvalid},
		{"peer_id=x&port=y", shoal.InfoHashMissing},
		{hash + "&peer_id=x&port=y", shoal.PeerIDInvalid},
	} {
		req, form := stale(), Form{}
		if got := ParseAnnounce([]byte(test.query), &req, &form); got != test.want {
			t.Errorf("%q: %v, want %v", test.query, got, test.want)
		}
		if req.Addr.Addr() != stale().Addr.Addr() {
			t.Errorf("%q: the address became %v", test.query, req.Addr)
		}
	}
}

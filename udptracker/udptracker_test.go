package udptracker

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shoal-tracker/shoal"
)

// packet turns spaced hexadecimal digits into bytes.
func packet(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatalf("golden packet: %v", err)
	}
	return b
}

const (
	goldenConnect      = "00000417 27101980 00000000 0badcafe"
	goldenConnectReply = "00000000 0badcafe 11223344 55667788"
	goldenAnnounce     = "11223344 55667788 00000001 0badcafe" +
		" 000102030405060708090a0b0c0d0e0f10111213" +
		" 2d5348303130302d6162636465666768696a6b6c" +
		" 0000000000000400 0000000000001000 0000000000000200" +
		" 00000002 00000000 deadbeef 00000032 1ae1"
	goldenAnnounceReply4 = "00000001 0badcafe 00000708 00000003 00000005" +
		" c0000201 1ae1 cb007109 c8d5"
	goldenAnnounceReply6 = "00000001 0badcafe 00000708 00000003 00000005" +
		" 20010db8000000000000000000000001 1ae1"
	goldenScrape = "11223344 55667788 00000002 0badcafe" +
		" 000102030405060708090a0b0c0d0e0f10111213" +
		" ffffffffffffffffffffffffffffffffffffffff"
	goldenScrapeReply = "00000002 0badcafe 00000001 00000002 00000003 00000004 00000005 00000006"
	goldenError       = "00000003 0badcafe 676f2061776179"

	goldenTransaction  = 0x0badcafe
	goldenConnectionID = 0x1122334455667788
	goldenKey          = 0xdeadbeef
)

var (
	goldenHash = shoal.InfoHash{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19}
	allOnes    = shoal.InfoHash(bytes.Repeat([]byte{0xff}, HashSize))
	here       = netip.MustParseAddr("192.0.2.77")

	// byAddr and byIP let cmp look at addresses.
	byAddr = cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })
	byIP   = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
)

func goldenRequest() shoal.AnnounceRequest {
	return shoal.AnnounceRequest{
		InfoHash:   goldenHash,
		PeerID:     shoal.PeerID([]byte("-SH0100-abcdefghijkl")),
		Addr:       netip.AddrPortFrom(here, 6881),
		Downloaded: 1024,
		Left:       4096,
		Uploaded:   512,
		Event:      shoal.EventStarted,
		NumWant:    50,
	}
}

func TestParseHeader(t *testing.T) {
	tests := []struct {
		name string
		in   string
		want Header
		ok   bool
	}{
		{"connect", goldenConnect, Header{ProtocolID, ActionConnect, goldenTransaction}, true},
		{"announce", goldenAnnounce, Header{goldenConnectionID, ActionAnnounce, goldenTransaction}, true},
		{"scrape", goldenScrape, Header{goldenConnectionID, ActionScrape, goldenTransaction}, true},
		{"one byte short", "00000417 27101980 00000000 0badca", Header{}, false},
		{"nothing", "", Header{}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, ok := ParseHeader(packet(t, test.in))
			if got != test.want || ok != test.ok {
				t.Errorf("got %+v, %v; want %+v, %v", got, ok, test.want, test.ok)
			}
		})
	}
}

// Every writer appends behind what is already there.
func TestGoldenPackets(t *testing.T) {
	req := goldenRequest()
	hashes := []shoal.InfoHash{goldenHash, allOnes}
	counts := []shoal.ScrapeCounts{{Complete: 1, Downloaded: 2, Incomplete: 3}, {Complete: 4, Downloaded: 5, Incomplete: 6}}
	tests := []struct {
		name string
		want string
		got  func(dst []byte) []byte
	}{
		{"connect", goldenConnect, func(dst []byte) []byte { return AppendConnect(dst, goldenTransaction) }},
		{"connect reply", goldenConnectReply, func(dst []byte) []byte {
			return AppendConnectReply(dst, goldenTransaction, goldenConnectionID)
		}},
		{"announce", goldenAnnounce, func(dst []byte) []byte {
			return AppendAnnounce(dst, goldenConnectionID, goldenTransaction, &req, goldenKey, "")
		}},
		{"announce with URL data", goldenAnnounce + "02 05 2f613f623d", func(dst []byte) []byte {
			return AppendAnnounce(dst, goldenConnectionID, goldenTransaction, &req, goldenKey, "/a?b=")
		}},
		{"scrape", goldenScrape, func(dst []byte) []byte {
			return AppendScrape(dst, goldenConnectionID, goldenTransaction, hashes)
		}},
		{"scrape reply", goldenScrapeReply, func(dst []byte) []byte {
			return AppendScrapeReply(dst, goldenTransaction, counts)
		}},
		{"error", goldenError, func(dst []byte) []byte { return AppendError(dst, goldenTransaction, "go away") }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := append([]byte("before"), packet(t, test.want)...)
			if diff := cmp.Diff(want, test.got([]byte("before"))); diff != "" {
				t.Errorf("packet differs (-want +got):\n%s", diff)
			}
		})
	}
}

// Sizes and numbers are those of BEP 15, not merely those of our own golden
// packets.
func TestConstants(t *testing.T) {
	if ProtocolID != 0x41727101980 || AnnounceSize != 98 || ConnectSize != 16 || ScrapeSize != 16 || AnnounceHeader != 20 || MaxScrape != 74 {
		t.Error("a constant differs from BEP 15")
	}
	for name, sizes := range map[string][2]int{
		"connect":         {len(packet(t, goldenConnect)), ConnectSize},
		"connect reply":   {len(packet(t, goldenConnectReply)), ConnectSize},
		"announce":        {len(packet(t, goldenAnnounce)), AnnounceSize},
		"scrape":          {len(packet(t, goldenScrape)), ScrapeSize + 2*HashSize},
		"announce reply4": {len(packet(t, goldenAnnounceReply4)), AnnounceHeader + 2*shoal.CompactSize4},
		"announce reply6": {len(packet(t, goldenAnnounceReply6)), AnnounceHeader + shoal.CompactSize6},
		"scrape reply":    {len(packet(t, goldenScrapeReply)), ReplyHeader + 2*CountsSize},
	} {
		if sizes[0] != sizes[1] {
			t.Errorf("%s has %d bytes, the constants say %d", name, sizes[0], sizes[1])
		}
	}
}

// Whatever else is wrong with a reply, each parser must tell these.
func TestReplyHeader(t *testing.T) {
	parsers := map[string]func(p []byte) error{
		"connect":  func(p []byte) error { _, err := ParseConnectReply(p, goldenTransaction); return err },
		"announce": func(p []byte) error { _, err := ParseAnnounceReply(p, goldenTransaction, false); return err },
		"scrape":   func(p []byte) error { _, err := ParseScrapeReply(p, goldenTransaction, nil); return err },
	}
	tests := []struct {
		name string
		in   string
		want error
	}{
		{"nothing", "", ErrReplyShort},
		{"seven bytes", "00000001 0badca", ErrReplyShort},
		{"other transaction", "00000001 0badcaff 00000000 00000000 00000000 00000000", ErrReplyTransaction},
		{"error of another transaction", "00000003 0badcaff 676f2061776179", ErrReplyTransaction},
		{"unknown action", "00000004 0badcafe 00000000 00000000 00000000 00000000", ErrReplyAction},
	}
	for name, parse := range parsers {
		for _, test := range tests {
			if err := parse(packet(t, test.in)); !errors.Is(err, test.want) {
				t.Errorf("%s: %s: got %v, want %v", name, test.name, err, test.want)
			}
		}
		var remote *RemoteError
		if err := parse(packet(t, goldenError)); !errors.As(err, &remote) || remote.Text != "go away" {
			t.Errorf("%s: error packet: got %v", name, err)
		}
	}
	if _, err := ParseScrapeReply(packet(t, goldenConnectReply), goldenTransaction, nil); !errors.Is(err, ErrReplyAction) {
		t.Errorf("connect reply to a scrape: got %v", err)
	}
}

package httptracker

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal"
)

const (
	testHash    = "%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A"
	testPeerID  = "-SH0001-abcdefghijkl"
	testMinimal = "info_hash=" + testHash + "&peer_id=" + testPeerID + "&port=6881"
)

var testInfoHash = shoal.InfoHash{
	0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf1, 0x23, 0x45,
	0x67, 0x89, 0xab, 0xcd, 0xef, 0x12, 0x34, 0x56, 0x78, 0x9a,
}

// unhex reads bytes written as spaced hexadecimal digits.
func unhex(t *testing.T, s string) string {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// testResponse is a full answer: two peers of each family, with their IDs.
func testResponse() *shoal.AnnounceResponse {
	return &shoal.AnnounceResponse{
		Interval: 1800, MinInterval: 300, Complete: 5, Incomplete: 3,
		Peers4: []byte("\xc0\x00\x02\x01\x1a\xe1\xc6\x33\x64\x07\xff\xff"),
		Peers6: []byte(" \x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x1a\xe1" +
			" \x01\x0d\xb8\x00\x01\x00\x02\x00\x03\x00\x04\x00\x05\x00\x06\x00\x01"),
		IDs4: []shoal.PeerID{shoal.PeerID([]byte("-SH0001-aaaaaaaaaaaa")), shoal.PeerID([]byte("-SH0001-bbbbbbbbbbbb"))},
		IDs6: []shoal.PeerID{shoal.PeerID([]byte("-SH0001-cccccccccccc")), shoal.PeerID([]byte("-SH0001-dddddddddddd"))},
	}
}

// testPeers is the peers of testResponse.
var testPeers = []netip.AddrPort{
	netip.MustParseAddrPort("192.0.2.1:6881"),
	netip.MustParseAddrPort("198.51.100.7:65535"),
	netip.MustParseAddrPort("[2001:db8::1]:6881"),
	netip.MustParseAddrPort("[2001:db8:1:2:3:4:5:6]:1"),
}

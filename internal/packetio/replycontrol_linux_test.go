//go:build amd64 || arm64

package packetio

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

// The messages are written for 64 bits, little-endian.
func TestReplyControl(t *testing.T) {
	tests := []struct {
		name, received, sent string
	}{
		{"IPv4, the interface is forgotten",
			"1c00000000000000 00000000 08000000  02000000 7f000002 7f000002 00000000",
			"1c00000000000000 00000000 08000000  00000000 7f000002 7f000002 00000000"},
		{"IPv6, the interface is forgotten",
			"2400000000000000 29000000 32000000  20010db8000000000000000000000001 02000000 00000000",
			"2400000000000000 29000000 32000000  20010db8000000000000000000000001 00000000 00000000"},
		{"IPv6 link-local, the interface is kept",
			"2400000000000000 29000000 32000000  fe800000000000000000000000000001 02000000 00000000",
			"2400000000000000 29000000 32000000  fe800000000000000000000000000001 02000000 00000000"},
		{"IPv6 end of link-local, the interface is kept",
			"2400000000000000 29000000 32000000  febf0000000000000000000000000001 02000000 00000000",
			"2400000000000000 29000000 32000000  febf0000000000000000000000000001 02000000 00000000"},
		{"IPv6 multicast, the kernel picks",
			"2400000000000000 29000000 32000000  ff020000000000000000000000000001 02000000 00000000", ""},
		{"none", "", ""},
		{"cut header", "1c00000000000000 00000000", ""},
		{"length beyond the message", "4000000000000000 00000000 08000000  02000000 7f000002 7f000002 00000000", ""},
		{"length below the header", "0800000000000000 00000000 08000000  02000000 7f000002 7f000002 00000000", ""},
		{"IPv4, cut address", "1800000000000000 00000000 08000000  02000000 7f000002", ""},
		{"IPv6, cut address", "1800000000000000 29000000 32000000  20010db800000000", ""},
		{"another message", "1400000000000000 00000000 02000000  40000000 00000000", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			control := hexBytes(test.received)
			for range 2 { // in place, and the same the second time
				if got, want := replyControl(control), hexBytes(test.sent); !bytes.Equal(got, want) {
					t.Errorf("got  %x\nwant %x", got, want)
				}
			}
		})
	}
}

func hexBytes(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

package streamio

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// signature2 is the start of every header of version 2.
const signature2 = "0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a "

func unspaced(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type proxyCase struct {
	name string
	in   string // text, or spaced hex if it begins as the signature does
	n    int    // -1: all
	from string // "": nobody
	err  error
}

var proxyHeaders = []proxyCase{
	// Version 1.
	{"v1 IPv4", "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n", -1, "192.0.2.1:56324", nil},
	{"v1 IPv6", "PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n", -1, "[2001:db8::1]:56324", nil},
	{"v1 IPv4-mapped", "PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 1 2\r\n", -1, "192.0.2.1:1", nil},
	{"v1 the longest", "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n", -1,
		"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", nil},
	{"v1 port 0", "PROXY TCP4 192.0.2.1 198.51.100.2 0 0\r\n", -1, "192.0.2.1:0", nil},
	{"v1 unknown", "PROXY UNKNOWN\r\n", -1, "", nil},
	{"v1 unknown with addresses", "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", -1, "", nil},
	{"v1 and a request", "PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\nGET / HTTP/1.1\r\n", 39, "192.0.2.1:1", nil},
	{"v1 one byte", "P", 0, "", nil},
	{"v1 no end yet", "PROXY TCP4 192.0.2.1 198.51.100.2 1 2", 0, "", nil},
	{"v1 half an end", "PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r", 0, "", nil},
	{"v1 too long", "PROXY UNKNOWN " + strings.Repeat("x", 92) + "\r\n", 0, "", errProxyLongLine},
	{"v1 the longest of all", "PROXY UNKNOWN " + strings.Repeat("x", 91) + "\r\n", -1, "", nil},
	{"v1 no family", "PROXY \r\n", 0, "", errProxyHeader},
	{"v1 another family", "PROXY TCP5 192.0.2.1 198.51.100.2 1 2\r\n", 0, "", errProxyHeader},
	{"v1 wrong family 4", "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n", 0, "", errProxyHeader},
	{"v1 wrong family 6", "PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n", 0, "", errProxyHeader},
	{"v1 zone", "PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n", 0, "", errProxyHeader},
	{"v1 leading zero in an address", "PROXY TCP4 192.0.2.01 198.51.100.2 1 2\r\n", 0, "", errProxyHeader},
	{"v1 bad destination", "PROXY TCP4 192.0.2.1 198.51.100 1 2\r\n", 0, "", errProxyHeader},
	{"v1 leading zero in a port", "PROXY TCP4 192.0.2.1 198.51.100.2 01 2\r\n", 0, "", errProxyHeader},
	{"v1 large port", "PROXY TCP4 192.0.2.1 198.51.100.2 65536 2\r\n", 0, "", errProxyHeader},
	{"v1 signed port", "PROXY TCP4 192.0.2.1 198.51.100.2 +1 2\r\n", 0, "", errProxyHeader},
	{"v1 no port", "PROXY TCP4 192.0.2.1 198.51.100.2  2\r\n", 0, "", errProxyHeader},
	{"v1 large second port", "PROXY TCP4 192.0.2.1 198.51.100.2 1 99999\r\n", 0, "", errProxyHeader},
	{"v1 too few fields", "PROXY TCP4 192.0.2.1 198.51.100.2 1\r\n", 0, "", errProxyHeader},
	{"v1 too many fields", "PROXY TCP4 192.0.2.1 198.51.100.2 1 2 3\r\n", 0, "", errProxyHeader},

	// Version 2.
	{"v2 IPv4", signature2 + "21 11 00 0c  c0 00 02 01  c6 33 64 02  dc 04  01 bb", -1, "192.0.2.1:56324", nil},
	{"v2 IPv6", signature2 + "21 21 00 24  20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01  20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 02  dc 04  01 bb", -1,
		"[2001:db8::1]:56324", nil},
	{"v2 IPv4-mapped", signature2 + "21 21 00 24  00 00 00 00 00 00 00 00 00 00 ff ff c0 00 02 01  20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 02  00 01  00 02", -1,
		"192.0.2.1:1", nil},
	{"v2 with TLVs", signature2 + "21 11 00 13  c0 00 02 01  c6 33 64 02  dc 04  01 bb  03 00 04 a9 b8 7e 8f", -1, "192.0.2.1:56324", nil},
	{"v2 and a request", signature2 + "21 11 00 0c  c0 00 02 01  c6 33 64 02  dc 04  01 bb  47 45 54", 28, "192.0.2.1:56324", nil},
	{"v2 local", signature2 + "20 00 00 00", -1, "", nil},
	{"v2 local with addresses", signature2 + "20 11 00 0c  c0 00 02 01  c6 33 64 02  dc 04  01 bb", -1, "", nil},
	{"v2 no family", signature2 + "21 00 00 00", -1, "", nil},
	{"v2 a datagram", signature2 + "21 12 00 0c  c0 00 02 01  c6 33 64 02  dc 04  01 bb", -1, "", nil},
	{"v2 Unix sockets", signature2 + "21 31 00 02 00 00", -1, "", nil},
	{"v2 beginning", "0d 0a 0d 0a 00 0d 0a 51", 0, "", nil},
	{"v2 no length yet", signature2 + "21 11 00", 0, "", nil},
	{"v2 no address yet", signature2 + "21 11 00 0c  c0 00 02 01  c6 33 64 02  dc 04  01", 0, "", nil},
	{"v2 no TLV yet", signature2 + "21 11 00 0d  c0 00 02 01  c6 33 64 02  dc 04  01 bb", 0, "", nil},
	{"v2 the longest", signature2 + "20 00 0f f0" + strings.Repeat("00", 4080), -1, "", nil},
	{"v2 too long", signature2 + "20 00 0f f1", 0, "", errProxyLong},
	{"v2 too short for IPv4", signature2 + "21 11 00 0b", 0, "", errProxyAddresses},
	{"v2 too short for IPv6", signature2 + "21 21 00 23", 0, "", errProxyAddresses},
	{"v2 version 1", signature2 + "11", 0, "", errProxyVersion},
	{"v2 command 2", signature2 + "22 11 00 0c", 0, "", errProxyVersion},

	// Neither.
	{"nothing", "", 0, "", nil},
	{"a request", "GET / HTTP/1.1\r\n", 0, "", errNoProxyHeader},
	{"a request that begins alike", "POST / HTTP/1.1\r\n", 0, "", errNoProxyHeader},
	{"lower case", "proxy TCP4 192.0.2.1 198.51.100.2 1 2\r\n", 0, "", errNoProxyHeader},
	{"a tab", "PROXY\tTCP4", 0, "", errNoProxyHeader},
	{"two empty lines", "0d 0a 0d 0a 47", 0, "", errNoProxyHeader},
	{"TLS", "\x16\x03\x01", 0, "", errNoProxyHeader},
}

func (h *proxyCase) bytes(t testing.TB) []byte {
	if strings.HasPrefix(h.in, "0d 0a") {
		return unspaced(t, h.in)
	}
	return []byte(h.in)
}

func TestProxyHeaders(t *testing.T) {
	for _, test := range proxyHeaders {
		in := test.bytes(t)
		n, from, err := readProxyHeader(in)
		want := test.n
		if want < 0 {
			want = len(in)
		}
		got := ""
		if from.IsValid() {
			got = from.String()
		}
		if n != want || got != test.from || err != test.err {
			t.Errorf("%s: %d, %q, %v; want %d, %q, %v", test.name, n, got, err, want, test.from, test.err)
		}
		if n == 0 || err != nil {
			continue
		}
		// Whatever is cut off, more is needed and nothing else.
		for short := range n {
			if n, from, err := readProxyHeader(in[:short]); n != 0 || from.IsValid() || err != nil {
				t.Errorf("%s, the first %d bytes: %d, %v, %v", test.name, short, n, from, err)
			}
		}
	}
}

// plainProxyHeader is a second decoder, by other means. It knows no order in
// which things are noticed: ok with n 0 is "more is needed".
func plainProxyHeader(in []byte) (n int, from netip.AddrPort, ok, none bool) {
	s := string(in)
	const one, two = "PROXY ", "\r\n\r\n\x00\r\nQUIT\n"
	switch {
	case strings.HasPrefix(one, s), strings.HasPrefix(two, s):
		return 0, from, true, false
	case strings.HasPrefix(s, one):
		if len(s) > 107 {
			s = s[:107]
		}
		line, _, found := strings.Cut(s, "\r\n")
		if !found {
			return 0, from, len(s) < 107, false
		}
		n := len(line) + 2
		if line == "PROXY UNKNOWN" || strings.HasPrefix(line, "PROXY UNKNOWN ") {
			return n, from, true, false
		}
		m := plainLine.FindStringSubmatch(line)
		if m == nil {
			return 0, from, false, false
		}
		source, err1 := netip.ParseAddr(m[2])
		target, err2 := netip.ParseAddr(m[3])
		port, err3 := strconv.ParseUint(m[4], 10, 16)
		_, err4 := strconv.ParseUint(m[5], 10, 16)
		is4 := m[1] == "4"
		if errors.Join(err1, err2, err3, err4) != nil || source.Is4() != is4 || target.Is4() != is4 || strings.Contains(line, "%") {
			return 0, from, false, false
		}
		return n, netip.AddrPortFrom(source.Unmap(), uint16(port)), true, false
	case strings.HasPrefix(s, two):
		head, rest := s[12:], ""
		if len(head) >= 1 && head[0] != 0x20 && head[0] != 0x21 {
			return 0, from, false, false
		}
		if len(head) < 4 {
			return 0, from, true, false
		}
		length := int(head[2])*256 + int(head[3])
		rest = head[4:]
		need := map[string]int{"\x21\x11": 12, "\x21\x21": 36}[head[:2]]
		if length > 4096-16 || length < need {
			return 0, from, false, false
		}
		if len(rest) < length {
			return 0, from, true, false
		}
		if need > 0 {
			half := (need - 4) / 2
			a, _ := netip.AddrFromSlice([]byte(rest[:half]))
			from = netip.AddrPortFrom(a.Unmap(), uint16(rest[2*half])<<8|uint16(rest[2*half+1]))
		}
		return 16 + length, from, true, false
	}
	return 0, from, false, true
}

var plainLine = regexp.MustCompile(`^PROXY TCP([46]) ([^ ]+) ([^ ]+) (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4})$`)

func FuzzProxyHeader(f *testing.F) {
	for _, test := range proxyHeaders {
		f.Add(test.bytes(f))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		n, from, err := readProxyHeader(in)
		wantN, wantFrom, ok, none := plainProxyHeader(in)
		if n != wantN || from != wantFrom || (err == nil) != ok || errors.Is(err, errNoProxyHeader) != none {
			t.Fatalf("%q: %d, %v, %v; want %d, %v, ok %v, none %v", in, n, from, err, wantN, wantFrom, ok, none)
		}
		if n > len(in) || n > maxProxyHeader {
			t.Fatalf("%q: a header of %d bytes", in, n)
		}
		// What follows a header changes nothing, and neither does it come in
		// pieces.
		if n > 0 {
			if m, again, err := readProxyHeader(append(in[:n:n], fmt.Sprint(n)...)); m != n || again != from || err != nil {
				t.Fatalf("%q: another header with more behind it: %d, %v, %v", in, m, again, err)
			}
		}
	})
}

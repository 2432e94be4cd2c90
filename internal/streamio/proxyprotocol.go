package streamio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
)

// The PROXY protocol, versions 1 and 2: a line, or a binary header, in which a
// proxy says whom it speaks for. The text is HAProxy's proxy-protocol.txt.
const (
	proxySignature1 = "PROXY "
	proxySignature2 = "\r\n\r\n\x00\r\nQUIT\n"

	maxProxyLine   = 107     // bytes of version 1, CRLF and all
	maxProxyHeader = 4 << 10 // bytes of version 2; the address takes 52, the rest is TLVs

	proxyHead2 = 16   // signature, version and command, family, length
	proxyLocal = 0x20 // version 2 and the command of a connection of the proxy's own
)

var (
	errNoProxyHeader  = errors.New("no PROXY header")
	errProxyHeader    = errors.New("malformed PROXY header")
	errProxyLongLine  = errors.New("a PROXY line of more than 107 bytes")
	errProxyLong      = errors.New("a PROXY header of more than 4 KiB")
	errProxyVersion   = errors.New("a PROXY header of an unknown version or command")
	errProxyAddresses = errors.New("a PROXY header with too few bytes for its addresses")
)

// readProxyHeader reads the PROXY header at the start of in. n is its length, 0
// with no error if more is needed to say. from is the address it names, invalid
// if it names none: a proxy speaks for itself then, or for somebody who has no
// IP address. Without any sign of a header the error is errNoProxyHeader.
func readProxyHeader(in []byte) (n int, from netip.AddrPort, err error) {
	switch {
	case begins(in, proxySignature1):
		return readProxyLine(in)
	case begins(in, proxySignature2):
		return readProxyBinary(in)
	}
	return 0, from, errNoProxyHeader
}

// IsHost reports whether a may be the address of one host, as that of each
// client is. What a proxy names otherwise is no client.
func IsHost(a netip.Addr) bool {
	return a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && a != broadcast
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// begins reports whether in begins with signature, as far as it goes.
func begins(in []byte, signature string) bool {
	n := min(len(in), len(signature))
	return string(in[:n]) == signature[:n]
}

// readProxyLine reads version 1: PROXY TCP4 SOURCE DESTINATION PORT PORT CRLF.
func readProxyLine(in []byte) (n int, from netip.AddrPort, err error) {
	within := in[:min(len(in), maxProxyLine)]
	end := bytes.Index(within, []byte("\r\n"))
	switch {
	case end < 0 && len(within) == maxProxyLine:
		return 0, from, errProxyLongLine
	case end < 0:
		return 0, from, nil
	case end < len(proxySignature1):
		return 0, from, errProxyHeader
	}
	n = end + len("\r\n")
	var fields [5][]byte
	rest, more := within[len(proxySignature1):end], true
	for i := range fields {
		if !more {
			return 0, from, errProxyHeader
		}
		fields[i], rest, more = bytes.Cut(rest, []byte(" "))
		if i == 0 && string(fields[0]) == "UNKNOWN" {
			return n, from, nil // whatever follows
		}
	}
	if more {
		return 0, from, errProxyHeader
	}
	source, ok1 := proxyAddr(fields[0], fields[1])
	_, ok2 := proxyAddr(fields[0], fields[2])
	port, ok3 := proxyPort(fields[3])
	_, ok4 := proxyPort(fields[4])
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return 0, from, errProxyHeader
	}
	return n, netip.AddrPortFrom(source, port), nil
}

func proxyAddr(family, text []byte) (netip.Addr, bool) {
	a, err := netip.ParseAddr(string(text))
	if err != nil || a.Zone() != "" {
		return a, false
	}
	switch string(family) {
	case "TCP4":
		return a, a.Is4()
	case "TCP6":
		return a.Unmap(), a.Is6()
	}
	return a, false
}

// proxyPort reads a decimal number without leading zeros.
func proxyPort(text []byte) (uint16, bool) {
	if len(text) == 0 || len(text) > 5 || len(text) > 1 && text[0] == '0' {
		return 0, false
	}
	port := 0
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		port = 10*port + int(c-'0')
	}
	return uint16(port), port <= 0xffff
}

// readProxyBinary reads version 2. What follows the addresses, the TLVs, is
// skipped.
func readProxyBinary(in []byte) (n int, from netip.AddrPort, err error) {
	const proxy = 0x21 // version 2 and the command
	if len(in) > 12 && in[12] != proxyLocal && in[12] != proxy {
		return 0, from, errProxyVersion
	}
	if len(in) < proxyHead2 {
		return 0, from, nil
	}
	n = proxyHead2 + int(binary.BigEndian.Uint16(in[14:]))
	if n > maxProxyHeader {
		return 0, from, errProxyLong
	}
	addresses := 0
	if in[12] == proxy {
		switch in[13] {
		case 0x11: // TCP over IPv4
			addresses = 4 + 4 + 2 + 2
		case 0x21: // TCP over IPv6
			addresses = 16 + 16 + 2 + 2
		}
	}
	switch {
	case n < proxyHead2+addresses:
		return 0, from, errProxyAddresses
	case len(in) < n:
		return 0, from, nil
	}
	b := in[proxyHead2:n]
	switch addresses {
	case 12:
		from = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b)), binary.BigEndian.Uint16(b[8:]))
	case 36:
		from = netip.AddrPortFrom(netip.AddrFrom16([16]byte(b)).Unmap(), binary.BigEndian.Uint16(b[32:]))
	}
	return n, from, nil
}

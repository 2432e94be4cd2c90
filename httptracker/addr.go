package httptracker

import (
	"bytes"
	"net/netip"
)

// maxAddr is the most bytes that are looked at for an address: more than any
// has, with its brackets and port.
const maxAddr = 64

// ParseAddr reads an IP address as the parameters ip, ipv4 and ipv6 and the
// headers of proxies have it: alone, with a port behind it that is passed over,
// IPv6 with or without brackets. What stands for a port that RFC 7239 hides
// (1.2.3.4:_p) counts as one. A zone is not allowed, because it means something
// on one machine only, and an IPv4-mapped address comes back as IPv4.
//
// It reads what netip.ParseAddr does, but without a string, so that it costs no
// allocation.
func ParseAddr(text []byte) (addr netip.Addr, ok bool) {
	switch {
	case len(text) > 0 && text[0] == '[':
		end := bytes.IndexByte(text, ']')
		if end < 0 || !isPortOrNone(text[end+1:]) {
			return netip.Addr{}, false
		}
		return parse6(text[1:end])
	case bytes.Count(text, colon) > 1:
		return parse6(text)
	}
	if at := bytes.IndexByte(text, ':'); at >= 0 {
		if !isPortOrNone(text[at:]) {
			return netip.Addr{}, false
		}
		text = text[:at]
	}
	four, ok := parse4(text)
	if !ok {
		return netip.Addr{}, false
	}
	return netip.AddrFrom4(four), true
}

var colon = []byte{':'}

// isPortOrNone reports whether text is empty, or a colon and a port.
func isPortOrNone(text []byte) bool {
	if len(text) == 0 {
		return true
	}
	if len(text) == 1 || text[0] != ':' {
		return false
	}
	if text = text[1:]; text[0] == '_' {
		return len(text) > 1 && isHiddenName(text[1:])
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(text) <= len("65535")
}

// isHiddenName reports whether text has only the characters that RFC 7239 gives
// to names that stand for something hidden.
func isHiddenName(text []byte) bool {
	for _, c := range text {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// parse4 reads four numbers. One that begins with a zero is refused: some read
// it as octal, and two programs must not see two addresses.
func parse4(text []byte) (addr [4]byte, ok bool) {
	for i := range addr {
		n, value := 0, 0
		for n < len(text) && n < 3 && text[n] >= '0' && text[n] <= '9' {
			value = value*10 + int(text[n]-'0')
			n++
		}
		if n == 0 || value > 255 || n > 1 && text[0] == '0' {
			return addr, false
		}
		addr[i] = byte(value)
		if text = text[n:]; i < len(addr)-1 {
			if len(text) == 0 || text[0] != '.' {
				return addr, false
			}
			text = text[1:]
		}
	}
	return addr, len(text) == 0
}

// parse6 reads an address of RFC 4291, section 2.2: eight groups, the last two
// of which may be written as IPv4, and one run of zeroes as "::".
func parse6(text []byte) (netip.Addr, bool) {
	var addr [16]byte
	have, gap := 0, -1 // bytes of addr, and where among them "::" stands
	if bytes.HasPrefix(text, []byte("::")) {
		gap, text = 0, text[2:]
	}
	for len(text) > 0 {
		end := bytes.IndexByte(text, ':')
		last := end < 0
		if last {
			end = len(text)
		}
		n, ok := parseGroup(addr[have:], text[:end], last)
		if !ok {
			return netip.Addr{}, false
		}
		have += n
		if last {
			break
		}
		if text = text[end+1:]; len(text) == 0 {
			return netip.Addr{}, false // one colon at the end
		}
		if text[0] == ':' {
			if gap >= 0 {
				return netip.Addr{}, false
			}
			gap, text = have, text[1:]
		}
	}
	// "::" stands for one group at least.
	if (gap < 0) != (have == len(addr)) {
		return netip.Addr{}, false
	}
	if gap >= 0 {
		behind := len(addr) - (have - gap)
		copy(addr[behind:], addr[gap:have])
		clear(addr[gap:behind])
	}
	return netip.AddrFrom16(addr).Unmap(), true
}

// parseGroup writes the group to the beginning of dst and returns its length
// there: two bytes, or four of the last one if that is an IPv4 address.
func parseGroup(dst, group []byte, last bool) (n int, ok bool) {
	if last && bytes.IndexByte(group, '.') >= 0 {
		four, ok := parse4(group)
		return copy(dst, four[:]), ok && len(dst) >= len(four)
	}
	if len(group) == 0 || len(group) > 4 || len(dst) < 2 {
		return 0, false
	}
	value := 0
	for _, c := range group {
		digit := hexDigits[c]
		if digit > 15 {
			return 0, false
		}
		value = value<<4 | int(digit)
	}
	dst[0], dst[1] = byte(value>>8), byte(value)
	return 2, true
}

package httpserver

import (
	"bytes"
	"net/netip"
)

// lastForwarded reads one line of Forwarded (RFC 7239). It is read from its
// beginning, because only so is it known what stands in quotes, and a line that
// is malformed anywhere is unusable as a whole: a client that opens a quote
// would otherwise have its own part of the line taken for the last.
func (p *proxies) lastForwarded(line []byte) (last netip.Addr, says verdict) {
	var room [64]byte
	hop := forwardedHop{}
	for rest := pairs(line); ; {
		name, value, separator, ok := rest.next()
		if !ok || !hop.add(name, value) {
			return netip.Addr{}, unusable
		}
		if separator == ';' {
			continue
		}
		if hop.begun {
			if addr, verdict := p.judge(unquote(room[:0], hop.client)); verdict != nobody {
				last, says = addr, verdict
			}
		}
		if separator == 0 {
			return last, says
		}
		hop = forwardedHop{}
	}
}

// forwardedHop is what one proxy says.
type forwardedHop struct {
	begun  bool   // it says something
	named  bool   // it names its client
	client []byte // that name, with backslashes; often "unknown" or a hidden name
}

// add takes one parameter, and reports false if it may not stand here.
func (h *forwardedHop) add(name, value []byte) bool {
	if len(name) == 0 {
		return true
	}
	h.begun = true
	if !is(name, "for") {
		return true
	}
	if h.named {
		return false // which of the two would another reader take?
	}
	h.named, h.client = true, value
	return true
}

// unquote returns value without the backslashes of a quoted string, in the
// memory of dst if it has any. What has no room there is too long to be an
// address, and nothing is returned for it.
func unquote(dst, value []byte) []byte {
	if bytes.IndexByte(value, '\\') < 0 {
		return value
	}
	for i := 0; i < len(value); i++ {
		if value[i] == '\\' && i+1 < len(value) {
			i++
		}
		if len(dst) == cap(dst) {
			return dst[:0]
		}
		dst = append(dst, value[i])
	}
	return dst
}

// pairs is what is still to be read of a line of name=value parameters.
type pairs []byte

// next reads one parameter, or none between two separators, and the separator
// behind it, 0 at the end of the line. A value in quotes is returned without
// them and with its backslashes. One without may have characters that should
// have been quoted, as the colons and brackets of an address.
func (p *pairs) next() (name, value []byte, separator byte, ok bool) {
	rest := trim(*p)
	n := 0
	for n < len(rest) && inToken[rest[n]] {
		n++
	}
	if name, rest = rest[:n], rest[n:]; n > 0 {
		if len(rest) == 0 || rest[0] != '=' {
			return nil, nil, 0, false
		}
		if value, rest, ok = cutValue(rest[1:]); !ok {
			return nil, nil, 0, false
		}
		rest = trim(rest)
	}
	if len(rest) == 0 {
		*p = nil
		return name, value, 0, true
	}
	*p = pairs(rest[1:])
	return name, value, rest[0], rest[0] == ';' || rest[0] == ','
}

// cutValue cuts off the value that in begins with.
func cutValue(in []byte) (value, rest []byte, ok bool) {
	if len(in) == 0 || in[0] != '"' {
		n := bytes.IndexAny(in, ";, \t\"\\")
		if n < 0 {
			n = len(in)
		}
		return in[:n], in[n:], n > 0
	}
	for n := 1; n < len(in); n++ {
		switch in[n] {
		case '\\':
			n++
		case '"':
			return in[1:n], in[n+1:], true
		}
	}
	return nil, nil, false
}

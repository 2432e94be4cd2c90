package httpserver

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/httptracker"
	"github.com/shoal-tracker/shoal/internal/streamio"
)

// plain is what a request without TLS gets.
type plain uint8

const (
	servePlain plain = iota
	redirectPlain
	refusePlain
)

func plainOf(name string) plain {
	switch name {
	case "redirect":
		return redirectPlain
	case "refuse":
		return refusePlain
	}
	return servePlain
}

// forbids reports whether a request may not be served because it came without
// TLS. A trusted proxy has its own agreement with the client: TLS may end there,
// and sending its client back to https would send it round in a circle.
func (p plain) forbids(conn *streamio.Conn) bool {
	return p != servePlain && !conn.Secure() && !conn.Trusted()
}

// insecure appends the answer to a request that should have come by TLS, or
// returns why it is refused.
func (s *Server) insecure(r *request, out []byte) ([]byte, shoal.Failure) {
	if s.plain == refusePlain {
		return out, shoal.TLSRequired
	}
	name, port, ok := r.host()
	if !ok {
		return out, shoal.TLSRequired
	}
	const status = "HTTP/1.1 308 Permanent Redirect\r\nLocation: https://"
	out = append(append(out, status...), name...)
	// One port speaks both, whichever it is. The ports that a URL leaves out
	// are those of http and https, and 80 is as good as left out.
	if port != 0 && port != 80 {
		out = strconv.AppendUint(append(out, ':'), uint64(port), 10)
	}
	if len(r.target) == 0 || r.target[0] != '/' {
		out = append(out, '/')
	}
	out = appendTarget(out, r.target)
	var room [256]byte
	body := httptracker.AppendFailure(room[:0], shoal.TLSRequired)
	out = append(out, "\r\n"+fieldType+fieldLength...)
	out = r.endHead(strconv.AppendUint(out, uint64(len(body)), 10))
	if r.method != head {
		out = append(out, body...)
	}
	return out, shoal.OK
}

// appendTarget appends a target with every byte escaped that may not stand in a
// URL: the bytes of an info hash that a client did not escape mean the same
// afterwards, and none ends the line.
func appendTarget(out, target []byte) []byte {
	const digits = "0123456789ABCDEF"
	for _, c := range target {
		if inTarget[c] {
			out = append(out, c)
		} else {
			out = append(out, '%', digits[c>>4], digits[c&15])
		}
	}
	return out
}

// inTarget holds the characters of paths and queries (RFC 3986), and '%'.
var inTarget = func() (set [256]bool) {
	for _, c := range []byte("-._~!$&'()*+,;=:@/?%" +
		"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		set[c] = true
	}
	return set
}()

// host returns the host that the request is for: a name or an address, IPv6 in
// brackets, and the port, 0 if none is said. It is not ok if the host is not
// known for certain, or is none that could stand in a URL.
func (r *request) host() (name []byte, port uint16, ok bool) {
	host := r.authority // goes before the header (RFC 9112)
	if host == nil {
		if host, ok = r.field("host"); !ok {
			return nil, 0, false
		}
	}
	name = host
	if at := bytes.LastIndexByte(host, ':'); at > bytes.LastIndexByte(host, ']') {
		name = host[:at]
		if digits := host[at+1:]; len(digits) > 0 {
			n, err := strconv.ParseUint(string(digits), 10, 16)
			if err != nil || n == 0 {
				return nil, 0, false
			}
			port = uint16(n)
		}
	}
	if len(name) > 0 && name[0] == '[' {
		_, ok := httptracker.ParseAddr(name)
		return name, port, ok && name[len(name)-1] == ']'
	}
	return name, port, isHostName(name)
}

// field returns the value of a header that stands once.
func (r *request) field(name string) (value []byte, ok bool) { return field(r.fields, name) }

// field is request.field of header lines alone.
func field(fields []byte, name string) (value []byte, ok bool) {
	for rest := fields; len(rest) > 0; {
		var line []byte
		line, rest = cutLine(rest)
		if n := bytes.IndexByte(line, ':'); n > 0 && is(line[:n], name) {
			if ok {
				return nil, false
			}
			value, ok = trim(line[n+1:]), true
		}
	}
	return value, ok
}

// isHostName reports whether b has only what names and IPv4 addresses have, and
// no empty label but that of the root, at the end.
func isHostName(b []byte) bool {
	for i, c := range b {
		switch {
		case c == '.' && (i == 0 || b[i-1] == '.'):
			return false
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '.', c == '-', c == '_':
		default:
			return false
		}
	}
	return len(b) > 0 && len(b) <= 253
}

// challengePath is where an ACME authority asks for proof that a name leads
// here (RFC 8555, section 8.3): over plain HTTP, on port 80.
const challengePath = "/.well-known/acme-challenge/"

// answerChallenge appends the answer to such a question, if there is one.
func (s *Server) answerChallenge(r *request, out []byte) (reply []byte, ok bool) {
	if s.challenge == nil {
		return out, false
	}
	name, _, ok := r.host()
	if !ok {
		return out, false
	}
	path, _, _ := strings.Cut(string(r.target), "?")
	body, ok := s.challenge(string(name), path)
	if !ok {
		return out, false
	}
	start := len(out) + headroom
	buf := append(out, make([]byte, headroom)...)
	return r.finish(append(buf, body...), len(out), start, statusOK), true
}

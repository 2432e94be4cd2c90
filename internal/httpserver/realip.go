package httpserver

import (
	"bytes"
	"net/netip"
	"strings"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/httptracker"
	"github.com/shoal-tracker/shoal/internal/streamio"
)

// settings are what may change while the server serves: replaced whole, so that
// a request never sees half of a change.
type settings struct {
	header  string // in lower case
	element func(p *proxies, value []byte) (netip.Addr, verdict)
	proxies
}

// proxies are those whose word is taken.
type proxies struct{ trusted *streamio.Proxies }

func newSettings(c Config) *settings {
	s := &settings{
		header:  strings.ToLower(c.Forwarded),
		element: (*proxies).lastOfList,
		proxies: proxies{streamio.NewProxies(c.TrustedProxies)},
	}
	if s.header == "forwarded" {
		s.element = (*proxies).lastForwarded
	}
	return s
}

// verdict is what a header, or a part of it, says about the client.
type verdict uint8

const (
	nobody   verdict = iota // only trusted proxies are named, or nothing is
	somebody                // an address is named that is no trusted proxy's
	unusable                // a trusted proxy names something that is no host's address
)

// client returns whose request r is. fromProxy says that it came from a trusted
// proxy which names nobody: addr is the proxy's own then.
func (s *Server) client(conn *streamio.Conn, r *request) (addr netip.Addr, fromProxy bool, f shoal.Failure) {
	addr = conn.Remote().Addr()
	if conn.Nameless() {
		// Nothing in the request is the proxy's, and ip= is no better.
		return addr, true, shoal.ForwardedMissing
	}
	if !conn.Trusted() {
		return addr, false, shoal.OK
	}
	settings := s.settings.Load()
	if !conn.TrustedBy(settings.trusted) {
		return addr, false, shoal.OK // not any more
	}
	switch named, verdict := settings.client(r.fields); verdict {
	case somebody:
		return named, false, shoal.OK
	case unusable:
		return addr, true, shoal.ForwardedInvalid
	}
	return addr, true, shoal.OK
}

// client returns the right-most address in the header that is not of a trusted
// proxy. Each hop appends the address it saw, so what stands right of it was
// written by the trusted, and what stands left of it by anyone. The lines of
// one name are one list in their order (RFC 9110), read here from its end: what
// was written by anyone is not even looked at.
func (s *settings) client(fields []byte) (netip.Addr, verdict) {
	for len(fields) > 0 {
		fields = fields[:len(fields)-1] // the LF that ends the line
		begin := bytes.LastIndexByte(fields, '\n') + 1
		line := fields[begin:]
		fields = fields[:begin]
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		n := bytes.IndexByte(line, ':')
		if n < 0 || !is(line[:n], s.header) {
			continue
		}
		if addr, verdict := s.element(&s.proxies, line[n+1:]); verdict != nobody {
			return addr, verdict
		}
	}
	return netip.Addr{}, nobody
}

// lastOfList reads one line of X-Forwarded-For, or of a header that has a
// single address and is then a list of one.
func (p *proxies) lastOfList(list []byte) (netip.Addr, verdict) {
	for len(list) > 0 {
		n := bytes.LastIndexByte(list, ',')
		element := trim(list[n+1:])
		list = list[:max(n, 0)]
		if len(element) == 0 {
			continue // RFC 9110 has empty elements passed over
		}
		if n := len(element); n > 1 && element[0] == '"' && element[n-1] == '"' {
			element = element[1 : n-1]
		}
		if addr, verdict := p.judge(element); verdict != nobody {
			return addr, verdict
		}
	}
	return netip.Addr{}, nobody
}

// judge says what the address of one hop is.
func (p *proxies) judge(text []byte) (netip.Addr, verdict) {
	addr, ok := httptracker.ParseAddr(text)
	switch {
	case !ok || !streamio.IsHost(addr):
		return netip.Addr{}, unusable
	case p.trusted.Contain(addr):
		return netip.Addr{}, nobody
	}
	return addr, somebody
}

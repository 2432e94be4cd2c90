package httpserver

import (
	"net/netip"
	"sync/atomic"
)

// loneAnnounces is how many announces from one private address, and from no
// other, are enough to suspect a proxy there.
const loneAnnounces = 100

// lone finds out whether all announces come from one private address. While
// they do it is only read, but for the count that each set of counts keeps; and
// the first from elsewhere ends it for good.
type lone struct {
	over  atomic.Bool
	first atomic.Pointer[netip.Addr]
}

// add notes the sender of an announce.
func (l *lone) add(sender netip.Addr, count *counts) {
	if l.over.Load() {
		return
	}
	first := l.first.Load()
	switch {
	case !isInside(sender):
		l.over.Store(true)
		return
	case first == nil:
		// Of two that are first at once, either may be.
		kept := sender
		l.first.CompareAndSwap(nil, &kept)
		first = l.first.Load()
	}
	if *first != sender {
		l.over.Store(true)
		return
	}
	count.lone.Add(1)
}

// isInside reports whether an address is of the kind that proxies have in front
// of the programs behind them: private, of this machine, or of the range that
// carriers and clouds share (RFC 6598).
func isInside(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || shared.Contains(a)
}

var shared = netip.MustParsePrefix("100.64.0.0/10")

// LonePrivate returns the private address that all announces came from so far,
// if there were 100 of them or more: most likely that of a proxy which is not
// in trusted_proxies, so that every peer is stored at the proxy's address.
func (s *Server) LonePrivate() (netip.Addr, bool) {
	first := s.lone.first.Load()
	if first == nil || s.lone.over.Load() {
		return netip.Addr{}, false
	}
	var sum uint64
	for i := range s.counts {
		sum += s.counts[i].lone.Load()
	}
	return *first, sum >= loneAnnounces
}
